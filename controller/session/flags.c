// SPDX-License-Identifier: Apache-2.0
/*
 * Flags of a request that cannot be answered yet: a copy, with the descriptors
 * that came along.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "controller/session/manager.h"
#include "proto/cleanup.h"

static Ctl__Exec *copy_message(const Ctl__Exec *msg)
{
	size_t len = ctl__exec__get_packed_size(msg);
	auto_free uint8_t *bytes = malloc(len + 1);

	return bytes ? ctl__exec__unpack(NULL, ctl__exec__pack(msg, bytes),
					 bytes) :
		       NULL;
}

/**
 * ses_flags_take() - keep the flags of a request, if it has any
 * @flags: zeroed
 * @frame: its descriptors are taken over
 */
int ses_flags_take(struct ses_flags *flags, const Ctl__Exec *msg,
		   struct wire_frame *frame, struct ctl_fail *fail)
{
	Ctl__Exec copy = *msg;

	if (msg->n_given == 0 && (!msg->spec || !msg->spec->user[0]))
		return 0;
	copy.command = NULL;
	copy.config = NULL;
	flags->msg = copy_message(&copy);
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
 * ses_flags_copy() - the same flags once more
 * @flags: zeroed
 */
int ses_flags_copy(struct ses_flags *flags, const struct ses_flags *from,
		   struct ctl_fail *fail)
{
	if (!from->msg)
		return 0;
	flags->msg = copy_message(from->msg);
	if (!flags->msg)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "flags");
	for (size_t i = 0; i < from->n_fds; i++) {
		flags->fds[i] = fcntl(from->fds[i], F_DUPFD_CLOEXEC, 3);
		if (from->fds[i] >= 0 && flags->fds[i] < 0) {
			int saved = errno;

			flags->n_fds = i;
			ses_flags_fini(flags);
			return err_set(&fail->err, ERR_KERNEL, saved, "flags");
		}
		flags->n_fds = i + 1;
	}
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
