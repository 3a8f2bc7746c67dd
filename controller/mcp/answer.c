// SPDX-License-Identifier: Apache-2.0
/*
 * What goes to the client: one line each, never more than is made room for but
 * where it was asked for.
 */
#include <config.h>

#include "controller/mcp/serve.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#define DUMP_FLAGS (JSON_COMPACT | JSON_ENCODE_ANY)

static const char *const levels[] = {
	[MCP_LEVEL_DEBUG] = "debug",     [MCP_LEVEL_INFO] = "info",
	[MCP_LEVEL_NOTICE] = "notice",   [MCP_LEVEL_WARNING] = "warning",
	[MCP_LEVEL_ERROR] = "error",     [MCP_LEVEL_CRITICAL] = "critical",
	[MCP_LEVEL_ALERT] = "alert",     [MCP_LEVEL_EMERGENCY] = "emergency",
};

/**
 * mcp_level_find() - a level by its name, MCP_LEVEL_INVALID: there is none
 */
enum mcp_level mcp_level_find(const char *name)
{
	for (enum mcp_level level = MCP_LEVEL_DEBUG;
	     level <= MCP_LEVEL_EMERGENCY; level++)
		if (!strcmp(levels[level], name))
			return level;
	return MCP_LEVEL_INVALID;
}

/* @json: no line of its own ends in it */
static void put(struct mcp_server *server, const char *head, const char *id,
		const char *json, size_t len)
{
	if (evbuffer_add_printf(server->out, "{\"jsonrpc\":\"2.0\",%s%s%s",
				head, id, id[0] ? "," : "") < 0 ||
	    evbuffer_add(server->out, json, len) ||
	    evbuffer_add(server->out, "}\n", 2))
		server->no_memory = true;
	server->ops.changed(server->arg);
}

/* A value after the name of its member. Takes @value over. */
static void put_member(struct mcp_server *server, const char *id,
		       const char *name, json_t *value)
{
	char *json = value ? json_dumps(value, DUMP_FLAGS) : NULL;
	char *member = NULL;
	int len = -1;

	if (json)
		len = asprintf(&member, "\"%s\":%s", name, json);
	if (len < 0)
		server->no_memory = true;
	else
		put(server, "\"id\":", id, member, (size_t)len);
	if (len >= 0)
		free(member);
	free(json);
	json_decref(value);
}

/**
 * mcp_answer() - the result of a request
 */
void mcp_answer(struct mcp_server *server, const char *id, json_t *result)
{
	put_member(server, id, "result", result);
}

/**
 * mcp_answer_text() - the same for a result that is text already
 */
void mcp_answer_text(struct mcp_server *server, const char *id,
		     const char *json, size_t len)
{
	char *head;

	/* A line's end within JSON can only be space between values. */
	if (memchr(json, '\n', len)) {
		mcp_answer(server, id,
			   json_loadb(json, len, JSON_ALLOW_NUL, NULL));
		return;
	}
	if (asprintf(&head, "\"id\":%s,\"result\":", id) < 0) {
		server->no_memory = true;
		return;
	}
	put(server, head, "", json, len);
	free(head);
}

/**
 * mcp_text() - a string for a message
 *
 * What it was cut to may end within a character.
 */
json_t *mcp_text(const char *text)
{
	json_t *value = json_string(text);

	for (size_t len = strlen(text); !value && len > 0; len--)
		value = json_stringn(text, len - 1);
	return value;
}

/**
 * mcp_refuse() - the error of a request
 * @id:   NULL: it is not known
 * @data: taken over; NULL: none
 */
void mcp_refuse(struct mcp_server *server, const char *id, enum mcp_code code,
		const char *text, json_t *data)
{
	json_t *error = json_pack("{s:i, s:o, s:o*}", "code", (int)code,
				  "message", mcp_text(text), "data", data);

	put_member(server, id ? id : "null", "error", error);
}

/**
 * mcp_refusef() - the same with a text that is made here
 */
void mcp_refusef(struct mcp_server *server, const char *id, enum mcp_code code,
		 const char *fmt, ...)
{
	char text[320];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mcp_refuse(server, id, code, text, NULL);
}

/**
 * mcp_progress() - how far a call is
 * @token:  as it was given
 * @params: taken over; what comes beside the token
 */
void mcp_progress(struct mcp_server *server, const char *token, json_t *params)
{
	static const char head[] =
		"\"method\":\"notifications/progress\",\"params\":{\"progressToken\":";
	char *rest = params ? json_dumps(params, DUMP_FLAGS) : NULL;

	json_decref(params);
	if (!rest) {
		server->no_memory = true;
		return;
	}
	rest[0] = ' '; /* its brace */
	if (evbuffer_get_length(server->out) < MCP_OUT_DROP_BYTES)
		put(server, head, token, rest, strlen(rest));
	free(rest);
}

/**
 * mcp_notify() - what nobody asked for
 * @params: taken over; NULL: none
 *
 * Not said to a client that does not read.
 */
void mcp_notify(struct mcp_server *server, const char *method, json_t *params)
{
	json_t *message = json_pack("{s:s, s:o*}", "method", method, "params",
				    params);
	char *json = message ? json_dumps(message, DUMP_FLAGS) : NULL;
	size_t len = json ? strlen(json) : 0;

	json_decref(message);
	if (!json)
		server->no_memory = true;
	else if (evbuffer_get_length(server->out) < MCP_OUT_DROP_BYTES)
		/* Without its own braces. */
		put(server, "", "", json + 1, len - 2);
	free(json);
}

/**
 * mcp_log() - a message for whoever looks after the server
 */
void mcp_log(struct mcp_server *server, enum mcp_level level, const char *text)
{
	if (!mcp_is_ready(server) || level < server->level)
		return;
	mcp_notify(server, "notifications/message",
		   json_pack("{s:s, s:s, s:o}", "level", levels[level],
			     "logger", "creel", "data", mcp_text(text)));
}
