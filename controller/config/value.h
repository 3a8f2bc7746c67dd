/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How values are read, with the reason where they cannot be.
 */
#ifndef CONTROLLER_CONFIG_VALUE_H
#define CONTROLLER_CONFIG_VALUE_H

#include "controller/config/schema.h"

/* "expected TEXT, not FOUND"; with a hint where one is known. */
struct cfg_why {
	char text[192];
	char found[64]; /* the part that is wrong; "": the value as a whole */
	char hint[128];
};

/* Fills @why, NULL for nobody to read; returns -1. */
int cfg_why_set(struct cfg_why *why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Names the part that is wrong. */
void cfg_why_found(struct cfg_why *why, const char *text, size_t len);
/* "did you mean X?" where a name is near. */
void cfg_why_nearest(struct cfg_why *why, const char *name,
		     const char *const *names, size_t count);

bool cfg_take_digits(const char **text, uint64_t max, uint64_t *value);
bool cfg_is_text(const struct cfg_node *node);

int cfg_read_size(const char *text, uint64_t *bytes);
int cfg_read_bytes(const char *text, uint64_t *bytes);
int cfg_read_path(const struct cfg_node *node, struct cfg_why *why);
int cfg_read_target(const char *text, struct cfg_why *why);
int cfg_read_protect(const char *text, struct cfg_why *why);
int cfg_read_tmpfs(struct cfg_tree *tree, const struct cfg_node *node,
		   struct cfg_tmpfs *out, struct cfg_why *why);
/* @home: NULL: the source stays as it is written */
int cfg_read_bind(struct cfg_tree *tree, const struct cfg_node *node,
		  const char *home, struct cfg_bind *out, struct cfg_why *why);
int cfg_read_ulimit(const struct cfg_node *node, struct cfg_ulimit *out,
		    struct cfg_why *why);
int cfg_read_host(struct cfg_tree *tree, const struct cfg_node *node,
		  struct cfg_host *out, struct cfg_why *why);
int cfg_read_address(const char *text, struct cfg_why *why);
int cfg_read_user(const char *text, struct cfg_why *why);
int cfg_read_name(const char *text, struct cfg_why *why);
int cfg_read_cap(const char *text, struct cfg_why *why);

#endif
