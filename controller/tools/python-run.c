// SPDX-License-Identifier: Apache-2.0
/*
 * Running Python: a fresh folder, the command, and the folder's end.
 */
#include <config.h>

#include "controller/tools/python.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config/tree.h"
#include "controller/tools/setting.h"

#define FOLDER "/tmp/creel-python-"
#define CLEAN_MS 10000
#define CLEAN_OUTPUT 4096

/**
 * python_of() - the run of a call
 */
struct python_run *python_of(struct tool_call *call)
{
	return &((struct python_state *)call->state)->run;
}

/* Nobody can guess it: half of the call's token is in it. */
static const char *name_folder(struct tool_call *call, struct cfg_tree *mem)
{
	static const char digits[] = "0123456789abcdef";
	char name[sizeof(FOLDER) + sizeof(call->token)] = FOLDER;
	size_t at = sizeof(FOLDER) - 1;

	for (size_t i = 0; i < sizeof(call->token) / 2; i++) {
		name[at++] = digits[call->token[i] >> 4];
		name[at++] = digits[call->token[i] & 15];
	}
	return cfg_tree_strndup(mem, name, at);
}

/**
 * python_run_init() - how the configuration wants Python to be run
 * @shared: the host must see the folder of a jail
 */
int python_run_init(struct tool_call *call, struct python_run *run,
		    bool shared)
{
	run->mode = python_mode(call->env->session->cfg, &run->mode_name);
	run->mem = cfg_tree_new();
	if (run->mem)
		run->folder = name_folder(call, run->mem);
	if (!run->folder) {
		tool_fail(call, "internal", "no memory");
		return -1;
	}
	if (python_isolate(call, run, shared) < 0)
		return -1;
	return python_env(call, run);
}

/**
 * python_run_fini() - release; idempotent
 */
void python_run_fini(struct python_run *run)
{
	jail_fini(&run->jail);
	cfg_tree_free(run->mem);
	run->mem = NULL;
}

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* [PREFIX...] PYTHON -u -B -I -c CODE [ARG...] */
static int set_argv(struct python_run *run, const struct python_code *code)
{
	const char *const own[] = { run->python, "-u", "-B", "-I", "-c" };
	const size_t n_own = sizeof(own) / sizeof(own[0]);
	size_t n = run->n_prefix, n_args = count(code->args);
	const char **argv = cfg_tree_alloc(
		run->mem, (n + n_own + n_args + 2) * sizeof(*argv));
	char *copy = cfg_tree_strndup(run->mem, code->code,
				      strlen(code->code));

	if (!argv || !copy)
		return -1;
	if (n > 0)
		memcpy(argv, run->prefix, n * sizeof(*argv));
	memcpy(argv + n, own, sizeof(own));
	n += n_own;
	argv[n++] = copy;
	for (size_t i = 0; i < n_args; i++)
		argv[n++] = code->args[i];
	argv[n] = NULL;
	run->command.argv = argv;
	return 0;
}

static void set_command(struct python_run *run, const struct python_code *code)
{
	struct tool_command *command = &run->command;
	uint64_t jail_ms = run->jailed ? run->jail.timeout_ms : 0;

	command->workdir = run->folder;
	command->timeout_ms = jail_ms && jail_ms < code->timeout_ms ?
				      jail_ms :
				      code->timeout_ms;
	command->input = code->input ? code->input : "";
	command->input_len = code->input ? code->input_len : 0;
	command->split = true;
	command->oldest = true;
	command->max_output = code->max_output;
	command->yield_ms = -1;
	command->shown = "python";
}

static void on_run(struct tool_call *call, const struct tool_outcome *outcome)
{
	struct python_run *run = python_of(call);

	if (run->jailed && outcome->fail.code == ERR_NONE)
		run->made = true;
	run->done(call, outcome);
}

static void on_made(struct tool_call *call, const struct tool_commit *commit)
{
	struct python_run *run = python_of(call);

	free(call->root);
	call->root = NULL;
	call->confined = false;
	if (call->cancelled) {
		tool_fail(call, "cancelled", "cancelled");
	} else if (commit->sys && run->shared) {
		tool_fail(call, "artifact_export_unreachable",
			  PYTHON_KEY "artifacts_jail_shared_dir: %s: %s",
			  run->folder, err_sys_text(commit->sys));
	} else if (commit->sys) {
		tool_fail(call, "sandbox_unavailable", "%s: %s", run->folder,
			  err_sys_text(commit->sys));
	} else {
		run->made = true;
		call->backend->run(call, &run->command, on_run);
	}
}

