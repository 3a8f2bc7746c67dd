// SPDX-License-Identifier: Apache-2.0
/*
 * Commands on the host, and those of them in the background.
 */
#include <config.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "controller/cli/keeper-own.h"
#include "proto/cleanup.h"
#include "tests/unit/host-rig.h"
#include "tests/unit/runner.h"

static const struct tool_command fore = { .yield_ms = -1 };
static const struct tool_command back = { .yield_ms = 0 };

static long number(const char *text)
{
	return strtol(text, NULL, 10);
}

static void nap_ms(long ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* Reads until it is over, or has said the text. */
static void poll_for(struct host_rig *rig, const char *text)
{
	char id[24], all[4096] = "";

	memcpy(id, rig->id, sizeof(id));
	for (int i = 0; i < 3000; i++) {
		size_t used = strlen(all);

		host_rig_process(rig, TOOL_PROCESS_POLL, id, NULL);
		ck_assert_int_eq(rig->answer.fail.code, ERR_NONE);
		(void)snprintf(all + used, sizeof(all) - used, "%s", rig->text);
		if (text ? strstr(all, text) != NULL : rig->info.over)
			return;
		nap_ms(10);
	}
	ck_abort_msg("not said: %s in \"%s\"", text ? text : "(end)", all);
}

static void remove_it(struct host_rig *rig)
{
	char id[24];

	memcpy(id, rig->id, sizeof(id));
	host_rig_process(rig, TOOL_PROCESS_REMOVE, id, NULL);
	ck_assert_int_eq(rig->answer.fail.code, ERR_NONE);
}

START_TEST(test_host_run_gives_status_output_and_usage)
{
	struct host_rig rig;

	host_rig_init(&rig, "agent:main:main");
	host_rig_run(&rig, "echo out; echo err >&2; pwd; exit 7", &fore);
	ck_assert_int_eq(rig.outcome.fail.code, ERR_NONE);
	ck_assert_uint_eq(rig.outcome.status, 7);
	ck_assert_ptr_nonnull(strstr(rig.out, "out\nerr\n"));
	ck_assert_ptr_nonnull(strstr(rig.out, rig.root));
	ck_assert(rig.outcome.has_cpu);
	ck_assert(!rig.outcome.has_memory);
	ck_assert(!rig.outcome.running);
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_run_split_keeps_streams_apart)
{
	struct host_rig rig;

	host_rig_init(&rig, "agent:main:main");
	host_rig_run(&rig, "echo out; echo err >&2",
		     &(struct tool_command){ .yield_ms = -1, .split = true });
	ck_assert_str_eq(rig.out, "out\n");
	ck_assert_str_eq(rig.err, "err\n");
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_run_program_that_is_missing_is_said)
{
	static const char *const argv[] = { "no-such-program", NULL };
	struct tool_command command = { .argv = argv, .yield_ms = -1 };
	struct host_rig rig;

	host_rig_init(&rig, "agent:main:main");
	command.workdir = "/nonexistent";
	host_rig_run(&rig, "true", &command);
	ck_assert_msg(strstr(rig.outcome.fail.text, "workdir: No such"), "%s",
		      rig.outcome.fail.text);
	command.workdir = NULL;
	command.only_env = true;
	command.env = (const char *const[]){ "PATH=/nonexistent", NULL };
	host_rig_run(&rig, "true", &command);
	ck_assert_uint_eq(rig.outcome.status, 127);
	ck_assert_str_eq(rig.outcome.fail.text, "sh: command not found");
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_run_env_is_the_clients_and_what_is_given)
{
	struct host_rig rig;

	ck_assert_int_eq(setenv("HOST_OLD", "old", 1), 0);
	ck_assert_int_eq(setenv("HOST_BOTH", "old", 1), 0);
	host_rig_init(&rig, "agent:main:main");
	rig.env.host_env = (const char *const *)environ;
	host_rig_run(&rig, "echo $HOST_OLD $HOST_BOTH $HOST_NEW",
		     &(struct tool_command){
			     .yield_ms = -1,
			     .env = (const char *const[]){ "HOST_BOTH=new",
							   "HOST_NEW=new",
							   NULL } });
	ck_assert_str_eq(rig.out, "old new new\n");
	host_rig_run(&rig, "/usr/bin/env | grep -v '^PWD=\\|^_=\\|^SHLVL='",
		     &(struct tool_command){
			     .yield_ms = -1,
			     .only_env = true,
			     .env = (const char *const[]){
				     "HOST_NEW=new", "PATH=/bin:/usr/bin",
				     NULL } });
	ck_assert_ptr_null(strstr(rig.out, "HOST_OLD"));
	ck_assert_ptr_nonnull(strstr(rig.out, "HOST_NEW=new\n"));
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_run_has_three_streams_and_nothing_else_open)
{
	int fd = open("/dev/null", O_RDONLY); /* as a library might */
	struct host_rig rig;

	host_rig_init(&rig, "agent:main:main");
	host_rig_run(&rig, "ls -l /proc/self/fd | wc -l; ls /proc/self/fd",
		     &fore);
	/* total, 0, 1, 2, and ls's own */
	ck_assert_msg(strncmp(rig.out, "5\n", 2) == 0, "%s", rig.out);
	(void)close(fd);
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_run_input_is_given_and_ended)
{
	static char bytes[1 << 20];
	struct host_rig rig;

	memset(bytes, 'x', sizeof(bytes));
	host_rig_init(&rig, "agent:main:main");
	host_rig_run(&rig, "wc -c",
		     &(struct tool_command){ .yield_ms = -1, .input = bytes,
					     .input_len = sizeof(bytes) });
	ck_assert_int_eq(number(rig.out), 1 << 20);
	host_rig_run(&rig, "wc -c",
		     &(struct tool_command){ .yield_ms = -1, .input = "" });
	ck_assert_int_eq(number(rig.out), 0);
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_run_timeout_kills_daemons_too)
{
	static const char script[] =
		"setsid sh -c 'sleep 1000 & echo $! >b; sleep 1000' & "
		"(setsid sleep 1000 >/dev/null 2>&1 & echo $! >a) & sleep 1000";
	struct host_rig rig;
	uint64_t from;

	host_rig_init(&rig, "agent:main:main");
	from = keeper_now_usec();
	host_rig_run(&rig, script,
		     &(struct tool_command){ .yield_ms = -1,
					     .timeout_ms = 2000 });
	ck_assert(rig.outcome.timed_out);
	ck_assert_uint_eq(rig.outcome.status, 124);
	ck_assert_uint_lt(keeper_now_usec() - from, 30000000);
	for (const char *name = "ab"; *name; name++) {
		auto_free char *pid =
			host_rig_slurp(&rig, (char[]){ *name, 0 });

		ck_assert_ptr_nonnull(pid);
		ck_assert_int_gt(number(pid), 1);
		ck_assert(host_rig_gone((pid_t)number(pid)));
	}
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_run_flood_keeps_the_newest_and_counts_all)
{
	struct tool_command command = { .yield_ms = -1, .max_output = 1000 };
	struct host_rig rig;

	host_rig_init(&rig, "agent:main:main");
	host_rig_run(&rig, "head -c 50000000 /dev/zero | tr '\\0' x; echo end",
		     &command);
	ck_assert_uint_eq(rig.outcome.out_total, 50000004);
	ck_assert_uint_eq(rig.outcome.out_len, 1000);
	ck_assert_str_eq(rig.out + 995, "xend\n");
	command.oldest = true;
	host_rig_run(&rig, "echo begin; head -c 5000000 /dev/zero", &command);
	ck_assert_uint_eq(rig.outcome.out_total, 5000006);
	ck_assert_uint_eq(rig.outcome.out_len, 1000);
	ck_assert_int_eq(strncmp(rig.out, "begin\n", 6), 0);
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_run_pty_is_a_terminal_of_its_own)
{
	struct host_rig rig;

	host_rig_init(&rig, "agent:main:main");
	host_rig_run(&rig, "test -t 0 && test -t 2 && stty size && tty",
		     &(struct tool_command){ .yield_ms = -1, .pty = true });
	ck_assert_uint_eq(rig.outcome.status, 0);
	ck_assert_ptr_nonnull(strstr(rig.out, "24 80\r\n"));
	ck_assert_ptr_nonnull(strstr(rig.out, "/dev/pts/"));
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_run_ulimits_are_set)
{
	const struct cfg_ulimit limit = { "nofile", 17, 18 };
	struct host_rig rig;

	host_rig_init(&rig, "agent:main:main");
	host_rig_run(&rig, "ulimit -Sn; ulimit -Hn",
		     &(struct tool_command){ .yield_ms = -1, .ulimits = &limit,
					     .n_ulimits = 1 });
	ck_assert_str_eq(rig.out, "17\n18\n");
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_run_limits_that_cannot_be_had_name_their_key)
{
	struct host_rig rig;

	host_rig_init(&rig, "agent:main:main");
	ck_assert_int_eq(setenv("PATH", rig.root, 1), 0); /* no systemd-run */
	host_rig_run(&rig, "true",
		     &(struct tool_command){
			     .yield_ms = -1, .limit_memory = 1 << 28,
			     .limit_key = "tools.python_exec.sandbox_mode" });
	ck_assert_int_eq(rig.outcome.fail.code, ERR_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(rig.outcome.fail.text,
				     "tools.python_exec.sandbox_mode"));
	host_rig_fini(&rig);
}
END_TEST

/* The scope is made by whatever is called systemd-run. */
START_TEST(test_host_run_limits_are_asked_of_systemd)
{
	struct host_rig rig;

	host_rig_init(&rig, "agent:main:main");
	host_rig_write(&rig, "systemd-run",
		       "#!/bin/sh\necho \"$@\" >>\"${0%/*}/asked\"\n"
		       "while [ \"$1\" != -- ]; do shift; done\nshift\n"
		       "exec \"$@\"\n");
	host_rig_run(&rig, "chmod 755 systemd-run", &fore);
	(void)setenv("PATH", "/usr/bin:/bin", 1);
	{
		char path[128];

		(void)snprintf(path, sizeof(path), "%s:/usr/bin:/bin", rig.root);
		ck_assert_int_eq(setenv("PATH", path, 1), 0);
	}
	host_rig_run(&rig, "echo $ONLY; echo $HOME",
		     &(struct tool_command){
			     .yield_ms = -1, .limit_memory = 1 << 28,
			     .limit_cpu_usec = 50000, .only_env = true,
			     .env = (const char *const[]){ "ONLY=this",
							   NULL } });
	ck_assert_int_eq(rig.outcome.fail.code, ERR_NONE);
	ck_assert_str_eq(rig.out, "this\n\n");
	{
		auto_free char *asked = host_rig_slurp(&rig, "asked");

		ck_assert_ptr_nonnull(strstr(asked, "MemoryMax=268435456"));
		ck_assert_ptr_nonnull(strstr(asked, "MemorySwapMax=0"));
		ck_assert_ptr_nonnull(strstr(asked, "CPUQuota=50%"));
		/* Everybody on the machine can read arguments. */
		ck_assert_ptr_null(strstr(asked, "this"));
	}
	host_rig_fini(&rig);
}
END_TEST

/* A client with a command in the foreground. */
static pid_t start_client(struct host_rig *rig, const char *script,
			  const struct tool_command *how)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		host_rig_run(rig, script, how);
		host_rig_write(rig, "id", rig->id);
		_exit(0);
	}
	return pid;
}

