// SPDX-License-Identifier: Apache-2.0
/*
 * Paths that a person wrote, and the links on them.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/core/remove.h"
#include "controller/core/way.h"
#include "proto/cleanup.h"
#include "runner.h"

static char top[64];
static int top_fd;
static unsigned int asked;

/* The directory "box" is what a sandbox can write. */
static bool is_box(void *arg, int dir_fd)
{
	struct stat box, st;

	(void)arg;
	asked++;
	return fstatat(top_fd, "box", &box, 0) == 0 &&
	       fstat(dir_fd, &st) == 0 && st.st_ino == box.st_ino;
}

static void set_up(void)
{
	(void)snprintf(top, sizeof(top), "%s", "/tmp/creel-way-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(mkdirat(top_fd, "box", 0700), 0);
	ck_assert_int_eq(mkdirat(top_fd, "real", 0700), 0);
	ck_assert_int_eq(mkdirat(top_fd, "real/in", 0700), 0);
	asked = 0;
}

static void tear_down(void)
{
	unsigned int budget = UINT_MAX;

	(void)close(top_fd);
	(void)ctl_remove_tree(AT_FDCWD, top, &budget);
}

static void link_to(const char *target, const char *name)
{
	ck_assert_int_eq(symlinkat(target, top_fd, name), 0);
}

/* Is @name what @same is? */
static bool leads_to(struct ctl_way *way, const char *name, const char *same)
{
	char path[PATH_MAX];
	struct stat want, st;
	auto_fd fd = -1;

	way->is_written = is_box;
	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	fd = ctl_way_open(way, path);
	return fd >= 0 && fstat(fd, &st) == 0 &&
	       fstatat(top_fd, same, &want, 0) == 0 &&
	       st.st_ino == want.st_ino;
}

static bool fails(struct ctl_way *way, const char *name, int sys)
{
	errno = 0;
	return !leads_to(way, name, ".") && errno == sys && !way->why;
}

START_TEST(test_no_link_asks_nobody)
{
	struct ctl_way way = { .dir = true };

	ck_assert(leads_to(&way, "real/in", "real/in"));
	ck_assert(leads_to(&way, "box/..//real/./in/", "real/in"));
	ck_assert_uint_eq(asked, 0);
}
END_TEST

START_TEST(test_own_links_are_followed)
{
	struct ctl_way way = { .dir = true };
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/real", top);
	link_to("real", "relative");
	link_to(path, "absolute");
	link_to("relative/../absolute/", "both");
	ck_assert(leads_to(&way, "relative/in", "real/in"));
	ck_assert(leads_to(&way, "absolute/in", "real/in"));
	ck_assert(leads_to(&way, "both/in", "real/in"));
	ck_assert_uint_gt(asked, 0);
}
END_TEST

START_TEST(test_link_that_a_sandbox_could_have_made_is_not)
{
	struct ctl_way way = { .make = true };

	link_to("../real", "box/planted");
	link_to("box/planted", "own");
	ck_assert(!leads_to(&way, "box/planted/in", "real/in"));
	ck_assert_ptr_nonnull(way.why);
	ck_assert(!leads_to(&way, "own/in", "real/in"));
	ck_assert_ptr_nonnull(way.why);
	ck_assert(!leads_to(&way, "box/planted", "real"));
	ck_assert_ptr_nonnull(way.why);
	ck_assert(!leads_to(&way, "box/planted/new", "real"));
	ck_assert_int_ne(faccessat(top_fd, "real/new", F_OK, 0), 0);
	ck_assert(leads_to(&way, "box/other", "box/other"));
}
END_TEST

START_TEST(test_link_of_another_user_is_not)
{
	struct ctl_way way = { .dir = true };

	link_to("real", "theirs");
	if (geteuid() != 0 ||
	    fchownat(top_fd, "theirs", 61299, 61299, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	ck_assert(!leads_to(&way, "theirs/in", "real/in"));
	ck_assert_ptr_nonnull(way.why);
	ck_assert_uint_eq(asked, 0);
}
END_TEST

START_TEST(test_what_is_no_way_is_said_by_errno)
{
	struct ctl_way way = { .dir = true };
	char name[PATH_MAX + 300];

	link_to("loop2", "loop1");
	link_to("loop1", "loop2");
	link_to("nothing", "dangling");
	ck_assert(fails(&way, "loop1", ELOOP));
	ck_assert(fails(&way, "dangling/x", ENOENT));
	ck_assert(fails(&way, "missing", ENOENT));
	ck_assert_int_eq(mknodat(top_fd, "fifo", S_IFIFO | 0600, 0), 0);
	link_to("fifo", "to-fifo");
	ck_assert(fails(&way, "to-fifo", ENOTDIR));
	ck_assert(fails(&way, "to-fifo/x", ENOTDIR));
	link_to("real", "own");
	(void)snprintf(name, sizeof(name), "own/%0300d", 0);
	ck_assert(fails(&way, name, ENAMETOOLONG));
}
END_TEST

START_TEST(test_missing_directories_are_made_and_counted)
{
	struct ctl_way way = { .dir = true, .make = true };
	struct stat st;

	link_to("real", "own");
	ck_assert(leads_to(&way, "own/in/a/b/c", "real/in/a/b/c"));
	ck_assert_uint_eq(way.made, 3);
	ck_assert_int_eq(fstatat(top_fd, "real/in/a", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert(leads_to(&way, "own/in/a/b/c", "real/in/a/b/c"));
	ck_assert_uint_eq(way.made, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("way");
	TCase *tcase = tcase_create("way");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_no_link_asks_nobody);
	tcase_add_test(tcase, test_own_links_are_followed);
	tcase_add_test(tcase,
		       test_link_that_a_sandbox_could_have_made_is_not);
	tcase_add_test(tcase, test_link_of_another_user_is_not);
	tcase_add_test(tcase, test_what_is_no_way_is_said_by_errno);
	tcase_add_test(tcase, test_missing_directories_are_made_and_counted);
	suite_add_tcase(suite, tcase);
	return suite;
}
