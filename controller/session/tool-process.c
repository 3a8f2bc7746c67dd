// SPDX-License-Identifier: Apache-2.0
/*
 * The sandbox backend's process(): background commands of the session that
 * asks, and of no other.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/session/run.h"
#include "proto/cleanup.h"

#define CHUNK_BYTES (64U << 10)

/* What is asked, by whom, of which. */
struct ask {
	struct tool_call *call;
	struct ses_call *owner;
	const struct tool_process_request *what;
	struct ses_run *run;
	tool_process_fn *done;
};

static void fill(const struct ses_run *run, struct tool_process_info *info)
{
	*info = (struct tool_process_info){
		.id = run->id,
		.command = run->shown,
		.workdir = run->workdir,
		.pid = run->pid,
		.started_ms = run->started_ms,
		.ended_ms = run->ended_ms,
		.over = run->state == SES_RUN_OVER,
		.status = run->result.status,
		.timed_out = run->result.timed_out,
		.killed = run->killed,
		.pty = run->tty,
		.output_bytes = run->out.spool.total,
		.dropped_bytes = run->out.spool.start,
	};
}

static void answer(const struct ask *ask, const struct tool_process_answer *got)
{
	struct tool_process_answer all = *got;
	struct tool_process_info info;

	fill(ask->run, &info);
	all.infos = &info;
	all.n = 1;
	ask->done(ask->call, &all);
}

static void refuse(const struct ask *ask, const struct err *err)
{
	const struct tool_process_answer none = { .fail = *err };

	ask->done(ask->call, &none);
}

static int by_start(const void *one, const void *two)
{
	const struct tool_process_info *a = one, *b = two;

	if (a->started_ms != b->started_ms)
		return a->started_ms < b->started_ms ? -1 : 1;
	return strcmp(a->id, b->id);
}

static void list(const struct ask *ask)
{
	const struct ses_view *view = ask->owner->view;
	const struct ses_runs *runs = ask->owner->ses->runs;
	struct tool_process_answer all = { .n = 0 };
	auto_free struct tool_process_info *infos = NULL;
	const struct ses_run *run;

	infos = calloc(SES_RUN_MAX + 1, sizeof(*infos));
	if (!infos) {
		err_set(&all.fail, ERR_KERNEL, ENOMEM, "processes");
		ask->done(ask->call, &all);
		return;
	}
	if (runs)
		LIST_FOREACH(run, &runs->list, link)
			if (all.n < SES_RUN_MAX &&
			    ses_run_is_of(run, view->config,
					  view->session->key))
				fill(run, &infos[all.n++]);
	qsort(infos, all.n, sizeof(*infos), by_start);
	all.infos = infos;
	ask->done(ask->call, &all);
}

/* What came since the last time, the oldest of it first. */
static void poll(const struct ask *ask)
{
	struct ses_run *run = ask->run;
	struct tool_process_answer got = { .n = 0 };
	auto_free char *text = malloc(ask->what->max_output + 1);
	uint64_t at = run->polled;
	ssize_t len;

	len = text ? spool_read(&run->out.spool, &at, text,
				ask->what->max_output) :
		     -1;
	if (len < 0) {
		err_set(&got.fail, ERR_KERNEL, text ? errno : ENOMEM, "output");
		refuse(ask, &got.fail);
		return;
	}
	got.dropped_bytes = at - run->polled;
	got.text = text;
	got.len = (size_t)len;
	if (at + got.len != run->polled) {
		run->polled = at + got.len;
		ses_run_save_polled(run);
	}
	answer(ask, &got);
}

/* Lines of what is kept: counted, and those that are wanted found. */
struct lines {
	const struct spool *spool;
	char *buf;        /* CHUNK_BYTES */
	uint64_t n;       /* seen so far; a last one without its end too */
	uint64_t from;    /* the first that is wanted */
	uint64_t begin;   /* where it begins */
	bool found;
};

static void see(struct lines *lines, uint64_t at, size_t len, bool *open)
{
	const char *next = lines->buf, *end = lines->buf + len;

	while (next < end) {
		const char *stop = memchr(next, '\n', (size_t)(end - next));

		if (!*open) {
			if (lines->n == lines->from) {
				lines->begin =
					at + (uint64_t)(next - lines->buf);
				lines->found = true;
			}
			lines->n++;
		}
		*open = !stop;
		next = stop ? stop + 1 : end;
	}
}

static int scan(struct lines *lines)
{
	uint64_t at = lines->spool->start;
	bool open = false;
	ssize_t got;

	lines->n = 0;
	lines->found = false;
	while ((got = spool_read(lines->spool, &at, lines->buf,
				 CHUNK_BYTES)) > 0) {
		see(lines, at, (size_t)got, &open);
		at += (uint64_t)got;
	}
	return got < 0 ? -1 : 0;
}

