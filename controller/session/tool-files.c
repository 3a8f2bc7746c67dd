// SPDX-License-Identifier: Apache-2.0
/*
 * The backend of tools in creeld: files are asked of the sandbox's own pid 1,
 * beneath the workdir as it is seen inside, and computing is done in a job.
 * Nothing here opens a path.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/core/fs.h"
#include "controller/session/job.h"
#include "controller/session/toolbox.h"
#include "proto/cleanup.h"

#define COMPUTED_MAX_BYTES (64U << 20)

typedef void computed_fn(struct tool_call *call, const char *bytes, size_t len);

/* What is asked for now, and who wants to know. */
struct ses_asked {
	tool_file_fn *file;
	tool_commit_fn *commit;
	tool_dir_fn *dir;
	computed_fn *computed;
	uint64_t skip_lines;
	char *(*work)(void *arg, size_t *len);
	void *arg;
};

/**
 * ses_asked_free() - nothing is asked any more
 */
void ses_asked_free(struct ses_call *call)
{
	free(call->asked);
	call->asked = NULL;
	call->fs = NULL;
	call->job = NULL;
}

static void fill_stamp(const Ini__Answer *msg, struct tool_stamp *stamp)
{
	*stamp = (struct tool_stamp){
		.ino = msg->ino,
		.dev = msg->dev,
		.size = msg->size,
		.mtime_nsec = msg->mtime_nsec,
		.ctime_nsec = msg->ctime_nsec,
	};
}

static void answer_file(struct ses_call *call, const struct ses_asked *asked,
			const struct ctl_fs_answer *answer)
{
	struct tool_file file = { .sys = answer->sys };
	const Ini__Answer *msg = answer->msg;

	if (msg && answer->sys == 0) {
		file.bytes = answer->data ? answer->data : "";
		file.len = answer->len;
		file.skipped = msg->lines < asked->skip_lines ?
				       msg->lines :
				       asked->skip_lines;
		file.lines = msg->lines - file.skipped;
		file.more = msg->more;
		file.mode = msg->mode;
		fill_stamp(msg, &file.stamp);
	}
	asked->file(call->call, &file);
}

static void answer_dir(struct ses_call *call, const struct ses_asked *asked,
		       const struct ctl_fs_answer *answer)
{
	const Ini__Answer *msg = answer->msg;
	struct tool_dir dir = { .sys = answer->sys };
	struct tool_entry *entries = NULL;

	if (msg && answer->sys == 0) {
		entries = calloc(msg->n_entries + 1, sizeof(*entries));
		dir.sys = entries ? 0 : ENOMEM;
		dir.next = msg->next;
	}
	for (size_t i = 0; entries && i < msg->n_entries; i++) {
		const Ini__Entry *from = msg->entries[i];
		struct tool_entry *to = &entries[dir.n];

		/* pid 1 is not believed: neither whole names nor single ones. */
		if (from->name.len == 0 || from->name.len > 255 ||
		    memchr(from->name.data, '/', from->name.len))
			continue;
		to->name = strndup((const char *)from->name.data,
				   from->name.len);
		to->type = from->type;
		if (to->name)
			dir.n++;
	}
	dir.entries = entries;
	asked->dir(call->call, &dir);
	for (size_t i = 0; i < dir.n; i++)
		free((char *)entries[i].name);
	free(entries);
}

static void on_warning(void *arg, const char *text)
{
	ses_call_warn(arg, text);
}

static void answer_commit(struct ses_call *call, const struct ses_asked *asked,
			  const struct ctl_fs_answer *answer)
{
	const struct tool_commit commit = {
		.sys = answer->sys,
		.which = answer->which > 0 ? answer->which - 1 : 0,
	};

	/* As after a command: what was written may be trusted outside. */
	if (call->sandbox && answer->sys == 0)
		ctl_trust_look_for(call->sandbox, on_warning, call);
	asked->commit(call->call, &commit);
}

