/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two halves of process: what is asked, and what is said of the answer.
 */
#ifndef CONTROLLER_TOOLS_PROCESS_H
#define CONTROLLER_TOOLS_PROCESS_H

#include "controller/tools/backend.h"
#include "controller/tools/keys.h"

struct process {
	const char *name; /* of the action, as it was given */
	enum tool_process_action action;
	bool typed;
	struct keys keys;
	size_t written;
};

void process_on_answer(struct tool_call *call,
		       const struct tool_process_answer *answer);

#endif
