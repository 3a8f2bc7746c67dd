// SPDX-License-Identifier: Apache-2.0
/*
 * creel-init reads: what is asked for and no more, of regular files alone, in
 * time. SB-34 and SB-35, as far as pid 1 goes.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/init-asks.h"
#include "tests/unit/runner.h"

/* Sanitizers look at each byte. */
#ifdef CREEL_SANITIZE
#define IN_TIME_SEC 5
#else
#define IN_TIME_SEC 1
#endif

static struct box box;

static void setup(void)
{
	box_start(&box, false);
}

static void teardown(void)
{
	box_stop(&box);
}

static int sh(const char *script)
{
	return box_sh(&box, script, NULL, 0);
}

static struct ask_got get(const char *path, uint64_t max)
{
	return ask_read(&box, &(struct ask_read){ .path = path,
						  .max_bytes = max });
}

START_TEST(test_init_read_tells_what_it_read)
{
	struct ask_got got;
	Ini__Answer st;

	ck_assert_int_eq(sh("cd /workspace; printf 'one\\ntwo\\nthree' > f; "
			    "chmod 640 f; : > empty"), 0);
	got = get("f", 100);
	ck_assert_uint_eq(got.msg.sys, 0);
	ck_assert_uint_eq(got.len, 13);
	ck_assert_mem_eq(got.data, "one\ntwo\nthree", 13);
	ck_assert_uint_eq(got.msg.lines, 3);
	ck_assert(!got.msg.more && !got.memfd);
	ck_assert_uint_eq(got.msg.size, 13);
	ck_assert_uint_eq(got.msg.mode, S_IFREG | 0640);
	ck_assert_uint_gt(got.msg.mtime_nsec, 0);
	st = ask_stat(&box, "f");
	ck_assert_uint_eq(st.ino, got.msg.ino);
	ck_assert_uint_eq(st.dev, got.msg.dev);
	ck_assert_uint_eq(st.mtime_nsec, got.msg.mtime_nsec);
	ck_assert_uint_eq(st.ctime_nsec, got.msg.ctime_nsec);
	ck_assert_uint_ne(st.ino, 0);
	got = get("empty", 100);
	ck_assert_uint_eq(got.msg.sys, 0);
	ck_assert(got.len == 0 && got.msg.lines == 0 && !got.msg.more);
	got = get("f", 0);
	ck_assert(got.msg.sys == 0 && got.len == 0 && got.msg.more);
}
END_TEST

START_TEST(test_init_read_lines_and_bytes_are_cut_where_asked)
{
	/* The file is a, bb, ccc, dddd, each with its end, and e without. */
	static const struct {
		uint64_t skip, max_lines, max_bytes;
		bool tail;
		const char *text;
		uint64_t lines;
		bool more;
	} rows[] = {
		{ 0, 0, 99, false, "a\nbb\nccc\ndddd\ne", 5, false },
		{ 0, 0, 15, false, "a\nbb\nccc\ndddd\ne", 5, false },
		{ 0, 0, 14, false, "a\nbb\nccc\ndddd\n", 4, true },
		{ 0, 0, 4, false, "a\nbb", 2, true },
		{ 0, 1, 99, false, "a\n", 1, true },
		{ 0, 4, 99, false, "a\nbb\nccc\ndddd\n", 4, true },
		{ 0, 5, 99, false, "a\nbb\nccc\ndddd\ne", 5, false },
		{ 1, 1, 99, false, "bb\n", 2, true },
		{ 1, 0, 1, false, "b", 2, true },
		{ 3, 9, 99, false, "dddd\ne", 5, false },
		{ 4, 0, 99, false, "e", 5, false },
		{ 5, 0, 99, false, "", 5, false },
		{ 99, 9, 99, false, "", 5, false },
		{ UINT64_MAX, UINT64_MAX, 99, false, "", 5, false },
		{ 1, UINT64_MAX, 99, false, "bb\nccc\ndddd\ne", 5, false },
		{ 0, 0, 6, true, "dddd\ne", 2, false },
		{ 3, 1, 3, true, "d\ne", 2, false },
		{ 0, 0, 99, true, "a\nbb\nccc\ndddd\ne", 5, false },
		{ 2, 0, 0, false, "", 2, true },
	};

	ck_assert_int_eq(sh("printf 'a\\nbb\\nccc\\ndddd\\ne' > /workspace/f"),
			 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ask_got got = ask_read(
			&box, &(struct ask_read){
				      .path = "f",
				      .skip_lines = rows[i].skip,
				      .max_lines = rows[i].max_lines,
				      .max_bytes = rows[i].max_bytes,
				      .tail = rows[i].tail });

		ck_assert_uint_eq(got.msg.sys, 0);
		ck_assert_msg(got.len == strlen(rows[i].text) &&
				      !memcmp(got.data, rows[i].text,
					      got.len) &&
				      got.msg.lines == rows[i].lines &&
				      got.msg.more == rows[i].more,
			      "row %zu: %zu bytes, %llu lines, more %d", i,
			      got.len, (unsigned long long)got.msg.lines,
			      got.msg.more);
	}
}
END_TEST

