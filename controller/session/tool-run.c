// SPDX-License-Identifier: Apache-2.0
/*
 * The sandbox backend's run(): a command of a tool, waited for until it ends or
 * goes on in the background.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "controller/session/run.h"
#include "controller/session/tool-jail.h"
#include "proto/cleanup.h"

static size_t strings_size(const char *const *list, uint32_t *count)
{
	size_t size = 0;

	for (*count = 0; list && list[*count]; (*count)++)
		size += strlen(list[*count]) + 1;
	return size;
}

static char *put_all(char *to, const char *const *list)
{
	for (; list && *list; list++)
		to = stpcpy(to, *list) + 1;
	return to;
}

static int set_strings(struct ctl_command *cmd, const struct tool_command *what,
		       struct err *err)
{
	const size_t args = strings_size(what->argv, &cmd->argc);
	const size_t env = strings_size(what->env, &cmd->envc);

	if (args + env > CTL_STRINGS_MAX_BYTES ||
	    cmd->argc + cmd->envc > CTL_MAX_STRINGS)
		return err_set(err, ERR_LIMIT, 0,
			       "command: its arguments and variables are more than %u MiB",
			       CTL_STRINGS_MAX_BYTES >> 20);
	cmd->strings = malloc(args + env + 1);
	if (!cmd->strings)
		return err_set(err, ERR_KERNEL, ENOMEM, "command");
	(void)put_all(put_all(cmd->strings, what->argv), what->env);
	cmd->len = args + env;
	for (uint32_t i = 0; i < cmd->argc + cmd->envc; i++) {
		const char *text = i < cmd->argc ? what->argv[i] :
						   what->env[i - cmd->argc];

		if (strlen(text) >= CTL_STRING_MAX_BYTES)
			return err_set(err, ERR_LIMIT, E2BIG,
				       "%s: one is longer than %u KiB",
				       i < cmd->argc ? "command" : "env",
				       CTL_STRING_MAX_BYTES >> 10);
	}
	return 0;
}

static int set_rlimits(struct ctl_command *cmd, const struct tool_command *what,
		       struct err *err)
{
	for (size_t i = 0; i < what->n_ulimits; i++) {
		Ctl__Ulimit msg = CTL__ULIMIT__INIT;

		if (cmd->n_rlimits == CTL_COMMAND_RLIMITS)
			return err_set(err, ERR_LIMIT, 0,
				       "%s: more than %d limits",
				       what->limit_key ? what->limit_key : "",
				       CTL_COMMAND_RLIMITS);
		msg.name = (char *)what->ulimits[i].name;
		msg.soft = what->ulimits[i].soft;
		msg.hard = what->ulimits[i].hard;
		if (ctl_ulimit_parse(&msg, &cmd->rlimits[cmd->n_rlimits++],
				     err) < 0)
			return -1;
	}
	cmd->limit_memory = what->limit_memory;
	cmd->limit_cpu_usec = what->limit_cpu_usec;
	cmd->memory_peak = what->limit_memory > 0;
	return 0;
}

static enum ctl_capture capture_of(const struct tool_command *what)
{
	if (what->pty)
		return CTL_CAPTURE_TTY;
	return what->split ? CTL_CAPTURE_SPLIT : CTL_CAPTURE_MERGED;
}

static int fill_command(struct ctl_command *cmd,
			const struct tool_command *what, struct err *err)
{
	cmd->filter_fd = cmd->lifeline_fd = -1;
	cmd->stdio[0] = cmd->stdio[1] = cmd->stdio[2] = -1;
	cmd->filter = CTL_FILTER_AGENT;
	cmd->capture = capture_of(what);
	cmd->timeout_ms = what->timeout_ms;
	cmd->only_env = what->only_env;
	cmd->tty = what->pty;
	cmd->rows = what->pty ? 24 : 0;
	cmd->cols = what->pty ? 80 : 0;
	cmd->input_once = what->input && !what->pty;
	if (set_strings(cmd, what, err) < 0 || set_rlimits(cmd, what, err) < 0)
		return -1;
	if (what->workdir &&
	    ctl_target_normalise(what->workdir, &cmd->workdir, err) < 0)
		return err_wrap(err, "workdir");
	return 0;
}

/* The call's own, for its first command: whoever comes back waits for that. */
static int set_token(struct ctl_command *cmd, struct ses_call *call)
{
	bool taken = call->begun;

	call->begun = true;
	memcpy(cmd->token, call->token, sizeof(cmd->token));
	while (taken ||
	       ctl_exec_find(call->ses->ctl, cmd->token,
			     sizeof(cmd->token)) ||
	       ses_run_by_token(call->ses, cmd->token)) {
		taken = false;
		if (getrandom(cmd->token, sizeof(cmd->token), 0) !=
		    (ssize_t)sizeof(cmd->token))
			return -1;
	}
	return 0;
}

