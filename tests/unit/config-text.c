// SPDX-License-Identifier: Apache-2.0
/*
 * A configuration text of a test, parsed.
 */
#include <config.h>

#include "tests/unit/config-text.h"

#include <string.h>

#include "tests/unit/runner.h"

void parsed_init(struct parsed *parsed, config_parser *parse, const char *text,
		 size_t len)
{
	memset(parsed, 0, sizeof(*parsed));
	parsed->tree = cfg_tree_new();
	ck_assert_ptr_nonnull(parsed->tree);
	ck_assert_uint_eq(cfg_problems_file(&parsed->problems, "f"), 0);
	parsed->root = parse(parsed->tree, text, len, 0, &parsed->problems);
	ck_assert_int_eq(parsed->root == NULL, parsed->problems.errors > 0);
	if (parsed->problems.count > 0)
		cfg_problem_format(&parsed->problems, 0, parsed->line,
				   sizeof(parsed->line));
}

void parsed_fini(struct parsed *parsed)
{
	cfg_problems_fini(&parsed->problems);
	cfg_tree_free(parsed->tree);
}

void assert_refused(config_parser *parse, const char *text, const char *words)
{
	struct parsed parsed;

	parsed_init(&parsed, parse, text, strlen(text));
	ck_assert_ptr_null(parsed.root);
	ck_assert_str_eq(parsed.line, words);
	parsed_fini(&parsed);
}
