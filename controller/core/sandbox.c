// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a sandbox, as the controller sees it.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/core/core.h"
#include "controller/core/fs.h"
#include "controller/core/log.h"
#include "controller/core/masks.h"
#include "proto/cleanup.h"

static void set_idle_run(struct ctl_sandbox *sandbox, bool on)
{
	if (sandbox->idle_run == on)
		return;
	sandbox->idle_run = on;
	if (on)
		sandbox->ctl->n_idle_runs++;
	else
		sandbox->ctl->n_idle_runs--;
}

static void leave_names(struct ctl_sandbox *sandbox)
{
	if (sandbox->in_names)
		ctl_map_del(&sandbox->ctl->names, &sandbox->by_name);
	sandbox->in_names = false;
}

static void end_resync(struct ctl_sandbox *sandbox)
{
	if (!sandbox->resyncing)
		return;
	sandbox->resyncing = false;
	ctl_pause_settled(sandbox->ctl);
	if (!sandbox->awaited)
		return;
	sandbox->awaited = false;
	sandbox->ctl->n_resyncing--;
	ctl_check_ready(sandbox->ctl);
}

/**
 * ctl_sandbox_new() - enter a sandbox into the tables
 * @label: copied; its name is in no use, else the sandbox can only be found by
 *         its id
 *
 * Return: the sandbox, owned by @ctl, or NULL without memory.
 */
struct ctl_sandbox *ctl_sandbox_new(struct ctl *ctl,
				    const struct ctl_label *label)
{
	struct ctl_sandbox *sandbox = calloc(1, sizeof(*sandbox));
	size_t len = strlen(label->name);

	if (!sandbox)
		return NULL;
	sandbox->ctl = ctl;
	sandbox->state = CTL_SANDBOX_BUILDING;
	sandbox->label = *label;
	sandbox->cgroup_fd = -1;
	sandbox->watch = ctl_watch_unpack(label->watch);
	sandbox->since = ctl_now();
	ctl_conn_init(&sandbox->init);
	ctl_defaults_init(&sandbox->defaults);
	LIST_INIT(&sandbox->execs);
	TAILQ_INIT(&sandbox->fs);
	LIST_INIT(&sandbox->waiters);
	LIST_INSERT_HEAD(&ctl->sandboxes, sandbox, link);
	ctl->n_sandboxes++;
	if (!ctl_map_get(&ctl->names, label->name, len)) {
		ctl_map_put(&ctl->names, &sandbox->by_name,
			    sandbox->label.name, len);
		sandbox->in_names = true;
	}
	return sandbox;
}

static struct ctl_sandbox *find_by_prefix(struct ctl *ctl, const char *prefix,
					  struct ctl_fail *fail)
{
	struct ctl_sandbox *sandbox, *found = NULL;
	size_t len = strlen(prefix);

	LIST_FOREACH(sandbox, &ctl->sandboxes, link) {
		if (!sandbox->in_ids || sandbox->state != CTL_SANDBOX_LIVE ||
		    strncmp(sandbox->hex, prefix, len) != 0)
			continue;
		if (found) {
			err_set(&fail->err, ERR_BAD_STATE, 0,
				"%s: more than one id begins with it", prefix);
			return NULL;
		}
		found = sandbox;
	}
	return found;
}

/**
 * ctl_sandbox_find() - the sandbox that a caller means
 * @target: checked by ctl_name_check(); a name, a session key, or at least six
 *          digits of an id
 * @fail:   filled where @target is ambiguous, else untouched
 *
 * Return: a sandbox that is not dying, or NULL.
 */
struct ctl_sandbox *ctl_sandbox_find(struct ctl *ctl, const char *target,
				     struct ctl_fail *fail)
{
	struct ctl_node *node = ctl_map_get(&ctl->names, target,
					    strlen(target));

	if (node)
		return container_of(node, struct ctl_sandbox, by_name);
	if (ctl_name_is_hex_prefix(target))
		return find_by_prefix(ctl, target, fail);
	return NULL;
}

/**
 * ctl_sandbox_by_id() - by all of its id, whatever its state
 */
struct ctl_sandbox *ctl_sandbox_by_id(struct ctl *ctl, const uint8_t *id)
{
	struct ctl_node *node = ctl_map_get(&ctl->ids, id, WIRE_ID_BYTES);

