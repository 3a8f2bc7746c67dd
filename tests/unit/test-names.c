// SPDX-License-Identifier: Apache-2.0
/*
 * Names, slugs, users, passwd files, statuses, commands.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "controller/core/command.h"
#include "controller/core/map.h"
#include "controller/core/name.h"
#include "controller/core/status.h"
#include "controller/core/user.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

/* Slugs as other programs make them: sha1 of the trimmed, original key. */
static const struct {
	const char *key;
	const char *slug;
} slugs[] = {
	{ "main", "main-b28b7af6" },
	{ "agent:main:main", "agent-main-main-20ceb99b" },
	{ "  main\t", "main-b28b7af6" },
	{ "Main", "main-62bce942" },
	{ "..", "..-9d891e73" },
	{ "../../etc", "..-..-etc-7baf5cb6" },
	{ ":::", "session-15856dc4" },
	{ "--a--", "a-d133a99a" },
};

START_TEST(test_slug_is_safe_and_short)
{
	const char *key = slugs[_i].key;
	char slug[CTL_SLUG_BYTES];
	size_t len;

	ctl_name_slug(key, slug);
	len = strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789._-");
	ck_assert_uint_eq(len, strlen(slug));
	ck_assert(strcmp(slug, ".") && strcmp(slug, ".."));
	ck_assert_str_eq(slug, slugs[_i].slug);
}
END_TEST

