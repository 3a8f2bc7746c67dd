// SPDX-License-Identifier: Apache-2.0
/*
 * What the controller hears. Reports of the spawner set flags in the table;
 * flags become events when the socket has room, so that a controller that does
 * not listen costs no memory and stops nobody.
 */
#include <config.h>

#include "helper/dispatch.h"

#include <errno.h>
#include <string.h>

#include "helper/log.h"
#include "proto/cleanup.h"
#include "proto/helper.pb-c.h"

/**
 * hlp_event_free_if_done() - free a slot of which nothing is left to do
 */
void hlp_event_free_if_done(struct hlp_ctx *ctx, uint32_t index)
{
	const struct hlp_slot *slot = &ctx->table->slots[index];

	if (slot->gone && !slot->tell && slot->state != HLP_SLOT_FREE &&
	    index != ctx->current)
		hlp_table_release(ctx->table, index);
}

static void slot_tell(struct hlp_ctx *ctx, struct hlp_slot *slot,
		      unsigned int what)
{
	slot->tell |= what;
	ctx->dirty = true;
}

static void slot_failed(struct hlp_ctx *ctx, uint32_t index, uint32_t seq,
			const struct err *why)
{
	struct hlp_slot *slot = &ctx->table->slots[index];

	if (slot->state == HLP_SLOT_POOL) {
		if (!slot->broken)
			hlp_log(HLP_LOG_WARN, "sandbox=%u op=new: %s", index,
				why->text);
		slot->broken = true;
		return;
	}
	if (!slot->broken) {
		slot->broken = true;
		slot->fail_seq = seq ? seq : slot->new_seq;
		ctx->table->texts[index].err = *why;
		slot_tell(ctx, slot, HLP_TELL_FAILED);
		if (slot->state == HLP_SLOT_STARTING &&
		    slot->fail_seq == slot->start_seq)
			slot->state = HLP_SLOT_DYING;
	} else if (slot->state == HLP_SLOT_STARTING && seq == slot->start_seq) {
		slot_tell(ctx, slot, HLP_TELL_START_FAILED);
		slot->state = HLP_SLOT_DYING;
	}
}

static void slot_gone(struct hlp_ctx *ctx, uint32_t index,
		      const struct hlp_report *report)
{
	struct hlp_slot *slot = &ctx->table->slots[index];
	struct err why = ERR_INIT;

	if (slot->state == HLP_SLOT_POOL) {
		ctx->pool_failures++;
	} else if (slot->state == HLP_SLOT_BUILDING ||
		   slot->state == HLP_SLOT_STARTING) {
		err_set(&why, ERR_KERNEL, 0, "the setup process died");
		slot_failed(ctx, index,
			    slot->state == HLP_SLOT_STARTING ? slot->start_seq :
							       slot->new_seq,
			    &why);
	} else if (slot->state == HLP_SLOT_RUNNING) {
		slot->wait_status = report->wait_status;
		slot->oom = report->oom;
		/* A controller that never heard of it needs no farewell. */
		if (slot->tell & HLP_TELL_ADOPT || ctx->control_fd < 0)
			slot->tell = 0;
		else
			slot_tell(ctx, slot, HLP_TELL_GONE);
	}
	slot->gone = true;
	hlp_event_free_if_done(ctx, index);
}

/**
 * hlp_event_report() - take a report of the spawner
 * @report:    its kind and bounds are checked here
 * @cgroup_fd: came with SPAWNED, else -1; owned from here on
 */
