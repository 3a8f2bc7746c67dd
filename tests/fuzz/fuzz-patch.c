// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target of apply_patch: a file, a line "====", a patch.  What is read of
 * a patch lies in it; what comes of the file holds every line that was to stay,
 * in its order; a path never leaves the root.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/tools/file.h"
#include "controller/tools/patch.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_protocol fuzz_protocol = {
	.name = "patch",
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_within(struct patch_text part, struct patch_text all)
{
	if (!part.at)
		return;
	must(part.at >= all.at && part.at <= all.at + all.len &&
	     part.len <= (size_t)(all.at + all.len - part.at));
	must(!memchr(part.at, '\n', part.len));
}

static void check_hunk(const struct patch *patch, const struct patch_hunk *hunk,
		       struct patch_text all)
{
	check_within(hunk->context, all);
	must(hunk->n > 0 && hunk->first <= patch->n_lines &&
	     hunk->n <= patch->n_lines - hunk->first);
	for (size_t i = 0; i < hunk->n; i++)
		check_within(patch->lines[hunk->first + i].text, all);
}

static void check_path(struct patch_text path)
{
	const struct tool_env env = { .root = "/workspace", .confined = true,
				      .sandboxed = true };
	struct err err = ERR_INIT;
	char *rel = NULL;

	must(path.len > 0);
	if (tool_path(&env, path.at, path.len, &rel, &err) < 0) {
		must(!rel && err.code != ERR_NONE);
		return;
	}
	must(rel[0] != '/' && strlen(rel) <= TOOL_PATH_MAX_BYTES);
	for (const char *at = rel; *at;) {
		const size_t len = strcspn(at, "/");

		must(len > 0 && !(len == 1 && at[0] == '.') &&
		     !(len == 2 && memcmp(at, "..", 2) == 0));
		at += len + (at[len] == '/');
	}
	free(rel);
}

static void check_diff(const struct patch_file *file,
		       const struct patch_output *out)
{
	const struct tool_span span = { file->bytes, file->len, file->len / 3,
					file->len / 3, out->bytes, out->len };
	char *diff = tool_diff("a", &span);

	must(diff != NULL);
	free(diff);
}

/* Hunks that take nothing away leave all of the file where it was. */
static void check_kept(const struct patch *patch, const struct patch_op *op,
		       const struct patch_file *file,
		       const struct patch_output *out)
{
	size_t at = 0;

	for (size_t i = 0; i < op->n; i++) {
		const struct patch_hunk *hunk = patch->hunks + op->first + i;

		if (hunk->old_bare || hunk->new_bare)
			return;
		for (size_t k = 0; k < hunk->n; k++)
			if (patch->lines[hunk->first + k].op == '-')
				return;
	}
	for (size_t i = 0; i < out->len && at < file->len; i++)
		if (out->bytes[i] == file->bytes[at])
			at++;
	must(at == file->len);
}

static void apply(const struct patch *patch, const struct patch_op *op,
		  const struct patch_file *file)
{
	struct patch_problem problem = { .wrong = PATCH_FITS };
	struct patch_output out;

	if (patch_apply(patch, op, file, &out, &problem) < 0) {
		must(problem.wrong != PATCH_FITS && problem.hunk < op->n);
		must(problem.wrong != PATCH_NO_MEMORY);
		must(problem.wrong != PATCH_AMBIGUOUS ||
		     problem.first < problem.second);
		return;
	}
	must(problem.wrong == PATCH_FITS && out.bytes);
	if (file->keep_end)
		check_kept(patch, op, file, &out);
	check_diff(file, &out);
	free(out.bytes);
}

static void look(const struct patch *patch, struct patch_text all,
		 struct patch_file *file)
{
	for (size_t i = 0; i < patch->n_ops; i++) {
		const struct patch_op *op = patch->ops + i;

		check_within(op->path, all);
		check_within(op->to, all);
		check_path(op->path);
		if (op->to.at)
			check_path(op->to);
		if (op->kind != PATCH_UPDATE)
			continue;
		for (size_t k = 0; k < op->n; k++)
			check_hunk(patch, patch->hunks + op->first + k, all);
		file->keep_end = i % 2 == 0;
		apply(patch, op, file);
	}
}

/**
 * LLVMFuzzerTestOneInput() - one file and one patch
 *
 * Return: 0. Aborts where something that must hold does not.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char border[] = "====\n";
	const uint8_t *found = memmem(data, size, border, 5);
	const size_t file_len = found ? (size_t)(found - data) : 0;
	const size_t len = size - file_len - (found ? 5 : 0);
	/* Their own, so that a byte too far is seen. */
	char *bytes = malloc(file_len + 1), *text = malloc(len + 1);
	struct patch_file file = { bytes, file_len, true };
	struct patch_error error;
	struct patch patch;

	must(bytes && text);
	if (file_len > 0)
		memcpy(bytes, data, file_len);
	if (len > 0)
		memcpy(text, data + size - len, len);
	bytes = realloc(bytes, file_len ? file_len : 1);
	text = realloc(text, len ? len : 1);
	must(bytes && text);
	file.bytes = bytes;
	if (patch_parse(text, len, &patch, &error) == 0)
		look(&patch, (struct patch_text){ text, len }, &file);
	else
		must(error.text[0] != '\0');
	patch_fini(&patch);
	free(bytes);
	free(text);
	return 0;
}
