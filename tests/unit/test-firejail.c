// SPDX-License-Identifier: Apache-2.0
/*
 * firejail's command lines: each flag is honoured, or an error that names it.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/compat/firejail.h"
#include "tests/unit/runner.h"

#define HOME "/home/u"

static struct tool_jail jail;
static struct err err;

static int parse_words(const char *const *words, size_t n)
{
	jail_fini(&jail);
	err = (struct err)ERR_INIT;
	return firejail_parse(words, n, HOME, &jail, &err);
}

#define PARSE(...)                                                       \
	parse_words((const char *const[]){ "firejail", __VA_ARGS__ },    \
		    sizeof((const char *const[]){ "firejail",            \
						  __VA_ARGS__ }) /       \
			    sizeof(char *))

static void expect_error(int ret, enum err_code code, const char *text)
{
	ck_assert_int_eq(ret, -1);
	ck_assert_int_eq(err.code, code);
	ck_assert_msg(strstr(err.text, text) != NULL, "%s: not in: %s", text,
		      err.text);
}

static void teardown(void)
{
	jail_fini(&jail);
}

START_TEST(test_firejail_program_is_known_by_name_and_path)
{
	ck_assert(firejail_is("firejail"));
	ck_assert(firejail_is("/usr/bin/firejail"));
	ck_assert(!firejail_is("bin/firejail"));
	ck_assert(!firejail_is("./firejail"));
	ck_assert(!firejail_is("firejail2"));
	ck_assert(!firejail_is("/usr/bin/firejail/x"));
	ck_assert(!firejail_is(""));
}
END_TEST

START_TEST(test_firejail_first_example_of_the_seed)
{
	ck_assert_int_eq(PARSE("--private=/srv/minibot-sandbox", "--quiet"),
			 0);
	ck_assert(jail.private_home);
	ck_assert_str_eq(jail.home_source, "/srv/minibot-sandbox");
	ck_assert(!jail.no_network);
	ck_assert_uint_eq(jail.n_places, 0);
	ck_assert_uint_eq(jail.rest, 3);
}
END_TEST

START_TEST(test_firejail_second_example_of_the_seed)
{
	ck_assert_int_eq(
		PARSE("--quiet", "--noprofile", "--caps.drop=all",
		      "--seccomp",
		      "--whitelist=/home/myuser/mybot/data/files/jail-shared",
		      "--read-write=/home/myuser/mybot/data/files/jail-shared",
		      "--whitelist=/home/myuser/mybot/tools_venv"),
		0);
	ck_assert_uint_eq(jail.n_places, 2);
	ck_assert_str_eq(jail.places[0].path,
			 "/home/myuser/mybot/data/files/jail-shared");
	ck_assert_int_eq(jail.places[0].access, JAIL_ACCESS_WRITE);
	ck_assert_str_eq(jail.places[1].path,
			 "/home/myuser/mybot/tools_venv");
	ck_assert_int_eq(jail.places[1].access, JAIL_ACCESS_READ);
	ck_assert_int_eq(jail_access_of(&jail,
					"/home/myuser/mybot/tools_venv/bin"),
			 JAIL_ACCESS_READ);
	ck_assert_int_eq(jail_access_of(&jail, "/home/myuser"),
			 JAIL_ACCESS_INVALID);
}
END_TEST

START_TEST(test_firejail_paths_are_expanded_and_normalised)
{
	ck_assert_int_eq(PARSE("--whitelist=~/a//b/./c/", "--read-only=~",
			       "--read-write=${HOME}/d"),
			 0);
	ck_assert_str_eq(jail.places[0].path, HOME "/a/b/c");
	ck_assert_str_eq(jail.places[1].path, HOME);
	ck_assert_str_eq(jail.places[2].path, HOME "/d");
}
END_TEST

START_TEST(test_firejail_path_that_is_none_is_refused_by_name)
{
	static const char *const flags[] = {
		"--whitelist=", "--read-only=", "--read-write=",
		"--blacklist=", "--private=",
	};
	static const struct {
		const char *path, *why;
	} rows[] = {
		{ "a/b", "not an absolute path" },
		{ "~other/x", "not an absolute path" },
		{ "${HOME}x", "not an absolute path" },
		{ "${DOWNLOADS}", "not an absolute path" },
		{ "/a/../b", "there is .." },
		{ "/a/*", "patterns" },
		{ "/a/[b]", "patterns" },
		{ "", "the value is missing" },
	};
	char word[64];

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
			(void)snprintf(word, sizeof(word), "%s%s", flags[i],
				       rows[k].path);
			expect_error(PARSE(word), ERR_BAD_REQUEST,
				     rows[k].why);
			ck_assert_ptr_nonnull(strstr(err.text, word));
		}
}
END_TEST

START_TEST(test_firejail_private_alone_is_an_empty_home)
{
	ck_assert_int_eq(PARSE("--private"), 0);
	ck_assert(jail.private_home);
	ck_assert_ptr_null(jail.home_source);
	expect_error(PARSE("--private", "--private=/srv"), ERR_BAD_REQUEST,
		     "--private=/srv: there is a home folder already");
}
END_TEST

START_TEST(test_firejail_private_and_a_path_of_home_are_no_pair)
{
	expect_error(PARSE("--private", "--whitelist=~/x"), ERR_UNSUPPORTED,
		     HOME "/x: --private");
	expect_error(PARSE("--read-write=/home", "--private=/srv"),
		     ERR_UNSUPPORTED, "/home: --private");
	expect_error(PARSE("--private", "--blacklist=/home"), ERR_UNSUPPORTED,
		     "--blacklist=/home");
	ck_assert_int_eq(PARSE("--private=/srv", "--blacklist=~/x"), 0);
	ck_assert_int_eq(PARSE("--private", "--whitelist=/opt/x"), 0);
}
END_TEST

START_TEST(test_firejail_paths_that_contradict_are_no_pair)
{
	expect_error(PARSE("--read-only=/a", "--read-write=/a"),
		     ERR_UNSUPPORTED, "--read-write=/a");
	expect_error(PARSE("--whitelist=/a", "--read-only=/a",
			   "--read-write=/a"),
		     ERR_UNSUPPORTED, "--read-write=/a");
	expect_error(PARSE("--read-only=/a", "--whitelist=/a",
			   "--read-write=/a"),
		     ERR_UNSUPPORTED, "--read-write=/a");
	expect_error(PARSE("--whitelist=/a", "--blacklist=/a"),
		     ERR_UNSUPPORTED, "--blacklist=/a");
	expect_error(PARSE("--blacklist=/a", "--whitelist=/a"),
		     ERR_UNSUPPORTED, "--whitelist=/a");
	expect_error(PARSE("--whitelist=/a/b", "--blacklist=/a"),
		     ERR_UNSUPPORTED, "it hides /a/b");
	expect_error(PARSE("--whitelist=/"), ERR_UNSUPPORTED,
		     "--whitelist=/: the root");
	ck_assert_int_eq(PARSE("--whitelist=/a", "--blacklist=/a/b"), 0);
	ck_assert_int_eq(jail_access_of(&jail, "/a/b/c"), JAIL_ACCESS_NONE);
	ck_assert_int_eq(jail_access_of(&jail, "/a/bc"), JAIL_ACCESS_READ);
}
END_TEST

START_TEST(test_firejail_read_write_makes_a_listed_path_writable)
{
	ck_assert_int_eq(PARSE("--read-write=/a", "--whitelist=/a"), 0);
	ck_assert_uint_eq(jail.n_places, 1);
	ck_assert_int_eq(jail.places[0].access, JAIL_ACCESS_WRITE);
	ck_assert_int_eq(PARSE("--whitelist=/a", "--read-write=/a/b"), 0);
	ck_assert_int_eq(jail_access_of(&jail, "/a/b"), JAIL_ACCESS_WRITE);
	ck_assert_int_eq(jail_access_of(&jail, "/a"), JAIL_ACCESS_READ);
}
END_TEST

/* What every sandbox of creel's is like already. */
START_TEST(test_firejail_flags_that_always_hold_are_accepted)
{
	ck_assert_int_eq(PARSE("--quiet", "--noprofile", "--caps.drop=all",
			       "--seccomp", "--private-tmp", "--private-dev",
			       "--nonewprivs", "--noroot", "--shell=none"),
			 0);
	ck_assert(!jail.shapes);
	ck_assert_uint_eq(jail.n_places, 0);
	ck_assert(jail.no_caps);
	ck_assert(jail.no_root);
	ck_assert(jail.private_tmp);
	ck_assert_int_eq(PARSE("--quiet"), 0);
	ck_assert(!jail.no_caps);
	ck_assert(!jail.no_root);
	ck_assert(!jail.private_tmp);
}
END_TEST

