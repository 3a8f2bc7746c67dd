// SPDX-License-Identifier: Apache-2.0
/*
 * Workspaces of sessions: whatever a sandbox has planted in them, nothing is
 * read from or written to elsewhere.
 */
#include <config.h>

#include <dirent.h>
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
#include "controller/session/workspace.h"
#include "proto/cleanup.h"
#include "runner.h"

#define TEXT_BYTES 256

static char top[64];
static char root[200], slug[300], agent[200], media[200], outside[100];

static struct pol_session session(enum pol_access access)
{
	return (struct pol_session){ .access = access,
				     .workspace_root = root,
				     .agent_workspace = agent,
				     .sandbox_workspace =
					     access == POL_ACCESS_RW ? agent :
								       slug,
				     .media_root = media,
				     .workdir = "/workspace" };
}

static const char *in(const char *dir, const char *name)
{
	static char paths[8][512];
	static unsigned int turn;
	char *path = paths[turn++ % 8];

	(void)snprintf(path, 512, "%s/%s", dir, name);
	return path;
}

static void put(const char *path, const char *text)
{
	auto_fd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			  0644);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static const char *get(const char *path)
{
	static char texts[4][TEXT_BYTES];
	static unsigned int turn;
	char *text = texts[turn++ % 4];
	auto_fd fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, TEXT_BYTES - 1);

	if (len < 0)
		return NULL;
	text[len] = '\0';
	return text;
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static size_t count(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		(void)closedir(dir);
	return n < 2 ? 0 : n - 2;
}

static void make(const char *path)
{
	ck_assert_msg(mkdir(path, 0700) == 0, "%s: %s", path, strerror(errno));
}

