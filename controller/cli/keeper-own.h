/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is inside of a keeper.
 */
#ifndef CONTROLLER_CLI_KEEPER_OWN_H
#define CONTROLLER_CLI_KEEPER_OWN_H

#include "controller/cli/keeper.h"

/* The newest of what a command says (or the oldest), in a ring of memory. */
struct keeper_ring {
	char *bytes;     /* mapped; only what is used takes memory */
	size_t size;
	bool oldest;     /* of too much, the beginning is kept */
	uint64_t start;  /* in the stream, of what is kept */
	uint64_t end;
	uint64_t total;  /* that came */
};

struct keeper {
	const struct keeper_order *order; /* borrowed */
	int client_fd;   /* of whoever waits; -1: in the background */
	int listen_fd, signal_fd;
	int in_fd;       /* of the command's input; -1: closed */
	int out_fd, err_fd; /* a terminal's master is in_fd and out_fd */
	char id[KEEPER_ID_BYTES];
	struct keeper_ring out, err;
	char *input;     /* owned; what it has not taken yet */
	size_t input_len;
	bool input_ends;
	pid_t pid;
	bool reaped;     /* the command itself; its children may live */
	int wait_status;
	bool over;       /* and all that it said is here */
	bool ending;     /* told to go */
	bool stays;      /* there is no room in the background */
	bool timed_out, killed, forgotten;
	uint64_t polled; /* of the stream */
	uint64_t started_usec, ended_usec; /* monotonic */
	int64_t started_ms, ended_ms;      /* since the epoch */
	uint64_t told_usec;                /* when progress was last */
};

uint64_t keeper_now_usec(void);
/* Is the command over? Then all that it said is read, and it is written down. */
void keeper_settle(struct keeper *keeper);
/* Its name goes, and its folder with the last one; idempotent. */
void keeper_leave(struct keeper *keeper);

/* keeper-ring.c */
int keeper_ring_init(struct keeper_ring *ring, size_t size, bool oldest);
void keeper_ring_fini(struct keeper_ring *ring);
void keeper_ring_put(struct keeper_ring *ring, const char *bytes, size_t len);
/* Copies from @at of the stream; what is not kept reads as nothing. */
size_t keeper_ring_get(const struct keeper_ring *ring, uint64_t at, char *bytes,
		       size_t len);
/* At most @max bytes from @at, owned; NULL: no memory */
char *keeper_ring_cut(const struct keeper_ring *ring, uint64_t at, size_t max,
		      size_t *len);
/* Lines of what is kept: counts them all, and where those of @request are. */
uint64_t keeper_ring_lines(const struct keeper_ring *ring,
			   const struct tool_process_request *request,
			   uint64_t *from, uint64_t *to);

/* keeper-command.c */
int keeper_command_start(struct keeper *keeper, struct tool_outcome *failed);

/* keeper-tree.c */
int keeper_tree_check(struct err *err);
/* Kills every process that came from this one; reaps, too. */
void keeper_tree_kill(struct keeper *keeper);
void keeper_tree_reap(struct keeper *keeper);

/* keeper-streams.c */
void keeper_stream_read(struct keeper *keeper, bool err);
/* What is there now, and no more than that: the command is over. */
void keeper_stream_drain(struct keeper *keeper);
int keeper_stream_feed(struct keeper *keeper, const char *bytes, size_t len);
void keeper_stream_write(struct keeper *keeper);

/* keeper-serve.c */
void keeper_serve(struct keeper *keeper);
uint32_t keeper_status(const struct keeper *keeper);

#endif
