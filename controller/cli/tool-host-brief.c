// SPDX-License-Identifier: Apache-2.0
/*
 * Tools outside of any sandbox: a folder that goes with its call.  The process
 * of a call may be killed at any moment, so that another one waits for its end
 * and removes what it has left.
 */
#include <config.h>

#include "controller/cli/tool-host-own.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controller/core/remove.h"
#include "proto/cleanup.h"

#define TRIES 200
#define TRY_NSEC 50000000L /* what was run there may be ending still */
#define PIPE_FD 3
#define DIR_FD 4

/* Signals are blocked in it, as they were where it was forked. */
static _Noreturn void watch(int pipe_fd, int dir_fd, const char *name)
{
	const struct timespec pause = { .tv_nsec = TRY_NSEC };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;

	pipe_fd = fcntl(pipe_fd, F_DUPFD_CLOEXEC, DIR_FD + 1);
	dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, DIR_FD + 1);
	if (pipe_fd < 0 || dir_fd < 0 || dup2(pipe_fd, PIPE_FD) < 0 ||
	    dup2(dir_fd, DIR_FD) < 0)
		_exit(1);
	for (int i = 0; i < PIPE_FD && null_fd >= 0; i++)
		(void)dup2(null_fd, i);
	(void)close_range(DIR_FD + 1, ~0U, 0);
	(void)setsid();
	if (chdir("/") < 0)
		_exit(1);
	while (read(PIPE_FD, &byte, 1) < 0 && errno == EINTR)
		continue;
	for (int i = 0; i < TRIES; i++) {
		unsigned int budget = UINT_MAX;

		if (ctl_remove_tree(DIR_FD, name, &budget) == CTL_REMOVED_ALL)
			break;
		(void)nanosleep(&pause, NULL);
	}
	_exit(0);
}

/**
 * host_brief() - see to it that a folder does not outlive this process
 * @path: absolute; it is there
 *
 * Where that cannot be done the folder is left to whoever made it.
 */
void host_brief(const char *path)
{
	const char *slash = strrchr(path, '/');
	auto_free char *parent =
		slash ? strndup(path, (size_t)(slash - path) + 1) : NULL;
	auto_fd dir_fd = -1;
	int ends[2];
	pid_t pid;

	if (parent)
		dir_fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		(void)close(ends[1]);
		watch(ends[0], dir_fd, slash + 1);
	}
	(void)close(ends[0]);
	/* The other end is open for as long as this process lives. */
	if (pid < 0)
		(void)close(ends[1]);
}
