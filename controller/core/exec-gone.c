// SPDX-License-Identifier: Apache-2.0
/*
 * Commands whose sandbox has gone before anybody has got their status.
 */
#include <config.h>

#include <signal.h>
#include <stdio.h>

#include "controller/core/core.h"

static void fail_with_sandbox(struct ctl_exec *exec)
{
	struct ctl_sandbox *sandbox = exec->sandbox;
	struct ctl_fail fail = CTL_FAIL_INIT;

	if (exec->ctl->why.err.code != ERR_NONE) {
		ctl_exec_fail(exec, &exec->ctl->why);
		return;
	}
	err_set(&fail.err, ERR_BAD_STATE, 0, "sandbox %.90s is gone: %s",
		sandbox->label.name,
		sandbox->ctl->ended	       ? "the helper ended" :
		sandbox->death == CTL_DEATH_NONE ? "its pid 1 was killed" :
						   "its pid 1 broke the protocol");
	if (sandbox->label.kind == CTL_KIND_SESSION)
		ctl_fail_hint(&fail, "the next creel exec makes a new one");
	ctl_exec_fail(exec, &fail);
}

static void killed_with_sandbox(struct ctl_exec *exec)
{
	const char *name = exec->sandbox->label.name;

	exec->state = CTL_EXEC_OVER;
	exec->over_at = ctl_now();
	exec->result.status = CREEL_EXIT_SIGNAL + SIGKILL;
	(void)snprintf(exec->result.text, sizeof(exec->result.text),
		       "sandbox %.60s was killed", name);
}

static void oom_with_sandbox(struct ctl_exec *exec)
{
	Ini__Exited msg = INI__EXITED__INIT;

	msg.oom = true;
	exec->state = CTL_EXEC_OVER;
	exec->over_at = ctl_now();
	ctl_result_from_init(&msg, exec->sandbox->label.memory, 0,
			     &exec->result);
}

static void orphan(struct ctl_exec *exec)
{
	if (exec->ctl->n_orphans >= CTL_MAX_EXECS) {
		ctl_exec_forget(exec);
		return;
	}
	/* It never began: whoever reads its output would wait for the end. */
	ctl_command_free(exec->cmd);
	exec->cmd = NULL;
	exec->ctl->n_orphans++;
	LIST_REMOVE(exec, link);
	exec->sandbox->n_execs--;
	LIST_INSERT_HEAD(&exec->ctl->orphans, exec, link);
	exec->state = CTL_EXEC_OVER;
	exec->sandbox = NULL;
}

/**
 * ctl_exec_sandbox_gone() - its sandbox is gone, and so is the command
 *
 * A status that nobody has got yet waits for its client.
 */
void ctl_exec_sandbox_gone(struct ctl_exec *exec)
{
	struct ctl_sandbox *sandbox = exec->sandbox;

	if (exec->state != CTL_EXEC_OVER) {
		if (sandbox->death == CTL_DEATH_NONE && sandbox->oom)
			oom_with_sandbox(exec);
		else if (sandbox->death == CTL_DEATH_ASKED ||
			 sandbox->death == CTL_DEATH_RUN_OVER)
			killed_with_sandbox(exec);
		if (exec->state == CTL_EXEC_OVER) {
			CTL_HOOK(exec->ctl, exec_over, exec, &exec->result);
			ctl_exec_tell(exec);
		}
	}
	if (exec->state != CTL_EXEC_OVER) {
		fail_with_sandbox(exec);
		return;
	}
	ctl_exec_deliver(exec);
	if (exec->claimed || exec->result.hung_up || exec->internal ||
	    sandbox->ctl->ended)
		ctl_exec_forget(exec);
	else
		orphan(exec);
}