/**
 * python_run_start() - make the folder, run the code
 */
void python_run_start(struct tool_call *call, const struct python_code *code,
		      tool_outcome_fn *done)
{
	struct python_run *run = python_of(call);
	const struct tool_change change = {
		.kind = TOOL_CHANGE_MKDIR,
		.path = run->folder,
		.expect = TOOL_EXPECT_ABSENT,
		.mode = 0700,
	};

	run->done = done;
	set_command(run, code);
	if (set_argv(run, code) < 0) {
		tool_fail(call, "internal", "no memory");
		return;
	}
	/* Its jail makes the folder: nothing is there before. */
	if (run->jailed)
		call->backend->run(call, &run->command, on_run);
	else
		call->backend->commit(call, &change, 1, on_made);
}

static bool is_missing(const struct tool_outcome *outcome)
{
	int sys = outcome->fail.sys;

	return outcome->status == 127 || outcome->status == 126 ||
	       sys == ENOENT || sys == EACCES || sys == ENOTDIR ||
	       sys == ELOOP || sys == ENOEXEC;
}

static void not_found(struct tool_call *call, const struct python_run *run,
		      const struct tool_outcome *outcome)
{
	const char *where = run->jailed		     ? "in the jail" :
			    call->env->sandboxed ? "in the sandbox" :
						     "on the host";

	if (run->n_prefix > 0)
		tool_fail(call, "interpreter_not_found",
			  PYTHON_KEY "jail.command_prefix: %s or %s cannot be run %s: %s",
			  run->prefix[0], run->python, where,
			  outcome->fail.text);
	else if (run->key)
		tool_fail(call, "interpreter_not_found",
			  "%s: %s cannot be run %s%s: %s", run->key,
			  run->python, where,
			  run->jailed ? ", which sees what " PYTHON_KEY
					"jail.command_prefix shows it" :
					"",
			  outcome->fail.text);
	else
		tool_fail(call, "interpreter_not_found",
			  "there is no python3 %s: use an image that has it, or name one with " PYTHON_KEY
			  "python_path or " PYTHON_KEY "venv_path: %s",
			  where, outcome->fail.text);
}

/**
 * python_run_failed() - the command was not started
 */
void python_run_failed(struct tool_call *call,
		       const struct tool_outcome *outcome)
{
	const struct python_run *run = python_of(call);
	const char *key = run->jailed ? run->jail.folder_key : NULL;
	const char *text = outcome->fail.text;

	if (call->cancelled || outcome->cancelled)
		tool_fail(call, "cancelled", "cancelled");
	else if (key && strncmp(text, key, strlen(key)) == 0)
		tool_fail(call, "artifact_export_unreachable", "%s", text);
	else if (strncmp(text, PYTHON_KEY, strlen(PYTHON_KEY)) == 0)
		tool_fail(call, "sandbox_mode_unavailable", "%s%s%s", text,
			  outcome->hint[0] ? "; " : "", outcome->hint);
	else if (is_missing(outcome))
		not_found(call, run, outcome);
	else
		tool_fail(call, "sandbox_unavailable", "%s%s%s", text,
			  outcome->hint[0] ? "; " : "", outcome->hint);
}

static void on_clean(struct tool_call *call,
		     const struct tool_outcome *outcome)
{
	(void)outcome;
	((struct python_state *)call->state)->cleaned(call);
}

/**
 * python_run_clean() - remove the folder
 *
 * That of a jail goes with it, unless the host sees it.
 */
void python_run_clean(struct tool_call *call,
		      void (*done)(struct tool_call *call))
{
	struct python_state *state = call->state;
	struct python_run *run = &state->run;
	static const char *const path[] = {
		"PATH=/usr/local/bin:/usr/bin:/bin", NULL,
	};
	const char *argv[] = { "rm", "-rf", "--", run->folder, NULL };
	const struct tool_command what = {
		.argv = argv,
		.env = path,
		.only_env = true,
		.timeout_ms = CLEAN_MS,
		.input = "",
		.max_output = CLEAN_OUTPUT,
		.yield_ms = -1,
		.shown = "rm",
	};

	if (!run->made || call->cancelled || (run->jailed && !run->shared)) {
		done(call);
		return;
	}
	run->made = false;
	state->cleaned = done;
	call->in_jail = run->jailed;
	free(call->root);
	call->root = NULL;
	call->confined = false;
	call->backend->run(call, &what, on_clean);
}
