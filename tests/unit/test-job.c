// SPDX-License-Identifier: Apache-2.0
/*
 * Jobs: results come back whole, and whatever becomes of the process that
 * works, creeld hears of it once and keeps nothing of it.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/session/job.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

struct task {
	size_t bytes;
	size_t n_fds;
	unsigned int done;
	struct ctl_fail fail;
	size_t len;
	uint8_t *got; /* owned */
	int fds[JOB_MAX_FDS];
	size_t got_fds;
};

/* Shared with the processes that work. */
struct board {
	unsigned int begun;
	unsigned int at_once;
	unsigned int most;
	unsigned int atexit;
	pid_t pid;
	bool beside; /* who works waits for somebody else */
};

static struct event_base *base;
static struct board *board;
static size_t fds_before;

static void set_up(void)
{
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(board, MAP_FAILED);
	base = event_base_new();
	fds_before = test_count_fds();
}

/* Turns the loop until @count jobs are done. */
static void run_until(const unsigned int *count, unsigned int want)
{
	const struct timeval tick = { .tv_usec = 5000 };

	for (int i = 0; i < 4000 && *count < want; i++) {
		(void)event_base_loopexit(base, &tick);
		(void)event_base_dispatch(base);
	}
	ck_assert_uint_eq(*count, want);
}

/* Processes are reaped, and nothing of the jobs is left open. */
static void tear_down(void)
{
	const struct timeval tick = { .tv_usec = 5000 };

	for (int i = 0; i < 4000 && (waitpid(-1, NULL, WNOHANG) == 0 ||
				    test_count_fds() > fds_before);
	     i++) {
		(void)event_base_loopexit(base, &tick);
		(void)event_base_dispatch(base);
	}
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_uint_eq(test_count_fds(), fds_before);
	event_base_free(base);
	(void)munmap(board, sizeof(*board));
	board = NULL;
}

static void on_done(void *arg, struct job_result *result)
{
	struct task *task = arg;

	task->done++;
	task->fail = result->fail;
	task->len = result->len;
	task->got = ptr_take(&result->bytes);
	task->got_fds = result->n_fds;
	for (size_t i = 0; i < result->n_fds; i++)
		task->fds[i] = fd_take(&result->fds[i]);
}

static void give(void *arg, struct job_result *result)
{
	struct task *task = arg;

	result->bytes = malloc(task->bytes + 1);
	for (size_t i = 0; i < task->bytes; i++)
		result->bytes[i] = (uint8_t)(i * 7);
	result->len = task->bytes;
	for (size_t i = 0; i < task->n_fds; i++)
		result->fds[i] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	result->n_fds = task->n_fds;
}

static void check_given(struct task *task)
{
	char byte = 1;

	ck_assert_int_eq(task->fail.err.code, ERR_NONE);
	ck_assert_uint_eq(task->len, task->bytes);
	for (size_t i = 0; i < task->len; i++)
		ck_assert_uint_eq(task->got[i], (uint8_t)(i * 7));
	ck_assert_uint_eq(task->got_fds, task->n_fds);
	for (size_t i = 0; i < task->got_fds; i++) {
		ck_assert_int_eq(read(task->fds[i], &byte, 1), 1);
		ck_assert_int_eq(byte, 0);
		ck_assert(fcntl(task->fds[i], F_GETFD) & FD_CLOEXEC);
		close(task->fds[i]);
	}
	free(task->got);
	task->got = NULL;
}

START_TEST(test_job_result_comes_back_whole)
{
	static const size_t sizes[] = { 0, 1, 32767, 32768, 32769,
					JOB_MAX_BYTES };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct task task = { .bytes = sizes[i],
				     .n_fds = i % 2 ? JOB_MAX_FDS : 0 };

		ck_assert_ptr_nonnull(
			job_start(base, give, on_done, &task, 20000));
		ck_assert_uint_eq(task.done, 0);
		run_until(&task.done, 1);
		check_given(&task);
	}
}
END_TEST

START_TEST(test_job_result_nobody_takes_leaves_no_descriptor)
{
	struct task task = { .bytes = 10, .n_fds = 3 };

	/* tear_down() counts. */
	ck_assert_ptr_nonnull(job_start(base, give, on_done, &task, 20000));
	run_until(&task.done, 1);
	check_given(&task);
	job_cancel(job_start(base, give, on_done, &task, 20000));
	ck_assert_uint_eq(task.done, 1);
}
END_TEST

