// SPDX-License-Identifier: Apache-2.0
/*
 * From a session's key to all that applies to it.
 */
#include <config.h>

#include "controller/policy/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/policy/values.h"

#define OLD_WORKSPACE "clawd"

static bool text_is(const struct cfg_node *node, const char *text)
{
	return node && node->type == CFG_STRING && !strcmp(node->text, text);
}

static int identify(struct pol_work *work, const char *text, const char *agent)
{
	struct pol_session *session = work->session;
	struct pol_key key;

	if (pol_key_read(work->cfg, text, agent, &key, work->err))
		return -1;
	memcpy(session->agent_id, key.agent_id, sizeof(session->agent_id));
	session->agent = cfg_agent_find(work->cfg, key.agent_id);
	session->key = cfg_tree_printf(session->mem, "%s", key.key);
	session->given = cfg_tree_printf(session->mem, "%s", key.given);
	session->main_key = cfg_tree_printf(session->mem, "%s", key.main_key);
	if (!session->key || !session->given || !session->main_key)
		return pol_no_memory(work->err);
	session->is_main = key.is_main;
	session->channel = pol_key_channel(session->key);
	return 0;
}

static int set_mode(struct pol_work *work)
{
	static const char *const names[] = { "", "off", "non-main", "all" };
	struct pol_session *session = work->session;

	if (pol_value_merge(work, POL_MODE))
		return -1;
	for (int i = POL_MODE_OFF; i <= POL_MODE_ALL; i++)
		if (text_is(session->values[POL_MODE], names[i]))
			session->mode = (enum pol_mode)i;
	if (session->mode == POL_MODE_INVALID)
		return pol_value_bad(work, POL_MODE,
				     "neither off, non-main nor all");
	if (session->origins[POL_MODE].level == POL_LEVEL_DEFAULT)
		pol_value_note(work, POL_MODE, "%s",
			       work->cfg->syntax == CFG_SYNTAX_JSON5 ?
				       "not set: off is the default of a JSON5 configuration" :
				       "not set: without a JSON5 configuration the default is all");
	session->sandboxed = session->mode == POL_MODE_ALL ||
			     (session->mode == POL_MODE_NON_MAIN &&
			      !session->is_main);
	return 0;
}

/* perSession, the older form; the agent's before the global one. */
static int set_per_session(struct pol_work *work)
{
	struct pol_session *session = work->session;
	struct pol_origin *origin = &session->origins[POL_SCOPE];
	const struct cfg_agent *agent = session->agent;
	const struct cfg_node *own = agent && agent->node ?
		cfg_get(agent->node, "sandbox.perSession") : NULL;
	const struct cfg_node *node = own ? own :
		cfg_get(work->cfg->sandbox, "perSession");

	if (!node || node->type != CFG_BOOL)
		return 0;
	session->has_per_session = true;
	session->per_session = node->boolean;
	if (origin->level != POL_LEVEL_DEFAULT)
		return 0;
	session->scope = node->boolean ? POL_SCOPE_SESSION : POL_SCOPE_SHARED;
	origin->level = own ? POL_LEVEL_AGENT : POL_LEVEL_GLOBAL;
	origin->pos = node->key_pos.line ? node->key_pos : node->pos;
	if (own)
		origin->key = cfg_tree_printf(
			session->mem, "agents.list[%zu].sandbox.perSession",
			agent->index);
	else
		origin->key = "agents.defaults.sandbox.perSession";
	if (!origin->key)
		return pol_no_memory(work->err);
	pol_value_note(work, POL_SCOPE,
		       "scope is not set, and perSession: %s means %s",
		       node->boolean ? "true" : "false",
		       pol_scope_name(session->scope));
	return 0;
}

