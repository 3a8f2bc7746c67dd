// SPDX-License-Identifier: Apache-2.0
/*
 * Telling what has become of protected paths: with the command that ended,
 * to whoever keeps an audit log, and in lists.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/core/core.h"
#include "controller/core/hooks.h"
#include "controller/core/log.h"
#include "controller/core/masks.h"

struct telling {
	struct ctl_sandbox *sandbox; /* borrowed */
	struct ctl_exec *exec;       /* borrowed, NULL: nobody waits for it */
	ctl_trust_fn *fn;            /* or who else hears of it; NULL */
	void *arg;
};

static void add_warning(struct ctl_exec *exec, const char *text)
{
	if (!exec || exec->n_warnings == CTL_EXEC_WARNINGS)
		return;
	exec->warnings[exec->n_warnings] = strdup(text);
	if (exec->warnings[exec->n_warnings])
		exec->n_warnings++;
}

static void tell(void *arg, const char *path, bool appeared)
{
	struct telling *telling = arg;
	struct ctl_sandbox *sandbox = telling->sandbox;
	char text[CTL_WATCH_TEXT_BYTES];

	if (appeared)
		(void)snprintf(text, sizeof(text),
			       "protected path %.60s has appeared: look at it before the host uses it",
			       path);
	else
		(void)snprintf(text, sizeof(text),
			       "protected path %.60s was replaced on the host: this sandbox can write it now",
			       path);
	add_warning(telling->exec, text);
	if (telling->fn)
		telling->fn(telling->arg, text);
	ctl_log(CTL_LOG_INFO, "sandbox=%s %s", sandbox->label.name, text);
	CTL_HOOK(sandbox->ctl, protected_path, sandbox, path, appeared);
}

/**
 * ctl_trust_look() - have protected paths of a sandbox appeared?
 * @exec: whose client hears of it, NULL: nobody's
 */
void ctl_trust_look(struct ctl_sandbox *sandbox, struct ctl_exec *exec)
{
	struct telling telling = { .sandbox = sandbox, .exec = exec };

	ctl_watch_look(sandbox->watch, false, tell, &telling);
}

/**
 * ctl_trust_look_for() - likewise, after something that was no command
 */
void ctl_trust_look_for(struct ctl_sandbox *sandbox, ctl_trust_fn *fn,
			void *arg)
{
	struct telling telling = { .sandbox = sandbox, .fn = fn, .arg = arg };

	ctl_watch_look(sandbox->watch, false, tell, &telling);
}

/**
 * ctl_trust_begin() - are the masks still there, before a command starts?
 */
void ctl_trust_begin(struct ctl_exec *exec)
{
	struct telling telling = { .sandbox = exec->sandbox,
				   .exec = exec };

	if (!exec->created)
		ctl_watch_look(exec->sandbox->watch, true, tell, &telling);
}

/**
 * ctl_trust_told() - the client has heard what there was so far
 */
void ctl_trust_told(struct ctl_exec *exec)
{
	while (exec->n_warnings > 0)
		free(exec->warnings[--exec->n_warnings]);
}

/**
 * ctl_trust_fill() - the protected paths that have appeared, for a list
 */
void ctl_trust_fill(struct ctl_sandbox *sandbox, Ctl__Item *item)
{
	size_t room = CTL_APPEARED_MAX_BYTES;
	const char *path;

	ctl_trust_look(sandbox, NULL);
	for (size_t i = 0; i < CTL_APPEARED_MAX; i++) {
		path = ctl_watch_appeared(sandbox->watch, i);
		if (!path || strlen(path) > room)
			break;
		room -= strlen(path);
		sandbox->appeared[i] = (char *)path;
		item->n_appeared = i + 1;
	}
	item->appeared = sandbox->appeared;
}
