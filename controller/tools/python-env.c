// SPDX-License-Identifier: Apache-2.0
/*
 * Where Python comes from, what it sees of the environment, and how it is
 * isolated: from the keys alone.
 */
#include <config.h>

#include "controller/tools/python.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config/tree.h"
#include "controller/policy/python.h"
#include "controller/tools/environ.h"
#include "controller/tools/setting.h"
#include "proto/cleanup.h"

#define PREFIX_KEY PYTHON_KEY "jail.command_prefix"
#define SHARED_KEY PYTHON_KEY "artifacts_jail_shared_dir"

static const char *const modes[] = { "",       "none",	 "basic",
				     "rlimit", "cgroup", "jail" };

/* What a command gets in any case. */
static const char *const always[] = { "PATH", "HOME", "USER", "LOGNAME",
				      "LANG" };

/**
 * python_mode() - tools.python_exec.sandbox_mode
 * @name: filled; NULL: not wanted
 */
enum python_mode python_mode(const struct cfg *cfg, const char **name)
{
	const char *text = tool_setting_text(cfg, PYTHON_KEY "sandbox_mode");
	enum python_mode mode = PYTHON_MODE_BASIC;

	for (int i = PYTHON_MODE_NONE; i <= PYTHON_MODE_JAIL; i++)
		if (text && strcmp(text, modes[i]) == 0)
			mode = (enum python_mode)i;
	if (name)
		*name = modes[mode];
	return mode;
}

/**
 * python_offered() - is Python there in a configuration?
 */
bool python_offered(const struct cfg *cfg)
{
	return tool_setting_bool(cfg, PYTHON_KEY "enabled");
}

/**
 * python_jailed() - does creeld make a sandbox for each run?
 */
bool python_jailed(const struct cfg *cfg)
{
	const struct cfg_node *list = tool_setting_list(cfg, PREFIX_KEY);

	return python_mode(cfg, NULL) == PYTHON_MODE_JAIL && list &&
	       list->first && list->first->text &&
	       firejail_is(list->first->text);
}

/* python_path before venv_path, as MiniBot has it. */
static int find_python(struct tool_call *call, struct python_run *run)
{
	const struct cfg *cfg = call->env->session->cfg;
	const char *path = tool_setting_text(cfg, PYTHON_KEY "python_path");
	const char *venv = tool_setting_text(cfg, PYTHON_KEY "venv_path");

	run->python = "python3";
	if (!path && !venv)
		return 0;
	run->key = path ? PYTHON_KEY "python_path" : PYTHON_KEY "venv_path";
	if (path && !strchr(path, '/'))
		run->python = path;
	else
		run->python = pol_host_path(cfg, run->mem, path ? path : venv);
	if (run->python && !path)
		run->python =
			cfg_tree_printf(run->mem, "%s/bin/python", run->python);
	if (run->python)
		return 0;
	tool_fail(call, "interpreter_not_found",
		  "%s: %.80s is not an absolute path", run->key,
		  path ? path : venv);
	return -1;
}

/* A jail's is where it is on the host. */
static int set_home(struct tool_environ *environ, const char *home)
{
	const char *pair = cfg_tree_printf(environ->mem, "HOME=%s", home);

	return pair ? tool_environ_set(environ, pair) : -1;
}

/**
 * python_env() - what the code sees of the environment
 */
int python_env(struct tool_call *call, struct python_run *run)
{
	const struct tool_env *where = call->env;
	const struct tool_environ_rules rules = {
		.pass_key = PYTHON_KEY "pass_parent_env",
		.list_key = PYTHON_KEY "env_allowlist",
		.inside = where->sandboxed || run->jailed,
	};
	struct tool_environ environ = { .mem = run->mem };
	int ret = tool_environ_make(&environ, where, &rules);

	if (ret == 0)
		ret = tool_environ_set(&environ, "PYTHONUNBUFFERED=1");
	if (ret == 0 && run->jailed && jail_has_home(&run->jail))
		ret = set_home(&environ, run->jail.home);
	for (size_t i = 0; ret == 0 && i < run->jail.n_env; i++)
		ret = tool_environ_set(&environ, run->jail.env[i]);
	for (size_t i = 0; ret == 0 && i < run->jail.n_rmenv; i++)
		tool_environ_unset(&environ, run->jail.rmenv[i]);
	if (ret < 0) {
		tool_fail(call, "internal", "no memory");
		return -1;
	}
	run->command.env = environ.pairs;
	run->command.only_env =
		!rules.inside ||
		!tool_setting_bool(where->session->cfg, rules.pass_key);
	return 0;
}

