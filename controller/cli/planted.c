// SPDX-License-Identifier: Apache-2.0
/*
 * Links below what the sandbox can write.  One may be from the sandbox that had
 * the same directory before: it would lead this one to whatever of its user's
 * it likes.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/call.h"
#include "controller/core/source.h"
#include "controller/core/way.h"
#include "proto/cleanup.h"

/* What the sandbox can write. */
struct written {
	struct ctl_inode dirs[WIRE_MAX_FDS];
	size_t n_dirs;
};

static bool is_one(const struct ctl_inode *inode, void *arg)
{
	struct written *written = arg;

	for (size_t i = 0; i < written->n_dirs; i++)
		if (written->dirs[i].dev == inode->dev &&
		    written->dirs[i].ino == inode->ino)
			return true;
	return false;
}

struct search {
	struct written *written;
	bool found;
};

static bool look(const struct ctl_inode *inode, void *arg)
{
	struct search *search = arg;

	search->found = is_one(inode, search->written);
	return search->found;
}

static bool is_written(void *arg, int dir_fd)
{
	struct search search = { .written = arg };

	ctl_source_walk_up(dir_fd, look, &search);
	return search.found;
}

static int inode_of(int fd, struct ctl_inode *inode)
{
	struct stat st;

	if (ctl_source_stat(fd, &st) < 0)
		return -1;
	*inode = (struct ctl_inode){ st.st_dev, st.st_ino };
	return 0;
}

static int add(struct written *written, int fd)
{
	return inode_of(fd, &written->dirs[written->n_dirs++]);
}

/* The file was opened over the links of @path; is it there without those? */
static int check(struct written *written, const char *path, int fd,
		 struct err *err)
{
	struct ctl_way way = { .is_written = is_written,
			       .arg = written,
			       .anyones = true };
	auto_free char *cwd = path[0] == '/' ? strdup("") : getcwd(NULL, 0);
	struct ctl_inode was = { 0 }, is = { 0 };
	auto_free char *full = NULL;
	auto_fd again = -1;

	if (!cwd || asprintf(&full, "%s/%s", cwd, path) < 0) {
		full = NULL;
		return err_set(err, ERR_KERNEL, errno, "its path");
	}
	again = ctl_way_open(&way, full);
	if (again < 0 && way.why)
		return err_set(err, ERR_DENIED, 0, "%s", way.why);
	if (again < 0 || inode_of(again, &is) < 0 || inode_of(fd, &was) < 0)
		return err_set(err, ERR_BAD_REQUEST, errno, "its path");
	if (is.dev != was.dev || is.ino != was.ino)
		return err_set(err, ERR_DENIED, 0,
			       "was replaced while it was opened");
	return 0;
}

/**
 * cli_planted_check() - no source was found over a link that a sandbox with the
 * same writable directories can have made
 *
 * Return: 0; -1 with DENIED and call->hint.
 */
int cli_planted_check(struct cli_call *call, struct err *err)
{
	const Ctl__Spec *spec = &call->spec;
	struct written written = { .n_dirs = 0 };
	int failed = 0;

	if (spec->workspace_fd && !spec->workspace_readonly)
		failed = add(&written, call->fds[spec->workspace_fd - 1]);
	for (size_t i = 0; !failed && i < spec->n_binds; i++)
		if (!spec->binds[i]->readonly)
			failed = add(&written,
				     call->fds[spec->binds[i]->fd - 1]);
	if (failed)
		return err_set(err, ERR_KERNEL, errno, "sources");
	if (spec->workspace_fd && spec->n_binds > 0 &&
	    check(&written, spec->workspace, call->fds[spec->workspace_fd - 1],
		  err))
		failed = err_wrap(err, "--workspace %.64s", spec->workspace);
	for (size_t i = 0; !failed && written.n_dirs > 0 && i < spec->n_binds;
	     i++)
		if (check(&written, spec->binds[i]->source,
			  call->fds[spec->binds[i]->fd - 1], err))
			failed = err_wrap(err, "--bind %.64s",
					  spec->binds[i]->source);
	if (failed && err->code == ERR_DENIED)
		call->hint = "name what it leads to, if that is meant";
	return failed;
}
