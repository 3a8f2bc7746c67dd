/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership of locals: what is declared with one of these is released when its
 * scope ends.  Hand over with fd_take() and ptr_take().
 */
#ifndef PROTO_CLEANUP_H
#define PROTO_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void ptr_free(void *ptr)
{
	int saved = errno;

	free(*(void **)ptr);
	*(void **)ptr = NULL;
	errno = saved;
}

static inline void *ptr_take(void *ptr)
{
	void *taken = *(void **)ptr;

	*(void **)ptr = NULL;
	return taken;
}

#define auto_fd __attribute__((cleanup(fd_close))) int
#define auto_free __attribute__((cleanup(ptr_free)))

#endif
