// SPDX-License-Identifier: Apache-2.0
/*
 * A command's keeper: one loop over its streams, its end, and whoever wants
 * something of it.  In the foreground it lives for the one that asked, and in
 * the background until what the command said is not wanted any more.
 */
#include <config.h>

#include "controller/cli/keeper-own.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define PROGRESS_USEC 250000
#define TAIL_BYTES 400
#define CLIENT_FD 3
#define NEVER UINT64_MAX

enum { ON_SIGNAL, ON_CLIENT, ON_LISTEN, ON_OUT, ON_ERR, ON_IN, ON_COUNT };

/**
 * keeper_now_usec() - CLOCK_MONOTONIC, in microseconds
 */
uint64_t keeper_now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool in_background(const struct keeper *keeper)
{
	return keeper->client_fd < 0;
}

/**
 * keeper_settle() - see whether the command is over
 */
void keeper_settle(struct keeper *keeper)
{
	if (keeper->over || !keeper->reaped)
		return;
	keeper_stream_drain(keeper);
	keeper->over = true;
	keeper->ended_usec = keeper_now_usec();
	keeper->ended_ms = now_ms();
	fd_close(&keeper->in_fd);
	keeper->input_len = 0;
}

static void set_usage(struct tool_outcome *outcome)
{
	struct rusage used;

	if (getrusage(RUSAGE_CHILDREN, &used) < 0)
		return;
	outcome->has_cpu = true;
	outcome->cpu_usec =
		(uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) *
			1000000 +
		(uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* Of what is kept, as much as an answer may hold. */
static char *cut(const struct keeper *keeper, const struct keeper_ring *ring,
		 size_t *len)
{
	size_t max = keeper->order->command->max_output;
	uint64_t from = ring->start;

	if (!ring->oldest && ring->end - from > max)
		from = ring->end - max;
	return keeper_ring_cut(ring, from, max, len);
}

/* Return: whether it was taken. */
static bool tell_outcome(struct keeper *keeper, struct tool_outcome *outcome)
{
	size_t out_len = 0, err_len = 0;
	auto_free char *out = cut(keeper, &keeper->out, &out_len);
	auto_free char *err = cut(keeper, &keeper->err, &err_len);
	struct keeper_outcome head;
	const struct keeper_part parts[] = {
		{ &head, sizeof(head) },
		{ out, out_len },
		{ err, err_len },
	};

	outcome->pid = (uint32_t)keeper->pid;
	outcome->out_len = out_len;
	outcome->err_len = err_len;
	outcome->out_total = keeper->out.total;
	outcome->err_total = keeper->err.total;
	outcome->wall_usec = (keeper->over ? keeper->ended_usec :
					     keeper_now_usec()) -
			     keeper->started_usec;
	head.outcome = *outcome;
	return keeper_send(keeper->client_fd, KEEPER_OUTCOME, parts, 3) == 0;
}

static void tell_end(struct keeper *keeper)
{
	struct tool_outcome outcome = {
		.status = keeper_status(keeper),
		.timed_out = keeper->timed_out,
	};

	set_usage(&outcome);
	(void)tell_outcome(keeper, &outcome);
}

static void tell_progress(struct keeper *keeper)
{
	struct keeper_progress head = { .output_bytes = keeper->out.total +
							keeper->err.total };
	uint64_t from = keeper->out.end > TAIL_BYTES ?
				keeper->out.end - TAIL_BYTES : 0;
	char text[TAIL_BYTES];
	size_t len;

	if (from < keeper->out.start)
		from = keeper->out.start;
	len = keeper_ring_get(&keeper->out, from, text, sizeof(text));
	head.text_len = (uint32_t)len;
	keeper->told_usec = keeper_now_usec();
	(void)keeper_send(keeper->client_fd, KEEPER_PROGRESS,
			  (const struct keeper_part[]){
				  { &head, sizeof(head) }, { text, len } },
			  2);
}

/* From here on whoever asked has nothing to do with it. */
static void go_background(struct keeper *keeper)
{
	struct tool_outcome outcome = { .running = true };

	keeper->listen_fd = keeper_enter(keeper->order->place, keeper->id,
					 &outcome.fail);
	/* Whoever waits goes on waiting, unless he did not want to at all. */
	keeper->stays = keeper->listen_fd < 0 &&
			keeper->order->command->yield_ms > 0;
	if (keeper->stays)
		return;
	if (keeper->listen_fd < 0) {
		outcome.running = false;
		outcome.status = CREEL_EXIT_FAILED;
		keeper->ending = true;
	}
	(void)snprintf(outcome.id, sizeof(outcome.id), "%s", keeper->id);
	/* One that nobody knows of is not kept. */
	if (!tell_outcome(keeper, &outcome))
		keeper->ending = true;
	keeper->polled = keeper->out.end;
	fd_close(&keeper->client_fd);
}

static void sooner(uint64_t *at, uint64_t when)
{
	if (when < *at)
		*at = when;
}

static uint64_t after(uint64_t from, uint64_t usec)
{
	return usec > NEVER - from ? NEVER : from + usec;
}

static uint64_t times(uint64_t ms)
{
	return ms > NEVER / 1000 ? NEVER : ms * 1000;
}

static uint64_t timeout_at(const struct keeper *keeper)
{
	uint64_t ms = keeper->order->command->timeout_ms;

	if (ms == 0 || keeper->over || keeper->timed_out)
		return NEVER;
	return after(keeper->started_usec, times(ms));
}

static uint64_t yield_at(const struct keeper *keeper)
{
	int64_t ms = keeper->order->command->yield_ms;

	if (ms < 0 || keeper->over || keeper->stays || in_background(keeper))
		return NEVER;
	return after(keeper->started_usec, times((uint64_t)ms));
}

static uint64_t progress_at(const struct keeper *keeper)
{
	if (!keeper->order->progress || in_background(keeper))
		return NEVER;
	return after(keeper->told_usec, PROGRESS_USEC);
}

static uint64_t forget_at(const struct keeper *keeper)
{
	if (!keeper->over)
		return NEVER;
	return after(keeper->ended_usec, times(keeper->order->cleanup_ms));
}

static int wait_ms(const struct keeper *keeper)
{
	uint64_t now = keeper_now_usec();
	uint64_t at = timeout_at(keeper);

	sooner(&at, yield_at(keeper));
	sooner(&at, progress_at(keeper));
	sooner(&at, forget_at(keeper));
	if (at <= now)
		return 0;
	at = (at - now + 999) / 1000;
	return at > 3600000 ? 3600000 : (int)at;
}

static void take_signal(struct keeper *keeper)
{
	struct signalfd_siginfo info;

	while (read(keeper->signal_fd, &info, sizeof(info)) ==
	       (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			keeper->ending = true;
	keeper_tree_reap(keeper);
}

static void set_poll(const struct keeper *keeper, struct pollfd *fds)
{
	const bool writes = keeper->input_len > 0 || keeper->input_ends;

	fds[ON_SIGNAL] = (struct pollfd){ keeper->signal_fd, POLLIN, 0 };
	fds[ON_CLIENT] = (struct pollfd){ keeper->client_fd, POLLIN, 0 };
	fds[ON_LISTEN] = (struct pollfd){ keeper->listen_fd, POLLIN, 0 };
	fds[ON_OUT] = (struct pollfd){ keeper->out_fd, POLLIN, 0 };
	fds[ON_ERR] = (struct pollfd){ keeper->err_fd, POLLIN, 0 };
	fds[ON_IN] = (struct pollfd){ writes ? keeper->in_fd : -1, POLLOUT, 0 };
}

static void wait_once(struct keeper *keeper)
{
	struct pollfd fds[ON_COUNT];

	set_poll(keeper, fds);
	if (poll(fds, ON_COUNT, wait_ms(keeper)) <= 0)
		return;
	if (fds[ON_SIGNAL].revents)
		take_signal(keeper);
	if (fds[ON_OUT].revents)
		keeper_stream_read(keeper, false);
	if (fds[ON_ERR].revents)
		keeper_stream_read(keeper, true);
	if (fds[ON_IN].revents)
		keeper_stream_write(keeper);
	if (fds[ON_CLIENT].revents)
		keeper->ending = true;
	if (fds[ON_LISTEN].revents)
		keeper_serve(keeper);
}

static void look_at_clock(struct keeper *keeper)
{
	uint64_t now = keeper_now_usec();

	if (timeout_at(keeper) <= now) {
		keeper->timed_out = true;
		keeper_tree_kill(keeper);
	}
	keeper_settle(keeper);
	if (yield_at(keeper) <= now)
		go_background(keeper);
	if (progress_at(keeper) <= now)
		tell_progress(keeper);
	if (in_background(keeper) && forget_at(keeper) <= now)
		keeper->forgotten = true;
}

/**
 * keeper_leave() - nobody finds it any more; idempotent
 */
void keeper_leave(struct keeper *keeper)
{
	struct err err = ERR_INIT;
	auto_fd dir_fd = -1;

	if (keeper->listen_fd < 0)
		return;
	dir_fd = keeper_place_open(keeper->order->place, false, &err);
	if (dir_fd >= 0)
		(void)unlinkat(dir_fd, keeper->id, 0);
	keeper_place_leave(keeper->order->place);
	fd_close(&keeper->listen_fd);
}

static void live(struct keeper *keeper)
{
	struct tool_outcome failed = { .running = false };
	bool started = keeper_tree_check(&failed.fail) == 0;

	failed.status = CREEL_EXIT_FAILED;
	keeper->started_usec = keeper->told_usec = keeper_now_usec();
	keeper->started_ms = now_ms();
	if (started)
		started = keeper_command_start(keeper, &failed) == 0;
	if (!started) {
		(void)tell_outcome(keeper, &failed);
		return;
	}
	while (!keeper->ending && !keeper->forgotten) {
		look_at_clock(keeper);
		if (keeper->over && !in_background(keeper)) {
			tell_end(keeper);
			return;
		}
		if (!keeper->ending && !keeper->forgotten)
			wait_once(keeper);
	}
	if (keeper->ending)
		keeper_tree_kill(keeper);
	keeper_leave(keeper);
}

static int watch_signals(void)
{
	static const int heard[] = { SIGCHLD, SIGTERM, SIGHUP, SIGINT,
				     SIGQUIT };
	sigset_t set;

	(void)signal(SIGCHLD, SIG_DFL);
	sigfillset(&set);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(heard) / sizeof(heard[0]); i++)
		sigaddset(&set, heard[i]);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool set_input(struct keeper *keeper)
{
	const struct tool_command *command = keeper->order->command;

	if (!command->input)
		return true;
	keeper->input = malloc(command->input_len + 1);
	if (!keeper->input)
		return false;
	memcpy(keeper->input, command->input, command->input_len);
	keeper->input_len = command->input_len;
	keeper->input_ends = true;
	return true;
}

/* Nothing of the client's stays open, and no terminal of his is this one's. */
static bool detach(struct keeper *keeper, int fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)prctl(PR_SET_NAME, "creel-keeper");
	for (int i = 0; i < CLIENT_FD; i++)
		if (fd == i || dup2(null_fd, i) < 0)
			return false;
	if (fd != CLIENT_FD && dup2(fd, CLIENT_FD) < 0)
		return false;
	keeper->client_fd = CLIENT_FD;
	return fcntl(CLIENT_FD, F_SETFD, FD_CLOEXEC) == 0 &&
	       close_range(CLIENT_FD + 1, ~0U, 0) == 0 && setsid() > 0 &&
	       chdir("/") == 0 &&
	       prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}

static void keep(const struct keeper_order *order, int fd)
{
	struct keeper keeper = { .order = order, .client_fd = -1,
				 .listen_fd = -1, .signal_fd = -1,
				 .in_fd = -1, .out_fd = -1, .err_fd = -1 };
	const struct tool_command *command = order->command;
	size_t size = command->max_output;

	if (command->yield_ms >= 0 && size < order->cap)
		size = (size_t)order->cap;
	if (!detach(&keeper, fd) || !set_input(&keeper) ||
	    keeper_ring_init(&keeper.out, size, command->oldest) < 0 ||
	    keeper_ring_init(&keeper.err, command->split ? size : 1,
			     command->oldest) < 0)
		return;
	keeper.signal_fd = watch_signals();
	if (keeper.signal_fd >= 0)
		live(&keeper);
	keeper_ring_fini(&keeper.out);
	keeper_ring_fini(&keeper.err);
	free(keeper.input);
}

/**
 * keeper_start() - fork a keeper, which starts the command
 * @order: lives on in the keeper's copy of this process's memory
 *
 * Return: the end of its socket, or -1.
 */
int keeper_start(const struct keeper_order *order, struct err *err)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, ERR_KERNEL, errno, "keeper");
	pid = fork();
	if (pid == 0) {
		(void)close(pair[0]);
		keep(order, pair[1]);
		_exit(0);
	}
	(void)close(pair[1]);
	if (pid > 0)
		return pair[0];
	(void)close(pair[0]);
	return err_set(err, ERR_KERNEL, errno, "keeper");
}
