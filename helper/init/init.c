// SPDX-License-Identifier: Apache-2.0
/*
 * creel-init: pid 1 of a sandbox.  One loop, fixed tables, nothing that a
 * command could have changed is trusted.  The end of the control socket is the
 * end of the sandbox: the kernel kills what is left when pid 1 exits.
 */
#include <config.h>

#include "helper/init/init.h"

#include <poll.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include "helper/init/state.h"
#include "proto/exit-codes.h"

#define WORKDIR "/workspace"
#define MAX_REQUESTS_A_ROUND 16
#define DAY_MS 86400000
#define STACK_BYTES 131072

enum { POLL_CONTROL, POLL_SIGNAL, POLL_NOTE, POLL_MEMORY, POLL_FIXED };

static struct init state;

static void do_ping(struct init *in, struct init_request *req)
{
	Ini__Pong pong = INI__PONG__INIT;

	pong.seq = req->msg->ping->seq;
	init_tell(in, INI__EVENT__EV_PONG, &pong);
}

/* A verb that is not in this table is none. */
static void (*const verbs[])(struct init *, struct init_request *) = {
	[INI__REQUEST__OP_EXEC] = init_exec_start,
	[INI__REQUEST__OP_SIGNAL] = init_exec_signal,
	[INI__REQUEST__OP_ACK] = init_exec_ack,
	[INI__REQUEST__OP_LIST] = init_exec_list,
	[INI__REQUEST__OP_PING] = do_ping,
	[INI__REQUEST__OP_OPEN] = init_worker_start,
	[INI__REQUEST__OP_CLOSE_INPUT] = init_exec_close_input,
	[INI__REQUEST__OP_STAT] = init_worker_start,
	[INI__REQUEST__OP_LIST_DIR] = init_worker_start,
	[INI__REQUEST__OP_LISTEN] = init_worker_start,
	[INI__REQUEST__OP_DIAL] = init_worker_start,
	[INI__REQUEST__OP_READ] = init_worker_start,
	[INI__REQUEST__OP_COMMIT] = init_worker_start,
};

/* A peer that breaks the protocol loses the sandbox: who knows what it is. */
static void serve(struct init *in)
{
	static struct init_request req;
	struct err err = ERR_INIT;

	for (int i = 0; i < MAX_REQUESTS_A_ROUND && !in->untold &&
			!init_worker_wait(in); i++) {
		enum wire_status got = wire_recv(in->config.control_fd,
						 in->frame, INIT_N_FDS, &err);

		if (got == WIRE_AGAIN)
			return;
		if (got == WIRE_EOF)
			_exit(CREEL_EXIT_STOPPED);
		if (got != WIRE_GOT ||
		    init_request_read(in->frame, in->arena, &req, &err))
			_exit(CREEL_EXIT_VIOLATION);
		verbs[req.msg->op_case](in, &req);
		init_request_fini(&req);
	}
}

static nfds_t fill_polls(struct init *in, struct pollfd *polls,
			 struct init_exec **owner)
{
	short ready = init_worker_wait(in) ? 0 : POLLIN;
	nfds_t n = POLL_FIXED;

	polls[POLL_CONTROL] = (struct pollfd){
		in->config.control_fd, in->untold ? POLLOUT : ready, 0
	};
	polls[POLL_SIGNAL] = (struct pollfd){ in->signal_fd, POLLIN, 0 };
	polls[POLL_NOTE] = (struct pollfd){ in->note_fd[0], POLLIN, 0 };
	polls[POLL_MEMORY] = (struct pollfd){ in->events_fd, POLLPRI, 0 };
	for (uint32_t i = 0; i < in->n_execs; i++) {
		struct init_exec *e = &in->execs[i];

		owner[n] = e;
		if (e->start_fd >= 0)
			polls[n++] = (struct pollfd){ e->start_fd, POLLIN, 0 };
		owner[n] = e;
		if (e->lifeline_fd >= 0 && !e->end.hung_up)
			polls[n++] = (struct pollfd){ e->lifeline_fd, 0, 0 };
	}
	return n;
}

static void act(struct init *in, const struct pollfd *polls)
{
	struct signalfd_siginfo info;

	if (polls[POLL_NOTE].revents)
		init_watch_notes(in);
	if (polls[POLL_SIGNAL].revents &&
	    read(in->signal_fd, &info, sizeof(info)) > 0)
		init_watch_children(in);
	if (polls[POLL_MEMORY].revents)
		init_watch_memory(in);
	if (in->untold)
		init_tell_flush(in);
	if (polls[POLL_CONTROL].revents)
		serve(in);
}

