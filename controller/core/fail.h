/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A failure on its way to a client: the error, the exit status that fits it
 * and what the person may do about it.
 */
#ifndef CONTROLLER_CORE_FAIL_H
#define CONTROLLER_CORE_FAIL_H

#include <stdint.h>

#include "proto/err.h"
#include "proto/exit-codes.h"

struct ctl_fail {
	struct err err;
	uint32_t status; /* enum creel_exit */
	char hint[120];
};

#define CTL_FAIL_INIT { .err = ERR_INIT, .status = CREEL_EXIT_FAILED }

int ctl_fail_hint(struct ctl_fail *fail, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void ctl_text_clean(char *text);

#endif
