// SPDX-License-Identifier: Apache-2.0
/*
 * Framing.  Linked into the privileged side: every descriptor that arrives is
 * owned before anything is looked at, and only the canonical encoding of a
 * message is accepted.
 */
#include <config.h>

#include "proto/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "proto/cleanup.h"

/* As many as the kernel can ever put into one message (SCM_MAX_FD). */
#define WIRE_KERNEL_MAX_FDS 253

/**
 * wire_frame_init() - an empty frame
 * @frame: filled, owns no descriptor yet
 * @buf:   where datagrams are put, borrowed
 * @size:  largest datagram that is accepted
 */
void wire_frame_init(struct wire_frame *frame, void *buf, size_t size)
{
	frame->buf = buf;
	frame->size = size;
	frame->len = 0;
	frame->n_fds = 0;
	frame->let_go = NULL;
	for (size_t i = 0; i < WIRE_MAX_FDS; i++)
		frame->fds[i] = -1;
}

static void let_go(const struct wire_frame *frame, int *fd)
{
	int saved = errno;

	if (*fd >= 0 && frame->let_go)
		frame->let_go(fd_take(fd));
	fd_close(fd);
	errno = saved;
}

/**
 * wire_frame_fini() - close the descriptors that nobody took
 *
 * Idempotent; errno is preserved.
 */
void wire_frame_fini(struct wire_frame *frame)
{
	for (size_t i = 0; i < frame->n_fds; i++)
		let_go(frame, &frame->fds[i]);
	frame->n_fds = 0;
	frame->len = 0;
}

/**
 * wire_frame_take_fd() - take over a descriptor
 * @index: which; out of range and already taken give -1
 */
int wire_frame_take_fd(struct wire_frame *frame, size_t index)
{
	if (index >= frame->n_fds)
		return -1;
	return fd_take(&frame->fds[index]);
}

/*
 * Takes what fits and closes the rest: surplus descriptors must not stay open
 * because there is no room to own them.
 */
static bool take_fds(struct wire_frame *frame, struct msghdr *msg)
{
	bool surplus = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t count;
		int fd;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			surplus = true;
			continue;
		}
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (frame->n_fds < WIRE_MAX_FDS) {
				frame->fds[frame->n_fds++] = fd;
			} else {
				surplus = true;
				let_go(frame, &fd);
			}
		}
	}
	return surplus;
}

/**
 * wire_recv() - read one datagram
 * @sock:    SOCK_SEQPACKET
 * @frame:   initialised; what it held before is released
 * @max_fds: more descriptors than this break the framing
 * @err:     filled for WIRE_BROKEN
 *
 * Return: WIRE_GOT; WIRE_EOF when the peer is gone; WIRE_AGAIN on a
 * non-blocking socket; WIRE_BROKEN for a datagram that is empty, longer than
 * the frame, or carries what it must not. See unix(7), recvmsg(2).
 */
enum wire_status wire_recv(int sock, struct wire_frame *frame, size_t max_fds,
			   struct err *err)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * WIRE_KERNEL_MAX_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = frame->buf, .iov_len = frame->size };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	bool surplus;
	ssize_t got;

	wire_frame_fini(frame);
	do
		got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return WIRE_AGAIN;
		if (errno == ECONNRESET)
			return WIRE_EOF;
		err_set(err, ERR_KERNEL, errno, "recvmsg");
		return WIRE_BROKEN;
	}
	surplus = take_fds(frame, &msg);
	/*
	 * A zero-length datagram and the end of file look alike on a
	 * SOCK_SEQPACKET socket; only the former can carry descriptors.
	 */
	if (got == 0 && frame->n_fds == 0 && !surplus)
		return WIRE_EOF;
	if (got == 0 || surplus || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    frame->n_fds > max_fds) {
		size_t n_fds = frame->n_fds;

		wire_frame_fini(frame);
		err_set(err, ERR_BAD_REQUEST, 0,
			"datagram of %zd bytes and %zu descriptors, at most %zu and %zu allowed",
			got, n_fds, frame->size, max_fds);
		return WIRE_BROKEN;
	}
	frame->len = (size_t)got;
	return WIRE_GOT;
}

/**
 * wire_send() - write one datagram
 * @fds: @n_fds descriptors, still the caller's afterwards
 *
 * Never raises SIGPIPE. Return: 0 or -1; KERNEL with EAGAIN where a
 * non-blocking socket is full, EPIPE or ECONNRESET where the peer is gone.
 */
int wire_send(int sock, const void *buf, size_t len, const int *fds,
	      size_t n_fds, struct err *err)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * WIRE_MAX_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (n_fds > WIRE_MAX_FDS)
		return err_set(err, ERR_INTERNAL, 0, "%zu descriptors to send",
			       n_fds);
	if (n_fds > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return err_set(err, ERR_KERNEL, errno, "sendmsg");
	if ((size_t)sent != len)
		return err_set(err, ERR_INTERNAL, 0, "short datagram");
	return 0;
}

