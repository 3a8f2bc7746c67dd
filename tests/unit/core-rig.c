// SPDX-License-Identifier: Apache-2.0
/*
 * The rig: every message is sent and received by hand, so that each order of
 * things can be made to happen.
 */
#include <config.h>

#include "tests/unit/core-rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "tests/unit/runner.h"

static void on_end(void *arg, enum ctl_end end, const char *why)
{
	struct rig *rig = arg;

	(void)why;
	ck_assert(!rig->ended);
	rig->ended = true;
	rig->end = end;
}

static void pair(int fds[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    fds),
			 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
}

void rig_open(struct rig *rig)
{
	rig_open_hooked(rig, NULL);
}

void rig_open_hooked(struct rig *rig, const struct ctl_hooks *hooks)
{
	struct ctl_options options = {
		.on_end = on_end,
		.on_end_arg = rig,
		.hooks = hooks,
	};
	struct err err = ERR_INIT;
	int fds[2];

	memset(rig, 0, sizeof(*rig));
	(void)snprintf(rig->state_dir, sizeof(rig->state_dir),
		       "/tmp/creel-rig-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(rig->state_dir));
	wire_frame_init(&rig->frame, rig->buf, sizeof(rig->buf));
	rig->base = event_base_new();
	pair(fds);
	options.state_dir = rig->state_dir;
	rig->ctl = ctl_new(rig->base, fds[0], &options, &err);
	ck_assert_msg(rig->ctl != NULL, "%s", err.text);
	rig->helper_fd = fds[1];
	rig->client_fd = rig_client(rig);
}

static void forget(struct rig *rig)
{
	if (rig->msg)
		protobuf_c_message_free_unpacked(rig->msg, NULL);
	rig->msg = NULL;
}

static void remove_files(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
}

void rig_close(struct rig *rig)
{
	char path[128];

	forget(rig);
	wire_frame_fini(&rig->frame);
	ctl_free(rig->ctl);
	event_base_free(rig->base);
	fd_close(&rig->helper_fd);
	fd_close(&rig->client_fd);
	(void)snprintf(path, sizeof(path), "%s/live", rig->state_dir);
	remove_files(path);
	(void)rmdir(path);
	(void)rmdir(rig->state_dir);
}

void rig_pump(struct rig *rig)
{
	for (int i = 0; i < 8; i++)
		(void)event_base_loop(rig->base, EVLOOP_NONBLOCK);
}

int rig_client(struct rig *rig)
{
	struct err err = ERR_INIT;
	int fds[2];

	pair(fds);
	ck_assert_int_eq(ctl_add_client(rig->ctl, fds[0], &err), 0);
	return fds[1];
}

static void send_msg(struct rig *rig, int fd, const ProtobufCMessage *msg,
		     const int *fds, size_t n_fds)
{
	struct err err = ERR_INIT;

	ck_assert_msg(wire_send_msg(fd, msg, WIRE_FRAME_MAX_BYTES, fds, n_fds,
				    &err) == 0,
		      "%s", err.text);
	rig_pump(rig);
}

static const void *receive(struct rig *rig, int fd,
			   const ProtobufCMessageDescriptor *type)
{
	struct err err = ERR_INIT;
	enum wire_status status;

	forget(rig);
	status = wire_recv(fd, &rig->frame, WIRE_MAX_FDS, &err);
	ck_assert_msg(status == WIRE_GOT, "no %s: status %d", type->name,
		      (int)status);
	rig->msg = protobuf_c_message_unpack(type, NULL, rig->frame.len,
					     rig->frame.buf);
	ck_assert_ptr_nonnull(rig->msg);
	return rig->msg;
}

void rig_event(struct rig *rig, Hlp__Event *ev, const int *fds, size_t n_fds)
{
	send_msg(rig, rig->helper_fd, &ev->base, fds, n_fds);
}

void rig_hello(struct rig *rig)
{
	Hlp__Event ev = HLP__EVENT__INIT;
	Hlp__Hello hello = HLP__HELLO__INIT;

	hello.id_range = true;
	hello.max_sandboxes = 1000;
	hello.cgroup_why = (char *)"not here";
	ev.ev_case = HLP__EVENT__EV_HELLO;
	ev.hello = &hello;
	rig_event(rig, &ev, NULL, 0);
}

void rig_synced(struct rig *rig)
{
	Hlp__Event ev = HLP__EVENT__INIT;
	Hlp__Synced synced = HLP__SYNCED__INIT;

	ev.ev_case = HLP__EVENT__EV_SYNCED;
	ev.synced = &synced;
	rig_event(rig, &ev, NULL, 0);
}

const Hlp__Request *rig_verb(struct rig *rig, Hlp__Request__OpCase want)
{
	const Hlp__Request *req =
		receive(rig, rig->helper_fd, &hlp__request__descriptor);

	ck_assert_int_eq(req->op_case, want);
	ck_assert_uint_gt(req->seq, rig->seq);
	rig->seq = req->seq;
	return req;
}

/* From "new" to "start" of a sandbox of all defaults; the seq of "start". */
uint32_t rig_build(struct rig *rig)
{
	const Hlp__Request *req;

	rig_pump(rig);
	(void)rig_verb(rig, HLP__REQUEST__OP_NEW_);
	do {
		req = receive(rig, rig->helper_fd, &hlp__request__descriptor);
		ck_assert_uint_eq(req->seq, ++rig->seq);
		ck_assert(req->op_case == HLP__REQUEST__OP_TMPFS ||
			  req->op_case == HLP__REQUEST__OP_MOUNT ||
			  req->op_case == HLP__REQUEST__OP_START);
	} while (req->op_case != HLP__REQUEST__OP_START);
	return req->seq;
}

static void fill(uint8_t bytes[WIRE_ID_BYTES], ProtobufCBinaryData *data,
		 uint8_t value)
{
	memset(bytes, value, WIRE_ID_BYTES);
	data->data = bytes;
	data->len = WIRE_ID_BYTES;
}

int rig_started(struct rig *rig, uint32_t seq, uint8_t id)
{
	Hlp__Event ev = HLP__EVENT__INIT;
	Hlp__Started msg = HLP__STARTED__INIT;
	uint8_t bytes[WIRE_ID_BYTES];
	int fds[2];

	pair(fds);
	msg.seq = seq;
	fill(bytes, &msg.id, id);
	ev.ev_case = HLP__EVENT__EV_STARTED;
	ev.started = &msg;
	rig_event(rig, &ev, fds, 1);
	close(fds[0]);
	return fds[1];
}

int rig_adopt(struct rig *rig, const ProtobufCBinaryData *label, uint8_t id)
{
	Hlp__Event ev = HLP__EVENT__INIT;
	Hlp__Adopt msg = HLP__ADOPT__INIT;
	uint8_t bytes[WIRE_ID_BYTES];
	int fds[2];

	pair(fds);
	fill(bytes, &msg.id, id);
	msg.label = *label;
	ev.ev_case = HLP__EVENT__EV_ADOPT;
	ev.adopt = &msg;
	rig_event(rig, &ev, fds, 1);
	close(fds[0]);
	return fds[1];
}

void rig_failed(struct rig *rig, uint32_t seq, enum err_code code,
		const char *text)
{
	Hlp__Event ev = HLP__EVENT__INIT;
	Hlp__Failed msg = HLP__FAILED__INIT;

	msg.seq = seq;
	msg.code = code;
	msg.text = (char *)text;
	ev.ev_case = HLP__EVENT__EV_FAILED;
	ev.failed = &msg;
	rig_event(rig, &ev, NULL, 0);
}

void rig_gone(struct rig *rig, uint8_t id, bool oom)
{
	Hlp__Event ev = HLP__EVENT__INIT;
	Hlp__Gone msg = HLP__GONE__INIT;
	uint8_t bytes[WIRE_ID_BYTES];

	fill(bytes, &msg.id, id);
	msg.oom = oom;
	ev.ev_case = HLP__EVENT__EV_GONE;
	ev.gone = &msg;
	rig_event(rig, &ev, NULL, 0);
}

bool rig_silent(struct rig *rig, int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	rig_pump(rig);
	return poll(&poll_fd, 1, 0) == 0;
}

const Ini__Request *rig_init(struct rig *rig, int fd,
			     Ini__Request__OpCase want)
{
	const Ini__Request *req =
		receive(rig, fd, &ini__request__descriptor);

	ck_assert_int_eq(req->op_case, want);
	return req;
}

void rig_init_event(struct rig *rig, int fd, Ini__Event *ev)
{
	send_msg(rig, fd, &ev->base, NULL, 0);
}

void rig_init_started(struct rig *rig, int fd, uint8_t token)
{
	Ini__Event ev = INI__EVENT__INIT;
	Ini__Started msg = INI__STARTED__INIT;
	uint8_t bytes[WIRE_ID_BYTES];

	fill(bytes, &msg.token, token);
	msg.pid = 2;
	ev.ev_case = INI__EVENT__EV_STARTED;
	ev.started = &msg;
	rig_init_event(rig, fd, &ev);
}

void rig_init_exited(struct rig *rig, int fd, uint8_t token, uint32_t status)
{
	Ini__Event ev = INI__EVENT__INIT;
	Ini__Exited msg = INI__EXITED__INIT;
	uint8_t bytes[WIRE_ID_BYTES];

	fill(bytes, &msg.token, token);
	msg.status = status;
	ev.ev_case = INI__EVENT__EV_EXITED;
	ev.exited = &msg;
	rig_init_event(rig, fd, &ev);
}

uint32_t rig_request(struct rig *rig, int fd, Ctl__Request *req)
{
	static uint32_t seq;

	req->seq = ++seq;
	send_msg(rig, fd, &req->base, NULL, 0);
	return req->seq;
}

static void fill_command(Ctl__Command *cmd, uint8_t bytes[WIRE_ID_BYTES],
			 uint8_t token)
{
	fill(bytes, &cmd->token, token);
	cmd->argc = 1;
	cmd->strings.data = (uint8_t *)"true";
	cmd->strings.len = 5;
}

uint32_t rig_run(struct rig *rig, int fd, const char *name, uint8_t token)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__Run run = CTL__RUN__INIT;
	Ctl__Command cmd = CTL__COMMAND__INIT;
	uint8_t bytes[WIRE_ID_BYTES];

	fill_command(&cmd, bytes, token);
	run.command = &cmd;
	run.name = (char *)name;
	req.op_case = CTL__REQUEST__OP_RUN;
	req.run = &run;
	return rig_request(rig, fd, &req);
}