static int set_scope(struct pol_work *work)
{
	static const char *const names[] = { "", "session", "agent", "shared" };
	struct pol_session *session = work->session;
	struct pol_origin *origin = &session->origins[POL_SCOPE];
	struct cfg_node *node;

	if (pol_value_merge(work, POL_SCOPE))
		return -1;
	for (int i = POL_SCOPE_SESSION; i <= POL_SCOPE_SHARED; i++)
		if (origin->level != POL_LEVEL_DEFAULT &&
		    text_is(session->values[POL_SCOPE], names[i]))
			session->scope = (enum pol_scope)i;
	if (set_per_session(work))
		return -1;
	if (session->scope == POL_SCOPE_INVALID &&
	    origin->level != POL_LEVEL_DEFAULT)
		return pol_value_bad(work, POL_SCOPE,
				     "neither session, agent nor shared");
	if (session->scope == POL_SCOPE_INVALID) {
		session->scope = POL_SCOPE_AGENT;
		pol_value_note(work, POL_SCOPE,
			       "neither scope nor perSession is set: one sandbox for each agent (not for each session, as some manuals say)");
	}
	node = cfg_node_new(session->mem, CFG_STRING);
	if (!node)
		return pol_no_memory(work->err);
	node->text = pol_scope_name(session->scope);
	node->text_len = strlen(node->text);
	session->values[POL_SCOPE] = node;
	return 0;
}

static int set_access(struct pol_work *work)
{
	static const char *const names[] = { "", "none", "ro", "rw" };
	struct pol_session *session = work->session;

	if (pol_value_merge(work, POL_ACCESS))
		return -1;
	for (int i = POL_ACCESS_NONE; i <= POL_ACCESS_RW; i++)
		if (text_is(session->values[POL_ACCESS], names[i]))
			session->access = (enum pol_access)i;
	if (session->access == POL_ACCESS_INVALID)
		return pol_value_bad(work, POL_ACCESS,
				     "neither none, ro nor rw");
	return 0;
}

static int set_name(struct pol_work *work)
{
	struct pol_session *session = work->session;

	switch (session->scope) {
	case POL_SCOPE_SHARED:
		session->scope_key = "shared";
		(void)snprintf(session->slug, sizeof(session->slug), "shared");
		return 0;
	case POL_SCOPE_AGENT:
		session->scope_key = cfg_tree_printf(session->mem, "agent:%s",
						     session->agent_id);
		break;
	case POL_SCOPE_SESSION:
	case POL_SCOPE_INVALID:
		session->scope_key = session->key;
		/* Several agents may have the one global session. */
		if (!strcmp(session->key, "global") &&
		    strcmp(session->agent_id, work->cfg->default_agent) != 0)
			session->scope_key =
				cfg_tree_printf(session->mem, "agent:%s:global",
						session->agent_id);
		break;
	}
	if (!session->scope_key)
		return pol_no_memory(work->err);
	pol_slug(session->scope_key, session->slug);
	return 0;
}

/**
 * pol_value_path() - a path of the host
 * @path: absolute, without a slash at its end
 */
int pol_value_path(struct pol_work *work, enum pol_value value,
		   const char **path)
{
	struct cfg_tree *mem = work->session->mem;
	const char *text = pol_value_text(work, value);
	const char *home = work->cfg->home;
	struct cfg_node *node;
	size_t len;
	char *copy;

	if (!text)
		return pol_value_bad(work, value, "not a path");
	if (text[0] == '~' && (text[1] == '\0' || text[1] == '/'))
		copy = cfg_tree_printf(mem, "%s%s", home, text + 1);
	else
		copy = cfg_tree_printf(mem, "%s", text);
	node = copy ? cfg_node_new(mem, CFG_STRING) : NULL;
	if (!node)
		return pol_no_memory(work->err);
	if (copy[0] != '/')
		return pol_value_bad(work, value, "not an absolute path");
	len = strlen(copy);
	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	node->text = copy;
	node->text_len = len;
	work->session->values[value] = node;
	*path = copy;
	return 0;
}

static bool is_old_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return !strncmp(name, "moltbot", 7) || !strncmp(name, "clawdbot", 8);
}

