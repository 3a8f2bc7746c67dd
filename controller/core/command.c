// SPDX-License-Identifier: Apache-2.0
/*
 * Commands: arguments and environment are counted and measured before they
 * are copied, descriptors are looked at before they are passed on.
 */
#include <config.h>

#include "controller/core/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/core/source.h"
#include "controller/core/spec.h"
#include "proto/cleanup.h"

#define TIMEOUT_MAX_MS (366ULL * 24 * 3600 * 1000)
#define FILTER_MAX_BYTES (4096 * 8)
#define TERM_MAX_CELLS 10000

static const struct {
	const char *name;
	enum ctl_filter filter;
} filters[] = {
	{ "", CTL_FILTER_AGENT },
	{ "agent", CTL_FILTER_AGENT },
	{ "strict", CTL_FILTER_STRICT },
	{ "baseline", CTL_FILTER_BASELINE },
};

static bool is_variable(const char *text)
{
	const char *equals = strchr(text, '=');

	return equals && equals != text;
}

/* Are these argc + envc strings, and no byte more? */
static int check_strings(const struct ctl_command *cmd, struct err *err)
{
	uint64_t want = (uint64_t)cmd->argc + cmd->envc;
	const char *at = cmd->strings;
	size_t left = cmd->len;

	for (uint64_t i = 0; i < want; i++) {
		const char *end = left ? memchr(at, '\0', left) : NULL;
		size_t n;

		if (!end)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "command: fewer strings than it names");
		n = (size_t)(end - at) + 1;
		if (n > CTL_STRING_MAX_BYTES)
			return err_set(err, ERR_LIMIT, 0,
				       "%s: one is longer than %u KiB",
				       i < cmd->argc ? "arguments" :
						       "environment",
				       CTL_STRING_MAX_BYTES >> 10);
		if (i >= cmd->argc && !is_variable(at))
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "--env: a variable is not NAME=VALUE");
		at += n;
		left -= n;
	}
	if (left > 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "command: more strings than it names");
	return 0;
}

/* A sealed memfd cannot block and cannot change. */
static int read_memfd(int fd, char *buf, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t got = pread(fd, buf + at, len - at, (off_t)at);

		if (got <= 0)
			return -1;
		at += (size_t)got;
	}
	return 0;
}

static int set_strings(struct ctl_command *cmd, const Ctl__Command *msg,
		       struct wire_frame *frame, struct err *err)
{
	auto_fd fd = -1;

	cmd->argc = msg->argc;
	cmd->envc = msg->envc;
	if (msg->argc > CTL_MAX_STRINGS || msg->envc > CTL_MAX_STRINGS ||
	    msg->argc + msg->envc > CTL_MAX_STRINGS)
		return err_set(err, ERR_LIMIT, 0,
			       "command: %u arguments and %u variables, at most %d together",
			       msg->argc, msg->envc, CTL_MAX_STRINGS);
	if (msg->argc == 0 && !msg->login)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "command: there is none");
	cmd->len = msg->strings.len;
	if (msg->strings_fd) {
		fd = wire_frame_take_fd(frame, msg->strings_fd - 1);
		if (msg->strings.len > 0)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "command: strings given twice");
		if (ctl_memfd_check(fd, "arguments and environment",
				    CTL_STRINGS_MAX_BYTES, &cmd->len, err) < 0)
			return -1;
	}
	cmd->strings = malloc(cmd->len + 1);
	if (!cmd->strings)
		return err_set(err, ERR_KERNEL, ENOMEM, "command");
	if (fd >= 0 && read_memfd(fd, cmd->strings, cmd->len) < 0)
		return err_set(err, ERR_KERNEL, EIO, "command");
	if (fd < 0 && cmd->len > 0)
		memcpy(cmd->strings, msg->strings.data, cmd->len);
	return check_strings(cmd, err);
}

