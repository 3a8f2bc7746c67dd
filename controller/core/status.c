// SPDX-License-Identifier: Apache-2.0
/*
 * Exit statuses.  What creel-init says is hostile: numbers are brought into
 * range, text is cut and cleaned.
 */
#include <config.h>

#include "controller/core/status.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "controller/core/spec.h"

static void set_oom(uint64_t memory_limit, struct ctl_result *out)
{
	char size[32];

	out->status = CREEL_EXIT_SIGNAL + SIGKILL;
	if (!memory_limit) {
		(void)snprintf(out->text, sizeof(out->text),
			       "out of memory on the host");
		return;
	}
	ctl_size_text(memory_limit, size, sizeof(size));
	(void)snprintf(out->text, sizeof(out->text), "memory limit %s", size);
}

static void set_timed_out(uint64_t timeout_ms, struct ctl_result *out)
{
	out->status = CREEL_EXIT_TIMEOUT;
	if (!timeout_ms)
		(void)snprintf(out->text, sizeof(out->text), "timed out");
	else if (timeout_ms % 1000)
		(void)snprintf(out->text, sizeof(out->text),
			       "timed out after %llu ms",
			       (unsigned long long)timeout_ms);
	else
		(void)snprintf(out->text, sizeof(out->text),
			       "timed out after %llu s",
			       (unsigned long long)timeout_ms / 1000);
}

/**
 * ctl_result_from_init() - translate what creel-init reported
 * @memory_limit: of the sandbox, 0 none
 * @timeout_ms:   of the command, 0 unknown
 * @out:          filled
 */
void ctl_result_from_init(const Ini__Exited *msg, uint64_t memory_limit,
			  uint64_t timeout_ms, struct ctl_result *out)
{
	*out = (struct ctl_result){
		.timed_out = msg->timed_out,
		.oom = msg->oom,
		.hung_up = msg->hung_up,
		.cpu_usec = msg->cpu_usec,
		.memory_peak = msg->memory_peak,
		.wall_usec = msg->wall_usec,
		.has_cpu = msg->has_cpu,
		.has_memory = msg->has_memory,
	};
	if (msg->timed_out)
		set_timed_out(timeout_ms, out);
	else if (msg->oom)
		set_oom(memory_limit, out);
	else if (msg->signalled)
		out->status = CREEL_EXIT_SIGNAL + (msg->status & 0x7f);
	else
		out->status = msg->status & 0xff;
}

static void set_limit(const Ini__Failed *msg, int sys, struct err *err)
{
	bool memory = (int)msg->stage == INI__STAGE__STAGE_LIMIT_MEMORY;

	if (sys == ENOENT)
		err_set(err, ERR_UNSUPPORTED, 0,
			"limit of %s for one command: the sandbox's cgroup has no %s controller",
			memory ? "memory" : "CPU time",
			memory ? "memory" : "cpu");
	else
		err_set(err, ERR_KERNEL, sys, "limit of %s for one command",
			memory ? "memory" : "CPU time");
}

/**
 * ctl_fail_from_init() - why a command did not start
 * @command: its name, for the message
 * @fail:    filled: 127 not found, 126 not executable, 125 otherwise
 */
void ctl_fail_from_init(const Ini__Failed *msg, const char *command,
			struct ctl_fail *fail)
{
	int sys = msg->sys > 0 && msg->sys < 4096 ? (int)msg->sys : 0;
	char text[100], name[64];

	(void)snprintf(name, sizeof(name), "%.60s", command);
	ctl_text_clean(name);
	(void)snprintf(text, sizeof(text), "%.90s", msg->text);
	ctl_text_clean(text);
	fail->status = CREEL_EXIT_FAILED;
	if ((int)msg->stage == INI__STAGE__STAGE_EXEC) {
		fail->status = sys == ENOENT ? CREEL_EXIT_NOT_FOUND :
					       CREEL_EXIT_NOT_EXECUTABLE;
		err_set(&fail->err, ERR_BAD_REQUEST, sys, "%s", name);
		if (sys == ENOENT)
			err_set(&fail->err, ERR_BAD_REQUEST, 0,
				"%s: command not found", name);
	} else if ((int)msg->stage == INI__STAGE__STAGE_LIMIT_MEMORY ||
		   (int)msg->stage == INI__STAGE__STAGE_LIMIT_CPU) {
		set_limit(msg, sys, &fail->err);
	} else if ((int)msg->stage == INI__STAGE__STAGE_CWD) {
		err_set(&fail->err, ERR_BAD_REQUEST, sys, "--workdir%s%s",
			text[0] ? ": " : "", text);
	} else {
		err_set(&fail->err, ERR_KERNEL, sys, "%s: %s", name,
			text[0] ? text : "cannot be started");
	}
}

/**
 * ctl_fail_from_apparmor() - why a command did not get its profile
 * @sys: of the kernel, or of creel-init where there is no AppArmor
 */
void ctl_fail_from_apparmor(int sys, const char *profile, struct ctl_fail *fail)
{
	fail->status = CREEL_EXIT_FAILED;
	if (sys == ENOENT)
		err_set(&fail->err, ERR_BAD_REQUEST, 0,
			"--apparmor %.60s: no profile of that name is loaded",
			profile);
	else if (sys == EOPNOTSUPP)
		err_set(&fail->err, ERR_UNSUPPORTED, 0,
			"--apparmor %.60s: AppArmor is not enabled in this kernel",
			profile);
	else
		err_set(&fail->err, ERR_KERNEL, sys,
			"--apparmor %.60s: the kernel does not change to it",
			profile);
}
