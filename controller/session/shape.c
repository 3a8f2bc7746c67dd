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

#include "controller/session/manager.h"
#include "controller/session/origin.h"
#include "controller/session/workspace.h"
#include "proto/cleanup.h"

#define AGENT_TARGET "/agent"
#define MAX_LIST 128

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
};

/* A request of our own, with what it points to. */
struct shape {
	Ctl__Spec msg;
	struct wire_frame frame;
	Ctl__Bind bind[CTL_MAX_MOUNTS];
	Ctl__Bind *binds[CTL_MAX_MOUNTS];
	Ctl__TmpfsMount tmpfs[CTL_MAX_MOUNTS];
	Ctl__TmpfsMount *tmpfs_list[CTL_MAX_MOUNTS];
	Ctl__Ulimit ulimit[MAX_LIST];
	Ctl__Ulimit *ulimits[MAX_LIST];
	Ctl__Host host[MAX_LIST];
	Ctl__Host *hosts[MAX_LIST];
};

static void shape_free(struct shape **shape)
{
	if (*shape)
		wire_frame_fini(&(*shape)->frame);
	free(*shape);
}

#define auto_shape __attribute__((cleanup(shape_free))) struct shape

static bool is_given(const struct ses_flags *flags, const char *name)
{
	for (size_t i = 0; flags->msg && i < flags->msg->n_given; i++)
		if (strcmp(flags->msg->given[i], name) == 0)
			return true;
	return false;
}

/* Takes the descriptor over; 0: none, which the core then misses. */
static uint32_t put_fd(struct shape *shape, int *fd)
{
	if (*fd < 0 || shape->frame.n_fds == WIRE_MAX_FDS)
		return 0;
	shape->frame.fds[shape->frame.n_fds++] = fd_take(fd);
	return (uint32_t)shape->frame.n_fds;
}

static uint32_t put_flag_fd(struct shape *shape, struct ses_flags *flags,
			    uint32_t number)
{
	return number == 0 || number > flags->n_fds ?
		       0 :
		       put_fd(shape, &flags->fds[number - 1]);
}

static Ctl__Bind *add_bind(struct shape *shape)
{
	Ctl__Spec *msg = &shape->msg;
	Ctl__Bind *bind;

	if (msg->n_binds == CTL_MAX_MOUNTS)
		return NULL;
	bind = shape->binds[msg->n_binds] = &shape->bind[msg->n_binds];
	msg->n_binds++;
	ctl__bind__init(bind);
	return bind;
}

static int too_many(const char *flag, struct ctl_fail *fail)
{
	return err_set(&fail->err, ERR_LIMIT, 0, "%s: more than a sandbox can have",
		       flag);
}

static int put_binds(struct shape *shape, const struct pol_session *session,
		     struct ses_parts *parts, struct ses_flags *flags,
		     struct ctl_fail *fail)
{
	Ctl__Bind *bind;

	for (size_t i = 0; i < parts->n_binds; i++) {
		bind = add_bind(shape);
		if (!bind)
			return too_many("--bind", fail);
		bind->source = (char *)session->binds[i].source;
		bind->target = (char *)session->binds[i].target;
		bind->readonly = session->binds[i].readonly;
		bind->fd = put_fd(shape, &parts->bind_fds[i]);
	}
	for (size_t i = 0; flags->msg && i < flags->msg->spec->n_binds; i++) {
		bind = add_bind(shape);
		if (!bind)
			return too_many("--bind", fail);
		*bind = *flags->msg->spec->binds[i];
		bind->fd = put_flag_fd(shape, flags, bind->fd);
	}
	return 0;
}

static bool flag_has_tmpfs(const struct ses_flags *flags, const char *target)
{
	for (size_t i = 0; flags->msg && i < flags->msg->spec->n_tmpfs; i++)
		if (strcmp(flags->msg->spec->tmpfs[i]->target, target) == 0)
			return true;
	for (size_t i = 0; flags->msg && i < flags->msg->spec->n_binds; i++)
		if (strcmp(flags->msg->spec->binds[i]->target, target) == 0)
			return true;
	return false;
}

