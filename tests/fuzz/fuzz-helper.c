// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target of helper.proto.
 */
#include <config.h>

#include "proto/helper.pb-c.h"
#include "proto/wire.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_protocol fuzz_protocol = {
	.name = "helper",
	.max = WIRE_HELPER_MAX_BYTES,
	.types = { &hlp__request__descriptor, &hlp__event__descriptor },
};
