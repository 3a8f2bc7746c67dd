// SPDX-License-Identifier: Apache-2.0
/*
 * From a client's Spec to the checked form.  Everything that a person or a
 * model wrote is judged here, before the helper hears of it; the helper checks
 * again what its own safety needs.
 */
#include <config.h>

#include "controller/core/spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/core/judge.h"
#include "controller/core/keys.h"
#include "controller/core/masks.h"
#include "controller/core/source.h"
#include "controller/image/store.h"
#include "proto/cleanup.h"

#define TMPFS_MIN_BYTES 4096
#define WHAT_BYTES 200

/* Capabilities that no sandbox can have: the helper refuses them too. */
static const struct {
	unsigned int bit;
	const char *name;
} never_caps[] = {
	{ 12, "NET_ADMIN" },  { 16, "SYS_MODULE" },   { 19, "SYS_PTRACE" },
	{ 21, "SYS_ADMIN" },  { 24, "SYS_RESOURCE" }, { 27, "MKNOD" },
	{ 38, "PERFMON" },    { 39, "BPF" },
};

/* A path of the caller's in a message: cut, and nothing to garble a terminal. */
static void shorten(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%.60s%s", text,
		       strlen(text) > 60 ? "..." : "");
	ctl_text_clean(out);
}

static int take_fd(struct wire_frame *frame, uint32_t number, const char *what,
		   struct ctl_fail *fail)
{
	int fd = number ? wire_frame_take_fd(frame, number - 1) : -1;

	if (fd < 0)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "%s: no descriptor came with the request", what);
	return fd;
}

/* Where sources come from and who judges them. */
struct intake {
	struct wire_frame *frame;
	struct ctl_judge *judge;
};

static int take_source(const struct intake *intake, uint32_t number,
		       const char *what, enum ctl_use use,
		       struct ctl_fail *fail)
{
	auto_fd fd = take_fd(intake->frame, number, what, fail);

	if (fd < 0 || ctl_judge_source(intake->judge, fd, what, use, fail) < 0)
		return -1;
	return fd_take(&fd);
}

static int add_binds(struct ctl_spec *spec, const Ctl__Spec *msg,
		     const struct intake *intake, struct ctl_fail *fail)
{
	for (size_t i = 0; i < msg->n_binds; i++) {
		const Ctl__Bind *bind = msg->binds[i];
		char source[80], target[80], what[WHAT_BYTES];
		struct ctl_mount mount = { .kind = CTL_MOUNT_BIND };
		auto_fd fd = -1;

		shorten(source, sizeof(source), bind->source);
		shorten(target, sizeof(target), bind->target);
		(void)snprintf(what, sizeof(what), "--bind %s:%s", source,
			       target);
		fd = take_source(intake, bind->fd, what, CTL_USE_BIND, fail);
		if (fd < 0)
			return -1;
		mount.target = bind->target;
		mount.what = what;
		mount.fd = fd;
		mount.readonly = bind->readonly;
		if (ctl_mounts_add(spec, &mount, fail) < 0)
			return -1;
		(void)fd_take(&fd);
	}
	return 0;
}

static int add_tmpfs(struct ctl_spec *spec, const Ctl__Spec *msg,
		     struct ctl_fail *fail)
{
	for (size_t i = 0; i < msg->n_tmpfs; i++) {
		const Ctl__TmpfsMount *tmpfs = msg->tmpfs[i];
		char target[80], what[WHAT_BYTES];
		struct ctl_mount mount = {
			.kind = CTL_MOUNT_TMPFS,
			.target = tmpfs->target,
			.what = what,
			.fd = -1,
			.noexec = tmpfs->noexec,
			.mode = tmpfs->mode ? tmpfs->mode : 01777,
			.size = tmpfs->size ? tmpfs->size :
					      CTL_TMPFS_DEFAULT_BYTES,
		};

		shorten(target, sizeof(target), tmpfs->target);
		(void)snprintf(what, sizeof(what), "--tmpfs %s", target);
		if (mount.mode & ~01777U)
			return err_set(&fail->err, ERR_BAD_REQUEST, 0,
				       "%s: the mode is not within 1777", what);
		if (mount.size < TMPFS_MIN_BYTES ||
		    mount.size > CTL_TMPFS_MAX_BYTES)
			return err_set(&fail->err, ERR_BAD_REQUEST, 0,
				       "%s: the size is not between 4 KiB and 64 GiB",
				       what);
		if (ctl_mounts_add(spec, &mount, fail) < 0)
			return -1;
	}
	return 0;
}

/**
 * ctl_spec_add_workspace() - mount a directory as the workspace
 * @what: for messages
 * @fd:   O_PATH, checked already; taken over on success
 */
