// SPDX-License-Identifier: Apache-2.0
/*
 * Files of the workspace as resources.  Two tools that are in no list find and
 * read them; what they answer is what the protocol wants.
 */
#include <config.h>

#include "controller/mcp/serve.h"

#include <stdlib.h>
#include <string.h>

static void ask(struct mcp_server *server, const struct mcp_message *message,
		enum mcp_asked asked, json_t *args)
{
	struct mcp_call *call;
	char *text = args ? json_dumps(args, JSON_COMPACT) : NULL;

	json_decref(args);
	if (!text) {
		server->no_memory = true;
		return;
	}
	call = mcp_call_new(server, message, asked,
			    asked == MCP_ASKED_LIST ? "resources.list"
						    : "resources.read");
	if (call)
		mcp_call_go(call, text, strlen(text));
	else
		free(text);
}

/**
 * mcp_do_resources_list() - files, page by page
 */
void mcp_do_resources_list(struct mcp_server *server,
			   const struct mcp_message *message)
{
	const char *cursor;

	if (mcp_param_string(server, message, "cursor", false, &cursor))
		return;
	ask(server, message, MCP_ASKED_LIST,
	    cursor ? json_pack("{s:s}", "cursor", cursor) : json_object());
}

/**
 * mcp_do_resources_read() - one file
 */
void mcp_do_resources_read(struct mcp_server *server,
			   const struct mcp_message *message)
{
	const char *uri;

	if (mcp_param_string(server, message, "uri", true, &uri))
		return;
	ask(server, message, MCP_ASKED_READ, json_pack("{s:s}", "uri", uri));
}

/**
 * mcp_do_resources_templates() - there is one
 */
void mcp_do_resources_templates(struct mcp_server *server,
				const struct mcp_message *message)
{
	const char *cursor;

	if (mcp_param_string(server, message, "cursor", false, &cursor))
		return;
	if (cursor) {
		mcp_refuse(server, message->id, MCP_INVALID_PARAMS,
			   "cursor: there is no such page", NULL);
		return;
	}
	mcp_answer(server, message->id,
		   json_pack("{s:[{s:s, s:s, s:s, s:s}]}", "resourceTemplates",
			     "uriTemplate", "creel://workspace/{+path}",
			     "name", "workspace", "title",
			     "Files of the workspace", "description",
			     "A file, by its path from the working directory"));
}

static enum mcp_code code_of(const char *word)
{
	if (word && !strcmp(word, "not_found"))
		return MCP_RESOURCE_NOT_FOUND;
	if (word && (!strcmp(word, "invalid_argument") ||
		     !strcmp(word, "denied")))
		return MCP_INVALID_PARAMS;
	return MCP_INTERNAL_ERROR;
}

static void refuse(struct mcp_call *call, const json_t *structured)
{
	const json_t *error = json_object_get(structured, "error");
	const char *text =
		json_string_value(json_object_get(error, "message"));

	mcp_refuse(call->server, call->id,
		   code_of(json_string_value(json_object_get(error, "code"))),
		   text ? text : "the toolbox gave no reason", NULL);
}

/* Of the result what the protocol has, and nothing else. */
static json_t *result_of(enum mcp_asked asked, const json_t *structured)
{
	json_t *resources = json_object_get(structured, "resources");
	json_t *contents = json_object_get(structured, "contents");

	if (asked == MCP_ASKED_LIST && json_is_array(resources))
		return json_pack("{s:O, s:O*}", "resources", resources,
				 "nextCursor",
				 json_object_get(structured, "nextCursor"));
	if (asked == MCP_ASKED_READ && json_is_array(contents))
		return json_pack("{s:O}", "contents", contents);
	return NULL;
}

/**
 * mcp_resources_answer() - make the client's answer of the toolbox's
 */
void mcp_resources_answer(struct mcp_call *call, const char *json, size_t len)
{
	json_t *all = json_loadb(json, len, JSON_ALLOW_NUL, NULL);
	const json_t *structured = json_object_get(all, "structuredContent");
	json_t *result = NULL;

	if (!json_is_true(json_object_get(all, "isError")))
		result = result_of(call->asked, structured);
	if (result)
		mcp_answer(call->server, call->id, result);
	else
		refuse(call, structured);
	json_decref(all);
}
