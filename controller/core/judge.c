// SPDX-License-Identifier: Apache-2.0
/*
 * What may be mounted.  A source is judged by what it is: by device and inode
 * on the way up from it, and by its place in its file system, which a second
 * mount does not change.  Names count only where the file system is one that
 * somebody serves, who may never answer.
 */
#include <config.h>

#include "controller/core/judge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/core/fstype.h"
#include "controller/core/guard.h"
#include "controller/core/protected.h"
#include "controller/core/source.h"
#include "proto/cleanup.h"

#define MAX_CHAIN 2048

struct ctl_judge {
	struct ctl_rules rules;
	struct ctl_mount_table *mounts; /* owned */
	struct ctl_homes homes;
	struct ctl_guards guards;
};

/* What is to be mounted. */
struct source {
	int fd; /* borrowed */
	struct stat st;
	bool served;
	struct ctl_inode *chain; /* owned; itself, then everything above */
	size_t n_chain;
	struct ctl_place place;
	enum ctl_use use;
};

/* What an entry of the table is in one home. */
static char *expand(const char *path, const char *home)
{
	char *out = NULL;

	if (asprintf(&out, "%s%s", home, path + 1) < 0)
		return NULL;
	return out;
}

static void add_row(struct ctl_judge *judge, const struct ctl_protected *row)
{
	enum ctl_guard_kind kind = row->never ? CTL_GUARD_NEVER :
						CTL_GUARD_USER;

	if (row->path[0] != '~') {
		ctl_guards_add_path(&judge->guards, kind, row->path,
				    row->path);
		return;
	}
	for (size_t i = 0; i < judge->homes.count; i++) {
		auto_free char *path = expand(row->path,
					      judge->homes.list[i]);

		if (path)
			ctl_guards_add_path(&judge->guards, kind, row->path,
					    path);
		else
			judge->guards.full = true;
	}
}

/* Where creel's configuration is, if not in ~/.config. */
static void add_config_home(struct ctl_judge *judge)
{
	const char *dir = getenv("XDG_CONFIG_HOME");
	auto_free char *path = NULL;

	if (!dir || dir[0] != '/')
		return;
	if (asprintf(&path, "%s/creel", dir) < 0) {
		path = NULL;
		judge->guards.full = true;
		return;
	}
	ctl_guards_add_path(&judge->guards, CTL_GUARD_NEVER,
			    "creel's configuration", path);
}

/* creel's own first, then what cannot be opened: what is worse is told. */
static void add_guards(struct ctl_judge *judge)
{
	const struct ctl_protect *own = judge->rules.own;
	const struct ctl_protected *row;

	for (size_t i = 0; i < own->n_dirs; i++)
		ctl_guards_add_fd(&judge->guards, CTL_GUARD_OWN,
				  "creel's own", own->fds[i]);
	add_config_home(judge);
	for (int never = 1; never >= 0; never--)
		for (size_t i = 0; (row = ctl_protected_at(i)); i++)
			if (row->never == (never == 1))
				add_row(judge, row);
}

/**
 * ctl_judge_new() - look at what is protected, now
 * @rules: copied; what they point to is borrowed
 */
struct ctl_judge *ctl_judge_new(const struct ctl_rules *rules,
				struct ctl_fail *fail)
{
	struct ctl_judge *judge = calloc(1, sizeof(*judge));

	if (!judge) {
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "mounts");
		return NULL;
	}
	judge->rules = *rules;
	if (!rules->own)
		return judge;
	judge->mounts = ctl_mount_table_new();
	ctl_guards_init(&judge->guards, judge->mounts);
	if (judge->mounts) {
		ctl_homes_init(&judge->homes, rules->home);
		add_guards(judge);
	}
	if (judge->mounts && !judge->guards.full)
		return judge;
	err_set(&fail->err, ERR_KERNEL, ENOMEM,
		"what is protected cannot be told");
	ctl_judge_free(judge);
	return NULL;
}

