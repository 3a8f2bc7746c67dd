/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this be mounted into a sandbox?  Every way in asks here: options, images,
 * workspaces, binds of a configuration.
 */
#ifndef CONTROLLER_CORE_JUDGE_H
#define CONTROLLER_CORE_JUDGE_H

#include <stddef.h>

#include "controller/core/fail.h"

struct ctl_judge;
struct ctl_protect;

enum ctl_use {
	CTL_USE_INVALID = 0,
	CTL_USE_BIND,
	CTL_USE_WORKSPACE,
	CTL_USE_IMAGE,
};

/* All borrowed, for the life of the judge. */
struct ctl_rules {
	const struct ctl_protect *own; /* creel's own; NULL: nothing will be mounted, only compared */
	const char *home;              /* of the caller; NULL not known */
	const char *const *opened;     /* protected paths that are allowed */
	size_t n_opened;
	const char *const *sockets;    /* that are allowed */
	size_t n_sockets;
	const char *open_key;          /* what opens a path: "--allow-bind" */
	const char *socket_key;        /* what lists a socket */
};

/* NULL without memory, or where mounts cannot be told; @fail says so. */
struct ctl_judge *ctl_judge_new(const struct ctl_rules *rules,
				struct ctl_fail *fail);
void ctl_judge_free(struct ctl_judge *judge);

/*
 * @fd:   O_PATH, borrowed
 * @what: as the caller knows it: "--bind /a:/b", "agents...binds[0]"
 *
 * Return: 0 or -1: BAD_REQUEST for what is of a wrong kind or no O_PATH
 * descriptor, DENIED for what is protected and not opened.
 */
int ctl_judge_source(const struct ctl_judge *judge, int fd, const char *what,
		     enum ctl_use use, struct ctl_fail *fail);

#endif
