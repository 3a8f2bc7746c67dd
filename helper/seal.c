// SPDX-License-Identifier: Apache-2.0
/*
 * From the setup process to pid 1.  Four stages, each of which only takes
 * away; a failure in any of them ends the process, and with it the sandbox.
 *
 *   hlp_stage_sealed    must: have attached every mount. must not: be reached
 *                       twice, leave a way to another namespace.
 *   hlp_stage_stacked   must: come after the last mount. must not: fail unsaid
 *                       where the helper has the package's profile.
 *   hlp_stage_lowered   must: keep SETUID, SETGID, KILL and the keep-list.
 *                       must not: keep a bounding set, or gain by execve.
 *   hlp_stage_closed    must: keep the control socket and the cgroup mount.
 *                       must not: leave another descriptor, or be traced.
 */
#include <config.h>

#include "helper/build.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "helper/init/init.h"
#include "helper/knockout.h"
#include "helper/spawner.h"
#include "proto/cleanup.h"

#define HLP_MAPPER_STACK_BYTES 16384
#define HLP_CGROUP_FD 5
#define HLP_NOFILE_SOFT 1024
#define HLP_NOFILE_HARD 65536

static struct {
	int proc_fd;
	int go_fd;
	int done_fd;
	struct hlp_maps maps;
	struct err err;
} mapper;

/*
 * Shares this process's memory, but stays in the outer user namespace. Its end
 * frees the old mount namespace, which takes a grace period: it is not waited
 * for; pid 1 reaps it.
 */
static int map_inner(void *arg)
{
	uint64_t word;

	(void)arg;
	if (read(mapper.go_fd, &word, sizeof(word)) != sizeof(word))
		return 1;
	word = 1;
	if (hlp_maps_write(mapper.proc_fd, "1", &mapper.maps, &mapper.err) < 0)
		word = 2;
	return write(mapper.done_fd, &word, sizeof(word)) != sizeof(word);
}

/**
 * hlp_seal_prepare() - ahead of time: what pid 1 does first, and the process
 *                      that the seal will need
 *
 * It waits, with this process's memory and descriptors, and uses neither before
 * this process waits for it.
 */
