// SPDX-License-Identifier: Apache-2.0
/*
 * L. Accepts clients, asks the kernel who they are, and hands the connection
 * to that user's helper, which it forks on first use. It never reads a byte
 * that a client sent.
 */
#include <config.h>

#include "helper/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "helper/listener-users.h"
#include "helper/log.h"
#include "helper/refuse.h"
#include "helper/stage.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define LEASE_DIR "/run/creel"
#define SOCKET_NAME "creel.sock"
#define BACKLOG 128
#define MAX_GROUPS 1024
#define FIRST_CLIENT_MS 10000
#define LAST_USER_MS 100
#define NO_FDS_PAUSE_MS 100
#define RELEASE_USEC 20000

struct listener {
	const struct hlp_user_config *config; /* borrowed; who is to be filled */
	const struct hlp_service *service;    /* borrowed */
	int64_t watch_ms; /* when the service manager is told next */
	bool stays;    /* when idle: no client started it */
	int dir_fd;    /* owned, as are those below */
	int listen_fd;
	int signal_fd;
	int lock_fd;
	struct hlp_users users;
};

/**
 * hlp_lease_open() - the file whose locked bytes are leased blocks of ids
 *
 * One a machine, whatever the runtime directory: two listeners must not lease
 * the same block. Return: a descriptor, or -1.
 */
int hlp_lease_open(const struct hlp_policy *policy, struct err *err)
{
	auto_fd dir_fd = -1;
	auto_fd fd = -1;

	if (mkdir(LEASE_DIR, 0755) == 0 || errno == EEXIST)
		dir_fd = open(LEASE_DIR,
			      O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd >= 0)
		fd = openat(dir_fd, "blocks",
			    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fchown(fd, policy->uid, policy->gid) < 0)
		return err_set(err, ERR_KERNEL, errno, "%s/blocks", LEASE_DIR);
	return fd_take(&fd);
}

/* Private to its user when rootless; in system mode any client may knock. */
static int open_runtime_dir(const struct hlp_user_config *config,
			    struct err *err)
{
	mode_t mode = config->system ? 0755 : 0700;
	const char *path = config->runtime_dir;
	struct stat st;
	auto_fd fd = -1;

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return err_set(err, ERR_KERNEL, errno, "mkdir %.60s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, ERR_KERNEL, errno, "%.60s", path);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_DENIED, 0, "%.60s: of another owner",
			       path);
	if (st.st_mode & (config->system ? 0022 : 0077))
		return err_set(err, ERR_DENIED, 0,
			       "%.60s: open to others, mode %o", path,
			       st.st_mode & 07777);
	return fd_take(&fd);
}

/* What the service manager listens on, else -1. */
static int given_socket(const struct hlp_service *service)
{
	for (size_t i = 0; i < service->n_fds; i++) {
		int fd = service->fd[i];
		int type = 0, listens = 0;
		socklen_t len = sizeof(int);

		if (service->user[i] == (uid_t)-1 &&
		    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) ==
			    0 &&
		    type == SOCK_SEQPACKET && listens &&
		    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0)
			return fd;
	}
	return -1;
}

/* The lock says whether the socket that is there is another listener's. */
static int open_socket(struct listener *l, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX,
				    .sun_path = SOCKET_NAME };
	mode_t mode = l->config->system ? 0666 : 0600;

	l->lock_fd = openat(l->dir_fd, "listener",
			    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (l->lock_fd < 0)
		return err_set(err, ERR_KERNEL, errno, "lock file");
	if (flock(l->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, ERR_BAD_STATE, errno, "another listener");
	l->listen_fd = given_socket(l->service);
	if (l->listen_fd >= 0)
		return 0;
	if (unlinkat(l->dir_fd, SOCKET_NAME, 0) < 0 && errno != ENOENT)
		return err_set(err, ERR_KERNEL, errno, "old socket");
	l->listen_fd = socket(AF_UNIX,
			      SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Relative to the directory: its path may be too long for sun_path. */
	if (l->listen_fd < 0 || fchdir(l->dir_fd) < 0 ||
	    bind(l->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    fchmodat(AT_FDCWD, SOCKET_NAME, mode, 0) < 0 ||
	    listen(l->listen_fd, BACKLOG) < 0 || chdir("/") < 0)
		return err_set(err, ERR_KERNEL, errno, "socket");
	if (l->service->stored)
		hlp_service_tell(l->service, l->listen_fd,
				 "FDSTORE=1\nFDNAME=listen");
	return 0;
}

static void wake(int sig)
{
	(void)sig;
}

/*
 * While a client is dealt with. What it has sent is let go of here, and with it
 * descriptors: the last close of a TCP socket may wait for its peer as long as
 * SO_LINGER says, but not while a signal is pending, see socket(7).
 */
static void set_alarm(long usec)
{
	const struct itimerval time = { .it_interval.tv_usec = usec,
					.it_value.tv_usec = usec };

	(void)setitimer(ITIMER_REAL, &time, NULL);
}

static int open_signals(struct listener *l, struct err *err)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &mask, NULL) < 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    signal(SIGALRM, wake) == SIG_ERR)
		return err_set(err, ERR_KERNEL, errno, "signals");
	l->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->signal_fd < 0)
		return err_set(err, ERR_KERNEL, errno, "signalfd");
	return 0;
}

