// SPDX-License-Identifier: Apache-2.0
/*
 * Environment and filter of a sandbox's commands.  They are what the sandbox
 * was made with, so they are kept as bytes, beyond the life of this process.
 */
#include <config.h>

#include "controller/core/defaults.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "controller/core/command.h"
#include "proto/cleanup.h"

#define DEFAULTS_VERSION 1
#define SEALS \
	(F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Then the environment, then the filter. */
struct header {
	uint32_t version;
	uint32_t envc;
	uint32_t env_len;
	uint32_t filter_len;
};

/**
 * ctl_defaults_init() - none
 */
void ctl_defaults_init(struct ctl_defaults *defaults)
{
	*defaults = (struct ctl_defaults){ .filter_fd = -1 };
}

/**
 * ctl_defaults_fini() - release; idempotent
 */
void ctl_defaults_fini(struct ctl_defaults *defaults)
{
	ptr_free(&defaults->env);
	fd_close(&defaults->filter_fd);
	defaults->env_len = 0;
	defaults->envc = 0;
}

/**
 * ctl_defaults_add_env() - one more variable
 * @pair: NAME=VALUE, copied
 */
int ctl_defaults_add_env(struct ctl_defaults *defaults, const char *pair,
			 struct err *err)
{
	size_t len = strlen(pair) + 1;
	char *env;

	if (pair[0] == '=' || !strchr(pair, '='))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "environment: a variable is not NAME=VALUE");
	if (defaults->env_len + len > CTL_DEFAULTS_MAX_BYTES)
		return err_set(err, ERR_LIMIT, 0,
			       "environment: more than %u KiB",
			       CTL_DEFAULTS_MAX_BYTES >> 10);
	env = realloc(defaults->env, defaults->env_len + len);
	if (!env)
		return err_set(err, ERR_KERNEL, ENOMEM, "environment");
	memcpy(env + defaults->env_len, pair, len);
	defaults->env = env;
	defaults->env_len += len;
	defaults->envc++;
	return 0;
}

/**
 * ctl_defaults_set_filter() - a BPF program on top of the named filter
 * @len: 0: none
 */
int ctl_defaults_set_filter(struct ctl_defaults *defaults, const void *program,
			    size_t len, struct err *err)
{
	auto_fd fd = -1;
	const char *at = program;

	fd_close(&defaults->filter_fd);
	if (len == 0)
		return 0;
	fd = memfd_create("creel-filter", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	while (fd >= 0 && len > 0) {
		ssize_t put = write(fd, at, len);

		if (put < 0)
			return err_set(err, ERR_KERNEL, errno, "filter");
		at += put;
		len -= (size_t)put;
	}
	if (fd < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return err_set(err, ERR_KERNEL, errno, "filter");
	defaults->filter_fd = fd_take(&fd);
	return 0;
}

static int filter_size(int fd, size_t *size)
{
	struct stat st;

	*size = 0;
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return -1;
	*size = (size_t)st.st_size;
	return 0;
}

/**
 * ctl_defaults_pack() - the bytes that are kept of them
 * @bytes: filled, owned by the caller
 */
int ctl_defaults_pack(const struct ctl_defaults *defaults, void **bytes,
		      size_t *len, struct err *err)
{
	struct header header = {
		.version = DEFAULTS_VERSION,
		.envc = defaults->envc,
		.env_len = (uint32_t)defaults->env_len,
	};
	auto_free char *out = NULL;
	size_t size;

	if (filter_size(defaults->filter_fd, &size) < 0)
		return err_set(err, ERR_KERNEL, errno, "filter");
	header.filter_len = (uint32_t)size;
	*len = sizeof(header) + defaults->env_len + size;
	out = malloc(*len);
	if (!out)
		return err_set(err, ERR_KERNEL, ENOMEM, "defaults");
	memcpy(out, &header, sizeof(header));
	if (defaults->env_len > 0)
		memcpy(out + sizeof(header), defaults->env, defaults->env_len);
	if (size > 0 &&
	    pread(defaults->filter_fd, out + sizeof(header) + defaults->env_len,
		  size, 0) != (ssize_t)size)
		return err_set(err, ERR_KERNEL, EIO, "filter");
	*bytes = ptr_take(&out);
	return 0;
}

static int unpack_env(struct ctl_defaults *defaults, const char *text,
		      const struct header *header, struct err *err)
{
	const char *end = text + header->env_len;

	for (uint32_t i = 0; i < header->envc; i++) {
		if (text == end || !memchr(text, '\0', (size_t)(end - text)))
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "defaults: fewer variables than they name");
		if (ctl_defaults_add_env(defaults, text, err) < 0)
			return -1;
		text += strlen(text) + 1;
	}
	if (text != end)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "defaults: more variables than they name");
	return 0;
}

