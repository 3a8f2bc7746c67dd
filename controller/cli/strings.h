/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command's arguments and environment, as one block of NUL-terminated
 * strings.
 */
#ifndef CONTROLLER_CLI_STRINGS_H
#define CONTROLLER_CLI_STRINGS_H

#include <stddef.h>

#include "controller/cli/options.h"
#include "proto/err.h"

/* As the kernel's execve(2) has it, and what fits beside it. */
#define CLI_STRING_MAX_BYTES (128 * 1024)
#define CLI_STRINGS_MAX_BYTES (1536 * 1024)
#define CLI_ARGS_MAX 32768
#define CLI_ENV_MAX 4096

struct cli_strings {
	char *bytes; /* owned */
	size_t len;
	size_t room;
	size_t argc;
	size_t envc;
};

/* NAME=VALUE, each name once. */
struct cli_env {
	char **list; /* owned, and each string */
	size_t count;
	size_t room;
};

int cli_env_add(struct cli_env *env, const char *text, struct err *err);
int cli_env_add_file(struct cli_env *env, const char *path, struct err *err);
void cli_env_fini(struct cli_env *env);

int cli_strings_build(const struct cli_args *args, char **words, bool tty,
		      struct cli_strings *strings, struct err *err);
void cli_strings_fini(struct cli_strings *strings);

#endif
