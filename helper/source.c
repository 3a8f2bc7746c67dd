// SPDX-License-Identifier: Apache-2.0
/*
 * Bind sources.  Asks the kernel about descriptors, never the file system that
 * they lie on: a FUSE server that does not answer must hold up nobody.
 */
#include <config.h>

#include "helper/source.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "proto/cleanup.h"

#define HLP_LINE_MAX_BYTES 16384

/* Kernel interfaces that look like files; see SECURITY CONSIDERATIONS. */
static const char *const denied[] = {
	"proc",	     "sysfs",	     "cgroup",	    "cgroup2",	"nsfs",
	"devpts",    "debugfs",	     "tracefs",	    "bpf",	"securityfs",
	"efivarfs",  "mqueue",	     "binfmt_misc", "configfs", "fusectl",
	"pstore",    "selinuxfs",    "smackfs",	    "devtmpfs", "pidfs",
	"sockfs",    "pipefs",	     "rpc_pipefs",  "resctrl",	"nfsd",
	"hugetlbfs", "anon_inodefs", "secretmem",
};

/**
 * hlp_type_denied() - whether a file system of this type is never bound
 */
bool hlp_type_denied(const char *type)
{
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++)
		if (!strcmp(type, denied[i]))
			return true;
	return false;
}

/* "36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw" */
static bool parse_line(char *line, struct hlp_mount_line *out)
{
	char *parts[5], *type;

	out->id = strtoull(line, &line, 10);
	out->parent = strtoull(line, NULL, 10);
	for (size_t i = 0; i < 5; i++) {
		line = strchr(line, ' ');
		if (!line)
			return false;
		parts[i] = line++;
	}
	type = strstr(line, " - ");
	if (!type)
		return false;
	out->where = parts[1] + 1;
	out->point = parts[3] + 1;
	*parts[4] = '\0';
	out->type = type + 3;
	type[3 + strcspn(type + 3, " \n")] = '\0';
	return true;
}

/**
 * hlp_mountinfo_each() - look at every mount of this process's namespace
 * @proc_fd: a proc file system
 * @fn:      returns false to stop
 *
 * Return: 0 or -1; a line that cannot be read is a failure, not an end.
 */
int hlp_mountinfo_each(int proc_fd, hlp_mount_line_fn *fn, void *arg,
		       struct err *err)
{
	auto_fd fd = openat(proc_fd, "self/mountinfo", O_RDONLY | O_CLOEXEC);
	char buf[HLP_LINE_MAX_BYTES];
	struct hlp_mount_line line;
	size_t used = 0;
	ssize_t got;

	if (fd < 0)
		return err_set(err, ERR_KERNEL, errno, "open mountinfo");
	while ((got = read(fd, buf + used, sizeof(buf) - 1 - used)) > 0) {
		char *at = buf, *end;

		used += (size_t)got;
		buf[used] = '\0';
		for (; (end = strchr(at, '\n')); at = end + 1) {
			*end = '\0';
			if (!parse_line(at, &line))
				return err_set(err, ERR_KERNEL, 0,
					       "mountinfo is not as expected");
			if (!fn(&line, arg))
				return 0;
		}
		used = (size_t)(buf + used - at);
		memmove(buf, at, used);
	}
	if (got < 0 || used > 0)
		return err_set(err, ERR_KERNEL, got < 0 ? errno : 0,
			       "read mountinfo");
	return 0;
}

static bool find_cover(const struct hlp_mount_line *line, void *arg)
{
	/* Debian mounts binfmt_misc on demand; that does no harm. */
	if (strncmp(line->point, "/proc/", 6) || !strcmp(line->type, "autofs"))
		return true;
	(void)snprintf(arg, 64, "%s", line->point);
	return false;
}

/**
 * hlp_proc_covered() - whether something is mounted below the host's /proc
 * @point: set to the first such place
 */
bool hlp_proc_covered(int proc_fd, char point[64])
{
	struct err ignored = ERR_INIT;

	point[0] = '\0';
	return hlp_mountinfo_each(proc_fd, find_cover, point, &ignored) == 0 &&
	       point[0];
}

