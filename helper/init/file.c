// SPDX-License-Identifier: Apache-2.0
/*
 * File verbs, in a worker that has the sandbox user's ids.  Every name is
 * walked beneath a directory that was opened when nothing hostile ran yet.
 */
#include <config.h>

#include <dirent.h>
#include <linux/openat2.h>
#include <sys/random.h>

#include "helper/init/state.h"

#define LIST_MAX_ENTRIES 256
#define LIST_MAX_BYTES 60000
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/*
 * Beneath the workspace a symbolic link that is followed must stay beneath it;
 * beneath the root an absolute one means what it means to a command.
 */
static int open_beneath(const struct init *in, const struct init_request *req,
			const char *path, int flags)
{
	const Ini__Request *msg = req->msg;
	bool workdir = msg->stat->where == INI__WHERE__WHERE_WORKDIR;
	bool follow = msg->op_case == INI__REQUEST__OP_OPEN &&
		      msg->open->follow;
	auto_fd root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int dir_fd = workdir ? in->workdir_fd : root_fd;
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS,
	};

	how.resolve |= follow && !workdir ? RESOLVE_IN_ROOT : RESOLVE_BENEATH;
	if (!follow) {
		how.resolve |= RESOLVE_NO_SYMLINKS;
		how.flags |= O_NOFOLLOW;
	}
	if (!workdir)
		path += strspn(path, "/");
	errno = ENOENT;
	return dir_fd < 0 ? -1 :
			    (int)syscall(SYS_openat2, dir_fd,
					 *path ? path : ".", &how, sizeof(how));
}

static int fill_stat(int fd, Ini__Answer *answer)
{
	struct stat st;

	if (fstat(fd, &st))
		return -1;
	answer->size = (uint64_t)st.st_size;
	answer->mode = st.st_mode;
	answer->mtime_nsec = (uint64_t)st.st_mtim.tv_sec * 1000000000ULL +
			     (uint64_t)st.st_mtim.tv_nsec;
	answer->uid = st.st_uid;
	answer->gid = st.st_gid;
	return 0;
}

static int check_regular(mode_t mode)
{
	if (S_ISREG(mode))
		return 0;
	errno = S_ISDIR(mode) ? EISDIR : S_ISLNK(mode) ? ELOOP : ENXIO;
	return -1;
}

/* O_NONBLOCK: a FIFO that the sandbox planted must not hold the worker. */
static int act_open(const struct init *in, const struct init_request *req,
		    Ini__Answer *answer)
{
	bool dir = req->msg->open->directory;
	auto_fd fd = open_beneath(in, req, req->path,
				  O_RDONLY | O_NOCTTY | O_NONBLOCK |
					  (dir ? O_DIRECTORY : 0));

	if (fd < 0 || fill_stat(fd, answer) ||
	    (!dir && check_regular(answer->mode)))
		return -1;
	return fd_take(&fd);
}

/*
 * Up to 256 names. One read fills the buffer, where the names stay for the
 * worker's short life: what does not fit waits for the next request.
 */
static int act_list(const struct init *in, const struct init_request *req,
		    Ini__Answer *answer)
{
	static Ini__Entry entries[LIST_MAX_ENTRIES];
	static Ini__Entry *pointers[LIST_MAX_ENTRIES];
	static _Alignas(struct dirent64) char buf[LIST_MAX_BYTES];
	auto_fd fd = open_beneath(in, req, req->path, O_RDONLY | O_DIRECTORY);
	uint64_t at = req->msg->list_dir->offset;
	size_t bytes = 0;
	ssize_t got;

	if (fd < 0 || lseek(fd, (off_t)at, SEEK_SET) < 0)
		return -1;
	got = getdents64(fd, buf, sizeof(buf));
	answer->entries = pointers;
	for (ssize_t i = 0; i < got;) {
		struct dirent64 *d = (struct dirent64 *)(buf + i);
		Ini__Entry *entry = &entries[answer->n_entries];

		if (strcmp(d->d_name, ".") && strcmp(d->d_name, "..")) {
			bytes += strlen(d->d_name) + 16;
			if (bytes > LIST_MAX_BYTES)
				break;
			*entry = (Ini__Entry)INI__ENTRY__INIT;
			entry->name.len = strlen(d->d_name);
			entry->name.data = (uint8_t *)d->d_name;
			entry->type = d->d_type;
			pointers[answer->n_entries++] = entry;
		}
		at = (uint64_t)d->d_off;
		i += d->d_reclen;
		if (answer->n_entries == LIST_MAX_ENTRIES)
			break;
	}
	answer->next = got > 0 ? at : 0;
	return got < 0 ? -1 : 0;
}

