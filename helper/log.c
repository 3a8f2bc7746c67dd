// SPDX-License-Identifier: Apache-2.0
/*
 * Log lines. No stdio buffer, no locale, no allocation: this also runs behind
 * the dispatcher's filter. Whatever a peer wrote is escaped and cut. No line
 * waits for whoever reads it: those for which there is no room are counted.
 */
#include <config.h>

#include "helper/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdbool.h>
#include <unistd.h>

#define LINE_MAX_BYTES 400

/* Set once, before the process forks. */
static bool numbered;
static unsigned int lost; /* lines, since the last that was written */

/**
 * hlp_log_levels() - begin each line as sd-daemon(3) has it
 */
void hlp_log_levels(void)
{
	numbered = true;
}

static const char *level_name(enum hlp_level level)
{
	switch (level) {
	case HLP_LOG_ERR:
		return "error: ";
	case HLP_LOG_WARN:
		return "warning: ";
	case HLP_LOG_INFO:
	case HLP_LOG_INVALID:
		return "";
	}
	return "";
}

static const char *level_prefix(enum hlp_level level)
{
	if (level == HLP_LOG_ERR)
		return "<3>";
	return level == HLP_LOG_WARN ? "<4>" : "<6>";
}

/**
 * hlp_log() - write one line
 * @fmt: constant, lower case, object first, no full stop
 *
 * Every byte that is not printable ASCII becomes \xNN. errno is preserved.
 */
void hlp_log(enum hlp_level level, const char *fmt, ...)
{
	int saved = errno;
	char text[LINE_MAX_BYTES];
	char line[96 + 4 * LINE_MAX_BYTES];
	struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
	size_t at;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	at = (size_t)snprintf(line, sizeof(line), "%shlp[%d] %s",
			      numbered ? level_prefix(level) : "",
			      (int)getpid(), level_name(level));
	if (lost)
		at += (size_t)snprintf(line + at, 32, "(%u lines lost) ", lost);
	for (const char *c = text; *c; c++) {
		if (*c >= 0x20 && *c < 0x7f)
			line[at++] = *c;
		else
			at += (size_t)snprintf(line + at, 5, "\\x%02x",
					       (unsigned char)*c);
	}
	line[at++] = '\n';
	/*
	 * poll(2) is for what hlp_stage_start() could not make non-blocking. At
	 * most PIPE_BUF bytes: all are written or none.
	 */
	lost++;
	if (poll(&room, 1, 0) == 1 && room.revents == POLLOUT &&
	    write(STDERR_FILENO, line, at) >= 0)
		lost = 0;
	errno = saved;
}
