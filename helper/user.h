/* SPDX-License-Identifier: Apache-2.0 */
/* A user's helper: parent of his spawner, dispatcher and controller. */
#ifndef HELPER_USER_H
#define HELPER_USER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "helper/cgroup.h"
#include "helper/policy.h"
#include "helper/stage.h"
#include "proto/err.h"

struct hlp_user_config {
	bool system;
	const struct hlp_policy *policy;     /* borrowed, as all below */
	const struct hlp_cgroup_tree *tree;
	const char *creeld;
	const char *runtime_dir;  /* for creeld, as those below; NULL none */
	const char *state_dir;
	const char *idle_timeout;
	struct hlp_identity who;
	int lease_fd;   /* owned, -1 rootless */
	int link_fd;    /* owned */
};

pid_t hlp_fork_with_socket(const struct hlp_cgroup_tree *tree, int *fd);
pid_t hlp_user_fork_spawner(const struct hlp_user_config *config, int *fd);
int hlp_user_failed(const struct hlp_user_config *config, const char *why);
int hlp_user_run(const struct hlp_user_config *config);
int64_t hlp_now_ms(void);

#endif
