// SPDX-License-Identifier: Apache-2.0
/*
 * What the controller makes of a sandbox's answers: files, and the streams of
 * commands of its own. Whoever answers here is hostile.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
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
#include "tests/unit/core-rig.h"
#include "tests/unit/runner.h"

#define SEALS 0xf

static struct rig rig;
static struct ctl_sandbox *sandbox;
static int init_fd;

/* What was heard last. */
static struct {
	unsigned calls;
	int sys;
	char data[1 << 17];
	size_t len;
	uint32_t which;
	size_t n_entries;
} heard;

static unsigned n_calls;
static int found_fds[3];
static size_t n_found;

static void on_found(void *arg, struct ctl_exec *exec, uint32_t pid, int *fds,
		     size_t n_fds);

static const struct ctl_hooks hooks = { .exec_found = on_found, .arg = &rig };

static void setup(void)
{
	struct ctl_label label = { .kind = CTL_KIND_SESSION,
				   .managed = true,
				   .uid = 1000,
				   .gid = 1001 };
	uint8_t id[WIRE_ID_BYTES];
	struct wire_frame frame;
	int fds[2];

	memset(&heard, 0, sizeof(heard));
	memset(id, 7, sizeof(id));
	rig_open_hooked(&rig, &hooks);
	rig_hello(&rig);
	rig_synced(&rig);
	rig_pump(&rig);
	(void)snprintf(label.name, sizeof(label.name), "s");
	(void)snprintf(label.workdir, sizeof(label.workdir), "/workspace");
	label.host_image = true;
	sandbox = ctl_sandbox_new(rig.ctl, &label);
	ck_assert_ptr_nonnull(sandbox);
	ck_assert(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
	ck_assert(!fcntl(fds[1], F_SETFL, O_NONBLOCK));
	wire_frame_init(&frame, NULL, 0);
	frame.fds[0] = fds[0];
	frame.n_fds = 1;
	ck_assert(!ctl_sandbox_live(sandbox, id, &frame, false));
	init_fd = fds[1];
}

static void teardown(void)
{
	close(init_fd);
	rig_close(&rig);
}

static void on_done(void *arg, const struct ctl_fs_answer *answer)
{
	ck_assert_ptr_eq(arg, &heard);
	heard.calls++;
	heard.sys = answer->sys;
	heard.which = answer->which;
	heard.len = answer->len;
	heard.n_entries = answer->msg ? answer->msg->n_entries : 0;
	ck_assert(answer->sys ? !answer->msg && answer->len == 0 :
				answer->msg != NULL);
	ck_assert_uint_le(answer->len, sizeof(heard.data));
	if (answer->len)
		memcpy(heard.data, answer->data, answer->len);
}

static struct ctl_fs *ask(Ini__Request__OpCase op, struct err *err)
{
	Ini__Read read_msg = INI__READ__INIT;
	Ini__Stat stat_msg = INI__STAT__INIT;
	Ini__ListDir list_msg = INI__LIST_DIR__INIT;
	Ini__Commit commit_msg = INI__COMMIT__INIT;
	Ini__Change change = INI__CHANGE__INIT, *changes[2] = { &change,
								&change };
	Ini__Request req = INI__REQUEST__INIT;

	req.op_case = op;
	if (op == INI__REQUEST__OP_READ)
		req.read = &read_msg;
	else if (op == INI__REQUEST__OP_STAT)
		req.stat = &stat_msg;
	else if (op == INI__REQUEST__OP_COMMIT)
		req.commit = &commit_msg;
	else
		req.list_dir = &list_msg;
	read_msg.where = INI__WHERE__WHERE_ROOT;
	read_msg.max_bytes = 100000;
	read_msg.skip_lines = 10;
	commit_msg.n_changes = 2;
	commit_msg.changes = changes;
	return ctl_fs_ask(sandbox, &req, -1, on_done, &heard, err);
}

static uint32_t asked(Ini__Request__OpCase op)
{
	struct err err = ERR_INIT;

	ck_assert_ptr_nonnull(ask(op, &err));
	rig_pump(&rig);
	return rig_init(&rig, init_fd, op)->stat->seq;
}

static void reply(Ini__Answer *msg, const int *fds, size_t n_fds)
{
	Ini__Event ev = INI__EVENT__INIT;
	struct err err = ERR_INIT;

	ev.ev_case = INI__EVENT__EV_ANSWER;
	ev.answer = msg;
	ck_assert(!wire_send_msg(init_fd, &ev.base, WIRE_FRAME_MAX_BYTES, fds,
				 n_fds, &err));
	rig_pump(&rig);
}

static void answer_seq(uint32_t seq)
{
	Ini__Answer msg = INI__ANSWER__INIT;

	msg.seq = seq;
	msg.mode = S_IFREG;
	reply(&msg, NULL, 0);
}

static unsigned count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(test_fs_ask_is_answered)
{
	struct err err = ERR_INIT;
	Ini__Answer msg = INI__ANSWER__INIT;
	const Ini__Request *req;

	ck_assert_ptr_nonnull(ask(INI__REQUEST__OP_READ, &err));
	/* Never from within. */
	ck_assert_uint_eq(heard.calls, 0);
	rig_pump(&rig);
	req = rig_init(&rig, init_fd, INI__REQUEST__OP_READ);
	ck_assert_uint_eq(req->read->uid, 1000);
	ck_assert_uint_eq(req->read->gid, 1001);
	ck_assert_uint_ne(req->read->seq, 0);
	msg.seq = req->read->seq;
	msg.mode = S_IFREG | 0644;
	msg.data = (ProtobufCBinaryData){ 4, (uint8_t *)"text" };
	msg.lines = 11;
	reply(&msg, NULL, 0);
	ck_assert_uint_eq(heard.calls, 1);
	ck_assert_int_eq(heard.sys, 0);
	ck_assert_uint_eq(heard.len, 4);
	ck_assert_mem_eq(heard.data, "text", 4);
	/* Said twice is said once. */
	reply(&msg, NULL, 0);
	ck_assert_uint_eq(heard.calls, 1);
}
END_TEST

START_TEST(test_fs_queue_keeps_the_order_and_the_limit)
{
	uint32_t seqs[CTL_FS_MAX];
	struct err err = ERR_INIT;
	uint32_t last;

	for (int i = 0; i < CTL_FS_MAX; i++)
		seqs[i] = asked(INI__REQUEST__OP_READ);
	last = seqs[CTL_FS_MAX - 1];
	for (int i = 0; i < 10; i++)
		ck_assert_ptr_nonnull(ask(INI__REQUEST__OP_STAT, &err));
	ck_assert(rig_silent(&rig, init_fd));
	for (int i = 0; i < 10; i++) {
		answer_seq(seqs[9 - i]);
		ck_assert_uint_eq(heard.calls, (unsigned)i + 1);
		ck_assert_uint_eq(rig_init(&rig, init_fd,
					   INI__REQUEST__OP_STAT)->stat->seq,
				  ++last);
		ck_assert(rig_silent(&rig, init_fd));
	}
}
END_TEST

START_TEST(test_fs_cancelled_is_not_heard_of)
{
	struct err err = ERR_INIT;
	struct ctl_fs *fs = ask(INI__REQUEST__OP_READ, &err);
	struct ctl_fs *waiting[2];
	uint32_t first, next;

	rig_pump(&rig);
	first = rig_init(&rig, init_fd, INI__REQUEST__OP_READ)->read->seq;
	for (int i = 1; i < CTL_FS_MAX; i++)
		(void)asked(INI__REQUEST__OP_READ);
	waiting[0] = ask(INI__REQUEST__OP_STAT, &err);
	waiting[1] = ask(INI__REQUEST__OP_LIST_DIR, &err);
	ctl_fs_cancel(waiting[0]);
	/* It is at work, and keeps its place. */
	ctl_fs_cancel(fs);
	ck_assert(rig_silent(&rig, init_fd));
	answer_seq(first);
	ck_assert_uint_eq(heard.calls, 0);
	next = rig_init(&rig, init_fd, INI__REQUEST__OP_LIST_DIR)
		       ->list_dir->seq;
	answer_seq(next);
	ck_assert_uint_eq(heard.calls, 1);
	(void)waiting[1];
}
END_TEST

START_TEST(test_fs_sandbox_that_goes_answers_all)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < CTL_FS_MAX + 5; i++)
		ck_assert_ptr_nonnull(ask(INI__REQUEST__OP_READ, &err));
	ctl_sandbox_kill(sandbox, CTL_DEATH_ASKED);
	ck_assert_ptr_null(ask(INI__REQUEST__OP_READ, &err));
	ck_assert_int_eq(err.code, ERR_BAD_STATE);
	rig_gone(&rig, 7, false);
	ck_assert_uint_eq(heard.calls, CTL_FS_MAX + 5);
	ck_assert_int_eq(heard.sys, ESHUTDOWN);
}
END_TEST

