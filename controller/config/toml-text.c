// SPDX-License-Identifier: Apache-2.0
/*
 * TOML: what is between values.
 */
#include <config.h>

#include "controller/config/toml.h"

/**
 * toml_space() - pass spaces and tabs
 */
void toml_space(struct cfg_reader *reader)
{
	while (reader->at < reader->end &&
	       (*reader->at == ' ' || *reader->at == '\t'))
		reader->at++;
}

/**
 * toml_newline() - pass LF or CR LF
 *
 * Return: was there one?
 */
bool toml_newline(struct cfg_reader *reader)
{
	const char *at = reader->at;

	if (at < reader->end && *at == '\r')
		at++;
	if (at == reader->end || *at != '\n')
		return false;
	reader->at = at + 1;
	return true;
}

/**
 * toml_is_control() - a control character other than a tab?
 */
bool toml_is_control(char byte)
{
	return ((unsigned char)byte < 0x20 && byte != '\t') || byte == 0x7f;
}

/**
 * toml_comment() - pass a comment, if there is one, but not its line's end
 *
 * Return: 0, or -1 with a problem.
 */
int toml_comment(struct cfg_reader *reader)
{
	if (reader->at == reader->end || *reader->at != '#')
		return 0;
	while (reader->at < reader->end && *reader->at != '\n') {
		bool crlf = *reader->at == '\r' &&
			    reader->end - reader->at >= 2 &&
			    reader->at[1] == '\n';

		if (crlf)
			break;
		if (toml_is_control(*reader->at))
			return cfg_reader_fail(
				reader, reader->at,
				"a comment holds the control character U+%04X",
				(unsigned int)(unsigned char)*reader->at);
		reader->at++;
	}
	return 0;
}

/**
 * toml_skip_lines() - pass space, comments and ends of lines
 *
 * Return: 0, or -1 with a problem.
 */
int toml_skip_lines(struct cfg_reader *reader)
{
	do {
		toml_space(reader);
		if (toml_comment(reader) < 0)
			return -1;
	} while (toml_newline(reader));
	return 0;
}
