// SPDX-License-Identifier: Apache-2.0
/*
 * creel recreate: ends the sandboxes of sessions, so that their next use makes
 * them as the configuration says now.  What runs in them dies, so it asks.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/items.h"
#include "controller/cli/report.h"
#include "controller/cli/rpc.h"
#include "controller/cli/verbs.h"
#include "controller/cli/where.h"
#include "proto/exit-codes.h"

static int check(const struct cli_args *args)
{
	int chosen = args->has[CLI_OPT_ALL] + args->has[CLI_OPT_SESSION] +
		     args->has[CLI_OPT_AGENT];

	if (args->n_words) {
		cli_error("%s: recreate takes no argument", args->words[0]);
		cli_hint("a session is named with --session");
		return -1;
	}
	if (chosen != 1) {
		cli_error("recreate: expected one of --all, --session and "
			  "--agent, found %s",
			  chosen ? "several" : "none");
		return -1;
	}
	if (args->has[CLI_OPT_FORCE])
		return 0;
	if (!isatty(STDIN_FILENO)) {
		cli_error("recreate: standard input is no terminal, so nobody "
			  "can be asked");
		cli_hint("--force removes the sandboxes without asking");
		return -1;
	}
	return 0;
}

static bool says_yes(size_t count)
{
	char answer[16];

	fprintf(stderr, "Remove %zu sandbox%s? [y/N] ", count,
		count == 1 ? "" : "es");
	(void)fflush(stderr);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	answer[strcspn(answer, "\n")] = '\0';
	return !strcasecmp(answer, "y") || !strcasecmp(answer, "yes");
}

/* 1: go on; 0: do not, all is said. */
static int ask_first(const struct cli_args *args, Ctl__Request *request,
		     int *status)
{
	struct cli_removal removal = { .out = stderr,
				       .before = "would remove" };

	request->recreate->dry_run = true;
	*status = cli_removal_ask(args, request, &removal);
	request->recreate->dry_run = false;
	if (*status != CREEL_EXIT_OK || removal.count == 0)
		return 0;
	if (says_yes(removal.count))
		return 1;
	cli_note("nothing was removed");
	*status = CREEL_EXIT_REFUSED;
	return 0;
}

/**
 * cli_recreate_main() - creel recreate --all | --session KEY | --agent ID
 */
int cli_recreate_main(const struct cli_args *args)
{
	auto_where where = { .home = NULL };
	struct cli_removal removal = { .out = stdout,
				       .before = "removed",
				       .want_json = args->has[CLI_OPT_JSON] };
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__Recreate recreate = CTL__RECREATE__INIT;
	Ctl__Config config;
	int status;

	if (check(args))
		return CREEL_EXIT_USAGE;
	if (cli_where_find(args, &where))
		return CREEL_EXIT_REFUSED;
	cli_where_config(&where, &config);
	recreate.config = &config;
	recreate.all = args->has[CLI_OPT_ALL];
	if (args->has[CLI_OPT_SESSION])
		recreate.session = (char *)args->last[CLI_OPT_SESSION];
	if (args->has[CLI_OPT_AGENT])
		recreate.agent = (char *)args->last[CLI_OPT_AGENT];
	request.op_case = CTL__REQUEST__OP_RECREATE;
	request.recreate = &recreate;
	if (!args->has[CLI_OPT_FORCE] && !ask_first(args, &request, &status))
		return status;
	return cli_removal_ask(args, &request, &removal);
}
