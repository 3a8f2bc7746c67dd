// SPDX-License-Identifier: Apache-2.0
/*
 * The controller as a whole: its start, its end, what happens in between with
 * the passing of time.
 */
#include <config.h>

#include "controller/core/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/core/core.h"
#include "controller/core/log.h"
#include "proto/cleanup.h"

/**
 * ctl_now() - seconds on a clock that nobody sets
 */
time_t ctl_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return ts.tv_sec;
}

/**
 * ctl_bury() - free what is buried, when the present turn is over
 */
void ctl_bury(struct ctl *ctl)
{
	event_active(ctl->sweep, EV_TIMEOUT, 0);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl = arg;
	struct ctl_sandbox *sandbox;
	struct ctl_client *client;
	struct ctl_exec *exec;

	(void)fd;
	(void)what;
	while ((exec = LIST_FIRST(&ctl->dead_execs))) {
		LIST_REMOVE(exec, link);
		ctl_exec_free(exec);
	}
	while ((sandbox = LIST_FIRST(&ctl->dead_sandboxes))) {
		LIST_REMOVE(sandbox, link);
		ctl_sandbox_free(sandbox);
	}
	while ((client = LIST_FIRST(&ctl->dead_clients))) {
		LIST_REMOVE(client, link);
		ctl_client_free(client);
	}
}

/**
 * ctl_end() - there is nothing more that this controller can do
 * @why: for the log
 *
 * Clients are told what became of their commands and dropped; on_end is called
 * once.
 */
void ctl_end(struct ctl *ctl, enum ctl_end end, const char *why)
{
	struct ctl_sandbox *sandbox, *next;
	struct ctl_client *client;

	if (ctl->ended)
		return;
	ctl->ended = true;
	ctl_conn_close(&ctl->helper);
	for (sandbox = LIST_FIRST(&ctl->sandboxes); sandbox; sandbox = next) {
		next = LIST_NEXT(sandbox, link);
		ctl_sandbox_gone(sandbox, false);
	}
	while ((client = LIST_FIRST(&ctl->clients))) {
		/* One whose request was never read hears why all the same. */
		if (!ctl->ready && ctl->why.err.code != ERR_NONE)
			ctl_reply_fail(client, 0, &ctl->why);
		(void)ctl_conn_flush(&client->conn);
		ctl_client_drop(client);
	}
	(void)event_del(ctl->tick);
	(void)event_del(ctl->resync_timer);
	(void)event_del(ctl->overlay_timer);
	if (ctl->options.on_end)
		ctl->options.on_end(ctl->options.on_end_arg, end, why);
}

static void serve_clients(struct ctl *ctl)
{
	struct ctl_client *client;

	ctl->ready = true;
	CTL_HOOK(ctl, ready, ctl);
	(void)event_del(ctl->resync_timer);
	event_active(ctl->overlay_timer, EV_TIMEOUT, 0);
	LIST_FOREACH(client, &ctl->clients, link)
		ctl_conn_read(&client->conn, true);
}

/**
 * ctl_check_ready() - serve clients as soon as everything is known
 *
 * Until the helper has named the living sandboxes and these their commands,
 * requests stay in their sockets: a token that is not known yet would look
 * like one that never was.
 */
void ctl_check_ready(struct ctl *ctl)
{
	if (!ctl->ready && ctl->synced && ctl->n_resyncing == 0)
		serve_clients(ctl);
}

static void on_resync_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl = arg;

	(void)fd;
	(void)what;
	if (!ctl->ready && ctl->synced) {
		ctl_log(CTL_LOG_WARN, "%u sandboxes do not answer",
			ctl->n_resyncing);
		serve_clients(ctl);
	}
}

static void on_overlay_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl = arg;

	(void)fd;
	(void)what;
	if (!ctl->ended)
		ctl_overlay_sweep(ctl);
}

