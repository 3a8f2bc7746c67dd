// SPDX-License-Identifier: Apache-2.0
/*
 * What is said about a command: where it runs, and how it ended.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/report.h"
#include "controller/cli/session.h"
#include "proto/exit-codes.h"

static void print_detached(const struct session *session, bool created)
{
	struct cli_json json = { .out = stdout };

	if (!session->args->has[CLI_OPT_JSON]) {
		printf("%s\n", session->id);
		return;
	}
	cli_json_open(&json, NULL, '{');
	cli_json_text(&json, "id", session->id);
	cli_json_text(&json, "sandbox", session->sandbox);
	cli_json_bool(&json, "created", created);
	cli_json_close(&json, '}');
	cli_json_end(&json);
}

/**
 * session_print_started() - say what the caller should know at once
 *
 * A session's new sandbox is announced on a terminal; that one was lost, and
 * every warning, always.
 */
void session_print_started(struct session *session, const Ctl__Started *msg)
{
	(void)snprintf(session->sandbox, sizeof(session->sandbox), "%s",
		       msg->sandbox);
	(void)snprintf(session->id, sizeof(session->id), "%s", msg->id);
	for (size_t i = 0; i < msg->n_warnings; i++)
		cli_note("warning: %s", msg->warnings[i]);
	if (msg->lost)
		cli_note("sandbox %s: was lost, and has been made anew",
			 msg->sandbox);
	else if (msg->created && session->args->verb->id != CLI_VERB_RUN &&
		 isatty(2))
		cli_note("new sandbox %s", msg->sandbox);
	if (session->args->has[CLI_OPT_DETACH]) {
		print_detached(session, msg->created);
		(void)cli_stdout_flush();
	}
}

/* In the largest unit that fits: 1500 is 1500ms, 120000 is 2m. */
static void print_timeout(uint64_t msec)
{
	unsigned long long value = msec;
	const char *unit = "ms";

	if (msec % 3600000 == 0) {
		value = msec / 3600000;
		unit = "h";
	} else if (msec % 60000 == 0) {
		value = msec / 60000;
		unit = "m";
	} else if (msec % 1000 == 0) {
		value = msec / 1000;
		unit = "s";
	}
	cli_error("command: timed out after %llu%s", value, unit);
}

static void print_json(const struct session *session)
{
	const struct session_result *result = &session->result;
	struct cli_json json = { .out = stderr };

	cli_json_open(&json, NULL, '{');
	cli_json_text(&json, "sandbox", session->sandbox);
	cli_json_text(&json, "id", session->id);
	cli_json_number(&json, "status", (uint64_t)result->status);
	cli_json_bool(&json, "timed_out", result->timed_out);
	cli_json_bool(&json, "oom", result->oom);
	cli_json_text(&json, "text", result->text);
	cli_json_number(&json, "wall_usec", result->wall_usec);
	if (result->has_cpu)
		cli_json_number(&json, "cpu_usec", result->cpu_usec);
	else
		cli_json_null(&json, "cpu_usec");
	if (result->has_memory)
		cli_json_number(&json, "memory_peak", result->memory_peak);
	else
		cli_json_null(&json, "memory_peak");
	cli_json_open(&json, "warnings", '[');
	for (size_t i = 0; i < result->n_warnings; i++)
		cli_json_text(&json, NULL, result->warnings[i]);
	cli_json_close(&json, ']');
	cli_json_close(&json, '}');
	cli_json_end(&json);
}

static void print_words(const struct session *session)
{
	const struct session_result *result = &session->result;

	for (size_t i = 0; i < result->n_warnings; i++)
		cli_note("warning: %s", result->warnings[i]);
	if (result->timed_out)
		print_timeout(session->call.command.timeout_ms);
	else if (result->text[0])
		cli_error("command: %s", result->text);
}

/**
 * session_take_warnings() - what the caller should know, now that it is over
 *
 * Of run it comes twice; what is told last is all of it.
 */
void session_take_warnings(struct session_result *result,
			   const Ctl__Exited *msg)
{
	while (result->n_warnings > 0)
		free(result->warnings[--result->n_warnings]);
	for (size_t i = 0; i < msg->n_warnings && i < SESSION_WARNINGS; i++) {
		char *text = strdup(msg->warnings[i]);

		if (text)
			result->warnings[result->n_warnings++] = text;
	}
}

/**
 * session_print_missing() - a program that is here, and not in the sandbox
 * @status: what was said to be the matter
 *
 * Return: the status.
 */
int session_print_missing(const struct session *session, int status)
{
	const struct cli_args *args = session->args;
	const char *name = args->n_words ? args->words[0] : "";

	if (status == CREEL_EXIT_NOT_FOUND && args->verb->id == CLI_VERB_RUN &&
	    !args->has[CLI_OPT_WORKSPACE] && *name != '/' &&
	    strchr(name, '/') && access(name, X_OK) == 0)
		cli_hint("--workspace . gives the sandbox this directory");
	return status;
}

/**
 * session_print_result() - say how the command ended, where that needs words
 *
 * Return: the exit status.
 */
int session_print_result(struct session *session)
{
	const struct session_result *result = &session->result;

	session_io_fini(session);
	if (!session->exited)
		return session->over ? result->status : CREEL_EXIT_FAILED;
	if (session->args->has[CLI_OPT_JSON])
		print_json(session);
	else
		print_words(session);
	return result->timed_out ? CREEL_EXIT_TIMEOUT : result->status;
}
