// SPDX-License-Identifier: Apache-2.0
/*
 * The life of a command of a tool, between the core that runs it and whoever
 * waits for it.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include <event2/event.h>

#include "controller/core/log.h"
#include "controller/session/run.h"
#include "proto/cleanup.h"

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ses_run *run = arg;

	(void)fd;
	(void)what;
	if (run->state != SES_RUN_DRAINING) {
		ses_run_yield(run);
		return;
	}
	ses_stream_drain(&run->out);
	ses_run_finish(run);
}

/**
 * ses_run_new() - a command that is not started yet
 *
 * Return: owned by the table, or NULL.
 */
struct ses_run *ses_run_new(struct ses *ses, struct ctl_sandbox *sandbox,
			    struct err *err)
{
	struct ses_runs *runs = ses_runs_of(ses, err);
	struct ses_run *run = runs ? calloc(1, sizeof(*run)) : NULL;

	if (run) {
		run->ses = ses;
		run->sandbox = sandbox;
		if (sandbox && sandbox->session)
			run->row = sandbox->session->row;
		run->state = SES_RUN_STARTING;
		run->input.fd = -1;
		run->started_ms = ses_now_ms();
		ses_stream_init(&run->out, run);
		ses_stream_init(&run->err, run);
		LIST_INSERT_HEAD(&runs->list, run, link);
		run->timer = event_new(ses->base, -1, 0, on_timer, run);
	}
	if (run && run->timer)
		return run;
	if (run)
		ses_run_free(run);
	if (err->code == ERR_NONE)
		err_set(err, ERR_KERNEL, ENOMEM, "command");
	return NULL;
}

/**
 * ses_run_after() - on_timer() in so many milliseconds
 */
void ses_run_after(struct ses_run *run, int64_t ms)
{
	const struct timeval delay = { .tv_sec = ms / 1000,
				       .tv_usec = ms % 1000 * 1000 };

	(void)event_add(run->timer, &delay);
}

/**
 * ses_run_begin() - nothing of its output is there yet
 *
 * In memory there is room for an answer; how long that of a command that was
 * found may be is not known yet.
 */
void ses_run_begin(struct ses_run *run)
{
	const size_t least =
		run->split && !run->found ? 0 : SPOOL_MEMORY_BYTES;
	const size_t room = run->max_output > least ? run->max_output : least;

	if (!run->keep)
		run->keep = room;
	spool_begin(&run->out.spool, room, run->oldest);
	spool_begin(&run->err.spool, room, run->oldest);
}

/* Without a name: one that has can be opened anew, and waited for. */
static bool is_pipe(int fd)
{
	struct statfs where;

	return fstatfs(fd, &where) == 0 && where.f_type == PIPEFS_MAGIC;
}

/*
 * Opened anew, so that its flags are nobody else's: pid 1 has copies of what it
 * has passed, and on Linux before 6.4 O_NONBLOCK is all that keeps a pipe from
 * being waited for.
 */
static int own_pipe(int fd, int flags)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(fd)];

	if (!is_pipe(fd)) {
		errno = EPROTO;
		return -1;
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_NONBLOCK | O_CLOEXEC);
}

/* Input may have been closed already: -1. */
static int open_pipes(struct ses_run *run, const int *fds, size_t n_fds)
{
	const size_t want = run->split ? 3 : 2;

	errno = EPROTO;
	if (n_fds < want)
		return -1;
	if (fds[0] >= 0) {
		run->input.fd = own_pipe(fds[0], O_WRONLY);
		if (run->input.fd < 0)
			return -1;
	}
	if (ses_stream_listen(&run->out, own_pipe(fds[1], O_RDONLY)) < 0)
		return -1;
	return run->split ? ses_stream_listen(&run->err,
					      own_pipe(fds[2], O_RDONLY)) :
			    0;
}

static int open_terminal(struct ses_run *run, int fd)
{
	int out_fd = -1;

	errno = EPROTO;
	if (fd < 0 ||
	    ses_pump_start(&run->pump, fd, &run->input.fd, &out_fd) < 0)
		return -1;
	return ses_stream_listen(&run->out, out_fd);
}

/**
 * ses_run_open() - take the ends that pid 1 has made
 * @fds: still the caller's
 *
 * Of a terminal it is one for both ways.
 */
int ses_run_open(struct ses_run *run, const int *fds, size_t n_fds)
{
	if (run->tty)
		return open_terminal(run, n_fds > 0 ? fds[0] : -1);
	return open_pipes(run, fds, n_fds);
}

