// SPDX-License-Identifier: Apache-2.0
/*
 * Events to the controller.  pid 1 never waits for it: what the socket has no
 * room for stays in the tables as a flag, and no request is read meanwhile.
 */
#include <config.h>

#include "helper/init/state.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#include "proto/cleanup.h"

static ProtobufCBinaryData token_of(uint8_t *token)
{
	return (ProtobufCBinaryData){ .len = WIRE_ID_BYTES, .data = token };
}

/* False where there is no room now. A peer that is gone ends the sandbox. */
static bool send_event(int sock, const Ini__Event *event, int fd)
{
	struct err err = ERR_INIT;

	if (wire_send_msg(sock, &event->base, WIRE_FRAME_MAX_BYTES, &fd,
			  fd >= 0 ? 1 : 0, &err) == 0)
		return true;
	if (err.sys == EAGAIN || err.sys == ENOBUFS || err.sys == ENOMEM)
		return false;
	_exit(0);
}

static bool send_start(const struct init *in, struct init_exec *e)
{
	Ini__Started started = INI__STARTED__INIT;
	Ini__Event event = INI__EVENT__INIT;

	started.token = token_of(e->token);
	started.pid = (uint32_t)e->pid;
	event.ev_case = INI__EVENT__EV_STARTED;
	event.started = &started;
	if (!send_event(in->config.control_fd, &event, e->master_fd))
		return false;
	fd_close(&e->master_fd);
	return true;
}

static const char *stage_text(Ini__Stage stage)
{
	if (stage == INI__STAGE__STAGE_EXEC)
		return "cannot execute";
	if (stage == INI__STAGE__STAGE_CWD)
		return "cannot enter the working directory";
	return "cannot set up the command";
}

static bool send_failed(const struct init *in, uint8_t *token,
			Ini__Stage stage, int sys)
{
	Ini__Failed failed = INI__FAILED__INIT;
	Ini__Event event = INI__EVENT__INIT;

	failed.token = token_of(token);
	failed.stage = stage;
	failed.sys = (uint32_t)sys;
	failed.text = (char *)stage_text(stage);
	event.ev_case = INI__EVENT__EV_FAILED;
	event.failed = &failed;
	return send_event(in->config.control_fd, &event, -1);
}

static bool send_exited(const struct init *in, struct init_exec *e)
{
	Ini__Exited exited = e->usage;
	Ini__Event event = INI__EVENT__INIT;

	exited.token = token_of(e->token);
	exited.signalled = WIFSIGNALED(e->wait_status);
	exited.status = (uint32_t)(exited.signalled ?
					   WTERMSIG(e->wait_status) :
					   WEXITSTATUS(e->wait_status));
	exited.timed_out = e->timed_out;
	exited.oom = e->oom;
	exited.hung_up = e->hung_up;
	event.ev_case = INI__EVENT__EV_EXITED;
	event.exited = &exited;
	return send_event(in->config.control_fd, &event, -1);
}

static bool send_running(const struct init *in, struct init_exec *e)
{
	Ini__Running running = INI__RUNNING__INIT;
	Ini__Event event = INI__EVENT__INIT;

	running.token = token_of(e->token);
	running.pid = (uint32_t)e->pid;
	event.ev_case = INI__EVENT__EV_RUNNING;
	event.running = &running;
	return send_event(in->config.control_fd, &event, -1);
}

static bool send_list(const struct init *in, struct init_exec *e)
{
	if (e->state == INIT_EXEC_OVER)
		return send_exited(in, e);
	if (e->state == INIT_EXEC_STARTING || e->state == INIT_EXEC_RUNNING)
		return send_running(in, e);
	return true;
}

