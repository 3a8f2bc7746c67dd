// SPDX-License-Identifier: Apache-2.0
/*
 * The session manager as a whole: its start, the hooks into the core, the
 * passing of time.
 */
#include <config.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controller/core/log.h"
#include "controller/session/manager.h"
#include "controller/session/toolbox.h"
#include "proto/cleanup.h"

/**
 * ses_now_ms() - milliseconds since the epoch
 */
int64_t ses_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void open_store(struct ses *ses)
{
	const char *dir = ses->ctl->state_dir;
	struct err err = ERR_INIT;

	ses->store_fail = (struct ctl_fail)CTL_FAIL_INIT;
	ses->store_tried = ctl_now();
	if (!dir)
		err_set(&err, ERR_UNSUPPORTED, 0, "there is no state directory");
	else
		ses->store = store_open(dir, ses->runtime_dir, &err);
	if (ses->store && ses_records_load(ses, &err) < 0) {
		store_close(ses->store);
		ses->store = NULL;
	}
	ses_audit_set_store(ses->audit, ses->store, &err);
	ses_runs_load(ses);
	if (ses->store)
		return;
	ses->store_fail.err = err;
	err_wrap(&ses->store_fail.err, "sessions");
	ctl_fail_hint(&ses->store_fail, "creel doctor says what is wrong");
	ctl_log(CTL_LOG_ERR, "%s", ses->store_fail.err.text);
}

/**
 * ses_store_need() - is there a store to keep sessions in?
 *
 * What was wrong with it may have passed.
 */
int ses_store_need(struct ses *ses, struct ctl_fail *fail)
{
	if (!ses->store &&
	    ctl_now() - ses->store_tried >= SES_STORE_RETRY_SEC)
		open_store(ses);
	if (ses->store)
		return 0;
	*fail = ses->store_fail;
	return -1;
}

static void on_ready(void *arg, struct ctl *ctl)
{
	struct ses *ses = arg;

	ses->ctl = ctl;
	open_store(ses);
	ses_audit_ready(ses->audit, ctl);
	ses_jails_ready(ses);
}

static int on_request(void *arg, struct ctl_client *client,
		      const Ctl__Request *req, struct wire_frame *frame,
		      struct ctl_fail *fail)
{
	struct ses *ses = arg;

	if (req->op_case == CTL__REQUEST__OP_TOOL_CALL)
		return ses_req_tool_call(ses, client, req, frame, fail);
	if (req->op_case == CTL__REQUEST__OP_TOOL_CANCEL)
		return ses_req_tool_cancel(ses, client, req, fail);
	if (req->op_case == CTL__REQUEST__OP_TOOLBOX_OPEN)
		return ses_req_toolbox_open(ses, client, req, frame, fail);
	if (req->op_case == CTL__REQUEST__OP_TOOLBOX_CLOSE)
		return ses_req_toolbox_close(ses, client, req, fail);
	if (req->op_case == CTL__REQUEST__OP_EXEC)
		return ses_req_exec(ses, client, req, frame, fail);
	if (req->op_case == CTL__REQUEST__OP_LIST)
		return ses_req_list(ses, client, req, fail);
	if (req->op_case == CTL__REQUEST__OP_RECREATE)
		return ses_req_recreate(ses, client, req, fail);
	if (req->op_case == CTL__REQUEST__OP_PRUNE)
		return ses_req_prune(ses, client, req, fail);
	if (req->op_case == CTL__REQUEST__OP_HOST_DONE)
		return ses_req_host_done(ses, client, req, fail);
	if (req->op_case == CTL__REQUEST__OP_MEDIA_ADD)
		return ses_req_media(ses, client, req, fail);
	if (req->op_case == CTL__REQUEST__OP_LOGS)
		return ses_req_logs(ses->audit, client, req, fail);
	if (req->op_case == CTL__REQUEST__OP_EVENTS)
		return ses_req_events(ses->events, client, req, fail);
	return ses_req_target(ses, client, req, fail);
}

static const char *scope_of(const struct ctl_sandbox *sandbox)
{
	return sandbox->session ? sandbox->session->scope_key : "";
}

/* Of a command of no session; theirs are in the log already. */
static void on_exec_new(void *arg, struct ctl_exec *exec,
			struct ctl_client *client)
{
	struct ses *ses = arg;
	const struct ctl_command *cmd = exec->cmd;
	const struct ses_ask ask = {
		.tool = exec->ends_sandbox ? "run" :
			cmd->login	   ? "shell" :
					     "exec",
		.sandbox = exec->sandbox->label.name,
		.strings = cmd->strings,
		.argc = cmd->argc,
		.token = cmd->token,
		.sandboxed = true,
		.client = client,
	};
	struct err err = ERR_INIT;

