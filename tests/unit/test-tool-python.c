// SPDX-License-Identifier: Apache-2.0
/*
 * python_execute and python_environment_info: what they ask of the place where
 * they run, what they say of it, and that nothing is left behind.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/python.h"
#include "tests/unit/tool-rig.h"

#define FOLDER "/tmp/creel-python-0000000000000000"
#define PY "tools.python_exec."

static struct rig *rig;

static void set_up(void)
{
	rig = rig_new();
	rig_toml(rig, "");
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

static json_t *run_code(const char *code)
{
	return rig_call(rig, "python_execute", json_pack("{s:s}", "code", code));
}

static void is_error(json_t *result, const char *code, const char *text)
{
	const char *got = "", *why = "";

	ck_assert_int_eq(json_unpack(result, "{s:{s:s, s:s}}",
				     "structuredContent", "error_code", &got,
				     "error", &why),
			 0);
	ck_assert_msg(strcmp(got, code) == 0 && strstr(why, text),
		      "%s: %s; expected %s: %s", got, why, code, text);
	ck_assert(json_is_true(json_object_get(result, "isError")));
	json_decref(result);
}

static void is_fine(json_t *result)
{
	ck_assert_msg(json_is_false(json_object_get(result, "isError")), "%s",
		      json_dumps(result, JSON_COMPACT));
	json_decref(result);
}

static int cleanings(void)
{
	int n = 0;

	for (int i = 0; i < rig->runs; i++)
		n += strncmp(rig->ran[i].argv, "sh\n-c\nrm -rf -- ", 16) == 0;
	return n;
}

static uint32_t folder_mode;

static void look(struct rig *of, struct tool_call *call, int number)
{
	(void)call;
	if (number == 0)
		folder_mode = rig_find(of, FOLDER)->mode;
}

static void begins(const char *text, const char *with)
{
	ck_assert_msg(strncmp(text, with, strlen(with)) == 0, "%s", text);
}

START_TEST(test_python_is_started_isolated_in_a_fresh_folder)
{
	rig->on_run = look;
	is_fine(run_code("print(1)\n2"));
	ck_assert_int_eq(rig->runs, 2);
	begins(rig->ran[0].argv, "python3\n-u\n-B\n-I\n-c\ndef _(size):\n");
	/* Arguments are there for everybody to see. */
	ck_assert_ptr_null(strstr(rig->ran[0].argv, "print(1)"));
	ck_assert_ptr_nonnull(strstr(rig->ran[0].argv, "('_')(10))\n"));
	ck_assert_uint_eq(rig->ran[0].input_len, 10);
	ck_assert_int_eq(memcmp(rig->ran[0].input, "print(1)\n2", 10), 0);
	ck_assert_str_eq(rig->ran[0].workdir, FOLDER);
	ck_assert_uint_eq(folder_mode, 0700);
	rig_absent(rig, FOLDER);
	ck_assert_uint_eq(rig->ran[0].what.timeout_ms, 8000);
	ck_assert_uint_eq(rig->ran[0].what.max_output, 64000);
	ck_assert(rig->ran[0].what.split && rig->ran[0].what.oldest);
	ck_assert_int_eq(rig->ran[0].what.yield_ms, -1);
	ck_assert_ptr_nonnull(strstr(rig->ran[0].env, "PYTHONUNBUFFERED=1\n"));
	ck_assert_ptr_null(strstr(rig->ran[0].env, "HOME="));
	ck_assert(rig->ran[0].what.only_env);
	ck_assert_int_eq(cleanings(), 1);
	ck_assert_ptr_nonnull(strstr(rig->ran[1].argv, FOLDER "\n"));
}
END_TEST

START_TEST(test_python_settings_are_asked_for)
{
	toml("[tools.python_exec]\ndefault_timeout_seconds = 3\n"
	     "max_timeout_seconds = 4\nmax_output_bytes = \"2KiB\"\n"
	     "max_code_bytes = \"1KB\"\nsandbox_mode = \"none\"\n"
	     "pass_parent_env = true\n");
	is_fine(run_code("1"));
	ck_assert_uint_eq(rig->ran[0].what.timeout_ms, 3000);
	ck_assert_uint_eq(rig->ran[0].what.max_output, 2048);
	ck_assert(!rig->ran[0].what.only_env);
	is_fine(rig_call(rig, "python_execute",
			 json_pack("{s:s, s:i, s:s}", "code", "1",
				   "timeout_seconds", 99, "stdin", "ab")));
	ck_assert_uint_eq(rig->ran[0].what.timeout_ms, 4000);
	ck_assert_uint_eq(rig->ran[0].input_len, 3);
	ck_assert_int_eq(memcmp(rig->ran[0].input, "1ab", 3), 0);
}
END_TEST

