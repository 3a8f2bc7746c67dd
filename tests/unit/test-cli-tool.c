// SPDX-License-Identifier: Apache-2.0
/*
 * The words of creel tool: arguments in their three forms, and what is printed
 * of a result.
 */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "controller/cli/verb-tool.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

START_TEST(test_tool_args_are_sent_as_they_came)
{
	static const char *const words[] = {
		"{}", " {\"a\" : [1, 2.50, \"\\u0000\"]}\n",
		"{\"path\":\"\xc3\xa9\"}",
	};
	auto_free char *none = NULL;
	struct err err = ERR_INIT;
	size_t len;

	for (size_t i = 0; i < COUNT(words); i++) {
		auto_free char *json = NULL;

		ck_assert_int_eq(cli_tool_args(words[i], &json, &len, &err),
				 0);
		ck_assert_str_eq(json, words[i]);
		ck_assert_uint_eq(len, strlen(words[i]));
	}
	ck_assert_int_eq(cli_tool_args(NULL, &none, &len, &err), 0);
	ck_assert_str_eq(none, "{}");
}
END_TEST

START_TEST(test_tool_args_that_are_no_object_are_told_with_place)
{
	static const struct {
		const char *word;
		const char *text; /* that begins so */
	} table[] = {
		{ "", "arguments:1:0: " },
		{ "{", "arguments:1:1: " },
		{ "{\n \"a\": 1,,\n}", "arguments:2:9: " },
		{ "{\"a\": 1} x", "arguments:1:10: " },
		{ "{\"a\": 1, \"a\": 2}", "arguments:1:12: duplicate" },
		{ "[1]", "arguments:1:1: expected an object" },
		{ "\"x\"", "arguments:1:1: expected an object" },
		{ "null", "arguments:1:1: expected an object" },
		{ "{\"a\": 1e999}", "arguments:1:11: real number overflow" },
		{ "{\"a\": \"\xff\"}", "arguments:1:" },
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		auto_free char *json = NULL;
		struct err err = ERR_INIT;
		size_t len;

		ck_assert_int_eq(cli_tool_args(table[i].word, &json, &len,
					       &err), -1);
		ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
		ck_assert_msg(!strncmp(err.text, table[i].text,
				       strlen(table[i].text)),
			      "%s: %s", table[i].word, err.text);
		ck_assert_ptr_null(json);
	}
}
END_TEST

START_TEST(test_tool_args_come_from_a_file)
{
	char path[] = "/tmp/creel-tool-XXXXXX";
	char word[sizeof(path) + 1];
	auto_free char *json = NULL;
	struct err err = ERR_INIT;
	auto_fd fd = mkstemp(path);
	size_t len;

	(void)snprintf(word, sizeof(word), "@%s", path);
	ck_assert_int_eq(write(fd, "{\"a\":1}\n", 8), 8);
	ck_assert_int_eq(cli_tool_args(word, &json, &len, &err), 0);
	ck_assert_str_eq(json, "{\"a\":1}\n");
	ptr_free(&json);
	/* One byte more than is taken, which no memory is wasted on. */
	ck_assert_int_eq(ftruncate(fd, 1 << 30), 0);
	ck_assert_int_eq(cli_tool_args(word, &json, &len, &err), -1);
	ck_assert_int_eq(err.code, ERR_LIMIT);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(cli_tool_args(word, &json, &len, &err), -1);
	ck_assert_int_eq(err.code, ERR_KERNEL);
	ck_assert_ptr_null(json);
}
END_TEST

/* What a function prints to standard output; a static buffer. */
static const char *printed(void (*print)(const void *arg), const void *arg)
{
	static char text[4096];
	int saved = dup(STDOUT_FILENO);
	int fd = memfd_create("printed", MFD_CLOEXEC);
	ssize_t got;

	ck_assert_int_eq(fflush(stdout), 0);
	ck_assert_int_ge(dup2(fd, STDOUT_FILENO), 0);
	print(arg);
	ck_assert_int_eq(fflush(stdout), 0);
	ck_assert_int_ge(dup2(saved, STDOUT_FILENO), 0);
	got = pread(fd, text, sizeof(text) - 1, 0);
	ck_assert_int_ge(got, 0);
	text[got] = '\0';
	fd_close(&fd);
	fd_close(&saved);
	return text;
}

static void print_text(const void *arg)
{
	cli_tool_print_text(arg, strlen(arg), true);
}

static void print_nul(const void *arg)
{
	cli_tool_print_text(arg, 3, true);
}

static void print_raw(const void *arg)
{
	cli_tool_print_text(arg, strlen(arg), false);
}

static void print_result(const void *arg)
{
	cli_tool_print_result(arg, strlen(arg));
}

START_TEST(test_tool_text_cannot_steer_a_terminal)
{
	static const char *const table[][2] = {
		{ "a\tb\nc", "a\tb\nc\n" },
		{ "a\n", "a\n" },
		{ "\n\n", "\n\n" },
		{ "", "" },
		{ "\033]0;x\a\r", "\\x1b]0;x\\x07\\x0d\n" },
		{ "\xc2\x9b" "1m", "\\xc2\\x9b1m\n" },
		{ "\xe2\x80\xae" "x", "\\xe2\\x80\\xaex\n" },
	};

	(void)setenv("LC_ALL", "C.UTF-8", 1);
	for (size_t i = 0; i < COUNT(table); i++)
		ck_assert_str_eq(printed(print_text, table[i][0]),
				 table[i][1]);
	ck_assert_str_eq(printed(print_nul, "a\0b"), "a\\x00b\n");
	ck_assert_str_eq(printed(print_raw, "\033[1m"), "\033[1m\n");
}
END_TEST

START_TEST(test_tool_result_is_its_text_and_what_its_images_are)
{
	ck_assert_str_eq(printed(print_result,
				 "{\"content\":[{\"type\":\"text\",\"text\":"
				 "\"one\"},{\"type\":\"image\",\"data\":"
				 "\"AAECAw==\",\"mimeType\":\"image/png\"}]}"),
			 "one\nimage: image/png, 4 bytes\n");
	ck_assert_str_eq(printed(print_result, "no json"), "no json\n");
}
END_TEST

START_TEST(test_tool_nearest_is_one_of_those_there_are)
{
	static const char tools[] = "[{\"name\":\"read\"},{\"name\":\"exec\"}]";
	auto_free char *near = cli_tool_nearest("raed", tools, strlen(tools));

	ck_assert_pstr_eq(near, "read");
	ck_assert_ptr_null(cli_tool_nearest("browser", tools, strlen(tools)));
	ck_assert_ptr_null(cli_tool_nearest("read", NULL, 0));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("cli-tool");
	TCase *args = tcase_create("arguments");
	TCase *print = tcase_create("print");

	tcase_add_test(args, test_tool_args_are_sent_as_they_came);
	tcase_add_test(args,
		       test_tool_args_that_are_no_object_are_told_with_place);
	tcase_add_test(args, test_tool_args_come_from_a_file);
	suite_add_tcase(suite, args);
	tcase_add_test(print, test_tool_text_cannot_steer_a_terminal);
	tcase_add_test(print,
		       test_tool_result_is_its_text_and_what_its_images_are);
	tcase_add_test(print, test_tool_nearest_is_one_of_those_there_are);
	suite_add_tcase(suite, print);
	return suite;
}
