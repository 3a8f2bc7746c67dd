// SPDX-License-Identifier: Apache-2.0
/*
 * Percent-encoding as RFC 3986 has it, and what names of files tell.
 */
#include <config.h>

#include "controller/tools/uri.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/cleanup.h"

static int is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("-._~/", c));
}

/**
 * uri_encode() - bytes of a path behind a prefix
 */
char *uri_encode(const char *prefix, const char *path)
{
	static const char digits[] = "0123456789ABCDEF";
	char *text = malloc(strlen(prefix) + 3 * strlen(path) + 1), *to;

	if (!text)
		return NULL;
	to = stpcpy(text, prefix);
	for (; *path; path++) {
		const unsigned char c = (unsigned char)*path;

		if (is_plain(*path)) {
			*to++ = *path;
			continue;
		}
		*to++ = '%';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	*to = '\0';
	return text;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/**
 * uri_decode() - the bytes again
 *
 * Return: owned; NULL with errno: EINVAL for a percent sign without two digits
 * behind it, and for a NUL.
 */
char *uri_decode(const char *text)
{
	auto_free char *path = malloc(strlen(text) + 1);
	char *to = path;

	if (!path) {
		errno = ENOMEM;
		return NULL;
	}
	while (*text) {
		int high, low;

		if (*text != '%') {
			*to++ = *text++;
			continue;
		}
		high = hex(text[1]);
		low = high < 0 ? -1 : hex(text[2]);
		if (low < 0 || (high == 0 && low == 0)) {
			errno = EINVAL;
			return NULL;
		}
		*to++ = (char)(high * 16 + low);
		text += 3;
	}
	*to = '\0';
	return ptr_take(&path);
}

static const struct {
	const char *ending, *type;
} types[] = {
	{ ".c", "text/x-c" },
	{ ".css", "text/css" },
	{ ".csv", "text/csv" },
	{ ".gif", "image/gif" },
	{ ".h", "text/x-c" },
	{ ".htm", "text/html" },
	{ ".html", "text/html" },
	{ ".jpeg", "image/jpeg" },
	{ ".jpg", "image/jpeg" },
	{ ".js", "text/javascript" },
	{ ".json", "application/json" },
	{ ".md", "text/markdown" },
	{ ".pdf", "application/pdf" },
	{ ".png", "image/png" },
	{ ".py", "text/x-python" },
	{ ".sh", "application/x-sh" },
	{ ".svg", "image/svg+xml" },
	{ ".toml", "application/toml" },
	{ ".txt", "text/plain" },
	{ ".webp", "image/webp" },
	{ ".xml", "application/xml" },
	{ ".yaml", "application/yaml" },
	{ ".yml", "application/yaml" },
};

/**
 * uri_mime() - by the ending of a name
 */
const char *uri_mime(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *ending = strrchr(slash ? slash : path, '.');

	for (size_t i = 0; ending && i < sizeof(types) / sizeof(*types); i++)
		if (strcasecmp(types[i].ending, ending) == 0)
			return types[i].type;
	return NULL;
}
