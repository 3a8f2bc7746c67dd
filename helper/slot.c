// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a sandbox as the spawner sees it: lease, cgroup, clone, steps,
 * end.  State changes here alone and moves forward only; what a slot owns goes
 * in one function, in the order kill, reap, cgroup, lease, report.
 */
#include <config.h>

#include "helper/slot.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "helper/log.h"
#include "helper/user.h"
#include "proto/cleanup.h"

#define HLP_KEPT_IDMAPS 16

static void slot_init(struct hlp_slot *slot)
{
	*slot = (struct hlp_slot){ .state = HLP_SLOT_FREE,
				   .pidfd = -1,
				   .step_fd = -1 };
	hlp_cgroup_init(&slot->cgroup);
}

/**
 * hlp_slots_init() - an empty table
 */
void hlp_slots_init(struct hlp_slots *slots, int dispatcher_fd,
		    const struct hlp_spawner_config *config)
{
	slots->config = config;
	slots->dispatcher_fd = dispatcher_fd;
	slots->self.system = config->system;
	slots->self.uid = geteuid();
	slots->self.gid = getegid();
	slots->self.caller_uid = config->caller_uid;
	slots->self.caller_gid = config->caller_gid;
	/* The others are all zero, which is free, and never looked at. */
	for (uint32_t i = 0; i < config->max_sandboxes && i < HLP_MAX_SLOTS;
	     i++)
		slot_init(&slots->slot[i]);
}

/* The lowest that is free: its id shift is there already. */
static int lease(struct hlp_slots *slots, struct hlp_slot *slot,
		 struct err *err)
{
	uint32_t n = slots->config->n_blocks;

	for (uint32_t i = 0; i < n && i < HLP_MAX_BLOCKS; i++) {
		uint32_t first =
			slots->config->block_base + (i << HLP_BLOCK_SHIFT);
		uint32_t number = first >> HLP_BLOCK_SHIFT;

		if (slots->block[i].leased ||
		    hlp_block_lock(slots->config->lease_fd, number, F_WRLCK))
			continue;
		if (!hlp_cgroup_busy(slots->config->cgroup_fd, number)) {
			slots->block[i].leased = true;
			slot->block = first;
			return 0;
		}
		(void)hlp_block_lock(slots->config->lease_fd, number, F_UNLCK);
	}
	return err_set(err, ERR_LIMIT, 0, "no block of ids is free");
}

static void release(struct hlp_slots *slots, struct hlp_slot *slot)
{
	uint32_t index =
		(slot->block - slots->config->block_base) >> HLP_BLOCK_SHIFT;
	struct hlp_block *block = &slots->block[index];

	if (!slot->block)
		return;
	/* The lowest blocks are soon leased again, the others may never be. */
	if (index >= HLP_KEPT_IDMAPS && block->idmap_fd > 0) {
		close(block->idmap_fd);
		block->idmap_fd = 0;
	}
	block->leased = false;
	(void)hlp_block_lock(slots->config->lease_fd,
			     slot->block >> HLP_BLOCK_SHIFT, F_UNLCK);
	slot->block = 0;
}

/**
 * hlp_slot_kill() - kill a sandbox: pid 1 by its pidfd, and its cgroup
 */
void hlp_slot_kill(const struct hlp_slot *slot)
{
	if (slot->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, slot->pidfd, SIGKILL, NULL,
			      0);
	hlp_cgroup_kill(&slot->cgroup);
}

/* The last of a slot. A cgroup that is not empty keeps the lease. */
static void finish(struct hlp_slots *slots, struct hlp_slot *slot)
{
	struct hlp_report report = { .kind = HLP_REPORT_GONE,
				     .slot = (uint32_t)(slot - slots->slot),
				     .wait_status = slot->wait_status };
	bool stuck = slot->state == HLP_SLOT_STUCK;

	report.oom = hlp_cgroup_oom(&slot->cgroup);
	if (hlp_cgroup_remove(slots->config->cgroup_fd, &slot->cgroup) < 0) {
		hlp_cgroup_kill(&slot->cgroup);
		slot->state = HLP_SLOT_STUCK;
		slots->n_stuck += !stuck;
		return;
	}
	slots->n_stuck -= stuck;
	release(slots, slot);
	fd_close(&slot->pidfd);
	fd_close(&slot->step_fd);
	slot_init(slot);
	hlp_tell(slots, &report, -1);
}