	if (!client)
		return;
	/* One of no session is made for its first command. */
	if (exec->sandbox->state == CTL_SANDBOX_BUILDING &&
	    exec->sandbox->n_execs == 1 && !exec->sandbox->label.managed)
		ses_events_tell(ses->events, "created", ask.sandbox, "", "");
	ses_events_tell(ses->events, "exec", ask.sandbox,
			scope_of(exec->sandbox),
			cmd->argc > 0 ? cmd->strings : "");
	if (ses->entering)
		return;
	if (ses_audit_ask(ses->audit, &ask, &exec->audit_id, &err) < 0)
		(void)snprintf(exec->note, sizeof(exec->note),
			       "not in the audit log: %s", err.text);
}

static void tell_exited(struct ses *ses, const struct ctl_exec *exec,
			const struct ctl_result *result)
{
	char text[SES_EVENT_BYTES];

	(void)snprintf(text, sizeof(text), "%s%sstatus %u",
		       exec->name ? exec->name : "", exec->name ? ": " : "",
		       result->status);
	ses_events_tell(ses->events, "exited", exec->sandbox->label.name,
			scope_of(exec->sandbox), text);
}

static void on_exec_over(void *arg, struct ctl_exec *exec,
			 const struct ctl_result *result)
{
	struct ses *ses = arg;
	struct ses_sandbox *record =
		exec->sandbox ? exec->sandbox->session : NULL;
	struct err err = ERR_INIT;

	/* A tool's: whoever has it hears of it. */
	if (exec->ops)
		return;
	if (exec->internal) {
		ses_setup_over(exec, result);
		return;
	}
	if (record) {
		record->used_ms = ses_now_ms();
		record->used = true;
	}
	if (exec->sandbox)
		tell_exited(ses, exec, result);
	if (ses_audit_over(ses->audit, exec->audit_id, exec->token, result,
			   &err) < 0)
		ctl_log(CTL_LOG_WARN, "audit log: %s", err.text);
	exec->audit_id = 0;
}

static void on_sandbox_live(void *arg, struct ctl_sandbox *sandbox)
{
	struct ses *ses = arg;

	/* Adopted ones are looked at when all of them are known. */
	if (!ses->ctl)
		return;
	if (sandbox->session && sandbox->session->make)
		ses_make_live(sandbox->session);
	else
		ses_events_tell(ses->events, "ready", sandbox->label.name, "",
				"");
	ses_jails_live(ses, sandbox);
}

static void end_record(struct ses *ses, struct ctl_sandbox *sandbox)
{
	ses_calls_gone(ses, sandbox);
	if (sandbox->session)
		ses_record_end(sandbox->session,
			       sandbox->death == CTL_DEATH_NONE ||
				       sandbox->death == CTL_DEATH_VIOLATION);
}

static void on_sandbox_end(void *arg, struct ctl_sandbox *sandbox)
{
	struct ses *ses = arg;
	bool lost = sandbox->death == CTL_DEATH_NONE ||
		    sandbox->death == CTL_DEATH_VIOLATION;

	ses_events_tell(ses->events, lost ? "lost" : "removed",
			sandbox->label.name, scope_of(sandbox), "");
	ses_jails_end(ses, sandbox);
	end_record(ses, sandbox);
}

static void on_sandbox_failed(void *arg, struct ctl_sandbox *sandbox,
			      const struct ctl_fail *fail)
{
	ses_calls_failed(arg, sandbox, fail);
	ses_jails_failed(arg, sandbox, fail);
}

/* Still of a session: it could not be built, or the helper is gone. */
static void on_sandbox_gone(void *arg, struct ctl_sandbox *sandbox)
{
	struct ses *ses = arg;

	ses_runs_sandbox_gone(ses, sandbox);
	ses_jails_gone(ses, sandbox);
	if (!sandbox->session)
		return;
	ses_events_tell(ses->events, "removed", sandbox->label.name,
			scope_of(sandbox), "");
	end_record(ses, sandbox);
}

static void on_protected(void *arg, struct ctl_sandbox *sandbox,
			 const char *path, bool appeared)
{
	struct ses *ses = arg;
	const struct ses_sandbox *record = sandbox->session;
	const struct ses_ask ask = {
		.tool = appeared ? "appeared" : "unmasked",
		.session = scope_of(sandbox),
		.agent = record ? record->agent : "",
		.sandbox = sandbox->label.name,
		.text = path,
		.sandboxed = true,
	};
	char text[SES_EVENT_BYTES];
	int64_t id;

	(void)snprintf(text, sizeof(text), "%s%s", path,
		       appeared ? "" : ": replaced on the host");
	ses_events_tell(ses->events, "appeared", sandbox->label.name,
			scope_of(sandbox), text);
	(void)ses_audit_ask(ses->audit, &ask, &id, &(struct err)ERR_INIT);
}

