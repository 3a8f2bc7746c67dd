// SPDX-License-Identifier: Apache-2.0
/*
 * A controller's lines, written by its user's helper. What the listener and
 * all helpers log to is one open file: who had it could cut it off, rewind it
 * or hold its lock. So a controller has a socket of its own in its place, and
 * what it says is named, escaped, cut and counted.
 */
#include <config.h>

#include "helper/relay.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "helper/log.h"
#include "helper/user.h"
#include "proto/cleanup.h"

#define CHUNK_BYTES 4096
#define PERIOD_MS 10000
#define MAX_LINES 500 /* a period */
#define MAX_LAST 64   /* datagrams */

/* The service manager drops lines of all users where one has too many. */
static bool is_heard(struct hlp_relay *relay)
{
	const int64_t ms = hlp_now_ms();

	if (ms >= relay->until_ms) {
		relay->until_ms = ms + PERIOD_MS;
		relay->lines = 0;
	}
	if (relay->lines == MAX_LINES)
		hlp_log(HLP_LOG_WARN, "user=%u: controller: too many lines",
			relay->uid);
	relay->lines += relay->lines <= MAX_LINES;
	return relay->lines <= MAX_LINES;
}

/**
 * hlp_relay_lines() - write what was said since
 *
 * One datagram, so that what else there is to do is not put off for ever.
 */
void hlp_relay_lines(struct hlp_relay *relay)
{
	char text[CHUNK_BYTES + 1];
	char *rest = text;
	const char *line;
	ssize_t got = recv(relay->fd, text, CHUNK_BYTES, MSG_DONTWAIT);

	if (got <= 0) {
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			fd_close(&relay->fd);
		return;
	}
	text[got] = '\0';
	while ((line = strsep(&rest, "\n")))
		if (*line && is_heard(relay))
			hlp_log(HLP_LOG_INFO, "user=%u: %s", relay->uid, line);
}

/**
 * hlp_relay_end() - write what the one that has ended said last
 */
void hlp_relay_end(struct hlp_relay *relay)
{
	for (int i = 0; i < MAX_LAST && relay->fd >= 0; i++)
		hlp_relay_lines(relay);
	fd_close(&relay->fd);
}
