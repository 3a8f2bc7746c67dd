// SPDX-License-Identifier: Apache-2.0
/*
 * The tree in force: what the files say of the keys in the table, and the
 * defaults of the others.  What belongs to the gateway is left out: it is not
 * looked at, and may be secret.
 */
#include <config.h>

#include "controller/config/show.h"

#include <string.h>

struct show {
	const struct cfg *cfg;
	struct cfg_tree *mem;
	bool for_use; /* a file that says the same */
};

static struct cfg_node *named(struct cfg_tree *mem, enum cfg_type type,
			      const char *name, size_t len)
{
	struct cfg_node *node = cfg_node_new(mem, type);

	return node && cfg_node_set_key(mem, node, name, len) == 0 ? node :
								     NULL;
}

/* The object at a dotted path, made as far as it is missing; @path is left at
 * its last part. */
static struct cfg_node *reach(struct cfg_tree *mem, struct cfg_node *at,
			      const char **path)
{
	const char *dot;

	while (at && (dot = strchr(*path, '.'))) {
		size_t len = (size_t)(dot - *path);
		struct cfg_node *below = cfg_node_getn(at, *path, len);

		if (!below) {
			below = named(mem, CFG_OBJECT, *path, len);
			if (below)
				cfg_node_append(at, below);
		}
		at = below;
		*path = dot + 1;
	}
	return at;
}

static int put(struct cfg_tree *mem, struct cfg_node *root, const char *path,
	       const struct cfg_node *value)
{
	struct cfg_node *copy = cfg_node_copy(mem, value);
	struct cfg_node *at = reach(mem, root, &path);

	if (!copy || !at ||
	    cfg_node_set_key(mem, copy, path, strlen(path)) < 0)
		return -1;
	cfg_node_append(at, copy);
	return 0;
}

/* Does an agent, or the level of all, say something about a sandbox's key? */
static bool is_set(const struct cfg *cfg, const char *path)
{
	if (cfg_get(cfg->sandbox, path))
		return true;
	for (size_t i = 0; i < cfg->n_agents; i++)
		if (cfg_get(cfg_get(cfg->agents[i].node, "sandbox"), path))
			return true;
	return false;
}

/*
 * A default that another key would make untrue, or that would change what an
 * agent's own value means if it were written down.
 */
static bool is_left_out(const struct show *show, const struct cfg_key *key)
{
	if (key->place == CFG_IN_DEFAULTS)
		return true; /* workspace: each agent has its own */
	if (key->place != CFG_IN_SANDBOX)
		return false;
	if (strcmp(key->path, "scope") == 0)
		return is_set(show->cfg, "perSession");
	return show->for_use && key->merge == CFG_MERGE_MAP &&
	       is_set(show->cfg, key->path);
}

static int put_rows(const struct show *show, struct cfg_node *root)
{
	const struct cfg_key *key;
	char paths[2][96];

	for (size_t i = 0; (key = cfg_key_at(i)); i++) {
		const struct cfg_node *value;

		if (key->place == CFG_IN_AGENT || key->place == CFG_IN_PROVIDER)
			continue;
		(void)cfg_key_paths(key, paths);
		value = cfg_get(show->cfg->root, paths[0]);
		if (!value && !is_left_out(show, key))
			value = cfg_fallback(show->cfg, key);
		if (value && put(show->mem, root, paths[0], value) < 0)
			return -1;
	}
	return 0;
}

/* Rows of byProvider below an object that has tools. */
static int put_providers(const struct show *show, const struct cfg_node *tools,
			 struct cfg_node *shown)
{
	const struct cfg_node *providers = cfg_get(tools, "byProvider");
	const char *path = "tools.byProvider.";
	const struct cfg_key *key;
	struct cfg_node *at;

	if (!providers)
		return 0;
	at = reach(show->mem, shown, &path);
	for (const struct cfg_node *p = providers->first; at && p;
	     p = p->next) {
		struct cfg_node *provider =
			named(show->mem, CFG_OBJECT, p->key, p->key_len);

		if (!provider)
			return -1;
		cfg_node_append(at, provider);
		for (size_t i = 0; (key = cfg_key_at(i)); i++) {
			const struct cfg_node *value =
				key->place == CFG_IN_PROVIDER ?
					cfg_get(p, key->path) :
					NULL;

			if (value &&
			    put(show->mem, provider, key->path, value) < 0)
				return -1;
		}
	}
	return at ? 0 : -1;
}

static const char *within(const struct cfg_key *key, char paths[2][96])
{
	static const char list[] = "agents.list[].";
	size_t count = cfg_key_paths(key, paths);

	if (key->place == CFG_IN_PROVIDER || count == 0 ||
	    strncmp(paths[count - 1], list, sizeof(list) - 1) != 0)
		return NULL;
	return paths[count - 1] + sizeof(list) - 1;
}

static struct cfg_node *show_agent(const struct show *show,
				   const struct cfg_agent *agent)
{
	struct cfg_node *shown = cfg_node_new(show->mem, CFG_OBJECT);
	const struct cfg_key *key;
	char paths[2][96];

	if (!shown)
		return NULL;
	for (size_t i = 0; (key = cfg_key_at(i)); i++) {
		const char *path = within(key, paths);
		const struct cfg_node *value =
			path ? cfg_get(agent->node, path) : NULL;

		if (value && put(show->mem, shown, path, value) < 0)
			return NULL;
	}
	return put_providers(show, cfg_get(agent->node, "tools"), shown) < 0 ?
		       NULL :
		       shown;
}

static int put_agents(const struct show *show, struct cfg_node *root)
{
	const char *path = "agents.list";
	struct cfg_node *at = reach(show->mem, root, &path);
	struct cfg_node *list = named(show->mem, CFG_ARRAY, path, 4);

	if (!at || !list)
		return -1;
	for (size_t i = 0; i < show->cfg->n_agents; i++) {
		struct cfg_node *agent =
			show_agent(show, &show->cfg->agents[i]);

		if (!agent)
			return -1;
		cfg_node_append(list, agent);
	}
	if (list->count > 0)
		cfg_node_append(at, list);
	return 0;
}

/**
 * cfg_show_tree() - the tree in force
 * @mem:     where it is made
 * @for_use: leave out what would not mean the same in a file
 *
 * A value whose place has the line 0 is a default.
 *
 * Return: an object; NULL where there is no memory.
 */
struct cfg_node *cfg_show_tree(const struct cfg *cfg, struct cfg_tree *mem,
			       bool for_use)
{
	struct show show = { .cfg = cfg, .mem = mem, .for_use = for_use };
	struct cfg_node *root = cfg_node_new(mem, CFG_OBJECT);

	if (!root || put_rows(&show, root) < 0 ||
	    put_providers(&show, cfg->tools, root) < 0 ||
	    put_agents(&show, root) < 0)
		return NULL;
	return root;
}
