// SPDX-License-Identifier: Apache-2.0
/*
 * Statements: prepared once, bound, stepped; what SQLite says in our words.
 */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#include "controller/session/store-db.h"

#define SESSION_COLUMNS \
	"id, config, key, agent, scope_key, sandbox, created_ms, used_ms"
#define SANDBOX_COLUMNS \
	"id, config, scope_key, agent, scope, name, helper_id, hash," \
	" workspace, workdir, image, setup_done, defaults, idle_hours," \
	" max_age_days, created_ms, used_ms"
#define PROCESS_COLUMNS \
	"token, sandbox, session, name, command, spool, started_ms, over," \
	" status, ended_ms, workdir, pid, tty, keep, cleanup_ms, polled," \
	" timed_out, killed, why"
#define AUDIT_COLUMNS \
	"id, time_ms, tool, session, agent, sandbox, command, decision," \
	" reason, client, token, sandboxed, over, status, wall_usec," \
	" memory_peak, cpu_usec"
#define AUDIT_FILTER \
	" AND (?3 IS NULL OR session = ?3)" \
	" AND (?4 IS NULL OR substr(session, 1, length(?4)) = ?4)" \
	" AND (?5 IS NULL OR agent = ?5)" \
	" AND (?6 IS NULL OR tool = ?6)" \
	" AND time_ms BETWEEN ?7 AND ?8"

static const char *const sql[STORE_SQL_COUNT] = {
	[STORE_BEGIN] = "BEGIN IMMEDIATE",
	[STORE_COMMIT] = "COMMIT",
	[STORE_ROLLBACK] = "ROLLBACK",
	[STORE_SESSION_USE] =
		"INSERT INTO session (config, key, agent, scope_key, sandbox,"
		" created_ms, used_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
		" ON CONFLICT (config, key) DO UPDATE SET agent = ?3,"
		" scope_key = ?4, sandbox = ?5, used_ms = ?7 RETURNING id",
	[STORE_SESSION_USED] =
		"UPDATE session SET used_ms = ?3 WHERE config = ?1 AND key = ?2",
	[STORE_SESSION_EACH] =
		"SELECT " SESSION_COLUMNS " FROM session ORDER BY id",
	[STORE_SESSION_BY_SANDBOX] =
		"SELECT " SESSION_COLUMNS " FROM session WHERE sandbox = ?",
	[STORE_SESSION_DELETE] =
		"DELETE FROM session WHERE config = ?1 AND key = ?2",
	[STORE_SANDBOX_INSERT] =
		"INSERT INTO sandbox (owner, config, scope_key, agent, scope,"
		" name, helper_id, hash, workspace, workdir, image,"
		" setup_done, defaults, idle_hours, max_age_days, created_ms,"
		" used_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
		" ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
	[STORE_SANDBOX_BUILT] =
		"UPDATE sandbox SET helper_id = ?3 WHERE owner = ?1 AND id = ?2",
	[STORE_SANDBOX_SETUP_DONE] =
		"UPDATE sandbox SET setup_done = 1 WHERE owner = ?1 AND id = ?2",
	[STORE_SANDBOX_USED] =
		"UPDATE sandbox SET used_ms = ?3 WHERE owner = ?1 AND id = ?2",
	[STORE_SANDBOX_DELETE] =
		"DELETE FROM sandbox WHERE owner = ?1 AND id = ?2",
	[STORE_SANDBOX_BY_SCOPE] =
		"SELECT " SANDBOX_COLUMNS " FROM sandbox WHERE owner = ?1"
		" AND config = ?2 AND scope_key = ?3",
	[STORE_SANDBOX_BY_NAME] =
		"SELECT " SANDBOX_COLUMNS " FROM sandbox WHERE owner = ?1"
		" AND name = ?2",
	[STORE_SANDBOX_EACH] =
		"SELECT " SANDBOX_COLUMNS " FROM sandbox WHERE owner = ?1"
		" ORDER BY id",
	[STORE_PROCESS_INSERT] =
		"INSERT INTO process (owner, token, sandbox, session, name,"
		" command, spool, started_ms, over, status, ended_ms, workdir,"
		" pid, tty, keep, cleanup_ms, polled) VALUES (?1, ?2, ?3, ?4,"
		" ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
	[STORE_PROCESS_OVER] =
		"UPDATE process SET over = 1, status = ?3, ended_ms = ?4,"
		" timed_out = ?5, killed = ?6, why = ?7"
		" WHERE owner = ?1 AND token = ?2",
	[STORE_PROCESS_POLLED] =
		"UPDATE process SET polled = ?3 WHERE owner = ?1 AND token = ?2",
	[STORE_PROCESS_DELETE] =
		"DELETE FROM process WHERE owner = ?1 AND token = ?2",
	[STORE_PROCESS_EACH] =
		"SELECT " PROCESS_COLUMNS " FROM process WHERE owner = ?1"
		" ORDER BY started_ms, token",
	[STORE_FOLDER_INSERT] =
		"INSERT OR IGNORE INTO folder (owner, path) VALUES (?1, ?2)",
	[STORE_FOLDER_DELETE] =
		"DELETE FROM folder WHERE owner = ?1 AND path = ?2",
	[STORE_FOLDER_EACH] = "SELECT path FROM folder WHERE owner = ?1",
	[STORE_AUDIT_INSERT] =
		"INSERT INTO audit (owner, time_ms, tool, session, agent,"
		" sandbox, command, decision, reason, client, token,"
		" sandboxed, over, status, wall_usec, memory_peak, cpu_usec)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
		" ?13, ?14, ?15, ?16, ?17)",
	[STORE_AUDIT_OVER] =
		"UPDATE audit SET over = 1, status = ?2, wall_usec = ?3,"
		" memory_peak = ?4, cpu_usec = ?5,"
		" reason = coalesce(?6, reason) WHERE id = ?1",
	[STORE_AUDIT_OPEN] =
		"SELECT " AUDIT_COLUMNS " FROM audit WHERE over = 0"
		" AND owner = ?1 AND id >= (SELECT open_from FROM owner"
		" WHERE id = ?1) ORDER BY id",
	[STORE_AUDIT_OPEN_FROM] =
		"UPDATE owner SET open_from = ?2 WHERE id = ?1",
	[STORE_AUDIT_GET] = "SELECT " AUDIT_COLUMNS " FROM audit WHERE id = ?1",
	[STORE_AUDIT_NEWEST] = "SELECT max(id) FROM audit",
	[STORE_AUDIT_SCAN] =
		"SELECT id FROM audit WHERE id >= ?1 AND id < ?2" AUDIT_FILTER
		" ORDER BY id DESC",
	[STORE_AUDIT_LAST] =
		"SELECT * FROM (SELECT " AUDIT_COLUMNS " FROM audit"
		" WHERE id > ?1 AND id < ?2" AUDIT_FILTER
		" ORDER BY id DESC LIMIT ?9) ORDER BY id",
	/*
	 * The oldest few alone are looked at. The newest stays, lest its id be
	 * given again.
	 */
	[STORE_AUDIT_TRIM] =
		"DELETE FROM audit WHERE id IN (SELECT id FROM"
		" (SELECT id, time_ms FROM audit ORDER BY id LIMIT ?3)"
		" WHERE id <= ?1 OR time_ms < ?2)"
		" AND id < (SELECT max(id) FROM audit)",
	[STORE_KEEP_SET] =
		"INSERT INTO keep (config, days, rows, seen_ms)"
		" VALUES (?1, ?2, ?3, ?4) ON CONFLICT (config) DO UPDATE"
		" SET days = ?2, rows = ?3, seen_ms = ?4",
	[STORE_KEEP_MOST] =
		"SELECT max(days), max(rows) FROM keep WHERE seen_ms >= ?1",
};

