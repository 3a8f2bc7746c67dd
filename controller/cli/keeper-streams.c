// SPDX-License-Identifier: Apache-2.0
/*
 * The ends of a command's streams that its keeper has: none of them makes it
 * wait.
 */
#include <config.h>

#include "controller/cli/keeper-own.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "proto/cleanup.h"

#define STEP_BYTES 65536
#define STEPS 16
#define INPUT_MAX_BYTES (16U << 20)
#define TTY_QUIET_MS 20 /* the kernel hands on what a terminal got a bit later */
#define TTY_EOF "\004"

/* Return: bytes, 0: nothing now, -1: the end. */
static ssize_t read_step(int fd, struct keeper_ring *ring, size_t most)
{
	static char step[STEP_BYTES];
	ssize_t got;

	do
		got = read(fd, step, most < sizeof(step) ? most : sizeof(step));
	while (got < 0 && errno == EINTR);
	if (got > 0)
		keeper_ring_put(ring, step, (size_t)got);
	if (got < 0 && errno == EAGAIN)
		return 0;
	return got > 0 ? got : -1;
}

/**
 * keeper_stream_read() - something has come, or its end
 * @err: on standard error
 */
void keeper_stream_read(struct keeper *keeper, bool err)
{
	int *fd = err ? &keeper->err_fd : &keeper->out_fd;
	struct keeper_ring *ring = err ? &keeper->err : &keeper->out;
	ssize_t got = 1;

	for (int i = 0; i < STEPS && got > 0; i++)
		got = read_step(*fd, ring, STEP_BYTES);
	if (got < 0)
		fd_close(fd);
}

/* Processes that the command left may go on writing, for ever. */
static void drain_pipe(int fd, struct keeper_ring *ring)
{
	int left = 0;
	ssize_t got = 1;

	if (ioctl(fd, FIONREAD, &left) < 0)
		return;
	while (left > 0 && got > 0) {
		got = read_step(fd, ring, (size_t)left);
		left -= (int)got;
	}
}

static void drain_tty(int fd, struct keeper_ring *ring)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	for (int i = 0; i < STEPS * STEPS; i++)
		if (poll(&ready, 1, TTY_QUIET_MS) <= 0 ||
		    read_step(fd, ring, STEP_BYTES) < 0)
			break;
}

/**
 * keeper_stream_drain() - what the command has said before it ended
 */
void keeper_stream_drain(struct keeper *keeper)
{
	if (keeper->out_fd >= 0 && keeper->order->command->pty)
		drain_tty(keeper->out_fd, &keeper->out);
	else if (keeper->out_fd >= 0)
		drain_pipe(keeper->out_fd, &keeper->out);
	if (keeper->err_fd >= 0)
		drain_pipe(keeper->err_fd, &keeper->err);
}

/**
 * keeper_stream_feed() - more for its input
 *
 * Return: 0, or -1: EPIPE it is closed, ENOBUFS too much waits already, ENOMEM.
 */
int keeper_stream_feed(struct keeper *keeper, const char *bytes, size_t len)
{
	char *more;

	errno = EPIPE;
	if (keeper->in_fd < 0 || keeper->input_ends)
		return -1;
	errno = ENOBUFS;
	if (len > INPUT_MAX_BYTES - keeper->input_len)
		return -1;
	if (len == 0)
		return 0;
	more = realloc(keeper->input, keeper->input_len + len);
	if (!more)
		return -1;
	memcpy(more + keeper->input_len, bytes, len);
	keeper->input = more;
	keeper->input_len += len;
	return 0;
}

/* A terminal is not closed: its input has an end of its own. */
static void end_input(struct keeper *keeper)
{
	if (keeper->order->command->pty) {
		if (write(keeper->in_fd, TTY_EOF, 1) != 1)
			return;
		keeper->input_ends = false;
		return;
	}
	fd_close(&keeper->in_fd);
}

/**
 * keeper_stream_write() - as much of it as is taken
 */
void keeper_stream_write(struct keeper *keeper)
{
	while (keeper->in_fd >= 0 && keeper->input_len > 0) {
		ssize_t put = write(keeper->in_fd, keeper->input,
				    keeper->input_len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN)
			return;
		if (put <= 0) {
			fd_close(&keeper->in_fd);
			keeper->input_len = 0;
			break;
		}
		keeper->input_len -= (size_t)put;
		memmove(keeper->input, keeper->input + put, keeper->input_len);
	}
	if (keeper->in_fd >= 0 && keeper->input_ends)
		end_input(keeper);
}
