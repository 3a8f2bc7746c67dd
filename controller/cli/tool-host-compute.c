// SPDX-License-Identifier: Apache-2.0
/*
 * Tools outside of any sandbox: work that may take long, in a process of its
 * own that can be given up.
 */
#include <config.h>

#include "controller/cli/tool-host-own.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define STEP_BYTES 65536
#define MAX_BYTES (64U << 20)

struct bytes {
	char *at; /* owned */
	size_t len, room;
};

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static _Noreturn void work_and_exit(char *(*work)(void *arg, size_t *len),
				    void *arg, int fd)
{
	size_t len = 0;
	char *bytes;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(fd, 3) < 0 || close_range(4, ~0U, 0) < 0)
		_exit(1);
	bytes = work(arg, &len);
	for (size_t at = 0; bytes && at < len;) {
		ssize_t put = write(3, bytes + at, len - at);

		if (put < 0 && errno != EINTR)
			_exit(1);
		at += put > 0 ? (size_t)put : 0;
	}
	_exit(bytes ? 0 : 1);
}

static bool make_room(struct bytes *bytes)
{
	size_t room = bytes->room ? bytes->room * 2 : 2 * STEP_BYTES;
	char *more;

	if (bytes->room - bytes->len > STEP_BYTES)
		return true;
	more = room > MAX_BYTES ? NULL : realloc(bytes->at, room);
	if (!more)
		return false;
	bytes->at = more;
	bytes->room = room;
	return true;
}

/* Return: whether its end came in time. */
static bool read_all(int fd, struct bytes *bytes, int64_t until)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int64_t left;
	ssize_t got = 1;

	while (got > 0) {
		left = until - now_ms();
		if (left <= 0 || !make_room(bytes))
			return false;
		if (poll(&ready, 1, left > INT32_MAX ? INT32_MAX : (int)left) <=
		    0)
			continue;
		got = read(fd, bytes->at + bytes->len, STEP_BYTES);
		if (got > 0)
			bytes->len += (size_t)got;
	}
	return got == 0;
}

/**
 * host_compute() - pure work, for a time
 */
void host_compute(struct tool_call *call, char *(*work)(void *arg, size_t *len),
		  void *arg, uint64_t timeout_ms,
		  void (*done)(struct tool_call *call, const char *bytes,
			       size_t len))
{
	int64_t ms = timeout_ms > INT32_MAX ? INT32_MAX : (int64_t)timeout_ms;
	struct bytes bytes = { .at = NULL };
	int ends[2] = { -1, -1 };
	int status = 0;
	bool whole = false;
	pid_t pid = -1;

	if (pipe2(ends, O_CLOEXEC) == 0)
		pid = fork();
	if (pid == 0)
		work_and_exit(work, arg, ends[1]);
	fd_close(&ends[1]);
	if (pid > 0)
		whole = read_all(ends[0], &bytes, now_ms() + ms);
	if (pid > 0 && !whole)
		(void)kill(pid, SIGKILL);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	fd_close(&ends[0]);
	whole = whole && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	done(call, whole ? bytes.at : NULL, whole ? bytes.len : 0);
	free(bytes.at);
}

/**
 * host_cancel() - nothing to do: whoever cancels a call ends its process
 */
void host_cancel(struct tool_call *call)
{
	(void)call;
}
