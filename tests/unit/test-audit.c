// SPDX-License-Identifier: Apache-2.0
/*
 * The audit log: what is written is what was asked, and its readers get it
 * all, in order, as fast as they read and no faster.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <sqlite3.h>

#include "controller/core/core.h"
#include "controller/session/audit.h"
#include "controller/session/events.h"
#include "controller/session/logs.h"
#include "controller/session/store.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

#define TOKEN(c) ((const uint8_t[WIRE_ID_BYTES]){ (c) })

static char dir[64];
static struct err err;
static struct event_base *base;
static struct store *store;
static struct ses_audit *audit;
static struct ses_events *events;
static struct ctl_client client;
static int peer_fd;
static uint8_t conn_buf[WIRE_FRAME_MAX_BYTES];
static uint8_t peer_buf[WIRE_FRAME_MAX_BYTES];
static uint8_t arena_buf[WIRE_ARENA_BYTES];
static struct arena arena;

static void on_frame(struct ctl_conn *conn, struct wire_frame *frame)
{
	(void)conn;
	(void)frame;
}

static void on_end(struct ctl_conn *conn, const struct err *why)
{
	(void)why;
	ctl_conn_close(conn);
}

static const struct ctl_conn_ops ops = {
	.max_out_bytes = WIRE_FRAME_MAX_BYTES,
	.max_queue_bytes = 4U << 20,
	.on_frame = on_frame,
	.on_end = on_end,
};

static void set_up(void)
{
	const char *tmp = getenv("TMPDIR");
	int fds[2];

	err = (struct err)ERR_INIT;
	(void)snprintf(dir, sizeof(dir), "%.40s/audit-XXXXXX",
		       tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	base = event_base_new();
	arena_init(&arena, arena_buf, sizeof(arena_buf));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
				    fds),
			 0);
	peer_fd = fds[1];
	memset(&client, 0, sizeof(client));
	ctl_conn_init(&client.conn);
	ck_assert_int_eq(ctl_conn_open(&client.conn, base, fds[0], &ops,
				       conn_buf),
			 0);
	store = store_open(dir, "/run/one", &err);
	ck_assert_msg(store != NULL, "%s", err.text);
	audit = ses_audit_new(base, &err);
	events = ses_events_new();
	ses_audit_set_store(audit, store, NULL);
}

static void tear_down(void)
{
	static const char *const names[] = { "creel.db", "creel.db-wal",
					     "creel.db-shm", "creel.lock" };
	char path[128];

	ses_audit_free(audit);
	ses_events_free(events);
	ctl_conn_close(&client.conn);
	close(peer_fd);
	store_close(store);
	event_base_free(base);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	ck_assert_int_eq(rmdir(dir), 0);
}

static void turn(int times)
{
	for (int i = 0; i < times; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
}

/* The next reply, or NULL when nothing comes. */
static const Ctl__Reply *reply(void)
{
	struct wire_frame frame;
	enum wire_status status = WIRE_AGAIN;
	const Ctl__Reply *msg;

	wire_frame_init(&frame, peer_buf, sizeof(peer_buf));
	for (int i = 0; i < 300 && status == WIRE_AGAIN; i++) {
		turn(1);
		status = wire_recv(peer_fd, &frame, 0, &err);
		if (status == WIRE_AGAIN && i > 50)
			(void)usleep(200);
	}
	if (status != WIRE_GOT)
		return NULL;
	msg = (const Ctl__Reply *)wire_unpack(&ctl__reply__descriptor, &arena,
					      frame.buf, frame.len, &err);
	ck_assert_msg(msg != NULL, "%s", err.text);
	return msg;
}

static int64_t ask(const char *tool, const char *session, uint8_t token)
{
	const uint8_t bytes[WIRE_ID_BYTES] = { token };
	const struct ses_ask what = { .tool = tool, .session = session,
				      .agent = "main", .sandbox = "box",
				      .text = "make all",
				      .token = token ? bytes : NULL,
				      .sandboxed = true };
	int64_t id;

	ck_assert_int_eq(ses_audit_ask(audit, &what, &id, &err), 0);
	ck_assert_int_gt(id, 0);
	return id;
}

