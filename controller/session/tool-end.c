// SPDX-License-Identifier: Apache-2.0
/*
 * Tool calls: how they are found, how they end, and what their client hears.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "controller/core/log.h"
#include "controller/session/toolbox.h"
#include "proto/cleanup.h"

#define QUEUED_BYTES (1U << 20) /* a quarter of what may wait for a client */

static uint64_t now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/**
 * ses_call_find() - by its token, NULL: it is over, or never was
 */
struct ses_call *ses_call_find(struct ses *ses, const uint8_t *token)
{
	struct ctl_node *node =
		ctl_map_get(&ses->call_tokens, token, WIRE_ID_BYTES);

	return node ? container_of(node, struct ses_call, by_token) : NULL;
}

/**
 * ses_call_free() - release; in no list any more
 */
void ses_call_free(struct ses_call *call)
{
	struct ctl_waiter *waiter;

	while ((waiter = LIST_FIRST(&call->waiters)))
		ctl_waiter_free(waiter);
	if (call->fs)
		ctl_fs_cancel(call->fs);
	job_cancel(call->job);
	ses_asked_free(call);
	ses_progress_end(call);
	tool_call_free(call->call);
	ses_view_unref(call->view);
	for (size_t i = 0; i < call->n_warnings; i++)
		free(call->warnings[i]);
	free(call->root);
	free(call);
}

static void on_bury(evutil_socket_t fd, short what, void *arg)
{
	struct ses *ses = arg;
	struct ses_call *call;

	(void)fd;
	(void)what;
	while ((call = LIST_FIRST(&ses->dead_calls))) {
		LIST_REMOVE(call, link);
		ses_call_free(call);
	}
}

/**
 * ses_calls_init() - before there are any
 */
int ses_calls_init(struct ses *ses)
{
	ses->bury_calls = event_new(ses->base, -1, 0, on_bury, ses);
	return ses->bury_calls ? ctl_map_init(&ses->call_tokens) : -1;
}

/**
 * ses_call_drop() - it is none of creeld's any more; its client has been told
 */
void ses_call_drop(struct ses_call *call)
{
	struct ses *ses = call->ses;

	call->state = SES_CALL_OVER;
	ses_jail_drop(call);
	LIST_REMOVE(call, link);
	ctl_map_del(&ses->call_tokens, &call->by_token);
	LIST_INSERT_HEAD(&ses->dead_calls, call, link);
	event_active(ses->bury_calls, EV_TIMEOUT, 0);
}

/**
 * ses_call_warn() - something to be said with the result
 */
void ses_call_warn(struct ses_call *call, const char *text)
{
	if (call->n_warnings == SES_CALL_WARNINGS)
		return;
	call->warnings[call->n_warnings] = strdup(text);
	/* No memory for a warning is no reason to do without the result. */
	if (call->warnings[call->n_warnings])
		call->n_warnings++;
}

/* Into what programs read, and what a model reads. */
static void tell_warnings(struct ses_call *call)
{
	struct tool_result *result = call->call->result;
	json_t *list = json_array();

	for (size_t i = 0; i < call->n_warnings; i++) {
		const char *warning = call->warnings[i];
		size_t size = result->text_len + strlen(warning) + 12;
		char *text = malloc(size);

		(void)json_array_append_new(list, json_string(warning));
		if (!text)
			continue;
		memcpy(text, result->text, result->text_len);
		result->text_len += (size_t)snprintf(
			text + result->text_len, size - result->text_len,
			"%swarning: %s", result->text_len > 0 ? "\n" : "",
			warning);
		free(result->text);
		result->text = text;
	}
	(void)json_object_set_new(result->structured, "warnings", list);
}

/**
 * ses_result_send() - the result of a call
 */
