// SPDX-License-Identifier: Apache-2.0
/*
 * What a client may ask a sandbox to be made of.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "controller/core/command.h"
#include "controller/core/label.h"
#include "controller/core/source.h"
#include "controller/core/spec.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

static struct ctl_protect nothing;

static struct ctl_spec *check_spec(Ctl__Spec *msg, int fd,
				   const struct ctl_protect *protect,
				   struct ctl_fail *fail)
{
	uint8_t byte;
	auto_frame frame;
	struct ctl_spec *spec;

	wire_frame_init(&frame, &byte, 1);
	if (fd >= 0)
		frame.fds[frame.n_fds++] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	*fail = (struct ctl_fail)CTL_FAIL_INIT;
	spec = ctl_spec_new(msg, &frame, protect, fail);
	if (spec && ctl_spec_finish(spec, fail) < 0) {
		ctl_spec_free(spec);
		return NULL;
	}
	return spec;
}

static void expect_refused(Ctl__Spec *msg, int fd, enum err_code code,
			   const char *part)
{
	struct ctl_fail fail;

	ck_assert_ptr_null(check_spec(msg, fd, &nothing, &fail));
	ck_assert_int_eq(fail.err.code, code);
	ck_assert_msg(strstr(fail.err.text, part) != NULL, "%s", fail.err.text);
}

static const struct {
	const char *text;
	const char *want; /* NULL: refused */
} targets[] = {
	{ "/a", "/a" },
	{ "/a/", "/a" },
	{ "//a//b///", "/a/b" },
	{ "/a/./b/.", "/a/b" },
	{ "/", "/" },
	{ "///", "/" },
	{ "/.", "/" },
	{ "/...", "/..." },
	{ "/..a", "/..a" },
	{ "", NULL },
	{ "a", NULL },
	{ "a/b", NULL },
	{ "./a", NULL },
	{ "..", NULL },
	{ "/..", NULL },
	{ "/a/..", NULL },
	{ "/a/../b", NULL },
	{ "/a\n", NULL },
	{ "/a\x7f", NULL },
	{ "/\x1b[2J", NULL },
};

START_TEST(test_target_is_normalised_or_refused)
{
	struct err err = ERR_INIT;
	auto_free char *target = NULL;
	int ret = ctl_target_normalise(targets[_i].text, &target, &err);

	if (!targets[_i].want) {
		ck_assert_int_eq(ret, -1);
		ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
		return;
	}
	ck_assert_int_eq(ret, 0);
	ck_assert_str_eq(target, targets[_i].want);
}
END_TEST

START_TEST(test_target_too_long_is_refused)
{
	char text[WIRE_PATH_MAX_BYTES + 2];
	auto_free char *target = NULL;
	struct err err = ERR_INIT;

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(text); i += 100)
		text[i] = '/';
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(ctl_target_normalise(text, &target, &err), -1);
	text[WIRE_PATH_MAX_BYTES - 1] = '\0';
	ck_assert_int_eq(ctl_target_normalise(text, &target, &err), 0);
	text[300] = 'a';
	text[400] = 'a';
	ck_assert_int_eq(ctl_target_normalise(text, &target, &err), -1);
}
END_TEST

START_TEST(test_defaults_are_mounted_in_order_of_depth)
{
	Ctl__Spec msg = CTL__SPEC__INIT;
	struct ctl_fail fail;
	struct ctl_spec *spec = check_spec(&msg, -1, &nothing, &fail);
	const char *want[] = { "/tmp", "/run", "/workspace", "/var/tmp",
			       "/home/creel" };

	ck_assert_ptr_nonnull(spec);
	ck_assert_uint_eq(spec->n_mounts, 5);
	for (size_t i = 0; i < 5; i++)
		ck_assert_str_eq(spec->mounts[i].target, want[i]);
	ck_assert_uint_eq(spec->uid, 1000);
	ck_assert_str_eq(spec->hostname, "creel");
	ctl_spec_free(spec);
}
END_TEST

static void set_tmpfs(Ctl__Spec *msg, Ctl__TmpfsMount *items,
		      Ctl__TmpfsMount **list, const char *const *names,
		      size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ctl__tmpfs_mount__init(&items[i]);
		items[i].target = (char *)names[i];
		list[i] = &items[i];
	}
	msg->tmpfs = list;
	msg->n_tmpfs = n;
}

