/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the TOML parser, for it alone.
 */
#ifndef CONTROLLER_CONFIG_TOML_H
#define CONTROLLER_CONFIG_TOML_H

#include "controller/config/reader.h"

/* How a table or array came to be: what may be added to it. */
enum toml_mark {
	TOML_IMPLIED = 0, /* by [a.b], of a; or an array that is a value */
	TOML_HEADER, /* by its own [a] */
	TOML_DOTTED, /* by a.b = 1, of a */
	TOML_INLINE, /* { } */
	TOML_TABLES, /* an array, by [[a]] */
};

/* One part of a key, up to a dot. */
struct toml_part {
	const char *text; /* in the tree */
	size_t len;
	struct cfg_pos pos;
};

/* toml.c */
/* @node becomes a member of @table. */
void toml_add(struct cfg_node *table, struct cfg_node *node,
	      const struct toml_part *part);
/* Is there a level left for something in a table of that depth? */
int toml_check_depth(struct cfg_reader *reader, unsigned int depth);

/* toml-key.c */
int toml_part(struct cfg_reader *reader, struct toml_part *part);
/* A part and the space around it.  1: a dot follows it; 0: none; -1 */
int toml_dotted(struct cfg_reader *reader, struct toml_part *part);
/* key = value, into @table, which is that deep. */
int toml_pair(struct cfg_reader *reader, struct cfg_node *table,
	      unsigned int depth);
/* -1: what is there already, and where. */
int toml_taken(struct cfg_reader *reader, const struct cfg_node *old,
	       const struct toml_part *part);

/* toml-value.c */
struct cfg_node *toml_value(struct cfg_reader *reader, unsigned int depth);

/* toml-text.c */
void toml_space(struct cfg_reader *reader);
bool toml_newline(struct cfg_reader *reader);
int toml_comment(struct cfg_reader *reader);
/* Space, comments and ends of lines. */
int toml_skip_lines(struct cfg_reader *reader);
bool toml_is_control(char byte);

/* toml-string.c */
int toml_string(struct cfg_reader *reader, const char **text, size_t *len);

/* toml-number.c */
struct cfg_node *toml_number(struct cfg_reader *reader);

/* toml-date.c */
bool toml_is_date(const struct cfg_reader *reader);
struct cfg_node *toml_date(struct cfg_reader *reader);

#endif
