// SPDX-License-Identifier: Apache-2.0
/*
 * The agent's skills, mirrored into a workspace.  A whole new folder is made
 * beside the old one and takes its place at once; the old one, whatever it has
 * become, is removed.  A sandbox that keeps its own skills there keeps them
 * until then: the folder is the agent's.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/core/remove.h"
#include "controller/session/beneath.h"
#include "controller/session/fill.h"
#include "proto/cleanup.h"

#define FOLDER "skills"
#define MARK "SKILL.md"

struct mirror {
	uint64_t bytes_left;
	unsigned int files_left;
	struct ctl_fail *fail; /* borrowed */
	char folder[64];       /* of the skill, for messages */
};

static int too_much(struct mirror *mirror, const char *what)
{
	err_set(&mirror->fail->err, ERR_LIMIT, 0,
		"skills/%s of the agent's workspace: more than %s",
		mirror->folder, what);
	return ctl_fail_hint(mirror->fail, "take out what is not of the skill");
}

static int failed(struct mirror *mirror)
{
	return err_set(&mirror->fail->err, ERR_KERNEL, errno,
		       "skills/%s of the agent's workspace", mirror->folder);
}

static int copy_file(struct mirror *mirror, int from_fd, int to_fd,
		     const char *name)
{
	struct stat st;
	auto_fd in = ses_file_open(from_fd, name, &st);
	auto_fd out = -1;

	if (in < 0) /* gone or swapped since it was listed */
		return 0;
	if ((uint64_t)st.st_size > mirror->bytes_left)
		return too_much(mirror, "256 MiB in all");
	out = openat(to_fd, name,
		     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		     0600);
	if (out < 0 || ses_copy(in, out, &mirror->bytes_left) < 0)
		return errno == EFBIG ? too_much(mirror, "256 MiB in all") :
					failed(mirror);
	return fchmod(out, 0600 | (st.st_mode & 0155)) < 0 ? failed(mirror) : 0;
}

/* As it is: where it leads is up to whoever follows it, in the sandbox. */
static int copy_link(struct mirror *mirror, int from_fd, int to_fd,
		     const char *name)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(from_fd, name, target, sizeof(target) - 1);

	if (len <= 0)
		return 0;
	target[len] = '\0';
	return symlinkat(target, to_fd, name) < 0 ? failed(mirror) : 0;
}

static int copy_tree(struct mirror *mirror, int from_fd, int to_fd,
		     unsigned int depth);

static int copy_dir(struct mirror *mirror, int from_fd, int to_fd,
		    const char *name, unsigned int depth)
{
	auto_fd from = ses_open_in(from_fd, name, O_PATH | O_DIRECTORY);
	auto_fd to = -1;

	if (from < 0)
		return 0;
	if (depth == SES_SKILLS_MAX_DEPTH)
		return too_much(mirror, "24 folders deep");
	if (mkdirat(to_fd, name, 0700) < 0)
		return failed(mirror);
	to = ses_open_in(to_fd, name, O_PATH | O_DIRECTORY);
	if (to < 0)
		return failed(mirror);
	return copy_tree(mirror, from, to, depth + 1);
}

