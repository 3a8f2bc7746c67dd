// SPDX-License-Identifier: Apache-2.0
/*
 * Protected paths of a sandbox, looked at when its commands end.  By name, and
 * only while the directory is the one that was mounted: a descriptor would keep
 * its file system from being unmounted.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "controller/core/masks.h"
#include "proto/cleanup.h"

#define MAX_ROOTS 64
#define MAX_PATHS 4096
#define NAME_BYTES 4096

struct root {
	char *name; /* owned */
	struct ctl_inode inode;
};

struct path {
	char *path; /* owned */
	int root;
	bool masked;
	struct ctl_inode inode; /* of what is masked */
	bool told;
};

struct ctl_watch {
	struct root roots[MAX_ROOTS];
	int n_roots;
	struct path *list; /* owned */
	size_t count;
};

/**
 * ctl_watch_new() - watch nothing yet; NULL without memory
 */
struct ctl_watch *ctl_watch_new(void)
{
	return calloc(1, sizeof(struct ctl_watch));
}

/**
 * ctl_watch_free() - release; NULL is fine
 */
void ctl_watch_free(struct ctl_watch *watch)
{
	if (!watch)
		return;
	for (int i = 0; i < watch->n_roots; i++)
		free(watch->roots[i].name);
	for (size_t i = 0; i < watch->count; i++)
		free(watch->list[i].path);
	free(watch->list);
	free(watch);
}

static bool same(const struct ctl_inode *inode, const struct stat *st)
{
	return inode->ino == st->st_ino && inode->dev == st->st_dev;
}

/**
 * ctl_watch_root() - a directory that has protected paths
 *
 * Return: its number, also where it is known already; -1 where there is no
 * memory, no name or too many.
 */
int ctl_watch_root(struct ctl_watch *watch, int fd)
{
	char link[32], name[NAME_BYTES];
	struct root *root = &watch->roots[watch->n_roots];
	struct stat st;
	ssize_t len;

	if (ctl_source_stat(fd, &st) < 0)
		return -1;
	for (int i = 0; i < watch->n_roots; i++)
		if (same(&watch->roots[i].inode, &st))
			return i;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, name, sizeof(name));
	if (watch->n_roots == MAX_ROOTS || len <= 0 ||
	    (size_t)len == sizeof(name))
		return -1;
	root->name = strndup(name, (size_t)len);
	root->inode = (struct ctl_inode){ st.st_dev, st.st_ino };
	return root->name ? watch->n_roots++ : -1;
}

static bool is_known(const struct ctl_watch *watch, int root, const char *path)
{
	for (size_t i = 0; i < watch->count; i++)
		if (watch->list[i].root == root &&
		    strcmp(watch->list[i].path, path) == 0)
			return true;
	return false;
}

/**
 * ctl_watch_add() - one protected path
 */
int ctl_watch_add(struct ctl_watch *watch, int root, const char *path,
		  const struct ctl_inode *masked)
{
	struct path *list;

	if (is_known(watch, root, path))
		return 0;
	if (watch->count == MAX_PATHS)
		return -1;
	list = realloc(watch->list, (watch->count + 1) * sizeof(*list));
	if (!list)
		return -1;
	watch->list = list;
	list += watch->count;
	*list = (struct path){ .path = strdup(path),
			       .root = root,
			       .masked = masked != NULL };
	if (masked)
		list->inode = *masked;
	if (!list->path)
		return -1;
	watch->count++;
	return 0;
}

/* What is looked into; paths of one directory come one after the other. */
struct place {
	int root_fd;    /* borrowed */
	const char *of; /* borrowed: a path that leads into it; NULL: none */
	size_t len;     /* of its name in that; 0: the root */
	int fd;         /* owned: of it; -1: none */
	int there;      /* what is said of all in it where there is none */
};

static int judge(int why)
{
	if (why == ENOENT)
		return 0;
	/* A link or a file on the way leads git and others elsewhere. */
	return why == ELOOP || why == ENOTDIR || why == EACCES ? 1 : -1;
}

static void go_to(struct place *place, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS,
	};
	const char *last = strrchr(path, '/');
	size_t len = last ? (size_t)(last - path) : 0;
	char name[NAME_BYTES];

	if (place->of && place->len == len &&
	    strncmp(place->of, path, len) == 0)
		return;
	fd_close(&place->fd);
	place->of = path;
	place->len = len;
	if (len == 0)
		return;
	(void)snprintf(name, sizeof(name), "%.*s", (int)len, path);
	place->fd = (int)syscall(SYS_openat2, place->root_fd, name, &how,
				 sizeof(how));
	place->there = place->fd < 0 ? judge(errno) : 0;
}

/* 1: something is there, and @inode of it; 0: nothing; -1: it cannot be told. */
static int look(struct place *place, const char *path,
		struct ctl_inode *inode)
{
	struct statx st;
	const char *name;
	int fd;

	*inode = (struct ctl_inode){ 0, 0 };
	go_to(place, path);
	if (place->len > 0 && place->fd < 0)
		return place->there;
	fd = place->len > 0 ? place->fd : place->root_fd;
	name = place->len > 0 ? path + place->len + 1 : path;
	if (statx(fd, name,
		  AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		  STATX_TYPE | STATX_INO, &st) < 0)
		return judge(errno);
	inode->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	inode->ino = st.stx_ino;
	return 1;
}

