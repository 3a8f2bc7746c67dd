// SPDX-License-Identifier: Apache-2.0
/*
 * Commands of tools in a sandbox of their own.
 */
#include <config.h>

#include "controller/compat/firejail.h"
#include "controller/session/tool-jail.h"

/**
 * ses_jail_sandbox() - the sandbox of a jail
 */
struct ctl_sandbox *ses_jail_sandbox(const struct ses_jail *jail)
{
	(void)jail;
	return NULL;
}

/**
 * ses_jail_run() - run() for a command with a jail
 */
void ses_jail_run(struct tool_call *call, const struct tool_command *what,
		  tool_outcome_fn *done)
{
	struct tool_outcome outcome = { .running = false };

	err_set(&outcome.fail, ERR_UNSUPPORTED, 0,
		"%s: sandboxes of firejail's flags cannot be made",
		what->jail->key);
	done(call, &outcome);
}
