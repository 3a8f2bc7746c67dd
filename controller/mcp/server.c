// SPDX-License-Identifier: Apache-2.0
/*
 * The server: lines in, to whom they are for.  The first request waits for the
 * toolbox, and what comes after it waits with it.
 */
#include <config.h>

#include "controller/mcp/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>

#define READ_AHEAD_BYTES (1U << 20)

typedef void method_fn(struct mcp_server *server,
		       const struct mcp_message *message);

/**
 * mcp_is_ready() - whether the client may be told things
 */
bool mcp_is_ready(const struct mcp_server *server)
{
	return server->version && !server->initialize;
}

static void do_ping(struct mcp_server *server,
		    const struct mcp_message *message)
{
	mcp_answer(server, message->id, json_object());
}

static void do_set_level(struct mcp_server *server,
			 const struct mcp_message *message)
{
	const char *name;
	enum mcp_level level;

	if (mcp_param_string(server, message, "level", true, &name))
		return;
	level = mcp_level_find(name);
	if (level == MCP_LEVEL_INVALID) {
		mcp_refuse(server, message->id, MCP_INVALID_PARAMS,
			   "level: expected one of debug, info, notice, warning, error, critical, alert, emergency",
			   NULL);
		return;
	}
	server->level = level;
	mcp_answer(server, message->id, json_object());
}

/* What can be asked for. */
static const struct method {
	const char *name;
	bool first; /* may come before it is initialized */
	method_fn *run;
} methods[] = {
	{ "initialize", true, mcp_do_initialize },
	{ "ping", true, do_ping },
	{ "tools/list", false, mcp_do_tools_list },
	{ "tools/call", false, mcp_do_tools_call },
	{ "resources/list", false, mcp_do_resources_list },
	{ "resources/read", false, mcp_do_resources_read },
	{ "resources/templates/list", false, mcp_do_resources_templates },
	{ "logging/setLevel", false, do_set_level },
};

static const struct method *find_method(const char *name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(methods[i].name, name))
			return &methods[i];
	return NULL;
}

static void take_request(struct mcp_server *server,
			 const struct mcp_message *message)
{
	const struct method *method = find_method(message->method);

	if (!method)
		mcp_refusef(server, message->id, MCP_METHOD_NOT_FOUND,
			    "Method not found: %.100s", message->method);
	else if (!server->version && !method->first)
		mcp_refuse(server, message->id, MCP_INVALID_REQUEST,
			   "initialize comes first", NULL);
	else if (mcp_call_is_known(server, message->id))
		mcp_refuse(server, message->id, MCP_INVALID_REQUEST,
			   "id: a request of that id is not answered yet",
			   NULL);
	else
		method->run(server, message);
}

static void take_notification(struct mcp_server *server,
			      const struct mcp_message *message)
{
	char *id;

	if (strcmp(message->method, "notifications/cancelled") != 0)
		return;
	id = mcp_id_take(mcp_scan_member(message->raw, "requestId"));
	if (id)
		mcp_calls_cancel(server, id);
	free(id);
}

static void take_line(struct mcp_server *server, char *line, size_t len)
{
	struct mcp_message message;

	if (strspn(line, " \t\r") >= len)
		return;
	mcp_message_parse(&message, line, len);
	switch (message.kind) {
	case MCP_KIND_REQUEST:
		take_request(server, &message);
		break;
	case MCP_KIND_NOTIFICATION:
		take_notification(server, &message);
		break;
	case MCP_KIND_BROKEN:
		mcp_refuse(server, message.id, message.code, message.text,
			   NULL);
		break;
	case MCP_KIND_IGNORED:
	case MCP_KIND_INVALID:
		break;
	}
	mcp_message_fini(&message);
}

/* What comes next is to wait. */
static bool is_held(const struct mcp_server *server)
{
	return server->initialize || server->no_memory ||
	       evbuffer_get_length(server->out) >= MCP_OUT_MAX_BYTES;
}

static void take_lines(struct mcp_server *server)
{
	enum mcp_line got = MCP_LINE_GOT;
	char *line;
	size_t len;

	while (got != MCP_LINE_NONE && !is_held(server)) {
		got = mcp_lines_next(&server->lines, &line, &len);
		if (got == MCP_LINE_GOT)
			take_line(server, line, len);
		else if (got == MCP_LINE_TOO_LONG)
			mcp_refusef(server, NULL, MCP_INVALID_REQUEST,
				    "a message of more than %u bytes",
				    MCP_LINE_MAX_BYTES);
	}
	if (server->ended && got == MCP_LINE_NONE)
		mcp_calls_end(server, "cancelled: the input ended");
	server->ops.changed(server->arg);
}

static void on_wake(int fd, short what, void *arg)
{
	struct mcp_server *server = arg;

	(void)fd;
	(void)what;
	mcp_calls_next(server);
	take_lines(server);
}

/**
 * mcp_server_input() - what the client said
 */
void mcp_server_input(struct mcp_server *server, const char *bytes, size_t len)
{
	if (mcp_lines_add(&server->lines, bytes, len))
		server->no_memory = true;
	take_lines(server);
}

/**
 * mcp_server_end() - the client says no more: what it waits for is cancelled
 */
void mcp_server_end(struct mcp_server *server)
{
	server->ended = true;
	mcp_lines_end(&server->lines);
	take_lines(server);
}

/**
 * mcp_server_written() - some of the output is gone: perhaps it can go on
 */
void mcp_server_written(struct mcp_server *server)
{
	if (!is_held(server))
		event_active(server->wake, EV_TIMEOUT, 0);
}

