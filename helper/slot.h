/* SPDX-License-Identifier: Apache-2.0 */
/* The spawner's table of sandboxes. */
#ifndef HELPER_SLOT_H
#define HELPER_SLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "helper/cgroup.h"
#include "helper/clone.h"
#include "helper/spawner.h"
#include "helper/step.h"
#include "proto/wire.h"

#define HLP_MAX_BLOCKS 8192
#define HLP_BLOCK_SHIFT 16
#define HLP_TAG_DISPATCHER UINT64_MAX
#define HLP_TAG_STEP 0 /* plus twice the slot */
#define HLP_TAG_PID 1

enum hlp_slot_state {
	HLP_SLOT_FREE = 0,
	HLP_SLOT_BUILDING,
	HLP_SLOT_RUNNING,
	HLP_SLOT_STUCK, /* reaped, but something lives on in its cgroup */
};

struct hlp_slot {
	enum hlp_slot_state state;
	bool failed; /* a step did; nothing more is built */
	bool map_caller;
	uint32_t block; /* first id of the leased one, 0 none */
	uint32_t uid; /* the caller's identity inside */
	uint32_t gid;
	pid_t pid;
	int wait_status;
	int pidfd; /* owned */
	int step_fd; /* owned, -1 once it runs */
	struct hlp_cgroup cgroup;
};

/* System mode: 64 Ki ids, and how the caller's become one of them. */
struct hlp_block {
	bool leased;
	uint16_t uid; /* of the shift below */
	uint16_t gid;
	int idmap_fd; /* owned, 0 none yet; stays for the next lease */
};

struct hlp_slots {
	const struct hlp_spawner_config *config; /* borrowed */
	struct hlp_self self;
	int dispatcher_fd; /* borrowed */
	int epoll_fd; /* owned */
	bool ended; /* the dispatcher is gone */
	bool broken; /* it broke the rules */
	struct err unable; /* why no sandbox can be made, if so */
	uint32_t n_stuck;
	struct hlp_slot slot[HLP_MAX_SLOTS];
	struct hlp_block block[HLP_MAX_BLOCKS];
};

void hlp_slots_init(struct hlp_slots *slots, int dispatcher_fd,
		    const struct hlp_spawner_config *config);
void hlp_slots_retry(struct hlp_slots *slots);
void hlp_slots_end(struct hlp_slots *slots, int wait_ms);
void hlp_slot_step(struct hlp_slots *slots, const struct hlp_step *step,
		   struct wire_frame *frame);
void hlp_slot_reap(struct hlp_slots *slots, struct hlp_slot *slot);
void hlp_slot_kill(const struct hlp_slot *slot);

/* spawner.c */
void hlp_tell(struct hlp_slots *slots, struct hlp_report *report, int fd);
void hlp_tell_failed(struct hlp_slots *slots, uint32_t slot, uint32_t seq,
		     const struct err *err);

/* bind.c */
int hlp_bind_idmap(struct hlp_slots *slots, const struct hlp_slot *slot,
		   struct err *err);
int hlp_bind_relay(struct hlp_slots *slots, struct hlp_slot *slot,
		   const struct hlp_step *step, struct wire_frame *frame,
		   struct err *err);

#endif