START_TEST(test_firejail_private_tmp_and_the_hosts_are_no_pair)
{
	expect_error(PARSE("--private-tmp", "--whitelist=/tmp"),
		     ERR_UNSUPPORTED, "/tmp: --private-tmp");
	expect_error(PARSE("--read-write=/tmp/", "--private-tmp"),
		     ERR_UNSUPPORTED, "/tmp: --private-tmp");
	ck_assert_int_eq(PARSE("--private-tmp", "--whitelist=/tmp/x"), 0);
	ck_assert_int_eq(PARSE("--whitelist=/tmp"), 0);
}
END_TEST

START_TEST(test_firejail_home_is_where_nothing_of_the_sandbox_is)
{
	static const struct {
		const char *home;
		bool has;
	} rows[] = {
		{ "/home/u", true }, { "/root", true },	     { "/", false },
		{ "", false },	     { "home", false },	     { "/proc/x", false },
		{ "/dev", false },   { "/sysadmin", true },
	};
	const char *words[] = { "firejail" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		jail_fini(&jail);
		ck_assert_int_eq(firejail_parse(words, 1, rows[i].home, &jail,
						&err),
				 0);
		ck_assert_msg(jail_has_home(&jail) == rows[i].has, "%s",
			      rows[i].home);
	}
}
END_TEST

