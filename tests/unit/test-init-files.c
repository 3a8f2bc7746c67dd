// SPDX-License-Identifier: Apache-2.0
/*
 * creel-init opens, writes, lists and dials: against a tree that the sandbox
 * has prepared, and against datagrams that no controller would send.
 */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/wire.h"
#include "tests/unit/init-box.h"
#include "tests/unit/runner.h"

static struct box box;
static uint32_t seq;

static void setup(void)
{
	box_start(&box, false);
}

static void teardown(void)
{
	box_stop(&box);
}

static ProtobufCBinaryData bytes(const char *text)
{
	return (ProtobufCBinaryData){ strlen(text), (uint8_t *)text };
}

static Ini__Answer *answer(int *fd)
{
	struct box_event event = box_expect(&box, INI__EVENT__EV_ANSWER);

	ck_assert_uint_eq(event.ev->answer->seq, seq);
	if (fd)
		*fd = event.fd;
	else if (event.fd >= 0)
		close(event.fd);
	return event.ev->answer;
}

static Ini__Answer *do_open(const char *path, bool dir, bool follow, int *fd)
{
	Ini__Open msg = INI__OPEN__INIT;
	Ini__Request req = INI__REQUEST__INIT;

	msg.seq = ++seq;
	msg.where = INI__WHERE__WHERE_WORKDIR;
	msg.path = bytes(path);
	msg.uid = msg.gid = 1000;
	msg.directory = dir;
	msg.follow = follow;
	req.op_case = INI__REQUEST__OP_OPEN;
	req.open = &msg;
	box_send(&box, &req, NULL, 0);
	return answer(fd);
}

