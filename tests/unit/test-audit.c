// SPDX-License-Identifier: Apache-2.0
/*
 * The audit log: what is written is what was asked, once, and kept as long as
 * is wanted.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "controller/core/core.h"
#include "controller/session/logs.h"
#include "tests/unit/audit-rig.h"
#include "tests/unit/runner.h"

START_TEST(test_audit_command_and_its_end_are_read_as_they_were)
{
	static const char strings[] = "sh\0-c\0echo \033[31m\0SECRET=1";
	const struct ses_ask what = { .tool = "exec", .session = "agent:a:b",
				      .agent = "a", .sandbox = "box",
				      .strings = strings, .argc = 3,
				      .token = TOKEN(1), .sandboxed = true,
				      .client = &client };
	const struct ctl_result result = { .status = 137, .wall_usec = 5000,
					   .cpu_usec = 4000, .has_cpu = true,
					   .text = "memory limit 512 MiB" };
	Ctl__Logs logs = CTL__LOGS__INIT;
	const Ctl__Record *record;
	const Ctl__Reply *msg;
	char who[64];
	int64_t id;

	ck_assert_int_eq(ses_audit_ask(audit, &what, &id, &err), 0);
	ck_assert_int_eq(ses_audit_over(audit, 0, TOKEN(1), &result, &err), 0);
	request(&logs);
	msg = reply();
	ck_assert_uint_eq(msg->records->n_records, 1);
	record = msg->records->records[0];
	(void)snprintf(who, sizeof(who), "pid %d (", (int)getpid());
	ck_assert_msg(strncmp(record->client, who, strlen(who)) == 0, "%s",
		      record->client);
	ck_assert_str_eq(record->tool, "exec");
	ck_assert_str_eq(record->session, "agent:a:b");
	ck_assert_str_eq(record->agent, "a");
	ck_assert_str_eq(record->sandbox, "box");
	ck_assert_str_eq(record->command, "sh -c echo \033[31m");
	ck_assert_str_eq(record->decision, "allowed");
	ck_assert_str_eq(record->reason, "memory limit 512 MiB");
	ck_assert(record->over && record->sandboxed);
	ck_assert_uint_eq(record->status, 137);
	ck_assert_uint_eq(record->wall_usec, 5000);
	ck_assert(record->has_cpu && record->cpu_usec == 4000);
	ck_assert(!record->has_memory);
	ck_assert(llabs((long long)record->time_ms -
			(long long)time(NULL) * 1000) < 5000);
	msg = reply();
	ck_assert(!msg->records->more && msg->records->n_records == 0);
}
END_TEST

START_TEST(test_audit_long_command_is_cut_between_characters)
{
	char text[3000];
	Ctl__Logs logs = CTL__LOGS__INIT;
	struct ses_ask what = { .tool = "exec", .argc = 1, .strings = text };
	const Ctl__Record *record;
	int64_t id;

	text[0] = 'x';
	for (size_t i = 1; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(ses_audit_ask(audit, &what, &id, &err), 0);
	request(&logs);
	record = reply()->records->records[0];
	ck_assert_uint_eq(strlen(record->command), 1023);
	ck_assert_int_eq((uint8_t)record->command[1022], 0xa4);
	(void)reply();
}
END_TEST

START_TEST(test_audit_denied_request_is_over_at_once)
{
	const struct ses_ask what = { .tool = "exec", .session = "s",
				      .text = "rm", .token = TOKEN(3),
				      .denied = "not sandboxed",
				      .status = 125 };
	Ctl__Logs logs = CTL__LOGS__INIT;
	const Ctl__Record *record;
	int64_t id;

	ck_assert_int_eq(ses_audit_ask(audit, &what, &id, &err), 0);
	request(&logs);
	record = reply()->records->records[0];
	ck_assert_str_eq(record->decision, "denied");
	ck_assert_str_eq(record->reason, "not sandboxed");
	ck_assert(record->over && record->status == 125);
	ck_assert_str_eq(record->client, "creeld");
	(void)reply();
}
END_TEST

START_TEST(test_audit_end_that_was_not_taken_is_written_later)
{
	const struct ctl_result result = { .status = 42, .text = "why" };
	Ctl__Logs logs = CTL__LOGS__INIT;
	int64_t id = ask("exec", "s", 5);
	char path[96];
	sqlite3 *db;

	(void)snprintf(path, sizeof(path), "%s/creel.db", dir);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	ck_assert_int_eq(ses_audit_over(audit, id, TOKEN(5), &result, &err),
			 -1);
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	(void)sqlite3_close(db);
	ses_audit_tick(audit);
	request(&logs);
	ck_assert_uint_eq(reply()->records->records[0]->status, 42);
	(void)reply();
}
END_TEST

/* An adopted sandbox tells of it before there is a store. */
START_TEST(test_audit_end_without_store_is_written_later)
{
	const struct ctl_result result = { .status = 42 };
	Ctl__Logs logs = CTL__LOGS__INIT;

	(void)ask("exec", "s", 5);
	ses_audit_set_store(audit, NULL, NULL);
	ck_assert_int_eq(ses_audit_over(audit, 0, TOKEN(5), &result, &err), 0);
	ses_audit_set_store(audit, store, NULL);
	request(&logs);
	ck_assert_uint_eq(reply()->records->records[0]->status, 42);
	(void)reply();
}
END_TEST

