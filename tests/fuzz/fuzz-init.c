// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target of init.proto: on from the message to the request that pid 1
 * would act on.
 */
#include <config.h>

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "helper/init/request.h"
#include "tests/fuzz/fuzz.h"

static alignas(max_align_t) unsigned char memory[WIRE_ARENA_BYTES];
static uint8_t buf[WIRE_FRAME_MAX_BYTES];

static void must_hold_commit(const Ini__Commit *msg)
{
	if (msg->n_changes < 1 || msg->n_changes > INIT_MAX_CHANGES)
		abort();
	for (size_t i = 0; i < msg->n_changes; i++) {
		const Ini__Change *c = msg->changes[i];

		if (c->path.len > INIT_PATH_MAX_BYTES ||
		    (c->path.len && memchr(c->path.data, 0, c->path.len)) ||
		    (int64_t)c->offset < 0 || (int64_t)c->length < 0)
			abort();
	}
}

/* What a handler relies on without looking again. */
static void must_hold(const struct init_request *req)
{
	const Ini__Request *msg = req->msg;
	size_t len = strlen(req->path);

	if (msg->op_case <= INI__REQUEST__OP__NOT_SET ||
	    msg->op_case > INI__REQUEST__OP_COMMIT ||
	    len > INIT_PATH_MAX_BYTES ||
	    strlen(req->below) > INIT_PATH_MAX_BYTES)
		abort();
	if (msg->op_case == INI__REQUEST__OP_COMMIT && !req->sys)
		must_hold_commit(msg->commit);
	if (msg->op_case != INI__REQUEST__OP_EXEC || req->sys)
		return;
	if (req->profile <= HLP_PROFILE_INVALID ||
	    req->profile >= HLP_PROFILE_INIT || !req->token ||
	    msg->exec->argc < 1 || msg->exec->argc > INIT_MAX_STRINGS ||
	    msg->exec->envc > INIT_MAX_STRINGS || *msg->exec->cwd != '/' ||
	    msg->exec->n_groups > INIT_MAX_GROUPS ||
	    msg->exec->n_rlimits > INIT_MAX_RLIMITS ||
	    (msg->exec->capture && msg->exec->stdio))
		abort();
}

static void validate(const uint8_t *data, size_t size)
{
	static struct init_request req;
	struct wire_frame frame;
	struct arena arena;
	struct err err = ERR_INIT;

	arena_init(&arena, memory, sizeof(memory));
	wire_frame_init(&frame, buf, sizeof(buf));
	memcpy(buf, data, size);
	frame.len = size;
	/* Descriptors that a verb would have: none is open under these numbers. */
	for (size_t n_fds = 0; n_fds <= INIT_N_FDS; n_fds++) {
		frame.n_fds = n_fds;
		for (size_t i = 0; i < n_fds; i++)
			frame.fds[i] = -1;
		if (!init_request_read(&frame, &arena, &req, &err))
			must_hold(&req);
		else if (err.code != ERR_BAD_REQUEST)
			abort();
		init_request_fini(&req);
	}
}

const struct fuzz_protocol fuzz_protocol = {
	.name = "init",
	.max = WIRE_FRAME_MAX_BYTES,
	.types = { &ini__request__descriptor, &ini__event__descriptor },
	.deeper = validate,
};
