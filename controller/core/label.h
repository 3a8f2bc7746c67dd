/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of a sandbox, and the bytes that the helper keeps of it.
 */
#ifndef CONTROLLER_CORE_LABEL_H
#define CONTROLLER_CORE_LABEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/core/fail.h"
#include "controller/core/keys.h"
#include "controller/core/masks.h"
#include "controller/core/name.h"
#include "controller/core/spec.h"
#include "proto/wire.h"

#define CTL_LABEL_TEXT_BYTES 96

enum ctl_kind {
	CTL_KIND_INVALID = 0,
	CTL_KIND_RUN,
	CTL_KIND_NAMED,
	CTL_KIND_SESSION,
};

struct ctl_label {
	char name[CTL_NAME_MAX_BYTES + 1];
	enum ctl_kind kind;
	uint64_t created; /* seconds since the epoch */
	uint8_t token[WIRE_ID_BYTES];
	bool detach;
	bool host_image;
	bool host_net;
	char image[CTL_LABEL_TEXT_BYTES];
	char workspace[CTL_LABEL_TEXT_BYTES];
	uint32_t uid;
	uint32_t gid;
	char user[CTL_USER_NAME_MAX + 1];
	uint64_t memory;
	uint64_t pids;
	uint64_t cap_keep;
	bool caps_for_root;
	char workdir[CTL_WORKDIR_MAX + 1];
	char apparmor[CTL_APPARMOR_MAX + 1];
	uint32_t digests[CTL_FLAG_COUNT];
	struct ctl_rlimit rlimits[CTL_MAX_RLIMITS];
	size_t n_rlimits;
	uint64_t overlay; /* see overlay.c; 0 none */
	bool managed;     /* of sessions */
	char watch[CTL_WATCH_PACKED_BYTES]; /* protected paths, see watch.c */
};

void ctl_label_from_spec(struct ctl_label *label, const struct ctl_spec *spec);
int ctl_label_pack(const struct ctl_label *label,
		   uint8_t out[WIRE_LABEL_MAX_BYTES], size_t *len,
		   struct err *err);
int ctl_label_unpack(const uint8_t *bytes, size_t len, struct ctl_label *label,
		     struct err *err);

/* flags.c */
void ctl_flags_digest(const struct ctl_spec *spec,
		      uint32_t digests[CTL_FLAG_COUNT]);
int ctl_flags_compare(const struct ctl_label *label,
		      const struct ctl_spec *spec,
		      char *const *given, size_t n_given,
		      struct ctl_fail *fail);

#endif
