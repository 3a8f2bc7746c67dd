// SPDX-License-Identifier: Apache-2.0
/*
 * Places and errors of both parsers.  Lines are counted when a place is asked
 * for, from the last one on: each byte is looked at once, unless an error
 * lies further back.
 */
#include <config.h>

#include "controller/config/reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "controller/config/utf8.h"

static void restart(struct cfg_reader *reader)
{
	reader->mark = reader->text;
	reader->mark_pos.file = reader->file;
	reader->mark_pos.line = 1;
	reader->mark_pos.column = 1;
	/* A byte order mark is no character of the first line. */
	if (reader->end - reader->text >= 3 &&
	    memcmp(reader->text, "\xef\xbb\xbf", 3) == 0)
		reader->mark += 3;
}

/**
 * cfg_reader_start() - begin with a text
 * @reader: with its text, end, tree, problems and file
 *
 * Return: 0, or -1 with a problem.
 */
int cfg_reader_start(struct cfg_reader *reader)
{
	struct cfg_pos whole = { .file = reader->file };
	size_t len = (size_t)(reader->end - reader->text);
	size_t valid;

	restart(reader);
	reader->at = reader->mark;
	if (len > CFG_MAX_FILE_BYTES)
		return cfg_problem_add(
			reader->problems, &whole,
			"expected at most %u MiB, found %zu bytes",
			CFG_MAX_FILE_BYTES >> 20, len);
	valid = cfg_utf8_valid(reader->text, len);
	if (valid < len)
		return cfg_reader_fail(reader, reader->text + valid,
				       "expected UTF-8, found the byte 0x%02x",
				       (unsigned char)reader->text[valid]);
	return 0;
}

/**
 * cfg_reader_pos() - line and column of a place
 *
 * A line ends with LF, CR LF or CR.
 */
struct cfg_pos cfg_reader_pos(struct cfg_reader *reader, const char *at)
{
	struct cfg_pos *pos = &reader->mark_pos;

	if (at < reader->mark)
		restart(reader);
	for (; reader->mark < at; reader->mark++) {
		const char *byte = reader->mark;
		bool crlf = *byte == '\r' && byte + 1 < reader->end &&
			    byte[1] == '\n';

		if (*byte == '\n' || (*byte == '\r' && !crlf)) {
			pos->line++;
			pos->column = 1;
		} else if (((unsigned char)*byte & 0xc0) != 0x80) {
			pos->column++;
		}
	}
	return *pos;
}

/**
 * cfg_reader_found() - what stands there, for messages
 *
 * Return: borrowed, until the next call.
 */
const char *cfg_reader_found(struct cfg_reader *reader, const char *at)
{
	uint32_t character;

	if (at >= reader->end)
		return "the end of the file";
	if (*at == '\n' || *at == '\r')
		return "the end of the line";
	if (*at > 0x20 && *at < 0x7f) {
		(void)snprintf(reader->found, sizeof(reader->found), "'%c'",
			       *at);
		return reader->found;
	}
	if (*at == ' ')
		return "a space";
	(void)cfg_utf8_get(at, &character);
	(void)snprintf(reader->found, sizeof(reader->found), "U+%04X",
		       (unsigned int)character);
	return reader->found;
}

/**
 * cfg_reader_fail() - the text is wrong there
 *
 * Return: -1.
 */
int cfg_reader_fail(struct cfg_reader *reader, const char *at, const char *fmt,
		    ...)
{
	struct cfg_pos pos = cfg_reader_pos(reader, at);
	char text[CFG_PROBLEM_BYTES];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return cfg_problem_add(reader->problems, &pos, "%s", text);
}

/**
 * cfg_reader_expected() - the text is wrong where the reader is
 *
 * Return: -1.
 */
int cfg_reader_expected(struct cfg_reader *reader, const char *what)
{
	return cfg_reader_fail(reader, reader->at, "expected %s, found %s",
			       what, cfg_reader_found(reader, reader->at));
}

/**
 * cfg_reader_node() - a node with its place
 *
 * Return: NULL, with a problem, where it is one too many.
 */
struct cfg_node *cfg_reader_node(struct cfg_reader *reader, enum cfg_type type,
				 const char *at)
{
	struct cfg_node *node = cfg_node_new(reader->tree, type);

	if (node) {
		node->pos = cfg_reader_pos(reader, at);
		return node;
	}
	if (cfg_tree_is_full(reader->tree))
		(void)cfg_reader_fail(reader, at, "more than %d values",
				      CFG_MAX_NODES);
	else
		(void)cfg_reader_fail(reader, at, "out of memory");
	return NULL;
}

/**
 * cfg_reader_alloc() - memory of the tree
 *
 * Return: zeroed; NULL with a problem.
 */
char *cfg_reader_alloc(struct cfg_reader *reader, size_t bytes)
{
	char *got = cfg_tree_alloc(reader->tree, bytes);

	if (!got)
		(void)cfg_reader_fail(reader, reader->at, "out of memory");
	return got;
}

static int digit(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	if (byte >= 'A' && byte <= 'F')
		return byte - 'A' + 10;
	return -1;
}

/**
 * cfg_reader_hex() - a number of so many hexadecimal digits, at most 8
 *
 * Return: false where there are fewer.
 */
bool cfg_reader_hex(const struct cfg_reader *reader, const char *at,
		    size_t digits, uint32_t *value)
{
	uint32_t got = 0;

	if ((size_t)(reader->end - at) < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		int value_of = digit(at[i]);

		if (value_of < 0)
			return false;
		got = got << 4 | (uint32_t)value_of;
	}
	*value = got;
	return true;
}
