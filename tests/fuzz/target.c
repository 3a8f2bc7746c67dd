// SPDX-License-Identifier: Apache-2.0
/*
 * From a datagram to a message, as every process of creel does it: framing,
 * then the canonical encoding.
 */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/wire.h"

static alignas(max_align_t) unsigned char memory[WIRE_ARENA_BYTES];
static uint8_t again[WIRE_FRAME_MAX_BYTES];
static uint8_t buf[WIRE_FRAME_MAX_BYTES];
static int pair[2] = { -1, -1 };

static void unpack(const ProtobufCMessageDescriptor *type,
		   const struct wire_frame *frame)
{
	struct err err = ERR_INIT;
	struct arena arena;
	ProtobufCMessage *msg;

	arena_init(&arena, memory, sizeof(memory));
	msg = wire_unpack(type, &arena, frame->buf, frame->len, &err);
	if (arena.used > arena.size)
		abort();
	if (!msg) {
		if (err.code != ERR_BAD_REQUEST)
			abort();
		return;
	}
	if (protobuf_c_message_get_packed_size(msg) != frame->len ||
	    protobuf_c_message_pack(msg, again) != frame->len ||
	    memcmp(again, frame->buf, frame->len) != 0)
		abort();
}

/**
 * LLVMFuzzerTestOneInput() - one datagram
 *
 * Return: 0. Aborts where something that must hold does not.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	auto_frame frame;
	enum wire_status status;

	if (size > 2 * fuzz_protocol.max)
		return 0;
	if (pair[0] < 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	if (wire_send(pair[0], data, size, NULL, 0, &err) < 0)
		abort();
	wire_frame_init(&frame, buf, fuzz_protocol.max);
	status = wire_recv(pair[1], &frame, 0, &err);
	if (size == 0 && status == WIRE_EOF)
		return 0;
	if (size > fuzz_protocol.max) {
		if (status != WIRE_BROKEN)
			abort();
		return 0;
	}
	if (status != WIRE_GOT || frame.len != size)
		abort();
	for (size_t i = 0; fuzz_protocol.types[i]; i++)
		unpack(fuzz_protocol.types[i], &frame);
	if (fuzz_protocol.deeper)
		fuzz_protocol.deeper(frame.buf, frame.len);
	return 0;
}
