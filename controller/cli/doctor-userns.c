// SPDX-License-Identifier: Apache-2.0
/*
 * Checks of namespaces and ids: the sysctls that forbid them, and a trial,
 * since what a security module refuses is in no file.
 */
#include <config.h>

#include "controller/cli/doctor.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/cleanup.h"

/* What the trial found: the step that failed, as its exit status. */
enum trial {
	TRIAL_GOOD = 0,
	TRIAL_USERNS = 1,
	TRIAL_OTHERS = 2,
	TRIAL_MAP = 3,
	TRIAL_PROC = 4,
	TRIAL_FORK = 5,
};

static bool write_file(const char *path, const char *text)
{
	auto_fd fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 &&
	       write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static enum trial try_proc(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("proc", "/proc", "proc",
			  MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
			_exit(TRIAL_PROC);
		_exit(TRIAL_GOOD);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return TRIAL_FORK;
	return (enum trial)WEXITSTATUS(status);
}

static enum trial try_namespaces(void)
{
	unsigned int uid = geteuid();
	char map[64];

	if (unshare(CLONE_NEWUSER))
		return TRIAL_USERNS;
	if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
		    CLONE_NEWUTS | CLONE_NEWCGROUP))
		return TRIAL_OTHERS;
	(void)snprintf(map, sizeof(map), "0 %u 1\n", uid);
	if (!write_file("/proc/self/uid_map", map))
		return TRIAL_MAP;
	return try_proc();
}

static enum trial run_trial(void)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit((int)try_namespaces());
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return TRIAL_FORK;
	return (enum trial)WEXITSTATUS(status);
}

static bool is_one(const char *path)
{
	char text[16];

	return doctor_read(path, text, sizeof(text)) && !strcmp(text, "1");
}

static bool is_zero(const char *path)
{
	char text[16];

	return doctor_read(path, text, sizeof(text)) && !strcmp(text, "0");
}

/* Why user namespaces are refused, as far as a file says. */
static void explain_userns(struct doctor *doctor)
{
	if (is_zero("/proc/sys/kernel/unprivileged_userns_clone"))
		doctor_say(doctor, DOCTOR_BAD, "user namespaces",
			   "kernel.unprivileged_userns_clone is 0\nas root: sysctl -w kernel.unprivileged_userns_clone=1");
	else if (is_zero("/proc/sys/user/max_user_namespaces"))
		doctor_say(doctor, DOCTOR_BAD, "user namespaces",
			   "user.max_user_namespaces is 0\nas root: sysctl -w user.max_user_namespaces=15000");
	else if (is_one("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"))
		doctor_say(doctor, DOCTOR_BAD, "user namespaces",
			   "AppArmor restricts them: kernel.apparmor_restrict_unprivileged_userns is 1\nas root: install creel's AppArmor profile, or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0");
	else
		doctor_say(doctor, DOCTOR_BAD, "user namespaces",
			   "the kernel refuses them\nrun creel outside of this container, or let it make namespaces");
}

/* The first mount below /proc that hides something. */
static bool find_over_mount(char *point, size_t size)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[1024];
	char path[512];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %*s %*s %*s %511s", path) != 1)
			continue;
		/* An empty directory made to be mounted on hides nothing. */
		found = !strncmp(path, "/proc/", 6) &&
			strcmp(path, "/proc/sys/fs/binfmt_misc") != 0;
	}
	if (file)
		(void)fclose(file);
	if (found)
		(void)snprintf(point, size, "%s", path);
	return found;
}

static void explain_proc(struct doctor *doctor)
{
	char point[512];

	if (find_over_mount(point, sizeof(point)))
		doctor_say(doctor, DOCTOR_BAD, "proc",
			   "%s is mounted over: a sandbox cannot have a /proc of its own\nunmount it, or run creel outside of this container",
			   point);
	else
		doctor_say(doctor, DOCTOR_BAD, "proc",
			   "a new /proc cannot be mounted in a namespace\nrun creel outside of this container");
}

/**
 * doctor_userns() - namespaces, and a /proc inside them
 */
void doctor_userns(struct doctor *doctor)
{
	enum trial trial = run_trial();

	/* Root's trial is no proof: a sandbox makes one inside of its own. */
	if (trial == TRIAL_GOOD &&
	    is_zero("/proc/sys/kernel/unprivileged_userns_clone"))
		trial = TRIAL_USERNS;
	switch (trial) {
	case TRIAL_GOOD:
		doctor_say(doctor, DOCTOR_GOOD, "user namespaces",
			   "can be made, and the others in them");
		doctor_say(doctor, DOCTOR_GOOD, "proc",
			   "can be mounted in a namespace");
		return;
	case TRIAL_USERNS:
	case TRIAL_OTHERS:
	case TRIAL_MAP:
		explain_userns(doctor);
		return;
	case TRIAL_PROC:
		doctor_say(doctor, DOCTOR_GOOD, "user namespaces",
			   "can be made, and the others in them");
		explain_proc(doctor);
		return;
	case TRIAL_FORK:
		break;
	}
	doctor_say(doctor, DOCTOR_WARN, "user namespaces",
		   "could not be tried");
}

/**
 * doctor_user_name() - the caller's name, as /etc/passwd has it
 *
 * Not by getpwuid(3), which would load the name service.
 */
bool doctor_user_name(char *name, size_t size)
{
	FILE *file = fopen("/etc/passwd", "re");
	char line[1024];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		unsigned int uid = 0;
		char owner[64];

		found = sscanf(line, "%63[^:]:%*[^:]:%u:", owner, &uid) == 2 &&
			uid == geteuid();
		if (found)
			(void)snprintf(name, size, "%s", owner);
	}
	if (file)
		(void)fclose(file);
	if (!found)
		name[0] = '\0';
	return found;
}

/* The size of the caller's range in /etc/subuid or /etc/subgid. */
static unsigned long range_of(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	unsigned long best = 0;
	char line[256];
	char uid[16];

	(void)snprintf(uid, sizeof(uid), "%u", (unsigned int)geteuid());
	while (file && fgets(line, sizeof(line), file)) {
		char owner[64];
		unsigned long start = 0;
		unsigned long count = 0;

		if (sscanf(line, "%63[^:]:%lu:%lu", owner, &start, &count) != 3)
			continue;
		if (((*name && !strcmp(owner, name)) || !strcmp(owner, uid)) &&
		    count > best)
			best = count;
	}
	if (file)
		(void)fclose(file);
	return best;
}

/**
 * doctor_ids() - whether sandboxes get ids beside the caller's own
 */
void doctor_ids(struct doctor *doctor)
{
	char name[64];
	unsigned long uids;
	unsigned long gids;

	if (doctor->system)
		return;
	(void)doctor_user_name(name, sizeof(name));
	uids = range_of("/etc/subuid", name);
	gids = range_of("/etc/subgid", name);
	if (access("/usr/bin/newuidmap", X_OK) ||
	    access("/usr/bin/newgidmap", X_OK))
		doctor_say(doctor, DOCTOR_WARN, "subordinate ids",
			   "newuidmap is missing: sandboxes have the caller's id alone\nas root: apt-get install uidmap");
	else if (uids < 65536 || gids < 65536)
		doctor_say(doctor, DOCTOR_WARN, "subordinate ids",
			   "no range of 65536 in /etc/subuid and /etc/subgid: sandboxes have the caller's id alone\nas root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER");
	else
		doctor_say(doctor, DOCTOR_GOOD, "subordinate ids",
			   "%lu uids, %lu gids", uids, gids);
}
