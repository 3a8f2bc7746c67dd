// SPDX-License-Identifier: Apache-2.0
/*
 * Limits: names of rlimits, sizes, what fits together.
 */
#include <config.h>

#include "controller/core/spec.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define MEMORY_MIN_BYTES (1ULL << 20)
#define MEMORY_MAX_BYTES (1ULL << 50)
#define PIDS_MAX 4194304ULL
#define CPU_MIN_USEC 1000ULL
#define CPU_MAX_USEC (100000ULL * 8192)

struct ulimit_name {
	const char *name;
	uint32_t resource;
};

/* As Docker's --ulimit has them. */
static const struct ulimit_name ulimit_names[] = {
	{ "as", RLIMIT_AS },
	{ "core", RLIMIT_CORE },
	{ "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },
	{ "fsize", RLIMIT_FSIZE },
	{ "locks", RLIMIT_LOCKS },
	{ "memlock", RLIMIT_MEMLOCK },
	{ "msgqueue", RLIMIT_MSGQUEUE },
	{ "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },
	{ "nproc", RLIMIT_NPROC },
	{ "rss", RLIMIT_RSS },
	{ "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME },
	{ "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};

/**
 * ctl_ulimit_parse() - one --ulimit
 * @out: filled
 *
 * Return: 0 or -1 with BAD_REQUEST.
 */
int ctl_ulimit_parse(const Ctl__Ulimit *msg, struct ctl_rlimit *out,
		     struct err *err)
{
	for (size_t i = 0; i < sizeof(ulimit_names) / sizeof(ulimit_names[0]);
	     i++) {
		if (strcmp(ulimit_names[i].name, msg->name) != 0)
			continue;
		if (msg->soft > msg->hard)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "--ulimit %s: the soft limit is above the hard one",
				       ulimit_names[i].name);
		*out = (struct ctl_rlimit){ ulimit_names[i].resource,
					    msg->soft, msg->hard };
		return 0;
	}
	return err_set(err, ERR_BAD_REQUEST, 0,
		       "--ulimit: there is no limit of that name");
}

/**
 * ctl_ulimit_name() - as --ulimit has it
 */
const char *ctl_ulimit_name(uint32_t resource)
{
	for (size_t i = 0; i < sizeof(ulimit_names) / sizeof(ulimit_names[0]);
	     i++)
		if (ulimit_names[i].resource == resource)
			return ulimit_names[i].name;
	return "?";
}

/**
 * ctl_size_text() - bytes as people write them: "512 MiB"
 */
void ctl_size_text(uint64_t bytes, char *text, size_t size)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB",
					     "TiB" };
	size_t unit = 0;

	while (unit + 1 < sizeof(units) / sizeof(units[0]) && bytes >= 1024 &&
	       bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	(void)snprintf(text, size, "%llu %s", (unsigned long long)bytes,
		       units[unit]);
}

static int check_memory(const Ctl__Spec *msg, struct ctl_spec *spec,
			struct err *err)
{
	spec->memory = msg->memory;
	if (msg->memory && (msg->memory < MEMORY_MIN_BYTES ||
			    msg->memory > MEMORY_MAX_BYTES))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--memory: not between 1 MiB and 1024 TiB");
	if (!msg->memory_swap)
		return 0;
	/* As many do who set no --memory: there is nothing to add up. */
	if (msg->memory_swap == UINT64_MAX) {
		spec->swap = UINT64_MAX;
		return 0;
	}
	if (!msg->memory)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--memory-swap: it needs --memory");
	if (msg->memory_swap < msg->memory)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--memory-swap: it is memory plus swap, and less than --memory");
	spec->swap = msg->memory_swap - msg->memory;
	return 0;
}

/**
 * ctl_limits_check() - the numbers of a request
 * @spec: memory, swap, cpu_usec, pids and rlimits are filled
 *
 * Return: 0 or -1 with BAD_REQUEST naming the flag.
 */
int ctl_limits_check(const Ctl__Spec *msg, struct ctl_spec *spec,
		     struct ctl_fail *fail)
{
	struct err *err = &fail->err;

	if (check_memory(msg, spec, err) < 0)
		return -1;
	if (msg->cpu_usec &&
	    (msg->cpu_usec < CPU_MIN_USEC || msg->cpu_usec > CPU_MAX_USEC))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--cpus: not between 0.01 and 8192");
	if (msg->pids > PIDS_MAX)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--pids: more than %llu", PIDS_MAX);
	spec->cpu_usec = msg->cpu_usec;
	spec->pids = msg->pids;
	if (msg->n_ulimits > CTL_MAX_RLIMITS)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--ulimit: given more than %d times",
			       CTL_MAX_RLIMITS);
	for (size_t i = 0; i < msg->n_ulimits; i++) {
		struct ctl_rlimit *out = &spec->rlimits[i];

		if (ctl_ulimit_parse(msg->ulimits[i], out, err) < 0)
			return -1;
		for (size_t j = 0; j < i; j++)
			if (spec->rlimits[j].resource == out->resource)
				return err_set(err, ERR_BAD_REQUEST, 0,
					       "--ulimit %s: given twice",
					       msg->ulimits[i]->name);
		spec->n_rlimits++;
	}
	return 0;
}
