// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatcher's table, written out a second time, and what it does between
 * a controller and a spawner that are both played here.
 */
#include <config.h>

#include "helper/dispatch.h"

#include <fcntl.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "helper/filter.h"
#include "proto/cleanup.h"
#include "proto/helper.pb-c.h"
#include "tests/unit/runner.h"

#define MAX_FDS 5

/*
 * One row a verb: for each state (idle, image, building, end) and number of
 * descriptors 0 to 4 whether it may come, and the state after it: i, m, b, e.
 */
static const struct {
	enum hlp_op op;
	const char *idle, *image, *building, *end;
	size_t max_bytes;
	char then;
} matrix[] = {
	{ HLP_OP_NEW,      "y....", ".....", ".....", ".....", 2176, 'b' },
	{ HLP_OP_IMAGE,    ".....", ".y...", ".....", ".....", 16, 'b' },
	{ HLP_OP_MOUNT,    ".....", ".....", ".y...", ".....", 2048, 'b' },
	{ HLP_OP_TMPFS,    ".....", ".....", "y....", ".....", 2048, 'b' },
	{ HLP_OP_WRITE,    ".....", ".....", "y....", ".....", 4096, 'b' },
	{ HLP_OP_LIMIT,    ".....", ".....", "y....", ".....", 32, 'b' },
	{ HLP_OP_HOSTNAME, ".....", ".....", "y....", ".....", 512, 'b' },
	{ HLP_OP_START,    ".....", ".....", "y....", ".....", 16, 'i' },
	{ HLP_OP_ABORT,    ".....", "y....", "y....", ".....", 16, 'i' },
	{ HLP_OP_KILL,     "y....", ".....", ".....", ".....", 64, 'i' },
	{ HLP_OP_KEEP,     ".y...", ".....", ".....", ".....", 64, 'i' },
	{ HLP_OP_DROP,     "y....", ".....", ".....", ".....", 64, 'i' },
	{ HLP_OP_BYE,      "y....", ".....", ".....", ".....", 16, 'e' },
	{ HLP_OP_PAUSE,    "y....", ".....", ".....", ".....", 64, 'i' },
};

static const char state_names[HLP_ST_COUNT] = {
	[HLP_ST_INVALID] = '-', [HLP_ST_IDLE] = 'i', [HLP_ST_IMAGE] = 'm',
	[HLP_ST_BUILDING] = 'b', [HLP_ST_END] = 'e',
};

START_TEST(test_dispatch_matrix_is_the_table)
{
	size_t rows = sizeof(matrix) / sizeof(matrix[0]);

	ck_assert_uint_eq(rows, HLP_OP_COUNT - 1);
	for (size_t i = 0; i < rows; i++) {
		const char *const want[HLP_ST_COUNT] = {
			".....",	 matrix[i].idle, matrix[i].image,
			matrix[i].building, matrix[i].end,
		};
		struct hlp_step step = { .op = matrix[i].op };

		for (int s = 0; s < HLP_ST_COUNT; s++)
			for (size_t n = 0; n < MAX_FDS; n++) {
				bool admitted = hlp_verb_admit(
					(enum hlp_state)s, &step, 10, n);

				ck_assert_msg(admitted == (want[s][n] == 'y'),
					      "verb %d state %c fds %zu",
					      (int)step.op, state_names[s], n);
			}
	}
}
END_TEST

START_TEST(test_dispatch_invalid_verb_is_never_admitted)
{
	struct hlp_step step = { .op = HLP_OP_INVALID };

	for (int s = 0; s < HLP_ST_COUNT; s++)
		for (size_t n = 0; n < MAX_FDS; n++)
			ck_assert_ptr_null(hlp_verb_admit((enum hlp_state)s,
							  &step, 0, n));
}
END_TEST

START_TEST(test_dispatch_writable_image_needs_two_fds)
{
	struct hlp_step step = { .op = HLP_OP_IMAGE,
				 .image = { .writable = true } };

	for (size_t n = 0; n < MAX_FDS; n++)
		ck_assert((hlp_verb_admit(HLP_ST_IMAGE, &step, 4, n) != NULL) ==
			  (n == 2));
}
END_TEST

