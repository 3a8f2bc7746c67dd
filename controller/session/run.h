/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of tools, from their start until nobody asks for their output any
 * more.  Private to tool-run.c, tool-process.c and run*.c.
 *
 *	tool_call <--waits-- ses_run --owns--> pipes, spool, pump
 *	                        \--ctl_exec (borrowed, until it is over)
 *
 * A run that is waited for is in memory alone: its answer ends it.  One in the
 * background has a row in the store and a file for its output, and is found
 * again by the next creeld; its pipes are kept by pid 1 meanwhile.
 */
#ifndef CONTROLLER_SESSION_RUN_H
#define CONTROLLER_SESSION_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "controller/session/pump.h"
#include "controller/session/spool.h"
#include "controller/session/toolbox.h"

#define SES_RUN_ID_BYTES 24
#define SES_RUN_FILE_BYTES 40
#define SES_RUN_MAX 256            /* in the background, of one session */
#define SES_RUN_INPUT_BYTES (16U << 20) /* that wait to be read */
#define SES_RUN_INPUTS_BYTES (64U << 20) /* likewise, of one sandbox */
#define SES_RUN_FILES 5            /* descriptors that one needs */
#define SES_RUN_STREAMS 3
#define SES_RUN_DRAIN_MS 100       /* for what a terminal still holds */

struct ses_run;

struct ses_stream {
	struct ses_run *run;   /* borrowed */
	int fd;                /* owned; -1: at its end */
	struct event *event;   /* owned */
	struct spool spool;
};

struct ses_input {
	int fd;                /* owned; -1: closed */
	struct event *event;   /* owned; while something waits */
	char *bytes;           /* owned */
	size_t at, len;        /* at..len wait to be written */
	bool closing;          /* after that */
};

enum ses_run_state {
	SES_RUN_INVALID = 0,
	SES_RUN_STARTING,
	SES_RUN_RUNNING,
	SES_RUN_DRAINING, /* it is over; its terminal is read still */
	SES_RUN_OVER,
};

struct ses_run {
	LIST_ENTRY(ses_run) link;
	struct ses *ses;             /* borrowed */
	enum ses_run_state state;
	uint8_t token[WIRE_ID_BYTES];
	char id[SES_RUN_ID_BYTES];   /* "": not in the background */
	char file[SES_RUN_FILE_BYTES]; /* of its output; "" none */
	struct ctl_exec *exec;       /* borrowed; NULL: over, or not found yet */
	struct ctl_sandbox *sandbox; /* borrowed */
	int64_t row;                 /* of the sandbox */
	char *config, *session;      /* owned: whose it is */
	char *shown, *workdir;       /* owned; for lists */
	uint32_t pid;
	int64_t started_ms, ended_ms;
	uint64_t keep;               /* bytes of output in the background */
	uint64_t cleanup_ms;
	uint64_t polled;             /* of the output, by poll */
	size_t max_output;           /* of the answer */
	bool split, tty, oldest;
	bool found;                  /* an earlier creeld had started it */
	bool killed;                 /* somebody asked for it */
	bool cancelled;              /* likewise, who waited */
	bool gone;                   /* freed at the end of the turn */
	struct ses_stream out, err;
	struct ses_input input;
	struct ses_pump pump;        /* of a terminal */
	struct ctl_result result;
	struct tool_call *call;      /* who waits; NULL: nobody */
	tool_outcome_fn *done;
	int64_t yield_ms;
	char limit_key[60];
	time_t found_at;
	struct event *timer;         /* owned: yield, drain */
	int held[SES_RUN_STREAMS];   /* owned: n_held, of one that was found */
	size_t n_held;
};

struct ses_runs {
	LIST_HEAD(, ses_run) list;
	LIST_HEAD(, ses_run) dead;
	struct event *sweep;         /* owned: frees the dead */
	int dir_fd;                  /* owned: of the files; -1 not open */
	struct store *loaded;        /* rows of this store are known; NULL none */
	unsigned int max;            /* descriptors allow for so many */
};

/* run.c: the life of one */
struct ses_run *ses_run_new(struct ses *ses, struct ctl_sandbox *sandbox,
			    struct err *err);
void ses_run_attach(struct ses_run *run, struct ctl_exec *exec);
void ses_run_begin(struct ses_run *run);
int ses_run_open(struct ses_run *run, const int *fds, size_t n_fds);
void ses_run_over(struct ses_run *run, const struct ctl_result *result);
void ses_run_kill(struct ses_run *run);
void ses_run_after(struct ses_run *run, int64_t ms);
void ses_run_finish(struct ses_run *run);
void ses_run_free(struct ses_run *run);

/* run-io.c: its streams */
void ses_stream_init(struct ses_stream *stream, struct ses_run *run);
void ses_stream_fini(struct ses_stream *stream);
int ses_stream_listen(struct ses_stream *stream, int fd);
void ses_stream_drain(struct ses_stream *stream);
void ses_input_fini(struct ses_input *input);
int ses_run_give(struct ses_run *run, const char *bytes, size_t len);
int ses_input_begin(struct ses_run *run);
int ses_input_write(struct ses_run *run, const char *bytes, size_t len,
		    bool eof, struct err *err);

/* run-table.c: all of them */
struct ses_runs *ses_runs_of(struct ses *ses, struct err *err);
struct ses_run *ses_run_by_token(struct ses *ses, const uint8_t *token);
struct ses_run *ses_run_by_id(struct ses *ses, const char *config,
			      const char *session, const char *id);
bool ses_run_is_of(const struct ses_run *run, const char *config,
		   const char *session);
int ses_run_room(struct ses *ses, const char *config, const char *session,
		 struct ctl_fail *fail);
int ses_run_to_background(struct ses_run *run, struct err *err);
void ses_run_save_polled(struct ses_run *run);
void ses_run_forget(struct ses_run *run);

/* run-file.c: files of output */
int ses_run_file_new(struct ses_run *run, struct err *err);
int ses_run_file_open(struct ses *ses, const char *name, struct err *err);
void ses_run_file_remove(struct ses_run *run);
void ses_run_files_sweep(struct ses *ses);

/* run-load.c: those of an earlier creeld */
void ses_run_settle(struct ses_run *run);

/* tool-run.c: the answer to who waits */
void ses_run_answer(struct ses_run *run);
void ses_run_answer_fail(struct ses_run *run, const struct ctl_fail *fail);
void ses_run_yield(struct ses_run *run);

#endif
