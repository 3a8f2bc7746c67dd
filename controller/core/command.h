/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command that is to run in a sandbox, checked, and its environment.
 */
#ifndef CONTROLLER_CORE_COMMAND_H
#define CONTROLLER_CORE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/core/fail.h"
#include "controller/core/spec.h"
#include "controller/core/user.h"
#include "proto/control.pb-c.h"
#include "proto/wire.h"

#define CTL_STRINGS_MAX_BYTES (2U << 20)
#define CTL_STRING_MAX_BYTES (128U << 10)
#define CTL_MAX_STRINGS 32768

enum ctl_filter {
	CTL_FILTER_INVALID = 0,
	CTL_FILTER_BASELINE,
	CTL_FILTER_AGENT,
	CTL_FILTER_STRICT,
};

/* Streams that creel-init makes and keeps, see init.proto. */
enum ctl_capture {
	CTL_CAPTURE_NONE = 0,
	CTL_CAPTURE_MERGED,
	CTL_CAPTURE_SPLIT,
	CTL_CAPTURE_TTY,
};

#define CTL_COMMAND_RLIMITS 8

struct ctl_command {
	uint8_t token[WIRE_ID_BYTES];
	uint32_t argc;
	uint32_t envc;
	char *strings; /* owned; argc + envc NUL-terminated strings */
	size_t len;
	char *workdir; /* owned, absolute; NULL: the default */
	char user_text[CTL_USER_NAME_MAX + 1]; /* "" the sandbox's */
	uint64_t timeout_ms;
	bool tty;
	uint32_t rows;
	uint32_t cols;
	enum ctl_filter filter;
	bool filter_given; /* by the caller, else it may have a default */
	int filter_fd;   /* owned, -1 none */
	int stdio[3];    /* owned; -1: /dev/null, or the terminal */
	int lifeline_fd; /* owned, -1 detached */
	bool memory_peak;
	enum ctl_capture capture; /* of creeld's own; in place of stdio */
	uint64_t limit_memory;    /* bytes, of this command alone; 0 none */
	uint64_t limit_cpu_usec;  /* in each 100,000; likewise */
	struct ctl_rlimit rlimits[CTL_COMMAND_RLIMITS]; /* lower ones than the sandbox's */
	size_t n_rlimits;
	bool login;
	bool only_env;   /* its variables are all that it gets */
	bool input_once; /* of capture: who has its stdin alone may end it */
};

struct ctl_command *ctl_command_new(const Ctl__Command *msg,
				    struct wire_frame *frame,
				    struct ctl_fail *fail);
void ctl_command_free(struct ctl_command *cmd);
int ctl_command_complete(struct ctl_command *cmd, const struct ctl_user *user,
			 struct err *err);

#endif
