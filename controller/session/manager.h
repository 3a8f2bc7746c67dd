/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the session manager ask of each other.  Private to
 * controller/session.
 *
 *	configuration --session key--> pol_session --scope key--> ses_sandbox
 *
 * A ses_sandbox is in the store and in memory from the moment when it is asked
 * for; it is one with a sandbox of the core, or the memory of a lost one.
 */
#ifndef CONTROLLER_SESSION_MANAGER_H
#define CONTROLLER_SESSION_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "controller/config/config.h"
#include "controller/core/core.h"
#include "controller/core/keys.h"
#include "controller/policy/resolve.h"
#include "controller/session/audit.h"
#include "controller/session/events.h"
#include "controller/session/job.h"
#include "controller/session/session.h"
#include "controller/session/store.h"

#define SES_MAX_CONFIGS 64
#define SES_RESOLVED 16 /* sessions of a configuration that are kept */
#define SES_PREPARE_MS 600000 /* copies of large skills take their time */
#define SES_PRUNE_SEC 60
#define SES_STORE_RETRY_SEC 1
#define SES_SCOPE_BYTES 12
#define SES_PROBLEM_BYTES 400
#define SES_WARNING_BYTES 200

struct flt_program;

/* A configuration that somebody uses; freed with its last user. */
struct ses_cfg {
	struct cfg *cfg; /* owned */
	unsigned int refs;
	uint64_t serial; /* no two of a creeld have the same */
	/* Owned: what was resolved last and is in no use, the newest first. */
	struct pol_session *resolved[SES_RESOLVED];
};

/* A configuration file, by its path and what ~ means in it. */
struct ses_config {
	LIST_ENTRY(ses_config) link;
	char *path; /* owned, "" none */
	char *home; /* owned */
	struct ses_cfg *now; /* what is in force; NULL: nothing */
	char problem[SES_PROBLEM_BYTES]; /* of the file; "" none */
	size_t more; /* problems */
	struct timespec tried_mtime; /* the file that was found wrong */
	time_t tried_at;
	time_t used_at;
};

/* Flags of a request, kept until they can be looked at. */
struct ses_flags {
	Ctl__Exec *msg; /* owned, without its command; NULL: none were given */
	int fds[WIRE_MAX_FDS]; /* owned */
	size_t n_fds;
};

/* A request that came while its sandbox was made; its flags are compared later. */
struct ses_late {
	STAILQ_ENTRY(ses_late) link;
	uint8_t token[WIRE_ID_BYTES];
	struct ses_flags flags;
};

/* What a job has found and opened. */
struct ses_parts {
	int workspace_fd; /* owned */
	int agent_fd;     /* owned, -1: not mounted */
	int image_fd;     /* owned, -1: the host's */
	int *bind_fds;    /* owned, and each */
	size_t n_binds;
	uint8_t *filter;  /* owned; a BPF program */
	size_t filter_len;
};

#define SES_PARTS_INIT                                               \
	{                                                            \
		.workspace_fd = -1, .agent_fd = -1, .image_fd = -1,  \
	}

struct ses_setup;

/* What is needed until the sandbox can be used. */
struct ses_make {
	struct ses_sandbox *of; /* borrowed */
	struct ses_cfg *cfg;    /* a reference */
	struct pol_session *session; /* owned */
	struct ses_flags flags; /* of who asked first */
	STAILQ_HEAD(, ses_late) late;
	struct job *job;        /* NULL: over */
	struct ses_parts parts;
	struct ses_setup *setup; /* owned, while it runs */
};

struct ses_sandbox {
	LIST_ENTRY(ses_sandbox) link;
	struct ctl_node by_scope;
	char *index;        /* owned: config, NUL, scope key */
	size_t index_len;
	struct ses *ses;    /* borrowed */
	struct ctl_sandbox *sandbox; /* borrowed; NULL: it was lost */
	struct ses_make *make; /* owned, until commands may run */
	int64_t row;        /* 0: not in the store */
	int64_t lost_row;   /* of the one before, which was lost; 0 none */
	bool stale;         /* of the store, and not ready when that ended */
	const char *config; /* within index */
	const char *scope_key; /* likewise */
	char agent[CFG_AGENT_ID_MAX + 1];
	char scope[SES_SCOPE_BYTES];
	char *workspace;    /* owned */
	uint8_t hash[POL_HASH_BYTES];
	double idle_hours, max_age_days;
	int64_t created_ms, used_ms;
	char *session;      /* owned: key used last, with a row; NULL none */
	int64_t session_ms; /* when that was */
	bool used;          /* they are newer than in the store */
	uint64_t match_serial; /* match is that of this ses_cfg */
	Ctl__Match match;
};

