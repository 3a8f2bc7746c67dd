// SPDX-License-Identifier: Apache-2.0
/*
 * One call: sent, sent again over another connection where that is safe, run
 * here where creeld says so, and told.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <jansson.h>

#include "controller/cli/toolbox-parts.h"
#include "proto/cleanup.h"

/* What to do about a call whose connection was lost. */
enum repeat {
	REPEAT_INVALID = 0,
	REPEAT_NEVER,
	REPEAT_WAIT, /* creeld knows its command, and waits for it */
	REPEAT_ANEW, /* it changes nothing */
};

static const struct {
	const char *name;
	const char *action; /* NULL: it has none */
	enum repeat repeat;
} repeats[] = {
	{ "bash", NULL, REPEAT_WAIT },
	{ "exec", NULL, REPEAT_WAIT },
	{ "process", "list", REPEAT_ANEW },
	{ "process", "log", REPEAT_ANEW },
	{ "process", "poll", REPEAT_ANEW },
	{ "python_environment_info", NULL, REPEAT_ANEW },
	{ "python_execute", NULL, REPEAT_WAIT },
	{ "read", NULL, REPEAT_ANEW },
	{ "resources.list", NULL, REPEAT_ANEW },
	{ "resources.read", NULL, REPEAT_ANEW },
};

static bool has_action(const struct toolbox_call *call, const char *action)
{
	json_t *args = call->args ? json_loadb(call->args, call->len, 0, NULL) :
				    NULL;
	const char *value = json_string_value(json_object_get(args, "action"));
	bool same = value && !strcmp(value, action);

	json_decref(args);
	return same;
}

static enum repeat how_to_repeat(const struct toolbox_call *call)
{
	for (size_t i = 0; i < sizeof(repeats) / sizeof(repeats[0]); i++)
		if (!strcmp(repeats[i].name, call->name) &&
		    (!repeats[i].action || has_action(call, repeats[i].action)))
			return repeats[i].repeat;
	return REPEAT_NEVER;
}

/**
 * toolbox_call_move() - put a call on another list, at its end
 */
void toolbox_call_move(struct toolbox_call *call, struct toolbox_calls *list)
{
	if (call->list)
		TAILQ_REMOVE(call->list, call, link);
	call->list = list;
	TAILQ_INSERT_TAIL(list, call, link);
}

/**
 * toolbox_call_name() - a token that no other call has
 */
int toolbox_call_name(struct toolbox_call *call)
{
	return getrandom(call->token, sizeof(call->token), 0) ==
			       (ssize_t)sizeof(call->token) ?
		       0 :
		       -1;
}

static void free_json(struct toolbox_call *call)
{
	if (call->mapped)
		(void)munmap(call->json, call->json_len);
	else
		free(call->json);
}

/**
 * toolbox_call_free() - release a call
 */
void toolbox_call_free(struct toolbox_call *call)
{
	if (call->list)
		TAILQ_REMOVE(call->list, call, link);
	if (call->host)
		tool_host_free(call->host);
	cfg_free(call->cfg);
	free_json(call);
	fd_close(&call->args_fd);
	free(call->args);
	free(call->name);
	free(call);
}

/**
 * toolbox_call_fail() - it has no result
 * @hint: "" none
 */
void toolbox_call_fail(struct toolbox_call *call, const struct err *err,
		       const char *hint)
{
	/* What ran here has one, whether creeld knows or not. */
	if (call->state != TOOLBOX_TELL && call->state != TOOLBOX_TOLD) {
		call->err = *err;
		(void)snprintf(call->hint, sizeof(call->hint), "%s", hint);
	}
	toolbox_call_move(call, &call->toolbox->over);
}

static int send_call(struct toolbox_call *call, struct err *err)
{
	struct toolbox *toolbox = call->toolbox;
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__ToolCall msg = CTL__TOOL_CALL__INIT;
	int ret;

	msg.toolbox = toolbox->box;
	msg.name = call->name;
	msg.token.data = call->token;
	msg.token.len = sizeof(call->token);
	msg.progress = call->ops->progress != NULL;
	msg.again = call->again;
	if (call->args) {
		msg.args.data = (uint8_t *)call->args;
		msg.args.len = call->len;
	} else {
		msg.args_fd = 1;
	}
	request.op_case = CTL__REQUEST__OP_TOOL_CALL;
	request.tool_call = &msg;
	ret = toolbox_send(toolbox, &request, &call->args_fd,
			   call->args ? 0 : 1, err);
	if (ret)
		return ret;
	call->seq = request.seq;
	call->box = toolbox->box;
	call->state = TOOLBOX_ASKED;
	/* Cancelled while its connection was lost: that follows. */
	call->cancel_due = call->cancelled;
	return 0;
}

