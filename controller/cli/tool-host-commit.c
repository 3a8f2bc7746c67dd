// SPDX-License-Identifier: Apache-2.0
/*
 * Tools outside of any sandbox: files that are written.  Several changes happen
 * together or not at all: what is new is written and synced beside its place,
 * then the names are exchanged one after the other, and the first that cannot
 * be has all of them exchanged back.
 */
#include <config.h>

#include "controller/cli/tool-host-own.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/cli/tool-host-parents.h"
#include "proto/cleanup.h"

#define NEW_MODE 0644
#define TEMP_BYTES 32

/* A change on its way. */
struct step {
	const struct tool_change *change; /* borrowed */
	int dir_fd;             /* owned */
	char *base;             /* owned; the name in it */
	char temp[TEMP_BYTES];  /* beside it: the new file, later the old one */
	bool has_temp;          /* there is something of that name */
	bool swapped, put;      /* the names: exchanged, or only given */
	bool there;             /* there is an old file */
	struct stat old;        /* then: it */
};

static int name_temp(struct step *step)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -1;
	(void)snprintf(step->temp, sizeof(step->temp), ".creel-%016llx",
		       (unsigned long long)random);
	return 0;
}

static int refuse(int sys)
{
	errno = sys;
	return -1;
}

static int check_regular(mode_t mode)
{
	if (S_ISREG(mode))
		return 0;
	return refuse(S_ISDIR(mode) ? EISDIR : S_ISLNK(mode) ? ELOOP : ENXIO);
}

static bool is_same(const struct stat *st, const struct tool_stamp *stamp,
		    bool moved)
{
	const uint64_t mtime = (uint64_t)st->st_mtim.tv_sec * 1000000000ULL +
			       (uint64_t)st->st_mtim.tv_nsec;
	const uint64_t ctime = (uint64_t)st->st_ctim.tv_sec * 1000000000ULL +
			       (uint64_t)st->st_ctim.tv_nsec;

	return st->st_ino == stamp->ino && st->st_dev == stamp->dev &&
	       (uint64_t)st->st_size == stamp->size &&
	       mtime == stamp->mtime_nsec &&
	       (moved || ctime == stamp->ctime_nsec);
}

/* Is there what is expected to be there? */
static int look(struct step *step)
{
	const struct tool_change *change = step->change;
	int ret = fstatat(step->dir_fd, step->base, &step->old,
			  AT_SYMLINK_NOFOLLOW);

	step->there = ret == 0;
	if (ret < 0 && errno != ENOENT)
		return -1;
	if (step->there && change->expect == TOOL_EXPECT_ABSENT)
		return refuse(EEXIST);
	if (change->kind == TOOL_CHANGE_MKDIR)
		return step->there ? refuse(EEXIST) : 0;
	if (step->there && check_regular(step->old.st_mode) < 0)
		return -1;
	if (change->expect == TOOL_EXPECT_SAME &&
	    (!step->there || !is_same(&step->old, &change->stamp, false)))
		return refuse(ESTALE);
	if (!step->there)
		return change->kind == TOOL_CHANGE_REMOVE ? refuse(ENOENT) : 0;
	/* The directory's rights would do; a read-only file says no. */
	return change->kind == TOOL_CHANGE_PUT ?
		       faccessat(step->dir_fd, step->base, W_OK, AT_EACCESS) :
		       0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, bytes, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		bytes += put;
		len -= (size_t)put;
	}
	return 0;
}

/* Not set-id, nor sticky: as write(2), and it may have another owner now. */
static mode_t mode_of(const struct step *step)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	if (step->there)
		return step->old.st_mode & 0777;
	return (step->change->mode ? step->change->mode & 0777 : NEW_MODE) &
	       ~mask;
}

/* Root's change leaves a file its owner; for anybody else this is his own. */
static int keep_owner(const struct step *step, int fd)
{
	if (!step->there || (step->old.st_uid == geteuid() &&
			     step->old.st_gid == getegid()))
		return 0;
	if (fchown(fd, step->old.st_uid, step->old.st_gid) == 0)
		return 0;
	return geteuid() == 0 ? -1 : 0;
}

