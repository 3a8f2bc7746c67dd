// SPDX-License-Identifier: Apache-2.0
/*
 * process: what each action asks of the place where commands run, and what it
 * says of the answer.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/exec.h"
#include "controller/tools/process.h"
#include "controller/tools/tools.h"
#include "tests/unit/runner.h"
#include "tests/unit/tool-once.h"

#define ID "0badcafe"
#define MAX_ASKED 4

/* What the backend was asked for, copied; and what it says. */
static struct asked {
	struct tool_process_request what;
	char id[16];
	char data[256];
} asked[MAX_ASKED];
static size_t n_asked;
static struct tool_process_info infos[2];
static struct tool_process_answer said;

static void fake_process(struct tool_call *call,
			 const struct tool_process_request *what,
			 tool_process_fn *done)
{
	struct tool_process_answer answer = said;
	struct asked *one = &asked[n_asked++];

	ck_assert_uint_le(n_asked, MAX_ASKED);
	one->what = *what;
	(void)snprintf(one->id, sizeof(one->id), "%s", what->id ? what->id : "");
	ck_assert_uint_lt(what->data_len, sizeof(one->data));
	if (what->data_len > 0)
		memcpy(one->data, what->data, what->data_len);
	answer.infos = infos;
	if (what->action != TOOL_PROCESS_LIST && answer.n > 1)
		answer.n = 1;
	done(call, &answer);
}

static const struct tool_backend backend = { .process = fake_process };

static void run(const char *text)
{
	n_asked = 0;
	once_run(text);
}

static void failed(const char *code, const char *text)
{
	ck_assert(once_is_error());
	ck_assert_str_eq(json_string_value(
				 json_object_get(once_member("error"), "code")),
			 code);
	ck_assert_msg(strstr(once_text(), text), "%s", once_text());
}

static void begin(void)
{
	once_begin(&tool_process, &backend);
	infos[0] = (struct tool_process_info){ .id = ID,
					       .command = "make all",
					       .workdir = "/workspace",
					       .pid = 7,
					       .started_ms = 1000 };
	infos[1] = (struct tool_process_info){ .id = "0ther",
					       .command = "a\tb\n\x1b[31m\xff",
					       .workdir = "/",
					       .started_ms = 2000,
					       .ended_ms = 2000 + 3723000,
					       .over = true,
					       .status = 3 };
	said = (struct tool_process_answer){ .n = 2 };
	n_asked = 0;
}

static void say_output(const char *text, size_t len)
{
	said.text = text;
	said.len = len;
}

START_TEST(test_process_list_has_every_command_on_one_line)
{
	const json_t *all;

	run("{\"action\": \"list\"}");
	ck_assert_int_eq(asked[0].what.action, TOOL_PROCESS_LIST);
	ck_assert_ptr_nonnull(strstr(once_text(), ID " running "));
	ck_assert_ptr_nonnull(strstr(once_text(), ":: make all\n0ther failed"));
	ck_assert_ptr_nonnull(strstr(once_text(), "  1h02m :: a b  [31m"));
	all = once_member("sessions");
	ck_assert_uint_eq(json_array_size(all), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(
				 json_array_get(all, 1), "exitCode")),
			 3);
	ck_assert_ptr_null(json_object_get(json_array_get(all, 0), "exitCode"));
	ck_assert_ptr_null(json_object_get(json_array_get(all, 0), "endedAt"));
}
END_TEST

START_TEST(test_process_list_of_none_says_so)
{
	said.n = 0;
	run("{\"action\": \"list\"}");
	ck_assert_str_eq(once_text(), "No running or recent sessions.");
	ck_assert_uint_eq(json_array_size(once_member("sessions")), 0);
}
END_TEST

START_TEST(test_process_status_is_what_became_of_it)
{
	static const struct {
		struct tool_process_info info;
		const char *status, *text;
	} rows[] = {
		{ { .over = false }, "running", "Process still running." },
		{ { .over = true }, "completed", "exited with code 0." },
		{ { .over = true, .status = 3 }, "failed", "with code 3." },
		{ { .over = true, .status = 137, .killed = true }, "killed",
		  "Process exited with code 137 (killed)." },
		{ { .over = true, .status = 124, .timed_out = true,
		    .killed = true },
		  "timeout", "Process timed out." },
	};

	infos[0] = rows[_i].info;
	infos[0].id = ID;
	infos[0].command = infos[0].workdir = "x";
	say_output("", 0);
	run("{\"action\": \"poll\", \"sessionId\": \"" ID "\"}");
	ck_assert_str_eq(json_string_value(once_member("status")), rows[_i].status);
	ck_assert_msg(strstr(once_text(), rows[_i].text), "%s", once_text());
	ck_assert_ptr_nonnull(strstr(once_text(), "(no new output)\n\n"));
}
END_TEST