/* Where M keeps an agent's workspace that the configuration does not name. */
static int set_default_workspace(struct pol_work *work)
{
	struct pol_session *session = work->session;
	const struct cfg *cfg = work->cfg;
	bool is_default = !strcmp(session->agent_id, cfg->default_agent);
	const char *id = is_default ? "" : session->agent_id;
	const char *dash = is_default ? "" : "-";
	struct cfg_node *node = cfg_node_new(session->mem, CFG_STRING);

	if (!node)
		return pol_no_memory(work->err);
	if (cfg->syntax != CFG_SYNTAX_JSON5)
		node->text = cfg_tree_printf(session->mem, "%s/workspace%s%s",
					     cfg->state_dir, dash, id);
	else if (is_old_file(cfg->path))
		node->text = cfg_tree_printf(session->mem,
					     "%s/" OLD_WORKSPACE "%s%s",
					     cfg->home, dash, id);
	else
		node->text = cfg_tree_printf(session->mem,
					     "%s/.openclaw/workspace%s%s",
					     cfg->home, dash, id);
	if (!node->text)
		return pol_no_memory(work->err);
	node->text_len = strlen(node->text);
	session->values[POL_WORKSPACE] = node;
	return 0;
}

static int set_workspaces(struct pol_work *work)
{
	struct pol_session *session = work->session;

	if (pol_value_merge(work, POL_WORKSPACE_ROOT) ||
	    pol_value_merge(work, POL_WORKSPACE) ||
	    pol_value_merge(work, POL_MEDIA_ROOT))
		return -1;
	if (session->origins[POL_WORKSPACE].level == POL_LEVEL_DEFAULT &&
	    set_default_workspace(work))
		return -1;
	if (pol_value_path(work, POL_WORKSPACE_ROOT,
			   &session->workspace_root) ||
	    pol_value_path(work, POL_WORKSPACE, &session->agent_workspace) ||
	    pol_value_path(work, POL_MEDIA_ROOT, &session->media_root))
		return -1;
	if (session->access == POL_ACCESS_RW)
		session->sandbox_workspace = session->agent_workspace;
	else if (session->scope == POL_SCOPE_SHARED)
		session->sandbox_workspace = session->workspace_root;
	else
		session->sandbox_workspace = cfg_tree_printf(
			session->mem, "%s/%s",
			session->workspace_root[1] ? session->workspace_root :
						     "",
			session->slug);
	return session->sandbox_workspace ? 0 : pol_no_memory(work->err);
}

static int resolve(struct pol_work *work, const char *key, const char *agent)
{
	struct pol_session *session = work->session;

	if (identify(work, key, agent) || set_mode(work) || set_scope(work) ||
	    set_access(work) || set_name(work) || set_workspaces(work))
		return -1;
	for (int value = POL_IMAGE; value < POL_MEDIA_ROOT; value++)
		if (pol_value_merge(work, (enum pol_value)value))
			return -1;
	if (pol_docker_resolve(work))
		return -1;
	(void)snprintf(session->name, sizeof(session->name), "%s%s",
		       session->prefix, session->slug);
	pol_session_hash(session);
	return 0;
}

/**
 * pol_session_new() - what applies to a session
 * @cfg:   borrowed for the life of the result
 * @key:   as the user gave it; NULL: the main session of @agent
 * @agent: NULL: the default agent, where @key names none
 * @err:   BAD_REQUEST for a key that is none
 *
 * Return: owned, or NULL.
 */
struct pol_session *pol_session_new(const struct cfg *cfg, const char *key,
				    const char *agent, struct err *err)
{
	struct pol_session *session = calloc(1, sizeof(*session));
	struct pol_work work = { session, cfg, err };

	if (session)
		session->mem = cfg_tree_new();
	if (!session || !session->mem) {
		(void)pol_no_memory(err);
		free(session);
		return NULL;
	}
	session->cfg = cfg;
	if (resolve(&work, key, agent)) {
		pol_session_free(session);
		return NULL;
	}
	return session;
}

/**
 * pol_session_free() - release a session; NULL is none
 */
void pol_session_free(struct pol_session *session)
{
	if (!session)
		return;
	cfg_tree_free(session->mem);
	free(session);
}
