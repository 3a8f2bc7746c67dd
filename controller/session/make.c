// SPDX-License-Identifier: Apache-2.0
/*
 * Making the sandbox of a session: it is entered into the core's tables at
 * once, so that whoever comes meanwhile waits for the same one; a job prepares
 * its directories; the helper builds it; its setup command runs. Whatever goes
 * wrong on the way is told to all who wait, and nothing is left of it.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/sha1.h>

#include "controller/core/log.h"
#include "controller/session/manager.h"
#include "controller/session/toolbox.h"
#include "proto/cleanup.h"

#define MARK_DIGITS 6

static bool is_taken(const struct ses *ses, const char *name)
{
	return ctl_map_get(&ses->ctl->names, name, strlen(name)) != NULL;
}

/* The session's name; where another configuration has it, with a mark. */
static int choose_name(const struct ses *ses, const char *config,
		       const struct pol_session *session, char *name,
		       struct ctl_fail *fail)
{
	uint8_t digest[SHA1_DIGEST_SIZE];
	struct sha1_ctx sha1;
	size_t head = POL_NAME_MAX_BYTES - MARK_DIGITS - 1;

	(void)snprintf(name, POL_NAME_MAX_BYTES + 1, "%s", session->name);
	if (!is_taken(ses, name))
		return 0;
	sha1_init(&sha1);
	sha1_update(&sha1, strlen(config), (const uint8_t *)config);
	sha1_digest(&sha1, sizeof(digest), digest);
	(void)snprintf(name, POL_NAME_MAX_BYTES + 1, "%.*s-%02x%02x%02x",
		       (int)head, session->name, digest[0], digest[1],
		       digest[2]);
	if (!is_taken(ses, name))
		return 0;
	err_set(&fail->err, ERR_BAD_STATE, 0,
		"sandbox %.63s: another one has the name of this session's",
		session->name);
	return ctl_fail_hint(fail, "creel rm %.63s removes it", session->name);
}

/**
 * ses_make_free() - release; NULL is fine
 */
void ses_make_free(struct ses_make *make)
{
	struct ses_late *late;

	if (!make)
		return;
	if (make->job)
		job_cancel(make->job);
	ses_setup_free(make->setup);
	while ((late = STAILQ_FIRST(&make->late))) {
		STAILQ_REMOVE_HEAD(&make->late, link);
		ses_flags_fini(&late->flags);
		free(late);
	}
	ses_flags_fini(&make->flags);
	ses_parts_fini(&make->parts);
	pol_session_free(make->session);
	ses_cfg_unref(make->cfg);
	free(make);
}

/* The session is lent to it, or is its own where it is somebody else's. */
static int take_session(struct ses_make *make, struct ses_target *target,
			struct ctl_fail *fail)
{
	make->session = target->session;
	if (!target->lent)
		return 0;
	make->session = pol_session_new(target->cfg->cfg,
					target->session->given, NULL,
					&fail->err);
	return make->session ? 0 : -1;
}

static struct ses_make *make_new(struct ses_use *use, struct ctl_fail *fail)
{
	struct ses_make *make = calloc(1, sizeof(*make));

	if (!make) {
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "session");
		return NULL;
	}
	STAILQ_INIT(&make->late);
	make->parts = (struct ses_parts)SES_PARTS_INIT;
	make->cfg = ses_cfg_ref(use->target->cfg);
	if (take_session(make, use->target, fail) < 0) {
		ses_make_free(make);
		return NULL;
	}
	make->flags = *use->flags;
	*use->flags = (struct ses_flags){ .msg = NULL };
	return make;
}

/**
 * ses_make_fail() - it cannot be made
 *
 * Who waits is told; nothing of it is left.
 */
void ses_make_fail(struct ses_sandbox *record, const struct ctl_fail *fail)
{
	struct ctl_sandbox *sandbox = record->sandbox;
	struct ctl_exec *exec, *next;

	ctl_log(CTL_LOG_INFO, "sandbox=%s %s", sandbox->label.name,
		fail->err.text);
	if (sandbox->state == CTL_SANDBOX_PREPARING) {
		ctl_sandbox_start_failed(sandbox, fail);
		return;
	}
	for (exec = LIST_FIRST(&sandbox->execs); exec; exec = next) {
		next = LIST_NEXT(exec, link);
		if (exec->state == CTL_EXEC_WAITING && !exec->internal)
			ctl_exec_fail(exec, fail);
	}
	ses_calls_failed(record->ses, sandbox, fail);
	ctl_sandbox_kill(sandbox, CTL_DEATH_ASKED);
}

