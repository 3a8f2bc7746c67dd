// SPDX-License-Identifier: Apache-2.0
/*
 * apply_patch on one file: the grammar, where a hunk goes, and what it leaves.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static json_t *input(const char *text)
{
	return json_pack("{s:s}", "input", text);
}

/* Owned. */
static char *update(const char *hunks)
{
	char *text = NULL;

	ck_assert_int_gt(asprintf(&text,
				  "*** Begin Patch\n*** Update File: a\n"
				  "%s*** End Patch\n",
				  hunks), 0);
	return text;
}

static void becomes(const char *before, const char *hunks, const char *after)
{
	char *text = update(hunks);

	rig_text(rig, "a", before);
	json_decref(rig_works(rig, "apply_patch", input(text), NULL));
	rig_is(rig, "a", after);
	free(text);
}

static void fails(const char *before, const char *hunks, const char *code,
		  const char *words)
{
	char *text = update(hunks);
	const int commits = rig->commits;

	rig_text(rig, "a", before);
	rig_fails(rig, "apply_patch", input(text), code, words);
	rig_is(rig, "a", before);
	ck_assert_int_eq(rig->commits, commits);
	free(text);
}

static void invalid(const char *text, const char *words)
{
	rig_fails(rig, "apply_patch", input(text), "invalid_patch", words);
}

START_TEST(test_patch_replaces_lines)
{
	becomes("a\nb\nc\n", "@@\n-b\n+B\n", "a\nB\nc\n");
	becomes("a\nb\nc\n", "@@\n a\n-b\n+B\n+BB\n c\n", "a\nB\nBB\nc\n");
	becomes("a\nb\nc\n", "@@\n-a\n-b\n-c\n", "");
	becomes("a\nb\nc\n", "@@\n+z\n a\n", "z\na\nb\nc\n");
}
END_TEST

START_TEST(test_patch_first_hunk_needs_no_marker)
{
	becomes("a\nb\n", "-b\n+B\n", "a\nB\n");
	becomes("a\nb\n", " a\n-b\n", "a\n");
}
END_TEST

START_TEST(test_patch_several_hunks_go_forward)
{
	becomes("x\n1\nx\n2\nx\n", "@@\n 1\n-x\n+y\n@@\n 2\n-x\n+z\n",
		"x\n1\ny\n2\nz\n");
	/* The same lines again: those behind the hunk before. */
	becomes("k\nx\nx\nx\n", "@@\n k\n-x\n@@\n-x\n+y\n", "k\ny\nx\n");
	fails("1\n2\n", "@@\n-2\n+b\n@@\n-1\n+a\n", "hunk_not_found",
	      "a: hunk 2 (line 6 of the patch): its lines were not found:\n1");
}
END_TEST

START_TEST(test_patch_context_tells_where)
{
	becomes("f\nx\ng\nx\n", "@@ g\n-x\n+y\n", "f\nx\ng\ny\n");
	/* It may be indented in the file. */
	becomes("f:\n  x\n  def g:\n  x\n", "@@ def g:\n-  x\n+  y\n",
		"f:\n  x\n  def g:\n  y\n");
	becomes("f\nx\nf\nx\n", "@@ f\n-x\n+y\n", "f\ny\nf\nx\n");
	fails("f\nx\n", "@@ h\n-x\n+y\n", "context_not_found",
	      "a: hunk 1 (line 3 of the patch): its context was not found: h");
	/* The lines must be behind it. */
	fails("x\ng\n", "@@ g\n-x\n+y\n", "hunk_not_found", "hunk 1");
}
END_TEST

START_TEST(test_patch_search_exact_first)
{
	becomes("x  \nx\n", "@@\n-x\n+y\n", "x  \ny\n");
	becomes("  x\nx\n", "@@\n-x\n+y\n", "  x\ny\n");
	becomes("\xe2\x80\x93\n-\n", "@@\n--\n+y\n", "\xe2\x80\x93\ny\n");
}
END_TEST

