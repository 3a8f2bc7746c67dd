// SPDX-License-Identifier: Apache-2.0
/*
 * /proc of the sandbox.  The kernel's switches in it are set through a mount
 * that nothing else can reach; what the sandbox sees has them read-only and
 * what tells of the host hidden.
 */
#include <config.h>

#include "helper/build.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "helper/knockout.h"
#include "proto/cleanup.h"

/* As runc has them, see SECURITY CONSIDERATIONS in creel-security(7). */
static const char *const readonly[] = { "bus", "fs", "irq", "sys",
					"sysrq-trigger" };
static const char *const masked[] = {
	"acpi",	      "asound",	       "interrupts",  "kcore",
	"keys",	      "latency_stats", "sched_debug", "scsi",
	"timer_list", "timer_stats",
};

/*
 * What a sandbox may have of the kernel objects that are counted by user. Set
 * in the outer namespace, whose values the sealed one cannot raise. One user
 * namespace: the seal's. Mount namespaces are limited by hlp_proc_close(): each
 * detached mount counts as one.
 */
static const struct {
	const char *name, *value;
	const char *of; /* the caller's own, of whom others are: a part of it */
} quotas[] = {
	{ "max_user_namespaces", "1", NULL },
	{ "max_pid_namespaces", "0", NULL },
	{ "max_net_namespaces", "0", NULL },
	{ "max_ipc_namespaces", "0", NULL },
	{ "max_uts_namespaces", "0", NULL },
	{ "max_cgroup_namespaces", "0", NULL },
	{ "max_time_namespaces", "0", NULL },
	{ "max_inotify_instances", "128", "sys/fs/inotify/max_user_instances" },
	{ "max_inotify_watches", "65536", "sys/fs/inotify/max_user_watches" },
	{ "max_fanotify_groups", "0", NULL },
	{ "max_fanotify_marks", "0", NULL },
};

static int put(int dir_fd, const char *name, const char *text, struct err *err)
{
	auto_fd fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	/* ENOENT: a kernel built without the thing that would be limited. */
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_set(err, ERR_KERNEL, errno, "set %s", name);
	return 0;
}

/* Rootless, all sandboxes of a caller count for him: one leaves some. */
static int put_part(const struct hlp_box *box, int dir_fd, size_t i,
		    struct err *err)
{
	auto_fd fd = openat(box->proc_fd, quotas[i].of, O_RDONLY | O_CLOEXEC);
	unsigned long most = strtoul(quotas[i].value, NULL, 10);
	char text[24] = "";
	unsigned long part;

	/* What cannot be read is as if it were what most hosts have. */
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	part = strtoul(text, NULL, 10) / HLP_CALLER_PARTS;
	if (part == 0 || part > most)
		part = most / (part ? 1 : HLP_CALLER_PARTS);
	(void)snprintf(text, sizeof(text), "%lu", part);
	return put(dir_fd, quotas[i].name, text, err);
}

static int set_quotas(struct hlp_box *box, struct err *err)
{
	auto_fd dir_fd = openat(box->proc_fd, "sys/user", O_PATH | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(quotas) / sizeof(quotas[0]); i++)
		if (quotas[i].of && !box->config->system ?
			    put_part(box, dir_fd, i, err) < 0 :
			    put(dir_fd, quotas[i].name, quotas[i].value, err) <
				    0)
			return -1;
	box->quota_fd =
		openat(dir_fd, "max_mnt_namespaces", O_WRONLY | O_CLOEXEC);
	return 0;
}

static int set_switches(struct hlp_box *box, struct err *err)
{
	const struct hlp_map *map = &box->config->maps.gid;
	const struct hlp_extent *last = &map->extent[map->n - 1];
	auto_fd net_fd = -1;
	char groups[24];

	if (!hlp_knocked_out(HLP_LAYER_MAX_USERNS) && set_quotas(box, err) < 0)
		return -1;
	if (box->config->step.new_.net != HLP_NET_NONE ||
	    hlp_knocked_out(HLP_LAYER_NETNS))
		return 0;
	net_fd = openat(box->proc_fd, "sys/net/ipv4", O_PATH | O_CLOEXEC);
	(void)snprintf(groups, sizeof(groups), "%" PRIu32 " %" PRIu32,
		       map->extent[0].inside, last->inside + last->count - 1);
	if (put(net_fd, "ip_unprivileged_port_start", "0", err) < 0)
		return -1;
	return put(net_fd, "ping_group_range", groups, err);
}

/**
 * hlp_proc_close() - allow no mount namespace after the seal's
 *
 * Counted by user: the first one, where pid 1 has the id that cloned it; the
 * detached cgroup mount that pid 1 keeps; the seal's.
 */
