// SPDX-License-Identifier: Apache-2.0
/*
 * What is written to images.  A sandbox with a writable image has a directory
 * of its own below the state directory, named by a number that its label has:
 * 32 random bits, its uid and its gid. "upper" and "work" in it are the
 * overlay's.  It goes with the sandbox.
 *
 * Beside it is a file whose lock says that the sandbox lives.  The helper keeps
 * the descriptor, so that the lock is held while no controller runs, and no
 * other controller of the same user removes what is in use.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "controller/core/core.h"
#include "controller/core/log.h"
#include "controller/core/remove.h"
#include "proto/cleanup.h"

#define NAME_DIGITS 16
#define NAME_BYTES (NAME_DIGITS + sizeof(".lock"))
#define ENTRIES_A_TURN 4096
#define TURN_USEC 20000
#define TRIES 8

static int open_all(const struct ctl *ctl, bool make)
{
	char path[WIRE_PATH_MAX_BYTES * 4];
	int n;

	if (!ctl->state_dir) {
		errno = ENOENT;
		return -1;
	}
	n = snprintf(path, sizeof(path), "%s/overlays", ctl->state_dir);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void name_of(uint64_t overlay, const char *end, char name[NAME_BYTES])
{
	(void)snprintf(name, NAME_BYTES, "%016" PRIx64 "%s", overlay, end);
}

/* The lock's file, locked; -1 with EWOULDBLOCK where another has it. */
static int lock(int all_fd, uint64_t overlay, int flags)
{
	char name[NAME_BYTES];
	auto_fd fd = -1;
	struct stat st;

	name_of(overlay, ".lock", name);
	fd = openat(all_fd, name,
		    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0)
		return -1;
	if (st.st_nlink == 0) {
		errno = EWOULDBLOCK;
		return -1;
	}
	return fd_take(&fd);
}

