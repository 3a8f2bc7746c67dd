/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors that a client passed: what they may be, and what no sandbox may
 * get to see.
 */
#ifndef CONTROLLER_CORE_SOURCE_H
#define CONTROLLER_CORE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "controller/core/fail.h"

#define CTL_PROTECT_MAX 16

struct ctl_inode {
	dev_t dev;
	ino_t ino;
};

/* Directories of creel itself, by what they are and not by their names. */
struct ctl_protect {
	int fds[CTL_PROTECT_MAX]; /* owned, O_PATH */
	struct ctl_inode dirs[CTL_PROTECT_MAX];
	size_t n_dirs;
};

typedef bool ctl_inode_fn(const struct ctl_inode *inode, void *arg);

enum ctl_stream {
	CTL_STREAM_INVALID = 0,
	CTL_STREAM_STDIO,
	CTL_STREAM_LIFELINE,
};

int ctl_source_stat(int fd, struct stat *st);
int ctl_source_kind(int fd, const char *what, struct stat *st,
		    struct ctl_fail *fail);
int ctl_source_dir(int fd, const struct stat *st);
void ctl_source_walk_up(int dir_fd, ctl_inode_fn *fn, void *arg);
void ctl_protect_init(struct ctl_protect *protect);
void ctl_protect_add(struct ctl_protect *protect, const char *path);
/* All that creel keeps for this user; @state_dir may be NULL. */
void ctl_protect_own(struct ctl_protect *protect, const char *state_dir);
void ctl_protect_fini(struct ctl_protect *protect);
bool ctl_stream_is_safe(int fd, const struct stat *st);
int ctl_stream_check(int fd, const char *what, enum ctl_stream kind,
		     struct err *err);
int ctl_memfd_check(int fd, const char *what, size_t max, size_t *size,
		    struct err *err);

#endif
