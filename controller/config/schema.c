// SPDX-License-Identifier: Apache-2.0
/*
 * The table of keys as one: its order, and how a row is found.
 */
#include <config.h>

#include "controller/config/schema.h"

#include <stdio.h>
#include <string.h>

#include "controller/config/schema-rows.h"

#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static const struct cfg_rows *const sections[] = {
	&cfg_rows_agents, &cfg_rows_sandbox, &cfg_rows_docker,
	&cfg_rows_browser, &cfg_rows_tools, &cfg_rows_python,
	&cfg_rows_minibot, &cfg_rows_own,
};

/**
 * cfg_rows_at() - the sections of the table; NULL after the last
 */
const struct cfg_rows *cfg_rows_at(size_t index)
{
	return index < SECTIONS ? sections[index] : NULL;
}

/**
 * cfg_key_at() - the rows in their order
 *
 * Return: NULL after the last.
 */
const struct cfg_key *cfg_key_at(size_t index)
{
	for (size_t i = 0; i < SECTIONS; i++) {
		if (index < sections[i]->count)
			return &sections[i]->rows[index];
		index -= sections[i]->count;
	}
	return NULL;
}

/**
 * cfg_key_index() - where in that order a row stands
 * @key: from cfg_key_at() or cfg_key_find()
 */
size_t cfg_key_index(const struct cfg_key *key)
{
	size_t before = 0;

	for (size_t i = 0; i < SECTIONS; i++) {
		const struct cfg_key *rows = sections[i]->rows;

		if (key >= rows && key < rows + sections[i]->count)
			return before + (size_t)(key - rows);
		before += sections[i]->count;
	}
	return before;
}

/**
 * cfg_key_find() - the row of a key
 * @path: within its place
 *
 * Return: NULL where there is none.
 */
const struct cfg_key *cfg_key_find(enum cfg_place place, const char *path)
{
	for (size_t i = 0; i < SECTIONS; i++) {
		const struct cfg_key *rows = sections[i]->rows;

		for (size_t j = 0; j < sections[i]->count; j++)
			if (rows[j].place == place &&
			    strcmp(rows[j].path, path) == 0)
				return &rows[j];
	}
	return NULL;
}

static void join(char path[96], const char *before, const char *name)
{
	(void)snprintf(path, 96, "%s%s", before, name);
}

/**
 * cfg_key_paths() - where a key may stand, the one for all agents first
 * @paths: filled, as far as the return value says
 */
size_t cfg_key_paths(const struct cfg_key *key, char paths[2][96])
{
	switch (key->place) {
	case CFG_IN_ROOT:
		join(paths[0], "", key->path);
		return 1;
	case CFG_IN_AGENT:
		join(paths[0], "agents.list[].", key->path);
		return 1;
	case CFG_IN_DEFAULTS:
		join(paths[0], "agents.defaults.", key->path);
		join(paths[1], "agents.list[].", key->path);
		return 2;
	case CFG_IN_SANDBOX:
		join(paths[0], "agents.defaults.sandbox.", key->path);
		join(paths[1], "agents.list[].sandbox.", key->path);
		return 2;
	case CFG_IN_TOOLS:
		join(paths[0], "tools.", key->path);
		join(paths[1], "agents.list[].tools.", key->path);
		return 2;
	case CFG_IN_PROVIDER:
		join(paths[0], "tools.byProvider.*.", key->path);
		join(paths[1], "agents.list[].tools.byProvider.*.", key->path);
		return 2;
	case CFG_IN_INVALID:
		break;
	}
	return 0;
}
