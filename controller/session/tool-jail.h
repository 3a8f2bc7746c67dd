/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of tools in a sandbox of their own: made for one call from what
 * firejail's flags say, and gone with it.  What no flag names of the host is
 * not there; image, limits, filter and network are those of the session's
 * sandbox, whether it has one or not.
 */
#ifndef CONTROLLER_SESSION_TOOL_JAIL_H
#define CONTROLLER_SESSION_TOOL_JAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/tools/backend.h"

struct ctl_fail;
struct ctl_sandbox;
struct ses;
struct ses_call;
struct ses_jail;

/* That it lives in; NULL: there is none. */
struct ctl_sandbox *ses_jail_sandbox(const struct ses_jail *jail);
/* backend.run with a jail; @what and all of it lives until @done. */
void ses_jail_run(struct tool_call *call, const struct tool_command *what,
		  tool_outcome_fn *done);
/* Whoever waits for it is told; what runs in it already is not ended here. */
void ses_jail_cancel(struct ses_call *call);
/* The call is over: nothing is left of its jail, soon. */
void ses_jail_drop(struct ses_call *call);

/* Hooks of the core; those of other sandboxes are nothing to it. */
void ses_jails_live(struct ses *ses, struct ctl_sandbox *sandbox);
void ses_jails_failed(struct ses *ses, const struct ctl_sandbox *sandbox,
		      const struct ctl_fail *fail);
void ses_jails_end(struct ses *ses, const struct ctl_sandbox *sandbox);
void ses_jails_gone(struct ses *ses, const struct ctl_sandbox *sandbox);
/* Those of an earlier creeld end: their calls have. */
void ses_jails_ready(struct ses *ses);
/* The core has gone: no sandbox may be looked at any more. */
void ses_jails_forget(struct ses *ses);
void ses_jails_free(struct ses *ses);

/*
 * tool-jail-store.c: backend.commit for a call whose session has no sandbox: a
 * new file below call->root on the host.
 */
void ses_jail_store(struct ses_call *call, const struct tool_change *change);

#endif
