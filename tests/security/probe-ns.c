// SPDX-License-Identifier: Apache-2.0
/*
 * New namespaces by every way in, joining old ones, and other ABIs of the
 * system call table.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define N_CLONE_FLAGS 7
#define SYSCALL_LAST 471

static const struct {
	const char *name;
	unsigned long flag;
} ns_flags[] = {
	{ "user", CLONE_NEWUSER }, { "mnt", CLONE_NEWNS },
	{ "pid", CLONE_NEWPID },   { "net", CLONE_NEWNET },
	{ "ipc", CLONE_NEWIPC },   { "uts", CLONE_NEWUTS },
	{ "cgroup", CLONE_NEWCGROUP }, { "time", CLONE_NEWTIME },
};

struct clone3_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack,
		stack_size, tls, set_tid, set_tid_size, cgroup;
};

static long do_unshare(void *arg)
{
	return syscall(SYS_unshare, *(unsigned long *)arg);
}

static long finish_clone(long pid)
{
	int status, sys = errno;

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, &status, __WALL);
	errno = sys;
	return pid;
}

static long do_clone(void *arg)
{
	return finish_clone(syscall(SYS_clone, *(unsigned long *)arg | SIGCHLD,
				    0, 0, 0, 0));
}

static long do_clone3(void *arg)
{
	struct clone3_args a = { .flags = *(unsigned long *)arg,
				 .exit_signal = SIGCHLD };

	return finish_clone(syscall(SYS_clone3, &a, sizeof(a)));
}

static long do_setns_path(void *arg)
{
	int fd = open(arg, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : syscall(SYS_setns, fd, 0);
}

static long do_setns_pidfd(void *arg)
{
	int fd = (int)syscall(SYS_pidfd_open, *(pid_t *)arg, 0);

	return fd < 0 ? -1 : syscall(SYS_setns, fd, CLONE_NEWNS);
}

static void combinations(void)
{
	unsigned int allowed = 0, counts[3] = { 0, 0, 0 };
	unsigned int bits, i;
	unsigned long flags;
	int sys, sig;

	for (bits = 1; bits < 1U << N_CLONE_FLAGS; bits++) {
		flags = 0;
		for (i = 0; i < N_CLONE_FLAGS; i++)
			if (bits & 1U << i)
				flags |= ns_flags[i].flag;
		if (probe_fork_rc(do_clone, &flags, &sys, &sig) >= 0)
			allowed++;
		else
			counts[sys == EPERM ? 0 : sys == ENOSPC ? 1 : 2]++;
	}
	probe_say("sb-17-clone-combinations", allowed ? "allowed" : "refused",
		  "allowed=%u EPERM=%u ENOSPC=%u other=%u", allowed, counts[0],
		  counts[1], counts[2]);
}

/** probe_group_ns() - unshare, clone, clone3, setns */
void probe_group_ns(void)
{
	char name[PROBE_NAME_MAX], path[64];
	unsigned long flag, plain = 0;
	pid_t init = 1;
	size_t i;

	for (i = 0; i < sizeof(ns_flags) / sizeof(ns_flags[0]); i++) {
		flag = ns_flags[i].flag;
		snprintf(name, sizeof(name), "sb-17-unshare:%s",
			 ns_flags[i].name);
		probe_child(name, do_unshare, &flag);
		flag |= 0x100000000UL;
		snprintf(name, sizeof(name), "sb-17-unshare-high:%s",
			 ns_flags[i].name);
		probe_child(name, do_unshare, &flag);
		flag = ns_flags[i].flag;
		snprintf(name, sizeof(name), "sb-17-clone3:%s",
			 ns_flags[i].name);
		probe_child(name, do_clone3, &flag);
		snprintf(path, sizeof(path), "/proc/self/ns/%s",
			 ns_flags[i].name);
		snprintf(name, sizeof(name), "sb-17-setns:%s",
			 ns_flags[i].name);
		probe_child(name, do_setns_path, path);
		snprintf(path, sizeof(path), "/proc/1/ns/%s",
			 ns_flags[i].name);
		snprintf(name, sizeof(name), "sb-17-setns-pid1:%s",
			 ns_flags[i].name);
		probe_child(name, do_setns_path, path);
	}
	probe_child("sb-17-setns-pidfd", do_setns_pidfd, &init);
	probe_child("sb-22-clone3-plain", do_clone3, &plain);
	combinations();
}

