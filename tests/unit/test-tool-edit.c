// SPDX-License-Identifier: Apache-2.0
/*
 * edit: one place changes, and nothing else.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

static json_t *args_of(const char *path, const char *old, const char *new)
{
	return json_pack("{s:s, s:s, s:s}", "path", path, "oldText", old,
			 "newText", new);
}

static void edits(const char *old, const char *new)
{
	json_decref(more);
	free(text);
	more = rig_works(rig, "edit", args_of("a", old, new), &text);
}

static void fails(const char *old, const char *new, const char *code,
		  const char *words)
{
	const int commits = rig->commits;

	rig_fails(rig, "edit", args_of("a", old, new), code, words);
	ck_assert_int_eq(rig->commits, commits);
}

static const struct {
	const char *before, *old, *new, *after;
} cases[] = {
	{ "one two three\n", "two", "2", "one 2 three\n" },
	{ "a\nb\nc\n", "b\n", "", "a\nc\n" },
	{ "a\nb\nc", "c", "d", "a\nb\nd" },
	{ "a\nb\nc", "\nc", "", "a\nb" },
	{ "x", "x", "", "" },
	{ "x", "x", "y\n", "y\n" },
	/* Every line in CR LF: the texts are, too. */
	{ "a\r\nb\r\nc\r\n", "a\nb", "A\nB\nnew", "A\r\nB\r\nnew\r\nc\r\n" },
	{ "a\r\nb\r\n", "b", "c\nd", "a\r\nc\r\nd\r\n" },
	{ "a\r\nb\r\n", "a\r\nb", "x\r\ny", "x\r\ny\r\n" },
	{ "a\r\nb", "\nb", "\nc", "a\r\nc" },
	/* In a file that mixes them bytes are bytes. */
	{ "a\r\nb\nc\r\n", "b\nc", "B\nC", "a\r\nB\nC\r\n" },
	{ "a\nb\r\n", "b\r\n", "c\r\n", "a\nc\r\n" },
	/* A byte order mark stays where it is. */
	{ "\xef\xbb\xbf" "a\nb\n", "a\n", "c\n", "\xef\xbb\xbf" "c\nb\n" },
	{ "\xef\xbb\xbf" "a\r\nb\r\n", "a\nb", "c\nd",
	  "\xef\xbb\xbf" "c\r\nd\r\n" },
	/* What is no text stays what it is. */
	{ "\xff\xfe" "a\xc3\n", "a", "b", "\xff\xfe" "b\xc3\n" },
	{ "tab\there\n", "\t", "    ", "tab    here\n" },
	{ "  x  \n", "  x", "x", "x  \n" },
};

START_TEST(test_edit_changes_one_place_and_no_other_byte)
{
	rig_text(rig, "a", cases[_i].before);
	rig_find(rig, "a")->mode = 0751;
	edits(cases[_i].old, cases[_i].new);
	rig_is(rig, "a", cases[_i].after);
	ck_assert_uint_eq(rig_find(rig, "a")->mode, 0751);
	ck_assert_ptr_nonnull(strstr(text, "Successfully replaced text in a."));
	ck_assert_ptr_nonnull(strstr(text, "--- a/a\n+++ b/a\n@@ -"));
}
END_TEST

START_TEST(test_edit_missing_text_is_an_error)
{
	rig_text(rig, "a", "one\n");
	fails("two", "2", "no_match", "Could not find the exact text in a");
	fails("One", "2", "no_match", "Could not find");
	fails("one \n", "2", "no_match", "Could not find");
	rig_text(rig, "a", "");
	fails("x", "y", "no_match", "Could not find");
	rig_is(rig, "a", "");
}
END_TEST

START_TEST(test_edit_text_that_is_there_twice_is_an_error)
{
	rig_text(rig, "a", "x\ny\nx\nx\n");
	fails("x", "z", "ambiguous", "Found 3 occurrences of the text in a");
	rig_text(rig, "a", "aaa");
	fails("aa", "b", "ambiguous", "overlapping");
	rig_is(rig, "a", "aaa");
}
END_TEST

START_TEST(test_edit_without_change_or_text_is_an_error)
{
	rig_text(rig, "a", "x");
	fails("x", "x", "invalid_argument", "No changes made to a");
	fails("", "x", "invalid_argument", "edit: oldText: expected");
}
END_TEST

START_TEST(test_edit_of_other_than_a_file_is_an_error)
{
	fails("x", "y", "not_found", "edit: a: no such file");
	rig_text(rig, "a/b", "x");
	fails("x", "y", "is_directory", "edit: a: is a directory");
	rig_fails(rig, "edit", args_of("/etc/passwd", "x", "y"), "denied",
		  "Path escapes sandbox root");
}
END_TEST

