/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to a creeld that runs anyway: nothing is started for them, and no
 * answer is no error.
 */
#ifndef CONTROLLER_CLI_LIVE_H
#define CONTROLLER_CLI_LIVE_H

#include "controller/cli/rpc.h"

/* The replies, as far as they come in time. */
void cli_ask_live(const struct cli_args *args, Ctl__Request *request,
		  cli_reply_fn *take, void *arg);

#endif
