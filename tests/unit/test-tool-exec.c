// SPDX-License-Identifier: Apache-2.0
/*
 * exec: what it asks of the place where it runs, and what it says of the
 * answer.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/backend.h"
#include "controller/tools/tools.h"
#include "tests/unit/runner.h"
#include "tests/unit/tool-once.h"

#define MAX_STRINGS 16

/* What the backend was asked for, copied. */
static struct asked {
	int runs;
	char *argv[MAX_STRINGS];
	char *env[MAX_STRINGS];
	char *workdir;
	struct tool_command what;
} asked;

static struct tool_outcome outcome;

static void copy_all(char **to, const char *const *from)
{
	for (size_t i = 0; from && from[i]; i++) {
		ck_assert_uint_lt(i, MAX_STRINGS);
		to[i] = strdup(from[i]);
	}
}

static void fake_run(struct tool_call *call, const struct tool_command *what,
		     tool_outcome_fn *done)
{
	asked.runs++;
	asked.what = *what;
	copy_all(asked.argv, what->argv);
	copy_all(asked.env, what->env);
	asked.workdir = strdup(what->workdir);
	done(call, &outcome);
}

static const struct tool_backend backend = { .run = fake_run };

static const char *member_text(const char *name)
{
	return json_string_value(once_member(name));
}

static void begin(void)
{
	once_begin(&tool_exec, &backend);
	asked = (struct asked){ .runs = 0 };
	outcome = (struct tool_outcome){ .out = "", .err = "", .pid = 7 };
}

static void end(void)
{
	for (size_t i = 0; i < MAX_STRINGS; i++) {
		free(asked.argv[i]);
		free(asked.env[i]);
	}
	free(asked.workdir);
	once_end();
}

static void set_output(const char *text)
{
	outcome.out = text;
	outcome.out_len = strlen(text);
	outcome.out_total = outcome.out_len;
}

START_TEST(test_exec_command_is_one_argument_of_sh)
{
	once_run("{\"command\": \"--bind '$(x)'\\n\\\"; -c\"}");
	ck_assert_str_eq(asked.argv[0], "sh");
	ck_assert_str_eq(asked.argv[1], "-lc");
	ck_assert_str_eq(asked.argv[2], "--bind '$(x)'\n\"; -c");
	ck_assert_ptr_null(asked.argv[3]);
	ck_assert_str_eq(asked.workdir, "/workspace");
	ck_assert_int_eq(asked.what.yield_ms, 10000);
	ck_assert_uint_eq(asked.what.timeout_ms, 1800000);
	ck_assert_uint_eq(asked.what.keep_output, 8 << 20);
	ck_assert_uint_eq(asked.what.cleanup_ms, 1800000);
	ck_assert(!asked.what.pty && !asked.what.split && !asked.what.only_env);
}
END_TEST

/* No text is made of it: the script is the same for whatever PATH. */
START_TEST(test_exec_path_goes_through_a_variable_and_the_same_script)
{
	char *script;

	once_run("{\"command\": \"id\", \"env\": {\"PATH\": \"/a b';:$(x)\", \"A\": \"b=c\"}}");
	ck_assert_str_eq(asked.argv[3], "sh");
	ck_assert_str_eq(asked.argv[4], "id");
	ck_assert_ptr_null(asked.argv[5]);
	ck_assert_ptr_null(strstr(asked.argv[2], "/a"));
	ck_assert_ptr_null(strstr(asked.argv[2], "id"));
	ck_assert_str_eq(asked.env[0], "A=b=c");
	ck_assert_str_eq(asked.env[1], "CREEL_PATH_FIRST=/a b';:$(x)");
	ck_assert_ptr_null(asked.env[2]);
	script = strdup(asked.argv[2]);
	end();
	begin();
	once_run("{\"command\": \"true\", \"env\": {\"PATH\": \"/z\"}}");
	ck_assert_str_eq(asked.argv[2], script);
	free(script);
}
END_TEST

START_TEST(test_exec_nobody_gives_the_variable_of_the_path_himself)
{
	once_run("{\"command\": \"id\", \"env\": {\"CREEL_PATH_FIRST\": \"/x\"}}");
	ck_assert_ptr_null(asked.env[0]);
	ck_assert_ptr_null(asked.argv[3]);
}
END_TEST

START_TEST(test_exec_workdir_begins_at_the_workspace)
{
	static const char *const rows[][2] = {
		{ "a/b", "/workspace/a/b" },
		{ "/tmp", "/tmp" },
		{ ".", "/workspace/." },
	};
	char text[128];

	(void)snprintf(text, sizeof(text),
		       "{\"command\": \"id\", \"workdir\": \"%s\"}",
		       rows[_i][0]);
	once_run(text);
	ck_assert_str_eq(asked.workdir, rows[_i][1]);
}
END_TEST

