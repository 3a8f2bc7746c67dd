// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target of what creel-init says: a whole controller hears it from a
 * sandbox of which it has asked everything that can be asked, with descriptors
 * of each kind. What it passes on must be what fs.h and core.h promise.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/core/core.h"
#include "controller/core/fs.h"
#include "proto/cleanup.h"
#include "tests/fuzz/fuzz.h"

#define SEQ 9 /* as the seeds have it */
#define MAX_BYTES 4096
#define SKIP_LINES 10
#define CHANGES 2

enum { FD_NONE, FD_SEALED, FD_OPEN, FD_PIPE, FD_KINDS };

static alignas(max_align_t) unsigned char memory[WIRE_ARENA_BYTES];
static struct event_base *base;
static struct ctl *ctl;
static int helper_fd; /* the helper's end: told to kill, again and again */
static int kinds[FD_KINDS];
static uint8_t token[WIRE_ID_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8,
					9, 10, 11, 12, 13, 14, 15, 16 };
static unsigned heard, started, ended;

static void need(bool ok)
{
	if (!ok)
		abort();
}

static void check_names(const Ini__Answer *msg)
{
	need(msg->n_entries <= 256);
	for (size_t i = 0; i < msg->n_entries; i++) {
		const ProtobufCBinaryData *name = &msg->entries[i]->name;

		need(name->len >= 1 && name->len <= 255 &&
		     !memchr(name->data, '/', name->len) &&
		     !memchr(name->data, 0, name->len));
	}
}

static void on_done(void *arg, const struct ctl_fs_answer *answer)
{
	Ini__Request__OpCase op = *(const Ini__Request__OpCase *)arg;
	unsigned sum = 0;

	heard++;
	need(answer->sys >= 0 && answer->sys <= 4095 &&
	     answer->which <= CHANGES);
	need((answer->sys == 0) == (answer->msg != NULL));
	need(answer->len <= MAX_BYTES && (!answer->sys || answer->len == 0));
	for (size_t i = 0; i < answer->len; i++)
		sum += (unsigned char)answer->data[i];
	need(sum <= 255 * MAX_BYTES);
	if (answer->sys)
		return;
	need(op == INI__REQUEST__OP_READ || answer->len == 0);
	need(op == INI__REQUEST__OP_LIST_DIR || answer->msg->n_entries == 0);
	need(op != INI__REQUEST__OP_READ ||
	     (S_ISREG(answer->msg->mode) &&
	      answer->msg->lines <= SKIP_LINES + answer->len));
	check_names(answer->msg);
}

static void take(int *fds, size_t n_fds)
{
	need(n_fds <= 3);
	for (size_t i = 0; i < n_fds; i++) {
		auto_fd fd = fd_take(&fds[i]);

		need(fd < 0 || (fcntl(fd, F_GETFL) & O_NONBLOCK));
	}
}

static void on_started(struct ctl_exec *exec, uint32_t pid, int *fds,
		       size_t n_fds)
{
	(void)exec;
	(void)pid;
	started++;
	take(fds, n_fds);
}

static void on_over(struct ctl_exec *exec, const struct ctl_result *result)
{
	(void)exec;
	need(result->status <= 255 && strlen(result->text) < 96);
	ended++;
}

static void on_failed(struct ctl_exec *exec, const struct ctl_fail *fail)
{
	(void)exec;
	need(fail->err.code != ERR_NONE);
	for (const char *at = fail->err.text; *at; at++)
		need((unsigned char)*at >= ' ' && *at != 0x7f);
	ended++;
}

static const struct ctl_exec_ops ops = { .started = on_started,
					 .over = on_over,
					 .failed = on_failed };

static void on_found(void *arg, struct ctl_exec *exec, uint32_t pid, int *fds,
		     size_t n_fds)
{
	(void)arg;
	(void)pid;
	exec->ops = &ops;
	take(fds, n_fds);
}

static const struct ctl_hooks hooks = { .exec_found = on_found };

static void on_end(void *arg, enum ctl_end end, const char *why)
{
	(void)arg;
	(void)end;
	(void)why;
	abort();
}

