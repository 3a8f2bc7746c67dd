// SPDX-License-Identifier: Apache-2.0
/*
 * The archive as a whole: which formats there are, where it ends, what is
 * damage.  Everything in it is hostile, and so may be what libarchive makes of
 * it: this runs in a sandbox, in creel-unpack.
 */
#include <config.h>

#include "controller/image/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "proto/cleanup.h"

#define END_BYTES 1024 /* two blocks of zeros */

/**
 * unpack_init() - an unpacker with the usual limits
 * @root_fd: of an empty directory, borrowed
 */
void unpack_init(struct unpack *unpack, int root_fd, unpack_read_fn *read,
		 void *arg)
{
	memset(unpack, 0, sizeof(*unpack));
	unpack->root_fd = root_fd;
	unpack->read = read;
	unpack->read_arg = arg;
	unpack->max_entries = UNPACK_MAX_ENTRIES;
	unpack->max_bytes = UNPACK_MAX_BYTES;
	unpack->parent_fd = -1;
}

static void note_zeros(struct unpack *unpack, const uint8_t *data, size_t len)
{
	size_t zeros = 0;

	while (zeros < len && !data[len - 1 - zeros])
		zeros++;
	unpack->zero_tail = zeros == len ? unpack->zero_tail + zeros : zeros;
}

static la_ssize_t on_read(struct archive *archive, void *arg,
			  const void **data)
{
	struct unpack *unpack = arg;
	ssize_t got;

	do
		got = unpack->read(unpack->read_arg, unpack->buffer,
				   sizeof(unpack->buffer));
	while (got < 0 && errno == EINTR);
	*data = unpack->buffer;
	if (got < 0) {
		unpack->read_failed = true;
		archive_set_error(archive, errno, "cannot be read");
		return ARCHIVE_FATAL;
	}
	unpack->in_bytes += (uint64_t)got;
	note_zeros(unpack, unpack->buffer, (size_t)got);
	return got;
}

static int fail_archive(struct unpack *unpack, struct err *err)
{
	const char *why = archive_error_string(unpack->archive);

	if (archive_errno(unpack->archive) == ENOMEM ||
	    (why && strstr(why, "allocate memory"))) {
		unpack->hint = "decompress it outside: xz -dc FILE | creel image import NAME -";
		return err_set(err, ERR_LIMIT, 0,
			       "archive: needs more than %d MiB of memory",
			       (int)(UNPACK_MAX_MEMORY >> 20));
	}
	return err_set(err, ERR_BAD_REQUEST, 0, "archive: after %llu entries: %s",
		       (unsigned long long)unpack->stats.entries,
		       why ? why : "damaged");
}

static int open_archive(struct unpack *unpack, struct err *err)
{
	struct archive *archive = archive_read_new();

	unpack->archive = archive;
	if (!archive)
		return err_set(err, ERR_KERNEL, ENOMEM, "archive");
	if (archive_read_support_filter_gzip(archive) != ARCHIVE_OK ||
	    archive_read_support_filter_bzip2(archive) != ARCHIVE_OK ||
	    archive_read_support_filter_xz(archive) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(archive) != ARCHIVE_OK ||
	    archive_read_support_format_tar(archive) != ARCHIVE_OK ||
	    archive_read_set_option(archive, "tar", "read_concatenated_archives",
				    "1") != ARCHIVE_OK)
		return err_set(err, ERR_INTERNAL, 0,
			       "archive: libarchive lacks a format");
	if (archive_read_open(archive, unpack, NULL, on_read, NULL) !=
	    ARCHIVE_OK)
		return fail_archive(unpack, err);
	/* A filter and the one that does nothing. */
	if (archive_filter_count(archive) > 2)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "archive: it is compressed more than once");
	return 0;
}

/* Zeros are what a tape is filled up with. */
static int check_rest(struct unpack *unpack, struct err *err)
{
	const uint64_t used = (uint64_t)archive_filter_bytes(unpack->archive,
							     -1);
	const void *data;
	la_ssize_t got;

	do
		got = on_read(unpack->archive, unpack, &data);
	while (got > 0);
	if (got < 0)
		return fail_archive(unpack, err);
	if (unpack->in_bytes > used &&
	    unpack->in_bytes - used > unpack->zero_tail)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "archive: there is more after its end");
	return 0;
}

/*
 * A plain archive that was cut between two entries looks whole but for the
 * zeros that are missing; compressed ones know their end.
 */
static int check_end(struct unpack *unpack, struct err *err)
{
	if (check_rest(unpack, err) < 0)
		return -1;
	if (archive_filter_code(unpack->archive, 0) == ARCHIVE_FILTER_NONE &&
	    unpack->zero_tail < END_BYTES)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "archive: after %llu entries: ends without an end mark, it has been cut",
			       (unsigned long long)unpack->stats.entries);
	if (unpack->stats.entries == 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "archive: there is nothing in it");
	return 0;
}

static int read_entries(struct unpack *unpack, struct err *err)
{
	struct archive_entry *entry;
	int got;

	for (;;) {
		got = archive_read_next_header(unpack->archive, &entry);
		if (got == ARCHIVE_EOF)
			return check_end(unpack, err);
		/* A warning is about what is left out anyway. */
		if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
			return fail_archive(unpack, err);
		if (unpack_entry(unpack, entry, err) < 0)
			return -1;
	}
}

/**
 * unpack_run() - unpack everything
 *
 * Return: 0 or -1, naming the entry; what has been unpacked until then stays.
 * BAD_REQUEST for what is damaged or not allowed, LIMIT for what is too much,
 * KERNEL where the directory cannot take it.
 */
int unpack_run(struct unpack *unpack, struct err *err)
{
	int ret = open_archive(unpack, err);

	if (ret == 0)
		ret = read_entries(unpack, err);
	if (unpack->archive)
		(void)archive_read_free(unpack->archive);
	unpack->archive = NULL;
	unpack_forget_parent(unpack);
	return ret;
}
