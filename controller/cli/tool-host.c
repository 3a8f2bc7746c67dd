// SPDX-License-Identifier: Apache-2.0
/*
 * Tools outside of any sandbox, as the calling user.
 */
#include <config.h>

#include "controller/cli/tool-host.h"

/**
 * tool_host_start() - run a tool here
 */
struct tool_host *tool_host_start(struct event_base *base,
				  const struct tool_host_request *request,
				  tool_host_done_fn *done,
				  tool_host_progress_fn *progress, void *arg,
				  struct err *err)
{
	(void)base;
	(void)done;
	(void)progress;
	(void)arg;
	(void)err_set(err, ERR_UNSUPPORTED, 0,
		      "%.40s: cannot be run outside of a sandbox",
		      request->name);
	return NULL;
}

/**
 * tool_host_cancel() - end it; done follows
 */
void tool_host_cancel(struct tool_host *host)
{
	(void)host;
}

/**
 * tool_host_free() - end it without a word
 */
void tool_host_free(struct tool_host *host)
{
	(void)host;
}
