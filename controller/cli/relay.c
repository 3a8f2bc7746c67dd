// SPDX-License-Identifier: Apache-2.0
/*
 * One buffer and one direction: while the buffer holds something nothing is
 * read, so a slow reader holds up the writer and nobody else.
 */
#include <config.h>

#include "controller/cli/relay.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <event2/event.h>

#include "proto/cleanup.h"

#define RELAY_BYTES (64 * 1024)
/* Then the loop gets its turn. */
#define RELAY_ROUNDS 16

struct relay {
	struct relay_ends ends;
	struct event *in_ev;  /* owned; NULL where the end is a file */
	struct event *out_ev; /* owned; NULL where the end is a file */
	struct event *soon;   /* owned; where there is nothing to wait for */
	relay_end_fn *on_end;
	void *arg;
	size_t at;
	size_t len;
	size_t left; /* bytes that may still be read, where bounded */
	bool bounded;
	bool eof;
	bool done;
	int error; /* errno of a write that failed */
	unsigned char last;
	unsigned char buf[RELAY_BYTES];
};

static void close_ends(struct relay *relay)
{
	if (relay->ends.own_in)
		fd_close(&relay->ends.in_fd);
	if (relay->ends.own_out && !relay->ends.hold_out)
		fd_close(&relay->ends.out_fd);
}

static void unarm(struct relay *relay)
{
	if (relay->in_ev)
		(void)event_del(relay->in_ev);
	if (relay->out_ev)
		(void)event_del(relay->out_ev);
	(void)event_del(relay->soon);
}

static void finish(struct relay *relay)
{
	if (relay->done)
		return;
	relay->done = true;
	unarm(relay);
	/* Half-close: the reader sees the end now, not when we exit. */
	close_ends(relay);
	relay->on_end(relay, relay->arg);
}

/* False: nothing there yet. */
static bool take(struct relay *relay)
{
	size_t want = sizeof(relay->buf);
	ssize_t got;

	if (relay->bounded && relay->left < want)
		want = relay->left;
	if (want == 0) {
		relay->eof = true;
		return true;
	}
	do
		got = read(relay->ends.in_fd, relay->buf, want);
	while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;
	if (got <= 0) {
		/* EIO: the last process on a terminal is gone. */
		relay->eof = true;
		return true;
	}
	relay->at = 0;
	relay->len = (size_t)got;
	relay->last = relay->buf[got - 1];
	if (relay->bounded)
		relay->left -= (size_t)got;
	return true;
}

/* False: no room yet. */
static bool put(struct relay *relay)
{
	ssize_t done;

	do
		done = write(relay->ends.out_fd, relay->buf + relay->at,
			     relay->len);
	while (done < 0 && errno == EINTR);
	if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;
	if (done < 0) {
		relay->error = errno;
		relay->eof = true;
		relay->len = 0;
		return true;
	}
	relay->at += (size_t)done;
	relay->len -= (size_t)done;
	return true;
}

/* Waits for what the next step needs: a file needs no waiting. */
static int arm(struct relay *relay)
{
	struct timeval now = { 0 };
	struct event *wait = relay->len > 0 ? relay->out_ev : relay->in_ev;

	unarm(relay);
	if (!wait)
		return event_add(relay->soon, &now);
	return event_add(wait, NULL);
}

static void pump(evutil_socket_t fd, short what, void *arg)
{
	struct relay *relay = arg;
	int rounds = relay->ends.in_blocks ? 1 : RELAY_ROUNDS;

	(void)fd;
	(void)what;
	while (rounds-- > 0) {
		if (relay->len == 0 && !relay->eof && !take(relay))
			break;
		if (relay->len > 0 && !put(relay))
			break;
		if (relay->eof && relay->len == 0) {
			finish(relay);
			return;
		}
	}
	(void)arm(relay);
}

/**
 * relay_new() - begin to move bytes
 * @ends:   copied; owned descriptors are consumed, on failure too
 * @on_end: called once, from the loop
 *
 * Return: a relay, or NULL without memory.
 */
struct relay *relay_new(struct event_base *base,
			const struct relay_ends *ends, relay_end_fn *on_end,
			void *arg)
{
	struct relay *relay = malloc(sizeof(*relay));

	if (!relay) {
		if (ends->own_in)
			close(ends->in_fd);
		if (ends->own_out)
			close(ends->out_fd);
		return NULL;
	}
	/* Not the buffer: its pages are not touched before they are needed. */
	memset(relay, 0, offsetof(struct relay, buf));
	relay->ends = *ends;
	relay->on_end = on_end;
	relay->arg = arg;
	relay->soon = event_new(base, -1, 0, pump, relay);
	if (!ends->in_file)
		relay->in_ev = event_new(base, ends->in_fd, EV_READ, pump,
					 relay);
	if (!ends->out_file)
		relay->out_ev = event_new(base, ends->out_fd, EV_WRITE, pump,
					  relay);
	if (!relay->soon || (!ends->in_file && !relay->in_ev) ||
	    (!ends->out_file && !relay->out_ev) ||
	    arm(relay)) {
		relay_free(relay);
		return NULL;
	}
	return relay;
}

/**
 * relay_free() - stop at once; NULL is nothing
 */
void relay_free(struct relay *relay)
{
	if (!relay)
		return;
	if (relay->in_ev)
		event_free(relay->in_ev);
	if (relay->out_ev)
		event_free(relay->out_ev);
	if (relay->soon)
		event_free(relay->soon);
	if (!relay->done)
		close_ends(relay);
	free(relay);
}

/**
 * relay_drain() - end with what the input holds now
 *
 * The command is over, but what it left running may hold the other end, and
 * write for ever.
 */
void relay_drain(struct relay *relay)
{
	int waiting = 0;

	if (relay->done || relay->bounded)
		return;
	(void)ioctl(relay->ends.in_fd, FIONREAD, &waiting);
	relay->bounded = true;
	relay->left = waiting > 0 ? (size_t)waiting : 0;
	pump(-1, 0, relay);
}

/**
 * relay_cut() - end with what the buffer holds
 */
void relay_cut(struct relay *relay)
{
	if (relay->done)
		return;
	relay->eof = true;
	pump(-1, 0, relay);
}

/**
 * relay_idle() - whether everything that was read has been written
 */
bool relay_idle(const struct relay *relay)
{
	return relay->done || relay->len == 0;
}

/**
 * relay_error() - the errno of a failed write, or 0
 */
int relay_error(const struct relay *relay)
{
	return relay->error;
}

/**
 * relay_last_byte() - the last byte that was read, 0 at first
 */
unsigned char relay_last_byte(const struct relay *relay)
{
	return relay->last;
}
