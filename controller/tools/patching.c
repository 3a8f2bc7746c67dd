// SPDX-License-Identifier: Apache-2.0
/*
 * The files of a patch: which they are, what they become, and what an answer
 * says of them.
 */
#include <config.h>

#include "controller/tools/patching.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/file.h"
#include "proto/cleanup.h"

#define SHOWN_LINES 12

static int invalid(struct tool_call *call, const struct patch_error *error)
{
	json_t *more = NULL;

	if (error->line == 0) {
		tool_fail(call, "invalid_patch", "Invalid patch: %s",
			  error->text);
		return -1;
	}
	more = json_pack("{s:I}", "patchLine", (json_int_t)error->line);
	tool_fail_with(call, more, "invalid_patch",
		       "Invalid patch, line %zu: %s", error->line, error->text);
	return -1;
}

static int set_path(struct tool_call *call, struct patch_text text, char **path,
		    char **rel)
{
	struct err err = ERR_INIT;

	*path = strndup(text.at, text.len);
	if (!*path) {
		tool_fail(call, "failed", "apply_patch: out of memory");
		return -1;
	}
	if (tool_file_path(call, TOOL_AREA_PATCHES, *path, rel, &err) == 0)
		return 0;
	tool_fail_path(call, &err);
	return -1;
}

static bool is_named(const struct patching_target *target, const char *rel)
{
	return (target->rel && strcmp(target->rel, rel) == 0) ||
	       (target->to_rel && strcmp(target->to_rel, rel) == 0);
}

/* No name may be there twice: what would count is not said by a patch. */
static int check_twice(struct tool_call *call, size_t which)
{
	const struct patching *patching = call->state;
	const struct patching_target *target = patching->targets + which;
	const struct patch_op *ops = patching->patch.ops;

	if (target->to_rel && strcmp(target->rel, target->to_rel) == 0) {
		tool_fail(call, "invalid_patch",
			  "Invalid patch, line %zu: %s is moved to itself",
			  ops[which].line, target->path);
		return -1;
	}
	for (size_t i = 0; i < which; i++) {
		const bool first = is_named(patching->targets + i, target->rel);

		if (!first && !(target->to_rel &&
				is_named(patching->targets + i,
					 target->to_rel)))
			continue;
		tool_fail(call, "invalid_patch",
			  "Invalid patch, line %zu: %s is in the patch already "
			  "(line %zu): a file can be named once",
			  ops[which].line, first ? target->path : target->to,
			  ops[i].line);
		return -1;
	}
	return 0;
}

static int set_added(struct patching *patching, size_t which)
{
	const struct patch_op *op = patching->patch.ops + which;
	struct patch_output out = { .bytes = NULL };

	patch_append(&out, "", 0);
	for (size_t i = 0; i < op->n; i++) {
		const struct patch_text text =
			patching->patch.lines[op->first + i].text;

		patch_append(&out, text.at, text.len);
		patch_append(&out, "\n", 1);
	}
	patching->targets[which].bytes = out.bytes;
	patching->targets[which].len = out.len;
	return out.broken ? -1 : 0;
}

static int set_target(struct tool_call *call, size_t which)
{
	struct patching *patching = call->state;
	struct patching_target *target = patching->targets + which;
	const struct patch_op *op = patching->patch.ops + which;

	if (set_path(call, op->path, &target->path, &target->rel) < 0)
		return -1;
	if (op->to.at &&
	    set_path(call, op->to, &target->to, &target->to_rel) < 0)
		return -1;
	if (check_twice(call, which) < 0)
		return -1;
	if (op->kind != PATCH_ADD || set_added(patching, which) == 0)
		return 0;
	tool_fail(call, "failed", "apply_patch: out of memory");
	return -1;
}

static size_t count_changes(const struct patch *patch)
{
	size_t n = patch->n_ops;

	for (size_t i = 0; i < patch->n_ops; i++)
		n += patch->ops[i].to.at != NULL;
	return n;
}

/**
 * patching_parse() - what a patch is about
 *
 * Return: -1 where the call is over.
 */
int patching_parse(struct tool_call *call)
{
	struct patching *patching = call->state;
	struct patch *patch = &patching->patch;
	struct patch_error error;

	if (patch_parse(tool_arg_string(call, "input", ""),
			tool_arg_length(call, "input"), patch, &error) < 0)
		return invalid(call, &error);
	if (count_changes(patch) > TOOL_MAX_CHANGES) {
		tool_fail(call, "too_large",
			  "apply_patch: at most %d files can be changed "
			  "together, the patch has %zu",
			  TOOL_MAX_CHANGES, count_changes(patch));
		return -1;
	}
	patching->targets = calloc(patch->n_ops, sizeof(*patching->targets));
	if (!patching->targets) {
		tool_fail(call, "failed", "apply_patch: out of memory");
		return -1;
	}
	for (size_t i = 0; i < patch->n_ops; i++)
		if (set_target(call, i) < 0)
			return -1;
	return 0;
}

/**
 * patching_update() - append what an update makes of its file
 *
 * Return: -1 with @problem.
 */
int patching_update(const struct patching *patching, size_t which,
		    struct patch_output *all, struct patch_problem *problem)
{
	const struct patching_target *target = patching->targets + which;
	const struct patch_op *op = patching->patch.ops + which;
	const struct patch_file file = { target->bytes, target->len,
					 patching->keep_end };
	struct patch_output out = { .bytes = NULL };
	uint64_t size = target->len;

	/* What is only moved stays as it is. */
	if (op->n > 0 &&
	    patch_apply(&patching->patch, op, &file, &out, problem) < 0)
		return -1;
	if (op->n > 0)
		size = out.len;
	patch_append(all, &size, sizeof(size));
	patch_append(all, op->n > 0 ? out.bytes : target->bytes, size);
	free(out.bytes);
	return 0;
}

