// SPDX-License-Identifier: Apache-2.0
/*
 * Reads a configuration file: opened once, judged and read by that one
 * descriptor.  A link is followed; what is judged is the file that it leads to
 * and the folder that this is in.
 */
#include <config.h>

#include "controller/config/load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "proto/err.h"

#define PATH_BYTES 4096

/**
 * cfg_syntax_of() - by the end of a file's name; NONE where it says nothing
 */
enum cfg_syntax cfg_syntax_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(slash ? slash : path, '.');

	if (!dot)
		return CFG_SYNTAX_NONE;
	if (strcmp(dot, ".json5") == 0 || strcmp(dot, ".json") == 0)
		return CFG_SYNTAX_JSON5;
	return strcmp(dot, ".toml") == 0 ? CFG_SYNTAX_TOML : CFG_SYNTAX_NONE;
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a named pipe";
	case S_IFSOCK:
		return "a socket";
	case S_IFBLK:
	case S_IFCHR:
		return "a device";
	default:
		return "something else";
	}
}

static int judge_owner(const struct cfg_source *source, const char *path,
		       const struct stat *st)
{
	bool folder = S_ISDIR(st->st_mode);
	bool beside = folder && strcmp(path, source->path) != 0;

	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		cfg_problem_add(source->problems, &source->pos,
				"%s to uid %u, not to you or root",
				beside ? "its folder belongs" : "belongs",
				(unsigned int)st->st_uid);
		cfg_problem_hint(source->problems, "chown %u %s",
				 (unsigned int)geteuid(), path);
		return -1;
	}
	if (!(st->st_mode & 022))
		return 0;
	/* In such a folder nobody can replace what is another's. */
	if (folder && st->st_mode & S_ISVTX && st->st_uid == 0)
		return 0;
	cfg_problem_add(source->problems, &source->pos,
			"others can write %s (mode %04o)",
			beside ? "its folder" : "it",
			(unsigned int)st->st_mode & 07777);
	cfg_problem_hint(source->problems, "chmod go-w %s", path);
	return -1;
}

/**
 * cfg_folder_judge() - is a folder the caller's or root's, and closed?
 * @source: what problems are about; it may be the folder itself
 *
 * Return: 0, or -1 with a problem added.
 */
int cfg_folder_judge(const struct cfg_source *source, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return cfg_problem_add(source->problems, &source->pos, "%s",
				       err_sys_text(errno));
	return judge_owner(source, path, &st);
}

static int judge(const struct cfg_source *source, int fd,
		 const struct stat *st)
{
	auto_free char *real = calloc(1, PATH_BYTES);
	char link[64];
	ssize_t len = -1;
	char *slash;
	int ret;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (real)
		len = readlink(link, real, PATH_BYTES - 1);
	if (len <= 0 || real[0] != '/')
		return cfg_problem_add(source->problems, &source->pos,
				       "cannot find out which folder it is in: "
				       "%s", err_sys_text(errno));
	ret = judge_owner(source, real, st);
	slash = strrchr(real, '/');
	slash[slash == real] = '\0';
	return cfg_folder_judge(source, real) < 0 ? -1 : ret;
}

/* To the end, or to one byte more than is allowed. */
static char *read_all(int fd, size_t room, size_t *len)
{
	auto_free char *text = malloc(room);

	*len = 0;
	while (text && *len < room) {
		ssize_t got = read(fd, text + *len, room - *len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return NULL;
		if (got == 0)
			break;
		*len += (size_t)got;
	}
	return ptr_take(&text);
}

/* A device may mind being opened, so a path is asked first what it is. */
static int open_file(const struct cfg_source *source, struct stat *st)
{
	auto_fd fd = -1;

	if (stat(source->path, st) < 0)
		return cfg_problem_add(source->problems, &source->pos, "%s",
				       err_sys_text(errno));
	if (S_ISREG(st->st_mode)) {
		fd = open(source->path,
			  O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0 || fstat(fd, st) < 0)
			return cfg_problem_add(source->problems, &source->pos,
					       "%s", err_sys_text(errno));
	}
	if (!S_ISREG(st->st_mode))
		return cfg_problem_add(source->problems, &source->pos,
				       "%s, not a file", kind_of(st->st_mode));
	return fd_take(&fd);
}

/**
 * cfg_file_read() - the whole of a configuration file
 * @st:  filled: how it was when it was opened
 * @len: filled
 *
 * Neither blocks nor reads anything but a regular file.
 *
 * Return: owned, or NULL with a problem added.
 */
char *cfg_file_read(const struct cfg_source *source, struct stat *st,
		    size_t *len)
{
	auto_fd fd = open_file(source, st);
	char *text;

	if (fd < 0 || judge(source, fd, st) < 0)
		return NULL;
	if (st->st_size > CFG_MAX_FILE_BYTES) {
		cfg_problem_add(source->problems, &source->pos,
				"longer than %u MiB", CFG_MAX_FILE_BYTES >> 20);
		return NULL;
	}
	/* It may have grown since: one byte more tells. */
	text = read_all(fd, (size_t)st->st_size + 1, len);
	if (text && *len <= (size_t)st->st_size)
		return text;
	cfg_problem_add(source->problems, &source->pos, "%s",
			text ? "it grows while it is read" :
			       err_sys_text(errno));
	free(text);
	return NULL;
}
