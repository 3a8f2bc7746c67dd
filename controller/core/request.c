// SPDX-License-Identifier: Apache-2.0
/*
 * The requests that have to do with commands.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "controller/core/core.h"
#include "proto/cleanup.h"

/* A token that is known already: the client has come back. */
static bool attach_known(struct ctl_client *client, const Ctl__Request *req,
			 const Ctl__Command *msg)
{
	struct ctl_exec *exec = NULL;

	if (msg && msg->token.len == WIRE_ID_BYTES)
		exec = ctl_exec_find(client->ctl, msg->token.data,
				     msg->token.len);
	if (exec)
		ctl_exec_attach(exec, client, req->seq);
	return exec != NULL;
}

static void auto_name(struct ctl *ctl, char *name, size_t size)
{
	uint32_t number;

	do {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			number = ctl->seq;
		(void)snprintf(name, size, "run-%08x", number);
	} while (ctl_map_get(&ctl->names, name, strlen(name)));
}

static int name_run(struct ctl *ctl, const Ctl__Run *msg,
		    struct ctl_label *label, struct ctl_fail *fail)
{
	label->kind = CTL_KIND_RUN;
	if (!msg->name[0]) {
		auto_name(ctl, label->name, sizeof(label->name));
		return 0;
	}
	label->kind = CTL_KIND_NAMED;
	if (ctl_name_check(msg->name, &fail->err) < 0)
		return err_wrap(&fail->err, "--name");
	(void)snprintf(label->name, sizeof(label->name), "%s", msg->name);
	if (!ctl_map_get(&ctl->names, label->name, strlen(label->name)))
		return 0;
	err_set(&fail->err, ERR_BAD_STATE, 0,
		"--name: there is a sandbox named %.100s already",
		label->name);
	return ctl_fail_hint(fail, "creel exec runs a command in it, creel rm removes it");
}

/* The sandbox of a run that an earlier controller could make, but not use. */
static struct ctl_sandbox *find_idle_run(struct ctl *ctl, const uint8_t *token)
{
	struct ctl_sandbox *sandbox;

	if (ctl->n_idle_runs == 0)
		return NULL;
	LIST_FOREACH(sandbox, &ctl->sandboxes, link)
		if (sandbox->idle_run && LIST_EMPTY(&sandbox->execs) &&
		    memcmp(sandbox->label.token, token, WIRE_ID_BYTES) == 0)
			return sandbox;
	return NULL;
}

/**
 * ctl_exec_enter() - a command and what waits for it
 * @cmd:    taken over, on failure too
 * @client: NULL: nobody waits for it
 *
 * Return: the command, which ctl_exec_go() sends on its way, or NULL; the
 * sandbox is left as it was.
 */
struct ctl_exec *ctl_exec_enter(struct ctl_sandbox *sandbox,
				struct ctl_command *cmd,
				struct ctl_client *client, uint32_t seq,
				struct ctl_fail *fail)
{
	struct ctl_exec *exec = NULL;

	/* A run that comes back waits as it would have without a restart. */
	if (memcmp(sandbox->label.token, cmd->token, WIRE_ID_BYTES) != 0 &&
	    ctl_pause_refuse(sandbox, fail) < 0)
		;
	else if (!ctl_exec_make_room(sandbox))
		err_set(&fail->err, ERR_LIMIT, 0,
			"sandbox %.100s has %d commands already",
			sandbox->label.name, CTL_MAX_EXECS);
	else if (!(exec = ctl_exec_new(sandbox, cmd->token)))
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "command");
	if (!exec) {
		ctl_command_free(cmd);
		return NULL;
	}
	ctl_exec_set_command(exec, cmd);
	/* Without memory for a waiter the client has been told already. */
	if (client)
		(void)ctl_wait(client, seq, CTL_WAIT_STATUS, &exec->waiters);
	CTL_HOOK(sandbox->ctl, exec_new, exec, client);
	return exec;
}

/* A sandbox and its first command; takes spec and cmd over in any case. */
static int make(struct ctl_client *client, const Ctl__Request *req,
		struct ctl_label *label, struct ctl_spec *spec,
		struct ctl_command *cmd)
{
	struct ctl *ctl = client->ctl;
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ctl_sandbox *sandbox;
	struct ctl_exec *exec;