START_TEST(test_slug_of_long_key_is_cut)
{
	char key[CTL_NAME_MAX_BYTES + 1], slug[CTL_SLUG_BYTES];

	memset(key, 'K', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	ctl_name_slug(key, slug);
	ck_assert_uint_eq(strlen(slug), 32 + 1 + 8);
}
END_TEST

START_TEST(test_name_is_checked)
{
	struct err err = ERR_INIT;
	char text[CTL_NAME_MAX_BYTES + 2];

	ck_assert_int_eq(ctl_name_check("a", &err), 0);
	ck_assert_int_eq(ctl_name_check("agent:main:x@y.z", &err), 0);
	ck_assert_int_eq(ctl_name_check("../x", &err), 0);
	ck_assert_int_eq(ctl_name_check("", &err), -1);
	ck_assert_int_eq(ctl_name_check("-rf", &err), -1);
	ck_assert_int_eq(ctl_name_check("a b", &err), -1);
	ck_assert_int_eq(ctl_name_check("a\n", &err), -1);
	ck_assert_int_eq(ctl_name_check("\x1b[2J", &err), -1);
	ck_assert_int_eq(ctl_name_check("\xc3\xa4", &err), -1);
	memset(text, 'a', sizeof(text));
	text[CTL_NAME_MAX_BYTES + 1] = '\0';
	ck_assert_int_eq(ctl_name_check(text, &err), -1);
	text[CTL_NAME_MAX_BYTES] = '\0';
	ck_assert_int_eq(ctl_name_check(text, &err), 0);
}
END_TEST

START_TEST(test_hex_prefix_needs_six_digits)
{
	ck_assert(ctl_name_is_hex_prefix("0123ab"));
	ck_assert(!ctl_name_is_hex_prefix("0123a"));
	ck_assert(!ctl_name_is_hex_prefix("0123AB"));
	ck_assert(!ctl_name_is_hex_prefix("0123abg"));
	ck_assert(!ctl_name_is_hex_prefix(
		"0123456789abcdef0123456789abcdef0"));
}
END_TEST

static const struct {
	const char *text;
	int ret;
	bool resolved;
	uint32_t uid;
	uint32_t gid;
} users[] = {
	{ "0", 0, true, 0, 0 },
	{ "1000", 0, true, 1000, 1000 },
	{ "1000:0", 0, true, 1000, 0 },
	{ "0:0", 0, true, 0, 0 },
	{ "65535:65535", 0, true, 65535, 65535 },
	{ "root", 0, false, 0, 0 },
	{ "www-data", 0, false, 0, 0 },
	{ "", -1, false, 0, 0 },
	{ "0x0", -1, false, 0, 0 },
	{ "+0", -1, false, 0, 0 },
	{ "-1", -1, false, 0, 0 },
	{ "4294967295", -1, false, 0, 0 },
	{ "4294967296", -1, false, 0, 0 },
	{ "18446744073709551616", -1, false, 0, 0 },
	{ "65536", -1, false, 0, 0 },
	{ "1000:", -1, false, 0, 0 },
	{ ":1000", -1, false, 0, 0 },
	{ ":", -1, false, 0, 0 },
	{ "1000 ", -1, false, 0, 0 },
	{ " 1000", -1, false, 0, 0 },
	{ "01000", -1, false, 0, 0 },
	{ "00", -1, false, 0, 0 },
	{ "1e3", -1, false, 0, 0 },
	{ "1000:0x0", -1, false, 0, 0 },
	{ "1000:-1", -1, false, 0, 0 },
	{ "1000:1000:1000", -1, false, 0, 0 },
	{ "1000:root", -1, false, 0, 0 },
	{ "root:0", -1, false, 0, 0 },
	{ "root\n", -1, false, 0, 0 },
	{ "-rf", -1, false, 0, 0 },
	{ "%n", -1, false, 0, 0 },
	{ "\xd9\xa0", -1, false, 0, 0 },
	{ "a23456789012345678901234567890123", -1, false, 0, 0 },
};

START_TEST(test_user_is_parsed_strictly)
{
	struct err err = ERR_INIT;
	struct ctl_user user;

	ck_assert_int_eq(ctl_user_parse(users[_i].text, &user, &err),
			 users[_i].ret);
	if (users[_i].ret < 0) {
		ck_assert(!user.resolved);
		return;
	}
	ck_assert_int_eq(user.resolved, users[_i].resolved);
	ck_assert_uint_eq(user.uid, users[_i].uid);
	ck_assert_uint_eq(user.gid, users[_i].gid);
}
END_TEST

static const char passwd[] =
	"root:x:0:0:root:/root:/bin/bash\n"
	"# a comment\n"
	"short:x:5\n"
	"evil:x:0x0:0::/:/bin/sh\n"
	"minus:x:-1:0::/:/bin/sh\n"
	"large:x:4294967296:0::/:/bin/sh\n"
	"empty:x:::::\n"
	"eight:x:1:1:::/bin/sh:more\n"
	"rel:x:77:78::home/../x:sh\n"
	"app:x:501:502:App:/srv/app:/bin/zsh\n"
	"app:x:0:0:again:/root:/bin/sh\n"
	"last:x:9:9::/last:/bin/sh";

static int look_up(const char *name, struct ctl_user *user)
{
	struct err err = ERR_INIT;

	if (ctl_user_parse(name, user, &err) < 0)
		return -1;
	return ctl_user_from_passwd(passwd, sizeof(passwd) - 1, user, &err);
}

START_TEST(test_passwd_gives_user_or_error)
{
	const char *bad[] = { "short", "evil", "minus", "large", "empty",
			      "eight", "nobody", "ro", "roott" };
	struct ctl_user user;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(look_up(bad[i], &user) == -1, "%s", bad[i]);
	ck_assert_int_eq(look_up("app", &user), 0);
	ck_assert_uint_eq(user.uid, 501);
	ck_assert_uint_eq(user.gid, 502);
	ck_assert_str_eq(user.home, "/srv/app");
	ck_assert_str_eq(user.shell, "/bin/zsh");
	ck_assert_int_eq(look_up("last", &user), 0);
	ck_assert_uint_eq(user.uid, 9);
	ck_assert_int_eq(look_up("rel", &user), 0);
	ck_assert_str_eq(user.home, "");
	ck_assert_int_eq(look_up("501:7", &user), 0);
	ck_assert_str_eq(user.name, "app");
	ck_assert_uint_eq(user.gid, 7);
	ck_assert_int_eq(look_up("4242", &user), 0);
	ck_assert_uint_eq(user.uid, 4242);
}
END_TEST

START_TEST(test_passwd_of_garbage_gives_nobody)
{
	unsigned long rounds = test_rounds(20000);
	uint8_t text[512];
	unsigned int seed = 1;

	for (unsigned long r = 0; r < rounds; r++) {
		struct ctl_user user = { .name = "root" };
		struct err err = ERR_INIT;
		size_t len = (size_t)rand_r(&seed) % sizeof(text);

		for (size_t i = 0; i < len; i++)
			text[i] = "rot:x0\n\0/-1"[rand_r(&seed) % 11];
		if (ctl_user_from_passwd((char *)text, len, &user, &err) == 0)
			ck_assert_uint_le(user.uid, CTL_USER_ID_MAX);
	}
}
END_TEST

START_TEST(test_builtin_users_of_the_host_image)
{
	struct ctl_user user = { .name = "creel" };

	ck_assert(ctl_user_builtin(&user, 1234, 99));
	ck_assert_uint_eq(user.uid, 1234);
	ck_assert_uint_eq(user.gid, 99);
	user = (struct ctl_user){ .name = "www-data" };
	ck_assert(!ctl_user_builtin(&user, 1000, 1000));
	user = (struct ctl_user){ .resolved = true, .uid = 0, .gid = 5 };
	ck_assert(ctl_user_builtin(&user, 1000, 1000));
	ck_assert_str_eq(user.home, "/root");
	ck_assert_uint_eq(user.gid, 5);
	user = (struct ctl_user){ .resolved = true, .uid = 42, .gid = 42 };
	ck_assert(ctl_user_builtin(&user, 1000, 1000));
	ck_assert_str_eq(user.name, "");
}
END_TEST

START_TEST(test_exit_status_is_mapped)
{
	Ini__Exited msg = INI__EXITED__INIT;
	struct ctl_result result;

	msg.status = 7;
	ctl_result_from_init(&msg, 0, 0, &result);
	ck_assert_uint_eq(result.status, 7);
	msg.status = 0xffffff07;
	ctl_result_from_init(&msg, 0, 0, &result);
	ck_assert_uint_eq(result.status, 7);
	msg.signalled = true;
	msg.status = 9;
	ctl_result_from_init(&msg, 0, 0, &result);
	ck_assert_uint_eq(result.status, 137);
	msg.oom = true;
	ctl_result_from_init(&msg, 512ULL << 20, 0, &result);
	ck_assert_uint_eq(result.status, 137);
	ck_assert_str_eq(result.text, "memory limit 512 MiB");
	msg.timed_out = true;
	ctl_result_from_init(&msg, 0, 30000, &result);
	ck_assert_uint_eq(result.status, 124);
	ck_assert_str_eq(result.text, "timed out after 30 s");
}
END_TEST

START_TEST(test_failure_to_start_is_mapped_and_cleaned)
{
	Ini__Failed msg = INI__FAILED__INIT;
	struct ctl_fail fail = CTL_FAIL_INIT;

	msg.stage = INI__STAGE__STAGE_EXEC;
	msg.sys = ENOENT;
	ctl_fail_from_init(&msg, "nix", &fail);
	ck_assert_uint_eq(fail.status, 127);
	ck_assert_str_eq(fail.err.text, "nix: command not found");
	msg.sys = EACCES;
	ctl_fail_from_init(&msg, "/etc", &fail);
	ck_assert_uint_eq(fail.status, 126);
	msg.stage = INI__STAGE__STAGE_CWD;
	msg.sys = 0x7fffffff;
	msg.text = (char *)"\x1b]0;x\x07";
	ctl_fail_from_init(&msg, "x", &fail);
	ck_assert_uint_eq(fail.status, 125);
	ck_assert_str_eq(fail.err.text, "--workdir: ?]0;x?");
	ctl_fail_from_apparmor(ENOENT, "p", &fail);
	ck_assert_str_eq(fail.err.text,
			 "--apparmor p: no profile of that name is loaded");
	ctl_fail_from_apparmor(EOPNOTSUPP, "p", &fail);
	ck_assert_int_eq(fail.err.code, ERR_UNSUPPORTED);
	msg.stage = (Ini__Stage)99;
	ctl_fail_from_init(&msg, "\n", &fail);
	ck_assert_uint_eq(fail.status, 125);
}
END_TEST

/* A command of these strings; takes nothing over. */
static struct ctl_command *make(Ctl__Command *msg, const char *strings,
				size_t len, struct ctl_fail *fail)
{
	static uint8_t token[WIRE_ID_BYTES];
	uint8_t byte;
	auto_frame frame;

	wire_frame_init(&frame, &byte, 1);
	msg->token.data = token;
	if (msg->token.len == 0)
		msg->token.len = sizeof(token);
	msg->strings.data = (uint8_t *)strings;
	msg->strings.len = len;
	*fail = (struct ctl_fail)CTL_FAIL_INIT;
	return ctl_command_new(msg, &frame, fail);
}

START_TEST(test_command_gets_an_environment_of_its_own)
{
	static const char strings[] = "sh\0-c\0HOME=/mine\0SECRETX=1";
	static const char want[] =
		"sh\0-c\0HOME=/mine\0SECRETX=1\0"
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\0"
		"USER=creel\0LOGNAME=creel\0LANG=C.UTF-8";
	struct ctl_user user = { .resolved = true, .uid = 1000, .gid = 1000 };
	Ctl__Command msg = CTL__COMMAND__INIT;
	struct err err = ERR_INIT;
	struct ctl_fail fail;
	struct ctl_command *cmd;

	ck_assert_int_eq(setenv("SECRET_OF_CREEL", "1", 1), 0);
	msg.argc = 2;
	msg.envc = 2;
	cmd = make(&msg, strings, sizeof(strings), &fail);
	ck_assert_msg(cmd != NULL, "%s", fail.err.text);
	ck_assert(ctl_user_builtin(&user, 1000, 1000));
	ck_assert_int_eq(ctl_command_complete(cmd, &user, &err), 0);
	ck_assert_uint_eq(cmd->envc, 6);
	ck_assert_uint_eq(cmd->len, sizeof(want));
	ck_assert_mem_eq(cmd->strings, want, sizeof(want));
	ctl_command_free(cmd);
}
END_TEST

START_TEST(test_login_runs_the_shell)
{
	struct ctl_user user = { .resolved = true, .shell = "/bin/zsh" };
	Ctl__Command msg = CTL__COMMAND__INIT;
	struct err err = ERR_INIT;
	struct ctl_fail fail;
	struct ctl_command *cmd;

	msg.login = true;
	msg.tty = true;
	cmd = make(&msg, "", 0, &fail);
	ck_assert_msg(cmd != NULL, "%s", fail.err.text);
	ck_assert_int_eq(ctl_command_complete(cmd, &user, &err), 0);
	ck_assert_uint_eq(cmd->argc, 2);
	ck_assert_mem_eq(cmd->strings, "/bin/zsh\0-l\0PATH=", 17);
	ctl_command_free(cmd);
}
END_TEST

static const struct {
	uint32_t argc;
	uint32_t envc;
	const char *strings;
	size_t len;
} bad_commands[] = {
	{ 0, 0, "", 0 },
	{ 1, 0, "", 0 },
	{ 1, 0, "a", 1 },
	{ 2, 0, "a", 2 },
	{ 1, 0, "a\0b", 4 },
	{ 1, 1, "a\0b", 4 },
	{ 1, 1, "a\0=b", 5 },
	{ UINT32_MAX, 1, "a", 2 },
	{ UINT32_MAX, UINT32_MAX, "a", 2 },
	{ 40000, 0, "a", 2 },
};

START_TEST(test_command_of_wrong_strings_is_refused)
{
	Ctl__Command msg = CTL__COMMAND__INIT;
	struct ctl_fail fail;

	msg.argc = bad_commands[_i].argc;
	msg.envc = bad_commands[_i].envc;
	ck_assert_ptr_null(make(&msg, bad_commands[_i].strings,
				bad_commands[_i].len, &fail));
	ck_assert_uint_eq(fail.status, 125);
}
END_TEST

START_TEST(test_command_of_wrong_members_is_refused)
{
	Ctl__Command msg = CTL__COMMAND__INIT;
	struct ctl_fail fail;

	msg.argc = 1;
	msg.token.len = 15;
	ck_assert_ptr_null(make(&msg, "a", 2, &fail));
	msg.token.len = 0;
	msg.workdir = (char *)"tmp";
	ck_assert_ptr_null(make(&msg, "a", 2, &fail));
	msg.workdir = (char *)"/a/../b";
	ck_assert_ptr_null(make(&msg, "a", 2, &fail));
	msg.workdir = (char *)"";
	msg.seccomp = (char *)"none";
	ck_assert_ptr_null(make(&msg, "a", 2, &fail));
	msg.seccomp = (char *)"";
	msg.user = (char *)"0x0";
	ck_assert_ptr_null(make(&msg, "a", 2, &fail));
	msg.user = (char *)"";
	msg.stdout_fd = 3;
	ck_assert_ptr_null(make(&msg, "a", 2, &fail));
	msg.stdout_fd = 0;
	msg.strings_fd = 1;
	ck_assert_ptr_null(make(&msg, "a", 2, &fail));
}
END_TEST

struct thing {
	struct ctl_node node;
	uint32_t key;
};

START_TEST(test_map_finds_what_was_put)
{
	enum { N = 5000 };
	struct thing *things = calloc(N, sizeof(*things));
	struct ctl_map map;

	ck_assert_int_eq(ctl_map_init(&map), 0);
	for (uint32_t i = 0; i < N; i++) {
		things[i].key = i * 7;
		ctl_map_put(&map, &things[i].node, &things[i].key, 4);
	}
	for (uint32_t i = 0; i < N; i += 2)
		ctl_map_del(&map, &things[i].node);
	ck_assert_uint_eq(map.count, N / 2);
	for (uint32_t i = 0; i < N; i++) {
		uint32_t key = i * 7;
		struct ctl_node *node = ctl_map_get(&map, &key, 4);

		ck_assert_ptr_eq(node, i % 2 ? &things[i].node : NULL);
	}
	ctl_map_fini(&map);
	free(things);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("names");
	TCase *tcase = tcase_create("names");

	tcase_add_loop_test(tcase, test_slug_is_safe_and_short, 0,
			    sizeof(slugs) / sizeof(slugs[0]));
	tcase_add_test(tcase, test_slug_of_long_key_is_cut);
	tcase_add_test(tcase, test_name_is_checked);
	tcase_add_test(tcase, test_hex_prefix_needs_six_digits);
	tcase_add_loop_test(tcase, test_user_is_parsed_strictly, 0,
			    sizeof(users) / sizeof(users[0]));
	tcase_add_test(tcase, test_passwd_gives_user_or_error);
	tcase_add_test(tcase, test_passwd_of_garbage_gives_nobody);
	tcase_add_test(tcase, test_builtin_users_of_the_host_image);
	tcase_add_test(tcase, test_exit_status_is_mapped);
	tcase_add_test(tcase, test_failure_to_start_is_mapped_and_cleaned);
	tcase_add_test(tcase, test_command_gets_an_environment_of_its_own);
	tcase_add_test(tcase, test_login_runs_the_shell);
	tcase_add_loop_test(tcase, test_command_of_wrong_strings_is_refused, 0,
			    sizeof(bad_commands) / sizeof(bad_commands[0]));
	tcase_add_test(tcase, test_command_of_wrong_members_is_refused);
	tcase_add_test(tcase, test_map_finds_what_was_put);
	suite_add_tcase(suite, tcase);
	return suite;
}
