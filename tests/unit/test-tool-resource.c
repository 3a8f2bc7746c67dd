// SPDX-License-Identifier: Apache-2.0
/*
 * Files of the workspace as resources: all of them, once, a page at a time.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/uri.h"
#include "tests/unit/tool-rig.h"

static struct rig *rig;

static void setup(void)
{
	rig = rig_new();
}

static void teardown(void)
{
	rig_free(rig);
}

static json_t *page(const char *cursor)
{
	return rig_works(rig, "resources.list",
			 cursor ? json_pack("{s:s}", "cursor", cursor) :
				  json_object(),
			 NULL);
}

/* All URIs, one a line; the number of pages. Owned. */
static char *list_all(int *pages)
{
	char *cursor = NULL, *all = NULL;
	size_t len, index;
	FILE *out = open_memstream(&all, &len);

	*pages = 0;
	do {
		json_t *result = page(cursor), *item;
		const json_t *next = json_object_get(result, "nextCursor");

		ck_assert_int_lt(++*pages, 100);
		free(cursor);
		cursor = next ? strdup(json_string_value(next)) : NULL;
		json_array_foreach(json_object_get(result, "resources"), index,
				   item)
			fprintf(out, "%s\n", json_string_value(
						     json_object_get(item,
								     "uri")));
		json_decref(result);
	} while (cursor);
	ck_assert_int_eq(fclose(out), 0);
	return all;
}

START_TEST(test_resource_list_of_an_empty_workspace)
{
	int pages;
	char *all = list_all(&pages);

	ck_assert_str_eq(all, "");
	ck_assert_int_eq(pages, 1);
	free(all);
}
END_TEST

START_TEST(test_resource_list_has_regular_files_alone)
{
	int pages;
	char *all;

	rig_text(rig, "b/c/d.md", "x");
	rig_text(rig, "a", "x");
	rig_text(rig, "b.txt", "x");
	rig_text(rig, "link", "x");
	rig_find(rig, "link")->sys = ELOOP;
	rig_text(rig, ".git/config", "x");
	rig_text(rig, ".github/f", "x");
	all = list_all(&pages);
	ck_assert_str_eq(all, "creel://workspace/.github/f\n"
			      "creel://workspace/a\n"
			      "creel://workspace/b/c/d.md\n"
			      "creel://workspace/b.txt\n");
	ck_assert_int_eq(pages, 1);
	free(all);
}
END_TEST

START_TEST(test_resource_list_names_and_types)
{
	json_t *result, *item;

	rig_text(rig, "d/\xff %?#\n.MD", "x");
	result = page(NULL);
	item = json_array_get(json_object_get(result, "resources"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(item, "uri")),
			 "creel://workspace/d/%FF%20%25%3F%23%0A.MD");
	ck_assert_str_eq(json_string_value(json_object_get(item, "name")),
			 "d/\xef\xbf\xbd %?#\n.MD");
	ck_assert_str_eq(json_string_value(json_object_get(item, "mimeType")),
			 "text/markdown");
	json_decref(result);
}
END_TEST

