// SPDX-License-Identifier: Apache-2.0
/*
 * Messages of helper.proto.
 */
#include <config.h>

#include "tests/unit/golden.h"

#include <stdint.h>

#include "proto/helper.pb-c.h"

static void request_new(golden_visit *visit, void *data)
{
	Hlp__New verb = HLP__NEW__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	verb.label = GOLDEN_BYTES("label");
	verb.uid = 1000;
	verb.gid = 100;
	verb.net = HLP__NET__NET_HOST;
	verb.root = HLP__ROOT__ROOT_IMAGE;
	verb.map_caller = 1;
	verb.want_cgroup = 1;
	verb.cap_keep = UINT64_C(0x1ffffffffff);
	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_NEW_;
	outer.new_ = &verb;
	visit(&(struct golden){ "helper", "request-new", &outer.base },
	      data);
}

static void request_image(golden_visit *visit, void *data)
{
	Hlp__Image verb = HLP__IMAGE__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	verb.writable = 1;
	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_IMAGE;
	outer.image = &verb;
	visit(&(struct golden){ "helper", "request-image", &outer.base },
	      data);
}

static void request_mount(golden_visit *visit, void *data)
{
	Hlp__Mount verb = HLP__MOUNT__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	verb.target = (char *)"/workspace";
	verb.readonly = 1;
	verb.noexec = 1;
	verb.layers = 1;
	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_MOUNT;
	outer.mount = &verb;
	visit(&(struct golden){ "helper", "request-mount", &outer.base },
	      data);
}

static void request_tmpfs(golden_visit *visit, void *data)
{
	Hlp__Tmpfs verb = HLP__TMPFS__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	verb.target = (char *)"/tmp";
	verb.size = UINT64_C(1) << 40;
	verb.inodes = 100000;
	verb.mode = 01777;
	verb.noexec = 1;
	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_TMPFS;
	outer.tmpfs = &verb;
	visit(&(struct golden){ "helper", "request-tmpfs", &outer.base },
	      data);
}

static void request_write(golden_visit *visit, void *data)
{
	Hlp__Write verb = HLP__WRITE__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	verb.file = HLP__FILE__FILE_HOSTNAME;
	verb.content = GOLDEN_BYTES("box\n");
	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_WRITE;
	outer.write = &verb;
	visit(&(struct golden){ "helper", "request-write", &outer.base },
	      data);
}

static void request_limit(golden_visit *visit, void *data)
{
	Hlp__SetLimit verb = HLP__SET_LIMIT__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	verb.limit = HLP__LIMIT__LIMIT_CPU_WEIGHT;
	verb.value = UINT64_MAX;
	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_LIMIT;
	outer.limit = &verb;
	visit(&(struct golden){ "helper", "request-limit", &outer.base },
	      data);
}

static void request_hostname(golden_visit *visit, void *data)
{
	Hlp__Hostname verb = HLP__HOSTNAME__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	verb.name = (char *)"box";
	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_HOSTNAME;
	outer.hostname = &verb;
	visit(&(struct golden){ "helper", "request-hostname", &outer.base },
	      data);
}

static void request_start(golden_visit *visit, void *data)
{
	Hlp__Start verb = HLP__START__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_START;
	outer.start = &verb;
	visit(&(struct golden){ "helper", "request-start", &outer.base },
	      data);
}

static void request_abort(golden_visit *visit, void *data)
{
	Hlp__Abort verb = HLP__ABORT__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_ABORT;
	outer.abort = &verb;
	visit(&(struct golden){ "helper", "request-abort", &outer.base },
	      data);
}

static void request_kill(golden_visit *visit, void *data)
{
	Hlp__Kill verb = HLP__KILL__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	verb.id = GOLDEN_ID;
	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_KILL;
	outer.kill = &verb;
	visit(&(struct golden){ "helper", "request-kill", &outer.base },
	      data);
}

static void request_keep(golden_visit *visit, void *data)
{
	Hlp__Keep verb = HLP__KEEP__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	verb.id = GOLDEN_ID;
	verb.token = GOLDEN_ID;
	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_KEEP;
	outer.keep = &verb;
	visit(&(struct golden){ "helper", "request-keep", &outer.base },
	      data);
}

static void request_drop(golden_visit *visit, void *data)
{
	Hlp__Drop verb = HLP__DROP__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	verb.id = GOLDEN_ID;
	verb.token = GOLDEN_ID;
	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_DROP;
	outer.drop = &verb;
	visit(&(struct golden){ "helper", "request-drop", &outer.base },
	      data);
}

static void request_pause(golden_visit *visit, void *data)
{
	Hlp__Pause verb = HLP__PAUSE__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	verb.id = GOLDEN_ID;
	verb.on = 1;
	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_PAUSE;
	outer.pause = &verb;
	visit(&(struct golden){ "helper", "request-pause", &outer.base },
	      data);
}

