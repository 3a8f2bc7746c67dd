// SPDX-License-Identifier: Apache-2.0
/*
 * Sandboxes of sessions as they are known: in memory, and row by row in the
 * store, so that the next creeld knows them too.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/core/log.h"
#include "controller/session/manager.h"
#include "proto/cleanup.h"

/* "CONFIG\0SCOPE KEY\0", the key of the map. */
static char *make_index(const char *config, const char *scope_key, size_t *len)
{
	size_t head = strlen(config) + 1;
	char *index = malloc(head + strlen(scope_key) + 1);

	if (!index)
		return NULL;
	memcpy(index, config, head);
	memcpy(index + head, scope_key, strlen(scope_key) + 1);
	*len = head + strlen(scope_key);
	return index;
}

/**
 * ses_record_find() - the sandbox that serves a scope, or the lost one
 */
struct ses_sandbox *ses_record_find(struct ses *ses, const char *config,
				    const char *scope_key)
{
	struct ctl_node *node;
	auto_free char *index = NULL;
	size_t len;

	index = make_index(config, scope_key, &len);
	node = index ? ctl_map_get(&ses->scopes, index, len) : NULL;
	return node ? container_of(node, struct ses_sandbox, by_scope) : NULL;
}

/**
 * ses_record_new() - one more, known by its scope
 *
 * Return: the record, owned by @ses, or NULL without memory.
 */
struct ses_sandbox *ses_record_new(struct ses *ses, const char *config,
				   const char *scope_key)
{
	struct ses_sandbox *record = calloc(1, sizeof(*record));

	if (!record)
		return NULL;
	record->index = make_index(config, scope_key, &record->index_len);
	if (!record->index) {
		free(record);
		return NULL;
	}
	record->ses = ses;
	record->config = record->index;
	record->scope_key = record->index + strlen(config) + 1;
	ctl_map_put(&ses->scopes, &record->by_scope, record->index,
		    record->index_len);
	LIST_INSERT_HEAD(&ses->sandboxes, record, link);
	return record;
}

/**
 * ses_record_free() - forget it, in memory
 */
void ses_record_free(struct ses_sandbox *record)
{
	if (record->sandbox)
		record->sandbox->session = NULL;
	ses_make_free(record->make);
	ctl_map_del(&record->ses->scopes, &record->by_scope);
	LIST_REMOVE(record, link);
	ses_record_know(record, NULL);
	free(record->index);
	free(record->workspace);
	free(record);
}

static void delete_row(struct ses *ses, int64_t *row)
{
	struct err err = ERR_INIT;

	if (*row && ses->store &&
	    store_sandbox_delete(ses->store, *row, &err) < 0)
		ctl_log(CTL_LOG_ERR, "sessions: %s", err.text);
	*row = 0;
}

/* It stays known without its sandbox, until somebody has been told. */
static void become_lost(struct ses_sandbox *record, int64_t row)
{
	if (record->sandbox)
		record->sandbox->session = NULL;
	record->sandbox = NULL;
	ses_make_free(record->make);
	record->make = NULL;
	record->lost_row = row;
	record->row = 0;
}

/**
 * ses_record_end() - its sandbox ends
 * @lost: nobody asked for that
 *
 * One that could not be made anew leaves things as they were.
 */
void ses_record_end(struct ses_sandbox *record, bool lost)
{
	if (lost && !record->make) {
		become_lost(record, record->row);
		return;
	}
	delete_row(record->ses, &record->row);
	if (record->lost_row)
		become_lost(record, record->lost_row);
	else
		ses_record_free(record);
}

/**
 * ses_record_forget() - nobody needs to be told any more of a lost one
 */
void ses_record_forget(struct ses_sandbox *record)
{
	delete_row(record->ses, &record->lost_row);
	ses_record_free(record);
}

/**
 * ses_record_fill() - what a session says of its sandbox
 */
