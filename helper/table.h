/* SPDX-License-Identifier: Apache-2.0 */
/* The dispatcher's table of sandboxes. */
#ifndef HELPER_TABLE_H
#define HELPER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "helper/policy.h"
#include "proto/err.h"
#include "proto/wire.h"

#define HLP_TABLE_SLOTS (HLP_POLICY_MAX_SANDBOXES + HLP_POLICY_MAX_POOL)
#define HLP_KEPT_MAX 4096
#define HLP_KEPT_MAX_SLOT 64
#define HLP_NO_SLOT UINT32_MAX

enum hlp_slot_state {
	HLP_SLOT_FREE = 0,
	HLP_SLOT_POOL,     /* prefabricated, nobody's yet */
	HLP_SLOT_BUILDING, /* the controller's verbs go here */
	HLP_SLOT_STARTING, /* start was sent */
	HLP_SLOT_RUNNING,
	HLP_SLOT_DYING,    /* failed or aborted, waits for the spawner's word */
};

/* What the controller has yet to be told of a slot. */
#define HLP_TELL_ADOPT 0x1U
#define HLP_TELL_FAILED 0x2U       /* fail_seq, the slot's err */
#define HLP_TELL_START_FAILED 0x4U /* start_seq, because of the former */
#define HLP_TELL_STARTED 0x8U
#define HLP_TELL_GONE 0x10U

struct hlp_slot {
	enum hlp_slot_state state;
	bool broken;  /* a verb failed */
	bool gone;    /* the spawner has nothing left of it */
	bool cgroup;
	bool oom;
	unsigned int tell;
	uint32_t new_seq;
	uint32_t fail_seq;
	uint32_t start_seq;
	int wait_status;
	int control_fd; /* owned; pid 1's socket, for the next controller */
	int cgroup_fd;  /* owned */
	uint8_t id[WIRE_ID_BYTES];
};

/* Apart from the former, so that walks over the table touch few pages. */
struct hlp_slot_text {
	uint8_t label[WIRE_LABEL_MAX_BYTES];
	size_t label_len;
	struct err err;
};

struct hlp_kept {
	uint32_t slot; /* HLP_NO_SLOT: free */
	int fd;        /* owned */
	bool tell;
	uint8_t token[WIRE_ID_BYTES];
};

struct hlp_table {
	struct hlp_slot slots[HLP_TABLE_SLOTS];
	struct hlp_slot_text texts[HLP_TABLE_SLOTS];
	struct hlp_kept kept[HLP_KEPT_MAX];
	uint32_t n_slots; /* that may be used */
	uint32_t high;    /* no slot from here on was ever used */
	uint32_t n_kept;  /* no entry from here on was ever used */
};

void hlp_table_init(struct hlp_table *table, uint32_t n_slots);
uint32_t hlp_table_take(struct hlp_table *table);
void hlp_table_release(struct hlp_table *table, uint32_t slot);
uint32_t hlp_table_find(const struct hlp_table *table, const uint8_t *id);
uint32_t hlp_table_count(const struct hlp_table *table, bool pool);
int hlp_table_keep(struct hlp_table *table, uint32_t slot, const uint8_t *token,
		   int fd, struct err *err);
int hlp_table_drop(struct hlp_table *table, uint32_t slot,
		   const uint8_t *token);

#endif
