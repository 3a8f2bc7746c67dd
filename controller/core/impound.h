/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sandboxed code has passed and nobody wants.  Whoever closes the last
 * descriptor of a socket may have to wait, for as long as its owner liked
 * (SO_LINGER), and also for those that are on their way in it; of a file that
 * has no name any more, until all of it is freed.
 */
#ifndef CONTROLLER_CORE_IMPOUND_H
#define CONTROLLER_CORE_IMPOUND_H

/* Takes @fd. */
void ctl_impound(int fd);
/* Has all that were taken closed by a process that exits: it lingers on
 * nothing, and nobody waits for it. */
void ctl_impound_release(void);

#endif