START_TEST(test_patch_search_then_without_space_at_line_ends)
{
	becomes("a\nx \t\nb\n", "@@\n-x\n+y\n", "a\ny\nb\n");
	becomes("a\nx\nb\n", "@@\n-x  \n+y\n", "a\ny\nb\n");
	becomes(" x\nx \n", "@@\n-x\n+y\n", " x\ny\n");
}
END_TEST

START_TEST(test_patch_search_then_without_space_at_both_ends)
{
	becomes("a\n\t  x\nb\n", "@@\n-x\n+y\n", "a\ny\nb\n");
	becomes("a\nx\nb\n", "@@\n-    x\n+y\n", "a\ny\nb\n");
}
END_TEST

static const char *const typographic[][2] = {
	{ "\xe2\x80\x90", "-" },  { "\xe2\x80\x91", "-" },
	{ "\xe2\x80\x92", "-" },  { "\xe2\x80\x93", "-" },
	{ "\xe2\x80\x94", "-" },  { "\xe2\x80\x95", "-" },
	{ "\xe2\x88\x92", "-" },  { "\xe2\x80\x98", "'" },
	{ "\xe2\x80\x99", "'" },  { "\xe2\x80\x9a", "'" },
	{ "\xe2\x80\x9b", "'" },  { "\xe2\x80\x9c", "\"" },
	{ "\xe2\x80\x9d", "\"" }, { "\xe2\x80\x9e", "\"" },
	{ "\xe2\x80\x9f", "\"" }, { "\xc2\xa0", " " },
	{ "\xe2\x80\x82", " " },  { "\xe2\x80\x83", " " },
	{ "\xe2\x80\x84", " " },  { "\xe2\x80\x85", " " },
	{ "\xe2\x80\x86", " " },  { "\xe2\x80\x87", " " },
	{ "\xe2\x80\x88", " " },  { "\xe2\x80\x89", " " },
	{ "\xe2\x80\x8a", " " },  { "\xe2\x80\xaf", " " },
	{ "\xe2\x81\x9f", " " },  { "\xe3\x80\x80", " " },
};

START_TEST(test_patch_search_then_with_plain_typography)
{
	char file[64], hunk[64];

	snprintf(file, sizeof(file), "a\np%sq\n", typographic[_i][0]);
	snprintf(hunk, sizeof(hunk), "@@\n-p%sq\n+y\n", typographic[_i][1]);
	becomes(file, hunk, "a\ny\n");
	/* And the other way. */
	snprintf(file, sizeof(file), "a\np%sq\n", typographic[_i][1]);
	snprintf(hunk, sizeof(hunk), "@@\n-p%sq\n+y\n", typographic[_i][0]);
	becomes(file, hunk, "a\ny\n");
}
END_TEST

START_TEST(test_patch_lines_that_are_named_stay_as_they_are)
{
	becomes("  a\xe2\x80\x94" "b  \nx\n", "@@\n a-b\n-x\n+y\n",
		"  a\xe2\x80\x94" "b  \ny\n");
}
END_TEST

START_TEST(test_patch_trailing_empty_old_line_may_be_dropped)
{
	becomes("a\nb\n", "@@\n a\n-b\n+c\n\n", "a\nc\n");
	becomes("a\nb\n", "@@\n-b\n-\n+c\n", "a\nc\n");
	becomes("a\nb\nc\n", "@@\n-a\n+A\n \n", "A\nb\nc\n");
	/* What is behind it is added. */
	becomes("a\nb\n", "@@\n a\n \n+c\n", "a\n\nc\nb\n");
	/* Where it is there, it counts. */
	becomes("b\nx\nb\n\ny\n", "@@\n-b\n+c\n\n", "b\nx\nc\n\ny\n");
}
END_TEST

