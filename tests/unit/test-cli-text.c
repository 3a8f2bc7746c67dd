// SPDX-License-Identifier: Apache-2.0
/*
 * Escaping, options, the environment and the block of strings.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/options.h"
#include "controller/cli/report.h"
#include "controller/cli/strings.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct cli_verb run_verb = { .id = CLI_VERB_RUN, .name = "run" };
static const struct cli_verb list_verb = { .id = CLI_VERB_LIST,
					   .name = "list" };

/* options.c asks main.c for it. */
const struct cli_verb *cli_verb_at(size_t index)
{
	return index == 0 ? &run_verb : NULL;
}

START_TEST(test_escape_table)
{
	static const struct {
		const char *text;
		const char *ascii;
		const char *utf8;
	} table[] = {
		{ "plain ~", "plain ~", "plain ~" },
		{ "a\nb\t\r", "a\\x0ab\\x09\\x0d", "a\\x0ab\\x09\\x0d" },
		{ "\033[31m", "\\x1b[31m", "\\x1b[31m" },
		{ "\177", "\\x7f", "\\x7f" },
		{ "\xc3\xa9", "\\xc3\\xa9", "\xc3\xa9" },
		/* C1 by UTF-8 and by byte */
		{ "\xc2\x9b" "1m", "\\xc2\\x9b1m", "\\xc2\\x9b1m" },
		{ "\x9b", "\\x9b", "\\x9b" },
		/* right-to-left override, isolates, zero width, BOM */
		{ "\xe2\x80\xae", "\\xe2\\x80\\xae", "\\xe2\\x80\\xae" },
		{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6", "\\xe2\\x81\\xa6" },
		{ "\xe2\x80\x8b", "\\xe2\\x80\\x8b", "\\xe2\\x80\\x8b" },
		{ "\xef\xbb\xbf", "\\xef\\xbb\\xbf", "\\xef\\xbb\\xbf" },
		/* over-long, surrogate, beyond the last, cut short */
		{ "\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf" },
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\\xe0\\x80\\xaf" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80" },
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80",
		  "\\xf4\\x90\\x80\\x80" },
		{ "\xe2\x82", "\\xe2\\x82", "\\xe2\\x82" },
		{ "\xff\xfe", "\\xff\\xfe", "\\xff\\xfe" },
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		auto_free char *ascii = cli_escape(table[i].text, false);
		auto_free char *utf8 = cli_escape(table[i].text, true);

		ck_assert_str_eq(ascii, table[i].ascii);
		ck_assert_str_eq(utf8, table[i].utf8);
	}
}
END_TEST

START_TEST(test_escape_random_bytes_is_printable)
{
	unsigned long rounds = test_rounds(1000000);
	unsigned int seed = 7;

	for (unsigned long i = 0; i < rounds; i++) {
		char text[33];
		size_t len = (size_t)rand_r(&seed) % 32;
		auto_free char *safe = NULL;

		for (size_t j = 0; j < len; j++)
			text[j] = (char)(1 + rand_r(&seed) % 255);
		text[len] = '\0';
		safe = cli_escape(text, false);
		for (const char *at = safe; *at; at++)
			ck_assert_msg(*at >= 0x20 && *at <= 0x7e, "seed 7, %lu",
				      i);
	}
}
END_TEST

START_TEST(test_json_text_is_json)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct cli_json json = { .out = out };

	cli_json_open(&json, NULL, '[');
	cli_json_open(&json, NULL, '{');
	cli_json_text(&json, "a", "q\"b\\s\xff\n");
	cli_json_number(&json, "n", 18446744073709551615ull);
	cli_json_bool(&json, "t", true);
	cli_json_null(&json, "z");
	cli_json_close(&json, '}');
	cli_json_open(&json, NULL, '{');
	cli_json_close(&json, '}');
	cli_json_close(&json, ']');
	(void)fclose(out);
	ck_assert_str_eq(text, "[{\"a\":\"q\\\"b\\\\s\\\\xff\\\\x0a\","
			       "\"n\":18446744073709551615,\"t\":true,"
			       "\"z\":null},{}]");
	free(text);
}
END_TEST

static int parse(const struct cli_verb *verb, const char *const *words,
		 struct cli_args *args, struct err *err)
{
	return cli_args_parse(verb, (char **)words, args, err);
}

START_TEST(test_options_end_at_first_word)
{
	static const char *const words[] = { "--memory=1g", "-it", "--env",
					     "A=1", "ls", "--json", NULL };
	struct err err = ERR_INIT;
	struct cli_args args;

	ck_assert_int_eq(parse(&run_verb, words, &args, &err), 0);
	ck_assert_str_eq(args.last[CLI_OPT_MEMORY], "1g");
	ck_assert(args.has[CLI_OPT_TTY] && args.has[CLI_OPT_INTERACTIVE]);
	ck_assert_str_eq(args.last[CLI_OPT_ENV], "A=1");
	ck_assert(!args.has[CLI_OPT_JSON]);
	ck_assert_int_eq(args.n_words, 2);
	ck_assert_str_eq(args.words[0], "ls");
	cli_args_fini(&args);
	cli_args_fini(&args);
}
END_TEST

