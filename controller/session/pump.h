/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process beside creeld for the terminal of one command.
 *
 * pid 1 of the sandbox has a copy of the terminal's descriptor, and with it a
 * say in whether it blocks; a terminal cannot be opened a second time, and
 * knows of no read that does not wait.  So another process reads from it and
 * writes to it, and whoever holds that up holds up his own command.  creeld has
 * pipes of its own.
 */
#ifndef CONTROLLER_SESSION_PUMP_H
#define CONTROLLER_SESSION_PUMP_H

#include "controller/session/job.h"

struct ses_pump {
	struct job_child child;
};

/*
 * @tty_fd: still the caller's. @in_fd, @out_fd: owned by the caller: what is
 * typed, what is printed; the latter's end comes after the terminal's.
 * Return: 0 or -1 with errno.
 */
int ses_pump_start(struct ses_pump *pump, int tty_fd, int *in_fd, int *out_fd);
/* Idempotent; also of one that was never started. */
void ses_pump_end(struct ses_pump *pump, struct event_base *base);

#endif
