// SPDX-License-Identifier: Apache-2.0
/*
 * setupCommand: once, in a new sandbox, before any other command of it.  What
 * it prints goes to a pipe of which only the end is kept, so that no amount of
 * it costs anything; a failure is the failure of whoever waits.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <event2/event.h>

#include "controller/session/manager.h"
#include "controller/session/toolbox.h"
#include "proto/cleanup.h"

#define TAIL_BYTES 4096
#define READ_BYTES (64U << 10)
#define PIPE_READS 32

struct ses_setup {
	struct event *readable; /* owned */
	int pipe_fd;            /* owned; our end */
	int lifeline_fd;        /* owned; its end ends the command */
	char tail[TAIL_BYTES];  /* the last that was printed */
	size_t len;
};

/**
 * ses_setup_free() - release; what runs of it is ended. NULL is fine
 */
void ses_setup_free(struct ses_setup *setup)
{
	if (!setup)
		return;
	if (setup->readable)
		event_free(setup->readable);
	fd_close(&setup->pipe_fd);
	fd_close(&setup->lifeline_fd);
	free(setup);
}

static void keep(struct ses_setup *setup, const char *bytes, size_t len)
{
	size_t old;

	if (len >= TAIL_BYTES) {
		memcpy(setup->tail, bytes + len - TAIL_BYTES, TAIL_BYTES);
		setup->len = TAIL_BYTES;
		return;
	}
	old = TAIL_BYTES - len < setup->len ? TAIL_BYTES - len : setup->len;
	memmove(setup->tail, setup->tail + setup->len - old, old);
	memcpy(setup->tail + old, bytes, len);
	setup->len = old + len;
}

/* Return: false where nothing more comes, or nothing yet. */
static bool read_some(struct ses_setup *setup)
{
	static char buf[READ_BYTES];
	ssize_t got = read(setup->pipe_fd, buf, sizeof(buf));

	if (got > 0)
		keep(setup, buf, (size_t)got);
	return got > 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ses_setup *setup = arg;

	(void)fd;
	(void)what;
	if (!read_some(setup) && errno != EAGAIN)
		(void)event_del(setup->readable);
}

static int make_pipe(int *read_fd, int *write_fd)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*read_fd = ends[0];
	*write_fd = ends[1];
	return 0;
}

/* sh -lc COMMAND */
static int set_strings(struct ctl_command *cmd, const char *command)
{
	static const char head[] = "sh\0-lc";
	size_t len = strlen(command) + 1;

	cmd->strings = malloc(sizeof(head) + len + 1);
	if (!cmd->strings)
		return -1;
	memcpy(cmd->strings, head, sizeof(head));
	memcpy(cmd->strings + sizeof(head), command, len);
	cmd->len = sizeof(head) + len;
	cmd->argc = 3;
	return 0;
}

static struct ctl_command *make_command(const struct pol_session *session,
					struct ses_setup *setup,
					struct err *err)
{
	struct ctl_command *cmd = calloc(1, sizeof(*cmd));

	if (!cmd) {
		err_set(err, ERR_KERNEL, ENOMEM, "command");
		return NULL;
	}
	cmd->filter_fd = cmd->lifeline_fd = -1;
	cmd->stdio[0] = cmd->stdio[1] = cmd->stdio[2] = -1;
	cmd->filter = CTL_FILTER_AGENT;
	cmd->timeout_ms = session->setup_timeout_ms;
	if (set_strings(cmd, session->setup_command) == 0 &&
	    getrandom(cmd->token, sizeof(cmd->token), 0) ==
		    (ssize_t)sizeof(cmd->token) &&
	    make_pipe(&setup->pipe_fd, &cmd->stdio[1]) == 0 &&
	    (cmd->stdio[2] = fcntl(cmd->stdio[1], F_DUPFD_CLOEXEC, 3)) >= 0 &&
	    make_pipe(&cmd->lifeline_fd, &setup->lifeline_fd) == 0 &&
	    fcntl(setup->pipe_fd, F_SETFL, O_NONBLOCK) == 0)
		return cmd;
	err_set(err, ERR_KERNEL, errno, "command");
	ctl_command_free(cmd);
	return NULL;
}