static int copy_entry(struct mirror *mirror, int from_fd, int to_fd,
		      const char *name, unsigned int depth)
{
	struct stat st;

	if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (mirror->files_left == 0)
		return too_much(mirror, "20000 files in all");
	mirror->files_left--;
	if (S_ISDIR(st.st_mode))
		return copy_dir(mirror, from_fd, to_fd, name, depth);
	if (S_ISREG(st.st_mode))
		return copy_file(mirror, from_fd, to_fd, name);
	return S_ISLNK(st.st_mode) ? copy_link(mirror, from_fd, to_fd, name) :
				     0;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int copy_tree(struct mirror *mirror, int from_fd, int to_fd,
		     unsigned int depth)
{
	int list_fd = ses_dir_read(from_fd);
	DIR *dir = list_fd < 0 ? NULL : fdopendir(list_fd);
	struct dirent *entry;
	int ret = 0;

	if (!dir) {
		fd_close(&list_fd);
		return failed(mirror);
	}
	while (ret == 0 && (entry = readdir(dir)))
		if (!is_dots(entry->d_name))
			ret = copy_entry(mirror, from_fd, to_fd,
					 entry->d_name, depth);
	(void)closedir(dir);
	return ret;
}

/* Only folders with a SKILL.md; a link to one is none. */
static int copy_skill(struct mirror *mirror, int from_fd, int to_fd,
		      const char *name)
{
	auto_fd skill_fd = ses_open_in(from_fd, name, O_PATH | O_DIRECTORY);
	auto_fd mark_fd = -1;
	struct stat st;

	if (mirror->files_left == 0)
		return too_much(mirror, "20000 files in all");
	mirror->files_left--;
	if (skill_fd < 0)
		return 0;
	mark_fd = ses_file_open(skill_fd, MARK, &st);
	if (mark_fd < 0)
		return 0;
	(void)snprintf(mirror->folder, sizeof(mirror->folder), "%.60s", name);
	ctl_text_clean(mirror->folder);
	return copy_dir(mirror, from_fd, to_fd, name, 0);
}

static int copy_skills(struct mirror *mirror, int from_fd, int to_fd)
{
	int list_fd = ses_dir_read(from_fd);
	DIR *dir = list_fd < 0 ? NULL : fdopendir(list_fd);
	struct dirent *entry;
	int ret = 0;

	if (!dir) {
		fd_close(&list_fd);
		return failed(mirror);
	}
	while (ret == 0 && (entry = readdir(dir)))
		if (!is_dots(entry->d_name))
			ret = copy_skill(mirror, from_fd, to_fd,
					 entry->d_name);
	(void)closedir(dir);
	return ret;
}

/* A folder, or what a sandbox has put in its place. */
static int remove_old(int dir_fd, const char *name)
{
	unsigned int budget = UINT_MAX;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	return ctl_remove_tree(dir_fd, name, &budget) == CTL_REMOVED_ALL ? 0 :
									   -1;
}

/* The new one in the place of the old, which gets the new one's name. */
static int exchange(int dir_fd, const char *name)
{
	if (renameat2(dir_fd, name, dir_fd, FOLDER, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno == ENOENT)
		return renameat2(dir_fd, name, dir_fd, FOLDER,
				 RENAME_NOREPLACE);
	return -1;
}

static bool is_same(int a_fd, int b_fd)
{
	struct stat a, b;

	return fstat(a_fd, &a) == 0 && fstat(b_fd, &b) == 0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static bool has_mirror(int workspace_fd)
{
	struct stat st;

	return fstatat(workspace_fd, FOLDER, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/**
 * ses_skills_mirror() - make the workspace's skills those of the agent
 *
 * Return: 0, or -1 with everything as it was; LIMIT names the folder that is
 * too large.
 */
int ses_skills_mirror(int agent_fd, int workspace_fd, struct ctl_fail *fail)
{
	struct mirror mirror = { .bytes_left = SES_SKILLS_MAX_BYTES,
				 .files_left = SES_SKILLS_MAX_FILES,
				 .fail = fail };
	auto_fd from_fd = -1, to_fd = -1;
	char name[SES_TEMP_BYTES];
	int ret;

	if (agent_fd < 0 || is_same(agent_fd, workspace_fd))
		return 0;
	from_fd = ses_open_in(agent_fd, FOLDER, O_PATH | O_DIRECTORY);
	if (from_fd < 0 && !has_mirror(workspace_fd))
		return 0;
	if (ses_temp_name(".creel-skills-", name) < 0)
		return failed(&mirror);
	to_fd = ses_dir_make(workspace_fd, name);
	if (to_fd < 0)
		return failed(&mirror);
	ret = from_fd >= 0 ? copy_skills(&mirror, from_fd, to_fd) : 0;
	if (ret == 0 && exchange(workspace_fd, name) < 0)
		ret = failed(&mirror);
	if (remove_old(workspace_fd, name) < 0 && ret == 0)
		ret = failed(&mirror);
	return ret;
}
