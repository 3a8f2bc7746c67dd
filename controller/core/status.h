/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a command ended, as creel(1) says it.
 */
#ifndef CONTROLLER_CORE_STATUS_H
#define CONTROLLER_CORE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/core/fail.h"
#include "proto/init.pb-c.h"

struct ctl_result {
	uint32_t status; /* 0 to 255 */
	bool timed_out;
	bool oom;
	bool hung_up;
	char text[96];
	uint64_t cpu_usec;
	uint64_t memory_peak;
	uint64_t wall_usec;
	bool has_cpu;
	bool has_memory;
};

void ctl_result_from_init(const Ini__Exited *msg, uint64_t memory_limit,
			  uint64_t timeout_ms, struct ctl_result *out);
void ctl_fail_from_apparmor(int sys, const char *profile,
			    struct ctl_fail *fail);
void ctl_fail_from_init(const Ini__Failed *msg, const char *command,
			struct ctl_fail *fail);

#endif
