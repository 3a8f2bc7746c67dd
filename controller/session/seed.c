// SPDX-License-Identifier: Apache-2.0
/*
 * The files that a new workspace begins with.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "controller/session/beneath.h"
#include "controller/session/fill.h"
#include "proto/cleanup.h"

static const char *const seeds[] = {
	"AGENTS.md", "SOUL.md",	     "TOOLS.md",     "IDENTITY.md",
	"USER.md",   "BOOTSTRAP.md", "HEARTBEAT.md",
};

/* Whatever has that name: a link that leads nowhere, too. */
static bool is_there(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	       errno != ENOENT;
}

/* What is no regular file is passed over, as what is not there. */
static int seed_one(int from_fd, int to_fd, const char *name,
		    struct ctl_fail *fail)
{
	uint64_t left = SES_SEED_MAX_BYTES;
	auto_temp temp = { .fd = -1 };
	auto_fd fd = -1;
	struct stat st;

	if (is_there(to_fd, name))
		return 0;
	fd = ses_file_open(from_fd, name, &st);
	if (fd < 0)
		return 0;
	errno = EFBIG;
	if ((uint64_t)st.st_size <= left &&
	    ses_temp_open(&temp, to_fd, 0600 | (st.st_mode & 0055)) == 0 &&
	    ses_copy(fd, temp.fd, &left) == 0 &&
	    (ses_temp_link(&temp, name) == 0 || errno == EEXIST))
		return 0;
	if (errno == EFBIG)
		return err_set(&fail->err, ERR_LIMIT, 0,
			       "%s of the agent's workspace: larger than %llu KiB",
			       name, SES_SEED_MAX_BYTES >> 10);
	return err_set(&fail->err, ERR_KERNEL, errno,
		       "%s into the sandbox's workspace", name);
}

/**
 * ses_seed() - copy what is missing of the files that an agent begins with
 */
int ses_seed(int agent_fd, int workspace_fd, struct ctl_fail *fail)
{
	for (size_t i = 0;
	     agent_fd >= 0 && i < sizeof(seeds) / sizeof(seeds[0]); i++)
		if (seed_one(agent_fd, workspace_fd, seeds[i], fail) < 0)
			return -1;
	return 0;
}