START_TEST(test_patch_hunk_without_old_lines_goes_to_the_end)
{
	becomes("a\nb\n", "@@\n+c\n+d\n", "a\nb\nc\nd\n");
	becomes("a\nb\n", "@@ a\n+c\n", "a\nb\nc\n");
	becomes("", "@@\n+c\n", "c\n");
	/* Others are looked for as if it were not there. */
	becomes("a\nb\n", "@@\n+c\n@@\n-a\n+A\n@@\n+d\n", "A\nb\nc\nd\n");
	/* An empty line that stands before the next header is none of it. */
	becomes("a\n\nb\n", "@@\n+c\n\n", "a\n\nb\nc\n");
}
END_TEST

START_TEST(test_patch_end_of_file_is_where_it_says)
{
	becomes("x\nx\nx\n", "@@\n-x\n+y\n*** End of File\n", "x\nx\ny\n");
	becomes("x\nz\nx\n", "@@\n z\n-x\n+y\n*** End of File\n", "x\nz\ny\n");
	fails("x\nz\n", "@@\n-x\n+y\n*** End of File\n", "hunk_not_found",
	      "were not found at the end of the file:\nx");
	becomes("a\n", "@@\n+b\n*** End of File\n", "a\nb\n");
}
END_TEST

START_TEST(test_patch_hunk_that_matches_nowhere_names_its_place)
{
	fails("a\n", "@@\n-b\n+c\n", "hunk_not_found",
	      "apply_patch: a: hunk 1 (line 3 of the patch): its lines were "
	      "not found:\nb");
	fails("", "@@\n-b\n+c\n", "hunk_not_found", "hunk 1");
	fails("a\nb\n", "@@\n-a\n+A\n@@\n-q\n+c\n", "hunk_not_found",
	      "hunk 2 (line 6 of the patch)");
}
END_TEST

START_TEST(test_patch_hunk_that_matches_twice_is_an_error)
{
	fails("x\ny\nx\n", "@@\n-x\n+z\n", "ambiguous",
	      "a: hunk 1 (line 3 of the patch): its lines are in the file more "
	      "than once, at lines 1 and 3");
	fails("a\na\na\n", "@@\n-a\n-a\n", "ambiguous", "lines 1 and 2");
	fails(" x\n\tx\n", "@@\n-x\n+z\n", "ambiguous", "lines 1 and 2");
	/* One exact place is enough. */
	becomes(" x\nx\n\tx\n", "@@\n-x\n+z\n", " x\nz\n\tx\n");
}
END_TEST

START_TEST(test_patch_numbers_anchor_within_three_lines)
{
	becomes("x\n1\n2\n3\nx\n5\n6\n7\nx\n", "@@ -5,1 +5,1 @@\n-x\n+y\n",
		"x\n1\n2\n3\ny\n5\n6\n7\nx\n");
	/* Three lines off, either way. */
	becomes("x\n1\n2\n3\nx\n5\n6\n7\n8\n", "@@ -8 +8 @@\n-x\n+y\n",
		"x\n1\n2\n3\ny\n5\n6\n7\n8\n");
	becomes("0\n1\n2\n3\nx\n5\n6\n7\nx\n", "@@ -2,1 +2,1 @@\n-x\n+y\n",
		"0\n1\n2\n3\ny\n5\n6\n7\nx\n");
	/* Four off: the general search, which finds two places. */
	fails("x\n1\n2\n3\n4\nx\n6\n7\n8\n9\nx\n", "@@ -90,1 +90,1 @@\n-x\n+y\n",
	      "ambiguous", "lines 1 and 6");
	/* Or one. */
	becomes("0\n1\n2\n3\n4\n5\n6\nx\n", "@@ -1,1 +1,1 @@\n-x\n+y\n",
		"0\n1\n2\n3\n4\n5\n6\ny\n");
}
END_TEST

START_TEST(test_patch_numbers_with_a_context)
{
	becomes("f\nx\ng\nx\n", "@@ -4,1 +4,1 @@ g\n-x\n+y\n", "f\nx\ng\ny\n");
	becomes("f\nx\n1\n2\n3\n4\ng\nx\n", "@@ -99,1 +99,1 @@ g\n-x\n+y\n",
		"f\nx\n1\n2\n3\n4\ng\ny\n");
	/* A heading that git took from elsewhere does no harm. */
	becomes("f\nx\n", "@@ -2,1 +2,1 @@ int main(void)\n-x\n+y\n", "f\ny\n");
}
END_TEST