START_TEST(test_firejail_net_is_none_or_refused)
{
	ck_assert_int_eq(PARSE("--net=none"), 0);
	ck_assert(jail.no_network);
	expect_error(PARSE("--net=eth0"), ERR_UNSUPPORTED, "--net=eth0");
	expect_error(PARSE("--net"), ERR_BAD_REQUEST, "--net");
}
END_TEST

START_TEST(test_firejail_rlimits_become_limits)
{
	static const struct {
		const char *word, *name;
		uint64_t value;
	} rows[] = {
		{ "--rlimit-as=512m", "as", 512ULL << 20 },
		{ "--rlimit-as=123456", "as", 123456 },
		{ "--rlimit-cpu=5", "cpu", 5 },
		{ "--rlimit-fsize=3k", "fsize", 3072 },
		{ "--rlimit-fsize=1g", "fsize", 1ULL << 30 },
		{ "--rlimit-nofile=64", "nofile", 64 },
		{ "--rlimit-nproc=7", "nproc", 7 },
		{ "--rlimit-sigpending=9", "sigpending", 9 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(PARSE(rows[i].word), 0);
		ck_assert_uint_eq(jail.n_ulimits, 1);
		ck_assert_str_eq(jail.ulimits[0].name, rows[i].name);
		ck_assert_uint_eq(jail.ulimits[0].soft, rows[i].value);
		ck_assert_uint_eq(jail.ulimits[0].hard, rows[i].value);
	}
	ck_assert_int_eq(PARSE("--rlimit-cpu=5", "--rlimit-cpu=6",
			       "--rlimit-cpu=7", "--rlimit-as=1",
			       "--rlimit-fsize=1", "--rlimit-nofile=1",
			       "--rlimit-nproc=1", "--rlimit-sigpending=1"),
			 0);
	ck_assert_uint_eq(jail.n_ulimits, 6);
	ck_assert_uint_eq(jail.ulimits[0].soft, 7);
}
END_TEST

START_TEST(test_firejail_rlimit_that_is_no_number_is_refused)
{
	static const char *const rows[] = {
		"--rlimit-cpu=",     "--rlimit-cpu=x",  "--rlimit-cpu=-1",
		"--rlimit-cpu=5k",   "--rlimit-as=5kk", "--rlimit-as=5x",
		"--rlimit-as=k",     "--rlimit-nofile", "--rlimit-as= 5",
		"--rlimit-as=9999999999999999", "--rlimit-as=99999999999g",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_error(PARSE(rows[i]), ERR_BAD_REQUEST, "--rlimit-");
	}
	expect_error(PARSE("--rlimit-core=1"), ERR_UNSUPPORTED,
		     "--rlimit-core=1");
}
END_TEST

START_TEST(test_firejail_timeout_is_hours_minutes_seconds)
{
	ck_assert_int_eq(PARSE("--timeout=01:02:03"), 0);
	ck_assert_uint_eq(jail.timeout_ms, 3723000);
	expect_error(PARSE("--timeout=00:00:00"), ERR_BAD_REQUEST, "no time");
	expect_error(PARSE("--timeout=1:60:00"), ERR_BAD_REQUEST, "HH:MM:SS");
	expect_error(PARSE("--timeout=10"), ERR_BAD_REQUEST, "HH:MM:SS");
	expect_error(PARSE("--timeout=00:00:1x"), ERR_BAD_REQUEST, "HH:MM:SS");
	expect_error(PARSE("--timeout=00:00:-1"), ERR_BAD_REQUEST, "HH:MM:SS");
	expect_error(PARSE("--timeout=1111:00:00"), ERR_BAD_REQUEST,
		     "HH:MM:SS");
}
END_TEST

START_TEST(test_firejail_variables_are_set_and_removed)
{
	ck_assert_int_eq(PARSE("--env=A=b=c", "--env=E=", "--rmenv=LANG"), 0);
	ck_assert_uint_eq(jail.n_env, 2);
	ck_assert_str_eq(jail.env[0], "A=b=c");
	ck_assert_str_eq(jail.env[1], "E=");
	ck_assert_uint_eq(jail.n_rmenv, 1);
	ck_assert_str_eq(jail.rmenv[0], "LANG");
	expect_error(PARSE("--env=A"), ERR_BAD_REQUEST, "--env=A");
	expect_error(PARSE("--env==x"), ERR_BAD_REQUEST, "--env==x");
	expect_error(PARSE("--rmenv=A=b"), ERR_BAD_REQUEST, "--rmenv=A=b");
	expect_error(PARSE("--rmenv"), ERR_BAD_REQUEST, "--rmenv");
}
END_TEST

START_TEST(test_firejail_names_are_checked)
{
	ck_assert_int_eq(PARSE("--name=my_jail-1", "--hostname=box"), 0);
	ck_assert_str_eq(jail.name, "my_jail-1");
	ck_assert_str_eq(jail.hostname, "box");
	ck_assert_int_eq(PARSE("--join=my_jail-1", "--quiet"), 0);
	ck_assert_str_eq(jail.join, "my_jail-1");
	expect_error(PARSE("--name=a/b"), ERR_BAD_REQUEST, "--name=a/b");
	expect_error(PARSE("--join=../x"), ERR_BAD_REQUEST, "--join=../x");
	expect_error(PARSE("--name=a", "--name=b"), ERR_BAD_REQUEST, "twice");
	expect_error(PARSE("--hostname=a", "--hostname=b"), ERR_BAD_REQUEST,
		     "twice");
}
END_TEST

/* What is there already cannot be made otherwise. */
START_TEST(test_firejail_join_beside_a_shape_is_refused)
{
	static const char *const rows[] = {
		"--whitelist=/a", "--private", "--net=none", "--hostname=x",
		"--name=x", "--blacklist=/a",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_error(PARSE("--join=y", rows[i]), ERR_UNSUPPORTED,
			     "--join");
	ck_assert_int_eq(PARSE("--join=y", "--env=A=b", "--rlimit-cpu=1",
			       "--timeout=00:00:01", "--caps.drop=all"),
			 0);
}
END_TEST

START_TEST(test_firejail_words_after_the_flags_are_a_program)
{
	ck_assert_int_eq(PARSE("--quiet", "--", "--net=eth0", "x"), 0);
	ck_assert_uint_eq(jail.rest, 3);
	ck_assert_int_eq(PARSE("--quiet", "nice", "-n", "5"), 0);
	ck_assert_uint_eq(jail.rest, 2);
	ck_assert_int_eq(PARSE("--"), 0);
	ck_assert_uint_eq(jail.rest, 2);
}
END_TEST

START_TEST(test_firejail_unknown_flag_is_refused_by_name)
{
	static const char *const rows[] = {
		"--profile=x",	"--overlay",	"--netfilter",	"-c",
		"-",		"---quiet",	"--privat",	"--private-etc=x",
		"--caps",	"--caps.drop",	"--caps.drop=chown",
		"--seccomp=chmod", "--shell=/bin/sh", "--quiet=yes", "--Quiet",
		"--x11",	"--noroot=",	"--tracelog",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(PARSE("--quiet", rows[i]), -1);
		ck_assert_msg(strncmp(err.text, rows[i],
				      strlen(rows[i])) == 0,
			      "%s: %s", rows[i], err.text);
	}
}
END_TEST

START_TEST(test_firejail_message_holds_no_control_characters)
{
	expect_error(PARSE("--\x1b[31m\n\xff"), ERR_UNSUPPORTED, "--?[31m??");
}
END_TEST

START_TEST(test_firejail_more_than_there_is_room_for_is_refused)
{
	static char text[JAIL_MAX_VARIABLES + 2][32];
	const char *words[JAIL_MAX_VARIABLES + 2] = { "firejail" };
	static const struct {
		const char *fmt;
		size_t max;
	} rows[] = {
		{ "--whitelist=/a%zu", JAIL_MAX_PLACES },
		{ "--env=A%zu=b", JAIL_MAX_VARIABLES },
		{ "--rmenv=A%zu", JAIL_MAX_VARIABLES },
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		for (size_t i = 1; i <= rows[r].max + 1; i++) {
			char *end = strchr(rows[r].fmt, '%');

			(void)snprintf(text[i], sizeof(text[i]), "%.*s%zu%s",
				       (int)(end - rows[r].fmt), rows[r].fmt,
				       i, end + 3);
			words[i] = text[i];
		}
		ck_assert_int_eq(parse_words(words, rows[r].max + 1), 0);
		expect_error(parse_words(words, rows[r].max + 2), ERR_LIMIT,
			     "--");
	}
}
END_TEST

static const char *const pieces[] = {
	"--private",	"--whitelist",	"--read-write", "--read-only",
	"--blacklist",	"--env",	"--rmenv",	"--timeout",
	"--rlimit-as",	"--rlimit-cpu", "--name",	"--join",
	"--hostname",	"--net",	"--caps.drop",	"--seccomp",
	"--shell",	"--quiet",	"=",		"==",
	"/",		"~",		"${HOME}",	"..",
	"a",		"0",		"9",		":",
	"all",		"none",		"k",		"--",
	"\n",		"\xff",		"*",		"",
};

/* Whatever comes: an answer, and each place absolute without "..". */
START_TEST(test_firejail_random_words_never_crash)
{
	char text[8][96];
	const char *words[9] = { "firejail" };

	srandom(7);
	for (unsigned long round = 0; round < test_rounds(200000); round++) {
		size_t n = 1 + (size_t)random() % 8;

		for (size_t i = 0; i < n; i++) {
			size_t len = 0;

			for (long k = random() % 7; k >= 0; k--)
				len += (size_t)snprintf(
					text[i] + len, sizeof(text[i]) - len,
					"%s",
					pieces[(size_t)random() %
					       (sizeof(pieces) /
						sizeof(pieces[0]))]);
			words[i + 1] = text[i];
		}
		if (parse_words(words, n + 1) < 0) {
			ck_assert_int_ne(err.code, ERR_NONE);
			ck_assert_uint_gt(strlen(err.text), 0);
			continue;
		}
		ck_assert_uint_ge(jail.rest, 1);
		ck_assert_uint_le(jail.rest, n + 1);
		for (size_t i = 0; i < jail.n_places; i++) {
			ck_assert_int_eq(jail.places[i].path[0], '/');
			ck_assert_ptr_null(
				strstr(jail.places[i].path, "/../"));
		}
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("firejail");
	TCase *tc = tcase_create("flags");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc,
		       test_firejail_program_is_known_by_name_and_path);
	tcase_add_test(tc, test_firejail_first_example_of_the_seed);
	tcase_add_test(tc, test_firejail_second_example_of_the_seed);
	tcase_add_test(tc, test_firejail_paths_are_expanded_and_normalised);
	tcase_add_test(tc, test_firejail_path_that_is_none_is_refused_by_name);
	tcase_add_test(tc, test_firejail_private_alone_is_an_empty_home);
	tcase_add_test(tc,
		       test_firejail_private_and_a_path_of_home_are_no_pair);
	tcase_add_test(tc, test_firejail_paths_that_contradict_are_no_pair);
	tcase_add_test(tc,
		       test_firejail_read_write_makes_a_listed_path_writable);
	tcase_add_test(tc, test_firejail_flags_that_always_hold_are_accepted);
	tcase_add_test(tc,
		       test_firejail_private_tmp_and_the_hosts_are_no_pair);
	tcase_add_test(tc,
		       test_firejail_home_is_where_nothing_of_the_sandbox_is);
	tcase_add_test(tc, test_firejail_net_is_none_or_refused);
	tcase_add_test(tc, test_firejail_rlimits_become_limits);
	tcase_add_test(tc, test_firejail_rlimit_that_is_no_number_is_refused);
	tcase_add_test(tc, test_firejail_timeout_is_hours_minutes_seconds);
	tcase_add_test(tc, test_firejail_variables_are_set_and_removed);
	tcase_add_test(tc, test_firejail_names_are_checked);
	tcase_add_test(tc, test_firejail_join_beside_a_shape_is_refused);
	tcase_add_test(tc, test_firejail_words_after_the_flags_are_a_program);
	tcase_add_test(tc, test_firejail_unknown_flag_is_refused_by_name);
	tcase_add_test(tc, test_firejail_message_holds_no_control_characters);
	tcase_add_test(tc,
		       test_firejail_more_than_there_is_room_for_is_refused);
	tcase_add_test(tc, test_firejail_random_words_never_crash);
	suite_add_tcase(suite, tc);
	return suite;
}