	label->created = (uint64_t)time(NULL);
	ctl_label_from_spec(label, spec);
	sandbox = ctl_sandbox_new(ctl, label);
	if (!sandbox) {
		err_set(&fail.err, ERR_KERNEL, ENOMEM, "sandbox");
		ctl_command_free(cmd);
		ctl_spec_free(spec);
		ctl_reply_fail(client, req->seq, &fail);
		return 0;
	}
	exec = ctl_exec_enter(sandbox, cmd, client, req->seq, &fail);
	if (!exec) {
		ctl_spec_free(spec);
		ctl_reply_fail(client, req->seq, &fail);
		ctl_sandbox_start_failed(sandbox, &fail);
		return 0;
	}
	exec->created = true;
	exec->lost = label->kind == CTL_KIND_SESSION &&
		     ctl_state_marked(ctl, label->name);
	if (ctl_build_start(sandbox, spec, &fail) < 0) {
		ctl_spec_free(spec);
		ctl_sandbox_start_failed(sandbox, &fail);
	}
	return 0;
}

/**
 * ctl_req_run() - a sandbox for one command
 */
int ctl_req_run(struct ctl_client *client, const Ctl__Request *req,
		struct wire_frame *frame, struct ctl_fail *fail)
{
	const Ctl__Run *msg = req->run;
	struct ctl *ctl = client->ctl;
	struct ctl_label label = { 0 };
	struct ctl_sandbox *sandbox;
	struct ctl_command *cmd;
	struct ctl_spec *spec;

	if (attach_known(client, req, msg->command))
		return 0;
	cmd = ctl_command_new(msg->command, frame, fail);
	if (!cmd)
		return -1;
	sandbox = find_idle_run(ctl, cmd->token);
	if (sandbox) {
		struct ctl_exec *exec =
			ctl_exec_enter(sandbox, cmd, client, req->seq, fail);

		if (!exec)
			return -1;
		ctl_sandbox_await_run(sandbox, false);
		exec->created = true;
		ctl_exec_go(exec);
		return 0;
	}
	memcpy(label.token, cmd->token, WIRE_ID_BYTES);
	label.detach = msg->detach;
	spec = NULL;
	if (name_run(ctl, msg, &label, fail) == 0)
		spec = ctl_spec_new(msg->spec, frame, &ctl->protect, fail);
	if (!spec || ctl_spec_finish(spec, fail) < 0) {
		ctl_spec_free(spec);
		ctl_command_free(cmd);
		return -1;
	}
	return make(client, req, &label, spec, cmd);
}

static bool has_workdir(const struct ctl_spec *spec)
{
	for (size_t i = 0; i < spec->n_mounts; i++)
		if (strcmp(spec->mounts[i].target, spec->workdir) == 0)
			return true;
	return false;
}

static int make_session(struct ctl_client *client, const Ctl__Request *req,
			struct ctl_spec *spec, struct ctl_command *cmd,
			struct ctl_fail *fail)
{
	struct ctl *ctl = client->ctl;
	struct ctl_label label = { .kind = CTL_KIND_SESSION };

	(void)snprintf(label.name, sizeof(label.name), "%s",
		       req->exec->target);
	if (!has_workdir(spec)) {
		auto_fd fd = ctl_state_session_dir(ctl, label.name,
						   &spec->workspace, fail);

		if (fd < 0 || ctl_spec_add_workspace(
				       spec, "workspace of the session", fd,
				       fail) < 0)
			return -1;
		(void)fd_take(&fd);
	}
	if (ctl_spec_finish(spec, fail) < 0)
		return -1;
	return make(client, req, &label, spec, cmd);
}

static int exec_live(struct ctl_sandbox *sandbox, struct ctl_client *client,
		     const Ctl__Request *req, struct ctl_command *cmd,
		     struct ctl_fail *fail)
{
	struct ctl_exec *exec =
		ctl_exec_enter(sandbox, cmd, client, req->seq, fail);

	if (!exec)
		return -1;
	ctl_exec_go(exec);
	return 0;
}

/**
 * ctl_given_check() - was a live sandbox made with the flags given now?
 * @msg:   what they ask for; flags that it does not name agree with anything
 * @frame: has the descriptors that @msg names
 */
