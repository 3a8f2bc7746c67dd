// SPDX-License-Identifier: Apache-2.0
/*
 * Protected paths, looked at anew for each request that mounts something: they
 * come and go.  What does not exist yet counts for what would contain it, since
 * a sandbox could make it.
 */
#include <config.h>

#include "controller/core/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "proto/wire.h"

#define MAX_GUARDS 1024
#define MAX_ABOVE 8192
#define MAX_FOLDERS 512

/**
 * ctl_guards_init() - protect nothing yet
 * @mounts: borrowed
 */
void ctl_guards_init(struct ctl_guards *guards,
		     const struct ctl_mount_table *mounts)
{
	*guards = (struct ctl_guards){ .mounts = mounts };
}

/**
 * ctl_guards_fini() - release; idempotent
 */
void ctl_guards_fini(struct ctl_guards *guards)
{
	for (size_t i = 0; i < guards->count; i++)
		ctl_place_fini(&guards->list[i].place);
	for (size_t i = 0; i < guards->n_folders; i++) {
		ctl_place_fini(&guards->folders[i].place);
		fd_close(&guards->folders[i].fd);
		free(guards->folders[i].name);
	}
	guards->n_folders = 0;
	ptr_free(&guards->folders);
	ptr_free(&guards->list);
	ptr_free(&guards->above);
	guards->count = guards->n_above = 0;
}

static void *grow(void *list, size_t size, size_t *room, size_t most)
{
	size_t more = *room ? *room * 2 : 64;
	void *grown = more > most ? NULL : realloc(list, more * size);

	if (grown)
		*room = more;
	return grown;
}

static struct ctl_guard *add(struct ctl_guards *guards,
			     enum ctl_guard_kind kind, const char *shown)
{
	struct ctl_guard *list = guards->list;

	if (guards->count == guards->room) {
		list = grow(list, sizeof(*list), &guards->room, MAX_GUARDS);
		if (!list) {
			guards->full = true;
			return NULL;
		}
		guards->list = list;
	}
	list[guards->count] = (struct ctl_guard){ .kind = kind,
						  .shown = shown };
	return &list[guards->count++];
}

/**
 * ctl_guards_above() - which protected path does a directory lead to?
 *
 * Return: the first of them, or NULL.
 */
const struct ctl_guard *ctl_guards_above(const struct ctl_guards *guards,
					 const struct ctl_inode *inode)
{
	for (size_t i = 0; i < guards->n_above; i++)
		if (guards->above[i].inode.ino == inode->ino &&
		    guards->above[i].inode.dev == inode->dev)
			return &guards->list[guards->above[i].guard];
	return NULL;
}

/* True, which ends the walk, at what is known: all above it is too. */
static bool note(const struct ctl_inode *inode, void *arg)
{
	struct ctl_guards *guards = arg;

	if (guards->full || ctl_guards_above(guards, inode))
		return true;
	if (guards->n_above == guards->above_room) {
		struct ctl_above *grown =
			grow(guards->above, sizeof(*grown),
			     &guards->above_room, MAX_ABOVE);

		if (!grown) {
			guards->full = true;
			return true;
		}
		guards->above = grown;
	}
	guards->above[guards->n_above++] =
		(struct ctl_above){ *inode, guards->count - 1 };
	return false;
}

static void add_existing(struct ctl_guards *guards, struct ctl_guard *guard,
			 int fd)
{
	auto_fd dir = -1;
	struct stat st;

	if (ctl_source_stat(fd, &st) < 0)
		return;
	guard->exists = true;
	guard->inode = (struct ctl_inode){ st.st_dev, st.st_ino };
	(void)ctl_place_of(guards->mounts, fd, &guard->place);
	dir = ctl_source_dir(fd, &st);
	if (dir >= 0)
		ctl_source_walk_up(dir, note, guards);
}

/**
 * ctl_guards_add_fd() - protect a directory that is open
 */
void ctl_guards_add_fd(struct ctl_guards *guards, enum ctl_guard_kind kind,
		       const char *shown, int fd)
{
	struct ctl_guard *guard = add(guards, kind, shown);

	if (guard)
		add_existing(guards, guard, fd);
}

