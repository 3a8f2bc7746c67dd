// SPDX-License-Identifier: Apache-2.0
/*
 * Connections.  Nothing here blocks: what a socket does not take is queued, up
 * to a limit, with copies of its descriptors.
 */
#include <config.h>

#include "controller/core/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "controller/core/impound.h"
#include "proto/cleanup.h"

/* Frames handled for one connection before others get their turn. */
#define CTL_CONN_BURST 16
#define CTL_PACKET_MAX_FDS 8
/* More than wait in any socket, see max_dgram_qlen in unix(7). */
#define CTL_CONN_QUEUE 1024

struct ctl_packet {
	STAILQ_ENTRY(ctl_packet) link;
	size_t len;
	size_t n_fds;
	int fds[CTL_PACKET_MAX_FDS]; /* owned */
	uint8_t bytes[];
};

static void packet_free(struct ctl_packet *packet)
{
	for (size_t i = 0; i < packet->n_fds; i++)
		fd_close(&packet->fds[i]);
	free(packet);
}

/**
 * ctl_conn_init() - a closed connection
 */
void ctl_conn_init(struct ctl_conn *conn)
{
	memset(conn, 0, sizeof(*conn));
	conn->fd = -1;
	STAILQ_INIT(&conn->queue);
}

/* Of those whom nothing is believed nothing is closed here. */
static void init_frame(const struct ctl_conn *conn, struct wire_frame *frame)
{
	wire_frame_init(frame, conn->buf, WIRE_FRAME_MAX_BYTES);
	if (conn->ops->foreign)
		frame->let_go = ctl_impound;
}

static void read_some(struct ctl_conn *conn, unsigned int most)
{
	auto_frame frame;

	init_frame(conn, &frame);
	for (unsigned int i = 0; i < most && conn->fd >= 0; i++) {
		struct err err = ERR_INIT;

		switch (wire_recv(conn->fd, &frame, conn->ops->max_in_fds,
				  &err)) {
		case WIRE_GOT:
			conn->ops->on_frame(conn, &frame);
			continue;
		case WIRE_AGAIN:
			return;
		case WIRE_EOF:
			err_set(&err, ERR_NONE, 0, "end of file");
			break;
		case WIRE_BROKEN:
			break;
		}
		conn->ops->on_end(conn, &err);
		return;
	}
}

static void read_frames(struct ctl_conn *conn, unsigned int most)
{
	const bool foreign = conn->ops->foreign;

	read_some(conn, most);
	if (foreign)
		ctl_impound_release();
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_frames(arg, CTL_CONN_BURST);
}

static void report_overflow(struct ctl_conn *conn)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_LIMIT, 0, "%zu bytes wait to be read",
		conn->queued_bytes);
	conn->ops->on_end(conn, &err);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_conn *conn = arg;

	(void)fd;
	(void)what;
	if (conn->overflow) {
		report_overflow(conn);
		return;
	}
	if (!ctl_conn_flush(conn) && conn->fd >= 0)
		(void)event_add(&conn->out, NULL);
}

/**
 * ctl_conn_open() - put a socket into the event loop
 * @conn: initialised; reads at once
 * @fd:   taken over on success, made non-blocking
 * @buf:  WIRE_FRAME_MAX_BYTES, shared by all connections of the loop
 *
 * Return: 0 or -1 with errno.
 */
int ctl_conn_open(struct ctl_conn *conn, struct event_base *base, int fd,
		  const struct ctl_conn_ops *ops, uint8_t *buf)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	conn->ops = ops;
	conn->buf = buf;
	if (event_assign(&conn->in, base, fd, EV_READ | EV_PERSIST, on_readable,
			 conn) < 0 ||
	    event_assign(&conn->out, base, fd, EV_WRITE, on_writable, conn) <
		    0 ||
	    event_add(&conn->in, NULL) < 0) {
		errno = ENOMEM;
		return -1;
	}
	conn->fd = fd;
	return 0;
}

/**
 * ctl_conn_close() - close and forget what was queued
 *
 * Idempotent.
 */
void ctl_conn_close(struct ctl_conn *conn)
{
	struct ctl_packet *packet;

	while ((packet = STAILQ_FIRST(&conn->queue))) {
		STAILQ_REMOVE_HEAD(&conn->queue, link);
		packet_free(packet);
	}
	conn->queued_bytes = 0;
	if (conn->fd < 0)
		return;
	(void)event_del(&conn->in);
	(void)event_del(&conn->out);
	fd_close(&conn->fd);
}

