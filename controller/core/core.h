/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller's objects and what its parts ask of each other.  Private to
 * controller/core, and to controller/session, which hooks into it.
 *
 *	client --waiter--> exec --> sandbox --> helper
 *
 * A waiter is a request that is still to be answered: it belongs to a client
 * and hangs on a command or on a sandbox. Objects are freed at the end of the
 * event loop's turn (ctl_bury()), never while something above them on the
 * stack may still look at them.
 */
#ifndef CONTROLLER_CORE_CORE_H
#define CONTROLLER_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "controller/core/command.h"
#include "controller/core/conn.h"
#include "controller/core/ctl.h"
#include "controller/core/defaults.h"
#include "controller/core/hooks.h"
#include "controller/core/label.h"
#include "controller/core/map.h"
#include "controller/core/name.h"
#include "controller/core/source.h"
#include "controller/core/spec.h"
#include "controller/core/status.h"
#include "proto/control.pb-c.h"
#include "proto/helper.pb-c.h"
#include "proto/init.pb-c.h"
#include "proto/wire.h"

#define CTL_MAX_CLIENTS 1024
#define CTL_MAX_WAITERS 256    /* of one client */
#define CTL_MAX_EXECS 1000     /* of one sandbox; creel-init has 1024 */
#define CTL_EXEC_WARNINGS 32
#define CTL_APPEARED_MAX 32    /* told in lists */
#define CTL_APPEARED_MAX_BYTES 512
#define CTL_CLAIM_SEC 600      /* an exit status waits for its client */
#define CTL_RECLAIM_SEC 30     /* a finished run's sandbox, likewise */
#define CTL_RESYNC_MS 2000     /* for adopted sandboxes to answer */
#define CTL_LOOKUP_SEC 10      /* for creel-init to open a file */
#define CTL_TICK_SEC 5
#define CTL_SANDBOX_WARNINGS 8

struct ctl_client;
struct ctl_sandbox;
struct ctl_exec;
struct ses_sandbox;

enum ctl_wait_kind {
	CTL_WAIT_INVALID = 0,
	CTL_WAIT_STATUS, /* run, exec, attach: Started, then Exited */
	CTL_WAIT_GONE,   /* kill, remove: Done when the sandbox is gone */
	CTL_WAIT_PAUSED, /* pause, resume: Done when it is so */
	CTL_WAIT_TOOL,   /* tool call: a result, or to be run by the client */
};

struct ctl_waiter {
	LIST_ENTRY(ctl_waiter) of_client;
	LIST_ENTRY(ctl_waiter) of_object;
	struct ctl_client *client; /* borrowed */
	uint32_t seq;
	enum ctl_wait_kind kind;
};
LIST_HEAD(ctl_waiters, ctl_waiter);

struct ctl_client {
	struct ctl *ctl; /* borrowed */
	LIST_ENTRY(ctl_client) link;
	struct ctl_conn conn;
	struct ctl_waiters waiters;
	unsigned int n_waiters;
	char peer[48]; /* see ctl_client_peer(); "" not asked yet */
	bool buried;
};

/*
 * Who asked for a command of creeld's own, and hears how it goes; each is
 * called at most once, from the event loop.
 */
struct ctl_exec_ops {
	/*
	 * Descriptors that pid 1 made for it (cmd->capture): the write end of
	 * its stdin, -1 where that is closed, the read end of its stdout, and
	 * of its stderr where that is split; or the master of its terminal.
	 * They are pipes or that, and do not block; fewer than that there may
	 * be. What is wanted of them is taken: fd_take(&fds[i]).
	 */
	void (*started)(struct ctl_exec *exec, uint32_t pid, int *fds,
			size_t n_fds);
	/* The last word, in either case: the owner is let go of. */
	void (*over)(struct ctl_exec *exec, const struct ctl_result *result);
	void (*failed)(struct ctl_exec *exec, const struct ctl_fail *fail);
};

enum ctl_exec_state {
	CTL_EXEC_INVALID = 0,
	CTL_EXEC_WAITING, /* for its sandbox or its user */
	CTL_EXEC_SENT,
	CTL_EXEC_RUNNING,
	CTL_EXEC_OVER, /* result is set, nobody has got it yet */
};

