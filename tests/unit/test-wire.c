// SPDX-License-Identifier: Apache-2.0
/*
 * The framing: what comes in is owned or closed, whatever it is.
 */
#include <config.h>

#include "proto/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "proto/helper.pb-c.h"
#include "tests/unit/runner.h"

#define KERNEL_MAX_FDS 253
#define SIZE 4096

static int pair[2];
static uint8_t buf[SIZE];
static size_t fds_before;

static void setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    pair), 0);
	fds_before = test_count_fds();
}

static void teardown(void)
{
	ck_assert_uint_eq(test_count_fds(), fds_before);
	close(pair[0]);
	close(pair[1]);
}

/* Sends what wire_send() would refuse: any bytes, up to 253 descriptors. */
static void send_raw(const void *data, size_t len, size_t n_fds)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * KERNEL_MAX_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int zero = STDIN_FILENO;

	memset(&control, 0, sizeof(control));
	if (n_fds > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		for (size_t i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &zero,
			       sizeof(int));
	}
	ck_assert_int_eq(sendmsg(pair[0], &msg, 0), (ssize_t)len);
}

static void expect_broken(size_t size, size_t max_fds, enum err_code code)
{
	struct err err = ERR_INIT;
	auto_frame frame;

	wire_frame_init(&frame, buf, size);
	ck_assert_int_eq(wire_recv(pair[1], &frame, max_fds, &err),
			 WIRE_BROKEN);
	ck_assert_int_eq(err.code, code);
	ck_assert_uint_eq(frame.n_fds, 0);
	ck_assert_uint_eq(test_count_fds(), fds_before);
}

START_TEST(test_wire_datagram_with_fds_is_received)
{
	struct err err = ERR_INIT;
	auto_frame frame;
	auto_fd taken = -1;
	int fds[3] = { 0, 1, 2 };

	wire_frame_init(&frame, buf, SIZE);
	ck_assert_int_eq(wire_send(pair[0], "hello", 5, fds, 3, &err), 0);
	ck_assert_int_eq(wire_recv(pair[1], &frame, 3, &err), WIRE_GOT);
	ck_assert_uint_eq(frame.len, 5);
	ck_assert_mem_eq(frame.buf, "hello", 5);
	ck_assert_uint_eq(frame.n_fds, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(fcntl(frame.fds[i], F_GETFD), FD_CLOEXEC);
	taken = wire_frame_take_fd(&frame, 1);
	ck_assert_int_ge(taken, 0);
	ck_assert_int_eq(wire_frame_take_fd(&frame, 1), -1);
	ck_assert_int_eq(wire_frame_take_fd(&frame, 3), -1);
	errno = 12345;
	wire_frame_fini(&frame);
	ck_assert_int_eq(errno, 12345);
	ck_assert_uint_eq(test_count_fds(), fds_before + 1);
	ck_assert_int_ge(fcntl(taken, F_GETFD), 0);
}
END_TEST

START_TEST(test_wire_frame_used_again_releases_the_old_fds)
{
	struct err err = ERR_INIT;
	auto_frame frame;
	int fds[2] = { 0, 1 };

	wire_frame_init(&frame, buf, SIZE);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(wire_send(pair[0], "x", 1, fds, 2, &err), 0);
		ck_assert_int_eq(wire_recv(pair[1], &frame, 2, &err), WIRE_GOT);
		ck_assert_uint_eq(test_count_fds(), fds_before + 2);
	}
}
END_TEST

START_TEST(test_wire_largest_datagram_is_received)
{
	static uint8_t big[SIZE];
	struct err err = ERR_INIT;
	auto_frame frame;

	memset(big, 7, sizeof(big));
	wire_frame_init(&frame, buf, SIZE);
	ck_assert_int_eq(wire_send(pair[0], big, SIZE, NULL, 0, &err), 0);
	ck_assert_int_eq(wire_recv(pair[1], &frame, 0, &err), WIRE_GOT);
	ck_assert_uint_eq(frame.len, SIZE);
	ck_assert_mem_eq(frame.buf, big, SIZE);
}
END_TEST

