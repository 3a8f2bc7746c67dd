// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel resources that are counted for each user: take as many as there are,
 * or one.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

#define QUOTA_TAKE_MAX 200000
#define MLOCK_BYTES 65536

/* Each takes one unit, held until exit: >= 0 or -1 with errno. */
static long take_inotify(void)
{
	return inotify_init1(IN_CLOEXEC);
}

static char watched[64]; /* the last one: a control runs on the host */

static long take_watch(void)
{
	static int fd = -1;
	static unsigned long n;

	if (fd < 0)
		fd = inotify_init1(IN_CLOEXEC);
	snprintf(watched, sizeof(watched), "/tmp/w%d-%lu", (int)getpid(), n++);
	if (mkdir(watched, 0700) != 0)
		return -1;
	return inotify_add_watch(fd, watched, IN_CREATE);
}

static long take_fd(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

static long take_pipe(void)
{
	int fds[2];

	if (pipe(fds) != 0)
		return -1;
	/* 1 MiB each: what an unprivileged user may have is bounded */
	return fcntl(fds[1], F_SETPIPE_SZ, 1 << 20) < 0 ? -1 : 0;
}

static long take_process(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		/* It may have died before it could be named. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			pause();
		_exit(0);
	}
	return pid;
}

static long take_mqueue(void)
{
	static unsigned long n;
	char name[64];
	mqd_t queue;

	snprintf(name, sizeof(name), "/q%d-%lu", (int)getpid(), n++);
	queue = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
	if (queue >= 0)
		(void)mq_unlink(name); /* it counts until it is closed */
	return queue;
}

static long take_memlock(void)
{
	void *p = mmap(NULL, MLOCK_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : mlock(p, MLOCK_BYTES);
}

static long take_signal(void)
{
	sigset_t set;
	union sigval v = { 0 };

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return sigqueue(getpid(), SIGRTMIN, v);
}

static long take_inflight(void)
{
	static int held = -1;
	int pair[2];
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int) * 2)];
	} u;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &u,
			      .msg_controllen = sizeof(u.room) };

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	u.h.cmsg_len = CMSG_LEN(sizeof(int) * 2);
	u.h.cmsg_level = SOL_SOCKET;
	u.h.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&u.h), pair, sizeof(pair));
	if (held < 0)
		held = pair[0];
	if (sendmsg(pair[1], &msg, MSG_DONTWAIT) < 0)
		return -1;
	close(pair[0]);
	close(pair[1]); /* both are only in flight now */
	return 0;
}

static long take_shm(void)
{
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);

	if (id >= 0 && shmat(id, NULL, 0) != (void *)-1)
		(void)shmctl(id, IPC_RMID, NULL); /* gone when detached */
	return id;
}

static long take_lease(void)
{
	static unsigned long n;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/tmp/l%d-%lu", (int)getpid(), n++);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	(void)unlink(path);
	return flock(fd, LOCK_EX);
}

static long take_pty(void)
{
	return open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static long take_key(void)
{
	static unsigned long n;
	char name[64];

	snprintf(name, sizeof(name), "k%d-%lu", (int)getpid(), n++);
	return syscall(SYS_add_key, "user", name, "x", 1, -2L);
}

/**
 * probe_group_quota() - take units of a resource
 * @hold: until refused, then say so and wait for standard input to end;
 *        else one alone
 */
void probe_group_quota(const char *resource, bool hold)
{
	static const struct {
		const char *name;
		long (*take)(void);
	} all[] = {
		{ "inotify", take_inotify }, { "watch", take_watch },
		{ "fd", take_fd },	     { "pipe", take_pipe },
		{ "process", take_process }, { "mqueue", take_mqueue },
		{ "memlock", take_memlock }, { "signal", take_signal },
		{ "inflight", take_inflight }, { "shm", take_shm },
		{ "lock", take_lease },	     { "pty", take_pty },
		{ "key", take_key },
	};
	long max = hold ? QUOTA_TAKE_MAX : 1, n = 0;
	char name[PROBE_NAME_MAX], byte;
	struct rlimit lim;
	size_t i;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
	snprintf(name, sizeof(name), "sb-20-%s:%s", hold ? "take" : "one",
		 resource);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].name, resource) != 0)
			continue;
		errno = 0;
		while (n < max && all[i].take() >= 0)
			n++;
	}
	probe_say(name, n >= max ? "allowed" : "refused", "%ld %s", n,
		  probe_errno_name(errno));
	if (!hold && watched[0])
		(void)rmdir(watched);
	if (hold && read(0, &byte, 1) < 0)
		probe_say(name, "fact", "no standard input");
}
