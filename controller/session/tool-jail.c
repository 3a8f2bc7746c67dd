// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a jail: its places are opened by a job, a sandbox is built, the
 * command's folder is made in it, and the command runs there as in any other.
 * It ends with its call, whatever becomes of that.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/core/log.h"
#include "controller/session/tool-jail-own.h"
#include "proto/cleanup.h"

#define OPEN_MS 60000
#define REMOVE_MS 60000

/**
 * ses_jail_sandbox() - the sandbox of a jail
 */
struct ctl_sandbox *ses_jail_sandbox(const struct ses_jail *jail)
{
	return jail && jail->live ? jail->sandbox : NULL;
}

static void jail_free(struct ses_jail *jail)
{
	LIST_REMOVE(jail, link);
	job_cancel(jail->job);
	if (jail->fs)
		ctl_fs_cancel(jail->fs);
	ses_view_unref(jail->view);
	free(jail->name);
	free(jail->folder);
	free(jail);
}

/* The key is in front of whatever is said. */
static void name_key(const struct tool_jail *what, struct err *err)
{
	const char *const keys[] = { what->key, what->folder_key };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i] &&
		    strncmp(err->text, keys[i], strlen(keys[i])) == 0)
			return;
	err_wrap(err, "%s", what->key);
}

/* The call may be over afterwards, and the jail with it. */
static void tell(struct ses_jail *jail, const struct ctl_fail *fail,
		 bool cancelled)
{
	struct tool_outcome outcome = { .fail = fail->err,
					.status = fail->status,
					.cancelled = cancelled };
	tool_outcome_fn *done = jail->done;

	jail->done = NULL;
	name_key(jail->what.jail, &outcome.fail);
	(void)snprintf(outcome.hint, sizeof(outcome.hint), "%s", fail->hint);
	done(jail->call->call, &outcome);
}

/* Without a jail from here on: it is in there. */
static void run(struct ses_jail *jail)
{
	struct tool_command what = jail->what;
	tool_outcome_fn *done = jail->done;

	jail->done = NULL;
	what.jail = NULL;
	jail->call->call->in_jail = true;
	ses_run_start(jail->call->call, &what, done);
}

static void on_folder(void *arg, const struct ctl_fs_answer *answer)
{
	struct ses_jail *jail = arg;
	const struct tool_jail *what = jail->what.jail;
	struct ctl_fail fail = CTL_FAIL_INIT;

	jail->fs = NULL;
	if (answer->sys == 0) {
		run(jail);
		return;
	}
	err_set(&fail.err, ERR_KERNEL, answer->sys, "%s: %.80s",
		what->folder_key ? what->folder_key : what->key,
		what->folder);
	tell(jail, &fail, false);
}

static ProtobufCBinaryData bytes_of(const char *text)
{
	return (ProtobufCBinaryData){ .len = strlen(text),
				      .data = (uint8_t *)text };
}

/* By its own pid 1, as the user of its commands. */
static void make_folder(struct ses_jail *jail)
{
	Ini__Request req = INI__REQUEST__INIT;
	Ini__Commit msg = INI__COMMIT__INIT;
	Ini__Change change = INI__CHANGE__INIT;
	Ini__Change *changes[] = { &change };
	struct ctl_fail fail = CTL_FAIL_INIT;

	change.kind = INI__CHANGE_KIND__CHANGE_MKDIR;
	change.path = bytes_of(jail->what.jail->folder + 1);
	change.expect = INI__EXPECT__EXPECT_ABSENT;
	change.mode = 0700;
	msg.where = INI__WHERE__WHERE_ROOT;
	msg.below = bytes_of("");
	msg.changes = changes;
	msg.n_changes = 1;
	jail_folder_note(jail);
	req.op_case = INI__REQUEST__OP_COMMIT;
	req.commit = &msg;
	jail->fs = ctl_fs_ask(jail->sandbox, &req, -1, on_folder, jail,
			      &fail.err);
	if (!jail->fs)
		tell(jail, &fail, false);
}

static void on_opened(void *arg, struct job_result *result)
{
	struct ses_jail *jail = arg;
	struct ctl_fail fail = CTL_FAIL_INIT;

	jail->job = NULL;
	if (result->fail.err.code != ERR_NONE)
		fail = result->fail;
	else if (jail_make(jail, result, &fail) == 0)
		return;
	tell(jail, &fail, false);
}

static bool same_session(const struct ses_view *a, const struct ses_view *b)
{
	return strcmp(a->config, b->config) == 0 &&
	       strcmp(a->session->key, b->session->key) == 0;
}

