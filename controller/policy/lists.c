// SPDX-License-Identifier: Apache-2.0
/*
 * Lists of tools as a configuration has them: groups expanded in their place,
 * what was there before dropped, the order kept.
 */
#include <config.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controller/policy/stage.h"
#include "controller/policy/values.h"
#include "proto/cleanup.h"

/* A list that grows; what it holds is found again at once. */
struct set {
	const char **names; /* owned */
	size_t count;
	size_t room;
	uint32_t *slots; /* owned; an index and 1 */
	size_t size;     /* a power of two, at least twice room */
};

static void set_fini(struct set *set)
{
	free(set->names);
	free(set->slots);
}

#define auto_set __attribute__((cleanup(set_fini))) struct set

static size_t place(const struct set *set, const char *name)
{
	uint32_t hash = 2166136261U;
	size_t at;

	for (const unsigned char *c = (const unsigned char *)name; *c; c++)
		hash = (hash ^ *c) * 16777619U;
	at = hash & (set->size - 1);
	while (set->slots[at] &&
	       strcmp(set->names[set->slots[at] - 1], name) != 0)
		at = (at + 1) & (set->size - 1);
	return at;
}

static int grow(struct set *set)
{
	size_t room = set->room ? 2 * set->room : 32;
	const char **names = realloc(set->names, room * sizeof(*names));

	if (!names)
		return -1;
	set->names = names;
	free(set->slots);
	set->slots = calloc(2 * room, sizeof(*set->slots));
	if (!set->slots)
		return -1;
	set->room = room;
	set->size = 2 * room;
	for (size_t i = 0; i < set->count; i++)
		set->slots[place(set, names[i])] = (uint32_t)i + 1;
	return 0;
}

/* @name lives as long as the list. */
static int add(struct set *set, const char *name)
{
	size_t at;

	if (set->count == set->room && grow(set))
		return -1;
	at = place(set, name);
	if (set->slots[at])
		return 0;
	set->names[set->count++] = name;
	set->slots[at] = (uint32_t)set->count;
	return 0;
}

/* One entry as it is written. */
static int add_text(struct cfg_tree *mem, struct set *set, const char *text)
{
	const char *const *members;
	char name[POL_TOOL_BYTES];
	char *copy;

	/* What is too long for a tool's name can be a pattern. */
	if (pol_tool_fold(text, name)) {
		copy = cfg_tree_printf(mem, "%s", text);
		for (char *at = copy; at && *at; at++)
			*at = pol_lower(*at);
		return copy ? add(set, copy) : -1;
	}
	if (name[0] == '\0')
		return 0;
	members = pol_group_find(name);
	for (; members && *members; members++)
		if (add(set, *members))
			return -1;
	if (pol_group_find(name))
		return 0;
	copy = cfg_tree_printf(mem, "%s", name);
	return copy ? add(set, copy) : -1;
}

static int keep(struct cfg_tree *mem, const struct set *set,
		struct pol_list *list)
{
	const char **names = cfg_tree_alloc(mem, (set->count + 1) *
						 sizeof(*names));

	if (!names)
		return -1;
	if (set->count > 0)
		memcpy(names, set->names, set->count * sizeof(*names));
	list->names = names;
	list->count = set->count;
	list->set = true;
	return 0;
}

/**
 * pol_list_read() - a list of a configuration
 * @node: NULL: not set
 * @list: names, count and set are filled
 *
 * Return: 0, or -1 without memory.
 */
int pol_list_read(struct cfg_tree *mem, const struct cfg_node *node,
		  struct pol_list *list)
{
	auto_set set = { NULL };

	if (!node || node->type != CFG_ARRAY)
		return 0;
	for (const struct cfg_node *at = node->first; at; at = at->next)
		if (at->type == CFG_STRING && add_text(mem, &set, at->text))
			return -1;
	return keep(mem, &set, list);
}

/**
 * pol_list_texts() - the same from a table; NULL is its end
 */
int pol_list_texts(struct cfg_tree *mem, const char *const *texts,
		   struct pol_list *list)
{
	auto_set set = { NULL };

	for (; *texts; texts++)
		if (add_text(mem, &set, *texts))
			return -1;
	return keep(mem, &set, list);
}

/**
 * pol_list_join() - add what another list has and this one has not
 */
int pol_list_join(struct cfg_tree *mem, struct pol_list *list,
		  const struct pol_list *more)
{
	auto_set set = { NULL };

	for (size_t i = 0; i < list->count; i++)
		if (add(&set, list->names[i]))
			return -1;
	for (size_t i = 0; i < more->count; i++)
		if (add(&set, more->names[i]))
			return -1;
	return keep(mem, &set, list);
}

/**
 * pol_list_has() - is a tool in a list, by its name or by a pattern?
 */
bool pol_list_has(const struct pol_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (pol_glob_match(list->names[i], name))
			return true;
	return false;
}
