// SPDX-License-Identifier: Apache-2.0
/*
 * Ending the sandboxes of sessions: when somebody asks for it, and when nobody
 * has used them for long.  Their directories stay.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/session/manager.h"
#include "proto/cleanup.h"

#define HOUR_MS 3600000.0
#define DAY_MS (24 * HOUR_MS)
#define ITEMS_PER_MESSAGE 32
#define FORGET_AT_ONCE 200

/* Lines of an answer, sent as they become many. */
struct items {
	struct ctl_client *client;
	uint32_t seq;
	Ctl__Item item[ITEMS_PER_MESSAGE];
	Ctl__Item *list[ITEMS_PER_MESSAGE];
	size_t n;
};

static void add_item(struct items *items, struct ctl_sandbox *sandbox)
{
	if (items->n == ITEMS_PER_MESSAGE) {
		ctl_items_send(items->client, items->seq, items->list,
			       items->n, true);
		items->n = 0;
	}
	ctl_item_fill(sandbox, &items->item[items->n], false);
	items->list[items->n] = &items->item[items->n];
	items->n++;
}

/* Which records a request means; NULL members mean any. */
struct choice {
	const char *config;
	const char *scope_key;
	const char *agent;
	bool unused; /* for as long as its configuration allows, or too old */
};

static bool is_due(struct ses_sandbox *record)
{
	double now = (double)ses_now_ms();
	double idle = now - (double)record->used_ms;
	double age = now - (double)record->created_ms;

	if (ses_is_busy(record))
		return false;
	ses_record_refresh(record->ses, record);
	if (record->idle_hours > 0 && idle > record->idle_hours * HOUR_MS)
		return true;
	return record->max_age_days > 0 && age > record->max_age_days * DAY_MS;
}

static bool is_chosen(struct ses_sandbox *record,
		      const struct choice *choice)
{
	if (!record->sandbox)
		return false;
	if (choice->unused)
		return is_due(record);
	return strcmp(record->config, choice->config) == 0 &&
	       (!choice->scope_key ||
		strcmp(record->scope_key, choice->scope_key) == 0) &&
	       (!choice->agent || (strcmp(record->agent, choice->agent) == 0 &&
				   strcmp(record->scope, "shared") != 0));
}

/* Nobody asked for it: the log says so, sandbox by sandbox. */
static void audit_pruned(struct ses *ses, const struct ses_sandbox *record)
{
	const struct ses_ask ask = {
		.tool = "prune",
		.session = record->scope_key,
		.agent = record->agent,
		.sandbox = record->sandbox->label.name,
		.sandboxed = true,
	};
	struct err ignored = ERR_INIT;
	int64_t id;

	(void)ses_audit_ask(ses->audit, &ask, &id, &ignored);
}

static void end_chosen(struct ses *ses, const struct choice *choice,
		       struct items *items, bool dry_run)
{
	struct ses_sandbox *record, *next;

	for (record = LIST_FIRST(&ses->sandboxes); record; record = next) {
		next = LIST_NEXT(record, link);
		if (!is_chosen(record, choice))
			continue;
		if (items)
			add_item(items, record->sandbox);
		if (dry_run)
			continue;
		ses_events_tell(ses->events,
				choice->unused ? "pruned" : "recreated",
				record->sandbox->label.name,
				record->scope_key, "");
		if (choice->unused)
			audit_pruned(ses, record);
		ctl_sandbox_kill(record->sandbox, CTL_DEATH_ASKED);
	}
}

static void answer(struct ses *ses, const struct choice *choice,
		   struct items *items, bool dry_run)
{
	/* First told, then ended: the lines borrow from the sandboxes. */
	end_chosen(ses, choice, items, true);
	ctl_items_send(items->client, items->seq, items->list, items->n,
		       false);
	if (!dry_run)
		end_chosen(ses, choice, NULL, false);
}

