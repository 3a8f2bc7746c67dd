// SPDX-License-Identifier: Apache-2.0
/*
 * creel tool: shows the tools of a session, and calls one of them.
 */
#include <config.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/cli/loop.h"
#include "controller/cli/report.h"
#include "controller/cli/table.h"
#include "controller/cli/verb-tool.h"
#include "controller/cli/verbs.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define LONG_MS 1000 /* from then on its progress is shown */
#define SHOWN_COLUMNS 79

static const int caught[] = { SIGINT, SIGTERM, SIGHUP };
#define N_CAUGHT (sizeof(caught) / sizeof(caught[0]))

struct using {
	const struct cli_args *args; /* borrowed */
	const char *name;	     /* of the tool; NULL: list */
	char *json;		     /* owned; its arguments */
	size_t len;
	struct event_base *base;     /* owned */
	struct event *signals[N_CAUGHT]; /* owned */
	struct toolbox *toolbox;     /* owned */
	struct toolbox_call *call;   /* while it goes on */
	char *tools;		     /* owned; what there are */
	size_t tools_len;
	bool shown; /* a line of progress is on the terminal */
	bool over;
	int status;
};

static void end(struct using *using, int status)
{
	if (using->over)
		return;
	using->over = true;
	using->status = status;
	(void)event_base_loopbreak(using->base);
}

static void clear_progress(struct using *using)
{
	if (using->shown)
		fputs("\r\033[K", stderr);
	using->shown = false;
}

static void on_progress(void *arg, uint64_t elapsed_ms, uint64_t output_bytes,
			const char *text)
{
	struct using *using = arg;
	auto_free char *safe = NULL;
	auto_free char *line = NULL;
	char size[32];

	if (elapsed_ms < LONG_MS)
		return;
	safe = cli_escape(text, cli_locale_is_utf8());
	if (!safe || asprintf(&line, "%s: %" PRIu64 " s, %s of output%s%s",
			      using->name, elapsed_ms / 1000,
			      cli_text_size(output_bytes, size, sizeof(size)),
			      safe[0] ? ": " : "", safe) < 0) {
		line = NULL;
		return;
	}
	clear_progress(using);
	fprintf(stderr, "%.*s", (int)cli_text_fit(line, SHOWN_COLUMNS), line);
	using->shown = true;
}

/* What was not meant, if creeld has no advice of its own. */
static void print_failure(const struct using *using, const struct err *err)
{
	const char *hint = toolbox_hint(using->toolbox);
	auto_free char *nearest = NULL;

	cli_error("%s", err->text);
	if (hint[0]) {
		cli_hint("%s", hint);
		return;
	}
	if (err->code != ERR_BAD_REQUEST)
		return;
	nearest = cli_tool_nearest(using->name, using->tools,
				   using->tools_len);
	if (nearest && strcmp(nearest, using->name) != 0)
		cli_hint("did you mean %s?", nearest);
}

static void on_done(void *arg, const char *json, size_t len, bool error,
		    const struct err *err)
{
	struct using *using = arg;

	using->call = NULL;
	clear_progress(using);
	if (!json) {
		print_failure(using, err);
		end(using, CREEL_EXIT_REFUSED);
		return;
	}
	if (using->args->has[CLI_OPT_JSON]) {
		cli_tool_print_json(json, len);
	} else {
		cli_tool_print_result(json, len);
		(void)fflush(stdout);
		if (isatty(STDERR_FILENO))
			cli_tool_print_cost(using->name, json, len);
	}
	end(using, error ? CREEL_EXIT_REFUSED : CREEL_EXIT_OK);
}

static void keep_tools(struct using *using, const struct toolbox_info *info)
{
	free(using->tools);
	using->tools = malloc(info->tools_len + 1);
	using->tools_len = using->tools ? info->tools_len : 0;
	if (using->tools)
		memcpy(using->tools, info->tools, info->tools_len);
}

static void on_opened(void *arg, const struct toolbox_info *info)
{
	struct using *using = arg;

	if (using->over)
		return;
	for (size_t i = 0; i < info->n_warnings; i++)
		cli_note("warning: %s", info->warnings[i]);
	if (using->name) {
		keep_tools(using, info);
		return;
	}
	if (using->args->has[CLI_OPT_JSON])
		cli_tool_print_json(info->tools, info->tools_len);
	else
		cli_tool_print_list(info);
	end(using, CREEL_EXIT_OK);
}

