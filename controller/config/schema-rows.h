/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows, by section: schema.c strings them together.
 */
#ifndef CONTROLLER_CONFIG_SCHEMA_ROWS_H
#define CONTROLLER_CONFIG_SCHEMA_ROWS_H

#include "controller/config/schema.h"

struct cfg_rows {
	const struct cfg_key *rows;
	size_t count;
	const char *title; /* in creel.conf(5) */
	const char *intro; /* mdoc(7) */
};

#define CFG_ROWS(list) (sizeof(list) / sizeof((list)[0]))

extern const struct cfg_rows cfg_rows_agents;
extern const struct cfg_rows cfg_rows_sandbox;
extern const struct cfg_rows cfg_rows_docker;
extern const struct cfg_rows cfg_rows_browser;
extern const struct cfg_rows cfg_rows_tools;
extern const struct cfg_rows cfg_rows_python;
extern const struct cfg_rows cfg_rows_minibot;
extern const struct cfg_rows cfg_rows_own;

/* In the manual's order; NULL after the last. */
const struct cfg_rows *cfg_rows_at(size_t index);

#endif
