/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spawner: the one process of creel-helper that uses privileges, and the
 * parent of every sandbox.
 */
#ifndef HELPER_SPAWNER_H
#define HELPER_SPAWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct hlp_spawner_config {
	bool system; /* privileges of the init user namespace */
	uid_t caller_uid; /* u */
	gid_t caller_gid;
	uint32_t block_base; /* system: first host id of this user's blocks */
	uint32_t n_blocks; /* system: 64 Ki blocks from there */
	bool allow_map_caller;
	bool allow_host_net;
	uint64_t cap_keep_allowed;
	int cgroup_fd; /* delegated directory, -1 none; borrowed */
	int lease_fd; /* byte i is locked for block i, -1 none; borrowed */
	char controllers[64]; /* enabled there, space separated */
	char cgroup_why[128]; /* why there is none */
	uint64_t max_memory; /* ceilings a sandbox, 0 none */
	uint64_t max_pids;
	uint32_t max_cpu_usec;
	uint32_t max_sandboxes;
};

void hlp_title(const char *name);
void hlp_spawner_forget(void);

/* Serves until @dispatcher_fd hangs up; returns the process's exit status. */
int hlp_spawner_run(int dispatcher_fd, const struct hlp_spawner_config *config);

#endif
