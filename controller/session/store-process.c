// SPDX-License-Identifier: Apache-2.0
/*
 * Background processes in the store: who started them, how they ended.
 */
#include <config.h>

#include "controller/session/store-db.h"

/**
 * store_process_insert() - one was started
 * @row: its command is cut at STORE_COMMAND_MAX_BYTES
 */
int store_process_insert(struct store *store, const struct store_process *row,
			 struct err *err)
{
	sqlite3_stmt *stmt;

	if (store_check_text(row->session, "session", err) < 0 ||
	    store_check_text(row->name, "name", err) < 0 ||
	    store_check_text(row->spool, "output", err) < 0 ||
	    store_check_text(row->workdir, "folder", err) < 0)
		return -1;
	stmt = store_stmt(store, STORE_PROCESS_INSERT, err);
	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 1, store->owner);
	(void)sqlite3_bind_blob(stmt, 2, row->token, sizeof(row->token),
				SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 3, row->sandbox);
	store_bind_text(stmt, 4, row->session);
	store_bind_text(stmt, 5, row->name);
	store_bind_cut(stmt, 6, row->command, STORE_COMMAND_MAX_BYTES);
	store_bind_text(stmt, 7, row->spool);
	(void)sqlite3_bind_int64(stmt, 8, row->started_ms);
	(void)sqlite3_bind_int(stmt, 9, row->over);
	(void)sqlite3_bind_int64(stmt, 10, row->status);
	(void)sqlite3_bind_int64(stmt, 11, row->ended_ms);
	store_bind_text(stmt, 12, row->workdir);
	(void)sqlite3_bind_int64(stmt, 13, row->pid);
	(void)sqlite3_bind_int(stmt, 14, row->tty);
	(void)sqlite3_bind_int64(stmt, 15, (int64_t)row->keep);
	(void)sqlite3_bind_int64(stmt, 16, (int64_t)row->cleanup_ms);
	(void)sqlite3_bind_int64(stmt, 17, (int64_t)row->polled);
	return store_do(store, stmt, err);
}

static sqlite3_stmt *on_process(struct store *store, enum store_sql which,
				const uint8_t token[WIRE_ID_BYTES],
				struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, which, err);

	if (!stmt)
		return NULL;
	(void)sqlite3_bind_int64(stmt, 1, store->owner);
	(void)sqlite3_bind_blob(stmt, 2, token, WIRE_ID_BYTES, SQLITE_STATIC);
	return stmt;
}

/**
 * store_process_over() - it has ended
 * @row: its token, and how
 */
int store_process_over(struct store *store, const struct store_process *row,
		       struct err *err)
{
	sqlite3_stmt *stmt =
		on_process(store, STORE_PROCESS_OVER, row->token, err);

	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 3, row->status);
	(void)sqlite3_bind_int64(stmt, 4, row->ended_ms);
	(void)sqlite3_bind_int(stmt, 5, row->timed_out);
	(void)sqlite3_bind_int(stmt, 6, row->killed);
	store_bind_cut(stmt, 7, row->why, STORE_SHORT_MAX_BYTES);
	return store_do(store, stmt, err);
}

/**
 * store_process_polled() - so much of its output has been asked for
 */
int store_process_polled(struct store *store,
			 const uint8_t token[WIRE_ID_BYTES], uint64_t polled,
			 struct err *err)
{
	sqlite3_stmt *stmt =
		on_process(store, STORE_PROCESS_POLLED, token, err);

	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)polled);
	return store_do(store, stmt, err);
}

/**
 * store_process_delete() - nobody asks for it any more
 */
int store_process_delete(struct store *store,
			 const uint8_t token[WIRE_ID_BYTES], struct err *err)
{
	sqlite3_stmt *stmt =
		on_process(store, STORE_PROCESS_DELETE, token, err);

	return stmt ? store_do(store, stmt, err) : -1;
}

static bool read_process(sqlite3_stmt *stmt, struct store_process *row)
{
	bool broken = !store_blob(stmt, 0, row->token, sizeof(row->token));

	row->sandbox = sqlite3_column_int64(stmt, 1);
	row->session = store_text(stmt, 2, STORE_TEXT_MAX_BYTES, &broken);
	row->name = store_text(stmt, 3, STORE_TEXT_MAX_BYTES, &broken);
	row->command = store_text(stmt, 4, STORE_TEXT_MAX_BYTES, &broken);
	row->spool = store_text(stmt, 5, STORE_TEXT_MAX_BYTES, &broken);
	row->started_ms = sqlite3_column_int64(stmt, 6);
	row->over = sqlite3_column_int(stmt, 7) != 0;
	row->status = (uint32_t)sqlite3_column_int64(stmt, 8);
	row->ended_ms = sqlite3_column_int64(stmt, 9);
	row->workdir = store_text(stmt, 10, STORE_TEXT_MAX_BYTES, &broken);
	row->pid = (uint32_t)sqlite3_column_int64(stmt, 11);
	row->tty = sqlite3_column_int(stmt, 12) != 0;
	row->keep = (uint64_t)sqlite3_column_int64(stmt, 13);
	row->cleanup_ms = (uint64_t)sqlite3_column_int64(stmt, 14);
	row->polled = (uint64_t)sqlite3_column_int64(stmt, 15);
	row->timed_out = sqlite3_column_int(stmt, 16) != 0;
	row->killed = sqlite3_column_int(stmt, 17) != 0;
	row->why = store_text(stmt, 18, STORE_TEXT_MAX_BYTES, &broken);
	return !broken;
}

/**
 * store_process_each() - every one of this runtime, oldest first
 * @fn: must not change processes
 */
int store_process_each(struct store *store, store_process_fn *fn, void *arg,
		       struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_PROCESS_EACH, err);
	struct store_process row;
	int ret = -1;

	if (stmt)
		(void)sqlite3_bind_int64(stmt, 1, store->owner);
	while (stmt && (ret = store_step(store, stmt, err)) > 0)
		if (read_process(stmt, &row))
			fn(&row, arg);
	return ret;
}
