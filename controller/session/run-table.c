// SPDX-License-Identifier: Apache-2.0
/*
 * All commands of tools: whose they are, how many, and when they are forgotten.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include <event2/event.h>

#include "controller/core/log.h"
#include "controller/session/run.h"
#include "proto/cleanup.h"

#define FILES_OF_OTHERS 512
#define FILES_UNKNOWN 1024
#define RUNS_MOST 65536

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct ses_runs *runs = arg;
	struct ses_run *run;

	(void)fd;
	(void)what;
	while ((run = LIST_FIRST(&runs->dead)))
		ses_run_free(run);
}

/* A message whose descriptors find no room would cost a sandbox its life. */
static unsigned int most_runs(void)
{
	struct rlimit files;
	rlim_t most;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		files.rlim_cur = FILES_UNKNOWN;
	if (files.rlim_cur <= FILES_OF_OTHERS + SES_RUN_FILES)
		return 1;
	most = (files.rlim_cur - FILES_OF_OTHERS) / SES_RUN_FILES;
	return most < RUNS_MOST ? (unsigned int)most : RUNS_MOST;
}

/**
 * ses_runs_of() - the table, made when it is first needed
 */
struct ses_runs *ses_runs_of(struct ses *ses, struct err *err)
{
	struct ses_runs *runs = ses->runs;

	if (runs)
		return runs;
	runs = calloc(1, sizeof(*runs));
	if (runs)
		runs->sweep = event_new(ses->base, -1, 0, on_sweep, runs);
	if (!runs || !runs->sweep) {
		free(runs);
		err_set(err, ERR_KERNEL, ENOMEM, "commands");
		return NULL;
	}
	runs->dir_fd = -1;
	runs->max = most_runs();
	ses->runs = runs;
	return runs;
}

/**
 * ses_runs_free() - release; rows and files stay for the next creeld
 */
void ses_runs_free(struct ses *ses)
{
	struct ses_runs *runs = ses->runs;
	struct ses_run *run;

	if (!runs)
		return;
	while ((run = LIST_FIRST(&runs->list)) ||
	       (run = LIST_FIRST(&runs->dead))) {
		run->call = NULL;
		ses_run_free(run);
	}
	event_free(runs->sweep);
	fd_close(&runs->dir_fd);
	free(runs);
	ses->runs = NULL;
}

/**
 * ses_run_by_token() - in whatever session
 */
struct ses_run *ses_run_by_token(struct ses *ses, const uint8_t *token)
{
	struct ses_run *run;

	if (!ses->runs)
		return NULL;
	LIST_FOREACH(run, &ses->runs->list, link)
		if (memcmp(run->token, token, sizeof(run->token)) == 0)
			return run;
	return NULL;
}

/**
 * ses_run_is_of() - does it belong to that session, in the background?
 */
bool ses_run_is_of(const struct ses_run *run, const char *config,
		   const char *session)
{
	return run->id[0] && strcmp(run->session, session) == 0 &&
	       strcmp(run->config, config) == 0;
}

/**
 * ses_run_by_id() - a background process of a session
 */
struct ses_run *ses_run_by_id(struct ses *ses, const char *config,
			      const char *session, const char *id)
{
	struct ses_run *run;

	if (!ses->runs || !id[0])
		return NULL;
	LIST_FOREACH(run, &ses->runs->list, link)
		if (strcmp(run->id, id) == 0 &&
		    ses_run_is_of(run, config, session))
			return run;
	return NULL;
}

/* Of those that are over, the one that has been so the longest goes. */
static bool make_room(struct ses *ses, const char *config, const char *session)
{
	struct ses_run *run, *oldest = NULL;
	unsigned int n = 0;

	LIST_FOREACH(run, &ses->runs->list, link) {
		if (!ses_run_is_of(run, config, session))
			continue;
		n++;
		if (run->state == SES_RUN_OVER &&
		    (!oldest || run->ended_ms < oldest->ended_ms))
			oldest = run;
	}
	if (n < SES_RUN_MAX)
		return true;
	if (oldest)
		ses_run_forget(oldest);
	return oldest != NULL;
}

/**
 * ses_run_room() - may a session have one more background process?
 */
int ses_run_room(struct ses *ses, const char *config, const char *session,
		 struct ctl_fail *fail)
{
	if (!ses->runs || make_room(ses, config, session))
		return 0;
	err_set(&fail->err, ERR_LIMIT, 0,
		"%d background processes of this session run already",
		SES_RUN_MAX);
	return ctl_fail_hint(fail,
			     "process kill ends one, process remove forgets one");
}

static int make_id(struct ses_run *run, struct err *err)
{
	struct ses_run *other;
	uint32_t number;

	do {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return err_set(err, ERR_KERNEL, errno, "random number");
		(void)snprintf(run->id, sizeof(run->id), "%08x", number);
		LIST_FOREACH(other, &run->ses->runs->list, link)
			if (other != run && strcmp(other->id, run->id) == 0)
				break;
	} while (other);
	return 0;
}

