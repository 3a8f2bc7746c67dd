// SPDX-License-Identifier: Apache-2.0
/*
 * JSON5: white space, comments, strings and names.
 */
#include <config.h>

#include "controller/config/json5.h"

#include <string.h>

#include "controller/config/identifier.h"
#include "controller/config/utf8.h"

/**
 * json5_line_end() - a line terminator: LF, CR, CR LF, U+2028 or U+2029
 *
 * Return: its length; 0: there is none.
 */
size_t json5_line_end(const struct cfg_reader *reader, const char *at)
{
	size_t left = (size_t)(reader->end - at);

	if (left > 0 && *at == '\n')
		return 1;
	if (left > 0 && *at == '\r')
		return left > 1 && at[1] == '\n' ? 2 : 1;
	if (left > 2 && memcmp(at, "\xe2\x80", 2) == 0 &&
	    (at[2] == '\xa8' || at[2] == '\xa9'))
		return 3;
	return 0;
}

/* The length of the white space character there; 0: it is none. */
static size_t space(const struct cfg_reader *reader, const char *at)
{
	uint32_t character;
	size_t len;

	if (*at == ' ' || (*at >= '\t' && *at <= '\r'))
		return 1;
	if ((unsigned char)*at < 0x80)
		return 0;
	len = cfg_utf8_get(at, &character);
	if (character == 0xa0 || character == 0xfeff || character == 0x1680 ||
	    (character >= 0x2000 && character <= 0x200a) ||
	    character == 0x202f || character == 0x205f || character == 0x3000)
		return len;
	return json5_line_end(reader, at);
}

static int skip_block(struct cfg_reader *in)
{
	const char *start = in->at;

	for (in->at += 2; in->end - in->at >= 2; in->at++) {
		if (in->at[0] == '*' && in->at[1] == '/') {
			in->at += 2;
			return 0;
		}
	}
	in->at = in->end;
	return cfg_reader_fail(in, start,
			       "expected '*/' after this '/*', found the end "
			       "of the file");
}

static void skip_line(struct cfg_reader *in)
{
	while (in->at < in->end && json5_line_end(in, in->at) == 0)
		in->at++;
}

/**
 * json5_skip() - white space and comments
 *
 * Return: 0, or -1 with a problem.
 */
int json5_skip(struct cfg_reader *reader)
{
	while (reader->at < reader->end) {
		size_t len = space(reader, reader->at);
		bool two = reader->end - reader->at >= 2;

		if (len > 0) {
			reader->at += len;
		} else if (two && memcmp(reader->at, "//", 2) == 0) {
			skip_line(reader);
		} else if (two && memcmp(reader->at, "/*", 2) == 0) {
			if (skip_block(reader) < 0)
				return -1;
		} else {
			break;
		}
	}
	return 0;
}

/* What one letter stands for after a backslash; -1: itself. */
static int simple_escape(char letter)
{
	switch (letter) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'v':
		return '\v';
	default:
		return -1;
	}
}

/* Four digits after \u, and another such escape where two make one. */
static int unicode_escape(struct cfg_reader *in, uint32_t *character)
{
	const char *start = in->at - 2;
	uint32_t low;

	if (!cfg_reader_hex(in, in->at, 4, character))
		return cfg_reader_fail(in, start,
				       "expected four hexadecimal digits "
				       "after \\u");
	in->at += 4;
	if (cfg_utf8_is_scalar(*character))
		return 0;
	if (*character >= 0xdc00 || in->end - in->at < 6 || in->at[0] != '\\' ||
	    in->at[1] != 'u' || !cfg_reader_hex(in, in->at + 2, 4, &low) ||
	    low < 0xdc00 || low > 0xdfff)
		return cfg_reader_fail(in, start,
				       "\\u%04X is half of a surrogate pair: "
				       "its other half is missing",
				       (unsigned int)*character);
	in->at += 6;
	*character = 0x10000 + ((*character - 0xd800) << 10) + (low - 0xdc00);
	return 0;
}

static int number_escape(struct cfg_reader *in, uint32_t *character)
{
	const char *start = in->at - 2;
	char kind = in->at[-1];
	bool digit = in->at < in->end && *in->at >= '0' && *in->at <= '9';

	if (kind == 'u')
		return unicode_escape(in, character);
	if (kind == 'x') {
		if (!cfg_reader_hex(in, in->at, 2, character))
			return cfg_reader_fail(in, start,
					       "expected two hexadecimal "
					       "digits after \\x");
		in->at += 2;
		return 0;
	}
	if (kind != '0' || digit)
		return cfg_reader_fail(in, start,
				       "a backslash is followed by a digit: "
				       "JSON5 has no octal escapes");
	*character = 0;
	return 0;
}

