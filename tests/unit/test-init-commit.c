// SPDX-License-Identifier: Apache-2.0
/*
 * creel-init commits: all of the changes or none, and nothing beside them.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "helper/init/request.h"
#include "tests/unit/init-asks.h"
#include "tests/unit/runner.h"

#define PUT INI__CHANGE_KIND__CHANGE_PUT
#define REMOVE INI__CHANGE_KIND__CHANGE_REMOVE
#define MKDIR INI__CHANGE_KIND__CHANGE_MKDIR
#define ANY INI__EXPECT__EXPECT_ANY
#define ABSENT INI__EXPECT__EXPECT_ABSENT
#define SAME INI__EXPECT__EXPECT_SAME

static struct box box;

static void setup(void)
{
	box_start(&box, false);
}

/* A file system that has none of the flags of renameat2(2), as NFS. */
static void forbid_flags(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[4])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 6, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		_exit(99);
}

static void setup_without_flags(void)
{
	box_before_init = forbid_flags;
	box_start(&box, false);
}

static void teardown(void)
{
	box_stop(&box);
}

static int sh(const char *script)
{
	return box_sh(&box, script, NULL, 0);
}

static int commit(const struct ask_change *changes, size_t n)
{
	return (int)ask_commit(&box, changes, n).sys;
}

static int commit_one(Ini__ChangeKind kind, const char *path,
		      Ini__Expect expect)
{
	return commit(&(struct ask_change){ .kind = kind,
					    .path = path,
					    .expect = expect,
					    .text = "new\n" }, 1);
}

/* All names, kinds, modes and contents; nothing of it may change by itself. */
static void shot(char out[16384])
{
	ck_assert_int_eq(box_sh(&box, "cd /workspace; find . | LC_ALL=C sort | "
				      "while read n; do stat -c '%n %A %u' $n; "
				      "test -f $n -a -r $n && cat $n; done; :",
				out, 16384), 0);
}

#define TREE \
	"cd /workspace; mkdir dir; echo a > a; echo b > b; echo c > dir/c; " \
	"chmod 750 a; ln a other; ln -s a link; mkfifo fifo; echo r > ro; " \
	"chmod 444 ro; mkdir locked; echo x > locked/x; chmod 555 locked"

START_TEST(test_init_commit_makes_all_of_its_changes)
{
	const struct ask_change changes[] = {
		{ PUT, "a", ANY, "A\n", 0600, false, NULL },
		{ PUT, "new", ABSENT, "N", 0600, false, NULL },
		{ REMOVE, "b", ANY, NULL, 0, false, NULL },
		{ PUT, "dir/b", ABSENT, "b\n", 0640, false, NULL },
		{ MKDIR, "made", ABSENT, NULL, 0700, false, NULL },
		{ PUT, "made/f", ABSENT, "", 0644, false, NULL },
		{ PUT, "p/q/r", ANY, "deep", 0666, true, NULL },
		{ MKDIR, "x/y", ANY, NULL, 0755, true, NULL },
		{ MKDIR, "dir", ANY, NULL, 0700, false, NULL },
	};
	char out[16384];

	ck_assert_int_eq(sh(TREE "; chmod 755 locked; rm -r locked link fifo "
			    "ro"), 0);
	ck_assert_int_eq(commit(changes, 9), 0);
	shot(out);
	for (char *at = out; (at = strstr(at, " 1000\n"));)
		memmove(at, at + 5, strlen(at + 5) + 1);
	ck_assert_str_eq(out, ". drwxr-xr-x\n"
			      "./a -rwxr-x---\nA\n"
			      "./dir drwxr-xr-x\n"
			      "./dir/b -rw-r-----\nb\n"
			      "./dir/c -rw-r--r--\nc\n"
			      "./made drwx------\n./made/f -rw-r--r--\n"
			      "./new -rw-------\nN"
			      "./other -rwxr-x---\na\n"
			      "./p drwxr-xr-x\n./p/q drwxr-xr-x\n"
			      "./p/q/r -rw-rw-rw-\ndeep"
			      "./x drwxr-xr-x\n./x/y drwxr-xr-x\n");
}
END_TEST

