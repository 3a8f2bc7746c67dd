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
#include <sys/mman.h>
#include <sys/stat.h>

#include "controller/core/core.h"
#include "controller/core/log.h"
#include "proto/cleanup.h"

/* Room for the rest of an exec message beside its strings. */
#define INLINE_STRINGS_MAX (48U << 10)
#define MAX_OUT_FDS 6

static void violation(struct ctl_sandbox *sandbox, const char *what)
{
	ctl_log(CTL_LOG_WARN, "sandbox=%s pid 1: %s", sandbox->label.name,
		what);
	ctl_sandbox_kill(sandbox, CTL_DEATH_VIOLATION);
}

static int send_init(struct ctl_sandbox *sandbox, Ini__Request *req,
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

static void on_started(struct ctl_sandbox *sandbox, const Ini__Started *msg,
		       struct wire_frame *frame)
{
	struct ctl_exec *exec = own_exec(sandbox, &msg->token);
	auto_fd tty_fd = wire_frame_take_fd(frame, 0);

	if (exec && exec->state == CTL_EXEC_SENT)
		ctl_exec_started(exec, tty_fd);
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
	ctl_result_from_init(msg, sandbox->label.memory, exec->timeout_ms,
			     &result);
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

static void on_answer(struct ctl_sandbox *sandbox, const Ini__Answer *msg,
		      struct wire_frame *frame)
{
	auto_fd fd = wire_frame_take_fd(frame, 0);
	struct ctl_exec *exec = waiting_for(sandbox, msg->seq);
	struct ctl_fail fail = CTL_FAIL_INIT;
	int ret = 0;

	if (!exec)
		return;
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
	    ev->ev_case != INI__EVENT__EV_ANSWER)
		violation(sandbox, "descriptors that do not belong there");
	else if (ev->ev_case == INI__EVENT__EV_STARTED)
		on_started(sandbox, ev->started, frame);
	else if (ev->ev_case == INI__EVENT__EV_FAILED)
		on_failed(sandbox, ev->failed);
	else if (ev->ev_case == INI__EVENT__EV_EXITED)
		on_exited(sandbox, ev->exited);
	else if (ev->ev_case == INI__EVENT__EV_RUNNING)
		(void)adopt_exec(sandbox, &ev->running->token);
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

	ctl_conn_close(conn);
	if (sandbox->state != CTL_SANDBOX_LIVE)
		return;
	if (why->code == ERR_NONE)
		ctl_sandbox_kill(sandbox, CTL_DEATH_NONE);
	else
		violation(sandbox, why->text);
}

static const struct ctl_conn_ops init_ops = {
	.max_in_fds = 1,
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

static int make_blob(const struct ctl_command *cmd, struct err *err)
{
	auto_fd fd = memfd_create("creel-strings",
				  MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_set(err, ERR_KERNEL, errno, "command");
	for (size_t at = 0; at < cmd->len;) {
		ssize_t put = write(fd, cmd->strings + at, cmd->len - at);

		if (put < 0)
			return err_set(err, ERR_KERNEL, errno, "command");
		at += (size_t)put;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW |
					   F_SEAL_SEAL) < 0)
		return err_set(err, ERR_KERNEL, errno, "command");
	return fd_take(&fd);
}

/* Streams that were not given are /dev/null. */
static size_t collect_fds(struct ctl_exec *exec, Ini__Exec *msg, int blob_fd,
			  int fds[MAX_OUT_FDS])
{
	const struct ctl_command *cmd = exec->cmd;
	size_t n = 0;

	msg->stdio = !cmd->tty;
	for (int i = 0; i < 3 && msg->stdio; i++)
		fds[n++] = cmd->stdio[i] >= 0 ? cmd->stdio[i] :
						exec->ctl->null_fd;
	msg->lifeline = cmd->lifeline_fd >= 0;
	if (msg->lifeline)
		fds[n++] = cmd->lifeline_fd;
	msg->blob_fd = blob_fd >= 0;
	if (msg->blob_fd)
		fds[n++] = blob_fd;
	msg->filter_fd = cmd->filter_fd >= 0;
	if (msg->filter_fd)
		fds[n++] = cmd->filter_fd;
	return n;
}

static Ini__Filter filter_of(enum ctl_filter filter)
{
	switch (filter) {
	case CTL_FILTER_BASELINE:
		return INI__FILTER__FILTER_BASELINE;
	case CTL_FILTER_STRICT:
		return INI__FILTER__FILTER_STRICT;
	case CTL_FILTER_AGENT:
	case CTL_FILTER_INVALID:
		break;
	}
	return INI__FILTER__FILTER_AGENT;
}

/* Another user may not be let into a workspace of mode 0700, even as root. */
static char *default_cwd(const struct ctl_exec *exec)
{
	return (char *)(exec->user.uid == exec->sandbox->label.uid ?
				exec->sandbox->label.workdir :
				"/");
}

static void fill_exec(struct ctl_exec *exec, Ini__Exec *msg)
{
	const struct ctl_label *label = &exec->sandbox->label;
	struct ctl_command *cmd = exec->cmd;

	msg->token.data = exec->token;
	msg->token.len = WIRE_ID_BYTES;
	msg->argc = cmd->argc;
	msg->envc = cmd->envc;
	msg->cwd = cmd->workdir ? cmd->workdir : default_cwd(exec);
	msg->apparmor = (char *)label->apparmor;
	msg->uid = exec->user.uid;
	msg->gid = exec->user.gid;
	msg->groups = &exec->user.gid;
	msg->n_groups = 1;
	msg->filter = filter_of(cmd->filter);
	if (!label->caps_for_root || exec->user.uid == 0)
		msg->cap_keep = label->cap_keep;
	msg->timeout_ms = cmd->timeout_ms;
	msg->tty = cmd->tty;
	msg->rows = cmd->rows;
	msg->cols = cmd->cols;
	msg->search_path = true;
	msg->memory_peak = cmd->memory_peak;
	msg->input_once = cmd->input_once;
}

static size_t fill_rlimits(const struct ctl_label *label, Ini__Rlimit *items,
			   Ini__Rlimit **list)
{
	for (size_t i = 0; i < label->n_rlimits; i++) {
		ini__rlimit__init(&items[i]);
		items[i].resource = label->rlimits[i].resource;
		items[i].soft = label->rlimits[i].soft;
		items[i].hard = label->rlimits[i].hard;
		list[i] = &items[i];
	}
	return label->n_rlimits;
}

/**
 * ctl_init_exec() - ask pid 1 to run a command
 * @exec: complete; its user is resolved
 *
 * Return: 0 or -1.
 */
int ctl_init_exec(struct ctl_exec *exec, struct err *err)
{
	Ini__Request req = INI__REQUEST__INIT;
	Ini__Exec msg = INI__EXEC__INIT;
	Ini__Rlimit rlimits[CTL_MAX_RLIMITS], *list[CTL_MAX_RLIMITS];
	int fds[MAX_OUT_FDS];
	auto_fd blob_fd = -1;
	size_t n_fds;

	fill_exec(exec, &msg);
	msg.rlimits = list;
	msg.n_rlimits = fill_rlimits(&exec->sandbox->label, rlimits, list);
	if (exec->cmd->len > INLINE_STRINGS_MAX) {
		blob_fd = make_blob(exec->cmd, err);
		if (blob_fd < 0)
			return -1;
	} else {
		msg.strings.data = (uint8_t *)exec->cmd->strings;
		msg.strings.len = exec->cmd->len;
	}
	n_fds = collect_fds(exec, &msg, blob_fd, fds);
	req.op_case = INI__REQUEST__OP_EXEC;
	req.exec = &msg;
	return send_init(exec->sandbox, &req, fds, n_fds, err);
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

	if (++sandbox->answer_seq == 0)
		sandbox->answer_seq = 1;
	exec->lookup_seq = sandbox->answer_seq;
	msg.seq = exec->lookup_seq;
	msg.where = INI__WHERE__WHERE_ROOT;
	msg.path.data = (uint8_t *)path;
	msg.path.len = sizeof(path) - 1;
	msg.uid = sandbox->label.uid;
	msg.gid = sandbox->label.gid;
	msg.follow = true;
	req.op_case = INI__REQUEST__OP_OPEN;
	req.open = &msg;
	return send_init(sandbox, &req, NULL, 0, err);
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
	(void)send_init(sandbox, &req, NULL, 0, &err);
}

/**
 * ctl_init_close_input() - pid 1 lets go of the write end of a stdin
 * @token: WIRE_ID_BYTES; of a command with capture
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
	(void)send_init(sandbox, &req, NULL, 0, &err);
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
	(void)send_init(sandbox, &req, NULL, 0, &err);
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
	(void)send_init(sandbox, &req, NULL, 0, &err);
}
