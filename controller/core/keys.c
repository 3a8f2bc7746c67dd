// SPDX-License-Identifier: Apache-2.0
/*
 * Messages are written with flags, "--memory: WHY"; for what a configuration
 * asked for, the key is put in the flag's place.
 */
#include <config.h>

#include "controller/core/keys.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/core/fail.h"
#include "proto/cleanup.h"

/* As on the command line. */
static const char *const flag_names[CTL_NAME_COUNT] = {
	[CTL_FLAG_IMAGE] = "image",
	[CTL_FLAG_WRITABLE] = "writable",
	[CTL_FLAG_WORKSPACE] = "workspace",
	[CTL_FLAG_BIND] = "bind",
	[CTL_FLAG_TMPFS] = "tmpfs",
	[CTL_FLAG_HOSTNAME] = "hostname",
	[CTL_FLAG_NETWORK] = "network",
	[CTL_FLAG_MEMORY] = "memory",
	[CTL_FLAG_MEMORY_SWAP] = "memory-swap",
	[CTL_FLAG_CPUS] = "cpus",
	[CTL_FLAG_PIDS] = "pids",
	[CTL_FLAG_ULIMIT] = "ulimit",
	[CTL_FLAG_USER] = "user",
	[CTL_FLAG_CAP_KEEP] = "cap-keep",
	[CTL_FLAG_DNS] = "dns",
	[CTL_FLAG_ADD_HOST] = "add-host",
	[CTL_FLAG_APPARMOR] = "apparmor",
	[CTL_FLAG_PROTECT] = "protect",
	[CTL_FLAG_WORKDIR] = "workdir",
	[CTL_FLAG_ENV] = "env",
	[CTL_FLAG_SECCOMP] = "seccomp",
};

/**
 * ctl_flag_name() - a flag without its dashes
 */
const char *ctl_flag_name(enum ctl_flag flag)
{
	return flag_names[flag];
}

/**
 * ctl_keys_new() - no keys yet; NULL without memory
 */
struct ctl_keys *ctl_keys_new(void)
{
	return calloc(1, sizeof(struct ctl_keys));
}

/**
 * ctl_keys_set() - a flag's value comes from a key
 * @key: its path, copied; NULL: from the flag
 */
int ctl_keys_set(struct ctl_keys *keys, enum ctl_flag flag, const char *key,
		 struct err *err)
{
	ptr_free(&keys->key[flag]);
	if (!key)
		return 0;
	keys->key[flag] = strdup(key);
	if (!keys->key[flag])
		return err_set(err, ERR_KERNEL, ENOMEM, "names of keys");
	return 0;
}

/**
 * ctl_keys_free() - release; NULL is fine
 */
void ctl_keys_free(struct ctl_keys *keys)
{
	for (size_t i = 0; keys && i < CTL_NAME_COUNT; i++)
		free(keys->key[i]);
	free(keys);
}

/* The key of the flag that @text begins with, or NULL; @len: how long it is. */
static const char *key_at(const struct ctl_keys *keys, const char *text,
			  size_t *len)
{
	*len = strspn(text + 2, "abcdefghijklmnopqrstuvwxyz-") + 2;
	for (size_t i = 0; i < CTL_NAME_COUNT; i++)
		if (keys->key[i] && strlen(flag_names[i]) == *len - 2 &&
		    !memcmp(flag_names[i], text + 2, *len - 2))
			return keys->key[i];
	return NULL;
}

/* Once the whole path, then what it ends in. */
static size_t shorter(const char **key, bool first)
{
	size_t len = strlen(*key);

	if (first)
		return len;
	/* What follows a blank says where the key is. */
	len = strcspn(*key, " ");
	for (size_t i = len; i > 0; i--) {
		if ((*key)[i - 1] != '.')
			continue;
		*key += i;
		return len - i;
	}
	return len;
}

/**
 * ctl_keys_rename() - name keys instead of flags
 * @keys: NULL: nothing changes
 * @text: changed in place, cut where it becomes too long
 */
void ctl_keys_rename(const struct ctl_keys *keys, char *text, size_t size)
{
	auto_free char *old = keys ? strdup(text) : NULL;
	bool first = true;
	size_t used = 0;

	for (const char *at = old; at && *at && used + 1 < size;) {
		const char *key = NULL;
		size_t len = 1, shown;
		int n;

		if (at[0] == '-' && at[1] == '-' &&
		    (at == old || at[-1] == ' ' || at[-1] == '('))
			key = key_at(keys, at, &len);
		shown = key ? shorter(&key, first) : len;
		/* "KEY at FILE:1: VALUE: WHY" */
		n = snprintf(text + used, size - used, "%.*s%s", (int)shown,
			     key ? key : at,
			     key && at[len] == ' ' && memchr(key, ' ', shown) ?
				     ":" :
				     "");
		first = first && !key;
		used += n > 0 ? (size_t)n : 0;
		at += len;
	}
}

/**
 * ctl_fail_rename() - the same, for a failure
 */
void ctl_fail_rename(struct ctl_fail *fail, const struct ctl_keys *keys)
{
	ctl_keys_rename(keys, fail->err.text, sizeof(fail->err.text));
	ctl_keys_rename(keys, fail->hint, sizeof(fail->hint));
}
