// SPDX-License-Identifier: Apache-2.0
/*
 * The workspaces of sessions: found, made, filled.  The path of a root or of an
 * agent's workspace is the user's own word and may lead over links; what is
 * below it may be a sandbox's work and is walked without any.
 */
#include <config.h>

#include "controller/session/workspace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/session/beneath.h"
#include "controller/session/fill.h"
#include "controller/session/origin.h"
#include "proto/cleanup.h"

/* Makes what is missing of a path, each part for this user alone. */
static int make_path(const char *path)
{
	auto_free char *copy = strdup(path);

	if (!copy)
		return -1;
	for (char *at = copy + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST &&
		    errno != EROFS && errno != EACCES)
			return -1;
		*at = '/';
	}
	return mkdir(copy, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

static int fail_key(const struct pol_session *session, enum pol_value value,
		    int sys, const char *why, struct ctl_fail *fail)
{
	char key[SES_ORIGIN_BYTES];

	(void)ses_origin(session, value, key);
	return err_set(&fail->err, why ? ERR_DENIED : ERR_KERNEL, sys, "%s%s%s",
		       key, why ? ": " : "", why ? why : "");
}

/*
 * A directory that sandboxes get to write to. Not one of another user's: the
 * files of its sandboxes would be his, and he could swap it at any time.
 */
static int check_own(const struct pol_session *session, enum pol_value value,
		     int fd, struct ctl_fail *fail)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_key(session, value, errno, NULL, fail);
	if (st.st_uid != geteuid())
		return fail_key(session, value, 0,
				"the directory belongs to another user", fail);
	if (st.st_mode & S_IWOTH)
		return fail_key(session, value, 0,
				"every user can write to the directory", fail);
	return 0;
}

static int open_path(const struct pol_session *session, enum pol_value value,
		     const char *path, struct ctl_fail *fail)
{
	auto_fd fd = -1;

	if (make_path(path) < 0)
		return fail_key(session, value, errno, NULL, fail);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_key(session, value, errno, NULL, fail);
	return fd_take(&fd);
}

static int open_below_root(const struct pol_session *session, int root_fd,
			   struct ctl_fail *fail)
{
	const char *path = session->sandbox_workspace;
	size_t len = strlen(session->workspace_root);
	const char *name;
	auto_fd fd = -1;

	if (strncmp(path, session->workspace_root, len) != 0)
		return err_set(&fail->err, ERR_INTERNAL, 0,
			       "workspace: not below workspaceRoot");
	name = path + len;
	name += strspn(name, "/");
	if (!*name)
		return dup(root_fd);
	fd = ses_dir_make(root_fd, name);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return fail_key(session, POL_WORKSPACE_ROOT, 0,
				"the session's folder in it is a link or no directory",
				fail);
	if (fd < 0)
		return fail_key(session, POL_WORKSPACE_ROOT, errno, NULL,
				fail);
	return fd_take(&fd);
}

static int open_sandbox_workspace(const struct pol_session *session,
				  struct ctl_fail *fail)
{
	auto_fd root_fd = open_path(session, POL_WORKSPACE_ROOT,
				    session->workspace_root, fail);
	auto_fd fd = -1;

	if (root_fd < 0 ||
	    check_own(session, POL_WORKSPACE_ROOT, root_fd, fail) < 0)
		return -1;
	fd = open_below_root(session, root_fd, fail);
	if (fd < 0 || check_own(session, POL_WORKSPACE_ROOT, fd, fail) < 0)
		return -1;
	return fd_take(&fd);
}

/**
 * ses_workspace_open() - the directory that commands find at the workdir
 */
int ses_workspace_open(const struct pol_session *session,
		       struct ctl_fail *fail)
{
	enum pol_value value = session->access == POL_ACCESS_RW ?
				       POL_WORKSPACE :
				       POL_WORKSPACE_ROOT;
	char key[SES_ORIGIN_BYTES];
	auto_fd fd = -1;

	if (value == POL_WORKSPACE) {
		fd = open_path(session, value, session->agent_workspace, fail);
		if (fd < 0 || check_own(session, value, fd, fail) < 0)
			return -1;
	} else {
		fd = open_sandbox_workspace(session, fail);
		if (fd < 0)
			return -1;
	}
	if (ses_judge(session, fd, ses_origin(session, value, key),
		      CTL_USE_WORKSPACE, fail) < 0)
		return -1;
	return fd_take(&fd);
}

/* Read-only at /agent: made where it is missing, as the gateway does. */
static int open_agent(const struct pol_session *session, struct ctl_fail *fail)
{
	char key[SES_ORIGIN_BYTES];
	auto_fd fd = open_path(session, POL_WORKSPACE,
			       session->agent_workspace, fail);

	if (fd < 0 || ses_judge(session, fd,
				ses_origin(session, POL_WORKSPACE, key),
				CTL_USE_WORKSPACE, fail) < 0)
		return -1;
	return fd_take(&fd);
}

/* What seeds and skills are copied from; where there is none there are none. */
static int find_agent(const struct pol_session *session)
{
	return open(session->agent_workspace,
		    O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/**
 * ses_workspace_prepare() - make and fill what a sandbox gets to see
 */
int ses_workspace_prepare(const struct pol_session *session, int *workspace_fd,
			  int *agent_fd, struct ctl_fail *fail)
{
	auto_fd fd = ses_workspace_open(session, fail);
	auto_fd agent = -1;

	*workspace_fd = *agent_fd = -1;
	if (fd < 0)
		return -1;
	if (session->access == POL_ACCESS_RW) {
		*workspace_fd = fd_take(&fd);
		return 0;
	}
	if (session->access == POL_ACCESS_RO) {
		agent = open_agent(session, fail);
		if (agent < 0)
			return -1;
	} else {
		agent = find_agent(session);
	}
	if (ses_seed(agent, fd, fail) < 0 ||
	    ses_skills_mirror(agent, fd, fail) < 0)
		return -1;
	*workspace_fd = fd_take(&fd);
	if (session->access == POL_ACCESS_RO)
		*agent_fd = fd_take(&agent);
	return 0;
}
