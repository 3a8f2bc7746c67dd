// SPDX-License-Identifier: Apache-2.0
/*
 * Folders of calls that an earlier creeld was killed in: the sandbox lives on,
 * and nobody comes back for them.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "controller/core/log.h"
#include "controller/session/logs.h"
#include "controller/session/run.h"
#include "controller/tools/python.h"
#include "proto/cleanup.h"

#define CLEAN_MS 10000

static int set_strings(struct ctl_command *cmd, const char *folder)
{
	const char *const argv[] = { "sh", "-c", PYTHON_CLEAN, "sh", folder };
	const size_t n = sizeof(argv) / sizeof(argv[0]);
	char *to;

	for (size_t i = 0; i < n; i++)
		cmd->len += strlen(argv[i]) + 1;
	cmd->strings = to = malloc(cmd->len);
	if (!to)
		return -1;
	for (size_t i = 0; i < n; i++)
		to = stpcpy(to, argv[i]) + 1;
	cmd->argc = (uint32_t)n;
	return 0;
}

static struct ctl_command *make_command(const char *folder)
{
	struct ctl_command *cmd = calloc(1, sizeof(*cmd));

	if (!cmd)
		return NULL;
	cmd->filter_fd = cmd->lifeline_fd = -1;
	cmd->stdio[0] = cmd->stdio[1] = cmd->stdio[2] = -1;
	cmd->filter = CTL_FILTER_AGENT;
	cmd->timeout_ms = CLEAN_MS;
	if (set_strings(cmd, folder) == 0 &&
	    getrandom(cmd->token, sizeof(cmd->token), 0) ==
		    (ssize_t)sizeof(cmd->token))
		return cmd;
	ctl_command_free(cmd);
	return NULL;
}

static void clean(struct ctl_sandbox *sandbox, const uint8_t *token)
{
	char folder[PYTHON_FOLDER_BYTES];
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ctl_command *cmd;
	struct ctl_exec *exec = NULL;

	python_folder(token, folder);
	cmd = make_command(folder);
	if (cmd)
		exec = ctl_exec_enter(sandbox, cmd, NULL, 0, &fail);
	if (!exec) {
		ctl_log(CTL_LOG_WARN, "sandbox=%s %s stays: %s",
			sandbox->label.name, folder, fail.err.text);
		return;
	}
	exec->internal = true;
	ctl_exec_go(exec);
}

static bool is_wanted(struct ses *ses, const struct ses_left *left)
{
	return ses_call_find(ses, left->token) ||
	       ses_run_by_token(ses, left->token) ||
	       ctl_exec_find(ses->ctl, left->token, WIRE_ID_BYTES);
}

static struct ctl_sandbox *find(struct ses *ses, const char *name)
{
	const struct ses_sandbox *record;

	LIST_FOREACH(record, &ses->sandboxes, link)
		if (record->sandbox &&
		    strcmp(record->sandbox->label.name, name) == 0)
			return record->sandbox;
	return NULL;
}

/* One that stands still is waited for. */
static void check(struct ses *ses, struct ses_left *left)
{
	struct ctl_sandbox *sandbox = find(ses, left->sandbox);

	if (sandbox && (sandbox->paused || sandbox->held))
		return;
	if (sandbox && sandbox->state == CTL_SANDBOX_LIVE)
		clean(sandbox, left->token);
	LIST_REMOVE(left, link);
	free(left);
}

/**
 * ses_briefs_tick() - remove folders that nobody came back for
 */
void ses_briefs_tick(struct ses *ses)
{
	struct ses_audit *audit = ses->audit;
	struct ses_left *left, *next;

	if (!audit->ctl || audit->ctl->n_resyncing > 0 ||
	    ctl_now() - audit->ready_at < CTL_RECLAIM_SEC)
		return;
	for (left = LIST_FIRST(&audit->lefts); left; left = next) {
		next = LIST_NEXT(left, link);
		if (!is_wanted(ses, left))
			check(ses, left);
	}
}
