// SPDX-License-Identifier: Apache-2.0
/*
 * The store: what was written is read again, by the next one too; what is not
 * ours, damaged, newer or in use is refused and left as it is.
 */
#include <config.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "controller/session/store.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

static char dir[64];
static char file[96];
static struct err err;
static struct store *store;

static void forget_err(void)
{
	err = (struct err)ERR_INIT;
}

static void set_up(void)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(dir, sizeof(dir), "%.40s/store-XXXXXX",
		       tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/creel.db", dir);
	forget_err();
	store = store_open(dir, "/run/one", &err);
	ck_assert_msg(store != NULL, "%s", err.text);
}

static void remove_files(void)
{
	static const char *const names[] = { "creel.db", "creel.db-wal",
					     "creel.db-shm", "creel.lock" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
}

static void remove_all(void)
{
	remove_files();
	ck_assert_int_eq(rmdir(dir), 0);
}

static void tear_down(void)
{
	store_close(store);
	store = NULL;
	remove_all();
}

static void reopen(void)
{
	store_close(store);
	store = store_open(dir, "/run/one", &err);
	ck_assert_msg(store != NULL, "%s", err.text);
}

/* As another program; without a store of this process. */
static void run_sql(const char *text)
{
	sqlite3 *db;
	char *why = NULL;

	ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, text, NULL, NULL, &why) == SQLITE_OK,
		      "%s", why ? why : "");
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

static struct store_sandbox some_sandbox(const char *scope_key,
					 const char *name)
{
	struct store_sandbox row = {
		.config = "/home/u/creel.json5",
		.scope_key = scope_key,
		.agent = "main",
		.scope = "session",
		.name = name,
		.hash = { 1, 2, 3 },
		.workspace = "/home/u/w",
		.workdir = "/workspace",
		.image = "host",
		.defaults = "a\0b",
		.defaults_len = 3,
		.idle_hours = 24,
		.max_age_days = 7.5,
		.created_ms = 1000,
		.used_ms = 2000,
	};

	return row;
}

struct seen {
	unsigned int count;
	struct store_sandbox last;
	char name[64];
	char scope_key[64];
	uint8_t defaults[8];
};

static void see_sandbox(const struct store_sandbox *row, void *arg)
{
	struct seen *seen = arg;

	seen->count++;
	seen->last = *row;
	(void)snprintf(seen->name, sizeof(seen->name), "%s", row->name);
	(void)snprintf(seen->scope_key, sizeof(seen->scope_key), "%s",
		       row->scope_key);
	if (row->defaults_len <= sizeof(seen->defaults))
		memcpy(seen->defaults, row->defaults, row->defaults_len);
}

START_TEST(test_store_sandbox_is_read_as_it_was_written)
{
	struct store_sandbox row = some_sandbox("agent:main:x", "box-1");
	const uint8_t id[WIRE_ID_BYTES] = "0123456789abcde";
	struct seen seen = { 0 };

	ck_assert_int_eq(store_sandbox_insert(store, &row, &err), 0);
	ck_assert_int_eq(store_sandbox_built(store, row.id, id, &err), 0);
	ck_assert_int_eq(store_sandbox_used(store, row.id, 3000, &err), 0);
	reopen();
	ck_assert_int_eq(store_sandbox_by_scope(store, row.config,
						"agent:main:x", see_sandbox,
						&seen, &err),
			 1);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_str_eq(seen.name, "box-1");
	ck_assert_mem_eq(seen.last.helper_id, id, sizeof(id));
	ck_assert_mem_eq(seen.last.hash, row.hash, sizeof(row.hash));
	ck_assert_uint_eq(seen.last.defaults_len, 3);
	ck_assert_mem_eq(seen.defaults, "a\0b", 3);
	ck_assert(!seen.last.setup_done);
	ck_assert(seen.last.idle_hours == 24 && seen.last.max_age_days == 7.5);
	ck_assert(seen.last.created_ms == 1000 && seen.last.used_ms == 3000);
	ck_assert_int_eq(store_sandbox_setup_done(store, row.id, &err), 0);
	ck_assert_int_eq(store_sandbox_by_name(store, "box-1", see_sandbox,
					       &seen, &err),
			 1);
	ck_assert(seen.last.setup_done);
	ck_assert_int_eq(store_sandbox_by_name(store, "box-2", see_sandbox,
					       &seen, &err),
			 0);
	ck_assert_int_eq(store_sandbox_delete(store, row.id, &err), 0);
	seen.count = 0;
	ck_assert_int_eq(store_sandbox_each(store, see_sandbox, &seen, &err),
			 0);
	ck_assert_uint_eq(seen.count, 0);
}
END_TEST

