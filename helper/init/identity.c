// SPDX-License-Identifier: Apache-2.0
/*
 * What a process of the sandbox gives up: ids, capabilities, the file tree
 * outside (Landlock), system calls.  System calls are made directly: these
 * run after a bare clone3(2), where libraries that cache a thread id or keep
 * state from before the fork (libcap-ng does) would act for the wrong process.
 */
#include <config.h>

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "helper/init/state.h"

/* From linux/landlock.h of 6.12: the build machine's may be older. */
struct landlock_rules {
	uint64_t handled_fs;
	uint64_t handled_net;
	uint64_t scoped;
};

struct landlock_beneath {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

#define LANDLOCK_CREATE_VERSION 1u
#define LANDLOCK_RULE_BENEATH 1
#define LANDLOCK_SCOPE_BOTH 3u /* abstract UNIX sockets, signals */
#define LANDLOCK_MAX_ABI 7

/* Number of file rights that each ABI knows, and the size of its structure. */
static const unsigned char landlock_abis[LANDLOCK_MAX_ABI + 1][2] = {
	{ 0, 0 },   { 13, 8 },	{ 14, 8 },  { 15, 8 },
	{ 15, 16 }, { 16, 16 }, { 16, 24 }, { 16, 24 },
};

static int landlock_allow(int rules_fd, int dir_fd, uint64_t rights)
{
	struct landlock_beneath rule = { .allowed = rights,
					 .parent_fd = dir_fd };

	return dir_fd < 0 ? 0 :
			    (int)syscall(SYS_landlock_add_rule, rules_fd,
					 LANDLOCK_RULE_BENEATH, &rule, 0);
}

/**
 * init_landlock() - confine pid 1 and all it starts to the sandbox's tree
 * @cgroup_fd: detached mount that stays usable, -1 none
 * @abi:       the kernel's version, 0 where it has no Landlock
 *
 * One domain for the whole sandbox: commands of one exec can signal and trace
 * those of another, and it costs an exec nothing. A descriptor of a directory
 * outside, should one ever be left open, opens nothing. Afterwards nobody in
 * the sandbox can change its mounts. See landlock(7).
 *
 * Return: 0, or -1 with errno.
 */
int init_landlock(int cgroup_fd, int *abi)
{
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
				   LANDLOCK_CREATE_VERSION);
	struct landlock_rules rules = { 0 };
	auto_fd rules_fd = -1;
	auto_fd root_fd = -1;
	auto_fd mqueue_fd = -1;

	*abi = version > 0 ? version : 0;
	/* ENOSYS: not built in; EOPNOTSUPP: switched off at boot. */
	if (version < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -1;
	if (hlp_knocked_out(HLP_LAYER_LANDLOCK) ||
	    hlp_knocked_out(HLP_LAYER_NNP))
		return 0;
	if (version > LANDLOCK_MAX_ABI)
		version = LANDLOCK_MAX_ABI;
	rules.handled_fs = (1ULL << landlock_abis[version][0]) - 1;
	rules.scoped = version >= 6 ? LANDLOCK_SCOPE_BOTH : 0;
	rules_fd = (int)syscall(SYS_landlock_create_ruleset, &rules,
				(size_t)landlock_abis[version][1], 0);
	root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* mq_open(3) walks a mount of the kernel's own, with the same root. */
	mqueue_fd = open("/dev/mqueue",
			 O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (rules_fd < 0 || root_fd < 0 ||
	    landlock_allow(rules_fd, root_fd, rules.handled_fs) ||
	    landlock_allow(rules_fd, mqueue_fd, rules.handled_fs) ||
	    landlock_allow(rules_fd, cgroup_fd, rules.handled_fs))
		return -1;
	return (int)syscall(SYS_landlock_restrict_self, rules_fd, 0);
}

/**
 * init_filter_install() - put a seccomp program on this process
 *
 * Return: 0, or -1 with errno.
 */
int init_filter_install(const struct sock_fprog *filter)
{
	if (hlp_knocked_out(HLP_LAYER_SECCOMP) ||
	    hlp_knocked_out(HLP_LAYER_NNP))
		return 0;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter);
}

static struct __user_cap_header_struct cap_header = {
	.version = _LINUX_CAPABILITY_VERSION_3
};

static int set_caps(uint64_t effective, uint64_t permitted,
		    uint64_t inheritable)
{
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(effective >> (32 * i));
		data[i].permitted = (uint32_t)(permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
	}
	return (int)syscall(SYS_capset, &cap_header, data);
}

static int get_permitted(uint64_t *permitted)
{
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &cap_header, data))
		return -1;
	*permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

/**
 * init_identity_settle() - pid 1's own capabilities
 * @cap_keep: stays permitted, to be handed to commands, without being used
 *
 * Return: 0, or -1 with errno.
 */
int init_identity_settle(uint64_t cap_keep)
{
	uint64_t own = 1 << CAP_SETUID | 1 << CAP_SETGID | 1 << CAP_KILL;
	uint64_t permitted;

	if (get_permitted(&permitted))
		return -1;
	if (!hlp_knocked_out(HLP_LAYER_CAPS))
		permitted &= own | cap_keep;
	return set_caps(permitted & own, permitted, 0);
}

/**
 * init_identity_groups() - the supplementary groups of a command
 *
 * With a single id mapped setgroups(2) is denied: the one group that there is
 * is had already, a wish for any other is an error.
 *
 * Return: 0, or -1 with errno.
 */
int init_identity_groups(const struct init *in, const uint32_t *groups,
			 size_t n_groups)
{
	if (in->config.id_range)
		return (int)syscall(SYS_setgroups, n_groups, groups);
	if (n_groups == 0 || (n_groups == 1 && groups[0] == getgid()))
		return 0;
	errno = EINVAL;
	return -1;
}

/**
 * init_identity_take() - become a user of the sandbox for good
 * @cap_keep: capabilities that survive, in all sets; normally none
 *
 * Groups must have been set. Reads back what is left.
 *
 * Return: 0, or -1 with errno: the process must not go on.
 */
int init_identity_take(const struct init *in, uid_t uid, gid_t gid,
		       uint64_t cap_keep)
{
	uint64_t keep;
	uint64_t left;

	if (get_permitted(&keep))
		return -1;
	errno = EPERM;
	if (cap_keep & ~(keep & in->config.cap_keep))
		return -1;
	if (!hlp_knocked_out(HLP_LAYER_CAPS))
		keep = cap_keep;
	if ((keep && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)) ||
	    syscall(SYS_setresgid, gid, gid, gid) ||
	    syscall(SYS_setresuid, uid, uid, uid) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	    set_caps(keep, keep, keep))
		return -1;
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if ((keep & 1ULL << cap) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0))
			return -1;
	errno = EPERM;
	return get_permitted(&left) || left != keep ? -1 : 0;
}
