// SPDX-License-Identifier: Apache-2.0
/*
 * All that came from a command, wherever it went: whoever loses his parent
 * becomes this process's child, so that children, and theirs, are everything.
 */
#include <config.h>

#include "controller/cli/keeper-own.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "proto/cleanup.h"

#define LIST_BYTES 65536
#define MAX_DEPTH 64
#define KILL_USEC 5000000ULL /* a process in the kernel, or of another user */

/* "PID PID ..." as the kernel lists them; *text: owned. */
static int read_children(pid_t pid, char **text)
{
	char path[64];
	auto_fd fd = -1;
	size_t len = 0;
	ssize_t got;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
		       (int)pid, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	*text = fd < 0 ? NULL : malloc(LIST_BYTES + 1);
	if (!*text)
		return -1;
	while (len < LIST_BYTES &&
	       (got = read(fd, *text + len, LIST_BYTES - len)) > 0)
		len += (size_t)got;
	(*text)[len] = '\0';
	return 0;
}

/**
 * keeper_tree_check() - can a tree be found on this kernel?
 */
int keeper_tree_check(struct err *err)
{
	auto_free char *text = NULL;

	if (read_children(getpid(), &text) == 0)
		return 0;
	return err_set(err, ERR_UNSUPPORTED, errno,
		       "host: the kernel does not list a process's children");
}

/* Return: how many could be killed. The deepest go last: who is left without a
 * parent comes to this process, and is found in the next round. */
static size_t kill_children(pid_t pid, int depth)
{
	auto_free char *text = NULL;
	size_t count = 0;
	char *at;

	if (read_children(pid, &text) < 0)
		return 0;
	at = text;
	while (*at) {
		long child = strtol(at, &at, 10);

		at += strspn(at, " \n");
		if (child <= 1)
			break;
		if (kill((pid_t)child, SIGKILL) == 0)
			count++;
		if (depth < MAX_DEPTH)
			count += kill_children((pid_t)child, depth + 1);
	}
	return count;
}

/**
 * keeper_tree_reap() - whoever has ended
 */
void keeper_tree_reap(struct keeper *keeper)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != keeper->pid)
			continue;
		keeper->reaped = true;
		keeper->wait_status = status;
	}
}

/**
 * keeper_tree_kill() - kill all of it, and see that it is gone
 *
 * Who forks while he is looked at is found in the next round. Processes of
 * other users cannot be killed, and are not waited for.
 */
void keeper_tree_kill(struct keeper *keeper)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	uint64_t end = keeper_now_usec() + KILL_USEC;

	while (kill_children(getpid(), 0) > 0 && keeper_now_usec() < end) {
		keeper_tree_reap(keeper);
		(void)nanosleep(&pause, NULL);
	}
	keeper_tree_reap(keeper);
}
