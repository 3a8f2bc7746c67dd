// SPDX-License-Identifier: Apache-2.0
/*
 * The table of commands: starting, signalling, acknowledging.  watch.c learns
 * how they end.
 */
#include <config.h>

#include "helper/init/state.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "proto/cleanup.h"

/**
 * init_now_usec() - CLOCK_MONOTONIC, in microseconds
 */
int64_t init_now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static struct init_exec *find(struct init *in, const uint8_t *token)
{
	for (uint32_t i = 0; i < in->n_execs; i++)
		if (in->execs[i].state != INIT_EXEC_FREE &&
		    !memcmp(in->execs[i].token, token, WIRE_ID_BYTES))
			return &in->execs[i];
	return NULL;
}

static struct init_exec *find_free(struct init *in)
{
	for (uint32_t i = 0; i < in->n_execs; i++)
		if (in->execs[i].state == INIT_EXEC_FREE)
			return &in->execs[i];
	if (in->n_execs == INIT_MAX_EXECS)
		return NULL;
	return &in->execs[in->n_execs++];
}

static void exec_init(struct init_exec *e, const uint8_t *token)
{
	memset(e, 0, sizeof(*e));
	e->start_fd = e->lifeline_fd = e->master_fd = -1;
	e->usage = (Ini__Exited)INI__EXITED__INIT;
	memcpy(e->token, token, WIRE_ID_BYTES);
}

/**
 * init_exec_release() - free a slot
 */
void init_exec_release(struct init *in, struct init_exec *e)
{
	fd_close(&e->start_fd);
	fd_close(&e->lifeline_fd);
	fd_close(&e->master_fd);
	e->state = INIT_EXEC_FREE;
	e->tell = 0;
	while (in->n_execs > 0 &&
	       in->execs[in->n_execs - 1].state == INIT_EXEC_FREE)
		in->n_execs--;
}

static void refuse(struct init *in, const struct init_request *req, int sys)
{
	memcpy(in->reply_token, req->token, WIRE_ID_BYTES);
	in->reply_stage = INI__STAGE__STAGE_SETUP;
	in->reply_sys = sys;
	init_tell_reply(in, INIT_REPLY_FAILED);
}

/*
 * A new terminal of the sandbox's own devpts, owned by the command's user.
 * What /dev/pts/ptmx is gets checked: root of the sandbox may have moved it.
 */
