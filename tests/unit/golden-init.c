// SPDX-License-Identifier: Apache-2.0
/*
 * Messages of init.proto.
 */
#include <config.h>

#include "tests/unit/golden.h"

#include <stdint.h>

#include "proto/init.pb-c.h"

#define ELEMENTS(array) (sizeof(array) / sizeof(*(array)))

static void request_exec(golden_visit *visit, void *data)
{
	Ini__Rlimit limit = INI__RLIMIT__INIT;
	Ini__Rlimit *limits[] = { &limit, &limit };
	uint32_t groups[] = { 4, 1000, UINT32_MAX };
	Ini__Exec verb = INI__EXEC__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	verb.token = GOLDEN_ID;
	verb.argc = 2;
	verb.envc = 1;
	verb.strings = GOLDEN_BYTES("ls\0-l\0A=b\0");
	verb.cwd = (char *)"/workspace";
	verb.uid = 1000;
	verb.gid = 1000;
	verb.n_groups = ELEMENTS(groups);
	verb.groups = groups;
	limit.resource = 7;
	limit.soft = 1024;
	limit.hard = UINT64_MAX;
	verb.n_rlimits = ELEMENTS(limits);
	verb.rlimits = limits;
	verb.filter = INI__FILTER__FILTER_STRICT;
	verb.cap_keep = 1;
	verb.apparmor = (char *)"creel-test";
	verb.timeout_ms = 30000;
	verb.stdio = 1;
	verb.tty = 1;
	verb.rows = 24;
	verb.cols = 80;
	verb.lifeline = 1;
	verb.blob_fd = 1;
	verb.filter_fd = 1;
	verb.search_path = 1;
	verb.memory_peak = 1;
	verb.term = (char *)"xterm";
	outer.op_case = INI__REQUEST__OP_EXEC;
	outer.exec = &verb;
	visit(&(struct golden){ "init", "request-exec", &outer.base },
	      data);
}

static void request_signal(golden_visit *visit, void *data)
{
	Ini__Signal verb = INI__SIGNAL__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	verb.token = GOLDEN_ID;
	verb.signal = 15;
	verb.tree = 1;
	outer.op_case = INI__REQUEST__OP_SIGNAL;
	outer.signal = &verb;
	visit(&(struct golden){ "init", "request-signal", &outer.base },
	      data);
}

static void request_ack(golden_visit *visit, void *data)
{
	Ini__Ack verb = INI__ACK__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	verb.token = GOLDEN_ID;
	outer.op_case = INI__REQUEST__OP_ACK;
	outer.ack = &verb;
	visit(&(struct golden){ "init", "request-ack", &outer.base },
	      data);
}

static void request_list(golden_visit *visit, void *data)
{
	Ini__List verb = INI__LIST__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	outer.op_case = INI__REQUEST__OP_LIST;
	outer.list = &verb;
	visit(&(struct golden){ "init", "request-list", &outer.base },
	      data);
}

static void request_ping(golden_visit *visit, void *data)
{
	Ini__Ping verb = INI__PING__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	verb.seq = 9;
	outer.op_case = INI__REQUEST__OP_PING;
	outer.ping = &verb;
	visit(&(struct golden){ "init", "request-ping", &outer.base },
	      data);
}

static void request_open(golden_visit *visit, void *data)
{
	Ini__Open verb = INI__OPEN__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	verb.seq = 9;
	verb.where = INI__WHERE__WHERE_WORKDIR;
	verb.path = GOLDEN_BYTES("a/b");
	verb.uid = 1000;
	verb.gid = 1000;
	verb.directory = 1;
	verb.follow = 1;
	outer.op_case = INI__REQUEST__OP_OPEN;
	outer.open = &verb;
	visit(&(struct golden){ "init", "request-open", &outer.base },
	      data);
}

static void request_close_input(golden_visit *visit, void *data)
{
	Ini__CloseInput verb = INI__CLOSE_INPUT__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	verb.token = GOLDEN_ID;
	outer.op_case = INI__REQUEST__OP_CLOSE_INPUT;
	outer.close_input = &verb;
	visit(&(struct golden){ "init", "request-close-input", &outer.base },
	      data);
}

