/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and processor time of one command on the host: a scope of the user's
 * systemd, or none at all.
 */
#ifndef CONTROLLER_CLI_TOOL_HOST_LIMIT_H
#define CONTROLLER_CLI_TOOL_HOST_LIMIT_H

#include "controller/tools/backend.h"

/*
 * Puts what limits it before @command's arguments, where limits are asked for.
 * *argv: owned; what is in it is not. *envp: replaced by that of the program
 * that comes first.  -1: they cannot be had, with the key that asks for them.
 */
int host_limit(struct tool_command *command, const char ***argv,
	       char *const **envp, struct err *err);

#endif
