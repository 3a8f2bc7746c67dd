// SPDX-License-Identifier: Apache-2.0
/*
 * UTF-8 as of RFC 3629: no surrogates, no overlong forms.
 */
#include <config.h>

#include "controller/config/utf8.h"

#include <string.h>

/**
 * cfg_utf8_is_scalar() - can a text hold this character?
 */
bool cfg_utf8_is_scalar(uint32_t character)
{
	return character < 0xd800 ||
	       (character > 0xdfff && character <= 0x10ffff);
}

/* How many bytes the character has that begins with this one; 0: none does. */
static size_t length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	if (first >= 0xf0 && first < 0xf5)
		return 4;
	return 0;
}

/* The least character that needs so many bytes. */
static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

/* The length of the character there; 0: it is none. */
static size_t valid(const unsigned char *at, size_t len)
{
	size_t n = length(at[0]);
	uint32_t character;

	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	(void)cfg_utf8_get((const char *)at, &character);
	if (character < least[n] || !cfg_utf8_is_scalar(character))
		return 0;
	return n;
}

/* How many bytes there are plain ASCII, in steps of eight. */
static size_t plain(const char *text, size_t len)
{
	size_t at = 0;
	uint64_t word;

	for (; len - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, text + at, sizeof(word));
		if (word & UINT64_C(0x8080808080808080))
			break;
	}
	return at;
}

/**
 * cfg_utf8_valid() - how much of a text is UTF-8
 *
 * Return: @len, or the place of the first byte that is not.
 */
size_t cfg_utf8_valid(const char *text, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t at = plain(text, len);

	while (at < len) {
		size_t n = bytes[at] < 0x80 ? 1 : valid(bytes + at, len - at);

		if (n == 0)
			break;
		at += n;
	}
	return at;
}

/**
 * cfg_utf8_get() - one character
 * @at: within text that is valid
 *
 * Return: its length in bytes, 1 to 4.
 */
size_t cfg_utf8_get(const char *at, uint32_t *character)
{
	const unsigned char *bytes = (const unsigned char *)at;
	size_t n = length(bytes[0]);
	uint32_t got = bytes[0];

	if (n > 1)
		got &= 0x7fU >> n;
	for (size_t i = 1; i < n; i++)
		got = got << 6 | (bytes[i] & 0x3fU);
	*character = got;
	return n ? n : 1;
}

/**
 * cfg_utf8_put() - write one character
 * @at: room for 4 bytes
 *
 * Return: how many were written.
 */
size_t cfg_utf8_put(char *at, uint32_t character)
{
	static const unsigned char heads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = 1;

	if (character < 0x80) {
		at[0] = (char)character;
		return 1;
	}
	while (n < 4 && character >= least[n + 1])
		n++;
	for (size_t i = n - 1; i > 0; i--) {
		at[i] = (char)(0x80 | (character & 0x3f));
		character >>= 6;
	}
	at[0] = (char)(heads[n] | character);
	return n;
}
