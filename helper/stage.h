/* SPDX-License-Identifier: Apache-2.0 */
/* The steps by which privilege falls. Each exits where it fails. */
#ifndef HELPER_STAGE_H
#define HELPER_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct hlp_identity {
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* borrowed */
	size_t n_groups;
};

void hlp_stage_start(const int *keep, size_t n_keep);
void hlp_stage_system(uid_t uid, gid_t gid);
void hlp_stage_spawner(const int *keep, size_t n_keep);
void hlp_stage_user(bool system);
void hlp_stage_dispatcher(const int *keep, size_t n_keep);
void hlp_stage_controller(const struct hlp_identity *who, bool system);
void hlp_die_with_parent(pid_t parent);
void hlp_close_others(const int *keep, size_t n_keep);

#endif