START_TEST(test_edit_names_of_others_are_understood)
{
	rig_text(rig, "a", "x");
	more = rig_works(rig, "edit",
			 json_pack("{s:s, s:s, s:s}", "file_path", "a",
				   "old_string", "x", "new_string", "y"),
			 NULL);
	rig_is(rig, "a", "y");
}
END_TEST

START_TEST(test_edit_of_bytes_with_nul)
{
	rig_put(rig, "a", "p\0q\0r", 5);
	more = rig_works(rig, "edit",
			 json_pack("{s:s, s:s%, s:s}", "path", "a", "oldText",
				   "q\0", (size_t)2, "newText", "Q"),
			 NULL);
	rig_is_bytes(rig, "a", "p\0Qr", 4);
}
END_TEST

START_TEST(test_edit_too_large_a_file_is_refused)
{
	char *bytes = calloc(1, TOOL_FILE_MAX_BYTES + 1);

	memset(bytes, 'x', TOOL_FILE_MAX_BYTES + 1);
	bytes[TOOL_FILE_MAX_BYTES / 2] = 'y';
	rig_put(rig, "a", bytes, TOOL_FILE_MAX_BYTES + 1);
	fails("y", "z", "too_large", "has 10485761 bytes");
	rig_put(rig, "a", bytes, TOOL_FILE_MAX_BYTES);
	edits("y", "z");
	free(bytes);
}
END_TEST

static void swap_once(struct rig *r)
{
	rig_text(r, "a", "new x\n");
	r->before_commit = NULL;
}

START_TEST(test_edit_reads_again_when_the_file_changed)
{
	rig_text(rig, "a", "old x\n");
	rig->before_commit = swap_once;
	edits("x", "y");
	rig_is(rig, "a", "new y\n");
	ck_assert_int_eq(rig->reads, 2);
	ck_assert_ptr_nonnull(strstr(text, "-new x\n+new y\n"));
}
END_TEST

static void swap_away(struct rig *r)
{
	rig_text(r, "a", "gone\n");
	r->before_commit = NULL;
}

START_TEST(test_edit_does_not_write_what_was_not_read)
{
	rig_text(rig, "a", "x\n");
	rig->before_commit = swap_away;
	rig_fails(rig, "edit", args_of("a", "x", "y"), "no_match", "a");
	rig_is(rig, "a", "gone\n");
}
END_TEST

static void swap_always(struct rig *r)
{
	rig_text(r, "a", "other x\n");
}

START_TEST(test_edit_gives_up_on_a_file_that_goes_on_changing)
{
	rig_text(rig, "a", "x\n");
	rig->before_commit = swap_always;
	rig_fails(rig, "edit", args_of("a", "x", "y"), "changed",
		  "edit: a: was changed meanwhile");
	ck_assert_int_eq(rig->reads, 2);
	rig_is(rig, "a", "other x\n");
}
END_TEST

