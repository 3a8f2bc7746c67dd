// SPDX-License-Identifier: Apache-2.0
/*
 * Files in a sandbox.  Each request has a number, and a place among those that
 * its pid 1 works on, or in the queue for one.  An answer counts for the
 * request of that number in that sandbox alone, and is worth what a message
 * of sandboxed code is worth: it is looked at here, so that nobody else has to.
 */
#include <config.h>

#include "controller/core/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "controller/core/core.h"
#include "proto/cleanup.h"

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define MAX_ENTRIES 256
#define MAX_NAME_BYTES 255
#define MAX_ERRNO 4095

struct ctl_fs {
	TAILQ_ENTRY(ctl_fs) link;
	struct ctl_sandbox *sandbox; /* borrowed */
	ctl_fs_fn *done;             /* NULL: cancelled */
	void *arg;
	struct event timer;
	bool sent;
	uint32_t seq;
	Ini__Request__OpCase op;
	uint64_t max_bytes; /* of read */
	uint64_t max_lines; /* that it can have told of before the data */
	uint32_t max_which; /* of commit */
	int fd;             /* owned, until it is sent; -1 none */
	size_t len;
	uint8_t packed[]; /* the request, likewise */
};

static void fs_free(struct ctl_fs *fs)
{
	struct ctl_sandbox *sandbox = fs->sandbox;

	(void)event_del(&fs->timer);
	TAILQ_REMOVE(&sandbox->fs, fs, link);
	sandbox->n_fs_sent -= fs->sent;
	fd_close(&fs->fd);
	free(fs);
}

/* The last that is heard of it; what waits behind it may go. */
static void finish(struct ctl_fs *fs, const struct ctl_fs_answer *answer)
{
	ctl_fs_fn *done = fs->done;
	void *arg = fs->arg;

	fs_free(fs);
	if (done)
		done(arg, answer);
}

static int send_packed(struct ctl_fs *fs, struct err *err)
{
	auto_fd fd = fd_take(&fs->fd);
	struct timeval time = { .tv_sec = CTL_FS_TIMEOUT_SEC };
	Ini__Request *req =
		ini__request__unpack(NULL, fs->len, fs->packed);
	int ret;

	if (!req)
		return err_set(err, ERR_KERNEL, ENOMEM, "file request");
	ret = ctl_init_send(fs->sandbox, req, &fd, fd >= 0, err);
	ini__request__free_unpacked(req, NULL);
	if (ret < 0)
		return -1;
	fs->sent = true;
	fs->sandbox->n_fs_sent++;
	(void)event_add(&fs->timer, &time);
	return 0;
}

/*
 * Whoever is told may cancel others or ask anew: the queue is looked at from
 * its beginning after each.
 */
static void send_waiting(struct ctl_sandbox *sandbox)
{
	struct ctl_fs_answer answer = { .sys = ENOMEM };
	struct ctl_fs *fs = TAILQ_FIRST(&sandbox->fs);

	while (fs && sandbox->n_fs_sent < CTL_FS_MAX &&
	       sandbox->state == CTL_SANDBOX_LIVE) {
		struct ctl_fs *next = TAILQ_NEXT(fs, link);
		struct err err = ERR_INIT;

		if (!fs->sent && send_packed(fs, &err) < 0) {
			finish(fs, &answer);
			next = TAILQ_FIRST(&sandbox->fs);
		}
		fs = next;
	}
}

/* creel-init should have said so before; it may be stopped. */
static void on_timeout(evutil_socket_t unused, short what, void *arg)
{
	struct ctl_fs_answer answer = { .sys = ETIMEDOUT };
	struct ctl_fs *fs = arg;
	struct ctl_sandbox *sandbox = fs->sandbox;

	(void)unused;
	(void)what;
	finish(fs, &answer);
	send_waiting(sandbox);
}

/* What its answer must keep to. */
static void note_bounds(struct ctl_fs *fs, const Ini__Request *req)
{
	if (req->op_case == INI__REQUEST__OP_READ) {
		fs->max_bytes = req->read->max_bytes;
		fs->max_lines = req->read->tail ? 0 : req->read->skip_lines;
	} else if (req->op_case == INI__REQUEST__OP_COMMIT) {
		fs->max_which = (uint32_t)req->commit->n_changes;
	}
}

