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
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include "proto/cleanup.h"

#define HLP_CGROUP_MAX_DESCENDANTS "1024"
#define HLP_SWEEP_TRIES 50
#define HLP_SWEEP_MS 10

static const char *const wanted[] = { "cpu", "memory", "pids" };

/* What its owner must be able to write, see cgroups(7). */
static const char *const delegated[] = { ".", "cgroup.procs",
					 "cgroup.subtree_control",
					 "cgroup.threads" };

static const struct {
	const char *controller, *file;
} limits[HLP_LIMIT_COUNT] = {
	[HLP_LIMIT_MEMORY_MAX] = { "memory", "memory.max" },
	[HLP_LIMIT_MEMORY_SWAP_MAX] = { "memory", "memory.swap.max" },
	[HLP_LIMIT_PIDS_MAX] = { "pids", "pids.max" },
	[HLP_LIMIT_CPU_MAX] = { "cpu", "cpu.max" },
	[HLP_LIMIT_CPU_WEIGHT] = { "cpu", "cpu.weight" },
};

/**
 * hlp_cgroup_put() - write to a file of a cgroup
 *
 * Return: 0 or -1 with errno.
 */
int hlp_cgroup_put(int dir_fd, const char *name, const char *text)
{
	auto_fd fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t len = strlen(text);

	return fd >= 0 && write(fd, text, len) == (ssize_t)len ? 0 : -1;
}

/**
 * hlp_cgroup_get() - read a file, @size bytes with its terminator
 */
int hlp_cgroup_get(int dir_fd, const char *name, char *text, size_t size)
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

/**
 * hlp_cgroup_dir() - open a directory, which is made where it is missing
 */
int hlp_cgroup_dir(int dir_fd, const char *name)
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

/**
 * hlp_cgroup_enable() - enable what there is of the controllers of limits
 * @controllers: set to those that now are, space separated
 */
void hlp_cgroup_enable(int dir_fd, char controllers[64])
{
	char there[256], word[16];

	controllers[0] = '\0';
	if (hlp_cgroup_get(dir_fd, "cgroup.controllers", there, sizeof(there)) <
	    0)
		return;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		(void)snprintf(word, sizeof(word), "+%s", wanted[i]);
		if (has_word(there, wanted[i]) &&
		    hlp_cgroup_put(dir_fd, "cgroup.subtree_control", word) ==
			    0) {
			if (controllers[0])
				strncat(controllers, " ",
					63 - strlen(controllers));
			strncat(controllers, wanted[i],
				63 - strlen(controllers));
		}
	}
}

/**
 * hlp_cgroup_give() - hand a directory on
 * @to_owner: else to a group, which then may write
 */
