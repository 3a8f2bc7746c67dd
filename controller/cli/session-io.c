// SPDX-License-Identifier: Apache-2.0
/*
 * The relays of a session: standard streams that could not be passed, or the
 * command's terminal.
 */
#include <config.h>

#include "controller/cli/session.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <termios.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/cli/relay.h"
#include "controller/cli/report.h"
#include "controller/cli/tty.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

/*
 * What a command wrote to its terminal may still be on its way through the
 * kernel's line discipline when its exit is known.
 */
#define TTY_DRAIN_MS 50

/* Regular files and some devices cannot be waited for; epoll refuses them. */
static bool is_file(int fd)
{
	auto_fd epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = 0 };

	return epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) &&
	       errno == EPERM;
}

/* The command must see the end of its input, and here that is a character. */
static void send_end_of_file(const struct session *session)
{
	unsigned char last = relay_last_byte(session->relay[0]);
	unsigned char eof[2] = { 4, 4 };
	struct termios termios;
	size_t count = last && last != '\n' && last != '\r' ? 2 : 1;

	if (!tcgetattr(session->master_fd, &termios))
		eof[0] = eof[1] = termios.c_cc[VEOF];
	if (write(session->master_fd, eof, count) < 0)
		return; /* EIO: nobody is left to read it */
}

static void on_relay_end(struct relay *relay, void *arg)
{
	struct session *session = arg;

	for (int i = 0; i < 3; i++) {
		if (session->relay[i] != relay)
			continue;
		session->relaying[i] = false;
		if (i == 0 && session->stdio.tty && !session->exited)
			send_end_of_file(session);
	}
	session_check_over(session);
}

static int start_relay(struct session *session, int stream,
		       struct relay_ends *ends, struct err *err)
{
	ends->in_file = is_file(ends->in_fd);
	ends->out_file = is_file(ends->out_fd);
	session->relaying[stream] = true;
	session->relay[stream] = relay_new(session->base, ends, on_relay_end,
					   session);
	if (!session->relay[stream])
		return err_set(err, ERR_KERNEL, ENOMEM, "relay");
	return 0;
}

/* The caller's own stream, without changing flags that others share. */
static int own_stream(int stream, bool *own)
{
	if (isatty(stream))
		return tty_reopen(stream, stream ? O_WRONLY : O_RDONLY, own);
	*own = false;
	return stream;
}

static int start_pipe(struct session *session, int stream, struct err *err)
{
	struct relay_ends ends = { 0 };
	int pipe_fd = fd_take(&session->stdio.relay_fd[stream]);

	if (stream == 0) {
		ends.in_fd = own_stream(0, &ends.own_in);
		ends.in_blocks = !ends.own_in;
		ends.out_fd = pipe_fd;
		ends.own_out = true;
	} else {
		ends.in_fd = pipe_fd;
		ends.own_in = true;
		ends.out_fd = own_stream(stream, &ends.own_out);
	}
	return start_relay(session, stream, &ends, err);
}

static int start_tty(struct session *session, struct err *err)
{
	struct relay_ends in = { .out_fd = session->master_fd,
				 .hold_out = true };
	struct relay_ends out = { .in_fd = session->master_fd };

	if (fcntl(session->master_fd, F_SETFL, O_RDWR | O_NONBLOCK))
		return err_set(err, ERR_KERNEL, errno, "terminal");
	if (tty_raw(err))
		return -1;
	tty_copy_size(session->master_fd);
	in.in_fd = own_stream(0, &in.own_in);
	in.in_blocks = !in.own_in;
	out.out_fd = own_stream(1, &out.own_out);
	if (start_relay(session, 1, &out, err))
		return -1;
	return start_relay(session, 0, &in, err);
}

/**
 * session_io_start() - the command runs: begin to relay
 * @master_fd: of its terminal, or -1; consumed
 *
 * The command's ends of the pipes are closed here, so that their end is seen.
 */
int session_io_start(struct session *session, int master_fd, struct err *err)
{
	struct cli_call *call = &session->call;

	for (size_t i = 0; i < call->n_fds; i++)
		fd_close(&call->fds[i]);
	call->n_fds = 0;
	session->master_fd = master_fd;
	if (session->stdio.tty) {
		if (master_fd < 0)
			return err_set(err, ERR_INTERNAL, 0,
				       "creeld: sent no terminal");
		return start_tty(session, err);
	}
	for (int stream = 0; stream < 3; stream++)
		if (session->stdio.relay_fd[stream] >= 0 &&
		    start_pipe(session, stream, err))
			return -1;
	return 0;
}

static void on_drained(evutil_socket_t fd, short what, void *arg)
{
	struct session *session = arg;

	(void)fd;
	(void)what;
	if (session->relaying[1])
		relay_cut(session->relay[1]);
}

/**
 * session_io_drain() - the command is over: relay what it still wrote
 */
void session_io_drain(struct session *session)
{
	struct timeval soon = { .tv_usec = TTY_DRAIN_MS * 1000 };

	if (session->stdio.tty && session->relaying[1]) {
		session->drain_ev = event_new(session->base, -1, 0, on_drained,
					      session);
		if (!session->drain_ev || event_add(session->drain_ev, &soon))
			relay_cut(session->relay[1]);
		return;
	}
	for (int stream = 1; stream < 3; stream++)
		if (session->relaying[stream])
			relay_drain(session->relay[stream]);
}

/**
 * session_io_over() - whether all output has been passed on
 */
bool session_io_over(const struct session *session)
{
	return !session->relaying[1] && !session->relaying[2];
}

/* A full disk must not look like success. */
static void check_output(struct session *session)
{
	static const char *const names[] = { "", "standard output",
					     "standard error" };

	for (int stream = 1; stream < 3; stream++) {
		int error = session->relay[stream]
				    ? relay_error(session->relay[stream])
				    : 0;

		if (!error || error == EPIPE || error == EIO)
			continue;
		tty_restore();
		cli_error("%s: %s", names[stream], err_sys_text(error));
	}
}

/**
 * session_io_fini() - stop relaying; idempotent
 */
void session_io_fini(struct session *session)
{
	check_output(session);
	for (int stream = 0; stream < 3; stream++) {
		relay_free(session->relay[stream]);
		session->relay[stream] = NULL;
	}
	if (session->drain_ev)
		event_free(session->drain_ev);
	session->drain_ev = NULL;
	fd_close(&session->master_fd);
}
