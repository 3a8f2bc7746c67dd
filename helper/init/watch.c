// SPDX-License-Identifier: Apache-2.0
/*
 * How commands end: exits, deadlines, lifelines, memory limits, and the
 * processes that nobody looks after.
 */
#include <config.h>

#include <dirent.h>
#include <sys/wait.h>

#include "helper/init/state.h"

#define STOP_ROUNDS 64

static struct init_exec *find_pid(struct init *in, pid_t pid)
{
	for (struct init_exec *e = in->execs; e < in->execs + in->n_execs; e++)
		if (e->state != INIT_EXEC_FREE &&
		    (in->config.cgroup_fd < 0 ? e->monitor : e->pid) == pid)
			return e;
	return NULL;
}

/**
 * init_watch_start() - the start pipe has something, or hung up
 *
 * A note says why the command did not start; a hang-up without one says that
 * execve worked, or that the process died before, which its status tells.
 */
void init_watch_start(struct init *in, struct init_exec *e)
{
	struct init_start_note note;
	ssize_t got;

	while (e->start_fd >= 0) {
		got = read(e->start_fd, &note, sizeof(note));
		if (got < 0 && errno == EAGAIN)
			return;
		if (got == (ssize_t)sizeof(note) && note.stage == 0) {
			e->pid = note.pid;
			continue;
		}
		fd_close(&e->start_fd);
		if (e->state != INIT_EXEC_STARTING)
			return;
		if (got == (ssize_t)sizeof(note)) {
			e->stage = (Ini__Stage)note.stage;
			e->sys = note.sys;
			return;
		}
		e->state = INIT_EXEC_RUNNING;
		init_tell_exec(in, e, INIT_TELL_START);
	}
}

/* The command itself is over; what it left behind lives on. */
static void ended(struct init *in, struct init_exec *e, int status)
{
	bool cgroup = in->config.cgroup_fd >= 0;

	init_watch_start(in, e);
	if (e->state == INIT_EXEC_ARMED) {
		e->state = INIT_EXEC_LINGERS;
		init_exec_linger(in, e);
	} else if (e->state == INIT_EXEC_STARTING) {
		e->state = INIT_EXEC_FAILED;
		if (cgroup)
			(void)init_cgroup_remove(in, e->number);
		init_tell_exec(in, e, INIT_TELL_END);
	} else if (e->state == INIT_EXEC_RUNNING) {
		e->end.signalled = WIFSIGNALED(status);
		e->end.status = (uint32_t)(e->end.signalled ?
						   WTERMSIG(status) :
						   WEXITSTATUS(status));
		e->end.wall_usec =
			(uint64_t)(init_now_usec() - e->started_usec);
		if (cgroup)
			init_cgroup_usage(in, e);
		if (e->own_memory || (cgroup && !e->killed &&
				      e->end.signalled &&
				      e->end.status == SIGKILL))
			e->end.oom |= init_cgroup_oom_kills(in, e) >
				      (e->own_memory ? 0 : e->oom_kills);
		fd_close(&e->lifeline_fd);
		e->deadline_usec = 0;
		e->state = INIT_EXEC_OVER;
		/* Who runs a second command may well run a third. */
		in->arm = ++in->n_ended > 1;
		init_tell_exec(in, e, INIT_TELL_END);
		init_exec_linger(in, e);
	}
}

/**
 * init_watch_notes() - read what monitors tell
 */
void init_watch_notes(struct init *in)
{
	struct init_end_note note;

	while (read(in->note_fd[0], &note, sizeof(note)) ==
	       (ssize_t)sizeof(note)) {
		struct init_exec *e = find_pid(in, note.monitor);

		if (!e)
			continue;
		e->end.has_cpu = true;
		e->end.cpu_usec = note.cpu_usec;
		ended(in, e, note.wait_status);
	}
}

