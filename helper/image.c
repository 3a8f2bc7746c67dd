// SPDX-License-Identifier: Apache-2.0
/*
 * An image as root: an overlay of the image and, above it, a skeleton that
 * holds the mount points which the image lacks and the files of /etc that are
 * the sandbox's own.  An overlay's layers must not change once it is mounted,
 * so mounts wait until all targets are known.  Where the root can be written
 * to, a directory of the caller's takes what is written.
 */
#include <config.h>

#include "helper/build.h"

#include <fcntl.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "proto/cleanup.h"

#define HLP_MAX_DEFERRED 64

static const char *const own_dirs[] = { "/proc", "/dev" };

static struct {
	struct hlp_step step;
	int fd; /* owned, -1 none */
	bool directory;
} deferred[HLP_MAX_DEFERRED];
static size_t n_deferred;

/*
 * Of a layer an overlay takes one file system, and passes over what is mounted
 * in it: the files that a mount hides would be seen.
 */
static bool find_mounted(const struct hlp_mount_line *line, void *arg)
{
	uint64_t *image = arg;

	if (line->parent != *image)
		return true;
	*image = 0;
	return false;
}

/* Overlay takes both only from one mount: they come with their parent. */
static int set_layers(struct hlp_box *box, int tree_fd, struct err *err)
{
	auto_fd point_fd = hlp_make_node(box->stage_fd, "layers", true, err);

	if (point_fd < 0 || hlp_mount_attach(tree_fd, point_fd, err) < 0)
		return err_wrap(err, "image");
	box->layers_fd = openat(box->stage_fd, "layers",
				O_PATH | O_DIRECTORY | O_CLOEXEC);
	return box->layers_fd < 0 ? err_set(err, ERR_KERNEL, errno, "image") :
				    0;
}

/**
 * hlp_image_set() - take the image
 * @tree_fd:   detached, nosuid and nodev; borrowed
 * @layers_fd: likewise, -1 for an image that is only read
 *
 * Safety: a tree that the caller could open, read-only from here on; what its
 * files and links say is first believed when it is the root.
 */
int hlp_image_set(struct hlp_box *box, int tree_fd, int layers_fd,
		  struct err *err)
{
	auto_fd image_fd = -1;
	uint64_t id;

	if (!box->image || box->image_fd >= 0)
		return err_set(err, ERR_BAD_STATE, 0, "no image is wanted");
	image_fd = hlp_make_node(box->stage_fd, "image", true, err);
	if (image_fd < 0 ||
	    hlp_mount_attr(tree_fd, true, MOUNT_ATTR_RDONLY, -1, err) < 0 ||
	    hlp_mount_attach(tree_fd, image_fd, err) < 0)
		return err_wrap(err, "image");
	box->root.fd = hlp_make_node(box->stage_fd, "skeleton", true, err);
	hlp_root_own(&box->root, box->stage_fd);
	box->image_fd = openat(box->stage_fd, "image",
			       O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (box->root.fd < 0 || box->image_fd < 0 ||
	    mkdirat(box->root.fd, "etc", 0755) < 0)
		return err_set(err, ERR_KERNEL, errno, "make the skeleton");
	id = hlp_mount_id(box->image_fd, NULL);
	if (hlp_mountinfo_each(box->proc_fd, find_mounted, &id, err) < 0)
		return -1;
	if (!id)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "something is mounted in the image");
	return layers_fd < 0 ? 0 : set_layers(box, layers_fd, err);
}

/**
 * hlp_image_defer() - keep a mount for later
 * @fd: its tree, taken over; -1 for a tmpfs
 */
int hlp_image_defer(const struct hlp_step *step, int fd, struct err *err)
{
	auto_fd tree_fd = fd;
	struct statx st = { .stx_mode = S_IFDIR };

	if (n_deferred == HLP_MAX_DEFERRED)
		return err_set(err, ERR_LIMIT, 0, "more than %d mounts",
			       HLP_MAX_DEFERRED);
	if (tree_fd >= 0 && statx(tree_fd, "", AT_EMPTY_PATH, STATX_TYPE, &st))
		return err_set(err, ERR_KERNEL, errno, "statx");
	deferred[n_deferred].step = *step;
	deferred[n_deferred].directory = S_ISDIR(st.stx_mode);
	deferred[n_deferred++].fd = fd_take(&tree_fd);
	return 0;
}

