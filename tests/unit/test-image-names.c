// SPDX-License-Identifier: Apache-2.0
/* Names of images: which there are, what is a path, what finds what. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "controller/image/store.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

static const struct {
	const char *text, *name;
} good[] = {
	{ "debian", "debian:latest" },
	{ "debian:12", "debian:12" },
	{ "openclaw-sandbox:bookworm-slim", "openclaw-sandbox:bookworm-slim" },
	{ "a", "a:latest" },
	{ "0", "0:latest" },
	{ "a.b_c__d-e---f", "a.b_c__d-e---f:latest" },
	{ "library/debian", "library/debian:latest" },
	{ "a/b/c/d:1", "a/b/c/d:1" },
	{ "ghcr.io/x/y:V1.0_a-b", "ghcr.io/x/y:V1.0_a-b" },
	{ "localhost/x", "localhost/x:latest" },
	{ "localhost:5000/x", "localhost:5000/x:latest" },
	{ "Host.Example:65535/x:y", "Host.Example:65535/x:y" },
	{ "debian:_x", "debian:_x" },
};

static const char *const bad[] = {
	"", ":", ":x", "a:", "A", "a:b:c", "a/", "/a", "a//b", "-a", "a-", ".a",
	"a.", "a..b", "a___b", "a._b", "a_-b", "_a", "a b", "a\nb", "a\tb",
	"a\x7f", "a\xc3\xa4", "a:-x", "a:.x", "a:x/y", "a:x y", "..", "a/../b",
	"../a", "./a", "a/./b", "x.y:/a", "x.y:123456/a", "x.y:p/a", "-x.y/a",
	"x-.y/a", "x..y/a", ".x/a", "a@sha256:00", "a+b", "a%2fb", "a\\b",
	"host.d/A", "*", "a*", "$(a)", "a;b", "a'b", "a\"b",
};

START_TEST(test_image_name_good_has_a_tag_and_a_folder_of_its_own)
{
	char name[IMG_NAME_BYTES], folder[IMG_NAME_BYTES], back[IMG_NAME_BYTES];
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_int_eq(img_name_parse(good[i].text, name, &err), 0);
		ck_assert_str_eq(name, good[i].name);
		img_name_encode(name, folder);
		ck_assert_ptr_null(strpbrk(folder, "/:"));
		ck_assert_int_ne(folder[0], '.');
		ck_assert_int_eq(img_name_decode(folder, back), 0);
		ck_assert_str_eq(back, name);
	}
}
END_TEST

START_TEST(test_image_name_bad_is_refused)
{
	char name[IMG_NAME_BYTES];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;

		ck_assert_msg(img_name_parse(bad[i], name, &err) == -1,
			      "\"%s\" is taken", bad[i]);
		ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
	}
}
END_TEST

START_TEST(test_image_name_long_is_refused)
{
	char text[600], name[IMG_NAME_BYTES], folder[IMG_NAME_BYTES];
	struct err err = ERR_INIT;

	for (size_t len = 1; len < sizeof(text) - 1; len++) {
		memset(text, 'a', len);
		text[len] = '\0';
		ck_assert_int_eq(img_name_parse(text, name, &err),
				 len <= IMG_NAME_MAX_BYTES - 7 ? 0 : -1);
	}
	memset(text, 'a', 129 + 2);
	text[1] = ':';
	text[129 + 2] = '\0';
	ck_assert_int_eq(img_name_parse(text, name, &err), -1);
	text[128 + 2] = '\0';
	ck_assert_int_eq(img_name_parse(text, name, &err), 0);
	img_name_encode(name, folder);
	ck_assert_int_eq(img_name_decode(folder, name), 0);
}
END_TEST

START_TEST(test_image_folder_that_no_name_has_is_passed_over)
{
	static const char *const folders[] = {
		"", ".", "..", ".x@y", "debian", "a:b", "a/b", "A@x", "a@",
		"@x", "a@x@y", "a+@x", "+a@x", "..+a@x", "a@sha256@0", "a b@x",
	};
	char name[IMG_NAME_BYTES];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		ck_assert_msg(img_name_decode(folders[i], name) == -1,
			      "\"%s\" is an image", folders[i]);
}
END_TEST

START_TEST(test_image_path_is_told_from_a_name)
{
	static const char *const paths[] = { "/", "/a", ".",   "..",
					     "./a", "../a", "./", "../" };
	static const char *const names[] = { "a", "a/b", "...", ".a", "..a",
					     "", "a/../b" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		ck_assert(img_name_is_path(paths[i]));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert(!img_name_is_path(names[i]));
}
END_TEST

static char state[64];

static void setup(void)
{
	char path[128];

	(void)snprintf(state, sizeof(state), "/tmp/t-image-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(state));
	(void)snprintf(path, sizeof(path), "%s/images", state);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/images/here@1", state);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/images/here@1/rootfs", state);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/images/here@1/lock", state);
	ck_assert_int_eq(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
}

static void teardown(void)
{
	ck_assert_int_eq(chdir(state), 0);
	(void)unlink("images/here@1/lock");
	(void)rmdir("images/here@1/rootfs");
	(void)unlink("images/link@1");
	(void)rmdir("images/here@1");
	(void)rmdir("images");
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(state), 0);
}

static int find(const char *name, enum img_kind *kind, struct err *err)
{
	auto_free char *path = NULL;
	auto_fd fd = -1;
	int ret = img_find(state, name, kind, &fd, &path, err);

	ck_assert_int_eq(fd >= 0, ret == 0 && *kind != IMG_KIND_HOST);
	ck_assert_int_eq(path != NULL, fd >= 0);
	return ret;
}

START_TEST(test_image_find_tells_host_stored_and_directory)
{
	enum img_kind kind;
	struct err err = ERR_INIT;

	ck_assert_int_eq(find("host", &kind, &err), 0);
	ck_assert_int_eq(kind, IMG_KIND_HOST);
	ck_assert_int_eq(find("", &kind, &err), 0);
	ck_assert_int_eq(kind, IMG_KIND_HOST);
	ck_assert_int_eq(find("here:1", &kind, &err), 0);
	ck_assert_int_eq(kind, IMG_KIND_STORED);
	ck_assert_int_eq(find("/usr", &kind, &err), 0);
	ck_assert_int_eq(kind, IMG_KIND_DIR);
}
END_TEST

START_TEST(test_image_find_default_names_are_the_host_image)
{
	static const char *const names[] = {
		"openclaw-sandbox:bookworm-slim",
		"moltbot-sandbox:bookworm-slim",
		"clawdbot-sandbox:bookworm-slim",
		"openclaw-sandbox-browser:bookworm-slim",
		"moltbot-sandbox-browser:bookworm-slim",
		"clawdbot-sandbox-browser:bookworm-slim",
	};
	enum img_kind kind;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_int_eq(find(names[i], &kind, &err), 0);
		ck_assert_int_eq(kind, IMG_KIND_HOST);
		ck_assert_int_eq(err.code, ERR_NONE);
	}
	ck_assert_int_eq(find("openclaw-sandbox:latest", &kind, &err), -1);
	ck_assert_int_eq(err.sys, ENOENT);
}
END_TEST

START_TEST(test_image_find_missing_says_where_images_are)
{
	enum img_kind kind;
	struct err err = ERR_INIT;

	ck_assert_int_eq(find("debian:12", &kind, &err), -1);
	ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
	ck_assert_int_eq(err.sys, ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, state));
	ck_assert_ptr_nonnull(strstr(err.text, "debian:12"));
	err = (struct err)ERR_INIT;
	ck_assert_int_eq(find("a/../b", &kind, &err), -1);
	ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
	ck_assert_int_eq(find("./here", &kind, &err), -1);
}
END_TEST

START_TEST(test_image_find_link_in_the_store_is_not_followed)
{
	enum img_kind kind;
	struct err err = ERR_INIT;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/images/link@1", state);
	ck_assert_int_eq(symlink("here@1", path), 0);
	ck_assert_int_eq(find("link:1", &kind, &err), -1);
}
END_TEST

START_TEST(test_image_lock_is_shared_and_excludes_removal)
{
	auto_free char *path = NULL;
	auto_fd fd = -1;
	auto_fd one = -1;
	auto_fd two = -1;
	auto_fd remover = -1;
	char lock[128];
	enum img_kind kind;
	struct err err = ERR_INIT;

	ck_assert_int_eq(img_find(state, "here:1", &kind, &fd, &path, &err), 0);
	(void)snprintf(lock, sizeof(lock), "%s/images/here@1/lock", state);
	remover = open(lock, O_RDONLY | O_CLOEXEC);
	one = img_lock_use(fd);
	two = img_lock_use(fd);
	ck_assert_int_ge(one, 0);
	ck_assert_int_ge(two, 0);
	ck_assert_int_eq(flock(remover, LOCK_EX | LOCK_NB), -1);
	fd_close(&one);
	fd_close(&two);
	ck_assert_int_eq(flock(remover, LOCK_EX | LOCK_NB), 0);
	ck_assert_int_eq(img_lock_use(fd), -1);
	ck_assert_int_eq(errno, EWOULDBLOCK);
	ck_assert(img_is_in(state, "images", fd));
	ck_assert(!img_is_in(state, "staging", fd));
	ck_assert(!img_is_in("/nowhere", "images", fd));
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("image-names");
	TCase *names = tcase_create("names");
	TCase *store = tcase_create("store");

	tcase_add_test(names,
		       test_image_name_good_has_a_tag_and_a_folder_of_its_own);
	tcase_add_test(names, test_image_name_bad_is_refused);
	tcase_add_test(names, test_image_name_long_is_refused);
	tcase_add_test(names,
		       test_image_folder_that_no_name_has_is_passed_over);
	tcase_add_test(names, test_image_path_is_told_from_a_name);
	tcase_add_checked_fixture(store, setup, teardown);
	tcase_add_test(store,
		       test_image_find_tells_host_stored_and_directory);
	tcase_add_test(store, test_image_find_default_names_are_the_host_image);
	tcase_add_test(store, test_image_find_missing_says_where_images_are);
	tcase_add_test(store,
		       test_image_find_link_in_the_store_is_not_followed);
	tcase_add_test(store, test_image_lock_is_shared_and_excludes_removal);
	suite_add_tcase(suite, names);
	suite_add_tcase(suite, store);
	return suite;
}
