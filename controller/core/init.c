// SPDX-License-Identifier: Apache-2.0
/*
 * Talking to creel-init.  What it says may come from sandboxed code that has
 * taken it over: a message counts for the sandbox that its socket belongs to
 * and for nothing else, unknown tokens are passed over, and nonsense costs the
 * sandbox its life.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "controller/core/core.h"
#include "controller/core/fs.h"
#include "controller/core/log.h"
#include "proto/cleanup.h"

#define MAX_STREAMS 3
#define ANSWER_MAX_BYTES (64 << 20)

static void violation(struct ctl_sandbox *sandbox, const char *what)
{
	ctl_log(CTL_LOG_WARN, "sandbox=%s pid 1: %s", sandbox->label.name,
		what);
	ctl_sandbox_kill(sandbox, CTL_DEATH_VIOLATION);
}

/**
 * ctl_init_send() - send a request to a sandbox's pid 1
 *
 * Return: 0, also where it is gone, or -1.
 */
int ctl_init_send(struct ctl_sandbox *sandbox, Ini__Request *req,
		  const int *fds, size_t n_fds, struct err *err)
{
	return ctl_conn_send(&sandbox->init, &req->base, fds, n_fds, err);
}

/* Only the sandbox's own commands; whose token it is proves nothing. */
static struct ctl_exec *own_exec(struct ctl_sandbox *sandbox,
				 const ProtobufCBinaryData *token)
{
	struct ctl_exec *exec;

	if (token->len != WIRE_ID_BYTES)
		return NULL;
	exec = ctl_exec_find(sandbox->ctl, token->data, token->len);
	return exec && exec->sandbox == sandbox ? exec : NULL;
}

/* A command that an earlier controller had started. */
static struct ctl_exec *adopt_exec(struct ctl_sandbox *sandbox,
				   const ProtobufCBinaryData *token)
{
	struct ctl_exec *exec;

	if (!sandbox->resyncing || token->len != WIRE_ID_BYTES ||
	    sandbox->n_execs >= CTL_MAX_EXECS ||
	    ctl_exec_find(sandbox->ctl, token->data, token->len))
		return NULL;
	exec = ctl_exec_new(sandbox, token->data);
	if (!exec)
		return NULL;
	exec->state = CTL_EXEC_RUNNING;
	ctl_pause_found(exec);
	return exec->buried ? NULL : exec;
}

/*
 * Only what can neither block nor be anything else: a pipe, or the master of a
 * terminal. -1: nonsense. @keep: its flags are somebody else's.
 */
static int check_stream(int fd, bool keep)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags < 0 || (flags & O_PATH) || fstat(fd, &st) < 0 ||
	    !(S_ISFIFO(st.st_mode) ||
	      (S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 2))))
		return -1;
	return keep ? 0 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* How many there are, the one that is closed too; -1: nonsense. */
static int take_streams(struct wire_frame *frame, bool input_closed,
			bool keep, int fds[MAX_STREAMS])
{
	int n = 0;

	if (frame->n_fds + input_closed > MAX_STREAMS)
		return -1;
	for (size_t i = 0; i < MAX_STREAMS; i++)
		fds[i] = -1;
	n += input_closed;
	for (size_t i = 0; i < frame->n_fds; i++)
		fds[n++] = frame->fds[i];
	for (size_t i = 0; i < frame->n_fds; i++)
		if (check_stream(frame->fds[i], keep) < 0)
			return -1;
	/* From here on they are whose they are given to. */
	for (size_t i = 0; i < frame->n_fds; i++)
		(void)wire_frame_take_fd(frame, i);
	return n;
}

static void close_streams(int fds[MAX_STREAMS])
{
	for (size_t i = 0; i < MAX_STREAMS; i++)
		fd_close(&fds[i]);
}

static void on_started(struct ctl_sandbox *sandbox, const Ini__Started *msg,
		       struct wire_frame *frame)
{
	struct ctl_exec *exec = own_exec(sandbox, &msg->token);
	int fds[MAX_STREAMS];
	/* A client's terminal is his, to use as he likes. */
	int n = take_streams(frame, msg->input_closed, exec && !exec->internal,
			     fds);

