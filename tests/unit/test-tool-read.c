// SPDX-License-Identifier: Apache-2.0
/*
 * read and write: which part of a file is shown, and what a write leaves.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tool-rig.h"

static struct rig *rig;
static char *text;
static json_t *more;

static void setup(void)
{
	rig = rig_new();
}

static void teardown(void)
{
	json_decref(more);
	more = NULL;
	free(text);
	text = NULL;
	rig_free(rig);
}

static void reads(json_t *args)
{
	json_decref(more);
	free(text);
	more = rig_works(rig, "read", args, &text);
}

static void read_all(const char *path)
{
	reads(json_pack("{s:s}", "path", path));
}

static void read_part(const char *path, int offset, int limit)
{
	reads(json_pack("{s:s, s:i, s:i}", "path", path, "offset", offset,
			"limit", limit));
}

static json_int_t number(const char *name)
{
	ck_assert(json_is_integer(json_object_get(more, name)));
	return json_integer_value(json_object_get(more, name));
}

static bool flag(const char *name)
{
	return json_is_true(json_object_get(more, name));
}

/* Lines "1" to "@n". */
static void put_lines(const char *path, int n)
{
	size_t len = 0;
	char *all = NULL;
	FILE *out = open_memstream(&all, &len);

	for (int i = 1; i <= n; i++)
		fprintf(out, "%d\n", i);
	ck_assert_int_eq(fclose(out), 0);
	rig_put(rig, path, all, len);
	free(all);
}

START_TEST(test_read_small_file_is_shown_as_it_is)
{
	rig_text(rig, "a", "one\ntwo\n");
	read_all("a");
	ck_assert_str_eq(text, "one\ntwo\n");
	ck_assert_int_eq(number("size"), 8);
	ck_assert_int_eq(number("lines"), 2);
	ck_assert_int_eq(number("offset"), 1);
	ck_assert(!flag("truncated"));
	ck_assert_str_eq(json_string_value(json_object_get(more, "text")),
			 text);
	ck_assert(flag("sandboxed"));
	ck_assert(json_is_number(json_object_get(more, "durationMs")));
}
END_TEST

START_TEST(test_read_alias_file_path)
{
	rig_text(rig, "a", "x");
	reads(json_pack("{s:s}", "file_path", "/workspace/a"));
	ck_assert_str_eq(text, "x");
}
END_TEST

START_TEST(test_read_empty_file_is_empty)
{
	rig_text(rig, "a", "");
	read_all("a");
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(number("lines"), 0);
}
END_TEST

START_TEST(test_read_2000_lines_then_says_how_to_go_on)
{
	put_lines("a", 2001);
	read_all("a");
	ck_assert_ptr_nonnull(strstr(text, "\n2000\n\n[Showing lines 1-2000. "
					   "Use offset=2001 to continue.]"));
	ck_assert_ptr_null(strstr(text, "\n2001\n"));
	ck_assert(flag("truncated"));
	ck_assert_int_eq(number("nextOffset"), 2001);
	read_part("a", 2001, 2000);
	ck_assert_str_eq(text, "2001\n");
	ck_assert_ptr_null(json_object_get(more, "nextOffset"));
}
END_TEST

START_TEST(test_read_exactly_2000_lines_is_all)
{
	put_lines("a", 2000);
	read_all("a");
	ck_assert_ptr_null(strchr(text, '['));
	ck_assert_int_eq(number("lines"), 2000);
}
END_TEST

START_TEST(test_read_offset_and_limit)
{
	put_lines("a", 10);
	read_part("a", 3, 2);
	ck_assert_str_eq(text, "3\n4\n\n[Showing lines 3-4. Use offset=5 to "
			       "continue.]");
	read_part("a", 10, 5);
	ck_assert_str_eq(text, "10\n");
	/* A limit beyond the bound is the bound. */
	put_lines("b", 5000);
	read_part("b", 1, 4000);
	ck_assert_int_eq(number("nextOffset"), 2001);
}
END_TEST

START_TEST(test_read_goes_through_a_file_in_parts)
{
	char *all = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&all, &len);
	int next = 1, parts = 0;

	put_lines("a", 7777);
	while (next) {
		read_part("a", next, 1000);
		fputs(json_string_value(json_object_get(more, "text")), out);
		next = json_object_get(more, "nextOffset") ?
			       (int)number("nextOffset") :
			       0;
		parts++;
	}
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(parts, 8);
	rig_is(rig, "a", all);
	free(all);
}
END_TEST

