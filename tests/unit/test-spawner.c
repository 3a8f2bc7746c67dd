// SPDX-License-Identifier: Apache-2.0
/*
 * The spawner as the dispatcher sees it: real namespaces, real pid 1. As root
 * in both modes, else rootless.
 */
#include <config.h>

#include "helper/spawner.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "helper/mount.h"
#include "helper/step.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"
#include "tests/unit/runner.h"

#define WAIT_MS 20000
#define SANDBOX_UID 990
#define CALLER 65534

static struct {
	pid_t pid;
	int fd;
	int control_fd; /* of the last sandbox */
	bool cover_proc; /* as a container does */
	bool no_userns; /* as a hardened host has it */
	struct hlp_report last;
} s;

static char dir[] = "/tmp/creel-spawner-XXXXXX";

/* What stage.c does before the spawner runs. */
static void become(bool system)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2] = { { 0 } };
	uid_t id = system ? SANDBOX_UID : CALLER;

	if (geteuid() != 0)
		return;
	data[0].permitted = 1U << CAP_SYS_ADMIN | 1U << CAP_SETUID |
			    1U << CAP_SETGID | 1U << CAP_KILL;
	data[0].effective = data[0].permitted;
	if (setgroups(0, NULL) < 0 || prctl(PR_SET_KEEPCAPS, system) < 0 ||
	    setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0 ||
	    (system && syscall(SYS_capset, &head, data) < 0) ||
	    prctl(PR_SET_DUMPABLE, !system) < 0)
		_exit(99);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return done;
}

static void forbid_userns(void)
{
	char uid[32], gid[32];

	(void)snprintf(uid, sizeof(uid), "%d %d 1", getuid(), getuid());
	(void)snprintf(gid, sizeof(gid), "%d %d 1", getgid(), getgid());
	if (unshare(CLONE_NEWUSER) < 0 ||
	    !put("/proc/self/setgroups", "deny") ||
	    !put("/proc/self/uid_map", uid) ||
	    !put("/proc/self/gid_map", gid) ||
	    !put("/proc/sys/user/max_user_namespaces", "0"))
		_exit(97);
}

static void begin(bool system)
{
	bool root = geteuid() == 0;
	const struct hlp_spawner_config config = {
		.system = system,
		.caller_uid = root ? CALLER : getuid(),
		.caller_gid = root ? CALLER : getgid(),
		.block_base = 0x6f000000,
		.n_blocks = 4,
		.allow_map_caller = true,
		.cgroup_fd = -1,
		.cgroup_why = "a test has none",
		.lease_fd = -1,
		.max_sandboxes = 8,
	};
	int ends[2];

	s.control_fd = -1;
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	s.fd = ends[0];
	s.pid = fork();
	if (s.pid == 0) {
		close(s.fd);
		if (s.cover_proc &&
		    (unshare(CLONE_NEWNS) < 0 ||
		     mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		     mount("none", "/proc/tty", "tmpfs", 0, NULL) < 0))
			_exit(98);
		become(system);
		if (s.no_userns)
			forbid_userns();
		_exit(hlp_spawner_run(ends[1], &config));
	}
	close(ends[1]);
}

static enum hlp_report_kind next_report(void)
{
	struct pollfd in = { .fd = s.fd, .events = POLLIN };
	struct err err = ERR_INIT;
	auto_frame frame;

	wire_frame_init(&frame, &s.last, sizeof(s.last));
	ck_assert_int_eq(poll(&in, 1, WAIT_MS), 1);
	if (wire_recv(s.fd, &frame, 1, &err) != WIRE_GOT)
		return HLP_REPORT_INVALID;
	return s.last.kind;
}

static void ready(bool system)
{
	begin(system);
	ck_assert_int_eq(next_report(), HLP_REPORT_READY);
	ck_assert_int_eq(s.last.facts.system, system);
}

static void send_step(const struct hlp_step *step, int fd)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(
		wire_send(s.fd, step, sizeof(*step), &fd, fd >= 0, &err), 0);
}

static void send_op(enum hlp_op op, uint32_t slot, uint32_t seq)
{
	struct hlp_step step = { .op = op, .slot = slot, .seq = seq };

	send_step(&step, -1);
}

