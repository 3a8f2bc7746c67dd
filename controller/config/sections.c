// SPDX-License-Identifier: Apache-2.0
/*
 * The rows as a tree of sections, as a file has them.
 */
#include <config.h>

#include "controller/config/check.h"

#include <string.h>

/*
 * Where the gateway has keys of its own, which are passed over.  Everywhere
 * else an unknown key is a mistake.
 */
static const char *const open_sections[] = {
	"", "agents", "agents.defaults", "agents.list[]", "session", "tools",
	"agents.list[].tools", "tools.subagents", "tools.exec",
	"agents.list[].tools.exec", "tools.exec.applyPatch",
	"agents.list[].tools.exec.applyPatch", "media",
};

static bool is_open(const char *path, size_t len)
{
	for (size_t i = 0; i < sizeof(open_sections) / sizeof(char *); i++)
		if (strlen(open_sections[i]) == len &&
		    memcmp(open_sections[i], path, len) == 0)
			return true;
	return false;
}

static struct cfg_section *add(struct cfg_tree *mem,
			       struct cfg_section *parent, const char *name,
			       size_t len)
{
	struct cfg_section **link = &parent->first;
	struct cfg_section *section;

	for (; *link; link = &(*link)->next)
		if ((*link)->len == len &&
		    memcmp((*link)->name, name, len) == 0)
			return *link;
	section = cfg_tree_alloc(mem, sizeof(*section));
	if (!section)
		return NULL;
	section->len = len;
	section->name = cfg_tree_strndup(mem, name, len);
	*link = section;
	return section->name ? section : NULL;
}

/* "list[]" is an array of what comes next, "*" stands for any name. */
static int add_row(struct cfg_tree *mem, struct cfg_section *root,
		   const char *path, const struct cfg_key *key)
{
	struct cfg_section *at = root;
	const char *part = path;

	while (*part) {
		size_t len = strcspn(part, ".");
		bool list = len > 2 && memcmp(part + len - 2, "[]", 2) == 0;

		at->any = at->any || (len == 1 && *part == '*');
		at = add(mem, at, part, list ? len - 2 : len);
		if (!at)
			return -1;
		at->list = list;
		part += len;
		at->open = is_open(path, (size_t)(part - path));
		part += *part == '.';
	}
	at->key = key;
	return 0;
}

/**
 * cfg_sections() - the rows as a tree
 *
 * Return: the root, in @mem; NULL where there is no memory.
 */
struct cfg_section *cfg_sections(struct cfg_tree *mem)
{
	struct cfg_section *root = cfg_tree_alloc(mem, sizeof(*root));
	const struct cfg_key *key;
	char paths[2][96];

	if (!root)
		return NULL;
	root->open = true;
	for (size_t i = 0; (key = cfg_key_at(i)); i++) {
		size_t count = cfg_key_paths(key, paths);

		for (size_t j = 0; j < count; j++)
			if (add_row(mem, root, paths[j], key) < 0)
				return NULL;
	}
	return root;
}
