// SPDX-License-Identifier: Apache-2.0
/*
 * From what a job has opened to a sandbox: what the session's would be made
 * of, without its workspace and its binds, and with the places of the jail.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "controller/session/shape.h"
#include "controller/session/tool-jail-own.h"
#include "proto/cleanup.h"

#define HOME_MODE 0700
#define MASK_BYTES 4096

/* The flags of firejail's that are flags of a sandbox of creel's. */
struct given {
	Ctl__Exec msg;
	Ctl__Spec spec;
	char *names[4];
	char user[24];
};

static void give(struct given *given, const char *name)
{
	given->names[given->msg.n_given++] = (char *)name;
}

static void fill_given(struct given *given, const struct tool_jail *what)
{
	ctl__exec__init(&given->msg);
	ctl__spec__init(&given->spec);
	given->msg.spec = &given->spec;
	given->msg.given = given->names;
	give(given, "read-only");
	if (what->no_network) {
		give(given, "network");
		given->spec.net = CTL__NET__NET_NONE;
	}
	if (what->no_caps)
		give(given, "cap-keep");
	if (what->no_root) {
		(void)snprintf(given->user, sizeof(given->user), "%u:%u",
			       CTL_USER_DEFAULT_ID, CTL_USER_DEFAULT_ID);
		given->spec.user = given->user;
	}
	if (what->hostname)
		given->spec.hostname = (char *)what->hostname;
}

/* A tmpfs of the configuration's gives way to what the jail has there. */
static void make_way(struct ctl_spec *spec, const char *target)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		struct ctl_mount *mount = &spec->mounts[i];

		if (mount->kind != CTL_MOUNT_TMPFS ||
		    strcmp(mount->target, target) != 0)
			continue;
		free(mount->target);
		free(mount->what);
		*mount = spec->mounts[--spec->n_mounts];
		return;
	}
}

static int add(struct ctl_spec *spec, const struct ctl_mount *mount,
	       struct ctl_fail *fail)
{
	make_way(spec, mount->target);
	return ctl_mounts_add(spec, mount, fail);
}

/* @fd: taken over on success; -1 for one that has none */
static int add_found(struct ctl_spec *spec, const struct tool_jail *what,
		     const struct jail_mount *found, int *fd,
		     struct ctl_fail *fail)
{
	const struct jail_place *place = &what->places[found->place];
	const bool home = found->kind == JAIL_MOUNT_HOME;
	char text[JAIL_WHAT_BYTES];
	struct ctl_mount mount = {
		.kind = jail_has_fd(found->kind) ? CTL_MOUNT_BIND :
						   CTL_MOUNT_TMPFS,
		.target = (char *)(home		     ? what->home :
				   found->target[0] ? found->target :
						      place->path),
		.what = text,
		.fd = *fd,
		.readonly = !home && place->access != JAIL_ACCESS_WRITE,
		.size = MASK_BYTES,
	};

	if (home)
		(void)snprintf(text, sizeof(text), "%s: --private=%.60s",
			       what->key, what->home_source);
	else
		jail_what(what, place, text);
	if (add(spec, &mount, fail) < 0)
		return -1;
	(void)fd_take(fd);
	return 0;
}

/* An empty one, unless a flag says what is there. */
static int add_home(struct ctl_spec *spec, const struct tool_jail *what,
		    struct ctl_fail *fail)
{
	const struct ctl_mount mount = {
		.kind = CTL_MOUNT_TMPFS,
		.target = (char *)what->home,
		.what = (char *)what->home,
		.fd = -1,
		.mode = HOME_MODE,
		.size = CTL_TMPFS_DEFAULT_BYTES,
	};

	if (what->home_source || !jail_has_home(what) ||
	    jail_access_of(what, what->home) != JAIL_ACCESS_INVALID)
		return 0;
	return add(spec, &mount, fail);
}

static int add_places(struct ctl_spec *spec, const struct ses_jail *jail,
		      const struct jail_found *found,
		      struct job_result *result, struct ctl_fail *fail)
{
	size_t at = 0;
	int none = -1;

	for (uint32_t i = 0; i < found->n_mounts; i++) {
		int *fd = jail_has_fd(found->mounts[i].kind) ?
				  &result->fds[at++] :
				  &none;

		if (add_found(spec, jail->what.jail, &found->mounts[i], fd,
			      fail) < 0)
			return -1;
	}
	return add_home(spec, jail->what.jail, fail);
}

static struct ctl_spec *make_spec(const struct ses_jail *jail,
				  const struct jail_found *found,
				  struct job_result *result,
				  struct ctl_fail *fail)
{
	const struct pol_session *session = jail->view->session;
	struct given given = { .user = "" };
	struct ses_flags flags = { .msg = &given.msg };
	struct ses_parts parts = SES_PARTS_INIT;
	auto_shape *shape = NULL;
	struct ctl_spec *spec = NULL;
	struct ctl_keys *keys;

