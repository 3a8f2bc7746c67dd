/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command has printed, as python_execute and bash tell it: within a
 * budget, of standard output first.
 */
#ifndef CONTROLLER_TOOLS_OUTPUT_H
#define CONTROLLER_TOOLS_OUTPUT_H

#include "controller/tools/backend.h"

struct tool_output {
	char *out, *err; /* owned; UTF-8 */
	size_t out_len, err_len;
	bool truncated;
};

/* -1 without memory. */
int tool_output_take(struct tool_output *output,
		     const struct tool_outcome *outcome, uint64_t max);
void tool_output_fini(struct tool_output *output);
/* For a model: both, and how it ended. Owned; NULL without memory. */
char *tool_output_text(const struct tool_output *output,
		       const struct tool_outcome *outcome, size_t *len);
/* ok, exit_code, stdout, stderr, timed_out, truncated, duration_ms; NULL
 * without memory. */
json_t *tool_output_json(const struct tool_output *output,
			 const struct tool_outcome *outcome);
/* Into the result: status, memory, processor time. */
void tool_output_account(struct tool_call *call,
			 const struct tool_outcome *outcome);

#endif
