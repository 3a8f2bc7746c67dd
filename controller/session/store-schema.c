// SPDX-License-Identifier: Apache-2.0
/*
 * The tables, and how older ones become today's: one step a version, each in a
 * transaction of its own.
 */
#include <config.h>

#include <stdio.h>

#include "controller/session/store-db.h"

static const char *const steps[] = {
	/* 1 */
	"CREATE TABLE owner ("
	" id INTEGER PRIMARY KEY,"
	" runtime TEXT NOT NULL UNIQUE,"
	/* No row of the log before this one is of a command that runs. */
	" open_from INTEGER NOT NULL DEFAULT 0) STRICT;"
	"CREATE TABLE session ("
	" id INTEGER PRIMARY KEY,"
	" config TEXT NOT NULL,"
	" key TEXT NOT NULL,"
	" agent TEXT NOT NULL,"
	" scope_key TEXT NOT NULL,"
	" sandbox TEXT NOT NULL,"
	" created_ms INTEGER NOT NULL,"
	" used_ms INTEGER NOT NULL,"
	" UNIQUE (config, key)) STRICT;"
	/* Its ids are not given again: processes remember them. */
	"CREATE TABLE sandbox ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" owner INTEGER NOT NULL REFERENCES owner (id) ON DELETE CASCADE,"
	" config TEXT NOT NULL,"
	" scope_key TEXT NOT NULL,"
	" agent TEXT NOT NULL,"
	" scope TEXT NOT NULL,"
	" name TEXT NOT NULL,"
	" helper_id BLOB NOT NULL,"
	" hash BLOB NOT NULL,"
	" workspace TEXT NOT NULL,"
	" workdir TEXT NOT NULL,"
	" image TEXT NOT NULL,"
	" setup_done INTEGER NOT NULL,"
	" defaults BLOB NOT NULL,"
	" idle_hours REAL NOT NULL,"
	" max_age_days REAL NOT NULL,"
	" created_ms INTEGER NOT NULL,"
	" used_ms INTEGER NOT NULL,"
	" UNIQUE (owner, config, scope_key),"
	" UNIQUE (owner, name)) STRICT;"
	"CREATE TABLE process ("
	" owner INTEGER NOT NULL REFERENCES owner (id) ON DELETE CASCADE,"
	" token BLOB NOT NULL,"
	" sandbox INTEGER NOT NULL,"
	" session TEXT NOT NULL,"
	" name TEXT NOT NULL,"
	" command TEXT NOT NULL,"
	" spool TEXT NOT NULL,"
	" started_ms INTEGER NOT NULL,"
	" over INTEGER NOT NULL,"
	" status INTEGER NOT NULL,"
	" ended_ms INTEGER NOT NULL,"
	" PRIMARY KEY (owner, token)) STRICT, WITHOUT ROWID;"
	/*
	 * No reference to its owner, whom it outlives; no index, which would
	 * be written at each command too.
	 */
	"CREATE TABLE audit ("
	" id INTEGER PRIMARY KEY,"
	" owner INTEGER NOT NULL,"
	" time_ms INTEGER NOT NULL,"
	" tool TEXT NOT NULL,"
	" session TEXT NOT NULL,"
	" agent TEXT NOT NULL,"
	" sandbox TEXT NOT NULL,"
	" command TEXT NOT NULL,"
	" decision TEXT NOT NULL,"
	" reason TEXT NOT NULL,"
	" client TEXT NOT NULL,"
	" token BLOB,"
	" sandboxed INTEGER NOT NULL,"
	" over INTEGER NOT NULL,"
	" status INTEGER,"
	" wall_usec INTEGER,"
	" memory_peak INTEGER,"
	" cpu_usec INTEGER) STRICT;"
	/* What configurations want kept of it, also while none is loaded. */
	"CREATE TABLE keep ("
	" config TEXT PRIMARY KEY,"
	" days INTEGER NOT NULL,"
	" rows INTEGER NOT NULL,"
	" seen_ms INTEGER NOT NULL) STRICT;",
	/* 2: what tools tell of a background process */
	"ALTER TABLE process ADD COLUMN workdir TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE process ADD COLUMN pid INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE process ADD COLUMN tty INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE process ADD COLUMN keep INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE process ADD COLUMN cleanup_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE process ADD COLUMN polled INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE process ADD COLUMN timed_out INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE process ADD COLUMN killed INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE process ADD COLUMN why TEXT NOT NULL DEFAULT '';",
	/* 3: folders on the host that are to go */
	"CREATE TABLE folder ("
	" owner INTEGER NOT NULL REFERENCES owner (id) ON DELETE CASCADE,"
	" path TEXT NOT NULL,"
	" PRIMARY KEY (owner, path)) STRICT, WITHOUT ROWID;",
};

#define NEWEST ((int64_t)(sizeof(steps) / sizeof(steps[0])))

/**
 * store_version() - the newest that is understood
 */
int64_t store_version(void)
{
	return NEWEST;
}

/**
 * store_newer() - refuse what a newer creel has made
 *
 * Return: -1 always.
 */
int store_newer(const char *path, int64_t version, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED, 0,
		       "%.80s: a newer creel has made it (version %lld, this one knows %lld)",
		       path, (long long)version, (long long)NEWEST);
}

static int check_version(struct store *store, int64_t *version,
			 struct err *err)
{
	int64_t application, objects;

	if (store_number(store, "PRAGMA user_version", version, err) < 0 ||
	    store_number(store, "PRAGMA application_id", &application, err) <
		    0 ||
	    store_number(store, "SELECT count(*) FROM sqlite_schema", &objects,
			 err) < 0)
		return -1;
	if (application != STORE_APPLICATION_ID &&
	    (application || *version || objects))
		return err_set(err, ERR_INTERNAL, 0,
			       "%.100s: it is no database of creel's",
			       store->path);
	if (*version > NEWEST)
		return store_newer(store->path, *version, err);
	if (*version < 0)
		return err_set(err, ERR_INTERNAL, 0, "%.110s: it is damaged",
			       store->path);
	return 0;
}

static int one_step(struct store *store, int64_t version, struct err *err)
{
	char text[96];

	(void)snprintf(text, sizeof(text),
		       "PRAGMA application_id = %d; PRAGMA user_version = %lld",
		       STORE_APPLICATION_ID, (long long)version + 1);
	if (store_run(store, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	if (store_run(store, steps[version], err) == 0 &&
	    store_run(store, text, err) == 0 &&
	    store_run(store, "COMMIT", err) == 0)
		return 0;
	if (!sqlite3_get_autocommit(store->db))
		(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

/**
 * store_migrate() - make the database what this creel expects
 *
 * The caller keeps other controllers out meanwhile. What a newer or another
 * program has made is only read.
 */
int store_migrate(struct store *store, struct err *err)
{
	int64_t version, mode = 0;

	if (check_version(store, &version, err) < 0)
		return -1;
	/* Of an empty file. A commit writes whole pages: small ones. */
	if (store_run(store, "PRAGMA page_size = 1024", err) < 0)
		return -1;
	/* Writes one page to an empty file, else nothing. */
	if (store_run(store, "PRAGMA journal_mode = WAL", err) < 0 ||
	    store_number(store,
			 "SELECT journal_mode = 'wal' FROM pragma_journal_mode",
			 &mode, err) < 0)
		return -1;
	if (!mode)
		return err_set(err, ERR_UNSUPPORTED, 0,
			       "%.80s: this file system cannot share a write-ahead log",
			       store->path);
	for (; version < NEWEST; version++)
		if (one_step(store, version, err) < 0)
			return -1;
	return 0;
}
