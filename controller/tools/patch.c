// SPDX-License-Identifier: Apache-2.0
/*
 * apply_patch: several files change together, or none does.  All of them are
 * read first; what they become is worked out in a process of its own where it
 * may take long; then one commit holds every change, each on the condition that
 * the file is still the one that was read, or is still not there.
 */
#include <config.h>

#include "controller/tools/patch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/file.h"
#include "controller/tools/patching.h"
#include "controller/tools/setting.h"
#include "controller/tools/tools.h"
#include "proto/cleanup.h"

/* Bytes of files times lines of hunks that are compared at once. */
#define AT_ONCE (2U << 20)
#define COMPUTE_TIMEOUT_MS 10000

static const struct tool_param params[] = {
	{ "input", TOOL_KIND_STRING, .required = true, .nul = true,
	  .alias = "patch_text",
	  .help = "The patch, from '*** Begin Patch' to '*** End Patch'." },
	{ .name = NULL },
};

static void free_target(struct patching_target *target)
{
	free(target->path);
	free(target->rel);
	free(target->to);
	free(target->to_rel);
	free(target->bytes);
}

static void free_patching(void *state)
{
	struct patching *patching = state;

	for (size_t i = 0; i < patching->patch.n_ops && patching->targets; i++)
		free_target(patching->targets + i);
	free(patching->targets);
	patch_fini(&patching->patch);
	free(patching);
}

static void no_memory(struct tool_call *call)
{
	tool_fail(call, "failed", "apply_patch: out of memory");
}

/* What all updates become: a problem, then each one's length and bytes. */
static char *work(void *arg, size_t *len)
{
	const struct patching *patching = arg;
	struct patch_problem problem = { .wrong = PATCH_FITS };
	struct patch_output all = { .bytes = NULL };

	patch_append(&all, &problem, sizeof(problem));
	for (size_t i = 0; i < patching->patch.n_ops && !all.broken; i++) {
		if (patching->patch.ops[i].kind != PATCH_UPDATE)
			continue;
		problem.op = i;
		if (patching_update(patching, i, &all, &problem) < 0)
			break;
	}
	if (all.broken) {
		free(all.bytes);
		return NULL;
	}
	memcpy(all.bytes, &problem, sizeof(problem));
	*len = all.len;
	return all.bytes;
}

static void next(struct tool_call *call);

static void committed(struct tool_call *call, const struct tool_commit *commit)
{
	struct patching *patching = call->state;
	const size_t which = commit->which < patching->n_changes ?
				     patching->changed[commit->which] :
				     0;

	if (commit->sys == ESTALE && !patching->again) {
		patching->again = true;
		patching->at = 0;
		patching->total = 0;
		next(call);
	} else if (commit->sys) {
		patching_fail_file(call, which, commit->sys);
	} else {
		patching_done(call);
	}
}

static void add_change(struct patching *patching, size_t which,
		       const struct tool_change *change)
{
	patching->changed[patching->n_changes] = which;
	patching->changes[patching->n_changes++] = *change;
}

static void add_changes(struct patching *patching, size_t which)
{
	const struct patching_target *target = patching->targets + which;
	const enum patch_kind kind = patching->patch.ops[which].kind;
	struct tool_change put = {
		.kind = TOOL_CHANGE_PUT, .path = target->rel,
		.expect = kind == PATCH_ADD ? TOOL_EXPECT_ABSENT :
					      TOOL_EXPECT_SAME,
		.stamp = target->stamp, .bytes = target->bytes,
		.len = target->len, .mode = 0644,
		.parents = kind == PATCH_ADD,
	};
	const struct tool_change remove = {
		.kind = TOOL_CHANGE_REMOVE, .path = target->rel,
		.expect = TOOL_EXPECT_SAME, .stamp = target->stamp,
	};

	if (target->to_rel) {
		put.path = target->to_rel;
		put.expect = TOOL_EXPECT_ABSENT;
		put.mode = target->mode & 0777;
		put.parents = true;
	}
	if (kind != PATCH_DELETE)
		add_change(patching, which, &put);
	if (kind == PATCH_DELETE || target->to_rel)
		add_change(patching, which, &remove);
}

static void commit(struct tool_call *call)
{
	struct patching *patching = call->state;

	patching->n_changes = 0;
	for (size_t i = 0; i < patching->patch.n_ops; i++)
		add_changes(patching, i);
	call->backend->commit(call, patching->changes, patching->n_changes,
			      committed);
}

/* The new contents take the places of the old ones. */
static int take_computed(struct patching *patching, const char *bytes,
			 size_t len)
{
	for (size_t i = 0; i < patching->patch.n_ops; i++) {
		struct patching_target *target = patching->targets + i;
		uint64_t size;

		if (patching->patch.ops[i].kind != PATCH_UPDATE)
			continue;
		if (len < sizeof(size))
			return -1;
		memcpy(&size, bytes, sizeof(size));
		bytes += sizeof(size);
		len -= sizeof(size);
		if (size > len)
			return -1;
		free(target->bytes);
		target->bytes = malloc(size + 1);
		if (!target->bytes)
			return -1;
		memcpy(target->bytes, bytes, size);
		target->len = size;
		bytes += size;
		len -= size;
	}
	return 0;
}

