// SPDX-License-Identifier: Apache-2.0
/*
 * Sends the request, follows what becomes of it, and comes back after the
 * controller's death: the token tells the next one that it is the same
 * command, which is never run twice.
 */
#include <config.h>

#include "controller/cli/session.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/cli/loop.h"
#include "controller/cli/report.h"
#include "controller/cli/rpc.h"
#include "controller/cli/tty.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define STAYED_MS 200

static void on_socket(evutil_socket_t fd, short what, void *arg);

/**
 * session_end() - the result is known: leave the loop
 */
void session_end(struct session *session, int status)
{
	if (session->over)
		return;
	session->over = true;
	session->result.status = status;
	(void)event_base_loopbreak(session->base);
}

/**
 * session_fail() - print why creel itself failed, and leave
 */
void session_fail(struct session *session, const struct err *err)
{
	tty_restore();
	cli_error("%s", err->text);
	session_end(session, CREEL_EXIT_FAILED);
}

/**
 * session_check_over() - leave once the command and its output have ended
 */
void session_check_over(struct session *session)
{
	if (session->exited && session_io_over(session))
		session_end(session, session->result.status);
}

static int send_request(struct session *session, const Ctl__Request *request,
			const int *fds, size_t n_fds)
{
	struct err err = ERR_INIT;

	if (session->sock < 0)
		return -1;
	if (!wire_send_msg(session->sock, &request->base, WIRE_FRAME_MAX_BYTES,
			   fds, n_fds, &err))
		return 0;
	/* The peer is gone: reading says so too, and then we come back. */
	if (err.sys == EPIPE || err.sys == ECONNRESET || err.sys == EAGAIN)
		return -1;
	if (err.sys == ETOOMANYREFS)
		(void)err_set(&err, ERR_LIMIT, 0,
			      "descriptors: too many in flight");
	session_fail(session, &err);
	return -1;
}

static void send_attach(struct session *session)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__Attach attach = CTL__ATTACH__INIT;

	attach.token = session->call.command.token;
	request.seq = session->call.request.seq;
	request.op_case = CTL__REQUEST__OP_ATTACH;
	request.attach = &attach;
	(void)send_request(session, &request, NULL, 0);
}

/**
 * session_send_signals() - send what has been caught
 */
void session_send_signals(struct session *session)
{
	for (unsigned int number = 1; number < 64; number++) {
		Ctl__Request request = CTL__REQUEST__INIT;
		Ctl__Signal message = CTL__SIGNAL__INIT;

		if (!(session->pending & (1ull << number)))
			continue;
		message.token = session->call.command.token;
		message.signal = number;
		request.seq = ++session->next_seq;
		request.op_case = CTL__REQUEST__OP_SIGNAL;
		request.signal = &message;
		if (!send_request(session, &request, NULL, 0))
			session->pending &= ~(1ull << number);
	}
}

/* Takes over a connected socket and says what this session is about. */
static int use_socket(struct session *session, int sock, struct err *err)
{
	session->sock = sock;
	session->connected = (struct timespec){ 0 };
	(void)cli_time_up(&session->connected, 0);
	if (fcntl(sock, F_SETFL, O_NONBLOCK))
		return err_set(err, ERR_KERNEL, errno, "socket");
	session->sock_ev = event_new(session->base, sock, EV_READ | EV_PERSIST,
				     on_socket, session);
	if (!session->sock_ev || event_add(session->sock_ev, NULL))
		return err_set(err, ERR_KERNEL, ENOMEM, "socket");
	if (session->started) {
		send_attach(session);
		session_send_signals(session);
	} else {
		(void)send_request(session, &session->call.request,
				   session->call.fds, session->call.n_fds);
	}
	return 0;
}

static void drop_socket(struct session *session)
{
	if (session->sock_ev)
		event_free(session->sock_ev);
	session->sock_ev = NULL;
	fd_close(&session->sock);
}

static void finish(struct session *session)
{
	session->exited = true;
	session_io_drain(session);
	session_check_over(session);
}

