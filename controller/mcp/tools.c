// SPDX-License-Identifier: Apache-2.0
/*
 * The tools that are offered, and calls of them.
 */
#include <config.h>

#include "controller/mcp/serve.h"

#include <stdlib.h>
#include <string.h>

#include "controller/tools/tool.h"

/* Is @name one of "NAME,NAME..."? */
static bool is_in(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (len > 0 && *list) {
		size_t item = strcspn(list, ",");

		if (item == len && !memcmp(list, name, len))
			return true;
		list += item;
		list += *list == ',' ? 1 : 0;
	}
	return false;
}

/**
 * mcp_tools_filter() - the tools that are offered
 * @text: a JSON array, as the toolbox has it
 * @only: the names of those that are left; NULL: all
 *
 * Return: a new reference; NULL: no memory, or it is no such array.
 */
json_t *mcp_tools_filter(const char *text, size_t len, const char *only)
{
	json_t *all = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *left = json_array();
	json_t *tool;
	size_t i;

	if (!json_is_array(all)) {
		json_decref(left);
		left = NULL;
	}
	json_array_foreach(all, i, tool) {
		const char *name =
			json_string_value(json_object_get(tool, "name"));

		if (left && name && (!only || is_in(only, name)))
			(void)json_array_append(left, tool);
	}
	json_decref(all);
	return left;
}

/**
 * mcp_tool_is_left_out() - whether it was not to be offered
 *
 * Names with a dot are between us and the toolbox.
 */
bool mcp_tool_is_left_out(const struct mcp_server *server, const char *name)
{
	if (strchr(name, '.') || !name[0])
		return true;
	return server->options.tools && !is_in(server->options.tools, name);
}

/**
 * mcp_do_tools_list() - one page has them all
 */
void mcp_do_tools_list(struct mcp_server *server,
		       const struct mcp_message *message)
{
	const char *cursor;

	if (mcp_param_string(server, message, "cursor", false, &cursor))
		return;
	if (cursor)
		mcp_refuse(server, message->id, MCP_INVALID_PARAMS,
			   "cursor: there is no such page", NULL);
	else
		mcp_answer(server, message->id,
			   json_pack("{s:O}", "tools", server->tools));
}

/* The arguments as they came: they are not read here. */
static int take_args(struct mcp_server *server,
		     const struct mcp_message *message, char **args,
		     size_t *len)
{
	const json_t *found = json_object_get(message->params, "arguments");
	struct mcp_slice text = { "{}", 2 };

	if (found && !json_is_object(found)) {
		mcp_refusef(server, message->id, MCP_INVALID_PARAMS,
			    "arguments: expected an object, got %s",
			    tool_type_name(found));
		return -1;
	}
	if (found)
		text = mcp_scan_member(message->raw, "arguments");
	*args = strndup(text.at, text.len);
	*len = text.len;
	if (!*args)
		server->no_memory = true;
	return *args ? 0 : -1;
}

/**
 * mcp_do_tools_call() - have a tool do something
 */
void mcp_do_tools_call(struct mcp_server *server,
		       const struct mcp_message *message)
{
	struct mcp_call *call;
	const char *name;
	char *args = NULL;
	size_t len = 0;

	if (mcp_param_string(server, message, "name", true, &name))
		return;
	if (mcp_tool_is_left_out(server, name)) {
		mcp_refusef(server, message->id, MCP_INVALID_PARAMS,
			    "Unknown tool: %.64s", name);
		return;
	}
	if (take_args(server, message, &args, &len))
		return;
	call = mcp_call_new(server, message, MCP_ASKED_TOOL, name);
	if (call)
		mcp_call_go(call, args, len);
	else
		free(args);
}
