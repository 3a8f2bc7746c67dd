// SPDX-License-Identifier: Apache-2.0
/*
 * creel logs: the audit log, oldest first, and what comes after it.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/parse.h"
#include "controller/cli/report.h"
#include "controller/cli/rpc.h"
#include "controller/cli/table.h"
#include "controller/cli/verbs.h"
#include "controller/cli/when.h"
#include "controller/cli/where.h"
#include "controller/policy/resolve.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define LIMIT_MAX 1000000
#define OPEN_MAX_RECORDS 512 /* commands that run, as far as we remember */
#define NARROW_PLACES 110 /* a terminal with less has shorter lines */
#define LEAST_COMMAND 8

/* A command that ran when it was last heard of. */
struct open_record {
	uint64_t id;
	uint64_t time_ms;
};

struct reading {
	Ctl__Logs *logs; /* borrowed; asked again after a reconnection */
	struct cli_json json;
	bool want_json;
	bool follow;
	bool any;
	bool failed;
	size_t screen;
	uint64_t newest; /* id of the last record that was new */
	struct open_record open[OPEN_MAX_RECORDS];
	size_t n_open;
};

static void record_json(struct cli_json *json, const Ctl__Record *record)
{
	char text[48];

	cli_json_open(json, NULL, '{');
	cli_json_number(json, "id", record->id);
	cli_json_text(json, "time",
		      cli_when_utc(record->time_ms, text, sizeof(text)));
	cli_json_number(json, "time_ms", record->time_ms);
	cli_json_text(json, "tool", record->tool);
	cli_json_text(json, "session", record->session);
	cli_json_text(json, "agent", record->agent);
	cli_json_text(json, "sandbox", record->sandbox);
	cli_json_bool(json, "sandboxed", record->sandboxed);
	cli_json_text(json, "command", record->command);
	cli_json_text(json, "decision", record->decision);
	cli_json_text(json, "reason", record->reason);
	cli_json_text(json, "client", record->client);
	cli_json_bool(json, "over", record->over);
	if (record->over)
		cli_json_number(json, "status", record->status);
	else
		cli_json_null(json, "status");
	if (record->over)
		cli_json_number(json, "wall_usec", record->wall_usec);
	else
		cli_json_null(json, "wall_usec");
	if (record->has_memory)
		cli_json_number(json, "memory_peak", record->memory_peak);
	else
		cli_json_null(json, "memory_peak");
	if (record->has_cpu)
		cli_json_number(json, "cpu_usec", record->cpu_usec);
	else
		cli_json_null(json, "cpu_usec");
	cli_json_close(json, '}');
}