/* One change, with content where it is a put. */
static int commit_one(Ini__Change *change, const char *content)
{
	Ini__Commit msg = INI__COMMIT__INIT;
	Ini__Request req = INI__REQUEST__INIT;
	int fd = memfd_create("content", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t len = strlen(content);

	ck_assert(write(fd, content, len) == (ssize_t)len);
	ck_assert(!fcntl(fd, F_ADD_SEALS, 0xf));
	change->length = len;
	msg.seq = ++seq;
	msg.where = INI__WHERE__WHERE_WORKDIR;
	msg.uid = msg.gid = 1000;
	msg.n_changes = 1;
	msg.changes = &change;
	req.op_case = INI__REQUEST__OP_COMMIT;
	req.commit = &msg;
	box_send(&box, &req, &fd, 1);
	close(fd);
	return (int)answer(NULL)->sys;
}

static int put(const char *path, const char *content)
{
	Ini__Change change = INI__CHANGE__INIT;

	change.kind = INI__CHANGE_KIND__CHANGE_PUT;
	change.path = bytes(path);
	change.expect = INI__EXPECT__EXPECT_ANY;
	change.mode = 0644;
	return commit_one(&change, content);
}

static int sh(const char *script)
{
	return box_sh(&box, script, NULL, 0);
}

START_TEST(test_init_put_then_open_gives_the_content)
{
	char text[32] = "";
	Ini__Answer *got;
	int fd;

	ck_assert_int_eq(put("a file", "hello\n"), 0);
	got = do_open("a file", false, false, &fd);
	ck_assert_uint_eq(got->sys, 0);
	ck_assert_uint_eq(got->size, 6);
	ck_assert_uint_eq(got->mode & 07777, 0644);
	ck_assert_int_eq(read(fd, text, sizeof(text)), 6);
	ck_assert_str_eq(text, "hello\n");
	ck_assert_int_lt(write(fd, "x", 1), 0);
	close(fd);
	ck_assert_int_eq(sh("test `stat -c %u:%g '/workspace/a file'` = "
			    "1000:1000 && test `ls -A /workspace | wc -l` = 1"),
			 0);
}
END_TEST

START_TEST(test_init_put_keeps_the_old_mode_and_other_links)
{
	Ini__Change msg = INI__CHANGE__INIT;

	msg.kind = INI__CHANGE_KIND__CHANGE_PUT;
	ck_assert_int_eq(sh("cd /workspace; echo old > f; chmod 750 f; "
			    "ln f other; echo ro > ro; chmod 444 ro; "
			    "mkdir d; ln -s f sym; mkfifo fifo"), 0);
	ck_assert_int_eq(put("f", "new\n"), 0);
	ck_assert_int_eq(sh("cd /workspace; test `cat f` = new && "
			    "test `cat other` = old && "
			    "test `stat -c %a f` = 750"), 0);
	ck_assert_int_eq(put("ro", "x"), EACCES);
	ck_assert_int_eq(put("d", "x"), EISDIR);
	ck_assert_int_eq(put("sym", "x"), ELOOP);
	ck_assert_int_eq(put("fifo", "x"), ENXIO);
	ck_assert_int_eq(put("", "x"), EISDIR);
	ck_assert_int_eq(put("..", "x"), EISDIR);
	ck_assert_int_eq(put("no/where", "x"), ENOENT);
	msg.path = bytes("f");
	msg.expect = INI__EXPECT__EXPECT_ABSENT;
	ck_assert_int_eq(commit_one(&msg, "x"), EEXIST);
	msg.path = bytes("p/q/r/f");
	msg.parents = true;
	msg.mode = 0600;
	ck_assert_int_eq(commit_one(&msg, "x"), 0);
	ck_assert_int_eq(sh("cd /workspace; test `cat p/q/r/f` = x && "
			    "test `stat -c %a p/q/r/f` = 600 && "
			    "test `cat ro` = ro && "
			    "! ls -A | grep creel-"), 0);
}
END_TEST

/* Every name that leads out, or to what is no file, is refused, at once. */
START_TEST(test_init_planted_names_lead_nowhere)
{
	static const struct {
		const char *path;
		bool follow;
		int sys;
	} rows[] = {
		{ "abs", false, ELOOP },       { "abs", true, EXDEV },
		{ "up", false, ELOOP },	       { "up", true, EXDEV },
		{ "dirlink/passwd", false, ELOOP },
		{ "dirlink/passwd", true, EXDEV },
		{ "loop", false, ELOOP },      { "loop", true, ELOOP },
		{ "magic", true, EXDEV },      { "fifo", false, ENXIO },
		{ "fifo", true, ENXIO },       { "sock", false, ENXIO },
		{ "inner", false, ELOOP },     { "../etc/passwd", false, EXDEV },
		{ "../etc/passwd", true, EXDEV },
		{ "d/../../etc/passwd", true, EXDEV },
		{ "/etc/passwd", false, EXDEV },
		{ "d", false, EISDIR },	       { "gone", false, ENOENT },
		{ "secret", false, EACCES },
	};
	char text[4];
	int fd;

	ck_assert_int_eq(sh("cd /workspace; echo in > f; ln -s f inner; "
			    "ln -s /etc/passwd abs; ln -s ../etc/passwd up; "
			    "ln -s /etc dirlink; ln -s loop loop; mkfifo fifo; "
			    "ln -s /proc/self/root/etc/passwd magic; mkdir d; "
			    "echo s > secret; chmod 0 secret; "
			    "python3 -c 'import socket; "
			    "socket.socket(socket.AF_UNIX).bind(\"sock\")'"),
			 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int sys = (int)do_open(rows[i].path, false, rows[i].follow,
				       NULL)->sys;

		ck_assert_msg(sys == rows[i].sys, "%s, follow %d: %s",
			      rows[i].path, rows[i].follow, strerror(sys));
	}
	/* Positive controls. */
	ck_assert_uint_eq(do_open("inner", false, true, &fd)->sys, 0);
	ck_assert_int_eq(read(fd, text, 3), 3);
	close(fd);
	ck_assert_uint_eq(do_open("d", true, false, &fd)->sys, 0);
	close(fd);
	ck_assert_uint_eq(do_open("", true, false, &fd)->sys, 0);
	close(fd);
}
END_TEST

static Ini__Answer *do_stat(Ini__Where where, const char *path)
{
	Ini__Stat msg = INI__STAT__INIT;
	Ini__Request req = INI__REQUEST__INIT;

	msg.seq = ++seq;
	msg.where = where;
	msg.path = bytes(path);
	msg.uid = msg.gid = 1000;
	req.op_case = INI__REQUEST__OP_STAT;
	req.stat = &msg;
	box_send(&box, &req, NULL, 0);
	return answer(NULL);
}

START_TEST(test_init_stat_and_devices)
{
	int fd;

	ck_assert_int_eq(sh("cd /workspace; ln -s / l; echo 12345 > f"), 0);
	ck_assert(S_ISLNK(do_stat(INI__WHERE__WHERE_WORKDIR, "l")->mode));
	ck_assert_uint_eq(do_stat(INI__WHERE__WHERE_WORKDIR, "f")->size, 6);
	ck_assert(S_ISCHR(do_stat(INI__WHERE__WHERE_ROOT, "/dev/null")->mode));
	ck_assert_uint_eq(do_stat(INI__WHERE__WHERE_ROOT, "/none")->sys, ENOENT);
	ck_assert_uint_eq(do_stat(INI__WHERE__WHERE_ROOT,
				  "/proc/self/cwd/x")->sys, ELOOP);
	(void)fd;
}
END_TEST

/* A name is swapped between a file and a link to a canary all the time. */
START_TEST(test_init_swapped_names_stay_beneath)
{
	const char *const argv[] = {
		"python3", "-c",
		"import os, ctypes\n"
		"libc = ctypes.CDLL(None)\n"
		"os.chdir('/workspace')\n"
		"print('up', flush=True)\n"
		"while True: libc.renameat2(-100, b'd', -100, b'l', 2)\n",
		NULL
	};
	unsigned long rounds = test_rounds(20000);
	unsigned inside = 0;
	unsigned refused = 0;
	char text[16];
	int out[2];
	int fd;

	ck_assert_int_eq(sh("mkdir /tmp/canary /workspace/d; "
			    "echo canary > /tmp/canary/f; "
			    "echo inside > /workspace/d/f; "
			    "ln -s ../tmp/canary /workspace/l"), 0);
	ck_assert(!pipe2(out, O_CLOEXEC));
	box_send_exec(&box, &(struct box_exec){
				    .argv = argv,
				    .id = 30,
				    .stdio_fd = { out[0], out[1], out[1] } });
	box_expect(&box, INI__EVENT__EV_STARTED);
	ck_assert_int_eq(read(out[0], text, 3), 3);
	for (unsigned long i = 0; i < rounds || !inside || !refused; i++) {
		Ini__Answer *got = do_open("d/f", false, i & 1, &fd);

		if (got->sys) {
			refused++;
		} else {
			memset(text, 0, sizeof(text));
			ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
			ck_assert_str_ne(text, "canary\n");
			close(fd);
			inside++;
		}
		(void)put("d/f", "inside\n");
	}
	ck_assert_int_eq(sh("test `cat /tmp/canary/f` = canary && "
			    "test `ls -A /tmp/canary` = f"), 0);
	box_signal(&box, 30, 9, false);
	box_expect_exited(&box, 30);
	close(out[0]);
	close(out[1]);
}
END_TEST

START_TEST(test_init_list_dir_tells_all_names_once)
{
	static bool seen[1000];
	uint64_t next = 0;
	unsigned total = 0;

	ck_assert_int_eq(sh("cd /workspace; mkdir d; cd d; "
			    "touch `seq -f name-%g 0 999`"), 0);
	do {
		Ini__ListDir msg = INI__LIST_DIR__INIT;
		Ini__Request req = INI__REQUEST__INIT;
		Ini__Answer *got;

		msg.seq = ++seq;
		msg.where = INI__WHERE__WHERE_WORKDIR;
		msg.path = bytes("d");
		msg.uid = msg.gid = 1000;
		msg.offset = next;
		req.op_case = INI__REQUEST__OP_LIST_DIR;
		req.list_dir = &msg;
		box_send(&box, &req, NULL, 0);
		got = answer(NULL);
		ck_assert_uint_eq(got->sys, 0);
		ck_assert_uint_le(got->n_entries, 256);
		for (size_t i = 0; i < got->n_entries; i++) {
			char name[32];
			unsigned n;

			(void)snprintf(name, sizeof(name), "%.*s",
				       (int)got->entries[i]->name.len,
				       (char *)got->entries[i]->name.data);
			ck_assert_int_eq(sscanf(name, "name-%u", &n), 1);
			ck_assert(n < 1000 && !seen[n]);
			ck_assert_uint_eq(got->entries[i]->type, 8);
			seen[n] = true;
			total++;
		}
		next = got->next;
	} while (next != 0);
	ck_assert_uint_eq(total, 1000);
}
END_TEST

static Ini__Answer *do_port(bool dial, uint32_t port, int *fd)
{
	Ini__Listen listen_msg = INI__LISTEN__INIT;
	Ini__Dial dial_msg = INI__DIAL__INIT;
	Ini__Request req = INI__REQUEST__INIT;

	listen_msg.seq = dial_msg.seq = ++seq;
	listen_msg.port = dial_msg.port = port;
	req.op_case = dial ? INI__REQUEST__OP_DIAL : INI__REQUEST__OP_LISTEN;
	if (dial)
		req.dial = &dial_msg;
	else
		req.listen = &listen_msg;
	box_send(&box, &req, NULL, 0);
	return answer(fd);
}

START_TEST(test_init_listen_and_dial)
{
	char script[512];
	char out[64];
	uint32_t port;
	int listener;
	int fd;

	ck_assert_uint_eq(do_port(true, 0, NULL)->sys, EINVAL);
	ck_assert_uint_eq(do_port(true, 65536, NULL)->sys, EINVAL);
	ck_assert_uint_eq(do_port(true, 4242, NULL)->sys, ECONNREFUSED);
	port = do_port(false, 0, &listener)->port;
	ck_assert_uint_gt(port, 0);
	ck_assert_uint_eq(do_port(false, port, NULL)->sys, EADDRINUSE);
	(void)snprintf(script, sizeof(script),
		       "python3 -c 'import socket; "
		       "s = socket.create_connection((\"127.0.0.1\", %u)); "
		       "s.send(b\"hi\")'", port);
	ck_assert_int_eq(box_sh(&box, script, out, sizeof(out)), 0);
	fd = accept(listener, NULL, NULL);
	ck_assert_int_eq(read(fd, out, 2), 2);
	ck_assert_mem_eq(out, "hi", 2);
	close(fd);
	ck_assert_uint_eq(do_port(true, port, &fd)->sys, 0);
	ck_assert_int_eq(write(fd, "yo", 2), 2);
	close(fd);
	fd = accept(listener, NULL, NULL);
	ck_assert_int_eq(read(fd, out, 2), 2);
	close(fd);
	close(listener);
}
END_TEST

START_TEST(test_init_ping)
{
	Ini__Ping msg = INI__PING__INIT;
	Ini__Request req = INI__REQUEST__INIT;

	msg.seq = 77;
	req.op_case = INI__REQUEST__OP_PING;
	req.ping = &msg;
	box_send(&box, &req, NULL, 0);
	ck_assert_uint_eq(box_expect(&box, INI__EVENT__EV_PONG).ev->pong->seq,
			  77);
}
END_TEST

static size_t raw_bytes(int which, uint8_t *buf)
{
	static const uint8_t no_verb[] = { 0x7a, 0 };	      /* field 15 */
	static const uint8_t two[] = { 0x22, 0, 0x2a, 0 }; /* list and ping */

	switch (which) {
	case 0:
		memcpy(buf, no_verb, sizeof(no_verb));
		return sizeof(no_verb);
	case 9: /* garbage */
		memset(buf, 0xff, 4000);
		return 4000;
	case 10: /* over-long */
		memset(buf, 0, WIRE_FRAME_MAX_BYTES + 1);
		return WIRE_FRAME_MAX_BYTES + 1;
	case 11: /* both members of the oneof */
		memcpy(buf, two, sizeof(two));
		return sizeof(two);
	default:
		return 0;
	}
}

/* How many descriptors go with it. */
static size_t wrong_capture(int which, Ini__Exec *exec)
{
	static const Ini__Capture captures[] = {
		INI__CAPTURE__CAPTURE_MERGED, /* streams given, and made */
		INI__CAPTURE__CAPTURE_TTY,    /* a master without a terminal */
		INI__CAPTURE__CAPTURE_SPLIT,  /* pipes with one */
		(Ini__Capture)4,
	};

	exec->capture = captures[which - 12];
	exec->stdio = which == 12;
	exec->tty = which == 14;
	return which == 12 ? 3 : 0;
}

/* Each is a violation: pid 1 ends, and the sandbox with it, without a word. */
static size_t malformed(int which, uint8_t *buf, int *fds, size_t *n_fds)
{
	Ini__Exec exec = INI__EXEC__INIT;
	Ini__Ping ping = INI__PING__INIT;
	Ini__Request req = INI__REQUEST__INIT;
	uint8_t token[16] = { 1 };
	uint32_t groups[33] = { 0 };

	exec.token = (ProtobufCBinaryData){ 16, token };
	exec.argc = 1;
	exec.strings = (ProtobufCBinaryData){ 5, (uint8_t *)"true" };
	exec.cwd = (char *)"/";
	exec.uid = exec.gid = 1000;
	exec.filter = INI__FILTER__FILTER_AGENT;
	req.op_case = INI__REQUEST__OP_EXEC;
	req.exec = &exec;
	*n_fds = 0;
	fds[0] = fds[1] = fds[2] = 2;
	switch (which) {
	case 1:
		exec.token.len = 15;
		break;
	case 2:
		exec.filter = (Ini__Filter)4;
		break;
	case 3:
		exec.filter = INI__FILTER__FILTER_INVALID;
		break;
	case 4: /* stdio promised, two descriptors */
		exec.stdio = true;
		*n_fds = 2;
		break;
	case 5: /* a descriptor too many */
		*n_fds = 1;
		break;
	case 6:
		exec.blob_fd = true;
		break;
	case 7:
		exec.n_groups = 33;
		exec.groups = groups;
		break;
	case 8: /* a ping with a descriptor */
		ping.seq = 1;
		req.op_case = INI__REQUEST__OP_PING;
		req.ping = &ping;
		*n_fds = 1;
		break;
	case 12:
	case 13:
	case 14:
	case 15:
		*n_fds = wrong_capture(which, &exec);
		break;
	default:
		return raw_bytes(which, buf);
	}
	protobuf_c_message_pack(&req.base, buf);
	return protobuf_c_message_get_packed_size(&req.base);
}

START_TEST(test_init_malformed_datagrams_end_the_sandbox)
{
	static uint8_t buf[WIRE_FRAME_MAX_BYTES + 4096];
	struct err err = ERR_INIT;
	struct box_event event;
	int fds[3];
	size_t n_fds;
	size_t len = malformed(_i, buf, fds, &n_fds);

	/* Positive control: the message that they were made of is good. */
	ck_assert_int_eq(sh("true"), 0);
	ck_assert_uint_gt(len, 0);
	ck_assert_int_eq(wire_send(box.sock, buf, len, fds, n_fds, &err), 0);
	event = box_wait(&box, 10000);
	ck_assert_ptr_null(event.ev);
}
END_TEST

/* Who asks and does not listen is not waited for, and gets it all later. */
START_TEST(test_init_full_socket_holds_nothing_up)
{
	const char *const argv[] = { "sleep", "1000", NULL };
	Ini__Ping msg = INI__PING__INIT;
	Ini__Request req = INI__REQUEST__INIT;
	uint8_t buf[64];
	uint32_t sent = 0;
	int line[2];

	ck_assert(!pipe2(line, O_CLOEXEC));
	box_send_exec(&box, &(struct box_exec){ .argv = argv, .id = 50,
						.lifeline_fd = line[0] });
	close(line[0]);
	box_expect(&box, INI__EVENT__EV_STARTED);
	req.op_case = INI__REQUEST__OP_PING;
	req.ping = &msg;
	for (; sent < 100000; sent++) {
		msg.seq = sent + 1;
		protobuf_c_message_pack(&req.base, buf);
		if (send(box.sock, buf, protobuf_c_message_get_packed_size(
						&req.base), MSG_DONTWAIT) < 0) {
			/* Full both ways, for good? */
			poll(NULL, 0, 20);
			if (send(box.sock, buf,
				 protobuf_c_message_get_packed_size(&req.base),
				 MSG_DONTWAIT) < 0)
				break;
		}
	}
	ck_assert_uint_lt(sent, 100000);
	/* The lifeline works all the same, and no event is lost. */
	close(line[1]);
	for (uint32_t left = sent + 1, pong = 0; left > 0; left--) {
		struct box_event event = box_wait(&box, 10000);

		ck_assert_ptr_nonnull(event.ev);
		if (event.ev->ev_case == INI__EVENT__EV_EXITED) {
			ck_assert(event.ev->exited->hung_up);
			continue;
		}
		ck_assert_int_eq(event.ev->ev_case, INI__EVENT__EV_PONG);
		ck_assert_uint_eq(event.ev->pong->seq, ++pong);
	}
	ck_assert_int_eq(sh("true"), 0);
}
END_TEST

/* Wrong values are answered, and the sandbox lives. */
START_TEST(test_init_wrong_values_are_answered)
{
	Ini__Exec exec = INI__EXEC__INIT;
	Ini__Request req = INI__REQUEST__INIT;
	uint8_t token[16] = { 40 };
	struct {
		uint32_t argc;
		uint32_t envc;
		const char *strings;
		size_t len;
		int sys;
	} rows[] = {
		{ 0, 1, "A=1", 4, EINVAL },    { 2, 0, "true", 5, EINVAL },
		{ 1, 0, "a\0b", 4, EINVAL },   { 1, 0, "true", 4, EINVAL },
		{ 70000, 0, "true", 5, E2BIG }, { 1, 0, "true", 5, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		exec.token = (ProtobufCBinaryData){ 16, token };
		exec.argc = rows[i].argc;
		exec.envc = rows[i].envc;
		exec.strings.data = (uint8_t *)rows[i].strings;
		exec.strings.len = rows[i].len;
		exec.cwd = (char *)"/";
		exec.uid = exec.gid = 1000;
		exec.search_path = true;
		exec.filter = INI__FILTER__FILTER_STRICT;
		req.op_case = INI__REQUEST__OP_EXEC;
		req.exec = &exec;
		box_send(&box, &req, NULL, 0);
		if (!rows[i].sys)
			break;
		ck_assert_int_eq(box_expect(&box, INI__EVENT__EV_FAILED)
					 .ev->failed->sys, rows[i].sys);
	}
	box_expect(&box, INI__EVENT__EV_STARTED);
	box_expect(&box, INI__EVENT__EV_EXITED);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("init-files");
	TCase *tc = tcase_create("files");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_init_put_then_open_gives_the_content);
	tcase_add_test(tc, test_init_put_keeps_the_old_mode_and_other_links);
	tcase_add_test(tc, test_init_planted_names_lead_nowhere);
	tcase_add_test(tc, test_init_stat_and_devices);
	tcase_add_test(tc, test_init_swapped_names_stay_beneath);
	tcase_add_test(tc, test_init_list_dir_tells_all_names_once);
	tcase_add_test(tc, test_init_listen_and_dial);
	tcase_add_test(tc, test_init_ping);
	tcase_add_loop_test(tc, test_init_malformed_datagrams_end_the_sandbox,
			    0, 16);
	tcase_add_test(tc, test_init_full_socket_holds_nothing_up);
	tcase_add_test(tc, test_init_wrong_values_are_answered);
	suite_add_tcase(suite, tc);
	return suite;
}
