// SPDX-License-Identifier: Apache-2.0
/*
 * Error values.  Pure text formatting: no allocation, no locale, no logging.
 */
#include <config.h>

#include "proto/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/**
 * err_sys_text() - the text of an errno, without locale files
 * @sys: an errno
 *
 * Return: a static string, never NULL. strerror(3) may open message catalogues,
 * which no process behind a seccomp filter can.
 */
const char *err_sys_text(int sys)
{
	const char *text = strerrordesc_np(sys);

	return text ? text : "unknown error";
}

/**
 * err_set() - record a failure at its cause
 * @err:  filled
 * @code: class of the failure, shared with the wire
 * @sys:  errno to append as text, or 0
 * @fmt:  what could not be done, lower case, no full stop
 *
 * Return: -1 always, so that callers can return it. errno is preserved.
 */
int err_set(struct err *err, enum err_code code, int sys, const char *fmt, ...)
{
	int saved = errno;
	va_list args;
	int used;

	err->code = code;
	err->sys = sys;
	va_start(args, fmt);
	used = vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	if (sys && used >= 0 && (size_t)used < sizeof(err->text))
		(void)snprintf(err->text + used, sizeof(err->text) - used,
			       ": %s", err_sys_text(sys));
	errno = saved;
	return -1;
}

/**
 * err_wrap() - put context before the text of a failure
 * @err: already filled by err_set()
 * @fmt: what was being done, e.g. "mount /workspace"
 *
 * Return: -1 always. The text is cut where it grows too long.
 */
int err_wrap(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	char inner[sizeof(err->text)];
	va_list args;
	int used;

	memcpy(inner, err->text, sizeof(inner));
	va_start(args, fmt);
	used = vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	if (used >= 0 && (size_t)used < sizeof(err->text))
		(void)snprintf(err->text + used, sizeof(err->text) - used,
			       ": %s", inner);
	errno = saved;
	return -1;
}