START_TEST(test_init_commit_refuses_what_is_no_file)
{
	static const struct {
		Ini__ChangeKind kind;
		const char *path;
		Ini__Expect expect;
		int sys;
	} rows[] = {
		{ PUT, "dir", ANY, EISDIR },	  { PUT, "link", ANY, ELOOP },
		{ PUT, "fifo", ANY, ENXIO },	  { PUT, "", ANY, EISDIR },
		{ PUT, ".", ANY, EISDIR },	  { PUT, "..", ANY, EISDIR },
		{ PUT, "dir/", ANY, EISDIR },	  { PUT, "a/b", ANY, ENOTDIR },
		{ PUT, "ro", ANY, EACCES },	  { PUT, "a", ABSENT, EEXIST },
		{ PUT, "link", ABSENT, EEXIST },  { PUT, "dir", ABSENT, EEXIST },
		{ PUT, "none/f", ANY, ENOENT },	  { PUT, "none", SAME, ESTALE },
		{ PUT, "locked/x", ANY, EACCES }, { PUT, "locked/n", ANY, EACCES },
		{ PUT, "../tmp/f", ANY, EXDEV },  { PUT, "/tmp/f", ANY, EXDEV },
		{ PUT, "up/f", ANY, ELOOP },	  { PUT, "a", SAME, ESTALE },
		{ REMOVE, "dir", ANY, EISDIR },	  { REMOVE, "link", ANY, ELOOP },
		{ REMOVE, "fifo", ANY, ENXIO },	  { REMOVE, "none", ANY, ENOENT },
		{ REMOVE, "none", SAME, ESTALE }, { REMOVE, "a", ABSENT, EEXIST },
		{ REMOVE, "locked/x", ANY, EACCES },
		{ REMOVE, "../tmp/c", ANY, EXDEV },
		{ REMOVE, "up/c", ANY, ELOOP },	  { MKDIR, "dir", ABSENT, EEXIST },
		{ MKDIR, "a", ANY, EEXIST },	  { MKDIR, "link", ANY, EEXIST },
		{ MKDIR, "none/d", ANY, ENOENT }, { MKDIR, "locked/d", ANY, EACCES },
		{ MKDIR, "../tmp/d", ANY, EXDEV }, { MKDIR, "up/d", ANY, ELOOP },
	};
	char before[16384], after[16384];

	ck_assert_int_eq(sh(TREE "; ln -s ../tmp up; echo c > /tmp/c"), 0);
	shot(before);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int sys = commit_one(rows[i].kind, rows[i].path,
				     rows[i].expect);

		ck_assert_msg(sys == rows[i].sys, "%d %s %d: %s", rows[i].kind,
			      rows[i].path, rows[i].expect, strerror(sys));
		shot(after);
		ck_assert_str_eq(before, after);
	}
	ck_assert_int_eq(sh("test `ls -A /tmp` = c && test `cat /tmp/c` = c"),
			 0);
	/* Positive controls. */
	ck_assert_int_eq(commit_one(PUT, "b", ANY), 0);
	ck_assert_int_eq(commit_one(REMOVE, "ro", ANY), 0);
	ck_assert_int_eq(commit_one(MKDIR, "d2", ABSENT), 0);
	ck_assert_int_eq(sh("cd /workspace; test `cat b` = new && test ! -e ro "
			    "&& test -d d2"), 0);
}
END_TEST

/* One of them fails, first or last or between: nothing has happened. */
START_TEST(test_init_commit_that_fails_leaves_the_tree)
{
	static const struct ask_change good[] = {
		{ PUT, "a", ANY, "A\n", 0600, false, NULL },
		{ REMOVE, "b", ANY, NULL, 0, false, NULL },
		{ PUT, "b2", ABSENT, "b\n", 0640, false, NULL },
		{ MKDIR, "made", ABSENT, NULL, 0700, false, NULL },
		{ PUT, "made/f", ABSENT, "f", 0644, false, NULL },
		{ PUT, "p/q/r", ANY, "deep", 0666, true, NULL },
		{ PUT, "p/q/s", ANY, "deep", 0666, true, NULL },
		{ MKDIR, "x/y/z", ANY, NULL, 0755, true, NULL },
	};
	static const struct ask_change bad[] = {
		{ PUT, "dir/c", ABSENT, "no", 0, false, NULL },
		{ PUT, "link", ANY, "no", 0, false, NULL },
		{ REMOVE, "none", ANY, NULL, 0, false, NULL },
		{ PUT, "locked/new", ANY, "no", 0, true, NULL },
		{ MKDIR, "fifo", ANY, NULL, 0, false, NULL },
		{ PUT, "v/w/../../../f", ANY, "no", 0, true, NULL },
	};
	const size_t n = sizeof(good) / sizeof(*good);
	char before[16384], after[16384];

	ck_assert_int_eq(sh(TREE), 0);
	shot(before);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		for (size_t at = 0; at <= n; at++) {
			struct ask_change all[16];
			Ini__Answer got;

			memcpy(all, good, at * sizeof(*all));
			all[at] = bad[i];
			memcpy(all + at + 1, good + at,
			       (n - at) * sizeof(*all));
			got = ask_commit(&box, all, n + 1);
			ck_assert_uint_ne(got.sys, 0);
			ck_assert_uint_eq(got.which, at + 1);
			shot(after);
			ck_assert_str_eq(before, after);
		}
	}
	/* Positive control. */
	ck_assert_int_eq(commit(good, n), 0);
	shot(after);
	ck_assert_str_ne(before, after);
	ck_assert_ptr_null(strstr(after, ".creel-"));
}
END_TEST