/* The one that was made first, where more have the name. */
static const struct ses_jail *find_named(const struct ses_jail *for_whom,
					 const char *name)
{
	const struct ses_jail *jail, *found = NULL;

	LIST_FOREACH(jail, &for_whom->ses->jails, link)
		if (jail->live && jail != for_whom && jail->name &&
		    strcmp(jail->name, name) == 0 &&
		    same_session(jail->view, for_whom->view))
			found = jail;
	return found;
}

/* What is asked for beside --join, and what that one has not. */
static const char *find_lack(const struct tool_jail *what,
			     const struct ses_jail *other)
{
	const struct ctl_label *label = &other->sandbox->label;

	if (what->no_caps && label->cap_keep != 0)
		return "--caps.drop=all";
	if (what->no_root && label->uid == 0)
		return "--noroot";
	return what->private_tmp && other->host_tmp ? "--private-tmp" : NULL;
}

static int join(struct ses_jail *jail, struct ctl_fail *fail)
{
	const struct tool_jail *what = jail->what.jail;
	const struct ses_jail *other = find_named(jail, what->join);
	const char *lack = other ? find_lack(what, other) : NULL;

	if (!other)
		return err_set(&fail->err, ERR_BAD_STATE, 0,
			       "--join=%s: this session has no jail of that name now",
			       what->join);
	if (lack)
		return err_set(&fail->err, ERR_BAD_STATE, 0,
			       "%s: the jail of --join=%s was made without", lack,
			       what->join);
	jail->sandbox = other->sandbox;
	jail->joined = true;
	jail->live = true;
	return 0;
}

/* What outlives @what is copied. */
static int take_names(struct ses_jail *jail, const struct tool_jail *what)
{
	if (what->name)
		jail->name = strdup(what->name);
	if (what->folder_key)
		jail->folder = strdup(what->folder);
	return (what->name && !jail->name) ||
			       (what->folder_key && !jail->folder) ?
		       -1 :
		       0;
}

static struct ses_jail *jail_new(struct ses_call *call,
				 const struct tool_command *what,
				 tool_outcome_fn *done)
{
	struct ses_jail *jail = calloc(1, sizeof(*jail));

	if (!jail)
		return NULL;
	jail->ses = call->ses;
	jail->view = ses_view_ref(call->view);
	jail->what = *what;
	LIST_INSERT_HEAD(&jail->ses->jails, jail, link);
	if (take_names(jail, what->jail) < 0) {
		jail_free(jail);
		return NULL;
	}
	jail->call = call;
	jail->done = done;
	call->jail = jail;
	return jail;
}

static int start(struct ses_jail *jail, struct ctl_fail *fail)
{
	if (jail->what.jail->join)
		return join(jail, fail);
	jail->job = job_start(jail->ses->base, jail_open, on_opened, jail,
			      OPEN_MS);
	return jail->job ? 0 :
			   err_set(&fail->err, ERR_KERNEL, ENOMEM, "jail");
}

static void refuse(struct tool_call *call, const struct tool_command *what,
		   tool_outcome_fn *done, struct err *err)
{
	struct tool_outcome outcome = { .status = CREEL_EXIT_FAILED };

	name_key(what->jail, err);
	outcome.fail = *err;
	done(call, &outcome);
}

/**
 * ses_jail_run() - run() for a command with a jail
 */
void ses_jail_run(struct tool_call *call, const struct tool_command *what,
		  tool_outcome_fn *done)
{
	struct ses_call *owner = ses_call_of(call);
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ses_jail *jail = NULL;

	ses_jail_drop(owner);
	call->in_jail = false;
	if (owner->again)
		err_set(&fail.err, ERR_BAD_STATE, 0,
			"creeld was started again meanwhile, which ends jails");
	else if (!(jail = jail_new(owner, what, done)))
		err_set(&fail.err, ERR_KERNEL, ENOMEM, "jail");
	if (!jail) {
		refuse(call, what, done, &fail.err);
		return;
	}
	if (start(jail, &fail) < 0)
		tell(jail, &fail, false);
	else if (jail->joined)
		make_folder(jail);
}

/**
 * ses_jail_cancel() - nobody waits any more
 */
void ses_jail_cancel(struct ses_call *call)
{
	struct ses_jail *jail = call->jail;
	struct ctl_fail fail = CTL_FAIL_INIT;

	if (!jail || !jail->done)
		return;
	job_cancel(jail->job);
	jail->job = NULL;
	if (jail->fs)
		ctl_fs_cancel(jail->fs);
	jail->fs = NULL;
	err_set(&fail.err, ERR_BAD_STATE, 0, "cancelled");
	tell(jail, &fail, true);
}

