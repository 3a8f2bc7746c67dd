/* SPDX-License-Identifier: Apache-2.0 */
/* Processes in new namespaces, made by the spawner. */
#ifndef HELPER_CLONE_H
#define HELPER_CLONE_H

#include <stdbool.h>
#include <sys/types.h>

#include "helper/build.h"
#include "helper/cgroup.h"
#include "proto/err.h"

/* What the spawner knows of itself. */
struct hlp_self {
	bool system;
	uid_t uid; /* system: whom it is when not acting for a block */
	gid_t gid;
	uid_t caller_uid;
	gid_t caller_gid;
	struct hlp_home home; /* rootless */
	int proc_fd;          /* the host's /proc, owned */
};

int hlp_clone_box(const struct hlp_self *self, struct hlp_box_config *box,
		  uint32_t block, const struct hlp_cgroup *cgroup,
		  pid_t *pid, struct err *err);
int hlp_clone_idmap(const struct hlp_self *self, const struct hlp_maps *maps,
		    struct err *err);
int hlp_maps_choose(const struct hlp_self *self, struct hlp_box_config *box,
		    uint32_t block, struct err *err);

#endif
