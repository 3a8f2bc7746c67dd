/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From two levels of a configuration to one value, with where it is from.
 */
#ifndef CONTROLLER_POLICY_VALUES_H
#define CONTROLLER_POLICY_VALUES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "controller/policy/key.h"
#include "controller/policy/resolve.h"

/* One session's resolution. */
struct pol_work {
	struct pol_session *session; /* borrowed */
	const struct cfg *cfg;       /* borrowed */
	struct err *err;             /* borrowed */
};

/* The row of a value in the table of keys. */
const struct cfg_key *pol_value_row(enum pol_value value);

/*
 * Fills values[] and origins[] of the session: the agent's, the global one or
 * the default, or what the merge rule of the key makes of them.  -1: no memory.
 */
int pol_value_merge(struct pol_work *work, enum pol_value value);
void pol_value_note(struct pol_work *work, enum pol_value value,
		    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* -1, with an error that names the key and where it is. */
int pol_value_bad(struct pol_work *work, enum pol_value value,
		  const char *why);

/* Typed access; NULL or 0 for a value that is not set. */
const char *pol_value_text(struct pol_work *work, enum pol_value value);
const char *pol_node_text(struct cfg_tree *tree, const struct cfg_node *node);
bool pol_value_is_true(const struct pol_session *session,
		       enum pol_value value);
double pol_value_number(const struct pol_session *session,
			enum pol_value value);
int pol_value_strings(struct pol_work *work, enum pol_value value,
		      const char *const **list, size_t *count);
/* A path of the host: ~ expanded, no slash at its end, absolute. */
int pol_value_path(struct pol_work *work, enum pol_value value,
		   const char **path);
int pol_no_memory(struct err *err);

/* docker.c: the values of the docker section. */
int pol_docker_resolve(struct pol_work *work);
/* digest.c */
void pol_session_hash(struct pol_session *session);

#endif