static void send_new(uint32_t slot)
{
	struct hlp_step step = { .op = HLP_OP_NEW, .slot = slot, .seq = 1 };
	int ends[2];

	step.new_.uid = step.new_.gid = 1000;
	step.new_.net = HLP_NET_NONE;
	step.new_.root = HLP_ROOT_HOST;
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	fd_close(&s.control_fd);
	s.control_fd = ends[0];
	send_step(&step, ends[1]);
	close(ends[1]);
}

static void send_mount(int fd, const char *target, uint32_t seq)
{
	struct hlp_step step = { .op = HLP_OP_MOUNT, .seq = seq };

	memcpy(step.mount.target, target, strlen(target));
	send_step(&step, fd);
	close(fd);
}

/* 0: killed by the end; else its exit status. */
static int finish(void)
{
	int status;

	fd_close(&s.control_fd);
	fd_close(&s.fd);
	ck_assert_int_eq(waitpid(s.pid, &status, 0), s.pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void start_one(uint32_t slot)
{
	send_new(slot);
	ck_assert_int_eq(next_report(), HLP_REPORT_SPAWNED);
	send_op(HLP_OP_START, slot, 5);
	ck_assert_msg(next_report() == HLP_REPORT_STARTED, "%s",
		      s.last.err.text);
	ck_assert_uint_eq(s.last.seq, 5);
}

START_TEST(test_spawner_starts_and_tells_the_end) {
	ready(_i);
	for (int i = 0; i < 3; i++) {
		start_one(0);
		fd_close(&s.control_fd);
		ck_assert_int_eq(next_report(), HLP_REPORT_GONE);
		ck_assert(WIFEXITED(s.last.wait_status));
	}
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
}
END_TEST

START_TEST(test_spawner_killed_and_aborted_slots_go) {
	ready(_i);
	start_one(3);
	send_op(HLP_OP_KILL, 3, 0);
	ck_assert_int_eq(next_report(), HLP_REPORT_GONE);
	ck_assert_int_eq(WTERMSIG(s.last.wait_status), SIGKILL);
	send_new(3);
	ck_assert_int_eq(next_report(), HLP_REPORT_SPAWNED);
	send_op(HLP_OP_ABORT, 3, 0);
	ck_assert_int_eq(next_report(), HLP_REPORT_GONE);
	/* Late steps for a slot that has gone are no violation. */
	send_op(HLP_OP_START, 3, 9);
	send_op(HLP_OP_KILL, 3, 9);
	start_one(3);
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
}
END_TEST

START_TEST(test_spawner_end_of_dispatcher_ends_sandboxes) {
	struct pollfd control;
	char byte;

	ready(_i);
	start_one(0);
	control = (struct pollfd){ .fd = s.control_fd, .events = POLLIN };
	fd_close(&s.fd);
	ck_assert_int_eq(waitpid(s.pid, NULL, 0), s.pid);
	do
		ck_assert_int_eq(poll(&control, 1, WAIT_MS), 1);
	while (recv(s.control_fd, &byte, 1, 0) > 0);
	fd_close(&s.control_fd);
}
END_TEST

START_TEST(test_spawner_death_ends_sandboxes) {
	struct pollfd control;
	char byte;

	ready(_i);
	start_one(0);
	control = (struct pollfd){ .fd = s.control_fd, .events = POLLIN };
	ck_assert_int_eq(kill(s.pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(s.pid, NULL, 0), s.pid);
	do
		ck_assert_int_eq(poll(&control, 1, WAIT_MS), 1);
	while (recv(s.control_fd, &byte, 1, 0) > 0);
	fd_close(&s.control_fd);
	fd_close(&s.fd);
}
END_TEST

/* A directory of another mount namespace. */
static int open_foreign(void)
{
	int ends[2], fd = -1;
	struct err err = ERR_INIT;
	auto_frame frame;
	char byte;
	pid_t pid;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0)
			fd = open("/usr", O_PATH);
		_exit(fd < 0 || wire_send(ends[1], "", 1, &fd, 1, &err) < 0);
	}
	close(ends[1]);
	wire_frame_init(&frame, &byte, 1);
	ck_assert_int_eq(wire_recv(ends[0], &frame, 1, &err), WIRE_GOT);
	(void)waitpid(pid, NULL, 0);
	close(ends[0]);
	return wire_frame_take_fd(&frame, 0);
}

static int open_deleted(void)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/gone", dir);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(unlink(path), 0);
	return fd;
}