START_TEST(test_tmpfs_replaces_default_and_nests_below_parent)
{
	const char *names[] = { "/a/b/c", "/tmp/", "/a" };
	Ctl__TmpfsMount items[3], *list[3];
	Ctl__Spec msg = CTL__SPEC__INIT;
	struct ctl_fail fail;
	struct ctl_spec *spec;

	set_tmpfs(&msg, items, list, names, 3);
	items[1].size = 1 << 20;
	spec = check_spec(&msg, -1, &nothing, &fail);
	ck_assert_ptr_nonnull(spec);
	ck_assert_uint_eq(spec->n_mounts, 7);
	ck_assert_str_eq(spec->mounts[0].target, "/tmp");
	ck_assert_uint_eq(spec->mounts[0].size, 1 << 20);
	ck_assert_str_eq(spec->mounts[1].target, "/a");
	ck_assert_str_eq(spec->mounts[6].target, "/a/b/c");
	ctl_spec_free(spec);
}
END_TEST

START_TEST(test_equal_targets_are_refused_naming_both)
{
	const char *names[] = { "/data/x", "/data//x/." };
	Ctl__TmpfsMount items[2], *list[2];
	Ctl__Spec msg = CTL__SPEC__INIT;
	struct ctl_fail fail;

	set_tmpfs(&msg, items, list, names, 2);
	ck_assert_ptr_null(check_spec(&msg, -1, &nothing, &fail));
	ck_assert_str_eq(fail.err.text,
			 "--tmpfs /data/x and --tmpfs /data//x/. have the same target");
}
END_TEST

static const char *const reserved[] = { "/", "/proc", "/proc/sys", "/dev",
					"/dev/shm", "/sys", "//proc/." };

START_TEST(test_reserved_target_is_refused)
{
	Ctl__TmpfsMount items[1], *list[1];
	Ctl__Spec msg = CTL__SPEC__INIT;

	set_tmpfs(&msg, items, list, &reserved[_i], 1);
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "--tmpfs");
}
END_TEST

START_TEST(test_more_than_64_mounts_are_refused)
{
	Ctl__TmpfsMount items[65], *list[65];
	const char *names[65];
	char text[65][16];
	Ctl__Spec msg = CTL__SPEC__INIT;

	for (int i = 0; i < 65; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "/m%d", i);
		names[i] = text[i];
	}
	set_tmpfs(&msg, items, list, names, 65);
	expect_refused(&msg, -1, ERR_LIMIT, "more than 64");
}
END_TEST

/* A bind of one descriptor. */
static void set_bind(Ctl__Spec *msg, Ctl__Bind *bind, Ctl__Bind **list)
{
	ctl__bind__init(bind);
	bind->source = (char *)"/host/dir";
	bind->target = (char *)"/data";
	bind->fd = 1;
	list[0] = bind;
	msg->binds = list;
	msg->n_binds = 1;
}

START_TEST(test_bind_of_directory_and_file_is_taken)
{
	char folder[] = "/tmp/test-spec-XXXXXX";
	const char *paths[] = { folder, "/usr/lib/os-release" };
	Ctl__Spec msg = CTL__SPEC__INIT;
	Ctl__Bind item, *list[1];

	/* Its own: anything may be mounted somewhere below /tmp. */
	ck_assert_ptr_nonnull(mkdtemp(folder));
	set_bind(&msg, &item, list);
	for (int i = 0; i < 2; i++) {
		auto_fd fd = open(paths[i], O_PATH | O_CLOEXEC);
		struct ctl_fail fail;
		struct ctl_spec *spec = check_spec(&msg, fd, &nothing, &fail);

		ck_assert_msg(spec != NULL, "%s", fail.err.text);
		ctl_spec_free(spec);
	}
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(test_bind_without_descriptor_is_refused)
{
	Ctl__Spec msg = CTL__SPEC__INIT;
	Ctl__Bind item, *list[1];

	set_bind(&msg, &item, list);
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "no descriptor");
	item.fd = 0;
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "no descriptor");
	item.fd = UINT32_MAX;
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "no descriptor");
}
END_TEST

static bool stream_refused(int fd)
{
	struct err err = ERR_INIT;

	return ctl_stream_check(fd, "stdin", CTL_STREAM_STDIO, &err) < 0;
}

