/* SPDX-License-Identifier: Apache-2.0 */
/* The process that clients connect to. */
#ifndef HELPER_LISTENER_H
#define HELPER_LISTENER_H

#include <stdbool.h>

#include "helper/cgroup.h"
#include "helper/policy.h"
#include "proto/err.h"

#define HLP_LEASE_DIR "/run/creel"

struct hlp_listener_config {
	bool system;
	const struct hlp_policy *policy;    /* borrowed, as all below */
	const struct hlp_cgroup_tree *tree;
	const char *runtime_dir;
	const char *creeld;
	const char *idle_timeout;
	int lease_dir_fd; /* owned; -1 rootless */
	int ready_fd;     /* owned; -1 where no client started the program */
};

int hlp_lease_dir(const struct hlp_policy *policy, struct err *err);
int hlp_lease_open(int dir_fd, const struct hlp_policy *policy);
int hlp_listener_run(struct hlp_listener_config *config);

#endif
