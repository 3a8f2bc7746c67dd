// SPDX-License-Identifier: Apache-2.0
/*
 * Jobs: a forked copy of creeld does the work and sends back one result.  The
 * copy may parse what a person or a sandbox wrote, so that its result is read
 * as any peer's: bounded, and believed only as far as it is well formed.
 */
#include <config.h>

#include "controller/session/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/core/conn.h"
#include "controller/core/map.h"
#include "proto/cleanup.h"

#define RESULT_FD JOB_CHILD_FD
#define CHUNK_BYTES (32U << 10)
#define NICE 5
#define MAGIC 0x6a6f6231U

/* The first datagram of a result; bytes follow in as many as they need. */
struct head {
	uint32_t magic;
	uint32_t n_fds;
	uint64_t len;
	struct ctl_fail fail;
};

struct job {
	TAILQ_ENTRY(job) link;
	struct event_base *base; /* borrowed */
	job_work_fn *work;
	job_done_fn *done;
	void *arg;
	uint64_t timeout_ms;
	struct job_child child;
	struct ctl_conn conn;
	struct event *timer; /* owned */
	struct job_result result;
	size_t want; /* of its bytes */
	bool has_head;
	bool waits; /* for its turn */
	bool over;
};

static TAILQ_HEAD(, job) running = TAILQ_HEAD_INITIALIZER(running);
static TAILQ_HEAD(, job) waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned int n_running;

static int send_result(const struct job_result *result, struct err *err)
{
	struct head head = { .magic = MAGIC, .fail = result->fail };

	if (result->fail.err.code == ERR_NONE) {
		head.len = result->len;
		head.n_fds = (uint32_t)result->n_fds;
	}
	if (wire_send(RESULT_FD, &head, sizeof(head), result->fds, head.n_fds,
		      err) < 0)
		return -1;
	for (size_t at = 0; at < head.len; at += CHUNK_BYTES) {
		size_t left = head.len - at;

		if (wire_send(RESULT_FD, result->bytes + at,
			      left < CHUNK_BYTES ? left : CHUNK_BYTES, NULL, 0,
			      err) < 0)
			return -1;
	}
	return 0;
}

static __attribute__((noreturn)) void run_child(struct job *job)
{
	struct job_result result = { .fail = CTL_FAIL_INIT };
	struct err err = ERR_INIT;

	(void)setpriority(PRIO_PROCESS, 0, NICE);
	job->work(job->arg, &result);
	if (result.fail.err.code == ERR_NONE &&
	    (result.len > JOB_MAX_BYTES || result.n_fds > JOB_MAX_FDS))
		err_set(&result.fail.err, ERR_LIMIT, 0,
			"a result of %zu bytes and %zu descriptors", result.len,
			result.n_fds);
	_exit(send_result(&result, &err) < 0);
}

static void result_fini(struct job_result *result)
{
	free(result->bytes);
	result->bytes = NULL;
	for (size_t i = 0; i < result->n_fds; i++)
		fd_close(&result->fds[i]);
	result->n_fds = 0;
}

static void job_free(struct job *job)
{
	ctl_conn_close(&job->conn);
	/* A file system that hangs may put off its end: nobody waits for it. */
	job_child_end(&job->child, job->base);
	result_fini(&job->result);
	if (job->timer)
		event_free(job->timer);
	free(job);
}

/* It is over: the callback comes when the present turn is. */
static void end(struct job *job)
{
	ctl_conn_close(&job->conn);
	job->over = true;
	event_active(job->timer, EV_TIMEOUT, 0);
}

static void end_with(struct job *job, enum err_code code, int sys,
		     const char *text)
{
	result_fini(&job->result);
	err_set(&job->result.fail.err, code, sys, "%s", text);
	end(job);
}

static bool take_head(struct job *job, struct wire_frame *frame)
{
	struct job_result *result = &job->result;
	struct head head;

	if (frame->len != sizeof(head))
		return false;
	memcpy(&head, frame->buf, sizeof(head));
	head.fail.err.text[sizeof(head.fail.err.text) - 1] = '\0';
	head.fail.hint[sizeof(head.fail.hint) - 1] = '\0';
	if (head.magic != MAGIC || head.len > JOB_MAX_BYTES ||
	    head.n_fds > JOB_MAX_FDS || head.n_fds != frame->n_fds ||
	    (unsigned int)head.fail.err.code > ERR_INTERNAL)
		return false;
	result->fail = head.fail;
	job->has_head = true;
	job->want = head.len;
	result->bytes = malloc(head.len + 1);
	if (!result->bytes)
		return false;
	for (size_t i = 0; i < head.n_fds; i++)
		result->fds[i] = wire_frame_take_fd(frame, i);
	result->n_fds = head.n_fds;
	return true;
}

