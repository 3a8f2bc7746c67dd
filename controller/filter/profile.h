/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp profile in Docker's JSON format becomes a BPF program, which comes
 * on top of creel's own filter: it can only take system calls away.
 */
#ifndef CONTROLLER_FILTER_PROFILE_H
#define CONTROLLER_FILTER_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

#define FLT_PROFILE_MAX_BYTES (1024 * 1024)
#define FLT_MAX_INSNS 4096 /* BPF_MAXINSNS: what the kernel takes */

struct flt_program {
	uint8_t *bytes; /* owned */
	size_t len;
	size_t n_unknown;  /* names that are no system call known here */
	char unknown[100]; /* the first of them */
};

int flt_compile(const char *text, size_t len, uint64_t caps,
		struct flt_program *program, struct err *err);
int flt_compile_fd(int fd, uint64_t caps, struct flt_program *program,
		   struct err *err);
void flt_program_fini(struct flt_program *program);

/* names.c */
int flt_syscall_number(const char *name);

#endif