START_TEST(test_python_code_that_is_none_or_too_long_is_refused)
{
	char code[1002];

	toml("[tools.python_exec]\nmax_code_bytes = 1000\n");
	memset(code, '#', sizeof(code));
	code[1001] = '\0';
	is_error(run_code(code), "code_too_large", PY "max_code_bytes");
	code[1000] = '\0';
	is_fine(run_code(code));
	is_error(run_code(" \n"), "invalid_argument", "code");
	ck_assert_int_eq(rig->runs, 0);
}
END_TEST

START_TEST(test_python_rlimits_are_those_of_the_table)
{
	toml("[tools.python_exec]\nsandbox_mode = \"rlimit\"\n"
	     "[tools.python_exec.rlimit]\nenabled = true\nnproc = 7\n");
	is_fine(run_code("1"));
	ck_assert_str_eq(rig->ran[0].ulimits,
			 "cpu=2:2\nas=268435456:268435456\n"
			 "fsize=16777216:16777216\nnproc=7:7\nnofile=256:256\n");
	/* What cleans up must not be limited. */
	ck_assert_str_eq(rig->ran[1].ulimits, "");
}
END_TEST

START_TEST(test_python_cgroup_limits_are_those_of_the_table)
{
	toml("[tools.python_exec]\nsandbox_mode = \"cgroup\"\n"
	     "[tools.python_exec.cgroup]\nenabled = true\nmemory_max_mb = 3\n"
	     "cpu_quota_percent = 150\n");
	is_fine(run_code("1"));
	ck_assert_uint_eq(rig->ran[0].what.limit_memory, 3U << 20);
	ck_assert_uint_eq(rig->ran[0].what.limit_cpu_usec, 150000);
	ck_assert_uint_eq(rig->ran[1].what.limit_memory, 0);
	/* It cannot be had: nothing is run instead. */
	rig->outcomes[0].status = 125;
	err_set(&rig->outcomes[0].fail, ERR_UNSUPPORTED, 0,
		PY "cgroup: there is no memory controller");
	is_error(run_code("1"), "sandbox_mode_unavailable",
		 PY "cgroup: there is no memory");
	ck_assert_int_eq(rig->runs, 2);
	ck_assert_int_eq(cleanings(), 1);
}
END_TEST

START_TEST(test_python_mode_that_is_not_enabled_names_its_key)
{
	static const char *const modes[] = { "rlimit", "cgroup", "jail" };

	for (size_t i = 0; i < 3; i++) {
		char text[200], key[100];

		(void)snprintf(text, sizeof(text),
			       "[tools.python_exec]\nsandbox_mode = \"%s\"\n",
			       modes[i]);
		(void)snprintf(key, sizeof(key), PY "%s.enabled", modes[i]);
		toml(text);
		is_error(run_code("1"), "sandbox_mode_unavailable", key);
		ck_assert_int_eq(rig->runs, 0);
		ck_assert_int_eq(rig->commits, 0);
	}
	toml("[tools.python_exec]\nsandbox_mode = \"jail\"\n"
	     "[tools.python_exec.jail]\nenabled = true\n");
	is_error(run_code("1"), "sandbox_mode_unavailable",
		 PY "jail.command_prefix");
}
END_TEST

START_TEST(test_python_prefix_comes_before_the_interpreter)
{
	toml("[tools.python_exec]\nsandbox_mode = \"jail\"\n"
	     "[tools.python_exec.jail]\nenabled = true\n"
	     "command_prefix = [\"nice\", \"-n\", \"5\"]\n");
	is_fine(run_code("1"));
	begins(rig->ran[0].argv,
	       "nice\n-n\n5\npython3\n-u\n-B\n-I\n-c\ndef _(size):\n");
	ck_assert_ptr_null(rig->ran[0].what.jail);
	rig->outcomes[0].status = 127;
	err_set(&rig->outcomes[0].fail, ERR_BAD_REQUEST, ENOENT, "nice");
	is_error(run_code("1"), "interpreter_not_found",
		 PY "jail.command_prefix: nice or python3 cannot be run");
}
END_TEST

