// SPDX-License-Identifier: Apache-2.0
/*
 * What a command says, in a ring of memory: never more than was agreed, and how
 * much there was is known to the byte.
 */
#include <config.h>

#include "controller/cli/keeper-own.h"

#include <string.h>
#include <sys/mman.h>

#include "proto/cleanup.h"

#define STEP_BYTES 65536

/**
 * keeper_ring_init() - an empty ring
 * @oldest: of too much the beginning is kept, else the end
 */
int keeper_ring_init(struct keeper_ring *ring, size_t size, bool oldest)
{
	void *map;

	*ring = (struct keeper_ring){ .size = size > 0 ? size : 1,
				      .oldest = oldest };
	map = mmap(NULL, ring->size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ring->bytes = map == MAP_FAILED ? NULL : map;
	return ring->bytes ? 0 : -1;
}

/**
 * keeper_ring_fini() - release; idempotent
 */
void keeper_ring_fini(struct keeper_ring *ring)
{
	if (ring->bytes)
		(void)munmap(ring->bytes, ring->size);
	*ring = (struct keeper_ring){ .size = 0 };
}

/**
 * keeper_ring_put() - more has come
 */
void keeper_ring_put(struct keeper_ring *ring, const char *bytes, size_t len)
{
	ring->total += len;
	if (ring->oldest && len > ring->size - (size_t)ring->end)
		len = ring->size - (size_t)ring->end;
	if (len > ring->size) {
		ring->end += len - ring->size;
		bytes += len - ring->size;
		len = ring->size;
	}
	while (len > 0) {
		size_t at = (size_t)(ring->end % ring->size);
		size_t part = ring->size - at < len ? ring->size - at : len;

		memcpy(ring->bytes + at, bytes, part);
		ring->end += part;
		bytes += part;
		len -= part;
	}
	if (ring->end - ring->start > ring->size)
		ring->start = ring->end - ring->size;
}

/**
 * keeper_ring_get() - copy from what is kept
 * @at: in the stream
 *
 * Return: how many bytes, less than @len where that is all.
 */
size_t keeper_ring_get(const struct keeper_ring *ring, uint64_t at, char *bytes,
		       size_t len)
{
	size_t done = 0;

	if (at < ring->start || at >= ring->end)
		return 0;
	if (len > ring->end - at)
		len = (size_t)(ring->end - at);
	while (done < len) {
		size_t from = (size_t)((at + done) % ring->size);
		size_t part = ring->size - from;

		if (part > len - done)
			part = len - done;
		memcpy(bytes + done, ring->bytes + from, part);
		done += part;
	}
	return done;
}

/**
 * keeper_ring_cut() - a copy of a part
 *
 * Return: owned, with a NUL after its end; NULL without memory.
 */
char *keeper_ring_cut(const struct keeper_ring *ring, uint64_t at, size_t max,
		      size_t *len)
{
	size_t left = at < ring->end ? (size_t)(ring->end - at) : 0;
	size_t want = left < max ? left : max;
	char *bytes = malloc(want + 1);

	*len = 0;
	if (!bytes)
		return NULL;
	*len = keeper_ring_get(ring, at, bytes, want);
	bytes[*len] = '\0';
	return bytes;
}

struct line_count {
	uint64_t lines;
	uint64_t first, last; /* lines that are wanted: first..last-1 */
	uint64_t from, to;
};

static void count_line(struct line_count *count, uint64_t begin, uint64_t end)
{
	if (count->lines == count->first)
		count->from = begin;
	if (count->lines >= count->first && count->lines < count->last)
		count->to = end;
	count->lines++;
}

static void count_lines(const struct keeper_ring *ring,
			struct line_count *count)
{
	static char step[STEP_BYTES];
	uint64_t begin = ring->start;
	size_t got;

	count->from = count->to = ring->end;
	count->lines = 0;
	for (uint64_t at = ring->start;
	     (got = keeper_ring_get(ring, at, step, sizeof(step))) > 0;
	     at += got) {
		for (const char *nl = step;
		     (nl = memchr(nl, '\n', (size_t)(step + got - nl))); nl++) {
			uint64_t end = at + (uint64_t)(nl - step) + 1;

			count_line(count, begin, end);
			begin = end;
		}
	}
	if (begin < ring->end)
		count_line(count, begin, ring->end);
	if (count->to < count->from)
		count->to = count->from;
}

/**
 * keeper_ring_lines() - where lines are
 * @request: which: offset and limit (0: all)
 * @from:    filled: where they begin in the stream
 * @to:      filled: where they end
 *
 * A last line without an end counts. Return: how many are kept.
 */
uint64_t keeper_ring_lines(const struct keeper_ring *ring,
			   const struct tool_process_request *request,
			   uint64_t *from, uint64_t *to)
{
	uint64_t limit = request->limit ? request->limit : UINT64_MAX;
	struct line_count count = { .first = request->offset };

	if (!request->has_offset) {
		count.first = 0;
		count_lines(ring, &count);
		count.first = count.lines > limit ? count.lines - limit : 0;
	}
	count.last = limit > UINT64_MAX - count.first ? UINT64_MAX :
							count.first + limit;
	count_lines(ring, &count);
	*from = count.from;
	*to = count.to;
	return count.lines;
}