static void request_exec_capture(golden_visit *visit, void *data)
{
	Ini__Exec verb = INI__EXEC__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	verb.token = GOLDEN_ID;
	verb.argc = 1;
	verb.strings = GOLDEN_BYTES("ls\0");
	verb.cwd = (char *)"/";
	verb.filter = INI__FILTER__FILTER_AGENT;
	verb.capture = INI__CAPTURE__CAPTURE_SPLIT;
	verb.input_once = 1;
	verb.limit_memory = UINT64_C(1) << 28;
	verb.limit_cpu_usec = 50000;
	outer.op_case = INI__REQUEST__OP_EXEC;
	outer.exec = &verb;
	visit(&(struct golden){ "init", "request-exec-capture", &outer.base },
	      data);
}

static void request_read(golden_visit *visit, void *data)
{
	Ini__Read verb = INI__READ__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	verb.seq = 9;
	verb.where = INI__WHERE__WHERE_ROOT;
	verb.path = GOLDEN_BYTES("a/b");
	verb.uid = 1000;
	verb.gid = 1000;
	verb.below = GOLDEN_BYTES("/workspace");
	verb.skip_lines = 10;
	verb.max_lines = 2000;
	verb.max_bytes = 51200;
	verb.tail = 1;
	outer.op_case = INI__REQUEST__OP_READ;
	outer.read = &verb;
	visit(&(struct golden){ "init", "request-read", &outer.base }, data);
}

static void request_commit(golden_visit *visit, void *data)
{
	Ini__Change put = INI__CHANGE__INIT;
	Ini__Change gone = INI__CHANGE__INIT;
	Ini__Change *changes[] = { &put, &gone };
	Ini__Commit verb = INI__COMMIT__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	put.kind = INI__CHANGE_KIND__CHANGE_PUT;
	put.path = GOLDEN_BYTES("a/b");
	put.expect = INI__EXPECT__EXPECT_ABSENT;
	put.offset = 3;
	put.length = 4;
	put.mode = 0644;
	put.parents = 1;
	gone.kind = INI__CHANGE_KIND__CHANGE_REMOVE;
	gone.path = GOLDEN_BYTES("c\xff");
	gone.expect = INI__EXPECT__EXPECT_SAME;
	gone.ino = 77;
	gone.dev = 5;
	gone.size = UINT64_C(1) << 34;
	gone.mtime_nsec = UINT64_C(1795000000000000000);
	gone.ctime_nsec = UINT64_C(1795000000000000001);
	verb.seq = 9;
	verb.where = INI__WHERE__WHERE_ROOT;
	verb.uid = 1000;
	verb.gid = 1000;
	verb.below = GOLDEN_BYTES("/workspace");
	verb.n_changes = ELEMENTS(changes);
	verb.changes = changes;
	outer.op_case = INI__REQUEST__OP_COMMIT;
	outer.commit = &verb;
	visit(&(struct golden){ "init", "request-commit", &outer.base },
	      data);
}

static void request_stat(golden_visit *visit, void *data)
{
	Ini__Stat verb = INI__STAT__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	verb.seq = 9;
	verb.where = INI__WHERE__WHERE_WORKDIR;
	verb.path = GOLDEN_BYTES("a/b");
	verb.uid = 1000;
	verb.gid = 1000;
	outer.op_case = INI__REQUEST__OP_STAT;
	outer.stat = &verb;
	visit(&(struct golden){ "init", "request-stat", &outer.base },
	      data);
}

static void request_list_dir(golden_visit *visit, void *data)
{
	Ini__ListDir verb = INI__LIST_DIR__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	verb.seq = 9;
	verb.where = INI__WHERE__WHERE_WORKDIR;
	verb.path = GOLDEN_BYTES("a/b");
	verb.uid = 1000;
	verb.gid = 1000;
	verb.offset = 99;
	outer.op_case = INI__REQUEST__OP_LIST_DIR;
	outer.list_dir = &verb;
	visit(&(struct golden){ "init", "request-list-dir", &outer.base },
	      data);
}

