// SPDX-License-Identifier: Apache-2.0
/*
 * A toolbox and a creeld that is played here: what is sent, what is made of the
 * answers, and what becomes of calls when the connection is lost.
 */
#include <config.h>

#include <fcntl.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/cli/call.h"
#include "controller/cli/loop.h"
#include "controller/cli/tool-host.h"
#include "controller/cli/toolbox.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

#define PATIENCE_SEC 40
#define TOOLS "[{\"name\":\"read\"}]"
#define RESULT "{\"content\":[]}"

static const struct toolbox_ask read_ask = { "read", "{}", 2 };
static const struct cli_verb verb = { .id = CLI_VERB_TOOL, .name = "tool" };

/* options.c asks main.c for it. */
const struct cli_verb *cli_verb_at(size_t index)
{
	return index == 0 ? &verb : NULL;
}

/* What the callbacks were told. */
struct told {
	int opened, failed, done, progress, host;
	bool error, sandboxed;
	char json[128];
	size_t len;
	struct err err;
	char hint[64];
	char tools[64];
	uint64_t output_bytes;
};

struct rig {
	char dir[64];
	int listener;
	int sock; /* creeld's end */
	struct wire_frame frame;
	uint8_t *buf;
	struct event_base *base;
	struct toolbox *toolbox;
	struct cli_args args;
	struct told told;
	uint8_t token[WIRE_ID_BYTES]; /* of the last call */
};

static struct rig *current;

/* In the place of tool-host.c: what it was asked, and its end when told. */
struct tool_host {
	tool_host_done_fn *done;
	void *arg;
	bool cancelled;
};
static struct tool_host host;

struct tool_host *tool_host_start(struct event_base *base,
				  const struct tool_host_request *request,
				  tool_host_done_fn *done,
				  tool_host_progress_fn *progress, void *arg,
				  struct err *err)
{
	ck_assert_ptr_eq(base, current->base);
	ck_assert_ptr_nonnull(request->cfg);
	ck_assert_str_eq(request->session, "agent:main:main");
	ck_assert_ptr_nonnull(progress);
	(void)err;
	host = (struct tool_host){ done, arg, false };
	current->told.host++;
	return &host;
}

void tool_host_cancel(struct tool_host *which)
{
	which->cancelled = true;
}

void tool_host_free(struct tool_host *which)
{
	which->done = NULL;
}

static void on_opened(void *arg, const struct toolbox_info *info)
{
	struct told *told = arg;

	told->opened++;
	told->sandboxed = info->sandboxed;
	(void)snprintf(told->tools, sizeof(told->tools), "%.*s",
		       (int)info->tools_len, info->tools);
}

static void on_failed(void *arg, const struct err *err, const char *hint,
		      int status)
{
	struct told *told = arg;

	(void)status;
	told->failed++;
	told->err = *err;
	(void)snprintf(told->hint, sizeof(told->hint), "%s", hint);
}

static void on_progress(void *arg, uint64_t elapsed_ms, uint64_t output_bytes,
			const char *text)
{
	struct told *told = arg;

	(void)elapsed_ms;
	(void)text;
	told->progress++;
	told->output_bytes = output_bytes;
}

static void on_done(void *arg, const char *json, size_t len, bool error,
		    const struct err *err)
{
	struct told *told = arg;

	told->done++;
	told->error = error;
	told->len = len;
	told->err = *err;
	(void)snprintf(told->json, sizeof(told->json), "%.*s",
		       json ? (int)(len < 100 ? len : 100) : 0,
		       json ? json : "");
	(void)snprintf(told->hint, sizeof(told->hint), "%s",
		       toolbox_hint(current->toolbox));
}

static const struct toolbox_ops ops = { on_opened, on_failed, NULL };
static const struct toolbox_call_ops call_ops = { on_progress, on_done };