START_TEST(test_job_result_too_large_fails)
{
	struct task task = { .bytes = JOB_MAX_BYTES + 1 };

	(void)job_start(base, give, on_done, &task, 20000);
	run_until(&task.done, 1);
	ck_assert_int_eq(task.fail.err.code, ERR_LIMIT);
	ck_assert_uint_eq(task.len, 0);
	free(task.got);
}
END_TEST

static void refuse(void *arg, struct job_result *result)
{
	(void)arg;
	result->n_fds = 1;
	result->fds[0] = 0;
	err_set(&result->fail.err, ERR_DENIED, EACCES, "skill %s", "x");
	result->fail.status = 126;
	(void)ctl_fail_hint(&result->fail, "chmod it");
}

START_TEST(test_job_failure_is_told_as_it_was)
{
	struct task task = { 0 };

	(void)job_start(base, refuse, on_done, &task, 20000);
	run_until(&task.done, 1);
	ck_assert_int_eq(task.fail.err.code, ERR_DENIED);
	ck_assert_int_eq(task.fail.err.sys, EACCES);
	ck_assert_str_eq(task.fail.err.text, "skill x: Permission denied");
	ck_assert_str_eq(task.fail.hint, "chmod it");
	ck_assert_uint_eq(task.fail.status, 126);
	ck_assert_uint_eq(task.got_fds, 0);
	free(task.got);
}
END_TEST

static void on_exit_mark(void)
{
	if (board)
		board->atexit++;
}

static void crash(void *arg, struct job_result *result)
{
	(void)arg;
	(void)result;
	(void)raise(SIGKILL);
}

static void leave_early(void *arg, struct job_result *result)
{
	(void)arg;
	(void)result;
	_exit(0);
}

START_TEST(test_job_that_dies_fails_and_the_next_runs)
{
	struct task task = { 0 };
	job_work_fn *const works[] = { crash, leave_early };

	for (size_t i = 0; i < 2; i++) {
		task.done = 0;
		(void)job_start(base, works[i], on_done, &task, 20000);
		run_until(&task.done, 1);
		ck_assert_int_eq(task.fail.err.code, ERR_INTERNAL);
		ck_assert_str_eq(task.fail.err.text,
				 "its process ended without a result");
		ck_assert_uint_eq(task.len, 0);
	}
	task = (struct task){ .bytes = 5 };
	(void)job_start(base, give, on_done, &task, 20000);
	run_until(&task.done, 1);
	check_given(&task);
}
END_TEST

static void hang(void *arg, struct job_result *result)
{
	(void)arg;
	(void)result;
	board->pid = getpid();
	for (;;)
		(void)pause();
}

START_TEST(test_job_that_hangs_is_killed_in_time)
{
	struct task task = { 0 };

	(void)job_start(base, hang, on_done, &task, 50);
	run_until(&task.done, 1);
	ck_assert_int_eq(task.fail.err.code, ERR_LIMIT);
	ck_assert_ptr_nonnull(strstr(task.fail.err.text, "it took more than"));
}
END_TEST

static void count(void *arg, struct job_result *result)
{
	unsigned int now;

	(void)arg;
	(void)result;
	(void)__atomic_add_fetch(&board->begun, 1, __ATOMIC_SEQ_CST);
	now = __atomic_add_fetch(&board->at_once, 1, __ATOMIC_SEQ_CST);
	if (now > board->most)
		board->most = now;
	/* A moment; the first ones, until somebody is beside them. */
	for (int i = 0;
	     i < 1000 && (i < 4 || (board->beside && board->most < 2)); i++)
		(void)usleep(5000);
	(void)__atomic_sub_fetch(&board->at_once, 1, __ATOMIC_SEQ_CST);
}

static void on_counted(void *arg, struct job_result *result)
{
	ck_assert_int_eq(result->fail.err.code, ERR_NONE);
	++*(unsigned int *)arg;
}

START_TEST(test_job_no_more_than_the_most_run_at_once)
{
	unsigned int done = 0;

	board->beside = true;
	for (int i = 0; i < 3 * JOB_MAX; i++)
		(void)job_start(base, count, on_counted, &done, 20000);
	run_until(&done, 3 * JOB_MAX);
	ck_assert_uint_eq(board->begun, 3 * JOB_MAX);
	ck_assert_uint_le(board->most, JOB_MAX);
	ck_assert_uint_ge(board->most, 2);
}
END_TEST

