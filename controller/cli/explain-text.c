// SPDX-License-Identifier: Apache-2.0
/*
 * `creel explain' for people: what runs where, why, and which key changes it.
 */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/explain.h"
#include "controller/cli/page.h"
#include "controller/cli/report.h"
#include "proto/cleanup.h"

#define HEAD 11  /* where the text beside a label of the head begins */
#define LABEL 2
#define VALUE 25 /* likewise of a section */
#define PLACE 53 /* where a value is from */

static void __attribute__((format(printf, 4, 5)))
flow(struct cli_page *page, int indent, enum cli_style style, const char *fmt,
     ...)
{
	auto_free char *text = NULL;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0)
		text = NULL;
	else
		cli_page_flow(page, indent, style, text);
}

/* "FILE:LINE", or "default". */
static void place_text(const struct cfg *cfg, const struct cfg_pos *pos,
		       char *text, size_t size)
{
	if (pos->line == 0)
		(void)snprintf(text, size, "default");
	else
		cfg_pos_text(cfg, pos, text, size);
}

static void head(struct cli_page *page, const char *label)
{
	if (*label)
		cli_page_flow(page, 0, CLI_STYLE_BOLD, label);
	cli_page_tab(page, HEAD);
}

static void section(struct cli_page *page, const char *title)
{
	cli_page_end(page);
	cli_page_flow(page, 0, CLI_STYLE_BOLD, title);
	cli_page_end(page);
}

static void put_runs(struct cli_page *page, const struct cli_explain *explain)
{
	const struct pol_session *session = explain->session;

	head(page, "Runs");
	if (!session->sandboxed) {
		flow(page, HEAD, CLI_STYLE_BOLD,
		     "on the host, without a sandbox");
		cli_page_end(page);
		return;
	}
	switch (session->scope) {
	case POL_SCOPE_SESSION:
	case POL_SCOPE_INVALID:
		flow(page, HEAD, CLI_STYLE_BOLD,
		     "in a sandbox of its own:");
		break;
	case POL_SCOPE_AGENT:
		flow(page, HEAD, CLI_STYLE_BOLD,
		     "in the one sandbox of agent %s:", session->agent_id);
		break;
	case POL_SCOPE_SHARED:
		flow(page, HEAD, CLI_STYLE_BOLD,
		     "in the one sandbox that all agents share:");
		break;
	}
	flow(page, HEAD, CLI_STYLE_PLAIN, " %s", session->name);
	cli_page_end(page);
}

static void put_why(struct cli_page *page, const struct cli_explain *explain)
{
	const struct pol_session *session = explain->session;
	const struct pol_origin *origin = &session->origins[POL_MODE];
	char place[CFG_PROBLEM_BYTES];

	head(page, "Because");
	flow(page, HEAD, CLI_STYLE_PLAIN, "mode is %s",
	     pol_mode_name(session->mode));
	if (session->mode == POL_MODE_NON_MAIN)
		flow(page, HEAD, CLI_STYLE_PLAIN,
		     session->sandboxed ?
			     ", and this is not the main session, %s" :
			     ", and this is the main session",
		     session->main_key);
	cli_page_end(page);
	head(page, "");
	place_text(explain->cfg, &origin->pos, place, sizeof(place));
	flow(page, HEAD, CLI_STYLE_DIM, "%s (%s)", origin->key, place);
	cli_page_end(page);
	if (!session->sandboxed) {
		head(page, "");
		flow(page, HEAD, CLI_STYLE_PLAIN,
		     "`creel exec' refuses it, unless --host says that the host is meant");
		cli_page_end(page);
	}
}

