// SPDX-License-Identifier: Apache-2.0
/*
 * The requests that have to do with sandboxes, and with creel itself.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controller/core/core.h"
#include "controller/core/stats.h"
#include "proto/cleanup.h"

/* An item is at most some 700 bytes on the wire. */
#define ITEMS_PER_MESSAGE 64

static const char *kind_name(enum ctl_kind kind)
{
	switch (kind) {
	case CTL_KIND_RUN:
		return "run";
	case CTL_KIND_NAMED:
		return "named";
	case CTL_KIND_SESSION:
		return "session";
	case CTL_KIND_INVALID:
		break;
	}
	return "";
}

static uint32_t count_running(const struct ctl_sandbox *sandbox)
{
	const struct ctl_exec *exec;
	uint32_t n = 0;

	LIST_FOREACH(exec, &sandbox->execs, link)
		n += exec->state != CTL_EXEC_OVER;
	return n;
}

static const char *state_name(const struct ctl_sandbox *sandbox, uint32_t n)
{
	switch (sandbox->state) {
	case CTL_SANDBOX_PREPARING:
	case CTL_SANDBOX_BUILDING:
		return "starting";
	case CTL_SANDBOX_LIVE:
		if (sandbox->paused)
			return "paused";
		return n ? "running" : "idle";
	case CTL_SANDBOX_DYING:
		return "ending";
	case CTL_SANDBOX_INVALID:
		break;
	}
	return "";
}

/**
 * ctl_item_fill() - a sandbox as a line of a list
 * @item: filled; borrows from @sandbox
 */
void ctl_item_fill(struct ctl_sandbox *sandbox, Ctl__Item *item, bool stats)
{
	struct ctl_label *label = &sandbox->label;

	ctl__item__init(item);
	item->name = label->name;
	item->id = sandbox->hex;
	item->kind = (char *)kind_name(label->kind);
	item->image = label->image;
	item->workspace = label->workspace;
	item->created = label->created;
	item->commands = count_running(sandbox);
	item->state = (char *)state_name(sandbox, item->commands);
	item->network = (char *)(label->host_net ? "host" : "none");
	item->memory_max = label->memory;
	item->pids_max = label->pids;
	if (item->commands == 0)
		item->idle_sec = (uint64_t)(ctl_now() - sandbox->since);
	if (stats)
		ctl_stats_read(sandbox->cgroup_fd, item);
	else
		ctl_trust_fill(sandbox, item);
	CTL_HOOK(sandbox->ctl, item, sandbox, item);
}

/**
 * ctl_items_send() - lines of a list
 * @more: others follow
 */
void ctl_items_send(struct ctl_client *client, uint32_t seq, Ctl__Item **items,
		    size_t n, bool more)
{
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__Items msg = CTL__ITEMS__INIT;

	msg.items = items;
	msg.n_items = n;
	msg.more = more;
	reply.re_case = CTL__REPLY__RE_ITEMS;
	reply.items = &msg;
	ctl_reply(client, seq, &reply, -1);
}

static void send_all(struct ctl_client *client, uint32_t seq, bool stats)
{
	Ctl__Item items[ITEMS_PER_MESSAGE], *list[ITEMS_PER_MESSAGE];
	struct ctl_sandbox *sandbox;
	size_t n = 0;

	LIST_FOREACH(sandbox, &client->ctl->sandboxes, link) {
		if (n == ITEMS_PER_MESSAGE) {
			ctl_items_send(client, seq, list, n, true);
			n = 0;
		}
		ctl_item_fill(sandbox, &items[n], stats);
		list[n] = &items[n];
		n++;
	}
	ctl_items_send(client, seq, list, n, false);
}

/**
 * ctl_req_list() - every sandbox
 */
int ctl_req_list(struct ctl_client *client, const Ctl__Request *req,
		 struct wire_frame *frame, struct ctl_fail *fail)
{
	(void)frame;
	(void)fail;
	send_all(client, req->seq, false);
	return 0;
}

/**
 * ctl_sandbox_need() - the sandbox that a caller means, or why there is none
 */
struct ctl_sandbox *ctl_sandbox_need(struct ctl *ctl, const char *target,
				     struct ctl_fail *fail)
{
	struct ctl_sandbox *sandbox;

