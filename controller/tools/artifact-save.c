// SPDX-License-Identifier: Apache-2.0
/*
 * Keeping files: the folder is listed, what fits is read and written below the
 * storage, one request at a time.  Answers may come at once: the machine below
 * turns in a loop, never deeper.
 */
#include <config.h>

#include "controller/tools/artifact.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/glob.h"
#include "controller/tools/setting.h"
#include "proto/cleanup.h"

#define KEY "tools.python_exec.artifacts_"
#define MAX_CLASHES 999
#define CHOOSE_TIMEOUT_MS 5000

struct artifacts {
	struct tool_call *call; /* borrowed */
	char *folder;           /* owned */
	const struct artifact_options *options; /* borrowed */
	artifacts_done_fn *done;
	bool turning, waiting, over;
	char **folders; /* owned, and each; relative, "" the first */
	size_t n_folders;
	size_t at_folder;
	uint64_t cursor;
	char **found; /* owned, and each; relative paths of files */
	size_t n_found;
	bool cut;     /* there were more */
	const char **chosen; /* owned; borrows from found */
	size_t n_chosen;
	size_t at;    /* in chosen */
	bool sized;   /* it may be read */
	char *bytes;  /* owned: its content, while it is written */
	size_t len;
	char *path;   /* owned: where to, below the storage */
	unsigned int clash;
	uint64_t max_file, total, max_total;
	json_t *saved, *skipped; /* owned */
};

static struct artifacts *of(struct tool_call *call)
{
	return ((struct artifact_holder *)call->state)->artifacts;
}

