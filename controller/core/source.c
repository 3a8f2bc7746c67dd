// SPDX-License-Identifier: Apache-2.0
/*
 * Descriptors from clients: what they are.  Whether they may be mounted is
 * asked in judge.c.
 *
 * The client is the same user as the controller: this keeps a person from
 * handing creel's own sockets to a sandbox, it is no border of privilege.
 */
#include <config.h>

#include "controller/core/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "proto/cleanup.h"
#include "proto/wire.h"

/* More levels than a path can have; a loop cannot happen, a race could. */
#define MAX_DEPTH 2048
#define PATH_BYTES (WIRE_PATH_MAX_BYTES * 4)

/**
 * ctl_source_stat() - what a descriptor of a client's is
 * @st: device, inode, mode and rdev are filled
 *
 * Without asking a file server that may never answer: these do not change.
 *
 * Return: 0 or -1 with errno.
 */
int ctl_source_stat(int fd, struct stat *st)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		  STATX_TYPE | STATX_MODE | STATX_INO, &stx) < 0)
		return -1;
	memset(st, 0, sizeof(*st));
	st->st_dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	st->st_rdev = makedev(stx.stx_rdev_major, stx.stx_rdev_minor);
	st->st_ino = stx.stx_ino;
	st->st_mode = stx.stx_mode;
	return 0;
}

/**
 * ctl_protect_init() - protect nothing
 */
void ctl_protect_init(struct ctl_protect *protect)
{
	memset(protect, 0, sizeof(*protect));
}

/**
 * ctl_source_walk_up() - a directory and everything above it
 * @fn: called for each, until it says true
 *
 * Where the way up cannot be walked (no search permission), what is above is
 * out of reach for a sandbox of this user either.
 */
void ctl_source_walk_up(int dir_fd, ctl_inode_fn *fn, void *arg)
{
	auto_fd fd = openat(dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct ctl_inode last = { 0 };

	for (int i = 0; i < MAX_DEPTH && fd >= 0; i++) {
		struct ctl_inode inode;
		struct stat st;
		int up;

		if (ctl_source_stat(fd, &st) < 0)
			return;
		inode = (struct ctl_inode){ st.st_dev, st.st_ino };
		if (i > 0 && inode.dev == last.dev && inode.ino == last.ino)
			return;
		if (fn(&inode, arg))
			return;
		last = inode;
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		fd_close(&fd);
		fd = up;
	}
}

/**
 * ctl_protect_add() - keep a directory out of all sandboxes
 * @path: where there is none there is nothing to protect
 */
void ctl_protect_add(struct ctl_protect *protect, const char *path)
{
	auto_fd fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct ctl_inode inode;
	struct stat st;
	size_t at = protect->n_dirs;

	if (fd < 0 || at == CTL_PROTECT_MAX || ctl_source_stat(fd, &st) < 0)
		return;
	inode = (struct ctl_inode){ st.st_dev, st.st_ino };
	for (size_t i = 0; i < at; i++)
		if (protect->dirs[i].ino == inode.ino &&
		    protect->dirs[i].dev == inode.dev)
			return;
	protect->fds[at] = fd_take(&fd);
	protect->dirs[at] = inode;
	protect->n_dirs++;
}

/**
 * ctl_protect_own() - keep creel's own directories out of all sandboxes
 */
void ctl_protect_own(struct ctl_protect *protect, const char *state_dir)
{
	const char *runtime = getenv("CREEL_RUNTIME_DIR");
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	char path[PATH_BYTES];

	ctl_protect_add(protect, "/run/creel");
	if (runtime)
		ctl_protect_add(protect, runtime);
	if (xdg && snprintf(path, sizeof(path), "%s/creel", xdg) > 0)
		ctl_protect_add(protect, path);
	(void)snprintf(path, sizeof(path), "/run/user/%u/creel",
		       (unsigned int)getuid());
	ctl_protect_add(protect, path);
	(void)snprintf(path, sizeof(path), "/tmp/creel-%u",
		       (unsigned int)getuid());
	ctl_protect_add(protect, path);
	if (state_dir)
		ctl_protect_add(protect, state_dir);
}

/**
 * ctl_protect_fini() - release; idempotent
 */
void ctl_protect_fini(struct ctl_protect *protect)
{
	for (size_t i = 0; i < protect->n_dirs; i++)
		fd_close(&protect->fds[i]);
	protect->n_dirs = 0;
}

/* The name of a descriptor as the kernel tells it, without a lookup. */
static int name_of(int fd, char path[PATH_BYTES])
{
	char link[64];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, PATH_BYTES - 1);
	if (len <= 0)
		return -1;
	path[len] = '\0';
	return 0;
}