START_TEST(test_process_poll_gives_what_is_new)
{
	say_output("one\ntwo\n", 8);
	run("{\"action\": \"poll\", \"sessionId\": \"" ID "\"}");
	ck_assert_int_eq(asked[0].what.action, TOOL_PROCESS_POLL);
	ck_assert_str_eq(asked[0].id, ID);
	ck_assert_uint_eq(asked[0].what.max_output, EXEC_OUTPUT_BYTES);
	ck_assert_str_eq(once_text(), "one\ntwo\n\nProcess still running.");
	ck_assert_str_eq(json_string_value(once_member("output")), "one\ntwo\n");
	ck_assert(json_is_false(once_member("more")));
	ck_assert_int_eq(json_integer_value(once_member("missedBytes")), 0);
}
END_TEST

START_TEST(test_process_poll_says_what_was_dropped)
{
	said.dropped_bytes = 70000;
	infos[0].dropped_bytes = 90000;
	infos[0].output_bytes = 150000;
	say_output("end", 3);
	run("{\"action\": \"poll\", \"sessionId\": \"" ID "\"}");
	ck_assert_ptr_nonnull(
		strstr(once_text(), "(70000 bytes of output are gone)\nend\n"));
	ck_assert_int_eq(json_integer_value(once_member("missedBytes")), 70000);
	ck_assert_int_eq(json_integer_value(once_member("droppedBytes")), 90000);
	ck_assert(json_is_true(once_member("truncated")));
}
END_TEST

START_TEST(test_process_output_that_is_not_all_of_it_says_so)
{
	static const char *const rows[][2] = {
		{ "poll", "bytes; poll again for what follows)" },
		{ "log", "bytes; add to offset for what follows)" },
	};
	char *text = malloc(EXEC_OUTPUT_BYTES), args[80];

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', EXEC_OUTPUT_BYTES);
	say_output(text, EXEC_OUTPUT_BYTES);
	infos[0].over = true;
	(void)snprintf(args, sizeof(args),
		       "{\"action\": \"%s\", \"sessionId\": \"" ID "\"}",
		       rows[_i][0]);
	run(args);
	ck_assert_ptr_nonnull(strstr(once_text(), rows[_i][1]));
	ck_assert(json_is_true(once_member("more")));
	say_output(text, EXEC_OUTPUT_BYTES - 1);
	run(args);
	ck_assert_ptr_null(strstr(once_text(), rows[_i][1]));
	ck_assert(json_is_false(once_member("more")));
	free(text);
}
END_TEST

START_TEST(test_process_log_asks_for_lines_and_says_how_many_there_are)
{
	said.lines = 99;
	infos[0].dropped_bytes = 5;
	infos[0].output_bytes = 500;
	say_output("l\n", 2);
	run("{\"action\": \"log\", \"sessionId\": \"" ID
	    "\", \"offset\": 0, \"limit\": 1}");
	ck_assert_int_eq(asked[0].what.action, TOOL_PROCESS_LOG);
	ck_assert(asked[0].what.has_offset);
	ck_assert_uint_eq(asked[0].what.limit, 1);
	ck_assert_str_eq(once_text(),
			 "(the oldest 5 of 500 bytes of output are gone)\nl\n");
	ck_assert_int_eq(json_integer_value(once_member("totalLines")), 99);
	run("{\"action\": \"log\", \"sessionId\": \"" ID "\"}");
	ck_assert(!asked[0].what.has_offset);
	ck_assert_uint_eq(asked[0].what.limit, 200);
}
END_TEST

START_TEST(test_process_output_that_is_no_text_is_replaced)
{
	say_output("a\xff\0z", 4);
	run("{\"action\": \"poll\", \"sessionId\": \"" ID "\"}");
	ck_assert_uint_eq(json_string_length(once_member("output")), 6);
	ck_assert_mem_eq(json_string_value(once_member("output")),
			 "a\xef\xbf\xbd\0z", 6);
}
END_TEST

