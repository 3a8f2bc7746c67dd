// SPDX-License-Identifier: Apache-2.0
/*
 * Privilege only falls, in these functions. Nothing here returns after a
 * failure: a process that is half way between two sets of privileges must not
 * go on. Each stage reads back what it dropped.
 */
#include <config.h>

#include "helper/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cap-ng.h>

#include "helper/filter.h"
#include "helper/knockout.h"
#include "helper/log.h"
#include "proto/err.h"
#include "proto/exit-codes.h"

#define NOFILE_WANTED 65536
#define FIRST_FREE_FD 3
#define MAX_CAP 63U
#define BIT(cap) (UINT64_C(1) << CAP_##cap)

extern char **environ;

static __attribute__((noreturn)) void die(const char *what)
{
	hlp_log(HLP_LOG_ERR, "%s: %s", what, err_sys_text(errno));
	_exit(CREEL_EXIT_PRIVILEGE);
}

/**
 * hlp_close_others() - close every descriptor but standard ones and @keep
 * @keep: any order; -1 is passed over
 */
void hlp_close_others(const int *keep, size_t n_keep)
{
	int last = FIRST_FREE_FD - 1;

	for (size_t i = 0; i < n_keep; i++)
		last = keep[i] > last ? keep[i] : last;
	if (close_range((unsigned int)last + 1, ~0U, 0) < 0)
		die("close_range");
	for (int fd = FIRST_FREE_FD; fd < last; fd++) {
		bool kept = false;

		for (size_t i = 0; i < n_keep; i++)
			kept = kept || keep[i] == fd;
		if (!kept)
			(void)close(fd); /* EBADF: it was not open */
	}
}

/* Those that hlp_store_run() waits for stay held back where they were. */
static void reset_signals(bool hold)
{
	static const int held[] = { SIGHUP, SIGINT, SIGTERM };
	sigset_t mask, was;

	/* KILL, STOP and the library's own cannot be set: EINVAL, harmless. */
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	sigemptyset(&mask);
	(void)sigprocmask(SIG_BLOCK, &mask, &was);
	for (size_t i = 0; hold && i < 3; i++)
		if (sigismember(&was, held[i]) == 1)
			sigaddset(&mask, held[i]);
	if (sigprocmask(SIG_SETMASK, &mask, NULL) < 0)
		die("sigprocmask");
}

static void set_limits(void)
{
	static const int raised[] = { RLIMIT_NOFILE, RLIMIT_FSIZE };
	const struct rlimit files = { NOFILE_WANTED, NOFILE_WANTED };
	struct rlimit limit = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &limit) < 0)
		die("setrlimit");
	/* EPERM without CAP_SYS_RESOURCE: the hard limit must do. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_max < NOFILE_WANTED)
		(void)setrlimit(RLIMIT_NOFILE, &files);
	for (size_t i = 0; i < 2; i++) {
		if (getrlimit(raised[i], &limit) < 0)
			die("getrlimit");
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(raised[i], &limit) < 0)
			die("setrlimit");
	}
}

/* Neither what getenv() finds nor what /proc/PID/environ shows stays. */
static void wipe_environment(void)
{
	for (char **var = environ; var && *var; var++)
		explicit_bzero(*var, strlen(*var));
	if (clearenv() != 0)
		die("clearenv");
}

/*
 * Whoever reads standard error, or does not, must not stop any process here.
 * Opened anew, since the flag is of the open file, which others may have. Fails
 * for a socket, ENXIO, and for another user's file, EACCES: as it is, then.
 */
static void unblock_stderr(void)
{
	int fd = open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK |
						 O_NOCTTY | O_CLOEXEC);

	if (fd >= 0 && dup2(fd, STDERR_FILENO) < 0)
		die("standard error");
}

/**
 * hlp_stage_start() - leave nothing of whoever started the program
 * @keep: descriptors that the arguments name
 *
 * Must: be the first thing after the arguments are read. Must not: open
 * anything but /dev/null and what is standard error already.
 */
void hlp_stage_start(const int *keep, size_t n_keep)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd < FIRST_FREE_FD && !fcntl(fd, F_SETFD, 0));
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		die("/dev/null");
	unblock_stderr();
	hlp_close_others(keep, n_keep);
	for (size_t i = 0; i < n_keep; i++)
		if (keep[i] >= 0 && fcntl(keep[i], F_SETFD, FD_CLOEXEC) < 0)
			die("descriptor in the arguments");
	wipe_environment();
	reset_signals(true);
	set_limits();
	(void)umask(022);
	if (chdir("/") < 0)
		die("chdir");
}

