// SPDX-License-Identifier: Apache-2.0
/*
 * exec: a shell command, waited for or left in the background.
 *
 * The command is one argument of `sh -lc' and never part of a text that is made
 * here.  A PATH that is asked for is put before the one that the login shell
 * has made, by a script that is always the same.
 */
#include <config.h>

#include "controller/tools/exec.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/backend.h"
#include "controller/tools/output.h"
#include "controller/tools/tools.h"
#include "proto/cleanup.h"

#define PATH_VARIABLE "CREEL_PATH_FIRST"
#define MAX_VARIABLES 4096

/* The command sees no argument of its own, and no variable that is left over. */
static const char path_script[] =
	"PATH=$" PATH_VARIABLE "${PATH:+:$PATH}; export PATH; "
	"unset " PATH_VARIABLE "; eval \"shift; $1\"";

static const char *const hosts[] = { "sandbox", "gateway", "node", NULL };

static const struct tool_param params[] = {
	{ "command", TOOL_KIND_STRING, .required = true, .min = 1,
	  .max = 128 * 1024 - 1,
	  .help = "The shell command to run, by sh -lc." },
	{ "workdir", TOOL_KIND_STRING, .min = 1, .max = 4096, .alias = "cwd",
	  .help = "Where it runs; relative to the workspace, which is the "
		  "default." },
	{ "env", TOOL_KIND_MAP,
	  .help = "Variables of its environment. A PATH is put before the one "
		  "that the login shell makes." },
	{ "yieldMs", TOOL_KIND_INTEGER, .min = 0, .max = EXEC_YIELD_MAX_MS,
	  .help = "Milliseconds to wait before it goes on in the background "
		  "(default 10000)." },
	{ "background", TOOL_KIND_BOOLEAN,
	  .help = "Run it in the background at once." },
	{ "timeout", TOOL_KIND_NUMBER, .min = 0.001,
	  .max = EXEC_TIMEOUT_MAX_SEC,
	  .help = "Seconds after which it is killed, with all that it started "
		  "(default 1800)." },
	{ "pty", TOOL_KIND_BOOLEAN,
	  .help = "Give it a terminal, for programs that need one." },
	{ "elevated", TOOL_KIND_BOOLEAN,
	  .help = "Run it on the host, outside of the sandbox, where that is "
		  "allowed." },
	{ "host", TOOL_KIND_STRING, .choices = hosts,
	  .help = "Where it runs: sandbox, or gateway for the host." },
	{ "security", TOOL_KIND_STRING,
	  .help = "Accepted, without effect: the configuration decides." },
	{ "ask", TOOL_KIND_STRING,
	  .help = "Accepted, without effect: the configuration decides." },
	{ "node", TOOL_KIND_STRING,
	  .help = "Accepted, without effect: there are no nodes." },
	{ .name = NULL },
};

struct exec {
	const char **env;   /* owned, and each; NULL-terminated */
	size_t n_env;
	char *workdir;      /* owned */
	uint64_t timeout_ms;
};

static void free_exec(void *state)
{
	struct exec *exec = state;

	for (size_t i = 0; i < exec->n_env; i++)
		free((char *)exec->env[i]);
	free(exec->env);
	free(exec->workdir);
	free(exec);
}

/* How it ended, as a line. */
static void say_how(const struct tool_outcome *outcome, uint64_t timeout_ms,
		    char *text, size_t size)
{
	const char *why = outcome->why;

	if (outcome->timed_out && timeout_ms > 0)
		(void)snprintf(text, size, "Command timed out after %g seconds",
			       (double)timeout_ms / 1000);
	else if (outcome->timed_out)
		(void)snprintf(text, size, "Command timed out");
	else
		(void)snprintf(text, size, "Command exited with code %u%s%s%s",
			       outcome->status, *why ? " (" : "", why,
			       *why ? ")" : "");
}

static json_t *describe(struct tool_call *call,
			const struct tool_outcome *outcome, const char *text,
			size_t len)
{
	const struct exec *exec = call->state;
	const char *status = outcome->running	 ? "running" :
			     outcome->timed_out	 ? "timeout" :
			     outcome->cancelled	 ? "killed" :
			     outcome->status > 0 ? "failed" :
						   "completed";
	json_t *json = json_pack("{s:s, s:s%, s:b, s:I, s:s}", "status", status,
				 "output", text, len, "truncated",
				 outcome->out_total > outcome->out_len,
				 "totalBytes", (json_int_t)outcome->out_total,
				 "cwd", exec->workdir);

	if (outcome->pid)
		(void)json_object_set_new(json, "pid",
					  json_integer(outcome->pid));
	if (outcome->running)
		(void)json_object_set_new(json, "sessionId",
					  json_string(outcome->id));
	else
		(void)json_object_set_new(json, "exitCode",
					  json_integer(outcome->status));
	if (outcome->oom)
		(void)json_object_set_new(json, "outOfMemory", json_true());
	return json;
}