static void request_listen(golden_visit *visit, void *data)
{
	Ini__Listen verb = INI__LISTEN__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	verb.seq = 9;
	verb.port = 8080;
	outer.op_case = INI__REQUEST__OP_LISTEN;
	outer.listen = &verb;
	visit(&(struct golden){ "init", "request-listen", &outer.base },
	      data);
}

static void request_dial(golden_visit *visit, void *data)
{
	Ini__Dial verb = INI__DIAL__INIT;
	Ini__Request outer = INI__REQUEST__INIT;

	verb.seq = 9;
	verb.port = 8080;
	outer.op_case = INI__REQUEST__OP_DIAL;
	outer.dial = &verb;
	visit(&(struct golden){ "init", "request-dial", &outer.base },
	      data);
}

static void event_ready(golden_visit *visit, void *data)
{
	Ini__Ready verb = INI__READY__INIT;
	Ini__Event outer = INI__EVENT__INIT;

	verb.landlock_abi = 6;
	verb.cgroup = 1;
	outer.ev_case = INI__EVENT__EV_READY;
	outer.ready = &verb;
	visit(&(struct golden){ "init", "event-ready", &outer.base },
	      data);
}

static void event_started(golden_visit *visit, void *data)
{
	Ini__Started verb = INI__STARTED__INIT;
	Ini__Event outer = INI__EVENT__INIT;

	verb.token = GOLDEN_ID;
	verb.pid = 7;
	outer.ev_case = INI__EVENT__EV_STARTED;
	outer.started = &verb;
	visit(&(struct golden){ "init", "event-started", &outer.base },
	      data);
}

static void event_failed(golden_visit *visit, void *data)
{
	Ini__Failed verb = INI__FAILED__INIT;
	Ini__Event outer = INI__EVENT__INIT;

	verb.token = GOLDEN_ID;
	verb.stage = INI__STAGE__STAGE_CWD;
	verb.sys = 2;
	verb.text = (char *)"no such directory";
	outer.ev_case = INI__EVENT__EV_FAILED;
	outer.failed = &verb;
	visit(&(struct golden){ "init", "event-failed", &outer.base },
	      data);
}

static void event_exited(golden_visit *visit, void *data)
{
	Ini__Exited verb = INI__EXITED__INIT;
	Ini__Event outer = INI__EVENT__INIT;

	verb.token = GOLDEN_ID;
	verb.signalled = 1;
	verb.status = 9;
	verb.timed_out = 1;
	verb.oom = 1;
	verb.hung_up = 1;
	verb.cpu_usec = 1234567;
	verb.memory_peak = UINT64_C(1) << 33;
	verb.wall_usec = 7654321;
	verb.has_cpu = 1;
	verb.has_memory = 1;
	outer.ev_case = INI__EVENT__EV_EXITED;
	outer.exited = &verb;
	visit(&(struct golden){ "init", "event-exited", &outer.base },
	      data);
}

static void event_running(golden_visit *visit, void *data)
{
	Ini__Running verb = INI__RUNNING__INIT;
	Ini__Event outer = INI__EVENT__INIT;

	verb.token = GOLDEN_ID;
	verb.pid = 7;
	verb.input_closed = 1;
	outer.ev_case = INI__EVENT__EV_RUNNING;
	outer.running = &verb;
	visit(&(struct golden){ "init", "event-running", &outer.base },
	      data);
}

static void event_listed(golden_visit *visit, void *data)
{
	Ini__Listed verb = INI__LISTED__INIT;
	Ini__Event outer = INI__EVENT__INIT;

	outer.ev_case = INI__EVENT__EV_LISTED;
	outer.listed = &verb;
	visit(&(struct golden){ "init", "event-listed", &outer.base },
	      data);
}

static void event_pong(golden_visit *visit, void *data)
{
	Ini__Pong verb = INI__PONG__INIT;
	Ini__Event outer = INI__EVENT__INIT;

	verb.seq = 9;
	outer.ev_case = INI__EVENT__EV_PONG;
	outer.pong = &verb;
	visit(&(struct golden){ "init", "event-pong", &outer.base },
	      data);
}

