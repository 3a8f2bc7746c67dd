// SPDX-License-Identifier: Apache-2.0
/*
 * The verb read: a part of a regular file, in bounded time and memory, whatever
 * the file is: sparse, growing, the kernel's own, or many terabytes long.
 */
#include <config.h>

#include "helper/init/file.h"

#include <sys/mman.h>

/* What fits into the datagram of an answer. */
#define INLINE_BYTES 49152
#define CHUNK_BYTES 65536
/* Then what was reached is the answer: who asks shall not wait a second. */
#define READ_USEC 400000

struct reading {
	uint64_t first; /* lines before it are passed over */
	uint64_t last;  /* and those from here on */
	uint64_t max;   /* bytes */
	uint64_t lines; /* that have begun */
	uint64_t len;   /* of what is kept */
	bool inside;    /* a line has no end yet */
	bool passing;   /* the first line is not reached */
	int memfd;      /* owned; what is kept when it is much, -1 none */
	char *data;     /* when it is little */
};

static int keep(struct reading *r, const char *bytes, size_t len)
{
	if (r->memfd < 0 && r->len + len <= INLINE_BYTES) {
		memcpy(r->data + r->len, bytes, len);
		r->len += len;
		return 0;
	}
	if (r->memfd < 0) {
		r->memfd = memfd_create("creel-read",
					MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (r->memfd < 0 || write(r->memfd, r->data, r->len) !=
					    (ssize_t)r->len)
			return -1;
	}
	r->len += len;
	return write(r->memfd, bytes, len) == (ssize_t)len ? 0 : -1;
}

/* Passes over at most @len bytes, as long as lines are fewer than @lines. */
static const char *pass(struct reading *r, const char *at, uint64_t len,
			uint64_t lines)
{
	const char *end = at + len;

	while (at < end) {
		const char *feed;

		if (!r->inside && r->lines == lines)
			break;
		r->lines += !r->inside;
		feed = memchr(at, '\n', (size_t)(end - at));
		r->inside = !feed;
		at = feed ? feed + 1 : end;
	}
	return at;
}

/* 1: not all of @bytes was wanted; -1: errno. */
static int take(struct reading *r, const char *bytes, size_t len)
{
	const char *end = bytes + len;
	const char *from = bytes;
	uint64_t room = r->max - r->len;

	if (r->passing) {
		from = pass(r, bytes, len, r->first);
		r->passing = r->inside || r->lines < r->first;
	}
	if (room > (uint64_t)(end - from))
		room = (uint64_t)(end - from);
	bytes = pass(r, from, room, r->last);
	if (bytes > from && keep(r, from, (size_t)(bytes - from)))
		return -1;
	return bytes < end;
}

static int read_on(struct reading *r, int fd, int64_t deadline_usec)
{
	static char chunk[CHUNK_BYTES];
	int cut = 0;
	ssize_t got;

	while (cut == 0 && (got = read(fd, chunk, sizeof(chunk))) != 0) {
		if (got < 0)
			return -1;
		cut = init_now_usec() > deadline_usec ?
			      1 :
			      take(r, chunk, (size_t)got);
	}
	return cut;
}

/**
 * init_file_read() - the verb read
 *
 * O_NONBLOCK: neither a FIFO nor what the kernel has under such a name holds
 * the worker. What is no regular file has been opened by then, and closed,
 * which for the devices of a sandbox means nothing.
 *
 * Return: a sealed memfd with the data, or -1 with errno, which is 0 where it
 * is in @answer.
 */
int init_file_read(int base_fd, const char *path, const Ini__Read *m,
		   Ini__Answer *answer)
{
	static char data[INLINE_BYTES];
	int64_t deadline_usec = init_now_usec() + READ_USEC;
	auto_fd memfd = -1;
	auto_fd fd = init_file_beneath(base_fd, path,
				       O_RDONLY | O_NOCTTY | O_NONBLOCK);
	struct reading r = {
		.first = m->tail ? 0 : m->skip_lines,
		.last = UINT64_MAX,
		.max = m->max_bytes,
		.memfd = -1,
		.data = data,
	};
	int cut;

	if (fd < 0 || init_file_stat(fd, answer) ||
	    init_file_regular(answer->mode))
		return -1;
	if (m->tail && answer->size > m->max_bytes &&
	    lseek(fd, (off_t)(answer->size - m->max_bytes), SEEK_SET) < 0)
		return -1;
	if (!m->tail && m->max_lines && m->max_lines <= UINT64_MAX - r.first)
		r.last = r.first + m->max_lines;
	r.passing = r.first > 0;
	cut = read_on(&r, fd, deadline_usec);
	memfd = r.memfd;
	if (cut < 0)
		return -1;
	answer->lines = r.lines;
	answer->more = cut > 0;
	if (memfd >= 0)
		return fcntl(memfd, F_ADD_SEALS, INIT_SEALS) ? -1 :
							       fd_take(&memfd);
	answer->data = (ProtobufCBinaryData){ r.len, (uint8_t *)data };
	errno = 0;
	return -1;
}
