// SPDX-License-Identifier: Apache-2.0
/*
 * Mounts by descriptor.  Sources are detached trees, targets are O_PATH
 * descriptors that were walked below the sandbox's root; no path of either ever
 * goes to mount(2).  Attributes are only ever added.
 */
#include <config.h>

#include "helper/mount.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "proto/cleanup.h"
#include "proto/wire.h"

/**
 * hlp_mount_id() - the mount that a descriptor lies on, 0 where unknown
 * @is_root: set to whether it is that mount's root, NULL if of no interest
 */
uint64_t hlp_mount_id(int fd, bool *is_root)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_MNT_ID, &st) < 0 ||
	    !(st.stx_mask & STATX_MNT_ID))
		return 0;
	if (is_root)
		*is_root = st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	return st.stx_mnt_id;
}

/**
 * hlp_mount_new() - a new file system, not attached anywhere
 * @options: up to one with a NULL key
 * @attr:    MOUNT_ATTR_*
 *
 * Return: its root's descriptor or -1.
 * Privilege: CAP_SYS_ADMIN in the user namespace of the mount namespace.
 */
int hlp_mount_new(const char *type, const struct hlp_option *options,
		  uint64_t attr, struct err *err)
{
	auto_fd fs_fd = fsopen(type, FSOPEN_CLOEXEC);
	int fd;

	if (fs_fd < 0)
		return err_set(err, ERR_KERNEL, errno, "fsopen %s", type);
	for (; options && options->key; options++)
		if (fsconfig(fs_fd,
			     options->value ? FSCONFIG_SET_STRING :
					      FSCONFIG_SET_FLAG,
			     options->key, options->value, 0) < 0)
			return err_set(err, ERR_KERNEL, errno, "%s option %s",
				       type, options->key);
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_set(err, ERR_KERNEL, errno, "create %s", type);
	fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned int)attr);
	if (fd < 0)
		return err_set(err, ERR_KERNEL, errno, "mount %s", type);
	return fd;
}

/**
 * hlp_mount_attr() - add attributes to a detached tree
 * @userns_fd: also idmap it, -1 not
 *
 * Nothing is ever cleared. Return: 0 or -1.
 */
int hlp_mount_attr(int tree_fd, bool recursive, uint64_t attr, int userns_fd,
		   struct err *err)
{
	struct mount_attr set = { .attr_set = attr };

	if (userns_fd >= 0) {
		set.attr_set |= MOUNT_ATTR_IDMAP;
		set.userns_fd = (uint64_t)userns_fd;
	}
	if (mount_setattr(tree_fd, "",
			  AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &set,
			  sizeof(set)) < 0)
		return err_set(err, ERR_KERNEL, errno, "mount_setattr");
	return 0;
}

/**
 * hlp_mount_tree() - clone a mounted tree, with everything mounted in it
 * @path: relative to @dir_fd, "" for @dir_fd itself
 * @attr: added to each mount of it, MOUNT_ATTR_NOSUID always
 *
 * Always recursive: without its submounts a tree shows the files that they
 * hide. Always private: a clone of a shared mount is its peer, and what a
 * sandbox has mounted in it would be mounted on the host as well.
 *
 * Return: a detached tree or -1; EINVAL where @dir_fd belongs to another mount
 * namespace.
 */
int hlp_mount_tree(int dir_fd, const char *path, uint64_t attr, struct err *err)
{
	auto_fd tree_fd = open_tree(dir_fd, path,
				    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
					    AT_RECURSIVE | AT_NO_AUTOMOUNT |
					    (path[0] ? 0 : AT_EMPTY_PATH));

	struct mount_attr set = { .attr_set = attr | MOUNT_ATTR_NOSUID,
				  .propagation = MS_PRIVATE };

	if (tree_fd < 0)
		return err_set(err, ERR_KERNEL, errno, "open_tree");
	if (mount_setattr(tree_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &set,
			  sizeof(set)) < 0)
		return err_set(err, ERR_KERNEL, errno, "mount_setattr");
	return fd_take(&tree_fd);
}

/**
 * hlp_mount_attach() - put a detached tree on a target, descriptor to
 * descriptor
 */
