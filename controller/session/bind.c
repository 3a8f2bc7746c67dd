// SPDX-License-Identifier: Apache-2.0
/*
 * Binds of a configuration, and what a configuration must not lie in.  Sources
 * are opened once; what was judged is what is mounted.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/core/place.h"
#include "controller/core/source.h"
#include "controller/session/fill.h"
#include "controller/session/origin.h"
#include "controller/session/roots.h"
#include "controller/session/workspace.h"
#include "proto/cleanup.h"

#define MAX_LINKS 40
#define NAME_BYTES 4096

/**
 * ses_judge() - may this be mounted into a sandbox of a session?
 * @what: the key, for messages
 */
int ses_judge(const struct pol_session *session, int fd, const char *what,
	      enum ctl_use use, struct ctl_fail *fail)
{
	const char *state_dir = session->cfg ? session->cfg->state_dir : NULL;
	struct ctl_protect own;
	const struct ctl_rules rules = {
		.own = &own,
		.home = session->cfg ? session->cfg->home : NULL,
		.opened = session->allow_paths,
		.n_opened = session->n_allow_paths,
		.sockets = session->socket_binds,
		.n_sockets = session->n_socket_binds,
		.open_key = "allowProtectedBinds",
		.socket_key = "allowSocketBinds",
	};
	struct ctl_judge *judge;
	int ret = -1;

	ctl_protect_init(&own);
	ctl_protect_own(&own, state_dir);
	judge = ctl_judge_new(&rules, fail);
	if (judge)
		ret = ctl_judge_source(judge, fd, what, use, fail);
	ctl_judge_free(judge);
	ctl_protect_fini(&own);
	return ret;
}

/* What a sandbox could write to; is something of the configuration in it? */
struct search {
	struct ctl_inode inode;
	struct ctl_mount_table *mounts; /* owned */
	struct ctl_place place;
	struct ctl_place *asked; /* borrowed: what is looked for */
	bool found;
};

static bool is_it(const struct ctl_inode *inode, void *arg)
{
	struct search *search = arg;

	search->found = inode->dev == search->inode.dev &&
			inode->ino == search->inode.ino;
	return search->found;
}

static bool is_mounted_there(const struct ctl_place *mount, void *arg)
{
	struct search *search = arg;

	search->found = ctl_place_is_in(search->asked, mount);
	return !search->found;
}

/*
 * A directory of a name, whatever links and mounts lead to it: is it within?
 * One that cannot be looked at may be. A missing one, or a file, is no folder
 * to put something in.
 */
static bool dir_is_within(struct search *search, const char *path)
{
	auto_fd fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct ctl_place place = { 0 };

	if (fd < 0)
		return errno != ENOENT && errno != ENOTDIR;
	ctl_source_walk_up(fd, is_it, search);
	if (!search->found && ctl_place_of(search->mounts, fd, &place)) {
		search->asked = &place;
		search->found = ctl_place_is_in(&place, &search->place);
		if (!search->found && search->place.name)
			ctl_mount_table_below(search->mounts,
					      search->place.name,
					      is_mounted_there, search);
	}
	search->asked = NULL;
	ctl_place_fini(&place);
	return search->found;
}

/*
 * Every directory on the way: whoever can write to one of them can put
 * something else where the file was.
 */
static bool way_is_within(struct search *search, const char *path)
{
	char part[NAME_BYTES];

	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return true;
	for (char *at = part + 1; *at; at++) {
		bool within;

		if (*at != '/')
			continue;
		*at = '\0';
		within = dir_is_within(search, part);
		*at = '/';
		if (within)
			return true;
	}
	return dir_is_within(search, part);
}

/* Where a link leads, as text; false where it is none. */
static bool follow(char path[NAME_BYTES])
{
	char target[NAME_BYTES];
	ssize_t len = readlink(path, target, sizeof(target) - 1);
	char *slash = strrchr(path, '/');

	if (len <= 0 || !slash)
		return false;
	target[len] = '\0';
	if (target[0] == '/')
		slash = path;
	else
		slash++;
	return snprintf(slash, NAME_BYTES - (size_t)(slash - path), "%s",
			target) < (int)(NAME_BYTES - (size_t)(slash - path));
}