uint32_t rig_exec(struct rig *rig, int fd, const char *target, uint8_t token)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__Exec exec = CTL__EXEC__INIT;
	Ctl__Command cmd = CTL__COMMAND__INIT;
	Ctl__Spec spec = CTL__SPEC__INIT;
	Ctl__TmpfsMount tmpfs = CTL__TMPFS_MOUNT__INIT, *list[] = { &tmpfs };
	uint8_t bytes[WIRE_ID_BYTES];

	/* Keeps the test from making directories of sessions. */
	tmpfs.target = (char *)"/workspace";
	spec.tmpfs = list;
	spec.n_tmpfs = 1;
	fill_command(&cmd, bytes, token);
	exec.command = &cmd;
	exec.spec = &spec;
	exec.target = (char *)target;
	req.op_case = CTL__REQUEST__OP_EXEC;
	req.exec = &exec;
	return rig_request(rig, fd, &req);
}

uint32_t rig_attach(struct rig *rig, int fd, uint8_t token)
{
	Ctl__Request req = CTL__REQUEST__INIT;
	Ctl__Attach attach = CTL__ATTACH__INIT;
	uint8_t bytes[WIRE_ID_BYTES];

	fill(bytes, &attach.token, token);
	req.op_case = CTL__REQUEST__OP_ATTACH;
	req.attach = &attach;
	return rig_request(rig, fd, &req);
}

const Ctl__Reply *rig_reply(struct rig *rig, int fd, Ctl__Reply__ReCase want)
{
	const Ctl__Reply *reply;

	rig_pump(rig);
	reply = receive(rig, fd, &ctl__reply__descriptor);
	if (reply->re_case == CTL__REPLY__RE_ERROR && want != reply->re_case)
		ck_abort_msg("error: %s", reply->error->text);
	ck_assert_int_eq(reply->re_case, want);
	return reply;
}

bool rig_hung_up(struct rig *rig, int fd)
{
	struct err err = ERR_INIT;
	enum wire_status status;

	rig_pump(rig);
	do
		status = wire_recv(fd, &rig->frame, WIRE_MAX_FDS, &err);
	while (status == WIRE_GOT);
	return status == WIRE_EOF;
}