START_TEST(test_stream_that_could_be_connected_anew_is_refused)
{
	static const int domains[] = { AF_UNIX, AF_INET, AF_INET6 };
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	int pair[2];

	for (size_t i = 0; i < 6; i++) {
		auto_fd fd = socket(domains[i / 2], types[i % 2] | SOCK_CLOEXEC,
				    0);

		ck_assert(fd < 0 || stream_refused(fd));
	}
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	ck_assert(stream_refused(pair[0]));
	(void)close(pair[0]);
	(void)close(pair[1]);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert(!stream_refused(pair[0]));
	(void)close(pair[1]);
	ck_assert(!stream_refused(pair[0]));
	(void)close(pair[0]);
}
END_TEST

START_TEST(test_bind_of_wrong_kind_is_refused_naming_it)
{
	char dir[] = "/tmp/creel-spec-XXXXXX";
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	auto_fd sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	auto_fd fd = -1, dirfd = -1;
	Ctl__Spec msg = CTL__SPEC__INIT;
	Ctl__Bind item, *list[1];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", dir);
	ck_assert_int_eq(bind(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(mkfifoat(dirfd, "f", 0600), 0);
	ck_assert_int_eq(symlinkat("/etc", dirfd, "l"), 0);
	set_bind(&msg, &item, list);
	fd = openat(dirfd, "s", O_PATH | O_CLOEXEC);
	expect_refused(&msg, fd, ERR_DENIED, "is a socket");
	fd_close(&fd);
	fd = openat(dirfd, "f", O_PATH | O_CLOEXEC);
	expect_refused(&msg, fd, ERR_BAD_REQUEST, "is a FIFO");
	fd_close(&fd);
	fd = openat(dirfd, "l", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	expect_refused(&msg, fd, ERR_BAD_REQUEST, "symbolic link");
	fd_close(&fd);
	fd = open("/dev/zero", O_PATH | O_CLOEXEC);
	expect_refused(&msg, fd, ERR_BAD_REQUEST, "is a device");
	fd_close(&fd);
	fd = open("/usr/lib/os-release", O_RDONLY | O_CLOEXEC);
	expect_refused(&msg, fd, ERR_BAD_REQUEST, "O_PATH");
	(void)unlinkat(dirfd, "s", 0);
	(void)unlinkat(dirfd, "f", 0);
	(void)unlinkat(dirfd, "l", 0);
	(void)rmdir(dir);
}
END_TEST

/* Own directory: itself, what is below, what is above. */
START_TEST(test_bind_of_protected_directory_is_denied)
{
	char dir[] = "/tmp/creel-spec-XXXXXX";
	char path[64];
	struct ctl_protect protect;
	Ctl__Spec msg = CTL__SPEC__INIT;
	Ctl__Bind item, *list[1];
	const char *tails[] = { "/top/own/file", "/top/own/sub", "/top/own",
				"/top", "" };
	struct ctl_fail fail;
	auto_fd fd = -1;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ctl_protect_init(&protect);
	set_bind(&msg, &item, list);
	for (int i = 3; i >= 1; i--) {
		(void)snprintf(path, sizeof(path), "%s%s", dir, tails[i]);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	(void)snprintf(path, sizeof(path), "%s%s", dir, tails[0]);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	(void)snprintf(path, sizeof(path), "%s%s", dir, tails[2]);
	ctl_protect_add(&protect, path);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", dir, tails[i]);
		fd_close(&fd);
		fd = open(path, O_PATH | O_CLOEXEC);
		ck_assert_ptr_null(check_spec(&msg, fd, &protect, &fail));
		ck_assert_int_eq(fail.err.code, ERR_DENIED);
	}
	fd_close(&fd);
	(void)snprintf(path, sizeof(path), "%s/beside", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	fd = open(path, O_PATH | O_CLOEXEC);
	ctl_spec_free(check_spec(&msg, fd, &protect, &fail));
	ck_assert_msg(fail.err.code == ERR_NONE, "%s", fail.err.text);
	(void)rmdir(path);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", dir, tails[i]);
		(void)(i == 0 ? unlink(path) : rmdir(path));
	}
	ctl_protect_fini(&protect);
}
END_TEST

static const struct {
	const char *name;
	bool good;
} hostnames[] = {
	{ "a", true },	    { "web-1.example", true }, { "A1", true },
	{ "-a", false },    { "a-", false },	       { ".a", false },
	{ "a..b", false },  { "a b", false },	       { "a\n", false },
	{ "a_b", false },   { "\xc3\xa4", false },     { "a/b", false },
	{ "0123456789012345678901234567890123456789012345678901234567890123",
	  false },
};

START_TEST(test_hostname_is_checked)
{
	Ctl__Spec msg = CTL__SPEC__INIT;
	struct ctl_fail fail;
	struct ctl_spec *spec;

	msg.hostname = (char *)hostnames[_i].name;
	spec = check_spec(&msg, -1, &nothing, &fail);
	ck_assert_int_eq(spec != NULL, hostnames[_i].good);
	ctl_spec_free(spec);
}
END_TEST

START_TEST(test_limits_are_checked)
{
	Ctl__Spec msg = CTL__SPEC__INIT;
	struct ctl_fail fail;
	struct ctl_spec *spec;

	msg.memory = 1000;
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "--memory");
	msg.memory = 512U << 20;
	msg.memory_swap = 256U << 20;
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "--memory-swap");
	msg.memory_swap = 768U << 20;
	spec = check_spec(&msg, -1, &nothing, &fail);
	ck_assert_ptr_nonnull(spec);
	ck_assert_uint_eq(spec->swap, 256U << 20);
	ctl_spec_free(spec);
	msg.memory = 0;
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "needs --memory");
	msg.memory_swap = 0;
	msg.cpu_usec = 10;
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "--cpus");
	msg.cpu_usec = 0;
	msg.pids = 1ULL << 40;
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "--pids");
}
END_TEST

