// SPDX-License-Identifier: Apache-2.0
/*
 * Packs argv and the environment.  An argument is never joined with another,
 * split or quoted: what the caller wrote is what the command gets.
 */
#include <config.h>

#include "controller/cli/strings.h"

#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"

static int append(struct cli_strings *strings, const char *text,
		  struct err *err)
{
	size_t len = strlen(text) + 1;

	if (len > CLI_STRING_MAX_BYTES)
		return err_set(err, ERR_LIMIT, 0,
			       "longer than %d bytes, more than the kernel takes",
			       CLI_STRING_MAX_BYTES - 1);
	if (strings->len + len > CLI_STRINGS_MAX_BYTES)
		return err_set(err, ERR_LIMIT, 0,
			       "arguments and environment are larger than %d KiB",
			       CLI_STRINGS_MAX_BYTES / 1024);
	if (strings->len + len > strings->room) {
		size_t room = (strings->len + len) * 2 + 1024;
		char *bytes = realloc(strings->bytes, room);

		if (!bytes)
			return err_set(err, ERR_KERNEL, ENOMEM, "arguments");
		strings->bytes = bytes;
		strings->room = room;
	}
	memcpy(strings->bytes + strings->len, text, len);
	strings->len += len;
	return 0;
}

static int collect_env(const struct cli_args *args, bool tty,
		       struct cli_env *env, struct err *err)
{
	if (tty && getenv("TERM") && cli_env_add(env, "TERM", err))
		return -1;
	for (size_t i = 0; i < args->n_given; i++) {
		const struct cli_given *given = &args->given[i];

		if (given->opt == CLI_OPT_ENV &&
		    cli_env_add(env, given->value, err))
			return err_wrap(err, "--env");
		if (given->opt == CLI_OPT_ENV_FILE &&
		    cli_env_add_file(env, given->value, err))
			return err_wrap(err, "--env-file %.64s", given->value);
	}
	return 0;
}

/**
 * cli_strings_build() - argv, then the environment
 * @args:    for --env and --env-file
 * @words:   the command, NULL-terminated; may be empty
 * @tty:     the command gets a terminal: TERM goes with it
 * @strings: filled; cli_strings_fini() is due on failure too
 */
int cli_strings_build(const struct cli_args *args, char **words, bool tty,
		      struct cli_strings *strings, struct err *err)
{
	__attribute__((cleanup(cli_env_fini))) struct cli_env env = {
		.list = NULL,
	};

	*strings = (struct cli_strings){ .bytes = NULL };
	for (; *words; words++) {
		if (strings->argc == CLI_ARGS_MAX)
			return err_set(err, ERR_LIMIT, 0,
				       "command: more than %d arguments",
				       CLI_ARGS_MAX);
		if (append(strings, *words, err))
			return err_wrap(err, "argument %zu", strings->argc);
		strings->argc++;
	}
	if (collect_env(args, tty, &env, err))
		return -1;
	for (size_t i = 0; i < env.count; i++)
		if (append(strings, env.list[i], err))
			return err_wrap(err, "--env %.*s",
					(int)strcspn(env.list[i], "="),
					env.list[i]);
	strings->envc = env.count;
	return 0;
}

/**
 * cli_strings_fini() - release; idempotent
 */
void cli_strings_fini(struct cli_strings *strings)
{
	ptr_free(&strings->bytes);
	strings->len = 0;
}
