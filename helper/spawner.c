// SPDX-License-Identifier: Apache-2.0
/*
 * The spawner S: the one process that uses privileges, and the parent of every
 * sandbox.  Its peer, the dispatcher, may have been taken over; so each step is
 * checked again, and what it says of a slot is compared with the table here.
 * It waits for nobody: not for a setup process, whose socket is non-blocking,
 * and not for a file system, which it never asks anything.
 */
#include <config.h>

#include "helper/spawner.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/landlock.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "helper/log.h"
#include "helper/slot.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define HLP_EVENTS 32
#define HLP_RETRY_MS 50
#define HLP_REPORT_WAIT_MS 10000
#define HLP_END_WAIT_MS 5000

static struct hlp_slots table;
static char *title; /* where the arguments were */
static size_t title_room;

/**
 * hlp_tell() - send a report to the dispatcher
 * @fd: travels with it, -1 none
 *
 * Waits for room, but not for ever: a dispatcher that does not read is broken,
 * and ends this process and all its sandboxes.
 */
void hlp_tell(struct hlp_slots *slots, struct hlp_report *report, int fd)
{
	struct pollfd out = { .fd = slots->dispatcher_fd, .events = POLLOUT };
	struct err err = ERR_INIT;

	while (wire_send(slots->dispatcher_fd, report, sizeof(*report), &fd,
			 fd >= 0, &err) < 0) {
		if (err.sys == EPIPE || err.sys == ECONNRESET)
			slots->ended = true;
		else if (err.sys != EAGAIN ||
			 poll(&out, 1, HLP_REPORT_WAIT_MS) <= 0)
			slots->broken = true;
		if (slots->ended || slots->broken)
			return;
	}
}

/**
 * hlp_tell_failed() - report a failure of a step
 */
void hlp_tell_failed(struct hlp_slots *slots, uint32_t slot, uint32_t seq,
		     const struct err *err)
{
	struct hlp_report report = {
		.kind = HLP_REPORT_FAILED, .slot = slot, .seq = seq, .err = *err
	};

	hlp_tell(slots, &report, -1);
}

static void tell_ready(struct hlp_slots *slots)
{
	const struct hlp_spawner_config *config = slots->config;
	struct hlp_report report = { .kind = HLP_REPORT_READY };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);

	report.facts.system = config->system;
	report.facts.id_range = config->system || slots->self.home.n_uids > 0;
	report.facts.idmap = config->system;
	report.facts.cgroup = config->cgroup_fd >= 0;
	report.facts.landlock_abi = abi > 0 ? (uint32_t)abi : 0;
	memcpy(report.facts.controllers, config->controllers,
	       sizeof(report.facts.controllers));
	memcpy(report.facts.cgroup_why, config->cgroup_why,
	       sizeof(report.facts.cgroup_why));
	hlp_tell(slots, &report, -1);
}

/* What the setup process says; it may be any size, since it is ours still. */
static void relay_reports(struct hlp_slots *slots, struct hlp_slot *slot)
{
	struct hlp_report report;
	struct err err = ERR_INIT;
	auto_frame frame;
	enum wire_status status;

	wire_frame_init(&frame, &report, sizeof(report));
	while (slot->step_fd >= 0 &&
	       (status = wire_recv(slot->step_fd, &frame, 0, &err)) !=
		       WIRE_AGAIN) {
		if (status != WIRE_GOT || frame.len != sizeof(report)) {
			fd_close(&slot->step_fd);
			return;
		}
		report.slot = (uint32_t)(slot - slots->slot);
		report.cgroup = slot->cgroup.outer_fd >= 0;
		if (report.kind == HLP_REPORT_STARTED) {
			slot->state = HLP_SLOT_RUNNING;
			fd_close(&slot->step_fd);
		} else if (report.kind == HLP_REPORT_FAILED) {
			slot->failed = true;
		} else {
			continue;
		}
		hlp_tell(slots, &report, -1);
	}
}

static void serve(struct hlp_slots *slots)
{
	struct hlp_step step;
	struct err err = ERR_INIT;
	auto_frame frame;
	enum wire_status status;

	wire_frame_init(&frame, &step, sizeof(step));
	while (!slots->broken &&
	       (status = wire_recv(slots->dispatcher_fd, &frame, 3, &err)) !=
		       WIRE_AGAIN) {
		if (status == WIRE_EOF) {
			slots->ended = true;
			return;
		}
		if (status != WIRE_GOT || frame.len != sizeof(step) ||
		    hlp_step_check(&step, frame.n_fds, &err) < 0 ||
		    step.slot >= slots->config->max_sandboxes) {
			hlp_log(HLP_LOG_ERR, "dispatcher: bad step: %s",
				err.text);
			slots->broken = true;
			return;
		}
		hlp_slot_step(slots, &step, &frame);
	}
}

static void handle(struct hlp_slots *slots, uint64_t tag)
{
	struct hlp_slot *slot;

	if (tag == HLP_TAG_DISPATCHER) {
		serve(slots);
		return;
	}
	slot = &slots->slot[tag / 2];
	if (slot->state == HLP_SLOT_FREE)
		return;
	/* Its last words come before its end. */
	relay_reports(slots, slot);
	if (tag % 2 == HLP_TAG_PID)
		hlp_slot_reap(slots, slot);
}

