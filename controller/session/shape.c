// SPDX-License-Identifier: Apache-2.0
/*
 * From a session to the request that the core builds a sandbox from.  Flags of
 * the command that asks for it come before the configuration; a message about
 * a value names the key or the flag that it is from.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/session/fill.h"
#include "controller/session/manager.h"
#include "controller/session/origin.h"
#include "controller/session/shape.h"
#include "controller/session/workspace.h"
#include "proto/cleanup.h"

#define AGENT_TARGET "/agent"
#define SHOWN_BYTES 60 /* of a source, in a message */

static const struct {
	const char *name;
	enum ctl_flag flag;
	enum pol_value value;
} flags_of[] = {
	{ "image", CTL_FLAG_IMAGE, POL_IMAGE },
	{ "writable", CTL_FLAG_WRITABLE, POL_READ_ONLY_ROOT },
	{ "workspace", CTL_FLAG_WORKSPACE, POL_WORKSPACE_ROOT },
	{ "bind", CTL_FLAG_BIND, POL_BINDS },
	{ "tmpfs", CTL_FLAG_TMPFS, POL_TMPFS },
	{ "network", CTL_FLAG_NETWORK, POL_NETWORK },
	{ "memory", CTL_FLAG_MEMORY, POL_MEMORY },
	{ "memory-swap", CTL_FLAG_MEMORY_SWAP, POL_MEMORY_SWAP },
	{ "cpus", CTL_FLAG_CPUS, POL_CPUS },
	{ "pids", CTL_FLAG_PIDS, POL_PIDS_LIMIT },
	{ "ulimit", CTL_FLAG_ULIMIT, POL_ULIMITS },
	{ "user", CTL_FLAG_USER, POL_USER },
	{ "cap-keep", CTL_FLAG_CAP_KEEP, POL_CAP_DROP },
	{ "dns", CTL_FLAG_DNS, POL_DNS },
	{ "add-host", CTL_FLAG_ADD_HOST, POL_EXTRA_HOSTS },
	{ "apparmor", CTL_FLAG_APPARMOR, POL_APPARMOR_PROFILE },
	{ "workdir", CTL_FLAG_WORKDIR, POL_WORKDIR },
	{ "env", CTL_FLAG_ENV, POL_ENV },
	{ "seccomp", CTL_FLAG_SECCOMP, POL_SECCOMP_PROFILE },
	{ "protect", CTL_FLAG_PROTECT, POL_PROTECT_PATHS },
};

/**
 * ses_shape_keys() - values that no flag gave are named by their keys
 *
 * Return: owned, or NULL without memory.
 */
struct ctl_keys *ses_shape_keys(const struct pol_session *session,
				const struct ses_flags *flags,
				struct err *err)
{
	struct ctl_keys *keys = ctl_keys_new();
	char text[SES_ORIGIN_BYTES];

	if (!keys) {
		err_set(err, ERR_KERNEL, ENOMEM, "sandbox");
		return NULL;
	}
	for (size_t i = 0; i < sizeof(flags_of) / sizeof(flags_of[0]); i++) {
		enum pol_value value = flags_of[i].value;

		if (!session->origins[value].key ||
		    shape_is_given(flags, flags_of[i].name))
			continue;
		if (ctl_keys_set(keys, flags_of[i].flag,
				 ses_origin(session, value, text), err) < 0) {
			ctl_keys_free(keys);
			return NULL;
		}
	}
	return keys;
}

/* The session's own directories: creel's, and no source that anybody named. */
static int add_own(struct ctl_spec *spec, const struct pol_session *session,
		   struct ses_parts *parts, struct ctl_fail *fail)
{
	struct ctl_mount agent = {
		.kind = CTL_MOUNT_BIND,
		.target = (char *)AGENT_TARGET,
		.what = (char *)"agent workspace",
		.fd = parts->agent_fd,
		.readonly = true,
		.is_default = true, /* a bind of the same place wins */
	};

	if (!spec->workspace) {
		spec->workspace = strdup(session->sandbox_workspace);
		if (!spec->workspace)
			return err_set(&fail->err, ERR_KERNEL, ENOMEM,
				       "workspace");
		if (ctl_spec_add_workspace(spec, "workspace of the session",
					   parts->workspace_fd, fail) < 0)
			return -1;
		(void)fd_take(&parts->workspace_fd);
	}
	if (parts->agent_fd < 0)
		return 0;
	if (ctl_mounts_add(spec, &agent, fail) < 0)
		return -1;
	(void)fd_take(&parts->agent_fd);
	return 0;
}

