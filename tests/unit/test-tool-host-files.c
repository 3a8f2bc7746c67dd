// SPDX-License-Identifier: Apache-2.0
/*
 * Files on the host: what is read, what is refused, and that changes happen
 * together or not at all.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "tests/unit/host-rig.h"
#include "tests/unit/runner.h"

static struct host_rig rig;

static void setup(void)
{
	host_rig_init(&rig, "agent:main:main");
	ck_assert_int_eq(chdir(rig.root), 0);
}

static void teardown(void)
{
	rig.call.confined = false;
	ck_assert_int_eq(chdir("/"), 0);
	host_rig_fini(&rig);
}

static const char *read_from(const char *path, uint64_t skip, uint64_t lines,
			     uint64_t bytes)
{
	host_rig_read(&rig, &(struct tool_read){ .path = path,
						 .skip_lines = skip,
						 .max_lines = lines,
						 .max_bytes = bytes });
	return rig.text;
}

static int sys_of(const char *path)
{
	(void)read_from(path, 0, 0, 100);
	return rig.file.sys;
}

static struct tool_change put(const char *path, const char *text)
{
	return (struct tool_change){ .kind = TOOL_CHANGE_PUT,
				     .path = path,
				     .expect = TOOL_EXPECT_ANY,
				     .bytes = text,
				     .len = strlen(text) };
}

static int commit(const struct tool_change *changes, size_t n)
{
	host_rig_commit(&rig, changes, n);
	return rig.commit.sys;
}

static int put_one(const char *path, const char *text)
{
	const struct tool_change change = put(path, text);

	return commit(&change, 1);
}

static bool holds(const char *name, const char *text)
{
	auto_free char *now = host_rig_slurp(&rig, name);

	return text ? now && strcmp(now, text) == 0 : now == NULL;
}

/* Temporary files are among them. */
static size_t count_names(void)
{
	DIR *dir = opendir(rig.root);
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2;
}

START_TEST(test_host_read_gives_the_lines_that_are_asked_for)
{
	host_rig_write(&rig, "a", "1\n2\n3\n4\nend");
	ck_assert_str_eq(read_from("a", 1, 2, 100), "2\n3\n");
	ck_assert_uint_eq(rig.file.skipped, 1);
	ck_assert_uint_eq(rig.file.lines, 2);
	ck_assert(rig.file.more);
	ck_assert_str_eq(read_from("a", 3, 0, 100), "4\nend");
	ck_assert_uint_eq(rig.file.lines, 2);
	ck_assert(!rig.file.more);
	ck_assert_str_eq(read_from("a", 0, 0, 3), "1\n2");
	ck_assert_uint_eq(rig.file.lines, 2);
	ck_assert(rig.file.more);
	ck_assert_str_eq(read_from("a", 77, 5, 100), "");
	ck_assert_uint_eq(rig.file.skipped, 4);
	ck_assert_uint_eq(rig.file.stamp.size, 11);
	host_rig_write(&rig, "empty", "");
	ck_assert_str_eq(read_from("empty", 0, 0, 100), "");
	ck_assert_int_eq(rig.file.sys, 0);
	ck_assert(!rig.file.more);
}
END_TEST