/**
 * ctl_judge_free() - release; NULL is fine
 */
void ctl_judge_free(struct ctl_judge *judge)
{
	if (!judge)
		return;
	ctl_guards_fini(&judge->guards);
	ctl_homes_fini(&judge->homes);
	ctl_mount_table_free(judge->mounts);
	free(judge);
}

static bool add_to_chain(const struct ctl_inode *inode, void *arg)
{
	struct source *source = arg;

	if (source->n_chain == MAX_CHAIN)
		return true;
	source->chain[source->n_chain++] = *inode;
	return false;
}

static int make_chain(struct source *source)
{
	const struct ctl_inode self = { source->st.st_dev, source->st.st_ino };
	auto_fd dir = -1;

	source->chain = calloc(MAX_CHAIN, sizeof(*source->chain));
	if (!source->chain)
		return -1;
	if (!S_ISDIR(source->st.st_mode))
		(void)add_to_chain(&self, source);
	dir = ctl_source_dir(source->fd, &source->st);
	if (dir < 0)
		return -1;
	ctl_source_walk_up(dir, add_to_chain, source);
	return 0;
}

static bool same(const struct ctl_inode *a, const struct ctl_inode *b)
{
	return a->ino == b->ino && a->dev == b->dev;
}

static bool has_above(const struct source *source,
		      const struct ctl_inode *inode, size_t *at)
{
	for (*at = 0; *at < source->n_chain; ++*at)
		if (same(&source->chain[*at], inode))
			return true;
	return false;
}

static bool is_inside(const struct source *source,
		      const struct ctl_guard *guard, size_t *at)
{
	*at = source->n_chain;
	if (guard->exists && has_above(source, &guard->inode, at))
		return true;
	if (source->served)
		return guard->place.name && source->place.name &&
		       ctl_path_is_in(source->place.name, guard->place.name);
	return ctl_place_is_in(&source->place, &guard->place);
}

struct below {
	const struct ctl_guard *guard;
	bool hit;
};

/* What is mounted below a source comes with it. */
static bool is_guarded_mount(const struct ctl_place *place, void *arg)
{
	struct below *below = arg;

	below->hit = ctl_place_is_in(place, &below->guard->place) ||
		     ctl_place_is_in(&below->guard->place, place);
	return !below->hit;
}

static bool contains(const struct ctl_judge *judge,
		     const struct source *source,
		     const struct ctl_guard *guard)
{
	struct below below = { .guard = guard };

	if (!S_ISDIR(source->st.st_mode))
		return false;
	if (ctl_place_is_in(&guard->place, &source->place) ||
	    (source->served && guard->place.name && source->place.name &&
	     ctl_path_is_in(guard->place.name, source->place.name)))
		return true;
	if (source->place.name && guard->place.path)
		ctl_mount_table_below(judge->mounts, source->place.name,
				      is_guarded_mount, &below);
	return below.hit;
}

/* What of creel's state directory is there to be seen. */
static const struct {
	enum ctl_use use; /* CTL_USE_INVALID: of all but images */
	const char *name;
	bool prefix;
	size_t depth; /* from here on below the state directory */
} open_parts[] = {
	{ CTL_USE_IMAGE, "images", false, 2 },
	{ CTL_USE_BIND, "staging", false, 2 }, /* of an import */
	{ CTL_USE_WORKSPACE, "sandboxes", false, 1 },
	{ CTL_USE_INVALID, "sandboxes", false, 2 },
	{ CTL_USE_INVALID, "workspace", false, 1 },
	{ CTL_USE_INVALID, "workspace-", true, 1 },
};

static bool is_part(size_t i, enum ctl_use use, const char *name, size_t depth)
{
	size_t len = strlen(open_parts[i].name);

	if (open_parts[i].use == CTL_USE_INVALID ? use == CTL_USE_IMAGE :
						   use != open_parts[i].use)
		return false;
	return depth >= open_parts[i].depth &&
	       strncmp(name, open_parts[i].name, len) == 0 &&
	       (open_parts[i].prefix || name[len] == '/' || name[len] == '\0');
}

