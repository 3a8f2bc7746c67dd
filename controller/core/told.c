// SPDX-License-Identifier: Apache-2.0
/*
 * What clients are told, in the words of whoever asked: keys of a
 * configuration where it made the sandbox, flags where the caller did.
 */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "controller/core/core.h"

/**
 * ctl_sandbox_warn() - what the client that has a sandbox made should know
 */
void ctl_sandbox_warn(struct ctl_sandbox *sandbox, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ctl_keys_rename(sandbox->keys, text, sizeof(text));
	if (sandbox->n_warnings == CTL_SANDBOX_WARNINGS)
		return;
	sandbox->warnings[sandbox->n_warnings] = strdup(text);
	/* No memory for a warning is no reason to do without the sandbox. */
	if (sandbox->warnings[sandbox->n_warnings])
		sandbox->n_warnings++;
}

/**
 * ctl_told_fail() - name keys where the sandbox has them
 * @fail: why @exec failed; what its own caller asked for stays a flag
 */
void ctl_told_fail(const struct ctl_exec *exec, struct ctl_fail *fail)
{
	const char *text = fail->err.text;

	if ((exec->own_user && strncmp(text, "--user", 6) == 0) ||
	    (exec->own_workdir && strncmp(text, "--workdir", 9) == 0))
		return;
	ctl_fail_rename(fail, exec->sandbox->keys);
}
