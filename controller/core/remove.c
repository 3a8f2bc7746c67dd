// SPDX-License-Identifier: Apache-2.0
/*
 * Removing trees.  By descriptors alone, never through a link; a directory that
 * lies deep is moved to the top first, so that neither the stack nor the number
 * of open files grows with the tree.
 */
#include <config.h>

#include "controller/core/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define MAX_DEPTH 16

struct removal {
	int top_fd; /* borrowed */
	unsigned int *budget;
	unsigned int n_moved;
};

static enum ctl_removed why_not(void)
{
	return errno == EACCES || errno == EPERM ? CTL_REMOVED_DENIED :
						   CTL_REMOVED_FAILED;
}

/* Opens a directory, which becomes one that its owner can change. */
static int open_dir(int dir_fd, const char *name)
{
	auto_fd path_fd = openat(dir_fd, name,
				 O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	char self[32];

	if (path_fd < 0 || fstat(path_fd, &st) < 0)
		return -1;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", path_fd);
	if ((st.st_mode & 0700) != 0700 && st.st_uid == geteuid() &&
	    chmod(self, 0700) < 0)
		return -1;
	return openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static enum ctl_removed move_up(struct removal *removal, int dir_fd,
				const char *name)
{
	char up[32];

	do
		(void)snprintf(up, sizeof(up), "moved-%u", removal->n_moved++);
	while (renameat2(dir_fd, name, removal->top_fd, up, RENAME_NOREPLACE) <
		       0 &&
	       errno == EEXIST);
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ?
		       CTL_REMOVED_DENIED :
		       CTL_REMOVED_ALL;
}

static enum ctl_removed remove_one(struct removal *removal, int dir_fd,
				   const char *name, unsigned int depth);

/* Takes the descriptor over. */
static enum ctl_removed empty(struct removal *removal, int fd,
			      unsigned int depth)
{
	enum ctl_removed result = CTL_REMOVED_ALL;
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int sys;

	if (!dir) {
		fd_close(&fd);
		return CTL_REMOVED_FAILED;
	}
	while (result == CTL_REMOVED_ALL && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			result = remove_one(removal, fd, entry->d_name, depth);
	sys = errno;
	(void)closedir(dir);
	errno = sys;
	return result;
}

static enum ctl_removed remove_one(struct removal *removal, int dir_fd,
				   const char *name, unsigned int depth)
{
	enum ctl_removed result;
	int fd;

	if (*removal->budget == 0)
		return CTL_REMOVED_PART;
	--*removal->budget;
	if (unlinkat(dir_fd, name, 0) == 0)
		return CTL_REMOVED_ALL;
	if (errno != EISDIR)
		return why_not();
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
		return CTL_REMOVED_ALL;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return why_not();
	fd = open_dir(dir_fd, name);
	if (fd < 0)
		return why_not();
	if (depth == MAX_DEPTH) {
		fd_close(&fd);
		return move_up(removal, dir_fd, name);
	}
	result = empty(removal, fd, depth + 1);
	if (result != CTL_REMOVED_ALL ||
	    unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
		return result;
	/* A directory that was read while it changed may have more. */
	return errno == ENOTEMPTY || errno == EEXIST ? CTL_REMOVED_PART :
						       why_not();
}

/**
 * ctl_remove_tree() - remove a directory with all that is in it
 * @budget: how many entries at most; lowered by those looked at
 *
 * Return: how far it came. What is not there is removed.
 */
enum ctl_removed ctl_remove_tree(int dir_fd, const char *name,
				 unsigned int *budget)
{
	auto_fd top_fd = open_dir(dir_fd, name);
	struct removal removal = { .top_fd = top_fd, .budget = budget };
	enum ctl_removed result;
	int fd;

	if (top_fd < 0)
		return errno == ENOENT ? CTL_REMOVED_ALL : why_not();
	/* Again and again: what was moved to the top may not have been read. */
	do {
		fd = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return why_not();
		result = empty(&removal, fd, 0);
		if (result != CTL_REMOVED_ALL ||
		    unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
			return result;
	} while ((errno == ENOTEMPTY || errno == EEXIST) && *budget > 0);
	return errno == ENOTEMPTY || errno == EEXIST ? CTL_REMOVED_PART :
						       why_not();
}
