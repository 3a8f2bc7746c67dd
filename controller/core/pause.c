// SPDX-License-Identifier: Apache-2.0
/*
 * Stopping a sandbox and letting it go on: the helper writes to the freezer of
 * its cgroup, the kernel says in the cgroup's own file when all of it stands.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/core/core.h"
#include "controller/core/log.h"
#include "controller/core/stats.h"

#define FIRST_LOOK_USEC 500
#define LONGEST_LOOK_USEC 50000
#define PATIENCE_USEC 5000000

struct ctl_pause {
	struct event *timer; /* owned */
	uint64_t look_usec;  /* until the next look */
	uint64_t waited_usec;
	struct ctl_waiters waiters;
};

static int send_verb(struct ctl_sandbox *sandbox, bool on)
{
	Hlp__Request req = HLP__REQUEST__INIT;
	Hlp__Pause msg = HLP__PAUSE__INIT;

	msg.id.data = sandbox->id;
	msg.id.len = WIRE_ID_BYTES;
	msg.on = on;
	req.op_case = HLP__REQUEST__OP_PAUSE;
	req.pause = &msg;
	return ctl_helper_send(sandbox->ctl, &req, -1);
}

static void answer(struct ctl_pause *pause, const struct ctl_fail *fail)
{
	struct ctl_waiter *waiter;

	while ((waiter = LIST_FIRST(&pause->waiters))) {
		if (fail)
			ctl_reply_fail(waiter->client, waiter->seq, fail);
		else
			ctl_reply_done(waiter->client, waiter->seq);
		ctl_waiter_free(waiter);
	}
}

static void look_later(struct ctl_pause *pause)
{
	const struct timeval after = {
		.tv_usec = (suseconds_t)pause->look_usec
	};

	pause->waited_usec += pause->look_usec;
	if (pause->look_usec < LONGEST_LOOK_USEC)
		pause->look_usec *= 2;
	(void)event_add(pause->timer, &after);
}

static void give_up(struct ctl_sandbox *sandbox)
{
	struct ctl_fail fail = CTL_FAIL_INIT;

	fail.status = CREEL_EXIT_REFUSED;
	if (sandbox->paused) {
		sandbox->paused = false;
		(void)send_verb(sandbox, false);
	}
	err_set(&fail.err, ERR_KERNEL, 0,
		"sandbox %.100s: something in it waits for the kernel and cannot be stopped",
		sandbox->label.name);
	answer(sandbox->pause, &fail);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_sandbox *sandbox = arg;
	struct ctl_pause *pause = sandbox->pause;

	(void)fd;
	(void)what;
	if (ctl_stats_frozen(sandbox->cgroup_fd) == sandbox->paused) {
		sandbox->since = ctl_now();
		ctl_log(CTL_LOG_INFO, "sandbox=%s %s", sandbox->label.name,
			sandbox->paused ? "paused" : "resumed");
		CTL_HOOK(sandbox->ctl, sandbox_paused, sandbox,
			 sandbox->paused);
		answer(pause, NULL);
	} else if (pause->waited_usec < PATIENCE_USEC) {
		look_later(pause);
	} else {
		give_up(sandbox);
	}
}

static struct ctl_pause *pause_of(struct ctl_sandbox *sandbox)
{
	struct ctl_pause *pause = sandbox->pause;

	if (pause)
		return pause;
	pause = calloc(1, sizeof(*pause));
	if (!pause)
		return NULL;
	LIST_INIT(&pause->waiters);
	pause->timer = event_new(sandbox->ctl->base, -1, 0, on_look, sandbox);
	if (!pause->timer) {
		free(pause);
		return NULL;
	}
	sandbox->pause = pause;
	return pause;
}

/**
 * ctl_pause_end() - its sandbox goes: whoever waits is told
 */
void ctl_pause_end(struct ctl_sandbox *sandbox)
{
	struct ctl_fail fail = CTL_FAIL_INIT;

	if (!sandbox->pause)
		return;
	fail.status = CREEL_EXIT_REFUSED;
	err_set(&fail.err, ERR_BAD_STATE, 0, "sandbox %.100s is gone",
		sandbox->label.name);
	answer(sandbox->pause, &fail);
	event_free(sandbox->pause->timer);
	free(sandbox->pause);
	sandbox->pause = NULL;
}

static int check(const struct ctl_sandbox *sandbox, struct ctl_fail *fail)
{
	const char *name = sandbox->label.name;

	if (sandbox->state != CTL_SANDBOX_LIVE)
		return err_set(&fail->err, ERR_BAD_STATE, 0,
			       "sandbox %.100s has not started yet", name);
	if (sandbox->cgroup_fd >= 0)
		return 0;
	err_set(&fail->err, ERR_UNSUPPORTED, 0,
		"sandbox %.60s has no cgroup, so it cannot be paused: %.60s",
		name, sandbox->ctl->info.cgroup_why);
	return ctl_fail_hint(fail, "creel doctor says what is missing");
}

