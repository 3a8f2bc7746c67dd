/* SPDX-License-Identifier: Apache-2.0 */
/* From a datagram to the arguments of a verb. */
#ifndef HELPER_UNPACK_H
#define HELPER_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "helper/step.h"
#include "proto/arena.h"
#include "proto/err.h"

/* Only the members of the verb in op are set; pointers are into the arena. */
struct hlp_args {
	enum hlp_op op;
	uint32_t seq;
	const uint8_t *id;    /* WIRE_ID_BYTES */
	const uint8_t *token; /* WIRE_ID_BYTES */
	const uint8_t *data;  /* label or content */
	size_t len;
	const char *text;     /* target or host name */
	enum hlp_net net;
	enum hlp_root root;
	enum hlp_file file;
	enum hlp_limit limit;
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
	bool map_caller;
	bool want_cgroup;
	bool writable;
	bool readonly;
	bool noexec;
	uint64_t cap_keep;
	uint64_t size;
	uint64_t inodes;
	uint64_t value;
};

int hlp_unpack(const uint8_t *buf, size_t len, struct arena *arena,
	       struct hlp_args *args, struct err *err);

#endif
