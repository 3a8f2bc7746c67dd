/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directories that sandboxes of sessions get to see: made, seeded, filled
 * with skills and media, and what may be bound into them.  All of it may be
 * written by sandboxes: no symlink in them is ever followed.
 */
#ifndef CONTROLLER_SESSION_WORKSPACE_H
#define CONTROLLER_SESSION_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/core/fail.h"
#include "controller/policy/resolve.h"

/*
 * In a job (see job.h): makes the sandbox's workspace, seeds it, mirrors
 * skills, and opens the agent's workspace where it is to be seen.
 *
 * Return: 0 and *workspace_fd, *agent_fd (O_PATH, owned; agent_fd -1 where it
 * is not mounted), or -1.
 */
int ses_workspace_prepare(const struct pol_session *session,
			  int *workspace_fd, int *agent_fd,
			  struct ctl_fail *fail);

/*
 * Copies one file into <workspace>/media/inbound/.
 * Return: the path in the sandbox (owned), or NULL.
 */
char *ses_media_add(const struct pol_session *session, const char *file,
		    struct ctl_fail *fail);

/*
 * May this configuration be used for a sandbox with these sources? Refused
 * where a file of it lies in a directory that the sandbox can write.
 */
int ses_config_is_safe(const struct pol_session *session, int workspace_fd,
		       struct ctl_fail *fail);

/*
 * Opens the source of a bind (O_PATH), with the checks of creel.conf(5):
 * protected paths unless @session allows them, sockets unless listed.
 * Return: a descriptor; SES_BIND_NONE: it is not there, and need not be; or -1,
 * the key's path in @fail.
 */
#define SES_BIND_NONE (-2)
int ses_bind_open(const struct pol_session *session,
		  const struct cfg_bind *bind, size_t index,
		  struct ctl_fail *fail);

#endif
