/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of a tree against the table of keys.
 */
#ifndef CONTROLLER_CONFIG_CHECK_H
#define CONTROLLER_CONFIG_CHECK_H

#include "controller/config/config.h"

#define CFG_PATH_BYTES 200

/* A way down the tree, kept on the stack while it is walked. */
struct cfg_step {
	const struct cfg_step *up; /* NULL: the root */
	const struct cfg_node *node; /* member of an object, by its key */
	size_t index; /* of an array, where the node has no key */
};

struct cfg_check {
	struct cfg_tree *mem;
	bool toml;
	struct cfg_problems *problems;
};

/* "agents.list[2].sandbox.mode" */
void cfg_step_text(const struct cfg_step *step, char text[CFG_PATH_BYTES]);
/* "\"12 bananas\"", "7", "an object" */
void cfg_found_text(const struct cfg_check *check, const struct cfg_node *node,
		    char text[96]);
/* "KEY: expected WHAT, not FOUND" */
void cfg_check_expected(const struct cfg_check *check,
			const struct cfg_step *step, const char *expected);
/* One value, of one row. */
void cfg_check_value(const struct cfg_check *check, const struct cfg_key *key,
		     const struct cfg_step *step);

/* The ids of one file's agents: each has one, and one of its own. */
void cfg_check_ids(const struct cfg_check *check, const struct cfg_node *root);

/* A section of the table: what an object may have. */
struct cfg_section {
	const char *name;
	size_t len; /* of it */
	const struct cfg_key *key; /* NULL: it has sections of its own */
	bool open;	   /* members that are not in it are somebody else's */
	bool list;	   /* an array of objects */
	bool any;	   /* an object whose members all are as first says */
	struct cfg_section *first;
	struct cfg_section *next;
};

/* In the tree; NULL where there is no memory. */
struct cfg_section *cfg_sections(struct cfg_tree *mem);

#endif
