// SPDX-License-Identifier: Apache-2.0
/*
 * What is written to the audit log, and how long it stays there.  Of a command
 * its arguments are kept, of its environment nothing.
 */
#include <config.h>

#include "controller/session/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "controller/core/core.h"
#include "controller/core/log.h"
#include "controller/session/logs.h"

#define TRIM_STEP 500
#define TRIM_PAUSE_USEC 20000
#define DAY_MS (24 * 3600 * INT64_C(1000))
/* A configuration that was not loaded for so long has no say any more. */
#define KEEP_SEEN_DAYS 90
#define ENDS_MAX 20000

/**
 * ses_audit_now_ms() - milliseconds since the epoch
 */
int64_t ses_audit_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int need_store(const struct ses_audit *audit, struct err *err)
{
	if (audit->store)
		return 0;
	if (audit->why.code != ERR_NONE) {
		*err = audit->why;
		return -1;
	}
	return err_set(err, ERR_BAD_STATE, 0, "there is no audit log");
}

/* Removes some; true: there may be more. */
static bool trim_step(struct ses_audit *audit)
{
	struct err err = ERR_INIT;
	int64_t before = ses_audit_now_ms() - audit->keep.days * DAY_MS;
	int removed;

	if (!audit->store)
		return false;
	removed = store_audit_trim(audit->store, audit->keep.rows,
				   before, TRIM_STEP, &err);
	if (removed < 0)
		ctl_log(CTL_LOG_WARN, "audit log: %s", err.text);
	return removed == TRIM_STEP;
}

static void on_trim(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval pause = { .tv_usec = TRIM_PAUSE_USEC };
	struct ses_audit *audit = arg;

	(void)fd;
	(void)what;
	if (trim_step(audit))
		(void)event_add(audit->trim, &pause);
}

/*
 * A full disk passes, and adopted sandboxes tell of their commands before the
 * store is open: what a client is told must not be lost to that.
 */
static void keep_end(struct ses_audit *audit, int64_t id, const uint8_t *token,
		     const struct store_audit_end *end)
{
	struct ses_end *kept;

	if (audit->n_ends >= ENDS_MAX)
		return;
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return;
	kept->id = id;
	if (token)
		memcpy(kept->token, token, WIRE_ID_BYTES);
	kept->end = *end;
	if (end->reason) {
		(void)snprintf(kept->reason, sizeof(kept->reason), "%s",
			       end->reason);
		kept->end.reason = kept->reason;
	}
	STAILQ_INSERT_TAIL(&audit->ends, kept, link);
	audit->n_ends++;
}

static void forget_end(struct ses_audit *audit)
{
	struct ses_end *kept = STAILQ_FIRST(&audit->ends);

	STAILQ_REMOVE_HEAD(&audit->ends, link);
	audit->n_ends--;
	free(kept);
}

/**
 * ses_audit_write_end() - its end is known: one that is not over any more
 */
int ses_audit_write_end(struct ses_audit *audit, int64_t id,
			const struct store_audit_end *end, struct err *err)
{
	if (store_audit_over(audit->store, id, end, err) < 0)
		return -1;
	ses_open_drop(audit, id);
	ses_logs_push(audit, id);
	return 0;
}

static void write_ends(struct ses_audit *audit)
{
	struct err err = ERR_INIT;
	struct ses_end *kept;

	while (audit->store && (kept = STAILQ_FIRST(&audit->ends))) {
		struct ses_open *open =
			kept->id ? NULL : ses_open_find(audit, kept->token);

		if (open)
			kept->id = open->id;
		if (kept->id && ses_audit_write_end(audit, kept->id,
						    &kept->end, &err) < 0)
			return;
		forget_end(audit);
	}
}

/**
 * ses_audit_new() - an audit log without a store yet
 * @base: borrowed, must outlive it
 */
struct ses_audit *ses_audit_new(struct event_base *base, struct err *err)
{
	struct ses_audit *audit = calloc(1, sizeof(*audit));

	if (audit) {
		audit->base = base;
		audit->keep.days = SES_AUDIT_DAYS;
		audit->keep.rows = SES_AUDIT_RECORDS;
		LIST_INIT(&audit->readers);
		LIST_INIT(&audit->opens);
		STAILQ_INIT(&audit->ends);
		audit->trim = event_new(base, -1, 0, on_trim, audit);
	}
	if (audit && audit->trim && ctl_map_init(&audit->open) == 0)
		return audit;
	if (audit && audit->trim)
		event_free(audit->trim);
	free(audit);
	err_set(err, ERR_KERNEL, ENOMEM, "audit log");
	return NULL;
}

/**
 * ses_audit_free() - release it; its readers hear no more
 */
void ses_audit_free(struct ses_audit *audit)
{
	if (!audit)
		return;
	ses_logs_end(audit);
	write_ends(audit);
	while (!STAILQ_EMPTY(&audit->ends))
		forget_end(audit);
	ses_open_end(audit);
	ctl_map_fini(&audit->open);
	event_free(audit->trim);
	free(audit);
}

static void load_keep(struct ses_audit *audit)
{
	int64_t since = ses_audit_now_ms() - KEEP_SEEN_DAYS * DAY_MS;
	struct err err = ERR_INIT;
	int ret;

	audit->keep.days = SES_AUDIT_DAYS;
	audit->keep.rows = SES_AUDIT_RECORDS;
	ret = store_keep_most(audit->store, since, &audit->keep, &err);
	if (ret < 0)
		ctl_log(CTL_LOG_WARN, "audit log: %s", err.text);
}

/**
 * ses_audit_set_store() - where the log is kept from now on
 * @store: borrowed; NULL: nowhere
 * @why:   why not; may be NULL
 */