static int open_pipe(void)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	close(ends[1]);
	return ends[0];
}

static int open_bad_source(int which)
{
	switch (which) {
	case 0:
		return open_pipe();
	case 1:
		return open_deleted();
	case 2:
		return open_foreign();
	case 3:
		return open("/proc", O_PATH);
	case 4:
		return open("/dev/null", O_PATH);
	case 5:
		return open("/proc/self/ns/user", O_RDONLY);
	case 6:
		return memfd_create("x", 0);
	case 7:
		return socket(AF_UNIX, SOCK_STREAM, 0);
	case 8:
		return open("/sys", O_PATH);
	default:
		return -1;
	}
}

static const char *const bad_source_texts[] = {
	"no directory",
	"deleted",
	"another mount namespace",
	"proc",
	"no directory",
	"",
	"deleted",
	"",
	"sysfs",
};

START_TEST(test_spawner_bad_source_refused_next_sandbox_works) {
	ready(_i);
	for (int which = 0; which < 9; which++) {
		send_new(0);
		ck_assert_int_eq(next_report(), HLP_REPORT_SPAWNED);
		send_mount(open_bad_source(which), "/workspace", 7);
		ck_assert_int_eq(next_report(), HLP_REPORT_FAILED);
		ck_assert_uint_eq(s.last.seq, 7);
		ck_assert_int_eq(s.last.err.code, ERR_BAD_REQUEST);
		ck_assert_msg(strstr(s.last.err.text, bad_source_texts[which]),
			      "%d: %s", which, s.last.err.text);
		send_op(HLP_OP_START, 0, 8);
		ck_assert_int_eq(next_report(), HLP_REPORT_FAILED);
		ck_assert_uint_eq(s.last.seq, 8);
		ck_assert_int_eq(next_report(), HLP_REPORT_GONE);
	}
	start_one(0);
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
}
END_TEST

/* A file that a mount hides stays hidden, however old the sandbox's view is. */
START_TEST(test_spawner_mount_since_the_clone_is_noticed) {
	char sub[64];

	(void)snprintf(sub, sizeof(sub), "%s/sub dir", dir);
	ck_assert_int_eq(mkdir(sub, 0755), 0);
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ready(_i);
	for (uint32_t round = 0; round < 2; round++) {
		send_new(0);
		ck_assert_int_eq(next_report(), HLP_REPORT_SPAWNED);
		/* Its namespace is a copy by now: it has been cloned. */
		if (round == 0)
			ck_assert_int_eq(mount("none", sub, "tmpfs", 0, NULL),
					 0);
		send_mount(open(dir, O_PATH), "/workspace", 7);
		send_op(HLP_OP_START, 0, 8);
		if (round == 0 && _i == 0) {
			ck_assert_int_eq(next_report(), HLP_REPORT_FAILED);
			ck_assert_int_eq(s.last.err.code, ERR_BAD_STATE);
			ck_assert_ptr_nonnull(
				strstr(s.last.err.text, "mounted below"));
			while (next_report() != HLP_REPORT_GONE)
				;
		} else if (_i == 0) {
			ck_assert_msg(next_report() == HLP_REPORT_STARTED, "%s",
				      s.last.err.text);
		} else {
			/* The tree is taken when it is asked for; tmpfs. */
			while (next_report() != HLP_REPORT_GONE)
				if (s.last.kind == HLP_REPORT_STARTED)
					send_op(HLP_OP_KILL, 0, 0);
		}
	}
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
	ck_assert_int_eq(umount2(sub, MNT_DETACH), 0);
	ck_assert_int_eq(rmdir(sub), 0);
}
END_TEST

/*
 * SB-12: on a host whose mounts are shared, as systemd makes them, what is
 * mounted below a bind source in a sandbox is not mounted on the host.
 */
