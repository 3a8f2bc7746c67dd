// SPDX-License-Identifier: Apache-2.0
/*
 * Results as text: what is written is what is read again.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/tools/tool.h"
#include "tests/unit/runner.h"

/* Takes the value over. */
static void expect(json_t *value, const char *want)
{
	size_t len = 0;
	char *text = tool_dump(value, &len);

	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, want);
	ck_assert_uint_eq(len, strlen(want));
	free(text);
	json_decref(value);
}

START_TEST(test_dump_each_kind_is_compact)
{
	expect(json_object(), "{}");
	expect(json_array(), "[]");
	expect(json_null(), "null");
	expect(json_pack("{s:b, s:n, s:I, s:f, s:[i, i], s:{}}", "a", 1, "b",
			 "c", (json_int_t)-7, "d", 0.25, "e", 1, 2, "f"),
	       "{\"a\":true,\"b\":null,\"c\":-7,\"d\":0.25,\"e\":[1,2],\"f\":{}}");
	expect(json_integer(INT64_MIN), "-9223372036854775808");
	expect(json_real(1e300), "1e300");
	expect(json_real(12.0), "12.0");
}
END_TEST

START_TEST(test_dump_strings_are_escaped_where_they_must)
{
	expect(json_string(""), "\"\"");
	expect(json_string("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
	expect(json_string("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
	expect(json_stringn("a\0b\x1f\x7f", 5), "\"a\\u0000b\\u001f\x7f\"");
	expect(json_string("\xe2\x82\xac\xf0\x9f\x98\x80"),
	       "\"\xe2\x82\xac\xf0\x9f\x98\x80\"");
	expect(json_pack("{s:i}", "k\"\n", 1), "{\"k\\\"\\n\":1}");
}
END_TEST

/* Any bytes below 0x80, which are UTF-8 whatever their order. */
START_TEST(test_dump_whatever_is_in_a_string_comes_back)
{
	char bytes[3000];
	char *text;
	json_t *value, *again;
	size_t len;

	srand(4711);
	for (int round = 0; round < 200; round++) {
		size_t n = (size_t)rand() % sizeof(bytes);

		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)(rand() % 0x80);
		value = json_pack("[{s:s%}]", "x", bytes, n);
		text = tool_dump(value, &len);
		ck_assert_ptr_nonnull(text);
		again = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
		ck_assert(json_equal(value, again));
		json_decref(value);
		json_decref(again);
		free(text);
	}
}
END_TEST

/**
 * test_suite() - the tests of this unit
 */
Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-dump");
	TCase *tcase = tcase_create("tool-dump");

	tcase_add_test(tcase, test_dump_each_kind_is_compact);
	tcase_add_test(tcase, test_dump_strings_are_escaped_where_they_must);
	tcase_add_test(tcase, test_dump_whatever_is_in_a_string_comes_back);
	suite_add_tcase(suite, tcase);
	return suite;
}