START_TEST(test_dispatch_too_long_is_refused_and_states_follow)
{
	static const enum hlp_state tried[] = { HLP_ST_IDLE, HLP_ST_IMAGE,
						HLP_ST_BUILDING };

	for (size_t i = 0; i < sizeof(matrix) / sizeof(matrix[0]); i++) {
		struct hlp_step step = { .op = matrix[i].op };
		size_t fds = strspn(matrix[i].idle, ".") == 1 ||
			     strspn(matrix[i].image, ".") == 1 ||
			     strspn(matrix[i].building, ".") == 1;
		bool seen = false;

		for (size_t s = 0; s < 3; s++) {
			const struct hlp_verb *verb = hlp_verb_admit(
				tried[s], &step, matrix[i].max_bytes, fds);

			if (!verb)
				continue;
			seen = true;
			ck_assert_ptr_null(hlp_verb_admit(
				tried[s], &step, matrix[i].max_bytes + 1, fds));
			ck_assert_int_eq(
				state_names[hlp_verb_next(verb, &step)],
				matrix[i].then);
		}
		ck_assert(seen);
	}
}
END_TEST

START_TEST(test_dispatch_new_with_image_makes_image_due)
{
	struct hlp_step step = { .op = HLP_OP_NEW,
				 .new_ = { .root = HLP_ROOT_IMAGE } };
	const struct hlp_verb *verb = hlp_verb_admit(HLP_ST_IDLE, &step, 9, 0);

	ck_assert_ptr_nonnull(verb);
	ck_assert_int_eq(hlp_verb_next(verb, &step), HLP_ST_IMAGE);
}
END_TEST

START_TEST(test_dispatch_filter_rows_have_reasons)
{
	size_t count;
	const struct hlp_syscall *table = hlp_filter_table(&count);

	ck_assert_uint_ge(count, 10);
	ck_assert_uint_le(count, 60);
	for (size_t i = 0; i < count; i++) {
		ck_assert_ptr_nonnull(table[i].reason);
		ck_assert_uint_ge(strlen(table[i].reason), 8);
		for (size_t j = 0; j < i; j++)
			ck_assert_int_ne(table[i].number, table[j].number);
	}
}
END_TEST

/* The dispatcher between a controller and a spawner. */
static struct hlp_policy policy;
static struct hlp_table table;
static struct hlp_ctx ctx;
static alignas(max_align_t) unsigned char arena_memory[WIRE_ARENA_BYTES];
static alignas(max_align_t) unsigned char event_memory[WIRE_ARENA_BYTES];
static struct arena event_arena;
static uint8_t event_buf[WIRE_HELPER_MAX_BYTES];
static struct wire_frame event_frame;
static int controller_fd, spawner_fd;
static const char text_id[] = "0123456789abcdef";

static void report(enum hlp_report_kind kind, uint32_t slot, uint32_t seq)
{
	struct hlp_report r = { .kind = kind, .slot = slot, .seq = seq };

	err_set(&r.err, ERR_KERNEL, 0, "it broke");
	hlp_event_report(&ctx, &r, -1);
}

static void attach(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
				    pair), 0);
	ctx.control_fd = pair[0];
	controller_fd = pair[1];
	hlp_dispatch_reset(&ctx);
}

static void setup(void)
{
	int pair[2];

	hlp_policy_builtin(&policy, false, 1000);
	policy.max_sandboxes = 3;
	policy.pool = 0;
	memset(&table, 0, sizeof(table));
	hlp_table_init(&table, policy.max_sandboxes + 2);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
				    pair), 0);
	spawner_fd = pair[1];
	ctx = (struct hlp_ctx){ .policy = &policy, .table = &table,
				.spawner_fd = pair[0], .link_fd = -1,
				.user_fd = -1, .conn_fd = -1, .held_fd = -1,
				.mounts_fd = -1,
				.current = HLP_NO_SLOT };
	arena_init(&ctx.arena, arena_memory, sizeof(arena_memory));
	arena_init(&event_arena, event_memory, sizeof(event_memory));
	wire_frame_init(&event_frame, event_buf, sizeof(event_buf));
	report(HLP_REPORT_READY, 0, 0);
	attach();
}