START_TEST(test_spawner_mounts_do_not_propagate) {
	struct hlp_step tmpfs = { .op = HLP_OP_TMPFS, .seq = 8 };
	static const char *const names[] = { "bound", "tmpfs" };
	char path[64];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		ck_assert_int_eq(mkdir(path, 0755), 0);
	}
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL), 0);
	ready(_i);
	send_new(0);
	ck_assert_int_eq(next_report(), HLP_REPORT_SPAWNED);
	send_mount(open(dir, O_PATH), "/workspace", 7);
	send_mount(open(dir, O_PATH), "/workspace/bound", 7);
	tmpfs.tmpfs.size = 4096;
	tmpfs.tmpfs.inodes = 4;
	memcpy(tmpfs.tmpfs.target, "/workspace/tmpfs", 17);
	send_step(&tmpfs, -1);
	send_op(HLP_OP_START, 0, 9);
	ck_assert_msg(next_report() == HLP_REPORT_STARTED, "%s",
		      s.last.err.text);
	for (size_t i = 0; i < 2; i++) {
		bool is_root = false;
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		fd = open(path, O_PATH);
		ck_assert_uint_ne(hlp_mount_id(fd, &is_root), 0);
		ck_assert_msg(!is_root, "%s is mounted on the host", names[i]);
		close(fd);
		ck_assert_int_eq(rmdir(path), 0);
	}
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
}
END_TEST

START_TEST(test_spawner_good_source_starts) {
	ready(_i);
	send_new(0);
	ck_assert_int_eq(next_report(), HLP_REPORT_SPAWNED);
	send_mount(open(dir, O_PATH), "/workspace", 7);
	send_mount(open("/etc/passwd", O_PATH), "/home/x/file", 8);
	send_op(HLP_OP_START, 0, 9);
	ck_assert_msg(next_report() == HLP_REPORT_STARTED, "%s",
		      s.last.err.text);
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
}
END_TEST

START_TEST(test_spawner_without_user_namespaces_says_why) {
	s.no_userns = true;
	ready(false);
	for (int i = 0; i < 2; i++) {
		send_new(0);
		ck_assert_int_eq(next_report(), HLP_REPORT_FAILED);
		ck_assert_int_eq(s.last.err.code, ERR_UNSUPPORTED);
		ck_assert_ptr_nonnull(
			strstr(s.last.err.text, "user.max_user_namespaces"));
		ck_assert_int_eq(next_report(), HLP_REPORT_GONE);
	}
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
}
END_TEST

START_TEST(test_spawner_bad_target_refused) {
	static const char *const targets[] = { "/workspace", "/usr", "/usr/new",
					       "/etc/passwd/x", "/bin/new" };

	ready(_i);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		send_new(0);
		ck_assert_int_eq(next_report(), HLP_REPORT_SPAWNED);
		send_mount(open(dir, O_PATH), "/workspace", 7);
		send_mount(open(dir, O_PATH), targets[i], 8);
		ck_assert_int_eq(next_report(), HLP_REPORT_FAILED);
		ck_assert_msg(s.last.seq == 8, "%s", s.last.err.text);
		ck_assert_msg(s.last.err.code == ERR_BAD_REQUEST, "%s: %s",
			      targets[i], s.last.err.text);
		send_op(HLP_OP_ABORT, 0, 9);
		ck_assert_int_eq(next_report(), HLP_REPORT_GONE);
	}
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
}
END_TEST

START_TEST(test_spawner_limit_without_controller_names_it) {
	struct hlp_step step = { .op = HLP_OP_LIMIT, .seq = 4 };

	step.limit.limit = HLP_LIMIT_MEMORY_MAX;
	step.limit.value = 1 << 20;
	ready(_i);
	send_new(0);
	ck_assert_int_eq(next_report(), HLP_REPORT_SPAWNED);
	send_step(&step, -1);
	ck_assert_int_eq(next_report(), HLP_REPORT_FAILED);
	ck_assert_int_eq(s.last.err.code, ERR_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(s.last.err.text, "memory"));
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
}
END_TEST

START_TEST(test_spawner_wanted_cgroup_absent_refused) {
	struct hlp_step step = { .op = HLP_OP_NEW, .seq = 1 };

	step.new_.net = HLP_NET_NONE;
	step.new_.root = HLP_ROOT_HOST;
	step.new_.want_cgroup = true;
	ready(_i);
	send_step(&step, open("/dev/null", O_RDONLY));
	ck_assert_int_eq(next_report(), HLP_REPORT_FAILED);
	ck_assert_int_eq(s.last.err.code, ERR_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(s.last.err.text, "a test has none"));
	ck_assert_int_eq(next_report(), HLP_REPORT_GONE);
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
}
END_TEST

