/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tool calls, creeld's side of them.  A toolbox is what one client may call in
 * one session; a call acts in the session's sandbox through the backend of
 * tool-files.c and tool-run.c, or is left to the client.
 *
 *	client --ses_toolbox--> ses_view    (what the configuration says now)
 *	   \--ses_call---/---> sandbox      (what the call acts in)
 *
 * A call outlives its client, its toolbox and its sandbox until all that it
 * runs has ended; each of them is NULL then.  It is freed at the end of the
 * event loop's turn, never while something above it on the stack may still look
 * at it.
 */
#ifndef CONTROLLER_SESSION_TOOLBOX_H
#define CONTROLLER_SESSION_TOOLBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "controller/core/fs.h"
#include "controller/policy/tools.h"
#include "controller/session/manager.h"
#include "controller/session/tool-jail.h"
#include "controller/tools/backend.h"
#include "controller/tools/tool.h"

#define SES_MAX_TOOLBOXES 64      /* of one client */
#define SES_TOOL_INLINE_BYTES (48U << 10) /* larger ones go in a memfd */
#define SES_ARGS_MAX_DEPTH 64
#define SES_ARGS_MAX_VALUES 10000
#define SES_CALL_WARNINGS 16

struct ses_run;

/* A session as its configuration was when a call began. */
struct ses_view {
	unsigned int refs;
	struct ses_cfg *cfg;         /* a reference */
	struct pol_session *session; /* owned */
	struct pol_policy *policy;   /* owned */
	struct pol_tool_request about; /* borrows from the strings below */
	char *config;   /* owned: path of the configuration, "" none */
	char *provider; /* owned; NULL none, as the next two */
	char *channel;
	char *sender;
};

struct ses_toolbox {
	LIST_ENTRY(ses_toolbox) link;
	struct ses *ses;           /* borrowed */
	struct ctl_client *client; /* borrowed; it goes with it */
	uint32_t id;               /* of this client's, never 0 */
	char *target;              /* owned: the session as it was named */
	char *home;                /* owned: what ~ means */
	struct ses_view *view;     /* a reference */
	struct ses_flags flags;    /* as with exec; for the sandbox when it is made */
	uint8_t agreed[WIRE_ID_BYTES]; /* id of a sandbox that was made with them */
	char *told;                /* owned: the tools as the client knows them */
	size_t told_len;
	bool changed;              /* they are others now */
};

enum ses_place {
	SES_PLACE_INVALID = 0,
	SES_PLACE_SANDBOX,
	SES_PLACE_HOST,
	SES_PLACE_ELEVATED, /* the host, out of a sandbox */
	SES_PLACE_JAIL,     /* of its own, beside a session on the host */
};

enum ses_call_state {
	SES_CALL_INVALID = 0,
	SES_CALL_WAITING, /* for its sandbox to be made */
	SES_CALL_RUNNING,
	SES_CALL_OVER,    /* the client has been told */
};

/* One call; tool_call.backend_arg is it. */
struct ses_call {
	LIST_ENTRY(ses_call) link;
	struct ctl_node by_token;
	struct ses *ses;             /* borrowed */
	struct ses_toolbox *toolbox; /* borrowed; NULL: it was closed */
	struct ses_view *view;       /* a reference */
	struct ctl_waiters waiters;  /* its client; empty: that has gone */
	enum ses_call_state state;
	uint8_t token[WIRE_ID_BYTES];
	bool again;                  /* the command of the token runs already */
	bool begun;                  /* a command has had the token */
	struct tool_env env;
	struct tool_call *call;      /* owned */
	struct ses_sandbox *record;  /* borrowed; NULL: gone */
	struct ctl_sandbox *sandbox; /* borrowed; NULL: gone */
	struct ses_jail *jail;       /* owned: of its own; NULL: none is made */
	char *root;                  /* owned: env.root, its workdir */
	uint64_t asked_usec;         /* monotonic */
	int64_t audit_id;
	char *warnings[SES_CALL_WARNINGS]; /* owned */
	size_t n_warnings;
	/* tool-files.c: what is asked for now; at most one of the two */
	struct ctl_fs *fs;           /* NULL: nothing */
	struct job *job;             /* likewise */
	struct ses_asked *asked;     /* owned; of fs or job */
	struct tool_change stored;   /* of job, see tool-jail-store.c */
	/* tool-run.c */
	struct ses_run *run;         /* of a command that is waited for; its own */
	/* tool-progress.c */
	bool progress;               /* its client wants to hear */
	struct event *timer;         /* owned; NULL: nothing to say */
	uint64_t output_bytes;
	char *last_line;             /* owned */
};

/* What a client is told in the end. */
struct ses_result {
	const char *json; /* borrowed; NULL: there was no memory for it */
	size_t len;
	bool error;
	bool changed;     /* its toolbox has other tools now */
	bool host;        /* the client may add to this list */
};

static inline struct ses_call *ses_call_of(const struct tool_call *call)
{
	return call->backend_arg;
}

/* Where it acts now: its own sandbox, or its jail; NULL: that is gone. */
static inline struct ctl_sandbox *ses_call_place(const struct ses_call *call)
{
	return call->call->in_jail ? ses_jail_sandbox(call->jail) :
				     call->sandbox;
}

