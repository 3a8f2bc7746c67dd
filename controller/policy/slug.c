// SPDX-License-Identifier: Apache-2.0
/*
 * What a session's key is called in a path.
 */
#include <config.h>

#include "controller/policy/key.h"

#include <stdio.h>
#include <string.h>

#include <nettle/sha1.h>

#include "controller/config/utf8.h"

#define SLUG_HEAD_BYTES 32

/**
 * pol_lower() - ASCII in lower case, without the locale's help
 */
char pol_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '-' || c == '.';
}

/**
 * pol_decode() - one character of UTF-8
 *
 * Return: its length, 0: it is none.
 */
size_t pol_decode(const char *at, size_t left, uint32_t *code)
{
	if (cfg_utf8_valid(at, left < 4 ? left : 4) == 0)
		return 0;
	return cfg_utf8_get(at, code);
}

/* What other programs take for blanks around a key, controls aside. */
static bool is_blank(uint32_t code)
{
	return code == ' ' || code == 0xa0 || code == 0x1680 ||
	       (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
	       code == 0x2029 || code == 0x202f || code == 0x205f ||
	       code == 0x3000 || code == 0xfeff;
}

/**
 * pol_trim() - a text without the blanks around it
 * @len: filled
 *
 * What is no UTF-8 is no blank.
 */
const char *pol_trim(const char *text, size_t *len)
{
	const char *limit = text + strlen(text);
	const char *start = limit, *end = limit;
	uint32_t code;

	for (const char *at = text; at < limit;) {
		size_t n = pol_decode(at, (size_t)(limit - at), &code);
		bool blank = n > 0 && (is_blank(code) ||
				       (code >= '\t' && code <= '\r'));

		if (!blank && start == limit)
			start = at;
		at += n > 0 ? n : 1;
		if (!blank)
			end = at;
	}
	*len = (size_t)(end - start);
	return start;
}

/* Copies with runs of what a slug cannot have as one dash, none in front. */
static size_t fold(const char *text, size_t len, char *out, size_t max)
{
	size_t n = 0, kept = 0;
	bool gap = false;

	for (size_t i = 0; i < len; i++) {
		char c = pol_lower(text[i]);

		if (!is_word(c)) {
			gap = true;
			continue;
		}
		if (gap && kept > 0 && n < max)
			out[n++] = '-';
		gap = false;
		if (c == '-' && kept == 0)
			continue;
		kept++;
		if (n < max)
			out[n++] = c;
	}
	return n;
}

/* The length of @text without dashes at its end, or what looks like one. */
static size_t without_tail(const char *text, size_t len)
{
	while (len > 0) {
		char c = pol_lower(text[len - 1]);

		if (c != '-' && is_word(c))
			break;
		len--;
	}
	return len;
}

/**
 * pol_slug() - what a key is called in a path
 * @slug: lower case [a-z0-9._-], 32 characters at most, a dash, the first 8
 *        digits of the key's SHA-1: never "." or "..", never empty
 */
void pol_slug(const char *key, char slug[POL_SLUG_BYTES])
{
	uint8_t digest[SHA1_DIGEST_SIZE];
	char head[SLUG_HEAD_BYTES + 1];
	struct sha1_ctx sha1;
	size_t len, n;

	key = pol_trim(key, &len);
	if (len == 0) {
		key = "session";
		len = strlen(key);
	}
	sha1_init(&sha1);
	sha1_update(&sha1, len, (const uint8_t *)key);
	sha1_digest(&sha1, sizeof(digest), digest);
	n = fold(key, without_tail(key, len), head, SLUG_HEAD_BYTES);
	head[n] = '\0';
	(void)snprintf(slug, POL_SLUG_BYTES, "%s-%02x%02x%02x%02x",
		       n > 0 ? head : "session", digest[0], digest[1],
		       digest[2], digest[3]);
}
