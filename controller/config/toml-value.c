// SPDX-License-Identifier: Apache-2.0
/*
 * TOML: values, arrays and inline tables.  Recursion ends at CFG_MAX_DEPTH.
 */
#include <config.h>

#include "controller/config/toml.h"

#include <stdio.h>
#include <string.h>

static bool take(struct cfg_reader *in, char byte)
{
	if (in->at == in->end || *in->at != byte)
		return false;
	in->at++;
	return true;
}

/* After a value: 1 where there is a comma, 0 at the end, -1. */
static int separator(struct cfg_reader *in, const struct cfg_node *node,
		     char close)
{
	char what[80];

	if (take(in, close))
		return 0;
	if (take(in, ','))
		return 1;
	(void)snprintf(what, sizeof(what),
		       "',' or '%c' (of the '%c' in line %u)", close,
		       close == '}' ? '{' : '[', node->pos.line);
	return cfg_reader_expected(in, what);
}

static int read_elements(struct cfg_reader *in, struct cfg_node *array,
			 unsigned int depth)
{
	struct cfg_node *node;
	int more;

	for (;;) {
		if (toml_skip_lines(in) < 0)
			return -1;
		if (take(in, ']'))
			return 0;
		node = toml_value(in, depth);
		if (!node)
			return -1;
		cfg_node_append(array, node);
		if (toml_skip_lines(in) < 0)
			return -1;
		more = separator(in, array, ']');
		if (more <= 0)
			return more;
	}
}

/* All in one line, and no comma at its end. */
static int read_members(struct cfg_reader *in, struct cfg_node *table,
			unsigned int depth)
{
	int more;

	toml_space(in);
	if (take(in, '}'))
		return 0;
	do {
		if (toml_pair(in, table, depth - 1) < 0)
			return -1;
		toml_space(in);
		more = separator(in, table, '}');
	} while (more == 1);
	return more;
}

static struct cfg_node *read_container(struct cfg_reader *in,
				       unsigned int depth)
{
	bool table = *in->at == '{';
	struct cfg_node *node =
		cfg_reader_node(in, table ? CFG_OBJECT : CFG_ARRAY, in->at);

	if (!node || toml_check_depth(in, depth) < 0)
		return NULL;
	in->at++;
	if ((table ? read_members : read_elements)(in, node, depth + 1) < 0)
		return NULL;
	node->mark = table ? TOML_INLINE : TOML_IMPLIED;
	return node;
}

static struct cfg_node *read_string(struct cfg_reader *in)
{
	struct cfg_node *node = cfg_reader_node(in, CFG_STRING, in->at);

	if (!node || toml_string(in, &node->text, &node->text_len) < 0)
		return NULL;
	return node;
}

static bool take_word(struct cfg_reader *in, const char *word, size_t len)
{
	if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
		return false;
	in->at += len;
	return true;
}

static struct cfg_node *read_word(struct cfg_reader *in)
{
	const char *start = in->at;
	struct cfg_node *node = cfg_reader_node(in, CFG_BOOL, start);
	int len = 0;

	if (!node)
		return NULL;
	node->boolean = take_word(in, "true", 4);
	if (node->boolean || take_word(in, "false", 5))
		return node;
	while (start + len < in->end && len < 60 &&
	       ((start[len] | 0x20) >= 'a' && (start[len] | 0x20) <= 'z'))
		len++;
	if (len > 0)
		(void)cfg_reader_fail(in, start,
				      "expected a value, found %.*s: a string "
				      "is written in quotes",
				      len, start);
	else
		(void)cfg_reader_expected(in, "a value");
	return NULL;
}

/**
 * toml_value() - what stands after '=' or in an array
 * @depth: that it has if it is a table or array
 *
 * Return: NULL with a problem.
 */
struct cfg_node *toml_value(struct cfg_reader *reader, unsigned int depth)
{
	char first = reader->at < reader->end ? *reader->at : '\0';

	if (first == '{' || first == '[')
		return read_container(reader, depth);
	if (first == '"' || first == '\'')
		return read_string(reader);
	if (toml_is_date(reader))
		return toml_date(reader);
	if (first != '\0' && strchr("+-0123456789in", first))
		return toml_number(reader);
	return read_word(reader);
}
