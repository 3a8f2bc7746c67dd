// SPDX-License-Identifier: Apache-2.0
/*
 * The tree of a configuration: members, index, copies, and what becomes of a
 * file when memory ends.
 */
#include <config.h>

#include "controller/config/tree.h"

#include <stdio.h>
#include <string.h>

#include "controller/config/utf8.h"
#include "tests/unit/config-text.h"
#include "tests/unit/runner.h"

/* Allocations that succeed from now on; the linker leads malloc() here. */
static long left = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool fails(void)
{
	if (left < 0)
		return false;
	if (left == 0)
		return true;
	left--;
	return false;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

static struct cfg_node *member(struct cfg_tree *tree, const char *key,
			       int64_t value)
{
	struct cfg_node *node = cfg_node_new(tree, CFG_INTEGER);

	ck_assert_ptr_nonnull(node);
	ck_assert_int_eq(cfg_node_set_key(tree, node, key, strlen(key)), 0);
	node->integer = value;
	return node;
}

START_TEST(test_tree_members_are_found_in_objects_of_any_size) {
	struct cfg_tree *tree = cfg_tree_new();
	struct cfg_node *object = cfg_node_new(tree, CFG_OBJECT);
	char key[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		ck_assert_ptr_null(cfg_node_get(object, key));
		cfg_node_append(object, member(tree, key, i));
		for (int j = 0; j <= i; j += 1 + i / 7) {
			snprintf(key, sizeof(key), "key-%d", j);
			ck_assert_int_eq(cfg_node_get(object, key)->integer, j);
		}
	}
	ck_assert_uint_eq(object->count, 1000);
	ck_assert_ptr_null(cfg_node_get(object, "key-1000"));
	ck_assert_ptr_null(cfg_node_get(object, ""));
	cfg_tree_free(tree);
}
END_TEST

START_TEST(test_tree_first_of_equal_names_is_found) {
	struct cfg_tree *tree = cfg_tree_new();
	struct cfg_node *object = cfg_node_new(tree, CFG_OBJECT);
	char key[32];

	for (int i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "%d", i % 10);
		cfg_node_append(object, member(tree, key, i));
		ck_assert_int_eq(cfg_node_get(object, key)->integer, i % 10);
	}
	cfg_tree_free(tree);
}
END_TEST

START_TEST(test_tree_names_with_nul_are_told_apart) {
	struct cfg_tree *tree = cfg_tree_new();
	struct cfg_node *object = cfg_node_new(tree, CFG_OBJECT);
	struct cfg_node *node = cfg_node_new(tree, CFG_NULL);

	ck_assert_int_eq(cfg_node_set_key(tree, node, "a\0b", 3), 0);
	cfg_node_append(object, node);
	ck_assert_ptr_null(cfg_node_get(object, "a"));
	ck_assert_ptr_eq(cfg_node_getn(object, "a\0b", 3), node);
	ck_assert_ptr_null(cfg_node_getn(object, "a\0c", 3));
	cfg_tree_free(tree);
}
END_TEST

START_TEST(test_tree_what_is_no_object_has_no_members) {
	struct cfg_tree *tree = cfg_tree_new();
	struct cfg_node *array = cfg_node_new(tree, CFG_ARRAY);

	cfg_node_append(array, cfg_node_new(tree, CFG_NULL));
	ck_assert_ptr_null(cfg_node_get(array, "a"));
	ck_assert_ptr_null(cfg_node_get(NULL, "a"));
	cfg_tree_free(tree);
}
END_TEST

START_TEST(test_tree_copy_is_whole_and_outlives_the_original) {
	static const char text[] = "{a: [1, 'two', {three: 3.5}], b: null, "
				   "c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 7}";
	struct cfg_tree *tree = cfg_tree_new();
	struct cfg_node *copy;
	struct parsed parsed;
	const struct cfg_node *array;

	parsed_init(&parsed, cfg_json5_parse, text, strlen(text));
	copy = cfg_node_copy(tree, cfg_node_get(parsed.root, "a"));
	ck_assert_ptr_null(copy->next);
	ck_assert_str_eq(copy->key, "a");
	copy = cfg_node_copy(tree, parsed.root);
	parsed_fini(&parsed);
	array = cfg_node_get(copy, "a");
	ck_assert_uint_eq(array->count, 3);
	ck_assert_str_eq(array->first->next->text, "two");
	ck_assert_double_eq(cfg_node_get(array->last, "three")->real, 3.5);
	ck_assert_int_eq(cfg_node_get(copy, "i")->integer, 7);
	ck_assert_uint_eq(copy->count, 9);
	cfg_tree_free(tree);
}
END_TEST

