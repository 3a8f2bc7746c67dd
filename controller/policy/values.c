// SPDX-License-Identifier: Apache-2.0
/*
 * Which of two levels a value is from.  Types, defaults and merge rules are
 * those of the table of keys; what was loaded has been checked against it, so
 * that a value of another type here is a bug, and is refused all the same.
 */
#include <config.h>

#include "controller/policy/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"

struct row {
	enum cfg_place place;
	const char *path;
};

/* As enum pol_value has them. */
static const struct row rows[POL_VALUE_COUNT] = {
	[POL_MODE] = { CFG_IN_SANDBOX, "mode" },
	[POL_SCOPE] = { CFG_IN_SANDBOX, "scope" },
	[POL_ACCESS] = { CFG_IN_SANDBOX, "workspaceAccess" },
	[POL_WORKSPACE_ROOT] = { CFG_IN_SANDBOX, "workspaceRoot" },
	[POL_WORKSPACE] = { CFG_IN_DEFAULTS, "workspace" },
	[POL_IMAGE] = { CFG_IN_SANDBOX, "docker.image" },
	[POL_PREFIX] = { CFG_IN_SANDBOX, "docker.containerPrefix" },
	[POL_WORKDIR] = { CFG_IN_SANDBOX, "docker.workdir" },
	[POL_READ_ONLY_ROOT] = { CFG_IN_SANDBOX, "docker.readOnlyRoot" },
	[POL_TMPFS] = { CFG_IN_SANDBOX, "docker.tmpfs" },
	[POL_NETWORK] = { CFG_IN_SANDBOX, "docker.network" },
	[POL_USER] = { CFG_IN_SANDBOX, "docker.user" },
	[POL_CAP_DROP] = { CFG_IN_SANDBOX, "docker.capDrop" },
	[POL_ENV] = { CFG_IN_SANDBOX, "docker.env" },
	[POL_SETUP_COMMAND] = { CFG_IN_SANDBOX, "docker.setupCommand" },
	[POL_SETUP_TIMEOUT] = { CFG_IN_SANDBOX, "docker.setupTimeout" },
	[POL_PIDS_LIMIT] = { CFG_IN_SANDBOX, "docker.pidsLimit" },
	[POL_MEMORY] = { CFG_IN_SANDBOX, "docker.memory" },
	[POL_MEMORY_SWAP] = { CFG_IN_SANDBOX, "docker.memorySwap" },
	[POL_CPUS] = { CFG_IN_SANDBOX, "docker.cpus" },
	[POL_ULIMITS] = { CFG_IN_SANDBOX, "docker.ulimits" },
	[POL_SECCOMP_PROFILE] = { CFG_IN_SANDBOX, "docker.seccompProfile" },
	[POL_APPARMOR_PROFILE] = { CFG_IN_SANDBOX, "docker.apparmorProfile" },
	[POL_DNS] = { CFG_IN_SANDBOX, "docker.dns" },
	[POL_EXTRA_HOSTS] = { CFG_IN_SANDBOX, "docker.extraHosts" },
	[POL_BINDS] = { CFG_IN_SANDBOX, "docker.binds" },
	[POL_SOCKET_BINDS] = { CFG_IN_SANDBOX, "allowSocketBinds" },
	[POL_ALLOW_PATHS] = { CFG_IN_SANDBOX, "allowProtectedBinds" },
	[POL_PROTECT_PATHS] = { CFG_IN_SANDBOX, "protectPaths" },
	[POL_ENFORCEMENT] = { CFG_IN_SANDBOX, "limits.enforcement" },
	[POL_PRUNE_IDLE] = { CFG_IN_SANDBOX, "prune.idleHours" },
	[POL_PRUNE_AGE] = { CFG_IN_SANDBOX, "prune.maxAgeDays" },
	[POL_BROWSER_ENABLED] = { CFG_IN_SANDBOX, "browser.enabled" },
	[POL_BROWSER_IMAGE] = { CFG_IN_SANDBOX, "browser.image" },
	[POL_BROWSER_CONTAINER_PREFIX] = {
		CFG_IN_SANDBOX, "browser.containerPrefix",
	},
	[POL_BROWSER_CDP_PORT] = { CFG_IN_SANDBOX, "browser.cdpPort" },
	[POL_BROWSER_VNC_PORT] = { CFG_IN_SANDBOX, "browser.vncPort" },
	[POL_BROWSER_NO_VNC_PORT] = { CFG_IN_SANDBOX, "browser.noVncPort" },
	[POL_BROWSER_HEADLESS] = { CFG_IN_SANDBOX, "browser.headless" },
	[POL_BROWSER_ENABLE_NO_VNC] = { CFG_IN_SANDBOX, "browser.enableNoVnc" },
	[POL_BROWSER_ALLOW_HOST_CONTROL] = {
		CFG_IN_SANDBOX, "browser.allowHostControl",
	},
	[POL_BROWSER_ALLOWED_CONTROL_URLS] = {
		CFG_IN_SANDBOX, "browser.allowedControlUrls",
	},
	[POL_BROWSER_ALLOWED_CONTROL_HOSTS] = {
		CFG_IN_SANDBOX, "browser.allowedControlHosts",
	},
	[POL_BROWSER_ALLOWED_CONTROL_PORTS] = {
		CFG_IN_SANDBOX, "browser.allowedControlPorts",
	},
	[POL_BROWSER_AUTO_START] = { CFG_IN_SANDBOX, "browser.autoStart" },
	[POL_BROWSER_AUTO_START_TIMEOUT_MS] = {
		CFG_IN_SANDBOX, "browser.autoStartTimeoutMs",
	},
	[POL_MEDIA_ROOT] = { CFG_IN_ROOT, "media.root" },
};

