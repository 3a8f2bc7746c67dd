// SPDX-License-Identifier: Apache-2.0
/*
 * creel-seccomp-compile [CAPS]: a seccomp profile in Docker's JSON format on
 * standard input becomes a BPF program on standard output; names that are not
 * known go to standard error.  A program of its own, since it needs libraries
 * that no other command line touches.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controller/filter/profile.h"
#include "proto/err.h"
#include "proto/exit-codes.h"

static int put(const struct flt_program *program, struct err *err)
{
	for (size_t at = 0; at < program->len;) {
		ssize_t n = write(1, program->bytes + at, program->len - at);

		if (n < 0 && errno != EINTR)
			return err_set(err, ERR_KERNEL, errno, "cannot write");
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t caps = argc > 1 ? strtoull(argv[1], NULL, 16) : 0;
	struct flt_program program;
	struct err err = ERR_INIT;
	int ret = flt_compile_fd(0, caps, &program, &err);

	if (!ret)
		ret = put(&program, &err);
	if (ret)
		fprintf(stderr, "%s\n", err.text);
	else if (program.n_unknown)
		fprintf(stderr, "%zu unknown: %s\n", program.n_unknown,
			program.unknown);
	flt_program_fini(&program);
	return ret ? CREEL_EXIT_REFUSED : CREEL_EXIT_OK;
}