static int set_filter(struct ctl_command *cmd, const Ctl__Command *msg,
		      struct wire_frame *frame, struct err *err)
{
	size_t size;

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (strcmp(filters[i].name, msg->seccomp) == 0)
			cmd->filter = filters[i].filter;
	if (cmd->filter == CTL_FILTER_INVALID)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--seccomp: neither agent, strict nor baseline");
	cmd->filter_given = msg->seccomp[0] || msg->seccomp_fd;
	if (!msg->seccomp_fd)
		return 0;
	cmd->filter_fd = wire_frame_take_fd(frame, msg->seccomp_fd - 1);
	if (ctl_memfd_check(cmd->filter_fd, "--seccomp", FILTER_MAX_BYTES,
			    &size, err) < 0)
		return -1;
	if (size == 0 || size % 8 != 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--seccomp: not a program of whole instructions");
	return 0;
}

static int take_stream(struct wire_frame *frame, uint32_t number,
		       const char *what, enum ctl_stream kind, struct err *err)
{
	auto_fd fd = wire_frame_take_fd(frame, number - 1);

	if (fd < 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%s: no descriptor came with the request", what);
	if (ctl_stream_check(fd, what, kind, err) < 0)
		return -1;
	return fd_take(&fd);
}

static int set_streams(struct ctl_command *cmd, const Ctl__Command *msg,
		       struct wire_frame *frame, struct err *err)
{
	const uint32_t numbers[3] = { msg->stdin_fd, msg->stdout_fd,
				      msg->stderr_fd };
	static const char *const names[3] = { "stdin", "stdout", "stderr" };

	for (int i = 0; i < 3; i++) {
		if (!numbers[i])
			continue;
		if (msg->tty)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "%s: given together with a terminal",
				       names[i]);
		cmd->stdio[i] = take_stream(frame, numbers[i], names[i],
					    CTL_STREAM_STDIO, err);
		if (cmd->stdio[i] < 0)
			return -1;
	}
	if (!msg->lifeline_fd)
		return 0;
	cmd->lifeline_fd = take_stream(frame, msg->lifeline_fd, "lifeline",
				       CTL_STREAM_LIFELINE, err);
	return cmd->lifeline_fd < 0 ? -1 : 0;
}

static int set_rest(struct ctl_command *cmd, const Ctl__Command *msg,
		    struct err *err)
{
	struct ctl_user user;

	if (msg->token.len != WIRE_ID_BYTES)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "command: its token is not of %d bytes",
			       WIRE_ID_BYTES);
	memcpy(cmd->token, msg->token.data, WIRE_ID_BYTES);
	if (msg->workdir[0] &&
	    ctl_target_normalise(msg->workdir, &cmd->workdir, err) < 0)
		return err_wrap(err, "--workdir");
	if (msg->user[0] && ctl_user_parse(msg->user, &user, err) < 0)
		return err_wrap(err, "--user");
	(void)snprintf(cmd->user_text, sizeof(cmd->user_text), "%s", msg->user);
	if (msg->timeout_ms > TIMEOUT_MAX_MS)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--timeout: longer than a year");
	if (msg->rows > TERM_MAX_CELLS || msg->cols > TERM_MAX_CELLS)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "terminal: larger than %d cells",
			       TERM_MAX_CELLS);
	cmd->timeout_ms = msg->timeout_ms;
	cmd->tty = msg->tty;
	cmd->rows = msg->rows;
	cmd->cols = msg->cols;
	cmd->memory_peak = msg->memory_peak;
	cmd->login = msg->login;
	return 0;
}

/**
 * ctl_command_new() - check a command
 * @msg:   from a client
 * @frame: the datagram that it came in; its descriptors are taken
 *
 * Return: an owned command or NULL.
 */
struct ctl_command *ctl_command_new(const Ctl__Command *msg,
				    struct wire_frame *frame,
				    struct ctl_fail *fail)
{
	struct ctl_command *cmd = calloc(1, sizeof(*cmd));

