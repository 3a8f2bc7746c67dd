// SPDX-License-Identifier: Apache-2.0
/*
 * Commands that an earlier creeld had started.  pid 1 has kept their pipes, the
 * store the rows of background processes, the state directory their output.
 * What is of no row was waited for: its client may come back for it.
 *
 * They are found before the rows are read, and nothing is read from a pipe
 * until it is known where that belongs.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/core/log.h"
#include "controller/session/run.h"
#include "proto/cleanup.h"

/* A sandbox says what it likes: once of each, and no more than there may be. */
static bool may_be_found(struct ses *ses, const struct ctl_exec *exec,
			 const struct ses_run *known)
{
	const struct ses_run *run;
	unsigned int n = 0;

	if (known)
		return !known->found && !known->exec &&
		       known->sandbox == exec->sandbox;
	if (!ses->runs)
		return true;
	LIST_FOREACH(run, &ses->runs->list, link)
		n++;
	return n < ses->runs->max;
}

/**
 * ses_run_found() - it runs, or its end has not been acknowledged
 * @fds: what pid 1 has kept of it; taken
 */
void ses_run_found(struct ses *ses, struct ctl_exec *exec, uint32_t pid,
		   int *fds, size_t n_fds)
{
	struct ses_run *run = ses_run_by_token(ses, exec->token);
	struct err err = ERR_INIT;

	if (n_fds == 0 || n_fds > SES_RUN_STREAMS ||
	    !may_be_found(ses, exec, run))
		return;
	if (!run)
		run = ses_run_new(ses, exec->sandbox, &err);
	if (!run) {
		ctl_log(CTL_LOG_WARN, "%s", err.text);
		return;
	}
	memcpy(run->token, exec->token, sizeof(run->token));
	run->found = true;
	run->found_at = ctl_now();
	run->pid = pid;
	run->tty = n_fds == 1;
	run->split = n_fds > 2;
	run->yield_ms = -1;
	run->state = SES_RUN_RUNNING;
	for (size_t i = 0; i < n_fds; i++)
		run->held[i] = fd_take(&fds[i]);
	run->n_held = n_fds;
	ses_run_attach(run, exec);
	if (ses->runs->loaded)
		ses_run_settle(run);
}

/**
 * ses_run_settle() - read from a command that was found
 *
 * One of no row begins anew, in memory.
 */
void ses_run_settle(struct ses_run *run)
{
	const bool over = run->state == SES_RUN_DRAINING;
	const size_t n = run->n_held;
	struct ctl_result result = run->result;

	if (n == 0)
		return;
	run->n_held = 0;
	if (run->out.spool.fd < 0)
		ses_run_begin(run);
	if (ses_run_open(run, run->held, n) < 0) {
		ctl_log(CTL_LOG_WARN, "a command that was found: %s",
			strerrordesc_np(errno));
		ses_run_kill(run);
	}
	for (size_t i = 0; i < n; i++)
		fd_close(&run->held[i]);
	if (over)
		ses_run_over(run, &result);
}

struct load {
	struct ses *ses;
	bool failed;
};

static struct ses_sandbox *record_of(struct ses *ses, int64_t row)
{
	struct ses_sandbox *record;

	LIST_FOREACH(record, &ses->sandboxes, link)
		if (row && record->row == row && record->sandbox)
			return record;
	return NULL;
}

static int take_texts(struct ses_run *run, const struct store_process *row,
		      const struct ses_sandbox *record)
{
	run->config = strdup(record ? record->config : "");
	run->session = strdup(row->session);
	run->shown = strdup(row->command);
	run->workdir = strdup(row->workdir);
	return run->config && run->session && run->shown && run->workdir ? 0 :
									   -1;
}

static void take_end(struct ses_run *run, const struct store_process *row)
{
	run->killed = row->killed;
	if (!row->over) {
		run->state = run->found ? run->state : SES_RUN_RUNNING;
		return;
	}
	run->state = SES_RUN_OVER;
	run->ended_ms = row->ended_ms;
	run->result.status = row->status;
	run->result.timed_out = row->timed_out;
	(void)snprintf(run->result.text, sizeof(run->result.text), "%s",
		       row->why);
}

static void take_row(struct ses_run *run, const struct store_process *row)
{
	struct err err = ERR_INIT;
	auto_fd fd = -1;

	memcpy(run->token, row->token, sizeof(run->token));
	(void)snprintf(run->id, sizeof(run->id), "%s", row->name);
	(void)snprintf(run->file, sizeof(run->file), "%s", row->spool);
	run->row = row->sandbox;
	run->started_ms = row->started_ms;
	run->pid = row->pid;
	run->tty = row->tty;
	run->keep = row->keep;
	run->cleanup_ms = row->cleanup_ms;
	run->polled = row->polled;
	take_end(run, row);
	fd = ses_run_file_open(run->ses, run->file, &err);
	if (fd < 0 || spool_reopen(&run->out.spool, fd, run->keep, &err) < 0) {
		if (run->sandbox)
			ctl_log(CTL_LOG_WARN, "background process %s: %s",
				run->id, err.text);
		return;
	}
	(void)fd_take(&fd);
}

static void load_row(const struct store_process *row, void *arg)
{
	struct load *load = arg;
	struct ses_sandbox *record = record_of(load->ses, row->sandbox);
	struct ses_run *run = ses_run_by_token(load->ses, row->token);
	struct err err = ERR_INIT;

	if (run && run->id[0])
		return;
	if (!run)
		run = ses_run_new(load->ses, record ? record->sandbox : NULL,
				  &err);
	if (!run || take_texts(run, row, record) < 0) {
		load->failed = true;
		return;
	}
	/* Whose sandbox is gone, or another one: it goes below. */
	if (!record || run->sandbox != record->sandbox)
		run->sandbox = NULL;
	take_row(run, row);
}

static void settle_all(struct ses *ses)
{
	struct ses_run *run, *next;

	for (run = LIST_FIRST(&ses->runs->list); run; run = next) {
		next = LIST_NEXT(run, link);
		if (!run->sandbox && run->id[0])
			ses_run_forget(run);
		else
			ses_run_settle(run);
	}
}

/**
 * ses_runs_load() - read the rows, once
 */
void ses_runs_load(struct ses *ses)
{
	struct load load = { .ses = ses };
	struct err err = ERR_INIT;
	struct ses_runs *runs = ses_runs_of(ses, &err);

	if (!runs || !ses->store || runs->loaded == ses->store)
		return;
	if (store_process_each(ses->store, load_row, &load, &err) < 0 ||
	    load.failed) {
		ctl_log(CTL_LOG_WARN, "background processes: %s",
			err.code == ERR_NONE ? "no memory" : err.text);
		return;
	}
	runs->loaded = ses->store;
	settle_all(ses);
	ses_run_files_sweep(ses);
}