/*
 * What fails only when names change: the directory is read-only for a rename
 * away of what is another user's, as in /tmp, and may be written to otherwise.
 */
START_TEST(test_init_commit_that_fails_late_is_undone)
{
	static const struct ask_change changes[] = {
		{ PUT, "a", ANY, "A\n", 0600, false, NULL },
		{ REMOVE, "b", ANY, NULL, 0, false, NULL },
		{ PUT, "n/f", ABSENT, "f", 0644, true, NULL },
		{ PUT, "sticky/f", ANY, "no", 0600, false, NULL },
		{ PUT, "dir/c", ANY, "C\n", 0600, false, NULL },
	};
	const char *const argv[] = {
		"sh", "-c",
		"cd /workspace; mkdir sticky; chmod 1777 sticky; "
		"echo s > sticky/f; chmod 666 sticky/f", NULL
	};
	static struct box_result result;
	char before[16384], after[16384];
	Ini__Answer got;

	/* Another user is needed, whom there is only with a range of ids. */
	if (!box.range)
		return;
	ck_assert_int_eq(sh(TREE "; chmod 777 ."), 0);
	box_run(&box, &(struct box_exec){ .argv = argv, .id = 9, .uid = 1001 },
		&result);
	ck_assert_int_eq(result.status, 0);
	shot(before);
	ck_assert_ptr_nonnull(strstr(before, "./sticky/f -rw-rw-rw- 1001"));
	got = ask_commit(&box, changes, 5);
	ck_assert_uint_eq(got.sys, EPERM);
	ck_assert_uint_eq(got.which, 4);
	shot(after);
	ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(test_init_commit_twice_the_same_file_is_refused)
{
	static const char *const names[] = { "a", "./a", "dir/../a",
					     "dir/.././a" };
	char before[16384], after[16384];

	ck_assert_int_eq(sh(TREE), 0);
	shot(before);
	for (size_t i = 0; i < 4; i++) {
		const struct ask_change changes[] = {
			{ PUT, "a", ANY, "A", 0, false, NULL },
			{ i & 1 ? REMOVE : PUT, names[i], ANY, "B", 0, false,
			  NULL },
		};
		Ini__Answer got = ask_commit(&box, changes, 2);

		ck_assert_uint_eq(got.sys, EINVAL);
		ck_assert_uint_eq(got.which, 2);
	}
	ck_assert_int_eq(commit(&(struct ask_change){ .path = "a" }, 0),
			 EINVAL);
	shot(after);
	ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(test_init_commit_of_a_changed_file_is_refused)
{
	static const char *const scripts[] = {
		"echo more >> a", "touch a", "chmod 700 a", "cp -p a t; mv t a",
		"rm a", "mv a z; ln -s z a", "ln -f a again",
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		struct ask_change change = { PUT, "a", SAME, "A\n", 0, false,
					     NULL };
		char script[256];
		Ini__Answer st;
		int sys;

		ck_assert_int_eq(sh("cd /workspace; rm -rf * ; echo a > a"), 0);
		st = ask_stat(&box, "a");
		change.same = &st;
		(void)snprintf(script, sizeof(script), "cd /workspace; %s",
			       scripts[i]);
		/* Past what the clock of a file system can tell apart. */
		ck_assert_int_eq(sh("sleep 0.02"), 0);
		ck_assert_int_eq(sh(script), 0);
		sys = commit(&change, 1);
		ck_assert_msg(sys == (i == 5 ? ELOOP : ESTALE), "%s: %s",
			      scripts[i], strerror(sys));
		if (i == 4 || i == 5)
			continue;
		st = ask_stat(&box, "a");
		ck_assert_int_eq(commit(&change, 1), 0);
		/* It is another one now. */
		ck_assert_int_eq(commit(&change, 1), ESTALE);
	}
}
END_TEST

/* Content that could still change, or is not there. */
START_TEST(test_init_commit_wants_sealed_content)
{
	for (int i = 0; i < 3; i++) {
		Ini__Change change = INI__CHANGE__INIT;
		Ini__Change *list = &change;
		Ini__Commit msg = INI__COMMIT__INIT;
		Ini__Request req = INI__REQUEST__INIT;
		int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);

		change.kind = PUT;
		change.path = (ProtobufCBinaryData){ 1, (uint8_t *)"f" };
		change.expect = ANY;
		change.mode = 0644;
		change.length = i == 1 ? 5 : 4;
		msg.seq = 1000;
		msg.where = INI__WHERE__WHERE_WORKDIR;
		msg.uid = msg.gid = 1000;
		msg.changes = &list;
		msg.n_changes = 1;
		req.op_case = INI__REQUEST__OP_COMMIT;
		req.commit = &msg;
		ck_assert_int_eq(write(fd, "text", 4), 4);
		ck_assert(!fcntl(fd, F_ADD_SEALS, i == 0 ? 0x7 : 0xf));
		box_send(&box, &req, &fd, 1);
		close(fd);
		ck_assert_uint_eq(ask_answer(&box, 1000).msg.sys,
				  i == 2 ? 0 : EINVAL);
		ck_assert_int_eq(sh(i == 2 ? "test `cat /workspace/f` = text" :
					     "test -z \"`ls -A /workspace`\""),
				 0);
	}
}
END_TEST

START_TEST(test_init_commit_of_most_changes)
{
	static struct ask_change changes[INIT_MAX_CHANGES + 1];
	static char names[INIT_MAX_CHANGES + 1][16];

	for (size_t i = 0; i <= INIT_MAX_CHANGES; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "d%zu/f%zu", i % 7, i);
		changes[i] = (struct ask_change){ PUT, names[i], ANY, names[i],
						  0, true, NULL };
	}
	ck_assert_int_eq(commit(changes, INIT_MAX_CHANGES), 0);
	ck_assert_int_eq(sh("cd /workspace; test `find . -type f | wc -l` = 256 "
			    "&& test `cat d3/f255` = d3/f255"), 0);
	ck_assert_int_eq(commit(changes, INIT_MAX_CHANGES + 1), EINVAL);
}
END_TEST

