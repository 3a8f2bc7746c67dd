// SPDX-License-Identifier: Apache-2.0
/*
 * JSON5: what the public suite leaves out, messages and bounds.
 */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/config-text.h"
#include "tests/unit/runner.h"

static void assert_string(const char *text, const char *want, size_t len)
{
	struct parsed parsed;

	parsed_init(&parsed, cfg_json5_parse, text, strlen(text));
	ck_assert_msg(parsed.root != NULL, "%s", parsed.line);
	ck_assert_int_eq(parsed.root->type, CFG_STRING);
	ck_assert_uint_eq(parsed.root->text_len, len);
	ck_assert_mem_eq(parsed.root->text, want, len + 1);
	parsed_fini(&parsed);
}

START_TEST(test_json5_escapes_stand_for_their_characters) {
	assert_string("'\\b\\f\\n\\r\\t\\v\\0\\a\\\\\\''", "\b\f\n\r\t\v\0a\\'",
		      10);
	assert_string("\"\\x41\\xe9\\u20ac\\\"\"", "A\xc3\xa9\xe2\x82\xac\"",
		      7);
	assert_string("'\\ud83d\\ude00'", "\xf0\x9f\x98\x80", 4);
	assert_string("'\\\xc3\xa9'", "\xc3\xa9", 2);
	assert_string("'a\xe2\x80\xa8z'", "a\xe2\x80\xa8z", 5);
	assert_string("'\t'", "\t", 1);
}
END_TEST

START_TEST(test_json5_lines_of_a_string_are_joined) {
	assert_string("'a\\\nb'", "ab", 2);
	assert_string("'a\\\r\nb'", "ab", 2);
	assert_string("'a\\\rb'", "ab", 2);
	assert_string("'a\\\xe2\x80\xa8"
		      "b\\\xe2\x80\xa9"
		      "c'",
		      "abc", 3);
}
END_TEST

static void assert_integer(const char *text, int64_t want)
{
	struct parsed parsed;

	parsed_init(&parsed, cfg_json5_parse, text, strlen(text));
	ck_assert_msg(parsed.root != NULL, "%s", parsed.line);
	ck_assert_int_eq(parsed.root->type, CFG_INTEGER);
	ck_assert_int_eq(parsed.root->integer, want);
	parsed_fini(&parsed);
}

START_TEST(test_json5_integers_that_fit_are_integers) {
	assert_integer("9223372036854775807", INT64_MAX);
	assert_integer("-9223372036854775808", INT64_MIN);
	assert_integer("0x7fffFFFFffffFFFF", INT64_MAX);
	assert_integer("-0X8000000000000000", INT64_MIN);
	assert_integer("1e3", 1000);
	assert_integer("2.0", 2);
	assert_integer("+5.", 5);
	assert_integer("-0", 0);
	assert_integer("-.0e-9", 0);
	assert_integer("9007199254740992.0", 9007199254740992);
}
END_TEST

static void assert_real(const char *text, double want)
{
	struct parsed parsed;

	parsed_init(&parsed, cfg_json5_parse, text, strlen(text));
	ck_assert_msg(parsed.root != NULL, "%s", parsed.line);
	ck_assert_int_eq(parsed.root->type, CFG_FLOAT);
	if (isnan(want))
		ck_assert_double_nan(parsed.root->real);
	else
		ck_assert_double_eq(parsed.root->real, want);
	parsed_fini(&parsed);
}

START_TEST(test_json5_other_numbers_are_floats) {
	assert_real("9223372036854775808", 9223372036854775808.0);
	assert_real("-9223372036854775809", -9223372036854775808.0);
	assert_real("0x10000000000000000", 18446744073709551616.0);
	assert_real(".25", 0.25);
	assert_real("-1e-3", -0.001);
	assert_real("1e999", HUGE_VAL);
	assert_real("-Infinity", -HUGE_VAL);
	assert_real("+NaN", NAN);
}
END_TEST

