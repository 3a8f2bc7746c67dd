// SPDX-License-Identifier: Apache-2.0
/*
 * The managed file storage: where it is, and paths below it.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/artifact.h"
#include "controller/tools/setting.h"
#include "proto/cleanup.h"

#define STORAGE "tools.file_storage."

/**
 * artifact_clean() - a relative path without empty and "." components
 * @leaves: filled: there is a ".."
 *
 * Return: owned; NULL for one that leaves, or without memory.
 */
char *artifact_clean(const char *text, bool *leaves)
{
	char *path = calloc(1, strlen(text) + 2);
	char *to = path;

	*leaves = false;
	while (path && *text) {
		size_t len;

		text += strspn(text, "/\\");
		len = strcspn(text, "/\\");
		*leaves |= len == 2 && text[0] == '.' && text[1] == '.';
		if (len > 0 && !(len == 1 && text[0] == '.')) {
			if (to > path)
				*to++ = '/';
			memcpy(to, text, len);
			to += len;
		}
		text += len;
	}
	if (path && !*leaves)
		return path;
	free(path);
	return NULL;
}

static char *join(const char *head, const char *tail)
{
	char *path;

	if (asprintf(&path, "%s%s%s", head,
		     head[0] && tail[0] && strcmp(head, "/") != 0 ? "/" : "",
		     tail) < 0)
		return NULL;
	return path;
}

/* Inside, only what is below the workspace can be kept. */
static char *place_inside(const struct tool_env *env, const char *text)
{
	size_t len = strlen(env->root);
	bool leaves;

	if (text[0] != '/')
		return artifact_clean(text, &leaves);
	if (strncmp(text, env->root, len) != 0 ||
	    (text[len] != '\0' && text[len] != '/'))
		return NULL;
	return artifact_clean(text + len, &leaves);
}

static char *place_on_host(const struct tool_env *env, const char *text)
{
	const char *home = env->session->cfg->home;
	auto_free char *rest = NULL;
	bool leaves;

	if (text[0] == '/')
		return strdup(text);
	if (text[0] == '~' && (text[1] == '\0' || text[1] == '/'))
		return join(home, text[1] ? text + 2 : "");
	rest = artifact_clean(text, &leaves);
	return rest ? join(env->root, rest) : NULL;
}

/**
 * artifact_storage_find() - where files are kept
 * @storage: zeroed
 *
 * Storage that the configuration switches off is none; by default it is there.
 */
int artifact_storage_find(struct tool_call *call,
			  struct artifact_storage *storage)
{
	const struct tool_env *env = call->env;
	const struct cfg *cfg = env->session->cfg;
	const char *root = tool_setting_text(cfg, STORAGE "root_dir");

	if (tool_setting_given(cfg, STORAGE "enabled") &&
	    !tool_setting_bool(cfg, STORAGE "enabled")) {
		tool_fail(call, "file_storage_unavailable",
			  STORAGE "enabled: it is false, and artifacts are kept in the file storage");
		return -1;
	}
	if (root)
		storage->root = env->sandboxed ? place_inside(env, root) :
						 place_on_host(env, root);
	if (storage->root)
		return 0;
	tool_fail(call, "file_storage_unavailable",
		  STORAGE "root_dir: %.80s is not below %.80s, where this session's files are",
		  root ? root : "nothing", env->root);
	return -1;
}

/**
 * artifact_storage_fini() - release; idempotent
 */
void artifact_storage_fini(struct artifact_storage *storage)
{
	ptr_free(&storage->root);
}

/**
 * artifact_storage_path() - a path below it, as a backend takes it
 */
char *artifact_storage_path(struct tool_call *call,
			    const struct artifact_storage *storage,
			    const char *rel)
{
	if (call->env->sandboxed)
		return join(storage->root, rel);
	free(call->root);
	call->root = strdup(storage->root);
	call->confined = true;
	return call->root ? strdup(rel) : NULL;
}
