// SPDX-License-Identifier: Apache-2.0
/*
 * Limits of one command on the host.  Cgroups belong to the user's systemd
 * there: it is asked for a scope, and where it does not answer nothing runs.
 */
#include <config.h>

#include "controller/cli/tool-host-limit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define TRY_MS 5000
#define PROPERTY_BYTES 64
#define MAX_HEAD 16

struct head {
	const char *argv[MAX_HEAD];
	size_t n;
	char memory[PROPERTY_BYTES];
	char cpu[PROPERTY_BYTES];
};

static void put(struct head *head, const char *text)
{
	head->argv[head->n++] = text;
}

/* Root has no manager of his own, but the system's. */
static void set_head(struct head *head, const struct tool_command *command)
{
	put(head, "systemd-run");
	if (geteuid() != 0)
		put(head, "--user");
	put(head, "--scope");
	put(head, "-q");
	if (command->limit_memory > 0) {
		(void)snprintf(head->memory, sizeof(head->memory),
			       "MemoryMax=%llu",
			       (unsigned long long)command->limit_memory);
		put(head, "-p");
		put(head, head->memory);
		put(head, "-p");
		put(head, "MemorySwapMax=0");
	}
	if (command->limit_cpu_usec > 0) {
		(void)snprintf(head->cpu, sizeof(head->cpu), "CPUQuota=%llu%%",
			       (unsigned long long)(command->limit_cpu_usec +
						    999) / 1000);
		put(head, "-p");
		put(head, head->cpu);
	}
	put(head, "--");
}

static _Noreturn void become_try(struct head *head)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 3; i++)
		(void)dup2(null_fd, i);
	(void)close_range(3, ~0U, 0);
	put(head, "true");
	put(head, NULL);
	(void)execvp(head->argv[0], (char *const *)head->argv);
	_exit(127);
}

/* Whether a scope with these limits can be had at all. */
static bool answers(const struct head *head)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct head copy = *head;
	pid_t pid = fork();
	int status = -1;
	pid_t ended = 0;

	if (pid == 0)
		become_try(&copy);
	for (int i = 0; pid > 0 && ended == 0 && i < TRY_MS; i++) {
		ended = waitpid(pid, &status, WNOHANG);
		if (ended == 0)
			(void)nanosleep(&pause, NULL);
	}
	if (pid > 0 && ended == 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	return ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static size_t count_strings(const char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

/* systemd-run needs the client's variables, the command has its own. */
static const char **join(const struct head *head,
			 const struct tool_command *command, char *const *envp)
{
	const char *const *env = (const char *const *)envp;
	size_t n_env = count_strings(env);
	size_t n_argv = count_strings(command->argv);
	char *bytes;
	const char **argv;
	size_t n = 0;

	/* The properties are in the same piece of memory. */
	argv = calloc(1, (head->n + 4 + n_env + n_argv) * sizeof(*argv) +
				 2 * PROPERTY_BYTES);
	if (!argv)
		return NULL;
	bytes = (char *)(argv + head->n + 4 + n_env + n_argv);
	memcpy(bytes, head->memory, PROPERTY_BYTES);
	memcpy(bytes + PROPERTY_BYTES, head->cpu, PROPERTY_BYTES);
	for (size_t i = 0; i < head->n; i++)
		argv[n++] = head->argv[i] == head->memory ? bytes :
			    head->argv[i] == head->cpu ?
					      bytes + PROPERTY_BYTES :
					      head->argv[i];
	argv[n++] = "env";
	argv[n++] = "-i";
	argv[n++] = "--";
	for (size_t i = 0; i < n_env; i++)
		argv[n++] = env[i];
	for (size_t i = 0; i < n_argv; i++)
		argv[n++] = command->argv[i];
	return argv;
}

/**
 * host_limit() - see to it that a command is limited as it asks
 */
int host_limit(struct tool_command *command, const char ***argv,
	       char *const **envp, struct err *err)
{
	struct head head = { .n = 0 };

	if (command->limit_memory == 0 && command->limit_cpu_usec == 0)
		return 0;
	set_head(&head, command);
	if (!answers(&head))
		return err_set(err, ERR_UNSUPPORTED, 0,
			       "%.80s: no systemd of the user's gives a limited scope",
			       command->limit_key ? command->limit_key :
						    "command");
	*argv = join(&head, command, *envp);
	if (!*argv)
		return err_set(err, ERR_KERNEL, ENOMEM, "command");
	command->argv = *argv;
	*envp = environ;
	return 0;
}
