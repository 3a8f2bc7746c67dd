// SPDX-License-Identifier: Apache-2.0
/*
 * Commands that are in the audit log and not over: kept in memory, found in
 * the store once, when it is opened.  Those of an earlier creeld are settled
 * when it is known what has become of them.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/core/core.h"
#include "controller/core/log.h"
#include "controller/session/logs.h"
#include "controller/tools/python.h"

/* So long a client may take to find creeld's successor. */
#define SETTLE_SEC 60
#define NOT_KNOWN "creeld was restarted: it is not known whether this was done"
/* Rows that are not worth a write, see store_audit_open_from(). */
#define OPEN_FROM_STEP 500

static struct ses_open *add(struct ses_audit *audit, const uint8_t *token)
{
	struct ses_open *open = calloc(1, sizeof(*open));

	/* Without memory it is found by its id, which the command has. */
	if (!open)
		return NULL;
	memcpy(open->token, token, WIRE_ID_BYTES);
	ctl_map_put(&audit->open, &open->node, open->token, WIRE_ID_BYTES);
	LIST_INSERT_HEAD(&audit->opens, open, link);
	return open;
}

static void forget(struct ses_audit *audit, struct ses_open *open)
{
	ctl_map_del(&audit->open, &open->node);
	LIST_REMOVE(open, link);
	free(open);
}

/**
 * ses_open_end() - forget all, in memory
 */
void ses_open_end(struct ses_audit *audit)
{
	struct ses_open *open;
	struct ses_left *left;

	while ((open = LIST_FIRST(&audit->opens)))
		forget(audit, open);
	while ((left = LIST_FIRST(&audit->lefts))) {
		LIST_REMOVE(left, link);
		free(left);
	}
}

static void add_left(struct ses_audit *audit, const struct store_audit *row)
{
	struct ses_left *left = calloc(1, sizeof(*left));

	if (!left)
		return;
	memcpy(left->token, row->token, sizeof(left->token));
	(void)snprintf(left->sandbox, sizeof(left->sandbox), "%s",
		       row->sandbox);
	LIST_INSERT_HEAD(&audit->lefts, left, link);
}

static void load_row(const struct store_audit *row, void *arg)
{
	struct ses_audit *audit = arg;
	struct ses_open *open;

	if (!row->token || ses_open_find(audit, row->token))
		return;
	open = add(audit, row->token);
	if (!open)
		return;
	open->id = row->id;
	open->time_ms = row->time_ms;
	open->sandboxed = row->sandboxed;
	open->before = true;
	if (row->sandboxed && python_has_folder(row->tool))
		add_left(audit, row);
}

/**
 * ses_open_load() - what an earlier creeld has left
 */
void ses_open_load(struct ses_audit *audit)
{
	struct err err = ERR_INIT;

	if (store_audit_open_each(audit->store, load_row, audit, &err) < 0)
		ctl_log(CTL_LOG_WARN, "audit log: %s", err.text);
}

/**
 * ses_open_add() - a command has been written down
 */
void ses_open_add(struct ses_audit *audit, const struct ses_ask *ask,
		  int64_t id, int64_t time_ms)
{
	struct ses_open *open = add(audit, ask->token);

	if (!open)
		return;
	open->id = id;
	open->time_ms = time_ms;
	open->sandboxed = ask->sandboxed;
	open->unsure = store_is_begun(audit->store);
}

/**
 * ses_open_find() - the command of a token, NULL: it is over, or never was
 */
struct ses_open *ses_open_find(struct ses_audit *audit, const uint8_t *token)
{
	struct ctl_node *node = ctl_map_get(&audit->open, token, WIRE_ID_BYTES);

	return node ? container_of(node, struct ses_open, node) : NULL;
}

/**
 * ses_open_drop() - it is over
 */
void ses_open_drop(struct ses_audit *audit, int64_t id)
{
	struct ses_open *open, *next;

	for (open = LIST_FIRST(&audit->opens); open; open = next) {
		next = LIST_NEXT(open, link);
		if (open->id == id)
			forget(audit, open);
	}
}

/**
 * ses_audit_ready() - what was begun before is known now, or lost
 *
 * Whoever asked for it may be told that it was lost, or ask for it again: until
 * then it is left as it is.
 */