static void set_up(void)
{
	(void)snprintf(top, sizeof(top), "/tmp/creel-ws-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	(void)snprintf(root, sizeof(root), "%s/a/root", top);
	(void)snprintf(slug, sizeof(slug), "%s/agent-main-12345678", root);
	(void)snprintf(agent, sizeof(agent), "%s/agent", top);
	(void)snprintf(media, sizeof(media), "%s/media", top);
	(void)snprintf(outside, sizeof(outside), "%s/outside", top);
	make(agent);
	make(media);
	make(outside);
	put(in(outside, "secret"), "secret");
	put(in(agent, "AGENTS.md"), "agents");
	put(in(agent, "SOUL.md"), "soul");
	put(in(agent, "other.md"), "other");
}

static void tear_down(void)
{
	unsigned int budget = 1000000;

	(void)ctl_remove_tree(AT_FDCWD, top, &budget);
	(void)rmdir(top);
}

/* 0, or the failure's code. */
static int prepare(enum pol_access access, struct ctl_fail *fail)
{
	struct pol_session s = session(access);
	auto_fd workspace_fd = -1, agent_fd = -1;
	size_t before = test_count_fds();
	int ret;

	*fail = (struct ctl_fail)CTL_FAIL_INIT;
	ret = ses_workspace_prepare(&s, &workspace_fd, &agent_fd, fail);
	ck_assert_int_eq(ret < 0, workspace_fd < 0);
	ck_assert_int_eq(agent_fd >= 0,
			 ret == 0 && access == POL_ACCESS_RO);
	ck_assert_uint_eq(test_count_fds(), before + (workspace_fd >= 0) +
						    (agent_fd >= 0));
	return ret < 0 ? (int)fail->err.code : 0;
}

static void prepare_ok(enum pol_access access)
{
	struct ctl_fail fail;

	ck_assert_msg(prepare(access, &fail) == 0, "%s", fail.err.text);
}

START_TEST(test_workspace_is_made_private_and_seeded_where_missing)
{
	struct stat st;

	prepare_ok(POL_ACCESS_NONE);
	ck_assert_int_eq(stat(root, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(stat(in(top, "a"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_str_eq(get(in(slug, "AGENTS.md")), "agents");
	ck_assert_str_eq(get(in(slug, "SOUL.md")), "soul");
	ck_assert(!is_there(in(slug, "other.md")));
	ck_assert(!is_there(in(slug, "USER.md")));
	put(in(slug, "AGENTS.md"), "mine");
	put(in(agent, "USER.md"), "user");
	put(in(agent, "SOUL.md"), "new soul");
	prepare_ok(POL_ACCESS_RO);
	ck_assert_str_eq(get(in(slug, "AGENTS.md")), "mine");
	ck_assert_str_eq(get(in(slug, "SOUL.md")), "soul");
	ck_assert_str_eq(get(in(slug, "USER.md")), "user");
}
END_TEST

START_TEST(test_all_seven_seeds_and_no_others)
{
	static const char *const names[] = { "AGENTS.md",    "SOUL.md",
					     "TOOLS.md",     "IDENTITY.md",
					     "USER.md",	     "BOOTSTRAP.md",
					     "HEARTBEAT.md" };

	for (size_t i = 0; i < 7; i++)
		put(in(agent, names[i]), names[i]);
	prepare_ok(POL_ACCESS_NONE);
	for (size_t i = 0; i < 7; i++)
		ck_assert_str_eq(get(in(slug, names[i])), names[i]);
	ck_assert_uint_eq(count(slug), 7);
}
END_TEST

START_TEST(test_shared_scope_works_in_the_root_itself)
{
	(void)snprintf(slug, sizeof(slug), "%s", root);
	prepare_ok(POL_ACCESS_NONE);
	ck_assert_str_eq(get(in(root, "AGENTS.md")), "agents");
}
END_TEST

START_TEST(test_read_write_is_the_agents_own_and_gets_nothing)
{
	make(in(agent, "skills"));
	prepare_ok(POL_ACCESS_RW);
	ck_assert(!is_there(root));
	ck_assert_uint_eq(count(agent), 4);
	(void)snprintf(agent, sizeof(agent), "%s/new/agent", top);
	prepare_ok(POL_ACCESS_RW);
	ck_assert(is_there(agent));
}
END_TEST

/* Something in the place of a seed stays as it is, and nothing beyond it. */
START_TEST(test_seed_over_planted_thing_is_left_alone)
{
	struct stat st;

	prepare_ok(POL_ACCESS_NONE);
	ck_assert_int_eq(unlink(in(slug, "AGENTS.md")), 0);
	ck_assert_int_eq(unlink(in(slug, "SOUL.md")), 0);
	put(in(agent, "TOOLS.md"), "tools");
	put(in(agent, "USER.md"), "user");
	ck_assert_int_eq(symlink(in(outside, "made"), in(slug, "AGENTS.md")),
			 0);
	ck_assert_int_eq(symlink(in(outside, "secret"), in(slug, "SOUL.md")),
			 0);
	ck_assert_int_eq(mkfifo(in(slug, "TOOLS.md"), 0600), 0);
	ck_assert_int_eq(link(in(outside, "secret"), in(slug, "USER.md")), 0);
	prepare_ok(POL_ACCESS_NONE);
	ck_assert(!is_there(in(outside, "made")));
	ck_assert_str_eq(get(in(outside, "secret")), "secret");
	ck_assert_int_eq(lstat(in(slug, "TOOLS.md"), &st), 0);
	ck_assert(S_ISFIFO(st.st_mode));
}
END_TEST

/* What another sandbox put into the agent's workspace is not read. */
START_TEST(test_seed_that_is_no_regular_file_is_passed_over)
{
	ck_assert_int_eq(unlink(in(agent, "AGENTS.md")), 0);
	ck_assert_int_eq(unlink(in(agent, "SOUL.md")), 0);
	ck_assert_int_eq(symlink(in(outside, "secret"), in(agent, "AGENTS.md")),
			 0);
	ck_assert_int_eq(mkfifo(in(agent, "SOUL.md"), 0600), 0);
	make(in(agent, "USER.md"));
	prepare_ok(POL_ACCESS_NONE);
	ck_assert_uint_eq(count(slug), 0);
}
END_TEST

START_TEST(test_seed_too_large_is_refused_and_leaves_nothing)
{
	struct ctl_fail fail;

	ck_assert_int_eq(truncate(in(agent, "AGENTS.md"), (1 << 20) + 1), 0);
	ck_assert_int_eq(prepare(POL_ACCESS_NONE, &fail), ERR_LIMIT);
	ck_assert_ptr_nonnull(strstr(fail.err.text, "AGENTS.md"));
	ck_assert_uint_eq(count(slug), 0);
}
END_TEST

START_TEST(test_session_folder_that_is_a_link_is_refused)
{
	struct ctl_fail fail;

	prepare_ok(POL_ACCESS_NONE);
	ck_assert_int_eq(rename(slug, in(root, "was")), 0);
	ck_assert_int_eq(symlink(outside, slug), 0);
	ck_assert_int_eq(prepare(POL_ACCESS_NONE, &fail), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(fail.err.text, "workspaceRoot"));
	ck_assert_uint_eq(count(outside), 1);
	ck_assert_int_eq(unlink(slug), 0);
	put(slug, "a file");
	ck_assert_int_eq(prepare(POL_ACCESS_NONE, &fail), ERR_DENIED);
	ck_assert_int_eq(unlink(slug), 0);
	ck_assert_int_eq(mkfifo(slug, 0600), 0);
	ck_assert_int_eq(prepare(POL_ACCESS_NONE, &fail), ERR_DENIED);
}
END_TEST

START_TEST(test_workspace_of_others_or_open_to_all_is_refused)
{
	struct ctl_fail fail;

	prepare_ok(POL_ACCESS_NONE);
	ck_assert_int_eq(chmod(root, 0777), 0);
	ck_assert_int_eq(prepare(POL_ACCESS_NONE, &fail), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(fail.err.text, "every user"));
	ck_assert_int_eq(chmod(root, 0700), 0);
	(void)snprintf(agent, sizeof(agent), "%s",
		       geteuid() == 0 ? outside : "/usr/share");
	if (geteuid() == 0)
		ck_assert_int_eq(chown(outside, 61234, 61234), 0);
	ck_assert_int_eq(prepare(POL_ACCESS_RW, &fail), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(fail.err.text, "another user"));
}
END_TEST

START_TEST(test_protected_workspace_is_refused_and_not_made)
{
	struct ctl_fail fail;
	char home[100];

	(void)snprintf(home, sizeof(home), "%s/home", top);
	make(home);
	make(in(home, ".ssh"));
	ck_assert_int_eq(setenv("HOME", home, 1), 0);
	(void)snprintf(agent, sizeof(agent), "%s/.ssh/deep/er", home);
	ck_assert_int_eq(prepare(POL_ACCESS_RW, &fail), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(fail.err.text, "~/.ssh"));
	ck_assert_uint_eq(count(in(home, ".ssh")), 0);
	(void)snprintf(agent, sizeof(agent), "%s", home);
	ck_assert_int_eq(prepare(POL_ACCESS_RO, &fail), ERR_DENIED);
	(void)snprintf(root, sizeof(root), "%s/.ssh/r", home);
	(void)snprintf(slug, sizeof(slug), "%s/x", root);
	ck_assert_int_eq(prepare(POL_ACCESS_NONE, &fail), ERR_DENIED);
	ck_assert_uint_eq(count(in(home, ".ssh")), 0);
	(void)snprintf(agent, sizeof(agent), "%s/.openclaw/workspace", home);
	prepare_ok(POL_ACCESS_RW);
}
END_TEST

static char *add(const char *file, struct ctl_fail *fail)
{
	struct pol_session s = session(POL_ACCESS_NONE);
	size_t before = test_count_fds();
	char *path;

	*fail = (struct ctl_fail)CTL_FAIL_INIT;
	path = ses_media_add(&s, file, fail);
	ck_assert_uint_eq(test_count_fds(), before);
	return path;
}

static void add_as(const char *file, const char *want)
{
	struct ctl_fail fail;
	auto_free char *path = add(file, &fail);

	ck_assert_msg(path != NULL, "%s", fail.err.text);
	ck_assert_str_eq(path, want);
}

static void add_refused(const char *file, const char *why)
{
	struct ctl_fail fail;
	auto_free char *path = add(file, &fail);

	ck_assert_ptr_null(path);
	ck_assert_msg(strstr(fail.err.text, why) != NULL, "%s", fail.err.text);
}

START_TEST(test_media_name_in_use_gets_a_number_before_extension)
{
	char name[260], path[400];

	put(in(media, "a.tar.gz"), "one");
	put(in(media, "plain"), "two");
	put(in(media, ".hidden"), "three");
	add_as(in(media, "a.tar.gz"), "/workspace/media/inbound/a.tar.gz");
	add_as(in(media, "a.tar.gz"), "/workspace/media/inbound/a.tar-1.gz");
	add_as(in(media, "a.tar.gz"), "/workspace/media/inbound/a.tar-2.gz");
	add_as(in(media, "plain"), "/workspace/media/inbound/plain");
	add_as(in(media, "plain"), "/workspace/media/inbound/plain-1");
	add_as(in(media, ".hidden"), "/workspace/media/inbound/.hidden");
	add_as(in(media, ".hidden"), "/workspace/media/inbound/.hidden-1");
	ck_assert_str_eq(get(in(slug, "media/inbound/a.tar-2.gz")), "one");
	memset(name, 'x', 251);
	(void)snprintf(name + 251, 5, ".png");
	put(in(media, name), "long");
	(void)snprintf(path, sizeof(path), "/workspace/media/inbound/%s", name);
	add_as(in(media, name), path);
	(void)snprintf(path, sizeof(path),
		       "/workspace/media/inbound/%.249s-1.png", name);
	add_as(in(media, name), path);
	ck_assert_uint_eq(count(in(slug, "media/inbound")), 9);
}
END_TEST

START_TEST(test_media_from_elsewhere_is_refused)
{
	make(in(media, "sub"));
	put(in(media, "sub/f"), "f");
	ck_assert_int_eq(symlink(outside, in(media, "link")), 0);
	ck_assert_int_eq(symlink("../outside/secret", in(media, "file")), 0);
	ck_assert_int_eq(mkfifo(in(media, "fifo"), 0600), 0);
	add_refused(in(outside, "secret"), "not in the folder of media");
	add_refused(in(media, "../outside/secret"), "not in the folder");
	add_refused(in(media, "sub/../../outside/secret"), "not in the folder");
	add_refused(in(media, "link/secret"), "symbolic link");
	add_refused(in(media, "file"), "symbolic link");
	add_refused(in(media, "fifo"), "no regular file");
	add_refused(in(media, "sub"), "no regular file");
	add_refused(in(media, "none"), "No such file");
	add_refused(media, "not in the folder");
	ck_assert_int_eq(truncate(in(media, "sub/f"), (512LL << 20) + 1), 0);
	add_refused(in(media, "sub/f"), "512 MiB");
	ck_assert_uint_eq(count(in(slug, "media/inbound")), 0);
	put(in(media, "sub/g"), "g");
	add_as(in(media, "sub/../sub//g"), "/workspace/media/inbound/g");
}
END_TEST

START_TEST(test_media_folder_by_another_name_is_the_same)
{
	char alias[100];

	put(in(media, "f"), "f");
	(void)snprintf(alias, sizeof(alias), "%s/alias", top);
	ck_assert_int_eq(symlink(media, alias), 0);
	(void)snprintf(media, sizeof(media), "%s", alias);
	add_as(in(alias, "f"), "/workspace/media/inbound/f");
	add_as(in(top, "media/f"), "/workspace/media/inbound/f-1");
}
END_TEST

/* Whatever lies where media go: nothing outside is written to. */
START_TEST(test_media_into_planted_folder_is_refused)
{
	static const char *const places[] = { "media", "media/inbound" };

	put(in(media, "f"), "f");
	for (size_t i = 0; i < 2; i++) {
		struct ctl_fail fail;
		unsigned int budget = 1000;

		prepare_ok(POL_ACCESS_NONE);
		(void)ctl_remove_tree(AT_FDCWD, in(slug, "media"), &budget);
		if (i == 1)
			make(in(slug, "media"));
		ck_assert_int_eq(symlink(outside, in(slug, places[i])), 0);
		ck_assert_ptr_null(add(in(media, "f"), &fail));
		ck_assert_int_eq(unlink(in(slug, places[i])), 0);
		ck_assert_int_eq(mkfifo(in(slug, places[i]), 0600), 0);
		ck_assert_ptr_null(add(in(media, "f"), &fail));
		ck_assert_int_eq(unlink(in(slug, places[i])), 0);
	}
	ck_assert_uint_eq(count(outside), 1);
}
END_TEST

START_TEST(test_media_over_planted_name_takes_the_next)
{
	put(in(media, "f.png"), "f");
	add_as(in(media, "f.png"), "/workspace/media/inbound/f.png");
	ck_assert_int_eq(unlink(in(slug, "media/inbound/f.png")), 0);
	ck_assert_int_eq(symlink(in(outside, "made"),
				 in(slug, "media/inbound/f.png")),
			 0);
	ck_assert_int_eq(link(in(outside, "secret"),
			      in(slug, "media/inbound/f-1.png")),
			 0);
	ck_assert_int_eq(mkfifo(in(slug, "media/inbound/f-2.png"), 0600), 0);
	add_as(in(media, "f.png"), "/workspace/media/inbound/f-3.png");
	ck_assert(!is_there(in(outside, "made")));
	ck_assert_str_eq(get(in(outside, "secret")), "secret");
}
END_TEST

/* A sandbox that exchanges folder and link all the time. */
START_TEST(test_folders_swapped_meanwhile_lead_nowhere)
{
	unsigned long rounds = test_rounds(20000);
	int status;
	pid_t pid;

	put(in(media, "f"), "f");
	prepare_ok(POL_ACCESS_NONE);
	make(in(slug, "media"));
	make(in(slug, "media/inbound"));
	ck_assert_int_eq(symlink(outside, in(slug, "trap")), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		auto_fd fd = open(slug, O_PATH | O_DIRECTORY | O_CLOEXEC);

		for (;;) {
			(void)renameat2(fd, "trap", fd, "media",
					RENAME_EXCHANGE);
			(void)renameat2(fd, "trap", fd, "media/inbound",
					RENAME_EXCHANGE);
			(void)renameat2(fd, "trap", fd, "AGENTS.md",
					RENAME_EXCHANGE);
			(void)unlinkat(fd, "SOUL.md", 0);
		}
	}
	for (unsigned long i = 0; i < rounds; i++) {
		struct ctl_fail fail;
		auto_free char *path = add(in(media, "f"), &fail);

		(void)prepare(POL_ACCESS_NONE, &fail);
		if (count(outside) != 1)
			break;
	}
	(void)kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_uint_eq(count(outside), 1);
	ck_assert_str_eq(get(in(outside, "secret")), "secret");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("workspace");
	TCase *tcase = tcase_create("workspace");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 600);
	tcase_add_test(tcase,
		       test_workspace_is_made_private_and_seeded_where_missing);
	tcase_add_test(tcase, test_all_seven_seeds_and_no_others);
	tcase_add_test(tcase, test_shared_scope_works_in_the_root_itself);
	tcase_add_test(tcase,
		       test_read_write_is_the_agents_own_and_gets_nothing);
	tcase_add_test(tcase, test_seed_over_planted_thing_is_left_alone);
	tcase_add_test(tcase,
		       test_seed_that_is_no_regular_file_is_passed_over);
	tcase_add_test(tcase,
		       test_seed_too_large_is_refused_and_leaves_nothing);
	tcase_add_test(tcase, test_session_folder_that_is_a_link_is_refused);
	tcase_add_test(tcase,
		       test_workspace_of_others_or_open_to_all_is_refused);
	tcase_add_test(tcase,
		       test_protected_workspace_is_refused_and_not_made);
	tcase_add_test(tcase,
		       test_media_name_in_use_gets_a_number_before_extension);
	tcase_add_test(tcase, test_media_from_elsewhere_is_refused);
	tcase_add_test(tcase, test_media_folder_by_another_name_is_the_same);
	tcase_add_test(tcase, test_media_into_planted_folder_is_refused);
	tcase_add_test(tcase, test_media_over_planted_name_takes_the_next);
	tcase_add_test(tcase, test_folders_swapped_meanwhile_lead_nowhere);
	suite_add_tcase(suite, tcase);
	return suite;
}