START_TEST(test_resource_list_pages_hold_every_file_once)
{
	int pages, lines = 0;
	char *all, *save = NULL, last[64] = "";

	for (int i = 0; i < 700; i++) {
		char path[32];

		snprintf(path, sizeof(path), "%c/%c/f%d", 'a' + i % 7,
			 'a' + i % 5, i);
		rig_text(rig, i % 3 ? path : path + 4, "x");
	}
	all = list_all(&pages);
	ck_assert_int_eq(pages, 7);
	for (char *line = strtok_r(all, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		ck_assert_str_ne(line, last);
		snprintf(last, sizeof(last), "%s", line);
		ck_assert_ptr_nonnull(rig_find(rig, line + 18));
		rig_find(rig, line + 18)->mode++;
		lines++;
	}
	ck_assert_int_eq(lines, 700);
	for (int i = 0; i < RIG_FILES; i++)
		ck_assert(!rig->files[i].bytes || rig->files[i].mode == 0645);
	free(all);
}
END_TEST

START_TEST(test_resource_list_goes_on_where_many_folders_are)
{
	int pages, lines = 0;
	char *all;

	for (int i = 0; i < 600; i++) {
		char path[32];

		snprintf(path, sizeof(path), "d%d/x", i);
		rig_text(rig, path, "x");
	}
	all = list_all(&pages);
	for (const char *at = all; *at; at++)
		lines += *at == '\n';
	ck_assert_int_eq(lines, 600);
	free(all);
}
END_TEST

START_TEST(test_resource_list_cursor_of_what_is_gone)
{
	json_t *result;

	rig_text(rig, "a/1", "x");
	rig_text(rig, "c/1", "x");
	result = page(URI_WORKSPACE "b/2");
	ck_assert_uint_eq(json_array_size(json_object_get(result, "resources")),
			  1);
	json_decref(result);
	result = page(URI_WORKSPACE "a/1");
	ck_assert_uint_eq(json_array_size(json_object_get(result, "resources")),
			  1);
	json_decref(result);
	result = page(URI_WORKSPACE "zzz");
	ck_assert_uint_eq(json_array_size(json_object_get(result, "resources")),
			  0);
	json_decref(result);
	/* It names no place: it is only compared. */
	result = page(URI_WORKSPACE "../../etc");
	ck_assert_uint_eq(json_array_size(json_object_get(result, "resources")),
			  2);
	json_decref(result);
}
END_TEST

START_TEST(test_resource_list_wrong_cursor_is_an_error)
{
	static const char *const wrong[] = {
		"nonsense", "a/1", "creel://workspace",
		URI_WORKSPACE "%", URI_WORKSPACE "%1",
		URI_WORKSPACE "a%zz", URI_WORKSPACE "%00",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		rig_fails(rig, "resources.list",
			  json_pack("{s:s}", "cursor", wrong[i]),
			  "invalid_argument", "resources.list: cursor");
}
END_TEST

START_TEST(test_resource_list_depth_is_bounded)
{
	char path[256] = "f";
	int pages;
	char *all;

	for (int i = 0; i < 30; i++) {
		memmove(path + 2, path, strlen(path) + 1);
		memcpy(path, "d/", 2);
	}
	rig_text(rig, path, "x");
	rig_text(rig, "a", "x");
	all = list_all(&pages);
	ck_assert_str_eq(all, "creel://workspace/a\n");
	ck_assert_int_eq(rig->lists, 16);
	free(all);
}
END_TEST

START_TEST(test_resource_list_folder_that_is_closed_is_left_out)
{
	int pages;
	char *all;

	rig_text(rig, "a/1", "x");
	rig_text(rig, "b", "x");
	rig_find(rig, "a")->sys = EACCES;
	all = list_all(&pages);
	ck_assert_str_eq(all, "creel://workspace/b\n");
	free(all);
}
END_TEST

static json_t *content(const char *uri)
{
	json_t *result = rig_works(rig, "resources.read",
				   json_pack("{s:s}", "uri", uri), NULL);
	json_t *item = json_incref(json_array_get(
		json_object_get(result, "contents"), 0));

	json_decref(result);
	ck_assert_str_eq(json_string_value(json_object_get(item, "uri")), uri);
	return item;
}

static void holds(const char *uri, const char *type, const char *member,
		  const char *value)
{
	json_t *item = content(uri);
	const json_t *got = json_object_get(item, member);

	ck_assert_str_eq(json_string_value(json_object_get(item, "mimeType")),
			 type);
	ck_assert_ptr_nonnull(got);
	ck_assert_str_eq(json_string_value(got), value);
	ck_assert_uint_eq(json_object_size(item), 3);
	json_decref(item);
}

START_TEST(test_resource_read_text_or_blob)
{
	rig_text(rig, "d/a.txt", "t\xc3\xa4\r\n");
	holds("creel://workspace/d/a.txt", "text/plain", "text",
	      "t\xc3\xa4\r\n");
	rig_text(rig, "none", "");
	holds("creel://workspace/none", "text/plain", "text", "");
	rig_text(rig, "bin", "\xff\x01");
	holds("creel://workspace/bin", "application/octet-stream", "blob",
	      "/wE=");
	rig_put(rig, "nul.json", "a\0", 2);
	holds("creel://workspace/nul.json", "application/json", "blob", "YQA=");
	rig_text(rig, "pic", "GIF89a");
	holds("creel://workspace/pic", "image/gif", "text", "GIF89a");
}
END_TEST

START_TEST(test_resource_read_exact_bytes_of_a_name)
{
	rig_text(rig, "\xff\n%\xc2\xa0~", "1");
	holds("creel://workspace/%FF%0a%25%C2%A0~", "text/plain", "text", "1");
	rig_text(rig, "~/x", "2");
	holds("creel://workspace/~/x", "text/plain", "text", "2");
}
END_TEST

START_TEST(test_resource_read_refusals)
{
	static const char *const wrong[] = {
		"file:///etc/passwd", "creel://other/a", "creel://workspace",
		"creel://workspace/%", "creel://workspace/a%00b",
		"creel://workspace/%4",
	};
	static const char *const outside[] = {
		"creel://workspace/../x", "creel://workspace/%2e%2e/x",
		"creel://workspace/a/../../x", "creel://workspace/..",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		rig_fails(rig, "resources.read",
			  json_pack("{s:s}", "uri", wrong[i]),
			  "invalid_argument", "resources.read: uri: expected");
	for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++)
		rig_fails(rig, "resources.read",
			  json_pack("{s:s}", "uri", outside[i]), "denied",
			  "Path escapes sandbox root");
	rig_fails(rig, "resources.read",
		  json_pack("{s:s}", "uri", "creel://workspace/missing"),
		  "not_found", "creel://workspace/missing: no such file");
	ck_assert_int_eq(rig->reads, 1);
}
END_TEST

START_TEST(test_resource_read_leads_nowhere_on_the_host_either)
{
	rig->env.sandboxed = rig->env.confined = false;
	rig->env.root = "/home/u/agent";
	rig_fails(rig, "resources.read",
		  json_pack("{s:s}", "uri", "creel://workspace/../x"),
		  "denied", "Path escapes workspace root");
	rig_text(rig, "etc/passwd", "1");
	holds("creel://workspace//etc/passwd", "text/plain", "text", "1");
	ck_assert_str_eq(rig->root, "/home/u/agent");
	ck_assert(rig->confined);
}
END_TEST

START_TEST(test_resource_of_minibot_begin_at_root_dir)
{
	int pages;
	char *all;

	rig_toml(rig, "[tools.file_storage]\nroot_dir = \"data\"\n"
		      "allow_outside_root = true\n");
	all = list_all(&pages);
	ck_assert_str_eq(all, "");
	free(all);
	rig_text(rig, "data/x", "1");
	rig_text(rig, "y", "2");
	all = list_all(&pages);
	ck_assert_str_eq(all, "creel://workspace/x\n");
	free(all);
	holds("creel://workspace/x", "text/plain", "text", "1");
	rig_fails(rig, "resources.read",
		  json_pack("{s:s}", "uri", "creel://workspace/../y"),
		  "denied", "escapes");
}
END_TEST

START_TEST(test_resource_tools_are_in_no_list)
{
	for (size_t i = 0; tool_all()[i]; i++) {
		const struct tool *tool = tool_all()[i];
		const bool resource = strncmp(tool->name, "resources.", 10) == 0;

		ck_assert(resource == ((tool->flags & TOOL_HIDDEN) != 0));
		if (resource)
			ck_assert_str_eq(tool->policy, "read");
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-resource");
	TCase *tcase = tcase_create("resources");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_resource_list_of_an_empty_workspace);
	tcase_add_test(tcase, test_resource_list_has_regular_files_alone);
	tcase_add_test(tcase, test_resource_list_names_and_types);
	tcase_add_test(tcase, test_resource_list_pages_hold_every_file_once);
	tcase_add_test(tcase,
		       test_resource_list_goes_on_where_many_folders_are);
	tcase_add_test(tcase, test_resource_list_cursor_of_what_is_gone);
	tcase_add_test(tcase, test_resource_list_wrong_cursor_is_an_error);
	tcase_add_test(tcase, test_resource_list_depth_is_bounded);
	tcase_add_test(tcase,
		       test_resource_list_folder_that_is_closed_is_left_out);
	tcase_add_test(tcase, test_resource_read_text_or_blob);
	tcase_add_test(tcase, test_resource_read_exact_bytes_of_a_name);
	tcase_add_test(tcase, test_resource_read_refusals);
	tcase_add_test(tcase,
		       test_resource_read_leads_nowhere_on_the_host_either);
	tcase_add_test(tcase, test_resource_of_minibot_begin_at_root_dir);
	tcase_add_test(tcase, test_resource_tools_are_in_no_list);
	suite_add_tcase(suite, tcase);
	return suite;
}
