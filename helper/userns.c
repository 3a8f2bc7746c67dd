// SPDX-License-Identifier: Apache-2.0
/*
 * Id maps.  A rootless helper gets its power from a user namespace of its own;
 * a range of ids in it comes from newuidmap(1) and newgidmap(1), the only
 * programs that creel-helper ever executes, by absolute path and without an
 * environment.  Nothing here asks a name service.
 */
#include <config.h>

#include "helper/userns.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "proto/cleanup.h"

#define HLP_HOME_MAX_IDS 65535
#define HLP_TEXT_MAX_BYTES (1024 * 1024)

/* Digits only, no sign, no leading zero: "0100" may mean 64 to someone else. */
static bool read_number(const char *text, size_t len, uint32_t *value)
{
	uint64_t sum = 0;

	if (len == 0 || len > 10 || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		sum = sum * 10 + (uint64_t)(text[i] - '0');
	}
	*value = (uint32_t)sum;
	return sum < UINT32_MAX;
}

static bool owner_is(const char *field, size_t len, const char *name, uid_t uid)
{
	uint32_t number;

	if (read_number(field, len, &number))
		return number == uid;
	return name[0] && strlen(name) == len && !memcmp(field, name, len);
}

static bool read_subid_line(const char *line, size_t len, const char *name,
			    uid_t uid, struct hlp_subid *found)
{
	const char *first = memchr(line, ':', len);
	const char *count, *end = line + len;

	if (!first || !owner_is(line, (size_t)(first - line), name, uid))
		return false;
	first++;
	count = memchr(first, ':', (size_t)(end - first));
	if (!count ||
	    !read_number(first, (size_t)(count - first), &found->first))
		return false;
	count++;
	if (!read_number(count, (size_t)(end - count), &found->count))
		return false;
	/* A range that holds host uid 0, wraps, or is empty is no range. */
	return found->first > 0 && found->count > 0 &&
	       found->count < UINT32_MAX - found->first;
}

/**
 * hlp_subid_find() - find a user's range in the text of /etc/subuid
 * @text:  terminated; lines "owner:first:count", see subuid(5)
 * @name:  the user's name, "" where it is unknown
 * @uid:   the user
 * @found: filled on success, with the first well-formed range
 */
bool hlp_subid_find(const char *text, const char *name, uid_t uid,
		    struct hlp_subid *found)
{
	struct hlp_subid range;

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (read_subid_line(text, len, name, uid, &range)) {
			*found = range;
			return true;
		}
		text += len + (text[len] == '\n');
	}
	return false;
}

static char *read_text(const char *path)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	auto_free char *text = NULL;
	size_t used = 0;
	ssize_t got;

	if (fd < 0)
		return NULL;
	text = malloc(HLP_TEXT_MAX_BYTES);
	if (!text)
		return NULL;
	while (used < HLP_TEXT_MAX_BYTES - 1 &&
	       (got = read(fd, text + used, HLP_TEXT_MAX_BYTES - 1 - used)) > 0)
		used += (size_t)got;
	text[used] = '\0';
	return ptr_take(&text);
}

/* /etc/passwd alone: a user of some other name service lists his number. */
static void find_name(uid_t uid, char *name, size_t size)
{
	auto_free char *text = read_text("/etc/passwd");
	char want[16];
	int len = snprintf(want, sizeof(want), ":%" PRIu32 ":", (uint32_t)uid);

	name[0] = '\0';
	for (const char *line = text; line && *line;) {
		size_t all = strcspn(line, "\n");
		size_t user = strcspn(line, ":\n");
		const char *id = memchr(line + user + 1, ':',
					all > user ? all - user - 1 : 0);

		if (id && line + all - id > len && user < size &&
		    !memcmp(id, want, (size_t)len)) {
			memcpy(name, line, user);
			name[user] = '\0';
			return;
		}
		line += all + (line[all] == '\n');
	}
}

static bool find_range(const char *path, const char *name, uid_t uid,
		       struct hlp_subid *found)
{
	auto_free char *text = read_text(path);

