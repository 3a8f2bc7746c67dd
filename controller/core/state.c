// SPDX-License-Identifier: Apache-2.0
/*
 * What creel keeps on disk for its user: the workspaces of sessions, and a
 * marker for each named sandbox that lives. A marker without a sandbox tells
 * that the sandbox was lost.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/core/core.h"
#include "controller/core/log.h"
#include "controller/image/store.h"
#include "proto/cleanup.h"

/* Makes every directory of a path that is missing. */
static int make_dirs(char *path)
{
	for (char *at = path + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST) {
			*at = '/';
			return -1;
		}
		*at = '/';
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

/**
 * ctl_state_dir() - where state is kept, made if need be
 *
 * Made at the start, so that it can be kept out of sandboxes from the start.
 *
 * Return: an owned path, or NULL where there is none; sessions then need a
 * --workspace.
 */
char *ctl_state_dir(const struct ctl_options *options)
{
	auto_free char *path = options->state_dir ? strdup(options->state_dir) :
						    img_state_dir();
	auto_free char *sub = NULL;
	struct stat st;

	if (!path || make_dirs(path) < 0 || stat(path, &st) < 0 ||
	    st.st_uid != geteuid() || !S_ISDIR(st.st_mode))
		return NULL;
	if (asprintf(&sub, "%s/live", path) < 0) {
		sub = NULL;
		return NULL;
	}
	(void)mkdir(sub, 0700);
	return ptr_take(&path);
}

/**
 * ctl_state_session_dir() - the directory that a session works in
 * @name:  a checked name
 * @where: filled with its owned path on success
 *
 * Return: an O_PATH descriptor or -1.
 */
int ctl_state_session_dir(struct ctl *ctl, const char *name, char **where,
			  struct ctl_fail *fail)
{
	auto_free char *path = NULL;
	char slug[CTL_SLUG_BYTES];
	struct stat st;
	int fd;

	if (!ctl->state_dir) {
		err_set(&fail->err, ERR_UNSUPPORTED, 0,
			"workspace of the session: there is no state directory");
		return ctl_fail_hint(fail, "set HOME, or give --workspace DIR");
	}
	ctl_name_slug(name, slug);
	if (asprintf(&path, "%s/sandboxes/%s", ctl->state_dir, slug) < 0) {
		path = NULL;
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "workspace");
	}
	if (make_dirs(path) < 0)
		return err_set(&fail->err, ERR_KERNEL, errno,
			       "workspace of the session");
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(&fail->err, ERR_KERNEL, errno,
			       "workspace of the session");
	if (fstat(fd, &st) < 0 || st.st_uid != geteuid()) {
		fd_close(&fd);
		return err_set(&fail->err, ERR_DENIED, 0,
			       "workspace of the session: it belongs to another user");
	}
	*where = ptr_take(&path);
	return fd;
}

static bool marker_path(const struct ctl *ctl, const char *name, char *path,
			size_t size)
{
	char slug[CTL_SLUG_BYTES];
	int n;

	if (!ctl->state_dir)
		return false;
	ctl_name_slug(name, slug);
	n = snprintf(path, size, "%s/live/%s", ctl->state_dir, slug);
	return n > 0 && (size_t)n < size;
}

/**
 * ctl_state_mark() - note that a sandbox lives, or that it ended in order
 *
 * A marker that cannot be written costs a message later, no more.
 */
void ctl_state_mark(struct ctl *ctl, const char *name, bool on)
{
	char path[WIRE_PATH_MAX_BYTES * 4];
	int fd;

	if (!marker_path(ctl, name, path, sizeof(path)))
		return;
	if (!on) {
		(void)unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		ctl_log(CTL_LOG_WARN, "sandbox=%s marker: %s", name,
			err_sys_text(errno));
	fd_close(&fd);
}

/**
 * ctl_state_marked() - was there a sandbox of that name that ended otherwise?
 */
bool ctl_state_marked(struct ctl *ctl, const char *name)
{
	char path[WIRE_PATH_MAX_BYTES * 4];

	return marker_path(ctl, name, path, sizeof(path)) &&
	       access(path, F_OK) == 0;
}
