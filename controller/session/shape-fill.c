// SPDX-License-Identifier: Apache-2.0
/*
 * A request to the core, filled from a session's configuration and from flags.
 */
#include <config.h>

#include "controller/session/shape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"

/**
 * shape_free() - release; for auto_shape
 */
void shape_free(struct shape **shape)
{
	if (*shape)
		wire_frame_fini(&(*shape)->frame);
	free(*shape);
}

/**
 * shape_is_given() - has the caller given this flag?
 */
bool shape_is_given(const struct ses_flags *flags, const char *name)
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
		if (session->binds[i].key && parts->bind_fds[i] < 0)
			continue;
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
		to->noexec = from->noexec;
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

	if (session->n_ulimits + given > SHAPE_MAX_LIST)
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
	if (session->n_hosts > SHAPE_MAX_LIST)
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
	if (shape_is_given(flags, "writable") || shape_is_given(flags, "read-only"))
		msg->writable = from->writable;
	if (shape_is_given(flags, "network"))
		msg->net = from->net;
	if (shape_is_given(flags, "memory")) {
		msg->memory = from->memory;
		msg->memory_swap = 0;
	}
	if (shape_is_given(flags, "memory-swap"))
		msg->memory_swap = from->memory_swap;
	if (shape_is_given(flags, "cpus"))
		msg->cpu_usec = from->cpu_usec;
	if (shape_is_given(flags, "pids"))
		msg->pids = from->pids;
	if (shape_is_given(flags, "cap-keep")) {
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

	if (shape_is_given(flags, "image")) {
		msg->image = flags->msg->spec->image;
		msg->image_fd = put_flag_fd(shape, flags,
					    flags->msg->spec->image_fd);
	} else if (parts->image_fd >= 0) {
		msg->image = (char *)session->image;
		msg->image_fd = put_fd(shape, &parts->image_fd);
	}
}

/**
 * shape_new() - make a request
 * @parts: their descriptors are taken over
 * @flags: likewise
 *
 * Return: owned, or NULL with @fail naming a flag.
 */
struct shape *shape_new(const struct pol_session *session,
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
	if (!shape_is_given(flags, "network") &&
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