static void on_failed(void *arg, const struct err *err, const char *hint,
		      int status)
{
	struct using *using = arg;

	(void)status;
	if (using->over)
		return;
	clear_progress(using);
	cli_error("%s", err->text);
	if (hint[0])
		cli_hint("%s", hint);
	end(using, CREEL_EXIT_REFUSED);
}

/* The first one ends the call, whose result is waited for; the next one us. */
static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct using *using = arg;

	(void)what;
	for (size_t i = 0; i < N_CAUGHT; i++) {
		if (using->signals[i])
			event_free(using->signals[i]);
		using->signals[i] = NULL;
	}
	if (using->call) {
		toolbox_cancel(using->call);
		return;
	}
	(void)raise((int)number);
}

/* A signal that was ignored when creel started, as nohup(1) does, stays so. */
static int catch_signals(struct using *using)
{
	struct sigaction old;

	for (size_t i = 0; i < N_CAUGHT; i++) {
		if (!sigaction(caught[i], NULL, &old) &&
		    old.sa_handler == SIG_IGN)
			continue;
		using->signals[i] = evsignal_new(using->base, caught[i],
						 on_signal, using);
		if (!using->signals[i] ||
		    event_add(using->signals[i], NULL))
			return -1;
	}
	return 0;
}

static int start(struct using *using, struct err *err)
{
	static const struct toolbox_ops ops = { .opened = on_opened,
						.failed = on_failed };
	static const struct toolbox_call_ops silent = { NULL, on_done };
	static const struct toolbox_call_ops shown = { on_progress, on_done };
	const struct toolbox_ask ask = { using->name, using->json,
					 using->len };
	bool show = isatty(STDERR_FILENO) && !using->args->has[CLI_OPT_JSON];

	using->base = cli_loop_new(err);
	if (!using->base) {
		cli_error("%s", err->text);
		return -1;
	}
	using->toolbox = toolbox_open(using->base, using->args, &ops, using,
				      err);
	if (!using->toolbox)
		return -1;
	if (using->name)
		using->call = toolbox_call(using->toolbox, &ask,
					   show ? &shown : &silent, using,
					   err);
	if (using->name && !using->call) {
		cli_error("%s", err->text);
		return -1;
	}
	if (!catch_signals(using))
		return 0;
	cli_error("signals: no memory");
	return -1;
}

static void using_fini(struct using *using)
{
	for (size_t i = 0; i < N_CAUGHT; i++)
		if (using->signals[i])
			event_free(using->signals[i]);
	toolbox_close(using->toolbox);
	if (using->base)
		event_base_free(using->base);
	free(using->tools);
	free(using->json);
}

/* Which of the two, and with what. */
static int read_words(const struct cli_args *args, struct using *using,
		      struct err *err)
{
	char **words = args->words;
	int n = args->n_words;

	if (n == 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "tool: neither list nor call");
	if (!strcmp(words[0], "list")) {
		if (n == 1)
			return 0;
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%.64s: tool list takes no argument", words[1]);
	}
	if (strcmp(words[0], "call") != 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%.64s: tool has two verbs, list and call",
			       words[0]);
	if (n == 1)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "tool call: no tool is named");
	if (n > 3)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%.64s: the arguments of a tool are one word, a JSON object",
			       words[3]);
	using->name = words[1];
	return cli_tool_args(n == 3 ? words[2] : NULL, &using->json,
			     &using->len, err);
}

/**
 * cli_tool_main() - creel tool list | call NAME [ARGUMENTS]
 */
int cli_tool_main(const struct cli_args *args)
{
	struct using using = { .args = args, .status = CREEL_EXIT_REFUSED };
	struct err err = ERR_INIT;
	int status;

	if (read_words(args, &using, &err)) {
		cli_error("%s", err.text);
		free(using.json);
		return err.code == ERR_BAD_REQUEST ? CREEL_EXIT_USAGE :
						     CREEL_EXIT_REFUSED;
	}
	if (!start(&using, &err))
		(void)event_base_loop(using.base, 0);
	status = using.status;
	using_fini(&using);
	return cli_stdout_flush() ? CREEL_EXIT_REFUSED : status;
}
