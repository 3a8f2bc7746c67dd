// SPDX-License-Identifier: Apache-2.0
/*
 * Moments as people give them, and tables that fit.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controller/cli/table.h"
#include "controller/cli/when.h"
#include "tests/unit/runner.h"

#define NOW_MS 1795417494218 /* 2026-11-23T07:04:54.218Z */

static uint64_t when(const char *text)
{
	struct err err = ERR_INIT;
	uint64_t msec = 0;

	ck_assert_msg(!cli_parse_when(text, NOW_MS, &msec, &err), "%s: %s",
		      text, err.text);
	return msec;
}

START_TEST(test_when_times_that_have_passed) {
	ck_assert_uint_eq(when("10m"), NOW_MS - 600000);
	ck_assert_uint_eq(when("90"), NOW_MS - 90000);
	ck_assert_uint_eq(when("3d"), NOW_MS - 3 * 86400000ULL);
	ck_assert_uint_eq(when("0d"), NOW_MS);
	ck_assert_uint_eq(when("99999d"), 0);
	ck_assert_uint_eq(when("@1700000000"), 1700000000000);
}
END_TEST

START_TEST(test_when_moments_with_an_offset) {
	ck_assert_uint_eq(when("2026-11-23T07:04:54Z"), 1795417494000);
	ck_assert_uint_eq(when("2026-11-23T08:04:54+01:00"), 1795417494000);
	ck_assert_uint_eq(when("2026-11-23 01:34:54-05:30"), 1795417494000);
	ck_assert_uint_eq(when("2000-02-29T00:00:00Z"), 951782400000);
	ck_assert_uint_eq(when("1970-01-01T00:00:00z"), 0);
}
END_TEST

START_TEST(test_when_moments_without_one_are_local) {
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	ck_assert_uint_eq(when("2026-11-23 08:04:54"), 1795417494000);
	ck_assert_uint_eq(when("2026-11-23T08:04"), 1795417440000);
	ck_assert_uint_eq(when("2026-11-23"), 1795388400000);
	ck_assert_uint_eq(when("2026-07-01"), 1782856800000);
}
END_TEST

START_TEST(test_when_anything_else_is_refused) {
	static const char *const bad[] = {
		"",
		"yesterday",
		"10 m",
		"-1h",
		"1.5h",
		"2026-02-29",
		"2026-13-01",
		"2026-1-1",
		"2026-11-23T",
		"2026-11-23 24:00",
		"2026-11-23 12:60",
		"2026-11-23 12:00:60",
		"2026-11-23 12",
		"2026-11-23T12:00:00+1",
		"2026-11-23T12:00:00Zx",
		"2026-11-23x",
		"1969-12-31",
		"@",
		"@-1",
		"@9999999999999",
		"999999d",
		"d",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;
		uint64_t msec;

		ck_assert_msg(cli_parse_when(bad[i], NOW_MS, &msec, &err) < 0,
			      "%s", bad[i]);
		ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
	}
}
END_TEST

START_TEST(test_when_is_written_for_people_and_programs) {
	char text[48];

	setenv("TZ", "UTC0", 1);
	tzset();
	ck_assert_str_eq(cli_when_utc(NOW_MS, text, sizeof(text)),
			 "2026-11-23T07:04:54.218Z");
	ck_assert_str_eq(cli_when_local(NOW_MS, text, sizeof(text)),
			 "2026-11-23 07:04:54");
}
END_TEST

START_TEST(test_text_width_is_in_places) {
	ck_assert_uint_eq(cli_text_width(""), 0);
	ck_assert_uint_eq(cli_text_width("abc"), 3);
	ck_assert_uint_eq(cli_text_width("\xc3\xa9"), 1); /* é */
	ck_assert_uint_eq(cli_text_width("e\xcc\x81"), 1); /* e, accent */
	ck_assert_uint_eq(cli_text_width("\xe6\x97\xa5"), 2); /* 日 */
	ck_assert_uint_eq(cli_text_width("\xf0\x9f\x98\x80"), 2); /* a face */
}
END_TEST

START_TEST(test_text_fit_never_cuts_a_character) {
	const char *text = "a\xe6\x97\xa5z";

	ck_assert_uint_eq(cli_text_fit(text, 0), 0);
	ck_assert_uint_eq(cli_text_fit(text, 1), 1);
	ck_assert_uint_eq(cli_text_fit(text, 2), 1);
	ck_assert_uint_eq(cli_text_fit(text, 3), 4);
	ck_assert_uint_eq(cli_text_fit(text, 99), 5);
}
END_TEST

/* What a table prints where standard output is no terminal. */
static char *printed(const char *const *cells, size_t count)
{
	static const struct cli_column columns[] = { { "NAME", 6 },
						     { "STATE", 0 } };
	static char text[1000];
	struct cli_table table = { .columns = columns, .n_columns = 2 };
	int saved = dup(1);
	FILE *file = tmpfile();
	size_t len;

	ck_assert_ptr_nonnull(file);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(cli_table_add(&table, cells[i]), 0);
	fflush(stdout);
	dup2(fileno(file), 1);
	cli_table_print(&table);
	fflush(stdout);
	dup2(saved, 1);
	close(saved);
	cli_table_fini(&table);
	rewind(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

START_TEST(test_table_columns_are_as_wide_as_their_cells) {
	static const char *const cells[] = { "a-long-name", "idle", "b", NULL };

	ck_assert_str_eq(printed(cells, 4), "NAME         STATE\n"
					    "a-long-name  idle\n"
					    "b            -\n");
}
END_TEST

START_TEST(test_table_of_nothing_prints_nothing) {
	ck_assert_str_eq(printed(NULL, 0), "");
}
END_TEST

START_TEST(test_table_cells_are_escaped) {
	static const char *const cells[] = { "a\033[31m", "x\ny" };

	ck_assert_str_eq(printed(cells, 2), "NAME       STATE\n"
					    "a\\x1b[31m  x\\x0ay\n");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("cli-table");
	TCase *tcase = tcase_create("cli-table");

	tcase_add_test(tcase, test_when_times_that_have_passed);
	tcase_add_test(tcase, test_when_moments_with_an_offset);
	tcase_add_test(tcase, test_when_moments_without_one_are_local);
	tcase_add_test(tcase, test_when_anything_else_is_refused);
	tcase_add_test(tcase, test_when_is_written_for_people_and_programs);
	tcase_add_test(tcase, test_text_width_is_in_places);
	tcase_add_test(tcase, test_text_fit_never_cuts_a_character);
	tcase_add_test(tcase, test_table_columns_are_as_wide_as_their_cells);
	tcase_add_test(tcase, test_table_of_nothing_prints_nothing);
	tcase_add_test(tcase, test_table_cells_are_escaped);
	suite_add_tcase(suite, tcase);
	return suite;
}
