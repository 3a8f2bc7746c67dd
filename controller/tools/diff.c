// SPDX-License-Identifier: Apache-2.0
/*
 * A change of one place in a file as a unified diff, for whoever reads the
 * answer.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/file.h"
#include "proto/cleanup.h"

#define CONTEXT_LINES 3
#define MAX_BYTES 8192

/* Whole lines. */
struct lines {
	const char *bytes;
	size_t len;
};

/* What a hunk is made of; before and after are the same in both files. */
struct hunk {
	struct lines before, old, new, after;
	size_t first; /* line number of before's first line, from 1 */
};

struct out {
	FILE *file;
	size_t left;
	bool cut;
};

static size_t line_length(struct lines lines)
{
	const char *end = memchr(lines.bytes, '\n', lines.len);

	return end ? (size_t)(end - lines.bytes) + 1 : lines.len;
}

static size_t count(struct lines lines)
{
	size_t n = 0;

	while (lines.len > 0) {
		size_t len = line_length(lines);

		lines.bytes += len;
		lines.len -= len;
		n++;
	}
	return n;
}

/* Where the line begins that ends at @end. */
static size_t line_before(const char *bytes, size_t end)
{
	const char *last = end > 1 ? memrchr(bytes, '\n', end - 1) : NULL;

	return last ? (size_t)(last - bytes) + 1 : 0;
}

static void put_lines(struct out *out, char mark, struct lines lines)
{
	while (lines.len > 0 && !out->cut) {
		const size_t len = line_length(lines);

		if (len + 1 > out->left) {
			out->cut = true;
			return;
		}
		out->left -= len + 1;
		fputc(mark, out->file);
		fwrite(lines.bytes, 1, len, out->file);
		if (lines.bytes[len - 1] != '\n')
			fputs("\n\\ No newline at end of file\n", out->file);
		lines.bytes += len;
		lines.len -= len;
	}
}

static void put_range(FILE *out, size_t first, size_t lines)
{
	/* Of no lines at all the one before is named. */
	fprintf(out, "%zu,%zu", lines ? first : first - 1, lines);
}

static void put_hunk(struct out *out, const struct hunk *hunk)
{
	const size_t same = count(hunk->before) + count(hunk->after);

	fputs("@@ -", out->file);
	put_range(out->file, hunk->first, same + count(hunk->old));
	fputs(" +", out->file);
	put_range(out->file, hunk->first, same + count(hunk->new));
	fputs(" @@\n", out->file);
	put_lines(out, ' ', hunk->before);
	put_lines(out, '-', hunk->old);
	put_lines(out, '+', hunk->new);
	put_lines(out, ' ', hunk->after);
	if (out->cut)
		fputs("[The rest of the diff is left out.]\n", out->file);
}

/* Lines that both begin with are no part of the change. */
static void trim_front(struct lines *old, struct lines *new)
{
	while (old->len > 0 && new->len > 0) {
		const size_t len = line_length(*old);

		if (len != line_length(*new) ||
		    memcmp(old->bytes, new->bytes, len) != 0)
			return;
		old->bytes += len;
		old->len -= len;
		new->bytes += len;
		new->len -= len;
	}
}

/* And those that both end with. */
static void trim_back(struct lines *old, struct lines *new)
{
	while (old->len > 0 && new->len > 0) {
		const size_t a = line_before(old->bytes, old->len);
		const size_t b = line_before(new->bytes, new->len);

		if (old->len - a != new->len - b ||
		    memcmp(old->bytes + a, new->bytes + b, old->len - a) != 0)
			return;
		old->len = a;
		new->len = b;
	}
}

/* The end of the lines that the change is within, in the old file. */
static size_t region_end(const struct tool_span *span, size_t begin)
{
	size_t end = span->at + span->old_len;

	while (end < span->len) {
		const bool whole = end == begin || span->bytes[end - 1] == '\n';
		const size_t tail = end - span->at - span->old_len;
		const bool empty = span->at == begin && span->with_len == 0;
		/* The new lines must end there, too. */
		const bool ends = tail > 0 ? whole :
				  span->with_len > 0 ?
					     span->with[span->with_len - 1] ==
						     '\n' :
					     empty;
		const char *next;

		if (whole && ends)
			break;
		next = memchr(span->bytes + end, '\n', span->len - end);
		end = next ? (size_t)(next - span->bytes) + 1 : span->len;
	}
	return end;
}

static void set_context(const struct tool_span *span, struct hunk *hunk)
{
	const char *old = hunk->old.bytes;
	size_t begin = (size_t)(old - span->bytes);
	size_t end = begin + hunk->old.len;

	for (int i = 0; i < CONTEXT_LINES && begin > 0; i++)
		begin = line_before(span->bytes, begin);
	hunk->before = (struct lines){ span->bytes + begin,
				       (size_t)(old - span->bytes) - begin };
	hunk->first = 1 + count((struct lines){ span->bytes, begin });
	hunk->after = (struct lines){ span->bytes + end, 0 };
	for (int i = 0; i < CONTEXT_LINES; i++) {
		const size_t at = end + hunk->after.len;

		hunk->after.len += line_length(
			(struct lines){ span->bytes + at, span->len - at });
	}
}

/**
 * tool_diff() - the change of one place
 *
 * Return: owned bytes with a NUL after them, which need not be UTF-8; NULL: no
 * memory.
 */
char *tool_diff(const char *path, const struct tool_span *span)
{
	const size_t begin = line_before(span->bytes, span->at + 1);
	const size_t end = region_end(span, begin);
	const size_t head = span->at - begin;
	const size_t tail = end - span->at - span->old_len;
	const size_t len = head + span->with_len + tail;
	auto_free char *lines = malloc(len + 1);
	struct hunk hunk = { .old = { span->bytes + begin, end - begin },
			     .new = { lines, len } };
	struct out out = { .left = MAX_BYTES };
	char *text = NULL;
	size_t size;

	if (!lines)
		return NULL;
	memcpy(lines, span->bytes + begin, head);
	memcpy(lines + head, span->with, span->with_len);
	memcpy(lines + head + span->with_len, span->bytes + end - tail, tail);
	trim_front(&hunk.old, &hunk.new);
	trim_back(&hunk.old, &hunk.new);
	set_context(span, &hunk);
	out.file = open_memstream(&text, &size);
	if (!out.file)
		return NULL;
	fprintf(out.file, "--- a/%s\n+++ b/%s\n", path, path);
	put_hunk(&out, &hunk);
	if (fclose(out.file) == 0)
		return text;
	free(text);
	return NULL;
}
