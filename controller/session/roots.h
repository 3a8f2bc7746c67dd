/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sandboxes of a configuration can write to on the host.
 */
#ifndef CONTROLLER_SESSION_ROOTS_H
#define CONTROLLER_SESSION_ROOTS_H

#include <stdbool.h>

#include "controller/core/fail.h"
#include "controller/policy/resolve.h"

/* Is it, or is it below, a directory that some sandbox gets read-write? */
bool ses_is_written(const struct pol_session *session, int fd);

enum ses_path_kind {
	SES_PATH_INVALID = 0,
	SES_PATH_ANY,
	SES_PATH_DIR,
	SES_PATH_MAKE, /* a directory, made where it is missing */
};

struct ses_path {
	enum ses_path_kind kind;
	const char *path;  /* absolute */
	const char *what;  /* its key, for messages */
	unsigned int made; /* filled: how many directories */
};

/*
 * Opens (O_PATH) what a key of the configuration names; no link is followed
 * that a sandbox could have made, nor one of another user's.
 *
 * Return: -1 with errno, or with @fail filled too, for such a link.
 */
int ses_path_open(const struct pol_session *session, struct ses_path *path,
		  struct ctl_fail *fail);

#endif
