// SPDX-License-Identifier: Apache-2.0
/*
 * The table of commands: starting, signalling, acknowledging.  watch.c learns
 * how they end.
 */
#include <config.h>

#include <linux/magic.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>

#include "helper/init/state.h"

/* How long a process that was forked ahead waits before it is let go. */
#define ARMED_USEC 1000000LL

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
	for (struct init_exec *e = in->execs; e < in->execs + in->n_execs; e++)
		if (e->state > INIT_EXEC_ARMED &&
		    !memcmp(e->token, token, WIRE_ID_BYTES))
			return e;
	return NULL;
}

static struct init_exec *find_state(struct init *in, enum init_exec_state state)
{
	for (struct init_exec *e = in->execs; e < in->execs + in->n_execs; e++)
		if (e->state == state)
			return e;
	return NULL;
}

static struct init_exec *find_free(struct init *in)
{
	struct init_exec *e = find_state(in, INIT_EXEC_FREE);

	if (!e && in->n_execs < INIT_MAX_EXECS)
		e = &in->execs[in->n_execs++];
	if (e) {
		memset(e, 0, sizeof(*e));
		e->start_fd = e->order_fd = e->lifeline_fd = -1;
		memset(e->hand_fd, -1, sizeof(e->hand_fd));
		e->stage = INI__STAGE__STAGE_SETUP;
		e->end = (Ini__Exited)INI__EXITED__INIT;
	}
	return e;
}

static void close_hand(int hand_fd[3])
{
	for (size_t i = 0; i < 3; i++)
		fd_close(&hand_fd[i]);
}

/**
 * init_exec_release() - free a slot
 */
void init_exec_release(struct init *in, struct init_exec *e)
{
	fd_close(&e->start_fd);
	fd_close(&e->order_fd);
	fd_close(&e->lifeline_fd);
	close_hand(e->hand_fd);
	e->state = INIT_EXEC_FREE;
	e->tell = 0;
	while (in->n_execs > 0 &&
	       in->execs[in->n_execs - 1].state == INIT_EXEC_FREE)
		in->n_execs--;
}

static void refuse(struct init *in, const struct init_request *req,
		   Ini__Stage stage, int sys)
{
	Ini__Failed failed = INI__FAILED__INIT;

	failed.token.data = (uint8_t *)req->token;
	failed.token.len = WIRE_ID_BYTES;
	failed.stage = stage;
	failed.sys = (uint32_t)sys;
	init_tell(in, INI__EVENT__EV_FAILED, &failed);
}

/*
 * A new terminal of the sandbox's own devpts. What /dev/pts/ptmx is gets
 * checked: root of the sandbox may have moved it.
 */
static int open_terminal(const Ini__Exec *m, int *master_fd, int *tty_fd)
{
	struct winsize size = { .ws_row = (unsigned short)m->rows,
				.ws_col = (unsigned short)m->cols };
	int fd = open("/dev/pts/ptmx",
		      O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;
	struct stat st;
	int unlock = 0;

	*master_fd = fd;
	if (fd < 0 || fstat(fd, &st) || fstatfs(fd, &fs))
		return -1;
	errno = ENXIO;
	if (st.st_rdev != makedev(5, 2) || fs.f_type != DEVPTS_SUPER_MAGIC ||
	    ioctl(fd, TIOCSPTLCK, &unlock) || ioctl(fd, TIOCSWINSZ, &size))
		return -1;
	*tty_fd = ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return *tty_fd < 0 ? -1 : 0;
}

/*
 * Of its output pid 1 holds what is read from: its end is everybody's. Whoever
 * is passed an end may open it anew, which needs a mode: creeld is another uid.
 */
static int open_pipes(Ini__Exec *m, int hand_fd[3], int fd[3])
{
	int pair[2];

	for (int i = 0; i < 3; i++) {
		if (i == 2 && m->capture == INI__CAPTURE__CAPTURE_MERGED) {
			fd[2] = fcntl(fd[1], F_DUPFD_CLOEXEC, 3);
			return fd[2] < 0 ? -1 : 0;
		}
		if (pipe2(pair, O_CLOEXEC))
			return -1;
		hand_fd[i] = pair[i == 0];
		fd[i] = pair[i != 0];
		if (fchmod(pair[0], 0666))
			return -1;
	}
	return 0;
}

/*
 * The streams that a command is not given; from here on it is as if it had
 * been. They are its user's, who may open them again by their names.
 */
static int make_streams(struct init_request *req, int hand_fd[3])
{
	Ini__Exec *m = req->msg->exec;
	uid_t old_uid = (uid_t)setfsuid(m->uid);
	gid_t old_gid = (gid_t)setfsgid(m->gid);
	int ret = m->tty     ? open_terminal(m, hand_fd, req->fd) :
		  m->capture ? open_pipes(m, hand_fd, req->fd) :
			       0;
	int saved = errno;

	(void)setfsgid(old_gid);
	(void)setfsuid(old_uid);
	errno = saved;
	m->stdio |= m->capture && !m->tty;
	m->capture = INI__CAPTURE__CAPTURE_NONE;
	return ret;
}

/* Forks with a start pipe, into a cgroup or below a monitor. 0, or -1. */
static int fork_command(struct init *in, struct init_exec *e,
			struct init_child *child)
{
	auto_fd cgroup_fd = -1;
	auto_fd start_fd = -1;
	int pipe_fd[2];
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK))
		return -1;
	e->start_fd = pipe_fd[0];
	child->start_fd = start_fd = pipe_fd[1];
	child->in = in;
	e->number = in->next_number++;
	cgroup_fd = init_cgroup_make(in, e, child->req ? child->req->msg->exec :
							 NULL);
	if (cgroup_fd < 0 && errno)
		return -1;
	pid = init_clone(cgroup_fd);
	if (pid == 0)
		init_child_run(child);
	if (pid < 0) {
		int saved = errno;

		if (cgroup_fd >= 0)
			(void)init_cgroup_remove(in, e->number);
		errno = saved;
		return -1;
	}
	*(cgroup_fd >= 0 ? &e->pid : &e->monitor) = pid;
	return 0;
}

