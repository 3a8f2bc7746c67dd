// SPDX-License-Identifier: Apache-2.0
/*
 * Whether files are still those that were read, by stat(2) alone.
 */
#include <config.h>

#include "controller/config/load.h"

#include <stdlib.h>
#include <string.h>

/**
 * cfg_stamp_add() - remember how a path was
 * @st: NULL where there was nothing
 *
 * Return: 0, or -1 where there is no memory.
 */
int cfg_stamp_add(struct cfg_stamps *stamps, const char *path,
		  const struct stat *st)
{
	struct cfg_stamp *stamp;

	if (stamps->count == stamps->room) {
		size_t room = stamps->room ? 2 * stamps->room : 4;
		void *grown = realloc(stamps->list, room * sizeof(*stamp));

		if (!grown)
			return -1;
		stamps->list = grown;
		stamps->room = room;
	}
	stamp = &stamps->list[stamps->count];
	*stamp = (struct cfg_stamp){ .path = strdup(path), .there = st };
	if (!stamp->path)
		return -1;
	if (st)
		stamp->st = *st;
	stamps->count++;
	return 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool differs(const struct cfg_stamp *stamp)
{
	const struct stat *was = &stamp->st;
	struct stat is;

	if (stat(stamp->path, &is) < 0)
		return stamp->there;
	return !stamp->there || is.st_dev != was->st_dev ||
	       is.st_ino != was->st_ino || is.st_size != was->st_size ||
	       !same_time(&is.st_mtim, &was->st_mtim) ||
	       !same_time(&is.st_ctim, &was->st_ctim);
}

/**
 * cfg_stamps_differ() - has any of them changed, come or gone?
 */
bool cfg_stamps_differ(const struct cfg_stamps *stamps)
{
	for (size_t i = 0; i < stamps->count; i++)
		if (differs(&stamps->list[i]))
			return true;
	return false;
}

/**
 * cfg_stamps_free() - release the list itself, too; NULL is none
 */
void cfg_stamps_free(struct cfg_stamps *stamps)
{
	if (!stamps)
		return;
	for (size_t i = 0; i < stamps->count; i++)
		free(stamps->list[i].path);
	free(stamps->list);
	free(stamps);
}
