// SPDX-License-Identifier: Apache-2.0
/*
 * creel-init runs commands: status, strings, working directory, deadlines,
 * lifelines, trees.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/init-box.h"
#include "tests/unit/runner.h"

static struct box box;
static struct box_result result;
/* The same tests run with cgroups and with monitors. */
static bool with_cgroup;

static void setup_plain(void)
{
	with_cgroup = false;
	box_start(&box, false);
}

static void setup_cgroup(void)
{
	with_cgroup = true;
	box_start(&box, true);
}

static void teardown(void)
{
	box_stop(&box);
}

static void run(const char *const *argv)
{
	box_run(&box, &(struct box_exec){ .argv = argv, .id = 1 }, &result);
}


START_TEST(test_init_exec_exit_status)
{
	run((const char *const[]){ "sh", "-c", "exit 42", NULL });
	ck_assert_int_eq(result.sys, 0);
	ck_assert(!result.failed && !result.signalled);
	ck_assert_int_eq(result.status, 42);
	ck_assert(result.exited.has_cpu);
	ck_assert(result.exited.wall_usec > 0);
}
END_TEST

START_TEST(test_init_exec_signal_status)
{
	run((const char *const[]){ "sh", "-c", "kill -TERM $$", NULL });
	ck_assert(result.signalled);
	ck_assert_int_eq(result.status, SIGTERM);
}
END_TEST

static void expect_exec_error(const char *name, int sys)
{
	run((const char *const[]){ name, NULL });
	ck_assert_msg(result.failed, "%s ran", name);
	ck_assert_int_eq(result.stage, INI__STAGE__STAGE_EXEC);
	ck_assert_int_eq(result.sys, sys);
}

START_TEST(test_init_exec_what_cannot_run_says_why)
{
	ck_assert_int_eq(box_sh(&box, "cd /tmp && echo x > plain && "
				      "echo x > noexec && chmod 755 plain && "
				      "printf '#!/nowhere\\n' > badsh && "
				      "chmod 755 badsh && mkdir dir", NULL, 0), 0);
	expect_exec_error("no-such-command", ENOENT);
	expect_exec_error("", ENOENT);
	expect_exec_error("/tmp/nothing", ENOENT);
	expect_exec_error("/tmp/noexec", EACCES);
	expect_exec_error("/tmp/dir", EACCES);
	expect_exec_error("/tmp/plain", ENOEXEC);
	expect_exec_error("/tmp/badsh", ENOENT);
}
END_TEST

/* The command sees the bytes that were sent, whatever they are. */
static void expect_exact(bool blob)
{
	static char large[100001];
	const char *const argv[] = { "cat", "/proc/self/cmdline", "--", "", "-c",
				     "a\nb", "\xff\x1b[0m", blob ? large : "x",
				     NULL };
	const char *const envp[] = { "A=1", "PATH=/usr/bin", "=x", "", "B=\xfe",
				     NULL };
	const char *const cat_env[] = { "cat", "/proc/self/environ", NULL };
	struct box_exec exec = { .argv = argv, .envp = envp, .blob = blob };
	const char want_env[] = "A=1\0PATH=/usr/bin\0=x\0\0B=\xfe";
	size_t at = 0;

	exec.id = blob ? 30 : 2;
	memset(large, 'y', blob ? 20000 : 0);
	box_run(&box, &exec, &result);
	/* cat(1) complains about the names that are no files. */
	ck_assert_int_eq(result.status, 1);
	for (size_t i = 0; argv[i]; i++) {
		ck_assert_mem_eq(result.out + at, argv[i], strlen(argv[i]) + 1);
		at += strlen(argv[i]) + 1;
	}
	exec.id += blob ? 2 : 1;
	exec.argv = cat_env;
	box_run(&box, &exec, &result);
	ck_assert_uint_eq(result.out_len, sizeof(want_env));
	ck_assert_mem_eq(result.out, want_env, sizeof(want_env));
}

START_TEST(test_init_exec_strings_are_exact)
{
	expect_exact(false);
	expect_exact(true);
}
END_TEST

