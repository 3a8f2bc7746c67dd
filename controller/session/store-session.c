// SPDX-License-Identifier: Apache-2.0
/*
 * Sessions, their sandboxes and background processes in the store.
 */
#include <config.h>

#include <errno.h>

#include "controller/session/store-db.h"

#define PATH_BYTES STORE_TEXT_MAX_BYTES

struct checked {
	const char *text;
	const char *what;
};

static int check_all(const struct checked *list, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (store_check_text(list[i].text, list[i].what, err) < 0)
			return -1;
	return 0;
}

/**
 * store_session_use() - a session is used; out: its row
 */
int store_session_use(struct store *store, const struct store_session *row,
		      int64_t *id, struct err *err)
{
	const struct checked texts[] = {
		{ row->config, "configuration" },
		{ row->key, "session" },
		{ row->agent, "agent" },
		{ row->scope_key, "scope" },
		{ row->sandbox, "sandbox" },
	};
	sqlite3_stmt *stmt;
	int ret;

	if (check_all(texts, sizeof(texts) / sizeof(texts[0]), err) < 0)
		return -1;
	stmt = store_stmt(store, STORE_SESSION_USE, err);
	if (!stmt)
		return -1;
	for (int i = 0; i < 5; i++)
		store_bind_text(stmt, i + 1, texts[i].text);
	(void)sqlite3_bind_int64(stmt, 6, row->created_ms);
	(void)sqlite3_bind_int64(stmt, 7, row->used_ms);
	ret = store_step(store, stmt, err);
	if (ret > 0)
		*id = sqlite3_column_int64(stmt, 0);
	/* It is committed by the step that finds no further row. */
	return ret > 0 ? store_do(store, stmt, err) : ret;
}

/**
 * store_session_used() - a session that is known has been used again
 */
int store_session_used(struct store *store, const char *config,
		       const char *key, int64_t used_ms, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_SESSION_USED, err);

	if (!stmt)
		return -1;
	store_bind_text(stmt, 1, config);
	store_bind_text(stmt, 2, key);
	(void)sqlite3_bind_int64(stmt, 3, used_ms);
	return store_do(store, stmt, err);
}

static bool read_session(sqlite3_stmt *stmt, struct store_session *row)
{
	bool broken = false;

	row->id = sqlite3_column_int64(stmt, 0);
	row->config = store_text(stmt, 1, PATH_BYTES, &broken);
	row->key = store_text(stmt, 2, PATH_BYTES, &broken);
	row->agent = store_text(stmt, 3, PATH_BYTES, &broken);
	row->scope_key = store_text(stmt, 4, PATH_BYTES, &broken);
	row->sandbox = store_text(stmt, 5, PATH_BYTES, &broken);
	row->created_ms = sqlite3_column_int64(stmt, 6);
	row->used_ms = sqlite3_column_int64(stmt, 7);
	return !broken;
}

/**
 * store_session_each() - every session, oldest first
 * @fn: must not change sessions
 */
int store_session_each(struct store *store, store_session_fn *fn, void *arg,
		       struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_SESSION_EACH, err);
	struct store_session row;
	int ret = -1;

	while (stmt && (ret = store_step(store, stmt, err)) > 0)
		if (read_session(stmt, &row))
			fn(&row, arg);
	return ret;
}

/**
 * store_session_by_sandbox() - the sessions that had a sandbox of this name
 * @fn: must not change sessions
 */
int store_session_by_sandbox(struct store *store, const char *name,
			     store_session_fn *fn, void *arg, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_SESSION_BY_SANDBOX, err);
	struct store_session row;
	int ret = -1;

	if (stmt)
		store_bind_text(stmt, 1, name);
	while (stmt && (ret = store_step(store, stmt, err)) > 0)
		if (read_session(stmt, &row))
			fn(&row, arg);
	return ret;
}

/**
 * store_session_delete() - forget a session
 */
int store_session_delete(struct store *store, const char *config,
			 const char *key, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_SESSION_DELETE, err);

	if (!stmt)
		return -1;
	store_bind_text(stmt, 1, config);
	store_bind_text(stmt, 2, key);
	return store_do(store, stmt, err);
}