static int launch(struct init *in, struct init_exec *e,
		  const struct init_request *req)
{
	struct init_child child = { .req = req, .order_fd = -1 };
	struct stat st;

	if (req->fd[INIT_FD_LIFELINE] >= 0 &&
	    (fstat(req->fd[INIT_FD_LIFELINE], &st) ||
	     !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))) {
		errno = EINVAL;
		return -1;
	}
	return fork_command(in, e, &child);
}

/* Hands the request on to the process that was forked ahead. */
static struct init_exec *order(struct init *in, const struct init_request *req)
{
	struct init_exec *e = find_state(in, INIT_EXEC_ARMED);
	const Ini__Exec *m = req->msg->exec;
	struct err err = ERR_INIT;
	siginfo_t dead = { 0 };
	int fds[INIT_N_FDS];
	size_t n = 0;

	if (!e || e->killed || e->start_fd < 0 || m->tty || m->memory_peak ||
	    m->limit_memory || m->limit_cpu_usec ||
	    req->profile != HLP_PROFILE_AGENT)
		return NULL;
	/* The sandbox's root, or with a single id anybody, can kill it. */
	if (waitid(P_PID, (id_t)(e->monitor ? e->monitor : e->pid), &dead,
		   WEXITED | WNOHANG | WNOWAIT) || dead.si_pid)
		return NULL;
	for (size_t i = 0; i < INIT_N_FDS; i++)
		if (req->fd[i] >= 0)
			fds[n++] = req->fd[i];
	if (wire_send_msg(e->order_fd, &req->msg->base, WIRE_FRAME_MAX_BYTES,
			  fds, n, &err))
		return NULL;
	/* With a single id commands could have stopped it. */
	(void)kill(e->pid > 0 ? e->pid : e->monitor, SIGCONT);
	fd_close(&e->order_fd);
	return e;
}

/**
 * init_exec_arm() - fork the process of the next command ahead
 *
 * Nothing is lost where that fails.
 */
