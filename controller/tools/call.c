// SPDX-License-Identifier: Apache-2.0
/*
 * A call: from its arguments to its result.
 */
#include <config.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/tools/backend.h"
#include "proto/cleanup.h"

#define MESSAGE_MAX_BYTES 8192

static uint64_t now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/**
 * tool_call_new() - a call whose arguments are right
 * @env:  borrowed for the life of the call
 * @args: taken over, in either case
 *
 * The backend and who hears of the end are filled in by whoever has them.
 *
 * Return: owned, tool_call_free(); NULL with @err.
 */
struct tool_call *tool_call_new(const struct tool *tool,
				const struct tool_env *env, json_t *args,
				struct err *err)
{
	struct tool_call *call = NULL;

	if (!json_is_object(args))
		err_set(err, ERR_BAD_REQUEST, 0,
			"%s: arguments: expected an object", tool->name);
	else if (tool_check_args(tool, args, err) == 0)
		call = calloc(1, sizeof(*call));
	if (call)
		call->result = calloc(1, sizeof(*call->result));
	if (!call || !call->result) {
		if (err->code == ERR_NONE)
			err_set(err, ERR_KERNEL, ENOMEM, "%s", tool->name);
		json_decref(args);
		free(call);
		return NULL;
	}
	call->tool = tool;
	call->env = env;
	call->args = args;
	return call;
}

/**
 * tool_start() - begin; the end may come before this returns
 */
void tool_start(struct tool_call *call)
{
	call->started_usec = now_usec();
	call->tool->start(call);
}

/**
 * tool_cancel() - nobody wants its result any more
 *
 * What runs is ended; done is called all the same.
 */
void tool_cancel(struct tool_call *call)
{
	if (call->over || call->cancelled)
		return;
	call->cancelled = true;
	call->backend->cancel(call);
}

/**
 * tool_call_free() - release; NULL is fine
 */
void tool_call_free(struct tool_call *call)
{
	if (!call)
		return;
	if (call->state && call->tool->free_state)
		call->tool->free_state(call->state);
	json_decref(call->args);
	free(call->root);
	json_decref(call->result->structured);
	free(call->result->text);
	free(call->result->image);
	free(call->result);
	free(call);
}

/**
 * tool_result_of() - what the call comes to, so far
 */
struct tool_result *tool_result_of(struct tool_call *call)
{
	return call->result;
}

static int set_common(struct tool_call *call, json_t *object)
{
	const struct tool_result *result = call->result;
	const bool sandboxed = tool_is_sandboxed(call);
	const uint64_t usec = now_usec() - call->started_usec;
	int ret = json_object_set_new(object, "sandboxed",
				      json_boolean(sandboxed));

	ret |= json_object_set_new(object, "durationMs",
				   json_real((double)usec / 1000));
	if (result->has_memory)
		ret |= json_object_set_new(
			object, "memoryPeak",
			json_integer((json_int_t)result->memory_peak));
	if (result->has_cpu)
		ret |= json_object_set_new(
			object, "cpuUsec",
			json_integer((json_int_t)result->cpu_usec));
	return ret;
}

/**
 * tool_done() - the end of a call
 * @structured: taken over; NULL counts as an empty object
 * @text:       copied; bytes that are no UTF-8 are replaced
 *
 * Does nothing for a call that is over. The call may be gone afterwards.
 */
void tool_done(struct tool_call *call, json_t *structured, const char *text,
	       size_t len)
{
	struct tool_result *result = call->result;

	if (call->over) {
		json_decref(structured);
		return;
	}
	call->over = true;
	result->structured = structured ? structured : json_object();
	result->text = tool_utf8(text ? text : "", len, &result->text_len);
	if (!result->structured || !result->text ||
	    set_common(call, result->structured) < 0) {
		result->error = true;
		result->status = 1;
	}
	call->done(call, call->arg);
}

static void fail(struct tool_call *call, json_t *structured, const char *code,
		 char *message)
{
	const bool minibot = call->tool->flags & TOOL_MINIBOT;
	struct tool_result *result = call->result;
	auto_free char *text = NULL;
	size_t len;
	json_t *own;

	/* The end may have been cut within a character. */
	text = tool_utf8(message, strlen(message), &len);
	result->error = true;
	if (result->status == 0)
		result->status = 1;
	if (!result->reason[0])
		(void)snprintf(result->reason, sizeof(result->reason), "%s",
			       message);
	if (minibot)
		own = json_pack("{s:b, s:s, s:s}", "ok", 0, "error_code", code,
				"error", text ? text : "");
	else
		own = json_pack("{s:{s:s, s:s}}", "error", "code", code,
				"message", text ? text : "");
	if (structured && own)
		(void)json_object_update(structured, own);
	if (structured)
		json_decref(own);
	tool_done(call, structured ? structured : own, text, text ? len : 0);
}

/**
 * tool_fail_with() - the end of a call that went wrong
 * @structured: what else is known, an object, taken over; NULL: nothing
 * @code:       a word that a program can look at: not_found, denied, ...
 */
void tool_fail_with(struct tool_call *call, json_t *structured,
		    const char *code, const char *fmt, ...)
{
	char message[MESSAGE_MAX_BYTES];
	va_list args;

	if (call->over) {
		json_decref(structured);
		return;
	}
	va_start(args, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	fail(call, structured, code, message);
}

/**
 * tool_fail() - the end of a call that went wrong
 */
void tool_fail(struct tool_call *call, const char *code, const char *fmt, ...)
{
	char message[MESSAGE_MAX_BYTES];
	va_list args;

	if (call->over)
		return;
	va_start(args, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	fail(call, NULL, code, message);
}