static void rig_open(struct rig *rig)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct err err = ERR_INIT;

	*rig = (struct rig){ .dir = "/tmp/creel-toolbox-XXXXXX", .sock = -1 };
	current = rig;
	ck_assert_ptr_nonnull(mkdtemp(rig->dir));
	ck_assert_int_eq(setenv("CREEL_RUNTIME_DIR", rig->dir, 1), 0);
	ck_assert_int_eq(setenv("HOME", rig->dir, 1), 0);
	(void)unsetenv("CREEL_CONFIG");
	(void)unsetenv("XDG_CONFIG_HOME");
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/creel.sock",
		       rig->dir);
	rig->listener = socket(AF_UNIX,
			       SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
			       0);
	ck_assert_int_eq(bind(rig->listener, (struct sockaddr *)&addr,
			      sizeof(addr)), 0);
	ck_assert_int_eq(listen(rig->listener, 8), 0);
	rig->buf = malloc(WIRE_FRAME_MAX_BYTES);
	ck_assert_ptr_nonnull(rig->buf);
	wire_frame_init(&rig->frame, rig->buf, WIRE_FRAME_MAX_BYTES);
	rig->args.verb = &verb;
	rig->base = cli_loop_new(&err);
	rig->toolbox = toolbox_open(rig->base, &rig->args, &ops, &rig->told,
				    &err);
	ck_assert_ptr_nonnull(rig->toolbox);
}

static void rig_close(struct rig *rig)
{
	char path[96];

	toolbox_close(rig->toolbox);
	event_base_free(rig->base);
	wire_frame_fini(&rig->frame);
	free(rig->buf);
	fd_close(&rig->sock);
	fd_close(&rig->listener);
	(void)snprintf(path, sizeof(path), "%s/creel.sock", rig->dir);
	(void)unlink(path);
	ck_assert_int_eq(rmdir(rig->dir), 0);
}

static void turn(struct rig *rig, time_t *end)
{
	const struct timespec nap = { .tv_nsec = 200000 };
	struct timespec now;

	(void)event_base_loop(rig->base, EVLOOP_NONBLOCK);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (*end == 0)
		*end = now.tv_sec + PATIENCE_SEC;
	ck_assert_int_le(now.tv_sec, *end);
	(void)nanosleep(&nap, NULL);
}

/* Until a counter has reached a number. */
static void await(struct rig *rig, const int *counter, int least)
{
	time_t end = 0;

	while (*counter < least)
		turn(rig, &end);
}

/* Some rounds in which nothing is to happen. */
static void idle(struct rig *rig)
{
	time_t end = 0;

	for (int i = 0; i < 50; i++)
		turn(rig, &end);
}

static void rig_accept(struct rig *rig)
{
	time_t end = 0;

	while ((rig->sock = accept4(rig->listener, NULL, NULL,
				    SOCK_CLOEXEC | SOCK_NONBLOCK)) < 0)
		turn(rig, &end);
}

/* The next request; NULL: there is none yet. */
static const Ctl__Request *try_request(struct rig *rig)
{
	static alignas(max_align_t) unsigned char memory[WIRE_ARENA_BYTES];
	static struct arena arena;
	const Ctl__Request *request;
	struct err err = ERR_INIT;

	if (wire_recv(rig->sock, &rig->frame, WIRE_MAX_FDS, &err) != WIRE_GOT)
		return NULL;
	arena_init(&arena, memory, sizeof(memory));
	request = (const Ctl__Request *)wire_unpack(&ctl__request__descriptor,
						    &arena, rig->frame.buf,
						    rig->frame.len, &err);
	ck_assert_ptr_nonnull(request);
	return request;
}

static const Ctl__Request *want(struct rig *rig, Ctl__Request__OpCase op)
{
	const Ctl__Request *request;
	time_t end = 0;

	while (!(request = try_request(rig)))
		turn(rig, &end);
	ck_assert_int_eq(request->op_case, op);
	if (op == CTL__REQUEST__OP_TOOL_CALL) {
		ck_assert_uint_eq(request->tool_call->token.len,
				  WIRE_ID_BYTES);
		memcpy(rig->token, request->tool_call->token.data,
		       WIRE_ID_BYTES);
	}
	return request;
}

static void answer(struct rig *rig, uint32_t seq, Ctl__Reply *reply, int fd)
{
	struct err err = ERR_INIT;

	reply->seq = seq;
	ck_assert_int_eq(wire_send_msg(rig->sock, &reply->base,
				       WIRE_FRAME_MAX_BYTES, &fd, fd >= 0,
				       &err), 0);
}

static void answer_open(struct rig *rig, uint32_t id, const char *tools,
			bool sandboxed)
{
	uint32_t seq = want(rig, CTL__REQUEST__OP_TOOLBOX_OPEN)->seq;
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__Toolbox msg = CTL__TOOLBOX__INIT;

	msg.toolbox = id;
	msg.session = (char[]){ "agent:main:main" };
	msg.workdir = (char[]){ "/workspace" };
	msg.sandboxed = sandboxed;
	msg.tools.data = (uint8_t *)tools;
	msg.tools.len = strlen(tools);
	reply.re_case = CTL__REPLY__RE_TOOLBOX;
	reply.toolbox = &msg;
	answer(rig, seq, &reply, -1);
}

