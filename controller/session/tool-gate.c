// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a call may be, and where: policy first, then the gates in front of
 * the host. A call can only ask for what is allowed; nothing in it makes more
 * so.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/session/toolbox.h"
#include "proto/cleanup.h"

#define HOST_PREFIX "host-" /* of what is in the background on the host */

/**
 * ses_gate_policy() - does policy refuse a tool?
 * @why: out: for the log
 *
 * Return: NULL where it may be used; else the refusal, owned.
 */
char *ses_gate_policy(const struct ses_view *view, const struct tool *tool,
		      struct err *why)
{
	struct pol_decision decision;
	const struct pol_refusal *first;
	char *text;

	if (ses_view_allows(view, tool, &decision))
		return NULL;
	first = &decision.refusals[0];
	if (decision.n_refusals > 0)
		err_set(why, ERR_DENIED, 0, "%s: %s (%.90s)",
			pol_stage_name(first->stage), pol_refusal_reason(first),
			first->key ? first->key : "built in");
	else
		err_set(why, ERR_DENIED, 0, "no tool is called so");
	text = pol_decision_text(view->policy, &decision);
	return text ? text : strdup(why->text);
}

static bool is_named(const char *const *senders, size_t count,
		     const char *sender)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(senders[i], "*") == 0 ||
		    (sender && strcmp(senders[i], sender) == 0))
			return true;
	return false;
}

/* One level's list does not have the sender. */
static void put_sender(FILE *out, const struct ses_view *view,
		       const struct pol_elevated *elevated, bool agent)
{
	const char *const *senders;
	size_t count;

	if (!pol_elevated_senders(view->session, elevated, agent, &senders,
				  &count) ||
	    count == 0 || is_named(senders, count, view->sender))
		return;
	fprintf(out, "- sender: %s is not in %stools.elevated.allowFrom.%s\n",
		view->sender ? view->sender : "(unknown)",
		agent ? "agents.list[]." : "", elevated->channel);
}

static void put_gates(FILE *out, const struct ses_view *view,
		      const struct tool *tool,
		      const struct pol_elevated *elevated)
{
	fprintf(out, "Elevated \"%s\" is not allowed here (session: %s, channel: %s, sender: %s).\n",
		tool->name, view->session->key,
		elevated->channel ? elevated->channel : "unknown",
		view->sender ? view->sender : "unknown");
	fputs("Failed gates:\n", out);
	for (size_t i = 0; i < elevated->n_failures; i++)
		fprintf(out, "- %s: %s\n", elevated->failures[i].gate,
			elevated->failures[i].key);
	if (!elevated->channel)
		fputs("- channel: neither --channel nor the session's key says one (tools.elevated.allowFrom)\n",
		      out);
	else
		for (int agent = 0; agent < 2; agent++)
			put_sender(out, view, elevated, agent);
}

/**
 * ses_gate_elevated() - may a tool act outside of the sandbox?
 * @why: out: for the log
 *
 * Return: NULL where it may; else the gates that are shut, owned.
 */
char *ses_gate_elevated(const struct ses_view *view, const struct tool *tool,
			struct err *why)
{
	struct pol_elevated elevated;
	char *text = NULL;
	size_t size;
	FILE *out;

	pol_elevated_resolve(view->session, &view->about, &elevated);
	if (elevated.allowed)
		return NULL;
	err_set(why, ERR_DENIED, 0, "elevated: %s (%.90s)",
		elevated.n_failures > 0 ? elevated.failures[0].gate :
		elevated.channel	? "sender" :
					  "channel",
		elevated.n_failures > 0 ? elevated.failures[0].key :
					  "tools.elevated.allowFrom");
	out = open_memstream(&text, &size);
	if (!out)
		return strdup(why->text);
	put_gates(out, view, tool, &elevated);
	if (fclose(out) == 0)
		return text;
	free(text);
	return strdup(why->text);
}

/**
 * ses_gate_list() - may what is on the host be listed, too?
 *
 * Of a list of a sandboxed session's commands, where the gates are open: those
 * on the host are known to the client alone.
 */
bool ses_gate_list(const struct ses_call *call)
{
	const struct ses_view *view = call->view;
	const char *action = json_string_value(
		json_object_get(call->call->args, "action"));
	struct pol_elevated elevated;

	if (strcmp(call->call->tool->name, "process") != 0 || !action ||
	    strcmp(action, "list") != 0)
		return false;
	pol_elevated_resolve(view->session, &view->about, &elevated);
	return elevated.allowed;
}

/* What an elevated exec has left in the background is there, too. */
static bool is_on_host(const struct tool *tool, const json_t *args)
{
	const char *id = json_string_value(json_object_get(args, "sessionId"));

	return strcmp(tool->name, "process") == 0 && id &&
	       strncmp(id, HOST_PREFIX, sizeof(HOST_PREFIX) - 1) == 0;
}

/**
 * ses_gate_place() - where does a call want to act?
 * @args:  checked
 * @place: out
 *
 * Return: 0, or -1: there is no such place for this session.
 */
int ses_gate_place(const struct ses_view *view, const struct tool *tool,
		   const json_t *args, enum ses_place *place, struct err *err)
{
	const bool sandboxed = view->session->sandboxed;
	const char *host = json_string_value(json_object_get(args, "host"));
	struct ctl_fail fail = CTL_FAIL_INIT;

	*place = sandboxed ? SES_PLACE_SANDBOX : SES_PLACE_HOST;
	if (!sandboxed && tool->jailed && tool->jailed(view->cfg->cfg))
		*place = SES_PLACE_JAIL;
	if (sandboxed && is_on_host(tool, args))
		*place = SES_PLACE_ELEVATED;
	if (strcmp(tool->name, "exec") != 0)
		return 0;
	if (host && strcmp(host, "node") == 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "exec: host: there is no node: sandbox and gateway are what there is");
	if (host && strcmp(host, "sandbox") == 0 && !sandboxed) {
		(void)ses_host_refuse(view->session, false, &fail);
		return err_set(err, ERR_BAD_STATE, 0, "exec: host: %.140s",
			       fail.err.text);
	}
	if (sandboxed &&
	    (json_is_true(json_object_get(args, "elevated")) ||
	     (host && strcmp(host, "gateway") == 0)))
		*place = SES_PLACE_ELEVATED;
	return 0;
}
