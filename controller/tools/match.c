// SPDX-License-Identifier: Apache-2.0
/*
 * Where lines are in a file: exactly, or nearly so.  Nothing is copied, so that
 * a large file costs four bytes a line.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/tools/patch.h"

/**
 * match_init() - a file as lines
 * @bytes: less than 4 GiB; borrowed for the life of @file
 *
 * A byte order mark is no part of the first line.
 *
 * Return: -1 without memory.
 */
int match_init(struct match_file *file, const char *bytes, size_t len)
{
	const size_t bom = len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ?
				   3 :
				   0;
	const char *end = bytes + len;
	size_t n = 0;

	for (const char *at = bytes + bom; at < end; n++) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : end;
	}
	*file = (struct match_file){ .bytes = bytes, .n = n };
	file->starts = calloc(n + 1, sizeof(*file->starts));
	if (!file->starts)
		return -1;
	file->starts[0] = (uint32_t)bom;
	for (size_t i = 0; i < n; i++) {
		const char *at = bytes + file->starts[i];

		at = memchr(at, '\n', (size_t)(end - at));
		file->starts[i + 1] = (uint32_t)(at ? at + 1 - bytes :
						      end - bytes);
	}
	return 0;
}

/**
 * match_fini() - release
 */
void match_fini(struct match_file *file)
{
	free(file->starts);
	file->starts = NULL;
}

/**
 * match_ending() - how a line ends
 */
const char *match_ending(const struct match_file *file, size_t index)
{
	const char *end = file->bytes + file->starts[index + 1];
	const size_t len = file->starts[index + 1] - file->starts[index];

	if (len == 0 || end[-1] != '\n')
		return "";
	return len > 1 && end[-2] == '\r' ? "\r\n" : "\n";
}

/**
 * match_line() - a line without its end
 */
struct patch_text match_line(const struct match_file *file, size_t index)
{
	return (struct patch_text){
		file->bytes + file->starts[index],
		file->starts[index + 1] - file->starts[index] -
			strlen(match_ending(file, index)),
	};
}

/* Which space is it, of more than one byte? Its length; 0: none. */
static size_t wide_space(const unsigned char *c, size_t len)
{
	if (len >= 2 && c[0] == 0xc2 && c[1] == 0xa0)
		return 2;
	if (len < 3)
		return 0;
	if (c[0] == 0xe2 && c[1] == 0x80)
		return (c[2] >= 0x80 && c[2] <= 0x8a) || c[2] == 0xa8 ||
				       c[2] == 0xa9 || c[2] == 0xaf ?
			       3 :
			       0;
	if (c[0] == 0xe2 && c[1] == 0x81)
		return c[2] == 0x9f ? 3 : 0;
	if (c[0] == 0xe3 && c[1] == 0x80)
		return c[2] == 0x80 ? 3 : 0;
	return c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf ? 3 : 0;
}

static size_t space_at(const char *at, size_t len)
{
	if (len == 0)
		return 0;
	if (*at == ' ' || (*at >= '\t' && *at <= '\r'))
		return 1;
	return wide_space((const unsigned char *)at, len);
}

static struct patch_text trim_end(struct patch_text text)
{
	for (;;) {
		size_t cut = 0;

		for (size_t back = 1; back <= 3 && back <= text.len; back++)
			if (space_at(text.at + text.len - back, back) == back)
				cut = back;
		if (cut == 0)
			return text;
		text.len -= cut;
	}
}

static struct patch_text trim_both(struct patch_text text)
{
	size_t cut;

	text = trim_end(text);
	while ((cut = space_at(text.at, text.len)) > 0) {
		text.at += cut;
		text.len -= cut;
	}
	return text;
}

/* A dash or quote of U+2010 to U+201F, by its last byte. */
static int plain_mark(unsigned char last)
{
	if (last >= 0x90 && last <= 0x95)
		return '-';
	if (last >= 0x98 && last <= 0x9b)
		return '\'';
	return last >= 0x9c && last <= 0x9f ? '"' : -1;
}

/* The next character, plain where it is a typographic one; cut off. */
static int fold_next(struct patch_text *text)
{
	const unsigned char *c = (const unsigned char *)text->at;
	size_t used = 1;
	int got = c[0];

	if (text->len >= 3 && c[0] == 0xe2 && c[1] == 0x80 &&
	    plain_mark(c[2]) >= 0) {
		got = plain_mark(c[2]);
		used = 3;
	} else if (text->len >= 3 && c[0] == 0xe2 && c[1] == 0x88 &&
		   c[2] == 0x92) {
		got = '-';
		used = 3;
	} else if (wide_space(c, text->len) > 0) {
		got = ' ';
		used = wide_space(c, text->len);
	}
	text->at += used;
	text->len -= used;
	return got;
}

static bool same(struct patch_text a, struct patch_text b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static bool same_folded(struct patch_text a, struct patch_text b)
{
	while (a.len > 0 && b.len > 0)
		if (fold_next(&a) != fold_next(&b))
			return false;
	return a.len == b.len;
}

static bool lines_match(struct patch_text a, struct patch_text b, int quality)
{
	if (quality == 0)
		return same(a, b);
	if (quality == 1)
		return same(trim_end(a), trim_end(b));
	a = trim_both(a);
	b = trim_both(b);
	return quality == 2 ? same(a, b) : same_folded(a, b);
}

/**
 * match_at() - are these lines there?
 */
bool match_at(const struct match_file *file, struct match_lines lines,
	      int quality, size_t at)
{
	if (lines.n > file->n || at > file->n - lines.n)
		return false;
	for (size_t i = 0; i < lines.n; i++)
		if (!lines_match(match_line(file, at + i), lines.lines[i],
				 quality))
			return false;
	return true;
}

/**
 * match_seek() - the first place of these lines
 * @from: the first line that it may begin with
 *
 * Return: the line, from 0, or MATCH_NONE.
 */
size_t match_seek(const struct match_file *file, struct match_lines lines,
		  int quality, size_t from)
{
	if (lines.n > file->n)
		return MATCH_NONE;
	for (size_t at = from; at <= file->n - lines.n; at++)
		if (match_at(file, lines, quality, at))
			return at;
	return MATCH_NONE;
}
