// SPDX-License-Identifier: Apache-2.0
/*
 * Opening, making and copying in directories that sandboxes write to.  By held
 * descriptors and openat2(2): what a sandbox swaps meanwhile changes which of
 * its own files are read, never where this process reads or writes.
 */
#include <config.h>

#include "controller/session/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define COPY_BYTES 65536
#define TRIES 16

/**
 * ses_open_in() - open what a relative path names, without any link
 * @flags: as of open(2); O_CLOEXEC is added
 *
 * Return: -1 with errno: ELOOP for a link, EXDEV for what leads out.
 */
int ses_open_in(int dir_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned int)flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	/* EAGAIN: something above was renamed meanwhile. */
	for (int i = 0; i < TRIES; i++) {
		fd = (int)syscall(SYS_openat2, dir_fd, path, &how,
				  sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd;
}

/**
 * ses_dir_make() - open a directory, made if it is missing
 */
int ses_dir_make(int dir_fd, const char *name)
{
	if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
		return -1;
	return ses_open_in(dir_fd, name, O_PATH | O_DIRECTORY);
}

static int reopen(int path_fd, int flags)
{
	char link[32];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
	return open(link, flags | O_CLOEXEC);
}

/**
 * ses_file_open() - open a regular file for reading
 *
 * It is looked at before it is opened: opening alone would start a device and
 * wait for a FIFO.
 */
int ses_file_open(int dir_fd, const char *path, struct stat *st)
{
	auto_fd fd = ses_open_in(dir_fd, path, O_PATH);

	if (fd < 0 || fstat(fd, st) < 0)
		return -1;
	if (!S_ISREG(st->st_mode)) {
		errno = S_ISLNK(st->st_mode) ? ELOOP : EINVAL;
		return -1;
	}
	return reopen(fd, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

/**
 * ses_dir_read() - open a directory anew, to list it
 */
int ses_dir_read(int dir_fd)
{
	return openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/**
 * ses_temp_name() - a name that nobody has thought of
 */
int ses_temp_name(const char *prefix, char name[SES_TEMP_BYTES])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char random[8];
	size_t len = strlen(prefix);

	if (len + sizeof(random) + 1 > SES_TEMP_BYTES ||
	    getrandom(random, sizeof(random), 0) != sizeof(random)) {
		errno = EIO;
		return -1;
	}
	memcpy(name, prefix, len);
	for (size_t i = 0; i < sizeof(random); i++)
		name[len + i] = letters[random[i] & 31];
	name[len + sizeof(random)] = '\0';
	return 0;
}

/**
 * ses_temp_open() - begin a new file
 * @temp: filled; ses_temp_fini() is due in any case
 *
 * Without a name where the file system can do that: nothing is left of it
 * whatever becomes of this process.
 */
int ses_temp_open(struct ses_temp *temp, int dir_fd, mode_t mode)
{
	*temp = (struct ses_temp){ .dir_fd = dir_fd, .fd = -1 };
	temp->fd = openat(dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
	if (temp->fd >= 0)
		return fchmod(temp->fd, mode);
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
		return -1;
	if (ses_temp_name(".creel-", temp->name) < 0)
		return -1;
	temp->fd = openat(dir_fd, temp->name,
			  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			  mode);
	if (temp->fd < 0)
		temp->name[0] = '\0';
	return temp->fd < 0 ? -1 : fchmod(temp->fd, mode);
}

/**
 * ses_temp_link() - give the file its name
 */
int ses_temp_link(struct ses_temp *temp, const char *name)
{
	char self[32];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", temp->fd);
	if (!temp->name[0])
		return linkat(AT_FDCWD, self, temp->dir_fd, name,
			      AT_SYMLINK_FOLLOW);
	if (renameat2(temp->dir_fd, temp->name, temp->dir_fd, name,
		      RENAME_NOREPLACE) == 0) {
		temp->name[0] = '\0';
		return 0;
	}
	/* A file system that cannot do that may have hard links. */
	return errno == EINVAL ? linkat(temp->dir_fd, temp->name, temp->dir_fd,
					name, 0) :
				 -1;
}

/**
 * ses_temp_fini() - release, and remove what has no name yet; idempotent
 */
void ses_temp_fini(struct ses_temp *temp)
{
	int saved = errno;

	if (temp->fd >= 0 && temp->name[0])
		(void)unlinkat(temp->dir_fd, temp->name, 0);
	temp->name[0] = '\0';
	fd_close(&temp->fd);
	errno = saved;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t done = write(fd, bytes, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		bytes += done;
		len -= (size_t)done;
	}
	return 0;
}

/**
 * ses_copy() - the content of a file, and no more than is allowed
 */
int ses_copy(int from_fd, int to_fd, uint64_t *left)
{
	char buf[COPY_BYTES];

	for (;;) {
		ssize_t got = read(from_fd, buf, sizeof(buf));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return (int)got;
		if ((uint64_t)got > *left) {
			errno = EFBIG;
			return -1;
		}
		*left -= (uint64_t)got;
		if (write_all(to_fd, buf, (size_t)got) < 0)
			return -1;
	}
}