static int insert(struct ses_run *run, struct err *err)
{
	struct store_process row = {
		.sandbox = run->row,
		.session = run->session,
		.name = run->id,
		.command = run->shown,
		.spool = run->file,
		.workdir = run->workdir,
		.started_ms = run->started_ms,
		.pid = run->pid,
		.tty = run->tty,
		.keep = run->keep,
		.cleanup_ms = run->cleanup_ms,
		.polled = run->polled,
	};

	memcpy(row.token, run->token, sizeof(row.token));
	return store_process_insert(run->ses->store, &row, err);
}

/**
 * ses_run_to_background() - it gets an id, a row and a file
 *
 * Return: 0 or -1: it is as it was.
 */
int ses_run_to_background(struct ses_run *run, struct err *err)
{
	if (!run->ses->store)
		return err_set(err, ERR_BAD_STATE, 0,
			       "sessions: there is no store");
	if (make_id(run, err) == 0 &&
	    (run->file[0] || ses_run_file_new(run, err) == 0) &&
	    insert(run, err) == 0)
		return 0;
	run->id[0] = '\0';
	return -1;
}

/**
 * ses_run_save_polled() - so far poll has told its output
 */
void ses_run_save_polled(struct ses_run *run)
{
	struct err err = ERR_INIT;

	if (run->ses->store &&
	    store_process_polled(run->ses->store, run->token, run->polled,
				 &err) < 0)
		ctl_log(CTL_LOG_WARN, "background process %s: %s", run->id,
			err.text);
}

/**
 * ses_run_forget() - it goes, and so do its row and its file
 *
 * Whoever is above on the stack may still look at it.
 */
void ses_run_forget(struct ses_run *run)
{
	struct ses_runs *runs = run->ses->runs;
	struct err err = ERR_INIT;

	if (run->gone)
		return;
	run->gone = true;
	if (run->exec) {
		ses_run_kill(run);
		run->exec->ops = NULL;
		run->exec->owner = NULL;
		run->exec = NULL;
	}
	if (run->id[0] && run->ses->store &&
	    store_process_delete(run->ses->store, run->token, &err) < 0)
		ctl_log(CTL_LOG_WARN, "background process %s: %s", run->id,
			err.text);
	ses_run_file_remove(run);
	ses_input_fini(&run->input);
	ses_stream_fini(&run->out);
	ses_stream_fini(&run->err);
	ses_pump_end(&run->pump, run->ses->base);
	(void)event_del(run->timer);
	LIST_REMOVE(run, link);
	LIST_INSERT_HEAD(&runs->dead, run, link);
	event_active(runs->sweep, EV_TIMEOUT, 0);
}

/**
 * ses_runs_sandbox_gone() - background processes go with their sandbox
 */
void ses_runs_sandbox_gone(struct ses *ses, const struct ctl_sandbox *sandbox)
{
	struct ses_run *run, *next;

	if (!ses->runs)
		return;
	for (run = LIST_FIRST(&ses->runs->list); run; run = next) {
		next = LIST_NEXT(run, link);
		if (run->sandbox != sandbox)
			continue;
		run->sandbox = NULL;
		if (!run->call)
			ses_run_forget(run);
	}
}

/* An earlier creeld was told of its end, and this one was not. */
static void end_unknown(struct ses_run *run)
{
	run->result.status = CREEL_EXIT_FAILED;
	(void)snprintf(run->result.text, sizeof(run->result.text),
		       "nobody knows how it ended");
	ses_run_finish(run);
}

static void check_one(struct ses_run *run, int64_t now_ms)
{
	const bool waits = run->found && !run->id[0] && !run->call &&
			   run->ses->runs->loaded;

	if (waits && ctl_now() - run->found_at >= CTL_RECLAIM_SEC) {
		ses_run_forget(run);
		return;
	}
	if (!run->id[0])
		return;
	if (run->state == SES_RUN_RUNNING && !run->exec && run->sandbox &&
	    !run->sandbox->resyncing)
		end_unknown(run);
	if (run->state == SES_RUN_OVER &&
	    now_ms - run->ended_ms >= (int64_t)run->cleanup_ms)
		ses_run_forget(run);
}

/**
 * ses_runs_tick() - forget those that are over for long enough
 */
void ses_runs_tick(struct ses *ses)
{
	const int64_t now_ms = ses_now_ms();
	struct ses_run *run, *next;

	ses_runs_load(ses);
	if (!ses->runs)
		return;
	for (run = LIST_FIRST(&ses->runs->list); run; run = next) {
		next = LIST_NEXT(run, link);
		check_one(run, now_ms);
	}
}
