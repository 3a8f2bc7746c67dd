/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things lie: on which file system, and where in it.  The same directory
 * has one place, however often and wherever it is mounted.
 */
#ifndef CONTROLLER_CORE_PLACE_H
#define CONTROLLER_CORE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl_place {
	uint64_t dev;  /* as mountinfo has it */
	char *path;    /* owned; in the file system; NULL: not known */
	char *name;    /* owned; in the mount namespace */
};

struct ctl_mount_table;

/* NULL where it cannot be read: then nothing is known. */
struct ctl_mount_table *ctl_mount_table_new(void);
void ctl_mount_table_free(struct ctl_mount_table *table);

/* By the kernel's own knowledge, no file server is asked. */
bool ctl_place_of(const struct ctl_mount_table *table, int fd,
		  struct ctl_place *place);
void ctl_place_fini(struct ctl_place *place);

/* Is @path @above itself, or below it? Both absolute and normal. */
bool ctl_path_is_in(const char *path, const char *above);
bool ctl_place_is_in(const struct ctl_place *place,
		     const struct ctl_place *above);

/* Each mount below @name, as a place without a name; until @fn says false. */
typedef bool ctl_place_fn(const struct ctl_place *place, void *arg);
void ctl_mount_table_below(const struct ctl_mount_table *table,
			   const char *name, ctl_place_fn *fn, void *arg);

#endif
