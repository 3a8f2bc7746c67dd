// SPDX-License-Identifier: Apache-2.0
/*
 * Looking images up.  The store belongs to the user alone; the trees in it are
 * what somebody else made, so nothing is resolved in them here.
 */
#include <config.h>

#include "controller/image/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "proto/cleanup.h"

#define DIR_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/**
 * img_state_dir() - where this user's state is kept by default
 *
 * Return: an owned absolute path, or NULL where the environment has none.
 */
char *img_state_dir(void)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	char *path = NULL;
	int n = -1;

	if (state && state[0] == '/')
		n = asprintf(&path, "%s/creel", state);
	else if (home && home[0] == '/')
		n = asprintf(&path, "%s/.local/state/creel", home);
	return n < 0 ? NULL : path;
}

/* One of another user could be changed while it is used. */
static int open_stored(const char *state_dir, const char *name)
{
	auto_free char *path = NULL;
	auto_fd all_fd = -1;
	auto_fd image_fd = -1;
	char folder[IMG_NAME_BYTES];
	struct stat st;

	if (asprintf(&path, "%s/images", state_dir) < 0) {
		path = NULL;
		errno = ENOMEM;
		return -1;
	}
	img_name_encode(name, folder);
	all_fd = open(path, DIR_FLAGS);
	if (all_fd < 0)
		return -1;
	image_fd = openat(all_fd, folder, DIR_FLAGS);
	if (image_fd < 0 || fstat(image_fd, &st) < 0)
		return -1;
	if (st.st_uid != geteuid()) {
		errno = EPERM;
		return -1;
	}
	return openat(image_fd, "rootfs", DIR_FLAGS);
}

static int find_stored(const char *state_dir, const char *name,
		       enum img_kind *kind, int *rootfs_fd, struct err *err)
{
	*rootfs_fd = state_dir ? open_stored(state_dir, name) : -1;
	if (*rootfs_fd >= 0) {
		*kind = IMG_KIND_STORED;
		return 0;
	}
	if (!state_dir)
		return err_set(err, ERR_UNSUPPORTED, 0,
			       "image %.60s: there is no state directory",
			       name);
	if (errno == ENOENT)
		return err_set(err, ERR_BAD_REQUEST, ENOENT,
			       "image %.50s: not in %.70s/images", name,
			       state_dir);
	return err_set(err, ERR_KERNEL, errno, "image %.60s in %.60s/images",
		       name, state_dir);
}

static int find_directory(const char *text, enum img_kind *kind,
			  int *rootfs_fd, char **path, struct err *err)
{
	if (text[0] != '/')
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "image %.90s: not an absolute path", text);
	*rootfs_fd = open(text, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*rootfs_fd < 0)
		return err_set(err, ERR_BAD_REQUEST, errno, "image %.90s",
			       text);
	*path = strdup(text);
	if (!*path) {
		fd_close(rootfs_fd);
		return err_set(err, ERR_KERNEL, ENOMEM, "image");
	}
	*kind = IMG_KIND_DIR;
	return 0;
}

/**
 * img_find() - what an image is
 * @state_dir: NULL: there is none
 * @name:      "" and "host" are the host image, what begins with /, ./ or ../
 *             is a directory, all else is a name
 * @kind:      filled
 * @rootfs_fd: filled with an owned O_PATH descriptor, -1 for the host image
 * @path:      filled with its owned absolute path, NULL for the host image
 *
 * The default names of docker.image, where they are not in the store, are the
 * host image.
 *
 * Return: 0 or -1; BAD_REQUEST with ENOENT where there is no such image: say
 * IMG_HINT then.
 */
int img_find(const char *state_dir, const char *name, enum img_kind *kind,
	     int *rootfs_fd, char **path, struct err *err)
{
	char full[IMG_NAME_BYTES], folder[IMG_NAME_BYTES];

	*kind = IMG_KIND_HOST;
	*rootfs_fd = -1;
	*path = NULL;
	if (!name[0] || !strcmp(name, "host"))
		return 0;
	if (img_name_is_path(name))
		return find_directory(name, kind, rootfs_fd, path, err);
	if (img_name_parse(name, full, err) < 0)
		return -1;
	if (find_stored(state_dir, full, kind, rootfs_fd, err) < 0) {
		if (!img_name_is_default(full) ||
		    (err->sys != ENOENT && state_dir))
			return -1;
		*err = (struct err)ERR_INIT;
		return 0;
	}
	img_name_encode(full, folder);
	if (asprintf(path, "%s/images/%s/rootfs", state_dir, folder) < 0) {
		*path = NULL;
		fd_close(rootfs_fd);
		return err_set(err, ERR_KERNEL, ENOMEM, "image");
	}
	return 0;
}

/**
 * img_lock_use() - say that an image is in use
 * @rootfs_fd: from img_find(), or that of a client
 *
 * For as long as the descriptor is open, in whatever process, the image is not
 * removed.
 *
 * Return: an owned descriptor; -1 with ENOENT for a tree that is no stored
 * image's, EWOULDBLOCK for one that is being removed.
 */
int img_lock_use(int rootfs_fd)
{
	auto_fd fd = openat(rootfs_fd, "../lock",
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
				    O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
		errno = ENOENT;
		return -1;
	}
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return -1;
	if (fstat(fd, &st) < 0 || st.st_nlink == 0) {
		errno = EWOULDBLOCK;
		return -1;
	}
	return fd_take(&fd);
}

/**
 * img_is_in() - is it FOLDER/.../rootfs of the state directory?
 * @folder: "images", or "staging"
 *
 * By devices and inodes; no name of @rootfs_fd is asked for.
 */
bool img_is_in(const char *state_dir, const char *folder, int rootfs_fd)
{
	auto_free char *path = NULL;
	auto_fd own_fd = -1;
	struct stat up, own, root, st;

	if (!state_dir || asprintf(&path, "%s/%s", state_dir, folder) < 0) {
		path = NULL;
		return false;
	}
	own_fd = open(path, DIR_FLAGS);
	return own_fd >= 0 && fstat(own_fd, &own) == 0 &&
	       fstatat(rootfs_fd, "../..", &up, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(rootfs_fd, "../rootfs", &root, AT_SYMLINK_NOFOLLOW) ==
		       0 &&
	       fstat(rootfs_fd, &st) == 0 && root.st_dev == st.st_dev &&
	       root.st_ino == st.st_ino && up.st_dev == own.st_dev &&
	       up.st_ino == own.st_ino && up.st_uid == geteuid();
}
