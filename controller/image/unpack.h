/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking of archives that anybody may have made, into one directory.
 */
#ifndef CONTROLLER_IMAGE_UNPACK_H
#define CONTROLLER_IMAGE_UNPACK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "proto/err.h"

#define UNPACK_BUFFER_BYTES 65536
#define UNPACK_MAX_ENTRIES 1000000
#define UNPACK_MAX_BYTES (UINT64_C(32) << 30)
#define UNPACK_MAX_DEPTH 100
#define UNPACK_MAX_RATIO 200
#define UNPACK_RATIO_FREE_BYTES (UINT64_C(64) << 20)
#define UNPACK_MAX_MEMORY (UINT64_C(56) << 20)

struct archive;
struct archive_entry;

/* Return: bytes, 0 at the end, -1 with errno. */
typedef ssize_t unpack_read_fn(void *arg, void *buf, size_t len);

struct unpack_stats {
	uint64_t entries;
	uint64_t bytes;    /* sizes of files, holes included */
	uint64_t devices;  /* devices, FIFOs and sockets, which are left out */
	uint64_t stripped; /* entries that had set-id bits, xattrs or ACLs */
	uint64_t policy;   /* files that creel reads on the host, and not here */
};

struct unpack {
	/* Set by the caller. */
	int root_fd; /* borrowed */
	unpack_read_fn *read;
	void *read_arg;
	void (*progress)(const struct unpack *unpack);
	uint64_t max_entries;
	uint64_t max_bytes;
	bool trusted_ratio; /* the stream is made from files by ourselves */

	struct unpack_stats stats;
	uint64_t in_bytes;
	const char *hint; /* with a failure: what to do about it, or NULL */

	/* Private. */
	struct archive *archive; /* owned during a run */
	uint8_t buffer[UNPACK_BUFFER_BYTES];
	uint64_t zero_tail; /* zeros that the stream ends with so far */
	uint64_t out_bytes;
	bool read_failed;
	char path[PATH_MAX];   /* of the entry, without a leading slash */
	char parent[PATH_MAX]; /* whose descriptor is parent_fd */
	int parent_fd;	       /* owned, -1 none */
};

/* unpack.c */
void unpack_init(struct unpack *unpack, int root_fd, unpack_read_fn *read,
		 void *arg);
int unpack_run(struct unpack *unpack, struct err *err);

/* unpack-path.c */
int unpack_path_set(struct unpack *unpack, const char *text,
		    char path[PATH_MAX], struct err *err);
int unpack_parent(struct unpack *unpack, const char **name, struct err *err);
int unpack_open(int dir_fd, const char *path, uint64_t flags, uint64_t mode);
int unpack_clear(struct unpack *unpack, int dir_fd, const char *name,
		 struct err *err);
void unpack_forget_parent(struct unpack *unpack);
int unpack_fail(struct err *err, enum err_code code, int sys,
		const char *path, const char *why);

/* unpack-entry.c */
int unpack_entry(struct unpack *unpack, struct archive_entry *entry,
		 struct err *err);
int unpack_check_ratio(const struct unpack *unpack, struct err *err);

#endif
