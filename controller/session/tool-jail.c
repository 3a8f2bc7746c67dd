// SPDX-License-Identifier: Apache-2.0
/*
 * Commands of tools in a sandbox of their own.
 */
#include <config.h>

#include "controller/session/tool-jail.h"

/**
 * ses_jail_run() - run() for a command with a jail
 */
void ses_jail_run(struct tool_call *call, const struct tool_command *what,
		  tool_outcome_fn *done)
{
	struct tool_outcome outcome = { .running = false };

	(void)what;
	err_set(&outcome.fail, ERR_UNSUPPORTED, 0, "jails: there are none");
	done(call, &outcome);
}