START_TEST(test_wire_overlong_datagram_is_broken)
{
	static uint8_t big[SIZE + 1];

	send_raw(big, sizeof(big), 0);
	expect_broken(SIZE, WIRE_MAX_FDS, ERR_BAD_REQUEST);
}
END_TEST

START_TEST(test_wire_overlong_datagram_with_fds_is_broken_and_closed)
{
	static uint8_t big[SIZE + 1];

	send_raw(big, sizeof(big), 5);
	expect_broken(SIZE, WIRE_MAX_FDS, ERR_BAD_REQUEST);
}
END_TEST

static const struct {
	size_t sent;
	size_t allowed;
} too_many[] = {
	{ 1, 0 },
	{ 2, 1 },
	{ WIRE_MAX_FDS, WIRE_MAX_FDS - 1 },
	{ WIRE_MAX_FDS + 1, WIRE_MAX_FDS },
	{ WIRE_MAX_FDS + 1, 0 },
	{ KERNEL_MAX_FDS, 0 },
	{ KERNEL_MAX_FDS, WIRE_MAX_FDS },
};

START_TEST(test_wire_surplus_fds_are_broken_and_closed)
{
	send_raw("x", 1, too_many[_i].sent);
	expect_broken(SIZE, too_many[_i].allowed, ERR_BAD_REQUEST);
}
END_TEST

START_TEST(test_wire_most_fds_are_received)
{
	struct err err = ERR_INIT;
	auto_frame frame;

	wire_frame_init(&frame, buf, SIZE);
	send_raw("x", 1, WIRE_MAX_FDS);
	ck_assert_int_eq(wire_recv(pair[1], &frame, WIRE_MAX_FDS, &err),
			 WIRE_GOT);
	ck_assert_uint_eq(frame.n_fds, WIRE_MAX_FDS);
}
END_TEST

START_TEST(test_wire_empty_datagram_with_fd_is_broken_and_closed)
{
	send_raw("", 0, 1);
	expect_broken(SIZE, 1, ERR_BAD_REQUEST);
}
END_TEST

START_TEST(test_wire_empty_datagram_is_end_of_file)
{
	struct err err = ERR_INIT;
	auto_frame frame;

	wire_frame_init(&frame, buf, SIZE);
	send_raw("", 0, 0);
	ck_assert_int_eq(wire_recv(pair[1], &frame, 0, &err), WIRE_EOF);
}
END_TEST

START_TEST(test_wire_credentials_are_broken)
{
	int on = 1;

	ck_assert_int_eq(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on,
				    sizeof(on)), 0);
	send_raw("x", 1, 0);
	expect_broken(SIZE, 1, ERR_BAD_REQUEST);
	send_raw("x", 1, 1);
	expect_broken(SIZE, 1, ERR_BAD_REQUEST);
}
END_TEST

START_TEST(test_wire_fds_that_the_process_cannot_hold_are_broken)
{
	struct rlimit old;
	struct rlimit low;
	struct err err = ERR_INIT;
	auto_frame frame;
	enum wire_status status;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)pair[1] + 3;
	send_raw("x", 1, 10);
	wire_frame_init(&frame, buf, SIZE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	status = wire_recv(pair[1], &frame, 10, &err);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_eq(status, WIRE_BROKEN);
	ck_assert_uint_eq(test_count_fds(), fds_before);
}
END_TEST

START_TEST(test_wire_closed_peer_is_end_of_file)
{
	struct err err = ERR_INIT;
	auto_frame frame;

	wire_frame_init(&frame, buf, SIZE);
	shutdown(pair[0], SHUT_RDWR);
	ck_assert_int_eq(wire_recv(pair[1], &frame, 0, &err), WIRE_EOF);
}
END_TEST