static size_t count_rows(void)
{
	Ctl__Logs logs = CTL__LOGS__INIT;
	const Ctl__Reply *msg;
	bool more = true;
	size_t n = 0;

	logs.limit = 1000000;
	request(&logs);
	while (more && (msg = reply())) {
		n += msg->records->n_records;
		more = msg->records->more;
	}
	return n;
}

START_TEST(test_audit_trim_keeps_what_the_most_generous_wants)
{
	ck_assert_int_eq(store_begin(store, &err), 0);
	for (int i = 0; i < 3000; i++)
		(void)ask("exec", "s", 0);
	ck_assert_int_eq(store_commit(store, &err), 0);
	ses_audit_tick(audit);
	ck_assert_uint_eq(count_rows(), 3000);
	ses_audit_keep(audit, "/a", 30, 100);
	ses_audit_keep(audit, "/b", 30, 1200);
	ses_audit_keep(audit, "/b", 30, 1100);
	/* Another creeld, which has loaded neither, does not forget them. */
	ses_audit_set_store(audit, NULL, NULL);
	ses_audit_set_store(audit, store, NULL);
	ses_audit_tick(audit);
	for (int i = 0; i < 1000 && count_rows() > 1100; i++) {
		(void)usleep(25000);
		turn(2);
	}
	/* What it has left it leaves. */
	for (int i = 0; i < 4; i++) {
		(void)usleep(25000);
		turn(2);
	}
	ck_assert_uint_eq(count_rows(), 1100);
}
END_TEST

START_TEST(test_audit_trim_forgets_the_old_but_not_the_last)
{
	struct store_audit row = { .tool = "exec", .time_ms = 1000 };
	int64_t id;

	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(store_audit_insert(store, &row, &id, &err), 0);
	ses_audit_tick(audit);
	turn(5);
	ck_assert_uint_eq(count_rows(), 1);
	ck_assert_int_gt(ask("exec", "", 0), 10);
}
END_TEST

/* Finds what this one has left. */
static void another_creeld(void)
{
	ses_audit_free(audit);
	audit = ses_audit_new(base, &err);
	ses_audit_set_store(audit, store, NULL);
}

START_TEST(test_audit_command_that_was_taken_back_is_not_awaited)
{
	ck_assert_int_eq(store_begin(store, &err), 0);
	(void)ask("exec", "s", 1);
	store_rollback(store);
	ck_assert_int_eq(store_begin(store, &err), 0);
	(void)ask("exec", "s", 2);
	ck_assert_int_eq(store_commit(store, &err), 0);
	ck_assert_int_eq(store_begin(store, &err), 0);
	(void)ask("exec", "s", 3);
	store_rollback(store);
	ses_audit_tick(audit);
	ck_assert_ptr_nonnull(ses_open_find(audit, TOKEN(2)));
	ck_assert_ptr_null(ses_open_find(audit, TOKEN(3)));
	another_creeld();
	ck_assert_ptr_null(ses_open_find(audit, TOKEN(1)));
	ck_assert_ptr_nonnull(ses_open_find(audit, TOKEN(2)));
}
END_TEST

