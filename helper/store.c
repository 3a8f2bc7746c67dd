// SPDX-License-Identifier: Apache-2.0
/*
 * K, system mode without a service manager: parent of the listener, which has
 * given up root for good. It keeps the socket and the links to users' helpers,
 * and when told to by SIGHUP it becomes the program that is installed by then,
 * with them. It stays root, since that program must start as root; so it hears
 * its own listener and signals alone, and looks at nothing but descriptors and
 * names.
 */
#include <config.h>

#include "helper/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/log.h"
#include "helper/user.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"
#include "proto/wire.h"

#define PATH_BYTES 4096
#define MAX_ARGS 64
#define NAME_BYTES 16 /* u-4294967294, listen */
#define CHECK_MS 10000
#define END_MS 5000
#define STEP_MS 10
#define PAUSE_MS 1000

struct store {
	struct hlp_service *service; /* borrowed, as argv */
	char **argv;
	char path[PATH_BYTES]; /* of this program, "" unknown */
	int signal_fd;	       /* owned */
	int link_fd;	       /* owned, to the listener */
	pid_t pid;	       /* of the listener */
};

/* Return: its status; one that does not end in time is killed. */
static int await(pid_t pid, int ms)
{
	int status;
	pid_t got;

	while ((got = waitpid(pid, &status, WNOHANG)) == 0) {
		if (ms <= 0)
			(void)kill(pid, SIGKILL);
		(void)poll(NULL, 0, STEP_MS);
		ms -= STEP_MS;
	}
	return got == pid ? status : -1;
}

/* Links whose other end is gone make room. */
static void keep_fd(struct hlp_service *service, const char *name, int fd)
{
	size_t n = 0;

	for (size_t i = 0; i < service->n_fds; i++) {
		struct pollfd pfd = { .fd = service->fd[i] };

		if (service->user[i] != (uid_t)-1 && poll(&pfd, 1, 0) > 0) {
			fd_close(&service->fd[i]);
			continue;
		}
		service->user[n] = service->user[i];
		service->fd[n++] = service->fd[i];
	}
	service->n_fds = n;
	if (n == HLP_SERVICE_MAX_FDS) {
		close(fd);
		return;
	}
	service->user[n] = hlp_service_user(name);
	service->fd[n] = fd;
	service->n_fds = n + 1;
}

/* Return: whether there may be more. What else it says is for others. */
static bool take(struct store *store)
{
	static const char prefix[] = "FDSTORE=1\nFDNAME=";
	const size_t skip = sizeof(prefix) - 1;
	char text[sizeof(prefix) + NAME_BYTES];
	struct err err = ERR_INIT;
	auto_frame frame = { .n_fds = 0 };

	wire_frame_init(&frame, text, sizeof(text) - 1);
	if (wire_recv(store->link_fd, &frame, 1, &err) != WIRE_GOT)
		return false;
	text[frame.len] = '\0';
	if (frame.n_fds == 1 && !strncmp(text, prefix, skip))
		keep_fd(store->service, text + skip,
			wire_frame_take_fd(&frame, 0));
	return true;
}

/* Only on failure it returns. */
static void execute(const struct store *store, int fd, bool check, char **env)
{
	char *argv[MAX_ARGS] = { store->argv[0], (char *)"--check" };
	size_t n = check ? 2 : 1;

	for (size_t i = 1; store->argv[i] && n < MAX_ARGS - 1; i++)
		argv[n++] = store->argv[i];
	(void)syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
}

/*
 * The program that is installed now, where root alone can have put it there and
 * it can start: it has read the policy. Return: -1 logged.
 */
static int open_program(const struct store *store)
{
	auto_fd fd = open(store->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char *env[] = { NULL };
	struct stat st;
	pid_t pid;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH))) {
		hlp_log(HLP_LOG_ERR,
			"reload: %.200s: not there, or others can write it",
			store->path);
		return -1;
	}
	pid = fork();
	if (pid == 0) {
		execute(store, fd, true, env);
		hlp_log(HLP_LOG_ERR, "reload: %.200s: %s", store->path,
			err_sys_text(errno));
		_exit(CREEL_EXIT_CONFIG);
	}
	if (pid < 0 || await(pid, CHECK_MS) != 0) {
		hlp_log(HLP_LOG_ERR, "reload: all stays as it was");
		return -1;
	}
	return fd_take(&fd);
}

