/* SPDX-License-Identifier: Apache-2.0 */
/* From the arguments of a verb to a step that the policy allows. */
#ifndef HELPER_VALIDATE_H
#define HELPER_VALIDATE_H

#include <stddef.h>

#include "helper/policy.h"
#include "helper/step.h"
#include "helper/unpack.h"
#include "proto/err.h"

int hlp_validate(const struct hlp_args *args, const struct hlp_policy *policy,
		 size_t n_fds, struct hlp_step *step, struct err *err);
int hlp_validate_fds(const struct hlp_args *args, const int *fds, size_t n_fds,
		     struct err *err);

#endif
