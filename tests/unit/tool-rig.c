// SPDX-License-Identifier: Apache-2.0
/*
 * Files in memory as a backend of tools.
 */
#include <config.h>

#include "tests/unit/tool-rig.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rig *the_rig;

static const struct cfg no_file = { .home = (char *)"/home/u" };

struct rig *rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	ck_assert_ptr_nonnull(rig);
	rig->next = 100;
	rig->session = (struct pol_session){
		.cfg = &no_file,
		.sandboxed = true,
		.sandbox_workspace = "/home/u/ws",
	};
	rig->env = (struct tool_env){
		.session = &rig->session,
		.sandboxed = true,
		.root = "/workspace",
		.confined = true,
	};
	the_rig = rig;
	return rig;
}

static void drop(struct rig_file *file)
{
	free(file->path);
	free(file->bytes);
	*file = (struct rig_file){ .path = NULL };
}

static void forget_runs(struct rig *rig)
{
	for (int i = 0; i < rig->runs; i++) {
		free(rig->ran[i].argv);
		free(rig->ran[i].env);
		free(rig->ran[i].ulimits);
		free(rig->ran[i].workdir);
		free(rig->ran[i].input);
		rig->ran[i] = (struct rig_run){ .argv = NULL };
	}
	rig->runs = 0;
}

void rig_free(struct rig *rig)
{
	forget_runs(rig);
	for (size_t i = 0; i < RIG_FILES; i++)
		drop(&rig->files[i]);
	cfg_free(rig->cfg);
	free(rig->root);
	free(rig);
	the_rig = NULL;
}

void rig_toml(struct rig *rig, const char *text)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	char path[] = "/tmp/creel-rig-XXXXXX.toml";
	int fd = mkstemps(path, 5);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	ck_assert_int_eq(fclose(out), 0);
	rig->cfg = cfg_load(path, "/home/u", "/home/u/state", &problems);
	ck_assert_int_eq(remove(path), 0);
	ck_assert_msg(rig->cfg != NULL, "%s",
		      problems.count ? problems.list[0].text : "");
	cfg_problems_fini(&problems);
	rig->session.cfg = rig->cfg;
}

struct rig_file *rig_find(struct rig *rig, const char *path)
{
	for (size_t i = 0; i < RIG_FILES; i++)
		if (rig->files[i].path &&
		    strcmp(rig->files[i].path, path) == 0)
			return &rig->files[i];
	return NULL;
}

static struct rig_file *make(struct rig *rig, const char *path)
{
	for (size_t i = 0; i < RIG_FILES; i++) {
		struct rig_file *file = &rig->files[i];

		if (file->path)
			continue;
		*file = (struct rig_file){
			.path = strdup(path),
			.mode = 0644,
			.ino = rig->next++,
			.stamp = rig->next++,
		};
		return file;
	}
	ck_abort_msg("too many files");
	return NULL;
}

/* Folders above are made. */
static void make_parents(struct rig *rig, const char *path)
{
	for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
		char *above = strndup(path, (size_t)(at - path));

		if (above[0] && !rig_find(rig, above))
			make(rig, above)->mode = 0755;
		free(above);
	}
}

void rig_put(struct rig *rig, const char *path, const char *bytes, size_t len)
{
	struct rig_file *file = rig_find(rig, path);

	make_parents(rig, path);
	if (!file)
		file = make(rig, path);
	free(file->bytes);
	file->bytes = malloc(len + 1);
	ck_assert_ptr_nonnull(file->bytes);
	if (len > 0)
		memcpy(file->bytes, bytes, len);
	file->bytes[len] = '\0';
	file->len = len;
	file->stamp = rig->next++;
}

void rig_text(struct rig *rig, const char *path, const char *text)
{
	rig_put(rig, path, text, strlen(text));
}

void rig_is_bytes(struct rig *rig, const char *path, const char *bytes,
		  size_t len)
{
	const struct rig_file *file = rig_find(rig, path);

	ck_assert_msg(file && file->bytes, "%s is not there", path);
	ck_assert_msg(file->len == len && memcmp(file->bytes, bytes, len) == 0,
		      "%s is \"%s\", not \"%s\"", path, file->bytes, bytes);
}