START_TEST(test_store_sandbox_name_or_scope_taken_is_refused)
{
	struct store_sandbox one = some_sandbox("agent:main:x", "box-1");
	struct store_sandbox same_name = some_sandbox("agent:main:y", "box-1");
	struct store_sandbox same_scope = some_sandbox("agent:main:x", "box-2");
	struct seen seen = { 0 };

	ck_assert_int_eq(store_sandbox_insert(store, &one, &err), 0);
	ck_assert_int_eq(store_sandbox_insert(store, &same_name, &err), -1);
	ck_assert_int_eq(err.code, ERR_BAD_STATE);
	ck_assert_ptr_nonnull(strstr(err.text, "box-1"));
	forget_err();
	ck_assert_int_eq(store_sandbox_insert(store, &same_scope, &err), -1);
	ck_assert_int_eq(err.code, ERR_BAD_STATE);
	ck_assert_int_eq(store_sandbox_each(store, see_sandbox, &seen, &err),
			 0);
	ck_assert_uint_eq(seen.count, 1);
}
END_TEST

START_TEST(test_store_text_too_long_is_refused)
{
	struct store_sandbox row = some_sandbox("agent:main:x", "box-1");
	auto_free char *text = malloc(STORE_TEXT_MAX_BYTES + 2);

	memset(text, 'x', STORE_TEXT_MAX_BYTES + 1);
	text[STORE_TEXT_MAX_BYTES + 1] = '\0';
	row.workspace = text;
	ck_assert_int_eq(store_sandbox_insert(store, &row, &err), -1);
	ck_assert_int_eq(err.code, ERR_LIMIT);
	ck_assert_str_eq(err.text, "workspace: more than 4096 bytes");
}
END_TEST

static void see_session(const struct store_session *row, void *arg)
{
	char *text = arg;

	(void)snprintf(text, 128, "%s %s %s %lld %lld", row->key, row->agent,
		       row->sandbox, (long long)row->created_ms,
		       (long long)row->used_ms);
}

START_TEST(test_store_session_used_again_is_one_row)
{
	struct store_session row = {
		.config = "/c", .key = "agent:main:x", .agent = "main",
		.scope_key = "agent:main:x", .sandbox = "a",
		.created_ms = 1, .used_ms = 1,
	};
	char text[128] = "";
	int64_t id = 0, again = 0;

	ck_assert_int_eq(store_session_use(store, &row, &id, &err), 0);
	row.sandbox = "b";
	row.created_ms = row.used_ms = 2;
	ck_assert_int_eq(store_session_use(store, &row, &again, &err), 0);
	ck_assert(id > 0 && id == again);
	ck_assert_int_eq(store_session_used(store, "/c", row.key, 3, &err), 0);
	ck_assert_int_eq(store_session_used(store, "/d", row.key, 4, &err), 0);
	ck_assert_int_eq(store_session_used(store, "/c", "other", 4, &err), 0);
	reopen();
	ck_assert_int_eq(store_session_each(store, see_session, text, &err), 0);
	ck_assert_str_eq(text, "agent:main:x main b 1 3");
	ck_assert_int_eq(store_session_delete(store, "/c", "agent:main:x",
					      &err),
			 0);
	text[0] = '\0';
	ck_assert_int_eq(store_session_each(store, see_session, text, &err), 0);
	ck_assert_str_eq(text, "");
}
END_TEST

static void see_process(const struct store_process *row, void *arg)
{
	char *text = arg;

	(void)snprintf(text, 128, "%.16s %s %s %d %u %s %u %d %llu %llu %llu",
		       (const char *)row->token, row->session, row->command,
		       row->over, row->status, row->workdir, row->pid, row->tty,
		       (unsigned long long)row->keep,
		       (unsigned long long)row->cleanup_ms,
		       (unsigned long long)row->polled);
	(void)snprintf(text + strlen(text), 128 - strlen(text), " %d %d %s",
		       row->timed_out, row->killed, row->why);
}

