// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target of what is done with a configuration once it is parsed, in
 * either syntax: the checks, one file laid over another, and
 * reading values.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/config/load.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_protocol fuzz_protocol = {
	.name = "config",
};

/* What was found to be valid can be read. */
static void read_binds(struct cfg_tree *tree, const struct cfg_node *sandbox)
{
	const struct cfg_node *binds = cfg_get(sandbox, "docker.binds");
	const struct cfg_node *limits = cfg_get(sandbox, "docker.ulimits");
	struct cfg_bind bind;
	struct cfg_ulimit limit;

	for (const struct cfg_node *at = binds ? binds->first : NULL; at;
	     at = at->next)
		if (cfg_value_bind(tree, at, "/home", &bind) < 0 ||
		    bind.source[0] != '/' || bind.target[0] != '/')
			abort();
	for (const struct cfg_node *at = limits ? limits->first : NULL; at;
	     at = at->next)
		if (at->type != CFG_NULL &&
		    (cfg_value_ulimit(at, &limit) < 0 ||
		     limit.soft > limit.hard))
			abort();
}

/* Laid over itself it says what it said, but for what null took away. */
static void check_merge(struct cfg_tree *tree, struct cfg_node *root,
			bool toml, bool valid)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	struct cfg_node *merged = cfg_merge(tree, root, root);

	if (!merged || merged->count != root->count)
		abort();
	if ((cfg_schema_check(merged, toml, &problems) == 0) != valid)
		abort();
	(void)cfg_check_whole(merged, &problems);
	cfg_problems_sort(&problems);
	for (size_t i = 1; i < problems.count; i++)
		if (problems.list[i].pos.line < problems.list[i - 1].pos.line)
			abort();
	cfg_problems_fini(&problems);
}

static void check(struct cfg_tree *tree, struct cfg_node *root, bool toml)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	bool valid = cfg_schema_check(root, toml, &problems) == 0;

	if (valid != (problems.errors == 0))
		abort();
	for (size_t i = 0; i < problems.count; i++)
		if (!problems.list[i].text[0] || problems.list[i].pos.line == 0)
			abort();
	cfg_problems_fini(&problems);
	if (root->type != CFG_OBJECT)
		return;
	check_merge(tree, root, toml, valid);
	if (cfg_drop_nulls(tree, root) < 0)
		abort();
	if (valid)
		read_binds(tree, cfg_get(root, "agents.defaults.sandbox"));
}

/**
 * LLVMFuzzerTestOneInput() - one file, in whichever syntax it is
 *
 * Return: 0. Aborts where something that must hold does not.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	struct cfg_tree *tree = cfg_tree_new();
	const char *text = (const char *)data;
	struct cfg_node *root;

	if (!tree)
		abort();
	root = cfg_json5_parse(tree, text, size, 0, &problems);
	if (root)
		check(tree, root, false);
	cfg_problems_fini(&problems);
	root = cfg_toml_parse(tree, text, size, 0, &problems);
	if (root)
		check(tree, root, true);
	cfg_problems_fini(&problems);
	cfg_tree_free(tree);
	return 0;
}
