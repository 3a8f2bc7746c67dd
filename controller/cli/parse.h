/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of options.  Everything here is pure: text in, numbers out, or an
 * error that says what was expected.
 */
#ifndef CONTROLLER_CLI_PARSE_H
#define CONTROLLER_CLI_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

#define CLI_CPU_PERIOD_USEC 100000
#define CLI_UNLIMITED UINT64_MAX

/* DIR[:ro|rw] */
struct cli_place {
	char *source; /* owned */
	char *target; /* owned; NULL for a workspace */
	bool readonly;
};

struct cli_tmpfs {
	char *target; /* owned */
	uint64_t size;
	uint32_t mode;
	bool noexec;
};

struct cli_ulimit {
	char name[16];
	uint64_t soft;
	uint64_t hard;
};

/* End with NULL. */
extern const char *const cli_ulimit_names[];
extern const char *const cli_cap_names[];

int cli_parse_number(const char *text, uint64_t max, uint64_t *value,
		     struct err *err);
int cli_parse_duration(const char *text, uint64_t *msec, struct err *err);
int cli_parse_size(const char *text, uint64_t *bytes, struct err *err);
int cli_parse_swap(const char *text, uint64_t *bytes, struct err *err);
int cli_parse_cpus(const char *text, uint64_t *usec, struct err *err);
int cli_parse_ulimit(const char *text, struct cli_ulimit *limit,
		     struct err *err);
int cli_parse_caps(const char *text, uint64_t *mask, struct err *err);
int cli_parse_user(const char *text, struct err *err);
int cli_parse_name(const char *text, struct err *err);
int cli_parse_signal(const char *text, uint32_t *number, struct err *err);
int cli_parse_target_path(const char *text, struct err *err);
int cli_parse_workspace(const char *text, struct cli_place *place,
			struct err *err);
int cli_parse_bind(const char *text, struct cli_place *place, struct err *err);
int cli_parse_host(const char *text, struct cli_place *place, struct err *err);
void cli_place_fini(struct cli_place *place);
int cli_parse_tmpfs(const char *text, struct cli_tmpfs *tmpfs,
		    struct err *err);
void cli_tmpfs_fini(struct cli_tmpfs *tmpfs);

#endif
