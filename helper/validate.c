// SPDX-License-Identifier: Apache-2.0
/*
 * Judges values. A user can ask his controller for any of these, so what is
 * wrong is answered, not punished. Touches nothing but its arguments and, for
 * descriptors, fcntl(F_GETFL) and fstat().
 */
#include <config.h>

#include "helper/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define MIN_MEMORY_BYTES (1ULL << 20)
#define MIN_CPU_USEC 1000U
#define MAX_CPU_USEC 100000000U
#define MAX_CPU_WEIGHT 10000U
#define MAX_HOST_LABEL 63

/*
 * What makes a target well formed is the step's own check; here is what must
 * hold before it fits into one.
 */
static int copy_target(const char *path, char *target, struct err *err)
{
	size_t len = strlen(path);

	if (len >= WIRE_PATH_MAX_BYTES)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "target is longer than %d bytes",
			       WIRE_PATH_MAX_BYTES - 1);
	if (strchr(path, '\n'))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "target holds a line break");
	memcpy(target, path, len + 1);
	return 0;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* RFC 1123 2.1: labels of letters, digits and inner hyphens. */
static bool hostname_ok(const char *name)
{
	size_t len = strlen(name);
	size_t label = 0;

	if (len == 0 || len > HLP_HOSTNAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i <= len; i++) {
		if (i == len || name[i] == '.') {
			if (label == 0 || label > MAX_HOST_LABEL ||
			    !is_alnum(name[i - 1]))
				return false;
			label = 0;
		} else if (is_alnum(name[i]) || (name[i] == '-' && label)) {
			label++;
		} else {
			return false;
		}
	}
	return true;
}

static int check_new(const struct hlp_args *args,
		     const struct hlp_policy *policy, struct hlp_step *step,
		     struct err *err)
{
	if (args->cap_keep & hlp_policy_cap_never())
		return err_set(err, ERR_DENIED, 0,
			       "a capability that no command may keep");
	if (args->cap_keep & ~policy->cap_keep)
		return err_set(err, ERR_DENIED, 0,
			       "a capability that helper.conf does not list in cap-keep");
	if (args->net == HLP_NET_HOST && !policy->host_network)
		return err_set(err, ERR_DENIED, 0,
			       "helper.conf does not allow host-network");
	if (args->map_caller && !policy->map_caller)
		return err_set(err, ERR_DENIED, 0,
			       "helper.conf does not allow map-caller");
	step->new_.uid = args->uid;
	step->new_.gid = args->gid;
	step->new_.net = args->net;
	step->new_.root = args->root;
	step->new_.map_caller = args->map_caller;
	step->new_.want_cgroup = args->want_cgroup;
	step->new_.cap_keep = args->cap_keep;
	return 0;
}

static int check_range(const char *what, uint64_t value, uint64_t min,
		       uint64_t max, struct err *err)
{
	if (value < min)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%s limit %llu is below %llu", what,
			       (unsigned long long)value,
			       (unsigned long long)min);
	if (max && value > max)
		return err_set(err, ERR_DENIED, 0,
			       "%s limit %llu is above the allowed %llu", what,
			       (unsigned long long)value,
			       (unsigned long long)max);
	return 0;
}

static int check_limit(const struct hlp_args *args,
		       const struct hlp_policy *policy, struct hlp_step *step,
		       struct err *err)
{
	uint64_t max_cpu = policy->max_cpu_usec ? policy->max_cpu_usec :
						  MAX_CPU_USEC;

	step->limit.limit = args->limit;
	step->limit.value = args->value;
	switch (args->limit) {
	case HLP_LIMIT_MEMORY_MAX:
		return check_range("memory", args->value, MIN_MEMORY_BYTES,
				   policy->max_memory, err);
	case HLP_LIMIT_MEMORY_SWAP_MAX:
		return check_range("swap", args->value, 0, policy->max_memory,
				   err);
	case HLP_LIMIT_PIDS_MAX:
		return check_range("pids", args->value, 1, policy->max_pids,
				   err);
	case HLP_LIMIT_CPU_MAX:
		return check_range("cpu", args->value, MIN_CPU_USEC, max_cpu,
				   err);
	case HLP_LIMIT_CPU_WEIGHT:
		return check_range("cpu weight", args->value, 1, MAX_CPU_WEIGHT,
				   err);
	case HLP_LIMIT_INVALID:
	case HLP_LIMIT_COUNT:
		break;
	}
	return err_set(err, ERR_INTERNAL, 0, "limit %d", (int)args->limit);
}

