// SPDX-License-Identifier: Apache-2.0
/*
 * Paths as models write them.  All of it is text: what is a symbolic link, and
 * whether a name is there at all, is the backend's to see, which resolves what
 * comes from here beneath its root and follows no link where it is confined.
 */
#include <config.h>

#include "controller/tools/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config/utf8.h"
#include "controller/tools/setting.h"
#include "proto/cleanup.h"

#define SHOWN_BYTES 64

/* What a path is relative to, and what it must not leave. */
struct base {
	const char *root;
	const char *limit; /* NULL: it may lead anywhere */
	const char *key;   /* that set the limit; NULL: it is the workspace */
	const char *home;  /* NULL: nobody's */
	const char *alias; /* another name of the workspace: on the host */
	const char *workspace;
	bool sandboxed;
};

/* The bytes of a Unicode space there, 0 where there is none. */
static size_t space_at(const char *at, size_t len)
{
	const unsigned char *c = (const unsigned char *)at;

	if (len >= 2 && c[0] == 0xc2 && c[1] == 0xa0)
		return 2;
	if (len < 3)
		return 0;
	if (c[0] == 0xe2 && c[1] == 0x80 && (c[2] <= 0x8a || c[2] == 0xaf))
		return 3;
	if (c[0] == 0xe2 && c[1] == 0x81 && c[2] == 0x9f)
		return 3;
	return c[0] == 0xe3 && c[1] == 0x80 && c[2] == 0x80 ? 3 : 0;
}

/* With ASCII's space for each of Unicode's. */
static char *plain_spaces(const char *path, size_t len)
{
	char *text = malloc(len + 1), *to = text;

	if (!text)
		return NULL;
	for (size_t at = 0; at < len;) {
		size_t space = space_at(path + at, len - at);

		*to++ = space ? ' ' : path[at];
		at += space ? space : 1;
	}
	*to = '\0';
	return text;
}

/* Appends the components to an absolute path that has none but real ones. */
static char *append(char *abs, size_t used, const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && memcmp(path, "..", 2) == 0) {
			while (used > 0 && abs[--used] != '/')
				;
		} else if (len > 0 && !(len == 1 && *path == '.')) {
			abs[used++] = '/';
			memcpy(abs + used, path, len);
			used += len;
		}
		path += len;
		path += strspn(path, "/");
	}
	abs[used] = '\0';
	return abs;
}

/* Absolute, without "." and ".."; "" is the root of all. Owned. */
static char *join(const char *root, const char *path)
{
	char *abs = malloc(strlen(root) + strlen(path) + 3);

	if (!abs)
		return NULL;
	append(abs, 0, path[0] == '/' ? "" : root);
	return append(abs, strlen(abs), path);
}

/* What follows the root in a path below it, NULL where it is not below. */
static const char *below(const char *root, const char *path)
{
	size_t len = strlen(root);

	while (len > 0 && root[len - 1] == '/')
		len--;
	if (strncmp(path, root, len) != 0)
		return NULL;
	if (path[len] == '\0')
		return path + len;
	return path[len] == '/' ? path + len + 1 : NULL;
}

/* How much of a text an error shows: whole characters. */
static int shown(const char *text)
{
	size_t len = strlen(text);

	return (int)cfg_utf8_valid(text, len < SHOWN_BYTES ? len : SHOWN_BYTES);
}

static int escapes(const struct base *base, const char *path, struct err *err)
{
	return err_set(err, ERR_DENIED, EXDEV,
		       "Path escapes %s root (%s%s%.*s): %.*s",
		       base->sandboxed ? "sandbox" : "workspace",
		       base->key ? base->key : "", base->key ? ", " : "",
		       shown(base->limit), base->limit, shown(path), path);
}

/* ~ is whoever's home the configuration is for, as the gateway has it. */
static char *expand(const struct base *base, const char *path)
{
	if (path[0] != '~' || (path[1] && path[1] != '/') || !base->home)
		return join(base->root, path);
	return join(base->home, path + 1 + strspn(path + 1, "/"));
}

/* Absolute; what is the workspace by its other name is so by this one. */
static char *absolute(const struct base *base, const char *path)
{
	char *abs = expand(base, path), *other;
	const char *rest;

	if (!abs || !base->alias || below(base->workspace, abs))
		return abs;
	rest = below(base->alias, abs);
	if (!rest)
		return abs;
	other = join(base->workspace, rest);
	free(abs);
	return other;
}

static int resolve(const struct base *base, const char *path, char **rel,
		   struct err *err)
{
	auto_free char *abs = absolute(base, path);
	const char *rest;

	if (!abs)
		return err_set(err, ERR_KERNEL, ENOMEM, "path");
	if (base->limit && !below(base->limit, abs))
		return escapes(base, path, err);
	rest = below(base->sandboxed ? base->workspace : base->root, abs);
	if (!rest)
		rest = abs[0] ? abs : "/";
	if (strlen(rest) > TOOL_PATH_MAX_BYTES)
		return err_set(err, ERR_BAD_REQUEST, ENAMETOOLONG,
			       "path: expected at most %d bytes, got %zu",
			       TOOL_PATH_MAX_BYTES, strlen(rest));
	*rel = strdup(rest);
	return *rel ? 0 : err_set(err, ERR_KERNEL, ENOMEM, "path");
}

static struct base base_of(const struct tool_env *env)
{
	const struct pol_session *session = env->session;
	const bool inside = session && env->sandboxed;

	return (struct base){
		.root = env->root,
		.limit = env->confined ? env->root : NULL,
		.home = session && session->cfg ? session->cfg->home : NULL,
		.alias = inside ? session->sandbox_workspace : NULL,
		.workspace = env->root,
		.sandboxed = env->sandboxed,
	};
}

