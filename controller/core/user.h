/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users of a sandbox: what a caller wrote, and /etc/passwd.
 */
#ifndef CONTROLLER_CORE_USER_H
#define CONTROLLER_CORE_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

#define CTL_USER_NAME_MAX 32
#define CTL_USER_ID_MAX 65535
#define CTL_USER_DEFAULT_ID 1000U
#define CTL_USER_NOBODY_ID 65534
#define CTL_PASSWD_MAX_BYTES (256 * 1024)

struct ctl_user {
	bool resolved; /* uid and gid are known */
	uint32_t uid;
	uint32_t gid;
	char name[CTL_USER_NAME_MAX + 1];
	char home[128];
	char shell[64];
};

int ctl_user_parse(const char *text, struct ctl_user *user, struct err *err);
bool ctl_user_builtin(struct ctl_user *user, uint32_t creel_uid,
		      uint32_t creel_gid);
int ctl_user_from_passwd(const char *text, size_t len, struct ctl_user *user,
			 struct err *err);

#endif
