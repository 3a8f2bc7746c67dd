// SPDX-License-Identifier: Apache-2.0
/*
 * Protected paths: the lists, and what becomes of a person's words about them.
 */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/core/masks.h"
#include "controller/core/place.h"
#include "controller/core/protected.h"
#include "controller/core/remove.h"
#include "proto/cleanup.h"
#include "runner.h"

#define MANUAL_BYTES (1 << 20)

static struct ctl_patterns *patterns(size_t n, char *const *words)
{
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ctl_patterns *made =
		ctl_patterns_new(words, n, "--protect", &fail);

	ck_assert_msg(made != NULL, "%s", fail.err.text);
	return made;
}

static bool has(const struct ctl_patterns *made, const char *path)
{
	for (size_t i = 0; i < made->count; i++)
		if (strcmp(made->list[i], path) == 0)
			return true;
	return false;
}

START_TEST(test_words_are_taken_in_their_order)
{
	char *words[] = { (char *)"./a//b/", (char *)"!.git", (char *)"a/b",
			  (char *)".git/x" };
	char *all[] = { (char *)"!*", (char *)"x" };
	char *again[] = { (char *)"!.git/config", (char *)"!.git/config" };
	struct ctl_patterns *made = patterns(4, words);

	ck_assert(has(made, "a/b") && has(made, ".git/x"));
	ck_assert(!has(made, ".git/hooks") && !has(made, ".git/config"));
	ck_assert(has(made, ".gitmodules") && has(made, ".envrc"));
	ctl_patterns_free(made);
	made = patterns(2, all);
	ck_assert_uint_eq(made->count, 1);
	ctl_patterns_free(made);
	made = patterns(2, again);
	ck_assert(!has(made, ".git/config") && has(made, ".git/hooks"));
	ctl_patterns_free(made);
}
END_TEST

START_TEST(test_wrong_word_is_refused_naming_it)
{
	static const char *const words[] = { "",    "/a", "..", "a/..", "a/../b",
					     "!",   ".",  "./", "!/a",	"a\nb",
					     "!no", "!.envr" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct ctl_fail fail = CTL_FAIL_INIT;
		char *list[] = { (char *)words[i] };

		ck_assert_msg(!ctl_patterns_new(list, 1, "--protect", &fail),
			      "%s", words[i]);
		ck_assert_int_eq(fail.err.code, ERR_BAD_REQUEST);
		ck_assert_ptr_nonnull(strstr(fail.err.text, "--protect "));
	}
}
END_TEST

START_TEST(test_too_many_words_are_refused)
{
	char text[CTL_PATTERNS_MAX][16], *words[CTL_PATTERNS_MAX];
	struct ctl_fail fail = CTL_FAIL_INIT;

	for (size_t i = 0; i < CTL_PATTERNS_MAX; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "p%zu", i);
		words[i] = text[i];
	}
	ck_assert_ptr_null(ctl_patterns_new(words, CTL_PATTERNS_MAX,
					    "--protect", &fail));
	ck_assert_ptr_nonnull(strstr(fail.err.text, "64"));
}
END_TEST

static void note(void *arg, const char *path, bool appeared)
{
	char *told = arg;
	size_t used = strlen(told);

	(void)snprintf(told + used, 256 - used, "%c%s ", appeared ? '+' : '-',
		       path);
}

static const char *look(struct ctl_watch *watch)
{
	static char told[256];

	told[0] = '\0';
	ctl_watch_look(watch, false, note, told);
	return told;
}

START_TEST(test_what_appears_is_told_once_and_survives_packing)
{
	char dir[] = "/tmp/creel-masks-XXXXXX";
	char packed[CTL_WATCH_PACKED_BYTES];
	struct ctl_watch *watch = ctl_watch_new(), *other;
	struct ctl_inode inode;
	unsigned int budget = 1000;
	auto_fd fd = -1;
	struct stat st;
	int root;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	root = ctl_watch_root(watch, fd);
	ck_assert_int_eq(ctl_watch_root(watch, fd), root);
	ck_assert_int_eq(mkdirat(fd, "m", 0700), 0);
	ck_assert_int_eq(fstatat(fd, "m", &st, 0), 0);
	inode = (struct ctl_inode){ st.st_dev, st.st_ino };
	ck_assert_int_eq(ctl_watch_add(watch, root, "a/b", NULL), 0);
	ck_assert_int_eq(ctl_watch_add(watch, root, "c", NULL), 0);
	ck_assert_int_eq(ctl_watch_add(watch, root, "m", &inode), 0);
	ck_assert_str_eq(look(watch), "");
	ctl_watch_pack(watch, packed, sizeof(packed));
	ck_assert_int_eq(mkdirat(fd, "a", 0700), 0);
	ck_assert_str_eq(look(watch), "");
	ck_assert_int_eq(symlinkat("nowhere", fd, "a/b"), 0);
	ck_assert_str_eq(look(watch), "+a/b ");
	ck_assert_str_eq(look(watch), "");
	ck_assert_int_eq(symlinkat("/tmp", fd, "c"), 0);
	ck_assert_int_eq(renameat(fd, "m", fd, "n"), 0);
	ck_assert_int_eq(mkdirat(fd, "m", 0700), 0);
	ck_assert_str_eq(look(watch), "+c -m ");
	ck_assert_str_eq(ctl_watch_appeared(watch, 1), "c");
	ck_assert_ptr_null(ctl_watch_appeared(watch, 2));
	other = ctl_watch_unpack(packed);
	ck_assert_str_eq(look(other), "+a/b +c -m ");
	ctl_watch_free(other);
	ctl_watch_free(watch);
	(void)ctl_remove_tree(AT_FDCWD, dir, &budget);
}
END_TEST