static bool send_reply(const struct init *in)
{
	Ini__Event event = INI__EVENT__INIT;
	Ini__Ready ready = INI__READY__INIT;
	Ini__Pong pong = INI__PONG__INIT;
	Ini__Listed listed = INI__LISTED__INIT;
	Ini__Answer answer = INI__ANSWER__INIT;

	switch (in->reply) {
	case INIT_REPLY_NONE:
		return true;
	case INIT_REPLY_READY:
		ready.landlock_abi = (uint32_t)in->abi;
		ready.cgroup = in->config.cgroup_fd >= 0;
		event.ev_case = INI__EVENT__EV_READY;
		event.ready = &ready;
		break;
	case INIT_REPLY_PONG:
		pong.seq = in->reply_seq;
		event.ev_case = INI__EVENT__EV_PONG;
		event.pong = &pong;
		break;
	case INIT_REPLY_ANSWER:
		answer.seq = in->reply_seq;
		answer.sys = (uint32_t)in->reply_sys;
		event.ev_case = INI__EVENT__EV_ANSWER;
		event.answer = &answer;
		break;
	case INIT_REPLY_FAILED:
		return send_failed(in, (uint8_t *)in->reply_token,
				   in->reply_stage, in->reply_sys);
	case INIT_REPLY_LISTED:
		event.ev_case = INI__EVENT__EV_LISTED;
		event.listed = &listed;
		break;
	}
	return send_event(in->config.control_fd, &event, -1);
}

/* Sends what @e has to tell, in order; false where the socket is full. */
static bool flush_exec(struct init *in, struct init_exec *e)
{
	if (e->tell & INIT_TELL_START) {
		if (!send_start(in, e))
			return false;
		e->tell &= ~INIT_TELL_START;
	}
	if (e->tell & INIT_TELL_END) {
		if (e->state == INIT_EXEC_FAILED ?
			    !send_failed(in, e->token, e->stage, e->sys) :
			    !send_exited(in, e))
			return false;
		e->tell &= ~INIT_TELL_END;
		if (e->state == INIT_EXEC_FAILED)
			init_exec_release(in, e);
	}
	if (e->tell & INIT_TELL_LIST) {
		if (!send_list(in, e))
			return false;
		e->tell &= ~INIT_TELL_LIST;
	}
	return true;
}

static bool flush_workers(struct init *in)
{
	for (size_t i = 0; i < INIT_MAX_WORKERS; i++) {
		struct init_worker *w = &in->workers[i];
		Ini__Answer answer = INI__ANSWER__INIT;

		if (w->pid >= 0)
			continue;
		answer.seq = w->seq;
		answer.sys = (uint32_t)w->sys;
		if (!init_tell_answer(in->config.control_fd, &answer, -1))
			return false;
		w->pid = 0;
	}
	return true;
}

/**
 * init_tell_exec() - tell the controller about an exec, now or when it can
 * @what: INIT_TELL_*
 */
void init_tell_exec(struct init *in, struct init_exec *e, unsigned what)
{
	e->tell |= what;
	if (in->untold || !flush_exec(in, e))
		in->untold = true;
}

/**
 * init_tell_reply() - send the answer that in->reply_* describes
 */
void init_tell_reply(struct init *in, enum init_reply reply)
{
	in->reply = reply;
	if (in->untold || !send_reply(in))
		in->untold = true;
	else
		in->reply = INIT_REPLY_NONE;
}

/**
 * init_tell_flush() - send what waits, as far as there is room
 *
 * Clears in->untold once nothing waits any more.
 */
void init_tell_flush(struct init *in)
{
	for (uint32_t i = 0; i < in->n_execs; i++)
		if (in->execs[i].tell && !flush_exec(in, &in->execs[i]))
			return;
	if (!flush_workers(in) || !send_reply(in))
		return;
	in->reply = INIT_REPLY_NONE;
	in->untold = false;
}

/**
 * init_tell_answer() - send an Answer; for workers too
 * @fd: passed along, -1 none
 *
 * Return: false where the socket has no room.
 */
bool init_tell_answer(int control_fd, const Ini__Answer *answer, int fd)
{
	Ini__Event event = INI__EVENT__INIT;

	event.ev_case = INI__EVENT__EV_ANSWER;
	event.answer = (Ini__Answer *)answer;
	return send_event(control_fd, &event, fd);
}
