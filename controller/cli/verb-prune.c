// SPDX-License-Identifier: Apache-2.0
/*
 * creel prune: removes now what prune.idleHours and prune.maxAgeDays say.
 */
#include <config.h>

#include <stdio.h>

#include "controller/cli/items.h"
#include "controller/cli/report.h"
#include "controller/cli/verbs.h"
#include "proto/exit-codes.h"

/**
 * cli_prune_main() - creel prune
 */
int cli_prune_main(const struct cli_args *args)
{
	bool dry_run = args->has[CLI_OPT_DRY_RUN];
	struct cli_removal removal = {
		.out = stdout,
		.before = dry_run ? "would remove" : "removed",
		.want_json = args->has[CLI_OPT_JSON],
	};
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__Prune prune = CTL__PRUNE__INIT;

	if (args->n_words) {
		cli_error("%s: prune takes no argument", args->words[0]);
		return CREEL_EXIT_USAGE;
	}
	prune.dry_run = dry_run;
	request.op_case = CTL__REQUEST__OP_PRUNE;
	request.prune = &prune;
	return cli_removal_ask(args, &request, &removal);
}