static const struct {
	enum patch_kind kind;
	char letter;
	const char *list;
} kinds[] = {
	{ PATCH_ADD, 'A', "added" },
	{ PATCH_UPDATE, 'M', "modified" },
	{ PATCH_DELETE, 'D', "deleted" },
};

/* The paths of one kind, each on a line of the text and in a list. */
static json_t *put_kind(const struct patching *patching, size_t kind, FILE *out)
{
	json_t *list = json_array();

	for (size_t i = 0; i < patching->patch.n_ops; i++) {
		const struct patching_target *target = patching->targets + i;
		const char *path = target->to ? target->to : target->path;

		if (patching->patch.ops[i].kind != kinds[kind].kind)
			continue;
		fprintf(out, "\n%c %s", kinds[kind].letter, path);
		(void)json_array_append_new(list, json_string(path));
	}
	return list;
}

static json_t *list_moves(const struct patching *patching)
{
	json_t *list = json_array();

	for (size_t i = 0; i < patching->patch.n_ops; i++)
		if (patching->targets[i].to)
			(void)json_array_append_new(
				list, json_pack("{s:s, s:s}", "from",
						patching->targets[i].path, "to",
						patching->targets[i].to));
	return list;
}

/**
 * patching_done() - the end of a call whose files are changed
 */
void patching_done(struct tool_call *call)
{
	const struct patching *patching = call->state;
	json_t *object = json_object();
	auto_free char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out) {
		/* It is done all the same. */
		tool_done(call, object, NULL, 0);
		return;
	}
	fputs("Success. Updated the following files:", out);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		(void)json_object_set_new(object, kinds[i].list,
					  put_kind(patching, i, out));
	(void)json_object_set_new(object, "moved", list_moves(patching));
	if (fclose(out) != 0)
		len = 0;
	tool_done(call, object, text, len);
}

/**
 * patching_fail_file() - the end of a call whose file cannot be had or changed
 * @which: of patch->ops
 */
void patching_fail_file(struct tool_call *call, size_t which, int sys)
{
	const struct patching *patching = call->state;
	const struct patching_target *target = patching->targets + which;
	/* Only where it goes to must be free. */
	const char *path = target->to && sys == EEXIST ? target->to :
							 target->path;

	tool_fail_with(call, json_pack("{s:s}", "path", path),
		       tool_file_code(sys),
		       "apply_patch: %s: %s; no file was changed", path,
		       tool_file_text(sys));
}

/* The lines that a hunk expects, as they are looked for. */
static char *old_lines(const struct patch *patch, const struct patch_hunk *hunk)
{
	const struct patch_line *lines = patch->lines + hunk->first;
	size_t shown = 0, left = 0, len;
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (size_t i = 0; i < hunk->n; i++) {
		if (lines[i].op == '+')
			continue;
		if (shown++ < SHOWN_LINES)
			fprintf(out, "\n%.*s", patch_shown(lines[i].text),
				lines[i].text.at);
		else
			left++;
	}
	if (left > 0)
		fprintf(out, "\n[%zu more]", left);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static const char *word_of(enum patch_wrong wrong)
{
	switch (wrong) {
	case PATCH_NO_CONTEXT:
		return "context_not_found";
	case PATCH_NO_MATCH:
		return "hunk_not_found";
	case PATCH_AMBIGUOUS:
		return "ambiguous";
	case PATCH_FITS:
	case PATCH_NO_MEMORY:
		break;
	}
	return "failed";
}

/* What is wrong, in words; owned. */
static char *why(const struct patch *patch, const struct patch_hunk *hunk,
		 const struct patch_problem *problem)
{
	auto_free char *lines = old_lines(patch, hunk);
	char *text = NULL;
	int ret = -1;

	switch (problem->wrong) {
	case PATCH_NO_CONTEXT:
		ret = asprintf(&text, "its context was not found: %.*s",
			       patch_shown(hunk->context), hunk->context.at);
		break;
	case PATCH_NO_MATCH:
		ret = asprintf(&text, "its lines were not found%s:%s",
			       hunk->at_end ? " at the end of the file" : "",
			       lines ? lines : "");
		break;
	case PATCH_AMBIGUOUS:
		ret = asprintf(&text,
			       "its lines are in the file more than once, at "
			       "lines %zu and %zu: give a context behind @@, "
			       "or more lines",
			       problem->first, problem->second);
		break;
	case PATCH_FITS:
	case PATCH_NO_MEMORY:
		ret = asprintf(&text, "out of memory");
		break;
	}
	return ret < 0 ? NULL : text;
}

/**
 * patching_fail_hunk() - the end of a call with a hunk that fits nowhere
 */
void patching_fail_hunk(struct tool_call *call,
			const struct patch_problem *problem)
{
	const struct patching *patching = call->state;
	const struct patch *patch = &patching->patch;
	const struct patch_op *op = patch->ops + problem->op;
	const struct patch_hunk *hunk = patch->hunks + op->first +
					problem->hunk;
	const char *path = patching->targets[problem->op].path;
	auto_free char *text = why(patch, hunk, problem);
	json_t *more;

	more = json_pack("{s:s, s:I, s:I}", "path", path, "hunk",
			 (json_int_t)problem->hunk + 1, "patchLine",
			 (json_int_t)hunk->line);
	tool_fail_with(call, more, word_of(problem->wrong),
		       "apply_patch: %s: hunk %zu (line %zu of the patch): %s",
		       path, problem->hunk + 1, hunk->line,
		       text ? text : "out of memory");
}
