/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration text of a test, parsed.
 */
#ifndef TESTS_UNIT_CONFIG_TEXT_H
#define TESTS_UNIT_CONFIG_TEXT_H

#include "controller/config/tree.h"

typedef __typeof__(cfg_json5_parse) config_parser;

struct parsed {
	struct cfg_tree *tree;
	struct cfg_problems problems;
	struct cfg_node *root;
	char line[512]; /* the first problem, "" none */
};

void parsed_init(struct parsed *parsed, config_parser *parse, const char *text,
		 size_t len);
void parsed_fini(struct parsed *parsed);
/* The text is refused with these words, after its place. */
void assert_refused(config_parser *parse, const char *text, const char *words);

#endif
