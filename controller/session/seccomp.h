/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker.seccompProfile: a file of the user's.
 */
#ifndef CONTROLLER_SESSION_SECCOMP_H
#define CONTROLLER_SESSION_SECCOMP_H

#include <stdint.h>

#include "controller/core/fail.h"
#include "controller/filter/profile.h"

int ses_seccomp_compile(const char *path, uint64_t cap_keep,
			struct flt_program *program, struct ctl_fail *fail);
int ses_seccomp_warning(const struct flt_program *program, char *text,
			size_t size);

#endif