/* A value at its two levels; NULL: not set there. */
struct levels {
	const struct cfg_node *global;
	const struct cfg_node *agent;
	char agent_prefix[64];
	const char *global_prefix;
	bool passed_over; /* the agent has one, and it does not count */
};

/**
 * pol_value_key() - a value's key within the sandbox section, for messages
 */
const char *pol_value_key(enum pol_value value)
{
	return rows[value].path;
}

/**
 * pol_value_row() - what the table of keys says of a value
 */
const struct cfg_key *pol_value_row(enum pol_value value)
{
	static const struct cfg_key *found[POL_VALUE_COUNT];

	if (!found[value])
		found[value] = cfg_key_find(rows[value].place,
					    rows[value].path);
	return found[value];
}

/**
 * pol_no_memory() - -1, as an error
 */
int pol_no_memory(struct err *err)
{
	return err_set(err, ERR_KERNEL, ENOMEM, "session");
}

/**
 * pol_value_note() - a sentence that explains a value that may surprise
 */
void pol_value_note(struct pol_work *work, enum pol_value value,
		    const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	work->session->origins[value].note =
		cfg_tree_vprintf(work->session->mem, fmt, args);
	va_end(args);
}

/**
 * pol_value_bad() - an error that names a value's key and place
 */
int pol_value_bad(struct pol_work *work, enum pol_value value,
		  const char *why)
{
	const struct pol_origin *origin = &work->session->origins[value];
	char place[CFG_PROBLEM_BYTES];

	cfg_pos_text(work->cfg, &origin->pos, place, sizeof(place));
	return err_set(work->err, ERR_BAD_REQUEST, 0, "%s (%.60s): %s",
		       origin->key, place, why);
}

/* An empty text stands for no value where it could be none itself. */
static const struct cfg_node *at_level(const struct cfg_node *object,
				       enum pol_value value)
{
	const struct cfg_node *node = cfg_get(object, rows[value].path);

	if ((value == POL_USER || value == POL_APPARMOR_PROFILE) && node &&
	    node->type == CFG_STRING && node->text_len == 0)
		return NULL;
	return node;
}