static struct ses_setup *setup_new(void)
{
	struct ses_setup *setup = calloc(1, sizeof(*setup));

	if (setup)
		setup->pipe_fd = setup->lifeline_fd = -1;
	return setup;
}

static int listen_to(struct ses_setup *setup, struct event_base *base)
{
	setup->readable = event_new(base, setup->pipe_fd, EV_READ | EV_PERSIST,
				    on_readable, setup);
	return setup->readable && event_add(setup->readable, NULL) == 0 ? 0 :
									  -1;
}

static int wrap(const struct pol_session *session, struct ctl_fail *fail)
{
	return err_wrap(&fail->err, "setupCommand (%.70s)",
			session->origins[POL_SETUP_COMMAND].key);
}

/**
 * ses_setup_start() - begin
 * @make: of a sandbox that lives
 *
 * ses_setup_over() follows.
 */
int ses_setup_start(struct ses_make *make, struct ctl_fail *fail)
{
	struct event_base *base = make->of->ses->base;
	struct ctl_sandbox *sandbox = make->of->sandbox;
	struct ctl_command *cmd;
	struct ctl_exec *exec;

	make->setup = setup_new();
	if (!make->setup)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "session");
	cmd = make_command(make->session, make->setup, &fail->err);
	if (!cmd)
		return wrap(make->session, fail);
	if (listen_to(make->setup, base) < 0) {
		ctl_command_free(cmd);
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "event");
		return wrap(make->session, fail);
	}
	exec = ctl_exec_enter(sandbox, cmd, NULL, 0, fail);
	if (!exec)
		return wrap(make->session, fail);
	exec->internal = true;
	ctl_exec_go(exec);
	return 0;
}

/* The last line that says something. */
static const char *last_line(struct ses_setup *setup)
{
	size_t len = setup->len < TAIL_BYTES ? setup->len : TAIL_BYTES - 1;
	char *text = setup->tail;
	char *line;

	memmove(text, text + setup->len - len, len);
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0')
			text[i] = '?';
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' ||
			   text[len - 1] == ' '))
		len--;
	text[len] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	ctl_text_clean(line);
	return line;
}

static void describe(struct ses_make *make, const struct ctl_result *result,
		     struct ctl_fail *fail)
{
	const char *line = last_line(make->setup);

	if (result->text[0])
		err_set(&fail->err, ERR_BAD_STATE, 0, "%.60s%s%.60s",
			result->text, *line ? ": " : "", line);
	else
		err_set(&fail->err, ERR_BAD_STATE, 0, "exit %u%s%.80s",
			result->status, *line ? ": " : "", line);
	(void)wrap(make->session, fail);
	ctl_fail_hint(fail,
		      "the new sandbox has been removed; the next use tries again");
}

static void succeed(struct ses_sandbox *record)
{
	struct ctl_sandbox *sandbox = record->sandbox;
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ses *ses = record->ses;

	if (store_sandbox_setup_done(ses->store, record->row, &fail.err) < 0) {
		err_wrap(&fail.err, "sessions");
		ses_make_fail(record, &fail);
		return;
	}
	ses_make_free(record->make);
	record->make = NULL;
	ses_events_tell(ses->events, "ready", sandbox->label.name,
			record->scope_key, "setupCommand is done");
	ctl_sandbox_release(sandbox);
	ses_calls_ready(ses, sandbox);
}

/**
 * ses_setup_over() - a command of creeld's own has ended
 */
void ses_setup_over(struct ctl_exec *exec, const struct ctl_result *result)
{
	struct ctl_sandbox *sandbox = exec->sandbox;
	struct ses_sandbox *record = sandbox ? sandbox->session : NULL;
	struct ctl_fail fail = CTL_FAIL_INIT;

	if (!record || !record->make || !record->make->setup)
		return;
	if (result->status == 0) {
		succeed(record);
		return;
	}
	/* What the pipe holds; somebody may go on writing. */
	for (int i = 0; i < PIPE_READS && read_some(record->make->setup); i++)
		continue;
	describe(record->make, result, &fail);
	ses_make_fail(record, &fail);
}