START_TEST(test_read_offset_beyond_the_end_says_how_many_lines)
{
	rig_text(rig, "a", "1\n2\n3");
	rig_fails(rig, "read", json_pack("{s:s, s:i}", "path", "a", "offset", 4),
		  "invalid_argument",
		  "Offset 4 is beyond the end of the file (3 lines in all)");
	rig_text(rig, "e", "");
	rig_fails(rig, "read", json_pack("{s:s, s:i}", "path", "e", "offset", 2),
		  "invalid_argument", "(0 lines in all)");
}
END_TEST

START_TEST(test_read_bytes_are_bounded_at_whole_lines)
{
	char line[101], *all = calloc(1, 60001);

	memset(line, 'x', 99);
	line[99] = '\n';
	line[100] = '\0';
	for (int i = 0; i < 600; i++)
		memcpy(all + 100 * i, line, 100);
	rig_put(rig, "a", all, 60000);
	read_all("a");
	ck_assert_int_eq(number("lines"), 512);
	ck_assert_int_eq(number("nextOffset"), 513);
	ck_assert_uint_eq(strstr(text, "\n[Showing") - text, 51200);
	read_part("a", 513, 2000);
	ck_assert_int_eq(number("lines"), 88);
	free(all);
}
END_TEST

START_TEST(test_read_line_longer_than_the_bound_is_cut)
{
	char *all = malloc(60002);

	memset(all, 'x', 60000);
	memcpy(all + 60000, "\nb", 2);
	/* Two bytes across the bound are one character. */
	memcpy(all + TOOL_TEXT_MAX_BYTES - 1, "\xc3\xa4", 2);
	rig_put(rig, "a", all, 60002);
	read_all("a");
	ck_assert_ptr_nonnull(strstr(text, "\n\n[Line 1 has more than 51200 "
					   "bytes; its beginning is shown. Use "
					   "offset=2 to continue.]"));
	ck_assert(!flag("invalidUtf8"));
	ck_assert_uint_eq(strspn(text, "x"), TOOL_TEXT_MAX_BYTES - 1);
	read_part("a", 2, 1);
	ck_assert_str_eq(text, "b");
	free(all);
}
END_TEST

START_TEST(test_read_crlf_bom_and_controls_are_kept)
{
	rig_text(rig, "a", "\xef\xbb\xbf" "a\r\nb\r\n\033[31m\x7f\n");
	read_all("a");
	ck_assert_str_eq(text, "\xef\xbb\xbf" "a\r\nb\r\n\033[31m\x7f\n");
}
END_TEST

START_TEST(test_read_invalid_utf8_is_replaced_and_said)
{
	rig_text(rig, "a", "a\xff" "b\xc3\n");
	read_all("a");
	ck_assert_str_eq(text, "a\xef\xbf\xbd" "b\xef\xbf\xbd\n\n[Bytes that "
			       "are not UTF-8 are shown as U+FFFD.]");
	ck_assert(flag("invalidUtf8"));
}
END_TEST

START_TEST(test_read_binary_is_refused_with_its_size)
{
	rig_put(rig, "a", "ELF\0\1\2", 6);
	rig_fails(rig, "read", json_pack("{s:s}", "path", "a"), "binary",
		  "a file of 6 bytes with NUL bytes");
}
END_TEST

static const struct {
	const char *bytes;
	size_t len;
	const char *mime, *base64;
} images[] = {
	{ "\x89PNG\r\n\x1a\n\0\1", 10, "image/png", "iVBORw0KGgoAAQ==" },
	{ "\xff\xd8\xff\xe0\0", 5, "image/jpeg", "/9j/4AA=" },
	{ "GIF87a\1\0", 8, "image/gif", "R0lGODdhAQA=" },
	{ "GIF89a\1", 7, "image/gif", "R0lGODlhAQ==" },
	{ "RIFF\4\0\0\0WEBP", 12, "image/webp", "UklGRgQAAABXRUJQ" },
};

START_TEST(test_read_image_is_base64_with_its_type)
{
	json_t *result, *item;

	rig_put(rig, "a", images[_i].bytes, images[_i].len);
	result = rig_call(rig, "read", json_pack("{s:s}", "path", "a"));
	ck_assert(json_is_false(json_object_get(result, "isError")));
	item = json_array_get(json_object_get(result, "content"), 1);
	ck_assert_str_eq(json_string_value(json_object_get(item, "type")),
			 "image");
	ck_assert_str_eq(json_string_value(json_object_get(item, "mimeType")),
			 images[_i].mime);
	ck_assert_str_eq(json_string_value(json_object_get(item, "data")),
			 images[_i].base64);
	json_decref(result);
}
END_TEST

