// SPDX-License-Identifier: Apache-2.0
/*
 * From bytes to a step that the policy allows: what is a violation, what is
 * answered, what passes.
 */
#include <config.h>

#include "helper/validate.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "helper/unpack.h"
#include "proto/helper.pb-c.h"
#include "proto/wire.h"
#include "tests/unit/runner.h"

#define BIT(cap) (UINT64_C(1) << (cap))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static alignas(max_align_t) unsigned char memory[WIRE_ARENA_BYTES];
static struct arena arena;
static struct hlp_policy policy;
static struct hlp_args args;
static struct err err;

static void setup(void)
{
	arena_init(&arena, memory, sizeof(memory));
	hlp_policy_builtin(&policy, true, 0);
	err = (struct err)ERR_INIT;
}

static int unpack(Hlp__Request *req)
{
	static uint8_t buf[WIRE_HELPER_MAX_BYTES * 2];
	size_t len = protobuf_c_message_pack(&req->base, buf);

	return hlp_unpack(buf, len, &arena, &args, &err);
}

#define REQUEST(WHICH, member, ...)                               \
	(&(Hlp__Request){                                         \
		PROTOBUF_C_MESSAGE_INIT(&hlp__request__descriptor), 1, \
		HLP__REQUEST__OP_##WHICH, { .member = (__VA_ARGS__) } })

static Hlp__New new_default(void)
{
	Hlp__New msg = HLP__NEW__INIT;

	msg.uid = 1000;
	msg.gid = 1000;
	msg.net = HLP__NET__NET_NONE;
	msg.root = HLP__ROOT__ROOT_HOST;
	return msg;
}

/* Of a "new" that unpacks: 0 or the code of its refusal. */
static int judge_new(Hlp__New *msg)
{
	ck_assert_int_eq(unpack(REQUEST(NEW_, new_, msg)), 0);
	return hlp_validate(&args.step, &policy, NULL, 0, &err) < 0 ?
		       (int)err.code : 0;
}

START_TEST(test_unpack_enums_out_of_range_are_violations)
{
	static const int wrong[] = { 0, 3, 7, 99, -1 };

	for (size_t i = 0; i < COUNT(wrong); i++) {
		Hlp__New msg = new_default();
		Hlp__Write file = HLP__WRITE__INIT;
		Hlp__SetLimit limit = HLP__SET_LIMIT__INIT;

		msg.net = (Hlp__Net)wrong[i];
		ck_assert_int_lt(unpack(REQUEST(NEW_, new_, &msg)), 0);
		msg = new_default();
		msg.root = (Hlp__Root)wrong[i];
		ck_assert_int_lt(unpack(REQUEST(NEW_, new_, &msg)), 0);
		file.file = (Hlp__File)(wrong[i] == 3 ? 7 : wrong[i]);
		ck_assert_int_lt(unpack(REQUEST(WRITE, write, &file)), 0);
		limit.limit = (Hlp__Limit)(wrong[i] == 3 ? 6 : wrong[i]);
		ck_assert_int_lt(unpack(REQUEST(LIMIT, limit, &limit)), 0);
	}
}
END_TEST

START_TEST(test_unpack_lengths_are_exact)
{
	static uint8_t bytes[4096];

	for (size_t len = 0; len < 20; len++) {
		Hlp__Kill kill_msg = HLP__KILL__INIT;
		Hlp__Keep keep = HLP__KEEP__INIT;
		Hlp__Drop drop = HLP__DROP__INIT;
		bool good = len == WIRE_ID_BYTES;

		kill_msg.id = (ProtobufCBinaryData){ len, bytes };
		keep.id = drop.id = (ProtobufCBinaryData){ 16, bytes };
		keep.token = drop.token = kill_msg.id;
		ck_assert((unpack(REQUEST(KILL, kill, &kill_msg)) == 0) ==
			  good);
		ck_assert((unpack(REQUEST(KEEP, keep, &keep)) == 0) == good);
		ck_assert((unpack(REQUEST(DROP, drop, &drop)) == 0) == good);
	}
	for (size_t len = 2044; len < 2054; len++) {
		Hlp__New msg = new_default();

		msg.label = (ProtobufCBinaryData){ len, bytes };
		ck_assert((unpack(REQUEST(NEW_, new_, &msg)) == 0) ==
			  (len <= WIRE_LABEL_MAX_BYTES));
	}
	for (size_t len = 3070; len < 3080; len++) {
		Hlp__Write msg = HLP__WRITE__INIT;

		msg.file = HLP__FILE__FILE_HOSTS;
		msg.content = (ProtobufCBinaryData){ len, bytes };
		ck_assert((unpack(REQUEST(WRITE, write, &msg)) == 0) ==
			  (len <= WIRE_FILE_MAX_BYTES));
	}
}
END_TEST

START_TEST(test_unpack_without_a_verb_is_a_violation)
{
	Hlp__Request req = HLP__REQUEST__INIT;

	req.seq = 5;
	ck_assert_int_lt(unpack(&req), 0);
	ck_assert_int_lt(hlp_unpack((const uint8_t *)"", 0, &arena, &args,
				    &err), 0);
}
END_TEST

START_TEST(test_validate_targets)
{
	static const struct {
		const char *target;
		bool good;
	} rows[] = {
		{ "/workspace", true },	   { "/a/b/c", true },
		{ "/a b", true },	   { "/\xff\xfe", true },
		{ "/...", true },	   { "/..a", true },
		{ "/dev/shm", true },	   { "/procfs", true },
		{ "", false },		   { "/", false },
		{ "relative", false },	   { "./x", false },
		{ "//", false },	   { "//a", false },
		{ "/a/", false },	   { "/a//b", false },
		{ "/.", false },	   { "/a/./b", false },
		{ "/..", false },	   { "/a/../b", false },
		{ "/a/..", false },	   { "../x", false },
		{ "/proc", false },	   { "/proc/sys", false },
		{ "/sys", false },	   { "/sys/fs/cgroup", false },
		{ "/dev", false },	   { "/dev/pts/0", false },
	};
	int fd = open("/", O_PATH | O_CLOEXEC);

	for (size_t i = 0; i < COUNT(rows); i++) {
		Hlp__Mount mount = HLP__MOUNT__INIT;
		Hlp__Tmpfs tmpfs = HLP__TMPFS__INIT;

		mount.target = tmpfs.target = (char *)rows[i].target;
		tmpfs.size = 4096;
		tmpfs.inodes = 1;
		ck_assert_int_eq(unpack(REQUEST(MOUNT, mount, &mount)), 0);
		ck_assert_msg((hlp_validate(&args.step, &policy, &fd, 1,
					    &err) == 0) == rows[i].good,
			      "mount on '%s'", rows[i].target);
		ck_assert_int_eq(unpack(REQUEST(TMPFS, tmpfs, &tmpfs)), 0);
		ck_assert_msg((hlp_validate(&args.step, &policy, NULL, 0,
					    &err) == 0) == rows[i].good,
			      "tmpfs on '%s'", rows[i].target);
	}
	close(fd);
}
END_TEST

START_TEST(test_validate_long_target_is_answered)
{
	int fd = open("/", O_PATH | O_CLOEXEC);
	char target[1600];

	for (size_t len = 1000; len < 1500; len++) {
		Hlp__Mount mount = HLP__MOUNT__INIT;

		memset(target, 'x', len);
		for (size_t i = 0; i < len; i += 100)
			target[i] = '/';
		target[len - 1] = 'x';
		target[len] = '\0';
		mount.target = target;
		ck_assert_int_eq(unpack(REQUEST(MOUNT, mount, &mount)), 0);
		ck_assert((hlp_validate(&args.step, &policy, &fd, 1, &err) ==
			   0) == (len < WIRE_PATH_MAX_BYTES));
	}
	close(fd);
}
END_TEST

START_TEST(test_validate_hostnames)
{
	static const struct {
		const char *name;
		bool good;
	} rows[] = {
		{ "creel", true },    { "a", true },	   { "a-b.c-d", true },
		{ "9lives", true },   { "", false },	   { "-a", false },
		{ ".a", false },      { "a_b", false },	   { "a b", false },
		{ "a\nb", false },    { "\xc3\xa9", false }, { "a/b", false },
		{ "%n", false },
		{ "0123456789012345678901234567890123456789012345678901234567890123"
		  "4", false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		Hlp__Hostname msg = HLP__HOSTNAME__INIT;

		msg.name = (char *)rows[i].name;
		ck_assert_int_eq(unpack(REQUEST(HOSTNAME, hostname, &msg)), 0);
		ck_assert_msg((hlp_validate(&args.step, &policy, NULL, 0,
					    &err) == 0) == rows[i].good,
			      "host name '%s'", rows[i].name);
	}
}
END_TEST

START_TEST(test_validate_ids)
{
	static const struct {
		uint32_t id;
		int want;
	} rows[] = {
		{ 0, 0 },		 { 1, 0 },
		{ 65535, 0 },		 { 65536, ERR_BAD_REQUEST },
		{ 0x7fffffff, ERR_BAD_REQUEST }, { 0xffffffff, ERR_BAD_REQUEST },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		Hlp__New msg = new_default();

		msg.uid = rows[i].id;
		ck_assert_int_eq(judge_new(&msg), rows[i].want);
		msg = new_default();
		msg.gid = rows[i].id;
		ck_assert_int_eq(judge_new(&msg), rows[i].want);
	}
}
END_TEST

START_TEST(test_validate_policy_grants)
{
	Hlp__New msg = new_default();

	ck_assert_int_eq(judge_new(&msg), 0);
	msg.net = HLP__NET__NET_HOST;
	ck_assert_int_eq(judge_new(&msg), ERR_DENIED);
	policy.host_network = true;
	ck_assert_int_eq(judge_new(&msg), 0);
	msg.map_caller = true;
	ck_assert_int_eq(judge_new(&msg), 0);
	policy.map_caller = false;
	ck_assert_int_eq(judge_new(&msg), ERR_DENIED);
}
END_TEST

START_TEST(test_validate_capabilities_never_and_by_policy)
{
	static const unsigned int never[] = {
		CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_SYS_RESOURCE,
		CAP_SYS_MODULE, CAP_NET_ADMIN, CAP_MKNOD, CAP_BPF, CAP_PERFMON,
		CAP_SYS_RAWIO, CAP_DAC_READ_SEARCH, CAP_SYS_BOOT, CAP_MAC_ADMIN,
		41, 63,
	};
	Hlp__New msg = new_default();

	policy.cap_keep = ~UINT64_C(0);
	for (size_t i = 0; i < COUNT(never); i++) {
		msg.cap_keep = BIT(never[i]);
		ck_assert_msg(judge_new(&msg) == ERR_DENIED, "capability %u",
			      never[i]);
	}
	msg.cap_keep = BIT(CAP_CHOWN) | BIT(CAP_KILL);
	ck_assert_int_eq(judge_new(&msg), 0);
	policy.cap_keep = BIT(CAP_CHOWN);
	ck_assert_int_eq(judge_new(&msg), ERR_DENIED);
	msg.cap_keep = BIT(CAP_CHOWN);
	ck_assert_int_eq(judge_new(&msg), 0);
}
END_TEST

static int judge_limit(Hlp__Limit limit, uint64_t value)
{
	Hlp__SetLimit msg = HLP__SET_LIMIT__INIT;

	msg.limit = limit;
	msg.value = value;
	ck_assert_int_eq(unpack(REQUEST(LIMIT, limit, &msg)), 0);
	return hlp_validate(&args.step, &policy, NULL, 0, &err) < 0 ?
		       (int)err.code : 0;
}

START_TEST(test_validate_limits_against_ceilings)
{
	ck_assert_int_eq(judge_limit(HLP__LIMIT__LIMIT_MEMORY_MAX, 1ULL << 40),
			 0);
	policy.max_memory = 1ULL << 30;
	policy.max_pids = 100;
	policy.max_cpus = 2;
	ck_assert_int_eq(judge_limit(HLP__LIMIT__LIMIT_MEMORY_MAX, 1ULL << 30),
			 0);
	ck_assert_int_eq(judge_limit(HLP__LIMIT__LIMIT_MEMORY_MAX,
				     (1ULL << 30) + 1), ERR_DENIED);
	ck_assert_int_eq(judge_limit(HLP__LIMIT__LIMIT_MEMORY_SWAP_MAX,
				     1ULL << 31), ERR_DENIED);
	ck_assert_int_eq(judge_limit(HLP__LIMIT__LIMIT_PIDS_MAX, 100), 0);
	ck_assert_int_eq(judge_limit(HLP__LIMIT__LIMIT_PIDS_MAX, 101),
			 ERR_DENIED);
	ck_assert_int_eq(judge_limit(HLP__LIMIT__LIMIT_CPU_MAX, 200000), 0);
	ck_assert_int_eq(judge_limit(HLP__LIMIT__LIMIT_CPU_MAX, 200001),
			 ERR_DENIED);
	ck_assert_int_eq(judge_limit(HLP__LIMIT__LIMIT_CPU_WEIGHT, 10000), 0);
	ck_assert_int_ne(judge_limit(HLP__LIMIT__LIMIT_CPU_WEIGHT, 10001), 0);
	ck_assert_int_ne(judge_limit(HLP__LIMIT__LIMIT_CPU_WEIGHT, 0), 0);
	ck_assert_int_ne(judge_limit(HLP__LIMIT__LIMIT_MEMORY_MAX, UINT64_MAX),
			 0);
}
END_TEST

START_TEST(test_validate_sources_must_be_path_fds)
{
	Hlp__Mount mount = HLP__MOUNT__INIT;
	int fds[] = { open("/", O_PATH | O_CLOEXEC),
		      open("/", O_RDONLY | O_CLOEXEC),
		      open("/dev/null", O_RDWR | O_CLOEXEC) };

	mount.target = (char *)"/x";
	ck_assert_int_eq(unpack(REQUEST(MOUNT, mount, &mount)), 0);
	ck_assert_int_eq(hlp_validate(&args.step, &policy, &fds[0], 1, &err),
			 0);
	for (int i = 1; i < 3; i++) {
		ck_assert_int_lt(hlp_validate(&args.step, &policy, &fds[i], 1,
					      &err), 0);
		ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
	}
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}
END_TEST

START_TEST(test_validate_kept_is_no_socket_and_no_directory)
{
	int pair[2];
	int dir = open("/", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
	ck_assert_int_eq(hlp_validate_kept(pair[0], &err), 0);
	ck_assert_int_lt(hlp_validate_kept(dir, &err), 0);
	close(pair[0]);
	close(pair[1]);
	close(dir);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_lt(hlp_validate_kept(pair[0], &err), 0);
	close(pair[0]);
	close(pair[1]);
	ck_assert_int_lt(hlp_validate_kept(pair[0], &err), 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("validate");
	TCase *tc = tcase_create("validate");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_unpack_enums_out_of_range_are_violations);
	tcase_add_test(tc, test_unpack_lengths_are_exact);
	tcase_add_test(tc, test_unpack_without_a_verb_is_a_violation);
	tcase_add_test(tc, test_validate_targets);
	tcase_add_test(tc, test_validate_long_target_is_answered);
	tcase_add_test(tc, test_validate_hostnames);
	tcase_add_test(tc, test_validate_ids);
	tcase_add_test(tc, test_validate_policy_grants);
	tcase_add_test(tc, test_validate_capabilities_never_and_by_policy);
	tcase_add_test(tc, test_validate_limits_against_ceilings);
	tcase_add_test(tc, test_validate_sources_must_be_path_fds);
	tcase_add_test(tc, test_validate_kept_is_no_socket_and_no_directory);
	suite_add_tcase(suite, tc);
	return suite;
}
