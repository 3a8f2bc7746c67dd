/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moments: as people give them, and as they are shown.
 */
#ifndef CONTROLLER_CLI_WHEN_H
#define CONTROLLER_CLI_WHEN_H

#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

/* Milliseconds since the epoch. */
uint64_t cli_now_ms(void);
int cli_parse_when(const char *text, uint64_t now_ms, uint64_t *msec,
		   struct err *err);
/* "2026-11-23 06:50:12", local; "2026-11-23T05:50:12.345Z" */
const char *cli_when_local(uint64_t msec, char *text, size_t size);
const char *cli_when_utc(uint64_t msec, char *text, size_t size);

#endif