static void check_ids(uid_t uid, gid_t gid)
{
	uid_t u[3];
	gid_t g[3];

	errno = EPERM;
	if (getresuid(&u[0], &u[1], &u[2]) < 0 ||
	    getresgid(&g[0], &g[1], &g[2]) < 0 || u[0] != uid || u[1] != uid ||
	    u[2] != uid || g[0] != gid || g[1] != gid || g[2] != gid)
		die("ids are not what they were set to");
}

/* From then on effective and permitted are @want, inheritable is empty. */
static void set_caps(uint64_t want)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3,
						 0 };
	struct __user_cap_data_struct got[2] = { { 0 } };

	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned int cap = 0; cap <= MAX_CAP; cap++)
		if (want & (UINT64_C(1) << cap) &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
				 cap) < 0)
			die("capabilities");
	if (capng_apply(CAPNG_SELECT_CAPS) < 0 ||
	    syscall(SYS_capget, &head, got) < 0)
		die("capabilities");
	for (int i = 0; i < 2; i++)
		if (got[i].effective != (uint32_t)(want >> 32 * i) ||
		    got[i].permitted != (uint32_t)(want >> 32 * i) ||
		    got[i].inheritable != 0)
			die("capabilities are not what they were set to");
}

/*
 * No exec of this process or its children gains anything, not even as uid 0.
 * Without CAP_SETPCAP, EPERM: there is nothing that could be gained either.
 */
static void empty_bounding_set(bool must)
{
	for (unsigned long cap = 0; cap <= MAX_CAP; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1 ||
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (must)
			die("bounding set");
		return;
	}
}

static void set_no_new_privs(void)
{
	if (hlp_knocked_out(HLP_LAYER_NNP))
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		die("no_new_privs");
}

/**
 * hlp_stage_system() - from root to the helper's own user
 * @uid: not 0, which owns /etc/shadow even without capabilities
 *
 * Must: come after the policy is read, the cgroup claimed and the socket
 * bound. Must not: keep anything beyond the four capabilities.
 */
void hlp_stage_system(uid_t uid, gid_t gid)
{
	empty_bounding_set(true);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		die("keepcaps");
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		die("cannot become the helper's user");
	set_caps(BIT(SYS_ADMIN) | BIT(SETUID) | BIT(SETGID) | BIT(KILL));
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		die("keepcaps");
	set_no_new_privs();
	check_ids(uid, gid);
}

/**
 * hlp_stage_spawner() - in the child that becomes the spawner
 *
 * Privileges stay: this is the process that needs them. No signal comes when
 * the parent dies; the end of file of its socket does, and lets it remove what
 * is left of the sandboxes first.
 */
void hlp_stage_spawner(const int *keep, size_t n_keep)
{
	hlp_close_others(keep, n_keep);
	reset_signals(false);
	(void)prctl(PR_SET_NAME, "creel-spawner");
}

/**
 * hlp_stage_user() - in a user's first process, once it has its spawner
 * @system: it still starts controllers as another uid
 */
void hlp_stage_user(bool system)
{
	if (system)
		set_caps(BIT(SETUID) | BIT(SETGID) | BIT(KILL));
	set_no_new_privs();
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		die("dumpable");
}

/**
 * hlp_stage_dispatcher() - in the process that reads what a controller sends
 *
 * Must: come last before the first byte is read. Must not: leave any
 * capability, descriptor or system call that the dispatcher has no use for.
 */
void hlp_stage_dispatcher(const int *keep, size_t n_keep)
{
	struct err err = ERR_INIT;

	(void)prctl(PR_SET_NAME, "creel-dispatch");
	hlp_close_others(keep, n_keep);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		die("SIGPIPE");
	empty_bounding_set(false);
	set_caps(0);
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_GET_DUMPABLE) != 0)
		die("dumpable");
	if (hlp_filter_install(&err) < 0)
		die(err.text);
}

/**
 * hlp_stage_controller() - in the child that executes creeld
 * @who: whose controller it is
 *
 * Must not: leave a capability, also where the uid is 0, nor a way to gain
 * one by executing a file.
 */
void hlp_stage_controller(const struct hlp_identity *who, bool system)
{
	if (system && (setgroups(who->n_groups, who->groups) < 0 ||
		       setresgid(who->gid, who->gid, who->gid) < 0 ||
		       setresuid(who->uid, who->uid, who->uid) < 0))
		die("cannot become the user");
	empty_bounding_set(false);
	set_caps(0);
	set_no_new_privs();
	check_ids(who->uid, who->gid);
	reset_signals(false);
}

/**
 * hlp_die_with_parent() - be killed when the parent dies
 * @parent: its pid, taken before the fork
 *
 * After the last change of ids, which clears it.
 */
void hlp_die_with_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		die("pdeathsig");
	if (getppid() != parent)
		_exit(CREEL_EXIT_STOPPED);
}
