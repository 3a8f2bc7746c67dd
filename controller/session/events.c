// SPDX-License-Identifier: Apache-2.0
/*
 * Events: told to whoever listens, at once and to nobody else.  A listener
 * that does not keep up is told so and heard of no more.
 */
#include <config.h>

#include "controller/session/events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include "controller/core/core.h"
#include "controller/session/logs.h"

#define MAX_LISTENERS 256

struct listener {
	LIST_ENTRY(listener) link;
	struct ctl_client *client; /* borrowed */
	uint32_t seq;
};

struct ses_events {
	LIST_HEAD(, listener) listeners;
	unsigned int n_listeners;
};

/**
 * ses_events_new() - nobody listens yet
 *
 * Return: owned, or NULL without memory.
 */
struct ses_events *ses_events_new(void)
{
	struct ses_events *events = calloc(1, sizeof(*events));

	if (events)
		LIST_INIT(&events->listeners);
	return events;
}

static void listener_free(struct ses_events *events, struct listener *listener)
{
	LIST_REMOVE(listener, link);
	events->n_listeners--;
	free(listener);
}

/**
 * ses_events_free() - release it
 */
void ses_events_free(struct ses_events *events)
{
	struct listener *listener;

	if (!events)
		return;
	while ((listener = LIST_FIRST(&events->listeners)))
		listener_free(events, listener);
	free(events);
}

/**
 * ses_req_events() - a client listens from now on
 */
int ses_req_events(struct ses_events *events, struct ctl_client *client,
		   const Ctl__Request *req, struct ctl_fail *fail)
{
	struct listener *listener;

	if (events->n_listeners >= MAX_LISTENERS)
		return err_set(&fail->err, ERR_LIMIT, 0,
			       "%d clients listen already", MAX_LISTENERS);
	listener = calloc(1, sizeof(*listener));
	if (!listener)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "request");
	listener->client = client;
	listener->seq = req->seq;
	LIST_INSERT_HEAD(&events->listeners, listener, link);
	events->n_listeners++;
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void tell(struct ses_events *events, struct listener *listener,
		 Ctl__Event *msg)
{
	Ctl__Reply reply = CTL__REPLY__INIT;
	struct ctl_fail fail = { .err = ERR_INIT,
				 .status = CREEL_EXIT_REFUSED };

	if (listener->client->conn.queued_bytes > SES_SLOW_BYTES) {
		err_set(&fail.err, ERR_LIMIT, 0,
			"events: they are read more slowly than they happen");
		ctl_reply_fail(listener->client, listener->seq, &fail);
		listener_free(events, listener);
		return;
	}
	reply.re_case = CTL__REPLY__RE_EVENT;
	reply.event = msg;
	ctl_reply(listener->client, listener->seq, &reply, -1);
}

/**
 * ses_events_tell() - something has happened
 */
void ses_events_tell(struct ses_events *events, const char *what,
		     const char *sandbox, const char *session,
		     const char *text)
{
	struct listener *listener, *next;
	Ctl__Event msg = CTL__EVENT__INIT;
	char cut[SES_EVENT_BYTES];

	if (LIST_EMPTY(&events->listeners))
		return;
	(void)snprintf(cut, sizeof(cut), "%s", text ? text : "");
	msg.time_ms = now_ms();
	msg.what = (char *)what;
	msg.sandbox = (char *)(sandbox ? sandbox : "");
	msg.session = (char *)(session ? session : "");
	msg.text = cut;
	for (listener = LIST_FIRST(&events->listeners); listener;
	     listener = next) {
		next = LIST_NEXT(listener, link);
		tell(events, listener, &msg);
	}
}

/**
 * ses_events_client_gone() - nobody listens there any more
 */
void ses_events_client_gone(struct ses_events *events,
			    struct ctl_client *client)
{
	struct listener *listener, *next;

	for (listener = LIST_FIRST(&events->listeners); listener;
	     listener = next) {
		next = LIST_NEXT(listener, link);
		if (listener->client == client)
			listener_free(events, listener);
	}
}
