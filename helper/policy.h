/* SPDX-License-Identifier: Apache-2.0 */
/* What the administrator grants: helper.conf(5). */
#ifndef HELPER_POLICY_H
#define HELPER_POLICY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/err.h"

#define HLP_POLICY_MAX_ALLOW 64
#define HLP_POLICY_MAX_USERS 64
#define HLP_POLICY_MAX_SANDBOXES 4096
#define HLP_POLICY_MAX_POOL 16
#define HLP_BLOCK_IDS 65536
#define HLP_POLICY_NONE UINT64_MAX

struct hlp_policy {
	uid_t uid; /* whom the helper becomes */
	gid_t gid;
	uint32_t range_base; /* first host id of the sandboxes' blocks */
	uint32_t n_blocks;   /* HLP_BLOCK_IDS each */
	uint32_t n_users;    /* at once */
	uid_t allow[HLP_POLICY_MAX_ALLOW];
	uint32_t n_allow;
	bool map_caller;
	bool host_network;
	uint64_t cap_keep;
	uint32_t max_sandboxes; /* a user */
	uint32_t max_pids;      /* a sandbox, 0 none, as for those below */
	uint32_t max_cpus;
	uint64_t max_memory;
	uint32_t user_pids; /* a user, all in all, as for those below; 0: the */
	uint32_t user_cpus; /* default; all bits: none, see HLP_POLICY_NONE */
	uint64_t user_memory;
	uint32_t pool;
};

void hlp_policy_builtin(struct hlp_policy *policy, bool system, uid_t caller);
void hlp_policy_account(struct hlp_policy *policy, const char *text);
int hlp_policy_read(struct hlp_policy *policy, const char *path,
		    struct err *err);
int hlp_policy_parse(struct hlp_policy *policy, const char *name, char *text,
		     struct err *err);
bool hlp_policy_admits(const struct hlp_policy *policy, uid_t uid);
uint32_t hlp_policy_share(const struct hlp_policy *policy, uid_t uid,
			  uint32_t *n_blocks);
uint64_t hlp_policy_cap_never(void);

#endif
