// SPDX-License-Identifier: Apache-2.0
/*
 * Names.  A sandbox's name is a name that a person chose or a session key,
 * kept as it was written; whatever becomes part of a path is a slug.
 */
#include <config.h>

#include "controller/core/name.h"

#include <stdio.h>
#include <string.h>

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

/**
 * ctl_name_slug() - what a name is called in a path
 * @slug: see pol_slug()
 */
void ctl_name_slug(const char *key, char slug[CTL_SLUG_BYTES])
{
	pol_slug(key, slug);
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