int ses_record_fill(struct ses_sandbox *record,
		    const struct pol_session *session, struct ctl_fail *fail)
{
	char *workspace = strdup(session->sandbox_workspace);

	if (!workspace)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "session");
	free(record->workspace);
	record->workspace = workspace;
	memcpy(record->hash, session->hash, sizeof(record->hash));
	(void)snprintf(record->agent, sizeof(record->agent), "%s",
		       session->agent_id);
	(void)snprintf(record->scope, sizeof(record->scope), "%s",
		       pol_scope_name(session->scope));
	record->idle_hours = session->prune_idle_hours;
	record->max_age_days = session->prune_max_age_days;
	record->created_ms = record->used_ms = ses_now_ms();
	record->match_serial = 0;
	/* Its name may be another. */
	ses_record_know(record, NULL);
	return 0;
}

/* A lost one that has the name that is wanted now. */
struct lost {
	struct ses *ses;
	struct ses_sandbox *record;
};

static void find_lost(const struct store_sandbox *row, void *arg)
{
	struct lost *lost = arg;
	struct ses_sandbox *other =
		ses_record_find(lost->ses, row->config, row->scope_key);

	if (other && other->lost_row == row->id && !other->sandbox)
		lost->record = other;
}

static int replace(struct ses_sandbox *record, struct store_sandbox *row,
		   struct ctl_fail *fail)
{
	struct store *store = record->ses->store;
	struct lost lost = { .ses = record->ses };

	if (record->lost_row &&
	    store_sandbox_delete(store, record->lost_row, &fail->err) < 0)
		return -1;
	if (store_sandbox_insert(store, row, &fail->err) == 0)
		return 0;
	if (fail->err.code != ERR_BAD_STATE)
		return -1;
	/* Whoever lives has his name in the core's table, so it is a lost one. */
	fail->err = (struct err)ERR_INIT;
	if (store_sandbox_by_name(store, row->name, find_lost, &lost,
				  &fail->err) < 0)
		return -1;
	if (lost.record)
		ses_record_forget(lost.record);
	return store_sandbox_insert(store, row, &fail->err);
}

/**
 * ses_record_insert() - remember a sandbox, before the helper is asked for it
 *
 * What was known of a lost one goes in the same instant.
 */
int ses_record_insert(struct ses_sandbox *record,
		      const struct pol_session *session,
		      const struct ctl_defaults *defaults,
		      struct ctl_fail *fail)
{
	struct store *store = record->ses->store;
	auto_free void *bytes = NULL;
	struct store_sandbox row = {
		.config = record->config,
		.scope_key = record->scope_key,
		.agent = record->agent,
		.scope = record->scope,
		.name = record->sandbox->label.name,
		.workspace = record->workspace,
		.workdir = session->workdir,
		.image = session->image,
		.setup_done = !session->setup_command,
		.idle_hours = record->idle_hours,
		.max_age_days = record->max_age_days,
		.created_ms = record->created_ms,
		.used_ms = record->used_ms,
	};

	memcpy(row.hash, record->hash, sizeof(row.hash));
	if (ctl_defaults_pack(defaults, &bytes, &row.defaults_len,
			      &fail->err) < 0)
		return -1;
	row.defaults = bytes;
	if (store_begin(store, &fail->err) < 0)
		return err_wrap(&fail->err, "sessions");
	if (replace(record, &row, fail) < 0 ||
	    store_commit(store, &fail->err) < 0) {
		store_rollback(store);
		return err_wrap(&fail->err, "sessions");
	}
	record->lost_row = 0;
	record->row = row.id;
	return 0;
}

/**
 * ses_record_use() - a command has been accepted
 *
 * What is in memory is written every few seconds: a kill of this process makes
 * it so much older, which is all that prune and lists go by.
 */
void ses_record_use(struct ses_sandbox *record)
{
	record->used_ms = ses_now_ms();
	record->used = true;
}

/**
 * ses_record_knows() - is there a row of this session already?
 *
 * Of the one that was used last; that it is used again is noted.
 */
bool ses_record_knows(struct ses_sandbox *record, const char *key)
{
	if (!record->session || strcmp(record->session, key) != 0)
		return false;
	record->session_ms = record->used_ms;
	return true;
}

static int flush_session(struct ses_sandbox *record, struct err *err)
{
	struct store *store = record->ses->store;

	if (!store || !record->used || !record->session)
		return 0;
	return store_session_used(store, record->config, record->session,
				  record->session_ms, err);
}