static void teardown(void)
{
	wire_frame_fini(&event_frame);
	for (uint32_t i = 0; i < table.high; i++)
		hlp_table_release(&table, i);
	fd_close(&ctx.control_fd);
	fd_close(&ctx.spawner_fd);
	fd_close(&controller_fd);
	fd_close(&spawner_fd);
}

/* What the dispatcher says next; NULL where it says nothing. */
static const Hlp__Event *heard(void)
{
	struct err err = ERR_INIT;

	(void)hlp_event_flush(&ctx);
	if (wire_recv(controller_fd, &event_frame, 4, &err) != WIRE_GOT)
		return NULL;
	return (const Hlp__Event *)wire_unpack(&hlp__event__descriptor,
					       &event_arena, event_buf,
					       event_frame.len, &err);
}

static void greeted(void)
{
	ck_assert_int_eq(heard()->ev_case, HLP__EVENT__EV_HELLO);
	ck_assert_int_eq(heard()->ev_case, HLP__EVENT__EV_SYNCED);
	ck_assert_ptr_null(heard());
}

static void expect_failed(uint32_t seq, enum err_code code)
{
	const Hlp__Event *event = heard();

	ck_assert_ptr_nonnull(event);
	ck_assert_int_eq(event->ev_case, HLP__EVENT__EV_FAILED);
	ck_assert_uint_eq(event->failed->seq, seq);
	ck_assert_uint_eq(event->failed->code, (unsigned int)code);
	ck_assert_uint_gt(strlen(event->failed->text), 0);
}

/* The step that the spawner was sent next; op is 0 where there is none. */
static struct hlp_step stepped(void)
{
	struct hlp_step step = { .op = HLP_OP_INVALID };
	struct wire_frame frame;
	struct err err = ERR_INIT;

	wire_frame_init(&frame, (uint8_t *)&step, sizeof(step));
	if (wire_recv(spawner_fd, &frame, 4, &err) == WIRE_GOT) {
		ck_assert_uint_eq(frame.len, sizeof(step));
		ck_assert_int_eq(hlp_step_check(&step, frame.n_fds, &err), 0);
	}
	wire_frame_fini(&frame);
	return step;
}

static int say_with(uint32_t seq, Hlp__Request *req, int fd)
{
	uint8_t buf[WIRE_HELPER_MAX_BYTES];
	struct wire_frame frame;
	struct err err = ERR_INIT;
	int result;

	req->seq = seq;
	wire_frame_init(&frame, buf, sizeof(buf));
	frame.len = protobuf_c_message_pack(&req->base, buf);
	if (fd >= 0)
		frame.fds[frame.n_fds++] = fd;
	result = hlp_dispatch_request(&ctx, &frame, &err);
	wire_frame_fini(&frame);
	return result;
}

static int say(uint32_t seq, Hlp__Request *req)
{
	return say_with(seq, req, -1);
}

