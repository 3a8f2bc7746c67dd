// SPDX-License-Identifier: Apache-2.0
/*
 * A cgroup for each command, below the detached mount that the helper made.
 * Names are made here; nothing that a command can name is ever opened.
 */
#include <config.h>

#include "helper/init/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/cleanup.h"

static void name_of(char name[48], uint32_t number, const char *file)
{
	(void)snprintf(name, 48, "exec-%u%s%s", number, *file ? "/" : "", file);
}

static int write_file(int dir_fd, const char *path, const char *text)
{
	auto_fd fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	return write(fd, text, strlen(text)) < 0 ? -1 : 0;
}

/* @key is a word at the start of a line, or NULL for a file of one number. */
static bool read_number(int dir_fd, const char *path, const char *key,
			uint64_t *number)
{
	auto_fd fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	char text[1024];
	char *at = text;
	ssize_t got;

	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	if (got <= 0)
		return false;
	text[got] = '\0';
	while (key && at && strncmp(at, key, strlen(key))) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	if (!at)
		return false;
	*number = strtoull(at + (key ? strlen(key) : 0), NULL, 10);
	return true;
}

/*
 * The kernel gives controllers only to children of a cgroup without processes:
 * pid 1 and its helpers move to a leaf first.
 */
static int make_memory_tree(struct init *in)
{
	int fd = in->config.cgroup_fd;
	char line[16];

	if (in->memory_tree)
		return 0;
	if (mkdirat(fd, "init", 0755) && errno != EEXIST)
		return -1;
	if (write_file(fd, "init/cgroup.procs", "0"))
		return -1;
	for (size_t i = 0; i < INIT_MAX_WORKERS; i++) {
		if (in->workers[i].pid <= 0)
			continue;
		(void)snprintf(line, sizeof(line), "%d", in->workers[i].pid);
		/* ESRCH: it is over already, which is as good. */
		(void)write_file(fd, "init/cgroup.procs", line);
	}
	if (write_file(fd, "cgroup.subtree_control", "+memory"))
		return -1;
	in->memory_tree = true;
	return 0;
}

/**
 * init_cgroup_make() - the cgroup of a new command
 * @memory: it shall have memory accounting of its own
 *
 * Return: a descriptor for CLONE_INTO_CGROUP, or -1 with errno.
 */
int init_cgroup_make(struct init *in, uint32_t number, bool memory)
{
	char name[48];
	int fd;

	if (memory && make_memory_tree(in))
		return -1;
	name_of(name, number, "");
	if (mkdirat(in->config.cgroup_fd, name, 0755))
		return -1;
	fd = openat(in->config.cgroup_fd, name,
		    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		(void)init_cgroup_remove(in, number);
	return fd;
}

/**
 * init_cgroup_kill() - SIGKILL to all that a command started, at once
 */
void init_cgroup_kill(const struct init *in, uint32_t number)
{
	char name[48];

	/* ENOENT: it is empty and was removed. */
	name_of(name, number, "cgroup.kill");
	(void)write_file(in->config.cgroup_fd, name, "1");
}

/**
 * init_cgroup_remove() - remove the cgroup of a command
 *
 * Return: false while processes are left in it.
 */
bool init_cgroup_remove(const struct init *in, uint32_t number)
{
	char name[48];

	name_of(name, number, "");
	return unlinkat(in->config.cgroup_fd, name, AT_REMOVEDIR) == 0 ||
	       errno != EBUSY;
}

/**
 * init_cgroup_usage() - what a command has used
 */
void init_cgroup_usage(const struct init *in, const struct init_exec *e,
		       Ini__Exited *usage)
{
	int fd = in->config.cgroup_fd;
	char name[48];

	name_of(name, e->number, "cpu.stat");
	usage->has_cpu = read_number(fd, name, "usage_usec ", &usage->cpu_usec);
	name_of(name, e->number, "memory.peak");
	usage->has_memory = read_number(fd, e->own_memory ? name : "memory.peak",
					NULL, &usage->memory_peak);
}

/**
 * init_cgroup_oom_kills() - how often the memory limit killed
 * @e: an exec with memory accounting of its own, or NULL for the sandbox
 */
uint64_t init_cgroup_oom_kills(const struct init *in, const struct init_exec *e)
{
	uint64_t count = 0;
	char name[48] = "memory.events";

	if (e && e->own_memory)
		name_of(name, e->number, "memory.events");
	(void)read_number(in->config.cgroup_fd, name, "oom_kill ", &count);
	return count;
}

/**
 * init_cgroup_events() - a descriptor that polls POLLPRI when memory.events
 * changes; -1 where the memory controller is not there
 */
int init_cgroup_events(const struct init *in)
{
	char text[256];
	int fd = openat(in->config.cgroup_fd, "memory.events",
			O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!read(fd, text, sizeof(text));
	return fd;
}
