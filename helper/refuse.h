/* SPDX-License-Identifier: Apache-2.0 */
/* How the listener turns clients away. */
#ifndef HELPER_REFUSE_H
#define HELPER_REFUSE_H

#include <sys/types.h>

#include "helper/policy.h"
#include "proto/err.h"

void hlp_refuse(const struct hlp_policy *policy, uid_t uid, int *client_fd,
		enum err_code code, const char *why);
void hlp_refuse_ended(const struct hlp_policy *policy, pid_t pid);

#endif