static int open_root(const struct root *root)
{
	auto_fd fd = open(root->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || ctl_source_stat(fd, &st) < 0 || !same(&root->inode, &st))
		return -1;
	return fd_take(&fd);
}

static void look_at(struct place *place, struct path *path, ctl_watch_fn *fn,
		    void *arg)
{
	struct ctl_inode inode;
	int there = look(place, path->path, &inode);

	if (there < 0 || (path->masked ? there == 1 &&
						 inode.ino == path->inode.ino &&
						 inode.dev == path->inode.dev :
					 !there))
		return;
	path->told = true;
	fn(arg, path->path, !path->masked);
}

static bool is_due(const struct path *path, int root, bool masks_only)
{
	return path->root == root && !path->told &&
	       (path->masked || !masks_only);
}

static void look_below(struct ctl_watch *watch, int root, bool masks_only,
		       ctl_watch_fn *fn, void *arg)
{
	struct place place = { .root_fd = -1, .fd = -1 };
	auto_fd root_fd = -1;

	for (size_t i = 0; i < watch->count; i++) {
		if (!is_due(&watch->list[i], root, masks_only))
			continue;
		if (root_fd < 0)
			root_fd = open_root(&watch->roots[root]);
		if (root_fd < 0)
			return;
		place.root_fd = root_fd;
		look_at(&place, &watch->list[i], fn, arg);
	}
	fd_close(&place.fd);
}

/**
 * ctl_watch_look() - what has changed?
 * @masks_only: not what has appeared
 */
void ctl_watch_look(struct ctl_watch *watch, bool masks_only,
		    ctl_watch_fn *fn, void *arg)
{
	for (int i = 0; watch && i < watch->n_roots; i++)
		look_below(watch, i, masks_only, fn, arg);
}

static bool append(char *text, size_t size, size_t *used, const char *line)
{
	size_t len = strlen(line);

	if (*used + len + 1 > size)
		return false;
	memcpy(text + *used, line, len + 1);
	*used += len;
	return true;
}

/**
 * ctl_watch_pack() - as lines of text
 *
 * "/DEV:INODE:NAME" is a directory, then of it "-::PATH" for what was not there
 * and "=DEV:INODE:PATH" for what is masked. What has been told may be told
 * again by the next controller.
 */
void ctl_watch_pack(const struct ctl_watch *watch, char *text, size_t size)
{
	char line[NAME_BYTES + 64];
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; watch && i < watch->n_roots; i++) {
		const struct root *root = &watch->roots[i];

		(void)snprintf(line, sizeof(line), "/%llx:%llx:%s\n",
			       (unsigned long long)root->inode.dev,
			       (unsigned long long)root->inode.ino, root->name);
		if (strchr(root->name, '\n') ||
		    !append(text, size, &used, line))
			continue;
		for (size_t j = 0; j < watch->count; j++) {
			const struct path *path = &watch->list[j];

			if (path->root != i)
				continue;
			(void)snprintf(line, sizeof(line), "%c%llx:%llx:%s\n",
				       path->masked ? '=' : '-',
				       (unsigned long long)path->inode.dev,
				       (unsigned long long)path->inode.ino,
				       path->path);
			(void)append(text, size, &used, line);
		}
	}
}

static int add_root(struct ctl_watch *watch, const char *name,
		    const struct ctl_inode *inode)
{
	struct root *root = &watch->roots[watch->n_roots];

	if (watch->n_roots == MAX_ROOTS)
		return -1;
	root->name = strdup(name);
	root->inode = *inode;
	return root->name ? watch->n_roots++ : -1;
}

static int unpack_line(struct ctl_watch *watch, char *line, int *root)
{
	struct ctl_inode inode;
	char *end;

	inode.dev = (dev_t)strtoull(line + 1, &end, 16);
	if (*end != ':')
		return -1;
	inode.ino = (ino_t)strtoull(end + 1, &end, 16);
	if (*end != ':' || !end[1])
		return -1;
	if (line[0] == '/') {
		*root = add_root(watch, end + 1, &inode);
		return *root < 0 ? -1 : 0;
	}
	if (*root < 0 || (line[0] != '=' && line[0] != '-'))
		return -1;
	return ctl_watch_add(watch, *root, end + 1,
			     line[0] == '=' ? &inode : NULL);
}

/**
 * ctl_watch_unpack() - what an earlier controller watched
 */
struct ctl_watch *ctl_watch_unpack(const char *text)
{
	struct ctl_watch *watch = text[0] ? ctl_watch_new() : NULL;
	auto_free char *copy = watch ? strdup(text) : NULL;
	char *saved = NULL;
	int root = -1;

	for (char *line = copy ? strtok_r(copy, "\n", &saved) : NULL; line;
	     line = strtok_r(NULL, "\n", &saved))
		if (unpack_line(watch, line, &root) < 0)
			break;
	return watch;
}

/**
 * ctl_watch_appeared() - protected paths that are there since the sandbox is
 */
const char *ctl_watch_appeared(const struct ctl_watch *watch, size_t index)
{
	for (size_t i = 0; watch && i < watch->count; i++)
		if (watch->list[i].told && !watch->list[i].masked &&
		    index-- == 0)
			return watch->list[i].path;
	return NULL;
}
