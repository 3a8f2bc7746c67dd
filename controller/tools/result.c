// SPDX-License-Identifier: Apache-2.0
/*
 * Results as MCP's CallToolResult.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/tools/tool.h"

/* It is UTF-8, as tool_done() has made it. */
static json_t *text_item(const char *text, size_t len)
{
	return json_pack("{s:s, s:o}", "type", "text", "text",
			 json_stringn_nocheck(text, len));
}

static json_t *content(const struct tool_result *result)
{
	json_t *list = json_array();
	int ret = 0;

	if (result->text && (result->text_len > 0 || !result->image))
		ret |= json_array_append_new(
			list, text_item(result->text, result->text_len));
	if (result->image)
		ret |= json_array_append_new(
			list, json_pack("{s:s, s:s, s:s}", "type", "image",
					"data", result->image, "mimeType",
					result->image_mime));
	if (ret == 0)
		return list;
	json_decref(list);
	return NULL;
}

static char *dump(json_t *object, size_t *len)
{
	char *text = object ? tool_dump(object, len) : NULL;

	json_decref(object);
	return text;
}

/**
 * tool_result_json() - of a call that is over
 *
 * Return: owned, or NULL without memory.
 */
char *tool_result_json(const struct tool_call *call, size_t *len)
{
	const struct tool_result *result = call->result;
	char *text;

	text = dump(json_pack("{s:o, s:O, s:b}", "content", content(result),
			      "structuredContent", result->structured,
			      "isError", result->error),
		    len);
	if (!text || *len <= TOOL_RESULT_MAX_BYTES)
		return text;
	free(text);
	return tool_error_json("too_large",
			       "the result is larger than 16 MiB",
			       tool_is_sandboxed(call), len);
}

/**
 * tool_error_json() - a result of what went wrong before there was a call
 * @text: UTF-8
 *
 * Return: owned, or NULL without memory.
 */
char *tool_error_json(const char *code, const char *text, bool sandboxed,
		      size_t *len)
{
	return dump(json_pack("{s:[{s:s, s:s}], s:{s:{s:s, s:s}, s:b, s:i}, s:b}",
			      "content", "type", "text", "text", text,
			      "structuredContent", "error", "code", code,
			      "message", text, "sandboxed", sandboxed,
			      "durationMs", 0, "isError", 1),
		    len);
}

/**
 * tool_refusal_json() - likewise, in the words of the tool that was called
 *
 * Return: owned, or NULL without memory.
 */
char *tool_refusal_json(const struct tool *tool, const char *code,
			const char *text, bool sandboxed, size_t *len)
{
	if (!(tool->flags & TOOL_MINIBOT))
		return tool_error_json(code, text, sandboxed, len);
	return dump(json_pack("{s:[{s:s, s:s}], s:{s:b, s:s, s:s, s:b, s:i}, s:b}",
			      "content", "type", "text", "text", text,
			      "structuredContent", "ok", 0, "error_code", code,
			      "error", text, "sandboxed", sandboxed,
			      "durationMs", 0, "isError", 1),
		    len);
}
