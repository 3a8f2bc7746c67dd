// SPDX-License-Identifier: Apache-2.0
/*
 * Messages of control.proto.
 */
#include <config.h>

#include "tests/unit/golden.h"

#include <stdint.h>

#include "proto/control.pb-c.h"

#define ELEMENTS(array) (sizeof(array) / sizeof(*(array)))

/* Members that several messages share; static, so that they outlive the call. */
static Ctl__Spec *spec(void)
{
	static Ctl__Spec value = CTL__SPEC__INIT;
	static Ctl__Bind bind = CTL__BIND__INIT;
	static Ctl__Bind *binds[] = { &bind, &bind };
	static Ctl__TmpfsMount tmpfs = CTL__TMPFS_MOUNT__INIT;
	static Ctl__TmpfsMount *tmpfses[] = { &tmpfs };
	static Ctl__Ulimit ulimit = CTL__ULIMIT__INIT;
	static Ctl__Ulimit *ulimits[] = { &ulimit };

	bind.source = (char *)"/home/u/data";
	bind.target = (char *)"/data";
	bind.readonly = 1;
	bind.fd = 3;
	tmpfs.target = (char *)"/scratch";
	tmpfs.size = 1 << 20;
	tmpfs.mode = 0700;
	ulimit.name = (char *)"nofile";
	ulimit.soft = 1024;
	ulimit.hard = 4096;
	value.image = (char *)"./image";
	value.image_fd = 1;
	value.writable = 1;
	value.workspace = (char *)"/home/u/project";
	value.workspace_fd = 2;
	value.workspace_readonly = 1;
	value.n_binds = ELEMENTS(binds);
	value.binds = binds;
	value.n_tmpfs = ELEMENTS(tmpfses);
	value.tmpfs = tmpfses;
	value.hostname = (char *)"box";
	value.net = CTL__NET__NET_HOST;
	value.memory = 512 << 20;
	value.memory_swap = 1024 << 20;
	value.cpu_usec = 150000;
	value.pids = 256;
	value.n_ulimits = ELEMENTS(ulimits);
	value.ulimits = ulimits;
	value.user = (char *)"1000:1000";
	value.cap_keep = 1;
	return &value;
}

static Ctl__Command *command(void)
{
	static Ctl__Command value = CTL__COMMAND__INIT;

	value.argc = 2;
	value.envc = 1;
	value.strings = GOLDEN_BYTES("ls\0-l\0A=b\0");
	value.strings_fd = 4;
	value.workdir = (char *)"/workspace";
	value.user = (char *)"root";
	value.timeout_ms = 30000;
	value.tty = 1;
	value.rows = 24;
	value.cols = 80;
	value.seccomp = (char *)"strict";
	value.seccomp_fd = 5;
	value.stdin_fd = 6;
	value.stdout_fd = 7;
	value.stderr_fd = 8;
	value.lifeline_fd = 9;
	value.token = GOLDEN_ID;
	value.memory_peak = 1;
	value.login = 1;
	return &value;
}

static void request_run(golden_visit *visit, void *data)
{
	Ctl__Run verb = CTL__RUN__INIT;
	Ctl__Request outer = CTL__REQUEST__INIT;

	verb.spec = spec();
	verb.command = command();
	verb.name = (char *)"build";
	verb.detach = 1;
	outer.seq = 4711;
	outer.op_case = CTL__REQUEST__OP_RUN;
	outer.run = &verb;
	visit(&(struct golden){ "control", "request-run", &outer.base },
	      data);
}

static void request_exec(golden_visit *visit, void *data)
{
	char *given[] = { (char *)"memory", (char *)"bind" };
	Ctl__Exec verb = CTL__EXEC__INIT;
	Ctl__Request outer = CTL__REQUEST__INIT;

	verb.target = (char *)"agent:main:x";
	verb.spec = spec();
	verb.n_given = ELEMENTS(given);
	verb.given = given;
	verb.command = command();
	verb.detach = 1;
	outer.seq = 4711;
	outer.op_case = CTL__REQUEST__OP_EXEC;
	outer.exec = &verb;
	visit(&(struct golden){ "control", "request-exec", &outer.base },
	      data);
}