int hlp_proc_close(const struct hlp_box *box, struct err *err)
{
	const struct hlp_box_config *config = box->config;
	bool caller_is_root = config->step.new_.uid == 0;
	bool first = config->system ?
			     !config->step.new_.map_caller || !caller_is_root :
			     !config->id_range || caller_is_root;
	char left = (char)('1' + first + config->cgroup);

	if (hlp_knocked_out(HLP_LAYER_MAX_USERNS))
		return 0;
	if (write(box->quota_fd, &left, 1) != 1)
		return err_set(err, ERR_KERNEL, errno,
			       "set max_mnt_namespaces");
	return 0;
}

/* The kernel gives no new proc where the host's has something mounted over. */
static int explain_proc(struct err *err)
{
	auto_fd host_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char point[64];

	if (err->sys == EPERM && hlp_proc_covered(host_fd, point))
		return err_set(
			err, ERR_UNSUPPORTED, EPERM,
			"no /proc for a sandbox: something is mounted on %s (is this a container?)",
			point);
	return -1;
}

/**
 * hlp_proc_new() - a proc of the sandbox's pid namespace, not attached yet
 */
int hlp_proc_new(struct hlp_box *box, struct err *err)
{
	if (box->proc_fd < 0)
		box->proc_fd =
			hlp_mount_new("proc", NULL,
				      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					      MOUNT_ATTR_NOEXEC,
				      err);
	if (box->proc_fd < 0)
		return explain_proc(err);
	return set_switches(box, err);
}

/*
 * Directories are masked by an empty file system, files by /dev/null as the
 * host has it; the rest by itself, read-only.
 */
static int cover(struct hlp_box *box, const char *name, bool mask,
		 struct err *err)
{
	static const struct hlp_option empty[] = { { "size", "4k" },
						   { "nr_inodes", "1" },
						   { "mode", "555" },
						   { NULL, NULL } };
	const uint64_t attr =
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	auto_fd target_fd = hlp_open_in(box->proc_fd, name, HLP_WALK_OWN);
	auto_fd tree_fd = -1;
	struct stat st;

	/* ENOENT: this kernel has no such thing. */
	if (target_fd < 0 && errno == ENOENT)
		return 0;
	if (target_fd < 0 || fstat(target_fd, &st) < 0)
		return err_set(err, ERR_KERNEL, errno, "open /proc/%s", name);
	if (!mask)
		tree_fd = hlp_mount_tree(target_fd, "", attr | MOUNT_ATTR_NODEV,
					 err);
	else if (S_ISDIR(st.st_mode))
		tree_fd = hlp_mount_new("tmpfs", empty, attr | MOUNT_ATTR_NODEV,
					err);
	else
		tree_fd = hlp_mount_tree(AT_FDCWD, "/dev/null", attr, err);
	if (tree_fd < 0 || hlp_mount_attach(tree_fd, target_fd, err) < 0)
		return err_wrap(err, "/proc/%s", name);
	return 0;
}

/**
 * hlp_proc_attach() - put it on /proc, masked
 *
 * Each mask is laid on a descriptor that was checked to lie on proc: never on
 * a path of the root's.
 */
int hlp_proc_attach(struct hlp_box *box, struct err *err)
{
	struct statfs fs;

	if (hlp_own_attach(box, box->proc_fd, "/proc", true, err) < 0)
		return -1;
	if (fstatfs(box->proc_fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return err_set(err, ERR_INTERNAL, 0, "/proc is not proc");
	if (hlp_knocked_out(HLP_LAYER_MASKS))
		return 0;
	for (size_t i = 0; i < sizeof(readonly) / sizeof(readonly[0]); i++)
		if (cover(box, readonly[i], false, err) < 0)
			return -1;
	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++)
		if (cover(box, masked[i], true, err) < 0)
			return -1;
	return 0;
}

/* Of the denied types, those that creel mounts itself, where it does. */
static bool is_own_mount(const struct hlp_mount_line *line)
{
	if (!strcmp(line->point, "/proc") || !strncmp(line->point, "/proc/", 6))
		return true;
	return !strncmp(line->point, "/dev/", 5) &&
	       !strchr(line->point + 5, '/');
}

static bool find_denied(const struct hlp_mount_line *line, void *arg)
{
	char *found = arg;

	if (!hlp_type_denied(line->type) || is_own_mount(line))
		return true;
	(void)snprintf(found, 32, "%s", line->type);
	return false;
}

/**
 * hlp_proc_check() - no kernel file system came in with a bind source
 *
 * Sources are bound with all that is mounted in them, so their own type says
 * not enough. Called when the host's mounts are gone from this namespace.
 */
int hlp_proc_check(struct hlp_box *box, struct err *err)
{
	char found[32] = "";

	if (hlp_mountinfo_each(box->proc_fd, find_denied, found, err) < 0)
		return -1;
	if (found[0])
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "a bind source has %s mounted in it", found);
	return 0;
}
