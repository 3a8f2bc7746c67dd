// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup v2.  Works below one delegated directory and with names that are made
 * here; nothing of a sandbox's is read but memory.events of the directory that
 * the sandbox cannot write.  Version 1 hierarchies are never touched.
 */
#include <config.h>

#include "helper/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "proto/cleanup.h"

#define HLP_CGROUP_MAX_DESCENDANTS "512"
#define HLP_SWEEP_TRIES 50
#define HLP_SWEEP_MS 10

static const char *const wanted[] = { "cpu", "memory", "pids" };

static const struct {
	const char *controller, *file;
} limits[HLP_LIMIT_COUNT] = {
	[HLP_LIMIT_MEMORY_MAX] = { "memory", "memory.max" },
	[HLP_LIMIT_MEMORY_SWAP_MAX] = { "memory", "memory.swap.max" },
	[HLP_LIMIT_PIDS_MAX] = { "pids", "pids.max" },
	[HLP_LIMIT_CPU_MAX] = { "cpu", "cpu.max" },
	[HLP_LIMIT_CPU_WEIGHT] = { "cpu", "cpu.weight" },
};

static int put(int dir_fd, const char *name, const char *text)
{
	auto_fd fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t len = strlen(text);

	return fd >= 0 && write(fd, text, len) == (ssize_t)len ? 0 : -1;
}

static int get(int dir_fd, const char *name, char *text, size_t size)
{
	auto_fd fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);

	text[got < 0 ? 0 : got] = '\0';
	return got < 0 ? -1 : 0;
}

static int open_dir(int dir_fd, const char *name)
{
	return openat(dir_fd, name,
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int make_dir(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, 0755) < 0 && errno != EEXIST)
		return -1;
	return open_dir(dir_fd, name);
}

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	while (*text) {
		size_t this = strcspn(text, " \n");

		if (this == len && !memcmp(text, word, len))
			return true;
		text += this + (text[this] != '\0');
	}
	return false;
}

