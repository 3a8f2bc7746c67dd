// SPDX-License-Identifier: Apache-2.0
/*
 * What the process itself is: descriptors, identity, capabilities, what it
 * can do to files of its workspace, and what it can see of a secret.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe.h"

#define FD_SCAN_MAX 4096
#define SECRET_READ_BYTES (1 << 20)

static const char *secret_token;
static unsigned int secret_hits;

/* Which namespaces; and is the pid namespace owned by our user namespace? */
static void namespaces(void)
{
	static const char *const names[] = { "user", "mnt", "pid",    "net",
					     "ipc",  "uts", "cgroup", "time" };
	char name[PROBE_NAME_MAX], path[64], link[64];
	int fd = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		snprintf(name, sizeof(name), "ns-%s", names[i]);
		n = readlink(path, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = '\0';
		probe_say(name, "fact", "%s", link);
	}
	/* Sealed: the owner is an ancestor of ours, which may not be had. */
	probe_say("sealed", "fact", "%s",
		  fd >= 0 && ioctl(fd, NS_GET_USERNS) >= 0 ? "no" : "yes");
	if (fd >= 0)
		close(fd);
}

/** probe_group_status() - the lines of /proc/self/status that matter */
void probe_group_status(void)
{
	static const char *const wanted[] = {
		"Uid",	  "Gid",    "Groups", "CapInh",	    "CapPrm",
		"CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
		"Seccomp_filters",
	};
	FILE *f = fopen("/proc/self/status", "re");
	char line[512];
	size_t i;

	while (f && fgets(line, sizeof(line), f)) {
		char *value = strchr(line, ':');
		char name[PROBE_NAME_MAX];

		if (!value)
			continue;
		*value++ = '\0';
		value[strcspn(value, "\n")] = '\0';
		value += strspn(value, " \t");
		for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
			if (strcmp(line, wanted[i]) != 0)
				continue;
			snprintf(name, sizeof(name), "status-%.64s", line);
			probe_say(name, "fact", "%s", value);
		}
	}
	if (f)
		fclose(f);
	namespaces();
	probe_say("status-dumpable", "fact", "%d",
		  prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
}

static void say_link(const char *name, int fd)
{
	char path[64], target[512];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	probe_say(name, "allowed", "%d=%s", fd, target);
}

/** probe_group_fds() - descriptors beyond stdio that were inherited */
void probe_group_fds(void)
{
	unsigned int n = 0;
	int fd;

	for (fd = 3; fd < FD_SCAN_MAX; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		say_link("sb-01-fds", fd);
		n++;
	}
	if (n == 0)
		probe_say("sb-01-fds", "refused", "none");
}

/** probe_group_leak() - open a host file through any inherited directory */
void probe_group_leak(void)
{
	static const char *const names[] = {
		"etc/machine-id", "hostname", "etc/shadow",
		"../etc/machine-id", "machine-id", "../../etc/machine-id",
	};
	unsigned int dirs = 0, opened = 0;
	int why = ENOENT;
	struct stat st;
	size_t i;
	int fd, file;

	for (fd = 3; fd < FD_SCAN_MAX; fd++) {
		if (fstat(fd, &st) != 0 || !S_ISDIR(st.st_mode))
			continue;
		dirs++;
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			file = openat(fd, names[i], O_RDONLY | O_CLOEXEC);
			if (file >= 0) {
				opened++;
				close(file);
			} else if (errno != ENOENT) {
				why = errno;
			}
		}
	}
	probe_say("leaked-dirs", "fact", "%u", dirs);
	probe_say("sb-01-leaked-dirfd", opened ? "allowed" : "refused",
		  "dirs=%u opened=%u %s", dirs, opened,
		  opened ? "-" : probe_errno_name(why));
}

static long do_setgroups_empty(void *arg)
{
	(void)arg;
	return setgroups(0, NULL);
}

static long do_setuid_other(void *arg)
{
	return setresuid(*(uid_t *)arg, *(uid_t *)arg, *(uid_t *)arg);
}

static long do_setgid_other(void *arg)
{
	return setresgid(*(gid_t *)arg, *(gid_t *)arg, *(gid_t *)arg);
}

static long do_raise_nofile(void *arg)
{
	struct rlimit lim;

	(void)arg;
	if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
		return -1;
	lim.rlim_max++;
	return setrlimit(RLIMIT_NOFILE, &lim);
}

static long do_dumpable_core(void *arg)
{
	struct rlimit lim = { 1, 1 };

	(void)arg;
	return setrlimit(RLIMIT_CORE, &lim);
}

