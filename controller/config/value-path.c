// SPDX-License-Identifier: Apache-2.0
/*
 * Paths of the host and inside, binds, file systems in memory.  Only the text
 * is looked at: whether a path is there and may be used is found out when a
 * sandbox is made.
 */
#include <config.h>

#include "controller/config/value.h"

#include <string.h>

#define PATH_MAX_BYTES 4095
#define TARGET_MAX_BYTES 1023

/* Is there a component that is ".."? */
static bool climbs(const char *path)
{
	for (; *path; path += strcspn(path, "/")) {
		path += strspn(path, "/");
		if (strncmp(path, "..", 2) == 0 &&
		    (path[2] == '/' || !path[2]))
			return true;
	}
	return false;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

/* Absolute, ~ or ~/...: what cfg_expand() makes absolute. */
static int host_path(const char *text, struct cfg_why *why)
{
	if (text[0] != '/' &&
	    (text[0] != '~' || (text[1] && text[1] != '/')))
		return cfg_why_set(why, "a path that begins with / or ~/");
	if (has_control(text) || strlen(text) > PATH_MAX_BYTES)
		return cfg_why_set(why, "a path without control characters, "
					"of at most %d bytes", PATH_MAX_BYTES);
	return 0;
}

/**
 * cfg_read_path() - is it a path of the host, absolute or below ~?
 */
int cfg_read_path(const struct cfg_node *node, struct cfg_why *why)
{
	if (!cfg_is_text(node))
		return cfg_why_set(why, "a path that begins with / or ~/");
	return host_path(node->text, why);
}

/**
 * cfg_read_target() - is it a path inside a sandbox?
 */
int cfg_read_target(const char *text, struct cfg_why *why)
{
	if (text[0] != '/')
		return cfg_why_set(why, "an absolute path inside");
	if (text[strspn(text, "/")] == '\0')
		return cfg_why_set(why, "a path inside below the root");
	if (climbs(text))
		return cfg_why_set(why, "a path inside without \"..\"");
	if (has_control(text) || strlen(text) > TARGET_MAX_BYTES)
		return cfg_why_set(why, "a path inside without control "
					"characters, of at most %d bytes",
				   TARGET_MAX_BYTES);
	return 0;
}

/**
 * cfg_read_protect() - is it PATH, !PATH or !*, below a workspace?
 */
int cfg_read_protect(const char *text, struct cfg_why *why)
{
	const char *path = text + (*text == '!');

	if (*path && *path != '/' && *path != '~' && !climbs(path) &&
	    !has_control(path) && strlen(path) <= TARGET_MAX_BYTES)
		return 0;
	return cfg_why_set(why, "a path below the workspace, relative to it, "
				"perhaps after a !");
}

static int tmpfs_mode(const char *text, size_t len, struct cfg_tmpfs *out,
		      struct cfg_why *why)
{
	uint32_t mode = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '7' || len > 5)
			mode = 010000;
		else
			mode = mode * 8 + (uint32_t)(text[i] - '0');
	}
	if (mode == 0 || mode > 01777)
		return cfg_why_set(why, "an octal mode from 1 to 1777");
	out->mode = mode;
	return 0;
}

static int tmpfs_size(const char *text, size_t len, struct cfg_tmpfs *out,
		      struct cfg_why *why)
{
	char size[32];

	if (len >= sizeof(size))
		len = 0;
	memcpy(size, text, len);
	size[len] = '\0';
	if (cfg_read_size(size, &out->size) < 0 || out->size == 0)
		return cfg_why_set(why, "a size such as 64m");
	return 0;
}

static bool is(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(text, word, len) == 0;
}

static int tmpfs_option(const char *text, size_t len, struct cfg_tmpfs *out,
			struct cfg_why *why)
{
	cfg_why_found(why, text, len);
	if (len > 5 && memcmp(text, "size=", 5) == 0)
		return tmpfs_size(text + 5, len - 5, out, why);
	if (len > 5 && memcmp(text, "mode=", 5) == 0)
		return tmpfs_mode(text + 5, len - 5, out, why);
	/* They are what it is like in any case. */
	if (is(text, len, "rw") || is(text, len, "nosuid") ||
	    is(text, len, "nodev"))
		return 0;
	if (is(text, len, "exec") || is(text, len, "noexec")) {
		out->noexec = text[0] == 'n';
		return 0;
	}
	return cfg_why_set(why, "an option of size=, mode=, exec, noexec, "
				"nosuid, nodev and rw");
}

