// SPDX-License-Identifier: Apache-2.0
/*
 * Output that is kept: every byte of it, or exactly so much less as it says.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "controller/session/spool.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

#define LINE_BYTES 16

static struct spool spool;
static struct err err;
static int ends[2];
static char *buf;

static void begin(void)
{
	err = (struct err)ERR_INIT;
	spool_init(&spool);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	buf = malloc(1 << 20);
	ck_assert_ptr_nonnull(buf);
}

static void end(void)
{
	spool_fini(&spool);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	free(buf);
}

static int make_file(void)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* Numbered lines, all of one length: what is missing or twice is seen. */
static void write_lines(uint64_t from, uint64_t count)
{
	for (uint64_t i = from; i < from + count; i++) {
		char line[LINE_BYTES + 1];

		(void)snprintf(line, sizeof(line), "%015llu\n",
			       (unsigned long long)i);
		ck_assert_int_eq(write(ends[1], line, LINE_BYTES), LINE_BYTES);
	}
}

static void take_all(void)
{
	ssize_t got;

	while ((got = spool_take(&spool, ends[0], SPOOL_STEP_BYTES)) > 0)
		continue;
	ck_assert(got == 0 || errno == EAGAIN);
}

/* Everything from @offset on is lines, without a gap, up to @count. */
static void expect_lines(uint64_t offset, uint64_t count)
{
	uint64_t at = offset;
	ssize_t got = spool_read(&spool, &at, buf, 1 << 20);
	uint64_t skip;

	ck_assert_int_ge(got, 0);
	ck_assert_uint_eq(at, spool.start > offset ? spool.start : offset);
	ck_assert_uint_eq(at + (uint64_t)got, count * LINE_BYTES);
	skip = (LINE_BYTES - at % LINE_BYTES) % LINE_BYTES;
	for (uint64_t i = skip; i + LINE_BYTES <= (uint64_t)got;
	     i += LINE_BYTES)
		ck_assert_uint_eq(strtoull(buf + i, NULL, 10),
				  (at + i) / LINE_BYTES);
}