START_TEST(test_host_read_of_a_large_sparse_file_is_bounded)
{
	int fd = open("big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(ftruncate(fd, 10LL << 30), 0);
	(void)close(fd);
	(void)read_from("big", 0, 2000, 51200);
	ck_assert_int_eq(rig.file.sys, 0);
	ck_assert_uint_eq(rig.text_len, 51200);
	ck_assert(rig.file.more);
}
END_TEST

static void make_socket(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", name);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

START_TEST(test_host_read_of_what_is_no_file_is_refused_at_once)
{
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(mkdir("dir", 0700), 0);
	make_socket("socket");
	ck_assert_int_eq(symlink("fifo", "to-fifo"), 0);
	ck_assert_int_eq(symlink("nowhere", "dangling"), 0);
	ck_assert_int_eq(symlink("loop", "loop"), 0);
	ck_assert_int_eq(sys_of("fifo"), ENXIO);
	ck_assert_int_eq(sys_of("socket"), ENXIO);
	ck_assert_int_eq(sys_of("to-fifo"), ENXIO);
	ck_assert_int_eq(sys_of("/dev/zero"), ENXIO);
	ck_assert_int_eq(sys_of("dir"), EISDIR);
	ck_assert_int_eq(sys_of(""), EISDIR);
	ck_assert_int_eq(sys_of("none"), ENOENT);
	ck_assert_int_eq(sys_of("dangling"), ENOENT);
	ck_assert_int_eq(sys_of("loop"), ELOOP);
	ck_assert_int_eq(sys_of("fifo/x"), ENOTDIR);
	ck_assert_int_eq(put_one("fifo", "x"), ENXIO);
	ck_assert_int_eq(put_one("dir", "x"), EISDIR);
	ck_assert_int_eq(put_one("dir/.", "x"), EISDIR);
	ck_assert_int_eq(put_one("dangling", "x"), ELOOP);
	ck_assert_int_eq(put_one("/dev/null", "x"), ENXIO);
	ck_assert_uint_eq(count_names(), 6);
}
END_TEST

START_TEST(test_host_paths_follow_the_users_links)
{
	host_rig_write(&rig, "real", "old");
	ck_assert_int_eq(chmod("real", 0640), 0);
	ck_assert_int_eq(mkdir("dir", 0700), 0);
	ck_assert_int_eq(symlink("../real", "dir/link"), 0);
	ck_assert_str_eq(read_from("dir/link", 0, 0, 100), "old");
	ck_assert_int_eq(put_one("dir/link", "new"), 0);
	ck_assert(holds("real", "new"));
	ck_assert_int_eq(
		commit(&(struct tool_change){ .kind = TOOL_CHANGE_REMOVE,
					      .path = "dir/link",
					      .expect = TOOL_EXPECT_ANY },
		       1),
		ELOOP);
	{
		struct stat st;

		ck_assert_int_eq(lstat("dir/link", &st), 0);
		ck_assert(S_ISLNK(st.st_mode));
		ck_assert_int_eq(stat("real", &st), 0);
		ck_assert_uint_eq(st.st_mode & 07777, 0640);
	}
	{
		char path[128];

		(void)snprintf(path, sizeof(path), "%s/real", rig.root);
		ck_assert_str_eq(read_from(path, 0, 0, 100), "new");
	}
}
END_TEST

START_TEST(test_host_paths_of_a_confined_tool_leave_nothing)
{
	host_rig_write(&rig, "real", "text");
	ck_assert_int_eq(mkdir("dir", 0700), 0);
	ck_assert_int_eq(symlink("real", "link"), 0);
	ck_assert_int_eq(symlink("/etc", "etc"), 0);
	rig.call.confined = true;
	ck_assert_int_eq(sys_of("real"), 0);
	ck_assert_int_eq(sys_of("link"), ELOOP);
	ck_assert_int_eq(sys_of("etc/passwd"), ELOOP);
	ck_assert_int_eq(sys_of("../run"), EXDEV);
	ck_assert_int_eq(put_one("link", "x"), ELOOP);
	ck_assert_int_eq(put_one("etc/creel-x", "x"), ELOOP);
	ck_assert_int_eq(put_one("../x", "x"), EXDEV);
	ck_assert_int_eq(put_one("dir/x", "x"), 0);
	ck_assert(holds("dir/x", "x"));
	ck_assert(holds("real", "text"));
}
END_TEST

START_TEST(test_host_root_of_a_call_is_made_by_what_is_written)
{
	struct tool_change change = put("a/b", "x");
	char root[128];

	(void)snprintf(root, sizeof(root), "%s/data/files", rig.root);
	rig.call.root = root;
	rig.call.confined = true;
	ck_assert_int_eq(commit(&change, 1), ENOENT);
	change.parents = true;
	ck_assert_int_eq(commit(&change, 1), 0);
	rig.call.root = NULL;
	ck_assert(holds("data/files/a/b", "x"));
}
END_TEST

START_TEST(test_host_write_keeps_the_mode_and_leaves_hard_links)
{
	struct stat st;

	host_rig_write(&rig, "a", "old");
	ck_assert_int_eq(chmod("a", 0751), 0);
	ck_assert_int_eq(link("a", "b"), 0);
	ck_assert_int_eq(put_one("a", "new"), 0);
	ck_assert_int_eq(stat("a", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0751);
	ck_assert(holds("a", "new"));
	ck_assert(holds("b", "old"));
	/* Set-id bits are not for new bytes, nor for a new owner. */
	ck_assert_int_eq(chmod("a", 06751), 0);
	ck_assert_int_eq(put_one("a", "new"), 0);
	ck_assert_int_eq(stat("a", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0751);
	(void)umask(027);
	ck_assert_int_eq(put_one("c", "new"), 0);
	ck_assert_int_eq(stat("c", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(put_one("n\n\xff\xfe", "name"), 0);
	ck_assert(holds("n\n\xff\xfe", "name"));
	ck_assert_uint_eq(count_names(), 4);
}
END_TEST

START_TEST(test_host_write_by_root_leaves_a_file_its_owner)
{
	struct stat st;

	if (geteuid() != 0)
		return;
	host_rig_write(&rig, "a", "old");
	ck_assert_int_eq(chown("a", 4242, 4243), 0);
	ck_assert_int_eq(put_one("a", "new"), 0);
	ck_assert_int_eq(stat("a", &st), 0);
	ck_assert_uint_eq(st.st_uid, 4242);
	ck_assert_uint_eq(st.st_gid, 4243);
}
END_TEST

START_TEST(test_host_write_to_a_read_only_file_is_refused)
{
	if (geteuid() == 0)
		return;
	host_rig_write(&rig, "a", "old");
	ck_assert_int_eq(chmod("a", 0444), 0);
	ck_assert_int_eq(put_one("a", "new"), EACCES);
	ck_assert(holds("a", "old"));
	ck_assert_uint_eq(count_names(), 1);
}
END_TEST

START_TEST(test_host_expectations_that_do_not_hold_change_nothing)
{
	struct tool_change change = put("a", "new");

	host_rig_write(&rig, "a", "old");
	change.expect = TOOL_EXPECT_ABSENT;
	ck_assert_int_eq(commit(&change, 1), EEXIST);
	host_rig_stat(&rig, "a");
	change.expect = TOOL_EXPECT_SAME;
	change.stamp = rig.file.stamp;
	change.stamp.size++;
	ck_assert_int_eq(commit(&change, 1), ESTALE);
	change.stamp = rig.file.stamp;
	change.stamp.ctime_nsec--;
	ck_assert_int_eq(commit(&change, 1), ESTALE);
	ck_assert(holds("a", "old"));
	change.stamp = rig.file.stamp;
	ck_assert_int_eq(commit(&change, 1), 0);
	ck_assert(holds("a", "new"));
	ck_assert_int_eq(unlink("a"), 0);
	ck_assert_int_eq(commit(&change, 1), ESTALE);
	change.kind = TOOL_CHANGE_REMOVE;
	change.expect = TOOL_EXPECT_ANY;
	ck_assert_int_eq(commit(&change, 1), ENOENT);
	ck_assert_uint_eq(count_names(), 0);
}
END_TEST

START_TEST(test_host_changes_happen_together)
{
	struct tool_change changes[5] = { put("a", "new a"),
					  put("deep/er/b", "new b") };

	host_rig_write(&rig, "a", "old a");
	host_rig_write(&rig, "gone", "gone");
	changes[1].parents = true;
	changes[2] = (struct tool_change){ .kind = TOOL_CHANGE_REMOVE,
					   .path = "gone",
					   .expect = TOOL_EXPECT_ANY };
	changes[3] = (struct tool_change){ .kind = TOOL_CHANGE_MKDIR,
					   .path = "dir",
					   .expect = TOOL_EXPECT_ABSENT };
	changes[4] = put("dir/c", "new c");
	ck_assert_int_eq(commit(changes, 5), 0);
	ck_assert(holds("a", "new a"));
	ck_assert(holds("deep/er/b", "new b"));
	ck_assert(holds("gone", NULL));
	ck_assert(holds("dir/c", "new c"));
	ck_assert_uint_eq(count_names(), 3);
}
END_TEST

/* Each place of the one that fails, by what is looked at before and after. */
START_TEST(test_host_changes_all_fail_where_one_does)
{
	for (size_t bad = 0; bad < 5; bad++) {
		struct tool_change changes[5] = {
			put("a", "new a"),
			put("deep/er/b", "new b"),
			{ .kind = TOOL_CHANGE_REMOVE, .path = "gone",
			  .expect = TOOL_EXPECT_ANY },
			{ .kind = TOOL_CHANGE_MKDIR, .path = "dir",
			  .expect = TOOL_EXPECT_ABSENT },
			put("c", "new c"),
		};

		changes[1].parents = true;
		host_rig_write(&rig, "a", "old a");
		host_rig_write(&rig, "gone", "gone");
		host_rig_write(&rig, "there", "there");
		changes[bad].path = "there/x"; /* ENOTDIR */
		ck_assert_int_eq(commit(changes, 5), ENOTDIR);
		ck_assert_uint_eq(rig.commit.which, bad);
		ck_assert(holds("a", "old a"));
		ck_assert(holds("gone", "gone"));
		ck_assert_uint_eq(count_names(), 3);
	}
}
END_TEST

/* What only the exchange finds: two changes of one name. */
START_TEST(test_host_changes_are_exchanged_back)
{
	struct tool_change changes[4] = {
		put("a", "new a"),
		{ .kind = TOOL_CHANGE_REMOVE, .path = "gone",
		  .expect = TOOL_EXPECT_ANY },
		put("new", "one"),
		put("new", "two"),
	};

	host_rig_write(&rig, "a", "old a");
	host_rig_write(&rig, "gone", "gone");
	ck_assert_int_eq(commit(changes, 4), EEXIST);
	ck_assert_uint_eq(rig.commit.which, 3);
	ck_assert(holds("a", "old a"));
	ck_assert(holds("gone", "gone"));
	ck_assert(holds("new", NULL));
	ck_assert_uint_eq(count_names(), 2);
}
END_TEST

START_TEST(test_host_list_names_and_kinds)
{
	host_rig_write(&rig, "a", "");
	ck_assert_int_eq(mkdir("dir", 0700), 0);
	ck_assert_int_eq(symlink("a", "link"), 0);
	host_rig_list(&rig, "");
	ck_assert_ptr_nonnull(strstr(rig.text, "a:8 "));
	ck_assert_ptr_nonnull(strstr(rig.text, "dir:4 "));
	ck_assert_ptr_nonnull(strstr(rig.text, "link:10 "));
	host_rig_list(&rig, "a");
	ck_assert_int_eq(rig.file.sys, ENOTDIR);
}
END_TEST

static char *answer_of(void *arg, size_t *len)
{
	*len = *(size_t *)arg;
	return calloc(1, *len + 1);
}

static char *never(void *arg, size_t *len)
{
	const struct timespec pause = { .tv_sec = 1000 };

	*len = 0;
	(void)nanosleep(&pause, arg);
	return NULL;
}

static size_t computed;
static bool failed;

static void on_computed(struct tool_call *call, const char *bytes, size_t len)
{
	(void)call;
	computed = len;
	failed = bytes == NULL;
}

START_TEST(test_host_compute_answers_or_is_given_up)
{
	size_t len = 5000000;

	host_compute(&rig.call, answer_of, &len, 10000, on_computed);
	ck_assert(!failed);
	ck_assert_uint_eq(computed, len);
	host_compute(&rig.call, never, NULL, 100, on_computed);
	ck_assert(failed);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-host-files");
	TCase *tcase = tcase_create("files");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase,
		       test_host_read_gives_the_lines_that_are_asked_for);
	tcase_add_test(tcase,
		       test_host_read_of_a_large_sparse_file_is_bounded);
	tcase_add_test(tcase,
		       test_host_read_of_what_is_no_file_is_refused_at_once);
	tcase_add_test(tcase, test_host_paths_follow_the_users_links);
	tcase_add_test(tcase, test_host_paths_of_a_confined_tool_leave_nothing);
	tcase_add_test(tcase,
		       test_host_root_of_a_call_is_made_by_what_is_written);
	tcase_add_test(tcase,
		       test_host_write_keeps_the_mode_and_leaves_hard_links);
	tcase_add_test(tcase, test_host_write_by_root_leaves_a_file_its_owner);
	tcase_add_test(tcase, test_host_write_to_a_read_only_file_is_refused);
	tcase_add_test(tcase,
		       test_host_expectations_that_do_not_hold_change_nothing);
	tcase_add_test(tcase, test_host_changes_happen_together);
	tcase_add_test(tcase, test_host_changes_all_fail_where_one_does);
	tcase_add_test(tcase, test_host_changes_are_exchanged_back);
	tcase_add_test(tcase, test_host_list_names_and_kinds);
	tcase_add_test(tcase, test_host_compute_answers_or_is_given_up);
	suite_add_tcase(suite, tcase);
	return suite;
}
