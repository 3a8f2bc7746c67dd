// SPDX-License-Identifier: Apache-2.0
/*
 * The workspaces of sessions: found, made, filled.  The path of a root or of an
 * agent's workspace is the user's own word and may lead over his links; what is
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
#include "controller/session/roots.h"
#include "proto/cleanup.h"

/* Takes back what was made and turned out not to be wanted. */
static void unmake_path(const char *path, unsigned int made)
{
	auto_free char *copy = strdup(path);
	size_t len = strlen(path);

	for (; copy && made > 0 && rmdir(copy) == 0; made--) {
		while (len > 0 && copy[len - 1] != '/')
			len--;
		while (len > 0 && copy[len - 1] == '/')
			len--;
		copy[len] = '\0';
	}
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

/* What the user named, made where it is missing. */
static int open_path(const struct pol_session *session, enum pol_value value,
		     const char *path, unsigned int *made,
		     struct ctl_fail *fail)
{
	char key[SES_ORIGIN_BYTES];
	struct ses_path way = {
		.kind = SES_PATH_MAKE,
		.path = path,
		.what = ses_origin(session, value, key),
	};
	int fd = ses_path_open(session, &way, fail);

	*made = way.made;
	if (fd < 0 && fail->err.code == ERR_NONE)
		return fail_key(session, value, errno, NULL, fail);
	return fd;
}

static int judge(const struct pol_session *session, enum pol_value value,
		 int fd, struct ctl_fail *fail)
{
	char key[SES_ORIGIN_BYTES];

	return ses_judge(session, fd, ses_origin(session, value, key),
			 CTL_USE_WORKSPACE, fail);
}

/* Its name below the root; "" for the root itself. */
static const char *name_below(const struct pol_session *session)
{
	const char *path = session->sandbox_workspace;
	size_t len = strlen(session->workspace_root);

	if (strncmp(path, session->workspace_root, len) != 0)
		return NULL;
	path += len;
	return path + strspn(path, "/");
}

static int open_below_root(const struct pol_session *session, int root_fd,
			   const char *name, struct ctl_fail *fail)
{
	auto_fd fd = -1;

	if (!name)
		return err_set(&fail->err, ERR_INTERNAL, 0,
			       "workspace: not below workspaceRoot");
	fd = name[0] ? ses_dir_make(root_fd, name) :
		       ses_open_in(root_fd, ".", O_PATH | O_DIRECTORY);
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
	const enum pol_value value = POL_WORKSPACE_ROOT;
	const char *name = name_below(session);
	unsigned int made;
	auto_fd root_fd = open_path(session, value, session->workspace_root,
				    &made, fail);
	auto_fd fd = -1;

	if (root_fd < 0 || check_own(session, value, root_fd, fail) < 0)
		return -1;
	fd = open_below_root(session, root_fd, name, fail);
	if (fd < 0 || check_own(session, value, fd, fail) < 0)
		return -1;
	if (judge(session, value, fd, fail) == 0)
		return fd_take(&fd);
	if (made > 0 && name[0])
		(void)unlinkat(root_fd, name, AT_REMOVEDIR);
	unmake_path(session->workspace_root, made);
	return -1;
}

/* Made where it is missing, as the gateway does. */
static int open_agent(const struct pol_session *session, struct ctl_fail *fail)
{
	unsigned int made;
	auto_fd fd = open_path(session, POL_WORKSPACE,
			       session->agent_workspace, &made, fail);

	if (fd < 0)
		return -1;
	if (judge(session, POL_WORKSPACE, fd, fail) == 0 &&
	    (session->access != POL_ACCESS_RW ||
	     check_own(session, POL_WORKSPACE, fd, fail) == 0))
		return fd_take(&fd);
	unmake_path(session->agent_workspace, made);
	return -1;
}

/**
 * ses_workspace_open() - the directory that commands find at the workdir
 */
int ses_workspace_open(const struct pol_session *session,
		       struct ctl_fail *fail)
{
	return session->access == POL_ACCESS_RW ?
		       open_agent(session, fail) :
		       open_sandbox_workspace(session, fail);
}

/* What seeds and skills are copied from; where there is none there are none. */
static int find_agent(const struct pol_session *session, struct ctl_fail *fail)
{
	char key[SES_ORIGIN_BYTES];
	struct ses_path way = {
		.kind = SES_PATH_DIR,
		.path = session->agent_workspace,
		.what = ses_origin(session, POL_WORKSPACE, key),
	};

	return ses_path_open(session, &way, fail);
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
		agent = find_agent(session, fail);
		if (fail->err.code != ERR_NONE)
			return -1;
	}
	if (ses_seed(agent, fd, fail) < 0 ||
	    ses_skills_mirror(agent, fd, fail) < 0)
		return -1;
	*workspace_fd = fd_take(&fd);
	if (session->access == POL_ACCESS_RO)
		*agent_fd = fd_take(&agent);
	return 0;
}