/* Lines that go over the end of what is read at once, and what is much. */
START_TEST(test_init_read_much_comes_in_a_sealed_memfd)
{
	static const uint64_t sizes[] = { 49151, 49152, 49153, 65535,
					  65536, 65537, 5000000 };
	struct ask_got got;

	ck_assert_int_eq(sh("cd /workspace; seq 1 1000000 | "
			    "sed 's/$/ the quick brown fox/' > f"), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		got = get("f", sizes[i]);
		ck_assert_uint_eq(got.msg.sys, 0);
		ck_assert_uint_eq(got.len, sizes[i]);
		ck_assert_int_eq(got.memfd, sizes[i] > 49152);
		ck_assert(!memcmp(got.data, "1 the", 5) && got.msg.more);
	}
	got = ask_read(&box, &(struct ask_read){ .path = "f",
						 .skip_lines = 500000,
						 .max_lines = 10000,
						 .max_bytes = 5000000 });
	ck_assert(got.memfd && !memcmp(got.data, "500001 the", 10));
	ck_assert_uint_eq(got.msg.lines, 510000);
	ck_assert_uint_eq(got.len, 10000 * 27);
	ck_assert_mem_eq(got.data + got.len - 27, "510000 the", 10);
	/* More than may be asked for. */
	ck_assert_uint_eq(get("f", (64 << 20) + 1).msg.sys, EINVAL);
}
END_TEST

START_TEST(test_init_read_planted_names_lead_nowhere)
{
	static const struct {
		const char *below, *path;
		int sys;
	} rows[] = {
		{ NULL, "inner", ELOOP },	{ NULL, "abs", ELOOP },
		{ NULL, "up", ELOOP },		{ NULL, "dir/passwd", ELOOP },
		{ NULL, "here/f", ELOOP },	{ NULL, "loop", ELOOP },
		{ NULL, "magic", ELOOP },	{ NULL, "fifo", ENXIO },
		{ NULL, "held", ENXIO },	{ NULL, "sock", ENXIO },
		{ NULL, "../etc/passwd", EXDEV }, { NULL, "/etc/passwd", EXDEV },
		{ NULL, "d/../../etc/passwd", EXDEV },
		{ NULL, "../workspace/f", EXDEV },
		{ NULL, "d", EISDIR },		{ NULL, "", EISDIR },
		{ NULL, ".", EISDIR },		{ NULL, "..", EXDEV },
		{ NULL, "gone", ENOENT },	{ NULL, "f/x", ENOTDIR },
		{ NULL, "f/", ENOTDIR },	{ NULL, "secret", EACCES },
		{ "/dev", "null", ENXIO },	{ "/dev", "zero", ENXIO },
		{ "/dev", "tty", ENXIO },	{ "/dev/pts", "ptmx", ENXIO },
		{ "/proc", "self/status", ELOOP },
		{ "/proc/self/root", "etc/passwd", ELOOP },
		{ "/proc/self/cwd", "f", ELOOP },
		{ "/proc", "1/environ", EACCES }, { "/proc", "1/mem", EACCES },
		{ "/workspace/f", "x", ENOTDIR }, { "/none", "x", ENOENT },
		{ "/workspace/loop", "x", ELOOP },
	};
	struct ask_got got;

	ck_assert_int_eq(sh("cd /workspace; echo in > f; ln -s f inner; "
			    "ln -s /etc/passwd abs; ln -s ../etc/passwd up; "
			    "ln -s /etc dir; ln -s . here; ln -s loop loop; "
			    "ln -s /proc/self/root/etc/passwd magic; mkdir d; "
			    "ln f d/hard; echo s > secret; chmod 0 secret; "
			    "mkfifo fifo held; (sleep 100 > held &) ; "
			    "(sleep 100 < held &) ; "
			    "python3 -c 'import socket; "
			    "socket.socket(socket.AF_UNIX).bind(\"sock\")'"),
			 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		got = ask_read(&box, &(struct ask_read){ .below = rows[i].below,
							 .path = rows[i].path,
							 .max_bytes = 99 });
		ck_assert_msg((int)got.msg.sys == rows[i].sys, "%s %s: %s",
			      rows[i].below ? rows[i].below : "", rows[i].path,
			      strerror((int)got.msg.sys));
		ck_assert(got.len == 0 && got.seconds < 1);
	}
	/* Positive controls; links in the way to what is beneath are followed. */
	ck_assert_uint_eq(get("f", 9).len, 3);
	ck_assert_uint_eq(get("d/../f", 9).len, 3);
	ck_assert_uint_eq(get("d/hard", 9).len, 3);
	got = ask_read(&box, &(struct ask_read){ .below = "/workspace/here/d",
						 .path = "hard",
						 .max_bytes = 9 });
	ck_assert_uint_eq(got.len, 3);
	/* A file of the kernel's has no size, and is read all the same. */
	got = ask_read(&box, &(struct ask_read){ .below = "/proc",
						 .path = "1/status",
						 .max_bytes = 9999 });
	ck_assert_uint_eq(got.msg.size, 0);
	ck_assert(!memcmp(got.data, "Name:\tcreel-init\n", 17));
}
END_TEST

