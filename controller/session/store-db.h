/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the store among themselves: the database and its statements,
 * each prepared once.
 */
#ifndef CONTROLLER_SESSION_STORE_DB_H
#define CONTROLLER_SESSION_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "controller/session/store.h"
#include "proto/err.h"

#define STORE_FILE "creel.db"
#define STORE_LOCK_FILE "creel.lock"
#define STORE_APPLICATION_ID 0x6372656c /* "crel" */
#define STORE_OWNER_MAX 0x7fffffff
/* How long an event loop may stand still for another process's write. */
#define STORE_BUSY_MS 50
#define STORE_PATIENT_MS 2000 /* while it is opened */

enum store_sql {
	STORE_BEGIN = 0,
	STORE_COMMIT,
	STORE_ROLLBACK,
	STORE_SESSION_USE,
	STORE_SESSION_USED,
	STORE_SESSION_EACH,
	STORE_SESSION_BY_SANDBOX,
	STORE_SESSION_DELETE,
	STORE_SANDBOX_INSERT,
	STORE_SANDBOX_BUILT,
	STORE_SANDBOX_SETUP_DONE,
	STORE_SANDBOX_USED,
	STORE_SANDBOX_DELETE,
	STORE_SANDBOX_BY_SCOPE,
	STORE_SANDBOX_BY_NAME,
	STORE_SANDBOX_EACH,
	STORE_PROCESS_INSERT,
	STORE_PROCESS_OVER,
	STORE_PROCESS_POLLED,
	STORE_PROCESS_DELETE,
	STORE_PROCESS_EACH,
	STORE_FOLDER_INSERT,
	STORE_FOLDER_DELETE,
	STORE_FOLDER_EACH,
	STORE_AUDIT_INSERT,
	STORE_AUDIT_OVER,
	STORE_AUDIT_OPEN,
	STORE_AUDIT_OPEN_FROM,
	STORE_AUDIT_GET,
	STORE_AUDIT_NEWEST,
	STORE_AUDIT_SCAN,
	STORE_AUDIT_LAST,
	STORE_AUDIT_TRIM,
	STORE_KEEP_SET,
	STORE_KEEP_MOST,
	STORE_SQL_COUNT,
};

struct store {
	sqlite3 *db;   /* owned */
	sqlite3_stmt *stmts[STORE_SQL_COUNT]; /* owned, NULL not used yet */
	char *path;    /* owned: of the file, for messages */
	int lock_fd;   /* owned */
	int64_t owner; /* row of this runtime */
	int log_pages; /* in the write-ahead log */
	int log_pages_before; /* at the last tick */
	bool patient;
	int64_t busy_since; /* monotonic, of the wait that goes on */
	int64_t gave_up;    /* when a wait has failed last, 0 never */
};

/* store-file.c */
int store_file_dir(const char *dir, char **path, int *lock_fd,
		   struct err *err);
int store_file_check(const char *path, int64_t newest, struct err *err);
int store_lock(int fd, int64_t byte, int patient_ms, int *holder);
void store_unlock(int fd, int64_t byte);
bool store_is_locked(int fd, int64_t byte);

/* store-sql.c */
int64_t store_clock_ms(void);
int store_fail(const struct store *store, int rc, struct err *err);
sqlite3_stmt *store_stmt(struct store *store, enum store_sql which,
			 struct err *err);
int store_step(struct store *store, sqlite3_stmt *stmt, struct err *err);
int store_do(struct store *store, sqlite3_stmt *stmt, struct err *err);
int store_run(struct store *store, const char *sql, struct err *err);
int store_number(struct store *store, const char *sql, int64_t *number,
		 struct err *err);
int store_on_busy(void *arg, int count);

void store_bind_text(sqlite3_stmt *stmt, int index, const char *text);
void store_bind_cut(sqlite3_stmt *stmt, int index, const char *text,
		    size_t max);
const char *store_text(sqlite3_stmt *stmt, int column, size_t max,
		       bool *broken);
bool store_blob(sqlite3_stmt *stmt, int column, uint8_t *out, size_t size);
int store_check_text(const char *text, const char *what, struct err *err);

/* store-schema.c */
int64_t store_version(void);
int store_newer(const char *path, int64_t version, struct err *err);
int store_migrate(struct store *store, struct err *err);

#endif
