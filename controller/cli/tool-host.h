/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tools outside of any sandbox, as the calling user: what creeld has allowed
 * and written down, and does not do itself.  Each call runs in a forked process
 * of its own, so that whatever hangs there hangs alone; a command that outlives
 * its call gets a keeper of its own, which any later client of the user finds.
 */
#ifndef CONTROLLER_CLI_TOOL_HOST_H
#define CONTROLLER_CLI_TOOL_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/config/config.h"
#include "proto/err.h"

struct event_base;
struct tool_host;

struct tool_host_request {
	const struct cfg *cfg;  /* borrowed, as the client loaded it */
	const char *session;    /* canonical key */
	const char *name;       /* of the tool */
	const char *args;       /* a JSON object as text */
	size_t len;
	uint8_t token[16];
	bool elevated;          /* of a session that is sandboxed */
};

/* How it ended. */
struct tool_host_end {
	const char *json; /* a CallToolResult; NULL: it could not be run */
	size_t len;
	bool error;
	uint32_t status;
	uint64_t wall_usec;
};

/* @err: where there is no result */
typedef void tool_host_done_fn(void *arg, const struct tool_host_end *end,
			       const struct err *err);
typedef void tool_host_progress_fn(void *arg, uint64_t elapsed_ms,
				   uint64_t output_bytes, const char *text);

/* Everything of @request is borrowed for this call alone, but for cfg. NULL: @err */
struct tool_host *tool_host_start(struct event_base *base,
				  const struct tool_host_request *request,
				  tool_host_done_fn *done,
				  tool_host_progress_fn *progress, void *arg,
				  struct err *err);
/* tool-host-join.c: owned, NULL where that cannot be done */
char *tool_host_join(const char *inside, size_t inside_len, const char *here,
		     size_t here_len, size_t *len);
void tool_host_cancel(struct tool_host *host); /* kills it; done follows */
void tool_host_free(struct tool_host *host);   /* kills it; done is not called */

#endif
