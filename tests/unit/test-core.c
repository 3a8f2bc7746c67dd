// SPDX-License-Identifier: Apache-2.0
/*
 * The controller between a helper, sandboxes and clients that behave, fail and
 * misbehave in every order.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "tests/unit/core-rig.h"
#include "tests/unit/runner.h"

static struct rig rig;

static void set_up(void)
{
	rig_open(&rig);
	rig_hello(&rig);
	rig_synced(&rig);
}

static void tear_down(void)
{
	rig_close(&rig);
}

START_TEST(test_client_is_served_only_when_synced)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__Version version = CTL__VERSION__INIT;

	rig_open(&rig);
	req.op_case = CTL__REQUEST__OP_VERSION;
	req.version = &version;
	(void)rig_request(&rig, rig.client_fd, &req);
	rig_hello(&rig);
	ck_assert(rig_silent(&rig, rig.client_fd));
	rig_synced(&rig);
	(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_INFO);
	rig_close(&rig);
}
END_TEST

START_TEST(test_run_tells_status_twice_and_leaves_nothing)
{
	size_t before = test_count_fds();
	const Ctl__Reply *reply;
	uint32_t seq, start;
	int init_fd;

	seq = rig_run(&rig, rig.client_fd, "", 1);
	start = rig_build(&rig);
	ck_assert(rig_silent(&rig, rig.client_fd));
	init_fd = rig_started(&rig, start, 7);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_EXEC);
	ck_assert_uint_eq(rig.frame.n_fds, 3);
	rig_init_started(&rig, init_fd, 1);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	ck_assert(reply->seq == seq && reply->started->created);
	rig_init_exited(&rig, init_fd, 1, 42);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_EXITED);
	ck_assert(reply->exited->pending && reply->exited->status == 42);
	(void)rig_verb(&rig, HLP__REQUEST__OP_KILL);
	ck_assert(rig_silent(&rig, rig.client_fd));
	rig_gone(&rig, 7, false);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_EXITED);
	ck_assert(!reply->exited->pending && reply->exited->status == 42);
	close(init_fd);
	wire_frame_fini(&rig.frame);
	ck_assert_uint_eq(test_count_fds(), before);
}
END_TEST

START_TEST(test_exec_shares_a_sandbox_that_is_being_made)
{
	int other_fd = rig_client(&rig);
	const Ctl__Reply *reply;
	uint32_t start;
	int init_fd;

	(void)rig_exec(&rig, rig.client_fd, "agent:main:x", 1);
	(void)rig_exec(&rig, other_fd, "agent:main:x", 2);
	start = rig_build(&rig);
	ck_assert(rig_silent(&rig, rig.helper_fd));
	init_fd = rig_started(&rig, start, 7);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_EXEC);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_EXEC);
	rig_init_started(&rig, init_fd, 1);
	rig_init_started(&rig, init_fd, 2);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	ck_assert(reply->started->created && !reply->started->lost);
	reply = rig_reply(&rig, other_fd, CTL__REPLY__RE_STARTED);
	ck_assert(!reply->started->created);
	rig_init_exited(&rig, init_fd, 2, 3);
	reply = rig_reply(&rig, other_fd, CTL__REPLY__RE_EXITED);
	ck_assert(reply->exited->status == 3 && !reply->exited->pending);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_ACK);
	/* Now pid 1 dies by itself. */
	rig_gone(&rig, 7, false);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_str_eq(reply->error->text,
			 "sandbox agent:main:x is gone: its pid 1 was killed");
	ck_assert_uint_eq(reply->error->status, 125);
	close(init_fd);
	/* The next one says so, and is made anew. */
	(void)rig_exec(&rig, rig.client_fd, "agent:main:x", 3);
	init_fd = rig_started(&rig, rig_build(&rig), 8);
	rig_init_started(&rig, init_fd, 3);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	ck_assert(reply->started->created && reply->started->lost);
	close(init_fd);
	close(other_fd);
}
END_TEST