/* The next one does not look through all of the log, and finds it. */
START_TEST(test_audit_command_that_runs_long_is_found_again)
{
	const struct ctl_result result = { .status = 7 };

	for (int k = 0; k < 2; k++) {
		(void)ask("exec", "s", 1);
		ck_assert_int_eq(store_begin(store, &err), 0);
		for (int i = 0; i < 3000; i++)
			(void)ask("exec", "s", 0);
		ck_assert_int_eq(store_commit(store, &err), 0);
		ses_audit_tick(audit);
		another_creeld();
		ck_assert_ptr_nonnull(ses_open_find(audit, TOKEN(1)));
		ck_assert_int_eq(ses_audit_over(audit, 0, TOKEN(1), &result,
						&err),
				 0);
		ck_assert_ptr_null(ses_open_find(audit, TOKEN(1)));
		ses_audit_tick(audit);
		another_creeld();
		ck_assert(LIST_EMPTY(&audit->opens));
	}
}
END_TEST

START_TEST(test_audit_ready_closes_what_was_lost_and_not_asked_for_again)
{
	struct ctl ctl = { 0 };
	struct ctl_exec exec = { .token = { 1 } };
	struct ses_ask host = { .tool = "exec", .token = TOKEN(3) };
	const Ctl__Records *records;
	Ctl__Logs logs = CTL__LOGS__INIT;
	int64_t id, again, known = ask("exec", "s", 1);

	(void)ask("exec", "s", 2);
	ck_assert_int_eq(ses_audit_ask(audit, &host, &id, &err), 0);
	again = ask("exec", "s", 4);
	another_creeld();
	ck_assert_int_eq(ctl_map_init(&ctl.tokens), 0);
	ck_assert_int_eq(ctl_map_init(&ctl.names), 0);
	ctl_map_put(&ctl.tokens, &exec.by_token, exec.token, WIRE_ID_BYTES);
	ses_audit_ready(audit, &ctl);
	ck_assert_int_eq(exec.audit_id, known);
	/* One client comes back. */
	ck_assert_int_eq(ask("exec", "s", 4), again);
	ck_assert_int_eq(ses_audit_over(audit, again, TOKEN(4),
					&(struct ctl_result){ .status = 9 },
					&err),
			 0);
	/* Not before they all had the time. */
	ses_audit_tick(audit);
	ck_assert_ptr_nonnull(ses_open_find(audit, TOKEN(2)));
	audit->ready_at -= 3600;
	ctl.n_resyncing = 1;
	ses_audit_tick(audit);
	ck_assert_ptr_nonnull(ses_open_find(audit, TOKEN(2)));
	ctl.n_resyncing = 0;
	ses_audit_tick(audit);
	request(&logs);
	records = reply()->records;
	ck_assert_uint_eq(records->n_records, 4);
	ck_assert(!records->records[0]->over);
	ck_assert(records->records[1]->over);
	ck_assert_uint_eq(records->records[1]->status, 125);
	ck_assert_str_eq(records->records[1]->reason,
			 "it was lost with its sandbox");
	ck_assert(!records->records[2]->over);
	ck_assert_uint_eq(records->records[3]->status, 9);
	(void)reply();
	ctl_map_fini(&ctl.names);
	ctl_map_fini(&ctl.tokens);
}
END_TEST