static void prepare(void)
{
	struct ctl_options options = { .on_end = on_end,
				       .state_dir = "/dev/null/state",
				       .hooks = &hooks };
	struct err err = ERR_INIT;
	int pair[2];

	need(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	base = event_base_new();
	ctl = ctl_new(base, pair[0], &options, &err);
	need(ctl != NULL);
	helper_fd = pair[1];
	kinds[FD_NONE] = -1;
	kinds[FD_SEALED] = ctl_fs_memfd("some text\n", 10, &err);
	kinds[FD_OPEN] = memfd_create("open", MFD_CLOEXEC);
	need(!pipe2(pair, O_CLOEXEC));
	kinds[FD_PIPE] = pair[0];
}

static void pump(void)
{
	static uint8_t buf[WIRE_HELPER_MAX_BYTES];

	for (int i = 0; i < 4; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	while (recv(helper_fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

static struct ctl_sandbox *make_sandbox(int *peer_fd)
{
	struct ctl_label label = { .kind = CTL_KIND_SESSION, .managed = true };
	struct ctl_sandbox *sandbox;
	struct wire_frame frame;
	int pair[2];

	(void)snprintf(label.name, sizeof(label.name), "s");
	sandbox = ctl_sandbox_new(ctl, &label);
	need(sandbox && !socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    pair));
	wire_frame_init(&frame, NULL, 0);
	frame.fds[0] = pair[0];
	frame.n_fds = 1;
	need(!ctl_sandbox_live(sandbox, token, &frame, false));
	*peer_fd = pair[1];
	return sandbox;
}

static void ask(struct ctl_sandbox *sandbox, Ini__Request__OpCase *op)
{
	Ini__Read read_msg = INI__READ__INIT;
	Ini__Stat stat_msg = INI__STAT__INIT;
	Ini__ListDir list_msg = INI__LIST_DIR__INIT;
	Ini__Commit commit_msg = INI__COMMIT__INIT;
	Ini__Change change = INI__CHANGE__INIT, *changes[] = { &change,
							       &change };
	Ini__Request req = INI__REQUEST__INIT;
	struct err err = ERR_INIT;

	read_msg.max_bytes = MAX_BYTES;
	read_msg.skip_lines = SKIP_LINES;
	commit_msg.n_changes = CHANGES;
	commit_msg.changes = changes;
	req.op_case = *op;
	if (*op == INI__REQUEST__OP_READ)
		req.read = &read_msg;
	else if (*op == INI__REQUEST__OP_STAT)
		req.stat = &stat_msg;
	else if (*op == INI__REQUEST__OP_COMMIT)
		req.commit = &commit_msg;
	else
		req.list_dir = &list_msg;
	sandbox->answer_seq = SEQ - 1;
	need(ctl_fs_ask(sandbox, &req, -1, on_done, op, &err) != NULL);
}

/* What was asked is answered once, by the end of the sandbox at the latest. */
static void deliver(const uint8_t *data, size_t size, Ini__Request__OpCase op,
		    const int *fds, size_t n_fds)
{
	auto_fd peer_fd = -1;
	struct ctl_sandbox *sandbox = make_sandbox(&peer_fd);
	struct err err = ERR_INIT;
	struct ctl_exec *exec;

	heard = started = ended = 0;
	ask(sandbox, &op);
	sandbox->resyncing = op == INI__REQUEST__OP_STAT;
	exec = sandbox->resyncing ? NULL : ctl_exec_new(sandbox, token);
	if (exec) {
		exec->state = CTL_EXEC_SENT;
		exec->internal = true;
		exec->ops = &ops;
	}
	need(!wire_send(peer_fd, data, size, fds, n_fds, &err));
	pump();
	need(heard <= 1 && started <= 1 && ended <= 1);
	need(exec || started == 0);
	ctl_sandbox_gone(sandbox, false);
	pump();
	need(heard == 1 && (!exec || ended == 1));
}

static void hear(const uint8_t *data, size_t size)
{
	static const Ini__Request__OpCase ops_asked[] = {
		INI__REQUEST__OP_READ, INI__REQUEST__OP_STAT,
		INI__REQUEST__OP_LIST_DIR, INI__REQUEST__OP_COMMIT
	};
	struct err err = ERR_INIT;
	const Ini__Event *ev;
	struct arena arena;
	bool answer;

	if (!ctl)
		prepare();
	arena_init(&arena, memory, sizeof(memory));
	ev = (const Ini__Event *)wire_unpack(&ini__event__descriptor, &arena,
					     data, size, &err);
	/* What is no message is told from the rest in one place. */
	if (!ev) {
		if (size % 64 == 0)
			deliver(data, size, ops_asked[0], NULL, 0);
		return;
	}
	answer = ev->ev_case == INI__EVENT__EV_ANSWER;
	for (size_t op = 0; op < (answer ? 4 : 2); op++) {
		for (size_t kind = 0; kind < FD_KINDS; kind++) {
			int fds[4] = { kinds[kind], kinds[kind], kinds[kind],
				       kinds[kind] };

			for (size_t n = kind > 0; n <= (kind > 0 ? 4 : 0);
			     n += answer ? 4 : 1)
				deliver(data, size, ops_asked[op], fds, n);
		}
	}
}

const struct fuzz_protocol fuzz_protocol = {
	.name = "init-event",
	.max = WIRE_FRAME_MAX_BYTES,
	.types = { &ini__event__descriptor },
	.deeper = hear,
};
