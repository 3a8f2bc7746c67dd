/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sandbox uses, as its cgroup tells.
 */
#ifndef CONTROLLER_CORE_STATS_H
#define CONTROLLER_CORE_STATS_H

#include <stdbool.h>

#include "proto/control.pb-c.h"

void ctl_stats_read(int cgroup_fd, Ctl__Item *item);

bool ctl_stats_frozen(int cgroup_fd);
bool ctl_stats_freezes(int cgroup_fd);

#endif
