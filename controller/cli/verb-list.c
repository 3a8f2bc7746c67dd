// SPDX-License-Identifier: Apache-2.0
/*
 * creel list and creel stats: tables of sandboxes and of sessions.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "controller/cli/items.h"
#include "controller/cli/report.h"
#include "controller/cli/rpc.h"
#include "controller/cli/table.h"
#include "controller/cli/verbs.h"
#include "controller/cli/where.h"
#include "proto/exit-codes.h"

#define LIST_COLUMNS 8
#define STATS_COLUMNS 8

static const struct cli_column list_columns[LIST_COLUMNS] = {
	{ "NAME", 6 }, { "SESSION", 8 }, { "SCOPE", 0 }, { "IMAGE", 8 },
	{ "STATE", 0 }, { "AGE", 0 },	   { "IDLE", 0 },  { "CONFIG", 0 },
};

static const struct cli_column stats_columns[STATS_COLUMNS] = {
	{ "NAME", 12 }, { "COMMANDS", 0 }, { "CPU", 0 },  { "MEMORY", 0 },
	{ "PEAK", 0 },	{ "LIMIT", 0 },	   { "PIDS", 0 }, { "LIMIT", 0 },
};

struct listing {
	struct cli_json json;
	struct cli_table table;
	bool want_json;
	bool stats;
	bool failed;
};

static const char *config_word(const Ctl__Item *item)
{
	if (item->match == CTL__MATCH__MATCH_YES)
		return "current";
	if (item->match == CTL__MATCH__MATCH_NO)
		return "changed";
	return item->match == CTL__MATCH__MATCH_UNKNOWN ? "unknown" : "-";
}

static bool has_sandbox(const Ctl__Item *item)
{
	return item->id[0] != '\0';
}

/* What was made by a name and not for a session goes by its name. */
static const char *scope_word(const Ctl__Item *item)
{
	if (item->scope[0])
		return item->scope;
	return item->session[0] || strcmp(item->kind, "session") != 0 ?
		       item->kind :
		       "named";
}

/* -1: no memory. */
static int list_row(struct cli_table *table, const Ctl__Item *item)
{
	uint64_t now = (uint64_t)time(NULL);
	uint64_t age = now > item->created ? now - item->created : 0;
	bool live = has_sandbox(item);
	char aged[32], idle[32];
	const char *cells[LIST_COLUMNS] = {
		item->name,
		item->session,
		scope_word(item),
		item->image,
		item->state,
		live ? cli_text_age(age, aged, sizeof(aged)) : "-",
		live && item->commands == 0 ?
			cli_text_age(item->idle_sec, idle, sizeof(idle)) :
			"-",
		config_word(item),
	};

	for (size_t i = 0; i < LIST_COLUMNS; i++)
		if (cli_table_add(table, cells[i]) < 0)
			return -1;
	return 0;
}

static const char *number(uint64_t value, char text[32])
{
	(void)snprintf(text, 32, "%" PRIu64, value);
	return text;
}

static int stats_row(struct cli_table *table, const Ctl__Item *item)
{
	char text[STATS_COLUMNS][32];
	const char *cells[STATS_COLUMNS] = { item->name };

	(void)snprintf(text[2], sizeof(text[2]), "%" PRIu64 ".%03" PRIu64 "s",
		       item->cpu_usec / 1000000, item->cpu_usec / 1000 % 1000);
	cells[1] = number(item->commands, text[1]);
	if (item->has_cpu)
		cells[2] = text[2];
	if (item->has_memory) {
		cells[3] = cli_text_size(item->memory_current, text[3], 32);
		cells[4] = cli_text_size(item->memory_peak, text[4], 32);
	}
	if (item->memory_max)
		cells[5] = cli_text_size(item->memory_max, text[5], 32);
	if (item->has_pids)
		cells[6] = number(item->pids_current, text[6]);
	if (item->pids_max)
		cells[7] = number(item->pids_max, text[7]);
	for (size_t i = 0; i < STATS_COLUMNS; i++)
		if (cli_table_add(table, cells[i]) < 0)
			return -1;
	return 0;
}

static bool take_items(const Ctl__Reply *reply, void *arg)
{
	struct listing *listing = arg;

	if (reply->re_case != CTL__REPLY__RE_ITEMS) {
		if (reply->re_case == CTL__REPLY__RE_ERROR)
			(void)cli_report_error(reply->error,
					       CREEL_EXIT_REFUSED);
		listing->failed = true;
		return false;
	}
	for (size_t i = 0; i < reply->items->n_items; i++) {
		const Ctl__Item *item = reply->items->items[i];
		int ret = 0;

		if (listing->want_json)
			cli_item_json(&listing->json, item);
		else if (listing->stats)
			ret = stats_row(&listing->table, item);
		else
			ret = list_row(&listing->table, item);
		if (ret < 0) {
			cli_error("table: out of memory");
			listing->failed = true;
			return false;
		}
	}
	return reply->items->more;
}

static int print_items(const struct cli_args *args, Ctl__Request *request,
		       bool stats)
{
	struct listing listing = {
		.json = { .out = stdout },
		.want_json = args->has[CLI_OPT_JSON],
		.stats = stats,
		.table = { .columns = stats ? stats_columns : list_columns,
			   .n_columns = stats ? STATS_COLUMNS : LIST_COLUMNS },
	};
	int ret;

	if (listing.want_json)
		cli_json_open(&listing.json, NULL, '[');
	ret = cli_ask(args, request, take_items, &listing);
	if (ret == 0 && !listing.failed && listing.want_json) {
		cli_json_close(&listing.json, ']');
		cli_json_end(&listing.json);
	} else if (ret == 0 && !listing.failed) {
		cli_table_print(&listing.table);
	}
	cli_table_fini(&listing.table);
	if (ret < 0 || listing.failed || cli_stdout_flush())
		return CREEL_EXIT_REFUSED;
	return CREEL_EXIT_OK;
}

/**
 * cli_list_main() - creel list
 */
int cli_list_main(const struct cli_args *args)
{
	auto_where where = { .home = NULL };
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__List list = CTL__LIST__INIT;
	Ctl__Config config;

	if (args->n_words) {
		cli_error("%s: list takes no argument", args->words[0]);
		return CREEL_EXIT_USAGE;
	}
	if (cli_where_find(args, &where))
		return CREEL_EXIT_REFUSED;
	cli_where_config(&where, &config);
	list.config = &config;
	list.all = args->has[CLI_OPT_ALL];
	request.op_case = CTL__REQUEST__OP_LIST;
	request.list = &list;
	return print_items(args, &request, false);
}

/**
 * cli_stats_main() - creel stats [TARGET]
 */
int cli_stats_main(const struct cli_args *args)
{
	auto_where where = { .home = NULL };
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__Stats stats = CTL__STATS__INIT;
	Ctl__Config config;

	if (args->n_words > 1) {
		cli_error("%s: stats takes one TARGET", args->words[1]);
		return CREEL_EXIT_USAGE;
	}
	if (cli_where_find(args, &where))
		return CREEL_EXIT_REFUSED;
	cli_where_config(&where, &config);
	stats.config = &config;
	if (args->n_words)
		stats.target = args->words[0];
	request.op_case = CTL__REQUEST__OP_STATS;
	request.stats = &stats;
	return print_items(args, &request, true);
}
