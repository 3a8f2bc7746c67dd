// SPDX-License-Identifier: Apache-2.0
/*
 * Limits that the helper cannot set, and sandboxes that stand still, as the
 * controller sees them.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "tests/unit/core-rig.h"
#include "tests/unit/runner.h"

static struct rig rig;
static char cgroup[] = "/tmp/creel-unit-XXXXXX"; /* looks like one */

static void hello(const char *controllers)
{
	Hlp__Event ev = HLP__EVENT__INIT;
	Hlp__Hello msg = HLP__HELLO__INIT;

	msg.id_range = true;
	msg.max_sandboxes = 1000;
	msg.cgroup = controllers[0] != '\0';
	msg.controllers = (char *)controllers;
	msg.cgroup_why = (char *)"not here";
	ev.ev_case = HLP__EVENT__EV_HELLO;
	ev.hello = &msg;
	rig_event(&rig, &ev, NULL, 0);
}

static void write_file(const char *name, const char *text)
{
	char path[64];
	auto_fd fd = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", cgroup, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_eq((int)write(fd, text, strlen(text)),
			 (int)strlen(text));
}

static void set_up(void)
{
	memcpy(cgroup + sizeof(cgroup) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(cgroup));
	write_file("cgroup.freeze", "0\n");
	write_file("cgroup.events", "populated 1\nfrozen 0\n");
	rig_open(&rig);
}

static void tear_down(void)
{
	char path[64];

	rig_close(&rig);
	(void)snprintf(path, sizeof(path), "%s/cgroup.freeze", cgroup);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/cgroup.events", cgroup);
	(void)unlink(path);
	ck_assert_int_eq(rmdir(cgroup), 0);
}

static void run_limited(bool best_effort)
{
	static uint8_t token[WIRE_ID_BYTES];
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__Run run = CTL__RUN__INIT;
	Ctl__Command cmd = CTL__COMMAND__INIT;
	Ctl__Spec spec = CTL__SPEC__INIT;

	cmd.token = (ProtobufCBinaryData){ sizeof(token), token };
	cmd.argc = 1;
	cmd.strings = (ProtobufCBinaryData){ 5, (uint8_t *)"true" };
	spec.memory = 64U << 20;
	spec.pids = 10;
	spec.best_effort = best_effort;
	run.command = &cmd;
	run.spec = &spec;
	run.name = (char *)"";
	req.op_case = CTL__REQUEST__OP_RUN;
	req.run = &run;
	(void)rig_request(&rig, rig.client_fd, &req);
	rig_pump(&rig);
}

/* Reads verbs up to "start": the seq of the limit looked for, and its own. */
static uint32_t built(Hlp__Limit limit, uint32_t *start)
{
	const Hlp__Request *req = rig_verb(&rig, HLP__REQUEST__OP_NEW_);
	uint32_t found = 0;
	uint8_t buf[WIRE_HELPER_MAX_BYTES];

	for (;;) {
		ssize_t got = recv(rig.helper_fd, buf, sizeof(buf), 0);
		Hlp__Request *msg;

		ck_assert_int_gt((int)got, 0);
		msg = hlp__request__unpack(NULL, (size_t)got, buf);
		ck_assert_ptr_nonnull(msg);
		*start = msg->seq;
		if (msg->op_case == HLP__REQUEST__OP_LIMIT &&
		    msg->limit->limit == limit)
			found = msg->seq;
		got = msg->op_case == HLP__REQUEST__OP_START;
		hlp__request__free_unpacked(msg, NULL);
		if (got)
			break;
	}
	(void)req;
	return found;
}

START_TEST(test_limit_without_controller_is_an_error_or_a_warning)
{
	const Ctl__Reply *reply;
	uint32_t start;
	int init_fd;

	hello("pids");
	rig_synced(&rig);
	run_limited(false);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_uint_eq(reply->error->code, ERR_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(reply->error->text, "--memory: "));
	ck_assert(rig_silent(&rig, rig.helper_fd));
	run_limited(true);
	ck_assert_uint_eq(built(HLP__LIMIT__LIMIT_MEMORY_MAX, &start), 0);
	init_fd = rig_started(&rig, start, 1);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_EXEC);
	rig_init_started(&rig, init_fd, 0);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	ck_assert_uint_eq(reply->started->n_warnings, 1);
	ck_assert_ptr_nonnull(strstr(reply->started->warnings[0],
				     "--memory: not enforced: "));
	close(init_fd);
}
END_TEST