static void audit(struct ses *ses, struct ctl_client *client, const char *tool,
		  const char *session, const char *agent)
{
	const struct ses_ask ask = {
		.tool = tool,
		.session = session,
		.agent = agent,
		.sandboxed = true,
		.client = client,
	};
	int64_t id;

	(void)ses_audit_ask(ses->audit, &ask, &id, &(struct err)ERR_INIT);
}

static int recreate_session(struct ses *ses, struct ctl_client *client,
			    const Ctl__Request *req, struct items *items,
			    struct ctl_fail *fail)
{
	const Ctl__Recreate *msg = req->recreate;
	auto_target target = { .kind = SES_TARGET_INVALID };
	struct choice choice = { .config = msg->config->path };
	auto_free char *scope_key = NULL;
	auto_free char *config = NULL;

	if (ses_target_resolve(ses, msg->session, msg->config, &target, fail) <
	    0)
		return -1;
	if (target.kind == SES_TARGET_PLAIN)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "--session %.90s: it is no session",
			       msg->session);
	/* The record goes with its sandbox. */
	config = strdup(target.record ? target.record->config :
					choice.config);
	scope_key = strdup(target.session ? target.session->scope_key :
					    target.record->scope_key);
	if (!config || !scope_key)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "recreate");
	choice.config = config;
	choice.scope_key = scope_key;
	if (!msg->dry_run)
		audit(ses, client, "recreate",
		      target.session ? target.session->key : "", "");
	answer(ses, &choice, items, msg->dry_run);
	return 0;
}

/**
 * ses_req_recreate() - sandboxes are made anew at their next use
 */
int ses_req_recreate(struct ses *ses, struct ctl_client *client,
		     const Ctl__Request *req, struct ctl_fail *fail)
{
	const Ctl__Recreate *msg = req->recreate;
	struct items items = { .client = client, .seq = req->seq };
	char agent[CFG_AGENT_ID_MAX + 1];
	struct choice choice = { .config = "" };

	if (!msg->config || msg->all + !!msg->session[0] + !!msg->agent[0] != 1)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "recreate: one of --all, --session and --agent is needed");
	if (ses_store_need(ses, fail) < 0)
		return -1;
	if (msg->session[0])
		return recreate_session(ses, client, req, &items, fail);
	choice.config = msg->config->path;
	if (msg->agent[0]) {
		pol_agent_fold(msg->agent, agent);
		choice.agent = agent;
	}
	if (!msg->dry_run)
		audit(ses, client, "recreate", "",
		      choice.agent ? choice.agent : "");
	answer(ses, &choice, &items, msg->dry_run);
	return 0;
}

/**
 * ses_req_prune() - what is due to go, goes now
 */
int ses_req_prune(struct ses *ses, struct ctl_client *client,
		  const Ctl__Request *req, struct ctl_fail *fail)
{
	static const struct choice choice = { .unused = true };
	struct items items = { .client = client, .seq = req->seq };

	if (ses_store_need(ses, fail) < 0)
		return -1;
	if (!req->prune->dry_run)
		audit(ses, client, "prune", "", "");
	answer(ses, &choice, &items, req->prune->dry_run);
	return 0;
}

/* Lost ones that nobody has come back for: a few at a time. */
static void forget_lost(struct ses *ses)
{
	struct ses_sandbox *record, *next;
	unsigned int n = 0;

	for (record = LIST_FIRST(&ses->sandboxes); record; record = next) {
		next = LIST_NEXT(record, link);
		if (record->sandbox || record->make || !is_due(record))
			continue;
		ses_record_forget(record);
		if (++n == FORGET_AT_ONCE)
			break;
	}
}

/**
 * ses_prune_tick() - once in a while
 */
void ses_prune_tick(struct ses *ses)
{
	static const struct choice choice = { .unused = true };
	time_t now = ctl_now();

	if (!ses->store || now - ses->pruned_at < SES_PRUNE_SEC)
		return;
	ses->pruned_at = now;
	end_chosen(ses, &choice, NULL, false);
	forget_lost(ses);
}
