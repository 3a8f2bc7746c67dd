// SPDX-License-Identifier: Apache-2.0
/*
 * Verbs that touch what the sandbox controls run in a process of their own,
 * with the sandbox user's rights and no more: pid 1 never waits for a file
 * system, and never looks at a file with its own eyes.
 *
 * A fork would cost more than all that most requests do, and one that is made
 * ahead is there for one request only, while its successor is forked just when
 * the next request comes.  So the first two workers stay, for a while, and
 * serve one request after another; more than two at once serve one each.  A
 * worker has no request but one: a slow one holds no other up, and is killed
 * at its deadline.  It cannot be traced, nor its descriptors be taken.  What
 * the sandbox's user can do to it is what he can do to any process of his own,
 * stop it or kill it: the request fails, the next one gets another.  Nothing
 * but descriptors and memory outlives a request, and both are as they were
 * before it.
 */
#include <config.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "helper/init/state.h"

#define BACKLOG 128
#define WORKER_USEC (30 * 1000000LL)
#define MAX_KEPT 2

/* A socket on 127.0.0.1. Dialling blocks as long as a worker may live. */
static int act_socket(const Ini__Request *msg, Ini__Answer *answer)
{
	auto_fd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)msg->dial->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr *any = (struct sockaddr *)&addr;
	socklen_t len = sizeof(addr);
	int on = 1;

	if (fd < 0)
		return -1;
	if (msg->op_case == INI__REQUEST__OP_DIAL)
		return connect(fd, any, len) ? -1 : fd_take(&fd);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, any, len) || listen(fd, BACKLOG) ||
	    getsockname(fd, any, &len))
		return -1;
	answer->port = ntohs(addr.sin_port);
	return fd_take(&fd);
}

static bool is_net(const Ini__Request *msg)
{
	return msg->op_case == INI__REQUEST__OP_LISTEN ||
	       msg->op_case == INI__REQUEST__OP_DIAL;
}

/* @sys: why it is not who it should be, 0 */
static void serve(const struct init *in, int order_fd, int sys)
{
	static struct init_request req;
	struct pollfd room = { .fd = in->config.control_fd, .events = POLLOUT };
	Ini__Answer answer = INI__ANSWER__INIT;
	struct err err = ERR_INIT;
	auto_fd fd = -1;

	if (wire_recv(order_fd, in->frame, 1, &err) != WIRE_GOT ||
	    init_request_read(in->frame, in->arena, &req, &err))
		_exit(0);
	errno = sys;
	if (!sys)
		fd = is_net(req.msg) ? act_socket(req.msg, &answer) :
				       init_file_act(in, &req, &answer);
	answer.seq = req.msg->stat->seq;
	answer.sys = fd >= 0 ? 0 : (uint32_t)errno;
	while (!init_tell_answer(in, &answer, fd))
		(void)poll(&room, 1, -1);
	init_request_fini(&req);
	/* After the answer: whoever dies before is told of. */
	if (send(order_fd, "", 1, MSG_NOSIGNAL) != 1)
		_exit(0);
}

