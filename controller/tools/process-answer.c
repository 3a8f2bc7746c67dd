// SPDX-License-Identifier: Apache-2.0
/*
 * What process says: as text for a model, and as members for a program.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/tools/exec.h"
#include "controller/tools/process.h"
#include "controller/tools/tools.h"
#include "proto/cleanup.h"

#define SHOWN_BYTES 120

static const char *status_of(const struct tool_process_info *info)
{
	if (!info->over)
		return "running";
	if (info->timed_out)
		return "timeout";
	if (info->killed)
		return "killed";
	return info->status ? "failed" : "completed";
}

static int64_t runtime_ms(const struct tool_process_info *info)
{
	struct timespec now;
	int64_t end = info->ended_ms;

	if (!info->over) {
		(void)clock_gettime(CLOCK_REALTIME, &now);
		end = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	}
	return end > info->started_ms ? end - info->started_ms : 0;
}

static json_t *as_text(const char *bytes)
{
	size_t len = 0;
	auto_free char *text = tool_utf8(bytes, strlen(bytes), &len);

	return text ? json_stringn(text, len) : json_null();
}

static json_t *describe(const struct tool_process_info *info)
{
	json_t *json = json_pack(
		"{s:s, s:s, s:i, s:I, s:I, s:o, s:o, s:b, s:I, s:I, s:b}",
		"sessionId", info->id, "status", status_of(info), "pid",
		(int)info->pid, "startedAt", (json_int_t)info->started_ms,
		"runtimeMs", (json_int_t)runtime_ms(info), "command",
		as_text(info->command), "cwd", as_text(info->workdir), "pty",
		info->pty, "totalBytes", (json_int_t)info->output_bytes,
		"droppedBytes", (json_int_t)info->dropped_bytes, "truncated",
		info->dropped_bytes > 0);

	if (info->over) {
		(void)json_object_set_new(
			json, "endedAt",
			json_integer((json_int_t)info->ended_ms));
		(void)json_object_set_new(json, "exitCode",
					  json_integer(info->status));
	}
	return json;
}

static void put_duration(FILE *out, int64_t ms)
{
	const int64_t sec = ms / 1000;
	char text[32];

	if (sec >= 3600)
		(void)snprintf(text, sizeof(text), "%" PRId64 "h%02dm",
			       sec / 3600, (int)(sec / 60 % 60));
	else if (sec >= 60)
		(void)snprintf(text, sizeof(text), "%dm%02ds", (int)(sec / 60),
			       (int)(sec % 60));
	else
		(void)snprintf(text, sizeof(text), "%ds", (int)sec);
	fprintf(out, "%7s", text);
}

/* One line, whatever the command holds. */
static void put_command(FILE *out, const char *command)
{
	const size_t len = strlen(command);

	for (size_t i = 0; i < len && i < SHOWN_BYTES; i++)
		fputc((unsigned char)command[i] < ' ' ? ' ' : command[i], out);
	fputs(len > SHOWN_BYTES ? "..." : "", out);
}

static void put_list(FILE *out, const struct tool_process_answer *answer)
{
	if (answer->n == 0)
		fputs("No running or recent sessions.", out);
	for (size_t i = 0; i < answer->n; i++) {
		const struct tool_process_info *info = &answer->infos[i];

		fprintf(out, "%s%s %-9s ", i ? "\n" : "", info->id,
			status_of(info));
		put_duration(out, runtime_ms(info));
		fputs(" :: ", out);
		put_command(out, info->command);
	}
}

/* What is there already is more than one answer holds. */
static bool is_cut(const struct tool_process_answer *answer)
{
	return answer->len >= EXEC_OUTPUT_BYTES;
}

static void put_output(FILE *out, const struct tool_process_info *info,
		       const struct tool_process_answer *answer, bool poll)
{
	char line[128];

	if (poll && answer->dropped_bytes)
		fprintf(out, "(%" PRIu64 " bytes of output are gone)\n",
			answer->dropped_bytes);
	if (!poll && info->dropped_bytes)
		fprintf(out,
			"(the oldest %" PRIu64 " of %" PRIu64
			" bytes of output are gone)\n",
			info->dropped_bytes, info->output_bytes);
	(void)fwrite(answer->text, 1, answer->len, out);
	if (answer->len == 0)
		fputs(poll ? "(no new output)" : "(no output)", out);
	if (is_cut(answer))
		fprintf(out, "\n(these are %zu bytes; %s for what follows)",
			answer->len, poll ? "poll again" : "add to offset");
	if (!poll)
		return;
	if (answer->len && !is_cut(answer) &&
	    answer->text[answer->len - 1] == '\n')
		fputs("\n", out);
	else
		fputs("\n\n", out);
	if (!info->over) {
		fputs("Process still running.", out);
		return;
	}
	if (info->timed_out)
		(void)snprintf(line, sizeof(line), "timed out");
	else
		(void)snprintf(line, sizeof(line), "exited with code %u",
			       info->status);
	fprintf(out, "Process %s%s.", line,
		info->killed && !info->timed_out ? " (killed)" : "");
}

