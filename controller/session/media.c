// SPDX-License-Identifier: Apache-2.0
/*
 * Files that came in for a session, copied to where its commands find them.
 * Both ends are hostile: a file that a person sent, a folder that a sandbox has
 * written to.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/core/place.h"
#include "controller/session/beneath.h"
#include "controller/session/fill.h"
#include "controller/session/origin.h"
#include "controller/session/roots.h"
#include "controller/session/workspace.h"
#include "proto/cleanup.h"

#define FOLDER "media/inbound"

/* Why not, with the file's name made fit to be shown. */
static int refuse(const char *file, enum err_code code, int sys,
		  const char *why, struct ctl_fail *fail)
{
	const char *slash = strrchr(file, '/');
	char name[64];

	(void)snprintf(name, sizeof(name), "%s", slash ? slash + 1 : file);
	ctl_text_clean(name);
	return err_set(&fail->err, code, sys, "%s%s%s", name, why ? ": " : "",
		       why ? why : "");
}

/* What is left of a path below a folder, by text; NULL: it is not below. */
static const char *rest_below(const char *path, const char *root)
{
	for (;;) {
		size_t len;

		path += strspn(path, "/");
		root += strspn(root, "/");
		if (!*root)
			return *path ? path : NULL;
		len = strcspn(root, "/");
		if (strncmp(path, root, len) != 0 ||
		    (path[len] != '/' && path[len] != '\0'))
			return NULL;
		path += len;
		root += len;
	}
}

/* The folder may be known by two names: as written, and without links. */
static const char *find_rest(int root_fd, const char *root, const char *file)
{
	const char *rest = rest_below(file, root);
	char link[32], real[PATH_MAX];
	ssize_t len;

	if (rest)
		return rest;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", root_fd);
	len = readlink(link, real, sizeof(real) - 1);
	if (len <= 0)
		return NULL;
	real[len] = '\0';
	return rest_below(file, real);
}

static int open_source(const struct pol_session *session, const char *file,
		       struct stat *st, struct ctl_fail *fail)
{
	char key[SES_ORIGIN_BYTES];
	struct ses_path root = {
		.kind = SES_PATH_DIR,
		.path = session->media_root,
		.what = ses_origin(session, POL_MEDIA_ROOT, key),
	};
	auto_fd root_fd = ses_path_open(session, &root, fail);
	const char *rest;
	auto_fd fd = -1;

	if (root_fd < 0 && fail->err.code != ERR_NONE)
		return -1;
	if (root_fd < 0)
		return err_set(&fail->err, ERR_BAD_REQUEST, errno,
			       "%s: the folder of media",
			       ses_origin(session, POL_MEDIA_ROOT, key));
	rest = find_rest(root_fd, session->media_root, file);
	if (!rest) {
		(void)refuse(file, ERR_DENIED, 0,
			     "it is not in the folder of media", fail);
		return ctl_fail_hint(fail, "%s is %.60s",
				     pol_value_key(POL_MEDIA_ROOT),
				     session->media_root);
	}
	fd = ses_file_open(root_fd, rest, st);
	if (fd < 0 && errno == EXDEV)
		return refuse(file, ERR_DENIED, 0,
			      "it is not in the folder of media", fail);
	if (fd < 0 && errno == ELOOP)
		return refuse(file, ERR_DENIED, 0,
			      "there is a symbolic link on the way", fail);
	if (fd < 0 && errno == EINVAL)
		return refuse(file, ERR_BAD_REQUEST, 0, "it is no regular file",
			      fail);
	if (fd < 0)
		return refuse(file, ERR_BAD_REQUEST, errno, NULL, fail);
	return fd_take(&fd);
}

static int open_inbound(const struct pol_session *session,
			struct ctl_fail *fail)
{
	auto_fd workspace_fd = ses_workspace_open(session, fail);
	auto_fd media_fd = -1, fd = -1;

	if (workspace_fd < 0)
		return -1;
	media_fd = ses_dir_make(workspace_fd, "media");
	if (media_fd >= 0)
		fd = ses_dir_make(media_fd, "inbound");
	if (fd < 0)
		return err_set(&fail->err,
			       errno == ELOOP || errno == ENOTDIR ?
				       ERR_DENIED :
				       ERR_KERNEL,
			       errno, FOLDER " of the workspace");
	return fd_take(&fd);
}

/* "a.tar-3" never: the number goes before the last extension. */
static void number_name(const char *name, unsigned int number,
			char out[NAME_MAX + 1])
{
	const char *dot = strrchr(name, '.');
	size_t end = dot && dot != name ? strlen(dot) : 0;
	size_t stem = strlen(name) - end;
	char digits[16] = "";
	size_t more;

	if (number > 0)
		(void)snprintf(digits, sizeof(digits), "-%u", number);
	more = strlen(digits);
	if (end + more > NAME_MAX)
		end = 0;
	if (stem + more + end > NAME_MAX)
		stem = NAME_MAX - more - end;
	(void)snprintf(out, NAME_MAX + 1, "%.*s%s%.*s", (int)stem, name, digits,
		       (int)end, dot ? dot : "");
}

static int place(struct ses_temp *temp, const char *name,
		 char taken[NAME_MAX + 1])
{
	for (unsigned int i = 0; i < SES_MEDIA_MAX_NAMES; i++) {
		number_name(name, i, taken);
		if (ses_temp_link(temp, taken) == 0)
			return 0;
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

/**
 * ses_media_add() - copy one file for a session
 */
char *ses_media_add(const struct pol_session *session, const char *file,
		    struct ctl_fail *fail)
{
	uint64_t left = SES_MEDIA_MAX_BYTES;
	auto_temp temp = { .fd = -1 };
	const char *slash = strrchr(file, '/');
	char taken[NAME_MAX + 1];
	char *path = NULL;
	struct stat st;
	auto_fd fd = open_source(session, file, &st, fail);
	auto_fd to_fd = -1;

	if (fd < 0)
		return NULL;
	if ((uint64_t)st.st_size > left) {
		(void)refuse(file, ERR_LIMIT, 0, "larger than 512 MiB", fail);
		return NULL;
	}
	to_fd = open_inbound(session, fail);
	if (to_fd < 0)
		return NULL;
	if (ses_temp_open(&temp, to_fd, 0600) < 0 ||
	    ses_copy(fd, temp.fd, &left) < 0 ||
	    place(&temp, slash ? slash + 1 : file, taken) < 0) {
		if (errno == EFBIG)
			(void)refuse(file, ERR_LIMIT, 0, "larger than 512 MiB",
				     fail);
		else
			(void)refuse(file, ERR_KERNEL, errno, NULL, fail);
		return NULL;
	}
	if (asprintf(&path, "%s/" FOLDER "/%s", session->workdir, taken) < 0) {
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "media");
		return NULL;
	}
	return path;
}
