/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's terminal: raw while a command has it, as it was before in every
 * other moment.
 */
#ifndef CONTROLLER_CLI_TTY_H
#define CONTROLLER_CLI_TTY_H

#include <stdbool.h>

#include "proto/err.h"

int tty_raw(struct err *err);
void tty_restore(void);
void tty_stop(void);
void tty_copy_size(int master_fd);
int tty_reopen(int fd, int mode, bool *own);

#endif