static void request(Ctl__Logs *logs)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	struct ctl_fail fail = CTL_FAIL_INIT;

	req.seq = 9;
	req.op_case = CTL__REQUEST__OP_LOGS;
	req.logs = logs;
	ck_assert_int_eq(ses_req_logs(audit, &client, &req, &fail), 0);
}

/* All ids of an answer, as text; it must end. */
static const char *read_ids(Ctl__Logs *logs)
{
	static char text[256];
	bool more = true;

	text[0] = '\0';
	request(logs);
	while (more) {
		const Ctl__Reply *msg = reply();

		ck_assert_ptr_nonnull(msg);
		ck_assert_int_eq(msg->re_case, CTL__REPLY__RE_RECORDS);
		ck_assert_uint_eq(msg->seq, 9);
		for (size_t i = 0; i < msg->records->n_records; i++) {
			size_t used = strlen(text);

			(void)snprintf(text + used, sizeof(text) - used,
				       "%llu ",
				       (unsigned long long)msg->records
					       ->records[i]
					       ->id);
		}
		more = msg->records->more;
	}
	return text;
}

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
	for (int i = 0; i < 20; i++) {
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
	ck_assert_int_eq(ctl_map_init(&ctl.tokens), 0);
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
	ck_assert_int_gt(store_audit_find(store, TOKEN(2)), 0);
	audit->ready_at -= 3600;
	ctl.n_resyncing = 1;
	ses_audit_tick(audit);
	ck_assert_int_gt(store_audit_find(store, TOKEN(2)), 0);
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
	ctl_map_fini(&ctl.tokens);
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

START_TEST(test_events_are_told_and_slow_listeners_dropped)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	struct ctl_fail fail = CTL_FAIL_INIT;
	const Ctl__Reply *msg;
	bool told = false;

	ses_events_tell(events, "created", "box", NULL, "%s", "unheard");
	req.seq = 4;
	ck_assert_int_eq(ses_req_events(events, &client, &req, &fail), 0);
	ses_events_tell(events, "created", "box", "agent:a:b", "%d", 7);
	msg = reply();
	ck_assert_int_eq(msg->re_case, CTL__REPLY__RE_EVENT);
	ck_assert_uint_eq(msg->seq, 4);
	ck_assert_str_eq(msg->event->what, "created");
	ck_assert_str_eq(msg->event->sandbox, "box");
	ck_assert_str_eq(msg->event->session, "agent:a:b");
	ck_assert_str_eq(msg->event->text, "7");
	for (int i = 0; i < 40000; i++)
		ses_events_tell(events, "exec", "box", "", "%0200d", i);
	ck_assert_uint_lt(client.conn.queued_bytes, 2U << 20);
	while (!told && (msg = reply()))
		told = msg->re_case == CTL__REPLY__RE_ERROR;
	ck_assert(told);
	ck_assert_ptr_null(reply());
	ck_assert_int_eq(ses_req_events(events, &client, &req, &fail), 0);
	ses_events_client_gone(events, &client);
	ses_events_tell(events, "removed", "box", NULL, "%s", "");
	ck_assert_ptr_null(reply());
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("audit");
	TCase *tcase = tcase_create("audit");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase,
		       test_audit_command_and_its_end_are_read_as_they_were);
	tcase_add_test(tcase,
		       test_audit_long_command_is_cut_between_characters);
	tcase_add_test(tcase, test_audit_denied_request_is_over_at_once);
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
	tcase_add_test(tcase,
		       test_audit_end_that_was_not_taken_is_written_later);
	tcase_add_test(tcase, test_audit_end_without_store_is_written_later);
	tcase_add_test(tcase,
		       test_audit_trim_keeps_what_the_most_generous_wants);
	tcase_add_test(tcase, test_audit_trim_forgets_the_old_but_not_the_last);
	tcase_add_test(
		tcase,
		test_audit_ready_closes_what_was_lost_and_not_asked_for_again);
	tcase_add_test(tcase, test_audit_without_store_says_why);
	tcase_add_test(tcase, test_events_are_told_and_slow_listeners_dropped);
	suite_add_tcase(suite, tcase);
	return suite;
}