static int set_paused(struct ctl_client *client, uint32_t seq,
		      const char *target, bool on, struct ctl_fail *fail)
{
	struct ctl_sandbox *sandbox =
		ctl_sandbox_need(client->ctl, target, fail);
	struct ctl_pause *pause;

	if (!sandbox || check(sandbox, fail) < 0)
		return -1;
	pause = pause_of(sandbox);
	if (!pause)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "sandbox");
	if (!ctl_wait(client, seq, CTL_WAIT_PAUSED, &pause->waiters))
		return 0;
	/* Also where it is so already: the answer is when it is seen. */
	sandbox->paused = on;
	if (send_verb(sandbox, on) < 0)
		return 0;
	pause->waited_usec = 0;
	pause->look_usec = FIRST_LOOK_USEC;
	look_later(pause);
	return 0;
}

/**
 * ctl_req_pause() - stop a sandbox
 *
 * Answered when all of it stands still.
 */
int ctl_req_pause(struct ctl_client *client, const Ctl__Request *req,
		  struct wire_frame *frame, struct ctl_fail *fail)
{
	(void)frame;
	return set_paused(client, req->seq, req->pause->target, true, fail);
}

/**
 * ctl_req_resume() - let it go on
 */
int ctl_req_resume(struct ctl_client *client, const Ctl__Request *req,
		   struct wire_frame *frame, struct ctl_fail *fail)
{
	(void)frame;
	return set_paused(client, req->seq, req->resume->target, false, fail);
}

/**
 * ctl_pause_refuse() - nothing can be started in a sandbox that stands still
 *
 * Return: 0 or -1 with BAD_STATE.
 */
int ctl_pause_refuse(const struct ctl_sandbox *sandbox, struct ctl_fail *fail)
{
	if (!sandbox->paused)
		return 0;
	err_set(&fail->err, ERR_BAD_STATE, 0, "sandbox %.100s is paused",
		sandbox->label.name);
	return ctl_fail_hint(fail, "creel resume %.64s",
			     sandbox->label.name);
}

/*
 * A command that a client asks for and that is in none of the sandboxes that
 * have spoken since this controller began: one that stands still may have it.
 */
struct ctl_missed {
	LIST_ENTRY(ctl_missed) link;
	uint8_t token[WIRE_ID_BYTES];
	struct ctl_waiters waiters;
};

static bool has_silent(const struct ctl *ctl)
{
	const struct ctl_sandbox *sandbox;

	LIST_FOREACH(sandbox, &ctl->sandboxes, link)
		if (sandbox->resyncing && !sandbox->awaited &&
		    sandbox->state == CTL_SANDBOX_LIVE)
			return true;
	return false;
}

static void forget(struct ctl_missed *missed)
{
	struct ctl_waiter *waiter;

	while ((waiter = LIST_FIRST(&missed->waiters)))
		ctl_waiter_free(waiter);
	LIST_REMOVE(missed, link);
	free(missed);
}

/**
 * ctl_pause_missed() - a client asks for a command that nobody knows
 * @token: WIRE_ID_BYTES
 *
 * Return: false where no sandbox can have it; else the client is answered when
 * that is known.
 */
bool ctl_pause_missed(struct ctl_client *client, uint32_t seq,
		      const uint8_t *token)
{
	struct ctl *ctl = client->ctl;
	struct ctl_missed *missed, *next;

	if (!has_silent(ctl))
		return false;
	for (missed = LIST_FIRST(&ctl->missed); missed; missed = next) {
		next = LIST_NEXT(missed, link);
		if (LIST_EMPTY(&missed->waiters))
			forget(missed);
	}
	missed = calloc(1, sizeof(*missed));
	if (!missed)
		return false;
	memcpy(missed->token, token, WIRE_ID_BYTES);
	LIST_INIT(&missed->waiters);
	LIST_INSERT_HEAD(&ctl->missed, missed, link);
	(void)ctl_wait(client, seq, CTL_WAIT_STATUS, &missed->waiters);
	return true;
}

/**
 * ctl_pause_found() - here it is
 * @exec: adopted just now
 */
void ctl_pause_found(struct ctl_exec *exec)
{
	struct ctl_missed *missed, *next;
	struct ctl_waiter *waiter;

	for (missed = LIST_FIRST(&exec->ctl->missed); missed; missed = next) {
		next = LIST_NEXT(missed, link);
		if (memcmp(missed->token, exec->token, WIRE_ID_BYTES) != 0)
			continue;
		while ((waiter = LIST_FIRST(&missed->waiters))) {
			struct ctl_client *client = waiter->client;
			uint32_t seq = waiter->seq;

			ctl_waiter_free(waiter);
			ctl_exec_attach(exec, client, seq);
		}
		forget(missed);
	}
}

/**
 * ctl_pause_settled() - one more sandbox has said what it has, or is gone
 */
void ctl_pause_settled(struct ctl *ctl)
{
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ctl_missed *missed;
	struct ctl_waiter *waiter;

	if (LIST_EMPTY(&ctl->missed) || has_silent(ctl))
		return;
	err_set(&fail.err, ERR_BAD_STATE, 0,
		"the command is gone, and its sandbox with it");
	while ((missed = LIST_FIRST(&ctl->missed))) {
		LIST_FOREACH(waiter, &missed->waiters, of_object)
			ctl_reply_fail(waiter->client, waiter->seq, &fail);
		forget(missed);
	}
}

/**
 * ctl_pause_fini() - release what is left at the end of a controller
 */
void ctl_pause_fini(struct ctl *ctl)
{
	struct ctl_missed *missed;

	while ((missed = LIST_FIRST(&ctl->missed)))
		forget(missed);
}
