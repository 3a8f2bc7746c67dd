/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where creel's own programs are, and where its helper listens.
 */
#ifndef CONTROLLER_CLI_PATHS_H
#define CONTROLLER_CLI_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/err.h"

#define CLI_PATH_MAX 4096

int cli_path_program(const char *name, const char *built, char *path,
		     struct err *err);
int cli_path_runtime(bool system, char *path, struct err *err);
int cli_runtime_open(const char *path, bool system, bool create,
		     struct err *err);

#endif