/**
 * ses_record_know() - the row of this session is written
 * @key: NULL: it may not be what it was
 */
void ses_record_know(struct ses_sandbox *record, const char *key)
{
	(void)flush_session(record, &(struct err)ERR_INIT);
	free(record->session);
	record->session = key ? strdup(key) : NULL;
	record->session_ms = record->used_ms;
}

static int flush(struct ses_sandbox *record, struct err *err)
{
	if (record->row &&
	    store_sandbox_used(record->ses->store, record->row,
			       record->used_ms, err) < 0)
		return -1;
	return flush_session(record, err);
}

/**
 * ses_records_flush() - write down when they were used last
 */
void ses_records_flush(struct ses *ses)
{
	struct ses_sandbox *record;
	struct err err = ERR_INIT;
	bool any = false;

	LIST_FOREACH(record, &ses->sandboxes, link)
		any |= record->used;
	if (!any || !ses->store || store_begin(ses->store, &err) < 0)
		return;
	LIST_FOREACH(record, &ses->sandboxes, link)
		if (record->used && flush(record, &err) < 0)
			break;
	/* What is not written now is tried again. */
	if (record)
		store_rollback(ses->store);
	if (record || store_commit(ses->store, &err) < 0)
		return;
	LIST_FOREACH(record, &ses->sandboxes, link)
		record->used = false;
}

static void take_row(struct ses_sandbox *record,
		     const struct store_sandbox *row)
{
	record->workspace = strdup(row->workspace);
	memcpy(record->hash, row->hash, sizeof(record->hash));
	(void)snprintf(record->agent, sizeof(record->agent), "%s", row->agent);
	(void)snprintf(record->scope, sizeof(record->scope), "%s", row->scope);
	record->idle_hours = row->idle_hours;
	record->max_age_days = row->max_age_days;
	record->created_ms = row->created_ms;
	record->used_ms = row->used_ms;
}

static bool is_built(const struct store_sandbox *row)
{
	static const uint8_t none[WIRE_ID_BYTES];

	return memcmp(row->helper_id, none, sizeof(none)) != 0;
}

/*
 * One that was not ready yet is made anew at its next use; one that is not
 * there any more was lost.
 */
static void load_row(const struct store_sandbox *row, void *arg)
{
	struct ses *ses = arg;
	struct ctl_sandbox *sandbox = ctl_sandbox_by_id(ses->ctl,
							row->helper_id);
	struct ses_sandbox *record;
	struct err err = ERR_INIT;

	if (ses_record_find(ses, row->config, row->scope_key))
		return;
	record = ses_record_new(ses, row->config, row->scope_key);
	if (!record)
		return;
	take_row(record, row);
	record->row = row->id;
	if (!is_built(row) || !row->setup_done ||
	    (sandbox && ctl_defaults_unpack(&sandbox->defaults, row->defaults,
					    row->defaults_len, &err) < 0)) {
		record->stale = true;
	} else if (!sandbox || sandbox->state != CTL_SANDBOX_LIVE) {
		become_lost(record, row->id);
	} else {
		record->sandbox = sandbox;
		sandbox->session = record;
	}
}

/**
 * ses_records_load() - find out which sandboxes have outlived a creeld
 *
 * A session's sandbox that the store does not know, or whose setup is not
 * known to be done, goes: nobody can say what it is.
 */
int ses_records_load(struct ses *ses, struct err *err)
{
	struct ses_sandbox *record, *next;
	struct ctl_sandbox *sandbox, *after;

	if (store_sandbox_each(ses->store, load_row, ses, err) < 0)
		return -1;
	for (record = LIST_FIRST(&ses->sandboxes); record; record = next) {
		next = LIST_NEXT(record, link);
		if (record->stale)
			ses_record_end(record, false);
	}
	for (sandbox = LIST_FIRST(&ses->ctl->sandboxes); sandbox;
	     sandbox = after) {
		after = LIST_NEXT(sandbox, link);
		if (!sandbox->label.managed || sandbox->session)
			continue;
		ctl_log(CTL_LOG_INFO, "sandbox=%s is of no session",
			sandbox->label.name);
		ctl_sandbox_kill(sandbox, CTL_DEATH_ASKED);
	}
	return 0;
}
