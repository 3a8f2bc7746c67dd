// SPDX-License-Identifier: Apache-2.0
/*
 * Tool calls: from the request to the moment when the tool begins.  Known,
 * offered, allowed, its arguments right, its place open: in this order; then it
 * is written down, and begins when its sandbox can be used.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/session/run.h"
#include "controller/session/toolbox.h"
#include "proto/cleanup.h"

#define NAME_SHOWN_BYTES 64

/* One request on its way. */
struct asked {
	struct ses *ses;
	struct ctl_client *client;
	const Ctl__ToolCall *msg;
	struct wire_frame *frame;
	uint32_t seq;
	struct ses_toolbox *toolbox;
	const struct tool *tool;
	char about[STORE_COMMAND_MAX_BYTES + 2];
};

static void answer(const struct asked *asked, const char *code,
		   const char *text)
{
	const struct ses_view *view = asked->toolbox->view;
	struct ses_result result = { .error = true,
				     .changed = asked->toolbox->changed };
	auto_free char *json = tool_refusal_json(asked->tool, code, text,
						 view->session->sandboxed,
						 &result.len);

	result.json = json;
	ses_result_send(asked->client, asked->seq, &result);
}

static struct ses_ask ask_of(const struct asked *asked)
{
	const struct pol_session *session = asked->toolbox->view->session;

	return (struct ses_ask){
		.tool = asked->tool->name,
		.session = session->key,
		.agent = session->agent_id,
		.text = asked->about,
		.token = asked->msg->token.data,
		.client = asked->client,
	};
}

/* Written down before it is said. */
static void deny(const struct asked *asked, const struct err *why,
		 const char *text)
{
	struct ses_ask ask = ask_of(asked);
	int64_t id;

	ask.token = NULL;
	ask.denied = why->text;
	ask.status = CREEL_EXIT_REFUSED;
	(void)ses_audit_ask(asked->ses->audit, &ask, &id,
			    &(struct err)ERR_INIT);
	answer(asked, "denied", text);
}

/* True: it has been answered. */
static bool refuse(struct asked *asked, json_t *args)
{
	const struct ses_view *view = asked->toolbox->view;
	struct err why = ERR_INIT;
	auto_free char *text = NULL;

	if (!tool_is_offered(view->cfg->cfg, asked->tool)) {
		err_set(&why, ERR_DENIED, 0,
			"%s: this configuration does not have the tool",
			asked->tool->name);
		deny(asked, &why, why.text);
		return true;
	}
	text = ses_gate_policy(view, asked->tool, &why);
	if (!text)
		return false;
	ses_tool_summary(args, asked->about, sizeof(asked->about));
	deny(asked, &why, text);
	return true;
}

static int check_token(const struct ses *ses, const Ctl__ToolCall *msg,
		       struct ctl_fail *fail)
{
	if (msg->token.len != WIRE_ID_BYTES)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "call: its token is not of %d bytes",
			       WIRE_ID_BYTES);
	if (ctl_map_get(&ses->call_tokens, msg->token.data, msg->token.len) ||
	    (!msg->again &&
	     ctl_exec_find(ses->ctl, msg->token.data, msg->token.len)))
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "call: its token is in use");
	return 0;
}

static int find_tool(struct asked *asked, struct ctl_fail *fail)
{
	char name[NAME_SHOWN_BYTES + 1];

	asked->tool = tool_find(asked->toolbox->view->cfg->cfg,
				asked->msg->name);
	if (asked->tool)
		return 0;
	(void)snprintf(name, sizeof(name), "%s", asked->msg->name);
	ctl_text_clean(name);
	return err_set(&fail->err, ERR_BAD_REQUEST, 0,
		       "tool %s: there is none of that name", name);
}

static struct ses_call *call_new(struct asked *asked, json_t *args,
				 struct err *err)
{
	struct ses_call *call = calloc(1, sizeof(*call));

	if (!call) {
		json_decref(args);
		err_set(err, ERR_KERNEL, ENOMEM, "call");
		return NULL;
	}
	call->ses = asked->ses;
	call->toolbox = asked->toolbox;
	call->view = ses_view_ref(asked->toolbox->view);
	call->again = asked->msg->again;
	call->progress = asked->msg->progress;
	LIST_INIT(&call->waiters);
	memcpy(call->token, asked->msg->token.data, WIRE_ID_BYTES);
	call->env.session = call->view->session;
	call->env.sandboxed = call->view->session->sandboxed;
	call->env.root = call->view->session->workdir;
	call->env.confined = call->env.sandboxed;
	call->call = tool_call_new(asked->tool, &call->env, args, err);
	if (!call->call) {
		ses_call_free(call);
		return NULL;
	}
	call->call->again = call->again;
	ses_call_attach(call);
	return call;
}

