// SPDX-License-Identifier: Apache-2.0
/*
 * The verb commit: several changes of files, all of them or none.
 *
 * What is new is written beside its place first, and synced.  Then every name
 * is exchanged with its new file, in order; what is taken away goes to a
 * temporary name.  Whatever fails before the last exchange puts all of them
 * back; only then is what is old removed.  The directory of each name is held
 * open from the walk to the end, so that nothing that is swapped meanwhile
 * moves a file elsewhere, and what was exchanged is looked at once more: it
 * must be the file that was expected.
 *
 * A file that is replaced is a new one: other links to the old one keep what
 * they had, the permission bits stay (not set-id, nor sticky), its owner is who
 * writes.  A worker that is killed on the way, or a machine that stops, leaves
 * every name with its old or its new file, whole, though perhaps not all of
 * them alike, and files .creel-* beside them, old or new: nobody is there then
 * who could tell whether somebody else needs them, so that they stay.
 */
#include <config.h>

#include "helper/init/file.h"

#include <sys/random.h>
#include <sys/sendfile.h>

#define MAX_MADE 2048
#define TEMP_BYTES 32

struct step {
	const Ini__Change *change;
	int dir_fd; /* owned */
	dev_t dir_dev;
	ino_t dir_ino;
	char base[NAME_MAX + 1];
	char temp[TEMP_BYTES]; /* "" none */
	struct stat old;
	bool there; /* old is set */
	bool done;
};

/* Directories, by what their paths begin with. */
struct made {
	const ProtobufCBinaryData *path;
	size_t len;
};

static struct step steps[INIT_MAX_CHANGES];
static struct made made[MAX_MADE];
static size_t n_made;

static int temp_name(char name[TEMP_BYTES])
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -1;
	(void)snprintf(name, TEMP_BYTES, ".creel-%016llx",
		       (unsigned long long)random);
	return 0;
}

static const char *text_of(const ProtobufCBinaryData *path, size_t len,
			   char text[INIT_PATH_MAX_BYTES + 1])
{
	if (len > 0) /* else there may be no data at all */
		memcpy(text, path->data, len);
	text[len] = '\0';
	return text;
}

/* Two names change places. */
static int exchange(int dir_fd, const char *a, const char *b)
{
	char c[TEMP_BYTES];
	int saved;

	if (!renameat2(dir_fd, a, dir_fd, b, RENAME_EXCHANGE))
		return 0;
	/* File systems that cannot: the name is gone for a moment. */
	if (errno != EINVAL || temp_name(c) || renameat(dir_fd, b, dir_fd, c))
		return -1;
	if (!renameat(dir_fd, a, dir_fd, b))
		return renameat(dir_fd, c, dir_fd, a);
	saved = errno;
	(void)renameat(dir_fd, c, dir_fd, b);
	errno = saved;
	return -1;
}

/* Fails where @to is there. */
static int move(int dir_fd, const char *from, const char *to)
{
	if (!renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL || linkat(dir_fd, from, dir_fd, to, 0))
		return -1;
	return unlinkat(dir_fd, from, 0);
}

static int make_dir(int base_fd, const ProtobufCBinaryData *path, size_t len,
		    mode_t mode)
{
	char text[INIT_PATH_MAX_BYTES + 1];
	char base[NAME_MAX + 1];
	auto_fd dir_fd = init_file_parent(base_fd, text_of(path, len, text),
					  base);

	if (dir_fd < 0)
		return -1;
	errno = E2BIG;
	if (n_made == MAX_MADE || mkdirat(dir_fd, base, mode))
		return -1;
	made[n_made++] = (struct made){ path, len };
	return 0;
}

static int make_parents(int base_fd, const ProtobufCBinaryData *path)
{
	/* EISDIR: "" and "." and "..", which are there. */
	for (size_t i = 0; i < path->len; i++)
		if (path->data[i] == '/' && make_dir(base_fd, path, i, 0755) &&
		    errno != EEXIST && errno != EISDIR)
			return -1;
	return 0;
}