START_TEST(test_init_exec_ten_thousand_variables)
{
	static char text[10000][24];
	static const char *envp[10001];
	const char *const argv[] = { "sh", "-c",
				     "cat /proc/self/environ | "
				     "tr '\\0' '\\n' | wc -l",
				     NULL };

	for (size_t i = 0; i < 10000; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "VARIABLE_%zu=%zu", i, i);
		envp[i] = text[i];
	}
	box_run(&box, &(struct box_exec){ .argv = argv, .envp = envp, .id = 3,
					  .blob = true }, &result);
	ck_assert(!result.failed);
	ck_assert_msg(strtol(result.out, NULL, 10) >= 10000, "%s", result.out);
}
END_TEST

START_TEST(test_init_exec_token_is_not_run_twice)
{
	const char *const argv[] = { "sh", "-c", "echo x >> /tmp/runs", NULL };
	struct box_exec exec = { .argv = argv, .id = 4 };
	char out[64];

	box_send_exec(&box, &exec);
	box_expect(&box, INI__EVENT__EV_STARTED);
	box_expect_exited(&box, 4);
	box_send_exec(&box, &exec);
	box_expect(&box, INI__EVENT__EV_STARTED);
	box_expect_exited(&box, 4);
	ck_assert_int_eq(box_sh(&box, "wc -l < /tmp/runs", out, sizeof(out)), 0);
	ck_assert_str_eq(out, "1\n");
	/* Positive control: another token runs. */
	box_ack(&box, 4);
	exec.id = 21;
	box_run(&box, &exec, &result);
	ck_assert_int_eq(box_sh(&box, "wc -l < /tmp/runs", out, sizeof(out)), 0);
	ck_assert_str_eq(out, "2\n");
}
END_TEST

START_TEST(test_init_list_tells_running_and_ended)
{
	const char *const sleeper[] = { "sleep", "1000", NULL };
	const char *const quick[] = { "true", NULL };
	Ini__List list = INI__LIST__INIT;
	Ini__Request req = INI__REQUEST__INIT;
	struct box_event event;

	box_send_exec(&box, &(struct box_exec){ .argv = sleeper, .id = 5 });
	box_expect(&box, INI__EVENT__EV_STARTED);
	box_send_exec(&box, &(struct box_exec){ .argv = quick, .id = 6 });
	box_expect(&box, INI__EVENT__EV_STARTED);
	box_expect_exited(&box, 6);
	req.op_case = INI__REQUEST__OP_LIST;
	req.list = &list;
	for (int round = 0; round < 2; round++) {
		box_send(&box, &req, NULL, 0);
		event = box_expect(&box, INI__EVENT__EV_RUNNING);
		ck_assert_int_eq(event.ev->running->token.data[0], 5);
		ck_assert_uint_gt(event.ev->running->pid, 1);
		if (round == 0)
			box_expect_exited(&box, 6);
		box_expect(&box, INI__EVENT__EV_LISTED);
		box_ack(&box, 6);
	}
	box_signal(&box, 5, SIGTERM, false);
	ck_assert_int_eq(box_expect_exited(&box, 5).status, SIGTERM);
}
END_TEST

static void wait_gone(unsigned before)
{
	unsigned now = 0;

	for (int i = 0; i < 2000; i++) {
		now = box_count_processes(&box);
		if (now <= before)
			return;
		poll(NULL, 0, 10);
	}
	(void)box_sh(&box, "cat /proc/[0-9]*/stat | cut -c1-40", result.out,
		     sizeof(result.out));
	ck_abort_msg("%u processes, %u before: %s", now, before, result.out);
}

/* Shapes that a kill of the process group alone would miss. */
#define DAEMONS                                                              \
	"(setsid sh -c '(setsid sleep 1000 & ) ; sleep 1001' & ) ; "          \
	"trap '' TERM HUP INT; (trap '' TERM; sleep 1002) & "

START_TEST(test_init_timeout_kills_the_whole_tree)
{
	const char *const argv[] = { "sh", "-c", DAEMONS "kill -STOP $$; wait",
				     NULL };
	unsigned before = box_count_processes(&box);
	Ini__Exited exited;

	box_send_exec(&box, &(struct box_exec){ .argv = argv, .id = 7,
						.timeout_ms = 300 });
	box_expect(&box, INI__EVENT__EV_STARTED);
	exited = box_expect_exited(&box, 7);
	ck_assert(exited.timed_out && exited.signalled);
	ck_assert_int_eq(exited.status, SIGKILL);
	ck_assert_uint_ge(exited.wall_usec, 300000);
	ck_assert_uint_lt(exited.wall_usec, 1300000);
	box_ack(&box, 7);
	wait_gone(before);
}
END_TEST