static void answer_result(struct rig *rig, uint32_t seq, const char *json,
			  bool changed, int fd)
{
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__ToolResult msg = CTL__TOOL_RESULT__INIT;

	if (fd < 0) {
		msg.result.data = (uint8_t *)json;
		msg.result.len = strlen(json);
	}
	msg.result_fd = fd >= 0;
	msg.changed = changed;
	reply.re_case = CTL__REPLY__RE_TOOL_RESULT;
	reply.tool_result = &msg;
	answer(rig, seq, &reply, fd);
}

static void answer_error(struct rig *rig, uint32_t seq, const char *text,
			 const char *hint)
{
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__Error msg = CTL__ERROR__INIT;

	msg.code = ERR_BAD_REQUEST;
	msg.text = (char *)text;
	msg.hint = (char *)hint;
	reply.re_case = CTL__REPLY__RE_ERROR;
	reply.error = &msg;
	answer(rig, seq, &reply, -1);
}

static void answer_host(struct rig *rig, uint32_t seq, bool elevated)
{
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__ToolHost msg = CTL__TOOL_HOST__INIT;

	msg.token.data = rig->token;
	msg.token.len = sizeof(rig->token);
	msg.elevated = elevated;
	reply.re_case = CTL__REPLY__RE_TOOL_HOST;
	reply.tool_host = &msg;
	answer(rig, seq, &reply, -1);
}

static struct toolbox_call *call(struct rig *rig, const char *name,
				 const char *args)
{
	struct err err = ERR_INIT;
	const struct toolbox_ask ask = { name, args, strlen(args) };
	struct toolbox_call *made = toolbox_call(rig->toolbox, &ask, &call_ops,
						 &rig->told, &err);

	ck_assert_ptr_nonnull(made);
	return made;
}

/* Open, with one call that creeld has. */
static uint32_t begin(struct rig *rig, const char *name, const char *args,
		      struct toolbox_call **made)
{
	struct toolbox_call *first;

	rig_open(rig);
	first = call(rig, name, args);
	if (made)
		*made = first;
	rig_accept(rig);
	answer_open(rig, 7, TOOLS, true);
	await(rig, &rig->told.opened, 1);
	return want(rig, CTL__REQUEST__OP_TOOL_CALL)->seq;
}

static void lose(struct rig *rig)
{
	fd_close(&rig->sock);
	rig_accept(rig);
	answer_open(rig, 9, TOOLS, true);
}

