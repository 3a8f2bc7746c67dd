// SPDX-License-Identifier: Apache-2.0
/*
 * How commands end: exits, deadlines, lifelines, memory limits, and the
 * processes that nobody looks after.
 */
#include <config.h>

#include "helper/init/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define STOP_ROUNDS 64

static struct init_exec *find_pid(struct init *in, pid_t pid)
{
	for (uint32_t i = 0; i < in->n_execs; i++) {
		struct init_exec *e = &in->execs[i];

		if (e->state != INIT_EXEC_FREE &&
		    (e->monitor ? e->monitor : e->pid) == pid)
			return e;
	}
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
		if (got == (ssize_t)sizeof(note) && note.stage == 0) {
			e->pid = note.pid;
			continue;
		}
		if (got < 0 && errno == EAGAIN)
			return;
		fd_close(&e->start_fd);
		if (got == (ssize_t)sizeof(note)) {
			e->stage = (Ini__Stage)note.stage;
			e->sys = note.sys;
			return;
		}
		e->state = INIT_EXEC_RUNNING;
		init_tell_exec(in, e, INIT_TELL_START);
	}
}

static void note_oom(struct init *in, struct init_exec *e)
{
	if (in->config.cgroup_fd < 0 || e->oom)
		return;
	if (e->own_memory)
		e->oom = init_cgroup_oom_kills(in, e) > 0;
	else if (in->events_fd >= 0 && !e->killed &&
		 WIFSIGNALED(e->wait_status) &&
		 WTERMSIG(e->wait_status) == SIGKILL)
		e->oom = init_cgroup_oom_kills(in, NULL) > e->oom_kills;
}

/* The command itself is over; what it left behind lives on. */
static void ended(struct init *in, struct init_exec *e, int wait_status)
{
	init_watch_start(in, e);
	if (e->state == INIT_EXEC_STARTING) {
		e->state = INIT_EXEC_FAILED;
		if (in->config.cgroup_fd >= 0)
			(void)init_cgroup_remove(in, e->number);
		init_tell_exec(in, e, INIT_TELL_END);
		return;
	}
	if (e->state != INIT_EXEC_RUNNING)
		return;
	e->wait_status = wait_status;
	e->usage.wall_usec = (uint64_t)(init_now_usec() - e->started_usec);
	if (in->config.cgroup_fd >= 0)
		init_cgroup_usage(in, e, &e->usage);
	note_oom(in, e);
	fd_close(&e->lifeline_fd);
	e->deadline_usec = 0;
	e->state = INIT_EXEC_OVER;
	init_tell_exec(in, e, INIT_TELL_END);
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
		e->usage.has_cpu = true;
		e->usage.cpu_usec = note.cpu_usec;
		ended(in, e, note.wait_status);
	}
}

/* A monitor that died before its command takes it along: SIGKILL is true. */
static void monitor_gone(struct init *in, struct init_exec *e)
{
	init_watch_notes(in);
	e->monitor = 0;
	ended(in, e, SIGKILL);
	if (e->state == INIT_EXEC_LINGERS)
		init_exec_release(in, e);
}

static void remove_empty(struct init *in)
{
	for (uint32_t i = in->n_execs; i-- > 0;)
		if (in->execs[i].state == INIT_EXEC_LINGERS &&
		    init_cgroup_remove(in, in->execs[i].number))
			init_exec_release(in, &in->execs[i]);
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

		if (init_worker_reap(in, pid, status))
			continue;
		unknown = true;
		if (e && e->monitor == pid)
			monitor_gone(in, e);
		else if (e && e->state <= INIT_EXEC_RUNNING)
			ended(in, e, status);
	}
	if (!unknown)
		return;
	if (in->config.cgroup_fd >= 0)
		remove_empty(in);
	else
		init_watch_strays(in);
}

static bool is_ours(struct init *in, pid_t pid)
{
	for (size_t i = 0; i < INIT_MAX_WORKERS; i++)
		if (in->workers[i].pid == pid)
			return true;
	return find_pid(in, pid) != NULL;
}

/* The state letter of a process and its parent; false where it is gone. */
static bool read_stat(const struct init *in, pid_t pid, char *state, int *parent)
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
	return parent == 1 && !is_ours(in, pid);
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

/**
 * init_watch_strays() - kill what falls to pid 1 and what is below it
 *
 * Only without cgroups: there each tree hangs below its monitor, and what falls
 * to pid 1 has lost it. Stopped first, until none moves: what forks faster than
 * it is killed would never end. Each death brings us here again.
 */
void init_watch_strays(struct init *in)
{
	for (int i = 0; i < STOP_ROUNDS && signal_strays(in, SIGSTOP) > 0; i++)
		;
	(void)signal_strays(in, SIGKILL);
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
	struct init_exec *only = NULL;
	unsigned running = 0;

	if (kills == in->oom_kills)
		return;
	in->oom_kills = kills;
	for (uint32_t i = 0; i < in->n_execs; i++) {
		struct init_exec *e = &in->execs[i];

		if (e->state != INIT_EXEC_RUNNING)
			continue;
		running++;
		only = e;
		if (e->own_memory && init_cgroup_oom_kills(in, e) > 0) {
			e->oom = true;
			init_exec_kill(in, e);
		}
	}
	if (running == 1 && !only->own_memory) {
		only->oom = true;
		init_exec_kill(in, only);
	}
}

/**
 * init_watch_deadlines() - kill what has had its time
 *
 * Return: when the next deadline is, 0 for never.
 */
int64_t init_watch_deadlines(struct init *in, int64_t now_usec)
{
	int64_t next = 0;

	for (uint32_t i = 0; i < in->n_execs; i++) {
		struct init_exec *e = &in->execs[i];

		if (e->deadline_usec == 0)
			continue;
		if (e->deadline_usec <= now_usec && e->linger_usec) {
			init_exec_linger(in, e);
		} else if (e->deadline_usec <= now_usec) {
			e->deadline_usec = 0;
			e->timed_out = true;
			init_exec_kill(in, e);
		}
		if (e->deadline_usec && (!next || e->deadline_usec < next))
			next = e->deadline_usec;
	}
	for (size_t i = 0; i < INIT_MAX_WORKERS; i++) {
		struct init_worker *w = &in->workers[i];

		if (w->pid <= 0)
			continue;
		if (w->deadline_usec <= now_usec)
			(void)kill(w->pid, SIGKILL);
		else if (next == 0 || w->deadline_usec < next)
			next = w->deadline_usec;
	}
	return next;
}
