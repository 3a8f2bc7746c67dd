// SPDX-License-Identifier: Apache-2.0
/*
 * The checks of a step: pure functions over the structure, no system calls.
 * Used by the dispatcher, whose peer is the controller, and again by the
 * spawner, whose peer is the dispatcher.
 */
#include <config.h>

#include "helper/step.h"

#include <string.h>

static const char *const file_names[HLP_FILE_COUNT] = {
	[HLP_FILE_PASSWD] = "passwd",
	[HLP_FILE_GROUP] = "group",
	[HLP_FILE_HOSTS] = "hosts",
	[HLP_FILE_RESOLV_CONF] = "resolv.conf",
	[HLP_FILE_NSSWITCH] = "nsswitch.conf",
	[HLP_FILE_HOSTNAME] = "hostname",
};

/* Trees that creel alone fills; nothing of a controller's is mounted there. */
static const char *const own_trees[] = { "/proc", "/sys", "/dev/pts",
					 "/dev/mqueue" };

/**
 * hlp_file_name() - the name below /etc of a file that a controller may write
 *
 * Return: a static string, NULL where there is no such file.
 */
const char *hlp_file_name(enum hlp_file file)
{
	unsigned int index = file;

	return index < HLP_FILE_COUNT ? file_names[index] : NULL;
}

/**
 * hlp_step_target() - where a step mounts something, NULL for one that does not
 */
const char *hlp_step_target(const struct hlp_step *step)
{
	if (step->op == HLP_OP_MOUNT)
		return step->mount.target;
	return step->op == HLP_OP_TMPFS ? step->tmpfs.target : NULL;
}

/**
 * hlp_target_ok() - whether a mount target is well formed
 * @path: @size bytes, which must hold a terminator
 *
 * Absolute, not "/", no empty, "." or ".." component, no control character,
 * which would forge lines where it is shown. Where it leads is decided by the
 * kernel when the target is walked.
 */
bool hlp_target_ok(const char *path, size_t size)
{
	const char *part = path;

	if (!memchr(path, '\0', size) || path[0] != '/')
		return false;
	for (const char *at = path; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return false;
	while (*part == '/') {
		size_t len = strcspn(++part, "/");

		if (len == 0 || len > 255 || (len == 1 && part[0] == '.') ||
		    (len == 2 && !memcmp(part, "..", 2)))
			return false;
		part += len;
	}
	return true;
}

static bool is_own(const char *path)
{
	for (size_t i = 0; i < sizeof(own_trees) / sizeof(own_trees[0]); i++) {
		size_t len = strlen(own_trees[i]);

		if (!strncmp(path, own_trees[i], len) &&
		    (path[len] == '/' || path[len] == '\0'))
			return true;
	}
	return !strcmp(path, "/dev");
}

static int check_target(const char *path, struct err *err)
{
	if (!hlp_target_ok(path, WIRE_PATH_MAX_BYTES))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "target is not a clean absolute path");
	if (is_own(path))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "nothing can be mounted on or below %.40s",
			       path);
	return 0;
}

/* A bool that a hostile peer filled may hold any byte; look at it as one. */
static bool is_bool(const bool *value)
{
	unsigned char byte;

	memcpy(&byte, value, 1);
	return byte <= 1;
}

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_BAD_REQUEST, 0, "%s", what);
}

static int check_new(const struct hlp_step *step, struct err *err)
{
	if (step->new_.uid > HLP_MAX_ID || step->new_.gid > HLP_MAX_ID)
		return bad(err, "ids inside a sandbox go up to 65535");
	if (step->new_.net != HLP_NET_NONE && step->new_.net != HLP_NET_HOST)
		return bad(err, "unknown network");
	if (step->new_.root != HLP_ROOT_HOST &&
	    step->new_.root != HLP_ROOT_IMAGE)
		return bad(err, "unknown root");
	if (!is_bool(&step->new_.map_caller) ||
	    !is_bool(&step->new_.want_cgroup))
		return bad(err, "not a truth value");
	return 0;
}

static int check_tmpfs(const struct hlp_step *step, struct err *err)
{
	if (step->tmpfs.size == 0 || step->tmpfs.size > UINT64_C(1) << 50)
		return bad(err, "size of a tmpfs");
	if (step->tmpfs.inodes == 0 || step->tmpfs.inodes > UINT64_C(1) << 40)
		return bad(err, "number of inodes of a tmpfs");
	if (step->tmpfs.mode & ~UINT32_C(01777))
		return bad(err, "mode of a tmpfs");
	if (!is_bool(&step->tmpfs.noexec))
		return bad(err, "not a truth value");
	return check_target(step->tmpfs.target, err);
}