START_TEST(test_exit_that_was_said_before_death_counts)
{
	const Ctl__Reply *reply;
	int init_fd;

	(void)rig_exec(&rig, rig.client_fd, "s", 1);
	init_fd = rig_started(&rig, rig_build(&rig), 7);
	rig_init_started(&rig, init_fd, 1);
	(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	rig_init_exited(&rig, init_fd, 1, 9);
	rig_gone(&rig, 7, false);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_EXITED);
	ck_assert_uint_eq(reply->exited->status, 9);
	close(init_fd);
}
END_TEST

START_TEST(test_oom_of_the_sandbox_is_137)
{
	const Ctl__Reply *reply;
	int init_fd;

	(void)rig_exec(&rig, rig.client_fd, "s", 1);
	init_fd = rig_started(&rig, rig_build(&rig), 7);
	rig_init_started(&rig, init_fd, 1);
	(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	rig_gone(&rig, 7, true);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_EXITED);
	ck_assert(reply->exited->oom && reply->exited->status == 137);
	close(init_fd);
}
END_TEST

START_TEST(test_failed_verb_is_told_once)
{
	const Ctl__Reply *reply;
	uint32_t start;

	(void)rig_run(&rig, rig.client_fd, "", 1);
	start = rig_build(&rig);
	rig_failed(&rig, start - 1, ERR_KERNEL, "no space\x1b[2J");
	ck_assert(rig_silent(&rig, rig.client_fd));
	rig_failed(&rig, start, ERR_BAD_STATE, "an earlier verb failed");
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_str_eq(reply->error->text, "/home/creel: no space?[2J");
	ck_assert_uint_eq(reply->error->status, 125);
	ck_assert(rig_silent(&rig, rig.client_fd));
	/* The token is free again. */
	(void)rig_run(&rig, rig.client_fd, "", 1);
	(void)rig_build(&rig);
}
END_TEST

/* A run of "x" whose spec the caller has filled. */
static void send_run(Ctl__Spec *spec, uint8_t first, int fd)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__Run run = CTL__RUN__INIT;
	Ctl__Command cmd = CTL__COMMAND__INIT;
	uint8_t token[WIRE_ID_BYTES];
	struct err err = ERR_INIT;

	memset(token, first, sizeof(token));
	cmd.token.data = token;
	cmd.token.len = sizeof(token);
	cmd.argc = 1;
	cmd.strings.data = (uint8_t *)"x";
	cmd.strings.len = 2;
	run.command = &cmd;
	run.spec = spec;
	req.op_case = CTL__REQUEST__OP_RUN;
	req.run = &run;
	ck_assert_int_eq(wire_send_msg(rig.client_fd, &req.base,
				       WIRE_FRAME_MAX_BYTES, &fd, fd >= 0,
				       &err),
			 0);
	rig_pump(&rig);
}

/* From "new" to "start" with one bind; the seq of the bind. */
static uint32_t build_with_bind(bool map_caller)
{
	const Hlp__Request *verb = rig_verb(&rig, HLP__REQUEST__OP_NEW_);
	uint32_t seq;

	ck_assert_int_eq(verb->new_->map_caller, map_caller);
	seq = rig_verb(&rig, HLP__REQUEST__OP_MOUNT)->seq;
	ck_assert_uint_eq(rig.frame.n_fds, 1);
	for (int i = 0; i < 4; i++)
		(void)rig_verb(&rig, HLP__REQUEST__OP_TMPFS);
	(void)rig_verb(&rig, HLP__REQUEST__OP_START);
	return seq;
}