START_TEST(test_json5_names_may_be_of_any_script) {
	static const char text[] = "{$: 1, _a9: 2, \xc3\xbc\xcc\x88: 3, "
				   "\\u03c0r: 4, \xf0\xa0\x80\x80: 5, "
				   "a\xe2\x80\x8c: 6, __proto__: 7, "
				   "true: 8, NaN: 9}";
	struct parsed parsed;

	parsed_init(&parsed, cfg_json5_parse, text, strlen(text));
	ck_assert_msg(parsed.root != NULL, "%s", parsed.line);
	ck_assert_uint_eq(parsed.root->count, 9);
	ck_assert_int_eq(cfg_node_get(parsed.root, "\xc3\xbc\xcc\x88")->integer,
			 3);
	ck_assert_int_eq(cfg_node_get(parsed.root, "\xcf\x80r")->integer, 4);
	ck_assert_int_eq(cfg_node_get(parsed.root, "__proto__")->integer, 7);
	ck_assert_int_eq(cfg_node_get(parsed.root, "NaN")->integer, 9);
	parsed_fini(&parsed);
}
END_TEST

START_TEST(test_json5_last_of_equal_names_counts_with_a_warning) {
	static const char text[] = "{a: 1, b: 2,\n \"a\": {c: 3}, 'a': 4}";
	struct parsed parsed;

	parsed_init(&parsed, cfg_json5_parse, text, strlen(text));
	ck_assert_uint_eq(parsed.root->count, 2);
	ck_assert_int_eq(cfg_node_get(parsed.root, "a")->integer, 4);
	ck_assert_str_eq(parsed.root->first->key, "a");
	ck_assert_uint_eq(parsed.problems.count, 2);
	ck_assert_uint_eq(parsed.problems.errors, 0);
	ck_assert_str_eq(parsed.line, "f:2:2: \"a\" is there twice: the one in "
				      "line 1 is passed over");
	parsed_fini(&parsed);
}
END_TEST

START_TEST(test_json5_many_equal_names_leave_room_for_other_problems) {
	static char text[4000];
	struct parsed parsed;

	text[0] = '{';
	for (size_t i = 0; i < 1000; i++)
		memcpy(text + 1 + 3 * i, "a:1", 3);
	for (size_t i = 1; i < 1000; i++)
		memcpy(text + 4 * i - 3, "a:1,", 4);
	text[3997] = '}';
	parsed_init(&parsed, cfg_json5_parse, text, 3998);
	ck_assert_msg(parsed.root != NULL, "%s", parsed.line);
	ck_assert_uint_eq(parsed.problems.count, 17);
	ck_assert_str_eq(parsed.problems.list[16].text,
			 "982 more names are there twice");
	parsed_fini(&parsed);
}
END_TEST