static void check_one(struct ses_make *make, struct ses_late *late)
{
	struct ctl_exec *exec = ctl_exec_find(make->of->ses->ctl, late->token,
					      WIRE_ID_BYTES);
	struct ctl_fail fail = CTL_FAIL_INIT;

	struct ses_call *call = ses_call_find(make->of->ses, late->token);

	if ((!exec && !call) ||
	    ses_flags_compare(make->of, make->session, &late->flags, &fail) ==
		    0)
		return;
	if (exec)
		ctl_exec_fail(exec, &fail);
	else
		ses_call_fail(call, &fail);
}

/* Now it is known what is made, and whether others asked for the same. */
static void check_late(struct ses_make *make)
{
	struct ses_late *late;

	while ((late = STAILQ_FIRST(&make->late))) {
		STAILQ_REMOVE_HEAD(&make->late, link);
		check_one(make, late);
		ses_flags_fini(&late->flags);
		free(late);
	}
}

static int build(struct ses_make *make, struct job_result *result,
		 struct ctl_fail *fail)
{
	struct ses_sandbox *record = make->of;
	struct ctl_sandbox *sandbox = record->sandbox;
	struct ctl_spec *spec;

	if (result->fail.err.code != ERR_NONE) {
		*fail = result->fail;
		return -1;
	}
	if (ses_prepare_take(make, result, fail) < 0 ||
	    ses_shape_defaults(make->session, &make->parts, &sandbox->defaults,
			       &fail->err) < 0)
		return -1;
	spec = ses_shape(record->ses, make->session, &make->parts,
			 &make->flags, fail);
	if (!spec)
		return -1;
	ctl_label_from_spec(&sandbox->label, spec);
	check_late(make);
	if (ses_record_insert(record, make->session, &sandbox->defaults,
			      fail) < 0) {
		ctl_spec_free(spec);
		return -1;
	}
	sandbox->held = make->session->setup_command != NULL;
	if (ctl_build_start(sandbox, spec, fail) == 0)
		return 0;
	ctl_spec_free(spec);
	return -1;
}

static void on_prepared(void *arg, struct job_result *result)
{
	struct ses_make *make = arg;
	struct ctl_sandbox *sandbox = make->of->sandbox;
	struct ctl_fail fail = CTL_FAIL_INIT;

	make->job = NULL;
	if (build(make, result, &fail) < 0)
		ses_make_fail(make->of, &fail);
	else if (sandbox->state == CTL_SANDBOX_PREPARING)
		sandbox->state = CTL_SANDBOX_BUILDING;
}

/* Into the core's tables; nothing is asked of the helper yet. */
static int enter(struct ses_sandbox *record, const char *name,
		 struct ctl_fail *fail)
{
	struct ctl_label label = {
		.kind = CTL_KIND_SESSION,
		.managed = true,
		.created = (uint64_t)time(NULL),
	};

	(void)snprintf(label.name, sizeof(label.name), "%s", name);
	record->sandbox = ctl_sandbox_new(record->ses->ctl, &label);
	if (!record->sandbox)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "sandbox");
	record->sandbox->state = CTL_SANDBOX_PREPARING;
	record->sandbox->session = record;
	return 0;
}

static struct ses_sandbox *record_for(struct ses *ses,
				      const struct ses_target *target,
				      const char *config,
				      struct ctl_fail *fail)
{
	struct ses_sandbox *record = target->record;

	if (!record)
		record = ses_record_new(ses, config,
					target->session->scope_key);
	if (!record) {
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "session");
		return NULL;
	}
	if (ses_record_fill(record, target->session, fail) == 0)
		return record;
	ses_record_end(record, false);
	return NULL;
}

/* Whose folder has the name of this session's? */
struct clash {
	const struct pol_session *session; /* borrowed */
	bool found;
};

static void see(struct clash *clash, const char *scope_key)
{
	char slug[POL_SLUG_BYTES];

	pol_slug(scope_key, slug);
	clash->found |= strcmp(scope_key, clash->session->scope_key) != 0 &&
			strcmp(slug, clash->session->slug) == 0;
}

