// SPDX-License-Identifier: Apache-2.0
/*
 * The store: opened, shared with other controllers of the same user, closed.
 *
 * In write-ahead mode without a sync at each commit: what is committed is in
 * the kernel, which a kill of this process does not reach; a loss of power may
 * take the last moments, and never damages what was before.
 */
#include <config.h>

#include "controller/session/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/session/store-db.h"
#include "proto/cleanup.h"

#define BYTE_OPENING 0
/* A checkpoint waits for the disk: at most once in so many pages ... */
#define LOG_MAX_PAGES 16000
/* ... and earlier where nothing else is to be done. */
#define LOG_IDLE_PAGES 1000

static void checkpoint(struct store *store)
{
	/* What fails here is in the log, and tried again with the next. */
	(void)sqlite3_wal_checkpoint_v2(store->db, NULL,
					SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	store->log_pages = 0;
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store *store = arg;

	(void)db;
	(void)name;
	store->log_pages = pages;
	if (pages >= LOG_MAX_PAGES)
		checkpoint(store);
	return SQLITE_OK;
}

/*
 * Rows are the user's own, yet may be anything: no SQL that a schema brings
 * along is run, nothing is mapped (a file that shrinks would be a SIGBUS), and
 * no value is larger than what is written here.
 */
static int set_up(struct store *store, struct err *err)
{
	static const int off[] = { SQLITE_DBCONFIG_ENABLE_TRIGGER,
				   SQLITE_DBCONFIG_ENABLE_VIEW,
				   SQLITE_DBCONFIG_TRUSTED_SCHEMA,
				   SQLITE_DBCONFIG_DQS_DML,
				   SQLITE_DBCONFIG_DQS_DDL };
	static const int on[] = { SQLITE_DBCONFIG_DEFENSIVE,
				  SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE };

	(void)sqlite3_extended_result_codes(store->db, 1);
	(void)sqlite3_busy_handler(store->db, store_on_busy, store);
	(void)sqlite3_wal_hook(store->db, on_commit, store);
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		(void)sqlite3_db_config(store->db, off[i], 0, NULL);
	for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++)
		(void)sqlite3_db_config(store->db, on[i], 1, NULL);
	(void)sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH,
			    2 * STORE_BLOB_MAX_BYTES);
	(void)sqlite3_limit(store->db, SQLITE_LIMIT_ATTACHED, 0);
	return store_run(store,
			 "PRAGMA mmap_size = 0;"
			 "PRAGMA cell_size_check = 1;"
			 "PRAGMA foreign_keys = 1;"
			 "PRAGMA temp_store = MEMORY;"
			 "PRAGMA synchronous = NORMAL;"
			 "PRAGMA journal_size_limit = 33554432",
			 err);
}

static int open_db(struct store *store, struct err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW |
		    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	int rc = sqlite3_open_v2(store->path, &store->db, flags, NULL);

	if (rc != SQLITE_OK && !store->db)
		return err_set(err, ERR_KERNEL, ENOMEM, "%.110s", store->path);
	if (rc != SQLITE_OK)
		return store_fail(store, rc, err);
	if (sqlite3_db_readonly(store->db, "main"))
		return err_set(err, ERR_KERNEL,
			       access(store->path, W_OK) < 0 ? errno : EROFS,
			       "%.110s", store->path);
	return set_up(store, err);
}

static int find_owner(struct store *store, const char *runtime,
		      struct err *err)
{
	static const char insert[] =
		"INSERT INTO owner (runtime) VALUES (?1)"
		" ON CONFLICT (runtime) DO UPDATE SET runtime = ?1"
		" RETURNING id";
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(store->db, insert, -1, &stmt, NULL);

	store->owner = 0;
	if (rc == SQLITE_OK) {
		store_bind_text(stmt, 1, runtime);
		rc = sqlite3_step(stmt);
	}
	if (rc == SQLITE_ROW) {
		store->owner = sqlite3_column_int64(stmt, 0);
		/* Only now it is committed. */
		rc = sqlite3_step(stmt);
	}
	if (rc != SQLITE_DONE)
		store_fail(store, sqlite3_extended_errcode(store->db), err);
	(void)sqlite3_finalize(stmt);
	if (rc != SQLITE_DONE)
		return -1;
	if (store->owner < 1 || store->owner > STORE_OWNER_MAX)
		return err_set(err, ERR_INTERNAL, 0, "%.110s: it is damaged",
			       store->path);
	return 0;
}

static int own(struct store *store, struct err *err)
{
	int holder = 0;

	if (store_lock(store->lock_fd, store->owner, 0, &holder) == 0)
		return 0;
	if (errno != EAGAIN)
		return err_set(err, ERR_KERNEL, errno, "%.100s: its lock",
			       store->path);
	return err_set(err, ERR_BAD_STATE, 0,
		       "%.90s: another creeld of this runtime directory has it (pid %d)",
		       store->path, holder);
}

/* Its directory is gone, so that nobody reaches its sandboxes any more. */
static bool owner_is_gone(const struct store *store, int64_t owner,
			  const char *runtime)
{
	struct stat st;

	return owner != store->owner && owner > 0 && owner <= STORE_OWNER_MAX &&
	       runtime[0] == '/' && lstat(runtime, &st) < 0 &&
	       errno == ENOENT && !store_is_locked(store->lock_fd, owner);
}

