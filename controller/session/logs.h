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
	struct ctl *ctl;    /* borrowed; of unsettled rows, else NULL */
	time_t ready_at;    /* then it was found that there are some */
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

void ses_logs_wake(struct ses_audit *audit);
void ses_logs_push(struct ses_audit *audit, int64_t id);
void ses_logs_end(struct ses_audit *audit);

#endif