	return node ? container_of(node, struct ctl_sandbox, by_id) : NULL;
}

static void leave_building(struct ctl_sandbox *sandbox)
{
	if (!sandbox->build)
		return;
	LIST_REMOVE(sandbox, building);
	ctl_build_free(sandbox->build);
	sandbox->build = NULL;
}

/* Sends whatever waits for the sandbox. */
static void go_all(struct ctl_sandbox *sandbox)
{
	struct ctl_exec *exec, *next;

	for (exec = LIST_FIRST(&sandbox->execs); exec; exec = next) {
		next = LIST_NEXT(exec, link);
		ctl_exec_go(exec);
	}
}

/**
 * ctl_sandbox_release() - its setup is done: commands wait no longer
 */
void ctl_sandbox_release(struct ctl_sandbox *sandbox)
{
	sandbox->held = false;
	go_all(sandbox);
}

/**
 * ctl_sandbox_live() - the helper has started it, or hands it over
 * @id:    WIRE_ID_BYTES, in no table
 * @frame: creel-init's socket, and the cgroup directory with @cgroup
 *
 * Return: 0 or -1 without memory.
 */
int ctl_sandbox_live(struct ctl_sandbox *sandbox, const uint8_t *id,
		     struct wire_frame *frame, bool cgroup)
{
	struct ctl *ctl = sandbox->ctl;
	auto_fd init_fd = wire_frame_take_fd(frame, 0);

	memcpy(sandbox->id, id, WIRE_ID_BYTES);
	ctl_name_hex(id, sandbox->hex);
	ctl_map_put(&ctl->ids, &sandbox->by_id, sandbox->id, WIRE_ID_BYTES);
	sandbox->in_ids = true;
	if (cgroup)
		sandbox->cgroup_fd = wire_frame_take_fd(frame, 1);
	ctl_overlay_keep(sandbox);
	leave_building(sandbox);
	if (sandbox->state == CTL_SANDBOX_DYING) {
		ctl_helper_kill(sandbox);
		return 0;
	}
	if (ctl_init_open(sandbox, init_fd) < 0)
		return -1;
	(void)fd_take(&init_fd);
	sandbox->state = CTL_SANDBOX_LIVE;
	sandbox->since = ctl_now();
	/* Those of sessions are in the sessions' own store. */
	sandbox->marked = sandbox->label.kind != CTL_KIND_RUN &&
			  !sandbox->label.managed;
	if (sandbox->marked)
		ctl_state_mark(ctl, sandbox->label.name, true);
	ctl_log(CTL_LOG_INFO, "sandbox=%s started id=%s", sandbox->label.name,
		sandbox->hex);
	CTL_HOOK(ctl, sandbox_live, sandbox);
	go_all(sandbox);
	return 0;
}

static void answer_waiters(struct ctl_sandbox *sandbox)
{
	struct ctl_waiter *waiter;

	while ((waiter = LIST_FIRST(&sandbox->waiters))) {
		ctl_reply_done(waiter->client, waiter->seq);
		ctl_waiter_free(waiter);
	}
}

static void bury(struct ctl_sandbox *sandbox)
{
	struct ctl *ctl = sandbox->ctl;

	if (sandbox->buried)
		return;
	answer_waiters(sandbox);
	ctl_pause_end(sandbox);
	set_idle_run(sandbox, false);
	end_resync(sandbox);
	leave_names(sandbox);
	leave_building(sandbox);
	if (sandbox->in_ids)
		ctl_map_del(&ctl->ids, &sandbox->by_id);
	sandbox->in_ids = false;
	ctl_conn_close(&sandbox->init);
	fd_close(&sandbox->cgroup_fd);
	LIST_REMOVE(sandbox, link);
	ctl->n_sandboxes--;
	ctl->busy_at = ctl_now();
	sandbox->buried = true;
	LIST_INSERT_HEAD(&ctl->dead_sandboxes, sandbox, link);
	ctl_bury(ctl);
}

/**
 * ctl_sandbox_start_failed() - it could not be built
 */
void ctl_sandbox_start_failed(struct ctl_sandbox *sandbox,
			      const struct ctl_fail *fail)
{
	struct ctl_exec *exec;

	ctl_overlay_gone(sandbox);
	while ((exec = LIST_FIRST(&sandbox->execs)))
		ctl_exec_fail(exec, fail);
	CTL_HOOK(sandbox->ctl, sandbox_failed, sandbox, fail);
	CTL_HOOK(sandbox->ctl, sandbox_gone, sandbox);
	bury(sandbox);
}

