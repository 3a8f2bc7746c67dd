// SPDX-License-Identifier: Apache-2.0
/*
 * Why a tool is refused, in words, and which keys would change it.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/policy/stage.h"

/**
 * pol_stage_name() - a stage as people call it
 */
const char *pol_stage_name(enum pol_stage stage)
{
	static const char *const names[POL_STAGE_COUNT] = {
		[POL_STAGE_INVALID] = "?",
		[POL_STAGE_PROFILE] = "tool profile",
		[POL_STAGE_PROVIDER_PROFILE] = "provider's tool profile",
		[POL_STAGE_GLOBAL] = "global tool policy",
		[POL_STAGE_PROVIDER] = "provider's tool policy",
		[POL_STAGE_AGENT] = "agent's tool policy",
		[POL_STAGE_AGENT_PROVIDER] = "agent's policy for the provider",
		[POL_STAGE_SANDBOX] = "sandbox tool policy",
		[POL_STAGE_SUBAGENT] = "subagent tool policy",
		[POL_STAGE_WORKSPACE] = "workspace access",
	};

	return names[stage];
}

static void add(struct pol_decision *decision, const struct pol_list *list,
		const char *how)
{
	if (decision->n_fixes == POL_MAX_FIXES)
		return;
	decision->fixes[decision->n_fixes++] = (struct pol_fix){
		list->key, how, list->pos,
	};
}

/* The key that the mode is from, in the form without an index. */
static struct pol_list mode_key(const struct pol_session *session)
{
	const struct pol_origin *origin = &session->origins[POL_MODE];
	struct pol_list list = { .pos = origin->pos };

	list.key = origin->level == POL_LEVEL_AGENT ?
			   "agents.list[].sandbox.mode" :
			   "agents.defaults.sandbox.mode";
	return list;
}

static void fix_sandbox(const struct pol_policy *policy,
			const struct pol_refusal *refusal,
			struct pol_decision *decision)
{
	const struct pol_stage_lists *lists = &policy->stages[refusal->stage];
	struct pol_list mode = mode_key(policy->session);

	add(decision, &mode, "off (no sandbox)");
	if (refusal->by_deny)
		add(decision, &lists->deny,
		    lists->deny.level == POL_LEVEL_DEFAULT ?
			    "set it, without the tool" : "take the tool off");
	if (refusal->by_allow)
		add(decision, &lists->allow,
		    lists->allow.level == POL_LEVEL_DEFAULT ?
			    "set it, with the tool" : "put the tool on");
}

static void fix_workspace(const struct pol_policy *policy,
			  struct pol_decision *decision)
{
	const struct pol_list *deny =
		&policy->stages[POL_STAGE_WORKSPACE].deny;
	struct pol_list mode = mode_key(policy->session);

	add(decision, deny, "rw, or none");
	for (size_t i = 0; i < decision->n_fixes; i++)
		if (!strcmp(decision->fixes[i].key, mode.key))
			return;
	add(decision, &mode, "off (no sandbox)");
}

/**
 * pol_refusal_fixes() - the keys that would change a refusal
 * @decision: they are added to its fixes
 */
void pol_refusal_fixes(const struct pol_policy *policy,
		       const struct pol_refusal *refusal,
		       struct pol_decision *decision)
{
	const struct pol_stage_lists *lists = &policy->stages[refusal->stage];

	switch (refusal->stage) {
	case POL_STAGE_PROFILE:
	case POL_STAGE_PROVIDER_PROFILE:
		add(decision, &lists->profile, "choose another, or full");
		add(decision, &lists->also, "put the tool on");
		return;
	case POL_STAGE_SANDBOX:
		fix_sandbox(policy, refusal, decision);
		return;
	case POL_STAGE_WORKSPACE:
		fix_workspace(policy, decision);
		return;
	case POL_STAGE_SUBAGENT:
		/* The built-in list stays, whatever is configured. */
		if (pol_list_has(&lists->profile, decision->tool))
			break;
		if (refusal->by_deny)
			add(decision, &lists->deny, "take the tool off");
		if (refusal->by_allow)
			add(decision, &lists->allow, "put the tool on");
		return;
	case POL_STAGE_GLOBAL:
	case POL_STAGE_PROVIDER:
	case POL_STAGE_AGENT:
	case POL_STAGE_AGENT_PROVIDER:
		if (refusal->by_deny)
			add(decision, &lists->deny, "take the tool off");
		if (refusal->by_allow)
			add(decision, &lists->allow, "put the tool on");
		return;
	case POL_STAGE_INVALID:
	case POL_STAGE_COUNT:
		break;
	}
}