	if (n < 0) {
		violation(sandbox, "streams that are none");
		return;
	}
	if (exec && exec->state == CTL_EXEC_SENT)
		ctl_exec_started(exec, msg->pid, fds, (size_t)n);
	close_streams(fds);
}

static void on_running(struct ctl_sandbox *sandbox, const Ini__Running *msg,
		       struct wire_frame *frame)
{
	struct ctl_exec *exec;
	int fds[MAX_STREAMS];
	int n = take_streams(frame, msg->input_closed, false, fds);

	if (n < 0) {
		violation(sandbox, "streams that are none");
		return;
	}
	exec = adopt_exec(sandbox, &msg->token);
	if (exec) {
		CTL_HOOK(sandbox->ctl, exec_found, exec, msg->pid, fds,
			 (size_t)n);
		exec->internal |= exec->ops != NULL;
	}
	close_streams(fds);
}

static void on_failed(struct ctl_sandbox *sandbox, const Ini__Failed *msg)
{
	struct ctl_exec *exec = own_exec(sandbox, &msg->token);
	struct ctl_fail fail = CTL_FAIL_INIT;

	if (!exec || exec->state != CTL_EXEC_SENT)
		return;
	if ((int)msg->stage == INI__STAGE__STAGE_APPARMOR)
		ctl_fail_from_apparmor(msg->sys < 4096 ? (int)msg->sys : 0,
				       sandbox->label.apparmor, &fail);
	else
		ctl_fail_from_init(msg, exec->name ? exec->name : "command",
				   &fail);
	ctl_exec_fail(exec, &fail);
}

static void on_exited(struct ctl_sandbox *sandbox, const Ini__Exited *msg)
{
	struct ctl_exec *exec = own_exec(sandbox, &msg->token);
	struct ctl_result result;

	if (!exec)
		exec = adopt_exec(sandbox, &msg->token);
	if (!exec) {
		if (msg->token.len == WIRE_ID_BYTES &&
		    sandbox->state == CTL_SANDBOX_LIVE)
			ctl_init_ack(sandbox, msg->token.data);
		return;
	}
	if (exec->state != CTL_EXEC_SENT && exec->state != CTL_EXEC_RUNNING)
		return;
	ctl_result_from_init(msg, exec->limit_memory ? exec->limit_memory :
						       sandbox->label.memory,
			     exec->timeout_ms, &result);
	ctl_exec_over(exec, &result);
}

static int read_passwd(int fd, struct ctl_exec *exec, struct err *err)
{
	auto_free char *text = NULL;
	struct stat st;
	ssize_t got;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--user: /etc/passwd of the image is no regular file");
	if (st.st_size > CTL_PASSWD_MAX_BYTES)
		return err_set(err, ERR_LIMIT, 0,
			       "--user: /etc/passwd of the image is larger than %d bytes",
			       CTL_PASSWD_MAX_BYTES);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return err_set(err, ERR_KERNEL, ENOMEM, "--user");
	got = pread(fd, text, (size_t)st.st_size, 0);
	if (got < 0)
		return err_set(err, ERR_KERNEL, errno,
			       "--user: /etc/passwd of the image");
	return ctl_user_from_passwd(text, (size_t)got, &exec->user, err);
}

static struct ctl_exec *waiting_for(struct ctl_sandbox *sandbox, uint32_t seq)
{
	struct ctl_exec *exec;

	LIST_FOREACH(exec, &sandbox->execs, link)
		if (exec->state == CTL_EXEC_WAITING && exec->lookup_seq &&
		    exec->lookup_seq == seq)
			return exec;
	return NULL;
}

/*
 * An answer that is what it should be is closed here, which takes no longer
 * than it is large; the frame lets go of any other.
 */
static void close_answer(struct wire_frame *frame)
{
	const int fixed = F_SEAL_SHRINK | F_SEAL_GROW;
	int fd = frame->n_fds > 0 ? frame->fds[0] : -1;
	int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & fixed) != fixed || fstat(fd, &st) < 0 ||
	    st.st_size > ANSWER_MAX_BYTES)
		return;
	fd = wire_frame_take_fd(frame, 0);
	fd_close(&fd);
}