START_TEST(test_patch_numbers_of_added_lines_name_the_line_before)
{
	becomes("1\n2\n3\n", "@@ -2,0 +3,1 @@\n+x\n", "1\n2\nx\n3\n");
	becomes("1\n2\n3\n", "@@ -0,0 +1,2 @@\n+x\n+y\n", "x\ny\n1\n2\n3\n");
	becomes("1\n2\n3\n", "@@ -3,0 +4 @@\n+x\n", "1\n2\n3\nx\n");
	fails("1\n", "@@ -7,0 +8 @@\n+x\n", "hunk_not_found", "hunk 1");
}
END_TEST

START_TEST(test_patch_numbers_that_are_none_are_a_context)
{
	becomes("@@\n-1 x\nb\n", "@@ -1 x\n-b\n+c\n", "@@\n-1 x\nc\n");
	becomes("-1,2 +3,4 then\nb\n", "@@ -1,2 +3,4 then\n-b\n+c\n",
		"-1,2 +3,4 then\nc\n");
}
END_TEST

START_TEST(test_patch_crlf_file_stays_one)
{
	becomes("a\r\nb\r\nc\r\n", "@@\n a\n-b\n+B\n+BB\n c\n",
		"a\r\nB\r\nBB\r\nc\r\n");
	becomes("a\r\nb\r\n", "@@\n+c\n", "a\r\nb\r\nc\r\n");
	/* And a patch in CR LF may be for a file in LF. */
	becomes("a\nb\n", "@@\r\n a\r\n-b\r\n+B\r\n", "a\nB\n");
	/* Each line as those around it. */
	becomes("a\r\nb\nc\n", "@@\n-c\n+C\n", "a\r\nb\nC\n");
}
END_TEST

START_TEST(test_patch_bom_stays)
{
	becomes("\xef\xbb\xbf" "a\nb\n", "@@\n-a\n+c\n",
		"\xef\xbb\xbf" "c\nb\n");
	becomes("\xef\xbb\xbf" "a\n", "@@ -0,0 +1 @@\n+z\n",
		"\xef\xbb\xbf" "z\na\n");
}
END_TEST

START_TEST(test_patch_last_line_keeps_its_want_of_an_end)
{
	becomes("a\nb", "@@\n-a\n+A\n", "A\nb");
	becomes("a\nb", "@@\n-b\n+B\n", "a\nB");
	becomes("a\nb", "@@\n+c\n", "a\nb\nc");
	becomes("a", "@@\n-a\n", "");
	becomes("a\r\nb", "@@\n+c\n", "a\r\nb\r\nc");
}
END_TEST

START_TEST(test_patch_no_newline_marks_are_understood)
{
	becomes("a\nb\n",
		"@@ -2,1 +2,1 @@\n-b\n+c\n\\ No newline at end of file\n",
		"a\nc");
	becomes("a\nb",
		"@@ -2,1 +2,1 @@\n-b\n\\ No newline at end of file\n+c\n",
		"a\nc\n");
}
END_TEST

START_TEST(test_patch_preserve_trailing_newline_off_adds_one)
{
	rig_toml(rig, "[tools.apply_patch]\n"
		      "preserve_trailing_newline = false\n");
	becomes("a\nb", "@@\n-a\n+A\n", "A\nb\n");
	becomes("a\nb\n", "@@\n-a\n+A\n", "A\nb\n");
}
END_TEST

START_TEST(test_patch_bytes_that_are_no_text_stay)
{
	becomes("\xff\n\x01\nx\n\xc3", "@@\n-x\n+y\n", "\xff\n\x01\ny\n\xc3");
}
END_TEST

