/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to creeld, by way of the helper that listens for it.
 */
#ifndef CONTROLLER_CLI_CONNECT_H
#define CONTROLLER_CLI_CONNECT_H

#include <stdbool.h>

#include "controller/cli/options.h"
#include "proto/err.h"

/* For how long a lost controller is waited for. */
#define CLI_RECONNECT_MS 5000
#define CLI_RETRY_MS 20

enum cli_helper {
	CLI_HELPER_INVALID = 0,
	CLI_HELPER_SYSTEM,
	CLI_HELPER_ROOTLESS,
};

struct cli_target {
	enum cli_helper helper; /* whose socket */
	bool forced;		/* by an option: no other is tried */
};

void cli_target_choose(const struct cli_args *args, struct cli_target *target);
int cli_connect(struct cli_target *target, struct err *err);
int cli_connect_live(const char *dir, bool system, struct err *err);
bool cli_target_fall_back(struct cli_target *target);
void cli_connect_hint(const struct err *err);

void cli_reset_signals(void);
int cli_start_listener(const char *dir, int dir_fd, bool system,
		       struct err *err);
char **cli_helper_env(void);

#endif
