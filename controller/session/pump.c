// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes from and to a terminal, in a process that may be held up.  What it has
 * taken and not passed on is lost with creeld: little, on purpose.
 */
#include <config.h>

#include "controller/session/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define LANE_BYTES 4096

/* In the child. */
enum {
	TTY_FD = JOB_CHILD_FD,
	TYPED_FD,
	PRINTED_FD,
};

struct lane {
	int from_fd, to_fd;
	size_t at, len; /* at..len wait to be written */
	bool over;      /* nothing more comes */
	char bytes[LANE_BYTES];
};

static bool may_wait(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static void fill(struct lane *lane)
{
	ssize_t got = read(lane->from_fd, lane->bytes, sizeof(lane->bytes));

	if (got > 0) {
		lane->at = 0;
		lane->len = (size_t)got;
	} else if (got == 0 || !may_wait()) {
		lane->over = true;
	}
}

static void empty(struct lane *lane)
{
	ssize_t put = write(lane->to_fd, lane->bytes + lane->at,
			    lane->len - lane->at);

	if (put >= 0)
		lane->at += (size_t)put;
	else if (!may_wait())
		lane->over = true;
}

static bool is_full(const struct lane *lane)
{
	return lane->at < lane->len;
}

/* The terminal is there once for each lane: poll(2) does not mind. */
static struct pollfd wish(const struct lane *lane)
{
	struct pollfd wanted = { .fd = -1 };

	if (!lane->over && is_full(lane)) {
		wanted.fd = lane->to_fd;
		wanted.events = POLLOUT;
	} else if (!lane->over) {
		wanted.fd = lane->from_fd;
		wanted.events = POLLIN;
	}
	return wanted;
}

static void move(struct lane *lane, short came)
{
	if (lane->over || !came)
		return;
	if (is_full(lane))
		empty(lane);
	else
		fill(lane);
}

/* Until the terminal has ended, or creeld reads no more. */
static _Noreturn void carry(void)
{
	struct lane typed = { .from_fd = TYPED_FD, .to_fd = TTY_FD };
	struct lane printed = { .from_fd = TTY_FD, .to_fd = PRINTED_FD };
	struct pollfd fds[3];

	while (!printed.over) {
		fds[0] = wish(&typed);
		fds[1] = wish(&printed);
		fds[2] = (struct pollfd){ .fd = PRINTED_FD };
		if (poll(fds, 3, -1) < 0 && !may_wait())
			_exit(1);
		if (fds[2].revents & (POLLERR | POLLNVAL))
			break;
		move(&typed, fds[0].revents);
		move(&printed, fds[1].revents);
	}
	_exit(0);
}

static int set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/**
 * ses_pump_start() - see pump.h
 */
int ses_pump_start(struct ses_pump *pump, int tty_fd, int *in_fd, int *out_fd)
{
	int typed[2], printed[2], fds[3], ret;
	auto_fd typed_fd = -1;
	auto_fd printed_fd = -1;
	auto_fd in = -1;
	auto_fd out = -1;

	if (pipe2(typed, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	typed_fd = typed[0];
	in = typed[1];
	if (pipe2(printed, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	out = printed[0];
	printed_fd = printed[1];
	if (set_nonblock(tty_fd) < 0 ||
	    fcntl(printed_fd, F_SETPIPE_SZ, LANE_BYTES) < 0)
		return -1;
	fds[0] = tty_fd;
	fds[1] = typed_fd;
	fds[2] = printed_fd;
	ret = job_child_fork(&pump->child, fds, 3);
	if (ret == 0)
		carry();
	if (ret < 0)
		return -1;
	*in_fd = fd_take(&in);
	*out_fd = fd_take(&out);
	return 0;
}

/**
 * ses_pump_end() - see pump.h
 */
void ses_pump_end(struct ses_pump *pump, struct event_base *base)
{
	job_child_end(&pump->child, base);
}