void ses_audit_set_store(struct ses_audit *audit, struct store *store,
			 const struct err *why)
{
	audit->store = store;
	audit->why = why ? *why : (struct err)ERR_INIT;
	if (!store)
		return;
	audit->ready_at = ctl_now();
	load_keep(audit);
	ses_open_load(audit);
	write_ends(audit);
}

/* Strings joined, as far as the log keeps them. */
static void join(const struct ses_ask *ask, char *out, size_t size)
{
	const char *at = ask->strings;
	const char *end = at && ask->strings_len ? at + ask->strings_len :
						   NULL;
	size_t used = 0;

	for (uint32_t i = 0; i < ask->argc && used + 1 < size; i++) {
		size_t len = end ? strnlen(at, (size_t)(end - at)) : strlen(at);
		size_t room;

		if (i > 0)
			out[used++] = ' ';
		room = size - used - 1;
		memcpy(out + used, at, len < room ? len : room);
		used += len < room ? len : room;
		at += len + 1;
		/* What nobody has checked may be fewer than it says. */
		if (end && at >= end)
			break;
	}
	out[used] = '\0';
}

/**
 * ses_audit_ask() - something is asked for
 * @id: filled, 0 on failure
 *
 * Return: 0: it is written down, whatever happens next; -1.
 */
int ses_audit_ask(struct ses_audit *audit, const struct ses_ask *ask,
		  int64_t *id, struct err *err)
{
	/* One byte more than is kept, so that the store cuts where it may. */
	char command[STORE_COMMAND_MAX_BYTES + 2];
	struct ses_open *open;
	struct store_audit row = {
		.time_ms = ses_audit_now_ms(),
		.tool = ask->tool,
		.session = ask->session,
		.agent = ask->agent,
		.sandbox = ask->sandbox,
		.command = ask->text,
		.decision = ask->denied ? "denied" : "allowed",
		.reason = ask->denied ? ask->denied : ask->note,
		.client = ask->client ? ctl_client_peer(ask->client) : "creeld",
		.token = ask->token,
		.sandboxed = ask->sandboxed,
		.over = ask->denied || !ask->token,
		.status = ask->status,
	};

	*id = 0;
	if (need_store(audit, err) < 0)
		return -1;
	/* Not within what may be taken back: here they are forgotten. */
	if (!store_is_begun(audit->store))
		write_ends(audit);
	/* Its client has come back, after a restart most likely. */
	open = ask->token ? ses_open_find(audit, ask->token) : NULL;
	if (open && open->sandboxed == ask->sandboxed &&
	    (open->before || !open->sandboxed)) {
		*id = open->id;
		return 0;
	}
	if (!ask->text) {
		join(ask, command, sizeof(command));
		row.command = command;
	}
	if (store_audit_insert(audit->store, &row, id, err) < 0)
		return -1;
	if (!row.over)
		ses_open_add(audit, ask, *id, row.time_ms);
	ses_logs_wake(audit);
	return 0;
}

static int over(struct ses_audit *audit, int64_t id,
		const uint8_t token[WIRE_ID_BYTES],
		const struct store_audit_end *end, struct err *err)
{
	struct ses_open *open;

	/* Before there was one: it is written when there is. */
	if (need_store(audit, err) < 0) {
		keep_end(audit, id, token, end);
		return audit->why.code == ERR_NONE ? 0 : -1;
	}
	open = id == 0 && token ? ses_open_find(audit, token) : NULL;
	if (open)
		id = open->id;
	if (id == 0 || ses_audit_write_end(audit, id, end, err) == 0)
		return 0;
	keep_end(audit, id, token, end);
	return -1;
}

/**
 * ses_audit_over() - a command has ended
 */
int ses_audit_over(struct ses_audit *audit, int64_t id,
		   const uint8_t token[WIRE_ID_BYTES],
		   const struct ctl_result *result, struct err *err)
{
	const struct store_audit_end end = {
		.status = result->status,
		.wall_usec = result->wall_usec,
		.memory_peak = result->memory_peak,
		.cpu_usec = result->cpu_usec,
		.has_memory = result->has_memory,
		.has_cpu = result->has_cpu,
		.reason = result->text[0] ? result->text : NULL,
	};

	return over(audit, id, token, &end, err);
}

/**
 * ses_audit_failed() - a command was not run, or its end is not known
 */
int ses_audit_failed(struct ses_audit *audit, int64_t id,
		     const uint8_t token[WIRE_ID_BYTES],
		     const struct ctl_fail *fail, struct err *err)
{
	const struct store_audit_end end = { .status = fail->status,
					     .reason = fail->err.text };

	return over(audit, id, token, &end, err);
}

/**
 * ses_audit_keep() - how much of the log a configuration wants kept
 * @config: its path
 *
 * Of several, the one that wants the most has its way. It is remembered: what
 * one configuration wants must not go because another was loaded first.
 */
void ses_audit_keep(struct ses_audit *audit, const char *config,
		    uint32_t max_days, uint64_t max_records)
{
	const struct store_keep keep = { .days = max_days,
					 .rows = max_records };
	struct err err = ERR_INIT;

	if (!audit->store)
		return;
	if (store_keep_set(audit->store, config, &keep, ses_audit_now_ms(),
			   &err) < 0)
		ctl_log(CTL_LOG_WARN, "audit log: %s", err.text);
	load_keep(audit);
}

/**
 * ses_audit_tick() - tidy up the store; forget what is too old or too much
 */
void ses_audit_tick(struct ses_audit *audit)
{
	write_ends(audit);
	ses_open_tick(audit);
	if (audit->store)
		store_tick(audit->store);
	/* Another controller may have written. */
	ses_logs_wake(audit);
	if (!event_pending(audit->trim, EV_TIMEOUT, NULL))
		on_trim(-1, 0, audit);
}
