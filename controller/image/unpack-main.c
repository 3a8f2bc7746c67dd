// SPDX-License-Identifier: Apache-2.0
/*
 * creel-unpack: unpacks the archive on standard input, or copies a directory,
 * into another one.  `creel image import' runs it in a sandbox that has nothing
 * else to write to.
 *
 * It tells how it goes by lines on standard output: "p" with entries and bytes
 * from time to time, and in the end "d" with all numbers, or "e" with what went
 * wrong and, perhaps, "h" with a hint.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/cli/report.h"
#include "controller/image/unpack.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define PROGRESS_MS 200
#define FILES_MAX 64
#define TAR "/usr/bin/tar"

#ifdef CREEL_SANITIZE
const char *__asan_default_options(void);

/**
 * __asan_default_options() - what the sanitizers ask of the program
 *
 * Leaks are looked for by ptrace(2), which a sandbox's strict filter refuses.
 */
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static ssize_t read_fd(void *arg, void *buf, size_t len)
{
	return read(*(int *)arg, buf, len);
}

static void say_progress(const struct unpack *unpack)
{
	static struct timespec last;
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if ((now.tv_sec - last.tv_sec) * 1000 +
		    (now.tv_nsec - last.tv_nsec) / 1000000 <
	    PROGRESS_MS)
		return;
	last = now;
	printf("p %" PRIu64 " %" PRIu64 "\n", unpack->stats.entries,
	       unpack->out_bytes);
	(void)fflush(stdout);
}

static void set_limit(int resource, rlim_t value)
{
	const struct rlimit limit = { value, value };

	(void)setrlimit(resource, &limit);
}

/* So that an archive cannot take more than its share of the machine. */
static void set_limits(const struct unpack *unpack)
{
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_NOFILE, FILES_MAX);
	set_limit(RLIMIT_FSIZE, unpack->max_bytes);
#ifndef CREEL_SANITIZE
	set_limit(RLIMIT_DATA, UNPACK_MAX_MEMORY);
#endif
	/* A file that grows too large is an error of write(2). */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
}

static uint64_t parse_number(const char *text)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || text[0] < '0' || text[0] > '9')
		exit(CREEL_EXIT_USAGE);
	return value;
}

/* tar(1) of the host image reads a directory; never returns. */
static void run_tar(const char *dir, int out_fd)
{
	const char *const argv[] = { TAR,	   "--create",
				     "--one-file-system", "--sparse",
				     "--format=gnu", "--directory",
				     dir,	   ".",
				     NULL };
	const char *const env[] = { "LC_ALL=C", "PATH=/usr/bin:/bin", NULL };

	if (dup2(out_fd, 1) == 1)
		execve(TAR, (char *const *)argv, (char *const *)env);
	_exit(CREEL_EXIT_NOT_FOUND);
}

static pid_t start_tar(const char *dir, int *fd, struct err *err)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return err_set(err, ERR_KERNEL, errno, "pipe");
	pid = fork();
	if (pid == 0)
		run_tar(dir, ends[1]);
	close(ends[1]);
	*fd = ends[0];
	return pid < 0 ? err_set(err, ERR_KERNEL, errno, "fork") : pid;
}

static int end_tar(pid_t pid, struct err *err)
{
	int status = 0;

	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	    WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == CREEL_EXIT_NOT_FOUND)
		return err_set(err, ERR_UNSUPPORTED, 0,
			       TAR ": not installed");
	return err_set(err, ERR_BAD_REQUEST, 0,
		       "the directory could not be read as a whole");
}

static int unpack_from(struct unpack *unpack, const char *dir, int *fd,
		       struct err *err)
{
	pid_t tar = dir ? start_tar(dir, fd, err) : 0;
	struct err of_tar = ERR_INIT;
	int ret;

	if (tar < 0)
		return -1;
	unpack->trusted_ratio = dir != NULL;
	ret = unpack_run(unpack, err);
	if (!dir)
		return ret;
	fd_close(fd);
	/* What is wrong with it explains what is wrong with its output. */
	if (end_tar(tar, &of_tar) == 0)
		return ret;
	if (ret == 0 || err->code == ERR_BAD_REQUEST)
		*err = of_tar;
	return -1;
}

static int report(const struct unpack *unpack, int ret, const struct err *err)
{
	auto_free char *text = NULL;

	if (ret == 0) {
		printf("d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		       " %" PRIu64 "\n",
		       unpack->stats.entries, unpack->stats.bytes,
		       unpack->stats.devices, unpack->stats.stripped,
		       unpack->stats.policy);
		return fflush(stdout) ? CREEL_EXIT_REFUSED : CREEL_EXIT_OK;
	}
	text = cli_escape(err->text, false);
	printf("e %s\n", text ? text : "no memory");
	if (unpack->hint)
		printf("h %s\n", unpack->hint);
	(void)fflush(stdout);
	return CREEL_EXIT_REFUSED;
}

int main(int argc, char **argv)
{
	static struct unpack unpack;
	struct err err = ERR_INIT;
	const char *dir = NULL;
	auto_fd root_fd = -1;
	int in_fd = 0;
	int at = 1;

	unpack_init(&unpack, -1, read_fd, &in_fd);
	for (; at + 2 < argc && argv[at][0] == '-'; at += 2) {
		if (!strcmp(argv[at], "--max-entries"))
			unpack.max_entries = parse_number(argv[at + 1]);
		else if (!strcmp(argv[at], "--max-bytes"))
			unpack.max_bytes = parse_number(argv[at + 1]);
		else if (!strcmp(argv[at], "--directory"))
			dir = argv[at + 1];
		else
			return CREEL_EXIT_USAGE;
	}
	if (at + 1 != argc)
		return CREEL_EXIT_USAGE;
	(void)umask(022);
	/* Names in pax headers are UTF-8; any others are taken as they are. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	root_fd = open(argv[at], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0) {
		(void)err_set(&err, ERR_KERNEL, errno, "%.90s", argv[at]);
		return report(&unpack, -1, &err);
	}
	unpack.root_fd = root_fd;
	unpack.progress = say_progress;
	set_limits(&unpack);
	return report(&unpack, unpack_from(&unpack, dir, &in_fd, &err), &err);
}