static int send_cancel(struct toolbox_call *call, struct err *err)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__ToolCancel msg = CTL__TOOL_CANCEL__INIT;
	int ret;

	msg.token.data = call->token;
	msg.token.len = sizeof(call->token);
	request.op_case = CTL__REQUEST__OP_TOOL_CANCEL;
	request.tool_cancel = &msg;
	ret = toolbox_send(call->toolbox, &request, NULL, 0, err);
	if (ret == 0)
		call->cancel_due = false;
	return ret;
}

static int send_told(struct toolbox_call *call, struct err *err)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__HostDone msg = CTL__HOST_DONE__INIT;
	int ret;

	msg.token.data = call->host_token;
	msg.token.len = sizeof(call->host_token);
	msg.status = call->host_status;
	msg.wall_usec = call->host_usec;
	request.op_case = CTL__REQUEST__OP_HOST_DONE;
	request.host_done = &msg;
	ret = toolbox_send(call->toolbox, &request, NULL, 0, err);
	if (ret == 0) {
		call->seq = request.seq;
		call->state = TOOLBOX_TOLD;
	}
	return ret;
}

/**
 * toolbox_send_call() - send what of a call is due
 *
 * Return: 0; else nothing more can be sent now.
 */
int toolbox_send_call(struct toolbox_call *call)
{
	struct toolbox *toolbox = call->toolbox;
	struct err err = ERR_INIT;
	int ret = 0;

	if (call->state == TOOLBOX_TELL)
		ret = send_told(call, &err);
	else if (call->state == TOOLBOX_NEW && !toolbox->box)
		return 0;
	else if (call->state == TOOLBOX_NEW)
		ret = send_call(call, &err);
	if (ret == 0 && call->cancel_due)
		ret = send_cancel(call, &err);
	if (ret == 0)
		toolbox_call_move(call, &toolbox->sent);
	if (ret < 0 && err.code) {
		toolbox_call_fail(call, &err, "");
		return 0;
	}
	return ret;
}

/**
 * toolbox_call_again() - its connection was lost
 */
void toolbox_call_again(struct toolbox_call *call)
{
	struct toolbox *toolbox = call->toolbox;
	enum repeat repeat = how_to_repeat(call);
	struct err err = ERR_INIT;

	call->seq = 0;
	call->box = 0;
	call->cancel_due = false;
	if (call->state == TOOLBOX_HERE || call->state == TOOLBOX_LISTS ||
	    call->state == TOOLBOX_TOLD) {
		if (call->state == TOOLBOX_TOLD)
			call->state = TOOLBOX_TELL;
		toolbox_call_move(call, &toolbox->due);
		return;
	}
	if (repeat == REPEAT_NEVER ||
	    (repeat == REPEAT_ANEW &&
	     (call->cancelled || toolbox_call_name(call)))) {
		(void)err_set(&err, ERR_KERNEL, 0,
			      "creeld: the connection was lost, and it is not known whether %.40s was done",
			      call->name);
		toolbox_call_fail(call, &err, "");
		return;
	}
	call->state = TOOLBOX_NEW;
	call->again = repeat == REPEAT_WAIT;
	toolbox_call_move(call, &toolbox->due);
}

static void on_host_done(void *arg, const struct tool_host_end *end,
			 const struct err *err)
{
	struct toolbox_call *call = arg;
	struct toolbox *toolbox = call->toolbox;

	call->host_status = end->status;
	call->host_usec = end->wall_usec;
	call->error = end->error;
	call->json = end->json ? malloc(end->len + 1) : NULL;
	call->json_len = end->len;
	if (call->json) {
		memcpy(call->json, end->json, end->len);
		call->json[end->len] = '\0';
	} else if (end->json) {
		(void)err_set(&call->err, ERR_KERNEL, ENOMEM, "result");
	} else {
		call->err = *err;
	}
	call->state = TOOLBOX_TELL;
	if (toolbox->why.code)
		toolbox_call_move(call, &toolbox->over);
	else
		toolbox_call_move(call, &toolbox->due);
	toolbox_soon(toolbox);
}

