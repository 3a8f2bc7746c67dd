/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session keys, for what resolves sessions.
 */
#ifndef CONTROLLER_POLICY_KEY_H
#define CONTROLLER_POLICY_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/policy/resolve.h"

/* Room for "agent:", an id, a colon and a rest. */
#define POL_CANONICAL_BYTES (6 + CFG_AGENT_ID_MAX + 1 + POL_KEY_MAX_BYTES + 1)

struct pol_key {
	char agent_id[CFG_AGENT_ID_MAX + 1];
	char given[POL_KEY_MAX_BYTES + 1]; /* without the blanks around it */
	char key[POL_CANONICAL_BYTES];
	char main_key[POL_CANONICAL_BYTES];
	bool is_main;
};

int pol_key_read(const struct cfg *cfg, const char *text, const char *agent,
		 struct pol_key *key, struct err *err);
const char *pol_key_channel(const char *key);

/* slug.c */
char pol_lower(char c);
size_t pol_decode(const char *at, size_t left, uint32_t *code);
const char *pol_trim(const char *text, size_t *len);

#endif