/* As much of it as there is; everything above is noted. */
static void open_folder(struct ctl_guards *guards, struct ctl_folder *folder)
{
	char part[WIRE_PATH_MAX_BYTES * 4];

	folder->len = strlen(folder->name);
	while (folder->fd < 0 && folder->len < sizeof(part)) {
		memcpy(part, folder->name, folder->len);
		part[folder->len] = '\0';
		folder->fd = open(folder->len > 0 ? part : "/",
				  O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (folder->fd >= 0 || folder->len == 0)
			break;
		while (folder->len > 0 && part[folder->len - 1] != '/')
			folder->len--;
		while (folder->len > 0 && part[folder->len - 1] == '/')
			folder->len--;
	}
	if (folder->fd < 0)
		return;
	ctl_source_walk_up(folder->fd, note, guards);
	(void)ctl_place_of(guards->mounts, folder->fd, &folder->place);
}

/* Most protected paths share a few folders: each is looked at once. */
static struct ctl_folder *find_folder(struct ctl_guards *guards,
				      const char *path, size_t len)
{
	struct ctl_folder *list = guards->folders;

	for (size_t i = 0; i < guards->n_folders; i++)
		if (strncmp(list[i].name, path, len) == 0 && !list[i].name[len])
			return &list[i];
	if (guards->n_folders == guards->folder_room) {
		list = grow(list, sizeof(*list), &guards->folder_room,
			    MAX_FOLDERS);
		if (!list)
			return NULL;
		guards->folders = list;
	}
	list += guards->n_folders;
	*list = (struct ctl_folder){ .name = strndup(path, len), .fd = -1 };
	if (!list->name)
		return NULL;
	guards->n_folders++;
	open_folder(guards, list);
	return list;
}

static char *join(const char *above, const char *rest)
{
	char *out = NULL;

	if (!above || asprintf(&out, "%s%s%s", above, above[1] ? "/" : "",
			       rest) < 0)
		return NULL;
	return out;
}

/* Where it is, or would be made: its folder's place and its name. */
static void set_place(struct ctl_guard *guard, const struct ctl_folder *folder,
		      const char *path)
{
	const char *rest = path + folder->len;

	rest += strspn(rest, "/");
	guard->place.dev = folder->place.dev;
	guard->place.path = join(folder->place.path, rest);
	guard->place.name = join(folder->place.name, rest);
}

/*
 * What is there, unless nothing is. A link and a mount point lead elsewhere,
 * and are looked at from there.
 */
static void find_existing(struct ctl_guards *guards, struct ctl_guard *guard,
			  const struct ctl_folder *folder, const char *name)
{
	struct statx stx;
	auto_fd fd = -1;

	if (folder->name[folder->len] ||
	    statx(folder->fd, name, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC,
		  STATX_TYPE | STATX_INO, &stx) < 0)
		return;
	if (!S_ISLNK(stx.stx_mode) &&
	    !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT)) {
		guard->exists = true;
		guard->inode.dev = makedev(stx.stx_dev_major,
					   stx.stx_dev_minor);
		guard->inode.ino = stx.stx_ino;
		return;
	}
	fd = openat(folder->fd, name, O_PATH | O_CLOEXEC);
	if (fd >= 0)
		add_existing(guards, guard, fd);
}

/**
 * ctl_guards_add_path() - protect a path, there or not
 * @shown: borrowed, for messages
 * @path:  absolute
 *
 * Both the folder that it is in and, where it is a link, what it leads to.
 */
void ctl_guards_add_path(struct ctl_guards *guards, enum ctl_guard_kind kind,
			 const char *shown, const char *path)
{
	struct ctl_guard *guard = add(guards, kind, shown);
	const char *slash = strrchr(path, '/');
	struct ctl_folder *folder;

	if (!guard)
		return;
	folder = find_folder(guards, path, (size_t)(slash - path));
	if (!folder) {
		guards->full = true;
		return;
	}
	if (folder->fd < 0)
		return;
	find_existing(guards, guard, folder, slash + 1);
	if (!guard->place.path)
		set_place(guard, folder, path);
}
