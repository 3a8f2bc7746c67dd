// SPDX-License-Identifier: Apache-2.0
/*
 * process: what exec has left in the background.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/backend.h"
#include "controller/tools/exec.h"
#include "controller/tools/process.h"
#include "controller/tools/tools.h"
#include "proto/cleanup.h"

#define LOG_LINES 200

static const char *const actions[] = { "list",	 "poll",      "log",
				       "write",	 "send-keys", "submit",
				       "paste",	 "kill",      "clear",
				       "remove", NULL };

static const struct tool_param params[] = {
	{ "action", TOOL_KIND_STRING, .required = true, .choices = actions,
	  .help = "list: all of this session. poll: what came since the last "
		  "poll. log: lines of what is kept. write: data to its stdin. "
		  "send-keys: keys to its terminal. submit: Enter. paste: text, "
		  "as if pasted. kill: end it and all that it started. clear: "
		  "forget one that is over. remove: kill it if need be, and "
		  "forget it." },
	{ "sessionId", TOOL_KIND_STRING, .min = 1, .max = 64,
	  .help = "Which one, for every action but list." },
	{ "offset", TOOL_KIND_INTEGER, .min = 0, .max = 1e12,
	  .help = "log: the line to begin with, from 0; without it, the last "
		  "lines." },
	{ "limit", TOOL_KIND_INTEGER, .min = 1, .max = 1e12,
	  .help = "log: how many lines (default 200)." },
	{ "data", TOOL_KIND_STRING, .nul = true,
	  .help = "write: what is written." },
	{ "eof", TOOL_KIND_BOOLEAN,
	  .help = "write: close stdin after it." },
	{ "keys", TOOL_KIND_STRINGS, .nul = true,
	  .help = "send-keys: names of keys as tmux has them (Enter, Tab, "
		  "Escape, BSpace, Up, F5, C-c, M-x, S-Tab, ^C); what is no "
		  "name is typed as it is." },
	{ "literal", TOOL_KIND_STRING, .nul = true,
	  .help = "send-keys: text, typed before the keys." },
	{ "hex", TOOL_KIND_STRINGS,
	  .help = "send-keys: bytes as hexadecimal digits, before the keys." },
	{ "text", TOOL_KIND_STRING, .nul = true,
	  .help = "paste: the text." },
	{ "bracketed", TOOL_KIND_BOOLEAN,
	  .help = "paste: marked as pasted (default: where it has a "
		  "terminal)." },
	{ .name = NULL },
};

static const struct action {
	const char *name;
	enum tool_process_action action;
	bool typed; /* keys, which depend on whether there is a terminal */
} known[] = {
	{ "list", TOOL_PROCESS_LIST, false },
	{ "poll", TOOL_PROCESS_POLL, false },
	{ "log", TOOL_PROCESS_LOG, false },
	{ "write", TOOL_PROCESS_WRITE, false },
	{ "send-keys", TOOL_PROCESS_WRITE, true },
	{ "submit", TOOL_PROCESS_WRITE, true },
	{ "paste", TOOL_PROCESS_WRITE, true },
	{ "kill", TOOL_PROCESS_KILL, false },
	{ "clear", TOOL_PROCESS_CLEAR, false },
	{ "remove", TOOL_PROCESS_REMOVE, false },
};

static void free_state(void *state)
{
	struct process *process = state;

	keys_fini(&process->keys);
	free(process);
}

static void bad(struct tool_call *call, const struct err *err,
		const char *param)
{
	tool_fail(call, "invalid_argument", "process: %s: %s", param,
		  err->text);
}

static int add_strings(struct tool_call *call, const char *param, bool newline,
		       struct err *err)
{
	struct process *process = call->state;
	const bool hex = strcmp(param, "hex") == 0;
	size_t index;
	json_t *item;

	json_array_foreach(json_object_get(call->args, param), index, item) {
		const char *text = json_string_value(item);
		int ret = hex ? keys_add_hex(&process->keys, text, err) :
				keys_add_name(&process->keys, text,
					      json_string_length(item), newline,
					      err);

		if (ret < 0)
			return -1;
	}
	return 0;
}

