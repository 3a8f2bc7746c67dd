// SPDX-License-Identifier: Apache-2.0
/*
 * Masks over protected paths.  Each that exists is bound read-only onto itself;
 * every directory that leads to it is bound onto itself too, for what is a
 * mount point can be neither renamed nor removed.  Nothing is made on the host.
 *
 * A link cannot be masked, only what it leads to, and a file with a second name
 * can be written by that: both are refused, until they are opened by name.
 */
#include <config.h>

#include "controller/core/masks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "controller/core/fstype.h"
#include "controller/core/place.h"
#include "controller/core/spec.h"
#include "proto/cleanup.h"

struct work {
	struct ctl_spec *spec;         /* borrowed */
	const struct ctl_mount *mount; /* borrowed: of the directory */
	const char *path;              /* borrowed: the protected one */
	int root;                      /* of the watch */
	struct ctl_fail *fail;         /* borrowed */
};

static int refuse(const struct work *work, const char *part, const char *why)
{
	err_set(&work->fail->err, ERR_DENIED, 0, "%.70s: %.40s %s",
		work->mount->what, part, why);
	return ctl_fail_hint(work->fail,
			     "protectPaths: [\"!%.36s\"], or --protect '!%.36s', leaves it open",
			     work->path, work->path);
}

/*
 * Is there something else at, or on the way to, this place? Then what is
 * protected is not to be seen there.
 */
static bool is_covered(const struct work *work, const char *target)
{
	const struct ctl_spec *spec = work->spec;

	for (size_t i = 0; i < spec->n_mounts; i++) {
		const struct ctl_mount *other = &spec->mounts[i];

		if (!other->is_mask && other != work->mount &&
		    ctl_path_is_in(other->target, work->mount->target) &&
		    ctl_path_is_in(target, other->target))
			return true;
	}
	return false;
}

static bool is_masked(const struct ctl_spec *spec, const char *target)
{
	for (size_t i = 0; i < spec->n_mounts; i++)
		if (spec->mounts[i].is_mask &&
		    strcmp(spec->mounts[i].target, target) == 0)
			return true;
	return false;
}

static int add(const struct work *work, const char *part, int fd, bool readonly)
{
	auto_free char *target = NULL;
	auto_free char *what = NULL;
	struct ctl_mount mask = { .kind = CTL_MOUNT_BIND,
				  .readonly = readonly,
				  .is_mask = true };
	auto_fd own = -1;

	if (asprintf(&target, "%s/%s", work->mount->target, part) < 0)
		target = NULL;
	if (asprintf(&what, "%.60s (protected: %.40s)", work->mount->what,
		     part) < 0)
		what = NULL;
	if (!target || !what)
		return err_set(&work->fail->err, ERR_KERNEL, ENOMEM, "mount");
	if (is_covered(work, target) || is_masked(work->spec, target))
		return 0;
	own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (own < 0)
		return err_set(&work->fail->err, ERR_KERNEL, errno, "%s", what);
	mask.target = target;
	mask.what = what;
	mask.fd = own;
	if (ctl_mounts_add(work->spec, &mask, work->fail) < 0)
		return -1;
	(void)fd_take(&own);
	return 0;
}

static int watch(const struct work *work, const struct ctl_inode *masked)
{
	if (ctl_watch_add(work->spec->watch, work->root, work->path, masked) <
	    0)
		return err_set(&work->fail->err, ERR_KERNEL, ENOMEM,
			       "%.70s: watching", work->mount->what);
	return 0;
}

/* The last part, or a file where a directory would lead on: a .git file. */
static int mask(const struct work *work, const char *part, int fd,
		const struct statx *st)
{
	const struct ctl_inode inode = {
		makedev(st->stx_dev_major, st->stx_dev_minor), st->stx_ino
	};

	if (S_ISREG(st->stx_mode) && st->stx_nlink > 1)
		return refuse(work, part,
			      "has another name (hard link), by which it could be written");
	if (add(work, part, fd, true) < 0)
		return -1;
	/* What a file in the way stands for cannot appear while it stays. */
	return strcmp(part, work->path) == 0 ? watch(work, &inode) : 0;
}