/* SB-34: the name is a file, a link to a canary and nothing, by turns. */
START_TEST(test_init_commit_swapped_names_spare_the_canary)
{
	const char *const argv[] = {
		"python3", "-c",
		"import os, ctypes\n"
		"libc = ctypes.CDLL(None)\n"
		"os.chdir('/workspace')\n"
		"while True:\n"
		"  libc.renameat2(-100, b'f', -100, b'l', 2)\n"
		"  libc.renameat2(-100, b'd', -100, b'e', 2)\n",
		NULL
	};
	unsigned long rounds = test_rounds(10000);
	unsigned done = 0, refused = 0;

	ck_assert_int_eq(sh("mkdir /tmp/c; echo canary > /tmp/c/f; "
			    "cd /workspace; echo inside > f; mkdir d; "
			    "echo inside > d/f; ln -s /tmp/c/f l; "
			    "ln -s ../tmp/c e"), 0);
	box_send_exec(&box, &(struct box_exec){ .argv = argv, .id = 1 });
	box_expect(&box, INI__EVENT__EV_STARTED);
	for (unsigned long i = 0; i < rounds || !done || !refused; i++) {
		const struct ask_change changes[] = {
			{ PUT, "g", ANY, "g", 0, false, NULL },
			{ PUT, i & 1 ? "f" : "d/f", ANY, "inside\n", 0, false,
			  NULL },
		};
		int sys = commit(changes, 2);

		ck_assert_msg(sys == 0 || sys == ELOOP || sys == ESTALE, "%s",
			      strerror(sys));
		done += sys == 0;
		refused += sys != 0;
	}
	box_signal(&box, 1, 9, true);
	box_expect_exited(&box, 1);
	ck_assert_int_eq(sh("test `cat /tmp/c/f` = canary && "
			    "test `ls -A /tmp/c` = f && cd /workspace && "
			    "test \"`ls -A | tr '\\n' ' '`\" = 'd e f g l ' && "
			    "test `cat d/f e/f | sort | tr '\\n' .` = "
			    "canary.inside. && test `cat f l | sort | "
			    "tr '\\n' .` = canary.inside."), 0);
}
END_TEST

static void add_all(TCase *tc)
{
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_init_commit_makes_all_of_its_changes);
	tcase_add_test(tc, test_init_commit_refuses_what_is_no_file);
	tcase_add_test(tc, test_init_commit_that_fails_leaves_the_tree);
	tcase_add_test(tc, test_init_commit_that_fails_late_is_undone);
	tcase_add_test(tc, test_init_commit_of_a_changed_file_is_refused);
}

Suite *test_suite(void)
{
	Suite *suite = suite_create("init-commit");
	TCase *tc = tcase_create("commit");
	TCase *plain = tcase_create("without-exchange");

	tcase_add_checked_fixture(tc, setup, teardown);
	add_all(tc);
	tcase_add_test(tc, test_init_commit_twice_the_same_file_is_refused);
	tcase_add_test(tc, test_init_commit_wants_sealed_content);
	tcase_add_test(tc, test_init_commit_of_most_changes);
	tcase_add_test(tc, test_init_commit_swapped_names_spare_the_canary);
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(plain, setup_without_flags, teardown);
	add_all(plain);
	suite_add_tcase(suite, plain);
	return suite;
}