static int check_sandbox(const struct store_sandbox *row, struct err *err)
{
	const struct checked texts[] = {
		{ row->config, "configuration" }, { row->scope_key, "scope" },
		{ row->agent, "agent" },	  { row->scope, "scope" },
		{ row->name, "sandbox" },	  { row->workspace, "workspace" },
		{ row->workdir, "workdir" },	  { row->image, "image" },
	};

	if (row->defaults_len > STORE_BLOB_MAX_BYTES)
		return err_set(err, ERR_LIMIT, 0,
			       "defaults of commands: more than %u bytes",
			       STORE_BLOB_MAX_BYTES);
	return check_all(texts, sizeof(texts) / sizeof(texts[0]), err);
}

static void bind_sandbox(const struct store *store, sqlite3_stmt *stmt,
			 const struct store_sandbox *row)
{
	(void)sqlite3_bind_int64(stmt, 1, store->owner);
	store_bind_text(stmt, 2, row->config);
	store_bind_text(stmt, 3, row->scope_key);
	store_bind_text(stmt, 4, row->agent);
	store_bind_text(stmt, 5, row->scope);
	store_bind_text(stmt, 6, row->name);
	(void)sqlite3_bind_blob(stmt, 7, row->helper_id, sizeof(row->helper_id),
				SQLITE_STATIC);
	(void)sqlite3_bind_blob(stmt, 8, row->hash, sizeof(row->hash),
				SQLITE_STATIC);
	store_bind_text(stmt, 9, row->workspace);
	store_bind_text(stmt, 10, row->workdir);
	store_bind_text(stmt, 11, row->image);
	(void)sqlite3_bind_int(stmt, 12, row->setup_done);
	(void)sqlite3_bind_blob(stmt, 13, row->defaults ? row->defaults : "",
				row->defaults ? (int)row->defaults_len : 0,
				SQLITE_STATIC);
	(void)sqlite3_bind_double(stmt, 14, row->idle_hours);
	(void)sqlite3_bind_double(stmt, 15, row->max_age_days);
	(void)sqlite3_bind_int64(stmt, 16, row->created_ms);
	(void)sqlite3_bind_int64(stmt, 17, row->used_ms);
}

/**
 * store_sandbox_insert() - a sandbox is asked for
 * @row: its id is filled in
 */
int store_sandbox_insert(struct store *store, struct store_sandbox *row,
			 struct err *err)
{
	sqlite3_stmt *stmt;

	if (check_sandbox(row, err) < 0)
		return -1;
	stmt = store_stmt(store, STORE_SANDBOX_INSERT, err);
	if (!stmt)
		return -1;
	bind_sandbox(store, stmt, row);
	if (store_do(store, stmt, err) < 0) {
		if (err->code == ERR_BAD_STATE && err->sys == EEXIST)
			err_set(err, ERR_BAD_STATE, EEXIST,
				"sandbox %.80s: the name or the scope is taken",
				row->name);
		return -1;
	}
	row->id = sqlite3_last_insert_rowid(store->db);
	return 0;
}

/* Of a statement whose first two parameters are the owner and the row. */
static sqlite3_stmt *on_sandbox(struct store *store, enum store_sql which,
				int64_t id, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, which, err);

	if (!stmt)
		return NULL;
	(void)sqlite3_bind_int64(stmt, 1, store->owner);
	(void)sqlite3_bind_int64(stmt, 2, id);
	return stmt;
}

/**
 * store_sandbox_built() - the helper has made it
 */
int store_sandbox_built(struct store *store, int64_t id,
			const uint8_t helper_id[WIRE_ID_BYTES], struct err *err)
{
	sqlite3_stmt *stmt = on_sandbox(store, STORE_SANDBOX_BUILT, id, err);

	if (!stmt)
		return -1;
	(void)sqlite3_bind_blob(stmt, 3, helper_id, WIRE_ID_BYTES,
				SQLITE_STATIC);
	return store_do(store, stmt, err);
}

/**
 * store_sandbox_setup_done() - its setupCommand has succeeded
 */
int store_sandbox_setup_done(struct store *store, int64_t id, struct err *err)
{
	sqlite3_stmt *stmt =
		on_sandbox(store, STORE_SANDBOX_SETUP_DONE, id, err);

	return stmt ? store_do(store, stmt, err) : -1;
}

