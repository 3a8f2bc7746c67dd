// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target of helper.proto: on from the message to the step that the
 * dispatcher hands to the privileged side.
 */
#include <config.h>

#include <stdalign.h>
#include <stdlib.h>

#include "helper/policy.h"
#include "helper/step.h"
#include "helper/unpack.h"
#include "helper/validate.h"
#include "proto/helper.pb-c.h"
#include "proto/wire.h"
#include "tests/fuzz/fuzz.h"

static alignas(max_align_t) unsigned char memory[WIRE_ARENA_BYTES];

/* As many as the verb has: what is said about numbers is tested elsewhere. */
static size_t fds_of(const struct hlp_args *args)
{
	if (args->op == HLP_OP_IMAGE)
		return args->writable ? 3 : 1;
	return args->op == HLP_OP_MOUNT;
}

/* What passed the dispatcher must pass the spawner, which ends if it does not. */
static void validate(const uint8_t *data, size_t size)
{
	static struct hlp_policy policy;
	struct arena arena;
	struct hlp_args args = { .op = HLP_OP_INVALID };
	struct hlp_step step = { .op = HLP_OP_INVALID };
	struct err err = ERR_INIT;

	if (policy.n_blocks == 0)
		hlp_policy_builtin(&policy, true, 1000);
	arena_init(&arena, memory, sizeof(memory));
	if (hlp_unpack(data, size, &arena, &args, &err) < 0) {
		if (err.code == ERR_NONE)
			abort();
		return;
	}
	if (args.op <= HLP_OP_INVALID || args.op >= HLP_OP_COUNT)
		abort();
	if (args.op >= HLP_OP_KEEP)
		return;
	if (hlp_validate(&args, &policy, fds_of(&args), &step, &err) < 0)
		return;
	if (step.op != args.op ||
	    hlp_step_check(&step, fds_of(&args) + (args.op == HLP_OP_NEW),
			   &err) < 0)
		abort();
}

const struct fuzz_protocol fuzz_protocol = {
	.name = "helper",
	.max = WIRE_HELPER_MAX_BYTES,
	.types = { &hlp__request__descriptor, &hlp__event__descriptor },
	.deeper = validate,
};
