// SPDX-License-Identifier: Apache-2.0
/*
 * Limits that this machine cannot set: an error that names the limit and the
 * cause, or, where the caller asked for no more than best effort, a warning.
 * Nothing but limits is ever left out.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "controller/core/core.h"

/* As helper/seal.c has it. */
#define NOFILE_HARD 65536
#define CALLER_PARTS 4

static const char *const limit_flags[CTL_LIMIT_COUNT] = {
	[CTL_LIMIT_MEMORY] = "--memory",
	[CTL_LIMIT_SWAP] = "--memory-swap",
	[CTL_LIMIT_PIDS] = "--pids",
	[CTL_LIMIT_CPUS] = "--cpus",
};

/**
 * ctl_limit_flag() - what a limit is called
 */
const char *ctl_limit_flag(enum ctl_limit limit)
{
	return limit_flags[limit];
}

/**
 * ctl_limit_drop() - do without a limit that cannot be set
 * @why: for the warning
 */
void ctl_limit_drop(struct ctl_sandbox *sandbox, struct ctl_spec *spec,
		    enum ctl_limit limit, const char *why)
{
	ctl_sandbox_warn(sandbox, "%s: not enforced: %.120s",
			 limit_flags[limit], why + strspn(why, " "));
	switch (limit) {
	case CTL_LIMIT_MEMORY:
		spec->memory = sandbox->label.memory = 0;
		return;
	case CTL_LIMIT_SWAP:
		spec->swap = UINT64_MAX;
		return;
	case CTL_LIMIT_PIDS:
		spec->pids = sandbox->label.pids = 0;
		return;
	case CTL_LIMIT_CPUS:
		spec->cpu_usec = 0;
		return;
	case CTL_LIMIT_COUNT:
		break;
	}
	abort();
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len)
		if ((at == list || at[-1] == ' ') &&
		    (at[len] == '\0' || at[len] == ' '))
			return true;
	return false;
}

static int check_cgroups(struct ctl_sandbox *sandbox, struct ctl_spec *spec,
			 struct ctl_fail *fail)
{
	const struct ctl_helper_info *info = &sandbox->ctl->info;
	const struct {
		enum ctl_limit limit;
		const char *controller;
		bool wanted;
	} needs[] = {
		{ CTL_LIMIT_MEMORY, "memory", spec->memory != 0 },
		{ CTL_LIMIT_PIDS, "pids", spec->pids != 0 },
		{ CTL_LIMIT_CPUS, "cpu", spec->cpu_usec != 0 },
	};

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		char why[100];

		if (!needs[i].wanted ||
		    (info->cgroup &&
		     has_word(info->controllers, needs[i].controller)))
			continue;
		(void)snprintf(why, sizeof(why),
			       "the %s controller is not available: %.60s",
			       needs[i].controller,
			       info->cgroup_why[0] ? info->cgroup_why :
						     "it is not delegated");
		if (spec->best_effort) {
			ctl_limit_drop(sandbox, spec, needs[i].limit, why);
			continue;
		}
		err_set(&fail->err, ERR_UNSUPPORTED, 0, "%s: %s",
			limit_flags[needs[i].limit], why);
		return ctl_fail_hint(fail, "creel doctor says what is missing");
	}
	return 0;
}

/* The largest that a command can have: this process comes from the helper. */
static uint64_t highest(const struct ctl_helper_info *info, uint32_t resource)
{
	struct rlimit own = { .rlim_max = RLIM_INFINITY };

	(void)getrlimit((__rlimit_resource_t)resource, &own);
	if (resource == RLIMIT_CORE)
		return 0;
	if (resource == RLIMIT_NOFILE && own.rlim_max > NOFILE_HARD)
		return NOFILE_HARD;
	if (!info->system &&
	    (resource == RLIMIT_SIGPENDING || resource == RLIMIT_MSGQUEUE ||
	     resource == RLIMIT_MEMLOCK))
		return own.rlim_max / CALLER_PARTS;
	return own.rlim_max;
}

static int check_rlimits(struct ctl_sandbox *sandbox, struct ctl_spec *spec,
			 struct ctl_fail *fail)
{
	for (size_t i = 0; i < spec->n_rlimits; i++) {
		struct ctl_rlimit *want = &spec->rlimits[i];
		uint64_t most = highest(&sandbox->ctl->info, want->resource);
		const char *name = ctl_ulimit_name(want->resource);

		if (want->hard <= most)
			continue;
		if (!spec->best_effort)
			return err_set(&fail->err, ERR_UNSUPPORTED, 0,
				       "--ulimit %s: the hard limit can be %llu at most on this machine",
				       name, (unsigned long long)most);
		ctl_sandbox_warn(sandbox,
				 "--ulimit %s: %llu is the hard limit of this machine",
				 name, (unsigned long long)most);
		want->hard = most;
		if (want->soft > most)
			want->soft = most;
		sandbox->label.rlimits[i] = *want;
	}
	return 0;
}

/**
 * ctl_enforce_check() - what the helper would refuse, said before it is asked
 * @spec: with best_effort, what cannot be set is taken out, with a warning
 *
 * Return: 0 or -1: UNSUPPORTED naming the flag and the cause.
 */
int ctl_enforce_check(struct ctl_sandbox *sandbox, struct ctl_spec *spec,
		      struct ctl_fail *fail)
{
	if (check_cgroups(sandbox, spec, fail) < 0)
		return -1;
	return check_rlimits(sandbox, spec, fail);
}