/* As sd_listen_fds(3) has it. What was in those places is put back. */
static void replace(const struct store *store, int program_fd)
{
	const struct hlp_service *service = store->service;
	const int end = HLP_SERVICE_FIRST_FD + (int)service->n_fds;
	char names[16 + HLP_SERVICE_MAX_FDS * NAME_BYTES] = "LISTEN_FDNAMES=";
	char count[32], pid[32];
	char *env[] = { names, count, pid, NULL };
	int fd[HLP_SERVICE_MAX_FDS], was[HLP_SERVICE_MAX_FDS];
	int program = fcntl(program_fd, F_DUPFD_CLOEXEC, end);
	size_t at = strlen(names);
	bool room = program >= 0;

	for (size_t i = 0; i < service->n_fds; i++) {
		at += (size_t)snprintf(names + at, NAME_BYTES,
				       service->user[i] + 1 ? "%su-%u" :
							      "%slisten",
				       i ? ":" : "", service->user[i]);
		fd[i] = fcntl(service->fd[i], F_DUPFD_CLOEXEC, end);
		was[i] = fcntl(HLP_SERVICE_FIRST_FD + (int)i, F_DUPFD_CLOEXEC,
			       end);
		room = room && fd[i] >= 0 && (was[i] >= 0 || errno == EBADF);
	}
	for (size_t i = 0; i < service->n_fds && room; i++)
		(void)dup2(fd[i], HLP_SERVICE_FIRST_FD + (int)i);
	(void)snprintf(count, sizeof(count), "LISTEN_FDS=%zu", service->n_fds);
	(void)snprintf(pid, sizeof(pid), "LISTEN_PID=%d", (int)getpid());
	if (room)
		execute(store, program, false, env);
	hlp_log(HLP_LOG_ERR, "reload: %s", err_sys_text(errno));
	for (size_t i = 0; i < service->n_fds; i++) {
		const int place = HLP_SERVICE_FIRST_FD + (int)i;

		if (room &&
		    (was[i] < 0 || dup3(was[i], place, O_CLOEXEC) < 0))
			close(place);
		fd_close(&was[i]);
		fd_close(&fd[i]);
	}
	fd_close(&program);
}

/* Return: the signal to act on, 0 the listener has ended, or is about to. */
static int keep(struct store *store, int *program_fd)
{
	struct pollfd fds[] = {
		{ .fd = store->link_fd, .events = POLLIN },
		{ .fd = store->signal_fd, .events = POLLIN },
	};
	struct signalfd_siginfo info;

	for (;;) {
		(void)poll(fds, 2, -1);
		if (fds[0].revents && !take(store))
			return 0;
		if (!fds[1].revents ||
		    read(store->signal_fd, &info, sizeof(info)) <= 0)
			continue;
		if (info.ssi_signo != SIGHUP)
			return (int)info.ssi_signo;
		*program_fd = open_program(store);
		if (*program_fd >= 0)
			return SIGHUP;
	}
}

/* Return: in the listener alone. */
static void start_listener(struct store *store)
{
	sigset_t none;

	while ((store->pid = hlp_fork_with_socket(NULL, &store->link_fd)) < 0)
		(void)poll(NULL, 0, PAUSE_MS);
	if (store->pid > 0)
		return;
	fd_close(&store->signal_fd);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	store->service->notify_fd = store->link_fd;
	store->service->stored = true;
}

/* Its end of the link is the listener's sign to leave, at a good moment. */
static int end_listener(struct store *store)
{
	int status;

	(void)shutdown(store->link_fd, SHUT_WR);
	status = await(store->pid, END_MS);
	while (take(store))
		;
	fd_close(&store->link_fd);
	return status;
}

/**
 * hlp_store_run() - keep what listeners need, and start them
 * @service: what this program got itself; in the listener it is changed
 * @argv:    this program's
 *
 * Return: in the listener, a child of this process. This process ends as the
 * listener does, unless that crashed: then there is another one.
 */
void hlp_store_run(struct hlp_service *service, char **argv)
{
	static struct store store;
	sigset_t mask;
	ssize_t len;

	store = (struct store){ .service = service, .argv = argv };
	len = readlink("/proc/self/exe", store.path, PATH_BYTES - 1);
	store.path[len > 0 ? len : 0] = '\0';
	(void)prctl(PR_SET_NAME, "creel-store");
	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	store.signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0 || store.signal_fd < 0)
		_exit(CREEL_EXIT_KERNEL);
	for (;;) {
		auto_fd program_fd = -1;
		int sig, status;

		start_listener(&store);
		if (store.pid == 0)
			return;
		(void)fcntl(store.link_fd, F_SETFL, O_RDWR | O_NONBLOCK);
		sig = keep(&store, &program_fd);
		status = end_listener(&store);
		if (sig == SIGHUP) {
			replace(&store, program_fd);
		} else if (sig || (WIFSIGNALED(status) &&
				   WTERMSIG(status) == SIGTERM)) {
			_exit(CREEL_EXIT_STOPPED);
		} else if (!WIFSIGNALED(status)) {
			_exit(WEXITSTATUS(status));
		} else {
			hlp_log(HLP_LOG_ERR, "listener[%d]: died of signal %d",
				(int)store.pid, WTERMSIG(status));
			(void)poll(NULL, 0, PAUSE_MS);
		}
	}
}