/**
 * ctl_conn_read() - read, or leave what comes in the socket
 */
void ctl_conn_read(struct ctl_conn *conn, bool on)
{
	if (conn->fd < 0)
		return;
	if (on)
		(void)event_add(&conn->in, NULL);
	else
		(void)event_del(&conn->in);
}

/*
 * After a frame that makes no sense others may wait, and an empty one looks
 * like the end: whoever closes the socket would close what is in them.
 */
static void discard(struct ctl_conn *conn)
{
	enum wire_status status = WIRE_GOT;
	auto_frame frame;

	init_frame(conn, &frame);
	for (int i = 0; i < CTL_CONN_QUEUE && status != WIRE_AGAIN; i++) {
		struct err err = ERR_INIT;

		status = wire_recv(conn->fd, &frame, conn->ops->max_in_fds,
				   &err);
	}
	ctl_impound_release();
}

/**
 * ctl_conn_drain() - handle every frame that has arrived already
 *
 * For a peer that is known to be dead: bounded by what a socket holds.
 */
void ctl_conn_drain(struct ctl_conn *conn)
{
	read_frames(conn, CTL_CONN_QUEUE);
	if (conn->fd >= 0 && conn->ops->foreign)
		discard(conn);
}

/**
 * ctl_conn_flush() - write what waits, as far as the socket takes it
 *
 * Return: true when nothing waits any more. A peer that has gone is found out
 * by reading.
 */
bool ctl_conn_flush(struct ctl_conn *conn)
{
	struct ctl_packet *packet;

	while (conn->fd >= 0 && (packet = STAILQ_FIRST(&conn->queue))) {
		struct err err = ERR_INIT;

		if (wire_send(conn->fd, packet->bytes, packet->len, packet->fds,
			      packet->n_fds, &err) < 0 &&
		    (err.sys == EAGAIN || err.sys == ETOOMANYREFS ||
		     err.sys == ENOBUFS))
			return false;
		STAILQ_REMOVE_HEAD(&conn->queue, link);
		conn->queued_bytes -= packet->len;
		packet_free(packet);
	}
	return true;
}

static int enqueue(struct ctl_conn *conn, struct ctl_packet *packet,
		   const int *fds, size_t n_fds)
{
	for (size_t i = 0; i < n_fds; i++) {
		packet->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (packet->fds[i] < 0)
			return -1;
		packet->n_fds++;
	}
	STAILQ_INSERT_TAIL(&conn->queue, packet, link);
	conn->queued_bytes += packet->len;
	(void)event_add(&conn->out, NULL);
	if (conn->queued_bytes > conn->ops->max_queue_bytes) {
		conn->overflow = true;
		event_active(&conn->out, EV_WRITE, 0);
	}
	return 0;
}

/**
 * ctl_conn_send() - pack and send a message, now or when the socket takes it
 * @fds: @n_fds descriptors, still the caller's
 *
 * Return: 0, also where the peer has gone; -1: LIMIT for a message that is too
 * large, KERNEL without descriptors or memory.
 */
int ctl_conn_send(struct ctl_conn *conn, const ProtobufCMessage *msg,
		  const int *fds, size_t n_fds, struct err *err)
{
	size_t len = protobuf_c_message_get_packed_size(msg);
	struct ctl_packet *packet;

	if (conn->fd < 0 || conn->overflow)
		return 0;
	if (len > conn->ops->max_out_bytes || n_fds > CTL_PACKET_MAX_FDS)
		return err_set(err, ERR_LIMIT, 0, "message of %zu bytes", len);
	packet = malloc(sizeof(*packet) + len);
	if (!packet)
		return err_set(err, ERR_KERNEL, ENOMEM, "queue a message");
	packet->len = protobuf_c_message_pack(msg, packet->bytes);
	packet->n_fds = 0;
	if (STAILQ_EMPTY(&conn->queue)) {
		if (wire_send(conn->fd, packet->bytes, len, fds, n_fds, err) ==
			    0 ||
		    (err->sys != EAGAIN && err->sys != ETOOMANYREFS &&
		     err->sys != ENOBUFS)) {
			packet_free(packet);
			return 0;
		}
	}
	if (enqueue(conn, packet, fds, n_fds) < 0) {
		int saved = errno;

		packet_free(packet);
		return err_set(err, ERR_KERNEL, saved, "queue a message");
	}
	return 0;
}