int hlp_seal_prepare(struct hlp_box *box, struct err *err)
{
	static _Alignas(16) char stack[HLP_MAPPER_STACK_BYTES];

	uint32_t action = SECCOMP_RET_KILL_PROCESS;
	sigset_t set;

	/* pid 1 can but end where there are no filters: say it while we can. */
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		return err_set(err, ERR_UNSUPPORTED, errno, "seccomp");
	init_prepare();
	if (hlp_knocked_out(HLP_LAYER_SEAL))
		return 0;
	/* Its end must be pending still when pid 1 begins to listen. */
	if (sigemptyset(&set) < 0 || sigaddset(&set, SIGCHLD) < 0 ||
	    sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_set(err, ERR_KERNEL, errno, "sigprocmask");
	mapper.proc_fd = box->proc_fd;
	mapper.go_fd = eventfd(0, EFD_CLOEXEC);
	mapper.done_fd = eventfd(0, EFD_CLOEXEC);
	hlp_map_mirror(&mapper.maps.uid, &box->config->maps.uid);
	hlp_map_mirror(&mapper.maps.gid, &box->config->maps.gid);
	if (clone(map_inner, stack + sizeof(stack),
		  CLONE_VM | CLONE_FILES | SIGCHLD, NULL) < 0)
		return err_set(err, ERR_KERNEL, errno, "clone the mapper");
	return 0;
}

/*
 * What a namespace may have at most, all its users together, is what its maker
 * may when it is made, see getrlimit(2). Rootless, that is counted for the
 * caller, of whom other sandboxes are, too.
 */
static int leave_some(const struct hlp_box *box, struct err *err)
{
	static const __rlimit_resource_t shared[] = {
		RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_MEMLOCK
	};
	struct rlimit limit;

	for (size_t i = 0; i < 3 && !box->config->system; i++) {
		if (getrlimit(shared[i], &limit) < 0)
			return err_set(err, ERR_KERNEL, errno, "getrlimit");
		limit.rlim_max /= HLP_CALLER_PARTS;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		if (setrlimit(shared[i], &limit) < 0)
			return err_set(err, ERR_KERNEL, errno, "setrlimit");
	}
	return 0;
}

/*
 * Mounts that were moved in are not locked: whoever has CAP_SYS_ADMIN in the
 * user namespace that owns the mount namespace can remount and unmount them. A
 * copy of the mount namespace, owned by a user namespace below, has them locked
 * for good (mount_namespaces(7), restrictions).
 */
static int hlp_stage_sealed(struct err *err)
{
	uint64_t word = 1;

	if (hlp_knocked_out(HLP_LAYER_SEAL))
		return 0;
	/* Undumpable, its uid_map would belong to nobody who can write it. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0)
		return err_set(err, ERR_KERNEL, errno, "PR_SET_DUMPABLE");
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
	    write(mapper.go_fd, &word, sizeof(word)) != sizeof(word) ||
	    read(mapper.done_fd, &word, sizeof(word)) != sizeof(word))
		return err_set(err, ERR_KERNEL, errno, "seal");
	if (word != 1) {
		*err = mapper.err;
		return err_wrap(err, "seal");
	}
	return 0;
}

/*
 * Where the helper is in the AppArmor profile of creel's, all of the sandbox is
 * in a second one as well, which nothing leaves: see creel-security(7). EINVAL
 * comes from a kernel whose AppArmor is off.
 */
static int hlp_stage_stacked(const struct hlp_box *box, struct err *err)
{
	static const char ask[] = "stack creel-sandbox";
	auto_fd fd = openat(box->proc_fd, "self/attr/apparmor/current",
			    O_RDWR | O_CLOEXEC);
	/* "a//&b//&c (enforce)": its profile may be one of several. */
	char label[1024] = "//&";

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 ||
	    (read(fd, label + 3, sizeof(label) - 4) < 0 && errno != EINVAL))
		return err_set(err, ERR_KERNEL, errno, "AppArmor's label");
	if (!strstr(label, "//&creel-helper//&") &&
	    !strstr(label, "//&creel-helper (")) {
		if (strlen(label) < sizeof(label) - 1)
			return 0;
		return err_set(err, ERR_UNSUPPORTED, 0,
			       "AppArmor's label is too long");
	}
	if (pwrite(fd, ask, sizeof(ask) - 1, 0) < 0)
		return err_set(err, ERR_KERNEL, errno,
			       "AppArmor's profile creel-sandbox");
	return 0;
}

static int capability_sets(uint64_t want, struct err *err)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2] = { { 0 } }, back[2];

	for (int i = 0; i < 2; i++) {
		data[i].permitted = (uint32_t)(want >> (32 * i));
		data[i].effective = data[i].permitted;
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return err_set(err, ERR_KERNEL, errno, "capset");
	if (syscall(SYS_capget, &head, back) < 0 ||
	    memcmp(back, data, sizeof(data)) != 0)
		return err_set(err, ERR_INTERNAL, 0,
			       "capabilities are not what was set");
	return 0;
}

/* libcap-ng would read /proc with stdio here, and allocate for each sandbox. */
static int hlp_stage_lowered(const struct hlp_box *box, struct err *err)
{
	const uint64_t keep = box->config->step.new_.cap_keep;
	const uint64_t own = (UINT64_C(1) << CAP_SETUID) |
			     (UINT64_C(1) << CAP_SETGID) |
			     (UINT64_C(1) << CAP_KILL);

	if (!hlp_knocked_out(HLP_LAYER_CAPS)) {
		/* EINVAL: past the last that this kernel knows. */
		for (unsigned long cap = 0; cap < 64; cap++)
			if (!(keep >> cap & 1) &&
			    prctl(PR_CAPBSET_DROP, cap) < 0 && errno != EINVAL)
				return err_set(err, ERR_KERNEL, errno,
					       "empty the bounding set");
		if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) != 0)
			return err_set(err, ERR_INTERNAL, 0,
				       "the bounding set is not empty");
		/* execve by id 0 gives nothing that was not ambient. */
		if (prctl(PR_SET_SECUREBITS,
			  SECBIT_NOROOT | SECBIT_NOROOT_LOCKED) < 0)
			return err_set(err, ERR_KERNEL, errno, "securebits");
		if (capability_sets(own | keep, err) < 0)
			return -1;
	}
	if (!hlp_knocked_out(HLP_LAYER_NNP) &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	     prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1))
		return err_set(err, ERR_KERNEL, errno, "no_new_privs");
	return 0;
}

