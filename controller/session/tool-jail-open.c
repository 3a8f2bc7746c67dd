// SPDX-License-Identifier: Apache-2.0
/*
 * The places of a jail, opened and judged in a job: what was looked at is what
 * is mounted.  The same is refused as of a configuration's binds.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "controller/compat/jail.h"
#include "controller/session/beneath.h"
#include "controller/session/fill.h"
#include "controller/session/job.h"
#include "controller/session/roots.h"
#include "controller/session/seccomp.h"
#include "controller/session/tool-jail-own.h"
#include "proto/cleanup.h"

#define EMPTY_FILE "empty"

struct opening {
	const struct ses_jail *jail;
	const struct tool_jail *what;
	const struct pol_session *session;
	struct jail_found *found;
	int image_fd;       /* owned; -1: the host's */
	int fds[JAIL_MAX_PLACES + 1]; /* borrowed: of the mounts */
	struct job_result *result;
};

static const char *flag_of(const struct jail_place *place)
{
	if (place->listed && place->access == JAIL_ACCESS_READ)
		return "--whitelist";
	switch (place->access) {
	case JAIL_ACCESS_READ:
		return "--read-only";
	case JAIL_ACCESS_WRITE:
		return "--read-write";
	case JAIL_ACCESS_NONE:
		return "--blacklist";
	case JAIL_ACCESS_INVALID:
		break;
	}
	return "path";
}

/**
 * jail_what() - how messages name a place
 */
void jail_what(const struct tool_jail *jail, const struct jail_place *place,
	       char what[JAIL_WHAT_BYTES])
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%.56s%s", place->path,
		       strlen(place->path) > 56 ? "..." : "");
	ctl_text_clean(path);
	if (jail->folder_key && place->access == JAIL_ACCESS_WRITE &&
	    jail_is_within(jail->folder, place->path))
		(void)snprintf(what, JAIL_WHAT_BYTES, "%s: %s",
			       jail->folder_key, path);
	else
		(void)snprintf(what, JAIL_WHAT_BYTES, "%s: %s=%s", jail->key,
			       flag_of(place), path);
}

static struct jail_mount *add(struct opening *opening,
			      enum jail_mount_kind kind, uint32_t place, int fd)
{
	struct jail_found *found = opening->found;
	struct jail_mount *mount = &found->mounts[found->n_mounts];

	opening->fds[found->n_mounts++] = fd;
	mount->kind = kind;
	mount->place = place;
	mount->target[0] = '\0';
	if (fd >= 0)
		opening->result->fds[opening->result->n_fds++] = fd;
	return mount;
}

static int open_source(struct opening *opening, const char *path,
		       const char *what, bool writable)
{
	struct ctl_fail *fail = &opening->result->fail;
	struct ses_path way = { .kind = SES_PATH_ANY,
				.path = path,
				.what = what };
	auto_fd fd = ses_path_open(opening->session, &way, fail);

	if (fd < 0 && fail->err.code != ERR_NONE)
		return -1;
	if (fd < 0)
		return err_set(&fail->err, ERR_BAD_REQUEST, errno, "%s", what);
	if (ses_judge(opening->session, fd, what, CTL_USE_BIND, fail) < 0 ||
	    (writable &&
	     ses_config_outside(opening->session, fd, what, fail) < 0))
		return -1;
	return fd_take(&fd);
}

static int open_place(struct opening *opening, uint32_t at)
{
	const struct jail_place *place = &opening->what->places[at];
	char what[JAIL_WHAT_BYTES];
	int fd;

	jail_what(opening->what, place, what);
	fd = open_source(opening, place->path, what,
			 place->access == JAIL_ACCESS_WRITE);
	if (fd < 0)
		return -1;
	(void)add(opening, JAIL_MOUNT_BIND, at, fd);
	return 0;
}

static int open_home(struct opening *opening)
{
	const struct jail_place home = { .path = opening->what->home_source };
	char what[JAIL_WHAT_BYTES];
	struct stat st;
	int fd;

	(void)snprintf(what, sizeof(what), "%s: --private=%.60s",
		       opening->what->key, home.path);
	ctl_text_clean(what);
	fd = open_source(opening, home.path, what, true);
	if (fd < 0)
		return -1;
	(void)add(opening, JAIL_MOUNT_HOME, 0, fd);
	if (ctl_source_stat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return err_set(&opening->result->fail.err, ERR_BAD_REQUEST, ENOTDIR,
		       "%s", what);
}

/* The bind that shows a path; -1: none does. */
static int find_above(const struct opening *opening, const char *path,
		      const char **rest)
{
	const struct jail_found *found = opening->found;
	size_t longest = 0;
	int fd = -1;

	for (uint32_t i = 0; i < found->n_mounts; i++) {
		const struct jail_mount *mount = &found->mounts[i];
		const char *above =
			mount->kind == JAIL_MOUNT_HOME ?
				opening->what->home :
				opening->what->places[mount->place].path;

		if (!jail_has_fd(mount->kind) ||
		    mount->kind == JAIL_MOUNT_FILE ||
		    !jail_is_within(path, above) || strlen(above) < longest)
			continue;
		longest = strlen(above);
		fd = opening->fds[i];
	}
	*rest = path + longest + strspn(path + longest, "/");
	return fd;
}

/* In the image links lead where they lead inside. */
static int open_in_image(const struct opening *opening, const char *path,
			 char target[JAIL_TARGET_BYTES])
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	char self[32], real[PATH_MAX], root[PATH_MAX] = "";
	auto_fd own_fd = -1, fd = -1;
	ssize_t len, head = 0;

	own_fd = opening->image_fd >= 0 ?
			 fcntl(opening->image_fd, F_DUPFD_CLOEXEC, 3) :
			 open("/", O_PATH | O_CLOEXEC);
	fd = own_fd < 0 ? -1 :
			  (int)syscall(SYS_openat2, own_fd, path, &how,
				       sizeof(how));
	if (fd < 0)
		return -1;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", own_fd);
	head = readlink(self, root, sizeof(root) - 1);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	len = readlink(self, real, sizeof(real) - 1);
	if (head < 0 || len < 0)
		return -1;
	head = strcmp(root, "/") == 0 ? 0 : head;
	real[len] = '\0';
	if (len - head >= JAIL_TARGET_BYTES || len <= head) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(target, real + head, (size_t)(len - head) + 1);
	return fd_take(&fd);
}

