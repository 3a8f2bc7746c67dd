/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request for a sandbox that creeld makes itself.  Private to shape*.c.
 */
#ifndef CONTROLLER_SESSION_SHAPE_H
#define CONTROLLER_SESSION_SHAPE_H

#include "controller/session/manager.h"

#define SHAPE_MAX_LIST 128

/* The request, with what it points to. */
struct shape {
	Ctl__Spec msg;
	struct wire_frame frame;
	Ctl__Bind bind[CTL_MAX_MOUNTS];
	Ctl__Bind *binds[CTL_MAX_MOUNTS];
	Ctl__TmpfsMount tmpfs[CTL_MAX_MOUNTS];
	Ctl__TmpfsMount *tmpfs_list[CTL_MAX_MOUNTS];
	Ctl__Ulimit ulimit[SHAPE_MAX_LIST];
	Ctl__Ulimit *ulimits[SHAPE_MAX_LIST];
	Ctl__Host host[SHAPE_MAX_LIST];
	Ctl__Host *hosts[SHAPE_MAX_LIST];
};

void shape_free(struct shape **shape);
bool shape_is_given(const struct ses_flags *flags, const char *name);
struct shape *shape_new(const struct pol_session *session,
			struct ses_parts *parts, struct ses_flags *flags,
			struct ctl_fail *fail);

#define auto_shape __attribute__((cleanup(shape_free))) struct shape

#endif