START_TEST(test_spawner_policy_denials) {
	struct hlp_step step = { .op = HLP_OP_NEW, .seq = 1 };

	step.new_.net = HLP_NET_HOST;
	step.new_.root = HLP_ROOT_HOST;
	ready(_i);
	send_step(&step, open("/dev/null", O_RDONLY));
	ck_assert_int_eq(next_report(), HLP_REPORT_FAILED);
	ck_assert_int_eq(s.last.err.code, ERR_DENIED);
	ck_assert_int_eq(next_report(), HLP_REPORT_GONE);
	step.new_.net = HLP_NET_NONE;
	step.new_.cap_keep = 1 << CAP_SYS_ADMIN;
	send_step(&step, open("/dev/null", O_RDONLY));
	ck_assert_int_eq(next_report(), HLP_REPORT_FAILED);
	ck_assert_int_eq(s.last.err.code, ERR_DENIED);
	ck_assert_int_eq(next_report(), HLP_REPORT_GONE);
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
}
END_TEST

/* What a dispatcher of ours never sends ends the spawner and its sandboxes. */
static void violate(int which)
{
	struct hlp_step step = { .op = HLP_OP_START };
	struct err err = ERR_INIT;

	switch (which) {
	case 0:
		step.slot = 8; /* as many as configured */
		break;
	case 1:
		step.op = HLP_OP_KEEP;
		break;
	case 2:
		step.op = HLP_OP_MOUNT; /* no descriptor, no target */
		break;
	case 3:
		ck_assert_int_eq(
			wire_send(s.fd, &step, sizeof(step) - 1, NULL, 0, &err),
			0);
		return;
	case 4:
		send_new(0); /* slot 0 is in use */
		return;
	default:
		step.op = (enum hlp_op)77;
		break;
	}
	send_step(&step, -1);
}

START_TEST(test_spawner_violation_exits) {
	for (int which = 0; which < 6; which++) {
		int status;

		ready(_i);
		start_one(0);
		violate(which);
		ck_assert_int_eq(waitpid(s.pid, &status, 0), s.pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) ==
							   CREEL_EXIT_VIOLATION,
			      "%d: %x", which, status);
		fd_close(&s.control_fd);
		fd_close(&s.fd);
	}
}
END_TEST

START_TEST(test_spawner_covered_proc_named_or_worked_around) {
	s.cover_proc = true;
	ready(_i);
	if (_i == 1) {
		start_one(0);
	} else {
		send_new(0);
		ck_assert_int_eq(next_report(), HLP_REPORT_SPAWNED);
		ck_assert_int_eq(next_report(), HLP_REPORT_FAILED);
		ck_assert_int_eq(s.last.err.code, ERR_UNSUPPORTED);
		ck_assert_ptr_nonnull(strstr(s.last.err.text, "/proc/tty"));
	}
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
}
END_TEST

/* The one child of the spawner. */
static pid_t find_child(void)
{
	char path[64], text[32] = "";
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
		       (int)s.pid, (int)s.pid);
	fd = open(path, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	return (pid_t)strtol(text, NULL, 10);
}

START_TEST(test_spawner_setup_that_does_not_read_is_killed) {
	struct hlp_step step = { .op = HLP_OP_TMPFS, .seq = 3 };
	bool started = false, gone = false;

	step.tmpfs.size = 4096;
	step.tmpfs.inodes = 10;
	memcpy(step.tmpfs.target, "/tmp", 5);
	ready(_i);
	send_new(0);
	ck_assert_int_eq(next_report(), HLP_REPORT_SPAWNED);
	ck_assert_int_eq(kill(find_child(), SIGSTOP), 0);
	for (int i = 0; i < 500; i++)
		send_step(&step, -1);
	send_new(1);
	send_op(HLP_OP_START, 1, 4);
	while (!started || !gone) {
		enum hlp_report_kind kind = next_report();

		ck_assert_int_ne(kind, HLP_REPORT_INVALID);
		started |= kind == HLP_REPORT_STARTED && s.last.slot == 1;
		gone |= kind == HLP_REPORT_GONE && s.last.slot == 0;
	}
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
}
END_TEST

