// SPDX-License-Identifier: Apache-2.0
/*
 * Streams of commands, whose other copies pid 1 of a sandbox has: whatever it
 * does with them, creeld does not wait.
 */
#include <config.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/session/run.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

#define SECONDS 40 /* for what must not wait at all */

/* What pid 1 keeps: copies of what it has handed out, and the other ends. */
struct other {
	int copy[SES_RUN_STREAMS];
	int end[SES_RUN_STREAMS];
};

static struct ses ses;
static struct ses_run *run;
static struct other other;
static size_t fds_before;

static void set_up(void)
{
	struct err err = ERR_INIT;

	memset(&ses, 0, sizeof(ses));
	(void)signal(SIGPIPE, SIG_IGN);
	ses.base = event_base_new();
	fds_before = test_count_fds();
	run = ses_run_new(&ses, NULL, &err);
	ck_assert_ptr_nonnull(run);
	run->state = SES_RUN_RUNNING;
	run->found = true; /* nobody is told when it is over */
	for (size_t i = 0; i < SES_RUN_STREAMS; i++)
		other.copy[i] = other.end[i] = -1;
}

static void turn(void)
{
	const struct timeval tick = { .tv_usec = 5000 };

	(void)event_base_loopexit(ses.base, &tick);
	(void)event_base_dispatch(ses.base);
}

static void close_other(void)
{
	for (size_t i = 0; i < SES_RUN_STREAMS; i++) {
		fd_close(&other.copy[i]);
		fd_close(&other.end[i]);
	}
}

/* Nothing is left, no process either, and nothing is waited for. */
static void tear_down(void)
{
	(void)alarm(SECONDS);
	ses_runs_free(&ses);
	close_other();
	for (int i = 0; i < 4000 && test_count_fds() > fds_before; i++)
		turn();
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	(void)alarm(0);
	ck_assert_uint_eq(test_count_fds(), fds_before);
	event_base_free(ses.base);
}

static void blocking(int fd)
{
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
}

