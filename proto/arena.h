/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fixed piece of memory that protobuf-c unpacks into.  Reset for each
 * message: a message can cost no more than the arena, whatever it holds.
 */
#ifndef PROTO_ARENA_H
#define PROTO_ARENA_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

struct arena {
	unsigned char *base; /* borrowed */
	size_t size;
	size_t used;
	ProtobufCAllocator allocator;
};

void arena_init(struct arena *arena, void *base, size_t size);
void arena_reset(struct arena *arena);

#endif