/**
 * store_sandbox_used() - a command of it was asked for, or has ended
 */
int store_sandbox_used(struct store *store, int64_t id, int64_t used_ms,
		       struct err *err)
{
	sqlite3_stmt *stmt = on_sandbox(store, STORE_SANDBOX_USED, id, err);

	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 3, used_ms);
	return store_do(store, stmt, err);
}

/**
 * store_sandbox_delete() - it is gone
 */
int store_sandbox_delete(struct store *store, int64_t id, struct err *err)
{
	sqlite3_stmt *stmt = on_sandbox(store, STORE_SANDBOX_DELETE, id, err);

	return stmt ? store_do(store, stmt, err) : -1;
}

/* What is no number within reason would be a surprise in arithmetic. */
static double sane(double value)
{
	return value >= 0 && value <= 1e9 ? value : 0;
}

static bool read_sandbox(sqlite3_stmt *stmt, struct store_sandbox *row)
{
	bool broken = false;

	row->id = sqlite3_column_int64(stmt, 0);
	row->config = store_text(stmt, 1, PATH_BYTES, &broken);
	row->scope_key = store_text(stmt, 2, PATH_BYTES, &broken);
	row->agent = store_text(stmt, 3, PATH_BYTES, &broken);
	row->scope = store_text(stmt, 4, PATH_BYTES, &broken);
	row->name = store_text(stmt, 5, PATH_BYTES, &broken);
	broken |= !store_blob(stmt, 6, row->helper_id, sizeof(row->helper_id));
	broken |= !store_blob(stmt, 7, row->hash, sizeof(row->hash));
	row->workspace = store_text(stmt, 8, PATH_BYTES, &broken);
	row->workdir = store_text(stmt, 9, PATH_BYTES, &broken);
	row->image = store_text(stmt, 10, PATH_BYTES, &broken);
	row->setup_done = sqlite3_column_int(stmt, 11) != 0;
	row->defaults = sqlite3_column_blob(stmt, 12);
	/* SQLite has no address of nothing. */
	if (!row->defaults)
		row->defaults = "";
	row->defaults_len = (size_t)sqlite3_column_bytes(stmt, 12);
	broken |= row->defaults_len > STORE_BLOB_MAX_BYTES;
	row->idle_hours = sane(sqlite3_column_double(stmt, 13));
	row->max_age_days = sane(sqlite3_column_double(stmt, 14));
	row->created_ms = sqlite3_column_int64(stmt, 15);
	row->used_ms = sqlite3_column_int64(stmt, 16);
	return !broken;
}

static int each_sandbox(struct store *store, sqlite3_stmt *stmt,
			store_sandbox_fn *fn, void *arg, struct err *err)
{
	struct store_sandbox row;
	int found = 0, ret;

	while ((ret = store_step(store, stmt, err)) > 0) {
		if (!read_sandbox(stmt, &row))
			continue;
		found = 1;
		fn(&row, arg);
	}
	return ret < 0 ? -1 : found;
}

/**
 * store_sandbox_by_scope() - the sandbox that serves a scope
 */
int store_sandbox_by_scope(struct store *store, const char *config,
			   const char *scope_key, store_sandbox_fn *fn,
			   void *arg, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_SANDBOX_BY_SCOPE, err);

	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 1, store->owner);
	store_bind_text(stmt, 2, config);
	store_bind_text(stmt, 3, scope_key);
	return each_sandbox(store, stmt, fn, arg, err);
}

/**
 * store_sandbox_by_name() - likewise, by its name
 */
int store_sandbox_by_name(struct store *store, const char *name,
			  store_sandbox_fn *fn, void *arg, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_SANDBOX_BY_NAME, err);

	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 1, store->owner);
	store_bind_text(stmt, 2, name);
	return each_sandbox(store, stmt, fn, arg, err);
}

/**
 * store_sandbox_each() - every sandbox of this runtime, oldest first
 * @fn: must not change sandboxes
 */
int store_sandbox_each(struct store *store, store_sandbox_fn *fn, void *arg,
		       struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_SANDBOX_EACH, err);

	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 1, store->owner);
	return each_sandbox(store, stmt, fn, arg, err) < 0 ? -1 : 0;
}