	if (!text || !hlp_subid_find(text, name, uid, found))
		return false;
	if (found->count > HLP_HOME_MAX_IDS)
		found->count = HLP_HOME_MAX_IDS;
	return true;
}

/*
 * PROGRAM PID 0 CALLER 1 1 FIRST COUNT, see newuidmap(1): by a process that
 * stays outside the new namespace, once a byte says that there is one.
 */
static pid_t fork_mapper(const char *program, uint32_t caller,
			 const struct hlp_subid *range, int go[2])
{
	char pid[12], own[12], first[12], count[12];
	const char *const argv[] = { program, pid,   "0",   own, "1",
				     "1",     first, count, NULL };
	char *const envp[] = { NULL };
	pid_t child;
	char byte;

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)snprintf(own, sizeof(own), "%" PRIu32, caller);
	(void)snprintf(first, sizeof(first), "%" PRIu32, range->first);
	(void)snprintf(count, sizeof(count), "%" PRIu32, range->count);
	child = fork();
	if (child != 0)
		return child;
	fd_close(&go[1]);
	if (read(go[0], &byte, 1) == 1 && close_range(0, ~0U, 0) == 0)
		execve(program, (char *const *)argv, envp);
	_exit(127);
}

static bool has_worked(pid_t child)
{
	int status;

	return child > 0 && waitpid(child, &status, 0) == child &&
	       WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool sysctl_is(const char *path, const char *value)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 &&
	       text[strcspn(text, "\n")] == '\n' &&
	       strlen(value) == strcspn(text, "\n") &&
	       !memcmp(text, value, strlen(value));
}

