/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What creeld remembers, in SQLite below the state directory: sessions,
 * sandboxes, background processes, the audit log.  A function that returned 0
 * has committed: a kill -9 in the next instant loses nothing of it.
 */
#ifndef CONTROLLER_SESSION_STORE_H
#define CONTROLLER_SESSION_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"
#include "proto/wire.h"

struct store;

/*
 * @dir:     the state directory; the file is creel.db in it, mode 0600
 * @runtime: directory of creel's socket, "" where there is none
 *
 * Several controllers of one user, each with a runtime directory of its own,
 * may use one database: sandboxes, processes and commands that run belong to
 * the runtime, sessions and the audit log to all. Of one runtime there is one
 * controller at a time.
 *
 * NULL: UNSUPPORTED where the database is of a newer creel (it is not
 * touched), KERNEL with errno for a read-only or full file system, DENIED
 * where the file is another user's, BAD_STATE where another controller of the
 * same runtime has it, INTERNAL where it is damaged or no database of creel's
 * (it is kept).
 */
struct store *store_open(const char *dir, const char *runtime,
			 struct err *err);
void store_close(struct store *store);
void store_tick(struct store *store);
/* The number of this runtime; given again only when it has gone. */
int64_t store_owner(const struct store *store);
bool store_has_owner(struct store *store, int64_t owner);

/*
 * Longer text is cut where it is only shown, else refused; rows with more, or
 * with less than they need, are passed over.
 */
#define STORE_TEXT_MAX_BYTES 4096
#define STORE_COMMAND_MAX_BYTES 1024
#define STORE_SHORT_MAX_BYTES 512
#define STORE_BLOB_MAX_BYTES (1U << 20)

/* A session that was used: one row for (configuration, key). */
struct store_session {
	int64_t id;
	const char *config; /* path, "" none */
	const char *key;
	const char *agent;
	const char *scope_key;
	const char *sandbox; /* name of the sandbox that serves it, "" none */
	int64_t created_ms, used_ms;
};

/* A sandbox of sessions, from the moment when it is asked for until it is removed. */
struct store_sandbox {
	int64_t id;
	const char *config;
	const char *scope_key;
	const char *agent;
	const char *scope;     /* session, agent, shared */
	const char *name;
	uint8_t helper_id[WIRE_ID_BYTES]; /* all 0: not built yet */
	uint8_t hash[32];      /* of the configuration that it was made with */
	const char *workspace; /* path */
	const char *workdir;
	const char *image;
	bool setup_done;       /* or none was due */
	const void *defaults;  /* of its commands: environment, filter, ...; opaque */
	size_t defaults_len;
	double idle_hours, max_age_days;
	int64_t created_ms, used_ms;
};

typedef void store_session_fn(const struct store_session *row, void *arg);
typedef void store_sandbox_fn(const struct store_sandbox *row, void *arg);

/* Inserts or updates by (config, key); out: its id. One indexed statement. */
int store_session_use(struct store *store, const struct store_session *row,
		      int64_t *id, struct err *err);
/* Of one that is there. */
int store_session_used(struct store *store, const char *config,
		       const char *key, int64_t used_ms, struct err *err);
int store_session_each(struct store *store, store_session_fn *fn, void *arg,
		       struct err *err);
int store_session_by_sandbox(struct store *store, const char *name,
			     store_session_fn *fn, void *arg, struct err *err);
int store_session_delete(struct store *store, const char *config,
			 const char *key, struct err *err);

/*
 * Unique by (config, scope_key) and by name. BAD_STATE: the name is taken.
 * Fills in its id. This and what follows sees sandboxes of this runtime alone.
 */
int store_sandbox_insert(struct store *store, struct store_sandbox *row,
			 struct err *err);
int store_sandbox_built(struct store *store, int64_t id,
			const uint8_t helper_id[WIRE_ID_BYTES],
			struct err *err);
int store_sandbox_setup_done(struct store *store, int64_t id,
			     struct err *err);
int store_sandbox_used(struct store *store, int64_t id, int64_t used_ms,
		       struct err *err);
int store_sandbox_delete(struct store *store, int64_t id, struct err *err);
/* 1 found (fn called once), 0 not found, -1 */
int store_sandbox_by_scope(struct store *store, const char *config,
			   const char *scope_key, store_sandbox_fn *fn,
			   void *arg, struct err *err);
int store_sandbox_by_name(struct store *store, const char *name,
			  store_sandbox_fn *fn, void *arg, struct err *err);
int store_sandbox_each(struct store *store, store_sandbox_fn *fn, void *arg,
		       struct err *err);