static int write_temp(struct step *step)
{
	auto_fd fd = -1;

	if (name_temp(step) < 0)
		return -1;
	fd = openat(step->dir_fd, step->temp,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	step->has_temp = fd >= 0;
	if (fd < 0 ||
	    write_all(fd, step->change->bytes, step->change->len) < 0 ||
	    keep_owner(step, fd) < 0 || fchmod(fd, mode_of(step)) < 0)
		return -1;
	return fsync(fd);
}

static int prepare(struct tool_call *call, struct step *step,
		   struct host_parents *parents)
{
	const struct tool_change *change = step->change;

	if (change->parents &&
	    host_parents_make(parents, call, change->path) < 0)
		return -1;
	/* What is removed would not be the link. */
	step->dir_fd = host_parent_open(call, change->path,
					change->kind == TOOL_CHANGE_PUT,
					&step->base);
	if (step->dir_fd < 0 || look(step) < 0)
		return -1;
	if (change->kind == TOOL_CHANGE_PUT)
		return write_temp(step);
	if (change->kind == TOOL_CHANGE_REMOVE)
		return name_temp(step);
	if (mkdirat(step->dir_fd, step->base,
		    change->mode ? change->mode & 0777 : 0755) < 0)
		return -1;
	step->put = true;
	return 0;
}

/* Where a file system cannot exchange names the old file steps aside first. */
static int swap_names(struct step *step)
{
	char aside[TEMP_BYTES];

	if (renameat2(step->dir_fd, step->temp, step->dir_fd, step->base,
		      RENAME_EXCHANGE) == 0) {
		step->swapped = true;
		return 0;
	}
	if (errno != EINVAL && errno != ENOSYS)
		return errno == ENOENT ? refuse(ESTALE) : -1;
	memcpy(aside, step->temp, sizeof(aside));
	if (name_temp(step) < 0 || renameat(step->dir_fd, step->base,
					    step->dir_fd, step->temp) < 0) {
		memcpy(step->temp, aside, sizeof(aside));
		return -1;
	}
	if (renameat(step->dir_fd, aside, step->dir_fd, step->base) == 0) {
		step->swapped = true;
		return 0;
	}
	/* Back as it was. */
	(void)renameat(step->dir_fd, step->temp, step->dir_fd, step->base);
	memcpy(step->temp, aside, sizeof(aside));
	return -1;
}

static int give_name(struct step *step, const char *from, const char *to)
{
	int ret = renameat2(step->dir_fd, from, step->dir_fd, to,
			    RENAME_NOREPLACE);

	/* A file system that does not know the flag. */
	if (ret < 0 && errno == EINVAL &&
	    faccessat(step->dir_fd, to, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		ret = renameat(step->dir_fd, from, step->dir_fd, to);
	return ret;
}

/* What was there until now was there all the time? */
static int check_old(const struct step *step)
{
	struct stat st;

	if (fstatat(step->dir_fd, step->temp, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    check_regular(st.st_mode) < 0)
		return -1;
	if (step->change->expect == TOOL_EXPECT_SAME &&
	    !is_same(&st, &step->change->stamp, true))
		return refuse(ESTALE);
	return 0;
}

static int act(struct step *step)
{
	if (step->change->kind == TOOL_CHANGE_MKDIR)
		return 0;
	if (step->change->kind == TOOL_CHANGE_REMOVE) {
		step->has_temp = give_name(step, step->base, step->temp) == 0;
		return step->has_temp ? check_old(step) : -1;
	}
	if (step->there)
		return swap_names(step) < 0 ? -1 : check_old(step);
	step->put = give_name(step, step->temp, step->base) == 0;
	step->has_temp = !step->put;
	return step->put ? 0 : -1;
}

static void undo(struct step *step)
{
	const bool removed = step->change->kind == TOOL_CHANGE_REMOVE &&
			     step->has_temp;

	if (step->dir_fd < 0)
		return;
	/* Over the new file, which is what temp would be otherwise. */
	if (step->swapped || removed) {
		(void)renameat(step->dir_fd, step->temp, step->dir_fd,
			       step->base);
		step->has_temp = false;
	}
	if (step->put)
		(void)unlinkat(step->dir_fd, step->base,
			       step->change->kind == TOOL_CHANGE_MKDIR ?
				       AT_REMOVEDIR : 0);
}

static void release(struct step *step)
{
	if (step->has_temp)
		(void)unlinkat(step->dir_fd, step->temp, 0);
	fd_close(&step->dir_fd);
	free(step->base);
}

/* Return: how many of the steps went well; errno says why not the next. */
static size_t run(struct tool_call *call, struct step *steps, size_t n,
		  struct host_parents *parents)
{
	for (size_t i = 0; i < n; i++)
		if (prepare(call, &steps[i], parents) < 0)
			return i;
	for (size_t i = 0; i < n; i++)
		if (act(&steps[i]) < 0)
			return i;
	return n;
}

/**
 * host_commit() - several changes, or none
 *
 * Whoever ends the call waits for it.
 */
void host_commit(struct tool_call *call, const struct tool_change *changes,
		 size_t n, tool_commit_fn *done)
{
	struct step *steps = calloc(n ? n : 1, sizeof(*steps));
	struct tool_commit commit = { .sys = ENOMEM };
	struct host_parents parents = { .n = 0 };
	sigset_t all, old;

	sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &old);
	for (size_t i = 0; steps && i < n; i++)
		steps[i] = (struct step){ .change = &changes[i], .dir_fd = -1 };
	if (steps) {
		commit.which = run(call, steps, n, &parents);
		commit.sys = commit.which < n ? errno : 0;
	}
	for (size_t i = n; commit.sys && steps && i > 0; i--)
		undo(&steps[i - 1]);
	for (size_t i = 0; steps && i < n; i++)
		release(&steps[i]);
	host_parents_fini(&parents, commit.sys != 0, call);
	if (commit.sys == 0 && changes[0].brief)
		host_brief(changes[0].path);
	free(steps);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	done(call, &commit);
}