void hlp_event_report(struct hlp_ctx *ctx, const struct hlp_report *report,
		      int cgroup_fd)
{
	auto_fd owned = cgroup_fd;
	struct hlp_slot *slot = NULL;

	if (report->slot < ctx->table->high)
		slot = &ctx->table->slots[report->slot];
	if (slot && (slot->state == HLP_SLOT_FREE || slot->gone))
		slot = NULL;
	switch (report->kind) {
	case HLP_REPORT_READY:
		ctx->facts = report->facts;
		ctx->ready = true;
		return;
	case HLP_REPORT_SPAWNED:
		if (!slot)
			return;
		slot->cgroup = report->cgroup && owned >= 0;
		fd_close(&slot->cgroup_fd);
		slot->cgroup_fd = fd_take(&owned);
		return;
	case HLP_REPORT_FAILED:
		if (slot)
			slot_failed(ctx, report->slot, report->seq,
				    &report->err);
		return;
	case HLP_REPORT_STARTED:
		if (slot && slot->state == HLP_SLOT_STARTING) {
			slot->state = HLP_SLOT_RUNNING;
			ctx->pool_failures = 0;
			slot_tell(ctx, slot, HLP_TELL_STARTED);
		}
		return;
	case HLP_REPORT_GONE:
		if (slot)
			slot_gone(ctx, report->slot, report);
		return;
	case HLP_REPORT_INVALID:
		break;
	}
	hlp_log(HLP_LOG_ERR, "report %d of the spawner is unknown",
		(int)report->kind);
}

/* Return: whether it was sent, or will never be. */
static bool send_event(struct hlp_ctx *ctx, const Hlp__Event *event,
		       const int *fds, size_t n_fds)
{
	struct err err = ERR_INIT;

	if (ctx->lost)
		return true;
	if (wire_send_msg(ctx->control_fd, &event->base, WIRE_HELPER_MAX_BYTES,
			  fds, n_fds, &err) == 0)
		return true;
	/* ETOOMANYREFS, ENOBUFS: others must take theirs first, see unix(7). */
	if (err.sys == EAGAIN || err.sys == ENOBUFS || err.sys == ETOOMANYREFS)
		return false;
	/* EPIPE, ECONNRESET: what it sent before may still be read. */
	ctx->lost = true;
	return true;
}

#define EVENT(WHICH, member, msg)                                    \
	(Hlp__Event)                                                 \
	{                                                            \
		PROTOBUF_C_MESSAGE_INIT(&hlp__event__descriptor),    \
			HLP__EVENT__EV_##WHICH, { .member = (msg) }, \
	}
#define BYTES(array) ((ProtobufCBinaryData){ sizeof(array), (array) })

static bool send_hello(struct hlp_ctx *ctx)
{
	Hlp__Hello hello = HLP__HELLO__INIT;

	hello.system = ctx->facts.system;
	hello.id_range = ctx->facts.id_range;
	hello.idmap = ctx->facts.idmap;
	hello.landlock_abi = ctx->facts.landlock_abi;
	hello.max_sandboxes = ctx->policy->max_sandboxes;
	hello.controllers = ctx->facts.controllers;
	hello.cgroup = ctx->facts.cgroup;
	hello.cgroup_why = ctx->facts.cgroup_why;
	hello.host_network = ctx->policy->host_network;
	return send_event(ctx, &EVENT(HELLO, hello, &hello), NULL, 0);
}

static bool send_failed(struct hlp_ctx *ctx, uint32_t seq, struct err *why)
{
	Hlp__Failed failed = HLP__FAILED__INIT;

	failed.seq = seq;
	failed.code = (uint32_t)why->code;
	failed.sys = (uint32_t)why->sys;
	failed.text = why->text;
	return send_event(ctx, &EVENT(FAILED, failed, &failed), NULL, 0);
}

