/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the configuration says of exec and process.
 */
#ifndef CONTROLLER_TOOLS_EXEC_H
#define CONTROLLER_TOOLS_EXEC_H

#include <stdint.h>

#include "controller/config/config.h"
#include "controller/policy/resolve.h"
#include "controller/tools/tool.h"

#define EXEC_OUTPUT_BYTES 200000 /* of one answer */
#define EXEC_TIMEOUT_MAX_SEC 604800
#define EXEC_YIELD_MAX_MS 86400000

struct exec_settings {
	int64_t yield_ms;
	uint64_t timeout_ms;
	uint64_t cleanup_ms;
	uint64_t keep_output;
	const struct cfg_node *path_prepend; /* an array; NULL none. Borrowed */
};

/* tools.exec, and what the agent has instead. */
void exec_settings(const struct pol_session *session,
		   struct exec_settings *out);

#endif