static void find_levels(const struct pol_work *work, enum pol_value value,
			struct levels *levels)
{
	const struct pol_session *session = work->session;
	const struct cfg_agent *agent = session->agent;
	const struct row *row = &rows[value];
	bool own = row->place == CFG_IN_SANDBOX && value > POL_WORKSPACE_ROOT;
	const struct cfg_node *at = agent ? agent->node : NULL;

	memset(levels, 0, sizeof(*levels));
	if (row->place == CFG_IN_ROOT) {
		levels->global_prefix = "";
		levels->global = at_level(work->cfg->root, value);
		return;
	}
	if (row->place == CFG_IN_SANDBOX) {
		levels->global_prefix = "agents.defaults.sandbox.";
		levels->global = at_level(work->cfg->sandbox, value);
		at = at ? cfg_get(at, "sandbox") : NULL;
	} else {
		levels->global_prefix = "agents.defaults.";
		levels->global = at_level(work->cfg->defaults, value);
	}
	levels->agent = at_level(at, value);
	if (levels->agent && own && session->scope == POL_SCOPE_SHARED) {
		levels->agent = NULL;
		levels->passed_over = true;
	}
	if (levels->agent)
		(void)snprintf(levels->agent_prefix,
			       sizeof(levels->agent_prefix),
			       "agents.list[%zu].%s", agent->index,
			       row->place == CFG_IN_SANDBOX ? "sandbox." : "");
}

/* The last of two members of one name counts. */
static struct cfg_node *merge_maps(struct cfg_tree *tree,
				   const struct cfg_node *global,
				   const struct cfg_node *agent)
{
	const struct cfg_node *const both[] = { global, agent };
	struct cfg_node *merged = cfg_node_new(tree, CFG_OBJECT);

	for (size_t i = 0; merged && i < 2; i++) {
		const struct cfg_node *from = both[i] ? both[i]->first : NULL;

		for (; from; from = from->next) {
			struct cfg_node *copy;

			if (i == 0 && agent &&
			    cfg_node_getn(agent, from->key, from->key_len))
				continue;
			copy = cfg_node_copy(tree, from);
			if (!copy)
				return NULL;
			cfg_node_append(merged, copy);
		}
	}
	return merged;
}

static struct cfg_node *join_lists(struct cfg_tree *tree,
				   const struct cfg_node *global,
				   const struct cfg_node *agent)
{
	const struct cfg_node *const both[] = { global, agent };
	struct cfg_node *joined = cfg_node_new(tree, CFG_ARRAY);

	for (size_t i = 0; joined && i < 2; i++) {
		const struct cfg_node *from = both[i] ? both[i]->first : NULL;

		for (; from; from = from->next) {
			struct cfg_node *copy = cfg_node_copy(tree, from);

			if (!copy)
				return NULL;
			cfg_node_append(joined, copy);
		}
	}
	return joined;
}

static const struct cfg_node *pick(const struct pol_work *work,
				   const struct cfg_key *row,
				   const struct levels *levels)
{
	struct cfg_tree *tree = work->session->mem;

	if (!levels->agent || !levels->global)
		return levels->agent ? levels->agent : levels->global;
	if (row->merge == CFG_MERGE_MAP && levels->agent->type == CFG_OBJECT &&
	    levels->global->type == CFG_OBJECT)
		return merge_maps(tree, levels->global, levels->agent);
	if (row->merge == CFG_MERGE_CONCAT &&
	    levels->agent->type == CFG_ARRAY &&
	    levels->global->type == CFG_ARRAY)
		return join_lists(tree, levels->global, levels->agent);
	return levels->agent;
}

static void note_levels(struct pol_work *work, enum pol_value value,
			const struct levels *levels)
{
	enum cfg_merge merge = pol_value_row(value)->merge;

	if (levels->passed_over)
		pol_value_note(work, value,
			       "the agent's own is passed over under scope shared");
	else if (levels->agent && levels->global && merge == CFG_MERGE_MAP)
		pol_value_note(work, value,
			       "merged with %s%s; where both name one, the agent's counts",
			       levels->global_prefix, rows[value].path);
	else if (levels->agent && levels->global && merge == CFG_MERGE_CONCAT)
		pol_value_note(work, value,
			       "after those of %s%s", levels->global_prefix,
			       rows[value].path);
}

