// SPDX-License-Identifier: Apache-2.0
/*
 * Seccomp profiles in Docker's format: what they become, and what bounds them.
 * Two profiles are the same where their programs are.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#include "controller/filter/profile.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

#define BIT(cap) (UINT64_C(1) << (cap))
#define ALLOW "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["
#define DENY(name) \
	"{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_ERRNO\"}"

static int compile(const char *text, uint64_t caps, struct flt_program *out,
		   struct err *err)
{
	*err = (struct err)ERR_INIT;
	return flt_compile(text, strlen(text), caps, out, err);
}

static void expect_same(const char *one, const char *other, uint64_t caps,
			bool same)
{
	struct flt_program a, b;
	struct err err;

	ck_assert_msg(compile(one, caps, &a, &err) == 0, "%s", err.text);
	ck_assert_msg(compile(other, caps, &b, &err) == 0, "%s", err.text);
	ck_assert_msg((a.len == b.len && !memcmp(a.bytes, b.bytes, a.len)) ==
			      same,
		      "%s", one);
	flt_program_fini(&a);
	flt_program_fini(&b);
}

#define RULE(more) \
	ALLOW "{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\"" more "}]}"
#define PLAIN ALLOW DENY("mkdir") "]}"
#define NOTHING ALLOW "]}"

static const struct {
	const char *text;
	uint64_t caps;
	bool holds;
} conditions[] = {
	{ RULE(""), 0, true },
	{ RULE(",\"includes\":{},\"excludes\":{}"), 0, true },
	{ RULE(",\"includes\":{\"caps\":[]}"), 0, true },
	{ RULE(",\"includes\":{\"caps\":[\"CAP_CHOWN\"]}"), 0, false },
	{ RULE(",\"includes\":{\"caps\":[\"CAP_CHOWN\"]}"), 1, true },
	{ RULE(",\"includes\":{\"caps\":[\"CAP_CHOWN\",\"CAP_KILL\"]}"), 1,
	  false },
	{ RULE(",\"includes\":{\"caps\":[\"CAP_NONSENSE\"]}"), ~UINT64_C(0),
	  false },
	{ RULE(",\"excludes\":{\"caps\":[\"CAP_CHOWN\"]}"), 0, true },
	{ RULE(",\"excludes\":{\"caps\":[\"CAP_CHOWN\"]}"), 1, false },
	{ RULE(",\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}"),
	  BIT(CAP_CHOWN), true },
	{ RULE(",\"includes\":{\"arches\":[\"nosuch\"]}"), 0, false },
	{ RULE(",\"includes\":{\"arches\":[\"amd64\",\"arm64\",\"riscv64\","
	       "\"s390x\",\"ppc64le\",\"other\"]}"), 0, true },
	{ RULE(",\"excludes\":{\"arches\":[\"nosuch\"]}"), 0, true },
	{ RULE(",\"excludes\":{\"arches\":[\"amd64\",\"arm64\",\"riscv64\","
	       "\"s390x\",\"ppc64le\",\"other\"]}"), 0, false },
	{ RULE(",\"includes\":{\"minKernel\":\"4.8\"}"), 0, true },
	{ RULE(",\"includes\":{\"minKernel\":\"99.0\"}"), 0, false },
	{ RULE(",\"excludes\":{\"minKernel\":\"4.8\"}"), 0, false },
	{ RULE(",\"excludes\":{\"minKernel\":\"99.0\"}"), 0, true },
};

START_TEST(test_profile_conditions_are_as_docker_reads_them)
{
	expect_same(conditions[_i].text,
		    conditions[_i].holds ? PLAIN : NOTHING,
		    conditions[_i].caps, true);
}
END_TEST

START_TEST(test_profile_errno_default_and_given)
{
	expect_same(RULE(""), RULE(",\"errnoRet\":1"), 0, true);
	expect_same(RULE(""), RULE(",\"errnoRet\":null"), 0, true);
	expect_same(RULE(""), RULE(",\"errnoRet\":38"), 0, false);
	expect_same("{\"defaultAction\":\"SCMP_ACT_ERRNO\"}",
		    "{\"defaultAction\":\"SCMP_ACT_ERRNO\","
		    "\"defaultErrnoRet\":1}", 0, true);
	expect_same("{\"defaultAction\":\"SCMP_ACT_ERRNO\"}",
		    "{\"defaultAction\":\"SCMP_ACT_ERRNO\","
		    "\"defaultErrnoRet\":38}", 0, false);
	/* The old form of a rule. */
	expect_same(PLAIN, ALLOW "{\"name\":\"mkdir\",\"action\":"
			   "\"SCMP_ACT_ERRNO\"}]}", 0, true);
}
END_TEST