START_TEST(test_bind_that_cannot_be_idmapped_is_tried_once_more)
{
	Ctl__Spec spec = CTL__SPEC__INIT;
	auto_fd dir_fd = open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const Ctl__Reply *reply;
	int init_fd;

	spec.workspace = (char *)"/usr";
	spec.workspace_fd = 1;
	send_run(&spec, 1, dir_fd);
	rig_failed(&rig, build_with_bind(false), ERR_UNSUPPORTED,
		   "vfat cannot be idmapped");
	rig_failed(&rig, rig.seq, ERR_BAD_STATE, "an earlier verb failed");
	(void)build_with_bind(true);
	init_fd = rig_started(&rig, rig.seq, 7);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_EXEC);
	rig_init_started(&rig, init_fd, 1);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	ck_assert_uint_eq(reply->started->n_warnings, 1);
	/* Only once. */
	send_run(&spec, 2, dir_fd);
	for (int i = 0; i < 2; i++) {
		rig_failed(&rig, build_with_bind(i), ERR_UNSUPPORTED, "no");
		rig_failed(&rig, rig.seq, ERR_BAD_STATE, "earlier");
	}
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_str_eq(reply->error->text, "--workspace /usr: no");
	close(init_fd);
}
END_TEST

START_TEST(test_second_run_of_a_name_is_refused)
{
	const Ctl__Reply *reply;

	(void)rig_run(&rig, rig.client_fd, "box", 1);
	(void)rig_run(&rig, rig.client_fd, "box", 2);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_uint_eq(reply->error->code, ERR_BAD_STATE);
	(void)rig_run(&rig, rig.client_fd, "-rf", 3);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_uint_eq(reply->error->code, ERR_BAD_REQUEST);
}
END_TEST

START_TEST(test_known_token_attaches)
{
	int other_fd = rig_client(&rig), init_fd;
	const Ctl__Reply *reply;

	(void)rig_run(&rig, rig.client_fd, "", 1);
	init_fd = rig_started(&rig, rig_build(&rig), 7);
	rig_init_started(&rig, init_fd, 1);
	(void)rig_run(&rig, other_fd, "", 1);
	(void)rig_reply(&rig, other_fd, CTL__REPLY__RE_STARTED);
	ck_assert(rig_silent(&rig, rig.helper_fd));
	rig_init_exited(&rig, init_fd, 1, 5);
	reply = rig_reply(&rig, other_fd, CTL__REPLY__RE_EXITED);
	ck_assert(reply->exited->pending);
	rig_gone(&rig, 7, false);
	reply = rig_reply(&rig, other_fd, CTL__REPLY__RE_EXITED);
	ck_assert(!reply->exited->pending);
	(void)rig_attach(&rig, other_fd, 1);
	reply = rig_reply(&rig, other_fd, CTL__REPLY__RE_ERROR);
	ck_assert_uint_eq(reply->error->code, ERR_BAD_STATE);
	close(init_fd);
	close(other_fd);
}
END_TEST

START_TEST(test_status_waits_for_a_client)
{
	const Ctl__Reply *reply;
	int init_fd;

	(void)rig_exec(&rig, rig.client_fd, "s", 1);
	init_fd = rig_started(&rig, rig_build(&rig), 7);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_EXEC);
	rig_init_started(&rig, init_fd, 1);
	fd_close(&rig.client_fd);
	rig_pump(&rig);
	rig_init_exited(&rig, init_fd, 1, 6);
	ck_assert(rig_silent(&rig, init_fd));
	rig.client_fd = rig_client(&rig);
	(void)rig_attach(&rig, rig.client_fd, 1);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_EXITED);
	ck_assert_uint_eq(reply->exited->status, 6);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_ACK);
	close(init_fd);
}
END_TEST

