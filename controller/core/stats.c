// SPDX-License-Identifier: Apache-2.0
/*
 * Reads a sandbox's cgroup through the directory that the helper passed.  The
 * files are the kernel's; nothing of the sandbox is read.
 */
#include <config.h>

#include "controller/core/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/cleanup.h"

static bool read_text(int dir, const char *name, char *text, size_t size)
{
	auto_fd fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);

	if (got <= 0)
		return false;
	text[got] = '\0';
	return true;
}

/* "max" is 0: no limit. */
static bool read_number(int dir, const char *name, uint64_t *value)
{
	char text[64], *end;

	*value = 0;
	if (!read_text(dir, name, text, sizeof(text)))
		return false;
	if (strncmp(text, "max", 3) == 0)
		return true;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && end != text;
}

static bool read_key(int dir, const char *name, const char *key,
		     uint64_t *value)
{
	size_t len = strlen(key);
	char text[1024];

	if (!read_text(dir, name, text, sizeof(text)))
		return false;
	for (const char *at = text; at && *at;) {
		if (strncmp(at, key, len) == 0 && at[len] == ' ') {
			*value = strtoull(at + len + 1, NULL, 10);
			return true;
		}
		at = strchr(at, '\n');
		if (at)
			at++;
	}
	return false;
}

/**
 * ctl_stats_read() - fill in what is known
 * @cgroup_fd: the sandbox's directory, -1 none
 */
void ctl_stats_read(int cgroup_fd, Ctl__Item *item)
{
	if (cgroup_fd < 0)
		return;
	item->has_memory = read_number(cgroup_fd, "memory.current",
				       &item->memory_current);
	if (item->has_memory) {
		(void)read_number(cgroup_fd, "memory.max", &item->memory_max);
		(void)read_number(cgroup_fd, "memory.peak", &item->memory_peak);
	}
	item->has_cpu = read_key(cgroup_fd, "cpu.stat", "usage_usec",
				 &item->cpu_usec);
	item->has_pids = read_number(cgroup_fd, "pids.current",
				     &item->pids_current);
	if (item->has_pids)
		(void)read_number(cgroup_fd, "pids.max", &item->pids_max);
}

/**
 * ctl_stats_frozen() - does all of a sandbox stand still?
 */
bool ctl_stats_frozen(int cgroup_fd)
{
	uint64_t frozen = 0;

	return cgroup_fd >= 0 &&
	       read_key(cgroup_fd, "cgroup.events", "frozen", &frozen) &&
	       frozen != 0;
}

/**
 * ctl_stats_freezes() - is it meant to?
 */
bool ctl_stats_freezes(int cgroup_fd)
{
	uint64_t freeze = 0;

	return cgroup_fd >= 0 &&
	       read_number(cgroup_fd, "cgroup.freeze", &freeze) && freeze != 0;
}