static void on_answer(struct ctl_sandbox *sandbox, const Ini__Answer *msg,
		      struct wire_frame *frame)
{
	const int fd = frame->n_fds > 0 ? frame->fds[0] : -1;
	struct ctl_exec *exec = waiting_for(sandbox, msg->seq);
	struct ctl_fail fail = CTL_FAIL_INIT;
	int ret = 0;

	if (!exec) {
		(void)ctl_fs_answer(sandbox, msg, fd);
		close_answer(frame);
		return;
	}
	/* A user given by number needs no passwd. */
	if (fd >= 0 && msg->sys == 0)
		ret = read_passwd(fd, exec, &fail.err);
	else if (!exec->user.resolved)
		ret = err_set(&fail.err, ERR_BAD_REQUEST, 0,
			      "--user %s: the image has no /etc/passwd",
			      exec->user.name);
	if (ret < 0)
		ctl_exec_fail(exec, &fail);
	else
		ctl_exec_go(exec);
}

static void on_event(struct ctl_sandbox *sandbox, const Ini__Event *ev,
		     struct wire_frame *frame)
{
	if (frame->n_fds > 0 && ev->ev_case != INI__EVENT__EV_STARTED &&
	    ev->ev_case != INI__EVENT__EV_RUNNING &&
	    ev->ev_case != INI__EVENT__EV_ANSWER)
		violation(sandbox, "descriptors that do not belong there");
	else if (ev->ev_case == INI__EVENT__EV_STARTED)
		on_started(sandbox, ev->started, frame);
	else if (ev->ev_case == INI__EVENT__EV_FAILED)
		on_failed(sandbox, ev->failed);
	else if (ev->ev_case == INI__EVENT__EV_EXITED)
		on_exited(sandbox, ev->exited);
	else if (ev->ev_case == INI__EVENT__EV_RUNNING)
		on_running(sandbox, ev->running, frame);
	else if (ev->ev_case == INI__EVENT__EV_LISTED)
		ctl_sandbox_resynced(sandbox);
	else if (ev->ev_case == INI__EVENT__EV_ANSWER)
		on_answer(sandbox, ev->answer, frame);
	else if (ev->ev_case != INI__EVENT__EV_READY &&
		 ev->ev_case != INI__EVENT__EV_PONG)
		violation(sandbox, "an event of no kind");
}

static void on_frame(struct ctl_conn *conn, struct wire_frame *frame)
{
	struct ctl_sandbox *sandbox =
		container_of(conn, struct ctl_sandbox, init);
	struct ctl *ctl = sandbox->ctl;
	struct err err = ERR_INIT;
	ProtobufCMessage *msg;

	/* Of a sandbox that broke the protocol nothing more is believed. */
	if (sandbox->death == CTL_DEATH_VIOLATION)
		return;
	msg = wire_unpack(&ini__event__descriptor, &ctl->arena, frame->buf,
			  frame->len, &err);
	if (!msg)
		violation(sandbox, err.text);
	else
		on_event(sandbox, (const Ini__Event *)msg, frame);
}

static void on_end(struct ctl_conn *conn, const struct err *why)
{
	struct ctl_sandbox *sandbox =
		container_of(conn, struct ctl_sandbox, init);

	/* Open until nothing is left of who sends: what waits in it may wait. */
	ctl_conn_read(conn, false);
	if (sandbox->state != CTL_SANDBOX_LIVE)
		return;
	if (why->code == ERR_NONE)
		ctl_sandbox_kill(sandbox, CTL_DEATH_NONE);
	else
		violation(sandbox, why->text);
}

static const struct ctl_conn_ops init_ops = {
	.foreign = true,
	.max_in_fds = MAX_STREAMS,
	.max_out_bytes = WIRE_FRAME_MAX_BYTES,
	.max_queue_bytes = 16U << 20,
	.on_frame = on_frame,
	.on_end = on_end,
};

/**
 * ctl_init_open() - begin to talk to a sandbox's pid 1
 * @fd: taken over on success
 *
 * Return: 0 or -1.
 */
