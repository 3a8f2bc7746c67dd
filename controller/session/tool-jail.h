/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of tools in a sandbox of their own.
 */
#ifndef CONTROLLER_SESSION_TOOL_JAIL_H
#define CONTROLLER_SESSION_TOOL_JAIL_H

#include "controller/tools/backend.h"

void ses_jail_run(struct tool_call *call, const struct tool_command *what,
		  tool_outcome_fn *done);

#endif