START_TEST(test_init_read_huge_files_are_answered_in_time)
{
	static const struct ask_read rows[] = {
		{ .path = "sparse", .max_bytes = 50000 },
		{ .path = "sparse", .max_bytes = 64 << 20 },
		{ .path = "sparse", .max_bytes = 50000, .tail = true },
		{ .path = "sparse", .max_bytes = 50000, .skip_lines = 5 },
		{ .path = "sparse", .max_bytes = 50000, .max_lines = 5 },
		{ .path = "grows", .max_bytes = 50000, .skip_lines = 1u << 31 },
		{ .path = "grows", .max_bytes = 1 << 20, .tail = true },
	};

	ck_assert_int_eq(sh("cd /workspace; truncate -s 1T sparse; : > grows; "
			    "(timeout 20 sh -c 'while :; do "
			    "head -c 4000000 /dev/zero; truncate -s 0 grows; "
			    "done' >> grows 2>/dev/null &)"), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ask_got got = ask_read(&box, &rows[i]);

		ck_assert_uint_eq(got.msg.sys, 0);
		ck_assert_uint_le(got.len, rows[i].max_bytes);
		ck_assert_msg(got.seconds < IN_TIME_SEC, "row %zu: %f s", i,
			      got.seconds);
		if (i < 5)
			ck_assert_uint_eq(got.msg.size, 1ULL << 40);
		ck_assert(i == 2 || i > 4 || got.msg.more);
		if (i == 3)
			ck_assert_uint_eq(got.len, 0);
	}
}
END_TEST

