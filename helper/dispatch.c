// SPDX-License-Identifier: Apache-2.0
/*
 * What a controller may ask, and when. The table is the whole attack surface
 * of the helper: a datagram that no row admits ends the process. Handlers see
 * unpacked arguments, have no privilege, and act by sending steps to the
 * spawner, which checks them again.
 */
#include <config.h>

#include "helper/dispatch.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "helper/validate.h"
#include "proto/cleanup.h"

#define IN(state) (1U << (state))
#define BUILD IN(HLP_ST_BUILDING)
#define MAX_POOL_FAILURES 3

static hlp_handler_fn hlp_do_new, hlp_do_build, hlp_do_start, hlp_do_abort,
	hlp_do_kill, hlp_do_keep, hlp_do_drop, hlp_do_bye, hlp_do_pause;

/* clang-format off */
static const struct hlp_verb hlp_verbs[] = {
	/* op              legal in                  fds   bytes  then             handler */
	{ HLP_OP_NEW,      IN(HLP_ST_IDLE),           0, 0,  2176, HLP_ST_BUILDING, hlp_do_new },
	{ HLP_OP_IMAGE,    IN(HLP_ST_IMAGE),          1, 2,    16, HLP_ST_BUILDING, hlp_do_build },
	{ HLP_OP_MOUNT,    BUILD,                     1, 1,  2048, HLP_ST_BUILDING, hlp_do_build },
	{ HLP_OP_TMPFS,    BUILD,                     0, 0,  2048, HLP_ST_BUILDING, hlp_do_build },
	{ HLP_OP_WRITE,    BUILD,                     0, 0,  4096, HLP_ST_BUILDING, hlp_do_build },
	{ HLP_OP_LIMIT,    BUILD,                     0, 0,    32, HLP_ST_BUILDING, hlp_do_build },
	{ HLP_OP_HOSTNAME, BUILD,                     0, 0,   512, HLP_ST_BUILDING, hlp_do_build },
	{ HLP_OP_START,    BUILD,                     0, 0,    16, HLP_ST_IDLE,     hlp_do_start },
	{ HLP_OP_ABORT,    BUILD | IN(HLP_ST_IMAGE),  0, 0,    16, HLP_ST_IDLE,     hlp_do_abort },
	{ HLP_OP_KILL,     IN(HLP_ST_IDLE),           0, 0,    64, HLP_ST_IDLE,     hlp_do_kill },
	{ HLP_OP_KEEP,     IN(HLP_ST_IDLE),           1, 1,    64, HLP_ST_IDLE,     hlp_do_keep },
	{ HLP_OP_DROP,     IN(HLP_ST_IDLE),           0, 0,    64, HLP_ST_IDLE,     hlp_do_drop },
	{ HLP_OP_BYE,      IN(HLP_ST_IDLE),           0, 0,    16, HLP_ST_END,      hlp_do_bye },
	{ HLP_OP_PAUSE,    IN(HLP_ST_IDLE),           0, 0,    64, HLP_ST_IDLE,     hlp_do_pause },
};
/* clang-format on */

/**
 * hlp_verb_admit() - find the row that lets a request in
 * @step:  unpacked
 * @bytes: length of its datagram
 * @n_fds: descriptors that came with it
 *
 * Return: the row, or NULL: the controller has broken the protocol.
 */
const struct hlp_verb *hlp_verb_admit(enum hlp_state state,
				      const struct hlp_step *step, size_t bytes,
				      size_t n_fds)
{
	const struct hlp_verb *verb = hlp_verbs;

	while (verb->op != step->op)
		if (++verb == hlp_verbs + sizeof(hlp_verbs) / sizeof(*verb))
			return NULL;
	if (!(verb->legal_in & IN(state)) || bytes > verb->max_bytes ||
	    n_fds < verb->min_fds || n_fds > verb->max_fds)
		return NULL;
	/* The one verb whose arguments say how many there are. */
	if (step->op == HLP_OP_IMAGE &&
	    n_fds != (step->image.writable ? 2U : 1U))
		return NULL;
	return verb;
}

/**
 * hlp_verb_next() - the state after a verb
 */
enum hlp_state hlp_verb_next(const struct hlp_verb *verb,
			     const struct hlp_step *step)
{
	if (step->op == HLP_OP_NEW && step->new_.root == HLP_ROOT_IMAGE)
		return HLP_ST_IMAGE;
	return verb->then;
}

/**
 * hlp_dispatch_request() - one datagram of the controller
 * @frame: what arrived; descriptors that no handler took stay its own
 *
 * A verb that is refused or fails is answered, and the state goes on all the
 * same: the verbs that were sent after it are on their way already.
 *
 * Return: 0, or -1 with @err where the protocol was broken.
 */
