// SPDX-License-Identifier: Apache-2.0
/*
 * Changing the mount tree: remounting, unmounting, adding, moving, pivoting,
 * by the old interface and the new.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

#define MOUNTS_MAX 256
#define MOUNT_PATH_MAX 512

static char points[MOUNTS_MAX][MOUNT_PATH_MAX];
static bool point_ro[MOUNTS_MAX];
static size_t n_points;

/* mountinfo writes blanks as \040. */
static void unescape(char *s)
{
	char *out = s;

	while (*s != '\0') {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 +
					(s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

static void read_mountinfo(bool say)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096], root[1024], point[1024], opts[512];
	unsigned int shared = 0;

	n_points = 0;
	while (f && fgets(line, sizeof(line), f)) {
		char *type = strstr(line, " - ");

		if (sscanf(line, "%*d %*d %*s %1023s %1023s %511s", root,
			   point, opts) != 3 || !type)
			continue;
		type += 3;
		if (strstr(line, " shared:") || strstr(line, " master:") ||
		    strstr(line, " propagate_from:"))
			shared++;
		if (say)
			probe_say("mount", "fact", "%s %s %s %.*s", point,
				  opts, root, (int)strcspn(type, " "), type);
		if (n_points >= MOUNTS_MAX || strlen(point) >= MOUNT_PATH_MAX)
			continue;
		unescape(point);
		snprintf(points[n_points], MOUNT_PATH_MAX, "%s", point);
		point_ro[n_points++] = strncmp(opts, "ro", 2) == 0;
	}
	if (f)
		fclose(f);
	if (say)
		probe_say("sb-12-propagation", shared ? "allowed" : "refused",
			  "%u", shared);
}

static long do_mount_type(void *arg)
{
	return mount("none", "/tmp", arg, 0, NULL);
}

static long do_bind(void *arg)
{
	return mount(arg, "/tmp", NULL, MS_BIND | MS_REC, NULL);
}

static long do_propagation(void *arg)
{
	(void)arg;
	return mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL);
}

static long do_pivot(void *arg)
{
	(void)arg;
	return syscall(SYS_pivot_root, "/tmp", "/tmp");
}

static long do_chroot(void *arg)
{
	(void)arg;
	return chroot("/tmp");
}

static long do_fsopen(void *arg)
{
	return syscall(SYS_fsopen, arg, 0);
}

static long do_fspick(void *arg)
{
	return syscall(SYS_fspick, AT_FDCWD, arg, 0);
}

static long do_open_tree(void *arg)
{
	return syscall(SYS_open_tree, AT_FDCWD, arg, OPEN_TREE_CLONE);
}

static long do_setattr(void *arg)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };

	return syscall(SYS_mount_setattr, AT_FDCWD, arg, 0, &attr,
		       sizeof(attr));
}

static long do_move(void *arg)
{
	int fd = open(arg, O_PATH | O_CLOEXEC);

	return syscall(SYS_move_mount, fd, "", AT_FDCWD, "/tmp",
		       MOVE_MOUNT_F_EMPTY_PATH);
}

static long do_handle(void *arg)
{
	union {
		struct file_handle fh;
		char room[sizeof(struct file_handle) + 128];
	} u;
	int id;

	u.fh.handle_bytes = 128;
	if (syscall(SYS_name_to_handle_at, AT_FDCWD, arg, &u.fh, &id, 0) != 0)
		return -1;
	return syscall(SYS_open_by_handle_at, AT_FDCWD, &u.fh, O_RDONLY);
}

/* Is /proc/sys in use after "mount -t proc": a mount that hides no mask? */
static void by_type(void)
{
	static const char *const types[] = {
		"proc", "sysfs", "tmpfs", "ramfs", "devpts", "mqueue",
		"cgroup", "cgroup2", "debugfs", "tracefs", "bpf",
		"securityfs", "configfs", "fusectl", "overlay", "ext4",
		"binfmt_misc", "hugetlbfs", "devtmpfs", "pstore", "efivarfs",
		"squashfs", "9p", "nfs", "autofs",
	};
	char name[PROBE_NAME_MAX];
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const char *row = strncmp(types[i], "cgroup", 6) ? "sb-15"
								 : "sb-14";

		snprintf(name, sizeof(name), "%s-mount:%s", row, types[i]);
		probe_child(name, do_mount_type, (void *)(size_t)types[i]);
		snprintf(name, sizeof(name), "%s-fsopen:%s", row, types[i]);
		probe_child(name, do_fsopen, (void *)(size_t)types[i]);
	}
}

static void cgroup_facts(void)
{
	char line[512];
	FILE *f = fopen("/proc/self/cgroup", "re");

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		probe_say("sb-14-self-cgroup", "fact", "%s", line);
	}
	if (f)
		fclose(f);
}

/** probe_group_mounts() - facts about the tree, and adding to it */
void probe_group_mounts(void)
{
	static char slash[] = "/", usr[] = "/usr", proc[] = "/proc";

	read_mountinfo(true);
	cgroup_facts();
	by_type();
	probe_child("sb-08-bind", do_bind, usr);
	probe_child("sb-08-bind-proc", do_bind, proc);
	probe_child("sb-12-make-shared", do_propagation, NULL);
	probe_child("sb-08-pivot-root", do_pivot, NULL);
	probe_child("sb-08-chroot", do_chroot, NULL);
	probe_child("sb-08-fspick", do_fspick, usr);
	probe_child("sb-08-open-tree", do_open_tree, usr);
	probe_child("sb-08-open-tree-proc", do_open_tree, proc);
	probe_child("sb-08-mount-setattr", do_setattr, usr);
	probe_child("sb-08-move-mount", do_move, usr);
	probe_child("sb-08-handle", do_handle, slash);
}

static long do_remount(void *arg)
{
	return mount(NULL, arg, NULL, MS_REMOUNT | MS_BIND, NULL);
}

static long do_umount(void *arg)
{
	return umount2(arg, UMOUNT_NOFOLLOW | MNT_DETACH);
}

static long do_create(void *arg)
{
	char path[MOUNT_PATH_MAX + 16];
	struct stat st;
	int fd;

	if (stat(arg, &st) == 0 && !S_ISDIR(st.st_mode)) {
		fd = open(arg, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 && S_ISCHR(st.st_mode)) {
			errno = EROFS; /* a device node is for writing to */
			return -1;
		}
		return fd;
	}
	snprintf(path, sizeof(path), "%s/probe-new", (const char *)arg);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

/** probe_group_peel() - take read-only flags and mounts away, one by one */
void probe_group_peel(void)
{
	char name[PROBE_NAME_MAX];
	size_t i;

	read_mountinfo(false);
	for (i = 0; i < n_points; i++) {
		if (!point_ro[i])
			continue;
		snprintf(name, sizeof(name), "sb-08-create:%.200s", points[i]);
		probe_child(name, do_create, points[i]);
		snprintf(name, sizeof(name), "sb-08-remount:%.200s",
			 points[i]);
		probe_child(name, do_remount, points[i]);
	}
	for (i = n_points; i > 0; i--) {
		snprintf(name, sizeof(name), "sb-08-umount:%.200s",
			 points[i - 1]);
		probe_child(name, do_umount, points[i - 1]);
	}
}