START_TEST(test_init_lifeline_kills_the_whole_tree)
{
	const char *const argv[] = { "sh", "-c", DAEMONS "echo up; wait", NULL };
	unsigned before = box_count_processes(&box);
	Ini__Exited exited;
	int out[2];
	int line[2];
	char text[4];

	ck_assert(!pipe2(line, O_CLOEXEC) && !pipe2(out, O_CLOEXEC));
	box_send_exec(&box, &(struct box_exec){
				    .argv = argv,
				    .id = 8,
				    .lifeline_fd = line[0],
				    .stdio_fd = { line[0], out[1], out[1] } });
	close(line[0]);
	close(out[1]);
	box_expect(&box, INI__EVENT__EV_STARTED);
	ck_assert_int_eq(read(out[0], text, 3), 3);
	/* Positive control: it lives as long as the line is held. */
	ck_assert_ptr_null(box_wait(&box, 100).ev);
	for (int i = 0; i < 500 && box_count_processes(&box) < before + 4; i++)
		poll(NULL, 0, 10);
	ck_assert_uint_ge(box_count_processes(&box), before + 4);
	close(line[1]);
	exited = box_expect_exited(&box, 8);
	ck_assert(exited.hung_up && exited.signalled);
	ck_assert_int_eq(read(out[0], text, 1), 0);
	close(out[0]);
	box_ack(&box, 8);
	wait_gone(before);
}
END_TEST

START_TEST(test_init_background_outlives_its_command)
{
	unsigned before = box_count_processes(&box);
	char out[64];
	uint8_t id = 9;
	const char *const argv[] = { "sh", "-c",
				     "sleep 1000 >/dev/null & echo $!", NULL };

	box_run(&box, &(struct box_exec){ .argv = argv, .id = id }, &result);
	ck_assert_int_eq(result.status, 0);
	ck_assert_uint_gt(box_count_processes(&box), before);
	/* Another command of the sandbox can signal it. */
	(void)snprintf(out, sizeof(out), "kill %ld",
		       strtol(result.out, NULL, 10));
	ck_assert_int_eq(box_sh(&box, out, NULL, 0), 0);
	wait_gone(before);
}
END_TEST

START_TEST(test_init_tree_signal_after_exit_kills_the_rest)
{
	unsigned before = box_count_processes(&box);
	const char *const argv[] = { "sh", "-c", DAEMONS "exit 0", NULL };

	box_run(&box, &(struct box_exec){ .argv = argv, .id = 10 }, &result);
	ck_assert_uint_gt(box_count_processes(&box), before);
	box_signal(&box, 10, 0, true);
	wait_gone(before);
}
END_TEST

START_TEST(test_init_fork_bomb_ends_with_its_deadline)
{
	const char *const argv[] = { "sh", "-c",
				     "b() { b | b & }; b & "
				     "while :; do :; done", NULL };
	unsigned before = box_count_processes(&box);

	box_send_exec(&box, &(struct box_exec){ .argv = argv, .id = 11,
						.timeout_ms = 300,
						.max_processes = 200 });
	box_expect(&box, INI__EVENT__EV_STARTED);
	box_expect_exited(&box, 11);
	wait_gone(before);
}
END_TEST

static void expect_bad_cwd(const char *cwd, int sys)
{
	const char *const argv[] = { "pwd", NULL };

	box_run(&box, &(struct box_exec){ .argv = argv, .cwd = cwd, .id = 12 },
		&result);
	ck_assert_msg(result.failed, "%s was entered", cwd);
	ck_assert_msg(result.sys == sys, "%s: errno %d", cwd, result.sys);
}