START_TEST(test_exec_yield_background_timeout_and_pty_are_handed_on)
{
	once_run("{\"command\": \"id\", \"yieldMs\": 120000, \"timeout\": 0.5, \"pty\": true}");
	ck_assert_int_eq(asked.what.yield_ms, 120000);
	ck_assert_uint_eq(asked.what.timeout_ms, 500);
	ck_assert(asked.what.pty);
	end();
	begin();
	once_run("{\"command\": \"id\", \"yieldMs\": 5, \"background\": true}");
	ck_assert_int_eq(asked.what.yield_ms, 0);
	end();
	begin();
	once_run("{\"command\": \"id\", \"yieldMs\": 0}");
	ck_assert_int_eq(asked.what.yield_ms, 0);
}
END_TEST

static const char *const refused[][2] = {
	{ "{}", "exec: command: expected a string, got nothing" },
	{ "{\"command\": 3}", "exec: command: expected a string" },
	{ "{\"command\": \"\"}", "exec: command: " },
	{ "{\"command\": \"a\\u0000b\"}", "exec: command: " },
	{ "{\"command\": \"a\", \"timeout\": 0}", "exec: timeout: " },
	{ "{\"command\": \"a\", \"timeout\": -1}", "exec: timeout: " },
	{ "{\"command\": \"a\", \"timeout\": 1e308}", "exec: timeout: " },
	{ "{\"command\": \"a\", \"timeout\": \"5\"}",
	  "exec: timeout: expected a number, got a string" },
	{ "{\"command\": \"a\", \"yieldMs\": -1}", "exec: yieldMs: " },
	{ "{\"command\": \"a\", \"yieldMs\": 1.5}", "exec: yieldMs: " },
	{ "{\"command\": \"a\", \"workdir\": \"a\\u0000\"}",
	  "exec: workdir: " },
	{ "{\"command\": \"a\", \"env\": {\"A\": \"\\u0000\"}}",
	  "exec: env: " },
	{ "{\"command\": \"a\", \"env\": {\"A\": 1}}", "exec: env: " },
	{ "{\"command\": \"a\", \"env\": [\"A=1\"]}", "exec: env: " },
	{ "{\"command\": \"a\", \"host\": \"moon\"}", "exec: host: " },
	{ "{\"command\": \"a\", \"background\": \"yes\"}",
	  "exec: background: " },
	{ "{\"command\": \"a\", \"comand\": \"b\"}", "exec: comand: " },
};

START_TEST(test_exec_argument_that_is_wrong_is_named)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(once_call(refused[_i][0], &err), -1);
	ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
	ck_assert_msg(strstr(err.text, refused[_i][1]), "%s", err.text);
	ck_assert_int_eq(asked.runs, 0);
}
END_TEST

START_TEST(test_exec_variable_without_a_right_name_is_refused)
{
	static const char *const names[] = { "", "A=B", "=" };
	char text[128];

	(void)snprintf(text, sizeof(text),
		       "{\"command\": \"a\", \"env\": {\"%s\": \"1\"}}",
		       names[_i]);
	once_run(text);
	ck_assert_int_eq(asked.runs, 0);
	ck_assert(once_is_error());
	ck_assert_ptr_nonnull(strstr(once_text(), "exec: env: "));
}
END_TEST

START_TEST(test_exec_that_went_well_answers_its_output)
{
	set_output("hello\n");
	once_run("{\"command\": \"id\"}");
	ck_assert(!once_is_error());
	ck_assert_str_eq(once_text(), "hello\n");
	ck_assert_str_eq(member_text("status"), "completed");
	ck_assert_str_eq(member_text("output"), "hello\n");
	ck_assert_str_eq(member_text("cwd"), "/workspace");
	ck_assert_int_eq(json_integer_value(once_member("exitCode")), 0);
	ck_assert_int_eq(json_integer_value(once_member("totalBytes")), 6);
	ck_assert(json_is_false(once_member("truncated")));
	ck_assert(json_is_true(once_member("sandboxed")));
}
END_TEST

START_TEST(test_exec_without_output_says_so)
{
	once_run("{\"command\": \"id\"}");
	ck_assert_str_eq(once_text(), "(no output)");
}
END_TEST

START_TEST(test_exec_other_status_is_an_error_with_the_output)
{
	set_output("oh");
	outcome.status = 3;
	once_run("{\"command\": \"id\"}");
	ck_assert(once_is_error());
	ck_assert_str_eq(once_text(), "oh\n\nCommand exited with code 3");
	ck_assert_str_eq(member_text("status"), "failed");
	ck_assert_int_eq(json_integer_value(once_member("exitCode")), 3);
	ck_assert_str_eq(json_string_value(json_object_get(once_member("error"),
							   "code")),
			 "exit_status");
}
END_TEST

