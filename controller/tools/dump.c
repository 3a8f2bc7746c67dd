// SPDX-License-Identifier: Apache-2.0
/*
 * Results as text.  What is in them is mostly what is in files: jansson looks
 * at each character of a string several times, this at each byte once.
 */
#include <config.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/tool.h"

#define NUMBER_BYTES 64
#define FIRST_BYTES 1024
#define ESCAPE_BYTES 6

struct out {
	char *text; /* owned; NULL: there was no memory */
	size_t len, size;
};

/* Room for @more bytes and a NUL. */
static bool reserve(struct out *out, size_t more)
{
	size_t size = out->size;
	char *text;

	if (!out->text)
		return false;
	while (size - out->len <= more)
		size *= 2;
	if (size == out->size)
		return true;
	text = realloc(out->text, size);
	if (!text) {
		free(out->text);
		out->text = NULL;
		return false;
	}
	out->text = text;
	out->size = size;
	return true;
}

static void put(struct out *out, const char *bytes, size_t len)
{
	if (!reserve(out, len))
		return;
	memcpy(out->text + out->len, bytes, len);
	out->len += len;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

/* The character that follows a backslash; 0: it has no such name. */
static char name_of(char c)
{
	static const char named[] = "\"\\\b\f\n\r\t";
	static const char names[] = "\"\\bfnrt";
	const char *at = c ? strchr(named, c) : NULL;

	return at ? names[at - named] : '\0';
}

static void put_escape(struct out *out, char c)
{
	char text[ESCAPE_BYTES + 1] = { '\\', name_of(c) };

	if (!text[1])
		(void)snprintf(text, sizeof(text), "\\u%04x",
			       (unsigned int)(unsigned char)c);
	put(out, text, strlen(text));
}

static void put_string(struct out *out, const char *bytes, size_t len)
{
	put(out, "\"", 1);
	for (size_t at = 0; at < len;) {
		size_t run = at;

		while (run < len && is_plain((unsigned char)bytes[run]))
			run++;
		put(out, bytes + at, run - at);
		at = run;
		if (at < len)
			put_escape(out, bytes[at++]);
	}
	put(out, "\"", 1);
}

static void put_scalar(struct out *out, const json_t *value)
{
	char text[NUMBER_BYTES];
	size_t len = json_dumpb(value, text, sizeof(text),
				JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));

	if (len <= sizeof(text))
		put(out, text, len);
}

static void put_value(struct out *out, const json_t *value);

static void put_object(struct out *out, const json_t *object)
{
	const char *separator = "{";
	const char *key;
	json_t *value;

	if (json_object_size(object) == 0)
		put(out, "{", 1);
	json_object_foreach((json_t *)object, key, value) {
		put(out, separator, 1);
		put_string(out, key, strlen(key));
		put(out, ":", 1);
		put_value(out, value);
		separator = ",";
	}
	put(out, "}", 1);
}

static void put_array(struct out *out, const json_t *array)
{
	put(out, "[", 1);
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			put(out, ",", 1);
		put_value(out, json_array_get(array, i));
	}
	put(out, "]", 1);
}

static void put_value(struct out *out, const json_t *value)
{
	if (json_is_string(value))
		put_string(out, json_string_value(value),
			   json_string_length(value));
	else if (json_is_object(value))
		put_object(out, value);
	else if (json_is_array(value))
		put_array(out, value);
	else
		put_scalar(out, value);
}

/**
 * tool_dump() - a value that a tool has made, as compact JSON
 * @len: out, without the NUL that follows
 *
 * Return: owned, or NULL without memory.
 */
char *tool_dump(const json_t *value, size_t *len)
{
	struct out out = { .text = malloc(FIRST_BYTES), .size = FIRST_BYTES };

	put_value(&out, value);
	if (!reserve(&out, 0))
		return NULL;
	out.text[out.len] = '\0';
	*len = out.len;
	return out.text;
}
