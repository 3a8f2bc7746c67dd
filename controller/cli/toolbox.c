// SPDX-License-Identifier: Apache-2.0
/*
 * A session's tools: opened, used, and told of.  Everything that calls back
 * begins here or ends in toolbox_leave(), so that whoever is called may close
 * the toolbox.
 */
#include <config.h>

#include "controller/cli/toolbox.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "controller/cli/report.h"
#include "controller/cli/toolbox-parts.h"
#include "proto/cleanup.h"

/* Arguments beyond this travel in a memfd. */
#define INLINE_MAX_BYTES (40 * 1024)
#define ARGS_MAX_BYTES (8u << 20)

static void free_calls(struct toolbox_calls *list)
{
	struct toolbox_call *call;

	while ((call = TAILQ_FIRST(list)))
		toolbox_call_free(call);
}

static void free_events(struct toolbox *toolbox)
{
	struct event *events[] = { toolbox->retry, toolbox->soon };

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i])
			event_free(events[i]);
	toolbox->retry = toolbox->soon = NULL;
}

static void toolbox_free(struct toolbox *toolbox)
{
	free_calls(&toolbox->due);
	free_calls(&toolbox->sent);
	free_calls(&toolbox->over);
	toolbox_drop(toolbox);
	free_events(toolbox);
	cli_call_fini(&toolbox->spec);
	cli_where_fini(&toolbox->where);
	free(toolbox->session);
	free(toolbox->tools);
	free(toolbox);
}

/**
 * toolbox_enter() - a callback may follow
 */
void toolbox_enter(struct toolbox *toolbox)
{
	toolbox->depth++;
}

/**
 * toolbox_leave() - no callback follows
 *
 * Return: false where one of them has closed it: it is gone.
 */
bool toolbox_leave(struct toolbox *toolbox)
{
	if (--toolbox->depth > 0)
		return !toolbox->closed;
	if (!toolbox->closed)
		return true;
	toolbox_free(toolbox);
	return false;
}

/**
 * toolbox_soon() - have toolbox_settle() called by the loop
 */
void toolbox_soon(struct toolbox *toolbox)
{
	event_active(toolbox->soon, EV_TIMEOUT, 0);
}

/**
 * toolbox_fail() - the end of a toolbox and of all its calls
 * @hint: "" none
 */
void toolbox_fail(struct toolbox *toolbox, const struct err *err,
		  const char *hint, int status)
{
	struct toolbox_call *call;

	if (toolbox->why.code)
		return;
	toolbox->why = *err;
	if (!toolbox->why.code)
		toolbox->why.code = ERR_INTERNAL;
	toolbox->status = status;
	(void)snprintf(toolbox->why_hint, sizeof(toolbox->why_hint), "%s",
		       hint);
	toolbox_drop(toolbox);
	while ((call = TAILQ_FIRST(&toolbox->due)))
		toolbox_call_fail(call, err, hint);
	while ((call = TAILQ_FIRST(&toolbox->sent)))
		toolbox_call_fail(call, err, hint);
	toolbox_soon(toolbox);
}

/* Tells the end of each call that is over. */
static void tell(struct toolbox *toolbox)
{
	struct toolbox_call *call;

	while (!toolbox->closed && (call = TAILQ_FIRST(&toolbox->over))) {
		TAILQ_REMOVE(&toolbox->over, call, link);
		call->list = NULL;
		(void)snprintf(toolbox->hint, sizeof(toolbox->hint), "%s",
			       call->hint);
		call->ops->done(call->arg, call->json, call->json_len,
				call->error, &call->err);
		toolbox_call_free(call);
	}
	if (toolbox->why.code && !toolbox->failed_told && !toolbox->closed) {
		toolbox->failed_told = true;
		toolbox->ops->failed(toolbox->arg, &toolbox->why,
				     toolbox->why_hint, toolbox->status);
	}
}

