/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call on the host: the client's loop has one end of a pipe, the process that
 * runs the tool the other, and the backend in it waits for whatever it asks.
 */
#ifndef CONTROLLER_CLI_TOOL_HOST_OWN_H
#define CONTROLLER_CLI_TOOL_HOST_OWN_H

#include "controller/cli/keeper.h"
#include "controller/cli/tool-host.h"
#include "controller/tools/backend.h"

/* What the process says, before the bytes that it counts. */
struct host_head {
	uint32_t len;
	uint32_t status;
	bool result;          /* else progress */
	bool error;
	uint64_t output_bytes;
};

/* In the process; what tool_call.backend_arg is. */
struct host_call {
	const struct tool_host_request *request; /* borrowed */
	struct pol_session *session;             /* owned */
	struct keeper_place place;               /* owned */
	int fd;                                  /* of the pipe */
};

extern const struct tool_backend host_backend;

/* In a process of its own: runs the tool, says what came of it, never returns. */
_Noreturn void host_call_run(const struct tool_host_request *request, int fd);
/* All of it is written, or the client is gone and so is this process. */
void host_call_tell(int fd, const struct host_head *head, const char *bytes);

/* The backend's, by file. tool-host-files.c */
void host_read(struct tool_call *call, const struct tool_read *what,
	       tool_file_fn *done);
void host_list(struct tool_call *call, const char *path, uint64_t cursor,
	       tool_dir_fn *done);
void host_stat(struct tool_call *call, const char *path, tool_file_fn *done);
/* What a path is opened with: -1 with errno. @flags: O_CLOEXEC is added. */
int host_open(const struct tool_call *call, const char *path, int flags);
void host_stamp(int fd, struct tool_file *file);

/* tool-host-commit.c */
void host_commit(struct tool_call *call, const struct tool_change *changes,
		 size_t n, tool_commit_fn *done);

/* tool-host-brief.c */
void host_brief(const char *path);

/* tool-host-run.c, tool-host-compute.c */
void host_run(struct tool_call *call, const struct tool_command *what,
	      tool_outcome_fn *done);
void host_compute(struct tool_call *call, char *(*work)(void *arg, size_t *len),
		  void *arg, uint64_t timeout_ms,
		  void (*done)(struct tool_call *call, const char *bytes,
			       size_t len));

void host_cancel(struct tool_call *call);

/* tool-host-process.c */
void host_process(struct tool_call *call,
		  const struct tool_process_request *what,
		  tool_process_fn *done);

#endif
