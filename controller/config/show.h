/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as a tree to print.
 */
#ifndef CONTROLLER_CONFIG_SHOW_H
#define CONTROLLER_CONFIG_SHOW_H

#include "controller/config/config.h"

struct cfg_node *cfg_show_tree(const struct cfg *cfg, struct cfg_tree *mem,
			       bool for_use);

#endif