/** probe_group_ident() - identities that the process may take */
void probe_group_ident(void)
{
	gid_t groups[64];
	char text[512] = "";
	struct rlimit lim;
	uid_t other = getuid() == 0 ? 1 : 0;
	int i, n = getgroups(64, groups);

	for (i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%u ", groups[i]);
	probe_say("sb-16-groups", "fact", "%s", text);
	probe_child("sb-16-setgroups-empty", do_setgroups_empty, NULL);
	probe_child("sb-05-setuid-other", do_setuid_other, &other);
	probe_child("sb-05-setgid-other", do_setgid_other, &other);
	other = 65534;
	probe_child("sb-05-setuid-overflow", do_setuid_other, &other);
	probe_child("sb-20-raise-nofile", do_raise_nofile, NULL);
	probe_child("sb-13-raise-core", do_dumpable_core, NULL);
	if (getrlimit(RLIMIT_CORE, &lim) == 0)
		probe_say("rlimit-core", "fact", "%llu",
			  (unsigned long long)lim.rlim_max);
}

/* Did a file at @path get one of the set-id bits? */
static void say_setid(const char *name, const char *path, long rc)
{
	int why = errno;
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & 06000) != 0)
		probe_say(name, "allowed", "mode=%o", st.st_mode);
	else if (rc < 0)
		probe_say(name, "refused", "%s", probe_errno_name(why));
	else
		probe_say(name, "refused", "no bit");
	unlink(path);
}

static int make(const char *path)
{
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0755);

	if (fd < 0)
		probe_say("sb-19-setup", "refused", "%s",
			  probe_errno_name(errno));
	return fd;
}

static void setid_by_chmod(const char *path)
{
	int fd = make(path);

	say_setid("sb-19-chmod", path, chmod(path, 04755));
	close(fd);
	fd = make(path);
	say_setid("sb-19-fchmod", path, fchmod(fd, 06755));
	close(fd);
	fd = make(path);
	say_setid("sb-19-fchmodat", path,
		  fchmodat(AT_FDCWD, path, 02755, 0));
	close(fd);
	fd = make(path);
	say_setid("sb-19-fchmodat2", path,
		  syscall(452, AT_FDCWD, path, 04755, 0));
	close(fd);
	fd = make(path);
	say_setid("sb-19-chmod-high-bits", path,
		  syscall(SYS_chmod, path, 0x100000000L | 04755));
	close(fd);
}

/** probe_group_setid() - leave set-id bits or file capabilities in @dir */
void probe_group_setid(const char *dir)
{
	static const unsigned char cap[20] = { 0, 0, 0, 2, 0xff };
	char path[512];
	int fd;
	long rc;

	snprintf(path, sizeof(path), "%s/setid-probe", dir);
	setid_by_chmod(path);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 04755);
	say_setid("sb-19-open", path, fd);
	close(fd);
	fd = (int)syscall(SYS_creat, path, 04755);
	say_setid("sb-19-creat", path, fd);
	close(fd);
	rc = mknod(path, S_IFREG | 04755, 0);
	say_setid("sb-19-mknod", path, rc);
	fd = make(path);
	rc = fsetxattr(fd, "security.capability", cap, sizeof(cap), 0);
	probe_say_rc("sb-19-setcap", rc);
	close(fd);
	unlink(path);
}

static void search_file(const char *path)
{
	static char buf[SECRET_READ_BYTES];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, buf, sizeof(buf));
	close(fd);
	if (n > 0 && memmem(buf, (size_t)n, secret_token,
			    strlen(secret_token))) {
		secret_hits++;
		probe_say("sb-28-secret", "allowed", "%s", path);
	}
}

static int visit(const char *path, const struct stat *st, int type,
		 struct FTW *ftw)
{
	(void)ftw;
	if (type == FTW_D && (strcmp(path, "/usr") == 0 ||
			      strcmp(path, "/proc") == 0 ||
			      strcmp(path, "/sys") == 0))
		return FTW_SKIP_SUBTREE;
	if (type == FTW_F && S_ISREG(st->st_mode))
		search_file(path);
	return FTW_CONTINUE;
}

/**
 * probe_group_secret() - look for a token in files, environments, arguments
 * @reversed: the token written backwards, so that our own arguments lack it
 */
void probe_group_secret(const char *reversed)
{
	static const char *const leaves[] = { "environ", "cmdline", "comm",
					      "status", "mountinfo", "maps" };
	struct dirent *d;
	char path[512], token[256];
	size_t i, len = strnlen(reversed, sizeof(token) - 1);
	DIR *proc;

	for (i = 0; i < len; i++)
		token[i] = reversed[len - 1 - i];
	token[len] = '\0';
	secret_token = token;
	(void)nftw("/", visit, 32, FTW_PHYS | FTW_ACTIONRETVAL);
	proc = opendir("/proc");
	while (proc && (d = readdir(proc))) {
		if (d->d_name[0] < '1' || d->d_name[0] > '9' ||
		    strtol(d->d_name, NULL, 10) == (long)getpid())
			continue;
		for (i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
			snprintf(path, sizeof(path), "/proc/%s/%s", d->d_name,
				 leaves[i]);
			search_file(path);
		}
	}
	if (proc)
		closedir(proc);
	search_file("/proc/self/environ");
	search_file("/proc/self/mountinfo");
	search_file("/proc/keys");
	if (secret_hits == 0)
		probe_say("sb-28-secret", "refused", "not seen");
}