static int send_open(struct toolbox *toolbox, struct err *err)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__ToolboxOpen open = CTL__TOOLBOX_OPEN__INIT;
	Ctl__Config config;
	const char *const *last = toolbox->args->last;
	int ret;

	cli_where_config(&toolbox->where, &config);
	open.config = &config;
	open.spec = &toolbox->spec.spec;
	open.given = toolbox->spec.exec.given;
	open.n_given = toolbox->spec.exec.n_given;
	if (last[CLI_OPT_SESSION])
		open.session = (char *)last[CLI_OPT_SESSION];
	if (last[CLI_OPT_PROVIDER])
		open.provider = (char *)last[CLI_OPT_PROVIDER];
	if (last[CLI_OPT_CHANNEL])
		open.channel = (char *)last[CLI_OPT_CHANNEL];
	if (last[CLI_OPT_SENDER])
		open.sender = (char *)last[CLI_OPT_SENDER];
	request.op_case = CTL__REQUEST__OP_TOOLBOX_OPEN;
	request.toolbox_open = &open;
	ret = toolbox_send(toolbox, &request, toolbox->spec.fds,
			   toolbox->spec.n_fds, err);
	if (ret == 0) {
		toolbox->open_seq = request.seq;
		toolbox->open_due = false;
	}
	return ret;
}

static bool has_calls(const struct toolbox *toolbox, uint32_t box)
{
	const struct toolbox_call *call;

	TAILQ_FOREACH(call, &toolbox->sent, link)
		if (call->box == box)
			return true;
	TAILQ_FOREACH(call, &toolbox->due, link)
		if (call->box == box)
			return true;
	return false;
}

/* Toolboxes that were replaced and have no call any more. */
static int send_closes(struct toolbox *toolbox, struct err *err)
{
	for (size_t i = 0; i < TOOLBOX_OLD; i++) {
		Ctl__Request request = CTL__REQUEST__INIT;
		Ctl__ToolboxClose close = CTL__TOOLBOX_CLOSE__INIT;
		int ret;

		if (!toolbox->old[i] || has_calls(toolbox, toolbox->old[i]))
			continue;
		close.toolbox = toolbox->old[i];
		request.op_case = CTL__REQUEST__OP_TOOLBOX_CLOSE;
		request.toolbox_close = &close;
		ret = toolbox_send(toolbox, &request, NULL, 0, err);
		if (ret)
			return ret;
		toolbox->old[i] = 0;
	}
	return 0;
}

/* Sends what is due, in order, as far as the socket takes it. */
static void send_due(struct toolbox *toolbox)
{
	struct toolbox_call *call, *next;
	struct err err = ERR_INIT;
	int ret = toolbox->open_due ? send_open(toolbox, &err) : 0;

	if (ret < 0 && err.code) {
		toolbox_fail(toolbox, &err, "", 1);
		return;
	}
	if (ret || send_closes(toolbox, &err))
		return;
	for (call = TAILQ_FIRST(&toolbox->due); call; call = next) {
		next = TAILQ_NEXT(call, link);
		if (toolbox_send_call(call))
			return;
	}
}

/**
 * toolbox_settle() - send what is due, tell what is over
 *
 * For the event loop: calls back.
 */
void toolbox_settle(struct toolbox *toolbox)
{
	toolbox_enter(toolbox);
	if (toolbox->sock >= 0)
		send_due(toolbox);
	tell(toolbox);
	(void)toolbox_leave(toolbox);
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	toolbox_settle(arg);
}

static int fill(struct toolbox *toolbox, struct err *err)
{
	struct cli_call *spec = &toolbox->spec;

	ctl__exec__init(&spec->exec);
	ctl__spec__init(&spec->spec);
	if (cli_spec_fill(spec, toolbox->args, err)) {
		cli_error("%s", err->text);
		if (spec->hint)
			cli_hint("%s", spec->hint);
		return -1;
	}
	if (cli_where_find(toolbox->args, &toolbox->where))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "the configuration cannot be used");
	toolbox->soon = event_new(toolbox->base, -1, 0, on_soon, toolbox);
	if (!toolbox->soon) {
		cli_error("event loop: no memory");
		return err_set(err, ERR_KERNEL, ENOMEM, "event loop");
	}
	return 0;
}

/**
 * toolbox_open() - begin to use a session's tools
 * @args: borrowed until toolbox_close(), like @ops
 *
 * Starts the helper where nobody listens.  Return: NULL: it has been said on
 * standard error.
 */
struct toolbox *toolbox_open(struct event_base *base,
			     const struct cli_args *args,
			     const struct toolbox_ops *ops, void *arg,
			     struct err *err)
{
	struct toolbox *toolbox = calloc(1, sizeof(*toolbox));

