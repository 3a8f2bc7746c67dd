// SPDX-License-Identifier: Apache-2.0
/*
 * A path of a configuration may lie in what a sandbox writes to, or where
 * everybody can: there, a link that somebody else has made would lead the next
 * sandbox out to whatever its maker likes. So paths are walked part by part, by
 * held descriptors, and each link is asked who can have made it.
 */
#include <config.h>

#include "controller/core/way.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define MAX_LINKS 40
#define PATH_BYTES 4096
#define PART_BYTES 257 /* a name's 255, one too many, and NUL */

struct walk {
	struct ctl_way *way; /* borrowed */
	char rest[PATH_BYTES];
	int fd; /* owned; what has been walked */
	unsigned int links;
};

/* Most paths have no link: the kernel walks these, and mounts what is due. */
static int open_straight(const struct ctl_way *way, const char *path)
{
	const struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | (way->dir ? O_DIRECTORY : 0),
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

/* As a directory first: what is to be mounted there then is. */
static int open_part(int dir_fd, const char *name)
{
	const int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir_fd, name, flags | O_DIRECTORY);

	if (fd < 0 && errno == ENOTDIR)
		fd = openat(dir_fd, name, flags);
	return fd;
}

static int open_or_make(struct walk *walk, const char *name)
{
	int fd = open_part(walk->fd, name);

	if (fd >= 0 || errno != ENOENT || !walk->way->make)
		return fd;
	if (mkdirat(walk->fd, name, 0700) == 0)
		walk->way->made++;
	else if (errno != EEXIST)
		return -1;
	return open_part(walk->fd, name);
}

/* Root's are the machine's; the user's own, where no sandbox had a hand in. */
static bool may_follow(struct walk *walk, uid_t owner)
{
	struct ctl_way *way = walk->way;

	if (!way->anyones && owner != 0 && owner != geteuid())
		way->why = "on the way is a symbolic link of another user";
	else if (way->is_written(way->arg, walk->fd))
		way->why = "on the way is a symbolic link that a sandbox could have made";
	return !way->why;
}

/* What the link says comes before what is left. */
static int follow(struct walk *walk, int link_fd, uid_t owner)
{
	char target[PATH_BYTES];
	char rest[PATH_BYTES];
	ssize_t len;

	errno = ELOOP;
	if (++walk->links > MAX_LINKS || !may_follow(walk, owner))
		return -1;
	len = readlinkat(link_fd, "", target, sizeof(target) - 1);
	if (len < 0)
		return -1;
	target[len] = '\0';
	errno = len == 0 ? ENOENT : ENAMETOOLONG;
	if (len == 0 || snprintf(rest, sizeof(rest), "%s/%s", target,
				 walk->rest) >= (int)sizeof(rest))
		return -1;
	memcpy(walk->rest, rest, sizeof(rest));
	if (target[0] != '/')
		return 0;
	fd_close(&walk->fd);
	walk->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return walk->fd < 0 ? -1 : 0;
}

/* The next part off what is left; false: there is none. */
static bool next_part(struct walk *walk, char part[PART_BYTES])
{
	const char *at = walk->rest + strspn(walk->rest, "/");
	size_t len = strcspn(at, "/");

	if (len == 0)
		return false;
	/* One byte more than a name can have: the kernel then says so. */
	(void)snprintf(part, PART_BYTES, "%.*s", (int)len, at);
	memmove(walk->rest, at + len, strlen(at + len) + 1);
	return true;
}

static int take_part(struct walk *walk, const char *name)
{
	auto_fd fd = open_or_make(walk, name);
	struct statx st;

	/* No file server is asked: who owns a link does not change. */
	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
			    STATX_TYPE | STATX_UID, &st) < 0)
		return -1;
	if (S_ISLNK(st.stx_mode))
		return follow(walk, fd, st.stx_uid);
	fd_close(&walk->fd);
	walk->fd = fd_take(&fd);
	return 0;
}

static int check_kind(const struct walk *walk)
{
	struct statx st;

	if (!walk->way->dir)
		return 0;
	if (statx(walk->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE,
		  &st) < 0)
		return -1;
	errno = ENOTDIR;
	return S_ISDIR(st.stx_mode) ? 0 : -1;
}

/**
 * ctl_way_open() - open what a path names
 * @way:  is_written and what is wanted are set; the rest is filled
 * @path: absolute
 *
 * Return: an owned O_PATH descriptor, or -1 with errno: ELOOP and way->why for
 * a link that is not followed.
 */
int ctl_way_open(struct ctl_way *way, const char *path)
{
	struct walk walk = { .way = way, .fd = -1 };
	auto_fd fd = open_straight(way, path);
	char part[PART_BYTES];
	int ret = 0;

	way->made = 0;
	way->why = NULL;
	if (fd >= 0 || (errno != ELOOP && !(errno == ENOENT && way->make)))
		return fd_take(&fd);
	errno = ENAMETOOLONG;
	if (snprintf(walk.rest, sizeof(walk.rest), "%s", path) >=
	    (int)sizeof(walk.rest))
		return -1;
	walk.fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ret = walk.fd < 0 ? -1 : 0;
	while (ret == 0 && next_part(&walk, part))
		ret = take_part(&walk, part);
	if (ret == 0 && check_kind(&walk) == 0)
		fd = fd_take(&walk.fd);
	fd_close(&walk.fd);
	return fd_take(&fd);
}
