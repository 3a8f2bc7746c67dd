// SPDX-License-Identifier: Apache-2.0
/*
 * Reading the audit log: found from its end backwards and sent from there on,
 * a stretch at each turn of the event loop, no faster than the client takes it.
 * Who follows it is sent each row when it is written and again when its end is
 * known: new rows are read as the old ones were, so that nothing waits in
 * memory for a client that is slow, and nobody is told of what is not
 * committed.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "controller/core/core.h"
#include "controller/core/log.h"
#include "controller/session/logs.h"

#define DEFAULT_ROWS 1000
#define MAX_ROWS 1000000
#define MAX_READERS 256
#define MAX_BEHIND 50000 /* rows that a follower may be late */
#define SPAN 2000      /* rows looked at in one turn */
#define BATCH 64       /* records of one message */
#define BATCH_BYTES 40000
#define TURN_BATCHES 4 /* messages of one turn */
#define FULL_BYTES (128U << 10)
#define PAUSE_USEC 10000

enum phase {
	PHASE_INVALID = 0,
	PHASE_FIND,
	PHASE_SEND,
	PHASE_FOLLOW,
};

struct ses_reader {
	LIST_ENTRY(ses_reader) link;
	struct ses_audit *audit;   /* borrowed */
	struct ctl_client *client; /* borrowed */
	uint32_t seq;
	enum phase phase;
	struct store_audit_filter filter; /* its texts: below */
	char session[STORE_SHORT_MAX_BYTES + 1];
	char agent[STORE_SHORT_MAX_BYTES + 1];
	char tool[STORE_SHORT_MAX_BYTES + 1];
	size_t most;
	bool follow;
	bool past; /* all that was there has been sent */
	int64_t top;   /* newest row when the search began */
	int64_t below; /* it goes on there */
	int64_t sent;  /* id of the newest row that the client has */
	struct store_ids found; /* ids: owned */
	struct event *step;     /* owned */
};

/* Records on their way into one message; one at a time. */
struct batch {
	Ctl__Record records[BATCH];
	Ctl__Record *list[BATCH];
	size_t n;
	char text[BATCH_BYTES];
	size_t used;
};
static struct batch batch;

static void reader_free(struct ses_reader *reader)
{
	LIST_REMOVE(reader, link);
	reader->audit->n_readers--;
	event_free(reader->step);
	free(reader->found.ids);
	free(reader);
}

static void reader_fail(struct ses_reader *reader, const struct err *err)
{
	struct ctl_fail fail = { .err = *err, .status = CREEL_EXIT_REFUSED };

	ctl_reply_fail(reader->client, reader->seq, &fail);
	reader_free(reader);
}

static char *keep_text(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = batch.text + batch.used;

	if (size > sizeof(batch.text) - batch.used)
		return (char *)"";
	memcpy(copy, text, size);
	batch.used += size;
	return copy;
}

/* A row of a statement goes with its next step: copied. */
static void add_record(const struct store_audit *row, void *arg)
{
	Ctl__Record *record = &batch.records[batch.n];

	(void)arg;
	ctl__record__init(record);
	record->id = (uint64_t)row->id;
	record->time_ms = (uint64_t)row->time_ms;
	record->tool = keep_text(row->tool);
	record->session = keep_text(row->session);
	record->agent = keep_text(row->agent);
	record->sandbox = keep_text(row->sandbox);
	record->command = keep_text(row->command);
	record->decision = keep_text(row->decision);
	record->reason = keep_text(row->reason);
	record->client = keep_text(row->client);
	record->sandboxed = row->sandboxed;
	record->over = row->over;
	record->status = row->status;
	record->wall_usec = row->wall_usec;
	record->has_memory = row->has_memory;
	record->memory_peak = row->memory_peak;
	record->has_cpu = row->has_cpu;
	record->cpu_usec = row->cpu_usec;
	batch.list[batch.n++] = record;
}

static bool batch_full(void)
{
	/* Of one row: a command and seven shorter texts. */
	return batch.n == BATCH ||
	       batch.used > sizeof(batch.text) - STORE_TEXT_MAX_BYTES -
				    8 * (STORE_SHORT_MAX_BYTES + 1);
}

static void batch_send(struct ses_reader *reader, bool more)
{
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__Records msg = CTL__RECORDS__INIT;

	msg.records = batch.list;
	msg.n_records = batch.n;
	msg.more = more;
	reply.re_case = CTL__REPLY__RE_RECORDS;
	reply.records = &msg;
	ctl_reply(reader->client, reader->seq, &reply, -1);
	batch.n = 0;
	batch.used = 0;
}

static void again(struct ses_reader *reader, bool pause)
{
	const struct timeval after = { .tv_usec = pause ? PAUSE_USEC : 0 };

	(void)event_add(reader->step, &after);
}

