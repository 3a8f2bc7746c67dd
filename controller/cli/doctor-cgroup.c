// SPDX-License-Identifier: Apache-2.0
/*
 * Checks of what limits need: a cgroup v2 subtree of one's own with the
 * controllers in it.
 */
#include <config.h>

#include "controller/cli/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define NO_LIMITS "--memory, --cpus and --pids will be refused"

static bool user_manager(void)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	char path[256];
	struct stat st;

	if (!xdg || *xdg != '/')
		return false;
	(void)snprintf(path, sizeof(path), "%s/systemd/private", xdg);
	return !stat(path, &st) && st.st_uid == geteuid();
}

static bool booted_by_systemd(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

/* Where cgroup v2 is mounted. */
static bool find_mount(char *point, size_t size)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[1024];
	char path[512];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, " - cgroup2 ") &&
			sscanf(line, "%*s %*s %*s %*s %511s", path) == 1;
	if (file)
		(void)fclose(file);
	if (found)
		(void)snprintf(point, size, "%s", path);
	return found;
}

/* The cgroup that the helper would start in. */
static bool own_cgroup(const char *point, char *dir, size_t size)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[1024];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		found = !strncmp(line, "0::/", 4);
	}
	if (file)
		(void)fclose(file);
	if (found)
		(void)snprintf(dir, size, "%s%s", point,
			       line[4] ? line + 3 : "");
	return found;
}

static void report_controllers(struct doctor *doctor, const char *dir)
{
	static const char *const wanted[] = { "memory", "pids", "cpu" };
	char path[2048];
	char have[256];
	char missing[64] = "";

	(void)snprintf(path, sizeof(path), "%s/cgroup.controllers", dir);
	(void)doctor_read(path, have, sizeof(have));
	for (size_t i = 0; i < 3; i++) {
		char padded[300];
		char word[16];

		(void)snprintf(padded, sizeof(padded), " %s ", have);
		(void)snprintf(word, sizeof(word), " %s ", wanted[i]);
		if (!strstr(padded, word))
			(void)snprintf(missing + strlen(missing),
				       sizeof(missing) - strlen(missing),
				       "%s%s", missing[0] ? ", " : "",
				       wanted[i]);
	}
	if (!missing[0])
		doctor_say(doctor, DOCTOR_GOOD, "cgroup", "%s", have);
	else
		doctor_say(doctor, DOCTOR_WARN, "cgroup",
			   "missing controllers: %s; limits by them will be refused\n%s",
			   missing,
			   booted_by_systemd()
				   ? "as root: systemctl edit user@.service, set [Service] Delegate=yes, log in again"
				   : "mount all controllers as cgroup2, none as cgroup v1");
}

/**
 * doctor_cgroup() - limits
 */
void doctor_cgroup(struct doctor *doctor)
{
	char point[512];
	char dir[1600];
	char path[2048];

	if (!find_mount(point, sizeof(point))) {
		doctor_say(doctor, DOCTOR_WARN, "cgroup",
			   "cgroup v2 is not mounted: " NO_LIMITS "\nboot with systemd.unified_cgroup_hierarchy=1, or mount cgroup2 on /sys/fs/cgroup");
		return;
	}
	if (!own_cgroup(point, dir, sizeof(dir)))
		(void)snprintf(dir, sizeof(dir), "%s", point);
	if (user_manager() && !doctor->system)
		(void)snprintf(dir, sizeof(dir),
			       "%s/user.slice/user-%u.slice/user@%u.service",
			       point, (unsigned int)geteuid(),
			       (unsigned int)geteuid());
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	if (access(path, W_OK) && !(doctor->system && geteuid() != 0)) {
		doctor_say(doctor, DOCTOR_WARN, "cgroup",
			   "no subtree is delegated to this user: " NO_LIMITS "\n%s",
			   booted_by_systemd()
				   ? "log in so that a user manager runs (install libpam-systemd), or use the system helper"
				   : "as root: give this user a cgroup, or use the system helper");
		return;
	}
	report_controllers(doctor, dir);
}

/**
 * doctor_linger() - whether sandboxes survive a log out
 */
void doctor_linger(struct doctor *doctor)
{
	char name[64];
	char path[256];

	if (doctor->system || !booted_by_systemd() || !user_manager() ||
	    !doctor_user_name(name, sizeof(name)))
		return;
	(void)snprintf(path, sizeof(path), "/var/lib/systemd/linger/%s", name);
	if (!access(path, F_OK))
		doctor_say(doctor, DOCTOR_GOOD, "lingering",
			   "sandboxes survive a log out");
	else
		doctor_say(doctor, DOCTOR_WARN, "lingering",
			   "off: logging out ends the sandboxes\nloginctl enable-linger");
}
