// SPDX-License-Identifier: Apache-2.0
/*
 * A sandbox's cgroups below a directory of their own. Needs root and a cgroup2
 * file system; which controllers there are does not matter.
 */
#include <config.h>

#include "helper/cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "proto/cleanup.h"
#include "tests/unit/runner.h"

#define OWNER 31000

static const char *const roots[] = { "/sys/fs/cgroup/unified",
				     "/sys/fs/cgroup" };
static char path[96];
static int tree_fd = -1;
static struct hlp_cgroup cgroup;
static struct err err;

/* Own directory of the tree; false where this machine lets us have none. */
static bool make_tree(void)
{
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/creel-unit-%d", roots[i],
			       (int)getpid());
		if (mkdir(path, 0755) == 0) {
			(void)strncat(path, "/cgroup.procs", 20);
			if (access(path, W_OK) == 0) {
				path[strlen(path) - 13] = '\0';
				tree_fd = open(path, O_RDONLY | O_DIRECTORY);
				return tree_fd >= 0;
			}
			path[strlen(path) - 13] = '\0';
			(void)rmdir(path);
		}
	}
	return false;
}

static void setup(void)
{
	ck_assert(make_tree());
	hlp_cgroup_init(&cgroup);
	memcpy(cgroup.name, "b77", 4);
	err = (struct err)ERR_INIT;
}

static void teardown(void)
{
	hlp_cgroup_fini(&cgroup);
	fd_close(&tree_fd);
	ck_assert_msg(rmdir(path) == 0, "%s is not empty", path);
}

static bool is_there(const char *name)
{
	return faccessat(tree_fd, name, F_OK, 0) == 0;
}

