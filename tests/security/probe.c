// SPDX-License-Identifier: Apache-2.0
/*
 * The probe program: reporting, running a probe in a child, and the command
 * line.  It is linked statically, so that it runs in any root, and it changes
 * nothing that outlives it unless a border fails to hold.
 */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

/* What a child tells its parent. */
struct outcome {
	long rc;
	int sys;
};

/** probe_errno_name() - "EPERM" for EPERM; never NULL */
const char *probe_errno_name(int number)
{
	const char *name = strerrorname_np(number);

	return name ? name : "E?";
}

/** probe_say() - one line of the report, at once */
void probe_say(const char *name, const char *verdict, const char *fmt, ...)
{
	char text[3072];
	va_list ap;
	size_t i;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (i = 0; text[i] != '\0'; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			text[i] = '?';
	printf("%s\t%s\t%s\n", name, verdict, text);
	fflush(stdout);
}

/** probe_say_rc() - report a system call's return value, with errno */
void probe_say_rc(const char *name, long rc)
{
	if (rc >= 0)
		probe_say(name, "allowed", "%ld", rc);
	else
		probe_say(name, "refused", "%s", probe_errno_name(errno));
}

/**
 * probe_fork_rc() - call @fn in a child
 * @sys: errno of the call
 * @sig: the signal that ended the child, 0 if none
 *
 * Return: what @fn returned, -1 where a signal ended the child
 */
long probe_fork_rc(probe_fn *fn, void *arg, int *sys, int *sig)
{
	struct outcome out = { -1, 0 };
	int pipe_fds[2];
	int status = 0;
	pid_t pid;

	*sys = 0;
	*sig = 0;
	if (pipe(pipe_fds) != 0) {
		*sys = errno;
		return -1;
	}
	pid = fork();
	if (pid == 0) {
		alarm(PROBE_CHILD_SEC);
		errno = 0;
		out.rc = fn(arg);
		out.sys = errno;
		if (write(pipe_fds[1], &out, sizeof(out)) < 0)
			_exit(2);
		_exit(0);
	}
	close(pipe_fds[1]);
	if (pid < 0) {
		*sys = errno;
		close(pipe_fds[0]);
		return -1;
	}
	if (read(pipe_fds[0], &out, sizeof(out)) != sizeof(out))
		out.rc = -1;
	close(pipe_fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFSIGNALED(status))
		*sig = WTERMSIG(status);
	*sys = out.sys;
	return out.rc;
}

/** probe_child() - call @fn in a child and report */
void probe_child(const char *name, probe_fn *fn, void *arg)
{
	int sys, sig;
	long rc = probe_fork_rc(fn, arg, &sys, &sig);

	if (sig != 0) {
		probe_say(name, "killed", "SIG%s", sigabbrev_np(sig));
		return;
	}
	errno = sys;
	probe_say_rc(name, rc);
}

static void everything(void)
{
	probe_group_fds();
	probe_group_leak();
	probe_group_status();
	probe_group_ident();
	probe_group_pid1();
	probe_group_masks();
	probe_group_procsys(true);
	probe_group_devices();
	probe_group_ns();
	probe_group_abi();
	probe_group_sockets();
	probe_group_kernel();
	probe_group_tty();
	/* Before the next group leaves mounts of its own, if it can. */
	probe_group_peel();
	probe_group_mounts();
}

static int usage(void)
{
	fputs("usage: probe all|status|fds|leak|ident|pid1|masks|procsys|"
	      "procsys-open|devices|mounts|peel|ns|abi|sockets|kernel|tty\n"
	      "       probe setid DIR | storm SEC | reach TARGET... |"
	      " quota RESOURCE [hold] | secret TOKEN\n", stderr);
	return 2;
}

static bool run_plain(const char *word)
{
	static const struct {
		const char *word;
		void (*fn)(void);
	} groups[] = {
		{ "all", everything },
		{ "status", probe_group_status },
		{ "fds", probe_group_fds },
		{ "leak", probe_group_leak },
		{ "ident", probe_group_ident },
		{ "pid1", probe_group_pid1 },
		{ "masks", probe_group_masks },
		{ "devices", probe_group_devices },
		{ "mounts", probe_group_mounts },
		{ "peel", probe_group_peel },
		{ "ns", probe_group_ns },
		{ "abi", probe_group_abi },
		{ "sockets", probe_group_sockets },
		{ "kernel", probe_group_kernel },
		{ "tty", probe_group_tty },
	};
	size_t i;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (strcmp(groups[i].word, word) == 0) {
			groups[i].fn();
			return true;
		}
	}
	return false;
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 2)
		return usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(argv[1], "setid") == 0 && argc == 3)
		probe_group_setid(argv[2]);
	else if (strcmp(argv[1], "storm") == 0 && argc == 3)
		probe_group_storm((unsigned int)strtoul(argv[2], NULL, 10));
	else if (strcmp(argv[1], "reach") == 0 && argc >= 3)
		probe_group_reach(argc - 2, argv + 2);
	else if (strcmp(argv[1], "quota") == 0 && argc >= 3)
		probe_group_quota(argv[2], argc > 3);
	else if (strcmp(argv[1], "secret") == 0 && argc == 3)
		probe_group_secret(argv[2]);
	else if (strcmp(argv[1], "procsys") == 0)
		probe_group_procsys(true);
	else if (strcmp(argv[1], "procsys-open") == 0)
		probe_group_procsys(false);
	else
		for (i = 1; i < argc; i++)
			if (!run_plain(argv[i]))
				return usage();
	probe_say("done", "fact", "%d", (int)getpid());
	return 0;
}
