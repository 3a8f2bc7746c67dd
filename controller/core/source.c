// SPDX-License-Identifier: Apache-2.0
/*
 * Descriptors from clients.  A source is judged by the object that it is:
 * devices and inode numbers are compared on the way up from it, never text, so
 * that a symbolic link or a second mount of a directory changes nothing.
 *
 * The client is the same user as the controller: this keeps a person from
 * handing creel's own sockets to a sandbox, it is no border of privilege.
 */
#include <config.h>

#include "controller/core/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "controller/core/fstype.h"
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

typedef bool match_fn(const struct ctl_inode *inode, void *arg);

/*
 * Calls @match for the directory @start and everything above it, until it says
 * true. Where the way up cannot be walked (no search permission), what is above
 * is out of reach for a sandbox of this user either.
 */
static bool any_above(int start, match_fn *match, void *arg)
{
	auto_fd fd = openat(start, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct ctl_inode last = { 0 };

	for (int i = 0; i < MAX_DEPTH && fd >= 0; i++) {
		struct ctl_inode inode;
		struct stat st;
		int up;

		if (ctl_source_stat(fd, &st) < 0)
			return false;
		inode = (struct ctl_inode){ st.st_dev, st.st_ino };
		if (match(&inode, arg))
			return true;
		if (i > 0 && inode.dev == last.dev && inode.ino == last.ino)
			return false;
		last = inode;
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		fd_close(&fd);
		fd = up;
	}
	return false;
}

static bool is_among(const struct ctl_inode *inode,
		     const struct ctl_inode *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].dev == inode->dev && list[i].ino == inode->ino)
			return true;
	return false;
}

static bool is_protected(const struct ctl_inode *inode, void *arg)
{
	const struct ctl_protect *protect = arg;

	return is_among(inode, protect->dirs, protect->n_dirs);
}

/* True, which ends the walk, at what is known, and all above it is too. */
static bool note_above(const struct ctl_inode *inode, void *arg)
{
	struct ctl_protect *protect = arg;

	if (protect->n_above == CTL_PROTECT_ABOVE_MAX ||
	    is_among(inode, protect->above, protect->n_above))
		return true;
	protect->above[protect->n_above++] = *inode;
	return false;
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
	if (is_among(&inode, protect->dirs, at))
		return;
	(void)any_above(fd, note_above, protect);
	protect->fds[at] = fd_take(&fd);
	protect->dirs[at] = inode;
	protect->n_dirs++;
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

/*
 * By names alone: a file server that does not answer must not hold up
 * everybody. A second mount of a directory has another name; but then creel's
 * own directory would be on such a file system.
 */
static bool is_inside_by_name(int fd, const struct ctl_protect *protect)
{
	char path[PATH_BYTES], own[PATH_BYTES];

	if (name_of(fd, path) < 0)
		return true;
	for (size_t i = 0; i < protect->n_dirs; i++) {
		size_t len;

		if (name_of(protect->fds[i], own) < 0)
			return true;
		len = strlen(own);
		if (strncmp(path, own, len) == 0 &&
		    (path[len] == '\0' || path[len] == '/'))
			return true;
	}
	return false;
}

/* The directory that a regular file is in, as far as its link tells. */
static int parent_of(int fd)
{
	char path[PATH_BYTES];
	char *slash;

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

static bool is_inside(int fd, const struct stat *st,
		      const struct ctl_protect *protect)
{
	const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	auto_fd dir = -1;

	if (ctl_fstype_waits(st->st_dev))
		return is_inside_by_name(fd, protect);
	dir = S_ISDIR(st->st_mode) ? openat(fd, ".", flags) : parent_of(fd);
	return dir >= 0 && any_above(dir, is_protected, (void *)protect);
}

static int check_protected(int fd, const struct stat *st, const char *what,
			   const struct ctl_protect *protect,
			   struct ctl_fail *fail)
{
	const struct ctl_inode inode = { st->st_dev, st->st_ino };

	if (is_inside(fd, st, protect))
		return err_set(&fail->err, ERR_DENIED, 0,
			       "%s: it is inside a directory of creel itself",
			       what);
	if (is_among(&inode, protect->above, protect->n_above)) {
		err_set(&fail->err, ERR_DENIED, 0,
			"%s: it contains creel's own state or sockets", what);
		return ctl_fail_hint(fail, "name a directory below it");
	}
	return 0;
}

/**
 * ctl_source_check() - may this be mounted into a sandbox?
 * @fd:   from a client, borrowed
 * @what: for the message, e.g. "--bind /a:/b"
 * @protect: NULL: it will not be mounted, only compared
 *
 * Return: 0 or -1: BAD_REQUEST for what is neither a directory nor a regular
 * file, or is no O_PATH descriptor; DENIED for what is inside or above a
 * directory of creel itself.
 */
int ctl_source_check(int fd, const char *what,
		     const struct ctl_protect *protect, struct ctl_fail *fail)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0 || ctl_source_stat(fd, &st) < 0)
		return err_set(&fail->err, ERR_BAD_REQUEST, errno, "%s", what);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "%s: the source is %s; directories and regular files can be bound",
			       what, kind_name(st.st_mode));
	if (!(flags & O_PATH))
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "%s: the descriptor is not an O_PATH one", what);
	return protect ? check_protected(fd, &st, what, protect, fail) : 0;
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