START_TEST(test_process_write_hands_on_every_byte)
{
	run("{\"action\": \"write\", \"sessionId\": \"" ID
	    "\", \"data\": \"a\\u0000\\n\", \"eof\": true}");
	ck_assert_uint_eq(n_asked, 1);
	ck_assert_int_eq(asked[0].what.action, TOOL_PROCESS_WRITE);
	ck_assert_uint_eq(asked[0].what.data_len, 3);
	ck_assert_mem_eq(asked[0].data, "a\0\n", 3);
	ck_assert(asked[0].what.eof);
	ck_assert_str_eq(once_text(),
			 "Wrote 3 bytes to session " ID " (stdin closed).");
	run("{\"action\": \"write\", \"sessionId\": \"" ID "\"}");
	ck_assert_uint_eq(asked[0].what.data_len, 0);
	ck_assert(!asked[0].what.eof);
}
END_TEST

/* Keys depend on whether there is a terminal, which is asked first. */
START_TEST(test_process_typed_actions_are_what_a_terminal_or_a_pipe_needs)
{
	static const struct {
		const char *args, *tty, *pipe;
	} rows[] = {
		{ "\"action\": \"submit\"", "\r", "\n" },
		{ "\"action\": \"send-keys\", \"keys\": [\"C-c\", \"Enter\"]",
		  "\x03\r", "\x03\n" },
		{ "\"action\": \"send-keys\", \"literal\": \"a\", \"hex\": [\"0d\"]",
		  "a\r", "a\r" },
		{ "\"action\": \"paste\", \"text\": \"p\\n\"",
		  "\x1b[200~p\n\x1b[201~", "p\n" },
		{ "\"action\": \"paste\", \"text\": \"p\", \"bracketed\": false",
		  "p", "p" },
	};
	char args[160];

	(void)snprintf(args, sizeof(args), "{%s, \"sessionId\": \"" ID "\"}",
		       rows[_i].args);
	for (int tty = 0; tty < 2; tty++) {
		const char *want = tty ? rows[_i].tty : rows[_i].pipe;

		infos[0].pty = tty;
		run(args);
		ck_assert_uint_eq(n_asked, 2);
		ck_assert_int_eq(asked[0].what.action, TOOL_PROCESS_LIST);
		ck_assert_int_eq(asked[1].what.action, TOOL_PROCESS_WRITE);
		ck_assert_uint_eq(asked[1].what.data_len, strlen(want));
		ck_assert_mem_eq(asked[1].data, want, strlen(want));
	}
}
END_TEST

START_TEST(test_process_typed_action_of_none_of_this_session_is_not_found)
{
	run("{\"action\": \"submit\", \"sessionId\": \"elsewhere\"}");
	ck_assert_uint_eq(n_asked, 1);
	failed("not_found", "No session found for elsewhere");
}
END_TEST

START_TEST(test_process_kill_clear_and_remove_are_handed_on)
{
	static const struct {
		const char *name, *text;
		enum tool_process_action action;
	} rows[] = {
		{ "kill", "Killed session " ID ".", TOOL_PROCESS_KILL },
		{ "clear", "Cleared session " ID ".", TOOL_PROCESS_CLEAR },
		{ "remove", "Removed session " ID ".", TOOL_PROCESS_REMOVE },
	};
	char args[80];

	(void)snprintf(args, sizeof(args),
		       "{\"action\": \"%s\", \"sessionId\": \"" ID "\"}",
		       rows[_i].name);
	run(args);
	ck_assert_int_eq(asked[0].what.action, rows[_i].action);
	ck_assert_str_eq(once_text(), rows[_i].text);
}
END_TEST

START_TEST(test_process_refusal_of_the_backend_has_its_code)
{
	static const struct {
		enum err_code code;
		int sys;
		const char *word, *text;
	} rows[] = {
		{ ERR_BAD_REQUEST, ESRCH, "not_found",
		  "No session found for " ID },
		{ ERR_BAD_STATE, 0, "bad_state",
		  "process: write: session " ID ": why not" },
		{ ERR_LIMIT, 0, "limit", "process: write: " },
		{ ERR_KERNEL, EIO, "failed", "process: write: " },
	};

	err_set(&said.fail, rows[_i].code, rows[_i].sys, "why not");
	run("{\"action\": \"write\", \"sessionId\": \"" ID "\"}");
	failed(rows[_i].word, rows[_i].text);
}
END_TEST

