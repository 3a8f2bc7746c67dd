// SPDX-License-Identifier: Apache-2.0
/*
 * Values of keys for tools.  What was loaded has been checked, so that a value
 * of another type here counts as not set.
 */
#include <config.h>

#include "controller/tools/setting.h"

#include <string.h>

static const struct cfg_node *find(const struct cfg *cfg, const char *key)
{
	const struct cfg_node *node = cfg_get(cfg->root, key);
	const struct cfg_key *row;

	if (node)
		return node;
	row = cfg_key_find(CFG_IN_ROOT, key);
	return row && cfg->fallbacks ? cfg_fallback(cfg, row) : NULL;
}

/**
 * tool_setting_bool() - a truth value; false where it is not set
 */
bool tool_setting_bool(const struct cfg *cfg, const char *key)
{
	const struct cfg_node *node = find(cfg, key);

	return node && node->type == CFG_BOOL && node->boolean;
}

/**
 * tool_setting_number() - a number; 0 where it is not set
 */
double tool_setting_number(const struct cfg *cfg, const char *key)
{
	const struct cfg_node *node = find(cfg, key);

	if (node && node->type == CFG_INTEGER)
		return (double)node->integer;
	return node && node->type == CFG_FLOAT ? node->real : 0;
}

/**
 * tool_setting_bytes() - a size such as 64KB; 0 where it is not set
 */
uint64_t tool_setting_bytes(const struct cfg *cfg, const char *key)
{
	const struct cfg_node *node = find(cfg, key);
	uint64_t bytes = 0;

	return node && cfg_value_bytes(node, &bytes) == 0 ? bytes : 0;
}

/**
 * tool_setting_text() - a text
 */
const char *tool_setting_text(const struct cfg *cfg, const char *key)
{
	const struct cfg_node *node = find(cfg, key);

	if (!node || node->type != CFG_STRING || node->text_len == 0 ||
	    strlen(node->text) != node->text_len)
		return NULL;
	return node->text;
}

/**
 * tool_setting_list() - a list of texts
 */
const struct cfg_node *tool_setting_list(const struct cfg *cfg,
					 const char *key)
{
	const struct cfg_node *node = find(cfg, key);

	return node && node->type == CFG_ARRAY ? node : NULL;
}

/**
 * tool_setting_has() - is a text in a list?
 */
bool tool_setting_has(const struct cfg_node *list, const char *text)
{
	const struct cfg_node *at = list ? list->first : NULL;

	for (; at; at = at->next)
		if (at->type == CFG_STRING && strcmp(at->text, text) == 0)
			return true;
	return false;
}

/**
 * tool_setting_given() - is it written, rather than a default?
 */
bool tool_setting_given(const struct cfg *cfg, const char *key)
{
	return cfg_get(cfg->root, key) != NULL;
}
