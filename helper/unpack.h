/* SPDX-License-Identifier: Apache-2.0 */
/* From a datagram to the step that it asks for. */
#ifndef HELPER_UNPACK_H
#define HELPER_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#include "helper/step.h"
#include "proto/arena.h"
#include "proto/err.h"

/* Pointers are into the arena; only the verb's own are set. */
struct hlp_args {
	struct hlp_step step; /* the slot is 0 */
	const uint8_t *id;    /* WIRE_ID_BYTES */
	const uint8_t *token; /* WIRE_ID_BYTES */
	const uint8_t *label;
	size_t label_len;
	struct wire_frame *frame; /* what it came in, for the descriptors */
};

int hlp_unpack(const uint8_t *buf, size_t len, struct arena *arena,
	       struct hlp_args *args, struct err *err);

#endif