START_TEST(test_packed_text_that_is_wrong_is_harmless)
{
	static const char *const texts[] = { "", "x", "/", "/1", "/1:2",
					     "/1:2:", "-1:2:x", "/z:z:/tmp",
					     "/1:2:/tmp\n?0:0:x", "\n\n" };
	char packed[CTL_WATCH_PACKED_BYTES];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ctl_watch *watch = ctl_watch_unpack(texts[i]);

		ck_assert_str_eq(watch ? look(watch) : "", "");
		ctl_watch_pack(watch, packed, sizeof(packed));
		ctl_watch_free(watch);
	}
}
END_TEST

START_TEST(test_path_is_in_another_by_whole_names)
{
	ck_assert(ctl_path_is_in("/a/b", "/a") && ctl_path_is_in("/a", "/a"));
	ck_assert(ctl_path_is_in("/a", "/") && ctl_path_is_in("/", "/"));
	ck_assert(!ctl_path_is_in("/ab", "/a") && !ctl_path_is_in("/", "/a"));
}
END_TEST

static char *manual(void)
{
	const char *source = getenv("top_srcdir");
	char *text = calloc(1, MANUAL_BYTES);
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/man/creel-security.7",
		       source ? source : ".");
	file = fopen(path, "re");
	ck_assert_msg(file != NULL, "%s", path);
	ck_assert_uint_gt(fread(text, 1, MANUAL_BYTES - 1, file), 0);
	(void)fclose(file);
	return text;
}

/* The ".Pa" lines of a section, "\(ti" read as "~"; @n is the next of them. */
static bool next_path(const char **at, const char *end, char path[128])
{
	const char *line = strstr(*at, "\n.It\n.Pa ");
	size_t used = 0;

	if (!line || line >= end)
		return false;
	line += strlen("\n.It\n.Pa ");
	*at = line;
	for (; *line && *line != '\n' && used < 127; line++) {
		if (strncmp(line, "\\(ti", 4) == 0) {
			path[used++] = '~';
			line += 3;
		} else {
			path[used++] = *line;
		}
	}
	path[used] = '\0';
	return true;
}

static const char *row_at(bool never, size_t index)
{
	const struct ctl_protected *row;

	for (size_t i = 0; (row = ctl_protected_at(i)); i++)
		if (row->never == never && index-- == 0)
			return row->path;
	return NULL;
}

START_TEST(test_manual_lists_what_the_tables_have)
{
	auto_free char *text = manual();
	const char *at = strstr(text, ".Ss Protected paths of the host");
	const char *opened = strstr(text, "These can be opened path by path");
	const char *trust = strstr(text, ".Ss Trust hand-off");
	const char *end = strstr(text, ".Ss What is not promised");
	char path[128];
	size_t n;

	ck_assert(at && opened && trust && end);
	for (n = 0; next_path(&at, opened, path); n++)
		ck_assert_pstr_eq(path, row_at(true, n));
	ck_assert_ptr_null(row_at(true, n));
	at = opened;
	for (n = 0; next_path(&at, trust, path); n++)
		ck_assert_pstr_eq(path, row_at(false, n));
	ck_assert_ptr_null(row_at(false, n));
	at = trust;
	for (n = 0; next_path(&at, end, path); n++)
		ck_assert_pstr_eq(path, ctl_pattern_default(n));
	ck_assert_ptr_null(ctl_pattern_default(n));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("masks");
	TCase *tcase = tcase_create("masks");

	tcase_add_test(tcase, test_words_are_taken_in_their_order);
	tcase_add_test(tcase, test_wrong_word_is_refused_naming_it);
	tcase_add_test(tcase, test_too_many_words_are_refused);
	tcase_add_test(tcase,
		       test_what_appears_is_told_once_and_survives_packing);
	tcase_add_test(tcase, test_packed_text_that_is_wrong_is_harmless);
	tcase_add_test(tcase, test_path_is_in_another_by_whole_names);
	tcase_add_test(tcase, test_manual_lists_what_the_tables_have);
	suite_add_tcase(suite, tcase);
	return suite;
}
