// SPDX-License-Identifier: Apache-2.0
/*
 * apply_patch over several files: all of them change, or none does.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tool-rig.h"

#define BEGIN "*** Begin Patch\n"
#define END "*** End Patch\n"

static struct rig *rig;
static char *text;
static json_t *more;

static void setup(void)
{
	rig = rig_new();
	rig_text(rig, "u", "one\ntwo\n");
	rig_text(rig, "d", "gone\n");
	rig_text(rig, "dir/f", "f\n");
}

static void teardown(void)
{
	json_decref(more);
	more = NULL;
	free(text);
	text = NULL;
	rig_free(rig);
}

static void unchanged(void)
{
	rig_is(rig, "u", "one\ntwo\n");
	rig_is(rig, "d", "gone\n");
	rig_is(rig, "dir/f", "f\n");
	rig_absent(rig, "new");
	rig_absent(rig, "n/e/w");
}

static void works(const char *patch)
{
	json_decref(more);
	free(text);
	more = rig_works(rig, "apply_patch", json_pack("{s:s}", "input", patch),
			 &text);
}

static void fails(const char *patch, const char *code, const char *words)
{
	rig_fails(rig, "apply_patch", json_pack("{s:s}", "input", patch), code,
		  words);
	unchanged();
}

START_TEST(test_patch_files_add_update_delete_move_in_one_commit)
{
	rig_find(rig, "dir/f")->mode = 0755;
	works(BEGIN "*** Update File: u\n@@\n-one\n+1\n"
		    "*** Add File: n/e/w\n+first\n+\n+last\n"
		    "*** Delete File: d\n"
		    "*** Update File: dir/f\n*** Move to: other/g\n@@\n-f\n+g\n"
	      END);
	ck_assert_str_eq(text, "Success. Updated the following files:\n"
			       "A n/e/w\nM u\nM other/g\nD d");
	rig_is(rig, "u", "1\ntwo\n");
	rig_is(rig, "n/e/w", "first\n\nlast\n");
	rig_absent(rig, "d");
	rig_absent(rig, "dir/f");
	rig_is(rig, "other/g", "g\n");
	ck_assert_uint_eq(rig_find(rig, "other/g")->mode, 0755);
	ck_assert_int_eq(rig->commits, 1);
}
END_TEST

START_TEST(test_patch_files_answer_lists_paths)
{
	json_t *want = json_pack("{s:[s], s:[s, s], s:[s], s:[{s:s, s:s}]}",
				 "added", "new", "modified", "u", "g",
				 "deleted", "d", "moved", "from", "dir/f", "to",
				 "g");
	const char *key;
	json_t *value;

	works(BEGIN "*** Add File: new\n+x\n*** Update File: u\n-one\n"
		    "*** Delete File: d\n"
		    "*** Update File: dir/f\n*** Move to: g\n" END);
	json_object_foreach(want, key, value)
		ck_assert_msg(json_equal(json_object_get(more, key), value),
			      "%s", key);
	json_decref(want);
	rig_is(rig, "g", "f\n");
}
END_TEST

START_TEST(test_patch_files_empty_file_can_be_added)
{
	works(BEGIN "*** Add File: new\n" END);
	rig_is(rig, "new", "");
}
END_TEST

START_TEST(test_patch_files_absolute_path_below_the_root)
{
	works(BEGIN "*** Update File: /workspace/dir/../u\n-one\n+1\n" END);
	rig_is(rig, "u", "1\ntwo\n");
}
END_TEST

START_TEST(test_patch_files_one_failure_changes_nothing)
{
	static const char *const good =
		"*** Add File: new\n+x\n*** Update File: u\n@@\n-one\n+1\n"
		"*** Delete File: d\n";
	static const char *const bad[][3] = {
		{ "*** Update File: missing\n@@\n-x\n", "not_found",
		  "apply_patch: missing: no such file" },
		{ "*** Delete File: missing\n", "not_found", "missing" },
		{ "*** Update File: dir/f\n@@\n-nowhere\n", "hunk_not_found",
		  "dir/f: hunk 1" },
		{ "*** Add File: dir/f\n+x\n", "exists",
		  "apply_patch: dir/f: is there already" },
		{ "*** Update File: dir/f\n*** Move to: n2\n@@\n-q\n",
		  "hunk_not_found", "dir/f" },
		{ "*** Update File: dir\n@@\n-x\n", "is_directory", "dir" },
		{ "*** Delete File: dir\n", "is_directory", "dir" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		for (int first = 0; first < 2; first++) {
			char patch[512];

			snprintf(patch, sizeof(patch), BEGIN "%s%s" END,
				 first ? bad[i][0] : good,
				 first ? good : bad[i][0]);
			fails(patch, bad[i][1], bad[i][2]);
		}
}
END_TEST

START_TEST(test_patch_files_move_onto_an_existing_file_is_an_error)
{
	fails(BEGIN "*** Update File: u\n*** Move to: d\n@@\n-one\n" END,
	      "exists", "apply_patch: d: is there already");
}
END_TEST

static const char *const twice[] = {
	"*** Delete File: u\n*** Update File: u\n@@\n-one\n+1\n",
	"*** Update File: u\n@@\n-one\n+1\n*** Delete File: u\n",
	"*** Add File: new\n+x\n*** Add File: new\n+y\n",
	"*** Update File: u\n@@\n-one\n+1\n*** Update File: ./dir/../u\n@@\n-two\n",
	"*** Update File: u\n*** Move to: new\n@@\n-one\n*** Add File: new\n+x\n",
	"*** Delete File: d\n*** Update File: u\n*** Move to: d\n@@\n-one\n",
	"*** Add File: u\n+x\n*** Delete File: /workspace/u\n",
};

START_TEST(test_patch_files_path_named_twice_is_an_error)
{
	char patch[512];

	snprintf(patch, sizeof(patch), BEGIN "%s" END, twice[_i]);
	fails(patch, "invalid_patch", "is in the patch already (line 2)");
	ck_assert_int_eq(rig->reads + rig->commits, 0);
}
END_TEST

START_TEST(test_patch_files_move_to_itself_is_an_error)
{
	fails(BEGIN "*** Update File: u\n*** Move to: ./u\n@@\n-one\n" END,
	      "invalid_patch", "line 2: u is moved to itself");
}
END_TEST

static const char *const escapes[] = {
	"*** Add File: ../x\n+x\n",
	"*** Add File: /etc/x\n+x\n",
	"*** Add File: a/../../x\n+x\n",
	"*** Delete File: ../../etc/passwd\n",
	"*** Update File: ~/x\n@@\n-a\n+b\n",
	"*** Update File: u\n*** Move to: ../u\n@@\n-one\n",
	"*** Update File: u\n*** Move to: /tmp/u\n@@\n-one\n",
	"*** Add File: /proc/self/root/x\n+x\n",
};

START_TEST(test_patch_files_path_that_escapes_refuses_all)
{
	char patch[512];

	snprintf(patch, sizeof(patch),
		 BEGIN "*** Add File: new\n+x\n%s" END, escapes[_i]);
	fails(patch, "denied", "apply_patch: Path escapes sandbox root");
	ck_assert_int_eq(rig->reads + rig->commits, 0);
}
END_TEST

START_TEST(test_patch_files_other_than_regular_are_refused)
{
	rig_text(rig, "s", "x");
	rig_find(rig, "s")->sys = ELOOP;
	fails(BEGIN "*** Update File: s\n@@\n-x\n" END, "symbolic_link", "s");
	fails(BEGIN "*** Delete File: s\n" END, "symbolic_link", "s");
	rig_find(rig, "s")->sys = ENXIO;
	fails(BEGIN "*** Update File: s\n@@\n-x\n" END, "not_regular", "s");
}
END_TEST

static void change_once(struct rig *r)
{
	rig_text(r, "u", "zero\none\n");
	r->before_commit = NULL;
}

START_TEST(test_patch_files_are_read_again_when_one_changed)
{
	rig->before_commit = change_once;
	works(BEGIN "*** Update File: u\n@@\n-one\n+1\n*** Delete File: d\n"
	      END);
	rig_is(rig, "u", "zero\n1\n");
	rig_absent(rig, "d");
	ck_assert_int_eq(rig->commits, 2);
}
END_TEST

static void change_always(struct rig *r)
{
	rig_text(r, "u", "one\ntwo\n");
}

START_TEST(test_patch_files_that_go_on_changing_are_an_error)
{
	rig->before_commit = change_always;
	fails(BEGIN "*** Update File: u\n@@\n-one\n+1\n*** Delete File: d\n"
	      END,
	      "changed", "apply_patch: u: was changed meanwhile");
	ck_assert_int_eq(rig->commits, 2);
}
END_TEST

static void delete_becomes_other(struct rig *r)
{
	rig_text(r, "d", "other\n");
	r->before_commit = delete_becomes_other;
}

START_TEST(test_patch_files_what_is_deleted_must_be_what_was_seen)
{
	rig->before_commit = delete_becomes_other;
	rig_fails(rig, "apply_patch",
		  json_pack("{s:s}", "input", BEGIN "*** Delete File: d\n" END),
		  "changed", "d");
	rig_is(rig, "d", "other\n");
}
END_TEST

START_TEST(test_patch_files_large_work_is_done_elsewhere)
{
	char *file = malloc(2000001), *patch = malloc(200000);
	size_t len = 0;

	memset(file, 'x', 2000000);
	file[2000000] = '\0';
	for (int i = 99; i < 2000000; i += 100)
		file[i] = '\n';
	memcpy(file + 1000000, "here", 4);
	rig_put(rig, "big", file, 2000000);
	len = (size_t)snprintf(patch, 200000,
			       BEGIN "*** Update File: big\n@@\n-here");
	memset(patch + len, 'x', 95);
	len += 95;
	memcpy(patch + len, "\n+there\n" END, sizeof("\n+there\n" END));
	works(patch);
	ck_assert_int_eq(rig->computes, 1);
	ck_assert_ptr_nonnull(strstr(rig_find(rig, "big")->bytes,
				     "\nthere\nx"));
	free(file);
	free(patch);
}
END_TEST

START_TEST(test_patch_files_work_that_takes_too_long_changes_nothing)
{
	char *file = calloc(1, 3000001);

	memset(file, 'a', 3000000);
	for (int i = 1; i < 3000000; i += 2)
		file[i] = '\n';
	rig_put(rig, "big", file, 3000000);
	rig->compute_fails = true;
	fails(BEGIN "*** Update File: u\n@@\n-one\n+1\n"
		    "*** Update File: big\n@@\n-b\n+c\n" END,
	      "timeout", "was not found within 10 seconds");
	free(file);
}
END_TEST

START_TEST(test_patch_files_too_large_together_are_refused)
{
	char *bytes = calloc(1, TOOL_FILE_MAX_BYTES);
	char patch[512] = BEGIN;

	for (int i = 0; i < 4; i++) {
		char name[8], part[64];

		snprintf(name, sizeof(name), "b%d", i);
		rig_put(rig, name, bytes, TOOL_FILE_MAX_BYTES);
		snprintf(part, sizeof(part),
			 "*** Update File: %s\n@@\n-x\n+y\n", name);
		strncat(patch, part, 64);
	}
	strncat(patch, END, 64);
	fails(patch, "too_large", "apply_patch: b3: is too large");
	free(bytes);
}
END_TEST

START_TEST(test_patch_files_256_changes_and_no_more)
{
	for (int n = 256; n <= 257; n++) {
		char *patch = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&patch, &len);

		fputs(BEGIN, out);
		for (int i = 0; i < n; i++)
			fprintf(out, "*** Add File: m%d\n+x\n", i);
		fputs(END, out);
		ck_assert_int_eq(fclose(out), 0);
		if (n == 257)
			fails(patch, "too_large",
			      "at most 256 files can be changed together, the "
			      "patch has 257");
		else
			works(patch);
		for (int i = 0; i < n && n == 256; i++) {
			char name[8];

			snprintf(name, sizeof(name), "m%d", i);
			rig_is(rig, name, "x\n");
		}
		free(patch);
	}
}
END_TEST

START_TEST(test_patch_files_answers_that_come_later)
{
	rig->later = true;
	works(BEGIN "*** Update File: u\n@@\n-one\n+1\n*** Delete File: d\n"
		    "*** Add File: new\n+x\n" END);
	rig_is(rig, "u", "1\ntwo\n");
	rig_absent(rig, "d");
	rig_is(rig, "new", "x\n");
}
END_TEST

START_TEST(test_patch_files_minibot_workspace_root)
{
	rig_toml(rig, "[tools.apply_patch]\nworkspace_root = \"dir\"\n");
	works(BEGIN "*** Update File: f\n@@\n-f\n+g\n" END);
	rig_is(rig, "dir/f", "g\n");
	rig_fails(rig, "apply_patch",
		  json_pack("{s:s}", "patch_text",
			    BEGIN "*** Delete File: ../u\n" END),
		  "denied",
		  "Path escapes sandbox root (tools.apply_patch.workspace_root,"
		  " /workspace/dir): ../u");
}
END_TEST

START_TEST(test_patch_files_minibot_allow_outside_workspace)
{
	rig_toml(rig, "[tools.apply_patch]\nworkspace_root = \"dir\"\n"
		      "allow_outside_workspace = true\n");
	works(BEGIN "*** Delete File: ../d\n" END);
	rig_absent(rig, "d");
	rig_fails(rig, "apply_patch",
		  json_pack("{s:s}", "patch_text",
			    BEGIN "*** Delete File: ../../u\n" END),
		  "denied", "Path escapes sandbox root (/workspace)");
}
END_TEST

START_TEST(test_patch_files_minibot_on_host_restrict_to_workspace)
{
	rig->env.sandboxed = rig->env.confined = false;
	rig_toml(rig, "[tools.apply_patch]\nrestrict_to_workspace = false\n");
	works(BEGIN "*** Add File: /elsewhere/x\n+x\n" END);
	rig_is(rig, "/elsewhere/x", "x\n");
	ck_assert(!rig->confined);
	cfg_free(rig->cfg);
	rig_toml(rig, "[tools.apply_patch]\n");
	rig_fails(rig, "apply_patch",
		  json_pack("{s:s}", "input",
			    BEGIN "*** Add File: /elsewhere/y\n+x\n" END),
		  "denied", "Path escapes workspace root");
	works(BEGIN "*** Delete File: d\n" END);
	ck_assert(rig->confined);
}
END_TEST

static void add_errors(TCase *tcase)
{
	tcase_add_test(tcase, test_patch_files_one_failure_changes_nothing);
	tcase_add_test(tcase,
		       test_patch_files_move_onto_an_existing_file_is_an_error);
	tcase_add_loop_test(tcase,
			    test_patch_files_path_named_twice_is_an_error, 0,
			    sizeof(twice) / sizeof(*twice));
	tcase_add_test(tcase, test_patch_files_move_to_itself_is_an_error);
	tcase_add_loop_test(tcase,
			    test_patch_files_path_that_escapes_refuses_all, 0,
			    sizeof(escapes) / sizeof(*escapes));
	tcase_add_test(tcase, test_patch_files_other_than_regular_are_refused);
	tcase_add_test(tcase,
		       test_patch_files_that_go_on_changing_are_an_error);
	tcase_add_test(tcase,
		       test_patch_files_what_is_deleted_must_be_what_was_seen);
	tcase_add_test(
		tcase,
		test_patch_files_work_that_takes_too_long_changes_nothing);
	tcase_add_test(tcase, test_patch_files_too_large_together_are_refused);
	tcase_add_test(tcase, test_patch_files_256_changes_and_no_more);
}

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-patch-files");
	TCase *tcase = tcase_create("files");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase,
		       test_patch_files_add_update_delete_move_in_one_commit);
	tcase_add_test(tcase, test_patch_files_answer_lists_paths);
	tcase_add_test(tcase, test_patch_files_empty_file_can_be_added);
	tcase_add_test(tcase, test_patch_files_absolute_path_below_the_root);
	add_errors(tcase);
	tcase_add_test(tcase, test_patch_files_are_read_again_when_one_changed);
	tcase_add_test(tcase, test_patch_files_large_work_is_done_elsewhere);
	tcase_add_test(tcase, test_patch_files_answers_that_come_later);
	tcase_add_test(tcase, test_patch_files_minibot_workspace_root);
	tcase_add_test(tcase, test_patch_files_minibot_allow_outside_workspace);
	tcase_add_test(tcase,
		       test_patch_files_minibot_on_host_restrict_to_workspace);
	suite_add_tcase(suite, tcase);
	return suite;
}
