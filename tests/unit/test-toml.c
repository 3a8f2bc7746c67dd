// SPDX-License-Identifier: Apache-2.0
/*
 * TOML: what the public suite leaves out, messages and bounds; and the work
 * that both parsers put into large files.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/config-text.h"
#include "tests/unit/runner.h"

START_TEST(test_toml_errors_say_place_expectation_and_finding) {
	static const char *const cases[][2] = {
		{ "a = all", "f:1:5: expected a value, found all: a string is "
			     "written in quotes" },
		{ "a = 1\nb 2", "f:2:3: expected '=' or '.' after the key "
				"\"b\", found '2'" },
		{ "a = 1 b", "f:1:7: expected the end of the line, found 'b'" },
		{ "\xef\xbb\xbf= 1", "f:1:1: expected a key, found '='" },
		{ "\xc3\xa9 = 1", "f:1:1: expected a key, found U+00E9" },
		{ "a = 1\r\n[b]\nc = [1\n2]",
		  "f:4:1: expected ',' or ']' (of the '[' in line 3), found "
		  "'2'" },
		{ "a = 1\n\na = 2", "f:3:1: \"a\" is defined in line 1 "
				    "already: it is an integer" },
		{ "[a]\n[b]\n[a]",
		  "f:3:2: \"a\" is defined in line 1 already: it is a table" },
		{ "a = {b = 1}\na.c = 2",
		  "f:2:1: \"a\" is defined in line 1 already: it is an inline "
		  "table, to which nothing can be added" },
		{ "[[a]]\n[a]", "f:2:2: \"a\" is defined in line 1 already: it "
				"is an array of tables" },
		{ "a = []\n[[a]]", "f:2:3: \"a\" is defined in line 1 already: "
				   "it is an array" },
		{ "a = 9223372036854775808",
		  "f:1:5: the integer does not fit in 64 bits" },
		{ "a = 0x8000000000000000",
		  "f:1:5: the integer does not fit in 64 bits" },
		{ "a = 2001-02-29", "f:1:13: the day is 1 to 28, found 29" },
		{ "a = 24:00:00", "f:1:5: the hour is 0 to 23, found 24" },
		{ "a = 07:32", "f:1:10: expected ':', found the end of the "
			       "file" },
		{ "a = \"\"\"\n\nx", "f:3:2: expected \"\"\", which ends the "
				     "string that begins in line 1, found the "
				     "end of the file" },
		{ "a = \"\x01\"", "f:1:6: a string holds the control character "
				  "U+0001" },
		{ "# \x7f", "f:1:3: a comment holds the control character "
			    "U+007F" },
		{ "a = \"\\e\"", "f:1:6: expected one of b t n f r \" \\ u U "
				 "after '\\', found 'e'" },
		{ "a = \"\\uD800\"", "f:1:6: U+D800 is no character" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cfg_toml_parse, cases[i][0], cases[i][1]);
}
END_TEST

START_TEST(test_toml_values_have_the_places_of_their_lines) {
	static const char text[] = "# x\r\n[a.b]\n\"\xc3\xa9\" = [ 1,\n  2 ]\n";
	const struct cfg_node *array;
	struct parsed parsed;

	parsed_init(&parsed, cfg_toml_parse, text, strlen(text));
	array = cfg_node_get(cfg_node_get(cfg_node_get(parsed.root, "a"), "b"),
			     "\xc3\xa9");
	ck_assert_uint_eq(array->key_pos.line, 3);
	ck_assert_uint_eq(array->key_pos.column, 1);
	ck_assert_uint_eq(array->pos.column, 7);
	ck_assert_uint_eq(array->last->pos.line, 4);
	ck_assert_uint_eq(array->last->pos.column, 3);
	parsed_fini(&parsed);
}
END_TEST

START_TEST(test_toml_dates_are_told_apart_and_written_alike) {
	static const struct {
		const char *text;
		const char *want;
		enum cfg_datetime kind;
	} cases[] = {
		{ "a=1979-05-27t07:32:00z", "1979-05-27T07:32:00Z",
		  CFG_DATETIME_OFFSET },
		{ "a=1979-05-27 07:32:00.5-07:00",
		  "1979-05-27T07:32:00.5-07:00", CFG_DATETIME_OFFSET },
		{ "a=1979-05-27 07:32:00 # x", "1979-05-27T07:32:00",
		  CFG_DATETIME_LOCAL },
		{ "a=2000-02-29 # x", "2000-02-29", CFG_DATE_LOCAL },
		{ "a=23:59:60.999999999", "23:59:60.999999999",
		  CFG_TIME_LOCAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct cfg_node *node;
		struct parsed parsed;

		parsed_init(&parsed, cfg_toml_parse, cases[i].text,
			    strlen(cases[i].text));
		ck_assert_msg(parsed.root != NULL, "%s", parsed.line);
		node = cfg_node_get(parsed.root, "a");
		ck_assert_int_eq(node->type, CFG_DATETIME);
		ck_assert_int_eq(node->datetime, cases[i].kind);
		ck_assert_str_eq(node->text, cases[i].want);
		parsed_fini(&parsed);
	}
}
END_TEST

START_TEST(test_toml_lines_of_a_string_end_with_lf) {
	static const char text[] = "a = \"\"\"\r\nx\r\ny \\\r\n  z\"\"\"\r\n"
				   "b = '''\r\nx\r\n'''\r\nc = \"\\r\"";
	struct parsed parsed;

	parsed_init(&parsed, cfg_toml_parse, text, strlen(text));
	ck_assert_msg(parsed.root != NULL, "%s", parsed.line);
	ck_assert_str_eq(cfg_node_get(parsed.root, "a")->text, "x\ny z");
	ck_assert_str_eq(cfg_node_get(parsed.root, "b")->text, "x\n");
	ck_assert_str_eq(cfg_node_get(parsed.root, "c")->text, "\r");
	parsed_fini(&parsed);
}
END_TEST

/* The root is the first level, of which 64 are allowed. */
static void deep(char *text, const char *before, const char *part, size_t count,
		 const char *after)
{
	strncpy(text, before, 8);
	for (size_t i = 0; i < count; i++)
		strncat(text, part, 8);
	strncat(text, after, 8);
}