static const char *const wrapped[][2] = {
	{ "<<EOF\n", "EOF\n" }, { "<<'EOF'\n", "EOF" },
	{ "<<\"EOF\"\n", "EOF\n\n" },
	{ "apply_patch <<'EOF'\n", "EOF\n" },
	{ "apply_patch << 'PATCH'\n", "PATCH\n" },
	{ "cat <<EOF\n", "  EOF\n" },
	{ "apply_patch <<-EOF\n", "EOF\n" }, { "\n\n  ", "\n\n" },
	{ "applypatch <<E_1\r\n", "E_1\r\n" },
};

START_TEST(test_patch_here_document_is_taken_off)
{
	char *patch = update("@@\n-a\n+b\n"), *text = NULL;

	rig_text(rig, "a", "a\n");
	ck_assert_int_gt(asprintf(&text, "%s%s%s", wrapped[_i][0], patch,
				  wrapped[_i][1]), 0);
	json_decref(rig_works(rig, "apply_patch",
			      json_pack("{s:s}", "patch_text", text), NULL));
	rig_is(rig, "a", "b\n");
	free(patch);
	free(text);
}
END_TEST

static const char *const broken[][2] = {
	{ "", "it is empty" },
	{ "\n \n", "it is empty" },
	{ "hello", "line 1: the first line of the patch must be '*** Begin "
		   "Patch', not 'hello'" },
	{ "*** Begin Patch\n", "the last line of the patch must be '*** End "
			       "Patch'" },
	{ "*** Begin Patch\n*** End Patch\n", "it changes no file" },
	{ "*** Begin Patch\n*** End Patch\nmore\n", "not 'more'" },
	{ "*** Begin Patch\nx\n*** End Patch\n", "line 2: expected '*** Add "
						 "File: PATH'" },
	{ "*** Begin Patch\n*** Add File:  \n+x\n*** End Patch\n",
	  "line 2: a header without a path" },
	{ "*** Begin Patch\n*** Add File: a\nx\n*** End Patch\n",
	  "line 3: expected '*** Add File: PATH'" },
	{ "*** Begin Patch\n*** Update File: a\n*** End Patch\n",
	  "line 2: 'a' is updated without a hunk" },
	{ "*** Begin Patch\n*** Update File: a\n@@\n*** End Patch\n",
	  "line 3: a hunk without lines" },
	{ "*** Begin Patch\n*** Update File: a\n@@ x\n@@ y\n-a\n*** End Patch\n",
	  "line 3: a hunk without lines" },
	{ "*** Begin Patch\n*** Update File: a\n@@\nx\n*** End Patch\n",
	  "line 4: expected a line that begins with ' ', '+' or '-', not 'x'" },
	{ "*** Begin Patch\n*** Update File: a\n@@\n-a\nx\n*** End Patch\n",
	  "line 5: expected '@@', with which a hunk begins, not 'x'" },
	{ "*** Begin Patch\n*** Update File: a\n*** Move to:\n-a\n"
	  "*** End Patch\n", "line 3: a header without a path" },
	{ "*** Begin Patch\n*** Rename File: a\n*** End Patch\n",
	  "line 2: expected" },
	{ "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n",
	  "line 1: this is git's diff format" },
	{ "\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
	  "line 2: this is a unified diff" },
	{ "*** Begin Patch\n*** Add File: l\nnew file mode 120000\n+/etc\n"
	  "*** End Patch\n", "line 3: 'new file mode 120000': git's headers, "
			     "and modes of files and links" },
	{ "*** Begin Patch\n*** Update File: a\nold mode 100644\n"
	  "new mode 120000\n-a\n+b\n*** End Patch\n", "line 3: 'old mode" },
	{ "*** Begin Patch\n*** Update File: a\n@@\n-a\n+b\n"
	  "diff --git a/b b/b\n*** End Patch\n", "line 6: 'diff --git" },
	{ "<<EOF\n*** Begin Patch\n*** Delete File: a\n*** End Patch\nEOT\n",
	  "the here-document does not end with EOF" },
	{ "<<E F\n*** Begin Patch\n*** Delete File: a\n*** End Patch\nE F\n",
	  "the first line" },
	{ "cd x && apply_patch <<EOF\n*** Begin Patch\n*** Delete File: a\n"
	  "*** End Patch\nEOF\n", "the first line" },
};