void rig_is(struct rig *rig, const char *path, const char *text)
{
	rig_is_bytes(rig, path, text, strlen(text));
}

void rig_absent(struct rig *rig, const char *path)
{
	ck_assert_msg(!rig_find(rig, path), "%s is there", path);
}

static int state_of(const struct rig_file *file)
{
	if (!file)
		return ENOENT;
	if (file->sys)
		return file->sys;
	return file->bytes ? 0 : EISDIR;
}

static struct tool_stamp stamp_of(const struct rig_file *file)
{
	return (struct tool_stamp){ file->ino, 1, file->len, file->stamp,
				    file->stamp };
}

static void give_file(struct rig *rig, struct tool_call *call)
{
	char *copy = NULL;

	/* Their own, and gone afterwards. */
	if (rig->file.len > 0) {
		copy = malloc(rig->file.len);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, rig->file.bytes, rig->file.len);
		rig->file.bytes = copy;
	}
	rig->answer.file(call, &rig->file);
	free(copy);
}

static void give_commit(struct rig *rig, struct tool_call *call)
{
	rig->answer.commit(call, &rig->commit);
}

static void answer(struct tool_call *call,
		   void (*give)(struct rig *rig, struct tool_call *call))
{
	ck_assert_ptr_null(the_rig->pending);
	if (the_rig->later)
		the_rig->pending = give;
	else
		give(the_rig, call);
}

static void skip_line(struct tool_file *out, const struct rig_file *file)
{
	const size_t at = (size_t)(out->bytes - file->bytes);
	const char *end = memchr(out->bytes, '\n', file->len - at);

	out->bytes = end ? end + 1 : file->bytes + file->len;
	out->skipped++;
}

static void do_read(struct tool_call *call, const struct tool_read *what,
		    tool_file_fn *done)
{
	const struct rig_file *file = rig_find(the_rig, what->path);
	struct tool_file out = { .sys = state_of(file) };

	the_rig->reads++;
	if (!out.sys) {
		const char *end = file->bytes + file->len;

		out.bytes = file->bytes;
		while (out.skipped < what->skip_lines && out.bytes < end)
			skip_line(&out, file);
		for (const char *at = out.bytes; at < end;) {
			const char *next = memchr(at, '\n', (size_t)(end - at));

			if (what->max_lines && out.lines == what->max_lines)
				break;
			next = next ? next + 1 : end;
			out.lines++;
			out.len += (size_t)(next - at);
			at = next;
		}
		if (out.len > what->max_bytes)
			out.len = what->max_bytes;
		out.more = out.bytes + out.len < end;
		out.mode = file->mode;
		out.stamp = stamp_of(file);
	}
	the_rig->file = out;
	the_rig->answer.file = done;
	answer(call, give_file);
}

static void do_stat(struct tool_call *call, const char *path,
		    tool_file_fn *done)
{
	const struct rig_file *file = rig_find(the_rig, path);

	the_rig->file = (struct tool_file){ .sys = state_of(file) };
	if (!the_rig->file.sys) {
		the_rig->file.mode = file->mode;
		the_rig->file.stamp = stamp_of(file);
	}
	the_rig->answer.file = done;
	answer(call, give_file);
}

static int check_change(const struct tool_change *change)
{
	const struct rig_file *file = rig_find(the_rig, change->path);
	const int state = state_of(file);
	struct tool_stamp stamp;

	if (change->expect == TOOL_EXPECT_ABSENT)
		return file ? EEXIST : 0;
	if (state == ENOENT && change->expect == TOOL_EXPECT_ANY)
		return change->kind == TOOL_CHANGE_REMOVE ? ENOENT : 0;
	if (state)
		return state;
	stamp = stamp_of(file);
	if (change->expect == TOOL_EXPECT_SAME &&
	    memcmp(&stamp, &change->stamp, sizeof(stamp)) != 0)
		return ESTALE;
	return 0;
}

static void make_change(const struct tool_change *change)
{
	const bool is_new = !rig_find(the_rig, change->path);

	if (change->kind == TOOL_CHANGE_REMOVE) {
		drop(rig_find(the_rig, change->path));
		return;
	}
	if (change->kind == TOOL_CHANGE_MKDIR) {
		make_parents(the_rig, change->path);
		make(the_rig, change->path)->mode = change->mode;
		return;
	}
	rig_put(the_rig, change->path, change->bytes, change->len);
	if (is_new)
		rig_find(the_rig, change->path)->mode = change->mode;
}