static int fire(const struct event_base *base, const struct event *ev,
		void *arg)
{
	(void)base;
	if (event_get_callback_arg(ev) == arg)
		event_active((struct event *)ev, EV_TIMEOUT, 1);
	return 0;
}

START_TEST(test_fs_silence_ends)
{
	struct err err = ERR_INIT;
	struct ctl_fs *fs = ask(INI__REQUEST__OP_READ, &err);
	uint32_t seq;

	rig_pump(&rig);
	seq = rig_init(&rig, init_fd, INI__REQUEST__OP_READ)->read->seq;
	ck_assert(!event_base_foreach_event(rig.base, fire, fs));
	rig_pump(&rig);
	ck_assert_uint_eq(heard.calls, 1);
	ck_assert_int_eq(heard.sys, ETIMEDOUT);
	answer_seq(seq);
	ck_assert_uint_eq(heard.calls, 1);
}
END_TEST

static int make_fd(int kind)
{
	int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int fds[2];

	ck_assert_int_eq(write(fd, "0123456789", 10), 10);
	switch (kind) {
	case 1: /* could still grow, shrink, be written to */
	case 2:
	case 3:
		ck_assert(!fcntl(fd, F_ADD_SEALS, SEALS & ~(1 << kind)));
		return fd;
	case 4: /* larger than asked for */
		ck_assert(!ftruncate(fd, 100001));
		break;
	case 5:
		ck_assert(!ftruncate(fd, 1LL << 40));
		break;
	case 6:
		close(fd);
		ck_assert(!pipe2(fds, O_CLOEXEC));
		close(fds[1]);
		return fds[0];
	case 7:
		close(fd);
		return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	case 8:
		close(fd);
		return open("/", O_PATH | O_CLOEXEC);
	default:
		break;
	}
	ck_assert(!fcntl(fd, F_ADD_SEALS, SEALS));
	return fd;
}

