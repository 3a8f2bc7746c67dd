// SPDX-License-Identifier: Apache-2.0
/*
 * Folders on the host that go with what they were made for, in the store: known
 * before they are made, so that no end of creeld's leaves one behind.
 */
#include <config.h>

#include "controller/session/store-db.h"

static sqlite3_stmt *on_folder(struct store *store, enum store_sql which,
			       const char *path, struct err *err)
{
	sqlite3_stmt *stmt;

	if (store_check_text(path, "folder", err) < 0)
		return NULL;
	stmt = store_stmt(store, which, err);
	if (!stmt)
		return NULL;
	(void)sqlite3_bind_int64(stmt, 1, store->owner);
	store_bind_text(stmt, 2, path);
	return stmt;
}

/**
 * store_folder_insert() - it is about to be made; known already is fine
 */
int store_folder_insert(struct store *store, const char *path, struct err *err)
{
	sqlite3_stmt *stmt = on_folder(store, STORE_FOLDER_INSERT, path, err);

	return stmt ? store_do(store, stmt, err) : -1;
}

/**
 * store_folder_delete() - it is gone; not known is fine
 */
int store_folder_delete(struct store *store, const char *path, struct err *err)
{
	sqlite3_stmt *stmt = on_folder(store, STORE_FOLDER_DELETE, path, err);

	return stmt ? store_do(store, stmt, err) : -1;
}

/**
 * store_folder_each() - every one of this runtime
 * @fn: must not change folders
 */
int store_folder_each(struct store *store, store_folder_fn *fn, void *arg,
		      struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_FOLDER_EACH, err);
	int ret = -1;

	if (stmt)
		(void)sqlite3_bind_int64(stmt, 1, store->owner);
	while (stmt && (ret = store_step(store, stmt, err)) > 0) {
		bool broken = false;
		const char *path =
			store_text(stmt, 0, STORE_TEXT_MAX_BYTES, &broken);

		if (!broken)
			fn(path, arg);
	}
	return ret;
}