static bool is_expected(const struct stat *st, const Ini__Change *c)
{
	return st->st_ino == c->ino && st->st_dev == c->dev &&
	       (uint64_t)st->st_size == c->size &&
	       init_nsec(&st->st_mtim) == c->mtime_nsec;
}

/* What is to be changed must be a regular file; a read-only one says no. */
static int examine(struct step *s)
{
	const Ini__Change *c = s->change;
	bool put = c->kind == INI__CHANGE_KIND__CHANGE_PUT;
	bool same = c->expect == INI__EXPECT__EXPECT_SAME;

	if (fstatat(s->dir_fd, s->base, &s->old, AT_SYMLINK_NOFOLLOW)) {
		if (errno == ENOENT && same)
			errno = ESTALE;
		return errno == ENOENT && put ? 0 : -1;
	}
	s->there = true;
	errno = EEXIST;
	if (c->expect == INI__EXPECT__EXPECT_ABSENT ||
	    init_file_regular(s->old.st_mode))
		return -1;
	errno = ESTALE;
	if (same && (!is_expected(&s->old, c) ||
		     init_nsec(&s->old.st_ctim) != c->ctime_nsec))
		return -1;
	return put ? faccessat(s->dir_fd, s->base, W_OK, AT_EACCESS) : 0;
}

static int write_new(struct step *s, int content_fd)
{
	const Ini__Change *c = s->change;
	mode_t mode = (s->there ? s->old.st_mode : c->mode) & 0777;
	off_t at = (off_t)c->offset;
	uint64_t left = c->length;
	auto_fd fd = openat(s->dir_fd, s->temp,
			    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0) {
		s->temp[0] = '\0';
		return -1;
	}
	while (left > 0) {
		ssize_t put = sendfile(fd, content_fd, &at, left);

		errno = put == 0 ? EINVAL : errno;
		if (put <= 0)
			return -1;
		left -= (uint64_t)put;
	}
	return fchmod(fd, mode) || fsync(fd) ? -1 : 0;
}

static int stage_dir(struct step *s, int base_fd)
{
	const Ini__Change *c = s->change;
	struct stat st;

	if (!make_dir(base_fd, &c->path, c->path.len, c->mode & 0777))
		return 0;
	if (errno != EEXIST || c->expect != INI__EXPECT__EXPECT_ANY ||
	    fstatat(s->dir_fd, s->base, &st, AT_SYMLINK_NOFOLLOW))
		return -1;
	errno = EEXIST;
	return S_ISDIR(st.st_mode) ? 0 : -1;
}

/* Everything that can be done before the names change. */
static int stage(struct step *s, int base_fd, int content_fd)
{
	const Ini__Change *c = s->change;
	char path[INIT_PATH_MAX_BYTES + 1];
	struct stat st;

	if (c->parents && make_parents(base_fd, &c->path))
		return -1;
	s->dir_fd = init_file_parent(base_fd,
				     text_of(&c->path, c->path.len, path),
				     s->base);
	if (s->dir_fd < 0 || fstat(s->dir_fd, &st))
		return -1;
	s->dir_dev = st.st_dev;
	s->dir_ino = st.st_ino;
	errno = EINVAL;
	for (const struct step *other = steps; other < s; other++)
		if (other->dir_ino == s->dir_ino &&
		    other->dir_dev == s->dir_dev &&
		    !strcmp(other->base, s->base))
			return -1;
	if (c->kind == INI__CHANGE_KIND__CHANGE_MKDIR)
		return stage_dir(s, base_fd);
	if (examine(s) || temp_name(s->temp))
		return -1;
	return c->kind == INI__CHANGE_KIND__CHANGE_PUT ?
		       write_new(s, content_fd) :
		       0;
}

/*
 * Undone as it was done; what others have put there meanwhile is lost. Where
 * they have put a directory, what is old keeps its temporary name.
 */
static void revert(struct step *s)
{
	bool put = s->change->kind == INI__CHANGE_KIND__CHANGE_PUT;

	s->done = false;
	if (put && s->there && !exchange(s->dir_fd, s->temp, s->base))
		return;
	if (!put)
		(void)renameat(s->dir_fd, s->temp, s->dir_fd, s->base);
	else if (!s->there)
		(void)unlinkat(s->dir_fd, s->base, 0);
	s->temp[0] = '\0';
}

