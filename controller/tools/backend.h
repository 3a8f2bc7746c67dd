/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tools ask of the place where they act.  Two of them: a sandbox
 * (controller/session/tool-*.c, in creeld, never blocks) and the host
 * (controller/cli/tool-host-*.c, in a process of the client, blocks).
 *
 * Each request is answered once, by the function that came with it, perhaps
 * before the request returns: do nothing after it.  What an answer points to
 * is the backend's, for the time of the call.  A call that was cancelled is
 * answered with ECANCELED.
 */
#ifndef CONTROLLER_TOOLS_BACKEND_H
#define CONTROLLER_TOOLS_BACKEND_H

#include "controller/tools/tool.h"

/* Who a file is: for tool_change.expect. */
struct tool_stamp {
	uint64_t ino, dev, size, mtime_nsec, ctime_nsec;
};

struct tool_file {
	/* errno, 0: the rest holds. EISDIR, ELOOP (a symbolic link), ENXIO
	 * (FIFO, socket, device), ENOENT, EACCES, ETIMEDOUT, ... */
	int sys;
	const char *bytes;
	size_t len;
	uint64_t skipped;   /* lines */
	uint64_t lines;     /* in bytes, a last one without its end too */
	bool more;          /* the file goes on */
	uint32_t mode;
	struct tool_stamp stamp;
};
typedef void tool_file_fn(struct tool_call *call, const struct tool_file *file);

/*
 * A path is as tool_path() gives it; or absolute, which it never gives where
 * that is confined: of a tool's own folder in /tmp.
 */
struct tool_read {
	const char *path;
	uint64_t skip_lines, max_lines; /* 0: any number */
	uint64_t max_bytes;
};

enum tool_change_kind {
	TOOL_CHANGE_INVALID = 0,
	TOOL_CHANGE_PUT,
	TOOL_CHANGE_REMOVE,
	TOOL_CHANGE_MKDIR,
};
enum tool_expect {
	TOOL_EXPECT_INVALID = 0,
	TOOL_EXPECT_ANY,
	TOOL_EXPECT_ABSENT, /* else EEXIST */
	TOOL_EXPECT_SAME,   /* as stamp says, else ESTALE */
};

/* One of several changes that happen together or not at all. */
struct tool_change {
	enum tool_change_kind kind;
	const char *path;
	enum tool_expect expect;
	struct tool_stamp stamp;
	const char *bytes;
	size_t len;
	uint32_t mode;      /* of a new file: 0644 */
	bool parents;
	/* A folder that nobody but this call wants: where the call is killed,
	 * the backend removes it with all that is in it. */
	bool brief;
};
#define TOOL_MAX_CHANGES 256

struct tool_commit {
	int sys;            /* errno */
	size_t which;       /* the change that failed */
};
typedef void tool_commit_fn(struct tool_call *call,
			    const struct tool_commit *commit);

struct tool_entry {
	const char *name;   /* any bytes but / and NUL */
	uint32_t type;      /* DT_* */
};
struct tool_dir {
	int sys;
	const struct tool_entry *entries;
	size_t n;
	uint64_t next;      /* 0: no more */
};
typedef void tool_dir_fn(struct tool_call *call, const struct tool_dir *dir);

/* A program to run. */
struct tool_command {
	const char *const *argv; /* NULL-terminated */
	const char *const *env;  /* NAME=VALUE beside the default ones; NULL none */
	bool only_env;      /* in place of them */
	const char *workdir; /* absolute; NULL: the root */
	uint64_t timeout_ms; /* 0: none */
	bool pty;
	const char *input;  /* for its stdin, which is closed then; NULL: stays open */
	size_t input_len;
	bool split;         /* stdout and stderr apart */
	bool oldest;        /* of too much output the beginning is kept, not the end */
	size_t max_output;  /* of each answer, in bytes */
	int64_t yield_ms;   /* still running then: it becomes a background process;
			     * 0: at once; -1: never */
	uint64_t keep_output; /* bytes of it in the background, the newest */
	uint64_t cleanup_ms;  /* so long it is known there when it is over */
	const char *shown;  /* how lists and the log name it */
	uint64_t limit_memory, limit_cpu_usec; /* of this command alone; 0 none */
	const struct cfg_ulimit *ulimits;
	size_t n_ulimits;
	const char *limit_key; /* the configuration's key that asks for them, for errors */
	const struct tool_jail *jail; /* a sandbox of its own; NULL none */
};