START_TEST(test_wire_peer_gone_with_unread_data_is_end_of_file)
{
	struct err err = ERR_INIT;
	auto_frame frame;

	wire_frame_init(&frame, buf, SIZE);
	ck_assert_int_eq(write(pair[1], "unread", 6), 6);
	close(pair[0]);
	ck_assert_int_eq(wire_recv(pair[1], &frame, 0, &err), WIRE_EOF);
	pair[0] = dup(pair[1]);
}
END_TEST

START_TEST(test_wire_nothing_there_is_again)
{
	struct err err = ERR_INIT;
	auto_frame frame;

	wire_frame_init(&frame, buf, SIZE);
	ck_assert_int_eq(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(wire_recv(pair[1], &frame, 0, &err), WIRE_AGAIN);
}
END_TEST

START_TEST(test_wire_not_a_socket_is_broken)
{
	struct err err = ERR_INIT;
	auto_frame frame;
	auto_fd null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	wire_frame_init(&frame, buf, SIZE);
	ck_assert_int_eq(wire_recv(null_fd, &frame, 0, &err), WIRE_BROKEN);
	ck_assert_int_eq(err.code, ERR_KERNEL);
	ck_assert_int_eq(err.sys, ENOTSOCK);
	ck_assert_int_eq(wire_send(null_fd, "x", 1, NULL, 0, &err), -1);
	ck_assert_int_eq(err.sys, ENOTSOCK);
}
END_TEST

START_TEST(test_wire_send_to_closed_peer_fails_without_a_signal)
{
	struct err err = ERR_INIT;

	shutdown(pair[1], SHUT_RDWR);
	ck_assert_int_eq(wire_send(pair[0], "x", 1, NULL, 0, &err), -1);
	ck_assert_int_eq(err.code, ERR_KERNEL);
	ck_assert_int_eq(err.sys, EPIPE);
}
END_TEST

START_TEST(test_wire_send_to_full_socket_is_eagain)
{
	struct err err = ERR_INIT;
	int status;

	ck_assert_int_eq(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	do
		status = wire_send(pair[0], buf, SIZE, NULL, 0, &err);
	while (status == 0);
	ck_assert_int_eq(err.code, ERR_KERNEL);
	ck_assert_int_eq(err.sys, EAGAIN);
}
END_TEST

START_TEST(test_wire_send_of_too_many_fds_is_refused)
{
	struct err err = ERR_INIT;
	int fds[WIRE_MAX_FDS + 1] = { 0 };

	ck_assert_int_eq(wire_send(pair[0], "x", 1, fds, WIRE_MAX_FDS + 1,
				   &err), -1);
	ck_assert_int_eq(err.code, ERR_INTERNAL);
}
END_TEST

START_TEST(test_wire_send_of_too_large_message_is_refused)
{
	static uint8_t content[WIRE_FRAME_MAX_BYTES];
	Hlp__Write verb = HLP__WRITE__INIT;
	Hlp__Request request = HLP__REQUEST__INIT;
	struct err err = ERR_INIT;
	static const struct {
		size_t len;
		size_t max;
		int status;
	} rows[] = {
		{ 100, WIRE_HELPER_MAX_BYTES, 0 },
		{ WIRE_HELPER_MAX_BYTES, WIRE_HELPER_MAX_BYTES, -1 },
		{ WIRE_HELPER_MAX_BYTES, WIRE_FRAME_MAX_BYTES, 0 },
		{ WIRE_FRAME_MAX_BYTES, WIRE_FRAME_MAX_BYTES, -1 },
		{ WIRE_FRAME_MAX_BYTES, SIZE_MAX, -1 },
	};

	request.op_case = HLP__REQUEST__OP_WRITE;
	request.write = &verb;
	verb.content.data = content;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		verb.content.len = rows[i].len;
		ck_assert_int_eq(wire_send_msg(pair[0], &request.base,
					       rows[i].max, NULL, 0, &err),
				 rows[i].status);
		if (rows[i].status)
			ck_assert_int_eq(err.code, ERR_LIMIT);
	}
}
END_TEST

START_TEST(test_wire_message_there_and_back_is_the_same)
{
	static max_align_t memory[WIRE_ARENA_BYTES / sizeof(max_align_t)];
	Hlp__Hostname verb = HLP__HOSTNAME__INIT;
	Hlp__Request request = HLP__REQUEST__INIT;
	Hlp__Request *back;
	struct err err = ERR_INIT;
	struct arena arena;
	auto_frame frame;

	verb.name = (char *)"box";
	request.seq = 7;
	request.op_case = HLP__REQUEST__OP_HOSTNAME;
	request.hostname = &verb;
	arena_init(&arena, memory, sizeof(memory));
	wire_frame_init(&frame, buf, SIZE);
	ck_assert_int_eq(wire_send_msg(pair[0], &request.base, SIZE, NULL, 0,
				       &err), 0);
	ck_assert_int_eq(wire_recv(pair[1], &frame, 0, &err), WIRE_GOT);
	back = (Hlp__Request *)wire_unpack(&hlp__request__descriptor, &arena,
					   frame.buf, frame.len, &err);
	ck_assert_ptr_nonnull(back);
	ck_assert_uint_eq(back->seq, 7);
	ck_assert_int_eq(back->op_case, HLP__REQUEST__OP_HOSTNAME);
	ck_assert_str_eq(back->hostname->name, "box");
}
END_TEST

START_TEST(test_wire_random_datagrams_leave_no_fd)
{
	static uint8_t data[SIZE + 64];
	unsigned long rounds = test_rounds(100000);
	auto_frame frame;

	wire_frame_init(&frame, buf, SIZE);
	srandom(20261123);
	for (unsigned long i = 0; i < rounds; i++) {
		struct err err = ERR_INIT;

		send_raw(data, (size_t)random() % sizeof(data),
			 (size_t)random() % (KERNEL_MAX_FDS + 1));
		(void)wire_recv(pair[1], &frame,
				(size_t)random() % (WIRE_MAX_FDS + 1), &err);
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("wire");
	TCase *tc = tcase_create("wire");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_wire_datagram_with_fds_is_received);
	tcase_add_test(tc, test_wire_frame_used_again_releases_the_old_fds);
	tcase_add_test(tc, test_wire_largest_datagram_is_received);
	tcase_add_test(tc, test_wire_overlong_datagram_is_broken);
	tcase_add_test(tc,
		test_wire_overlong_datagram_with_fds_is_broken_and_closed);
	tcase_add_loop_test(tc, test_wire_surplus_fds_are_broken_and_closed, 0,
			    (int)(sizeof(too_many) / sizeof(*too_many)));
	tcase_add_test(tc, test_wire_most_fds_are_received);
	tcase_add_test(tc,
		       test_wire_empty_datagram_with_fd_is_broken_and_closed);
	tcase_add_test(tc, test_wire_empty_datagram_is_end_of_file);
	tcase_add_test(tc, test_wire_credentials_are_broken);
	tcase_add_test(tc,
		       test_wire_fds_that_the_process_cannot_hold_are_broken);
	tcase_add_test(tc, test_wire_closed_peer_is_end_of_file);
	tcase_add_test(tc, test_wire_peer_gone_with_unread_data_is_end_of_file);
	tcase_add_test(tc, test_wire_nothing_there_is_again);
	tcase_add_test(tc, test_wire_not_a_socket_is_broken);
	tcase_add_test(tc,
		       test_wire_send_to_closed_peer_fails_without_a_signal);
	tcase_add_test(tc, test_wire_send_to_full_socket_is_eagain);
	tcase_add_test(tc, test_wire_send_of_too_many_fds_is_refused);
	tcase_add_test(tc, test_wire_send_of_too_large_message_is_refused);
	tcase_add_test(tc, test_wire_message_there_and_back_is_the_same);
	tcase_add_test(tc, test_wire_random_datagrams_leave_no_fd);
	suite_add_tcase(suite, tc);
	return suite;
}
