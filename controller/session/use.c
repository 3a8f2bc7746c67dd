// SPDX-License-Identifier: Apache-2.0
/*
 * A command in a session: which sandbox it goes to, whether that one still is
 * what the configuration says, and what is remembered of it.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "controller/session/manager.h"
#include "proto/cleanup.h"

/* One request on its way to a sandbox. */
struct use {
	struct ses *ses;
	struct ctl_client *client;
	const Ctl__Exec *msg;
	struct wire_frame *frame;
	struct ses_target *target;
	uint32_t seq;
	bool created;
	bool lost;
	char note[200];
};

static void command_free(struct ctl_command **cmd)
{
	ctl_command_free(*cmd);
}

#define auto_command __attribute__((cleanup(command_free))) struct ctl_command

/**
 * ses_is_busy() - does a command run, or wait?
 */
bool ses_is_busy(const struct ses_sandbox *record)
{
	const struct ctl_exec *exec;

	if (!record->sandbox)
		return false;
	LIST_FOREACH(exec, &record->sandbox->execs, link)
		if (exec->state != CTL_EXEC_OVER)
			return true;
	return record->make != NULL;
}

static void note_change(struct use *use)
{
	(void)snprintf(use->note, sizeof(use->note),
		       "the configuration has changed: `creel recreate --session %.90s' applies it",
		       use->target->session->given);
}

/*
 * A sandbox that is not what the configuration says now is made anew, unless
 * somebody has just worked in it.
 */
static void check_hash(struct use *use)
{
	struct ses_sandbox *record = use->target->record;
	int64_t since = ses_now_ms() - record->used_ms;

	if (memcmp(record->hash, use->target->session->hash,
		   sizeof(record->hash)) == 0)
		return;
	if (ses_is_busy(record) || record->sandbox->paused ||
	    since < (int64_t)use->ses->options.rebuild_after_sec * 1000) {
		note_change(use);
		return;
	}
	(void)snprintf(use->note, sizeof(use->note),
		       "the configuration has changed: the sandbox has been made anew");
	ctl_sandbox_kill(record->sandbox, CTL_DEATH_ASKED);
	use->target->record = NULL;
}

/* Flags are compared now, or when it is known what is made. */
static int check_flags(struct use *use, struct ctl_fail *fail)
{
	struct ses_sandbox *record = use->target->record;
	struct ses_flags flags = { .msg = NULL };
	int ret;

	if (use->msg->n_given == 0)
		return 0;
	/* By the sandbox's name alone: nothing is known but its label. */
	if (!use->target->session)
		return ctl_given_check(record->sandbox, use->msg, use->frame,
				       fail);
	if (record->sandbox->state == CTL_SANDBOX_PREPARING)
		return ses_make_late(record, use->msg, use->frame, fail);
	ret = ses_flags_take(&flags, use->msg, use->frame, fail);
	if (ret == 0)
		ret = ses_flags_compare(record, use->target->session, &flags,
					fail);
	ses_flags_fini(&flags);
	return ret;
}

/* The store does not have them; an earlier creeld did. */
static void name_keys(const struct use *use)
{
	static const struct ses_flags none;
	struct ctl_sandbox *sandbox = use->target->record->sandbox;

	if (use->target->session && !sandbox->keys &&
	    sandbox->state == CTL_SANDBOX_LIVE)
		sandbox->keys = ses_shape_keys(use->target->session, &none,
					       &(struct err)ERR_INIT);
}

static int find_sandbox(struct use *use, struct ctl_fail *fail)
{
	struct ses_target *target = use->target;
	struct ses_sandbox *record;

	if (target->session && target->record && target->record->sandbox)
		check_hash(use);
	if (target->record && target->record->sandbox) {
		name_keys(use);
		return check_flags(use, fail);
	}
	use->created = true;
	use->lost = target->record != NULL;
	record = ses_make(use->ses, target, use->msg, use->frame, fail);
	if (!record)
		return -1;
	target->record = record;
	return 0;
}

static int remember_session(struct use *use, struct err *err)
{
	const struct pol_session *session = use->target->session;
	const struct ses_sandbox *record = use->target->record;
	struct store_session row = { .config = record->config };
	int64_t id;

	row.key = session->key;
	row.agent = session->agent_id;
	row.scope_key = session->scope_key;
	row.sandbox = record->sandbox->label.name;
	row.created_ms = row.used_ms = record->used_ms;
	return store_session_use(use->ses->store, &row, &id, err);
}