START_TEST(test_init_read_every_name_is_a_name)
{
	static char name[300];
	static char deep[4100];
	struct ask_got got;

	memset(name, 'n', 255);
	for (size_t i = 0; i < 2000; i++)
		memcpy(deep + 2 * i, "d/", 3);
	memcpy(deep + 4000, "f", 2);
	ck_assert_int_eq(sh("cd /workspace; python3 -c '\n"
			    "import os\n"
			    "for n in (b\"a\\nb\", b\"\\x1b[31m\", b\"\\xff\\xfe\","
			    " b\" \", b\"-n\", b\"n\" * 255):\n"
			    "  open(n, \"wb\").write(b\"x\")\n"
			    "for i in range(2000):\n"
			    "  os.mkdir(\"d\"); os.chdir(\"d\")\n"
			    "open(\"f\", \"w\").write(\"deep\")'"), 0);
	ck_assert_uint_eq(get("a\nb", 9).len, 1);
	ck_assert_uint_eq(get("\x1b[31m", 9).len, 1);
	ck_assert_uint_eq(get("\xff\xfe", 9).len, 1);
	ck_assert_uint_eq(get(" ", 9).len, 1);
	ck_assert_uint_eq(get("-n", 9).len, 1);
	ck_assert_uint_eq(get(name, 9).len, 1);
	name[255] = 'n';
	ck_assert_uint_eq(get(name, 9).msg.sys, ENAMETOOLONG);
	got = get(deep, 9);
	ck_assert_uint_eq(got.msg.sys, 0);
	ck_assert_uint_eq(got.len, 4);
	ck_assert(got.seconds < 1);
	memset(deep, 'd', sizeof(deep) - 1);
	ck_assert_uint_eq(get(deep, 9).msg.sys, ENAMETOOLONG);
	ck_assert_int_eq(sh("rm -rf /workspace/d"), 0);
}
END_TEST

#define WORKERS "grep -lx creel-worker /proc/[0-9]*/comm 2>/dev/null"