/* A path of a tool's own folder is absolute: beneath the root instead. */
static inline const char *ses_path_below(const struct ses_call *call,
					 const char *path)
{
	return path[0] == '/' ? "" : call->root;
}

static inline const char *ses_path_of(const char *path)
{
	return path[0] == '/' ? path + 1 : path;
}

/* toolbox.c */
int ses_req_toolbox_open(struct ses *ses, struct ctl_client *client,
			 const Ctl__Request *req, struct wire_frame *frame,
			 struct ctl_fail *fail);
int ses_req_toolbox_close(struct ses *ses, struct ctl_client *client,
			  const Ctl__Request *req, struct ctl_fail *fail);
struct ses_toolbox *ses_toolbox_find(struct ses *ses,
				     const struct ctl_client *client,
				     uint32_t id, struct ctl_fail *fail);
/* It is as the configuration says now. */
int ses_toolbox_refresh(struct ses_toolbox *toolbox, struct ctl_fail *fail);
void ses_toolboxes_client_gone(struct ses *ses,
			       const struct ctl_client *client);
void ses_toolboxes_free(struct ses *ses);

/* toolbox-view.c */
struct ses_view *ses_view_new(struct ses_cfg *cfg, const char *config,
			      const char *target,
			      const struct pol_tool_request *about,
			      struct ctl_fail *fail);
bool ses_view_allows(const struct ses_view *view, const struct tool *tool,
		     struct pol_decision *decision);
struct ses_view *ses_view_ref(struct ses_view *view);
void ses_view_unref(struct ses_view *view);
/* JSON: the tools that are offered and allowed; owned, NULL without memory. */
char *ses_view_tools(const struct ses_view *view, size_t *len);

/* tool-args.c */
json_t *ses_tool_args(const Ctl__ToolCall *msg, struct wire_frame *frame,
		      struct err *err);
void ses_tool_summary(const json_t *args, char *out, size_t size);

/* tool-gate.c */
char *ses_gate_policy(const struct ses_view *view, const struct tool *tool,
		      struct err *why);
char *ses_gate_elevated(const struct ses_view *view, const struct tool *tool,
			struct err *why);
bool ses_gate_list(const struct ses_call *call);
int ses_gate_place(const struct ses_view *view, const struct tool *tool,
		   const json_t *args, enum ses_place *place, struct err *err);

/* tool-brief.c */
void ses_briefs_tick(struct ses *ses);

/* tool-call.c */
int ses_req_tool_call(struct ses *ses, struct ctl_client *client,
		      const Ctl__Request *req, struct wire_frame *frame,
		      struct ctl_fail *fail);
void ses_calls_ready(struct ses *ses, struct ctl_sandbox *sandbox);

/* tool-end.c */
int ses_calls_init(struct ses *ses);
void ses_calls_free(struct ses *ses);
void ses_call_attach(struct ses_call *call);
void ses_call_drop(struct ses_call *call);
void ses_call_free(struct ses_call *call);
struct ses_call *ses_call_find(struct ses *ses, const uint8_t *token);
void ses_call_fail(struct ses_call *call, const struct ctl_fail *fail);
/* With the result: a protected path that appeared, ... */
void ses_call_warn(struct ses_call *call, const char *text);
void ses_result_send(struct ctl_client *client, uint32_t seq,
		     const struct ses_result *result);
int ses_req_tool_cancel(struct ses *ses, struct ctl_client *client,
			const Ctl__Request *req, struct ctl_fail *fail);
void ses_calls_failed(struct ses *ses, struct ctl_sandbox *sandbox,
		      const struct ctl_fail *fail);
void ses_calls_gone(struct ses *ses, struct ctl_sandbox *sandbox);
void ses_calls_client_gone(struct ses *ses, const struct ctl_client *client);
bool ses_calls_in(const struct ses *ses, const struct ctl_sandbox *sandbox);

/* tool-progress.c */
void ses_progress_begin(struct ses_call *call);
void ses_progress_end(struct ses_call *call);

/* tool-files.c: tool_backend, but for run() and process() */
extern const struct tool_backend ses_tool_backend;
void ses_asked_free(struct ses_call *call);
void ses_asked_end(struct ses_call *call, int sys);

/*
 * tool-run.c: commands, and background processes.
 *
 * A command that is waited for has the token of its call, so that it can be
 * found again; ses_call.again: it is there already, adopted, and is waited for
 * instead of begun.  What is waited for ends when the call is cancelled; what
 * has gone into the background lives on.
 */
void ses_run_start(struct tool_call *call, const struct tool_command *what,
		   tool_outcome_fn *done);
void ses_run_process(struct tool_call *call,
		     const struct tool_process_request *what,
		     tool_process_fn *done);
/* Kills what call->run waits for; its answer comes, perhaps later. */
void ses_run_cancel(struct ses_call *call);
/* Of the hook exec_found. What nobody comes back for is killed after
 * CTL_RECLAIM_SEC, but for background processes. */
void ses_run_found(struct ses *ses, struct ctl_exec *exec, uint32_t pid,
		   int *fds, size_t n_fds);
/* When the store is there: background processes of an earlier creeld. */
void ses_runs_load(struct ses *ses);
/* Background processes go with their sandbox. */
void ses_runs_sandbox_gone(struct ses *ses, const struct ctl_sandbox *sandbox);
void ses_runs_tick(struct ses *ses);
void ses_runs_free(struct ses *ses);

#endif