static struct ctl_command *make_command(struct ses_call *call,
					const struct tool_command *what,
					struct err *err)
{
	struct ctl_command *cmd = calloc(1, sizeof(*cmd));

	if (!cmd) {
		err_set(err, ERR_KERNEL, ENOMEM, "command");
		return NULL;
	}
	if (fill_command(cmd, what, err) == 0 && set_token(cmd, call) == 0)
		return cmd;
	if (err->code == ERR_NONE)
		err_set(err, ERR_KERNEL, errno, "command");
	ctl_command_free(cmd);
	return NULL;
}

static int set_owner(struct ses_run *run, const struct ses_call *call,
		     const struct tool_command *what)
{
	run->config = strdup(call->view->config);
	run->session = strdup(call->view->session->key);
	run->shown = strdup(what->shown ? what->shown : what->argv[0]);
	run->workdir = strdup(what->workdir ? what->workdir : "/");
	return run->config && run->session && run->shown && run->workdir ? 0 :
									   -1;
}

static struct ses_run *make_run(struct ses_call *call,
				const struct tool_command *what,
				const struct ctl_command *cmd, struct err *err)
{
	struct ses_run *run = ses_run_new(call->ses, ses_call_place(call), err);

	if (!run)
		return NULL;
	memcpy(run->token, cmd->token, sizeof(run->token));
	run->keep = what->keep_output;
	run->cleanup_ms = what->cleanup_ms;
	run->max_output = what->max_output;
	run->split = what->split;
	run->oldest = what->oldest;
	run->tty = what->pty;
	run->yield_ms = what->yield_ms;
	(void)snprintf(run->limit_key, sizeof(run->limit_key), "%s",
		       what->limit_key ? what->limit_key : "");
	ses_run_begin(run);
	if (set_owner(run, call, what) == 0 &&
	    (!what->input ||
	     ses_run_give(run, what->input, what->input_len) == 0))
		return run;
	err_set(err, ERR_KERNEL, ENOMEM, "command");
	ses_run_forget(run);
	return NULL;
}

static void refuse(struct tool_call *call, tool_outcome_fn *done,
		   const struct ctl_fail *fail)
{
	struct tool_outcome outcome = { .fail = fail->err,
					.status = fail->status };

	(void)snprintf(outcome.hint, sizeof(outcome.hint), "%s", fail->hint);
	done(call, &outcome);
}

static int check_room(const struct ses_call *call,
		      const struct tool_command *what, struct ctl_fail *fail)
{
	const struct ses_run *run;
	unsigned int n = 0;

	if (!call->ses->runs)
		return 0;
	LIST_FOREACH(run, &call->ses->runs->list, link)
		n++;
	if (n >= call->ses->runs->max)
		return err_set(&fail->err, ERR_LIMIT, 0,
			       "creeld has %u commands of tools already", n);
	if (what->yield_ms != 0)
		return 0;
	return ses_run_room(call->ses, call->view->config,
			    call->view->session->key, fail);
}

static int begin(struct ses_call *call, const struct tool_command *what,
		 tool_outcome_fn *done, struct ctl_fail *fail)
{
	struct ctl_command *cmd;
	struct ctl_exec *exec;
	struct ses_run *run;

	if (!ses_call_place(call))
		return err_set(&fail->err, ERR_BAD_STATE, 0,
			       "the sandbox is gone");
	if (check_room(call, what, fail) < 0)
		return -1;
	cmd = make_command(call, what, &fail->err);
	if (!cmd)
		return -1;
	run = make_run(call, what, cmd, &fail->err);
	if (!run) {
		ctl_command_free(cmd);
		return -1;
	}
	exec = ctl_exec_enter(ses_call_place(call), cmd, NULL, 0, fail);
	if (!exec) {
		ses_run_forget(run);
		return -1;
	}
	run->call = call->call;
	run->done = done;
	call->run = run;
	ses_run_attach(run, exec);
	ctl_exec_go(exec);
	return 0;
}

/* It runs already: an earlier creeld had started it for this call. */
static int resume(struct ses_call *call, const struct tool_command *what,
		  tool_outcome_fn *done, struct ctl_fail *fail)
{
	struct ses_run *run = ses_run_by_token(call->ses, call->token);

	if (!run || run->call || run->sandbox != ses_call_place(call))
		return err_set(&fail->err, ERR_BAD_STATE, 0,
			       "nobody knows how it ended");
	call->begun = true;
	run->call = call->call;
	run->done = done;
	run->max_output = what->max_output;
	run->oldest = what->oldest;
	call->run = run;
	if (run->id[0]) {
		ses_run_answer(run);
		return 0;
	}
	run->keep = what->keep_output;
	run->cleanup_ms = what->cleanup_ms;
	ses_call_warn(call,
		      "creeld was started again meanwhile: what the command had printed before that is lost");
	ses_run_settle(run);
	if (run->gone || !call->run)
		return 0;
	if (!run->config && set_owner(run, call, what) < 0)
		ses_run_kill(run);
	if (run->state == SES_RUN_OVER)
		ses_run_answer(run);
	else if (what->yield_ms >= 0)
		ses_run_after(run, what->yield_ms);
	return 0;
}

