/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message of JSON-RPC 2.0 as MCP has it: no batches, ids are strings or
 * numbers.
 */
#ifndef CONTROLLER_MCP_MESSAGE_H
#define CONTROLLER_MCP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "controller/mcp/scan.h"

#define MCP_DEPTH_MAX 64
#define MCP_VALUES_MAX 200000
#define MCP_ID_MAX_BYTES 1024

enum mcp_code {
	MCP_PARSE_ERROR = -32700,
	MCP_INVALID_REQUEST = -32600,
	MCP_METHOD_NOT_FOUND = -32601,
	MCP_INVALID_PARAMS = -32602,
	MCP_INTERNAL_ERROR = -32603,
	MCP_SERVER_ERROR = -32000,
	MCP_RESOURCE_NOT_FOUND = -32002,
};

enum mcp_kind {
	MCP_KIND_INVALID = 0,
	MCP_KIND_REQUEST,
	MCP_KIND_NOTIFICATION,
	MCP_KIND_IGNORED, /* an answer to nothing that we asked, and the like */
	MCP_KIND_BROKEN,   /* code and text say why */
};

struct mcp_message {
	enum mcp_kind kind;
	char *id;           /* owned; as it was written; NULL: none */
	const char *method; /* borrowed from tree */
	json_t *params;     /* borrowed from tree; an object, or NULL */
	struct mcp_slice raw; /* the text of params, borrowed from the line */
	json_t *tree;       /* owned; numbers in it are all real */
	enum mcp_code code;
	char text[160];
};

/* Always fills @message. @line: is changed */
void mcp_message_parse(struct mcp_message *message, char *line, size_t len);
void mcp_message_fini(struct mcp_message *message);

/* Whether two ids are the same: strings may be written differently. */
bool mcp_id_same(const char *one, const char *other);
/* Owned text of a string or number that stands in @text; NULL: it is neither,
 * or too long. */
char *mcp_id_take(struct mcp_slice text);

#endif
