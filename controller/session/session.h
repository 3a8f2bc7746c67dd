/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: which sandbox serves which session, made when it is first used,
 * made anew when its configuration has changed.  Hooks into controller/core.
 */
#ifndef CONTROLLER_SESSION_SESSION_H
#define CONTROLLER_SESSION_SESSION_H

#include <stdint.h>

#include "controller/core/hooks.h"
#include "proto/err.h"

struct event_base;
struct ses;

#define SES_REBUILD_AFTER_SEC 300

struct ses_options {
	const char *runtime_dir; /* of creel's socket; NULL: not known */
	/*
	 * A sandbox whose configuration has changed is made anew at its next
	 * use, unless it was used within so many seconds.
	 */
	unsigned int rebuild_after_sec;
};

/* Copies @options. Its hooks are ctl_new()'s, and live as long as it does. */
struct ses *ses_new(struct event_base *base, const struct ses_options *options,
		    struct err *err);
const struct ctl_hooks *ses_hooks(struct ses *ses);
/* After ctl_free(). */
void ses_free(struct ses *ses);

#endif
