// SPDX-License-Identifier: Apache-2.0
/*
 * creel list and creel stats: tables of sandboxes.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "controller/cli/report.h"
#include "controller/cli/rpc.h"
#include "controller/cli/verbs.h"
#include "proto/exit-codes.h"

struct table {
	struct cli_json json;
	bool want_json;
	bool stats;
	bool any;
	bool failed;
};

/* 1536 -> "1.5K"; powers of 1024, as sizes are written. */
static const char *human(uint64_t bytes, char *text, size_t size)
{
	static const char units[] = "BKMGTP";
	uint64_t tenths = bytes * 10;
	size_t unit = 0;

	if (bytes > UINT64_MAX / 10)
		tenths = UINT64_MAX;
	while (tenths >= 10240 && units[unit + 1]) {
		tenths /= 1024;
		unit++;
	}
	if (unit == 0 || tenths >= 1000)
		(void)snprintf(text, size, "%" PRIu64 "%c", tenths / 10,
			       units[unit]);
	else
		(void)snprintf(text, size, "%" PRIu64 ".%" PRIu64 "%c",
			       tenths / 10, tenths % 10, units[unit]);
	return text;
}

static const char *age(uint64_t seconds, char *text, size_t size)
{
	if (seconds < 120)
		(void)snprintf(text, size, "%" PRIu64 "s", seconds);
	else if (seconds < 7200)
		(void)snprintf(text, size, "%" PRIu64 "m", seconds / 60);
	else if (seconds < 172800)
		(void)snprintf(text, size, "%" PRIu64 "h", seconds / 3600);
	else
		(void)snprintf(text, size, "%" PRIu64 "d", seconds / 86400);
	return text;
}

/* Pads by characters of ASCII; others are rare in a name. */
static void column(const char *text, int width)
{
	size_t len = strlen(text);

	cli_put_text(stdout, text);
	printf("%*s  ", len < (size_t)width ? width - (int)len : 0, "");
}

static void list_row(const Ctl__Item *item)
{
	uint64_t now = (uint64_t)time(NULL);
	char text[32];

	column(item->name, 24);
	/* A prefix of it serves as well. */
	(void)snprintf(text, sizeof(text), "%.12s", item->id);
	column(text, 12);
	column(item->kind, 7);
	column(item->state, 7);
	column(age(now > item->created ? now - item->created : 0, text,
		   sizeof(text)), 5);
	column(item->network, 7);
	cli_put_text(stdout, item->workspace[0] ? item->workspace : "-");
	putchar('\n');
}

static void stats_row(const Ctl__Item *item)
{
	char text[32];

	column(item->name, 24);
	(void)snprintf(text, sizeof(text), "%" PRIu32, item->commands);
	column(text, 8);
	(void)snprintf(text, sizeof(text), "%" PRIu64 ".%03" PRIu64 "s",
		       item->cpu_usec / 1000000,
		       item->cpu_usec / 1000 % 1000);
	column(item->has_cpu ? text : "-", 10);
	column(item->has_memory ? human(item->memory_current, text,
					sizeof(text)) : "-", 8);
	column(item->has_memory ? human(item->memory_peak, text,
					sizeof(text)) : "-", 8);
	column(item->memory_max ? human(item->memory_max, text,
					sizeof(text)) : "-", 8);
	(void)snprintf(text, sizeof(text), "%" PRIu64, item->pids_current);
	column(item->has_pids ? text : "-", 6);
	(void)snprintf(text, sizeof(text), "%" PRIu64, item->pids_max);
	puts(item->pids_max ? text : "-");
}

static void number_or_null(struct cli_json *json, const char *key, bool known,
			   uint64_t value)
{
	if (known)
		cli_json_number(json, key, value);
	else
		cli_json_null(json, key);
}

