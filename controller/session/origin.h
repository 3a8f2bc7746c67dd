/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of keys in messages: where a value comes from.
 */
#ifndef CONTROLLER_SESSION_ORIGIN_H
#define CONTROLLER_SESSION_ORIGIN_H

#include <stddef.h>

#include "controller/policy/resolve.h"

#define SES_ORIGIN_BYTES 112

/* "agents.defaults.workspace at creel.json5:12" */
const char *ses_origin(const struct pol_session *session, enum pol_value value,
		       char text[SES_ORIGIN_BYTES]);
/* "agents.list[2].sandbox.docker.binds[0] at creel.json5:12" */
const char *ses_origin_bind(const struct pol_session *session, size_t index,
			    char text[SES_ORIGIN_BYTES]);

#endif
