// SPDX-License-Identifier: Apache-2.0
/*
 * The grammar of patches: files that are added, deleted, updated and moved,
 * and the hunks of those that are updated.
 */
#include <config.h>

#include "controller/tools/patch.h"

#include <stdlib.h>
#include <string.h>

struct parser {
	struct patch *patch;
	struct patch_text rest;  /* behind line */
	struct patch_text line;
	size_t number;           /* of line, in all that was given */
	bool over;               /* there is no line */
	struct patch_error *error;
};

static void advance(struct parser *p)
{
	p->over = !patch_next_line(&p->rest, &p->line);
	p->number++;
}

/* Room for one more, at the end. NULL: no memory. */
static void *grow(void *list, size_t size, size_t n, size_t *cap)
{
	void *more;

	if (n < *cap)
		return list;
	more = reallocarray(list, *cap ? 2 * *cap : 16, size);
	if (more)
		*cap = *cap ? 2 * *cap : 16;
	return more;
}

static struct patch_op *add_op(struct parser *p, enum patch_kind kind)
{
	struct patch *patch = p->patch;
	struct patch_op *list = grow(patch->ops, sizeof(*list), patch->n_ops,
				     &patch->cap_ops);

	if (!list) {
		patch_fail(p->error, 0, "out of memory");
		return NULL;
	}
	patch->ops = list;
	list += patch->n_ops++;
	*list = (struct patch_op){ .kind = kind, .line = p->number };
	return list;
}

static struct patch_hunk *add_hunk(struct parser *p)
{
	struct patch *patch = p->patch;
	struct patch_hunk *list;

	if (patch->n_hunks == PATCH_MAX_HUNKS) {
		patch_fail(p->error, p->number, "more than %d hunks",
			   PATCH_MAX_HUNKS);
		return NULL;
	}
	list = grow(patch->hunks, sizeof(*list), patch->n_hunks,
		    &patch->cap_hunks);
	if (!list) {
		patch_fail(p->error, 0, "out of memory");
		return NULL;
	}
	patch->hunks = list;
	list += patch->n_hunks++;
	*list = (struct patch_hunk){ .line = p->number,
				     .first = patch->n_lines };
	return list;
}

static int add_line(struct parser *p, char op, struct patch_text text)
{
	const bool bare = text.at == p->line.at;
	struct patch *patch = p->patch;
	struct patch_line *list;

	if (patch->n_lines == PATCH_MAX_LINES)
		return patch_fail(p->error, p->number, "more than %d lines",
				  PATCH_MAX_LINES);
	list = grow(patch->lines, sizeof(*list), patch->n_lines,
		    &patch->cap_lines);
	if (!list)
		return patch_fail(p->error, 0, "out of memory");
	patch->lines = list;
	list[patch->n_lines++] = (struct patch_line){ op, bare, text };
	return 0;
}

/* The path behind a header such as '*** Add File:'. */
static bool header(struct patch_text line, const char *prefix,
		   struct patch_text *path)
{
	line = patch_trim(line);
	if (!patch_begins(line, prefix))
		return false;
	line.at += strlen(prefix);
	line.len -= strlen(prefix);
	*path = patch_trim(line);
	return true;
}

static int check_path(struct parser *p, struct patch_text path)
{
	if (path.len == 0)
		return patch_fail(p->error, p->number,
				  "a header without a path: '%.*s'",
				  patch_shown(p->line), p->line.at);
	if (memchr(path.at, 0, path.len))
		return patch_fail(p->error, p->number,
				  "a path with a NUL in it");
	return 0;
}

static int parse_add(struct parser *p, struct patch_text path)
{
	struct patch_op *op;

	if (check_path(p, path) < 0)
		return -1;
	op = add_op(p, PATCH_ADD);
	if (!op)
		return -1;
	op->path = path;
	op->first = p->patch->n_lines;
	for (advance(p); !p->over && patch_begins(p->line, "+"); advance(p)) {
		const struct patch_text text = { p->line.at + 1,
						 p->line.len - 1 };

		if (add_line(p, '+', text) < 0)
			return -1;
		op->n++;
	}
	return 0;
}

