// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target of control.proto: on from a request to the checked forms of what
 * a sandbox is made of and of what runs in it.
 */
#include <config.h>

#include <fcntl.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "controller/core/command.h"
#include "controller/core/label.h"
#include "controller/core/source.h"
#include "controller/core/spec.h"
#include "proto/control.pb-c.h"
#include "proto/wire.h"
#include "tests/fuzz/fuzz.h"

#define N_FDS 8

static alignas(max_align_t) unsigned char memory[WIRE_ARENA_BYTES];

static int sealed(const char *text, size_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len ||
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		abort();
	return fd;
}

/* One of each kind that a good client passes. */
static void lend_fds(struct wire_frame *frame)
{
	static int fds[N_FDS];

	if (fds[0] == 0) {
		fds[0] = open("/usr", O_PATH | O_CLOEXEC);
		fds[1] = open("/etc/passwd", O_PATH | O_CLOEXEC);
		fds[2] = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (pipe2(fds + 3, O_CLOEXEC) < 0)
			abort();
		fds[5] = sealed("a\0b=c", 6);
		fds[6] = sealed("12345678", 8);
		fds[7] = open("/", O_PATH | O_CLOEXEC);
	}
	for (size_t i = 0; i < N_FDS; i++)
		frame->fds[frame->n_fds++] =
			fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
}

/* Absolute, and no component is empty, "." or "..". */
static void check_target(const char *target)
{
	if (target[0] != '/' || strlen(target) >= WIRE_PATH_MAX_BYTES)
		abort();
	while (*target) {
		size_t len = strcspn(++target, "/");

		if (len == 0 || strncmp(target, ".", len) == 0 ||
		    strncmp(target, "..", len) == 0)
			abort();
		target += len;
	}
}

static void check_targets(const struct ctl_spec *spec)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		check_target(spec->mounts[i].target);
		for (size_t j = 0; j < i; j++)
			if (strcmp(spec->mounts[i].target,
				   spec->mounts[j].target) == 0)
				abort();
	}
}

static void check_label(const struct ctl_spec *spec)
{
	struct ctl_label label = { .name = "x", .kind = CTL_KIND_RUN };
	struct ctl_label back;
	uint8_t bytes[WIRE_LABEL_MAX_BYTES];
	struct err err = ERR_INIT;
	size_t len;

	ctl_label_from_spec(&label, spec);
	if (ctl_label_pack(&label, bytes, &len, &err) < 0 ||
	    ctl_label_unpack(bytes, len, &back, &err) < 0)
		abort();
}

static void take_spec(const Ctl__Spec *msg, struct wire_frame *frame)
{
	static struct ctl_protect protect;
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ctl_spec *spec = ctl_spec_new(msg, frame, &protect, &fail);

	if (spec && ctl_spec_finish(spec, &fail) == 0) {
		if (spec->uid > CTL_USER_ID_MAX || spec->gid > CTL_USER_ID_MAX)
			abort();
		check_targets(spec);
		check_label(spec);
	} else if (fail.err.code == ERR_NONE) {
		abort();
	}
	ctl_spec_free(spec);
}

static void take_command(const Ctl__Command *msg, struct wire_frame *frame)
{
	struct ctl_user user = { .resolved = true, .name = "creel" };
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ctl_command *cmd = ctl_command_new(msg, frame, &fail);
	size_t n = 0;

	if (!cmd) {
		if (fail.err.code == ERR_NONE)
			abort();
		return;
	}
	if (ctl_command_complete(cmd, &user, &fail.err) == 0) {
		for (size_t i = 0; i < cmd->len; i++)
			n += cmd->strings[i] == '\0';
		if (n != (size_t)cmd->argc + cmd->envc || cmd->argc == 0)
			abort();
	}
	ctl_command_free(cmd);
}

static void check_request(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct arena arena;
	auto_frame frame;
	uint8_t byte;
	const Ctl__Request *req;

	wire_frame_init(&frame, &byte, 1);
	arena_init(&arena, memory, sizeof(memory));
	req = (const Ctl__Request *)wire_unpack(&ctl__request__descriptor,
						&arena, data, size, &err);
	if (!req)
		return;
	if (req->op_case == CTL__REQUEST__OP_RUN) {
		lend_fds(&frame);
		take_spec(req->run->spec, &frame);
		take_command(req->run->command, &frame);
	} else if (req->op_case == CTL__REQUEST__OP_EXEC) {
		lend_fds(&frame);
		take_spec(req->exec->spec, &frame);
		take_command(req->exec->command, &frame);
	}
}

const struct fuzz_protocol fuzz_protocol = {
	.name = "control",
	.max = WIRE_FRAME_MAX_BYTES,
	.types = { &ctl__request__descriptor, &ctl__reply__descriptor },
	.deeper = check_request,
};
