/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's Python in a sandbox: tools.python_exec.python_path and venv_path.
 */
#ifndef CONTROLLER_POLICY_PYTHON_H
#define CONTROLLER_POLICY_PYTHON_H

#include "controller/policy/values.h"

#define POL_PYTHON_BINDS 2

const char *pol_host_path(const struct cfg *cfg, struct cfg_tree *mem,
			  const char *text);
size_t pol_python_binds(const struct pol_work *work, struct cfg_bind *list,
			size_t n);

#endif
