// SPDX-License-Identifier: Apache-2.0
/*
 * Paths as models write them, and what none of them leaves.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/tools/file.h"
#include "tests/unit/tool-rig.h"

static struct rig *rig;

static void setup(void)
{
	rig = rig_new();
}

static void teardown(void)
{
	rig_free(rig);
}

/* What it means; NULL: it is refused. Owned. */
static char *means(const char *path, size_t len)
{
	struct err err = ERR_INIT;
	char *rel = NULL;

	if (tool_path(&rig->env, path, len, &rel, &err) == 0)
		return rel;
	ck_assert_ptr_null(rel);
	ck_assert_int_ne(err.code, ERR_NONE);
	return NULL;
}

static const struct {
	const char *path, *rel;
} inside[] = {
	{ "a", "a" },
	{ "./a", "a" },
	{ "a/", "a" },
	{ "a//b///c", "a/b/c" },
	{ "a/./b", "a/b" },
	{ "a/../b", "b" },
	{ "a/b/../../c", "c" },
	{ "", "" },
	{ ".", "" },
	{ "/workspace", "" },
	{ "/workspace/", "" },
	{ "/workspace/a/b", "a/b" },
	{ "/workspace/../workspace/a", "a" },
	{ "/../workspace/a", "a" },
	{ "../workspace/a", "a" },
	{ "...", "..." },
	{ "..a", "..a" },
	{ "a..", "a.." },
	{ "~u/x", "~u/x" },
	{ "a~", "a~" },
	{ "~/ws/x", "x" },
	{ "/home/u/ws/x", "x" },
	{ "a\nb", "a\nb" },
	{ "a\033[31m", "a\033[31m" },
	{ "a\xff", "a\xff" },
	{ "a\xc2\xa0" "b", "a b" },
	{ "a\xe2\x80\x80" "b", "a b" },
	{ "a\xe2\x80\x8a" "b", "a b" },
	{ "a\xe2\x80\xaf" "b", "a b" },
	{ "a\xe2\x81\x9f" "b", "a b" },
	{ "a\xe3\x80\x80" "b", "a b" },
	{ "a\xe2\x80\x8b" "b", "a\xe2\x80\x8b" "b" },
	{ "\xe2\x80", "\xe2\x80" },
	{ "\xc2", "\xc2" },
};

START_TEST(test_path_inside_is_made_relative)
{
	char *rel = means(inside[_i].path, strlen(inside[_i].path));

	ck_assert_msg(rel != NULL, "\"%s\" is refused", inside[_i].path);
	ck_assert_str_eq(rel, inside[_i].rel);
	free(rel);
}
END_TEST

static const char *const outside[] = {
	"..", "../", "../a", "a/../..", "a/../../b", "a/../../", "/", "/a",
	"/etc/passwd", "/workspacex", "/workspace/..", "/workspace/../etc",
	"/work", "~", "~/", "~/x", "~/..", "~/wsx/y", "/home/u/ws/../x",
	"/proc/self/root", "/proc/self/cwd", "//etc", "/./..",
	"../../../../../../../../../../../../../../../../../etc/passwd",
	"\xc2\xa0/../../a", "a/b/../../../workspac",
};

START_TEST(test_path_outside_is_refused)
{
	struct err err = ERR_INIT;
	char *rel = NULL;

	ck_assert_int_eq(tool_path(&rig->env, outside[_i], strlen(outside[_i]),
				   &rel, &err), -1);
	ck_assert_ptr_null(rel);
	ck_assert_int_eq(err.code, ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(
		err.text, "Path escapes sandbox root (/workspace): "));
}
END_TEST

START_TEST(test_path_with_nul_is_refused)
{
	ck_assert_ptr_null(means("a\0b", 3));
	ck_assert_ptr_null(means("\0", 1));
}
END_TEST