void init_exec_arm(struct init *in)
{
	struct init_child child = { 0 };
	struct init_exec *e;
	auto_fd order_fd = -1;
	int pair[2];

	in->arm = false;
	/* What is starting may have a terminal, which a copy would hold. */
	if (find_state(in, INIT_EXEC_ARMED) ||
	    find_state(in, INIT_EXEC_STARTING) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return;
	child.order_fd = order_fd = pair[0];
	e = find_free(in);
	if (!e) {
		(void)close(pair[1]);
		return;
	}
	e->order_fd = pair[1];
	e->state = INIT_EXEC_ARMED;
	e->deadline_usec = init_now_usec() + ARMED_USEC;
	if (fork_command(in, e, &child))
		init_exec_release(in, e);
}

/**
 * init_exec_start() - run a command, or tell again about one that is known
 *
 * A hostile controller can only do here what the sandbox's code can do as well.
 */
void init_exec_start(struct init *in, struct init_request *req)
{
	struct init_exec *e = find(in, req->token);
	const Ini__Exec *m = req->msg->exec;
	uint64_t timeout_ms = m->timeout_ms;
	bool captured = m->capture != INI__CAPTURE__CAPTURE_NONE;
	int hand_fd[3] = { -1, -1, -1 };

	if (e) {
		if (e->state == INIT_EXEC_RUNNING)
			init_tell_exec(in, e, INIT_TELL_START);
		else if (e->state >= INIT_EXEC_OVER)
			init_tell_exec(in, e, INIT_TELL_START | INIT_TELL_END);
		return;
	}
	if (req->sys || make_streams(req, hand_fd)) {
		refuse(in, req, INI__STAGE__STAGE_SETUP,
		       req->sys ? req->sys : errno);
		close_hand(hand_fd);
		return;
	}
	e = order(in, req);
	if (!e) {
		e = find_free(in);
		if (!e || launch(in, e, req)) {
			refuse(in, req, e ? e->stage : INI__STAGE__STAGE_SETUP,
			       e ? errno : EUSERS);
			close_hand(hand_fd);
			if (e)
				init_exec_release(in, e);
			return;
		}
	}
	memcpy(e->hand_fd, hand_fd, sizeof(hand_fd));
	e->captured = captured;
	e->input_once = m->input_once && !m->tty;
	memcpy(e->token, req->token, WIRE_ID_BYTES);
	e->state = INIT_EXEC_STARTING;
	e->lifeline_fd = fd_take(&req->fd[INIT_FD_LIFELINE]);
	e->oom_kills = in->oom_kills;
	e->started_usec = init_now_usec();
	e->deadline_usec = 0;
	if (timeout_ms > 0 && timeout_ms < (uint64_t)INT64_MAX / 4000)
		e->deadline_usec = e->started_usec + (int64_t)timeout_ms * 1000;
}

/**
 * init_exec_kill() - SIGKILL to everything that a command started
 *
 * Without cgroups the monitor goes: what it looked after falls to pid 1, which
 * kills what it does not know.
 */
void init_exec_kill(struct init *in, struct init_exec *e)
{
	e->killed = true;
	if (e->empty)
		return;
	if (in->config.cgroup_fd >= 0)
		init_cgroup_kill(in, e->number);
	else if (e->monitor > 0)
		(void)kill(e->monitor, SIGKILL);
}

/**
 * init_exec_signal() - signal a command's process group, or kill its tree
 *
 * An unknown or ended command is no error: it may have ended just now.
 */
void init_exec_signal(struct init *in, struct init_request *req)
{
	const Ini__Signal *m = req->msg->signal;
	struct init_exec *e = find(in, req->token);

	if (!e || req->sys)
		return;
	if (m->tree)
		init_exec_kill(in, e);
	else if (e->state == INIT_EXEC_RUNNING && e->pid > 0)
		(void)kill(-e->pid, (int)m->signal);
}

/**
 * init_exec_linger() - let go of what an ended command holds, once it is empty
 *
 * A cgroup may count its last process for a moment after that was reaped: it is
 * tried again a few times, then when something dies.
 */
void init_exec_linger(struct init *in, struct init_exec *e)
{
	e->deadline_usec = 0;
	if (!e->empty)
		e->empty = in->config.cgroup_fd < 0 ?
				   e->monitor == 0 :
				   init_cgroup_remove(in, e->number);
	if (e->empty && e->state == INIT_EXEC_LINGERS)
		init_exec_release(in, e);
	if (e->empty || in->config.cgroup_fd < 0)
		return;
	e->linger_usec = e->linger_usec ? e->linger_usec * 4 : 1000;
	if (e->linger_usec < 1000000)
		e->deadline_usec = init_now_usec() + e->linger_usec;
}

/**
 * init_exec_ack() - the controller has the status and will not ask again
 */
void init_exec_ack(struct init *in, struct init_request *req)
{
	struct init_exec *e = find(in, req->token);

	if (!e || e->state != INIT_EXEC_OVER)
		return;
	e->tell = 0;
	e->captured = false;
	close_hand(e->hand_fd);
	e->state = INIT_EXEC_LINGERS;
	init_exec_linger(in, e);
}

/**
 * init_exec_close_input() - the controller will write no more to a command
 *
 * Without pipes there is nothing to close.
 */
void init_exec_close_input(struct init *in, struct init_request *req)
{
	struct init_exec *e = find(in, req->token);

	if (e && e->hand_fd[1] >= 0)
		fd_close(&e->hand_fd[0]);
}

/**
 * init_exec_list() - Running or Exited for each command, then Listed
 */
void init_exec_list(struct init *in, struct init_request *req)
{
	Ini__Listed listed = INI__LISTED__INIT;

	(void)req;
	for (uint32_t i = 0; i < in->n_execs; i++)
		if (in->execs[i].state > INIT_EXEC_ARMED)
			init_tell_exec(in, &in->execs[i], INIT_TELL_LIST);
	init_tell(in, INI__EVENT__EV_LISTED, &listed);
}
