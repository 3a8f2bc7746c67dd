// SPDX-License-Identifier: Apache-2.0
/*
 * Subordinate ids are parsed strictly, maps hold what they should.
 */
#include <config.h>

#include "helper/userns.h"

#include "tests/unit/runner.h"

static struct hlp_subid found;

static bool finds(const char *text)
{
	found = (struct hlp_subid){ 0 };
	return hlp_subid_find(text, "ann", 1000, &found);
}

START_TEST(test_userns_subid_by_name_and_number) {
	ck_assert(finds("bob:100000:65536\nann:165536:65536\n"));
	ck_assert_uint_eq(found.first, 165536);
	ck_assert_uint_eq(found.count, 65536);
	ck_assert(finds("1000:200000:10"));
	ck_assert_uint_eq(found.first, 200000);
	/* The first that is well formed, of several. */
	ck_assert(finds("ann:x:5\nann:300000:5\nann:400000:5\n"));
	ck_assert_uint_eq(found.first, 300000);
}
END_TEST

START_TEST(test_userns_subid_of_others_ignored) {
	ck_assert(!finds(""));
	ck_assert(!finds("\n\n"));
	ck_assert(!finds("anna:100000:65536\nan:100000:65536\n"));
	ck_assert(!finds("10000:100000:65536\n100:1:1\n"));
	ck_assert(!hlp_subid_find(":100000:5\n", "", 1000, &found));
	/* A name that looks like a number is the number. */
	ck_assert(!hlp_subid_find("1001:100000:5\n", "1001", 1000, &found));
}
END_TEST

START_TEST(test_userns_subid_malformed_refused) {
	static const char *const bad[] = {
		"ann",
		"ann:",
		"ann:100000",
		"ann:100000:",
		"ann::65536",
		"ann:0:65536",
		"ann:100000:0",
		"ann:-1:65536",
		"ann:+5:65536",
		"ann: 5:65536",
		"ann:0x10:65536",
		"ann:010:65536",
		"ann:100000:65536:1",
		"ann:100000:65536 ",
		"ann:100000:65536\r",
		"ann:4294967295:1",
		"ann:4294967290:10",
		"ann:99999999999:1",
		"ann:100000:4294967295",
		" ann:100000:65536",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!finds(bad[i]), "%s", bad[i]);
}
END_TEST

static void ck_extent(const struct hlp_map *map, uint32_t i, uint32_t inside,
		      uint32_t outside, uint32_t count)
{
	ck_assert_uint_lt(i, map->n);
	ck_assert_uint_eq(map->extent[i].inside, inside);
	ck_assert_uint_eq(map->extent[i].outside, outside);
	ck_assert_uint_eq(map->extent[i].count, count);
}

START_TEST(test_userns_map_around_every_place) {
	const struct hlp_extent rest = { 0, 5000, 100 };
	struct hlp_map map = { .n = 0 };

	hlp_map_around(&map, 10, 7, rest);
	ck_assert_uint_eq(map.n, 3);
	ck_extent(&map, 0, 0, 5000, 10);
	ck_extent(&map, 1, 10, 7, 1);
	ck_extent(&map, 2, 11, 5011, 89);
	map.n = 0;
	hlp_map_around(&map, 0, 7, rest);
	ck_assert_uint_eq(map.n, 2);
	ck_extent(&map, 0, 0, 7, 1);
	ck_extent(&map, 1, 1, 5001, 99);
	map.n = 0;
	hlp_map_around(&map, 99, 7, rest);
	ck_assert_uint_eq(map.n, 2);
	ck_extent(&map, 1, 99, 7, 1);
	map.n = 0;
	hlp_map_around(&map, 60000, 7, rest);
	ck_assert_uint_eq(map.n, 2);
	ck_extent(&map, 0, 0, 5000, 100);
	ck_extent(&map, 1, 60000, 7, 1);
	/* No range at all: the one id. */
	map.n = 0;
	hlp_map_around(&map, 1000, 0, (struct hlp_extent){ 0, 1, 0 });
	ck_assert_uint_eq(map.n, 1);
	ck_extent(&map, 0, 1000, 0, 1);
}
END_TEST

START_TEST(test_userns_map_mirror_changes_nothing) {
	struct hlp_map outer = { .n = 0 }, inner;

	hlp_map_around(&outer, 10, 7, (struct hlp_extent){ 0, 5000, 100 });
	hlp_map_mirror(&inner, &outer);
	ck_assert_uint_eq(inner.n, 3);
	for (uint32_t i = 0; i < inner.n; i++)
		ck_extent(&inner, i, outer.extent[i].inside,
			  outer.extent[i].inside, outer.extent[i].count);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("userns");
	TCase *all = tcase_create("userns");

	tcase_add_test(all, test_userns_subid_by_name_and_number);
	tcase_add_test(all, test_userns_subid_of_others_ignored);
	tcase_add_test(all, test_userns_subid_malformed_refused);
	tcase_add_test(all, test_userns_map_around_every_place);
	tcase_add_test(all, test_userns_map_mirror_changes_nothing);
	suite_add_tcase(suite, all);
	return suite;
}
