/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup v2 below a delegated directory, by held descriptors. */
#ifndef HELPER_CGROUP_H
#define HELPER_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "helper/policy.h"
#include "helper/step.h"
#include "proto/err.h"

#define HLP_CGROUP_NAME_BYTES 32
#define HLP_CGROUP_NO_LIMIT UINT64_MAX

/* Where a helper may make the cgroups of its sandboxes. */
struct hlp_cgroup_tree {
	int fd; /* owned, -1 none */
	int leaf_fd; /* owned, -1 none: where the spawner is to be forked */
	int enter_fd; /* owned, -1 none: writing "0" to it moves there */
	char controllers[64]; /* enabled in it, space separated */
	char why[128]; /* where fd is -1 */
};

/* A sandbox's own: limits in outer, pid 1 in outer/p. */
struct hlp_cgroup {
	int outer_fd; /* owned, -1 none; locked, and so never handed on */
	int inner_fd; /* owned, -1 once pid 1 is in it */
	char name[HLP_CGROUP_NAME_BYTES];
};

struct hlp_cgroup_claim {
	bool system; /* this process is root, and sandboxes belong to owner */
	bool enter;  /* it lives for long; root's others may stay where they
		      * are, which saves them a grace period (10 ms) */
	uid_t owner; /* who makes the sandboxes' cgroups */
	gid_t group;
	const char *beside; /* a unit's cgroup beside this process's own, NULL */
};

int hlp_cgroup_claim(const struct hlp_cgroup_claim *claim,
		     struct hlp_cgroup_tree *out);
pid_t hlp_cgroup_fork(const struct hlp_cgroup_tree *tree);
int hlp_cgroup_user(const struct hlp_cgroup_tree *tree,
		    const struct hlp_policy *policy, uid_t user,
		    struct hlp_cgroup_tree *out, struct err *err);

int hlp_block_lock(int lease_fd, uint32_t number, short how);
void hlp_cgroup_prune(int tree_fd);
void hlp_cgroup_sweep(int tree_fd, int lease_fd);
bool hlp_cgroup_busy(int tree_fd, uint32_t number);

int hlp_cgroup_put(int dir_fd, const char *name, const char *text);
int hlp_cgroup_get(int dir_fd, const char *name, char *text, size_t size);
int hlp_cgroup_dir(int dir_fd, const char *name);
void hlp_cgroup_enable(int dir_fd, char controllers[64]);
int hlp_cgroup_give(int dir_fd, uid_t uid, gid_t gid, bool to_owner);

void hlp_cgroup_init(struct hlp_cgroup *cgroup);
void hlp_cgroup_fini(struct hlp_cgroup *cgroup);
int hlp_cgroup_make(int tree_fd, const char *controllers,
		    struct hlp_cgroup *cgroup, struct err *err);
int hlp_cgroup_delegate(struct hlp_cgroup *cgroup, uid_t uid, gid_t gid,
			bool system, struct err *err);
int hlp_cgroup_limit(const struct hlp_cgroup *cgroup, enum hlp_limit limit,
		     uint64_t value, struct err *err);
bool hlp_cgroup_oom(const struct hlp_cgroup *cgroup);
void hlp_cgroup_freeze(const struct hlp_cgroup *cgroup, bool on);
void hlp_cgroup_kill(const struct hlp_cgroup *cgroup);
int hlp_cgroup_remove(int tree_fd, struct hlp_cgroup *cgroup);

#endif