START_TEST(test_tree_no_more_nodes_than_the_limit) {
	struct cfg_tree *tree = cfg_tree_new();

	for (int i = 0; i < CFG_MAX_NODES; i++)
		if (!cfg_node_new(tree, CFG_NULL))
			ck_abort_msg("after %d", i);
	ck_assert_ptr_null(cfg_node_new(tree, CFG_NULL));
	ck_assert_ptr_null(cfg_node_new(tree, CFG_OBJECT));
	cfg_tree_free(tree);
}
END_TEST

/* A text of many chunks, with a table that has an index. */
static size_t large(char *text, size_t size)
{
	size_t len = 0;

	for (int i = 0; len + 100 < size; i++)
		len += (size_t)snprintf(text + len, size - len,
					"k%d = ['%060d', {a.b = 1}]\n", i, i);
	return len;
}

START_TEST(test_tree_out_of_memory_is_an_error_like_any_other) {
	static char text[100000];
	size_t len = large(text, sizeof(text));
	struct parsed parsed;
	bool whole = false;
	long i;

	for (i = 0; !whole; i++) {
		struct cfg_problems problems = CFG_PROBLEMS_INIT;
		struct cfg_tree *tree = cfg_tree_new();

		left = i;
		whole = cfg_toml_parse(tree, text, len, 0, &problems);
		left = -1;
		ck_assert_uint_eq(problems.errors, whole ? 0 : 1);
		cfg_problems_fini(&problems);
		cfg_tree_free(tree);
	}
	/* More than the first chunk, and few enough to be quick. */
	ck_assert_int_gt(i, 3);
	ck_assert_int_lt(i, 100);
	parsed_init(&parsed, cfg_toml_parse, text, len);
	ck_assert_ptr_nonnull(parsed.root);
	parsed_fini(&parsed);
}
END_TEST

START_TEST(test_utf8_overlong_surrogates_and_cut_ones_are_invalid) {
	static const char *const bad[] = {
		"\x80",
		"\xc0\x80",
		"\xc1\xbf",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xe2\x82",
		"\xf0\x9f\x98",
		"\xc3",
		"\xc3(",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_uint_eq(cfg_utf8_valid(bad[i], strlen(bad[i])), 0);
}
END_TEST

START_TEST(test_utf8_every_character_comes_back) {
	char bytes[5] = "";

	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		size_t len = cfg_utf8_is_scalar(c) ? cfg_utf8_put(bytes, c) : 0;
		uint32_t back;

		if (len == 0)
			continue;
		if (cfg_utf8_valid(bytes, len) != len ||
		    cfg_utf8_get(bytes, &back) != len || back != c)
			ck_abort_msg("U+%04X", (unsigned int)c);
	}
	ck_assert(!cfg_utf8_is_scalar(0xd800));
	ck_assert(!cfg_utf8_is_scalar(0xdfff));
	ck_assert(!cfg_utf8_is_scalar(0x110000));
}
END_TEST

START_TEST(test_type_name_each_has_one) {
	for (int type = CFG_NULL; type <= CFG_OBJECT; type++)
		ck_assert_str_ne(cfg_type_name((enum cfg_type)type), "nothing");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("tree");
	TCase *tcase = tcase_create("tree");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase,
		       test_tree_members_are_found_in_objects_of_any_size);
	tcase_add_test(tcase, test_tree_first_of_equal_names_is_found);
	tcase_add_test(tcase, test_tree_names_with_nul_are_told_apart);
	tcase_add_test(tcase, test_tree_what_is_no_object_has_no_members);
	tcase_add_test(tcase,
		       test_tree_copy_is_whole_and_outlives_the_original);
	tcase_add_test(tcase, test_tree_no_more_nodes_than_the_limit);
	tcase_add_test(tcase,
		       test_tree_out_of_memory_is_an_error_like_any_other);
	tcase_add_test(tcase,
		       test_utf8_overlong_surrogates_and_cut_ones_are_invalid);
	tcase_add_test(tcase, test_utf8_every_character_comes_back);
	tcase_add_test(tcase, test_type_name_each_has_one);
	suite_add_tcase(suite, tcase);
	return suite;
}
