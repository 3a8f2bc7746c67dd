/* SPDX-License-Identifier: Apache-2.0 */
/* The new mount API, and targets below a root that is not to be trusted. */
#ifndef HELPER_MOUNT_H
#define HELPER_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/err.h"

struct hlp_option {
	const char *key;
	const char *value; /* NULL: a flag */
};

/* How a target below the sandbox's root is found. */
enum hlp_walk {
	HLP_WALK_INVALID = 0,
	HLP_WALK_OWN, /* creel's own: no symbolic link on the way */
	HLP_WALK_IMAGE, /* an image's links are followed, inside its root */
};

#define HLP_ROOT_MAX_OWN 64

/* The root that targets are walked in. */
struct hlp_root_dir {
	int fd; /* O_PATH */
	uint64_t own[HLP_ROOT_MAX_OWN]; /* mounts that are empty but for us */
	uint32_t n_own;
};

void hlp_root_own(struct hlp_root_dir *root, int fd);
uint64_t hlp_mount_id(int fd, bool *is_root);
int hlp_mount_new(const char *type, const struct hlp_option *options,
		  uint64_t attr, struct err *err);
int hlp_mount_tree(int dir_fd, const char *path, uint64_t attr,
		   struct err *err);
int hlp_mount_attr(int tree_fd, bool recursive, uint64_t attr, int userns_fd,
		   struct err *err);
int hlp_mount_attach(int tree_fd, int target_fd, struct err *err);
int hlp_open_in(int root_fd, const char *path, enum hlp_walk walk);
int hlp_make_node(int dir_fd, const char *name, bool directory,
		  struct err *err);
int hlp_target_open(const struct hlp_root_dir *root, const char *path,
		    bool directory, enum hlp_walk walk, struct err *err);

#endif
