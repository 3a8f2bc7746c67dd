// SPDX-License-Identifier: Apache-2.0
/*
 * What all agents of a configuration let their sandboxes and jails write to:
 * one of them may prepare there what another one is to fall for.  Looked at
 * only where a path has a link in it.
 */
#include <config.h>

#include "controller/session/roots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controller/compat/firejail.h"
#include "controller/config/tree.h"
#include "controller/core/place.h"
#include "controller/core/source.h"
#include "controller/core/way.h"
#include "controller/policy/python.h"
#include "controller/tools/setting.h"
#include "proto/cleanup.h"

#define PYTHON "tools.python_exec."
#define PREFIX_KEY PYTHON "jail.command_prefix"
#define SHARED_KEY PYTHON "artifacts_jail_shared_dir"

struct root {
	struct ctl_inode inode;
	struct ctl_place place;
};

struct roots {
	const struct pol_session *session; /* borrowed */
	struct ctl_mount_table *mounts;    /* owned */
	struct root *list;                 /* owned */
	size_t count, room;
	bool ready;
	bool unknown; /* not all of them could be found */
};

static void roots_fini(struct roots *roots)
{
	for (size_t i = 0; i < roots->count; i++)
		ctl_place_fini(&roots->list[i].place);
	ptr_free(&roots->list);
	roots->count = 0;
	ctl_mount_table_free(roots->mounts);
	roots->mounts = NULL;
}

#define auto_roots __attribute__((cleanup(roots_fini))) struct roots

/* What is not there cannot be written either. */
static void add(struct roots *roots, const char *path)
{
	auto_fd fd = open(path, O_PATH | O_CLOEXEC);
	struct root *root;
	struct stat st;

	if (fd < 0 || ctl_source_stat(fd, &st) < 0)
		return;
	if (roots->count == roots->room) {
		size_t room = roots->room ? roots->room * 2 : 16;
		struct root *list = realloc(roots->list,
					    room * sizeof(*list));

		if (!list) {
			roots->unknown = true;
			return;
		}
		roots->list = list;
		roots->room = room;
	}
	root = &roots->list[roots->count++];
	*root = (struct root){ .inode = { st.st_dev, st.st_ino } };
	(void)ctl_place_of(roots->mounts, fd, &root->place);
}

static void add_session(struct roots *roots, const struct pol_session *session)
{
	if (session->access == POL_ACCESS_RW)
		add(roots, session->agent_workspace);
	add(roots, session->workspace_root);
	for (size_t i = 0; i < session->n_binds; i++)
		if (!session->binds[i].readonly)
			add(roots, session->binds[i].source);
}

static void add_agent(struct roots *roots, const char *id)
{
	char key[CFG_AGENT_ID_MAX + 16];
	struct err err = ERR_INIT;
	struct pol_session *session;

	(void)snprintf(key, sizeof(key), "agent:%s:main", id);
	session = pol_session_new(roots->session->cfg, key, NULL, &err);
	if (!session) {
		roots->unknown = true;
		return;
	}
	add_session(roots, session);
	pol_session_free(session);
}

/* One that cannot be made shows nothing. */
static void add_places(struct roots *roots, const char *const *words, size_t n)
{
	struct tool_jail jail = { 0 };
	struct err err = ERR_INIT;

	if (firejail_parse(words, n, roots->session->cfg->home, &jail, &err) ==
	    0) {
		for (size_t i = 0; i < jail.n_places; i++)
			if (jail.places[i].access == JAIL_ACCESS_WRITE)
				add(roots, jail.places[i].path);
		if (jail.home_source)
			add(roots, jail.home_source);
	} else if (err.code == ERR_KERNEL) {
		roots->unknown = true;
	}
	jail_fini(&jail);
}

