// SPDX-License-Identifier: Apache-2.0
/*
 * creel-init: pid 1 of a sandbox.  One loop, fixed tables, nothing that a
 * command could have changed is trusted.  The end of the control socket is the
 * end of the sandbox: the kernel kills what is left when pid 1 exits.
 */
#include <config.h>

#include "helper/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/init/state.h"
#include "helper/knockout.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define WORKDIR "/workspace"
#define MAX_REQUESTS_A_ROUND 16

enum { POLL_CONTROL, POLL_SIGNAL, POLL_NOTE, POLL_MEMORY, POLL_FIXED };

static struct init state;
static uint8_t frame_buf[WIRE_FRAME_MAX_BYTES];
static _Alignas(max_align_t) uint8_t arena_buf[WIRE_ARENA_BYTES];
static struct pollfd polls[POLL_FIXED + 2 * INIT_MAX_EXECS];

static void handle(struct init *in, struct init_request *req)
{
	switch (req->verb) {
	case INIT_VERB_INVALID:
		_exit(CREEL_EXIT_VIOLATION);
	case INIT_VERB_EXEC:
		init_exec_start(in, req);
		return;
	case INIT_VERB_SIGNAL:
		init_exec_signal(in, req);
		return;
	case INIT_VERB_ACK:
		init_exec_ack(in, req);
		return;
	case INIT_VERB_LIST:
		init_exec_list(in);
		return;
	case INIT_VERB_PING:
		in->reply_seq = req->job.seq;
		init_tell_reply(in, INIT_REPLY_PONG);
		return;
	case INIT_VERB_OPEN:
	case INIT_VERB_PUT:
	case INIT_VERB_STAT:
	case INIT_VERB_LIST_DIR:
	case INIT_VERB_LISTEN:
	case INIT_VERB_DIAL:
		init_worker_start(in, req);
		return;
	}
	_exit(CREEL_EXIT_VIOLATION);
}

/* A peer that breaks the protocol loses the sandbox: who knows what it is. */
static void serve(struct init *in)
{
	struct arena arena;
	auto_frame frame;
	struct err err = ERR_INIT;

	arena_init(&arena, arena_buf, sizeof(arena_buf));
	wire_frame_init(&frame, frame_buf, sizeof(frame_buf));
	for (int i = 0; i < MAX_REQUESTS_A_ROUND && !in->untold; i++) {
		static struct init_request req;
		enum wire_status got;

		got = wire_recv(in->config.control_fd, &frame, 6, &err);
		if (got == WIRE_AGAIN)
			return;
		if (got == WIRE_EOF)
			_exit(CREEL_EXIT_STOPPED);
		if (got != WIRE_GOT ||
		    init_request_read(&frame, &arena, &req, &err))
			_exit(CREEL_EXIT_VIOLATION);
		handle(in, &req);
		init_request_fini(&req);
	}
}

static size_t fill_polls(struct init *in, struct init_exec **owner)
{
	size_t n = POLL_FIXED;

	polls[POLL_CONTROL] = (struct pollfd){
		in->config.control_fd, in->untold ? POLLOUT : POLLIN, 0
	};
	polls[POLL_SIGNAL] = (struct pollfd){ in->signal_fd, POLLIN, 0 };
	polls[POLL_NOTE] = (struct pollfd){ in->note_fd[0], POLLIN, 0 };
	polls[POLL_MEMORY] = (struct pollfd){ in->events_fd, POLLPRI, 0 };
	for (uint32_t i = 0; i < in->n_execs; i++) {
		struct init_exec *e = &in->execs[i];

		if (e->start_fd >= 0) {
			owner[n] = e;
			polls[n++] = (struct pollfd){ e->start_fd, POLLIN, 0 };
		}
		if (e->lifeline_fd >= 0 && !e->hung_up) {
			owner[n] = e;
			polls[n++] = (struct pollfd){ e->lifeline_fd, 0, 0 };
		}
	}
	return n;
}

