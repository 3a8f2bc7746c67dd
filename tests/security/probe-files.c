// SPDX-License-Identifier: Apache-2.0
/*
 * Masked and read-only places of /proc, /sys and /dev, and what devices there
 * are.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "probe.h"

#define PROC_SUPER_MAGIC_NR 0x9fa0

static bool write_back;
static unsigned long procsys_seen, procsys_opened, procsys_written;

/* Entries but "." and ".."; consumes @fd. */
static ssize_t count_entries(int fd)
{
	DIR *dir = fdopendir(fd);
	ssize_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n > 2 ? n - 2 : 0;
}

static void mask_read(const char *name, const char *path)
{
	char buf[64];
	struct stat st;
	struct statfs fs;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = -1;

	if (fd < 0) {
		probe_say(name, "refused", "%s", probe_errno_name(errno));
		return;
	}
	if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
		memset(&st, 0, sizeof(st));
	if (S_ISDIR(st.st_mode)) {
		n = count_entries(fd);
		probe_say(name, n ? "allowed" : "refused",
			  "directory entries=%zd fs=%lx", n, (long)fs.f_type);
		return;
	}
	n = read(fd, buf, sizeof(buf));
	if (n < 0 && S_ISCHR(st.st_mode))
		n = 1; /* a device that could be opened */
	if (n > 0)
		probe_say(name, "allowed", "read %zd fs=%lx", n,
			  (long)fs.f_type);
	else if (n == 0)
		probe_say(name, "refused", "empty fs=%lx", (long)fs.f_type);
	else
		probe_say(name, "refused", "%s", probe_errno_name(errno));
	close(fd);
}

static void mask_write(const char *name, const char *path)
{
	struct stat st;
	int fd;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		char file[512];

		snprintf(file, sizeof(file), "%s/probe", path);
		fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	} else {
		fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	}
	/* A null device bound over a file may be opened: it swallows all. */
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	    st.st_rdev == makedev(1, 3))
		probe_say(name, "refused", "null device");
	else
		probe_say_rc(name, fd);
	if (fd >= 0)
		close(fd);
}

/** probe_group_masks() - read and write what must be masked or absent */
void probe_group_masks(void)
{
	static const char *const paths[] = {
		"/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/sched_debug", "/proc/kmsg",
		"/proc/sysrq-trigger", "/proc/acpi", "/proc/scsi",
		"/proc/asound", "/proc/interrupts", "/proc/kallsyms",
		"/proc/kpagecount", "/proc/kpageflags", "/proc/kpagecgroup",
		"/proc/vmallocinfo", "/proc/slabinfo", "/proc/mtrr",
		"/proc/config.gz", "/proc/bus", "/proc/fs", "/proc/irq",
		"/proc/tty/driver", "/proc/driver", "/sys/firmware",
		"/sys/devices/virtual/powercap", "/sys/kernel/uevent_helper",
		"/sys/kernel/debug", "/sys/kernel/security", "/sys/fs/cgroup",
		"/dev/mem", "/dev/kmem", "/dev/port", "/dev/kvm", "/dev/fuse",
		"/dev/loop-control", "/dev/net/tun", "/dev/uinput",
		"/dev/console", "/dev/kmsg", "/dev/sda", "/dev/vda",
		"/dev/vsock", "/dev/vhost-net", "/dev/userfaultfd",
		"/dev/input", "/dev/mapper/control", "/dev/tty0",
	};
	char name[PROBE_NAME_MAX];
	struct statfs fs;
	size_t i;

	/* So that there is one to be seen where keys are not denied. */
	(void)syscall(SYS_add_key, "user", "creel-probe", "x", (size_t)1,
		      -2 /* KEY_SPEC_PROCESS_KEYRING */);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *row = strncmp(paths[i], "/dev", 4) ? "sb-07"
							       : "sb-15";

		snprintf(name, sizeof(name), "%s-read:%s", row, paths[i]);
		mask_read(name, paths[i]);
		snprintf(name, sizeof(name), "%s-write:%s", row, paths[i]);
		mask_write(name, paths[i]);
	}
	if (statfs("/proc", &fs) == 0)
		probe_say("sb-07-proc-is-proc", "fact", "%s",
			  fs.f_type == PROC_SUPER_MAGIC_NR ? "yes" : "no");
}

