// SPDX-License-Identifier: Apache-2.0
/*
 * File verbs, in a worker that has the sandbox user's ids.  Every name is
 * walked beneath a directory that was opened when nothing hostile ran yet.
 */
#include <config.h>

#include "helper/init/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define LIST_MAX_ENTRIES 256
#define LIST_MAX_BYTES 60000
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/*
 * Beneath the workspace a symbolic link that is followed must stay beneath it;
 * beneath the root an absolute one means what it means to a command.
 */
static int open_beneath(const struct init *in, const struct init_job_args *job,
			const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH,
	};
	auto_fd root_fd = -1;
	int dir_fd = in->workdir_fd;

	if (!job->follow) {
		how.resolve |= RESOLVE_NO_SYMLINKS;
		how.flags |= O_NOFOLLOW;
	} else if (!job->workdir) {
		how.resolve = RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT;
	}
	if (!job->workdir) {
		path += strspn(path, "/");
		root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		dir_fd = root_fd;
	}
	if (dir_fd < 0) {
		errno = ENOENT;
		return -1;
	}
	return (int)syscall(SYS_openat2, dir_fd, *path ? path : ".", &how,
			    sizeof(how));
}

static void fill_stat(const struct stat *st, Ini__Answer *answer)
{
	answer->size = (uint64_t)st->st_size;
	answer->mode = st->st_mode;
	answer->mtime_nsec = (uint64_t)st->st_mtim.tv_sec * 1000000000ULL +
			     (uint64_t)st->st_mtim.tv_nsec;
	answer->uid = st->st_uid;
	answer->gid = st->st_gid;
}

static int check_regular(const struct stat *st)
{
	if (S_ISREG(st->st_mode))
		return 0;
	errno = S_ISDIR(st->st_mode) ? EISDIR :
		S_ISLNK(st->st_mode) ? ELOOP : ENXIO;
	return -1;
}

/**
 * init_file_open() - a regular file for reading, or a directory
 *
 * O_NONBLOCK: a FIFO that the sandbox planted must not hold the worker.
 *
 * Return: the descriptor, or -1 with errno.
 */
int init_file_open(const struct init *in, const struct init_job_args *job,
		   Ini__Answer *answer)
{
	auto_fd fd = open_beneath(in, job, job->path,
				  O_RDONLY | O_NOCTTY | O_NONBLOCK |
					  (job->directory ? O_DIRECTORY : 0));
	struct stat st;

	if (fd < 0 || fstat(fd, &st) ||
	    (!job->directory && check_regular(&st)))
		return -1;
	fill_stat(&st, answer);
	return fd_take(&fd);
}

/**
 * init_file_stat() - what a name is; a symbolic link itself
 */
int init_file_stat(const struct init *in, const struct init_job_args *job,
		   Ini__Answer *answer)
{
	auto_fd fd = open_beneath(in, job, job->path, O_PATH);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -1;
	fill_stat(&st, answer);
	return 0;
}

struct listing {
	Ini__Entry entries[LIST_MAX_ENTRIES];
	Ini__Entry *pointers[LIST_MAX_ENTRIES];
	size_t bytes;
};

/* False where the answer is full; @next then says where to go on. */
static bool add_entry(struct listing *list, Ini__Answer *answer,
		      struct dirent64 *d)
{
	size_t len = strlen(d->d_name);
	Ini__Entry *entry;

	if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
		return true;
	if (answer->n_entries == LIST_MAX_ENTRIES ||
	    list->bytes + len + 16 > LIST_MAX_BYTES)
		return false;
	entry = &list->entries[answer->n_entries];
	*entry = (Ini__Entry)INI__ENTRY__INIT;
	entry->name.len = len;
	entry->name.data = (uint8_t *)d->d_name;
	entry->type = d->d_type;
	list->pointers[answer->n_entries++] = entry;
	list->bytes += len + 16;
	return true;
}

/**
 * init_file_list() - up to 256 names of a directory
 *
 * The names stay in a buffer of the worker, which answers once and exits.
 */
int init_file_list(const struct init *in, const struct init_job_args *job,
		   Ini__Answer *answer)
{
	static struct listing list;
	static _Alignas(struct dirent64) char buf[LIST_MAX_BYTES];
	auto_fd fd = open_beneath(in, job, job->path, O_RDONLY | O_DIRECTORY);
	uint64_t at = job->offset;
	ssize_t got;

	if (fd < 0 || lseek(fd, (off_t)at, SEEK_SET) < 0)
		return -1;
	answer->entries = list.pointers;
	/* One read fills the buffer: what does not fit waits for the next. */
	got = getdents64(fd, buf, sizeof(buf));
	if (got < 0)
		return -1;
	for (ssize_t i = 0; i < got;) {
		struct dirent64 *d = (struct dirent64 *)(buf + i);

		if (!add_entry(&list, answer, d))
			break;
		at = (uint64_t)d->d_off;
		i += d->d_reclen;
	}
	answer->next = got > 0 ? at : 0;
	return 0;
}

