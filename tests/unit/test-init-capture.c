// SPDX-License-Identifier: Apache-2.0
/*
 * Streams that creel-init makes for a command, keeps, and hands out again; and
 * limits of one command alone.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/init-asks.h"
#include "tests/unit/runner.h"

#define MERGED INI__CAPTURE__CAPTURE_MERGED
#define SPLIT INI__CAPTURE__CAPTURE_SPLIT
#define TTY INI__CAPTURE__CAPTURE_TTY

#define LONG 20000 /* ms, for what comes at once */

static struct box box;
static char text[65536];

static void setup_plain(void)
{
	box_start(&box, false);
}

static void setup_cgroup(void)
{
	box_start(&box, true);
}

static void teardown(void)
{
	box_stop(&box);
}

struct streams {
	int in, out, err;
};

static void close_all(struct streams *s)
{
	if (s->in >= 0)
		close(s->in);
	if (s->out >= 0)
		close(s->out);
	if (s->err >= 0)
		close(s->err);
	*s = (struct streams){ -1, -1, -1 };
}

static struct streams start(uint8_t id, const char *script,
			    const struct box_exec *more)
{
	struct box_exec exec = *more;
	struct box_event event;

	exec.argv = (const char *const[]){ "sh", "-c", script, NULL };
	exec.id = id;
	box_send_exec(&box, &exec);
	event = box_expect(&box, INI__EVENT__EV_STARTED);
	ck_assert_uint_eq(event.ev->started->token.data[0], id);
	ck_assert(!event.ev->started->input_closed);
	return (struct streams){ event.fd, event.more_fd[0], event.more_fd[1] };
}

/* Up to its end, which must come; -1 where nothing does within @ms. */
static ssize_t read_all(int fd, int ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t got = 1;

	while (got > 0 && poll(&ready, 1, ms) == 1) {
		got = read(fd, text + len, sizeof(text) - 1 - len);
		len += got > 0 ? (size_t)got : 0;
	}
	text[len] = '\0';
	return got > 0 ? -1 : (ssize_t)len;
}

static void close_input(uint8_t id)
{
	uint8_t token[16] = { id, 0x55 };
	Ini__CloseInput msg = INI__CLOSE_INPUT__INIT;
	Ini__Request req = INI__REQUEST__INIT;

	msg.token = (ProtobufCBinaryData){ 16, token };
	req.op_case = INI__REQUEST__OP_CLOSE_INPUT;
	req.close_input = &msg;
	box_send(&box, &req, NULL, 0);
}

static void list(void)
{
	Ini__List msg = INI__LIST__INIT;
	Ini__Request req = INI__REQUEST__INIT;

	req.op_case = INI__REQUEST__OP_LIST;
	req.list = &msg;
	box_send(&box, &req, NULL, 0);
}

START_TEST(test_init_capture_merged_gives_both_in_order)
{
	struct streams s = start(1, "echo out; echo err >&2; read x; echo $x; "
				    "echo again > /proc/self/fd/2",
				 &(struct box_exec){ .capture = MERGED });

	ck_assert(s.in >= 0 && s.out >= 0 && s.err < 0);
	ck_assert_int_eq(write(s.in, "typed\n", 6), 6);
	ck_assert_int_gt(read_all(s.out, LONG), 0);
	ck_assert_str_eq(text, "out\nerr\ntyped\nagain\n");
	ck_assert_uint_eq(box_expect_exited(&box, 1).status, 0);
	close_all(&s);
}
END_TEST

START_TEST(test_init_capture_split_keeps_them_apart)
{
	struct streams s = start(1, "echo out; echo err >&2",
				 &(struct box_exec){ .capture = SPLIT });

	ck_assert(s.in >= 0 && s.out >= 0 && s.err >= 0);
	box_expect_exited(&box, 1);
	ck_assert_int_eq(read_all(s.out, LONG), 4);
	ck_assert_str_eq(text, "out\n");
	ck_assert_int_eq(read_all(s.err, LONG), 4);
	ck_assert_str_eq(text, "err\n");
	close_all(&s);
}
END_TEST

/* By creeld, which is another user, for flags that are its own alone. */
START_TEST(test_init_capture_pipes_may_be_opened_anew)
{
	struct streams s = start(1, "echo out",
				 &(struct box_exec){ .capture = SPLIT });
	const int fds[] = { s.in, s.out, s.err };
	struct stat st;

	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(fstat(fds[i], &st), 0);
		ck_assert_uint_eq(st.st_mode & 0777, 0666);
	}
	close_all(&s);
	box_expect_exited(&box, 1);
}
END_TEST

