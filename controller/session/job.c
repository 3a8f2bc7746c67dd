// SPDX-License-Identifier: Apache-2.0
/*
 * Jobs: a forked copy of creeld does the work and sends back one result.  The
 * copy may parse what a person or a sandbox wrote, so that its result is read
 * as any peer's: bounded, and believed only as far as it is well formed.
 */
#include <config.h>

#include "controller/session/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/core/conn.h"
#include "controller/core/log.h"
#include "controller/core/map.h"
#include "proto/cleanup.h"

#define RESULT_FD 3
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
	pid_t pid;   /* 0: it waits, or is reaped by somebody else */
	int pid_fd;  /* owned */
	struct ctl_conn conn;
	struct event *timer; /* owned */
	struct job_result result;
	size_t want; /* of its bytes */
	bool has_head;
	bool waits; /* for its turn */
	bool over;
};

/* A process that is done with and has not ended yet. */
struct reaper {
	struct event *event; /* owned */
	int pid_fd;          /* owned */
};

static TAILQ_HEAD(, job) running = TAILQ_HEAD_INITIALIZER(running);
static TAILQ_HEAD(, job) waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned int n_running;

static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * From here on nothing is shared with creeld but the socket: a lock of the
 * database is its process's, and closing a copied descriptor gives none back.
 */
static bool become_child(int fd, pid_t parent)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    getppid() != parent)
		return false;
	/* Out of the way of the low numbers first. */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 16);
	if (fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 ||
	    dup2(null_fd, 2) < 0 || dup2(fd, RESULT_FD) < 0 ||
	    close_range(RESULT_FD + 1, ~0U, 0) < 0)
		return false;
	reset_signals();
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	return true;
}

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

static __attribute__((noreturn)) void run_child(struct job *job, int fd,
						pid_t parent)
{
	struct job_result result = { .fail = CTL_FAIL_INIT };
	struct err err = ERR_INIT;

	if (!become_child(fd, parent))
		_exit(1);
	job->work(job->arg, &result);
	if (result.fail.err.code == ERR_NONE &&
	    (result.len > JOB_MAX_BYTES || result.n_fds > JOB_MAX_FDS))
		err_set(&result.fail.err, ERR_LIMIT, 0,
			"a result of %zu bytes and %zu descriptors", result.len,
			result.n_fds);
	_exit(send_result(&result, &err) < 0);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct reaper *reaper = arg;
	siginfo_t info = { 0 };

	(void)what;
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) == 0 &&
	    info.si_pid == 0)
		return;
	if (info.si_code != CLD_EXITED && info.si_status != SIGKILL)
		ctl_log(CTL_LOG_ERR, "job: killed by signal %d",
			info.si_status);
	event_free(reaper->event);
	fd_close(&reaper->pid_fd);
	free(reaper);
}

/*
 * Takes the process away when it has ended, which a file system that hangs may
 * put off: nobody waits for it.
 */
static void reap(struct job *job)
{
	struct reaper *reaper;

	if (job->pid <= 0)
		return;
	(void)kill(job->pid, SIGKILL);
	reaper = calloc(1, sizeof(*reaper));
	if (reaper) {
		reaper->pid_fd = job->pid_fd;
		reaper->event = event_new(job->base, job->pid_fd,
					  EV_READ | EV_PERSIST, on_ended,
					  reaper);
	}
	if (reaper && reaper->event && event_add(reaper->event, NULL) == 0) {
		job->pid_fd = -1;
	} else {
		if (reaper && reaper->event)
			event_free(reaper->event);
		free(reaper);
		(void)waitpid(job->pid, NULL, 0);
	}
	job->pid = 0;
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
	reap(job);
	fd_close(&job->pid_fd);
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
	const pid_t parent = getpid();
	auto_fd ours = -1;
	auto_fd theirs = -1;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	ours = fds[0];
	theirs = fds[1];
	if (ctl_conn_open(&job->conn, job->base, ours, &conn_ops, buf) < 0)
		return -1;
	(void)fd_take(&ours);
	job->pid = fork();
	if (job->pid == 0)
		run_child(job, theirs, parent);
	if (job->pid < 0)
		return -1;
	job->pid_fd = (int)syscall(SYS_pidfd_open, job->pid, 0);
	return job->pid_fd;
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
	job->pid_fd = -1;
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
