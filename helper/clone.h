/* SPDX-License-Identifier: Apache-2.0 */
/* Processes in new namespaces, made by the spawner. */
#ifndef HELPER_CLONE_H
#define HELPER_CLONE_H

#include <stdbool.h>
#include <sys/types.h>

#include "helper/build.h"
#include "proto/err.h"

/* What the spawner knows of itself. */
struct hlp_self {
	bool system;
	uid_t uid; /* system: whom it is when not acting for a block */
	gid_t gid;
	uid_t caller_uid;
	gid_t caller_gid;
	struct hlp_home home; /* rootless */
	int proc_fd; /* the host's /proc, owned */
	bool proc_covered; /* something is mounted over parts of it */
};

struct hlp_child {
	int cgroup_fd; /* borrowed, -1 none */
	int step_fd; /* borrowed: the spawner's end */
	int pidfd; /* owned */
	pid_t pid;
};

int hlp_clone_box(const struct hlp_self *self, struct hlp_box_config *box,
		  uint32_t block, struct hlp_child *child, struct err *err);
int hlp_clone_idmap(const struct hlp_self *self, const struct hlp_maps *maps,
		    struct err *err);
int hlp_maps_choose(const struct hlp_self *self, struct hlp_box_config *box,
		    uint32_t block, struct err *err);

#endif