void ses_result_send(struct ctl_client *client, uint32_t seq,
		     const struct ses_result *result)
{
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__ToolResult msg = CTL__TOOL_RESULT__INIT;
	struct ctl_fail fail = CTL_FAIL_INIT;
	auto_fd fd = -1;

	msg.error = result->error;
	msg.changed = result->changed;
	msg.host = result->host;
	/* A client that does not read yet shall not be dropped for that. */
	msg.result_fd = result->len > SES_TOOL_INLINE_BYTES ||
			client->conn.queued_bytes > QUEUED_BYTES;
	if (!result->json)
		err_set(&fail.err, ERR_KERNEL, ENOMEM, "result");
	else if (msg.result_fd)
		fd = ctl_fs_memfd(result->json, result->len, &fail.err);
	if (fail.err.code != ERR_NONE) {
		ctl_reply_fail(client, seq, &fail);
		return;
	}
	if (!msg.result_fd) {
		msg.result.data = (uint8_t *)result->json;
		msg.result.len = result->len;
	}
	reply.re_case = CTL__REPLY__RE_TOOL_RESULT;
	reply.tool_result = &msg;
	ctl_reply(client, seq, &reply, fd);
}

static void write_end(struct ses_call *call)
{
	const struct tool_result *from = call->call->result;
	struct ctl_result result = {
		.status = from->status,
		.wall_usec = now_usec() - call->asked_usec,
		.memory_peak = from->memory_peak,
		.cpu_usec = from->cpu_usec,
		.has_memory = from->has_memory,
		.has_cpu = from->has_cpu,
	};
	struct err err = ERR_INIT;

	if (call->audit_id == 0)
		return;
	(void)snprintf(result.text, sizeof(result.text), "%.95s",
		       from->reason);
	if (ses_audit_over(call->ses->audit, call->audit_id, call->token,
			   &result, &err) < 0)
		ctl_log(CTL_LOG_WARN, "audit log: %s", err.text);
}

static void tell_result(struct ses_call *call)
{
	struct ctl_waiter *waiter = LIST_FIRST(&call->waiters);
	auto_free char *json = NULL;
	struct ses_result result = { .error = call->call->result->error };

	if (!waiter)
		return;
	if (call->n_warnings > 0 && call->call->result->text &&
	    call->call->result->structured)
		tell_warnings(call);
	json = tool_result_json(call->call, &result.len);
	result.json = json;
	result.changed = call->toolbox && call->toolbox->changed;
	result.host = !result.error && ses_gate_list(call);
	ses_result_send(waiter->client, waiter->seq, &result);
	ctl_waiter_free(waiter);
}

/* Written down, then told. */
static void on_done(struct tool_call *tool_call, void *arg)
{
	struct ses_call *call = arg;

	(void)tool_call;
	ses_progress_end(call);
	if (call->record) {
		call->record->used_ms = ses_now_ms();
		call->record->used = true;
	}
	write_end(call);
	tell_result(call);
	ses_call_drop(call);
}

/**
 * ses_call_attach() - a call that is new: it can be found, and ends here
 */
void ses_call_attach(struct ses_call *call)
{
	struct ses *ses = call->ses;

	call->asked_usec = now_usec();
	call->call->started_usec = call->asked_usec;
	call->call->backend = &ses_tool_backend;
	call->call->backend_arg = call;
	memcpy(call->call->token, call->token, WIRE_ID_BYTES);
	call->call->done = on_done;
	call->call->arg = call;
	ctl_map_put(&ses->call_tokens, &call->by_token, call->token,
		    WIRE_ID_BYTES);
	LIST_INSERT_HEAD(&ses->calls, call, link);
}

static const char *code_of(const struct err *err)
{
	switch (err->code) {
	case ERR_DENIED:
		return "denied";
	case ERR_BAD_REQUEST:
		return "invalid_argument";
	case ERR_BAD_STATE:
		return "unavailable";
	case ERR_LIMIT:
		return "limit";
	case ERR_UNSUPPORTED:
		return "unsupported";
	case ERR_NONE:
	case ERR_KERNEL:
	case ERR_INTERNAL:
		break;
	}
	return "failed";
}

/**
 * ses_call_fail() - it ends before the tool has begun
 */
