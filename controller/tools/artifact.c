// SPDX-License-Identifier: Apache-2.0
/*
 * Which files are to be kept, and where: what a call asks for, within what the
 * configuration allows.
 */
#include <config.h>

#include "controller/tools/artifact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/glob.h"
#include "controller/tools/setting.h"
#include "proto/cleanup.h"

#define KEY "tools.python_exec.artifacts_"
#define STORAGE "tools.file_storage."
#define SUBDIR_MAX_BYTES 1024
#define INVALID "invalid_artifact_options"

static const char *const all_kinds[] = { "*.png", "*.jpg", "*.jpeg", "*.pdf",
					 "*.csv", "*.txt", "*.json", "*.svg" };

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

static int read_globs(struct tool_call *call, struct artifact_options *options)
{
	const json_t *list = json_object_get(call->args, "artifact_globs");
	const size_t n_all = sizeof(all_kinds) / sizeof(all_kinds[0]);
	const json_t *item;
	size_t at;

	for (size_t i = 0; !list && i < n_all; i++)
		options->globs[options->n_globs++] = all_kinds[i];
	json_array_foreach(list, at, item) {
		const char *glob = json_string_value(item);

		if (is_blank(glob))
			continue;
		if (strlen(glob) != json_string_length(item) ||
		    strlen(glob) > TOOL_GLOB_MAX_BYTES ||
		    options->n_globs == ARTIFACT_MAX_GLOBS) {
			tool_fail(call, INVALID,
				  "artifact_globs: expected at most %d patterns of at most %d bytes without NUL",
				  ARTIFACT_MAX_GLOBS, TOOL_GLOB_MAX_BYTES);
			return -1;
		}
		options->globs[options->n_globs++] = glob;
	}
	if (options->n_globs > 0)
		return 0;
	tool_fail(call, INVALID,
		  "artifact_globs: expected at least one pattern, got none");
	return -1;
}

/* Relative, without empty and "." components; NULL: "..", or no memory. */
static char *clean(const char *text, bool *leaves)
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

static int no_memory(struct tool_call *call)
{
	tool_fail(call, "internal", "no memory");
	return -1;
}

static int read_subdir(struct tool_call *call,
		       struct artifact_options *options)
{
	const char *text = tool_arg_string(call, "artifact_subdir", "");
	bool leaves;

	if (text[strspn(text, " \t/\\")] == '\0')
		text = tool_setting_text(call->env->session->cfg,
					 KEY "default_subdir");
	options->subdir = clean(text ? text : "generated", &leaves);
	if (!options->subdir && !leaves)
		return no_memory(call);
	if (options->subdir && strlen(options->subdir) <= SUBDIR_MAX_BYTES)
		return 0;
	tool_fail(call, INVALID,
		  "artifact_subdir: expected a folder below the file storage, got %.80s",
		  text);
	return -1;
}

static int read_max(struct tool_call *call, struct artifact_options *options)
{
	const double most = tool_setting_number(call->env->session->cfg,
						KEY "max_files");
	const double asked = tool_arg_number(call, "max_artifacts", most);

	if (asked < 1) {
		tool_fail(call, INVALID,
			  "max_artifacts: expected a whole number from 1 on, got %.0f",
			  asked);
		return -1;
	}
	options->max_files = (uint64_t)(asked < most ? asked : most);
	return 0;
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
		return clean(text, &leaves);
	if (strncmp(text, env->root, len) != 0 ||
	    (text[len] != '\0' && text[len] != '/'))
		return NULL;
	return clean(text + len, &leaves);
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
	rest = clean(text, &leaves);
	return rest ? join(env->root, rest) : NULL;
}

/* Storage that the configuration switches off is none; by default it is there. */
static int find_storage(struct tool_call *call,
			struct artifact_options *options)
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
		options->storage = env->sandboxed ? place_inside(env, root) :
						    place_on_host(env, root);
	if (options->storage)
		return 0;
	tool_fail(call, "file_storage_unavailable",
		  STORAGE "root_dir: %.80s is not below %.80s, where this session's files are",
		  root ? root : "nothing", env->root);
	return -1;
}

/**
 * artifact_options_read() - what of a call's files is to be kept
 * @options: zeroed; artifact_options_fini() in any case
 *
 * Return: 0, or -1 where the call has ended.
 */
int artifact_options_read(struct tool_call *call,
			  struct artifact_options *options)
{
	const struct cfg *cfg = call->env->session->cfg;

	options->wanted = tool_arg_bool(call, "save_artifacts", false);
	if (read_globs(call, options) < 0 || read_subdir(call, options) < 0 ||
	    read_max(call, options) < 0)
		return -1;
	if (!options->wanted)
		return 0;
	if (!tool_setting_bool(cfg, KEY "enabled")) {
		tool_fail(call, "artifacts_disabled", KEY "enabled: it is false");
		return -1;
	}
	return find_storage(call, options);
}

/**
 * artifact_options_fini() - release; idempotent
 */
void artifact_options_fini(struct artifact_options *options)
{
	ptr_free(&options->subdir);
	ptr_free(&options->storage);
}
