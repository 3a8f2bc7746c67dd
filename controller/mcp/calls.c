// SPDX-License-Identifier: Apache-2.0
/*
 * What the toolbox is asked for: so much at once, the rest in its turn.  A call
 * is answered once, or never where the client no longer wants to know.
 */
#include <config.h>

#include "controller/mcp/serve.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

static void on_progress(void *arg, uint64_t elapsed_ms, uint64_t output_bytes,
			const char *text)
{
	struct mcp_call *call = arg;
	json_t *params;

	(void)output_bytes;
	if (call->cancelled || !call->token)
		return;
	/* It never stands still, however short the time was. */
	call->progress = elapsed_ms > call->progress ? elapsed_ms
						     : call->progress + 1;
	params = json_pack("{s:I}", "progress", (json_int_t)call->progress);
	if (text && text[0])
		(void)json_object_set_new(params, "message", json_string(text));
	mcp_progress(call->server, call->token, params);
}

/* The toolbox could not even begin, or lost it. */
static void refuse(struct mcp_call *call, const struct err *err)
{
	/* Too much of it is the client's doing, too. */
	bool wrong = err->code == ERR_BAD_REQUEST || err->code == ERR_LIMIT;

	if (!call->cancelled)
		mcp_refuse(call->server, call->id,
			   wrong ? MCP_INVALID_PARAMS : MCP_INTERNAL_ERROR,
			   err->text, NULL);
}

static void on_done(void *arg, const char *json, size_t len, bool error,
		    const struct err *err)
{
	struct mcp_call *call = arg;
	struct mcp_server *server = call->server;

	(void)error; /* stands in the result */
	call->call = NULL;
	server->n_active--;
	if (!json)
		refuse(call, err);
	else if (!call->cancelled && call->asked == MCP_ASKED_TOOL)
		mcp_answer_text(server, call->id, json, len);
	else if (!call->cancelled)
		mcp_resources_answer(call, json, len);
	mcp_call_free(call);
	mcp_calls_next(server);
}

/**
 * mcp_call_new() - a request that the toolbox is to answer
 * @name: of the tool
 *
 * Return: NULL where it was refused, or there is no memory.
 */
struct mcp_call *mcp_call_new(struct mcp_server *server,
			      const struct mcp_message *message,
			      enum mcp_asked asked, const char *name)
{
	struct mcp_call *call;
	char *token;

	if (server->n_calls >= MCP_CALLS_MAX) {
		mcp_refusef(server, message->id, MCP_SERVER_ERROR,
			    "%d calls at once are too many", MCP_CALLS_MAX);
		return NULL;
	}
	if (mcp_param_token(server, message, &token))
		return NULL;
	call = calloc(1, sizeof(*call));
	if (!call) {
		free(token);
		server->no_memory = true;
		return NULL;
	}
	call->server = server;
	call->asked = asked;
	call->token = token;
	call->id = strdup(message->id);
	call->name = strdup(name);
	TAILQ_INSERT_TAIL(&server->calls, call, link);
	server->n_calls++;
	if (call->id && call->name)
		return call;
	server->no_memory = true;
	mcp_call_free(call);
	return NULL;
}

static void forget_args(struct mcp_call *call)
{
	if (call->args)
		call->server->waiting_bytes -= call->len;
	free(call->args);
	call->args = NULL;
}

/**
 * mcp_call_free() - forget it; what the toolbox does for it was ended
 */
void mcp_call_free(struct mcp_call *call)
{
	TAILQ_REMOVE(&call->server->calls, call, link);
	call->server->n_calls--;
	forget_args(call);
	free(call->id);
	free(call->name);
	free(call->token);
	free(call);
}

static void begin(struct mcp_call *call)
{
	static const struct toolbox_call_ops with = { on_progress, on_done };
	static const struct toolbox_call_ops without = { NULL, on_done };
	const struct toolbox_ask ask = { call->name, call->args, call->len };
	struct mcp_server *server = call->server;
	struct err err = ERR_INIT;

	call->call = toolbox_call(server->toolbox, &ask,
				  call->token ? &with : &without, call, &err);
	if (!call->call) {
		refuse(call, &err);
		mcp_call_free(call);
		return;
	}
	server->n_active++;
	forget_args(call);
}

/**
 * mcp_call_go() - begin it, now or in its turn
 * @args: taken over
 */
void mcp_call_go(struct mcp_call *call, char *args, size_t len)
{
	struct mcp_server *server = call->server;

	call->args = args;
	call->len = len;
	server->waiting_bytes += len;
	if (server->waiting_bytes > MCP_CALLS_MAX_BYTES) {
		mcp_refuse(server, call->id, MCP_SERVER_ERROR,
			   "too much waits for its turn", NULL);
		mcp_call_free(call);
		return;
	}
	mcp_calls_next(server);
}

static struct mcp_call *first_waiting(struct mcp_server *server)
{
	struct mcp_call *call;

	TAILQ_FOREACH(call, &server->calls, link)
		if (!call->call)
			return call;
	return NULL;
}

static bool may_begin(const struct mcp_server *server)
{
	return !server->ended && !server->failed &&
	       server->n_active < MCP_CALLS_ACTIVE &&
	       evbuffer_get_length(server->out) < MCP_OUT_MAX_BYTES;
}

/**
 * mcp_calls_next() - begin what may begin
 */
void mcp_calls_next(struct mcp_server *server)
{
	struct mcp_call *call;

	while (may_begin(server) && (call = first_waiting(server)))
		begin(call);
}

/**
 * mcp_call_is_known() - whether a request of that id is not answered yet
 */
bool mcp_call_is_known(const struct mcp_server *server, const char *id)
{
	const struct mcp_call *call;

	TAILQ_FOREACH(call, &server->calls, link)
		if (mcp_id_same(call->id, id))
			return true;
	return false;
}

static void cancel(struct mcp_call *call)
{
	call->cancelled = true;
	if (call->call)
		toolbox_cancel(call->call);
	else
		mcp_call_free(call);
}

/**
 * mcp_calls_cancel() - the client no longer wants to know
 */
void mcp_calls_cancel(struct mcp_server *server, const char *id)
{
	struct mcp_call *call;

	TAILQ_FOREACH(call, &server->calls, link)
		if (!call->cancelled && mcp_id_same(call->id, id)) {
			cancel(call);
			return;
		}
}

static struct mcp_call *first_wanted(struct mcp_server *server)
{
	struct mcp_call *call;

	TAILQ_FOREACH(call, &server->calls, link)
		if (!call->cancelled)
			return call;
	return NULL;
}

/**
 * mcp_calls_end() - none of them will come to anything
 */
void mcp_calls_end(struct mcp_server *server, const char *why)
{
	struct mcp_call *call;

	while ((call = first_wanted(server))) {
		mcp_refuse(server, call->id, MCP_SERVER_ERROR, why, NULL);
		cancel(call);
	}
}