struct ctl_exec {
	struct ctl *ctl; /* borrowed */
	LIST_ENTRY(ctl_exec) link;
	struct ctl_node by_token;
	struct ctl_sandbox *sandbox; /* borrowed; NULL: outlived it */
	enum ctl_exec_state state;
	uint8_t token[WIRE_ID_BYTES];
	struct ctl_command *cmd; /* owned, until it is sent */
	char *name;              /* owned: argv[0], for messages */
	struct ctl_user user;
	struct ctl_waiters waiters;
	uint64_t timeout_ms;
	uint64_t limit_memory; /* of its own, 0 none */
	uint32_t lookup_seq; /* of an open of /etc/passwd, 0 none */
	time_t asked_at;
	bool ends_sandbox;   /* of run */
	bool own_user;    /* its caller asked for it, not */
	bool own_workdir; /* whoever made the sandbox */
	bool detach;
	bool created; /* this command's request made the sandbox */
	bool lost;
	bool internal; /* creeld's own: it has no client and waits for none */
	const struct ctl_exec_ops *ops; /* of such a one; NULL: hooks alone */
	void *owner;                    /* borrowed, likewise */
	char note[200]; /* for its client, when it starts; "" none */
	int64_t audit_id; /* of its row, 0 none */
	struct ctl_result result;
	time_t over_at;
	char *warnings[CTL_EXEC_WARNINGS]; /* owned; told with the result */
	size_t n_warnings;
	bool claimed; /* a client has got the result */
	bool buried;
};

enum ctl_sandbox_state {
	CTL_SANDBOX_INVALID = 0,
	CTL_SANDBOX_PREPARING, /* in the tables, nothing asked of the helper */
	CTL_SANDBOX_BUILDING,
	CTL_SANDBOX_LIVE,
	CTL_SANDBOX_DYING,
};

enum ctl_death {
	CTL_DEATH_NONE = 0, /* of its own: pid 1 was killed */
	CTL_DEATH_ASKED,    /* kill, rm */
	CTL_DEATH_RUN_OVER, /* the one command of run has ended */
	CTL_DEATH_VIOLATION,
};

struct ctl_sandbox {
	struct ctl *ctl; /* borrowed */
	LIST_ENTRY(ctl_sandbox) link;
	LIST_ENTRY(ctl_sandbox) building;
	struct ctl_node by_name;
	struct ctl_node by_id;
	bool in_names;
	bool in_ids;
	enum ctl_sandbox_state state;
	enum ctl_death death;
	uint8_t id[WIRE_ID_BYTES];
	char hex[CTL_HEX_BYTES];
	struct ctl_label label;
	struct ctl_build *build; /* owned, until it is live */
	struct ctl_watch *watch; /* owned, NULL: no protected paths */
	char *appeared[CTL_APPEARED_MAX]; /* borrowed, for lists */
	struct ctl_conn init;
	int cgroup_fd; /* owned */
	bool oom;
	bool resyncing;
	bool awaited; /* clients wait for that */
	bool idle_run; /* adopted, its command has not come back yet */
	bool marked;   /* has a marker on disk */
	bool held;     /* its setup runs: commands wait */
	struct ses_sandbox *session; /* borrowed; NULL: of no session */
	struct ctl_defaults defaults; /* of its commands */
	uint64_t cleans; /* it empties this overlay, 0 none */
	char *warnings[CTL_SANDBOX_WARNINGS]; /* owned */
	size_t n_warnings;
	struct ctl_keys *keys; /* owned; NULL: messages name flags */
	bool paused; /* or about to be */
	struct ctl_pause *pause; /* owned; NULL: it never was */
	uint32_t answer_seq;
	TAILQ_HEAD(, ctl_fs) fs; /* see fs.c: asked, in order */
	unsigned int n_fs_sent;  /* of them pid 1 works on */
	LIST_HEAD(, ctl_exec) execs;
	unsigned int n_execs;
	struct ctl_waiters waiters;
	time_t since; /* last time a command ended, or adopted */
	bool buried;
};

enum ctl_limit {
	CTL_LIMIT_MEMORY = 0,
	CTL_LIMIT_SWAP,
	CTL_LIMIT_PIDS,
	CTL_LIMIT_CPUS,
	CTL_LIMIT_COUNT,
};

