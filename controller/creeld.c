// SPDX-License-Identifier: Apache-2.0
/*
 * creeld, the controller of one user.  Started by creel-helper with the
 * helper's socket; runs without privileges and executes nothing.
 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/core/ctl.h"
#include "controller/core/log.h"
#include "controller/session/session.h"
#include "proto/exit-codes.h"

#define IDLE_DEFAULT_SEC 600
#define IDLE_MAX_SEC (30U * 24 * 3600)

struct settings {
	int helper_fd;
	unsigned int idle_sec;
	const char *state_dir;   /* absolute, NULL: the default */
	const char *runtime_dir; /* where creel's socket is, NULL: not known */
};

struct daemon {
	struct event_base *base; /* owned */
	int status;
};

static const char usage[] =
	"usage: creeld --helper-fd FD [--idle-timeout SECONDS]\n"
	"              [--state-dir DIR] [--runtime-dir DIR]\n"
	"creel-helper starts creeld; see creeld(8)\n";

static void __attribute__((noreturn)) die_usage(void)
{
	(void)fputs(usage, stderr);
	exit(CREEL_EXIT_CONFIG);
}

static unsigned int parse_number(const char *text, unsigned long most)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] < '0' || text[0] > '9' ||
	    value > most)
		die_usage();
	return (unsigned int)value;
}

/* Nobody else's business: no core, no ptrace, no readable files. */
static void harden(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit files;

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	/* Two descriptors a sandbox, and those of clients. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

static void on_end(void *arg, enum ctl_end end, const char *why)
{
	struct daemon *daemon = arg;

	switch (end) {
	case CTL_END_IDLE:
	case CTL_END_HELPER:
		daemon->status = CREEL_EXIT_STOPPED;
		break;
	case CTL_END_VIOLATION:
		daemon->status = CREEL_EXIT_VIOLATION;
		break;
	case CTL_END_FAILED:
	case CTL_END_INVALID:
		daemon->status = CREEL_EXIT_CONFIG;
		break;
	}
	ctl_log(CTL_LOG_INFO, "ends: %s", why);
	(void)event_base_loopbreak(daemon->base);
}

/* The helper keeps the sandboxes for the next creeld. */
static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)what;
	ctl_log(CTL_LOG_INFO, "ends: signal %d", (int)sig);
	(void)event_base_loopbreak(daemon->base);
}

static int serve(const struct settings *settings)
{
	const char *const protect[] = { settings->runtime_dir, NULL };
	struct daemon daemon = { .status = CREEL_EXIT_STOPPED };
	const struct ses_options ses_options = {
		.runtime_dir = settings->runtime_dir,
		.rebuild_after_sec = SES_REBUILD_AFTER_SEC,
	};
	struct ctl_options options = {
		.idle_timeout_sec = settings->idle_sec,
		.protect = protect,
		.state_dir = settings->state_dir,
		.on_end = on_end,
		.on_end_arg = &daemon,
	};
	struct event *term, *interrupt;
	struct err err = ERR_INIT;
	struct ses *ses = NULL;
	struct ctl *ctl = NULL;

	daemon.base = event_base_new();
	if (!daemon.base)
		return CREEL_EXIT_CONFIG;
	term = evsignal_new(daemon.base, SIGTERM, on_signal, &daemon);
	interrupt = evsignal_new(daemon.base, SIGINT, on_signal, &daemon);
	ses = ses_new(daemon.base, &ses_options, &err);
	if (ses) {
		options.hooks = ses_hooks(ses);
		ctl = ctl_new(daemon.base, settings->helper_fd, &options, &err);
	}
	if (!term || !interrupt || !ctl || evsignal_add(term, NULL) < 0 ||
	    evsignal_add(interrupt, NULL) < 0) {
		ctl_log(CTL_LOG_ERR, "cannot start: %s", err.text);
		return CREEL_EXIT_CONFIG;
	}
	if (event_base_dispatch(daemon.base) < 0)
		daemon.status = CREEL_EXIT_CONFIG;
	ctl_free(ctl);
	ses_free(ses);
	event_free(term);
	event_free(interrupt);
	event_base_free(daemon.base);
	return daemon.status;
}

static const char *parse_dir(const char *text)
{
	if (text[0] != '/')
		die_usage();
	return text;
}

static void parse(struct settings *settings, int argc, char **argv)
{
	static const struct option options[] = {
		{ "helper-fd", required_argument, NULL, 'f' },
		{ "idle-timeout", required_argument, NULL, 'i' },
		{ "state-dir", required_argument, NULL, 's' },
		{ "runtime-dir", required_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'f')
			settings->helper_fd =
				(int)parse_number(optarg, INT_MAX);
		else if (option == 'i')
			settings->idle_sec = parse_number(optarg, IDLE_MAX_SEC);
		else if (option == 's')
			settings->state_dir = parse_dir(optarg);
		else if (option == 'r')
			settings->runtime_dir = parse_dir(optarg);
		else if (option == 'V')
			exit(printf("creeld %s\n", PACKAGE_VERSION) < 0);
		else
			die_usage();
	}
	if (settings->helper_fd < 3 || optind != argc)
		die_usage();
}

/* The helper gives creeld no environment: of the account, then. */
static void find_home(void)
{
	const struct passwd *pw = getenv("HOME") ? NULL : getpwuid(getuid());

	if (pw)
		(void)setenv("HOME", pw->pw_dir, 1);
}

int main(int argc, char **argv)
{
	struct settings settings = { .idle_sec = IDLE_DEFAULT_SEC };

	parse(&settings, argc, argv);
	harden();
	if (!settings.state_dir)
		find_home();
	/* What is looked at in a job is not told what the options were. */
	if (settings.runtime_dir)
		(void)setenv("CREEL_RUNTIME_DIR", settings.runtime_dir, 1);
	ctl_log_open(getenv("CREEL_DEBUG") ? CTL_LOG_DEBUG : CTL_LOG_WARN);
	return serve(&settings);
}