/**
 * ctl_source_dir() - a directory itself, else the one that it is in
 *
 * As far as the link of the descriptor tells. Return: O_PATH or -1.
 */
int ctl_source_dir(int fd, const struct stat *st)
{
	char path[PATH_BYTES];
	char *slash;

	if (S_ISDIR(st->st_mode))
		return openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (name_of(fd, path) < 0)
		return -1;
	slash = strrchr(path, '/');
	if (!slash)
		return -1;
	slash[slash == path ? 1 : 0] = '\0';
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static const char *kind_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFSOCK:
		return "a socket";
	case S_IFIFO:
		return "a FIFO";
	case S_IFLNK:
		return "a symbolic link";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	case S_IFDIR:
		return "a directory";
	case S_IFREG:
		return "a regular file";
	}
	return "no file";
}

/**
 * ctl_source_kind() - is it of a kind that can be mounted?
 * @fd:   from a client, borrowed
 * @what: for the message, e.g. "--bind /a:/b"
 * @st:   filled, see ctl_source_stat()
 *
 * Return: 0 or -1: BAD_REQUEST for what is no directory, regular file or
 * socket, or is no O_PATH descriptor.
 */
int ctl_source_kind(int fd, const char *what, struct stat *st,
		    struct ctl_fail *fail)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || ctl_source_stat(fd, st) < 0)
		return err_set(&fail->err, ERR_BAD_REQUEST, errno, "%s", what);
	if (!S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode) &&
	    !S_ISSOCK(st->st_mode))
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "%s: the source is %s; directories and regular files can be bound",
			       what, kind_name(st->st_mode));
	if (!(flags & O_PATH))
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "%s: the descriptor is not an O_PATH one", what);
	return 0;
}

/**
 * ctl_stream_is_safe() - a pipe, or a socket that is as little as one?
 *
 * A socket belongs to the network that it was made in: one of TCP can be
 * connected to another address, a datagram socket can send to any. Only a
 * connected stream of AF_UNIX has its one peer for good.
 */
bool ctl_stream_is_safe(int fd, const struct stat *st)
{
	struct sockaddr_un peer;
	socklen_t size = sizeof(peer), len = sizeof(int);
	int domain = 0, type = SOCK_DGRAM;

	if (!S_ISSOCK(st->st_mode))
		return S_ISFIFO(st->st_mode);
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       domain == AF_UNIX && type != SOCK_DGRAM &&
	       getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
}

/**
 * ctl_stream_check() - may this be a command's stdin, stdout or stderr, or its
 * lifeline?
 *
 * A regular file or a terminal that is passed in can be opened again inside,
 * with other rights: those are for the client to relay.
 */
int ctl_stream_check(int fd, const char *what, enum ctl_stream kind,
		     struct err *err)
{
	struct stat st;

	if (ctl_source_stat(fd, &st) < 0)
		return err_set(err, ERR_BAD_REQUEST, errno, "%s", what);
	if (ctl_stream_is_safe(fd, &st))
		return 0;
	if (kind == CTL_STREAM_STDIO && S_ISCHR(st.st_mode) &&
	    st.st_rdev == makedev(1, 3))
		return 0;
	return err_set(err, ERR_BAD_REQUEST, 0,
		       "%s: it is %s; pipes, connected UNIX sockets and /dev/null can be passed in",
		       what, kind_name(st.st_mode));
}

/**
 * ctl_memfd_check() - is this a sealed memfd of a bearable size?
 * @size: filled with its size
 */
int ctl_memfd_check(int fd, const char *what, size_t max, size_t *size,
		    struct err *err)
{
	const int want = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & want) != want)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%s: it is not a sealed memfd", what);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_BAD_REQUEST, 0, "%s: it is no memfd",
			       what);
	if ((uint64_t)st.st_size > max)
		return err_set(err, ERR_LIMIT, 0,
			       "%s: %lld bytes, at most %zu are allowed", what,
			       (long long)st.st_size, max);
	*size = (size_t)st.st_size;
	return 0;
}