#define REQUEST(WHICH, member, ...)                               \
	(&(Hlp__Request){                                         \
		PROTOBUF_C_MESSAGE_INIT(&hlp__request__descriptor), 0, \
		HLP__REQUEST__OP_##WHICH, { .member = (__VA_ARGS__) } })

static Hlp__New new_default(void)
{
	Hlp__New msg = HLP__NEW__INIT;

	msg.uid = HLP_DEFAULT_INSIDE_ID;
	msg.gid = HLP_DEFAULT_INSIDE_ID;
	msg.net = HLP__NET__NET_NONE;
	msg.root = HLP__ROOT__ROOT_HOST;
	msg.label = (ProtobufCBinaryData){ 5, (uint8_t *)"label" };
	return msg;
}

static int say_new(uint32_t seq)
{
	Hlp__New msg = new_default();

	return say(seq, REQUEST(NEW_, new_, &msg));
}

static int say_hostname(uint32_t seq, const char *name)
{
	Hlp__Hostname msg = HLP__HOSTNAME__INIT;

	msg.name = (char *)name;
	return say(seq, REQUEST(HOSTNAME, hostname, &msg));
}

static int say_start(uint32_t seq)
{
	Hlp__Start msg = HLP__START__INIT;

	return say(seq, REQUEST(START, start, &msg));
}

static int say_abort(uint32_t seq)
{
	Hlp__Abort msg = HLP__ABORT__INIT;

	return say(seq, REQUEST(ABORT, abort, &msg));
}

static ProtobufCBinaryData id_of(const void *id)
{
	return (ProtobufCBinaryData){ WIRE_ID_BYTES, (uint8_t *)id };
}

static int say_kill(uint32_t seq, const void *id)
{
	Hlp__Kill msg = HLP__KILL__INIT;

	msg.id = id_of(id);
	return say(seq, REQUEST(KILL, kill, &msg));
}

static int say_pause(uint32_t seq, const void *id, bool on)
{
	Hlp__Pause msg = HLP__PAUSE__INIT;

	msg.id = id_of(id);
	msg.on = on;
	return say(seq, REQUEST(PAUSE, pause, &msg));
}

static int say_keep(uint32_t seq, const void *id, const void *token, int fd)
{
	Hlp__Keep msg = HLP__KEEP__INIT;

	msg.id = id_of(id);
	msg.token = id_of(token);
	return say_with(seq, REQUEST(KEEP, keep, &msg), fd);
}

static int pipe_end(void)
{
	int pair[2];

	ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
	close(pair[1]);
	return pair[0];
}

/* A sandbox that runs, told to the controller; its slot. */
static uint32_t running(uint32_t seq)
{
	struct hlp_step step;

	ck_assert_int_eq(say_new(seq), 0);
	step = stepped();
	ck_assert_int_eq(step.op, HLP_OP_NEW);
	ck_assert_int_eq(say_start(seq + 1), 0);
	ck_assert_int_eq(stepped().op, HLP_OP_START);
	report(HLP_REPORT_SPAWNED, step.slot, seq);
	report(HLP_REPORT_STARTED, step.slot, seq + 1);
	ck_assert_int_eq(heard()->ev_case, HLP__EVENT__EV_STARTED);
	ck_assert_uint_eq(event_frame.n_fds, 1);
	return step.slot;
}

START_TEST(test_dispatch_good_sequence_runs_and_goes)
{
	const Hlp__Event *event;
	uint32_t slot;

	greeted();
	slot = running(10);
	ck_assert_int_eq(say_kill(12, table.slots[slot].id), 0);
	ck_assert_int_eq(stepped().op, HLP_OP_KILL);
	report(HLP_REPORT_GONE, slot, 0);
	event = heard();
	ck_assert_int_eq(event->ev_case, HLP__EVENT__EV_GONE);
	ck_assert_int_eq(table.slots[slot].state, HLP_SLOT_FREE);
	ck_assert_int_eq(table.slots[slot].control_fd, -1);
}
END_TEST

START_TEST(test_dispatch_failed_value_swallows_the_rest)
{
	greeted();
	ck_assert_int_eq(say_new(1), 0);
	ck_assert_int_eq(stepped().op, HLP_OP_NEW);
	ck_assert_int_eq(say_hostname(2, "-bad-"), 0);
	ck_assert_int_eq(say_hostname(3, "good"), 0);
	expect_failed(2, ERR_BAD_REQUEST);
	ck_assert_int_eq(stepped().op, HLP_OP_INVALID);
	ck_assert_int_eq(say_start(4), 0);
	expect_failed(4, ERR_BAD_STATE);
	ck_assert_int_eq(stepped().op, HLP_OP_ABORT);
	report(HLP_REPORT_GONE, 0, 0);
	ck_assert_int_eq(table.slots[0].state, HLP_SLOT_FREE);
	ck_assert_ptr_null(heard());
}
END_TEST

START_TEST(test_dispatch_reported_failure_is_told_once_and_start_fails)
{
	greeted();
	ck_assert_int_eq(say_new(1), 0);
	report(HLP_REPORT_FAILED, 0, 2);
	report(HLP_REPORT_FAILED, 0, 3);
	expect_failed(2, ERR_KERNEL);
	ck_assert_ptr_null(heard());
	ck_assert_int_eq(say_start(4), 0);
	expect_failed(4, ERR_BAD_STATE);
}
END_TEST

START_TEST(test_dispatch_failure_after_start_is_told_for_both)
{
	greeted();
	ck_assert_int_eq(say_new(1), 0);
	ck_assert_int_eq(say_start(4), 0);
	report(HLP_REPORT_FAILED, 0, 2);
	report(HLP_REPORT_FAILED, 0, 4);
	report(HLP_REPORT_GONE, 0, 0);
	expect_failed(2, ERR_KERNEL);
	expect_failed(4, ERR_BAD_STATE);
	ck_assert_ptr_null(heard());
	ck_assert_int_eq(table.slots[0].state, HLP_SLOT_FREE);
}
END_TEST

START_TEST(test_dispatch_death_while_built_is_a_failure)
{
	greeted();
	ck_assert_int_eq(say_new(1), 0);
	report(HLP_REPORT_GONE, 0, 0);
	expect_failed(1, ERR_KERNEL);
	ck_assert_int_eq(say_start(2), 0);
	expect_failed(2, ERR_BAD_STATE);
	ck_assert_int_eq(table.slots[0].state, HLP_SLOT_FREE);
	ck_assert_int_eq(say_new(3), 0);
	ck_assert_int_eq(say_start(4), 0);
	report(HLP_REPORT_GONE, 0, 0);
	expect_failed(4, ERR_KERNEL);
	ck_assert_ptr_null(heard());
}
END_TEST

START_TEST(test_dispatch_death_while_built_then_abort_frees)
{
	greeted();
	ck_assert_int_eq(say_new(1), 0);
	report(HLP_REPORT_GONE, 0, 0);
	expect_failed(1, ERR_KERNEL);
	ck_assert_int_eq(say_abort(2), 0);
	ck_assert_int_eq(table.slots[0].state, HLP_SLOT_FREE);
}
END_TEST

START_TEST(test_dispatch_too_many_sandboxes_are_refused)
{
	greeted();
	for (uint32_t i = 0; i < 3; i++)
		(void)running(10 * i + 10);
	ck_assert_int_eq(say_new(50), 0);
	ck_assert_int_eq(stepped().op, HLP_OP_INVALID);
	expect_failed(50, ERR_LIMIT);
	ck_assert_int_eq(say_hostname(51, "swallowed"), 0);
	ck_assert_ptr_null(heard());
	ck_assert_int_eq(say_start(52), 0);
	expect_failed(52, ERR_BAD_STATE);
	ck_assert_int_eq(ctx.state, HLP_ST_IDLE);
}
END_TEST

START_TEST(test_dispatch_wrong_state_breaks_the_protocol)
{
	ck_assert_int_lt(say_start(1), 0);
	ck_assert_int_lt(say_hostname(1, "x"), 0);
	ck_assert_int_lt(say_abort(1), 0);
	ck_assert_int_eq(say_new(1), 0);
	ck_assert_int_lt(say_new(2), 0);
	ck_assert_int_lt(say_kill(2, text_id), 0);
}
END_TEST

START_TEST(test_dispatch_unknown_ids_are_answered)
{
	greeted();
	ck_assert_int_eq(say_kill(1, text_id), 0);
	expect_failed(1, ERR_BAD_REQUEST);
	ck_assert_int_eq(say_keep(2, text_id, text_id, pipe_end()), 0);
	expect_failed(2, ERR_BAD_REQUEST);
	ck_assert_int_eq(stepped().op, HLP_OP_INVALID);
}
END_TEST

START_TEST(test_dispatch_pause_needs_a_cgroup)
{
	struct hlp_step step;
	uint32_t slot;

	greeted();
	ck_assert_int_eq(say_pause(1, text_id, true), 0);
	expect_failed(1, ERR_BAD_REQUEST);
	slot = running(10);
	ck_assert_int_eq(say_pause(12, table.slots[slot].id, true), 0);
	expect_failed(12, ERR_UNSUPPORTED);
	ck_assert_int_eq(stepped().op, HLP_OP_INVALID);
	table.slots[slot].cgroup = true;
	for (int on = 1; on >= 0; on--) {
		ck_assert_int_eq(say_pause(13, table.slots[slot].id, on), 0);
		step = stepped();
		ck_assert_int_eq(step.op, HLP_OP_PAUSE);
		ck_assert_uint_eq(step.slot, slot);
		ck_assert_int_eq(step.pause.on, on);
	}
	ck_assert_ptr_null(heard());
}
END_TEST

START_TEST(test_dispatch_id_is_unknown_before_started)
{
	greeted();
	ck_assert_int_eq(say_new(1), 0);
	ck_assert_int_eq(say_start(2), 0);
	ck_assert_int_eq(say_kill(3, table.slots[0].id), 0);
	expect_failed(3, ERR_BAD_REQUEST);
}
END_TEST

START_TEST(test_dispatch_keep_is_bounded_and_takes_no_sockets)
{
	uint8_t token[WIRE_ID_BYTES] = { 0 };
	uint32_t slot;
	int pair[2];
	size_t before;

	greeted();
	slot = running(1);
	wire_frame_fini(&event_frame);
	before = test_count_fds();
	for (int i = 0; i < HLP_KEPT_MAX_SLOT; i++) {
		token[0] = (uint8_t)i;
		ck_assert_int_eq(say_keep(9, table.slots[slot].id, token,
					  pipe_end()), 0);
		ck_assert_ptr_null(heard());
	}
	token[1] = 1;
	ck_assert_int_eq(say_keep(9, table.slots[slot].id, token, pipe_end()),
			 0);
	expect_failed(9, ERR_LIMIT);
	token[1] = 0;
	ck_assert_int_eq(say_keep(9, table.slots[slot].id, token, pipe_end()),
			 0);
	expect_failed(9, ERR_BAD_STATE);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	ck_assert_int_eq(say_keep(9, table.slots[slot].id, token, pair[0]), 0);
	expect_failed(9, ERR_BAD_REQUEST);
	close(pair[1]);
	ck_assert_uint_eq(test_count_fds(), before + HLP_KEPT_MAX_SLOT);
	report(HLP_REPORT_GONE, slot, 0);
	ck_assert_int_eq(heard()->ev_case, HLP__EVENT__EV_GONE);
	ck_assert_uint_lt(test_count_fds(), before);
}
END_TEST

START_TEST(test_dispatch_next_controller_adopts)
{
	const Hlp__Event *event;
	uint32_t slot;

	greeted();
	slot = running(1);
	ck_assert_int_eq(say_keep(9, table.slots[slot].id, text_id, pipe_end()),
			 0);
	ck_assert_int_eq(say_new(10), 0);
	ck_assert_int_eq(stepped().op, HLP_OP_NEW);
	fd_close(&ctx.control_fd);
	fd_close(&controller_fd);
	attach();
	ck_assert_int_eq(stepped().op, HLP_OP_ABORT);
	ck_assert_int_eq(heard()->ev_case, HLP__EVENT__EV_HELLO);
	event = heard();
	ck_assert_int_eq(event->ev_case, HLP__EVENT__EV_ADOPT);
	ck_assert_uint_eq(event->adopt->label.len, 5);
	ck_assert_uint_eq(event_frame.n_fds, 1);
	event = heard();
	ck_assert_int_eq(event->ev_case, HLP__EVENT__EV_KEPT);
	ck_assert_int_eq(memcmp(event->kept->token.data, text_id, 16), 0);
	ck_assert_uint_eq(event_frame.n_fds, 1);
	ck_assert_int_eq(heard()->ev_case, HLP__EVENT__EV_SYNCED);
	ck_assert_ptr_null(heard());
	ck_assert_int_eq(ctx.state, HLP_ST_IDLE);
}
END_TEST

START_TEST(test_dispatch_silent_controller_costs_nothing)
{
	unsigned int sent = 0;

	greeted();
	/* Nobody reads: replies fill the socket, then requests must wait. */
	while (hlp_event_flush(&ctx) && sent < 100000) {
		ck_assert_int_eq(say_kill(++sent, text_id), 0);
		ck_assert_uint_lt(sent, 100000);
	}
	ck_assert(ctx.dirty);
	ck_assert_ptr_nonnull(heard());
}
END_TEST

START_TEST(test_dispatch_pool_serves_the_default_only)
{
	Hlp__New other = new_default();

	policy.pool = 1;
	greeted();
	ck_assert(hlp_dispatch_wants_refill(&ctx));
	hlp_dispatch_refill(&ctx);
	ck_assert(!hlp_dispatch_wants_refill(&ctx));
	ck_assert_int_eq(stepped().op, HLP_OP_NEW);
	other.uid = 7;
	ck_assert_int_eq(say(1, REQUEST(NEW_, new_, &other)), 0);
	ck_assert_int_eq(stepped().op, HLP_OP_NEW);
	ck_assert_int_eq(say_abort(2), 0);
	ck_assert_int_eq(stepped().op, HLP_OP_ABORT);
	ck_assert_int_eq(say_new(3), 0);
	ck_assert_int_eq(stepped().op, HLP_OP_INVALID);
	ck_assert_uint_eq(ctx.current, 0);
	/* What went wrong before anybody took it is told with new's number. */
	report(HLP_REPORT_FAILED, 0, 0);
	expect_failed(3, ERR_KERNEL);
}
END_TEST

START_TEST(test_dispatch_pool_is_dropped_when_mounts_change)
{
	int pair[2];

	/* A pipe that hangs up reports an event, as a mount does. */
	ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
	ctx.mounts_fd = pair[0];
	policy.pool = 1;
	greeted();
	hlp_dispatch_refill(&ctx);
	ck_assert_int_eq(stepped().op, HLP_OP_NEW);
	close(pair[1]);
	ck_assert_int_eq(say_new(1), 0);
	ck_assert_int_eq(stepped().op, HLP_OP_ABORT);
	ck_assert_int_eq(stepped().op, HLP_OP_NEW);
	ck_assert_uint_eq(ctx.current, 1);
	report(HLP_REPORT_GONE, 0, 0);
	ck_assert_int_eq(table.slots[0].state, HLP_SLOT_FREE);
	close(pair[0]);
}
END_TEST

START_TEST(test_dispatch_pool_that_fails_is_given_up)
{
	policy.pool = 2;
	greeted();
	for (int i = 0; i < 3; i++) {
		ck_assert(hlp_dispatch_wants_refill(&ctx));
		hlp_dispatch_refill(&ctx);
		report(HLP_REPORT_FAILED, 0, 0);
		report(HLP_REPORT_GONE, 0, 0);
	}
	ck_assert(!hlp_dispatch_wants_refill(&ctx));
	ck_assert_ptr_null(heard());
	ck_assert_int_eq(say_new(1), 0);
	ck_assert_int_eq(ctx.state, HLP_ST_BUILDING);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("dispatch");
	TCase *tc = tcase_create("table");

	tcase_add_test(tc, test_dispatch_matrix_is_the_table);
	tcase_add_test(tc, test_dispatch_invalid_verb_is_never_admitted);
	tcase_add_test(tc, test_dispatch_writable_image_needs_two_fds);
	tcase_add_test(tc, test_dispatch_too_long_is_refused_and_states_follow);
	tcase_add_test(tc, test_dispatch_new_with_image_makes_image_due);
	tcase_add_test(tc, test_dispatch_filter_rows_have_reasons);
	suite_add_tcase(suite, tc);
	tc = tcase_create("handlers");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_dispatch_good_sequence_runs_and_goes);
	tcase_add_test(tc, test_dispatch_failed_value_swallows_the_rest);
	tcase_add_test(
		tc,
		test_dispatch_reported_failure_is_told_once_and_start_fails);
	tcase_add_test(tc, test_dispatch_failure_after_start_is_told_for_both);
	tcase_add_test(tc, test_dispatch_death_while_built_is_a_failure);
	tcase_add_test(tc, test_dispatch_death_while_built_then_abort_frees);
	tcase_add_test(tc, test_dispatch_too_many_sandboxes_are_refused);
	tcase_add_test(tc, test_dispatch_wrong_state_breaks_the_protocol);
	tcase_add_test(tc, test_dispatch_unknown_ids_are_answered);
	tcase_add_test(tc, test_dispatch_pause_needs_a_cgroup);
	tcase_add_test(tc, test_dispatch_id_is_unknown_before_started);
	tcase_add_test(tc, test_dispatch_keep_is_bounded_and_takes_no_sockets);
	tcase_add_test(tc, test_dispatch_next_controller_adopts);
	tcase_add_test(tc, test_dispatch_silent_controller_costs_nothing);
	tcase_add_test(tc, test_dispatch_pool_serves_the_default_only);
	tcase_add_test(tc, test_dispatch_pool_is_dropped_when_mounts_change);
	tcase_add_test(tc, test_dispatch_pool_that_fails_is_given_up);
	suite_add_tcase(suite, tc);
	return suite;
}
