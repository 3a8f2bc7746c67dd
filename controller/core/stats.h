/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sandbox uses, as its cgroup tells.
 */
#ifndef CONTROLLER_CORE_STATS_H
#define CONTROLLER_CORE_STATS_H

#include "proto/control.pb-c.h"

void ctl_stats_read(int cgroup_fd, Ctl__Item *item);

#endif