/* A worker is the sandbox user's own process, with nothing to take from it. */
START_TEST(test_init_worker_stays_and_gives_nothing_away)
{
	char out[256];

	ck_assert_int_eq(sh("echo x > /workspace/f"), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(get("f", 9).len, 2);
	ck_assert_int_eq(box_sh(&box, WORKERS " | wc -l", out, sizeof(out)), 0);
	ck_assert_int_ge(strtol(out, NULL, 10), 1);
	ck_assert_int_le(strtol(out, NULL, 10), 2);
	ck_assert_int_eq(sh("for c in `" WORKERS "`; do p=${c%/comm}; "
			    "ls $p/fd 2>/dev/null && exit 1; "
			    "cat $p/environ 2>/dev/null && exit 2; "
			    "readlink $p/exe && exit 3; "
			    "grep -q 'CapPrm:.*[1-9a-f]' $p/status && exit 4; "
			    "grep -q 'Uid:.1000.1000.1000.1000' $p/status || "
			    "exit 5; done; exit 0"), 0);
}
END_TEST

/* A death takes a moment, and what is given to the dying is lost, and told. */
static void get_again(void)
{
	struct ask_got got = get("f", 9);

	for (int i = 0; i < 50 && got.msg.sys; i++) {
		ck_assert_uint_eq(got.msg.sys, EIO);
		got = get("f", 9);
	}
	ck_assert_uint_eq(got.len, 2);
}

START_TEST(test_init_worker_that_dies_costs_one_request)
{
	const struct ask_read slow = { .path = "sparse",
				       .max_bytes = 1,
				       .skip_lines = 9 };
	struct ask_got got;

	ck_assert_int_eq(sh("echo x > /workspace/f; truncate -s 1T "
			    "/workspace/sparse"), 0);
	ck_assert_uint_eq(get("f", 9).len, 2);
	/* Stopped while it has nothing to do. */
	ck_assert_int_eq(sh("for c in `" WORKERS "`; do c=${c%/comm}; "
			    "kill -STOP ${c#/proc/}; done"), 0);
	got = get("f", 9);
	ck_assert(got.len == 2 && got.seconds < 1);
	/* Killed while it has nothing to do. */
	ck_assert_int_eq(sh("for c in `" WORKERS "`; do c=${c%/comm}; "
			    "kill -KILL ${c#/proc/}; done"), 0);
	get_again();
	/* Killed at work. */
	box_send_exec(&box, &(struct box_exec){
		.argv = (const char *const[]){ "sh", "-c", "while :; do for c in `"
			WORKERS "`; do c=${c%/comm}; kill -KILL ${c#/proc/}; "
			"done; done", NULL },
		.id = 1 });
	box_expect(&box, INI__EVENT__EV_STARTED);
	for (int i = 0; i < 20; i++) {
		got = ask_read(&box, &slow);
		if (got.msg.sys)
			break;
	}
	ck_assert_uint_eq(got.msg.sys, EIO);
	box_signal(&box, 1, 9, true);
	box_expect_exited(&box, 1);
	get_again();
}
END_TEST

/* Many at once, slow ones among them: each is answered, and none waits. */
START_TEST(test_init_workers_do_not_wait_for_each_other)
{
	const struct ask_read slow = { .path = "sparse",
				       .max_bytes = 1,
				       .skip_lines = 9 };
	unsigned busy = 0;
	struct ask_got got;
	uint32_t last;

	ck_assert_int_eq(sh("echo x > /workspace/f; truncate -s 1T "
			    "/workspace/sparse"), 0);
	for (int i = 0; i < 20; i++)
		(void)ask_send_read(&box, &slow);
	last = ask_send_read(&box, &(struct ask_read){ .path = "f",
						       .max_bytes = 9 });
	/* One after the other it would be the last that is answered. */
	for (int i = 0; i <= 20; i++) {
		got = ask_answer(&box, 0);
		ck_assert_uint_eq(got.msg.sys, 0);
		if (got.msg.seq != last)
			continue;
		ck_assert_uint_eq(got.len, 2);
		ck_assert_int_lt(i, 20);
	}
	/* Where the machine does other things, they may be over too soon. */
	for (int tries = 0; tries < 20 && busy == 0; tries++) {
		for (int i = 0; i < 60; i++)
			(void)ask_send_read(&box, &slow);
		for (int i = 0; i < 60; i++) {
			got = ask_answer(&box, 0);
			ck_assert(got.msg.sys == 0 || got.msg.sys == EAGAIN);
			busy += got.msg.sys == EAGAIN;
		}
	}
#ifndef CREEL_SANITIZE /* too slow in asking for so many at once */
	ck_assert_uint_gt(busy, 0);
#endif
	ck_assert_uint_eq(get("f", 9).len, 2);
}
END_TEST

/* SB-34: a name that is a file and a link to a canary by turns. */
START_TEST(test_init_read_swapped_names_give_no_canary)
{
	const char *const argv[] = {
		"python3", "-c",
		"import os, ctypes\n"
		"libc = ctypes.CDLL(None)\n"
		"os.chdir('/workspace')\n"
		"while True:\n"
		"  libc.renameat2(-100, b'f', -100, b'l', 2)\n"
		"  libc.renameat2(-100, b'd', -100, b'e', 2)\n",
		NULL
	};
	unsigned long rounds = test_rounds(10000);
	unsigned inside = 0, refused = 0;

	ck_assert_int_eq(sh("mkdir /tmp/c; echo canary > /tmp/c/f; "
			    "cd /workspace; echo inside > f; mkdir d; "
			    "echo inside > d/f; ln -s /tmp/c/f l; "
			    "ln -s ../tmp/c e"), 0);
	box_send_exec(&box, &(struct box_exec){ .argv = argv, .id = 1 });
	box_expect(&box, INI__EVENT__EV_STARTED);
	for (unsigned long i = 0; i < rounds || !inside || !refused; i++) {
		struct ask_got got = get(i & 1 ? "f" : "d/f", 99);

		if (got.msg.sys == 0)
			ck_assert_mem_eq(got.data, "inside\n", got.len);
		else
			ck_assert_uint_eq(got.msg.sys, ELOOP);
		inside += got.msg.sys == 0;
		refused += got.msg.sys != 0;
	}
	box_signal(&box, 1, 9, true);
	box_expect_exited(&box, 1);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("init-read");
	TCase *tc = tcase_create("read");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_init_read_tells_what_it_read);
	tcase_add_test(tc, test_init_read_lines_and_bytes_are_cut_where_asked);
	tcase_add_test(tc, test_init_read_much_comes_in_a_sealed_memfd);
	tcase_add_test(tc, test_init_read_planted_names_lead_nowhere);
	tcase_add_test(tc, test_init_read_huge_files_are_answered_in_time);
	tcase_add_test(tc, test_init_read_every_name_is_a_name);
	tcase_add_test(tc, test_init_worker_stays_and_gives_nothing_away);
	tcase_add_test(tc, test_init_worker_that_dies_costs_one_request);
	tcase_add_test(tc, test_init_workers_do_not_wait_for_each_other);
	tcase_add_test(tc, test_init_read_swapped_names_give_no_canary);
	suite_add_tcase(suite, tc);
	return suite;
}
