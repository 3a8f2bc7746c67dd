// SPDX-License-Identifier: Apache-2.0
/*
 * Commands: from the request to the moment when a client has got the status.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/core/core.h"
#include "controller/core/log.h"
#include "proto/cleanup.h"

/**
 * ctl_exec_find() - by its token, in whatever sandbox
 */
struct ctl_exec *ctl_exec_find(struct ctl *ctl, const uint8_t *token,
			       size_t len)
{
	struct ctl_node *node = ctl_map_get(&ctl->tokens, token, len);

	return node ? container_of(node, struct ctl_exec, by_token) : NULL;
}

/**
 * ctl_exec_new() - a command of a sandbox, waiting
 * @token: in no use
 *
 * Return: the command, owned by its sandbox, or NULL without memory.
 */
struct ctl_exec *ctl_exec_new(struct ctl_sandbox *sandbox,
			      const uint8_t token[WIRE_ID_BYTES])
{
	const struct ctl_label *label = &sandbox->label;
	struct ctl_exec *exec = calloc(1, sizeof(*exec));

	if (!exec)
		return NULL;
	exec->ctl = sandbox->ctl;
	exec->sandbox = sandbox;
	exec->state = CTL_EXEC_WAITING;
	memcpy(exec->token, token, WIRE_ID_BYTES);
	LIST_INIT(&exec->waiters);
	LIST_INSERT_HEAD(&sandbox->execs, exec, link);
	sandbox->n_execs++;
	ctl_map_put(&sandbox->ctl->tokens, &exec->by_token, exec->token,
		    WIRE_ID_BYTES);
	exec->ends_sandbox =
		label->kind != CTL_KIND_SESSION &&
		memcmp(label->token, token, WIRE_ID_BYTES) == 0;
	exec->detach = exec->ends_sandbox && label->detach;
	return exec;
}

/**
 * ctl_exec_set_command() - what it is to run
 * @cmd: taken over
 */
void ctl_exec_set_command(struct ctl_exec *exec, struct ctl_command *cmd)
{
	exec->cmd = cmd;
	exec->timeout_ms = cmd->timeout_ms;
	exec->limit_memory = cmd->limit_memory;
	exec->own_user = cmd->user_text[0] != '\0';
	exec->own_workdir = cmd->workdir != NULL;
}

/* Sets exec->user as far as it is known; 1: /etc/passwd must tell the rest. */
static int resolve_user(struct ctl_exec *exec, struct err *err)
{
	const struct ctl_label *label = &exec->sandbox->label;
	const char *text = exec->cmd->user_text[0] ? exec->cmd->user_text :
						     label->user;
	struct ctl_user *user = &exec->user;

	if (text[0]) {
		if (ctl_user_parse(text, user, err) < 0)
			return err_wrap(err, "--user");
	} else {
		user->uid = label->uid;
		user->gid = label->gid;
		user->resolved = true;
	}
	if (label->host_image) {
		if (!ctl_user_builtin(user, label->uid, label->gid))
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "--user %s: the host image has root, creel and nobody",
				       user->name);
		return 0;
	}
	(void)snprintf(user->home, sizeof(user->home), "%s",
		       user->resolved && user->uid == 0 ? "/root" :
							  "/home/creel");
	return !user->resolved || exec->cmd->login;
}

/* argv[0], for messages; a message without it is no worse than no memory. */
static void set_name(struct ctl_exec *exec)
{
	free(exec->name);
	exec->name = strdup(exec->cmd->strings);
}

