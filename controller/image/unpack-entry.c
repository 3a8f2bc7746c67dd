// SPDX-License-Identifier: Apache-2.0
/*
 * One entry of an archive.  Files, directories and links are made, with plain
 * permissions and nothing else: no owner, no set-id bit, no extended attribute,
 * no device.
 */
#include <config.h>

#include "controller/image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "proto/cleanup.h"

/**
 * unpack_check_ratio() - has little become too much?
 */
int unpack_check_ratio(const struct unpack *unpack, struct err *err)
{
	uint64_t out = unpack->out_bytes + unpack->stats.entries * 512;

	if (unpack->trusted_ratio || out < UNPACK_RATIO_FREE_BYTES ||
	    out / UNPACK_MAX_RATIO < unpack->in_bytes)
		return 0;
	return err_set(err, ERR_LIMIT, 0,
		       "archive: expands to more than %d times its size",
		       UNPACK_MAX_RATIO);
}

static int damaged(struct unpack *unpack, struct err *err)
{
	const char *why = archive_error_string(unpack->archive);

	return unpack_fail(err, ERR_BAD_REQUEST, 0, unpack->path,
			   why ? why : "damaged");
}

static int write_all(int fd, const char *data, size_t len, int64_t at)
{
	while (len > 0) {
		ssize_t put = pwrite(fd, data, len, at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		data += put;
		len -= (size_t)put;
		at += put;
	}
	return 0;
}

/* Holes stay holes. */
static int write_data(struct unpack *unpack, int fd, int64_t size,
		      struct err *err)
{
	const void *data;
	size_t len;
	int64_t at;
	int got;

	while ((got = archive_read_data_block(unpack->archive, &data, &len,
					      &at)) == ARCHIVE_OK) {
		if (at < 0 || at > size || len > (uint64_t)(size - at))
			return unpack_fail(err, ERR_BAD_REQUEST, 0,
					   unpack->path,
					   "has more than its size says");
		unpack->out_bytes += len;
		if (unpack_check_ratio(unpack, err) < 0)
			return -1;
		if (write_all(fd, data, len, at) < 0)
			return unpack_fail(err, ERR_KERNEL, errno,
					   unpack->path, "write");
		if (unpack->progress)
			unpack->progress(unpack);
	}
	if (got != ARCHIVE_EOF)
		return damaged(unpack, err);
	if (ftruncate(fd, size) < 0)
		return unpack_fail(err, ERR_KERNEL, errno, unpack->path,
				   "write");
	return 0;
}

static int make_file(struct unpack *unpack, struct archive_entry *entry,
		     struct err *err)
{
	const int64_t size = archive_entry_size(entry);
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = archive_entry_mtime(entry) },
	};
	const char *name;
	auto_fd fd = -1;
	int dir_fd = unpack_parent(unpack, &name, err);

	if (dir_fd < 0)
		return -1;
	if (size < 0 || (uint64_t)size > unpack->max_bytes ||
	    unpack->stats.bytes > unpack->max_bytes - (uint64_t)size)
		return unpack_fail(err, ERR_LIMIT, 0, unpack->path,
				   "with it there are too many bytes");
	unpack->stats.bytes += (uint64_t)size;
	if (unpack_clear(unpack, dir_fd, name, err) < 0)
		return -1;
	fd = unpack_open(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return unpack_fail(err, ERR_KERNEL, errno, unpack->path,
				   "make it");
	if (write_data(unpack, fd, size, err) < 0)
		return -1;
	if (fchmod(fd, archive_entry_perm(entry) & 0777) < 0)
		return unpack_fail(err, ERR_KERNEL, errno, unpack->path,
				   "permissions");
	/* A time that the file system cannot have is no reason to fail. */
	(void)futimens(fd, times);
	return 0;
}

/* Its owner can always change it: an import can be completed, and removed. */
static int make_dir(struct unpack *unpack, struct archive_entry *entry,
		    struct err *err)
{
	const mode_t mode = (archive_entry_perm(entry) & 01777) | 0700;
	const char *name;
	auto_fd fd = -1;
	int dir_fd;