static int audit(struct use *use, const struct ctl_command *cmd, int64_t *id,
		 struct err *err)
{
	const struct pol_session *session = use->target->session;
	const struct ses_sandbox *record = use->target->record;
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
		.client = use->client,
	};

	return ses_audit_ask(use->ses->audit, &ask, id, err);
}

/* In one go, before anybody hears of it. */
static int remember(struct use *use, const struct ctl_command *cmd,
		    int64_t *audit_id, struct ctl_fail *fail)
{
	const struct pol_session *session = use->target->session;
	struct ses_sandbox *record = use->target->record;
	struct store *store = use->ses->store;
	struct err *err = &fail->err;

	ses_record_use(record);
	/* One statement is a transaction of its own. */
	if (!session || ses_record_knows(record, session->key)) {
		if (audit(use, cmd, audit_id, err) == 0)
			return 0;
		return err_wrap(err, "sessions");
	}
	if (store_begin(store, err) < 0)
		return err_wrap(err, "sessions");
	if (remember_session(use, err) == 0 &&
	    audit(use, cmd, audit_id, err) == 0 &&
	    store_commit(store, err) == 0) {
		ses_record_know(record, session->key);
		return 0;
	}
	store_rollback(store);
	return err_wrap(err, "sessions");
}

static int enter(struct use *use, struct ctl_command *cmd,
		 struct ctl_fail *fail)
{
	struct ctl_sandbox *sandbox = use->target->record->sandbox;
	struct ctl_exec *exec;
	int64_t audit_id = 0;

	if (remember(use, cmd, &audit_id, fail) < 0) {
		ctl_command_free(cmd);
		return -1;
	}
	use->ses->entering = true;
	exec = ctl_exec_enter(sandbox, cmd, use->client, use->seq, fail);
	use->ses->entering = false;
	if (!exec) {
		(void)ses_audit_failed(use->ses->audit, audit_id, NULL, fail,
				       &(struct err)ERR_INIT);
		return -1;
	}
	exec->audit_id = audit_id;
	exec->created = use->created;
	exec->lost = use->lost;
	(void)snprintf(exec->note, sizeof(exec->note), "%s", use->note);
	ctl_exec_go(exec);
	return 0;
}

static int use_sandbox(struct use *use, struct ctl_fail *fail)
{
	auto_command *cmd = ctl_command_new(use->msg->command, use->frame,
					    fail);
	struct ctl_sandbox *sandbox;

	if (!cmd || find_sandbox(use, fail) < 0)
		return -1;
	sandbox = use->target->record->sandbox;
	if (enter(use, ptr_take(&cmd), fail) == 0)
		return 0;
	if (use->created)
		ctl_sandbox_kill(sandbox, CTL_DEATH_ASKED);
	return -1;
}

static bool is_known(const struct ses *ses, const Ctl__Command *cmd)
{
	return cmd && cmd->token.len == WIRE_ID_BYTES &&
	       ctl_exec_find(ses->ctl, cmd->token.data, cmd->token.len);
}

/* Where the session is not sandboxed, or that is asked for. */
static int use_host(const struct use *use, struct ctl_fail *fail)
{
	const struct pol_session *session = use->target->session;
	struct ctl_command *cmd;
	int ret;

	if (!use->msg->host || session->sandboxed) {
		(void)ses_host_refuse(session, use->msg->host, fail);
		ses_denied_session(use->ses, use->client, use->msg, session,
				   fail);
		return -1;
	}
	cmd = ctl_command_new(use->msg->command, use->frame, fail);
	if (!cmd)
		return -1;
	ret = ses_host_start(use->ses, use->client, session, cmd, fail);
	if (ret == 0)
		ses_host_reply(use->client, use->seq, cmd);
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
	struct use use = {
		.ses = ses,
		.client = client,
		.msg = req->exec,
		.frame = frame,
		.target = &target,
		.seq = req->seq,
	};

	if (is_known(ses, req->exec->command))
		return 1;
	if (ses_target_resolve(ses, req->exec->target, req->exec->config,
			       &target, fail) < 0)
		return -1;
	if (target.kind == SES_TARGET_SESSION &&
	    (req->exec->host || !target.session->sandboxed))
		return use_host(&use, fail);
	if (req->exec->host)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "--host: %.90s is a sandbox, not a session",
			       req->exec->target);
	return target.kind == SES_TARGET_PLAIN ? 1 : use_sandbox(&use, fail);
}