static int make_room(struct ses_reader *reader, struct err *err)
{
	size_t want = reader->found.n + SPAN;
	int64_t *ids;

	if (want > reader->most)
		want = reader->most;
	ids = realloc(reader->found.ids, (want ? want : 1) * sizeof(*ids));
	if (!ids)
		return err_set(err, ERR_KERNEL, ENOMEM, "audit log");
	reader->found.ids = ids;
	reader->found.max = want;
	return 0;
}

/* One stretch backwards; where it is the last, sending begins. */
static int find_step(struct ses_reader *reader, struct err *err)
{
	struct store *store = reader->audit->store;

	if (reader->below == 0) {
		if (store_audit_newest(store, &reader->top, err) < 0)
			return -1;
		reader->below = reader->top + 1;
	}
	if (make_room(reader, err) < 0)
		return -1;
	reader->below = store_audit_scan(store, &reader->filter, reader->below,
					 SPAN, &reader->found, err);
	if (reader->below < 0)
		return -1;
	/* Room for all that a stretch can have: full means that it is all. */
	if (reader->below == 0 || reader->found.n >= reader->most)
		reader->phase = PHASE_SEND;
	return 0;
}

/* What has come since; false: nothing. */
static bool find_new(struct ses_reader *reader, struct err *err)
{
	int64_t newest = 0;

	if (store_audit_newest(reader->audit->store, &newest, err) < 0 ||
	    newest <= reader->top)
		return false;
	if (newest - reader->top > MAX_BEHIND) {
		err_set(err, ERR_LIMIT, 0,
			"audit log: it is read more slowly than it is written");
		return false;
	}
	reader->filter.after_id = reader->top;
	reader->below = 0;
	reader->most = MAX_BEHIND;
	reader->phase = PHASE_FIND;
	return true;
}

/* All is sent: that was it, or what has come meanwhile, or what comes. */
static void sent_all(struct ses_reader *reader)
{
	struct err err = ERR_INIT;

	if (!reader->follow) {
		batch_send(reader, false);
		reader_free(reader);
	} else if (find_new(reader, &err)) {
		again(reader, false);
	} else if (err.code != ERR_NONE) {
		reader_fail(reader, &err);
	} else {
		reader->phase = PHASE_FOLLOW;
		if (!reader->past)
			batch_send(reader, false);
		reader->past = true;
	}
}

static int send_step(struct ses_reader *reader, struct err *err)
{
	struct store_ids *found = &reader->found;

	for (int i = 0; i < TURN_BATCHES && found->n > 0; i++) {
		while (found->n > 0 && !batch_full()) {
			int64_t id = found->ids[--found->n];

			if (store_audit_get(reader->audit->store, id,
					    add_record, NULL, err) < 0) {
				batch.n = 0;
				batch.used = 0;
				return -1;
			}
			reader->sent = id;
		}
		batch_send(reader, !reader->past);
	}
	return 0;
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
	struct ses_reader *reader = arg;
	struct err err = ERR_INIT;
	int ret = 0;

	(void)fd;
	(void)what;
	if (reader->client->conn.queued_bytes > FULL_BYTES) {
		again(reader, true);
		return;
	}
	if (!reader->audit->store)
		ret = err_set(&err, ERR_BAD_STATE, 0,
			      "the audit log is gone");
	else if (reader->phase == PHASE_FOLLOW && !find_new(reader, &err))
		ret = err.code != ERR_NONE ? -1 : 1;
	else if (reader->phase == PHASE_FIND)
		ret = find_step(reader, &err);
	else if (reader->phase == PHASE_SEND)
		ret = send_step(reader, &err);
	if (ret < 0)
		reader_fail(reader, &err);
	else if (reader->phase == PHASE_SEND && reader->found.n == 0)
		sent_all(reader);
	else if (ret == 0)
		again(reader, false);
}

static int set_text(char *to, const char *from, const char *what,
		    struct err *err)
{
	if (strlen(from) > STORE_SHORT_MAX_BYTES)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--%s: more than %d bytes", what,
			       STORE_SHORT_MAX_BYTES);
	memcpy(to, from, strlen(from) + 1);
	return 0;
}

static int set_filter(struct ses_reader *reader, const Ctl__Logs *msg,
		      struct err *err)
{
	if (set_text(reader->session, msg->session, "session", err) < 0 ||
	    set_text(reader->agent, msg->agent, "agent", err) < 0 ||
	    set_text(reader->tool, msg->tool, "tool", err) < 0)
		return -1;
	if (msg->since_ms > INT64_MAX || msg->until_ms > INT64_MAX)
		return err_set(err, ERR_BAD_REQUEST, 0, "no such time");
	reader->filter.session = reader->session;
	reader->filter.agent = reader->agent;
	reader->filter.tool = reader->tool;
	reader->filter.since_ms = (int64_t)msg->since_ms;
	reader->filter.until_ms = (int64_t)msg->until_ms;
	reader->follow = msg->follow;
	reader->most = msg->limit ? msg->limit : DEFAULT_ROWS;
	if (reader->most > MAX_ROWS)
		reader->most = MAX_ROWS;
	return 0;
}

