// SPDX-License-Identifier: Apache-2.0
/*
 * Keys: what a terminal sends for a name.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/tools/keys.h"
#include "tests/unit/runner.h"

struct name {
	const char *name;
	const char *bytes;
	size_t len;
};
#define NAME(name, bytes) { name, bytes, sizeof(bytes) - 1 }

static const struct name names[] = {
	NAME("Enter", "\r"),
	NAME("enter", "\r"),
	NAME("Tab", "\t"),
	NAME("Escape", "\x1b"),
	NAME("Space", " "),
	NAME("BSpace", "\x7f"),
	NAME("BTab", "\x1b[Z"),
	NAME("S-Tab", "\x1b[Z"),
	NAME("Up", "\x1b[A"),
	NAME("Down", "\x1b[B"),
	NAME("Right", "\x1b[C"),
	NAME("Left", "\x1b[D"),
	NAME("Home", "\x1b[H"),
	NAME("End", "\x1b[F"),
	NAME("IC", "\x1b[2~"),
	NAME("DC", "\x1b[3~"),
	NAME("PPage", "\x1b[5~"),
	NAME("PageDown", "\x1b[6~"),
	NAME("F1", "\x1bOP"),
	NAME("F4", "\x1bOS"),
	NAME("F5", "\x1b[15~"),
	NAME("F12", "\x1b[24~"),
	NAME("C-c", "\x03"),
	NAME("c-C", "\x03"),
	NAME("^C", "\x03"),
	NAME("^[", "\x1b"),
	NAME("C-@", "\0"),
	NAME("C-Space", "\0"),
	NAME("C-?", "\x7f"),
	NAME("M-x", "\x1bx"),
	NAME("M-Enter", "\x1b\r"),
	NAME("C-M-d", "\x1b\x04"),
	NAME("S-a", "A"),
	NAME("S-Up", "\x1b[1;2A"),
	NAME("C-Left", "\x1b[1;5D"),
	NAME("C-M-S-F1", "\x1b[1;8P"),
	NAME("M-F5", "\x1b[15;3~"),
	NAME("a", "a"),
	NAME("-", "-"),
	NAME("C-", "C-"),
	NAME("^", "^"),
	NAME("ls -la", "ls -la"),
	NAME("Enterprise", "Enterprise"),
	NAME("\xc3\xa9", "\xc3\xa9"),
	NAME("", ""),
};

static struct keys keys;
static struct err err;

static void begin(void)
{
	keys = (struct keys){ .bytes = NULL };
	err = (struct err)ERR_INIT;
}

static void end(void)
{
	keys_fini(&keys);
}

static void expect(const char *bytes, size_t len)
{
	ck_assert_uint_eq(keys.len, len);
	if (len > 0)
		ck_assert_mem_eq(keys.bytes, bytes, len);
}

START_TEST(test_keys_name_is_what_a_terminal_sends)
{
	const struct name *one = &names[_i];

	ck_assert_int_eq(keys_add_name(&keys, one->name, strlen(one->name),
				       false, &err),
			 0);
	expect(one->bytes, one->len);
}
END_TEST

START_TEST(test_keys_enter_of_a_pipe_is_a_line_end)
{
	ck_assert_int_eq(keys_add_name(&keys, "Enter", 5, true, &err), 0);
	ck_assert_int_eq(keys_add_name(&keys, "Tab", 3, true, &err), 0);
	expect("\n\t", 2);
}
END_TEST

START_TEST(test_keys_modifiers_of_no_key_are_refused_by_name)
{
	static const char *const bad[] = { "C-Enterprise", "M-F99", "S-xy",
					   "C-M-Foo", "C-1" };

	ck_assert_int_eq(keys_add_name(&keys, bad[_i], strlen(bad[_i]), false,
				       &err),
			 -1);
	ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
	ck_assert_ptr_nonnull(strstr(err.text, bad[_i] + (_i == 4 ? 2 : 0)));
	ck_assert_uint_eq(keys.len, 0);
}
END_TEST

START_TEST(test_keys_hex_is_a_byte)
{
	ck_assert_int_eq(keys_add_hex(&keys, "0x1b", &err), 0);
	ck_assert_int_eq(keys_add_hex(&keys, "FF", &err), 0);
	ck_assert_int_eq(keys_add_hex(&keys, "0", &err), 0);
	ck_assert_int_eq(keys_add_hex(&keys, "7", &err), 0);
	expect("\x1b\xff\0\7", 4);
}
END_TEST

START_TEST(test_keys_what_is_no_byte_is_refused_by_name)
{
	static const char *const bad[] = { "", "0x", "g1", "1g", "1ff",
					   "0x1ff", "-1", " 1", "1 " };

	ck_assert_int_eq(keys_add_hex(&keys, bad[_i], &err), -1);
	ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
	ck_assert_ptr_nonnull(strstr(err.text, bad[_i]));
	ck_assert_uint_eq(keys.len, 0);
}
END_TEST

START_TEST(test_keys_paste_is_marked)
{
	ck_assert_int_eq(keys_add_paste(&keys, "a\nb", 3, true, &err), 0);
	expect("\x1b[200~a\nb\x1b[201~", 15);
}
END_TEST

START_TEST(test_keys_paste_without_marks_is_as_it_is)
{
	ck_assert_int_eq(keys_add_paste(&keys, "a\0b", 3, false, &err), 0);
	expect("a\0b", 3);
}
END_TEST

/* What follows the mark would be typed, not pasted. */
START_TEST(test_keys_end_mark_within_a_paste_goes)
{
	static const char text[] = "a\x1b[201~rm\x1b[201~";

	ck_assert_int_eq(keys_add_paste(&keys, text, sizeof(text) - 1, true,
					&err),
			 0);
	expect("\x1b[200~arm\x1b[201~", 15);
}
END_TEST

START_TEST(test_keys_of_more_than_the_bound_are_refused)
{
	char *text = calloc(1, KEYS_MAX_BYTES + 1);

	ck_assert_ptr_nonnull(text);
	ck_assert_int_eq(keys_add(&keys, text, KEYS_MAX_BYTES, &err), 0);
	ck_assert_int_eq(keys_add(&keys, text, 1, &err), -1);
	ck_assert_int_eq(err.code, ERR_LIMIT);
	ck_assert_uint_eq(keys.len, KEYS_MAX_BYTES);
	free(text);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("keys");
	TCase *tcase = tcase_create("keys");

	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_loop_test(tcase, test_keys_name_is_what_a_terminal_sends, 0,
			    sizeof(names) / sizeof(names[0]));
	tcase_add_test(tcase, test_keys_enter_of_a_pipe_is_a_line_end);
	tcase_add_loop_test(tcase,
			    test_keys_modifiers_of_no_key_are_refused_by_name,
			    0, 5);
	tcase_add_test(tcase, test_keys_hex_is_a_byte);
	tcase_add_loop_test(tcase, test_keys_what_is_no_byte_is_refused_by_name,
			    0, 9);
	tcase_add_test(tcase, test_keys_paste_is_marked);
	tcase_add_test(tcase, test_keys_paste_without_marks_is_as_it_is);
	tcase_add_test(tcase, test_keys_end_mark_within_a_paste_goes);
	tcase_add_test(tcase, test_keys_of_more_than_the_bound_are_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