static int parse_delete(struct parser *p, struct patch_text path)
{
	struct patch_op *op;

	if (check_path(p, path) < 0)
		return -1;
	op = add_op(p, PATCH_DELETE);
	if (!op)
		return -1;
	op->path = path;
	advance(p);
	return 0;
}

/* "12" or "12,3" at the beginning: cut off. */
static bool take_range(struct patch_text *text, size_t *first)
{
	size_t value[2] = { 0, 0 };
	int which = 0;
	size_t i, digits = 0;

	for (i = 0; i < text->len; i++) {
		const char c = text->at[i];

		if (c >= '0' && c <= '9' && digits < 9) {
			value[which] = value[which] * 10 + (size_t)(c - '0');
			digits++;
		} else if (c == ',' && which == 0 && digits > 0) {
			which = 1;
			digits = 0;
		} else {
			break;
		}
	}
	if (digits == 0)
		return false;
	*first = value[0];
	text->at += i;
	text->len -= i;
	return true;
}

/* What is between '@@ ' and the end: "-a,b +c,d @@ context", or a context. */
static void parse_place(struct patch_text text, struct patch_hunk *hunk)
{
	struct patch_text at = text;
	size_t new_first;

	hunk->context = text;
	if (!patch_begins(at, "-"))
		return;
	at = (struct patch_text){ at.at + 1, at.len - 1 };
	if (!take_range(&at, &hunk->old_first) || !patch_begins(at, " +"))
		return;
	at = (struct patch_text){ at.at + 2, at.len - 2 };
	if (!take_range(&at, &new_first))
		return;
	at = patch_trim(at);
	if (at.len > 0 && !patch_begins(at, "@@"))
		return;
	if (at.len > 0)
		at = patch_trim((struct patch_text){ at.at + 2, at.len - 2 });
	hunk->numbered = true;
	hunk->context = at;
}

/* Is it the line with @@ that begins a hunk? */
static bool parse_marker(struct patch_text line, struct patch_hunk *hunk)
{
	if (!patch_begins(line, "@@") || (line.len > 2 && line.at[2] != ' '))
		return false;
	if (line.len > 3)
		parse_place((struct patch_text){ line.at + 3, line.len - 3 },
			    hunk);
	if (patch_trim(hunk->context).len == 0)
		hunk->context = (struct patch_text){ NULL, 0 };
	return true;
}

/* "\ No newline at end of file": of the line before it. */
static bool take_bare(struct parser *p, struct patch_hunk *hunk)
{
	const struct patch_line *last;

	if (!patch_begins(p->line, "\\ ") || hunk->n == 0)
		return false;
	last = p->patch->lines + p->patch->n_lines - 1;
	hunk->old_bare = hunk->old_bare || last->op != '+';
	hunk->new_bare = hunk->new_bare || last->op != '-';
	return true;
}

/* 1: it was a line of a hunk; 0: it was not */
static int take_hunk_line(struct parser *p, struct patch_hunk *hunk)
{
	struct patch_text text = p->line;
	char op = ' ';

	if (take_bare(p, hunk))
		return 1;
	if (text.len > 0) {
		op = text.at[0];
		if (op != ' ' && op != '+' && op != '-')
			return 0;
		text.at++;
		text.len--;
	}
	if (add_line(p, op, text) < 0)
		return -1;
	hunk->n++;
	return 1;
}

/*
 * An empty line behind lines that are only added stands between two hunks: it
 * is no context.
 */
static void drop_gap(struct parser *p, struct patch_hunk *hunk)
{
	const struct patch_line *lines = p->patch->lines;
	size_t n = hunk->n;

	if (n == 0)
		return;
	lines += hunk->first;
	while (n > 0 && lines[n - 1].op == ' ' && lines[n - 1].text.len == 0 &&
	       lines[n - 1].bare)
		n--;
	for (size_t i = 0; i < n; i++)
		if (lines[i].op != '+')
			return;
	if (n == 0 || n == hunk->n)
		return;
	p->patch->n_lines -= hunk->n - n;
	hunk->n = n;
}

