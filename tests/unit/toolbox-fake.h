/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A toolbox that does what a test says, in the place of the client's.
 */
#ifndef TESTS_UNIT_TOOLBOX_FAKE_H
#define TESTS_UNIT_TOOLBOX_FAKE_H

#include "controller/cli/toolbox.h"

#define FAKE_TOOLS \
	"[{\"name\":\"exec\",\"inputSchema\":{\"type\":\"object\"}}," \
	"{\"name\":\"read\",\"inputSchema\":{\"type\":\"object\"}}]"

struct toolbox_call {
	struct toolbox_call *next;
	char *name, *args; /* owned */
	const struct toolbox_call_ops *ops;
	void *arg;
	bool cancelled;
};

struct toolbox {
	const struct toolbox_ops *ops;
	void *arg;
	struct toolbox_call *calls; /* oldest first */
};

/* Of the one that was opened last. */
extern struct toolbox *fake;
extern bool fake_opens;    /* false: toolbox_open() says no */
extern bool fake_refuses;  /* toolbox_call() says no */

void fake_open(const char *tools, const char *warning);
void fake_fail(const char *text, const char *hint);
/* Ends the oldest call. @json: NULL: it has no result */
void fake_done(const char *json, enum err_code code);

#endif
