// SPDX-License-Identifier: Apache-2.0
/*
 * What the core tells whoever keeps sessions, and in which order; and a
 * sandbox that is there before the helper has been asked for it.
 */
#include <config.h>

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/core/core.h"
#include "tests/unit/core-rig.h"
#include "tests/unit/runner.h"

static struct rig rig;

/* One letter for each call. */
static char calls[64];
static int answer;
static bool hold;

static void note(char call)
{
	size_t len = strlen(calls);

	ck_assert_uint_lt(len + 1, sizeof(calls));
	calls[len] = call;
	calls[len + 1] = '\0';
}

static void on_ready(void *arg, struct ctl *ctl)
{
	ck_assert_ptr_eq(arg, &rig);
	ck_assert_ptr_nonnull(ctl);
	note('r');
}

static int on_request(void *arg, struct ctl_client *client,
		      const Ctl__Request *req, struct wire_frame *frame,
		      struct ctl_fail *fail)
{
	(void)arg;
	(void)frame;
	if (req->op_case == CTL__REQUEST__OP_ATTACH)
		return 1;
	note('q');
	if (answer == 0)
		ctl_reply_done(client, req->seq);
	if (answer < 0)
		err_set(&fail->err, ERR_DENIED, 0, "not today");
	return answer;
}

static void on_exec_new(void *arg, struct ctl_exec *exec,
			struct ctl_client *client)
{
	(void)arg;
	ck_assert_ptr_nonnull(client);
	note('n');
	exec->sandbox->held |= hold;
}

static void on_exec_over(void *arg, struct ctl_exec *exec,
			 const struct ctl_result *result)
{
	(void)arg;
	(void)exec;
	note(result->status == 0 ? 'o' : 'O');
}

static void on_live(void *arg, struct ctl_sandbox *sandbox)
{
	(void)arg;
	ck_assert_int_eq(sandbox->state, CTL_SANDBOX_LIVE);
	note('l');
}

static void on_sandbox_end(void *arg, struct ctl_sandbox *sandbox)
{
	(void)arg;
	ck_assert_int_eq(sandbox->state, CTL_SANDBOX_DYING);
	note('e');
}

static void on_gone(void *arg, struct ctl_sandbox *sandbox)
{
	(void)arg;
	(void)sandbox;
	note('g');
}

static void on_client_gone(void *arg, struct ctl_client *client)
{
	(void)arg;
	(void)client;
	note('c');
}

static const struct ctl_hooks hooks = {
	.ready = on_ready,
	.request = on_request,
	.exec_new = on_exec_new,
	.exec_over = on_exec_over,
	.sandbox_live = on_live,
	.sandbox_end = on_sandbox_end,
	.sandbox_gone = on_gone,
	.client_gone = on_client_gone,
	.arg = &rig,
};

static void setup(void)
{
	calls[0] = '\0';
	answer = 1;
	hold = false;
	rig_open_hooked(&rig, &hooks);
	rig_hello(&rig);
	ck_assert_str_eq(calls, "");
	rig_synced(&rig);
	rig_pump(&rig);
	ck_assert_str_eq(calls, "r");
	calls[0] = '\0';
}

static void teardown(void)
{
	rig_close(&rig);
}

START_TEST(test_hooks_of_a_command_come_in_order)
{
	int init_fd;

	(void)rig_exec(&rig, rig.client_fd, "s", 1);
	init_fd = rig_started(&rig, rig_build(&rig), 7);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_EXEC);
	ck_assert_str_eq(calls, "qnl");
	rig_init_started(&rig, init_fd, 1);
	(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_STARTED);
	rig_init_exited(&rig, init_fd, 1, 0);
	(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_EXITED);
	ck_assert_str_eq(calls, "qnlo");
	close(init_fd);
	rig_pump(&rig);
	ck_assert_str_eq(calls, "qnloe");
	rig_gone(&rig, 7, false);
	rig_pump(&rig);
	ck_assert_str_eq(calls, "qnloeg");
}
END_TEST

START_TEST(test_a_hook_answers_a_request)
{
	answer = 0;
	(void)rig_exec(&rig, rig.client_fd, "s", 1);
	(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_DONE);
	ck_assert_str_eq(calls, "q");
	ck_assert(rig_silent(&rig, rig.helper_fd));
}
END_TEST

