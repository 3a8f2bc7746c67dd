// SPDX-License-Identifier: Apache-2.0
/*
 * Tools outside of any sandbox: commands.  Each has a keeper; this process
 * waits for what it says, and the command ends with this process until it is in
 * the background.
 */
#include <config.h>

#include "controller/cli/tool-host-own.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/tool-host-limit.h"
#include "controller/compat/firejail.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

static size_t count_strings(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

static bool same_name(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");

	return strcspn(b, "=") == len && memcmp(a, b, len) == 0;
}

/* The client's variables but for those that are given; owned, not what is in
 * it. */
static char **make_env(const struct tool_call *call,
		       const struct tool_command *what)
{
	const char *const *old = what->only_env ? NULL : call->env->host_env;
	size_t n_old = count_strings(old), n_new = count_strings(what->env);
	char **envp = calloc(n_old + n_new + 1, sizeof(*envp));
	size_t n = 0;

	if (!envp)
		return NULL;
	for (size_t i = 0; i < n_old; i++) {
		size_t k = 0;

		while (k < n_new && !same_name(old[i], what->env[k]))
			k++;
		if (k == n_new)
			envp[n++] = (char *)old[i];
	}
	for (size_t i = 0; i < n_new; i++)
		envp[n++] = (char *)what->env[i];
	return envp;
}

static void fail(struct tool_call *call, tool_outcome_fn *done,
		 const struct err *err)
{
	const struct tool_outcome outcome = { .fail = *err,
					      .status = CREEL_EXIT_FAILED };

	done(call, &outcome);
}

static void tell_progress(struct tool_call *call,
			  const struct keeper_message *message)
{
	struct keeper_progress head;

	if (!call->progress || message->len < sizeof(head))
		return;
	memcpy(&head, message->body, sizeof(head));
	if (head.text_len == message->len - sizeof(head))
		call->progress(call, head.output_bytes,
			       message->body + sizeof(head), head.text_len,
			       call->arg);
}

/* Return: false where it is not one. */
static bool give_outcome(struct tool_call *call, tool_outcome_fn *done,
			 const struct keeper_message *message)
{
	struct keeper_outcome head;
	struct tool_outcome *outcome = &head.outcome;

	if (message->kind != KEEPER_OUTCOME || message->len < sizeof(head))
		return false;
	memcpy(&head, message->body, sizeof(head));
	if (outcome->out_len > message->len - sizeof(head) ||
	    outcome->err_len != message->len - sizeof(head) - outcome->out_len)
		return false;
	outcome->out = message->body + sizeof(head);
	outcome->err = outcome->out + outcome->out_len;
	done(call, outcome);
	return true;
}

static void wait_for(struct tool_call *call, int fd, tool_outcome_fn *done)
{
	struct keeper_message message;
	struct err err = ERR_INIT;
	bool over = false;

	while (!over && keeper_receive(fd, &message) > 0) {
		if (message.kind == KEEPER_PROGRESS)
			tell_progress(call, &message);
		else
			over = give_outcome(call, done, &message);
		keeper_message_fini(&message);
	}
	if (over)
		return;
	err_set(&err, ERR_INTERNAL, 0, "command: its keeper is gone");
	fail(call, done, &err);
}

/**
 * host_run() - a command, until it is over or in the background
 */
void host_run(struct tool_call *call, const struct tool_command *what,
	      tool_outcome_fn *done)
{
	struct host_call *host = call->backend_arg;
	struct tool_command command = *what;
	auto_free char **envp = make_env(call, what);
	auto_free const char **argv = NULL;
	struct keeper_order order = {
		.command = &command,
		.envp = envp,
		.workdir = what->workdir ? what->workdir : call->env->root,
		.place = &host->place,
		.cap = what->keep_output,
		.cleanup_ms = what->cleanup_ms,
		.progress = call->progress != NULL,
	};
	struct err err = ERR_INIT;
	auto_fd fd = -1;

	if (!envp)
		err_set(&err, ERR_KERNEL, ENOMEM, "environment");
	else if (what->jail)
		err_set(&err, ERR_UNSUPPORTED, 0,
			"%s: creeld alone makes jails; the configuration has just been changed",
			what->jail->key);
	else if (what->yield_ms == 0)
		(void)keeper_room(&host->place, &err);
	if (err.code == ERR_NONE && host_limit(&command, &argv, &order.envp,
					       &err) == 0)
		fd = keeper_start(&order, &err);
	if (fd < 0)
		fail(call, done, &err);
	else
		wait_for(call, fd, done);
}
