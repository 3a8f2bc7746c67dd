// SPDX-License-Identifier: Apache-2.0
/*
 * bash: what it asks of the place where it runs, and what becomes of long
 * output.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tool-rig.h"

#define ON "[tools.bash]\nenabled = true\n"

static struct rig *rig;

static void set_up(void)
{
	rig = rig_new();
	rig_toml(rig, ON);
}

static void tear_down(void)
{
	rig_free(rig);
}

static void toml(const char *text)
{
	cfg_free(rig->cfg);
	rig->cfg = NULL;
	rig_toml(rig, text);
}

/* structuredContent; a new reference. */
static json_t *bash(json_t *args)
{
	json_t *result, *more;

	if (!json_object_get(args, "command"))
		(void)json_object_set_new(args, "command",
					  json_string("echo 'a b'"));
	result = rig_call(rig, "bash", args);
	more = json_incref(json_object_get(result, "structuredContent"));
	json_decref(result);
	return more;
}

static const char *text_of(const json_t *more, const char *name)
{
	const char *text = json_string_value(json_object_get(more, name));

	return text ? text : "";
}

static void is_error(json_t *more, const char *code, const char *text)
{
	ck_assert_msg(strcmp(text_of(more, "error_code"), code) == 0 &&
			      strstr(text_of(more, "error"), text),
		      "%s", json_dumps(more, JSON_COMPACT));
	json_decref(more);
}

static void says(const char *out, const char *err)
{
	rig->outcomes[0].out = out;
	rig->outcomes[0].out_len = rig->outcomes[0].out_total = strlen(out);
	rig->outcomes[0].err = err;
	rig->outcomes[0].err_len = rig->outcomes[0].err_total = strlen(err);
}

START_TEST(test_bash_command_is_one_argument)
{
	json_t *more;

	says("o", "e");
	more = bash(json_object());
	ck_assert_str_eq(rig->ran[0].argv, "/bin/bash\n-lc\necho 'a b'\n");
	ck_assert_str_eq(rig->ran[0].workdir, "/workspace");
	ck_assert_uint_eq(rig->ran[0].what.timeout_ms, 15000);
	ck_assert_uint_eq(rig->ran[0].what.max_output, 128000);
	ck_assert_ptr_nonnull(rig->ran[0].input);
	ck_assert_uint_eq(rig->ran[0].input_len, 0);
	ck_assert(!rig->ran[0].what.only_env);
	ck_assert_str_eq(text_of(more, "stdout"), "o");
	ck_assert_str_eq(text_of(more, "stderr"), "e");
	ck_assert_str_eq(text_of(more, "cwd"), "/workspace");
	ck_assert_str_eq(text_of(more, "command"), "echo 'a b'");
	json_decref(more);
}
END_TEST

START_TEST(test_bash_settings_are_asked_for)
{
	toml(ON "default_timeout_seconds = 2\nmax_timeout_seconds = 3\n"
	     "max_output_bytes = \"1KiB\"\npass_parent_env = false\n"
	     "env_allowlist = [\"LANG\"]\n");
	json_decref(bash(json_pack("{s:{s:s}}", "env", "A", "b c")));
	ck_assert_uint_eq(rig->ran[0].what.timeout_ms, 2000);
	ck_assert_uint_eq(rig->ran[0].what.max_output, 1024);
	ck_assert(rig->ran[0].what.only_env);
	ck_assert_str_eq(rig->ran[0].env, "LANG=C.UTF-8\nA=b c\n");
	json_decref(bash(json_pack("{s:i}", "timeout_seconds", 77)));
	ck_assert_uint_eq(rig->ran[0].what.timeout_ms, 3000);
	json_decref(bash(json_pack("{s:{s:s}}", "env", "LANG", "x")));
	ck_assert_str_eq(rig->ran[0].env, "LANG=x\n");
}
END_TEST

START_TEST(test_bash_on_the_host_sees_the_callers_environment)
{
	static const char *const own[] = { "A=1", "HOME=/home/u", NULL };

	rig->env.sandboxed = rig->env.confined = false;
	rig->env.root = "/home/u/ws";
	rig->env.host_env = own;
	json_decref(bash(json_object()));
	ck_assert_str_eq(rig->ran[0].env, "A=1\nHOME=/home/u\n");
	ck_assert(rig->ran[0].what.only_env);
	json_decref(bash(json_pack("{s:s}", "cwd", "~/x")));
	ck_assert_str_eq(rig->ran[0].workdir, "/home/u/x");
	toml(ON "pass_parent_env = false\n");
	json_decref(bash(json_object()));
	ck_assert_str_eq(rig->ran[0].env, "HOME=/home/u\n");
}
END_TEST

