// SPDX-License-Identifier: Apache-2.0
/*
 * Tools outside of any sandbox: files that are read.  With the user's rights
 * and over his links, but where the tool is confined: then no link is followed
 * and nothing leaves its folder.
 */
#include <config.h>

#include "controller/cli/tool-host-own.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define STEP_BYTES 65536
#define READ_MAX_BYTES (64ULL << 20)
#define READ_SECONDS 10
#define LIST_BYTES 60000
#define LIST_MAX 1024

/**
 * host_open() - open what a tool calls by a path
 * @path: absolute, or beneath the call's root; "" is the root
 */
int host_open(const struct tool_call *call, const char *path, int flags)
{
	const char *root = call->root ? call->root : call->env->root;
	const bool confined = call->confined || call->env->confined;
	struct open_how how = {
		.flags = (unsigned int)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS,
	};
	auto_fd root_fd = -1;

	if (*path == '/')
		return open(path, flags | O_CLOEXEC);
	root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return -1;
	if (!*path)
		path = ".";
	if (!confined)
		return openat(root_fd, path, flags | O_CLOEXEC);
	return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
}

static uint64_t nsec(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000ULL + (uint64_t)time->tv_nsec;
}

/**
 * host_stamp() - which regular file it is; sys says what else it is
 */
void host_stamp(int fd, struct tool_file *file)
{
	struct stat st;

	*file = (struct tool_file){ .sys = 0 };
	if (fd < 0 || fstat(fd, &st) < 0) {
		file->sys = errno;
		return;
	}
	if (!S_ISREG(st.st_mode))
		file->sys = S_ISDIR(st.st_mode) ? EISDIR :
			    S_ISLNK(st.st_mode) ? ELOOP :
						  ENXIO;
	file->mode = st.st_mode;
	file->stamp = (struct tool_stamp){
		.ino = st.st_ino,
		.dev = st.st_dev,
		.size = (uint64_t)st.st_size,
		.mtime_nsec = nsec(&st.st_mtim),
		.ctime_nsec = nsec(&st.st_ctim),
	};
}

/**
 * host_stat() - which file it is
 */
void host_stat(struct tool_call *call, const char *path, tool_file_fn *done)
{
	auto_fd fd = host_open(call, path, O_PATH);
	struct tool_file file;

	host_stamp(fd, &file);
	done(call, &file);
}

/* Where a part of a file begins and ends is found as it is read. */
struct part {
	const struct tool_read *what;
	int fd;
	off_t at;
	uint64_t skipped, lines, max_bytes;
	char *bytes; /* owned */
	size_t len, room;
	bool full, half; /* all that was wanted; the last line has no end */
	time_t until;
};

static bool keep_bytes(struct part *part, const char *bytes, size_t len)
{
	size_t room = part->room ? part->room : STEP_BYTES;
	char *more;

	while (room - part->len <= len)
		room *= 2;
	more = room == part->room ? part->bytes : realloc(part->bytes, room);
	if (!more)
		return false;
	memcpy(more + part->len, bytes, len);
	part->bytes = more;
	part->room = room;
	part->len += len;
	return true;
}

/* Return: how many of the bytes are wanted lines, and no more than allowed. */
static size_t wanted(struct part *part, const char *bytes, size_t len)
{
	uint64_t most = part->what->max_lines;
	size_t used = 0;

	if (len > part->max_bytes - part->len)
		len = (size_t)(part->max_bytes - part->len);
	while (used < len && !(most > 0 && part->lines >= most)) {
		const char *end = memchr(bytes + used, '\n', len - used);

		part->half = !end;
		part->lines += end != NULL;
		used = end ? (size_t)(end - bytes) + 1 : len;
	}
	part->full = (most > 0 && part->lines >= most) ||
		     part->len + used >= part->max_bytes;
	return used;
}

static size_t skip(struct part *part, const char *bytes, size_t len)
{
	size_t used = 0;

	while (used < len && part->skipped < part->what->skip_lines) {
		const char *end = memchr(bytes + used, '\n', len - used);

		part->skipped += end != NULL;
		used = end ? (size_t)(end - bytes) + 1 : len;
	}
	return used;
}

/* Return: 0 or an errno. */
static int read_part(struct part *part)
{
	static char step[STEP_BYTES];

	while (!part->full) {
		ssize_t got = pread(part->fd, step, sizeof(step), part->at);
		size_t skipped, used;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : 0;
		skipped = skip(part, step, (size_t)got);
		used = wanted(part, step + skipped, (size_t)got - skipped);
		if (!keep_bytes(part, step + skipped, used))
			return ENOMEM;
		part->at += (off_t)(skipped + used);
		if (time(NULL) > part->until)
			return ETIMEDOUT;
	}
	return 0;
}

static bool goes_on(const struct part *part)
{
	char byte;

	return pread(part->fd, &byte, 1, part->at) == 1;
}

/* By way of a descriptor that opens nothing: what it is is known before. */
static int open_regular(const struct tool_call *call, const char *path,
			struct tool_file *file)
{
	auto_fd fd = host_open(call, path, O_PATH);
	char name[64];
	int opened;

	host_stamp(fd, file);
	if (file->sys)
		return -1;
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	opened = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (opened < 0)
		file->sys = errno;
	return opened;
}

/**
 * host_read() - a part of a regular file
 */
void host_read(struct tool_call *call, const struct tool_read *what,
	       tool_file_fn *done)
{
	struct tool_file file;
	auto_fd fd = open_regular(call, what->path, &file);
	struct part part = {
		.what = what,
		.fd = fd,
		.max_bytes = what->max_bytes > 0 &&
					     what->max_bytes < READ_MAX_BYTES ?
				     what->max_bytes : READ_MAX_BYTES,
		.until = time(NULL) + READ_SECONDS,
	};

	if (fd >= 0)
		file.sys = read_part(&part);
	if (fd >= 0 && file.sys == 0) {
		file.bytes = part.bytes ? part.bytes : "";
		file.len = part.len;
		file.skipped = part.skipped;
		file.lines = part.lines + part.half;
		file.more = goes_on(&part);
	}
	done(call, &file);
	free(part.bytes);
}

static uint32_t type_of(int fd, const struct dirent64 *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN ||
	    fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return entry->d_type;
	return IFTODT(st.st_mode);
}

/**
 * host_list() - names in a directory, as many as come at once
 */
void host_list(struct tool_call *call, const char *path, uint64_t cursor,
	       tool_dir_fn *done)
{
	static _Alignas(struct dirent64) char buf[LIST_BYTES];
	static struct tool_entry entries[LIST_MAX];
	auto_fd fd = host_open(call, path, O_RDONLY | O_DIRECTORY);
	struct tool_dir dir = { .entries = entries };
	ssize_t got = -1;

	if (fd >= 0 && lseek(fd, (off_t)cursor, SEEK_SET) >= 0)
		got = getdents64(fd, buf, sizeof(buf));
	dir.sys = got < 0 ? errno : 0;
	for (ssize_t i = 0; i < got && dir.n < LIST_MAX;) {
		const struct dirent64 *d = (const struct dirent64 *)(buf + i);

		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			entries[dir.n++] = (struct tool_entry){
				.name = d->d_name, .type = type_of(fd, d) };
		dir.next = (uint64_t)d->d_off;
		i += d->d_reclen;
	}
	done(call, &dir);
}
