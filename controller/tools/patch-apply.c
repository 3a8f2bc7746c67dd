// SPDX-License-Identifier: Apache-2.0
/*
 * The hunks of one file: where each belongs, and what comes of it.
 *
 * Each is looked for behind the one before, exactly at first, then more and
 * more loosely.  The first place counts, where something tells that it is
 * meant: a context, a hunk before it, the numbers of lines, the end of the
 * file.  For a hunk with none of these there must be one place alone.
 *
 * A line of the file that a hunk only names stays as it is in the file.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/tools/patch.h"
#include "proto/cleanup.h"

#define WINDOW_LINES 3

/* Where a hunk goes. */
struct place {
	size_t at;     /* line, from 0 */
	bool append;   /* it has no old lines, and goes behind all others */
	bool drop;     /* its last old line, an empty one, counts as absent */
};

struct fitting {
	const struct patch *patch;
	const struct patch_hunk *hunk;
	struct match_file file;
	struct patch_text *old; /* owned; the hunk's old lines */
	size_t n_old;
	size_t from;            /* where hunks before it end */
	bool told;              /* something tells where it is */
	struct patch_problem *problem;
};

static const struct patch_line *line_of(const struct fitting *fit, size_t i)
{
	return fit->patch->lines + fit->hunk->first + i;
}

static int wrong(struct fitting *fit, enum patch_wrong what)
{
	fit->problem->wrong = what;
	return -1;
}

static int take_old(struct fitting *fit)
{
	free(fit->old);
	fit->n_old = 0;
	fit->old = reallocarray(NULL, fit->hunk->n + 1, sizeof(*fit->old));
	if (!fit->old)
		return wrong(fit, PATCH_NO_MEMORY);
	for (size_t i = 0; i < fit->hunk->n; i++)
		if (line_of(fit, i)->op != '+')
			fit->old[fit->n_old++] = line_of(fit, i)->text;
	return 0;
}

/* Its context is passed over. */
static int seek_context(struct fitting *fit)
{
	const struct match_lines lines = { &fit->hunk->context, 1 };
	size_t at = MATCH_NONE;

	for (int q = 0; q < MATCH_QUALITIES && at == MATCH_NONE; q++)
		at = match_seek(&fit->file, lines, q, fit->from);
	if (at == MATCH_NONE && !fit->hunk->numbered)
		return wrong(fit, PATCH_NO_CONTEXT);
	if (at != MATCH_NONE) {
		fit->from = at + 1;
		fit->told = true;
	}
	return 0;
}

/* Around the line that the hunk's numbers name, the nearest first. */
static size_t seek_near(struct fitting *fit)
{
	const struct match_lines lines = { fit->old, fit->n_old };
	const size_t named = fit->hunk->old_first ? fit->hunk->old_first - 1 :
						    0;

	for (int q = 0; q < MATCH_QUALITIES; q++)
		for (size_t off = 0; off <= WINDOW_LINES; off++) {
			if (named >= off && named - off >= fit->from &&
			    match_at(&fit->file, lines, q, named - off))
				return named - off;
			if (named + off >= fit->from &&
			    match_at(&fit->file, lines, q, named + off))
				return named + off;
		}
	return MATCH_NONE;
}

/* The first place; MATCH_NONE also where there are two and nothing tells. */
static size_t seek_lines(struct fitting *fit, size_t n)
{
	const struct match_lines lines = { fit->old, n };
	size_t from = fit->from, at = MATCH_NONE, other;

	if (n > fit->file.n)
		return MATCH_NONE;
	if (fit->hunk->at_end && fit->file.n - n < from)
		return MATCH_NONE;
	if (fit->hunk->at_end)
		from = fit->file.n - n;
	for (int q = 0; q < MATCH_QUALITIES; q++) {
		at = match_seek(&fit->file, lines, q, from);
		if (at == MATCH_NONE)
			continue;
		if (fit->told)
			return at;
		other = match_seek(&fit->file, lines, q, at + 1);
		if (other == MATCH_NONE)
			return at;
		fit->problem->wrong = PATCH_AMBIGUOUS;
		fit->problem->first = at + 1;
		fit->problem->second = other + 1;
		return MATCH_NONE;
	}
	return MATCH_NONE;
}

