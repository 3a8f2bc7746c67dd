// SPDX-License-Identifier: Apache-2.0
/*
 * python_environment_info: what python_execute would run, asked of itself.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/output.h"
#include "controller/tools/python.h"
#include "controller/tools/setting.h"
#include "controller/tools/tools.h"
#include "proto/cleanup.h"

#define DEFAULT_LIMIT 100
#define MAX_LIMIT 500
#define MAX_OUTPUT (1U << 20)
#define SHOWN 600 /* of what it says instead of JSON */

struct info {
	struct python_state python; /* first: see python_of() */
	char limit[16];
	const char *args[4];
	json_t *structured; /* owned */
};

/* Its arguments: whether packages are wanted, how many, their prefix. */
static const char probe[] =
	"import json, platform, sys\n"
	"from importlib import metadata\n"
	"wanted, limit, prefix = sys.argv[1] == '1', int(sys.argv[2]), "
	"sys.argv[3].lower()\n"
	"found = set()\n"
	"for package in metadata.distributions() if wanted else ():\n"
	"    name = (package.metadata.get('Name') or '').strip()\n"
	"    if name and name.lower().startswith(prefix):\n"
	"        found.add((name, str(package.version or '')))\n"
	"found = sorted(found, key=lambda p: (p[0].lower(), p))\n"
	"print(json.dumps({\n"
	"    'runtime_executable': sys.executable,\n"
	"    'python_version': platform.python_version(),\n"
	"    'implementation': platform.python_implementation(),\n"
	"    'include_packages': wanted,\n"
	"    'name_prefix': sys.argv[3] or None,\n"
	"    'limit': limit,\n"
	"    'package_count': len(found),\n"
	"    'truncated_packages': len(found) > limit,\n"
	"    'packages': [n + '==' + v if v else n for n, v in found[:limit]],\n"
	"}))\n";

static const struct tool_param params[] = {
	{ "include_packages", TOOL_KIND_BOOLEAN,
	  .help = "Whether installed packages are listed; true unless given." },
	{ "limit", TOOL_KIND_INTEGER, .min = 1, .max = 1000000,
	  .help = "How many of them; 100 unless given, never more than 500." },
	{ "name_prefix", TOOL_KIND_STRING, .max = 256,
	  .help = "Only those whose names begin so, in either case." },
	{ .name = NULL },
};

static void free_state(void *arg)
{
	struct info *info = arg;

	python_run_fini(&info->python.run);
	json_decref(info->structured);
	free(info);
}

static void finish(struct tool_call *call)
{
	struct info *info = call->state;
	json_t *structured = info->structured;
	auto_free char *text = structured ?
				       json_dumps(structured, JSON_INDENT(2)) :
				       NULL;

	info->structured = NULL;
	if (call->cancelled) {
		json_decref(structured);
		tool_fail(call, "cancelled", "cancelled");
		return;
	}
	if (!text) {
		json_decref(structured);
		tool_fail(call, "internal", "no memory");
		return;
	}
	tool_done(call, structured, text, strlen(text));
}

static void refuse(struct tool_call *call, const struct tool_output *output,
		   const struct tool_outcome *outcome)
{
	const char *text = output->err_len ? output->err : output->out;

	python_run_fail(call, "environment_unknown",
			"Python does not tell of itself: %.*s", SHOWN,
			outcome->timed_out ? "timed out" :
			text[0]		   ? text :
					     "it printed nothing");
}

static void on_run(struct tool_call *call, const struct tool_outcome *outcome)
{
	__attribute__((cleanup(tool_output_fini))) struct tool_output output = {
		.out = NULL,
	};
	const struct python_run *run = python_of(call);
	struct info *info = call->state;
	json_t *found = NULL;

	if (outcome->fail.code != ERR_NONE || call->cancelled ||
	    outcome->cancelled) {
		python_run_failed(call, outcome);
		return;
	}
	if (tool_output_take(&output, outcome, MAX_OUTPUT) < 0) {
		python_run_fail(call, "internal", "no memory");
		return;
	}
	tool_output_account(call, outcome);
	if (outcome->status == 0)
		found = json_loadb(output.out, output.out_len, 0, NULL);
	if (!json_is_object(found)) {
		json_decref(found);
		refuse(call, &output, outcome);
		return;
	}
	info->structured = found;
	(void)json_object_update_new(
		found, json_pack("{s:b, s:I, s:s, s:s}", "ok", 1,
				 "duration_ms",
				 (json_int_t)(outcome->wall_usec / 1000),
				 "sandbox_mode", run->mode_name,
				 "python_executable", run->python));
	python_run_clean(call, finish);
}

static void start(struct tool_call *call)
{
	const struct cfg *cfg = call->env->session->cfg;
	struct info *info = calloc(1, sizeof(*info));
	struct python_code code = {
		.code = probe,
		.timeout_ms = (uint64_t)(tool_setting_number(
						 cfg,
						 PYTHON_KEY
						 "max_timeout_seconds") *
					 1000),
		.max_output = MAX_OUTPUT,
	};
	double limit = tool_arg_number(call, "limit", DEFAULT_LIMIT);

	if (!info) {
		tool_fail(call, "internal", "no memory");
		return;
	}
	call->state = info;
	(void)snprintf(info->limit, sizeof(info->limit), "%d",
		       limit > MAX_LIMIT ? MAX_LIMIT : (int)limit);
	info->args[0] =
		tool_arg_bool(call, "include_packages", true) ? "1" : "0";
	info->args[1] = info->limit;
	info->args[2] = tool_arg_string(call, "name_prefix", "");
	code.args = info->args;
	if (python_run_init(call, &info->python.run, false) == 0)
		python_run_start(call, &code, on_run);
}

const struct tool tool_python_environment_info = {
	.name = "python_environment_info",
	.title = "Python environment",
	.help = "Tells which Python python_execute runs, its version, and the "
		"packages that are installed.",
	.flags = TOOL_READ_ONLY | TOOL_IDEMPOTENT | TOOL_MINIBOT,
	.params = params,
	.offered = python_offered,
	.jailed = python_jailed,
	.start = start,
	.free_state = free_state,
};
