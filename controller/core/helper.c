// SPDX-License-Identifier: Apache-2.0
/*
 * The helper's events.  The helper is trusted with more than the controller
 * is, but a message from it that makes no sense means that the two no longer
 * agree about what lives: that is the end.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controller/core/core.h"
#include "controller/core/log.h"
#include "controller/core/stats.h"
#include "proto/cleanup.h"

static void violation(struct ctl *ctl, const char *what)
{
	ctl_log(CTL_LOG_ERR, "helper: %s", what);
	ctl_end(ctl, CTL_END_VIOLATION, what);
}

static void copy_text(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text);
	ctl_text_clean(out);
}

static void on_hello(struct ctl *ctl, const Hlp__Hello *msg)
{
	struct ctl_helper_info *info = &ctl->info;

	if (ctl->hello) {
		violation(ctl, "a second hello");
		return;
	}
	ctl->hello = true;
	info->system = msg->system;
	info->id_range = msg->id_range;
	info->idmap = msg->idmap;
	info->cgroup = msg->cgroup;
	info->host_network = msg->host_network;
	info->landlock_abi = msg->landlock_abi;
	info->max_sandboxes = msg->max_sandboxes;
	copy_text(info->controllers, sizeof(info->controllers),
		  msg->controllers);
	copy_text(info->cgroup_why, sizeof(info->cgroup_why), msg->cgroup_why);
}

static void on_failed(struct ctl *ctl, const Hlp__Failed *msg)
{
	struct ctl_sandbox *sandbox = ctl_build_find(ctl, msg->seq);
	char text[160];

	copy_text(text, sizeof(text), msg->text);
	if (sandbox) {
		ctl_build_failed(sandbox, msg);
	} else if (msg->seq == 0) {
		ctl->why = (struct ctl_fail)CTL_FAIL_INIT;
		err_set(&ctl->why.err, ERR_UNSUPPORTED, 0, "%s", text);
		ctl_fail_hint(&ctl->why,
			      "creel doctor says what this machine lacks");
		ctl_end(ctl, CTL_END_HELPER, text);
	} else {
		/* A kill of a sandbox that went by itself meanwhile. */
		ctl_log(CTL_LOG_DEBUG, "helper: request %u: %s", msg->seq,
			text);
	}
}

static void on_started(struct ctl *ctl, const Hlp__Started *msg,
		       struct wire_frame *frame)
{
	struct ctl_sandbox *sandbox = ctl_build_find(ctl, msg->seq);

	if (!sandbox || msg->seq != sandbox->build->last_seq ||
	    msg->id.len != WIRE_ID_BYTES ||
	    ctl_sandbox_by_id(ctl, msg->id.data) ||
	    frame->n_fds != (msg->cgroup ? 2 : 1)) {
		violation(ctl, "a start that was not asked for");
		return;
	}
	if (ctl_sandbox_live(sandbox, msg->id.data, frame, msg->cgroup) < 0)
		ctl_end(ctl, CTL_END_FAILED, "no memory for a sandbox");
}

static void on_gone(struct ctl *ctl, const Hlp__Gone *msg)
{
	struct ctl_sandbox *sandbox;

	if (msg->id.len != WIRE_ID_BYTES) {
		violation(ctl, "an id of another length");
		return;
	}
	sandbox = ctl_sandbox_by_id(ctl, msg->id.data);
	/* One that failed to start was never told of. */
	if (sandbox)
		ctl_sandbox_gone(sandbox, msg->oom);
}

static void on_conn(struct ctl *ctl, struct wire_frame *frame)
{
	struct err err = ERR_INIT;

	if (frame->n_fds != 1) {
		violation(ctl, "a connection without its descriptor");
		return;
	}
	if (ctl_client_new(ctl, wire_frame_take_fd(frame, 0), &err) < 0)
		ctl_log(CTL_LOG_WARN, "client: %s", err.text);
}

/*
 * A label that cannot be read is one of another version of creel: its sandbox
 * cannot be told apart from others any more, so it ends.
 */
static void on_adopt(struct ctl *ctl, const Hlp__Adopt *msg,
		     struct wire_frame *frame)
{
	struct err err = ERR_INIT;
	struct ctl_sandbox *sandbox;
	struct ctl_label label;

	if (ctl->synced || msg->id.len != WIRE_ID_BYTES ||
	    ctl_sandbox_by_id(ctl, msg->id.data) ||
	    frame->n_fds != (msg->cgroup ? 2 : 1)) {
		violation(ctl, "an adoption that makes no sense");
		return;
	}
	if (ctl_label_unpack(msg->label.data, msg->label.len, &label, &err) <
	    0) {
		Hlp__Request req = HLP__REQUEST__INIT;
		Hlp__Kill kill = HLP__KILL__INIT;

		ctl_log(CTL_LOG_WARN, "adopted sandbox: %s", err.text);
		kill.id = msg->id;
		req.op_case = HLP__REQUEST__OP_KILL;
		req.kill = &kill;
		(void)ctl_helper_send(ctl, &req, -1);
		return;
	}
	sandbox = ctl_sandbox_new(ctl, &label);
	if (!sandbox ||
	    ctl_sandbox_live(sandbox, msg->id.data, frame, msg->cgroup) < 0) {
		ctl_end(ctl, CTL_END_FAILED, "no memory for a sandbox");
		return;
	}
	/* One that stands still says nothing: nobody waits for it. */
	sandbox->paused = ctl_stats_freezes(sandbox->cgroup_fd);
	sandbox->resyncing = true;
	sandbox->awaited = !sandbox->paused;
	ctl->n_resyncing += sandbox->awaited;
	sandbox->idle_run = label.kind == CTL_KIND_RUN ||
			    label.kind == CTL_KIND_NAMED;
	ctl->n_idle_runs += sandbox->idle_run;
	ctl_init_list(sandbox);
}

