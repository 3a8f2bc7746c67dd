// SPDX-License-Identifier: Apache-2.0
/*
 * One tree laid over another: objects member by member, everything else
 * replaced, but for agents.list, whose entries are told apart by their ids.
 */
#include <config.h>

#include "controller/config/load.h"

#include <string.h>

/* Where in the tree an object is. */
enum at { AT_ROOT, AT_AGENTS, AT_DEEPER };

/* The node itself anew, to have other siblings; what is below is shared. */
static struct cfg_node *twin(struct cfg_tree *tree,
			     const struct cfg_node *node, bool empty)
{
	struct cfg_node *copy = cfg_node_new(tree, node->type);
	struct cfg_index *index;

	if (!copy)
		return NULL;
	index = copy->index;
	*copy = *node;
	copy->next = NULL;
	if (!empty)
		return copy;
	copy->index = index;
	copy->first = NULL;
	copy->last = NULL;
	copy->count = 0;
	return copy;
}

static int append(struct cfg_node *parent, struct cfg_node *child)
{
	if (!child)
		return -1;
	cfg_node_append(parent, child);
	return 0;
}

static struct cfg_node *merge_value(struct cfg_tree *tree,
				    struct cfg_node *base,
				    struct cfg_node *over, enum at at);

static struct cfg_node *merge_objects(struct cfg_tree *tree,
				      struct cfg_node *base,
				      struct cfg_node *over, enum at at)
{
	struct cfg_node *merged = twin(tree, base, true);

	for (struct cfg_node *b = base->first; merged && b; b = b->next) {
		struct cfg_node *o = cfg_node_getn(over, b->key, b->key_len);

		if (append(merged, o ? merge_value(tree, b, o, at) :
				       twin(tree, b, false)) < 0)
			return NULL;
	}
	for (struct cfg_node *o = over->first; merged && o; o = o->next)
		if (!cfg_node_getn(base, o->key, o->key_len) &&
		    append(merged, twin(tree, o, false)) < 0)
			return NULL;
	return merged;
}

/* The folded id of an entry of agents.list; false: it has none. */
static bool id_of(const struct cfg_node *entry, char *id)
{
	const struct cfg_node *node = cfg_node_get(entry, "id");

	if (!node || node->type != CFG_STRING)
		return false;
	cfg_agent_fold(node->text, id);
	return true;
}

/* Ids of a list's entries, each with its entry's place in the list. */
static struct cfg_node *ids_of(struct cfg_tree *tree,
			       const struct cfg_node *list)
{
	struct cfg_node *ids = cfg_node_new(tree, CFG_OBJECT);
	char id[CFG_AGENT_ID_MAX + 1];
	int64_t index = 0;

	for (struct cfg_node *entry = list->first; ids && entry;
	     entry = entry->next, index++) {
		struct cfg_node *node;

		if (!id_of(entry, id))
			continue;
		node = cfg_node_new(tree, CFG_INTEGER);
		if (!node || cfg_node_set_key(tree, node, id, strlen(id)) < 0)
			return NULL;
		node->integer = index;
		cfg_node_append(ids, node);
	}
	return ids;
}

/* The entry of @list that has the same id, or NULL. */
static struct cfg_node *same_id(const struct cfg_node *ids,
				struct cfg_node *const *entries,
				const struct cfg_node *entry)
{
	char id[CFG_AGENT_ID_MAX + 1];
	const struct cfg_node *found;

	if (!id_of(entry, id))
		return NULL;
	found = cfg_node_get(ids, id);
	return found ? entries[found->integer] : NULL;
}

static struct cfg_node **entries_of(struct cfg_tree *tree,
				    const struct cfg_node *list)
{
	struct cfg_node **entries =
		cfg_tree_alloc(tree, (list->count + 1) * sizeof(*entries));
	size_t i = 0;

	for (struct cfg_node *entry = list->first; entries && entry;
	     entry = entry->next)
		entries[i++] = entry;
	return entries;
}

static struct cfg_node *merge_lists(struct cfg_tree *tree,
				    struct cfg_node *base,
				    struct cfg_node *over)
{
	struct cfg_node *in_base = ids_of(tree, base);
	struct cfg_node *in_over = ids_of(tree, over);
	struct cfg_node **of_base = entries_of(tree, base);
	struct cfg_node **of_over = entries_of(tree, over);
	struct cfg_node *merged = twin(tree, base, true);

	if (!in_base || !in_over || !of_base || !of_over || !merged)
		return NULL;
	for (struct cfg_node *b = base->first; b; b = b->next) {
		struct cfg_node *o = same_id(in_over, of_over, b);

		if (append(merged, o ? merge_objects(tree, b, o, AT_DEEPER) :
				       twin(tree, b, false)) < 0)
			return NULL;
	}
	for (struct cfg_node *o = over->first; o; o = o->next)
		if (!same_id(in_base, of_base, o) &&
		    append(merged, twin(tree, o, false)) < 0)
			return NULL;
	return merged;
}

static struct cfg_node *merge_value(struct cfg_tree *tree,
				    struct cfg_node *base,
				    struct cfg_node *over, enum at at)
{
	if (at == AT_AGENTS && strcmp(base->key, "list") == 0 &&
	    base->type == CFG_ARRAY && over->type == CFG_ARRAY)
		return merge_lists(tree, base, over);
	if (base->type != CFG_OBJECT || over->type != CFG_OBJECT)
		return twin(tree, over, false);
	if (at == AT_ROOT && strcmp(base->key, "agents") == 0)
		return merge_objects(tree, base, over, AT_AGENTS);
	return merge_objects(tree, base, over, AT_DEEPER);
}

/* The members that are not null, under an index of their own. */
static int keep_members(struct cfg_tree *tree, struct cfg_node *object)
{
	struct cfg_node *fresh = cfg_node_new(tree, CFG_OBJECT);
	struct cfg_node *next;

	if (!fresh)
		return -1;
	for (struct cfg_node *at = object->first; at; at = next) {
		next = at->next;
		if (at->type != CFG_NULL)
			cfg_node_append(fresh, at);
	}
	object->index = fresh->index;
	object->first = fresh->first;
	object->last = fresh->last;
	object->count = fresh->count;
	return 0;
}

/**
 * cfg_drop_nulls() - take members that are null out of a tree
 * @node: changed, and all below it; entries of arrays stay
 *
 * Return: 0, or -1 where there is no memory.
 */
int cfg_drop_nulls(struct cfg_tree *tree, struct cfg_node *node)
{
	bool found = false;

	for (struct cfg_node *at = node->first; at; at = at->next) {
		found = found || at->type == CFG_NULL;
		if (at->first && cfg_drop_nulls(tree, at) < 0)
			return -1;
	}
	return found && node->type == CFG_OBJECT ? keep_members(tree, node) : 0;
}

/**
 * cfg_merge() - lay one tree over another
 * @base: an object
 * @over: an object of the same tree; its values win
 *
 * Neither is changed; the result shares what it can with both.
 *
 * Return: in the tree; NULL where there is no memory.
 */
struct cfg_node *cfg_merge(struct cfg_tree *tree, struct cfg_node *base,
			   struct cfg_node *over)
{
	return merge_objects(tree, base, over, AT_ROOT);
}