/* Whichever mode is set now: what was made in one stays. */
static void add_jails(struct roots *roots, struct cfg_tree *mem)
{
	const struct cfg *cfg = roots->session->cfg;
	const struct cfg_node *list = tool_setting_list(cfg, PREFIX_KEY);
	const char *text = tool_setting_text(cfg, SHARED_KEY);
	const char *path = text ? pol_host_path(cfg, mem, text) : NULL;
	const char **words = NULL;
	size_t n = 0;

	if (path)
		add(roots, path);
	if (!list || !list->first || !firejail_is(list->first->text))
		return;
	words = cfg_tree_alloc(mem, list->count * sizeof(*words));
	for (const struct cfg_node *at = list->first; words && at;
	     at = at->next)
		words[n++] = at->text;
	if (words)
		add_places(roots, words, n);
	else
		roots->unknown = true;
}

static void find_jails(struct roots *roots)
{
	struct cfg_tree *mem = cfg_tree_new();

	if (mem)
		add_jails(roots, mem);
	else
		roots->unknown = true;
	cfg_tree_free(mem);
}

static void find(struct roots *roots)
{
	const struct cfg *cfg = roots->session->cfg;

	roots->ready = true;
	roots->mounts = ctl_mount_table_new();
	if (!roots->mounts)
		roots->unknown = true;
	else
		add_session(roots, roots->session);
	for (size_t i = 0; roots->mounts && cfg && i < cfg->n_agents; i++)
		add_agent(roots, cfg->agents[i].id);
	if (roots->mounts && cfg) {
		add_agent(roots, cfg->default_agent);
		find_jails(roots);
	}
}

struct search {
	const struct roots *roots;
	bool found;
};

static bool is_root(const struct ctl_inode *inode, void *arg)
{
	struct search *search = arg;
	const struct roots *roots = search->roots;

	for (size_t i = 0; !search->found && i < roots->count; i++)
		search->found = roots->list[i].inode.dev == inode->dev &&
				roots->list[i].inode.ino == inode->ino;
	return search->found;
}

/* By another mount of it too, which has other directories above it. */
static bool is_in_place(const struct roots *roots, int fd)
{
	struct ctl_place place = { 0 };
	bool found = !ctl_place_of(roots->mounts, fd, &place);

	for (size_t i = 0; !found && i < roots->count; i++)
		found = roots->list[i].place.path &&
			ctl_place_is_in(&place, &roots->list[i].place);
	ctl_place_fini(&place);
	return found;
}

static bool is_written(void *arg, int fd)
{
	struct roots *roots = arg;
	struct search search = { .roots = roots };
	auto_fd dir_fd = -1;
	struct stat st;

	if (!roots->ready)
		find(roots);
	if (roots->unknown || ctl_source_stat(fd, &st) < 0)
		return true;
	dir_fd = ctl_source_dir(fd, &st);
	if (dir_fd < 0)
		return true;
	ctl_source_walk_up(dir_fd, is_root, &search);
	return search.found || is_in_place(roots, fd);
}

/**
 * ses_is_written() - can some sandbox of the configuration write it?
 * @fd: a directory or a file
 *
 * Return: true also where that cannot be told.
 */
bool ses_is_written(const struct pol_session *session, int fd)
{
	auto_roots roots = { .session = session };

	return is_written(&roots, fd);
}

/**
 * ses_path_open() - open what a key names
 */
int ses_path_open(const struct pol_session *session, struct ses_path *path,
		  struct ctl_fail *fail)
{
	auto_roots roots = { .session = session };
	struct ctl_way way = { .is_written = is_written,
			       .arg = &roots,
			       .dir = path->kind != SES_PATH_ANY,
			       .make = path->kind == SES_PATH_MAKE };
	int fd = ctl_way_open(&way, path->path);
	int saved = errno;

	path->made = way.made;
	if (fd < 0 && way.why) {
		err_set(&fail->err, ERR_DENIED, 0, "%s: %s", path->what,
			way.why);
		ctl_fail_hint(fail, "name what it leads to, if that is meant");
	}
	errno = saved;
	return fd;
}