/**
 * hlp_slot_reap() - pid 1 has ended, and with it all of its pid namespace
 */
void hlp_slot_reap(struct hlp_slots *slots, struct hlp_slot *slot)
{
	if (slot->pidfd < 0 || slot->pid <= 0 ||
	    waitpid(slot->pid, &slot->wait_status, WNOHANG) != slot->pid)
		return;
	slot->pid = 0;
	fd_close(&slot->pidfd);
	fd_close(&slot->step_fd);
	hlp_cgroup_kill(&slot->cgroup);
	finish(slots, slot);
}

/**
 * hlp_slots_retry() - try again to remove what was stuck
 */
void hlp_slots_retry(struct hlp_slots *slots)
{
	for (uint32_t i = 0; i < HLP_MAX_SLOTS && slots->n_stuck; i++)
		if (slots->slot[i].state == HLP_SLOT_STUCK)
			finish(slots, &slots->slot[i]);
}

/**
 * hlp_slots_end() - kill every sandbox and wait for the ends
 * @wait_ms: for all of them: one that hangs must not hold up the others' user
 */
void hlp_slots_end(struct hlp_slots *slots, int wait_ms)
{
	const int64_t until_ms = hlp_now_ms() + wait_ms;

	slots->broken = true; /* nobody is left to tell */
	for (uint32_t i = 0; i < HLP_MAX_SLOTS; i++)
		if (slots->slot[i].state != HLP_SLOT_FREE)
			hlp_slot_kill(&slots->slot[i]);
	for (uint32_t i = 0; i < HLP_MAX_SLOTS; i++) {
		struct hlp_slot *slot = &slots->slot[i];

		if (slot->state == HLP_SLOT_FREE)
			continue;
		struct pollfd end = { .fd = slot->pidfd, .events = POLLIN };
		int64_t left_ms = until_ms - hlp_now_ms();

		if (slot->pidfd >= 0 &&
		    poll(&end, 1, left_ms > 0 ? (int)left_ms : 0) > 0)
			hlp_slot_reap(slots, slot);
		for (int tries = 0; slot->state == HLP_SLOT_STUCK && tries < 20;
		     tries++) {
			(void)poll(NULL, 0, 10);
			finish(slots, slot);
		}
	}
}

