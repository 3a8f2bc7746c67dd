// SPDX-License-Identifier: Apache-2.0
/*
 * Checks of the kernel and of the installation.
 */
#include <config.h>

#include "controller/cli/doctor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/landlock.h>
#include <linux/openat2.h>

#include "controller/cli/connect.h"
#include "controller/cli/paths.h"
#include "proto/cleanup.h"

#define KERNEL_MAJOR 5
#define KERNEL_MINOR 14

/**
 * doctor_kernel() - the version, and that a container does not filter calls
 */
void doctor_kernel(struct doctor *doctor)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC };
	struct utsname name;
	unsigned int major = 0;
	unsigned int minor = 0;
	long fd;

	if (uname(&name) ||
	    sscanf(name.release, "%u.%u", &major, &minor) != 2) {
		doctor_say(doctor, DOCTOR_WARN, "kernel",
			   "its version cannot be read");
		return;
	}
	if (major < KERNEL_MAJOR ||
	    (major == KERNEL_MAJOR && minor < KERNEL_MINOR)) {
		doctor_say(doctor, DOCTOR_BAD, "kernel",
			   "Linux %s is older than %d.%d\ninstall a newer kernel; Debian 12 has 6.1",
			   name.release, KERNEL_MAJOR, KERNEL_MINOR);
		return;
	}
	fd = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));
	if (fd < 0) {
		doctor_say(doctor, DOCTOR_BAD, "kernel",
			   "Linux %s, but openat2(2) fails: %s\nrun creel outside of this container, or let its seccomp profile pass openat2",
			   name.release, err_sys_text(errno));
		return;
	}
	close((int)fd);
	doctor_say(doctor, DOCTOR_GOOD, "kernel", "Linux %s", name.release);
}

/**
 * doctor_seccomp() - system call filters
 */
void doctor_seccomp(struct doctor *doctor)
{
	char actions[256];

	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 ||
	    !doctor_read("/proc/sys/kernel/seccomp/actions_avail", actions,
			 sizeof(actions)) ||
	    !strstr(actions, "kill_process")) {
		doctor_say(doctor, DOCTOR_BAD, "seccomp",
			   "the kernel has no system call filters\nuse a kernel with CONFIG_SECCOMP_FILTER");
		return;
	}
	doctor_say(doctor, DOCTOR_GOOD, "seccomp", "%s", actions);
}

/**
 * doctor_landlock() - the second layer for files
 */
void doctor_landlock(struct doctor *doctor)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);

	if (abi > 0)
		doctor_say(doctor, DOCTOR_GOOD, "landlock", "ABI %ld", abi);
	else if (errno == EOPNOTSUPP)
		doctor_say(doctor, DOCTOR_WARN, "landlock",
			   "in the kernel, but switched off: one layer less\nadd landlock to the kernel's lsm= boot parameter");
	else
		doctor_say(doctor, DOCTOR_WARN, "landlock",
			   "not in this kernel: one layer less\nuse a kernel with CONFIG_SECURITY_LANDLOCK");
}

/**
 * doctor_programs() - creel's own parts
 */
void doctor_programs(struct doctor *doctor)
{
	auto_free char *path = malloc(CLI_PATH_MAX);
	struct err err = ERR_INIT;

	if (!path || cli_path_program("creel-helper", "../helper/creel-helper",
				      path, &err) ||
	    cli_path_program("creeld", "creeld", path, &err)) {
		doctor_say(doctor, DOCTOR_BAD, "programs",
			   "%s\ninstall creel again, or build it with `make'",
			   err.text);
		return;
	}
	doctor_say(doctor, DOCTOR_GOOD, "programs",
		   "creel-helper and creeld are there");
}

static void own_directory(struct doctor *doctor)
{
	auto_free char *dir = malloc(CLI_PATH_MAX);
	auto_fd fd = -1;
	struct err err = ERR_INIT;

	if (!dir || cli_path_runtime(false, dir, &err)) {
		doctor_say(doctor, DOCTOR_BAD, "runtime", "%s", err.text);
		return;
	}
	fd = cli_runtime_open(dir, false, false, &err);
	if (fd >= 0 || err.sys == ENOENT)
		doctor_say(doctor, DOCTOR_GOOD, "runtime", "%s", dir);
	else
		doctor_say(doctor, DOCTOR_BAD, "runtime",
			   "%s\nremove it, or set CREEL_RUNTIME_DIR to a directory of mode 0700 of your own",
			   err.text);
}

/**
 * doctor_socket() - which helper there is to connect to
 */
void doctor_socket(struct doctor *doctor)
{
	auto_free char *dir = malloc(CLI_PATH_MAX);
	auto_free char *path = NULL;
	struct err err = ERR_INIT;
	struct stat st;
	bool there;

	if (!dir || cli_path_runtime(true, dir, &err) ||
	    asprintf(&path, "%s/creel.sock", dir) < 0) {
		path = NULL;
		return;
	}
	there = !stat(path, &st) && S_ISSOCK(st.st_mode);
	if (there && !access(path, W_OK))
		doctor_say(doctor, DOCTOR_GOOD, "system helper",
			   "listens on %s", path);
	else if (there)
		doctor_say(doctor, DOCTOR_WARN, "system helper",
			   "%s does not admit this user\nas root: adduser USER creel, allow the user in /etc/creel/helper.conf, restart the service; then log in again",
			   path);
	else if (geteuid() == 0)
		doctor_say(doctor, DOCTOR_GOOD, "system helper",
			   "is started on first use");
	else if (doctor->system)
		doctor_say(doctor, DOCTOR_BAD, "system helper",
			   "not running\nas root: systemctl enable --now creel.socket, or service creel start");
	else
		doctor_say(doctor, DOCTOR_GOOD, "system helper",
			   "not running; the caller's own is used");
	if (!doctor->system)
		own_directory(doctor);
}