static void request_attach(golden_visit *visit, void *data)
{
	Ctl__Attach verb = CTL__ATTACH__INIT;
	Ctl__Request outer = CTL__REQUEST__INIT;

	verb.token = GOLDEN_ID;
	outer.seq = 4711;
	outer.op_case = CTL__REQUEST__OP_ATTACH;
	outer.attach = &verb;
	visit(&(struct golden){ "control", "request-attach", &outer.base },
	      data);
}

static void request_signal(golden_visit *visit, void *data)
{
	Ctl__Signal verb = CTL__SIGNAL__INIT;
	Ctl__Request outer = CTL__REQUEST__INIT;

	verb.token = GOLDEN_ID;
	verb.signal = 2;
	outer.seq = 4711;
	outer.op_case = CTL__REQUEST__OP_SIGNAL;
	outer.signal = &verb;
	visit(&(struct golden){ "control", "request-signal", &outer.base },
	      data);
}

static void request_list(golden_visit *visit, void *data)
{
	Ctl__List verb = CTL__LIST__INIT;
	Ctl__Request outer = CTL__REQUEST__INIT;

	outer.seq = 4711;
	outer.op_case = CTL__REQUEST__OP_LIST;
	outer.list = &verb;
	visit(&(struct golden){ "control", "request-list", &outer.base },
	      data);
}

static void request_kill(golden_visit *visit, void *data)
{
	Ctl__Kill verb = CTL__KILL__INIT;
	Ctl__Request outer = CTL__REQUEST__INIT;

	verb.target = (char *)"build";
	verb.signal = 15;
	outer.seq = 4711;
	outer.op_case = CTL__REQUEST__OP_KILL;
	outer.kill = &verb;
	visit(&(struct golden){ "control", "request-kill", &outer.base },
	      data);
}

static void request_remove(golden_visit *visit, void *data)
{
	Ctl__Remove verb = CTL__REMOVE__INIT;
	Ctl__Request outer = CTL__REQUEST__INIT;

	verb.target = (char *)"build";
	outer.seq = 4711;
	outer.op_case = CTL__REQUEST__OP_REMOVE;
	outer.remove = &verb;
	visit(&(struct golden){ "control", "request-remove", &outer.base },
	      data);
}

static void request_stats(golden_visit *visit, void *data)
{
	Ctl__Stats verb = CTL__STATS__INIT;
	Ctl__Request outer = CTL__REQUEST__INIT;

	verb.target = (char *)"build";
	outer.seq = 4711;
	outer.op_case = CTL__REQUEST__OP_STATS;
	outer.stats = &verb;
	visit(&(struct golden){ "control", "request-stats", &outer.base },
	      data);
}

static void request_version(golden_visit *visit, void *data)
{
	Ctl__Version verb = CTL__VERSION__INIT;
	Ctl__Request outer = CTL__REQUEST__INIT;

	outer.seq = 4711;
	outer.op_case = CTL__REQUEST__OP_VERSION;
	outer.version = &verb;
	visit(&(struct golden){ "control", "request-version", &outer.base },
	      data);
}

static void reply_error(golden_visit *visit, void *data)
{
	Ctl__Error verb = CTL__ERROR__INIT;
	Ctl__Reply outer = CTL__REPLY__INIT;

	verb.code = 3;
	verb.status = 125;
	verb.text = (char *)"bind /x: no such directory";
	verb.hint = (char *)"make it";
	outer.seq = 4711;
	outer.re_case = CTL__REPLY__RE_ERROR;
	outer.error = &verb;
	visit(&(struct golden){ "control", "reply-error", &outer.base },
	      data);
}

static void reply_started(golden_visit *visit, void *data)
{
	char *warnings[] = { (char *)"no limits", (char *)"" };
	Ctl__Started verb = CTL__STARTED__INIT;
	Ctl__Reply outer = CTL__REPLY__INIT;

	verb.sandbox = (char *)"build";
	verb.created = 1;
	verb.lost = 1;
	verb.token = GOLDEN_ID;
	verb.n_warnings = ELEMENTS(warnings);
	verb.warnings = warnings;
	verb.id = (char *)"00010203";
	outer.seq = 4711;
	outer.re_case = CTL__REPLY__RE_STARTED;
	outer.started = &verb;
	visit(&(struct golden){ "control", "reply-started", &outer.base },
	      data);
}

