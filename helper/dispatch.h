/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher: the unprivileged process that reads what the controller
 * sends. dispatch.c decides, event.c tells the controller, serve.c waits.
 */
#ifndef HELPER_DISPATCH_H
#define HELPER_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "helper/policy.h"
#include "helper/step.h"
#include "helper/table.h"
#include "helper/unpack.h"
#include "proto/arena.h"
#include "proto/err.h"
#include "proto/wire.h"

#define HLP_DEFAULT_INSIDE_ID 1000

enum hlp_state {
	HLP_ST_INVALID = 0,
	HLP_ST_IDLE,
	HLP_ST_IMAGE,    /* new asked for an image, which must come now */
	HLP_ST_BUILDING,
	HLP_ST_END,      /* bye was said */
	HLP_ST_COUNT,
};

struct hlp_ctx {
	const struct hlp_policy *policy; /* borrowed */
	int control_fd;    /* a controller's socket, -1 none yet; owned */
	int link_fd;       /* accepted clients come here, -1 none; owned */
	int user_fd;       /* asks for controllers and gets them, -1 none; owned */
	int spawner_fd;    /* owned */
	int mounts_fd;     /* /proc/self/mountinfo, -1 none; owned */
	pid_t spawner_pid; /* to be waited for at the end, 0 not ours */
	/* Those above are hlp_dispatch_run()'s arguments. */
	struct hlp_table *table; /* borrowed */
	int conn_fd;    /* a client to be told of; owned */
	int held_fd;    /* one that was told of; owned */
	enum hlp_state state;
	uint32_t current; /* slot being built, HLP_NO_SLOT where new failed */
	struct hlp_facts facts;
	bool ready;       /* facts are known */
	bool dirty;       /* something is to be told */
	bool lost;        /* nobody listens at the other end of control_fd */
	bool tell_hello;
	bool tell_synced;
	bool tell_reply;
	uint32_t reply_seq;
	struct err reply_err;
	unsigned int pool_failures;
	struct arena arena;
};

struct hlp_verb;
/* Fills reply_err where it returns -1. */
typedef int hlp_handler_fn(struct hlp_ctx *ctx, struct hlp_args *args);

struct hlp_verb {
	enum hlp_op op;
	unsigned int legal_in; /* 1 << enum hlp_state */
	size_t min_fds;
	size_t max_fds;
	size_t max_bytes;
	enum hlp_state then;
	hlp_handler_fn *handler;
};

/* dispatch.c */
const struct hlp_verb *hlp_verb_admit(enum hlp_state state,
				      const struct hlp_step *step, size_t bytes,
				      size_t n_fds);
enum hlp_state hlp_verb_next(const struct hlp_verb *verb,
			     const struct hlp_step *step);
int hlp_dispatch_request(struct hlp_ctx *ctx, struct wire_frame *frame,
			 struct err *err);
void hlp_dispatch_reset(struct hlp_ctx *ctx);
bool hlp_dispatch_wants_refill(const struct hlp_ctx *ctx);
void hlp_dispatch_refill(struct hlp_ctx *ctx);

/* event.c */
void hlp_event_report(struct hlp_ctx *ctx, const struct hlp_report *report,
		      int cgroup_fd);
bool hlp_event_flush(struct hlp_ctx *ctx);
void hlp_event_free_if_done(struct hlp_ctx *ctx, uint32_t index);

/* serve.c */
int hlp_dispatch_run(struct hlp_ctx *ctx);
int hlp_spawner_read(struct hlp_ctx *ctx);
int hlp_spawner_send(struct hlp_ctx *ctx, const struct hlp_step *step,
		     const int *fds, size_t n_fds, struct err *err);

#endif