static _Noreturn void loop(struct init *in)
{
	static struct pollfd polls[POLL_FIXED + 2 * INIT_MAX_EXECS];
	static struct init_exec *owner[POLL_FIXED + 2 * INIT_MAX_EXECS];

	for (;;) {
		int64_t now = init_now_usec();
		int64_t next = init_watch_deadlines(in, now);
		/* Rounded up, and a day at most: the sum stays an int. */
		int64_t wait = next ? (next - now + 999) / 1000 : -1;
		nfds_t n = fill_polls(in, polls, owner);
		int ready;

		wait = in->arm ? 0 : wait < DAY_MS ? wait : DAY_MS;
		ready = poll(polls, n, (int)wait);
		if (ready == 0 && in->arm)
			init_exec_arm(in);
		if (ready <= 0)
			continue;
		for (nfds_t i = POLL_FIXED; i < n; i++) {
			if (!polls[i].revents)
				continue;
			if (polls[i].fd == owner[i]->start_fd) {
				init_watch_start(in, owner[i]);
			} else if (polls[i].fd == owner[i]->lifeline_fd) {
				owner[i]->end.hung_up = true;
				init_exec_kill(in, owner[i]);
			}
		}
		act(in, polls);
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
	int *control = &in->config.control_fd;
	struct rlimit limit;
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	while (fd >= 0 && fd < 3);
	must(fd >= 3 && !close(fd));
	if (*control < 3)
		*control = fcntl(*control, F_DUPFD_CLOEXEC, 3);
	must(!fcntl(*control, F_SETFD, FD_CLOEXEC) &&
	     !fcntl(*control, F_SETFL, O_RDWR | O_NONBLOCK) &&
	     !getrlimit(RLIMIT_NOFILE, &in->nofile));
	limit = (struct rlimit){ in->nofile.rlim_max, in->nofile.rlim_max };
	must(!setrlimit(RLIMIT_NOFILE, &limit));
}

/**
 * init_prepare() - see init.h
 */
void init_prepare(void)
{
	static const uint64_t dfl[4];
	static bool done;

	/*
	 * The kernel's own call: the C library keeps two signals to itself,
	 * which a parent may have ignored. EINVAL: KILL and STOP.
	 */
	for (int sig = 1; sig < NSIG && !done; sig++)
		(void)syscall(SYS_rt_sigaction, sig, dfl, NULL, 8);
	done = true;
}

static void settle_signals(struct init *in)
{
	sigset_t set;

	init_prepare();
	sigfillset(&set);
	must(!sigprocmask(SIG_SETMASK, &set, NULL));
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	in->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	must(in->signal_fd >= 0);
}

/* Gives back the stack that building the sandbox has dirtied and left. */
static void shrink_stack(void)
{
	char *here = __builtin_frame_address(0);
	char *low = here - ((uintptr_t)here & 4095) - 8192;

	/* ENOMEM: not all of it is mapped; what is, is given back. */
	(void)madvise(low - STACK_BYTES, STACK_BYTES, MADV_DONTNEED);
}

/* What is opened before Landlock and the filter close the doors. */
static void open_own(struct init *in)
{
	char text[256];

	in->proc_fd = in->events_fd = -1;
	must(!pipe2(in->note_fd, O_CLOEXEC | O_NONBLOCK));
	/* ENOENT: no workspace. */
	in->workdir_fd = open(WORKDIR,
			      O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (in->config.cgroup_fd < 0) {
		in->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		must(in->proc_fd >= 0);
		return;
	}
	/* ENOENT: no memory controller. It polls once it has been read. */
	in->events_fd = openat(in->config.cgroup_fd, "memory.events",
			       O_RDONLY | O_CLOEXEC);
	(void)!read(in->events_fd, text, sizeof(text));
	in->oom_kills = init_cgroup_oom_kills(in, NULL);
}

/**
 * init_main() - see init.h
 *
 * Privilege: what the caller left; from here on it only falls.
 */
void init_main(const struct init_config *config)
{
	static uint8_t frame_buf[WIRE_FRAME_MAX_BYTES];
	static _Alignas(max_align_t) uint8_t arena_buf[WIRE_ARENA_BYTES];
	static struct wire_frame frame;
	static struct arena arena;
	struct init *in = &state;
	Ini__Ready ready = INI__READY__INIT;

	shrink_stack();
	wire_frame_init(&frame, frame_buf, sizeof(frame_buf));
	arena_init(&arena, arena_buf, sizeof(arena_buf));
	in->frame = &frame;
	in->arena = &arena;
	in->config = *config;
	(void)prctl(PR_SET_NAME, "creel-init", 0, 0, 0);
	(void)umask(022);
	settle_fds(in);
	settle_signals(in);
	open_own(in);
	must(hlp_knocked_out(HLP_LAYER_NNP) ||
	     !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(!init_identity_settle(in->config.cap_keep) &&
	     !init_landlock(in->config.cgroup_fd, &in->abi) &&
	     !init_filter_install(hlp_filter(HLP_PROFILE_INIT)));
	ready.landlock_abi = (uint32_t)in->abi;
	ready.cgroup = in->config.cgroup_fd >= 0;
	init_tell(in, INI__EVENT__EV_READY, &ready);
	loop(in);
}
