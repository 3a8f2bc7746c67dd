/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protected paths as they are now: by device and inode number, by place, and
 * with all directories that lead to them.
 */
#ifndef CONTROLLER_CORE_GUARD_H
#define CONTROLLER_CORE_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/core/place.h"
#include "controller/core/source.h"

enum ctl_guard_kind {
	CTL_GUARD_INVALID = 0,
	CTL_GUARD_OWN,   /* creel's own directories */
	CTL_GUARD_NEVER,
	CTL_GUARD_USER,  /* can be opened */
};

struct ctl_guard {
	enum ctl_guard_kind kind;
	const char *shown; /* borrowed: "~/.ssh" */
	bool exists;
	struct ctl_inode inode;
	struct ctl_place place; /* where it is, or would be */
};

struct ctl_above {
	struct ctl_inode inode;
	size_t guard; /* the first of those that it leads to */
};

/* A directory that protected paths are in, or would be. */
struct ctl_folder {
	char *name; /* owned; as it was asked for */
	int fd;     /* owned; of as much of it as there is */
	size_t len; /* of the part of the name that is there */
	struct ctl_place place; /* of that part */
};

struct ctl_guards {
	struct ctl_guard *list; /* owned */
	struct ctl_folder *folders; /* owned */
	size_t n_folders;
	size_t folder_room;
	size_t count;
	size_t room;
	struct ctl_above *above; /* owned */
	size_t n_above;
	size_t above_room;
	const struct ctl_mount_table *mounts; /* borrowed */
	bool full; /* no memory: nothing may be allowed */
};

void ctl_guards_init(struct ctl_guards *guards,
		     const struct ctl_mount_table *mounts);
void ctl_guards_fini(struct ctl_guards *guards);
void ctl_guards_add_fd(struct ctl_guards *guards, enum ctl_guard_kind kind,
		       const char *shown, int fd);
void ctl_guards_add_path(struct ctl_guards *guards, enum ctl_guard_kind kind,
			 const char *shown, const char *path);
const struct ctl_guard *ctl_guards_above(const struct ctl_guards *guards,
					 const struct ctl_inode *inode);

#endif
