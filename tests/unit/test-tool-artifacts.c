// SPDX-License-Identifier: Apache-2.0
/*
 * Files that python_execute keeps: which ones a pattern fits, what they are
 * called, what is passed over and why.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/artifact.h"
#include "controller/tools/glob.h"
#include "tests/unit/tool-rig.h"

#define FOLDER "/tmp/creel-python-0000000000000000/"

static struct rig *rig;
static const char *const *files; /* that the code leaves */

static void leave(struct rig *of, struct tool_call *call, int number)
{
	char path[300];

	(void)call;
	for (size_t i = 0; number == 0 && files[i]; i++) {
		(void)snprintf(path, sizeof(path), FOLDER "%s", files[i]);
		rig_text(of, path, files[i]);
	}
}

static void set_up(void)
{
	rig = rig_new();
	rig_toml(rig, "");
	rig->on_run = leave;
}

static void again(const char *text)
{
	cfg_free(rig->cfg);
	rig->cfg = NULL;
	rig_toml(rig, text);
}

static void tear_down(void)
{
	rig_free(rig);
}

static json_t *keep(json_t *args)
{
	json_t *result, *more;

	(void)json_object_update_new(
		args, json_pack("{s:s, s:b}", "code", "1", "save_artifacts", 1));
	result = rig_call(rig, "python_execute", args);
	more = json_incref(json_object_get(result, "structuredContent"));
	json_decref(result);
	return more;
}

/* "path" of each that was saved, "name=reason" of each that was not. */
static void came(json_t *more, const char *want)
{
	char *got = NULL;
	size_t at, len = 0;
	const json_t *item;
	FILE *out = open_memstream(&got, &len);

	ck_assert_ptr_nonnull(out);
	json_array_foreach(json_object_get(more, "artifacts_saved"), at, item)
		fprintf(out, "%s ", json_string_value(
					    json_object_get(item, "path")));
	json_array_foreach(json_object_get(more, "artifacts_skipped"), at, item)
		fprintf(out, "%s=%s ",
			json_string_value(json_object_get(item, "name")),
			json_string_value(json_object_get(item, "reason")));
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(got, want);
	free(got);
	json_decref(more);
}

static void is_error(json_t *more, const char *code, const char *text)
{
	const char *got = "", *why = "";

	ck_assert_int_eq(json_unpack(more, "{s:s, s:s}", "error_code", &got,
				     "error", &why),
			 0);
	ck_assert_msg(strcmp(got, code) == 0 && strstr(why, text),
		      "%s: %s; expected %s: %s", got, why, code, text);
	ck_assert_int_eq(rig->runs, 0);
	json_decref(more);
}