static void request_bye(golden_visit *visit, void *data)
{
	Hlp__Bye verb = HLP__BYE__INIT;
	Hlp__Request outer = HLP__REQUEST__INIT;

	outer.seq = 4711;
	outer.op_case = HLP__REQUEST__OP_BYE;
	outer.bye = &verb;
	visit(&(struct golden){ "helper", "request-bye", &outer.base },
	      data);
}

static void event_hello(golden_visit *visit, void *data)
{
	Hlp__Hello verb = HLP__HELLO__INIT;
	Hlp__Event outer = HLP__EVENT__INIT;

	verb.system = 1;
	verb.id_range = 1;
	verb.idmap = 1;
	verb.landlock_abi = 6;
	verb.max_sandboxes = 4095;
	verb.controllers = (char *)"memory pids";
	verb.cgroup = 1;
	verb.cgroup_why = (char *)"why";
	verb.host_network = 1;
	outer.ev_case = HLP__EVENT__EV_HELLO;
	outer.hello = &verb;
	visit(&(struct golden){ "helper", "event-hello", &outer.base },
	      data);
}

static void event_failed(golden_visit *visit, void *data)
{
	Hlp__Failed verb = HLP__FAILED__INIT;
	Hlp__Event outer = HLP__EVENT__INIT;

	verb.seq = 1;
	verb.code = 6;
	verb.sys = 22;
	verb.text = (char *)"mount: Invalid argument";
	outer.ev_case = HLP__EVENT__EV_FAILED;
	outer.failed = &verb;
	visit(&(struct golden){ "helper", "event-failed", &outer.base },
	      data);
}

static void event_started(golden_visit *visit, void *data)
{
	Hlp__Started verb = HLP__STARTED__INIT;
	Hlp__Event outer = HLP__EVENT__INIT;

	verb.seq = 1;
	verb.id = GOLDEN_ID;
	verb.cgroup = 1;
	outer.ev_case = HLP__EVENT__EV_STARTED;
	outer.started = &verb;
	visit(&(struct golden){ "helper", "event-started", &outer.base },
	      data);
}

static void event_gone(golden_visit *visit, void *data)
{
	Hlp__Gone verb = HLP__GONE__INIT;
	Hlp__Event outer = HLP__EVENT__INIT;

	verb.id = GOLDEN_ID;
	verb.wait_status = 9;
	verb.oom = 1;
	outer.ev_case = HLP__EVENT__EV_GONE;
	outer.gone = &verb;
	visit(&(struct golden){ "helper", "event-gone", &outer.base },
	      data);
}

static void event_conn(golden_visit *visit, void *data)
{
	Hlp__Conn verb = HLP__CONN__INIT;
	Hlp__Event outer = HLP__EVENT__INIT;

	outer.ev_case = HLP__EVENT__EV_CONN;
	outer.conn = &verb;
	visit(&(struct golden){ "helper", "event-conn", &outer.base },
	      data);
}

static void event_adopt(golden_visit *visit, void *data)
{
	Hlp__Adopt verb = HLP__ADOPT__INIT;
	Hlp__Event outer = HLP__EVENT__INIT;

	verb.id = GOLDEN_ID;
	verb.label = GOLDEN_BYTES("label");
	verb.cgroup = 1;
	outer.ev_case = HLP__EVENT__EV_ADOPT;
	outer.adopt = &verb;
	visit(&(struct golden){ "helper", "event-adopt", &outer.base },
	      data);
}

static void event_kept(golden_visit *visit, void *data)
{
	Hlp__Kept verb = HLP__KEPT__INIT;
	Hlp__Event outer = HLP__EVENT__INIT;

	verb.id = GOLDEN_ID;
	verb.token = GOLDEN_ID;
	outer.ev_case = HLP__EVENT__EV_KEPT;
	outer.kept = &verb;
	visit(&(struct golden){ "helper", "event-kept", &outer.base },
	      data);
}

static void event_synced(golden_visit *visit, void *data)
{
	Hlp__Synced verb = HLP__SYNCED__INIT;
	Hlp__Event outer = HLP__EVENT__INIT;

	outer.ev_case = HLP__EVENT__EV_SYNCED;
	outer.synced = &verb;
	visit(&(struct golden){ "helper", "event-synced", &outer.base },
	      data);
}

/**
 * golden_helper() - visit one message of each kind
 * @visit: called with each, which lives no longer than the call
 */
void golden_helper(golden_visit *visit, void *data)
{
	request_new(visit, data);
	request_image(visit, data);
	request_mount(visit, data);
	request_tmpfs(visit, data);
	request_write(visit, data);
	request_limit(visit, data);
	request_hostname(visit, data);
	request_start(visit, data);
	request_abort(visit, data);
	request_kill(visit, data);
	request_keep(visit, data);
	request_drop(visit, data);
	request_bye(visit, data);
	request_pause(visit, data);
	event_hello(visit, data);
	event_failed(visit, data);
	event_started(visit, data);
	event_gone(visit, data);
	event_conn(visit, data);
	event_adopt(visit, data);
	event_kept(visit, data);
	event_synced(visit, data);
}