int hlp_dispatch_request(struct hlp_ctx *ctx, struct wire_frame *frame,
			 struct err *err)
{
	const struct hlp_verb *verb;
	struct hlp_args args;

	if (hlp_unpack(frame->buf, frame->len, &ctx->arena, &args, err) < 0)
		return -1;
	args.frame = frame;
	verb = hlp_verb_admit(ctx->state, &args.step, frame->len,
			      frame->n_fds);
	if (!verb)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "verb %d of %zu bytes with %zu descriptors in state %d",
			       (int)args.step.op, frame->len, frame->n_fds,
			       (int)ctx->state);
	if (verb->handler(ctx, &args) < 0) {
		ctx->reply_seq = args.step.seq;
		ctx->tell_reply = true;
		ctx->dirty = true;
		if (ctx->current != HLP_NO_SLOT)
			ctx->table->slots[ctx->current].broken = true;
	}
	ctx->state = hlp_verb_next(verb, &args.step);
	return 0;
}

static int send_op(struct hlp_ctx *ctx, uint32_t slot, enum hlp_op op,
		   uint32_t seq)
{
	struct hlp_step step = { .op = op, .slot = slot, .seq = seq };

	return hlp_spawner_send(ctx, &step, NULL, 0, &ctx->reply_err);
}

/* Gives a slot up; it is free once the spawner says so. */
static void give_up(struct hlp_ctx *ctx, uint32_t index)
{
	ctx->table->slots[index].state = HLP_SLOT_DYING;
	/* Fails only where the spawner is gone, which ends this process. */
	if (!ctx->table->slots[index].gone)
		(void)send_op(ctx, index, HLP_OP_ABORT, 0);
	hlp_event_free_if_done(ctx, index);
}

/*
 * Has a sandbox begun in a free slot. The controller's end of pid 1's socket
 * stays in the table, the other goes to the spawner.
 */
static int begin(struct hlp_ctx *ctx, struct hlp_step step,
		 enum hlp_slot_state state, uint32_t *index)
{
	struct hlp_slot *slot;
	auto_fd init_fd = -1;
	int pair[2];
	int result;

