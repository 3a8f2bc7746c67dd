// SPDX-License-Identifier: Apache-2.0
/*
 * Values of --workspace, --bind and --tmpfs.  What may be mounted where is
 * decided by the controller and the helper; this only takes the text apart.
 */
#include <config.h>

#include "controller/cli/parse.h"

#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"
#include "proto/wire.h"

/**
 * cli_parse_target_path() - a path inside the sandbox
 *
 * Absolute, without "..", not the root itself.
 */
int cli_parse_target_path(const char *text, struct err *err)
{
	size_t len = strlen(text);

	if (text[0] != '/')
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "the path inside is not absolute");
	if (len > WIRE_PATH_MAX_BYTES - 1)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "the path inside is longer than %d bytes",
			       WIRE_PATH_MAX_BYTES - 1);
	if (strspn(text, "/") == len)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "the path inside is the root itself");
	for (const char *at = text; *at; at += strcspn(at, "/")) {
		at += strspn(at, "/");
		if (!strncmp(at, "..", 2) && (at[2] == '/' || !at[2]))
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "the path inside has a \"..\"");
	}
	return 0;
}

/* Length without a trailing :ro or :rw. */
static size_t cut_mode(const char *text, bool *readonly)
{
	size_t len = strlen(text);

	*readonly = false;
	if (len >= 3 && (!strcmp(text + len - 3, ":ro") ||
			 !strcmp(text + len - 3, ":rw"))) {
		*readonly = text[len - 1] == 'o';
		return len - 3;
	}
	return len;
}

/**
 * cli_parse_workspace() - DIR[:ro|rw]
 */
int cli_parse_workspace(const char *text, struct cli_place *place,
			struct err *err)
{
	size_t len;

	*place = (struct cli_place){ .source = NULL };
	len = cut_mode(text, &place->readonly);
	if (len == 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "no directory in DIR[:ro|rw]");
	place->source = strndup(text, len);
	if (!place->source)
		return err_set(err, ERR_KERNEL, ENOMEM, "workspace");
	return 0;
}

/**
 * cli_parse_bind() - SRC:DST[:ro|rw]
 *
 * DST begins at the last ":/", so that a source may hold a colon.
 */
int cli_parse_bind(const char *text, struct cli_place *place, struct err *err)
{
	const char *colon = NULL;
	size_t len;

	*place = (struct cli_place){ .source = NULL };
	len = cut_mode(text, &place->readonly);
	for (size_t i = 1; i + 1 < len; i++)
		if (text[i] == ':' && text[i + 1] == '/')
			colon = text + i;
	if (!colon) {
		const char *any = memchr(text, ':', len);

		if (any && any > text && any + 1 < text + len)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "the path inside is not absolute");
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "not SRC:DST[:ro|rw]");
	}
	place->source = strndup(text, (size_t)(colon - text));
	place->target = strndup(colon + 1, len - (size_t)(colon + 1 - text));
	if (!place->source || !place->target)
		return err_set(err, ERR_KERNEL, ENOMEM, "bind");
	return cli_parse_target_path(place->target, err);
}

/**
 * cli_parse_host() - NAME:ADDRESS, or NAME=ADDRESS
 * @place: source is the name, target the address; the controller judges both
 */
int cli_parse_host(const char *text, struct cli_place *place, struct err *err)
{
	size_t len = strcspn(text, ":=");

	*place = (struct cli_place){ .source = NULL };
	if (len == 0 || !text[len] || !text[len + 1])
		return err_set(err, ERR_BAD_REQUEST, 0, "not NAME:ADDRESS");
	place->source = strndup(text, len);
	place->target = strdup(text + len + 1);
	if (!place->source || !place->target)
		return err_set(err, ERR_KERNEL, ENOMEM, "host");
	return 0;
}

/**
 * cli_place_fini() - release; idempotent
 */
void cli_place_fini(struct cli_place *place)
{
	ptr_free(&place->source);
	ptr_free(&place->target);
}

static int parse_mode(const char *text, uint32_t *mode, struct err *err)
{
	uint32_t value = 0;

	if (!*text || strlen(text) > 5 || strspn(text, "01234567") != strlen(text))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "not a mode such as mode=0755");
	for (; *text; text++)
		value = value * 8 + (uint32_t)(*text - '0');
	/* 0 means "the default" on the wire, and is of no use. */
	if (value == 0 || value > 01777)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "a mode is between 1 and 1777");
	*mode = value;
	return 0;
}

static int parse_tmpfs_option(char *option, struct cli_tmpfs *tmpfs,
			      struct err *err)
{
	if (!strncmp(option, "size=", 5))
		return cli_parse_size(option + 5, &tmpfs->size, err);
	if (!strncmp(option, "mode=", 5))
		return parse_mode(option + 5, &tmpfs->mode, err);
	if (!strcmp(option, "noexec") || !strcmp(option, "exec")) {
		tmpfs->noexec = option[0] == 'n';
		return 0;
	}
	/* As they always are: a line of Docker's may say so. */
	if (!strcmp(option, "rw") || !strcmp(option, "nosuid") ||
	    !strcmp(option, "nodev"))
		return 0;
	return err_set(err, ERR_BAD_REQUEST, 0,
		       "only size=, mode=, exec and noexec can be set");
}

/**
 * cli_parse_tmpfs() - PATH[:OPTION,...]
 */
int cli_parse_tmpfs(const char *text, struct cli_tmpfs *tmpfs, struct err *err)
{
	const char *colon = strchr(text, ':');
	auto_free char *rest = NULL;
	char *saved = NULL;

	*tmpfs = (struct cli_tmpfs){ .target = NULL };
	tmpfs->target = strndup(text, colon ? (size_t)(colon - text)
					    : strlen(text));
	rest = strdup(colon ? colon + 1 : "");
	if (!tmpfs->target || !rest)
		return err_set(err, ERR_KERNEL, ENOMEM, "tmpfs");
	if (cli_parse_target_path(tmpfs->target, err))
		return -1;
	if (colon && !*rest)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "nothing after the colon");
	for (char *option = strtok_r(rest, ",", &saved); option;
	     option = strtok_r(NULL, ",", &saved))
		if (parse_tmpfs_option(option, tmpfs, err))
			return -1;
	return 0;
}

/**
 * cli_tmpfs_fini() - release; idempotent
 */
void cli_tmpfs_fini(struct cli_tmpfs *tmpfs)
{
	ptr_free(&tmpfs->target);
}
