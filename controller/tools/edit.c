// SPDX-License-Identifier: Apache-2.0
/*
 * edit: one exact piece of a file is replaced; every other byte stays.  What
 * was read must still be there when it is written.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/file.h"
#include "controller/tools/tools.h"
#include "proto/cleanup.h"

struct editing {
	const char *path; /* as it was given; the call's */
	char *rel;        /* owned */
	char *old, *new;  /* owned; as they are looked for in this file */
	size_t old_len, new_len;
	char *diff;       /* owned */
	uint64_t line;    /* of the change */
	bool again;       /* it has been read twice */
};

static const struct tool_param params[] = {
	{ "path", TOOL_KIND_STRING, .required = true, .alias = "file_path",
	  .help = "The file, relative to the workspace or absolute below it." },
	{ "oldText", TOOL_KIND_STRING, .required = true, .nul = true,
	  .alias = "old_string",
	  .help = "What is replaced: the exact text, with its white space, "
		  "which must be there once." },
	{ "newText", TOOL_KIND_STRING, .required = true, .nul = true,
	  .alias = "new_string", .help = "What comes in its place." },
	{ .name = NULL },
};

static void free_editing(void *state)
{
	struct editing *editing = state;

	free(editing->rel);
	free(editing->old);
	free(editing->new);
	free(editing->diff);
	free(editing);
}

/* Does every line end in CR LF? */
static bool is_crlf(const char *bytes, size_t len)
{
	const char *end = bytes + len, *at = memchr(bytes, '\n', len);

	if (!at)
		return false;
	for (; at; at = memchr(at + 1, '\n', (size_t)(end - at - 1)))
		if (at == bytes || at[-1] != '\r')
			return false;
	return true;
}