/* What is needed until the helper has said started or failed. */
struct ctl_build {
	struct ctl_spec *spec; /* owned */
	uint32_t first_seq;
	uint32_t last_seq;
	int layers_fd; /* owned; of a writable image, see overlay.c */
	int lock_fd;   /* owned */
	int image_lock_fd; /* owned; of a stored image, see image/store.h */
	int16_t what[CTL_MAX_MOUNTS + 24]; /* mount of each verb, or -1 */
	bool map_caller;
	bool retry; /* once more, with map_caller */
	bool drop;  /* or without this limit */
	enum ctl_limit limit;
	bool failed;
	struct ctl_fail fail;
};

struct ctl_helper_info {
	bool system;
	bool id_range;
	bool idmap;
	bool cgroup;
	bool host_network;
	uint32_t landlock_abi;
	uint32_t max_sandboxes;
	char controllers[64];
	char cgroup_why[128];
};

struct ctl {
	struct event_base *base; /* borrowed */
	struct ctl_options options;
	struct ctl_conn helper;
	struct ctl_helper_info info;
	bool hello;
	bool synced;
	bool ready; /* clients are served */
	bool ended;
	struct ctl_fail why; /* the helper cannot work; ERR_NONE: it can */
	uint32_t seq;
	struct ctl_map names;
	struct ctl_map ids;
	struct ctl_map tokens;
	LIST_HEAD(, ctl_sandbox) sandboxes;
	LIST_HEAD(, ctl_sandbox) building;
	LIST_HEAD(, ctl_client) clients;
	LIST_HEAD(, ctl_exec) orphans; /* over, their sandboxes are gone */
	LIST_HEAD(, ctl_missed) missed; /* asked for, see pause.c */
	/* Buried: freed at the end of the turn. */
	LIST_HEAD(, ctl_sandbox) dead_sandboxes;
	LIST_HEAD(, ctl_client) dead_clients;
	LIST_HEAD(, ctl_exec) dead_execs;
	unsigned int n_sandboxes;
	unsigned int n_clients;
	unsigned int n_resyncing;
	unsigned int n_idle_runs;
	unsigned int n_orphans;
	struct event *sweep;
	struct event *tick;
	struct event *resync_timer;
	struct event *overlay_timer;
	bool overlay_left; /* one is removed in part only */
	time_t busy_at; /* monotonic */
	struct ctl_protect protect;
	char *state_dir; /* owned, NULL: none */
	int null_fd;     /* owned */
	uint8_t *buf;    /* owned; a datagram as it came in */
	struct arena arena;
	void *arena_base; /* owned */
};

/* ctl.c */
time_t ctl_now(void);
void ctl_bury(struct ctl *ctl);
void ctl_end(struct ctl *ctl, enum ctl_end end, const char *why);
void ctl_check_ready(struct ctl *ctl);

/* helper.c */
int ctl_helper_open(struct ctl *ctl, int fd, struct err *err);
int ctl_helper_send(struct ctl *ctl, Hlp__Request *req, int fd);
int ctl_helper_send_fds(struct ctl *ctl, Hlp__Request *req, const int *fds,
			size_t n_fds);
void ctl_helper_kill(struct ctl_sandbox *sandbox);
void ctl_helper_bye(struct ctl *ctl);

/* build.c */
int ctl_build_start(struct ctl_sandbox *sandbox, struct ctl_spec *spec,
		    struct ctl_fail *fail);
void ctl_build_failed(struct ctl_sandbox *sandbox, const Hlp__Failed *msg);
struct ctl_sandbox *ctl_build_find(struct ctl *ctl, uint32_t seq);
void ctl_build_free(struct ctl_build *build);

/* pause.c */
int ctl_req_pause(struct ctl_client *client, const Ctl__Request *req,
		  struct wire_frame *frame, struct ctl_fail *fail);
int ctl_req_resume(struct ctl_client *client, const Ctl__Request *req,
		   struct wire_frame *frame, struct ctl_fail *fail);
int ctl_pause_refuse(const struct ctl_sandbox *sandbox, struct ctl_fail *fail);
void ctl_pause_end(struct ctl_sandbox *sandbox);
bool ctl_pause_missed(struct ctl_client *client, uint32_t seq,
		      const uint8_t *token);
