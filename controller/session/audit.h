/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log of a creeld: what was asked for, by whom, what was decided and
 * how it ended; and the clients that read it or follow it.
 */
#ifndef CONTROLLER_SESSION_AUDIT_H
#define CONTROLLER_SESSION_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/core/fail.h"
#include "proto/control.pb-c.h"
#include "proto/err.h"
#include "proto/wire.h"

struct ctl;
struct ctl_client;
struct ctl_result;
struct event_base;
struct ses_audit;
struct store;

#define SES_AUDIT_DAYS 30
#define SES_AUDIT_RECORDS 100000

/* Everything is borrowed for the call; NULL is "". */
struct ses_ask {
	const char *tool;    /* the verb: run, exec, shell, kill, recreate, ... */
	const char *session; /* canonical key */
	const char *agent;
	const char *sandbox; /* its name */
	/* @argc strings, one after the other; shown joined, never with what follows */
	const char *strings;
	size_t strings_len;  /* all of them; 0: as long as they are */
	uint32_t argc;
	const char *text;    /* in place of strings */
	const char *denied;  /* why; NULL: it was allowed */
	const char *note;    /* how it was allowed; NULL: as usual */
	const uint8_t *token; /* of a command, whose end is told; NULL: over */
	uint32_t status;     /* of what is over */
	bool sandboxed;
	struct ctl_client *client; /* NULL: creeld itself */
};

struct ses_audit *ses_audit_new(struct event_base *base, struct err *err);
void ses_audit_free(struct ses_audit *audit);
/* Borrowed; NULL: there is none (any more), and why. */
void ses_audit_set_store(struct ses_audit *audit, struct store *store,
			 const struct err *why);

/*
 * Committed when it returns 0, or with the store's transaction; out: its row,
 * which is the same for a command that is asked for again. -1 also where there
 * is no store.
 */
int ses_audit_ask(struct ses_audit *audit, const struct ses_ask *ask,
		  int64_t *id, struct err *err);
/* @id 0: found by @token. 0 also where there is no such row. */
int ses_audit_over(struct ses_audit *audit, int64_t id,
		   const uint8_t token[WIRE_ID_BYTES],
		   const struct ctl_result *result, struct err *err);
/* It could not be run, or nobody knows how it ended: status of @fail, its text. */
int ses_audit_failed(struct ses_audit *audit, int64_t id,
		     const uint8_t token[WIRE_ID_BYTES],
		     const struct ctl_fail *fail, struct err *err);
/*
 * All commands of before are known. What else is not over was lost, unless its
 * client comes back for it.
 */
void ses_audit_ready(struct ses_audit *audit, struct ctl *ctl);
/* Nor does it know, who came back: one of a sandbox is over. */
void ses_audit_lost(struct ses_audit *audit, const uint8_t *token);
/* A configuration is in use: how much of the log it wants kept. */
void ses_audit_keep(struct ses_audit *audit, const char *config,
		    uint32_t max_days, uint64_t max_records);
void ses_audit_tick(struct ses_audit *audit);

/* logs.c: requests to read the log */
int ses_req_logs(struct ses_audit *audit, struct ctl_client *client,
		 const Ctl__Request *req, struct ctl_fail *fail);
void ses_logs_client_gone(struct ses_audit *audit, struct ctl_client *client);

#endif
