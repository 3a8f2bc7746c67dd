/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the audit log share: a store, a client, what it is sent.
 */
#ifndef TESTS_UNIT_AUDIT_RIG_H
#define TESTS_UNIT_AUDIT_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/core/core.h"
#include "controller/session/audit.h"
#include "controller/session/events.h"
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

static inline void on_frame(struct ctl_conn *conn, struct wire_frame *frame)
{
	(void)conn;
	(void)frame;
}

static inline void on_end(struct ctl_conn *conn, const struct err *why)
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

static inline void rig_set_up(void)
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

static inline void rig_tear_down(void)
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

static inline void turn(int times)
{
	for (int i = 0; i < times; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
}

/* The next reply, or NULL when nothing comes. */
static inline const Ctl__Reply *reply(void)
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

static inline int64_t ask(const char *tool, const char *session, uint8_t token)
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

static inline void request(Ctl__Logs *logs)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	struct ctl_fail fail = CTL_FAIL_INIT;

	req.seq = 9;
	req.op_case = CTL__REQUEST__OP_LOGS;
	req.logs = logs;
	ck_assert_int_eq(ses_req_logs(audit, &client, &req, &fail), 0);
}

/* All ids of an answer, as text; it must end. */
static inline const char *read_ids(Ctl__Logs *logs)
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

#endif
