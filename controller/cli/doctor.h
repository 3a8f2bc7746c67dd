/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of creel doctor.  Each says one line or more.
 */
#ifndef CONTROLLER_CLI_DOCTOR_H
#define CONTROLLER_CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/cli/options.h"
#include "controller/cli/report.h"

enum doctor_level {
	DOCTOR_INVALID = 0,
	DOCTOR_GOOD,
	DOCTOR_WARN, /* works, with less */
	DOCTOR_BAD,  /* nothing works until it is changed */
};

struct doctor {
	const struct cli_args *args; /* borrowed */
	struct cli_json json;
	bool want_json;
	bool colour;
	bool bad;
	bool system; /* the system's helper is meant */
};

/* After a newline in the text: exactly what to do. */
void doctor_say(struct doctor *doctor, enum doctor_level level,
		const char *check, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
bool doctor_read(const char *path, char *text, size_t size);
bool doctor_user_name(char *name, size_t size);

void doctor_kernel(struct doctor *doctor);
void doctor_seccomp(struct doctor *doctor);
void doctor_landlock(struct doctor *doctor);
void doctor_programs(struct doctor *doctor);
void doctor_socket(struct doctor *doctor);
void doctor_userns(struct doctor *doctor);
void doctor_ids(struct doctor *doctor);
void doctor_cgroup(struct doctor *doctor);
void doctor_linger(struct doctor *doctor);
void doctor_config(struct doctor *doctor);
void doctor_store(struct doctor *doctor);
void doctor_creeld(struct doctor *doctor);

#endif