START_TEST(test_options_may_follow_words_of_a_mixed_verb)
{
	static const struct cli_verb verb = { .id = CLI_VERB_CONFIG,
					      .name = "config",
					      .mixed = true };
	char words[][12] = { "check", "--json", "a", "--config", "c", "-", "--",
			     "--b" };
	char *argv[COUNT(words) + 1] = { NULL };
	struct err err = ERR_INIT;
	struct cli_args args;

	for (size_t i = 0; i < COUNT(words); i++)
		argv[i] = words[i];
	ck_assert_int_eq(cli_args_parse(&verb, argv, &args, &err), 0);
	ck_assert(args.has[CLI_OPT_JSON]);
	ck_assert_str_eq(args.last[CLI_OPT_CONFIG], "c");
	ck_assert_int_eq(args.n_words, 4);
	ck_assert_str_eq(args.words[0], "check");
	ck_assert_str_eq(args.words[1], "a");
	ck_assert_str_eq(args.words[2], "-");
	ck_assert_str_eq(args.words[3], "--b");
	ck_assert_ptr_null(args.words[4]);
	cli_args_fini(&args);
}
END_TEST

START_TEST(test_options_value_may_look_like_one)
{
	static const char *const words[] = { "--env", "--", "--", "--bind",
					     NULL };
	struct err err = ERR_INIT;
	struct cli_args args;

	ck_assert_int_eq(parse(&run_verb, words, &args, &err), 0);
	ck_assert_str_eq(args.last[CLI_OPT_ENV], "--");
	ck_assert_int_eq(args.n_words, 1);
	ck_assert_str_eq(args.words[0], "--bind");
	cli_args_fini(&args);
}
END_TEST

START_TEST(test_options_bad_ones_refused)
{
	static const char *const bad[][4] = {
		{ "--nope", NULL },
		{ "--memor", "1g", NULL },
		{ "--memory", NULL },
		{ "--json=1", NULL },
		{ "-x", NULL },
		{ "-tT", NULL },
		{ "--read-only", "--writable", "x", NULL },
		{ "--system", "--rootless", "x", NULL },
		{ "--no-daemon", "-d", "x", NULL },
		{ "--=", NULL },
		{ "--signal", "9", NULL },
	};
	struct cli_args args;

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err err = ERR_INIT;

		ck_assert_msg(parse(&run_verb, bad[i], &args, &err) == -1,
			      "%s", bad[i][0]);
		ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
		cli_args_fini(&args);
	}
}
END_TEST

START_TEST(test_options_of_another_verb_refused)
{
	static const char *const words[] = { "--memory", "1g", NULL };
	struct err err = ERR_INIT;
	struct cli_args args;

	ck_assert_int_eq(parse(&list_verb, words, &args, &err), -1);
	cli_args_fini(&args);
}
END_TEST

START_TEST(test_env_copies_replaces_and_refuses)
{
	struct cli_env env = { .list = NULL };
	struct err err = ERR_INIT;

	ck_assert_int_eq(setenv("CLI_TEST", "mine", 1), 0);
	ck_assert_int_eq(unsetenv("CLI_NONE"), 0);
	ck_assert_int_eq(cli_env_add(&env, "A=1", &err), 0);
	ck_assert_int_eq(cli_env_add(&env, "CLI_TEST", &err), 0);
	ck_assert_int_eq(cli_env_add(&env, "CLI_NONE", &err), 0);
	ck_assert_int_eq(cli_env_add(&env, "A=2=3", &err), 0);
	ck_assert_int_eq(cli_env_add(&env, "AB=", &err), 0);
	ck_assert_int_eq(cli_env_add(&env, "=1", &err), -1);
	ck_assert_int_eq(cli_env_add(&env, "", &err), -1);
	ck_assert_int_eq(cli_env_add(&env, "A B=1", &err), -1);
	ck_assert_uint_eq(env.count, 3);
	ck_assert_str_eq(env.list[0], "A=2=3");
	ck_assert_str_eq(env.list[1], "CLI_TEST=mine");
	ck_assert_str_eq(env.list[2], "AB=");
	cli_env_fini(&env);
	cli_env_fini(&env);
}
END_TEST

START_TEST(test_env_count_is_bounded)
{
	struct cli_env env = { .list = NULL };
	struct err err = ERR_INIT;
	char text[32];

	for (int i = 0; i < CLI_ENV_MAX; i++) {
		(void)snprintf(text, sizeof(text), "V%d=1", i);
		ck_assert_int_eq(cli_env_add(&env, text, &err), 0);
	}
	ck_assert_int_eq(cli_env_add(&env, "ONE_MORE=1", &err), -1);
	ck_assert_int_eq(err.code, ERR_LIMIT);
	ck_assert_int_eq(cli_env_add(&env, "V0=2", &err), 0);
	cli_env_fini(&env);
}
END_TEST

