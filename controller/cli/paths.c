// SPDX-License-Identifier: Apache-2.0
/*
 * Programs are looked for beside this one: an installation can be moved, and a
 * build tree uses its own.  The runtime directory is checked by descriptor, so
 * that what was checked is what is used.
 */
#include <config.h>

#include "controller/cli/paths.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/cleanup.h"

static bool join(char *path, const char *dir, const char *rest)
{
	int len = snprintf(path, CLI_PATH_MAX, "%s/%s", dir, rest);

	return len > 0 && len < CLI_PATH_MAX;
}

/**
 * cli_path_program() - find one of creel's own programs
 * @name:  as installed below libexec
 * @built: relative to the directory of this program in a build tree
 * @path:  CLI_PATH_MAX bytes, filled
 */
int cli_path_program(const char *name, const char *built, char *path,
		     struct err *err)
{
	auto_free char *dir = malloc(CLI_PATH_MAX);
	char rest[64];
	ssize_t len;
	char *slash;

	if (!dir)
		return err_set(err, ERR_KERNEL, ENOMEM, "%s", name);
	len = readlink("/proc/self/exe", dir, CLI_PATH_MAX - 1);
	if (len < 0)
		return err_set(err, ERR_KERNEL, errno, "/proc/self/exe");
	dir[len] = '\0';
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	(void)snprintf(rest, sizeof(rest), "../libexec/creel/%s", name);
	if (join(path, dir, rest) && !access(path, X_OK))
		return 0;
	if (join(path, dir, built) && !access(path, X_OK))
		return 0;
	if (join(path, CREEL_PKGLIBEXECDIR, name) && !access(path, X_OK))
		return 0;
	return err_set(err, ERR_UNSUPPORTED, 0, "%s: not installed", name);
}

/**
 * cli_path_runtime() - the directory of the helper's socket
 * @system: the system's helper, else the caller's own
 * @path:   CLI_PATH_MAX bytes, filled
 */
int cli_path_runtime(bool system, char *path, struct err *err)
{
	const char *given = getenv("CREEL_RUNTIME_DIR");
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	int len;

	if (given && *given == '/')
		len = snprintf(path, CLI_PATH_MAX, "%s", given);
	else if (given && *given)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "CREEL_RUNTIME_DIR: not an absolute path");
	else if (system)
		len = snprintf(path, CLI_PATH_MAX, "/run/creel");
	else if (xdg && *xdg == '/')
		len = snprintf(path, CLI_PATH_MAX, "%s/creel", xdg);
	else
		len = snprintf(path, CLI_PATH_MAX, "/tmp/creel-%u",
			       (unsigned int)geteuid());
	if (len < 0 || len >= CLI_PATH_MAX)
		return err_set(err, ERR_LIMIT, ENAMETOOLONG,
			       "runtime directory");
	return 0;
}

/**
 * cli_runtime_open() - open the runtime directory
 * @create: make it where it is missing
 *
 * A directory of the caller's own must be his and closed to others, the
 * system's must be root's: somebody else could have made it first, to be asked
 * instead of creel-helper, and be given descriptors.
 *
 * Return: an O_PATH descriptor, or -1; err->sys is ENOENT where it is missing.
 */
int cli_runtime_open(const char *path, bool system, bool create,
		     struct err *err)
{
	auto_fd fd = -1;
	struct stat st;

	if (create && mkdir(path, system ? 0755 : 0700) && errno != EEXIST)
		return err_set(err, ERR_KERNEL, errno, "%.100s", path);
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return err_set(err, ERR_KERNEL, errno, "%.100s", path);
	if (st.st_uid != (system ? 0 : geteuid()))
		return err_set(err, ERR_DENIED, 0, "%.100s: %s", path,
			       system ? "does not belong to root"
				      : "belongs to another user");
	if (system && (st.st_mode & 022))
		return err_set(err, ERR_DENIED, 0,
			       "%.100s: can be written by others than root",
			       path);
	if (!system && (st.st_mode & 077))
		return err_set(err, ERR_DENIED, 0,
			       "%.100s: is open to other users (mode %04o, not 0700)",
			       path, (unsigned int)(st.st_mode & 07777));
	return fd_take(&fd);
}