START_TEST(test_fs_read_believes_sealed_memfds_alone)
{
	unsigned before = count_fds();

	for (int kind = 0; kind <= 9; kind++) {
		Ini__Answer msg = INI__ANSWER__INIT;
		int fd = make_fd(kind);

		msg.seq = asked(INI__REQUEST__OP_READ);
		msg.mode = S_IFREG;
		if (kind == 9) /* both */
			msg.data = (ProtobufCBinaryData){ 1, (uint8_t *)"x" };
		heard.calls = 0;
		reply(&msg, &fd, 1);
		close(fd);
		ck_assert_uint_eq(heard.calls, 1);
		ck_assert_msg(heard.sys == (kind ? EPROTO : 0), "kind %d: %s",
			      kind, strerror(heard.sys));
		if (!kind)
			ck_assert_mem_eq(heard.data, "0123456789", 10);
	}
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

START_TEST(test_fs_read_believes_what_can_be_alone)
{
	static char large[50000];
	static const struct {
		uint64_t mode, lines, len;
		uint32_t sys;
		int want;
	} rows[] = {
		{ S_IFREG | 0600, 10, 0, 0, 0 },
		{ S_IFREG | 0600, 60, 50, 0, 0 },
		{ S_IFREG | 0600, 61, 50, 0, EPROTO },
		{ S_IFREG | 0600, 11, 0, 0, EPROTO },
		{ S_IFREG | 0600, UINT64_MAX, 50, 0, EPROTO },
		{ S_IFDIR | 0600, 0, 0, 0, EPROTO },
		{ S_IFLNK | 0600, 0, 0, 0, EPROTO },
		{ 0, 0, 0, 0, EPROTO },
		{ 0, 0, 0, ENOENT, ENOENT },
		{ 0, 99, 50, ENOENT, ENOENT },
		{ 0, 0, 0, 4096, EPROTO },
		{ 0, 0, 0, UINT32_MAX, EPROTO },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		Ini__Answer msg = INI__ANSWER__INIT;

		msg.seq = asked(INI__REQUEST__OP_READ);
		msg.mode = (uint32_t)rows[i].mode;
		msg.lines = rows[i].lines;
		msg.sys = rows[i].sys;
		msg.data = (ProtobufCBinaryData){ rows[i].len,
						  (uint8_t *)large };
		reply(&msg, NULL, 0);
		ck_assert_uint_eq(heard.calls, i + 1);
		ck_assert_msg(heard.sys == rows[i].want, "row %zu: %s", i,
			      strerror(heard.sys));
	}
}
END_TEST

START_TEST(test_fs_list_believes_names_alone)
{
	static const struct {
		const char *name;
		size_t len;
		uint32_t type;
		bool good;
	} rows[] = {
		{ "f", 1, 8, true },	     { "\xff\n\x1b", 3, 0, true },
		{ "...", 3, 4, true },	     { "", 0, 8, false },
		{ ".", 1, 4, false },	     { "..", 2, 4, false },
		{ "a/b", 3, 8, false },	     { "/", 1, 8, false },
		{ "a\0b", 3, 8, false },     { "f", 1, 16, false },
		{ "f", 1, UINT32_MAX, false },
	};
	static uint8_t name[256];
	Ini__Entry entry = INI__ENTRY__INIT, *list[257];
	Ini__Answer msg = INI__ANSWER__INIT;

	msg.entries = list;
	for (size_t i = 0; i < 257; i++)
		list[i] = &entry;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		entry.name = (ProtobufCBinaryData){ rows[i].len,
						    (uint8_t *)rows[i].name };
		entry.type = rows[i].type;
		msg.seq = asked(INI__REQUEST__OP_LIST_DIR);
		msg.n_entries = 1;
		reply(&msg, NULL, 0);
		ck_assert_msg(heard.sys == (rows[i].good ? 0 : EPROTO),
			      "row %zu", i);
	}
	memset(name, 'n', sizeof(name));
	entry.type = 8;
	for (size_t len = 255; len <= 256; len++) {
		entry.name = (ProtobufCBinaryData){ len, name };
		msg.seq = asked(INI__REQUEST__OP_LIST_DIR);
		reply(&msg, NULL, 0);
		ck_assert_int_eq(heard.sys, len == 255 ? 0 : EPROTO);
	}
	entry.name.len = 1;
	for (size_t n = 256; n <= 257; n++) {
		msg.n_entries = n;
		msg.seq = asked(INI__REQUEST__OP_LIST_DIR);
		reply(&msg, NULL, 0);
		ck_assert_int_eq(heard.sys, n == 256 ? 0 : EPROTO);
		ck_assert_uint_eq(heard.n_entries, n == 256 ? 256 : 0);
	}
}
END_TEST

