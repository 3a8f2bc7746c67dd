// SPDX-License-Identifier: Apache-2.0
/*
 * --host: the command of a session that is not sandboxed, run by this process
 * with what it has itself: its environment, directory, streams and terminal.
 * creeld has decided and written it down; it is told how it ended.
 */
#include <config.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "controller/cli/report.h"
#include "controller/cli/rpc.h"
#include "controller/cli/session.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

/* What the command gets from whoever sends it to creel. */
static const int forwarded[] = { SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
/* The terminal sends these to both. */
static const int ignored[] = { SIGINT, SIGQUIT };

#define N_FORWARDED (sizeof(forwarded) / sizeof(forwarded[0]))
#define N_IGNORED (sizeof(ignored) / sizeof(ignored[0]))

static volatile sig_atomic_t child;

struct dispositions {
	struct sigaction forwarded[N_FORWARDED];
	struct sigaction ignored[N_IGNORED];
};

static void forward(int number)
{
	int saved = errno;

	if (child > 0)
		(void)kill(child, number);
	errno = saved;
}

/* A signal that was ignored when creel started stays so. */
static void catch_signals(struct dispositions *old)
{
	struct sigaction action = { .sa_handler = forward,
				    .sa_flags = SA_RESTART };

	for (size_t i = 0; i < N_FORWARDED; i++) {
		(void)sigaction(forwarded[i], NULL, &old->forwarded[i]);
		if (old->forwarded[i].sa_handler != SIG_IGN)
			(void)sigaction(forwarded[i], &action, NULL);
	}
	action.sa_handler = SIG_IGN;
	for (size_t i = 0; i < N_IGNORED; i++)
		(void)sigaction(ignored[i], &action, &old->ignored[i]);
}

static void restore_signals(const struct dispositions *old)
{
	for (size_t i = 0; i < N_FORWARDED; i++)
		(void)sigaction(forwarded[i], &old->forwarded[i], NULL);
	for (size_t i = 0; i < N_IGNORED; i++)
		(void)sigaction(ignored[i], &old->ignored[i], NULL);
}

/* The next string of a block, or NULL at its end. */
static char *next_string(char **at, const char *end)
{
	char *text = *at;

	if (text >= end)
		return NULL;
	*at += strlen(text) + 1;
	return text;
}

/* Arguments, owned; the variables that were given join the environment. */
static char **make_argv(struct session *session)
{
	static char login[] = "-l";
	struct cli_strings *strings = &session->call.strings;
	char **argv = calloc(strings->argc + 3, sizeof(*argv));
	char *at = strings->bytes;
	char *end = strings->bytes + strings->len;
	char *shell = getenv("SHELL");
	char *text;

	if (!argv)
		return NULL;
	for (size_t i = 0; i < strings->argc; i++)
		argv[i] = next_string(&at, end);
	while ((text = next_string(&at, end)))
		(void)putenv(text);
	if (session->call.command.login) {
		argv[0] = shell && *shell == '/' ? shell : (char *)"/bin/sh";
		argv[1] = login;
	}
	return argv;
}

/* Never returns; tells @fd why it could not. */
static void become(struct session *session, char **argv, int fd)
{
	const char *workdir = session->args->last[CLI_OPT_WORKDIR];
	int sys;

	(void)signal(SIGPIPE, SIG_DFL);
	if (!workdir || chdir(workdir) == 0)
		(void)execvp(argv[0], argv);
	sys = errno;
	if (write(fd, &sys, sizeof(sys)) < 0)
		_exit(CREEL_EXIT_NOT_EXECUTABLE);
	_exit(CREEL_EXIT_FAILED);
}

static int status_of(int status)
{
	return WIFSIGNALED(status) ? CREEL_EXIT_SIGNAL + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static int failure(const char *name, int sys)
{
	if (sys == ENOENT) {
		cli_error("%s: command not found", name);
		return CREEL_EXIT_NOT_FOUND;
	}
	cli_error("%s: %s", name, err_sys_text(sys));
	return CREEL_EXIT_NOT_EXECUTABLE;
}

/* No signal is lost between the two: who gets it is known when it comes. */
static pid_t start(struct session *session, char **argv, int fd,
		   struct dispositions *old)
{
	sigset_t all, mask;
	pid_t pid;
	int sys;

	sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &mask);
	pid = fork();
	sys = errno;
	if (pid == 0) {
		(void)sigprocmask(SIG_SETMASK, &mask, NULL);
		become(session, argv, fd);
	}
	child = pid;
	catch_signals(old);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	errno = sys;
	return pid;
}

static int run(struct session *session, char **argv)
{
	struct dispositions old;
	auto_fd told = -1;
	int ends[2], status = 0, sys = 0;
	bool failed;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC)) {
		cli_error("pipe: %s", err_sys_text(errno));
		return CREEL_EXIT_FAILED;
	}
	told = ends[0];
	pid = start(session, argv, ends[1], &old);
	close(ends[1]);
	if (pid < 0) {
		cli_error("fork: %s", err_sys_text(errno));
		restore_signals(&old);
		return CREEL_EXIT_FAILED;
	}
	failed = read(told, &sys, sizeof(sys)) == (ssize_t)sizeof(sys);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	child = 0;
	restore_signals(&old);
	return failed ? failure(argv[0], sys) : status_of(status);
}

static bool take_done(const Ctl__Reply *reply, void *arg)
{
	(void)arg;
	if (reply->re_case == CTL__REPLY__RE_ERROR)
		(void)cli_report_error(reply->error, CREEL_EXIT_FAILED);
	return false;
}

static void tell(const struct session *session)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__HostDone done = CTL__HOST_DONE__INIT;

	done.token = session->call.command.token;
	done.status = (uint32_t)session->result.status;
	done.wall_usec = session->result.wall_usec;
	request.op_case = CTL__REQUEST__OP_HOST_DONE;
	request.host_done = &done;
	(void)cli_ask(session->args, &request, take_done, NULL);
}

/**
 * session_host_check() - are there options that only a sandbox can follow?
 */
int session_host_check(const struct cli_args *args, struct err *err)
{
	static const enum cli_opt fine[] = {
		CLI_OPT_HOST,	CLI_OPT_CONFIG,	     CLI_OPT_ENV,
		CLI_OPT_ENV_FILE, CLI_OPT_WORKDIR,   CLI_OPT_INTERACTIVE,
		CLI_OPT_JSON,	CLI_OPT_SYSTEM,	     CLI_OPT_ROOTLESS,
	};
	const size_t n = sizeof(fine) / sizeof(fine[0]);

	for (size_t i = 0; i < args->n_given; i++) {
		size_t at = 0;

		while (at < n && fine[at] != args->given[i].opt)
			at++;
		if (at == n)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "--%s: cannot be given with --host",
				       cli_opt_name(args->given[i].opt));
	}
	return 0;
}

/**
 * session_host_run() - creeld lets it run here
 */
void session_host_run(struct session *session)
{
	auto_free char **argv = make_argv(session);
	struct timespec from, to;

	if (!argv) {
		cli_error("command: %s", err_sys_text(ENOMEM));
		session_end(session, CREEL_EXIT_FAILED);
		return;
	}
	session_signals_fini(session);
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	session->result.status = run(session, argv);
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	session->result.wall_usec =
		(uint64_t)(to.tv_sec - from.tv_sec) * 1000000 +
		(uint64_t)(to.tv_nsec / 1000) - (uint64_t)(from.tv_nsec / 1000);
	tell(session);
	session->exited = true;
	session_end(session, session->result.status);
}
