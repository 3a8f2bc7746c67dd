/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of tools, for what decides about them.
 */
#ifndef CONTROLLER_POLICY_STAGE_H
#define CONTROLLER_POLICY_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/policy/tools.h"

struct pol_stage_lists {
	struct pol_list allow;
	struct pol_list deny;
	struct pol_list profile; /* no names: what else would change it */
	struct pol_list also;    /* likewise */
};

struct pol_policy {
	struct cfg_tree *mem;              /* owned */
	const struct pol_session *session; /* borrowed */
	bool subagent;
	struct pol_stage_lists stages[POL_STAGE_COUNT];
};

/* names.c: in lower case, without blanks, aliases folded; -1: too long. */
int pol_tool_fold(const char *text, char name[POL_TOOL_BYTES]);
/* The members of "group:fs", ended by NULL; NULL: no such group. */
const char *const *pol_group_find(const char *name);
/* The list of a profile, ended by NULL; NULL: it has none. */
const char *const *pol_profile_find(const char *name);
bool pol_glob_match(const char *pattern, const char *name);

/* refusal.c: add what would change it. */
void pol_refusal_fixes(const struct pol_policy *policy,
		       const struct pol_refusal *refusal,
		       struct pol_decision *decision);

/* lists.c */
int pol_list_read(struct cfg_tree *mem, const struct cfg_node *node,
		  struct pol_list *list);
int pol_list_texts(struct cfg_tree *mem, const char *const *texts,
		   struct pol_list *list);
int pol_list_join(struct cfg_tree *mem, struct pol_list *list,
		  const struct pol_list *more);
bool pol_list_has(const struct pol_list *list, const char *name);

#endif