static void do_commit(struct tool_call *call, const struct tool_change *changes,
		      size_t n, tool_commit_fn *done)
{
	struct tool_commit out = { .sys = the_rig->commit_sys };

	the_rig->commits++;
	ck_assert(n >= 1 && n <= TOOL_MAX_CHANGES);
	if (the_rig->before_commit)
		the_rig->before_commit(the_rig);
	for (size_t i = 0; i < n && !out.sys; i++) {
		out.sys = check_change(&changes[i]);
		out.which = i;
	}
	for (size_t i = 0; i < n && !out.sys; i++)
		make_change(&changes[i]);
	the_rig->commit = out;
	the_rig->answer.commit = done;
	answer(call, give_commit);
}

/* Two names an answer. */
static void do_list(struct tool_call *call, const char *path, uint64_t cursor,
		    tool_dir_fn *done)
{
	const size_t len = strlen(path);
	struct tool_entry entries[2];
	struct tool_dir dir = { .entries = entries };
	const struct rig_file *folder = rig_find(the_rig, path);

	the_rig->lists++;
	if (len > 0 && (!folder || folder->bytes || folder->sys))
		dir.sys = folder ? folder->sys ? folder->sys : ENOTDIR : ENOENT;
	for (size_t i = cursor; i < RIG_FILES && !dir.sys; i++) {
		const struct rig_file *file = &the_rig->files[i];
		const char *name = file->path;

		if (!name || (len > 0 && (strncmp(name, path, len) != 0 ||
					  name[len] != '/')))
			continue;
		name += len ? len + 1 : 0;
		if (strchr(name, '/'))
			continue;
		if (dir.n == 2) {
			dir.next = i;
			break;
		}
		entries[dir.n++] = (struct tool_entry){
			name, file->sys == ELOOP ? DT_LNK :
			      file->bytes	 ? DT_REG :
						   DT_DIR,
		};
	}
	done(call, &dir);
}

static char *join(const char *const *list)
{
	char *text = strdup("");

	for (; list && *list; list++) {
		char *longer;

		ck_assert_int_ge(asprintf(&longer, "%s%s\n", text, *list), 0);
		free(text);
		text = longer;
	}
	return text;
}

static char *join_ulimits(const struct tool_command *what)
{
	char *text = strdup("");

	for (size_t i = 0; i < what->n_ulimits; i++) {
		char *longer;

		ck_assert_int_ge(asprintf(&longer, "%s%s=%llu:%llu\n", text,
					  what->ulimits[i].name,
					  (unsigned long long)
						  what->ulimits[i].soft,
					  (unsigned long long)
						  what->ulimits[i].hard),
				 0);
		free(text);
		text = longer;
	}
	return text;
}

/* rm -rf of its last word, where a shell does it and does not fail. */
static void remove_tree(const struct tool_command *what)
{
	const char *const *word = what->argv;
	size_t len;

	if (strcmp(word[0], "sh") != 0 || !strstr(word[2], "rm -rf") ||
	    the_rig->outcomes[the_rig->runs - 1].status)
		return;
	while (word[1])
		word++;
	len = strlen(*word);
	for (size_t i = 0; i < RIG_FILES; i++) {
		const char *path = the_rig->files[i].path;

		if (path && strncmp(path, *word, len) == 0 &&
		    (path[len] == '\0' || path[len] == '/'))
			drop(&the_rig->files[i]);
	}
}

static void give_outcome(struct rig *rig, struct tool_call *call)
{
	const struct tool_outcome *outcome = &rig->outcomes[rig->runs - 1];

	rig->answer.outcome(call, outcome);
}

