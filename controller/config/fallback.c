// SPDX-License-Identifier: Apache-2.0
/*
 * Defaults as values.  Most are in the rows; a few depend on whose
 * configuration it is.
 */
#include <config.h>

#include "controller/config/load.h"

#include <stdio.h>
#include <string.h>

#define VALUE_MAX_BYTES 1024

static const char python[] =
	", \"python_execute\", \"python_environment_info\"]";

static size_t count_keys(void)
{
	size_t count = 0;

	while (cfg_key_at(count))
		count++;
	return count;
}

static const struct cfg_node *text_node(struct cfg *cfg, const char *text)
{
	struct cfg_node *node = cfg_node_new(cfg->tree, CFG_STRING);

	if (!node)
		return NULL;
	node->text_len = strlen(text);
	node->text = cfg_tree_strndup(cfg->tree, text, node->text_len);
	return node->text ? node : NULL;
}

/* The file is the gateway's, by its name, in its older or newer days. */
static bool is_older(const struct cfg *cfg)
{
	const char *slash = strrchr(cfg->path, '/');
	const char *name = slash ? slash + 1 : cfg->path;

	return strncmp(name, "moltbot", 7) == 0 ||
	       strncmp(name, "clawdbot", 8) == 0;
}

static const struct cfg_node *folder(struct cfg *cfg, const char *name)
{
	char path[4096];
	const char *beside;

	if (cfg->syntax != CFG_SYNTAX_JSON5) {
		(void)snprintf(path, sizeof(path), "%s/%s", cfg->state_dir,
			       name);
		return text_node(cfg, path);
	}
	beside = is_older(cfg) ? ".moltbot" : ".openclaw";
	if (is_older(cfg) && strcmp(name, "workspace") == 0)
		(void)snprintf(path, sizeof(path), "%s/clawd", cfg->home);
	else
		(void)snprintf(path, sizeof(path), "%s/%s/%s", cfg->home,
			       beside, name);
	return text_node(cfg, path);
}

static const struct cfg_node *worked_out(struct cfg *cfg, const char *path)
{
	bool json5 = cfg->syntax == CFG_SYNTAX_JSON5;

	if (strcmp(path, "mode") == 0)
		return text_node(cfg, json5 ? "off" : "all");
	if (strcmp(path, "scope") == 0)
		return text_node(cfg, "agent");
	if (strcmp(path, "docker.user") == 0)
		return text_node(cfg, json5 ? "0:0" : "1000:1000");
	if (strcmp(path, "workspaceRoot") == 0)
		return folder(cfg, "sandboxes");
	if (strcmp(path, "workspace") == 0)
		return folder(cfg, "workspace");
	return folder(cfg, "media");
}

static bool is_text(enum cfg_kind kind)
{
	return kind == CFG_KIND_STRING || kind == CFG_KIND_ENUM ||
	       kind == CFG_KIND_SIZE || kind == CFG_KIND_BYTES ||
	       kind == CFG_KIND_DURATION || kind == CFG_KIND_PATH ||
	       kind == CFG_KIND_TARGET || kind == CFG_KIND_NAME ||
	       kind == CFG_KIND_USER;
}

/* Of the built-in text, so that what is found has no place. */
static void forget_places(struct cfg_node *node)
{
	node->pos = (struct cfg_pos){ 0 };
	node->key_pos = (struct cfg_pos){ 0 };
	for (struct cfg_node *child = node->first; child; child = child->next)
		forget_places(child);
}

/* MiniBot's tools are not the gateway's: a list of its own has them, too. */
static bool has_python(const struct cfg *cfg, const struct cfg_key *key)
{
	return cfg->syntax != CFG_SYNTAX_JSON5 &&
	       strcmp(key->path, "sandbox.tools.allow") == 0;
}

static const struct cfg_node *value_of(struct cfg *cfg,
				       const struct cfg_key *key)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	char text[VALUE_MAX_BYTES];
	struct cfg_node *node;

	if (key->fallback[0] == '(')
		return worked_out(cfg, key->path);
	if (is_text(key->kind))
		return text_node(cfg, key->fallback);
	(void)snprintf(text, sizeof(text), "%s", key->fallback);
	if (has_python(cfg, key))
		(void)snprintf(text + strlen(text) - 1,
			       sizeof(text) - strlen(text) + 1, "%s", python);
	node = cfg_json5_parse(cfg->tree, text, strlen(text), 0, &problems);
	cfg_problems_fini(&problems);
	if (node)
		forget_places(node);
	return node;
}

/**
 * cfg_fallbacks_fill() - work out every default
 *
 * Return: 0, or -1 where there is no memory.
 */
int cfg_fallbacks_fill(struct cfg *cfg)
{
	const struct cfg_key *key;

	cfg->fallbacks = cfg_tree_alloc(cfg->tree, count_keys() *
						   sizeof(*cfg->fallbacks));
	if (!cfg->fallbacks)
		return -1;
	for (size_t i = 0; (key = cfg_key_at(i)); i++) {
		if (!key->fallback)
			continue;
		cfg->fallbacks[i] = value_of(cfg, key);
		if (!cfg->fallbacks[i])
			return -1;
	}
	return 0;
}

/**
 * cfg_fallback() - the default of a key, as a value
 *
 * Return: borrowed; NULL where it is unset.
 */
const struct cfg_node *cfg_fallback(const struct cfg *cfg,
				    const struct cfg_key *key)
{
	return cfg->fallbacks[cfg_key_index(key)];
}