static pid_t put_child(int dir_fd)
{
	char text[16];
	int closed[2];
	pid_t pid;

	ck_assert_int_eq(pipe2(closed, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		/* As a setup process does: the locks are not its own. */
		(void)close_range(3, ~0U, 0);
		for (;;)
			(void)pause();
	}
	close(closed[1]);
	ck_assert_int_eq(read(closed[0], text, 1), 0);
	close(closed[0]);
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	ck_assert_int_eq(hlp_cgroup_put(dir_fd, "cgroup.procs", text), 0);
	return pid;
}

START_TEST(test_cgroup_made_and_removed_with_children) {
	ck_assert_int_eq(hlp_cgroup_make(tree_fd, "", &cgroup, &err), 0);
	ck_assert(is_there("b77/p"));
	ck_assert_int_eq(mkdirat(cgroup.inner_fd, "exec-1", 0755), 0);
	ck_assert_int_eq(mkdirat(cgroup.inner_fd, "init", 0755), 0);
	ck_assert_int_eq(hlp_cgroup_remove(tree_fd, &cgroup), 0);
	ck_assert(!is_there("b77"));
	/* Again: nothing to remove is no failure. */
	ck_assert_int_eq(hlp_cgroup_remove(tree_fd, &cgroup), 0);
}
END_TEST

START_TEST(test_cgroup_with_a_process_stays_until_it_is_killed) {
	pid_t pid;

	ck_assert_int_eq(hlp_cgroup_make(tree_fd, "", &cgroup, &err), 0);
	pid = put_child(cgroup.inner_fd);
	ck_assert_int_eq(hlp_cgroup_remove(tree_fd, &cgroup), -1);
	ck_assert(is_there("b77/p"));
	hlp_cgroup_kill(&cgroup);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(hlp_cgroup_remove(tree_fd, &cgroup), 0);
}
END_TEST

static bool is_frozen(void)
{
	char text[64] = "";

	(void)hlp_cgroup_get(cgroup.outer_fd, "cgroup.events", text,
			     sizeof(text));
	return strstr(text, "frozen 1") != NULL;
}

static bool becomes_frozen(bool on)
{
	for (int i = 0; i < 500 && is_frozen() != on; i++)
		(void)poll(NULL, 0, 10);
	return is_frozen() == on;
}

START_TEST(test_cgroup_frozen_is_killed_and_thawed) {
	pid_t pid;

	ck_assert_int_eq(hlp_cgroup_make(tree_fd, "", &cgroup, &err), 0);
	pid = put_child(cgroup.inner_fd);
	hlp_cgroup_freeze(&cgroup, true);
	ck_assert(becomes_frozen(true));
	hlp_cgroup_freeze(&cgroup, false);
	ck_assert(becomes_frozen(false));
	hlp_cgroup_freeze(&cgroup, true);
	ck_assert(becomes_frozen(true));
	hlp_cgroup_kill(&cgroup);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	/* What comes into it afterwards runs. */
	ck_assert(becomes_frozen(false));
	for (int i = 0; i < 500 && hlp_cgroup_remove(tree_fd, &cgroup); i++)
		(void)poll(NULL, 0, 10);
	ck_assert(!is_there("b77"));
}
END_TEST

START_TEST(test_cgroup_left_over_is_ended_first) {
	struct hlp_cgroup old = cgroup;
	int status;
	pid_t pid;

	ck_assert_int_eq(hlp_cgroup_make(tree_fd, "", &old, &err), 0);
	pid = put_child(old.inner_fd);
	hlp_cgroup_fini(&old);
	/* A child that nobody reaps would hold the directory for long. */
	ck_assert_ptr_ne(signal(SIGCHLD, SIG_IGN), SIG_ERR);
	ck_assert_msg(hlp_cgroup_make(tree_fd, "", &cgroup, &err) == 0, "%s",
		      err.text);
	ck_assert_int_eq(waitpid(pid, &status, 0), -1);
	ck_assert_int_eq(hlp_cgroup_remove(tree_fd, &cgroup), 0);
}
END_TEST

START_TEST(test_cgroup_of_a_living_spawner_is_not_taken) {
	char lease[] = "/tmp/creel-lease-XXXXXX";
	auto_fd lease_fd = mkstemp(lease);
	struct hlp_cgroup other = cgroup;
	pid_t pid;

	ck_assert_int_eq(hlp_cgroup_make(tree_fd, "", &other, &err), 0);
	pid = put_child(other.inner_fd);
	ck_assert(hlp_cgroup_busy(tree_fd, 77));
	ck_assert(!hlp_cgroup_busy(tree_fd, 78));
	ck_assert(!hlp_cgroup_busy(-1, 77));
	/* Leases of another file do not tell. */
	hlp_cgroup_sweep(tree_fd, lease_fd);
	ck_assert_int_eq(hlp_cgroup_make(tree_fd, "", &cgroup, &err), -1);
	ck_assert_str_eq(cgroup.name, "");
	ck_assert_int_eq(kill(pid, 0), 0);
	ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
	ck_assert(is_there("b77/p"));
	hlp_cgroup_kill(&other);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	hlp_cgroup_fini(&other);
	ck_assert(!hlp_cgroup_busy(tree_fd, 77));
	hlp_cgroup_sweep(tree_fd, lease_fd);
	ck_assert(!is_there("b77"));
	(void)unlink(lease);
}
END_TEST

START_TEST(test_cgroup_cannot_be_locked_by_others) {
	int status;
	pid_t pid;

	ck_assert_int_eq(hlp_cgroup_make(tree_fd, "", &cgroup, &err), 0);
	pid = fork();
	if (pid == 0) {
		if (setresuid(OWNER, OWNER, OWNER) < 0)
			_exit(2);
		/* Control: its files are not what is hidden. */
		if (faccessat(tree_fd, "b77/cgroup.events", R_OK, 0) < 0)
			_exit(3);
		_exit(openat(tree_fd, "b77", O_RDONLY) >= 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(hlp_cgroup_remove(tree_fd, &cgroup), 0);
}
END_TEST

START_TEST(test_cgroup_limit_without_controller_names_it) {
	ck_assert_int_eq(hlp_cgroup_limit(&cgroup, HLP_LIMIT_PIDS_MAX, 5, &err),
			 -1);
	ck_assert_int_eq(err.code, ERR_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(err.text, "pids"));
	ck_assert_int_eq(hlp_cgroup_make(tree_fd, "", &cgroup, &err), 0);
	ck_assert_int_eq(
		hlp_cgroup_limit(&cgroup, HLP_LIMIT_CPU_MAX, 5000, &err), -1);
	ck_assert_int_eq(err.code, ERR_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(err.text, "controller cpu"));
	ck_assert_int_eq(hlp_cgroup_remove(tree_fd, &cgroup), 0);
}
END_TEST

START_TEST(test_cgroup_delegated_but_for_the_limits) {
	struct stat st;

	ck_assert_int_eq(hlp_cgroup_make(tree_fd, "", &cgroup, &err), 0);
	ck_assert_int_eq(hlp_cgroup_delegate(&cgroup, OWNER, OWNER, _i, &err),
			 0);
	ck_assert_int_eq(fstatat(tree_fd, "b77/p/cgroup.procs", &st, 0), 0);
	ck_assert_uint_eq(st.st_uid, _i ? 0 : OWNER);
	ck_assert_uint_eq(st.st_gid, OWNER);
	ck_assert_int_eq(st.st_mode & 022, _i ? 020 : 0);
	ck_assert_int_eq(fstatat(tree_fd, "b77/p", &st, 0), 0);
	ck_assert_uint_eq(st.st_gid, OWNER);
	ck_assert_int_eq(fstatat(tree_fd, "b77/cgroup.procs", &st, 0), 0);
	ck_assert_uint_eq(st.st_uid, 0);
	ck_assert_uint_eq(st.st_gid, 0);
	ck_assert_int_eq(hlp_cgroup_remove(tree_fd, &cgroup), 0);
}
END_TEST

static void make_named(const char *name)
{
	struct hlp_cgroup made;

	hlp_cgroup_init(&made);
	(void)snprintf(made.name, sizeof(made.name), "%s", name);
	ck_assert_int_eq(hlp_cgroup_make(tree_fd, "", &made, &err), 0);
	hlp_cgroup_fini(&made);
}

START_TEST(test_cgroup_sweep_spares_the_living) {
	char lease[] = "/tmp/creel-lease-XXXXXX", live[32], dead[32];
	auto_fd ours_fd = mkstemp(lease);
	auto_fd theirs_fd = open(lease, O_RDWR | O_CLOEXEC);
	pid_t gone = fork();

	if (gone == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(gone, NULL, 0), gone);
	(void)snprintf(live, sizeof(live), "s%d-1", (int)getpid());
	(void)snprintf(dead, sizeof(dead), "s%d-1", (int)gone);
	make_named(live);
	make_named(dead);
	make_named("b5");
	make_named("b6");
	make_named("u-1000");
	ck_assert_int_eq(hlp_block_lock(theirs_fd, 5, F_WRLCK), 0);
	hlp_cgroup_sweep(tree_fd, ours_fd);
	ck_assert(is_there(live));
	ck_assert(!is_there(dead));
	ck_assert(is_there("b5"));
	ck_assert(!is_there("b6"));
	ck_assert(is_there("u-1000"));
	/* The lock of what was swept is free again. */
	ck_assert_int_eq(hlp_block_lock(theirs_fd, 6, F_WRLCK), 0);
	ck_assert_int_eq(hlp_block_lock(theirs_fd, 5, F_UNLCK), 0);
	hlp_cgroup_sweep(tree_fd, ours_fd);
	ck_assert(!is_there("b5"));
	for (int i = 0; i < 2; i++) {
		(void)snprintf(cgroup.name, sizeof(cgroup.name), "%s",
			       i ? "u-1000" : live);
		cgroup.outer_fd =
			openat(tree_fd, cgroup.name, O_RDONLY | O_DIRECTORY);
		ck_assert_int_eq(hlp_cgroup_remove(tree_fd, &cgroup), 0);
	}
	(void)unlink(lease);
}
END_TEST

START_TEST(test_cgroup_absent_here) {
	/* Not root, or no cgroup2 that root may write. */
	ck_assert(geteuid() != 0 || tree_fd < 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("cgroup");
	TCase *all = tcase_create("cgroup");

	if (geteuid() == 0 && make_tree()) {
		fd_close(&tree_fd);
		(void)rmdir(path);
		tcase_add_checked_fixture(all, setup, teardown);
		tcase_add_test(all, test_cgroup_made_and_removed_with_children);
		tcase_add_test(
			all,
			test_cgroup_with_a_process_stays_until_it_is_killed);
		tcase_add_test(all, test_cgroup_frozen_is_killed_and_thawed);
		tcase_add_test(all, test_cgroup_left_over_is_ended_first);
		tcase_add_test(all,
			       test_cgroup_of_a_living_spawner_is_not_taken);
		tcase_add_test(all, test_cgroup_cannot_be_locked_by_others);
		tcase_add_test(all,
			       test_cgroup_limit_without_controller_names_it);
		tcase_add_loop_test(
			all, test_cgroup_delegated_but_for_the_limits, 0, 2);
		tcase_add_test(all, test_cgroup_sweep_spares_the_living);
	} else {
		tcase_add_test(all, test_cgroup_absent_here);
	}
	suite_add_tcase(suite, all);
	return suite;
}