static int check_hostname(const char *name, struct hlp_step *step,
			  struct err *err)
{
	if (!hostname_ok(name))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "host name is not one of RFC 1123");
	memcpy(step->hostname.name, name, strlen(name) + 1);
	return 0;
}

static int fill(const struct hlp_args *args, const struct hlp_policy *policy,
		struct hlp_step *step, struct err *err)
{
	switch (args->op) {
	case HLP_OP_NEW:
		return check_new(args, policy, step, err);
	case HLP_OP_IMAGE:
		step->image.writable = args->writable;
		return 0;
	case HLP_OP_MOUNT:
		step->mount.readonly = args->readonly;
		step->mount.noexec = args->noexec;
		return copy_target(args->text, step->mount.target, err);
	case HLP_OP_TMPFS:
		step->tmpfs.size = args->size;
		step->tmpfs.inodes = args->inodes;
		step->tmpfs.mode = args->mode;
		step->tmpfs.noexec = args->noexec;
		return copy_target(args->text, step->tmpfs.target, err);
	case HLP_OP_WRITE:
		step->write.file = args->file;
		step->write.len = (uint32_t)args->len;
		if (args->len)
			memcpy(step->write.content, args->data, args->len);
		return 0;
	case HLP_OP_LIMIT:
		return check_limit(args, policy, step, err);
	case HLP_OP_HOSTNAME:
		return check_hostname(args->text, step, err);
	case HLP_OP_START:
	case HLP_OP_ABORT:
	case HLP_OP_KILL:
		return 0;
	case HLP_OP_INVALID:
	case HLP_OP_KEEP:
	case HLP_OP_DROP:
	case HLP_OP_BYE:
	case HLP_OP_COUNT:
		break;
	}
	return err_set(err, ERR_INTERNAL, 0, "verb %d is no step",
		       (int)args->op);
}

/**
 * hlp_validate() - check the values of a verb and make the step of it
 * @n_fds: descriptors that came with the verb
 * @step:  wholly written; slot is left 0
 *
 * Return: 0, or -1 with BAD_REQUEST or DENIED for the controller.
 */
int hlp_validate(const struct hlp_args *args, const struct hlp_policy *policy,
		 size_t n_fds, struct hlp_step *step, struct err *err)
{
	memset(step, 0, sizeof(*step));
	step->op = args->op;
	step->seq = args->seq;
	if (fill(args, policy, step, err) < 0)
		return -1;
	/* One descriptor goes with this step that does not with the verb. */
	return hlp_step_check(step, n_fds + (args->op == HLP_OP_NEW), err);
}

static int check_path_fd(int fd, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return err_set(err, ERR_KERNEL, errno, "fcntl");
	if (!(flags & O_PATH))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "descriptor of a source is not O_PATH");
	return 0;
}

/*
 * A kept socket could be the controller's own end of this connection, whose
 * end of file would then never be seen.
 */
static int check_kept_fd(int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, ERR_KERNEL, errno, "fstat");
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode) &&
	    !S_ISREG(st.st_mode))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "only pipes, terminals and files can be kept");
	return 0;
}

/**
 * hlp_validate_fds() - check the descriptors of a verb
 * @fds: as many as the verb's row in the table allows
 *
 * Types and file systems of sources are the spawner's to check, next to the
 * calls that use them. Return: 0, or -1 with BAD_REQUEST.
 */
int hlp_validate_fds(const struct hlp_args *args, const int *fds, size_t n_fds,
		     struct err *err)
{
	for (size_t i = 0; i < n_fds; i++) {
		if (args->op == HLP_OP_KEEP) {
			if (check_kept_fd(fds[i], err) < 0)
				return -1;
		} else if (check_path_fd(fds[i], err) < 0) {
			return -1;
		}
	}
	return 0;
}
