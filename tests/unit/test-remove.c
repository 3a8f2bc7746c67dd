// SPDX-License-Identifier: Apache-2.0
/*
 * Trees of any depth and size go, what links in them lead to stays.
 */
#include <config.h>

#include "controller/core/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "tests/unit/runner.h"

#define DEPTH 3000

static char top[64];
static int top_fd = -1;

static void make_file(int dir_fd, const char *name)
{
	auto_fd fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
}

static int make_dir(int dir_fd, const char *name)
{
	int fd;

	ck_assert_int_eq(mkdirat(dir_fd, name, 0700), 0);
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void setup(void)
{
	memcpy(top, "/tmp/creel-remove-XXXXXX", 25);
	ck_assert_ptr_nonnull(mkdtemp(top));
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(top_fd, 0);
}

static void teardown(void)
{
	fd_close(&top_fd);
	ck_assert_int_eq(rmdir(top), 0);
}

static void remove_fully(void)
{
	enum ctl_removed result = CTL_REMOVED_PART;

	for (int i = 0; i < 20 && result == CTL_REMOVED_PART; i++) {
		unsigned int budget = 100000;

		result = ctl_remove_tree(top_fd, "tree", &budget);
	}
	ck_assert_int_eq(result, CTL_REMOVED_ALL);
	ck_assert_int_ne(faccessat(top_fd, "tree", F_OK, 0), 0);
}

START_TEST(test_remove_deep_tree_goes)
{
	int fd = make_dir(top_fd, "tree");
	int before = test_count_fds() - 1;

	for (int i = 0; i < DEPTH; i++) {
		int next = make_dir(fd, "d");

		make_file(fd, "f");
		fd_close(&fd);
		fd = next;
	}
	fd_close(&fd);
	remove_fully();
	ck_assert_int_eq(test_count_fds(), before);
}
END_TEST

START_TEST(test_remove_links_are_not_followed)
{
	auto_fd out_fd = make_dir(top_fd, "out");
	auto_fd tree_fd = make_dir(top_fd, "tree");

	make_file(out_fd, "kept");
	ck_assert_int_eq(symlinkat("../out", tree_fd, "dir"), 0);
	ck_assert_int_eq(symlinkat("../out/kept", tree_fd, "file"), 0);
	ck_assert_int_eq(symlinkat("tree", top_fd, "link"), 0);
	remove_fully();
	ck_assert_int_eq(faccessat(out_fd, "kept", F_OK, 0), 0);
	ck_assert_int_eq(unlinkat(out_fd, "kept", 0), 0);
	ck_assert_int_eq(unlinkat(top_fd, "out", AT_REMOVEDIR), 0);
	ck_assert_int_eq(unlinkat(top_fd, "link", 0), 0);
}
END_TEST

START_TEST(test_remove_of_a_link_fails)
{
	auto_fd out_fd = make_dir(top_fd, "out");
	unsigned int budget = 100;

	make_file(out_fd, "kept");
	ck_assert_int_eq(symlinkat("out", top_fd, "tree"), 0);
	ck_assert_int_eq(ctl_remove_tree(top_fd, "tree", &budget),
			 CTL_REMOVED_FAILED);
	ck_assert_int_eq(unlinkat(out_fd, "kept", 0), 0);
	ck_assert_int_eq(unlinkat(top_fd, "out", AT_REMOVEDIR), 0);
	ck_assert_int_eq(unlinkat(top_fd, "tree", 0), 0);
}
END_TEST

START_TEST(test_remove_closed_directories_are_opened)
{
	auto_fd tree_fd = make_dir(top_fd, "tree");
	auto_fd closed_fd = make_dir(tree_fd, "closed");

	make_file(closed_fd, "f");
	ck_assert_int_eq(fchmod(closed_fd, 0), 0);
	ck_assert_int_eq(fchmod(tree_fd, 0), 0);
	remove_fully();
}
END_TEST

START_TEST(test_remove_stops_at_its_budget)
{
	auto_fd tree_fd = make_dir(top_fd, "tree");
	unsigned int budget = 10;

	for (int i = 0; i < 30; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f%d", i);
		make_file(tree_fd, name);
	}
	ck_assert_int_eq(ctl_remove_tree(top_fd, "tree", &budget),
			 CTL_REMOVED_PART);
	ck_assert_uint_eq(budget, 0);
	remove_fully();
}
END_TEST

START_TEST(test_remove_of_nothing_is_done)
{
	unsigned int budget = 1;

	ck_assert_int_eq(ctl_remove_tree(top_fd, "tree", &budget),
			 CTL_REMOVED_ALL);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("remove");
	TCase *tc = tcase_create("remove");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_remove_deep_tree_goes);
	tcase_add_test(tc, test_remove_links_are_not_followed);
	tcase_add_test(tc, test_remove_of_a_link_fails);
	tcase_add_test(tc, test_remove_closed_directories_are_opened);
	tcase_add_test(tc, test_remove_stops_at_its_budget);
	tcase_add_test(tc, test_remove_of_nothing_is_done);
	suite_add_tcase(suite, tc);
	return suite;
}
