// SPDX-License-Identifier: Apache-2.0
/*
 * Files for the output of commands: STATE/output/OWNER/RANDOM, mode 0600 in
 * folders of mode 0700.  OWNER is the number of this runtime in the store, so
 * that several controllers of one user do not sweep each other's.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "controller/core/log.h"
#include "controller/session/run.h"
#include "proto/cleanup.h"

#define FOLDER "output"

/* Below @at; made if need be, nobody else's, no link. */
static int open_folder(int at, const char *name)
{
	auto_fd fd = -1;
	struct stat st;

	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -1;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (st.st_uid != geteuid() || (st.st_mode & 077)) {
		errno = EPERM;
		return -1;
	}
	return fd_take(&fd);
}

static int open_all(struct ses *ses)
{
	auto_fd state_fd = -1;
	auto_fd all_fd = -1;

	if (!ses->ctl || !ses->ctl->state_dir) {
		errno = ENOENT;
		return -1;
	}
	state_fd = open(ses->ctl->state_dir,
			O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (state_fd < 0)
		return -1;
	all_fd = open_folder(state_fd, FOLDER);
	return fd_take(&all_fd);
}

static int need_folder(struct ses *ses)
{
	struct ses_runs *runs = ses->runs;
	auto_fd all_fd = -1;
	char name[24];

	if (runs->dir_fd >= 0)
		return 0;
	if (!ses->store) {
		errno = ENOENT;
		return -1;
	}
	all_fd = open_all(ses);
	if (all_fd < 0)
		return -1;
	(void)snprintf(name, sizeof(name), "%lld",
		       (long long)store_owner(ses->store));
	runs->dir_fd = open_folder(all_fd, name);
	return runs->dir_fd < 0 ? -1 : 0;
}

static int make_file(struct ses_run *run, char *name, size_t size)
{
	uint64_t number[2];

	if (getrandom(number, sizeof(number), 0) != sizeof(number))
		return -1;
	(void)snprintf(name, size, "%016llx%016llx",
		       (unsigned long long)number[0],
		       (unsigned long long)number[1]);
	return openat(run->ses->runs->dir_fd, name,
		      O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/**
 * ses_run_file_new() - from now on its output goes to a file
 */
int ses_run_file_new(struct ses_run *run, struct err *err)
{
	char name[SES_RUN_FILE_BYTES] = "";
	auto_fd fd = -1;

	if (need_folder(run->ses) == 0)
		fd = make_file(run, name, sizeof(name));
	if (fd < 0)
		return err_set(err, ERR_KERNEL, errno, "file for the output");
	if (spool_to_file(&run->out.spool, fd, run->keep, err) < 0) {
		(void)unlinkat(run->ses->runs->dir_fd, name, 0);
		return -1;
	}
	(void)fd_take(&fd);
	(void)snprintf(run->file, sizeof(run->file), "%s", name);
	return 0;
}

/* A name comes from the store, which is a file of the user's own. */
static bool is_name(const char *name)
{
	return strlen(name) == 32 &&
	       strspn(name, "0123456789abcdef") == 32;
}

/**
 * ses_run_file_open() - of an earlier creeld
 *
 * Return: an owned descriptor or -1.
 */
int ses_run_file_open(struct ses *ses, const char *name, struct err *err)
{
	int fd = -1;

	errno = ENOENT;
	if (is_name(name) && need_folder(ses) == 0)
		fd = openat(ses->runs->dir_fd, name,
			    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 ? fd :
			 err_set(err, ERR_KERNEL, errno, "file for the output");
}

/**
 * ses_run_file_remove() - nobody asks for its output any more
 */
void ses_run_file_remove(struct ses_run *run)
{
	if (!run->file[0] || run->ses->runs->dir_fd < 0)
		return;
	(void)unlinkat(run->ses->runs->dir_fd, run->file, 0);
	run->file[0] = '\0';
}

static bool is_known(struct ses *ses, const char *name)
{
	struct ses_run *run;

	LIST_FOREACH(run, &ses->runs->list, link)
		if (strcmp(run->file, name) == 0)
			return true;
	return false;
}

/* @known: NULL: none is. */
static void sweep_folder(int fd, struct ses *known)
{
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (is_name(entry->d_name) &&
		    (!known || !is_known(known, entry->d_name)))
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
}

static void sweep_owner(struct ses *ses, int all_fd, const char *name)
{
	char *end;
	long long owner = strtoll(name, &end, 10);

	if (owner <= 0 || *end || store_has_owner(ses->store, owner))
		return;
	sweep_folder(openat(all_fd, name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		     NULL);
	(void)unlinkat(all_fd, name, AT_REMOVEDIR);
}

/**
 * ses_run_files_sweep() - remove files that no row knows
 *
 * Those of runtimes that the store has forgotten go with their folders.
 */
void ses_run_files_sweep(struct ses *ses)
{
	int all_fd = open_all(ses);
	DIR *dir = all_fd >= 0 ? fdopendir(all_fd) : NULL;
	const struct dirent *entry;

	if (need_folder(ses) == 0)
		sweep_folder(openat(ses->runs->dir_fd, ".",
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			     ses);
	while (dir && (entry = readdir(dir)))
		sweep_owner(ses, all_fd, entry->d_name);
	if (dir)
		(void)closedir(dir);
}
