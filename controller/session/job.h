/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that may take long, in a forked copy of creeld: files that are copied,
 * a filter that is compiled.  The loop of creeld goes on meanwhile.
 */
#ifndef CONTROLLER_SESSION_JOB_H
#define CONTROLLER_SESSION_JOB_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "controller/core/fail.h"
#include "proto/wire.h"

struct event_base;
struct job;

#define JOB_CHILD_FD 3 /* the first that a copy is given; others follow */
#define JOB_CHILD_MAX_FDS 4

/* A copy of creeld. */
struct job_child {
	pid_t pid;  /* 0: none */
	int pid_fd; /* owned */
};

/*
 * As fork(2): 0 in the child, which has @fds from JOB_CHILD_FD on, /dev/null
 * below, nothing else of creeld's, and is killed when creeld ends; 1 in the
 * parent; -1 with errno.
 */
int job_child_fork(struct job_child *child, const int *fds, size_t n_fds);
/* It is killed, and taken away when it has ended. Idempotent. */
void job_child_end(struct job_child *child, struct event_base *base);

#define JOB_MAX_FDS WIRE_MAX_FDS
#define JOB_MAX_BYTES (256U << 10)
#define JOB_MAX 16 /* at once; more wait */

/* What the child gives back; fds are taken by whoever looks at them. */
struct job_result {
	struct ctl_fail fail;  /* ERR_NONE: it went well */
	uint8_t *bytes;        /* owned by the job */
	size_t len;
	int fds[JOB_MAX_FDS];  /* owned by the job until taken (-1 then) */
	size_t n_fds;
};

/*
 * In the child: no event loop, no database, no descriptor of creeld's (0 to 2
 * are /dev/null), no handler of a signal; it never returns from main().  Fills
 * @result (bytes by malloc).
 */
typedef void job_work_fn(void *arg, struct job_result *result);
typedef void job_done_fn(void *arg, struct job_result *result);

/*
 * @arg is the same for both; it is the caller's and outlives the job.
 * A job that is not done @timeout_ms after it was begun is killed and fails.
 * @done is called from the event loop, never from job_start(), also where no
 * process could be made. NULL: no memory, and @done will not be called.
 */
struct job *job_start(struct event_base *base, job_work_fn *work,
		      job_done_fn *done, void *arg, uint64_t timeout_ms);
/* The child is killed; done is not called. NULL is fine. */
void job_cancel(struct job *job);

#endif