static void see_session(const struct store_session *row, void *arg)
{
	see(arg, row->scope_key);
}

/**
 * ses_folder_check() - is the folder of a session its own?
 * @name: of its sandbox, which may not be the session's where that is taken
 *
 * Of a key its folder's name has 32 bits: whoever may choose keys finds one
 * that would get the folder of another session.
 */
int ses_folder_check(struct ses *ses, const struct pol_session *session,
		     const char *name, struct ctl_fail *fail)
{
	struct clash clash = { .session = session };
	const struct ses_sandbox *record;

	LIST_FOREACH(record, &ses->sandboxes, link)
		see(&clash, record->scope_key);
	if (store_session_by_sandbox(ses->store, name, see_session, &clash,
				     &fail->err) < 0 ||
	    store_session_by_sandbox(ses->store, session->name, see_session,
				     &clash, &fail->err) < 0)
		return err_wrap(&fail->err, "sessions");
	if (!clash.found)
		return 0;
	err_set(&fail->err, ERR_DENIED, 0,
		"session %.60s: its folder %.48s is that of another session",
		session->key, session->slug);
	return ctl_fail_hint(fail, "use another key");
}

/* It does not come to be: the session stays whose it was. */
static void drop(struct ses_make *make, const struct ses_target *target)
{
	if (make && !target->lent)
		make->session = NULL;
	ses_make_free(make);
}

/**
 * ses_make() - a sandbox for a session that has none
 * @use: its target's session is lent to it on success, for this turn; its flags
 *       are taken
 *
 * Return: its record, whose sandbox can be waited for, or NULL.
 */
struct ses_sandbox *ses_make(struct ses_use *use, struct ctl_fail *fail)
{
	char name[POL_NAME_MAX_BYTES + 1];
	struct ses_target *target = use->target;
	struct ses *ses = use->ses;
	struct ses_sandbox *record;
	struct ses_make *make;

	if (choose_name(ses, use->config, target->session, name, fail) < 0 ||
	    ses_folder_check(ses, target->session, name, fail) < 0)
		return NULL;
	record = record_for(ses, target, use->config, fail);
	if (!record)
		return NULL;
	make = make_new(use, fail);
	if (!make || enter(record, name, fail) < 0) {
		drop(make, target);
		ses_record_end(record, false);
		return NULL;
	}
	record->make = make;
	make->of = record;
	make->job = ses_prepare_start(make, on_prepared);
	if (make->job) {
		ses_events_tell(ses->events, "created", name,
				record->scope_key, "");
		target->lent = true;
		return record;
	}
	err_set(&fail->err, ERR_KERNEL, ENOMEM, "session");
	if (!target->lent)
		make->session = NULL;
	ctl_sandbox_start_failed(record->sandbox, fail);
	return NULL;
}

/**
 * ses_make_late() - one more request, while its sandbox is prepared
 *
 * Its flags can be compared only when it is known what is made.
 */
int ses_make_late(struct ses_use *use, struct ctl_fail *fail)
{
	struct ses_late *late = calloc(1, sizeof(*late));

	if (!late)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "session");
	late->flags = *use->flags;
	*use->flags = (struct ses_flags){ .msg = NULL };
	memcpy(late->token, use->token, WIRE_ID_BYTES);
	STAILQ_INSERT_TAIL(&use->target->record->make->late, late, link);
	return 0;
}

/**
 * ses_make_live() - the helper has started it
 */
void ses_make_live(struct ses_sandbox *record)
{
	struct ses_make *make = record->make;
	struct ctl_fail fail = CTL_FAIL_INIT;
	int ret;

	ret = store_sandbox_built(record->ses->store, record->row,
				  record->sandbox->id, &fail.err);
	if (ret < 0)
		err_wrap(&fail.err, "sessions");
	else if (make->session->setup_command)
		ret = ses_setup_start(make, &fail);
	if (ret < 0) {
		ses_make_fail(record, &fail);
		return;
	}
	if (make->session->setup_command)
		return;
	ses_make_free(make);
	record->make = NULL;
	ses_events_tell(record->ses->events, "ready",
			record->sandbox->label.name, record->scope_key, "");
	ses_calls_ready(record->ses, record->sandbox);
}