int ctl_given_check(const struct ctl_sandbox *sandbox, const Ctl__Exec *msg,
		    struct wire_frame *frame, struct ctl_fail *fail)
{
	struct ctl_spec *spec;
	int ret = -1;

	if (msg->n_given == 0)
		return 0;
	spec = ctl_spec_new(msg->spec, frame, NULL, fail);
	if (spec)
		ret = ctl_flags_compare(&sandbox->label, spec, msg->given,
					msg->n_given, fail);
	ctl_spec_free(spec);
	return ret;
}

static int check_target(const char *target, struct ctl_fail *fail)
{
	if (ctl_name_check(target, &fail->err) < 0)
		return -1;
	if (ctl_name_is_hex_prefix(target) &&
	    strlen(target) == CTL_HEX_BYTES - 1)
		return err_set(&fail->err, ERR_BAD_STATE, 0,
			       "sandbox %s: there is none with that id", target);
	return 0;
}

/**
 * ctl_req_exec() - a command in a sandbox that lives, or in a new one
 */
int ctl_req_exec(struct ctl_client *client, const Ctl__Request *req,
		 struct wire_frame *frame, struct ctl_fail *fail)
{
	const Ctl__Exec *msg = req->exec;
	struct ctl *ctl = client->ctl;
	struct ctl_sandbox *sandbox;
	struct ctl_command *cmd;
	struct ctl_spec *spec;

	if (attach_known(client, req, msg->command))
		return 0;
	if (ctl_name_check(msg->target, &fail->err) < 0)
		return -1;
	sandbox = ctl_sandbox_find(ctl, msg->target, fail);
	if (fail->err.code != ERR_NONE)
		return -1;
	if (sandbox ? ctl_given_check(sandbox, msg, frame, fail) < 0 :
		      check_target(msg->target, fail) < 0)
		return -1;
	cmd = ctl_command_new(msg->command, frame, fail);
	if (!cmd)
		return -1;
	if (sandbox)
		return exec_live(sandbox, client, req, cmd, fail);
	spec = ctl_spec_new(msg->spec, frame, &ctl->protect, fail);
	if (!spec || make_session(client, req, spec, cmd, fail) < 0) {
		ctl_spec_free(spec);
		ctl_command_free(cmd);
		return -1;
	}
	return 0;
}

/**
 * ctl_req_attach() - how does a command end that was started before?
 */
int ctl_req_attach(struct ctl_client *client, const Ctl__Request *req,
		   struct wire_frame *frame, struct ctl_fail *fail)
{
	const ProtobufCBinaryData *token = &req->attach->token;
	struct ctl_exec *exec = NULL;

	(void)frame;
	if (token->len == WIRE_ID_BYTES)
		exec = ctl_exec_find(client->ctl, token->data, token->len);
	if (!exec && token->len == WIRE_ID_BYTES &&
	    ctl_pause_missed(client, req->seq, token->data))
		return 0;
	if (!exec)
		return err_set(&fail->err, ERR_BAD_STATE, 0,
			       "the command is gone, and its sandbox with it");
	ctl_exec_attach(exec, client, req->seq);
	return 0;
}

/**
 * ctl_req_signal() - signal a command
 */
int ctl_req_signal(struct ctl_client *client, const Ctl__Request *req,
		   struct wire_frame *frame, struct ctl_fail *fail)
{
	const Ctl__Signal *msg = req->signal;
	struct ctl_exec *exec = NULL;

	(void)frame;
	if (msg->token.len == WIRE_ID_BYTES)
		exec = ctl_exec_find(client->ctl, msg->token.data,
				     msg->token.len);
	if (msg->signal < 1 || msg->signal > 64)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "signal %u: there is none", msg->signal);
	if (!exec || !exec->sandbox || exec->state == CTL_EXEC_OVER)
		return err_set(&fail->err, ERR_BAD_STATE, 0,
			       "signal: the command does not run");
	if (exec->state == CTL_EXEC_WAITING)
		return err_set(&fail->err, ERR_BAD_STATE, 0,
			       "signal: the command has not started yet");
	ctl_init_signal(exec->sandbox, exec->token, msg->signal, false);
	ctl_reply_done(client, req->seq);
	return 0;
}
