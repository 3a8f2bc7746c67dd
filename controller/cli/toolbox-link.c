// SPDX-License-Identifier: Apache-2.0
/*
 * The connection of a toolbox.  One that is lost is made again: a controller
 * that died is started anew by its helper, and an idle one that left by us.
 */
#include <config.h>

#include <fcntl.h>
#include <string.h>

#include <event2/event.h>

#include "controller/cli/rpc.h"
#include "controller/cli/toolbox-parts.h"
#include "proto/cleanup.h"

#define STAYED_MS 200

/**
 * toolbox_drop() - close the connection; idempotent
 */
void toolbox_drop(struct toolbox *toolbox)
{
	if (toolbox->in)
		event_free(toolbox->in);
	if (toolbox->out)
		event_free(toolbox->out);
	toolbox->in = toolbox->out = NULL;
	fd_close(&toolbox->sock);
	toolbox->box = 0;
	toolbox->open_seq = 0;
	memset(toolbox->old, 0, sizeof(toolbox->old));
}

static void retry_in(struct toolbox *toolbox, unsigned int msec)
{
	const struct timeval soon = { .tv_usec = msec * 1000 };

	(void)event_add(toolbox->retry, &soon);
}

/* What creeld had is asked for again, ends, or goes on here. */
static void lose_calls(struct toolbox *toolbox)
{
	struct toolbox_call *call, *next;

	/* Of these only the cancellation was due. */
	for (call = TAILQ_FIRST(&toolbox->due); call; call = next) {
		next = TAILQ_NEXT(call, link);
		call->box = 0;
		if (call->state == TOOLBOX_ASKED)
			toolbox_call_move(call, &toolbox->sent);
	}
	/* Each leaves this list: for what is due, or for what is over. */
	while ((call = TAILQ_FIRST(&toolbox->sent)))
		toolbox_call_again(call);
}

/**
 * toolbox_lost() - the connection has ended
 *
 * Calls are asked for again, or end.
 */
void toolbox_lost(struct toolbox *toolbox)
{
	bool stayed = toolbox->sock >= 0 &&
		      cli_time_up(&toolbox->connected, STAYED_MS);
	struct err err = ERR_INIT;

	toolbox_drop(toolbox);
	lose_calls(toolbox);
	/* Only a controller that stayed for a while starts the time anew. */
	if (stayed)
		toolbox->lost_since = (struct timespec){ 0 };
	toolbox->open_due = true;
	if (!cli_time_up(&toolbox->lost_since, CLI_RECONNECT_MS)) {
		retry_in(toolbox, CLI_RETRY_MS);
		toolbox_soon(toolbox);
		return;
	}
	(void)err_set(&err, ERR_KERNEL, 0, "creeld: closed the connection");
	toolbox_fail(toolbox, &err, "`creel doctor' looks for what is missing",
		     1);
}

/* A refusal by the helper, before any controller read a word. */
static bool refused(struct toolbox *toolbox, const Ctl__Reply *reply)
{
	struct err err = ERR_INIT;

	if (reply->seq != 0 || reply->re_case != CTL__REPLY__RE_ERROR)
		return false;
	if (!toolbox->answered && cli_target_fall_back(&toolbox->target)) {
		toolbox_drop(toolbox);
		retry_in(toolbox, 0);
		return true;
	}
	(void)err_set(&err, ERR_DENIED, 0, "%.150s", reply->error->text);
	toolbox_fail(toolbox, &err, reply->error->hint, 1);
	return true;
}