/* Its sandbox is there: it may have been done, and nobody can tell. */
START_TEST(test_audit_lost_in_a_live_sandbox_is_not_lost_with_it)
{
	struct ctl ctl = { 0 };
	struct ctl_node live;
	struct ses_ask what = { .tool = "write", .sandbox = "box",
				.token = TOKEN(1), .sandboxed = true };
	const Ctl__Records *records;
	Ctl__Logs logs = CTL__LOGS__INIT;
	int64_t id;

	for (uint8_t i = 1; i <= 3; i++) {
		what.token = TOKEN(i);
		what.sandbox = i == 3 ? "gone" : "box";
		ck_assert_int_eq(ses_audit_ask(audit, &what, &id, &err), 0);
	}
	another_creeld();
	ck_assert_int_eq(ctl_map_init(&ctl.tokens), 0);
	ck_assert_int_eq(ctl_map_init(&ctl.names), 0);
	ctl_map_put(&ctl.names, &live, "box", 3);
	ses_audit_ready(audit, &ctl);
	/* Whoever comes back for it is told at once, and so is the log. */
	ses_audit_lost(audit, TOKEN(1));
	ses_audit_lost(audit, TOKEN(9));
	ck_assert_ptr_null(ses_open_find(audit, TOKEN(1)));
	ck_assert_ptr_nonnull(ses_open_find(audit, TOKEN(2)));
	audit->ready_at -= 3600;
	ses_audit_tick(audit);
	request(&logs);
	records = reply()->records;
	ck_assert_uint_eq(records->n_records, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert(records->records[i]->over);
		ck_assert_uint_eq(records->records[i]->status, 125);
		ck_assert_str_eq(
			records->records[i]->reason,
			i == 2 ? "it was lost with its sandbox" :
				 "creeld was restarted: it is "
				 "not known whether this was done");
	}
	(void)reply();
	ctl_map_fini(&ctl.names);
	ctl_map_fini(&ctl.tokens);
}
END_TEST

/* What this creeld has begun, or a client does, is not for others to end. */
START_TEST(test_audit_lost_is_only_what_an_earlier_creeld_has_begun)
{
	struct ses_ask host = { .tool = "exec", .token = TOKEN(1) };
	int64_t id;

	ck_assert_int_eq(ses_audit_ask(audit, &host, &id, &err), 0);
	another_creeld();
	(void)ask("exec", "s", 2);
	ses_audit_lost(audit, TOKEN(1));
	ses_audit_lost(audit, TOKEN(2));
	ck_assert_ptr_nonnull(ses_open_find(audit, TOKEN(1)));
	ck_assert_ptr_nonnull(ses_open_find(audit, TOKEN(2)));
}
END_TEST

START_TEST(test_audit_without_store_says_why)
{
	const struct ses_ask what = { .tool = "exec", .text = "x" };
	struct ctl_fail fail = CTL_FAIL_INIT;
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__Logs logs = CTL__LOGS__INIT;
	struct err why = ERR_INIT;
	int64_t id;

	err_set(&why, ERR_KERNEL, 28, "creel.db");
	ses_audit_set_store(audit, NULL, &why);
	ck_assert_int_eq(ses_audit_ask(audit, &what, &id, &err), -1);
	ck_assert_str_eq(err.text, "creel.db: No space left on device");
	req.logs = &logs;
	ck_assert_int_eq(ses_req_logs(audit, &client, &req, &fail), -1);
	ck_assert_str_eq(fail.err.text, err.text);
	ses_audit_tick(audit);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("audit");
	TCase *tcase = tcase_create("audit");

	tcase_add_checked_fixture(tcase, rig_set_up, rig_tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase,
		       test_audit_command_and_its_end_are_read_as_they_were);
	tcase_add_test(tcase,
		       test_audit_long_command_is_cut_between_characters);
	tcase_add_test(tcase, test_audit_denied_request_is_over_at_once);
	tcase_add_test(tcase,
		       test_audit_end_that_was_not_taken_is_written_later);
	tcase_add_test(tcase, test_audit_end_without_store_is_written_later);
	tcase_add_test(tcase,
		       test_audit_trim_keeps_what_the_most_generous_wants);
	tcase_add_test(tcase, test_audit_trim_forgets_the_old_but_not_the_last);
	tcase_add_test(tcase,
		       test_audit_command_that_was_taken_back_is_not_awaited);
	tcase_add_test(tcase, test_audit_command_that_runs_long_is_found_again);
	tcase_add_test(
		tcase,
		test_audit_ready_closes_what_was_lost_and_not_asked_for_again);
	tcase_add_test(
		tcase,
		test_audit_lost_in_a_live_sandbox_is_not_lost_with_it);
	tcase_add_test(
		tcase,
		test_audit_lost_is_only_what_an_earlier_creeld_has_begun);
	tcase_add_test(
		tcase,
		test_audit_lost_in_a_live_sandbox_is_not_lost_with_it);
	tcase_add_test(
		tcase,
		test_audit_lost_is_only_what_an_earlier_creeld_has_begun);
	tcase_add_test(tcase, test_audit_without_store_says_why);
	suite_add_tcase(suite, tcase);
	return suite;
}