/* What was asked for is answered; what comes next may be asked at once. */
static void give(struct ses_call *call, const struct ctl_fs_answer *answer)
{
	const struct ses_asked asked = *call->asked;

	ses_asked_free(call);
	if (asked.file)
		answer_file(call, &asked, answer);
	else if (asked.dir)
		answer_dir(call, &asked, answer);
	else if (asked.commit)
		answer_commit(call, &asked, answer);
	else
		asked.computed(call->call, NULL, 0);
}

/**
 * ses_asked_end() - no sandbox was asked: it has gone well, or not
 */
void ses_asked_end(struct ses_call *call, int sys)
{
	const struct ctl_fs_answer answer = { .sys = sys };

	give(call, &answer);
}

static void on_answer(void *arg, const struct ctl_fs_answer *answer)
{
	struct ses_call *call = arg;

	call->fs = NULL;
	give(call, answer);
}

/* Return: false: it has been answered. */
static bool begin(struct ses_call *call, const struct ses_asked *asked)
{
	struct ses_asked *copy = malloc(sizeof(*copy));

	if (copy)
		*copy = *asked;
	call->asked = copy;
	if (copy && !call->call->cancelled)
		return true;
	if (copy) {
		ses_asked_end(call, ECANCELED);
		return false;
	}
	/* On the stack, for as long as it takes to say no. */
	if (asked->computed)
		asked->computed(call->call, NULL, 0);
	else if (asked->file)
		asked->file(call->call, &(struct tool_file){ .sys = ENOMEM });
	else if (asked->dir)
		asked->dir(call->call, &(struct tool_dir){ .sys = ENOMEM });
	else
		asked->commit(call->call,
			      &(struct tool_commit){ .sys = ENOMEM });
	return false;
}

static void send_request(struct ses_call *call, Ini__Request *req, int fd)
{
	struct ctl_sandbox *sandbox = ses_call_place(call);
	struct err err = ERR_INIT;

	if (!sandbox) {
		ses_asked_end(call, ESHUTDOWN);
		return;
	}
	call->fs = ctl_fs_ask(sandbox, req, fd, on_answer, call, &err);
	if (!call->fs)
		ses_asked_end(call, err.code == ERR_BAD_STATE ? ESHUTDOWN :
				 err.sys		   ? err.sys :
							     EMSGSIZE);
}

static ProtobufCBinaryData bytes_of(const char *text)
{
	return (ProtobufCBinaryData){ .len = strlen(text),
				      .data = (uint8_t *)text };
}

static void do_read(struct tool_call *tool_call, const struct tool_read *what,
		    tool_file_fn *done)
{
	struct ses_call *call = ses_call_of(tool_call);
	const struct ses_asked asked = { .file = done,
					 .skip_lines = what->skip_lines };
	Ini__Request req = INI__REQUEST__INIT;
	Ini__Read msg = INI__READ__INIT;

	if (!begin(call, &asked))
		return;
	msg.where = INI__WHERE__WHERE_ROOT;
	msg.path = bytes_of(ses_path_of(what->path));
	msg.below = bytes_of(ses_path_below(call, what->path));
	msg.skip_lines = what->skip_lines;
	msg.max_lines = what->max_lines;
	msg.max_bytes = what->max_bytes;
	req.op_case = INI__REQUEST__OP_READ;
	req.read = &msg;
	send_request(call, &req, -1);
}

static void do_stat(struct tool_call *tool_call, const char *path,
		    tool_file_fn *done)
{
	struct ses_call *call = ses_call_of(tool_call);
	const struct ses_asked asked = { .file = done };
	Ini__Request req = INI__REQUEST__INIT;
	Ini__Stat msg = INI__STAT__INIT;

	if (!begin(call, &asked))
		return;
	msg.where = INI__WHERE__WHERE_ROOT;
	msg.path = bytes_of(ses_path_of(path));
	msg.below = bytes_of(ses_path_below(call, path));
	req.op_case = INI__REQUEST__OP_STAT;
	req.stat = &msg;
	send_request(call, &req, -1);
}

