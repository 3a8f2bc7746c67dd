/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `creel explain' says, before it is known how it is printed.
 */
#ifndef CONTROLLER_CLI_EXPLAIN_H
#define CONTROLLER_CLI_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/config/config.h"
#include "controller/policy/resolve.h"
#include "controller/policy/tools.h"

#define EXPLAIN_MAX_NOTES 16
#define EXPLAIN_MAX_FIXES 8

struct cli_explain {
	const struct cfg *cfg;       /* borrowed */
	struct pol_session *session; /* owned */
	struct pol_policy *policy;   /* owned */
	const char *key;             /* as it is compared: literally */
	struct pol_elevated elevated;
	struct pol_decision decision;
	bool has_tool;
	bool host_image; /* the root file system is the host's */
	const char *notes[EXPLAIN_MAX_NOTES];
	size_t n_notes;
	const char *fixes[EXPLAIN_MAX_FIXES];
	size_t n_fixes;
};

struct cli_explain_asked {
	const char *session; /* NULL: the main one */
	const char *agent;   /* NULL: the default one */
	const char *tool;    /* NULL: none in particular */
	const char *provider;
};

int cli_explain_init(struct cli_explain *explain, const struct cfg *cfg,
		     const struct cli_explain_asked *asked, struct err *err);
void cli_explain_fini(struct cli_explain *explain);
void cli_explain_note_sources(struct cli_explain *explain);
void cli_explain_note(struct cli_explain *explain, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "default", "global" or "agent" */
const char *cli_explain_level(enum pol_level level);

void cli_explain_json(const struct cli_explain *explain);
void cli_explain_text(const struct cli_explain *explain);

#endif
