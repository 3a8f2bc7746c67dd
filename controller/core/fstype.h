/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which file systems may keep a caller waiting for ever.
 */
#ifndef CONTROLLER_CORE_FSTYPE_H
#define CONTROLLER_CORE_FSTYPE_H

#include <stdbool.h>
#include <sys/types.h>

bool ctl_fstype_waits(dev_t dev);
bool ctl_fstype_is_fuse(dev_t dev);

#endif