START_TEST(test_process_keys_that_are_none_are_named)
{
	static const char *const rows[][2] = {
		{ "\"action\": \"send-keys\", \"keys\": [\"C-nokey\"]",
		  "process: keys: expected a key, got \"C-nokey\"" },
		{ "\"action\": \"send-keys\", \"hex\": [\"zz\"]",
		  "process: hex: expected a byte" },
		{ "\"action\": \"send-keys\"", "expected keys, hex or literal" },
		{ "\"action\": \"paste\"",
		  "process: text: expected the text to paste, got nothing" },
	};
	char args[128];

	(void)snprintf(args, sizeof(args), "{%s, \"sessionId\": \"" ID "\"}",
		       rows[_i][0]);
	run(args);
	ck_assert_uint_eq(n_asked, 1);
	failed("invalid_argument", rows[_i][1]);
}
END_TEST

START_TEST(test_process_every_action_but_list_needs_a_session)
{
	static const char *const names[] = { "poll",   "log",	"write",
					     "submit", "paste", "send-keys",
					     "kill",   "clear", "remove" };
	char args[64];

	(void)snprintf(args, sizeof(args), "{\"action\": \"%s\"}", names[_i]);
	run(args);
	ck_assert_uint_eq(n_asked, 0);
	failed("invalid_argument", "process: sessionId: expected a string");
}
END_TEST

static const char *const refused[][2] = {
	{ "{}", "process: action: expected a string, got nothing" },
	{ "{\"action\": \"dance\"}", "process: action: expected one of" },
	{ "{\"action\": 7}", "process: action: expected" },
	{ "{\"action\": \"poll\", \"sessionId\": 5}",
	  "process: sessionId: expected a string, got a number" },
	{ "{\"action\": \"poll\", \"sessionId\": \"a\\u0000\"}",
	  "process: sessionId: " },
	{ "{\"action\": \"log\", \"offset\": -1}", "process: offset: " },
	{ "{\"action\": \"log\", \"offset\": 1e308}", "process: offset: " },
	{ "{\"action\": \"log\", \"limit\": 0}", "process: limit: " },
	{ "{\"action\": \"log\", \"limit\": \"5\"}",
	  "process: limit: expected a whole number, got a string" },
	{ "{\"action\": \"send-keys\", \"keys\": \"a\"}", "process: keys: " },
	{ "{\"action\": \"send-keys\", \"keys\": [1]}", "process: keys: " },
	{ "{\"action\": \"write\", \"eof\": \"yes\"}", "process: eof: " },
	{ "{\"action\": \"list\", \"session\": \"b\"}", "process: session: " },
};

START_TEST(test_process_argument_that_is_wrong_is_named)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(once_call(refused[_i][0], &err), -1);
	ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
	ck_assert_msg(strstr(err.text, refused[_i][1]), "%s", err.text);
	ck_assert_uint_eq(n_asked, 0);
}
END_TEST

static void add_answers(TCase *tcase)
{
	tcase_add_test(tcase, test_process_list_has_every_command_on_one_line);
	tcase_add_test(tcase, test_process_list_of_none_says_so);
	tcase_add_loop_test(tcase, test_process_status_is_what_became_of_it, 0,
			    5);
	tcase_add_test(tcase, test_process_poll_gives_what_is_new);
	tcase_add_test(tcase, test_process_poll_says_what_was_dropped);
	tcase_add_loop_test(
		tcase, test_process_output_that_is_not_all_of_it_says_so, 0, 2);
	tcase_add_test(
		tcase,
		test_process_log_asks_for_lines_and_says_how_many_there_are);
	tcase_add_test(tcase, test_process_output_that_is_no_text_is_replaced);
	tcase_add_loop_test(tcase,
			    test_process_refusal_of_the_backend_has_its_code, 0,
			    4);
}

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-process");
	TCase *tcase = tcase_create("tool-process");

	tcase_add_checked_fixture(tcase, begin, once_end);
	add_answers(tcase);
	tcase_add_test(tcase, test_process_write_hands_on_every_byte);
	tcase_add_loop_test(
		tcase,
		test_process_typed_actions_are_what_a_terminal_or_a_pipe_needs,
		0, 5);
	tcase_add_test(
		tcase,
		test_process_typed_action_of_none_of_this_session_is_not_found);
	tcase_add_loop_test(tcase,
			    test_process_kill_clear_and_remove_are_handed_on, 0,
			    3);
	tcase_add_loop_test(tcase, test_process_keys_that_are_none_are_named, 0,
			    4);
	tcase_add_loop_test(tcase,
			    test_process_every_action_but_list_needs_a_session,
			    0, 9);
	tcase_add_loop_test(tcase, test_process_argument_that_is_wrong_is_named,
			    0, sizeof(refused) / sizeof(refused[0]));
	suite_add_tcase(suite, tcase);
	return suite;
}
