/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that the profiles are made of; for gen-filters.c alone.
 */
#ifndef HELPER_SECCOMP_NAMES_H
#define HELPER_SECCOMP_NAMES_H

/* Not in any profile but where the last column says so. */
static const char *const eperm_names[] = {
	"_sysctl", "acct", "adjtimex", "afs_syscall", "bpf", "clock_adjtime",
	"clock_settime", "create_module", "delete_module", "epoll_ctl_old",
	"epoll_wait_old", "fanotify_init", "finit_module", "get_kernel_syms",
	"get_mempolicy", "getpmsg", "init_module", "ioperm", "iopl",
	"ioprio_set", "kcmp", "kexec_file_load", "kexec_load",
	"lookup_dcookie", "mbind", "migrate_pages", "modify_ldt", "mount",
	"move_pages", "name_to_handle_at", "nfsservctl", "open_by_handle_at",
	"perf_event_open", "pidfd_getfd", "pivot_root", "putpmsg",
	"query_module", "quotactl", "quotactl_fd", "reboot",
	"remap_file_pages", "security", "set_mempolicy",
	"set_mempolicy_home_node", "setdomainname", "sethostname", "setns",
	"settimeofday", "swapoff", "swapon", "sysfs", "syslog", "tuxcall",
	"umount2", "uselib", "ustat", "vhangup", "vmsplice", "vserver",
};

/* Allowed whatever the arguments are. */
static const char *const allow_names[] = {
	"read", "write", "close", "stat", "fstat", "lstat", "poll", "lseek",
	"mmap", "mprotect", "munmap", "brk", "rt_sigaction", "rt_sigprocmask",
	"rt_sigreturn", "pread64", "pwrite64", "readv", "writev", "access",
	"pipe", "select", "sched_yield", "mremap", "msync", "mincore",
	"madvise", "shmget", "shmat", "shmctl", "dup", "dup2", "pause",
	"nanosleep", "getitimer", "alarm", "setitimer", "getpid", "sendfile",
	"connect", "accept", "sendto", "recvfrom", "sendmsg", "recvmsg",
	"shutdown", "bind", "listen", "getsockname", "getpeername",
	"setsockopt", "getsockopt", "fork", "vfork", "execve", "exit", "wait4",
	"kill", "uname", "semget", "semop", "semctl", "shmdt", "msgget",
	"msgsnd", "msgrcv", "msgctl", "fcntl", "flock", "fsync", "fdatasync",
	"truncate", "ftruncate", "getdents", "getcwd", "chdir", "fchdir",
	"rename", "mkdir", "rmdir", "link", "unlink", "symlink", "readlink",
	"chown", "fchown", "lchown", "umask", "gettimeofday", "getrlimit",
	"getrusage", "sysinfo", "times", "getuid", "getgid", "setuid", "setgid",
	"geteuid", "getegid", "setpgid", "getppid", "getpgrp", "setsid",
	"setreuid", "setregid", "getgroups", "setgroups", "setresuid",
	"getresuid", "setresgid", "getresgid", "getpgid", "setfsuid",
	"setfsgid", "getsid", "capget", "capset", "rt_sigpending",
	"rt_sigtimedwait", "rt_sigqueueinfo", "rt_sigsuspend", "sigaltstack",
	"utime", "statfs", "fstatfs", "getpriority", "setpriority",
	"sched_setparam", "sched_getparam", "sched_setscheduler",
	"sched_getscheduler", "sched_get_priority_max",
	"sched_get_priority_min", "sched_rr_get_interval", "mlock", "munlock",
	"mlockall", "munlockall", "arch_prctl", "setrlimit", "sync",
	"gettid", "readahead", "setxattr", "lsetxattr", "fsetxattr", "getxattr",
	"lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr",
	"removexattr", "lremovexattr", "fremovexattr", "tkill", "time", "futex",
	"sched_setaffinity", "sched_getaffinity", "set_thread_area",
	"get_thread_area", "epoll_create", "getdents64", "set_tid_address",
	"restart_syscall", "semtimedop", "fadvise64", "timer_create",
	"timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete",
	"clock_gettime", "clock_getres", "clock_nanosleep", "exit_group",
	"epoll_wait", "epoll_ctl", "tgkill", "utimes", "mq_open", "mq_unlink",
	"mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr",
	"waitid", "ioprio_get", "inotify_init", "inotify_add_watch",
	"inotify_rm_watch", "mkdirat", "fchownat", "futimesat", "newfstatat",
	"unlinkat", "renameat", "linkat", "symlinkat", "readlinkat",
	"faccessat", "pselect6", "ppoll", "set_robust_list", "get_robust_list",
	"splice", "tee", "sync_file_range", "utimensat", "epoll_pwait",
	"signalfd", "timerfd_create", "eventfd", "fallocate", "timerfd_settime",
	"timerfd_gettime", "accept4", "signalfd4", "eventfd2", "epoll_create1",
	"dup3", "pipe2", "inotify_init1", "preadv", "pwritev",
	"rt_tgsigqueueinfo", "recvmmsg", "prlimit64", "syncfs", "sendmmsg",
	"getcpu", "sched_setattr", "sched_getattr", "renameat2", "seccomp",
	"getrandom", "execveat", "membarrier", "mlock2", "copy_file_range",
	"preadv2", "pwritev2", "pkey_mprotect", "pkey_alloc", "pkey_free",
	"statx", "rseq", "pidfd_send_signal", "pidfd_open", "close_range",
	"openat2", "faccessat2", "epoll_pwait2", "landlock_create_ruleset",
	"landlock_add_rule", "landlock_restrict_self", "futex_waitv",
};

/* Allowed; younger than the oldest libseccomp that the build supports. */
static const int allow_numbers[] = {
	451, /* cachestat */
	453, /* map_shadow_stack */
	454, /* futex_wake */
	455, /* futex_wait */
	456, /* futex_requeue */
	462, /* mseal */
	463, /* setxattrat */
	464, /* getxattrat */
	465, /* listxattrat */
	466, /* removexattrat */
};

/* Allowed in the last resort, refused or checked in some profiles. */
static const char *const set_id_names[] = { "chmod",  "fchmod", "fchmodat",
					    "open",   "openat", "creat" };
static const char *const trace_names[] = { "ptrace", "process_vm_readv",
					   "process_vm_writev" };
static const char *const other_names[] = { "memfd_create", "prctl" };

#endif
