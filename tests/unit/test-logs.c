// SPDX-License-Identifier: Apache-2.0
/*
 * Readers of the audit log and listeners to events get it all, in order, as
 * fast as they read and no faster.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controller/core/core.h"
#include "controller/session/logs.h"
#include "controller/session/events.h"
#include "tests/unit/audit-rig.h"
#include "tests/unit/runner.h"

START_TEST(test_logs_filters_limit_and_order)
{
	Ctl__Logs logs = CTL__LOGS__INIT;
	int64_t first = ask("exec", "agent:a:x", 0);
	char want[64];

	ck_assert_int_eq(first, 1);
	(void)ask("run", "", 0);
	(void)ask("exec", "agent:a:y", 0);
	(void)ask("kill", "agent:b:x", 0);
	ck_assert_str_eq(read_ids(&logs), "1 2 3 4 ");
	logs.limit = 2;
	ck_assert_str_eq(read_ids(&logs), "3 4 ");
	logs.limit = 0;
	logs.tool = (char *)"exec";
	ck_assert_str_eq(read_ids(&logs), "1 3 ");
	logs.tool = (char *)"";
	logs.session = (char *)"agent:a:*";
	ck_assert_str_eq(read_ids(&logs), "1 3 ");
	logs.session = (char *)"agent:b:x";
	ck_assert_str_eq(read_ids(&logs), "4 ");
	logs.session = (char *)"agent:b:";
	ck_assert_str_eq(read_ids(&logs), "");
	logs.session = (char *)"%' OR 1=1 --";
	ck_assert_str_eq(read_ids(&logs), "");
	logs.session = (char *)"";
	logs.agent = (char *)"nobody";
	ck_assert_str_eq(read_ids(&logs), "");
	logs.agent = (char *)"main";
	logs.since_ms = (uint64_t)(time(NULL) + 1000) * 1000;
	ck_assert_str_eq(read_ids(&logs), "");
	logs.since_ms = 0;
	logs.until_ms = 1;
	ck_assert_str_eq(read_ids(&logs), "");
	logs.until_ms = 0;
	(void)snprintf(want, sizeof(want), "1 2 3 4 ");
	ck_assert_str_eq(read_ids(&logs), want);
}
END_TEST

START_TEST(test_logs_filter_too_long_is_refused)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__Logs logs = CTL__LOGS__INIT;
	struct ctl_fail fail = CTL_FAIL_INIT;
	char text[STORE_SHORT_MAX_BYTES + 2];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	logs.session = text;
	req.logs = &logs;
	ck_assert_int_eq(ses_req_logs(audit, &client, &req, &fail), -1);
	ck_assert_int_eq(fail.err.code, ERR_BAD_REQUEST);
	ck_assert_ptr_null(reply());
}
END_TEST

START_TEST(test_logs_many_rows_come_in_turns_and_complete)
{
	Ctl__Logs logs = CTL__LOGS__INIT;
	uint64_t next = 1;
	bool more = true;

	ck_assert_int_eq(store_begin(store, &err), 0);
	for (int i = 0; i < 7000; i++)
		(void)ask("exec", "s", 0);
	ck_assert_int_eq(store_commit(store, &err), 0);
	logs.limit = 6500;
	next = 501;
	request(&logs);
	/* What is written meanwhile is not of the answer. */
	turn(3);
	(void)ask("exec", "s", 0);
	while (more) {
		const Ctl__Reply *msg = reply();

		ck_assert_ptr_nonnull(msg);
		more = msg->records->more;
		for (size_t i = 0; i < msg->records->n_records; i++)
			ck_assert_uint_eq(msg->records->records[i]->id, next++);
	}
	ck_assert_uint_eq(next, 7001);
}
END_TEST

START_TEST(test_logs_client_that_does_not_read_costs_no_memory)
{
	Ctl__Logs logs = CTL__LOGS__INIT;

	ck_assert_int_eq(store_begin(store, &err), 0);
	for (int i = 0; i < 20000; i++)
		(void)ask("exec", "s", 0);
	ck_assert_int_eq(store_commit(store, &err), 0);
	logs.limit = 20000;
	request(&logs);
	for (int i = 0; i < 200; i++) {
		turn(1);
		(void)usleep(500);
		ck_assert_uint_lt(client.conn.queued_bytes, 512U << 10);
	}
	ck_assert_uint_gt(client.conn.queued_bytes, 0);
	ses_logs_client_gone(audit, &client);
}
END_TEST

