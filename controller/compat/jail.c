// SPDX-License-Identifier: Apache-2.0
/*
 * What a jail shows of the host: paths as text, none of them looked at.
 */
#include <config.h>

#include "controller/compat/jail.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config/tree.h"
#include "proto/cleanup.h"

/**
 * jail_show() - a flag, for messages
 */
void jail_show(const char *word, char *shown, size_t size)
{
	size_t len = strlen(word);

	(void)snprintf(shown, size, "%.*s%s", (int)size - 4, word,
		       len > size - 4 ? "..." : "");
	for (char *at = shown; *at; at++)
		if ((unsigned char)*at < ' ' || (unsigned char)*at > '~')
			*at = '?';
}

/**
 * jail_is_within() - is a path that folder, or below it?
 */
bool jail_is_within(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	if (strcmp(folder, "/") == 0)
		return true;
	return strncmp(path, folder, len) == 0 &&
	       (path[len] == '\0' || path[len] == '/');
}

/* Without double slashes, "." and a slash at the end. */
static bool normalise(char *path)
{
	char *to = path;
	const char *from = path;

	while (*from) {
		size_t len;

		from += strspn(from, "/");
		len = strcspn(from, "/");
		if (len == 2 && from[0] == '.' && from[1] == '.')
			return false;
		if (len > 0 && !(len == 1 && from[0] == '.')) {
			*to++ = '/';
			memmove(to, from, len);
			to += len;
		}
		from += len;
	}
	if (to == path)
		*to++ = '/';
	*to = '\0';
	return true;
}

/**
 * jail_path() - a path as a flag has it
 * @why: filled where it is none
 *
 * Return: in the jail's memory, absolute and normalised; NULL.
 */
const char *jail_path(struct tool_jail *jail, const char *text,
		      const char **why)
{
	static const char macro[] = "${HOME}";
	const char *home = "";
	auto_free char *path = NULL;
	char *kept;

	*why = "not an absolute path";
	if (text[0] == '~' && (text[1] == '\0' || text[1] == '/')) {
		home = jail->home;
		text++;
	} else if (strncmp(text, macro, sizeof(macro) - 1) == 0) {
		home = jail->home;
		text += sizeof(macro) - 1;
	}
	if ((home[0] ? text[0] && text[0] != '/' : text[0] != '/'))
		return NULL;
	*why = "patterns are not understood, only paths";
	if (strpbrk(text, "*?["))
		return NULL;
	*why = "the path is too long";
	if (strlen(home) + strlen(text) >= PATH_MAX)
		return NULL;
	*why = "no memory";
	if (asprintf(&path, "%s%s", home, text) < 0) {
		path = NULL;
		return NULL;
	}
	*why = "there is .. in the path";
	if (!normalise(path))
		return NULL;
	kept = cfg_tree_strndup(jail->mem, path, strlen(path));
	*why = "no memory";
	return kept;
}

static struct jail_place *find(struct tool_jail *jail, const char *path)
{
	for (size_t i = 0; i < jail->n_places; i++)
		if (strcmp(jail->places[i].path, path) == 0)
			return &jail->places[i];
	return NULL;
}

static struct jail_place *place_new(struct tool_jail *jail, const char *path,
				    struct err *err)
{
	struct jail_place *place;

	if (jail->n_places == JAIL_MAX_PLACES) {
		err_set(err, ERR_LIMIT, 0, "more than %d paths",
			JAIL_MAX_PLACES);
		return NULL;
	}
	if (strcmp(path, "/") == 0) {
		err_set(err, ERR_UNSUPPORTED, 0,
			"the root is the image's, not the host's");
		return NULL;
	}
	place = &jail->places[jail->n_places++];
	*place = (struct jail_place){ .path = path };
	return place;
}

/**
 * jail_list_place() - --whitelist: to be read, unless another flag says more
 */
int jail_list_place(struct tool_jail *jail, const char *path, struct err *err)
{
	struct jail_place *place = find(jail, path);

	if (place && place->access == JAIL_ACCESS_NONE)
		return err_set(err, ERR_UNSUPPORTED, 0,
			       "it is on the blacklist, too");
	if (place)
		return 0;
	place = place_new(jail, path, err);
	if (!place)
		return -1;
	place->access = JAIL_ACCESS_READ;
	place->listed = true;
	return 0;
}