/* A flag for the same place comes before the configuration's. */
static int put_tmpfs(struct shape *shape, const struct pol_session *session,
		     const struct ses_flags *flags, struct ctl_fail *fail)
{
	size_t given = flags->msg ? flags->msg->spec->n_tmpfs : 0;
	Ctl__Spec *msg = &shape->msg;

	if (session->n_tmpfs + given > CTL_MAX_MOUNTS)
		return too_many("--tmpfs", fail);
	for (size_t i = 0; i < session->n_tmpfs; i++) {
		const struct cfg_tmpfs *from = &session->tmpfs[i];
		Ctl__TmpfsMount *to = &shape->tmpfs[msg->n_tmpfs];

		if (flag_has_tmpfs(flags, from->target))
			continue;
		ctl__tmpfs_mount__init(to);
		to->target = (char *)from->target;
		to->size = from->size;
		to->mode = from->mode;
		shape->tmpfs_list[msg->n_tmpfs++] = to;
	}
	for (size_t i = 0; i < given; i++)
		shape->tmpfs_list[msg->n_tmpfs++] = flags->msg->spec->tmpfs[i];
	return 0;
}

static bool flag_has_ulimit(const struct ses_flags *flags, const char *name)
{
	for (size_t i = 0; flags->msg && i < flags->msg->spec->n_ulimits; i++)
		if (strcmp(flags->msg->spec->ulimits[i]->name, name) == 0)
			return true;
	return false;
}

static int put_ulimits(struct shape *shape, const struct pol_session *session,
		       const struct ses_flags *flags, struct ctl_fail *fail)
{
	size_t given = flags->msg ? flags->msg->spec->n_ulimits : 0;
	Ctl__Spec *msg = &shape->msg;

	if (session->n_ulimits + given > MAX_LIST)
		return too_many("--ulimit", fail);
	for (size_t i = 0; i < session->n_ulimits; i++) {
		const struct cfg_ulimit *from = &session->ulimits[i];
		Ctl__Ulimit *to = &shape->ulimit[msg->n_ulimits];

		if (flag_has_ulimit(flags, from->name))
			continue;
		ctl__ulimit__init(to);
		to->name = (char *)from->name;
		to->soft = from->soft;
		to->hard = from->hard;
		shape->ulimits[msg->n_ulimits++] = to;
	}
	for (size_t i = 0; i < given; i++)
		shape->ulimits[msg->n_ulimits++] = flags->msg->spec->ulimits[i];
	return 0;
}

static int put_hosts(struct shape *shape, const struct pol_session *session,
		     struct ctl_fail *fail)
{
	if (session->n_hosts > MAX_LIST)
		return too_many("--add-host", fail);
	for (size_t i = 0; i < session->n_hosts; i++) {
		Ctl__Host *host = &shape->host[i];

		ctl__host__init(host);
		host->name = (char *)session->hosts[i].name;
		host->address = (char *)session->hosts[i].address;
		shape->hosts[shape->msg.n_hosts++] = host;
	}
	return 0;
}

static int put_network(Ctl__Spec *msg, const struct pol_session *session,
		       struct ctl_fail *fail)
{
	switch (session->network) {
	case POL_NET_NONE:
		msg->net = CTL__NET__NET_NONE;
		return 0;
	case POL_NET_HOST:
		msg->net = CTL__NET__NET_HOST;
		return 0;
	case POL_NET_OTHER:
	case POL_NET_INVALID:
		break;
	}
	err_set(&fail->err, ERR_UNSUPPORTED, 0,
		"--network: %.40s is not available, none and host are",
		session->network_name);
	return -1;
}

/* What the configuration says, lists aside. */
static void put_values(Ctl__Spec *msg, const struct pol_session *session)
{
	msg->writable = !session->read_only_root;
	msg->memory = session->memory;
	msg->memory_swap = session->memory_swap;
	msg->cpu_usec = session->cpu_usec;
	msg->pids = session->pids;
	msg->user = (char *)session->user;
	msg->cap_keep = session->cap_keep;
	msg->caps_for_root = true;
	msg->workdir = (char *)session->workdir;
	msg->dns = (char **)session->dns;
	msg->n_dns = session->n_dns;
	msg->protect = (char **)session->protect_paths;
	msg->n_protect = session->n_protect_paths;
	msg->best_effort = session->best_effort;
	if (session->apparmor_profile)
		msg->apparmor = (char *)session->apparmor_profile;
	msg->socket_binds = (char **)session->socket_binds;
	msg->n_socket_binds = session->n_socket_binds;
	msg->home = session->cfg->home;
	msg->open_paths = (char **)session->allow_paths;
	msg->n_open_paths = session->n_allow_paths;
}

