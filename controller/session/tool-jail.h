/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of tools in a sandbox of their own.
 */
#ifndef CONTROLLER_SESSION_TOOL_JAIL_H
#define CONTROLLER_SESSION_TOOL_JAIL_H

#include "controller/tools/backend.h"

struct ctl_sandbox;
struct ses_jail;

/* That it lives in; NULL: there is none. */
struct ctl_sandbox *ses_jail_sandbox(const struct ses_jail *jail);
void ses_jail_run(struct tool_call *call, const struct tool_command *what,
		  tool_outcome_fn *done);

#endif
