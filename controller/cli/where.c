// SPDX-License-Identifier: Apache-2.0
/*
 * Finds the home directory, the configuration file and the state directory.
 * No name service: /etc/passwd is read where HOME is not set.
 */
#include <config.h>

#include "controller/cli/where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/connect.h"
#include "controller/cli/paths.h"
#include "controller/cli/report.h"
#include "proto/cleanup.h"

#define PROBLEM_BYTES (2 * CFG_PROBLEM_BYTES)

/* The sixth field of a line of /etc/passwd that is of this uid, or NULL. */
static char *home_in(char *line, uid_t uid)
{
	char *field[7];
	size_t n = 0;
	char *rest = line;

	while (n < 7 && (field[n] = strsep(&rest, ":")))
		n++;
	if (n < 6 || strtoul(field[2], NULL, 10) != uid || !field[2][0] ||
	    field[5][0] != '/')
		return NULL;
	return strdup(field[5]);
}

static char *passwd_home(void)
{
	FILE *file = fopen("/etc/passwd", "re");
	char *home = NULL;
	char line[1024];

	while (file && !home && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		home = home_in(line, geteuid());
	}
	if (file)
		(void)fclose(file);
	return home;
}

static char *find_home(void)
{
	const char *home = getenv("HOME");

	char *found = home && *home == '/' ? strdup(home) : passwd_home();

	return found ? found : strdup("/");
}

/* The system's creeld has no environment, so the account's home counts there. */
static bool asks_system(const struct cli_args *args)
{
	struct cli_target target;
	char path[CLI_PATH_MAX];
	struct err err = ERR_INIT;
	size_t len;

	cli_target_choose(args, &target);
	if (target.helper != CLI_HELPER_SYSTEM || target.forced)
		return target.helper == CLI_HELPER_SYSTEM;
	if (cli_path_runtime(true, path, &err))
		return false;
	/* A socket that is not there, or not for the caller: his own is used. */
	len = strlen(path);
	(void)snprintf(path + len, sizeof(path) - len, "/creel.sock");
	return !access(path, W_OK);
}

static char *find_state(const struct cli_args *args, const char *home)
{
	bool system = asks_system(args);
	auto_free char *account = system ? passwd_home() : NULL;
	const char *state = getenv("XDG_STATE_HOME");
	char *path = NULL;
	int len;

	/* As cli_start_listener() has it. */
	if ((!system || geteuid() == 0) && state && *state == '/')
		len = asprintf(&path, "%s/creel", state);
	else
		len = asprintf(&path, "%s/.local/state/creel",
			       account ? account : home);
	return len < 0 ? NULL : path;
}

/**
 * cli_problems_print() - every problem on a line of its own, with its hint
 */
void cli_problems_print(const struct cfg_problems *problems)
{
	char text[PROBLEM_BYTES];

	for (size_t i = 0; i < problems->count; i++) {
		const struct cfg_problem *problem = &problems->list[i];

		cfg_problem_format(problems, i, text, sizeof(text));
		if (problem->warning)
			cli_note("warning: %s", text);
		else
			cli_error("%s", text);
		if (problem->hint[0])
			cli_hint("%s", problem->hint);
	}
	if (problems->dropped)
		cli_note("and %zu more", problems->dropped);
}

/**
 * cli_where_home() - the home and state directories alone
 * @where: filled; cli_where_fini() is due on failure too
 *
 * Return: 0, or -1 with messages printed.
 */
int cli_where_home(const struct cli_args *args, struct cli_where *where)
{
	*where = (struct cli_where){ .home = find_home() };
	if (where->home)
		where->state_dir = find_state(args, where->home);
	if (where->state_dir)
		return 0;
	cli_error("home directory: out of memory");
	return -1;
}

/**
 * cli_where_look() - what a command line and its environment mean
 * @where:    filled; cli_where_fini() is due on failure too
 * @problems: what is wrong is added
 *
 * No configuration file is no error.
 */
int cli_where_look(const struct cli_args *args, struct cli_where *where,
		   struct cfg_problems *problems)
{
	const char *config_home = getenv("XDG_CONFIG_HOME");
	struct cfg_where places = {
		.file = args->last[CLI_OPT_CONFIG],
		.env = getenv("CREEL_CONFIG"),
		.sysconfdir = CREEL_SYSCONFDIR,
	};

	if (cli_where_home(args, where) < 0)
		return -1;
	places.home = where->home;
	if (config_home && *config_home == '/')
		places.config_home = config_home;
	return cfg_find(&places, &where->config, problems);
}

/**
 * cli_where_find() - the same, with messages
 *
 * Return: 0, or -1 with messages printed.
 */
int cli_where_find(const struct cli_args *args, struct cli_where *where)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	int ret = cli_where_look(args, where, &problems);

	cli_problems_print(&problems);
	cfg_problems_fini(&problems);
	return ret;
}

/**
 * cli_where_load() - read the configuration that was found
 *
 * Return: an owned configuration, or NULL with messages printed.
 */
struct cfg *cli_where_load(const struct cli_where *where)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	struct cfg *cfg = cfg_load(where->config, where->home,
				   where->state_dir, &problems);

	if (!cfg)
		cli_problems_print(&problems);
	cfg_problems_fini(&problems);
	return cfg;
}

/**
 * cli_where_config() - the same for creeld
 * @msg: filled; borrows from @where
 */
void cli_where_config(const struct cli_where *where, Ctl__Config *msg)
{
	ctl__config__init(msg);
	if (where->config)
		msg->path = where->config;
	msg->home = where->home;
}

/**
 * cli_where_fini() - release; idempotent
 */
void cli_where_fini(struct cli_where *where)
{
	ptr_free(&where->home);
	ptr_free(&where->config);
	ptr_free(&where->state_dir);
}
