// SPDX-License-Identifier: Apache-2.0
/*
 * Everything that creel prints beside a command's own output goes through
 * here, so that nothing reaches a terminal unescaped.
 */
#include <config.h>

#include "controller/cli/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/cleanup.h"

/**
 * cli_put_text() - print text from elsewhere
 */
void cli_put_text(FILE *out, const char *text)
{
	auto_free char *safe = cli_escape(text, cli_locale_is_utf8());

	fputs(safe ? safe : "?", out);
}

static void __attribute__((format(printf, 2, 0)))
say(const char *prefix, const char *fmt, va_list args)
{
	auto_free char *text = NULL;
	auto_free char *safe = NULL;

	if (vasprintf(&text, fmt, args) < 0) {
		text = NULL;
		return;
	}
	safe = cli_escape(text, cli_locale_is_utf8());
	fprintf(stderr, "%s%s\n", prefix, safe ? safe : "no memory");
}

/**
 * cli_error() - "creel: WHAT: WHY"
 */
void cli_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("creel: ", fmt, args);
	va_end(args);
}

/**
 * cli_hint() - the line after an error that says what to do about it
 */
void cli_hint(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("hint: ", fmt, args);
	va_end(args);
}

/**
 * cli_note() - a line that is no error
 */
void cli_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("creel: ", fmt, args);
	va_end(args);
}

/**
 * cli_stdout_flush() - find out whether all output could be written
 *
 * Return: 0; -1 with a message printed, but for a reader that went away.
 */
int cli_stdout_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	if (errno != EPIPE)
		cli_error("standard output: %s", strerrordesc_np(errno));
	return -1;
}

/**
 * cli_colour() - whether colour may be printed
 */
bool cli_colour(FILE *out)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return (!no_color || !*no_color) && term && strcmp(term, "dumb") &&
	       isatty(fileno(out));
}

static void json_string(FILE *out, const char *text)
{
	/* With UTF-8 allowed, what is not valid has become \xNN: see below. */
	auto_free char *safe = cli_escape(text, true);

	fputc('"', out);
	for (const char *at = safe ? safe : ""; *at; at++) {
		if (*at == '"' || *at == '\\')
			fputc('\\', out);
		fputc(*at, out);
	}
	fputc('"', out);
}

static void json_line(struct cli_json *json)
{
	fprintf(json->out, "\n%*s", json->indent * json->depth, "");
}

static void json_key(struct cli_json *json, const char *key)
{
	if (json->more)
		fputc(',', json->out);
	json->more = true;
	if (json->indent && json->depth)
		json_line(json);
	if (key) {
		json_string(json->out, key);
		fputs(json->indent ? ": " : ":", json->out);
	}
}

/**
 * cli_json_open() - begin an object or an array
 * @key:     NULL at the top and in arrays
 * @bracket: '{' or '['
 */
void cli_json_open(struct cli_json *json, const char *key, char bracket)
{
	json_key(json, key);
	fputc(bracket, json->out);
	json->more = false;
	json->depth++;
}

/**
 * cli_json_close() - end what cli_json_open() began
 */
void cli_json_close(struct cli_json *json, char bracket)
{
	json->depth--;
	if (json->indent && json->more)
		json_line(json);
	fputc(bracket, json->out);
	json->more = true;
}

/**
 * cli_json_text() - a string; bytes that are harmful or no UTF-8 are written
 * as the four characters \xNN, as everywhere else
 */
void cli_json_text(struct cli_json *json, const char *key, const char *value)
{
	json_key(json, key);
	json_string(json->out, value);
}

/**
 * cli_json_number() - a number
 */
void cli_json_number(struct cli_json *json, const char *key, uint64_t value)
{
	json_key(json, key);
	fprintf(json->out, "%llu", (unsigned long long)value);
}

/**
 * cli_json_real() - a number that need not be whole; null where it is none
 */
void cli_json_real(struct cli_json *json, const char *key, double value)
{
	char text[32];

	json_key(json, key);
	(void)snprintf(text, sizeof(text), "%.15g", value);
	if (strtod(text, NULL) != value)
		(void)snprintf(text, sizeof(text), "%.17g", value);
	fputs(value - value == 0 ? text : "null", json->out);
}

/**
 * cli_json_bool() - true or false
 */
void cli_json_bool(struct cli_json *json, const char *key, bool value)
{
	json_key(json, key);
	fputs(value ? "true" : "false", json->out);
}

/**
 * cli_json_null() - null: not known
 */
void cli_json_null(struct cli_json *json, const char *key)
{
	json_key(json, key);
	fputs("null", json->out);
}

/**
 * cli_json_end() - end the line
 */
void cli_json_end(struct cli_json *json)
{
	fputc('\n', json->out);
	json->more = false;
}
