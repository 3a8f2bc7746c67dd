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

#define TRY_MS 15000
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
	/* Also where the limit has killed it nothing stays. */
	put(head, "--collect");
	/* Else it is the command line, which goes into the journal. */
	put(head, "--description=creel");
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

/* What systemd-run itself must have of the client's. */
static const char *const lent[] = { "PATH", "XDG_RUNTIME_DIR",
				    "DBUS_SESSION_BUS_ADDRESS" };

#define N_LENT (sizeof(lent) / sizeof(lent[0]))

static bool is_lent(const char *pair)
{
	for (size_t i = 0; i < N_LENT; i++) {
		size_t len = strlen(lent[i]);

		if (strncmp(pair, lent[i], len) == 0 && pair[len] == '=')
			return true;
	}
	return false;
}

/* The command's, but for what is lent. */
static void fill_env(const char **to, const char *const *own)
{
	for (; *own; own++)
		if (!is_lent(*own))
			*to++ = *own;
	for (char **at = environ; *at; at++)
		if (is_lent(*at))
			*to++ = *at;
}

static const char **fill_env_args(const char **to, const char *const *own)
{
	*to++ = "env";
	for (size_t i = 0; i < N_LENT; i++) {
		*to++ = "-u";
		*to++ = lent[i];
	}
	*to++ = "--";
	for (; *own; own++)
		if (is_lent(*own))
			*to++ = *own;
	return to;
}

/*
 * systemd-run needs some of the client's variables, the command has its own.
 * They are no arguments, which everybody on the machine may read: what is lent
 * is taken back behind it.
 */
static const char **join(const struct head *head,
			 const struct tool_command *command, char *const *envp,
			 const char ***new_env)
{
	const char *const *own = (const char *const *)envp;
	const char *const *client = (const char *const *)environ;
	size_t n_env = count_strings(own) + count_strings(client) + 1;
	size_t n_argv = head->n + 2 * N_LENT + 2 + count_strings(own) +
			count_strings(command->argv) + 1;
	const char **argv, **to;
	char *bytes;

	/* The properties are in the same piece of memory. */
	argv = calloc(1, (n_argv + n_env) * sizeof(*argv) + 2 * PROPERTY_BYTES);
	if (!argv)
		return NULL;
	*new_env = argv + n_argv;
	bytes = (char *)(*new_env + n_env);
	memcpy(bytes, head->memory, PROPERTY_BYTES);
	memcpy(bytes + PROPERTY_BYTES, head->cpu, PROPERTY_BYTES);
	to = argv;
	for (size_t i = 0; i < head->n; i++)
		*to++ = head->argv[i] == head->memory ? bytes :
			head->argv[i] == head->cpu    ? bytes + PROPERTY_BYTES :
							head->argv[i];
	to = fill_env_args(to, own);
	for (size_t i = 0; command->argv[i]; i++)
		*to++ = command->argv[i];
	fill_env(*new_env, own);
	return argv;
}

/**
 * host_limit() - see to it that a command is limited as it asks
 */
int host_limit(struct tool_command *command, const char ***argv,
	       char *const **envp, struct err *err)
{
	struct head head = { .n = 0 };
	const char **env = NULL;

	if (command->limit_memory == 0 && command->limit_cpu_usec == 0)
		return 0;
	set_head(&head, command);
	if (!answers(&head))
		return err_set(err, ERR_UNSUPPORTED, 0,
			       "%.80s: no systemd of the user's gives a limited scope",
			       command->limit_key ? command->limit_key :
						    "command");
	*argv = join(&head, command, *envp, &env);
	if (!*argv)
		return err_set(err, ERR_KERNEL, ENOMEM, "command");
	command->argv = *argv;
	*envp = (char *const *)env;
	return 0;
}