START_TEST(test_a_hook_refuses_a_request)
{
	const Ctl__Reply *reply;

	answer = -1;
	(void)rig_exec(&rig, rig.client_fd, "s", 1);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_str_eq(reply->error->text, "not today");
	ck_assert_uint_eq(reply->error->status, 125);
	ck_assert(rig_silent(&rig, rig.helper_fd));
}
END_TEST

START_TEST(test_a_build_that_fails_is_told_once)
{
	(void)rig_exec(&rig, rig.client_fd, "s", 1);
	rig_failed(&rig, rig_build(&rig), ERR_KERNEL, "no");
	(void)rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
	ck_assert_str_eq(calls, "qnOg");
}
END_TEST

START_TEST(test_commands_wait_while_their_sandbox_is_held)
{
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ctl_sandbox *sandbox;
	int init_fd;

	hold = true;
	(void)rig_exec(&rig, rig.client_fd, "s", 1);
	init_fd = rig_started(&rig, rig_build(&rig), 7);
	(void)rig_exec(&rig, rig.client_fd, "s", 2);
	ck_assert(rig_silent(&rig, init_fd));
	sandbox = ctl_sandbox_find(rig.ctl, "s", &fail);
	ck_assert_ptr_nonnull(sandbox);
	ctl_sandbox_release(sandbox);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_EXEC);
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_EXEC);
	close(init_fd);
}
END_TEST

/* As sessions make one: known at once, asked for later. */
static struct ctl_sandbox *prepare(const char *name)
{
	struct ctl_label label = { .kind = CTL_KIND_SESSION, .managed = true };
	struct ctl_sandbox *sandbox;

	(void)snprintf(label.name, sizeof(label.name), "%s", name);
	sandbox = ctl_sandbox_new(rig.ctl, &label);
	ck_assert_ptr_nonnull(sandbox);
	sandbox->state = CTL_SANDBOX_PREPARING;
	return sandbox;
}

START_TEST(test_a_prepared_sandbox_can_be_waited_for)
{
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ctl_sandbox *sandbox = prepare("p");
	const Ctl__Reply *reply;

	(void)rig_exec(&rig, rig.client_fd, "p", 1);
	(void)rig_exec(&rig, rig.client_fd, "p", 2);
	rig_pump(&rig);
	ck_assert(rig_silent(&rig, rig.helper_fd));
	err_set(&fail.err, ERR_KERNEL, 0, "it could not be prepared");
	ctl_sandbox_start_failed(sandbox, &fail);
	for (int i = 0; i < 2; i++) {
		reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_ERROR);
		ck_assert_str_eq(reply->error->text,
				 "it could not be prepared");
	}
	ck_assert_str_eq(calls, "qnqnOOg");
	ck_assert(rig_silent(&rig, rig.helper_fd));
}
END_TEST

START_TEST(test_a_prepared_sandbox_can_be_killed)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__Kill kill_msg = CTL__KILL__INIT;
	int other_fd = rig_client(&rig);
	const Ctl__Reply *reply;

	(void)prepare("p");
	(void)rig_exec(&rig, rig.client_fd, "p", 1);
	kill_msg.target = (char *)"p";
	req.op_case = CTL__REQUEST__OP_KILL;
	req.kill = &kill_msg;
	(void)rig_request(&rig, other_fd, &req);
	(void)rig_reply(&rig, other_fd, CTL__REPLY__RE_DONE);
	reply = rig_reply(&rig, rig.client_fd, CTL__REPLY__RE_EXITED);
	ck_assert_uint_eq(reply->exited->status, 137);
	/* The helper has never heard of it. */
	ck_assert(rig_silent(&rig, rig.helper_fd));
	ck_assert_str_eq(calls, "qnqOg");
	close(other_fd);
	rig_pump(&rig);
	ck_assert_str_eq(calls, "qnqOgc");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("hooks");
	TCase *tcase = tcase_create("hooks");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_hooks_of_a_command_come_in_order);
	tcase_add_test(tcase, test_a_hook_answers_a_request);
	tcase_add_test(tcase, test_a_hook_refuses_a_request);
	tcase_add_test(tcase, test_a_build_that_fails_is_told_once);
	tcase_add_test(tcase, test_commands_wait_while_their_sandbox_is_held);
	tcase_add_test(tcase, test_a_prepared_sandbox_can_be_waited_for);
	tcase_add_test(tcase, test_a_prepared_sandbox_can_be_killed);
	suite_add_tcase(suite, tcase);
	return suite;
}
