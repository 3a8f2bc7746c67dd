// SPDX-License-Identifier: Apache-2.0
/*
 * Sockets that pid 1 of a sandbox passes, which whoever closes them last has to
 * wait for: the controller does not.
 */
#include <config.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "controller/core/impound.h"
#include "tests/unit/core-rig.h"
#include "tests/unit/runner.h"

#define SECONDS 10 /* of 30 that are asked for */

static struct rig rig;
static time_t begun;
static size_t fds_before;
static int init_fd;

static void set_up(void)
{
	rig_open(&rig);
	rig_hello(&rig);
	rig_synced(&rig);
	(void)rig_exec(&rig, rig.client_fd, "one", 1);
	init_fd = rig_started(&rig, rig_build(&rig), 1);
	fds_before = test_count_fds();
	begun = time(NULL);
}

/* The sandbox is at its end, and nothing that it has passed is open here. */
static void tear_down(void)
{
	rig_gone(&rig, 1, false);
	rig_pump(&rig);
	ck_assert_int_lt(time(NULL) - begun, SECONDS);
	close(init_fd);
	/* Both ends of the sandbox's socket. */
	ck_assert_uint_eq(test_count_fds(), fds_before - 2);
	rig_close(&rig);
}

/* A socket whose close(2) waits until its peer has taken what was sent. */
static int lingering_socket(int *peer_fd)
{
	static const struct linger on = { .l_onoff = 1, .l_linger = 30 };
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct sockaddr *any = (struct sockaddr *)&addr;
	socklen_t len = sizeof(addr);
	int listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	static const char bytes[65536];

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(listen_fd, any, len), 0);
	ck_assert_int_eq(listen(listen_fd, 1), 0);
	ck_assert_int_eq(getsockname(listen_fd, any, &len), 0);
	ck_assert_int_eq(connect(fd, any, len), 0);
	*peer_fd = accept(listen_fd, NULL, NULL);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &on,
				    sizeof(on)), 0);
	close(listen_fd);
	return fd;
}

START_TEST(test_impound_more_than_a_message_may_have_is_not_waited_for)
{
	struct err err = ERR_INIT;
	int fds[4], peers[4];

	for (size_t i = 0; i < 4; i++)
		fds[i] = lingering_socket(&peers[i]);
	/* More than any message may have: they are closed at once. */
	ck_assert_int_eq(wire_send(init_fd, "\x32", 1, fds, 4, &err), 0);
	for (size_t i = 0; i < 4; i++)
		close(fds[i]);
	rig_pump(&rig);
	(void)rig_verb(&rig, HLP__REQUEST__OP_KILL);
	ck_assert_int_lt(time(NULL) - begun, SECONDS);
	for (size_t i = 0; i < 4; i++)
		close(peers[i]);
}
END_TEST

/* Nor those that are on their way when nothing more of it is read. */
START_TEST(test_impound_what_was_not_read_is_not_waited_for)
{
	struct err err = ERR_INIT;
	int fd, peers[3];

	/* Empty, as if it had ended; then nonsense. */
	ck_assert_int_eq(send(init_fd, rig.buf, 0, 0), 0);
	for (int i = 0; i < 3; i++) {
		fd = lingering_socket(&peers[i]);
		ck_assert_int_eq(wire_send(init_fd, "\x32", 1, &fd, 1, &err),
				 0);
		close(fd);
	}
	rig_pump(&rig);
	(void)rig_verb(&rig, HLP__REQUEST__OP_KILL);
	ck_assert_int_lt(time(NULL) - begun, SECONDS);
	for (int i = 0; i < 3; i++)
		close(peers[i]);
}
END_TEST

/* Nor those that are on their way in a socket that it passes. */
START_TEST(test_impound_what_is_in_a_socket_is_not_waited_for)
{
	struct err err = ERR_INIT;
	int fd, peer, pair[2];

	fd = lingering_socket(&peer);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	ck_assert_int_eq(wire_send(pair[0], "x", 1, &fd, 1, &err), 0);
	ck_assert_int_eq(wire_send(init_fd, "\x32", 1, &pair[1], 1, &err), 0);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	rig_pump(&rig);
	(void)rig_verb(&rig, HLP__REQUEST__OP_KILL);
	ck_assert_int_lt(time(NULL) - begun, SECONDS);
	close(peer);
}
END_TEST

START_TEST(test_impound_closes_all_of_many)
{
	int pair[2];
	char byte;

	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
		ctl_impound(pair[1]);
		ctl_impound_release();
		/* The end of file comes when the other process has ended. */
		ck_assert_int_eq(read(pair[0], &byte, 1), 0);
		ctl_impound(pair[0]);
	}
	ctl_impound_release();
	ck_assert_uint_eq(test_count_fds(), fds_before);
}
END_TEST

START_TEST(test_impound_what_is_not_wanted_is_let_go_of)
{
	struct err err = ERR_INIT;
	int pair[2];
	char byte;

	ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
	ck_assert_int_eq(wire_send(init_fd, "\x32", 1, &pair[1], 1, &err), 0);
	close(pair[1]);
	rig_pump(&rig);
	(void)rig_verb(&rig, HLP__REQUEST__OP_KILL);
	ck_assert_int_eq(read(pair[0], &byte, 1), 0);
	close(pair[0]);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("impound");
	TCase *tcase = tcase_create("all");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_impound_closes_all_of_many);
	tcase_add_test(tcase, test_impound_what_is_not_wanted_is_let_go_of);
	tcase_add_test(
		tcase,
		test_impound_more_than_a_message_may_have_is_not_waited_for);
	tcase_add_test(tcase, test_impound_what_was_not_read_is_not_waited_for);
	tcase_add_test(tcase,
		       test_impound_what_is_in_a_socket_is_not_waited_for);
	suite_add_tcase(suite, tcase);
	return suite;
}
