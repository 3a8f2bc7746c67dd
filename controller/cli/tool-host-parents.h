/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories on the way to files that are written on the host.
 */
#ifndef CONTROLLER_CLI_TOOL_HOST_PARENTS_H
#define CONTROLLER_CLI_TOOL_HOST_PARENTS_H

#include "controller/tools/backend.h"

/* Those that were made, to be taken back. */
struct host_parents {
	char **paths; /* owned */
	size_t n;
};

int host_parents_make(struct host_parents *parents, struct tool_call *call,
		      const char *path);
/* @undo: removes what was made and is empty. */
void host_parents_fini(struct host_parents *parents, bool undo,
		       struct tool_call *call);
/*
 * The directory of a file's name, O_PATH. *base: owned.  With @follow a
 * symbolic link that may be followed stands for the file that it leads to.
 */
int host_parent_open(struct tool_call *call, const char *path, bool follow,
		     char **base);
/* mkdir -p; 0700 each */
int host_make_dir(const char *path);

#endif
