/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves bytes from one descriptor to another, no faster than they are taken.
 */
#ifndef CONTROLLER_CLI_RELAY_H
#define CONTROLLER_CLI_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/err.h"

struct event_base;
struct relay;

/* The relay has moved its last byte; it is not to be used any more. */
typedef void relay_end_fn(struct relay *relay, void *arg);

struct relay_ends {
	int in_fd;     /* owned where own_in */
	int out_fd;    /* owned where own_out */
	bool own_in;
	bool own_out;
	bool in_blocks; /* one read for each time that it is ready */
	bool in_file;  /* cannot be waited for: always ready */
	bool out_file;
	bool hold_out; /* another relay goes on using it: not closed at the end */
};

struct relay *relay_new(struct event_base *base,
			const struct relay_ends *ends, relay_end_fn *on_end,
			void *arg);
void relay_free(struct relay *relay);
void relay_drain(struct relay *relay);
void relay_cut(struct relay *relay);
bool relay_idle(const struct relay *relay);
int relay_error(const struct relay *relay);
unsigned char relay_last_byte(const struct relay *relay);

#endif
