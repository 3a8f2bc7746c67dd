// SPDX-License-Identifier: Apache-2.0
/*
 * The checks of a step: every bound from both sides, as a dispatcher that was
 * taken over would send them.
 */
#include <config.h>

#include "helper/step.h"

#include <string.h>

#include "tests/unit/runner.h"

static struct hlp_step step;
static struct err err;

static void fresh(enum hlp_op op)
{
	memset(&step, 0, sizeof(step));
	step.op = op;
	err = (struct err)ERR_INIT;
	switch (op) {
	case HLP_OP_NEW:
		step.new_.net = HLP_NET_NONE;
		step.new_.root = HLP_ROOT_HOST;
		break;
	case HLP_OP_MOUNT:
		memcpy(step.mount.target, "/w", 3);
		break;
	case HLP_OP_TMPFS:
		step.tmpfs.size = 4096;
		step.tmpfs.inodes = 1;
		memcpy(step.tmpfs.target, "/t", 3);
		break;
	case HLP_OP_WRITE:
		step.write.file = HLP_FILE_PASSWD;
		break;
	case HLP_OP_LIMIT:
		step.limit.limit = HLP_LIMIT_PIDS_MAX;
		step.limit.value = 10;
		break;
	case HLP_OP_HOSTNAME:
		memcpy(step.hostname.name, "box", 4);
		break;
	case HLP_OP_INVALID:
	case HLP_OP_IMAGE:
	case HLP_OP_START:
	case HLP_OP_ABORT:
	case HLP_OP_KILL:
	case HLP_OP_KEEP:
	case HLP_OP_DROP:
	case HLP_OP_BYE:
	case HLP_OP_PAUSE:
	case HLP_OP_COUNT:
		break;
	}
}

static size_t fds_of(enum hlp_op op)
{
	return op == HLP_OP_NEW || op == HLP_OP_MOUNT || op == HLP_OP_IMAGE;
}

static bool is_refused(void)
{
	return hlp_step_check(&step, fds_of(step.op), &err) < 0 &&
	       err.code == ERR_BAD_REQUEST;
}

START_TEST(test_step_every_op_and_fd_count_as_listed) {
	/* Written down a second time: what the spawner may be asked. */
	static const int want[HLP_OP_COUNT] = {
		[HLP_OP_INVALID] = -1, [HLP_OP_NEW] = 1,
		[HLP_OP_IMAGE] = 1,    [HLP_OP_MOUNT] = 1,
		[HLP_OP_TMPFS] = 0,    [HLP_OP_WRITE] = 0,
		[HLP_OP_LIMIT] = 0,    [HLP_OP_HOSTNAME] = 0,
		[HLP_OP_START] = 0,    [HLP_OP_ABORT] = 0,
		[HLP_OP_KILL] = 0,     [HLP_OP_KEEP] = -1,
		[HLP_OP_DROP] = -1,    [HLP_OP_BYE] = -1,
		[HLP_OP_PAUSE] = 0,
	};

	for (int op = 0; op < HLP_OP_COUNT; op++)
		for (int fds = 0; fds < 5; fds++) {
			fresh((enum hlp_op)op);
			ck_assert_msg(
				(hlp_step_check(&step, (size_t)fds, &err) ==
				 0) == (fds == want[op]),
				"op %d fds %d", op, fds);
		}
	fresh(HLP_OP_START);
	step.op = (enum hlp_op)1000;
	ck_assert(is_refused());
	step.op = (enum hlp_op) - 1;
	ck_assert(is_refused());
}
END_TEST

START_TEST(test_step_pause_is_on_or_off) {
	unsigned char byte;

	for (byte = 0; byte < 3; byte++) {
		fresh(HLP_OP_PAUSE);
		memcpy(&step.pause.on, &byte, 1);
		ck_assert(is_refused() == (byte > 1));
	}
}
END_TEST