	if (!cmd || !msg) {
		free(cmd);
		err_set(&fail->err, ERR_BAD_REQUEST, 0,
			"command: there is none");
		return NULL;
	}
	cmd->filter_fd = cmd->lifeline_fd = -1;
	cmd->stdio[0] = cmd->stdio[1] = cmd->stdio[2] = -1;
	if (set_rest(cmd, msg, &fail->err) == 0 &&
	    set_strings(cmd, msg, frame, &fail->err) == 0 &&
	    set_filter(cmd, msg, frame, &fail->err) == 0 &&
	    set_streams(cmd, msg, frame, &fail->err) == 0)
		return cmd;
	ctl_command_free(cmd);
	return NULL;
}

/**
 * ctl_command_free() - release a command and its descriptors; NULL is fine
 */
void ctl_command_free(struct ctl_command *cmd)
{
	if (!cmd)
		return;
	for (int i = 0; i < 3; i++)
		fd_close(&cmd->stdio[i]);
	fd_close(&cmd->lifeline_fd);
	fd_close(&cmd->filter_fd);
	free(cmd->strings);
	free(cmd->workdir);
	free(cmd);
}

/* The variables that a command has where the caller gave none. */
struct extra {
	char text[6][160];
	size_t n;
	size_t len; /* NULs included */
};

static bool has_variable(const struct ctl_command *cmd, const char *pair)
{
	size_t n = (size_t)(strchr(pair, '=') - pair) + 1;
	const char *at = cmd->strings;
	const char *end = cmd->strings + cmd->len;

	for (uint32_t i = 0; at < end; i++, at += strlen(at) + 1)
		if (i >= cmd->argc && strncmp(at, pair, n) == 0)
			return true;
	return false;
}

static void add_extra(struct extra *extra, const struct ctl_command *cmd,
		      const char *name, const char *value)
{
	char *text = extra->text[extra->n];

	(void)snprintf(text, sizeof(extra->text[0]), "%s=%s", name, value);
	if (has_variable(cmd, text))
		return;
	extra->len += strlen(text) + 1;
	extra->n++;
}

static size_t put(char *out, const char *text)
{
	size_t n = strlen(text) + 1;

	memcpy(out, text, n);
	return n;
}

/* A shell without arguments, as login(1) would start it. */
static int make_login(struct ctl_command *cmd, const struct ctl_user *user)
{
	const char *shell = user->shell[0] ? user->shell : "/bin/sh";
	size_t head = strlen(shell) + 1 + sizeof("-l");
	char *strings = malloc(head + cmd->len + 1);
	size_t at;

	if (!strings)
		return -1;
	at = put(strings, shell);
	at += put(strings + at, "-l");
	memcpy(strings + at, cmd->strings, cmd->len);
	free(cmd->strings);
	cmd->strings = strings;
	cmd->len += head;
	cmd->argc = 2;
	return 0;
}

/**
 * ctl_command_complete() - add what the environment needs
 * @cmd:  once; its own variables win, nothing of creel's environment is used
 * @user: resolved
 *
 * Return: 0 or -1: LIMIT where the whole becomes too large.
 */
int ctl_command_complete(struct ctl_command *cmd, const struct ctl_user *user,
			 struct err *err)
{
	struct extra extra = { .n = 0 };
	char *strings;

	if (cmd->only_env)
		return 0;
	if (cmd->login && cmd->argc == 0 && make_login(cmd, user) < 0)
		return err_set(err, ERR_KERNEL, ENOMEM, "command");
	add_extra(&extra, cmd, "PATH",
		  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	add_extra(&extra, cmd, "HOME", user->home[0] ? user->home : "/");
	if (user->name[0]) {
		add_extra(&extra, cmd, "USER", user->name);
		add_extra(&extra, cmd, "LOGNAME", user->name);
	}
	add_extra(&extra, cmd, "LANG", "C.UTF-8");
	if (cmd->tty)
		add_extra(&extra, cmd, "TERM", "xterm");
	strings = realloc(cmd->strings, cmd->len + extra.len + 1);
	if (!strings)
		return err_set(err, ERR_KERNEL, ENOMEM, "command");
	cmd->strings = strings;
	for (size_t i = 0; i < extra.n; i++)
		cmd->len += put(strings + cmd->len, extra.text[i]);
	cmd->envc += (uint32_t)extra.n;
	return 0;
}
