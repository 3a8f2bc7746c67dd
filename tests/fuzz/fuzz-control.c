// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target of control.proto.
 */
#include <config.h>

#include "proto/control.pb-c.h"
#include "proto/wire.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_protocol fuzz_protocol = {
	.name = "control",
	.max = WIRE_FRAME_MAX_BYTES,
	.types = { &ctl__request__descriptor, &ctl__reply__descriptor },
};
