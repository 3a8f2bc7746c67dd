// SPDX-License-Identifier: Apache-2.0
/*
 * creel kill, rm, pause and resume: several targets, each for itself.
 */
#include <config.h>

#include "controller/cli/parse.h"
#include "controller/cli/report.h"
#include "controller/cli/rpc.h"
#include "controller/cli/verbs.h"
#include "controller/cli/where.h"
#include "proto/exit-codes.h"

static bool take_done(const Ctl__Reply *reply, void *arg)
{
	int *status = arg;

	*status = CREEL_EXIT_OK;
	if (reply->re_case == CTL__REPLY__RE_ERROR) {
		(void)cli_report_error(reply->error, CREEL_EXIT_REFUSED);
		*status = CREEL_EXIT_REFUSED;
	}
	return false;
}

/* A target may be a session, which the configuration knows. */
static int for_each_target(const struct cli_args *args, Ctl__Request *request,
			   char **target, Ctl__Config *config)
{
	auto_where where = { .home = NULL };
	int result = CREEL_EXIT_OK;

	if (!args->n_words) {
		cli_error("TARGET: missing");
		cli_hint("`creel list' names the sandboxes");
		return CREEL_EXIT_USAGE;
	}
	if (cli_where_find(args, &where))
		return CREEL_EXIT_REFUSED;
	cli_where_config(&where, config);
	for (int i = 0; i < args->n_words; i++) {
		int status = CREEL_EXIT_REFUSED;

		*target = args->words[i];
		if (cli_ask(args, request, take_done, &status) || status)
			result = CREEL_EXIT_REFUSED;
	}
	return result;
}

/**
 * cli_kill_main() - creel kill TARGET...
 */
int cli_kill_main(const struct cli_args *args)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__Kill message = CTL__KILL__INIT;
	Ctl__Config config = CTL__CONFIG__INIT;
	const char *name = args->last[CLI_OPT_SIGNAL];
	struct err err = ERR_INIT;

	if (name && cli_parse_signal(name, &message.signal, &err)) {
		cli_error("--signal %.40s: %s", name, err.text);
		return CREEL_EXIT_USAGE;
	}
	request.op_case = CTL__REQUEST__OP_KILL;
	request.kill = &message;
	message.config = &config;
	return for_each_target(args, &request, &message.target,
			       &config);
}

/**
 * cli_rm_main() - creel rm TARGET...
 */
int cli_rm_main(const struct cli_args *args)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__Remove message = CTL__REMOVE__INIT;
	Ctl__Config config = CTL__CONFIG__INIT;

	request.op_case = CTL__REQUEST__OP_REMOVE;
	request.remove = &message;
	message.config = &config;
	return for_each_target(args, &request, &message.target,
			       &config);
}

/**
 * cli_pause_main() - creel pause TARGET...
 */
int cli_pause_main(const struct cli_args *args)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__Pause message = CTL__PAUSE__INIT;
	Ctl__Config config = CTL__CONFIG__INIT;

	request.op_case = CTL__REQUEST__OP_PAUSE;
	request.pause = &message;
	message.config = &config;
	return for_each_target(args, &request, &message.target,
			       &config);
}

/**
 * cli_resume_main() - creel resume TARGET...
 */
int cli_resume_main(const struct cli_args *args)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__Resume message = CTL__RESUME__INIT;
	Ctl__Config config = CTL__CONFIG__INIT;

	request.op_case = CTL__REQUEST__OP_RESUME;
	request.resume = &message;
	message.config = &config;
	return for_each_target(args, &request, &message.target,
			       &config);
}
