// SPDX-License-Identifier: Apache-2.0
/*
 * What a user may take in all: of the policy, else of what the machine has. The
 * control group is a directory with files, so that every controller is there.
 */
#include <config.h>

#include "helper/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "tests/unit/runner.h"

#define ALICE 1001
#define MAX "max"

static const char *const files[] = { "memory.max", "memory.swap.max",
				     "pids.max", "cpu.max",
				     "cgroup.max.descendants" };
#define N_FILES (sizeof(files) / sizeof(files[0]))

static char top[64];
static struct hlp_policy policy;
static struct hlp_cgroup_tree tree;
static struct err err;

static void put(int dir_fd, const char *name)
{
	auto_fd fd = openat(dir_fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
}

/* Those of root and of alice. */
static void setup(void)
{
	static const char *const users[] = { "u-0", "u-1001" };

	(void)snprintf(top, sizeof(top), "/tmp/test-ceilings-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	tree = (struct hlp_cgroup_tree){ .leaf_fd = -1, .enter_fd = -1 };
	tree.fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < 2; i++) {
		auto_fd user_fd = hlp_cgroup_dir(tree.fd, users[i]);
		auto_fd helper_fd = hlp_cgroup_dir(user_fd, "helper");

		for (size_t j = 0; j < N_FILES; j++)
			put(user_fd, files[j]);
		put(helper_fd, "cgroup.procs");
	}
	hlp_policy_builtin(&policy, true, 0);
	err = (struct err)ERR_INIT;
}

static void teardown(void)
{
	static const char *const users[] = { "u-0", "u-1001" };

	for (size_t i = 0; i < 2; i++) {
		auto_fd user_fd = hlp_cgroup_dir(tree.fd, users[i]);

		for (size_t j = 0; j < N_FILES; j++)
			(void)unlinkat(user_fd, files[j], 0);
		(void)unlinkat(user_fd, "helper/cgroup.procs", 0);
		ck_assert_int_eq(unlinkat(user_fd, "helper", AT_REMOVEDIR), 0);
		ck_assert_int_eq(unlinkat(tree.fd, users[i], AT_REMOVEDIR), 0);
	}
	fd_close(&tree.fd);
	ck_assert_int_eq(rmdir(top), 0);
}

static int set(const char *text, uid_t user)
{
	char *copy = strdup(text);
	struct hlp_cgroup_tree out;
	int result;

	ck_assert_int_eq(hlp_policy_parse(&policy, "conf", copy, &err), 0);
	free(copy);
	result = hlp_cgroup_user(&tree, &policy, user, &out, &err);
	fd_close(&out.fd);
	return result;
}

static const char *said(const char *name)
{
	static char text[64];

	ck_assert_int_eq(hlp_cgroup_get(tree.fd, name, text, sizeof(text)), 0);
	return text;
}

static uint64_t number(const char *name)
{
	char *end;
	uint64_t n = strtoull(said(name), &end, 10);

	ck_assert_msg(*end == '\0', "%s: %s", name, said(name));
	return n;
}

/* The first number of a file. */
static uint64_t kernel_has(const char *file)
{
	char text[4096] = "";
	auto_fd fd = open(file, O_RDONLY | O_CLOEXEC);

	ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
	return strtoull(text + strcspn(text, "0123456789"), NULL, 10);
}

START_TEST(test_ceilings_of_a_user_leave_some_of_the_machine)
{
	uint64_t memory = kernel_has("/proc/meminfo") << 10;
	uint64_t pids = kernel_has("/proc/sys/kernel/pid_max");
	uint64_t threads = kernel_has("/proc/sys/kernel/threads-max");

	ck_assert_int_eq(set("allow 0 1001", ALICE), 0);
	ck_assert_uint_ge(number("u-1001/memory.max"), memory / 10 * 7);
	ck_assert_uint_le(number("u-1001/memory.max"), memory / 10 * 8);
	ck_assert_uint_eq(number("u-1001/pids.max"),
			  (pids < threads ? pids : threads) / 4);
	ck_assert_str_eq(said("u-1001/cpu.max"), MAX);
}
END_TEST

START_TEST(test_ceilings_root_has_none)
{
	ck_assert_int_eq(set("allow 0 1001", 0), 0);
	ck_assert_str_eq(said("u-0/memory.max"), MAX);
	ck_assert_str_eq(said("u-0/memory.swap.max"), MAX);
	ck_assert_str_eq(said("u-0/pids.max"), MAX);
	ck_assert_int_eq(set("user-pids 77", 0), 0);
	/* A file of the kernel's forgets what was there. */
	ck_assert_str_eq(said("u-0/pids.max"), "77x");
}
END_TEST

START_TEST(test_ceilings_none_is_none)
{
	ck_assert_int_eq(set("allow 1001\nuser-memory none\nuser-pids none\n"
			     "user-cpus none", ALICE), 0);
	ck_assert_str_eq(said("u-1001/memory.max"), MAX);
	ck_assert_str_eq(said("u-1001/memory.swap.max"), MAX);
	ck_assert_str_eq(said("u-1001/pids.max"), MAX);
	ck_assert_str_eq(said("u-1001/cpu.max"), MAX);
}
END_TEST

START_TEST(test_ceilings_of_the_policy_are_taken)
{
	ck_assert_int_eq(set("allow 1001\nuser-memory 2g\nuser-pids 500\n"
			     "user-cpus 2", ALICE), 0);
	ck_assert_uint_eq(number("u-1001/memory.max"), 2ULL << 30);
	ck_assert_uint_eq(number("u-1001/memory.swap.max"), 2ULL << 30);
	ck_assert_uint_eq(number("u-1001/pids.max"), 500);
	ck_assert_str_eq(said("u-1001/cpu.max"), "200000 100000");
}
END_TEST

/* What is asked for is kept or said; what nobody asked for is done without. */
START_TEST(test_ceilings_without_controllers)
{
	static const struct {
		const char *conf, *why;
	} rows[] = {
		{ "allow 1001", NULL },
		{ "allow 1001\nuser-memory none\nuser-pids none", NULL },
		{ "allow 1001\nuser-memory 2g", "controller memory" },
		{ "allow 1001\nuser-pids 500", "controller pids" },
		{ "allow 1001\nuser-cpus 2", "controller cpu" },
	};
	auto_fd fd = openat(tree.fd, "u-1001", O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(unlinkat(fd, files[i], 0), 0);
	ck_assert_int_eq(set(rows[_i].conf, ALICE), rows[_i].why ? -1 : 0);
	if (rows[_i].why)
		ck_assert_ptr_nonnull(strstr(err.text, rows[_i].why));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("ceilings");
	TCase *all = tcase_create("ceilings");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, test_ceilings_of_a_user_leave_some_of_the_machine);
	tcase_add_test(all, test_ceilings_root_has_none);
	tcase_add_test(all, test_ceilings_none_is_none);
	tcase_add_test(all, test_ceilings_of_the_policy_are_taken);
	tcase_add_loop_test(all, test_ceilings_without_controllers, 0, 5);
	suite_add_tcase(suite, all);
	return suite;
}
