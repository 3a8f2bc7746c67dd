/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of one tool, each answered at once by a backend of the test's own, in a
 * session without a configuration.
 */
#ifndef TESTS_UNIT_TOOL_ONCE_H
#define TESTS_UNIT_TOOL_ONCE_H

#include <stdbool.h>

#include <jansson.h>

#include "controller/tools/backend.h"

void once_begin(const struct tool *tool, const struct tool_backend *backend);
/* Idempotent. */
void once_end(void);

/* -1: the arguments were refused, @err. */
int once_call(const char *args, struct err *err);
/* They must not be. */
void once_run(const char *args);

/* Of the last call. */
bool once_is_error(void);
const char *once_text(void);
const json_t *once_member(const char *name);

#endif
