// SPDX-License-Identifier: Apache-2.0
/*
 * The arguments of a tool, as a command line gives them.  Only looked at here,
 * so that a slip is told with its place: what is sent are the bytes that came.
 */
#include <config.h>

#include "controller/cli/verb-tool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "proto/cleanup.h"

#define ARGS_MAX_BYTES (8u << 20)
#define CHUNK_BYTES (64u << 10)

static int read_all(int fd, const char *name, char **bytes, size_t *len,
		    struct err *err)
{
	size_t room = 0;

	for (;;) {
		ssize_t got;

		if (room - *len < CHUNK_BYTES) {
			char *more = realloc(*bytes,
					     room * 2 + CHUNK_BYTES + 1);

			if (!more)
				return err_set(err, ERR_KERNEL, ENOMEM, "%.90s",
					       name);
			*bytes = more;
			room = room * 2 + CHUNK_BYTES;
		}
		got = read(fd, *bytes + *len, room - *len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(err, ERR_KERNEL, errno, "%.90s", name);
		if (got == 0)
			break;
		*len += (size_t)got;
		if (*len > ARGS_MAX_BYTES)
			return err_set(err, ERR_LIMIT, 0,
				       "%.90s: more than %u bytes", name,
				       ARGS_MAX_BYTES);
	}
	(*bytes)[*len] = '\0';
	return 0;
}

static int read_file(const char *path, char **bytes, size_t *len,
		     struct err *err)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_set(err, ERR_KERNEL, errno, "%.90s", path);
	return read_all(fd, path, bytes, len, err);
}

static int check(const char *name, const char *bytes, size_t len,
		 struct err *err)
{
	json_error_t error = { .line = 0 };
	json_t *args = json_loadb(bytes, len,
				  JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES |
					  JSON_DECODE_ANY,
				  &error);
	bool is_object = json_is_object(args);

	json_decref(args);
	if (!args)
		return err_set(err, ERR_BAD_REQUEST, 0, "%.60s:%d:%d: %s",
			       name, error.line, error.column, error.text);
	if (!is_object)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%.60s:1:1: expected an object, as in {\"path\": \"a\"}",
			       name);
	return 0;
}

/**
 * cli_tool_args() - the arguments that a word means
 * @word: JSON, @FILE, "-" for standard input, or NULL: none
 * @json: owned by the caller, NULL on failure
 * @err:  BAD_REQUEST where it is no JSON object, with its place
 */
int cli_tool_args(const char *word, char **json, size_t *len, struct err *err)
{
	auto_free char *bytes = NULL;
	const char *name = "arguments";
	int ret = 0;

	*json = NULL;
	*len = 0;
	if (word && !strcmp(word, "-")) {
		name = "standard input";
		ret = read_all(STDIN_FILENO, name, &bytes, len, err);
	} else if (word && word[0] == '@') {
		name = word + 1;
		ret = read_file(name, &bytes, len, err);
	} else {
		bytes = strdup(word ? word : "{}");
		*len = bytes ? strlen(bytes) : 0;
		if (!bytes)
			return err_set(err, ERR_KERNEL, ENOMEM, "%s", name);
	}
	if (ret || check(name, bytes, *len, err))
		return -1;
	*json = ptr_take(&bytes);
	return 0;
}