static void connection_lost(struct session *session)
{
	struct timeval soon = { .tv_usec = CLI_RETRY_MS * 1000 };
	struct err err = ERR_INIT;
	bool stayed = session->sock >= 0 &&
		      cli_time_up(&session->connected, STAYED_MS);

	drop_socket(session);
	if (session->over || session->exited)
		return;
	if (session->told) {
		finish(session);
		return;
	}
	if (session->embed.helper) {
		(void)err_set(&err, ERR_KERNEL, 0,
			      "creel-helper: ended unexpectedly");
		session_fail(session, &err);
		cli_hint("`creel doctor' looks for what is missing");
		return;
	}
	/* Only a controller that stayed for a while starts the time anew. */
	if (stayed)
		session->lost_since = (struct timespec){ 0 };
	if (cli_time_up(&session->lost_since, CLI_RECONNECT_MS)) {
		(void)err_set(&err, ERR_KERNEL, 0,
			      "creeld: closed the connection");
		session_fail(session, &err);
		return;
	}
	(void)event_add(session->retry_ev, &soon);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct session *session = arg;
	struct err err = ERR_INIT;
	int sock;

	(void)fd;
	(void)what;
	sock = cli_connect(&session->target, &err);
	if (sock < 0 && session->started &&
	    !cli_time_up(&session->lost_since, CLI_RECONNECT_MS)) {
		connection_lost(session);
		return;
	}
	if (sock < 0 || use_socket(session, sock, &err))
		session_fail(session, &err);
}

/* Nothing runs outside because somebody else says so. */
static void take_host(struct session *session)
{
	struct err err = ERR_INIT;

	if (session->args->has[CLI_OPT_HOST]) {
		session_host_run(session);
		return;
	}
	err_set(&err, ERR_DENIED, 0,
		"creeld: it wants the command run on the host, which nobody asked for");
	session_fail(session, &err);
}

static void take_started(struct session *session, const Ctl__Started *msg,
			 struct wire_frame *frame)
{
	struct err err = ERR_INIT;
	int master = wire_frame_take_fd(frame, 0);

	/* The answer to a repeated request or an attach. */
	if (session->started) {
		fd_close(&master);
		return;
	}
	session->started = true;
	if (msg->host) {
		fd_close(&master);
		take_host(session);
		return;
	}
	session_print_started(session, msg);
	if (session->args->has[CLI_OPT_DETACH]) {
		fd_close(&master);
		session_end(session, CREEL_EXIT_OK);
		return;
	}
	if (session_io_start(session, master, &err))
		session_fail(session, &err);
	session_send_signals(session);
}

static void take_exited(struct session *session, const Ctl__Exited *msg)
{
	struct session_result *result = &session->result;

	if (session->exited)
		return;
	result->status = (int)(msg->status & 0xff);
	result->timed_out = msg->timed_out;
	result->oom = msg->oom;
	result->has_cpu = msg->has_cpu;
	result->has_memory = msg->has_memory;
	result->cpu_usec = msg->cpu_usec;
	result->memory_peak = msg->memory_peak;
	result->wall_usec = msg->wall_usec;
	(void)snprintf(result->text, sizeof(result->text), "%s", msg->text);
	session_take_warnings(result, msg);
	session->told = true;
	/* Of run: we leave when nothing of the sandbox is left. */
	if (!msg->pending)
		finish(session);
}

static void take_refusal(struct session *session, const Ctl__Error *error)
{
	struct timeval now = { 0 };

	if (!session->answered && cli_target_fall_back(&session->target)) {
		drop_socket(session);
		(void)event_add(session->retry_ev, &now);
		return;
	}
	tty_restore();
	session_end(session, cli_report_error(error, CREEL_EXIT_FAILED));
	if (error->code == ERR_DENIED && !(error->hint && error->hint[0]))
		cli_hint("`creel doctor' says who must admit this user");
}

static void take_reply(struct session *session, const Ctl__Reply *reply,
		       struct wire_frame *frame)
{
	struct err err = ERR_INIT;

	/* A refusal by the helper, before any controller read a word. */
	if (reply->seq == 0 && reply->re_case == CTL__REPLY__RE_ERROR) {
		take_refusal(session, reply->error);
		return;
	}
	session->answered = true;
	if (reply->re_case == CTL__REPLY__RE_EXITED) {
		take_exited(session, reply->exited);
		return;
	}
	/* Signals are answered too; a command that is over refuses them. */
	if (reply->seq != session->call.request.seq)
		return;
	if (reply->re_case == CTL__REPLY__RE_STARTED) {
		take_started(session, reply->started, frame);
	} else if (reply->re_case == CTL__REPLY__RE_ERROR) {
		int status;

		tty_restore();
		status = cli_report_error(reply->error, CREEL_EXIT_FAILED);
		session_end(session, session_print_missing(session, status));
	} else {
		(void)err_set(&err, ERR_BAD_REQUEST, 0,
			      "creeld: answered another question");
		session_fail(session, &err);
	}
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct session *session = arg;
	struct err err = ERR_INIT;
	auto_frame frame;

