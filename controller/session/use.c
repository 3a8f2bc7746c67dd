// SPDX-License-Identifier: Apache-2.0
/*
 * A command in a session: where it goes, and what is remembered of it.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "controller/session/manager.h"
#include "proto/cleanup.h"

/* One request on its way to a sandbox. */
struct asked {
	struct ses *ses;
	struct ctl_client *client;
	const Ctl__Exec *msg;
	struct wire_frame *frame;
	struct ses_target *target;
	uint32_t seq;
	struct ses_use use;
};

static void command_free(struct ctl_command **cmd)
{
	ctl_command_free(*cmd);
}

#define auto_command __attribute__((cleanup(command_free))) struct ctl_command

static int find_sandbox(struct asked *asked, const struct ctl_command *cmd,
			struct ctl_fail *fail)
{
	const Ctl__Exec *msg = asked->msg;
	struct ses_flags flags = { .msg = NULL };
	int ret;

	/* By the sandbox's name alone: nothing is known but its label. */
	if (!asked->target->session)
		return ctl_given_check(asked->target->record->sandbox, msg,
				       asked->frame, fail);
	if (ses_flags_take(&flags, msg, asked->frame, fail) < 0)
		return -1;
	asked->use.flags = &flags;
	asked->use.token = cmd->token;
	ret = ses_use_find(&asked->use, fail);
	ses_flags_fini(&flags);
	asked->use.flags = NULL;
	return ret;
}

static int remember(struct asked *asked, const struct ctl_command *cmd,
		    int64_t *id, struct ctl_fail *fail)
{
	const struct pol_session *session = asked->target->session;
	const struct ses_sandbox *record = asked->target->record;
	const bool own = strcmp(record->scope, "session") == 0;
	const struct ses_ask ask = {
		.tool = cmd->login ? "shell" : "exec",
		.session = session ? session->key :
			   own	   ? record->scope_key :
				     "",
		.agent = session ? session->agent_id : record->agent,
		.sandbox = record->sandbox->label.name,
		.strings = cmd->strings,
		.argc = cmd->argc,
		.token = cmd->token,
		.sandboxed = true,
		.client = asked->client,
	};

	return ses_use_remember(&asked->use, &ask, id, fail);
}

static int enter(struct asked *asked, struct ctl_command *cmd,
		 struct ctl_fail *fail)
{
	struct ctl_sandbox *sandbox = asked->target->record->sandbox;
	struct ctl_exec *exec;
	int64_t audit_id = 0;

	if (remember(asked, cmd, &audit_id, fail) < 0) {
		ctl_command_free(cmd);
		return -1;
	}
	asked->ses->entering = true;
	exec = ctl_exec_enter(sandbox, cmd, asked->client, asked->seq, fail);
	asked->ses->entering = false;
	if (!exec) {
		(void)ses_audit_failed(asked->ses->audit, audit_id, NULL, fail,
				       &(struct err)ERR_INIT);
		return -1;
	}
	exec->audit_id = audit_id;
	exec->created = asked->use.created;
	exec->lost = asked->use.lost;
	(void)snprintf(exec->note, sizeof(exec->note), "%s", asked->use.note);
	ctl_exec_go(exec);
	return 0;
}

static int use_sandbox(struct asked *asked, struct ctl_fail *fail)
{
	auto_command *cmd = ctl_command_new(asked->msg->command, asked->frame,
					    fail);
	struct ctl_sandbox *sandbox;

	if (!cmd || find_sandbox(asked, cmd, fail) < 0)
		return -1;
	sandbox = asked->target->record->sandbox;
	if (enter(asked, ptr_take(&cmd), fail) == 0)
		return 0;
	if (asked->use.created)
		ctl_sandbox_kill(sandbox, CTL_DEATH_ASKED);
	return -1;
}

static bool is_known(const struct ses *ses, const Ctl__Command *cmd)
{
	return cmd && cmd->token.len == WIRE_ID_BYTES &&
	       ctl_exec_find(ses->ctl, cmd->token.data, cmd->token.len);
}

/* Where the session is not sandboxed, or that is asked for. */
static int use_host(const struct asked *asked, struct ctl_fail *fail)
{
	const struct pol_session *session = asked->target->session;
	struct ctl_command *cmd;
	int ret;

	if (!asked->msg->host || session->sandboxed) {
		(void)ses_host_refuse(session, asked->msg->host, fail);
		ses_denied_session(asked->ses, asked->client, asked->msg,
				   session, fail);
		return -1;
	}
	cmd = ctl_command_new(asked->msg->command, asked->frame, fail);
	if (!cmd)
		return -1;
	ret = ses_host_start(asked->ses, asked->client, session, cmd, fail);
	if (ret == 0)
		ses_host_reply(asked->client, asked->seq, cmd);
	ctl_command_free(cmd);
	return ret;
}

/**
 * ses_req_exec() - a command in a session
 *
 * Return: 0, -1, or 1 where the core is to do it.
 */
int ses_req_exec(struct ses *ses, struct ctl_client *client,
		 const Ctl__Request *req, struct wire_frame *frame,
		 struct ctl_fail *fail)
{
	auto_target target = { .kind = SES_TARGET_INVALID };
	struct asked asked = {
		.ses = ses,
		.client = client,
		.msg = req->exec,
		.frame = frame,
		.target = &target,
		.seq = req->seq,
		.use = {
			.ses = ses,
			.target = &target,
			.config = req->exec->config ? req->exec->config->path :
						      "",
		},
	};

	if (is_known(ses, req->exec->command))
		return 1;
	if (ses_target_resolve(ses, req->exec->target, req->exec->config,
			       &target, fail) < 0)
		return -1;
	if (target.kind == SES_TARGET_SESSION &&
	    (req->exec->host || !target.session->sandboxed))
		return use_host(&asked, fail);
	if (req->exec->host)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "--host: %.90s is a sandbox, not a session",
			       req->exec->target);
	return target.kind == SES_TARGET_PLAIN ? 1 : use_sandbox(&asked, fail);
}