static int add_file(struct cli_env *env, const char *text, size_t len,
		    struct err *err)
{
	char path[] = "/tmp/creel-test-env-XXXXXX";
	auto_fd fd = mkstemp(path);
	int ret;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	ret = cli_env_add_file(env, path, err);
	(void)unlink(path);
	return ret;
}

START_TEST(test_env_file_lines)
{
	static const char good[] = "# note\n\n  A=1\r\nB= x y \nC='q'\nCLI_T";
	static const char bad[] = "A=1\nB C=2\n";
	static const char nul[] = "A=1\0B=2\n";
	struct cli_env env = { .list = NULL };
	struct err err = ERR_INIT;

	ck_assert_int_eq(setenv("CLI_T", "t", 1), 0);
	ck_assert_int_eq(add_file(&env, good, sizeof(good) - 1, &err), 0);
	ck_assert_uint_eq(env.count, 4);
	ck_assert_str_eq(env.list[0], "A=1");
	ck_assert_str_eq(env.list[1], "B= x y ");
	ck_assert_str_eq(env.list[2], "C='q'");
	ck_assert_str_eq(env.list[3], "CLI_T=t");
	ck_assert_int_eq(add_file(&env, bad, sizeof(bad) - 1, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "line 2"));
	ck_assert_int_eq(add_file(&env, nul, sizeof(nul) - 1, &err), -1);
	ck_assert_int_eq(cli_env_add_file(&env, "/nonexistent", &err), -1);
	ck_assert_int_eq(cli_env_add_file(&env, "/", &err), -1);
	ck_assert_int_eq(cli_env_add_file(&env, "/dev/zero", &err), -1);
	cli_env_fini(&env);
}
END_TEST

START_TEST(test_strings_keep_every_byte)
{
	const char *words[] = { "", "a b", "\n\xff", "--bind", NULL };
	struct cli_given given = { CLI_OPT_ENV, "K=V" };
	struct cli_args args = { .verb = &run_verb, .given = &given,
				 .n_given = 1 };
	static const char want[] = "\0a b\0\n\xff\0--bind\0K=V";
	struct cli_strings strings;
	struct err err = ERR_INIT;

	ck_assert_int_eq(cli_strings_build(&args, (char **)words, false,
					   &strings, &err), 0);
	ck_assert_uint_eq(strings.argc, 4);
	ck_assert_uint_eq(strings.envc, 1);
	ck_assert_uint_eq(strings.len, sizeof(want));
	ck_assert_mem_eq(strings.bytes, want, sizeof(want));
	cli_strings_fini(&strings);
}
END_TEST

START_TEST(test_strings_too_long_refused)
{
	struct cli_args args = { .verb = &run_verb };
	auto_free char *word = malloc(CLI_STRING_MAX_BYTES + 1);
	const char *words[16];
	struct cli_strings strings;
	struct err err = ERR_INIT;

	ck_assert_ptr_nonnull(word);
	memset(word, 'x', CLI_STRING_MAX_BYTES);
	word[CLI_STRING_MAX_BYTES] = '\0';
	words[0] = word;
	words[1] = NULL;
	ck_assert_int_eq(cli_strings_build(&args, (char **)words, false,
					   &strings, &err), -1);
	ck_assert_int_eq(err.code, ERR_LIMIT);
	cli_strings_fini(&strings);
	word[CLI_STRING_MAX_BYTES - 1] = '\0';
	for (size_t i = 0; i < 15; i++)
		words[i] = word;
	words[15] = NULL;
	ck_assert_int_eq(cli_strings_build(&args, (char **)words, false,
					   &strings, &err), -1);
	ck_assert_int_eq(err.code, ERR_LIMIT);
	cli_strings_fini(&strings);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("cli-text");
	TCase *text = tcase_create("text");
	TCase *options = tcase_create("options");
	TCase *strings = tcase_create("strings");

	tcase_set_timeout(text, 120);
	tcase_add_test(text, test_escape_table);
	tcase_add_test(text, test_escape_random_bytes_is_printable);
	tcase_add_test(text, test_json_text_is_json);
	suite_add_tcase(suite, text);
	tcase_add_test(options, test_options_end_at_first_word);
	tcase_add_test(options,
		       test_options_may_follow_words_of_a_mixed_verb);
	tcase_add_test(options, test_options_value_may_look_like_one);
	tcase_add_test(options, test_options_bad_ones_refused);
	tcase_add_test(options, test_options_of_another_verb_refused);
	suite_add_tcase(suite, options);
	tcase_add_test(strings, test_env_copies_replaces_and_refuses);
	tcase_add_test(strings, test_env_count_is_bounded);
	tcase_add_test(strings, test_env_file_lines);
	tcase_add_test(strings, test_strings_keep_every_byte);
	tcase_add_test(strings, test_strings_too_long_refused);
	suite_add_tcase(suite, strings);
	return suite;
}