	(void)fd;
	(void)what;
	cli_frame_init(&frame);
	while (session->sock >= 0 && !session->over) {
		enum wire_status status = wire_recv(session->sock, &frame,
						    WIRE_MAX_FDS, &err);
		Ctl__Reply *reply;

		if (status == WIRE_AGAIN)
			return;
		if (status == WIRE_EOF) {
			connection_lost(session);
			return;
		}
		reply = status == WIRE_GOT ? cli_reply_unpack(&frame, &err)
					   : NULL;
		if (!reply) {
			(void)err_wrap(&err, "creeld");
			session_fail(session, &err);
			return;
		}
		take_reply(session, reply, &frame);
	}
}

static int open_base(struct session *session, struct err *err)
{
	session->base = cli_loop_new(err);
	if (!session->base)
		return -1;
	session->retry_ev = event_new(session->base, -1, 0, on_retry, session);
	if (!session->retry_ev)
		return err_set(err, ERR_KERNEL, ENOMEM, "event loop");
	return 0;
}

static int open_connection(struct session *session, int *sock,
			   struct err *err)
{
	if (session->args->has[CLI_OPT_NO_DAEMON])
		return embed_start(&session->embed, session->base, sock, err);
	cli_target_choose(session->args, &session->target);
	*sock = cli_connect(&session->target, err);
	return *sock < 0 ? -1 : 0;
}

/* Whose session it is depends on the configuration. */
static int add_config(struct session *session, bool *said, struct err *err)
{
	const struct cli_args *args = session->args;

	if (args->verb->id == CLI_VERB_RUN)
		return 0;
	if (args->has[CLI_OPT_HOST] && session_host_check(args, err))
		return -1;
	if (cli_where_find(args, &session->where)) {
		*said = true;
		return -1;
	}
	cli_where_config(&session->where, &session->config);
	session->call.exec.config = &session->config;
	session->call.exec.host = args->has[CLI_OPT_HOST];
	return 0;
}

static int start(struct session *session, bool *said, struct err *err)
{
	const struct cli_args *args = session->args;
	bool tty = false;
	int sock = -1;

	if (args->has[CLI_OPT_NO_DAEMON] && args->has[CLI_OPT_SYSTEM] &&
	    geteuid() != 0)
		return err_set(err, ERR_DENIED, 0,
			       "--no-daemon: only root can be the system's helper");
	if (cli_stdio_want_tty(args, &tty, err) ||
	    cli_call_init(&session->call, args, tty, err) ||
	    add_config(session, said, err) ||
	    cli_stdio_attach(&session->stdio, &session->call,
			     args->has[CLI_OPT_DETACH], err) ||
	    open_base(session, err))
		return -1;
	if (!open_connection(session, &sock, err)) {
		/* Until the request is sent, a signal simply ends us. */
		if (session_signals_start(session, err))
			return -1;
		return use_socket(session, sock, err);
	}
	cli_error("%s", err->text);
	cli_connect_hint(err);
	*said = true;
	return -1;
}

static void session_fini(struct session *session)
{
	session_io_fini(session);
	tty_restore();
	session_signals_fini(session);
	drop_socket(session);
	if (session->retry_ev)
		event_free(session->retry_ev);
	/* Before its helper goes: what is left of the command dies now. */
	cli_stdio_fini(&session->stdio);
	embed_stop(&session->embed);
	if (session->base)
		event_base_free(session->base);
	cli_call_fini(&session->call);
	for (size_t i = 0; i < session->result.n_warnings; i++)
		free(session->result.warnings[i]);
	cli_where_fini(&session->where);
}

/**
 * cli_session_main() - the verbs run, exec and shell
 *
 * Return: the exit status of creel.
 */
int cli_session_main(const struct cli_args *args)
{
	static struct session session;
	struct err err = ERR_INIT;
	bool said = false;
	int status = CREEL_EXIT_FAILED;

	session.args = args;
	session.sock = -1;
	session.master_fd = -1;
	session.next_seq = 1;
	session.stdio.lifeline_fd = -1;
	for (int i = 0; i < 3; i++)
		session.stdio.relay_fd[i] = -1;
	if (start(&session, &said, &err)) {
		if (!said) {
			cli_error("%s", err.text);
			if (session.call.hint)
				cli_hint("%s", session.call.hint);
		}
	} else {
		(void)event_base_loop(session.base, 0);
		status = session_print_result(&session);
	}
	session_fini(&session);
	return status;
}
