// SPDX-License-Identifier: Apache-2.0
/*
 * The sandbox of a session, for a command or a tool: whether the one that lives
 * still is what the configuration says, and what is remembered of its use.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "controller/session/manager.h"
#include "controller/session/toolbox.h"

/**
 * ses_is_busy() - does a command run, or wait?
 */
bool ses_is_busy(const struct ses_sandbox *record)
{
	const struct ctl_exec *exec;

	if (!record->sandbox)
		return false;
	LIST_FOREACH(exec, &record->sandbox->execs, link)
		if (exec->state != CTL_EXEC_OVER)
			return true;
	return record->make || ses_calls_in(record->ses, record->sandbox);
}

static void note_change(struct ses_use *use)
{
	(void)snprintf(use->note, sizeof(use->note),
		       "the configuration has changed: `creel recreate --session %.90s' applies it",
		       use->target->session->given);
}

/*
 * A sandbox that is not what the configuration says now is made anew, unless
 * somebody has just worked in it.
 */
static void check_hash(struct ses_use *use)
{
	struct ses_sandbox *record = use->target->record;
	int64_t since = ses_now_ms() - record->used_ms;

	if (memcmp(record->hash, use->target->session->hash,
		   sizeof(record->hash)) == 0)
		return;
	if (ses_is_busy(record) || record->sandbox->paused ||
	    since < (int64_t)use->ses->options.rebuild_after_sec * 1000) {
		note_change(use);
		return;
	}
	(void)snprintf(use->note, sizeof(use->note),
		       "the configuration has changed: the sandbox has been made anew");
	ctl_sandbox_kill(record->sandbox, CTL_DEATH_ASKED);
	use->target->record = NULL;
}

/* Flags are compared now, or when it is known what is made. */
static int check_flags(struct ses_use *use, struct ctl_fail *fail)
{
	struct ses_sandbox *record = use->target->record;

	if (!use->flags->msg || use->flags->msg->n_given == 0)
		return 0;
	if (record->sandbox->state == CTL_SANDBOX_PREPARING)
		return ses_make_late(use, fail);
	return ses_flags_compare(record, use->target->session, use->flags,
				 fail);
}

/* The store does not have them; an earlier creeld did. */
static void name_keys(const struct ses_use *use)
{
	static const struct ses_flags none;
	struct ctl_sandbox *sandbox = use->target->record->sandbox;

	if (!sandbox->keys && sandbox->state == CTL_SANDBOX_LIVE)
		sandbox->keys = ses_shape_keys(use->target->session, &none,
					       &(struct err)ERR_INIT);
}

/**
 * ses_use_find() - the sandbox of a session, which may be made just now
 *
 * Return: 0: the target has a record with a sandbox, maybe one that can only
 * be waited for; or -1.
 */
int ses_use_find(struct ses_use *use, struct ctl_fail *fail)
{
	struct ses_target *target = use->target;
	struct ses_sandbox *record;

	if (target->record && target->record->sandbox)
		check_hash(use);
	if (target->record && target->record->sandbox) {
		name_keys(use);
		return check_flags(use, fail);
	}
	use->created = true;
	use->lost = target->record != NULL;
	record = ses_make(use, fail);
	if (!record)
		return -1;
	target->record = record;
	return 0;
}

static int remember_session(struct ses_use *use, struct err *err)
{
	const struct pol_session *session = use->target->session;
	const struct ses_sandbox *record = use->target->record;
	struct store_session row = { .config = record->config };
	int64_t id;

	row.key = session->key;
	row.agent = session->agent_id;
	row.scope_key = session->scope_key;
	row.sandbox = record->sandbox->label.name;
	row.created_ms = row.used_ms = record->used_ms;
	return store_session_use(use->ses->store, &row, &id, err);
}

/**
 * ses_use_remember() - write down a use, in one go, before anybody hears of it
 * @ask: for the audit log
 * @id:  out: its row there
 */
int ses_use_remember(struct ses_use *use, const struct ses_ask *ask,
		     int64_t *id, struct ctl_fail *fail)
{
	const struct pol_session *session = use->target->session;
	struct ses_sandbox *record = use->target->record;
	struct store *store = use->ses->store;
	struct err *err = &fail->err;

	ses_record_use(record);
	/* One statement is a transaction of its own. */
	if (!session || ses_record_knows(record, session->key)) {
		if (ses_audit_ask(use->ses->audit, ask, id, err) == 0)
			return 0;
		return err_wrap(err, "sessions");
	}
	if (store_begin(store, err) < 0)
		return err_wrap(err, "sessions");
	if (remember_session(use, err) == 0 &&
	    ses_audit_ask(use->ses->audit, ask, id, err) == 0 &&
	    store_commit(store, err) == 0) {
		ses_record_know(record, session->key);
		return 0;
	}
	store_rollback(store);
	return err_wrap(err, "sessions");
}
