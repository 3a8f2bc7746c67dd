// SPDX-License-Identifier: Apache-2.0
/*
 * Commands of tools, in the sandbox of their session.
 */
#include <config.h>

#include "controller/session/toolbox.h"

__attribute__((weak)) struct ctl_fs *ctl_fs_ask(struct ctl_sandbox *sandbox,
						Ini__Request *req, int fd,
						ctl_fs_fn *done, void *arg,
						struct err *err)
{
	(void)sandbox;
	(void)req;
	(void)fd;
	(void)done;
	(void)arg;
	err_set(err, ERR_UNSUPPORTED, 0, "files: there are none");
	return NULL;
}

__attribute__((weak)) void ctl_fs_cancel(struct ctl_fs *fs)
{
	(void)fs;
}

__attribute__((weak)) int ctl_fs_memfd(const void *bytes, size_t len,
				       struct err *err)
{
	(void)bytes;
	(void)len;
	return err_set(err, ERR_UNSUPPORTED, 0, "files: there are none");
}

/**
 * ses_run_start() - begin a command
 */
void ses_run_start(struct tool_call *call, const struct tool_command *what,
		   tool_outcome_fn *done)
{
	struct tool_outcome outcome = { .running = false };

	(void)what;
	err_set(&outcome.fail, ERR_UNSUPPORTED, 0, "commands: there are none");
	done(call, &outcome);
}

/**
 * ses_run_process() - something about a background process
 */
void ses_run_process(struct tool_call *call,
		     const struct tool_process_request *what,
		     tool_process_fn *done)
{
	struct tool_process_answer answer = { .n = 0 };

	(void)what;
	err_set(&answer.fail, ERR_UNSUPPORTED, 0, "commands: there are none");
	done(call, &answer);
}

/**
 * ses_run_cancel() - end what is waited for
 */
void ses_run_cancel(struct ses_call *call)
{
	(void)call;
}

/**
 * ses_run_found() - a command of an earlier creeld
 */
void ses_run_found(struct ses *ses, struct ctl_exec *exec, uint32_t pid,
		   int *fds, size_t n_fds)
{
	(void)ses;
	(void)exec;
	(void)pid;
	(void)fds;
	(void)n_fds;
}

/**
 * ses_runs_tick() - every few seconds
 */
void ses_runs_tick(struct ses *ses)
{
	(void)ses;
}

/**
 * ses_runs_free() - release all
 */
void ses_runs_free(struct ses *ses)
{
	(void)ses;
}
