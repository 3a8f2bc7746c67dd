/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sandbox is to be made of, checked: the one internal form, whatever
 * way a request came in.
 */
#ifndef CONTROLLER_CORE_SPEC_H
#define CONTROLLER_CORE_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/core/fail.h"
#include "controller/core/user.h"
#include "proto/control.pb-c.h"
#include "proto/wire.h"

#define CTL_MAX_MOUNTS 64
#define CTL_MAX_RLIMITS 16
#define CTL_HOSTNAME_MAX 63
#define CTL_HOSTNAME_DEFAULT "creel"
#define CTL_WORKDIR "/workspace"
#define CTL_WORKDIR_MAX 255
#define CTL_APPARMOR_MAX 127
#define CTL_MAX_DNS 16
#define CTL_MAX_HOSTS 64
#define CTL_HOSTS_MAX_BYTES 2048
#define CTL_TMPFS_DEFAULT_BYTES (64ULL << 20)
#define CTL_TMPFS_MAX_BYTES (64ULL << 30)

enum ctl_mount_kind {
	CTL_MOUNT_INVALID = 0,
	CTL_MOUNT_BIND,
	CTL_MOUNT_TMPFS,
};

struct ctl_mount {
	enum ctl_mount_kind kind;
	char *target; /* owned; absolute, normalised */
	char *what;   /* owned; as the caller knows it: "--bind /a:/b" */
	int fd;       /* owned, -1 for a tmpfs; O_PATH */
	bool readonly;
	bool is_workspace;
	bool is_layers;  /* of an image: with all the ids of such */
	bool is_default; /* gives way to what the caller asks for */
	bool is_mask;    /* of a protected path, see masks.c */
	bool noexec;     /* of a tmpfs */
	uint32_t mode;
	uint64_t size;
};

struct ctl_rlimit {
	uint32_t resource;
	uint64_t soft;
	uint64_t hard;
};

struct ctl_spec {
	bool host_image;
	char *image; /* owned, as written */
	int image_fd; /* owned */
	bool writable; /* the image, into an overlay */
	char *workspace; /* owned, as written; NULL: none given */
	struct ctl_mount mounts[CTL_MAX_MOUNTS];
	size_t n_mounts;
	char hostname[CTL_HOSTNAME_MAX + 1];
	bool host_net;
	uint64_t memory;
	uint64_t swap; /* of its own, not Docker's sum; UINT64_MAX: any */
	uint64_t cpu_usec;
	uint64_t pids;
	struct ctl_rlimit rlimits[CTL_MAX_RLIMITS];
	size_t n_rlimits;
	char user_text[CTL_USER_NAME_MAX + 1];
	uint32_t uid;
	uint32_t gid;
	uint64_t cap_keep;
	bool caps_for_root; /* commands of other users keep none */
	char *workdir;      /* owned; where the workspace is, normalised */
	char *resolv;       /* owned: lines of resolv.conf; NULL none */
	char *hosts;        /* owned: lines of hosts; NULL none */
	char apparmor[CTL_APPARMOR_MAX + 1]; /* profile of commands, "" none */
	bool best_effort; /* a limit that cannot be set is left out */
	struct ctl_patterns *protect; /* owned; NULL: nothing */
	struct ctl_watch *watch; /* owned, until the sandbox has it */
	struct ctl_keys *keys; /* owned, NULL: messages name flags */
};

struct ctl_keys;
struct ctl_patterns;
struct ctl_watch;
struct ctl_protect;

struct ctl_spec *ctl_spec_new(const Ctl__Spec *msg, struct wire_frame *frame,
			      const struct ctl_protect *protect,
			      struct ctl_fail *fail);
int ctl_spec_add_workspace(struct ctl_spec *spec, const char *what, int fd,
			   struct ctl_fail *fail);
int ctl_spec_finish(struct ctl_spec *spec, struct ctl_fail *fail);
void ctl_spec_free(struct ctl_spec *spec);

/* mounts.c */
int ctl_target_normalise(const char *text, char **target, struct err *err);
bool ctl_target_is_reserved(const char *target);
int ctl_mounts_add(struct ctl_spec *spec, const struct ctl_mount *mount,
		   struct ctl_fail *fail);
int ctl_mounts_finish(struct ctl_spec *spec, struct ctl_fail *fail);

/* limits.c */
int ctl_ulimit_parse(const Ctl__Ulimit *msg, struct ctl_rlimit *out,
		     struct err *err);
int ctl_limits_check(const Ctl__Spec *msg, struct ctl_spec *spec,
		     struct ctl_fail *fail);
const char *ctl_ulimit_name(uint32_t resource);
void ctl_size_text(uint64_t bytes, char *text, size_t size);

/* hosts.c */
int ctl_hosts_check(const Ctl__Spec *msg, struct ctl_spec *spec,
		    struct ctl_fail *fail);

/* apparmor.c */
int ctl_apparmor_set(struct ctl_spec *spec, const char *profile,
		     struct ctl_fail *fail);

#endif
