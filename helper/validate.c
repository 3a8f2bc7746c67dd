// SPDX-License-Identifier: Apache-2.0
/*
 * Judges values. A user can ask his controller for any of these, so what is
 * wrong is answered, not punished. hlp_step_check() knows what is well formed,
 * this file what the policy grants.
 */
#include <config.h>

#include "helper/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int denied(struct err *err, const char *why)
{
	return err_set(err, ERR_DENIED, 0, "%s", why);
}

static int check_new(const struct hlp_step *step,
		     const struct hlp_policy *policy, struct err *err)
{
	if (step->new_.cap_keep & hlp_policy_cap_never())
		return denied(err, "a capability that no command may keep");
	if (step->new_.cap_keep & ~policy->cap_keep)
		return denied(err, "a capability that helper.conf does not list in cap-keep");
	if (step->new_.net == HLP_NET_HOST && !policy->host_network)
		return denied(err, "helper.conf does not allow host-network");
	if (step->new_.map_caller && !policy->map_caller)
		return denied(err, "helper.conf does not allow map-caller");
	return 0;
}

static int check_limit(const struct hlp_step *step,
		       const struct hlp_policy *policy, struct err *err)
{
	const uint64_t max[HLP_LIMIT_COUNT] = {
		[HLP_LIMIT_MEMORY_MAX] = policy->max_memory,
		[HLP_LIMIT_MEMORY_SWAP_MAX] = policy->max_memory,
		[HLP_LIMIT_PIDS_MAX] = policy->max_pids,
		[HLP_LIMIT_CPU_MAX] = policy->max_cpus * 100000ULL,
	};
	uint64_t ceiling = max[step->limit.limit];

	if (ceiling && step->limit.value > ceiling)
		return err_set(err, ERR_DENIED, 0,
			       "limit %llu is above helper.conf's %llu",
			       (unsigned long long)step->limit.value,
			       (unsigned long long)ceiling);
	return 0;
}

/**
 * hlp_validate() - check a step against form and policy
 * @fds: those that came with the verb
 *
 * Kinds and file systems of sources are the spawner's to check, next to the
 * calls that use them. Return: 0, or -1 with BAD_REQUEST or DENIED.
 */
int hlp_validate(const struct hlp_step *step, const struct hlp_policy *policy,
		 const int *fds, size_t n_fds, struct err *err)
{
	/* A descriptor goes with this step that does not with the verb. */
	if (hlp_step_check(step, n_fds + (step->op == HLP_OP_NEW), err) < 0)
		return -1;
	for (size_t i = 0; i < n_fds; i++) {
		int flags = fcntl(fds[i], F_GETFL);

		if (flags < 0 || !(flags & O_PATH))
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "descriptor of a source is not O_PATH");
	}
	if (step->op == HLP_OP_NEW)
		return check_new(step, policy, err);
	if (step->op == HLP_OP_LIMIT)
		return check_limit(step, policy, err);
	return 0;
}

/**
 * hlp_validate_kept() - check a descriptor that a controller wants kept
 *
 * Not a socket: it could be the controller's own end of this connection, whose
 * end of file would then never be seen. Return: 0, or -1 with BAD_REQUEST.
 */
int hlp_validate_kept(int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0 ||
	    (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode) &&
	     !S_ISREG(st.st_mode)))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "only pipes, terminals and files can be kept");
	return 0;
}