START_TEST(test_job_cancelled_is_never_heard_of)
{
	struct job *jobs[2 * JOB_MAX];
	unsigned int done = 0;

	for (int i = 0; i < 2 * JOB_MAX; i++)
		jobs[i] = job_start(base, hang, on_counted, &done, 60000);
	/* Those that wait first, then those that run; others get their turn. */
	for (int i = 2 * JOB_MAX; i-- > 0;)
		job_cancel(jobs[i]);
	job_cancel(NULL);
	(void)job_start(base, count, on_counted, &done, 20000);
	run_until(&done, 1);
	ck_assert_uint_eq(board->begun, 1);
}
END_TEST

static void look_around(void *arg, struct job_result *result)
{
	struct sigaction action;
	char report[128];
	sigset_t mask;
	char link[32] = "";
	int open_fds = 0;

	(void)arg;
	/* No ck_assert() here: libcheck's descriptor is the result's now. */
	for (int fd = 0; fd < 4096; fd++)
		open_fds += fcntl(fd, F_GETFD) >= 0;
	(void)sigaction(SIGTERM, NULL, &action);
	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	(void)!readlink("/proc/self/fd/2", link, sizeof(link) - 1);
	(void)snprintf(report, sizeof(report), "%d %d %d %s %d",
		       open_fds, action.sa_handler == SIG_DFL,
		       sigismember(&mask, SIGUSR1), link,
		       getpriority(PRIO_PROCESS, 0) > 0);
	result->bytes = (uint8_t *)strdup(report);
	result->len = strlen(report);
}

START_TEST(test_job_has_nothing_of_its_parents)
{
	struct event *term = evsignal_new(base, SIGTERM, NULL, NULL);
	struct task task = { 0 };
	sigset_t block;

	(void)atexit(on_exit_mark);
	(void)sigemptyset(&block);
	(void)sigaddset(&block, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &block, NULL);
	(void)evsignal_add(term, NULL);
	fds_before = test_count_fds();
	(void)job_start(base, look_around, on_done, &task, 20000);
	run_until(&task.done, 1);
	ck_assert_str_eq(task.fail.err.text, "");
	task.got[task.len] = '\0';
	ck_assert_str_eq((char *)task.got, "4 1 0 /dev/null 1");
	ck_assert_uint_eq(board->atexit, 0);
	free(task.got);
	event_free(term);
}
END_TEST

START_TEST(test_job_ends_with_its_parent)
{
	unsigned int done = 0;
	pid_t parent = fork();

	if (parent == 0) {
		struct event_base *own = event_base_new();

		(void)job_start(own, hang, on_counted, &done, 60000);
		while (__atomic_load_n(&board->pid, __ATOMIC_SEQ_CST) == 0)
			(void)usleep(1000);
		(void)raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
	ck_assert_int_gt(board->pid, 0);
	for (int i = 0; i < 6000 && kill(board->pid, 0) == 0; i++) {
		char path[32], state[8] = "";
		FILE *file;

		/* A zombie of whoever adopts it has ended, too. */
		(void)snprintf(path, sizeof(path), "/proc/%d/stat",
			       (int)board->pid);
		file = fopen(path, "r");
		if (file && fscanf(file, "%*d (%*[^)]) %7s", state) != 1)
			state[0] = '\0';
		if (file)
			(void)fclose(file);
		if (state[0] == 'Z')
			return;
		(void)usleep(5000);
	}
	ck_assert_int_eq(kill(board->pid, 0), -1);
}
END_TEST

START_TEST(test_job_without_descriptors_fails_later)
{
	struct task task = { 0 };
	struct rlimit old, none;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_ptr_nonnull(job_start(base, give, on_done, &task, 20000));
	ck_assert_uint_eq(task.done, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	run_until(&task.done, 1);
	ck_assert_int_eq(task.fail.err.code, ERR_KERNEL);
	ck_assert_int_eq(task.fail.err.sys, EMFILE);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("job");
	TCase *tcase = tcase_create("job");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_job_result_comes_back_whole);
	tcase_add_test(tcase,
		       test_job_result_nobody_takes_leaves_no_descriptor);
	tcase_add_test(tcase, test_job_result_too_large_fails);
	tcase_add_test(tcase, test_job_failure_is_told_as_it_was);
	tcase_add_test(tcase, test_job_that_dies_fails_and_the_next_runs);
	tcase_add_test(tcase, test_job_that_hangs_is_killed_in_time);
	tcase_add_test(tcase, test_job_no_more_than_the_most_run_at_once);
	tcase_add_test(tcase, test_job_cancelled_is_never_heard_of);
	tcase_add_test(tcase, test_job_has_nothing_of_its_parents);
	tcase_add_test(tcase, test_job_ends_with_its_parent);
	tcase_add_test(tcase, test_job_without_descriptors_fails_later);
	suite_add_tcase(suite, tcase);
	return suite;
}