START_TEST(test_fs_commit_and_stat_carry_nothing_else)
{
	static const Ini__Request__OpCase ops[] = { INI__REQUEST__OP_COMMIT,
						    INI__REQUEST__OP_STAT };
	Ini__Entry entry = INI__ENTRY__INIT, *list = &entry;
	int fd = make_fd(0);

	entry.name = (ProtobufCBinaryData){ 1, (uint8_t *)"n" };
	for (size_t i = 0; i < 10; i++) {
		Ini__Answer msg = INI__ANSWER__INIT;

		msg.seq = asked(ops[i % 2]);
		msg.entries = &list;
		msg.n_entries = i / 2 == 1;
		msg.data = (ProtobufCBinaryData){ i / 2 == 2, (uint8_t *)"x" };
		if (i / 2 == 4)
			msg.sys = EACCES;
		reply(&msg, &fd, i / 2 == 3);
		ck_assert_int_eq(heard.sys, i / 2 == 0 ? 0 :
					    i / 2 == 4 ? EACCES :
							 EPROTO);
	}
	close(fd);
	/* The change that failed is one of those that were asked for. */
	for (uint32_t which = 0; which < 4; which++) {
		Ini__Answer msg = INI__ANSWER__INIT;

		msg.seq = asked(INI__REQUEST__OP_COMMIT);
		msg.sys = EEXIST;
		msg.which = which;
		reply(&msg, NULL, 0);
		ck_assert_int_eq(heard.sys, EEXIST);
		ck_assert_uint_eq(heard.which, which < 3 ? which : 0);
	}
}
END_TEST