START_TEST(test_limit_that_the_helper_cannot_set_is_left_out)
{
	const Ctl__Reply *reply;
	uint32_t start, limit;
	int init_fd;

	hello("memory pids");
	rig_synced(&rig);
	run_limited(true);
	limit = built(HLP__LIMIT__LIMIT_MEMORY_SWAP_MAX, &start);
	ck_assert_uint_ne(limit, 0);
	rig_failed(&rig, limit, ERR_UNSUPPORTED, "no memory.swap.max");
	rig_failed(&rig, start, ERR_BAD_STATE, "an earlier verb failed");
	ck_assert_uint_eq(built(HLP__LIMIT__LIMIT_MEMORY_SWAP_MAX, &start), 0);
	init_fd = rig_started(&rig, start, 1);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_EXEC);
	rig_init_started(&rig, init_fd, 0);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	ck_assert_uint_eq(reply->started->n_warnings, 1);
	ck_assert_str_eq(reply->started->warnings[0],
			 "--memory-swap: not enforced: no memory.swap.max");
	close(init_fd);
}
END_TEST

START_TEST(test_limit_that_the_policy_denies_is_an_error_all_the_same)
{
	const Ctl__Reply *reply;
	uint32_t start, limit;

	hello("memory pids");
	rig_synced(&rig);
	run_limited(true);
	limit = built(HLP__LIMIT__LIMIT_PIDS_MAX, &start);
	rig_failed(&rig, limit, ERR_DENIED, "more than is allowed");
	rig_failed(&rig, start, ERR_BAD_STATE, "an earlier verb failed");
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_uint_eq(reply->error->code, ERR_DENIED);
	ck_assert_str_eq(reply->error->text, "--pids: more than is allowed");
}
END_TEST

/* Of an earlier controller, with what looks like a cgroup. */
static int adopt(const ProtobufCBinaryData *label)
{
	Hlp__Event ev = HLP__EVENT__INIT;
	Hlp__Adopt msg = HLP__ADOPT__INIT;
	uint8_t id[WIRE_ID_BYTES] = { 9 };
	int fds[2], both[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    fds), 0);
	both[0] = fds[0];
	both[1] = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	msg.id = (ProtobufCBinaryData){ sizeof(id), id };
	msg.label = *label;
	msg.cgroup = true;
	ev.ev_case = HLP__EVENT__EV_ADOPT;
	ev.adopt = &msg;
	rig_event(&rig, &ev, both, 2);
	close(both[0]);
	close(both[1]);
	return fds[1];
}

static int adopted(void)
{
	static uint8_t bytes[WIRE_LABEL_MAX_BYTES];
	ProtobufCBinaryData label = { .data = bytes };
	const Hlp__Request *verb;
	int init_fd;

	hello("memory");
	rig_synced(&rig);
	(void)rig_exec(&rig, rig.client_fd, "s", 1);
	rig_pump(&rig);
	verb = rig_verb(&rig, HLP__REQUEST__OP_NEW_);
	label.len = verb->new_->label.len;
	memcpy(bytes, verb->new_->label.data, label.len);
	rig_close(&rig);
	rig_open(&rig);
	hello("memory");
	init_fd = adopt(&label);
	rig_synced(&rig);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_LIST);
	return init_fd;
}

static void ask(bool pause)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__Pause stop = CTL__PAUSE__INIT;
	Ctl__Resume go = CTL__RESUME__INIT;

	stop.target = go.target = (char *)"s";
	req.op_case = pause ? CTL__REQUEST__OP_PAUSE : CTL__REQUEST__OP_RESUME;
	req.pause = &stop;
	if (!pause)
		req.resume = &go;
	(void)rig_request(&rig, rig.client_fd, &req);
	rig_pump(&rig);
}

static const char *state(void)
{
	static char text[32];
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__List list = CTL__LIST__INIT;
	const Ctl__Reply *reply;

	req.op_case = CTL__REQUEST__OP_LIST;
	req.list = &list;
	(void)rig_request(&rig, rig.client_fd, &req);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ITEMS);
	ck_assert_uint_eq(reply->items->n_items, 1);
	(void)snprintf(text, sizeof(text), "%s", reply->items->items[0]->state);
	return text;
}

