// SPDX-License-Identifier: Apache-2.0
/*
 * What a command has printed, as python_execute and bash tell it.
 */
#include <config.h>

#include "controller/tools/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"

static size_t least(uint64_t a, uint64_t b)
{
	return (size_t)(a < b ? a : b);
}

/**
 * tool_output_take() - cut, and as UTF-8
 * @output: zeroed; tool_output_fini() in any case
 */
int tool_output_take(struct tool_output *output,
		     const struct tool_outcome *outcome, uint64_t max)
{
	size_t out = least(outcome->out_len, max);
	size_t err = least(outcome->err_len, max - out);

	output->truncated = outcome->out_total > out ||
			    outcome->err_total > err ||
			    outcome->out_len > out || outcome->err_len > err;
	output->out = tool_utf8(outcome->out ? outcome->out : "", out,
				&output->out_len);
	output->err = tool_utf8(outcome->err ? outcome->err : "", err,
				&output->err_len);
	return output->out && output->err ? 0 : -1;
}

/**
 * tool_output_fini() - release; idempotent
 */
void tool_output_fini(struct tool_output *output)
{
	ptr_free(&output->out);
	ptr_free(&output->err);
}

/* "timed out after 8 s", "memory limit 64 MiB", "exit code 3"; "" for success. */
static void describe(const struct tool_outcome *outcome, char *text,
		     size_t size)
{
	if (outcome->why[0])
		(void)snprintf(text, size, "(%s)", outcome->why);
	else if (outcome->timed_out)
		(void)snprintf(text, size, "(timed out after %.1f s)",
			       (double)outcome->wall_usec / 1e6);
	else if (outcome->oom)
		(void)snprintf(text, size, "(out of memory)");
	else if (outcome->status)
		(void)snprintf(text, size, "(exit code %u)", outcome->status);
	else
		text[0] = '\0';
}

/* On a line of its own. */
static void append(FILE *file, const char *bytes, size_t len, bool *open)
{
	if (len == 0)
		return;
	if (*open)
		(void)fputc('\n', file);
	(void)fwrite(bytes, 1, len, file);
	*open = bytes[len - 1] != '\n';
}

/**
 * tool_output_text() - for a model
 */
char *tool_output_text(const struct tool_output *output,
		       const struct tool_outcome *outcome, size_t *len)
{
	char ending[sizeof(outcome->why) + 40];
	char *text = NULL;
	bool open = false;
	FILE *file = open_memstream(&text, len);

	if (!file)
		return NULL;
	describe(outcome, ending, sizeof(ending));
	append(file, output->out, output->out_len, &open);
	if (output->err_len > 0)
		append(file, "[stderr]\n", 9, &open);
	append(file, output->err, output->err_len, &open);
	if (output->truncated)
		append(file, "(the output was truncated)", 26, &open);
	append(file, ending, strlen(ending), &open);
	if (fclose(file) == 0)
		return text;
	free(text);
	return NULL;
}

/**
 * tool_output_json() - what both tools tell of a command
 */
json_t *tool_output_json(const struct tool_output *output,
			 const struct tool_outcome *outcome)
{
	return json_pack("{s:b, s:I, s:s%, s:s%, s:b, s:b, s:I}", "ok",
			 outcome->status == 0 && !outcome->timed_out,
			 "exit_code", (json_int_t)outcome->status, "stdout",
			 output->out, output->out_len, "stderr", output->err,
			 output->err_len, "timed_out", outcome->timed_out,
			 "truncated", output->truncated, "duration_ms",
			 (json_int_t)(outcome->wall_usec / 1000));
}

/**
 * tool_output_account() - what it used, and how it ended
 */
void tool_output_account(struct tool_call *call,
			 const struct tool_outcome *outcome)
{
	struct tool_result *result = tool_result_of(call);

	result->status = outcome->status;
	result->has_memory = outcome->has_memory;
	result->has_cpu = outcome->has_cpu;
	result->memory_peak = outcome->memory_peak;
	result->cpu_usec = outcome->cpu_usec;
	(void)snprintf(result->reason, sizeof(result->reason), "%s",
		       outcome->why);
}