/**
 * store_clock_ms() - milliseconds on a clock that nobody sets
 */
int64_t store_clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/**
 * store_on_busy() - another process writes: wait a little?
 * @arg: the store
 *
 * Whoever keeps it for long costs every request its wait once, not more.
 */
int store_on_busy(void *arg, int count)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	struct store *store = arg;
	int64_t now = store_clock_ms();
	int64_t most = store->patient ? STORE_PATIENT_MS : STORE_BUSY_MS;

	if (count == 0)
		store->busy_since = now;
	if (!store->patient && store->gave_up && now - store->gave_up < 1000)
		return 0;
	if (now - store->busy_since >= most) {
		store->gave_up = now;
		return 0;
	}
	(void)nanosleep(&pause, NULL);
	return 1;
}

static int kernel_error(const struct store *store, int fallback)
{
	int sys = sqlite3_system_errno(store->db);

	return sys ? sys : fallback;
}

/**
 * store_fail() - what SQLite's error means
 * @rc: extended result code
 *
 * Return: -1 always.
 */
int store_fail(const struct store *store, int rc, struct err *err)
{
	const char *path = store->path;

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return err_set(err, ERR_KERNEL, ENOSPC, "%.110s", path);
	case SQLITE_READONLY:
		return err_set(err, ERR_KERNEL, EROFS, "%.110s", path);
	case SQLITE_NOMEM:
		return err_set(err, ERR_KERNEL, ENOMEM, "%.110s", path);
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return err_set(err, ERR_KERNEL, kernel_error(store, EACCES),
			       "%.110s", path);
	case SQLITE_IOERR:
		return err_set(err, ERR_KERNEL, kernel_error(store, EIO),
			       "%.110s", path);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, ERR_BAD_STATE, EBUSY,
			       "%.90s: another process keeps it", path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(err, ERR_INTERNAL, 0, "%.110s: it is damaged",
			       path);
	case SQLITE_CONSTRAINT:
		return err_set(err, ERR_BAD_STATE, EEXIST, "%.110s", path);
	case SQLITE_TOOBIG:
		return err_set(err, ERR_LIMIT, 0, "%.110s: a value is too long",
			       path);
	default:
		return err_set(err, ERR_INTERNAL, 0, "%.80s: %.60s", path,
			       sqlite3_errmsg(store->db));
	}
}

