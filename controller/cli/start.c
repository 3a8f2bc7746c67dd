// SPDX-License-Identifier: Apache-2.0
/*
 * Starts `creel-helper --listen', as a tmux server is started.  It gets
 * nothing of the caller's but the directory: no descriptor, no terminal, no
 * environment beyond a short list.
 */
#include <config.h>

#include "controller/cli/connect.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/cli/parse.h"
#include "controller/cli/paths.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define READY_FD 3
#define READY_TIMEOUT_MS 10000
#define LOG_MAX_BYTES (1024 * 1024)
#define SYSTEMD_RUN "/usr/bin/systemd-run"

/**
 * cli_helper_env() - the environment of a helper that this process starts
 *
 * Return: a static list. A secret of the caller's environment must not come to
 * rest in a process that outlives him.
 */
char **cli_helper_env(void)
{
	static const char *const names[] = {
		"HOME",		   "XDG_RUNTIME_DIR",
		"XDG_STATE_HOME",  "XDG_CONFIG_HOME",
		"CREEL_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
		"ASAN_OPTIONS",	   "UBSAN_OPTIONS",
#ifdef CREEL_KNOCKOUTS
		"CREEL_KNOCKOUT",
#endif
	};
	static char *env[sizeof(names) / sizeof(names[0]) + 2];
	size_t count = 0;

	env[count++] = (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);

		for (char **at = environ; *at; at++)
			if (!strncmp(*at, names[i], len) && (*at)[len] == '=') {
				env[count++] = *at;
				break;
			}
	}
	env[count] = NULL;
	return env;
}

/* A user manager of the caller's runs, and can give a delegated scope. */
static bool have_user_manager(void)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	char path[256];
	struct stat st;
	int len;

	if (!xdg || *xdg != '/' || access(SYSTEMD_RUN, X_OK))
		return false;
	len = snprintf(path, sizeof(path), "%s/systemd/private", xdg);
	return len > 0 && (size_t)len < sizeof(path) && !lstat(path, &st) &&
	       S_ISSOCK(st.st_mode) && st.st_uid == geteuid();
}

/**
 * cli_reset_signals() - default actions and none blocked, for who runs
 * execve(2)
 */
void cli_reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Never returns. */
static void run_listener(char *const *argv, int log_fd, int ready_fd)
{
	int null_fd = open("/dev/null", O_RDWR);

	(void)setsid();
	if (null_fd < 0 || chdir("/"))
		_exit(CREEL_EXIT_CONFIG);
	/* Out of the way of the low numbers first. */
	ready_fd = fcntl(ready_fd, F_DUPFD, 16);
	log_fd = fcntl(log_fd, F_DUPFD, 16);
	if (ready_fd < 0 || log_fd < 0 || dup2(null_fd, 0) < 0 ||
	    dup2(null_fd, 1) < 0 || dup2(log_fd, 2) < 0 ||
	    dup2(ready_fd, READY_FD) < 0)
		_exit(CREEL_EXIT_CONFIG);
	(void)close_range(READY_FD + 1, ~0u, 0);
	cli_reset_signals();
	(void)umask(077);
	execve(argv[0], argv, cli_helper_env());
	dprintf(2, "creel: cannot execute %s\n", argv[0]);
	_exit(CREEL_EXIT_CONFIG);
}

/* The last line of what the log gained since @from. */
static void log_tail(int log_fd, off_t from, char *line, size_t size)
{
	off_t end = lseek(log_fd, 0, SEEK_END);
	ssize_t got;
	char *last;

	line[0] = '\0';
	if (end <= from)
		return;
	if (end - from > (off_t)size - 1)
		from = end - ((off_t)size - 1);
	got = pread(log_fd, line, size - 1, from);
	line[got > 0 ? got : 0] = '\0';
	while (got > 0 && line[got - 1] == '\n')
		line[--got] = '\0';
	last = strrchr(line, '\n');
	if (last)
		memmove(line, last + 1, strlen(last + 1) + 1);
}

/* Waits for the byte. False: it ended, or took too long. */
static bool wait_ready(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char byte;
	int ret;

	do
		ret = poll(&pfd, 1, READY_TIMEOUT_MS);
	while (ret < 0 && errno == EINTR);
	return ret > 0 && read(fd, &byte, 1) == 1;
}

