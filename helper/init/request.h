/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the controller asks of creel-init, after it was checked.
 *
 * Handlers read the message itself: wire_unpack() admits nothing but its
 * canonical encoding, and init_request_read() has checked every field that they
 * look at, so that a copy would only be one more place to be wrong in.
 */
#ifndef HELPER_INIT_REQUEST_H
#define HELPER_INIT_REQUEST_H

#include "helper/seccomp/filters.h"
#include "proto/init.pb-c.h"
#include "proto/wire.h"

#define INIT_BLOB_MAX_BYTES (2 * 1024 * 1024)
#define INIT_MAX_STRINGS 65536
#define INIT_MAX_GROUPS 32
#define INIT_MAX_RLIMITS 16
#define INIT_FILTER_MAX_INSNS 4096
#define INIT_PATH_MAX_BYTES 4095
#define INIT_APPARMOR_MAX_BYTES 127
#define INIT_MAX_CHANGES 256
#define INIT_READ_MAX_BYTES (64 * 1024 * 1024)

/* What the descriptors of an exec are for; the first three are its stdio. */
enum { INIT_FD_LIFELINE = 3, INIT_FD_BLOB, INIT_FD_FILTER, INIT_N_FDS };

struct init_request {
	const Ini__Request *msg; /* in the arena */
	const uint8_t *token;    /* exec, signal, ack: 16 bytes of @msg */
	int sys;                 /* a value that cannot be: errno to answer */
	enum hlp_profile profile;
	char path[INIT_PATH_MAX_BYTES + 1]; /* of a file verb */
	char below[INIT_PATH_MAX_BYTES + 1];
	int fd[INIT_N_FDS]; /* owned, -1 absent; [0] is the content of a commit */
};

int init_request_read(struct wire_frame *frame, struct arena *arena,
		      struct init_request *req, struct err *err);
void init_request_fini(struct init_request *req);

#endif