/* What a controller that died had built, and what ran in it. */
START_TEST(test_adopted_sandbox_gives_status_to_its_client)
{
	const Hlp__Request *verb;
	const Ctl__Reply *reply;
	Ini__Event ev = INI__EVENT__INIT;
	Ini__Listed listed = INI__LISTED__INIT;
	Ini__Running running = INI__RUNNING__INIT;
	uint8_t token[WIRE_ID_BYTES], bytes[WIRE_LABEL_MAX_BYTES];
	ProtobufCBinaryData label = { .data = bytes };
	int init_fd;

	(void)rig_exec(&rig, rig.client_fd, "s", 1);
	verb = rig_verb(&rig, HLP__REQUEST__OP_NEW_);
	label.len = verb->new_->label.len;
	memcpy(bytes, verb->new_->label.data, label.len);
	rig_close(&rig);
	rig_open(&rig);
	rig_hello(&rig);
	init_fd = rig_adopt(&rig, &label, 9);
	rig_synced(&rig);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_LIST);
	(void)rig_attach(&rig, rig.client_fd, 1);
	ck_assert(rig_silent(&rig, rig.client_fd));
	memset(token, 1, sizeof(token));
	running.token.data = token;
	running.token.len = sizeof(token);
	ev.ev_case = INI__EVENT__EV_RUNNING;
	ev.running = &running;
	rig_init_event(&rig, init_fd, &ev);
	rig_init_exited(&rig, init_fd, 2, 22);
	ck_assert(rig_silent(&rig, rig.client_fd));
	ev.ev_case = INI__EVENT__EV_LISTED;
	ev.listed = &listed;
	rig_init_event(&rig, init_fd, &ev);
	(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	rig_init_exited(&rig, init_fd, 1, 11);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_EXITED);
	ck_assert_uint_eq(reply->exited->status, 11);
	(void)rig_attach(&rig, rig.client_fd, 2);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_EXITED);
	ck_assert_uint_eq(reply->exited->status, 22);
	/* The name still means the same sandbox. */
	(void)rig_exec(&rig, rig.client_fd, "s", 3);
	ck_assert(rig_silent(&rig, rig.helper_fd));
	close(init_fd);
}
END_TEST

START_TEST(test_silent_adopted_sandbox_holds_nobody_up)
{
	uint8_t bytes[WIRE_LABEL_MAX_BYTES];
	ProtobufCBinaryData label = { .data = bytes };
	const Hlp__Request *verb;
	const Ctl__Reply *reply;
	int init_fd;

	(void)rig_run(&rig, rig.client_fd, "n", 1);
	verb = rig_verb(&rig, HLP__REQUEST__OP_NEW_);
	label.len = verb->new_->label.len;
	memcpy(bytes, verb->new_->label.data, label.len);
	rig_close(&rig);
	rig_open(&rig);
	rig_hello(&rig);
	init_fd = rig_adopt(&rig, &label, 9);
	rig_synced(&rig);
	(void)rig_attach(&rig, rig.client_fd, 5);
	while (rig_silent(&rig, rig.client_fd))
		(void)event_base_loop(rig.base, EVLOOP_ONCE);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_uint_eq(reply->error->code, ERR_BAD_STATE);
	close(init_fd);
}
END_TEST

START_TEST(test_unreadable_label_is_killed)
{
	ProtobufCBinaryData label = { .data = (uint8_t *)"\xff", .len = 1 };
	int init_fd;

	rig_close(&rig);
	rig_open(&rig);
	rig_hello(&rig);
	rig.seq = 0;
	init_fd = rig_adopt(&rig, &label, 9);
	(void)rig_verb(&rig, HLP__REQUEST__OP_KILL);
	rig_synced(&rig);
	rig_gone(&rig, 9, false);
	ck_assert(!rig.ended);
	close(init_fd);
}
END_TEST

START_TEST(test_broken_client_is_dropped_alone)
{
	static uint8_t large[WIRE_FRAME_MAX_BYTES + 1];
	static const char bad[] = "\xff\xff\xff\xff";
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__List list = CTL__LIST__INIT;

	for (int i = 0; i < 4; i++) {
		int fd = rig_client(&rig);
		struct err err = ERR_INIT;

		if (i == 0)
			ck_assert_int_ge(send(fd, bad, 4, 0), 0);
		else if (i == 1)
			ck_assert_int_ge(send(fd, large, sizeof(large), 0), 0);
		else if (i == 2)
			ck_assert_int_eq(wire_send(fd, "x", 1, (int[]){ fd, fd },
						   2, &err), 0);
		else
			ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
		ck_assert(rig_hung_up(&rig, fd));
		close(fd);
	}
	req.op_case = CTL__REQUEST__OP_LIST;
	req.list = &list;
	(void)rig_request(&rig, rig.client_fd, &req);
	(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ITEMS);
}
END_TEST