static void free_all(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

/**
 * artifacts_free() - release; NULL is fine
 */
void artifacts_free(struct artifacts *artifacts)
{
	if (!artifacts)
		return;
	free_all(artifacts->folders, artifacts->n_folders);
	free_all(artifacts->found, artifacts->n_found);
	free(artifacts->chosen);
	free(artifacts->folder);
	free(artifacts->bytes);
	free(artifacts->path);
	json_decref(artifacts->saved);
	json_decref(artifacts->skipped);
	free(artifacts);
}

static json_t *text_of(const char *bytes)
{
	size_t len;
	auto_free char *text = tool_utf8(bytes, strlen(bytes), &len);

	return text ? json_stringn(text, len) : NULL;
}

static void skip(struct artifacts *artifacts, const char *name,
		 const char *reason)
{
	(void)json_array_append_new(artifacts->skipped,
				    json_pack("{s:o, s:s}", "name",
					      text_of(name), "reason", reason));
}

static void skip_this(struct artifacts *artifacts, const char *reason)
{
	skip(artifacts, artifacts->chosen[artifacts->at], reason);
	artifacts->at++;
	artifacts->sized = false;
}

/* On the host below a root of their own, else by their whole path. */
static char *source_path(struct artifacts *artifacts, const char *rel)
{
	struct tool_call *call = artifacts->call;
	char *path;

	if (!call->env->sandboxed && !artifacts->options->jailed) {
		free(call->root);
		call->root = strdup(artifacts->folder);
		call->confined = true;
		return call->root ? strdup(rel) : NULL;
	}
	if (asprintf(&path, "%s%s%s", artifacts->folder, rel[0] ? "/" : "",
		     rel) < 0)
		return NULL;
	return path;
}

static int add(char ***list, size_t *n, const char *head, const char *name)
{
	char **more = realloc(*list, (*n + 1) * sizeof(*more));

	if (!more)
		return -1;
	*list = more;
	if (asprintf(&more[*n], "%s%s%s", head, head[0] ? "/" : "", name) < 0)
		return -1;
	++*n;
	return 0;
}

static void add_entry(struct artifacts *artifacts,
		      const struct tool_entry *entry)
{
	const char *head = artifacts->folders[artifacts->at_folder];
	int ret = 0;

	if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
		return;
	if (entry->type == DT_DIR &&
	    artifacts->n_folders < ARTIFACT_MAX_FOLDERS)
		ret = add(&artifacts->folders, &artifacts->n_folders, head,
			  entry->name);
	else if (entry->type == DT_REG &&
		 artifacts->n_found < ARTIFACT_MAX_FOUND)
		ret = add(&artifacts->found, &artifacts->n_found, head,
			  entry->name);
	else if (entry->type == DT_DIR || entry->type == DT_REG)
		artifacts->cut = true;
	if (ret < 0)
		artifacts->cut = true;
}

static void turn(struct artifacts *artifacts);

/* True: it goes on; false: the call is over. */
static bool answered(struct artifacts *artifacts)
{
	artifacts->waiting = false;
	if (artifacts->call->cancelled)
		artifacts->over = true;
	return !artifacts->over;
}

static void on_list(struct tool_call *call, const struct tool_dir *dir)
{
	struct artifacts *artifacts = of(call);

	if (answered(artifacts)) {
		for (size_t i = 0; dir->sys == 0 && i < dir->n; i++)
			add_entry(artifacts, &dir->entries[i]);
		artifacts->cursor = dir->sys == 0 ? dir->next : 0;
		if (artifacts->cursor == 0)
			artifacts->at_folder++;
	}
	turn(artifacts);
}

static void ask_list(struct artifacts *artifacts)
{
	struct tool_call *call = artifacts->call;
	auto_free char *path = source_path(
		artifacts, artifacts->folders[artifacts->at_folder]);

	if (!path) {
		artifacts->at_folder++;
		return;
	}
	artifacts->waiting = true;
	call->backend->list(call, path, artifacts->cursor, on_list);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* By the patterns in their order, within each by name: indices of found. */
static char *choose_all(void *arg, size_t *len)
{
	const struct artifacts *artifacts = arg;
	const struct artifact_options *options = artifacts->options;
	auto_free bool *taken = calloc(artifacts->n_found + 1, sizeof(*taken));
	uint32_t *list = calloc(artifacts->n_found + 1, sizeof(*list));
	size_t n = 0;

	for (size_t g = 0; taken && list && g < options->n_globs; g++)
		for (size_t i = 0; i < artifacts->n_found; i++)
			if (!taken[i] &&
			    tool_glob_match(options->globs[g],
					    artifacts->found[i])) {
				taken[i] = true;
				list[n++] = (uint32_t)i;
			}
	*len = n * sizeof(*list);
	return (char *)list;
}

static void on_chosen(struct tool_call *call, const char *bytes, size_t len)
{
	struct artifacts *artifacts = of(call);
	size_t n = bytes ? len / sizeof(uint32_t) : 0;
	uint32_t which;

	if (answered(artifacts)) {
		artifacts->chosen = calloc(artifacts->n_found + 1,
					   sizeof(*artifacts->chosen));
		artifacts->over = !artifacts->chosen;
	}
	for (size_t i = 0; !artifacts->over && i < n; i++) {
		memcpy(&which, bytes + i * sizeof(which), sizeof(which));
		if (which < artifacts->n_found &&
		    artifacts->n_chosen < artifacts->n_found)
			artifacts->chosen[artifacts->n_chosen++] =
				artifacts->found[which];
	}
	if (!artifacts->over && !bytes)
		skip(artifacts, "*", "patterns_too_slow");
	if (!artifacts->over && artifacts->cut)
		skip(artifacts, "*", "too_many_files");
	turn(artifacts);
}

/* Names and patterns are others': what they cost is no time of the caller's. */
static void ask_choice(struct artifacts *artifacts)
{
	struct tool_call *call = artifacts->call;

	if (artifacts->n_found > 0)
		qsort(artifacts->found, artifacts->n_found, sizeof(char *),
		      compare);
	artifacts->waiting = true;
	call->backend->compute(call, choose_all, artifacts, CHOOSE_TIMEOUT_MS,
			       on_chosen);
}

static const char *judge_size(const struct artifacts *artifacts, uint64_t size)
{
	if (size > artifacts->max_file)
		return "file_too_large";
	return size > artifacts->max_total - artifacts->total ?
		       "total_size_limit" :
		       NULL;
}

static void on_stat(struct tool_call *call, const struct tool_file *file)
{
	struct artifacts *artifacts = of(call);
	const char *reason = file->sys ? "unreadable" : NULL;

	if (answered(artifacts)) {
		if (!reason)
			reason = judge_size(artifacts, file->stamp.size);
		if (reason)
			skip_this(artifacts, reason);
		else
			artifacts->sized = true;
	}
	turn(artifacts);
}

static void on_read(struct tool_call *call, const struct tool_file *file)
{
	struct artifacts *artifacts = of(call);
	const char *reason = file->sys  ? "unreadable" :
			     file->more ? "file_too_large" :
					  NULL;

	if (answered(artifacts)) {
		if (!reason)
			reason = judge_size(artifacts, file->len);
		if (!reason) {
			artifacts->bytes = malloc(file->len + 1);
			reason = artifacts->bytes ? NULL : "unreadable";
		}
		if (reason) {
			skip_this(artifacts, reason);
		} else {
			memcpy(artifacts->bytes, file->bytes, file->len);
			artifacts->len = file->len;
			artifacts->clash = 0;
		}
	}
	turn(artifacts);
}

static void ask_file(struct artifacts *artifacts)
{
	struct tool_call *call = artifacts->call;
	auto_free char *path =
		source_path(artifacts, artifacts->chosen[artifacts->at]);
	const struct tool_read what = { .path = path,
					.max_bytes = artifacts->max_file };

	if (!path) {
		skip_this(artifacts, "unreadable");
		return;
	}
	artifacts->waiting = true;
	if (artifacts->sized)
		call->backend->read(call, &what, on_read);
	else
		call->backend->stat(call, path, on_stat);
}

static void put_down(struct artifacts *artifacts)
{
	ptr_free(&artifacts->bytes);
	ptr_free(&artifacts->path);
	artifacts->call->in_jail = artifacts->options->jailed;
}

static void keep(struct artifacts *artifacts)
{
	const char *path = artifacts->path;
	size_t len = artifacts->len;

	(void)json_array_append_new(
		artifacts->saved,
		json_pack("{s:o, s:o, s:I, s:s}", "path", text_of(path),
			  "name", text_of(artifact_base(path)), "size_bytes",
			  (json_int_t)len, "mime",
			  artifact_mime(artifact_base(path))));
	artifacts->total += len;
	artifacts->at++;
	artifacts->sized = false;
}

static void on_commit(struct tool_call *call, const struct tool_commit *commit)
{
	struct artifacts *artifacts = of(call);

	if (answered(artifacts)) {
		if (commit->sys == EEXIST && artifacts->clash < MAX_CLASHES) {
			artifacts->clash++;
		} else if (commit->sys) {
			put_down(artifacts);
			skip_this(artifacts, "write_failed");
		} else {
			keep(artifacts);
			put_down(artifacts);
		}
	}
	turn(artifacts);
}

static void ask_commit(struct artifacts *artifacts)
{
	struct tool_call *call = artifacts->call;
	struct tool_change change = {
		.kind = TOOL_CHANGE_PUT,
		.expect = TOOL_EXPECT_ABSENT,
		.bytes = artifacts->bytes,
		.len = artifacts->len,
		.mode = 0644,
		.parents = true,
	};
	auto_free char *path = NULL;

	free(artifacts->path);
	artifacts->path = artifact_target(artifacts->options->subdir,
					  artifacts->chosen[artifacts->at],
					  artifacts->clash);
	if (artifacts->path)
		path = artifact_storage_path(call,
					     &artifacts->options->storage,
					     artifacts->path);
	call->in_jail = false;
	if (!path) {
		put_down(artifacts);
		skip_this(artifacts, "write_failed");
		return;
	}
	change.path = path;
	artifacts->waiting = true;
	call->backend->commit(call, &change, 1, on_commit);
}

static void step(struct artifacts *artifacts)
{
	const struct cfg *cfg = artifacts->call->env->session->cfg;
	const char *path;

	if (artifacts->at_folder < artifacts->n_folders) {
		ask_list(artifacts);
		return;
	}
	if (!artifacts->chosen) {
		ask_choice(artifacts);
		return;
	}
	if (artifacts->at == artifacts->n_chosen) {
		artifacts->over = true;
		return;
	}
	path = artifacts->chosen[artifacts->at];
	if (artifacts->bytes)
		ask_commit(artifacts);
	else if (artifacts->sized)
		ask_file(artifacts);
	else if (json_array_size(artifacts->saved) >=
		 artifacts->options->max_files)
		skip_this(artifacts, "max_artifacts_reached");
	else if (!artifact_is_allowed(cfg, path))
		skip_this(artifacts, "extension_not_allowed");
	else
		ask_file(artifacts);
}

static void turn(struct artifacts *artifacts)
{
	if (artifacts->turning)
		return;
	artifacts->turning = true;
	while (!artifacts->waiting && !artifacts->over)
		step(artifacts);
	artifacts->turning = false;
	if (!artifacts->waiting && artifacts->over)
		artifacts->done(artifacts->call);
}

/**
 * artifacts_start() - keep what a command has left
 */
int artifacts_start(struct tool_call *call, const char *folder,
		    const struct artifact_options *options,
		    artifacts_done_fn *done)
{
	struct artifact_holder *holder = call->state;
	const struct cfg *cfg = call->env->session->cfg;
	struct artifacts *artifacts = calloc(1, sizeof(*artifacts));

	if (!artifacts)
		return -1;
	holder->artifacts = artifacts;
	artifacts->call = call;
	artifacts->options = options;
	artifacts->done = done;
	artifacts->folder = strdup(folder);
	artifacts->saved = json_array();
	artifacts->skipped = json_array();
	artifacts->max_file = tool_setting_bytes(cfg, KEY "max_file_bytes");
	if (artifacts->max_file > ARTIFACT_MAX_BYTES)
		artifacts->max_file = ARTIFACT_MAX_BYTES;
	artifacts->max_total = tool_setting_bytes(cfg, KEY "max_total_bytes");
	if (!artifacts->folder || !artifacts->saved || !artifacts->skipped ||
	    add(&artifacts->folders, &artifacts->n_folders, "", "") < 0)
		return -1;
	call->in_jail = options->jailed;
	turn(artifacts);
	return 0;
}

static json_t *list_of(json_t *list)
{
	return list ? json_incref(list) : json_array();
}

/**
 * artifacts_saved() - path, name, size_bytes and mime of each
 */
json_t *artifacts_saved(const struct artifacts *artifacts)
{
	return list_of(artifacts ? artifacts->saved : NULL);
}

/**
 * artifacts_skipped() - name and reason of each that a pattern chose
 */
json_t *artifacts_skipped(const struct artifacts *artifacts)
{
	return list_of(artifacts ? artifacts->skipped : NULL);
}