static void on_sandbox_paused(void *arg, struct ctl_sandbox *sandbox, bool on)
{
	struct ses *ses = arg;

	ses_events_tell(ses->events, on ? "paused" : "resumed",
			sandbox->label.name, scope_of(sandbox), "");
}

static void on_client_gone(void *arg, struct ctl_client *client)
{
	struct ses *ses = arg;

	ses_logs_client_gone(ses->audit, client);
	ses_events_client_gone(ses->events, client);
	ses_stages_client_gone(ses, client);
	ses_calls_client_gone(ses, client);
	ses_toolboxes_client_gone(ses, client);
	ses_hosts_client_gone(ses, client);
}

static void on_exec_found(void *arg, struct ctl_exec *exec, uint32_t pid,
			  int *fds, size_t n_fds)
{
	ses_run_found(arg, exec, pid, fds, n_fds);
}

static void on_tick(void *arg, struct ctl *ctl)
{
	struct ses *ses = arg;

	(void)ctl;
	ses_records_flush(ses);
	ses_prune_tick(ses);
	ses_briefs_tick(ses);
	ses_audit_tick(ses->audit);
	ses_runs_tick(ses);
}

static void on_item(void *arg, struct ctl_sandbox *sandbox, Ctl__Item *item)
{
	ses_item(arg, sandbox, item);
}

static void on_info(void *arg, Ctl__Info *info)
{
	struct ses *ses = arg;
	size_t n = ses_config_problems(ses);

	if (!ses->store) {
		(void)snprintf(ses->problems[n], sizeof(ses->problems[n]),
			       "%s", ses->store_fail.err.text);
		ses->problem_list[n] = ses->problems[n];
		n++;
	}
	info->problems = ses->problem_list;
	info->n_problems = n;
}

static void set_hooks(struct ses *ses)
{
	ses->hooks = (struct ctl_hooks){
		.ready = on_ready,
		.request = on_request,
		.exec_new = on_exec_new,
		.exec_found = on_exec_found,
		.exec_over = on_exec_over,
		.sandbox_live = on_sandbox_live,
		.sandbox_end = on_sandbox_end,
		.sandbox_failed = on_sandbox_failed,
		.sandbox_gone = on_sandbox_gone,
		.protected_path = on_protected,
		.sandbox_paused = on_sandbox_paused,
		.denied = ses_denied,
		.client_gone = on_client_gone,
		.item = on_item,
		.info = on_info,
		.tick = on_tick,
		.arg = ses,
	};
}

/**
 * ses_new() - a session manager
 * @base:    the loop that drives it, borrowed
 * @options: copied
 */
struct ses *ses_new(struct event_base *base, const struct ses_options *options,
		    struct err *err)
{
	const struct passwd *pw = getpwuid(getuid());
	struct ses *ses = calloc(1, sizeof(*ses));

	if (!ses) {
		err_set(err, ERR_KERNEL, ENOMEM, "sessions");
		return NULL;
	}
	ses->base = base;
	ses->options = *options;
	ses->runtime_dir = strdup(options->runtime_dir ? options->runtime_dir :
							 "");
	ses->home = pw && pw->pw_dir[0] == '/' ? strdup(pw->pw_dir) : NULL;
	ses->audit = ses_audit_new(base, err);
	ses->events = ses_events_new();
	set_hooks(ses);
	if (ses->runtime_dir && ses->audit && ses->events &&
	    ctl_map_init(&ses->scopes) == 0 && ses_calls_init(ses) == 0)
		return ses;
	ses_free(ses);
	err_set(err, ERR_KERNEL, ENOMEM, "sessions");
	return NULL;
}

/**
 * ses_hooks() - what the core is to call
 */
const struct ctl_hooks *ses_hooks(struct ses *ses)
{
	return &ses->hooks;
}

/**
 * ses_free() - release; sandboxes live on
 *
 * After the core, which calls the hooks until its end.
 */
void ses_free(struct ses *ses)
{
	struct ses_sandbox *record;

	if (!ses)
		return;
	ses_records_flush(ses);
	while ((record = LIST_FIRST(&ses->sandboxes))) {
		record->sandbox = NULL;
		ses_record_free(record);
	}
	ses_stages_free(ses);
	ses_jails_forget(ses);
	ses_calls_free(ses);
	ses_jails_free(ses);
	ses_runs_free(ses);
	ses_toolboxes_free(ses);
	ses_hosts_client_gone(ses, NULL);
	ses_configs_free(ses);
	ctl_map_fini(&ses->scopes);
	ses_audit_free(ses->audit);
	ses_events_free(ses->events);
	store_close(ses->store);
	free(ses->runtime_dir);
	free(ses->home);
	free(ses);
}
