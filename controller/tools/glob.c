// SPDX-License-Identifier: Apache-2.0
/*
 * Patterns of paths.  A table of what fits so far is kept, a byte of the path
 * at a time: no pattern makes it slower than the product of both lengths.
 */
#include <config.h>

#include "controller/tools/glob.h"

#include <stdint.h>
#include <string.h>

/* Where in a pattern the path may be. */
struct states {
	bool at[TOOL_GLOB_MAX_BYTES + 1];
};

/* The end of a set that begins at @at, behind its bracket; 0: it has none. */
static size_t set_end(const char *pattern, size_t at)
{
	size_t end = at + 1;

	if (pattern[end] == '!' || pattern[end] == '^')
		end++;
	if (pattern[end] == ']')
		end++;
	while (pattern[end] && pattern[end] != ']')
		end++;
	return pattern[end] == ']' ? end + 1 : 0;
}

static bool set_has(const char *pattern, size_t at, size_t end,
		    unsigned char byte)
{
	bool negated = pattern[at + 1] == '!' || pattern[at + 1] == '^';
	bool found = false;

	for (size_t i = at + 1 + negated; i < end - 1; i++) {
		unsigned char from = (unsigned char)pattern[i];
		unsigned char to = from;

		if (pattern[i + 1] == '-' && i + 2 < end - 1) {
			to = (unsigned char)pattern[i + 2];
			i += 2;
		}
		found |= from <= byte && byte <= to;
	}
	return found != negated;
}

/* "**" that is a whole name: any number of folders. */
static bool is_deep(const char *pattern, size_t at)
{
	size_t n = strspn(pattern + at, "*");

	return n >= 2 && (at == 0 || pattern[at - 1] == '/') &&
	       (pattern[at + n] == '/' || pattern[at + n] == '\0');
}

/* Stars fit nothing as well; before a name, a "**" and its slash together. */
static void skip_stars(const char *pattern, bool begins, struct states *states)
{
	for (size_t i = 0; pattern[i]; i++) {
		size_t n;

		if (!states->at[i] || pattern[i] != '*')
			continue;
		n = strspn(pattern + i, "*");
		states->at[i + n] = true;
		if (begins && is_deep(pattern, i) && pattern[i + n] == '/')
			states->at[i + n + 1] = true;
	}
}

static void step(const char *pattern, size_t i, unsigned char byte,
		 struct states *next)
{
	size_t end;

	switch (pattern[i]) {
	case '*':
		if (byte != '/' || is_deep(pattern, i))
			next->at[i] = true;
		return;
	case '?':
		if (byte != '/')
			next->at[i + 1] = true;
		return;
	case '[':
		end = set_end(pattern, i);
		if (end) {
			if (byte != '/' && set_has(pattern, i, end, byte))
				next->at[end] = true;
			return;
		}
		break;
	default:
		break;
	}
	if ((unsigned char)pattern[i] == byte)
		next->at[i + 1] = true;
}

/* A path fits where an end of it does that begins behind a slash. */
static bool fits(const char *pattern, const char *path)
{
	struct states now = { .at = { true } };

	skip_stars(pattern, true, &now);
	for (; *path; path++) {
		struct states next = { .at = { false } };

		for (size_t i = 0; pattern[i]; i++)
			if (now.at[i])
				step(pattern, i, (unsigned char)*path, &next);
		next.at[0] |= *path == '/';
		skip_stars(pattern, *path == '/', &next);
		now = next;
	}
	return now.at[strlen(pattern)];
}

/**
 * tool_glob_match() - does a path fit a pattern?
 * @path: relative
 *
 * A pattern that is too long fits nothing.
 */
bool tool_glob_match(const char *pattern, const char *path)
{
	while (strncmp(pattern, "./", 2) == 0)
		pattern += 2;
	return strlen(pattern) <= TOOL_GLOB_MAX_BYTES &&
	       fits(pattern, path + (*path == '/'));
}
