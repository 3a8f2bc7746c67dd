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
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "helper/log.h"
#include "helper/stage.h"
#include "helper/user.h"
#include "proto/cleanup.h"
#include "proto/control.pb-c.h"
#include "proto/exit-codes.h"
#include "proto/wire.h"

#define LEASE_DIR "/run/creel"
#define SOCKET_NAME "creel.sock"
#define BACKLOG 128
#define MAX_GROUPS 1024
/* Users whose helpers are ending hold an entry a little longer. */
#define MAX_ENTRIES (2 * HLP_POLICY_MAX_USERS)
#define FIRST_CLIENT_MS 10000
#define LAST_USER_MS 100
#define NO_FDS_PAUSE_MS 100
#define RELEASE_USEC 20000

struct entry {
	pid_t pid;   /* 0: an earlier listener's child, or free */
	uid_t uid;
	int link_fd; /* owned; -1: it takes no more clients */
};

struct listener {
	const struct hlp_user_config *config; /* borrowed; who is to be filled */
	const struct hlp_service *service;    /* borrowed */
	int64_t watch_ms; /* when the service manager is told next */
	bool stays;    /* when idle: no client started it */
	int dir_fd;    /* owned, as are those below */
	int listen_fd;
	int signal_fd;
	int lock_fd;
	bool served;
	struct entry entries[MAX_ENTRIES];
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

/* Locks belong to the open file description: each user's helper has its own. */
static int reopen_lease(int lease_fd)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", lease_fd);
	return open(path, O_RDWR | O_CLOEXEC);
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
		int fd = HLP_SERVICE_FIRST_FD + (int)i;
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
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    signal(SIGALRM, wake) == SIG_ERR)
		return err_set(err, ERR_KERNEL, errno, "signals");
	l->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->signal_fd < 0)
		return err_set(err, ERR_KERNEL, errno, "signalfd");
	return 0;
}

/* One answer, then the end: the client may already have sent a request. */
static void refuse(int fd, enum err_code code, const char *why)
{
	Ctl__Error error = CTL__ERROR__INIT;
	Ctl__Reply reply = CTL__REPLY__INIT;
	struct err err = ERR_INIT;

	error.code = (uint32_t)code;
	error.status = CREEL_EXIT_FAILED;
	error.text = (char *)why;
	reply.re_case = CTL__REPLY__RE_ERROR;
	reply.error = &error;
	/* Who is gone already misses nothing. */
	(void)wire_send_msg(fd, &reply.base, WIRE_HELPER_MAX_BYTES, NULL, 0,
			    &err);
	/*
	 * What is left unread at the end makes the client's next call fail
	 * with ECONNRESET in place of the answer: thrown away, not looked at.
	 */
	(void)shutdown(fd, SHUT_RD);
	while (recv(fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) > 0)
		;
}

/* Helpers that take clients; no signal tells of an earlier listener's. */
static uint32_t count_users(struct listener *l)
{
	uint32_t n = 0;

	for (size_t i = 0; i < MAX_ENTRIES; i++) {
		struct pollfd pfd = { .fd = l->entries[i].link_fd };

		if (l->entries[i].pid == 0 && poll(&pfd, 1, 0) > 0)
			fd_close(&l->entries[i].link_fd);
		n += l->entries[i].link_fd >= 0;
	}
	return n;
}

/* A user's helper and his sandboxes outlive the listener that forked it. */
static void adopt_users(struct listener *l)
{
	const struct hlp_service *service = l->service;
	struct entry *entry = l->entries;

	for (size_t i = 0; i < service->n_fds && i < MAX_ENTRIES; i++)
		if (service->user[i] != (uid_t)-1)
			*entry++ = (struct entry){
				.uid = service->user[i],
				.link_fd = HLP_SERVICE_FIRST_FD + (int)i,
			};
	hlp_log(HLP_LOG_INFO, "users with a helper: %u", count_users(l));
}

static __attribute__((noreturn)) void
become_user(struct hlp_user_config user)
{
	int keep[] = { user.link_fd, user.tree->fd, user.lease_fd,
		       user.tree->enter_fd };
	sigset_t none;

	hlp_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (user.system)
		user.lease_fd = reopen_lease(user.lease_fd);
	if (user.system && user.lease_fd < 0) {
		hlp_log(HLP_LOG_ERR, "lease file: %s", err_sys_text(errno));
		_exit(CREEL_EXIT_CONFIG);
	}
	_exit(hlp_user_run(&user));
}