START_TEST(test_path_length_is_bounded)
{
	char path[TOOL_PATH_MAX_BYTES + 2], *rel;

	memset(path, 'a', sizeof(path));
	rel = means(path, TOOL_PATH_MAX_BYTES);
	ck_assert_ptr_nonnull(rel);
	free(rel);
	ck_assert_ptr_null(means(path, TOOL_PATH_MAX_BYTES + 1));
	/* Two thousand folders deep. */
	for (size_t i = 1; i < sizeof(path); i += 2)
		path[i] = '/';
	rel = means(path, 4000);
	ck_assert_ptr_nonnull(rel);
	ck_assert_uint_eq(strlen(rel), 3999);
	free(rel);
}
END_TEST

/* Whatever is written: below the root, of real components alone. */
START_TEST(test_path_property_never_leaves)
{
	static const char *const parts[] = {
		"..", ".", "/", "a", "~", "\xc2\xa0", "//", "workspace", "\n",
		"../", "/..", "home", "u", "ws",
	};
	unsigned long n = test_rounds(1000000);

	srandom(4711);
	for (unsigned long i = 0; i < n; i++) {
		char path[256] = "", *rel;

		for (long k = random() % 12; k >= 0; k--)
			strncat(path, parts[(size_t)random() % 14], 16);
		rel = means(path, strlen(path));
		if (!rel)
			continue;
		ck_assert_int_ne(rel[0], '/');
		for (char *save = NULL, *at = strtok_r(rel, "/", &save); at;
		     at = strtok_r(NULL, "/", &save)) {
			ck_assert_str_ne(at, "..");
			ck_assert_str_ne(at, ".");
		}
		free(rel);
	}
}
END_TEST

static void on_host(void)
{
	rig->env.sandboxed = false;
	rig->env.confined = false;
	rig->env.root = "/home/u/agent";
}

START_TEST(test_path_on_host_leads_anywhere)
{
	static const char *const paths[][2] = {
		{ "a", "a" },	      { "../x", "/home/u/x" },
		{ "~/x", "/home/u/x" }, { "~", "/home/u" },
		{ "/etc/x", "/etc/x" }, { "/home/u/agent/x", "x" },
		{ "/", "/" },	      { "../../../../..", "/" },
		{ "/home/u/ws/x", "/home/u/ws/x" },
	};

	on_host();
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		char *rel = means(paths[i][0], strlen(paths[i][0]));

		ck_assert_ptr_nonnull(rel);
		ck_assert_str_eq(rel, paths[i][1]);
		free(rel);
	}
}
END_TEST

static void writes(const char *path, const char *where)
{
	json_decref(rig_works(rig, "write",
			      json_pack("{s:s, s:s}", "path", path, "content",
					"x"), NULL));
	rig_is(rig, where, "x");
}

static void refuses(const char *path, const char *text)
{
	const int commits = rig->commits;

	rig_fails(rig, "write",
		  json_pack("{s:s, s:s}", "path", path, "content", "x"),
		  "denied", text);
	ck_assert_int_eq(rig->commits, commits);
}

START_TEST(test_path_minibot_root_dir_holds_all)
{
	rig_toml(rig, "[tools.file_storage]\nroot_dir = \"./data/files\"\n");
	writes("a", "data/files/a");
	writes("/workspace/data/files/b/../c", "data/files/c");
	refuses("../x", "Path escapes sandbox root "
			"(tools.file_storage.root_dir, /workspace/data/files): "
			"../x");
	refuses("/workspace/x", "escapes");
	refuses("/etc/passwd", "escapes");
}
END_TEST

START_TEST(test_path_minibot_root_dir_has_its_default)
{
	rig_toml(rig, "[tools.file_storage]\nenabled = true\n");
	writes("a", "data/files/a");
}
END_TEST

START_TEST(test_path_minibot_allow_outside_keeps_to_the_workspace)
{
	rig_toml(rig, "[tools.file_storage]\nroot_dir = \"d\"\n"
		      "allow_outside_root = true\n");
	writes("a", "d/a");
	writes("../b", "b");
	refuses("../../c", "Path escapes sandbox root (/workspace)");
}
END_TEST

