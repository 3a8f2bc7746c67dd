// SPDX-License-Identifier: Apache-2.0
/*
 * /dev: a table of devices, each a bind of the host's that can be used but not
 * changed, and terminals, shared memory and message queues of the sandbox's.
 */
#include <config.h>

#include "helper/build.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>

#include "proto/cleanup.h"

#define HLP_TTY_GID 5

static const char *const devices[] = { "null",	 "zero",    "full",
				       "random", "urandom", "tty" };

static const struct {
	const char *to, *name;
} links[] = {
	{ "pts/ptmx", "ptmx" },		 { "/proc/self/fd", "fd" },
	{ "/proc/self/fd/0", "stdin" },	 { "/proc/self/fd/1", "stdout" },
	{ "/proc/self/fd/2", "stderr" },
};

static int bind_devices(int dev_fd, struct err *err)
{
	auto_fd host_fd = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		auto_fd target_fd =
			hlp_make_node(dev_fd, devices[i], false, err);
		auto_fd tree_fd = -1;

		if (target_fd < 0)
			return -1;
		tree_fd = hlp_mount_tree(host_fd, devices[i],
					 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC,
					 err);
		if (tree_fd < 0 ||
		    hlp_mount_attach(tree_fd, target_fd, err) < 0)
			return err_wrap(err, "/dev/%s", devices[i]);
	}
	return 0;
}

static int mount_in(int dev_fd, const char *name, int tree_fd, struct err *err)
{
	auto_fd fd = tree_fd;
	auto_fd target_fd = -1;

	if (fd < 0)
		return -1;
	target_fd = hlp_make_node(dev_fd, name, true, err);
	return target_fd < 0 ? -1 : hlp_mount_attach(fd, target_fd, err);
}

static bool is_mapped(const struct hlp_map *map, uint32_t id)
{
	for (uint32_t i = 0; i < map->n; i++)
		if (id >= map->extent[i].inside &&
		    id - map->extent[i].inside < map->extent[i].count)
			return true;
	return false;
}

/**
 * hlp_dev_make() - make /dev below the sandbox's root
 *
 * Populated while detached from nothing of the root's content: the directory
 * that it is mounted on is reached without symbolic links.
 */
int hlp_dev_make(struct hlp_box *box, struct err *err)
{
	static const struct hlp_option dev[] = { { "size", "256k" },
						 { "nr_inodes", "256" },
						 { "mode", "755" },
						 { NULL, NULL } };
	static const struct hlp_option shm[] = { { "size", "64m" },
						 { "nr_inodes", "16384" },
						 { "mode", "1777" },
						 { NULL, NULL } };
	char gid[8];
	/* The kernel has some 3,000 for all sandboxes: none may take them. */
	const struct hlp_option pts[] = { { "mode", "620" },
					  { "max", "256" },
					  { "ptmxmode", "666" },
					  { "gid", gid },
					  { NULL, NULL } };
	const uint64_t attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	auto_fd dev_fd = hlp_mount_new("tmpfs", dev, attr, err);
	bool tty = is_mapped(&box->config->maps.gid, HLP_TTY_GID);

	(void)snprintf(gid, sizeof(gid), "%u",
		       tty ? HLP_TTY_GID : box->config->step.new_.gid);
	if (dev_fd < 0 || hlp_own_attach(box, dev_fd, "/dev", true, err) < 0 ||
	    bind_devices(dev_fd, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlinkat(links[i].to, dev_fd, links[i].name) < 0)
			return err_set(err, ERR_KERNEL, errno, "link /dev/%s",
				       links[i].name);
	if (mount_in(dev_fd, "pts", hlp_mount_new("devpts", pts, attr, err),
		     err) < 0 ||
	    mount_in(dev_fd, "shm",
		     hlp_mount_new("tmpfs", shm, attr | MOUNT_ATTR_NODEV, err),
		     err) < 0 ||
	    mount_in(
		    dev_fd, "mqueue",
		    hlp_mount_new("mqueue", NULL, attr | MOUNT_ATTR_NODEV, err),
		    err) < 0)
		return err_wrap(err, "/dev");
	return hlp_mount_attr(dev_fd, false, MOUNT_ATTR_RDONLY, -1, err);
}
