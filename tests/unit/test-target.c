// SPDX-License-Identifier: Apache-2.0
/*
 * Mount targets are walked inside their root, whatever the links in it say, and
 * made only on mounts that are ours (SB-06).
 */
#include <config.h>

#include "helper/mount.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "proto/cleanup.h"
#include "tests/unit/runner.h"

static char top[64];
static struct hlp_root_dir root;
static struct err err;

static void link_in(const char *to, const char *name)
{
	ck_assert_int_eq(symlinkat(to, root.fd, name), 0);
}

static void setup(void)
{
	memcpy(top, "/tmp/creel-target-XXXXXX", 25);
	ck_assert_ptr_nonnull(mkdtemp(top));
	root = (struct hlp_root_dir){ .fd = -1 };
	err = (struct err)ERR_INIT;
	root.fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(mkdirat(root.fd, "outside", 0755), 0);
	ck_assert_int_eq(mkdirat(root.fd, "root", 0755), 0);
	fd_close(&root.fd);
	memcpy(top + 24, "/root", 6);
	root.fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(root.fd, 0);
	hlp_root_own(&root, root.fd);
	ck_assert_int_eq(mkdirat(root.fd, "run", 0755), 0);
	ck_assert_int_eq(mkdirat(root.fd, "var", 0755), 0);
	link_in("/run", "var/run");
	link_in("../../../../../outside", "up");
	link_in("/nowhere/at/all", "dangling");
	link_in("loop", "loop");
	link_in("/proc/self/root", "magic");
}

static void teardown(void)
{
	int status = -1;
	pid_t pid;

	fd_close(&root.fd);
	top[24] = '\0';
	pid = fork();
	if (pid == 0) {
		execl("/bin/rm", "rm", "-r", top, NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* Where the target is, below the root; "" where it is refused. */
static const char *walk(const char *path, bool directory, enum hlp_walk how)
{
	static char real[256];
	char link[32];
	auto_fd fd = hlp_target_open(&root, path, directory, how, &err);
	ssize_t len;

	if (fd < 0)
		return "";
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, real, sizeof(real) - 1);
	ck_assert_int_gt(len, 0);
	real[len] = '\0';
	ck_assert_msg(!strncmp(real, top, strlen(top)), "%s escaped to %s",
		      path, real);
	return real + strlen(top);
}

START_TEST(test_target_missing_parts_are_made) {
	struct stat st;

	ck_assert_str_eq(walk("/a/b/c", true, HLP_WALK_OWN), "/a/b/c");
	ck_assert_int_eq(fstatat(root.fd, "a/b/c", &st, 0), 0);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_str_eq(walk("/a/b/f", false, HLP_WALK_OWN), "/a/b/f");
	ck_assert_int_eq(fstatat(root.fd, "a/b/f", &st, 0), 0);
	ck_assert(S_ISREG(st.st_mode));
	ck_assert_int_eq(st.st_size, 0);
	/* What is there stays what it is. */
	ck_assert_str_eq(walk("/a/b/f", true, HLP_WALK_OWN), "/a/b/f");
}
END_TEST

START_TEST(test_target_links_stay_inside) {
	ck_assert_str_eq(walk("/var/run/x", true, HLP_WALK_IMAGE), "/run/x");
	ck_assert_str_eq(walk("/var/run", true, HLP_WALK_IMAGE), "/run");
	/* "../" ends at the root, where there is no such directory. */
	ck_assert_str_eq(walk("/up/x", true, HLP_WALK_IMAGE), "");
	ck_assert_int_eq(mkdirat(root.fd, "outside", 0755), 0);
	ck_assert_str_eq(walk("/up/x", true, HLP_WALK_IMAGE), "/outside/x");
}
END_TEST

START_TEST(test_target_own_follows_no_link) {
	ck_assert_str_eq(walk("/var/run", true, HLP_WALK_OWN), "");
	ck_assert_str_eq(walk("/var/run/x", true, HLP_WALK_OWN), "");
	ck_assert_str_eq(walk("/up", true, HLP_WALK_OWN), "");
	ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
}
END_TEST

START_TEST(test_target_dangling_loop_and_magic_refused) {
	ck_assert_str_eq(walk("/dangling", true, HLP_WALK_IMAGE), "");
	ck_assert_str_eq(walk("/dangling/x", false, HLP_WALK_IMAGE), "");
	ck_assert_str_eq(walk("/loop/x", true, HLP_WALK_IMAGE), "");
	ck_assert_str_eq(walk("/magic/x", true, HLP_WALK_IMAGE), "");
	ck_assert_int_eq(faccessat(root.fd, "nowhere", F_OK, 0), -1);
}
END_TEST

START_TEST(test_target_on_a_foreign_mount_is_not_made) {
	root.n_own = 0;
	ck_assert_str_eq(walk("/new", true, HLP_WALK_IMAGE), "");
	ck_assert_int_eq(err.sys, ENOENT);
	ck_assert_int_eq(faccessat(root.fd, "new", F_OK, 0), -1);
	ck_assert_str_eq(walk("/run", true, HLP_WALK_IMAGE), "/run");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("target");
	TCase *all = tcase_create("target");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, test_target_missing_parts_are_made);
	tcase_add_test(all, test_target_links_stay_inside);
	tcase_add_test(all, test_target_own_follows_no_link);
	tcase_add_test(all, test_target_dangling_loop_and_magic_refused);
	tcase_add_test(all, test_target_on_a_foreign_mount_is_not_made);
	suite_add_tcase(suite, all);
	return suite;
}
