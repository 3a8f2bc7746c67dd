// SPDX-License-Identifier: Apache-2.0
/*
 * Every step that others could see is done under one lock.  Whoever unpacks
 * holds a lock of the directory that he unpacks to, so that what was left by
 * one who was killed is told from what another is at.
 */
#include <config.h>

#include "controller/image/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "controller/core/remove.h"
#include "proto/cleanup.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define TRIES 8
#define GONE_TRIES 20 /* a sandbox that was removed just now */
#define GONE_WAIT_NSEC 50000000

/**
 * img_store_init() - no store
 */
void img_store_init(struct img_store *store)
{
	*store = (struct img_store){ .all_fd = -1,
				     .stage_fd = -1,
				     .state_fd = -1 };
}

/**
 * img_store_fini() - release; idempotent
 */
void img_store_fini(struct img_store *store)
{
	ptr_free(&store->state_dir);
	fd_close(&store->all_fd);
	fd_close(&store->stage_fd);
	fd_close(&store->state_fd);
}

static int make_dirs(char *path)
{
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST) {
			*at = '/';
			return -1;
		}
		*at = '/';
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

/* What others could write could be made a link at any time. */
static int open_own(int dir_fd, const char *name, bool make)
{
	auto_fd fd = -1;
	struct stat st;

	if (make && mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
		return -1;
	fd = openat(dir_fd, name, DIR_FLAGS);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (st.st_uid != geteuid() || (st.st_mode & 022)) {
		errno = EPERM;
		return -1;
	}
	return fd_take(&fd);
}

/**
 * img_store_open() - open the user's store
 * @store: initialised; img_store_fini() is due on failure too
 * @make:  make what is missing of it
 *
 * Return: 0 or -1; err->sys is ENOENT where there is none.
 */
int img_store_open(struct img_store *store, bool make, struct err *err)
{
	store->state_dir = img_state_dir();
	if (!store->state_dir)
		return err_set(err, ERR_UNSUPPORTED, 0,
			       "images: there is no state directory: neither HOME nor XDG_STATE_HOME is set");
	if (make && make_dirs(store->state_dir) < 0)
		return err_set(err, ERR_KERNEL, errno, "%.100s",
			       store->state_dir);
	store->state_fd = open(store->state_dir,
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->state_fd >= 0)
		store->all_fd = open_own(store->state_fd, "images", make);
	if (store->all_fd >= 0)
		store->stage_fd = open_own(store->state_fd, "staging", make);
	if (store->stage_fd < 0)
		return err_set(err, ERR_KERNEL, errno, "%.90s/%s",
			       store->state_dir,
			       store->all_fd < 0 ? "images" : "staging");
	return 0;
}

/* Until the descriptor is closed. */
static int lock_store(const struct img_store *store, struct err *err)
{
	auto_fd fd = openat(store->state_fd, "images.lock",
			    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_set(err, ERR_KERNEL, errno, "%.90s/images.lock",
			       store->state_dir);
	return fd_take(&fd);
}

static int remove_stage(const struct img_store *store, const char *name)
{
	enum ctl_removed result;

	do {
		unsigned int budget = UINT_MAX;

		result = ctl_remove_tree(store->stage_fd, name, &budget);
	} while (result == CTL_REMOVED_PART);
	return result == CTL_REMOVED_ALL ? 0 : -1;
}

/* The lock of an image or of one that is to become one; -1 with EWOULDBLOCK. */
static int lock_image(int dir_fd, const char *name, int flags)
{
	auto_fd image_fd = openat(dir_fd, name,
				  O_PATH | O_DIRECTORY | O_NOFOLLOW |
					  O_CLOEXEC);
	auto_fd fd = -1;

	if (image_fd < 0)
		return -1;
	fd = openat(image_fd, "lock",
		    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags,
		    0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -1;
	return fd_take(&fd);
}

/* The helper lets go of a lock just after it has told of a sandbox's end. */
static int wait_image(int dir_fd, const char *name)
{
	const struct timespec wait = { .tv_nsec = GONE_WAIT_NSEC };
	int fd = lock_image(dir_fd, name, 0);

	for (int i = 0; i < GONE_TRIES && fd < 0 && errno == EWOULDBLOCK; i++) {
		(void)nanosleep(&wait, NULL);
		fd = lock_image(dir_fd, name, 0);
	}
	return fd;
}

/* Under the store's lock. What cannot be removed is tried again next time. */
static void sweep(const struct img_store *store)
{
	int fd = openat(store->stage_fd, ".", DIR_FLAGS);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		fd_close(&fd);
		return;
	}
	while ((entry = readdir(dir))) {
		auto_fd lock_fd = -1;

		if (entry->d_name[0] == '.')
			continue;
		lock_fd = lock_image(store->stage_fd, entry->d_name, 0);
		/* One without a lock was given up before it had one. */
		if (lock_fd >= 0 || errno != EWOULDBLOCK)
			(void)remove_stage(store, entry->d_name);
	}
	(void)closedir(dir);
}

static int new_stage(struct img_store *store, struct img_stage *stage)
{
	uint32_t number;

	for (int i = 0; i < TRIES; i++) {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return -1;
		(void)snprintf(stage->name, sizeof(stage->name), "%08x",
			       number);
		if (mkdirat(store->stage_fd, stage->name, 0700) == 0)
			break;
		stage->name[0] = '\0';
		if (errno != EEXIST)
			return -1;
	}
	stage->fd = openat(store->stage_fd, stage->name, DIR_FLAGS);
	stage->lock_fd = lock_image(store->stage_fd, stage->name,
				    O_CREAT | O_EXCL);
	if (stage->fd < 0 || stage->lock_fd < 0 ||
	    mkdirat(stage->fd, "rootfs", 0755) < 0)
		return -1;
	/* Everybody inside can enter it, whatever the umask. */
	return fchmodat(stage->fd, "rootfs", 0755, 0);
}

/**
 * img_stage_new() - a directory to make an image in: its "rootfs"
 * @stage: filled; img_stage_drop() is due, on failure too
 *
 * What others have left there is removed first.
 */
int img_stage_new(struct img_store *store, struct img_stage *stage,
		  struct err *err)
{
	auto_fd lock_fd = -1;

	*stage = (struct img_stage){ .fd = -1, .lock_fd = -1 };
	lock_fd = lock_store(store, err);
	if (lock_fd < 0)
		return -1;
	sweep(store);
	if (new_stage(store, stage) < 0)
		return err_set(err, ERR_KERNEL, errno, "%.90s/staging",
			       store->state_dir);
	return 0;
}

/**
 * img_stage_drop() - remove what is in the making; idempotent
 */
void img_stage_drop(struct img_store *store, struct img_stage *stage)
{
	if (stage->name[0])
		(void)remove_stage(store, stage->name);
	stage->name[0] = '\0';
	fd_close(&stage->fd);
	fd_close(&stage->lock_fd);
}

/* What was in its place goes, now or when the last sandbox with it has gone. */
static int replace_image(struct img_store *store, struct img_stage *stage,
			 const char *folder, struct err *err)
{
	auto_fd old_fd = -1;

	if (renameat2(store->stage_fd, stage->name, store->all_fd, folder,
		      RENAME_EXCHANGE) < 0)
		return err_set(err, ERR_KERNEL, errno, "image: replace it");
	old_fd = lock_image(store->stage_fd, stage->name, 0);
	if (old_fd >= 0)
		(void)remove_stage(store, stage->name);
	stage->name[0] = '\0';
	return 0;
}

/**
 * img_stage_commit() - let it be the image of that name
 * @stage:   complete, its files written to disk
 * @replace: whatever has that name now
 *
 * Return: 0, and it is there for all; or -1, BAD_STATE where there is one.
 */
int img_stage_commit(struct img_store *store, struct img_stage *stage,
		     const char *name, bool replace, struct err *err)
{
	auto_fd lock_fd = lock_store(store, err);
	char folder[IMG_NAME_BYTES];

	if (lock_fd < 0)
		return -1;
	img_name_encode(name, folder);
	/* From its first moment on it can be used. */
	if (flock(stage->lock_fd, LOCK_UN) < 0)
		return err_set(err, ERR_KERNEL, errno, "image: its lock");
	if (renameat2(store->stage_fd, stage->name, store->all_fd, folder,
		      RENAME_NOREPLACE) == 0) {
		stage->name[0] = '\0';
		return fsync(store->all_fd) < 0 ?
			       err_set(err, ERR_KERNEL, errno, "images") :
			       0;
	}
	if (errno != EEXIST && errno != ENOTEMPTY)
		return err_set(err, ERR_KERNEL, errno, "image: add it");
	if (!replace)
		return err_set(err, ERR_BAD_STATE, 0,
			       "there is an image of that name");
	return replace_image(store, stage, folder, err);
}

/**
 * img_store_has() - is there something of that name?
 */
bool img_store_has(const struct img_store *store, const char *name)
{
	char folder[IMG_NAME_BYTES];

	img_name_encode(name, folder);
	return faccessat(store->all_fd, folder, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/**
 * img_store_remove() - remove an image that no sandbox has
 *
 * Return: 0 or -1; err->sys is ENOENT where there is none, BAD_STATE where it
 * is in use.
 */
int img_store_remove(struct img_store *store, const char *name,
		     struct err *err)
{
	auto_fd lock_fd = lock_store(store, err);
	auto_fd image_fd = -1;
	struct img_stage gone = { .fd = -1, .lock_fd = -1 };
	char folder[IMG_NAME_BYTES];

	if (lock_fd < 0)
		return -1;
	sweep(store);
	img_name_encode(name, folder);
	if (!img_store_has(store, name))
		return err_set(err, ERR_BAD_REQUEST, ENOENT, "not in %.90s/images",
			       store->state_dir);
	image_fd = wait_image(store->all_fd, folder);
	if (image_fd < 0 && errno == EWOULDBLOCK)
		return err_set(err, ERR_BAD_STATE, 0, "a sandbox uses it");
	/* One that is no longer whole has no lock, and can be removed too. */
	if (new_stage(store, &gone) < 0 ||
	    renameat2(store->all_fd, folder, gone.fd, "image", 0) < 0) {
		(void)err_set(err, ERR_KERNEL, errno, "take it out");
		img_stage_drop(store, &gone);
		return -1;
	}
	if (remove_stage(store, gone.name) < 0)
		err_set(err, ERR_KERNEL, errno, "remove its files");
	fd_close(&gone.fd);
	fd_close(&gone.lock_fd);
	return err->code == ERR_NONE ? 0 : -1;
}