START_TEST(test_ulimits_are_checked)
{
	Ctl__Ulimit one = CTL__ULIMIT__INIT, two = CTL__ULIMIT__INIT;
	Ctl__Ulimit *list[] = { &one, &two };
	Ctl__Spec msg = CTL__SPEC__INIT;
	struct ctl_fail fail;
	struct ctl_spec *spec;

	one.name = (char *)"nofile";
	one.soft = 10;
	one.hard = 20;
	two.name = (char *)"nproc";
	two.soft = two.hard = UINT64_MAX;
	msg.ulimits = list;
	msg.n_ulimits = 2;
	spec = check_spec(&msg, -1, &nothing, &fail);
	ck_assert_ptr_nonnull(spec);
	ck_assert_uint_eq(spec->rlimits[0].resource, RLIMIT_NOFILE);
	ck_assert_uint_eq(spec->rlimits[1].resource, RLIMIT_NPROC);
	ctl_spec_free(spec);
	two.name = (char *)"nofile";
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "twice");
	two.name = (char *)"files";
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "no limit of that name");
	one.soft = 30;
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "above the hard");
}
END_TEST

START_TEST(test_forbidden_capability_is_denied)
{
	Ctl__Spec msg = CTL__SPEC__INIT;

	msg.cap_keep = 1ULL << 21;
	expect_refused(&msg, -1, ERR_DENIED, "SYS_ADMIN");
	msg.cap_keep = 1ULL << 19 | 1;
	expect_refused(&msg, -1, ERR_DENIED, "SYS_PTRACE");
}
END_TEST

START_TEST(test_unknown_network_and_writable_host_are_refused)
{
	Ctl__Spec msg = CTL__SPEC__INIT;

	msg.net = (Ctl__Net)7;
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "--network");
	msg.net = (Ctl__Net)-1;
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "--network");
	msg.net = CTL__NET__NET_INVALID;
	msg.writable = true;
	expect_refused(&msg, -1, ERR_BAD_REQUEST, "--writable");
}
END_TEST