START_TEST(test_path_minibot_root_dir_by_its_host_name)
{
	rig_toml(rig, "[tools.file_storage]\nroot_dir = \"~/ws/d\"\n");
	writes("a", "d/a");
	refuses("../b", "escapes");
}
END_TEST

START_TEST(test_path_minibot_root_dir_outside_is_an_error_of_the_key)
{
	rig_toml(rig, "[tools.file_storage]\nroot_dir = \"/srv/files\"\n"
		      "allow_outside_root = true\n");
	refuses("a", "tools.file_storage.root_dir: /srv/files is outside of "
		     "the sandbox's workspace");
}
END_TEST

START_TEST(test_path_toml_without_storage_is_the_workspace)
{
	rig_toml(rig, "[tools.bash]\nenabled = true\n");
	writes("a", "a");
}
END_TEST

START_TEST(test_path_toml_storage_that_is_off_is_the_workspace)
{
	rig_toml(rig, "[tools.file_storage]\nenabled = false\n"
		      "root_dir = \"d\"\nmax_write_bytes = 1\n");
	writes("a", "a");
	json_decref(rig_works(rig, "write",
			      json_pack("{s:s, s:s}", "path", "a", "content",
					"long"), NULL));
}
END_TEST

START_TEST(test_path_minibot_on_host_has_a_root_of_its_own)
{
	on_host();
	rig_toml(rig, "[tools.file_storage]\nroot_dir = \"./data\"\n");
	writes("a", "a");
	ck_assert_str_eq(rig->root, "/home/u/agent/data");
	ck_assert(rig->confined);
	refuses("/etc/passwd", "Path escapes workspace root "
			       "(tools.file_storage.root_dir, "
			       "/home/u/agent/data): /etc/passwd");
	refuses("../x", "escapes");
}
END_TEST

START_TEST(test_path_minibot_on_host_may_be_let_out)
{
	on_host();
	rig_toml(rig, "[tools.file_storage]\nroot_dir = \"/srv/d\"\n"
		      "allow_outside_root = true\n");
	writes("a", "a");
	ck_assert_str_eq(rig->root, "/srv/d");
	ck_assert(!rig->confined);
	writes("/etc/x", "/etc/x");
}
END_TEST

START_TEST(test_path_toml_on_host_keeps_to_the_workspace)
{
	on_host();
	rig_toml(rig, "[tools.bash]\nenabled = true\n");
	writes("a", "a");
	ck_assert_str_eq(rig->root, "/home/u/agent");
	ck_assert(rig->confined);
	refuses("../x", "escapes");
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-path");
	TCase *tcase = tcase_create("paths");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_path_inside_is_made_relative, 0,
			    sizeof(inside) / sizeof(*inside));
	tcase_add_loop_test(tcase, test_path_outside_is_refused, 0,
			    sizeof(outside) / sizeof(*outside));
	tcase_add_test(tcase, test_path_with_nul_is_refused);
	tcase_add_test(tcase, test_path_length_is_bounded);
	tcase_add_test(tcase, test_path_property_never_leaves);
	tcase_add_test(tcase, test_path_on_host_leads_anywhere);
	tcase_add_test(tcase, test_path_minibot_root_dir_holds_all);
	tcase_add_test(tcase, test_path_minibot_root_dir_has_its_default);
	tcase_add_test(tcase,
		       test_path_minibot_allow_outside_keeps_to_the_workspace);
	tcase_add_test(tcase, test_path_minibot_root_dir_by_its_host_name);
	tcase_add_test(
		tcase,
		test_path_minibot_root_dir_outside_is_an_error_of_the_key);
	tcase_add_test(tcase, test_path_toml_without_storage_is_the_workspace);
	tcase_add_test(tcase,
		       test_path_toml_storage_that_is_off_is_the_workspace);
	tcase_add_test(tcase, test_path_minibot_on_host_has_a_root_of_its_own);
	tcase_add_test(tcase, test_path_minibot_on_host_may_be_let_out);
	tcase_add_test(tcase, test_path_toml_on_host_keeps_to_the_workspace);
	suite_add_tcase(suite, tcase);
	return suite;
}