static void reply_exited(golden_visit *visit, void *data)
{
	Ctl__Exited verb = CTL__EXITED__INIT;
	Ctl__Reply outer = CTL__REPLY__INIT;

	verb.token = GOLDEN_ID;
	verb.status = 137;
	verb.timed_out = 1;
	verb.oom = 1;
	verb.text = (char *)"memory limit 512 MiB";
	verb.cpu_usec = 1;
	verb.memory_peak = 2;
	verb.wall_usec = 3;
	verb.has_cpu = 1;
	verb.has_memory = 1;
	verb.pending = 1;
	outer.seq = 4711;
	outer.re_case = CTL__REPLY__RE_EXITED;
	outer.exited = &verb;
	visit(&(struct golden){ "control", "reply-exited", &outer.base },
	      data);
}

static void reply_items(golden_visit *visit, void *data)
{
	Ctl__Item item = CTL__ITEM__INIT;
	Ctl__Item *items[] = { &item, &item };
	Ctl__Items verb = CTL__ITEMS__INIT;
	Ctl__Reply outer = CTL__REPLY__INIT;

	item.name = (char *)"build";
	item.id = (char *)"00010203";
	item.kind = (char *)"named";
	item.image = (char *)"host";
	item.workspace = (char *)"/home/u/project";
	item.state = (char *)"running";
	item.created = 1795000000;
	item.commands = 2;
	item.network = (char *)"none";
	item.memory_current = 1;
	item.memory_max = 2;
	item.memory_peak = 3;
	item.cpu_usec = 4;
	item.pids_current = 5;
	item.pids_max = 6;
	item.has_memory = 1;
	item.has_cpu = 1;
	item.has_pids = 1;
	item.idle_sec = 7;
	verb.n_items = ELEMENTS(items);
	verb.items = items;
	verb.more = 1;
	outer.seq = 4711;
	outer.re_case = CTL__REPLY__RE_ITEMS;
	outer.items = &verb;
	visit(&(struct golden){ "control", "reply-items", &outer.base },
	      data);
}

static void reply_info(golden_visit *visit, void *data)
{
	Ctl__Info verb = CTL__INFO__INIT;
	Ctl__Reply outer = CTL__REPLY__INIT;

	verb.version = (char *)"0.1.0";
	verb.system = 1;
	verb.id_range = 1;
	verb.idmap = 1;
	verb.landlock_abi = 6;
	verb.cgroup = 1;
	verb.controllers = (char *)"memory pids";
	verb.cgroup_why = (char *)"why";
	verb.sandboxes = 1;
	verb.max_sandboxes = 4095;
	verb.host_network = 1;
	outer.seq = 4711;
	outer.re_case = CTL__REPLY__RE_INFO;
	outer.info = &verb;
	visit(&(struct golden){ "control", "reply-info", &outer.base },
	      data);
}

static void reply_done(golden_visit *visit, void *data)
{
	Ctl__Done verb = CTL__DONE__INIT;
	Ctl__Reply outer = CTL__REPLY__INIT;

	outer.seq = 4711;
	outer.re_case = CTL__REPLY__RE_DONE;
	outer.done = &verb;
	visit(&(struct golden){ "control", "reply-done", &outer.base },
	      data);
}

/**
 * golden_control() - visit one message of each kind
 * @visit: called with each, which lives no longer than the call
 */
void golden_control(golden_visit *visit, void *data)
{
	request_run(visit, data);
	request_exec(visit, data);
	request_attach(visit, data);
	request_signal(visit, data);
	request_list(visit, data);
	request_kill(visit, data);
	request_remove(visit, data);
	request_stats(visit, data);
	request_version(visit, data);
	reply_error(visit, data);
	reply_started(visit, data);
	reply_exited(visit, data);
	reply_items(visit, data);
	reply_info(visit, data);
	reply_done(visit, data);
}
