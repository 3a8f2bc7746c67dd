// SPDX-License-Identifier: Apache-2.0
/*
 * Output that is kept.  In the loop of creeld: no step is larger than one
 * pipe's worth, and nothing here waits for whoever writes.
 */
#include <config.h>

#include "controller/session/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define BLOCK_BYTES 4096U
/*
 * The beginning is freed in pieces of an eighth of what is kept: some file
 * systems write a piece to the disk before they free it, and a small one costs
 * as much as a large one.
 */
#define PIECES 8

/**
 * spool_init() - nothing yet
 */
void spool_init(struct spool *spool)
{
	memset(spool, 0, sizeof(*spool));
	spool->fd = -1;
}

/**
 * spool_fini() - release; a file stays until it is removed by its name
 */
void spool_fini(struct spool *spool)
{
	ptr_free(&spool->memory);
	fd_close(&spool->fd);
	spool->size = spool->len = 0;
}

/**
 * spool_begin() - output comes
 * @keep:   bytes at most, until there is a file
 * @oldest: keep the beginning
 */
void spool_begin(struct spool *spool, uint64_t keep, bool oldest)
{
	spool->keep = keep;
	spool->oldest = oldest;
}

/**
 * spool_wants_file() - has memory become too small?
 */
bool spool_wants_file(const struct spool *spool)
{
	return spool->fd < 0 && !spool->oldest &&
	       spool->len + SPOOL_STEP_BYTES > SPOOL_MEMORY_BYTES;
}

static uint64_t piece(const struct spool *spool)
{
	const uint64_t bytes = spool->keep / PIECES / BLOCK_BYTES * BLOCK_BYTES;

	return bytes ? bytes : BLOCK_BYTES;
}

/* Where what is kept begins once there are @total bytes. */
static uint64_t start_of(const struct spool *spool, uint64_t total)
{
	const uint64_t unit = piece(spool);

	if (total <= spool->keep)
		return 0;
	return (total - spool->keep + unit - 1) / unit * unit;
}

/* Frees the beginning, so that there may be @total bytes. */
static int drop_until(struct spool *spool, uint64_t start)
{
	if (start <= spool->start)
		return 0;
	if (fallocate(spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		      (off_t)start) < 0)
		return -1;
	spool->start = start;
	return 0;
}

static int write_all(int fd, const char *bytes, size_t len, uint64_t offset)
{
	for (size_t at = 0; at < len;) {
		ssize_t put = pwrite(fd, bytes + at, len - at,
				     (off_t)(offset + at));

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		at += (size_t)put;
	}
	return 0;
}

/**
 * spool_to_file() - from now on in a file
 * @fd:   empty; taken over on success
 * @keep: bytes at most
 *
 * Return: 0 or -1: KERNEL, also where its file system cannot free the
 * beginning of a file; then things are as they were.
 */
int spool_to_file(struct spool *spool, int fd, uint64_t keep, struct err *err)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		      BLOCK_BYTES) < 0 ||
	    ftruncate(fd, (off_t)spool->total) < 0 ||
	    write_all(fd, spool->memory, spool->len, spool->start) < 0 ||
	    lseek(fd, 0, SEEK_END) < 0)
		return err_set(err, ERR_KERNEL, errno, "file for the output");
	spool->fd = fd;
	spool->keep = keep;
	ptr_free(&spool->memory);
	spool->size = spool->len = 0;
	return 0;
}

/**
 * spool_reopen() - go on with a file that an earlier creeld has filled
 * @fd: taken over on success
 */
int spool_reopen(struct spool *spool, int fd, uint64_t keep, struct err *err)
{
	struct stat st;
	off_t data;

	if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_END) < 0)
		return err_set(err, ERR_KERNEL, errno, "file for the output");
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return err_set(err, ERR_DENIED, 0,
			       "file for the output: it is not creeld's own");
	spool_begin(spool, keep, false);
	spool->total = (uint64_t)st.st_size;
	spool->start = start_of(spool, spool->total);
	/* More of it may be gone, where the disk had no room. */
	data = lseek(fd, 0, SEEK_DATA);
	if (data > 0 && (uint64_t)data > spool->start)
		spool->start = (uint64_t)data;
	if (data < 0 && errno == ENXIO)
		spool->start = spool->total;
	if (lseek(fd, 0, SEEK_END) < 0)
		return err_set(err, ERR_KERNEL, errno, "file for the output");
	spool->fd = fd;
	return 0;
}

/**
 * spool_read_now() - read(2) that does not wait, whatever a descriptor is
 *
 * O_NONBLOCK is whose the other copies of a descriptor are, too.  Pipes before
 * Linux 6.4, and those that were opened anew, know no better.
 */
ssize_t spool_read_now(int fd, char *buf, size_t size)
{
	const struct iovec iov = { .iov_base = buf, .iov_len = size };
	ssize_t got = preadv2(fd, &iov, 1, -1, RWF_NOWAIT);

	return got < 0 && errno == EOPNOTSUPP ? read(fd, buf, size) : got;
}

