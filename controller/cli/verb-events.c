// SPDX-License-Identifier: Apache-2.0
/*
 * creel events: what happens to sandboxes, as it happens.
 */
#include <config.h>

#include <stdio.h>

#include "controller/cli/report.h"
#include "controller/cli/rpc.h"
#include "controller/cli/verbs.h"
#include "controller/cli/when.h"
#include "proto/exit-codes.h"

struct listening {
	struct cli_json json;
	bool want_json;
};

static void event_json(struct cli_json *json, const Ctl__Event *event)
{
	char text[48];

	cli_json_open(json, NULL, '{');
	cli_json_text(json, "time",
		      cli_when_utc(event->time_ms, text, sizeof(text)));
	cli_json_number(json, "time_ms", event->time_ms);
	cli_json_text(json, "event", event->what);
	cli_json_text(json, "sandbox", event->sandbox);
	cli_json_text(json, "session", event->session);
	cli_json_text(json, "text", event->text);
	cli_json_close(json, '}');
	cli_json_end(json);
}

/* TIME EVENT SANDBOX (SESSION): TEXT */
static void event_line(const Ctl__Event *event)
{
	char text[32];

	printf("%s  ", cli_when_local(event->time_ms, text, sizeof(text)));
	cli_put_text(stdout, event->what);
	if (event->sandbox[0]) {
		putchar(' ');
		cli_put_text(stdout, event->sandbox);
	}
	if (event->session[0]) {
		fputs(" (", stdout);
		cli_put_text(stdout, event->session);
		putchar(')');
	}
	if (event->text[0]) {
		fputs(": ", stdout);
		cli_put_text(stdout, event->text);
	}
	putchar('\n');
}

static bool take_event(const Ctl__Reply *reply, void *arg)
{
	struct listening *listening = arg;

	if (reply->re_case != CTL__REPLY__RE_EVENT) {
		if (reply->re_case == CTL__REPLY__RE_ERROR)
			(void)cli_report_error(reply->error,
					       CREEL_EXIT_REFUSED);
		return false;
	}
	if (listening->want_json)
		event_json(&listening->json, reply->event);
	else
		event_line(reply->event);
	/* Whoever reads them may have gone. */
	return cli_stdout_flush() == 0;
}

/**
 * cli_events_main() - creel events
 *
 * Return: never by itself without an error; it ends with its reader or a
 * signal.
 */
int cli_events_main(const struct cli_args *args)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__Events events = CTL__EVENTS__INIT;
	struct listening listening = {
		.json = { .out = stdout },
		.want_json = args->has[CLI_OPT_JSON],
	};

	if (args->n_words) {
		cli_error("%s: events takes no argument", args->words[0]);
		return CREEL_EXIT_USAGE;
	}
	request.op_case = CTL__REQUEST__OP_EVENTS;
	request.events = &events;
	(void)cli_ask(args, &request, take_event, &listening);
	return CREEL_EXIT_REFUSED;
}