static int check_limit(const struct hlp_step *step, struct err *err)
{
	uint64_t value = step->limit.value;

	if (step->limit.limit <= HLP_LIMIT_INVALID ||
	    step->limit.limit >= HLP_LIMIT_COUNT)
		return bad(err, "unknown limit");
	if (value > INT64_MAX)
		return bad(err, "value of a limit");
	if (step->limit.limit == HLP_LIMIT_CPU_WEIGHT &&
	    (value < 1 || value > 10000))
		return bad(err, "cpu weight goes from 1 to 10000");
	if (step->limit.limit == HLP_LIMIT_CPU_MAX &&
	    (value < 1000 || value > 100000 * 4096ULL))
		return bad(err, "cpu limit goes from 1000 microseconds up");
	return 0;
}

/*
 * RFC 1123, so that it cannot surprise what reads /etc/hosts: labels of
 * letters, digits and '-', which neither begin nor end in '-'.
 */
static int check_hostname(const char *name, struct err *err)
{
	size_t len = strnlen(name, HLP_HOSTNAME_MAX_BYTES + 1);

	if (len > HLP_HOSTNAME_MAX_BYTES)
		return bad(err, "host name too long");
	for (;; name += len + 1) {
		len = strcspn(name, ".");
		if (len == 0 || name[0] == '-' || name[len - 1] == '-' ||
		    strspn(name, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") < len)
			return bad(err, "host name is not as RFC 1123 has it");
		if (name[len] == '\0')
			return 0;
	}
}

static int check_mount(const struct hlp_step *step, struct err *err)
{
	if (!is_bool(&step->mount.readonly) ||
	    !is_bool(&step->mount.noexec) || !is_bool(&step->mount.layers))
		return bad(err, "not a truth value");
	return check_target(step->mount.target, err);
}

static int check_write(const struct hlp_step *step, struct err *err)
{
	if (!hlp_file_name(step->write.file))
		return bad(err, "unknown file");
	if (step->write.len > WIRE_FILE_MAX_BYTES)
		return bad(err, "file too long");
	return 0;
}

/**
 * hlp_step_check() - check every enum, bound and terminator of a step
 * @step:  of the right size; trusted for nothing else
 * @n_fds: descriptors that came with it
 * @err:   filled on failure
 *
 * Return: 0 or -1 with BAD_REQUEST. What only the table of sandboxes can tell
 * (is the slot in use, is it being built) is the caller's to check.
 */
int hlp_step_check(const struct hlp_step *step, size_t n_fds, struct err *err)
{
	size_t want_fds = 0;
	int failed = 0;

	if (step->slot >= HLP_MAX_SLOTS)
		return bad(err, "no such slot");
	switch (step->op) {
	case HLP_OP_NEW:
		want_fds = 1;
		failed = check_new(step, err);
		break;
	case HLP_OP_IMAGE:
		if (!is_bool(&step->image.writable))
			return bad(err, "not a truth value");
		want_fds = step->image.writable ? 2 : 1;
		break;
	case HLP_OP_MOUNT:
		want_fds = 1;
		failed = check_mount(step, err);
		break;
	case HLP_OP_TMPFS:
		failed = check_tmpfs(step, err);
		break;
	case HLP_OP_WRITE:
		failed = check_write(step, err);
		break;
	case HLP_OP_LIMIT:
		failed = check_limit(step, err);
		break;
	case HLP_OP_HOSTNAME:
		failed = check_hostname(step->hostname.name, err);
		break;
	case HLP_OP_PAUSE:
		if (!is_bool(&step->pause.on))
			return bad(err, "not a truth value");
		break;
	case HLP_OP_START:
	case HLP_OP_ABORT:
	case HLP_OP_KILL:
		break;
	case HLP_OP_INVALID:
	case HLP_OP_KEEP:
	case HLP_OP_DROP:
	case HLP_OP_BYE:
	case HLP_OP_COUNT:
		return bad(err, "not a step");
	}
	if (step->op <= HLP_OP_INVALID || step->op >= HLP_OP_COUNT)
		return bad(err, "not a step");
	if (failed)
		return -1;
	if (n_fds != want_fds)
		return bad(err, "wrong number of descriptors");
	return 0;
}
