/* SPDX-License-Identifier: Apache-2.0 */
/* The dispatcher's own system call filter. */
#ifndef HELPER_FILTER_H
#define HELPER_FILTER_H

#include <stddef.h>

#include "proto/err.h"

struct hlp_syscall {
	long number;
	const char *reason; /* the function that needs it */
};

const struct hlp_syscall *hlp_filter_table(size_t *count);
int hlp_filter_install(struct err *err);

#endif