START_TEST(test_logs_follower_hears_begin_and_end_of_what_it_asked_for)
{
	Ctl__Logs logs = CTL__LOGS__INIT;
	const struct ctl_result result = { .status = 3 };
	const Ctl__Reply *msg;
	int64_t id;

	(void)ask("exec", "mine", 0);
	logs.follow = true;
	logs.session = (char *)"mine";
	request(&logs);
	msg = reply();
	ck_assert(msg->records->n_records == 1 && msg->records->more);
	msg = reply();
	ck_assert(msg->records->n_records == 0 && !msg->records->more);
	ck_assert_ptr_null(reply());
	(void)ask("exec", "other", 0);
	id = ask("exec", "mine", 7);
	msg = reply();
	ck_assert_uint_eq(msg->records->n_records, 1);
	ck_assert_uint_eq(msg->records->records[0]->id, (uint64_t)id);
	ck_assert(!msg->records->records[0]->over);
	ck_assert_int_eq(ses_audit_over(audit, id, TOKEN(7), &result, &err), 0);
	msg = reply();
	ck_assert_uint_eq(msg->records->records[0]->id, (uint64_t)id);
	ck_assert(msg->records->records[0]->over);
	ck_assert_uint_eq(msg->records->records[0]->status, 3);
	ck_assert(!msg->records->more);
	ses_logs_client_gone(audit, &client);
	(void)ask("exec", "mine", 0);
	ck_assert_ptr_null(reply());
}
END_TEST

/* Rows and ends that come while the old ones are still being sent. */
START_TEST(test_logs_follower_misses_nothing_meanwhile)
{
	Ctl__Logs logs = CTL__LOGS__INIT;
	const struct ctl_result result = { .status = 0 };
	static uint8_t over[9001], seen[9001];
	int64_t n = 0;

	memset(over, 0, sizeof(over));
	memset(seen, 0, sizeof(seen));
	ck_assert_int_eq(store_begin(store, &err), 0);
	while (n < 5000)
		n = ask("exec", "s", (uint8_t)(1 + n % 250));
	ck_assert_int_eq(store_commit(store, &err), 0);
	logs.follow = true;
	logs.limit = 6000;
	request(&logs);
	for (int i = 0; i < 6000; i++) {
		const Ctl__Reply *msg;

		if (i < 2000) {
			int64_t id = ask("exec", "s", 1);

			n = id;
			/* An old one that is sent by now, or not yet. */
			id = 1 + random() % n;
			ck_assert_int_eq(ses_audit_over(audit, id, TOKEN(1),
							&result, &err),
					 0);
			over[id] = 1;
		}
		msg = i % 2 ? reply() : NULL;
		if (i > 2000 && i % 2 && !msg)
			break;
		for (size_t k = 0; msg && k < msg->records->n_records; k++) {
			const Ctl__Record *record = msg->records->records[k];

			seen[record->id] = record->over ? 2 : 1;
		}
	}
	for (int64_t id = 1; id <= n; id++)
		ck_assert_msg(seen[id] == 1 + over[id], "row %d: %d %d",
			      (int)id, seen[id], over[id]);
}
END_TEST

static void ask_often(int times)
{
	ck_assert_int_eq(store_begin(store, &err), 0);
	for (int i = 0; i < times; i++)
		(void)ask("exec", "s", 0);
	ck_assert_int_eq(store_commit(store, &err), 0);
}

START_TEST(test_logs_slow_follower_costs_no_memory_and_gets_all)
{
	Ctl__Logs logs = CTL__LOGS__INIT;
	const Ctl__Reply *msg;
	size_t got = 0;

	logs.follow = true;
	request(&logs);
	turn(5);
	for (int i = 0; i < 20; i++) {
		ask_often(1000);
		turn(50);
		ck_assert_uint_lt(client.conn.queued_bytes, 512U << 10);
	}
	while ((msg = reply()))
		got += msg->records->n_records;
	ck_assert_uint_eq(got, 20000);
}
END_TEST

START_TEST(test_logs_follower_far_behind_is_told_and_dropped)
{
	Ctl__Logs logs = CTL__LOGS__INIT;
	const Ctl__Reply *msg;
	bool told = false;

	logs.follow = true;
	request(&logs);
	turn(5);
	ask_often(50001);
	while (!told && (msg = reply()))
		told = msg->re_case == CTL__REPLY__RE_ERROR &&
		       msg->error->code == ERR_LIMIT;
	ck_assert(told);
	ck_assert_ptr_null(reply());
}
END_TEST