START_TEST(test_bash_cwd)
{
	json_decref(bash(json_pack("{s:s}", "cwd", "a b")));
	ck_assert_str_eq(rig->ran[0].workdir, "/workspace/a b");
	json_decref(bash(json_pack("{s:s}", "cwd", "/usr")));
	ck_assert_str_eq(rig->ran[0].workdir, "/usr");
	rig->outcomes[0].status = 125;
	err_set(&rig->outcomes[0].fail, ERR_KERNEL, ENOENT,
		"--workdir: cannot enter");
	is_error(bash(json_pack("{s:s}", "cwd", "none")), "not_started",
		 "bash: cwd: /workspace/none: cannot enter");
}
END_TEST

START_TEST(test_bash_what_is_wrong_is_named)
{
	is_error(bash(json_pack("{s:{s:s}}", "env", "A=B", "c")),
		 "invalid_argument", "env");
	is_error(bash(json_pack("{s:{s:s}}", "env", "", "c")),
		 "invalid_argument", "env");
	ck_assert_int_eq(rig->runs, 0);
	rig->outcomes[0].status = 127;
	err_set(&rig->outcomes[0].fail, ERR_BAD_REQUEST, ENOENT,
		"/bin/bash: command not found");
	(void)snprintf(rig->outcomes[0].hint, sizeof(rig->outcomes[0].hint),
		       "what helps");
	is_error(bash(json_object()), "not_started",
		 "bash: /bin/bash: command not found");
	rig->outcomes[0].cancelled = true;
	is_error(bash(json_object()), "cancelled", "cancelled");
}
END_TEST

START_TEST(test_bash_long_output_is_spilled_whole)
{
	const char *place;
	char path[100];
	json_t *more;

	toml(ON "spill_to_managed_file = true\nspill_after_chars = 4\n"
	     "spill_preview_chars = 2\nspill_subdir = \"a/b\"\n");
	says("\xc3\xa9\xc3\xa9\xc3\xa9", "e");
	more = bash(json_object());
	ck_assert_ptr_null(json_object_get(more, "spilled"));
	json_decref(more);
	says("\xc3\xa9\xc3\xa9\xc3\xa9", "ef");
	more = bash(json_object());
	place = text_of(more, "spill_path");
	ck_assert_int_eq(strncmp(place, "a/b/bash-", 9), 0);
	ck_assert_str_eq(text_of(more, "stdout"), "\xc3\xa9\xc3\xa9");
	ck_assert_str_eq(text_of(more, "stderr"), "");
	ck_assert(json_is_true(json_object_get(more, "truncated")));
	(void)snprintf(path, sizeof(path), "data/files/%s", place);
	rig_is(rig, path, "\xc3\xa9\xc3\xa9\xc3\xa9" "ef");
	json_decref(more);
}
END_TEST

START_TEST(test_bash_spill_that_cannot_be_written_is_an_error)
{
	toml(ON "spill_to_managed_file = true\nspill_after_chars = 1\n");
	says("long", "");
	rig->commit_sys = ENOSPC;
	is_error(bash(json_object()), "file_storage_unavailable",
		 "tools.bash.spill_to_managed_file");
	toml(ON "spill_to_managed_file = true\n"
	     "[tools.file_storage]\nenabled = false\n");
	is_error(bash(json_object()), "file_storage_unavailable",
		 "tools.file_storage.enabled");
	ck_assert_int_eq(rig->runs, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-bash");
	TCase *tcase = tcase_create("bash");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_bash_command_is_one_argument);
	tcase_add_test(tcase, test_bash_settings_are_asked_for);
	tcase_add_test(tcase,
		       test_bash_on_the_host_sees_the_callers_environment);
	tcase_add_test(tcase, test_bash_cwd);
	tcase_add_test(tcase, test_bash_what_is_wrong_is_named);
	tcase_add_test(tcase, test_bash_long_output_is_spilled_whole);
	tcase_add_test(tcase,
		       test_bash_spill_that_cannot_be_written_is_an_error);
	suite_add_tcase(suite, tcase);
	return suite;
}
