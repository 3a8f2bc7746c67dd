/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a path that a person wrote, over the links of that person alone.
 */
#ifndef CONTROLLER_CORE_WAY_H
#define CONTROLLER_CORE_WAY_H

#include <stdbool.h>

/* Could a sandbox have put something into this directory? */
typedef bool ctl_way_fn(void *arg, int dir_fd);

struct ctl_way {
	ctl_way_fn *is_written;
	void *arg;
	bool anyones; /* links of other users are followed as well */
	bool dir;  /* a directory is wanted */
	bool make; /* directories that are missing are made, mode 0700 */
	unsigned int made; /* filled: how many, the last ones of the path */
	const char *why;   /* filled: what is wrong with a link, NULL: errno */
};

int ctl_way_open(struct ctl_way *way, const char *path);

#endif
