/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at JSON text without taking it apart: jansson has no numbers beyond
 * its own, and what is only handed on is handed on as it came.  Of text that is
 * no JSON nothing is promised but that nothing beyond it is touched; it is
 * jansson that says what is JSON.
 */
#ifndef CONTROLLER_MCP_SCAN_H
#define CONTROLLER_MCP_SCAN_H

#include <stdbool.h>
#include <stddef.h>

struct mcp_slice {
	const char *at; /* borrowed; NULL: none */
	size_t len;
};

/* A member of an object, as it stands there; the first of that name. */
struct mcp_slice mcp_scan_member(struct mcp_slice object, const char *name);
bool mcp_scan_is_number(struct mcp_slice text);

/* How deep it nests, and how many values there may be in it. */
struct mcp_size {
	size_t depth, values;
};
struct mcp_size mcp_scan_size(struct mcp_slice text);

#endif