static void fill_request(struct ctl_sandbox *sandbox, Ini__Request *req)
{
	const struct ctl_label *label = &sandbox->label;
	uint32_t seq = ctl_init_seq(sandbox);

#define FILL(verb) \
	(verb)->seq = seq, (verb)->uid = label->uid, (verb)->gid = label->gid
	if (req->op_case == INI__REQUEST__OP_READ)
		FILL(req->read);
	else if (req->op_case == INI__REQUEST__OP_COMMIT)
		FILL(req->commit);
	else if (req->op_case == INI__REQUEST__OP_STAT)
		FILL(req->stat);
	else
		FILL(req->list_dir);
#undef FILL
}

/**
 * ctl_fs_ask() - see fs.h
 */
struct ctl_fs *ctl_fs_ask(struct ctl_sandbox *sandbox, Ini__Request *req,
			  int fd, ctl_fs_fn *done, void *arg, struct err *err)
{
	struct ctl_fs *fs;
	size_t len;

	if (sandbox->state != CTL_SANDBOX_LIVE) {
		err_set(err, ERR_BAD_STATE, ESHUTDOWN, "sandbox %.90s",
			sandbox->label.name);
		return NULL;
	}
	fill_request(sandbox, req);
	len = ini__request__get_packed_size(req);
	if (len > WIRE_FRAME_MAX_BYTES) {
		err_set(err, ERR_LIMIT, E2BIG, "file request");
		return NULL;
	}
	fs = calloc(1, sizeof(*fs) + len);
	if (!fs) {
		err_set(err, ERR_KERNEL, ENOMEM, "file request");
		return NULL;
	}
	fs->sandbox = sandbox;
	fs->done = done;
	fs->arg = arg;
	fs->seq = sandbox->answer_seq;
	fs->op = req->op_case;
	note_bounds(fs, req);
	fs->len = ini__request__pack(req, fs->packed);
	fs->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	(void)evtimer_assign(&fs->timer, sandbox->ctl->base, on_timeout, fs);
	TAILQ_INSERT_TAIL(&sandbox->fs, fs, link);
	if (fd >= 0 && fs->fd < 0) {
		err_set(err, ERR_KERNEL, errno, "file request");
		fs_free(fs);
		return NULL;
	}
	if (sandbox->n_fs_sent < CTL_FS_MAX && send_packed(fs, err) < 0) {
		fs_free(fs);
		return NULL;
	}
	return fs;
}

/**
 * ctl_fs_cancel() - see fs.h
 *
 * What is being done cannot be taken back: it keeps its place until then.
 */
void ctl_fs_cancel(struct ctl_fs *fs)
{
	fs->done = NULL;
	if (!fs->sent)
		fs_free(fs);
}

static bool is_name(const ProtobufCBinaryData *name)
{
	return name->len >= 1 && name->len <= MAX_NAME_BYTES &&
	       !memchr(name->data, '/', name->len) &&
	       !memchr(name->data, '\0', name->len) &&
	       !(name->len == 1 && name->data[0] == '.') &&
	       !(name->len == 2 && !memcmp(name->data, "..", 2));
}

static bool are_names(const Ini__Answer *msg)
{
	if (msg->n_entries > MAX_ENTRIES)
		return false;
	for (size_t i = 0; i < msg->n_entries; i++)
		if (!is_name(&msg->entries[i]->name) ||
		    msg->entries[i]->type > 15)
			return false;
	return true;
}

/*
 * What is in a memfd that nobody can change any more: bytes of an own buffer.
 * No other file is read from, however it is sealed: a page of it could be
 * long in coming, or never come.
 */
static int read_sealed(int fd, uint64_t max, char **data, size_t *len)
{
	auto_free char *bytes = NULL;
	struct statfs where;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 ||
	    !S_ISREG(st.st_mode) || fstatfs(fd, &where) < 0 ||
	    where.f_type != TMPFS_MAGIC || st.st_size < 0 ||
	    (uint64_t)st.st_size > max)
		return EPROTO;
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return ENOMEM;
	for (*len = 0; *len < (size_t)st.st_size;) {
		ssize_t got = pread(fd, bytes + *len, (size_t)st.st_size - *len,
				    (off_t)*len);

		if (got <= 0)
			return got < 0 ? errno : EPROTO;
		*len += (size_t)got;
	}
	*data = ptr_take(&bytes);
	return 0;
}