static int disabled(struct tool_call *call, const struct python_run *run,
		    const char *key)
{
	const struct cfg *cfg = call->env->session->cfg;

	if (tool_setting_bool(cfg, key))
		return 0;
	tool_fail(call, "sandbox_mode_unavailable",
		  "%s: it is not true, and " PYTHON_KEY "sandbox_mode is %s",
		  key, run->mode_name);
	return -1;
}

static void add_limit(struct python_run *run, const char *name, uint64_t value)
{
	run->ulimits[run->command.n_ulimits++] = (struct cfg_ulimit){
		.name = name, .soft = value, .hard = value,
	};
}

static uint64_t number(const struct cfg *cfg, const char *key)
{
	return (uint64_t)tool_setting_number(cfg, key);
}

static int use_rlimits(struct tool_call *call, struct python_run *run)
{
	const struct cfg *cfg = call->env->session->cfg;

	if (disabled(call, run, PYTHON_KEY "rlimit.enabled") < 0)
		return -1;
	add_limit(run, "cpu", number(cfg, PYTHON_KEY "rlimit.cpu_seconds"));
	add_limit(run, "as",
		  number(cfg, PYTHON_KEY "rlimit.memory_mb") << 20);
	add_limit(run, "fsize",
		  number(cfg, PYTHON_KEY "rlimit.fsize_mb") << 20);
	add_limit(run, "nproc", number(cfg, PYTHON_KEY "rlimit.nproc"));
	add_limit(run, "nofile", number(cfg, PYTHON_KEY "rlimit.nofile"));
	run->command.limit_key = PYTHON_KEY "rlimit";
	return 0;
}

static int use_cgroup(struct tool_call *call, struct python_run *run)
{
	const struct cfg *cfg = call->env->session->cfg;

	if (disabled(call, run, PYTHON_KEY "cgroup.enabled") < 0)
		return -1;
	run->command.limit_memory =
		number(cfg, PYTHON_KEY "cgroup.memory_max_mb") << 20;
	run->command.limit_cpu_usec =
		number(cfg, PYTHON_KEY "cgroup.cpu_quota_percent") * 1000;
	run->command.limit_key = PYTHON_KEY "cgroup";
	return 0;
}

/*
 * The words of the prefix that are a program's, and what takes away variables
 * that a command gets where it is not told all that it has.
 */
static int take_words(const struct cfg *cfg, struct python_run *run,
		      const char *const *words, size_t n)
{
	const bool given = run->jailed &&
			   tool_setting_bool(cfg, PYTHON_KEY "pass_parent_env");
	const char **all = cfg_tree_alloc(
		run->mem, (n + 2 + 2 * JAIL_MAX_VARIABLES) * sizeof(*all));
	size_t at = 0;

	if (!all)
		return -1;
	for (size_t i = 0; given && i < run->jail.n_rmenv; i++)
		for (size_t k = 0; k < sizeof(always) / sizeof(always[0]); k++)
			if (strcmp(run->jail.rmenv[i], always[k]) == 0) {
				if (at == 0)
					all[at++] = "/usr/bin/env";
				all[at++] = "-u";
				all[at++] = always[k];
			}
	for (size_t i = run->jailed ? run->jail.rest : 0; i < n; i++)
		all[at++] = words[i];
	run->prefix = all;
	run->n_prefix = at;
	return 0;
}

static int refuse_jail(struct tool_call *call, const char *key,
		       const struct err *err)
{
	tool_fail(call, "sandbox_mode_unavailable", "%s: %s", key, err->text);
	return -1;
}

