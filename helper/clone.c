// SPDX-License-Identifier: Apache-2.0
/*
 * clone3(2) for the spawner, and the ids of what it makes.  The namespaces of a
 * sandbox are charged to the first id of its block, so the spawner takes that
 * id for as long as the call lasts.
 */
#include <config.h>

#include "helper/clone.h"

#include <inttypes.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "helper/knockout.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define HLP_BLOCK_COUNT 65536

/**
 * hlp_maps_choose() - the id maps of a sandbox
 * @box:   step is set; maps and id_range are filled
 * @block: system: first id of the leased block
 *
 * Safety: the ids come from the policy's range, the caller's subordinate
 * ranges, or are the caller's own; the controller chooses only what they are
 * called inside. Host id 0 is in no map.
 */
int hlp_maps_choose(const struct hlp_self *self, struct hlp_box_config *box,
		    uint32_t block, struct err *err)
{
	uint32_t uid = box->step.new_.uid, gid = box->step.new_.gid;
	struct hlp_extent rest = { 0, block, HLP_BLOCK_COUNT };
	struct hlp_maps *maps = &box->maps;

	memset(maps, 0, sizeof(*maps));
	box->id_range = self->system || self->home.n_uids > 0;
	if (!self->system) {
		rest = (struct hlp_extent){ 0, 1, self->home.n_uids };
		hlp_map_around(&maps->uid, uid, 0, rest);
		rest.count = self->home.n_gids;
		hlp_map_around(&maps->gid, gid, 0, rest);
		maps->deny_setgroups = !box->id_range;
	} else if (!box->step.new_.map_caller) {
		hlp_map_add(&maps->uid, 0, block, HLP_BLOCK_COUNT);
		hlp_map_add(&maps->gid, 0, block, HLP_BLOCK_COUNT);
	} else if (self->caller_uid == 0 || self->caller_gid == 0) {
		return err_set(err, ERR_DENIED, 0, "root is never mapped");
	} else {
		hlp_map_around(&maps->uid, uid, self->caller_uid, rest);
		hlp_map_around(&maps->gid, gid, self->caller_gid, rest);
	}
	return 0;
}

static void must(bool done)
{
	if (!done)
		_exit(CREEL_EXIT_PRIVILEGE);
}

/* The kernel gives /proc/PID/uid_map to the new process's euid if dumpable. */
static void become(const struct hlp_self *self, uint32_t block)
{
	if (self->system) {
		must(syscall(SYS_setresgid, -1, block, -1) == 0);
		must(syscall(SYS_setresuid, -1, block, -1) == 0);
		/* A cgroup is entered as the owner of its directory. */
		(void)setfsuid(self->uid);
	}
	must(prctl(PR_SET_DUMPABLE, 1) == 0);
}

static void come_back(const struct hlp_self *self)
{
	if (self->system) {
		must(syscall(SYS_setresuid, -1, self->uid, -1) == 0);
		must(syscall(SYS_setresgid, -1, self->gid, -1) == 0);
		must(geteuid() == self->uid && getegid() == self->gid);
		must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	}
	must(prctl(PR_SET_DUMPABLE, 0) == 0);
}

static int write_maps(const struct hlp_self *self, pid_t pid,
		      const struct hlp_maps *maps, struct err *err)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "%d", (int)pid);
	return hlp_maps_write(self->proc_fd, name, maps, err);
}

static uint64_t namespaces(const struct hlp_box_config *box)
{
	uint64_t flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
			 CLONE_NEWIPC | CLONE_NEWUTS;

	if (box->step.new_.net == HLP_NET_NONE &&
	    !hlp_knocked_out(HLP_LAYER_NETNS))
		flags |= CLONE_NEWNET;
	if (!hlp_knocked_out(HLP_LAYER_CGROUPNS))
		flags |= CLONE_NEWCGROUP;
	return flags;
}

/**
 * hlp_clone_box() - clone a setup process into its namespaces and cgroup
 * @box:    copied by the clone; maps are chosen
 * @block:  system: first id of the leased block
 * @cgroup: where it starts, or NULL
 * @pid:    set, also for the caller to reap after a failure (0: no process)
 *
 * Return: a pidfd or -1.
 * Privilege: system, CAP_SYS_ADMIN for the user namespace's charge to another
 * id, CAP_SETUID and CAP_SETGID for that id and the maps.
 */
int hlp_clone_box(const struct hlp_self *self, struct hlp_box_config *box,
		  uint32_t block, const struct hlp_cgroup *cgroup, pid_t *pid,
		  struct err *err)
{
	int pidfd = -1, failed = 0, sys;
	struct clone_args args = {
		.flags = namespaces(box) | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	long child;

	if (cgroup) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup->inner_fd;
	}
	become(self, block);
	child = syscall(SYS_clone3, &args, sizeof(args));
	if (child == 0)
		hlp_box_main(box);
	sys = errno;
	if (child > 0) {
		if (self->system) {
			(void)setfsuid(block);
			(void)setfsgid(block);
		}
		failed = write_maps(self, (pid_t)child, &box->maps, err);
	}
	come_back(self);
	*pid = child < 0 ? 0 : (pid_t)child;
	if (child < 0)
		return err_set(err, ERR_KERNEL, sys, "clone a sandbox");
	if (failed) {
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		(void)waitpid(*pid, NULL, 0);
		fd_close(&pidfd);
		*pid = 0;
		return -1;
	}
	return pidfd;
}

/**
 * hlp_clone_idmap() - a user namespace that only says how ids are shifted
 *
 * Made with a child that lives for that long. Return: its descriptor or -1.
 */
int hlp_clone_idmap(const struct hlp_self *self, const struct hlp_maps *maps,
		    struct err *err)
{
	struct clone_args args = { .flags = CLONE_NEWUSER,
				   .exit_signal = SIGCHLD };
	int fd = -1;
	char path[32];
	long child;

	must(prctl(PR_SET_DUMPABLE, 1) == 0);
	child = syscall(SYS_clone3, &args, sizeof(args));
	if (child == 0)
		for (;;)
			(void)pause();
	if (child < 0) {
		err_set(err, ERR_KERNEL, errno, "clone for an id map");
	} else {
		(void)snprintf(path, sizeof(path), "%ld/ns/user", child);
		if (write_maps(self, (pid_t)child, maps, err) == 0) {
			fd = openat(self->proc_fd, path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				err_set(err, ERR_KERNEL, errno, "open an id map");
		}
		(void)kill((pid_t)child, SIGKILL);
		(void)waitpid((pid_t)child, NULL, 0);
	}
	must(prctl(PR_SET_DUMPABLE, 0) == 0);
	return fd;
}