/* Of one owner; false: there is none to forget. */
static int forget_one(struct store *store, bool *found, struct err *err)
{
	static const char close_commands[] =
		"UPDATE audit SET over = 1, reason = 'its creel is gone'"
		" WHERE over = 0 AND owner = ?1"
		" AND id >= (SELECT open_from FROM owner WHERE id = ?1)";
	static const char forget[] = "DELETE FROM owner WHERE id = ?1";
	const char *const texts[] = { close_commands, forget };
	sqlite3_stmt *stmt = NULL;
	int64_t owner = 0;
	int rc = sqlite3_prepare_v2(store->db,
				    "SELECT id, runtime FROM owner", -1, &stmt,
				    NULL);

	while (rc == SQLITE_OK && !owner &&
	       sqlite3_step(stmt) == SQLITE_ROW) {
		bool broken = false;

		if (owner_is_gone(store, sqlite3_column_int64(stmt, 0),
				  store_text(stmt, 1, STORE_TEXT_MAX_BYTES,
					     &broken)))
			owner = sqlite3_column_int64(stmt, 0);
	}
	(void)sqlite3_finalize(stmt);
	*found = owner != 0;
	for (size_t i = 0; owner && i < 2; i++) {
		rc = sqlite3_prepare_v2(store->db, texts[i], -1, &stmt, NULL);
		if (rc == SQLITE_OK) {
			(void)sqlite3_bind_int64(stmt, 1, owner);
			rc = sqlite3_step(stmt);
		}
		(void)sqlite3_finalize(stmt);
		if (rc != SQLITE_DONE)
			return store_fail(store, rc, err);
	}
	return 0;
}

static int forget_owners(struct store *store, struct err *err)
{
	bool found = true;

	for (int i = 0; i < 64 && found; i++)
		if (forget_one(store, &found, err) < 0)
			return -1;
	return 0;
}

/* With the lock of whoever opens. */
static int open_locked(struct store *store, const char *runtime,
		       struct err *err)
{
	if (store_file_check(store->path, store_version(), err) < 0 ||
	    open_db(store, err) < 0 || store_migrate(store, err) < 0 ||
	    find_owner(store, runtime, err) < 0 || own(store, err) < 0 ||
	    forget_owners(store, err) < 0)
		return -1;
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0,
				NULL);
	return 0;
}

/**
 * store_open() - open what creeld remembers, or begin it
 * @dir:     as store.h says
 * @runtime: likewise
 *
 * Return: the store or NULL.
 */
struct store *store_open(const char *dir, const char *runtime, struct err *err)
{
	struct store *store = calloc(1, sizeof(*store));
	int holder = 0, ret = -1;

	if (!store) {
		err_set(err, ERR_KERNEL, ENOMEM, "store");
		return NULL;
	}
	store->lock_fd = -1;
	store->patient = true;
	if (store_check_text(runtime, "runtime directory", err) < 0 ||
	    store_file_dir(dir, &store->path, &store->lock_fd, err) < 0) {
		store_close(store);
		return NULL;
	}
	if (store_lock(store->lock_fd, BYTE_OPENING, STORE_PATIENT_MS,
		       &holder) < 0) {
		if (errno == EAGAIN)
			err_set(err, ERR_BAD_STATE, 0,
				"%.90s: another creeld opens it (pid %d)",
				store->path, holder);
		else
			err_set(err, ERR_KERNEL, errno, "%.100s: its lock",
				store->path);
	} else {
		ret = open_locked(store, runtime ? runtime : "", err);
		store_unlock(store->lock_fd, BYTE_OPENING);
	}
	store->patient = false;
	if (ret == 0)
		return store;
	store_close(store);
	return NULL;
}

/**
 * store_close() - close it; what is committed stays
 */
void store_close(struct store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < STORE_SQL_COUNT; i++)
		(void)sqlite3_finalize(store->stmts[i]);
	(void)sqlite3_close(store->db);
	fd_close(&store->lock_fd);
	free(store->path);
	free(store);
}

/**
 * store_tick() - every few seconds: tidy up if nothing else goes on
 */
void store_tick(struct store *store)
{
	if (store->log_pages >= LOG_IDLE_PAGES &&
	    store->log_pages == store->log_pages_before)
		checkpoint(store);
	store->log_pages_before = store->log_pages;
}

/**
 * store_owner() - the number of this runtime
 */
int64_t store_owner(const struct store *store)
{
	return store->owner;
}

/**
 * store_has_owner() - is there, or may there be, a runtime of that number?
 */
bool store_has_owner(struct store *store, int64_t owner)
{
	char sql[80];
	struct err err = ERR_INIT;
	int64_t n = 0;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM owner WHERE id = %lld",
		       (long long)owner);
	return store_number(store, sql, &n, &err) < 0 || n > 0;
}

/**
 * store_begin() - what follows counts together, or not at all
 */
int store_begin(struct store *store, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_BEGIN, err);

	return stmt ? store_do(store, stmt, err) : -1;
}

/**
 * store_commit() - now it counts
 *
 * Return: 0; -1: nothing of it does.
 */
int store_commit(struct store *store, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_COMMIT, err);

	if (stmt && store_do(store, stmt, err) == 0)
		return 0;
	store_rollback(store);
	return -1;
}

/**
 * store_is_begun() - what was written may still be taken back
 */
bool store_is_begun(const struct store *store)
{
	return !sqlite3_get_autocommit(store->db);
}

/**
 * store_rollback() - as if nothing had been since store_begin()
 */
void store_rollback(struct store *store)
{
	struct err ignored = ERR_INIT;
	sqlite3_stmt *stmt;

	/* A failed statement may have done it already. */
	if (sqlite3_get_autocommit(store->db))
		return;
	stmt = store_stmt(store, STORE_ROLLBACK, &ignored);
	if (stmt)
		(void)store_do(store, stmt, &ignored);
}
