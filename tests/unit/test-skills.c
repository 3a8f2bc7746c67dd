// SPDX-License-Identifier: Apache-2.0
/*
 * Skills of an agent, mirrored into a workspace that a sandbox writes to.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/core/remove.h"
#include "controller/session/fill.h"
#include "proto/cleanup.h"
#include "runner.h"

static char top[64];
static int top_fd, agent_fd, workspace_fd;

static void make(const char *path)
{
	ck_assert_msg(mkdirat(top_fd, path, 0700) == 0, "%s: %s", path,
		      strerror(errno));
}

static void put(const char *path, const char *text)
{
	auto_fd fd = openat(top_fd, path,
			    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void expect(const char *path, const char *text)
{
	char buf[128];
	auto_fd fd = openat(top_fd, path,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	ck_assert_msg(len >= 0, "%s: %s", path, strerror(errno));
	buf[len] = '\0';
	ck_assert_str_eq(buf, text);
}

static bool is_there(const char *path)
{
	struct stat st;

	return fstatat(top_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void set_up(void)
{
	(void)snprintf(top, sizeof(top), "/tmp/creel-sk-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	top_fd = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	make("a");
	make("w");
	make("out");
	put("out/secret", "secret");
	make("a/skills");
	make("a/skills/one");
	put("a/skills/one/SKILL.md", "one");
	put("a/skills/one/run.sh", "run");
	ck_assert_int_eq(fchmodat(top_fd, "a/skills/one/run.sh", 04755, 0), 0);
	agent_fd = openat(top_fd, "a", O_PATH | O_DIRECTORY | O_CLOEXEC);
	workspace_fd = openat(top_fd, "w", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void tear_down(void)
{
	unsigned int budget = 10000000;

	fd_close(&agent_fd);
	fd_close(&workspace_fd);
	fd_close(&top_fd);
	(void)ctl_remove_tree(AT_FDCWD, top, &budget);
}

/* How many folders are in one: nothing half done is left beside them. */
static nlink_t folders(const char *path)
{
	struct stat st;

	ck_assert_int_eq(fstatat(top_fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_nlink - 2;
}

static int mirror(struct ctl_fail *fail)
{
	size_t before = test_count_fds();
	int ret;

	*fail = (struct ctl_fail)CTL_FAIL_INIT;
	ret = ses_skills_mirror(agent_fd, workspace_fd, fail);
	ck_assert_uint_eq(test_count_fds(), before);
	return ret < 0 ? (int)fail->err.code : 0;
}

static void mirror_ok(void)
{
	struct ctl_fail fail;

	ck_assert_msg(mirror(&fail) == 0, "%s", fail.err.text);
}

START_TEST(test_skill_is_mirrored_without_what_runs_as_others)
{
	struct stat st;

	make("a/skills/one/sub");
	put("a/skills/one/sub/f", "f");
	mirror_ok();
	expect("w/skills/one/SKILL.md", "one");
	expect("w/skills/one/sub/f", "f");
	ck_assert_int_eq(fstatat(top_fd, "w/skills/one/run.sh", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0755);
	ck_assert_uint_eq(folders("w"), 1);
}
END_TEST

START_TEST(test_folder_without_skill_file_is_none)
{
	make("a/skills/two");
	put("a/skills/two/README.md", "x");
	make("a/skills/three");
	make("a/skills/three/SKILL.md");
	put("a/skills/file", "x");
	mirror_ok();
	ck_assert_uint_eq(folders("w/skills"), 1);
	ck_assert(!is_there("w/skills/file"));
}
END_TEST

START_TEST(test_changed_and_removed_skills_are_followed)
{
	mirror_ok();
	put("a/skills/one/SKILL.md", "newer");
	ck_assert_int_eq(unlinkat(top_fd, "a/skills/one/run.sh", 0), 0);
	make("a/skills/two");
	put("a/skills/two/SKILL.md", "two");
	mirror_ok();
	expect("w/skills/one/SKILL.md", "newer");
	expect("w/skills/two/SKILL.md", "two");
	ck_assert(!is_there("w/skills/one/run.sh"));
	ck_assert_int_eq(unlinkat(top_fd, "a/skills/one/SKILL.md", 0), 0);
	mirror_ok();
	ck_assert(!is_there("w/skills/one"));
	ck_assert_int_eq(renameat(top_fd, "a/skills", top_fd, "a/gone"), 0);
	mirror_ok();
	ck_assert_uint_eq(folders("w/skills"), 0);
	ck_assert_uint_eq(folders("w"), 1);
}
END_TEST

START_TEST(test_links_out_of_the_agents_workspace_are_not_followed)
{
	char target[64];

	ck_assert_int_eq(symlinkat("../../out", top_fd, "a/skills/linked"), 0);
	put("out/SKILL.md", "out");
	ck_assert_int_eq(symlinkat("../../../out/secret", top_fd,
				   "a/skills/one/l"),
			 0);
	ck_assert_int_eq(mkfifoat(top_fd, "a/skills/one/fifo", 0600), 0);
	mirror_ok();
	ck_assert(!is_there("w/skills/linked"));
	ck_assert(!is_there("w/skills/one/fifo"));
	ck_assert_int_gt(readlinkat(top_fd, "w/skills/one/l", target,
				    sizeof(target)),
			 0);
}
END_TEST

START_TEST(test_skills_folder_that_is_a_link_has_no_skills)
{
	ck_assert_int_eq(renameat(top_fd, "a/skills", top_fd, "out/skills"), 0);
	ck_assert_int_eq(symlinkat("../out/skills", top_fd, "a/skills"), 0);
	mirror_ok();
	ck_assert(!is_there("w/skills"));
}
END_TEST

/* In the place of the mirror: it goes, and what it leads to stays. */
START_TEST(test_planted_mirror_is_replaced)
{
	ck_assert_int_eq(symlinkat("../out", top_fd, "w/skills"), 0);
	mirror_ok();
	expect("w/skills/one/SKILL.md", "one");
	ck_assert_int_eq(renameat(top_fd, "w/skills", top_fd, "w/was"), 0);
	ck_assert_int_eq(mkfifoat(top_fd, "w/skills", 0600), 0);
	mirror_ok();
	ck_assert_int_eq(unlinkat(top_fd, "w/skills/one/SKILL.md", 0), 0);
	ck_assert_int_eq(symlinkat("../../../out/secret", top_fd,
				   "w/skills/one/SKILL.md"),
			 0);
	ck_assert_int_eq(linkat(top_fd, "out/secret", top_fd, "w/skills/h", 0),
			 0);
	make("w/skills/mine");
	ck_assert_int_eq(fchmodat(top_fd, "w/skills/mine", 0, 0), 0);
	mirror_ok();
	expect("w/skills/one/SKILL.md", "one");
	ck_assert(!is_there("w/skills/mine"));
	expect("out/secret", "secret");
	ck_assert_uint_eq(folders("w"), 2);
}
END_TEST

static void expect_too_much(const char *folder)
{
	struct ctl_fail fail;

	ck_assert_int_eq(mirror(&fail), ERR_LIMIT);
	ck_assert_msg(strstr(fail.err.text, folder) != NULL, "%s",
		      fail.err.text);
	expect("w/skills/one/SKILL.md", "one");
	ck_assert_uint_eq(folders("w"), 1);
}

START_TEST(test_skill_too_deep_is_refused_naming_it)
{
	char path[256] = "a/skills/deep";

	mirror_ok();
	make(path);
	put("a/skills/deep/SKILL.md", "x");
	for (int i = 0; i < SES_SKILLS_MAX_DEPTH; i++) {
		(void)strncat(path, "/d", sizeof(path) - strlen(path) - 1);
		make(path);
	}
	expect_too_much("skills/deep");
}
END_TEST

START_TEST(test_skill_too_large_is_refused_naming_it)
{
	mirror_ok();
	make("a/skills/big");
	put("a/skills/big/SKILL.md", "x");
	put("a/skills/big/f", "x");
	{
		auto_fd fd = openat(top_fd, "a/skills/big/f",
				    O_WRONLY | O_CLOEXEC);

		ck_assert_int_eq(ftruncate(fd,
					   (off_t)SES_SKILLS_MAX_BYTES + 1),
				 0);
	}
	expect_too_much("skills/big");
}
END_TEST

START_TEST(test_skill_with_too_many_files_is_refused_naming_it)
{
	char name[64];

	mirror_ok();
	make("a/skills/many");
	put("a/skills/many/SKILL.md", "x");
	for (int i = 0; i < SES_SKILLS_MAX_FILES; i++) {
		(void)snprintf(name, sizeof(name), "a/skills/many/%d", i);
		ck_assert_int_eq(symlinkat("x", top_fd, name), 0);
	}
	expect_too_much("skills/many");
}
END_TEST

/* The agent's own workspace is no mirror of itself. */
START_TEST(test_same_workspace_is_left_alone)
{
	struct ctl_fail fail = CTL_FAIL_INIT;

	put("a/skills/note", "kept");
	ck_assert_int_eq(ses_skills_mirror(agent_fd, agent_fd, &fail), 0);
	expect("a/skills/note", "kept");
}
END_TEST

/* Both sides exchanged all the time by somebody who sees both. */
START_TEST(test_swapped_meanwhile_leads_nowhere)
{
	unsigned long rounds = test_rounds(20000);
	struct ctl_fail fail;
	int status;
	pid_t pid;

	mirror_ok();
	ck_assert_int_eq(symlinkat("../out", top_fd, "w/trap"), 0);
	ck_assert_int_eq(symlinkat("../../out", top_fd, "a/skills/trap"), 0);
	put("out/SKILL.md", "out");
	pid = fork();
	ck_assert_int_ge(pid, 0);
	while (pid == 0) {
		(void)renameat2(top_fd, "w/trap", top_fd, "w/skills",
				RENAME_EXCHANGE);
		(void)renameat2(top_fd, "a/skills/trap", top_fd,
				"a/skills/one", RENAME_EXCHANGE);
	}
	for (unsigned long i = 0; i < rounds; i++) {
		struct stat st;

		(void)mirror(&fail);
		if (fstatat(top_fd, "w/skills/one/secret", &st, 0) == 0 ||
		    fstatat(top_fd, "w/skills/trap/secret", &st, 0) == 0)
			break;
	}
	(void)kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	expect("out/secret", "secret");
	expect("out/SKILL.md", "out");
	ck_assert_uint_eq(folders("out"), 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("skills");
	TCase *tcase = tcase_create("skills");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 600);
	tcase_add_test(tcase,
		       test_skill_is_mirrored_without_what_runs_as_others);
	tcase_add_test(tcase, test_folder_without_skill_file_is_none);
	tcase_add_test(tcase, test_changed_and_removed_skills_are_followed);
	tcase_add_test(tcase,
		       test_links_out_of_the_agents_workspace_are_not_followed);
	tcase_add_test(tcase, test_skills_folder_that_is_a_link_has_no_skills);
	tcase_add_test(tcase, test_planted_mirror_is_replaced);
	tcase_add_test(tcase, test_skill_too_deep_is_refused_naming_it);
	tcase_add_test(tcase, test_skill_too_large_is_refused_naming_it);
	tcase_add_test(tcase,
		       test_skill_with_too_many_files_is_refused_naming_it);
	tcase_add_test(tcase, test_same_workspace_is_left_alone);
	tcase_add_test(tcase, test_swapped_meanwhile_leads_nowhere);
	suite_add_tcase(suite, tcase);
	return suite;
}
