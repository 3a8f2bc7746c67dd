// SPDX-License-Identifier: Apache-2.0
/*
 * Verbs that touch what the sandbox controls run in a process of their own,
 * with the sandbox user's rights and no more: pid 1 never waits for a file
 * system, and never looks at a file with its own eyes.
 */
#include <config.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "helper/init/state.h"

#define BACKLOG 128
#define WORKER_USEC (30 * 1000000LL)

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

static _Noreturn void worker_run(const struct init *in,
				 const struct init_request *req)
{
	const Ini__Request *msg = req->msg;
	Ini__Answer answer = INI__ANSWER__INIT;
	struct pollfd room = { .fd = in->config.control_fd, .events = POLLOUT };
	bool net = msg->op_case == INI__REQUEST__OP_LISTEN ||
		   msg->op_case == INI__REQUEST__OP_DIAL;
	int fd = -1;

	(void)prctl(PR_SET_NAME, "creel-worker", 0, 0, 0);
	errno = 0;
	if (!init_identity_groups(in, NULL, 0) &&
	    !init_identity_take(in, net ? in->config.uid : msg->stat->uid,
				net ? in->config.gid : msg->stat->gid, 0))
		fd = net ? act_socket(msg, &answer) :
			   init_file_act(in, req, &answer);
	answer.seq = msg->stat->seq;
	answer.sys = fd >= 0 ? 0 : (uint32_t)errno;
	while (!init_tell_answer(in, &answer, fd))
		(void)poll(&room, 1, -1);
	_exit(0);
}

/**
 * init_worker_start() - answer a file or socket verb from a worker
 *
 * A hostile controller gets no more than a command with the same ids could do.
 */
void init_worker_start(struct init *in, struct init_request *req)
{
	struct init_worker *w = in->workers;
	Ini__Answer answer = INI__ANSWER__INIT;
	int sys = req->sys;

	while (w < in->workers + INIT_MAX_WORKERS && w->pid != 0)
		w++;
	if (sys == 0 && w == in->workers + INIT_MAX_WORKERS)
		sys = EAGAIN;
	if (sys == 0) {
		w->seq = req->msg->stat->seq;
		w->deadline_usec = init_now_usec() + WORKER_USEC;
		w->pid = init_clone(-1);
		if (w->pid == 0)
			worker_run(in, req);
		if (w->pid > 0)
			return;
		sys = errno;
		w->pid = 0;
	}
	answer.seq = req->msg->stat->seq;
	answer.sys = (uint32_t)sys;
	init_tell(in, INI__EVENT__EV_ANSWER, &answer);
}

/**
 * init_worker_reap() - a child died; answer for it where it did not
 *
 * Return: whether it was a worker.
 */
bool init_worker_reap(struct init *in, pid_t pid, int wait_status)
{
	for (size_t i = 0; i < INIT_MAX_WORKERS; i++) {
		struct init_worker *w = &in->workers[i];

		if (w->pid != pid)
			continue;
		w->pid = wait_status == 0 ? 0 : -1;
		w->sys = init_now_usec() >= w->deadline_usec ? ETIMEDOUT : EIO;
		in->untold |= wait_status != 0;
		return true;
	}
	return false;
}