void ses_audit_ready(struct ses_audit *audit, struct ctl *ctl)
{
	struct ses_open *open;

	audit->ctl = ctl;
	audit->ready_at = ctl_now();
	LIST_FOREACH(open, &audit->opens, link) {
		struct ctl_exec *exec =
			ctl_exec_find(ctl, open->token, WIRE_ID_BYTES);

		if (exec && exec->audit_id == 0)
			exec->audit_id = open->id;
	}
}

static int64_t boot_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return ses_audit_now_ms() -
	       ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

struct loss {
	const struct ctl *ctl;
	const char *why;
};

/* Where its sandbox is there, the command may have been done, or not. */
static void say_why(const struct store_audit *row, void *arg)
{
	struct loss *loss = arg;

	if (!row->sandboxed)
		loss->why = "the machine was restarted meanwhile";
	else if (ctl_map_get(&loss->ctl->names, row->sandbox,
			     strlen(row->sandbox)))
		loss->why = NOT_KNOWN;
}

static int write_lost(struct ses_audit *audit, const struct ses_open *open,
		      struct err *err)
{
	struct loss loss = { audit->ctl, "it was lost with its sandbox" };
	struct store_audit_end end = { .status = CREEL_EXIT_FAILED };

	if (store_audit_get(audit->store, open->id, say_why, &loss, err) < 0)
		return -1;
	end.reason = loss.why;
	return ses_audit_write_end(audit, open->id, &end, err);
}

/**
 * ses_audit_lost() - its client has come back for it, and nobody knows of it
 */
void ses_audit_lost(struct ses_audit *audit, const uint8_t *token)
{
	const struct ses_open *open = ses_open_find(audit, token);
	const struct store_audit_end end = { .status = CREEL_EXIT_FAILED,
					     .reason = NOT_KNOWN };
	struct err err = ERR_INIT;

	if (!audit->store || !open || !open->before || !open->sandboxed)
		return;
	if (ses_audit_write_end(audit, open->id, &end, &err) < 0)
		ctl_log(CTL_LOG_WARN, "audit log: %s", err.text);
}

static void settle(struct ses_audit *audit)
{
	struct ses_open *open, *next;
	int64_t boot = boot_ms();
	struct err err = ERR_INIT;

	for (open = LIST_FIRST(&audit->opens); open; open = next) {
		next = LIST_NEXT(open, link);
		/* One outside of sandboxes runs on; its client may come. */
		if (!open->before ||
		    (!open->sandboxed && open->time_ms >= boot) ||
		    ctl_exec_find(audit->ctl, open->token, WIRE_ID_BYTES))
			continue;
		if (write_lost(audit, open, &err) < 0) {
			ctl_log(CTL_LOG_WARN, "audit log: %s", err.text);
			return;
		}
	}
}

static void see(const struct store_audit *row, void *arg)
{
	(void)row;
	*(bool *)arg = true;
}

/* A transaction that failed has left nothing to be told the end of. */
static void check_unsure(struct ses_audit *audit)
{
	struct ses_open *open, *next;
	struct err err = ERR_INIT;

	for (open = LIST_FIRST(&audit->opens); open; open = next) {
		bool there = false;

		next = LIST_NEXT(open, link);
		if (!open->unsure)
			continue;
		if (store_audit_get(audit->store, open->id, see, &there,
				    &err) < 0)
			return;
		open->unsure = false;
		if (!there)
			forget(audit, open);
	}
}

static void move_open_from(struct ses_audit *audit)
{
	struct ses_open *open;
	struct err err = ERR_INIT;
	int64_t from = 0;

	if (store_audit_newest(audit->store, &from, &err) < 0)
		return;
	from++;
	LIST_FOREACH(open, &audit->opens, link)
		if (open->id < from)
			from = open->id;
	if (from - audit->open_from < OPEN_FROM_STEP)
		return;
	if (store_audit_open_from(audit->store, from, &err) == 0)
		audit->open_from = from;
}

/**
 * ses_open_tick() - every few seconds
 */
void ses_open_tick(struct ses_audit *audit)
{
	if (!audit->store)
		return;
	check_unsure(audit);
	move_open_from(audit);
	/* Where a sandbox does not answer, it may all be there. */
	if (audit->ctl && audit->ctl->n_resyncing == 0 &&
	    ctl_now() - audit->ready_at >= SETTLE_SEC)
		settle(audit);
}
