/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to creeld that are answered at once.
 */
#ifndef CONTROLLER_CLI_RPC_H
#define CONTROLLER_CLI_RPC_H

#include <stdbool.h>
#include <time.h>

#include "controller/cli/connect.h"
#include "controller/cli/options.h"
#include "proto/control.pb-c.h"
#include "proto/err.h"
#include "proto/wire.h"

/* Takes one reply; returns false after the last one. */
typedef bool cli_reply_fn(const Ctl__Reply *reply, void *arg);

int cli_ask(const struct cli_args *args, Ctl__Request *request,
	    cli_reply_fn *take, void *arg);
Ctl__Reply *cli_reply_unpack(const struct wire_frame *frame, struct err *err);
void cli_frame_init(struct wire_frame *frame);
int cli_report_error(const Ctl__Error *error, int otherwise);
bool cli_time_up(struct timespec *since, unsigned int msec);

#endif
