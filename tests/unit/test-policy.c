// SPDX-License-Identifier: Apache-2.0
/*
 * helper.conf: every key, every refusal with its line, and the file itself.
 */
#include <config.h>

#include "helper/policy.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/runner.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct hlp_policy policy;
static struct err err;

static int parse(const char *text)
{
	char *copy = strdup(text);
	int result;

	hlp_policy_builtin(&policy, true, 0);
	err = (struct err)ERR_INIT;
	result = hlp_policy_parse(&policy, "conf", copy, &err);
	free(copy);
	return result;
}

START_TEST(test_policy_builtin_is_safe)
{
	hlp_policy_builtin(&policy, true, 0);
	ck_assert_uint_ne(policy.uid, 0);
	ck_assert(!policy.host_network);
	ck_assert(hlp_policy_admits(&policy, 0));
	ck_assert(!hlp_policy_admits(&policy, 1000));
	ck_assert_uint_eq(policy.cap_keep & hlp_policy_cap_never(), 0);
	ck_assert_uint_ge(policy.n_blocks / policy.n_users,
			  policy.max_sandboxes + policy.pool);
	hlp_policy_builtin(&policy, false, 1000);
	ck_assert(hlp_policy_admits(&policy, 1000));
	ck_assert(!hlp_policy_admits(&policy, 0));
}
END_TEST

/* Overlapping would give one user what is left of another's sandboxes. */
START_TEST(test_policy_shares_are_one_users_each)
{
	static const uid_t users[] = { 0, 1000, 1001, 1002 };
	uint32_t n[4], first[4];

	ck_assert_int_eq(parse("range 0x10000000 9\nusers 2\n"
			       "allow 1000 0 1001 1002\n"), 0);
	for (size_t i = 0; i < 4; i++) {
		first[i] = hlp_policy_share(&policy, users[i], &n[i]);
		ck_assert_uint_eq(n[i], 2);
		ck_assert_uint_eq(first[i], 2 * i);
	}
	ck_assert_int_eq(parse("range 0x10000000 2\nusers 1\n"
			       "allow 1000 1001\n"), -1);
	ck_assert_int_eq(parse("range 0x10000000 9\nusers 3\nallow 1000\n"), 0);
	ck_assert_uint_eq(hlp_policy_share(&policy, 1000, n), 3);
	ck_assert_uint_eq(n[0], 3);
}
END_TEST

START_TEST(test_policy_every_key_is_read)
{
	ck_assert_int_eq(parse("# comment\n"
			       "\n"
			       "user 991 992\n"
			       "range 0x10000000 16\n"
			       "users\t4\n"
			       "allow 1000 1001\n"
			       "  allow 1002\n"
			       "map-caller no\n"
			       "host-network yes\n"
			       "cap-keep chown kill\n"
			       "max-sandboxes 20\n"
			       "max-memory 2g\n"
			       "max-pids 512\n"
			       "max-cpus 3\n"
			       "user-memory 8g\n"
			       "user-pids 5000\n"
			       "user-cpus 7\n"
			       "pool 0"), 0);
	ck_assert_uint_eq(policy.uid, 991);
	ck_assert_uint_eq(policy.gid, 992);
	ck_assert_uint_eq(policy.range_base, 0x10000000);
	ck_assert_uint_eq(policy.n_blocks, 16);
	ck_assert_uint_eq(policy.n_users, 4);
	ck_assert(hlp_policy_admits(&policy, 1000));
	ck_assert(hlp_policy_admits(&policy, 1002));
	ck_assert(!hlp_policy_admits(&policy, 0));
	ck_assert(!policy.map_caller);
	ck_assert(policy.host_network);
	ck_assert_uint_eq(policy.cap_keep, 1U << CAP_CHOWN | 1U << CAP_KILL);
	ck_assert_uint_eq(policy.max_sandboxes, 20);
	ck_assert_uint_eq(policy.max_memory, 2ULL << 30);
	ck_assert_uint_eq(policy.max_pids, 512);
	ck_assert_uint_eq(policy.max_cpus, 3);
	ck_assert_uint_eq(policy.user_memory, 8ULL << 30);
	ck_assert_uint_eq(policy.user_pids, 5000);
	ck_assert_uint_eq(policy.user_cpus, 7);
	ck_assert_uint_eq(policy.pool, 0);
	ck_assert_int_eq(parse("user-memory none\nuser-pids none\n"), 0);
	ck_assert_uint_eq(policy.user_memory, HLP_POLICY_NONE);
	ck_assert_uint_eq(policy.user_pids, (uint32_t)HLP_POLICY_NONE);
	ck_assert_uint_eq(policy.user_cpus, 0);
	ck_assert_int_eq(parse("cap-keep none\n"), 0);
	ck_assert_uint_eq(policy.cap_keep, 0);
}
END_TEST