	if (ctl_name_check(target, &fail->err) < 0)
		return NULL;
	sandbox = ctl_sandbox_find(ctl, target, fail);
	if (sandbox || fail->err.code != ERR_NONE)
		return sandbox;
	err_set(&fail->err, ERR_BAD_STATE, 0, "sandbox %.100s: there is none",
		target);
	return NULL;
}

/**
 * ctl_req_stats() - what one sandbox uses, or all
 */
int ctl_req_stats(struct ctl_client *client, const Ctl__Request *req,
		  struct wire_frame *frame, struct ctl_fail *fail)
{
	struct ctl_sandbox *sandbox;
	Ctl__Item item, *list[1] = { &item };

	(void)frame;
	if (!req->stats->target[0]) {
		send_all(client, req->seq, true);
		return 0;
	}
	sandbox = ctl_sandbox_need(client->ctl, req->stats->target, fail);
	if (!sandbox)
		return -1;
	ctl_item_fill(sandbox, &item, true);
	ctl_items_send(client, req->seq, list, 1, false);
	return 0;
}

static void end_sandbox(struct ctl_sandbox *sandbox, struct ctl_client *client,
			uint32_t seq)
{
	if (ctl_wait(client, seq, CTL_WAIT_GONE, &sandbox->waiters))
		ctl_sandbox_kill(sandbox, CTL_DEATH_ASKED);
}

/**
 * ctl_req_kill() - signal all commands of a sandbox, or end it
 */
int ctl_req_kill(struct ctl_client *client, const Ctl__Request *req,
		 struct wire_frame *frame, struct ctl_fail *fail)
{
	const Ctl__Kill *msg = req->kill;
	struct ctl_sandbox *sandbox;
	struct ctl_exec *exec;

	(void)frame;
	if (msg->signal > 64)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "signal %u: there is none", msg->signal);
	sandbox = ctl_sandbox_need(client->ctl, msg->target, fail);
	if (!sandbox)
		return -1;
	if (msg->signal == 0) {
		end_sandbox(sandbox, client, req->seq);
		return 0;
	}
	LIST_FOREACH(exec, &sandbox->execs, link)
		if (exec->state == CTL_EXEC_SENT ||
		    exec->state == CTL_EXEC_RUNNING)
			ctl_init_signal(sandbox, exec->token, msg->signal,
					false);
	ctl_reply_done(client, req->seq);
	return 0;
}

/**
 * ctl_req_remove() - end a sandbox; a lost one is forgotten
 */
int ctl_req_remove(struct ctl_client *client, const Ctl__Request *req,
		   struct wire_frame *frame, struct ctl_fail *fail)
{
	const char *target = req->remove->target;
	struct ctl *ctl = client->ctl;
	struct ctl_sandbox *sandbox = ctl_sandbox_need(ctl, target, fail);

	(void)frame;
	if (sandbox) {
		end_sandbox(sandbox, client, req->seq);
		return 0;
	}
	if (fail->err.code != ERR_BAD_STATE || !ctl_state_marked(ctl, target))
		return -1;
	ctl_state_mark(ctl, target, false);
	ctl_reply_done(client, req->seq);
	return 0;
}

/**
 * ctl_req_version() - what this creel can do here
 */
int ctl_req_version(struct ctl_client *client, const Ctl__Request *req,
		    struct wire_frame *frame, struct ctl_fail *fail)
{
	struct ctl_helper_info *info = &client->ctl->info;
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__Info msg = CTL__INFO__INIT;

	(void)frame;
	(void)fail;
	msg.version = (char *)PACKAGE_VERSION;
	msg.system = info->system;
	msg.id_range = info->id_range;
	msg.idmap = info->idmap;
	msg.landlock_abi = info->landlock_abi;
	msg.cgroup = info->cgroup;
	msg.controllers = info->controllers;
	msg.cgroup_why = info->cgroup_why;
	msg.sandboxes = client->ctl->n_sandboxes;
	msg.max_sandboxes = info->max_sandboxes;
	msg.host_network = info->host_network;
	CTL_HOOK(client->ctl, info, &msg);
	reply.re_case = CTL__REPLY__RE_INFO;
	reply.info = &msg;
	ctl_reply(client, req->seq, &reply, -1);
	return 0;
}