static void on_host_progress(void *arg, uint64_t elapsed_ms,
			     uint64_t output_bytes, const char *text)
{
	struct toolbox_call *call = arg;
	struct toolbox *toolbox = call->toolbox;

	if (!call->ops->progress)
		return;
	toolbox_enter(toolbox);
	call->ops->progress(call->arg, elapsed_ms, output_bytes, text);
	(void)toolbox_leave(toolbox);
}

static int start_here(struct toolbox_call *call, bool elevated,
		      tool_host_done_fn *done, struct err *err)
{
	struct toolbox *toolbox = call->toolbox;
	struct tool_host_request request = {
		.session = toolbox->session,
		.name = call->name,
		.args = call->args,
		.len = call->len,
		.elevated = elevated,
	};
	void *mapped = MAP_FAILED;

	call->cfg = cli_where_load(&toolbox->where);
	if (!call->cfg)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "the configuration cannot be used any more");
	request.cfg = call->cfg;
	memcpy(request.token, call->host_token, sizeof(request.token));
	if (!call->args) {
		mapped = mmap(NULL, call->len, PROT_READ, MAP_PRIVATE,
			      call->args_fd, 0);
		if (mapped == MAP_FAILED)
			return err_set(err, ERR_KERNEL, errno, "arguments");
		request.args = mapped;
	}
	call->host = tool_host_start(toolbox->base, &request, done,
				     on_host_progress, call, err);
	if (mapped != MAP_FAILED)
		(void)munmap(mapped, call->len);
	return call->host ? 0 : -1;
}

/* The list of the sandbox's commands stands, whatever comes of the other. */
static void on_listed(void *arg, const struct tool_host_end *end,
		      const struct err *err)
{
	struct toolbox_call *call = arg;
	size_t len = 0;
	char *json = NULL;

	(void)err;
	if (end->json)
		json = tool_host_join(call->json, call->json_len, end->json,
				      end->len, &len);
	if (json) {
		free_json(call);
		call->json = json;
		call->json_len = len;
		call->mapped = false;
	}
	toolbox_call_move(call, &call->toolbox->over);
	toolbox_soon(call->toolbox);
}

/**
 * toolbox_call_list() - what runs here belongs into its result, too
 */
int toolbox_call_list(struct toolbox_call *call)
{
	struct err err = ERR_INIT;

	memcpy(call->host_token, call->token, sizeof(call->host_token));
	if (call->cancelled || start_here(call, true, on_listed, &err))
		return -1;
	call->seq = 0;
	call->state = TOOLBOX_LISTS;
	return 0;
}

/**
 * toolbox_call_host() - creeld lets it run here
 *
 * What was opened as sandboxed runs here only where it is elevated: whoever
 * asks has been told that it is in a sandbox.
 */
void toolbox_call_host(struct toolbox_call *call, const Ctl__ToolHost *msg)
{
	struct toolbox *toolbox = call->toolbox;
	struct err err = ERR_INIT;

	memcpy(call->host_token, call->token, sizeof(call->host_token));
	if (msg->token.len == sizeof(call->host_token))
		memcpy(call->host_token, msg->token.data,
		       sizeof(call->host_token));
	/* Whatever comes of it, creeld is told. */
	call->seq = 0;
	call->host_status = 125;
	if (call->cancelled) {
		(void)err_set(&call->err, ERR_BAD_STATE, 0, "%.40s: cancelled",
			      call->name);
	} else if (toolbox->sandboxed && !msg->elevated) {
		if (!toolbox->open_seq)
			toolbox->open_due = true;
		(void)err_set(&call->err, ERR_DENIED, 0,
			      "%.40s: the session is not sandboxed any more: look at its tools again",
			      call->name);
	} else if (!start_here(call, msg->elevated, on_host_done, &err)) {
		call->state = TOOLBOX_HERE;
		toolbox_call_move(call, &toolbox->sent);
		return;
	} else {
		call->err = err;
	}
	call->state = TOOLBOX_TELL;
	toolbox_call_move(call, &toolbox->due);
}