/* One flag of one slot. */
static bool send_slot(struct hlp_ctx *ctx, uint32_t index, unsigned int what)
{
	struct hlp_slot *slot = &ctx->table->slots[index];
	struct hlp_slot_text *text = &ctx->table->texts[index];
	const int fds[] = { slot->control_fd, slot->cgroup_fd };
	size_t n_fds = slot->cgroup ? 2 : 1;
	Hlp__Adopt adopt = HLP__ADOPT__INIT;
	Hlp__Started started = HLP__STARTED__INIT;
	Hlp__Gone gone = HLP__GONE__INIT;
	struct err start_err = ERR_INIT;

	adopt.id = started.id = gone.id = BYTES(slot->id);
	adopt.cgroup = started.cgroup = slot->cgroup;
	switch (what) {
	case HLP_TELL_ADOPT:
		adopt.label.data = text->label;
		adopt.label.len = text->label_len;
		return send_event(ctx, &EVENT(ADOPT, adopt, &adopt), fds,
				  n_fds);
	case HLP_TELL_FAILED:
		return send_failed(ctx, slot->fail_seq, &text->err);
	case HLP_TELL_START_FAILED:
		err_set(&start_err, ERR_BAD_STATE, 0, "an earlier verb failed");
		return send_failed(ctx, slot->start_seq, &start_err);
	case HLP_TELL_STARTED:
		started.seq = slot->start_seq;
		return send_event(ctx, &EVENT(STARTED, started, &started), fds,
				  n_fds);
	case HLP_TELL_GONE:
		gone.wait_status = (uint32_t)slot->wait_status;
		gone.oom = slot->oom;
		return send_event(ctx, &EVENT(GONE, gone, &gone), NULL, 0);
	}
	return true;
}

static bool send_kept(struct hlp_ctx *ctx, struct hlp_kept *kept)
{
	Hlp__Kept msg = HLP__KEPT__INIT;

	msg.id = BYTES(ctx->table->slots[kept->slot].id);
	msg.token = BYTES(kept->token);
	return send_event(ctx, &EVENT(KEPT, kept, &msg), &kept->fd, 1);
}

/* The flags of @mask, those of a slot in the order of their values. */
static bool flush_slots(struct hlp_ctx *ctx, unsigned int mask)
{
	for (uint32_t i = 0; i < ctx->table->high; i++) {
		struct hlp_slot *slot = &ctx->table->slots[i];

		while (slot->tell & mask) {
			unsigned int what = slot->tell & -slot->tell;

			if (!send_slot(ctx, i, what))
				return false;
			slot->tell &= ~what;
		}
		hlp_event_free_if_done(ctx, i);
	}
	return true;
}

static bool flush_greeting(struct hlp_ctx *ctx)
{
	Hlp__Synced synced = HLP__SYNCED__INIT;

	if (ctx->tell_hello && !send_hello(ctx))
		return false;
	ctx->tell_hello = false;
	if (!ctx->tell_synced)
		return true;
	if (!flush_slots(ctx, HLP_TELL_ADOPT))
		return false;
	for (uint32_t i = 0; i < ctx->table->n_kept; i++) {
		struct hlp_kept *kept = &ctx->table->kept[i];

		if (kept->tell && !send_kept(ctx, kept))
			return false;
		kept->tell = false;
	}
	ctx->tell_synced = !send_event(ctx, &EVENT(SYNCED, synced, &synced),
				       NULL, 0);
	return !ctx->tell_synced;
}

/**
 * hlp_event_flush() - tell the controller what there is to tell
 *
 * Never blocks. Return: whether all is told.
 */
bool hlp_event_flush(struct hlp_ctx *ctx)
{
	Hlp__Conn conn = HLP__CONN__INIT;

	if (ctx->control_fd < 0 || !ctx->ready)
		return false;
	if (!ctx->dirty)
		return true;
	if (!flush_greeting(ctx))
		return false;
	if (ctx->tell_reply &&
	    !send_failed(ctx, ctx->reply_seq, &ctx->reply_err))
		return false;
	ctx->tell_reply = false;
	if (!flush_slots(ctx, ~0U))
		return false;
	/* Where nobody listens the client waits for the next controller. */
	if (ctx->conn_fd >= 0 && !ctx->lost) {
		if (!send_event(ctx, &EVENT(CONN, conn, &conn), &ctx->conn_fd,
				1))
			return false;
		ctx->held_fd = fd_take(&ctx->conn_fd);
	}
	ctx->dirty = false;
	return true;
}
