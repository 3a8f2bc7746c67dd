// SPDX-License-Identifier: Apache-2.0
/*
 * The store on a disk that fails: whatever write it is that fails, what was
 * committed is there afterwards, what was refused is not, and nothing is
 * damaged.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "controller/session/store.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

/* A file of the real VFS, and what stands in front of it. */
struct shim_file {
	sqlite3_file base;
	sqlite3_file *real;
};

static sqlite3_vfs shim;
static sqlite3_vfs *real_vfs;
static unsigned long writes; /* so far */
static unsigned long fail_at; /* this one fails, 0 none */
static bool fail_on; /* and all after it */
static int fail_with;
static bool failed;

static char dir[64];
static struct err err;

static bool strikes(void)
{
	writes++;
	if (fail_at == 0 || writes < fail_at ||
	    (writes > fail_at && !fail_on))
		return false;
	failed = true;
	return true;
}

static sqlite3_file *real(sqlite3_file *file)
{
	return ((struct shim_file *)(void *)file)->real;
}

static int shim_close(sqlite3_file *file)
{
	int rc = real(file)->pMethods ? real(file)->pMethods->xClose(
						real(file)) :
					SQLITE_OK;

	sqlite3_free(real(file));
	return rc;
}

static int shim_read(sqlite3_file *file, void *buf, int len, sqlite3_int64 at)
{
	return real(file)->pMethods->xRead(real(file), buf, len, at);
}

static int shim_write(sqlite3_file *file, const void *buf, int len,
		      sqlite3_int64 at)
{
	if (strikes()) {
		/* A disk that fills up takes a part of it. */
		(void)real(file)->pMethods->xWrite(real(file), buf, len / 2,
						   at);
		return fail_with;
	}
	return real(file)->pMethods->xWrite(real(file), buf, len, at);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	if (strikes())
		return SQLITE_IOERR_TRUNCATE;
	return real(file)->pMethods->xTruncate(real(file), size);
}

static int shim_sync(sqlite3_file *file, int flags)
{
	if (strikes())
		return SQLITE_IOERR_FSYNC;
	return real(file)->pMethods->xSync(real(file), flags);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return real(file)->pMethods->xFileSize(real(file), size);
}

static int shim_lock(sqlite3_file *file, int lock)
{
	return real(file)->pMethods->xLock(real(file), lock);
}

static int shim_unlock(sqlite3_file *file, int lock)
{
	return real(file)->pMethods->xUnlock(real(file), lock);
}

static int shim_reserved(sqlite3_file *file, int *out)
{
	return real(file)->pMethods->xCheckReservedLock(real(file), out);
}

