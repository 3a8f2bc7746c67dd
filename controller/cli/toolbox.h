/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's tools as a client of creeld uses them: `creel tool' and
 * `creel mcp'.  One connection, any number of calls at once, all driven by an
 * event loop.  A connection that is lost is made again within a few seconds;
 * calls that were on their way are asked for again where that is safe (see
 * control.proto, "again"), else they fail and say so.  What creeld says is to
 * be run here is run here (tool-host.h).
 */
#ifndef CONTROLLER_CLI_TOOLBOX_H
#define CONTROLLER_CLI_TOOLBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/cli/options.h"
#include "proto/err.h"

struct event_base;
struct toolbox;
struct toolbox_call;

struct toolbox_info {
	const char *session; /* canonical key */
	const char *agent;
	const char *workdir;
	bool sandboxed;
	const char *network; /* of its sandbox: none, host; NULL or "": unknown */
	const char *tools;   /* JSON: an array, as MCP's tools/list has it */
	size_t tools_len;
	const char *const *warnings;
	size_t n_warnings;
};

struct toolbox_ops {
	/* Once it is open, and whenever its tools have changed. */
	void (*opened)(void *arg, const struct toolbox_info *info);
	/* It cannot be opened, or not again: the end. @hint: "" none */
	void (*failed)(void *arg, const struct err *err, const char *hint,
		       int status);
	/* By another controller, with the same tools. NULL: not wanted */
	void (*again)(void *arg);
};

struct toolbox_call_ops {
	void (*progress)(void *arg, uint64_t elapsed_ms, uint64_t output_bytes,
			 const char *text); /* NULL: not wanted */
	/* Once. @json: a CallToolResult; NULL: @err says why there is none */
	void (*done)(void *arg, const char *json, size_t len, bool error,
		     const struct err *err);
};

/*
 * @args: --session, --provider, --channel, --sender, --config, --workspace and
 * whatever else describes a sandbox are taken from it; borrowed until the end.
 */
/* NULL: it has been said on standard error, @err is for others' use. */
struct toolbox *toolbox_open(struct event_base *base,
			     const struct cli_args *args,
			     const struct toolbox_ops *ops, void *arg,
			     struct err *err);
void toolbox_close(struct toolbox *toolbox); /* calls end without a word */

/* What a tool is asked for; borrowed while toolbox_call() is called. */
struct toolbox_ask {
	const char *name;
	const char *args; /* a JSON object as text */
	size_t len;
};

/* done is never called from here. */
struct toolbox_call *toolbox_call(struct toolbox *toolbox,
				  const struct toolbox_ask *ask,
				  const struct toolbox_call_ops *ops, void *arg,
				  struct err *err);
void toolbox_cancel(struct toolbox_call *call); /* done follows */

/* While done() is called with an error: what to do about it; "" not known. */
const char *toolbox_hint(const struct toolbox *toolbox);

#endif
