// SPDX-License-Identifier: Apache-2.0
/*
 * Sandboxes as JSON, and what is said of those that are removed.
 */
#include <config.h>

#include "controller/cli/items.h"

#include "controller/cli/rpc.h"
#include "controller/cli/table.h"
#include "proto/exit-codes.h"

static void number_or_null(struct cli_json *json, const char *key, bool known,
			   uint64_t value)
{
	if (known)
		cli_json_number(json, key, value);
	else
		cli_json_null(json, key);
}

static void text_or_null(struct cli_json *json, const char *key,
			 const char *value)
{
	if (value[0])
		cli_json_text(json, key, value);
	else
		cli_json_null(json, key);
}

static void put_session(struct cli_json *json, const Ctl__Item *item)
{
	text_or_null(json, "session", item->session);
	text_or_null(json, "agent", item->agent);
	text_or_null(json, "scope", item->scope);
	text_or_null(json, "config", item->config);
	if (item->match == CTL__MATCH__MATCH_YES ||
	    item->match == CTL__MATCH__MATCH_NO)
		cli_json_bool(json, "config_match",
			      item->match == CTL__MATCH__MATCH_YES);
	else
		cli_json_null(json, "config_match");
	cli_json_open(json, "appeared", '[');
	for (size_t i = 0; i < item->n_appeared; i++)
		cli_json_text(json, NULL, item->appeared[i]);
	cli_json_close(json, ']');
}

/**
 * cli_item_json() - one object, within an array
 */
void cli_item_json(struct cli_json *json, const Ctl__Item *item)
{
	cli_json_open(json, NULL, '{');
	cli_json_text(json, "name", item->name);
	cli_json_text(json, "id", item->id);
	cli_json_text(json, "kind", item->kind);
	cli_json_text(json, "image", item->image);
	cli_json_text(json, "workspace", item->workspace);
	cli_json_text(json, "state", item->state);
	cli_json_text(json, "network", item->network);
	put_session(json, item);
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

/* NAME (SESSION), 2 commands run in it */
static void put_line(FILE *out, const char *before, const Ctl__Item *item)
{
	char idle[32];

	fprintf(out, "%s ", before);
	cli_put_text(out, item->name);
	if (item->session[0]) {
		fprintf(out, " (");
		cli_put_text(out, item->session);
		fprintf(out, ")");
	}
	if (item->commands)
		fprintf(out, ", %u command%s in it", item->commands,
			item->commands == 1 ? " runs" : "s run");
	else
		fprintf(out, ", idle for %s",
			cli_text_age(item->idle_sec, idle, sizeof(idle)));
	fputc('\n', out);
}

static bool take_removed(const Ctl__Reply *reply, void *arg)
{
	struct cli_removal *removal = arg;

	if (reply->re_case != CTL__REPLY__RE_ITEMS) {
		removal->status = CREEL_EXIT_REFUSED;
		if (reply->re_case == CTL__REPLY__RE_ERROR)
			(void)cli_report_error(reply->error,
					       CREEL_EXIT_REFUSED);
		return false;
	}
	for (size_t i = 0; i < reply->items->n_items; i++) {
		removal->count++;
		if (removal->want_json)
			cli_item_json(&removal->json, reply->items->items[i]);
		else
			put_line(removal->out, removal->before,
				 reply->items->items[i]);
	}
	return reply->items->more;
}

/**
 * cli_removal_ask() - have sandboxes removed, or told which would be
 * @request: Recreate or Prune
 * @removal: count and status are filled
 *
 * Return: an exit status.
 */
int cli_removal_ask(const struct cli_args *args, Ctl__Request *request,
		    struct cli_removal *removal)
{
	removal->count = 0;
	removal->status = CREEL_EXIT_OK;
	removal->json = (struct cli_json){ .out = removal->out };
	if (removal->want_json)
		cli_json_open(&removal->json, NULL, '[');
	if (cli_ask(args, request, take_removed, removal))
		removal->status = CREEL_EXIT_REFUSED;
	if (removal->want_json) {
		cli_json_close(&removal->json, ']');
		cli_json_end(&removal->json);
	} else if (removal->count == 0 && removal->status == CREEL_EXIT_OK) {
		fprintf(removal->out, "nothing to remove\n");
	}
	if (cli_stdout_flush())
		removal->status = CREEL_EXIT_REFUSED;
	return removal->status;
}
