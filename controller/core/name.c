// SPDX-License-Identifier: Apache-2.0
/*
 * Names.  A sandbox's name is a name that a person chose or a session key,
 * kept as it was written; whatever becomes part of a path is a slug.
 */
#include <config.h>

#include "controller/core/name.h"

#include <stdio.h>
#include <string.h>

#include <nettle/sha1.h>

#define SLUG_HEAD_BYTES 32

/**
 * ctl_name_check() - may a sandbox be called this?
 *
 * Return: 0 or -1 with BAD_REQUEST. The text never quotes the name, which may
 * hold anything.
 */
int ctl_name_check(const char *name, struct err *err)
{
	size_t len = strnlen(name, CTL_NAME_MAX_BYTES + 1);

	if (len == 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "name of a sandbox: it is empty");
	if (len > CTL_NAME_MAX_BYTES)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "name of a sandbox: longer than %d bytes",
			       CTL_NAME_MAX_BYTES);
	if (name[0] == '-')
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "name of a sandbox: it begins with a dash");
	for (size_t i = 0; i < len; i++)
		if (name[i] <= 0x20 || name[i] >= 0x7f)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "name of a sandbox: byte %zu is no printable ASCII character",
				       i + 1);
	return 0;
}

static char slug_char(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
	    c == '_' || c == '-')
		return c;
	return '-';
}

/* Trims in place, returns the new beginning. */
static char *trim_dashes(char *text)
{
	size_t len;

	while (*text == '-')
		text++;
	len = strlen(text);
	while (len > 0 && text[len - 1] == '-')
		text[--len] = '\0';
	return text;
}

/**
 * ctl_name_slug() - what a session key is called in a path
 * @key:  at most CTL_NAME_MAX_BYTES are looked at; surrounding blanks are not
 *        part of it
 * @slug: lower case [a-z0-9._-], 32 characters at most, a dash, the first 8
 *        digits of the key's SHA-1: never "." or "..", never empty
 */
void ctl_name_slug(const char *key, char slug[CTL_SLUG_BYTES])
{
	uint8_t digest[SHA1_DIGEST_SIZE];
	char text[CTL_NAME_MAX_BYTES + 1];
	struct sha1_ctx sha1;
	const char *head;
	size_t len;

	while (*key == ' ' || *key == '\t')
		key++;
	len = strnlen(key, CTL_NAME_MAX_BYTES);
	while (len > 0 && (key[len - 1] == ' ' || key[len - 1] == '\t'))
		len--;
	sha1_init(&sha1);
	sha1_update(&sha1, len, (const uint8_t *)key);
	sha1_digest(&sha1, sizeof(digest), digest);
	for (size_t i = 0; i < len; i++)
		text[i] = slug_char(key[i]);
	text[len] = '\0';
	head = trim_dashes(text);
	if (*head == '\0')
		head = "session";
	(void)snprintf(slug, CTL_SLUG_BYTES, "%.*s-%02x%02x%02x%02x",
		       SLUG_HEAD_BYTES, head, digest[0], digest[1], digest[2],
		       digest[3]);
}

/**
 * ctl_name_hex() - an id as people see it
 */
void ctl_name_hex(const uint8_t id[WIRE_ID_BYTES], char hex[CTL_HEX_BYTES])
{
	for (size_t i = 0; i < WIRE_ID_BYTES; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", id[i]);
}

/**
 * ctl_name_is_hex_prefix() - can this be the beginning of an id?
 */
bool ctl_name_is_hex_prefix(const char *text)
{
	size_t len = strspn(text, "0123456789abcdef");

	return text[len] == '\0' && len >= CTL_HEX_PREFIX_MIN &&
	       len < CTL_HEX_BYTES;
}
