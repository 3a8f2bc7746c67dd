// SPDX-License-Identifier: Apache-2.0
/*
 * Process 1 and the commands that it is about to start, as seen by one that
 * runs already: memory, descriptors, image, signals.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

#define INIT_NAME "creel-init"

static long do_open(void *arg)
{
	return open(arg, O_RDONLY | O_CLOEXEC);
}

static long do_open_write(void *arg)
{
	return open(arg, O_WRONLY | O_CLOEXEC);
}

static long do_read(void *arg)
{
	char byte;
	int fd = open(arg, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : read(fd, &byte, 1);
}

static long do_readlink(void *arg)
{
	char buf[256];

	return readlink(arg, buf, sizeof(buf));
}

static long do_list(void *arg)
{
	DIR *dir = opendir(arg);

	return dir ? 0 : -1;
}

static long do_reopen(void *arg)
{
	char link[64];
	int fd = open(arg, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return open(link, O_WRONLY | O_CLOEXEC);
}

static long do_attach(void *arg)
{
	return ptrace(PTRACE_ATTACH, *(pid_t *)arg, NULL, NULL);
}

static long do_seize(void *arg)
{
	return ptrace(PTRACE_SEIZE, *(pid_t *)arg, NULL, NULL);
}

static long do_vm_read(void *arg)
{
	char buf[16];
	struct iovec local = { buf, sizeof(buf) };
	/* Static programs start here; any mapped address would do. */
	struct iovec remote = { (void *)0x400000, sizeof(buf) };
	long rc = process_vm_readv(*(pid_t *)arg, &local, 1, &remote, 1, 0);

	/* EFAULT says that access was granted and nothing is mapped there. */
	return rc < 0 && errno == EFAULT ? 0 : rc;
}

static long do_pidfd_getfd(void *arg)
{
	int fd = (int)syscall(SYS_pidfd_open, *(pid_t *)arg, 0);

	return fd < 0 ? -1 : syscall(SYS_pidfd_getfd, fd, 3, 0);
}

static long do_kill(void *arg)
{
	return kill(*(pid_t *)arg, SIGKILL);
}

static long do_stop(void *arg)
{
	return kill(*(pid_t *)arg, SIGSTOP);
}

static long do_kcmp(void *arg)
{
	return syscall(SYS_kcmp, getpid(), *(pid_t *)arg, 2 /* FILES */, 0, 0);
}

static void files_of(pid_t pid)
{
	static const struct {
		const char *name;
		const char *leaf;
		probe_fn *fn;
	} files[] = {
		{ "mem", "mem", do_open },
		{ "mem-write", "mem", do_open_write },
		{ "environ", "environ", do_read },
		{ "maps", "maps", do_read },
		{ "syscall", "syscall", do_read },
		{ "stack", "stack", do_read },
		{ "auxv", "auxv", do_read },
		{ "fd-list", "fd", do_list },
		{ "fd-3", "fd/3", do_open },
		{ "fd-4", "fd/4", do_open },
		{ "root", "root", do_readlink },
		{ "root-list", "root/", do_list },
		{ "cwd", "cwd", do_readlink },
		{ "exe-link", "exe", do_readlink },
		{ "ns-link", "ns/user", do_readlink },
		{ "map-files", "map_files", do_list },
	};
	char name[PROBE_NAME_MAX], path[64];
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(name, sizeof(name), "sb-03-%s", files[i].name);
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid,
			 files[i].leaf);
		probe_child(name, files[i].fn, path);
	}
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	probe_child("sb-02-exe-read", do_open, path);
	probe_child("sb-02-exe-write", do_open_write, path);
	probe_child("sb-02-exe-reopen", do_reopen, path);
	probe_child("sb-02-self-exe-write", do_open_write, "/proc/self/exe");
}

/* A script whose interpreter is /proc/self/exe runs this program alone. */
static void interpreter(void)
{
	char path[] = "/tmp/interp-XXXXXX";
	static const char text[] = "#!/proc/self/exe status\n";
	int fd = mkstemp(path);
	int status = 0;
	pid_t pid;

	if (fd < 0 || write(fd, text, sizeof(text) - 1) < 0 ||
	    fchmod(fd, 0755) != 0)
		return;
	close(fd);
	pid = fork();
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(2);
		execl(path, path, NULL);
		_exit(77);
	}
	waitpid(pid, &status, 0);
	unlink(path);
	probe_say("sb-02-interpreter", "fact", "status=%d", status);
}

/** probe_group_pid1() - read, trace, stop and kill process 1 */
void probe_group_pid1(void)
{
	const char *text = getenv("PROBE_PID");
	pid_t pid = text ? (pid_t)strtol(text, NULL, 10) : 1;
	char comm[64] = "";
	FILE *f = fopen("/proc/1/comm", "re");

	if (f && fgets(comm, sizeof(comm), f))
		comm[strcspn(comm, "\n")] = '\0';
	if (f)
		fclose(f);
	probe_say("pid1-comm", "fact", "%s", comm);
	files_of(pid);
	interpreter();
	probe_child("sb-03-attach", do_attach, &pid);
	probe_child("sb-03-seize", do_seize, &pid);
	probe_child("sb-03-vm-readv", do_vm_read, &pid);
	probe_child("sb-03-pidfd-getfd", do_pidfd_getfd, &pid);
	probe_child("sb-03-kcmp", do_kcmp, &pid);
	if (text)
		return;
	/* Both may return 0: the kernel drops them for a namespace's init. */
	probe_child("sb-03-kill-stop", do_stop, &pid);
	probe_child("sb-03-kill-kill", do_kill, &pid);
	probe_say("sb-03-pid1-lives", "fact", "%d",
		  access("/proc/1/status", R_OK));
}

static bool has_init_name(pid_t pid)
{
	char path[64], comm[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, comm, sizeof(comm) - 1) > 0)
		comm[strcspn(comm, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
	return strcmp(comm, INIT_NAME) == 0;
}

/*
 * One try on a process that still has pid 1's image and name.  Memory is
 * pinned at open, a tracee at its seizing: a name read after that is still
 * pid 1's means that pid 1's image was in our hands.
 */
static bool storm_try(pid_t pid, unsigned long *taken)
{
	char path[64];
	bool hit = false;
	int mem;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem >= 0) {
		++*taken;
		hit = has_init_name(pid);
		close(mem);
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) {
		++*taken;
		hit = has_init_name(pid) || hit;
		/* Only a stopped tracee can be let go. */
		(void)ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
		(void)waitpid(pid, NULL, __WALL);
		(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	}
	return hit;
}

/** probe_group_storm() - for @seconds, try on all that pid 1 is starting */
void probe_group_storm(unsigned int seconds)
{
	unsigned long tries = 0, hits = 0, taken = 0;
	time_t end = time(NULL) + (time_t)seconds;
	while (time(NULL) < end) {
		DIR *proc = opendir("/proc");
		struct dirent *d;

		while (proc && (d = readdir(proc))) {
			pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);

			if (pid <= 0 || pid == getpid())
				continue;
			tries++;
			if (storm_try(pid, &taken))
				hits++;
		}
		if (proc)
			closedir(proc);
	}
	probe_say("sb-03-storm", hits ? "allowed" : "refused",
		  "tries=%lu taken=%lu hits=%lu", tries, taken, hits);
}