START_TEST(test_paused_sandbox_is_adopted_and_not_waited_for)
{
	Ini__Event ev = INI__EVENT__INIT;
	Ini__Listed listed = INI__LISTED__INIT;
	Ini__Running running = INI__RUNNING__INIT;
	uint8_t token[WIRE_ID_BYTES];
	const Ctl__Reply *reply;
	int init_fd;

	write_file("cgroup.freeze", "1\n");
	init_fd = adopted();
	/* At once, though pid 1 says nothing. */
	ck_assert_str_eq(state(), "paused");
	(void)rig_exec(&rig, rig.client_fd, "s", 2);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_str_eq(reply->error->text, "sandbox s is paused");
	ck_assert_str_eq(reply->error->hint, "creel resume s");
	/* Two clients come back; one of the commands is there. */
	(void)rig_attach(&rig, rig.client_fd, 7);
	(void)rig_attach(&rig, rig.client_fd, 8);
	ck_assert(rig_silent(&rig, rig.client_fd));
	memset(token, 8, sizeof(token));
	running.token = (ProtobufCBinaryData){ sizeof(token), token };
	ev.ev_case = INI__EVENT__EV_RUNNING;
	ev.running = &running;
	rig_init_event(&rig, init_fd, &ev);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	ck_assert_int_eq(reply->started->token.data[0], 8);
	ev.ev_case = INI__EVENT__EV_LISTED;
	ev.listed = &listed;
	rig_init_event(&rig, init_fd, &ev);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_ptr_nonnull(strstr(reply->error->text, "is gone"));
	close(init_fd);
}
END_TEST

START_TEST(test_pause_is_answered_when_the_kernel_says_so)
{
	const Hlp__Request *verb;
	int init_fd = adopted();
	Ini__Event ev = INI__EVENT__INIT;
	Ini__Listed listed = INI__LISTED__INIT;

	ev.ev_case = INI__EVENT__EV_LISTED;
	ev.listed = &listed;
	rig_init_event(&rig, init_fd, &ev);
	for (int on = 1; on >= 0; on--) {
		ask(on);
		verb = rig_verb(&rig, HLP__REQUEST__OP_PAUSE);
		ck_assert_int_eq(verb->pause->on, on);
		ck_assert(rig_silent(&rig, rig.client_fd));
		write_file("cgroup.events", on ? "populated 1\nfrozen 1\n" :
						 "populated 1\nfrozen 0\n");
		while (rig_silent(&rig, rig.client_fd))
			(void)event_base_loop(rig.base, EVLOOP_ONCE);
		(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_DONE);
		ck_assert_str_eq(state(), on ? "paused" : "idle");
	}
	close(init_fd);
}
END_TEST

START_TEST(test_pause_waits_no_longer_than_the_sandbox_lives)
{
	const Ctl__Reply *reply;
	int init_fd = adopted();
	Ini__Event ev = INI__EVENT__INIT;
	Ini__Listed listed = INI__LISTED__INIT;

	ev.ev_case = INI__EVENT__EV_LISTED;
	ev.listed = &listed;
	rig_init_event(&rig, init_fd, &ev);
	ask(true);
	(void)rig_verb(&rig, HLP__REQUEST__OP_PAUSE);
	{
		Hlp__Event gone = HLP__EVENT__INIT;
		Hlp__Gone msg = HLP__GONE__INIT;
		uint8_t id[WIRE_ID_BYTES] = { 9 };

		msg.id = (ProtobufCBinaryData){ sizeof(id), id };
		gone.ev_case = HLP__EVENT__EV_GONE;
		gone.gone = &msg;
		rig_event(&rig, &gone, NULL, 0);
	}
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_str_eq(reply->error->text, "sandbox s is gone");
	ck_assert_uint_eq(reply->error->status, 1);
	close(init_fd);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("core-limits");
	TCase *tc = tcase_create("core-limits");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc,
		       test_limit_without_controller_is_an_error_or_a_warning);
	tcase_add_test(tc, test_limit_that_the_helper_cannot_set_is_left_out);
	tcase_add_test(
		tc, test_limit_that_the_policy_denies_is_an_error_all_the_same);
	tcase_add_test(tc, test_paused_sandbox_is_adopted_and_not_waited_for);
	tcase_add_test(tc, test_pause_is_answered_when_the_kernel_says_so);
	tcase_add_test(tc, test_pause_waits_no_longer_than_the_sandbox_lives);
	suite_add_tcase(suite, tc);
	return suite;
}
