// SPDX-License-Identifier: Apache-2.0
/*
 * What creel-init is told of a command that it shall run.
 */
#include <config.h>

#include <string.h>

#include "controller/core/core.h"
#include "controller/core/fs.h"
#include "proto/cleanup.h"

/* Room for the rest of an exec message beside its strings. */
#define INLINE_STRINGS_MAX (48U << 10)
#define MAX_OUT_FDS 6
#define ALL_RLIMITS (CTL_MAX_RLIMITS + CTL_COMMAND_RLIMITS)

/* Streams that were not given are /dev/null. */
static size_t collect_fds(struct ctl_exec *exec, Ini__Exec *msg, int blob_fd,
			  int fds[MAX_OUT_FDS])
{
	const struct ctl_command *cmd = exec->cmd;
	size_t n = 0;

	msg->stdio = !cmd->tty && !cmd->capture;
	for (int i = 0; i < 3 && msg->stdio; i++)
		fds[n++] = cmd->stdio[i] >= 0 ? cmd->stdio[i] :
						exec->ctl->null_fd;
	msg->lifeline = cmd->lifeline_fd >= 0;
	if (msg->lifeline)
		fds[n++] = cmd->lifeline_fd;
	msg->blob_fd = blob_fd >= 0;
	if (msg->blob_fd)
		fds[n++] = blob_fd;
	msg->filter_fd = cmd->filter_fd >= 0;
	if (msg->filter_fd)
		fds[n++] = cmd->filter_fd;
	return n;
}

static Ini__Filter filter_of(enum ctl_filter filter)
{
	switch (filter) {
	case CTL_FILTER_BASELINE:
		return INI__FILTER__FILTER_BASELINE;
	case CTL_FILTER_STRICT:
		return INI__FILTER__FILTER_STRICT;
	case CTL_FILTER_AGENT:
	case CTL_FILTER_INVALID:
		break;
	}
	return INI__FILTER__FILTER_AGENT;
}

static Ini__Capture capture_of(enum ctl_capture capture)
{
	switch (capture) {
	case CTL_CAPTURE_MERGED:
		return INI__CAPTURE__CAPTURE_MERGED;
	case CTL_CAPTURE_SPLIT:
		return INI__CAPTURE__CAPTURE_SPLIT;
	case CTL_CAPTURE_TTY:
		return INI__CAPTURE__CAPTURE_TTY;
	case CTL_CAPTURE_NONE:
		break;
	}
	return INI__CAPTURE__CAPTURE_NONE;
}

/* Another user may not be let into a workspace of mode 0700, even as root. */
static char *default_cwd(const struct ctl_exec *exec)
{
	return (char *)(exec->user.uid == exec->sandbox->label.uid ?
				exec->sandbox->label.workdir :
				"/");
}

static void fill_exec(struct ctl_exec *exec, Ini__Exec *msg)
{
	const struct ctl_label *label = &exec->sandbox->label;
	struct ctl_command *cmd = exec->cmd;

	msg->token.data = exec->token;
	msg->token.len = WIRE_ID_BYTES;
	msg->argc = cmd->argc;
	msg->envc = cmd->envc;
	msg->cwd = cmd->workdir ? cmd->workdir : default_cwd(exec);
	msg->apparmor = (char *)label->apparmor;
	msg->uid = exec->user.uid;
	msg->gid = exec->user.gid;
	msg->groups = &exec->user.gid;
	msg->n_groups = 1;
	msg->filter = filter_of(cmd->filter);
	if (!label->caps_for_root || exec->user.uid == 0)
		msg->cap_keep = label->cap_keep;
	msg->timeout_ms = cmd->timeout_ms;
	msg->tty = cmd->tty;
	msg->rows = cmd->rows;
	msg->cols = cmd->cols;
	msg->search_path = true;
	msg->memory_peak = cmd->memory_peak;
	msg->capture = capture_of(cmd->capture);
	msg->input_once = cmd->input_once;
	msg->limit_memory = cmd->limit_memory;
	msg->limit_cpu_usec = cmd->limit_cpu_usec;
}

/* One that the sandbox has too can only be lower. */
static size_t add_rlimit(const struct ctl_rlimit *limit, Ini__Rlimit *items,
			 size_t n)
{
	size_t i = 0;

	while (i < n && items[i].resource != limit->resource)
		i++;
	if (i == n) {
		ini__rlimit__init(&items[i]);
		items[i].resource = limit->resource;
		items[i].soft = limit->soft;
		items[i].hard = limit->hard;
		return n + 1;
	}
	if (limit->hard < items[i].hard)
		items[i].hard = limit->hard;
	if (limit->soft < items[i].soft)
		items[i].soft = limit->soft;
	if (items[i].soft > items[i].hard)
		items[i].soft = items[i].hard;
	return n;
}

static size_t fill_rlimits(const struct ctl_exec *exec, Ini__Rlimit *items,
			   Ini__Rlimit **list)
{
	const struct ctl_label *label = &exec->sandbox->label;
	size_t n = 0;

	for (size_t i = 0; i < label->n_rlimits; i++)
		n = add_rlimit(&label->rlimits[i], items, n);
	for (size_t i = 0; i < exec->cmd->n_rlimits; i++)
		n = add_rlimit(&exec->cmd->rlimits[i], items, n);
	for (size_t i = 0; i < n; i++)
		list[i] = &items[i];
	return n;
}

/**
 * ctl_init_exec() - ask pid 1 to run a command
 * @exec: complete; its user is resolved
 *
 * Return: 0 or -1.
 */
int ctl_init_exec(struct ctl_exec *exec, struct err *err)
{
	Ini__Request req = INI__REQUEST__INIT;
	Ini__Exec msg = INI__EXEC__INIT;
	Ini__Rlimit rlimits[ALL_RLIMITS], *list[ALL_RLIMITS];
	int fds[MAX_OUT_FDS];
	auto_fd blob_fd = -1;
	size_t n_fds;

	fill_exec(exec, &msg);
	msg.rlimits = list;
	msg.n_rlimits = fill_rlimits(exec, rlimits, list);
	if (exec->cmd->len > INLINE_STRINGS_MAX) {
		blob_fd = ctl_fs_memfd(exec->cmd->strings, exec->cmd->len,
				       err);
		if (blob_fd < 0)
			return -1;
	} else {
		msg.strings.data = (uint8_t *)exec->cmd->strings;
		msg.strings.len = exec->cmd->len;
	}
	n_fds = collect_fds(exec, &msg, blob_fd, fds);
	req.op_case = INI__REQUEST__OP_EXEC;
	req.exec = &msg;
	return ctl_init_send(exec->sandbox, &req, fds, n_fds, err);
}
