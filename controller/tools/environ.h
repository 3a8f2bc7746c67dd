/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of a command, as pass_parent_env and env_allowlist of
 * MiniBot's tools have it.
 */
#ifndef CONTROLLER_TOOLS_ENVIRON_H
#define CONTROLLER_TOOLS_ENVIRON_H

#include "controller/tools/tool.h"

struct tool_environ {
	struct cfg_tree *mem; /* borrowed: holds the list */
	const char **pairs;   /* NULL-terminated once it is made */
	size_t n, room;
};

struct tool_environ_rules {
	const char *pass_key; /* "tools.bash.pass_parent_env" */
	const char *list_key; /* "tools.bash.env_allowlist" */
	bool inside;          /* a sandbox: there is no caller's environment */
};

/* -1 without memory. */
int tool_environ_make(struct tool_environ *environ,
		      const struct tool_env *where,
		      const struct tool_environ_rules *rules);
/* The last of one name counts; @pair is borrowed. */
int tool_environ_set(struct tool_environ *environ, const char *pair);
void tool_environ_unset(struct tool_environ *environ, const char *name);

#endif
