/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both parsers read from: a text in memory, with places and errors.
 */
#ifndef CONTROLLER_CONFIG_READER_H
#define CONTROLLER_CONFIG_READER_H

#include "controller/config/tree.h"

struct cfg_reader {
	struct cfg_tree *tree; /* borrowed */
	struct cfg_problems *problems; /* borrowed */
	const char *text; /* borrowed */
	const char *end;
	const char *at;
	uint32_t file;
	const char *mark; /* up to here lines are counted */
	struct cfg_pos mark_pos; /* of it */
	char found[32];
};

/*
 * Refuses what is too large or not UTF-8, and passes a byte order mark.
 * @reader's text and end, tree, problems and file are set.
 */
int cfg_reader_start(struct cfg_reader *reader);
/* Cheap for places that only go forward. */
struct cfg_pos cfg_reader_pos(struct cfg_reader *reader, const char *at);
/* What stands there: "'x'", "U+0007", "the end of the file". */
const char *cfg_reader_found(struct cfg_reader *reader, const char *at);
/* -1, with a problem at that place. */
int cfg_reader_fail(struct cfg_reader *reader, const char *at, const char *fmt,
		    ...) __attribute__((format(printf, 3, 4)));
/* -1: "expected WHAT, found ..." */
int cfg_reader_expected(struct cfg_reader *reader, const char *what);
/* A node whose value begins at @at; NULL: a problem was added. */
struct cfg_node *cfg_reader_node(struct cfg_reader *reader, enum cfg_type type,
				 const char *at);
/* Memory of the tree; NULL: a problem was added. */
char *cfg_reader_alloc(struct cfg_reader *reader, size_t bytes);
/* So many hexadecimal digits there? */
bool cfg_reader_hex(const struct cfg_reader *reader, const char *at,
		    size_t digits, uint32_t *value);

/* Of the tree: had it too many nodes, rather than too little memory? */
bool cfg_tree_is_full(const struct cfg_tree *tree);

#endif