static int watch(const struct hlp_slots *slots, int fd, uint64_t tag)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = tag };

	return epoll_ctl(slots->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* The block's base in system mode, id 0's owner or the caller rootless. */
static int make_cgroup(struct hlp_slots *slots, struct hlp_slot *slot,
		       const struct hlp_box_config *box, struct err *err)
{
	const struct hlp_spawner_config *config = slots->config;
	uint32_t id = config->system ? slot->block :
		      box->maps.uid.extent[0].inside ?
				       0 :
				       box->maps.uid.extent[0].outside;
	uint32_t gid = config->system ? slot->block :
		       box->maps.gid.extent[0].inside ?
					0 :
					box->maps.gid.extent[0].outside;

	if (config->cgroup_fd < 0)
		return 0;
	/* hlp_cgroup_sweep() knows from it whose the directory is. */
	if (config->system)
		(void)snprintf(slot->cgroup.name, sizeof(slot->cgroup.name),
			       "b%u", slot->block >> HLP_BLOCK_SHIFT);
	else
		(void)snprintf(slot->cgroup.name, sizeof(slot->cgroup.name),
			       "s%d-%u", (int)getpid(),
			       (uint32_t)(slot - slots->slot));
	if (hlp_cgroup_make(config->cgroup_fd, config->controllers,
			    &slot->cgroup, err) < 0)
		return -1;
	return hlp_cgroup_delegate(&slot->cgroup, id, gid, config->system, err);
}

static uint64_t ceiling(const struct hlp_spawner_config *config,
			enum hlp_limit limit)
{
	if (limit == HLP_LIMIT_MEMORY_MAX || limit == HLP_LIMIT_MEMORY_SWAP_MAX)
		return config->max_memory;
	if (limit == HLP_LIMIT_PIDS_MAX)
		return config->max_pids;
	return limit == HLP_LIMIT_CPU_MAX ? config->max_cpu_usec : 0;
}

static int set_ceilings(const struct hlp_slots *slots, struct hlp_slot *slot,
			struct err *err)
{
	for (enum hlp_limit i = 1; i < HLP_LIMIT_COUNT; i++) {
		uint64_t value = ceiling(slots->config, i);

		if (!value ||
		    hlp_cgroup_limit(&slot->cgroup, i, value, err) == 0)
			continue;
		/* A kernel without swap accounting has no such file. */
		if (i != HLP_LIMIT_MEMORY_SWAP_MAX ||
		    err->code != ERR_UNSUPPORTED)
			return -1;
		*err = (struct err)ERR_INIT;
	}
	return 0;
}

static int spawn(struct hlp_slots *slots, struct hlp_slot *slot,
		 struct hlp_box_config *box, struct err *err)
{
	struct hlp_child child;
	auto_fd inside_fd = -1;
	int ends[2];

	if (slots->config->system && lease(slots, slot, err) < 0)
		return -1;
	if (hlp_maps_choose(&slots->self, box, slot->block, err) < 0 ||
	    make_cgroup(slots, slot, box, err) < 0 ||
	    set_ceilings(slots, slot, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_set(err, ERR_KERNEL, errno, "socketpair");
	slot->step_fd = ends[0];
	inside_fd = ends[1];
	box->step_fd = ends[1];
	box->cgroup = slot->cgroup.outer_fd >= 0;
	if (fcntl(slot->step_fd, F_SETFL, O_NONBLOCK) < 0 ||
	    setsockopt(slot->step_fd, SOL_SOCKET, SO_SNDBUF,
		       &(int){ 1024 * 1024 }, sizeof(int)) < 0)
		return err_set(err, ERR_KERNEL, errno, "step socket");
	child.cgroup_fd = slot->cgroup.inner_fd;
	child.step_fd = slot->step_fd;
	if (hlp_clone_box(&slots->self, box, slot->block, &child, err) < 0)
		return -1;
	slot->pidfd = child.pidfd;
	slot->pid = child.pid;
	fd_close(&slot->cgroup.inner_fd);
	if (watch(slots, slot->pidfd,
		  2 * (uint64_t)(slot - slots->slot) + HLP_TAG_PID) < 0 ||
	    watch(slots, slot->step_fd,
		  2 * (uint64_t)(slot - slots->slot) + HLP_TAG_STEP) < 0)
		return err_set(err, ERR_KERNEL, errno, "epoll_ctl");
	/* The maps are written: the first datagram says so. */
	if (wire_send(slot->step_fd, &box->step, sizeof(box->step), NULL, 0,
		      err) < 0)
		return -1;
	/* While it works: what the first bind source will need. */
	return !slots->config->system || slot->map_caller ||
			       hlp_bind_idmap(slots, slot, err) >= 0 ?
		       0 :
		       -1;
}

/*
 * Safety: a controller chooses what ids are called inside, whether there is a
 * network, and which of the policy's capabilities commands keep. What each
 * stands for outside is decided here, from the policy and the table.
 */
static int check_new(const struct hlp_slots *slots, const struct hlp_step *step,
		     struct err *err)
{
	const struct hlp_spawner_config *config = slots->config;

	if (slots->unable.code != ERR_NONE) {
		*err = slots->unable;
		return -1;
	}
	if (step->new_.net == HLP_NET_HOST && !config->allow_host_net)
		return err_set(err, ERR_DENIED, 0,
			       "the policy does not allow the host's network");
	if (step->new_.cap_keep & ~config->cap_keep_allowed)
		return err_set(err, ERR_DENIED, 0,
			       "the policy does not allow these capabilities");
	if (step->new_.map_caller && config->system &&
	    !config->allow_map_caller)
		return err_set(err, ERR_DENIED, 0,
			       "the policy does not allow map-caller");
	if (step->new_.want_cgroup && config->cgroup_fd < 0)
		return err_set(err, ERR_UNSUPPORTED, 0, "no cgroups: %s",
			       config->cgroup_why);
	return 0;
}

static void do_new(struct hlp_slots *slots, struct hlp_slot *slot,
		   const struct hlp_step *step, struct wire_frame *frame)
{
	struct hlp_report report = { .kind = HLP_REPORT_SPAWNED,
				     .slot = step->slot,
				     .seq = step->seq };
	struct hlp_box_config box = { .step = *step,
				      .system = slots->config->system,
				      .proc_fd = -1 };
	auto_fd control_fd = wire_frame_take_fd(frame, 0);
	auto_fd view_fd = -1;
	struct err err = ERR_INIT;

	box.control_fd = control_fd;
	slot->state = HLP_SLOT_BUILDING;
	slot->map_caller = step->new_.map_caller;
	slot->uid = step->new_.uid;
	slot->gid = step->new_.gid;
	if (check_new(slots, step, &err) < 0 ||
	    spawn(slots, slot, &box, &err) < 0) {
		slot->failed = true;
		hlp_tell_failed(slots, step->slot, step->seq, &err);
		hlp_slot_kill(slot);
		if (slot->pidfd < 0)
			finish(slots, slot);
		return;
	}
	/* Its lock is not on this one. */
	view_fd = hlp_cgroup_dir(slot->cgroup.outer_fd, ".");
	report.cgroup = view_fd >= 0;
	hlp_tell(slots, &report, view_fd);
}

static int do_limit(const struct hlp_slots *slots, const struct hlp_slot *slot,
		    const struct hlp_step *step, struct err *err)
{
	uint64_t most = ceiling(slots->config, step->limit.limit);

	if (most && step->limit.value > most)
		return err_set(err, ERR_DENIED, 0,
			       "the policy allows at most %" PRIu64, most);
	return hlp_cgroup_limit(&slot->cgroup, step->limit.limit,
				step->limit.value, err);
}

/* A setup process that does not read is not waited for. */
static int relay(const struct hlp_slot *slot, const struct hlp_step *step,
		 struct err *err)
{
	if (wire_send(slot->step_fd, step, sizeof(*step), NULL, 0, err) == 0)
		return 0;
	hlp_slot_kill(slot);
	return err_wrap(err, "setup process");
}

static void build(struct hlp_slots *slots, struct hlp_slot *slot,
		  const struct hlp_step *step, struct wire_frame *frame)
{
	struct err err = ERR_INIT;
	int failed = 0;

	if (slot->failed) {
		if (step->op != HLP_OP_START)
			return;
		failed = err_set(&err, ERR_BAD_STATE, 0,
				 "an earlier step failed");
		hlp_slot_kill(slot);
	} else if (step->op == HLP_OP_LIMIT) {
		failed = do_limit(slots, slot, step, &err);
	} else if (frame->n_fds > 0) {
		failed = hlp_bind_relay(slots, slot, step, frame, &err);
	} else {
		failed = relay(slot, step, &err);
	}
	if (failed) {
		slot->failed = true;
		hlp_tell_failed(slots, step->slot, step->seq, &err);
	}
}

/**
 * hlp_slot_step() - act on a checked step
 * @frame: has the step's descriptors
 *
 * A step for a slot that is in another state is late, not wrong: the slot may
 * have gone while it was under way.
 */
void hlp_slot_step(struct hlp_slots *slots, const struct hlp_step *step,
		   struct wire_frame *frame)
{
	struct hlp_slot *slot = &slots->slot[step->slot];

	if (step->op == HLP_OP_NEW) {
		if (slot->state == HLP_SLOT_FREE)
			do_new(slots, slot, step, frame);
		else
			slots->broken = true;
	} else if (step->op == HLP_OP_KILL || step->op == HLP_OP_ABORT) {
		/* Safety: the pidfd is the slot's own; no number is sent. */
		if (slot->state != HLP_SLOT_FREE)
			hlp_slot_kill(slot);
	} else if (step->op == HLP_OP_PAUSE) {
		/* Safety: the slot's own cgroup; hlp_slot_kill() thaws it. */
		if (slot->state == HLP_SLOT_RUNNING)
			hlp_cgroup_freeze(&slot->cgroup, step->pause.on);
	} else if (slot->state == HLP_SLOT_BUILDING) {
		build(slots, slot, step, frame);
	}
}