void ses_call_fail(struct ses_call *call, const struct ctl_fail *fail)
{
	tool_fail(call->call, code_of(&fail->err), "%s%s%s", fail->err.text,
		  fail->hint[0] ? "\nhint: " : "", fail->hint);
}

/**
 * ses_calls_failed() - a sandbox could not be made: who waits is told why
 */
void ses_calls_failed(struct ses *ses, struct ctl_sandbox *sandbox,
		      const struct ctl_fail *fail)
{
	struct ses_call *call, *next;

	for (call = LIST_FIRST(&ses->calls); call; call = next) {
		next = LIST_NEXT(call, link);
		if (call->sandbox == sandbox &&
		    call->state == SES_CALL_WAITING)
			ses_call_fail(call, fail);
	}
}

/**
 * ses_calls_gone() - a sandbox ends: nothing of it may be looked at any more
 *
 * What is asked of it is answered by whoever was asked.
 */
void ses_calls_gone(struct ses *ses, struct ctl_sandbox *sandbox)
{
	struct ses_call *call, *next;
	struct ctl_fail fail = CTL_FAIL_INIT;

	err_set(&fail.err, ERR_BAD_STATE, 0, "sandbox %.90s is gone",
		sandbox->label.name);
	ctl_fail_hint(&fail, "the next call makes a new one");
	for (call = LIST_FIRST(&ses->calls); call; call = next) {
		next = LIST_NEXT(call, link);
		if (call->sandbox != sandbox)
			continue;
		call->record = NULL;
		call->sandbox = NULL;
		if (call->state == SES_CALL_WAITING)
			ses_call_fail(call, &fail);
	}
}

static void cancel(struct ses_call *call)
{
	if (call->state == SES_CALL_RUNNING) {
		tool_cancel(call->call);
		return;
	}
	call->call->cancelled = true;
	tool_fail(call->call, "cancelled", "%s: cancelled before it began",
		  call->call->tool->name);
}

static bool is_of(const struct ses_call *call, const struct ctl_client *client)
{
	const struct ctl_waiter *waiter = LIST_FIRST(&call->waiters);

	return waiter && waiter->client == client;
}

/**
 * ses_req_tool_cancel() - a client does not want a result of its own any more
 */
int ses_req_tool_cancel(struct ses *ses, struct ctl_client *client,
			const Ctl__Request *req, struct ctl_fail *fail)
{
	const ProtobufCBinaryData *token = &req->tool_cancel->token;
	struct ses_call *call = token->len == WIRE_ID_BYTES ?
					ses_call_find(ses, token->data) :
					NULL;

	if (!call || !is_of(call, client))
		return err_set(&fail->err, ERR_BAD_STATE, 0,
			       "call: this connection waits for none with that token");
	ctl_reply_done(client, req->seq);
	cancel(call);
	return 0;
}

/**
 * ses_calls_client_gone() - what a client has called ends with it
 */
void ses_calls_client_gone(struct ses *ses, const struct ctl_client *client)
{
	struct ses_call *call, *next;

	for (call = LIST_FIRST(&ses->calls); call; call = next) {
		next = LIST_NEXT(call, link);
		if (!is_of(call, client))
			continue;
		ctl_waiter_free(LIST_FIRST(&call->waiters));
		cancel(call);
	}
}

/**
 * ses_calls_in() - does a call act in a sandbox, or wait for it?
 */
bool ses_calls_in(const struct ses *ses, const struct ctl_sandbox *sandbox)
{
	const struct ses_call *call;

	LIST_FOREACH(call, &ses->calls, link)
		if (call->sandbox == sandbox)
			return true;
	return false;
}

/**
 * ses_calls_free() - release all, without a word
 */
void ses_calls_free(struct ses *ses)
{
	struct ses_call *call;

	while ((call = LIST_FIRST(&ses->calls)))
		ses_call_drop(call);
	if (ses->bury_calls) {
		on_bury(-1, 0, ses);
		event_free(ses->bury_calls);
	}
	ctl_map_fini(&ses->call_tokens);
}