/* -1: the call is over. */
static int type_keys(struct tool_call *call, bool tty)
{
	struct process *process = call->state;
	struct err err = ERR_INIT;
	const char *param = "literal";
	int ret;

	ret = keys_add(&process->keys, tool_arg_string(call, param, ""),
		       tool_arg_length(call, param), &err);
	if (ret == 0)
		ret = add_strings(call, param = "hex", false, &err);
	if (ret == 0)
		ret = add_strings(call, param = "keys", !tty, &err);
	if (ret == 0 && process->keys.len == 0)
		ret = err_set(&err, ERR_BAD_REQUEST, 0,
			      "expected keys, hex or literal, got nothing");
	if (ret < 0)
		bad(call, &err, param);
	return ret;
}

static int type_paste(struct tool_call *call, bool tty)
{
	struct process *process = call->state;
	struct err err = ERR_INIT;
	int ret;

	if (tool_arg_given(call, "text"))
		ret = keys_add_paste(&process->keys,
				     tool_arg_string(call, "text", ""),
				     tool_arg_length(call, "text"),
				     tool_arg_bool(call, "bracketed", tty),
				     &err);
	else
		ret = err_set(&err, ERR_BAD_REQUEST, 0,
			      "expected the text to paste, got nothing");
	if (ret < 0)
		bad(call, &err, "text");
	return ret;
}

static int type(struct tool_call *call, bool tty)
{
	struct process *process = call->state;

	if (strcmp(process->name, "send-keys") == 0)
		return type_keys(call, tty);
	if (strcmp(process->name, "paste") == 0)
		return type_paste(call, tty);
	return keys_add(&process->keys, tty ? "\r" : "\n", 1,
			&(struct err)ERR_INIT);
}

static void ask(struct tool_call *call)
{
	struct process *process = call->state;
	struct tool_process_request what = {
		.action = process->action,
		.id = tool_arg_string(call, "sessionId", NULL),
		.offset = (uint64_t)tool_arg_number(call, "offset", 0),
		.limit = (uint64_t)tool_arg_number(call, "limit", LOG_LINES),
		.has_offset = tool_arg_given(call, "offset"),
		.eof = tool_arg_bool(call, "eof", false),
		.max_output = EXEC_OUTPUT_BYTES,
	};

	if (process->action == TOOL_PROCESS_WRITE) {
		what.data = process->typed ? process->keys.bytes :
					     tool_arg_string(call, "data", "");
		what.data_len = process->typed ? process->keys.len :
						 tool_arg_length(call, "data");
		process->written = what.data_len;
	}
	call->backend->process(call, &what, process_on_answer);
}

/* Has it a terminal? Only then keys are what a terminal sends. */
static void on_list(struct tool_call *call,
		    const struct tool_process_answer *answer)
{
	const char *id = tool_arg_string(call, "sessionId", "");

	if (answer->fail.code != ERR_NONE) {
		process_on_answer(call, answer);
		return;
	}
	for (size_t i = 0; i < answer->n; i++) {
		if (strcmp(answer->infos[i].id, id) != 0)
			continue;
		if (type(call, answer->infos[i].pty) == 0)
			ask(call);
		return;
	}
	tool_fail(call, "not_found", "No session found for %s", id);
}

static void start(struct tool_call *call)
{
	const struct tool_process_request all = { .action = TOOL_PROCESS_LIST };
	struct process *process = calloc(1, sizeof(*process));
	const char *name = tool_arg_string(call, "action", "");

	call->state = process;
	if (!process) {
		tool_fail(call, "internal", "process: no memory");
		return;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, name) != 0)
			continue;
		process->name = known[i].name;
		process->action = known[i].action;
		process->typed = known[i].typed;
	}
	if (process->action != TOOL_PROCESS_LIST &&
	    !tool_arg_given(call, "sessionId"))
		tool_fail(call, "invalid_argument",
			  "process: sessionId: expected a string, got nothing (%s needs it)",
			  name);
	else if (process->typed)
		call->backend->process(call, &all, on_list);
	else
		ask(call);
}

const struct tool tool_process = {
	.name = "process",
	.title = "Background commands",
	.help = "List, read, write to and end the commands that exec has left "
		"in the background, of this session alone.",
	.flags = TOOL_DESTRUCTIVE,
	.params = params,
	.start = start,
	.free_state = free_state,
};