static void on_synced(struct ctl *ctl)
{
	const struct timeval timeout = {
		.tv_sec = CTL_RESYNC_MS / 1000,
		.tv_usec = CTL_RESYNC_MS % 1000 * 1000,
	};

	if (!ctl->hello || ctl->synced) {
		violation(ctl, "synced at another time");
		return;
	}
	ctl->synced = true;
	(void)event_add(ctl->resync_timer, &timeout);
	ctl_check_ready(ctl);
}

static void on_event(struct ctl *ctl, const Hlp__Event *ev,
		     struct wire_frame *frame)
{
	bool fds = ev->ev_case == HLP__EVENT__EV_STARTED ||
		   ev->ev_case == HLP__EVENT__EV_CONN ||
		   ev->ev_case == HLP__EVENT__EV_ADOPT ||
		   ev->ev_case == HLP__EVENT__EV_KEPT;

	if (!fds && frame->n_fds > 0) {
		violation(ctl, "descriptors that do not belong there");
		return;
	}
	if (!ctl->hello && ev->ev_case != HLP__EVENT__EV_HELLO &&
	    ev->ev_case != HLP__EVENT__EV_FAILED) {
		violation(ctl, "no hello");
		return;
	}
	if (ev->ev_case == HLP__EVENT__EV_HELLO)
		on_hello(ctl, ev->hello);
	else if (ev->ev_case == HLP__EVENT__EV_FAILED)
		on_failed(ctl, ev->failed);
	else if (ev->ev_case == HLP__EVENT__EV_STARTED)
		on_started(ctl, ev->started, frame);
	else if (ev->ev_case == HLP__EVENT__EV_GONE)
		on_gone(ctl, ev->gone);
	else if (ev->ev_case == HLP__EVENT__EV_CONN)
		on_conn(ctl, frame);
	else if (ev->ev_case == HLP__EVENT__EV_ADOPT)
		on_adopt(ctl, ev->adopt, frame);
	else if (ev->ev_case == HLP__EVENT__EV_SYNCED)
		on_synced(ctl);
	else if (ev->ev_case != HLP__EVENT__EV_KEPT)
		violation(ctl, "an event of no kind");
	/* Nothing is ever given to the helper to keep, so a kept fd is closed. */
}

static void on_frame(struct ctl_conn *conn, struct wire_frame *frame)
{
	struct ctl *ctl = container_of(conn, struct ctl, helper);
	struct err err = ERR_INIT;
	ProtobufCMessage *msg = wire_unpack(&hlp__event__descriptor,
					    &ctl->arena, frame->buf,
					    frame->len, &err);

	if (!msg)
		violation(ctl, err.text);
	else
		on_event(ctl, (const Hlp__Event *)msg, frame);
}

static void on_end(struct ctl_conn *conn, const struct err *why)
{
	struct ctl *ctl = container_of(conn, struct ctl, helper);

	if (why->code == ERR_BAD_REQUEST)
		violation(ctl, why->text);
	else
		ctl_end(ctl, CTL_END_HELPER, "the helper is gone");
}

static const struct ctl_conn_ops helper_ops = {
	.max_in_fds = 2,
	.max_out_bytes = WIRE_HELPER_MAX_BYTES,
	.max_queue_bytes = 64U << 20,
	.on_frame = on_frame,
	.on_end = on_end,
};

/**
 * ctl_helper_open() - listen to the helper
 * @fd: taken over on success
 */
int ctl_helper_open(struct ctl *ctl, int fd, struct err *err)
{
	if (ctl_conn_open(&ctl->helper, ctl->base, fd, &helper_ops, ctl->buf) <
	    0)
		return err_set(err, ERR_KERNEL, errno, "helper's socket");
	return 0;
}

/**
 * ctl_helper_send() - one verb
 * @req: its seq is set here
 * @fd:  borrowed, -1 none
 *
 * Return: 0, or -1 with the controller at its end.
 */
int ctl_helper_send(struct ctl *ctl, Hlp__Request *req, int fd)
{
	return ctl_helper_send_fds(ctl, req, &fd, fd >= 0 ? 1 : 0);
}

/**
 * ctl_helper_send_fds() - one verb that has more than one descriptor
 */
int ctl_helper_send_fds(struct ctl *ctl, Hlp__Request *req, const int *fds,
			size_t n_fds)
{
	struct err err = ERR_INIT;

	if (++ctl->seq == 0)
		ctl->seq = 1;
	req->seq = ctl->seq;
	if (ctl_conn_send(&ctl->helper, &req->base, fds, n_fds, &err) == 0)
		return 0;
	/* A verb that got lost would leave the two in different states. */
	ctl_end(ctl, CTL_END_FAILED, err.text);
	return -1;
}

/**
 * ctl_helper_kill() - have a sandbox killed; "gone" follows
 */
void ctl_helper_kill(struct ctl_sandbox *sandbox)
{
	Hlp__Request req = HLP__REQUEST__INIT;
	Hlp__Kill kill = HLP__KILL__INIT;

	kill.id.data = sandbox->id;
	kill.id.len = WIRE_ID_BYTES;
	req.op_case = HLP__REQUEST__OP_KILL;
	req.kill = &kill;
	(void)ctl_helper_send(sandbox->ctl, &req, -1);
}

/**
 * ctl_helper_bye() - tell the helper that nobody needs it
 */
void ctl_helper_bye(struct ctl *ctl)
{
	Hlp__Request req = HLP__REQUEST__INIT;
	Hlp__Bye bye = HLP__BYE__INIT;

	req.op_case = HLP__REQUEST__OP_BYE;
	req.bye = &bye;
	(void)ctl_helper_send(ctl, &req, -1);
}
