// SPDX-License-Identifier: Apache-2.0
/*
 * Lists: what a session's sandbox has beside what every sandbox has, and
 * sessions that have none.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/session/manager.h"
#include "proto/cleanup.h"

#define ITEMS_PER_MESSAGE 32

/*
 * What its scope would get now. A scope of several sessions is asked for one
 * that is nobody's main session, which may not be sandboxed.
 */
static struct pol_session *resolve(const struct ses_sandbox *record,
				   const struct cfg *cfg, struct err *err)
{
	char key[CFG_AGENT_ID_MAX + 16];

	if (strcmp(record->scope, "session") == 0)
		return pol_session_new(cfg, record->scope_key, NULL, err);
	(void)snprintf(key, sizeof(key), "agent:%s:any", record->agent);
	return pol_session_new(cfg, key, NULL, err);
}

static void compare(struct ses_sandbox *record,
		    const struct pol_session *session)
{
	record->match = CTL__MATCH__MATCH_NO;
	if (session->sandboxed &&
	    strcmp(session->scope_key, record->scope_key) == 0 &&
	    memcmp(session->hash, record->hash, sizeof(record->hash)) == 0)
		record->match = CTL__MATCH__MATCH_YES;
	/* No part of what it was made with, so the present ones count. */
	record->idle_hours = session->prune_idle_hours;
	record->max_age_days = session->prune_max_age_days;
}

/**
 * ses_record_refresh() - what does the configuration say now?
 *
 * Sets match, and when it is to be pruned; looked at once for each
 * configuration that was in force.
 */
void ses_record_refresh(struct ses *ses, struct ses_sandbox *record)
{
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ses_cfg *cfg = ses_config_any(ses, record->config, &fail);
	struct pol_session *session;

	if (!cfg) {
		record->match = CTL__MATCH__MATCH_UNKNOWN;
		record->match_serial = 0;
		return;
	}
	if (record->match_serial != cfg->serial) {
		record->match_serial = cfg->serial;
		record->match = CTL__MATCH__MATCH_UNKNOWN;
		session = resolve(record, cfg->cfg, &fail.err);
		if (session)
			compare(record, session);
		pol_session_free(session);
	}
	ses_cfg_unref(cfg);
}

/**
 * ses_item() - a session's sandbox as a line of a list
 */
void ses_item(struct ses *ses, struct ctl_sandbox *sandbox, Ctl__Item *item)
{
	struct ses_sandbox *record = sandbox->session;
	int64_t idle_ms;

	if (!record)
		return;
	/* Longer than this creeld has known it, maybe. */
	idle_ms = ses_now_ms() - record->used_ms;
	if (item->commands == 0 && idle_ms > 0)
		item->idle_sec = (uint64_t)idle_ms / 1000;
	item->session = (char *)record->scope_key;
	item->agent = record->agent;
	item->scope = record->scope;
	item->config = (char *)record->config;
	ses_record_refresh(ses, record);
	item->match = record->match;
}

/* Sessions on their way to a client. */
struct batch {
	struct ses *ses;
	struct ctl_client *client;
	uint32_t seq;
	int64_t now_ms;
	Ctl__Item item[ITEMS_PER_MESSAGE];
	Ctl__Item *list[ITEMS_PER_MESSAGE];
	char *text[ITEMS_PER_MESSAGE][4]; /* owned */
	size_t n;
};

static void send_batch(struct batch *batch, bool more)
{
	ctl_items_send(batch->client, batch->seq, batch->list, batch->n, more);
	for (size_t i = 0; i < batch->n; i++)
		for (size_t j = 0; j < 4; j++)
			ptr_free(&batch->text[i][j]);
	batch->n = 0;
}

static char *keep(struct batch *batch, size_t which, const char *text)
{
	char *copy = strdup(text);

	batch->text[batch->n][which] = copy;
	return copy ? copy : (char *)"";
}

static void add_session(const struct store_session *row, void *arg)
{
	struct batch *batch = arg;
	struct ses_sandbox *record =
		ses_record_find(batch->ses, row->config, row->scope_key);
	Ctl__Item *item;

	if (record && record->sandbox)
		return;
	if (batch->n == ITEMS_PER_MESSAGE)
		send_batch(batch, true);
	item = &batch->item[batch->n];
	ctl__item__init(item);
	item->kind = (char *)"session";
	item->state = (char *)"none";
	item->name = keep(batch, 0, row->sandbox);
	item->session = keep(batch, 1, row->key);
	item->agent = keep(batch, 2, row->agent);
	item->config = keep(batch, 3, row->config);
	item->created = (uint64_t)row->created_ms / 1000;
	if (batch->now_ms > row->used_ms)
		item->idle_sec =
			(uint64_t)(batch->now_ms - row->used_ms) / 1000;
	batch->list[batch->n++] = item;
}

static void add_sandboxes(struct batch *batch)
{
	struct ctl_sandbox *sandbox;

	LIST_FOREACH(sandbox, &batch->ses->ctl->sandboxes, link) {
		if (batch->n == ITEMS_PER_MESSAGE)
			send_batch(batch, true);
		ctl_item_fill(sandbox, &batch->item[batch->n], false);
		batch->list[batch->n] = &batch->item[batch->n];
		batch->n++;
	}
}

/**
 * ses_req_list() - sandboxes, and sessions without
 *
 * Return: 0, -1, or 1 where the core's own list is all that is asked for.
 */
int ses_req_list(struct ses *ses, struct ctl_client *client,
		 const Ctl__Request *req, struct ctl_fail *fail)
{
	struct batch *batch;
	int ret;

	if (!req->list->all)
		return 1;
	if (ses_store_need(ses, fail) < 0)
		return -1;
	batch = calloc(1, sizeof(*batch));
	if (!batch)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "list");
	batch->ses = ses;
	batch->client = client;
	batch->seq = req->seq;
	batch->now_ms = ses_now_ms();
	add_sandboxes(batch);
	ses_records_flush(ses);
	ret = store_session_each(ses->store, add_session, batch, &fail->err);
	if (ret < 0)
		batch->n = 0;
	else
		send_batch(batch, false);
	free(batch);
	return ret;
}