START_TEST(test_exec_timeout_is_told_in_seconds)
{
	set_output("a\n");
	outcome.status = 124;
	outcome.timed_out = true;
	once_run("{\"command\": \"id\", \"timeout\": 0.25}");
	ck_assert_str_eq(once_text(), "a\n\nCommand timed out after 0.25 seconds");
	ck_assert_str_eq(member_text("status"), "timeout");
}
END_TEST

START_TEST(test_exec_memory_limit_is_told)
{
	outcome.status = 137;
	outcome.oom = true;
	(void)snprintf(outcome.why, sizeof(outcome.why), "out of memory");
	once_run("{\"command\": \"id\"}");
	ck_assert_str_eq(once_text(),
			 "Command exited with code 137 (out of memory)");
	ck_assert(json_is_true(once_member("outOfMemory")));
}
END_TEST

START_TEST(test_exec_that_goes_on_gives_its_id)
{
	set_output("so far\n");
	outcome.running = true;
	(void)snprintf(outcome.id, sizeof(outcome.id), "0badcafe");
	once_run("{\"command\": \"id\"}");
	ck_assert(!once_is_error());
	ck_assert_str_eq(once_text(),
			 "so far\n\nCommand still running (session 0badcafe, pid 7). Use process (list/poll/log/write/kill/clear/remove) for follow-up.");
	ck_assert_str_eq(member_text("status"), "running");
	ck_assert_str_eq(member_text("sessionId"), "0badcafe");
	ck_assert_int_eq(json_integer_value(once_member("pid")), 7);
	ck_assert_ptr_null(once_member("exitCode"));
}
END_TEST

START_TEST(test_exec_output_that_was_cut_says_so)
{
	set_output("end");
	outcome.out_total = 1000000;
	once_run("{\"command\": \"id\"}");
	ck_assert_str_eq(once_text(),
			 "(the last 3 of 1000000 bytes of output)\nend");
	ck_assert(json_is_true(once_member("truncated")));
	ck_assert_int_eq(json_integer_value(once_member("totalBytes")), 1000000);
}
END_TEST

START_TEST(test_exec_output_that_is_no_text_is_replaced)
{
	outcome.out = "a\xff\xc3\0z";
	outcome.out_len = outcome.out_total = 5;
	once_run("{\"command\": \"id\"}");
	ck_assert_uint_eq(json_string_length(once_member("output")), 9);
	ck_assert_mem_eq(member_text("output"),
			 "a\xef\xbf\xbd\xef\xbf\xbd\0z", 9);
}
END_TEST

START_TEST(test_exec_that_cannot_start_says_why)
{
	err_set(&outcome.fail, ERR_BAD_REQUEST, 2, "--workdir");
	(void)snprintf(outcome.hint, sizeof(outcome.hint), "make it");
	outcome.status = 125;
	once_run("{\"command\": \"id\", \"workdir\": \"/none\"}");
	ck_assert(once_is_error());
	ck_assert_ptr_nonnull(strstr(once_text(), "exec: workdir: "));
	ck_assert_ptr_null(strstr(once_text(), "--"));
	ck_assert_ptr_nonnull(strstr(once_text(), "hint: make it"));
}
END_TEST

static void add_answers(TCase *tcase)
{
	tcase_add_test(tcase, test_exec_that_went_well_answers_its_output);
	tcase_add_test(tcase, test_exec_without_output_says_so);
	tcase_add_test(tcase,
		       test_exec_other_status_is_an_error_with_the_output);
	tcase_add_test(tcase, test_exec_timeout_is_told_in_seconds);
	tcase_add_test(tcase, test_exec_memory_limit_is_told);
	tcase_add_test(tcase, test_exec_that_goes_on_gives_its_id);
	tcase_add_test(tcase, test_exec_output_that_was_cut_says_so);
	tcase_add_test(tcase, test_exec_output_that_is_no_text_is_replaced);
	tcase_add_test(tcase, test_exec_that_cannot_start_says_why);
}

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-exec");
	TCase *tcase = tcase_create("tool-exec");

	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_test(tcase, test_exec_command_is_one_argument_of_sh);
	tcase_add_test(
		tcase,
		test_exec_path_goes_through_a_variable_and_the_same_script);
	tcase_add_test(
		tcase,
		test_exec_nobody_gives_the_variable_of_the_path_himself);
	tcase_add_loop_test(tcase, test_exec_workdir_begins_at_the_workspace, 0,
			    3);
	tcase_add_test(
		tcase,
		test_exec_yield_background_timeout_and_pty_are_handed_on);
	tcase_add_loop_test(tcase, test_exec_argument_that_is_wrong_is_named, 0,
			    sizeof(refused) / sizeof(refused[0]));
	tcase_add_loop_test(tcase,
			    test_exec_variable_without_a_right_name_is_refused,
			    0, 3);
	add_answers(tcase);
	suite_add_tcase(suite, tcase);
	return suite;
}