START_TEST(test_step_slot_out_of_range_refused) {
	fresh(HLP_OP_KILL);
	step.slot = HLP_MAX_SLOTS - 1;
	ck_assert(!is_refused());
	step.slot = HLP_MAX_SLOTS;
	ck_assert(is_refused());
	step.slot = UINT32_MAX;
	ck_assert(is_refused());
}
END_TEST

START_TEST(test_step_new_ids_and_enums_checked) {
	fresh(HLP_OP_NEW);
	step.new_.uid = step.new_.gid = HLP_MAX_ID;
	ck_assert(!is_refused());
	step.new_.uid = HLP_MAX_ID + 1;
	ck_assert(is_refused());
	fresh(HLP_OP_NEW);
	step.new_.gid = UINT32_MAX;
	ck_assert(is_refused());
	fresh(HLP_OP_NEW);
	step.new_.net = HLP_NET_INVALID;
	ck_assert(is_refused());
	step.new_.net = (enum hlp_net)99;
	ck_assert(is_refused());
	fresh(HLP_OP_NEW);
	step.new_.root = (enum hlp_root)99;
	ck_assert(is_refused());
}
END_TEST

START_TEST(test_step_bool_of_another_byte_refused) {
	fresh(HLP_OP_NEW);
	memset(&step.new_.map_caller, 2, 1);
	ck_assert(is_refused());
	fresh(HLP_OP_MOUNT);
	memset(&step.mount.readonly, 0xff, 1);
	ck_assert(is_refused());
	fresh(HLP_OP_TMPFS);
	memset(&step.tmpfs.noexec, 7, 1);
	ck_assert(is_refused());
	fresh(HLP_OP_IMAGE);
	memset(&step.image.writable, 7, 1);
	ck_assert(is_refused());
}
END_TEST

START_TEST(test_step_target_table) {
	static const struct {
		const char *path;
		bool ok;
	} table[] = {
		{ "/w", true },		  { "/a/b/c", true },
		{ "/...", true },	  { "/a/..b", true },
		{ "/dev/shm", true },	  { "/dev/x", true },
		{ "/devices", true },	  { "/procs", true },
		{ "/sysroot/x", true },	  { "", false },
		{ "w", false },		  { "/", false },
		{ "//", false },	  { "/a//b", false },
		{ "/a/", false },	  { "/.", false },
		{ "/a/./b", false },	  { "/..", false },
		{ "/a/../b", false },	  { "/a/..", false },
		{ "../a", false },	  { "/proc", false },
		{ "/proc/self", false },  { "/sys", false },
		{ "/sys/x", false },	  { "/dev", false },
		{ "/dev/pts", false },	  { "/dev/pts/0", false },
		{ "/dev/mqueue", false }, { "/a\nb", false },
		{ "/a\x1b[2J", false },	  { "/a\x7f", false },
		{ "/a\xc3\xa4", true },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		fresh(HLP_OP_MOUNT);
		memset(step.mount.target, 0, sizeof(step.mount.target));
		memcpy(step.mount.target, table[i].path, strlen(table[i].path));
		ck_assert_msg(is_refused() != table[i].ok, "%s", table[i].path);
	}
}
END_TEST

START_TEST(test_step_target_without_terminator_refused) {
	fresh(HLP_OP_TMPFS);
	memset(step.tmpfs.target, 'a', sizeof(step.tmpfs.target));
	step.tmpfs.target[0] = '/';
	ck_assert(is_refused());
	/* A component is at most 255 bytes, a path as long as its room. */
	memset(step.tmpfs.target + 257, 0, sizeof(step.tmpfs.target) - 257);
	ck_assert(is_refused());
	step.tmpfs.target[256] = '\0';
	ck_assert(!is_refused());
}
END_TEST

START_TEST(test_step_tmpfs_bounds) {
	fresh(HLP_OP_TMPFS);
	step.tmpfs.size = 0;
	ck_assert(is_refused());
	step.tmpfs.size = UINT64_MAX;
	ck_assert(is_refused());
	fresh(HLP_OP_TMPFS);
	step.tmpfs.inodes = 0;
	ck_assert(is_refused());
	fresh(HLP_OP_TMPFS);
	step.tmpfs.mode = 01777;
	ck_assert(!is_refused());
	step.tmpfs.mode = 04755;
	ck_assert(is_refused());
}
END_TEST

