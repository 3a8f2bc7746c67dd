// SPDX-License-Identifier: Apache-2.0
/*
 * Files that a sandbox's other ids have written belong to nobody that the
 * controller could be: only a process with those ids can remove them. That is
 * one in a sandbox of its own, which has nothing but these files.
 */
#include <config.h>

#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "controller/core/core.h"
#include "proto/cleanup.h"

#define POINT "/overlay"
#define TIMEOUT_MS (3600 * 1000)

static const char script[] = "rm\0-rf\0--one-file-system\0" POINT
			     "/upper\0" POINT "/work";

static struct ctl_spec *make_spec(uint64_t overlay, int fd,
				  struct ctl_fail *fail)
{
	struct ctl_spec *spec = ctl_spec_new(NULL, NULL, NULL, fail);
	struct ctl_mount mount = {
		.kind = CTL_MOUNT_BIND,
		.target = (char *)POINT,
		.what = (char *)"what was written to an image",
		.fd = fd,
		.is_layers = true,
	};

	if (!spec)
		return NULL;
	spec->uid = overlay >> 16 & 0xffff;
	spec->gid = overlay & 0xffff;
	(void)snprintf(spec->user_text, sizeof(spec->user_text), "%u:%u",
		       spec->uid, spec->gid);
	spec->cap_keep = UINT64_C(1) << CAP_DAC_OVERRIDE |
			 UINT64_C(1) << CAP_FOWNER;
	if (ctl_mounts_add(spec, &mount, fail) == 0) {
		if (ctl_spec_finish(spec, fail) == 0)
			return spec;
	} else {
		fd_close(&fd);
	}
	ctl_spec_free(spec);
	return NULL;
}

static struct ctl_command *make_command(struct ctl_fail *fail)
{
	uint8_t token[WIRE_ID_BYTES];
	Ctl__Command msg = CTL__COMMAND__INIT;
	struct wire_frame frame = { .n_fds = 0 };

	if (getrandom(token, sizeof(token), 0) != sizeof(token)) {
		err_set(&fail->err, ERR_KERNEL, EIO, "random numbers");
		return NULL;
	}
	msg.token.data = token;
	msg.token.len = sizeof(token);
	msg.strings.data = (uint8_t *)script;
	msg.strings.len = sizeof(script);
	msg.argc = 5;
	msg.user = (char *)"0:0";
	msg.workdir = (char *)"/";
	msg.timeout_ms = TIMEOUT_MS;
	return ctl_command_new(&msg, &frame, fail);
}

/**
 * ctl_overlay_clean() - have a sandbox remove what is in an overlay
 * @fd: its directory, taken over
 *
 * Return: 0: it is on its way, ctl_overlay_gone() comes when it is gone; or -1
 * where it would have no more rights than this process.
 */
int ctl_overlay_clean(struct ctl *ctl, uint64_t overlay, int fd)
{
	auto_fd dir_fd = fd;
	struct ctl_label label = { .kind = CTL_KIND_RUN, .detach = true };
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ctl_command *cmd;
	struct ctl_spec *spec;
	struct ctl_sandbox *sandbox;
	struct ctl_exec *exec;

	if (!ctl->info.id_range || (ctl->info.system && geteuid() != 0))
		return -1;
	cmd = make_command(&fail);
	spec = cmd ? make_spec(overlay, fd_take(&dir_fd), &fail) : NULL;
	if (!spec) {
		ctl_command_free(cmd);
		return -1;
	}
	(void)snprintf(label.name, sizeof(label.name), "overlay-%016" PRIx64,
		       overlay);
	memcpy(label.token, cmd->token, WIRE_ID_BYTES);
	label.created = (uint64_t)time(NULL);
	ctl_label_from_spec(&label, spec);
	sandbox = ctl_sandbox_new(ctl, &label);
	exec = sandbox ? ctl_exec_new(sandbox, cmd->token) : NULL;
	if (!exec) {
		ctl_command_free(cmd);
		ctl_spec_free(spec);
		if (sandbox)
			ctl_sandbox_start_failed(sandbox, &fail);
		return -1;
	}
	ctl_exec_set_command(exec, cmd);
	if (ctl_build_start(sandbox, spec, &fail) < 0) {
		ctl_spec_free(spec);
		ctl_sandbox_start_failed(sandbox, &fail);
		return -1;
	}
	sandbox->cleans = overlay;
	return 0;
}
