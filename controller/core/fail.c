// SPDX-License-Identifier: Apache-2.0
/*
 * Failures and the text in them.
 */
#include <config.h>

#include "controller/core/fail.h"

#include <stdarg.h>
#include <stdio.h>

/**
 * ctl_fail_hint() - say what may be done about a failure
 * @fail: its error is set already
 *
 * Return: -1 always.
 */
int ctl_fail_hint(struct ctl_fail *fail, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(fail->hint, sizeof(fail->hint), fmt, args);
	va_end(args);
	return -1;
}

/**
 * ctl_text_clean() - make text that a peer sent harmless to print
 * @text: changed in place: everything but printable ASCII becomes '?'
 */
void ctl_text_clean(char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}
