// SPDX-License-Identifier: Apache-2.0
/*
 * The gates in front of the host: who may have exec run outside the sandbox.
 */
#include <config.h>

#include <string.h>

#include "controller/policy/key.h"
#include "controller/policy/tools.h"
#include "controller/policy/values.h"

#define GLOBAL_KEY "tools.elevated."
#define AGENT_KEY "agents.list[].tools.elevated."

static bool is_false(const struct cfg_node *node)
{
	return node && node->type == CFG_BOOL && !node->boolean;
}

/* Senders may be written as numbers. */
static bool is_sender(struct cfg_tree *mem, const struct cfg_node *node,
		      const char *sender)
{
	const char *text = pol_node_text(mem, node);
	size_t len, want;

	if (!text)
		return false;
	text = pol_trim(text, &len);
	sender = pol_trim(sender, &want);
	return len == want && len > 0 && !memcmp(text, sender, len);
}

static bool has(struct cfg_tree *mem, const struct cfg_node *list,
		const char *sender)
{
	if (!list || list->type != CFG_ARRAY)
		return false;
	for (const struct cfg_node *at = list->first; at; at = at->next)
		if (is_sender(mem, at, sender))
			return true;
	return false;
}

/* An entry of blanks alone is none. */
static bool is_empty(struct cfg_tree *mem, const struct cfg_node *list)
{
	if (!list || list->type != CFG_ARRAY)
		return true;
	for (const struct cfg_node *at = list->first; at; at = at->next) {
		const char *text = pol_node_text(mem, at);
		size_t len = 0;

		if (text)
			(void)pol_trim(text, &len);
		if (len > 0)
			return false;
	}
	return true;
}

static void fail(struct pol_elevated *elevated, const char *gate,
		 const char *key)
{
	if (elevated->n_failures == POL_MAX_GATES || !key)
		return;
	elevated->failures[elevated->n_failures].gate = gate;
	elevated->failures[elevated->n_failures++].key = key;
}

/* One level's list for the channel; false: it keeps everybody out. */
static bool check_channel(const struct pol_session *session,
			  struct pol_elevated *elevated,
			  const struct cfg_node *list, const char *prefix)
{
	if (!is_empty(session->mem, list))
		return true;
	fail(elevated, "allowFrom",
	     cfg_tree_printf(session->mem, "%sallowFrom.%s", prefix,
			     elevated->channel));
	return false;
}

static bool lets_in(const struct pol_session *session,
		    const struct cfg_node *list, const char *sender)
{
	return has(session->mem, list, "*") ||
	       (sender && has(session->mem, list, sender));
}

/**
 * pol_elevated_resolve() - each gate of elevated, and whether it is open
 * @about:    NULL: the channel is the session's, the sender is not known
 * @elevated: filled; borrows from @session
 *
 * Where an agent has a list of its own, both must let the sender in.
 */
void pol_elevated_resolve(const struct pol_session *session,
			  const struct pol_tool_request *about,
			  struct pol_elevated *elevated)
{
	const struct cfg_agent *agent = session->agent;
	const struct cfg_node *own = agent && agent->node ?
		cfg_get(agent->node, "tools.elevated") : NULL;
	const struct cfg_node *all = cfg_get(session->cfg->tools, "elevated");
	const char *sender = about ? about->sender : NULL;
	const struct cfg_node *own_from = cfg_get(own, "allowFrom");
	bool open, always, in;

	memset(elevated, 0, sizeof(*elevated));
	elevated->channel = about && about->channel ? about->channel :
						      session->channel;
	elevated->enabled = true;
	if (is_false(cfg_get(all, "enabled")))
		fail(elevated, "enabled", GLOBAL_KEY "enabled");
	if (is_false(cfg_get(own, "enabled")))
		fail(elevated, "enabled", AGENT_KEY "enabled");
	elevated->enabled = elevated->n_failures == 0;
	if (!elevated->channel)
		return;
	elevated->allow_global = cfg_get(cfg_get(all, "allowFrom"),
					 elevated->channel);
	elevated->allow_agent = cfg_get(own_from, elevated->channel);
	open = check_channel(session, elevated, elevated->allow_global,
			     GLOBAL_KEY);
	always = lets_in(session, elevated->allow_global, NULL);
	in = lets_in(session, elevated->allow_global, sender);
	elevated->agent_has_list = own_from;
	if (own_from) {
		open &= check_channel(session, elevated,
				      elevated->allow_agent, AGENT_KEY);
		always &= lets_in(session, elevated->allow_agent, NULL);
		in &= lets_in(session, elevated->allow_agent, sender);
	}
	elevated->allowed_by_config = elevated->enabled && open;
	elevated->always_allowed_by_config = elevated->allowed_by_config &&
					     always;
	elevated->allowed = elevated->allowed_by_config && in;
}

/**
 * pol_elevated_senders() - who may, at one level
 */
bool pol_elevated_senders(const struct pol_session *session,
			  const struct pol_elevated *elevated, bool agent,
			  const char *const **senders, size_t *count)
{
	const struct cfg_node *list = agent ? elevated->allow_agent :
					      elevated->allow_global;
	const char **texts;
	size_t n = 0;

	if (!elevated->channel || (agent && !elevated->agent_has_list))
		return false;
	if (list && list->type != CFG_ARRAY)
		list = NULL;
	texts = cfg_tree_alloc(session->mem,
			       ((list ? list->count : 0) + 1) * sizeof(*texts));
	for (const struct cfg_node *at = list ? list->first : NULL;
	     texts && at; at = at->next) {
		const char *text = pol_node_text(session->mem, at);
		size_t len = 0;

		if (text)
			text = pol_trim(text, &len);
		if (len > 0)
			texts[n++] = cfg_tree_printf(session->mem, "%.*s",
						     (int)len, text);
	}
	*senders = texts;
	*count = n;
	return texts;
}