/* Write the value that is there; an unreadable one is only opened. */
static void procsys_try(const char *path)
{
	char name[PROBE_NAME_MAX], value[4096];
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	int in;
	ssize_t n = -1;

	procsys_seen++;
	if (fd < 0)
		return;
	procsys_opened++;
	snprintf(name, sizeof(name), "sb-13-open:%.200s", path);
	if (!write_back) {
		close(fd);
		return;
	}
	in = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (in >= 0) {
		n = read(in, value, sizeof(value));
		close(in);
	}
	if (n > 0 && write(fd, value, (size_t)n) < 0) {
		probe_say(name, "refused", "write %s",
			  probe_errno_name(errno));
	} else {
		procsys_written++;
		probe_say(name, "allowed", "%s", n > 0 ? "written" : "opened");
	}
	close(fd);
}

static int procsys_visit(const char *path, const struct stat *st, int type,
			 struct FTW *ftw)
{
	(void)ftw;
	if (type == FTW_F && S_ISREG(st->st_mode))
		procsys_try(path);
	return 0;
}

/**
 * probe_group_procsys() - open each file of /proc/sys and others for writing
 * @back: also write the value that is there already
 */
void probe_group_procsys(bool back)
{
	write_back = back;
	(void)nftw("/proc/sys", procsys_visit, 32, FTW_PHYS);
	(void)nftw("/proc/irq", procsys_visit, 32, FTW_PHYS);
	(void)nftw("/proc/fs", procsys_visit, 32, FTW_PHYS);
	(void)nftw("/proc/bus", procsys_visit, 32, FTW_PHYS);
	(void)nftw("/sys/kernel", procsys_visit, 32, FTW_PHYS);
	(void)nftw("/sys/module", procsys_visit, 32, FTW_PHYS);
	write_back = false;
	procsys_try("/proc/sysrq-trigger");
	procsys_try("/proc/sys/kernel/core_pattern");
	procsys_try("/proc/sys/kernel/modprobe");
	probe_say("sb-13-procsys", procsys_written ? "allowed" : "refused",
		  "files=%lu opened=%lu written=%lu", procsys_seen,
		  procsys_opened, procsys_written);
	probe_say("procsys-files", "fact", "%lu", procsys_seen);
}

static int device_visit(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	(void)ftw;
	if (type == FTW_D && (strcmp(path, "/proc") == 0 ||
			      strcmp(path, "/usr") == 0 ||
			      strcmp(path, "/sys") == 0))
		return FTW_SKIP_SUBTREE;
	if (strcmp(path, "release_agent") == 0 ||
	    (strlen(path) > 14 &&
	     strcmp(path + strlen(path) - 14, "/release_agent") == 0))
		probe_say("sb-14-release-agent", "allowed", "%s", path);
	if (S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode))
		probe_say("sb-15-device", "fact", "%s %c %u:%u", path,
			  S_ISBLK(st->st_mode) ? 'b' : 'c',
			  major(st->st_rdev), minor(st->st_rdev));
	return FTW_CONTINUE;
}

static long do_mknod(void *arg)
{
	const unsigned int *a = arg;
	static unsigned int n;
	char path[64];
	long rc;
	int sys;

	snprintf(path, sizeof(path), "/tmp/node-%d-%u", (int)getpid(), n++);
	rc = mknod(path, (mode_t)a[0] | 0600, makedev(a[1], a[2]));
	sys = errno;
	(void)unlink(path);
	errno = sys;
	return rc;
}

/** probe_group_devices() - every device node in sight, and making more */
void probe_group_devices(void)
{
	static unsigned int nodes[][3] = {
		{ S_IFCHR, 1, 3 }, { S_IFCHR, 1, 1 },	{ S_IFCHR, 5, 1 },
		{ S_IFCHR, 10, 229 }, { S_IFBLK, 254, 0 }, { S_IFBLK, 8, 0 },
		{ S_IFCHR, 0, 0 },
	};
	unsigned int fifo[3] = { S_IFIFO, 0, 0 };
	char name[PROBE_NAME_MAX];
	size_t i;

	(void)nftw("/", device_visit, 32, FTW_PHYS | FTW_ACTIONRETVAL);
	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		snprintf(name, sizeof(name), "sb-15-mknod:%c-%u-%u",
			 nodes[i][0] == S_IFCHR ? 'c' : 'b', nodes[i][1],
			 nodes[i][2]);
		probe_child(name, do_mknod, nodes[i]);
	}
	probe_child("mkfifo", do_mknod, fifo);
}