/* Which lines: without an offset the last so many. */
static int find(struct lines *lines, const struct tool_process_request *what)
{
	lines->from = what->has_offset ? what->offset : 0;
	if (scan(lines) < 0)
		return -1;
	if (what->has_offset || what->limit == 0 || lines->n <= what->limit)
		return 0;
	lines->from = lines->n - what->limit;
	return scan(lines);
}

/* At most so many lines of what was read. */
static size_t cut(const char *text, size_t len, uint64_t limit)
{
	const char *at = text, *end = text + len;

	for (uint64_t i = 0; i < limit && at < end; i++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		at = stop ? stop + 1 : end;
	}
	return limit ? (size_t)(at - text) : len;
}

static int read_lines(struct lines *lines,
		      const struct tool_process_request *what,
		      struct tool_process_answer *got, char *text)
{
	uint64_t at;
	ssize_t len;

	if (find(lines, what) < 0)
		return -1;
	got->lines = lines->n;
	got->text = text;
	if (!lines->found)
		return 0;
	at = lines->begin;
	len = spool_read(lines->spool, &at, text, what->max_output);
	if (len < 0)
		return -1;
	got->len = cut(text, (size_t)len, what->limit);
	return 0;
}

static void show_log(const struct ask *ask)
{
	struct tool_process_answer got = { .n = 0 };
	auto_free char *text = malloc(ask->what->max_output + 1);
	auto_free char *buf = malloc(CHUNK_BYTES);
	struct lines lines = { .spool = &ask->run->out.spool, .buf = buf };

	if (!text || !buf)
		err_set(&got.fail, ERR_KERNEL, ENOMEM, "output");
	else if (read_lines(&lines, ask->what, &got, text) < 0)
		err_set(&got.fail, ERR_KERNEL, errno, "output");
	if (got.fail.code != ERR_NONE)
		refuse(ask, &got.fail);
	else
		answer(ask, &got);
}

static int act(const struct ask *ask, struct err *err)
{
	const struct tool_process_request *what = ask->what;
	struct ses_run *run = ask->run;
	const bool over = run->state == SES_RUN_OVER;

	if (what->action == TOOL_PROCESS_CLEAR && !over)
		return err_set(err, ERR_BAD_STATE, 0, "it runs still");
	if (over && (what->action == TOOL_PROCESS_KILL ||
		     what->action == TOOL_PROCESS_WRITE))
		return err_set(err, ERR_BAD_STATE, 0, "it is over");
	if (what->action == TOOL_PROCESS_KILL)
		ses_run_kill(run);
	if (what->action != TOOL_PROCESS_WRITE)
		return 0;
	return ses_input_write(run, what->data ? what->data : "",
			       what->data_len, what->eof, err);
}

static void do_act(const struct ask *ask)
{
	const enum tool_process_action action = ask->what->action;
	struct tool_process_answer plain = { .n = 0 };
	struct err err = ERR_INIT;

	if (act(ask, &err) < 0) {
		refuse(ask, &err);
		return;
	}
	/* Nothing is left of it when that is said; its names last so long. */
	if (action == TOOL_PROCESS_CLEAR || action == TOOL_PROCESS_REMOVE)
		ses_run_forget(ask->run);
	answer(ask, &plain);
}

static void do_one(const struct ask *ask)
{
	switch (ask->what->action) {
	case TOOL_PROCESS_POLL:
		poll(ask);
		return;
	case TOOL_PROCESS_LOG:
		show_log(ask);
		return;
	case TOOL_PROCESS_WRITE:
	case TOOL_PROCESS_KILL:
	case TOOL_PROCESS_CLEAR:
	case TOOL_PROCESS_REMOVE:
		do_act(ask);
		return;
	case TOOL_PROCESS_LIST:
	case TOOL_PROCESS_INVALID:
		break;
	}
	refuse(ask, &(struct err){ .code = ERR_INTERNAL,
				   .text = "process: of no known kind" });
}

/**
 * ses_run_process() - backend.process
 */
void ses_run_process(struct tool_call *call,
		     const struct tool_process_request *what,
		     tool_process_fn *done)
{
	struct ask ask = { .call = call,
			   .owner = ses_call_of(call),
			   .what = what,
			   .done = done };
	const struct ses_view *view = ask.owner->view;
	struct err err = ERR_INIT;

	if (what->action == TOOL_PROCESS_LIST) {
		list(&ask);
		return;
	}
	ask.run = ses_run_by_id(ask.owner->ses, view->config,
				view->session->key, what->id ? what->id : "");
	if (ask.run) {
		do_one(&ask);
		return;
	}
	err_set(&err, ERR_BAD_REQUEST, ESRCH, "no such process");
	refuse(&ask, &err);
}