START_TEST(test_artifacts_patterns)
{
	static const struct {
		const char *pattern, *path;
		bool fits;
	} rows[] = {
		{ "*.png", "a.png", true },	{ "*.png", "d/e/a.png", true },
		{ "*.png", "a.png.x", false },	{ "*.png", ".png", true },
		{ "a/*.png", "a/b.png", true }, { "a/*.png", "x/a/b.png", true },
		{ "a/*.png", "a/c/b.png", false },
		{ "a/**", "a/b/c.d", true },	{ "a/**/c", "a/c", true },
		{ "a/**/c", "a/b/b/c", true },	{ "**", "a/b", true },
		{ "**/x", "x", true },		{ "?", "a", true },
		{ "?", "ab", false },		{ "a?b", "a/b", false },
		{ "[ab]", "a", true },		{ "[!ab]", "a", false },
		{ "[!ab]", "c", true },		{ "[a-c]x", "bx", true },
		{ "[", "[", true },		{ "[]]", "]", true },
		{ "./a", "a", true },		{ "", "a", false },
		{ "a*b*c", "aXbYc", true },	{ "*", "a b\n", true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(tool_glob_match(rows[i].pattern, rows[i].path) ==
				      rows[i].fits,
			      "%s, %s", rows[i].pattern, rows[i].path);
}
END_TEST

START_TEST(test_artifacts_names)
{
	static const struct {
		const char *source, *want;
		unsigned int clash;
	} rows[] = {
		{ "d/a.png", "s/a.png", 0 },	 { "a.png", "s/a-1.png", 1 },
		{ "a.tar.gz", "s/a.tar-12.gz", 12 },
		{ "none", "s/none-2", 2 },	 { ".png", "s/.png-1", 1 },
		{ "a.", "s/a.-1", 1 },
	};
	bool leaves;
	char *path;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		path = artifact_target("s", rows[i].source, rows[i].clash);
		ck_assert_str_eq(path, rows[i].want);
		free(path);
	}
	path = artifact_clean("//a/./b\\c/", &leaves);
	ck_assert_str_eq(path, "a/b/c");
	free(path);
	ck_assert_ptr_null(artifact_clean("a/../b", &leaves));
	ck_assert(leaves);
	ck_assert_str_eq(artifact_mime("x.PNG"), "image/png");
	ck_assert_str_eq(artifact_mime("x.none"), "application/octet-stream");
}
END_TEST

START_TEST(test_artifacts_by_default_are_the_usual_kinds)
{
	static const char *const left[] = { "a.txt", "b.py", "d/c.JPG",
					    "d/c.png", NULL };

	files = left;
	for (int i = 0; i < 2; i++) {
		rig->later = i == 1;
		came(keep(json_object()),
		     i ? "generated/c-1.png generated/a-1.txt " :
			 "generated/c.png generated/a.txt ");
	}
	rig_is(rig, "data/files/generated/a.txt", "a.txt");
	rig_is(rig, "data/files/generated/a-1.txt", "a.txt");
}
END_TEST

START_TEST(test_artifacts_reasons)
{
	static const char *const left[] = { "a.txt",  "b.bin", "long-name.txt",
					    "m.txt", "n.txt", "o.txt", NULL };

	files = left;
	again("[tools.python_exec]\nartifacts_max_file_bytes = 6\n"
	      "artifacts_max_total_bytes = 12\n"
		      "artifacts_default_subdir = \"k\"\n");
	came(keep(json_pack("{s:[s]}", "artifact_globs", "*")),
	     "k/a.txt k/m.txt b.bin=extension_not_allowed "
	     "long-name.txt=file_too_large n.txt=total_size_limit "
	     "o.txt=total_size_limit ");
	came(keep(json_pack("{s:[s,s,s], s:i, s:s}", "artifact_globs", "o*",
			    "a*", "*.bin", "max_artifacts", 1,
			    "artifact_subdir", "x/y")),
	     "x/y/o.txt a.txt=max_artifacts_reached "
	     "b.bin=max_artifacts_reached ");
}
END_TEST

START_TEST(test_artifacts_that_cannot_be_written_are_said)
{
	static const char *const left[] = { "a.txt", NULL };

	files = left;
	rig_text(rig, "data/files/generated", "a file");
	rig_find(rig, "data/files/generated")->sys = ENOTDIR;
	rig_text(rig, "data/files/generated/a.txt", "");
	rig_find(rig, "data/files/generated/a.txt")->sys = ENOTDIR;
	came(keep(json_object()), "generated/a-1.txt ");
	ck_assert_ptr_nonnull(rig_find(rig, "data/files/generated/a.txt"));
}
END_TEST

START_TEST(test_artifacts_options_that_are_wrong_run_nothing)
{
	static const char *const none[] = { NULL };

	files = none;
	is_error(keep(json_pack("{s:s}", "artifact_subdir", "../x")),
		 "invalid_artifact_options", "artifact_subdir");
	is_error(keep(json_pack("{s:i}", "max_artifacts", 0)),
		 "invalid_artifact_options", "max_artifacts");
	is_error(keep(json_pack("{s:[]}", "artifact_globs")),
		 "invalid_artifact_options", "artifact_globs");
	again("[tools.python_exec]\nartifacts_enabled = false\n");
	is_error(keep(json_object()), "artifacts_disabled",
		 "tools.python_exec.artifacts_enabled");
	again("[tools.file_storage]\nenabled = false\n");
	is_error(keep(json_object()), "file_storage_unavailable",
		 "tools.file_storage.enabled");
	again("[tools.file_storage]\nroot_dir = \"/elsewhere\"\n");
	is_error(keep(json_object()), "file_storage_unavailable",
		 "tools.file_storage.root_dir");
	again("[tools.python_exec]\nsandbox_mode = \"jail\"\n"
		      "[tools.python_exec.jail]\nenabled = true\n"
		      "command_prefix = [\"firejail\", \"--quiet\"]\n");
	is_error(keep(json_object()), "artifacts_not_supported_in_jail",
		 "tools.python_exec.artifacts_allow_in_jail");
}
END_TEST

START_TEST(test_artifacts_storage_within_the_workspace)
{
	static const char *const left[] = { "a.txt", NULL };

	files = left;
	again("[tools.file_storage]\nroot_dir = \"/workspace/in\"\n");
	came(keep(json_object()), "generated/a.txt ");
	rig_is(rig, "in/generated/a.txt", "a.txt");
}
END_TEST

START_TEST(test_artifacts_on_the_host_are_confined)
{
	static const char *const left[] = { NULL };

	files = left;
	rig->env.sandboxed = rig->env.confined = false;
	rig->env.root = "/home/u/ws";
	rig_put(rig, "a.txt", "x", 1); /* beneath call->root, the folder */
	came(keep(json_object()), "generated/a.txt ");
	ck_assert_ptr_nonnull(rig_find(rig, "generated/a.txt"));
	/* What came last was the folder's removal, of a whole path. */
	ck_assert_ptr_null(rig->root);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-artifacts");
	TCase *tcase = tcase_create("artifacts");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_artifacts_patterns);
	tcase_add_test(tcase, test_artifacts_names);
	tcase_add_test(tcase, test_artifacts_by_default_are_the_usual_kinds);
	tcase_add_test(tcase, test_artifacts_reasons);
	tcase_add_test(tcase, test_artifacts_that_cannot_be_written_are_said);
	tcase_add_test(tcase,
		       test_artifacts_options_that_are_wrong_run_nothing);
	tcase_add_test(tcase, test_artifacts_storage_within_the_workspace);
	tcase_add_test(tcase, test_artifacts_on_the_host_are_confined);
	suite_add_tcase(suite, tcase);
	return suite;
}