/* SB-01 (b) */
START_TEST(test_init_cwd_tricks_are_refused)
{
	const char *const argv[] = { "pwd", NULL };
	char path[64];

	for (int fd = 0; fd < 1024; fd += fd < 16 ? 1 : 63) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		box_run(&box, &(struct box_exec){ .argv = argv, .cwd = path,
						  .id = 12 }, &result);
		ck_assert_msg(result.failed, "%s", path);
		(void)snprintf(path, sizeof(path), "/proc/1/fd/%d", fd);
		box_run(&box, &(struct box_exec){ .argv = argv, .cwd = path,
						  .id = 12 }, &result);
		ck_assert_msg(result.failed, "%s", path);
	}
	expect_bad_cwd("/proc/self/cwd", EINVAL);
	expect_bad_cwd("/proc/self/root", EINVAL);
	expect_bad_cwd("/proc/thread-self/cwd", EINVAL);
	expect_bad_cwd("/proc/1/cwd", EACCES);
	ck_assert_int_eq(box_sh(&box, "cd /tmp; ln -s /proc/self/cwd a; "
				      "ln -s ../../../../etc up; ln -s b b; "
				      "mkdir d; chmod 0 d; echo > f", NULL, 0), 0);
	expect_bad_cwd("/tmp/a", EINVAL);
	expect_bad_cwd("/tmp/b", EINVAL);
	expect_bad_cwd("/tmp/d", EACCES);
	expect_bad_cwd("/tmp/f", ENOTDIR);
	expect_bad_cwd("/tmp/none", ENOENT);
	expect_bad_cwd("tmp", EINVAL);
	expect_bad_cwd("", EINVAL);
	/* Positive control; the link is clamped at the root, as for anybody. */
	box_run(&box, &(struct box_exec){ .argv = argv, .cwd = "/tmp/up",
					  .id = 12 }, &result);
	ck_assert_str_eq(result.out, "/etc\n");
}
END_TEST

START_TEST(test_init_command_is_stripped)
{
	char out[4096];

	ck_assert_int_eq(box_sh(&box, "ls /proc/self/fd | tr '\\n' ' '; "
				      "cat /proc/self/oom_score_adj; "
				      "ulimit -c; ulimit -n; umask; "
				      "egrep '^(Cap|NoNew|Seccomp|Sig[BI])' "
				      "/proc/self/status", out, sizeof(out)), 0);
	/* 3 is ls's own. */
	ck_assert_msg(strstr(out, "0 1 2 3 500\n0\n") == out, "%s", out);
	ck_assert_ptr_nonnull(strstr(out, "\n0022\n"));
	ck_assert_ptr_nonnull(strstr(out, "CapInh:\t0000000000000000\n"));
	ck_assert_ptr_nonnull(strstr(out, "CapPrm:\t0000000000000000\n"));
	ck_assert_ptr_nonnull(strstr(out, "CapEff:\t0000000000000000\n"));
	ck_assert_ptr_nonnull(strstr(out, "CapAmb:\t0000000000000000\n"));
	ck_assert_ptr_nonnull(strstr(out, "NoNewPrivs:\t1\n"));
	ck_assert_ptr_nonnull(strstr(out, "Seccomp:\t2\n"));
	ck_assert_ptr_nonnull(strstr(out, "Seccomp_filters:\t2\n"));
	ck_assert_ptr_nonnull(strstr(out, "SigBlk:\t0000000000000000\n"));
	ck_assert_ptr_nonnull(strstr(out, "SigIgn:\t0000000000000000\n"));
}
END_TEST

START_TEST(test_init_kept_capability_arrives_and_others_do_not)
{
	const char *const argv[] = { "egrep", "Cap(Prm|Eff|Amb)",
				     "/proc/self/status", NULL };
	struct box_exec exec = { .argv = argv, .id = 13, .cap_keep = 1 };

	box_run(&box, &exec, &result);
	ck_assert(!result.failed);
	ck_assert_str_eq(result.out, "CapPrm:\t0000000000000001\n"
				     "CapEff:\t0000000000000001\n"
				     "CapAmb:\t0000000000000001\n");
	exec.id = 20;
	exec.cap_keep = 1 << 21; /* SYS_ADMIN: not the sandbox's to give */
	box_run(&box, &exec, &result);
	ck_assert(result.failed);
	ck_assert_int_eq(result.sys, EPERM);
}
END_TEST

