/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in a sandbox: requests to creel-init's workers, answered later.  The
 * controller opens no path that a sandbox can write to; what comes back is
 * bytes, from a message or a sealed memfd, and is believed to be no more.
 */
#ifndef CONTROLLER_CORE_FS_H
#define CONTROLLER_CORE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"
#include "proto/init.pb-c.h"

struct ctl_fs;
struct ctl_sandbox;

#define CTL_FS_MAX 24          /* at once in one sandbox; more wait, in order */
#define CTL_FS_TIMEOUT_SEC 35  /* creel-init ends its workers after 30 */

struct ctl_fs_answer {
	/* errno; EIO: the worker died, EPROTO: that cannot be the answer,
	 * ESHUTDOWN: the sandbox is gone */
	int sys;
	const Ini__Answer *msg;  /* checked; NULL where sys is set */
	const char *data;        /* of read */
	size_t len;
	uint32_t which;          /* of commit: the change that failed, from 1 */
};
typedef void ctl_fs_fn(void *arg, const struct ctl_fs_answer *answer);

/*
 * @req: READ, COMMIT, STAT or LIST_DIR; seq is filled in here, uid and gid are
 *       those of the sandbox's default user. Copied.
 * @fd:  of commit: a sealed memfd, borrowed; else -1
 *
 * Return: to be cancelled while it is not answered; NULL: no memory, or the
 * sandbox does not live. @done is called from the event loop, never from here.
 */
struct ctl_fs *ctl_fs_ask(struct ctl_sandbox *sandbox, Ini__Request *req,
			  int fd, ctl_fs_fn *done, void *arg, struct err *err);
void ctl_fs_cancel(struct ctl_fs *fs); /* @done is not called */

/* A sealed memfd with these bytes; -1. */
int ctl_fs_memfd(const void *bytes, size_t len, struct err *err);

/* For init.c and sandbox.c. */
bool ctl_fs_answer(struct ctl_sandbox *sandbox, const Ini__Answer *msg, int fd);
void ctl_fs_sandbox_gone(struct ctl_sandbox *sandbox);
void ctl_fs_free(struct ctl_sandbox *sandbox);

#endif
