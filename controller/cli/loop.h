/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of a verb that waits for more than one thing.
 */
#ifndef CONTROLLER_CLI_LOOP_H
#define CONTROLLER_CLI_LOOP_H

#include "proto/err.h"

struct event_base;

struct event_base *cli_loop_new(struct err *err);

#endif
