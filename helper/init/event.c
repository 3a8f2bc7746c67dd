// SPDX-License-Identifier: Apache-2.0
/*
 * Events to the controller.  pid 1 never waits for it: what the socket has no
 * room for stays in the tables, and no request is read meanwhile.
 */
#include <config.h>

#include "helper/init/state.h"

static Ini__Event event_of(Ini__Event__EvCase which, void *message)
{
	Ini__Event event = INI__EVENT__INIT;

	event.ev_case = which;
	event.ready = message; /* a union of pointers */
	return event;
}

static bool is_full(const struct err *err)
{
	return err->sys == EAGAIN || err->sys == ENOBUFS ||
	       err->sys == ENOMEM || err->sys == ETOOMANYREFS;
}

/* False where there is no room now. A peer that is gone ends the sandbox. */
static bool send_event(const struct init *in, Ini__Event__EvCase which,
		       void *message, const int *fds, size_t n_fds)
{
	Ini__Event event = event_of(which, message);
	struct err err = ERR_INIT;

	if (!wire_send_msg(in->config.control_fd, &event.base,
			   WIRE_FRAME_MAX_BYTES, fds, n_fds, &err))
		return true;
	if (!is_full(&err))
		_exit(0);
	return false;
}

static bool send_running(const struct init *in, struct init_exec *e, bool start)
{
	Ini__Started started = INI__STARTED__INIT;
	Ini__Running running = INI__RUNNING__INIT;
	int fds[3];
	size_t n = 0;

	for (size_t i = 0; i < 3 && (start || e->captured); i++)
		if (e->hand_fd[i] >= 0)
			fds[n++] = e->hand_fd[i];
	started.token.data = running.token.data = e->token;
	started.token.len = running.token.len = WIRE_ID_BYTES;
	started.pid = running.pid = (uint32_t)e->pid;
	started.input_closed = running.input_closed =
		e->captured && e->hand_fd[0] < 0;
	if (!start)
		return send_event(in, INI__EVENT__EV_RUNNING, &running, fds, n);
	if (!send_event(in, INI__EVENT__EV_STARTED, &started, fds, n))
		return false;
	if (!e->captured || e->input_once)
		fd_close(&e->hand_fd[0]);
	return true;
}

static bool send_end(const struct init *in, struct init_exec *e)
{
	static const char *const texts[] = {
		[INI__STAGE__STAGE_EXEC] = "cannot execute",
		[INI__STAGE__STAGE_SETUP] = "cannot set up the command",
		[INI__STAGE__STAGE_CWD] = "cannot enter the working directory",
		[INI__STAGE__STAGE_APPARMOR] = "cannot enter the profile",
	};
	Ini__Failed failed = INI__FAILED__INIT;
	Ini__Exited exited = e->end;

	failed.token.data = exited.token.data = e->token;
	failed.token.len = exited.token.len = WIRE_ID_BYTES;
	if (e->state != INIT_EXEC_FAILED)
		return send_event(in, INI__EVENT__EV_EXITED, &exited, NULL, 0);
	failed.stage = e->stage;
	failed.sys = (uint32_t)e->sys;
	failed.text = (char *)texts[e->stage];
	return send_event(in, INI__EVENT__EV_FAILED, &failed, NULL, 0);
}

/* Sends what @e has to tell, in order; false where the socket is full. */
static bool flush_exec(struct init *in, struct init_exec *e)
{
	if ((e->tell & INIT_TELL_START) && !send_running(in, e, true))
		return false;
	e->tell &= ~(unsigned)INIT_TELL_START;
	if ((e->tell & INIT_TELL_END) && !send_end(in, e))
		return false;
	e->tell &= ~(unsigned)INIT_TELL_END;
	if (e->state == INIT_EXEC_FAILED)
		init_exec_release(in, e);
	if (!(e->tell & INIT_TELL_LIST))
		return true;
	if ((e->state <= INIT_EXEC_RUNNING ||
	     (e->state == INIT_EXEC_OVER && e->captured)) &&
	    !send_running(in, e, false))
		return false;
	if (e->state == INIT_EXEC_OVER && !send_end(in, e))
		return false;
	e->tell = 0;
	return true;
}

/**
 * init_tell() - send an event that belongs to no exec, now or when there is
 * room; called at most once for a request
 */
void init_tell(struct init *in, Ini__Event__EvCase which, void *message)
{
	Ini__Event event = event_of(which, message);

	if (!in->untold && send_event(in, which, message, NULL, 0))
		return;
	in->untold = true;
	if (protobuf_c_message_get_packed_size(&event.base) <= sizeof(in->held))
		in->held_len = protobuf_c_message_pack(&event.base, in->held);
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
 * init_tell_answer() - send an Answer; for workers too
 *
 * Return: false where the socket has no room.
 */
bool init_tell_answer(const struct init *in, Ini__Answer *answer, int fd)
{
	return send_event(in, INI__EVENT__EV_ANSWER, answer, &fd, fd >= 0);
}

/**
 * init_tell_flush() - send what waits, as far as there is room
 */
void init_tell_flush(struct init *in)
{
	struct err err = ERR_INIT;

	for (uint32_t i = 0; i < in->n_execs; i++)
		if (in->execs[i].tell && !flush_exec(in, &in->execs[i]))
			return;
	for (size_t i = 0; i < INIT_MAX_WORKERS; i++) {
		struct init_worker *w = &in->workers[i];
		Ini__Answer answer = INI__ANSWER__INIT;

		answer.seq = w->seq;
		answer.sys = (uint32_t)w->sys;
		if (w->pid >= 0)
			continue;
		if (!init_tell_answer(in, &answer, -1))
			return;
		w->pid = 0;
	}
	if (in->held_len > 0 && wire_send(in->config.control_fd, in->held,
					  in->held_len, NULL, 0, &err)) {
		if (!is_full(&err))
			_exit(0);
		return;
	}
	in->held_len = 0;
	in->untold = false;
}