static long wait_number(const struct host_rig *rig, const char *name)
{
	for (int i = 0; i < 3000; i++) {
		auto_free char *text = host_rig_slurp(rig, name);

		if (text && strchr(text, '\n'))
			return number(text);
		nap_ms(10);
	}
	ck_abort_msg("%s is not written", name);
}

START_TEST(test_host_run_goes_with_its_client)
{
	struct host_rig rig;
	long first, second;
	pid_t client;

	host_rig_init(&rig, "agent:main:main");
	client = start_client(
		&rig,
		"(setsid sh -c 'echo $$ >a; exec sleep 1000' &) ; echo $$ >b; "
		"exec sleep 1000", &fore);
	first = wait_number(&rig, "a");
	second = wait_number(&rig, "b");
	ck_assert_int_eq(kill(client, SIGKILL), 0);
	ck_assert_int_eq(waitpid(client, NULL, 0), client);
	ck_assert(host_rig_gone((pid_t)first));
	ck_assert(host_rig_gone((pid_t)second));
	host_rig_fini(&rig);
}
END_TEST

/* Each of a chain of processes lives for a moment. */
START_TEST(test_host_run_chain_of_forks_is_killed)
{
	struct host_rig rig;
	bool still = false;
	pid_t client;

	host_rig_init(&rig, "agent:main:main");
	host_rig_write(&rig, "chain",
		       "import os, time\n"
		       "while True:\n"
		       "    if os.fork():\n"
		       "        os._exit(0)\n"
		       "    os.setsid()\n"
		       "    open('pid', 'w').write('%d\\n' % os.getpid())\n");
	client = start_client(&rig, "python3 chain & sleep 1000", &fore);
	(void)wait_number(&rig, "pid");
	ck_assert_int_eq(kill(client, SIGKILL), 0);
	ck_assert_int_eq(waitpid(client, NULL, 0), client);
	for (int i = 0; i < 50 && !still; i++) {
		auto_free char *old = host_rig_slurp(&rig, "pid");

		nap_ms(200);
		auto_free char *new = host_rig_slurp(&rig, "pid");

		still = old && new && strcmp(old, new) == 0;
	}
	ck_assert(still);
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_process_outlives_its_client_and_is_found)
{
	auto_free char *id = NULL;
	struct host_rig rig;

	host_rig_init(&rig, "agent:main:main");
	(void)waitpid(start_client(&rig, "echo up; read x; echo got $x; exit 3",
				   &(struct tool_command){ .yield_ms = 50,
							   .shown = "mine" }),
		      NULL, 0);
	id = host_rig_slurp(&rig, "id");
	ck_assert_int_eq(strncmp(id, "host-", 5), 0);
	host_rig_process(&rig, TOOL_PROCESS_LIST, NULL, NULL);
	ck_assert_uint_eq(rig.answer.n, 1);
	ck_assert(!rig.info.over);
	memcpy(rig.id, id, strlen(id) + 1);
	host_rig_process(&rig, TOOL_PROCESS_WRITE, id,
			 &(struct tool_process_request){ .data = "abc\n",
							 .data_len = 4 });
	ck_assert_int_eq(rig.answer.fail.code, ERR_NONE);
	poll_for(&rig, "got abc");
	poll_for(&rig, NULL);
	ck_assert_uint_eq(rig.info.status, 3);
	host_rig_process(&rig, TOOL_PROCESS_WRITE, id,
			 &(struct tool_process_request){ .data = "x",
							 .data_len = 1 });
	ck_assert_int_eq(rig.answer.fail.code, ERR_BAD_STATE);
	host_rig_process(&rig, TOOL_PROCESS_LOG, id,
			 &(struct tool_process_request){ .limit = 1 });
	ck_assert_str_eq(rig.text, "got abc\n");
	ck_assert_uint_eq(rig.answer.lines, 2);
	host_rig_process(&rig, TOOL_PROCESS_CLEAR, id, NULL);
	ck_assert_int_eq(rig.answer.fail.code, ERR_NONE);
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_process_of_another_session_is_not_seen)
{
	struct host_rig rig;
	char id[24];

	host_rig_init(&rig, "agent:main:main");
	host_rig_run(&rig, "sleep 1000", &back);
	ck_assert(rig.outcome.running);
	memcpy(id, rig.id, sizeof(id));
	host_rig_session(&rig, "agent:main:other");
	host_rig_process(&rig, TOOL_PROCESS_LIST, NULL, NULL);
	ck_assert_int_eq(rig.answer.fail.code, ERR_NONE);
	ck_assert_uint_eq(rig.answer.n, 0);
	host_rig_process(&rig, TOOL_PROCESS_KILL, id, NULL);
	ck_assert_int_eq(rig.answer.fail.code, ERR_BAD_STATE);
	host_rig_process(&rig, TOOL_PROCESS_KILL, "host-../../x", NULL);
	ck_assert_int_eq(rig.answer.fail.code, ERR_BAD_STATE);
	host_rig_session(&rig, "agent:main:main");
	host_rig_process(&rig, TOOL_PROCESS_LIST, NULL, NULL);
	ck_assert_uint_eq(rig.answer.n, 1);
	memcpy(rig.id, id, sizeof(id));
	remove_it(&rig);
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_process_kill_ends_the_tree)
{
	struct host_rig rig;
	long pid;
	char id[24];

	host_rig_init(&rig, "agent:main:main");
	host_rig_run(&rig, "(setsid sh -c 'echo $$ >a; exec sleep 1000' &); "
			   "sleep 1000", &back);
	memcpy(id, rig.id, sizeof(id));
	pid = wait_number(&rig, "a");
	host_rig_process(&rig, TOOL_PROCESS_CLEAR, id, NULL);
	ck_assert_int_eq(rig.answer.fail.code, ERR_BAD_STATE);
	host_rig_process(&rig, TOOL_PROCESS_KILL, id, NULL);
	ck_assert_int_eq(rig.answer.fail.code, ERR_NONE);
	ck_assert(rig.info.over && rig.info.killed);
	ck_assert_uint_eq(rig.info.status, 128 + SIGKILL);
	ck_assert(host_rig_gone((pid_t)pid));
	memcpy(rig.id, id, sizeof(id));
	remove_it(&rig);
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_process_output_is_capped_and_what_is_lost_is_known)
{
	struct host_rig rig;

	host_rig_init(&rig, "agent:main:main");
	host_rig_run(&rig, "head -c 3000000 /dev/zero | tr '\\0' y; echo; echo end",
		     &(struct tool_command){ .yield_ms = 0,
					     .max_output = 10,
					     .keep_output = 1 << 20 });
	ck_assert(rig.outcome.running);
	for (int i = 0; i < 3000 && !rig.info.over; i++) {
		char id[24];

		memcpy(id, rig.id, sizeof(id));
		host_rig_process(&rig, TOOL_PROCESS_LIST, NULL, NULL);
		nap_ms(10);
	}
	ck_assert_uint_eq(rig.info.output_bytes, 3000005);
	ck_assert_uint_eq(rig.info.dropped_bytes, 3000005 - (1 << 20));
	{
		char id[24];

		memcpy(id, rig.id, sizeof(id));
		host_rig_process(&rig, TOOL_PROCESS_LOG, id,
				 &(struct tool_process_request){ .limit = 1 });
		ck_assert_str_eq(rig.text, "end\n");
		ck_assert_uint_eq(rig.answer.lines, 2);
	}
	remove_it(&rig);
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_process_that_is_over_is_forgotten_in_time)
{
	struct host_rig rig;

	host_rig_init(&rig, "agent:main:main");
	host_rig_run(&rig, "true", &(struct tool_command){ .yield_ms = 0,
							   .cleanup_ms = 50 });
	/* It sees to it itself: nobody asks. */
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_process_whose_keeper_was_killed_is_swept)
{
	struct host_rig rig;
	char children[64];
	long pid, keeper = 0;
	FILE *file;

	host_rig_init(&rig, "agent:main:main");
	host_rig_run(&rig, "echo $PPID >keeper; echo $$ >a; exec sleep 1000",
		     &back);
	pid = wait_number(&rig, "a");
	keeper = wait_number(&rig, "keeper");
	(void)snprintf(children, sizeof(children), "/proc/%ld/comm", keeper);
	file = fopen(children, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(children, sizeof(children), file));
	(void)fclose(file);
	ck_assert_str_eq(children, "creel-keeper\n");
	ck_assert_int_eq(kill((pid_t)keeper, SIGKILL), 0);
	ck_assert(host_rig_gone((pid_t)pid));
	(void)waitpid((pid_t)keeper, NULL, 0);
	host_rig_process(&rig, TOOL_PROCESS_LIST, NULL, NULL);
	ck_assert_int_eq(rig.answer.fail.code, ERR_NONE);
	ck_assert_uint_eq(rig.answer.n, 0);
	keeper_place_leave(&rig.host.place);
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_process_more_than_256_are_refused)
{
	static int fds[KEEPER_MAX];
	static char ids[KEEPER_MAX][KEEPER_ID_BYTES];
	struct host_rig rig;
	struct err err = ERR_INIT;

	host_rig_init(&rig, "agent:main:main");
	for (size_t i = 0; i < KEEPER_MAX; i++) {
		fds[i] = keeper_place_listen(&rig.host.place, ids[i], &err);
		ck_assert_int_ge(fds[i], 0);
	}
	host_rig_run(&rig, "touch ran", &back);
	ck_assert_int_eq(rig.outcome.fail.code, ERR_LIMIT);
	ck_assert_ptr_null(host_rig_slurp(&rig, "ran"));
	/* Those that nobody looks after any more do not count. */
	(void)close(fds[0]);
	host_rig_run(&rig, "true", &(struct tool_command){ .yield_ms = 5000 });
	ck_assert_int_eq(rig.outcome.fail.code, ERR_NONE);
	for (size_t i = 1; i < KEEPER_MAX; i++)
		(void)close(fds[i]);
	host_rig_process(&rig, TOOL_PROCESS_LIST, NULL, NULL);
	ck_assert_uint_eq(rig.answer.n, 0);
	keeper_place_leave(&rig.host.place);
	host_rig_fini(&rig);
}
END_TEST

