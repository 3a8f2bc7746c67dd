// SPDX-License-Identifier: Apache-2.0
/*
 * The environment of a command is made from nothing: what --env and --env-file
 * name, in the order of the command line, and TERM where there is a terminal.
 * The controller adds PATH, HOME and the like where they are missing.
 */
#include <config.h>

#include "controller/cli/strings.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"

#define ENV_FILE_MAX_BYTES (1024 * 1024)

static int check_name(const char *text, size_t len, struct err *err)
{
	if (len == 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "no name before the \"=\"");
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "a name has a blank or a control character");
	return 0;
}

static int put(struct cli_env *env, char *entry, size_t name_len,
	       struct err *err)
{
	for (size_t i = 0; i < env->count; i++) {
		if (!strncmp(env->list[i], entry, name_len + 1)) {
			free(env->list[i]);
			env->list[i] = entry;
			return 0;
		}
	}
	if (env->count == CLI_ENV_MAX) {
		free(entry);
		return err_set(err, ERR_LIMIT, 0,
			       "more than %d environment variables",
			       CLI_ENV_MAX);
	}
	if (env->count == env->room) {
		size_t room = env->room ? env->room * 2 : 16;
		char **list = reallocarray(env->list, room, sizeof(*list));

		if (!list) {
			free(entry);
			return err_set(err, ERR_KERNEL, ENOMEM, "environment");
		}
		env->list = list;
		env->room = room;
	}
	env->list[env->count++] = entry;
	return 0;
}

/**
 * cli_env_add() - NAME=VALUE, or NAME, which takes the caller's value
 *
 * A NAME that the caller does not have either is passed over, as Docker does.
 * A later value replaces an earlier one.
 */
int cli_env_add(struct cli_env *env, const char *text, struct err *err)
{
	size_t name_len = strcspn(text, "=");
	const char *value;
	char *entry = NULL;

	if (check_name(text, name_len, err))
		return -1;
	if (text[name_len] == '=') {
		entry = strdup(text);
	} else {
		value = getenv(text);
		if (!value)
			return 0;
		if (asprintf(&entry, "%s=%s", text, value) < 0)
			entry = NULL;
	}
	if (!entry)
		return err_set(err, ERR_KERNEL, ENOMEM, "environment");
	return put(env, entry, name_len, err);
}

static int read_file(const char *path, char **text, size_t *len,
		     struct err *err)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	auto_free char *buf = malloc(ENV_FILE_MAX_BYTES + 1);
	size_t used = 0;
	ssize_t got;

	if (fd < 0)
		return err_set(err, ERR_BAD_REQUEST, errno, "cannot open");
	if (!buf)
		return err_set(err, ERR_KERNEL, ENOMEM, "environment");
	do {
		got = read(fd, buf + used, ENV_FILE_MAX_BYTES + 1 - used);
		if (got < 0 && errno != EINTR)
			return err_set(err, ERR_BAD_REQUEST, errno,
				       "cannot read");
		used += got > 0 ? (size_t)got : 0;
	} while (got != 0 && used <= ENV_FILE_MAX_BYTES);
	if (used > ENV_FILE_MAX_BYTES)
		return err_set(err, ERR_LIMIT, 0, "larger than 1 MiB");
	buf[used] = '\0';
	if (strlen(buf) != used)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "has a NUL byte: not a text file");
	*len = used;
	*text = ptr_take(&buf);
	return 0;
}

/**
 * cli_env_add_file() - one NAME=VALUE or NAME a line
 *
 * Blanks before a name, empty lines and lines that begin with # are passed
 * over; nothing is quoted.
 */
int cli_env_add_file(struct cli_env *env, const char *path, struct err *err)
{
	auto_free char *text = NULL;
	unsigned int number = 0;
	size_t len = 0;
	char *line;
	char *rest;

	if (read_file(path, &text, &len, err))
		return -1;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		size_t end = strlen(line);

		number++;
		if (end > 0 && line[end - 1] == '\r')
			line[end - 1] = '\0';
		line += strspn(line, " \t");
		if (!*line || *line == '#')
			continue;
		if (cli_env_add(env, line, err))
			return err_wrap(err, "line %u", number);
	}
	return 0;
}

/**
 * cli_env_fini() - release; idempotent
 */
void cli_env_fini(struct cli_env *env)
{
	for (size_t i = 0; i < env->count; i++)
		free(env->list[i]);
	free(env->list);
	*env = (struct cli_env){ .list = NULL };
}