/* The client runs it, as itself. */
static int leave_to_client(struct asked *asked, bool elevated,
			   struct ctl_fail *fail)
{
	struct ses_ask ask = ask_of(asked);
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__ToolHost msg = CTL__TOOL_HOST__INIT;

	if (elevated)
		ask.note = "elevated";
	if (ses_host_tool(asked->ses, asked->toolbox->view->session, &ask,
			  fail) < 0)
		return -1;
	msg.token = asked->msg->token;
	msg.elevated = elevated;
	reply.re_case = CTL__REPLY__RE_TOOL_HOST;
	reply.tool_host = &msg;
	ctl_reply(asked->client, asked->seq, &reply, -1);
	return 0;
}

static void run_tool(struct ses_call *call)
{
	struct ctl_sandbox *sandbox = call->sandbox;
	struct ctl_fail fail = CTL_FAIL_INIT;

	/* Its own, as it was made: the sandbox may go while the call goes on. */
	call->root = strdup(sandbox->label.workdir);
	if (!call->root)
		err_set(&fail.err, ERR_KERNEL, ENOMEM, "call");
	else if (ctl_pause_refuse(sandbox, &fail) == 0)
		call->state = SES_CALL_RUNNING;
	if (call->state != SES_CALL_RUNNING) {
		ses_call_fail(call, &fail);
		return;
	}
	call->env.root = call->root;
	ses_progress_begin(call);
	tool_start(call->call);
}

/* The session is on the host; what the call runs is not. */
static int act_jailed(struct asked *asked, struct ses_call *call,
		      struct ctl_fail *fail)
{
	const struct pol_session *session = call->view->session;
	struct ses_ask ask = ask_of(asked);

	ask.sandboxed = true;
	ask.note = "jail";
	call->root = strdup(session->agent_workspace);
	if (!call->root)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "call");
	if (ses_store_need(asked->ses, fail) < 0)
		return -1;
	if (ses_host_remember(asked->ses, session, &fail->err) < 0 ||
	    ses_audit_ask(asked->ses->audit, &ask, &call->audit_id,
			  &fail->err) < 0)
		return err_wrap(&fail->err, "sessions");
	call->env.root = call->root;
	call->env.jailed = true;
	call->state = SES_CALL_RUNNING;
	(void)ctl_wait(asked->client, asked->seq, CTL_WAIT_TOOL,
		       &call->waiters);
	ses_progress_begin(call);
	tool_start(call->call);
	return 0;
}

static bool is_usable(const struct ctl_sandbox *sandbox)
{
	return sandbox->state == CTL_SANDBOX_LIVE && !sandbox->held;
}

/* Flags that a live sandbox has been compared with need no second look. */
static int use_flags(const struct ses_toolbox *toolbox,
		     const struct ses_target *target, struct ses_flags *flags,
		     struct ctl_fail *fail)
{
	const struct ctl_sandbox *sandbox =
		target->record ? target->record->sandbox : NULL;

	if (!toolbox->flags.msg ||
	    (sandbox && sandbox->state == CTL_SANDBOX_LIVE &&
	     memcmp(sandbox->id, toolbox->agreed, WIRE_ID_BYTES) == 0))
		return 0;
	return ses_flags_copy(flags, &toolbox->flags, fail);
}

static int find_sandbox(struct asked *asked, struct ses_use *use,
			struct ctl_fail *fail)
{
	struct ses_toolbox *toolbox = asked->toolbox;
	struct ses_flags flags = { .msg = NULL };
	struct ctl_sandbox *sandbox;
	int ret = use_flags(toolbox, use->target, &flags, fail);

	use->flags = &flags;
	if (ret == 0)
		ret = ses_use_find(use, fail);
	use->flags = NULL;
	ses_flags_fini(&flags);
	if (ret < 0)
		return -1;
	sandbox = use->target->record->sandbox;
	if (sandbox->state == CTL_SANDBOX_LIVE)
		memcpy(toolbox->agreed, sandbox->id, WIRE_ID_BYTES);
	return ctl_pause_refuse(sandbox, fail);
}

/* It is in the log, and in no sandbox's way any more until that can be used. */
static void enter(struct asked *asked, struct ses_call *call,
		  const struct ses_use *use)
{
	struct ses_sandbox *record = use->target->record;

	call->record = record;
	call->sandbox = record->sandbox;
	call->state = SES_CALL_WAITING;
	(void)ctl_wait(asked->client, asked->seq, CTL_WAIT_TOOL,
		       &call->waiters);
	if (use->lost)
		ses_call_warn(call,
			      "the sandbox was lost, this is a new one");
	if (use->note[0])
		ses_call_warn(call, use->note);
	ses_events_tell(asked->ses->events, "tool",
			call->sandbox->label.name, record->scope_key,
			asked->tool->name);
	if (is_usable(call->sandbox))
		run_tool(call);
}