/* Adopted sandboxes of run whose clients never came back. */
static void reap_runs(struct ctl *ctl, time_t now)
{
	struct ctl_sandbox *sandbox, *next;

	if (ctl->n_idle_runs == 0)
		return;
	for (sandbox = LIST_FIRST(&ctl->sandboxes); sandbox; sandbox = next) {
		next = LIST_NEXT(sandbox, link);
		if (sandbox->idle_run && !sandbox->paused &&
		    now - sandbox->since >= CTL_RECLAIM_SEC)
			ctl_sandbox_kill(sandbox, CTL_DEATH_RUN_OVER);
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct ctl *ctl = arg;
	unsigned int timeout = ctl->options.idle_timeout_sec;
	time_t now = ctl_now();

	(void)fd;
	(void)what;
	ctl_exec_tick(ctl);
	reap_runs(ctl, now);
	if (ctl->ready)
		CTL_HOOK(ctl, tick, ctl);
	if (!ctl->synced || ctl->n_sandboxes > 0 || ctl->n_clients > 0) {
		ctl->busy_at = now;
		return;
	}
	if (timeout == 0 || now - ctl->busy_at < (time_t)timeout)
		return;
	ctl_helper_bye(ctl);
	ctl_end(ctl, CTL_END_IDLE, "idle");
}

static void protect_own(struct ctl *ctl)
{
	ctl_protect_own(&ctl->protect, ctl->state_dir);
	for (size_t i = 0;
	     ctl->options.protect && ctl->options.protect[i]; i++)
		ctl_protect_add(&ctl->protect, ctl->options.protect[i]);
}

static int make_events(struct ctl *ctl, struct event_base *base)
{
	const struct timeval tick = {
		.tv_sec = ctl->options.idle_timeout_sec > 0 &&
					  ctl->options.idle_timeout_sec <
						  CTL_TICK_SEC ?
				  1 :
				  CTL_TICK_SEC,
	};

	ctl->base = base;
	ctl->sweep = event_new(base, -1, 0, on_sweep, ctl);
	ctl->tick = event_new(base, -1, EV_PERSIST, on_tick, ctl);
	ctl->resync_timer = event_new(base, -1, 0, on_resync_timeout, ctl);
	ctl->overlay_timer = event_new(base, -1, 0, on_overlay_timer, ctl);
	if (!ctl->sweep || !ctl->tick || !ctl->resync_timer ||
	    !ctl->overlay_timer)
		return -1;
	return event_add(ctl->tick, &tick);
}

static int make(struct ctl *ctl, struct event_base *base)
{
	ctl->buf = malloc(WIRE_FRAME_MAX_BYTES);
	ctl->arena_base = malloc(WIRE_ARENA_BYTES);
	ctl->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (!ctl->buf || !ctl->arena_base || ctl->null_fd < 0 ||
	    ctl_map_init(&ctl->names) < 0 || ctl_map_init(&ctl->ids) < 0 ||
	    ctl_map_init(&ctl->tokens) < 0 || make_events(ctl, base) < 0)
		return -1;
	arena_init(&ctl->arena, ctl->arena_base, WIRE_ARENA_BYTES);
	ctl->state_dir = ctl_state_dir(&ctl->options);
	protect_own(ctl);
	ctl->busy_at = ctl_now();
	return 0;
}

/**
 * ctl_new() - a controller on a helper's socket
 * @base:      the loop that drives it, borrowed; must outlive it
 * @helper_fd: SOCK_SEQPACKET; taken over on success
 * @options:   copied; what it points to is borrowed
 *
 * Return: the controller or NULL.
 */
struct ctl *ctl_new(struct event_base *base, int helper_fd,
		    const struct ctl_options *options, struct err *err)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));

	if (!ctl) {
		err_set(err, ERR_KERNEL, ENOMEM, "controller");
		return NULL;
	}
	ctl->options = *options;
	ctl->null_fd = -1;
	ctl_conn_init(&ctl->helper);
	if (make(ctl, base) < 0)
		err_set(err, ERR_KERNEL, errno, "controller");
	else if (ctl_helper_open(ctl, helper_fd, err) == 0)
		return ctl;
	ctl_free(ctl);
	return NULL;
}

/**
 * ctl_add_client() - serve a client
 * @fd: SOCK_SEQPACKET, taken over in any case
 *
 * Return: 0 or -1: LIMIT where there are too many.
 */
int ctl_add_client(struct ctl *ctl, int fd, struct err *err)
{
	auto_fd owned = fd;

	if (ctl->ended)
		return err_set(err, ERR_BAD_STATE, 0, "the controller ends");
	return ctl_client_new(ctl, fd_take(&owned), err);
}

/**
 * ctl_free() - release a controller; sandboxes live on if their helper does
 */
void ctl_free(struct ctl *ctl)
{
	struct ctl_sandbox *sandbox;
	struct ctl_client *client;
	struct ctl_exec *exec;

	if (!ctl)
		return;
	ctl->ended = true;
	ctl_conn_close(&ctl->helper);
	while ((client = LIST_FIRST(&ctl->clients)))
		ctl_client_drop(client);
	while ((sandbox = LIST_FIRST(&ctl->sandboxes))) {
		while ((exec = LIST_FIRST(&sandbox->execs)))
			ctl_exec_forget(exec);
		LIST_REMOVE(sandbox, link);
		ctl_sandbox_free(sandbox);
	}
	ctl_pause_fini(ctl);
	while ((exec = LIST_FIRST(&ctl->orphans)))
		ctl_exec_forget(exec);
	if (ctl->overlay_left)
		ctl_overlay_sweep(ctl);
	if (ctl->sweep) {
		on_sweep(-1, 0, ctl);
		event_free(ctl->sweep);
	}
	if (ctl->tick)
		event_free(ctl->tick);
	if (ctl->resync_timer)
		event_free(ctl->resync_timer);
	if (ctl->overlay_timer)
		event_free(ctl->overlay_timer);
	ctl_map_fini(&ctl->names);
	ctl_map_fini(&ctl->ids);
	ctl_map_fini(&ctl->tokens);
	ctl_protect_fini(&ctl->protect);
	fd_close(&ctl->null_fd);
	free(ctl->state_dir);
	free(ctl->arena_base);
	free(ctl->buf);
	free(ctl);
}