/* Any of several values of one argument, as runc has it. */
START_TEST(test_profile_same_argument_twice_is_either)
{
#define EQ(n) "{\"index\":0,\"value\":" n ",\"op\":\"SCMP_CMP_EQ\"}"
	expect_same(RULE(",\"args\":[" EQ("3") "," EQ("4") "]"),
		    ALLOW "{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\","
		    "\"args\":[" EQ("3") "]},{\"names\":[\"mkdir\"],"
		    "\"action\":\"SCMP_ACT_ERRNO\",\"args\":[" EQ("4") "]}]}",
		    0, true);
	expect_same(RULE(",\"args\":[" EQ("3") "]"), PLAIN, 0, false);
}
END_TEST

START_TEST(test_profile_names_newer_than_the_library_count)
{
	struct flt_program out;
	struct err err;

	expect_same(ALLOW DENY("mseal") "]}", NOTHING, 0, false);
	ck_assert_int_eq(flt_syscall_number("listns"), 470);
	ck_assert_int_eq(compile(ALLOW DENY("mseal") "]}", 0, &out, &err), 0);
	ck_assert_uint_eq(out.n_unknown, 0);
	flt_program_fini(&out);
}
END_TEST

START_TEST(test_profile_unknown_names_are_told_and_harmless)
{
	struct flt_program out;
	struct err err;

	expect_same(ALLOW DENY("mkdir") "," DENY("mkdirr") "]}", PLAIN, 0,
		    true);
	ck_assert_int_eq(compile(ALLOW DENY("mkdirr") "," DENY("\\u001b[2J")
				 "]}", 0, &out, &err), 0);
	ck_assert_uint_eq(out.n_unknown, 2);
	ck_assert_str_eq(out.unknown, "mkdirr, ?[2J");
	flt_program_fini(&out);
	flt_program_fini(&out);
}
END_TEST

static const struct {
	const char *text;
	const char *part;
} bad[] = {
	{ "", "line 1" },
	{ "{", "line 1" },
	{ "[]", "no object" },
	{ "{}", "defaultAction: missing" },
	{ "{\"defaultAction\":7}", "defaultAction" },
	{ "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "SCMP_ACT_NOTIFY" },
	{ "{\"defaultAction\":\"\\u001b]0;x\"}", "?]0;x" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":{}}", "list" },
	{ ALLOW "7]}", "syscalls[0]: not an object" },
	{ ALLOW "{\"action\":\"SCMP_ACT_ALLOW\"}]}", "names: missing" },
	{ ALLOW "{\"names\":[1],\"action\":\"SCMP_ACT_KILL\"}]}", "string" },
	{ RULE(",\"errnoRet\":4096"), "errnoRet" },
	{ RULE(",\"errnoRet\":-1"), "errnoRet" },
	{ RULE(",\"args\":[{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]"),
	  "argument" },
	{ RULE(",\"args\":[{\"index\":0,\"value\":1,\"op\":\"EQ\"}]"),
	  "operator" },
	{ RULE(",\"args\":[{\"index\":\"0\"}]"), "index" },
	{ RULE(",\"args\":[7,7,7,7,7,7,7]"), "more than 6" },
};

START_TEST(test_profile_mistakes_are_named)
{
	struct flt_program out;
	struct err err;

	ck_assert_int_eq(compile(bad[_i].text, 0, &out, &err), -1);
	ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
	ck_assert_msg(strstr(err.text, bad[_i].part) != NULL, "%s", err.text);
	ck_assert_ptr_null(strchr(err.text, '\x1b'));
	flt_program_fini(&out);
}
END_TEST

/* @n times what @each makes of a number, as one profile; owned. */
static char *many(size_t n, void (*each)(FILE *file, size_t i))
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(file);
	(void)fputs(ALLOW, file);
	for (size_t i = 0; i < n; i++) {
		(void)fputs(i ? "," : "", file);
		each(file, i);
	}
	(void)fputs("]}", file);
	ck_assert_int_eq(fclose(file), 0);
	return text;
}