static bool take_bytes(struct job *job, const struct wire_frame *frame)
{
	struct job_result *result = &job->result;

	if (frame->n_fds > 0 || frame->len > job->want - result->len)
		return false;
	memcpy(result->bytes + result->len, frame->buf, frame->len);
	result->len += frame->len;
	return true;
}

static void on_frame(struct ctl_conn *conn, struct wire_frame *frame)
{
	struct job *job = container_of(conn, struct job, conn);

	if (!(job->has_head ? take_bytes(job, frame) : take_head(job, frame)))
		end_with(job, ERR_INTERNAL, 0, "a result that makes no sense");
	else if (job->result.len == job->want)
		end(job);
}

static void on_end(struct ctl_conn *conn, const struct err *why)
{
	struct job *job = container_of(conn, struct job, conn);

	(void)why;
	end_with(job, ERR_INTERNAL, 0, "its process ended without a result");
}

static const struct ctl_conn_ops conn_ops = {
	.max_in_fds = JOB_MAX_FDS,
	.max_out_bytes = WIRE_FRAME_MAX_BYTES,
	.max_queue_bytes = WIRE_FRAME_MAX_BYTES,
	.on_frame = on_frame,
	.on_end = on_end,
};

static int spawn(struct job *job)
{
	static uint8_t buf[WIRE_FRAME_MAX_BYTES];
	auto_fd ours = -1;
	auto_fd theirs = -1;
	int fds[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	ours = fds[0];
	theirs = fds[1];
	if (ctl_conn_open(&job->conn, job->base, ours, &conn_ops, buf) < 0)
		return -1;
	(void)fd_take(&ours);
	ret = job_child_fork(&job->child, &theirs, 1);
	if (ret == 0)
		run_child(job);
	return ret;
}

static void begin(struct job *job)
{
	const struct timeval after = {
		.tv_sec = (time_t)(job->timeout_ms / 1000),
		.tv_usec = (suseconds_t)(job->timeout_ms % 1000) * 1000,
	};

	TAILQ_INSERT_TAIL(&running, job, link);
	n_running++;
	(void)event_add(job->timer, &after);
	if (spawn(job) < 0)
		end_with(job, ERR_KERNEL, errno, "a process for it");
}

static void leave(struct job *job)
{
	struct job *next = TAILQ_FIRST(&waiting);

	TAILQ_REMOVE(&running, job, link);
	n_running--;
	if (!next)
		return;
	TAILQ_REMOVE(&waiting, next, link);
	next->waits = false;
	begin(next);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct job *job = arg;

	(void)fd;
	(void)what;
	if (!job->over) {
		result_fini(&job->result);
		err_set(&job->result.fail.err, ERR_LIMIT, 0,
			"it took more than %llu s",
			(unsigned long long)(job->timeout_ms / 1000));
	}
	leave(job);
	job->done(job->arg, &job->result);
	job_free(job);
}

/**
 * job_start() - have work done in another process, now or when it has its turn
 * @base: the one loop of this process
 */
struct job *job_start(struct event_base *base, job_work_fn *work,
		      job_done_fn *done, void *arg, uint64_t timeout_ms)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->base = base;
	job->work = work;
	job->done = done;
	job->arg = arg;
	job->timeout_ms = timeout_ms;
	job->child.pid_fd = -1;
	job->result.fail = (struct ctl_fail)CTL_FAIL_INIT;
	ctl_conn_init(&job->conn);
	job->timer = event_new(base, -1, 0, on_timer, job);
	if (!job->timer) {
		free(job);
		return NULL;
	}
	job->waits = n_running >= JOB_MAX;
	if (job->waits)
		TAILQ_INSERT_TAIL(&waiting, job, link);
	else
		begin(job);
	return job;
}

/**
 * job_cancel() - nobody wants its result any more
 */
void job_cancel(struct job *job)
{
	if (!job)
		return;
	if (job->waits)
		TAILQ_REMOVE(&waiting, job, link);
	else
		leave(job);
	job_free(job);
}
