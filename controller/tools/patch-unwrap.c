// SPDX-License-Identifier: Apache-2.0
/*
 * A patch without what models put around it: blank lines, and the shell's
 * here-document.  Formats that are none of ours are told by their names.
 */
#include <config.h>

#include "controller/tools/patch.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "controller/config/utf8.h"

#define SHOWN_BYTES 80

/**
 * patch_fail() - say why it cannot be read
 * @line: of the patch, from 1; 0: none
 *
 * Return: -1.
 */
int patch_fail(struct patch_error *error, size_t line, const char *fmt, ...)
{
	va_list args;

	error->line = line;
	va_start(args, fmt);
	(void)vsnprintf(error->text, sizeof(error->text), fmt, args);
	va_end(args);
	return -1;
}

/**
 * patch_shown() - how much of a text a message shows
 */
int patch_shown(struct patch_text text)
{
	const size_t len = text.len < SHOWN_BYTES ? text.len : SHOWN_BYTES;

	return text.at ? (int)cfg_utf8_valid(text.at, len) : 0;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/**
 * patch_trim() - without white space at both ends
 */
struct patch_text patch_trim(struct patch_text text)
{
	while (text.len > 0 && is_blank(text.at[0])) {
		text.at++;
		text.len--;
	}
	while (text.len > 0 && is_blank(text.at[text.len - 1]))
		text.len--;
	return text;
}

/**
 * patch_is() - is it that word?
 */
bool patch_is(struct patch_text text, const char *word)
{
	return text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

/**
 * patch_begins() - does it begin so?
 */
bool patch_begins(struct patch_text text, const char *prefix)
{
	const size_t len = strlen(prefix);

	return text.len >= len && memcmp(text.at, prefix, len) == 0;
}

/**
 * patch_next_line() - cut the first line off
 */
bool patch_next_line(struct patch_text *rest, struct patch_text *line)
{
	const char *end;

	if (rest->len == 0)
		return false;
	end = memchr(rest->at, '\n', rest->len);
	line->at = rest->at;
	line->len = end ? (size_t)(end - rest->at) : rest->len;
	rest->at += line->len + (end ? 1 : 0);
	rest->len -= line->len + (end ? 1 : 0);
	if (end && line->len > 0 && line->at[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* The same from the end; what it leaves ends before that line. */
static bool last_line(struct patch_text *rest, struct patch_text *line)
{
	const char *before;
	size_t len = rest->len;

	if (len == 0)
		return false;
	if (rest->at[len - 1] == '\n')
		len--;
	before = len > 0 ? memrchr(rest->at, '\n', len) : NULL;
	line->at = before ? before + 1 : rest->at;
	line->len = len - (size_t)(line->at - rest->at);
	rest->len = (size_t)(line->at - rest->at);
	return true;
}

/* Blank lines before it are passed over, and counted. */
static bool first_text(struct patch_text *rest, size_t *line,
		       struct patch_text *found)
{
	while (patch_next_line(rest, found)) {
		++*line;
		*found = patch_trim(*found);
		if (found->len > 0)
			return true;
	}
	return false;
}

static bool last_text(struct patch_text *rest, struct patch_text *found)
{
	while (last_line(rest, found)) {
		*found = patch_trim(*found);
		if (found->len > 0)
			return true;
	}
	return false;
}

static bool is_word(struct patch_text text)
{
	for (size_t i = 0; i < text.len; i++) {
		const char c = text.at[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		      (c >= '0' && c <= '9') || c == '_'))
			return false;
	}
	return text.len > 0;
}

static struct patch_text skip(struct patch_text text, size_t len)
{
	return patch_trim((struct patch_text){ text.at + len, text.len - len });
}

/* The word that ends a here-document, from the line that begins one. */
static bool here_word(struct patch_text line, struct patch_text *word)
{
	static const char *const commands[] = { "apply_patch", "applypatch",
						"cat" };

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (patch_begins(line, commands[i])) {
			line = skip(line, strlen(commands[i]));
			break;
		}
	if (!patch_begins(line, "<<"))
		return false;
	line = skip(line, patch_begins(line, "<<-") ? 3 : 2);
	if (line.len > 2 && (line.at[0] == '\'' || line.at[0] == '"') &&
	    line.at[line.len - 1] == line.at[0])
		line = (struct patch_text){ line.at + 1, line.len - 2 };
	*word = line;
	return is_word(line);
}

static int unwrap_here(struct patch_text *text, size_t *line,
		       struct patch_error *error)
{
	struct patch_text rest = *text, first, word, last;
	size_t number = *line;

	if (!first_text(&rest, &number, &first) || !here_word(first, &word))
		return 0;
	if (!last_text(&rest, &last) || last.len != word.len ||
	    memcmp(last.at, word.at, word.len) != 0)
		return patch_fail(error, 0,
				  "the here-document does not end with %.*s",
				  patch_shown(word), word.at);
	*text = rest;
	*line = number;
	return 0;
}

static int tell_format(struct patch_text first, size_t line,
		       struct patch_error *error)
{
	if (patch_begins(first, "diff --git "))
		return patch_fail(error, line,
				  "this is git's diff format; what is expected "
				  "is '*** Begin Patch', with '*** Update File: "
				  "PATH' in place of git's headers");
	if (patch_begins(first, "--- ") || patch_begins(first, "Index: ") ||
	    patch_begins(first, "diff "))
		return patch_fail(error, line,
				  "this is a unified diff; what is expected is "
				  "'*** Begin Patch', with '*** Update File: "
				  "PATH' in place of the lines with --- and +++");
	return patch_fail(error, line,
			  "the first line of the patch must be '*** Begin "
			  "Patch', not '%.*s'",
			  patch_shown(first), first.at);
}

/**
 * patch_unwrap() - what is between '*** Begin Patch' and '*** End Patch'
 * @text: in: all of it
 * @line: filled with how many lines are before what is left
 */
int patch_unwrap(struct patch_text *text, size_t *line,
		 struct patch_error *error)
{
	struct patch_text first = { NULL, 0 }, last = { NULL, 0 };

	*line = 0;
	if (unwrap_here(text, line, error) < 0)
		return -1;
	if (!first_text(text, line, &first))
		return patch_fail(error, 0, "it is empty");
	if (!patch_is(first, "*** Begin Patch"))
		return tell_format(first, *line, error);
	if (!last_text(text, &last) || !patch_is(last, "*** End Patch"))
		return patch_fail(error, 0,
				  "the last line of the patch must be '*** End "
				  "Patch', not '%.*s'",
				  patch_shown(last), last.at ? last.at : "");
	return 0;
}
