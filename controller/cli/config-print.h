/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing a configuration.
 */
#ifndef CONTROLLER_CLI_CONFIG_PRINT_H
#define CONTROLLER_CLI_CONFIG_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "controller/config/config.h"

struct cfg_step;

struct cli_config_print {
	FILE *out;	       /* borrowed */
	const struct cfg *cfg; /* borrowed: the names of its files */
	bool json;
	bool origin; /* whole names of files, and columns */
	bool more;   /* a comma is due */
};

void cli_config_put_value(FILE *out, const struct cfg_node *node, int depth);
void cli_config_put_leaves(struct cli_config_print *print,
			   const struct cfg_step *step);

#endif
