// SPDX-License-Identifier: Apache-2.0
/*
 * Which files are to be kept, and where: what a call asks for, within what the
 * configuration allows.
 */
#include <config.h>

#include "controller/tools/artifact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/glob.h"
#include "controller/tools/setting.h"
#include "proto/cleanup.h"

#define KEY "tools.python_exec.artifacts_"
#define SUBDIR_MAX_BYTES 1024
#define INVALID "invalid_artifact_options"

static const char *const all_kinds[] = { "*.png", "*.jpg", "*.jpeg", "*.pdf",
					 "*.csv", "*.txt", "*.json", "*.svg" };

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

static int read_globs(struct tool_call *call, struct artifact_options *options)
{
	const json_t *list = json_object_get(call->args, "artifact_globs");
	const size_t n_all = sizeof(all_kinds) / sizeof(all_kinds[0]);
	const json_t *item;
	size_t at;

	for (size_t i = 0; !list && i < n_all; i++)
		options->globs[options->n_globs++] = all_kinds[i];
	json_array_foreach(list, at, item) {
		const char *glob = json_string_value(item);

		if (is_blank(glob))
			continue;
		if (strlen(glob) != json_string_length(item) ||
		    strlen(glob) > TOOL_GLOB_MAX_BYTES ||
		    options->n_globs == ARTIFACT_MAX_GLOBS) {
			tool_fail(call, INVALID,
				  "artifact_globs: expected at most %d patterns of at most %d bytes without NUL",
				  ARTIFACT_MAX_GLOBS, TOOL_GLOB_MAX_BYTES);
			return -1;
		}
		options->globs[options->n_globs++] = glob;
	}
	if (options->n_globs > 0)
		return 0;
	tool_fail(call, INVALID,
		  "artifact_globs: expected at least one pattern, got none");
	return -1;
}

static int no_memory(struct tool_call *call)
{
	tool_fail(call, "internal", "no memory");
	return -1;
}

static int read_subdir(struct tool_call *call,
		       struct artifact_options *options)
{
	const char *text = tool_arg_string(call, "artifact_subdir", "");
	bool leaves;

	if (text[strspn(text, " \t/\\")] == '\0')
		text = tool_setting_text(call->env->session->cfg,
					 KEY "default_subdir");
	options->subdir = artifact_clean(text ? text : "generated", &leaves);
	if (!options->subdir && !leaves)
		return no_memory(call);
	if (options->subdir && strlen(options->subdir) <= SUBDIR_MAX_BYTES)
		return 0;
	tool_fail(call, INVALID,
		  "artifact_subdir: expected a folder below the file storage, got %.80s",
		  text);
	return -1;
}

static int read_max(struct tool_call *call, struct artifact_options *options)
{
	const double most = tool_setting_number(call->env->session->cfg,
						KEY "max_files");
	const double asked = tool_arg_number(call, "max_artifacts", most);

	if (asked < 1) {
		tool_fail(call, INVALID,
			  "max_artifacts: expected a whole number from 1 on, got %.0f",
			  asked);
		return -1;
	}
	options->max_files = (uint64_t)(asked < most ? asked : most);
	return 0;
}

/**
 * artifact_options_read() - what of a call's files is to be kept
 * @options: zeroed; artifact_options_fini() in any case
 *
 * Return: 0, or -1 where the call has ended.
 */
int artifact_options_read(struct tool_call *call,
			  struct artifact_options *options)
{
	const struct cfg *cfg = call->env->session->cfg;

	options->wanted = tool_arg_bool(call, "save_artifacts", false);
	if (read_globs(call, options) < 0 || read_subdir(call, options) < 0 ||
	    read_max(call, options) < 0)
		return -1;
	if (!options->wanted)
		return 0;
	if (!tool_setting_bool(cfg, KEY "enabled")) {
		tool_fail(call, "artifacts_disabled", KEY "enabled: it is false");
		return -1;
	}
	return artifact_storage_find(call, &options->storage);
}

/**
 * artifact_options_fini() - release; idempotent
 */
void artifact_options_fini(struct artifact_options *options)
{
	ptr_free(&options->subdir);
	artifact_storage_fini(&options->storage);
}