START_TEST(test_edit_diff_shows_the_change_with_context)
{
	rig_text(rig, "a", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
	edits("5\n", "five\nV\n");
	ck_assert_str_eq(text,
			 "Successfully replaced text in a.\n\n"
			 "--- a/a\n+++ b/a\n@@ -2,7 +2,8 @@\n 2\n 3\n 4\n-5\n"
			 "+five\n+V\n 6\n 7\n 8\n");
	ck_assert_int_eq(json_integer_value(
				 json_object_get(more, "firstChangedLine")),
			 5);
}
END_TEST

START_TEST(test_edit_diff_without_final_newline)
{
	rig_text(rig, "a", "1\n2");
	edits("2", "3");
	ck_assert_ptr_nonnull(strstr(
		text, "@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n"
		      "+3\n\\ No newline at end of file\n"));
}
END_TEST

START_TEST(test_edit_diff_is_bounded)
{
	char *bytes = malloc(100001);

	memset(bytes, 'x', 100000);
	bytes[100000] = '\0';
	rig_text(rig, "a", "1\n2\n3\n");
	edits("2", bytes);
	ck_assert_uint_lt(strlen(text), 16384);
	ck_assert_ptr_nonnull(strstr(text, "[The rest of the diff"));
	free(bytes);
}
END_TEST

START_TEST(test_edit_minibot_max_write_bytes)
{
	rig_toml(rig, "[tools.file_storage]\nroot_dir = \".\"\n"
		      "max_write_bytes = 4\n");
	rig_text(rig, "a", "1\n2\n3\n");
	edits("2", "1234");
	fails("1234", "12345", "too_large", "edit: newText: expected at most 4");
}
END_TEST

/* Does patch(1) make the one out of the other by what was shown? */
static bool patch_makes(const char *before, const char *diff, const char *after)
{
	char dir[] = "/tmp/creel-edit-XXXXXX", path[64], got[4096] = "";
	FILE *file;
	pid_t pid;
	int status;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/diff", dir);
	file = fopen(path, "w");
	ck_assert(fputs(diff, file) >= 0 && fclose(file) == 0);
	snprintf(path, sizeof(path), "%s/a", dir);
	file = fopen(path, "w");
	ck_assert(fputs(before, file) >= 0 && fclose(file) == 0);
	pid = fork();
	if (pid == 0) {
		if (chdir(dir) == 0)
			execlp("patch", "patch", "-s", "-E", "--binary", "-p1",
			       "-i", "diff", "--no-backup-if-mismatch", NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_ne(WEXITSTATUS(status), 127);
	file = fopen(path, "r");
	if (file) {
		got[fread(got, 1, sizeof(got) - 1, file)] = '\0';
		fclose(file);
	}
	(void)remove(path);
	snprintf(path, sizeof(path), "%s/diff", dir);
	(void)remove(path);
	snprintf(path, sizeof(path), "%s/a.rej", dir);
	(void)remove(path);
	ck_assert_int_eq(rmdir(dir), 0);
	return status == 0 && strcmp(got, after) == 0;
}

static void random_text(char *to, size_t size, const char *set)
{
	const size_t len = (size_t)random() % size;

	for (size_t i = 0; i < len; i++)
		to[i] = set[(size_t)random() % strlen(set)];
	to[len] = '\0';
}

/* Any piece of any file: the rest stays, and the diff is the change. */
START_TEST(test_edit_property_result_and_diff)
{
	const bool has_patch = access("/usr/bin/patch", X_OK) == 0;
	unsigned long n = test_rounds(20000);

	srandom(815);
	for (unsigned long i = 0; i < n; i++) {
		char before[400], new[40], old[64] = "", after[512], shown[640];
		size_t at, len;

		random_text(before, sizeof(before), "abcdefghij\n\n\n");
		random_text(new, sizeof(new), "ABC\n\n");
		if (!before[0])
			continue;
		at = (size_t)random() % strlen(before);
		len = 1 + (size_t)random() % 40;
		if (len > strlen(before) - at)
			len = strlen(before) - at;
		memcpy(old, before + at, len);
		old[len] = '\0';
		if (strcmp(old, new) == 0)
			continue;
		rig_text(rig, "a", before);
		if (strstr(strstr(before, old) + 1, old)) {
			rig_fails(rig, "edit", args_of("a", old, new),
				  "ambiguous", "a");
			rig_is(rig, "a", before);
			continue;
		}
		snprintf(after, sizeof(after), "%.*s%s%s", (int)at, before, new,
			 before + at + len);
		edits(old, new);
		rig_is(rig, "a", after);
		snprintf(shown, sizeof(shown), "%s",
			 json_string_value(json_object_get(more, "diff")));
		if (has_patch && i < 200)
			ck_assert_msg(patch_makes(before, shown, after),
				      "\"%s\" is no way from \"%s\" to \"%s\"",
				      shown, before, after);
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-edit");
	TCase *tcase = tcase_create("edit");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase,
			    test_edit_changes_one_place_and_no_other_byte, 0,
			    sizeof(cases) / sizeof(*cases));
	tcase_add_test(tcase, test_edit_missing_text_is_an_error);
	tcase_add_test(tcase, test_edit_text_that_is_there_twice_is_an_error);
	tcase_add_test(tcase, test_edit_without_change_or_text_is_an_error);
	tcase_add_test(tcase, test_edit_of_other_than_a_file_is_an_error);
	tcase_add_test(tcase, test_edit_names_of_others_are_understood);
	tcase_add_test(tcase, test_edit_of_bytes_with_nul);
	tcase_add_test(tcase, test_edit_too_large_a_file_is_refused);
	tcase_add_test(tcase, test_edit_reads_again_when_the_file_changed);
	tcase_add_test(tcase, test_edit_does_not_write_what_was_not_read);
	tcase_add_test(tcase,
		       test_edit_gives_up_on_a_file_that_goes_on_changing);
	tcase_add_test(tcase, test_edit_diff_shows_the_change_with_context);
	tcase_add_test(tcase, test_edit_diff_without_final_newline);
	tcase_add_test(tcase, test_edit_diff_is_bounded);
	tcase_add_test(tcase, test_edit_minibot_max_write_bytes);
	tcase_add_test(tcase, test_edit_property_result_and_diff);
	suite_add_tcase(suite, tcase);
	return suite;
}