START_TEST(test_init_capture_terminal)
{
	struct streams s = start(1, "tty; stty size; read x; echo got $x",
				 &(struct box_exec){ .capture = TTY,
						     .tty = true });

	ck_assert(s.in >= 0 && s.out < 0 && s.err < 0);
	ck_assert_int_eq(write(s.in, "typed\n", 6), 6);
	/* EIO is how a terminal ends. */
	ck_assert_int_ge(read_all(s.in, LONG), 0);
	ck_assert_ptr_nonnull(strstr(text, "/dev/pts/"));
	ck_assert_ptr_nonnull(strstr(text, "33 77"));
	ck_assert_ptr_nonnull(strstr(text, "got typed"));
	box_expect_exited(&box, 1);
	close_all(&s);
}
END_TEST

/* The end of the output is that of everything that could write to it. */
START_TEST(test_init_capture_output_ends_with_its_writers)
{
	struct streams s;

	ck_assert_int_eq(box_sh(&box, "mkfifo /workspace/go", NULL, 0), 0);
	s = start(1, "(read x < /workspace/go; echo late) & echo early",
		  &(struct box_exec){ .capture = MERGED });
	box_expect_exited(&box, 1);
	ck_assert_int_eq(read_all(s.out, 200), -1);
	ck_assert_str_eq(text, "early\n");
	ck_assert_int_eq(box_sh(&box, "echo > /workspace/go", NULL, 0), 0);
	/* pid 1 has not been told yet that the command is done with. */
	ck_assert_int_eq(read_all(s.out, LONG), 5);
	ck_assert_str_eq(text, "late\n");
	close_all(&s);
}
END_TEST

START_TEST(test_init_capture_input_ends_when_all_let_go)
{
	struct streams s;

	/* Others that were forked, and wait, hold nothing of it. */
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(box_sh(&box, ":", NULL, 0), 0);
	s = start(1, "cat; echo end", &(struct box_exec){ .capture = MERGED });
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(box_sh(&box, ":", NULL, 0), 0);
	(void)ask_stat(&box, "");
	poll(NULL, 0, 50);
	ck_assert_int_eq(write(s.in, "in\n", 3), 3);
	close(s.in);
	s.in = -1;
	(void)poll(&(struct pollfd){ .fd = s.out, .events = POLLIN }, 1, LONG);
	/* Positive control: pid 1 has kept one. */
	ck_assert_int_eq(read_all(s.out, 200), -1);
	ck_assert_str_eq(text, "in\n");
	close_input(1);
	ck_assert_int_eq(read_all(s.out, LONG), 4);
	ck_assert_str_eq(text, "end\n");
	box_expect_exited(&box, 1);
	close_all(&s);
	box_ack(&box, 1);
	/* Neither does it hurt where there is nothing to close. */
	close_input(1);
	close_input(77);
	s = start(2, "cat; echo end", &(struct box_exec){ .capture = SPLIT,
							  .input_once = true });
	close(s.in);
	s.in = -1;
	ck_assert_int_eq(read_all(s.out, LONG), 4);
	box_expect_exited(&box, 2);
	close_all(&s);
}
END_TEST

/* The controller is killed: the next one has what the last one had. */
START_TEST(test_init_capture_is_handed_out_again)
{
	struct streams s = start(1, "echo first; read x; echo $x; read y; "
				    "echo last",
				 &(struct box_exec){ .capture = MERGED });
	struct box_event event;

	ck_assert_int_eq(read(s.out, text, sizeof(text)), 6);
	close_all(&s);
	poll(NULL, 0, 50);
	list();
	event = box_expect(&box, INI__EVENT__EV_RUNNING);
	ck_assert(event.fd >= 0 && event.more_fd[0] >= 0 &&
		  event.more_fd[1] < 0 && !event.ev->running->input_closed);
	s = (struct streams){ event.fd, event.more_fd[0], -1 };
	box_expect(&box, INI__EVENT__EV_LISTED);
	ck_assert_int_eq(write(s.in, "second\n", 7), 7);
	ck_assert_int_eq(read(s.out, text, 7), 7);
	ck_assert_mem_eq(text, "second\n", 7);
	close_all(&s);
	/* Once more; its input is over by then, and so is itself. */
	close_input(1);
	box_expect_exited(&box, 1);
	list();
	event = box_expect(&box, INI__EVENT__EV_RUNNING);
	ck_assert(event.ev->running->input_closed);
	ck_assert(event.fd >= 0 && event.more_fd[0] < 0);
	s = (struct streams){ -1, event.fd, -1 };
	box_expect_exited(&box, 1);
	box_expect(&box, INI__EVENT__EV_LISTED);
	ck_assert_int_eq(read_all(s.out, LONG), 5);
	ck_assert_str_eq(text, "last\n");
	close_all(&s);
	/* Acknowledged, it is known no more. */
	box_ack(&box, 1);
	list();
	box_expect(&box, INI__EVENT__EV_LISTED);
}
END_TEST

