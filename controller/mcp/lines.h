/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in, lines out.  What is kept is bounded: of a line that is too long
 * nothing is, but that there was one.
 */
#ifndef CONTROLLER_MCP_LINES_H
#define CONTROLLER_MCP_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define MCP_LINE_MAX_BYTES (16U << 20)

struct mcp_lines {
	char *bytes;    /* owned */
	size_t at, len; /* what is not taken yet is between them */
	size_t size;
	size_t seen;    /* up to here there is no end of a line */
	bool skipping;  /* the rest of one that is too long */
	bool over;      /* no more will come */
};

enum mcp_line {
	MCP_LINE_INVALID = 0,
	MCP_LINE_NONE, /* not yet */
	MCP_LINE_GOT,
	MCP_LINE_TOO_LONG,
};

int mcp_lines_add(struct mcp_lines *lines, const char *bytes, size_t len);
void mcp_lines_end(struct mcp_lines *lines);
/* @line: without its end; may be changed; until the next call of any of these */
enum mcp_line mcp_lines_next(struct mcp_lines *lines, char **line, size_t *len);
size_t mcp_lines_waiting(const struct mcp_lines *lines);
void mcp_lines_fini(struct mcp_lines *lines);

#endif
