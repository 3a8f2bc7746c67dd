// SPDX-License-Identifier: Apache-2.0
/*
 * File verbs, in a worker that has the sandbox user's ids.  Every name is
 * walked beneath a directory: one that was opened when nothing hostile ran yet,
 * or one that is found as a command would find it.
 */
#include <config.h>

#include "helper/init/file.h"

#include <dirent.h>
#include <linux/openat2.h>

#define LIST_MAX_ENTRIES 256
#define LIST_MAX_BYTES 60000

static int open_at(int dir_fd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC,
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dir_fd, *path ? path : ".", &how,
			    sizeof(how));
}

/**
 * init_file_beneath() - open what a path names, following no symbolic link
 * @base_fd: which the path does not leave
 */
int init_file_beneath(int base_fd, const char *path, int flags)
{
	return open_at(base_fd, path, flags | O_NOFOLLOW,
		       RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

/**
 * init_file_parent() - open the directory that a path's last name is in
 * @base: becomes that name
 */
int init_file_parent(int base_fd, const char *path, char base[NAME_MAX + 1])
{
	char dir[INIT_PATH_MAX_BYTES + 1];
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	errno = ENAMETOOLONG;
	if (strlen(name) > NAME_MAX)
		return -1;
	errno = EISDIR;
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return -1;
	memcpy(base, name, strlen(name) + 1);
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(name - path), path);
	return init_file_beneath(base_fd, dir, O_PATH | O_DIRECTORY);
}

/**
 * init_file_stat() - tell what an open file is
 */
int init_file_stat(int fd, Ini__Answer *answer)
{
	struct stat st;

	if (fstat(fd, &st))
		return -1;
	answer->size = (uint64_t)st.st_size;
	answer->mode = st.st_mode;
	answer->mtime_nsec = init_nsec(&st.st_mtim);
	answer->ctime_nsec = init_nsec(&st.st_ctim);
	answer->ino = st.st_ino;
	answer->dev = st.st_dev;
	answer->uid = st.st_uid;
	answer->gid = st.st_gid;
	return 0;
}

/**
 * init_file_regular() - 0 for a regular file, else -1 with what it is
 */
int init_file_regular(mode_t mode)
{
	if (S_ISREG(mode))
		return 0;
	errno = S_ISDIR(mode) ? EISDIR : S_ISLNK(mode) ? ELOOP : ENXIO;
	return -1;
}

/*
 * Beneath the workspace a symbolic link that is followed must stay beneath it;
 * beneath the root an absolute one means what it means to a command.
 * O_NONBLOCK: a FIFO that the sandbox planted must not hold the worker.
 */
static int act_open(int base_fd, const Ini__Open *m, const char *path,
		    Ini__Answer *answer)
{
	int flags = O_RDONLY | O_NOCTTY | O_NONBLOCK |
		    (m->directory ? O_DIRECTORY : 0);
	bool root = m->where == INI__WHERE__WHERE_ROOT && !m->below.len;
	auto_fd fd = -1;

	fd = m->follow ? open_at(base_fd, path, flags,
				 root ? RESOLVE_IN_ROOT : RESOLVE_BENEATH) :
			 init_file_beneath(base_fd, path, flags);
	if (fd < 0 || init_file_stat(fd, answer) ||
	    (!m->directory && init_file_regular(answer->mode)))
		return -1;
	return fd_take(&fd);
}

/*
 * Up to 256 names. One read fills the buffer, where the names stay until the
 * answer is sent: what does not fit waits for the next request.
 */
static int act_list(int base_fd, const char *path, uint64_t at,
		    Ini__Answer *answer)
{
	static Ini__Entry entries[LIST_MAX_ENTRIES];
	static Ini__Entry *pointers[LIST_MAX_ENTRIES];
	static _Alignas(struct dirent64) char buf[LIST_MAX_BYTES];
	auto_fd fd = init_file_beneath(base_fd, path, O_RDONLY | O_DIRECTORY);
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

static int open_base(const struct init *in, const struct init_request *req)
{
	auto_fd root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (*req->below)
		return open_at(root_fd, req->below, O_PATH | O_DIRECTORY,
			       RESOLVE_IN_ROOT);
	if (req->msg->stat->where == INI__WHERE__WHERE_ROOT)
		return fd_take(&root_fd);
	errno = ENOENT;
	return in->workdir_fd < 0 ?
		       -1 :
		       fcntl(in->workdir_fd, F_DUPFD_CLOEXEC, 3);
}

/**
 * init_file_act() - do what a file verb asks
 *
 * Return: a descriptor to pass, or -1 with errno, which is 0 for none to pass.
 */
int init_file_act(const struct init *in, const struct init_request *req,
		  Ini__Answer *answer)
{
	const Ini__Request *m = req->msg;
	const char *path = req->path;
	auto_fd base_fd = open_base(in, req);
	auto_fd fd = -1;
	int result = -1;

	if (base_fd < 0)
		return -1;
	if (m->stat->where == INI__WHERE__WHERE_ROOT && !*req->below)
		path += strspn(path, "/");
	errno = ENOSYS;
	if (m->op_case == INI__REQUEST__OP_OPEN)
		return act_open(base_fd, m->open, path, answer);
	if (m->op_case == INI__REQUEST__OP_READ)
		return init_file_read(base_fd, path, m->read, answer);
	if (m->op_case == INI__REQUEST__OP_COMMIT)
		result = init_file_commit(base_fd, req, answer);
	if (m->op_case == INI__REQUEST__OP_LIST_DIR)
		result = act_list(base_fd, path, m->list_dir->offset, answer);
	if (m->op_case == INI__REQUEST__OP_STAT) {
		fd = init_file_beneath(base_fd, path, O_PATH);
		result = fd < 0 ? -1 : init_file_stat(fd, answer);
	}
	errno = result == 0 ? 0 : errno;
	return -1;
}
