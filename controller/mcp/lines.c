// SPDX-License-Identifier: Apache-2.0
/*
 * A buffer that grows with the line that it holds, and shrinks again.
 */
#include <config.h>

#include "controller/mcp/lines.h"

#include <stdlib.h>
#include <string.h>

#define LEAST_BYTES 65536

/* To the front, so that room is only asked for where it is needed. */
static void move_down(struct mcp_lines *lines)
{
	if (lines->at == 0)
		return;
	if (lines->len > lines->at)
		memmove(lines->bytes, lines->bytes + lines->at,
			lines->len - lines->at);
	lines->len -= lines->at;
	lines->seen -= lines->at;
	lines->at = 0;
}

static int make_room(struct mcp_lines *lines, size_t len)
{
	size_t size = lines->size ? lines->size : LEAST_BYTES;
	char *bytes;

	move_down(lines);
	while (size - lines->len < len)
		size *= 2;
	if (size == lines->size)
		return 0;
	bytes = realloc(lines->bytes, size);
	if (!bytes)
		return -1;
	lines->bytes = bytes;
	lines->size = size;
	return 0;
}

/* What is left of a line that is skipped, from the front of @bytes. */
static size_t skip(struct mcp_lines *lines, const char *bytes, size_t len)
{
	const char *end;

	if (!lines->skipping || lines->len != lines->at)
		return 0;
	end = memchr(bytes, '\n', len);
	return end ? (size_t)(end - bytes) : len;
}

/**
 * mcp_lines_add() - what was read
 * @len: the caller sees to it that less than MCP_LINE_MAX_BYTES wait, by
 *       taking lines in between
 *
 * Return: 0, or -1 without memory.
 */
int mcp_lines_add(struct mcp_lines *lines, const char *bytes, size_t len)
{
	size_t skipped = skip(lines, bytes, len);

	bytes += skipped;
	len -= skipped;
	if (len == 0)
		return 0;
	if (make_room(lines, len))
		return -1;
	memcpy(lines->bytes + lines->len, bytes, len);
	lines->len += len;
	return 0;
}

/**
 * mcp_lines_end() - no more will come: what is there is the last line
 */
void mcp_lines_end(struct mcp_lines *lines)
{
	lines->over = true;
}

static void forget(struct mcp_lines *lines)
{
	lines->at = 0;
	lines->len = 0;
	lines->seen = 0;
	if (lines->size > LEAST_BYTES) {
		free(lines->bytes);
		lines->bytes = NULL;
		lines->size = 0;
	}
}

static enum mcp_line too_long(struct mcp_lines *lines)
{
	lines->skipping = false;
	return MCP_LINE_TOO_LONG;
}

/* No end of a line is there. */
static enum mcp_line unfinished(struct mcp_lines *lines, char **line,
				size_t *len)
{
	size_t rest = lines->len - lines->at;

	lines->seen = lines->len;
	if (lines->skipping || rest > MCP_LINE_MAX_BYTES) {
		lines->skipping = true;
		forget(lines);
		return lines->over ? too_long(lines) : MCP_LINE_NONE;
	}
	if (rest == 0)
		forget(lines);
	if (rest == 0 || !lines->over)
		return MCP_LINE_NONE;
	*line = lines->bytes + lines->at;
	*len = rest;
	lines->at = lines->len;
	return MCP_LINE_GOT;
}

/**
 * mcp_lines_next() - the next line
 */
enum mcp_line mcp_lines_next(struct mcp_lines *lines, char **line, size_t *len)
{
	const char *end = NULL;

	if (lines->len > lines->seen)
		end = memchr(lines->bytes + lines->seen, '\n',
			     lines->len - lines->seen);
	if (!end)
		return unfinished(lines, line, len);
	*line = lines->bytes + lines->at;
	*len = (size_t)(end - *line);
	lines->at += *len + 1;
	lines->seen = lines->at;
	if (lines->skipping || *len > MCP_LINE_MAX_BYTES)
		return too_long(lines);
	return MCP_LINE_GOT;
}

/**
 * mcp_lines_waiting() - how many bytes are kept
 */
size_t mcp_lines_waiting(const struct mcp_lines *lines)
{
	return lines->len - lines->at;
}

/**
 * mcp_lines_fini() - release everything; idempotent
 */
void mcp_lines_fini(struct mcp_lines *lines)
{
	free(lines->bytes);
	*lines = (struct mcp_lines){ .over = true };
}