	/* The root is one that everybody in a sandbox can enter. */
	if (!unpack->path[0])
		return 0;
	dir_fd = unpack_parent(unpack, &name, err);
	if (dir_fd < 0)
		return -1;
	fd = unpack_open(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
	if (fd < 0 && errno != ENOENT &&
	    unpack_clear(unpack, dir_fd, name, err) < 0)
		return -1;
	if (fd < 0) {
		if (mkdirat(dir_fd, name, 0700) < 0)
			return unpack_fail(err, ERR_KERNEL, errno,
					   unpack->path, "make it");
		fd = unpack_open(dir_fd, name,
				 O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
	}
	if (fd < 0 || fchmod(fd, mode) < 0)
		return unpack_fail(err, ERR_KERNEL, errno, unpack->path,
				   "permissions");
	return 0;
}

/* Where it leads is the business of whoever has this tree as his root. */
static int make_symlink(struct unpack *unpack, struct archive_entry *entry,
			struct err *err)
{
	const char *target = archive_entry_symlink(entry);
	const char *name;
	int dir_fd = unpack_parent(unpack, &name, err);

	if (dir_fd < 0)
		return -1;
	if (!target)
		target = archive_entry_symlink_utf8(entry);
	if (!target || !target[0] || strlen(target) >= PATH_MAX)
		return unpack_fail(err, ERR_BAD_REQUEST, 0, unpack->path,
				   "a link to nowhere");
	if (unpack_clear(unpack, dir_fd, name, err) < 0)
		return -1;
	if (symlinkat(target, dir_fd, name) < 0)
		return unpack_fail(err, ERR_KERNEL, errno, unpack->path,
				   "make it");
	return 0;
}

/* A file, or a symbolic link itself, that this import has made. */
static int link_to(struct unpack *unpack, const char *target, struct err *err)
{
	const char *slash = strrchr(target, '/');
	const char *from_name = slash ? slash + 1 : target;
	char folder[PATH_MAX];
	const char *name;
	auto_fd from_fd = -1;
	int dir_fd = unpack_parent(unpack, &name, err);
	struct stat st;

	if (dir_fd < 0)
		return -1;
	(void)snprintf(folder, sizeof(folder), "%.*s",
		       slash ? (int)(slash - target) : 1, slash ? target : ".");
	from_fd = unpack_open(unpack->root_fd, folder, O_PATH | O_DIRECTORY, 0);
	if (from_fd < 0 ||
	    fstatat(from_fd, from_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return unpack_fail(err, ERR_BAD_REQUEST, 0, unpack->path,
				   "a hard link to what is not there");
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return unpack_fail(err, ERR_BAD_REQUEST, 0, unpack->path,
				   "a hard link to what is no file");
	if (unpack_clear(unpack, dir_fd, name, err) < 0)
		return -1;
	if (linkat(from_fd, from_name, dir_fd, name, 0) < 0)
		return unpack_fail(err, ERR_KERNEL, errno, unpack->path,
				   "make the hard link");
	return 0;
}

static int make_hardlink(struct unpack *unpack, struct archive_entry *entry,
			 struct err *err)
{
	const char *text = archive_entry_hardlink(entry);
	char target[PATH_MAX];

	if (!text)
		text = archive_entry_hardlink_utf8(entry);
	if (!text || unpack_path_set(unpack, text, target, err) < 0)
		return text ? err_wrap(err, "hard link") :
			      unpack_fail(err, ERR_BAD_REQUEST, 0,
					  unpack->path, "a link to nowhere");
	if (!target[0] || !strcmp(target, unpack->path))
		return unpack_fail(err, ERR_BAD_REQUEST, 0, unpack->path,
				   "a hard link to itself or to the root");
	return link_to(unpack, target, err);
}

/* What `docker save' and skopeo write, and no system has. */
static bool is_container_archive(const char *path)
{
	return !strcmp(path, "oci-layout") ||
	       !strncmp(path, "blobs/sha256/", 13) ||
	       (strspn(path, "0123456789abcdef") == 64 &&
		(!strcmp(path + 64, "/layer.tar") ||
		 !strcmp(path + 64, "/VERSION")));
}

static void count(struct unpack *unpack, struct archive_entry *entry)
{
	static const char *const own[] = {
		"etc/creel/helper.conf", "etc/creel/creel.json5",
		"etc/creel/creel.toml", "manifest.json",
	};

	unpack->stats.entries++;
	if (archive_entry_perm(entry) & 06000 ||
	    archive_entry_xattr_count(entry) > 0 ||
	    archive_entry_acl_types(entry))
		unpack->stats.stripped++;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		unpack->stats.policy += !strcmp(unpack->path, own[i]);
}

static int check_entry(struct unpack *unpack, struct archive_entry *entry,
		       struct err *err)
{
	const char *text = archive_entry_pathname(entry);

	if (!text)
		text = archive_entry_pathname_utf8(entry);
	if (!text || !text[0])
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "entry %" PRIu64 ": has no name that can be read",
			       unpack->stats.entries + 1);
	if (unpack_path_set(unpack, text, unpack->path, err) < 0)
		return -1;
	if (is_container_archive(unpack->path)) {
		unpack->hint = "`docker export' of a container gives a tree";
		return unpack_fail(err, ERR_BAD_REQUEST, 0, unpack->path,
				   "this is an archive of images, not of a tree");
	}
	if (unpack->stats.entries >= unpack->max_entries)
		return unpack_fail(err, ERR_LIMIT, 0, unpack->path,
				   "with it there are too many entries");
	count(unpack, entry);
	return unpack_check_ratio(unpack, err);
}

/**
 * unpack_entry() - make what an entry says
 */
int unpack_entry(struct unpack *unpack, struct archive_entry *entry,
		 struct err *err)
{
	mode_t type = archive_entry_filetype(entry);

	if (check_entry(unpack, entry, err) < 0)
		return -1;
	if (unpack->progress)
		unpack->progress(unpack);
	if (!unpack->path[0] && type != AE_IFDIR)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "/: the root is no directory");
	if (archive_entry_hardlink(entry) || archive_entry_hardlink_utf8(entry))
		return make_hardlink(unpack, entry, err);
	if (type == AE_IFREG)
		return make_file(unpack, entry, err);
	if (type == AE_IFDIR)
		return make_dir(unpack, entry, err);
	if (type == AE_IFLNK)
		return make_symlink(unpack, entry, err);
	if (type == AE_IFCHR || type == AE_IFBLK || type == AE_IFIFO ||
	    type == AE_IFSOCK) {
		unpack->stats.devices++;
		return 0;
	}
	return unpack_fail(err, ERR_BAD_REQUEST, 0, unpack->path,
			   "is of a kind that is not known");
}
