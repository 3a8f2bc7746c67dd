// SPDX-License-Identifier: Apache-2.0
/*
 * Verbs that touch what the sandbox controls run in a process of their own,
 * with the sandbox user's rights and no more: pid 1 never waits for a file
 * system, and never looks at a file with its own eyes.
 */
#include <config.h>

#include "helper/init/state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define BACKLOG 128

static struct sockaddr_in loopback(uint32_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int do_listen(const struct init_job_args *job, Ini__Answer *answer)
{
	struct sockaddr_in addr = loopback(job->port);
	socklen_t len = sizeof(addr);
	auto_fd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(fd, BACKLOG) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len))
		return -1;
	answer->port = ntohs(addr.sin_port);
	return fd_take(&fd);
}

/* Blocks at most as long as pid 1 lets the worker live. */
static int do_dial(const struct init_job_args *job)
{
	struct sockaddr_in addr = loopback(job->port);
	auto_fd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -1;
	return fd_take(&fd);
}

/* The descriptor to pass, -1 with errno; -1 with errno 0 is no descriptor. */
static int act(const struct init *in, const struct init_request *req,
	       Ini__Answer *answer)
{
	int result = -1;

	if (req->verb == INIT_VERB_OPEN)
		return init_file_open(in, &req->job, answer);
	if (req->verb == INIT_VERB_LISTEN)
		return do_listen(&req->job, answer);
	if (req->verb == INIT_VERB_DIAL)
		return do_dial(&req->job);
	if (req->verb == INIT_VERB_PUT)
		result = init_file_put(in, &req->job);
	else if (req->verb == INIT_VERB_STAT)
		result = init_file_stat(in, &req->job, answer);
	else if (req->verb == INIT_VERB_LIST_DIR)
		result = init_file_list(in, &req->job, answer);
	else
		errno = ENOSYS;
	if (result == 0)
		errno = 0;
	return -1;
}

static _Noreturn void worker_run(const struct init *in,
				 const struct init_request *req)
{
	Ini__Answer answer = INI__ANSWER__INIT;
	struct pollfd room = { .fd = in->config.control_fd, .events = POLLOUT };
	bool net = req->verb == INIT_VERB_LISTEN || req->verb == INIT_VERB_DIAL;
	gid_t gid = net ? in->config.gid : req->job.gid;
	int fd = -1;

	(void)prctl(PR_SET_NAME, "creel-worker", 0, 0, 0);
	answer.seq = req->job.seq;
	if (init_identity_groups(in, NULL, 0) == 0 &&
	    init_identity_take(in, net ? in->config.uid : req->job.uid, gid,
			       0) == 0)
		fd = act(in, req, &answer);
	answer.sys = fd >= 0 ? 0 : (uint32_t)errno;
	while (!init_tell_answer(room.fd, &answer, fd))
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

	while (w < in->workers + INIT_MAX_WORKERS && w->pid != 0)
		w++;
	in->reply_seq = req->job.seq;
	in->reply_sys = req->sys;
	if (req->sys == 0 && w == in->workers + INIT_MAX_WORKERS)
		in->reply_sys = EAGAIN;
	if (in->reply_sys) {
		init_tell_reply(in, INIT_REPLY_ANSWER);
		return;
	}
	w->pid = init_clone(-1);
	if (w->pid == 0)
		worker_run(in, req);
	if (w->pid < 0) {
		w->pid = 0;
		in->reply_sys = errno;
		init_tell_reply(in, INIT_REPLY_ANSWER);
		return;
	}
	w->seq = req->job.seq;
	w->deadline_usec = init_now_usec() + INIT_WORKER_TIMEOUT_USEC;
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
		if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) {
			w->pid = 0;
			return true;
		}
		w->sys = init_now_usec() >= w->deadline_usec ? ETIMEDOUT : EIO;
		w->pid = -1;
		in->untold = true;
		return true;
	}
	return false;
}