static void put_done(FILE *out, const struct tool_call *call)
{
	const struct process *process = call->state;
	const char *id = tool_arg_string(call, "sessionId", "");
	const char *name = process->name;

	if (strcmp(name, "write") == 0)
		fprintf(out, "Wrote %zu bytes to session %s%s.",
			process->written, id,
			tool_arg_bool(call, "eof", false) ? " (stdin closed)" :
							    "");
	else if (strcmp(name, "send-keys") == 0)
		fprintf(out, "Sent %zu bytes to session %s.", process->written,
			id);
	else if (strcmp(name, "submit") == 0)
		fprintf(out, "Submitted session %s (sent Enter).", id);
	else if (strcmp(name, "paste") == 0)
		fprintf(out, "Pasted %zu bytes to session %s.",
			process->written, id);
	else
		fprintf(out, "%s session %s.",
			strcmp(name, "kill") == 0  ? "Killed" :
			strcmp(name, "clear") == 0 ? "Cleared" :
						     "Removed",
			id);
}

static char *compose(const struct tool_call *call,
		     const struct tool_process_answer *answer, size_t *len)
{
	const struct process *process = call->state;
	const bool poll = process->action == TOOL_PROCESS_POLL;
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (!out)
		return NULL;
	if (process->action == TOOL_PROCESS_LIST)
		put_list(out, answer);
	else if ((poll || process->action == TOOL_PROCESS_LOG) && answer->n > 0)
		put_output(out, &answer->infos[0], answer, poll);
	else
		put_done(out, call);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static json_t *all(const struct tool_process_answer *answer)
{
	json_t *list = json_array();

	for (size_t i = 0; i < answer->n; i++)
		(void)json_array_append_new(list, describe(&answer->infos[i]));
	return json_pack("{s:o}", "sessions", list);
}

static json_t *one(const struct process *process,
		   const struct tool_process_answer *answer)
{
	json_t *json = answer->n > 0 ? describe(&answer->infos[0]) :
				       json_object();
	auto_free char *text = NULL;
	size_t len = 0;

	if (process->action == TOOL_PROCESS_LOG)
		(void)json_object_set_new(
			json, "totalLines",
			json_integer((json_int_t)answer->lines));
	if (!answer->text)
		return json;
	text = tool_utf8(answer->text, answer->len, &len);
	(void)json_object_set_new(json, "output",
				  json_stringn(text ? text : "", len));
	(void)json_object_set_new(json, "more", json_boolean(is_cut(answer)));
	if (process->action == TOOL_PROCESS_POLL)
		(void)json_object_set_new(
			json, "missedBytes",
			json_integer((json_int_t)answer->dropped_bytes));
	return json;
}

static void fail(struct tool_call *call, const struct err *err)
{
	const struct process *process = call->state;
	const char *id = tool_arg_string(call, "sessionId", "");

	if (err->sys == ESRCH)
		tool_fail(call, "not_found", "No session found for %s", id);
	else
		tool_fail(call,
			  err->code == ERR_BAD_STATE ? "bad_state" :
			  err->code == ERR_LIMIT     ? "limit" :
						       "failed",
			  "process: %s: session %s: %s", process->name, id,
			  err->text);
}

/**
 * process_on_answer() - the end of a call
 */
void process_on_answer(struct tool_call *call,
		       const struct tool_process_answer *answer)
{
	const struct process *process = call->state;
	auto_free char *text = NULL;
	size_t len = 0;
	json_t *json;

	if (answer->fail.code != ERR_NONE) {
		fail(call, &answer->fail);
		return;
	}
	text = compose(call, answer, &len);
	json = process->action == TOOL_PROCESS_LIST ? all(answer) :
						      one(process, answer);
	if (!text || !json) {
		json_decref(json);
		tool_fail(call, "internal", "process: no memory");
		return;
	}
	tool_done(call, json, text, len);
}
