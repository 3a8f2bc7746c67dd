// SPDX-License-Identifier: Apache-2.0
/*
 * One event, one line, on stderr: "ctl[pid] sandbox=... : ...".
 */
#include <config.h>

#include "controller/core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "controller/core/fail.h"

static int most_logged;

/**
 * ctl_log_open() - begin to log
 * @most: least important level that is written
 */
void ctl_log_open(enum ctl_log_level most)
{
	most_logged = (int)most;
}

/**
 * ctl_log() - one line; what is not printable in it is replaced
 *
 * errno is preserved.
 */
void ctl_log(enum ctl_log_level level, const char *fmt, ...)
{
	int saved = errno;
	char text[400];
	va_list args;

	if ((int)level > most_logged)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ctl_text_clean(text);
	(void)dprintf(STDERR_FILENO, "ctl[%d] %s\n", (int)getpid(), text);
	errno = saved;
}