static int hlp_stage_closed(struct hlp_box *box, int *cgroup_fd,
			    struct err *err)
{
	struct rlimit files = { HLP_NOFILE_SOFT, HLP_NOFILE_HARD }, old;
	struct pollfd parent = { .fd = box->step_fd };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	unsigned int first = HLP_CGROUP_FD;

	for (int fd = 0; fd < 3; fd++)
		if (null_fd < 0 || dup2(null_fd, fd) < 0)
			return err_set(err, ERR_KERNEL, errno, "/dev/null");
	if (*cgroup_fd >= 0 && *cgroup_fd != HLP_CGROUP_FD)
		*cgroup_fd = dup3(*cgroup_fd, HLP_CGROUP_FD, O_CLOEXEC);
	if (*cgroup_fd >= 0)
		first++;
	if (hlp_knocked_out(HLP_LAYER_FDS) &&
	    close_range(first, HLP_LEAKED_FD - 1, 0) == 0)
		first = HLP_LEAKED_FD + 1;
	if (close_range(first, ~0U, 0) < 0)
		return err_set(err, ERR_KERNEL, errno, "close_range");
	if (getrlimit(RLIMIT_NOFILE, &old) == 0 &&
	    old.rlim_max < files.rlim_max)
		files.rlim_max = old.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_set(err, ERR_KERNEL, errno, "RLIMIT_NOFILE");
	if (!hlp_knocked_out(HLP_LAYER_DUMPABLE) &&
	    (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_GET_DUMPABLE) != 0))
		return err_set(err, ERR_KERNEL, errno, "PR_SET_DUMPABLE");
	/* Set last: changes of ids clear it; then see if it came too late. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || poll(&parent, 1, 0) < 0 ||
	    (parent.revents & (POLLHUP | POLLERR)))
		return err_set(err, ERR_INTERNAL, 0, "the helper is gone");
	return 0;
}

/* Rooted at pid 1's own cgroup, whose ".." leads nowhere. */
static int open_cgroup(const struct hlp_box *box, int *fd, struct err *err)
{
	*fd = -1;
	if (!box->config->cgroup || hlp_knocked_out(HLP_LAYER_CGROUPNS))
		return 0;
	*fd = hlp_mount_new(
		"cgroup2", NULL,
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
	return *fd < 0 ? -1 : 0;
}

/**
 * hlp_seal() - seal the sandbox and serve as its pid 1
 * @seq: of the START step
 *
 * The namespaces are complete and the host's mounts are gone. Never returns;
 * a failure is reported and ends the process.
 */
void hlp_seal(struct hlp_box *box, uint32_t seq)
{
	const struct hlp_step *step = &box->config->step;
	struct init_config init = { .control_fd = box->control_fd,
				    .id_range = box->config->id_range,
				    .uid = step->new_.uid,
				    .gid = step->new_.gid,
				    .cap_keep = step->new_.cap_keep };
	struct err err = ERR_INIT;

	if (open_cgroup(box, &init.cgroup_fd, &err) < 0)
		;
	else if (init.id_range && setgroups(0, NULL) < 0)
		err_set(&err, ERR_KERNEL, errno, "setgroups");
	else if (hlp_proc_close(box, &err) < 0 || leave_some(box, &err) < 0 ||
		 hlp_stage_sealed(&err) < 0 || hlp_stage_stacked(box, &err) < 0)
		;
	else if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 &&
		 errno != ENOSYS)
		err_set(&err, ERR_KERNEL, errno, "session keyring");
	else if (hlp_stage_lowered(box, &err) == 0 &&
		 hlp_stage_closed(box, &init.cgroup_fd, &err) == 0) {
		hlp_title("creel-init");
		(void)waitpid(-1, NULL, WNOHANG);
		hlp_box_report(box, HLP_REPORT_STARTED, seq, NULL);
		fd_close(&box->step_fd);
		init_main(&init);
	}
	hlp_box_report(box, HLP_REPORT_FAILED, seq, &err);
	_exit(1);
}
