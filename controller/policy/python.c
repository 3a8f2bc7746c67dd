// SPDX-License-Identifier: Apache-2.0
/*
 * The interpreter that python_execute is to use is one of the host's: what it
 * lies in is bound into the sandbox of a session.
 */
#include <config.h>

#include "controller/policy/python.h"

#include <stdio.h>
#include <string.h>

#include "controller/config/tree.h"

#define KEY "tools.python_exec."

static const char *const keys[] = { KEY "python_path", KEY "venv_path" };

static const char *slice(struct cfg_tree *mem, const char *text, size_t len)
{
	return cfg_tree_strndup(mem, text, len);
}

/**
 * pol_host_path() - a path of the host that a key of MiniBot's has
 *
 * ~ is the home, a relative one is relative to the configuration's folder.
 *
 * Return: borrowed from @mem or @text; NULL: there is no such folder, or no
 * memory.
 */
const char *pol_host_path(const struct cfg *cfg, struct cfg_tree *mem,
			  const char *text)
{
	const char *slash = cfg->path ? strrchr(cfg->path, '/') : NULL;

	if (text[0] == '/')
		return text;
	if (text[0] == '~' && (text[1] == '\0' || text[1] == '/'))
		return cfg_tree_printf(mem, "%s%s", cfg->home, text + 1);
	while (strncmp(text, "./", 2) == 0)
		text += 2;
	return slash ? cfg_tree_printf(mem, "%.*s/%s", (int)(slash - cfg->path),
				       cfg->path, text) :
		       NULL;
}

static size_t parent_len(const char *path, size_t len)
{
	while (len > 0 && path[len - 1] != '/')
		len--;
	while (len > 0 && path[len - 1] == '/')
		len--;
	return len;
}

/* PREFIX of PREFIX/bin/python3, else the folder that it is in. */
static const char *prefix_of(struct cfg_tree *mem, const char *path)
{
	size_t len = parent_len(path, strlen(path));

	if (len >= 4 && strncmp(path + len - 4, "/bin", 4) == 0)
		len = parent_len(path, len);
	return slice(mem, path, len);
}

/* What each image has of its own. */
static bool is_of_image(const char *path)
{
	static const char *const own[] = { "", "/", "/usr", "/usr/local" };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(path, own[i]) == 0)
			return true;
	return false;
}

static bool is_clean(const char *path)
{
	return !strstr(path, "/../") && !strstr(path, "/./") &&
	       !strstr(path, "//") &&
	       strcmp(path + parent_len(path, strlen(path)), "/..") != 0 &&
	       strcmp(path + parent_len(path, strlen(path)), "/.") != 0;
}

static const char *source_of(const struct pol_work *work, size_t which)
{
	struct cfg_tree *mem = work->session->mem;
	const struct cfg_node *node = cfg_get(work->cfg->root, keys[which]);
	const char *path = NULL;
	size_t len;

	/* python3.11 is looked for where commands are. */
	if (node && node->type == CFG_STRING && node->text_len > 0 &&
	    strlen(node->text) == node->text_len &&
	    (which != 0 || strchr(node->text, '/')))
		path = pol_host_path(work->cfg, mem, node->text);
	if (path && which == 0)
		path = prefix_of(mem, path);
	if (!path)
		return NULL;
	for (len = strlen(path); len > 0 && path[len - 1] == '/'; len--)
		continue;
	path = slice(mem, path, len);
	return path && !is_of_image(path) && is_clean(path) ? path : NULL;
}

static bool has_target(const struct cfg_bind *list, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].target, path) == 0)
			return true;
	return false;
}

static bool is_off(const struct cfg *cfg)
{
	const struct cfg_node *node = cfg_get(cfg->root, KEY "enabled");

	return node && node->type == CFG_BOOL && !node->boolean;
}

/**
 * pol_python_binds() - add what the interpreter lies in, read-only
 * @list: has room for POL_PYTHON_BINDS more
 *
 * Nothing for an interpreter below /usr or /bin: that is the image's.  A bind
 * of the same place that docker.binds has comes before.
 *
 * Return: how many there are now.
 */
size_t pol_python_binds(const struct pol_work *work, struct cfg_bind *list,
			size_t n)
{
	if (is_off(work->cfg))
		return n;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *path = source_of(work, i);

		if (path && !has_target(list, n, path))
			list[n++] = (struct cfg_bind){
				.source = path,
				.target = path,
				.readonly = true,
				.key = keys[i],
			};
	}
	return n;
}
