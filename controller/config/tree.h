/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tree for both syntaxes: what a configuration file says, with the place
 * of each value.  Everything of a tree is in its arena and goes with it.
 */
#ifndef CONTROLLER_CONFIG_TREE_H
#define CONTROLLER_CONFIG_TREE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/config/problem.h"

#define CFG_MAX_DEPTH 64
#define CFG_MAX_FILE_BYTES (8U << 20)
#define CFG_MAX_NODES 2000000

enum cfg_type {
	CFG_INVALID = 0,
	CFG_NULL,
	CFG_BOOL,
	CFG_INTEGER,
	CFG_FLOAT,
	CFG_STRING,
	CFG_DATETIME, /* TOML's, all four kinds; text as in RFC 3339 */
	CFG_ARRAY,
	CFG_OBJECT,
};

enum cfg_datetime {
	CFG_DATETIME_NONE = 0,
	CFG_DATETIME_OFFSET,
	CFG_DATETIME_LOCAL,
	CFG_DATE_LOCAL,
	CFG_TIME_LOCAL,
};

struct cfg_tree;
struct cfg_index;

struct cfg_node {
	enum cfg_type type;
	enum cfg_datetime datetime;
	struct cfg_pos pos;     /* of the value */
	struct cfg_pos key_pos; /* of the member's name */
	const char *key;        /* NUL-terminated; NULL: no member */
	size_t key_len;         /* a key may hold NULs */
	union {
		bool boolean;
		int64_t integer;
		double real;
	};
	const char *text;       /* of a string or date, NUL-terminated */
	size_t text_len;
	struct cfg_node *first; /* of an array or object, in file order */
	struct cfg_node *last;
	struct cfg_node *next;  /* sibling */
	size_t count;
	struct cfg_index *index; /* of an object with many members */
	uint8_t mark;           /* the parser's own */
};

/* Arena and nodes. */
struct cfg_tree *cfg_tree_new(void);
void cfg_tree_free(struct cfg_tree *tree);
void *cfg_tree_alloc(struct cfg_tree *tree, size_t bytes);
char *cfg_tree_strndup(struct cfg_tree *tree, const char *text, size_t len);
char *cfg_tree_printf(struct cfg_tree *tree, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
char *cfg_tree_vprintf(struct cfg_tree *tree, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
struct cfg_node *cfg_node_new(struct cfg_tree *tree, enum cfg_type type);
struct cfg_node *cfg_node_copy(struct cfg_tree *tree,
			       const struct cfg_node *node);
void cfg_node_append(struct cfg_node *parent, struct cfg_node *child);
int cfg_node_set_key(struct cfg_tree *tree, struct cfg_node *node,
		     const char *key, size_t len);
/* NULL where there is none; O(1) for large objects. */
struct cfg_node *cfg_node_get(const struct cfg_node *object, const char *key);
struct cfg_node *cfg_node_getn(const struct cfg_node *object, const char *key,
			       size_t len);
const char *cfg_type_name(enum cfg_type type); /* "a string", "an object" */

/*
 * Parsers.  @text need not end in a NUL; @file is an index into
 * @problems' names.  A syntax error ends the file: -1, one problem added.
 * JSON5: the last of equal members counts (as in ECMAScript; @problems gets a
 * warning); the root may be any value.  TOML 1.0.0: the root is an object.
 */
struct cfg_node *cfg_json5_parse(struct cfg_tree *tree, const char *text,
				 size_t len, uint32_t file,
				 struct cfg_problems *problems);
struct cfg_node *cfg_toml_parse(struct cfg_tree *tree, const char *text,
				size_t len, uint32_t file,
				struct cfg_problems *problems);

#endif