static bool file_is_within(struct search *search, const char *file)
{
	char path[NAME_BYTES];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s", file) >= (int)sizeof(path))
		return true;
	if (stat(path, &st) == 0 && st.st_ino == search->inode.ino &&
	    st.st_dev == search->inode.dev)
		return true;
	for (int i = 0; i < MAX_LINKS; i++) {
		if (way_is_within(search, path))
			return true;
		if (!follow(path))
			return false;
	}
	return true;
}

/* Also the folder of drop-ins, which need not be there yet. */
static bool drop_ins_are_within(struct search *search, const char *file)
{
	char path[NAME_BYTES];
	const char *slash = strrchr(file, '/');

	if (!slash ||
	    snprintf(path, sizeof(path), "%.*s/conf.d", (int)(slash - file),
		     file) >= (int)sizeof(path))
		return true;
	return file_is_within(search, path);
}

/* The file that is in it; NULL: none is. */
static const char *find_within(struct search *search, const struct cfg *cfg)
{
	if (file_is_within(search, cfg->path) ||
	    drop_ins_are_within(search, cfg->path))
		return cfg->path;
	for (uint32_t i = 0; i < cfg->problems.n_files; i++)
		if (file_is_within(search, cfg->problems.files[i]))
			return cfg->problems.files[i];
	return NULL;
}

/**
 * ses_config_outside() - refuse what would let a sandbox write its own rules
 * @fd:   of what a sandbox can write, a directory or a file
 * @what: its key, for the message
 */
int ses_config_outside(const struct pol_session *session, int fd,
		       const char *what, struct ctl_fail *fail)
{
	struct search search = { .found = false };
	const char *file = NULL;
	struct stat st;

	if (!session->cfg || !session->cfg->path)
		return 0;
	search.mounts = ctl_mount_table_new();
	if (!search.mounts || ctl_source_stat(fd, &st) < 0) {
		ctl_mount_table_free(search.mounts);
		return err_set(&fail->err, ERR_KERNEL, errno, "%s", what);
	}
	search.inode = (struct ctl_inode){ st.st_dev, st.st_ino };
	(void)ctl_place_of(search.mounts, fd, &search.place);
	file = find_within(&search, session->cfg);
	ctl_place_fini(&search.place);
	ctl_mount_table_free(search.mounts);
	if (!file)
		return 0;
	err_set(&fail->err, ERR_DENIED, 0,
		"%s: the sandbox could write %s%.60s, its configuration", what,
		strlen(file) > 60 ? "..." : "",
		strlen(file) > 60 ? file + strlen(file) - 60 : file);
	return ctl_fail_hint(fail,
			     "keep the configuration where no sandbox can write");
}

/**
 * ses_config_is_safe() - can the sandbox of a session not write the
 *                        configuration?
 */
int ses_config_is_safe(const struct pol_session *session, int workspace_fd,
		       struct ctl_fail *fail)
{
	enum pol_value value = session->access == POL_ACCESS_RW ?
				       POL_WORKSPACE :
				       POL_WORKSPACE_ROOT;
	char key[SES_ORIGIN_BYTES];

	return ses_config_outside(session, workspace_fd,
				  ses_origin(session, value, key), fail);
}

/**
 * ses_bind_open() - open the source of a bind
 *
 * Read-write ones also must not have the configuration in them.
 *
 * Return: a descriptor, SES_BIND_NONE for one that another key than
 * docker.binds asks for and that is not there, or -1.
 */
int ses_bind_open(const struct pol_session *session,
		  const struct cfg_bind *bind, size_t index,
		  struct ctl_fail *fail)
{
	char key[SES_ORIGIN_BYTES];
	struct ses_path way = { .kind = SES_PATH_ANY, .what = key };
	auto_fd fd = -1;

	(void)ses_origin_bind(session, index, key);
	if (bind->source[0] != '/')
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "%s: the source is not an absolute path", key);
	way.path = bind->source;
	fd = ses_path_open(session, &way, fail);
	if (fd < 0 && fail->err.code != ERR_NONE)
		return -1;
	if (fd < 0 && bind->key && errno == ENOENT)
		return SES_BIND_NONE;
	if (fd < 0)
		return err_set(&fail->err, ERR_BAD_REQUEST, errno,
			       "%s: %.40s", key, bind->source);
	if (ses_judge(session, fd, key, CTL_USE_BIND, fail) < 0 ||
	    (!bind->readonly &&
	     ses_config_outside(session, fd, key, fail) < 0))
		return -1;
	return fd_take(&fd);
}