static void do_list(struct tool_call *tool_call, const char *path,
		    uint64_t cursor, tool_dir_fn *done)
{
	struct ses_call *call = ses_call_of(tool_call);
	const struct ses_asked asked = { .dir = done };
	Ini__Request req = INI__REQUEST__INIT;
	Ini__ListDir msg = INI__LIST_DIR__INIT;

	if (!begin(call, &asked))
		return;
	msg.where = INI__WHERE__WHERE_ROOT;
	msg.path = bytes_of(ses_path_of(path));
	msg.below = bytes_of(ses_path_below(call, path));
	msg.offset = cursor;
	req.op_case = INI__REQUEST__OP_LIST_DIR;
	req.list_dir = &msg;
	send_request(call, &req, -1);
}

static Ini__ChangeKind kind_of(enum tool_change_kind kind)
{
	switch (kind) {
	case TOOL_CHANGE_PUT:
		return INI__CHANGE_KIND__CHANGE_PUT;
	case TOOL_CHANGE_REMOVE:
		return INI__CHANGE_KIND__CHANGE_REMOVE;
	case TOOL_CHANGE_MKDIR:
		return INI__CHANGE_KIND__CHANGE_MKDIR;
	case TOOL_CHANGE_INVALID:
		break;
	}
	return INI__CHANGE_KIND__CHANGE_INVALID;
}

static Ini__Expect expect_of(enum tool_expect expect)
{
	switch (expect) {
	case TOOL_EXPECT_ANY:
		return INI__EXPECT__EXPECT_ANY;
	case TOOL_EXPECT_ABSENT:
		return INI__EXPECT__EXPECT_ABSENT;
	case TOOL_EXPECT_SAME:
		return INI__EXPECT__EXPECT_SAME;
	case TOOL_EXPECT_INVALID:
		break;
	}
	return INI__EXPECT__EXPECT_INVALID;
}

static void fill_change(const struct tool_change *from, uint64_t offset,
			Ini__Change *to)
{
	ini__change__init(to);
	to->kind = kind_of(from->kind);
	to->path = bytes_of(ses_path_of(from->path));
	to->expect = expect_of(from->expect);
	to->ino = from->stamp.ino;
	to->dev = from->stamp.dev;
	to->size = from->stamp.size;
	to->mtime_nsec = from->stamp.mtime_nsec;
	to->ctime_nsec = from->stamp.ctime_nsec;
	to->offset = offset;
	to->length = from->len;
	to->mode = from->mode;
	to->parents = from->parents;
}

/* The new contents, one after the other; -1 with errno. */
static int pack_contents(const struct tool_change *changes, size_t n,
			 uint64_t total)
{
	struct err err = ERR_INIT;
	auto_free char *all = malloc(total + 1);
	size_t at = 0;
	int fd;

	if (!all)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (changes[i].len > 0)
			memcpy(all + at, changes[i].bytes, changes[i].len);
		at += changes[i].len;
	}
	fd = ctl_fs_memfd(all, total, &err);
	if (fd < 0)
		errno = err.sys ? err.sys : EIO;
	return fd;
}

struct packed {
	Ini__Change items[TOOL_MAX_CHANGES];
	Ini__Change *list[TOOL_MAX_CHANGES];
};

static void send_changes(struct ses_call *call,
			 const struct tool_change *changes, size_t n,
			 struct packed *packed)
{
	Ini__Request req = INI__REQUEST__INIT;
	Ini__Commit msg = INI__COMMIT__INIT;
	auto_fd fd = -1;
	uint64_t offset = 0;
	bool put = false;

	for (size_t i = 0; i < n; i++) {
		fill_change(&changes[i], offset, &packed->items[i]);
		packed->list[i] = &packed->items[i];
		offset += changes[i].len;
		put |= changes[i].kind == TOOL_CHANGE_PUT;
	}
	if (put)
		fd = pack_contents(changes, n, offset);
	if (put && fd < 0) {
		ses_asked_end(call, errno);
		return;
	}
	msg.where = INI__WHERE__WHERE_ROOT;
	msg.below = bytes_of(ses_path_below(call, changes[0].path));
	msg.changes = packed->list;
	msg.n_changes = n;
	req.op_case = INI__REQUEST__OP_COMMIT;
	req.commit = &msg;
	send_request(call, &req, fd);
}