START_TEST(test_init_capture_is_let_go_when_acknowledged)
{
	struct streams s = start(1, "exec sleep 1000 & echo",
				 &(struct box_exec){ .capture = MERGED });

	box_expect_exited(&box, 1);
	/* Who lingers writes into a pipe that is read by nobody, then. */
	ck_assert_int_eq(fcntl(s.in, F_SETFL, O_NONBLOCK), 0);
	box_ack(&box, 1);
	box_signal(&box, 1, 9, true);
	ck_assert_int_eq(read_all(s.out, LONG), 1);
	close_all(&s);
}
END_TEST

/* Kept descriptors of many; none of them reaches another command. */
START_TEST(test_init_capture_of_many_leaks_nothing)
{
	enum { MANY = 90 };
	static struct streams s[MANY];
	char out[256];

	for (int i = 0; i < MANY; i++)
		s[i] = start((uint8_t)i, "exec sleep 1000",
			     &(struct box_exec){ .capture = SPLIT });
	ck_assert_int_eq(box_sh(&box, "ls /proc/self/fd | tr '\\n' ' '; "
				      "ulimit -n", out, sizeof(out)), 0);
	ck_assert_msg(!strncmp(out, "0 1 2 3 ", 8) && out[8] != '4', "%s", out);
	for (int i = 0; i < MANY; i++) {
		close_all(&s[i]);
		box_signal(&box, (uint8_t)i, 9, true);
		box_expect_exited(&box, (uint8_t)i);
		box_ack(&box, (uint8_t)i);
	}
	s[0] = start(95, "echo ok", &(struct box_exec){ .capture = MERGED });
	ck_assert_int_eq(read_all(s[0].out, LONG), 3);
	box_expect_exited(&box, 95);
	close_all(&s[0]);
}
END_TEST

/* A limit that cannot be had is refused, whatever the reason. */
START_TEST(test_init_limits_of_a_command_hold_or_it_fails)
{
	struct box_exec rows[] = {
		{ .limit_memory = 32 << 20 },
		{ .limit_cpu_usec = 20000 },
		{ .limit_memory = 32 << 20, .limit_cpu_usec = 20000 },
	};

	for (size_t i = 0; i < 3; i++) {
		struct box_event event;

		rows[i].argv = (const char *const[]){ "true", NULL };
		rows[i].id = (uint8_t)(i + 1);
		box_send_exec(&box, &rows[i]);
		event = box_wait(&box, 10000);
		ck_assert_ptr_nonnull(event.ev);
		/* Where the machine's controllers are version 2's it runs. */
		if (event.ev->ev_case == INI__EVENT__EV_STARTED) {
			ck_assert(box.cgroup);
			box_expect_exited(&box, (uint8_t)(i + 1));
			continue;
		}
		ck_assert_int_eq(event.ev->ev_case, INI__EVENT__EV_FAILED);
		ck_assert_uint_eq(event.ev->failed->stage,
				  i == 1 ? INI__STAGE__STAGE_LIMIT_CPU :
					   INI__STAGE__STAGE_LIMIT_MEMORY);
		ck_assert_uint_eq(event.ev->failed->sys, ENOENT);
	}
	/* Positive control, after pid 1 has moved to a leaf for them. */
	ck_assert_int_eq(box_sh(&box, "true", NULL, 0), 0);
	(void)ask_stat(&box, "");
	ck_assert_int_eq(box_sh(&box, "true", NULL, 0), 0);
}
END_TEST

static void add_case(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_init_capture_merged_gives_both_in_order);
	tcase_add_test(tc, test_init_capture_split_keeps_them_apart);
	tcase_add_test(tc, test_init_capture_pipes_may_be_opened_anew);
	tcase_add_test(tc, test_init_capture_terminal);
	tcase_add_test(tc, test_init_capture_output_ends_with_its_writers);
	tcase_add_test(tc, test_init_capture_input_ends_when_all_let_go);
	tcase_add_test(tc, test_init_capture_is_handed_out_again);
	tcase_add_test(tc, test_init_capture_is_let_go_when_acknowledged);
	tcase_add_test(tc, test_init_capture_of_many_leaks_nothing);
	tcase_add_test(tc, test_init_limits_of_a_command_hold_or_it_fails);
	suite_add_tcase(suite, tc);
}

Suite *test_suite(void)
{
	Suite *suite = suite_create("init-capture");

	add_case(suite, "monitors", setup_plain);
	if (box_can_cgroup())
		add_case(suite, "cgroups", setup_cgroup);
	return suite;
}
