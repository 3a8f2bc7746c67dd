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
	const struct ctl_sandbox *sandbox =
		record ? record->sandbox : target->plain;
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

/* A request about one sandbox: a copy, whose target is a name in the end. */
struct verb {
	Ctl__Request req;
	union {
		Ctl__Kill kill;
		Ctl__Remove remove;
		Ctl__Stats stats;
		Ctl__Pause pause;
		Ctl__Resume resume;
	};
	const char *tool; /* in the audit log; NULL: it changes nothing */
	char **target;
	const Ctl__Config *config;
	int (*handle)(struct ctl_client *client, const Ctl__Request *req,
		      struct wire_frame *frame, struct ctl_fail *fail);
};

#define VERB_COPY(verb, member, name)                    \
	do {                                             \
		(verb)->member = *(verb)->req.member;    \
		(verb)->req.member = &(verb)->member;    \
		(verb)->target = &(verb)->member.target; \
		(verb)->config = (verb)->member.config;  \
		(verb)->tool = name;                     \
		(verb)->handle = ctl_req_##member;       \
	} while (0)

static bool copy_verb(struct verb *verb, const Ctl__Request *req)
{
	verb->req = *req;
	if (req->op_case == CTL__REQUEST__OP_KILL)
		VERB_COPY(verb, kill, "kill");
	else if (req->op_case == CTL__REQUEST__OP_REMOVE)
		VERB_COPY(verb, remove, "rm");
	else if (req->op_case == CTL__REQUEST__OP_STATS)
		VERB_COPY(verb, stats, NULL);
	else if (req->op_case == CTL__REQUEST__OP_PAUSE)
		VERB_COPY(verb, pause, "pause");
	else if (req->op_case == CTL__REQUEST__OP_RESUME)
		VERB_COPY(verb, resume, "resume");
	else
		return false;
	return true;
}

/* Of a session whose sandbox was lost, the note of that is what goes. */
static bool forget_lost(const struct verb *verb,
			const struct ses_target *target)
{
	if (verb->req.op_case != CTL__REQUEST__OP_REMOVE ||
	    target->kind != SES_TARGET_SESSION || !target->record ||
	    target->record->sandbox)
		return false;
	ses_record_forget(target->record);
	return true;
}

/**
 * ses_req_target() - kill, rm, stats, pause and resume
 *
 * Return: 0, -1, or 1 where the core is to do it as it is.
 */
int ses_req_target(struct ses *ses, struct ctl_client *client,
		   const Ctl__Request *req, struct ctl_fail *fail)
{
	auto_target target = { .kind = SES_TARGET_INVALID };
	struct verb verb;
	int64_t id = 0;
	int ret;

	/* Without a target: all, for which stats alone has a meaning. */
	if (!copy_verb(&verb, req) || (!verb.tool && !(*verb.target)[0]))
		return 1;
	if (ses_target_resolve(ses, *verb.target, verb.config, &target, fail) <
	    0)
		return -1;
	if (forget_lost(&verb, &target)) {
		ctl_reply_done(client, req->seq);
		return 0;
	}
	if (need_sandbox(&target, fail) < 0)
		return -1;
	if (verb.tool)
		id = audit(ses, client, verb.tool, *verb.target, &target);
	*verb.target = (char *)name_of(&target, *verb.target);
	ret = verb.handle(client, &verb.req, NULL, fail);
	return verb.tool ? audit_end(ses, id, ret, fail) : ret;
}
