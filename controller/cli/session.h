/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command as its client sees it: from the request to the exit status.
 */
#ifndef CONTROLLER_CLI_SESSION_H
#define CONTROLLER_CLI_SESSION_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "controller/cli/call.h"
#include "controller/cli/connect.h"
#include "controller/cli/options.h"
#include "controller/cli/stdio.h"
#include "controller/cli/where.h"
#include "proto/err.h"

struct event;
struct event_base;
struct relay;
struct ctl;

#define SESSION_SIGNALS 8
#define SESSION_WARNINGS 32

/* A controller of our own, for --no-daemon. */
struct embed {
	struct ctl *ctl; /* owned */
	pid_t helper;	 /* 0: none */
};

struct session_result {
	int status;
	bool timed_out;
	bool oom;
	bool has_cpu;
	bool has_memory;
	uint64_t cpu_usec;
	uint64_t memory_peak;
	uint64_t wall_usec;
	char text[512];
	char *warnings[SESSION_WARNINGS]; /* owned */
	size_t n_warnings;
};

struct session {
	const struct cli_args *args; /* borrowed */
	struct cli_call call;
	struct cli_where where; /* of exec and shell */
	Ctl__Config config;
	struct cli_stdio stdio;
	struct event_base *base; /* owned */
	struct embed embed;
	struct cli_target target;

	int sock; /* owned */
	struct event *sock_ev;	/* owned */
	struct event *retry_ev; /* owned */
	struct timespec lost_since; /* zero: it is not */
	struct timespec connected;
	bool answered;
	bool started;
	bool told; /* result is set, the sandbox is still being removed */
	bool exited;
	bool over; /* the result is known and the loop is left */

	int master_fd; /* owned; the command's terminal */
	struct relay *relay[3];	 /* owned */
	bool relaying[3];
	struct event *drain_ev; /* owned */

	struct event *signal_ev[SESSION_SIGNALS]; /* owned */
	struct timespec signal_at[SESSION_SIGNALS];
	uint64_t pending;  /* signals to send, as a mask */
	uint32_t next_seq;

	char sandbox[256];
	char id[64];
	struct session_result result;
};

int cli_session_main(const struct cli_args *args);

/* session.c */
void session_end(struct session *session, int status);
void session_fail(struct session *session, const struct err *err);
void session_check_over(struct session *session);
void session_send_signals(struct session *session);

/* result.c */
void session_take_warnings(struct session_result *result,
			   const Ctl__Exited *msg);

/* session-io.c */
int session_io_start(struct session *session, int master_fd, struct err *err);
void session_io_drain(struct session *session);
bool session_io_over(const struct session *session);
void session_io_fini(struct session *session);

/* session-signals.c */
int session_signals_start(struct session *session, struct err *err);
void session_signals_fini(struct session *session);

/* host.c */
int session_host_check(const struct cli_args *args, struct err *err);
void session_host_run(struct session *session);

/* embed.c */
int embed_start(struct embed *embed, struct event_base *base, int *sock,
		struct err *err);
void embed_stop(struct embed *embed);

/* result.c */
void session_print_started(struct session *session, const Ctl__Started *msg);
int session_print_result(struct session *session);
int session_print_missing(const struct session *session, int status);

#endif
