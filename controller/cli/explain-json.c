// SPDX-License-Identifier: Apache-2.0
/*
 * `creel explain --json': first the members that other programs print of the
 * same, under their names and in their order, then creel's own.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "controller/cli/explain.h"
#include "controller/cli/report.h"

#define INDENT 2

static void put_node(struct cli_json *json, const char *key,
		     const struct cfg_node *node)
{
	bool object = node->type == CFG_OBJECT;

	switch (node->type) {
	case CFG_STRING:
	case CFG_DATETIME:
		cli_json_text(json, key, node->text);
		return;
	case CFG_BOOL:
		cli_json_bool(json, key, node->boolean);
		return;
	case CFG_INTEGER:
		if (node->integer < 0)
			cli_json_real(json, key, (double)node->integer);
		else
			cli_json_number(json, key, (uint64_t)node->integer);
		return;
	case CFG_FLOAT:
		cli_json_real(json, key, node->real);
		return;
	case CFG_ARRAY:
	case CFG_OBJECT:
		cli_json_open(json, key, object ? '{' : '[');
		for (const struct cfg_node *at = node->first; at;
		     at = at->next)
			put_node(json, object ? at->key : NULL, at);
		cli_json_close(json, object ? '}' : ']');
		return;
	case CFG_INVALID:
	case CFG_NULL:
		break;
	}
	cli_json_null(json, key);
}

static void put_texts(struct cli_json *json, const char *key,
		      const char *const *texts, size_t count)
{
	cli_json_open(json, key, '[');
	for (size_t i = 0; i < count; i++)
		cli_json_text(json, NULL, texts[i]);
	cli_json_close(json, ']');
}

static void put_place(struct cli_json *json, const struct cfg *cfg,
		      const struct cfg_pos *pos)
{
	if (pos->line == 0 || pos->file >= cfg->problems.n_files)
		return;
	cli_json_text(json, "file", cfg->problems.files[pos->file]);
	cli_json_number(json, "line", pos->line);
	cli_json_number(json, "column", pos->column);
}

static void put_source(struct cli_json *json, const char *key,
		       const struct pol_list *list)
{
	cli_json_open(json, key, '{');
	cli_json_text(json, "source", cli_explain_level(list->level));
	cli_json_text(json, "key", list->key);
	cli_json_close(json, '}');
}

static void put_sandbox(struct cli_json *json,
			const struct cli_explain *explain)
{
	const struct pol_session *session = explain->session;
	const struct pol_list *allow = pol_policy_list(explain->policy,
						       POL_STAGE_SANDBOX,
						       false);
	const struct pol_list *deny = pol_policy_list(explain->policy,
						      POL_STAGE_SANDBOX, true);

	cli_json_open(json, "sandbox", '{');
	cli_json_text(json, "mode", pol_mode_name(session->mode));
	cli_json_text(json, "scope", pol_scope_name(session->scope));
	cli_json_bool(json, "perSession", session->scope == POL_SCOPE_SESSION);
	cli_json_text(json, "workspaceAccess",
		      pol_access_name(session->access));
	cli_json_text(json, "workspaceRoot", session->workspace_root);
	cli_json_bool(json, "sessionIsSandboxed", session->sandboxed);
	cli_json_open(json, "tools", '{');
	put_texts(json, "allow", allow->names, allow->count);
	put_texts(json, "deny", deny->names, deny->count);
	cli_json_open(json, "sources", '{');
	put_source(json, "allow", allow);
	put_source(json, "deny", deny);
	cli_json_close(json, '}');
	cli_json_close(json, '}');
	cli_json_close(json, '}');
}

/* Who may, as texts without blanks around them; numbers are taken as texts. */
static void put_senders(struct cli_json *json, const char *key,
			const struct cli_explain *explain, bool agent)
{
	const char *const *senders;
	size_t count;

	if (pol_elevated_senders(explain->session, &explain->elevated, agent,
				 &senders, &count))
		put_texts(json, key, senders, count);
}

static void put_elevated(struct cli_json *json,
			 const struct cli_explain *explain)
{
	const struct pol_elevated *elevated = &explain->elevated;

	cli_json_open(json, "elevated", '{');
	cli_json_bool(json, "enabled", elevated->enabled);
	if (elevated->channel)
		cli_json_text(json, "channel", elevated->channel);
	cli_json_bool(json, "allowedByConfig", elevated->allowed_by_config);
	cli_json_bool(json, "alwaysAllowedByConfig",
		      elevated->always_allowed_by_config);
	cli_json_open(json, "allowFrom", '{');
	put_senders(json, "global", explain, false);
	put_senders(json, "agent", explain, true);
	cli_json_close(json, '}');
	cli_json_open(json, "failures", '[');
	for (size_t i = 0; i < elevated->n_failures; i++) {
		cli_json_open(json, NULL, '{');
		cli_json_text(json, "gate", elevated->failures[i].gate);
		cli_json_text(json, "key", elevated->failures[i].key);
		cli_json_close(json, '}');
	}
	cli_json_close(json, ']');
	cli_json_close(json, '}');
}

/* What is set of a section, without the section's name. */
static void put_section(struct cli_json *json,
			const struct pol_session *session, enum pol_value from,
			enum pol_value to)
{
	const char *key = pol_value_key(from);
	size_t len = strcspn(key, ".");
	char name[32];