/* Return: 1 to go on below it, 0 done, -1. */
static int step(const struct work *work, const char *part, int fd)
{
	bool last = strcmp(part, work->path) == 0;
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		  STATX_TYPE | STATX_INO | STATX_NLINK, &st) < 0)
		return err_set(&work->fail->err, ERR_KERNEL, errno, "%.70s: %s",
			       work->mount->what, part);
	if (S_ISLNK(st.stx_mode))
		return refuse(work, part,
			      "is a symbolic link, which cannot be protected");
	if (S_ISREG(st.stx_mode) || (last && S_ISDIR(st.stx_mode)))
		return mask(work, part, fd, &st);
	if (!S_ISDIR(st.stx_mode))
		return refuse(work, part,
			      "is neither a file nor a directory");
	return add(work, part, fd, false) < 0 ? -1 : 1;
}

static int protect(const struct work *work)
{
	char part[CTL_PATTERN_BYTES];
	auto_fd at = openat(work->mount->fd, ".",
			    O_PATH | O_DIRECTORY | O_CLOEXEC);
	size_t begin = 0;
	int ret = 1;

	while (at >= 0 && ret == 1) {
		size_t end = begin + strcspn(work->path + begin, "/");
		int next;

		(void)snprintf(part, sizeof(part), "%.*s", (int)end,
			       work->path);
		next = openat(at, part + begin,
			      O_PATH | O_NOFOLLOW | O_CLOEXEC);
		fd_close(&at);
		if (next < 0 && errno == ENOENT)
			return watch(work, NULL);
		at = next;
		if (at >= 0)
			ret = step(work, part, at);
		begin = end + 1;
	}
	if (at < 0)
		return err_set(&work->fail->err, ERR_KERNEL, errno, "%.70s: %s",
			       work->mount->what, work->path);
	return ret;
}

/* A directory of the host that commands can write to. */
static bool is_open(const struct ctl_mount *mount, struct stat *st)
{
	return mount->kind == CTL_MOUNT_BIND && !mount->readonly &&
	       !mount->is_mask && !mount->is_layers &&
	       ctl_source_stat(mount->fd, st) == 0 && S_ISDIR(st->st_mode);
}

static int protect_all(struct work *work, dev_t dev)
{
	const struct ctl_patterns *patterns = work->spec->protect;

	if (patterns->count == 0)
		return 0;
	if (ctl_fstype_is_fuse(dev)) {
		err_set(&work->fail->err, ERR_UNSUPPORTED, 0,
			"%.70s: on a FUSE file system %.20s and the like cannot be protected",
			work->mount->what, patterns->list[0]);
		return ctl_fail_hint(work->fail,
				     "protectPaths: [\"!*\"], or --protect '!*', leaves them open; or mount it :ro");
	}
	work->root = ctl_watch_root(work->spec->watch, work->mount->fd);
	if (work->root < 0)
		return err_set(&work->fail->err, ERR_KERNEL, ENOMEM,
			       "%.70s: watching", work->mount->what);
	for (size_t i = 0; i < patterns->count; i++) {
		work->path = patterns->list[i];
		if (protect(work) < 0)
			return -1;
	}
	return 0;
}

/**
 * ctl_masks_add() - protect what the host trusts in what is mounted read-write
 *
 * Return: 0 or -1: DENIED for a protected path that cannot be masked, LIMIT
 * where there would be more mounts than a sandbox may have.
 */
int ctl_masks_add(struct ctl_spec *spec, struct ctl_fail *fail)
{
	struct work work = { .spec = spec, .fail = fail };
	size_t n_mounts = spec->n_mounts;
	struct stat st;

	if (!spec->protect)
		return 0;
	if (!spec->watch)
		spec->watch = ctl_watch_new();
	if (!spec->watch)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "sandbox");
	for (size_t i = 0; i < n_mounts; i++) {
		work.mount = &spec->mounts[i];
		if (is_open(work.mount, &st) &&
		    protect_all(&work, st.st_dev) < 0)
			return -1;
	}
	return 0;
}
