// SPDX-License-Identifier: Apache-2.0
/*
 * Places in file systems, from mountinfo.  A walk up from a directory ends at
 * the root of its mount and goes on where that is mounted: what is bound from
 * the middle of a tree has lost what is above it.  Here it is found again.
 */
#include <config.h>

#include "controller/core/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define MAX_MOUNTS 20000
#define NAME_BYTES 4096

struct mount {
	uint64_t id;
	uint64_t dev;
	char *root;  /* in text */
	char *point; /* in text */
};

struct ctl_mount_table {
	char *text; /* owned */
	struct mount *list; /* owned */
	size_t count;
};

/* "\040" and the like, in place. */
static void decode(char *text)
{
	char *out = text;

	while (*text) {
		if (text[0] == '\\' && text[1] && text[2] && text[3]) {
			*out++ = (char)((text[1] - '0') << 6 |
					(text[2] - '0') << 3 | (text[3] - '0'));
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

/* "36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw" */
static bool parse_line(char *line, struct mount *mount)
{
	unsigned int major, minor;
	char *part[5], *saved = NULL;

	for (size_t i = 0; i < 5; i++) {
		part[i] = strtok_r(i == 0 ? line : NULL, " ", &saved);
		if (!part[i])
			return false;
	}
	if (sscanf(part[2], "%u:%u", &major, &minor) != 2)
		return false;
	mount->id = strtoull(part[0], NULL, 10);
	mount->dev = (uint64_t)major << 32 | minor;
	mount->root = part[3];
	mount->point = part[4];
	decode(mount->root);
	decode(mount->point);
	return true;
}

static char *read_all(void)
{
	auto_fd fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t room = 16384, used = 0;
	auto_free char *text = fd < 0 ? NULL : malloc(room + 1);
	ssize_t got = 1;

	while (text && got > 0) {
		if (used == room) {
			char *more = realloc(text, room * 2 + 1);

			if (!more)
				return NULL;
			text = more;
			room *= 2;
		}
		got = read(fd, text + used, room - used);
		used += got > 0 ? (size_t)got : 0;
	}
	if (!text || got < 0)
		return NULL;
	text[used] = '\0';
	return ptr_take(&text);
}

static int parse(struct ctl_mount_table *table)
{
	size_t lines = 0;
	char *saved = NULL;

	for (const char *at = table->text; (at = strchr(at, '\n')); at++)
		lines++;
	if (lines > MAX_MOUNTS)
		return -1;
	table->list = calloc(lines + 1, sizeof(*table->list));
	if (!table->list)
		return -1;
	for (char *line = strtok_r(table->text, "\n", &saved); line;
	     line = strtok_r(NULL, "\n", &saved))
		if (!parse_line(line, &table->list[table->count++]))
			return -1;
	return 0;
}

/**
 * ctl_mount_table_new() - all mounts of this namespace
 *
 * Return: owned, NULL where they cannot be told.
 */
struct ctl_mount_table *ctl_mount_table_new(void)
{
	struct ctl_mount_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->text = read_all();
	if (table->text && parse(table) == 0)
		return table;
	ctl_mount_table_free(table);
	return NULL;
}

/**
 * ctl_mount_table_free() - release; NULL is fine
 */
void ctl_mount_table_free(struct ctl_mount_table *table)
{
	if (!table)
		return;
	free(table->list);
	free(table->text);
	free(table);
}

/**
 * ctl_path_is_in() - is a path another or below it?
 */
bool ctl_path_is_in(const char *path, const char *above)
{
	size_t len = strlen(above);

	if (len == 1 && above[0] == '/')
		return path[0] == '/';
	return strncmp(path, above, len) == 0 &&
	       (path[len] == '\0' || path[len] == '/');
}

/**
 * ctl_place_is_in() - is a place another or below it, in one file system?
 */
bool ctl_place_is_in(const struct ctl_place *place,
		     const struct ctl_place *above)
{
	return place->path && above->path && place->dev == above->dev &&
	       ctl_path_is_in(place->path, above->path);
}

static const struct mount *find(const struct ctl_mount_table *table, int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID,
		  &stx) < 0 ||
	    !(stx.stx_mask & STATX_MNT_ID))
		return NULL;
	for (size_t i = 0; i < table->count; i++)
		if (table->list[i].id == stx.stx_mnt_id)
			return &table->list[i];
	return NULL;
}

static char *name_of(int fd)
{
	char link[64], name[NAME_BYTES];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, name, sizeof(name));
	if (len <= 0 || (size_t)len == sizeof(name) || name[0] != '/')
		return NULL;
	return strndup(name, (size_t)len);
}

/**
 * ctl_place_of() - where a descriptor's file or directory lies
 * @place: filled; ctl_place_fini() is due in any case
 */
bool ctl_place_of(const struct ctl_mount_table *table, int fd,
		  struct ctl_place *place)
{
	const struct mount *mount = find(table, fd);
	const char *rest, *root;
	int n;

	*place = (struct ctl_place){ .name = name_of(fd) };
	if (!mount || !place->name ||
	    !ctl_path_is_in(place->name, mount->point))
		return false;
	rest = place->name + (mount->point[1] ? strlen(mount->point) : 0);
	root = mount->root[1] ? mount->root : "";
	rest += rest[0] == '/' && !rest[1];
	place->dev = mount->dev;
	n = asprintf(&place->path, "%s%s", root, rest);
	if (n < 0)
		place->path = NULL;
	if (n == 0) {
		free(place->path);
		place->path = strdup("/");
	}
	return place->path != NULL;
}

/**
 * ctl_place_fini() - release; idempotent
 */
void ctl_place_fini(struct ctl_place *place)
{
	ptr_free(&place->path);
	ptr_free(&place->name);
}

/**
 * ctl_mount_table_below() - what else comes with a directory when it is bound
 * @name: of the directory, as the kernel tells it
 */
void ctl_mount_table_below(const struct ctl_mount_table *table,
			   const char *name, ctl_place_fn *fn, void *arg)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct mount *mount = &table->list[i];
		const struct ctl_place place = { .dev = mount->dev,
						 .path = mount->root };

		if (strcmp(mount->point, name) != 0 &&
		    ctl_path_is_in(mount->point, name) && !fn(&place, arg))
			return;
	}
}
