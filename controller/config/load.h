/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What loading is made of: reading a file with care, remembering what it was,
 * laying one tree over another, defaults as values.
 */
#ifndef CONTROLLER_CONFIG_LOAD_H
#define CONTROLLER_CONFIG_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "controller/config/config.h"

#define CFG_DROPIN_DIR "conf.d"

/* How a path was when it was read. */
struct cfg_stamp {
	char *path; /* owned */
	bool there;
	struct stat st;
};

struct cfg_stamps {
	struct cfg_stamp *list; /* owned */
	size_t count;
	size_t room;
};

/* @st: NULL where there is nothing. */
int cfg_stamp_add(struct cfg_stamps *stamps, const char *path,
		  const struct stat *st);
bool cfg_stamps_differ(const struct cfg_stamps *stamps);
void cfg_stamps_free(struct cfg_stamps *stamps);

/* A file, and where problems with it go. */
struct cfg_source {
	const char *path;
	struct cfg_pos pos; /* the file as a whole */
	struct cfg_problems *problems;
};

/* The whole of a file that nobody else can write; NULL: a problem was added. */
char *cfg_file_read(const struct cfg_source *source, struct stat *st,
		    size_t *len);
/* Could somebody else put a file there?  -1: a problem was added. */
int cfg_folder_judge(const struct cfg_source *source, const char *path);
enum cfg_syntax cfg_syntax_of(const char *path);

/* @over laid over @base; both are objects.  NULL where there is no memory. */
struct cfg_node *cfg_merge(struct cfg_tree *tree, struct cfg_node *base,
			   struct cfg_node *over);

/* What is null is as if it were not there. */
int cfg_drop_nulls(struct cfg_tree *tree, struct cfg_node *node);

/* The checks that need all files: two default agents, allow and alsoAllow. */
int cfg_check_whole(const struct cfg_node *root,
		    struct cfg_problems *problems);

/* Fills cfg->fallbacks. */
int cfg_fallbacks_fill(struct cfg *cfg);

#endif
