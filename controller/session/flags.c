// SPDX-License-Identifier: Apache-2.0
/*
 * Flags of a request that cannot be answered yet: a copy, with the descriptors
 * that came along.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "controller/session/manager.h"
#include "proto/cleanup.h"

/**
 * ses_flags_take() - keep the flags of a request, if it has any
 * @flags: zeroed
 * @frame: its descriptors are taken over
 */
int ses_flags_take(struct ses_flags *flags, const Ctl__Exec *msg,
		   struct wire_frame *frame, struct ctl_fail *fail)
{
	Ctl__Exec copy = *msg;
	auto_free uint8_t *bytes = NULL;
	size_t len;

	if (msg->n_given == 0 && (!msg->spec || !msg->spec->user[0]))
		return 0;
	copy.command = NULL;
	copy.config = NULL;
	len = ctl__exec__get_packed_size(&copy);
	bytes = malloc(len);
	if (bytes)
		flags->msg = ctl__exec__unpack(
			NULL, ctl__exec__pack(&copy, bytes), bytes);
	if (!flags->msg || !flags->msg->spec) {
		ses_flags_fini(flags);
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "flags");
	}
	flags->n_fds = frame->n_fds;
	for (size_t i = 0; i < frame->n_fds; i++)
		flags->fds[i] = wire_frame_take_fd(frame, i);
	return 0;
}

/**
 * ses_flags_fini() - release; idempotent
 */
void ses_flags_fini(struct ses_flags *flags)
{
	if (flags->msg)
		ctl__exec__free_unpacked(flags->msg, NULL);
	flags->msg = NULL;
	for (size_t i = 0; i < flags->n_fds; i++)
		fd_close(&flags->fds[i]);
	flags->n_fds = 0;
}