/**
 * jail_add_place() - a path, and what may be done with it
 */
int jail_add_place(struct tool_jail *jail, const char *path,
		   enum jail_access access, struct err *err)
{
	struct jail_place *place = find(jail, path);

	if (!place) {
		place = place_new(jail, path, err);
		if (!place)
			return -1;
		place->access = access;
		return 0;
	}
	if (place->access == access) {
		place->listed = false;
		return 0;
	}
	if (place->listed && place->access == JAIL_ACCESS_READ &&
	    access == JAIL_ACCESS_WRITE) {
		place->access = access;
		return 0;
	}
	return err_set(err, ERR_UNSUPPORTED, 0,
		       "another flag says otherwise of the same path");
}

static int check_home(const struct tool_jail *jail,
		      const struct jail_place *place, struct err *err)
{
	if (!jail->private_home || place->access == JAIL_ACCESS_NONE ||
	    (!jail_is_within(place->path, jail->home) &&
	     !jail_is_within(jail->home, place->path)))
		return 0;
	return err_set(err, ERR_UNSUPPORTED, 0,
		       "%.80s: --private puts another home folder there",
		       place->path);
}

static int check_tmp(const struct tool_jail *jail,
		     const struct jail_place *place, struct err *err)
{
	if (!jail->private_tmp || place->access == JAIL_ACCESS_NONE ||
	    strcmp(place->path, "/tmp") != 0)
		return 0;
	return err_set(err, ERR_UNSUPPORTED, 0,
		       "/tmp: --private-tmp puts another folder there");
}

/**
 * jail_check() - can all that is asked for be had together?
 */
int jail_check(struct tool_jail *jail, struct err *err)
{
	for (size_t i = 0; i < jail->n_places; i++) {
		const struct jail_place *hidden = &jail->places[i];

		if (check_home(jail, hidden, err) < 0 ||
		    check_tmp(jail, hidden, err) < 0)
			return -1;
		if (hidden->access != JAIL_ACCESS_NONE)
			continue;
		if (jail->private_home &&
		    jail_is_within(jail->home, hidden->path))
			return err_set(err, ERR_UNSUPPORTED, 0,
				       "--blacklist=%.80s: the home folder of --private is in it",
				       hidden->path);
		for (size_t k = 0; k < jail->n_places; k++)
			if (jail->places[k].access != JAIL_ACCESS_NONE &&
			    jail_is_within(jail->places[k].path,
					   hidden->path))
				return err_set(err, ERR_UNSUPPORTED, 0,
					       "--blacklist=%.50s: it hides %.50s, which another flag names",
					       hidden->path,
					       jail->places[k].path);
	}
	return 0;
}

/**
 * jail_has_home() - can the home folder be where it is on the host?
 *
 * Not where a sandbox has something of its own.
 */
bool jail_has_home(const struct tool_jail *jail)
{
	static const char *const taken[] = { "/proc", "/dev", "/sys" };

	if (!jail->home || jail->home[0] != '/' || !jail->home[1])
		return false;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (jail_is_within(jail->home, taken[i]))
			return false;
	return true;
}

/**
 * jail_access_of() - by the place that is nearest above a path
 *
 * Return: INVALID where no place says anything of it.
 */
enum jail_access jail_access_of(const struct tool_jail *jail, const char *path)
{
	const struct jail_place *nearest = NULL;

	for (size_t i = 0; i < jail->n_places; i++) {
		const struct jail_place *place = &jail->places[i];

		if (jail_is_within(path, place->path) &&
		    (!nearest || strlen(place->path) > strlen(nearest->path)))
			nearest = place;
	}
	return nearest ? nearest->access : JAIL_ACCESS_INVALID;
}

/**
 * jail_fini() - release; idempotent
 */
void jail_fini(struct tool_jail *jail)
{
	cfg_tree_free(jail->mem);
	jail->mem = NULL;
}