/* A hunk that only adds lines. */
static int place_added(struct fitting *fit, struct place *place)
{
	const size_t at = fit->hunk->old_first;

	if (!fit->hunk->numbered) {
		place->append = true;
		return 0;
	}
	if (at < fit->from || at > fit->file.n)
		return wrong(fit, PATCH_NO_MATCH);
	place->at = at;
	fit->from = at;
	return 0;
}

static int place_lines(struct fitting *fit, struct place *place)
{
	const bool empty = fit->old[fit->n_old - 1].len == 0;

	place->at = fit->hunk->numbered ? seek_near(fit) : MATCH_NONE;
	if (place->at == MATCH_NONE && fit->hunk->context.at &&
	    fit->hunk->numbered && seek_context(fit) < 0)
		return -1;
	if (place->at == MATCH_NONE)
		place->at = seek_lines(fit, fit->n_old);
	if (place->at == MATCH_NONE && fit->problem->wrong == PATCH_FITS &&
	    empty && fit->n_old > 1) {
		place->drop = true;
		fit->n_old--;
		place->at = seek_lines(fit, fit->n_old);
	}
	if (place->at == MATCH_NONE && fit->problem->wrong == PATCH_FITS)
		return wrong(fit, PATCH_NO_MATCH);
	if (place->at == MATCH_NONE)
		return -1;
	fit->from = place->at + fit->n_old;
	return 0;
}

static int place_hunk(struct fitting *fit, struct place *place)
{
	*place = (struct place){ .at = 0 };
	if (take_old(fit) < 0)
		return -1;
	if (fit->hunk->at_end)
		fit->told = true;
	if (fit->hunk->context.at && !fit->hunk->numbered &&
	    seek_context(fit) < 0)
		return -1;
	if (fit->n_old == 0)
		return place_added(fit, place);
	if (place_lines(fit, place) < 0)
		return -1;
	/* It tells where the next one is. */
	fit->told = true;
	return 0;
}

/**
 * patch_append() - bytes behind bytes
 */
void patch_append(struct patch_output *out, const void *bytes, size_t len)
{
	if (out->broken)
		return;
	if (out->cap - out->len < len || !out->bytes) {
		const size_t cap = 2 * (out->len + len) + 64;
		char *more = realloc(out->bytes, cap);

		if (!more) {
			out->broken = true;
			return;
		}
		out->bytes = more;
		out->cap = cap;
	}
	if (len > 0)
		memcpy(out->bytes + out->len, bytes, len);
	out->len += len;
}

/* What a line that is added there ends with: as the lines around it. */
static const char *ending_at(const struct match_file *file, size_t at)
{
	const char *ending = at > 0 ? match_ending(file, at - 1) : "";

	if (!*ending && file->n > 0)
		ending = match_ending(file, 0);
	return *ending ? ending : "\n";
}

/* No line but the last is without an end. */
static void put_line(struct patch_output *out, struct patch_text text,
		     const char *ending, const char *usual)
{
	if (out->ending && !*out->ending)
		patch_append(out, usual, strlen(usual));
	patch_append(out, text.at, text.len);
	patch_append(out, ending, strlen(ending));
	out->ending = ending;
}

static void keep_lines(struct patch_output *out, const struct match_file *file,
		       size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		put_line(out, match_line(file, i), match_ending(file, i),
			 ending_at(file, i));
}

/* Is this the empty line that is dropped from both sides of the hunk? */
static bool is_dropped(const struct fitting *fit, size_t i, size_t last_old)
{
	const struct patch_line *line = line_of(fit, i);

	if (i == last_old)
		return line->op == '-' || i == fit->hunk->n - 1;
	return i == fit->hunk->n - 1 && line->op == '+' && line->text.len == 0;
}

