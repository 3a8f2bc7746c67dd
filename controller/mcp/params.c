// SPDX-License-Identifier: Apache-2.0
/*
 * Members of a request's params; what is wrong with one is said by its name.
 */
#include <config.h>

#include "controller/mcp/serve.h"

#include <string.h>

#include "controller/tools/tool.h"

/**
 * mcp_param_string() - a member that is a string
 * @value: set; NULL where it is not there
 *
 * Return: 0, or -1 where it was refused.
 */
int mcp_param_string(struct mcp_server *server,
		     const struct mcp_message *message, const char *name,
		     bool required, const char **value)
{
	const json_t *found = json_object_get(message->params, name);

	*value = NULL;
	if (!found && !required)
		return 0;
	if (!found) {
		mcp_refusef(server, message->id, MCP_INVALID_PARAMS,
			    "%s: missing", name);
		return -1;
	}
	if (!json_is_string(found)) {
		mcp_refusef(server, message->id, MCP_INVALID_PARAMS,
			    "%s: expected a string, got %s", name,
			    tool_type_name(found));
		return -1;
	}
	*value = json_string_value(found);
	if (strlen(*value) != json_string_length(found)) {
		mcp_refusef(server, message->id, MCP_INVALID_PARAMS,
			    "%s: holds U+0000", name);
		return -1;
	}
	return 0;
}

/**
 * mcp_param_token() - what the client wants to hear of the progress by
 * @token: set; owned; NULL: it does not
 *
 * Return: 0, or -1 where it was refused.
 */
int mcp_param_token(struct mcp_server *server,
		    const struct mcp_message *message, char **token)
{
	const json_t *meta = json_object_get(message->params, "_meta");
	struct mcp_slice text;

	*token = NULL;
	if (!meta)
		return 0;
	if (!json_is_object(meta)) {
		mcp_refusef(server, message->id, MCP_INVALID_PARAMS,
			    "_meta: expected an object, got %s",
			    tool_type_name(meta));
		return -1;
	}
	if (!json_object_get(meta, "progressToken"))
		return 0;
	text = mcp_scan_member(mcp_scan_member(message->raw, "_meta"),
			       "progressToken");
	*token = mcp_id_take(text);
	if (*token)
		return 0;
	mcp_refusef(server, message->id, MCP_INVALID_PARAMS,
		    "_meta.progressToken: expected a string or a number of at most %d bytes",
		    MCP_ID_MAX_BYTES);
	return -1;
}