static void put_fixes(struct cli_page *page, const struct cli_explain *explain)
{
	const struct pol_decision *decision = &explain->decision;
	char place[CFG_PROBLEM_BYTES];

	for (size_t i = 0; i < decision->n_fixes; i++) {
		const struct pol_fix *fix = &decision->fixes[i];

		head(page, i == 0 ? "Change" : "");
		place_text(explain->cfg, &fix->pos, place, sizeof(place));
		flow(page, HEAD + 2, CLI_STYLE_BOLD, "%s", fix->key);
		flow(page, HEAD + 2, CLI_STYLE_PLAIN, ": %s", fix->how);
		flow(page, HEAD + 2, CLI_STYLE_DIM, " (%s)", place);
		cli_page_end(page);
	}
	if (pol_decision_is_main_free(explain->policy, decision)) {
		head(page, "");
		flow(page, HEAD + 2, CLI_STYLE_PLAIN,
		     "or use the main session, which has no sandbox: %s",
		     explain->session->main_key);
		cli_page_end(page);
	}
	if (pol_decision_is_final(explain->policy, decision)) {
		head(page, "Change");
		flow(page, HEAD, CLI_STYLE_PLAIN,
		     "nothing: a session that another one spawned never has it");
		cli_page_end(page);
	}
}

static void put_tool(struct cli_page *page, const struct cli_explain *explain)
{
	const struct pol_decision *decision = &explain->decision;

	head(page, "Tool");
	flow(page, HEAD, CLI_STYLE_BOLD, "%s", decision->tool);
	flow(page, HEAD, decision->allowed ? CLI_STYLE_GOOD : CLI_STYLE_BAD,
	     decision->allowed ? " is allowed" : " is blocked");
	if (!decision->allowed && decision->n_refusals == 0)
		flow(page, HEAD, CLI_STYLE_PLAIN, ": no tool is called so");
	for (size_t i = 0; i < decision->n_refusals; i++)
		flow(page, HEAD, CLI_STYLE_PLAIN, "%s %s (%s)",
		     i > 0 ? "," : " by the",
		     pol_stage_name(decision->refusals[i].stage),
		     pol_refusal_reason(&decision->refusals[i]));
	cli_page_end(page);
	put_fixes(page, explain);
}

/* Names alone of what may be secret. */
static void value_text(const struct cfg_node *node, bool names, FILE *out)
{
	bool object = node->type == CFG_OBJECT;

	switch (node->type) {
	case CFG_STRING:
	case CFG_DATETIME:
		fputs(node->text, out);
		return;
	case CFG_BOOL:
		fputs(node->boolean ? "true" : "false", out);
		return;
	case CFG_INTEGER:
		fprintf(out, "%lld", (long long)node->integer);
		return;
	case CFG_FLOAT:
		fprintf(out, "%.15g", node->real);
		return;
	case CFG_ARRAY:
	case CFG_OBJECT:
		if (!node->first)
			fputs("(none)", out);
		for (const struct cfg_node *at = node->first; at;
		     at = at->next) {
			if (object)
				fputs(at->key, out);
			if (object && !names)
				fputc('=', out);
			if (at->type == CFG_OBJECT)
				fputc('{', out);
			if (!object || !names)
				value_text(at, names, out);
			if (at->type == CFG_OBJECT)
				fputc('}', out);
			if (at->next)
				fputs(", ", out);
		}
		return;
	case CFG_INVALID:
	case CFG_NULL:
		return;
	}
}

static void origin_text(const struct cfg *cfg, const struct pol_origin *origin,
			char *text, size_t size)
{
	const struct cfg_pos *pos = &origin->pos;
	const char *name, *slash;
	int len;

	if (origin->level == POL_LEVEL_DEFAULT) {
		(void)snprintf(text, size, "default");
		return;
	}
	if (origin->level == POL_LEVEL_AGENT)
		len = snprintf(text, size, "%.*s",
			       (int)strcspn(origin->key, "]") + 1, origin->key);
	else if (!strncmp(origin->key, "agents.defaults.", 16))
		len = snprintf(text, size, "agents.defaults");
	else
		len = snprintf(text, size, "set");
	text += len;
	size -= (size_t)len;
	if (pos->file == 0 || pos->file >= cfg->problems.n_files) {
		(void)snprintf(text, size, ", line %u", pos->line);
		return;
	}
	name = cfg->problems.files[pos->file];
	slash = strrchr(name, '/');
	(void)snprintf(text, size, ", %.200s:%u", slash ? slash + 1 : name,
		       pos->line);
}

