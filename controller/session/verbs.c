// SPDX-License-Identifier: Apache-2.0
/*
 * Requests about a sandbox that name a session instead: the core answers them,
 * once it is known which sandbox is meant.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "controller/session/manager.h"

/* Before it is done; what comes of it is said by audit_end(). */
static int64_t audit(struct ses *ses, struct ctl_client *client,
		     const char *tool, const char *text,
		     const struct ses_target *target)
{
	const struct ses_sandbox *record = target->record;
	const struct ctl_sandbox *sandbox = record ? record->sandbox :
						     target->plain;
	const struct ses_ask ask = {
		.tool = tool,
		.session = target->session ? target->session->key : "",
		.agent = target->session ? target->session->agent_id :
			 record		 ? record->agent :
					   "",
		.sandbox = sandbox ? sandbox->label.name : "",
		.text = text,
		.sandboxed = true,
		.client = client,
	};
	struct err ignored = ERR_INIT;
	int64_t id = 0;

	if (sandbox)
		(void)ses_audit_ask(ses->audit, &ask, &id, &ignored);
	return id;
}

/* Return: @ret */
static int audit_end(struct ses *ses, int64_t id, int ret,
		     const struct ctl_fail *fail)
{
	struct ctl_fail refused = *fail;
	struct err ignored = ERR_INIT;

	refused.status = CREEL_EXIT_REFUSED;
	if (ret < 0 && id)
		(void)ses_audit_failed(ses->audit, id, NULL, &refused,
				       &ignored);
	return ret;
}

/* The name of the sandbox that is meant, or what was written. */
static const char *name_of(const struct ses_target *target, const char *text)
{
	return target->kind == SES_TARGET_SESSION ?
		       target->record->sandbox->label.name :
		       text;
}

static int need_sandbox(const struct ses_target *target, struct ctl_fail *fail)
{
	if (target->kind != SES_TARGET_SESSION ||
	    (target->record && target->record->sandbox))
		return 0;
	return err_set(&fail->err, ERR_BAD_STATE, 0,
		       "session %.90s: it has no sandbox",
		       target->session->key);
}

static int do_kill(struct ses *ses, struct ctl_client *client,
		   const Ctl__Request *req, struct ctl_fail *fail)
{
	auto_target target = { .kind = SES_TARGET_INVALID };
	Ctl__Kill msg = *req->kill;
	Ctl__Request copy = *req;
	int64_t id;

	if (ses_target_resolve(ses, msg.target, msg.config, &target, fail) <
		    0 ||
	    need_sandbox(&target, fail) < 0)
		return -1;
	id = audit(ses, client, "kill", msg.target, &target);
	msg.target = (char *)name_of(&target, msg.target);
	copy.kill = &msg;
	return audit_end(ses, id, ctl_req_kill(client, &copy, NULL, fail),
			 fail);
}

static int do_remove(struct ses *ses, struct ctl_client *client,
		     const Ctl__Request *req, struct ctl_fail *fail)
{
	auto_target target = { .kind = SES_TARGET_INVALID };
	Ctl__Remove msg = *req->remove;
	Ctl__Request copy = *req;
	int64_t id;

	if (ses_target_resolve(ses, msg.target, msg.config, &target, fail) < 0)
		return -1;
	if (target.kind == SES_TARGET_SESSION && target.record &&
	    !target.record->sandbox) {
		ses_record_forget(target.record);
		ctl_reply_done(client, req->seq);
		return 0;
	}
	if (need_sandbox(&target, fail) < 0)
		return -1;
	id = audit(ses, client, "rm", msg.target, &target);
	msg.target = (char *)name_of(&target, msg.target);
	copy.remove = &msg;
	return audit_end(ses, id, ctl_req_remove(client, &copy, NULL, fail),
			 fail);
}

static int do_stats(struct ses *ses, struct ctl_client *client,
		    const Ctl__Request *req, struct ctl_fail *fail)
{
	auto_target target = { .kind = SES_TARGET_INVALID };
	Ctl__Stats msg = *req->stats;
	Ctl__Request copy = *req;

	if (!msg.target[0])
		return 1;
	if (ses_target_resolve(ses, msg.target, msg.config, &target, fail) <
		    0 ||
	    need_sandbox(&target, fail) < 0)
		return -1;
	msg.target = (char *)name_of(&target, msg.target);
	copy.stats = &msg;
	return ctl_req_stats(client, &copy, NULL, fail);
}

static int do_pause(struct ses *ses, struct ctl_client *client,
		    const Ctl__Request *req, struct ctl_fail *fail)
{
	auto_target target = { .kind = SES_TARGET_INVALID };
	Ctl__Pause msg = *req->pause;
	Ctl__Request copy = *req;
	int64_t id;

	if (ses_target_resolve(ses, msg.target, msg.config, &target, fail) <
		    0 ||
	    need_sandbox(&target, fail) < 0)
		return -1;
	id = audit(ses, client, "pause", msg.target, &target);
	msg.target = (char *)name_of(&target, msg.target);
	copy.pause = &msg;
	return audit_end(ses, id, ctl_req_pause(client, &copy, NULL, fail),
			 fail);
}

static int do_resume(struct ses *ses, struct ctl_client *client,
		     const Ctl__Request *req, struct ctl_fail *fail)
{
	auto_target target = { .kind = SES_TARGET_INVALID };
	Ctl__Resume msg = *req->resume;
	Ctl__Request copy = *req;
	int64_t id;

	if (ses_target_resolve(ses, msg.target, msg.config, &target, fail) <
		    0 ||
	    need_sandbox(&target, fail) < 0)
		return -1;
	id = audit(ses, client, "resume", msg.target, &target);
	msg.target = (char *)name_of(&target, msg.target);
	copy.resume = &msg;
	return audit_end(ses, id, ctl_req_resume(client, &copy, NULL, fail),
			 fail);
}

/**
 * ses_req_target() - kill, rm, stats, pause and resume
 *
 * Return: 0, -1, or 1 where the core is to do it as it is.
 */
int ses_req_target(struct ses *ses, struct ctl_client *client,
		   const Ctl__Request *req, struct ctl_fail *fail)
{
	if (req->op_case == CTL__REQUEST__OP_KILL)
		return do_kill(ses, client, req, fail);
	if (req->op_case == CTL__REQUEST__OP_REMOVE)
		return do_remove(ses, client, req, fail);
	if (req->op_case == CTL__REQUEST__OP_STATS)
		return do_stats(ses, client, req, fail);
	if (req->op_case == CTL__REQUEST__OP_PAUSE)
		return do_pause(ses, client, req, fail);
	if (req->op_case == CTL__REQUEST__OP_RESUME)
		return do_resume(ses, client, req, fail);
	return 1;
}
