/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sandbox can be asked for has a flag, and where a configuration asks
 * for it a key: messages name what the person wrote.
 */
#ifndef CONTROLLER_CORE_KEYS_H
#define CONTROLLER_CORE_KEYS_H

#include <stddef.h>

struct ctl_fail;
struct err;

/* What a caller can set; the order is on the wire of the label. */
enum ctl_flag {
	CTL_FLAG_IMAGE = 0,
	CTL_FLAG_WRITABLE,
	CTL_FLAG_WORKSPACE,
	CTL_FLAG_BIND,
	CTL_FLAG_TMPFS,
	CTL_FLAG_HOSTNAME,
	CTL_FLAG_NETWORK,
	CTL_FLAG_MEMORY,
	CTL_FLAG_MEMORY_SWAP,
	CTL_FLAG_CPUS,
	CTL_FLAG_PIDS,
	CTL_FLAG_ULIMIT,
	CTL_FLAG_USER,
	CTL_FLAG_CAP_KEEP,
	CTL_FLAG_DNS,
	CTL_FLAG_ADD_HOST,
	CTL_FLAG_APPARMOR,
	CTL_FLAG_PROTECT,
	CTL_FLAG_COUNT,
	/* These have a name in messages; a live sandbox is not asked. */
	CTL_FLAG_WORKDIR = CTL_FLAG_COUNT,
	CTL_FLAG_ENV,
	CTL_FLAG_SECCOMP,
	CTL_NAME_COUNT,
};

struct ctl_keys {
	char *key[CTL_NAME_COUNT]; /* owned; NULL: the flag itself */
};

const char *ctl_flag_name(enum ctl_flag flag);
struct ctl_keys *ctl_keys_new(void);
int ctl_keys_set(struct ctl_keys *keys, enum ctl_flag flag, const char *key,
		 struct err *err);
void ctl_keys_free(struct ctl_keys *keys);
void ctl_keys_rename(const struct ctl_keys *keys, char *text, size_t size);
void ctl_fail_rename(struct ctl_fail *fail, const struct ctl_keys *keys);

#endif