/* "--bind SOURCE:..." is one of a list: which. */
static void name_bind(const struct pol_session *session, struct ctl_fail *fail)
{
	static const char flag[] = "--bind ";
	const size_t head = sizeof(flag) - 1;
	char origin[SES_ORIGIN_BYTES];
	char text[100];

	if (strncmp(fail->err.text, flag, head) != 0)
		return;
	for (size_t i = 0; i < session->n_binds; i++) {
		const char *source = session->binds[i].source;
		size_t len = strnlen(source, SHOWN_BYTES);

		if (strncmp(fail->err.text + head, source, len) != 0)
			continue;
		/* The key says which: the reason, then, without the target. */
		(void)snprintf(text, sizeof(text), "%.64s",
			       strstr(fail->err.text, ": ") ?
				       strstr(fail->err.text, ": ") + 2 :
				       fail->err.text + head);
		(void)snprintf(fail->err.text, sizeof(fail->err.text),
			       "%.90s: %.64s",
			       ses_origin_bind(session, i, origin), text);
		return;
	}
}

/* What a flag lets the sandbox write must not have its configuration in it. */
static int check_writable(const struct pol_session *session,
			  const struct ses_flags *flags, uint32_t number,
			  const char *flag, struct ctl_fail *fail)
{
	if (number == 0 || number > flags->n_fds)
		return 0; /* the core misses it */
	return ses_config_outside(session, flags->fds[number - 1], flag, fail);
}

static int check_flags(const struct pol_session *session,
		       const struct ses_flags *flags, struct ctl_fail *fail)
{
	const Ctl__Spec *spec = flags->msg ? flags->msg->spec : NULL;

	if (!spec)
		return 0;
	if (!spec->workspace_readonly &&
	    check_writable(session, flags, spec->workspace_fd, "--workspace",
			   fail) < 0)
		return -1;
	for (size_t i = 0; i < spec->n_binds; i++)
		if (!spec->binds[i]->readonly &&
		    check_writable(session, flags, spec->binds[i]->fd, "--bind",
				   fail) < 0)
			return -1;
	return 0;
}

/**
 * ses_shape() - what the core is to build for a session
 * @parts: its descriptors are taken
 * @flags: of the request, likewise
 *
 * Return: a finished spec, or NULL.
 */
struct ctl_spec *ses_shape(struct ses *ses, const struct pol_session *session,
			   struct ses_parts *parts, struct ses_flags *flags,
			   struct ctl_fail *fail)
{
	struct ctl_keys *keys;
	auto_shape *shape = NULL;
	struct ctl_spec *spec = NULL;

	if (check_flags(session, flags, fail) < 0)
		return NULL;
	keys = ses_shape_keys(session, flags, &fail->err);
	if (!keys)
		return NULL;
	shape = shape_new(session, parts, flags, fail);
	if (shape)
		spec = ctl_spec_new(&shape->msg, &shape->frame,
				    &ses->ctl->protect, fail);
	if (!spec) {
		name_bind(session, fail);
		ctl_fail_rename(fail, keys);
		ctl_keys_free(keys);
		return NULL;
	}
	spec->keys = keys;
	if (add_own(spec, session, parts, fail) == 0 &&
	    ctl_spec_finish(spec, fail) == 0)
		return spec;
	ctl_fail_rename(fail, keys);
	ctl_spec_free(spec);
	return NULL;
}

/**
 * ses_shape_defaults() - what the commands of a session's sandbox get
 * @defaults: initialised
 */
int ses_shape_defaults(const struct pol_session *session,
		       const struct ses_parts *parts,
		       struct ctl_defaults *defaults, struct err *err)
{
	for (size_t i = 0; i < session->n_env; i++)
		if (ctl_defaults_add_env(defaults, session->env[i], err) < 0)
			return err_wrap(err, "%.60s",
					session->origins[POL_ENV].key);
	return ctl_defaults_set_filter(defaults, parts->filter,
				       parts->filter_len, err);
}

/* Sources are compared by what they are, so that they must be opened again. */
static int open_binds(const struct pol_session *session,
		      struct ses_parts *parts, struct ctl_fail *fail)
{
	if (session->n_binds == 0)
		return 0;
	parts->bind_fds = calloc(session->n_binds, sizeof(int));
	if (!parts->bind_fds)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "binds");
	for (size_t i = 0; i < session->n_binds; i++) {
		int fd = ses_bind_open(session, &session->binds[i], i, fail);

		if (fd < 0 && fd != SES_BIND_NONE)
			return -1;
		parts->bind_fds[parts->n_binds++] =
			fd == SES_BIND_NONE ? -1 : fd;
	}
	return 0;
}

/**
 * ses_flags_compare() - was a session's sandbox made with these flags?
 * @flags: their descriptors are taken
 */
int ses_flags_compare(struct ses_sandbox *record,
		      const struct pol_session *session,
		      struct ses_flags *flags, struct ctl_fail *fail)
{
	struct ses_parts parts = SES_PARTS_INIT;
	auto_shape *shape = NULL;
	Ctl__Exec msg;
	int ret = -1;

	if (!flags->msg || flags->msg->n_given == 0)
		return 0;
	if (!shape_is_given(flags, "bind") ||
	    open_binds(session, &parts, fail) == 0)
		shape = shape_new(session, &parts, flags, fail);
	msg = *flags->msg;
	msg.spec = shape ? &shape->msg : NULL;
	if (shape)
		ret = ctl_given_check(record->sandbox, &msg, &shape->frame,
				      fail);
	ses_parts_fini(&parts);
	return ret;
}
