// SPDX-License-Identifier: Apache-2.0
/*
 * creel explain: what applies to a session, from which key, how to change it.
 * Talks to nobody.
 */
#include <config.h>

#include "controller/cli/explain.h"
#include "controller/cli/report.h"
#include "controller/cli/verbs.h"
#include "controller/cli/where.h"
#include "proto/exit-codes.h"

static int explain_in(const struct cli_args *args, const struct cfg *cfg)
{
	const struct cli_explain_asked asked = {
		.session = args->last[CLI_OPT_SESSION],
		.agent = args->last[CLI_OPT_AGENT],
		.tool = args->last[CLI_OPT_TOOL],
		.provider = args->last[CLI_OPT_PROVIDER],
	};
	struct cli_explain explain;
	struct err err = ERR_INIT;
	int ret = cli_explain_init(&explain, cfg, &asked, &err);

	if (ret)
		cli_error("%s", err.text);
	else if (args->has[CLI_OPT_JSON])
		cli_explain_json(&explain);
	else
		cli_explain_text(&explain);
	cli_explain_fini(&explain);
	return ret;
}

/**
 * cli_explain_main() - creel explain
 */
int cli_explain_main(const struct cli_args *args)
{
	auto_where where = { NULL };
	struct cfg *cfg;
	int ret;

	if (args->n_words) {
		cli_error("%s: explain takes no argument", args->words[0]);
		cli_hint("--session KEY names a session, --agent ID an agent");
		return CREEL_EXIT_USAGE;
	}
	if (cli_where_find(args, &where))
		return CREEL_EXIT_REFUSED;
	cfg = cli_where_load(&where);
	if (!cfg)
		return CREEL_EXIT_REFUSED;
	ret = explain_in(args, cfg);
	cfg_free(cfg);
	if (ret || cli_stdout_flush())
		return CREEL_EXIT_REFUSED;
	return CREEL_EXIT_OK;
}
