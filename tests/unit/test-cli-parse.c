// SPDX-License-Identifier: Apache-2.0
/*
 * Values of the command line: what is read, and what is refused.
 */
#include <config.h>

#include "controller/cli/parse.h"

#include <string.h>

#include "tests/unit/runner.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct number {
	const char *text;
	uint64_t value; /* 0: refused */
};

typedef int parse_fn(const char *text, uint64_t *value, struct err *err);

static void check_numbers(parse_fn *parse, const struct number *numbers,
			  size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct err err = ERR_INIT;
		uint64_t value = 0;
		int ret = parse(numbers[i].text, &value, &err);

		ck_assert_msg((ret == 0) == (numbers[i].value > 0),
			      "\"%s\" gave %d", numbers[i].text, ret);
		if (ret)
			ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
		else
			ck_assert_msg(value == numbers[i].value,
				      "\"%s\" is %llu", numbers[i].text,
				      (unsigned long long)value);
	}
}

START_TEST(test_parse_duration_table)
{
	static const struct number table[] = {
		{ "30", 30000 },     { "30s", 30000 },	 { "30S", 30000 },
		{ "500ms", 500 },    { "5m", 300000 },	 { "1h", 3600000 },
		{ "1ms", 1 },	     { "8784h", 366ull * 24 * 3600000 },
		{ "0", 0 },	     { "", 0 },		 { "-1", 0 },
		{ "+1", 0 },	     { " 1", 0 },	 { "1 ", 0 },
		{ "1.5", 0 },	     { "1d", 0 },	 { "5mm", 0 },
		{ "8785h", 0 },	     { "0x10", 0 },	 { "s", 0 },
		{ "1s5m", 0 },	     { "18446744073709551616", 0 },
		{ "99999999999999999999999h", 0 },
	};

	check_numbers(cli_parse_duration, table, COUNT(table));
}
END_TEST

START_TEST(test_parse_size_table)
{
	static const struct number table[] = {
		{ "1", 1 },
		{ "4096", 4096 },
		{ "64k", 65536 },
		{ "64K", 65536 },
		{ "512m", 512ull << 20 },
		{ "512M", 512ull << 20 },
		{ "2g", 2ull << 30 },
		{ "1t", 1ull << 40 },
		{ "1048576t", 1ull << 60 },
		{ "100b", 100 },
		{ "0", 0 },
		{ "0g", 0 },
		{ "", 0 },
		{ "g", 0 },
		{ "1.5g", 0 },
		{ "-1g", 0 },
		{ "1gib", 0 },
		{ "1 g", 0 },
		{ "1048577t", 0 },
		{ "18446744073709551615", 0 },
		{ "%n", 0 },
	};

	check_numbers(cli_parse_size, table, COUNT(table));
}
END_TEST

START_TEST(test_parse_cpus_table)
{
	static const struct number table[] = {
		{ "1", 100000 },     { "0.5", 50000 },	{ "1.25", 125000 },
		{ "0.01", 1000 },    { "2.00001", 200001 },
		{ "4096", 409600000 },
		{ "0", 0 },	     { "0.0", 0 },	{ "0.009", 0 },
		{ "4096.5", 0 },     { "4097", 0 },	{ ".5", 0 },
		{ "1.", 0 },	     { "1.000001", 0 }, { "1,5", 0 },
		{ "-1", 0 },	     { "1e3", 0 },	{ "", 0 },
		{ "1.5.5", 0 },
	};

	check_numbers(cli_parse_cpus, table, COUNT(table));
}
END_TEST

START_TEST(test_parse_ulimit_reads_soft_and_hard)
{
	struct err err = ERR_INIT;
	struct cli_ulimit limit;

	ck_assert_int_eq(cli_parse_ulimit("nofile=64", &limit, &err), 0);
	ck_assert_str_eq(limit.name, "nofile");
	ck_assert_uint_eq(limit.soft, 64);
	ck_assert_uint_eq(limit.hard, 64);
	ck_assert_int_eq(cli_parse_ulimit("cpu=1:unlimited", &limit, &err), 0);
	ck_assert_uint_eq(limit.soft, 1);
	ck_assert_uint_eq(limit.hard, CLI_UNLIMITED);
}
END_TEST