/* Output, and a line on how it is with the command. */
static char *compose(const struct tool_outcome *outcome, const char *output,
		     size_t len, const char *line, size_t *out_len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, out_len);

	if (!out)
		return NULL;
	if (outcome->out_total > outcome->out_len)
		fprintf(out, "(the last %zu of %" PRIu64 " bytes of output)\n",
			outcome->out_len, outcome->out_total);
	(void)fwrite(output, 1, len, out);
	if (*line && len > 0)
		fputs(output[len - 1] == '\n' ? "\n" : "\n\n", out);
	fputs(*line	 ? line :
	      len == 0 ? "(no output)" :
			 "",
	      out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void make_line(const struct tool_call *call,
		      const struct tool_outcome *outcome, char *line,
		      size_t size)
{
	const struct exec *exec = call->state;

	line[0] = '\0';
	if (outcome->running)
		(void)snprintf(line, size,
			       "Command still running (session %s, pid %u). Use process (list/poll/log/write/kill/clear/remove) for follow-up.",
			       outcome->id, outcome->pid);
	else if (outcome->cancelled)
		(void)snprintf(line, size, "Command was cancelled");
	else if (outcome->status || outcome->timed_out)
		say_how(outcome, exec->timeout_ms, line, size);
}

static const char *error_code(const struct tool_outcome *outcome)
{
	if (outcome->cancelled)
		return "cancelled";
	if (outcome->timed_out)
		return "timeout";
	return outcome->oom ? "out_of_memory" : "exit_status";
}

static void set_error(struct tool_call *call, json_t *structured,
		      const struct tool_outcome *outcome, const char *line)
{
	struct tool_result *result = tool_result_of(call);

	result->error = true;
	(void)snprintf(result->reason, sizeof(result->reason), "%.150s", line);
	(void)json_object_set_new(structured, "error",
				  json_pack("{s:s, s:s}", "code",
					    error_code(outcome), "message",
					    line));
}

static void fail_to_start(struct tool_call *call,
			  const struct tool_outcome *outcome)
{
	static const char flag[] = "--workdir";
	const char *text = outcome->fail.text;
	const char *dashes = strncmp(text, flag, strlen(flag)) == 0 ? "--" : "";
	const char *code = outcome->fail.code == ERR_LIMIT ? "limit" :
			   outcome->fail.code == ERR_BAD_REQUEST ?
							     "invalid_argument" :
							     "failed";

	tool_result_of(call)->status = outcome->status ? outcome->status : 1;
	tool_fail(call, code, "exec: %s%s%s", text + strlen(dashes),
		  outcome->hint[0] ? "\nhint: " : "", outcome->hint);
}

static void on_outcome(struct tool_call *call,
		       const struct tool_outcome *outcome)
{
	auto_free char *output = NULL;
	auto_free char *text = NULL;
	char line[256];
	size_t len = 0, text_len = 0;
	json_t *structured;

	if (outcome->fail.code != ERR_NONE) {
		fail_to_start(call, outcome);
		return;
	}
	make_line(call, outcome, line, sizeof(line));
	output = tool_utf8(outcome->out, outcome->out_len, &len);
	if (output)
		text = compose(outcome, output, len, line, &text_len);
	structured = text ? describe(call, outcome, output, len) : NULL;
	if (!structured) {
		tool_fail(call, "internal", "exec: no memory");
		return;
	}
	tool_output_account(call, outcome);
	if (line[0] && !outcome->running)
		set_error(call, structured, outcome, line);
	tool_done(call, structured, text, text_len);
}

static bool add_variable(struct exec *exec, const char *name, const char *value)
{
	char *pair = NULL;

	if (asprintf(&pair, "%s=%s", name, value) < 0)
		return false;
	exec->env[exec->n_env++] = pair;
	exec->env[exec->n_env] = NULL;
	return true;
}

/* What comes before the PATH of the login shell; owned, "" nothing. */
static char *first_path(const struct tool_call *call,
			const struct exec_settings *settings)
{
	const char *asked = json_string_value(json_object_get(
		json_object_get(call->args, "env"), "PATH"));
	const struct cfg_node *at = settings->path_prepend ?
					    settings->path_prepend->first :
					    NULL;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fputs(asked ? asked : "", out);
	for (bool more = asked && *asked; at; at = at->next) {
		if (at->type != CFG_STRING || !*at->text)
			continue;
		fprintf(out, "%s%s", more ? ":" : "", at->text);
		more = true;
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static bool no_memory(struct tool_call *call)
{
	tool_fail(call, "internal", "exec: no memory");
	return false;
}

static bool check_name(struct tool_call *call, const char *name)
{
	if (*name && !strchr(name, '='))
		return true;
	tool_fail(call, "invalid_argument",
		  "exec: env: expected the name of a variable, got \"%.100s\"",
		  name);
	return false;
}

static bool set_env(struct tool_call *call, struct exec *exec, const char *path)
{
	json_t *map = json_object_get(call->args, "env");
	const char *name;
	json_t *value;

	if (json_object_size(map) > MAX_VARIABLES) {
		tool_fail(call, "invalid_argument",
			  "exec: env: expected at most %d variables, got %zu",
			  MAX_VARIABLES, json_object_size(map));
		return false;
	}
	exec->env = calloc(json_object_size(map) + 2, sizeof(*exec->env));
	if (!exec->env)
		return no_memory(call);
	json_object_foreach(map, name, value) {
		if (!check_name(call, name))
			return false;
		if (strcmp(name, "PATH") == 0 ||
		    strcmp(name, PATH_VARIABLE) == 0)
			continue;
		if (!add_variable(exec, name, json_string_value(value)))
			return no_memory(call);
	}
	return !*path || add_variable(exec, PATH_VARIABLE, path) ||
	       no_memory(call);
}

/* Inside, a folder may be anywhere: it is the sandbox's own. */
static bool set_workdir(struct tool_call *call, struct exec *exec)
{
	const char *asked = tool_arg_string(call, "workdir", "");
	const char *root = call->env->root;
	const bool absolute = *asked == '/';
	int n;

	if (strncmp(asked, "~", 1) == 0 && (asked[1] == '/' || !asked[1])) {
		tool_fail(call, "invalid_argument",
			  "exec: workdir: expected a path, got \"%.100s\"",
			  asked);
		return false;
	}
	n = asprintf(&exec->workdir, "%s%s%s", absolute ? "" : root,
		     absolute || !*asked || strcmp(root, "/") == 0 ? "" : "/",
		     asked);
	if (n >= 0)
		return true;
	exec->workdir = NULL;
	return no_memory(call);
}

static void run(struct tool_call *call, const struct exec_settings *settings,
		const char *path)
{
	struct exec *exec = call->state;
	const char *command = tool_arg_string(call, "command", "");
	const char *const plain[] = { "sh", "-lc", command, NULL };
	const char *const first[] = { "sh", "-lc", path_script,
				      "sh", command, NULL };
	const struct tool_command what = {
		.argv = *path ? first : plain,
		.env = exec->env,
		.workdir = exec->workdir,
		.timeout_ms = exec->timeout_ms,
		.pty = tool_arg_bool(call, "pty", false),
		.max_output = EXEC_OUTPUT_BYTES,
		.yield_ms = tool_arg_bool(call, "background", false) ?
				    0 :
				    (int64_t)tool_arg_number(
					    call, "yieldMs",
					    (double)settings->yield_ms),
		.keep_output = settings->keep_output,
		.cleanup_ms = settings->cleanup_ms,
		.shown = command,
	};

	call->backend->run(call, &what, on_outcome);
}

static void start(struct tool_call *call)
{
	struct exec *exec = calloc(1, sizeof(*exec));
	auto_free char *path = NULL;
	struct exec_settings settings;

	call->state = exec;
	exec_settings(call->env->session, &settings);
	path = first_path(call, &settings);
	if (!exec || !path) {
		(void)no_memory(call);
		return;
	}
	if (!set_env(call, exec, path) || !set_workdir(call, exec))
		return;
	exec->timeout_ms = settings.timeout_ms;
	if (tool_arg_given(call, "timeout"))
		exec->timeout_ms = (uint64_t)ceil(
			tool_arg_number(call, "timeout", 0) * 1000);
	run(call, &settings, path);
}

const struct tool tool_exec = {
	.name = "exec",
	.title = "Run a shell command",
	.help = "Run a shell command by sh -lc. A command that still runs after "
		"yieldMs goes on in the background, and so does one with "
		"background: true; the process tool then shows its output, "
		"writes to it and ends it. With pty: true it has a terminal. "
		"The answer holds the last 200,000 bytes of output; an exit "
		"status other than 0 is an error.",
	.flags = TOOL_DESTRUCTIVE | TOOL_OPEN_WORLD,
	.params = params,
	.start = start,
	.free_state = free_exec,
};
