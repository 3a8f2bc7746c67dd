// SPDX-License-Identifier: Apache-2.0
/*
 * TOML: the four kinds of strings.
 */
#include <config.h>

#include "controller/config/toml.h"

#include "controller/config/utf8.h"

struct string {
	char quote;
	bool literal; /* no escapes */
	bool multi; /* of several lines */
};

static size_t count_quotes(const struct cfg_reader *in, const char *at,
			   char quote)
{
	size_t count = 0;

	/* Two that belong to the text, three that end it. */
	while (count < 5 && at + count < in->end && at[count] == quote)
		count++;
	return count;
}

static const char *no_end(struct cfg_reader *in, const char *at,
			  const struct string *string)
{
	struct cfg_pos start = cfg_reader_pos(in, in->at);

	(void)cfg_reader_fail(in, at,
			      "expected %.*s, which ends the string that "
			      "begins in line %u, found %s",
			      string->multi ? 3 : 1,
			      string->quote == '"' ? "\"\"\"" : "'''",
			      start.line, cfg_reader_found(in, at));
	return NULL;
}

/* Can this byte be in the string as it is? */
static bool allowed(const struct cfg_reader *in, const char *at,
		    const struct string *string)
{
	if (*at == '\n')
		return string->multi;
	if (*at == '\r')
		return string->multi && in->end - at >= 2 && at[1] == '\n';
	return !toml_is_control(*at);
}

/* Where the string ends that begins at @at, after its first quotes. */
static const char *find_end(struct cfg_reader *in, const char *at,
			    const struct string *string)
{
	while (at < in->end) {
		size_t quotes = count_quotes(in, at, string->quote);

		if (quotes > 0 && !string->multi)
			return at;
		if (quotes >= 3)
			return at + quotes - 3;
		at += quotes;
		if (at == in->end)
			break;
		if (quotes > 0)
			continue;
		if (*at == '\n' && !string->multi)
			break;
		if (!allowed(in, at, string)) {
			(void)cfg_reader_fail(in, at,
					      "a string holds the control "
					      "character U+%04X",
					      (unsigned int)(unsigned char)*at);
			return NULL;
		}
		if (*at == '\\' && !string->literal && in->end - at >= 2 &&
		    (at[1] == '\\' || at[1] == '"'))
			at++;
		at++;
	}
	return no_end(in, at, string);
}

/* "\" at the end of a line: what follows up to the next text is passed. */
static bool take_line_end(struct cfg_reader *in)
{
	struct cfg_reader ahead = *in;

	ahead.at++;
	toml_space(&ahead);
	if (!toml_newline(&ahead))
		return false;
	do
		toml_space(&ahead);
	while (toml_newline(&ahead));
	in->at = ahead.at;
	return true;
}

static int simple_escape(char letter)
{
	switch (letter) {
	case 'b':
		return '\b';
	case 't':
		return '\t';
	case 'n':
		return '\n';
	case 'f':
		return '\f';
	case 'r':
		return '\r';
	case '"':
	case '\\':
		return letter;
	default:
		return -1;
	}
}

/* At a backslash.  Writes what it and what follows stand for. */
static int read_escape(struct cfg_reader *in, char **out)
{
	char letter = in->at + 1 < in->end ? in->at[1] : '\0';
	size_t digits = letter == 'U' ? 8 : 4;
	uint32_t character;

	if (simple_escape(letter) >= 0) {
		*(*out)++ = (char)simple_escape(letter);
		in->at += 2;
		return 0;
	}
	if (letter != 'u' && letter != 'U')
		return cfg_reader_fail(in, in->at,
				       "expected one of b t n f r \" \\ u U "
				       "after '\\', found %s",
				       cfg_reader_found(in, in->at + 1));
	if (!cfg_reader_hex(in, in->at + 2, digits, &character))
		return cfg_reader_fail(in, in->at,
				       "expected %zu hexadecimal digits after "
				       "\\%c",
				       digits, letter);
	if (!cfg_utf8_is_scalar(character))
		return cfg_reader_fail(in, in->at, "U+%04X is no character",
				       (unsigned int)character);
	*out += cfg_utf8_put(*out, character);
	in->at += 2 + digits;
	return 0;
}

static int decode(struct cfg_reader *in, const char *end,
		  const struct string *string, char **out)
{
	while (in->at < end) {
		/* A line ends as lines do here, wherever it was written. */
		if (*in->at == '\r')
			in->at++;
		else if (*in->at != '\\' || string->literal)
			*(*out)++ = *in->at++;
		else if (string->multi && take_line_end(in))
			continue;
		else if (read_escape(in, out) < 0)
			return -1;
	}
	return 0;
}

/**
 * toml_string() - a string of any kind, from quote to quote
 * @text: in the tree, with a NUL after @len bytes, of which any may be one
 *
 * Return: 0, or -1 with a problem.
 */
int toml_string(struct cfg_reader *reader, const char **text, size_t *len)
{
	struct string string = { .quote = *reader->at };
	const char *end;
	char *start, *out;

	string.literal = string.quote == '\'';
	string.multi = count_quotes(reader, reader->at, string.quote) >= 3;
	end = find_end(reader, reader->at + (string.multi ? 3 : 1), &string);
	if (!end)
		return -1;
	/* No escape stands for more bytes than it has. */
	start = cfg_reader_alloc(reader, (size_t)(end - reader->at));
	if (!start)
		return -1;
	out = start;
	reader->at += string.multi ? 3 : 1;
	if (string.multi)
		(void)toml_newline(reader);
	if (decode(reader, end, &string, &out) < 0)
		return -1;
	reader->at = end + (string.multi ? 3 : 1);
	*text = start;
	*len = (size_t)(out - start);
	return 0;
}
