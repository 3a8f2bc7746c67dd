// SPDX-License-Identifier: Apache-2.0
/*
 * Keys of tools.exec: the agent's win over those of all.
 */
#include <config.h>

#include "controller/tools/exec.h"

#include <stdio.h>

static const struct cfg_node *find(const struct pol_session *session,
				   const char *path)
{
	const struct cfg *cfg = session->cfg;
	const struct cfg_node *node = NULL;
	const struct cfg_key *row;
	char full[64];

	(void)snprintf(full, sizeof(full), "tools.%s", path);
	if (session->agent && session->agent->node)
		node = cfg_get(session->agent->node, full);
	if (!node)
		node = cfg_get(cfg->root, full);
	if (node)
		return node;
	row = cfg_key_find(CFG_IN_TOOLS, path);
	return row && cfg->fallbacks ? cfg_fallback(cfg, row) : NULL;
}

static double number(const struct pol_session *session, const char *path,
		     double usual)
{
	const struct cfg_node *node = find(session, path);

	if (node && node->type == CFG_INTEGER)
		return (double)node->integer;
	return node && node->type == CFG_FLOAT ? node->real : usual;
}

static uint64_t bytes(const struct pol_session *session, const char *path,
		      uint64_t usual)
{
	const struct cfg_node *node = find(session, path);
	uint64_t value;

	return node && cfg_value_bytes(node, &value) == 0 ? value : usual;
}

/**
 * exec_settings() - what applies to a session
 */
void exec_settings(const struct pol_session *session, struct exec_settings *out)
{
	const struct cfg_node *list = find(session, "exec.pathPrepend");

	out->yield_ms = (int64_t)number(session, "exec.backgroundMs", 10000);
	out->timeout_ms =
		(uint64_t)(number(session, "exec.timeoutSec", 1800) * 1000);
	out->cleanup_ms = (uint64_t)number(session, "exec.cleanupMs", 1800000);
	out->keep_output = bytes(session, "exec.maxOutputBytes", 8U << 20);
	out->path_prepend = list && list->type == CFG_ARRAY ? list : NULL;
}