static void put_place(FILE *out, const struct cfg *cfg,
		      const struct cfg_pos *pos)
{
	char text[CFG_PROBLEM_BYTES];

	if (pos->line == 0)
		return;
	cfg_pos_text(cfg, pos, text, sizeof(text));
	fprintf(out, " (%s)", text);
}

/**
 * pol_refusal_reason() - "deny list", "allow list", or both
 */
const char *pol_refusal_reason(const struct pol_refusal *refusal)
{
	if (refusal->stage == POL_STAGE_WORKSPACE)
		return "the workspace is read-only";
	if (refusal->by_deny && refusal->by_allow)
		return "deny list + allow list";
	return refusal->by_deny ? "deny list" : "allow list";
}

static void put_refusals(FILE *out, const struct pol_policy *policy,
			 const struct pol_decision *decision)
{
	const struct pol_session *session = policy->session;

	for (size_t i = 0; i < decision->n_refusals; i++) {
		const struct pol_refusal *refusal = &decision->refusals[i];

		if (i == 0)
			fprintf(out, "Tool \"%s\" blocked by %s (mode=%s).\n"
				"Session: %s\nReason: ", decision->tool,
				pol_stage_name(refusal->stage),
				pol_mode_name(session->mode), session->key);
		else
			fprintf(out, "Also: %s: ",
				pol_stage_name(refusal->stage));
		fprintf(out, "%s\n", pol_refusal_reason(refusal));
	}
}

/**
 * pol_decision_text() - a refusal for whoever asked: what, why, what to do
 *
 * Return: lines, to be freed; NULL without memory.
 */
char *pol_decision_text(const struct pol_policy *policy,
			const struct pol_decision *decision)
{
	const struct pol_session *session = policy->session;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (decision->allowed)
		fprintf(out, "Tool \"%s\" is allowed.\n", decision->tool);
	else if (decision->n_refusals == 0)
		fprintf(out, "Tool \"%s\": no tool is called so.\n",
			decision->tool);
	put_refusals(out, policy, decision);
	if (decision->n_refusals > 0)
		fputs("Fix:\n", out);
	for (size_t i = 0; i < decision->n_fixes; i++) {
		const struct pol_fix *fix = &decision->fixes[i];

		fprintf(out, "- %s: %s", fix->key, fix->how);
		put_place(out, session->cfg, &fix->pos);
		fputc('\n', out);
	}
	if (pol_decision_is_final(policy, decision))
		fputs("- none: a session that another one spawned never has it\n",
		      out);
	else if (pol_decision_is_main_free(policy, decision))
		fprintf(out, "- or use the main session, which has no sandbox: %s\n",
			session->main_key);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/**
 * pol_decision_is_final() - is it refused whatever is configured?
 */
bool pol_decision_is_final(const struct pol_policy *policy,
			   const struct pol_decision *decision)
{
	const struct pol_list *built_in =
		&policy->stages[POL_STAGE_SUBAGENT].profile;

	return !decision->allowed && pol_list_has(built_in, decision->tool);
}

/**
 * pol_decision_is_main_free() - does the main session have the tool?
 *
 * Where it is the sandbox alone that keeps it away, and the main session has
 * none.
 */
bool pol_decision_is_main_free(const struct pol_policy *policy,
			       const struct pol_decision *decision)
{
	for (size_t i = 0; i < decision->n_refusals; i++)
		if (decision->refusals[i].stage != POL_STAGE_SANDBOX &&
		    decision->refusals[i].stage != POL_STAGE_WORKSPACE)
			return false;
	return decision->n_refusals > 0 &&
	       policy->session->mode == POL_MODE_NON_MAIN;
}
