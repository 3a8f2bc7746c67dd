/* SPDX-License-Identifier: Apache-2.0 */
/* What a user may ask for: values and descriptors of a step. */
#ifndef HELPER_VALIDATE_H
#define HELPER_VALIDATE_H

#include <stddef.h>

#include "helper/policy.h"
#include "helper/step.h"
#include "proto/err.h"

int hlp_validate(const struct hlp_step *step, const struct hlp_policy *policy,
		 const int *fds, size_t n_fds, struct err *err);
int hlp_validate_kept(int fd, struct err *err);

#endif