/* A FUSE server that never answers holds up nobody but its own sandbox. */
START_TEST(test_spawner_hung_source_holds_up_no_other) {
	int fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	bool started = false;
	char options[96];

	(void)snprintf(options, sizeof(options),
		       "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
		       fuse_fd);
	if (fuse_fd < 0 || mount("hung", dir, "fuse", 0, options) < 0)
		return; /* no FUSE here: nothing can hang */
	ready(_i);
	send_new(0);
	send_mount(open(dir, O_PATH), "/workspace", 7);
	send_op(HLP_OP_START, 0, 8);
	send_new(1);
	send_op(HLP_OP_START, 1, 9);
	while (!started) {
		enum hlp_report_kind kind = next_report();

		ck_assert_int_ne(kind, HLP_REPORT_INVALID);
		started = kind == HLP_REPORT_STARTED && s.last.slot == 1;
	}
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
	ck_assert_int_eq(umount2(dir, MNT_DETACH), 0);
	close(fuse_fd);
}
END_TEST

START_TEST(test_spawner_ids_used_up) {
	ready(true);
	for (uint32_t slot = 0; slot < 4; slot++) {
		send_new(slot);
		ck_assert_int_eq(next_report(), HLP_REPORT_SPAWNED);
	}
	send_new(4);
	ck_assert_int_eq(next_report(), HLP_REPORT_FAILED);
	ck_assert_int_eq(s.last.err.code, ERR_LIMIT);
	ck_assert_int_eq(next_report(), HLP_REPORT_GONE);
	send_op(HLP_OP_KILL, 2, 0);
	ck_assert_int_eq(next_report(), HLP_REPORT_GONE);
	start_one(4);
	ck_assert_int_eq(finish(), CREEL_EXIT_STOPPED);
}
END_TEST

static void make_dir(void)
{
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chmod(dir, 0755), 0);
}

static void remove_dir(void)
{
	(void)rmdir(dir);
}

Suite *test_suite(void)
{
	Suite *suite = suite_create("spawner");
	TCase *all = tcase_create("spawner");
	int modes = geteuid() == 0 ? 2 : 1;

	tcase_set_timeout(all, 60);
	tcase_add_checked_fixture(all, make_dir, remove_dir);
	tcase_add_loop_test(all, test_spawner_starts_and_tells_the_end, 0,
			    modes);
	tcase_add_loop_test(all, test_spawner_killed_and_aborted_slots_go, 0,
			    modes);
	tcase_add_loop_test(all, test_spawner_end_of_dispatcher_ends_sandboxes,
			    0, modes);
	tcase_add_loop_test(all, test_spawner_death_ends_sandboxes, 0, modes);
	tcase_add_loop_test(all,
			    test_spawner_bad_source_refused_next_sandbox_works,
			    0, modes);
	tcase_add_loop_test(all, test_spawner_good_source_starts, 0, modes);
	tcase_add_loop_test(all, test_spawner_bad_target_refused, 0, modes);
	tcase_add_loop_test(all, test_spawner_limit_without_controller_names_it,
			    0, modes);
	tcase_add_loop_test(all, test_spawner_wanted_cgroup_absent_refused, 0,
			    modes);
	tcase_add_loop_test(all, test_spawner_policy_denials, 0, modes);
	tcase_add_loop_test(all, test_spawner_violation_exits, 0, modes);
	tcase_add_test(all, test_spawner_without_user_namespaces_says_why);
	if (geteuid() == 0) {
		tcase_add_test(all, test_spawner_ids_used_up);
		tcase_add_loop_test(all, test_spawner_mounts_do_not_propagate,
				    0, 2);
		tcase_add_loop_test(
			all, test_spawner_mount_since_the_clone_is_noticed, 0,
			2);
		tcase_add_loop_test(
			all, test_spawner_hung_source_holds_up_no_other, 0, 2);
		tcase_add_loop_test(
			all, test_spawner_setup_that_does_not_read_is_killed, 0,
			2);
		tcase_add_loop_test(
			all, test_spawner_covered_proc_named_or_worked_around,
			0, 2);
	}
	suite_add_tcase(suite, all);
	return suite;
}