static void accept_client(struct listener *l)
{
	static gid_t groups[MAX_GROUPS];
	const struct hlp_policy *policy = l->config->policy;
	socklen_t groups_len = sizeof(groups);
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t cred_len = sizeof(cred);
	struct hlp_identity who = { .groups = groups };
	struct err err = ERR_INIT;
	auto_fd fd = accept4(l->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0) {
		/* Out of descriptors: others must end first. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
			(void)poll(NULL, 0, NO_FDS_PAUSE_MS);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) < 0 ||
	    !hlp_policy_admits(policy, cred.uid)) {
		hlp_refuse(policy, cred.uid, &fd, ERR_DENIED,
			   "this user is not admitted");
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_len) <
	    0) {
		hlp_refuse(policy, cred.uid, &fd, ERR_LIMIT,
			   "this user has too many groups");
		return;
	}
	who.uid = cred.uid;
	who.gid = cred.gid;
	who.n_groups = groups_len / sizeof(gid_t);
	if (hlp_users_serve(&l->users, &fd, &who, &err) < 0)
		hlp_refuse(policy, cred.uid, &fd, err.code, err.text);
}

/* How long to wait for a client, where the program does not stay. */
static int patience(const struct listener *l)
{
	if (hlp_users_forked(&l->users))
		return -1;
	return l->users.served ? LAST_USER_MS : FIRST_CLIENT_MS;
}

/* Return: ms until it is time again, -1 never. */
static int tell_alive(struct listener *l)
{
	const int64_t ms = hlp_now_ms();

	if (l->service->watch_ms < 0)
		return -1;
	if (ms >= l->watch_ms) {
		hlp_service_tell(l->service, -1, "WATCHDOG=1");
		l->watch_ms = ms + l->service->watch_ms;
	}
	return (int)(l->watch_ms - ms);
}

static int serve(struct listener *l)
{
	struct pollfd fds[] = {
		{ .fd = l->signal_fd, .events = POLLIN },
		{ .fd = l->listen_fd, .events = POLLIN },
		{ .fd = l->service->stored ? l->service->notify_fd : -1,
		  .events = POLLIN },
	};
	struct signalfd_siginfo info;

	for (;;) {
		int ms = tell_alive(l);
		int n = poll(fds, 3, l->stays ? ms : patience(l));

		if (n < 0 && errno != EINTR) {
			hlp_log(HLP_LOG_ERR, "poll: %s", err_sys_text(errno));
			return CREEL_EXIT_KERNEL;
		}
		if (n == 0 && !l->stays) {
			/* EACCES in system mode, harmless: nobody listens. */
			(void)unlinkat(l->dir_fd, SOCKET_NAME, 0);
			return CREEL_EXIT_STOPPED;
		}
		/* It is replaced; who waits to be accepted is the next one's. */
		if (fds[2].revents)
			return CREEL_EXIT_STOPPED;
		set_alarm(RELEASE_USEC);
		if (fds[0].revents && read(l->signal_fd, &info, sizeof(info)))
			hlp_users_reap(&l->users);
		if (fds[1].revents)
			accept_client(l);
		set_alarm(0);
	}
}

/**
 * hlp_listener_run() - listen until idle, or for good
 * @config:   what was read and claimed with the privileges that now fall
 * @service:  who else started it than a client, and what is handed over
 * @ready_fd: told when clients can come, and closed; -1 where no client
 *            started the program, which then stays when idle
 *
 * Return: the process's exit status.
 */
int hlp_listener_run(const struct hlp_user_config *config,
		     const struct hlp_service *service, int ready_fd)
{
	static struct listener l;
	struct err err = ERR_INIT;

	l = (struct listener){ .config = config, .service = service,
			       .stays = ready_fd < 0,
			       .dir_fd = -1, .listen_fd = -1, .signal_fd = -1,
			       .lock_fd = -1 };
	l.dir_fd = open_runtime_dir(config, &err);
	if (l.dir_fd < 0 || open_socket(&l, &err) < 0 ||
	    open_signals(&l, &err) < 0) {
		hlp_log(HLP_LOG_ERR, "listener: %s", err.text);
		return CREEL_EXIT_CONFIG;
	}
	(void)prctl(PR_SET_NAME, "creel-listener");
	if (config->system)
		hlp_stage_system(config->policy->uid, config->policy->gid);
	/* A client that does not wait any more misses nothing. */
	if (ready_fd >= 0 && write(ready_fd, "\n", 1) < 0)
		hlp_log(HLP_LOG_WARN, "nobody waits for this listener");
	fd_close(&ready_fd);
	hlp_users_init(&l.users, config, service);
	hlp_service_tell(service, -1, "READY=1");
	hlp_log(HLP_LOG_INFO, "listening, %s",
		config->system ? "system" : "rootless");
	return serve(&l);
}