static int act_inside(struct asked *asked, struct ses_call *call,
		      struct ctl_fail *fail)
{
	struct ses_view *view = call->view;
	/* Borrowed from the view, in all: not to be released. */
	struct ses_target target = {
		.kind = SES_TARGET_SESSION,
		.cfg = view->cfg,
		.session = view->session,
		.lent = true,
	};
	struct ses_use use = {
		.ses = asked->ses,
		.target = &target,
		.config = view->config,
		.token = call->token,
	};
	struct ses_ask ask = ask_of(asked);

	if (ses_store_need(asked->ses, fail) < 0)
		return -1;
	target.record = ses_record_find(asked->ses, view->config,
					view->session->scope_key);
	if (find_sandbox(asked, &use, fail) < 0)
		return -1;
	ask.sandbox = target.record->sandbox->label.name;
	ask.sandboxed = true;
	if (ses_use_remember(&use, &ask, &call->audit_id, fail) == 0) {
		enter(asked, call, &use);
		return 0;
	}
	if (use.created)
		ctl_sandbox_kill(target.record->sandbox, CTL_DEATH_ASKED);
	return -1;
}

/* What was begun before a restart is there, or nobody knows. */
static bool is_lost(const struct asked *asked)
{
	char text[200];
	const uint8_t *token = asked->msg->token.data;

	if (!asked->msg->again ||
	    ctl_exec_find(asked->ses->ctl, token, WIRE_ID_BYTES) ||
	    ses_run_by_token(asked->ses, token))
		return false;
	(void)snprintf(text, sizeof(text),
		       "%s: creeld was restarted; it is not known whether this was done",
		       asked->tool->name);
	ses_audit_lost(asked->ses->audit, token);
	answer(asked, "lost", text);
	return true;
}

static void fail_early(const struct asked *asked, struct ses_call *call,
		       const struct ctl_fail *fail)
{
	(void)ctl_wait(asked->client, asked->seq, CTL_WAIT_TOOL,
		       &call->waiters);
	ses_call_fail(call, fail);
}

/* Its arguments are right: where it acts. */
static int act(struct asked *asked, struct ses_call *call)
{
	struct ctl_fail fail = CTL_FAIL_INIT;
	auto_free char *refusal = NULL;
	enum ses_place place;
	int ret;

	if (ses_gate_place(call->view, asked->tool, call->call->args, &place,
			   &fail.err) < 0) {
		fail_early(asked, call, &fail);
		return 0;
	}
	if (place == SES_PLACE_ELEVATED)
		refusal = ses_gate_elevated(call->view, asked->tool,
					    &fail.err);
	if (refusal) {
		deny(asked, &fail.err, refusal);
		ses_call_drop(call);
		return 0;
	}
	if (place == SES_PLACE_SANDBOX) {
		ret = act_inside(asked, call, &fail);
	} else if (place == SES_PLACE_JAIL) {
		ret = act_jailed(asked, call, &fail);
	} else {
		ret = leave_to_client(asked, place == SES_PLACE_ELEVATED,
				      &fail);
		if (ret == 0)
			ses_call_drop(call);
	}
	if (ret < 0)
		fail_early(asked, call, &fail);
	return 0;
}

/**
 * ses_req_tool_call() - a client calls a tool
 */
int ses_req_tool_call(struct ses *ses, struct ctl_client *client,
		      const Ctl__Request *req, struct wire_frame *frame,
		      struct ctl_fail *fail)
{
	struct asked asked = {
		.ses = ses,
		.client = client,
		.msg = req->tool_call,
		.frame = frame,
		.seq = req->seq,
	};
	struct err err = ERR_INIT;
	struct ses_call *call;
	json_t *args;

	if (check_token(ses, asked.msg, fail) < 0)
		return -1;
	asked.toolbox = ses_toolbox_find(ses, client, asked.msg->toolbox, fail);
	if (!asked.toolbox || ses_toolbox_refresh(asked.toolbox, fail) < 0 ||
	    find_tool(&asked, fail) < 0)
		return -1;
	args = ses_tool_args(asked.msg, frame, &err);
	if (refuse(&asked, args)) {
		json_decref(args);
		return 0;
	}
	if (is_lost(&asked)) {
		json_decref(args);
		return 0;
	}
	call = args ? call_new(&asked, args, &err) : NULL;
	if (!call) {
		answer(&asked, "invalid_argument", err.text);
		return 0;
	}
	ses_tool_summary(call->call->args, asked.about, sizeof(asked.about));
	return act(&asked, call);
}

/**
 * ses_calls_ready() - a sandbox can be used: who waited for it begins
 */
void ses_calls_ready(struct ses *ses, struct ctl_sandbox *sandbox)
{
	struct ses_call *call, *next;

	for (call = LIST_FIRST(&ses->calls); call; call = next) {
		next = LIST_NEXT(call, link);
		if (call->sandbox == sandbox &&
		    call->state == SES_CALL_WAITING && is_usable(sandbox))
			run_tool(call);
	}
}