/* A copy; with @crlf each LF that has no CR before it gets one. */
static char *take(const char *text, size_t len, bool crlf, size_t *out_len)
{
	size_t more = 0;
	char *copy, *to;

	for (size_t i = 0; crlf && i < len; i++)
		more += text[i] == '\n' && (i == 0 || text[i - 1] != '\r');
	copy = malloc(len + more + 1);
	if (!copy)
		return NULL;
	to = copy;
	for (size_t i = 0; i < len; i++) {
		if (crlf && text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			*to++ = '\r';
		*to++ = text[i];
	}
	*out_len = (size_t)(to - copy);
	return copy;
}

/* The texts as this file has its lines. */
static int take_texts(struct tool_call *call, bool crlf)
{
	struct editing *editing = call->state;

	free(editing->old);
	free(editing->new);
	editing->old = take(tool_arg_string(call, "oldText", ""),
			    tool_arg_length(call, "oldText"), crlf,
			    &editing->old_len);
	editing->new = take(tool_arg_string(call, "newText", ""),
			    tool_arg_length(call, "newText"), crlf,
			    &editing->new_len);
	return editing->old && editing->new ? 0 : -1;
}

static size_t count_matches(const struct editing *editing, const char *at,
			    const char *end)
{
	size_t n = 0;

	while (at) {
		at = memmem(at, (size_t)(end - at), editing->old,
			    editing->old_len);
		if (at) {
			at += editing->old_len;
			n++;
		}
	}
	return n;
}

/* NULL: the call is over, since it is not there once. */
static const char *find_once(struct tool_call *call,
			     const struct tool_file *file)
{
	const struct editing *editing = call->state;
	const char *end = file->bytes + file->len, *at, *other;

	at = file->len ? memmem(file->bytes, file->len, editing->old,
				editing->old_len) :
			 NULL;
	if (!at) {
		tool_fail(call, "no_match",
			  "Could not find the exact text in %s. It must match "
			  "all of it, white space and line ends too.",
			  editing->path);
		return NULL;
	}
	other = memmem(at + 1, (size_t)(end - at - 1), editing->old,
		       editing->old_len);
	if (!other)
		return at;
	if (other < at + editing->old_len)
		tool_fail(call, "ambiguous",
			  "Found overlapping occurrences of the text in %s. It "
			  "must be unique: give more of what is around it.",
			  editing->path);
	else
		tool_fail(call, "ambiguous",
			  "Found %zu occurrences of the text in %s. It must be "
			  "unique: give more of what is around it.",
			  count_matches(editing, file->bytes, end),
			  editing->path);
	return NULL;
}

static void written(struct tool_call *call, const struct tool_commit *commit);

static void replace(struct tool_call *call, const struct tool_file *file,
		    const char *at)
{
	struct editing *editing = call->state;
	const size_t head = (size_t)(at - file->bytes);
	const size_t tail = file->len - head - editing->old_len;
	const size_t len = head + editing->new_len + tail;
	auto_free char *bytes = malloc(len + 1);
	const struct tool_span span = {
		file->bytes, file->len, head, editing->old_len,
		editing->new, editing->new_len,
	};
	const struct tool_change change = {
		.kind = TOOL_CHANGE_PUT, .path = editing->rel,
		.expect = TOOL_EXPECT_SAME, .stamp = file->stamp,
		.bytes = bytes, .len = len, .mode = 0644,
	};

	free(editing->diff);
	editing->diff = tool_diff(editing->path, &span);
	if (!bytes || !editing->diff) {
		tool_fail(call, "failed", "edit: out of memory");
		return;
	}
	editing->line = 1;
	for (size_t i = 0; i < head; i++)
		editing->line += file->bytes[i] == '\n';
	memcpy(bytes, file->bytes, head);
	memcpy(bytes + head, editing->new, editing->new_len);
	memcpy(bytes + head + editing->new_len,
	       file->bytes + file->len - tail, tail);
	call->backend->commit(call, &change, 1, written);
}

static void got_file(struct tool_call *call, const struct tool_file *file)
{
	struct editing *editing = call->state;
	const char *at;

	if (file->sys) {
		tool_fail_file(call, editing->path, file->sys);
		return;
	}
	if (file->more || file->len > TOOL_FILE_MAX_BYTES) {
		tool_fail(call, "too_large",
			  "edit: %s: has %" PRIu64
			  " bytes; files of at most %u are edited",
			  editing->path, file->stamp.size, TOOL_FILE_MAX_BYTES);
		return;
	}
	if (take_texts(call, is_crlf(file->bytes, file->len)) < 0) {
		tool_fail(call, "failed", "edit: out of memory");
		return;
	}
	if (editing->old_len == editing->new_len &&
	    memcmp(editing->old, editing->new, editing->old_len) == 0) {
		tool_fail(call, "invalid_argument",
			  "No changes made to %s: oldText and newText are the "
			  "same.",
			  editing->path);
		return;
	}
	at = find_once(call, file);
	if (at)
		replace(call, file, at);
}

static void read_file(struct tool_call *call)
{
	const struct editing *editing = call->state;
	const struct tool_read what = { .path = editing->rel,
					.max_bytes = TOOL_FILE_MAX_BYTES };

	call->backend->read(call, &what, got_file);
}

static void written(struct tool_call *call, const struct tool_commit *commit)
{
	struct editing *editing = call->state;
	auto_free char *text = NULL, *diff = NULL;
	size_t len;

	if (commit->sys == ESTALE && !editing->again) {
		editing->again = true;
		read_file(call);
		return;
	}
	if (commit->sys) {
		tool_fail_file(call, editing->path, commit->sys);
		return;
	}
	diff = tool_utf8(editing->diff, strlen(editing->diff), &len);
	if (!diff ||
	    asprintf(&text, "Successfully replaced text in %s.\n\n%s",
		     editing->path, diff) < 0)
		text = NULL;
	tool_done(call,
		  json_pack("{s:s, s:s, s:I}", "path", editing->path, "diff",
			    diff ? diff : "", "firstChangedLine",
			    (json_int_t)editing->line),
		  text, text ? strlen(text) : 0);
}

static void start(struct tool_call *call)
{
	struct editing *editing = calloc(1, sizeof(*editing));
	struct err err = ERR_INIT;

	if (!editing) {
		tool_fail(call, "failed", "edit: out of memory");
		return;
	}
	call->state = editing;
	editing->path = tool_arg_string(call, "path", "");
	if (tool_arg_length(call, "oldText") == 0) {
		tool_fail(call, "invalid_argument",
			  "edit: oldText: expected at least 1 byte, got none; "
			  "write makes a file");
		return;
	}
	if (!tool_write_fits(call, "newText"))
		return;
	if (tool_file_path(call, TOOL_AREA_FILES, editing->path, &editing->rel,
			   &err) < 0)
		tool_fail_path(call, &err);
	else
		read_file(call);
}

const struct tool tool_edit = {
	.name = "edit",
	.title = "Edit a file",
	.help = "Replaces one exact piece of text in a file of the workspace. "
		"The old text must be there exactly once; the rest of the file "
		"stays as it is, byte for byte.",
	.flags = TOOL_DESTRUCTIVE | TOOL_WRITES,
	.params = params,
	.start = start,
	.free_state = free_editing,
};