START_TEST(test_request_of_no_kind_gets_an_error)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	const Ctl__Reply *reply;

	(void)rig_request(&rig, rig.client_fd, &req);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_uint_eq(reply->error->code, ERR_BAD_REQUEST);
}
END_TEST

START_TEST(test_client_that_does_not_read_is_dropped)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__List list = CTL__LIST__INIT;
	int i;

	for (i = 0; i < 250; i++)
		(void)rig_exec(&rig, rig.client_fd, "one", (uint8_t)i);
	req.op_case = CTL__REQUEST__OP_LIST;
	req.list = &list;
	for (i = 0; i < 200000; i++) {
		struct err err = ERR_INIT;

		if (wire_send_msg(rig.client_fd, &req.base,
				  WIRE_FRAME_MAX_BYTES, NULL, 0, &err) < 0 &&
		    err.sys != EAGAIN)
			break;
		(void)event_base_loop(rig.base, EVLOOP_NONBLOCK);
	}
	ck_assert_int_lt(i, 200000);
	ck_assert(!rig.ended);
}
END_TEST

START_TEST(test_too_many_waiting_requests_are_refused)
{
	const Ctl__Reply *reply;

	for (int i = 0; i < 256; i++)
		(void)rig_exec(&rig, rig.client_fd, "one", (uint8_t)i);
	ck_assert(rig_silent(&rig, rig.client_fd));
	(void)rig_attach(&rig, rig.client_fd, 0);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_uint_eq(reply->error->code, ERR_LIMIT);
}
END_TEST

/* One sandbox says things about another's command. */
START_TEST(test_sandbox_cannot_speak_for_another)
{
	int one_fd, two_fd;

	(void)rig_exec(&rig, rig.client_fd, "one", 1);
	one_fd = rig_started(&rig, rig_build(&rig), 1);
	(void)rig_exec(&rig, rig.client_fd, "two", 2);
	two_fd = rig_started(&rig, rig_build(&rig), 2);
	(void)rig_init(&rig, one_fd, INI__REQUEST__OP_EXEC);
	rig_init_started(&rig, two_fd, 1);
	rig_init_exited(&rig, two_fd, 1, 0);
	ck_assert(rig_silent(&rig, rig.client_fd));
	ck_assert(rig_silent(&rig, one_fd));
	rig_init_started(&rig, one_fd, 1);
	(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	close(one_fd);
	close(two_fd);
}
END_TEST

START_TEST(test_sandbox_that_breaks_protocol_is_killed_alone)
{
	struct err err = ERR_INIT;
	const Ctl__Reply *reply;
	int fds[3];

	for (uint8_t i = 0; i < 3; i++) {
		char name[2] = { (char)('a' + i), '\0' };

		(void)rig_exec(&rig, rig.client_fd, name, i);
		fds[i] = rig_started(&rig, rig_build(&rig), i);
		rig_init_started(&rig, fds[i], i);
		(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	}
	ck_assert_int_eq(wire_send(fds[0], "\xff", 1, NULL, 0, &err), 0);
	rig_pump(&rig);
	(void)rig_verb(&rig, HLP__REQUEST__OP_KILL);
	ck_assert_int_eq(wire_send(fds[1], "\x32", 1, &fds[1], 1, &err), 0);
	rig_pump(&rig);
	(void)rig_verb(&rig, HLP__REQUEST__OP_KILL);
	rig_gone(&rig, 0, false);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_ptr_nonnull(strstr(reply->error->text, "broke the protocol"));
	rig_init_exited(&rig, fds[2], 2, 0);
	(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_EXITED);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}
END_TEST

START_TEST(test_kill_ends_commands_and_answers_when_gone)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__Kill kill_msg = CTL__KILL__INIT;
	int other_fd = rig_client(&rig), init_fd;
	const Ctl__Reply *reply;

	(void)rig_exec(&rig, rig.client_fd, "s", 1);
	init_fd = rig_started(&rig, rig_build(&rig), 7);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_EXEC);
	rig_init_started(&rig, init_fd, 1);
	(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	kill_msg.target = (char *)"s";
	kill_msg.signal = 15;
	req.op_case = CTL__REQUEST__OP_KILL;
	req.kill = &kill_msg;
	(void)rig_request(&rig, other_fd, &req);
	(void)rig_reply(&rig, other_fd, CTL__REPLY__RE_DONE);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_SIGNAL);
	/* By the beginning of its id, all of it. */
	kill_msg.target = (char *)"070707";
	kill_msg.signal = 0;
	(void)rig_request(&rig, other_fd, &req);
	(void)rig_verb(&rig, HLP__REQUEST__OP_KILL);
	ck_assert(rig_silent(&rig, other_fd));
	rig_gone(&rig, 7, false);
	(void)rig_reply(&rig, other_fd, CTL__REPLY__RE_DONE);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_EXITED);
	ck_assert_uint_eq(reply->exited->status, 137);
	(void)rig_request(&rig, other_fd, &req);
	reply = rig_reply(&rig, other_fd, CTL__REPLY__RE_ERROR);
	ck_assert_uint_eq(reply->error->status, 1);
	close(init_fd);
	close(other_fd);
}
END_TEST

