/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the caller's standard streams reach a command: as they are, through
 * pipes that this process serves, or by a terminal.
 */
#ifndef CONTROLLER_CLI_STDIO_H
#define CONTROLLER_CLI_STDIO_H

#include <stdbool.h>

#include "controller/cli/call.h"
#include "controller/cli/options.h"
#include "proto/err.h"

struct cli_stdio {
	bool tty;	  /* the command gets a terminal */
	int relay_fd[3];  /* owned; this end of a stream's pipe, -1 if passed */
	int lifeline_fd;  /* owned; its end ends the command */
};

void cli_stdio_guard(void);
int cli_stdio_want_tty(const struct cli_args *args, bool *tty,
		       struct err *err);
int cli_stdio_attach(struct cli_stdio *stdio, struct cli_call *call,
		     bool detach, struct err *err);
void cli_stdio_fini(struct cli_stdio *stdio);

#endif