static void put_origin(struct cli_page *page,
		       const struct cli_explain *explain,
		       const struct pol_origin *origin)
{
	char text[300];
	int width;

	origin_text(explain->cfg, origin, text, sizeof(text));
	width = cli_page_width(page, text);
	if (page->column < PLACE && PLACE + width <= CLI_PAGE_COLUMNS)
		cli_page_tab(page, PLACE);
	else if (page->column + 2 + width <= CLI_PAGE_COLUMNS)
		cli_page_tab(page, page->column + 2);
	else
		cli_page_tab(page, VALUE);
	cli_page_flow(page, VALUE + 2, CLI_STYLE_DIM, text);
	cli_page_end(page);
}

static void put_value(struct cli_page *page, const struct cli_explain *explain,
		      enum pol_value value)
{
	const struct pol_session *session = explain->session;
	const struct pol_origin *origin = &session->origins[value];
	auto_free char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	if (session->values[value])
		value_text(session->values[value], value == POL_ENV, out);
	else
		fputs("(not set)", out);
	if (fclose(out))
		return;
	cli_page_tab(page, LABEL);
	cli_page_flow(page, LABEL, CLI_STYLE_PLAIN, pol_value_key(value));
	cli_page_tab(page, VALUE);
	cli_page_flow(page, VALUE, CLI_STYLE_PLAIN, text);
	put_origin(page, explain, origin);
	if (!origin->note)
		return;
	cli_page_tab(page, VALUE);
	cli_page_flow(page, VALUE, CLI_STYLE_PLAIN, origin->note);
	cli_page_end(page);
}

/* What everybody wants to know; of the rest only what is set. */
static bool is_shown(const struct pol_session *session, enum pol_value value)
{
	return value <= POL_IMAGE || value == POL_READ_ONLY_ROOT ||
	       value == POL_NETWORK || value == POL_USER ||
	       session->origins[value].level != POL_LEVEL_DEFAULT ||
	       session->origins[value].note;
}

static void put_sandbox(struct cli_page *page,
			const struct cli_explain *explain)
{
	const struct pol_session *session = explain->session;

	section(page, session->sandboxed ? "Sandbox" :
		"Sandbox (this session has none; this is what it would be)");
	for (int i = 0; i < POL_VALUE_COUNT; i++)
		if (is_shown(session, (enum pol_value)i))
			put_value(page, explain, (enum pol_value)i);
	cli_page_tab(page, LABEL);
	cli_page_flow(page, LABEL, CLI_STYLE_PLAIN, "seen at the workdir");
	cli_page_tab(page, VALUE);
	cli_page_flow(page, VALUE, CLI_STYLE_PLAIN, session->sandbox_workspace);
	cli_page_end(page);
	if (session->access != POL_ACCESS_RO)
		return;
	cli_page_tab(page, LABEL);
	cli_page_flow(page, LABEL, CLI_STYLE_PLAIN, "seen at /agent");
	cli_page_tab(page, VALUE);
	flow(page, VALUE, CLI_STYLE_PLAIN, "%s (read-only)",
	     session->agent_workspace);
	cli_page_end(page);
}

static void put_names(struct cli_page *page, const struct cli_explain *explain,
		      enum pol_stage stage)
{
	const char *const *names = pol_tool_names();
	struct pol_decision decision;
	bool any = false;

