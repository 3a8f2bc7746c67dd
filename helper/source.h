/* SPDX-License-Identifier: Apache-2.0 */
/* Bind sources: what a descriptor is, and whether another is the same. */
#ifndef HELPER_SOURCE_H
#define HELPER_SOURCE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/err.h"

#define HLP_HANDLE_MAX_BYTES 128

/* One line of mountinfo, proc_pid_mountinfo(5); points into it. */
struct hlp_mount_line {
	uint64_t id;
	uint64_t parent; /* the mount that it lies on */
	const char *where; /* "major:minor root mountpoint" */
	const char *point;
	const char *type;
};

typedef bool hlp_mount_line_fn(const struct hlp_mount_line *line, void *arg);

/* What stays equal when the same thing is opened in another mount namespace. */
struct hlp_source {
	uint64_t ino;
	uint64_t dev;
	int64_t btime_sec;
	uint32_t btime_nsec;
	uint32_t handle_len;
	unsigned char handle[HLP_HANDLE_MAX_BYTES];
	uint16_t mode;
	uint64_t below; /* a sum over what is mounted below it */
	char type[32]; /* of the file system */
	uint32_t len; /* used of text, terminators included */
	char text[2 * PATH_MAX]; /* its path, then "where" of its mount */
};

/* As much of the structure as travels. */
#define HLP_SOURCE_BYTES(source) \
	(offsetof(struct hlp_source, text) + (source)->len)

int hlp_mountinfo_each(int proc_fd, hlp_mount_line_fn *fn, void *arg,
		       struct err *err);
bool hlp_proc_covered(int proc_fd, char point[64]);
bool hlp_type_denied(const char *type);
int hlp_source_read(int proc_fd, int fd, struct hlp_source *source,
		    struct err *err);
bool hlp_source_same(const struct hlp_source *a, const struct hlp_source *b);
int hlp_source_reopen(int proc_fd, const struct hlp_source *source,
		      uint32_t uid, uint32_t gid, struct err *err);
bool hlp_source_private(const char *path);

#endif