static void on_started(struct ctl_exec *exec, uint32_t pid, int *fds,
		       size_t n_fds)
{
	struct ses_run *run = exec->owner;
	struct ctl_fail fail = CTL_FAIL_INIT;

	run->pid = pid;
	run->state = SES_RUN_RUNNING;
	if (run->killed)
		ses_run_kill(run);
	if (ses_run_open(run, fds, n_fds) < 0 || ses_input_begin(run) < 0) {
		err_set(&fail.err, ERR_KERNEL, errno, "streams of the command");
		ses_run_kill(run);
		ses_run_answer_fail(run, &fail);
		return;
	}
	if (run->yield_ms == 0)
		ses_run_yield(run);
	else if (run->yield_ms > 0)
		ses_run_after(run, run->yield_ms);
}

/**
 * ses_run_over() - it has ended; what it has printed may still be to be read
 *
 * A pipe holds all of it by now. A terminal hands it on a little later, and has
 * an end only if nothing that the command left behind keeps it open.
 */
void ses_run_over(struct ses_run *run, const struct ctl_result *result)
{
	run->result = *result;
	(void)event_del(run->timer);
	run->state = SES_RUN_DRAINING;
	if (run->n_held > 0)
		return;
	if (run->tty && run->out.fd >= 0) {
		ses_run_after(run, SES_RUN_DRAIN_MS);
		return;
	}
	ses_stream_drain(&run->out);
	ses_stream_drain(&run->err);
	ses_run_finish(run);
}

static void on_over(struct ctl_exec *exec, const struct ctl_result *result)
{
	struct ses_run *run = exec->owner;

	run->exec = NULL;
	for (size_t i = 0; run->call && i < exec->n_warnings; i++)
		ses_call_warn(ses_call_of(run->call), exec->warnings[i]);
	ses_run_over(run, result);
}

static void on_failed(struct ctl_exec *exec, const struct ctl_fail *fail)
{
	struct ses_run *run = exec->owner;

	run->exec = NULL;
	if (run->id[0]) {
		run->result.status = fail->status;
		(void)snprintf(run->result.text, sizeof(run->result.text),
			       "%.90s", fail->err.text);
		ses_run_finish(run);
		return;
	}
	ses_run_answer_fail(run, fail);
}

static const struct ctl_exec_ops ops = {
	.started = on_started,
	.over = on_over,
	.failed = on_failed,
};

/**
 * ses_run_attach() - this is its command
 */
void ses_run_attach(struct ses_run *run, struct ctl_exec *exec)
{
	run->exec = exec;
	exec->internal = true;
	exec->ops = &ops;
	exec->owner = run;
}

/**
 * ses_run_kill() - it and all that it has started; on_over() follows
 */
void ses_run_kill(struct ses_run *run)
{
	run->killed = true;
	if (run->exec && run->exec->sandbox)
		ctl_init_signal(run->exec->sandbox, run->token, SIGKILL, true);
}

static void save_over(struct ses_run *run)
{
	struct store *store = run->ses->store;
	struct store_process row = {
		.status = run->result.status,
		.ended_ms = run->ended_ms,
		.timed_out = run->result.timed_out,
		.killed = run->killed,
		.why = run->result.text,
	};
	struct err err = ERR_INIT;

	memcpy(row.token, run->token, sizeof(row.token));
	if (store && store_process_over(store, &row, &err) < 0)
		ctl_log(CTL_LOG_WARN, "background process %s: %s", run->id,
			err.text);
}

static void tell(struct ses_run *run)
{
	char text[SES_EVENT_BYTES];

	(void)snprintf(text, sizeof(text), "process %s: status %u", run->id,
		       run->result.status);
	ses_events_tell(run->ses->events, "exited",
			run->sandbox ? run->sandbox->label.name : "",
			run->session, text);
}

/**
 * ses_run_finish() - all of its output has been read
 */
void ses_run_finish(struct ses_run *run)
{
	run->state = SES_RUN_OVER;
	run->ended_ms = ses_now_ms();
	(void)event_del(run->timer);
	ses_input_fini(&run->input);
	if (run->out.event)
		event_free(run->out.event);
	run->out.event = NULL;
	fd_close(&run->out.fd);
	ses_pump_end(&run->pump, run->ses->base);
	if (run->id[0]) {
		save_over(run);
		tell(run);
	}
	if (run->call)
		ses_run_answer(run);
	else if (!run->id[0] && !run->found)
		ses_run_forget(run);
}

/**
 * ses_run_free() - release, at once; its file and its row stay
 */
void ses_run_free(struct ses_run *run)
{
	if (run->exec) {
		run->exec->ops = NULL;
		run->exec->owner = NULL;
	}
	if (run->call)
		ses_call_of(run->call)->run = NULL;
	LIST_REMOVE(run, link);
	if (run->timer)
		event_free(run->timer);
	ses_stream_fini(&run->out);
	ses_stream_fini(&run->err);
	ses_input_fini(&run->input);
	ses_pump_end(&run->pump, run->ses->base);
	for (size_t i = 0; i < run->n_held; i++)
		fd_close(&run->held[i]);
	free(run->config);
	free(run->session);
	free(run->shown);
	free(run->workdir);
	free(run);
}