int ctl_spec_add_workspace(struct ctl_spec *spec, const char *what, int fd,
			   struct ctl_fail *fail)
{
	struct ctl_mount mount = {
		.kind = CTL_MOUNT_BIND,
		.target = spec->workdir,
		.what = (char *)what,
		.fd = fd,
		.is_workspace = true,
	};

	return ctl_mounts_add(spec, &mount, fail);
}

static int set_workspace(struct ctl_spec *spec, const Ctl__Spec *msg,
			 const struct intake *intake, struct ctl_fail *fail)
{
	char path[80], what[WHAT_BYTES];
	auto_fd fd = -1;
	struct stat st;

	if (!msg->workspace_fd && !msg->workspace[0])
		return 0;
	shorten(path, sizeof(path), msg->workspace);
	(void)snprintf(what, sizeof(what), "--workspace %s", path);
	fd = take_source(intake, msg->workspace_fd, what, CTL_USE_WORKSPACE,
			 fail);
	if (fd < 0)
		return -1;
	if (ctl_source_stat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(&fail->err, ERR_BAD_REQUEST, ENOTDIR, "%s",
			       what);
	spec->workspace = strdup(msg->workspace);
	if (!spec->workspace)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "workspace");
	if (ctl_spec_add_workspace(spec, what, fd, fail) < 0)
		return -1;
	(void)fd_take(&fd);
	spec->mounts[spec->n_mounts - 1].readonly = msg->workspace_readonly;
	return 0;
}

static int set_image(struct ctl_spec *spec, const Ctl__Spec *msg,
		     const struct intake *intake, struct ctl_fail *fail)
{
	char path[80], what[WHAT_BYTES];
	struct stat st;

	spec->host_image = !msg->image_fd &&
			   (!msg->image[0] || !strcmp(msg->image, "host"));
	spec->image = strdup(spec->host_image ? "host" : msg->image);
	if (!spec->image)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "image");
	if (spec->host_image && msg->writable) {
		err_set(&fail->err, ERR_BAD_REQUEST, 0,
			"--writable: the host image has no writable form");
		return ctl_fail_hint(fail, IMG_HINT);
	}
	spec->writable = msg->writable;
	if (spec->host_image)
		return 0;
	shorten(path, sizeof(path), msg->image);
	(void)snprintf(what, sizeof(what), "--image %s", path);
	spec->image_fd = take_source(intake, msg->image_fd, what,
				     CTL_USE_IMAGE, fail);
	if (spec->image_fd < 0)
		return -1;
	if (ctl_source_stat(spec->image_fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(&fail->err, ERR_BAD_REQUEST, ENOTDIR, "%s",
			       what);
	return 0;
}

static bool is_hostname(const char *text)
{
	size_t len = strnlen(text, CTL_HOSTNAME_MAX + 1);

	if (len == 0 || len > CTL_HOSTNAME_MAX || text[0] == '-' ||
	    text[0] == '.' || text[len - 1] == '-' || text[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '-' ||
		      (c == '.' && text[i - 1] != '.')))
			return false;
	}
	return true;
}

static int set_user(struct ctl_spec *spec, const char *text, struct err *err)
{
	struct ctl_user user;

	spec->uid = spec->gid = CTL_USER_DEFAULT_ID;
	if (!text[0])
		return 0;
	if (ctl_user_parse(text, &user, err) < 0)
		return err_wrap(err, "--user");
	(void)snprintf(spec->user_text, sizeof(spec->user_text), "%s", text);
	/*
	 * The ids must be known before there is a sandbox to ask: a name that
	 * only an image knows is looked up later and owns no bind.
	 */
	if (!user.resolved && !ctl_user_builtin(&user, spec->uid, spec->gid)) {
		if (spec->host_image)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "--user %s: the host image has root, creel and nobody",
				       user.name);
		return 0;
	}
	spec->uid = user.uid;
	spec->gid = user.gid;
	return 0;
}

static int set_workdir(struct ctl_spec *spec, const char *text,
		       struct err *err)
{
	if (ctl_target_normalise(text[0] ? text : CTL_WORKDIR, &spec->workdir,
				 err) < 0)
		return err_wrap(err, "--workdir");
	if (strlen(spec->workdir) > CTL_WORKDIR_MAX)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--workdir: the path is longer than %d bytes",
			       CTL_WORKDIR_MAX);
	if (ctl_target_is_reserved(spec->workdir))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--workdir %.20s: nothing can be mounted on / or in /proc, /dev and /sys",
			       spec->workdir);
	return 0;
}

static int set_rest(struct ctl_spec *spec, const Ctl__Spec *msg,
		    struct ctl_fail *fail)
{
	struct err *err = &fail->err;