static void assert_depth(const char *before, const char *part, size_t allowed,
			 const char *after)
{
	static char text[1024];
	struct parsed parsed;

	deep(text, before, part, allowed, after);
	parsed_init(&parsed, cfg_toml_parse, text, strlen(text));
	ck_assert_msg(parsed.root != NULL, "%s: %s", text, parsed.line);
	parsed_fini(&parsed);
	deep(text, before, part, allowed + 1, after);
	parsed_init(&parsed, cfg_toml_parse, text, strlen(text));
	ck_assert_ptr_null(parsed.root);
	ck_assert_ptr_nonnull(strstr(parsed.line, "nested more than 64 deep"));
	parsed_fini(&parsed);
}

START_TEST(test_toml_depth_64_is_read_and_65_refused) {
	assert_depth("[", "a.", 62, "a]");
	assert_depth("[[", "a.", 61, "a]]");
	assert_depth("", "a.", 63, "a=1");
}
END_TEST

START_TEST(test_toml_depth_of_arrays_is_bounded) {
	size_t len = 1 << 20;
	char *text = malloc(len);
	struct parsed parsed;

	memset(text, '[', len);
	memcpy(text, "a=", 2);
	parsed_init(&parsed, cfg_toml_parse, text, len);
	ck_assert_ptr_null(parsed.root);
	ck_assert_str_eq(parsed.line, "f:1:66: tables and arrays are nested "
				      "more than 64 deep");
	parsed_fini(&parsed);
	free(text);
}
END_TEST