START_TEST(test_label_survives_packing)
{
	Ctl__Spec msg = CTL__SPEC__INIT;
	struct ctl_label label = { .kind = CTL_KIND_SESSION, .created = 77 };
	struct ctl_label back;
	uint8_t bytes[WIRE_LABEL_MAX_BYTES];
	struct err err = ERR_INIT;
	struct ctl_fail fail;
	struct ctl_spec *spec;
	size_t len;

	msg.memory = 1U << 30;
	msg.user = (char *)"123:456";
	spec = check_spec(&msg, -1, &nothing, &fail);
	memset(label.name, 'n', CTL_NAME_MAX_BYTES);
	memset(label.token, 0xff, sizeof(label.token));
	ctl_label_from_spec(&label, spec);
	memset(label.image, 'i', sizeof(label.image) - 1);
	memset(label.workspace, 'w', sizeof(label.workspace) - 1);
	memset(label.user, 'u', sizeof(label.user) - 1);
	for (size_t i = 0; i < CTL_MAX_RLIMITS; i++)
		label.rlimits[i] = (struct ctl_rlimit){ 15, UINT64_MAX,
							UINT64_MAX };
	label.n_rlimits = CTL_MAX_RLIMITS;
	label.cap_keep = label.pids = UINT64_MAX;
	ck_assert_int_eq(ctl_label_pack(&label, bytes, &len, &err), 0);
	ck_assert_int_eq(ctl_label_unpack(bytes, len, &back, &err), 0);
	ck_assert_mem_eq(&back, &label, sizeof(label));
	ck_assert_int_eq(ctl_label_unpack(bytes, len - 1, &back, &err), -1);
	ck_assert_int_eq(ctl_label_unpack(bytes, 0, &back, &err), -1);
	ctl_spec_free(spec);
}
END_TEST

START_TEST(test_flag_that_differs_is_named)
{
	Ctl__Spec msg = CTL__SPEC__INIT;
	char *given[] = { (char *)"hostname", (char *)"memory" };
	struct ctl_label label = { .name = "s" };
	struct ctl_fail fail;
	struct ctl_spec *spec = check_spec(&msg, -1, &nothing, &fail);

	ctl_label_from_spec(&label, spec);
	ctl_spec_free(spec);
	msg.memory = 1U << 30;
	spec = check_spec(&msg, -1, &nothing, &fail);
	/* Not given: whatever it is. */
	ck_assert_int_eq(ctl_flags_compare(&label, spec, given, 1, &fail), 0);
	ck_assert_int_eq(ctl_flags_compare(&label, spec, given, 2, &fail), -1);
	ck_assert_int_eq(fail.err.code, ERR_BAD_STATE);
	ck_assert_uint_eq(fail.status, 125);
	ck_assert_ptr_nonnull(strstr(fail.err.text, "--memory"));
	ck_assert_ptr_nonnull(strstr(fail.hint, "creel rm s"));
	ctl_spec_free(spec);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("spec");
	TCase *tcase = tcase_create("spec");

	tcase_add_loop_test(tcase, test_target_is_normalised_or_refused, 0,
			    sizeof(targets) / sizeof(targets[0]));
	tcase_add_test(tcase, test_target_too_long_is_refused);
	tcase_add_test(tcase, test_defaults_are_mounted_in_order_of_depth);
	tcase_add_test(tcase,
		       test_tmpfs_replaces_default_and_nests_below_parent);
	tcase_add_test(tcase, test_equal_targets_are_refused_naming_both);
	tcase_add_loop_test(tcase, test_reserved_target_is_refused, 0,
			    sizeof(reserved) / sizeof(reserved[0]));
	tcase_add_test(tcase, test_more_than_64_mounts_are_refused);
	tcase_add_test(tcase, test_bind_of_directory_and_file_is_taken);
	tcase_add_test(tcase, test_bind_without_descriptor_is_refused);
	tcase_add_test(tcase,
		       test_stream_that_could_be_connected_anew_is_refused);
	tcase_add_test(tcase, test_bind_of_wrong_kind_is_refused_naming_it);
	tcase_add_test(tcase, test_bind_of_protected_directory_is_denied);
	tcase_add_loop_test(tcase, test_hostname_is_checked, 0,
			    sizeof(hostnames) / sizeof(hostnames[0]));
	tcase_add_test(tcase, test_limits_are_checked);
	tcase_add_test(tcase, test_ulimits_are_checked);
	tcase_add_test(tcase, test_forbidden_capability_is_denied);
	tcase_add_test(tcase,
		       test_unknown_network_and_writable_host_are_refused);
	tcase_add_test(tcase, test_label_survives_packing);
	tcase_add_test(tcase, test_flag_that_differs_is_named);
	suite_add_tcase(suite, tcase);
	return suite;
}