	for (; *names; names++) {
		pol_policy_decide(explain->policy, *names, &decision);
		if ((decision.allowed ? POL_STAGE_INVALID :
					decision.refusals[0].stage) != stage)
			continue;
		if (!any && stage != POL_STAGE_INVALID) {
			cli_page_tab(page, LABEL);
			flow(page, LABEL, CLI_STYLE_PLAIN, "blocked by the %s",
			     pol_stage_name(stage));
			cli_page_tab(page, VALUE);
		}
		flow(page, VALUE, CLI_STYLE_PLAIN, " %s", *names);
		any = true;
	}
	if (!any && stage == POL_STAGE_INVALID)
		cli_page_flow(page, VALUE, CLI_STYLE_BAD, "(none)");
	if (any || stage == POL_STAGE_INVALID)
		cli_page_end(page);
}

static void put_tools(struct cli_page *page, const struct cli_explain *explain)
{
	section(page, "Tools");
	cli_page_tab(page, LABEL);
	cli_page_flow(page, LABEL, CLI_STYLE_PLAIN, "allowed");
	cli_page_tab(page, VALUE);
	put_names(page, explain, POL_STAGE_INVALID);
	for (int i = POL_STAGE_PROFILE; i < POL_STAGE_COUNT; i++)
		put_names(page, explain, (enum pol_stage)i);
	if (explain->has_tool)
		return;
	cli_page_tab(page, LABEL);
	flow(page, LABEL, CLI_STYLE_DIM,
	     "`creel explain --session %s --tool NAME' says why a tool is blocked",
	     explain->key);
	cli_page_end(page);
}

static void put_elevated(struct cli_page *page,
			 const struct cli_explain *explain)
{
	const struct pol_elevated *elevated = &explain->elevated;

	section(page, "Elevated (exec on the host, from within a session)");
	cli_page_tab(page, LABEL);
	if (!explain->session->sandboxed)
		flow(page, LABEL, CLI_STYLE_PLAIN,
		     "changes nothing: the session is on the host already");
	else if (elevated->always_allowed_by_config)
		flow(page, LABEL, CLI_STYLE_PLAIN,
		     "open to everybody on %s", elevated->channel);
	else if (elevated->allowed_by_config)
		flow(page, LABEL, CLI_STYLE_PLAIN,
		     "open to the listed senders on %s", elevated->channel);
	else if (elevated->enabled && !elevated->channel)
		flow(page, LABEL, CLI_STYLE_PLAIN,
		     "closed: the session's key names no channel");
	else
		flow(page, LABEL, CLI_STYLE_PLAIN, "closed");
	for (size_t i = 0; i < elevated->n_failures; i++)
		flow(page, LABEL + 2, CLI_STYLE_PLAIN, "%s %s (%s)",
		     i > 0 ? "," : " by", elevated->failures[i].key,
		     elevated->failures[i].gate);
	cli_page_end(page);
}

static void put_lists(struct cli_page *page, const char *title,
		      const char *const *lines, size_t count)
{
	if (count == 0)
		return;
	section(page, title);
	for (size_t i = 0; i < count; i++) {
		cli_page_tab(page, LABEL);
		flow(page, LABEL + 2, CLI_STYLE_PLAIN, "- %s", lines[i]);
		cli_page_end(page);
	}
}

/**
 * cli_explain_text() - everything, for a person
 */
void cli_explain_text(const struct cli_explain *explain)
{
	struct cli_page page;

	cli_page_init(&page, stdout);
	head(&page, "Session");
	flow(&page, HEAD, CLI_STYLE_BOLD, "%s", explain->key);
	cli_page_end(&page);
	if (explain->has_tool)
		put_tool(&page, explain);
	put_runs(&page, explain);
	put_why(&page, explain);
	head(&page, "From");
	flow(&page, HEAD, CLI_STYLE_PLAIN, "%s",
	     explain->cfg->path ? explain->cfg->path :
				  "no configuration file: defaults");
	cli_page_end(&page);
	put_sandbox(&page, explain);
	put_tools(&page, explain);
	put_elevated(&page, explain);
	put_lists(&page, "Notes", explain->notes, explain->n_notes);
	put_lists(&page, "Fix-it: the keys that decide", explain->fixes,
		  explain->n_fixes);
}