static int send_exec(struct ctl_exec *exec, struct ctl_fail *fail)
{
	const struct ctl_helper_info *info = &exec->sandbox->ctl->info;

	if (!info->id_range && exec->user.uid != exec->sandbox->label.uid) {
		err_set(&fail->err, ERR_UNSUPPORTED, 0,
			"--user: only uid %u exists in this sandbox",
			exec->sandbox->label.uid);
		return ctl_fail_hint(fail,
				     "give yourself a range of ids in /etc/subuid and /etc/subgid");
	}
	ctl_trust_begin(exec);
	if (ctl_defaults_apply(&exec->sandbox->defaults, exec->cmd,
			       &fail->err) < 0 ||
	    ctl_command_complete(exec->cmd, &exec->user, &fail->err) < 0 ||
	    ctl_init_exec(exec, &fail->err) < 0)
		return -1;
	exec->state = CTL_EXEC_SENT;
	set_name(exec);
	ctl_command_free(exec->cmd);
	exec->cmd = NULL;
	return 0;
}

/**
 * ctl_exec_go() - do what can be done now to get a command started
 *
 * Called when its sandbox has come to life and when its user is known.
 */
void ctl_exec_go(struct ctl_exec *exec)
{
	struct ctl_fail fail = CTL_FAIL_INIT;
	int ret = 0;

	if (exec->state != CTL_EXEC_WAITING || !exec->cmd ||
	    exec->sandbox->state != CTL_SANDBOX_LIVE ||
	    (exec->sandbox->held && (!exec->internal || exec->ops)))
		return;
	if (exec->lookup_seq == 0)
		ret = resolve_user(exec, &fail.err);
	if (ret > 0) {
		exec->asked_at = ctl_now();
		ret = ctl_init_open_passwd(exec, &fail.err);
	} else if (ret == 0) {
		ret = send_exec(exec, &fail);
	}
	if (ret < 0)
		ctl_exec_fail(exec, &fail);
}

static void reply_started(struct ctl_exec *exec, struct ctl_waiter *waiter,
			  int tty_fd)
{
	struct ctl_sandbox *sandbox = exec->sandbox;
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__Started msg = CTL__STARTED__INIT;
	char *warnings[CTL_SANDBOX_WARNINGS + 1 + CTL_EXEC_WARNINGS];

	msg.sandbox = sandbox->label.name;
	msg.id = sandbox->hex;
	msg.created = exec->created;
	msg.lost = exec->lost;
	msg.token.data = exec->token;
	msg.token.len = WIRE_ID_BYTES;
	msg.warnings = warnings;
	for (size_t i = 0; exec->created && i < sandbox->n_warnings; i++)
		warnings[msg.n_warnings++] = sandbox->warnings[i];
	if (exec->note[0])
		warnings[msg.n_warnings++] = exec->note;
	for (size_t i = 0; i < exec->n_warnings; i++)
		warnings[msg.n_warnings++] = exec->warnings[i];
	reply.re_case = CTL__REPLY__RE_STARTED;
	reply.started = &msg;
	ctl_reply(waiter->client, waiter->seq, &reply, tty_fd);
}

static void reply_exited(struct ctl_exec *exec, struct ctl_waiter *waiter,
			 bool pending)
{
	const struct ctl_result *result = &exec->result;
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__Exited msg = CTL__EXITED__INIT;

	msg.token.data = exec->token;
	msg.token.len = WIRE_ID_BYTES;
	msg.status = result->status;
	msg.timed_out = result->timed_out;
	msg.oom = result->oom;
	msg.text = (char *)result->text;
	msg.cpu_usec = result->cpu_usec;
	msg.memory_peak = result->memory_peak;
	msg.wall_usec = result->wall_usec;
	msg.has_cpu = result->has_cpu;
	msg.has_memory = result->has_memory;
	msg.pending = pending;
	msg.n_warnings = exec->n_warnings;
	msg.warnings = exec->warnings;
	reply.re_case = CTL__REPLY__RE_EXITED;
	reply.exited = &msg;
	ctl_reply(waiter->client, waiter->seq, &reply, -1);
	exec->claimed = true;
}

/**
 * ctl_exec_deliver() - the last word on a command; its waiters go
 */
void ctl_exec_deliver(struct ctl_exec *exec)
{
	struct ctl_waiter *waiter;

	while ((waiter = LIST_FIRST(&exec->waiters))) {
		reply_exited(exec, waiter, false);
		ctl_waiter_free(waiter);
	}
}