static int refuse_line(struct parser *p, const char *expected)
{
	static const char *const git[] = {
		"new file mode", "old mode",	 "new mode", "deleted file mode",
		"index ",	 "rename from",	 "rename to", "similarity index",
		"diff --git",	 "GIT binary patch",
	};

	for (size_t i = 0; i < sizeof(git) / sizeof(*git); i++)
		if (patch_begins(p->line, git[i]))
			return patch_fail(p->error, p->number,
					  "'%.*s': git's headers, and modes of "
					  "files and links, cannot be patched",
					  patch_shown(p->line), p->line.at);
	return patch_fail(p->error, p->number, "expected %s, not '%.*s'",
			  expected, patch_shown(p->line), p->line.at);
}

static int parse_hunk(struct parser *p, bool first)
{
	struct patch_hunk *hunk = add_hunk(p);
	int took = 1;

	if (!hunk)
		return -1;
	if (parse_marker(p->line, hunk))
		advance(p);
	else if (!first)
		return refuse_line(p, "'@@', with which a hunk begins");
	while (!p->over && took == 1) {
		if (patch_is(patch_trim(p->line), "*** End of File")) {
			hunk->at_end = true;
			advance(p);
			break;
		}
		took = take_hunk_line(p, hunk);
		if (took == 1)
			advance(p);
	}
	if (took < 0)
		return -1;
	if (!hunk->at_end)
		drop_gap(p, hunk);
	if (hunk->n > 0)
		return 0;
	if (p->over || hunk->at_end || patch_begins(p->line, "***") ||
	    patch_begins(p->line, "@@"))
		return patch_fail(p->error, hunk->line, "a hunk without lines");
	return refuse_line(p, "a line that begins with ' ', '+' or '-'");
}

static int parse_hunks(struct parser *p, struct patch_op *op)
{
	op->first = p->patch->n_hunks;
	while (!p->over) {
		if (patch_trim(p->line).len == 0) {
			advance(p);
			continue;
		}
		if (patch_begins(p->line, "***"))
			break;
		if (parse_hunk(p, op->n == 0) < 0)
			return -1;
		op->n++;
	}
	if (op->n == 0 && !op->to.at)
		return patch_fail(p->error, op->line,
				  "'%.*s' is updated without a hunk",
				  patch_shown(op->path), op->path.at);
	return 0;
}

static int parse_update(struct parser *p, struct patch_text path)
{
	struct patch_op *op;

	if (check_path(p, path) < 0)
		return -1;
	op = add_op(p, PATCH_UPDATE);
	if (!op)
		return -1;
	op->path = path;
	advance(p);
	if (!p->over && header(p->line, "*** Move to:", &op->to)) {
		if (check_path(p, op->to) < 0)
			return -1;
		advance(p);
	}
	return parse_hunks(p, op);
}

static int parse_file(struct parser *p)
{
	struct patch_text path;

	if (header(p->line, "*** Add File:", &path))
		return parse_add(p, path);
	if (header(p->line, "*** Delete File:", &path))
		return parse_delete(p, path);
	if (header(p->line, "*** Update File:", &path))
		return parse_update(p, path);
	return refuse_line(p, "'*** Add File: PATH', '*** Delete File: PATH' "
			      "or '*** Update File: PATH'");
}

/**
 * patch_parse() - take a patch apart
 * @text: stays the caller's, and must stay: the parts are within it
 *
 * Return: 0, or -1 with @error. patch_fini() in either case.
 */
int patch_parse(const char *text, size_t len, struct patch *patch,
		struct patch_error *error)
{
	struct parser p = { .patch = patch, .rest = { text, len },
			    .error = error };

	*patch = (struct patch){ .ops = NULL };
	*error = (struct patch_error){ .line = 0 };
	if (patch_unwrap(&p.rest, &p.number, error) < 0)
		return -1;
	advance(&p);
	while (!p.over) {
		if (patch_trim(p.line).len == 0)
			advance(&p);
		else if (parse_file(&p) < 0)
			return -1;
	}
	if (patch->n_ops == 0)
		return patch_fail(error, 0, "it changes no file");
	return 0;
}

/**
 * patch_fini() - release what patch_parse() made
 */
void patch_fini(struct patch *patch)
{
	free(patch->ops);
	free(patch->hunks);
	free(patch->lines);
	*patch = (struct patch){ .ops = NULL };
}