static void computed(struct tool_call *call, const char *bytes, size_t len)
{
	struct patching *patching = call->state;
	struct patch_problem problem;

	if (call->cancelled) {
		tool_fail_file(call, "the patch", ECANCELED);
		return;
	}
	if (!bytes || len < sizeof(problem)) {
		tool_fail(call, "timeout",
			  "apply_patch: where the hunks belong was not found "
			  "within %d seconds",
			  COMPUTE_TIMEOUT_MS / 1000);
		return;
	}
	memcpy(&problem, bytes, sizeof(problem));
	if (problem.wrong != PATCH_FITS)
		patching_fail_hunk(call, &problem);
	else if (take_computed(patching, bytes + sizeof(problem),
			       len - sizeof(problem)) < 0)
		no_memory(call);
	else
		commit(call);
}

/* No more than is done in no time may be done here. */
static bool is_small(const struct patching *patching)
{
	uint64_t cost = 0;

	for (size_t i = 0; i < patching->patch.n_ops; i++) {
		const struct patch_op *op = patching->patch.ops + i;
		uint64_t lines = 1;

		if (op->kind != PATCH_UPDATE)
			continue;
		for (size_t k = 0; k < op->n; k++)
			lines += 1 + patching->patch.hunks[op->first + k].n;
		cost += lines * patching->targets[i].len;
	}
	return cost <= AT_ONCE;
}

static void compute(struct tool_call *call)
{
	struct patching *patching = call->state;
	auto_free char *bytes = NULL;
	size_t len = 0;

	if (!is_small(patching)) {
		call->backend->compute(call, work, patching,
				       COMPUTE_TIMEOUT_MS, computed);
		return;
	}
	bytes = work(patching, &len);
	if (bytes)
		computed(call, bytes, len);
	else
		no_memory(call);
}

static void got_file(struct tool_call *call, const struct tool_file *file)
{
	struct patching *patching = call->state;
	struct patching_target *target = patching->targets + patching->at;

	if (file->sys) {
		patching_fail_file(call, patching->at, file->sys);
		return;
	}
	patching->total += file->len;
	if (file->more || patching->total > PATCHING_MAX_BYTES) {
		patching_fail_file(call, patching->at, EFBIG);
		return;
	}
	free(target->bytes);
	target->bytes = malloc(file->len + 1);
	if (!target->bytes) {
		no_memory(call);
		return;
	}
	if (file->len > 0)
		memcpy(target->bytes, file->bytes, file->len);
	target->len = file->len;
	target->stamp = file->stamp;
	target->mode = file->mode;
	patching->at++;
	next(call);
}

static void got_stamp(struct tool_call *call, const struct tool_file *file)
{
	struct patching *patching = call->state;

	if (file->sys) {
		patching_fail_file(call, patching->at, file->sys);
		return;
	}
	patching->targets[patching->at].stamp = file->stamp;
	patching->at++;
	next(call);
}

static void next(struct tool_call *call)
{
	struct patching *patching = call->state;
	const struct patch *patch = &patching->patch;
	struct tool_read what = { .max_bytes = TOOL_FILE_MAX_BYTES };

	while (patching->at < patch->n_ops &&
	       patch->ops[patching->at].kind == PATCH_ADD)
		patching->at++;
	if (patching->at == patch->n_ops) {
		compute(call);
		return;
	}
	what.path = patching->targets[patching->at].rel;
	if (patch->ops[patching->at].kind == PATCH_DELETE)
		call->backend->stat(call, what.path, got_stamp);
	else
		call->backend->read(call, &what, got_file);
}

static bool fits(struct tool_call *call)
{
	const struct cfg *cfg = tool_toml(call->env);
	const char *key = "tools.apply_patch.max_patch_bytes";
	const uint64_t max = cfg ? tool_setting_bytes(cfg, key) :
				   PATCH_MAX_BYTES;
	const size_t len = tool_arg_length(call, "input");

	if (len <= max)
		return true;
	tool_fail(call, "too_large",
		  "apply_patch: input: expected at most %" PRIu64
		  " bytes%s%s%s, got %zu",
		  max, cfg ? " (" : "", cfg ? key : "", cfg ? ")" : "", len);
	return false;
}

static void start(struct tool_call *call)
{
	const struct cfg *cfg = tool_toml(call->env);
	struct patching *patching;

	if (!fits(call))
		return;
	patching = calloc(1, sizeof(*patching));
	if (!patching) {
		no_memory(call);
		return;
	}
	call->state = patching;
	patching->keep_end =
		!cfg || tool_setting_bool(
				cfg,
				"tools.apply_patch.preserve_trailing_newline");
	if (patching_parse(call) == 0)
		next(call);
}

const struct tool tool_apply_patch = {
	.name = "apply_patch",
	.title = "Apply a patch",
	.help = "Changes several files of the workspace together, or none. The "
		"patch stands between '*** Begin Patch' and '*** End Patch'. "
		"In it '*** Add File: PATH' is followed by lines with '+'; "
		"'*** Delete File: PATH' stands alone; '*** Update File: PATH' "
		"is followed, if need be, by '*** Move to: PATH', then by "
		"hunks. A hunk begins with '@@', '@@ CONTEXT' (a line of the "
		"file before it) or '@@ -a,b +c,d @@', then lines with ' ', "
		"'-' and '+', and '*** End of File' where it ends the file.",
	.flags = TOOL_DESTRUCTIVE | TOOL_WRITES,
	.params = params,
	.start = start,
	.free_state = free_patching,
};
