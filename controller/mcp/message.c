// SPDX-License-Identifier: Apache-2.0
/*
 * From a line to a message.  jansson judges the text, but for the id: numbers
 * that no machine type holds are answered as they came.
 */
#include <config.h>

#include "controller/mcp/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/tool.h"

#define PARSE_FLAGS \
	(JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL | \
	 JSON_DECODE_ANY)

__attribute__((format(printf, 3, 4))) static void
broken(struct mcp_message *message, enum mcp_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message->text, sizeof(message->text), fmt, ap);
	va_end(ap);
	message->kind = MCP_KIND_BROKEN;
	message->code = code;
}

static bool is_string(struct mcp_slice text)
{
	json_t *value = NULL;
	bool good;

	if (text.len >= 2 && text.at[0] == '"')
		value = json_loadb(text.at, text.len,
				   JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	good = json_is_string(value);
	json_decref(value);
	return good;
}

/**
 * mcp_id_take() - a copy of an id's or token's text
 *
 * Return: NULL where it is neither a string nor a number, or too long.
 */
char *mcp_id_take(struct mcp_slice text)
{
	if (!text.at || text.len > MCP_ID_MAX_BYTES ||
	    (!mcp_scan_is_number(text) && !is_string(text)))
		return NULL;
	return strndup(text.at, text.len);
}

static json_t *load_id(const char *id)
{
	return json_loads(id, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

/**
 * mcp_id_same() - whether two ids are the same
 */
bool mcp_id_same(const char *one, const char *other)
{
	json_t *a;
	json_t *b;
	bool same;

	if (!strcmp(one, other))
		return true;
	if (one[0] != '"' || other[0] != '"' ||
	    (!strchr(one, '\\') && !strchr(other, '\\')))
		return false;
	a = load_id(one);
	b = load_id(other);
	same = a && b && json_equal(a, b);
	json_decref(a);
	json_decref(b);
	return same;
}

/*
 * Takes the id out of the text, whatever it is, and puts a number in its place
 * that every parser has.
 */
static void set_id_aside(struct mcp_message *message, struct mcp_slice all,
			 char *line)
{
	struct mcp_slice id = mcp_scan_member(all, "id");

	message->id = mcp_id_take(id);
	if (message->id && mcp_scan_is_number(id)) {
		memset(line + (id.at - line), ' ', id.len);
		line[id.at - line] = '0';
	}
}

static void drop_id(struct mcp_message *message)
{
	free(message->id);
	message->id = NULL;
}

/* Of a message that is an object: what it is. */
static void judge(struct mcp_message *message, struct mcp_slice all)
{
	const json_t *tree = message->tree;
	const json_t *id = json_object_get(tree, "id");
	const json_t *method = json_object_get(tree, "method");
	const json_t *version = json_object_get(tree, "jsonrpc");
	json_t *params = json_object_get(tree, "params");

	if (id && !message->id) {
		if (json_is_string(id))
			broken(message, MCP_INVALID_REQUEST,
			       "id: at most %d bytes", MCP_ID_MAX_BYTES);
		else
			broken(message, MCP_INVALID_REQUEST,
			       "id: expected a string or a number, got %s",
			       tool_type_name(id));
	} else if (!version || !json_is_string(version) ||
		   strcmp(json_string_value(version), "2.0") != 0) {
		broken(message, MCP_INVALID_REQUEST, "jsonrpc: expected \"2.0\"");
	} else if (!method && (json_object_get(tree, "result") ||
			       json_object_get(tree, "error"))) {
		message->kind = MCP_KIND_IGNORED;
	} else if (!json_is_string(method)) {
		broken(message, MCP_INVALID_REQUEST, "method: %s%s",
		       method ? "expected a string, got " : "missing",
		       method ? tool_type_name(method) : "");
	} else if (strlen(json_string_value(method)) !=
		   json_string_length(method)) {
		broken(message, MCP_INVALID_REQUEST, "method: holds U+0000");
	} else if (params && !json_is_object(params)) {
		broken(message, MCP_INVALID_PARAMS,
		       "params: expected an object, got %s",
		       tool_type_name(params));
	} else {
		message->kind = id ? MCP_KIND_REQUEST : MCP_KIND_NOTIFICATION;
		message->method = json_string_value(method);
		message->params = params;
		message->raw = mcp_scan_member(all, "params");
		return;
	}
	/* Whoever sends a notification does not wait for an answer. */
	if (message->code == MCP_INVALID_PARAMS && !id)
		message->kind = MCP_KIND_IGNORED;
}

/**
 * mcp_message_parse() - take a line apart
 * @message: filled; to be given to mcp_message_fini()
 * @line:    changed; message->raw points into it
 */
void mcp_message_parse(struct mcp_message *message, char *line, size_t len)
{
	struct mcp_slice all = { line, len };
	struct mcp_size size = mcp_scan_size(all);
	json_error_t error;

	*message = (struct mcp_message){ .kind = MCP_KIND_INVALID };
	if (size.depth > MCP_DEPTH_MAX) {
		broken(message, MCP_PARSE_ERROR,
		       "Parse error: nests more than %d deep", MCP_DEPTH_MAX);
		return;
	}
	if (size.values > MCP_VALUES_MAX) {
		broken(message, MCP_PARSE_ERROR,
		       "Parse error: more than %d values", MCP_VALUES_MAX);
		return;
	}
	set_id_aside(message, all, line);
	message->tree = json_loadb(line, len, PARSE_FLAGS, &error);
	if (!message->tree &&
	    json_error_code(&error) == json_error_null_byte_in_key) {
		/* It is JSON, and whoever sent it waits for an answer to it. */
		broken(message, MCP_INVALID_REQUEST,
		       "the name of a member holds U+0000");
	} else if (!message->tree) {
		drop_id(message);
		broken(message, MCP_PARSE_ERROR, "Parse error: %.120s",
		       error.text);
	} else if (json_is_array(message->tree)) {
		broken(message, MCP_INVALID_REQUEST,
		       "batches are not part of this protocol");
	} else if (!json_is_object(message->tree)) {
		broken(message, MCP_INVALID_REQUEST,
		       "expected an object, got %s",
		       tool_type_name(message->tree));
	} else {
		judge(message, all);
	}
}

/**
 * mcp_message_fini() - release what a message holds; idempotent
 */
void mcp_message_fini(struct mcp_message *message)
{
	drop_id(message);
	json_decref(message->tree);
	message->tree = NULL;
	message->method = NULL;
	message->params = NULL;
}
