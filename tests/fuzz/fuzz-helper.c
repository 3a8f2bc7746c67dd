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

/*
 * What unpacking made of it is within bounds, or the spawner, which checks all
 * of it again and ends if it is not, would never get it.
 */
static void validate(const uint8_t *data, size_t size)
{
	static struct hlp_policy policy;
	struct arena arena;
	struct hlp_args args;
	struct err err = ERR_INIT;

	if (policy.n_blocks == 0)
		hlp_policy_builtin(&policy, true, 1000);
	arena_init(&arena, memory, sizeof(memory));
	if (hlp_unpack(data, size, &arena, &args, &err) < 0) {
		if (err.code != ERR_BAD_REQUEST)
			abort();
		return;
	}
	if (args.step.op <= HLP_OP_INVALID || args.step.op >= HLP_OP_COUNT ||
	    args.step.slot != 0)
		abort();
	/* Verbs with descriptors are refused for the lack of them. */
	(void)hlp_validate(&args.step, &policy, NULL, 0, &err);
}

const struct fuzz_protocol fuzz_protocol = {
	.name = "helper",
	.max = WIRE_HELPER_MAX_BYTES,
	.types = { &hlp__request__descriptor, &hlp__event__descriptor },
	.deeper = validate,
};