/* Whether a point of mountinfo, which has \ooo for some bytes, is below. */
static bool is_below(const char *point, const char *path)
{
	while (*path && *point) {
		int byte = (unsigned char)*point++;

		if (byte == '\\' && point[0] && point[1] && point[2]) {
			byte = (point[0] - '0') << 6 | (point[1] - '0') << 3 |
			       (point[2] - '0');
			point += 3;
		}
		if (byte != (unsigned char)*path++)
			return false;
	}
	return !*path && (*point == '/' || path[-1] == '/');
}

/* FNV-1a; whoever could make two alike would deceive himself alone. */
static uint64_t hash_text(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	while (*text)
		hash = (hash ^ (unsigned char)*text++) *
		       UINT64_C(0x100000001b3);
	return hash;
}

struct search {
	uint64_t id;
	struct hlp_source *source;
	bool found;
};

/*
 * Mounts are listed in another order in a copied namespace: hence a sum. What
 * is refused when the sandbox starts is left out: cgroup mounts look different
 * from within a cgroup namespace, and /proc is covered by the new root.
 */
static bool search_line(const struct hlp_mount_line *line, void *arg)
{
	struct search *search = arg;
	struct hlp_source *source = search->source;

	if (is_below(line->point, source->text) &&
	    !hlp_type_denied(line->type) && !is_below(line->point, "/proc") &&
	    strcmp(line->point, "/proc") != 0)
		source->below += hash_text(line->where) ^ hash_text(line->type);
	if (line->id != search->id)
		return true;
	search->found = true;
	(void)snprintf(source->type, sizeof(source->type), "%s", line->type);
	(void)snprintf(source->text + source->len, PATH_MAX, "%s", line->where);
	return true;
}

/* The path that the kernel knows the descriptor by. */
static int read_path(int proc_fd, int fd, struct hlp_source *source,
		     struct err *err)
{
	char link[32];
	ssize_t len;

	(void)snprintf(link, sizeof(link), "self/fd/%d", fd);
	len = readlinkat(proc_fd, link, source->text, PATH_MAX - 1);
	if (len <= 0 || len >= PATH_MAX - 1)
		return err_set(err, ERR_BAD_REQUEST, len < 0 ? errno : 0,
			       "source has no path");
	source->text[len] = '\0';
	source->len = (uint32_t)len + 1;
	return 0;
}

/* Not every file system has handles; then both descriptors have none. */
static void read_handle(int fd, struct hlp_source *source)
{
	union {
		struct file_handle handle;
		unsigned char
			room[sizeof(struct file_handle) + HLP_HANDLE_MAX_BYTES];
	} u = { .handle.handle_bytes = HLP_HANDLE_MAX_BYTES };
	int mnt_id;

	source->handle_len = 0;
	memset(source->handle, 0, sizeof(source->handle));
	if (name_to_handle_at(fd, "", &u.handle, &mnt_id, AT_EMPTY_PATH) < 0)
		return;
	source->handle_len = u.handle.handle_bytes;
	memcpy(source->handle, u.handle.f_handle, u.handle.handle_bytes);
}

/**
 * hlp_source_read() - learn what a descriptor is and whether it may be bound
 * @proc_fd: a proc file system, of this process's pid namespace
 * @source:  filled
 *
 * Return: 0 or -1; BAD_REQUEST for what is no directory, regular file or
 * socket, is gone, lies on a kernel file system, or comes from another mount
 * namespace.
 */