/* As creel-init does it. */
static void open_pipes(void)
{
	int fds[SES_RUN_STREAMS];

	for (size_t i = 0; i < SES_RUN_STREAMS; i++) {
		int pair[2];

		ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
		fds[i] = pair[i == 0];
		other.end[i] = pair[i != 0];
		other.copy[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
	}
	run->split = true;
	ses_run_begin(run);
	ck_assert_int_eq(ses_run_open(run, fds, SES_RUN_STREAMS), 0);
	for (size_t i = 0; i < SES_RUN_STREAMS; i++)
		fd_close(&fds[i]);
}

static void open_terminal(void)
{
	int fds[1] = { posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC) };
	struct termios raw;

	ck_assert_int_ge(fds[0], 0);
	ck_assert_int_eq(grantpt(fds[0]), 0);
	ck_assert_int_eq(unlockpt(fds[0]), 0);
	other.end[0] = open(ptsname(fds[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(other.end[0], 0);
	ck_assert_int_eq(tcgetattr(other.end[0], &raw), 0);
	cfmakeraw(&raw);
	ck_assert_int_eq(tcsetattr(other.end[0], TCSANOW, &raw), 0);
	other.copy[0] = fcntl(fds[0], F_DUPFD_CLOEXEC, 3);
	run->tty = true;
	ses_run_begin(run);
	ck_assert_int_eq(ses_run_open(run, fds, 1), 0);
	fd_close(&fds[0]);
}

static void expect_output(const char *text)
{
	uint64_t at = 0;
	char buf[64];
	ssize_t len;

	for (int i = 0; i < 4000 && run->out.spool.total < strlen(text); i++)
		turn();
	len = spool_read(&run->out.spool, &at, buf, sizeof(buf));
	ck_assert_int_eq(len, (ssize_t)strlen(text));
	ck_assert_int_eq(memcmp(buf, text, (size_t)len), 0);
}

/* What poll(2) had seen is gone by the time it is read. */
static void read_in_vain(void)
{
	(void)alarm(SECONDS);
	event_active(run->out.event, EV_READ, 0);
	(void)event_base_loop(ses.base, EVLOOP_NONBLOCK);
	(void)alarm(0);
	ck_assert_uint_eq(run->out.spool.total, 0);
	ck_assert_ptr_nonnull(run->out.event);
}

/* More than anything holds, to somebody who does not read. */
static void write_in_vain(void)
{
	struct err err = ERR_INIT;
	const size_t len = 1 << 20;
	char *bytes = calloc(1, len);

	ck_assert_ptr_nonnull(bytes);
	(void)alarm(SECONDS);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(ses_input_write(run, bytes, len, false, &err),
				 0);
		turn();
	}
	(void)alarm(0);
	ck_assert_uint_gt(run->input.len, run->input.at);
	free(bytes);
}

START_TEST(test_run_pipes_carry_both_ways)
{
	struct err err = ERR_INIT;
	char buf[8];

	open_pipes();
	ck_assert_int_eq(write(other.end[1], "out", 3), 3);
	expect_output("out");
	ck_assert_int_eq(ses_input_write(run, "in", 2, false, &err), 0);
	ck_assert_int_eq(read(other.end[0], buf, sizeof(buf)), 2);
}
END_TEST

START_TEST(test_run_pipes_cannot_be_made_to_block)
{
	open_pipes();
	for (size_t i = 0; i < SES_RUN_STREAMS; i++)
		blocking(other.copy[i]);
	ck_assert(fcntl(run->out.fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(run->err.fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(run->input.fd, F_GETFL) & O_NONBLOCK);
	read_in_vain();
	write_in_vain();
}
END_TEST

/* Then its flags would be pid 1's as well. */
START_TEST(test_run_pipe_that_may_not_be_opened_is_refused)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	else
		ck_assert_int_eq(fchmod(fds[0], 0), 0);
	ses_run_begin(run);
	ck_assert_int_eq(ses_run_open(run, fds, 2), -1);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
}
END_TEST

START_TEST(test_run_terminal_carries_both_ways)
{
	struct err err = ERR_INIT;
	char buf[8];

	open_terminal();
	ck_assert_int_eq(write(other.end[0], "out", 3), 3);
	expect_output("out");
	ck_assert_int_eq(ses_input_write(run, "in", 2, false, &err), 0);
	ck_assert_int_eq(read(other.end[0], buf, sizeof(buf)), 2);
}
END_TEST

START_TEST(test_run_terminal_end_is_told)
{
	open_terminal();
	ck_assert_int_eq(write(other.end[0], "last", 4), 4);
	fd_close(&other.end[0]);
	expect_output("last");
	for (int i = 0; i < 400 && run->out.fd >= 0; i++)
		turn();
	ck_assert_int_eq(run->out.fd, -1);
}
END_TEST

START_TEST(test_run_terminal_cannot_be_made_to_block)
{
	open_terminal();
	blocking(other.copy[0]);
	read_in_vain();
	write_in_vain();
}
END_TEST

/* No terminal at all: a pipe that nobody writes to, its other end kept. */
START_TEST(test_run_terminal_that_is_a_pipe_is_not_waited_for)
{
	int pair[2];

	ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
	other.end[0] = pair[1];
	other.copy[0] = fcntl(pair[0], F_DUPFD_CLOEXEC, 3);
	run->tty = true;
	ses_run_begin(run);
	if (ses_run_open(run, pair, 1) == 0) {
		blocking(other.copy[0]);
		read_in_vain();
	}
	fd_close(&pair[0]);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("run-io");
	TCase *tcase = tcase_create("all");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_run_pipes_carry_both_ways);
	tcase_add_test(tcase, test_run_pipes_cannot_be_made_to_block);
	tcase_add_test(tcase, test_run_pipe_that_may_not_be_opened_is_refused);
	tcase_add_test(tcase, test_run_terminal_carries_both_ways);
	tcase_add_test(tcase, test_run_terminal_end_is_told);
	tcase_add_test(tcase, test_run_terminal_cannot_be_made_to_block);
	tcase_add_test(tcase,
		       test_run_terminal_that_is_a_pipe_is_not_waited_for);
	suite_add_tcase(suite, tcase);
	return suite;
}