	fill_given(&given, jail->what.jail);
	keys = ses_shape_keys(session, &flags, &fail->err);
	if (!keys)
		return NULL;
	if (found->image)
		parts.image_fd = fd_take(&result->fds[result->n_fds - 1]);
	shape = shape_new(session, &parts, &flags, fail);
	if (shape)
		spec = ctl_spec_new(&shape->msg, &shape->frame,
				    &jail->ses->ctl->protect, fail);
	ses_parts_fini(&parts);
	if (!spec) {
		ctl_fail_rename(fail, keys);
		ctl_keys_free(keys);
		return NULL;
	}
	spec->keys = keys;
	if (add_places(spec, jail, found, result, fail) == 0 &&
	    ctl_spec_finish(spec, fail) == 0)
		return spec;
	ctl_fail_rename(fail, keys);
	ctl_spec_free(spec);
	return NULL;
}

static int set_label(const struct ctl *ctl, struct ctl_label *label)
{
	uint32_t number;

	label->kind = CTL_KIND_RUN;
	label->detach = true;
	label->created = (uint64_t)time(NULL);
	if (getrandom(label->token, sizeof(label->token), 0) !=
	    (ssize_t)sizeof(label->token))
		return -1;
	do {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return -1;
		(void)snprintf(label->name, sizeof(label->name), "jail-%08x",
			       number);
	} while (ctl_map_get(&ctl->names, label->name, strlen(label->name)));
	return 0;
}

static int set_defaults(struct ctl_sandbox *sandbox,
			const struct ses_jail *jail,
			const struct jail_found *found,
			const struct job_result *result, struct err *err)
{
	const struct ses_parts parts = {
		.workspace_fd = -1,
		.agent_fd = -1,
		.image_fd = -1,
		.filter = result->bytes + sizeof(*found),
		.filter_len = found->filter_len,
	};

	if (found->warning[0])
		ctl_sandbox_warn(sandbox, "%s", found->warning);
	return ses_shape_defaults(jail->view->session, &parts,
				  &sandbox->defaults, err);
}

/* What a job says is read as a peer's word. */
static int check_found(struct jail_found *found, const struct tool_jail *what,
		       const struct job_result *result)
{
	size_t n_fds = 0;

	if (result->len < sizeof(*found))
		return -1;
	memcpy(found, result->bytes, sizeof(*found));
	found->warning[sizeof(found->warning) - 1] = '\0';
	if (found->n_mounts > JAIL_MAX_PLACES + 1 ||
	    result->len - sizeof(*found) != found->filter_len)
		return -1;
	for (uint32_t i = 0; i < found->n_mounts; i++) {
		struct jail_mount *mount = &found->mounts[i];

		mount->target[sizeof(mount->target) - 1] = '\0';
		if (mount->kind == JAIL_MOUNT_INVALID ||
		    mount->kind > JAIL_MOUNT_EMPTY ||
		    (mount->kind == JAIL_MOUNT_HOME ?
			     !what->home_source :
			     mount->place >= what->n_places))
			return -1;
		n_fds += jail_has_fd(mount->kind);
	}
	return n_fds + found->image == result->n_fds ? 0 : -1;
}

static bool shows_tmp(const struct tool_jail *what)
{
	const enum jail_access access = jail_access_of(what, "/tmp");

	return access == JAIL_ACCESS_READ || access == JAIL_ACCESS_WRITE;
}

static int build(struct ses_jail *jail, const struct jail_found *found,
		 const struct job_result *result, struct ctl_spec *spec,
		 struct ctl_fail *fail)
{
	struct ctl *ctl = jail->ses->ctl;
	struct ctl_label label = { 0 };
	struct ctl_sandbox *sandbox;

	if (set_label(ctl, &label) < 0)
		return err_set(&fail->err, ERR_KERNEL, errno, "jail");
	ctl_label_from_spec(&label, spec);
	/* For the next creeld, which has nothing else to know it by. */
	if (jail->folder && strlen(jail->folder) < sizeof(label.workspace))
		(void)snprintf(label.workspace, sizeof(label.workspace), "%s",
			       jail->folder);
	sandbox = ctl_sandbox_new(ctl, &label);
	if (!sandbox)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "jail");
	if (set_defaults(sandbox, jail, found, result, &fail->err) < 0 ||
	    ctl_build_start(sandbox, spec, fail) < 0) {
		ctl_sandbox_start_failed(sandbox, fail);
		return -1;
	}
	jail->sandbox = sandbox;
	jail->host_tmp = shows_tmp(jail->what.jail);
	ses_events_tell(jail->ses->events, "created", sandbox->label.name,
			jail->view->session->key, "jail");
	return 0;
}

/**
 * jail_make() - have the sandbox of a jail built
 * @result: of jail_open(); its descriptors are taken
 *
 * Return: 0, and the hooks hear more; or -1, and they do not.
 */
int jail_make(struct ses_jail *jail, struct job_result *result,
	      struct ctl_fail *fail)
{
	auto_free struct jail_found *found = malloc(sizeof(*found));
	struct ctl_spec *spec;

	if (!found)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "jail");
	if (check_found(found, jail->what.jail, result) < 0)
		return err_set(&fail->err, ERR_INTERNAL, 0,
			       "jail: its preparation came to nothing");
	spec = make_spec(jail, found, result, fail);
	if (!spec)
		return -1;
	if (build(jail, found, result, spec, fail) == 0)
		return 0;
	ctl_spec_free(spec);
	return -1;
}
