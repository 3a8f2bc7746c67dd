// SPDX-License-Identifier: Apache-2.0
/*
 * What jails have to do with folders of the host: files of a session without a
 * sandbox are kept there, and a folder that a jail shared goes.  Both are done
 * by jobs, and no link below the folder that the configuration names is
 * followed.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/core/remove.h"
#include "controller/session/beneath.h"
#include "controller/session/job.h"
#include "controller/session/roots.h"
#include "controller/session/tool-jail-own.h"
#include "proto/cleanup.h"

#define FOLDER "/creel-python-"
#define STORE_MS 60000
#define STORE_KEY "tools.file_storage.root_dir"
#define SHARED_KEY "tools.python_exec.artifacts_jail_shared_dir"

static int open_root(const struct pol_session *session, struct ses_path *way,
		     struct ctl_fail *fail)
{
	int fd = ses_path_open(session, way, fail);

	if (fd < 0 && fail->err.code == ERR_NONE)
		err_set(&fail->err, ERR_KERNEL, errno, "%s", way->what);
	return fd;
}

/* Return: that of the last folder; @path moves on to the file's name. */
static int make_folders(int root_fd, char **path)
{
	auto_fd fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
	char *slash;

	while (fd >= 0 && (slash = strchr(*path, '/'))) {
		int next;

		*slash = '\0';
		next = ses_dir_make(fd, *path);
		fd_close(&fd);
		fd = next;
		*path = slash + 1;
	}
	return fd_take(&fd);
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, bytes, len);

		if (put < 0 && errno != EINTR)
			return -1;
		bytes += put > 0 ? put : 0;
		len -= put > 0 ? (size_t)put : 0;
	}
	return 0;
}

static int store_in(int root_fd, const struct tool_change *change)
{
	auto_free char *path = strdup(change->path);
	char *name = path;
	auto_fd dir_fd = path ? make_folders(root_fd, &name) : -1;
	auto_temp temp = { .fd = -1 };

	if (dir_fd < 0)
		return -1;
	if (ses_temp_open(&temp, dir_fd, change->mode) < 0 ||
	    write_all(temp.fd, change->bytes, change->len) < 0 ||
	    fsync(temp.fd) < 0)
		return -1;
	return ses_temp_link(&temp, name);
}

static void work(void *arg, struct job_result *result)
{
	const struct ses_call *call = arg;
	struct ses_path way = {
		.kind = SES_PATH_MAKE,
		.path = call->call->root,
		.what = STORE_KEY,
	};
	auto_fd root_fd =
		open_root(call->view->session, &way, &result->fail);

	if (root_fd >= 0 && store_in(root_fd, &call->stored) < 0)
		err_set(&result->fail.err, ERR_KERNEL, errno, "%s", STORE_KEY);
}

static void on_stored(void *arg, struct job_result *result)
{
	struct ses_call *call = arg;
	const struct err *err = &result->fail.err;

	call->job = NULL;
	ses_asked_end(call, err->code == ERR_NONE ? 0 :
			    err->sys		  ? err->sys :
						    EACCES);
}

/**
 * ses_jail_store() - keep a file where the session's files are, on the host
 * @change: a new file below call->root; what it points to is the tool's
 */
void ses_jail_store(struct ses_call *call, const struct tool_change *change)
{
	if (change->kind != TOOL_CHANGE_PUT ||
	    change->expect != TOOL_EXPECT_ABSENT || !call->call->root ||
	    change->path[0] == '/') {
		ses_asked_end(call, EINVAL);
		return;
	}
	call->stored = *change;
	call->job = job_start(call->ses->base, work, on_stored, call,
			      STORE_MS);
	if (!call->job)
		ses_asked_end(call, ENOMEM);
}

/* An earlier creeld's, whose configuration nobody knows: by no link at all. */
static int open_left(const char *path)
{
	auto_fd root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return root_fd < 0 ? -1 :
			     ses_open_in(root_fd, path + 1,
					 O_PATH | O_DIRECTORY);
}

/**
 * jail_remove() - the folder that a jail has had on the host
 * @arg: a struct ses_jail
 */
void jail_remove(void *arg, struct job_result *result)
{
	const struct ses_jail *jail = arg;
	auto_free char *path = strdup(jail->folder);
	char *name = path ? strrchr(path, '/') : NULL;
	unsigned int budget = UINT32_MAX;
	struct ses_path way = { .kind = SES_PATH_DIR, .what = SHARED_KEY };
	auto_fd dir_fd = -1;

	if (!name || name == path ||
	    strncmp(name, FOLDER, strlen(FOLDER)) != 0)
		return;
	*name++ = '\0';
	way.path = path;
	dir_fd = jail->view ? open_root(jail->view->session, &way,
					&result->fail) :
			      open_left(path);
	if (dir_fd < 0 && errno != ENOENT &&
	    result->fail.err.code == ERR_NONE)
		err_set(&result->fail.err, ERR_KERNEL, errno, "%s: %.60s",
			SHARED_KEY, jail->folder);
	if (dir_fd < 0 || faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW))
		return;
	if (ctl_remove_tree(dir_fd, name, &budget) != CTL_REMOVED_ALL)
		err_set(&result->fail.err, ERR_KERNEL, errno, "%s: %.60s",
			SHARED_KEY, jail->folder);
}