START_TEST(test_store_process_and_its_end_are_kept)
{
	struct store_process row = { .token = "0123456789abcde",
				     .sandbox = 7, .session = "s",
				     .name = "", .command = "make", .spool = "",
				     .workdir = "/w", .pid = 8, .tty = true,
				     .keep = 1ULL << 40, .cleanup_ms = 30 };
	struct store_process end = { .token = "0123456789abcde",
				     .status = 3, .ended_ms = 9,
				     .timed_out = true, .why = "slow" };
	char text[128] = "";

	ck_assert_int_eq(store_process_insert(store, &row, &err), 0);
	ck_assert_int_eq(store_process_polled(store, row.token, 77, &err), 0);
	ck_assert_int_eq(store_process_over(store, &end, &err), 0);
	reopen();
	ck_assert_int_eq(store_process_each(store, see_process, text, &err), 0);
	ck_assert_str_eq(text, "0123456789abcde s make 1 3 /w 8 1 1099511627776 30 77 1 0 slow");
	ck_assert_int_eq(store_process_delete(store, row.token, &err), 0);
	text[0] = '\0';
	ck_assert_int_eq(store_process_each(store, see_process, text, &err), 0);
	ck_assert_str_eq(text, "");
}
END_TEST

static void see_folder(const char *path, void *arg)
{
	char *text = arg;

	(void)snprintf(text + strlen(text), 128 - strlen(text), "%s ", path);
}

START_TEST(test_store_folders_are_kept_until_they_are_gone)
{
	char text[128] = "";

	ck_assert_int_eq(store_folder_insert(store, "/a/one", &err), 0);
	ck_assert_int_eq(store_folder_insert(store, "/a/one", &err), 0);
	ck_assert_int_eq(store_folder_insert(store, "/a/two", &err), 0);
	reopen();
	ck_assert_int_eq(store_folder_delete(store, "/a/one", &err), 0);
	ck_assert_int_eq(store_folder_delete(store, "/none", &err), 0);
	ck_assert_int_eq(store_folder_each(store, see_folder, text, &err), 0);
	ck_assert_str_eq(text, "/a/two ");
}
END_TEST

START_TEST(test_store_rollback_and_commit_count_together)
{
	struct store_sandbox one = some_sandbox("a", "a");
	struct store_sandbox two = some_sandbox("b", "b");
	struct seen seen = { 0 };

	ck_assert_int_eq(store_begin(store, &err), 0);
	ck_assert_int_eq(store_sandbox_insert(store, &one, &err), 0);
	store_rollback(store);
	ck_assert_int_eq(store_begin(store, &err), 0);
	ck_assert_int_eq(store_sandbox_insert(store, &one, &err), 0);
	ck_assert_int_eq(store_sandbox_insert(store, &two, &err), 0);
	ck_assert_int_eq(store_commit(store, &err), 0);
	reopen();
	ck_assert_int_eq(store_sandbox_each(store, see_sandbox, &seen, &err),
			 0);
	ck_assert_uint_eq(seen.count, 2);
}
END_TEST

/* In another process: 0 it can be opened, else the error's code; the text. */
static int open_elsewhere(const char *runtime, char *text, size_t size)
{
	int status, fds[2];
	ssize_t got;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct err why = ERR_INIT;
		struct store *other = store_open(dir, runtime, &why);

		if (!other &&
		    write(fds[1], why.text, strlen(why.text)) < 0)
			_exit(99);
		store_close(other);
		_exit(other ? 0 : (int)why.code);
	}
	close(fds[1]);
	got = read(fds[0], text, size - 1);
	text[got > 0 ? got : 0] = '\0';
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(test_store_second_of_one_runtime_is_told_who_has_it)
{
	char text[200], pid[32];

	ck_assert_int_eq(open_elsewhere("/run/one", text, sizeof(text)),
			 ERR_BAD_STATE);
	(void)snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
	ck_assert_msg(strstr(text, pid) && strstr(text, file), "%s", text);
	store_close(store);
	store = NULL;
	ck_assert_int_eq(open_elsewhere("/run/one", text, sizeof(text)), 0);
}
END_TEST

