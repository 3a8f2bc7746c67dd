// SPDX-License-Identifier: Apache-2.0
/*
 * What a client hears of a call that takes its time.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "controller/session/toolbox.h"

#define FIRST_MS 1000
#define EACH_MS 500
#define LINE_MAX_BYTES 200

static void again(struct ses_call *call, unsigned int msec)
{
	const struct timeval after = {
		.tv_sec = msec / 1000,
		.tv_usec = (suseconds_t)(msec % 1000) * 1000,
	};

	(void)event_add(call->timer, &after);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ses_call *call = arg;
	struct ctl_waiter *waiter = LIST_FIRST(&call->waiters);
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__ToolProgress msg = CTL__TOOL_PROGRESS__INIT;
	struct timespec now;

	(void)fd;
	(void)what;
	if (!waiter)
		return;
	again(call, EACH_MS);
	/* Who does not read need not hear of it. */
	if (waiter->client->conn.queued_bytes > 0)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	msg.elapsed_ms = (uint64_t)now.tv_sec * 1000 +
			 (uint64_t)now.tv_nsec / 1000000 -
			 call->asked_usec / 1000;
	msg.output_bytes = call->output_bytes;
	msg.text = call->last_line ? call->last_line : (char *)"";
	reply.re_case = CTL__REPLY__RE_TOOL_PROGRESS;
	reply.tool_progress = &msg;
	ctl_reply(waiter->client, waiter->seq, &reply, -1);
}

static void on_progress(struct tool_call *tool_call, uint64_t output_bytes,
			const char *text, size_t len, void *arg)
{
	struct ses_call *call = arg;

	(void)tool_call;
	call->output_bytes = output_bytes;
	free(call->last_line);
	call->last_line = tool_utf8(text ? text : "",
				    len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES,
				    &len);
	if (!call->last_line)
		return;
	/* A string of the wire ends where its NUL is. */
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)call->last_line[i] < 0x20 ||
		    call->last_line[i] == 0x7f)
			call->last_line[i] = ' ';
}

/**
 * ses_progress_begin() - its client wants to hear of it, or not
 */
void ses_progress_begin(struct ses_call *call)
{
	if (!call->progress)
		return;
	call->timer = event_new(call->ses->base, -1, 0, on_timer, call);
	if (!call->timer)
		return;
	call->call->progress = on_progress;
	again(call, FIRST_MS);
}

/**
 * ses_progress_end() - nothing more is said; idempotent
 */
void ses_progress_end(struct ses_call *call)
{
	if (call->timer)
		event_free(call->timer);
	call->timer = NULL;
	if (call->call)
		call->call->progress = NULL;
	free(call->last_line);
	call->last_line = NULL;
}
