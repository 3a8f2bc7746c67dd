// SPDX-License-Identifier: Apache-2.0
/*
 * Signals to creel are meant for the command.  The first goes there, once it
 * runs; the same one again within a second ends creel, and with its lifeline
 * the command and all that it started.
 */
#include <config.h>

#include "controller/cli/session.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/cli/tty.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define AGAIN_MS 1000

struct caught {
	int number;
	bool ends; /* twice within AGAIN_MS */
};

static const struct caught caught[SESSION_SIGNALS] = {
	{ SIGINT, true },   { SIGTERM, true },	{ SIGHUP, true },
	{ SIGQUIT, true },  { SIGUSR1, false }, { SIGUSR2, false },
	{ SIGWINCH, false }, { SIGTSTP, false },
};

/* Whether it came twice within AGAIN_MS. */
static bool came_again(struct timespec *last)
{
	struct timespec now;
	long msec;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	msec = (now.tv_sec - last->tv_sec) * 1000 +
	       (now.tv_nsec - last->tv_nsec) / 1000000;
	if ((last->tv_sec || last->tv_nsec) && msec < AGAIN_MS)
		return true;
	*last = now;
	return false;
}

static void forward(struct session *session, size_t index)
{
	int number = caught[index].number;

	if (caught[index].ends && came_again(&session->signal_at[index])) {
		session_end(session, CREEL_EXIT_SIGNAL + number);
		return;
	}
	session->pending |= 1ull << number;
	if (session->started)
		session_send_signals(session);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct session *session = arg;

	(void)what;
	if (number == SIGWINCH) {
		if (session->master_fd >= 0)
			tty_copy_size(session->master_fd);
		return;
	}
	if (number == SIGTSTP) {
		tty_stop();
		if (session->master_fd >= 0)
			tty_copy_size(session->master_fd);
		return;
	}
	for (size_t i = 0; i < SESSION_SIGNALS; i++)
		if (caught[i].number == number)
			forward(session, i);
}

/**
 * session_signals_start() - catch what is to be forwarded
 *
 * A signal that was ignored when creel started, as nohup(1) does, stays so.
 */
int session_signals_start(struct session *session, struct err *err)
{
	struct sigaction old;
	sigset_t set;

	if (session->args->has[CLI_OPT_DETACH])
		return 0;
	sigemptyset(&set);
	for (size_t i = 0; i < SESSION_SIGNALS; i++) {
		int number = caught[i].number;

		if (!session->stdio.tty &&
		    (number == SIGWINCH || number == SIGTSTP))
			continue;
		if (!sigaction(number, NULL, &old) &&
		    old.sa_handler == SIG_IGN)
			continue;
		(void)sigaddset(&set, number);
		session->signal_ev[i] = evsignal_new(session->base, number,
						     on_signal, session);
		if (!session->signal_ev[i] ||
		    event_add(session->signal_ev[i], NULL))
			return err_set(err, ERR_KERNEL, ENOMEM, "signals");
	}
	if (sigprocmask(SIG_UNBLOCK, &set, NULL))
		return err_set(err, ERR_KERNEL, errno, "signals");
	return 0;
}

/**
 * session_signals_fini() - default actions again; idempotent
 */
void session_signals_fini(struct session *session)
{
	for (size_t i = 0; i < SESSION_SIGNALS; i++) {
		if (session->signal_ev[i])
			event_free(session->signal_ev[i]);
		session->signal_ev[i] = NULL;
	}
}