/* The state letter of a process and its parent; false where it is gone. */
static bool read_stat(const struct init *in, pid_t pid, char *state,
		      int *parent)
{
	char text[256];
	const char *at;
	auto_fd fd = -1;
	ssize_t got;

	(void)snprintf(text, sizeof(text), "%d/stat", pid);
	fd = openat(in->proc_fd, text, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (got <= 0)
		return false;
	text[got] = '\0';
	/* The command's name may hold anything, so from the last one. */
	at = strrchr(text, ')');
	return at && sscanf(at, ") %c %d", state, parent) == 2;
}

/* Below a child of pid 1 that it did not make? */
static bool is_stray(struct init *in, pid_t pid, char *state)
{
	char other;
	int parent;

	if (!read_stat(in, pid, state, &parent))
		return false;
	while (parent > 1) {
		pid = parent;
		if (!read_stat(in, pid, &other, &parent))
			return false;
	}
	for (size_t i = 0; i < INIT_MAX_WORKERS; i++)
		if (in->workers[i].pid == pid)
			return false;
	return parent == 1 && !find_pid(in, pid);
}

/* Signals all strays; how many of them could still fork. */
static unsigned signal_strays(struct init *in, int sig)
{
	static _Alignas(struct dirent64) char buf[8192];
	unsigned moving = 0;
	ssize_t got;

	(void)lseek(in->proc_fd, 0, SEEK_SET);
	while ((got = getdents64(in->proc_fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < got;) {
			struct dirent64 *d = (struct dirent64 *)(buf + i);
			pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);
			char state;

			i += d->d_reclen;
			if (pid <= 1 || !is_stray(in, pid, &state))
				continue;
			moving += !strchr("TtZX", state);
			(void)kill(pid, sig);
		}
	}
	return moving;
}

/*
 * Kills what falls to pid 1 and what is below it. Only without cgroups: there
 * each tree hangs below its monitor, and what falls to pid 1 has lost it.
 * Stopped first, until none moves: what forks faster than it is killed would
 * never end. Each death brings us here again.
 */
static void kill_strays(struct init *in)
{
	for (int i = 0; i < STOP_ROUNDS && signal_strays(in, SIGSTOP) > 0; i++)
		;
	(void)signal_strays(in, SIGKILL);
}

static void reaped(struct init *in, struct init_exec *e, int status)
{
	if (e->monitor) {
		/* One that died before its command took it along. */
		init_watch_notes(in);
		e->monitor = 0;
		status = SIGKILL;
	}
	if (e->state <= INIT_EXEC_RUNNING)
		ended(in, e, status);
}

/**
 * init_watch_children() - reap everything that died
 */
void init_watch_children(struct init *in)
{
	bool unknown = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct init_exec *e = find_pid(in, pid);

		if (init_worker_reap(in, pid))
			continue;
		unknown = true;
		if (e)
			reaped(in, e, status);
	}
	if (unknown && in->config.cgroup_fd < 0)
		kill_strays(in);
	for (uint32_t i = in->n_execs; unknown && i-- > 0;)
		if (i < in->n_execs && in->execs[i].state >= INIT_EXEC_OVER)
			init_exec_linger(in, &in->execs[i]);
}

/**
 * init_watch_memory() - memory.events changed: end what the limit hit
 *
 * Where commands share the sandbox's accounting the kernel does not say whose
 * process it killed; with one command running there is no doubt.
 */
void init_watch_memory(struct init *in)
{
	uint64_t kills = init_cgroup_oom_kills(in, NULL);
	unsigned running = 0;
	char text[256];

	/* Or it would poll for ever. */
	(void)!pread(in->events_fd, text, sizeof(text), 0);
	if (kills == in->oom_kills)
		return;
	in->oom_kills = kills;
	for (uint32_t i = 0; i < in->n_execs; i++)
		running += in->execs[i].state == INIT_EXEC_RUNNING;
	for (uint32_t i = 0; i < in->n_execs; i++) {
		struct init_exec *e = &in->execs[i];

		if (e->state != INIT_EXEC_RUNNING ||
		    (e->own_memory ? !init_cgroup_oom_kills(in, e) :
				     running > 1))
			continue;
		e->end.oom = true;
		init_exec_kill(in, e);
	}
}

/**
 * init_watch_deadlines() - kill what has had its time
 *
 * Return: when the next deadline is, 0 for never.
 */
int64_t init_watch_deadlines(struct init *in, int64_t now_usec)
{
	int64_t next = INT64_MAX;

	for (uint32_t i = 0; i < in->n_execs; i++) {
		struct init_exec *e = &in->execs[i];

		if (e->deadline_usec && e->deadline_usec <= now_usec) {
			e->deadline_usec = 0;
			if (e->state >= INIT_EXEC_OVER) {
				init_exec_linger(in, e);
			} else {
				e->end.timed_out = true;
				init_exec_kill(in, e);
			}
		}
		if (e->deadline_usec && e->deadline_usec < next)
			next = e->deadline_usec;
	}
	for (size_t i = 0; i < INIT_MAX_WORKERS; i++) {
		struct init_worker *w = &in->workers[i];

		if (w->pid > 0 && w->deadline_usec <= now_usec)
			init_worker_end(w);
		else if (w->pid > 0 && w->deadline_usec < next)
			next = w->deadline_usec;
	}
	return next == INT64_MAX ? 0 : next;
}
