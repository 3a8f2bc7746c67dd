/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration of a test's own, from its text, and what it comes to.
 */
#ifndef TESTS_UNIT_POLICY_RIG_H
#define TESTS_UNIT_POLICY_RIG_H

#include "controller/policy/resolve.h"
#include "controller/policy/tools.h"

#define RIG_HOME "/home/u"
#define RIG_STATE "/home/u/.local/state/creel"

/* Fails the test where the text is refused.  @name: "creel.json5", NULL: no
 * file at all. */
struct cfg *rig_load(const char *name, const char *text);
/* JSON5, by creel's own name. */
struct cfg *rig_json5(const char *text);
/* Fails the test where there is none. */
struct pol_session *rig_session(const struct cfg *cfg, const char *key);
/* "agents.list[0].sandbox.mode 3:5", "agents.defaults.sandbox.mode built in" */
const char *rig_origin(const struct pol_session *session,
		       enum pol_value value);

/* A resolved value as compact JSON; "unset". */
const char *rig_value(const struct pol_session *session,
		      enum pol_value value);

#endif