static _Noreturn void worker_run(const struct init *in,
				 const struct init_worker *w, int order_fd)
{
	const int keep[] = { in->config.control_fd, in->workdir_fd, order_fd };
	int sys = 0;

	(void)prctl(PR_SET_NAME, "creel-worker", 0, 0, 0);
	(void)umask(0);
	errno = EPERM;
	if (init_close_others(keep, 3) || init_identity_groups(in, NULL, 0) ||
	    init_identity_take(in, w->uid, w->gid, 0) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		sys = errno;
	in->frame->n_fds = 0;
	do
		serve(in, order_fd, sys);
	while (w < in->workers + MAX_KEPT);
	_exit(0);
}

/* Asked, not told: pid 1 is not woken for it. */
static bool is_busy(struct init_worker *w)
{
	char done;

	if (w->busy && recv(w->order_fd, &done, 1, MSG_DONTWAIT) == 1)
		w->busy = false;
	return w->busy;
}

static struct init_worker *find_idle(struct init *in, uid_t uid, gid_t gid)
{
	for (struct init_worker *w = in->workers; w < in->workers + MAX_KEPT;
	     w++)
		if (w->pid > 0 && w->order_fd >= 0 && w->uid == uid &&
		    w->gid == gid && !is_busy(w))
			return w;
	return NULL;
}

static struct init_worker *fork_worker(struct init *in, uid_t uid, gid_t gid)
{
	struct init_worker *w = in->workers;
	auto_fd order_fd = -1;
	int pair[2];

	while (w < in->workers + INIT_MAX_WORKERS && w->pid != 0)
		w++;
	errno = EAGAIN;
	if (w == in->workers + INIT_MAX_WORKERS ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return NULL;
	order_fd = pair[1];
	*w = (struct init_worker){ .order_fd = pair[0],
				   .uid = uid,
				   .gid = gid };
	w->pid = init_clone(-1);
	if (w->pid == 0)
		worker_run(in, w, order_fd);
	if (w->pid > 0)
		return w;
	w->pid = 0;
	fd_close(&w->order_fd);
	return NULL;
}

/* The datagram as it came. */
static int give(const struct init *in, struct init_worker *w,
		const struct init_request *req)
{
	struct err err = ERR_INIT;

	w->seq = req->msg->stat->seq;
	w->deadline_usec = init_now_usec() + WORKER_USEC;
	if (wire_send(w->order_fd, in->frame->buf, in->frame->len, req->fd,
		      req->fd[0] >= 0, &err))
		return err.sys;
	w->busy = true;
	/* The sandbox could have stopped it. */
	(void)kill(w->pid, SIGCONT);
	return 0;
}

/**
 * init_worker_start() - have a file or socket verb answered by a worker
 *
 * A hostile controller gets no more than a command with the same ids could do.
 */
void init_worker_start(struct init *in, struct init_request *req)
{
	bool net = is_net(req->msg);
	uid_t uid = net ? in->config.uid : req->msg->stat->uid;
	gid_t gid = net ? in->config.gid : req->msg->stat->gid;
	struct init_worker *w = NULL;
	Ini__Answer answer = INI__ANSWER__INIT;
	int sys = req->sys;

	if (sys == 0) {
		w = find_idle(in, uid, gid);
		/* One that was killed a moment ago takes nothing any more. */
		if (w && give(in, w, req) == 0)
			return;
		w = fork_worker(in, uid, gid);
		sys = w ? give(in, w, req) : errno;
	}
	if (sys == 0)
		return;
	answer.seq = req->msg->stat->seq;
	answer.sys = (uint32_t)sys;
	init_tell(in, INI__EVENT__EV_ANSWER, &answer);
}

/**
 * init_worker_wait() - are the last places those of workers that exit?
 *
 * They have answered, and who asked may ask for more before they are gone;
 * a stopped one is helped on.  No request is read until they are reaped.
 */
bool init_worker_wait(struct init *in)
{
	bool wait = false;

	for (size_t i = 0; i < INIT_MAX_WORKERS; i++)
		if (in->workers[i].pid == 0)
			return false;
	for (size_t i = MAX_KEPT; i < INIT_MAX_WORKERS; i++) {
		struct init_worker *w = &in->workers[i];

		if (w->pid < 0 || is_busy(w))
			continue;
		(void)kill(w->pid, SIGKILL);
		wait = true;
	}
	return wait;
}

/**
 * init_worker_end() - it has had its time, or nothing to do for as long
 */
void init_worker_end(struct init_worker *w)
{
	(void)is_busy(w);
	(void)kill(w->pid, SIGKILL);
}

/**
 * init_worker_reap() - a child died; answer for it where it did not
 *
 * Return: whether it was a worker.
 */
bool init_worker_reap(struct init *in, pid_t pid)
{
	for (size_t i = 0; i < INIT_MAX_WORKERS; i++) {
		struct init_worker *w = &in->workers[i];

		if (w->pid != pid)
			continue;
		w->pid = is_busy(w) ? -1 : 0;
		w->sys = init_now_usec() >= w->deadline_usec ? ETIMEDOUT : EIO;
		in->untold |= w->busy;
		fd_close(&w->order_fd);
		return true;
	}
	return false;
}
