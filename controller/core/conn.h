/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SOCK_SEQPACKET connection in an event loop: frames in, messages out, a
 * queue for what the socket does not take at once.
 */
#ifndef CONTROLLER_CORE_CONN_H
#define CONTROLLER_CORE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <protobuf-c/protobuf-c.h>

#include "proto/err.h"
#include "proto/wire.h"

struct ctl_conn;
struct ctl_packet;

struct ctl_conn_ops {
	bool foreign; /* what comes may be sandboxed code's */
	size_t max_in_fds;
	size_t max_out_bytes;   /* of one message */
	size_t max_queue_bytes; /* waiting messages; more ends the connection */
	/* Either may close the connection; its memory must outlive the call. */
	void (*on_frame)(struct ctl_conn *conn, struct wire_frame *frame);
	/* Once: end of file, broken framing, or a queue that is full. */
	void (*on_end)(struct ctl_conn *conn, const struct err *why);
};

struct ctl_conn {
	const struct ctl_conn_ops *ops; /* borrowed */
	int fd;                         /* owned, -1 closed */
	uint8_t *buf;                   /* borrowed, WIRE_FRAME_MAX_BYTES */
	struct event in;
	struct event out;
	STAILQ_HEAD(, ctl_packet) queue;
	size_t queued_bytes;
	bool overflow;
};

void ctl_conn_init(struct ctl_conn *conn);
int ctl_conn_open(struct ctl_conn *conn, struct event_base *base, int fd,
		  const struct ctl_conn_ops *ops, uint8_t *buf);
void ctl_conn_close(struct ctl_conn *conn);
void ctl_conn_read(struct ctl_conn *conn, bool on);
void ctl_conn_drain(struct ctl_conn *conn);
int ctl_conn_send(struct ctl_conn *conn, const ProtobufCMessage *msg,
		  const int *fds, size_t n_fds, struct err *err);
bool ctl_conn_flush(struct ctl_conn *conn);

#endif