START_TEST(test_json5_errors_say_place_expectation_and_finding) {
	static const char *const cases[][2] = {
		{ "", "f:1:1: expected a value, found the end of the file" },
		{ "{a: all}", "f:1:5: expected a value, found all: a string "
			      "is written in quotes" },
		{ "{a: 1\n b: 2}", "f:2:2: expected ',' or '}' (of the '{' in "
				   "line 1), found 'b'" },
		{ "{\xc3\xa9: \xe2\x82\xac}",
		  "f:1:5: expected a value, found U+20AC" },
		{ "{a", "f:1:3: expected ':' after the name \"a\", found the "
			"end of the file" },
		{ "[1,\r\n2,\r3,\n,]", "f:4:1: expected a value, found ','" },
		{ "'a\nb'", "f:1:3: expected ', which ends the string of "
			    "column 1, found the end of the line" },
		{ "'\\u12'", "f:1:2: expected four hexadecimal digits after "
			     "\\u" },
		{ "'\\ud800'", "f:1:2: \\uD800 is half of a surrogate pair: "
			       "its other half is missing" },
		{ "'\\1'", "f:1:2: a backslash is followed by a digit: JSON5 "
			   "has no octal escapes" },
		{ "'\\01'", "f:1:2: a backslash is followed by a digit: JSON5 "
			    "has no octal escapes" },
		{ "010", "f:1:1: a number that begins with 0: JSON5 has no "
			 "octal numbers" },
		{ "/* x", "f:1:1: expected '*/' after this '/*', found the end "
			  "of the file" },
		{ "{} x", "f:1:4: expected the end of the file, found 'x'" },
		{ "- 1", "f:1:2: expected a digit, found a space" },
		{ "1__0", "f:1:2: expected the end of the number, found '_'" },
		{ "\xef\xbb\xbf!", "f:1:1: expected a value, found '!'" },
		{ "'\xff'", "f:1:2: expected UTF-8, found the byte 0xff" },
		{ "{\\u0031a: 1}", "f:1:2: expected a name or '}', found "
				   "'\\'" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cfg_json5_parse, cases[i][0], cases[i][1]);
}
END_TEST

static void nest(size_t depth, char *text, size_t size)
{
	memset(text, 0, size);
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
}

START_TEST(test_json5_depth_64_is_read_and_65_refused) {
	struct parsed parsed;
	char text[256];

	nest(64, text, sizeof(text));
	parsed_init(&parsed, cfg_json5_parse, text, strlen(text));
	ck_assert_ptr_nonnull(parsed.root);
	parsed_fini(&parsed);
	nest(65, text, sizeof(text));
	assert_refused(cfg_json5_parse, text,
		       "f:1:65: objects and arrays are nested more than 64 "
		       "deep");
}
END_TEST

START_TEST(test_json5_a_million_brackets_are_refused) {
	size_t len = 1 << 20;
	char *text = malloc(len);
	struct parsed parsed;

	memset(text, '[', len);
	parsed_init(&parsed, cfg_json5_parse, text, len);
	ck_assert_ptr_null(parsed.root);
	parsed_fini(&parsed);
	free(text);
}
END_TEST

START_TEST(test_json5_more_than_8_mib_are_refused) {
	size_t len = 9 << 20;
	char *text = malloc(len);
	struct parsed parsed;

	memset(text, ' ', len);
	text[0] = '1';
	parsed_init(&parsed, cfg_json5_parse, text, len);
	ck_assert_ptr_null(parsed.root);
	ck_assert_str_eq(parsed.line,
			 "f: expected at most 8 MiB, found 9437184 bytes");
	parsed_fini(&parsed);
	parsed_init(&parsed, cfg_json5_parse, text, CFG_MAX_FILE_BYTES);
	ck_assert_ptr_nonnull(parsed.root);
	parsed_fini(&parsed);
	free(text);
}
END_TEST

START_TEST(test_json5_more_than_two_million_values_are_refused) {
	size_t len = 2 * (size_t)CFG_MAX_NODES + 2;
	char *text = malloc(len);
	struct parsed parsed;

	text[0] = '[';
	for (size_t i = 1; i < len - 1; i += 2)
		memcpy(text + i, "0,", 2);
	text[len - 1] = ']';
	parsed_init(&parsed, cfg_json5_parse, text, len);
	ck_assert_ptr_null(parsed.root);
	ck_assert_ptr_nonnull(strstr(parsed.line, "more than 2000000 values"));
	parsed_fini(&parsed);
	free(text);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("json5");
	TCase *tcase = tcase_create("json5");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_json5_escapes_stand_for_their_characters);
	tcase_add_test(tcase, test_json5_lines_of_a_string_are_joined);
	tcase_add_test(tcase, test_json5_integers_that_fit_are_integers);
	tcase_add_test(tcase, test_json5_other_numbers_are_floats);
	tcase_add_test(tcase, test_json5_names_may_be_of_any_script);
	tcase_add_test(tcase,
		       test_json5_last_of_equal_names_counts_with_a_warning);
	tcase_add_test(
		tcase,
		test_json5_many_equal_names_leave_room_for_other_problems);
	tcase_add_test(tcase,
		       test_json5_errors_say_place_expectation_and_finding);
	tcase_add_test(tcase, test_json5_depth_64_is_read_and_65_refused);
	tcase_add_test(tcase, test_json5_a_million_brackets_are_refused);
	tcase_add_test(tcase, test_json5_more_than_8_mib_are_refused);
	tcase_add_test(tcase,
		       test_json5_more_than_two_million_values_are_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
