/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File verbs, of workers alone.  All return -1 with errno.
 */
#ifndef HELPER_INIT_FILE_H
#define HELPER_INIT_FILE_H

#include <limits.h>

#include "helper/init/state.h"

static inline uint64_t init_nsec(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

int init_file_beneath(int base_fd, const char *path, int flags);
int init_file_parent(int base_fd, const char *path, char base[NAME_MAX + 1]);
int init_file_stat(int fd, Ini__Answer *answer);
int init_file_regular(mode_t mode);

/* read.c */
int init_file_read(int base_fd, const char *path, const Ini__Read *m,
		   Ini__Answer *answer);

/* commit.c */
int init_file_commit(int base_fd, const struct init_request *req,
		     Ini__Answer *answer);

#endif