/* What flags say instead. */
static void put_flags(struct shape *shape, struct ses_flags *flags)
{
	const Ctl__Spec *from = flags->msg ? flags->msg->spec : NULL;
	Ctl__Spec *msg = &shape->msg;

	if (!from)
		return;
	if (is_given(flags, "writable") || is_given(flags, "read-only"))
		msg->writable = from->writable;
	if (is_given(flags, "network"))
		msg->net = from->net;
	if (is_given(flags, "memory")) {
		msg->memory = from->memory;
		msg->memory_swap = 0;
	}
	if (is_given(flags, "memory-swap"))
		msg->memory_swap = from->memory_swap;
	if (is_given(flags, "cpus"))
		msg->cpu_usec = from->cpu_usec;
	if (is_given(flags, "pids"))
		msg->pids = from->pids;
	if (is_given(flags, "cap-keep")) {
		msg->cap_keep = from->cap_keep;
		msg->caps_for_root = false;
	}
	if (from->user[0])
		msg->user = from->user;
	if (from->n_protect > 0) {
		msg->protect = from->protect;
		msg->n_protect = from->n_protect;
	}
	if (from->best_effort)
		msg->best_effort = true;
	msg->hostname = from->hostname;
	msg->workspace = from->workspace;
	msg->workspace_readonly = from->workspace_readonly;
	msg->workspace_fd = put_flag_fd(shape, flags, from->workspace_fd);
}

static void put_image(struct shape *shape, const struct pol_session *session,
		      struct ses_parts *parts, struct ses_flags *flags)
{
	Ctl__Spec *msg = &shape->msg;

	if (is_given(flags, "image")) {
		msg->image = flags->msg->spec->image;
		msg->image_fd = put_flag_fd(shape, flags,
					    flags->msg->spec->image_fd);
	} else if (parts->image_fd >= 0) {
		msg->image = (char *)session->image;
		msg->image_fd = put_fd(shape, &parts->image_fd);
	}
}

/* An owned request, or NULL with @fail naming a flag. */
static struct shape *shape_new(const struct pol_session *session,
			       struct ses_parts *parts,
			       struct ses_flags *flags, struct ctl_fail *fail)
{
	auto_shape *shape = calloc(1, sizeof(*shape));
	struct shape *made;

	if (!shape) {
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "sandbox");
		return NULL;
	}
	ctl__spec__init(&shape->msg);
	wire_frame_init(&shape->frame, NULL, 0);
	shape->msg.binds = shape->binds;
	shape->msg.tmpfs = shape->tmpfs_list;
	shape->msg.ulimits = shape->ulimits;
	shape->msg.hosts = shape->hosts;
	put_values(&shape->msg, session);
	if (!is_given(flags, "network") &&
	    put_network(&shape->msg, session, fail) < 0)
		return NULL;
	put_flags(shape, flags);
	put_image(shape, session, parts, flags);
	if (put_binds(shape, session, parts, flags, fail) < 0 ||
	    put_tmpfs(shape, session, flags, fail) < 0 ||
	    put_ulimits(shape, session, flags, fail) < 0 ||
	    put_hosts(shape, session, fail) < 0)
		return NULL;
	made = shape;
	shape = NULL;
	return made;
}

/* Values that no flag gave are named by their keys. */
static struct ctl_keys *keys_of(const struct pol_session *session,
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
		    is_given(flags, flags_of[i].name))
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
	struct ctl_keys *keys = keys_of(session, flags, &fail->err);
	auto_shape *shape = NULL;
	struct ctl_spec *spec = NULL;

	if (!keys)
		return NULL;
	shape = shape_new(session, parts, flags, fail);
	if (shape)
		spec = ctl_spec_new(&shape->msg, &shape->frame,
				    &ses->ctl->protect, fail);
	if (!spec) {
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

		if (fd < 0)
			return -1;
		parts->bind_fds[parts->n_binds++] = fd;
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
	int ret = -1;

	if (!flags->msg || flags->msg->n_given == 0)
		return 0;
	if (!is_given(flags, "bind") ||
	    open_binds(session, &parts, fail) == 0)
		shape = shape_new(session, &parts, flags, fail);
	if (shape)
		ret = ctl_given_check(record->sandbox, &shape->msg,
				      flags->msg->given, flags->msg->n_given,
				      &shape->frame, fail);
	ses_parts_fini(&parts);
	return ret;
}