START_TEST(test_patch_that_cannot_be_read_names_the_line)
{
	rig_text(rig, "a", "a\n");
	invalid(broken[_i][0], broken[_i][1]);
	ck_assert_int_eq(rig->reads + rig->commits, 0);
	rig_is(rig, "a", "a\n");
}
END_TEST

START_TEST(test_patch_size_is_bounded)
{
	char *big = malloc((1U << 20) + 2);

	memset(big, ' ', (1U << 20) + 1);
	big[(1U << 20) + 1] = '\0';
	rig_fails(rig, "apply_patch", input(big), "too_large",
		  "input: expected at most 1048576 bytes, got 1048577");
	big[1U << 20] = '\0';
	invalid(big, "it is empty");
	rig_toml(rig, "[tools.apply_patch]\nmax_patch_bytes = \"2KB\"\n");
	big[2001] = '\0';
	rig_fails(rig, "apply_patch", input(big), "too_large",
		  "at most 2000 bytes (tools.apply_patch.max_patch_bytes)");
	free(big);
}
END_TEST

START_TEST(test_patch_lines_and_hunks_are_bounded)
{
	static const char head[] = "*** Begin Patch\n*** Update File: a\n";
	static const char end[] = "*** End Patch\n";
	char *text = malloc(sizeof(head) + (1U << 20));
	size_t len = sizeof(head) - 1;

	rig_text(rig, "a", "x\n");
	memcpy(text, head, len);
	for (int i = 0; i < 400001; i++, len += 2)
		memcpy(text + len, "+\n", 2);
	memcpy(text + len, end, sizeof(end));
	invalid(text, "line 400003: more than 400000 lines");
	len = sizeof(head) - 1;
	for (int i = 0; i < 20001; i++, len += 5)
		memcpy(text + len, "@@\n+\n", 5);
	memcpy(text + len, end, sizeof(end));
	invalid(text, "more than 20000 hunks");
	free(text);
}
END_TEST

/* A file of lines from few words, so that much of it is there twice. */
static int random_lines(char lines[40][8])
{
	const int n = (int)(random() % 40);

	for (int i = 0; i < n; i++)
		snprintf(lines[i], 8, "%c%c", (int)('a' + random() % 3),
			 (int)('a' + random() % 4));
	return n;
}

static void append(char *to, size_t size, char mark, const char *line)
{
	const size_t len = strlen(to);

	if (mark)
		snprintf(to + len, size - len, "%c%s\n", mark, line);
	else
		snprintf(to + len, size - len, "%s\n", line);
}

/* Random changes as hunks with all lines between them: one way to fit. */
START_TEST(test_patch_property_whole_file_hunks)
{
	unsigned long rounds = test_rounds(100000);

	srandom(1234);
	for (unsigned long i = 0; i < rounds; i++) {
		char lines[40][8], before[512] = "", after[2048] = "";
		char hunk[4096] = "@@\n";
		const int n = random_lines(lines);

		if (n == 0)
			continue;
		for (int k = 0; k < n; k++) {
			const long what = random() % 5;

			append(before, sizeof(before), 0, lines[k]);
			append(hunk, sizeof(hunk), what == 0 ? '-' : ' ',
			       lines[k]);
			if (what != 0)
				append(after, sizeof(after), 0, lines[k]);
			if (what == 1) {
				append(hunk, sizeof(hunk), '+', "new");
				append(after, sizeof(after), 0, "new");
			}
		}
		becomes(before, hunk, after);
	}
}
END_TEST

