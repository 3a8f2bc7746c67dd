// SPDX-License-Identifier: Apache-2.0
/*
 * What the commands of a sandbox get where their callers gave nothing.
 */
#include <config.h>

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/core/command.h"
#include "controller/core/defaults.h"
#include "tests/unit/runner.h"

static const char program[16] = "\x06\0\0\0\0\0\xff\x7f\x06\0\0\0\0\0\0";

static void fill(struct ctl_defaults *defaults)
{
	struct err err = ERR_INIT;

	ctl_defaults_init(defaults);
	ck_assert_int_eq(ctl_defaults_add_env(defaults, "A=1", &err), 0);
	ck_assert_int_eq(ctl_defaults_add_env(defaults, "EMPTY=", &err), 0);
	ck_assert_int_eq(ctl_defaults_set_filter(defaults, program,
						 sizeof(program), &err), 0);
}

/* A command with these strings, as it comes from a client. */
static void make(struct ctl_command *cmd, const char *strings, size_t len,
		 uint32_t argc, uint32_t envc)
{
	memset(cmd, 0, sizeof(*cmd));
	cmd->filter_fd = -1;
	cmd->strings = malloc(len + 1);
	ck_assert_ptr_nonnull(cmd->strings);
	memcpy(cmd->strings, strings, len);
	cmd->len = len;
	cmd->argc = argc;
	cmd->envc = envc;
}

static bool holds(const struct ctl_command *cmd, const char *text)
{
	for (const char *at = cmd->strings; at < cmd->strings + cmd->len;
	     at += strlen(at) + 1)
		if (strcmp(at, text) == 0)
			return true;
	return false;
}

START_TEST(test_defaults_outlive_their_controller)
{
	struct ctl_defaults defaults, again;
	struct err err = ERR_INIT;
	char bytes[sizeof(program)];
	void *packed = NULL;
	size_t len;

	fill(&defaults);
	ck_assert_int_eq(ctl_defaults_pack(&defaults, &packed, &len, &err), 0);
	ctl_defaults_init(&again);
	ck_assert_int_eq(ctl_defaults_unpack(&again, packed, len, &err), 0);
	ck_assert_uint_eq(again.envc, 2);
	ck_assert_uint_eq(again.env_len, defaults.env_len);
	ck_assert_mem_eq(again.env, defaults.env, defaults.env_len);
	ck_assert_int_eq(pread(again.filter_fd, bytes, sizeof(bytes), 0),
			 sizeof(bytes));
	ck_assert_mem_eq(bytes, program, sizeof(bytes));
	free(packed);
	ctl_defaults_fini(&defaults);
	ctl_defaults_fini(&again);
}
END_TEST

START_TEST(test_damaged_defaults_are_refused)
{
	struct ctl_defaults defaults, again;
	struct err err = ERR_INIT;
	void *packed = NULL;
	char *copy;
	size_t len;

	fill(&defaults);
	ck_assert_int_eq(ctl_defaults_pack(&defaults, &packed, &len, &err), 0);
	ctl_defaults_fini(&defaults);
	ctl_defaults_init(&again);
	for (size_t cut = 1; cut < len; cut++) {
		ck_assert_int_eq(ctl_defaults_unpack(&again, packed, cut, &err),
				 -1);
		ck_assert_ptr_null(again.env);
	}
	copy = packed;
	for (size_t i = 0; i < 16; i++) {
		copy[i] ^= 1;
		ck_assert_int_eq(ctl_defaults_unpack(&again, packed, len, &err),
				 -1);
		copy[i] ^= 1;
	}
	free(packed);
}
END_TEST

START_TEST(test_a_command_has_what_it_did_not_name)
{
	static const char strings[] = "cmd\0A=own";
	struct ctl_defaults defaults;
	struct ctl_command cmd;
	struct err err = ERR_INIT;

	fill(&defaults);
	make(&cmd, strings, sizeof(strings), 1, 1);
	ck_assert_int_eq(ctl_defaults_apply(&defaults, &cmd, &err), 0);
	ck_assert(holds(&cmd, "A=own") && holds(&cmd, "EMPTY="));
	ck_assert(!holds(&cmd, "A=1"));
	ck_assert_uint_eq(cmd.envc, 2);
	ck_assert_int_ge(cmd.filter_fd, 0);
	close(cmd.filter_fd);
	free(cmd.strings);
	ctl_defaults_fini(&defaults);
}
END_TEST

START_TEST(test_a_named_filter_comes_without_the_default)
{
	static const char strings[] = "A=1";
	struct ctl_defaults defaults;
	struct ctl_command cmd;
	struct err err = ERR_INIT;

	fill(&defaults);
	/* An argument that looks like a variable is none. */
	make(&cmd, strings, sizeof(strings), 1, 0);
	cmd.filter_given = true;
	ck_assert_int_eq(ctl_defaults_apply(&defaults, &cmd, &err), 0);
	ck_assert_int_eq(cmd.filter_fd, -1);
	ck_assert_uint_eq(cmd.envc, 2);
	free(cmd.strings);
	ctl_defaults_fini(&defaults);
}
END_TEST

START_TEST(test_what_is_no_variable_is_refused)
{
	struct ctl_defaults defaults;
	struct err err = ERR_INIT;

	ctl_defaults_init(&defaults);
	ck_assert_int_eq(ctl_defaults_add_env(&defaults, "NONE", &err), -1);
	ck_assert_int_eq(ctl_defaults_add_env(&defaults, "=x", &err), -1);
	ck_assert_uint_eq(defaults.envc, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("defaults");
	TCase *tcase = tcase_create("defaults");

	tcase_add_test(tcase, test_defaults_outlive_their_controller);
	tcase_add_test(tcase, test_damaged_defaults_are_refused);
	tcase_add_test(tcase, test_a_command_has_what_it_did_not_name);
	tcase_add_test(tcase, test_a_named_filter_comes_without_the_default);
	tcase_add_test(tcase, test_what_is_no_variable_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
