// SPDX-License-Identifier: Apache-2.0
/*
 * Names of images are Docker's: [REGISTRY[:PORT]/]REPOSITORY[:TAG], where the
 * tag is "latest" unless one is given.  The grammar has neither '+' nor '@', so
 * that a name can be that of a folder, and no other name can be the same one.
 */
#include <config.h>

#include "controller/image/store.h"

#include <stdio.h>
#include <string.h>

#define TAG_MAX_BYTES 128
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool in_set(char c, const char *set)
{
	return c && strchr(set, c);
}

/* Letters and digits, between them one of . _ __ or dashes. */
static bool is_part(const char *text, size_t len)
{
	static const char plain[] = LOWER DIGITS;

	if (len == 0 || !in_set(text[0], plain) ||
	    !in_set(text[len - 1], plain))
		return false;
	for (size_t i = 1; i < len; i++) {
		char c = text[i];

		if (!in_set(c, LOWER DIGITS "._-"))
			return false;
		if (c == '.' && !in_set(text[i - 1], plain))
			return false;
		if (c == '_' && !in_set(text[i - 1], plain) &&
		    (text[i - 1] != '_' || (i > 1 && text[i - 2] == '_')))
			return false;
		if (c == '-' && !in_set(text[i - 1], LOWER DIGITS "-"))
			return false;
	}
	return true;
}

static bool is_host(const char *text, size_t len)
{
	static const char plain[] = LOWER UPPER DIGITS;

	for (size_t i = 0; i < len; i++) {
		bool edge = i == 0 || i == len - 1 || text[i - 1] == '.' ||
			    text[i + 1] == '.';

		if (!in_set(text[i], LOWER UPPER DIGITS ".-") ||
		    (edge && text[i] != '.' && !in_set(text[i], plain)) ||
		    (text[i] == '.' && (i == 0 || i == len - 1 ||
					text[i - 1] == '.')))
			return false;
	}
	return len > 0;
}

/* The length of "REGISTRY/", 0 where there is none. */
static size_t registry_length(const char *text)
{
	size_t len = strcspn(text, "/");
	const char *colon = memchr(text, ':', len);
	size_t host = colon ? (size_t)(colon - text) : len;
	size_t port = colon ? len - host - 1 : 0;

	if (text[len] != '/')
		return 0;
	/* As docker(1) does: a first part without these is no registry. */
	if (!colon && !memchr(text, '.', len) &&
	    (len != 9 || memcmp(text, "localhost", 9) != 0))
		return 0;
	if (!is_host(text, host) ||
	    (colon && (port == 0 || port > 5 ||
		       strspn(colon + 1, DIGITS) != port)))
		return 0;
	return len + 1;
}

static bool is_tag(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= TAG_MAX_BYTES && text[0] != '.' &&
	       text[0] != '-' &&
	       strspn(text, LOWER UPPER DIGITS "_.-") == len;
}

static bool is_repository(const char *text, size_t len)
{
	while (len > 0) {
		const char *slash = memchr(text, '/', len);
		size_t part = slash ? (size_t)(slash - text) : len;

		if (!is_part(text, part))
			return false;
		if (!slash)
			return true;
		text += part + 1;
		len -= part + 1;
	}
	return false;
}

/**
 * img_name_parse() - what an image is called
 * @text: as it was written; never quoted in @err
 * @name: filled, with a tag
 *
 * Return: 0 or -1 with BAD_REQUEST.
 */
int img_name_parse(const char *text, char name[IMG_NAME_BYTES],
		   struct err *err)
{
	size_t len = strnlen(text, IMG_NAME_BYTES);
	size_t registry, end;

	if (len == 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "name of an image: it is empty");
	if (memchr(text, '@', len))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "name of an image: a digest is no part of it");
	if (len > IMG_NAME_MAX_BYTES - strlen(":latest"))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "name of an image: longer than %zu bytes",
			       IMG_NAME_MAX_BYTES - strlen(":latest"));
	registry = registry_length(text);
	end = registry + strcspn(text + registry, ":");
	if (!is_repository(text + registry, end - registry) ||
	    (text[end] && !is_tag(text + end + 1)))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "name of an image: not [REGISTRY/]REPOSITORY[:TAG]");
	(void)snprintf(name, IMG_NAME_BYTES, "%s%s", text,
		       text[end] ? "" : ":latest");
	return 0;
}

/**
 * img_name_is_path() - does it name a directory, whatever there is?
 */
bool img_name_is_path(const char *text)
{
	if (text[0] == '/')
		return true;
	if (text[0] != '.')
		return false;
	text += text[1] == '.' ? 2 : 1;
	return text[0] == '\0' || text[0] == '/';
}

/**
 * img_name_is_default() - one of the names that configurations have where
 * nobody chose an image? Not in the store they mean the host image.
 */
bool img_name_is_default(const char *text)
{
	static const char *const makers[] = { "openclaw", "moltbot",
					      "clawdbot" };
	static const char *const kinds[] = { "-sandbox", "-sandbox-browser" };
	char want[IMG_NAME_BYTES];

	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			(void)snprintf(want, sizeof(want), "%s%s:bookworm-slim",
				       makers[i], kinds[k]);
			if (!strcmp(text, want))
				return true;
		}
	return false;
}

static void translate(const char *from, char *to, const char *old,
		      const char *new)
{
	size_t i;

	for (i = 0; i < IMG_NAME_MAX_BYTES && from[i]; i++) {
		const char *at = strchr(old, from[i]);

		to[i] = at ? new[at - old] : from[i];
	}
	to[i] = '\0';
}

/**
 * img_name_encode() - the folder of an image
 * @name: from img_name_parse()
 */
void img_name_encode(const char *name, char folder[IMG_NAME_BYTES])
{
	translate(name, folder, "/:", "+@");
}

/**
 * img_name_decode() - the image of a folder
 *
 * Return: 0, or -1 for one that no name encodes to.
 */
int img_name_decode(const char *folder, char name[IMG_NAME_BYTES])
{
	char text[IMG_NAME_BYTES];
	struct err ignored = ERR_INIT;

	if (strlen(folder) > IMG_NAME_MAX_BYTES || strpbrk(folder, "/:"))
		return -1;
	translate(folder, text, "+@", "/:");
	/* Longer is a name that had its tag added. */
	if (!strchr(folder, '@') || img_name_is_path(text))
		return -1;
	if (strlen(text) > IMG_NAME_MAX_BYTES - strlen(":latest"))
		return -1;
	return img_name_parse(text, name, &ignored) == 0 &&
			       strcmp(name, text) == 0 ?
		       0 :
		       -1;
}
