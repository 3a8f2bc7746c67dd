// SPDX-License-Identifier: Apache-2.0
/*
 * A bump allocator with protobuf-c's allocator interface.
 */
#include <config.h>

#include "proto/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

static void *arena_alloc(void *data, size_t size)
{
	struct arena *arena = data;
	size_t align = alignof(max_align_t);
	size_t room = arena->size - arena->used;
	void *ptr;

	if (size > SIZE_MAX - align)
		return NULL;
	size = (size + align - 1) & ~(align - 1);
	if (size > room)
		return NULL;
	ptr = arena->base + arena->used;
	arena->used += size;
	return ptr;
}

static void arena_free(void *data, void *ptr)
{
	(void)data;
	(void)ptr;
}

/**
 * arena_init() - make an arena of a piece of memory
 * @arena: filled
 * @base:  aligned as max_align_t, borrowed for the arena's life
 * @size:  bytes at @base
 */
void arena_init(struct arena *arena, void *base, size_t size)
{
	*arena = (struct arena){
		.base = base,
		.size = size,
		.allocator = { .alloc = arena_alloc, .free = arena_free },
	};
	arena->allocator.allocator_data = arena;
}

/**
 * arena_reset() - forget everything that was unpacked
 */
void arena_reset(struct arena *arena)
{
	arena->used = 0;
}