void ctl_pause_found(struct ctl_exec *exec);
void ctl_pause_settled(struct ctl *ctl);
void ctl_pause_fini(struct ctl *ctl);

/* told.c */
void ctl_sandbox_warn(struct ctl_sandbox *sandbox, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void ctl_told_fail(const struct ctl_exec *exec, struct ctl_fail *fail);

/* enforce.c */
const char *ctl_limit_flag(enum ctl_limit limit);
void ctl_limit_drop(struct ctl_sandbox *sandbox, struct ctl_spec *spec,
		    enum ctl_limit limit, const char *why);
int ctl_enforce_check(struct ctl_sandbox *sandbox, struct ctl_spec *spec,
		      struct ctl_fail *fail);

/* sandbox.c */
struct ctl_sandbox *ctl_sandbox_new(struct ctl *ctl,
				    const struct ctl_label *label);
void ctl_sandbox_release(struct ctl_sandbox *sandbox);
struct ctl_sandbox *ctl_sandbox_find(struct ctl *ctl, const char *target,
				     struct ctl_fail *fail);
struct ctl_sandbox *ctl_sandbox_by_id(struct ctl *ctl, const uint8_t *id);
int ctl_sandbox_live(struct ctl_sandbox *sandbox, const uint8_t *id,
		     struct wire_frame *frame, bool cgroup);
void ctl_sandbox_start_failed(struct ctl_sandbox *sandbox,
			      const struct ctl_fail *fail);
void ctl_sandbox_kill(struct ctl_sandbox *sandbox, enum ctl_death death);
void ctl_sandbox_gone(struct ctl_sandbox *sandbox, bool oom);
void ctl_sandbox_resynced(struct ctl_sandbox *sandbox);
void ctl_sandbox_await_run(struct ctl_sandbox *sandbox, bool on);
void ctl_sandbox_free(struct ctl_sandbox *sandbox);

/* init.c */
int ctl_init_open(struct ctl_sandbox *sandbox, int fd);
int ctl_init_exec(struct ctl_exec *exec, struct err *err);
int ctl_init_open_passwd(struct ctl_exec *exec, struct err *err);
int ctl_init_send(struct ctl_sandbox *sandbox, Ini__Request *req,
		  const int *fds, size_t n_fds, struct err *err);
uint32_t ctl_init_seq(struct ctl_sandbox *sandbox);
void ctl_init_close_input(struct ctl_sandbox *sandbox, const uint8_t *token);
void ctl_init_ack(struct ctl_sandbox *sandbox, const uint8_t *token);
void ctl_init_list(struct ctl_sandbox *sandbox);
void ctl_init_signal(struct ctl_sandbox *sandbox, const uint8_t *token,
		     uint32_t signal, bool tree);

/* exec.c */
struct ctl_exec *ctl_exec_new(struct ctl_sandbox *sandbox,
			      const uint8_t token[WIRE_ID_BYTES]);
struct ctl_exec *ctl_exec_find(struct ctl *ctl, const uint8_t *token,
			       size_t len);
void ctl_exec_set_command(struct ctl_exec *exec, struct ctl_command *cmd);
void ctl_exec_go(struct ctl_exec *exec);
void ctl_exec_started(struct ctl_exec *exec, uint32_t pid, int *fds,
		      size_t n_fds);
void ctl_exec_over(struct ctl_exec *exec, const struct ctl_result *result);
void ctl_exec_fail(struct ctl_exec *exec, const struct ctl_fail *fail);
void ctl_exec_sandbox_gone(struct ctl_exec *exec);
void ctl_exec_tell(struct ctl_exec *exec);
void ctl_exec_deliver(struct ctl_exec *exec);
void ctl_exec_attach(struct ctl_exec *exec, struct ctl_client *client,
		     uint32_t seq);
void ctl_exec_forget(struct ctl_exec *exec);
bool ctl_exec_make_room(struct ctl_sandbox *sandbox);
void ctl_exec_tick(struct ctl *ctl);
void ctl_exec_free(struct ctl_exec *exec);

/* client.c */
int ctl_client_new(struct ctl *ctl, int fd, struct err *err);
void ctl_client_drop(struct ctl_client *client);
void ctl_client_free(struct ctl_client *client);
void ctl_reply(struct ctl_client *client, uint32_t seq, Ctl__Reply *reply,
	       int fd);
void ctl_reply_fail(struct ctl_client *client, uint32_t seq,
		    const struct ctl_fail *fail);
void ctl_reply_done(struct ctl_client *client, uint32_t seq);
struct ctl_waiter *ctl_wait(struct ctl_client *client, uint32_t seq,
			    enum ctl_wait_kind kind, struct ctl_waiters *on);
void ctl_waiter_free(struct ctl_waiter *waiter);

/* For whoever makes requests of his own, or answers some of them. */
struct ctl_exec *ctl_exec_enter(struct ctl_sandbox *sandbox,
				struct ctl_command *cmd,
				struct ctl_client *client, uint32_t seq,
				struct ctl_fail *fail);
int ctl_given_check(const struct ctl_sandbox *sandbox, const Ctl__Exec *msg,
		    struct wire_frame *frame, struct ctl_fail *fail);
void ctl_item_fill(struct ctl_sandbox *sandbox, Ctl__Item *item, bool stats);
void ctl_items_send(struct ctl_client *client, uint32_t seq, Ctl__Item **items,
		    size_t n, bool more);

/* peer.c */
const char *ctl_client_peer(struct ctl_client *client);

/* request.c: what a request does; -1: fail is the answer */
int ctl_req_run(struct ctl_client *client, const Ctl__Request *req,
		struct wire_frame *frame, struct ctl_fail *fail);
int ctl_req_exec(struct ctl_client *client, const Ctl__Request *req,
		 struct wire_frame *frame, struct ctl_fail *fail);
int ctl_req_attach(struct ctl_client *client, const Ctl__Request *req,
		   struct wire_frame *frame, struct ctl_fail *fail);
int ctl_req_signal(struct ctl_client *client, const Ctl__Request *req,
		   struct wire_frame *frame, struct ctl_fail *fail);

/* query.c */
struct ctl_sandbox *ctl_sandbox_need(struct ctl *ctl, const char *target,
				     struct ctl_fail *fail);
int ctl_req_list(struct ctl_client *client, const Ctl__Request *req,
		 struct wire_frame *frame, struct ctl_fail *fail);
int ctl_req_kill(struct ctl_client *client, const Ctl__Request *req,
		 struct wire_frame *frame, struct ctl_fail *fail);
int ctl_req_remove(struct ctl_client *client, const Ctl__Request *req,
		   struct wire_frame *frame, struct ctl_fail *fail);
int ctl_req_stats(struct ctl_client *client, const Ctl__Request *req,
		  struct wire_frame *frame, struct ctl_fail *fail);
int ctl_req_version(struct ctl_client *client, const Ctl__Request *req,
		    struct wire_frame *frame, struct ctl_fail *fail);

/* trust.c */
typedef void ctl_trust_fn(void *arg, const char *text);
void ctl_trust_look(struct ctl_sandbox *sandbox, struct ctl_exec *exec);
void ctl_trust_look_for(struct ctl_sandbox *sandbox, ctl_trust_fn *fn,
			void *arg);
void ctl_trust_begin(struct ctl_exec *exec);
void ctl_trust_told(struct ctl_exec *exec);
void ctl_trust_fill(struct ctl_sandbox *sandbox, Ctl__Item *item);

/* state.c: what is on disk */
char *ctl_state_dir(const struct ctl_options *options);
int ctl_state_session_dir(struct ctl *ctl, const char *name, char **where,
			  struct ctl_fail *fail);
void ctl_state_mark(struct ctl *ctl, const char *name, bool on);
bool ctl_state_marked(struct ctl *ctl, const char *name);

/* overlay.c: what is written to images */
int ctl_overlay_make(struct ctl_sandbox *sandbox, const struct ctl_spec *spec,
		     struct ctl_build *build, struct ctl_fail *fail);
void ctl_overlay_keep(struct ctl_sandbox *sandbox);
void ctl_overlay_gone(struct ctl_sandbox *sandbox);
void ctl_overlay_sweep(struct ctl *ctl);
int ctl_overlay_clean(struct ctl *ctl, uint64_t overlay, int fd);

#endif
