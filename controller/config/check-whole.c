// SPDX-License-Identifier: Apache-2.0
/*
 * What one value alone does not show: ids that are there twice, two default
 * agents, lists that cannot stand together.
 */
#include <config.h>

#include <string.h>

#include "controller/config/check.h"
#include "controller/config/load.h"

/* Its entry in @ids, made where it is new; NULL where it is not. */
static struct cfg_node *enter(struct cfg_tree *mem, struct cfg_node *ids,
			      const char *id, size_t index)
{
	struct cfg_node *node = cfg_node_new(mem, CFG_INTEGER);

	if (!node || cfg_node_set_key(mem, node, id, strlen(id)) < 0)
		return NULL;
	node->integer = (int64_t)index;
	cfg_node_append(ids, node);
	return node;
}

static void check_id(const struct cfg_check *check, struct cfg_node *ids,
		     const struct cfg_node *entry, size_t index)
{
	const struct cfg_node *id = cfg_get(entry, "id");
	const struct cfg_node *other;
	char folded[CFG_AGENT_ID_MAX + 1];

	if (!id) {
		cfg_problem_add(check->problems, &entry->pos,
				"agents.list[%zu]: it has no id", index);
		return;
	}
	if (id->type != CFG_STRING)
		return; /* told by the table */
	cfg_agent_fold(id->text, folded);
	other = cfg_node_get(ids, folded);
	if (!other) {
		(void)enter(check->mem, ids, folded, index);
		return;
	}
	cfg_problem_add(check->problems, &id->pos,
			"agents.list[%zu].id: \"%s\" is agents.list[%lld]'s "
			"already", index, folded, (long long)other->integer);
}

/**
 * cfg_check_ids() - each agent of a file has an id, which no other has
 */
void cfg_check_ids(const struct cfg_check *check, const struct cfg_node *root)
{
	const struct cfg_node *list = cfg_get(root, "agents.list");
	struct cfg_node *ids = cfg_node_new(check->mem, CFG_OBJECT);
	size_t index = 0;

	if (!list || list->type != CFG_ARRAY || !ids)
		return;
	for (const struct cfg_node *entry = list->first; entry;
	     entry = entry->next, index++)
		if (entry->type == CFG_OBJECT)
			check_id(check, ids, entry, index);
}

static bool has_items(const struct cfg_node *tools, const char *name)
{
	const struct cfg_node *node = cfg_get(tools, name);

	return node && node->count > 0;
}

static void check_policy(const struct cfg_check *check,
			 const struct cfg_step *tools)
{
	struct cfg_step also = { .up = tools };
	char path[CFG_PATH_BYTES];

	also.node = cfg_get(tools->node, "alsoAllow");
	if (!also.node || !also.node->count ||
	    !has_items(tools->node, "allow"))
		return;
	cfg_step_text(&also, path);
	cfg_problem_add(check->problems, &also.node->key_pos,
			"%s: cannot stand beside allow", path);
	cfg_problem_hint(check->problems,
			 "put its entries into allow, or use profile and "
			 "alsoAllow");
}

static void check_tools(const struct cfg_check *check,
			const struct cfg_step *owner)
{
	struct cfg_step tools = { .up = owner };
	struct cfg_step providers = { .up = &tools };
	struct cfg_step provider = { .up = &providers };

	tools.node = cfg_get(owner->node, "tools");
	if (!tools.node)
		return;
	check_policy(check, &tools);
	providers.node = cfg_get(tools.node, "byProvider");
	if (!providers.node)
		return;
	for (provider.node = providers.node->first; provider.node;
	     provider.node = provider.node->next)
		check_policy(check, &provider);
}