/**
 * ctl_sandbox_kill() - end a sandbox
 * @death: why; CTL_DEATH_NONE where pid 1 has gone by itself
 *
 * It can no longer be found by its name from here on; ctl_sandbox_gone()
 * follows when nothing of it is left.
 */
void ctl_sandbox_kill(struct ctl_sandbox *sandbox, enum ctl_death death)
{
	if (sandbox->state == CTL_SANDBOX_DYING) {
		if (sandbox->death == CTL_DEATH_NONE)
			sandbox->death = death;
		return;
	}
	if (sandbox->state == CTL_SANDBOX_PREPARING) {
		sandbox->death = death;
		ctl_sandbox_gone(sandbox, false);
		return;
	}
	sandbox->state = CTL_SANDBOX_DYING;
	sandbox->death = death;
	set_idle_run(sandbox, false);
	leave_names(sandbox);
	/* An end that was asked for is none that anybody must be told of. */
	if (sandbox->marked && (death == CTL_DEATH_ASKED ||
				death == CTL_DEATH_RUN_OVER))
		ctl_state_mark(sandbox->ctl, sandbox->label.name, false);
	CTL_HOOK(sandbox->ctl, sandbox_end, sandbox);
	/* pid 1 exits as soon as it sees this, before the helper gets to it. */
	if (sandbox->init.fd >= 0)
		(void)shutdown(sandbox->init.fd, SHUT_RDWR);
	/* One that is being built is killed when the helper has named it. */
	if (sandbox->in_ids)
		ctl_helper_kill(sandbox);
}

/**
 * ctl_sandbox_gone() - nothing of it is left
 * @oom: the kernel killed something of it for want of memory
 *
 * What its pid 1 said before it died still counts.
 */
void ctl_sandbox_gone(struct ctl_sandbox *sandbox, bool oom)
{
	struct ctl_exec *exec;

	sandbox->state = CTL_SANDBOX_DYING;
	sandbox->oom = oom;
	leave_names(sandbox);
	if (sandbox->init.fd >= 0)
		ctl_conn_drain(&sandbox->init);
	ctl_fs_sandbox_gone(sandbox);
	ctl_log(CTL_LOG_INFO, "sandbox=%s gone%s", sandbox->label.name,
		sandbox->death == CTL_DEATH_NONE ? " by itself" : "");
	ctl_overlay_gone(sandbox);
	ctl_trust_look(sandbox, LIST_FIRST(&sandbox->execs));
	while ((exec = LIST_FIRST(&sandbox->execs)))
		ctl_exec_sandbox_gone(exec);
	CTL_HOOK(sandbox->ctl, sandbox_gone, sandbox);
	bury(sandbox);
}

/**
 * ctl_sandbox_free() - release; in no list any more
 */
void ctl_sandbox_free(struct ctl_sandbox *sandbox)
{
	ctl_fs_free(sandbox);
	ctl_conn_close(&sandbox->init);
	fd_close(&sandbox->cgroup_fd);
	ctl_defaults_fini(&sandbox->defaults);
	ctl_build_free(sandbox->build);
	ctl_watch_free(sandbox->watch);
	ctl_pause_end(sandbox);
	for (size_t i = 0; i < sandbox->n_warnings; i++)
		free(sandbox->warnings[i]);
	ctl_keys_free(sandbox->keys);
	free(sandbox);
}

/**
 * ctl_sandbox_resynced() - an adopted sandbox has named all its commands
 */
void ctl_sandbox_resynced(struct ctl_sandbox *sandbox)
{
	struct ctl_exec *exec;
	bool running = false;

	LIST_FOREACH(exec, &sandbox->execs, link)
		running |= exec->state == CTL_EXEC_RUNNING;
	if (running)
		set_idle_run(sandbox, false);
	end_resync(sandbox);
}

/**
 * ctl_sandbox_await_run() - is a run's sandbox without its command?
 * @on: it ends by itself unless a client comes for it
 */
void ctl_sandbox_await_run(struct ctl_sandbox *sandbox, bool on)
{
	sandbox->since = ctl_now();
	set_idle_run(sandbox, on);
}