/**
 * ses_run_start() - backend.run
 */
void ses_run_start(struct tool_call *call, const struct tool_command *what,
		   tool_outcome_fn *done)
{
	struct ses_call *owner = ses_call_of(call);
	struct ctl_fail fail = CTL_FAIL_INIT;
	int ret;

	if (what->jail) {
		ses_jail_run(call, what, done);
		return;
	}
	if (owner->again) {
		owner->again = false;
		ret = resume(owner, what, done, &fail);
	} else {
		ret = begin(owner, what, done, &fail);
	}
	if (ret < 0)
		refuse(call, done, &fail);
}

/**
 * ses_run_cancel() - nobody waits any more: it ends, with all that it started
 */
void ses_run_cancel(struct ses_call *call)
{
	if (!call->run)
		return;
	call->run->cancelled = true;
	ses_run_kill(call->run);
}

static void copy_end(const struct ses_run *run, struct tool_outcome *outcome)
{
	const struct ctl_result *result = &run->result;

	outcome->status = result->status;
	outcome->timed_out = result->timed_out;
	outcome->oom = result->oom;
	outcome->cancelled = run->cancelled;
	outcome->has_memory = result->has_memory;
	outcome->has_cpu = result->has_cpu;
	outcome->memory_peak = result->memory_peak;
	outcome->cpu_usec = result->cpu_usec;
	outcome->wall_usec = result->wall_usec;
	(void)snprintf(outcome->why, sizeof(outcome->why), "%s%s%s",
		       result->text,
		       result->oom && run->limit_key[0] ? ", " : "",
		       result->oom ? run->limit_key : "");
}

/* The end of it, or the beginning; owned. */
static char *output_of(const struct ses_run *run, const struct spool *spool,
		       size_t *len)
{
	const uint64_t there = spool->total - spool->start;
	uint64_t at = spool->start;
	char *text;
	ssize_t got;

	if (!spool->oldest && there > run->max_output)
		at = spool->total - run->max_output;
	text = malloc(run->max_output + 1);
	got = text ? spool_read(spool, &at, text, run->max_output) : 0;
	*len = got > 0 ? (size_t)got : 0;
	return text;
}

/* Who waits is let go of first: he may begin another command at once. */
static void answer(struct ses_run *run, const struct tool_outcome *outcome)
{
	struct tool_call *call = run->call;

	run->call = NULL;
	ses_call_of(call)->run = NULL;
	run->done(call, outcome);
}

/**
 * ses_run_answer() - it is over, or in the background now
 */
void ses_run_answer(struct ses_run *run)
{
	auto_free char *out = NULL;
	auto_free char *err = NULL;
	struct tool_outcome outcome = {
		.running = run->state != SES_RUN_OVER,
		.pid = run->pid,
		.out_total = run->out.spool.total,
		.err_total = run->err.spool.total,
	};
	const bool background = run->id[0] != '\0';

	(void)snprintf(outcome.id, sizeof(outcome.id), "%s", run->id);
	out = output_of(run, &run->out.spool, &outcome.out_len);
	if (run->split)
		err = output_of(run, &run->err.spool, &outcome.err_len);
	outcome.out = out ? out : "";
	outcome.err = err ? err : "";
	if (!outcome.running)
		copy_end(run, &outcome);
	/* What the answer has, poll does not tell again. */
	run->polled = run->out.spool.total;
	if (background)
		ses_run_save_polled(run);
	answer(run, &outcome);
	if (!background)
		ses_run_forget(run);
}

/**
 * ses_run_answer_fail() - it did not start, or cannot be read
 */
void ses_run_answer_fail(struct ses_run *run, const struct ctl_fail *fail)
{
	struct tool_outcome outcome = { .fail = fail->err,
					.status = fail->status };

	(void)snprintf(outcome.hint, sizeof(outcome.hint), "%s", fail->hint);
	if (run->limit_key[0])
		err_wrap(&outcome.fail, "%s", run->limit_key);
	if (run->call)
		answer(run, &outcome);
	ses_run_forget(run);
}

/**
 * ses_run_yield() - it goes on in the background, if there is room
 *
 * Else whoever waits goes on waiting, unless he did not want to wait at all.
 */
void ses_run_yield(struct ses_run *run)
{
	struct ctl_fail fail = CTL_FAIL_INIT;

	if (!run->call || run->state != SES_RUN_RUNNING || run->cancelled)
		return;
	run->polled = run->out.spool.total;
	if (ses_run_room(run->ses, run->config, run->session, &fail) == 0 &&
	    ses_run_to_background(run, &fail.err) == 0) {
		ses_run_answer(run);
		return;
	}
	if (run->yield_ms == 0)
		ses_run_answer_fail(run, &fail);
}
