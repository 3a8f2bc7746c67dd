// SPDX-License-Identifier: Apache-2.0
/*
 * From fork(2) to execve(2): the process that becomes a command of the host.
 * It gets three streams, and nothing else that creel has open.
 */
#include <config.h>

#include "controller/cli/keeper-own.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "controller/cli/connect.h"
#include "controller/core/spec.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define ROWS 24
#define COLUMNS 80

enum stage {
	STAGE_NONE = 0,
	STAGE_SETUP,
	STAGE_LIMIT,
	STAGE_WORKDIR,
	STAGE_EXEC,
};

struct note {
	enum stage stage;
	int sys;
	size_t which;
};

struct ends {
	int in, out, err, tty;
};

static _Noreturn void give_up(int fd, enum stage stage, size_t which)
{
	struct note note = { .stage = stage, .sys = errno, .which = which };

	/* EPIPE: the keeper is gone, and this process with it. */
	(void)!write(fd, &note, sizeof(note));
	_exit(CREEL_EXIT_FAILED);
}

static int resource_of(const char *name)
{
	for (uint32_t i = 0; i < RLIM_NLIMITS; i++)
		if (strcmp(ctl_ulimit_name(i), name) == 0)
			return (int)i;
	return -1;
}

static void set_limits(const struct tool_command *command, int fd)
{
	for (size_t i = 0; i < command->n_ulimits; i++) {
		const struct cfg_ulimit *from = &command->ulimits[i];
		const struct rlimit limit = { from->soft, from->hard };
		int resource = resource_of(from->name);

		errno = EINVAL;
		if (resource < 0 ||
		    setrlimit((__rlimit_resource_t)resource, &limit) < 0)
			give_up(fd, STAGE_LIMIT, i);
	}
}

/* @fd: where failures are told; the keeper's death is the command's. */
static _Noreturn void become(const struct keeper_order *order,
			     const struct ends *ends, int fd, pid_t keeper)
{
	const struct tool_command *command = order->command;

	errno = ESRCH;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != keeper ||
	    setsid() < 0)
		give_up(fd, STAGE_SETUP, 0);
	if (ends->tty >= 0 && ioctl(ends->tty, TIOCSCTTY, 0) < 0)
		give_up(fd, STAGE_SETUP, 0);
	if (dup2(ends->in, STDIN_FILENO) < 0 ||
	    dup2(ends->out, STDOUT_FILENO) < 0 ||
	    dup2(ends->err, STDERR_FILENO) < 0 ||
	    dup2(fd, STDERR_FILENO + 1) < 0 ||
	    close_range(STDERR_FILENO + 2, ~0U, 0) < 0 ||
	    fcntl(STDERR_FILENO + 1, F_SETFD, FD_CLOEXEC) < 0)
		give_up(fd, STAGE_SETUP, 0);
	fd = STDERR_FILENO + 1;
	if (chdir(order->workdir) < 0)
		give_up(fd, STAGE_WORKDIR, 0);
	cli_reset_signals();
	set_limits(command, fd);
	environ = (char **)order->envp;
	(void)execvp(command->argv[0], (char *const *)command->argv);
	give_up(fd, STAGE_EXEC, 0);
}

static int make_pipe(int *reader, int *writer)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*reader = ends[0];
	*writer = ends[1];
	return 0;
}

static int make_tty(struct keeper *keeper, struct ends *ends)
{
	const struct winsize size = { .ws_row = ROWS, .ws_col = COLUMNS };
	auto_fd master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int unlock = 0;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0 ||
	    ioctl(master, TIOCSWINSZ, &size) < 0)
		return -1;
	ends->tty = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	keeper->in_fd = fcntl(master, F_DUPFD_CLOEXEC, 0);
	if (ends->tty < 0 || keeper->in_fd < 0)
		return -1;
	ends->in = ends->out = ends->err = ends->tty;
	keeper->out_fd = fd_take(&master);
	return 0;
}

static int make_streams(struct keeper *keeper, struct ends *ends)
{
	const bool split = keeper->order->command->split;

	*ends = (struct ends){ -1, -1, -1, -1 };
	if (keeper->order->command->pty)
		return make_tty(keeper, ends);
	if (make_pipe(&ends->in, &keeper->in_fd) < 0 ||
	    make_pipe(&keeper->out_fd, &ends->out) < 0)
		return -1;
	if (!split)
		ends->err = ends->out;
	return split ? make_pipe(&keeper->err_fd, &ends->err) : 0;
}

static void close_ends(struct ends *ends)
{
	if (ends->err != ends->out)
		fd_close(&ends->err);
	if (ends->in != ends->out)
		fd_close(&ends->in);
	fd_close(&ends->out);
}

static void do_not_wait(int fd)
{
	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void explain(const struct keeper *keeper, const struct note *note,
		    struct tool_outcome *failed)
{
	const struct tool_command *command = keeper->order->command;
	struct err *err = &failed->fail;

	failed->status = CREEL_EXIT_FAILED;
	if (note->stage == STAGE_EXEC && note->sys == ENOENT) {
		failed->status = CREEL_EXIT_NOT_FOUND;
		err_set(err, ERR_BAD_REQUEST, 0, "%.100s: command not found",
			command->argv[0]);
	} else if (note->stage == STAGE_EXEC) {
		failed->status = CREEL_EXIT_NOT_EXECUTABLE;
		err_set(err, ERR_BAD_REQUEST, note->sys, "%.100s",
			command->argv[0]);
	} else if (note->stage == STAGE_WORKDIR) {
		err_set(err, ERR_BAD_REQUEST, note->sys, "workdir");
	} else if (note->stage == STAGE_LIMIT) {
		err_set(err, ERR_KERNEL, note->sys, "%.90s: limit %.20s",
			command->limit_key ? command->limit_key : "command",
			command->ulimits[note->which].name);
	} else {
		err_set(err, ERR_KERNEL, note->sys, "command");
	}
}

/**
 * keeper_command_start() - the command, with streams
 * @failed: filled where it cannot be started
 */
int keeper_command_start(struct keeper *keeper, struct tool_outcome *failed)
{
	struct note note = { .stage = STAGE_NONE };
	pid_t self = getpid();
	struct ends ends;
	auto_fd told = -1;
	auto_fd tell = -1;
	bool made = make_pipe(&told, &tell) == 0 &&
		    make_streams(keeper, &ends) == 0;

	if (made)
		keeper->pid = fork();
	if (made && keeper->pid == 0)
		become(keeper->order, &ends, tell, self);
	if (!made || keeper->pid < 0) {
		failed->status = CREEL_EXIT_FAILED;
		return err_set(&failed->fail, ERR_KERNEL, errno, "command");
	}
	close_ends(&ends);
	fd_close(&tell);
	if (read(told, &note, sizeof(note)) == (ssize_t)sizeof(note)) {
		explain(keeper, &note, failed);
		return -1;
	}
	do_not_wait(keeper->in_fd);
	do_not_wait(keeper->out_fd);
	do_not_wait(keeper->err_fd);
	return 0;
}