START_TEST(test_read_large_image_is_whole)
{
	char *bytes = calloc(1, 300000);
	json_t *result;
	const char *data;

	memcpy(bytes, "\x89PNG\r\n\x1a\n", 8);
	rig_put(rig, "a", bytes, 300000);
	result = rig_call(rig, "read", json_pack("{s:s}", "path", "a"));
	ck_assert_int_eq(json_unpack(result, "{s:[s, {s:s}]}", "content",
				     "data", &data),
			 -1);
	data = json_string_value(json_object_get(
		json_array_get(json_object_get(result, "content"), 1), "data"));
	ck_assert_ptr_nonnull(data);
	ck_assert_uint_eq(strlen(data), 400000);
	ck_assert_int_eq(rig->reads, 2);
	json_decref(result);
	free(bytes);
}
END_TEST

START_TEST(test_read_image_beyond_the_bound_is_refused)
{
	char *bytes = calloc(1, TOOL_FILE_MAX_BYTES + 1);

	memcpy(bytes, "\xff\xd8\xff", 3);
	rig_put(rig, "a", bytes, TOOL_FILE_MAX_BYTES + 1);
	rig_fails(rig, "read", json_pack("{s:s}", "path", "a"), "too_large",
		  "an image of 10485761 bytes");
	free(bytes);
}
END_TEST

static const struct {
	int sys;
	const char *code, *words;
} states[] = {
	{ ENOENT, "not_found", "read: a: no such file" },
	{ EISDIR, "is_directory", "read: a: is a directory" },
	{ ELOOP, "symbolic_link", "read: a: is a symbolic link" },
	{ ENXIO, "not_regular", "read: a: is no regular file" },
	{ ENOTDIR, "not_a_directory", "a part of the path" },
	{ EACCES, "denied", "permission denied" },
	{ ENAMETOOLONG, "invalid_argument", "too long" },
	{ ETIMEDOUT, "timeout", "too long" },
	{ ECANCELED, "cancelled", "cancelled" },
	{ EXDEV, "denied", "leads out" },
	{ EIO, "failed", "" },
};

START_TEST(test_read_error_is_a_word_and_words)
{
	rig_text(rig, "a", "x");
	rig_find(rig, "a")->sys = states[_i].sys;
	rig_fails(rig, "read", json_pack("{s:s}", "path", "a"),
		  states[_i].code, states[_i].words);
}
END_TEST

START_TEST(test_read_outside_is_refused_before_any_request)
{
	rig_fails(rig, "read", json_pack("{s:s}", "path", "../etc/passwd"),
		  "denied", "Path escapes sandbox root");
	ck_assert_int_eq(rig->reads, 0);
}
END_TEST

START_TEST(test_read_wrong_arguments_name_the_field)
{
	rig_fails(rig, "read", json_object(), "invalid_argument",
		  "read: path: expected a string, got nothing");
	rig_fails(rig, "read", json_pack("{s:i}", "path", 3),
		  "invalid_argument", "read: path: expected a string");
	rig_fails(rig, "read", json_pack("{s:s, s:i}", "path", "a", "offset", 0),
		  "invalid_argument", "read: offset: expected");
	rig_fails(rig, "read", json_pack("{s:s, s:f}", "path", "a", "limit",
					 1e308),
		  "invalid_argument", "read: limit: expected");
	rig_fails(rig, "read", json_pack("{s:s%}", "path", "a\0b", (size_t)3),
		  "invalid_argument", "NUL");
}
END_TEST

START_TEST(test_write_makes_folders_and_says_how_much)
{
	more = rig_works(rig, "write",
			 json_pack("{s:s, s:s}", "path", "a/b/c", "content",
				   "h\xc3\xa4\n"),
			 &text);
	ck_assert_str_eq(text, "Successfully wrote 4 bytes to a/b/c");
	ck_assert_int_eq(number("bytesWritten"), 4);
	rig_is(rig, "a/b/c", "h\xc3\xa4\n");
	ck_assert_uint_eq(rig_find(rig, "a/b/c")->mode, 0644);
}
END_TEST

START_TEST(test_write_keeps_the_mode_of_an_old_file)
{
	rig_text(rig, "a", "old");
	rig_find(rig, "a")->mode = 0755;
	more = rig_works(rig, "write",
			 json_pack("{s:s, s:s}", "path", "a", "content", ""),
			 NULL);
	rig_is(rig, "a", "");
	ck_assert_uint_eq(rig_find(rig, "a")->mode, 0755);
}
END_TEST

START_TEST(test_write_content_may_hold_nul)
{
	more = rig_works(rig, "write",
			 json_pack("{s:s, s:s%}", "path", "a", "content",
				   "x\0y", (size_t)3),
			 NULL);
	rig_is_bytes(rig, "a", "x\0y", 3);
}
END_TEST