/* A file of our own without anything in it, for nobody to read. */
static int open_empty(const struct opening *opening)
{
	const char *dir = opening->jail->ses->ctl->state_dir;
	auto_fd dir_fd = dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) :
			       -1;
	auto_fd made_fd = -1;

	if (dir_fd < 0)
		return -1;
	made_fd = openat(dir_fd, EMPTY_FILE,
			 O_CREAT | O_EXCL | O_RDONLY | O_NOFOLLOW | O_CLOEXEC,
			 0);
	if (made_fd < 0 && errno != EEXIST)
		return -1;
	return ses_open_in(dir_fd, EMPTY_FILE, O_PATH);
}

static int refuse(struct opening *opening, const struct jail_place *place,
		  int sys)
{
	char what[JAIL_WHAT_BYTES];

	jail_what(opening->what, place, what);
	err_set(&opening->result->fail.err, ERR_BAD_REQUEST, sys, "%s", what);
	return sys == ELOOP ? ctl_fail_hint(&opening->result->fail,
					    "name what the link leads to") :
			      -1;
}

static int mask(struct opening *opening, uint32_t at, const struct stat *st,
		const char *target)
{
	const struct jail_place *place = &opening->what->places[at];
	struct jail_mount *mount;
	int fd = -1;

	if (S_ISLNK(st->st_mode))
		return refuse(opening, place, ELOOP);
	if (!S_ISDIR(st->st_mode)) {
		fd = open_empty(opening);
		if (fd < 0)
			return refuse(opening, place, errno);
	}
	mount = add(opening,
		    S_ISDIR(st->st_mode) ? JAIL_MOUNT_EMPTY : JAIL_MOUNT_FILE,
		    at, fd);
	(void)snprintf(mount->target, sizeof(mount->target), "%s", target);
	return 0;
}

/* What is not there, or not to be seen anyhow, needs nothing over it. */
static int hide(struct opening *opening, uint32_t at)
{
	const struct jail_place *place = &opening->what->places[at];
	char target[JAIL_TARGET_BYTES] = "";
	auto_fd fd = -1;
	const char *rest;
	const int above_fd = find_above(opening, place->path, &rest);
	struct stat st;

	fd = above_fd >= 0 ? ses_open_in(above_fd, rest, O_PATH | O_NOFOLLOW) :
			     open_in_image(opening, place->path, target);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR ||
		       (above_fd < 0 && errno == EACCES)))
		return 0;
	if (fd < 0 || ctl_source_stat(fd, &st) < 0)
		return refuse(opening, place, errno);
	return mask(opening, at, &st, target);
}

static int open_all(struct opening *opening)
{
	const struct tool_jail *what = opening->what;

	for (uint32_t i = 0; i < what->n_places; i++)
		if (what->places[i].access != JAIL_ACCESS_NONE &&
		    open_place(opening, i) < 0)
			return -1;
	if (what->home_source && open_home(opening) < 0)
		return -1;
	if (ses_prepare_image(opening->session,
			      opening->jail->ses->ctl->state_dir,
			      &opening->image_fd, &opening->result->fail) < 0)
		return -1;
	for (uint32_t i = 0; i < what->n_places; i++)
		if (what->places[i].access == JAIL_ACCESS_NONE &&
		    hide(opening, i) < 0)
			return -1;
	opening->found->image = opening->image_fd >= 0;
	if (opening->found->image)
		opening->result->fds[opening->result->n_fds++] =
			opening->image_fd;
	return 0;
}

/**
 * jail_open() - find all that a jail is to show
 * @arg: a struct ses_jail
 */
void jail_open(void *arg, struct job_result *result)
{
	const struct ses_jail *jail = arg;
	__attribute__((cleanup(flt_program_fini))) struct flt_program filter = {
		.bytes = NULL,
	};
	auto_free struct jail_found *found = calloc(1, sizeof(*found));
	struct opening opening = {
		.jail = jail,
		.what = jail->what.jail,
		.session = jail->view->session,
		.found = found,
		.image_fd = -1,
		.result = result,
	};

	if (!found) {
		err_set(&result->fail.err, ERR_KERNEL, ENOMEM, "jail");
		return;
	}
	if (open_all(&opening) < 0 ||
	    ses_prepare_filter(jail->view->session, &filter, found->warning,
			       &result->fail) < 0)
		return;
	found->filter_len = filter.len;
	result->len = sizeof(*found) + filter.len;
	result->bytes = malloc(result->len);
	if (!result->bytes) {
		err_set(&result->fail.err, ERR_KERNEL, ENOMEM, "jail");
		return;
	}
	memcpy(result->bytes, found, sizeof(*found));
	if (filter.bytes)
		memcpy(result->bytes + sizeof(*found), filter.bytes,
		       filter.len);
}