/*
 * Whether @msg can be what was asked for; its data then, which is @own where it
 * came by a memfd.
 */
static void check_read(const struct ctl_fs *fs, const Ini__Answer *msg, int fd,
		       struct ctl_fs_answer *answer, char **own)
{
	uint64_t lines = fs->max_lines;

	answer->data = (const char *)msg->data.data;
	answer->len = msg->data.len;
	if (fd >= 0) {
		answer->sys = msg->data.len > 0 ?
				      EPROTO :
				      read_sealed(fd, fs->max_bytes, own,
						  &answer->len);
		answer->data = *own;
	}
	lines = lines > UINT64_MAX - answer->len ? UINT64_MAX :
						   lines + answer->len;
	if (!answer->sys && (answer->len > fs->max_bytes ||
			     !S_ISREG(msg->mode) || msg->lines > lines))
		answer->sys = EPROTO;
}

static void check_answer(const struct ctl_fs *fs, const Ini__Answer *msg,
			 int fd, struct ctl_fs_answer *answer)
{
	if (fs->op == INI__REQUEST__OP_COMMIT && msg->which <= fs->max_which)
		answer->which = msg->which;
	if (msg->sys)
		answer->sys = msg->sys <= MAX_ERRNO ? (int)msg->sys : EPROTO;
	else if (fs->op == INI__REQUEST__OP_LIST_DIR ? !are_names(msg) :
						       msg->n_entries > 0)
		answer->sys = EPROTO;
	else if (fs->op == INI__REQUEST__OP_COMMIT && msg->which)
		answer->sys = EPROTO;
	else if (fs->op != INI__REQUEST__OP_READ &&
		 (fd >= 0 || msg->data.len > 0))
		answer->sys = EPROTO;
}

static struct ctl_fs *find_sent(struct ctl_sandbox *sandbox, uint32_t seq)
{
	struct ctl_fs *fs;

	TAILQ_FOREACH(fs, &sandbox->fs, link)
		if (fs->sent && fs->seq == seq)
			return fs;
	return NULL;
}

/**
 * ctl_fs_answer() - pid 1 has answered something
 * @msg: unpacked, and nothing more
 * @fd:  that came with it, borrowed, -1 none
 *
 * Return: whether it was a request of here.
 */
bool ctl_fs_answer(struct ctl_sandbox *sandbox, const Ini__Answer *msg, int fd)
{
	struct ctl_fs_answer answer = { 0 };
	auto_free char *own = NULL;
	struct ctl_fs *fs = find_sent(sandbox, msg->seq);

	if (!fs)
		return false;
	check_answer(fs, msg, fd, &answer);
	if (!answer.sys && fs->op == INI__REQUEST__OP_READ)
		check_read(fs, msg, fd, &answer, &own);
	if (answer.sys)
		answer.data = NULL, answer.len = 0;
	else
		answer.msg = msg;
	finish(fs, &answer);
	send_waiting(sandbox);
	return true;
}

/**
 * ctl_fs_sandbox_gone() - nothing will be answered any more
 */
void ctl_fs_sandbox_gone(struct ctl_sandbox *sandbox)
{
	struct ctl_fs_answer answer = { .sys = ESHUTDOWN };
	struct ctl_fs *fs;

	while ((fs = TAILQ_FIRST(&sandbox->fs)))
		finish(fs, &answer);
}

/**
 * ctl_fs_free() - forget all requests; nobody is told
 */
void ctl_fs_free(struct ctl_sandbox *sandbox)
{
	struct ctl_fs *fs;

	while ((fs = TAILQ_FIRST(&sandbox->fs)))
		fs_free(fs);
}

/**
 * ctl_fs_memfd() - see fs.h
 */
int ctl_fs_memfd(const void *bytes, size_t len, struct err *err)
{
	auto_fd fd = memfd_create("creel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const char *at = bytes;

	if (fd < 0)
		return err_set(err, ERR_KERNEL, errno, "memfd");
	while (len > 0) {
		ssize_t put = write(fd, at, len);

		if (put < 0)
			return err_set(err, ERR_KERNEL, errno, "memfd");
		at += put;
		len -= (size_t)put;
	}
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return err_set(err, ERR_KERNEL, errno, "memfd");
	return fd_take(&fd);
}