/* Who asks for a session, resolved. */
struct ses_target {
	enum ses_target_kind {
		SES_TARGET_INVALID = 0,
		SES_TARGET_PLAIN,   /* the core's */
		SES_TARGET_SANDBOX, /* a session's sandbox, by its name */
		SES_TARGET_SESSION,
	} kind;
	struct ses_cfg *cfg;         /* a reference; of a session */
	struct pol_session *session; /* of a session; owned, unless lent */
	bool lent;
	struct ses_sandbox *record;  /* borrowed; NULL: it has no sandbox */
	struct ctl_sandbox *plain;   /* borrowed; NULL: there is none */
};

/* One use of a session's sandbox, by a command or by a tool. */
struct ses_use {
	struct ses *ses;
	struct ses_target *target; /* of a session */
	const char *config;        /* its path, "" none */
	struct ses_flags *flags;   /* given with it; they may be taken */
	const uint8_t *token;      /* whose use it is */
	bool created;
	bool lost;
	char note[200];
};

#define auto_target \
	__attribute__((cleanup(ses_target_fini))) struct ses_target

struct ses {
	struct event_base *base; /* borrowed */
	struct ses_options options;
	char *runtime_dir; /* owned */
	struct ctl_hooks hooks;
	struct ctl *ctl; /* borrowed, from ready() on */
	struct store *store; /* owned; NULL: store_fail says why */
	struct ctl_fail store_fail;
	time_t store_tried;
	struct ctl_map scopes;
	LIST_HEAD(, ses_sandbox) sandboxes;
	LIST_HEAD(, ses_config) configs;
	unsigned int n_configs;
	uint64_t serial;
	time_t pruned_at;
	LIST_HEAD(, ses_stage) stages;
	struct ses_audit *audit;   /* owned */
	struct ses_events *events; /* owned */
	bool entering; /* a command of a session, which is in the log already */
	struct ses_runs *runs;     /* owned; commands of tools; NULL: none yet */
	LIST_HEAD(, ses_host) hosts;        /* what clients run themselves */
	LIST_HEAD(, ses_toolbox) toolboxes; /* see toolbox.h */
	LIST_HEAD(, ses_call) calls;
	LIST_HEAD(, ses_call) dead_calls;   /* freed at the end of the turn */
	struct ctl_map call_tokens;
	struct event *bury_calls; /* owned */
	LIST_HEAD(, ses_jail) jails;        /* see tool-jail.h */
	char *home; /* owned; of this uid, NULL not known */
	char problems[SES_MAX_CONFIGS + 1][SES_PROBLEM_BYTES]; /* as told */
	char *problem_list[SES_MAX_CONFIGS + 1];
};

/* manager.c */
int64_t ses_now_ms(void);
int ses_store_need(struct ses *ses, struct ctl_fail *fail);

/* configs.c: the cache of configurations */
struct ses_cfg *ses_config_get(struct ses *ses, const char *path,
			       const char *home, struct ctl_fail *fail);
struct ses_cfg *ses_cfg_ref(struct ses_cfg *cfg);
void ses_cfg_unref(struct ses_cfg *cfg);
struct pol_session *ses_cfg_take(struct ses_cfg *cfg, const char *key);
void ses_cfg_put(struct ses_cfg *cfg, struct pol_session *session);
struct ses_cfg *ses_config_any(struct ses *ses, const char *path,
			       struct ctl_fail *fail);
size_t ses_config_problems(struct ses *ses);
void ses_configs_free(struct ses *ses);

/* target.c */
int ses_target_resolve(struct ses *ses, const char *target,
		       const Ctl__Config *config, struct ses_target *out,
		       struct ctl_fail *fail);
void ses_target_fini(struct ses_target *target);

struct pol_session *ses_session_get(struct ses_cfg *cfg, const char *text,
				    struct ctl_fail *fail);
int ses_target_session(struct ses *ses, const char *key,
		       const Ctl__Config *config, struct ses_target *out,
		       struct ctl_fail *fail);

/* record.c: sandboxes of sessions, in memory and in the store */
struct ses_sandbox *ses_record_find(struct ses *ses, const char *config,
				    const char *scope_key);
struct ses_sandbox *ses_record_new(struct ses *ses, const char *config,
				   const char *scope_key);
int ses_record_fill(struct ses_sandbox *record,
		    const struct pol_session *session, struct ctl_fail *fail);
int ses_record_insert(struct ses_sandbox *record,
		      const struct pol_session *session,
		      const struct ctl_defaults *defaults,
		      struct ctl_fail *fail);
void ses_record_use(struct ses_sandbox *record);
bool ses_record_knows(struct ses_sandbox *record, const char *key);
void ses_record_know(struct ses_sandbox *record, const char *key);
void ses_record_end(struct ses_sandbox *record, bool lost);
void ses_record_forget(struct ses_sandbox *record);
void ses_record_free(struct ses_sandbox *record);
int ses_records_load(struct ses *ses, struct err *err);
void ses_records_flush(struct ses *ses);

/* denied.c: a refusal is worth a line of the log, too */
void ses_denied_session(struct ses *ses, struct ctl_client *client,
			const Ctl__Exec *msg, const struct pol_session *session,
			const struct ctl_fail *fail);
