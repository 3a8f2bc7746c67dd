// SPDX-License-Identifier: Apache-2.0
/*
 * The root of a sandbox: a small tmpfs into which the host's /usr and a
 * generated /etc are put.  Every source is in a table here; what the host
 * does not have is left out.
 */
#include <config.h>

#include "helper/build.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "helper/knockout.h"
#include "proto/cleanup.h"

/* Directories of the host, or links where it has links (merged /usr). */
static const char *const trees[] = { "usr",   "bin",   "sbin",	"lib",
				     "lib64", "lib32", "libx32" };

/* Bound; a directory ends in a slash, a missing one is left out. */
static const char *const etc[] = {
	"etc/alternatives/",
	"etc/ssl/certs/",
	"etc/ld.so.cache",
	"etc/localtime",
};

static const char *const dirs[] = { "etc",  "etc/ssl", "tmp",
				    "var",  "var/tmp", "run",
				    "home", "root",    "workspace" };

static const struct {
	const char *name, *content;
} files[] = {
	{ "passwd", "root:x:0:0:root:/root:/bin/bash\n"
		    "creel:x:1000:1000:creel:/home/creel:/bin/bash\n"
		    "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n" },
	{ "group", "root:x:0:\ntty:x:5:\ncreel:x:1000:\nnogroup:x:65534:\n" },
	{ "hosts", "127.0.0.1 localhost creel\n::1 localhost\n" },
	{ "nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n"
			   "hosts: files dns\nservices: files\n" },
	{ "resolv.conf", "" },
	{ "hostname", "creel\n" },
};

/**
 * hlp_own_attach() - mount something of creel's own
 * @path: reached without symbolic links, made where it is missing
 */
int hlp_own_attach(struct hlp_box *box, int tree_fd, const char *path,
		   bool directory, struct err *err)
{
	auto_fd target_fd =
		hlp_target_open(&box->root, path, directory, HLP_WALK_OWN, err);

	if (target_fd < 0 || hlp_mount_attach(tree_fd, target_fd, err) < 0)
		return err_wrap(err, "%.64s", path);
	if (box->n_mounts < HLP_BOX_MAX_MOUNTS)
		box->mounts[box->n_mounts++] = hlp_mount_id(tree_fd, NULL);
	return 0;
}

/**
 * hlp_stage_make() - attach the tmpfs that all else is built in
 *
 * On the old /proc, a directory that every host has and that nothing here
 * needs any more. For the host's root it is the new root already.
 */
int hlp_stage_make(struct hlp_box *box, struct err *err)
{
	static const struct hlp_option options[] = { { "size", "4m" },
						     { "nr_inodes", "2048" },
						     { "mode", "755" },
						     { NULL, NULL } };
	auto_fd target_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	box->stage_fd = hlp_mount_new(
		"tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
	if (box->stage_fd < 0 ||
	    hlp_mount_attach(box->stage_fd, target_fd, err) < 0)
		return err_wrap(err, "new root");
	if (!box->image) {
		box->root.fd = box->stage_fd;
		hlp_root_own(&box->root, box->stage_fd);
		box->mounts[box->n_mounts++] = box->root.own[0];
	}
	return 0;
}

static int add_tree(struct hlp_box *box, int host_fd, const char *name,
		    struct err *err)
{
	auto_fd tree_fd = -1, target_fd = -1;
	char link[256];
	ssize_t len = readlinkat(host_fd, name, link, sizeof(link) - 1);

	if (len > 0) {
		link[len] = '\0';
		if (symlinkat(link, box->root.fd, name) < 0)
			return err_set(err, ERR_KERNEL, errno, "link");
		return 0;
	}
	if (errno == ENOENT)
		return 0;
	target_fd = hlp_make_node(box->root.fd, name, true, err);
	if (target_fd < 0)
		return -1;
	tree_fd = hlp_mount_tree(host_fd, name,
				 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, err);
	if (tree_fd < 0 || hlp_mount_attach(tree_fd, target_fd, err) < 0)
		return -1;
	box->mounts[box->n_mounts++] = hlp_mount_id(tree_fd, NULL);
	return 0;
}

/* A link such as /etc/localtime is followed: the sandbox gets what it names. */
static int add_etc(struct hlp_box *box, int host_fd, const char *entry,
		   struct err *err)
{
	size_t len = strlen(entry);
	bool directory = entry[len - 1] == '/';
	char name[64];
	auto_fd source_fd = openat(host_fd, entry, O_PATH | O_CLOEXEC);
	auto_fd tree_fd = -1, target_fd = -1;

	if (source_fd < 0)
		return 0;
	(void)snprintf(name, sizeof(name), "%.*s", (int)(len - directory),
		       entry);
	target_fd = hlp_make_node(box->root.fd, name, directory, err);
	if (target_fd < 0)
		return -1;
	tree_fd = hlp_mount_tree(source_fd, "",
				 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV |
					 (directory ? 0 : MOUNT_ATTR_NOEXEC),
				 err);
	return tree_fd < 0 ? -1 : hlp_mount_attach(tree_fd, target_fd, err);
}

/**
 * hlp_root_host() - fill the root from the host
 */
int hlp_root_host(struct hlp_box *box, struct err *err)
{
	auto_fd host_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
		if (add_tree(box, host_fd, trees[i], err) < 0)
			return err_wrap(err, "/%s", trees[i]);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdirat(box->root.fd, dirs[i], 0755) < 0)
			return err_set(err, ERR_KERNEL, errno, "make /%s",
				       dirs[i]);
	for (size_t i = 0; i < sizeof(etc) / sizeof(etc[0]); i++)
		if (add_etc(box, host_fd, etc[i], err) < 0)
			return err_wrap(err, "/%s", etc[i]);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (hlp_root_write(box, files[i].name, files[i].content,
				   strlen(files[i].content), err) < 0)
			return -1;
	return 0;
}

/**
 * hlp_root_write() - write a file of /etc
 * @name: from a table
 *
 * The directory is on the root's own tmpfs and was made here: no symbolic link
 * can be in the way.
 */
int hlp_root_write(struct hlp_box *box, const char *name, const void *content,
		   size_t len, struct err *err)
{
	char path[32];
	auto_fd fd = -1;

	(void)snprintf(path, sizeof(path), "etc/%s", name);
	fd = openat(box->root.fd, path,
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0644);
	if (fd < 0 || write(fd, content, len) != (ssize_t)len)
		return err_set(err, ERR_KERNEL, errno, "write /%s", path);
	return 0;
}

/**
 * hlp_root_enter() - make the root this process's root and let go of the host
 *
 * At the start; in system mode, where the spawner clones the sources, before
 * the first step already.
 */
int hlp_root_enter(struct hlp_box *box, struct err *err)
{
	if (box->entered)
		return 0;
	if (hlp_knocked_out(HLP_LAYER_FDS) &&
	    dup2(open("/etc", O_RDONLY | O_DIRECTORY), HLP_LEAKED_FD) < 0)
		return err_set(err, ERR_KERNEL, errno, "leak");
	if (fchdir(box->root.fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_set(err, ERR_KERNEL, errno, "pivot_root");
	/* The old root is on top of the new one now, and "." is the old. */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_set(err, ERR_KERNEL, errno, "leave the host's root");
	box->entered = true;
	return 0;
}
