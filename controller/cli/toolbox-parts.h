/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a toolbox share.
 *
 * A call is on one of three lists: due, something of it is to be sent; sent,
 * an answer is awaited; over, its end is to be told.  Sending and telling
 * happen in the event loop alone, in toolbox_settle().
 */
#ifndef CONTROLLER_CLI_TOOLBOX_PARTS_H
#define CONTROLLER_CLI_TOOLBOX_PARTS_H

#include <sys/queue.h>
#include <time.h>

#include "controller/cli/call.h"
#include "controller/cli/connect.h"
#include "controller/cli/tool-host.h"
#include "controller/cli/toolbox.h"
#include "controller/cli/where.h"

#define TOOLBOX_OLD 4
#define TOOLBOX_HINT_BYTES 512

struct event;

enum toolbox_state {
	TOOLBOX_INVALID = 0,
	TOOLBOX_NEW,	/* not sent yet */
	TOOLBOX_ASKED,	/* creeld has it */
	TOOLBOX_HERE,	/* it runs in a process of ours */
	TOOLBOX_LISTS,	/* what is here is added to its result */
	TOOLBOX_TELL,	/* it ran here, creeld does not know yet */
	TOOLBOX_TOLD,	/* creeld has been told */
};

TAILQ_HEAD(toolbox_calls, toolbox_call);

struct toolbox_call {
	TAILQ_ENTRY(toolbox_call) link;
	struct toolbox_calls *list; /* that it is on */
	struct toolbox *toolbox;
	const struct toolbox_call_ops *ops; /* borrowed */
	void *arg;
	char *name;  /* owned */
	char *args;  /* owned; NULL: in args_fd */
	size_t len;
	int args_fd; /* owned, -1 none */
	uint8_t token[WIRE_ID_BYTES];
	uint32_t seq; /* 0: nothing is awaited */
	uint32_t box; /* that it was asked of */
	enum toolbox_state state;
	bool again;
	bool cancelled;
	bool cancel_due; /* and creeld is to be told so */

	struct tool_host *host; /* owned */
	struct cfg *cfg;	/* owned; of host */
	uint8_t host_token[WIRE_ID_BYTES];
	uint32_t host_status;
	uint64_t host_usec;

	/* Its end. */
	char *json;    /* owned; NULL: err */
	size_t json_len;
	bool mapped;   /* json is a mapping */
	bool error;
	struct err err;
	char hint[TOOLBOX_HINT_BYTES];
};

struct toolbox {
	struct event_base *base;     /* borrowed */
	const struct cli_args *args; /* borrowed */
	const struct toolbox_ops *ops; /* borrowed */
	void *arg;
	struct cli_where where;
	struct cli_call spec; /* its descriptors are sent at each opening */
	struct cli_target target;

	int sock; /* owned, -1: none */
	struct event *in;    /* owned */
	struct event *out;   /* owned; what waits can be sent */
	struct event *retry; /* owned */
	struct event *soon;  /* owned; something is due or over */
	struct timespec lost_since; /* zero: it is not */
	struct timespec connected;
	bool answered; /* by this connection */

	uint32_t seq;
	uint32_t open_seq;   /* of an opening whose answer is awaited, 0 none */
	bool open_due;
	uint32_t box;	     /* 0: not open */
	uint32_t old[TOOLBOX_OLD]; /* replaced, with calls that go on */
	bool sandboxed;
	char *session; /* owned; canonical key */
	char *tools;   /* owned; as they were told of last */
	size_t tools_len;

	struct toolbox_calls due, sent, over;
	char hint[TOOLBOX_HINT_BYTES]; /* of the call that is told */
	struct err why;	  /* code: it has failed */
	char why_hint[TOOLBOX_HINT_BYTES];
	int status;
	bool failed_told;
	int depth;	  /* of callbacks */
	bool closed;	  /* to be freed after them */
};

/* toolbox.c */
void toolbox_settle(struct toolbox *toolbox);
void toolbox_soon(struct toolbox *toolbox);
void toolbox_fail(struct toolbox *toolbox, const struct err *err,
		  const char *hint, int status);
void toolbox_enter(struct toolbox *toolbox);
/* False: it is gone. */
bool toolbox_leave(struct toolbox *toolbox);

/* toolbox-link.c */
int toolbox_connect(struct toolbox *toolbox, struct err *err);
void toolbox_drop(struct toolbox *toolbox);
void toolbox_lost(struct toolbox *toolbox);
/* 1: when the socket takes it. -1: lost, or it cannot be sent (@err) */
int toolbox_send(struct toolbox *toolbox, Ctl__Request *request,
		 const int *fds, size_t n_fds, struct err *err);

/* toolbox-reply.c */
void toolbox_take(struct toolbox *toolbox, const Ctl__Reply *reply,
		  struct wire_frame *frame);

/* toolbox-call.c */
int toolbox_call_name(struct toolbox_call *call);
int toolbox_send_call(struct toolbox_call *call);
void toolbox_call_again(struct toolbox_call *call);
void toolbox_call_host(struct toolbox_call *call, const Ctl__ToolHost *msg);
/* -1: there is nothing to wait for. */
int toolbox_call_list(struct toolbox_call *call);
void toolbox_call_fail(struct toolbox_call *call, const struct err *err,
		       const char *hint);
void toolbox_call_move(struct toolbox_call *call, struct toolbox_calls *list);
void toolbox_call_free(struct toolbox_call *call);

#endif
