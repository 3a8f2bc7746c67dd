// SPDX-License-Identifier: Apache-2.0
/*
 * Which paths of a workspace are protected.
 */
#include <config.h>

#include "controller/core/masks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"

#define SHOWN_BYTES 60

/* creel-security(7) has the same list; a test compares them. */
static const char *const defaults[] = {
	".git/hooks",  ".git/config", ".git/config.worktree", ".git/commondir",
	".gitmodules", ".claude",     ".codex",		      ".cursor",
	".vscode",     ".idea",	      ".envrc",		      ".mcp.json",
};

/**
 * ctl_pattern_default() - the default list
 */
const char *ctl_pattern_default(size_t index)
{
	return index < sizeof(defaults) / sizeof(defaults[0]) ?
		       defaults[index] :
		       NULL;
}

static int refuse(const char *what, const char *word, const char *why,
		  struct ctl_fail *fail)
{
	char shown[SHOWN_BYTES + 1];

	(void)snprintf(shown, sizeof(shown), "%.60s", word);
	ctl_text_clean(shown);
	return err_set(&fail->err, ERR_BAD_REQUEST, 0, "%s %s: %s", what, shown,
		       why);
}

/* "./a//b/" is "a/b". NULL: it is none, and errno says whether of memory. */
static char *normalise(const char *word)
{
	size_t len = strlen(word), used = 0;
	auto_free char *out = calloc(1, len + 1);

	errno = EINVAL;
	if (!out || len == 0 || len >= CTL_PATTERN_BYTES || word[0] == '/')
		return NULL;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)word[i] < 0x20 || word[i] == 0x7f)
			return NULL;
	for (const char *at = word; *at;) {
		size_t part = strcspn(at, "/");

		if (part == 2 && at[0] == '.' && at[1] == '.')
			return NULL;
		if (part > 0 && !(part == 1 && at[0] == '.')) {
			if (used > 0)
				out[used++] = '/';
			memcpy(out + used, at, part);
			used += part;
		}
		at += part;
		at += strspn(at, "/");
	}
	return used > 0 ? ptr_take(&out) : NULL;
}

static bool is_in(const char *path, const char *above)
{
	size_t len = strlen(above);

	return strncmp(path, above, len) == 0 &&
	       (path[len] == '\0' || path[len] == '/');
}

static int add(struct ctl_patterns *patterns, const char *path)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (strcmp(patterns->list[i], path) == 0)
			return 0;
	if (patterns->count == CTL_PATTERNS_MAX) {
		errno = ENOSPC;
		return -1;
	}
	patterns->list[patterns->count] = strdup(path);
	if (!patterns->list[patterns->count])
		return -1;
	patterns->count++;
	return 0;
}

/* Return: how many were taken out. */
static size_t open_below(struct ctl_patterns *patterns, const char *path)
{
	size_t kept = 0, all = patterns->count;

	for (size_t i = 0; i < all; i++) {
		if (path && !is_in(patterns->list[i], path))
			patterns->list[kept++] = patterns->list[i];
		else
			free(patterns->list[i]);
	}
	patterns->count = kept;
	return all - kept;
}

/* Another level of a configuration may have opened it already. */
static bool is_default(const char *path)
{
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (is_in(defaults[i], path))
			return true;
	return false;
}

static int apply(struct ctl_patterns *patterns, const char *word,
		 const char *what, struct ctl_fail *fail)
{
	bool opens = word[0] == '!';
	auto_free char *path = NULL;

	if (strcmp(word, "!*") == 0) {
		(void)open_below(patterns, NULL);
		return 0;
	}
	path = normalise(word + opens);
	if (!path)
		return refuse(what, word, "not a path inside the workspace",
			      fail);
	if (opens) {
		if (open_below(patterns, path) == 0 && !is_default(path))
			return refuse(what, word, "it is not protected", fail);
		return 0;
	}
	if (add(patterns, path) == 0)
		return 0;
	return refuse(what, word,
		      errno == ENOSPC ? "more than 64 protected paths" :
					"no memory",
		      fail);
}

/**
 * ctl_patterns_new() - the default list with what a caller says about it
 */
struct ctl_patterns *ctl_patterns_new(char *const *words, size_t n_words,
				      const char *what, struct ctl_fail *fail)
{
	struct ctl_patterns *patterns = calloc(1, sizeof(*patterns));
	int ret = patterns ? 0 : -1;

	for (size_t i = 0;
	     ret == 0 && i < sizeof(defaults) / sizeof(defaults[0]); i++)
		ret = add(patterns, defaults[i]);
	if (ret < 0)
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "%s", what);
	for (size_t i = 0; ret == 0 && i < n_words; i++)
		ret = apply(patterns, words[i], what, fail);
	if (ret == 0)
		return patterns;
	ctl_patterns_free(patterns);
	return NULL;
}

/**
 * ctl_patterns_free() - release; NULL is fine
 */
void ctl_patterns_free(struct ctl_patterns *patterns)
{
	if (!patterns)
		return;
	(void)open_below(patterns, NULL);
	free(patterns);
}
