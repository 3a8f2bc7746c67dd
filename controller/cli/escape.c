// SPDX-License-Identifier: Apache-2.0
/*
 * Text from elsewhere, made harmless for a terminal: a sandbox chooses its
 * file names, a peer its messages.  Printable ASCII passes; valid UTF-8 passes
 * where the terminal is said to know it, but for controls and for what turns
 * or hides the text around it.
 */
#include <config.h>

#include "controller/cli/report.h"

#include <stdlib.h>
#include <string.h>

/* Decodes one sequence; 0 for an invalid one, else its length. */
static size_t utf8_decode(const unsigned char *at, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len;

	if (at[0] < 0x80) {
		*code = at[0];
		return 1;
	}
	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		len = 2;
	else if ((at[0] & 0xf0) == 0xe0)
		len = 3;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		len = 4;
	else
		return 0;
	*code = at[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (at[i] & 0x3fu);
	}
	if (*code < least[len] || *code > 0x10ffff ||
	    (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return len;
}

/**
 * cli_char_is_harmful() - could a character steer a terminal, or hide or turn
 * the text around it?
 *
 * Controls, line and paragraph separators, bidirectional marks, tags.
 */
bool cli_char_is_harmful(uint32_t code)
{
	static const uint32_t ranges[][2] = {
		{ 0x00, 0x1f },	    { 0x7f, 0x9f },	{ 0xad, 0xad },
		{ 0x061c, 0x061c }, { 0x180e, 0x180e }, { 0x200b, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
		{ 0xfff0, 0xffff }, { 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i][0] && code <= ranges[i][1])
			return true;
	return false;
}

/**
 * cli_escape() - a printable copy
 * @text: any bytes up to a NUL; NULL is read as ""
 * @utf8: let harmless UTF-8 pass; else every byte above 0x7e is escaped
 *
 * A byte that is escaped becomes \xNN.  Return: to be freed, or NULL without
 * memory.
 */
char *cli_escape(const char *text, bool utf8)
{
	const unsigned char *at = (const unsigned char *)(text ? text : "");
	char *copy = malloc(strlen((const char *)at) * 4 + 1);
	char *to = copy;

	while (copy && *at) {
		uint32_t code = 0;
		size_t len = utf8_decode(at, &code);

		if (len > 0 && !cli_char_is_harmful(code) &&
		    (utf8 || len == 1)) {
			memcpy(to, at, len);
			to += len;
			at += len;
			continue;
		}
		for (size_t left = len ? len : 1; left > 0; left--) {
			(void)snprintf(to, 5, "\\x%02x", *at++);
			to += 4;
		}
	}
	if (copy)
		*to = '\0';
	return copy;
}

/**
 * cli_locale_is_utf8() - whether the terminal is said to show UTF-8
 *
 * Reads the variables that setlocale(3) reads, without loading a locale.
 */
bool cli_locale_is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return strcasestr(value, "utf-8") ||
			       strcasestr(value, "utf8");
	}
	return false;
}
