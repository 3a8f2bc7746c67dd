/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processes of creel-helper say to each other.  Fixed structures of
 * one binary, over SOCK_SEQPACKET socketpairs that no other program holds:
 * dispatcher -> spawner -> setup process, and reports back.
 *
 * The dispatcher reads what the controller sent and may have been taken over
 * by it, so the spawner trusts no more than the layout: it checks every enum,
 * bound and terminator again (hlp_step_check()).
 */
#ifndef HELPER_STEP_H
#define HELPER_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/err.h"
#include "proto/wire.h"

#define HLP_MAX_SLOTS \
	4352 /* as many sandboxes as a policy allows, and the pool */
#define HLP_MAX_ID 65535 /* largest uid and gid inside */
#define HLP_HOSTNAME_MAX_BYTES 64
#define HLP_STEP_MAX_FDS 2

enum hlp_op {
	HLP_OP_INVALID = 0,
	HLP_OP_NEW,
	HLP_OP_IMAGE,
	HLP_OP_MOUNT,
	HLP_OP_TMPFS,
	HLP_OP_WRITE,
	HLP_OP_LIMIT,
	HLP_OP_HOSTNAME,
	HLP_OP_START,
	HLP_OP_ABORT,
	HLP_OP_KILL,
	HLP_OP_KEEP,
	HLP_OP_DROP,
	HLP_OP_BYE,
	HLP_OP_PAUSE,
	HLP_OP_COUNT,
};

enum hlp_net { HLP_NET_INVALID = 0, HLP_NET_NONE, HLP_NET_HOST };
enum hlp_root { HLP_ROOT_INVALID = 0, HLP_ROOT_HOST, HLP_ROOT_IMAGE };

/* Names below /etc that a controller may write; hlp_file_name() has the table.
 */
enum hlp_file {
	HLP_FILE_INVALID = 0,
	HLP_FILE_PASSWD,
	HLP_FILE_GROUP,
	HLP_FILE_HOSTS,
	HLP_FILE_RESOLV_CONF,
	HLP_FILE_NSSWITCH,
	HLP_FILE_HOSTNAME,
	HLP_FILE_COUNT,
};

enum hlp_limit {
	HLP_LIMIT_INVALID = 0,
	HLP_LIMIT_MEMORY_MAX,
	HLP_LIMIT_MEMORY_SWAP_MAX,
	HLP_LIMIT_PIDS_MAX,
	HLP_LIMIT_CPU_MAX,
	HLP_LIMIT_CPU_WEIGHT,
	HLP_LIMIT_COUNT,
};

/*
 * One step of building a sandbox.  Descriptors that travel with it: NEW
 * pid 1's end of its control socket; IMAGE, MOUNT as the verb has them; else
 * none.
 */
struct hlp_step {
	enum hlp_op op;
	uint32_t
		slot; /* index into the dispatcher's and the spawner's tables */
	uint32_t seq; /* of the controller's verb, for reports */
	union {
		struct {
			uint32_t uid;
			uint32_t gid;
			enum hlp_net net;
			enum hlp_root root;
			bool map_caller;
			bool want_cgroup;
			uint64_t cap_keep;
		} new_;
		struct {
			bool writable;
		} image;
		struct {
			bool readonly;
			bool noexec;
			bool layers; /* of an image, with its ids */
			char target[WIRE_PATH_MAX_BYTES];
		} mount;
		struct {
			uint64_t size;
			uint64_t inodes;
			uint32_t mode;
			bool noexec;
			char target[WIRE_PATH_MAX_BYTES];
		} tmpfs;
		struct {
			enum hlp_file file;
			uint32_t len;
			unsigned char content[WIRE_FILE_MAX_BYTES];
		} write;
		struct {
			enum hlp_limit limit;
			uint64_t value;
		} limit;
		struct {
			char name[HLP_HOSTNAME_MAX_BYTES + 1];
		} hostname;
		struct {
			bool on;
		} pause;
	};
};

enum hlp_report_kind {
	HLP_REPORT_INVALID = 0,
	HLP_REPORT_READY, /* spawner, once: facts is set */
	HLP_REPORT_SPAWNED, /* spawner: fds: [cgroup directory] */
	HLP_REPORT_FAILED, /* spawner or setup process: err is set */
	HLP_REPORT_STARTED, /* setup process: sealed, becomes pid 1 now */
	HLP_REPORT_GONE, /* spawner: pid 1 reaped, cgroups removed */
};

/* What the spawner found out about its own powers, for the controller's hello.
 */
struct hlp_facts {
	bool system;
	bool id_range;
	bool idmap;
	bool cgroup;
	uint32_t landlock_abi;
	char controllers[64]; /* space separated */
	char cgroup_why[128]; /* where cgroup is false */
};

struct hlp_report {
	enum hlp_report_kind kind;
	uint32_t slot;
	uint32_t seq;
	int wait_status;
	bool oom;
	bool cgroup;
	struct err err;
	struct hlp_facts facts;
};

int hlp_step_check(const struct hlp_step *step, size_t n_fds, struct err *err);
const char *hlp_file_name(enum hlp_file file);
const char *hlp_step_target(const struct hlp_step *step);
bool hlp_target_ok(const char *path, size_t size);

#endif