int hlp_source_read(int proc_fd, int fd, struct hlp_source *source,
		    struct err *err)
{
	struct search search = { .source = source };
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &st) < 0)
		return err_set(err, ERR_KERNEL, errno, "statx");
	if (!S_ISDIR(st.stx_mode) && !S_ISREG(st.stx_mode) &&
	    !S_ISSOCK(st.stx_mode))
		return err_set(
			err, ERR_BAD_REQUEST, 0,
			"source is no directory, regular file or socket");
	if (st.stx_nlink == 0)
		return err_set(err, ERR_BAD_REQUEST, ENOENT,
			       "source is deleted");
	search.id = st.stx_mnt_id;
	source->below = 0;
	if (read_path(proc_fd, fd, source, err) < 0)
		return -1;
	if (!(st.stx_mask & STATX_MNT_ID) ||
	    hlp_mountinfo_each(proc_fd, search_line, &search, err) < 0)
		return err->code ? -1 :
				   err_set(err, ERR_UNSUPPORTED, 0,
					   "statx gives no mount id");
	if (!search.found)
		return err_set(
			err, ERR_BAD_REQUEST, EINVAL,
			"source is from another mount namespace than the helper's (a service with PrivateTmp, a container?)");
	if (hlp_type_denied(source->type))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "source is on %s, a kernel file system",
			       source->type);
	source->len += (uint32_t)strlen(source->text + source->len) + 1;
	source->ino = st.stx_ino;
	source->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	source->btime_sec = st.stx_mask & STATX_BTIME ? st.stx_btime.tv_sec : 0;
	source->btime_nsec =
		st.stx_mask & STATX_BTIME ? st.stx_btime.tv_nsec : 0;
	source->mode = st.stx_mode;
	read_handle(fd, source);
	return 0;
}

/**
 * hlp_source_same() - whether two descriptors name one thing on one mount
 *
 * Ids of mounts differ between namespaces; all else must not.
 */
bool hlp_source_same(const struct hlp_source *a, const struct hlp_source *b)
{
	return a->ino == b->ino && a->dev == b->dev &&
	       a->btime_sec == b->btime_sec && a->btime_nsec == b->btime_nsec &&
	       a->handle_len == b->handle_len &&
	       !memcmp(a->handle, b->handle, sizeof(a->handle)) &&
	       (a->mode & S_IFMT) == (b->mode & S_IFMT) &&
	       !strcmp(a->type, b->type) && a->len == b->len &&
	       !memcmp(a->text, b->text, a->len);
}

/**
 * hlp_source_reopen() - open in this mount namespace what a descriptor of the
 *                       host's names
 * @source: its identity and path
 * @uid:    the caller as seen here; his rights decide what is reached
 *
 * Return: an O_PATH descriptor or -1; BAD_REQUEST where the path now leads
 * elsewhere.
 */
int hlp_source_reopen(int proc_fd, const struct hlp_source *source,
		      uint32_t uid, uint32_t gid, struct err *err)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	struct hlp_source now = { 0 };
	auto_fd fd = -1;
	int sys;

	(void)setfsgid(gid);
	(void)setfsuid(uid);
	fd = (int)syscall(SYS_openat2, AT_FDCWD, source->text, &how,
			  sizeof(how));
	sys = errno;
	(void)setfsuid(geteuid());
	(void)setfsgid(getegid());
	if (fd < 0)
		return err_set(err, ERR_BAD_REQUEST, sys, "reopen the source");
	if (hlp_source_read(proc_fd, fd, &now, err) < 0)
		return -1;
	if (!hlp_source_same(source, &now))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "source is not what its path names now");
	if (source->below != now.below)
		return err_set(
			err, ERR_BAD_STATE, 0,
			"what is mounted below the source has changed; try again");
	return fd_take(&fd);
}

/**
 * hlp_source_private() - whether a path lies below a directory of root's that
 *                        nobody else can enter
 * @path: from hlp_source_read()
 *
 * Root's files may be given to a sandbox only where nobody can reach what the
 * sandbox leaves there, a set-user-id program for one.
 */
bool hlp_source_private(const char *path)
{
	char prefix[PATH_MAX];
	struct statx st;

	for (const char *at = path; (at = strchr(at + 1, '/'));) {
		memcpy(prefix, path, (size_t)(at - path));
		prefix[at - path] = '\0';
		if (statx(AT_FDCWD, prefix,
			  AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC,
			  STATX_MODE | STATX_UID, &st) < 0)
			return false;
		if (S_ISDIR(st.stx_mode) && st.stx_uid == 0 &&
		    !(st.stx_mode & 0011))
			return true;
	}
	return false;
}