/* Ends of what it has are told at once: too many of them are not kept. */
START_TEST(test_logs_follower_that_does_not_read_is_told_and_dropped)
{
	Ctl__Logs logs = CTL__LOGS__INIT;
	const struct ctl_result result = { .status = 3 };
	const Ctl__Reply *msg;
	bool told = false;

	logs.follow = true;
	(void)ask("exec", "s", 1);
	request(&logs);
	(void)reply();
	for (int i = 0; i < 40000; i++)
		ck_assert_int_eq(ses_audit_over(audit, 1, NULL, &result, &err),
				 0);
	ck_assert_uint_lt(client.conn.queued_bytes, 2U << 20);
	ck_assert(!client.conn.overflow);
	while (!told && (msg = reply()))
		told = msg->re_case == CTL__REPLY__RE_ERROR &&
		       msg->error->code == ERR_LIMIT;
	ck_assert(told);
	ck_assert_ptr_null(reply());
}
END_TEST

START_TEST(test_logs_follower_hears_nothing_of_what_is_taken_back)
{
	Ctl__Logs logs = CTL__LOGS__INIT;
	const Ctl__Reply *msg;

	logs.follow = true;
	request(&logs);
	while (reply())
		;
	ck_assert_int_eq(store_begin(store, &err), 0);
	(void)ask("exec", "wrong", 0);
	store_rollback(store);
	ck_assert_ptr_null(reply());
	(void)ask("exec", "right", 0);
	msg = reply();
	ck_assert_uint_eq(msg->records->n_records, 1);
	ck_assert_str_eq(msg->records->records[0]->session, "right");
}
END_TEST

START_TEST(test_events_are_told_and_slow_listeners_dropped)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	struct ctl_fail fail = CTL_FAIL_INIT;
	const Ctl__Reply *msg;
	bool told = false;
	char text[800];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ses_events_tell(events, "created", "box", NULL, "unheard");
	req.seq = 4;
	ck_assert_int_eq(ses_req_events(events, &client, &req, &fail), 0);
	ses_events_tell(events, "created", "box", "agent:a:b", "7");
	msg = reply();
	ck_assert_int_eq(msg->re_case, CTL__REPLY__RE_EVENT);
	ck_assert_uint_eq(msg->seq, 4);
	ck_assert_str_eq(msg->event->what, "created");
	ck_assert_str_eq(msg->event->sandbox, "box");
	ck_assert_str_eq(msg->event->session, "agent:a:b");
	ck_assert_str_eq(msg->event->text, "7");
	for (int i = 0; i < 40000; i++)
		ses_events_tell(events, "exec", "box", "", text);
	ck_assert_uint_lt(client.conn.queued_bytes, 2U << 20);
	while (!told && (msg = reply()))
		told = msg->re_case == CTL__REPLY__RE_ERROR;
	ck_assert(told);
	ck_assert_ptr_null(reply());
	ck_assert_int_eq(ses_req_events(events, &client, &req, &fail), 0);
	ses_events_client_gone(events, &client);
	ses_events_tell(events, "removed", "box", NULL, NULL);
	ck_assert_ptr_null(reply());
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("logs");
	TCase *tcase = tcase_create("logs");

	tcase_add_checked_fixture(tcase, rig_set_up, rig_tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_logs_filters_limit_and_order);
	tcase_add_test(tcase, test_logs_filter_too_long_is_refused);
	tcase_add_test(tcase, test_logs_many_rows_come_in_turns_and_complete);
	tcase_add_test(tcase,
		       test_logs_client_that_does_not_read_costs_no_memory);
	tcase_add_test(
		tcase,
		test_logs_follower_hears_begin_and_end_of_what_it_asked_for);
	tcase_add_test(tcase, test_logs_follower_misses_nothing_meanwhile);
	tcase_add_test(tcase,
		       test_logs_slow_follower_costs_no_memory_and_gets_all);
	tcase_add_test(tcase,
		       test_logs_follower_far_behind_is_told_and_dropped);
	tcase_add_test(
		tcase,
		test_logs_follower_that_does_not_read_is_told_and_dropped);
	tcase_add_test(tcase,
		       test_logs_follower_hears_nothing_of_what_is_taken_back);
	tcase_add_test(tcase, test_events_are_told_and_slow_listeners_dropped);
	suite_add_tcase(suite, tcase);
	return suite;
}