/**
 * ctl_exec_started() - creel-init says that it runs
 * @fds: master of its terminal, or what it was captured with; what its owner
 *       wants of them is taken
 */
void ctl_exec_started(struct ctl_exec *exec, uint32_t pid, int *fds,
		      size_t n_fds)
{
	struct ctl_waiter *waiter;

	exec->state = CTL_EXEC_RUNNING;
	if (exec->ops && exec->ops->started)
		exec->ops->started(exec, pid, fds, n_fds);
	LIST_FOREACH(waiter, &exec->waiters, of_object)
		reply_started(exec, waiter, n_fds > 0 ? fds[0] : -1);
	if (!LIST_EMPTY(&exec->waiters))
		ctl_trust_told(exec);
}

/**
 * ctl_exec_tell() - its owner hears how it ended
 *
 * Once, and is let go of before.
 */
void ctl_exec_tell(struct ctl_exec *exec)
{
	const struct ctl_exec_ops *ops = exec->ops;

	exec->ops = NULL;
	if (ops && ops->over)
		ops->over(exec, &exec->result);
}

/**
 * ctl_exec_over() - creel-init says how it ended
 *
 * The sandbox of run goes with its command, and the client hears the status
 * twice: at once, lest it be lost with this process, and when nothing of the
 * sandbox is left. Where no client is there to hear it, it may still come back
 * after a restart.
 */
void ctl_exec_over(struct ctl_exec *exec, const struct ctl_result *result)
{
	struct ctl_sandbox *sandbox = exec->sandbox;
	struct ctl_waiter *waiter;

	exec->state = CTL_EXEC_OVER;
	exec->result = *result;
	exec->over_at = sandbox->since = ctl_now();
	ctl_trust_look(sandbox, exec);
	CTL_HOOK(exec->ctl, exec_over, exec, &exec->result);
	ctl_exec_tell(exec);
	if (!exec->ends_sandbox) {
		ctl_exec_deliver(exec);
		if (exec->claimed || result->hung_up || exec->internal)
			ctl_exec_forget(exec);
		return;
	}
	LIST_FOREACH(waiter, &exec->waiters, of_object)
		reply_exited(exec, waiter, true);
	if (exec->claimed || exec->detach || result->hung_up)
		ctl_sandbox_kill(sandbox, CTL_DEATH_RUN_OVER);
	else
		ctl_sandbox_await_run(sandbox, true);
}

/**
 * ctl_exec_fail() - it did not start, or nobody knows how it ended
 *
 * A sandbox that was made for it alone goes too.
 */
void ctl_exec_fail(struct ctl_exec *exec, const struct ctl_fail *fail)
{
	struct ctl_sandbox *sandbox = exec->sandbox;
	struct ctl_result result = { .status = fail->status };
	struct ctl_fail named = *fail;
	const struct ctl_exec_ops *ops = exec->ops;
	struct ctl_waiter *waiter;

	ctl_told_fail(exec, &named);
	(void)snprintf(result.text, sizeof(result.text), "%.90s",
		       named.err.text);
	CTL_HOOK(exec->ctl, exec_over, exec, &result);
	exec->ops = NULL;
	if (ops && ops->failed)
		ops->failed(exec, &named);
	while ((waiter = LIST_FIRST(&exec->waiters))) {
		ctl_reply_fail(waiter->client, waiter->seq, &named);
		ctl_waiter_free(waiter);
	}
	if (exec->ends_sandbox && sandbox->state == CTL_SANDBOX_LIVE)
		ctl_sandbox_kill(sandbox, CTL_DEATH_RUN_OVER);
	ctl_exec_forget(exec);
}

/**
 * ctl_exec_attach() - a client wants to hear how a known command ends
 */
