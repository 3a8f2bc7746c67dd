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
#include <unistd.h>

#include "proto/cleanup.h"
#include "proto/wire.h"

#define MAX_GUARDS 1024
#define MAX_ABOVE 8192

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

/* Of the folder that it would be made in, as far as there is one. */
static void add_missing(struct ctl_guards *guards, struct ctl_guard *guard,
			const char *path)
{
	char name[WIRE_PATH_MAX_BYTES * 4];
	struct ctl_place place = { 0 };
	auto_fd fd = -1;
	char *slash;

	if (snprintf(name, sizeof(name), "%s", path) >= (int)sizeof(name))
		return;
	while (fd < 0 && (slash = strrchr(name, '/'))) {
		slash[slash == name ? 1 : 0] = '\0';
		fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && slash == name)
			return;
	}
	if (fd < 0)
		return;
	ctl_source_walk_up(fd, note, guards);
	if (guard->exists)
		return;
	if (ctl_place_of(guards->mounts, fd, &place)) {
		const char *rest = path + strlen(name);

		rest += rest[0] == '/';
		guard->place.dev = place.dev;
		if (asprintf(&guard->place.path, "%s%s%s", place.path,
			     place.path[1] ? "/" : "", rest) < 0)
			guard->place.path = NULL;
		if (asprintf(&guard->place.name, "%s%s%s", place.name,
			     place.name[1] ? "/" : "", rest) < 0)
			guard->place.name = NULL;
	}
	ctl_place_fini(&place);
}

/**
 * ctl_guards_add_path() - protect a path, there or not
 * @shown: borrowed, for messages
 *
 * Both the folder that it is in and, where it is a link, what it leads to.
 */
void ctl_guards_add_path(struct ctl_guards *guards, enum ctl_guard_kind kind,
			 const char *shown, const char *path)
{
	struct ctl_guard *guard = add(guards, kind, shown);
	auto_fd fd = -1;

	if (!guard)
		return;
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd >= 0)
		add_existing(guards, guard, fd);
	add_missing(guards, guard, path);
}
