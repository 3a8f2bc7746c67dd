// SPDX-License-Identifier: Apache-2.0
/*
 * write: a whole file.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/file.h"
#include "controller/tools/setting.h"
#include "controller/tools/tools.h"
#include "proto/cleanup.h"

static const struct tool_param params[] = {
	{ "path", TOOL_KIND_STRING, .required = true, .alias = "file_path",
	  .help = "The file, relative to the workspace or absolute below it; "
		  "missing folders are made." },
	{ "content", TOOL_KIND_STRING, .required = true, .nul = true,
	  .help = "All that the file shall hold." },
	{ .name = NULL },
};

static void written(struct tool_call *call, const struct tool_commit *commit)
{
	const char *path = tool_arg_string(call, "path", "");
	const size_t len = tool_arg_length(call, "content");
	auto_free char *text = NULL;

	if (commit->sys) {
		tool_fail_file(call, path, commit->sys);
		return;
	}
	if (asprintf(&text, "Successfully wrote %zu bytes to %s", len, path) <
	    0)
		text = NULL;
	tool_done(call,
		  json_pack("{s:s, s:I}", "path", path, "bytesWritten",
			    (json_int_t)len),
		  text, text ? strlen(text) : 0);
}

/**
 * tool_write_fits() - is it no more than a call may write?
 * @name: of the argument
 *
 * Ends the call where it is not.
 */
bool tool_write_fits(struct tool_call *call, const char *name)
{
	const char *key = "tools.file_storage.max_write_bytes";
	const size_t len = tool_arg_length(call, name);
	uint64_t max;

	if (!tool_has_storage(call->env))
		return true;
	max = tool_setting_bytes(call->env->session->cfg, key);
	if (len <= max)
		return true;
	tool_fail(call, "too_large",
		  "%s: %s: expected at most %" PRIu64 " bytes (%s), got %zu",
		  call->tool->name, name, max, key, len);
	return false;
}

static void start(struct tool_call *call)
{
	struct tool_change change = {
		.kind = TOOL_CHANGE_PUT,
		.expect = TOOL_EXPECT_ANY,
		.bytes = tool_arg_string(call, "content", ""),
		.len = tool_arg_length(call, "content"),
		.mode = 0644,
		.parents = true,
	};
	struct err err = ERR_INIT;
	char *rel = NULL;

	if (!tool_write_fits(call, "content"))
		return;
	if (tool_file_path(call, TOOL_AREA_FILES,
			   tool_arg_string(call, "path", ""), &rel, &err) < 0) {
		tool_fail_path(call, &err);
		return;
	}
	call->state = rel;
	change.path = rel;
	call->backend->commit(call, &change, 1, written);
}

const struct tool tool_write_file = {
	.name = "write",
	.title = "Write a file",
	.help = "Writes a whole file of the workspace: a new one, or in place "
		"of an old one, whose mode it keeps. All of it is written, or "
		"nothing is changed.",
	.flags = TOOL_DESTRUCTIVE | TOOL_IDEMPOTENT | TOOL_WRITES,
	.params = params,
	.start = start,
	.free_state = free,
};
