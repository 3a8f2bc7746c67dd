// SPDX-License-Identifier: Apache-2.0
/*
 * A configuration's values as JSON, and as lines of "key = value".
 */
#include <config.h>

#include "controller/cli/config-print.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/report.h"
#include "controller/config/check.h"
#include "controller/config/utf8.h"

/* A string that harms no terminal: what could is written as \uXXXX. */
static void put_string(FILE *out, const char *text, size_t len)
{
	bool utf8 = cli_locale_is_utf8();
	size_t at = 0;

	fputc('"', out);
	while (at < len) {
		uint32_t code;
		size_t step = cfg_utf8_get(text + at, &code);

		if (code == '"' || code == '\\')
			fprintf(out, "\\%c", (char)code);
		else if (code == '\n')
			fputs("\\n", out);
		else if (!cli_char_is_harmful(code) && (utf8 || code < 0x80))
			fwrite(text + at, 1, step, out);
		else if (code < 0x10000)
			fprintf(out, "\\u%04x", code);
		else
			fprintf(out, "\\u%04x\\u%04x",
				0xd800 + ((code - 0x10000) >> 10),
				0xdc00 + ((code - 0x10000) & 0x3ff));
		at += step;
	}
	fputc('"', out);
}

/* As few digits as give the same number again. */
static void put_real(FILE *out, double real)
{
	char text[40];

	for (int digits = 1; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	/* JSON has no word for these; where they may stand a string may. */
	if (isfinite(real))
		fputs(text, out);
	else
		put_string(out, text, strlen(text));
}

static void put_scalar(FILE *out, const struct cfg_node *node)
{
	switch (node->type) {
	case CFG_BOOL:
		fputs(node->boolean ? "true" : "false", out);
		return;
	case CFG_INTEGER:
		fprintf(out, "%lld", (long long)node->integer);
		return;
	case CFG_FLOAT:
		put_real(out, node->real);
		return;
	case CFG_STRING:
	case CFG_DATETIME:
		put_string(out, node->text, node->text_len);
		return;
	case CFG_NULL:
	case CFG_ARRAY:
	case CFG_OBJECT:
	case CFG_INVALID:
		break;
	}
	fputs("null", out);
}

static bool is_nest(const struct cfg_node *node)
{
	return node->type == CFG_ARRAY || node->type == CFG_OBJECT;
}

/* Are there objects in it?  Then it takes a line for each. */
static bool is_tall(const struct cfg_node *node)
{
	if (node->type == CFG_OBJECT)
		return node->count > 0;
	return node->type == CFG_ARRAY && node->first && is_nest(node->first);
}

static void new_line(FILE *out, int depth)
{
	fprintf(out, "\n%*s", 2 * depth, "");
}

/**
 * cli_config_put_value() - a value as JSON
 * @depth: how far in, for lines of their own; -1: on one line
 */
void cli_config_put_value(FILE *out, const struct cfg_node *node, int depth)
{
	bool tall = depth >= 0 && is_tall(node);
	bool object = node->type == CFG_OBJECT;
	bool more = false;

	if (!is_nest(node)) {
		put_scalar(out, node);
		return;
	}
	fputc(object ? '{' : '[', out);
	for (const struct cfg_node *at = node->first; at; at = at->next) {
		if (object && at->type == CFG_NULL)
			continue;
		if (more)
			fputs(tall ? "," : ", ", out);
		if (tall)
			new_line(out, depth + 1);
		more = true;
		if (object) {
			put_string(out, at->key, at->key_len);
			fputs(": ", out);
		}
		cli_config_put_value(out, at, tall ? depth + 1 : -1);
	}
	if (tall)
		new_line(out, depth);
	fputc(object ? '}' : ']', out);
}

static void put_origin(const struct cli_config_print *print,
		       const struct cfg_pos *pos)
{
	const struct cfg_problems *names = &print->cfg->problems;
	const char *name;
	const char *slash;

	if (pos->line == 0 || pos->file >= names->n_files) {
		fputs("default", print->out);
		return;
	}
	name = names->files[pos->file];
	slash = print->origin ? NULL : strrchr(name, '/');
	cli_put_text(print->out, slash ? slash + 1 : name);
	if (print->origin)
		fprintf(print->out, ":%u:%u", pos->line, pos->column);
	else
		fprintf(print->out, ":%u", pos->line);
}

static void put_line(const struct cli_config_print *print,
		     const struct cfg_step *step)
{
	char path[CFG_PATH_BYTES];

	cfg_step_text(step, path);
	cli_put_text(print->out, path);
	fputs(" = ", print->out);
	cli_config_put_value(print->out, step->node, -1);
	fputs("  # ", print->out);
	put_origin(print, &step->node->pos);
	fputc('\n', print->out);
}

/* "KEY": {"value": ..., "origin": ...}, on a line of its own */
static void put_member(struct cli_config_print *print,
		       const struct cfg_step *step)
{
	const struct cfg_problems *names = &print->cfg->problems;
	const struct cfg_pos *pos = &step->node->pos;
	char path[CFG_PATH_BYTES];

	cfg_step_text(step, path);
	fputs(print->more ? ",\n  " : "\n  ", print->out);
	print->more = true;
	put_string(print->out, path, strlen(path));
	fputs(": {\"value\": ", print->out);
	cli_config_put_value(print->out, step->node, -1);
	if (pos->line == 0 || pos->file >= names->n_files) {
		fputs(", \"origin\": \"default\"}", print->out);
		return;
	}
	fputs(", \"origin\": \"file\", \"file\": ", print->out);
	put_string(print->out, names->files[pos->file],
		   strlen(names->files[pos->file]));
	fprintf(print->out, ", \"line\": %u, \"column\": %u}", pos->line,
		pos->column);
}

/**
 * cli_config_put_leaves() - every value of a tree with its key and origin
 * @step: leads to the node that they are below
 */
void cli_config_put_leaves(struct cli_config_print *print,
			   const struct cfg_step *step)
{
	struct cfg_step below = { .up = step };

	if (step->node->type == CFG_NULL)
		return;
	if (!is_tall(step->node)) {
		if (print->json)
			put_member(print, step);
		else
			put_line(print, step);
		return;
	}
	for (below.node = step->node->first; below.node;
	     below.node = below.node->next, below.index++)
		cli_config_put_leaves(print, &below);
}
