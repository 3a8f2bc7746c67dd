// SPDX-License-Identifier: Apache-2.0
/*
 * What a configuration file says, as JSON: for the conformance suites.
 *
 *     config-decode json5|toml FILE
 *
 * TOML's in the tagged form of toml-test, JSON5's plain, with NaN and Infinity
 * as Python reads them.  Status 1 and FILE:LINE:COLUMN: TEXT: it is invalid.
 */
#include <config.h>

#include <err.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config/tree.h"

static char text[CFG_MAX_FILE_BYTES + 2];

static void print_text(const char *from, size_t len)
{
	putchar('"');
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)from[i];

		if (byte < 0x20 || byte == '"' || byte == '\\')
			printf("\\u%04x", byte);
		else
			putchar(byte);
	}
	putchar('"');
}

static void print_real(double real)
{
	if (isnan(real))
		printf("NaN");
	else if (isinf(real))
		printf(real < 0 ? "-Infinity" : "Infinity");
	else
		printf("%.17g", real);
}

static const char *tag(const struct cfg_node *node)
{
	static const char *const dates[] = {
		[CFG_DATETIME_OFFSET] = "datetime",
		[CFG_DATETIME_LOCAL] = "datetime-local",
		[CFG_DATE_LOCAL] = "date-local",
		[CFG_TIME_LOCAL] = "time-local",
	};

	if (node->type == CFG_DATETIME)
		return dates[node->datetime];
	if (node->type == CFG_STRING)
		return "string";
	if (node->type == CFG_BOOL)
		return "bool";
	return node->type == CFG_INTEGER ? "integer" : "float";
}

static void print_scalar(const struct cfg_node *node)
{
	if (node->type == CFG_STRING || node->type == CFG_DATETIME)
		print_text(node->text, node->text_len);
	else if (node->type == CFG_BOOL)
		printf(node->boolean ? "true" : "false");
	else if (node->type == CFG_INTEGER)
		printf("%" PRId64, node->integer);
	else if (node->type == CFG_FLOAT)
		print_real(node->real);
	else if (node->type == CFG_NULL)
		printf("null");
	else
		errx(3, "a node of type %d", node->type);
}

static void print_leaf(const struct cfg_node *node, bool tagged)
{
	bool quotes = node->type != CFG_STRING && node->type != CFG_DATETIME;

	if (!tagged) {
		print_scalar(node);
		return;
	}
	printf("{\"type\":\"%s\",\"value\":%s", tag(node), quotes ? "\"" : "");
	print_scalar(node);
	printf("%s}", quotes ? "\"" : "");
}

static void print_node(const struct cfg_node *node, bool tagged)
{
	bool object = node->type == CFG_OBJECT;
	size_t count = 0;

	if (!object && node->type != CFG_ARRAY) {
		print_leaf(node, tagged);
		return;
	}
	putchar(object ? '{' : '[');
	for (const struct cfg_node *at = node->first; at; at = at->next) {
		if (count++)
			putchar(',');
		if (object) {
			print_text(at->key, at->key_len);
			putchar(':');
		}
		print_node(at, tagged);
	}
	if (count != node->count)
		errx(3, "%zu members, counted as %zu", count, node->count);
	putchar(object ? '}' : ']');
}

static size_t read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	size_t len;

	if (!file)
		err(3, "%s", path);
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	return len;
}

int main(int argc, char **argv)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	struct cfg_tree *tree = cfg_tree_new();
	struct cfg_node *root;
	bool toml;

	if (argc != 3 || !tree)
		errx(3, "usage: config-decode json5|toml FILE");
	toml = strcmp(argv[1], "toml") == 0;
	(void)cfg_problems_file(&problems, argv[2]);
	root = (toml ? cfg_toml_parse : cfg_json5_parse)(
		tree, text, read_file(argv[2]), 0, &problems);
	if (root)
		print_node(root, toml);
	if ((root == NULL) != (problems.errors > 0))
		errx(3, "%zu errors", problems.errors);
	for (size_t i = 0; i < problems.count; i++) {
		char line[1024];

		cfg_problem_format(&problems, i, line, sizeof(line));
		fprintf(stderr, "%s\n", line);
	}
	cfg_problems_fini(&problems);
	cfg_tree_free(tree);
	return root ? 0 : 1;
}