static int open_master(const struct init_exec_args *args)
{
	struct winsize size = { .ws_row = (unsigned short)args->rows,
				.ws_col = (unsigned short)args->cols };
	uid_t old_uid = (uid_t)setfsuid(args->uid);
	gid_t old_gid = (gid_t)setfsgid(args->gid);
	auto_fd fd = open("/dev/pts/ptmx",
			  O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	int saved = errno;
	struct statfs fs;
	struct stat st;
	int unlock = 0;

	(void)setfsgid(old_gid);
	(void)setfsuid(old_uid);
	errno = saved;
	if (fd < 0 || fstat(fd, &st) || fstatfs(fd, &fs))
		return -1;
	if (st.st_rdev != makedev(5, 2) || fs.f_type != DEVPTS_SUPER_MAGIC) {
		errno = ENXIO;
		return -1;
	}
	if (ioctl(fd, TIOCSPTLCK, &unlock) || ioctl(fd, TIOCSWINSZ, &size))
		return -1;
	return fd_take(&fd);
}

static int check_lifeline(int fd)
{
	struct stat st;

	if (fd < 0)
		return 0;
	if (!fstat(fd, &st) && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return 0;
	errno = EINVAL;
	return -1;
}

/* Forks; in the child this does not return. */
static pid_t fork_command(struct init *in, const struct init_exec_args *args,
			  int start_fd, int tty_fd, int cgroup_fd)
{
	struct init_child child = { .in = in,
				    .args = args,
				    .start_fd = start_fd,
				    .tty_fd = tty_fd };
	pid_t pid = init_clone(cgroup_fd);

	if (pid != 0)
		return pid;
	if (in->config.cgroup_fd < 0)
		init_monitor_run(&child);
	init_child_run(&child);
}

/* Everything between a free slot and a forked process. 0, or -1 with errno. */
static int launch(struct init *in, struct init_exec *e,
		  struct init_exec_args *args)
{
	auto_fd start_fd = -1;
	auto_fd tty_fd = -1;
	auto_fd cgroup_fd = -1;
	int pipe_fd[2];
	pid_t pid;

	if (check_lifeline(args->lifeline_fd))
		return -1;
	if (args->tty) {
		e->master_fd = open_master(args);
		if (e->master_fd < 0)
			return -1;
		tty_fd = ioctl(e->master_fd, TIOCGPTPEER,
			       O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (tty_fd < 0)
			return -1;
	}
	if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK))
		return -1;
	e->start_fd = pipe_fd[0];
	start_fd = pipe_fd[1];
	e->number = in->next_number++;
	if (in->config.cgroup_fd >= 0) {
		e->own_memory = args->memory_peak;
		cgroup_fd = init_cgroup_make(in, e->number, e->own_memory);
		if (cgroup_fd < 0)
			return -1;
	}
	pid = fork_command(in, args, start_fd, tty_fd, cgroup_fd);
	if (pid < 0) {
		int saved = errno;

		if (cgroup_fd >= 0)
			(void)init_cgroup_remove(in, e->number);
		errno = saved;
		return -1;
	}
	if (in->config.cgroup_fd >= 0)
		e->pid = pid;
	else
		e->monitor = pid;
	return 0;
}

/**
 * init_exec_start() - run a command, or tell again about one that is known
 *
 * A hostile controller can only do here what the sandbox's code can do as well.
 */
void init_exec_start(struct init *in, struct init_request *req)
{
	struct init_exec *e = find(in, req->token);

	if (e) {
		if (e->state == INIT_EXEC_RUNNING)
			init_tell_exec(in, e, INIT_TELL_START);
		else if (e->state >= INIT_EXEC_OVER)
			init_tell_exec(in, e, INIT_TELL_START | INIT_TELL_END);
		return;
	}
	e = req->sys ? NULL : find_free(in);
	if (!e) {
		refuse(in, req, req->sys ? req->sys : EUSERS);
		return;
	}
	exec_init(e, req->token);
	e->oom_kills = in->oom_kills;
	e->started_usec = init_now_usec();
	if (req->exec.timeout_ms > 0 &&
	    req->exec.timeout_ms < (uint64_t)INT64_MAX / 4000)
		e->deadline_usec = e->started_usec +
				   (int64_t)req->exec.timeout_ms * 1000;
	if (launch(in, e, &req->exec)) {
		refuse(in, req, errno);
		init_exec_release(in, e);
		return;
	}
	e->lifeline_fd = fd_take(&req->exec.lifeline_fd);
	e->state = INIT_EXEC_STARTING;
}

/**
 * init_exec_kill() - SIGKILL to everything that a command started
 *
 * Without cgroups the monitor goes first: what it looked after falls to pid 1,
 * which kills what it does not know, level by level, until nothing is left.
 */
void init_exec_kill(struct init *in, struct init_exec *e)
{
	e->killed = true;
	if (in->config.cgroup_fd >= 0) {
		init_cgroup_kill(in, e->number);
	} else if (e->monitor > 0) {
		/* The session first: fewer strays to look for. */
		if (e->pid > 0 && e->state == INIT_EXEC_RUNNING)
			(void)kill(-e->pid, SIGKILL);
		(void)kill(e->monitor, SIGKILL);
	}
}

/**
 * init_exec_signal() - signal a command's process group, or kill its tree
 *
 * An unknown or ended command is no error: it may have ended just now.
 */
void init_exec_signal(struct init *in, const struct init_request *req)
{
	struct init_exec *e = find(in, req->token);

	if (!e || req->sys)
		return;
	if (req->tree)
		init_exec_kill(in, e);
	else if (e->state == INIT_EXEC_RUNNING && e->pid > 0)
		(void)kill(-e->pid, (int)req->signal);
}

/**
 * init_exec_linger() - forget a command once nothing of it is left
 *
 * A cgroup may count its last process for a moment after that was reaped: it is
 * tried again a few times, then when something dies.
 */
void init_exec_linger(struct init *in, struct init_exec *e)
{
	e->state = INIT_EXEC_LINGERS;
	if (in->config.cgroup_fd < 0 ? e->monitor == 0 :
				       init_cgroup_remove(in, e->number)) {
		init_exec_release(in, e);
		return;
	}
	e->linger_usec = e->linger_usec ? e->linger_usec * 4 : 1000;
	e->deadline_usec = in->config.cgroup_fd < 0 ||
					   e->linger_usec > 1000000 ?
				   0 :
				   init_now_usec() + e->linger_usec;
}

/**
 * init_exec_ack() - the controller has the status and will not ask again
 */
void init_exec_ack(struct init *in, const struct init_request *req)
{
	struct init_exec *e = find(in, req->token);

	if (!e || e->state != INIT_EXEC_OVER)
		return;
	e->tell = 0;
	init_exec_linger(in, e);
}

/**
 * init_exec_list() - Running or Exited for each command, then Listed
 */
void init_exec_list(struct init *in)
{
	for (uint32_t i = 0; i < in->n_execs; i++)
		if (in->execs[i].state != INIT_EXEC_FREE)
			in->execs[i].tell |= INIT_TELL_LIST;
	in->reply = INIT_REPLY_LISTED;
	in->untold = true;
	init_tell_flush(in);
}