START_TEST(test_step_write_bounds) {
	for (int file = -1; file <= HLP_FILE_COUNT + 1; file++) {
		fresh(HLP_OP_WRITE);
		step.write.file = (enum hlp_file)file;
		ck_assert_int_eq(is_refused(),
				 file <= 0 || file >= HLP_FILE_COUNT);
	}
	fresh(HLP_OP_WRITE);
	step.write.len = WIRE_FILE_MAX_BYTES;
	ck_assert(!is_refused());
	step.write.len = WIRE_FILE_MAX_BYTES + 1;
	ck_assert(is_refused());
}
END_TEST

START_TEST(test_step_limit_bounds) {
	static const struct {
		int limit;
		uint64_t value;
		bool ok;
	} table[] = {
		{ HLP_LIMIT_INVALID, 1, false },
		{ HLP_LIMIT_COUNT, 1, false },
		{ -1, 1, false },
		{ HLP_LIMIT_MEMORY_MAX, INT64_MAX, true },
		{ HLP_LIMIT_MEMORY_MAX, (uint64_t)INT64_MAX + 1, false },
		{ HLP_LIMIT_CPU_WEIGHT, 0, false },
		{ HLP_LIMIT_CPU_WEIGHT, 10000, true },
		{ HLP_LIMIT_CPU_WEIGHT, 10001, false },
		{ HLP_LIMIT_CPU_MAX, 999, false },
		{ HLP_LIMIT_CPU_MAX, 1000, true },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		fresh(HLP_OP_LIMIT);
		step.limit.limit = (enum hlp_limit)table[i].limit;
		step.limit.value = table[i].value;
		ck_assert_msg(is_refused() != table[i].ok, "row %zu", i);
	}
}
END_TEST

START_TEST(test_step_hostname_table) {
	static const char *const bad[] = { "",	   "-a",   ".a",   "a b",
					   "a/b",  "a\n",  "a%n",  "\xff",
					   "a;b",  "a-",   "a.",   "a..b",
					   "a.-b", "a-.b", "a.b-", "." };
	char longest[HLP_HOSTNAME_MAX_BYTES + 1];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fresh(HLP_OP_HOSTNAME);
		memset(step.hostname.name, 0, sizeof(step.hostname.name));
		memcpy(step.hostname.name, bad[i], strlen(bad[i]));
		ck_assert_msg(is_refused(), "%s", bad[i]);
	}
	fresh(HLP_OP_HOSTNAME);
	memset(longest, 'a', sizeof(longest));
	memcpy(step.hostname.name, longest, HLP_HOSTNAME_MAX_BYTES);
	ck_assert(!is_refused());
	memcpy(step.hostname.name, longest, sizeof(longest));
	ck_assert(is_refused());
	fresh(HLP_OP_HOSTNAME);
	memcpy(step.hostname.name, "a-1.b.c", 8);
	ck_assert(!is_refused());
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("step");
	TCase *all = tcase_create("step");

	tcase_add_test(all, test_step_every_op_and_fd_count_as_listed);
	tcase_add_test(all, test_step_slot_out_of_range_refused);
	tcase_add_test(all, test_step_pause_is_on_or_off);
	tcase_add_test(all, test_step_new_ids_and_enums_checked);
	tcase_add_test(all, test_step_bool_of_another_byte_refused);
	tcase_add_test(all, test_step_target_table);
	tcase_add_test(all, test_step_target_without_terminator_refused);
	tcase_add_test(all, test_step_tmpfs_bounds);
	tcase_add_test(all, test_step_write_bounds);
	tcase_add_test(all, test_step_limit_bounds);
	tcase_add_test(all, test_step_hostname_table);
	suite_add_tcase(suite, all);
	return suite;
}