static void json_row(struct cli_json *json, const Ctl__Item *item)
{
	cli_json_open(json, NULL, '{');
	cli_json_text(json, "name", item->name);
	cli_json_text(json, "id", item->id);
	cli_json_text(json, "kind", item->kind);
	cli_json_text(json, "image", item->image);
	cli_json_text(json, "workspace", item->workspace);
	cli_json_text(json, "state", item->state);
	cli_json_text(json, "network", item->network);
	cli_json_number(json, "created", item->created);
	cli_json_number(json, "idle_sec", item->idle_sec);
	cli_json_number(json, "commands", item->commands);
	number_or_null(json, "cpu_usec", item->has_cpu, item->cpu_usec);
	number_or_null(json, "memory_current", item->has_memory,
		       item->memory_current);
	number_or_null(json, "memory_peak", item->has_memory,
		       item->memory_peak);
	number_or_null(json, "memory_max", item->memory_max > 0,
		       item->memory_max);
	number_or_null(json, "pids_current", item->has_pids,
		       item->pids_current);
	number_or_null(json, "pids_max", item->pids_max > 0, item->pids_max);
	cli_json_close(json, '}');
}

static void print_head(const struct table *table)
{
	if (table->stats)
		printf("%-24s  %-8s  %-10s  %-8s  %-8s  %-8s  %-6s  %s\n",
		       "NAME", "COMMANDS", "CPU", "MEMORY", "PEAK", "LIMIT",
		       "PIDS", "LIMIT");
	else
		printf("%-24s  %-12s  %-7s  %-7s  %-5s  %-7s  %s\n", "NAME",
		       "ID", "KIND", "STATE", "AGE", "NETWORK", "WORKSPACE");
}

static bool take_items(const Ctl__Reply *reply, void *arg)
{
	struct table *table = arg;

	if (reply->re_case == CTL__REPLY__RE_ERROR) {
		(void)cli_report_error(reply->error, CREEL_EXIT_REFUSED);
		table->failed = true;
		return false;
	}
	if (reply->re_case != CTL__REPLY__RE_ITEMS)
		return false;
	for (size_t i = 0; i < reply->items->n_items; i++) {
		const Ctl__Item *item = reply->items->items[i];

		if (!table->any && !table->want_json)
			print_head(table);
		table->any = true;
		if (table->want_json)
			json_row(&table->json, item);
		else if (table->stats)
			stats_row(item);
		else
			list_row(item);
	}
	return reply->items->more;
}

static int print_table(const struct cli_args *args, Ctl__Request *request,
		       bool stats)
{
	struct table table = {
		.json = { .out = stdout },
		.want_json = args->has[CLI_OPT_JSON],
		.stats = stats,
	};

	if (table.want_json)
		cli_json_open(&table.json, NULL, '[');
	if (cli_ask(args, request, take_items, &table) || table.failed)
		return CREEL_EXIT_REFUSED;
	if (table.want_json) {
		cli_json_close(&table.json, ']');
		cli_json_end(&table.json);
	}
	return cli_stdout_flush() ? CREEL_EXIT_REFUSED : CREEL_EXIT_OK;
}

/**
 * cli_list_main() - creel list
 */
int cli_list_main(const struct cli_args *args)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__List list = CTL__LIST__INIT;

	if (args->n_words) {
		cli_error("%s: list takes no argument", args->words[0]);
		return CREEL_EXIT_USAGE;
	}
	request.op_case = CTL__REQUEST__OP_LIST;
	request.list = &list;
	return print_table(args, &request, false);
}

/**
 * cli_stats_main() - creel stats [TARGET]
 */
int cli_stats_main(const struct cli_args *args)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__Stats stats = CTL__STATS__INIT;

	if (args->n_words > 1) {
		cli_error("%s: stats takes one TARGET", args->words[1]);
		return CREEL_EXIT_USAGE;
	}
	if (args->n_words)
		stats.target = args->words[0];
	request.op_case = CTL__REQUEST__OP_STATS;
	request.stats = &stats;
	return print_table(args, &request, true);
}