/* Enables what there is of the controllers that limits need. */
static void enable(int dir_fd, char controllers[64])
{
	char there[256], word[16];

	controllers[0] = '\0';
	if (get(dir_fd, "cgroup.controllers", there, sizeof(there)) < 0)
		return;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		(void)snprintf(word, sizeof(word), "+%s", wanted[i]);
		if (has_word(there, wanted[i]) &&
		    put(dir_fd, "cgroup.subtree_control", word) == 0) {
			if (controllers[0])
				strncat(controllers, " ",
					63 - strlen(controllers));
			strncat(controllers, wanted[i],
				63 - strlen(controllers));
		}
	}
}

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
	char *line;

	if (get(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0)
		return -1;
	line = strncmp(text, "0::/", 4) ? strstr(text, "\n0::/") : text;
	if (!line)
		return -1;
	line = strstr(line, "0::/") + 4;
	line[strcspn(line, "\n")] = '\0';
	if (strstr(line, "..") || snprintf(path, size, "%s", line) >= (int)size)
		return -1;
	return openat(root_fd, line[0] ? line : ".",
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool is_delegated(int dir_fd)
{
	return faccessat(dir_fd, ".", W_OK, AT_EACCESS) == 0 &&
	       faccessat(dir_fd, "cgroup.procs", W_OK, AT_EACCESS) == 0 &&
	       faccessat(dir_fd, "cgroup.subtree_control", W_OK, AT_EACCESS) ==
		       0;
}

/* Root writes everywhere; only a service's own cgroup is his to fill. */
static bool is_service(const char *path)
{
	size_t len = strlen(path);

	return len > 8 && !strcmp(path + len - 8, ".service");
}

static int no_tree(struct hlp_cgroup_tree *out, const char *why)
{
	(void)snprintf(out->why, sizeof(out->why), "%s", why);
	return -1;
}

/**
 * hlp_cgroup_claim() - find a cgroup that sandboxes can live below
 * @system: this process is root, and sandboxes belong to @owner
 * @enter:  this process lives for long; root's others may stay where they are,
 *          which saves them a grace period (10 ms)
 * @owner:  who makes the sandboxes' cgroups; @group likewise
 * @out:    filled; fd is -1 and why is set where there is none
 *
 * Called once, before the process forks and before it gives up its ids: it
 * moves itself into a leaf, since a cgroup with processes cannot have
 * controllers below it, or has its spawner forked there. The spawner must be
 * below the cgroup that sandboxes are: what is common to both must be its own.
 *
 * Return: 0 or -1, which is no error: limits are then refused one by one.
 */
int hlp_cgroup_claim(bool system, bool enter, uid_t owner, gid_t group,
		     struct hlp_cgroup_tree *out)
{
	auto_fd root_fd = open_root();
	auto_fd own_fd = -1, leaf_fd = -1, tree_fd = -1;
	char path[4096], unused[64];
	bool apart = false;

	*out = (struct hlp_cgroup_tree){ .fd = -1, .leaf_fd = -1 };
	if (root_fd < 0)
		return no_tree(out, "no cgroup2 file system on /sys/fs/cgroup");
	own_fd = open_own(root_fd, path, sizeof(path));
	if (own_fd < 0)
		return no_tree(out, "own cgroup is not below /sys/fs/cgroup");
	if (geteuid() == 0 && !is_service(path)) {
		apart = !enter;
		enable(root_fd, unused);
		fd_close(&own_fd);
		own_fd = make_dir(root_fd, "creel");
	}
	if (own_fd < 0 || !is_delegated(own_fd))
		return no_tree(out, "own cgroup is not delegated to this user");
	leaf_fd = make_dir(own_fd, "helper");
	if (leaf_fd < 0 || (!apart && put(leaf_fd, "cgroup.procs", "0") < 0))
		return no_tree(out, "cannot enter a cgroup of my own");
	enable(own_fd, unused);
	tree_fd = make_dir(own_fd, "sandboxes");
	if (tree_fd < 0)
		return no_tree(out, "cannot make a cgroup for sandboxes");
	enable(tree_fd, out->controllers);
	if (system &&
	    (fchown(tree_fd, owner, group) < 0 ||
	     fchownat(tree_fd, "cgroup.procs", owner, group, 0) < 0 ||
	     fchownat(tree_fd, "cgroup.subtree_control", owner, group, 0) < 0 ||
	     /* The common ancestor of the helper's leaf and the sandboxes. */
	     fchownat(own_fd, "cgroup.procs", owner, group, 0) < 0))
		return no_tree(out, "cannot hand a cgroup to the helper");
	out->fd = fd_take(&tree_fd);
	out->leaf_fd = apart ? fd_take(&leaf_fd) : -1;
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

/**
 * hlp_cgroup_user() - one user's part of the tree
 * @tree: from hlp_cgroup_claim()
 * @user: names the directory
 * @out:  filled, with a descriptor of its own
 *
 * Return: 0, or -1 with why set.
 */
int hlp_cgroup_user(const struct hlp_cgroup_tree *tree, uid_t user,
		    struct hlp_cgroup_tree *out)
{
	char name[24];

	*out = *tree;
	out->fd = -1;
	out->leaf_fd = -1;
	if (tree->fd < 0)
		return -1;
	(void)snprintf(name, sizeof(name), "u-%" PRIu32, (uint32_t)user);
	out->fd = make_dir(tree->fd, name);
	if (out->fd < 0)
		return no_tree(out, "cannot make a cgroup for this user");
	enable(out->fd, out->controllers);
	return 0;
}

/**
 * hlp_cgroup_init() - none
 */
void hlp_cgroup_init(struct hlp_cgroup *cgroup)
{
	*cgroup = (struct hlp_cgroup){ .outer_fd = -1, .inner_fd = -1 };
}

/**
 * hlp_cgroup_fini() - close the directories; idempotent, removes nothing
 */
void hlp_cgroup_fini(struct hlp_cgroup *cgroup)
{
	fd_close(&cgroup->outer_fd);
	fd_close(&cgroup->inner_fd);
}

/**
 * hlp_cgroup_make() - the cgroups of one sandbox, empty
 * @cgroup: name is set; a left-over directory of that name is killed and
 *          removed first, and is an error (LIMIT) where it does not go
 * @controllers: those of the tree
 *
 * The controllers are enabled while both are empty: later it would wait for a
 * grace period (16 ms on 6.1).
 *
 * Return: 0 or -1, nothing is left behind.
 */
int hlp_cgroup_make(int tree_fd, const char *controllers,
		    struct hlp_cgroup *cgroup, struct err *err)
{
	char unused[64];

	if (mkdirat(tree_fd, cgroup->name, 0755) < 0) {
		struct hlp_cgroup old = *cgroup;

		old.outer_fd = open_dir(tree_fd, cgroup->name);
		if (errno != EEXIST && old.outer_fd < 0)
			return err_set(err, ERR_KERNEL, errno, "make a cgroup");
		hlp_cgroup_kill(&old);
		if (hlp_cgroup_remove(tree_fd, &old) < 0 ||
		    mkdirat(tree_fd, cgroup->name, 0755) < 0) {
			hlp_cgroup_fini(&old);
			return err_set(err, ERR_LIMIT, errno,
				       "an earlier sandbox's cgroup is in use");
		}
	}
	cgroup->outer_fd = open_dir(tree_fd, cgroup->name);
	if (cgroup->outer_fd >= 0 && controllers[0])
		enable(cgroup->outer_fd, unused);
	if (cgroup->outer_fd >= 0)
		cgroup->inner_fd = make_dir(cgroup->outer_fd, "p");
	if (cgroup->inner_fd < 0 ||
	    put(cgroup->outer_fd, "cgroup.max.descendants",
		HLP_CGROUP_MAX_DESCENDANTS) < 0) {
		err_set(err, ERR_KERNEL, errno, "set up a cgroup");
		(void)hlp_cgroup_remove(tree_fd, cgroup);
		hlp_cgroup_fini(cgroup);
		return -1;
	}
	return 0;
}

/*
 * The system helper has no CAP_CHOWN; it may give its own files to a group that
 * it is in for file access, which CAP_SETGID lets it be.
 */
static int give(int dir_fd, const char *name, uid_t uid, gid_t gid, bool system)
{
	mode_t mode = name[0] == '.' ? 0775 : 0664;

	if (!system)
		return fchownat(dir_fd, name, uid, gid, 0);
	if (fchownat(dir_fd, name, (uid_t)-1, gid, 0) < 0)
		return -1;
	return fchmodat(dir_fd, name, mode, 0);
}

/**
 * hlp_cgroup_delegate() - let pid 1 make cgroups for its commands
 * @uid: whom pid 1 will be, as seen here; @gid likewise
 * @system: this process owns the directory but cannot change its owner
 *
 * Limits stay out of reach: they are in the directory above, and the cgroup
 * namespace's root keeps pid 1 below its own.
 */
int hlp_cgroup_delegate(struct hlp_cgroup *cgroup, uid_t uid, gid_t gid,
			bool system, struct err *err)
{
	static const char *const files[] = { "cgroup.procs",
					     "cgroup.subtree_control",
					     "cgroup.threads", "." };
	int failed = 0, sys = 0;

	if (system)
		(void)setfsgid(gid);
	for (size_t i = 0; i < 4 && !failed; i++) {
		failed = give(cgroup->inner_fd, files[i], uid, gid, system);
		sys = errno;
	}
	if (system)
		(void)setfsgid(getegid());
	if (failed)
		return err_set(err, ERR_KERNEL, sys, "delegate a cgroup");
	return 0;
}

/**
 * hlp_cgroup_limit() - set one limit of a sandbox
 *
 * Safety: the value is a number and goes to a fixed file of a directory that
 * no sandbox can write; a hostile controller can only choose how little its
 * own sandbox gets, the ceilings are the caller's to check.
 *
 * Return: 0 or -1. UNSUPPORTED with the name of the missing controller.
 */
int hlp_cgroup_limit(const struct hlp_cgroup *cgroup, enum hlp_limit limit,
		     uint64_t value, struct err *err)
{
	char text[48];

	if (cgroup->outer_fd < 0)
		return err_set(err, ERR_UNSUPPORTED, 0,
			       "no cgroup, so no %s controller for %s",
			       limits[limit].controller, limits[limit].file);
	if (limit == HLP_LIMIT_CPU_MAX)
		(void)snprintf(text, sizeof(text), "%" PRIu64 " 100000", value);
	else
		(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	if (put(cgroup->outer_fd, limits[limit].file, text) == 0)
		return 0;
	if (errno == ENOENT)
		return err_set(
			err, ERR_UNSUPPORTED, 0,
			"%s needs the cgroup controller %s, which is not available",
			limits[limit].file, limits[limit].controller);
	return err_set(err, ERR_KERNEL, errno, "set %s", limits[limit].file);
}

/**
 * hlp_cgroup_oom() - whether the memory limit ever killed something in it
 */
bool hlp_cgroup_oom(const struct hlp_cgroup *cgroup)
{
	char text[256];
	const char *at;

	if (cgroup->outer_fd < 0 ||
	    get(cgroup->outer_fd, "memory.events", text, sizeof(text)) < 0)
		return false;
	at = strstr(text, "\noom_kill ");
	return at && at[10] != '0';
}

/**
 * hlp_cgroup_kill() - kill everything in it; see cgroup.kill in cgroups(7)
 */
void hlp_cgroup_kill(const struct hlp_cgroup *cgroup)
{
	/* ENOENT and ENODEV: it is gone, and so is all that was in it. */
	if (cgroup->outer_fd >= 0)
		(void)put(cgroup->outer_fd, "cgroup.kill", "1");
}

typedef void cgroup_dir_fn(int dir_fd, const char *name, void *arg);

static void each_dir(int dir_fd, cgroup_dir_fn *fn, void *arg)
{
	struct entry {
		ino64_t ino;
		off64_t off;
		unsigned short len;
		unsigned char type;
		char name[];
	} * entry;
	_Alignas(8) char buf[4096];
	ssize_t got;

	(void)lseek(dir_fd, 0, SEEK_SET);
	while ((got = getdents64(dir_fd, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < got; at += entry->len) {
			entry = (struct entry *)(buf + at);
			if (entry->type == DT_DIR && entry->name[0] != '.')
				fn(dir_fd, entry->name, arg);
		}
}

/* exec-N, and init where pid 1 moved; they hold no directories themselves. */
static void remove_child(int dir_fd, const char *name, void *arg)
{
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
		*(int *)arg = -1;
}

/**
 * hlp_cgroup_remove() - remove a sandbox's cgroups
 *
 * Return: 0; -1 with EBUSY while something lives in them: try again later.
 */
int hlp_cgroup_remove(int tree_fd, struct hlp_cgroup *cgroup)
{
	if (cgroup->outer_fd >= 0) {
		auto_fd inner_fd = open_dir(cgroup->outer_fd, "p");
		int failed = 0;

		if (inner_fd >= 0)
			each_dir(inner_fd, remove_child, &failed);
		if (failed || (unlinkat(cgroup->outer_fd, "p", AT_REMOVEDIR) &&
			       errno != ENOENT))
			return -1;
	}
	if (cgroup->name[0] &&
	    unlinkat(tree_fd, cgroup->name, AT_REMOVEDIR) < 0 &&
	    errno != ENOENT)
		return -1;
	hlp_cgroup_fini(cgroup);
	return 0;
}

static int lock_byte(int fd, unsigned long byte, short how)
{
	struct flock lock = { .l_type = how,
			      .l_whence = SEEK_SET,
			      .l_start = (off_t)byte,
			      .l_len = 1 };

	return fd < 0 ? -1 : fcntl(fd, F_OFD_SETLK, &lock);
}

/* Not a live spawner's: whose process is there, or who has the block's lock. */
static void sweep_one(int tree_fd, const char *name, void *arg)
{
	struct hlp_cgroup left = { .outer_fd = -1, .inner_fd = -1 };
	const int lease_fd = *(const int *)arg;
	char *end;
	unsigned long number = strtoul(name + 1, &end, 10);
	bool ours = name[0] == 's' && *end == '-' &&
		    kill((pid_t)number, 0) < 0 && errno == ESRCH;
	bool locked = name[0] == 'b' && *end == '\0' &&
		      lock_byte(lease_fd, number, F_WRLCK) == 0;

	if ((ours || locked) && strlen(name) < sizeof(left.name)) {
		memcpy(left.name, name, strlen(name));
		left.outer_fd = open_dir(tree_fd, name);
		hlp_cgroup_kill(&left);
		for (int i = 0; i < HLP_SWEEP_TRIES; i++) {
			if (hlp_cgroup_remove(tree_fd, &left) == 0)
				break;
			(void)poll(NULL, 0, HLP_SWEEP_MS);
		}
		hlp_cgroup_fini(&left);
	}
	if (locked)
		(void)lock_byte(lease_fd, number, F_UNLCK);
}

/**
 * hlp_cgroup_sweep() - end and remove what a spawner that was killed left
 * @tree_fd:  a user's part of the tree; -1: nothing to do
 * @lease_fd: locks on it tell which blocks are another spawner's, -1 none
 */
void hlp_cgroup_sweep(int tree_fd, int lease_fd)
{
	if (tree_fd >= 0)
		each_dir(tree_fd, sweep_one, &lease_fd);
}
