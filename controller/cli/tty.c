// SPDX-License-Identifier: Apache-2.0
/*
 * Raw mode.  Restored at exit(3), by the signals that end a process without
 * it, and around a stop; SIGKILL alone leaves a terminal raw.
 */
#include <config.h>

#include "controller/cli/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static volatile sig_atomic_t is_raw;

/**
 * tty_restore() - give the terminal back as it was; async-signal-safe
 */
void tty_restore(void)
{
	if (!is_raw)
		return;
	is_raw = 0;
	/* Not TCSAFLUSH: what was typed ahead belongs to the shell. */
	(void)tcsetattr(0, TCSADRAIN, &saved);
}

static void on_fatal(int number)
{
	tty_restore();
	/* SA_RESETHAND: this time it ends us. */
	(void)raise(number);
}

static void guard_fatal(void)
{
	static const int numbers[] = { SIGSEGV, SIGBUS,	 SIGFPE,  SIGILL,
				       SIGABRT, SIGTRAP, SIGSYS,  SIGALRM,
				       SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF };
	struct sigaction action = {
		.sa_handler = on_fatal,
		.sa_flags = (int)SA_RESETHAND | SA_NODEFER,
	};

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)sigaction(numbers[i], &action, NULL);
}

/**
 * tty_raw() - let every key reach the command
 *
 * Does nothing where standard input is no terminal.
 */
int tty_raw(struct err *err)
{
	static bool guarded;
	struct termios raw;

	if (is_raw || !isatty(0))
		return 0;
	if (tcgetattr(0, &saved))
		return err_set(err, ERR_KERNEL, errno, "terminal");
	if (!guarded) {
		guard_fatal();
		if (atexit(tty_restore))
			return err_set(err, ERR_KERNEL, ENOMEM, "terminal");
		guarded = true;
	}
	raw = saved;
	cfmakeraw(&raw);
	is_raw = 1;
	if (tcsetattr(0, TCSADRAIN, &raw)) {
		is_raw = 0;
		return err_set(err, ERR_KERNEL, errno, "terminal");
	}
	return 0;
}

/**
 * tty_stop() - stop this process with the terminal as it was
 *
 * Returns when the process goes on.
 */
void tty_stop(void)
{
	bool was_raw = is_raw;
	struct err err = ERR_INIT;

	tty_restore();
	(void)raise(SIGSTOP);
	if (was_raw)
		(void)tty_raw(&err);
}

/**
 * tty_copy_size() - give the command's terminal the size of the caller's
 */
void tty_copy_size(int master_fd)
{
	struct winsize size;

	if (!ioctl(1, TIOCGWINSZ, &size) || !ioctl(0, TIOCGWINSZ, &size))
		(void)ioctl(master_fd, TIOCSWINSZ, &size);
}

/**
 * tty_reopen() - a descriptor of the same terminal that does not block
 * @fd:   one of the standard streams
 * @mode: O_RDONLY or O_WRONLY
 * @own:  set: the result is a new one, to be closed
 *
 * O_NONBLOCK on the stream itself would outlive us in the caller's shell.
 * Return: a new descriptor, or @fd where that cannot be.
 */
int tty_reopen(int fd, int mode, bool *own)
{
	char path[32];
	int copy;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	copy = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	*own = copy >= 0;
	return *own ? copy : fd;
}
