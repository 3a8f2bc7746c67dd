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
 * pid 1 and its workers move to a leaf first. ENOENT: no such controller.
 */
static int need(struct init *in, const char *controller)
{
	int fd = in->config.cgroup_fd;
	char text[16];

	errno = ENOENT;
	if (fd < 0)
		return -1;
	if (!in->leaf && ((mkdirat(fd, "init", 0755) && errno != EEXIST) ||
			  write_file(fd, "init/cgroup.procs", "0")))
		return -1;
	for (size_t i = 0; i < INIT_MAX_WORKERS && !in->leaf; i++) {
		(void)snprintf(text, sizeof(text), "%d", in->workers[i].pid);
		/* ESRCH: it has died. */
		if (in->workers[i].pid > 0)
			(void)write_file(fd, "init/cgroup.procs", text);
	}
	in->leaf = true;
	return write_file(fd, "cgroup.subtree_control", controller);
}

static int limit(const struct init *in, uint32_t number, const char *file,
		 const char *text)
{
	char name[48];

	name_of(name, number, file);
	return write_file(in->config.cgroup_fd, name, text);
}

/* A limit that cannot be had is an error: nothing runs without. */
static int set_limits(struct init *in, struct init_exec *e, const Ini__Exec *m)
{
	char text[48];

	e->stage = INI__STAGE__STAGE_LIMIT_MEMORY;
	(void)snprintf(text, sizeof(text), "%llu",
		       (unsigned long long)m->limit_memory);
	/* ENOENT: the kernel does not count what is swapped. */
	if (m->limit_memory &&
	    (limit(in, e->number, "memory.max", text) ||
	     (limit(in, e->number, "memory.swap.max", "0") && errno != ENOENT)))
		return -1;
	e->stage = INI__STAGE__STAGE_LIMIT_CPU;
	(void)snprintf(text, sizeof(text), "%llu 100000",
		       (unsigned long long)m->limit_cpu_usec);
	if (m->limit_cpu_usec && limit(in, e->number, "cpu.max", text))
		return -1;
	e->stage = INI__STAGE__STAGE_SETUP;
	return 0;
}

static int need_all(struct init *in, struct init_exec *e, const Ini__Exec *m)
{
	e->stage = m->limit_memory ? INI__STAGE__STAGE_LIMIT_MEMORY :
				     INI__STAGE__STAGE_SETUP;
	e->own_memory = m->limit_memory ||
			(m->memory_peak && in->config.cgroup_fd >= 0);
	if (e->own_memory && need(in, "+memory"))
		return -1;
	e->stage = INI__STAGE__STAGE_LIMIT_CPU;
	if (m->limit_cpu_usec && need(in, "+cpu"))
		return -1;
	e->stage = INI__STAGE__STAGE_SETUP;
	return 0;
}

/**
 * init_cgroup_make() - the cgroup of a new command
 * @m: what it shall have of its own; NULL nothing
 *
 * Return: a descriptor for CLONE_INTO_CGROUP, or -1 with errno, which is 0
 * where there are no cgroups and nothing was asked of them.
 */
int init_cgroup_make(struct init *in, struct init_exec *e, const Ini__Exec *m)
{
	char name[48];
	int fd = -1;

	if (m && need_all(in, e, m))
		return -1;
	errno = 0;
	if (in->config.cgroup_fd < 0)
		return -1;
	name_of(name, e->number, "");
	if (mkdirat(in->config.cgroup_fd, name, 0755))
		return -1;
	if (!m || !set_limits(in, e, m))
		fd = openat(in->config.cgroup_fd, name,
			    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		int saved = errno;

		(void)init_cgroup_remove(in, e->number);
		errno = saved;
	}
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
