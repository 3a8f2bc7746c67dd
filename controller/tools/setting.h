/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration says of a tool: the value of a key, else its default.
 */
#ifndef CONTROLLER_TOOLS_SETTING_H
#define CONTROLLER_TOOLS_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/config/config.h"

/* @key: the whole of it, "tools.bash.enabled", of the table of keys. */
bool tool_setting_bool(const struct cfg *cfg, const char *key);
double tool_setting_number(const struct cfg *cfg, const char *key);
uint64_t tool_setting_bytes(const struct cfg *cfg, const char *key);
/* ~ is not expanded; NULL: not set, or empty. Borrowed. */
const char *tool_setting_text(const struct cfg *cfg, const char *key);
/* An array of strings; NULL: not set. Borrowed. */
const struct cfg_node *tool_setting_list(const struct cfg *cfg,
					 const char *key);
bool tool_setting_has(const struct cfg_node *list, const char *text);
/* Does the file itself say so? */
bool tool_setting_given(const struct cfg *cfg, const char *key);

#endif