START_TEST(test_init_profile_that_is_not_there_runs_nothing)
{
	const char *const argv[] = { "true", NULL };
	struct box_exec exec = { .argv = argv, .id = 14,
				 .apparmor = "creel-no-such-profile" };
	char name[200];

	box_run(&box, &exec, &result);
	ck_assert(result.failed);
	ck_assert_int_eq(result.stage, INI__STAGE__STAGE_APPARMOR);
	/* Or there is no AppArmor in this kernel. */
	ck_assert(result.sys == ENOENT || result.sys == EOPNOTSUPP);
	memset(name, 'p', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	exec.apparmor = name;
	exec.id = 15;
	box_run(&box, &exec, &result);
	ck_assert(result.failed);
	ck_assert_int_eq(result.sys, ENAMETOOLONG);
	exec.apparmor = NULL;
	exec.id = 16;
	box_run(&box, &exec, &result);
	ck_assert(!result.failed);
}
END_TEST

START_TEST(test_init_stdio_of_the_wrong_kind_is_refused)
{
	const char *const argv[] = { "true", NULL };
	static const struct {
		const char *path;
		int flags;
		int sys;
	} rows[] = {
		{ "/", O_RDONLY, EISDIR },
		{ "/etc/passwd", O_RDONLY, EINVAL },
		{ "/dev/zero", O_RDONLY, EINVAL },
		{ "/dev/null", O_PATH, EBADF },
		{ "/dev/null", O_RDWR, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd = open(rows[i].path, rows[i].flags | O_CLOEXEC);

		box_send_exec(&box, &(struct box_exec){
					    .argv = argv,
					    .id = 14,
					    .stdio_fd = { fd, fd, fd } });
		close(fd);
		if (rows[i].sys) {
			ck_assert_int_eq(box_expect(&box, INI__EVENT__EV_FAILED)
						 .ev->failed->sys,
					 rows[i].sys);
			continue;
		}
		box_expect(&box, INI__EVENT__EV_STARTED);
		box_expect_exited(&box, 14);
	}
}
END_TEST

static void read_until(int fd, char *text, size_t size, const char *want)
{
	size_t len = 0;

	while (len < size - 1 && !memmem(text, len, want, strlen(want))) {
		ssize_t got = read(fd, text + len, size - 1 - len);

		ck_assert_int_gt(got, 0);
		len += (size_t)got;
	}
	text[len] = '\0';
}

START_TEST(test_init_terminal)
{
	const char *const argv[] = { "sh", "-c",
				     "tty; stty size; echo $TERM; read x; "
				     "echo got $x; exec cat", NULL };
	struct box_event event;
	char text[512];
	int master;

	box_send_exec(&box, &(struct box_exec){ .argv = argv, .id = 15,
						.tty = true });
	event = box_expect(&box, INI__EVENT__EV_STARTED);
	master = event.fd;
	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(write(master, "hello\n", 6), 6);
	read_until(master, text, sizeof(text), "got hello");
	/* Once by the terminal, once by cat: it has taken over from the shell. */
	ck_assert_int_eq(write(master, "again\n", 6), 6);
	read_until(master, text + strlen(text), 128, "again\r\nagain");
	ck_assert_msg(strstr(text, "/dev/pts/0") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "33 77") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "xterm") != NULL, "%s", text);
	/* The terminal's interrupt reaches the command. */
	ck_assert_int_eq(write(master, "\003", 1), 1);
	ck_assert_int_eq(box_expect_exited(&box, 15).status, SIGINT);
	close(master);
}
END_TEST

/* SIGKILL to all that a command may signal leaves pid 1 at work. */
START_TEST(test_init_kill_all_hurts_nobody_else)
{
	const char *const argv[] = { "sh", "-c",
				     "kill -STOP 1; kill -KILL 1; kill -KILL -1",
				     NULL };
	for (int as_root = 0; as_root <= (int)box.range; as_root++) {
		struct box_exec exec = { .argv = argv, .id = 16,
					 .uid = as_root ? UINT32_MAX : 0 };

		box_run(&box, &exec, &result);
		ck_assert(!result.failed);
		/* What was forked ahead may have been hit and has to be reaped. */
		poll(NULL, 0, 50);
		ck_assert_int_eq(box_sh(&box, "true", NULL, 0), 0);
	}
}
END_TEST

