// SPDX-License-Identifier: Apache-2.0
/*
 * Sorts the standard streams by kind.  A pipe, a connected UNIX socket and
 * /dev/null are passed to the command.  A regular file, a device, a terminal or
 * a socket of the host's network never is: the sandbox could open it again for
 * writing through /proc/self/fd, drive the caller's terminal, or connect
 * elsewhere; its bytes are relayed.
 */
#include <config.h>

#include "controller/cli/stdio.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "controller/core/source.h"
#include "proto/cleanup.h"

static const char *const names[] = {
	"standard input", "standard output", "standard error",
};

/**
 * cli_stdio_guard() - give closed standard streams /dev/null
 *
 * Else a socket could take their number, and be written an error message.
 */
void cli_stdio_guard(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)open("/dev/null", O_RDWR);
}

/**
 * cli_stdio_want_tty() - whether the command gets a terminal
 * @tty: set
 *
 * It does where standard input and output are terminals; -t asks for it where
 * one of them is, -T and --detach prevent it.
 */
int cli_stdio_want_tty(const struct cli_args *args, bool *tty, struct err *err)
{
	bool in;
	bool out;

	*tty = false;
	if (args->has[CLI_OPT_NO_TTY] || args->has[CLI_OPT_DETACH])
		return 0;
	in = isatty(0);
	if (!in && !args->has[CLI_OPT_TTY])
		return 0;
	out = isatty(1);
	if (args->has[CLI_OPT_TTY] && !in && !out)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--tty: neither standard input nor standard output is a terminal");
	*tty = args->has[CLI_OPT_TTY] || (in && out);
	return 0;
}

static bool is_null(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* A pipe of our own; the command's end is added to the request. */
static int relay_stream(struct cli_stdio *stdio, int stream,
			struct cli_call *call, uint32_t *index,
			struct err *err)
{
	int ends[2];
	int ours;
	int theirs;

	if (pipe2(ends, O_CLOEXEC))
		return err_set(err, ERR_KERNEL, errno, "pipe");
	ours = stream == 0 ? ends[1] : ends[0];
	theirs = stream == 0 ? ends[0] : ends[1];
	stdio->relay_fd[stream] = ours;
	if (cli_call_add_fd(call, theirs, index, err))
		return -1;
	if (fcntl(ours, F_SETFL, O_NONBLOCK))
		return err_set(err, ERR_KERNEL, errno, "pipe");
	return 0;
}

static int attach_stream(struct cli_stdio *stdio, int stream,
			 struct cli_call *call, uint32_t *index,
			 struct err *err)
{
	struct stat st;
	int copy;
	int flags = fcntl(stream, F_GETFL);

	if (flags < 0 || fstat(stream, &st))
		return err_set(err, ERR_BAD_REQUEST, errno, "%s",
			       names[stream]);
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_BAD_REQUEST, 0, "%s: is a directory",
			       names[stream]);
	if (flags & O_PATH)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%s: was opened with O_PATH", names[stream]);
	if (!ctl_stream_is_safe(stream, &st) && !is_null(&st))
		return relay_stream(stdio, stream, call, index, err);
	copy = fcntl(stream, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return err_set(err, ERR_KERNEL, errno, "%s", names[stream]);
	return cli_call_add_fd(call, copy, index, err);
}

/* All three: nothing of the caller may be held open by what he leaves behind. */
static int attach_null(struct cli_call *call, uint32_t **index,
		       struct err *err)
{
	for (int stream = 0; stream < 3; stream++) {
		int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (fd < 0)
			return err_set(err, ERR_KERNEL, errno, "/dev/null");
		if (cli_call_add_fd(call, fd, index[stream], err))
			return -1;
	}
	return 0;
}

static int attach_lifeline(struct cli_stdio *stdio, struct cli_call *call,
			   struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return err_set(err, ERR_KERNEL, errno, "pipe");
	stdio->lifeline_fd = ends[1];
	return cli_call_add_fd(call, ends[0], &call->command.lifeline_fd, err);
}

static void set_size(Ctl__Command *command)
{
	struct winsize size = { 0 };

	if (ioctl(1, TIOCGWINSZ, &size) && ioctl(0, TIOCGWINSZ, &size))
		return;
	command->rows = size.ws_row;
	command->cols = size.ws_col;
}

/**
 * cli_stdio_attach() - add the standard streams to a request
 * @stdio:  filled; cli_stdio_fini() is due on failure too
 * @detach: the command outlives this process
 */
int cli_stdio_attach(struct cli_stdio *stdio, struct cli_call *call,
		     bool detach, struct err *err)
{
	Ctl__Command *command = &call->command;
	uint32_t *index[] = { &command->stdin_fd, &command->stdout_fd,
			      &command->stderr_fd };

	*stdio = (struct cli_stdio){
		.tty = command->tty,
		.relay_fd = { -1, -1, -1 },
		.lifeline_fd = -1,
	};
	if (detach)
		return attach_null(call, index, err);
	if (attach_lifeline(stdio, call, err))
		return -1;
	if (stdio->tty) {
		set_size(command);
		return 0;
	}
	for (int stream = 0; stream < 3; stream++)
		if (attach_stream(stdio, stream, call, index[stream], err))
			return -1;
	return 0;
}

/**
 * cli_stdio_fini() - close what is still open; idempotent
 */
void cli_stdio_fini(struct cli_stdio *stdio)
{
	for (int stream = 0; stream < 3; stream++)
		fd_close(&stdio->relay_fd[stream]);
	fd_close(&stdio->lifeline_fd);
}
