// SPDX-License-Identifier: Apache-2.0
/*
 * May a session use a tool?  Stages in a row; each can only take away.
 */
#include <config.h>

#include "controller/policy/tools.h"

#include <stdlib.h>
#include <string.h>

#include "controller/policy/key.h"
#include "controller/policy/stage.h"
#include "controller/policy/values.h"

#define AGENT_TOOLS "agents.list[].tools."
#define SUBAGENT_KEY "tools.subagents.tools."

static const char *const everything[] = { "*", NULL };

/* One level of the configuration, for one stage. */
struct level {
	const struct cfg_node *tools;
	const char *prefix; /* of its keys, with a dot at the end */
	enum pol_level level;
};

static struct cfg_pos pos_of(const struct cfg_node *node)
{
	return node->key_pos.line ? node->key_pos : node->pos;
}

static int read_list(struct pol_policy *policy, const struct level *level,
		     const char *name, struct pol_list *list)
{
	const struct cfg_node *node = cfg_get(level->tools, name);

	list->level = level->level;
	list->key = cfg_tree_printf(policy->mem, "%s%s", level->prefix, name);
	if (!list->key)
		return -1;
	if (node)
		list->pos = pos_of(node);
	return pol_list_read(policy->mem, node, list);
}

/* alsoAllow beside a missing allow is * and its entries. */
static int read_lists(struct pol_policy *policy, const struct level *level,
		      struct pol_stage_lists *lists)
{
	struct pol_list also = { NULL };

	if (read_list(policy, level, "allow", &lists->allow) ||
	    read_list(policy, level, "alsoAllow", &also) ||
	    read_list(policy, level, "deny", &lists->deny))
		return -1;
	if (also.count == 0)
		return 0;
	if (lists->allow.count == 0 &&
	    pol_list_texts(policy->mem, everything, &lists->allow))
		return -1;
	return pol_list_join(policy->mem, &lists->allow, &also);
}

static int read_profile(struct pol_policy *policy, const struct level *level,
			struct pol_stage_lists *lists)
{
	const struct cfg_node *node = cfg_get(level->tools, "profile");
	const char *const *names;

	if (!node || node->type != CFG_STRING)
		return 0;
	lists->profile.key =
		cfg_tree_printf(policy->mem, "%sprofile", level->prefix);
	lists->profile.pos = pos_of(node);
	lists->profile.level = level->level;
	lists->profile.set = true;
	names = pol_profile_find(node->text);
	if (!names)
		return lists->profile.key ? 0 : -1;
	lists->allow = lists->profile;
	if (!lists->profile.key ||
	    pol_list_texts(policy->mem, names, &lists->allow) ||
	    read_list(policy, level, "alsoAllow", &lists->also))
		return -1;
	return pol_list_join(policy->mem, &lists->allow, &lists->also);
}

/* The agent's profile, else the global one. */
static int read_profiles(struct pol_policy *policy,
			 const struct level *levels, enum pol_stage stage)
{
	const struct cfg_node *own = cfg_get(levels[1].tools, "profile");

	return read_profile(policy, &levels[own ? 1 : 0],
			    &policy->stages[stage]);
}

