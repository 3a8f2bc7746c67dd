// SPDX-License-Identifier: Apache-2.0
/*
 * What is asked of a loaded configuration.
 */
#include <config.h>

#include "controller/config/config.h"

#include <stdio.h>
#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Of an id's characters, in lower case; 0 for any other. */
static char plain(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
	    c == '-')
		return c;
	return 0;
}

static bool is_id(const char *text, size_t len)
{
	if (len == 0 || len > CFG_AGENT_ID_MAX || text[0] == '_' ||
	    text[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!plain(text[i]))
			return false;
	return true;
}

/**
 * cfg_agent_fold() - an agent's id as it is compared
 * @text: as it was written
 * @id:   filled: 1 to CFG_AGENT_ID_MAX characters
 *
 * What is an id but for white space around it is put into lower case alone.
 * Of anything else each run of other characters becomes a dash, dashes go from
 * both ends, and what is too long is cut.  Nothing left is "main".
 */
void cfg_agent_fold(const char *text, char id[CFG_AGENT_ID_MAX + 1])
{
	size_t len = strlen(text);
	size_t used = 0; /* with what is too long */
	size_t end = 0;  /* without dashes at the end */
	bool keep;

	while (len > 0 && is_space(text[len - 1]))
		len--;
	for (; len > 0 && is_space(*text); len--)
		text++;
	keep = is_id(text, len);
	for (size_t i = 0; i < len; i++) {
		char c = plain(text[i]);

		/* A run's first character stands for it. */
		if (!c && i > 0 && !plain(text[i - 1]))
			continue;
		if (!keep && used == 0 && (!c || c == '-'))
			continue;
		if (used < CFG_AGENT_ID_MAX)
			id[used] = c ? c : '-';
		used++;
		if (keep || (c && c != '-'))
			end = used;
	}
	if (end > CFG_AGENT_ID_MAX)
		end = CFG_AGENT_ID_MAX;
	id[end] = '\0';
	if (end == 0)
		memcpy(id, "main", sizeof("main"));
}

/**
 * cfg_agent_find() - the entry of agents.list that has an id
 * @id: folded
 */
const struct cfg_agent *cfg_agent_find(const struct cfg *cfg, const char *id)
{
	const struct cfg_node *node = cfg_node_get(cfg->agent_index, id);

	return node ? &cfg->agents[node->integer] : NULL;
}

/**
 * cfg_get() - by a dotted path from an object
 * @object: NULL and what is no object have no members
 *
 * Return: borrowed; NULL where there is none, and for null.
 */
const struct cfg_node *cfg_get(const struct cfg_node *object, const char *path)
{
	const struct cfg_node *node = object;

	while (node && *path) {
		size_t len = strcspn(path, ".");

		node = cfg_node_getn(node, path, len);
		path += len + (path[len] == '.');
	}
	return node && node->type != CFG_NULL ? node : NULL;
}

/**
 * cfg_pos_text() - "FILE:LINE", or "built in", for messages
 */
void cfg_pos_text(const struct cfg *cfg, const struct cfg_pos *pos,
		  char *text, size_t size)
{
	if (pos->line == 0 || pos->file >= cfg->problems.n_files)
		(void)snprintf(text, size, "built in");
	else
		(void)snprintf(text, size, "%s:%u",
			       cfg->problems.files[pos->file], pos->line);
}

/**
 * cfg_expand() - a path with its ~ or ~/ replaced
 *
 * Return: in the configuration's tree; NULL where there is no memory.
 */
const char *cfg_expand(const struct cfg *cfg, const char *text)
{
	size_t home = strlen(cfg->home);
	size_t len = strlen(text);
	char *path;

	if (text[0] != '~' || (text[1] && text[1] != '/'))
		return cfg_tree_strndup(cfg->tree, text, len);
	path = cfg_tree_alloc(cfg->tree, home + len);
	if (!path)
		return NULL;
	memcpy(path, cfg->home, home);
	memcpy(path + home, text + 1, len);
	return path;
}