static void remove_first(struct host_rig *rig)
{
	char id[KEEPER_ID_BYTES];

	host_rig_process(rig, TOOL_PROCESS_LIST, NULL, NULL);
	ck_assert_uint_gt(rig->answer.n, 0);
	(void)snprintf(id, sizeof(id), "%s", rig->info.id);
	host_rig_process(rig, TOOL_PROCESS_REMOVE, id, NULL);
	ck_assert_int_eq(rig->answer.fail.code, ERR_NONE);
}

#define FREE_PLACES 4
#define RACERS 16

/* All begin at once; how many got into the background. */
static int race(struct host_rig *rig)
{
	int n = 0, status, gate[2];

	ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
	for (int i = 0; i < RACERS; i++) {
		char byte;

		if (fork() > 0)
			continue;
		(void)close(gate[1]);
		(void)!read(gate[0], &byte, 1);
		host_rig_run(rig, "exec sleep 1000", &back);
		_exit(rig->outcome.fail.code == ERR_NONE ? 0 : 1);
	}
	(void)close(gate[0]);
	(void)close(gate[1]);
	while (wait(&status) > 0)
		n += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return n;
}

START_TEST(test_host_process_many_at_once_are_no_more_than_256)
{
	static int fds[KEEPER_MAX];
	char id[KEEPER_ID_BYTES];
	struct host_rig rig;
	struct err err = ERR_INIT;

	host_rig_init(&rig, "agent:main:main");
	for (size_t i = 0; i < KEEPER_MAX; i++) {
		fds[i] = keeper_place_listen(&rig.host.place, id, &err);
		ck_assert_int_ge(fds[i], 0);
	}
	/* Nobody looks after them: it takes a while to find that out. */
	for (size_t i = 0; i < FREE_PLACES; i++)
		(void)close(fds[i]);
	ck_assert_int_eq(race(&rig), FREE_PLACES);
	for (size_t i = FREE_PLACES; i < KEEPER_MAX; i++)
		(void)close(fds[i]);
	for (int i = 0; i < FREE_PLACES; i++)
		remove_first(&rig);
	host_rig_process(&rig, TOOL_PROCESS_LIST, NULL, NULL);
	ck_assert_uint_eq(rig.answer.n, 0);
	host_rig_fini(&rig);
}
END_TEST

