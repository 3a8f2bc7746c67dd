// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatcher's own seccomp filter: what is not in the table kills the
 * process. It has no children, so nothing inherits it. The program is a plain
 * walk along a short table: the dispatcher makes few calls, and the frequent
 * ones come first.
 */
#include <config.h>

#include "helper/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "the dispatcher's filter has no value for this architecture"
#endif

/*
 * Nothing for abort(3): without tgkill(2) it ends as a call that is in no row
 * does, and no other process of this uid can be signalled.
 */
static const struct hlp_syscall table[] = {
	{ SYS_recvmsg, "wire_recv()" },
	{ SYS_sendmsg, "wire_send()" },
#ifdef SYS_poll
	{ SYS_poll, "hlp_dispatch_run()" },
#endif
	{ SYS_ppoll, "hlp_dispatch_run(), poll(3) on arm64" },
	{ SYS_close, "fd_close()" },
	{ SYS_socketpair, "begin() in dispatch.c, pid 1's control socket" },
	{ SYS_getrandom, "begin() in dispatch.c, ids" },
	{ SYS_fcntl, "check_path_fd(), attach() in serve.c" },
#ifdef SYS_newfstatat
	{ SYS_newfstatat, "check_kept_fd(), fstat(3)" },
#endif
	{ SYS_fstat, "check_kept_fd(), fstat(3) of newer libraries" },
	{ SYS_write, "hlp_log()" },
	{ SYS_getpid, "hlp_log()" },
	{ SYS_wait4, "hlp_dispatch_run(), the spawner of an embedded helper" },
	{ SYS_restart_syscall, "poll(2) after SIGSTOP and SIGCONT" },
	{ SYS_rt_sigreturn, "return from a handler of a library" },
	{ SYS_exit_group, "_exit(2)" },
#ifdef CREEL_SANITIZE
	{ SYS_rt_sigprocmask, "sanitizers" },
	{ SYS_gettid, "sanitizers" },
	{ SYS_mmap, "sanitizers" },
	{ SYS_munmap, "sanitizers" },
	{ SYS_mprotect, "sanitizers" },
	{ SYS_madvise, "sanitizers" },
	{ SYS_brk, "sanitizers" },
	{ SYS_futex, "sanitizers" },
	{ SYS_sigaltstack, "sanitizers" },
	{ SYS_rt_sigaction, "sanitizers" },
	{ SYS_sched_yield, "sanitizers" },
	{ SYS_clone, "sanitizers, LeakSanitizer's tracer" },
	{ SYS_prctl, "sanitizers" },
	{ SYS_openat, "sanitizers, /proc/self/maps" },
	{ SYS_read, "sanitizers" },
	{ SYS_readlink, "sanitizers" },
	{ SYS_lseek, "sanitizers" },
	{ SYS_getrusage, "sanitizers" },
	{ SYS_exit, "sanitizers" },
#endif
};

#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))
#define PROLOGUE 4

/**
 * hlp_filter_table() - the calls that the filter allows
 * @count: set
 */
const struct hlp_syscall *hlp_filter_table(size_t *count)
{
	*count = TABLE_COUNT;
	return table;
}

/**
 * hlp_filter_install() - confine this process for good
 *
 * Sets no_new_privs too. x32 calls have the native architecture's value and
 * large numbers, which are in no row. Return: 0, or -1 with KERNEL.
 */
int hlp_filter_install(struct err *err)
{
	struct sock_filter code[PROLOGUE + TABLE_COUNT + 2];
	struct sock_fprog prog = { .filter = code };
	size_t at = 0;

	code[at++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						  NATIVE_ARCH, 1, 0);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						  SECCOMP_RET_KILL_PROCESS);
	code[at++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < TABLE_COUNT; i++)
		code[at++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)table[i].number,
			(uint8_t)(TABLE_COUNT - i), 0);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						  SECCOMP_RET_KILL_PROCESS);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						  SECCOMP_RET_ALLOW);
	prog.len = (unsigned short)at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, ERR_KERNEL, errno, "no_new_privs");
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		return err_set(err, ERR_KERNEL, errno, "seccomp");
	return 0;
}