/**
 * mcp_server_output() - what is to be written; borrowed
 */
struct evbuffer *mcp_server_output(struct mcp_server *server)
{
	return server->out;
}

/**
 * mcp_server_wants() - whether there is room for more input
 */
bool mcp_server_wants(const struct mcp_server *server)
{
	if (server->ended || server->no_memory)
		return false;
	return !is_held(server) ||
	       mcp_lines_waiting(&server->lines) < READ_AHEAD_BYTES;
}

/**
 * mcp_server_is_asked() - whether the client may say something still
 */
bool mcp_server_is_asked(const struct mcp_server *server)
{
	return !server->ended;
}

/**
 * mcp_server_over() - whether nothing will follow what is in the output
 * @failed: set: it ends badly
 */
bool mcp_server_over(const struct mcp_server *server, bool *failed)
{
	*failed = server->failed || server->no_memory;
	if (server->no_memory)
		return true;
	/* Whoever asks first is to learn why there is no toolbox. */
	if (server->failed && server->told)
		return true;
	return server->ended && !is_held(server) && server->n_calls == 0;
}

static void keep_warnings(struct mcp_server *server,
			  const struct toolbox_info *info)
{
	for (size_t i = 0; i < info->n_warnings; i++) {
		if (mcp_is_ready(server))
			mcp_log(server, MCP_LEVEL_WARNING, info->warnings[i]);
		else
			(void)json_array_append_new(
				server->warnings,
				json_string(info->warnings[i]));
	}
}

static void on_again(void *arg)
{
	struct mcp_server *server = arg;

	mcp_log(server, MCP_LEVEL_NOTICE, "the toolbox was opened again");
	event_active(server->wake, EV_TIMEOUT, 0);
}

static void on_opened(void *arg, const struct toolbox_info *info)
{
	struct mcp_server *server = arg;
	json_t *tools = mcp_tools_filter(info->tools, info->tools_len,
					 server->options.tools);
	bool same = tools && server->tools && json_equal(tools, server->tools);
	bool again = server->opened;

	if (!tools) {
		server->no_memory = true;
		return;
	}
	json_decref(server->tools);
	server->tools = tools;
	free(server->instructions);
	server->instructions = mcp_instructions(info);
	server->opened = true;
	keep_warnings(server, info);
	if (again && same)
		on_again(server);
	else if (again && mcp_is_ready(server))
		mcp_notify(server, "notifications/tools/list_changed", NULL);
	if (server->initialize)
		mcp_hello(server);
	event_active(server->wake, EV_TIMEOUT, 0);
}

static void fail(struct mcp_server *server, const struct err *err,
		 const char *hint)
{
	server->failed = true;
	server->err = *err;
	(void)snprintf(server->hint, sizeof(server->hint), "%s", hint);
	/* Before it is open, the first request is answered with that. */
	if (mcp_is_ready(server)) {
		server->told = true;
		mcp_log(server, MCP_LEVEL_ERROR, err->text);
		mcp_calls_end(server, err->text);
	}
	if (server->initialize)
		mcp_hello(server);
	event_active(server->wake, EV_TIMEOUT, 0);
}

static void on_failed(void *arg, const struct err *err, const char *hint,
		      int status)
{
	struct mcp_server *server = arg;

	(void)status;
	server->ops.failed(server->arg, err, hint);
	fail(server, err, hint);
}

static int prepare(struct mcp_server *server, struct event_base *base)
{
	TAILQ_INIT(&server->calls);
	server->level = MCP_LEVEL_INFO;
	server->warnings = json_array();
	server->out = evbuffer_new();
	server->wake = event_new(base, -1, 0, on_wake, server);
	return server->warnings && server->out && server->wake ? 0 : -1;
}

/**
 * mcp_server_new() - begin to serve: the toolbox is asked for at once
 *
 * A toolbox that cannot be had is said to whoever asks first.
 *
 * Return: NULL without memory.
 */
struct mcp_server *mcp_server_new(struct event_base *base,
				  const struct mcp_options *options,
				  const struct mcp_ops *ops, void *arg,
				  struct err *err)
{
	static const struct toolbox_ops toolbox_ops = {
		.opened = on_opened, .failed = on_failed, .again = on_again,
	};
	struct mcp_server *server = calloc(1, sizeof(*server));

	if (!server) {
		(void)err_set(err, ERR_KERNEL, ENOMEM, "no memory");
		return NULL;
	}
	server->options = *options;
	server->ops = *ops;
	server->arg = arg;
	if (prepare(server, base)) {
		(void)err_set(err, ERR_KERNEL, ENOMEM, "no memory");
		mcp_server_free(server);
		return NULL;
	}
	server->toolbox = toolbox_open(base, options->args, &toolbox_ops,
				       server, err);
	if (!server->toolbox)
		fail(server, err, "");
	return server;
}

/**
 * mcp_server_free() - end it, and whatever runs for it
 */
void mcp_server_free(struct mcp_server *server)
{
	struct mcp_call *call;

	if (!server)
		return;
	if (server->toolbox)
		toolbox_close(server->toolbox);
	while ((call = TAILQ_FIRST(&server->calls)))
		mcp_call_free(call);
	if (server->wake)
		event_free(server->wake);
	if (server->out)
		evbuffer_free(server->out);
	mcp_lines_fini(&server->lines);
	json_decref(server->tools);
	json_decref(server->warnings);
	free(server->instructions);
	free(server->initialize);
	free(server);
}