int ctl_init_open(struct ctl_sandbox *sandbox, int fd)
{
	struct ctl *ctl = sandbox->ctl;

	return ctl_conn_open(&sandbox->init, ctl->base, fd, &init_ops,
			     ctl->buf);
}

/**
 * ctl_init_seq() - the number of the next request that is answered
 */
uint32_t ctl_init_seq(struct ctl_sandbox *sandbox)
{
	if (++sandbox->answer_seq == 0)
		sandbox->answer_seq = 1;
	return sandbox->answer_seq;
}

/**
 * ctl_init_open_passwd() - ask pid 1 for the image's /etc/passwd
 *
 * Opened as the sandbox's own user, inside the sandbox: a link in the image
 * leads nowhere else.
 */
int ctl_init_open_passwd(struct ctl_exec *exec, struct err *err)
{
	struct ctl_sandbox *sandbox = exec->sandbox;
	Ini__Request req = INI__REQUEST__INIT;
	Ini__Open msg = INI__OPEN__INIT;
	static const char path[] = "etc/passwd";

	exec->lookup_seq = ctl_init_seq(sandbox);
	msg.seq = exec->lookup_seq;
	msg.where = INI__WHERE__WHERE_ROOT;
	msg.path.data = (uint8_t *)path;
	msg.path.len = sizeof(path) - 1;
	msg.uid = sandbox->label.uid;
	msg.gid = sandbox->label.gid;
	msg.follow = true;
	req.op_case = INI__REQUEST__OP_OPEN;
	req.open = &msg;
	return ctl_init_send(sandbox, &req, NULL, 0, err);
}

/**
 * ctl_init_ack() - a status has been delivered
 * @token: WIRE_ID_BYTES
 */
void ctl_init_ack(struct ctl_sandbox *sandbox, const uint8_t *token)
{
	Ini__Request req = INI__REQUEST__INIT;
	Ini__Ack msg = INI__ACK__INIT;
	struct err err = ERR_INIT;

	msg.token.data = (uint8_t *)token;
	msg.token.len = WIRE_ID_BYTES;
	req.op_case = INI__REQUEST__OP_ACK;
	req.ack = &msg;
	(void)ctl_init_send(sandbox, &req, NULL, 0, &err);
}

/**
 * ctl_init_close_input() - nothing more is written to a captured command
 * @token: WIRE_ID_BYTES
 *
 * It sees the end of its input when the caller has closed his end.
 */
void ctl_init_close_input(struct ctl_sandbox *sandbox, const uint8_t *token)
{
	Ini__Request req = INI__REQUEST__INIT;
	Ini__CloseInput msg = INI__CLOSE_INPUT__INIT;
	struct err err = ERR_INIT;

	msg.token.data = (uint8_t *)token;
	msg.token.len = WIRE_ID_BYTES;
	req.op_case = INI__REQUEST__OP_CLOSE_INPUT;
	req.close_input = &msg;
	(void)ctl_init_send(sandbox, &req, NULL, 0, &err);
}

/**
 * ctl_init_list() - ask an adopted sandbox what runs in it
 */
void ctl_init_list(struct ctl_sandbox *sandbox)
{
	Ini__Request req = INI__REQUEST__INIT;
	Ini__List msg = INI__LIST__INIT;
	struct err err = ERR_INIT;

	req.op_case = INI__REQUEST__OP_LIST;
	req.list = &msg;
	(void)ctl_init_send(sandbox, &req, NULL, 0, &err);
}

/**
 * ctl_init_signal() - signal a command
 * @token: WIRE_ID_BYTES
 * @tree:  kill everything that it started
 */
void ctl_init_signal(struct ctl_sandbox *sandbox, const uint8_t *token,
		     uint32_t signal, bool tree)
{
	Ini__Request req = INI__REQUEST__INIT;
	Ini__Signal msg = INI__SIGNAL__INIT;
	struct err err = ERR_INIT;

	msg.token.data = (uint8_t *)token;
	msg.token.len = WIRE_ID_BYTES;
	msg.signal = signal;
	msg.tree = tree;
	req.op_case = INI__REQUEST__OP_SIGNAL;
	req.signal = &msg;
	(void)ctl_init_send(sandbox, &req, NULL, 0, &err);
}