START_TEST(test_store_other_runtime_shares_log_but_not_sandboxes)
{
	struct store_sandbox row = some_sandbox("agent:main:x", "box-1");
	struct seen seen = { 0 };
	int status;
	pid_t pid;

	ck_assert_int_eq(store_sandbox_insert(store, &row, &err), 0);
	pid = fork();
	if (pid == 0) {
		struct store *other = store_open(dir, "/run", &err);
		struct store_audit entry = { .tool = "exec", .time_ms = 5 };
		int64_t id;

		if (!other ||
		    store_sandbox_each(other, see_sandbox, &seen, &err) < 0 ||
		    seen.count != 0 ||
		    store_sandbox_insert(other, &row, &err) < 0 ||
		    store_audit_insert(other, &entry, &id, &err) < 0)
			_exit(1);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(store_sandbox_each(store, see_sandbox, &seen, &err),
			 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_int_eq(seen.last.id, row.id);
}
END_TEST

START_TEST(test_store_runtime_whose_directory_is_gone_is_forgotten)
{
	struct store_sandbox row = some_sandbox("agent:main:x", "box-1");
	char gone[96];
	sqlite3 *db;
	sqlite3_stmt *stmt;

	store_close(store);
	(void)snprintf(gone, sizeof(gone), "%s/none", dir);
	store = store_open(dir, gone, &err);
	ck_assert_ptr_nonnull(store);
	ck_assert_int_eq(store_sandbox_insert(store, &row, &err), 0);
	reopen();
	store_close(store);
	store = NULL;
	ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db,
					    "SELECT (SELECT count(*) FROM owner),"
					    " (SELECT count(*) FROM sandbox)",
					    -1, &stmt, NULL),
			 SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	ck_assert_int_eq(sqlite3_column_int(stmt, 0), 1);
	ck_assert_int_eq(sqlite3_column_int(stmt, 1), 0);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
}
END_TEST

/* Killed right after the file was made, or after its first page. */
START_TEST(test_store_file_that_was_only_begun_is_finished)
{
	static const char *const left[] = { "", "PRAGMA journal_mode = WAL" };
	struct store_sandbox row = some_sandbox("agent:main:x", "box-1");

	for (size_t i = 0; i < 2; i++) {
		int fd;

		store_close(store);
		remove_files();
		fd = open(file, O_WRONLY | O_CREAT, 0600);
		ck_assert_int_ge(fd, 0);
		close(fd);
		run_sql(left[i]);
		store = store_open(dir, "/run/one", &err);
		ck_assert_msg(store != NULL, "%s", err.text);
		ck_assert_int_eq(store_sandbox_insert(store, &row, &err), 0);
	}
}
END_TEST

/* The bytes of the file before and after an open that is refused. */
static void check_refused(enum err_code code, const char *want)
{
	static uint8_t before[1 << 20], after[1 << 20];
	int fd = open(file, O_RDONLY);
	ssize_t size = read(fd, before, sizeof(before));

	close(fd);
	ck_assert_ptr_null(store_open(dir, "/run/one", &err));
	ck_assert_int_eq(err.code, code);
	ck_assert_msg(strstr(err.text, want) && strstr(err.text, "creel.db"),
		      "%s", err.text);
	fd = open(file, O_RDONLY);
	ck_assert_int_eq(read(fd, after, sizeof(after)), size);
	close(fd);
	ck_assert_mem_eq(before, after, (size_t)size);
}

START_TEST(test_store_newer_version_is_refused_untouched)
{
	store_close(store);
	store = NULL;
	run_sql("PRAGMA user_version = 1000; CREATE TABLE future (x)");
	check_refused(ERR_UNSUPPORTED, "a newer creel");
}
END_TEST

/* The header in the file is old, the log beside it has the newer version. */
START_TEST(test_store_newer_version_in_the_log_is_refused_untouched)
{
	int status;
	pid_t pid;

	store_close(store);
	store = NULL;
	pid = fork();
	if (pid == 0) {
		sqlite3 *db;

		(void)sqlite3_open(file, &db);
		(void)sqlite3_exec(db, "PRAGMA user_version = 1000", NULL, NULL,
				   NULL);
		_exit(0); /* as if killed */
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	check_refused(ERR_UNSUPPORTED, "a newer creel");
}
END_TEST

START_TEST(test_store_database_of_another_program_is_refused_and_kept)
{
	store_close(store);
	store = NULL;
	run_sql("PRAGMA application_id = 77");
	check_refused(ERR_INTERNAL, "no database of creel's");
	forget_err();
	run_sql("PRAGMA application_id = 0; PRAGMA user_version = 0");
	check_refused(ERR_INTERNAL, "no database of creel's");
}
END_TEST

static void write_at(off_t at, const void *bytes, size_t len)
{
	int fd = open(file, O_WRONLY);

	ck_assert_int_eq(pwrite(fd, bytes, len, at), (ssize_t)len);
	close(fd);
}

START_TEST(test_store_file_that_is_no_database_is_refused_and_kept)
{
	store_close(store);
	store = NULL;
	write_at(0, "not a database at all", 21);
	check_refused(ERR_INTERNAL, "damaged");
	forget_err();
	ck_assert_int_eq(truncate(file, 50), 0);
	check_refused(ERR_INTERNAL, "damaged");
}
END_TEST

START_TEST(test_store_damaged_schema_is_refused_and_kept)
{
	uint8_t junk[512];

	memset(junk, 0xa5, sizeof(junk));
	store_close(store);
	store = NULL;
	write_at(100, junk, sizeof(junk));
	check_refused(ERR_INTERNAL, "damaged");
}
END_TEST

START_TEST(test_store_file_cut_short_is_refused_and_kept)
{
	store_close(store);
	store = NULL;
	ck_assert_int_eq(truncate(file, 8192), 0);
	check_refused(ERR_INTERNAL, "damaged");
}
END_TEST

/* Every page in turn, every open and read: an error or rows, never a crash. */
START_TEST(test_store_any_damaged_page_crashes_nothing)
{
	struct store_audit_filter all = { 0 };
	struct store_sandbox row = some_sandbox("agent:main:x", "box-1");
	static uint8_t copy[1 << 20];
	uint8_t junk[256];
	struct seen seen;
	ssize_t size;
	int fd;

	ck_assert_int_eq(store_sandbox_insert(store, &row, &err), 0);
	store_close(store);
	store = NULL;
	fd = open(file, O_RDONLY);
	size = read(fd, copy, sizeof(copy));
	close(fd);
	srandom(1);
	for (ssize_t at = 100; at < size; at += 997) {
		for (size_t i = 0; i < sizeof(junk); i++)
			junk[i] = (uint8_t)random();
		write_at(0, copy, (size_t)size);
		write_at(at, junk, sizeof(junk));
		forget_err();
		store = store_open(dir, "/run/one", &err);
		if (!store) {
			ck_assert_ptr_nonnull(strstr(err.text, "creel.db"));
			continue;
		}
		(void)store_sandbox_each(store, see_sandbox, &seen, &err);
		(void)store_audit_each(store, &all, NULL, NULL, &err);
		store_close(store);
		store = NULL;
	}
}
END_TEST

START_TEST(test_store_insane_rows_are_passed_over)
{
	struct seen seen = { 0 };
	char text[128] = "";

	store_close(store);
	store = NULL;
	run_sql("WITH big(x) AS (SELECT hex(zeroblob(5000)))"
		"INSERT INTO sandbox SELECT 1, 1, '', 'a', '', '', 'a', x'00',"
		" zeroblob(32), '', '', '', 0, x'', 0, 0, 0, 0;"
		"INSERT INTO sandbox SELECT 2, 1, '', hex(zeroblob(5000)), '',"
		" '', 'b', zeroblob(16), zeroblob(32), '', '', '', 0, x'', 0,"
		" 0, 0, 0;"
		"INSERT INTO sandbox VALUES (-9223372036854775808, 1, '', 'c',"
		" '', '', char(27) || 'c', zeroblob(16), zeroblob(32), '', '',"
		" '', -5, x'', 9e999, -1, -9223372036854775808, 0);"
		"INSERT INTO session VALUES (1, '', hex(zeroblob(5000)), '',"
		" '', '', 0, 0);"
		"INSERT INTO process VALUES (1, x'00', 0, '', '', '', '', 0,"
		" 0, 0, 0, '', 0, 0, 0, 0, 0, 0, 0, '')");
	reopen();
	ck_assert_int_eq(store_sandbox_each(store, see_sandbox, &seen, &err),
			 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_str_eq(seen.scope_key, "c");
	ck_assert(seen.last.idle_hours == 0 && seen.last.max_age_days == 0);
	ck_assert_int_eq(store_session_each(store, see_session, text, &err), 0);
	ck_assert_int_eq(store_process_each(store, see_process, text, &err), 0);
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(test_store_files_are_for_the_user_alone)
{
	static const char *const names[] = { "creel.db", "creel.db-wal",
					     "creel.db-shm", "creel.lock" };
	char path[128];
	struct stat st;

	(void)umask(0);
	store_close(store);
	remove_all();
	store = store_open(dir, "/run/one", &err);
	ck_assert_ptr_nonnull(store);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_uint_eq(st.st_mode & 07777, 0600);
	}
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	store_close(store);
	/* One that others could read is closed to them. */
	ck_assert_int_eq(chmod(file, 0644), 0);
	store = store_open(dir, "/run/one", &err);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(test_store_symlinks_and_open_directories_are_refused)
{
	char target[128];

	store_close(store);
	store = NULL;
	(void)snprintf(target, sizeof(target), "%s/creel.lock", dir);
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(symlink(target, file), 0);
	ck_assert_ptr_null(store_open(dir, "", &err));
	ck_assert_int_eq(err.code, ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(err.text, "no regular file"));
	forget_err();
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(chmod(dir, 0770), 0);
	ck_assert_ptr_null(store_open(dir, "", &err));
	ck_assert_int_eq(err.code, ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(err.text, "others can write"));
	ck_assert_int_eq(chmod(dir, 0700), 0);
}
END_TEST

START_TEST(test_store_busy_database_is_no_long_wait)
{
	struct store_sandbox row = some_sandbox("a", "a");
	char byte = 0;
	int fds[2], back[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(pipe(back), 0);
	pid = fork();
	if (pid == 0) {
		sqlite3 *db;

		(void)sqlite3_open(file, &db);
		(void)sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		(void)!write(fds[1], "x", 1);
		(void)!read(back[0], &byte, 1);
		_exit(0);
	}
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	ck_assert_int_eq(store_sandbox_insert(store, &row, &err), -1);
	ck_assert_int_eq(err.code, ERR_BAD_STATE);
	ck_assert_ptr_nonnull(strstr(err.text, "another process"));
	/* Reading goes on. */
	ck_assert_int_eq(store_sandbox_by_name(store, "a", see_sandbox, NULL,
					       &err),
			 0);
	ck_assert_int_eq(write(back[1], "x", 1), 1);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(store_sandbox_insert(store, &row, &err), 0);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(back[i]);
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("store");
	TCase *tcase = tcase_create("store");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_store_sandbox_is_read_as_it_was_written);
	tcase_add_test(tcase,
		       test_store_sandbox_name_or_scope_taken_is_refused);
	tcase_add_test(tcase, test_store_text_too_long_is_refused);
	tcase_add_test(tcase, test_store_session_used_again_is_one_row);
	tcase_add_test(tcase, test_store_process_and_its_end_are_kept);
	tcase_add_test(tcase, test_store_folders_are_kept_until_they_are_gone);
	tcase_add_test(tcase, test_store_rollback_and_commit_count_together);
	tcase_add_test(tcase,
		       test_store_second_of_one_runtime_is_told_who_has_it);
	tcase_add_test(tcase,
		       test_store_other_runtime_shares_log_but_not_sandboxes);
	tcase_add_test(tcase,
		       test_store_runtime_whose_directory_is_gone_is_forgotten);
	tcase_add_test(tcase, test_store_file_that_was_only_begun_is_finished);
	tcase_add_test(tcase, test_store_newer_version_is_refused_untouched);
	tcase_add_test(
		tcase,
		test_store_newer_version_in_the_log_is_refused_untouched);
	tcase_add_test(
		tcase,
		test_store_database_of_another_program_is_refused_and_kept);
	tcase_add_test(tcase,
		       test_store_file_that_is_no_database_is_refused_and_kept);
	tcase_add_test(tcase, test_store_damaged_schema_is_refused_and_kept);
	tcase_add_test(tcase, test_store_file_cut_short_is_refused_and_kept);
	tcase_add_test(tcase, test_store_any_damaged_page_crashes_nothing);
	tcase_add_test(tcase, test_store_insane_rows_are_passed_over);
	tcase_add_test(tcase, test_store_files_are_for_the_user_alone);
	tcase_add_test(tcase,
		       test_store_symlinks_and_open_directories_are_refused);
	tcase_add_test(tcase, test_store_busy_database_is_no_long_wait);
	suite_add_tcase(suite, tcase);
	return suite;
}
