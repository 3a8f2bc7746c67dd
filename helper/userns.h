/* SPDX-License-Identifier: Apache-2.0 */
/* Id maps, and the user namespace that a rootless helper lives in. */
#ifndef HELPER_USERNS_H
#define HELPER_USERNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/err.h"

#define HLP_MAP_MAX_EXTENTS 5

struct hlp_extent {
	uint32_t inside;
	uint32_t outside;
	uint32_t count;
};

struct hlp_map {
	struct hlp_extent extent[HLP_MAP_MAX_EXTENTS];
	uint32_t n;
};

struct hlp_maps {
	struct hlp_map uid;
	struct hlp_map gid;
	bool deny_setgroups;
};

struct hlp_subid {
	uint32_t first;
	uint32_t count;
};

/* The helper's own namespace: id 0 is the caller, 1.. are subordinate ids. */
struct hlp_home {
	uint32_t n_uids; /* subordinate ones, 0 none */
	uint32_t n_gids;
};

bool hlp_subid_find(const char *text, const char *name, uid_t uid,
		    struct hlp_subid *found);
int hlp_home_enter(uid_t uid, gid_t gid, struct hlp_home *home,
		   struct err *err);

void hlp_map_add(struct hlp_map *map, uint32_t inside, uint32_t outside,
		 uint32_t count);
void hlp_map_around(struct hlp_map *map, uint32_t id, uint32_t caller,
		    struct hlp_extent rest);
void hlp_map_mirror(struct hlp_map *inner, const struct hlp_map *outer);
int hlp_maps_write(int proc_fd, const char *pid, const struct hlp_maps *maps,
		   struct err *err);

#endif
