// SPDX-License-Identifier: Apache-2.0
/*
 * docker.seccompProfile.  For a job's child: the library that makes the filter
 * has had its faults, and a large profile takes its time.
 */
#include <config.h>

#include "controller/session/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/cleanup.h"

/**
 * ses_seccomp_compile() - compile a profile for a session's commands
 * @path:     absolute
 * @cap_keep: capabilities that the commands have
 * @program:  filled; flt_program_fini() is due on failure too
 * @fail:     what is wrong, with its line or its rule; the caller names the key
 */
int ses_seccomp_compile(const char *path, uint64_t cap_keep,
			struct flt_program *program, struct ctl_fail *fail)
{
	/* What is no file shall not keep us waiting. */
	auto_fd fd = open(path,
			  O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	*program = (struct flt_program){ .bytes = NULL };
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(&fail->err, ERR_BAD_REQUEST, errno, "%.90s",
			       path);
	if (!S_ISREG(st.st_mode))
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "%.90s: not a regular file", path);
	if (flt_compile_fd(fd, cap_keep, program, &fail->err) < 0)
		return err_wrap(&fail->err, "%.60s", path);
	return 0;
}

/**
 * ses_seccomp_warning() - what the user should know of a profile
 * @text: "" where there is nothing
 *
 * Return: how many names were passed over, at most INT_MAX.
 */
int ses_seccomp_warning(const struct flt_program *program, char *text,
			size_t size)
{
	text[0] = '\0';
	if (program->n_unknown > 0)
		(void)snprintf(text, size,
			       "%zu names that are no system calls: %s",
			       program->n_unknown, program->unknown);
	return (int)program->n_unknown;
}
