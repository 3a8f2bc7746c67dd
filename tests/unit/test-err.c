// SPDX-License-Identifier: Apache-2.0
/*
 * Error values and the arena.
 */
#include <config.h>

#include "proto/err.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "proto/arena.h"
#include "tests/unit/runner.h"

START_TEST(test_err_set_keeps_code_text_and_errno)
{
	struct err err = ERR_INIT;

	errno = EXDEV;
	ck_assert_int_eq(err_set(&err, ERR_DENIED, EACCES, "bind %s", "/x"),
			 -1);
	ck_assert_int_eq(errno, EXDEV);
	ck_assert_int_eq(err.code, ERR_DENIED);
	ck_assert_int_eq(err.sys, EACCES);
	ck_assert_str_eq(err.text, "bind /x: Permission denied");
}
END_TEST

START_TEST(test_err_wrap_puts_context_before)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_LIMIT, 0, "too many");
	ck_assert_int_eq(err_wrap(&err, "mount %d", 7), -1);
	ck_assert_int_eq(err.code, ERR_LIMIT);
	ck_assert_str_eq(err.text, "mount 7: too many");
}
END_TEST

START_TEST(test_err_long_text_is_cut)
{
	struct err err = ERR_INIT;
	char name[1000];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	err_set(&err, ERR_KERNEL, EPERM, "%s", name);
	ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
	for (int i = 0; i < 100; i++)
		err_wrap(&err, "again and again and again");
	ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
}
END_TEST

START_TEST(test_err_unknown_errno_has_a_text)
{
	ck_assert_str_eq(err_sys_text(99999), "unknown error");
	ck_assert_str_eq(err_sys_text(-1), "unknown error");
}
END_TEST

START_TEST(test_arena_exhausted_gives_null)
{
	static alignas(max_align_t) unsigned char memory[256];
	struct arena arena;
	ProtobufCAllocator *a;
	void *first;

	arena_init(&arena, memory, sizeof(memory));
	a = &arena.allocator;
	first = a->alloc(a->allocator_data, 1);
	ck_assert_ptr_nonnull(first);
	ck_assert_uint_eq((uintptr_t)first % alignof(max_align_t), 0);
	ck_assert_uint_eq(arena.used, alignof(max_align_t));
	ck_assert_ptr_null(a->alloc(a->allocator_data, 256));
	ck_assert_ptr_null(a->alloc(a->allocator_data, SIZE_MAX));
	ck_assert_ptr_null(a->alloc(a->allocator_data, SIZE_MAX - 8));
	ck_assert_ptr_null(a->alloc(a->allocator_data, SIZE_MAX / 2));
	ck_assert_ptr_nonnull(a->alloc(a->allocator_data, 240));
	ck_assert_ptr_null(a->alloc(a->allocator_data, 1));
	a->free(a->allocator_data, first);
	ck_assert_ptr_null(a->alloc(a->allocator_data, 1));
	arena_reset(&arena);
	ck_assert_ptr_eq(a->alloc(a->allocator_data, 1), first);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("err");
	TCase *tc = tcase_create("err");

	tcase_add_test(tc, test_err_set_keeps_code_text_and_errno);
	tcase_add_test(tc, test_err_wrap_puts_context_before);
	tcase_add_test(tc, test_err_long_text_is_cut);
	tcase_add_test(tc, test_err_unknown_errno_has_a_text);
	tcase_add_test(tc, test_arena_exhausted_gives_null);
	suite_add_tcase(suite, tc);
	return suite;
}
