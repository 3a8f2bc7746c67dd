/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A patch that is being applied: patch.c goes its way, patching.c knows its
 * files and says what went wrong with them.
 */
#ifndef CONTROLLER_TOOLS_PATCHING_H
#define CONTROLLER_TOOLS_PATCHING_H

#include "controller/tools/backend.h"
#include "controller/tools/patch.h"

#define PATCHING_MAX_BYTES (32U << 20) /* of all files together */

/* One for each of patch->ops. */
struct patching_target {
	char *path, *rel;     /* owned; as it is written, and for the backend */
	char *to, *to_rel;    /* owned; of a move; NULL */
	struct tool_stamp stamp;
	uint32_t mode;
	char *bytes;          /* owned; old, then new; of what is added too */
	size_t len;
};

struct patching {
	struct patch patch;
	struct patching_target *targets; /* owned */
	size_t at;       /* the one that is read */
	size_t total;    /* bytes read */
	bool keep_end;
	bool again;      /* all has been read twice */
	struct tool_change changes[TOOL_MAX_CHANGES];
	size_t changed[TOOL_MAX_CHANGES]; /* whose change that is */
	size_t n_changes;
};

/* -1: the call is over */
int patching_parse(struct tool_call *call);

/* Appends what that op's file becomes. */
int patching_update(const struct patching *patching, size_t which,
		    struct patch_output *all, struct patch_problem *problem);

/* Ends of the call. */
void patching_done(struct tool_call *call);
void patching_fail_file(struct tool_call *call, size_t which, int sys);
void patching_fail_hunk(struct tool_call *call,
			const struct patch_problem *problem);

#endif
