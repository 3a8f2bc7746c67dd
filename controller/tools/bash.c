// SPDX-License-Identifier: Apache-2.0
/*
 * bash, as MiniBot has it: /bin/bash -lc COMMAND.  Output that is too long for
 * a model can go into a file of the managed storage instead.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config/tree.h"
#include "controller/tools/artifact.h"
#include "controller/tools/environ.h"
#include "controller/tools/output.h"
#include "controller/tools/setting.h"
#include "controller/tools/tools.h"
#include "proto/cleanup.h"

#define KEY "tools.bash."
#define SPILL_MAX_BYTES (8U << 20) /* of each stream */
#define SPILL_AFTER 8000           /* characters, unless set */
#define SPILL_PREVIEW 2000
#define SPILL_SUBDIR "bash"
#define WORKDIR "workdir: " /* as a backend names cwd */

struct bash {
	struct cfg_tree *mem; /* owned */
	const char *argv[4];
	const char *cwd; /* absolute */
	bool spills;
	struct artifact_storage storage;
	struct tool_output output;
	struct tool_outcome outcome; /* without what it points to */
	char *bytes;       /* owned: all of it, while it is written */
	const char *place; /* below the storage; NULL: it was not spilled */
	char *rel;         /* owned */
};

static const struct tool_param params[] = {
	{ "command", TOOL_KIND_STRING, .required = true, .min = 1,
	  .max = TOOL_ARGS_MAX_BYTES,
	  .help = "A command line, run by /bin/bash -lc." },
	{ "timeout_seconds", TOOL_KIND_INTEGER, .min = 1, .max = 86400,
	  .help = "How long it may run; more than the configuration allows "
		  "counts as that." },
	{ "cwd", TOOL_KIND_STRING, .min = 1, .max = 4095,
	  .help = "The working directory; the workspace unless given." },
	{ "env", TOOL_KIND_MAP,
	  .help = "Variables of the environment, by their names." },
	{ .name = NULL },
};

static bool offered(const struct cfg *cfg)
{
	if (cfg->syntax == CFG_SYNTAX_NONE)
		return true;
	return cfg->syntax == CFG_SYNTAX_TOML &&
	       tool_setting_bool(cfg, KEY "enabled");
}

static void free_state(void *arg)
{
	struct bash *bash = arg;

	cfg_tree_free(bash->mem);
	artifact_storage_fini(&bash->storage);
	tool_output_fini(&bash->output);
	free(bash->bytes);
	free(bash->rel);
	free(bash);
}

static int no_memory(struct tool_call *call)
{
	tool_fail(call, "internal", "no memory");
	return -1;
}

/* How many bytes the first @chars characters have. */
static size_t cut(const char *text, size_t len, uint64_t *chars)
{
	size_t at = 0;

	while (at < len && *chars > 0) {
		at++;
		while (at < len && ((unsigned char)text[at] & 0xc0) == 0x80)
			at++;
		--*chars;
	}
	return at;
}

static uint64_t setting(const struct tool_call *call, const char *key,
			uint64_t fallback)
{
	double number = tool_setting_number(call->env->session->cfg, key);

	return number > 0 ? (uint64_t)number : fallback;
}

static void finish(struct tool_call *call)
{
	struct bash *bash = call->state;
	json_t *structured = tool_output_json(&bash->output, &bash->outcome);
	char *text = NULL;
	size_t len = 0;
	int ret = structured ? 0 : -1;

	if (ret == 0)
		ret = json_object_update_new(
			structured,
			json_pack("{s:s, s:s}", "cwd", bash->cwd, "command",
				  tool_arg_string(call, "command", "")));
	if (ret == 0 && bash->place)
		ret = json_object_update_new(
			structured, json_pack("{s:b, s:s}", "spilled", 1,
					      "spill_path", bash->place));
	if (ret == 0)
		text = tool_output_text(&bash->output, &bash->outcome, &len);
	if (!text) {
		json_decref(structured);
		(void)no_memory(call);
		return;
	}
	if (bash->place) {
		char *longer;
		int n = asprintf(&longer, "%s\n(all of it is in %s)", text,
				 bash->place);

		free(text);
		if (n < 0) {
			json_decref(structured);
			(void)no_memory(call);
			return;
		}
		text = longer;
		len = (size_t)n;
	}
	tool_done(call, structured, text, len);
	free(text);
}

