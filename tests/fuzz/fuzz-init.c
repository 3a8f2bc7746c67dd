// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target of init.proto.
 */
#include <config.h>

#include "proto/init.pb-c.h"
#include "proto/wire.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_protocol fuzz_protocol = {
	.name = "init",
	.max = WIRE_FRAME_MAX_BYTES,
	.types = { &ini__request__descriptor, &ini__event__descriptor },
};
