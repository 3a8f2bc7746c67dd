// SPDX-License-Identifier: Apache-2.0
/*
 * Files that somebody has sent to a session: copied into its workspace by a
 * job, named to whoever asked as the session sees them.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/session/manager.h"
#include "controller/session/workspace.h"
#include "proto/cleanup.h"

#define MAX_FILES 64
#define TEXT_BYTES (STORE_COMMAND_MAX_BYTES + 64)

struct ses_stage {
	LIST_ENTRY(ses_stage) link;
	struct ses *ses; /* borrowed */
	struct ctl_waiters waiters;
	int64_t audit_id;
	struct ses_cfg *cfg;         /* a reference */
	struct pol_session *session; /* owned */
	char *files[MAX_FILES];      /* owned */
	size_t n_files;
	struct job *job;
};

static void stage_free(struct ses_stage *stage)
{
	struct ctl_waiter *waiter;

	job_cancel(stage->job);
	while ((waiter = LIST_FIRST(&stage->waiters)))
		ctl_waiter_free(waiter);
	for (size_t i = 0; i < stage->n_files; i++)
		free(stage->files[i]);
	pol_session_free(stage->session);
	ses_cfg_unref(stage->cfg);
	LIST_REMOVE(stage, link);
	free(stage);
}

/* In a process of its own: the paths, one NUL-terminated string each. */
static void work(void *arg, struct job_result *result)
{
	const struct ses_stage *stage = arg;

	for (size_t i = 0; i < stage->n_files; i++) {
		auto_free char *path = ses_media_add(
			stage->session, stage->files[i], &result->fail);
		size_t len = path ? strlen(path) + 1 : 0;
		uint8_t *bytes;

		if (!path)
			return;
		bytes = realloc(result->bytes, result->len + len);
		if (!bytes) {
			err_set(&result->fail.err, ERR_KERNEL, ENOMEM, "media");
			return;
		}
		memcpy(bytes + result->len, path, len);
		result->bytes = bytes;
		result->len += len;
	}
}

static size_t split(struct job_result *result, char *paths[MAX_FILES])
{
	size_t n = 0;

	for (size_t at = 0; at < result->len && n < MAX_FILES; n++) {
		paths[n] = (char *)result->bytes + at;
		at += strnlen(paths[n], result->len - at) + 1;
	}
	return n;
}

static int audit(struct ses_stage *stage, struct ctl_client *client,
		 struct err *err)
{
	char text[TEXT_BYTES] = "";
	const struct ses_ask ask = {
		.tool = "media",
		.session = stage->session->key,
		.agent = stage->session->agent_id,
		.text = text,
		.sandboxed = true,
		.client = client,
	};

	/* Cut where it is too long, as a command is. */
	for (size_t i = 0; i < stage->n_files; i++) {
		size_t used = strlen(text);

		(void)snprintf(text + used, sizeof(text) - used, "%s%s",
			       i > 0 ? " " : "", stage->files[i]);
	}
	return ses_audit_ask(stage->ses->audit, &ask, &stage->audit_id, err);
}

static void on_done(void *arg, struct job_result *result)
{
	struct ses_stage *stage = arg;
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__Media msg = CTL__MEDIA__INIT;
	char *paths[MAX_FILES];
	struct ctl_waiter *waiter = LIST_FIRST(&stage->waiters);

	stage->job = NULL;
	msg.paths = paths;
	msg.n_paths = split(result, paths);
	reply.re_case = CTL__REPLY__RE_MEDIA;
	reply.media = &msg;
	result->fail.status = CREEL_EXIT_REFUSED;
	if (result->fail.err.code != ERR_NONE)
		(void)ses_audit_failed(stage->ses->audit, stage->audit_id,
				       NULL, &result->fail,
				       &(struct err)ERR_INIT);
	if (waiter && result->fail.err.code != ERR_NONE)
		ctl_reply_fail(waiter->client, waiter->seq, &result->fail);
	else if (waiter)
		ctl_reply(waiter->client, waiter->seq, &reply, -1);
	stage_free(stage);
}

static int copy_files(struct ses_stage *stage, const Ctl__MediaAdd *msg,
		      struct ctl_fail *fail)
{
	for (size_t i = 0; i < msg->n_files; i++) {
		if (msg->files[i][0] != '/')
			return err_set(&fail->err, ERR_BAD_REQUEST, 0,
				       "media: a path is not absolute");
		stage->files[i] = strdup(msg->files[i]);
		if (!stage->files[i])
			return err_set(&fail->err, ERR_KERNEL, ENOMEM,
				       "media");
		stage->n_files++;
	}
	return 0;
}

static int check(const Ctl__MediaAdd *msg, const struct ses_target *target,
		 struct ctl_fail *fail)
{
	if (msg->n_files == 0 || msg->n_files > MAX_FILES)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "media: not 1 to %d files", MAX_FILES);
	if (target->kind != SES_TARGET_SESSION)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "media: %.90s is no session", msg->session);
	if (target->session->sandboxed)
		return 0;
	err_set(&fail->err, ERR_BAD_STATE, 0,
		"media: session %.60s is not sandboxed", target->session->key);
	return ctl_fail_hint(fail, "it can use the files where they are");
}

static int start(struct ses *ses, struct ses_stage *stage,
		 struct ctl_client *client, const Ctl__Request *req,
		 struct ctl_fail *fail)
{
	if (copy_files(stage, req->media_add, fail) < 0)
		return -1;
	if (audit(stage, client, &fail->err) < 0)
		return err_wrap(&fail->err, "media");
	stage->job = job_start(ses->base, work, on_done, stage,
			       SES_PREPARE_MS);
	if (!stage->job)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "media");
	(void)ctl_wait(client, req->seq, CTL_WAIT_GONE, &stage->waiters);
	return 0;
}

/**
 * ses_req_media() - copy files into the workspace of a session
 */
int ses_req_media(struct ses *ses, struct ctl_client *client,
		  const Ctl__Request *req, struct ctl_fail *fail)
{
	const Ctl__MediaAdd *msg = req->media_add;
	auto_target target = { .kind = SES_TARGET_INVALID };
	struct ses_stage *stage;

	if (ses_target_session(ses, msg->session, msg->config, &target, fail) <
		    0 ||
	    check(msg, &target, fail) < 0 ||
	    ses_folder_check(ses, target.session, target.session->name, fail) <
		    0)
		return -1;
	stage = calloc(1, sizeof(*stage));
	if (!stage)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "media");
	stage->ses = ses;
	LIST_INIT(&stage->waiters);
	LIST_INSERT_HEAD(&ses->stages, stage, link);
	stage->cfg = ses_cfg_ref(target.cfg);
	stage->session = target.session;
	target.session = NULL;
	if (start(ses, stage, client, req, fail) == 0)
		return 0;
	stage_free(stage);
	return -1;
}

/**
 * ses_stages_client_gone() - nobody hears of what a client asked for
 *
 * It is ended: else one that comes and goes could have any number at work.
 */
void ses_stages_client_gone(struct ses *ses, const struct ctl_client *client)
{
	struct ses_stage *stage, *next;

	for (stage = LIST_FIRST(&ses->stages); stage; stage = next) {
		const struct ctl_waiter *waiter = LIST_FIRST(&stage->waiters);

		next = LIST_NEXT(stage, link);
		if (!waiter || waiter->client == client)
			stage_free(stage);
	}
}

/**
 * ses_stages_free() - end what still copies
 */
void ses_stages_free(struct ses *ses)
{
	struct ses_stage *stage;

	while ((stage = LIST_FIRST(&ses->stages)))
		stage_free(stage);
}