/* At a backslash that has something after it.  Writes what it stands for. */
static int read_escape(struct cfg_reader *in, char **out)
{
	size_t line_end = json5_line_end(in, in->at + 1);
	uint32_t character;
	char letter = in->at[1];

	if (line_end > 0) {
		in->at += 1 + line_end;
		return 0;
	}
	if (letter == 'u' || letter == 'x' ||
	    (letter >= '0' && letter <= '9')) {
		in->at += 2;
		if (number_escape(in, &character) < 0)
			return -1;
		*out += cfg_utf8_put(*out, character);
		return 0;
	}
	if (simple_escape(letter) >= 0) {
		*(*out)++ = (char)simple_escape(letter);
		in->at += 2;
		return 0;
	}
	/* Itself, of which the loop takes the rest if it has more bytes. */
	*(*out)++ = letter;
	in->at += 2;
	return 0;
}

/* Where the string that begins at the reader's place has its other quote. */
static const char *find_quote(struct cfg_reader *in)
{
	char quote = *in->at;
	const char *at = in->at + 1;

	while (at < in->end && *at != quote && *at != '\n' && *at != '\r') {
		if (*at == '\\' && in->end - at >= 2)
			at += at[1] == '\r' ? json5_line_end(in, at + 1) : 1;
		at++;
	}
	if (at < in->end && *at == quote)
		return at;
	(void)cfg_reader_fail(in, at,
			      "expected %c, which ends the string of column "
			      "%u, found %s",
			      quote, cfg_reader_pos(in, in->at).column,
			      cfg_reader_found(in, at));
	return NULL;
}

/**
 * json5_string() - from quote to quote
 * @text: in the tree, with a NUL after @len bytes, of which any may be one
 *
 * Return: 0, or -1 with a problem.
 */
int json5_string(struct cfg_reader *reader, const char **text, size_t *len)
{
	const char *end = find_quote(reader);
	char *start, *out;

	if (!end)
		return -1;
	/* No escape stands for more bytes than it has. */
	start = cfg_reader_alloc(reader, (size_t)(end - reader->at));
	if (!start)
		return -1;
	out = start;
	for (reader->at++; reader->at < end;) {
		if (*reader->at != '\\')
			*out++ = *reader->at++;
		else if (read_escape(reader, &out) < 0)
			return -1;
	}
	reader->at = end + 1;
	*text = start;
	*len = (size_t)(out - start);
	return 0;
}

/* One character of a name, which may be written as \uXXXX; 0: none. */
static size_t name_character(const struct cfg_reader *in, const char *at,
			     uint32_t *character)
{
	if (at == in->end)
		return 0;
	if (*at != '\\')
		return cfg_utf8_get(at, character);
	if (in->end - at >= 6 && at[1] == 'u' &&
	    cfg_reader_hex(in, at + 2, 4, character))
		return 6;
	return 0;
}

/**
 * json5_name_goes_on() - is there a character of a name?
 */
bool json5_name_goes_on(const struct cfg_reader *reader, const char *at)
{
	uint32_t character;

	return name_character(reader, at, &character) > 0 &&
	       cfg_identifier_part(character);
}

/**
 * json5_name() - a member's name without quotes
 * @text: in the tree, with a NUL after @len bytes
 *
 * Return: 0, or -1 with a problem.
 */
int json5_name(struct cfg_reader *reader, const char **text, size_t *len)
{
	const char *end = reader->at;
	uint32_t character;
	char *out;

	if (name_character(reader, end, &character) == 0 ||
	    !cfg_identifier_start(character))
		return cfg_reader_expected(reader, "a name or '}'");
	while (json5_name_goes_on(reader, end))
		end += name_character(reader, end, &character);
	out = cfg_reader_alloc(reader, (size_t)(end - reader->at) + 1);
	if (!out)
		return -1;
	*text = out;
	while (reader->at < end) {
		reader->at += name_character(reader, reader->at, &character);
		out += cfg_utf8_put(out, character);
	}
	*len = (size_t)(out - *text);
	return 0;
}