void ses_denied(void *arg, struct ctl_client *client, const Ctl__Request *req,
		const struct ctl_fail *fail);

/* use.c */
int ses_req_exec(struct ses *ses, struct ctl_client *client,
		 const Ctl__Request *req, struct wire_frame *frame,
		 struct ctl_fail *fail);

/* use-find.c */
int ses_use_find(struct ses_use *use, struct ctl_fail *fail);
int ses_use_remember(struct ses_use *use, const struct ses_ask *ask,
		     int64_t *id, struct ctl_fail *fail);
bool ses_is_busy(const struct ses_sandbox *record);

/* verbs.c */
int ses_req_target(struct ses *ses, struct ctl_client *client,
		   const Ctl__Request *req, struct ctl_fail *fail);

/* make.c: a sandbox, from the first request to the first command */
int ses_folder_check(struct ses *ses, const struct pol_session *session,
		     const char *name, struct ctl_fail *fail);
struct ses_sandbox *ses_make(struct ses_use *use, struct ctl_fail *fail);
int ses_make_late(struct ses_use *use, struct ctl_fail *fail);
void ses_make_live(struct ses_sandbox *record);
void ses_make_fail(struct ses_sandbox *record, const struct ctl_fail *fail);
void ses_make_free(struct ses_make *make);

/* prepare.c: what takes long, in a job */
struct job *ses_prepare_start(struct ses_make *make, job_done_fn *done);
int ses_prepare_take(struct ses_make *make, struct job_result *result,
		     struct ctl_fail *fail);
void ses_parts_fini(struct ses_parts *parts);
int ses_prepare_image(const struct pol_session *session, const char *state_dir,
		      int *fd, struct ctl_fail *fail);
int ses_prepare_filter(const struct pol_session *session,
		       struct flt_program *filter,
		       char warning[SES_WARNING_BYTES], struct ctl_fail *fail);

/* shape.c: from a session and flags to what the core builds */
struct ctl_spec *ses_shape(struct ses *ses, const struct pol_session *session,
			   struct ses_parts *parts, struct ses_flags *flags,
			   struct ctl_fail *fail);
struct ctl_keys *ses_shape_keys(const struct pol_session *session,
				const struct ses_flags *flags,
				struct err *err);
int ses_shape_defaults(const struct pol_session *session,
		       const struct ses_parts *parts,
		       struct ctl_defaults *defaults, struct err *err);
int ses_flags_compare(struct ses_sandbox *record,
		      const struct pol_session *session,
		      struct ses_flags *flags, struct ctl_fail *fail);

/* flags.c */
int ses_flags_take(struct ses_flags *flags, const Ctl__Exec *msg,
		   struct wire_frame *frame, struct ctl_fail *fail);
int ses_flags_copy(struct ses_flags *flags, const struct ses_flags *from,
		   struct ctl_fail *fail);
void ses_flags_fini(struct ses_flags *flags);

/* setup.c: setupCommand */
int ses_setup_start(struct ses_make *make, struct ctl_fail *fail);
void ses_setup_over(struct ctl_exec *exec, const struct ctl_result *result);
void ses_setup_free(struct ses_setup *setup);

/* host.c: sessions that are not sandboxed */
int ses_host_start(struct ses *ses, struct ctl_client *client,
		   const struct pol_session *session,
		   const struct ctl_command *cmd, struct ctl_fail *fail);
int ses_host_remember(struct ses *ses, const struct pol_session *session,
		      struct err *err);
int ses_host_tool(struct ses *ses, const struct pol_session *session,
		  const struct ses_ask *ask, struct ctl_fail *fail);
void ses_hosts_client_gone(struct ses *ses, const struct ctl_client *client);
void ses_host_reply(struct ctl_client *client, uint32_t seq,
		    struct ctl_command *cmd);
int ses_host_refuse(const struct pol_session *session, bool host,
		    struct ctl_fail *fail);
int ses_req_host_done(struct ses *ses, struct ctl_client *client,
		      const Ctl__Request *req, struct ctl_fail *fail);

/* listing.c */
int ses_req_list(struct ses *ses, struct ctl_client *client,
		 const Ctl__Request *req, struct ctl_fail *fail);
void ses_record_refresh(struct ses *ses, struct ses_sandbox *record);
void ses_item(struct ses *ses, struct ctl_sandbox *sandbox, Ctl__Item *item);

/* stage.c */
int ses_req_media(struct ses *ses, struct ctl_client *client,
		  const Ctl__Request *req, struct ctl_fail *fail);
void ses_stages_client_gone(struct ses *ses, const struct ctl_client *client);
void ses_stages_free(struct ses *ses);

/* recreate.c */
int ses_req_recreate(struct ses *ses, struct ctl_client *client,
		     const Ctl__Request *req, struct ctl_fail *fail);
int ses_req_prune(struct ses *ses, struct ctl_client *client,
		  const Ctl__Request *req, struct ctl_fail *fail);
void ses_prune_tick(struct ses *ses);

#endif