START_TEST(test_host_process_folder_open_to_others_is_refused)
{
	struct host_rig rig;
	char path[128];

	host_rig_init(&rig, "agent:main:main");
	(void)snprintf(path, sizeof(path), "%s/run/host", rig.top);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
	host_rig_run(&rig, "sleep 1000", &back);
	ck_assert_int_eq(rig.outcome.fail.code, ERR_DENIED);
	ck_assert_int_eq(rmdir(path), 0);
	host_rig_fini(&rig);
}
END_TEST

#define LIST(text, sessions)                                              \
	"{\"content\":[{\"type\":\"text\",\"text\":\"" text "\"}],"         \
	"\"structuredContent\":{\"sessions\":" sessions "},"                \
	"\"isError\":false}"
#define INSIDE LIST("1 running", "[{\"sessionId\":\"1\"}]")

static void check_join(const char *inside, const char *here, const char *want)
{
	size_t len = 0;
	auto_free char *json = tool_host_join(inside, strlen(inside), here,
					      strlen(here), &len);

	ck_assert_pstr_eq(json, want);
	ck_assert_uint_eq(len, want ? strlen(want) : 0);
}

START_TEST(test_host_join_adds_what_is_there)
{
	check_join(INSIDE, LIST("host-2 x", "[{\"sessionId\":\"host-2\"}]"),
		   LIST("1 running\\nhost-2 x",
			"[{\"sessionId\":\"1\"},{\"sessionId\":\"host-2\"}]"));
	check_join(LIST("None.", "[]"),
		   LIST("host-2 x", "[{\"sessionId\":\"host-2\"}]"),
		   LIST("host-2 x", "[{\"sessionId\":\"host-2\"}]"));
	check_join(INSIDE, LIST("None.", "[]"), NULL);
	/* An error of the one does not hide the other. */
	check_join(INSIDE,
		   "{\"content\":[{\"type\":\"text\",\"text\":\"no\"}],"
		   "\"structuredContent\":{\"error\":{}},\"isError\":true}",
		   LIST("1 running\\n(on the host: no)",
			"[{\"sessionId\":\"1\"}]"));
	check_join(INSIDE, "", NULL);
	check_join(INSIDE, "[]", NULL);
	check_join("{}", LIST("x", "[{}]"), NULL);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-host-run");
	TCase *run = tcase_create("run");
	TCase *process = tcase_create("process");

	tcase_set_timeout(run, 120);
	tcase_set_timeout(process, 120);
	tcase_add_test(run, test_host_run_gives_status_output_and_usage);
	tcase_add_test(run, test_host_run_split_keeps_streams_apart);
	tcase_add_test(run, test_host_run_program_that_is_missing_is_said);
	tcase_add_test(run, test_host_run_env_is_the_clients_and_what_is_given);
	tcase_add_test(run,
		       test_host_run_has_three_streams_and_nothing_else_open);
	tcase_add_test(run, test_host_run_input_is_given_and_ended);
	tcase_add_test(run, test_host_run_timeout_kills_daemons_too);
	tcase_add_test(run,
		       test_host_run_flood_keeps_the_newest_and_counts_all);
	tcase_add_test(run, test_host_run_pty_is_a_terminal_of_its_own);
	tcase_add_test(run, test_host_run_ulimits_are_set);
	tcase_add_test(run,
		       test_host_run_limits_that_cannot_be_had_name_their_key);
	tcase_add_test(run, test_host_run_limits_are_asked_of_systemd);
	tcase_add_test(run, test_host_run_goes_with_its_client);
	tcase_add_test(run, test_host_run_chain_of_forks_is_killed);
	suite_add_tcase(suite, run);
	tcase_add_test(process,
		       test_host_process_outlives_its_client_and_is_found);
	tcase_add_test(process,
		       test_host_process_of_another_session_is_not_seen);
	tcase_add_test(process, test_host_process_kill_ends_the_tree);
	tcase_add_test(
		process,
		test_host_process_output_is_capped_and_what_is_lost_is_known);
	tcase_add_test(process,
		       test_host_process_that_is_over_is_forgotten_in_time);
	tcase_add_test(process,
		       test_host_process_whose_keeper_was_killed_is_swept);
	tcase_add_test(process, test_host_process_more_than_256_are_refused);
	tcase_add_test(process,
		       test_host_process_many_at_once_are_no_more_than_256);
	tcase_add_test(process, test_host_join_adds_what_is_there);
	tcase_add_test(process,
		       test_host_process_folder_open_to_others_is_refused);
	suite_add_tcase(suite, process);
	return suite;
}