/* Columns before the command; where there is no room, some are not there. */
static const struct {
	const char *title;
	size_t wide;
	size_t narrow;
} columns[] = {
	{ "TIME", 19, 14 }, { "SESSION", 24, 18 }, { "TOOL", 8, 6 },
	{ "RESULT", 8, 7 }, { "TOOK", 6, 5 },	   { "MEMORY", 6, 0 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static bool is_narrow(const struct reading *reading)
{
	return reading->screen < NARROW_PLACES;
}

/* Pads; on a terminal what is wider is cut. */
static void put_cell(const struct reading *reading, size_t column,
		     const char *text)
{
	auto_free char *safe =
		cli_escape(*text ? text : "-", cli_locale_is_utf8());
	size_t places = is_narrow(reading) ? columns[column].narrow :
					     columns[column].wide;
	size_t width = safe ? cli_text_width(safe) : 0;

	if (!safe || places == 0)
		return;
	if (width <= places)
		printf("%s%*s  ", safe, (int)(places - width), "");
	else if (reading->screen == SIZE_MAX)
		printf("%s  ", safe);
	else
		printf("%.*s~  ", (int)cli_text_fit(safe, places - 1), safe);
}

static size_t used_places(const struct reading *reading)
{
	size_t used = 0;

	for (size_t i = 0; i < N_COLUMNS; i++) {
		size_t places = is_narrow(reading) ? columns[i].narrow :
						     columns[i].wide;

		used += places ? places + 2 : 0;
	}
	return used;
}

static bool is_denied(const Ctl__Record *record)
{
	return strcmp(record->decision, "denied") == 0;
}

static const char *lasted(const Ctl__Record *record, char *text, size_t size)
{
	uint64_t msec = record->wall_usec / 1000;

	if (!record->over || is_denied(record))
		return "-";
	if (msec < 1000)
		(void)snprintf(text, size, "%" PRIu64 "ms", msec);
	else if (msec < 100000)
		(void)snprintf(text, size, "%" PRIu64 ".%" PRIu64 "s",
			       msec / 1000, msec % 1000 / 100);
	else
		return cli_text_age(msec / 1000, text, size);
	return text;
}

/* What it came to: a status, or why there is none. */
static const char *result(const Ctl__Record *record, char *text, size_t size)
{
	bool command = strcmp(record->tool, "exec") == 0 ||
		       strcmp(record->tool, "shell") == 0;

	if (is_denied(record))
		return "denied";
	if (!record->over)
		return "running";
	(void)snprintf(text, size, "%" PRIu32 "%s", record->status,
		       command && !record->sandboxed ? " host" : "");
	return text;
}

/* The last column has what is left of the line. */
static void put_command(const struct reading *reading,
			const Ctl__Record *record)
{
	auto_free char *all = NULL;
	auto_free char *safe = NULL;
	size_t room = LEAST_COMMAND;

	if (asprintf(&all, "%s%s%s", record->command,
		     record->reason[0] && record->command[0] ? ": " : "",
		     record->reason) < 0)
		all = NULL;
	safe = all ? cli_escape(all, cli_locale_is_utf8()) : NULL;
	if (!safe)
		return;
	if (reading->screen > used_places(reading) + LEAST_COMMAND)
		room = reading->screen - used_places(reading);
	if (cli_text_width(safe) <= room)
		printf("%s\n", safe);
	else
		printf("%.*s~\n", (int)cli_text_fit(safe, room - 1), safe);
}

static void record_line(struct reading *reading, const Ctl__Record *record)
{
	char time[32], memory[32] = "-", text[32];
	size_t year = is_narrow(reading) ? strlen("2026-") : 0;

	for (size_t i = 0; !reading->any && i < N_COLUMNS; i++)
		put_cell(reading, i, columns[i].title);
	if (!reading->any)
		printf("COMMAND\n");
	(void)cli_when_local(record->time_ms, time, sizeof(time));
	if (record->has_memory)
		(void)cli_text_size(record->memory_peak, memory,
				    sizeof(memory));
	put_cell(reading, 0, strlen(time) > year ? time + year : time);
	put_cell(reading, 1,
		 record->session[0] ? record->session : record->sandbox);
	put_cell(reading, 2, record->tool);
	put_cell(reading, 3, result(record, text, sizeof(text)));
	put_cell(reading, 4, lasted(record, text, sizeof(text)));
	put_cell(reading, 5, memory);
	put_command(reading, record);
}

/* From where on the log has to be read again after a reconnection. */
static void note_since(struct reading *reading, uint64_t newest_ms)
{
	uint64_t since = newest_ms;

	for (size_t i = 0; i < reading->n_open; i++)
		if (reading->open[i].time_ms < since)
			since = reading->open[i].time_ms;
	reading->logs->since_ms = since;
	reading->logs->limit = LIMIT_MAX;
}

/* Has this been told already, before the connection was lost? */
static bool is_news(struct reading *reading, const Ctl__Record *record)
{
	size_t i = 0;

	while (i < reading->n_open && reading->open[i].id != record->id)
		i++;
	if (record->over && i < reading->n_open) {
		reading->open[i] = reading->open[--reading->n_open];
		return true;
	}
	if (record->id <= reading->newest)
		return false;
	reading->newest = record->id;
	if (!record->over && reading->n_open < OPEN_MAX_RECORDS)
		reading->open[reading->n_open++] = (struct open_record){
			.id = record->id,
			.time_ms = record->time_ms,
		};
	if (reading->follow)
		note_since(reading, record->time_ms);
	return true;
}

static bool take_records(const Ctl__Reply *reply, void *arg)
{
	struct reading *reading = arg;

	if (reply->re_case != CTL__REPLY__RE_RECORDS) {
		if (reply->re_case == CTL__REPLY__RE_ERROR)
			(void)cli_report_error(reply->error,
					       CREEL_EXIT_REFUSED);
		reading->failed = true;
		return false;
	}
	for (size_t i = 0; i < reply->records->n_records; i++) {
		const Ctl__Record *record = reply->records->records[i];

		if (!is_news(reading, record))
			continue;
		if (!reading->want_json)
			record_line(reading, record);
		else
			record_json(&reading->json, record);
		if (reading->want_json && reading->follow)
			cli_json_end(&reading->json);
		reading->any = true;
	}
	if (reading->follow && cli_stdout_flush()) {
		reading->failed = true;
		return false;
	}
	return reading->follow || reply->records->more;
}

static int fill_times(const struct cli_args *args, Ctl__Logs *logs)
{
	const char *since = args->last[CLI_OPT_SINCE];
	const char *until = args->last[CLI_OPT_UNTIL];
	const char *limit = args->last[CLI_OPT_LIMIT];
	struct err err = ERR_INIT;
	uint64_t number = 0;

	if (since &&
	    cli_parse_when(since, cli_now_ms(), &logs->since_ms, &err)) {
		cli_error("--since %.40s: %s", since, err.text);
		return -1;
	}
	if (until &&
	    cli_parse_when(until, cli_now_ms(), &logs->until_ms, &err)) {
		cli_error("--until %.40s: %s", until, err.text);
		return -1;
	}
	if (limit && (cli_parse_number(limit, LIMIT_MAX, &number, &err) ||
		      number == 0)) {
		cli_error("--limit %.40s: not a number between 1 and %d", limit,
			  LIMIT_MAX);
		return -1;
	}
	logs->limit = (uint32_t)number;
	return 0;
}

/*
 * The log has canonical keys: "main" is in it as agent:main:main.  Where the
 * configuration does not say, the text is taken as it is.
 */
static char *canonical(const struct cli_args *args, const char *key)
{
	auto_where where = { .home = NULL };
	struct pol_session *session = NULL;
	struct err err = ERR_INIT;
	struct cfg *cfg = NULL;
	char *found = NULL;

	if (strchr(key, '*') || strncmp(key, "agent:", 6) == 0)
		return strdup(key);
	if (!cli_where_find(args, &where))
		cfg = cli_where_load(&where);
	if (cfg)
		session = pol_session_new(cfg, key, NULL, &err);
	found = strdup(session ? session->key : key);
	pol_session_free(session);
	cfg_free(cfg);
	return found;
}

static int read_logs(const struct cli_args *args, Ctl__Logs *logs)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	struct reading reading = {
		.logs = logs,
		.json = { .out = stdout },
		.want_json = args->has[CLI_OPT_JSON],
		.follow = logs->follow,
		.screen = cli_screen_width(),
	};
	bool array = reading.want_json && !reading.follow;

	request.op_case = CTL__REQUEST__OP_LOGS;
	request.logs = logs;
	if (array)
		cli_json_open(&reading.json, NULL, '[');
	if (cli_ask(args, &request, take_records, &reading) || reading.failed)
		return CREEL_EXIT_REFUSED;
	if (array) {
		cli_json_close(&reading.json, ']');
		cli_json_end(&reading.json);
	}
	return cli_stdout_flush() ? CREEL_EXIT_REFUSED : CREEL_EXIT_OK;
}

/**
 * cli_logs_main() - creel logs
 */
int cli_logs_main(const struct cli_args *args)
{
	const char *session = args->last[CLI_OPT_SESSION];
	auto_free char *key = NULL;
	Ctl__Logs logs = CTL__LOGS__INIT;

	if (args->n_words) {
		cli_error("%s: logs takes no argument", args->words[0]);
		cli_hint("a session is named with --session");
		return CREEL_EXIT_USAGE;
	}
	if (fill_times(args, &logs))
		return CREEL_EXIT_USAGE;
	if (session) {
		key = canonical(args, session);
		if (!key) {
			cli_error("--session: out of memory");
			return CREEL_EXIT_REFUSED;
		}
		logs.session = key;
	}
	if (args->has[CLI_OPT_AGENT])
		logs.agent = (char *)args->last[CLI_OPT_AGENT];
	if (args->has[CLI_OPT_TOOL])
		logs.tool = (char *)args->last[CLI_OPT_TOOL];
	logs.follow = args->has[CLI_OPT_FOLLOW];
	return read_logs(args, &logs);
}