START_TEST(test_fs_answers_nobody_asked_for_are_let_go)
{
	unsigned before = count_fds();
	int fd = make_fd(0);

	for (uint32_t seq = 0; seq < 50; seq++) {
		Ini__Answer msg = INI__ANSWER__INIT;

		msg.seq = seq;
		reply(&msg, &fd, 1);
	}
	close(fd);
	ck_assert_uint_eq(heard.calls, 0);
	ck_assert_uint_eq(count_fds(), before);
	ck_assert_int_eq(sandbox->state, CTL_SANDBOX_LIVE);
}
END_TEST

START_TEST(test_fs_memfd_cannot_be_changed)
{
	struct err err = ERR_INIT;
	char text[8] = "";
	int fd = ctl_fs_memfd("abc", 3, &err);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GET_SEALS), SEALS);
	ck_assert_int_eq(pread(fd, text, sizeof(text), 0), 3);
	ck_assert_str_eq(text, "abc");
	ck_assert_int_lt(write(fd, "x", 1), 0);
	close(fd);
}
END_TEST

/* Commands of the controller's own. */
static char told[16];

static void tell(char what)
{
	size_t len = strlen(told);

	ck_assert_uint_lt(len, sizeof(told) - 1);
	told[len] = what;
	told[len + 1] = '\0';
}

static void keep(int *fds, size_t n_fds)
{
	n_found = n_fds;
	for (size_t i = 0; i < n_fds && i < 3; i++)
		found_fds[i] = fd_take(&fds[i]);
}

static void on_started(struct ctl_exec *exec, uint32_t pid, int *fds,
		       size_t n_fds)
{
	ck_assert_ptr_eq(exec->owner, told);
	ck_assert_uint_eq(pid, 2);
	tell('s');
	keep(fds, n_fds);
}

static void on_over(struct ctl_exec *exec, const struct ctl_result *result)
{
	ck_assert_ptr_eq(exec->owner, told);
	/* It is not acknowledged before. */
	ck_assert(sandbox->state != CTL_SANDBOX_LIVE ||
		  rig_silent(&rig, init_fd));
	tell(result->status == 0 ? 'o' : 'k');
}

static void on_failed(struct ctl_exec *exec, const struct ctl_fail *fail)
{
	ck_assert_ptr_eq(exec->owner, told);
	ck_assert_int_ne(fail->err.code, ERR_NONE);
	tell('f');
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
	exec->owner = told;
	n_calls++;
	keep(fds, n_fds);
}

