// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes of whatever kind as text that JSON can hold.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/config/utf8.h"
#include "controller/tools/tool.h"

static const char unknown[] = "\xef\xbf\xbd"; /* U+FFFD */

static size_t replaced_length(const char *bytes, size_t len)
{
	size_t total = 0;

	for (size_t at = 0; at < len;) {
		size_t run = cfg_utf8_valid(bytes + at, len - at);

		total += run;
		at += run;
		if (at < len) {
			total += sizeof(unknown) - 1;
			at++;
		}
	}
	return total;
}

/**
 * tool_utf8() - bytes as UTF-8
 * @out_len: filled; the text has a NUL after it, and may have some within
 *
 * Each byte that is none of it becomes U+FFFD.
 *
 * Return: owned, or NULL without memory.
 */
char *tool_utf8(const char *bytes, size_t len, size_t *out_len)
{
	char *text = malloc(replaced_length(bytes, len) + 1);
	char *to = text;

	if (!text)
		return NULL;
	for (size_t at = 0; at < len;) {
		size_t run = cfg_utf8_valid(bytes + at, len - at);

		memcpy(to, bytes + at, run);
		to += run;
		at += run;
		if (at < len) {
			memcpy(to, unknown, sizeof(unknown) - 1);
			to += sizeof(unknown) - 1;
			at++;
		}
	}
	*to = '\0';
	*out_len = (size_t)(to - text);
	return text;
}