START_TEST(test_python_interpreter_is_the_one_that_is_named)
{
	static const struct {
		const char *lines, *python, *key;
	} rows[] = {
		{ "python_path = \"/opt/p/bin/python3\"\nvenv_path = \"/v\"",
		  "/opt/p/bin/python3", PY "python_path" },
		{ "venv_path = \"/v\"", "/v/bin/python", PY "venv_path" },
		{ "venv_path = \"~/v\"", "/home/u/v/bin/python",
		  PY "venv_path" },
		{ "python_path = \"python9\"", "python9", PY "python_path" },
		{ "python_path = \"./p/py\"", "/tmp/p/py", PY "python_path" },
		{ "python_path = \"\"", "python3", "there is no python3" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[200];

		(void)snprintf(text, sizeof(text), "[tools.python_exec]\n%s\n",
			       rows[i].lines);
		toml(text);
		rig->outcomes[0] = (struct tool_outcome){ .status = 0 };
		is_fine(run_code("1"));
		ck_assert_uint_eq(strcspn(rig->ran[0].argv, "\n"),
				  strlen(rows[i].python));
		ck_assert_int_eq(strncmp(rig->ran[0].argv, rows[i].python,
					 strlen(rows[i].python)), 0);
		rig->outcomes[0].status = 127;
		err_set(&rig->outcomes[0].fail, ERR_BAD_REQUEST, ENOENT, "x");
		is_error(run_code("1"), "interpreter_not_found", rows[i].key);
		ck_assert_int_eq(cleanings(), 1);
	}
}
END_TEST

START_TEST(test_python_binds_are_what_the_interpreter_lies_in)
{
	static const struct {
		const char *lines, *source; /* "": none */
	} rows[] = {
		{ "python_path = \"/opt/p/bin/python3\"", "/opt/p" },
		{ "python_path = \"/opt/p/python3\"", "/opt/p" },
		{ "venv_path = \"/v/w/\"", "/v/w" },
		{ "venv_path = \"~/v\"", "/home/u/v" },
		{ "python_path = \"/usr/bin/python3\"", "" },
		{ "python_path = \"/usr/local/bin/python3\"", "" },
		{ "python_path = \"/bin/python3\"", "" },
		{ "python_path = \"/python3\"", "" },
		{ "python_path = \"python3\"", "" },
		{ "venv_path = \"/v/../etc\"", "" },
		{ "venv_path = \"/v\"\nenabled = false", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = ERR_INIT;
		struct pol_session *session;
		char text[200];

		(void)snprintf(text, sizeof(text), "[tools.python_exec]\n%s\n",
			       rows[i].lines);
		toml(text);
		session = pol_session_new(rig->cfg, "main", NULL, &err);
		ck_assert_msg(session != NULL, "%s", err.text);
		ck_assert_uint_eq(session->n_binds, rows[i].source[0] != '\0');
		if (session->n_binds) {
			ck_assert_str_eq(session->binds[0].source,
					 rows[i].source);
			ck_assert_str_eq(session->binds[0].target,
					 rows[i].source);
			ck_assert(session->binds[0].readonly);
			ck_assert_ptr_nonnull(session->binds[0].key);
		}
		pol_session_free(session);
	}
}
END_TEST

START_TEST(test_python_bind_of_docker_comes_before)
{
	struct err err = ERR_INIT;
	struct pol_session *session;
	uint8_t hash[POL_HASH_BYTES];

	toml("[agents.defaults.sandbox.docker]\n"
	     "binds = [\"/else:/v:rw\", \"/a:/b\"]\n"
	     "[tools.python_exec]\nvenv_path = \"/v\"\n");
	session = pol_session_new(rig->cfg, "main", NULL, &err);
	ck_assert_uint_eq(session->n_binds, 2);
	ck_assert_ptr_null(session->binds[0].key);
	memcpy(hash, session->hash, sizeof(hash));
	pol_session_free(session);
	toml("[agents.defaults.sandbox.docker]\n"
	     "binds = [\"/else:/v:rw\", \"/a:/b\"]\n"
	     "[tools.python_exec]\nvenv_path = \"/w\"\n");
	session = pol_session_new(rig->cfg, "main", NULL, &err);
	ck_assert_uint_eq(session->n_binds, 3);
	ck_assert_int_ne(memcmp(hash, session->hash, sizeof(hash)), 0);
	pol_session_free(session);
}
END_TEST

static void cancel(struct rig *of, struct tool_call *call, int number)
{
	if (number > 0)
		return;
	call->cancelled = true;
	of->outcomes[0].cancelled = true;
}

START_TEST(test_python_folder_goes_with_a_call_that_is_cancelled)
{
	rig->on_run = cancel;
	for (int i = 0; i < 2; i++) {
		rig->later = i == 1;
		is_error(run_code("1"), "cancelled", "cancelled");
		ck_assert_int_eq(cleanings(), 1);
	}
}
END_TEST

START_TEST(test_python_folder_is_removed_without_a_shell_too)
{
	rig->outcomes[1].status = 127;
	err_set(&rig->outcomes[1].fail, ERR_BAD_REQUEST, ENOENT, "sh");
	is_fine(run_code("1"));
	ck_assert_int_eq(rig->runs, 3);
	ck_assert_int_eq(strncmp(rig->ran[2].argv,
				 "python3\n-B\n-I\n-c\nimport os, shutil", 34),
			 0);
}
END_TEST

START_TEST(test_python_folder_that_cannot_be_made_ends_the_call)
{
	rig->commit_sys = ENOSPC;
	is_error(run_code("1"), "sandbox_unavailable", FOLDER);
	ck_assert_int_eq(rig->runs, 0);
}
END_TEST

START_TEST(test_python_again_waits_for_what_runs)
{
	rig->again = true;
	is_fine(run_code("1"));
	ck_assert_int_eq(rig->commits, 0);
	ck_assert_int_eq(rig->runs, 2);
	ck_assert_int_eq(cleanings(), 1);
}
END_TEST

START_TEST(test_python_output_is_cut_stdout_first)
{
	json_t *result, *more;

	toml("[tools.python_exec]\nmax_output_bytes = 10\n");
	rig->outcomes[0] = (struct tool_outcome){
		.status = 3, .out = "abcdef", .out_len = 6, .out_total = 6,
		.err = "\xffijklm", .err_len = 6, .err_total = 6,
		.wall_usec = 7000,
	};
	result = run_code("1");
	more = json_object_get(result, "structuredContent");
	ck_assert_str_eq(json_string_value(json_object_get(more, "stdout")),
			 "abcdef");
	ck_assert_str_eq(json_string_value(json_object_get(more, "stderr")),
			 "\xef\xbf\xbdijk");
	ck_assert(json_is_true(json_object_get(more, "truncated")));
	ck_assert(json_is_false(json_object_get(more, "ok")));
	ck_assert_int_eq(json_integer_value(json_object_get(more, "exit_code")),
			 3);
	ck_assert_int_eq(
		json_integer_value(json_object_get(more, "duration_ms")), 7);
	json_decref(result);
}
END_TEST

START_TEST(test_python_environment_is_asked_of_python)
{
	static const char said[] = "{\"packages\": [], \"limit\": 5}";
	json_t *result;

	rig->outcomes[0].out = said;
	rig->outcomes[0].out_len = rig->outcomes[0].out_total = strlen(said);
	result = rig_call(rig, "python_environment_info",
			  json_pack("{s:i, s:s, s:b}", "limit", 900,
				    "name_prefix", "a b", "include_packages",
				    0));
	ck_assert_ptr_nonnull(strstr(rig->ran[0].argv, "\n0\n500\na b\n"));
	ck_assert_ptr_nonnull(json_object_get(
		json_object_get(result, "structuredContent"), "packages"));
	ck_assert_int_eq(cleanings(), 1);
	json_decref(result);
	rig->outcomes[0].out = "[]";
	rig->outcomes[0].out_len = rig->outcomes[0].out_total = 2;
	is_error(rig_call(rig, "python_environment_info", json_object()),
		 "environment_unknown", "Python does not tell of itself");
	ck_assert_int_eq(cleanings(), 1);
	rig->outcomes[0].status = 1;
	rig->outcomes[0].err = "Traceback";
	rig->outcomes[0].err_len = rig->outcomes[0].err_total = 9;
	is_error(rig_call(rig, "python_environment_info", json_object()),
		 "environment_unknown", "Traceback");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-python");
	TCase *tcase = tcase_create("python");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase,
		       test_python_is_started_isolated_in_a_fresh_folder);
	tcase_add_test(tcase, test_python_settings_are_asked_for);
	tcase_add_test(tcase,
		       test_python_code_that_is_none_or_too_long_is_refused);
	tcase_add_test(tcase, test_python_rlimits_are_those_of_the_table);
	tcase_add_test(tcase,
		       test_python_cgroup_limits_are_those_of_the_table);
	tcase_add_test(tcase,
		       test_python_mode_that_is_not_enabled_names_its_key);
	tcase_add_test(tcase, test_python_prefix_comes_before_the_interpreter);
	tcase_add_test(tcase,
		       test_python_interpreter_is_the_one_that_is_named);
	tcase_add_test(tcase,
		       test_python_binds_are_what_the_interpreter_lies_in);
	tcase_add_test(tcase, test_python_bind_of_docker_comes_before);
	tcase_add_test(tcase,
		       test_python_folder_goes_with_a_call_that_is_cancelled);
	tcase_add_test(tcase,
		       test_python_folder_is_removed_without_a_shell_too);
	tcase_add_test(tcase,
		       test_python_folder_that_cannot_be_made_ends_the_call);
	tcase_add_test(tcase, test_python_again_waits_for_what_runs);
	tcase_add_test(tcase, test_python_output_is_cut_stdout_first);
	tcase_add_test(tcase, test_python_environment_is_asked_of_python);
	suite_add_tcase(suite, tcase);
	return suite;
}
