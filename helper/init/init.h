/* SPDX-License-Identifier: Apache-2.0 */
/*
 * creel-init, pid 1 of a sandbox.
 */
#ifndef HELPER_INIT_INIT_H
#define HELPER_INIT_INIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct init_config {
	int control_fd;    /* SOCK_SEQPACKET, init.proto; owned from here on */
	int cgroup_fd;     /* detached cgroup2 mount of the sandbox, -1 none; owned */
	bool id_range;     /* several ids are mapped, pid 1 is uid 0 inside */
	uid_t uid;         /* the caller's identity inside */
	gid_t gid;
	uint64_t cap_keep; /* capabilities that commands may keep */
};

/* Resets what is inherited of signals; may be called ahead, to save the time. */
void init_prepare(void);

/*
 * Serves until the control socket hangs up; never returns. The caller has
 * sealed the namespaces, left pid 1 CAP_SETUID, CAP_SETGID, CAP_KILL and
 * @cap_keep, emptied the bounding set but for @cap_keep, set no_new_privs and
 * made the process undumpable.
 */
__attribute__((noreturn)) void init_main(const struct init_config *config);

#endif