static void do_commit(struct tool_call *tool_call,
		      const struct tool_change *changes, size_t n,
		      tool_commit_fn *done)
{
	struct ses_call *call = ses_call_of(tool_call);
	const struct ses_asked asked = { .commit = done };
	auto_free struct packed *packed = NULL;

	if (!begin(call, &asked))
		return;
	packed = calloc(1, sizeof(*packed));
	if (!packed)
		ses_asked_end(call, ENOMEM);
	else if (n < 1 || n > TOOL_MAX_CHANGES)
		ses_asked_end(call, E2BIG);
	else if (call->env.jailed && !tool_call->in_jail)
		ses_jail_store(call, &changes[0]);
	else
		send_changes(call, changes, n, packed);
}

/* In the job: what comes out goes into a memfd, whatever its size. */
static void work(void *arg, struct job_result *result)
{
	const struct ses_call *call = arg;
	auto_free char *bytes = NULL;
	size_t len = 0;
	int fd;

	bytes = call->asked->work(call->asked->arg, &len);
	if (!bytes || len > COMPUTED_MAX_BYTES) {
		err_set(&result->fail.err, ERR_LIMIT, 0, "it came to nothing");
		return;
	}
	fd = ctl_fs_memfd(bytes, len, &result->fail.err);
	if (fd < 0)
		return;
	result->fds[0] = fd;
	result->n_fds = 1;
}

static void give_bytes(struct ses_call *call, const char *bytes, size_t len)
{
	computed_fn *computed = call->asked->computed;

	ses_asked_free(call);
	computed(call->call, bytes, len);
}

static void on_computed(void *arg, struct job_result *result)
{
	struct ses_call *call = arg;
	struct err err = ERR_INIT;
	size_t size = 0;
	void *bytes;

	call->job = NULL;
	if (result->fail.err.code != ERR_NONE || result->n_fds != 1 ||
	    ctl_memfd_check(result->fds[0], "result", COMPUTED_MAX_BYTES,
			    &size, &err) < 0) {
		give_bytes(call, NULL, 0);
		return;
	}
	if (size == 0) {
		give_bytes(call, "", 0);
		return;
	}
	bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, result->fds[0], 0);
	give_bytes(call, bytes == MAP_FAILED ? NULL : bytes,
		   bytes == MAP_FAILED ? 0 : size);
	if (bytes != MAP_FAILED)
		(void)munmap(bytes, size);
}

static void do_compute(struct tool_call *tool_call,
		       char *(*compute)(void *arg, size_t *len), void *arg,
		       uint64_t timeout_ms, computed_fn *done)
{
	struct ses_call *call = ses_call_of(tool_call);
	const struct ses_asked asked = { .computed = done,
					 .work = compute,
					 .arg = arg };

	if (!begin(call, &asked))
		return;
	call->job = job_start(call->ses->base, work, on_computed, call,
			      timeout_ms);
	if (!call->job)
		give_bytes(call, NULL, 0);
}

/*
 * A change that is on its way is waited for, so that the answer is true: pid 1
 * ends what takes too long.
 */
static void do_cancel(struct tool_call *tool_call)
{
	struct ses_call *call = ses_call_of(tool_call);

	if (call->run)
		ses_run_cancel(call);
	ses_jail_cancel(call);
	if (!call->asked || call->asked->commit)
		return;
	if (call->fs)
		ctl_fs_cancel(call->fs);
	job_cancel(call->job);
	call->job = NULL;
	ses_asked_end(call, ECANCELED);
}

const struct tool_backend ses_tool_backend = {
	.read = do_read,
	.commit = do_commit,
	.list = do_list,
	.stat = do_stat,
	.run = ses_run_start,
	.process = ses_run_process,
	.compute = do_compute,
	.cancel = do_cancel,
};