/**
 * spool_write_now() - write(2), likewise
 */
ssize_t spool_write_now(int fd, const char *bytes, size_t len)
{
	const struct iovec iov = { .iov_base = (char *)bytes, .iov_len = len };
	ssize_t put = pwritev2(fd, &iov, 1, -1, RWF_NOWAIT);

	return put < 0 && errno == EOPNOTSUPP ? write(fd, bytes, len) : put;
}

static int grow(struct spool *spool, size_t want)
{
	size_t size = spool->size ? spool->size : BLOCK_BYTES;
	char *memory;

	if (want <= spool->size)
		return 0;
	while (size < want)
		size *= 2;
	memory = realloc(spool->memory, size);
	if (!memory)
		return -1;
	spool->memory = memory;
	spool->size = size;
	return 0;
}

/* In memory @len bytes have come, behind what is there. */
static void count(struct spool *spool, size_t len)
{
	size_t drop;

	spool->total += len;
	spool->len += len;
	if (spool->len <= spool->keep)
		return;
	drop = spool->len - (size_t)spool->keep;
	spool->len = (size_t)spool->keep;
	if (spool->oldest)
		return;
	memmove(spool->memory, spool->memory + drop, spool->len);
	spool->start += drop;
}

static ssize_t take_memory(struct spool *spool, int fd, size_t most)
{
	ssize_t got;

	if (grow(spool, spool->len + most) < 0)
		return -1;
	got = spool_read_now(fd, spool->memory + spool->len, most);
	if (got > 0)
		count(spool, (size_t)got);
	return got;
}

/* These bytes came and are nowhere: what is kept begins behind them. */
static ssize_t skip(struct spool *spool, ssize_t got)
{
	const uint64_t end = spool->total + (uint64_t)got;

	if (ftruncate(spool->fd, (off_t)end) == 0 &&
	    lseek(spool->fd, 0, SEEK_END) >= 0)
		spool->start = end;
	return got;
}

/*
 * The disk has no room, or fails: what is kept goes, and where that does not
 * help, what has come goes too, so that the command is not held up.
 */
static ssize_t lose(struct spool *spool, int fd, size_t most)
{
	char buf[BLOCK_BYTES];
	ssize_t got;

	(void)drop_until(spool, (spool->total + BLOCK_BYTES - 1) /
					BLOCK_BYTES * BLOCK_BYTES);
	got = splice(fd, NULL, spool->fd, NULL, most, SPLICE_F_NONBLOCK);
	if (got >= 0 || errno == EAGAIN)
		return got;
	got = spool_read_now(fd, buf, most < sizeof(buf) ? most : sizeof(buf));
	return got > 0 ? skip(spool, got) : got;
}

/* Room is made for what will come and no more, so that the count is exact. */
static ssize_t take_file(struct spool *spool, int fd, size_t most)
{
	int waiting = 0;
	ssize_t got;

	if (ioctl(fd, FIONREAD, &waiting) < 0 || waiting < 0)
		waiting = 0;
	/* Nothing but its end comes. */
	if (waiting == 0)
		most = 1;
	else if ((size_t)waiting < most)
		most = (size_t)waiting;
	if (waiting > 0 &&
	    drop_until(spool, start_of(spool, spool->total + most)) < 0)
		return lose(spool, fd, most);
	got = splice(fd, NULL, spool->fd, NULL, most, SPLICE_F_NONBLOCK);
	if (got < 0 && errno != EAGAIN && errno != EINTR)
		return lose(spool, fd, most);
	return got;
}

/**
 * spool_take() - what is there to be read, one step of it
 * @most: bytes at most; no step is larger than SPOOL_STEP_BYTES
 *
 * Return: as spool.h says.
 */
ssize_t spool_take(struct spool *spool, int fd, size_t most)
{
	ssize_t got;

	if (most > SPOOL_STEP_BYTES)
		most = SPOOL_STEP_BYTES;
	if (spool->fd < 0)
		return take_memory(spool, fd, most);
	got = take_file(spool, fd, most);
	if (got > 0)
		spool->total += (uint64_t)got;
	return got;
}

/**
 * spool_read() - some of what is kept
 * @offset: in the stream; moved to what is there still
 */
ssize_t spool_read(const struct spool *spool, uint64_t *offset, char *buf,
		   size_t size)
{
	size_t at;

	if (*offset < spool->start)
		*offset = spool->start;
	if (spool->fd >= 0)
		return pread(spool->fd, buf, size, (off_t)*offset);
	if (*offset - spool->start >= spool->len)
		return 0;
	at = (size_t)(*offset - spool->start);
	if (size > spool->len - at)
		size = spool->len - at;
	memcpy(buf, spool->memory + at, size);
	return (ssize_t)size;
}