/* Opens the directory of @path; @base becomes the name in it. */
static int open_parent(const struct init *in, const struct init_request *req,
		       const char *path, const char **base)
{
	char dir[INIT_PATH_MAX_BYTES + 1];
	const char *slash = strrchr(path, '/');

	*base = slash ? slash + 1 : path;
	if (!**base || !strcmp(*base, ".") || !strcmp(*base, "..")) {
		errno = EISDIR;
		return -1;
	}
	(void)snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 0,
		       path);
	return open_beneath(in, req, dir, O_PATH | O_DIRECTORY);
}

static int make_parents(const struct init *in, const struct init_request *req)
{
	char dir[INIT_PATH_MAX_BYTES + 1];
	const char *base;

	for (const char *at = req->path; (at = strchr(at, '/')); at++) {
		auto_fd dir_fd = -1;

		(void)snprintf(dir, sizeof(dir), "%.*s", (int)(at - req->path),
			       req->path);
		dir_fd = open_parent(in, req, dir, &base);
		/* EISDIR: nothing to make, "" and "." and ".." are there. */
		if (dir_fd < 0 ? errno != EISDIR :
				 mkdirat(dir_fd, base, 0755) && errno != EEXIST)
			return -1;
	}
	return 0;
}

static int copy_content(int from_fd, int to_fd)
{
	static char buf[LIST_MAX_BYTES];
	off_t at = 0;
	ssize_t got;

	errno = EINVAL;
	if (fcntl(from_fd, F_GET_SEALS) != SEALS)
		return -1;
	while ((got = pread(from_fd, buf, sizeof(buf), at)) > 0) {
		ssize_t put = write(to_fd, buf, (size_t)got);

		if (put <= 0)
			return -1;
		at += put;
	}
	return (int)got;
}

/*
 * Temporary, fsync, rename. The directory is held open from the walk to the
 * rename, so that nothing that is swapped meanwhile moves the file elsewhere.
 */
static int replace(const struct init_request *req, int dir_fd,
		   const char *base, mode_t mode)
{
	unsigned flags = req->msg->put->exclusive ? RENAME_NOREPLACE : 0;
	auto_fd fd = -1;
	uint64_t random;
	char temp[32];
	int saved;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -1;
	(void)snprintf(temp, sizeof(temp), ".creel-%016llx",
		       (unsigned long long)random);
	fd = openat(dir_fd, temp,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (!copy_content(req->fd[0], fd) && !fchmod(fd, mode) && !fsync(fd) &&
	    !renameat2(dir_fd, temp, dir_fd, base, flags))
		return 0;
	saved = errno;
	(void)unlinkat(dir_fd, temp, 0);
	errno = saved;
	return -1;
}

static int act_put(const struct init *in, const struct init_request *req)
{
	const Ini__Put *m = req->msg->put;
	mode_t mode = m->mode & 0777;
	auto_fd dir_fd = -1;
	const char *base;
	struct stat st;

	if (m->parents && make_parents(in, req))
		return -1;
	dir_fd = open_parent(in, req, req->path, &base);
	if (dir_fd < 0)
		return -1;
	if (!fstatat(dir_fd, base, &st, AT_SYMLINK_NOFOLLOW)) {
		mode = st.st_mode & 0777;
		errno = EEXIST;
		/* The directory's rights would do; a read-only file says no. */
		if (m->exclusive || check_regular(st.st_mode) ||
		    faccessat(dir_fd, base, W_OK, AT_EACCESS))
			return -1;
	} else if (errno != ENOENT) {
		return -1;
	}
	return replace(req, dir_fd, base, mode);
}

/**
 * init_file_act() - do what a file verb asks
 *
 * Return: a descriptor to pass, or -1 with errno, which is 0 for none to pass.
 */
int init_file_act(const struct init *in, const struct init_request *req,
		  Ini__Answer *answer)
{
	int result = -1;

	errno = ENOSYS;
	if (req->msg->op_case == INI__REQUEST__OP_OPEN)
		return act_open(in, req, answer);
	if (req->msg->op_case == INI__REQUEST__OP_PUT)
		result = act_put(in, req);
	if (req->msg->op_case == INI__REQUEST__OP_LIST_DIR)
		result = act_list(in, req, answer);
	if (req->msg->op_case == INI__REQUEST__OP_STAT) {
		auto_fd fd = open_beneath(in, req, req->path, O_PATH);

		result = fd < 0 ? -1 : fill_stat(fd, answer);
	}
	errno = result == 0 ? 0 : errno;
	return -1;
}