/* pid 1 has the same pipe open, and can say that it blocks. */
START_TEST(test_spool_pipe_that_blocks_is_not_waited_for)
{
	static const char bytes[1 << 16];
	struct err why = ERR_INIT;
	char byte = 'x';
	int file_fd = make_file();

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(fcntl(ends[i], F_SETFL, 0), 0);
	errno = 0;
	if (preadv2(ends[0], &(struct iovec){ &byte, 1 }, 1, -1,
		    RWF_NOWAIT) < 0 && errno == EOPNOTSUPP)
		return; /* before Linux 6.4 */
	spool_begin(&spool, 4096, false);
	ck_assert_int_eq(spool_take(&spool, ends[0], 4096), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(spool_to_file(&spool, file_fd, 4096, &why), 0);
	ck_assert_int_eq(spool_take(&spool, ends[0], 4096), -1);
	ck_assert_int_eq(errno, EAGAIN);
	while (spool_write_now(ends[1], bytes, sizeof(bytes)) > 0)
		continue;
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

START_TEST(test_spool_memory_keeps_the_newest)
{
	spool_begin(&spool, 1000, false);
	write_lines(0, 200);
	take_all();
	ck_assert_uint_eq(spool.total, 3200);
	ck_assert_uint_eq(spool.start, 2200);
	expect_lines(0, 200);
}
END_TEST

START_TEST(test_spool_memory_keeps_the_oldest)
{
	uint64_t at = 0;

	spool_begin(&spool, 1000, true);
	write_lines(0, 200);
	take_all();
	ck_assert_uint_eq(spool.total, 3200);
	ck_assert_uint_eq(spool.start, 0);
	ck_assert_int_eq(spool_read(&spool, &at, buf, 1 << 20), 1000);
	ck_assert_int_eq(memcmp(buf, "000000000000000\n000000000000001\n", 32),
			 0);
}
END_TEST

START_TEST(test_spool_wants_a_file_before_anything_is_dropped)
{
	uint64_t lines = 0;

	spool_begin(&spool, SPOOL_MEMORY_BYTES, false);
	while (!spool_wants_file(&spool)) {
		write_lines(lines, 1024);
		take_all();
		lines += 1024;
	}
	ck_assert_uint_eq(spool.start, 0);
	ck_assert_uint_gt(lines * LINE_BYTES, SPOOL_MEMORY_BYTES / 2);
	expect_lines(0, lines);
}
END_TEST

START_TEST(test_spool_file_goes_on_where_memory_ended)
{
	spool_begin(&spool, SPOOL_MEMORY_BYTES, false);
	write_lines(0, 1000);
	take_all();
	ck_assert_int_eq(spool_to_file(&spool, make_file(), 1 << 20, &err), 0);
	expect_lines(0, 1000);
	write_lines(1000, 1000);
	take_all();
	ck_assert_uint_eq(spool.total, 2000 * LINE_BYTES);
	expect_lines(0, 2000);
	expect_lines(777, 2000);
}
END_TEST

/* What memory had dropped before stays dropped, at its place. */
START_TEST(test_spool_file_after_a_loss_keeps_offsets)
{
	spool_begin(&spool, 8000, false);
	write_lines(0, 1000);
	take_all();
	ck_assert_uint_eq(spool.start, 8000);
	ck_assert_int_eq(spool_to_file(&spool, make_file(), 1 << 20, &err), 0);
	write_lines(1000, 500);
	take_all();
	ck_assert_uint_eq(spool.start, 8000);
	expect_lines(0, 1500);
}
END_TEST

static uint64_t allocated(void)
{
	struct stat st;

	ck_assert_int_eq(fstat(spool.fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

START_TEST(test_spool_file_holds_no_more_than_its_cap)
{
	const uint64_t cap = 256 << 10;
	const uint64_t rounds = 40;

	spool_begin(&spool, SPOOL_MEMORY_BYTES, false);
	ck_assert_int_eq(spool_to_file(&spool, make_file(), cap, &err), 0);
	for (uint64_t i = 0; i < rounds; i++) {
		write_lines(i * 4000, 4000);
		take_all();
		ck_assert_uint_le(allocated(), cap + 4096);
		ck_assert_uint_le(spool.total - spool.start, cap);
	}
	ck_assert_uint_eq(spool.total, rounds * 4000 * LINE_BYTES);
	/* Not much less than what may be kept, either. */
	ck_assert_uint_ge(spool.total - spool.start, cap - cap / 8 - 4096);
	expect_lines(0, rounds * 4000);
}
END_TEST

START_TEST(test_spool_of_exactly_its_cap_drops_nothing)
{
	spool_begin(&spool, SPOOL_MEMORY_BYTES, false);
	ck_assert_int_eq(spool_to_file(&spool, make_file(), 64000, &err), 0);
	write_lines(0, 4000);
	take_all();
	ck_assert_uint_eq(spool.start, 0);
	expect_lines(0, 4000);
	write_lines(4000, 1);
	take_all();
	ck_assert_uint_gt(spool.start, 0);
	ck_assert_uint_eq(spool.start % 4096, 0);
	expect_lines(0, 4001);
}
END_TEST

START_TEST(test_spool_reopened_knows_what_was_dropped)
{
	const uint64_t cap = 128 << 10;
	uint64_t start;
	int fd;

	spool_begin(&spool, SPOOL_MEMORY_BYTES, false);
	ck_assert_int_eq(spool_to_file(&spool, make_file(), cap, &err), 0);
	for (uint64_t i = 0; i < 20; i++) {
		write_lines(i * 3001, 3001);
		take_all();
	}
	start = spool.start;
	fd = fcntl(spool.fd, F_DUPFD_CLOEXEC, 3);
	spool_fini(&spool);
	spool_init(&spool);
	ck_assert_int_eq(spool_reopen(&spool, fd, cap, &err), 0);
	ck_assert_uint_eq(spool.start, start);
	write_lines(20 * 3001, 10);
	take_all();
	expect_lines(0, 20 * 3001 + 10);
}
END_TEST

START_TEST(test_spool_what_is_no_file_of_its_own_is_refused)
{
	auto_fd fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	ck_assert_int_eq(spool_reopen(&spool, fd, 4096, &err), -1);
	ck_assert_int_eq(spool.fd, -1);
}
END_TEST

START_TEST(test_spool_that_cannot_have_a_file_stays_in_memory)
{
	auto_fd fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	spool_begin(&spool, 1 << 20, false);
	write_lines(0, 100);
	take_all();
	ck_assert_int_eq(spool_to_file(&spool, fd, 4096, &err), -1);
	ck_assert_int_eq(err.code, ERR_KERNEL);
	expect_lines(0, 100);
}
END_TEST

START_TEST(test_spool_end_is_told)
{
	spool_begin(&spool, 1000, false);
	write_lines(0, 2);
	take_all();
	ck_assert_int_eq(spool_take(&spool, ends[0], 100), -1);
	ck_assert_int_eq(errno, EAGAIN);
	fd_close(&ends[1]);
	ck_assert_int_eq(spool_take(&spool, ends[0], 100), 0);
	ck_assert_int_eq(spool_to_file(&spool, make_file(), 4096, &err), 0);
	ck_assert_int_eq(spool_take(&spool, ends[0], 100), 0);
	expect_lines(0, 2);
}
END_TEST

/* A disk without room: here the largest file that may be. */
START_TEST(test_spool_without_room_does_not_hold_up_the_command)
{
	struct rlimit none, most;
	uint64_t at = 0;

	(void)signal(SIGXFSZ, SIG_IGN);
	spool_begin(&spool, SPOOL_MEMORY_BYTES, false);
	ck_assert_int_eq(spool_to_file(&spool, make_file(), 1 << 20, &err), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &none), 0);
	most = (struct rlimit){ 64 << 10, none.rlim_max };
	for (uint64_t i = 0; i < 8; i++) {
		write_lines(i * 1024, 1024);
		/* Check writes a file, too. */
		(void)setrlimit(RLIMIT_FSIZE, &most);
		while (spool_take(&spool, ends[0], SPOOL_STEP_BYTES) > 0)
			continue;
		(void)setrlimit(RLIMIT_FSIZE, &none);
	}
	ck_assert_uint_eq(spool.total, 8 * 1024 * LINE_BYTES);
	ck_assert_uint_gt(spool.start, 0);
	ck_assert_int_ge(spool_read(&spool, &at, buf, 100), 0);
}
END_TEST

START_TEST(test_spool_takes_one_step_at_a_time)
{
	ck_assert_int_ge(fcntl(ends[0], F_SETPIPE_SZ, 1 << 20), 0);
	spool_begin(&spool, 1 << 20, false);
	write_lines(0, 20000);
	ck_assert_int_le(spool_take(&spool, ends[0], 1 << 20),
			 SPOOL_STEP_BYTES);
	ck_assert_int_eq(spool_to_file(&spool, make_file(), 1 << 20, &err), 0);
	ck_assert_int_le(spool_take(&spool, ends[0], 1 << 20),
			 SPOOL_STEP_BYTES);
	take_all();
	expect_lines(0, 20000);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("spool");
	TCase *tcase = tcase_create("spool");

	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_test(tcase, test_spool_pipe_that_blocks_is_not_waited_for);
	tcase_add_test(tcase, test_spool_memory_keeps_the_newest);
	tcase_add_test(tcase, test_spool_memory_keeps_the_oldest);
	tcase_add_test(tcase,
		       test_spool_wants_a_file_before_anything_is_dropped);
	tcase_add_test(tcase, test_spool_file_goes_on_where_memory_ended);
	tcase_add_test(tcase, test_spool_file_after_a_loss_keeps_offsets);
	tcase_add_test(tcase, test_spool_file_holds_no_more_than_its_cap);
	tcase_add_test(tcase, test_spool_of_exactly_its_cap_drops_nothing);
	tcase_add_test(tcase, test_spool_reopened_knows_what_was_dropped);
	tcase_add_test(tcase, test_spool_what_is_no_file_of_its_own_is_refused);
	tcase_add_test(tcase,
		       test_spool_that_cannot_have_a_file_stays_in_memory);
	tcase_add_test(tcase, test_spool_end_is_told);
	tcase_add_test(tcase,
		       test_spool_without_room_does_not_hold_up_the_command);
	tcase_add_test(tcase, test_spool_takes_one_step_at_a_time);
	suite_add_tcase(suite, tcase);
	return suite;
}
