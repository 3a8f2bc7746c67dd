/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MCP's server side over a toolbox: bytes in, bytes out, no descriptors.
 */
#ifndef CONTROLLER_MCP_SERVER_H
#define CONTROLLER_MCP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/cli/options.h"
#include "proto/err.h"

struct evbuffer;
struct event_base;
struct mcp_server;

/* So much is kept for a client that does not read, before nothing more is
 * read from it; what may be lost is dropped earlier. */
#define MCP_OUT_MAX_BYTES (4U << 20)
#define MCP_OUT_DROP_BYTES (1U << 20)

struct mcp_options {
	const struct cli_args *args; /* of the toolbox; borrowed */
	const char *tools;           /* NAME,NAME...: no others; NULL: all */
};

struct mcp_ops {
	/* There is something to write, to read, or it is over. */
	void (*changed)(void *arg);
	/* The toolbox cannot be had: for whoever reads standard error. */
	void (*failed)(void *arg, const struct err *err, const char *hint);
};

struct mcp_server *mcp_server_new(struct event_base *base,
				  const struct mcp_options *options,
				  const struct mcp_ops *ops, void *arg,
				  struct err *err);
void mcp_server_free(struct mcp_server *server);

void mcp_server_input(struct mcp_server *server, const char *bytes, size_t len);
void mcp_server_end(struct mcp_server *server); /* of the input */
void mcp_server_written(struct mcp_server *server); /* some of the output */
struct evbuffer *mcp_server_output(struct mcp_server *server); /* borrowed */
bool mcp_server_wants(const struct mcp_server *server); /* more input */
bool mcp_server_is_asked(const struct mcp_server *server); /* it may be, still */
/* Nothing will follow what is in the output. @failed: it ends badly */
bool mcp_server_over(const struct mcp_server *server, bool *failed);

#endif
