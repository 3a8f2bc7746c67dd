// SPDX-License-Identifier: Apache-2.0
/*
 * A cgroup for each command, below the detached mount that the helper made.
 * Names are made here; nothing that a command can name is ever opened.
 */
#include <config.h>

#include "helper/init/state.h"

static void name_of(char name[48], uint32_t number, const char *file)
{
	(void)snprintf(name, 48, "exec-%u%s%s", number, *file ? "/" : "", file);
}

static int write_file(int dir_fd, const char *path, const char *text)
{
	auto_fd fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) > 0 ? 0 : -1;
}

/* @key begins a line; "" for a file of one number. */
static bool read_number(int dir_fd, const char *path, const char *key,
			uint64_t *number)
{
	auto_fd fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	char text[1024];
	char *at = text;
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (got <= 0)
		return false;
	text[got] = '\0';
	while (strncmp(at, key, strlen(key))) {
		at = strchr(at, '\n');
		if (!at++)
			return false;
	}
	*number = strtoull(at + strlen(key), NULL, 10);
	return true;
}

/*
 * The kernel gives controllers only to children of a cgroup without processes:
 * pid 1 moves to a leaf first. A worker that is about right now makes it EBUSY.
 */
static int make_memory_tree(struct init *in)
{
	int fd = in->config.cgroup_fd;

	if (in->memory_tree)
		return 0;
	if ((mkdirat(fd, "init", 0755) && errno != EEXIST) ||
	    write_file(fd, "init/cgroup.procs", "0") ||
	    write_file(fd, "cgroup.subtree_control", "+memory"))
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

	name_of(name, number, "");
	if ((memory && make_memory_tree(in)) ||
	    mkdirat(in->config.cgroup_fd, name, 0755))
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
 * init_cgroup_usage() - put down what a command has used
 */
void init_cgroup_usage(const struct init *in, struct init_exec *e)
{
	int fd = in->config.cgroup_fd;
	char name[48];

	name_of(name, e->number, "cpu.stat");
	e->end.has_cpu = read_number(fd, name, "usage_usec ", &e->end.cpu_usec);
	name_of(name, e->number, "memory.peak");
	e->end.has_memory = in->events_fd >= 0 &&
			    read_number(fd, e->own_memory ? name : "memory.peak",
					"", &e->end.memory_peak);
}

/**
 * init_cgroup_oom_kills() - how often the memory limit killed
 * @e: an exec, for those of its own where it has such accounting, or NULL
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