/*
 * The list of SECURITY.md 3.1: first those that must fail with EPERM, then
 * those with ENOSYS, by number, since no libc header has all of them.
 */
static const short denied_eperm[] = {
	103, 134, 136, 139, 153, 154, 155, 156, 159, 161, 163, 164, 165, 166,
	167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180,
	181, 182, 183, 184, 185, 212, 214, 215, 216, 227, 236, 237, 238, 239,
	246, 251, 256, 278, 279, 298, 300, 303, 304, 305, 308, 312, 313, 320,
	321, 438, 443, 450,
};
static const short denied_enosys[] = {
	206, 207, 208, 209, 210, 248, 249, 250, 301, 323, 333, 335, 336, 425,
	426, 427, 428, 429, 430, 431, 432, 433, 435, 440, 442, 447, 448, 457,
	458, 459, 460, 461, 467, 468, 469, 470, 471,
};

static long do_raw(void *arg)
{
	/* -1 is a bad pointer, descriptor and flag word alike. */
	return syscall(*(long *)arg, -1L, -1L, -1L, -1L, -1L, -1L);
}

static long do_raw_zero(void *arg)
{
	return syscall(*(long *)arg, 0L, 0L, 0L, 0L, 0L, 0L);
}

static void say_denied(const short *list, size_t n, int want)
{
	size_t i;

	for (i = 0; i < n; i++) {
		char name[PROBE_NAME_MAX];
		long nr = list[i];

		/* uretprobe kills what did not come from a probe */
		snprintf(name, sizeof(name), "sb-22-%s:%ld",
			 want == EPERM ? "eperm" : "enosys", nr);
		probe_child(name, do_raw, &nr);
		if (nr == 153 || nr == 169)
			continue;
		snprintf(name, sizeof(name), "sb-22-%s-zero:%ld",
			 want == EPERM ? "eperm" : "enosys", nr);
		probe_child(name, do_raw_zero, &nr);
	}
}

/* Numbers that answer neither EPERM nor ENOSYS, for comparison with a list. */
static void open_numbers(void)
{
	/* end or suspend the caller, or wait for ever: 15 rt_sigreturn ... */
	static const short skip[] = { 15, 34, 35, 56, 57, 58, 60, 127, 128,
				      130, 162, 219, 231, 247, 61, 435 };
	char text[3000] = "";
	size_t used = 0, i;
	long nr;
	int sys, sig;

	for (nr = 0; nr <= SYSCALL_LAST; nr++) {
		bool skipped = nr > 334 && nr < 424;

		for (i = 0; i < sizeof(skip) / sizeof(skip[0]); i++)
			skipped = skipped || skip[i] == nr;
		if (skipped)
			continue;
		if (probe_fork_rc(do_raw, &nr, &sys, &sig) >= 0 || sig ||
		    (sys != EPERM && sys != ENOSYS))
			used += (size_t)snprintf(text + used,
						 sizeof(text) - used, "%ld,",
						 nr);
	}
	probe_say("sb-22-open-numbers", "fact", "%s", text);
}

static long do_int80(void *arg)
{
	long rc = 20; /* getpid of the 32-bit table */

	(void)arg;
	__asm__ volatile("int $0x80" : "+a"(rc) : : "memory", "r8", "r9",
			 "r10", "r11");
	if (rc < 0) {
		errno = (int)-rc;
		return -1;
	}
	return rc;
}

static long do_x32(void *arg)
{
	(void)arg;
	return syscall(0x40000000L + SYS_getpid);
}

/** probe_group_abi() - the table of calls, other ABIs, unknown numbers */
void probe_group_abi(void)
{
	unsigned int other = 0;
	long nr;
	int sys, sig;

	probe_child("sb-22-int80", do_int80, NULL);
	probe_child("sb-22-x32", do_x32, NULL);
	for (nr = 500; nr <= 600; nr++)
		if (probe_fork_rc(do_raw, &nr, &sys, &sig) >= 0 || sig ||
		    sys != ENOSYS)
			other++;
	probe_say("sb-22-unknown", other ? "allowed" : "refused",
		  "other than ENOSYS: %u of 101", other);
	say_denied(denied_eperm,
		   sizeof(denied_eperm) / sizeof(denied_eperm[0]), EPERM);
	say_denied(denied_enosys,
		   sizeof(denied_enosys) / sizeof(denied_enosys[0]), ENOSYS);
	open_numbers();
}