static void send_gone_of_short_id(void)
{
	Hlp__Event ev = HLP__EVENT__INIT;
	Hlp__Gone msg = HLP__GONE__INIT;

	msg.id.data = (uint8_t *)"x";
	msg.id.len = 1;
	ev.ev_case = HLP__EVENT__EV_GONE;
	ev.gone = &msg;
	rig_event(&rig, &ev, NULL, 0);
}

static void send_conn_without_fd(void)
{
	Hlp__Event ev = HLP__EVENT__INIT;
	Hlp__Conn msg = HLP__CONN__INIT;

	ev.ev_case = HLP__EVENT__EV_CONN;
	ev.conn = &msg;
	rig_event(&rig, &ev, NULL, 0);
}

static void send_empty_event(void)
{
	struct err err = ERR_INIT;

	/* An unknown member in the place of an event. */
	ck_assert_int_eq(wire_send(rig.helper_fd, "\x7a\x00", 2, NULL, 0, &err),
			 0);
	rig_pump(&rig);
}

static void send_start_unasked(void)
{
	int fd = rig_started(&rig, 12345, 3);

	close(fd);
}

static void send_start_too_early(void)
{
	int fd;

	(void)rig_run(&rig, rig.client_fd, "", 1);
	fd = rig_started(&rig, rig_build(&rig) - 1, 3);
	close(fd);
}

static void send_second_hello(void)
{
	rig_hello(&rig);
}

static void send_second_synced(void)
{
	rig_synced(&rig);
}

static void send_large(void)
{
	static uint8_t large[WIRE_FRAME_MAX_BYTES + 1];

	ck_assert_int_gt(send(rig.helper_fd, large, sizeof(large), 0), 0);
	rig_pump(&rig);
}

static void (*const violations[])(void) = {
	send_gone_of_short_id, send_conn_without_fd, send_empty_event,
	send_start_unasked,    send_start_too_early, send_second_hello,
	send_second_synced,    send_large,
};

START_TEST(test_helper_that_breaks_protocol_ends_controller)
{
	violations[_i]();
	ck_assert(rig.ended);
	ck_assert_int_eq(rig.end, CTL_END_VIOLATION);
	ck_assert(rig_hung_up(&rig, rig.client_fd));
}
END_TEST