static void on_written(struct tool_call *call,
		       const struct tool_commit *commit)
{
	struct bash *bash = call->state;
	uint64_t chars;

	if (call->cancelled) {
		tool_fail(call, "cancelled", "cancelled");
		return;
	}
	if (commit->sys) {
		tool_fail(call, "file_storage_unavailable",
			  KEY "spill_to_managed_file: %s: %s", bash->place,
			  err_sys_text(commit->sys));
		return;
	}
	chars = setting(call, KEY "spill_preview_chars", SPILL_PREVIEW);
	bash->output.out_len =
		cut(bash->output.out, bash->output.out_len, &chars);
	bash->output.err_len =
		cut(bash->output.err, bash->output.err_len, &chars);
	bash->output.out[bash->output.out_len] = '\0';
	bash->output.err[bash->output.err_len] = '\0';
	bash->output.truncated = true;
	finish(call);
}

/* The name cannot be there already: it has the call's token in it. */
static int name_spill(struct tool_call *call, struct bash *bash)
{
	const char *subdir = tool_setting_text(call->env->session->cfg,
					       KEY "spill_subdir");
	auto_free char *folder = NULL;
	char name[48];
	bool leaves;

	folder = artifact_clean(subdir ? subdir : SPILL_SUBDIR, &leaves);
	if (!folder)
		return -1;
	(void)snprintf(name, sizeof(name), "bash-%02x%02x%02x%02x%02x%02x.txt",
		       call->token[0], call->token[1], call->token[2],
		       call->token[3], call->token[4], call->token[5]);
	bash->rel = artifact_target(folder, name, 0);
	bash->place = bash->rel;
	return bash->rel ? 0 : -1;
}

static void spill(struct tool_call *call, const struct tool_outcome *outcome)
{
	struct bash *bash = call->state;
	struct tool_change change = {
		.kind = TOOL_CHANGE_PUT,
		.expect = TOOL_EXPECT_ABSENT,
		.len = outcome->out_len + outcome->err_len,
		.mode = 0644,
		.parents = true,
	};
	auto_free char *path = NULL;

	bash->bytes = malloc(change.len + 1);
	if (bash->bytes && name_spill(call, bash) == 0)
		path = artifact_storage_path(call, &bash->storage, bash->rel);
	if (!path) {
		(void)no_memory(call);
		return;
	}
	if (outcome->out_len > 0)
		memcpy(bash->bytes, outcome->out, outcome->out_len);
	if (outcome->err_len > 0)
		memcpy(bash->bytes + outcome->out_len, outcome->err,
		       outcome->err_len);
	change.bytes = bash->bytes;
	change.path = path;
	call->backend->commit(call, &change, 1, on_written);
}

static void refuse(struct tool_call *call, const struct tool_outcome *outcome)
{
	const struct bash *bash = call->state;
	const char *text = outcome->fail.text;

	if (strncmp(text, "--", 2) == 0)
		text += 2;
	if (call->cancelled || outcome->cancelled)
		tool_fail(call, "cancelled", "cancelled");
	else if (strncmp(text, WORKDIR, strlen(WORKDIR)) == 0)
		tool_fail(call, "not_started", "bash: cwd: %.200s: %s",
			  bash->cwd, text + strlen(WORKDIR));
	else
		tool_fail(call, "not_started", "bash: %s%s%s",
			  outcome->fail.text, outcome->hint[0] ? "; " : "",
			  outcome->hint);
}

static bool is_long(struct tool_call *call, const struct tool_output *output)
{
	uint64_t left = setting(call, KEY "spill_after_chars", SPILL_AFTER);

	return cut(output->out, output->out_len, &left) < output->out_len ||
	       cut(output->err, output->err_len, &left) < output->err_len;
}

static void on_run(struct tool_call *call, const struct tool_outcome *outcome)
{
	const struct cfg *cfg = call->env->session->cfg;
	struct bash *bash = call->state;
	uint64_t max = bash->spills ? 2 * (uint64_t)SPILL_MAX_BYTES :
				      tool_setting_bytes(cfg, KEY
							 "max_output_bytes");

	if (outcome->fail.code != ERR_NONE || call->cancelled ||
	    outcome->cancelled) {
		refuse(call, outcome);
		return;
	}
	bash->outcome = *outcome;
	bash->outcome.out = bash->outcome.err = NULL;
	tool_output_account(call, outcome);
	if (tool_output_take(&bash->output, outcome, max) < 0)
		(void)no_memory(call);
	else if (bash->spills && is_long(call, &bash->output))
		spill(call, outcome);
	else
		finish(call);
}