START_TEST(test_write_name_with_newline_and_controls)
{
	more = rig_works(rig, "write",
			 json_pack("{s:s, s:s}", "path", "n\nl\033[0m",
				   "content", "x"),
			 NULL);
	rig_is(rig, "n\nl\033[0m", "x");
}
END_TEST

START_TEST(test_write_errors_are_words)
{
	const struct {
		int sys;
		const char *code;
	} errors[] = { { EISDIR, "is_directory" }, { EROFS, "read_only" },
		       { ENOSPC, "no_space" },	   { EDQUOT, "no_space" },
		       { ELOOP, "symbolic_link" }, { ENXIO, "not_regular" } };

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		rig->commit_sys = errors[i].sys;
		rig_fails(rig, "write",
			  json_pack("{s:s, s:s}", "path", "a", "content", "x"),
			  errors[i].code, "write: a: ");
	}
	rig_absent(rig, "a");
}
END_TEST

START_TEST(test_write_minibot_max_write_bytes)
{
	rig_toml(rig, "[tools.file_storage]\nroot_dir = \".\"\n"
		      "max_write_bytes = \"1KB\"\n");
	for (size_t len = 999; len <= 1001; len++) {
		char content[1100] = "";

		memset(content, 'x', len);
		if (len <= 1000) {
			json_decref(rig_works(
				rig, "write",
				json_pack("{s:s, s:s}", "path", "a", "content",
					  content),
				NULL));
			continue;
		}
		rig_fails(rig, "write",
			  json_pack("{s:s, s:s}", "path", "a", "content",
				    content),
			  "too_large",
			  "write: content: expected at most 1000 bytes "
			  "(tools.file_storage.max_write_bytes), got 1001");
	}
}
END_TEST

START_TEST(test_read_and_write_when_answers_come_later)
{
	rig->later = true;
	more = rig_works(rig, "write",
			 json_pack("{s:s, s:s}", "path", "a", "content", "x"),
			 NULL);
	read_all("a");
	ck_assert_str_eq(text, "x");
}
END_TEST

static void add_reading(TCase *tcase)
{
	tcase_add_test(tcase, test_read_small_file_is_shown_as_it_is);
	tcase_add_test(tcase, test_read_alias_file_path);
	tcase_add_test(tcase, test_read_empty_file_is_empty);
	tcase_add_test(tcase, test_read_2000_lines_then_says_how_to_go_on);
	tcase_add_test(tcase, test_read_exactly_2000_lines_is_all);
	tcase_add_test(tcase, test_read_offset_and_limit);
	tcase_add_test(tcase, test_read_goes_through_a_file_in_parts);
	tcase_add_test(tcase,
		       test_read_offset_beyond_the_end_says_how_many_lines);
	tcase_add_test(tcase, test_read_bytes_are_bounded_at_whole_lines);
	tcase_add_test(tcase, test_read_line_longer_than_the_bound_is_cut);
	tcase_add_test(tcase, test_read_crlf_bom_and_controls_are_kept);
	tcase_add_test(tcase, test_read_invalid_utf8_is_replaced_and_said);
	tcase_add_test(tcase, test_read_binary_is_refused_with_its_size);
	tcase_add_loop_test(tcase, test_read_image_is_base64_with_its_type, 0,
			    sizeof(images) / sizeof(*images));
	tcase_add_test(tcase, test_read_large_image_is_whole);
	tcase_add_test(tcase, test_read_image_beyond_the_bound_is_refused);
	tcase_add_loop_test(tcase, test_read_error_is_a_word_and_words, 0,
			    sizeof(states) / sizeof(*states));
	tcase_add_test(tcase, test_read_outside_is_refused_before_any_request);
	tcase_add_test(tcase, test_read_wrong_arguments_name_the_field);
}

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-read");
	TCase *tcase = tcase_create("read and write");

	tcase_add_checked_fixture(tcase, setup, teardown);
	add_reading(tcase);
	tcase_add_test(tcase, test_write_makes_folders_and_says_how_much);
	tcase_add_test(tcase, test_write_keeps_the_mode_of_an_old_file);
	tcase_add_test(tcase, test_write_content_may_hold_nul);
	tcase_add_test(tcase, test_write_name_with_newline_and_controls);
	tcase_add_test(tcase, test_write_errors_are_words);
	tcase_add_test(tcase, test_write_minibot_max_write_bytes);
	tcase_add_test(tcase, test_read_and_write_when_answers_come_later);
	suite_add_tcase(suite, tcase);
	return suite;
}