int hlp_mount_attach(int tree_fd, int target_fd, struct err *err)
{
	if (move_mount(tree_fd, "", target_fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0)
		return 0;
	if (errno == ENOTDIR || errno == EINVAL)
		return err_set(err, ERR_BAD_REQUEST, errno,
			       "source and target are not of one kind");
	return err_set(err, ERR_KERNEL, errno, "move_mount");
}

/**
 * hlp_open_in() - an O_PATH descriptor of what a path inside a root names
 * @path: absolute ones start at @root_fd too
 *
 * Return: -1 with errno; ELOOP for a link where @walk allows none.
 */
int hlp_open_in(int root_fd, const char *path, enum hlp_walk walk)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS |
			   (walk == HLP_WALK_OWN ? RESOLVE_NO_SYMLINKS : 0),
	};

	return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
}

/**
 * hlp_make_node() - make and open an empty directory or file
 * @dir_fd: a directory of a file system of ours
 * @name:   one component
 */
int hlp_make_node(int dir_fd, const char *name, bool directory, struct err *err)
{
	auto_fd fd = -1;

	if (directory) {
		if (mkdirat(dir_fd, name, 0755) < 0)
			return err_set(err, ERR_KERNEL, errno,
				       "make a mount point");
		fd = openat(dir_fd, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	} else {
		fd = openat(dir_fd, name,
			    O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0644);
	}
	if (fd < 0)
		return err_set(err, ERR_KERNEL, errno, "make a mount point");
	return fd_take(&fd);
}

/**
 * hlp_root_own() - mount points may be made on this mount from now on
 * @fd: its root; one too many is only not made in
 */
void hlp_root_own(struct hlp_root_dir *root, int fd)
{
	if (root->n_own < HLP_ROOT_MAX_OWN)
		root->own[root->n_own++] = hlp_mount_id(fd, NULL);
}

static bool is_own(const struct hlp_root_dir *root, int fd)
{
	uint64_t id = hlp_mount_id(fd, NULL);

	for (uint32_t i = 0; id && i < root->n_own; i++)
		if (root->own[i] == id)
			return true;
	return false;
}

/* A part belongs to whom the directory that it is made in belongs. */
static int make_part(const struct hlp_root_dir *root, int dir_fd,
		     const char *path, bool directory, struct err *err)
{
	const char *name = strrchr(path, '/') + 1;
	auto_fd fd = -1;
	struct stat st;

	if (!is_own(root, dir_fd))
		return err_set(err, ERR_BAD_REQUEST, ENOENT,
			       "a target in a bind mount or image must exist");
	fd = hlp_make_node(dir_fd, name, directory, err);
	if (fd >= 0 && (fstat(dir_fd, &st) < 0 ||
			fchownat(dir_fd, name, st.st_uid, st.st_gid,
				 AT_SYMLINK_NOFOLLOW) < 0))
		return err_set(err, ERR_KERNEL, errno, "make a mount point");
	return fd_take(&fd);
}

/**
 * hlp_target_open() - find a mount target, making what is missing of it
 * @root:      missing parts are made on its own mounts only
 * @path:      see hlp_target_ok()
 * @directory: what the last component becomes where it is made
 *
 * Each prefix is resolved from the root again, so that every part of it is
 * below the root whatever the links in it say; no process of the sandbox
 * exists yet that could change them.
 *
 * Return: an O_PATH descriptor or -1.
 */
int hlp_target_open(const struct hlp_root_dir *root, const char *path,
		    bool directory, enum hlp_walk walk, struct err *err)
{
	auto_fd at_fd = hlp_open_in(root->fd, path, walk);
	char prefix[WIRE_PATH_MAX_BYTES];
	size_t len = strnlen(path, sizeof(prefix) - 1);

	if (at_fd >= 0)
		return fd_take(&at_fd);
	at_fd = hlp_open_in(root->fd, "/", HLP_WALK_OWN);
	memcpy(prefix, path, len);
	prefix[len] = '\0';
	for (size_t end = 0; at_fd >= 0 && end < len;) {
		auto_fd next_fd = -1;

		end += 1 + strcspn(path + end + 1, "/");
		prefix[end] = '\0';
		next_fd = hlp_open_in(root->fd, prefix, walk);
		if (next_fd < 0 && errno == ENOENT)
			next_fd = make_part(root, at_fd, prefix,
					    directory || end < len, err);
		else if (next_fd < 0)
			err_set(err, ERR_BAD_REQUEST, errno, "walk the target");
		prefix[end] = '/';
		if (next_fd < 0)
			return -1;
		fd_close(&at_fd);
		at_fd = fd_take(&next_fd);
	}
	if (at_fd < 0)
		return err_set(err, ERR_KERNEL, errno, "openat2 the root");
	return fd_take(&at_fd);
}
