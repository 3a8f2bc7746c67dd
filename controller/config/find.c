// SPDX-License-Identifier: Apache-2.0
/*
 * Which file is the configuration.
 */
#include <config.h>

#include "controller/config/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "proto/err.h"

static int no_memory(struct cfg_problems *problems)
{
	return cfg_problem_add(problems, NULL, "no memory");
}

/* Problems of a file that was not read. */
static int refuse(struct cfg_problems *problems, const char *path,
		  const char *why)
{
	struct cfg_pos pos = { .file = cfg_problems_file(problems, path) };

	return cfg_problem_add(problems, &pos, "%s", why);
}

/* A file that was named must be there; it is made absolute. */
static int take_named(const char *name, char **path,
		      struct cfg_problems *problems)
{
	auto_free char *here = NULL;
	struct stat st;

	if (name[0] == '/') {
		*path = strdup(name);
	} else {
		here = getcwd(NULL, 0);
		if (!here)
			return refuse(problems, name, err_sys_text(errno));
		if (asprintf(path, "%s/%s", here, name) < 0)
			*path = NULL;
	}
	if (!*path)
		return no_memory(problems);
	if (stat(*path, &st) < 0) {
		int sys = errno;

		ptr_free(path);
		return refuse(problems, name, err_sys_text(sys));
	}
	return 0;
}

/* 1: it is there, 0: it is not, -1: nobody can tell. */
static int look(const char *path, struct cfg_problems *problems)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		return 1;
	if (errno == ENOENT || errno == ENOTDIR)
		return 0;
	return refuse(problems, path, err_sys_text(errno));
}

/* creel.json5 or creel.toml in @folder, but not both. */
static int take_level(const char *folder, const char *below, char **path,
		      struct cfg_problems *problems)
{
	auto_free char *json5 = NULL;
	auto_free char *toml = NULL;
	int has_json5;
	int has_toml;

	if (asprintf(&json5, "%s%s/creel/creel.json5", folder, below) < 0 ||
	    asprintf(&toml, "%s%s/creel/creel.toml", folder, below) < 0)
		return no_memory(problems);
	has_json5 = look(json5, problems);
	has_toml = look(toml, problems);
	if (has_json5 < 0 || has_toml < 0)
		return -1;
	if (has_json5 && has_toml) {
		(void)refuse(problems, json5,
			     "creel.toml is beside it, and one of them must "
			     "go");
		cfg_problem_hint(problems,
				 "what belongs to both goes into conf.d, in "
				 "either syntax");
		return -1;
	}
	if (has_json5)
		*path = ptr_take(&json5);
	else if (has_toml)
		*path = ptr_take(&toml);
	return 0;
}

/**
 * cfg_find() - the first of --config, $CREEL_CONFIG, the user's and the
 * system's file
 * @path: filled: owned, NULL where there is no file
 *
 * Return: 0, or -1 with a problem added.
 */
int cfg_find(const struct cfg_where *where, char **path,
	     struct cfg_problems *problems)
{
	const char *folder = where->config_home;

	*path = NULL;
	if (where->file)
		return take_named(where->file, path, problems);
	if (where->env && *where->env)
		return take_named(where->env, path, problems);
	if (take_level(folder ? folder : where->home, folder ? "" : "/.config",
		       path, problems) < 0)
		return -1;
	return *path ? 0 : take_level(where->sysconfdir, "", path, problems);
}