START_TEST(test_toolbox_call_waits_for_opening_and_gets_its_result)
{
	struct rig rig;
	uint32_t seq = begin(&rig, "read", "{\"path\":\"a\"}", NULL);

	ck_assert_int_eq(rig.told.done, 0);
	ck_assert_str_eq(rig.told.tools, TOOLS);
	answer_result(&rig, seq, RESULT, false, -1);
	await(&rig, &rig.told.done, 1);
	ck_assert_str_eq(rig.told.json, RESULT);
	ck_assert(!rig.told.error);
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_results_in_any_order_reach_their_calls)
{
	struct rig rig;
	struct told others[2] = { { .opened = 0 }, { .opened = 0 } };
	struct err err = ERR_INIT;
	uint32_t seq[2];

	rig_open(&rig);
	rig_accept(&rig);
	answer_open(&rig, 7, TOOLS, true);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(toolbox_call(rig.toolbox, &read_ask,
						   &call_ops, &others[i],
						   &err));
		seq[i] = want(&rig, CTL__REQUEST__OP_TOOL_CALL)->seq;
	}
	answer_result(&rig, seq[1], "{\"b\":1}", false, -1);
	answer_result(&rig, seq[0], "{\"a\":1}", false, -1);
	await(&rig, &others[0].done, 1);
	ck_assert_str_eq(others[0].json, "{\"a\":1}");
	ck_assert_str_eq(others[1].json, "{\"b\":1}");
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_result_in_a_file_must_be_sealed)
{
	struct rig rig;
	uint32_t seq = begin(&rig, "read", "{}", NULL);
	struct err err = ERR_INIT;
	int sealed = cli_memfd_sealed("result", RESULT, strlen(RESULT), &err);
	int open_one = memfd_create("result", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_eq(write(open_one, RESULT, strlen(RESULT)),
			 (ssize_t)strlen(RESULT));
	answer_result(&rig, seq, NULL, false, sealed);
	await(&rig, &rig.told.done, 1);
	ck_assert_str_eq(rig.told.json, RESULT);
	call(&rig, "read", "{}");
	seq = want(&rig, CTL__REQUEST__OP_TOOL_CALL)->seq;
	answer_result(&rig, seq, NULL, false, open_one);
	await(&rig, &rig.told.done, 2);
	ck_assert_str_eq(rig.told.json, "");
	ck_assert_int_eq(rig.told.err.code, ERR_BAD_REQUEST);
	fd_close(&sealed);
	fd_close(&open_one);
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_long_arguments_travel_sealed)
{
	struct rig rig;
	char *args = malloc(100001);
	const Ctl__Request *request;
	struct stat st;
	int fd;

	memset(args, ' ', 100000);
	args[0] = '{';
	args[99999] = '}';
	args[100000] = '\0';
	rig_open(&rig);
	call(&rig, "write", args);
	rig_accept(&rig);
	answer_open(&rig, 7, TOOLS, true);
	request = want(&rig, CTL__REQUEST__OP_TOOL_CALL);
	ck_assert_uint_eq(request->tool_call->args.len, 0);
	ck_assert_uint_eq(request->tool_call->args_fd, 1);
	fd = wire_frame_take_fd(&rig.frame, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, 100000);
	ck_assert_int_eq(fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE, F_SEAL_WRITE);
	fd_close(&fd);
	free(args);
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_error_comes_with_its_hint)
{
	struct rig rig;
	uint32_t seq = begin(&rig, "raed", "{}", NULL);

	answer_error(&rig, seq, "raed: there is no such tool",
		     "did you mean read?");
	await(&rig, &rig.told.done, 1);
	ck_assert_str_eq(rig.told.err.text, "raed: there is no such tool");
	ck_assert_str_eq(rig.told.hint, "did you mean read?");
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_progress_is_told)
{
	struct rig rig;
	uint32_t seq = begin(&rig, "exec", "{}", NULL);
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__ToolProgress msg = CTL__TOOL_PROGRESS__INIT;

	msg.output_bytes = 4711;
	reply.re_case = CTL__REPLY__RE_TOOL_PROGRESS;
	reply.tool_progress = &msg;
	answer(&rig, seq, &reply, -1);
	await(&rig, &rig.told.progress, 1);
	ck_assert_uint_eq(rig.told.output_bytes, 4711);
	ck_assert_int_eq(rig.told.done, 0);
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_cancel_before_it_is_sent_ends_at_once)
{
	struct rig rig;
	struct toolbox_call *made;

	rig_open(&rig);
	made = call(&rig, "exec", "{}");
	toolbox_cancel(made);
	ck_assert_int_eq(rig.told.done, 0);
	await(&rig, &rig.told.done, 1);
	ck_assert_str_eq(rig.told.err.text, "exec: cancelled");
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_cancel_names_the_call)
{
	struct rig rig;
	struct toolbox_call *made;
	uint32_t seq = begin(&rig, "exec", "{}", &made);
	const Ctl__Request *request;

	toolbox_cancel(made);
	toolbox_cancel(made);
	request = want(&rig, CTL__REQUEST__OP_TOOL_CANCEL);
	ck_assert_mem_eq(request->tool_cancel->token.data, rig.token,
			 WIRE_ID_BYTES);
	idle(&rig);
	ck_assert_int_eq(rig.told.done, 0);
	ck_assert_ptr_null(try_request(&rig));
	answer_result(&rig, seq, RESULT, false, -1);
	await(&rig, &rig.told.done, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_changed_is_opened_again_and_told_if_other)
{
	struct rig rig;
	uint32_t seq = begin(&rig, "read", "{}", NULL);
	const Ctl__Request *request;

	answer_result(&rig, seq, RESULT, true, -1);
	answer_open(&rig, 8, "[]", true);
	await(&rig, &rig.told.opened, 2);
	ck_assert_str_eq(rig.told.tools, "[]");
	request = want(&rig, CTL__REQUEST__OP_TOOLBOX_CLOSE);
	ck_assert_uint_eq(request->toolbox_close->toolbox, 7);
	call(&rig, "read", "{}");
	request = want(&rig, CTL__REQUEST__OP_TOOL_CALL);
	ck_assert_uint_eq(request->tool_call->toolbox, 8);
	seq = request->seq;
	/* The same again is no news. */
	answer_result(&rig, seq, RESULT, true, -1);
	answer_open(&rig, 9, "[]", true);
	(void)want(&rig, CTL__REQUEST__OP_TOOLBOX_CLOSE);
	ck_assert_int_eq(rig.told.opened, 2);
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_replaced_one_stays_for_its_calls)
{
	struct rig rig;
	uint32_t slow = begin(&rig, "exec", "{}", NULL), seq;

	call(&rig, "read", "{}");
	seq = want(&rig, CTL__REQUEST__OP_TOOL_CALL)->seq;
	answer_result(&rig, seq, RESULT, true, -1);
	answer_open(&rig, 8, "[]", true);
	await(&rig, &rig.told.opened, 2);
	idle(&rig);
	ck_assert_ptr_null(try_request(&rig));
	answer_result(&rig, slow, RESULT, false, -1);
	(void)want(&rig, CTL__REQUEST__OP_TOOLBOX_CLOSE);
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_lost_exec_is_waited_for)
{
	struct rig rig;
	const Ctl__Request *request;
	uint8_t token[WIRE_ID_BYTES];

	begin(&rig, "exec", "{}", NULL);
	memcpy(token, rig.token, sizeof(token));
	lose(&rig);
	request = want(&rig, CTL__REQUEST__OP_TOOL_CALL);
	ck_assert(request->tool_call->again);
	ck_assert_uint_eq(request->tool_call->toolbox, 9);
	ck_assert_mem_eq(rig.token, token, sizeof(token));
	answer_result(&rig, request->seq, RESULT, false, -1);
	await(&rig, &rig.told.done, 1);
	ck_assert_str_eq(rig.told.json, RESULT);
	ck_assert_int_eq(rig.told.opened, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_lost_call_that_changes_nothing_is_made_anew)
{
	static const char *const calls[][2] = {
		{ "read", "{}" },
		{ "process", "{\"action\":\"poll\"}" },
		{ "process", "{\"action\":\"list\"}" },
		{ "resources.list", "{}" },
	};
	const Ctl__Request *request;
	uint8_t token[WIRE_ID_BYTES];
	struct rig rig;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		begin(&rig, calls[i][0], calls[i][1], NULL);
		memcpy(token, rig.token, sizeof(token));
		lose(&rig);
		request = want(&rig, CTL__REQUEST__OP_TOOL_CALL);
		ck_assert(!request->tool_call->again);
		ck_assert_mem_ne(rig.token, token, sizeof(token));
		rig_close(&rig);
	}
}
END_TEST

START_TEST(test_toolbox_lost_call_that_changes_something_is_not_repeated)
{
	static const char *const calls[][2] = {
		{ "write", "{}" },
		{ "edit", "{}" },
		{ "apply_patch", "{}" },
		{ "process", "{\"action\":\"write\"}" },
		{ "process", "{\"action\":\"kill\"}" },
	};
	struct rig rig;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		begin(&rig, calls[i][0], calls[i][1], NULL);
		lose(&rig);
		await(&rig, &rig.told.done, 1);
		ck_assert_str_eq(rig.told.json, "");
		ck_assert_ptr_nonnull(strstr(rig.told.err.text,
					     "not known whether"));
		idle(&rig);
		ck_assert_ptr_null(try_request(&rig));
		rig_close(&rig);
	}
}
END_TEST

START_TEST(test_toolbox_lost_before_it_was_sent_is_sent)
{
	struct rig rig;
	const Ctl__Request *request;

	rig_open(&rig);
	call(&rig, "write", "{}");
	rig_accept(&rig);
	(void)want(&rig, CTL__REQUEST__OP_TOOLBOX_OPEN);
	lose(&rig);
	request = want(&rig, CTL__REQUEST__OP_TOOL_CALL);
	ck_assert(!request->tool_call->again);
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_cancel_follows_over_the_next_connection)
{
	struct rig rig;
	struct toolbox_call *made;

	begin(&rig, "exec", "{}", &made);
	fd_close(&rig.sock);
	toolbox_cancel(made);
	rig_accept(&rig);
	answer_open(&rig, 9, TOOLS, true);
	ck_assert(want(&rig, CTL__REQUEST__OP_TOOL_CALL)->tool_call->again);
	(void)want(&rig, CTL__REQUEST__OP_TOOL_CANCEL);
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_host_call_is_run_here_and_told)
{
	struct rig rig;
	const Ctl__Request *request;
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__Done done = CTL__DONE__INIT;
	struct err none = ERR_INIT;
	const struct tool_host_end end = {
		.json = RESULT,
		.len = strlen(RESULT),
		.error = true,
		.status = 3,
		.wall_usec = 17,
	};

	rig_open(&rig);
	call(&rig, "exec", "{}");
	rig_accept(&rig);
	answer_open(&rig, 7, TOOLS, false);
	answer_host(&rig, want(&rig, CTL__REQUEST__OP_TOOL_CALL)->seq, false);
	await(&rig, &rig.told.host, 1);
	/* Lost meanwhile: it goes on, and is told over the next one. */
	lose(&rig);
	host.done(host.arg, &end, &none);
	request = want(&rig, CTL__REQUEST__OP_HOST_DONE);
	ck_assert_uint_eq(request->host_done->status, 3);
	ck_assert_uint_eq(request->host_done->wall_usec, 17);
	ck_assert_mem_eq(request->host_done->token.data, rig.token,
			 WIRE_ID_BYTES);
	ck_assert_int_eq(rig.told.done, 0);
	reply.re_case = CTL__REPLY__RE_DONE;
	reply.done = &done;
	answer(&rig, request->seq, &reply, -1);
	await(&rig, &rig.told.done, 1);
	ck_assert_str_eq(rig.told.json, RESULT);
	ck_assert(rig.told.error);
	ck_assert_ptr_null(host.done);
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_sandboxed_runs_nothing_here_unless_elevated)
{
	struct rig rig;
	const Ctl__Request *request;
	uint32_t seq = begin(&rig, "exec", "{}", NULL);

	answer_host(&rig, seq, false);
	/* Opened again, since something has changed; and told. */
	answer_open(&rig, 8, TOOLS, false);
	request = want(&rig, CTL__REQUEST__OP_HOST_DONE);
	answer_error(&rig, request->seq, "x", "");
	await(&rig, &rig.told.done, 1);
	ck_assert_int_eq(rig.told.err.code, ERR_DENIED);
	ck_assert_int_eq(rig.told.host, 0);
	rig_close(&rig);
	seq = begin(&rig, "exec", "{}", NULL);
	answer_host(&rig, seq, true);
	await(&rig, &rig.told.host, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(test_toolbox_that_cannot_be_opened_ends_its_calls_and_says_why)
{
	struct rig rig;

	rig_open(&rig);
	call(&rig, "read", "{}");
	rig_accept(&rig);
	answer_error(&rig, want(&rig, CTL__REQUEST__OP_TOOLBOX_OPEN)->seq,
		     "session key: empty", "give one");
	await(&rig, &rig.told.failed, 1);
	ck_assert_int_eq(rig.told.done, 1);
	ck_assert_str_eq(rig.told.err.text, "session key: empty");
	ck_assert_str_eq(rig.told.hint, "give one");
	ck_assert_ptr_null(toolbox_call(rig.toolbox, &read_ask, &call_ops,
					&rig.told,
					&(struct err)ERR_INIT));
	rig_close(&rig);
}
END_TEST

Suite *test_suite(void)
{
	const TTest *const tests[] = {
		test_toolbox_call_waits_for_opening_and_gets_its_result,
		test_toolbox_results_in_any_order_reach_their_calls,
		test_toolbox_result_in_a_file_must_be_sealed,
		test_toolbox_long_arguments_travel_sealed,
		test_toolbox_error_comes_with_its_hint,
		test_toolbox_progress_is_told,
		test_toolbox_cancel_before_it_is_sent_ends_at_once,
		test_toolbox_cancel_names_the_call,
		test_toolbox_changed_is_opened_again_and_told_if_other,
		test_toolbox_replaced_one_stays_for_its_calls,
		test_toolbox_lost_exec_is_waited_for,
		test_toolbox_lost_call_that_changes_nothing_is_made_anew,
		test_toolbox_lost_call_that_changes_something_is_not_repeated,
		test_toolbox_lost_before_it_was_sent_is_sent,
		test_toolbox_cancel_follows_over_the_next_connection,
		test_toolbox_host_call_is_run_here_and_told,
		test_toolbox_sandboxed_runs_nothing_here_unless_elevated,
		test_toolbox_that_cannot_be_opened_ends_its_calls_and_says_why,
	};
	Suite *suite = suite_create("toolbox");
	TCase *all = tcase_create("toolbox");

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(all, tests[i]);
	suite_add_tcase(suite, all);
	return suite;
}
