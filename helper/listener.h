/* SPDX-License-Identifier: Apache-2.0 */
/* The process that clients connect to. */
#ifndef HELPER_LISTENER_H
#define HELPER_LISTENER_H

#include "helper/service.h"
#include "helper/user.h"

int hlp_lease_open(const struct hlp_policy *policy, struct err *err);
int hlp_listener_run(const struct hlp_user_config *config,
		     const struct hlp_service *service, int ready_fd);

#endif