static size_t pid1_fds(void)
{
	char path[64];
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", box.pid, fd);
		n += access(path, F_OK) == 0 ||
		     readlink(path, (char[8]){ 0 }, 8) > 0;
	}
	return n;
}

static bool has_children(void)
{
	char path[64];
	char byte;
	int fd;
	ssize_t got;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
		       box.pid, box.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	got = read(fd, &byte, 1);
	close(fd);
	return got > 0;
}

/* Positive control of the two below: a process is forked ahead. */
static void wait_ahead(void)
{
	for (int i = 0; i < 1000 && !has_children(); i++)
		poll(NULL, 0, 1);
	ck_assert(has_children());
}

/* Until the process that is forked ahead is given up, too. */
static void wait_childless(void)
{
	for (int i = 0; i < 2000 && has_children(); i++)
		poll(NULL, 0, 10);
	ck_assert(!has_children());
}

#define LEAST (SIZE_MAX - 1)

/* Of commands; they go a moment later, until there are no more than @want. */
static size_t count_cgroups(size_t want)
{
	size_t n = want + 1;
	char path[192];
	glob_t found;

	(void)snprintf(path, sizeof(path), "%s/exec-*", box.cgroup_dir);
	for (int i = 0; i < 1000 && n > want; i++) {
		poll(NULL, 0, i ? 10 : 0);
		n = glob(path, 0, NULL, &found) ? 0 : found.gl_pathc;
		globfree(&found);
	}
	return n;
}

START_TEST(test_init_thousand_commands_leave_nothing)
{
	const char *const argv[] = { "true", NULL };
	unsigned long rounds = test_rounds(1000);
	unsigned before = box_count_processes(&box);
	size_t fds = 0;

	if (rounds < 50)
		rounds = 50;
	for (unsigned long i = 0; i < rounds; i++) {
		if (i == 10) {
			wait_ahead();
			ck_assert(!box.cgroup || count_cgroups(LEAST) > 0);
			wait_childless();
			fds = pid1_fds();
		}
		box_run(&box, &(struct box_exec){ .argv = argv,
						  .id = (uint8_t)i }, &result);
		ck_assert_int_eq(result.status, 0);
	}
	wait_gone(before);
	wait_childless();
	for (int i = 0; i < 1000 && pid1_fds() != fds; i++)
		poll(NULL, 0, 10);
	ck_assert_uint_eq(pid1_fds(), fds);
	if (box.cgroup)
		ck_assert_uint_eq(count_cgroups(0), 0);
}
END_TEST

static void pending_execs(unsigned n, unsigned limit)
{
	unsigned refused = 0;

	for (unsigned i = 0; i < n; i++) {
		Ini__Exec msg = INI__EXEC__INIT;
		Ini__Request req = INI__REQUEST__INIT;
		uint8_t token[16] = { 18, (uint8_t)i, (uint8_t)(i >> 8) };
		struct box_event event;

		msg.token = (ProtobufCBinaryData){ 16, token };
		msg.argc = 1;
		msg.strings.len = 14;
		msg.strings.data = (uint8_t *)"/usr/bin/true";
		msg.cwd = (char *)"/";
		msg.uid = msg.gid = 1000;
		msg.filter = INI__FILTER__FILTER_BASELINE;
		req.op_case = INI__REQUEST__OP_EXEC;
		req.exec = &msg;
		box_send(&box, &req, NULL, 0);
		event = box_wait(&box, 10000);
		ck_assert_ptr_nonnull(event.ev);
		if (event.ev->ev_case == INI__EVENT__EV_FAILED) {
			ck_assert_int_eq(event.ev->failed->sys, EUSERS);
			refused++;
		} else {
			box_expect(&box, INI__EVENT__EV_EXITED);
		}
	}
	/* A process that was forked ahead may have taken one. */
	ck_assert(refused == n - limit || refused == n - limit + 1);
}

/* Their statuses are kept, and nothing else of them. */
START_TEST(test_init_unacknowledged_commands_are_bounded)
{
	pending_execs(1030, 1024);
	if (box.cgroup)
		ck_assert_uint_le(count_cgroups(2), 2);
}
END_TEST