/**
 * pol_value_merge() - find a value at its levels
 *
 * Return: 0 or -1.
 */
int pol_value_merge(struct pol_work *work, enum pol_value value)
{
	struct pol_origin *origin = &work->session->origins[value];
	const struct cfg_key *row = pol_value_row(value);
	const struct cfg_node *from;
	struct levels levels;

	if (!row)
		return err_set(work->err, ERR_INTERNAL, 0,
			       "%s: not in the table of keys",
			       rows[value].path);
	find_levels(work, value, &levels);
	from = levels.agent ? levels.agent : levels.global;
	origin->level = levels.agent	? POL_LEVEL_AGENT :
			levels.global ? POL_LEVEL_GLOBAL :
					POL_LEVEL_DEFAULT;
	origin->key = cfg_tree_printf(work->session->mem, "%s%s",
				      levels.agent ? levels.agent_prefix :
						     levels.global_prefix,
				      rows[value].path);
	if (!origin->key)
		return pol_no_memory(work->err);
	if (from)
		origin->pos = from->key_pos.line ? from->key_pos : from->pos;
	work->session->values[value] = from ? pick(work, row, &levels)
					    : cfg_fallback(work->cfg, row);
	if (from && !work->session->values[value])
		return pol_no_memory(work->err);
	note_levels(work, value, &levels);
	return 0;
}

/**
 * pol_node_text() - a string, number or truth value as text; NULL: no such
 */
const char *pol_node_text(struct cfg_tree *tree, const struct cfg_node *node)
{
	switch (node->type) {
	case CFG_STRING:
		return node->text_len == strlen(node->text) ? node->text : NULL;
	case CFG_BOOL:
		return node->boolean ? "true" : "false";
	case CFG_INTEGER:
		return cfg_tree_printf(tree, "%lld", (long long)node->integer);
	case CFG_FLOAT:
		return cfg_tree_printf(tree, "%.15g", node->real);
	case CFG_INVALID:
	case CFG_NULL:
	case CFG_DATETIME:
	case CFG_ARRAY:
	case CFG_OBJECT:
		break;
	}
	return NULL;
}

/**
 * pol_value_text() - a value as text; NULL where it is not set
 */
const char *pol_value_text(struct pol_work *work, enum pol_value value)
{
	const struct cfg_node *node = work->session->values[value];

	return node ? pol_node_text(work->session->mem, node) : NULL;
}

/**
 * pol_value_is_true() - a truth value; false where it is not set
 */
bool pol_value_is_true(const struct pol_session *session, enum pol_value value)
{
	const struct cfg_node *node = session->values[value];

	return node && node->type == CFG_BOOL && node->boolean;
}

/**
 * pol_value_number() - a number; 0 where it is not set
 */
double pol_value_number(const struct pol_session *session,
			enum pol_value value)
{
	const struct cfg_node *node = session->values[value];

	if (node && node->type == CFG_INTEGER)
		return (double)node->integer;
	return node && node->type == CFG_FLOAT ? node->real : 0;
}

/**
 * pol_value_strings() - a list of texts
 */
int pol_value_strings(struct pol_work *work, enum pol_value value,
		      const char *const **list, size_t *count)
{
	const struct cfg_node *node = work->session->values[value];
	const char **texts;
	size_t n = 0;

	*list = NULL;
	*count = 0;
	if (!node)
		return 0;
	if (node->type != CFG_ARRAY)
		return pol_value_bad(work, value, "not a list");
	texts = cfg_tree_alloc(work->session->mem,
			       (node->count + 1) * sizeof(*texts));
	if (!texts)
		return pol_no_memory(work->err);
	for (const struct cfg_node *at = node->first; at; at = at->next) {
		texts[n] = pol_node_text(work->session->mem, at);
		if (!texts[n++])
			return pol_value_bad(work, value, "not a list of texts");
	}
	*list = texts;
	*count = n;
	return 0;
}
