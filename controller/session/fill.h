/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is put into the workspaces of sandboxes.  Private to workspace.c and
 * what it is made of.
 */
#ifndef CONTROLLER_SESSION_FILL_H
#define CONTROLLER_SESSION_FILL_H

#include "controller/core/fail.h"
#include "controller/core/judge.h"
#include "controller/policy/resolve.h"

#define SES_SEED_MAX_BYTES (1ULL << 20)
#define SES_SKILLS_MAX_BYTES (256ULL << 20)
#define SES_SKILLS_MAX_FILES 20000
#define SES_SKILLS_MAX_DEPTH 24
#define SES_MEDIA_MAX_BYTES (512ULL << 20)
#define SES_MEDIA_MAX_NAMES 10000

/* The directory at the workdir, made where it is missing; O_PATH or -1. */
int ses_workspace_open(const struct pol_session *session,
		       struct ctl_fail *fail);
/* Both: @agent_fd is -1 where there is no agent workspace. */
int ses_seed(int agent_fd, int workspace_fd, struct ctl_fail *fail);
int ses_skills_mirror(int agent_fd, int workspace_fd, struct ctl_fail *fail);

/* bind.c */
int ses_judge(const struct pol_session *session, int fd, const char *what,
	      enum ctl_use use, struct ctl_fail *fail);
/* Is @fd a directory that no file of the configuration lies in? */
int ses_config_outside(const struct pol_session *session, int fd,
		       const char *what, struct ctl_fail *fail);

#endif
