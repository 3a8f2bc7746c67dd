// SPDX-License-Identifier: Apache-2.0
/*
 * The part of the cgroup2 hierarchy that is creel's: found and claimed once, at
 * start, by the process that all others of the helper come from.
 */
#include <config.h>

#include "helper/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "proto/cleanup.h"

/* Of a user: his sandboxes' own and their commands'. */
#define DESCENDANTS_EACH UINT64_C(4)
#define DESCENDANTS_MORE 4096

static int open_root(void)
{
	static const char *const places[] = { "/sys/fs/cgroup",
					      "/sys/fs/cgroup/unified" };
	struct statfs fs;

	for (size_t i = 0; i < 2; i++) {
		auto_fd fd =
			open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0 && fstatfs(fd, &fs) == 0 &&
		    fs.f_type == CGROUP2_SUPER_MAGIC)
			return fd_take(&fd);
	}
	return -1;
}

/* This process's own cgroup, as a directory below @root_fd. */
static int open_own(int root_fd, char *path, size_t size)
{
	char text[4096];
	char *line, *leaf;

	if (hlp_cgroup_get(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) <
	    0)
		return -1;
	line = strncmp(text, "0::/", 4) ? strstr(text, "\n0::/") : text;
	if (!line)
		return -1;
	line = strstr(line, "0::/") + 4;
	line[strcspn(line, "\n")] = '\0';
	/* A service's, entered by this program before it was started again. */
	leaf = strstr(line, ".service/helper");
	if (leaf && !leaf[15])
		leaf[8] = '\0';
	if (strstr(line, "..") || snprintf(path, size, "%s", line) >= (int)size)
		return -1;
	return openat(root_fd, line[0] ? line : ".",
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool is_delegated(int dir_fd)
{
	static const char *const files[] = { ".", "cgroup.procs",
					     "cgroup.subtree_control" };

	for (size_t i = 0; i < 3; i++)
		if (faccessat(dir_fd, files[i], W_OK, AT_EACCESS) < 0)
			return false;
	return true;
}

/* Root writes everywhere; only a service's own cgroup is his to fill. */
static bool is_service(const char *path)
{
	size_t len = strlen(path);

	return len > 8 && !strcmp(path + len - 8, ".service");
}

/* A unit whose processes are not this one's own: /A/this.service -> /A/@name. */
static int open_beside(int root_fd, char *path, size_t size, const char *name)
{
	char *slash = strrchr(path, '/');
	char *end = slash ? slash + 1 : path;

	if (strchr(name, '/') || name[0] == '.' ||
	    snprintf(end, size - (size_t)(end - path), "%s", name) >=
		    (int)(size - (size_t)(end - path)))
		return -1;
	return openat(root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The unit's own process starts where none may be. */
static int move_all(int from_fd, int to_fd)
{
	char text[256];
	char *rest = text;
	const char *pid;

	if (hlp_cgroup_get(from_fd, "cgroup.procs", text, sizeof(text)) < 0)
		return -1;
	while ((pid = strsep(&rest, "\n")))
		if (*pid && hlp_cgroup_put(to_fd, "cgroup.procs", pid) < 0 &&
		    errno != ESRCH)
			return -1;
	return 0;
}

/*
 * This process goes into the leaf; or its children will, by a descriptor: the
 * kernel asks what its opener was allowed, which is root here and now.
 */
static int enter_leaf(const struct hlp_cgroup_claim *claim, int own_fd,
		      int leaf_fd, int *enter_fd)
{
	if (!claim->beside)
		return hlp_cgroup_put(leaf_fd, "cgroup.procs", "0");
	if (move_all(own_fd, leaf_fd) < 0)
		return -1;
	*enter_fd = openat(leaf_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	return *enter_fd < 0 ? -1 : 0;
}

static int no_tree(struct hlp_cgroup_tree *out, const char *why)
{
	(void)snprintf(out->why, sizeof(out->why), "%s", why);
	return -1;
}

/**
 * hlp_cgroup_claim() - find a cgroup that sandboxes can live below
 * @out: filled; fd is -1 and why is set where there is none
 *
 * Called once, before the process forks and before it gives up its ids: it
 * moves itself into a leaf, since a cgroup with processes cannot have
 * controllers below it, or has its spawner forked there, or stays outside and
 * has its children enter. The spawner must be below the cgroup that sandboxes
 * are: what is common to both must be its own.
 *
 * Return: 0 or -1, which is no error: limits are then refused one by one.
 */
int hlp_cgroup_claim(const struct hlp_cgroup_claim *claim,
		     struct hlp_cgroup_tree *out)
{
	auto_fd root_fd = open_root();
	auto_fd own_fd = -1, leaf_fd = -1, tree_fd = -1, enter_fd = -1;
	char path[4096], unused[64];
	bool apart = false;

	*out = (struct hlp_cgroup_tree){ .fd = -1, .leaf_fd = -1,
					 .enter_fd = -1 };
	if (root_fd < 0)
		return no_tree(out, "no cgroup2 file system on /sys/fs/cgroup");
	own_fd = open_own(root_fd, path, sizeof(path));
	if (own_fd < 0)
		return no_tree(out, "own cgroup is not below /sys/fs/cgroup");
	if (claim->beside) {
		fd_close(&own_fd);
		own_fd = open_beside(root_fd, path, sizeof(path),
				     claim->beside);
		if (own_fd < 0)
			return no_tree(out, "no such cgroup beside my own");
	} else if (geteuid() == 0 && !is_service(path)) {
		apart = !claim->enter;
		hlp_cgroup_enable(root_fd, unused);
		fd_close(&own_fd);
		own_fd = hlp_cgroup_dir(root_fd, "creel");
	}
	if (own_fd < 0 || !is_delegated(own_fd))
		return no_tree(out, "own cgroup is not delegated to this user");
	leaf_fd = hlp_cgroup_dir(own_fd, "helper");
	if (leaf_fd < 0 ||
	    (!apart && enter_leaf(claim, own_fd, leaf_fd, &enter_fd) < 0))
		return no_tree(out, "cannot enter a cgroup of my own");
	hlp_cgroup_enable(own_fd, unused);
	tree_fd = hlp_cgroup_dir(own_fd, "sandboxes");
	if (tree_fd < 0)
		return no_tree(out, "cannot make a cgroup for sandboxes");
	hlp_cgroup_enable(tree_fd, out->controllers);
	if (claim->system && claim->enter)
		hlp_cgroup_prune(tree_fd);
	/* Of its own, procs alone: what leaf and sandboxes have in common. */
	if (claim->system &&
	    (fchownat(own_fd, "cgroup.procs", claim->owner, claim->group, 0) <
		     0 ||
	     hlp_cgroup_give(tree_fd, claim->owner, claim->group, true) < 0))
		return no_tree(out, "cannot hand a cgroup to the helper");
	out->fd = fd_take(&tree_fd);
	out->leaf_fd = apart ? fd_take(&leaf_fd) : -1;
	out->enter_fd = fd_take(&enter_fd);
	return 0;
}

/**
 * hlp_cgroup_fork() - fork(2), into the tree's leaf where there is one
 *
 * Privilege: for a leaf, that of writing to the common ancestor of both.
 */
pid_t hlp_cgroup_fork(const struct hlp_cgroup_tree *tree)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP,
				   .exit_signal = SIGCHLD,
				   .cgroup = (uint64_t)tree->leaf_fd };

	if (tree->leaf_fd < 0)
		return fork();
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Of what the machine has, what one user may take where nothing is said. */
static void set_defaults(uint64_t most[HLP_LIMIT_COUNT])
{
	static const char *const files[] = { "/proc/sys/kernel/pid_max",
					     "/proc/sys/kernel/threads-max" };
	struct sysinfo info = { 0 };
	char text[24];

	(void)sysinfo(&info);
	if (info.totalram)
		most[HLP_LIMIT_MEMORY_MAX] =
			info.totalram / 4 * 3 * info.mem_unit;
	if (info.totalswap)
		most[HLP_LIMIT_MEMORY_SWAP_MAX] =
			info.totalswap / 4 * 3 * info.mem_unit;
	for (size_t i = 0; i < 2; i++) {
		uint64_t n = 0;

		if (hlp_cgroup_get(AT_FDCWD, files[i], text, sizeof(text)) == 0)
			n = strtoull(text, NULL, 10) / 4;
		if (n > 0 && n < most[HLP_LIMIT_PIDS_MAX])
			most[HLP_LIMIT_PIDS_MAX] = n;
	}
}

static uint64_t times(uint32_t n, uint64_t unit)
{
	return n == (uint32_t)HLP_POLICY_NONE ? HLP_CGROUP_NO_LIMIT : n * unit;
}

/*
 * What an earlier policy said is taken back. The machine has 65,535 ids for
 * cgroups with the memory controller: not for one user alone.
 */
static int set_ceilings(int dir_fd, const struct hlp_policy *policy, uid_t uid,
			struct err *err)
{
	const struct hlp_cgroup user = { .outer_fd = dir_fd, .inner_fd = -1 };
	const uint64_t given[HLP_LIMIT_COUNT] = {
		[HLP_LIMIT_MEMORY_MAX] = policy->user_memory,
		[HLP_LIMIT_MEMORY_SWAP_MAX] = policy->user_memory,
		[HLP_LIMIT_PIDS_MAX] = times(policy->user_pids, 1),
		[HLP_LIMIT_CPU_MAX] = times(policy->user_cpus, 100000),
	};
	uint64_t most[HLP_LIMIT_COUNT];
	char text[24];

	memset(most, 0xff, sizeof(most)); /* HLP_CGROUP_NO_LIMIT */
	if (uid != 0)
		set_defaults(most);
	(void)snprintf(text, sizeof(text), "%" PRIu64,
		       policy->max_sandboxes * DESCENDANTS_EACH +
			       DESCENDANTS_MORE);
	if (hlp_cgroup_put(dir_fd, "cgroup.max.descendants", text) < 0)
		return err_set(err, ERR_KERNEL, errno,
			       "set cgroup.max.descendants of a user");
	for (enum hlp_limit i = HLP_LIMIT_MEMORY_MAX; i <= HLP_LIMIT_CPU_MAX;
	     i++) {
		struct err why = ERR_INIT;

		/* A kernel without swap accounting has no such file. */
		if (hlp_cgroup_limit(&user, i, given[i] ? given[i] : most[i],
				     &why) < 0 &&
		    given[i] && given[i] != HLP_CGROUP_NO_LIMIT &&
		    i != HLP_LIMIT_MEMORY_SWAP_MAX) {
			*err = why;
			return -1;
		}
	}
	return 0;
}

/*
 * A user's processes are below his ceilings like his sandboxes. From where they
 * were forked first into the tree's leaf, and from there it is their own.
 */
static int enter_user(const struct hlp_cgroup_tree *tree, int user_fd)
{
	auto_fd leaf_fd = -1;

	if (tree->enter_fd >= 0 && write(tree->enter_fd, "0", 1) != 1)
		return -1;
	/*
	 * Linux 6.18 kills what a process of a cgroup that was ever killed by
	 * cgroup.kill clones into another: made anew. EBUSY: in use.
	 */
	(void)unlinkat(user_fd, "helper", AT_REMOVEDIR);
	leaf_fd = hlp_cgroup_dir(user_fd, "helper");
	return leaf_fd < 0 ? -1 : hlp_cgroup_put(leaf_fd, "cgroup.procs", "0");
}

/**
 * hlp_cgroup_user() - one user's part of the tree, which this process enters
 * @tree:   from hlp_cgroup_claim()
 * @policy: has the user's ceilings; NULL rootless, where nothing is entered
 * @user:   names the directory
 * @out:    filled, with a descriptor of its own, or with -1 and why
 *
 * Return: 0; -1 where his ceilings cannot be kept.
 */
int hlp_cgroup_user(const struct hlp_cgroup_tree *tree,
		    const struct hlp_policy *policy, uid_t user,
		    struct hlp_cgroup_tree *out, struct err *err)
{
	char name[24];

	*out = *tree;
	out->fd = -1;
	out->leaf_fd = -1;
	if (tree->fd >= 0) {
		(void)snprintf(name, sizeof(name), "u-%" PRIu32,
			       (uint32_t)user);
		out->fd = hlp_cgroup_dir(tree->fd, name);
		if (out->fd < 0)
			(void)no_tree(out, "cannot make a cgroup for this user");
		else
			hlp_cgroup_enable(out->fd, out->controllers);
	}
	if (!policy)
		return 0;
	if (tree->fd >= 0 && (out->fd < 0 || enter_user(tree, out->fd) < 0))
		return err_set(err, ERR_KERNEL, errno, "enter a cgroup");
	return set_ceilings(out->fd, policy, user, err);
}