/* Also remembers which entry says that it is the default. */
static void check_default(const struct cfg_check *check,
			  const struct cfg_node *entry, size_t index,
			  size_t *first)
{
	const struct cfg_node *node = cfg_get(entry, "default");

	if (!node || node->type != CFG_BOOL || !node->boolean)
		return;
	if (*first == SIZE_MAX) {
		*first = index;
		return;
	}
	cfg_problem_add(check->problems, &node->pos,
			"agents.list[%zu].default: agents.list[%zu] is the "
			"default already", index, *first);
}

/* What counts of a sandbox's key: the agent's, else that of all. */
static const struct cfg_node *counts(const struct cfg_node *agent,
				     const struct cfg_node *all,
				     const char *path)
{
	const struct cfg_node *node = cfg_get(agent, path);

	return node ? node : cfg_get(all, path);
}

/* Then the agent's own docker section is not looked at. */
static bool is_shared(const struct cfg_node *agent, const struct cfg_node *all)
{
	const struct cfg_node *scope = counts(agent, all, "scope");
	const struct cfg_node *each = counts(agent, all, "perSession");

	if (scope)
		return scope->type == CFG_STRING &&
		       strcmp(scope->text, "shared") == 0;
	return each && each->type == CFG_BOOL && !each->boolean;
}

/*
 * memorySwap is memory and swap together.
 * @owner: leads to what has the sandbox section: an agent, or agents.defaults
 */
static void check_swap(const struct cfg_check *check,
		       const struct cfg_step *owner,
		       const struct cfg_node *all)
{
	const struct cfg_node *own = cfg_get(owner->node, "sandbox");
	const struct cfg_node *memory = counts(own, all, "docker.memory");
	const struct cfg_node *swap = counts(own, all, "docker.memorySwap");
	bool here = cfg_get(own, "docker.memorySwap") != NULL;
	uint64_t memory_bytes = 0;
	uint64_t swap_bytes = 0;
	char path[CFG_PATH_BYTES];

	if (!swap || (!here && !cfg_get(own, "docker.memory")) ||
	    cfg_value_swap(swap, &swap_bytes) < 0 ||
	    (memory && cfg_value_size(memory, &memory_bytes) < 0) ||
	    (own != all && is_shared(own, all)))
		return;
	if (swap_bytes == 0 || swap_bytes == UINT64_MAX ||
	    (memory_bytes > 0 && swap_bytes >= memory_bytes))
		return;
	cfg_step_text(owner, path);
	cfg_problem_add(check->problems, here ? &swap->pos : &memory->pos,
			"%s.sandbox.docker.%s: memorySwap is memory and swap "
			"together, so it must %s", path,
			here ? "memorySwap" : "memory",
			memory_bytes ? "not be less than memory" :
				       "stand beside memory");
}

/**
 * cfg_check_whole() - what all files together must keep to
 * @root: laid over each other
 *
 * Return: 0, or -1 with problems added.
 */
int cfg_check_whole(const struct cfg_node *root, struct cfg_problems *problems)
{
	struct cfg_check check = { .problems = problems };
	const struct cfg_node *all = cfg_get(root, "agents");
	struct cfg_step top = { .node = root };
	struct cfg_step agents = { .up = &top, .node = all };
	struct cfg_step defaults = { .up = &agents };
	struct cfg_step list = { .up = &agents };
	struct cfg_step entry = { .up = &list };
	const struct cfg_node *sandbox;
	size_t before = problems->errors;
	size_t first = SIZE_MAX;

	defaults.node = cfg_get(all, "defaults");
	sandbox = cfg_get(defaults.node, "sandbox");
	check_tools(&check, &top);
	if (defaults.node)
		check_swap(&check, &defaults, sandbox);
	list.node = cfg_get(all, "list");
	if (!list.node)
		return problems->errors > before ? -1 : 0;
	for (entry.node = list.node->first; entry.node;
	     entry.node = entry.node->next, entry.index++) {
		check_tools(&check, &entry);
		check_swap(&check, &entry, sandbox);
		check_default(&check, entry.node, entry.index, &first);
	}
	return problems->errors > before ? -1 : 0;
}
