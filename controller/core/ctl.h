/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller's core: sandboxes, commands and clients of one user, driven
 * by events.  creeld runs one; `creel run --no-daemon` embeds one and is its
 * only client, over a socketpair.
 */
#ifndef CONTROLLER_CORE_CTL_H
#define CONTROLLER_CORE_CTL_H

#include <stdbool.h>

#include "proto/err.h"

struct event_base;
struct ctl;
struct ctl_hooks;

/* Why a controller has come to its end. */
enum ctl_end {
	CTL_END_INVALID = 0,
	CTL_END_IDLE,      /* idle_timeout_sec passed with nothing to do */
	CTL_END_HELPER,    /* the helper is gone, and its sandboxes with it */
	CTL_END_VIOLATION, /* the helper broke the protocol */
	CTL_END_FAILED,    /* no memory or no descriptors left to go on */
};

struct ctl_options {
	/*
	 * Seconds without sandbox, command and client after which the
	 * controller ends; 0: never.
	 */
	unsigned int idle_timeout_sec;
	/*
	 * Directories that no sandbox may get to see, beside the runtime and
	 * state directories of this uid: NULL-terminated, borrowed, may be
	 * NULL.
	 */
	const char *const *protect;
	/*
	 * Where sessions keep their workspaces, absolute; NULL: as creeld(8)
	 * says.
	 */
	const char *state_dir;
	/*
	 * Called once, from the event loop, when the controller has come to
	 * its end; @why is for the log. All clients have been told and dropped.
	 * The callee may break the loop, and must not call ctl_free() itself.
	 */
	void (*on_end)(void *arg, enum ctl_end end, const char *why);
	void *on_end_arg;
	const struct ctl_hooks *hooks; /* borrowed; NULL: none */
};

struct ctl *ctl_new(struct event_base *base, int helper_fd,
		    const struct ctl_options *options, struct err *err);
int ctl_add_client(struct ctl *ctl, int fd, struct err *err);
void ctl_free(struct ctl *ctl);

#endif
