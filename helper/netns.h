/* SPDX-License-Identifier: Apache-2.0 */
/* The loopback interface of a new network namespace. */
#ifndef HELPER_NETNS_H
#define HELPER_NETNS_H

#include "proto/err.h"

int hlp_netns_up(struct err *err);

#endif