/**
 * ses_req_logs() - read the audit log
 */
int ses_req_logs(struct ses_audit *audit, struct ctl_client *client,
		 const Ctl__Request *req, struct ctl_fail *fail)
{
	struct ses_reader *reader;

	if (!audit->store) {
		fail->err = audit->why;
		return fail->err.code != ERR_NONE ?
			       -1 :
			       err_set(&fail->err, ERR_BAD_STATE, 0,
				       "there is no audit log");
	}
	if (audit->n_readers >= MAX_READERS)
		return err_set(&fail->err, ERR_LIMIT, 0,
			       "%d clients read the audit log already",
			       MAX_READERS);
	reader = calloc(1, sizeof(*reader));
	if (reader)
		reader->step = event_new(audit->base, -1, 0, on_step, reader);
	if (!reader || !reader->step) {
		free(reader);
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "request");
	}
	reader->audit = audit;
	reader->client = client;
	reader->seq = req->seq;
	reader->phase = PHASE_FIND;
	LIST_INSERT_HEAD(&audit->readers, reader, link);
	audit->n_readers++;
	if (set_filter(reader, req->logs, &fail->err) < 0) {
		reader_free(reader);
		return -1;
	}
	again(reader, false);
	return 0;
}

static bool session_matches(const char *filter, const char *session)
{
	size_t len = strlen(filter);

	if (len > 0 && filter[len - 1] == '*')
		return strncmp(filter, session, len - 1) == 0;
	return len == 0 || strcmp(filter, session) == 0;
}

static bool matches(const struct ses_reader *reader, const Ctl__Record *record)
{
	const struct store_audit_filter *filter = &reader->filter;
	int64_t time_ms = (int64_t)record->time_ms;

	return session_matches(filter->session, record->session) &&
	       (!filter->agent[0] ||
		strcmp(filter->agent, record->agent) == 0) &&
	       (!filter->tool[0] || strcmp(filter->tool, record->tool) == 0) &&
	       (!filter->since_ms || time_ms >= filter->since_ms) &&
	       (!filter->until_ms || time_ms <= filter->until_ms);
}

static void push(struct ses_reader *reader, int64_t id)
{
	struct err err = ERR_INIT;

	/* What is not sent yet will be sent as it is then. */
	if (!reader->follow || id > reader->sent)
		return;
	if (reader->client->conn.queued_bytes > SES_SLOW_BYTES) {
		err_set(&err, ERR_LIMIT, 0,
			"audit log: it is read more slowly than it is written");
		reader_fail(reader, &err);
		return;
	}
	if (store_audit_get(reader->audit->store, id, add_record, NULL, &err) <
	    0) {
		batch.n = 0;
		batch.used = 0;
		reader_fail(reader, &err);
		return;
	}
	if (batch.n > 0 && !matches(reader, batch.list[0]))
		batch.n = 0;
	if (batch.n > 0)
		batch_send(reader, !reader->past);
	batch.used = 0;
}

/**
 * ses_logs_wake() - there may be rows that followers do not have
 *
 * They look when the present turn is over: what is written now may still be
 * taken back.
 */
void ses_logs_wake(struct ses_audit *audit)
{
	struct ses_reader *reader;

	LIST_FOREACH(reader, &audit->readers, link)
		if (reader->phase == PHASE_FOLLOW)
			again(reader, false);
}

/**
 * ses_logs_push() - tell those who have a row that its end is known
 */
void ses_logs_push(struct ses_audit *audit, int64_t id)
{
	struct ses_reader *reader, *next;

	for (reader = LIST_FIRST(&audit->readers); reader; reader = next) {
		next = LIST_NEXT(reader, link);
		push(reader, id);
	}
}

/**
 * ses_logs_client_gone() - nobody listens there any more
 */
void ses_logs_client_gone(struct ses_audit *audit, struct ctl_client *client)
{
	struct ses_reader *reader, *next;

	for (reader = LIST_FIRST(&audit->readers); reader; reader = next) {
		next = LIST_NEXT(reader, link);
		if (reader->client == client)
			reader_free(reader);
	}
}

/**
 * ses_logs_end() - nobody is told anything any more
 */
void ses_logs_end(struct ses_audit *audit)
{
	struct ses_reader *reader;

	while ((reader = LIST_FIRST(&audit->readers)))
		reader_free(reader);
}