static int start_once(char *const *argv, int log_fd, struct err *err)
{
	off_t from = lseek(log_fd, 0, SEEK_END);
	char line[100];
	int pipe_fds[2];
	auto_fd ready = -1;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return err_set(err, ERR_KERNEL, errno, "pipe");
	ready = pipe_fds[0];
	pid = fork();
	if (pid == 0)
		run_listener(argv, log_fd, pipe_fds[1]);
	close(pipe_fds[1]);
	if (pid < 0)
		return err_set(err, ERR_KERNEL, errno, "fork");
	if (wait_ready(ready))
		return 0;
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, NULL, 0);
	log_tail(log_fd, from, line, sizeof(line));
	return err_set(err, ERR_KERNEL, 0, "cannot start: %s",
		       line[0] ? line : "it ended without a word");
}

static int open_log(int dir_fd, struct err *err)
{
	auto_fd fd = openat(dir_fd, "helper.log",
			    O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC |
				    O_NOFOLLOW,
			    0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return err_set(err, ERR_KERNEL, errno, "helper.log");
	if (st.st_size > LOG_MAX_BYTES && ftruncate(fd, 0))
		return err_set(err, ERR_KERNEL, errno, "helper.log");
	return fd_take(&fd);
}

/*
 * Where sessions keep their files; NULL: the controller finds out itself. Of
 * root, who may have become it with another's HOME, only what names state.
 */
static char *state_dir(bool system)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	char *path = NULL;
	int len = -1;

	if (state && *state == '/')
		len = asprintf(&path, "%s/creel", state);
	else if (!system && home && *home == '/')
		len = asprintf(&path, "%s/.local/state/creel", home);
	return len < 0 ? NULL : path;
}

/* CREEL_IDLE_TIMEOUT as the helper takes it; "" where it is not set. */
static int idle_seconds(char *text, size_t size, struct err *err)
{
	const char *given = getenv("CREEL_IDLE_TIMEOUT");
	uint64_t msec = 0;

	if (!given || !*given)
		return 0;
	/* 0 is for ever. */
	if (strcmp(given, "0") != 0 && cli_parse_duration(given, &msec, err))
		return err_wrap(err, "CREEL_IDLE_TIMEOUT %.40s", given);
	(void)snprintf(text, size, "%llu",
		       (unsigned long long)(msec + 999) / 1000);
	return 0;
}

/**
 * cli_start_listener() - start the helper and wait until it listens
 * @dir:    its runtime directory
 * @dir_fd: the same, checked
 *
 * The caller holds the lock. Where a user manager runs, the helper is put into
 * a scope of its own with delegated controllers, so that limits work from an
 * ssh login too; where that fails it is started plainly.
 */
int cli_start_listener(const char *dir, int dir_fd, bool system,
		       struct err *err)
{
	auto_free char *helper = malloc(CLI_PATH_MAX);
	auto_fd log_fd = open_log(dir_fd, err);
	auto_free char *state = state_dir(system);
	char idle[24] = "";
	const char *argv[20] = {
		SYSTEMD_RUN, "--user", "--scope", "-p", "Delegate=yes", "-q",
		"--", helper, "--listen", system ? "--system" : "--rootless",
		"--runtime-dir", dir, "--ready-fd", "3",
	};
	size_t argc = 14;

	if (log_fd < 0 || idle_seconds(idle, sizeof(idle), err))
		return -1;
	if (state) {
		argv[argc++] = "--state-dir";
		argv[argc++] = state;
	}
	if (idle[0]) {
		argv[argc++] = "--idle-timeout";
		argv[argc++] = idle;
	}
	if (!helper)
		return err_set(err, ERR_KERNEL, ENOMEM, "creel-helper");
	if (cli_path_program("creel-helper", "../helper/creel-helper", helper,
			     err))
		return -1;
	if (!system && have_user_manager() &&
	    !start_once((char *const *)argv, log_fd, err))
		return 0;
	return start_once((char *const *)(argv + 7), log_fd, err);
}