/**
 * ctl_defaults_unpack() - as an earlier controller kept them
 * @defaults: initialised, none yet
 * @len:      0: there are none
 */
int ctl_defaults_unpack(struct ctl_defaults *defaults, const void *bytes,
			size_t len, struct err *err)
{
	const char *text = (const char *)bytes + sizeof(struct header);
	struct header header = { .version = 0 };

	if (len == 0)
		return 0;
	if (len >= sizeof(header))
		memcpy(&header, bytes, sizeof(header));
	if (len < sizeof(header) || header.version != DEFAULTS_VERSION ||
	    header.env_len > CTL_DEFAULTS_MAX_BYTES ||
	    header.filter_len > CTL_DEFAULTS_MAX_BYTES ||
	    len != sizeof(header) + header.env_len + header.filter_len)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "defaults of %zu bytes", len);
	if (unpack_env(defaults, text, &header, err) == 0 &&
	    ctl_defaults_set_filter(defaults, text + header.env_len,
				    header.filter_len, err) == 0)
		return 0;
	ctl_defaults_fini(defaults);
	return -1;
}

static bool has_variable(const struct ctl_command *cmd, const char *pair)
{
	size_t name = strcspn(pair, "=") + 1;
	const char *at = cmd->strings;
	const char *end = cmd->strings + cmd->len;

	for (uint32_t i = 0; at < end; i++, at += strlen(at) + 1)
		if (i >= cmd->argc && strncmp(at, pair, name) == 0)
			return true;
	return false;
}

static int apply_env(const struct ctl_defaults *defaults,
		     struct ctl_command *cmd, struct err *err)
{
	char *strings = realloc(cmd->strings,
				cmd->len + defaults->env_len + 1);
	const char *end = defaults->env + defaults->env_len;

	if (!strings)
		return err_set(err, ERR_KERNEL, ENOMEM, "environment");
	cmd->strings = strings;
	for (const char *at = defaults->env; at < end; at += strlen(at) + 1) {
		size_t len = strlen(at) + 1;

		if (has_variable(cmd, at))
			continue;
		memcpy(strings + cmd->len, at, len);
		cmd->len += len;
		cmd->envc++;
	}
	if (cmd->len > CTL_STRINGS_MAX_BYTES)
		return err_set(err, ERR_LIMIT, 0,
			       "environment: too large with that of the sandbox");
	return 0;
}

/**
 * ctl_defaults_apply() - give a command what its caller did not
 * @cmd: not completed yet; its own variables and its own filter win
 */
int ctl_defaults_apply(const struct ctl_defaults *defaults,
		       struct ctl_command *cmd, struct err *err)
{
	if (defaults->filter_fd >= 0 && cmd->filter_fd < 0 &&
	    !cmd->filter_given) {
		cmd->filter_fd = fcntl(defaults->filter_fd, F_DUPFD_CLOEXEC, 3);
		if (cmd->filter_fd < 0)
			return err_set(err, ERR_KERNEL, errno, "filter");
	}
	return defaults->envc > 0 && !cmd->only_env ?
		       apply_env(defaults, cmd, err) :
		       0;
}
