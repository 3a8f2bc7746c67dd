/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that sandboxed code has passed.  Whoever closes the last descriptor
 * of one may have to wait, for as long as its owner liked (SO_LINGER), and also
 * for those that are on their way in it: a process that exits does not.
 */
#ifndef CONTROLLER_CORE_IMPOUND_H
#define CONTROLLER_CORE_IMPOUND_H

#include <stdbool.h>

/* Takes @fd where it is a socket. */
bool ctl_impound(int fd);
/* Has all that were taken closed by a process that exits. */
void ctl_impound_release(void);

#endif
