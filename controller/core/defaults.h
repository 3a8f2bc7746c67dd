/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command of a sandbox gets where its caller asked for nothing
 * else.
 */
#ifndef CONTROLLER_CORE_DEFAULTS_H
#define CONTROLLER_CORE_DEFAULTS_H

#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

struct ctl_command;

#define CTL_DEFAULTS_MAX_BYTES (1U << 20)

struct ctl_defaults {
	char *env; /* owned; envc strings NAME=VALUE, NULs included */
	size_t env_len;
	uint32_t envc;
	int filter_fd; /* owned, -1 none; a sealed memfd */
};

void ctl_defaults_init(struct ctl_defaults *defaults);
void ctl_defaults_fini(struct ctl_defaults *defaults);
int ctl_defaults_add_env(struct ctl_defaults *defaults, const char *pair,
			 struct err *err);
int ctl_defaults_set_filter(struct ctl_defaults *defaults, const void *program,
			    size_t len, struct err *err);
int ctl_defaults_pack(const struct ctl_defaults *defaults, void **bytes,
		      size_t *len, struct err *err);
int ctl_defaults_unpack(struct ctl_defaults *defaults, const void *bytes,
			size_t len, struct err *err);
int ctl_defaults_apply(const struct ctl_defaults *defaults,
		       struct ctl_command *cmd, struct err *err);

#endif
