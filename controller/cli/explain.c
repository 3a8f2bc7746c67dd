// SPDX-License-Identifier: Apache-2.0
/*
 * Gathers what applies to a session and why, without a daemon.
 */
#include <config.h>

#include "controller/cli/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/policy/key.h"
#include "proto/cleanup.h"

/**
 * cli_explain_note() - a sentence at the end
 */
void cli_explain_note(struct cli_explain *explain, const char *fmt, ...)
{
	va_list args;

	if (explain->n_notes == EXPLAIN_MAX_NOTES)
		return;
	va_start(args, fmt);
	explain->notes[explain->n_notes] =
		cfg_tree_vprintf(explain->session->mem, fmt, args);
	va_end(args);
	if (explain->notes[explain->n_notes])
		explain->n_notes++;
}

/**
 * cli_explain_level() - a level in one word
 */
const char *cli_explain_level(enum pol_level level)
{
	static const char *const names[] = { "?", "default", "global",
					     "agent" };

	return names[level];
}

/* The key as it is compared with the main session's: no alias is followed,
 * and a name without a colon is one of the agent's sessions. */
static const char *literal_key(const struct pol_session *session,
			       const char *asked)
{
	auto_free char *text = NULL;

	if (!asked || !strcmp(session->given, session->main_key))
		return session->main_key;
	if (strchr(session->given, ':'))
		return session->given;
	if (asprintf(&text, "agent:%s:%s", session->agent_id,
		     session->given) < 0) {
		text = NULL;
		return NULL;
	}
	return cfg_tree_strndup(session->mem, text, strlen(text));
}

static int compare_literally(struct cli_explain *explain, const char *asked)
{
	struct pol_session *session = explain->session;
	bool is_main;

	explain->key = literal_key(session, asked);
	if (!explain->key)
		return -1;
	is_main = !strcmp(explain->key, session->main_key);
	if (is_main == session->is_main)
		return 0;
	if (session->mode == POL_MODE_NON_MAIN) {
		session->sandboxed = !is_main;
		cli_explain_note(explain,
				 "Here keys are compared as they are written. To `creel exec' %s is the main session, %s, which has no sandbox.",
				 explain->key, session->main_key);
	} else {
		cli_explain_note(explain, "%s is another name of %s.",
				 explain->key, session->main_key);
	}
	return 0;
}

static void note_agent(struct cli_explain *explain)
{
	const struct pol_session *session = explain->session;
	const struct cfg *cfg = explain->cfg;

	if (!session->agent && (cfg->n_agents > 0 ||
				strcmp(session->agent_id,
				       cfg->default_agent) != 0))
		cli_explain_note(explain,
				 "agents.list has no agent %s: what holds for all holds for it.",
				 session->agent_id);
}

static void note_tools(struct cli_explain *explain)
{
	const struct pol_list *allow = pol_policy_list(explain->policy,
						       POL_STAGE_SANDBOX,
						       false);

	if (allow->level != POL_LEVEL_DEFAULT && allow->count == 1 &&
	    !strcmp(allow->names[0], "image"))
		cli_explain_note(explain,
				 "%s leaves image alone: an empty list does not mean all tools here, whatever manuals say.",
				 allow->key);
}

static void add_fix(struct cli_explain *explain, const char *key)
{
	if (key && explain->n_fixes < EXPLAIN_MAX_FIXES)
		explain->fixes[explain->n_fixes++] = key;
}

static void list_fixes(struct cli_explain *explain)
{
	const char *channel = explain->elevated.channel;
	auto_free char *text = NULL;

	if (explain->session->mode != POL_MODE_OFF) {
		add_fix(explain, "agents.defaults.sandbox.mode=off");
		add_fix(explain, "agents.list[].sandbox.mode=off");
	}
	add_fix(explain, "tools.sandbox.tools.allow");
	add_fix(explain, "tools.sandbox.tools.deny");
	add_fix(explain, "agents.list[].tools.sandbox.tools.allow");
	add_fix(explain, "agents.list[].tools.sandbox.tools.deny");
	add_fix(explain, "tools.elevated.enabled");
	if (!channel)
		return;
	if (asprintf(&text, "tools.elevated.allowFrom.%s", channel) < 0) {
		text = NULL;
		return;
	}
	add_fix(explain, cfg_tree_strndup(explain->session->mem, text,
					  strlen(text)));
}

/**
 * cli_explain_init() - all that there is to say
 * @explain: filled; cli_explain_fini() is due on failure too
 * @cfg:     borrowed for as long
 *
 * Return: 0 or -1.
 */
int cli_explain_init(struct cli_explain *explain, const struct cfg *cfg,
		     const struct cli_explain_asked *asked, struct err *err)
{
	struct pol_tool_request about = { .provider = asked->provider };

	*explain = (struct cli_explain){ .cfg = cfg };
	explain->session = pol_session_new(cfg, asked->session, asked->agent,
					   err);
	if (!explain->session)
		return -1;
	if (compare_literally(explain, asked->session))
		return err_set(err, ERR_KERNEL, ENOMEM, "session");
	explain->policy = pol_policy_new(explain->session, &about);
	if (!explain->policy)
		return err_set(err, ERR_KERNEL, ENOMEM, "tool policy");
	explain->session->channel = pol_key_channel(explain->key);
	pol_elevated_resolve(explain->session, &about, &explain->elevated);
	explain->has_tool = asked->tool;
	if (asked->tool)
		pol_policy_decide(explain->policy, asked->tool,
				  &explain->decision);
	note_agent(explain);
	note_tools(explain);
	cli_explain_note_sources(explain);
	list_fixes(explain);
	return 0;
}

/**
 * cli_explain_fini() - release; idempotent
 */
void cli_explain_fini(struct cli_explain *explain)
{
	pol_policy_free(explain->policy);
	pol_session_free(explain->session);
	explain->policy = NULL;
	explain->session = NULL;
}