	if (!toolbox) {
		cli_error("toolbox: no memory");
		(void)err_set(err, ERR_KERNEL, ENOMEM, "toolbox");
		return NULL;
	}
	toolbox->base = base;
	toolbox->args = args;
	toolbox->ops = ops;
	toolbox->arg = arg;
	toolbox->sock = -1;
	TAILQ_INIT(&toolbox->due);
	TAILQ_INIT(&toolbox->sent);
	TAILQ_INIT(&toolbox->over);
	cli_target_choose(args, &toolbox->target);
	if (fill(toolbox, err)) {
		toolbox_free(toolbox);
		return NULL;
	}
	if (toolbox_connect(toolbox, err)) {
		cli_error("%s", err->text);
		cli_connect_hint(err);
		toolbox_free(toolbox);
		return NULL;
	}
	return toolbox;
}

/**
 * toolbox_close() - the end; calls end without a word
 */
void toolbox_close(struct toolbox *toolbox)
{
	if (!toolbox)
		return;
	toolbox->closed = true;
	toolbox_drop(toolbox);
	if (toolbox->depth == 0)
		toolbox_free(toolbox);
}

/**
 * toolbox_hint() - what to do about the error that done() is called with
 *
 * Return: "" where nothing is known.
 */
const char *toolbox_hint(const struct toolbox *toolbox)
{
	return toolbox->hint;
}

static int set_args(struct toolbox_call *call, const struct toolbox_ask *ask,
		    struct err *err)
{
	const size_t len = ask->len;

	if (len > ARGS_MAX_BYTES)
		return err_set(err, ERR_LIMIT, 0,
			       "arguments: %zu bytes, at most %u are taken",
			       len, ARGS_MAX_BYTES);
	call->len = len;
	if (len > INLINE_MAX_BYTES) {
		call->args_fd = cli_memfd_sealed("creel-args", ask->args, len,
						 err);
		return call->args_fd < 0 ? -1 : 0;
	}
	call->args = malloc(len + 1);
	if (!call->args)
		return err_set(err, ERR_KERNEL, ENOMEM, "arguments");
	memcpy(call->args, ask->args, len);
	call->args[len] = '\0';
	return 0;
}

/**
 * toolbox_call() - call a tool, as soon as the toolbox is open
 *
 * done is called by the event loop, never from here.  Return: NULL on failure.
 */
struct toolbox_call *toolbox_call(struct toolbox *toolbox,
				  const struct toolbox_ask *ask,
				  const struct toolbox_call_ops *ops, void *arg,
				  struct err *err)
{
	struct toolbox_call *call;

	if (toolbox->why.code) {
		*err = toolbox->why;
		return NULL;
	}
	call = calloc(1, sizeof(*call));
	if (!call) {
		(void)err_set(err, ERR_KERNEL, ENOMEM, "call");
		return NULL;
	}
	call->toolbox = toolbox;
	call->ops = ops;
	call->arg = arg;
	call->args_fd = -1;
	call->state = TOOLBOX_NEW;
	call->name = strdup(ask->name);
	if (!call->name || set_args(call, ask, err) ||
	    toolbox_call_name(call)) {
		if (!err->code)
			(void)err_set(err, ERR_KERNEL, errno, "call");
		toolbox_call_free(call);
		return NULL;
	}
	toolbox_call_move(call, &toolbox->due);
	toolbox_soon(toolbox);
	return call;
}

/**
 * toolbox_cancel() - end a call; done follows
 */
void toolbox_cancel(struct toolbox_call *call)
{
	struct toolbox *toolbox = call->toolbox;
	struct err err = ERR_INIT;

	if (call->cancelled || call->list == NULL ||
	    call->list == &toolbox->over)
		return;
	call->cancelled = true;
	if (call->state == TOOLBOX_HERE || call->state == TOOLBOX_LISTS) {
		tool_host_cancel(call->host);
	} else if (call->state == TOOLBOX_ASKED) {
		call->cancel_due = true;
		toolbox_call_move(call, &toolbox->due);
		toolbox_soon(toolbox);
	} else if (call->state == TOOLBOX_NEW && !call->again) {
		(void)err_set(&err, ERR_BAD_STATE, 0, "%.40s: cancelled",
			      call->name);
		toolbox_call_fail(call, &err, "");
		toolbox_soon(toolbox);
	}
}
