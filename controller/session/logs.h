/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log and its readers among themselves.  Private to
 * controller/session.
 */
#ifndef CONTROLLER_SESSION_LOGS_H
#define CONTROLLER_SESSION_LOGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "controller/core/map.h"
#include "controller/policy/resolve.h"
#include "controller/session/audit.h"
#include "controller/session/store.h"

struct event;
struct ses_reader;

/* More waits for a client than this: it has stopped reading. */
#define SES_SLOW_BYTES (1U << 20)

struct ses_audit {
	struct event_base *base; /* borrowed */
	struct store *store;     /* borrowed, NULL none */
	struct err why;          /* there is none */
	struct event *trim;      /* owned; goes on with trimming */
	struct store_keep keep;
	struct ctl_map open; /* commands that are not over, by token */
	LIST_HEAD(, ses_open) opens; /* owned; the same, newest first */
	LIST_HEAD(, ses_left) lefts; /* owned */
	int64_t open_from;   /* as the store has it */
	struct ctl *ctl;     /* borrowed; from ready to settled, else NULL */
	time_t ready_at;
	STAILQ_HEAD(, ses_end) ends; /* owned; tried again at each tick */
	unsigned int n_ends;
	LIST_HEAD(, ses_reader) readers;
	unsigned int n_readers;
};

/* How a command ended that the store did not take. */
struct ses_end {
	STAILQ_ENTRY(ses_end) link;
	int64_t id; /* 0: by its token */
	uint8_t token[WIRE_ID_BYTES];
	struct store_audit_end end; /* reason: below, or NULL */
	char reason[160];
};

/* A folder that an earlier creeld may have left in a sandbox, see tool-brief.c. */
struct ses_left {
	LIST_ENTRY(ses_left) link;
	uint8_t token[WIRE_ID_BYTES]; /* of its call */
	char sandbox[POL_NAME_MAX_BYTES + 1];
};

/* A row of the log whose end is not known. */
struct ses_open {
	struct ctl_node node;
	LIST_ENTRY(ses_open) link;
	uint8_t token[WIRE_ID_BYTES];
	int64_t id;
	int64_t time_ms;
	bool sandboxed;
	bool before; /* an earlier creeld has written it */
	bool unsure; /* in a transaction that may have been taken back */
};

int64_t ses_audit_now_ms(void);
int ses_audit_write_end(struct ses_audit *audit, int64_t id,
			const struct store_audit_end *end, struct err *err);

/* audit-open.c */
void ses_open_load(struct ses_audit *audit);
void ses_open_add(struct ses_audit *audit, const struct ses_ask *ask,
		  int64_t id, int64_t time_ms);
struct ses_open *ses_open_find(struct ses_audit *audit, const uint8_t *token);
void ses_open_drop(struct ses_audit *audit, int64_t id);
void ses_open_tick(struct ses_audit *audit);
void ses_open_end(struct ses_audit *audit);

/* logs.c */
void ses_logs_wake(struct ses_audit *audit);
void ses_logs_push(struct ses_audit *audit, int64_t id);
void ses_logs_end(struct ses_audit *audit);

#endif