/*
 * Two sizes, so that a process with a small stack touches no more of it than
 * its messages need.
 */
static __attribute__((noinline)) int send_small(int sock,
						const ProtobufCMessage *msg,
						const int *fds, size_t n_fds,
						struct err *err)
{
	uint8_t buf[WIRE_HELPER_MAX_BYTES];
	size_t len = protobuf_c_message_pack(msg, buf);

	return wire_send(sock, buf, len, fds, n_fds, err);
}

static __attribute__((noinline)) int send_large(int sock,
						const ProtobufCMessage *msg,
						const int *fds, size_t n_fds,
						struct err *err)
{
	uint8_t buf[WIRE_FRAME_MAX_BYTES];
	size_t len = protobuf_c_message_pack(msg, buf);

	return wire_send(sock, buf, len, fds, n_fds, err);
}

/**
 * wire_send_msg() - pack and write one message
 * @max: WIRE_HELPER_MAX_BYTES or WIRE_FRAME_MAX_BYTES
 *
 * Return: as wire_send(); LIMIT where the message is larger than @max.
 */
int wire_send_msg(int sock, const ProtobufCMessage *msg, size_t max,
		  const int *fds, size_t n_fds, struct err *err)
{
	size_t len = protobuf_c_message_get_packed_size(msg);

	if (len > max || len > WIRE_FRAME_MAX_BYTES)
		return err_set(err, ERR_LIMIT, 0,
			       "message of %zu bytes, at most %zu fit", len,
			       max);
	if (len <= WIRE_HELPER_MAX_BYTES)
		return send_small(sock, msg, fds, n_fds, err);
	return send_large(sock, msg, fds, n_fds, err);
}

/* Compares a packed stream with the bytes that it must equal. */
struct compare {
	ProtobufCBuffer base;
	const uint8_t *want;
	size_t left;
	bool differs;
};

static void compare_append(ProtobufCBuffer *buffer, size_t len,
			   const uint8_t *data)
{
	struct compare *cmp = (struct compare *)buffer;

	if (cmp->differs || len > cmp->left || memcmp(cmp->want, data, len)) {
		cmp->differs = true;
		return;
	}
	cmp->want += len;
	cmp->left -= len;
}

/*
 * protobuf-c keeps unknown fields and packs them again.  Its descriptors tell
 * where messages are in a message; none of creel's types contains itself, so
 * this ends.
 */
static bool has_unknown(const ProtobufCMessage *msg)
{
	const ProtobufCMessageDescriptor *type = msg->descriptor;

	if (msg->n_unknown_fields > 0)
		return true;
	for (unsigned int i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];
		const char *base = (const char *)msg;
		const void *at = base + field->offset;
		const void *quantifier = base + field->quantifier_offset;
		const ProtobufCMessage *const *inner = at;
		size_t count = 1;

		if (field->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			count = *(const size_t *)quantifier;
			inner = *(const ProtobufCMessage *const *const *)at;
		} else if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
			   *(const uint32_t *)quantifier != field->id) {
			continue;
		}
		for (size_t k = 0; k < count; k++)
			if (inner[k] && has_unknown(inner[k]))
				return true;
	}
	return false;
}

/**
 * wire_unpack() - decode a message, accepting its canonical encoding alone
 * @type:  descriptor of the message; none of creel's is recursive
 * @arena: reset, then holds the message until its next reset
 * @buf:   @len bytes
 *
 * protobuf-c 1.4.1 accepts unknown fields, both members of a oneof, repeated
 * singular fields, over-long numbers and strings with an embedded NUL. Unknown
 * fields are looked for at each level. None of the others survives being packed
 * again, so the message is packed again and must give the very bytes that came.
 *
 * Return: the message, in the arena, or NULL with BAD_REQUEST.
 */
ProtobufCMessage *wire_unpack(const ProtobufCMessageDescriptor *type,
			      struct arena *arena, const uint8_t *buf,
			      size_t len, struct err *err)
{
	struct compare cmp = {
		.base = { .append = compare_append },
		.want = buf,
		.left = len,
	};
	ProtobufCMessage *msg;

	arena_reset(arena);
	msg = protobuf_c_message_unpack(type, &arena->allocator, len, buf);
	if (!msg) {
		err_set(err, ERR_BAD_REQUEST, 0, "malformed %s", type->name);
		return NULL;
	}
	if (has_unknown(msg)) {
		err_set(err, ERR_BAD_REQUEST, 0, "%s has unknown fields",
			type->name);
		return NULL;
	}
	(void)protobuf_c_message_pack_to_buffer(msg, &cmp.base);
	if (cmp.differs || cmp.left > 0) {
		err_set(err, ERR_BAD_REQUEST, 0,
			"%s is not in its canonical encoding", type->name);
		return NULL;
	}
	return msg;
}