/* Background processes: who started them, and how they ended. */
struct store_process {
	uint8_t token[WIRE_ID_BYTES];
	int64_t sandbox; /* id of its row, 0: of a sandbox without */
	const char *session;
	const char *name;    /* session id that process(1) tools use; "" none */
	const char *command;
	const char *spool;   /* name of the file with the output, "" none */
	const char *workdir;
	int64_t started_ms;
	uint32_t pid;        /* inside */
	bool tty;
	uint64_t keep;       /* bytes of its output, at most */
	uint64_t cleanup_ms; /* so long it stays known when it is over */
	uint64_t polled;     /* bytes of its output that were asked for */
	bool over;
	uint32_t status;
	bool timed_out;
	bool killed;         /* as it was asked for */
	const char *why;     /* where a limit ended it; "" none */
	int64_t ended_ms;
};
typedef void store_process_fn(const struct store_process *row, void *arg);
int store_process_insert(struct store *store, const struct store_process *row,
			 struct err *err);
/* By @row's token: what follows @row's over. */
int store_process_over(struct store *store, const struct store_process *row,
		       struct err *err);
int store_process_polled(struct store *store,
			 const uint8_t token[WIRE_ID_BYTES], uint64_t polled,
			 struct err *err);
int store_process_delete(struct store *store,
			 const uint8_t token[WIRE_ID_BYTES], struct err *err);
int store_process_each(struct store *store, store_process_fn *fn, void *arg,
		       struct err *err);

/* Folders on the host that are to go, see store-folder.c. */
typedef void store_folder_fn(const char *path, void *arg);
int store_folder_insert(struct store *store, const char *path,
			struct err *err);
int store_folder_delete(struct store *store, const char *path,
			struct err *err);
int store_folder_each(struct store *store, store_folder_fn *fn, void *arg,
		      struct err *err);

/* The audit log. */
struct store_audit {
	int64_t id;
	int64_t time_ms;
	const char *tool;
	const char *session; /* canonical key, "" none */
	const char *agent;
	const char *sandbox;
	const char *command; /* shortened, escaped by whoever shows it */
	const char *decision; /* allowed, denied */
	const char *reason;
	const char *client;
	const uint8_t *token; /* WIRE_ID_BYTES or NULL */
	bool sandboxed;
	bool over;
	uint32_t status;
	uint64_t wall_usec, memory_peak, cpu_usec;
	bool has_memory, has_cpu;
};
struct store_audit_end {
	uint32_t status;
	uint64_t wall_usec, memory_peak, cpu_usec;
	bool has_memory, has_cpu;
	const char *reason; /* NULL: as it was */
};
struct store_audit_filter {
	const char *session, *agent, *tool; /* "" any; agent and tool exact, session exact or with a trailing * */
	int64_t since_ms, until_ms;         /* 0 no bound */
	int64_t after_id;                   /* only newer rows; for --follow */
	uint32_t limit;                     /* the last so many */
};
typedef void store_audit_fn(const struct store_audit *row, void *arg);
int store_audit_insert(struct store *store, const struct store_audit *row,
		       int64_t *id, struct err *err);
int store_audit_over(struct store *store, int64_t id,
		     const struct store_audit_end *end, struct err *err);
/* All that are not over, of this runtime. */
int store_audit_open_each(struct store *store, store_audit_fn *fn, void *arg,
			  struct err *err);
/* There is none before @id: so much less to look through. */
int store_audit_open_from(struct store *store, int64_t id, struct err *err);
int store_audit_get(struct store *store, int64_t id, store_audit_fn *fn,
		    void *arg, struct err *err);
/*
 * The ids that @filter lets through among the @span ids below @below (0: of
 * the newest rows), newest first. Return: where to go on, 0 at the end, or -1.
 */
struct store_ids {
	int64_t *ids; /* room for @max */
	size_t n, max;
};
int64_t store_audit_scan(struct store *store,
			 const struct store_audit_filter *filter,
			 int64_t below, uint32_t span, struct store_ids *out,
			 struct err *err);
int store_audit_each(struct store *store,
		     const struct store_audit_filter *filter,
		     store_audit_fn *fn, void *arg, struct err *err);
/*
 * Keeps the newest @rows, and nothing older than @before_ms; removes at most
 * @step. Return: how many it has removed, or -1.
 */
int store_audit_trim(struct store *store, uint64_t rows, int64_t before_ms,
		     uint32_t step, struct err *err);

int store_audit_newest(struct store *store, int64_t *id, struct err *err);

/* How much of the log the configurations in use want kept. */
struct store_keep {
	uint32_t days;
	uint64_t rows;
};
int store_keep_set(struct store *store, const char *config,
		   const struct store_keep *keep, int64_t seen_ms,
		   struct err *err);
/* The most that any wants that was seen since then. 1, 0 none was, -1 */
int store_keep_most(struct store *store, int64_t since_ms,
		    struct store_keep *keep, struct err *err);

/* Several changes that count together or not at all. */
int store_begin(struct store *store, struct err *err);
int store_commit(struct store *store, struct err *err);
bool store_is_begun(const struct store *store);
void store_rollback(struct store *store);

#endif