/* @depth: how far the source is below the directory */
static bool is_open_part(const struct source *source,
			 const struct ctl_guard *guard, size_t depth)
{
	const char *name = source->place.name;

	if (!guard->place.name || depth >= source->n_chain ||
	    !ctl_path_is_in(name, guard->place.name))
		return false;
	name += strlen(guard->place.name);
	name += *name == '/';
	for (size_t i = 0; i < sizeof(open_parts) / sizeof(open_parts[0]); i++)
		if (is_part(i, source->use, name, depth))
			return true;
	return false;
}

/* A path as a person wrote it; ~ is the caller's home, or else the account's. */
static int open_written(const struct ctl_judge *judge, const char *path)
{
	auto_free char *whole = NULL;

	if (path[0] != '~' || (path[1] && path[1] != '/'))
		return open(path, O_PATH | O_CLOEXEC);
	if (judge->homes.count > 0)
		whole = expand(path, judge->homes.list[0]);
	return whole ? open(whole, O_PATH | O_CLOEXEC) : -1;
}

/* Is the source one of these paths, or below one? */
static bool is_opened(const struct ctl_judge *judge,
		      const struct source *source)
{
	for (size_t i = 0; i < judge->rules.n_opened; i++) {
		auto_fd fd = open_written(judge, judge->rules.opened[i]);
		struct ctl_inode inode;
		struct stat st;
		size_t at;

		if (fd < 0 || ctl_source_stat(fd, &st) < 0)
			continue;
		inode = (struct ctl_inode){ st.st_dev, st.st_ino };
		if (has_above(source, &inode, &at))
			return true;
	}
	return false;
}

static int refuse(const struct ctl_judge *judge, const char *what,
		  const struct ctl_guard *guard, bool inside,
		  struct ctl_fail *fail)
{
	if (guard->kind == CTL_GUARD_OWN && inside)
		return err_set(&fail->err, ERR_DENIED, 0,
			       "%s: it is inside a directory of creel itself",
			       what);
	if (guard->kind == CTL_GUARD_OWN) {
		err_set(&fail->err, ERR_DENIED, 0,
			"%s: it contains creel's own state or sockets", what);
		return ctl_fail_hint(fail, "name a directory below it");
	}
	err_set(&fail->err, ERR_DENIED, 0, "%s: it %s %s, which %s", what,
		inside ? "is in" : "contains", guard->shown,
		guard->kind == CTL_GUARD_NEVER ? "no sandbox gets" :
						 "is protected");
	if (guard->kind == CTL_GUARD_NEVER)
		return inside ? -1 :
				ctl_fail_hint(fail,
					      "name a directory below it");
	return ctl_fail_hint(fail, "%s opens protected paths one by one%s",
			     judge->rules.open_key,
			     inside ? "" : "; or name a directory below it");
}

/* 1 where nothing is said against it by this one. */
static int ask_guard(const struct ctl_judge *judge,
		     const struct source *source, const char *what,
		     const struct ctl_guard *guard, struct ctl_fail *fail)
{
	size_t at;
	bool inside = is_inside(source, guard, &at);

	if (!inside && !contains(judge, source, guard))
		return 1;
	if (inside && guard->kind == CTL_GUARD_OWN &&
	    is_open_part(source, guard, at))
		return 1;
	if (guard->kind == CTL_GUARD_USER && is_opened(judge, source))
		return 1;
	return refuse(judge, what, guard, inside, fail);
}

static int ask_guards(const struct ctl_judge *judge,
		      const struct source *source, const char *what,
		      struct ctl_fail *fail)
{
	const struct ctl_guards *guards = &judge->guards;
	const struct ctl_guard *above = NULL;

