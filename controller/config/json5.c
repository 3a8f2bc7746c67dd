// SPDX-License-Identifier: Apache-2.0
/*
 * JSON5, as of spec.json5.org: values, objects and arrays.  Recursion ends at
 * CFG_MAX_DEPTH.
 */
#include <config.h>

#include "controller/config/json5.h"

#include <string.h>

#include "controller/config/utf8.h"

#define MAX_REPEATS 16 /* warnings of names that are there twice */

struct parser {
	struct cfg_reader in;
	size_t repeats;
};

static struct cfg_node *read_value(struct parser *p, unsigned int depth);

/*
 * The last of equal members counts, as in ECMAScript, in the first one's
 * place.
 */
static void add_member(struct parser *p, struct cfg_node *object,
		       struct cfg_node *node)
{
	struct cfg_node *old = cfg_node_getn(object, node->key, node->key_len);
	struct cfg_node *next;

	if (!old) {
		cfg_node_append(object, node);
		return;
	}
	if (p->repeats++ < MAX_REPEATS)
		cfg_problem_warn(
			p->in.problems, &node->key_pos,
			"\"%.100s\" is there twice: the one in line %u "
			"is passed over",
			node->key, old->key_pos.line);
	next = old->next;
	*old = *node;
	old->next = next;
}

static int read_member(struct parser *p, struct cfg_node *object,
		       unsigned int depth)
{
	struct cfg_reader *in = &p->in;
	struct cfg_pos pos = cfg_reader_pos(in, in->at);
	struct cfg_node *node;
	const char *key = NULL;
	size_t len = 0;
	bool quoted = in->at < in->end && (*in->at == '"' || *in->at == '\'');

	if ((quoted ? json5_string : json5_name)(in, &key, &len) < 0 ||
	    json5_skip(in) < 0)
		return -1;
	if (in->at == in->end || *in->at != ':')
		return cfg_reader_fail(
			in, in->at,
			"expected ':' after the name \"%.100s\", "
			"found %s",
			key, cfg_reader_found(in, in->at));
	in->at++;
	if (json5_skip(in) < 0)
		return -1;
	node = read_value(p, depth);
	if (!node)
		return -1;
	node->key = key;
	node->key_len = len;
	node->key_pos = pos;
	add_member(p, object, node);
	return 0;
}

static int read_element(struct parser *p, struct cfg_node *array,
			unsigned int depth)
{
	struct cfg_node *node = read_value(p, depth);

	if (!node)
		return -1;
	cfg_node_append(array, node);
	return 0;
}

/* After a member: on, or the end.  1: there is a comma; 0: the end. */
static int read_separator(struct parser *p, const struct cfg_node *node,
			  char close)
{
	struct cfg_reader *in = &p->in;

	if (json5_skip(in) < 0)
		return -1;
	if (in->at < in->end && *in->at == close)
		return 0;
	if (in->at == in->end || *in->at != ',')
		return cfg_reader_fail(
			in, in->at,
			"expected ',' or '%c' (of the '%c' in line %u), found %s",
			close, close == '}' ? '{' : '[', node->pos.line,
			cfg_reader_found(in, in->at));
	in->at++;
	return 1;
}

static struct cfg_node *read_container(struct parser *p, enum cfg_type type,
				       unsigned int depth)
{
	struct cfg_reader *in = &p->in;
	struct cfg_node *node = cfg_reader_node(in, type, in->at);
	char close = type == CFG_OBJECT ? '}' : ']';
	int more = 1;

	if (!node)
		return NULL;
	if (depth == CFG_MAX_DEPTH) {
		(void)cfg_reader_fail(in, in->at,
				      "objects and arrays are nested more than "
				      "%d deep",
				      CFG_MAX_DEPTH);
		return NULL;
	}
	in->at++;
	while (more) {
		if (json5_skip(in) < 0)
			return NULL;
		if (in->at < in->end && *in->at == close)
			break;
		if ((type == CFG_OBJECT ? read_member :
					  read_element)(p, node, depth + 1) < 0)
			return NULL;
		more = read_separator(p, node, close);
		if (more < 0)
			return NULL;
	}
	in->at++;
	return node;
}

static struct cfg_node *read_string(struct parser *p)
{
	struct cfg_node *node = cfg_reader_node(&p->in, CFG_STRING, p->in.at);

	if (!node || json5_string(&p->in, &node->text, &node->text_len) < 0)
		return NULL;
	return node;
}

static bool take_word(struct cfg_reader *in, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(in->end - in->at) < len ||
	    memcmp(in->at, word, len) != 0 ||
	    json5_name_goes_on(in, in->at + len))
		return false;
	in->at += len;
	return true;
}

static struct cfg_node *read_word(struct parser *p)
{
	struct cfg_reader *in = &p->in;
	const char *start = in->at;
	struct cfg_node *node = cfg_reader_node(in, CFG_NULL, start);
	uint32_t character;
	int len = 0;

	if (!node || take_word(in, "null"))
		return node;
	node->type = CFG_BOOL;
	node->boolean = take_word(in, "true");
	if (node->boolean || take_word(in, "false"))
		return node;
	while (len < 60 && json5_name_goes_on(in, start + len))
		len += (int)cfg_utf8_get(start + len, &character);
	if (len > 0)
		(void)cfg_reader_fail(in, start,
				      "expected a value, found %.*s: a string "
				      "is written in quotes",
				      len, start);
	else
		(void)cfg_reader_expected(in, "a value");
	return NULL;
}

static struct cfg_node *read_value(struct parser *p, unsigned int depth)
{
	struct cfg_reader *in = &p->in;
	char first = in->at < in->end ? *in->at : '\0';

	if (first == '{')
		return read_container(p, CFG_OBJECT, depth);
	if (first == '[')
		return read_container(p, CFG_ARRAY, depth);
	if (first == '"' || first == '\'')
		return read_string(p);
	if (first != '\0' &&
	    (strchr("+-.0123456789", first) || first == 'I' || first == 'N'))
		return json5_number(in);
	return read_word(p);
}

/**
 * cfg_json5_parse() - a whole file
 * @tree: gets all that there is, also on failure
 * @text: @len bytes, borrowed for the call
 * @file: its index in @problems
 *
 * A number that is an integer is CFG_INTEGER however it is written (1.0, 1e3,
 * 0x10), as in ECMAScript, if it fits.  A surrogate without the other half
 * of its pair is refused, since UTF-8 has none.
 *
 * Return: the root, in the tree; NULL with one problem that is an error.
 */
struct cfg_node *cfg_json5_parse(struct cfg_tree *tree, const char *text,
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
	struct cfg_node *root;

	if (cfg_reader_start(&p.in) < 0 || json5_skip(&p.in) < 0)
		return NULL;
	root = read_value(&p, 0);
	if (!root || json5_skip(&p.in) < 0)
		return NULL;
	if (p.in.at < p.in.end) {
		(void)cfg_reader_expected(&p.in, "the end of the file");
		return NULL;
	}
	if (p.repeats > MAX_REPEATS)
		cfg_problem_warn(problems, &root->pos,
				 "%zu more names are there twice",
				 p.repeats - MAX_REPEATS);
	return root;
}
