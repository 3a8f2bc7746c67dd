// SPDX-License-Identifier: Apache-2.0
/*
 * Requests for files and their answers.
 */
#include <config.h>

#include "tests/unit/init-asks.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "helper/init/request.h"

static uint32_t last_seq;

static double now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static ProtobufCBinaryData bytes(const char *text)
{
	return (ProtobufCBinaryData){ strlen(text), (uint8_t *)text };
}

uint32_t ask_send_read(struct box *box, const struct ask_read *what)
{
	Ini__Read msg = INI__READ__INIT;
	Ini__Request req = INI__REQUEST__INIT;

	msg.seq = ++last_seq;
	msg.where = INI__WHERE__WHERE_ROOT;
	msg.path = bytes(what->path);
	msg.below = bytes(what->below ? what->below : "/workspace");
	msg.uid = msg.gid = 1000;
	msg.skip_lines = what->skip_lines;
	msg.max_lines = what->max_lines;
	msg.max_bytes = what->max_bytes;
	msg.tail = what->tail;
	req.op_case = INI__REQUEST__OP_READ;
	req.read = &msg;
	box_send(box, &req, NULL, 0);
	return last_seq;
}

/* What is in a memfd must not be changeable by anybody. */
static void take_memfd(struct ask_got *got, char *buf, int fd)
{
	struct stat st;

	got->memfd = true;
	ck_assert_int_eq(fcntl(fd, F_GET_SEALS), 0xf);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_le(st.st_size, INIT_READ_MAX_BYTES);
	got->len = (size_t)st.st_size;
	for (size_t at = 0; at < got->len;) {
		ssize_t n = pread(fd, buf + at, got->len - at, (off_t)at);

		ck_assert_int_gt(n, 0);
		at += (size_t)n;
	}
	close(fd);
}

struct ask_got ask_answer(struct box *box, uint32_t seq)
{
	static char buf[INIT_READ_MAX_BYTES];
	struct box_event event = box_expect(box, INI__EVENT__EV_ANSWER);
	struct ask_got got = { .msg = *event.ev->answer, .data = buf };

	if (seq)
		ck_assert_uint_eq(got.msg.seq, seq);
	if (event.fd >= 0) {
		ck_assert_uint_eq(got.msg.data.len, 0);
		take_memfd(&got, buf, event.fd);
	} else {
		got.len = got.msg.data.len;
		if (got.len > 0)
			memcpy(buf, got.msg.data.data, got.len);
	}
	return got;
}

struct ask_got ask_read(struct box *box, const struct ask_read *what)
{
	double begin = now();
	struct ask_got got = ask_answer(box, ask_send_read(box, what));

	got.seconds = now() - begin;
	return got;
}

Ini__Answer ask_stat(struct box *box, const char *path)
{
	Ini__Stat msg = INI__STAT__INIT;
	Ini__Request req = INI__REQUEST__INIT;

	msg.seq = ++last_seq;
	msg.where = INI__WHERE__WHERE_ROOT;
	msg.path = bytes(path);
	msg.below = bytes("/workspace");
	msg.uid = msg.gid = 1000;
	req.op_case = INI__REQUEST__OP_STAT;
	req.stat = &msg;
	box_send(box, &req, NULL, 0);
	return ask_answer(box, last_seq).msg;
}

static void fill(Ini__Change *to, const struct ask_change *from)
{
	ini__change__init(to);
	to->kind = from->kind;
	to->path = bytes(from->path);
	to->expect = from->expect ? from->expect : INI__EXPECT__EXPECT_ANY;
	to->mode = from->mode ? from->mode : 0644;
	to->parents = from->parents;
	if (!from->same)
		return;
	to->ino = from->same->ino;
	to->dev = from->same->dev;
	to->size = from->same->size;
	to->mtime_nsec = from->same->mtime_nsec;
	to->ctime_nsec = from->same->ctime_nsec;
}

uint32_t ask_send_commit(struct box *box, const struct ask_change *changes,
			 size_t n)
{
	static Ini__Change items[INIT_MAX_CHANGES + 1];
	static Ini__Change *list[INIT_MAX_CHANGES + 1];
	Ini__Commit msg = INI__COMMIT__INIT;
	Ini__Request req = INI__REQUEST__INIT;
	int fd = memfd_create("content", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint64_t at = 0;
	bool put = false;

	for (size_t i = 0; i < n; i++) {
		const char *text = changes[i].text ? changes[i].text : "";

		fill(&items[i], &changes[i]);
		list[i] = &items[i];
		items[i].offset = at;
		items[i].length = strlen(text);
		at += strlen(text);
		ck_assert_int_eq(write(fd, text, strlen(text)), strlen(text));
		put |= changes[i].kind == INI__CHANGE_KIND__CHANGE_PUT;
	}
	ck_assert(!fcntl(fd, F_ADD_SEALS, 0xf));
	msg.seq = ++last_seq;
	msg.where = INI__WHERE__WHERE_ROOT;
	msg.below = bytes("/workspace");
	msg.uid = msg.gid = 1000;
	msg.changes = list;
	msg.n_changes = n;
	req.op_case = INI__REQUEST__OP_COMMIT;
	req.commit = &msg;
	box_send(box, &req, &fd, put);
	close(fd);
	return last_seq;
}

Ini__Answer ask_commit(struct box *box, const struct ask_change *changes,
		       size_t n)
{
	return ask_answer(box, ask_send_commit(box, changes, n)).msg;
}
