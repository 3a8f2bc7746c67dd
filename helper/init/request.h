/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the controller asks of creel-init, after it was checked.  Handlers see
 * these structures, never the message.
 */
#ifndef HELPER_INIT_REQUEST_H
#define HELPER_INIT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "helper/seccomp/filters.h"
#include "proto/arena.h"
#include "proto/err.h"
#include "proto/wire.h"

#define INIT_BLOB_MAX_BYTES (2 * 1024 * 1024)
#define INIT_MAX_STRINGS 65536
#define INIT_MAX_GROUPS 32
#define INIT_MAX_RLIMITS 16
#define INIT_FILTER_MAX_INSNS 4096
#define INIT_PATH_MAX_BYTES 4095

enum init_verb {
	INIT_VERB_INVALID = 0,
	INIT_VERB_EXEC,
	INIT_VERB_SIGNAL,
	INIT_VERB_ACK,
	INIT_VERB_LIST,
	INIT_VERB_PING,
	INIT_VERB_OPEN,
	INIT_VERB_PUT,
	INIT_VERB_STAT,
	INIT_VERB_LIST_DIR,
	INIT_VERB_LISTEN,
	INIT_VERB_DIAL,
};

struct init_rlimit {
	uint32_t resource;
	uint64_t soft;
	uint64_t hard;
};

/* Descriptors are -1 where absent and owned; the rest lies in the arena. */
struct init_exec_args {
	const char *strings; /* argc + envc strings; NULL until the blob is mapped */
	size_t strings_len;
	uint32_t argc;
	uint32_t envc;
	const char *cwd;
	const char *term;
	uint32_t uid;
	uint32_t gid;
	uint32_t groups[INIT_MAX_GROUPS];
	uint32_t n_groups;
	struct init_rlimit rlimits[INIT_MAX_RLIMITS];
	uint32_t n_rlimits;
	enum hlp_profile profile;
	uint64_t cap_keep;
	uint64_t timeout_ms;
	uint32_t rows;
	uint32_t cols;
	bool tty;
	bool search_path;
	bool memory_peak;
	int stdio_fd[3];
	int lifeline_fd;
	int blob_fd;
	int filter_fd;
};

/* The verbs that look at files or sockets of the sandbox. */
struct init_job_args {
	uint32_t seq;
	bool workdir; /* beneath the workspace instead of the root */
	char path[INIT_PATH_MAX_BYTES + 1];
	uint32_t uid;
	uint32_t gid;
	bool directory;
	bool follow;
	bool exclusive;
	bool parents;
	uint32_t mode;
	uint64_t offset;
	uint32_t port;
	int content_fd;
};

struct init_request {
	enum init_verb verb;
	uint8_t token[WIRE_ID_BYTES];
	int sys; /* a value that cannot be: the errno to answer */
	uint32_t signal;
	bool tree;
	struct init_exec_args exec;
	struct init_job_args job; /* seq of ping as well */
};

int init_request_read(struct wire_frame *frame, struct arena *arena,
		      struct init_request *req, struct err *err);
void init_request_fini(struct init_request *req);

#endif