static void loop(struct hlp_slots *slots)
{
	struct epoll_event events[HLP_EVENTS];

	while (!slots->ended && !slots->broken) {
		int n = epoll_wait(slots->epoll_fd, events, HLP_EVENTS,
				   slots->n_stuck ? HLP_RETRY_MS : -1);

		for (int i = 0; i < n; i++)
			handle(slots, events[i].data.u64);
		if (n == 0)
			hlp_slots_retry(slots);
	}
}

static int watch_dispatcher(struct hlp_slots *slots)
{
	struct epoll_event event = { .events = EPOLLIN,
				     .data.u64 = HLP_TAG_DISPATCHER };
	int flags = fcntl(slots->dispatcher_fd, F_GETFL);

	slots->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return slots->epoll_fd >= 0 && flags >= 0 &&
			       fcntl(slots->dispatcher_fd, F_SETFL,
				     flags | O_NONBLOCK) == 0 &&
			       epoll_ctl(slots->epoll_fd, EPOLL_CTL_ADD,
					 slots->dispatcher_fd, &event) == 0 ?
		       0 :
		       -1;
}

/*
 * The arguments and environment that ps(1) and /proc/1 of a sandbox would show:
 * every setup process has a copy of this memory.
 */
static void find_arguments(void)
{
	auto_fd fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	unsigned long at[4] = { 0 };
	char text[2048];
	char *field;
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[got < 0 ? 0 : got] = '\0';
	/* Fields 48 to 51, see proc(5); the second may hold anything. */
	field = strrchr(text, ')');
	for (int i = 2; field && i < 48; i++)
		field = strchr(field + 1, ' ');
	for (int i = 0; field && i < 4; i++)
		at[i] = strtoul(field, &field, 10);
	if (at[0] && at[0] < at[1] && at[1] <= at[2] && at[2] < at[3]) {
		title = (char *)at[0];
		title_room = at[3] - at[0];
	}
}

/**
 * hlp_title() - what this process is called, and all that ps(1) shows of it
 * @name: at most 15 bytes
 */
void hlp_title(const char *name)
{
	size_t len = strlen(name);

	(void)prctl(PR_SET_NAME, name);
	if (title_room > len) {
		memset(title, 0, title_room);
		memcpy(title, name, len);
	}
}

/**
 * hlp_spawner_forget() - in a setup process: give up its copy of the table
 *
 * The spawner goes on writing to its own; each page would then be kept twice,
 * for as long as the sandbox lives.
 */
void hlp_spawner_forget(void)
{
	uintptr_t from = ((uintptr_t)&table + 4095) & ~(uintptr_t)4095;
	uintptr_t to = (uintptr_t)(&table + 1) & ~(uintptr_t)4095;

	/* Fails on machines with larger pages, which then keep it. */
	(void)madvise((void *)from, to - from, MADV_DONTNEED);
}

static int start(struct hlp_slots *slots, struct err *err)
{
	const struct hlp_spawner_config *config = slots->config;
	struct rlimit files;
	char point[64];

	/* Three descriptors a sandbox. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	slots->self.proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (slots->self.proc_fd < 0)
		return err_set(err, ERR_KERNEL, errno, "open /proc");
	slots->self.proc_covered =
		config->system && hlp_proc_covered(slots->self.proc_fd, point);
	if (!config->system &&
	    hlp_home_enter(config->caller_uid, config->caller_gid,
			   &slots->self.home, err) < 0)
		return -1;
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_set(err, ERR_KERNEL, errno, "PR_SET_DUMPABLE");
	return 0;
}

/**
 * hlp_spawner_run() - serve the dispatcher until it goes
 * @dispatcher_fd: SOCK_SEQPACKET, takes struct hlp_step, gives struct
 * hlp_report
 * @config:        from the policy, trusted
 *
 * Return: an exit status; every sandbox has been killed then.
 * Privilege: system, CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_KILL; rootless
 * those of a user namespace that is made here.
 */
int hlp_spawner_run(int dispatcher_fd, const struct hlp_spawner_config *config)
{
	struct hlp_slots *slots = &table;
	bool broken;

	find_arguments();
	hlp_title("creel-spawner");
	hlp_slots_init(slots, dispatcher_fd, config);
	if (watch_dispatcher(slots) < 0)
		return CREEL_EXIT_KERNEL;
	/* Then there are no sandboxes: each request is told why. */
	if (start(slots, &slots->unable) < 0)
		hlp_log(HLP_LOG_WARN, "spawner: %s", slots->unable.text);
	hlp_cgroup_sweep(config->cgroup_fd, config->lease_fd);
	tell_ready(slots);
	loop(slots);
	broken = slots->broken;
	hlp_slots_end(slots, HLP_END_WAIT_MS);
	return broken ? CREEL_EXIT_VIOLATION : CREEL_EXIT_STOPPED;
}
