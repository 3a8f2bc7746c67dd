// SPDX-License-Identifier: Apache-2.0
/*
 * Names in archives.  None is ever handed to the kernel but below the root's
 * descriptor, without links and without leaving it: what an earlier entry has
 * made is no way out for a later one.
 */
#include <config.h>

#include "controller/image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define TAIL_BYTES 70

/**
 * unpack_fail() - say which entry it is about
 * @path: cut at the front, where it is long: the end tells more
 */
int unpack_fail(struct err *err, enum err_code code, int sys,
		const char *path, const char *why)
{
	size_t len = strlen(path);
	bool cut = len > TAIL_BYTES;

	return err_set(err, code, sys, "%s%.70s: %s", cut ? "..." : "",
		       path + (cut ? len - TAIL_BYTES : 0), why);
}

static int add_part(char path[PATH_MAX], const char *part, size_t len)
{
	size_t used = strlen(path);

	if (used + len + 2 > PATH_MAX)
		return -1;
	if (used)
		path[used++] = '/';
	memcpy(path + used, part, len);
	path[used + len] = '\0';
	return 0;
}

static const char *judge_part(const char *part, size_t len, size_t depth)
{
	if (len == 2 && !memcmp(part, "..", 2))
		return "has a \"..\" in it";
	if (len > NAME_MAX)
		return "has a name of more than 255 bytes in it";
	if (len >= 4 && !memcmp(part, ".wh.", 4))
		return "is a whiteout: this is a layer and not a whole tree";
	if (depth > UNPACK_MAX_DEPTH)
		return "lies more than 100 directories deep";
	return NULL;
}

/**
 * unpack_path_set() - bring a name into the one form that is used
 * @text: as it is in the archive
 * @path: filled; "" for the root itself, never with a leading slash, "." or
 *        ".."
 */
int unpack_path_set(struct unpack *unpack, const char *text,
		    char path[PATH_MAX], struct err *err)
{
	size_t depth = 0;

	path[0] = '\0';
	for (const char *at = text + strspn(text, "/"); *at;
	     at += strspn(at, "/")) {
		size_t len = strcspn(at, "/");
		const char *why;

		if (len != 1 || *at != '.') {
			why = judge_part(at, len, ++depth);
			if (!why && add_part(path, at, len) < 0)
				why = "is longer than 4095 bytes";
			if (why && strstr(why, "whiteout"))
				unpack->hint =
					"`docker export' of a container gives a whole tree";
			if (why)
				return unpack_fail(err, ERR_BAD_REQUEST, 0,
						   text, why);
		}
		at += len;
	}
	return 0;
}

/**
 * unpack_open() - open below a directory, whatever is there
 */
int unpack_open(int dir_fd, const char *path, uint64_t flags, uint64_t mode)
{
	const struct open_how how = {
		.flags = flags | O_CLOEXEC | O_NOFOLLOW,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};

	return (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
}

/* Makes what is missing of a directory's path. */
static int make_parents(int root_fd, char *path)
{
	for (char *at = path; at; at = strchr(at + 1, '/')) {
		char *name;
		auto_fd fd = -1;

		if (at == path)
			continue;
		*at = '\0';
		name = strrchr(path, '/');
		fd = name ? -1 : unpack_open(root_fd, ".", O_PATH, 0);
		if (name) {
			*name = '\0';
			fd = unpack_open(root_fd, path, O_PATH | O_DIRECTORY,
					 0);
			*name = '/';
		}
		if (fd >= 0 && mkdirat(fd, name ? name + 1 : path, 0755) < 0 &&
		    errno != EEXIST)
			fd_close(&fd);
		*at = '/';
		if (fd < 0)
			return -1;
	}
	return 0;
}

/**
 * unpack_forget_parent() - what is known of a directory may be wrong now
 */
void unpack_forget_parent(struct unpack *unpack)
{
	fd_close(&unpack->parent_fd);
	unpack->parent[0] = '\0';
}

static int open_parent(struct unpack *unpack, size_t len, struct err *err)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.*s", (int)len, unpack->path);
	unpack->parent_fd = unpack_open(unpack->root_fd, len ? path : ".",
					O_PATH | O_DIRECTORY, 0);
	if (unpack->parent_fd < 0 && errno == ENOENT) {
		/* With a slash at its end, the last part is made as well. */
		(void)snprintf(path, sizeof(path), "%.*s/", (int)len,
			       unpack->path);
		if (make_parents(unpack->root_fd, path) == 0) {
			path[len] = '\0';
			unpack->parent_fd =
				unpack_open(unpack->root_fd, path,
					    O_PATH | O_DIRECTORY, 0);
		}
	}
	if (unpack->parent_fd >= 0) {
		(void)snprintf(unpack->parent, sizeof(unpack->parent), "%.*s",
			       (int)len, unpack->path);
		return 0;
	}
	if (errno == ELOOP || errno == EXDEV)
		return unpack_fail(err, ERR_BAD_REQUEST, 0, unpack->path,
				   "what should be its directory is a link");
	if (errno == ENOTDIR)
		return unpack_fail(err, ERR_BAD_REQUEST, 0, unpack->path,
				   "what should be its directory is none");
	return unpack_fail(err, ERR_KERNEL, errno, unpack->path,
			   "its directory");
}

/**
 * unpack_parent() - the directory of the entry
 * @name: set to its last part
 *
 * Return: a descriptor that stays the unpacker's, or -1.
 */
int unpack_parent(struct unpack *unpack, const char **name, struct err *err)
{
	const char *slash = strrchr(unpack->path, '/');
	size_t len = slash ? (size_t)(slash - unpack->path) : 0;

	*name = slash ? slash + 1 : unpack->path;
	if (unpack->parent_fd >= 0 && strlen(unpack->parent) == len &&
	    !memcmp(unpack->parent, unpack->path, len))
		return unpack->parent_fd;
	unpack_forget_parent(unpack);
	if (open_parent(unpack, len, err) < 0)
		return -1;
	return unpack->parent_fd;
}

/**
 * unpack_clear() - make room: the last of several entries of a name counts
 *
 * A directory goes only where it is empty.
 */
int unpack_clear(struct unpack *unpack, int dir_fd, const char *name,
		 struct err *err)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return unpack_fail(err, ERR_KERNEL, errno, unpack->path,
				   "replace what is there");
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
		return unpack_fail(err, ERR_BAD_REQUEST, 0, unpack->path,
				   "a directory that is not empty is in its place");
	return 0;
}