int hlp_cgroup_give(int dir_fd, uid_t uid, gid_t gid, bool to_owner)
{
	for (size_t i = 0; i < 4; i++)
		if (fchownat(dir_fd, delegated[i], uid, gid, 0) < 0 ||
		    (!to_owner &&
		     fchmodat(dir_fd, delegated[i], i ? 0664 : 0775, 0) < 0))
			return -1;
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
 * hlp_cgroup_freeze() - stop everything in it, or let it go on
 */
void hlp_cgroup_freeze(const struct hlp_cgroup *cgroup, bool on)
{
	/* ENOENT and ENODEV: it is gone, and so is all that was in it. */
	if (cgroup->outer_fd >= 0)
		(void)hlp_cgroup_put(cgroup->outer_fd, "cgroup.freeze",
				     on ? "1" : "0");
}

/**
 * hlp_cgroup_kill() - kill everything in it; see cgroup.kill in cgroups(7)
 *
 * What was killed while it was stopped may need to run to its end.
 */
void hlp_cgroup_kill(const struct hlp_cgroup *cgroup)
{
	if (cgroup->outer_fd >= 0)
		(void)hlp_cgroup_put(cgroup->outer_fd, "cgroup.kill", "1");
	hlp_cgroup_freeze(cgroup, false);
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

/*
 * Whose it is holds a lock on the directory, which others cannot open: whatever
 * else was shared, or was not, nobody's sandbox is taken for a left one.
 */
static int lock_dir(int dir_fd)
{
	return flock(dir_fd, LOCK_EX | LOCK_NB);
}

/**
 * hlp_cgroup_busy() - whether a live spawner has the block's cgroup
 *
 * One with leases of its own, which this one does not see.
 */
bool hlp_cgroup_busy(int tree_fd, uint32_t number)
{
	char name[HLP_CGROUP_NAME_BYTES];
	auto_fd fd = -1;

	(void)snprintf(name, sizeof(name), "b%u", number);
	if (tree_fd >= 0)
		fd = open_dir(tree_fd, name);
	return fd >= 0 && lock_dir(fd) < 0;
}

/* Kills and removes the cgroups of a sandbox that is nobody's any more. */
static int end_left(int tree_fd, const char *name)
{
	struct hlp_cgroup left = { .outer_fd = open_dir(tree_fd, name),
				   .inner_fd = -1 };

	if (lock_dir(left.outer_fd) < 0) {
		hlp_cgroup_fini(&left);
		return -1;
	}
	(void)snprintf(left.name, sizeof(left.name), "%.31s", name);
	hlp_cgroup_kill(&left);
	for (int i = 0; i < HLP_SWEEP_TRIES; i++) {
		if (hlp_cgroup_remove(tree_fd, &left) == 0)
			return 0;
		(void)poll(NULL, 0, HLP_SWEEP_MS);
	}
	hlp_cgroup_fini(&left);
	return -1;
}

/**
 * hlp_cgroup_make() - the cgroups of one sandbox, empty
 * @cgroup: name is set; what is left of that name is ended first
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

	if ((mkdirat(tree_fd, cgroup->name, 0711) < 0 &&
	     (errno != EEXIST || end_left(tree_fd, cgroup->name) < 0 ||
	      mkdirat(tree_fd, cgroup->name, 0711) < 0)) ||
	    lock_dir(cgroup->outer_fd = open_dir(tree_fd, cgroup->name)) < 0) {
		hlp_cgroup_fini(cgroup);
		cgroup->name[0] = '\0';
		return err_set(err, ERR_KERNEL, errno, "make a cgroup");
	}
	if (controllers[0])
		hlp_cgroup_enable(cgroup->outer_fd, unused);
	cgroup->inner_fd = hlp_cgroup_dir(cgroup->outer_fd, "p");
	if (cgroup->inner_fd < 0 ||
	    hlp_cgroup_put(cgroup->outer_fd, "cgroup.max.descendants",
			   HLP_CGROUP_MAX_DESCENDANTS) < 0) {
		err_set(err, ERR_KERNEL, errno, "set up a cgroup");
		(void)hlp_cgroup_remove(tree_fd, cgroup);
		hlp_cgroup_fini(cgroup);
		return -1;
	}
	return 0;
}

/**
 * hlp_cgroup_delegate() - let pid 1 make cgroups for its commands
 * @uid: whom pid 1 will be, as seen here; @gid likewise
 * @system: this process owns the directory but has no CAP_CHOWN; it may give
 * its files to a group that it is in for file access
 *
 * Limits stay out of reach: they are in the directory above, and the cgroup
 * namespace's root keeps pid 1 below its own.
 */
int hlp_cgroup_delegate(struct hlp_cgroup *cgroup, uid_t uid, gid_t gid,
			bool system, struct err *err)
{
	int failed, sys;

	if (system)
		(void)setfsgid(gid);
	failed = hlp_cgroup_give(cgroup->inner_fd, system ? (uid_t)-1 : uid,
				 gid, !system);
	sys = errno;
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
	if (value == HLP_CGROUP_NO_LIMIT)
		(void)snprintf(text, sizeof(text), "max");
	else if (limit == HLP_LIMIT_CPU_MAX)
		(void)snprintf(text, sizeof(text), "%" PRIu64 " 100000", value);
	else
		(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	if (hlp_cgroup_put(cgroup->outer_fd, limits[limit].file, text) == 0)
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
	    hlp_cgroup_get(cgroup->outer_fd, "memory.events", text,
			   sizeof(text)) < 0)
		return false;
	at = strstr(text, "\noom_kill ");
	return at && at[10] != '0';
}

/**
 * hlp_block_lock() - take or leave a block of ids, for all helpers of a machine
 * @lease_fd: a file with a byte for each block, -1 none
 * @number:   the block's first id, over its size
 * @how:      F_WRLCK or F_UNLCK
 */
int hlp_block_lock(int lease_fd, uint32_t number, short how)
{
	struct flock lock = { .l_type = how,
			      .l_whence = SEEK_SET,
			      .l_start = number,
			      .l_len = 1 };

	return lease_fd < 0 ? 0 : fcntl(lease_fd, F_OFD_SETLK, &lock);
}

/* Not a live spawner's: whose process is there, or who has the block's lock. */
static void sweep_one(int tree_fd, const char *name, void *arg)
{
	const int lease_fd = *(const int *)arg;
	char *end;
	uint32_t number = (uint32_t)strtoul(name + 1, &end, 10);

	if (name[0] == 's' && *end == '-' && kill((pid_t)number, 0) < 0 &&
	    errno == ESRCH)
		(void)end_left(tree_fd, name);
	if (name[0] == 'b' && *end == '\0' && lease_fd >= 0 &&
	    hlp_block_lock(lease_fd, number, F_WRLCK) == 0) {
		(void)end_left(tree_fd, name);
		(void)hlp_block_lock(lease_fd, number, F_UNLCK);
	}
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

static void prune_user(int tree_fd, const char *name, void *arg)
{
	char helper[HLP_CGROUP_NAME_BYTES + 8];

	(void)arg;
	if (name[0] != 'u')
		return;
	(void)snprintf(helper, sizeof(helper), "%.31s/helper", name);
	/* EBUSY: a user's helper lives there. */
	if (unlinkat(tree_fd, helper, AT_REMOVEDIR) == 0 || errno == ENOENT)
		(void)unlinkat(tree_fd, name, AT_REMOVEDIR);
}

/**
 * hlp_cgroup_prune() - remove users' parts of the tree that are empty
 *
 * As root: their owner may be an account that the helper has no more.
 */
void hlp_cgroup_prune(int tree_fd)
{
	each_dir(tree_fd, prune_user, NULL);
}
