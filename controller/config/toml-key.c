// SPDX-License-Identifier: Apache-2.0
/*
 * TOML: keys, and key = value.
 */
#include <config.h>

#include "controller/config/toml.h"

static bool is_bare(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
}

static bool triple(const struct cfg_reader *in)
{
	return in->end - in->at >= 3 && in->at[1] == in->at[0] &&
	       in->at[2] == in->at[0];
}

/**
 * toml_part() - a bare key or a quoted one
 *
 * Return: 0, or -1 with a problem.
 */
int toml_part(struct cfg_reader *reader, struct toml_part *part)
{
	const char *start = reader->at;
	bool quoted = start < reader->end && (*start == '"' || *start == '\'');

	part->pos = cfg_reader_pos(reader, start);
	if (quoted && triple(reader))
		return cfg_reader_fail(reader, start,
				       "expected a key, found a string of "
				       "several lines");
	if (quoted)
		return toml_string(reader, &part->text, &part->len);
	while (reader->at < reader->end && is_bare(*reader->at))
		reader->at++;
	part->len = (size_t)(reader->at - start);
	if (part->len == 0)
		return cfg_reader_expected(reader, "a key");
	part->text = cfg_tree_strndup(reader->tree, start, part->len);
	if (!part->text)
		return cfg_reader_fail(reader, start, "out of memory");
	return 0;
}

/**
 * toml_dotted() - one part of a key with the space around it
 *
 * Return: 1 where a dot followed, and so a part must; 0 where none did; -1
 * with a problem.
 */
int toml_dotted(struct cfg_reader *reader, struct toml_part *part)
{
	toml_space(reader);
	if (toml_part(reader, part) < 0)
		return -1;
	toml_space(reader);
	if (reader->at == reader->end || *reader->at != '.')
		return 0;
	reader->at++;
	return 1;
}

/**
 * toml_taken() - say that a key means something else already
 *
 * Return: -1.
 */
int toml_taken(struct cfg_reader *reader, const struct cfg_node *old,
	       const struct toml_part *part)
{
	const char *what = cfg_type_name(old->type);

	if (old->type == CFG_OBJECT)
		what = old->mark == TOML_INLINE ?
			       "an inline table, to which nothing can be added" :
			       "a table";
	else if (old->type == CFG_ARRAY && old->mark == TOML_TABLES)
		what = "an array of tables";
	return cfg_problem_add(
		reader->problems, &part->pos,
		"\"%.100s\" is defined in line %u already: it is "
		"%s",
		part->text, old->key_pos.line, what);
}

/* On to the table that a key's part before a dot names. */
static struct cfg_node *descend(struct cfg_reader *in, struct cfg_node *table,
				const struct toml_part *part,
				unsigned int depth)
{
	struct cfg_node *node = cfg_node_getn(table, part->text, part->len);

	if (toml_check_depth(in, depth) < 0)
		return NULL;
	if (!node) {
		node = cfg_reader_node(in, CFG_OBJECT, in->at);
		if (!node)
			return NULL;
		node->pos = part->pos;
		toml_add(table, node, part);
	} else if (node->type != CFG_OBJECT || node->mark == TOML_INLINE ||
		   node->mark == TOML_HEADER) {
		(void)toml_taken(in, node, part);
		return NULL;
	}
	node->mark = TOML_DOTTED;
	return node;
}

/**
 * toml_pair() - a key, '=' and a value
 * @table: to which it is added
 * @depth: of @table
 *
 * Return: 0, or -1 with a problem.
 */
int toml_pair(struct cfg_reader *reader, struct cfg_node *table,
	      unsigned int depth)
{
	const struct cfg_node *old;
	struct toml_part part;
	struct cfg_node *node;
	int more;

	while ((more = toml_dotted(reader, &part)) == 1) {
		table = descend(reader, table, &part, ++depth);
		if (!table)
			return -1;
	}
	if (more < 0)
		return -1;
	old = cfg_node_getn(table, part.text, part.len);
	if (old)
		return toml_taken(reader, old, &part);
	if (reader->at == reader->end || *reader->at != '=')
		return cfg_reader_fail(reader, reader->at,
				       "expected '=' or '.' after the key "
				       "\"%.100s\", found %s",
				       part.text,
				       cfg_reader_found(reader, reader->at));
	reader->at++;
	toml_space(reader);
	node = toml_value(reader, depth + 1);
	if (!node)
		return -1;
	toml_add(table, node, &part);
	return 0;
}