/* Is @key, as it is written, the name of that length? */
static bool is_provider(const char *key, const char *name, size_t len)
{
	size_t n;

	key = pol_trim(key, &n);
	if (n != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (pol_lower(key[i]) != pol_lower(name[i]))
			return false;
	return true;
}

static const struct cfg_node *match_provider(const struct cfg_node *all,
					     const char *name, size_t len)
{
	const struct cfg_node *best = NULL;

	/* Of several that differ in case alone the last counts. */
	for (const struct cfg_node *at = all->first; at && len; at = at->next)
		if (is_provider(at->key, name, len))
			best = at;
	return best;
}

/* What a level says of a provider: provider/model before provider. */
static int find_provider(struct pol_policy *policy, const struct level *level,
			 const char *name, struct level *found)
{
	const struct cfg_node *all = cfg_get(level->tools, "byProvider");
	const struct cfg_node *best;
	const char *slash;
	size_t len;

	*found = (struct level){ NULL, level->prefix, level->level };
	if (!name || !all || all->type != CFG_OBJECT)
		return 0;
	name = pol_trim(name, &len);
	best = match_provider(all, name, len);
	slash = memchr(name, '/', len);
	if (!best && slash)
		best = match_provider(all, name, (size_t)(slash - name));
	if (!best)
		return 0;
	found->tools = best;
	found->prefix = cfg_tree_printf(policy->mem, "%sbyProvider.%s.",
					level->prefix, best->key);
	return found->prefix ? 0 : -1;
}

/* A list of the sandbox policy: the agent's, the global one, the default. */
static int read_sandbox_list(struct pol_policy *policy,
			     const struct level *levels, const char *path,
			     struct pol_list *list)
{
	const struct cfg_key *row = cfg_key_find(CFG_IN_TOOLS, path);
	bool own = cfg_get(levels[1].tools, path);
	struct level level = levels[own ? 1 : 0];

	if (read_list(policy, &level, path, list))
		return -1;
	if (list->set || !row)
		return 0;
	list->level = POL_LEVEL_DEFAULT;
	return pol_list_read(policy->mem, cfg_fallback(policy->session->cfg,
						       row), list);
}

static bool has_literally(const struct pol_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->names[i], name) == 0)
			return true;
	return false;
}

static int read_sandbox(struct pol_policy *policy, const struct level *levels)
{
	static const char *const image[] = { "image", NULL };
	struct pol_stage_lists *lists = &policy->stages[POL_STAGE_SANDBOX];
	struct pol_list extra = { NULL };

	if (read_sandbox_list(policy, levels, "sandbox.tools.allow",
			      &lists->allow) ||
	    read_sandbox_list(policy, levels, "sandbox.tools.deny",
			      &lists->deny))
		return -1;
	if (has_literally(&lists->allow, "image") ||
	    has_literally(&lists->deny, "image"))
		return 0;
	if (pol_list_texts(policy->mem, image, &extra))
		return -1;
	return pol_list_join(policy->mem, &lists->allow, &extra);
}

static int read_subagent(struct pol_policy *policy)
{
	const struct cfg *cfg = policy->session->cfg;
	const struct cfg_key *row = cfg_key_find(CFG_IN_ROOT,
						 SUBAGENT_KEY "deny");
	const struct level level = {
		cfg_get(cfg->tools, "subagents.tools"), SUBAGENT_KEY,
		POL_LEVEL_GLOBAL,
	};
	struct pol_stage_lists *lists = &policy->stages[POL_STAGE_SUBAGENT];
	struct pol_list own = { NULL };

	if (!policy->subagent)
		return 0;
	if (read_list(policy, &level, "allow", &lists->allow) ||
	    read_list(policy, &level, "deny", &own))
		return -1;
	lists->deny = own;
	/* What is configured comes beside the built-in list. */
	if (row && pol_list_read(policy->mem, cfg_fallback(cfg, row),
				 &lists->profile))
		return -1;
	lists->profile.key = "built in";
	return pol_list_join(policy->mem, &lists->deny, &lists->profile);
}

static int read_workspace(struct pol_policy *policy)
{
	static const char *const writers[] = { "write", "edit", "apply_patch",
					       NULL };
	const struct pol_origin *origin =
		&policy->session->origins[POL_ACCESS];
	struct pol_list *deny = &policy->stages[POL_STAGE_WORKSPACE].deny;

	if (policy->session->access != POL_ACCESS_RO)
		return 0;
	deny->level = origin->level;
	deny->key = origin->level == POL_LEVEL_AGENT ?
		"agents.list[].sandbox.workspaceAccess" : origin->key;
	deny->pos = origin->pos;
	return pol_list_texts(policy->mem, writers, deny);
}

static bool is_subagent(const char *key)
{
	const char *rest = strncmp(key, "agent:", 6) ? NULL :
						       strchr(key + 6, ':');

	return !strncmp(rest ? rest + 1 : key, "subagent:", 9);
}