static int parse_jail(struct tool_call *call, struct python_run *run,
		      const char *const *words, size_t n)
{
	struct err err = ERR_INIT;

	run->jailed = firejail_is(words[0]);
	if (!run->jailed)
		return 0;
	if (firejail_parse(words, n, call->env->session->cfg->home, &run->jail,
			   &err) < 0)
		return refuse_jail(call, PREFIX_KEY, &err);
	run->jail.key = PREFIX_KEY;
	run->jail.folder = run->folder;
	for (size_t i = 0; i < run->jail.n_ulimits; i++)
		run->ulimits[run->command.n_ulimits++] = run->jail.ulimits[i];
	run->command.jail = &run->jail;
	return 0;
}

static int use_jail(struct tool_call *call, struct python_run *run)
{
	const struct cfg *cfg = call->env->session->cfg;
	const struct cfg_node *list = tool_setting_list(cfg, PREFIX_KEY);
	const char **words;
	size_t n = 0;

	if (disabled(call, run, PYTHON_KEY "jail.enabled") < 0)
		return -1;
	if (!list || !list->first) {
		tool_fail(call, "sandbox_mode_unavailable",
			  PREFIX_KEY ": it is empty, and " PYTHON_KEY
				     "sandbox_mode is jail");
		return -1;
	}
	words = cfg_tree_alloc(run->mem, (list->count + 1) * sizeof(*words));
	for (const struct cfg_node *at = list->first; words && at;
	     at = at->next)
		words[n++] = at->text;
	if (words && parse_jail(call, run, words, n) < 0)
		return -1;
	if (words && take_words(cfg, run, words, n) == 0)
		return 0;
	tool_fail(call, "internal", "no memory");
	return -1;
}

static int unreachable(struct tool_call *call, const char *why)
{
	tool_fail(call, "artifact_export_unreachable", SHARED_KEY ": %s", why);
	return -1;
}

/* The folder that the jail and the host both see. */
static int share(struct tool_call *call, struct python_run *run)
{
	const struct cfg *cfg = call->env->session->cfg;
	const char *text = tool_setting_text(cfg, SHARED_KEY);
	const char *path = text ? pol_host_path(cfg, run->mem, text) : NULL;
	struct err err = ERR_INIT;

	if (!tool_setting_bool(cfg, PYTHON_KEY "artifacts_allow_in_jail")) {
		tool_fail(call, "artifacts_not_supported_in_jail",
			  PYTHON_KEY "artifacts_allow_in_jail: it is not true, and " PYTHON_KEY
				     "sandbox_mode is jail");
		return -1;
	}
	if (!path)
		return unreachable(call, text ? "not an absolute path" :
						"it is not set");
	run->folder = cfg_tree_printf(run->mem, "%s%s", path,
				      strrchr(run->folder, '/'));
	if (!run->folder)
		return unreachable(call, "no memory");
	run->shared = true;
	if (!run->jailed)
		return 0;
	run->jail.folder = run->folder;
	run->jail.folder_key = SHARED_KEY;
	if (run->jail.join)
		return 0;
	if (jail_access_of(&run->jail, path) == JAIL_ACCESS_WRITE)
		return 0;
	if (jail_add_place(&run->jail, path, JAIL_ACCESS_WRITE, &err) == 0 &&
	    jail_check(&run->jail, &err) == 0)
		return 0;
	return unreachable(call, err.text);
}

/**
 * python_isolate() - what sandbox_mode asks for
 *
 * A mode that cannot be had ends the call: none is fallen back to.
 */
int python_isolate(struct tool_call *call, struct python_run *run, bool shared)
{
	int ret = -1;

	if (find_python(call, run) < 0)
		return -1;
	run->command.ulimits = run->ulimits;
	switch (run->mode) {
	case PYTHON_MODE_NONE:
	case PYTHON_MODE_BASIC:
		ret = 0;
		break;
	case PYTHON_MODE_RLIMIT:
		ret = use_rlimits(call, run);
		break;
	case PYTHON_MODE_CGROUP:
		ret = use_cgroup(call, run);
		break;
	case PYTHON_MODE_JAIL:
		ret = use_jail(call, run);
		if (ret == 0 && shared)
			ret = share(call, run);
		break;
	case PYTHON_MODE_INVALID:
		tool_fail(call, "internal", "no sandbox_mode");
		break;
	}
	return ret;
}