/* The names change; a rename leaves all of a file as it was but its ctime. */
static int change(struct step *s)
{
	const Ini__Change *c = s->change;
	bool put = c->kind == INI__CHANGE_KIND__CHANGE_PUT;
	struct stat st;

	if (c->kind == INI__CHANGE_KIND__CHANGE_MKDIR)
		return 0;
	if (put && s->there ? exchange(s->dir_fd, s->temp, s->base) :
	    put ? move(s->dir_fd, s->temp, s->base) :
		  move(s->dir_fd, s->base, s->temp))
		return -1;
	s->done = true;
	if (!s->there || (!fstatat(s->dir_fd, s->temp, &st,
				   AT_SYMLINK_NOFOLLOW) &&
			  S_ISREG(st.st_mode) &&
			  (c->expect != INI__EXPECT__EXPECT_SAME ||
			   is_expected(&st, c))))
		return 0;
	/* Somebody was faster. */
	revert(s);
	errno = ESTALE;
	return -1;
}

static void undo(int base_fd, size_t n)
{
	char path[INIT_PATH_MAX_BYTES + 1];
	char base[NAME_MAX + 1];

	for (size_t i = n; i-- > 0;)
		if (steps[i].done)
			revert(&steps[i]);
	for (size_t i = 0; i < n; i++)
		if (steps[i].temp[0])
			(void)unlinkat(steps[i].dir_fd, steps[i].temp, 0);
	/* ENOTEMPTY: somebody else has found use for it. */
	while (n_made-- > 0) {
		auto_fd dir_fd = init_file_parent(
			base_fd, text_of(made[n_made].path, made[n_made].len,
					 path), base);

		(void)unlinkat(dir_fd, base, AT_REMOVEDIR);
	}
}

static void sync_dir(int dir_fd)
{
	auto_fd fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* EACCES: it may be written to and not read. */
	if (fd >= 0)
		(void)fsync(fd);
}

/* What is old goes; nothing of this can be undone, or needs to be. */
static void finish(int base_fd, size_t n)
{
	char path[INIT_PATH_MAX_BYTES + 1];
	char base[NAME_MAX + 1];

	for (size_t i = 0; i < n; i++)
		if (steps[i].there)
			(void)unlinkat(steps[i].dir_fd, steps[i].temp, 0);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || steps[i].dir_ino != steps[i - 1].dir_ino ||
		    steps[i].dir_dev != steps[i - 1].dir_dev)
			sync_dir(steps[i].dir_fd);
	for (size_t i = 0; i < n_made; i++) {
		auto_fd dir_fd = init_file_parent(
			base_fd, text_of(made[i].path, made[i].len, path),
			base);

		sync_dir(dir_fd);
	}
}

/**
 * init_file_commit() - the verb commit
 *
 * Return: 0, or -1 with errno and the change in @answer.
 */
int init_file_commit(int base_fd, const struct init_request *req,
		     Ini__Answer *answer)
{
	const Ini__Commit *m = req->msg->commit;
	size_t n = m->n_changes;
	int ret = 0;
	int saved;

	n_made = 0;
	memset(steps, 0, n * sizeof(*steps));
	for (size_t i = 0; i < n; i++)
		steps[i].dir_fd = -1;
	errno = EINVAL;
	if (req->fd[0] >= 0 && fcntl(req->fd[0], F_GET_SEALS) != INIT_SEALS)
		return -1;
	for (size_t i = 0; i < 2 * n && !ret; i++) {
		struct step *s = &steps[i % n];

		answer->which = (uint32_t)(i % n + 1);
		s->change = m->changes[i % n];
		ret = i < n ? stage(s, base_fd, req->fd[0]) : change(s);
	}
	saved = errno;
	if (ret) {
		undo(base_fd, n);
	} else {
		answer->which = 0;
		finish(base_fd, n);
	}
	for (size_t i = 0; i < n; i++)
		fd_close(&steps[i].dir_fd);
	errno = saved;
	return ret;
}