static void handle_exec_poll(struct init *in, struct init_exec *e,
			     const struct pollfd *poll)
{
	if (!poll->revents)
		return;
	if (poll->fd == e->start_fd) {
		init_watch_start(in, e);
	} else if (poll->fd == e->lifeline_fd &&
		   (poll->revents & (POLLHUP | POLLERR))) {
		e->hung_up = true;
		init_exec_kill(in, e);
	}
}

static _Noreturn void loop(struct init *in)
{
	static struct init_exec *owner[POLL_FIXED + 2 * INIT_MAX_EXECS];

	for (;;) {
		int64_t now = init_now_usec();
		int64_t next = init_watch_deadlines(in, now);
		size_t n = fill_polls(in, owner);
		/* Rounded up, and a day at most: the sum stays an int. */
		int64_t wait = next ? (next - now + 999) / 1000 : -1;

		if (wait > 86400000)
			wait = 86400000;
		if (poll(polls, (nfds_t)n, (int)wait) < 0)
			continue;
		for (size_t i = POLL_FIXED; i < n; i++)
			handle_exec_poll(in, owner[i], &polls[i]);
		if (polls[POLL_NOTE].revents)
			init_watch_notes(in);
		if (polls[POLL_SIGNAL].revents) {
			struct signalfd_siginfo info;

			(void)!read(in->signal_fd, &info, sizeof(info));
			init_watch_children(in);
		}
		if (polls[POLL_MEMORY].revents & (POLLPRI | POLLERR))
			init_watch_memory(in);
		if (in->untold)
			init_tell_flush(in);
		if (polls[POLL_CONTROL].revents)
			serve(in);
	}
}

/* Fails closed: a sandbox without one of its layers does not come up. */
static void must(bool ok)
{
	if (!ok)
		_exit(CREEL_EXIT_PRIVILEGE);
}

/* 0 to 2 shall be taken, so that no descriptor that comes in gets them. */
static void settle_fds(struct init *in)
{
	struct rlimit limit;
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	while (fd >= 0 && fd < 3);
	must(fd >= 3);
	(void)close(fd);
	if (in->config.control_fd < 3)
		in->config.control_fd =
			fcntl(in->config.control_fd, F_DUPFD_CLOEXEC, 3);
	must(!fcntl(in->config.control_fd, F_SETFD, FD_CLOEXEC) &&
	     !fcntl(in->config.control_fd, F_SETFL, O_RDWR | O_NONBLOCK));
	must(!getrlimit(RLIMIT_NOFILE, &in->nofile));
	limit = in->nofile;
	limit.rlim_cur = limit.rlim_max;
	must(!setrlimit(RLIMIT_NOFILE, &limit));
}

static void settle_signals(struct init *in)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t set;

	/* EINVAL: KILL, STOP and what the C library keeps to itself. */
	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &dfl, NULL);
	sigfillset(&set);
	must(!sigprocmask(SIG_SETMASK, &set, NULL));
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	in->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	must(in->signal_fd >= 0);
}

/**
 * init_main() - see init.h
 *
 * Privilege: what the caller left; from here on it only falls.
 */
void init_main(const struct init_config *config)
{
	struct init *in = &state;

	in->config = *config;
	in->proc_fd = in->events_fd = -1;
	(void)prctl(PR_SET_NAME, "creel-init", 0, 0, 0);
	(void)umask(022);
	settle_fds(in);
	settle_signals(in);
	must(!pipe2(in->note_fd, O_CLOEXEC | O_NONBLOCK));
	/* ENOENT: no workspace. */
	in->workdir_fd = open(WORKDIR,
			      O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (in->config.cgroup_fd >= 0) {
		in->events_fd = init_cgroup_events(in);
		in->oom_kills = init_cgroup_oom_kills(in, NULL);
	} else {
		in->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		must(in->proc_fd >= 0);
	}
	must(hlp_knocked_out(HLP_LAYER_NNP) ||
	     !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(!init_identity_settle(in->config.cap_keep));
	must(!init_landlock(in->config.cgroup_fd, &in->abi));
	must(!init_filter_install(hlp_filter(HLP_PROFILE_INIT)));
	init_tell_reply(in, INIT_REPLY_READY);
	loop(in);
}