/* Reads one datagram; false: no more. */
static bool read_one(struct toolbox *toolbox, struct wire_frame *frame)
{
	struct err err = ERR_INIT;
	enum wire_status status = wire_recv(toolbox->sock, frame, WIRE_MAX_FDS,
					    &err);
	const Ctl__Reply *reply;

	if (status == WIRE_AGAIN)
		return false;
	if (status == WIRE_EOF) {
		toolbox_lost(toolbox);
		return false;
	}
	reply = status == WIRE_GOT ? cli_reply_unpack(frame, &err) : NULL;
	if (!reply) {
		(void)err_wrap(&err, "creeld");
		toolbox_fail(toolbox, &err, "", 1);
		return false;
	}
	if (refused(toolbox, reply))
		return false;
	toolbox->answered = true;
	toolbox_take(toolbox, reply, frame);
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct toolbox *toolbox = arg;
	auto_frame frame;

	(void)fd;
	(void)what;
	cli_frame_init(&frame);
	toolbox_enter(toolbox);
	while (toolbox->sock >= 0 && !toolbox->closed &&
	       read_one(toolbox, &frame))
		continue;
	if (toolbox_leave(toolbox))
		toolbox_settle(toolbox);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	toolbox_settle(arg);
}

static int use_socket(struct toolbox *toolbox, int sock, struct err *err)
{
	toolbox->sock = sock;
	toolbox->answered = false;
	toolbox->open_due = true;
	toolbox->connected = (struct timespec){ 0 };
	(void)cli_time_up(&toolbox->connected, 0);
	if (fcntl(sock, F_SETFL, O_NONBLOCK))
		return err_set(err, ERR_KERNEL, errno, "socket");
	toolbox->in = event_new(toolbox->base, sock, EV_READ | EV_PERSIST,
				on_readable, toolbox);
	toolbox->out = event_new(toolbox->base, sock, EV_WRITE, on_writable,
				 toolbox);
	if (!toolbox->in || !toolbox->out || event_add(toolbox->in, NULL))
		return err_set(err, ERR_KERNEL, ENOMEM, "socket");
	toolbox_soon(toolbox);
	return 0;
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct toolbox *toolbox = arg;
	struct err err = ERR_INIT;
	int sock;

	(void)fd;
	(void)what;
	if (toolbox->why.code)
		return;
	sock = cli_connect(&toolbox->target, &err);
	if (sock < 0 && toolbox->session &&
	    !cli_time_up(&toolbox->lost_since, CLI_RECONNECT_MS)) {
		retry_in(toolbox, CLI_RETRY_MS);
		return;
	}
	if (sock < 0 || use_socket(toolbox, sock, &err))
		toolbox_fail(toolbox, &err,
			     "`creel doctor' looks for what is missing", 1);
}

/**
 * toolbox_connect() - the first connection
 *
 * Starts the helper where nobody listens.
 */
int toolbox_connect(struct toolbox *toolbox, struct err *err)
{
	int sock;

	toolbox->retry = event_new(toolbox->base, -1, 0, on_retry, toolbox);
	if (!toolbox->retry)
		return err_set(err, ERR_KERNEL, ENOMEM, "event loop");
	sock = cli_connect(&toolbox->target, err);
	return sock < 0 ? -1 : use_socket(toolbox, sock, err);
}

/**
 * toolbox_send() - send a request
 * @request: its seq is set here
 * @err:     set where it could never be sent
 *
 * Return: 0; 1 where the socket is full: it calls toolbox_settle(); -1.
 */
int toolbox_send(struct toolbox *toolbox, Ctl__Request *request,
		 const int *fds, size_t n_fds, struct err *err)
{
	struct err why = ERR_INIT;

	if (toolbox->sock < 0)
		return -1;
	/* 0 is nobody's. */
	if (++toolbox->seq == 0)
		toolbox->seq = 1;
	request->seq = toolbox->seq;
	if (!wire_send_msg(toolbox->sock, &request->base, WIRE_FRAME_MAX_BYTES,
			   fds, n_fds, &why))
		return 0;
	if (why.sys == EAGAIN || why.sys == ETOOMANYREFS ||
	    why.sys == ENOBUFS) {
		(void)event_add(toolbox->out, NULL);
		return 1;
	}
	/* The peer is gone: reading says so too. */
	if (why.sys != EPIPE && why.sys != ECONNRESET)
		*err = why;
	return -1;
}
