// SPDX-License-Identifier: Apache-2.0
/*
 * clone3(2) for the spawner, and the ids of what it makes.  The namespaces of a
 * sandbox are charged to the first id of its block, so the spawner takes that
 * id for as long as the call lasts.
 */
#include <config.h>

#include "helper/clone.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "helper/knockout.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define HLP_BLOCK_COUNT 65536
#define HLP_ENTER_WAIT_MS 2000

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

/* An IPC namespace belongs to the file id that makes it: it comes later. */
static uint64_t namespaces(const struct hlp_box_config *box)
{
	uint64_t flags =
		CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS;

	if (box->step.new_.net == HLP_NET_NONE &&
	    !hlp_knocked_out(HLP_LAYER_NETNS))
		flags |= CLONE_NEWNET;
	if (!hlp_knocked_out(HLP_LAYER_CGROUPNS))
		flags |= CLONE_NEWCGROUP;
	return flags;
}

/*
 * Where the host's /proc is mounted over in places, the kernel gives a user
 * namespace no new one. So pid 1 is cloned into its pid namespace alone, makes
 * a proc with the spawner's privilege, and only then enters the rest.
 */
static int enter_late(struct hlp_box_config *box, uint64_t flags)
{
	struct err err = ERR_INIT;

	box->proc_fd = hlp_mount_new(
		"proc", NULL,
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, &err);
	return box->proc_fd >= 0 && unshare((int)flags) == 0 &&
			       write(box->step_fd, "", 1) == 1 ?
		       0 :
		       -1;
}

static bool has_entered(int step_fd)
{
	struct pollfd in = { .fd = step_fd, .events = POLLIN };
	char byte;

	return poll(&in, 1, HLP_ENTER_WAIT_MS) == 1 &&
	       recv(step_fd, &byte, 1, MSG_DONTWAIT) == 1;
}

/**
 * hlp_clone_box() - clone a setup process into its namespaces and cgroup
 * @box:    copied by the clone; maps are chosen
 * @block:  system: first id of the leased block
 * @child:  where it starts and its step socket; pid and pidfd are filled
 *
 * Return: 0 or -1.
 * Privilege: system, CAP_SYS_ADMIN for the user namespace's charge to another
 * id, CAP_SETUID and CAP_SETGID for that id and the maps.
 */
int hlp_clone_box(const struct hlp_self *self, struct hlp_box_config *box,
		  uint32_t block, struct hlp_child *child, struct err *err)
{
	const uint64_t flags = namespaces(box);
	const bool late = self->proc_covered;
	int pidfd = -1;
	struct clone_args args = {
		.flags = (late ? CLONE_NEWPID : flags) | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	bool failed;
	long pid;

	if (child->cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)child->cgroup_fd;
	}
	become(self, block);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0 && late && enter_late(box, flags & ~CLONE_NEWPID) < 0)
		_exit(1);
	if (pid == 0)
		hlp_box_main(box);
	failed = pid < 0;
	if (failed)
		err_set(err, ERR_KERNEL, errno, "clone a sandbox");
	else if (late && !has_entered(child->step_fd))
		failed = err_set(err, ERR_KERNEL, 0, "enter the namespaces");
	if (self->system && !failed) {
		(void)setfsuid(block);
		(void)setfsgid(block);
	}
	failed = failed || write_maps(self, (pid_t)pid, &box->maps, err) < 0;
	come_back(self);
	if (failed && pid > 0) {
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		(void)waitpid((pid_t)pid, NULL, 0);
	}
	if (failed)
		fd_close(&pidfd);
	child->pidfd = pidfd;
	child->pid = failed ? 0 : (pid_t)pid;
	return failed ? -1 : 0;
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
	const pid_t parent = getpid();
	int fd = -1;
	char path[32];
	long child;

	must(prctl(PR_SET_DUMPABLE, 1) == 0);
	child = syscall(SYS_clone3, &args, sizeof(args));
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == parent)
			(void)pause();
		_exit(1);
	}
	if (child < 0) {
		err_set(err, ERR_KERNEL, errno, "clone for an id map");
	} else {
		(void)snprintf(path, sizeof(path), "%ld/ns/user", child);
		if (write_maps(self, (pid_t)child, maps, err) == 0) {
			fd = openat(self->proc_fd, path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				err_set(err, ERR_KERNEL, errno,
					"open an id map");
		}
		(void)kill((pid_t)child, SIGKILL);
		(void)waitpid((pid_t)child, NULL, 0);
	}
	must(prctl(PR_SET_DUMPABLE, 0) == 0);
	return fd;
}