/* One user's helper must not keep another's from being started. */
START_TEST(test_policy_users_default_to_all_that_are_admitted)
{
	ck_assert_int_eq(parse("allow 0 1 2 3 4 5 6\n"), 0);
	ck_assert_uint_eq(policy.n_users, 7);
	ck_assert_int_eq(parse("users 2\nallow 0 1 2 3 4 5 6\n"), 0);
	ck_assert_uint_eq(policy.n_users, 2);
	ck_assert_int_eq(parse("allow 1\n"), 0);
	ck_assert_uint_eq(policy.n_users, 3);
}
END_TEST

START_TEST(test_policy_account_is_nobody_elses)
{
	static const struct {
		const char *text;
		uint32_t uid, gid;
	} rows[] = {
		{ "root:x:0:0::/:\n_creel:x:996:995:c:/:/bin/false\n", 996, 995 },
		{ "root:x:0:0::/:\n", 7, 8 },
		{ "", 7, 8 },
		{ "a:x:17:1:\nb:x:1:77:\n", 7, 8 },
		{ "a:x:7:1:\n", 6, 6 },
		{ "a:x:7:6:\nb:x:5:1:\n", 4, 4 },
		{ "a:x:7:1:\n_creel:x:996:995:c:/:/bin/false\n", 996, 995 },
		{ "a:x:1:1:\n_creel:x:0:0::\n", 7, 8 },
		{ "a:x:1:1:\n_creel:x:996\n", 7, 8 },
		{ "a:x:1:1:\n_creel:x:996:0:\n", 7, 8 },
		{ "a:x:1:1:\n_creel:x:996:99", 7, 8 },
		{ "a:x:1:1:\n_creel:", 7, 8 },
		{ "a:x:1:1:\n_creel:x::996:1:", 7, 8 },
		{ "a:x:1:1:\n_creel:x:4294967295:9:", 7, 8 },
		{ "x_creel:x:996:995:\nb_creel:x:996:995:\n", 7, 8 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		policy.uid = 7;
		policy.gid = 8;
		hlp_policy_account(&policy, rows[i].text);
		ck_assert_uint_eq(policy.uid, rows[i].uid);
		ck_assert_uint_eq(policy.gid, rows[i].gid);
	}
}
END_TEST

START_TEST(test_policy_wrong_lines_are_refused)
{
	static const char *const wrong[] = {
		"usr 1 1",	       "User 1 1",
		"user",		       "user 1",
		"user 1 2 3",	       "user 0 1",
		"user 1 0",	       "user -1 1",
		"user 4294967295 1",   "user 18446744073709551617 1",
		"user name name",      "user 0x 1",
		"user 1x 1",	       "user +1 1",
		"range 65536",	       "range 1 1",
		"range 100000 1",      "range 0 1",
		"range 0xffff0000 1",  "range 0x10000 65535",
		"range 65536 0",       "users 0",
		"users 65",	       "allow",
		"allow root",	       "allow 4294967295",
		"map-caller maybe",    "map-caller",
		"host-network 1",      "host-network YES",
		"cap-keep sys_admin",  "cap-keep chown sys_ptrace",
		"cap-keep nonsense",   "cap-keep chown none",
		"cap-keep",	       "max-sandboxes 0",
		"max-sandboxes 4097",  "max-memory 1",
		"max-memory 1z",       "max-memory 99999999999999999999",
		"max-memory 9999999999g", "max-pids 0",
		"max-cpus 0.5",	       "max-cpus 1k",
		"user-memory 1",       "user-memory",
		"max-memory none",     "max-pids none",
		"user-memory None",    "user-pids none none",
		"user-pids 0",	       "user-cpus 0",
		"user-cpus 4097",      "user-pids 1 2",
		"pool 17",	       "pool 1\npool 1",
		"user 5 5\nuser 5 5",  "users 5\nrange 65536 4",
		"user 65536 1\nrange 65536 4",
		"user 5 5\nallow 4 5", "allow 65537\nrange 65536 4",
	};

	for (size_t i = 0; i < COUNT(wrong); i++) {
		ck_assert_msg(parse(wrong[i]) < 0, "'%s' was accepted",
			      wrong[i]);
		ck_assert_int_eq(strncmp(err.text, "conf", 4), 0);
	}
}
END_TEST

START_TEST(test_policy_error_names_the_line)
{
	ck_assert_int_lt(parse("pool 1\n# x\n\nfoo bar\n"), 0);
	ck_assert_str_eq(err.text, "conf:4: unknown key foo");
}
END_TEST

static char path[64];

static void write_file(const char *text)
{
	int fd;

	snprintf(path, sizeof(path), "/tmp/test-policy-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int read_file(const char *name)
{
	hlp_policy_builtin(&policy, true, 0);
	err = (struct err)ERR_INIT;
	return hlp_policy_read(&policy, name, &err);
}

START_TEST(test_policy_missing_file_changes_nothing)
{
	ck_assert_int_eq(read_file("/nonexistent/helper.conf"), 0);
	ck_assert_uint_eq(policy.uid, 990);
}
END_TEST

START_TEST(test_policy_file_of_others_is_refused)
{
	char other[80];

	write_file("pool 3\n");
	if (geteuid() != 0) {
		ck_assert_int_lt(read_file(path), 0);
		ck_assert_int_eq(err.code, ERR_DENIED);
		unlink(path);
		return;
	}
	ck_assert_int_eq(read_file(path), 0);
	ck_assert_uint_eq(policy.pool, 3);
	ck_assert_int_eq(chmod(path, 0620), 0);
	ck_assert_int_lt(read_file(path), 0);
	ck_assert_int_eq(chmod(path, 0602), 0);
	ck_assert_int_lt(read_file(path), 0);
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(chown(path, 1000, 0), 0);
	ck_assert_int_lt(read_file(path), 0);
	ck_assert_int_eq(chown(path, 0, 0), 0);
	snprintf(other, sizeof(other), "%s.link", path);
	ck_assert_int_eq(link(path, other), 0);
	ck_assert_int_lt(read_file(path), 0);
	unlink(other);
	ck_assert_int_eq(symlink(path, other), 0);
	ck_assert_int_lt(read_file(other), 0);
	unlink(other);
	ck_assert_int_eq(read_file(path), 0);
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_lt(read_file(path), 0);
	unlink(path);
	ck_assert_int_lt(read_file("/tmp"), 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("policy");
	TCase *tc = tcase_create("policy");

	tcase_add_test(tc, test_policy_builtin_is_safe);
	tcase_add_test(tc, test_policy_shares_are_one_users_each);
	tcase_add_test(tc, test_policy_every_key_is_read);
	tcase_add_test(tc, test_policy_users_default_to_all_that_are_admitted);
	tcase_add_test(tc, test_policy_account_is_nobody_elses);
	tcase_add_test(tc, test_policy_wrong_lines_are_refused);
	tcase_add_test(tc, test_policy_error_names_the_line);
	tcase_add_test(tc, test_policy_missing_file_changes_nothing);
	tcase_add_test(tc, test_policy_file_of_others_is_refused);
	suite_add_tcase(suite, tc);
	return suite;
}
