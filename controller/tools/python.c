// SPDX-License-Identifier: Apache-2.0
/*
 * python_execute.
 */
#include <config.h>

#include "controller/tools/python.h"

#include <stdlib.h>
#include <string.h>

#include "controller/tools/output.h"
#include "controller/tools/setting.h"
#include "controller/tools/tools.h"
#include "proto/cleanup.h"

struct execute {
	struct python_state python; /* first: see python_of() */
	struct artifact_options options;
	struct tool_output output;
	json_t *structured; /* owned */
	char *text;         /* owned: for the model */
	size_t text_len;
};

static const struct tool_param params[] = {
	{ "code", TOOL_KIND_STRING, .required = true, .min = 1,
	  .max = TOOL_ARGS_MAX_BYTES,
	  .help = "Python source code to run, as a program of its own." },
	{ "stdin", TOOL_KIND_STRING, .nul = true,
	  .help = "What the program reads from its standard input." },
	{ "timeout_seconds", TOOL_KIND_INTEGER, .min = 1, .max = 86400,
	  .help = "How long it may run; more than the configuration allows "
		  "counts as that." },
	{ "save_artifacts", TOOL_KIND_BOOLEAN,
	  .help = "Whether files that it makes in its working directory are "
		  "kept in the file storage." },
	{ "artifact_globs", TOOL_KIND_STRINGS,
	  .help = "Which of them, as patterns such as *.png or plots/**; "
		  "without: the usual kinds of pictures, tables and texts." },
	{ "artifact_subdir", TOOL_KIND_STRING,
	  .help = "The folder of the file storage that they go to." },
	{ "max_artifacts", TOOL_KIND_INTEGER,
	  .help = "How many at most." },
	{ .name = NULL },
};

static struct execute *of(struct tool_call *call)
{
	return call->state;
}

static void free_state(void *arg)
{
	struct execute *execute = arg;

	artifacts_free(execute->python.holder.artifacts);
	python_run_fini(&execute->python.run);
	artifact_options_fini(&execute->options);
	tool_output_fini(&execute->output);
	json_decref(execute->structured);
	free(execute->text);
	free(execute);
}

/* A line for each; @more: a member that says why, too. */
static void add_names(FILE *out, const json_t *list, const char *verb,
		      const char *more)
{
	const json_t *item;
	size_t at;

	json_array_foreach(list, at, item) {
		const char *name = json_string_value(
			json_object_get(item, more ? "name" : "path"));
		const char *why = more ? json_string_value(json_object_get(
						 item, more)) :
					 NULL;

		fprintf(out, "%s%s %s%s%s", ftell(out) > 0 ? "\n" : "", verb,
			name ? name : "", why ? ": " : "", why ? why : "");
	}
}