static struct entry *fork_user(struct listener *l,
			       const struct hlp_identity *who)
{
	struct hlp_user_config user = *l->config;
	uint32_t n_users = count_users(l);
	struct entry *entry = NULL;
	pid_t parent = getpid();
	pid_t pid;

	for (size_t i = 0; i < MAX_ENTRIES && !entry; i++)
		if (l->entries[i].pid == 0 && l->entries[i].link_fd < 0)
			entry = &l->entries[i];
	user.who = *who;
	if (!entry || n_users >= user.policy->n_users)
		return NULL;
	pid = hlp_fork_with_socket(NULL, &user.link_fd);
	if (pid == 0) {
		/* System: the listener can be replaced, his sandboxes stay. */
		if (!user.system)
			hlp_die_with_parent(parent);
		become_user(user);
	}
	if (pid < 0)
		return NULL;
	/* A helper that does not take its clients must not stop this process. */
	(void)fcntl(user.link_fd, F_SETFL, O_RDWR | O_NONBLOCK);
	*entry = (struct entry){ .pid = pid, .uid = who->uid,
				 .link_fd = user.link_fd };
	/* The next listener gets it, where this one does not end for good. */
	if (user.system)
		hlp_service_tell(l->service, user.link_fd,
				 "FDSTORE=1\nFDNAME=u-%u", who->uid);
	hlp_log(HLP_LOG_INFO, "user=%u: helper %d", who->uid, (int)pid);
	return entry;
}

/* Return: 0, EAGAIN where the helper's queue is full, else it is ending. */
static int pass_on(const struct entry *entry, int client_fd)
{
	struct err err = ERR_INIT;

	return wire_send(entry->link_fd, "f", 1, &client_fd, 1, &err) < 0 ?
		       err.sys : 0;
}

/* Return: why the client is turned away, NULL where it is served. */
static const char *serve_client(struct listener *l, int client_fd,
				const struct hlp_identity *who)
{
	struct entry *entry = l->entries;

	for (; entry < l->entries + MAX_ENTRIES; entry++) {
		int sys;

		if (entry->link_fd < 0 || entry->uid != who->uid)
			continue;
		sys = pass_on(entry, client_fd);
		if (sys == 0 || sys == EAGAIN)
			return sys ? "too many clients wait" : NULL;
		fd_close(&entry->link_fd);
	}
	entry = fork_user(l, who);
	if (!entry || pass_on(entry, client_fd) != 0)
		return "no helper can be started, or too many users have one";
	l->served = true;
	return NULL;
}

static void accept_client(struct listener *l)
{
	static gid_t groups[MAX_GROUPS];
	socklen_t groups_len = sizeof(groups);
	struct ucred cred;
	socklen_t cred_len = sizeof(cred);
	struct hlp_identity who = { .groups = groups };
	const char *why;
	auto_fd fd = accept4(l->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0) {
		/* Out of descriptors: others must end first. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
			(void)poll(NULL, 0, NO_FDS_PAUSE_MS);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) < 0 ||
	    !hlp_policy_admits(l->config->policy, cred.uid)) {
		refuse(fd, ERR_DENIED, "this user is not admitted");
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_len) <
	    0) {
		refuse(fd, ERR_LIMIT, "this user has too many groups");
		return;
	}
	who.uid = cred.uid;
	who.gid = cred.gid;
	who.n_groups = groups_len / sizeof(gid_t);
	why = serve_client(l, fd, &who);
	if (why)
		refuse(fd, ERR_LIMIT, why);
}

static void reap(struct listener *l)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(l->signal_fd, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < MAX_ENTRIES; i++) {
			struct entry *entry = &l->entries[i];

			if (entry->pid != pid)
				continue;
			hlp_log(status ? HLP_LOG_ERR : HLP_LOG_INFO,
				"user=%u: helper %d ended, %s %d", entry->uid,
				(int)pid,
				WIFSIGNALED(status) ? "signal" : "status",
				WIFSIGNALED(status) ? WTERMSIG(status) :
						      WEXITSTATUS(status));
			fd_close(&entry->link_fd);
			entry->pid = 0;
		}
}

/* How long to wait for a client, where the program does not stay. */
static int patience(const struct listener *l)
{
	for (size_t i = 0; i < MAX_ENTRIES; i++)
		if (l->entries[i].pid > 0)
			return -1;
	return l->served ? LAST_USER_MS : FIRST_CLIENT_MS;
}

/* Return: ms until it is time again, -1 never. */
static int tell_alive(struct listener *l)
{
	struct timespec now;
	int64_t ms;

	if (l->service->watch_ms < 0)
		return -1;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
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
	};

	for (;;) {
		int ms = tell_alive(l);
		int n = poll(fds, 2, l->stays ? ms : patience(l));

		if (n < 0 && errno != EINTR) {
			hlp_log(HLP_LOG_ERR, "poll: %s", err_sys_text(errno));
			return CREEL_EXIT_KERNEL;
		}
		if (n == 0 && !l->stays) {
			/* EACCES in system mode, harmless: nobody listens. */
			(void)unlinkat(l->dir_fd, SOCKET_NAME, 0);
			return CREEL_EXIT_STOPPED;
		}
		if (fds[0].revents)
			reap(l);
		if (fds[1].revents) {
			set_alarm(RELEASE_USEC);
			accept_client(l);
			set_alarm(0);
		}
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
	for (size_t i = 0; i < MAX_ENTRIES; i++)
		l.entries[i].link_fd = -1;
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
	adopt_users(&l);
	hlp_service_tell(service, -1, "READY=1");
	hlp_log(HLP_LOG_INFO, "listening, %s",
		config->system ? "system" : "rootless");
	return serve(&l);
}