START_TEST(test_parse_ulimit_bad_text_refused)
{
	static const char *const bad[] = {
		"",	     "nofile",	   "nofile=",	"nofile=1:",
		"nofile=2:1", "=1",	   "file=1",	"nofile=-2",
		"nofile=1:2:3", "NOFILE=1", "nofile=1x", "nofile= 1",
		"nofile=unlimited:1",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err err = ERR_INIT;
		struct cli_ulimit limit;

		ck_assert_msg(cli_parse_ulimit(bad[i], &limit, &err) == -1,
			      "\"%s\"", bad[i]);
	}
}
END_TEST

START_TEST(test_parse_caps_sets_bits)
{
	struct err err = ERR_INIT;
	uint64_t mask = 0;

	ck_assert_int_eq(cli_parse_caps("chown,CAP_KILL", &mask, &err), 0);
	ck_assert_uint_eq(mask, 1u << 0 | 1u << 5);
	ck_assert_int_eq(cli_parse_caps("checkpoint_restore", &mask, &err), 0);
	ck_assert_uint_eq(mask, 1u << 0 | 1u << 5 | 1ull << 40);
	ck_assert_int_eq(cli_parse_caps("", &mask, &err), -1);
	ck_assert_int_eq(cli_parse_caps("chown,", &mask, &err), -1);
	ck_assert_int_eq(cli_parse_caps("all", &mask, &err), -1);
	ck_assert_int_eq(cli_parse_caps("chow", &mask, &err), -1);
	ck_assert_int_eq(cli_parse_caps("cap_", &mask, &err), -1);
}
END_TEST

START_TEST(test_parse_user_table)
{
	static const char *const good[] = { "0", "1000", "1000:1000", "root",
					    "www-data", "_apt", "65535:0" };
	static const char *const bad[] = { "", "-1", "65536", "1000:",
					   "1000:x", "1000:65536", "a b",
					   "root:root", "1x", "%n", "a/b",
					   "-rf", "1:2:3" };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < COUNT(good); i++)
		ck_assert_msg(cli_parse_user(good[i], &err) == 0, "%s",
			      good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(cli_parse_user(bad[i], &err) == -1, "%s",
			      bad[i]);
}
END_TEST

START_TEST(test_parse_name_table)
{
	static const char *const bad[] = { "", "-a", ".a", "a/b", "a b",
					   "a\n", "%n%", "\xff", "..",
					   "a:b" };
	struct err err = ERR_INIT;
	char longest[66];

	memset(longest, 'a', sizeof(longest));
	longest[64] = '\0';
	ck_assert_int_eq(cli_parse_name(longest, &err), 0);
	longest[64] = 'a';
	longest[65] = '\0';
	ck_assert_int_eq(cli_parse_name(longest, &err), -1);
	ck_assert_int_eq(cli_parse_name("a.B_9-", &err), 0);
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(cli_parse_name(bad[i], &err) == -1, "%s",
			      bad[i]);
}
END_TEST

START_TEST(test_parse_signal_table)
{
	struct err err = ERR_INIT;
	uint32_t number = 0;

	ck_assert_int_eq(cli_parse_signal("TERM", &number, &err), 0);
	ck_assert_uint_eq(number, 15);
	ck_assert_int_eq(cli_parse_signal("sigusr1", &number, &err), 0);
	ck_assert_uint_eq(number, 10);
	ck_assert_int_eq(cli_parse_signal("9", &number, &err), 0);
	ck_assert_uint_eq(number, 9);
	ck_assert_int_eq(cli_parse_signal("0", &number, &err), -1);
	ck_assert_int_eq(cli_parse_signal("65", &number, &err), -1);
	ck_assert_int_eq(cli_parse_signal("SIG", &number, &err), -1);
	ck_assert_int_eq(cli_parse_signal("15x", &number, &err), -1);
	ck_assert_int_eq(cli_parse_signal("", &number, &err), -1);
}
END_TEST

START_TEST(test_parse_bind_splits_at_last_colon_slash)
{
	static const struct {
		const char *text;
		const char *source;
		const char *target;
		bool readonly;
	} table[] = {
		{ "/a:/b", "/a", "/b", false },
		{ "/a:/b:rw", "/a", "/b", false },
		{ "/a:/b:ro", "/a", "/b", true },
		{ "./a:/b/c", "./a", "/b/c", false },
		{ "/a:b:/c", "/a:b", "/c", false },
		{ "/a:/b:/c:ro", "/a:/b", "/c", true },
		{ "a b:/c d", "a b", "/c d", false },
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		struct err err = ERR_INIT;
		struct cli_place place;

		ck_assert_msg(cli_parse_bind(table[i].text, &place, &err) == 0,
			      "%s: %s", table[i].text, err.text);
		ck_assert_str_eq(place.source, table[i].source);
		ck_assert_str_eq(place.target, table[i].target);
		ck_assert_int_eq(place.readonly, table[i].readonly);
		cli_place_fini(&place);
		cli_place_fini(&place);
	}
}
END_TEST