static const Ini__Request *run(enum ctl_capture capture)
{
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct ctl_command *cmd = calloc(1, sizeof(*cmd));
	struct ctl_exec *exec;

	ck_assert_ptr_nonnull(cmd);
	memset(cmd->token, 5, sizeof(cmd->token));
	cmd->filter_fd = cmd->lifeline_fd = -1;
	cmd->stdio[0] = cmd->stdio[1] = cmd->stdio[2] = -1;
	cmd->argc = 1;
	cmd->strings = strdup("true");
	cmd->len = 5;
	cmd->capture = capture;
	cmd->tty = capture == CTL_CAPTURE_TTY;
	cmd->limit_memory = 1 << 30;
	cmd->n_rlimits = 1;
	cmd->rlimits[0] = (struct ctl_rlimit){ .resource = 7,
					       .soft = 10,
					       .hard = 20 };
	exec = ctl_exec_enter(sandbox, cmd, NULL, 0, &fail);
	ck_assert_ptr_nonnull(exec);
	exec->internal = true;
	exec->ops = &ops;
	exec->owner = told;
	told[0] = '\0';
	ctl_exec_go(exec);
	rig_pump(&rig);
	return rig_init(&rig, init_fd, INI__REQUEST__OP_EXEC);
}

static void send_fds(Ini__Event__EvCase which, bool closed, const int *fds,
		     size_t n_fds)
{
	Ini__Event ev = INI__EVENT__INIT;
	Ini__Started started = INI__STARTED__INIT;
	Ini__Running running = INI__RUNNING__INIT;
	uint8_t token[WIRE_ID_BYTES];
	struct err err = ERR_INIT;

	memset(token, 5, sizeof(token));
	started.token = running.token =
		(ProtobufCBinaryData){ WIRE_ID_BYTES, token };
	started.pid = running.pid = 2;
	running.input_closed = closed;
	ev.ev_case = which;
	if (which == INI__EVENT__EV_STARTED)
		ev.started = &started;
	else
		ev.running = &running;
	ck_assert(!wire_send_msg(init_fd, &ev.base, WIRE_FRAME_MAX_BYTES, fds,
				 n_fds, &err));
	rig_pump(&rig);
}

START_TEST(test_exec_with_an_owner_tells_him_all)
{
	unsigned before = count_fds();
	const Ini__Request *req = run(CTL_CAPTURE_SPLIT);
	int fds[2], three[3];

	ck_assert(!req->exec->stdio && !req->exec->tty);
	ck_assert_int_eq(req->exec->capture, INI__CAPTURE__CAPTURE_SPLIT);
	ck_assert_uint_eq(req->exec->limit_memory, 1 << 30);
	ck_assert_uint_eq(req->exec->n_rlimits, 1);
	ck_assert_uint_eq(req->exec->rlimits[0]->soft, 10);
	ck_assert(!pipe2(fds, O_CLOEXEC));
	three[0] = fds[1];
	three[1] = three[2] = fds[0];
	send_fds(INI__EVENT__EV_STARTED, false, three, 3);
	ck_assert_str_eq(told, "s");
	ck_assert_uint_eq(n_found, 3);
	for (int i = 0; i < 3; i++) {
		ck_assert(fcntl(found_fds[i], F_GETFL) & O_NONBLOCK);
		close(found_fds[i]);
	}
	close(fds[0]);
	close(fds[1]);
	rig_init_exited(&rig, init_fd, 5, 0);
	ck_assert_str_eq(told, "so");
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_ACK);
	rig_init_exited(&rig, init_fd, 5, 0);
	ck_assert_str_eq(told, "so");
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

START_TEST(test_exec_with_an_owner_that_fails_tells_him_once)
{
	Ini__Event ev = INI__EVENT__INIT;
	Ini__Failed msg = INI__FAILED__INIT;
	uint8_t token[WIRE_ID_BYTES];

	(void)run(CTL_CAPTURE_MERGED);
	memset(token, 5, sizeof(token));
	msg.token = (ProtobufCBinaryData){ WIRE_ID_BYTES, token };
	msg.stage = INI__STAGE__STAGE_LIMIT_MEMORY;
	msg.sys = ENOENT;
	ev.ev_case = INI__EVENT__EV_FAILED;
	ev.failed = &msg;
	rig_init_event(&rig, init_fd, &ev);
	rig_init_event(&rig, init_fd, &ev);
	ck_assert_str_eq(told, "f");
}
END_TEST