static int build(struct pol_policy *policy, const char *provider)
{
	const struct pol_session *session = policy->session;
	const struct cfg_agent *agent = session->agent;
	const struct level levels[2] = {
		{ session->cfg->tools, "tools.", POL_LEVEL_GLOBAL },
		{ agent && agent->node ? cfg_get(agent->node, "tools") : NULL,
		  AGENT_TOOLS, POL_LEVEL_AGENT },
	};
	struct level by[2];

	for (size_t i = 0; i < 2; i++)
		if (find_provider(policy, &levels[i], provider, &by[i]))
			return -1;
	if (read_profiles(policy, levels, POL_STAGE_PROFILE) ||
	    read_profiles(policy, by, POL_STAGE_PROVIDER_PROFILE) ||
	    read_lists(policy, &levels[0],
		       &policy->stages[POL_STAGE_GLOBAL]) ||
	    read_lists(policy, &by[0], &policy->stages[POL_STAGE_PROVIDER]) ||
	    read_lists(policy, &levels[1], &policy->stages[POL_STAGE_AGENT]) ||
	    read_lists(policy, &by[1],
		       &policy->stages[POL_STAGE_AGENT_PROVIDER]))
		return -1;
	if (read_sandbox(policy, levels) || read_subagent(policy))
		return -1;
	return read_workspace(policy);
}

/**
 * pol_policy_new() - the lists of all stages for one session
 * @session: borrowed for the life of the result
 *
 * Return: owned, NULL without memory.
 */
struct pol_policy *pol_policy_new(const struct pol_session *session,
				  const struct pol_tool_request *about)
{
	struct pol_policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return NULL;
	policy->session = session;
	policy->mem = cfg_tree_new();
	policy->subagent = (about && about->subagent) ||
			   is_subagent(session->key);
	if (!policy->mem || build(policy, about ? about->provider : NULL)) {
		pol_policy_free(policy);
		return NULL;
	}
	return policy;
}

/**
 * pol_policy_free() - release a policy; NULL is none
 */
void pol_policy_free(struct pol_policy *policy)
{
	if (!policy)
		return;
	cfg_tree_free(policy->mem);
	free(policy);
}

/**
 * pol_policy_list() - what a stage allows or denies
 */
const struct pol_list *pol_policy_list(const struct pol_policy *policy,
				       enum pol_stage stage, bool deny)
{
	const struct pol_stage_lists *lists = &policy->stages[stage];

	return deny ? &lists->deny : &lists->allow;
}

static void judge(const struct pol_policy *policy, enum pol_stage stage,
		  struct pol_decision *decision)
{
	const struct pol_stage_lists *lists = &policy->stages[stage];
	const struct pol_list *allow = &lists->allow, *deny = &lists->deny;
	struct pol_refusal *refusal = &decision->refusals[decision->n_refusals];
	const char *tool = decision->tool;

	*refusal = (struct pol_refusal){ .stage = stage };
	refusal->by_deny = pol_list_has(deny, tool);
	refusal->by_allow = allow->count > 0 && !pol_list_has(allow, tool);
	/* Whoever may run commands may patch files. */
	if (refusal->by_allow && stage != POL_STAGE_SANDBOX &&
	    strcmp(tool, "apply_patch") == 0 && pol_list_has(allow, "exec") &&
	    !pol_list_has(deny, "exec"))
		refusal->by_allow = false;
	if (!refusal->by_deny && !refusal->by_allow)
		return;
	refusal->key = refusal->by_deny ? deny->key : allow->key;
	refusal->pos = refusal->by_deny ? deny->pos : allow->pos;
	decision->n_refusals++;
	pol_refusal_fixes(policy, refusal, decision);
}

/**
 * pol_policy_decide() - may it be used, and if not, why not?
 * @tool:     as it was asked for
 * @decision: filled; borrows from @policy
 */
void pol_policy_decide(const struct pol_policy *policy, const char *tool,
		       struct pol_decision *decision)
{
	bool sandboxed = policy->session->sandboxed;
	bool known;

	memset(decision, 0, sizeof(*decision));
	known = pol_tool_fold(tool, decision->tool) == 0 && decision->tool[0];
	for (int i = POL_STAGE_PROFILE; known && i < POL_STAGE_COUNT; i++) {
		if (!sandboxed &&
		    (i == POL_STAGE_SANDBOX || i == POL_STAGE_WORKSPACE))
			continue;
		judge(policy, (enum pol_stage)i, decision);
	}
	decision->allowed = known && decision->n_refusals == 0;
}