START_TEST(test_helper_that_goes_takes_all_with_it)
{
	const Ctl__Reply *reply;

	(void)rig_run(&rig, rig.client_fd, "", 1);
	fd_close(&rig.helper_fd);
	rig_pump(&rig);
	ck_assert(rig.ended);
	ck_assert_int_eq(rig.end, CTL_END_HELPER);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_uint_eq(reply->error->status, 125);
	ck_assert(rig_hung_up(&rig, rig.client_fd));
}
END_TEST

START_TEST(test_helper_that_cannot_work_says_why)
{
	const Ctl__Reply *reply;

	rig_close(&rig);
	rig_open(&rig);
	rig_failed(&rig, 0, ERR_UNSUPPORTED, "no user namespaces");
	ck_assert(rig.ended);
	ck_assert_int_eq(rig.end, CTL_END_HELPER);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_str_eq(reply->error->text, "no user namespaces");
	rig_close(&rig);
	set_up();
	(void)rig_run(&rig, rig.client_fd, "", 1);
	rig_failed(&rig, 0, ERR_UNSUPPORTED, "no user namespaces");
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_str_eq(reply->error->text, "no user namespaces");
	ck_assert_uint_eq(reply->error->status, 125);
}
END_TEST

START_TEST(test_limit_without_controller_is_an_error_with_a_hint)
{
	Ctl__Spec spec = CTL__SPEC__INIT;
	const Ctl__Reply *reply;

	spec.pids = 10;
	send_run(&spec, 1, -1);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_str_eq(reply->error->text,
			 "--pids: the pids controller is not available: not here");
	ck_assert_ptr_nonnull(strstr(reply->error->hint, "creel doctor"));
	ck_assert(rig_silent(&rig, rig.helper_fd));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("core");
	TCase *plain = tcase_create("plain"), *tcase = tcase_create("core");

	tcase_add_test(plain, test_client_is_served_only_when_synced);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_run_tells_status_twice_and_leaves_nothing);
	tcase_add_test(tcase, test_exec_shares_a_sandbox_that_is_being_made);
	tcase_add_test(tcase, test_exit_that_was_said_before_death_counts);
	tcase_add_test(tcase, test_oom_of_the_sandbox_is_137);
	tcase_add_test(tcase, test_failed_verb_is_told_once);
	tcase_add_test(tcase,
		       test_bind_that_cannot_be_idmapped_is_tried_once_more);
	tcase_add_test(tcase, test_second_run_of_a_name_is_refused);
	tcase_add_test(tcase, test_known_token_attaches);
	tcase_add_test(tcase, test_status_waits_for_a_client);
	tcase_add_test(tcase, test_adopted_sandbox_gives_status_to_its_client);
	tcase_add_test(tcase, test_silent_adopted_sandbox_holds_nobody_up);
	tcase_add_test(tcase, test_unreadable_label_is_killed);
	tcase_add_test(tcase, test_broken_client_is_dropped_alone);
	tcase_add_test(tcase, test_request_of_no_kind_gets_an_error);
	tcase_add_test(tcase, test_client_that_does_not_read_is_dropped);
	tcase_add_test(tcase, test_too_many_waiting_requests_are_refused);
	tcase_add_test(tcase, test_sandbox_cannot_speak_for_another);
	tcase_add_test(tcase,
		       test_sandbox_that_breaks_protocol_is_killed_alone);
	tcase_add_test(tcase, test_kill_ends_commands_and_answers_when_gone);
	tcase_add_loop_test(tcase,
			    test_helper_that_breaks_protocol_ends_controller, 0,
			    sizeof(violations) / sizeof(violations[0]));
	tcase_add_test(tcase, test_helper_that_goes_takes_all_with_it);
	tcase_add_test(tcase, test_helper_that_cannot_work_says_why);
	tcase_add_test(tcase,
		       test_limit_without_controller_is_an_error_with_a_hint);
	suite_add_tcase(suite, plain);
	suite_add_tcase(suite, tcase);
	return suite;
}