static void do_run(struct tool_call *call, const struct tool_command *what,
		   tool_outcome_fn *done)
{
	struct rig_run *run = &the_rig->ran[the_rig->runs];

	ck_assert_int_lt(the_rig->runs, RIG_RUNS);
	*run = (struct rig_run){
		.argv = join(what->argv),
		.env = join(what->env),
		.ulimits = join_ulimits(what),
		.workdir = what->workdir ? strdup(what->workdir) : NULL,
		.input = what->input ? malloc(what->input_len + 1) : NULL,
		.input_len = what->input_len,
		.what = *what,
	};
	if (run->input && what->input_len > 0)
		memcpy(run->input, what->input, what->input_len);
	the_rig->runs++;
	remove_tree(what);
	if (the_rig->on_run)
		the_rig->on_run(the_rig, call, the_rig->runs - 1);
	the_rig->answer.outcome = done;
	answer(call, give_outcome);
}

static void do_compute(struct tool_call *call,
		       char *(*work)(void *arg, size_t *len), void *arg,
		       uint64_t timeout_ms,
		       void (*done)(struct tool_call *call, const char *bytes,
				    size_t len))
{
	size_t len = 0;
	char *bytes = the_rig->compute_fails ? NULL : work(arg, &len);

	ck_assert_uint_gt(timeout_ms, 0);
	the_rig->computes++;
	done(call, bytes, len);
	free(bytes);
}

static void do_cancel(struct tool_call *call)
{
	(void)call;
}

static const struct tool_backend backend = {
	.read = do_read, .commit = do_commit, .list = do_list,
	.stat = do_stat, .compute = do_compute, .cancel = do_cancel,
	.run = do_run,
};

static void count_end(struct tool_call *call, void *arg)
{
	(void)call;
	++*(int *)arg;
}

static void run(struct rig *rig, struct tool_call *call, const int *ends)
{
	tool_start(call);
	while (rig->pending) {
		void (*give)(struct rig *r, struct tool_call *c) = rig->pending;

		rig->pending = NULL;
		give(rig, call);
	}
	ck_assert_int_eq(*ends, 1);
}

json_t *rig_call(struct rig *rig, const char *tool, json_t *args)
{
	struct err err = ERR_INIT;
	const struct tool *found = tool_find(rig->session.cfg, tool);
	struct tool_call *call;
	int ends = 0;
	json_t *result;
	size_t len;
	char *text;

	ck_assert_msg(found && args, "%s", tool);
	call = tool_call_new(found, &rig->env, args, &err);
	if (!call)
		return json_pack("{s:b, s:{s:{s:s, s:s}}}", "isError", 1,
				 "structuredContent", "error", "code",
				 "invalid_argument", "message", err.text);
	forget_runs(rig);
	call->again = rig->again;
	call->backend = &backend;
	call->done = count_end;
	call->arg = &ends;
	run(rig, call, &ends);
	text = tool_result_json(call, &len);
	ck_assert_ptr_nonnull(text);
	result = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
	ck_assert_ptr_nonnull(result);
	free(text);
	free(rig->root);
	rig->root = call->root ? strdup(call->root) : NULL;
	rig->confined = call->confined;
	tool_call_free(call);
	return result;
}

void rig_fails(struct rig *rig, const char *tool, json_t *args,
	       const char *code, const char *text)
{
	json_t *result = rig_call(rig, tool, args);
	const char *got = "", *message = "";

	ck_assert_msg(json_is_true(json_object_get(result, "isError")),
		      "%s did not fail: %s", tool,
		      json_dumps(result, JSON_COMPACT));
	ck_assert_int_eq(json_unpack(result, "{s:{s:{s:s, s:s}}}",
				     "structuredContent", "error", "code", &got,
				     "message", &message),
			 0);
	ck_assert_msg(strcmp(got, code) == 0 && strstr(message, text),
		      "%s: %s: %s; expected %s: %s", tool, got, message, code,
		      text);
	json_decref(result);
}

json_t *rig_works(struct rig *rig, const char *tool, json_t *args, char **text)
{
	json_t *result = rig_call(rig, tool, args), *more;
	json_t *item = json_array_get(json_object_get(result, "content"), 0);

	ck_assert_msg(json_is_false(json_object_get(result, "isError")),
		      "%s failed: %s", tool, json_dumps(result, JSON_COMPACT));
	more = json_incref(json_object_get(result, "structuredContent"));
	ck_assert_ptr_nonnull(more);
	if (text) {
		json_t *string = json_object_get(item, "text");

		ck_assert_ptr_nonnull(string);
		*text = strdup(json_string_value(string));
	}
	json_decref(result);
	return more;
}