START_TEST(test_exec_with_an_owner_hears_of_the_sandbox_s_end)
{
	(void)run(CTL_CAPTURE_MERGED);
	ctl_sandbox_kill(sandbox, CTL_DEATH_ASKED);
	ck_assert_str_eq(told, "");
	rig_gone(&rig, 7, false);
	ck_assert_str_eq(told, "k");
	ck_assert(LIST_EMPTY(&rig.ctl->orphans));
}
END_TEST

START_TEST(test_exec_with_an_owner_hears_of_a_death)
{
	(void)run(CTL_CAPTURE_MERGED);
	rig_gone(&rig, 7, false);
	ck_assert_str_eq(told, "f");
}
END_TEST

/* Streams that could block creeld, or are none. */
START_TEST(test_exec_streams_that_are_none_end_the_sandbox)
{
	static const char *const paths[] = { "/dev/null", "/etc/passwd", "/" };
	unsigned before;
	int fd = open(paths[_i], O_RDONLY | O_CLOEXEC);

	(void)run(CTL_CAPTURE_MERGED);
	before = count_fds();
	send_fds(INI__EVENT__EV_STARTED, false, (int[]){ fd, fd }, 2);
	close(fd);
	ck_assert_str_eq(told, "");
	ck_assert_int_eq(sandbox->death, CTL_DEATH_VIOLATION);
	ck_assert_uint_le(count_fds(), before - 1);
	rig_gone(&rig, 7, false);
	ck_assert_str_eq(told, "f");
}
END_TEST

START_TEST(test_exec_found_gets_its_streams_again)
{
	int fds[2];

	ck_assert(!pipe2(fds, O_CLOEXEC));
	told[0] = '\0';
	n_calls = 0;
	sandbox->resyncing = true;
	send_fds(INI__EVENT__EV_RUNNING, true, fds, 1);
	ck_assert_uint_eq(n_calls, 1);
	ck_assert_uint_eq(n_found, 2);
	ck_assert_int_eq(found_fds[0], -1);
	ck_assert_int_ge(found_fds[1], 0);
	close(found_fds[1]);
	/* Told again, it is known. */
	send_fds(INI__EVENT__EV_RUNNING, true, fds, 1);
	ck_assert_uint_eq(n_calls, 1);
	rig_init_exited(&rig, init_fd, 5, 3);
	ck_assert_str_eq(told, "k");
	(void)rig_init(&rig, init_fd, INI__REQUEST__OP_ACK);
	close(fds[0]);
	close(fds[1]);
	sandbox->resyncing = false;
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("fs");
	TCase *tc = tcase_create("fs");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_fs_ask_is_answered);
	tcase_add_test(tc, test_fs_queue_keeps_the_order_and_the_limit);
	tcase_add_test(tc, test_fs_cancelled_is_not_heard_of);
	tcase_add_test(tc, test_fs_sandbox_that_goes_answers_all);
	tcase_add_test(tc, test_fs_silence_ends);
	tcase_add_test(tc, test_fs_read_believes_sealed_memfds_alone);
	tcase_add_test(tc, test_fs_read_believes_what_can_be_alone);
	tcase_add_test(tc, test_fs_list_believes_names_alone);
	tcase_add_test(tc, test_fs_commit_and_stat_carry_nothing_else);
	tcase_add_test(tc, test_fs_answers_nobody_asked_for_are_let_go);
	tcase_add_test(tc, test_fs_memfd_cannot_be_changed);
	tcase_add_test(tc, test_exec_with_an_owner_tells_him_all);
	tcase_add_test(tc, test_exec_with_an_owner_that_fails_tells_him_once);
	tcase_add_test(tc, test_exec_with_an_owner_hears_of_the_sandbox_s_end);
	tcase_add_test(tc, test_exec_with_an_owner_hears_of_a_death);
	tcase_add_loop_test(tc, test_exec_streams_that_are_none_end_the_sandbox,
			    0, 3);
	tcase_add_test(tc, test_exec_found_gets_its_streams_again);
	suite_add_tcase(suite, tc);
	return suite;
}