void ctl_exec_attach(struct ctl_exec *exec, struct ctl_client *client,
		     uint32_t seq)
{
	struct ctl_waiter *waiter =
		ctl_wait(client, seq, CTL_WAIT_STATUS, &exec->waiters);

	if (!waiter)
		return;
	if (exec->state == CTL_EXEC_RUNNING)
		reply_started(exec, waiter, -1);
	if (exec->state != CTL_EXEC_OVER)
		return;
	if (exec->sandbox && exec->ends_sandbox) {
		reply_exited(exec, waiter, true);
		ctl_sandbox_kill(exec->sandbox, CTL_DEATH_RUN_OVER);
		return;
	}
	ctl_exec_deliver(exec);
	ctl_exec_forget(exec);
}

/**
 * ctl_exec_forget() - drop a command from all tables
 *
 * creel-init forgets it too, if it still has a status of it.
 */
void ctl_exec_forget(struct ctl_exec *exec)
{
	struct ctl_sandbox *sandbox = exec->sandbox;
	struct ctl *ctl = exec->ctl;
	struct ctl_waiter *waiter;

	if (exec->buried)
		return;
	while ((waiter = LIST_FIRST(&exec->waiters)))
		ctl_waiter_free(waiter);
	LIST_REMOVE(exec, link);
	exec->buried = true;
	if (sandbox) {
		sandbox->n_execs--;
		if (exec->state == CTL_EXEC_OVER &&
		    sandbox->state == CTL_SANDBOX_LIVE)
			ctl_init_ack(sandbox, exec->token);
	} else {
		ctl->n_orphans--;
	}
	ctl_map_del(&ctl->tokens, &exec->by_token);
	LIST_INSERT_HEAD(&ctl->dead_execs, exec, link);
	ctl_bury(ctl);
}

/**
 * ctl_exec_make_room() - may a sandbox have one more command?
 *
 * Where it has as many as it may, the oldest status that nobody has come for
 * goes.
 */
bool ctl_exec_make_room(struct ctl_sandbox *sandbox)
{
	struct ctl_exec *exec, *oldest = NULL;

	if (sandbox->n_execs < CTL_MAX_EXECS)
		return true;
	LIST_FOREACH(exec, &sandbox->execs, link)
		if (exec->state == CTL_EXEC_OVER && !exec->ends_sandbox &&
		    (!oldest || exec->over_at <= oldest->over_at))
			oldest = exec;
	if (oldest)
		ctl_exec_forget(oldest);
	return oldest != NULL;
}

static void check_age(struct ctl_exec *exec, time_t now)
{
	struct ctl_fail fail = CTL_FAIL_INIT;

	if (exec->state == CTL_EXEC_OVER && !exec->ends_sandbox &&
	    now - exec->over_at >= CTL_CLAIM_SEC) {
		ctl_exec_forget(exec);
	} else if (exec->state == CTL_EXEC_WAITING && exec->lookup_seq &&
		   now - exec->asked_at >= CTL_LOOKUP_SEC) {
		err_set(&fail.err, ERR_KERNEL, 0,
			"--user: the sandbox does not open its /etc/passwd");
		ctl_exec_fail(exec, &fail);
	}
}

/**
 * ctl_exec_tick() - let go of statuses that nobody came for
 */
void ctl_exec_tick(struct ctl *ctl)
{
	struct ctl_sandbox *sandbox;
	struct ctl_exec *exec, *next;
	time_t now = ctl_now();

	for (exec = LIST_FIRST(&ctl->orphans); exec; exec = next) {
		next = LIST_NEXT(exec, link);
		if (now - exec->over_at >= CTL_CLAIM_SEC)
			ctl_exec_forget(exec);
	}
	LIST_FOREACH(sandbox, &ctl->sandboxes, link) {
		for (exec = LIST_FIRST(&sandbox->execs); exec; exec = next) {
			next = LIST_NEXT(exec, link);
			check_age(exec, now);
		}
	}
}

/**
 * ctl_exec_free() - release; in no table any more
 */
void ctl_exec_free(struct ctl_exec *exec)
{
	ctl_command_free(exec->cmd);
	ctl_trust_told(exec);
	free(exec->name);
	free(exec);
}