/* What became of its files, in words; owned. */
static char *say_names(const json_t *saved, const json_t *skipped, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (!out)
		return NULL;
	add_names(out, saved, "saved", NULL);
	add_names(out, skipped, "not saved", "reason");
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void finish(struct tool_call *call)
{
	struct execute *execute = of(call);
	const struct artifacts *artifacts = execute->python.holder.artifacts;
	auto_free char *names = NULL;
	auto_free char *text = NULL;
	json_t *structured = execute->structured;
	json_t *saved = artifacts_saved(artifacts);
	json_t *skipped = artifacts_skipped(artifacts);
	size_t len = 0, whole;
	bool open; /* its last line has no end */

	if (call->cancelled) {
		json_decref(saved);
		json_decref(skipped);
		tool_fail(call, "cancelled", "cancelled");
		return;
	}
	names = say_names(saved, skipped, &len);
	open = execute->text_len > 0 &&
	       execute->text[execute->text_len - 1] != '\n';
	whole = execute->text_len + open + len;
	text = malloc(whole + 1);
	if (json_object_set_new(structured, "artifacts_saved", saved) < 0 ||
	    json_object_set_new(structured, "artifacts_skipped", skipped) <
		    0 ||
	    !text || !names) {
		tool_fail(call, "internal", "no memory");
		return;
	}
	memcpy(text, execute->text, execute->text_len);
	if (len == 0) {
		whole = execute->text_len;
	} else {
		text[execute->text_len] = '\n';
		memcpy(text + execute->text_len + open, names, len);
	}
	execute->structured = NULL;
	tool_done(call, structured, text, whole);
}

static void on_kept(struct tool_call *call)
{
	python_run_clean(call, finish);
}

static int take(struct tool_call *call, const struct tool_outcome *outcome)
{
	const struct cfg *cfg = call->env->session->cfg;
	const struct python_run *run = python_of(call);
	struct execute *execute = of(call);

	if (tool_output_take(&execute->output, outcome,
			     tool_setting_bytes(cfg, PYTHON_KEY
						"max_output_bytes")) < 0)
		return -1;
	execute->structured = tool_output_json(&execute->output, outcome);
	execute->text = tool_output_text(&execute->output, outcome,
					 &execute->text_len);
	if (!execute->structured || !execute->text ||
	    json_object_set_new(execute->structured, "sandbox_mode",
				json_string(run->mode_name)) < 0 ||
	    json_object_set_new(execute->structured, "python_executable",
				json_string(run->python)) < 0)
		return -1;
	tool_output_account(call, outcome);
	return 0;
}

static void on_run(struct tool_call *call, const struct tool_outcome *outcome)
{
	struct execute *execute = of(call);
	struct python_run *run = python_of(call);

	if (outcome->fail.code != ERR_NONE || call->cancelled ||
	    outcome->cancelled) {
		python_run_failed(call, outcome);
		return;
	}
	if (take(call, outcome) < 0) {
		python_run_fail(call, "internal", "no memory");
		return;
	}
	execute->options.jailed = run->jailed;
	if (!execute->options.wanted) {
		on_kept(call);
		return;
	}
	if (artifacts_start(call, run->folder, &execute->options, on_kept) < 0)
		python_run_fail(call, "internal", "no memory");
}

/**
 * tool_timeout_ms() - how long a command may run: what is asked for, at most
 *                     what the configuration allows
 */
uint64_t tool_timeout_ms(const struct tool_call *call, const char *usual_key,
			 const char *most_key)
{
	const struct cfg *cfg = call->env->session->cfg;
	double most = tool_setting_number(cfg, most_key);
	double asked = tool_arg_number(call, "timeout_seconds",
				       tool_setting_number(cfg, usual_key));

	return (uint64_t)((asked < most ? asked : most) * 1000);
}

static bool check_code(struct tool_call *call)
{
	const char *code = tool_arg_string(call, "code", "");
	const uint64_t most = tool_setting_bytes(call->env->session->cfg,
						 PYTHON_KEY "max_code_bytes");

	if (code[strspn(code, " \t\r\n\f\v")] == '\0') {
		tool_fail(call, "invalid_argument",
			  "python_execute: code: expected a program, got nothing");
		return false;
	}
	if (strlen(code) <= most)
		return true;
	tool_fail(call, "code_too_large",
		  "python_execute: code: expected at most %llu bytes (" PYTHON_KEY
		  "max_code_bytes), got %zu",
		  (unsigned long long)most, strlen(code));
	return false;
}

static void start(struct tool_call *call)
{
	const struct cfg *cfg = call->env->session->cfg;
	struct execute *execute = calloc(1, sizeof(*execute));
	struct python_code code = {
		.code = tool_arg_string(call, "code", ""),
		.input = tool_arg_string(call, "stdin", NULL),
		.input_len = tool_arg_length(call, "stdin"),
		.timeout_ms = tool_timeout_ms(
			call, PYTHON_KEY "default_timeout_seconds",
			PYTHON_KEY "max_timeout_seconds"),
		.max_output = tool_setting_bytes(cfg, PYTHON_KEY
						 "max_output_bytes"),
	};

	if (!execute) {
		tool_fail(call, "internal", "no memory");
		return;
	}
	call->state = execute;
	if (check_code(call) &&
	    artifact_options_read(call, &execute->options) == 0 &&
	    python_run_init(call, &execute->python.run,
			    execute->options.wanted) == 0)
		python_run_start(call, &code, on_run);
}

const struct tool tool_python_execute = {
	.name = "python_execute",
	.title = "Run Python",
	.help = "Runs a Python program in a fresh, empty working directory and "
		"returns what it printed. Nothing is kept between calls but "
		"the files that save_artifacts asks for.",
	.flags = TOOL_DESTRUCTIVE | TOOL_OPEN_WORLD | TOOL_MINIBOT,
	.params = params,
	.offered = python_offered,
	.jailed = python_jailed,
	.start = start,
	.free_state = free_state,
};
