/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A controller whose helper, sandboxes and clients are the test itself.
 */
#ifndef TESTS_UNIT_CORE_RIG_H
#define TESTS_UNIT_CORE_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "controller/core/ctl.h"
#include "proto/control.pb-c.h"
#include "proto/helper.pb-c.h"
#include "proto/init.pb-c.h"
#include "proto/wire.h"

struct rig {
	struct event_base *base;
	struct ctl *ctl;
	int helper_fd; /* the helper's end */
	int client_fd; /* a client's end */
	char state_dir[64];
	bool ended;
	enum ctl_end end;
	uint8_t buf[WIRE_FRAME_MAX_BYTES];
	struct wire_frame frame; /* of the last message that came */
	ProtobufCMessage *msg;   /* owned, likewise */
	uint32_t seq;
};

void rig_open(struct rig *rig);
void rig_open_hooked(struct rig *rig, const struct ctl_hooks *hooks);
void rig_close(struct rig *rig);
void rig_pump(struct rig *rig);
int rig_client(struct rig *rig);

/* The helper's side. */
void rig_event(struct rig *rig, Hlp__Event *ev, const int *fds, size_t n_fds);
void rig_hello(struct rig *rig);
void rig_synced(struct rig *rig);
const Hlp__Request *rig_verb(struct rig *rig, Hlp__Request__OpCase want);
uint32_t rig_build(struct rig *rig);
int rig_started(struct rig *rig, uint32_t seq, uint8_t id);
int rig_adopt(struct rig *rig, const ProtobufCBinaryData *label, uint8_t id);
void rig_failed(struct rig *rig, uint32_t seq, enum err_code code,
		const char *text);
void rig_gone(struct rig *rig, uint8_t id, bool oom);
bool rig_silent(struct rig *rig, int fd);

/* A sandbox's side. */
const Ini__Request *rig_init(struct rig *rig, int fd,
			     Ini__Request__OpCase want);
void rig_init_event(struct rig *rig, int fd, Ini__Event *ev);
void rig_init_started(struct rig *rig, int fd, uint8_t token);
void rig_init_exited(struct rig *rig, int fd, uint8_t token, uint32_t status);

/* A client's side. */
uint32_t rig_run(struct rig *rig, int fd, const char *name, uint8_t token);
uint32_t rig_exec(struct rig *rig, int fd, const char *target, uint8_t token);
uint32_t rig_attach(struct rig *rig, int fd, uint8_t token);
uint32_t rig_request(struct rig *rig, int fd, Ctl__Request *req);
const Ctl__Reply *rig_reply(struct rig *rig, int fd, Ctl__Reply__ReCase want);
bool rig_hung_up(struct rig *rig, int fd);

#endif