/* Opens the directory of job->path and cuts the path: @base is what is left. */
static int open_parent(const struct init *in, const struct init_job_args *job,
		       const char **base)
{
	char path[INIT_PATH_MAX_BYTES + 1];
	char *slash;

	memcpy(path, job->path, sizeof(path));
	slash = strrchr(path, '/');
	*base = slash ? job->path + (slash - path) + 1 : job->path;
	if (!**base || !strcmp(*base, ".") || !strcmp(*base, "..")) {
		errno = EISDIR;
		return -1;
	}
	if (slash)
		*slash = '\0';
	return open_beneath(in, job, slash ? path : "",
			    O_PATH | O_DIRECTORY);
}

static int make_parents(const struct init *in, const struct init_job_args *job)
{
	char path[INIT_PATH_MAX_BYTES + 1];
	size_t from = strspn(job->path, "/");

	for (;;) {
		const char *slash = strchr(job->path + from, '/');
		struct init_job_args part = *job;
		const char *base;
		auto_fd dir_fd = -1;

		if (!slash)
			return 0;
		from = (size_t)(slash - job->path) + 1;
		if (slash > job->path && slash[-1] == '/')
			continue;
		memcpy(path, job->path, from - 1);
		path[from - 1] = '\0';
		memcpy(part.path, path, from);
		dir_fd = open_parent(in, &part, &base);
		/* "." and ".." are there or refused by the walk. */
		if (dir_fd < 0 && errno == EISDIR)
			continue;
		if (dir_fd < 0 ||
		    (mkdirat(dir_fd, base, 0755) && errno != EEXIST))
			return -1;
	}
}

/* What stands at the name now: 0 and a mode, ENOENT gives @mode, else -1. */
static int old_mode(const struct init_job_args *job, int dir_fd,
		    const char *base, mode_t *mode)
{
	struct stat st;

	*mode = job->mode & 0777;
	if (fstatat(dir_fd, base, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -1;
	if (job->exclusive) {
		errno = EEXIST;
		return -1;
	}
	/* The directory's rights would do, but a read-only file says no. */
	if (check_regular(&st) || faccessat(dir_fd, base, W_OK, AT_EACCESS))
		return -1;
	*mode = st.st_mode & 0777;
	return 0;
}

static int copy_content(int from_fd, int to_fd)
{
	static char buf[LIST_MAX_BYTES];
	off_t at = 0;
	ssize_t got;

	if (fcntl(from_fd, F_GET_SEALS) != SEALS) {
		errno = EINVAL;
		return -1;
	}
	while ((got = pread(from_fd, buf, sizeof(buf), at)) > 0) {
		for (ssize_t done = 0; done < got;) {
			ssize_t put = write(to_fd, buf + done,
					    (size_t)(got - done));

			if (put <= 0)
				return -1;
			done += put;
		}
		at += got;
	}
	return (int)got;
}

static int replace(const struct init_job_args *job, int dir_fd,
		   const char *base, mode_t mode)
{
	unsigned flags = job->exclusive ? RENAME_NOREPLACE : 0;
	auto_fd fd = -1;
	uint64_t random;
	char temp[32];
	int saved;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -1;
	(void)snprintf(temp, sizeof(temp), ".creel-%016llx",
		       (unsigned long long)random);
	fd = openat(dir_fd, temp,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (copy_content(job->content_fd, fd) == 0 && !fchmod(fd, mode) &&
	    !fsync(fd) && !renameat2(dir_fd, temp, dir_fd, base, flags))
		return 0;
	saved = errno;
	(void)unlinkat(dir_fd, temp, 0);
	errno = saved;
	return -1;
}

/**
 * init_file_put() - write a whole file: temporary, fsync, rename
 *
 * The directory is held open from the walk to the rename, so that nothing that
 * is swapped meanwhile moves the file elsewhere.
 *
 * Return: 0, or -1 with errno; the old file is then untouched.
 */
int init_file_put(const struct init *in, const struct init_job_args *job)
{
	auto_fd dir_fd = -1;
	const char *base;
	mode_t mode;

	if (job->parents && make_parents(in, job))
		return -1;
	dir_fd = open_parent(in, job, &base);
	if (dir_fd < 0 || old_mode(job, dir_fd, base, &mode))
		return -1;
	return replace(job, dir_fd, base, mode);
}
