// SPDX-License-Identifier: Apache-2.0
/*
 * Parses a file and looks at all that came of it: places within the file,
 * texts that are UTF-8, members that are found by their names, no level too
 * many.  What is valid is written as JSON, which must mean the same.
 */
#include <config.h>

#include "tests/fuzz/config-target.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config/utf8.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_text(const char *text, size_t len)
{
	must(text[len] == '\0' && cfg_utf8_valid(text, len) == len);
}

static void check_pos(const struct cfg_pos *pos, size_t size)
{
	must(pos->line >= 1 && pos->line <= size + 1 && pos->column >= 1 &&
	     pos->column <= size + 1);
}

static void check_node(const struct cfg_node *node, size_t size,
		       unsigned int depth)
{
	size_t count = 0;

	check_pos(&node->pos, size);
	if (node->type == CFG_STRING || node->type == CFG_DATETIME)
		check_text(node->text, node->text_len);
	must((node->type == CFG_DATETIME) == (node->datetime != 0));
	if (node->type != CFG_OBJECT && node->type != CFG_ARRAY) {
		must(node->type != CFG_INVALID && !node->first);
		return;
	}
	must(depth < CFG_MAX_DEPTH);
	for (const struct cfg_node *at = node->first; at; at = at->next) {
		count++;
		must(at->next || at == node->last);
		must((at->key != NULL) == (node->type == CFG_OBJECT));
		if (at->key) {
			check_text(at->key, at->key_len);
			check_pos(&at->key_pos, size);
			must(cfg_node_getn(node, at->key, at->key_len) == at);
		}
		check_node(at, size, depth + 1);
	}
	must(count == node->count);
}

static void put_text(FILE *out, const char *text, size_t len)
{
	fputc('"', out);
	for (size_t i = 0; i < len; i++)
		if (text[i] == '"' || text[i] == '\\' ||
		    (unsigned char)text[i] < 0x20)
			fprintf(out, "\\u%04x", (unsigned char)text[i]);
		else
			fputc(text[i], out);
	fputc('"', out);
}

static void put_leaf(FILE *out, const struct cfg_node *node)
{
	if (node->type == CFG_NULL)
		fprintf(out, "null");
	else if (node->type == CFG_BOOL)
		fprintf(out, node->boolean ? "true" : "false");
	else if (node->type == CFG_INTEGER)
		fprintf(out, "%" PRId64, node->integer);
	else if (node->type != CFG_FLOAT)
		put_text(out, node->text, node->text_len);
	else if (isnan(node->real))
		fprintf(out, "NaN");
	else if (isinf(node->real))
		fprintf(out, "%cInfinity", node->real < 0 ? '-' : '+');
	else
		fprintf(out, "%.17e", node->real);
}

static void put_node(FILE *out, const struct cfg_node *node)
{
	bool object = node->type == CFG_OBJECT;

	if (!object && node->type != CFG_ARRAY) {
		put_leaf(out, node);
		return;
	}
	fputc(object ? '{' : '[', out);
	for (const struct cfg_node *at = node->first; at; at = at->next) {
		if (object) {
			put_text(out, at->key, at->key_len);
			fputc(':', out);
		}
		put_node(out, at);
		fputc(',', out);
	}
	fputc(object ? '}' : ']', out);
}

/* TOML's 1.0 comes back as the integer that it is. */
static double number_of(const struct cfg_node *node)
{
	return node->type == CFG_INTEGER ? (double)node->integer : node->real;
}

static void compare(const struct cfg_node *one, const struct cfg_node *two)
{
	const struct cfg_node *other = two->first;

	if (one->type == CFG_FLOAT) {
		must(two->type == CFG_FLOAT || two->type == CFG_INTEGER);
		must(number_of(one) == number_of(two) ||
		     (isnan(one->real) && isnan(number_of(two))));
		return;
	}
	must(one->type == two->type ||
	     (one->type == CFG_DATETIME && two->type == CFG_STRING));
	must(one->text_len == two->text_len && one->count == two->count);
	if (one->text)
		must(memcmp(one->text, two->text, one->text_len) == 0);
	if (one->type == CFG_INTEGER)
		must(one->integer == two->integer);
	if (one->type == CFG_BOOL)
		must(one->boolean == two->boolean);
	for (const struct cfg_node *at = one->first; at; at = at->next) {
		must(at->key_len == other->key_len);
		if (at->key)
			must(memcmp(at->key, other->key, at->key_len) == 0);
		compare(at, other);
		other = other->next;
	}
}

static void check_again(const struct cfg_node *root)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	struct cfg_tree *tree = cfg_tree_new();
	struct cfg_node *again, *copy;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	must(tree && out);
	put_node(out, root);
	must(fclose(out) == 0);
	again = cfg_json5_parse(tree, text, len, 0, &problems);
	must(again && problems.count == 0);
	compare(root, again);
	copy = cfg_node_copy(tree, root);
	must(copy != NULL);
	compare(root, copy);
	free(text);
	cfg_problems_fini(&problems);
	cfg_tree_free(tree);
}

void config_target(config_parser *parse, const uint8_t *data, size_t size)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	struct cfg_tree *tree = cfg_tree_new();
	/* Its own, so that a byte too far is seen. */
	char *text = malloc(size ? size : 1);
	struct cfg_node *root;

	must(tree && text);
	if (size)
		memcpy(text, data, size);
	root = parse(tree, text, size, 0, &problems);
	free(text);
	must(problems.errors == (root ? 0 : 1));
	for (size_t i = 0; i < problems.count; i++)
		if (problems.list[i].pos.line)
			check_pos(&problems.list[i].pos, size);
	if (root) {
		check_node(root, size, 0);
		check_again(root);
	}
	cfg_problems_fini(&problems);
	cfg_tree_free(tree);
}