static int shim_control(sqlite3_file *file, int op, void *arg)
{
	return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int shim_sector(sqlite3_file *file)
{
	return real(file)->pMethods->xSectorSize(real(file));
}

static int shim_device(sqlite3_file *file)
{
	return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int shim_shm_map(sqlite3_file *file, int page, int size, int extend,
			void volatile **out)
{
	if (extend && strikes())
		return SQLITE_IOERR_SHMSIZE;
	return real(file)->pMethods->xShmMap(real(file), page, size, extend,
					     out);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}

static void shim_shm_barrier(sqlite3_file *file)
{
	real(file)->pMethods->xShmBarrier(real(file));
}

static int shim_shm_unmap(sqlite3_file *file, int remove)
{
	return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = shim_close,
	.xRead = shim_read,
	.xWrite = shim_write,
	.xTruncate = shim_truncate,
	.xSync = shim_sync,
	.xFileSize = shim_size,
	.xLock = shim_lock,
	.xUnlock = shim_unlock,
	.xCheckReservedLock = shim_reserved,
	.xFileControl = shim_control,
	.xSectorSize = shim_sector,
	.xDeviceCharacteristics = shim_device,
	.xShmMap = shim_shm_map,
	.xShmLock = shim_shm_lock,
	.xShmBarrier = shim_shm_barrier,
	.xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
		     int flags, int *out)
{
	struct shim_file *own = (void *)file;
	int rc;

	(void)vfs;
	own->base.pMethods = NULL;
	if ((flags & SQLITE_OPEN_CREATE) && strikes())
		return SQLITE_CANTOPEN;
	own->real = sqlite3_malloc(real_vfs->szOsFile);
	if (!own->real)
		return SQLITE_NOMEM;
	memset(own->real, 0, (size_t)real_vfs->szOsFile);
	rc = real_vfs->xOpen(real_vfs, name, own->real, flags, out);
	if (rc == SQLITE_OK)
		own->base.pMethods = &methods;
	else
		sqlite3_free(own->real);
	return rc;
}

static void set_up(void)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(dir, sizeof(dir), "%.40s/faults-XXXXXX",
		       tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	real_vfs = sqlite3_vfs_find(NULL);
	shim = *real_vfs;
	shim.zName = "failing";
	shim.szOsFile = sizeof(struct shim_file);
	shim.xOpen = shim_open;
	ck_assert_int_eq(sqlite3_vfs_register(&shim, 1), SQLITE_OK);
}

static void remove_files(void)
{
	static const char *const names[] = { "creel.db", "creel.db-wal",
					     "creel.db-shm",
					     "creel.db-journal", "creel.lock" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
}

static void tear_down(void)
{
	remove_files();
	ck_assert_int_eq(rmdir(dir), 0);
	(void)sqlite3_vfs_unregister(&shim);
}

/* What has come of a scripted use: which steps were committed. */
struct log {
	bool opened;
	unsigned int rows;      /* of the audit log */
	unsigned int over;      /* of these, ended */
	unsigned int sandboxes;
	unsigned int refused;
};

static void check_error(struct log *log)
{
	log->refused++;
	ck_assert_msg(failed, "without cause: %s", err.text);
	ck_assert_msg(err.code == ERR_KERNEL && strstr(err.text, "creel.db"),
		      "%d %s", err.code, err.text);
	err = (struct err)ERR_INIT;
}

static void use_audit(struct store *store, struct log *log, unsigned int i)
{
	const uint8_t token[WIRE_ID_BYTES] = { (uint8_t)i, (uint8_t)(i >> 8) };
	struct store_audit row = { .tool = "exec", .time_ms = (int64_t)i + 1,
				   .command = "make", .token = token };
	const struct store_audit_end end = { .status = i };
	int64_t id = 0;

	if (store_audit_insert(store, &row, &id, &err) < 0) {
		check_error(log);
		return;
	}
	log->rows++;
	if (store_audit_over(store, id, &end, &err) < 0)
		check_error(log);
	else
		log->over++;
}

/* Two that count together. */
static void use_sandboxes(struct store *store, struct log *log, unsigned int i)
{
	char name[2][24];
	int ret = store_begin(store, &err);

	for (int k = 0; ret == 0 && k < 2; k++) {
		struct store_sandbox row = { .scope_key = name[k],
					     .name = name[k] };

		(void)snprintf(name[k], sizeof(name[k]), "box-%u-%d", i, k);
		ret = store_sandbox_insert(store, &row, &err);
	}
	if (ret == 0)
		ret = store_commit(store, &err);
	else
		store_rollback(store);
	if (ret < 0)
		check_error(log);
	else
		log->sandboxes += 2;
}

static void use(struct log *log)
{
	struct store *store;

	*log = (struct log){ 0 };
	err = (struct err)ERR_INIT;
	store = store_open(dir, "/run/one", &err);
	if (!store) {
		check_error(log);
		return;
	}
	log->opened = true;
	for (unsigned int i = 0; i < 6; i++) {
		use_audit(store, log, i);
		use_sandboxes(store, log, i);
	}
	store_close(store);
}

static int64_t ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t number;

	ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	number = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return number;
}

static void check_whole(const struct log *log)
{
	struct store *store;
	char path[96];
	sqlite3 *db;

	fail_at = 0;
	err = (struct err)ERR_INIT;
	store = store_open(dir, "/run/one", &err);
	ck_assert_msg(store != NULL, "%s", err.text);
	store_close(store);
	(void)snprintf(path, sizeof(path), "%s/creel.db", dir);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(ask(db, "SELECT integrity_check = 'ok'"
				 " FROM pragma_integrity_check"),
			 1);
	ck_assert_int_eq(ask(db, "SELECT count(*) FROM audit"), log->rows);
	ck_assert_int_eq(ask(db, "SELECT count(*) FROM audit WHERE over = 1"
				 " AND status = time_ms - 1"),
			 log->over);
	ck_assert_int_eq(ask(db, "SELECT count(*) FROM sandbox"),
			 log->sandboxes);
	(void)sqlite3_close(db);
}

static void fail_each(int with, bool on)
{
	bool struck = true;
	struct log log;
	unsigned long n;

	fail_with = with;
	fail_on = on;
	for (n = 1; struck; n++) {
		remove_files();
		writes = 0;
		failed = false;
		fail_at = n;
		use(&log);
		struck = failed;
		check_whole(&log);
	}
	/* The last time nothing failed: it was all of them. */
	ck_assert(log.opened && log.refused == 0 && log.over == 6);
	ck_assert_uint_gt(n, 60);
}

START_TEST(test_store_disk_full_once_at_any_write_damages_nothing)
{
	fail_each(SQLITE_FULL, false);
}
END_TEST

START_TEST(test_store_disk_full_from_any_write_on_damages_nothing)
{
	fail_each(SQLITE_FULL, true);
}
END_TEST

START_TEST(test_store_write_error_once_damages_nothing)
{
	fail_each(SQLITE_IOERR_WRITE, false);
}
END_TEST

START_TEST(test_store_write_error_from_then_on_damages_nothing)
{
	fail_each(SQLITE_IOERR_WRITE, true);
}
END_TEST

START_TEST(test_store_disk_full_says_so)
{
	struct store_audit row = { .tool = "exec" };
	struct store *store;
	int64_t id;

	writes = 0;
	fail_at = 0;
	store = store_open(dir, "/run/one", &err);
	ck_assert_ptr_nonnull(store);
	fail_with = SQLITE_FULL;
	fail_on = true;
	fail_at = 1;
	ck_assert_int_eq(store_audit_insert(store, &row, &id, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "/creel.db: No space left"));
	/* And goes on when there is room again. */
	fail_at = 0;
	ck_assert_int_eq(store_audit_insert(store, &row, &id, &err), 0);
	store_close(store);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("store-faults");
	TCase *tcase = tcase_create("store-faults");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase,
		       test_store_disk_full_once_at_any_write_damages_nothing);
	tcase_add_test(tcase,
		       test_store_disk_full_from_any_write_on_damages_nothing);
	tcase_add_test(tcase, test_store_write_error_once_damages_nothing);
	tcase_add_test(tcase,
		       test_store_write_error_from_then_on_damages_nothing);
	tcase_add_test(tcase, test_store_disk_full_says_so);
	suite_add_tcase(suite, tcase);
	return suite;
}