/* Landlock knows the queues by the root of /dev/mqueue. */
START_TEST(test_init_message_queues_work)
{
	const char *const argv[] = {
		"python3", "-c",
		"import ctypes, os\n"
		"libc = ctypes.CDLL(None, use_errno=True)\n"
		"attr = (ctypes.c_long * 8)(0, 1, 8, 0)\n"
		"q = libc.mq_open(b'/q', os.O_CREAT | os.O_RDWR, 0o600, attr)\n"
		"print(q >= 0, ctypes.get_errno(), os.listdir('/dev/mqueue'))\n",
		NULL
	};

	run(argv);
	ck_assert_str_eq(result.out, "True 0 ['q']\n");
}
END_TEST

START_TEST(test_init_process_forked_ahead_is_given_up)
{
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(box_sh(&box, "true", NULL, 0), 0);
	wait_ahead();
	wait_childless();
	/* The next command does without. */
	ck_assert_int_eq(box_sh(&box, "true", NULL, 0), 0);
}
END_TEST

START_TEST(test_init_control_hang_up_ends_everything)
{
	const char *const argv[] = { "sh", "-c", DAEMONS "wait", NULL };
	int out[2];
	char byte;

	ck_assert(!pipe2(out, O_CLOEXEC));
	box_send_exec(&box, &(struct box_exec){
				    .argv = argv,
				    .id = 19,
				    .stdio_fd = { out[0], out[1], out[1] } });
	close(out[1]);
	box_expect(&box, INI__EVENT__EV_STARTED);
	box_kill_control(&box);
	/* Nobody is left to hold the pipe. */
	ck_assert_int_eq(read(out[0], &byte, 1), 0);
	close(out[0]);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_init_exec_exit_status);
	tcase_add_test(tc, test_init_exec_signal_status);
	tcase_add_test(tc, test_init_exec_what_cannot_run_says_why);
	tcase_add_test(tc, test_init_exec_strings_are_exact);
	tcase_add_test(tc, test_init_exec_ten_thousand_variables);
	tcase_add_test(tc, test_init_exec_token_is_not_run_twice);
	tcase_add_test(tc, test_init_list_tells_running_and_ended);
	tcase_add_test(tc, test_init_timeout_kills_the_whole_tree);
	tcase_add_test(tc, test_init_lifeline_kills_the_whole_tree);
	tcase_add_test(tc, test_init_background_outlives_its_command);
	tcase_add_test(tc, test_init_tree_signal_after_exit_kills_the_rest);
	tcase_add_test(tc, test_init_fork_bomb_ends_with_its_deadline);
	tcase_add_test(tc, test_init_cwd_tricks_are_refused);
	tcase_add_test(tc, test_init_command_is_stripped);
	tcase_add_test(tc, test_init_kept_capability_arrives_and_others_do_not);
	tcase_add_test(tc, test_init_profile_that_is_not_there_runs_nothing);
	tcase_add_test(tc, test_init_stdio_of_the_wrong_kind_is_refused);
	tcase_add_test(tc, test_init_terminal);
	tcase_add_test(tc, test_init_kill_all_hurts_nobody_else);
	tcase_add_test(tc, test_init_thousand_commands_leave_nothing);
	tcase_add_test(tc, test_init_unacknowledged_commands_are_bounded);
	tcase_add_test(tc, test_init_message_queues_work);
	tcase_add_test(tc, test_init_process_forked_ahead_is_given_up);
	tcase_add_test(tc, test_init_control_hang_up_ends_everything);
}

Suite *test_suite(void)
{
	Suite *suite = suite_create("init");
	TCase *plain = tcase_create("monitors");
	TCase *cgroup = tcase_create("cgroups");

	tcase_add_checked_fixture(plain, setup_plain, teardown);
	add_tests(plain);
	suite_add_tcase(suite, plain);
	if (box_can_cgroup()) {
		tcase_add_checked_fixture(cgroup, setup_cgroup, teardown);
		add_tests(cgroup);
		suite_add_tcase(suite, cgroup);
	}
	return suite;
}