START_TEST(test_parse_bind_bad_text_refused)
{
	static const char *const bad[] = {
		"",	   "/a",     "/a:",	":/b",	  "/a:b",
		"/a:b:ro", "/a:/",   "/a://",	"/a:/b/..", "/a:/../b",
		"/a:/..",  "/a:./b", "/a:/b:rx", "/a::",
	};

	/* "/b:rx" is a name, if an odd one. */
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err err = ERR_INIT;
		struct cli_place place;
		int ret = cli_parse_bind(bad[i], &place, &err);

		if (strcmp(bad[i], "/a:/b:rx") == 0)
			ck_assert_int_eq(ret, 0);
		else
			ck_assert_msg(ret == -1, "\"%s\"", bad[i]);
		cli_place_fini(&place);
	}
}
END_TEST

START_TEST(test_parse_workspace_takes_mode_off)
{
	struct err err = ERR_INIT;
	struct cli_place place;

	ck_assert_int_eq(cli_parse_workspace(".", &place, &err), 0);
	ck_assert_str_eq(place.source, ".");
	ck_assert(!place.readonly);
	cli_place_fini(&place);
	ck_assert_int_eq(cli_parse_workspace("/a:b:ro", &place, &err), 0);
	ck_assert_str_eq(place.source, "/a:b");
	ck_assert(place.readonly);
	cli_place_fini(&place);
	ck_assert_int_eq(cli_parse_workspace("", &place, &err), -1);
	ck_assert_int_eq(cli_parse_workspace(":ro", &place, &err), -1);
}
END_TEST

START_TEST(test_parse_tmpfs_options)
{
	static const char *const bad[] = { "", "x", "/x:", "/x:size",
					   "/x:size=", "/x:mode=8",
					   "/x:mode=", "/x:suid", "/",
					   "/x:mode=0", "/x:mode=4755",
					   "/a/../b", "/x:size=1m,foo=1" };
	struct err err = ERR_INIT;
	struct cli_tmpfs tmpfs;

	ck_assert_int_eq(cli_parse_tmpfs("/x:size=2m,mode=0700", &tmpfs, &err),
			 0);
	ck_assert_str_eq(tmpfs.target, "/x");
	ck_assert_uint_eq(tmpfs.size, 2u << 20);
	ck_assert_uint_eq(tmpfs.mode, 0700);
	cli_tmpfs_fini(&tmpfs);
	ck_assert_int_eq(cli_parse_tmpfs("/x/y", &tmpfs, &err), 0);
	ck_assert_uint_eq(tmpfs.size, 0);
	cli_tmpfs_fini(&tmpfs);
	for (size_t i = 0; i < COUNT(bad); i++) {
		ck_assert_msg(cli_parse_tmpfs(bad[i], &tmpfs, &err) == -1,
			      "\"%s\"", bad[i]);
		cli_tmpfs_fini(&tmpfs);
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("cli-parse");
	TCase *numbers = tcase_create("numbers");
	TCase *mounts = tcase_create("mounts");

	tcase_add_test(numbers, test_parse_duration_table);
	tcase_add_test(numbers, test_parse_size_table);
	tcase_add_test(numbers, test_parse_cpus_table);
	tcase_add_test(numbers, test_parse_ulimit_reads_soft_and_hard);
	tcase_add_test(numbers, test_parse_ulimit_bad_text_refused);
	tcase_add_test(numbers, test_parse_caps_sets_bits);
	tcase_add_test(numbers, test_parse_user_table);
	tcase_add_test(numbers, test_parse_name_table);
	tcase_add_test(numbers, test_parse_signal_table);
	suite_add_tcase(suite, numbers);
	tcase_add_test(mounts, test_parse_bind_splits_at_last_colon_slash);
	tcase_add_test(mounts, test_parse_bind_bad_text_refused);
	tcase_add_test(mounts, test_parse_workspace_takes_mode_off);
	tcase_add_test(mounts, test_parse_tmpfs_options);
	suite_add_tcase(suite, mounts);
	return suite;
}