/**
 * cfg_read_tmpfs() - PATH or PATH:OPTION,OPTION
 */
int cfg_read_tmpfs(struct cfg_tree *tree, const struct cfg_node *node,
		   struct cfg_tmpfs *out, struct cfg_why *why)
{
	const char *at;
	size_t len;

	*out = (struct cfg_tmpfs){ .target = NULL };
	if (!cfg_is_text(node))
		return cfg_why_set(why, "PATH or PATH:size=SIZE,mode=MODE");
	at = node->text;
	len = strcspn(at, ":");
	out->target = cfg_tree_strndup(tree, at, len);
	if (!out->target)
		return cfg_why_set(why, "enough memory");
	if (cfg_read_target(out->target, why) < 0)
		return -1;
	for (at += len; *at; at += len) {
		at++;
		len = strcspn(at, ",");
		if (tmpfs_option(at, len, out, why) < 0)
			return -1;
	}
	cfg_why_found(why, "", 0);
	return 0;
}

/**
 * cfg_value_tmpfs() - an entry of docker.tmpfs
 */
int cfg_value_tmpfs(struct cfg_tree *tree, const struct cfg_node *node,
		    struct cfg_tmpfs *out)
{
	return cfg_read_tmpfs(tree, node, out, NULL);
}

static int bind_mode(const char *text, struct cfg_bind *out,
		     struct cfg_why *why)
{
	size_t len;

	do {
		len = strcspn(text, ",");
		if (is(text, len, "ro")) {
			out->readonly = true;
		} else if (!is(text, len, "rw")) {
			cfg_why_found(why, text, len);
			return cfg_why_set(why, "the mode ro or rw");
		}
		text += len + (text[len] == ',');
	} while (text[-1] == ',' || *text);
	return 0;
}

static const char *expand(struct cfg_tree *tree, const char *home,
			  const char *text, size_t len)
{
	size_t before = home && text[0] == '~' ? strlen(home) : 0;
	char *path;

	if (before == 0)
		return cfg_tree_strndup(tree, text, len);
	path = cfg_tree_alloc(tree, before + len);
	if (!path)
		return NULL;
	memcpy(path, home, before);
	memcpy(path + before, text + 1, len - 1);
	return path;
}

/**
 * cfg_read_bind() - SOURCE:TARGET or SOURCE:TARGET:MODE
 * @home: for ~; NULL: it stays
 */
int cfg_read_bind(struct cfg_tree *tree, const struct cfg_node *node,
		  const char *home, struct cfg_bind *out, struct cfg_why *why)
{
	const char *text = node->text;
	const char *target;
	const char *mode;

	*out = (struct cfg_bind){ .source = NULL };
	if (!cfg_is_text(node) || !(target = strchr(text, ':')))
		return cfg_why_set(why, "SOURCE:TARGET or SOURCE:TARGET:MODE");
	mode = strchr(target + 1, ':');
	if (mode && strchr(mode + 1, ':'))
		return cfg_why_set(why, "SOURCE:TARGET:MODE, so at most two "
					"colons");
	if (target == text || !target[1] || mode == target + 1 ||
	    (mode && !mode[1]))
		return cfg_why_set(why, "SOURCE:TARGET:MODE with no part of it "
					"empty");
	out->source = cfg_tree_strndup(tree, text, (size_t)(target - text));
	if (out->source && host_path(out->source, why) < 0)
		return cfg_why_set(why, "a source that begins with / or ~/");
	out->source = expand(tree, home, text, (size_t)(target - text));
	target++;
	out->target = cfg_tree_strndup(tree, target,
				       mode ? (size_t)(mode - target) :
					      strlen(target));
	if (!out->source || !out->target)
		return cfg_why_set(why, "enough memory");
	if (cfg_read_target(out->target, why) < 0)
		return -1;
	return mode ? bind_mode(mode + 1, out, why) : 0;
}

/**
 * cfg_value_bind() - an entry of docker.binds, with its ~ expanded
 */
int cfg_value_bind(struct cfg_tree *tree, const struct cfg_node *node,
		   const char *home, struct cfg_bind *out)
{
	return cfg_read_bind(tree, node, home, out, NULL);
}
