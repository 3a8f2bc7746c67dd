// SPDX-License-Identifier: Apache-2.0
/*
 * Tools outside of any sandbox: directories on the way to a file.
 */
#include <config.h>

#include "controller/cli/tool-host-parents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/cli/tool-host-own.h"
#include "proto/cleanup.h"

#define LINK_BYTES 4097

/**
 * host_make_dir() - a directory of the caller's, with those on the way
 *
 * Return: 0 or -1 with errno.
 */
int host_make_dir(const char *path)
{
	auto_free char *part = strdup(path);
	struct stat st;

	if (!part)
		return -1;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	for (char *at = part + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		(void)mkdir(part, 0700);
		*at = '/';
	}
	if (mkdir(part, 0700) == 0)
		return 0;
	if (errno != EEXIST || stat(path, &st) < 0)
		return -1;
	errno = ENOTDIR;
	return S_ISDIR(st.st_mode) ? 0 : -1;
}

/* Of a path without what comes after its last slash; owned. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	return strndup(path, slash == path ? 1 : len);
}

static int open_folder(struct tool_call *call, const char *path)
{
	auto_free char *folder = folder_of(path);

	return folder ? host_open(call, folder, O_PATH | O_DIRECTORY) : -1;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Where a link leads, as the kernel goes there; owned, absolute. */
static char *resolve(struct tool_call *call, const char *path)
{
	auto_fd fd = host_open(call, path, O_PATH);
	auto_free char *target = calloc(1, LINK_BYTES);
	char name[64];
	ssize_t len = -1;

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (fd >= 0 && target)
		len = readlink(name, target, LINK_BYTES - 1);
	errno = ELOOP;
	return len > 0 && target[0] == '/' ? ptr_take(&target) : NULL;
}

/**
 * host_parent_open() - the directory of what is written
 * @follow: a link stands for what it leads to, unless the call is confined
 *
 * Return: a descriptor, or -1: EISDIR for what is no file's name, ELOOP for a
 * link that is not followed or leads nowhere.
 */
int host_parent_open(struct tool_call *call, const char *path, bool follow,
		     char **base)
{
	const char *name = base_of(path);
	auto_fd fd = open_folder(call, path);
	auto_free char *target = NULL;
	struct stat st;

	if (fd < 0)
		return -1;
	errno = EISDIR;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -1;
	if (call->confined || call->env->confined)
		follow = false;
	if (follow && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode)) {
		target = resolve(call, path);
		if (!target)
			return -1;
		fd_close(&fd);
		name = base_of(target);
		fd = open_folder(call, target);
	}
	*base = fd < 0 ? NULL : strdup(name);
	return *base ? fd_take(&fd) : -1;
}

/* One of them. */
static int make(struct host_parents *parents, struct tool_call *call,
		const char *path)
{
	auto_fd fd = host_open(call, path, O_PATH | O_DIRECTORY);
	auto_fd dir_fd = -1;
	char **more;

	if (fd >= 0)
		return 0;
	if (errno != ENOENT)
		return -1;
	dir_fd = open_folder(call, path);
	if (dir_fd < 0)
		return -1;
	if (mkdirat(dir_fd, base_of(path), 0777) < 0)
		return errno == EEXIST ? 0 : -1;
	more = reallocarray(parents->paths, parents->n + 1, sizeof(*more));
	if (more) {
		parents->paths = more;
		more[parents->n] = strdup(path);
		parents->n += more[parents->n] != NULL;
	}
	return 0;
}

/**
 * host_parents_make() - make the directories of a path that are missing
 */
int host_parents_make(struct host_parents *parents, struct tool_call *call,
		      const char *path)
{
	auto_free char *part = strdup(path);

	if (!part || (call->root && host_make_dir(call->root) < 0))
		return -1;
	for (char *at = part; (at = strchr(at, '/')); at++) {
		if (at == part)
			continue;
		*at = '\0';
		if (make(parents, call, part) < 0)
			return -1;
		*at = '/';
	}
	return 0;
}

/**
 * host_parents_fini() - release
 */
void host_parents_fini(struct host_parents *parents, bool undo,
		       struct tool_call *call)
{
	for (size_t i = parents->n; i > 0; i--) {
		const char *path = parents->paths[i - 1];
		auto_fd fd = undo ? open_folder(call, path) : -1;

		if (fd >= 0)
			(void)unlinkat(fd, base_of(path), AT_REMOVEDIR);
		free(parents->paths[i - 1]);
	}
	free(parents->paths);
	*parents = (struct host_parents){ .n = 0 };
}
