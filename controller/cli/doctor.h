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

/* @hint: exactly what to do; NULL where nothing is to be done. */
void doctor_say(struct doctor *doctor, enum doctor_level level,
		const char *check, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
bool doctor_read(const char *path, char *text, size_t size);

void doctor_kernel(struct doctor *doctor);
void doctor_seccomp(struct doctor *doctor);
void doctor_landlock(struct doctor *doctor);
void doctor_programs(struct doctor *doctor);
void doctor_socket(struct doctor *doctor);
void doctor_userns(struct doctor *doctor);
void doctor_ids(struct doctor *doctor);
void doctor_cgroup(struct doctor *doctor);
void doctor_linger(struct doctor *doctor);

#endif
