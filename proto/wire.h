/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The framing that every process of creel uses: one SOCK_SEQPACKET datagram is
 * one protobuf message and the descriptors that belong to it.
 */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "proto/arena.h"
#include "proto/err.h"

#define WIRE_HELPER_MAX_BYTES 4096
#define WIRE_FRAME_MAX_BYTES 65536
#define WIRE_MAX_FDS 64
#define WIRE_PATH_MAX_BYTES 1024
#define WIRE_LABEL_MAX_BYTES 2048
#define WIRE_FILE_MAX_BYTES 3072
#define WIRE_ID_BYTES 16
#define WIRE_ARENA_BYTES (256 * 1024)

/* A datagram that came in; owns its descriptors, borrows its buffer. */
struct wire_frame {
	uint8_t *buf; /* borrowed */
	size_t size;
	size_t len;
	int fds[WIRE_MAX_FDS]; /* owned, -1 where taken */
	size_t n_fds;
	void (*let_go)(int fd); /* in place of close(2), see wire_frame_fini() */
};

enum wire_status {
	WIRE_GOT = 1,
	WIRE_EOF = 2,
	WIRE_AGAIN = 3,  /* would block */
	WIRE_BROKEN = 4, /* the peer broke the framing; err is set */
};

void wire_frame_init(struct wire_frame *frame, void *buf, size_t size);
void wire_frame_fini(struct wire_frame *frame);
int wire_frame_take_fd(struct wire_frame *frame, size_t index);

enum wire_status wire_recv(int sock, struct wire_frame *frame, size_t max_fds,
			   struct err *err);
int wire_send(int sock, const void *buf, size_t len, const int *fds,
	      size_t n_fds, struct err *err);
int wire_send_msg(int sock, const ProtobufCMessage *msg, size_t max,
		  const int *fds, size_t n_fds, struct err *err);
ProtobufCMessage *wire_unpack(const ProtobufCMessageDescriptor *type,
			      struct arena *arena, const uint8_t *buf,
			      size_t len, struct err *err);

#define auto_frame __attribute__((cleanup(wire_frame_fini))) struct wire_frame

#endif