/* A directory of both layers looks as it does in the upper one. */
static int copy_mode(const struct hlp_box *box, const char *path)
{
	struct stat st;

	if (fstatat(box->image_fd, path + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	/* A link's mode, which is 0777, says nothing. */
	if (!S_ISDIR(st.st_mode))
		return 0;
	/* EINVAL: an owner that has no id in here; it stays root's. */
	if (fchownat(box->root.fd, path + 1, st.st_uid, st.st_gid,
		     AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno != EINVAL)
		return -1;
	return fchmodat(box->root.fd, path + 1, st.st_mode & 07777, 0);
}

static int copy_modes(const struct hlp_box *box, char *path, struct err *err)
{
	int failed = copy_mode(box, path);

	for (char *at = path; (at = strchr(at + 1, '/')) && !failed;
	     *at = '/') {
		*at = '\0';
		failed = copy_mode(box, path);
	}
	return failed ? err_set(err, ERR_KERNEL, errno, "make a mount point") :
			0;
}

/* Makes in the skeleton what the image lacks of a target. */
static int make_target(struct hlp_box *box, const char *target, bool directory,
		       struct err *err)
{
	auto_fd fd = hlp_open_in(box->image_fd, target, HLP_WALK_IMAGE);
	char prefix[WIRE_PATH_MAX_BYTES], real[PATH_MAX + WIRE_PATH_MAX_BYTES];
	char link[32];
	ssize_t len, base;

	if (fd >= 0)
		return 0;
	(void)snprintf(prefix, sizeof(prefix), "%s", target);
	while (fd < 0 && prefix[0]) {
		*strrchr(prefix, '/') = '\0';
		fd = hlp_open_in(box->image_fd, prefix[0] ? prefix : "/",
				 HLP_WALK_IMAGE);
	}
	/* Where links in the image lead, as the kernel walked them. */
	(void)snprintf(link, sizeof(link), "self/fd/%d", box->image_fd);
	base = readlinkat(box->proc_fd, link, real, PATH_MAX);
	(void)snprintf(link, sizeof(link), "self/fd/%d", fd);
	len = readlinkat(box->proc_fd, link, real, PATH_MAX);
	if (base <= 0 || len < base)
		return err_set(err, ERR_KERNEL, errno, "walk the image");
	(void)snprintf(real + len, sizeof(real) - (size_t)len, "%s",
		       target + strlen(prefix));
	fd_close(&fd);
	fd = hlp_target_open(&box->root, real + base, directory, HLP_WALK_OWN,
			     err);
	return fd < 0 ? -1 : copy_modes(box, real + base, err);
}

/* What overlay makes and copies is made as whom @st belongs to. */
static int act_as(const struct stat *st, struct err *err)
{
	/* Or CAP_DAC_OVERRIDE would go: "work" is a directory of mode 0. */
	if (prctl(PR_SET_SECUREBITS, st ? SECBIT_NO_SETUID_FIXUP : 0) < 0)
		return err_set(err, ERR_KERNEL, errno, "securebits");
	(void)setfsgid(st ? st->st_gid : getegid());
	(void)setfsuid(st ? st->st_uid : geteuid());
	return 0;
}

/*
 * Safety: "upper" and "work" are descriptors of directories of the caller's
 * tree, no links; overlay gets them as such, whatever becomes of the names. All
 * of it happens with the setup process's rights in the sandbox's namespace.
 */
static int new_writable(struct hlp_box *box, struct err *err)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	auto_fd upper_fd = openat(box->layers_fd, "upper", flags);
	auto_fd work_fd = openat(box->layers_fd, "work", flags);
	char lower[48], upper[24], work[24];
	const struct hlp_option options[] = {
		{ "lowerdir", lower }, { "upperdir", upper },
		{ "workdir", work },   { "userxattr", NULL },
		{ NULL, NULL },
	};
	auto_fd tree_fd = -1;
	struct stat st;

	if (upper_fd < 0 || work_fd < 0 || fstat(upper_fd, &st) < 0 ||
	    fchdir(box->proc_fd) < 0)
		return err_set(err, ERR_KERNEL, errno, "image's layers");
	(void)snprintf(lower, sizeof(lower), "self/fd/%d:self/fd/%d",
		       box->root.fd, box->image_fd);
	(void)snprintf(upper, sizeof(upper), "self/fd/%d", upper_fd);
	(void)snprintf(work, sizeof(work), "self/fd/%d", work_fd);
	if (act_as(&st, err) < 0)
		return -1;
	tree_fd = hlp_mount_new("overlay", options,
				MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
	if (act_as(NULL, err) < 0)
		return -1;
	return fd_take(&tree_fd);
}

static int new_readonly(struct hlp_box *box, struct err *err)
{
	static const struct hlp_option options[] = {
		{ "lowerdir", "skeleton:image" },
		{ "userxattr", NULL },
		{ NULL, NULL },
	};

	/* The names of the layers are relative: no path can redirect them. */
	if (fchdir(box->stage_fd) < 0)
		return err_set(err, ERR_KERNEL, errno, "overlay");
	return hlp_mount_new(
		"overlay", options,
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
}

static int mount_overlay(struct hlp_box *box, struct err *err)
{
	auto_fd target_fd = hlp_make_node(box->stage_fd, "root", true, err);
	auto_fd tree_fd = -1;
	char etc[] = "/etc";

	if (target_fd < 0 || copy_modes(box, etc, err) < 0)
		return -1;
	tree_fd = box->layers_fd < 0 ? new_readonly(box, err) :
				       new_writable(box, err);
	if (tree_fd < 0 || hlp_mount_attach(tree_fd, target_fd, err) < 0)
		return -1;
	fd_close(&box->root.fd);
	box->root.fd = fd_take(&tree_fd);
	box->root.n_own = 0;
	box->mounts[box->n_mounts++] = hlp_mount_id(box->root.fd, NULL);
	return 0;
}

/**
 * hlp_image_finish() - mount the overlay, then all that goes into it
 * @seq: set to the step that failed, where it was a deferred one
 */
int hlp_image_finish(struct hlp_box *box, uint32_t *seq, struct err *err)
{
	if (box->image_fd < 0)
		return err_set(err, ERR_BAD_STATE, 0, "no image was given");
	for (size_t i = 0; i < 2; i++)
		if (make_target(box, own_dirs[i], true, err) < 0)
			return -1;
	for (size_t i = 0; i < n_deferred; i++) {
		const struct hlp_step *step = &deferred[i].step;

		if (make_target(box, hlp_step_target(step),
				deferred[i].directory, err) < 0) {
			*seq = step->seq;
			return -1;
		}
	}
	if (mount_overlay(box, err) < 0 || hlp_dev_make(box, err) < 0 ||
	    hlp_proc_attach(box, err) < 0)
		return -1;
	for (size_t i = 0; i < n_deferred; i++) {
		if (hlp_box_act(box, &deferred[i].step, deferred[i].fd, err) <
		    0) {
			*seq = deferred[i].step.seq;
			return -1;
		}
		fd_close(&deferred[i].fd);
	}
	return 0;
}