static int take(const struct base *base, const char *path, size_t len,
		char **rel, struct err *err)
{
	auto_free char *text = NULL;

	if (memchr(path, 0, len))
		return err_set(err, ERR_BAD_REQUEST, EINVAL,
			       "path: expected text without NUL, got one");
	if (len > TOOL_PATH_MAX_BYTES)
		return err_set(err, ERR_BAD_REQUEST, ENAMETOOLONG,
			       "path: expected at most %d bytes, got %zu",
			       TOOL_PATH_MAX_BYTES, len);
	text = plain_spaces(path, len);
	if (!text)
		return err_set(err, ERR_KERNEL, ENOMEM, "path");
	return resolve(base, text, rel, err);
}

/**
 * tool_path() - what a path means
 * @rel: filled with an owned path: below env->root without a slash before
 *       it, or, where that is not confined, absolute
 *
 * Return: -1: DENIED where it leaves env->root, BAD_REQUEST where it is none.
 */
int tool_path(const struct tool_env *env, const char *path, size_t len,
	      char **rel, struct err *err)
{
	const struct base base = base_of(env);

	return take(&base, path, len, rel, err);
}

/**
 * tool_toml() - the configuration, where it is a file in TOML; else NULL
 */
const struct cfg *tool_toml(const struct tool_env *env)
{
	const struct cfg *cfg = env->session ? env->session->cfg : NULL;

	return cfg && cfg->syntax == CFG_SYNTAX_TOML ? cfg : NULL;
}

/**
 * tool_has_storage() - do the options of tools.file_storage hold?
 *
 * They do where a TOML file has that table, unless it says that it is off.
 */
bool tool_has_storage(const struct tool_env *env)
{
	const struct cfg *cfg = tool_toml(env);

	if (!cfg || !tool_setting_given(cfg, "tools.file_storage"))
		return false;
	return !tool_setting_given(cfg, "tools.file_storage.enabled") ||
	       tool_setting_bool(cfg, "tools.file_storage.enabled");
}

/* The key that names the folder, and whether paths may leave it. */
static const char *area_root(const struct tool_env *env, enum tool_area area,
			     bool *confined)
{
	const struct cfg *cfg = tool_toml(env);

	if (area == TOOL_AREA_PATCHES) {
		*confined = tool_setting_bool(
				    cfg,
				    "tools.apply_patch.restrict_to_workspace") &&
			    !tool_setting_bool(
				    cfg,
				    "tools.apply_patch.allow_outside_workspace");
		return "tools.apply_patch.workspace_root";
	}
	*confined = !tool_setting_bool(cfg,
				       "tools.file_storage.allow_outside_root");
	return tool_has_storage(env) ? "tools.file_storage.root_dir" : NULL;
}

/* Inside there is nothing but the workspace, whatever a key says. */
static int check_inside(const struct base *base, const char *key,
			const char *root, struct err *err)
{
	if (below(base->workspace, root))
		return 0;
	return err_set(err, ERR_DENIED, EXDEV,
		       "%s: %.*s is outside of the sandbox's workspace", key,
		       shown(root), root);
}

/* @root: filled with the folder that an area's key names, where it has one */
static int set_area(struct tool_call *call, enum tool_area area,
		    struct base *base, char **root, struct err *err)
{
	const char *key, *named = NULL;
	bool confined = true;

	if (!tool_toml(call->env))
		return 0;
	key = area_root(call->env, area, &confined);
	if (key)
		named = tool_setting_text(tool_toml(call->env), key);
	*root = absolute(base, named ? named : ".");
	if (!*root)
		return err_set(err, ERR_KERNEL, ENOMEM, "path");
	if (base->sandboxed &&
	    check_inside(base, key ? key : "path", *root, err) < 0)
		return -1;
	base->root = *root;
	if (confined)
		base->limit = *root;
	base->key = confined ? key : NULL;
	return 0;
}

/**
 * tool_file_path() - what a path of a file tool means
 *
 * As tool_path(), with the options of @area where a TOML file is in force: then
 * the path is relative to the folder that they name and, unless they allow it,
 * does not leave it.  A sandbox's workspace is never left, whatever they say.
 */
int tool_file_path(struct tool_call *call, enum tool_area area,
		   const char *path, char **rel, struct err *err)
{
	struct base base = base_of(call->env);
	auto_free char *root = NULL;

	if (set_area(call, area, &base, &root, err) < 0)
		return -1;
	if (take(&base, path, strlen(path), rel, err) < 0)
		return -1;
	if (root && !base.sandboxed && !call->root) {
		call->confined = base.limit != NULL;
		call->root = ptr_take(&root);
	}
	return 0;
}

/**
 * tool_resource_path() - what the path of a resource means
 * @path: bytes as the file system has them, without anything to normalise
 *
 * Below the workspace, or the folder that file storage is in, also where tools
 * may leave it, and without links on the way.
 */
int tool_resource_path(struct tool_call *call, const char *path, char **rel,
		       struct err *err)
{
	struct base base = base_of(call->env);
	auto_free char *root = NULL;

	if (set_area(call, TOOL_AREA_FILES, &base, &root, err) < 0)
		return -1;
	base.limit = base.root;
	base.home = NULL;
	base.alias = NULL;
	if (resolve(&base, path + strspn(path, "/"), rel, err) < 0)
		return -1;
	if (base.sandboxed || call->root)
		return 0;
	call->confined = true;
	call->root = strdup(base.root);
	return call->root ? 0 : err_set(err, ERR_KERNEL, ENOMEM, "path");
}