	if (msg->hostname[0] && !is_hostname(msg->hostname))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--hostname: not 1 to %d letters, digits, dashes and dots",
			       CTL_HOSTNAME_MAX);
	(void)snprintf(spec->hostname, sizeof(spec->hostname), "%s",
		       msg->hostname[0] ? msg->hostname :
					  CTL_HOSTNAME_DEFAULT);
	if ((int)msg->net < CTL__NET__NET_INVALID ||
	    (int)msg->net > CTL__NET__NET_HOST)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--network: unknown kind %d", (int)msg->net);
	spec->host_net = msg->net == CTL__NET__NET_HOST;
	for (size_t i = 0; i < sizeof(never_caps) / sizeof(never_caps[0]); i++)
		if (msg->cap_keep >> never_caps[i].bit & 1)
			return err_set(err, ERR_DENIED, 0,
				       "--cap-keep: no sandbox can keep %s",
				       never_caps[i].name);
	spec->cap_keep = msg->cap_keep;
	spec->caps_for_root = msg->caps_for_root;
	spec->best_effort = msg->best_effort;
	if (set_user(spec, msg->user, err) < 0 ||
	    set_workdir(spec, msg->workdir, err) < 0 ||
	    ctl_hosts_check(msg, spec, fail) < 0 ||
	    ctl_apparmor_set(spec, msg->apparmor, fail) < 0)
		return -1;
	return ctl_limits_check(msg, spec, fail);
}

static int fill(struct ctl_spec *spec, const Ctl__Spec *msg,
		const struct intake *intake, struct ctl_fail *fail)
{
	if (set_image(spec, msg, intake, fail) < 0 ||
	    set_rest(spec, msg, fail) < 0 ||
	    set_workspace(spec, msg, intake, fail) < 0 ||
	    add_binds(spec, msg, intake, fail) < 0 ||
	    add_tmpfs(spec, msg, fail) < 0)
		return -1;
	spec->protect = ctl_patterns_new(msg->protect, msg->n_protect,
					 "--protect", fail);
	return spec->protect ? 0 : -1;
}

/* Looking at all that is protected costs as much as a mount. */
static struct ctl_judge *make_judge(const Ctl__Spec *msg,
				    const struct ctl_protect *protect,
				    struct ctl_fail *fail)
{
	bool mounts = msg->image_fd || msg->workspace_fd || msg->n_binds > 0;
	const struct ctl_rules rules = {
		.own = mounts ? protect : NULL,
		.home = msg->home,
		.opened = (const char *const *)msg->open_paths,
		.n_opened = msg->n_open_paths,
		.sockets = (const char *const *)msg->socket_binds,
		.n_sockets = msg->n_socket_binds,
		.open_key = "--allow-bind",
		.socket_key = "--allow-bind",
	};

	return ctl_judge_new(&rules, fail);
}

/**
 * ctl_spec_new() - check what a sandbox shall be made of
 * @msg:     from a client, NULL: all defaults
 * @frame:   the datagram that it came in; its descriptors are taken
 * @protect: what no source may be, hold or be in; NULL: for comparison only
 * @fail:    filled on failure, naming the flag
 *
 * Return: an owned spec that ctl_spec_finish() completes, or NULL.
 */
struct ctl_spec *ctl_spec_new(const Ctl__Spec *msg, struct wire_frame *frame,
			      const struct ctl_protect *protect,
			      struct ctl_fail *fail)
{
	static const Ctl__Spec empty = CTL__SPEC__INIT;
	struct ctl_spec *spec = calloc(1, sizeof(*spec));
	struct intake intake = { .frame = frame };
	bool filled;

	if (!spec) {
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "sandbox");
		return NULL;
	}
	spec->image_fd = -1;
	intake.judge = make_judge(msg ? msg : &empty, protect, fail);
	filled = intake.judge &&
		 fill(spec, msg ? msg : &empty, &intake, fail) == 0;
	ctl_judge_free(intake.judge);
	if (filled)
		return spec;
	ctl_spec_free(spec);
	return NULL;
}

/**
 * ctl_spec_finish() - add the defaults for what was not asked for
 */
int ctl_spec_finish(struct ctl_spec *spec, struct ctl_fail *fail)
{
	return ctl_masks_add(spec, fail) < 0 ? -1 :
					       ctl_mounts_finish(spec, fail);
}

/**
 * ctl_spec_free() - release a spec and its descriptors; NULL is fine
 */
void ctl_spec_free(struct ctl_spec *spec)
{
	if (!spec)
		return;
	for (size_t i = 0; i < spec->n_mounts; i++) {
		fd_close(&spec->mounts[i].fd);
		free(spec->mounts[i].target);
		free(spec->mounts[i].what);
	}
	fd_close(&spec->image_fd);
	free(spec->image);
	free(spec->workspace);
	free(spec->workdir);
	free(spec->resolv);
	free(spec->hosts);
	ctl_patterns_free(spec->protect);
	ctl_watch_free(spec->watch);
	ctl_keys_free(spec->keys);
	free(spec);
}