	(void)snprintf(name, sizeof(name), "%.*s", (int)len, key);
	cli_json_open(json, name, '{');
	for (int i = from; i <= (int)to; i++)
		if (session->values[i])
			put_node(json,
				 pol_value_key((enum pol_value)i) + len + 1,
				 session->values[i]);
	cli_json_close(json, '}');
}

static void put_origins(struct cli_json *json,
			const struct cli_explain *explain)
{
	const struct pol_session *session = explain->session;

	cli_json_open(json, "origins", '{');
	for (int i = 0; i < POL_VALUE_COUNT; i++) {
		const struct pol_origin *origin = &session->origins[i];

		cli_json_open(json, pol_value_key((enum pol_value)i), '{');
		if (session->values[i])
			put_node(json, "value", session->values[i]);
		cli_json_text(json, "source",
			      cli_explain_level(origin->level));
		cli_json_text(json, "key", origin->key);
		put_place(json, explain->cfg, &origin->pos);
		if (origin->note)
			cli_json_text(json, "note", origin->note);
		cli_json_close(json, '}');
	}
	cli_json_close(json, '}');
}

static void put_own(struct cli_json *json, const struct cli_explain *explain)
{
	const struct pol_session *session = explain->session;
	char hash[2 * POL_HASH_BYTES + 1];

	for (size_t i = 0; i < POL_HASH_BYTES; i++)
		(void)snprintf(hash + 2 * i, 3, "%02x", session->hash[i]);
	if (explain->cfg->path)
		cli_json_text(json, "configuration", explain->cfg->path);
	cli_json_text(json, "canonicalKey", session->key);
	cli_json_text(json, "scopeKey", session->scope_key);
	cli_json_text(json, "slug", session->slug);
	cli_json_text(json, "name", session->name);
	cli_json_text(json, "hash", hash);
	cli_json_open(json, "workspaces", '{');
	cli_json_text(json, "sandbox", session->sandbox_workspace);
	cli_json_text(json, "agent", session->agent_workspace);
	cli_json_close(json, '}');
	cli_json_text(json, "root", explain->host_image ? "host" :
							  session->image);
	put_section(json, session, POL_IMAGE, POL_BINDS);
	put_section(json, session, POL_PRUNE_IDLE, POL_PRUNE_AGE);
	put_section(json, session, POL_BROWSER_ENABLED,
		    POL_BROWSER_AUTO_START_TIMEOUT_MS);
	put_origins(json, explain);
	put_texts(json, "notes", explain->notes, explain->n_notes);
}

static void put_refusals(struct cli_json *json,
			 const struct cli_explain *explain)
{
	const struct pol_decision *decision = &explain->decision;

	cli_json_open(json, "reasons", '[');
	for (size_t i = 0; i < decision->n_refusals; i++) {
		const struct pol_refusal *refusal = &decision->refusals[i];

		cli_json_open(json, NULL, '{');
		cli_json_text(json, "stage", pol_stage_name(refusal->stage));
		cli_json_text(json, "reason", pol_refusal_reason(refusal));
		cli_json_text(json, "key", refusal->key);
		put_place(json, explain->cfg, &refusal->pos);
		cli_json_close(json, '}');
	}
	cli_json_close(json, ']');
	cli_json_open(json, "fixes", '[');
	for (size_t i = 0; i < decision->n_fixes; i++) {
		const struct pol_fix *fix = &decision->fixes[i];

		cli_json_open(json, NULL, '{');
		cli_json_text(json, "key", fix->key);
		cli_json_text(json, "how", fix->how);
		put_place(json, explain->cfg, &fix->pos);
		cli_json_close(json, '}');
	}
	cli_json_close(json, ']');
}

static void put_tool(struct cli_json *json, const struct cli_explain *explain)
{
	const struct pol_decision *decision = &explain->decision;

	cli_json_open(json, "tool", '{');
	cli_json_text(json, "name", decision->tool);
	cli_json_bool(json, "allowed", decision->allowed);
	if (decision->n_refusals > 0)
		cli_json_text(json, "stage",
			      pol_stage_name(decision->refusals[0].stage));
	put_refusals(json, explain);
	cli_json_close(json, '}');
}

static void put_tools(struct cli_json *json, const struct cli_explain *explain)
{
	const char *const *names = pol_tool_names();
	struct pol_decision decision;

	cli_json_open(json, "tools", '{');
	for (; *names; names++) {
		pol_policy_decide(explain->policy, *names, &decision);
		cli_json_bool(json, *names, decision.allowed);
	}
	cli_json_close(json, '}');
}

/**
 * cli_explain_json() - everything, for a program
 */
void cli_explain_json(const struct cli_explain *explain)
{
	struct cli_json json = { .out = stdout, .indent = INDENT };

	cli_json_open(&json, NULL, '{');
	cli_json_text(&json, "agentId", explain->session->agent_id);
	cli_json_text(&json, "sessionKey", explain->key);
	cli_json_text(&json, "mainSessionKey", explain->session->main_key);
	put_sandbox(&json, explain);
	put_elevated(&json, explain);
	put_texts(&json, "fixIt", explain->fixes, explain->n_fixes);
	put_own(&json, explain);
	put_tools(&json, explain);
	if (explain->has_tool)
		put_tool(&json, explain);
	cli_json_close(&json, '}');
	cli_json_end(&json);
}
