/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sandboxes as creeld tells of them.
 */
#ifndef CONTROLLER_CLI_ITEMS_H
#define CONTROLLER_CLI_ITEMS_H

#include "controller/cli/options.h"
#include "controller/cli/report.h"
#include "proto/control.pb-c.h"

/* The object that list, stats, recreate and prune print of each. */
void cli_item_json(struct cli_json *json, const Ctl__Item *item);

/* Sandboxes that are, or would be, removed. */
struct cli_removal {
	struct cli_json json;
	bool want_json;
	FILE *out;	    /* borrowed; where lines go */
	const char *before; /* of each line: "removed" */
	size_t count;
	int status; /* an exit status */
};

/* Asks for it and says what it was; the exit status. */
int cli_removal_ask(const struct cli_args *args, Ctl__Request *request,
		    struct cli_removal *removal);

#endif