static void on_removed(void *arg, struct job_result *result)
{
	struct ses_jail *jail = arg;

	jail->job = NULL;
	if (result->fail.err.code == ERR_NONE)
		jail_folder_gone(jail);
	else
		ctl_log(CTL_LOG_WARN, "%s", result->fail.err.text);
	jail_free(jail);
}

/**
 * jail_finish() - nothing of it runs any more
 */
void jail_finish(struct ses_jail *jail)
{
	if (jail->folder && jail->folder[0])
		jail->job = job_start(jail->ses->base, jail_remove, on_removed,
				      jail, REMOVE_MS);
	if (!jail->job)
		jail_free(jail);
}

/**
 * ses_jail_drop() - a call and its jail part
 */
void ses_jail_drop(struct ses_call *call)
{
	struct ses_jail *jail = call->jail;

	if (!jail)
		return;
	call->jail = NULL;
	jail->call = NULL;
	jail->done = NULL;
	job_cancel(jail->job);
	jail->job = NULL;
	if (jail->fs)
		ctl_fs_cancel(jail->fs);
	jail->fs = NULL;
	if (jail->joined || !jail->sandbox)
		jail_finish(jail);
	else
		ctl_sandbox_kill(jail->sandbox, CTL_DEATH_ASKED);
}

/* One that has made it; NULL: it is none of ours. */
static struct ses_jail *find_maker(struct ses *ses,
				   const struct ctl_sandbox *sandbox)
{
	struct ses_jail *jail;

	LIST_FOREACH(jail, &ses->jails, link)
		if (jail->sandbox == sandbox && !jail->joined)
			return jail;
	return NULL;
}

/**
 * ses_jails_live() - a sandbox can be used
 */
void ses_jails_live(struct ses *ses, struct ctl_sandbox *sandbox)
{
	struct ses_jail *jail = find_maker(ses, sandbox);

	if (!jail || !jail->done)
		return;
	for (size_t i = 0; i < sandbox->n_warnings; i++)
		ses_call_warn(jail->call, sandbox->warnings[i]);
	jail->live = true;
	make_folder(jail);
}

/**
 * ses_jails_failed() - a sandbox could not be made
 */
void ses_jails_failed(struct ses *ses, const struct ctl_sandbox *sandbox,
		      const struct ctl_fail *fail)
{
	struct ses_jail *jail = find_maker(ses, sandbox);

	if (!jail)
		return;
	jail->sandbox = NULL;
	if (jail->done)
		tell(jail, fail, false);
	else
		jail_finish(jail);
}

/**
 * ses_jails_end() - nothing may begin in a sandbox any more
 */
void ses_jails_end(struct ses *ses, const struct ctl_sandbox *sandbox)
{
	struct ses_jail *jail;

	LIST_FOREACH(jail, &ses->jails, link)
		if (jail->sandbox == sandbox)
			jail->live = false;
}

static struct ses_jail *find_in(struct ses *ses,
				const struct ctl_sandbox *sandbox)
{
	struct ses_jail *jail;

	LIST_FOREACH(jail, &ses->jails, link)
		if (jail->sandbox == sandbox)
			return jail;
	return NULL;
}

/**
 * ses_jails_gone() - nothing is left of a sandbox
 */
void ses_jails_gone(struct ses *ses, const struct ctl_sandbox *sandbox)
{
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ses_jail *jail;

	err_set(&fail.err, ERR_BAD_STATE, 0, "the jail is gone");
	while ((jail = find_in(ses, sandbox))) {
		jail->live = false;
		jail->sandbox = NULL;
		if (!jail->call)
			jail_finish(jail);
		else if (jail->done)
			tell(jail, &fail, false);
	}
	jails_left_finish(ses);
}

/**
 * ses_jails_forget() - before the calls are released, after the core
 */
void ses_jails_forget(struct ses *ses)
{
	struct ses_jail *jail;

	LIST_FOREACH(jail, &ses->jails, link) {
		jail->sandbox = NULL;
		jail->live = false;
		jail->fs = NULL;
		free(jail->folder);
		jail->folder = NULL;
	}
}

/**
 * ses_jails_free() - release all
 */
void ses_jails_free(struct ses *ses)
{
	struct ses_jail *jail;

	while ((jail = LIST_FIRST(&ses->jails)))
		jail_free(jail);
}