static void event_answer(golden_visit *visit, void *data)
{
	Ini__Entry entry = INI__ENTRY__INIT;
	Ini__Entry *entries[] = { &entry, &entry };
	Ini__Answer verb = INI__ANSWER__INIT;
	Ini__Event outer = INI__EVENT__INIT;

	verb.seq = 9;
	verb.sys = 2;
	verb.size = UINT64_C(1) << 34;
	verb.mode = 0100644;
	verb.mtime_nsec = UINT64_C(1795000000000000000);
	verb.uid = 1000;
	verb.gid = 1000;
	verb.port = 8080;
	entry.name = GOLDEN_BYTES("file\xff");
	entry.type = 8;
	verb.n_entries = ELEMENTS(entries);
	verb.entries = entries;
	verb.next = 2;
	verb.data = GOLDEN_BYTES("one\ntwo");
	verb.lines = 12;
	verb.more = 1;
	verb.ino = 77;
	verb.dev = 5;
	verb.ctime_nsec = UINT64_C(1795000000000000001);
	verb.which = 3;
	outer.ev_case = INI__EVENT__EV_ANSWER;
	outer.answer = &verb;
	visit(&(struct golden){ "init", "event-answer", &outer.base },
	      data);
}

static void event_answer_read(golden_visit *visit, void *data)
{
	Ini__Answer verb = INI__ANSWER__INIT;
	Ini__Event outer = INI__EVENT__INIT;

	verb.seq = 9;
	verb.size = 7;
	verb.mode = 0100644;
	verb.data = GOLDEN_BYTES("one\ntwo");
	verb.lines = 12;
	outer.ev_case = INI__EVENT__EV_ANSWER;
	outer.answer = &verb;
	visit(&(struct golden){ "init", "event-answer-read", &outer.base },
	      data);
}

static void event_answer_list(golden_visit *visit, void *data)
{
	Ini__Entry entry = INI__ENTRY__INIT;
	Ini__Entry *entries[] = { &entry, &entry };
	Ini__Answer verb = INI__ANSWER__INIT;
	Ini__Event outer = INI__EVENT__INIT;

	verb.seq = 9;
	entry.name = GOLDEN_BYTES("file\xff");
	entry.type = 8;
	verb.n_entries = ELEMENTS(entries);
	verb.entries = entries;
	verb.next = 2;
	outer.ev_case = INI__EVENT__EV_ANSWER;
	outer.answer = &verb;
	visit(&(struct golden){ "init", "event-answer-list", &outer.base },
	      data);
}

static void event_answer_commit(golden_visit *visit, void *data)
{
	Ini__Answer verb = INI__ANSWER__INIT;
	Ini__Event outer = INI__EVENT__INIT;

	verb.seq = 9;
	verb.sys = 17;
	verb.which = 2;
	outer.ev_case = INI__EVENT__EV_ANSWER;
	outer.answer = &verb;
	visit(&(struct golden){ "init", "event-answer-commit", &outer.base },
	      data);
}

/**
 * golden_init() - visit one message of each kind
 * @visit: called with each, which lives no longer than the call
 */
void golden_init(golden_visit *visit, void *data)
{
	request_exec(visit, data);
	request_signal(visit, data);
	request_ack(visit, data);
	request_list(visit, data);
	request_ping(visit, data);
	request_open(visit, data);
	request_close_input(visit, data);
	request_exec_capture(visit, data);
	request_read(visit, data);
	request_commit(visit, data);
	request_stat(visit, data);
	request_list_dir(visit, data);
	request_listen(visit, data);
	request_dial(visit, data);
	event_ready(visit, data);
	event_started(visit, data);
	event_failed(visit, data);
	event_exited(visit, data);
	event_running(visit, data);
	event_listed(visit, data);
	event_pong(visit, data);
	event_answer(visit, data);
	event_answer_read(visit, data);
	event_answer_list(visit, data);
	event_answer_commit(visit, data);
}
