// SPDX-License-Identifier: Apache-2.0
/*
 * What must not be closed here is copied to a process that does nothing but
 * exit, once its copies are the last.
 */
#include <config.h>

#include "controller/core/impound.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define MOST 64

static int taken[MOST]; /* owned */
static unsigned int n_taken;

static _Noreturn void exit_last(int told_fd, int tell_fd)
{
	char byte;

	(void)close(tell_fd);
	while (read(told_fd, &byte, 1) < 0 && errno == EINTR)
		continue;
	_exit(0);
}

/* Orphaned at once, so that nobody here has to reap it. */
static int fork_orphan(int told_fd, int tell_fd)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		pid = fork();
		if (pid == 0)
			exit_last(told_fd, tell_fd);
		_exit(pid < 0);
	}
	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status == 0 ? 0 : -1;
}

/**
 * ctl_impound_release() - see impound.h
 *
 * Where no process can be made they stay for the next time.
 */
void ctl_impound_release(void)
{
	auto_fd told_fd = -1;
	auto_fd tell_fd = -1;
	int pair[2];

	if (n_taken == 0 || pipe2(pair, O_CLOEXEC) < 0)
		return;
	told_fd = pair[0];
	tell_fd = pair[1];
	if (fork_orphan(told_fd, tell_fd) < 0)
		return;
	for (unsigned int i = 0; i < n_taken; i++)
		(void)close(taken[i]);
	n_taken = 0;
}

/**
 * ctl_impound() - see impound.h
 *
 * Without room it stays open for good: that is the lesser evil.
 */
void ctl_impound(int fd)
{
	if (n_taken == MOST)
		ctl_impound_release();
	if (n_taken < MOST)
		taken[n_taken++] = fd;
}