struct tool_outcome {
	struct err fail;    /* ERR_NONE: it was started */
	char hint[120];
	bool running;       /* in the background now */
	char id[24];        /* then: what process knows it by */
	uint32_t pid;
	uint32_t status;    /* as creel(1) says: 0-255 */
	bool timed_out, oom, cancelled;
	char why[160];      /* where a limit ended it; "" */
	const char *out, *err;
	size_t out_len, err_len;
	uint64_t out_total, err_total; /* bytes; more than is here: cut */
	bool has_memory, has_cpu;
	uint64_t memory_peak, cpu_usec, wall_usec;
};
typedef void tool_outcome_fn(struct tool_call *call,
			     const struct tool_outcome *outcome);

enum tool_process_action {
	TOOL_PROCESS_INVALID = 0,
	TOOL_PROCESS_LIST,
	TOOL_PROCESS_POLL,   /* what came since the last poll */
	TOOL_PROCESS_LOG,    /* lines offset.. of what is kept */
	TOOL_PROCESS_WRITE,  /* bytes to its stdin or terminal; eof closes it */
	TOOL_PROCESS_KILL,
	TOOL_PROCESS_CLEAR,  /* forget one that is over */
	TOOL_PROCESS_REMOVE, /* kill it if need be, and forget it */
};

struct tool_process_request {
	enum tool_process_action action;
	const char *id;
	uint64_t offset, limit; /* lines; of log */
	bool has_offset;        /* without: the last limit lines */
	const char *data;
	size_t data_len;
	bool eof;
	size_t max_output;
};

struct tool_process_info {
	const char *id;
	const char *command;
	const char *workdir;
	uint32_t pid;
	int64_t started_ms, ended_ms; /* since the epoch */
	bool over;
	uint32_t status;
	bool timed_out, killed, pty;
	uint64_t output_bytes;   /* in all */
	uint64_t dropped_bytes;  /* the oldest of them, which are gone */
};

struct tool_process_answer {
	struct err fail;     /* BAD_STATE: no such process, it is over, ... */
	const struct tool_process_info *infos; /* of list all, else the one */
	size_t n;
	const char *text;    /* of poll and log */
	size_t len;
	uint64_t lines;      /* of log: how many there are */
	uint64_t dropped_bytes; /* that poll would have given */
};
typedef void tool_process_fn(struct tool_call *call,
			     const struct tool_process_answer *answer);

struct tool_backend {
	void (*read)(struct tool_call *call, const struct tool_read *what,
		     tool_file_fn *done);
	void (*commit)(struct tool_call *call,
		       const struct tool_change *changes, size_t n,
		       tool_commit_fn *done);
	/* @path: a directory; @cursor: 0, or an answer's next */
	void (*list)(struct tool_call *call, const char *path, uint64_t cursor,
		     tool_dir_fn *done);
	/* Without content: of a regular file its stamp and mode. */
	void (*stat)(struct tool_call *call, const char *path,
		     tool_file_fn *done);
	void (*run)(struct tool_call *call, const struct tool_command *what,
		    tool_outcome_fn *done);
	void (*process)(struct tool_call *call,
			const struct tool_process_request *what,
			tool_process_fn *done);
	/*
	 * Pure work that may take long: @work runs in a process of its own for
	 * at most @timeout_ms, its bytes are given to @done (NULL: it failed).
	 */
	void (*compute)(struct tool_call *call,
			char *(*work)(void *arg, size_t *len), void *arg,
			uint64_t timeout_ms,
			void (*done)(struct tool_call *call, const char *bytes,
				     size_t len));
	void (*cancel)(struct tool_call *call); /* ends whatever is asked for */
};

#endif
