// SPDX-License-Identifier: Apache-2.0
/*
 * creel config: checks configuration files, and shows what is in force.  Talks
 * to nobody.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/cli/config-print.h"
#include "controller/cli/report.h"
#include "controller/cli/verbs.h"
#include "controller/cli/where.h"
#include "controller/config/check.h"
#include "controller/config/show.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

struct work {
	const struct cli_args *args;
	const struct cli_where *where;
	struct cli_json json;
	bool invalid;
};

static void put_problem(struct cli_json *json,
			const struct cfg_problems *problems, size_t index)
{
	const struct cfg_problem *problem = &problems->list[index];
	const struct cfg_pos *pos = &problem->pos;

	cli_json_open(json, NULL, '{');
	cli_json_text(json, "file",
		      pos->file < problems->n_files ?
			      problems->files[pos->file] :
			      "");
	cli_json_number(json, "line", pos->line);
	cli_json_number(json, "column", pos->column);
	cli_json_text(json, "level", problem->warning ? "warning" : "error");
	cli_json_text(json, "text", problem->text);
	if (problem->hint[0])
		cli_json_text(json, "hint", problem->hint);
	cli_json_close(json, '}');
}

static void tell(struct work *work, const char *file,
		 const struct cfg_problems *problems)
{
	struct cli_json *json = &work->json;

	if (problems->errors > 0)
		work->invalid = true;
	if (!work->args->has[CLI_OPT_JSON]) {
		cli_problems_print(problems);
		if (problems->errors == 0) {
			cli_put_text(stdout, file ? file : "no file");
			puts(file ? ": valid" : ": defaults are in force");
		}
		return;
	}
	cli_json_open(json, NULL, '{');
	if (file)
		cli_json_text(json, "file", file);
	cli_json_bool(json, "valid", problems->errors == 0);
	cli_json_open(json, "problems", '[');
	for (size_t i = 0; i < problems->count; i++)
		put_problem(json, problems, i);
	cli_json_close(json, ']');
	cli_json_number(json, "dropped", problems->dropped);
	cli_json_close(json, '}');
}

static void check_one(struct work *work, const char *file)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	struct cfg *cfg = cfg_load(file, work->where->home,
				   work->where->state_dir, &problems);

	tell(work, file, cfg ? &cfg->problems : &problems);
	cfg_free(cfg);
	cfg_problems_fini(&problems);
}

static int do_check(struct work *work)
{
	const struct cli_args *args = work->args;

	work->json.out = stdout;
	if (args->has[CLI_OPT_JSON])
		cli_json_open(&work->json, NULL, '[');
	for (int i = 1; i < args->n_words; i++)
		check_one(work, args->words[i]);
	if (args->n_words == 1)
		check_one(work, work->where->config);
	if (args->has[CLI_OPT_JSON]) {
		cli_json_close(&work->json, ']');
		cli_json_end(&work->json);
	}
	return work->invalid ? -1 : 0;
}

static int print_tree(const struct work *work, const struct cfg *cfg,
		      struct cfg_tree *mem)
{
	struct cli_config_print print = {
		.out = stdout,
		.cfg = cfg,
		.json = work->args->has[CLI_OPT_JSON],
		.origin = work->args->has[CLI_OPT_ORIGIN],
	};
	bool for_use = print.json && !print.origin;
	struct cfg_step top = { .node = cfg_show_tree(cfg, mem, for_use) };

	if (!top.node) {
		cli_error("configuration: no memory");
		return -1;
	}
	if (for_use) {
		cli_config_put_value(stdout, top.node, 0);
		putchar('\n');
		return 0;
	}
	if (print.json)
		putchar('{');
	cli_config_put_leaves(&print, &top);
	if (print.json)
		puts("\n}");
	return 0;
}

static int do_show(struct work *work)
{
	struct cfg_tree *mem = cfg_tree_new();
	struct cfg *cfg = cli_where_load(work->where);
	int ret = -1;

	if (!mem)
		cli_error("configuration: no memory");
	else if (cfg)
		ret = print_tree(work, cfg, mem);
	cfg_free(cfg);
	cfg_tree_free(mem);
	return ret;
}

static const struct sub {
	const char *name;
	bool words; /* takes FILE... */
	bool origin;
	int (*run)(struct work *work);
} subs[] = {
	{ "check", true, false, do_check },
	{ "show", false, true, do_show },
};

static const struct sub *find_sub(const char *name)
{
	for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++)
		if (strcmp(subs[i].name, name) == 0)
			return &subs[i];
	return NULL;
}

static int usage(const struct cli_args *args, const struct sub *sub)
{
	if (!sub)
		cli_error("%s: config knows check and show", args->words[0]);
	else if (args->n_words > 1 && !sub->words)
		cli_error("%s: config %s takes no argument", args->words[1],
			  sub->name);
	else if (args->n_words > 1 && args->has[CLI_OPT_CONFIG])
		cli_error("--config: cannot be given with a FILE");
	else
		cli_error("--origin: not an option of config %s", sub->name);
	cli_hint("`creel config --help' lists the options");
	return CREEL_EXIT_USAGE;
}

/**
 * cli_config_main() - creel config check|show
 */
int cli_config_main(const struct cli_args *args)
{
	auto_where where = { 0 };
	struct work work = { .args = args, .where = &where };
	const struct sub *sub;
	bool named = args->n_words > 1;

	if (args->n_words == 0) {
		cli_error("check or show: missing");
		cli_hint("`creel config --help' lists the options");
		return CREEL_EXIT_USAGE;
	}
	sub = find_sub(args->words[0]);
	if (!sub || (named && (!sub->words || args->has[CLI_OPT_CONFIG])) ||
	    (args->has[CLI_OPT_ORIGIN] && !sub->origin))
		return usage(args, sub);
	if ((named ? cli_where_home : cli_where_find)(args, &where) < 0)
		return CREEL_EXIT_REFUSED;
	if (sub->run(&work) < 0) {
		(void)cli_stdout_flush();
		return CREEL_EXIT_REFUSED;
	}
	return cli_stdout_flush() ? CREEL_EXIT_REFUSED : CREEL_EXIT_OK;
}
