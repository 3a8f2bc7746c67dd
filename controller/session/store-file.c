// SPDX-License-Identifier: Apache-2.0
/*
 * The files of the store before SQLite gets to see them: whose they are, what
 * they are, and who else uses them.  Nothing here writes to a database.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "controller/session/store-db.h"
#include "proto/cleanup.h"

#define HEADER_BYTES 100
#define LOCK_PAUSE_NS 2000000

static int check_dir(int fd, const char *dir, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, ERR_KERNEL, errno, "%.120s", dir);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_DENIED, 0,
			       "%.100s: it belongs to another user", dir);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, ERR_DENIED, 0,
			       "%.100s: others can write to it", dir);
	return 0;
}

/*
 * A regular file of the user's. Looked at by name: a descriptor of it would
 * take the locks of this process with it when it is closed.
 */
static int check_file(int dir_fd, const char *dir, const char *name,
		      struct stat *st, struct err *err)
{
	if (fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return err_set(err, ERR_KERNEL, errno, "%.100s/%s", dir,
				       name);
		memset(st, 0, sizeof(*st));
		return 0;
	}
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_DENIED, 0,
			       "%.100s/%s: it is no regular file", dir, name);
	if (st->st_uid != geteuid())
		return err_set(err, ERR_DENIED, 0,
			       "%.100s/%s: it belongs to another user", dir,
			       name);
	if ((st->st_mode & 077) &&
	    fchmodat(dir_fd, name, st->st_mode & 0700, 0) < 0)
		return err_set(err, ERR_KERNEL, errno, "%.100s/%s: its mode",
			       dir, name);
	return 0;
}

static int make_file(int dir_fd, const char *dir, const char *name,
		     struct err *err)
{
	auto_fd fd = openat(dir_fd, name,
			    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0600);

	if (fd < 0 && errno != EEXIST)
		return err_set(err, ERR_KERNEL, errno, "%.100s/%s", dir, name);
	return 0;
}

/* Both, and what SQLite keeps beside its file. */
static int check_files(int dir_fd, const char *dir, struct err *err)
{
	static const char *const names[] = {
		STORE_LOCK_FILE, STORE_FILE, STORE_FILE "-wal",
		STORE_FILE "-shm", STORE_FILE "-journal",
	};
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (check_file(dir_fd, dir, names[i], &st, err) < 0)
			return -1;
		/* SQLite would make it as the umask says. */
		if (st.st_mode == 0 && i < 2 &&
		    make_file(dir_fd, dir, names[i], err) < 0)
			return -1;
	}
	return 0;
}

/**
 * store_file_dir() - check the state directory and make what is missing in it
 * @dir:     absolute; made if it is missing, not what it is in
 * @path:    filled with the owned path of the database, no symlinks in it
 * @lock_fd: filled, owned
 *
 * Return: 0 or -1.
 */
int store_file_dir(const char *dir, char **path, int *lock_fd, struct err *err)
{
	auto_fd dir_fd = -1;
	auto_free char *real = NULL;
	int fd;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_set(err, ERR_KERNEL, errno, "%.120s", dir);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return err_set(err, ERR_KERNEL, errno, "%.120s", dir);
	if (check_dir(dir_fd, dir, err) < 0 ||
	    check_files(dir_fd, dir, err) < 0)
		return -1;
	real = realpath(dir, NULL);
	if (!real || asprintf(path, "%s/%s", real, STORE_FILE) < 0) {
		*path = NULL;
		return err_set(err, ERR_KERNEL, errno, "%.120s", dir);
	}
	fd = openat(dir_fd, STORE_LOCK_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		ptr_free(path);
		return err_set(err, ERR_KERNEL, errno, "%.100s/%s", dir,
			       STORE_LOCK_FILE);
	}
	*lock_fd = fd;
	return 0;
}

static uint32_t big_endian(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
	       (uint32_t)at[2] << 8 | at[3];
}

/**
 * store_file_check() - is this a database of this creel's, or an empty file?
 * @path:   of the database, which this process has not open
 * @newest: version that is understood
 *
 * Only read. Where changes wait in the log beside it the header may be older
 * than they are, so that the database itself is asked again.
 */
int store_file_check(const char *path, int64_t newest, struct err *err)
{
	static const char magic[16] = "SQLite format 3";
	auto_fd fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint8_t header[HEADER_BYTES];
	ssize_t got;

	if (fd < 0)
		return err_set(err, ERR_KERNEL, errno, "%.120s", path);
	got = pread(fd, header, sizeof(header), 0);
	if (got < 0)
		return err_set(err, ERR_KERNEL, errno, "%.120s", path);
	if (got == 0)
		return 0;
	if (got != sizeof(header) || memcmp(header, magic, sizeof(magic)) != 0)
		return err_set(err, ERR_INTERNAL, 0,
			       "%.100s: it is no database, or damaged", path);
	/* A file that was begun and left has neither number yet. */
	if (big_endian(header + 68) != STORE_APPLICATION_ID &&
	    (big_endian(header + 68) || big_endian(header + 60)))
		return err_set(err, ERR_INTERNAL, 0,
			       "%.100s: it is no database of creel's", path);
	if (big_endian(header + 60) > newest)
		return store_newer(path, big_endian(header + 60), err);
	return 0;
}

/**
 * store_lock() - lock one byte of the lock file
 * @patient_ms: how long to wait for another process
 * @holder:     filled with its id where it is not given up
 *
 * A lock of fcntl(2): it belongs to this process, not to its children, and
 * goes with it however it ends.
 *
 * Return: 0, or -1 with errno.
 */
int store_lock(int fd, int64_t byte, int patient_ms, int *holder)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	const int64_t end = store_clock_ms() + patient_ms;
	struct flock lock;

	for (;;) {
		lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET,
				       .l_start = byte, .l_len = 1 };
		if (fcntl(fd, F_SETLK, &lock) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return -1;
		if (store_clock_ms() >= end)
			break;
		(void)nanosleep(&pause, NULL);
	}
	*holder = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ?
			  (int)lock.l_pid :
			  0;
	errno = EAGAIN;
	return -1;
}

/**
 * store_unlock() - give a byte of the lock file back
 */
void store_unlock(int fd, int64_t byte)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET,
			      .l_start = byte, .l_len = 1 };

	(void)fcntl(fd, F_SETLK, &lock);
}

/**
 * store_is_locked() - does another process hold that byte?
 */
bool store_is_locked(int fd, int64_t byte)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
			      .l_start = byte, .l_len = 1 };

	return fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}
