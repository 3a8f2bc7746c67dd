// SPDX-License-Identifier: Apache-2.0
/*
 * The audit log in the store.  Its texts come from clients and are only shown:
 * what is too long is cut, nothing is refused for it.
 */
#include <config.h>

#include <string.h>

#include "controller/session/store-db.h"

#define SHORT STORE_SHORT_MAX_BYTES

static void bind_number(sqlite3_stmt *stmt, int index, bool known,
			uint64_t value)
{
	if (known)
		(void)sqlite3_bind_int64(stmt, index,
					 value > INT64_MAX ? INT64_MAX :
							     (int64_t)value);
	else
		(void)sqlite3_bind_null(stmt, index);
}

/**
 * store_audit_insert() - something was asked for; out: its row
 */
int store_audit_insert(struct store *store, const struct store_audit *row,
		       int64_t *id, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_AUDIT_INSERT, err);

	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 1, store->owner);
	(void)sqlite3_bind_int64(stmt, 2, row->time_ms);
	store_bind_cut(stmt, 3, row->tool, SHORT);
	store_bind_cut(stmt, 4, row->session, SHORT);
	store_bind_cut(stmt, 5, row->agent, SHORT);
	store_bind_cut(stmt, 6, row->sandbox, SHORT);
	store_bind_cut(stmt, 7, row->command, STORE_COMMAND_MAX_BYTES);
	store_bind_cut(stmt, 8, row->decision, SHORT);
	store_bind_cut(stmt, 9, row->reason, SHORT);
	store_bind_cut(stmt, 10, row->client, SHORT);
	if (row->token)
		(void)sqlite3_bind_blob(stmt, 11, row->token, WIRE_ID_BYTES,
					SQLITE_STATIC);
	(void)sqlite3_bind_int(stmt, 12, row->sandboxed);
	(void)sqlite3_bind_int(stmt, 13, row->over);
	bind_number(stmt, 14, row->over, row->status);
	bind_number(stmt, 15, row->over, row->wall_usec);
	bind_number(stmt, 16, row->has_memory, row->memory_peak);
	bind_number(stmt, 17, row->has_cpu, row->cpu_usec);
	if (store_do(store, stmt, err) < 0)
		return -1;
	*id = sqlite3_last_insert_rowid(store->db);
	return 0;
}

/**
 * store_audit_over() - how it ended
 */
int store_audit_over(struct store *store, int64_t id,
		     const struct store_audit_end *end, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_AUDIT_OVER, err);

	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 1, id);
	bind_number(stmt, 2, true, end->status);
	bind_number(stmt, 3, true, end->wall_usec);
	bind_number(stmt, 4, end->has_memory, end->memory_peak);
	bind_number(stmt, 5, end->has_cpu, end->cpu_usec);
	if (end->reason)
		store_bind_cut(stmt, 6, end->reason, SHORT);
	return store_do(store, stmt, err);
}

static bool read_audit(sqlite3_stmt *stmt, struct store_audit *row)
{
	const size_t most = STORE_TEXT_MAX_BYTES;
	bool broken = false;

	row->id = sqlite3_column_int64(stmt, 0);
	row->time_ms = sqlite3_column_int64(stmt, 1);
	row->tool = store_text(stmt, 2, SHORT, &broken);
	row->session = store_text(stmt, 3, SHORT, &broken);
	row->agent = store_text(stmt, 4, SHORT, &broken);
	row->sandbox = store_text(stmt, 5, SHORT, &broken);
	row->command = store_text(stmt, 6, most, &broken);
	row->decision = store_text(stmt, 7, SHORT, &broken);
	row->reason = store_text(stmt, 8, SHORT, &broken);
	row->client = store_text(stmt, 9, SHORT, &broken);
	row->token = sqlite3_column_bytes(stmt, 10) == WIRE_ID_BYTES ?
			     sqlite3_column_blob(stmt, 10) :
			     NULL;
	row->sandboxed = sqlite3_column_int(stmt, 11) != 0;
	row->over = sqlite3_column_int(stmt, 12) != 0;
	row->status = (uint32_t)sqlite3_column_int64(stmt, 13);
	row->wall_usec = (uint64_t)sqlite3_column_int64(stmt, 14);
	row->has_memory = sqlite3_column_type(stmt, 15) != SQLITE_NULL;
	row->memory_peak = (uint64_t)sqlite3_column_int64(stmt, 15);
	row->has_cpu = sqlite3_column_type(stmt, 16) != SQLITE_NULL;
	row->cpu_usec = (uint64_t)sqlite3_column_int64(stmt, 16);
	return !broken;
}

static int each_audit(struct store *store, sqlite3_stmt *stmt,
		      store_audit_fn *fn, void *arg, struct err *err)
{
	struct store_audit row;
	int ret;

	while ((ret = store_step(store, stmt, err)) > 0)
		if (read_audit(stmt, &row))
			fn(&row, arg);
	return ret;
}

/**
 * store_audit_open_each() - every command of this runtime that is not over
 * @fn: must not change the log
 */
int store_audit_open_each(struct store *store, store_audit_fn *fn, void *arg,
			  struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_AUDIT_OPEN, err);

	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 1, store->owner);
	return each_audit(store, stmt, fn, arg, err);
}

/**
 * store_audit_open_from() - where the next creeld is to begin looking for them
 */
int store_audit_open_from(struct store *store, int64_t id, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_AUDIT_OPEN_FROM, err);

	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 1, store->owner);
	(void)sqlite3_bind_int64(stmt, 2, id);
	return store_do(store, stmt, err);
}

/**
 * store_audit_get() - one row, if it is still there
 */