START_TEST(test_toml_more_than_8_mib_are_refused) {
	size_t len = 9 << 20;
	char *text = malloc(len);
	struct parsed parsed;

	memset(text, '\n', len);
	parsed_init(&parsed, cfg_toml_parse, text, len);
	ck_assert_ptr_null(parsed.root);
	ck_assert_str_eq(parsed.line,
			 "f: expected at most 8 MiB, found 9437184 bytes");
	parsed_fini(&parsed);
	parsed_init(&parsed, cfg_toml_parse, text, CFG_MAX_FILE_BYTES);
	ck_assert_ptr_nonnull(parsed.root);
	parsed_fini(&parsed);
	free(text);
}
END_TEST

/* Texts of so many members, which a parser could be slow at. */
static size_t keys_json5(char *text, size_t room, size_t count)
{
	size_t len = 0;

	text[len++] = '{';
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, room - len, "k%zu:%zu,", i,
					i % 10);
	text[len++] = '}';
	return len;
}

static size_t keys_toml(char *text, size_t room, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, room - len, "k%zu=%zu\n", i,
					i % 10);
	return len;
}

static size_t tables_toml(char *text, size_t room, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, room - len,
					"[a.t%zu]\n[[b.c]]\n", i);
	return len;
}

static size_t one_line_toml(char *text, size_t room, size_t count)
{
	size_t len = (size_t)snprintf(text, room, "a={");

	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, room - len, "%sx.k%zu=''",
					i ? "," : "", i);
	text[len++] = '}';
	return len;
}

static size_t spaces_toml(char *text, size_t room, size_t count)
{
	size_t len = (size_t)snprintf(text, room, "a=\"\"\"");

	for (size_t i = 0; i < count; i++) {
		memcpy(text + len, "\\ \n    ''\"\" ", 12);
		len += 12;
	}
	return len + (size_t)snprintf(text + len, room - len, "\"\"\"");
}

typedef size_t text_maker(char *text, size_t room, size_t count);

/* Processor time of the quickest of some rounds. */
static double cost(config_parser *parse, const char *text, size_t len)
{
	double best = 1e9;

	for (int i = 0; i < 7; i++) {
		struct parsed parsed;
		clock_t start = clock();
		double took;

		parsed_init(&parsed, parse, text, len);
		took = (double)(clock() - start);
		ck_assert_msg(parsed.root != NULL, "%s", parsed.line);
		parsed_fini(&parsed);
		if (took < best)
			best = took;
	}
	return best;
}

/*
 * Four times the size may take ten times the work (caches are only so large);
 * if each member were looked for among all others it would be sixteen.
 */
static void assert_linear(config_parser *parse, text_maker *make)
{
	size_t room = 8 << 20;
	char *text = malloc(room);
	double small, large;

	small = cost(parse, text, make(text, room, 25000));
	large = cost(parse, text, make(text, room, 100000));
	ck_assert_msg(large <= 10 * small, "%g after %g", large, small);
	free(text);
}

START_TEST(test_json5_work_grows_with_the_size_alone) {
	assert_linear(cfg_json5_parse, keys_json5);
}
END_TEST

START_TEST(test_toml_work_grows_with_the_size_alone) {
	assert_linear(cfg_toml_parse, keys_toml);
	assert_linear(cfg_toml_parse, tables_toml);
	assert_linear(cfg_toml_parse, one_line_toml);
	assert_linear(cfg_toml_parse, spaces_toml);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("toml");
	TCase *tcase = tcase_create("toml");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase,
		       test_toml_errors_say_place_expectation_and_finding);
	tcase_add_test(tcase, test_toml_values_have_the_places_of_their_lines);
	tcase_add_test(tcase, test_toml_dates_are_told_apart_and_written_alike);
	tcase_add_test(tcase, test_toml_lines_of_a_string_end_with_lf);
	tcase_add_test(tcase, test_toml_depth_64_is_read_and_65_refused);
	tcase_add_test(tcase, test_toml_depth_of_arrays_is_bounded);
	tcase_add_test(tcase, test_toml_more_than_8_mib_are_refused);
	tcase_add_test(tcase, test_json5_work_grows_with_the_size_alone);
	tcase_add_test(tcase, test_toml_work_grows_with_the_size_alone);
	suite_add_tcase(suite, tcase);
	return suite;
}