static int make_dirs(int all_fd, uint64_t overlay, int image_fd)
{
	char name[NAME_BYTES];
	auto_fd fd = -1;
	struct stat st;

	name_of(overlay, "", name);
	if (mkdirat(all_fd, name, 0700) < 0)
		return -1;
	fd = openat(all_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* The root of the sandbox looks as the image's does. */
	if (fd < 0 || ctl_source_stat(image_fd, &st) < 0 ||
	    mkdirat(fd, "work", 0700) < 0 || mkdirat(fd, "upper", 0700) < 0 ||
	    fchmodat(fd, "upper", (st.st_mode & 01777) | 0700, 0) < 0)
		return -1;
	return fd_take(&fd);
}

static uint64_t new_number(const struct ctl_spec *spec)
{
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return 0;
	return (uint64_t)number << 32 | (spec->uid & 0xffff) << 16 |
	       (spec->gid & 0xffff);
}

/**
 * ctl_overlay_make() - make what a writable image is written to
 * @build: gets the descriptors
 *
 * The label has its number from here on. Return: 0 or -1, with nothing made
 * that a sweep does not remove.
 */
int ctl_overlay_make(struct ctl_sandbox *sandbox, const struct ctl_spec *spec,
		     struct ctl_build *build, struct ctl_fail *fail)
{
	auto_fd all_fd = open_all(sandbox->ctl, true);

	if (!sandbox->ctl->state_dir) {
		err_set(&fail->err, ERR_UNSUPPORTED, 0,
			"--writable: there is no state directory");
		return ctl_fail_hint(fail, "set HOME or XDG_STATE_HOME");
	}
	for (int i = 0; i < TRIES && all_fd >= 0 && build->lock_fd < 0; i++) {
		sandbox->label.overlay = new_number(spec);
		build->lock_fd = lock(all_fd, sandbox->label.overlay, O_EXCL);
		if (build->lock_fd < 0 && errno != EEXIST &&
		    errno != EWOULDBLOCK)
			break;
	}
	if (build->lock_fd >= 0)
		build->layers_fd = make_dirs(all_fd, sandbox->label.overlay,
					     spec->image_fd);
	if (build->layers_fd < 0)
		return err_set(&fail->err, ERR_KERNEL, errno,
			       "--writable: make a directory for what is written");
	return 0;
}

static void keep_lock(struct ctl_sandbox *sandbox, uint8_t number, int fd)
{
	Hlp__Request req = HLP__REQUEST__INIT;
	Hlp__Keep keep = HLP__KEEP__INIT;
	uint8_t token[WIRE_ID_BYTES] = { number };

	if (fd < 0)
		return;
	keep.id.data = sandbox->id;
	keep.id.len = WIRE_ID_BYTES;
	keep.token.data = token;
	keep.token.len = WIRE_ID_BYTES;
	req.op_case = HLP__REQUEST__OP_KEEP;
	req.keep = &keep;
	(void)ctl_helper_send(sandbox->ctl, &req, fd);
}

/**
 * ctl_overlay_keep() - have the helper hold the locks of what is written and of
 *                      the image while the sandbox lives
 */
void ctl_overlay_keep(struct ctl_sandbox *sandbox)
{
	if (!sandbox->build)
		return;
	keep_lock(sandbox, 0, sandbox->build->lock_fd);
	keep_lock(sandbox, 1, sandbox->build->image_lock_fd);
}

static bool in_use(const struct ctl *ctl, uint64_t overlay)
{
	const struct ctl_sandbox *sandbox;

	LIST_FOREACH(sandbox, &ctl->sandboxes, link)
		if (sandbox->label.overlay == overlay ||
		    sandbox->cleans == overlay)
			return true;
	return false;
}

/* Removes the lock too, last of all. */
static enum ctl_removed remove_all(int all_fd, uint64_t overlay,
				   unsigned int *budget)
{
	char name[NAME_BYTES];
	enum ctl_removed result;

	name_of(overlay, "", name);
	result = ctl_remove_tree(all_fd, name, budget);
	name_of(overlay, ".lock", name);
	if (result == CTL_REMOVED_ALL)
		(void)unlinkat(all_fd, name, 0);
	return result;
}

/* @cleaned: that was tried already */
static void remove_overlay(struct ctl *ctl, int all_fd, uint64_t overlay,
			   bool cleaned)
{
	const struct timeval soon = { .tv_usec = TURN_USEC };
	unsigned int budget = ctl->ended ? UINT_MAX : ENTRIES_A_TURN;
	enum ctl_removed result = remove_all(all_fd, overlay, &budget);
	int sys = errno;
	char name[NAME_BYTES];

	name_of(overlay, "", name);
	if (result == CTL_REMOVED_DENIED && !cleaned && !ctl->ended) {
		auto_fd fd = openat(all_fd, name,
				    O_PATH | O_DIRECTORY | O_NOFOLLOW |
					    O_CLOEXEC);

		if (fd >= 0 &&
		    ctl_overlay_clean(ctl, overlay, fd_take(&fd)) == 0)
			return;
	}
	if (result == CTL_REMOVED_PART && !ctl->ended) {
		ctl->overlay_left = true;
		(void)event_add(ctl->overlay_timer, &soon);
		return;
	}
	if (result != CTL_REMOVED_ALL)
		ctl_log(CTL_LOG_WARN, "overlay=%s stays: %s", name,
			err_sys_text(sys));
}

/**
 * ctl_overlay_gone() - a sandbox is gone, or was not built: so goes its overlay
 *
 * Also one that was there to remove what its predecessor left.
 */
void ctl_overlay_gone(struct ctl_sandbox *sandbox)
{
	uint64_t overlay = sandbox->label.overlay;
	uint64_t cleaned = sandbox->cleans;
	auto_fd all_fd = -1;

	sandbox->label.overlay = sandbox->cleans = 0;
	/* At the controller's end the sandbox may live on. */
	if ((!overlay && !cleaned) || sandbox->ctl->ended)
		return;
	all_fd = open_all(sandbox->ctl, false);
	if (all_fd >= 0)
		remove_overlay(sandbox->ctl, all_fd,
			       overlay ? overlay : cleaned, cleaned != 0);
}

/**
 * ctl_overlay_sweep() - remove what sandboxes of earlier controllers left, or
 *                       what of a large one is left
 *
 * In turns, between which the controller does its other work; at its end as
 * long as it takes.
 */
void ctl_overlay_sweep(struct ctl *ctl)
{
	auto_fd all_fd = open_all(ctl, false);
	int dir_fd = open_all(ctl, false);
	DIR *dir = dir_fd < 0 ? NULL : fdopendir(dir_fd);
	struct dirent *entry;

	if (!dir) {
		fd_close(&dir_fd);
		return;
	}
	ctl->overlay_left = false;
	while ((entry = readdir(dir))) {
		char name[NAME_BYTES], *end;
		uint64_t overlay = strtoull(entry->d_name, &end, 16);
		auto_fd lock_fd = -1;

		name_of(overlay, *end ? ".lock" : "", name);
		if (!overlay || strcmp(name, entry->d_name) != 0 ||
		    in_use(ctl, overlay))
			continue;
		lock_fd = lock(all_fd, overlay, 0);
		if (lock_fd >= 0)
			remove_overlay(ctl, all_fd, overlay, false);
	}
	(void)closedir(dir);
}
