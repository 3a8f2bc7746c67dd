/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server on standard input and output.
 */
#ifndef CONTROLLER_MCP_STDIO_H
#define CONTROLLER_MCP_STDIO_H

#include "controller/mcp/server.h"

/* @failed: the toolbox cannot be had; called at most once */
int mcp_serve(const struct mcp_options *options,
	      void (*failed)(const struct err *err, const char *hint),
	      struct err *err);

#endif