int store_audit_get(struct store *store, int64_t id, store_audit_fn *fn,
		    void *arg, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_AUDIT_GET, err);

	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 1, id);
	return each_audit(store, stmt, fn, arg, err);
}

static void bind_if(sqlite3_stmt *stmt, int index, const char *text)
{
	if (text && text[0])
		store_bind_text(stmt, index, text);
}

/* Parameters 3 to 8. */
static void bind_filter(sqlite3_stmt *stmt,
			const struct store_audit_filter *filter)
{
	const char *session = filter->session ? filter->session : "";
	size_t len = strlen(session);

	if (len > 0 && session[len - 1] == '*')
		(void)sqlite3_bind_text(stmt, 4, session, (int)len - 1,
					SQLITE_STATIC);
	else
		bind_if(stmt, 3, session);
	bind_if(stmt, 5, filter->agent);
	bind_if(stmt, 6, filter->tool);
	(void)sqlite3_bind_int64(stmt, 7,
				 filter->since_ms ? filter->since_ms :
						    INT64_MIN);
	(void)sqlite3_bind_int64(stmt, 8,
				 filter->until_ms ? filter->until_ms :
						    INT64_MAX);
}

/**
 * store_audit_newest() - id of the newest row, 0: there is none
 */
int store_audit_newest(struct store *store, int64_t *id, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_AUDIT_NEWEST, err);

	if (!stmt || store_step(store, stmt, err) < 0)
		return -1;
	*id = sqlite3_column_int64(stmt, 0);
	return store_do(store, stmt, err);
}

/**
 * store_audit_scan() - ids of matching rows, newest first, a stretch at a time
 * @below: rows with smaller ids; 0: all
 * @span:  so many ids are looked at
 *
 * Return: the next @below, 0 where nothing is left, or -1. What does not fit
 * into @out is left out: older than what is in it.
 */
int64_t store_audit_scan(struct store *store,
			 const struct store_audit_filter *filter, int64_t below,
			 uint32_t span, struct store_ids *out, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_AUDIT_SCAN, err);
	int64_t from;
	int ret;

	if (!stmt)
		return -1;
	if (below <= 0) {
		if (store_audit_newest(store, &below, err) < 0)
			return -1;
		below = below < INT64_MAX ? below + 1 : below;
	}
	from = below > (int64_t)span ? below - (int64_t)span : 0;
	if (from <= filter->after_id)
		from = filter->after_id + 1;
	(void)sqlite3_bind_int64(stmt, 1, from);
	(void)sqlite3_bind_int64(stmt, 2, below);
	bind_filter(stmt, filter);
	while ((ret = store_step(store, stmt, err)) > 0)
		if (out->n < out->max)
			out->ids[out->n++] = sqlite3_column_int64(stmt, 0);
	if (ret < 0)
		return -1;
	return from <= filter->after_id + 1 ? 0 : from;
}

/**
 * store_audit_each() - matching rows, the last so many, oldest first
 * @fn: must not change the log
 */
int store_audit_each(struct store *store,
		     const struct store_audit_filter *filter,
		     store_audit_fn *fn, void *arg, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_AUDIT_LAST, err);

	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 1, filter->after_id);
	(void)sqlite3_bind_int64(stmt, 2, INT64_MAX);
	bind_filter(stmt, filter);
	(void)sqlite3_bind_int64(stmt, 9,
				 filter->limit ? (int64_t)filter->limit : -1);
	return each_audit(store, stmt, fn, arg, err);
}

/**
 * store_audit_trim() - forget old rows, a step at a time
 *
 * Return: how many it was, or -1.
 */
int store_audit_trim(struct store *store, uint64_t rows, int64_t before_ms,
		     uint32_t step, struct err *err)
{
	sqlite3_stmt *stmt;
	int64_t newest;

	if (store_audit_newest(store, &newest, err) < 0)
		return -1;
	stmt = store_stmt(store, STORE_AUDIT_TRIM, err);
	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(
		stmt, 1,
		(uint64_t)newest > rows ? newest - (int64_t)rows : 0);
	(void)sqlite3_bind_int64(stmt, 2, before_ms);
	(void)sqlite3_bind_int64(stmt, 3, step);
	if (store_do(store, stmt, err) < 0)
		return -1;
	return sqlite3_changes(store->db);
}

/**
 * store_keep_set() - a configuration is in use
 */
int store_keep_set(struct store *store, const char *config,
		   const struct store_keep *keep, int64_t seen_ms,
		   struct err *err)
{
	sqlite3_stmt *stmt;

	if (store_check_text(config, "configuration", err) < 0)
		return -1;
	stmt = store_stmt(store, STORE_KEEP_SET, err);
	if (!stmt)
		return -1;
	store_bind_text(stmt, 1, config);
	bind_number(stmt, 2, true, keep->days);
	bind_number(stmt, 3, true, keep->rows);
	(void)sqlite3_bind_int64(stmt, 4, seen_ms);
	return store_do(store, stmt, err);
}

/**
 * store_keep_most() - what has to be kept, for all of them
 */
int store_keep_most(struct store *store, int64_t since_ms,
		    struct store_keep *keep, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(store, STORE_KEEP_MOST, err);
	int64_t days, rows;

	if (!stmt)
		return -1;
	(void)sqlite3_bind_int64(stmt, 1, since_ms);
	if (store_step(store, stmt, err) < 0)
		return -1;
	days = sqlite3_column_int64(stmt, 0);
	rows = sqlite3_column_int64(stmt, 1);
	if (store_do(store, stmt, err) < 0)
		return -1;
	if (days < 1 || days > UINT32_MAX || rows < 1)
		return 0;
	keep->days = (uint32_t)days;
	keep->rows = (uint64_t)rows;
	return 1;
}
