/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys as a terminal sends them.
 */
#ifndef CONTROLLER_TOOLS_KEYS_H
#define CONTROLLER_TOOLS_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "proto/err.h"

#define KEYS_MAX_BYTES (1U << 20)

struct keys {
	char *bytes; /* owned */
	size_t len, size;
};

void keys_fini(struct keys *keys);
/* As they are. -1: no memory, or too many. */
int keys_add(struct keys *keys, const char *bytes, size_t len, struct err *err);
/*
 * One key as tmux(1) names it: Enter, C-c, M-x, ^C, S-Up, F5. What is no name
 * is typed as it is.
 * @newline: Enter ends a line of a pipe, which knows no carriage return
 */
int keys_add_name(struct keys *keys, const char *name, size_t len, bool newline,
		  struct err *err);
/* Two hexadecimal digits, with or without 0x. */
int keys_add_hex(struct keys *keys, const char *text, struct err *err);
/* As a terminal marks what is pasted. */
int keys_add_paste(struct keys *keys, const char *text, size_t len,
		   bool bracketed, struct err *err);

#endif
