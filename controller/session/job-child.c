// SPDX-License-Identifier: Apache-2.0
/*
 * Forked copies of creeld.  They share nothing with it but what they are given,
 * end with it, and are reaped whenever they have ended: a copy that the kernel
 * does not let go is waited for by nobody.
 */
#include <config.h>

#include "controller/session/job.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/core/log.h"
#include "proto/cleanup.h"

#define HIGH_FD 16

/* A process that is done with and has not ended yet. */
struct reaper {
	struct event *event; /* owned */
	int pid_fd;          /* owned */
};

static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Out of the way of the low numbers first. */
static bool move_fds(const int *fds, size_t n_fds)
{
	int high[JOB_CHILD_MAX_FDS];

	for (size_t i = 0; i < n_fds; i++) {
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
		if (high[i] < 0)
			return false;
	}
	for (size_t i = 0; i < n_fds; i++)
		if (dup2(high[i], JOB_CHILD_FD + (int)i) < 0)
			return false;
	return close_range(JOB_CHILD_FD + (unsigned int)n_fds, ~0U, 0) == 0;
}

/*
 * From here on nothing is shared with creeld but @fds: a lock of the database
 * is its process's, and closing a copied descriptor gives none back.
 */
static bool become_child(const int *fds, size_t n_fds, pid_t parent)
{
	int null_fd;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
	    !move_fds(fds, n_fds))
		return false;
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 ||
	    dup2(null_fd, 2) < 0)
		return false;
	if (null_fd > 2)
		(void)close(null_fd);
	reset_signals();
	return true;
}

/**
 * job_child_fork() - see job.h
 */
int job_child_fork(struct job_child *child, const int *fds, size_t n_fds)
{
	const pid_t parent = getpid();

	child->pid_fd = -1;
	child->pid = fork();
	if (child->pid < 0) {
		child->pid = 0;
		return -1;
	}
	if (child->pid == 0) {
		if (n_fds > JOB_CHILD_MAX_FDS ||
		    !become_child(fds, n_fds, parent))
			_exit(1);
		return 0;
	}
	child->pid_fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	return 1;
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

/**
 * job_child_end() - see job.h
 */
void job_child_end(struct job_child *child, struct event_base *base)
{
	struct reaper *reaper;

	if (child->pid <= 0)
		return;
	(void)kill(child->pid, SIGKILL);
	reaper = child->pid_fd >= 0 ? calloc(1, sizeof(*reaper)) : NULL;
	if (reaper) {
		reaper->pid_fd = child->pid_fd;
		reaper->event = event_new(base, child->pid_fd,
					  EV_READ | EV_PERSIST, on_ended,
					  reaper);
	}
	if (reaper && reaper->event && event_add(reaper->event, NULL) == 0) {
		child->pid_fd = -1;
	} else {
		if (reaper && reaper->event)
			event_free(reaper->event);
		free(reaper);
		(void)waitpid(child->pid, NULL, 0);
	}
	child->pid = 0;
	fd_close(&child->pid_fd);
}