static int explain(int sys, struct err *err)
{
	static const struct {
		const char *path, *bad, *text;
	} known[] = {
		{ "/proc/sys/kernel/unprivileged_userns_clone", "0",
		  "kernel.unprivileged_userns_clone is 0" },
		{ "/proc/sys/user/max_user_namespaces", "0",
		  "user.max_user_namespaces is 0" },
		{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
		  "kernel.apparmor_restrict_unprivileged_userns is 1" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (sysctl_is(known[i].path, known[i].bad))
			return err_set(
				err, ERR_UNSUPPORTED, sys,
				"no user namespaces for ordinary users: %s",
				known[i].text);
	return err_set(err, ERR_UNSUPPORTED, sys,
		       "cannot make a user namespace");
}

static int map_self(uid_t uid, gid_t gid, struct err *err)
{
	struct hlp_maps maps = { .deny_setgroups = true };
	auto_fd proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	hlp_map_add(&maps.uid, 0, uid, 1);
	hlp_map_add(&maps.gid, 0, gid, 1);
	if (hlp_maps_write(proc_fd, "self", &maps, err) < 0)
		return err->sys == EPERM || err->sys == EACCES ?
			       explain(err->sys, err) :
			       -1;
	return 0;
}

/**
 * hlp_home_enter() - move into a user namespace of the caller's
 * @uid:  the caller, not 0; this process has his ids, is dumpable and may gain
 *        privileges by executing newuidmap(1)
 * @home: filled; how many subordinate ids there are
 *
 * The mount namespace stays the host's: descriptors that come from there must
 * still have their paths in ours.
 *
 * Return: 0 or -1. UNSUPPORTED with the sysctl that forbids user namespaces.
 * Privilege: all capabilities in the new namespace, none outside.
 */
int hlp_home_enter(uid_t uid, gid_t gid, struct hlp_home *home, struct err *err)
{
	struct hlp_subid uids, gids;
	pid_t mapper[2] = { -1, -1 };
	int go[2] = { -1, -1 }, sys = 0;
	char name[64];
	bool done[2];

	*home = (struct hlp_home){ 0 };
	if (uid == 0)
		return err_set(err, ERR_UNSUPPORTED, 0,
			       "root cannot be mapped, use the system mode");
	find_name(uid, name, sizeof(name));
	if (find_range("/etc/subuid", name, uid, &uids) &&
	    find_range("/etc/subgid", name, uid, &gids) &&
	    pipe2(go, O_CLOEXEC) == 0) {
		mapper[0] = fork_mapper("/usr/bin/newuidmap", uid, &uids, go);
		mapper[1] = fork_mapper("/usr/bin/newgidmap", gid, &gids, go);
	}
	if (unshare(CLONE_NEWUSER) < 0 ||
	    (go[1] >= 0 && write(go[1], "go", 2) != 2))
		sys = errno;
	fd_close(&go[0]);
	fd_close(&go[1]);
	done[0] = has_worked(mapper[0]);
	done[1] = has_worked(mapper[1]);
	if (sys)
		return explain(sys, err);
	if (!done[0] && !done[1])
		return map_self(uid, gid, err);
	if (!done[0] || !done[1])
		return err_set(err, ERR_UNSUPPORTED, 0,
			       "of newuidmap and newgidmap only one works");
	home->n_uids = uids.count;
	home->n_gids = gids.count;
	return 0;
}

/**
 * hlp_map_add() - append an extent; an empty one is left out
 */
void hlp_map_add(struct hlp_map *map, uint32_t inside, uint32_t outside,
		 uint32_t count)
{
	if (count > 0 && map->n < HLP_MAP_MAX_EXTENTS)
		map->extent[map->n++] =
			(struct hlp_extent){ inside, outside, count };
}

/**
 * hlp_map_around() - a range, with one id in it that is the caller's
 * @id:     the caller's id inside
 * @caller: his id outside
 * @rest:   where the others go: from @rest.inside 0, @rest.count ids; what
 *          @rest.outside would give @id stays unused where the counts agree
 */
void hlp_map_around(struct hlp_map *map, uint32_t id, uint32_t caller,
		    struct hlp_extent rest)
{
	uint32_t below = id < rest.count ? id : rest.count;

	hlp_map_add(map, 0, rest.outside, below);
	hlp_map_add(map, id, caller, 1);
	if (id + 1 < rest.count)
		hlp_map_add(map, id + 1, rest.outside + id + 1,
			    rest.count - id - 1);
}

/**
 * hlp_map_mirror() - the map of a namespace below that changes nothing
 *
 * Extent by extent: the kernel refuses one large extent over several.
 */
void hlp_map_mirror(struct hlp_map *inner, const struct hlp_map *outer)
{
	inner->n = 0;
	for (uint32_t i = 0; i < outer->n; i++)
		hlp_map_add(inner, outer->extent[i].inside,
			    outer->extent[i].inside, outer->extent[i].count);
}

static int write_file(int dir_fd, const char *pid, const char *name,
		      const char *text, struct err *err)
{
	char path[48];
	auto_fd fd = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", pid, name);
	fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_set(err, ERR_KERNEL, errno, "write %s", name);
	return 0;
}

static int write_map(int proc_fd, const char *pid, const char *name,
		     const struct hlp_map *map, struct err *err)
{
	char text[HLP_MAP_MAX_EXTENTS * 36];
	size_t used = 0;

	for (uint32_t i = 0; i < map->n; i++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used,
			"%" PRIu32 " %" PRIu32 " %" PRIu32 "\n",
			map->extent[i].inside, map->extent[i].outside,
			map->extent[i].count);
	return write_file(proc_fd, pid, name, text, err);
}

/**
 * hlp_maps_write() - give a user namespace its ids
 * @proc_fd: a proc file system in which @pid is the namespace's process
 * @pid:     number or "self"
 *
 * setgroups is denied before gid_map is written; afterwards it could not be.
 *
 * Return: 0 or -1 with KERNEL.
 */
int hlp_maps_write(int proc_fd, const char *pid, const struct hlp_maps *maps,
		   struct err *err)
{
	if (maps->deny_setgroups &&
	    write_file(proc_fd, pid, "setgroups", "deny", err) < 0)
		return -1;
	if (write_map(proc_fd, pid, "gid_map", &maps->gid, err) < 0)
		return -1;
	return write_map(proc_fd, pid, "uid_map", &maps->uid, err);
}
