// SPDX-License-Identifier: Apache-2.0
/*
 * Running Python: a fresh folder, the command, and the folder's end.
 */
#include <config.h>

#include "controller/tools/python.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config/tree.h"
#include "controller/tools/setting.h"
#include "controller/tools/tools.h"

#define FOLDER "/tmp/creel-python-"
#define TOKEN_BYTES 8
#define CLEAN_MS 10000
#define CLEAN_OUTPUT 4096
#define ERROR_BYTES 1024

/**
 * python_of() - the run of a call
 */
struct python_run *python_of(struct tool_call *call)
{
	return &((struct python_state *)call->state)->run;
}

/**
 * python_folder() - where a call runs its code
 */
void python_folder(const uint8_t *token, char folder[PYTHON_FOLDER_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	char *to = stpcpy(folder, FOLDER);

	for (size_t i = 0; i < TOKEN_BYTES; i++) {
		*to++ = digits[token[i] >> 4];
		*to++ = digits[token[i] & 15];
	}
	*to = '\0';
}

/**
 * python_has_folder() - does a tool run code in a folder of its own?
 */
bool python_has_folder(const char *tool)
{
	return strcmp(tool, tool_python_execute.name) == 0 ||
	       strcmp(tool, tool_python_environment_info.name) == 0;
}

static const char *name_folder(struct tool_call *call, struct cfg_tree *mem)
{
	char folder[PYTHON_FOLDER_BYTES];

	python_folder(call->token, folder);
	return cfg_tree_strndup(mem, folder, strlen(folder));
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

/*
 * Arguments are there for all users of the host to see: the code comes through
 * stdin, before what the code itself is to read there.  What it sees of itself
 * is as if it had been the argument of -c: its names, sys.argv, tracebacks.
 */
#define BY_STDIN \
	"def _(size):\n" \
	"    import os, sys\n" \
	"    code = b''\n" \
	"    while len(code) < size:\n" \
	"        part = os.read(0, size - len(code))\n" \
	"        if not part:\n" \
	"            sys.exit('creel: the code did not come')\n" \
	"        code += part\n" \
	"    code = code.decode()\n" \
	"    own = sys._getframe().f_code, sys._getframe(1).f_code\n" \
	"    def hook(kind, error, trace):\n" \
	"        while trace and trace.tb_frame.f_code in own:\n" \
	"            trace = trace.tb_next\n" \
	"        error.__traceback__ = trace\n" \
	"        sys.__excepthook__(kind, error, trace)\n" \
	"    sys.excepthook = hook\n" \
	"    if sys.version_info >= (3, 13):\n" \
	"        import linecache\n" \
	"        linecache.cache['<string>'] = (\n" \
	"            len(code), None, code.splitlines(True), '<string>')\n" \
	"    return compile(code, '<string>', 'exec', dont_inherit=True)\n" \
	"exec(globals().pop('_')(%zu))\n"

/* [PREFIX...] PYTHON -u -B -I -c BY_STDIN [ARG...] */
static int set_argv(struct python_run *run, const struct python_code *code)
{
	char text[sizeof(BY_STDIN) + 24];
	const char *const own[] = { run->python, "-u", "-B", "-I", "-c" };
	const size_t n_own = sizeof(own) / sizeof(own[0]);
	size_t n = run->n_prefix, n_args = count(code->args);
	const char **argv = cfg_tree_alloc(
		run->mem, (n + n_own + n_args + 2) * sizeof(*argv));
	int len = snprintf(text, sizeof(text), BY_STDIN, strlen(code->code));
	char *copy = cfg_tree_strndup(run->mem, text, (size_t)len);

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

static int set_input(struct python_run *run, const struct python_code *code)
{
	const size_t len = strlen(code->code);
	const size_t more = code->input ? code->input_len : 0;
	char *bytes = cfg_tree_alloc(run->mem, len + more + 1);

	if (!bytes)
		return -1;
	memcpy(bytes, code->code, len);
	if (more > 0)
		memcpy(bytes + len, code->input, more);
	run->command.input = bytes;
	run->command.input_len = len + more;
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
	command->split = true;
	command->oldest = true;
	command->max_output = code->max_output;
	command->yield_ms = -1;
	command->shown = "python";
}

static void on_run(struct tool_call *call, const struct tool_outcome *outcome)
{
	struct python_run *run = python_of(call);

	/* Of a jail that it joined something may be left. */
	if (run->jailed &&
	    (outcome->fail.code == ERR_NONE || run->jail.join))
		run->made = true;
	run->done(call, outcome);
}

static void tell_error(struct tool_call *call)
{
	const struct python_run *run = python_of(call);

	tool_fail(call, run->error_code, "%s", run->error_text);
}

/**
 * python_run_fail() - end a call with an error
 *
 * Its folder, where it has one, is removed before.
 */
void python_run_fail(struct tool_call *call, const char *code,
		     const char *fmt, ...)
{
	struct python_run *run = python_of(call);
	char text[ERROR_BYTES];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	run->error_code = code;
	run->error_text = cfg_tree_strndup(run->mem, text, strlen(text));
	if (!run->error_text)
		run->error_text = "no memory";
	python_run_clean(call, tell_error);
}

static void on_made(struct tool_call *call, const struct tool_commit *commit)
{
	struct python_run *run = python_of(call);

	free(call->root);
	call->root = NULL;
	call->confined = false;
	run->made = commit->sys == 0;
	if (call->cancelled)
		python_run_fail(call, "cancelled", "cancelled");
	else if (commit->sys && run->shared)
		tool_fail(call, "artifact_export_unreachable",
			  PYTHON_KEY "artifacts_jail_shared_dir: %s: %s",
			  run->folder, err_sys_text(commit->sys));
	else if (commit->sys)
		tool_fail(call, "sandbox_unavailable", "%s: %s", run->folder,
			  err_sys_text(commit->sys));
	else
		call->backend->run(call, &run->command, on_run);
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
		.brief = true,
	};

	run->done = done;
	set_command(run, code);
	if (set_argv(run, code) < 0 || set_input(run, code) < 0) {
		tool_fail(call, "internal", "no memory");
		return;
	}
	/* Its jail makes the folder: nothing is there before. */
	run->made = call->again && !run->jailed;
	if (run->jailed || run->made)
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
		python_run_fail(call, "interpreter_not_found",
			  PYTHON_KEY "jail.command_prefix: %s or %s cannot be run %s: %s",
			  run->prefix[0], run->python, where,
			  outcome->fail.text);
	else if (run->key)
		python_run_fail(call, "interpreter_not_found",
			  "%s: %s cannot be run %s%s: %s", run->key,
			  run->python, where,
			  run->jailed ? ", which sees what " PYTHON_KEY
					"jail.command_prefix shows it" :
					"",
			  outcome->fail.text);
	else
		python_run_fail(call, "interpreter_not_found",
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
		python_run_fail(call, "cancelled", "cancelled");
	else if (key && strncmp(text, key, strlen(key)) == 0)
		python_run_fail(call, "artifact_export_unreachable", "%s", text);
	else if (strncmp(text, PYTHON_KEY, strlen(PYTHON_KEY)) == 0)
		python_run_fail(call, "sandbox_mode_unavailable", "%s%s%s", text,
			  outcome->hint[0] ? "; " : "", outcome->hint);
	else if (is_missing(outcome))
		not_found(call, run, outcome);
	else
		python_run_fail(call, "sandbox_unavailable", "%s%s%s", text,
			  outcome->hint[0] ? "; " : "", outcome->hint);
}

/* An image need not have a shell, but Python it has. */
#define BY_PYTHON \
	"import os, shutil, sys\n" \
	"top = sys.argv[1]\n" \
	"os.chmod(top, 448)\n" \
	"for at, names, _ in os.walk(top):\n" \
	"    for name in names:\n" \
	"        path = os.path.join(at, name)\n" \
	"        os.path.islink(path) or os.chmod(path, 448)\n" \
	"shutil.rmtree(top)\n"

static void clean(struct tool_call *call);

static void on_clean(struct tool_call *call,
		     const struct tool_outcome *outcome)
{
	struct python_state *state = call->state;

	if (state->run.cleanings < 2 &&
	    (outcome->fail.code != ERR_NONE || outcome->status != 0)) {
		clean(call);
		return;
	}
	state->cleaned(call);
}

static void clean(struct tool_call *call)
{
	struct python_run *run = python_of(call);
	static const char *const path[] = {
		"PATH=/usr/local/bin:/usr/bin:/bin", NULL,
	};
	const char *const by_shell[] = {
		"sh", "-c", PYTHON_CLEAN, "sh", run->folder, NULL,
	};
	const char *const by_python[] = {
		run->python, "-B", "-I", "-c", BY_PYTHON, run->folder, NULL,
	};
	const struct tool_command what = {
		.argv = run->cleanings ? by_python : by_shell,
		.env = path,
		.only_env = true,
		.workdir = "/",
		.timeout_ms = CLEAN_MS,
		.input = "",
		.max_output = CLEAN_OUTPUT,
		.yield_ms = -1,
		.shown = "rm",
	};

	run->cleanings++;
	call->backend->run(call, &what, on_clean);
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

	if (!run->made ||
	    (run->jailed && !run->shared && !run->jail.join)) {
		done(call);
		return;
	}
	run->made = false;
	state->cleaned = done;
	call->in_jail = run->jailed;
	free(call->root);
	call->root = NULL;
	call->confined = false;
	clean(call);
}