	for (size_t i = 0; i < guards->count; i++)
		if (ask_guard(judge, source, what, &guards->list[i], fail) < 0)
			return -1;
	if (S_ISDIR(source->st.st_mode) && source->n_chain > 0)
		above = ctl_guards_above(guards, &source->chain[0]);
	/* Below or equal to that one has been allowed above. */
	if (!above || (above->exists &&
		       same(&above->inode, &source->chain[0])) ||
	    (above->kind == CTL_GUARD_USER && is_opened(judge, source)))
		return 0;
	return refuse(judge, what, above, false, fail);
}

static const struct {
	const char *name; /* the last part of its path, or the beginning of it */
	const char *gives;
} sockets[] = {
	{ "docker.sock", "whoever reaches Docker is root on this machine" },
	{ "podman.sock", "whoever reaches Podman runs what he likes as you" },
	{ "containerd.sock", "whoever reaches containerd is root on this machine" },
	{ "crio.sock", "whoever reaches CRI-O is root on this machine" },
	{ "libvirt-sock", "whoever reaches libvirt is root on this machine" },
	{ "system_bus_socket", "it leads to the services of this machine" },
	{ "bus", "it leads to your session and can start programs in it" },
	{ "S.gpg-agent", "it signs and decrypts with your keys" },
	{ "agent.", "it signs with your SSH keys" },
	{ "S.ssh-agent", "it signs with your SSH keys" },
	{ "X", "it sees and types what you do" },
	{ "wayland-", "it leads to your screen" },
};

static const char *socket_gives(const char *path)
{
	const char *name = path ? strrchr(path, '/') : NULL;

	for (size_t i = 0; name && i < sizeof(sockets) / sizeof(sockets[0]);
	     i++)
		if (strncmp(name + 1, sockets[i].name,
			    strlen(sockets[i].name)) == 0)
			return sockets[i].gives;
	return "what listens there is outside of the sandbox";
}

static int ask_socket(const struct ctl_judge *judge,
		      const struct source *source, const char *what,
		      struct ctl_fail *fail)
{
	for (size_t i = 0; i < judge->rules.n_sockets; i++) {
		auto_fd fd = open_written(judge, judge->rules.sockets[i]);
		struct stat st;

		if (fd >= 0 && ctl_source_stat(fd, &st) == 0 &&
		    st.st_ino == source->st.st_ino &&
		    st.st_dev == source->st.st_dev)
			return 0;
	}
	err_set(&fail->err, ERR_DENIED, 0, "%s: it is a socket: %s", what,
		socket_gives(source->place.name));
	return ctl_fail_hint(fail, "%s lists the sockets that may be bound",
			     judge->rules.socket_key);
}

static int ask_all(const struct ctl_judge *judge, struct source *source,
		   const char *what, struct ctl_fail *fail)
{
	bool known = ctl_place_of(judge->mounts, source->fd, &source->place);

	source->served = ctl_fstype_waits(source->st.st_dev);
	if (!source->place.name || (source->served && !known) ||
	    (!source->served && make_chain(source) < 0))
		return err_set(&fail->err, ERR_DENIED, 0,
			       "%s: where it lies cannot be told", what);
	if (ask_guards(judge, source, what, fail) < 0)
		return -1;
	return S_ISSOCK(source->st.st_mode) ?
		       ask_socket(judge, source, what, fail) :
		       0;
}

/**
 * ctl_judge_source() - may this be mounted into a sandbox?
 */
int ctl_judge_source(const struct ctl_judge *judge, int fd, const char *what,
		     enum ctl_use use, struct ctl_fail *fail)
{
	struct source source = { .fd = fd, .use = use };
	int ret;

	if (ctl_source_kind(fd, what, &source.st, fail) < 0)
		return -1;
	if (!judge->rules.own)
		return 0;
	ret = ask_all(judge, &source, what, fail);
	ctl_place_fini(&source.place);
	free(source.chain);
	return ret;
}