/**
 * store_stmt() - a statement, ready to be bound
 *
 * Return: borrowed; NULL with @err.
 */
sqlite3_stmt *store_stmt(struct store *store, enum store_sql which,
			 struct err *err)
{
	sqlite3_stmt *made = NULL;
	int rc;

	if (store->stmts[which])
		return store->stmts[which];
	rc = sqlite3_prepare_v3(store->db, sql[which], -1,
				SQLITE_PREPARE_PERSISTENT, &made, NULL);
	if (rc != SQLITE_OK)
		store_fail(store, rc, err);
	store->stmts[which] = made;
	return made;
}

/**
 * store_step() - on to the next row
 *
 * Return: 1 there is one; 0 no more, or -1: the statement is reset and what was
 * bound to it is forgotten.
 */
int store_step(struct store *store, sqlite3_stmt *stmt, struct err *err)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		store_fail(store, sqlite3_extended_errcode(store->db), err);
	else
		store->gave_up = 0;
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return rc == SQLITE_DONE ? 0 : -1;
}

/**
 * store_do() - run a statement that gives nothing back
 *
 * Return: 0 or -1.
 */
int store_do(struct store *store, sqlite3_stmt *stmt, struct err *err)
{
	int ret;

	do
		ret = store_step(store, stmt, err);
	while (ret > 0);
	return ret;
}

/**
 * store_run() - run SQL text, once
 */
int store_run(struct store *store, const char *text, struct err *err)
{
	int rc = sqlite3_exec(store->db, text, NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		return 0;
	return store_fail(store, sqlite3_extended_errcode(store->db), err);
}

/**
 * store_number() - ask for one number, once
 */
int store_number(struct store *store, const char *text, int64_t *number,
		 struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(store->db, text, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	*number = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		store_fail(store, sqlite3_extended_errcode(store->db), err);
	(void)sqlite3_finalize(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

/**
 * store_bind_text() - borrowed until the statement is reset; NULL is ""
 */
void store_bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
	(void)sqlite3_bind_text(stmt, index, text ? text : "", -1,
				SQLITE_STATIC);
}

/**
 * store_bind_cut() - likewise, at most @max bytes, no character torn apart
 */
void store_bind_cut(sqlite3_stmt *stmt, int index, const char *text, size_t max)
{
	size_t len = text ? strnlen(text, max + 1) : 0;

	if (len > max) {
		len = max;
		while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80)
			len--;
	}
	(void)sqlite3_bind_text(stmt, index, text ? text : "", (int)len,
				SQLITE_STATIC);
}

/**
 * store_text() - a column, until the next step
 * @broken: set where it is no text or too long
 *
 * Return: never NULL.
 */
const char *store_text(sqlite3_stmt *stmt, int column, size_t max, bool *broken)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	int bytes = sqlite3_column_bytes(stmt, column);

	if (text && bytes >= 0 && (size_t)bytes <= max)
		return text;
	*broken = true;
	return "";
}

/**
 * store_blob() - a column of exactly that many bytes
 */
bool store_blob(sqlite3_stmt *stmt, int column, uint8_t *out, size_t size)
{
	const void *bytes = sqlite3_column_blob(stmt, column);

	memset(out, 0, size);
	if (!bytes || sqlite3_column_bytes(stmt, column) != (int)size)
		return false;
	memcpy(out, bytes, size);
	return true;
}

/**
 * store_check_text() - would it be read again?
 */
int store_check_text(const char *text, const char *what, struct err *err)
{
	if (!text || strnlen(text, STORE_TEXT_MAX_BYTES + 1) <=
			     STORE_TEXT_MAX_BYTES)
		return 0;
	return err_set(err, ERR_LIMIT, 0, "%s: more than %d bytes", what,
		       STORE_TEXT_MAX_BYTES);
}