	*index = step.slot = hlp_table_take(ctx->table);
	if (step.slot == HLP_NO_SLOT)
		return err_set(&ctx->reply_err, ERR_LIMIT, 0,
			       "too many sandboxes");
	slot = &ctx->table->slots[step.slot];
	if (getrandom(slot->id, sizeof(slot->id), 0) != sizeof(slot->id) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(&ctx->reply_err, ERR_KERNEL, errno,
			       "random id and control socket");
	slot->control_fd = pair[0];
	init_fd = pair[1];
	slot->state = state;
	result = hlp_spawner_send(ctx, &step, &init_fd, 1, &ctx->reply_err);
	if (result < 0)
		hlp_table_release(ctx->table, step.slot);
	return result;
}

static int validate(struct hlp_ctx *ctx, const struct hlp_args *args)
{
	return hlp_validate(&args->step, ctx->policy, args->frame->fds,
			    args->frame->n_fds, &ctx->reply_err);
}

static const struct hlp_step pool_step = {
	.op = HLP_OP_NEW,
	.new_ = { .uid = HLP_DEFAULT_INSIDE_ID, .gid = HLP_DEFAULT_INSIDE_ID,
		  .net = HLP_NET_NONE, .root = HLP_ROOT_HOST },
};

/*
 * A prefabricated sandbox has a copy of the mounts of its time: what has since
 * been mounted over would show through a bind of it.
 */
static void pool_check(struct hlp_ctx *ctx)
{
	struct pollfd pfd = { .fd = ctx->mounts_fd, .events = POLLPRI };

	/* An event is any change since the last look, see proc(5). */
	if (poll(&pfd, 1, 0) <= 0)
		return;
	for (uint32_t i = 0; i < ctx->table->high; i++)
		if (ctx->table->slots[i].state == HLP_SLOT_POOL)
			give_up(ctx, i);
}

static uint32_t pool_take(struct hlp_ctx *ctx, const struct hlp_step *step)
{
	const struct hlp_table *table = ctx->table;
	struct hlp_step want = pool_step;

	/* With cgroups every sandbox has one. */
	want.new_.want_cgroup = step->new_.want_cgroup && ctx->facts.cgroup;
	if (memcmp(&want.new_, &step->new_, sizeof(want.new_)) != 0)
		return HLP_NO_SLOT;
	for (uint32_t i = 0; i < table->high; i++)
		if (table->slots[i].state == HLP_SLOT_POOL &&
		    !table->slots[i].broken && !table->slots[i].gone)
			return i;
	return HLP_NO_SLOT;
}

/**
 * hlp_dispatch_wants_refill() - whether the pool of sandboxes is short
 *
 * Not while one is built. Where they fail again and again the pool
 * stays empty: a fresh one then tells the controller why.
 */
bool hlp_dispatch_wants_refill(const struct hlp_ctx *ctx)
{
	return ctx->ready && ctx->state == HLP_ST_IDLE &&
	       ctx->pool_failures < MAX_POOL_FAILURES &&
	       hlp_table_count(ctx->table, true) < ctx->policy->pool;
}

/**
 * hlp_dispatch_refill() - prefabricate one sandbox of the default kind
 */
void hlp_dispatch_refill(struct hlp_ctx *ctx)
{
	uint32_t index;

	if (begin(ctx, pool_step, HLP_SLOT_POOL, &index) < 0)
		ctx->pool_failures++;
}

/*
 * A hostile controller could ask for more sandboxes than it may have, for
 * ids, capabilities or a network that the policy withholds, or guess ids of
 * others. Counts and values are checked here, ids are the kernel's random
 * bytes, and which host ids a sandbox gets is for the spawner alone to say.
 */
static int hlp_do_new(struct hlp_ctx *ctx, struct hlp_args *args)
{
	struct hlp_slot_text *text;
	uint32_t index;

	ctx->current = HLP_NO_SLOT;
	if (validate(ctx, args) < 0)
		return -1;
	if (hlp_table_count(ctx->table, false) >= ctx->policy->max_sandboxes)
		return err_set(&ctx->reply_err, ERR_LIMIT, 0,
			       "%u sandboxes are the most that helper.conf allows",
			       ctx->policy->max_sandboxes);
	pool_check(ctx);
	index = pool_take(ctx, &args->step);
	if (index == HLP_NO_SLOT &&
	    begin(ctx, args->step, HLP_SLOT_BUILDING, &index) < 0)
		return -1;
	ctx->table->slots[index].state = HLP_SLOT_BUILDING;
	ctx->table->slots[index].new_seq = args->step.seq;
	text = &ctx->table->texts[index];
	text->label_len = args->label_len;
	if (args->label_len)
		memcpy(text->label, args->label, args->label_len);
	ctx->current = index;
	return 0;
}

/*
 * The verbs between new and start. A hostile controller could send
 * - image, mount: a descriptor of any kind, from any mount namespace, and a
 *   target that leads out of the new root. The kernel checked at open what its
 *   user may reach; the spawner checks kinds, clones recursively and only adds
 *   flags; overlays are mounted with the sandbox's credentials; targets are
 *   walked inside the new root before hostile code runs.
 * - tmpfs: a size without bound. It is bounded, and counts in the memory limit.
 * - write: more than a name and 3 KiB below the sandbox's own /etc. It cannot:
 *   the name is one of a table.
 * - limit: a key or value that the policy does not grant. Keys are an enum,
 *   values are held to the ceilings here and again next to the write.
 * - hostname: that changes its own UTS namespace alone.
 * After a failure all of these are swallowed.
 */
static int hlp_do_build(struct hlp_ctx *ctx, struct hlp_args *args)
{
	const struct hlp_slot *slot;

	if (ctx->current == HLP_NO_SLOT)
		return 0;
	slot = &ctx->table->slots[ctx->current];
	if (slot->broken || slot->gone)
		return 0;
	if (validate(ctx, args) < 0)
		return -1;
	args->step.slot = ctx->current;
	return hlp_spawner_send(ctx, &args->step, args->frame->fds,
				args->frame->n_fds, &ctx->reply_err);
}

/*
 * A hostile controller could start what is half built: after any failed verb
 * the slot is given up instead, and the spawner refuses on its own too.
 */
static int hlp_do_start(struct hlp_ctx *ctx, struct hlp_args *args)
{
	uint32_t index = ctx->current;
	struct hlp_slot *slot;

	ctx->current = HLP_NO_SLOT;
	slot = index == HLP_NO_SLOT ? NULL : &ctx->table->slots[index];
	if (!slot || slot->broken || slot->gone) {
		if (slot)
			give_up(ctx, index);
		return err_set(&ctx->reply_err, ERR_BAD_STATE, 0,
			       "an earlier verb failed");
	}
	slot->state = HLP_SLOT_STARTING;
	slot->start_seq = args->step.seq;
	return send_op(ctx, index, HLP_OP_START, args->step.seq);
}

/* Ends what the controller itself began; nothing else can be named. */
static int hlp_do_abort(struct hlp_ctx *ctx, struct hlp_args *args)
{
	uint32_t index = ctx->current;

	(void)args;
	ctx->current = HLP_NO_SLOT;
	if (index != HLP_NO_SLOT)
		give_up(ctx, index);
	return 0;
}

static uint32_t find_running(struct hlp_ctx *ctx, const struct hlp_args *args)
{
	uint32_t index = hlp_table_find(ctx->table, args->id);

	if (index == HLP_NO_SLOT)
		err_set(&ctx->reply_err, ERR_BAD_REQUEST, ENOENT, "sandbox");
	return index;
}

/*
 * A hostile controller could try to kill what is not its own: the id is 128
 * random bits of this process's table, which holds one user's sandboxes, and
 * the spawner kills by the pidfd and cgroup that it made for that slot.
 */
static int hlp_do_kill(struct hlp_ctx *ctx, struct hlp_args *args)
{
	uint32_t index = find_running(ctx, args);

	return index == HLP_NO_SLOT ?
		       -1 :
		       send_op(ctx, index, HLP_OP_KILL, args->step.seq);
}

/*
 * A hostile controller could try to stop what is not its own, or make a sandbox
 * that nobody can end: the id is as for kill, the spawner writes to the cgroup
 * that it made for that slot, and whatever kills a sandbox kills a stopped one.
 */
static int hlp_do_pause(struct hlp_ctx *ctx, struct hlp_args *args)
{
	uint32_t index = find_running(ctx, args);

	if (index == HLP_NO_SLOT)
		return -1;
	if (!ctx->table->slots[index].cgroup)
		return err_set(&ctx->reply_err, ERR_UNSUPPORTED, 0,
			       "no cgroup: %s", ctx->facts.cgroup_why);
	args->step.slot = index;
	return hlp_spawner_send(ctx, &args->step, NULL, 0, &ctx->reply_err);
}

/*
 * A hostile controller could fill the helper with descriptors, or keep its own
 * socket so that its death goes unseen: counts are bounded, sockets refused.
 * What is kept is never read, only given back to a controller of that user.
 */
static int hlp_do_keep(struct hlp_ctx *ctx, struct hlp_args *args)
{
	uint32_t index = find_running(ctx, args);
	int fd = args->frame->fds[0];

	if (index == HLP_NO_SLOT ||
	    hlp_validate_kept(fd, &ctx->reply_err) < 0 ||
	    hlp_table_keep(ctx->table, index, args->token, fd,
			   &ctx->reply_err) < 0)
		return -1;
	(void)wire_frame_take_fd(args->frame, 0);
	return 0;
}

/* Closes a descriptor of the controller's own; both ids must match. */
static int hlp_do_drop(struct hlp_ctx *ctx, struct hlp_args *args)
{
	uint32_t index = find_running(ctx, args);

	if (index == HLP_NO_SLOT)
		return -1;
	if (hlp_table_drop(ctx->table, index, args->token) < 0)
		return err_set(&ctx->reply_err, ERR_BAD_REQUEST, ENOENT,
			       "kept descriptor");
	return 0;
}

/* Ends this user's helper, as breaking the protocol would. */
static int hlp_do_bye(struct hlp_ctx *ctx, struct hlp_args *args)
{
	(void)ctx;
	(void)args;
	return 0;
}

/**
 * hlp_dispatch_reset() - forget a controller that is gone
 *
 * What it was building goes; what runs is told to the next one.
 */
void hlp_dispatch_reset(struct hlp_ctx *ctx)
{
	struct hlp_table *table = ctx->table;

	ctx->state = HLP_ST_IDLE;
	ctx->current = HLP_NO_SLOT;
	ctx->tell_reply = false;
	ctx->lost = false;
	for (uint32_t i = 0; i < table->high; i++) {
		struct hlp_slot *slot = &table->slots[i];

		slot->tell = 0;
		if (slot->state == HLP_SLOT_BUILDING ||
		    slot->state == HLP_SLOT_STARTING)
			give_up(ctx, i);
		else if (slot->state == HLP_SLOT_RUNNING && !slot->gone)
			slot->tell = HLP_TELL_ADOPT;
		else if (slot->state != HLP_SLOT_POOL)
			hlp_event_free_if_done(ctx, i);
	}
	for (uint32_t i = 0; i < table->n_kept; i++)
		table->kept[i].tell = table->kept[i].slot != HLP_NO_SLOT;
	ctx->tell_hello = true;
	ctx->tell_synced = true;
	ctx->dirty = true;
}