static int set_env(struct tool_call *call, struct bash *bash,
		   struct tool_command *what)
{
	const struct tool_environ_rules rules = {
		.pass_key = KEY "pass_parent_env",
		.list_key = KEY "env_allowlist",
		.inside = call->env->sandboxed,
	};
	struct tool_environ environ = { .mem = bash->mem };
	json_t *map = json_object_get(call->args, "env");
	const char *name;
	json_t *value;

	if (tool_environ_make(&environ, call->env, &rules) < 0)
		return no_memory(call);
	json_object_foreach(map, name, value) {
		const char *text = json_string_value(value);
		char *pair;
		char *kept;

		if (!name[0] || strchr(name, '=')) {
			tool_fail(call, "invalid_argument",
				  "bash: env: expected names without =, got %.80s",
				  name[0] ? name : "an empty one");
			return -1;
		}
		if (asprintf(&pair, "%s=%s", name, text) < 0)
			return no_memory(call);
		kept = cfg_tree_strndup(bash->mem, pair, strlen(pair));
		free(pair);
		if (!kept || tool_environ_set(&environ, kept) < 0)
			return no_memory(call);
	}
	what->env = environ.pairs;
	what->only_env = !rules.inside ||
			 !tool_setting_bool(call->env->session->cfg,
					    rules.pass_key);
	return 0;
}

static int set_cwd(struct tool_call *call, struct bash *bash,
		   struct tool_command *what)
{
	const struct tool_env *env = call->env;
	const char *home = env->session->cfg->home;
	const char *cwd = tool_arg_string(call, "cwd", NULL);
	char *path = NULL;
	int ret = 0;

	if (!cwd)
		bash->cwd = env->root;
	else if (cwd[0] == '/')
		bash->cwd = cwd;
	else if (!env->sandboxed && cwd[0] == '~' &&
		 (cwd[1] == '\0' || cwd[1] == '/'))
		ret = asprintf(&path, "%s%s", home, cwd + 1);
	else
		ret = asprintf(&path, "%s/%s", env->root, cwd);
	if (ret < 0)
		return no_memory(call);
	if (path)
		bash->cwd = cfg_tree_strndup(bash->mem, path, strlen(path));
	free(path);
	what->workdir = bash->cwd;
	return bash->cwd ? 0 : no_memory(call);
}

static void start(struct tool_call *call)
{
	const struct cfg *cfg = call->env->session->cfg;
	struct bash *bash = calloc(1, sizeof(*bash));
	struct tool_command what = {
		.timeout_ms = tool_timeout_ms(call,
					      KEY "default_timeout_seconds",
					      KEY "max_timeout_seconds"),
		.input = "",
		.split = true,
		.oldest = true,
		.max_output = tool_setting_bytes(cfg, KEY "max_output_bytes"),
		.yield_ms = -1,
		.shown = tool_arg_string(call, "command", ""),
	};

	if (!bash) {
		(void)no_memory(call);
		return;
	}
	call->state = bash;
	bash->mem = cfg_tree_new();
	bash->spills = tool_setting_bool(cfg, KEY "spill_to_managed_file");
	if (!bash->mem) {
		(void)no_memory(call);
		return;
	}
	if (bash->spills) {
		what.max_output = SPILL_MAX_BYTES;
		if (artifact_storage_find(call, &bash->storage) < 0)
			return;
	}
	bash->argv[0] = "/bin/bash";
	bash->argv[1] = "-lc";
	bash->argv[2] = tool_arg_string(call, "command", "");
	what.argv = bash->argv;
	if (set_env(call, bash, &what) == 0 && set_cwd(call, bash, &what) == 0)
		call->backend->run(call, &what, on_run);
}

const struct tool tool_bash = {
	.name = "bash",
	.policy = "exec",
	.title = "Run a shell command",
	.help = "Runs a command line with bash as a login shell, waits for its "
		"end, and returns what it printed.",
	.flags = TOOL_DESTRUCTIVE | TOOL_OPEN_WORLD | TOOL_MINIBOT,
	.params = params,
	.offered = offered,
	.start = start,
	.free_state = free_state,
};