/* Hunks of numbers, each with its own lines alone: as diff -U0 has them. */
START_TEST(test_patch_property_numbered_hunks)
{
	unsigned long rounds = test_rounds(100000);

	srandom(4321);
	for (unsigned long i = 0; i < rounds; i++) {
		char lines[40][8], before[512] = "", after[2048] = "";
		char hunks[4096] = "", head[64];
		const int n = random_lines(lines);

		for (int k = 0; k < n; k++) {
			const long what = random() % 4;

			append(before, sizeof(before), 0, lines[k]);
			if (what != 0) {
				append(after, sizeof(after), 0, lines[k]);
				continue;
			}
			snprintf(head, sizeof(head), "@@ -%d,1 +%d,1 @@", k + 1,
				 k + 1);
			append(hunks, sizeof(hunks), 0, head);
			append(hunks, sizeof(hunks), '-', lines[k]);
			append(hunks, sizeof(hunks), '+', "new");
			append(after, sizeof(after), 0, "new");
		}
		if (hunks[0])
			becomes(before, hunks, after);
	}
}
END_TEST

static void add_places(TCase *tcase)
{
	tcase_add_test(tcase, test_patch_replaces_lines);
	tcase_add_test(tcase, test_patch_first_hunk_needs_no_marker);
	tcase_add_test(tcase, test_patch_several_hunks_go_forward);
	tcase_add_test(tcase, test_patch_context_tells_where);
	tcase_add_test(tcase, test_patch_search_exact_first);
	tcase_add_test(tcase,
		       test_patch_search_then_without_space_at_line_ends);
	tcase_add_test(tcase,
		       test_patch_search_then_without_space_at_both_ends);
	tcase_add_loop_test(tcase, test_patch_search_then_with_plain_typography,
			    0, sizeof(typographic) / sizeof(*typographic));
	tcase_add_test(tcase, test_patch_lines_that_are_named_stay_as_they_are);
	tcase_add_test(tcase,
		       test_patch_trailing_empty_old_line_may_be_dropped);
	tcase_add_test(tcase,
		       test_patch_hunk_without_old_lines_goes_to_the_end);
	tcase_add_test(tcase, test_patch_end_of_file_is_where_it_says);
	tcase_add_test(tcase,
		       test_patch_hunk_that_matches_nowhere_names_its_place);
	tcase_add_test(tcase, test_patch_hunk_that_matches_twice_is_an_error);
	tcase_add_test(tcase, test_patch_numbers_anchor_within_three_lines);
	tcase_add_test(tcase, test_patch_numbers_with_a_context);
	tcase_add_test(tcase,
		       test_patch_numbers_of_added_lines_name_the_line_before);
	tcase_add_test(tcase, test_patch_numbers_that_are_none_are_a_context);
}

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-patch");
	TCase *tcase = tcase_create("patches");

	tcase_add_checked_fixture(tcase, setup, teardown);
	add_places(tcase);
	tcase_add_test(tcase, test_patch_crlf_file_stays_one);
	tcase_add_test(tcase, test_patch_bom_stays);
	tcase_add_test(tcase, test_patch_last_line_keeps_its_want_of_an_end);
	tcase_add_test(tcase, test_patch_no_newline_marks_are_understood);
	tcase_add_test(tcase,
		       test_patch_preserve_trailing_newline_off_adds_one);
	tcase_add_test(tcase, test_patch_bytes_that_are_no_text_stay);
	tcase_add_loop_test(tcase, test_patch_here_document_is_taken_off, 0,
			    sizeof(wrapped) / sizeof(*wrapped));
	tcase_add_loop_test(tcase,
			    test_patch_that_cannot_be_read_names_the_line, 0,
			    sizeof(broken) / sizeof(*broken));
	tcase_add_test(tcase, test_patch_size_is_bounded);
	tcase_add_test(tcase, test_patch_lines_and_hunks_are_bounded);
	tcase_add_test(tcase, test_patch_property_whole_file_hunks);
	tcase_add_test(tcase, test_patch_property_numbered_hunks);
	suite_add_tcase(suite, tcase);
	return suite;
}
