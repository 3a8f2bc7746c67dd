// SPDX-License-Identifier: Apache-2.0
/*
 * TOML 1.0.0: lines, and what [table] and [[table]] mean.
 */
#include <config.h>

#include "controller/config/toml.h"

struct parser {
	struct cfg_reader in;
	struct cfg_node *root;
	struct cfg_node *table; /* of the last header */
	unsigned int depth; /* of it; the root's is 0 */
};

/**
 * toml_add() - a member with its name and the name's place
 */
void toml_add(struct cfg_node *table, struct cfg_node *node,
	      const struct toml_part *part)
{
	node->key = part->text;
	node->key_len = part->len;
	node->key_pos = part->pos;
	cfg_node_append(table, node);
}

/**
 * toml_check_depth() - may a table or array be that deep?
 *
 * Return: 0, or -1 with a problem.
 */
int toml_check_depth(struct cfg_reader *reader, unsigned int depth)
{
	if (depth < CFG_MAX_DEPTH)
		return 0;
	return cfg_reader_fail(reader, reader->at,
			       "tables and arrays are nested more than %d deep",
			       CFG_MAX_DEPTH);
}

static struct cfg_node *add_new(struct parser *p, enum cfg_type type,
				enum toml_mark mark,
				const struct toml_part *part)
{
	struct cfg_node *node;

	if (toml_check_depth(&p->in, p->depth + 1) < 0)
		return NULL;
	node = cfg_reader_node(&p->in, type, p->in.at);
	if (!node)
		return NULL;
	node->mark = (uint8_t)mark;
	node->pos = part ? part->pos : node->pos;
	if (part)
		toml_add(p->table, node, part);
	else
		cfg_node_append(p->table, node);
	p->table = node;
	p->depth++;
	return node;
}

/* On to the table that a header's part before a dot names. */
static int descend(struct parser *p, const struct toml_part *part)
{
	struct cfg_node *old = cfg_node_getn(p->table, part->text, part->len);
	bool tables = old && old->type == CFG_ARRAY && old->mark == TOML_TABLES;

	if (!old)
		return add_new(p, CFG_OBJECT, TOML_IMPLIED, part) ? 0 : -1;
	if (!tables && (old->type != CFG_OBJECT || old->mark == TOML_INLINE))
		return toml_taken(&p->in, old, part);
	p->table = tables ? old->last : old;
	p->depth += tables ? 2 : 1;
	return 0;
}

/* [part], where all parts before it were. */
static int open_table(struct parser *p, const struct toml_part *part)
{
	struct cfg_node *old = cfg_node_getn(p->table, part->text, part->len);

	if (!old)
		return add_new(p, CFG_OBJECT, TOML_HEADER, part) ? 0 : -1;
	if (old->type != CFG_OBJECT || old->mark != TOML_IMPLIED)
		return toml_taken(&p->in, old, part);
	old->mark = TOML_HEADER;
	old->pos = part->pos;
	old->key_pos = part->pos;
	p->table = old;
	p->depth++;
	return 0;
}

/* [[part]]: one more table of an array. */
static int open_element(struct parser *p, const struct toml_part *part)
{
	struct cfg_node *old = cfg_node_getn(p->table, part->text, part->len);
	struct cfg_node *table;

	if (!old) {
		if (!add_new(p, CFG_ARRAY, TOML_TABLES, part))
			return -1;
	} else if (old->type == CFG_ARRAY && old->mark == TOML_TABLES) {
		p->table = old;
		p->depth++;
	} else {
		return toml_taken(&p->in, old, part);
	}
	table = add_new(p, CFG_OBJECT, TOML_HEADER, NULL);
	if (!table)
		return -1;
	table->pos = part->pos;
	return 0;
}

static int expect_close(struct parser *p)
{
	if (p->in.at == p->in.end || *p->in.at != ']')
		return cfg_reader_expected(&p->in, "']' or '.'");
	p->in.at++;
	return 0;
}

static int read_header(struct parser *p)
{
	struct cfg_reader *in = &p->in;
	struct toml_part part;
	bool element;
	int more;

	in->at++;
	element = in->at < in->end && *in->at == '[';
	if (element)
		in->at++;
	p->table = p->root;
	p->depth = 0;
	while ((more = toml_dotted(in, &part)) == 1)
		if (descend(p, &part) < 0)
			return -1;
	if (more < 0 || (element ? open_element : open_table)(p, &part) < 0 ||
	    expect_close(p) < 0)
		return -1;
	return element ? expect_close(p) : 0;
}

/* What a line has after its header or value. */
static int end_line(struct cfg_reader *in)
{
	toml_space(in);
	if (toml_comment(in) < 0)
		return -1;
	if (in->at == in->end || toml_newline(in))
		return 0;
	return cfg_reader_expected(in, "the end of the line");
}

static int read_lines(struct parser *p)
{
	struct cfg_reader *in = &p->in;
	int got;

	for (;;) {
		if (toml_skip_lines(in) < 0)
			return -1;
		if (in->at == in->end)
			return 0;
		if (*in->at == '[')
			got = read_header(p);
		else
			got = toml_pair(in, p->table, p->depth);
		if (got < 0 || end_line(in) < 0)
			return -1;
	}
}

/**
 * cfg_toml_parse() - a whole file
 * @tree: gets all that there is, also on failure
 * @text: @len bytes, borrowed for the call
 * @file: its index in @problems
 *
 * Return: the root, in the tree; NULL with one problem.
 */
struct cfg_node *cfg_toml_parse(struct cfg_tree *tree, const char *text,
				size_t len, uint32_t file,
				struct cfg_problems *problems)
{
	struct parser p = { .in = {
				    .tree = tree,
				    .problems = problems,
				    .text = text,
				    .end = text + len,
				    .file = file,
			    } };

	if (cfg_reader_start(&p.in) < 0)
		return NULL;
	p.root = cfg_reader_node(&p.in, CFG_OBJECT, p.in.at);
	if (!p.root)
		return NULL;
	p.root->mark = TOML_HEADER;
	p.table = p.root;
	return read_lines(&p) == 0 ? p.root : NULL;
}