static void plain_rule(FILE *file, size_t i)
{
	(void)i;
	(void)fputs("{\"name\":\"mkdir\",\"action\":\"SCMP_ACT_LOG\"}", file);
}

static void six_arguments(FILE *file, size_t i)
{
	(void)fputs("{\"name\":\"ioctl\",\"action\":\"SCMP_ACT_LOG\","
		    "\"args\":[", file);
	for (int arg = 0; arg < 6; arg++)
		(void)fprintf(file,
			      "%s{\"index\":%d,\"value\":%zu,\"op\":\"SCMP_CMP_EQ\"}",
			      arg ? "," : "", arg, i * 7919 + 1);
	(void)fputs("]}", file);
}

static void one_argument(FILE *file, size_t i)
{
	(void)fprintf(file,
		      "{\"name\":\"ioctl\",\"action\":\"SCMP_ACT_LOG\",\"args\":"
		      "[{\"index\":1,\"value\":%zu,\"op\":\"SCMP_CMP_EQ\"}]}",
		      i * 7919 + 1);
}

static const struct {
	size_t n;
	void (*each)(FILE *file, size_t i);
	const char *part; /* NULL: it is taken */
} loads[] = {
	{ 4096, plain_rule, NULL },
	{ 4097, plain_rule, "more than 4096 rules" },
	{ 100000, plain_rule, "larger than 1 MiB" },
	{ 20000, plain_rule, "rules" },
	{ 2000, one_argument, NULL },
	{ 4000, one_argument, "instructions" },
	{ 1500, six_arguments, "instructions" },
};

/* What the library gets to do is bounded, whatever there is in a profile. */
START_TEST(test_profile_large_ones_are_bounded_in_time)
{
	auto_free char *text = many(loads[_i].n, loads[_i].each);
	struct timespec from, to;
	struct flt_program out;
	struct err err;
	int ret;

	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	ret = compile(text, 0, &out, &err);
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	ck_assert_int_lt((int)(to.tv_sec - from.tv_sec), 3);
	if (loads[_i].part) {
		ck_assert_int_eq(ret, -1);
		ck_assert_int_eq(err.code, ERR_LIMIT);
		ck_assert_msg(strstr(err.text, loads[_i].part) != NULL, "%s",
			      err.text);
	} else {
		ck_assert_msg(ret == 0, "%s", err.text);
		ck_assert_uint_le(out.len, FLT_MAX_INSNS * 8);
	}
	flt_program_fini(&out);
}
END_TEST

START_TEST(test_profile_like_dockers_is_taken)
{
	const char *top = getenv("top_srcdir");
	auto_free char *path = NULL;
	struct flt_program none, most;
	struct err err = ERR_INIT;
	auto_fd fd = -1;

	ck_assert_int_gt(asprintf(&path,
				  "%s/tests/integration/seccomp-docker.json",
				  top ? top : "."), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(flt_compile_fd(fd, 0, &none, &err), 0);
	ck_assert_uint_eq(none.n_unknown, 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(flt_compile_fd(fd, BIT(CAP_SYS_CHROOT), &most, &err),
			 0);
	ck_assert_uint_gt(most.len, none.len);
	flt_program_fini(&none);
	flt_program_fini(&most);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("profile");
	TCase *tc = tcase_create("profile");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc,
			    test_profile_conditions_are_as_docker_reads_them,
			    0, sizeof(conditions) / sizeof(conditions[0]));
	tcase_add_test(tc, test_profile_errno_default_and_given);
	tcase_add_test(tc, test_profile_same_argument_twice_is_either);
	tcase_add_test(tc, test_profile_names_newer_than_the_library_count);
	tcase_add_test(tc, test_profile_unknown_names_are_told_and_harmless);
	tcase_add_loop_test(tc, test_profile_mistakes_are_named, 0,
			    sizeof(bad) / sizeof(bad[0]));
	tcase_add_loop_test(tc, test_profile_large_ones_are_bounded_in_time, 0,
			    sizeof(loads) / sizeof(loads[0]));
	tcase_add_test(tc, test_profile_like_dockers_is_taken);
	suite_add_tcase(suite, tc);
	return suite;
}
