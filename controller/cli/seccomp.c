// SPDX-License-Identifier: Apache-2.0
/*
 * --seccomp FILE.  The compiler is a program of its own: it needs two
 * libraries that no other command line touches.
 */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/cli/call.h"
#include "controller/cli/paths.h"
#include "controller/cli/report.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

/* What the compiler gets, and what it gives. */
struct run {
	const char *program;
	const char *path; /* of the profile */
	char caps[20];
	int in_fd, out_fd; /* borrowed */
};

/* Never returns. @message_fd: what is to be said, as one line. */
static void run_compiler(const struct run *run, int message_fd)
{
	const char *argv[] = { run->program, run->caps, NULL };
	char *env[] = { NULL };
	int in_fd, out_fd;

	in_fd = fcntl(run->in_fd, F_DUPFD, 16);
	out_fd = fcntl(run->out_fd, F_DUPFD, 16);
	message_fd = fcntl(message_fd, F_DUPFD, 16);
	if (in_fd >= 0 && out_fd >= 0 && message_fd >= 0 &&
	    dup2(in_fd, 0) == 0 && dup2(out_fd, 1) == 1 &&
	    dup2(message_fd, 2) == 2) {
		(void)close_range(3, ~0u, 0);
		execve(run->program, (char *const *)argv, env);
	}
	_exit(CREEL_EXIT_NOT_FOUND);
}

static int wait_compiler(const struct run *run, pid_t pid, int message_fd,
			 struct err *err)
{
	char text[128];
	size_t used = 0;
	ssize_t got;
	int status = 0;

	while (used < sizeof(text) - 1 &&
	       (got = read(message_fd, text + used,
			   sizeof(text) - 1 - used)) > 0)
		used += (size_t)got;
	text[used] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (waitpid(pid, &status, 0) < 0)
		return err_set(err, ERR_KERNEL, errno, "creel-seccomp-compile");
	if (WIFEXITED(status) && WEXITSTATUS(status) == CREEL_EXIT_OK) {
		if (text[0])
			cli_note("warning: --seccomp %.60s: system calls %s",
				 run->path, text);
		return 0;
	}
	return err_set(err, ERR_BAD_REQUEST, 0, "%.60s: %s", run->path,
		       text[0] ? text : "cannot be compiled");
}

static int compile(const struct run *run, struct err *err)
{
	auto_fd read_fd = -1;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return err_set(err, ERR_KERNEL, errno, "pipe");
	read_fd = ends[0];
	pid = fork();
	if (pid == 0)
		run_compiler(run, ends[1]);
	close(ends[1]);
	if (pid < 0)
		return err_set(err, ERR_KERNEL, errno, "fork");
	return wait_compiler(run, pid, read_fd, err);
}

/**
 * cli_seccomp_compile() - a profile in Docker's JSON format
 * @path: of the file
 * @caps: capabilities(7) that the sandbox's commands have
 *
 * Return: a sealed memfd with a BPF program, or -1.
 */
int cli_seccomp_compile(const char *path, uint64_t caps, struct err *err)
{
	auto_fd in_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	auto_fd out_fd = -1;
	auto_free char *program = malloc(CLI_PATH_MAX);
	struct run run = { .program = program, .path = path };
	struct stat st;

	if (in_fd < 0 || fstat(in_fd, &st))
		return err_set(err, ERR_BAD_REQUEST, errno,
			       "%.60s: not agent, strict, baseline or a file",
			       path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%.60s: not a regular file", path);
	if (!program)
		return err_set(err, ERR_KERNEL, ENOMEM, "seccomp");
	if (cli_path_program("creel-seccomp-compile", "creel-seccomp-compile",
			     program, err))
		return -1;
	out_fd = memfd_create("creel-seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (out_fd < 0)
		return err_set(err, ERR_KERNEL, errno, "memfd");
	run.in_fd = in_fd;
	run.out_fd = out_fd;
	(void)snprintf(run.caps, sizeof(run.caps), "%llx",
		       (unsigned long long)caps);
	if (compile(&run, err))
		return -1;
	if (fcntl(out_fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK |
					       F_SEAL_GROW | F_SEAL_WRITE))
		return err_set(err, ERR_KERNEL, errno, "memfd");
	return fd_take(&out_fd);
}
