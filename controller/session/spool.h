/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command prints: the newest of it (or the oldest), and how much there
 * was in all.  A little is kept in memory; more goes straight from the pipe
 * into a file, whose offsets are those of the stream, so that what was dropped
 * is known to the byte also by the next creeld: the beginning of the file is
 * freed, its size stays.
 */
#ifndef CONTROLLER_SESSION_SPOOL_H
#define CONTROLLER_SESSION_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/err.h"

#define SPOOL_MEMORY_BYTES (256U << 10)
#define SPOOL_STEP_BYTES (64U << 10) /* at once: the loop goes on between two */

struct spool {
	char *memory;    /* owned; size bytes */
	size_t size, len;
	int fd;          /* owned; -1: in memory */
	bool oldest;     /* of too much, the beginning is kept */
	bool tried;      /* to give it a file, once */
	uint64_t keep;   /* bytes at most */
	uint64_t total;  /* that came */
	uint64_t start;  /* of what is kept, in the stream */
};

void spool_init(struct spool *spool);
void spool_fini(struct spool *spool);

/* In memory, of which at most @keep bytes stay. */
void spool_begin(struct spool *spool, uint64_t keep, bool oldest);
/* Another step would drop what a file could hold. */
bool spool_wants_file(const struct spool *spool);
/*
 * What there is goes into @fd, an empty file that is taken over on success, and
 * so does what comes. @keep: bytes at most, from now on.
 */
int spool_to_file(struct spool *spool, int fd, uint64_t keep, struct err *err);
/* A file that an earlier creeld has filled; taken over on success. */
int spool_reopen(struct spool *spool, int fd, uint64_t keep, struct err *err);

/*
 * One step from a pipe that does not block: how many bytes, 0 at its end, -1
 * with errno: EAGAIN. Nothing is ever only in this process, but for what is in
 * memory.
 */
ssize_t spool_take(struct spool *spool, int fd, size_t most);

/* Copies from @offset of the stream; what is dropped by then is passed over:
 * @offset is where it begins. Return: bytes, or -1 with errno. */
ssize_t spool_read(const struct spool *spool, uint64_t *offset, char *buf,
		   size_t size);
ssize_t spool_read_now(int fd, char *buf, size_t size);
ssize_t spool_write_now(int fd, const char *bytes, size_t len);

#endif