/* Returns the file's line behind it. */
static size_t put_hunk(struct patch_output *out, const struct fitting *fit,
		       const struct place *place)
{
	size_t at = place->append ? fit->file.n : place->at;
	size_t last_old = SIZE_MAX;

	for (size_t i = 0; place->drop && i < fit->hunk->n; i++)
		if (line_of(fit, i)->op != '+')
			last_old = i;
	for (size_t i = 0; i < fit->hunk->n; i++) {
		const struct patch_line *line = line_of(fit, i);

		if (place->drop && is_dropped(fit, i, last_old))
			continue;
		if (line->op == '+' || i == last_old) {
			put_line(out, line->text, ending_at(&fit->file, at),
				 ending_at(&fit->file, at));
			continue;
		}
		if (line->op == ' ')
			keep_lines(out, &fit->file, at, at + 1);
		at++;
	}
	return at;
}

/* The end of the last line: as it was, or as the hunk there says. */
static void finish(struct patch_output *out, const struct match_file *file,
		   const struct patch_hunk *last, bool preserve)
{
	bool ends = true;

	if (preserve && file->n > 0)
		ends = *match_ending(file, file->n - 1) != '\0';
	if (last && last->new_bare)
		ends = false;
	else if (last && last->old_bare)
		ends = true;
	if (out->len == 0 || !out->ending)
		return;
	if (ends && !*out->ending) {
		const char *ending = ending_at(file, file->n);

		patch_append(out, ending, strlen(ending));
	} else if (!ends) {
		out->len -= strlen(out->ending);
	}
}

/* First the hunks that have a place, then those that go to the end. */
static void put_all(struct patch_output *out, struct fitting *fit,
		    const struct patch_op *op, const struct place *places,
		    bool preserve)
{
	const struct patch_hunk *last = NULL;
	size_t at = 0;

	patch_append(out, fit->file.bytes, fit->file.starts[0]);
	for (size_t i = 0; i < op->n; i++) {
		if (places[i].append)
			continue;
		fit->hunk = fit->patch->hunks + op->first + i;
		keep_lines(out, &fit->file, at, places[i].at);
		at = put_hunk(out, fit, places + i);
		last = at == fit->file.n ? fit->hunk : NULL;
	}
	keep_lines(out, &fit->file, at, fit->file.n);
	for (size_t i = 0; i < op->n; i++) {
		if (!places[i].append)
			continue;
		fit->hunk = fit->patch->hunks + op->first + i;
		(void)put_hunk(out, fit, places + i);
		last = fit->hunk;
	}
	finish(out, &fit->file, last, preserve);
}

static int place_all(struct fitting *fit, const struct patch_op *op,
		     struct place *places)
{
	for (size_t i = 0; i < op->n; i++) {
		fit->hunk = fit->patch->hunks + op->first + i;
		fit->problem->hunk = i;
		if (place_hunk(fit, places + i) < 0)
			return -1;
	}
	return 0;
}

/**
 * patch_apply() - what a file becomes
 * @op:      an update
 * @out:     filled; its bytes are the caller's
 * @problem: filled where a hunk fits nowhere, or in two places
 *
 * Return: 0, or -1 with @problem.
 */
int patch_apply(const struct patch *patch, const struct patch_op *op,
		const struct patch_file *file, struct patch_output *out,
		struct patch_problem *problem)
{
	auto_free struct place *places = calloc(op->n + 1, sizeof(*places));
	struct fitting fit = { .patch = patch, .problem = problem };

	*out = (struct patch_output){ .bytes = malloc(1), .cap = 1 };
	problem->wrong = PATCH_FITS;
	problem->hunk = 0;
	if (!places || !out->bytes ||
	    match_init(&fit.file, file->bytes, file->len) < 0)
		problem->wrong = PATCH_NO_MEMORY;
	else if (place_all(&fit, op, places) == 0)
		put_all(out, &fit, op, places, file->keep_end);
	if (out->broken)
		problem->wrong = PATCH_NO_MEMORY;
	free(fit.old);
	match_fini(&fit.file);
	if (problem->wrong == PATCH_FITS)
		return 0;
	free(out->bytes);
	out->bytes = NULL;
	return -1;
}
