// SPDX-License-Identifier: Apache-2.0
/*
 * Building a sandbox: all verbs are sent at once, without waiting; the first
 * failure is the one that counts.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/core/core.h"
#include "controller/core/files.h"
#include "controller/core/fstype.h"
#include "controller/core/log.h"
#include "controller/core/masks.h"
#include "controller/image/store.h"
#include "proto/cleanup.h"

/* Inodes cost kernel memory that no byte limit of a tmpfs counts. */
#define BYTES_PER_INODE 4096
#define INODES_MIN 1024

#define WHAT_IMAGE (-2)
#define WHAT_LIMIT (-3) /* and below: less an enum ctl_limit */

static int send_fds(struct ctl_sandbox *sandbox, Hlp__Request *req,
		    const int *fds, size_t n_fds, int what)
{
	struct ctl_build *build = sandbox->build;

	if (ctl_helper_send_fds(sandbox->ctl, req, fds, n_fds) < 0)
		return -1;
	if (build->first_seq == 0)
		build->first_seq = req->seq;
	build->last_seq = req->seq;
	build->what[req->seq - build->first_seq] = (int16_t)what;
	return 0;
}

static int send_verb(struct ctl_sandbox *sandbox, Hlp__Request *req, int fd,
		     int what)
{
	return send_fds(sandbox, req, &fd, fd >= 0 ? 1 : 0, what);
}

static int send_image(struct ctl_sandbox *sandbox, Hlp__Request *req)
{
	const struct ctl_build *build = sandbox->build;
	const int fds[2] = { build->spec->image_fd, build->layers_fd };

	return send_fds(sandbox, req, fds, build->spec->writable ? 2 : 1,
			WHAT_IMAGE);
}

static int send_new(struct ctl_sandbox *sandbox)
{
	const struct ctl_spec *spec = sandbox->build->spec;
	Hlp__Request req = HLP__REQUEST__INIT;
	Hlp__New msg = HLP__NEW__INIT;
	uint8_t label[WIRE_LABEL_MAX_BYTES];
	struct err err = ERR_INIT;

	if (ctl_label_pack(&sandbox->label, label, &msg.label.len, &err) < 0) {
		ctl_end(sandbox->ctl, CTL_END_FAILED, err.text);
		return -1;
	}
	msg.label.data = label;
	msg.uid = spec->uid;
	msg.gid = spec->gid;
	msg.net = spec->host_net ? HLP__NET__NET_HOST : HLP__NET__NET_NONE;
	msg.root = spec->host_image ? HLP__ROOT__ROOT_HOST :
				      HLP__ROOT__ROOT_IMAGE;
	msg.map_caller = sandbox->build->map_caller;
	msg.want_cgroup = spec->memory || spec->pids || spec->cpu_usec;
	msg.cap_keep = spec->cap_keep;
	req.op_case = HLP__REQUEST__OP_NEW_;
	req.new_ = &msg;
	if (send_verb(sandbox, &req, -1, -1) < 0)
		return -1;
	if (!spec->host_image) {
		Hlp__Image image = HLP__IMAGE__INIT;

		hlp__request__init(&req);
		req.op_case = HLP__REQUEST__OP_IMAGE;
		req.image = &image;
		image.writable = spec->writable;
		return send_image(sandbox, &req);
	}
	return 0;
}

static int send_mount(struct ctl_sandbox *sandbox, int index)
{
	const struct ctl_mount *mount = &sandbox->build->spec->mounts[index];
	Hlp__Request req = HLP__REQUEST__INIT;
	Hlp__Mount bind = HLP__MOUNT__INIT;
	Hlp__Tmpfs tmpfs = HLP__TMPFS__INIT;

	if (mount->kind == CTL_MOUNT_BIND) {
		bind.target = mount->target;
		bind.readonly = mount->readonly;
		bind.layers = mount->is_layers;
		req.op_case = HLP__REQUEST__OP_MOUNT;
		req.mount = &bind;
	} else {
		tmpfs.target = mount->target;
		tmpfs.size = mount->size;
		tmpfs.inodes = mount->size / BYTES_PER_INODE;
		if (tmpfs.inodes < INODES_MIN)
			tmpfs.inodes = INODES_MIN;
		tmpfs.mode = mount->mode;
		tmpfs.noexec = mount->noexec;
		req.op_case = HLP__REQUEST__OP_TMPFS;
		req.tmpfs = &tmpfs;
	}
	return send_verb(sandbox, &req, mount->fd, index);
}

static int send_file(struct ctl_sandbox *sandbox, Hlp__File kind,
		     struct ctl_file *file)
{
	Hlp__Request req = HLP__REQUEST__INIT;
	Hlp__Write msg = HLP__WRITE__INIT;

	msg.file = kind;
	msg.content.data = (uint8_t *)file->text;
	msg.content.len = file->len;
	req.op_case = HLP__REQUEST__OP_WRITE;
	req.write = &msg;
	return send_verb(sandbox, &req, -1, -1);
}

static int send_users(struct ctl_sandbox *sandbox, const struct ctl_spec *spec)
{
	struct ctl_file file;

	if (!spec->host_image || (spec->uid == CTL_USER_DEFAULT_ID &&
				  spec->gid == CTL_USER_DEFAULT_ID))
		return 0;
	ctl_file_passwd(spec, &file);
	if (send_file(sandbox, HLP__FILE__FILE_PASSWD, &file) < 0)
		return -1;
	ctl_file_group(spec, &file);
	return send_file(sandbox, HLP__FILE__FILE_GROUP, &file);
}

/* What the helper's own defaults say needs no verb. */
static int send_names(struct ctl_sandbox *sandbox, const struct ctl_spec *spec)
{
	Hlp__Request req = HLP__REQUEST__INIT;
	Hlp__Hostname msg = HLP__HOSTNAME__INIT;
	bool own = strcmp(spec->hostname, CTL_HOSTNAME_DEFAULT) != 0;
	bool files = own || !spec->host_image || spec->host_net;
	struct ctl_file file;

	msg.name = (char *)spec->hostname;
	req.op_case = HLP__REQUEST__OP_HOSTNAME;
	req.hostname = &msg;
	if (own && send_verb(sandbox, &req, -1, -1) < 0)
		return -1;
	ctl_file_hostname(spec, &file);
	if (files && send_file(sandbox, HLP__FILE__FILE_HOSTNAME, &file) < 0)
		return -1;
	ctl_file_hosts(spec, &file);
	if ((files || spec->hosts) &&
	    send_file(sandbox, HLP__FILE__FILE_HOSTS, &file) < 0)
		return -1;
	if (!spec->host_net && !spec->resolv)
		return 0;
	ctl_file_resolv(spec, &file);
	return send_file(sandbox, HLP__FILE__FILE_RESOLV_CONF, &file);
}

static int send_limits(struct ctl_sandbox *sandbox,
		       const struct ctl_spec *spec)
{
	const struct {
		Hlp__Limit limit;
		bool set;
		uint64_t value;
	} limits[CTL_LIMIT_COUNT] = {
		[CTL_LIMIT_MEMORY] = { HLP__LIMIT__LIMIT_MEMORY_MAX,
				       spec->memory != 0, spec->memory },
		[CTL_LIMIT_SWAP] = { HLP__LIMIT__LIMIT_MEMORY_SWAP_MAX,
				     spec->memory != 0 &&
					     spec->swap != UINT64_MAX,
				     spec->swap },
		[CTL_LIMIT_PIDS] = { HLP__LIMIT__LIMIT_PIDS_MAX,
				     spec->pids != 0, spec->pids },
		[CTL_LIMIT_CPUS] = { HLP__LIMIT__LIMIT_CPU_MAX,
				     spec->cpu_usec != 0, spec->cpu_usec },
	};

	for (int i = 0; i < CTL_LIMIT_COUNT; i++) {
		Hlp__Request req = HLP__REQUEST__INIT;
		Hlp__SetLimit msg = HLP__SET_LIMIT__INIT;

		if (!limits[i].set)
			continue;
		msg.limit = limits[i].limit;
		msg.value = limits[i].value;
		req.op_case = HLP__REQUEST__OP_LIMIT;
		req.limit = &msg;
		if (send_verb(sandbox, &req, -1, WHAT_LIMIT - i) < 0)
			return -1;
	}
	return 0;
}

static int send_all(struct ctl_sandbox *sandbox)
{
	const struct ctl_spec *spec = sandbox->build->spec;
	Hlp__Request req = HLP__REQUEST__INIT;
	Hlp__Start start = HLP__START__INIT;

	if (send_new(sandbox) < 0 || send_limits(sandbox, spec) < 0 ||
	    send_names(sandbox, spec) < 0 || send_users(sandbox, spec) < 0)
		return -1;
	for (size_t i = 0; i < spec->n_mounts; i++)
		if (send_mount(sandbox, (int)i) < 0)
			return -1;
	req.op_case = HLP__REQUEST__OP_START;
	req.start = &start;
	return send_verb(sandbox, &req, -1, -1);
}

/* What the helper would refuse can be said better before it is asked. */
static int check_helper(const struct ctl *ctl, const struct ctl_spec *spec,
			struct ctl_fail *fail)
{
	const struct ctl_helper_info *info = &ctl->info;

	if (spec->host_net && !info->host_network)
		return err_set(&fail->err, ERR_DENIED, 0,
			       "--network host: the policy does not allow it");
	if (info->max_sandboxes && ctl->n_sandboxes > info->max_sandboxes)
		return err_set(&fail->err, ERR_LIMIT, 0,
			       "there are %u sandboxes already",
			       info->max_sandboxes);
	return 0;
}

/* A stored image stays as long as a sandbox has it. */
static int lock_image(const struct ctl_spec *spec, struct ctl_build *build,
		      struct ctl_fail *fail)
{
	struct stat st;

	if (spec->host_image || ctl_source_stat(spec->image_fd, &st) < 0 ||
	    ctl_fstype_waits(st.st_dev))
		return 0;
	build->image_lock_fd = img_lock_use(spec->image_fd);
	if (build->image_lock_fd < 0 && errno == EWOULDBLOCK)
		return err_set(&fail->err, ERR_BAD_STATE, 0,
			       "--image: it is being removed");
	return 0;
}

/**
 * ctl_build_start() - have a sandbox built
 * @sandbox: new, its label complete
 * @spec:    finished; taken over on success
 *
 * Return: 0 or -1; how it ends comes later.
 */
int ctl_build_start(struct ctl_sandbox *sandbox, struct ctl_spec *spec,
		    struct ctl_fail *fail)
{
	struct ctl_build *build;

	sandbox->keys = ptr_take(&spec->keys);
	if (check_helper(sandbox->ctl, spec, fail) < 0 ||
	    ctl_enforce_check(sandbox, spec, fail) < 0) {
		ctl_fail_rename(fail, sandbox->keys);
		return -1;
	}
	build = calloc(1, sizeof(*build));
	if (!build)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "sandbox");
	build->layers_fd = build->lock_fd = build->image_lock_fd = -1;
	if (lock_image(spec, build, fail) < 0 ||
	    (spec->writable &&
	     ctl_overlay_make(sandbox, spec, build, fail) < 0)) {
		ctl_build_free(build);
		return -1;
	}
	build->spec = spec;
	ctl_watch_free(sandbox->watch);
	sandbox->watch = ptr_take(&spec->watch);
	sandbox->build = build;
	LIST_INSERT_HEAD(&sandbox->ctl->building, sandbox, building);
	/* Where this fails the controller is at its end, and told everybody. */
	(void)send_all(sandbox);
	return 0;
}

/**
 * ctl_build_find() - which sandbox is a verb of?
 */
struct ctl_sandbox *ctl_build_find(struct ctl *ctl, uint32_t seq)
{
	struct ctl_sandbox *sandbox;

	LIST_FOREACH(sandbox, &ctl->building, building)
		if (seq - sandbox->build->first_seq <=
		    sandbox->build->last_seq - sandbox->build->first_seq)
			return sandbox;
	return NULL;
}

static void record(struct ctl_build *build, const Hlp__Failed *msg)
{
	int what = build->what[msg->seq - build->first_seq];
	const struct ctl_mount *mount =
		what >= 0 ? &build->spec->mounts[what] : NULL;
	bool limit = what <= WHAT_LIMIT;
	struct ctl_fail *fail = &build->fail;
	char text[150];

	(void)snprintf(text, sizeof(text), "%s", msg->text);
	ctl_text_clean(text);
	build->failed = true;
	build->limit = limit ? (enum ctl_limit)(WHAT_LIMIT - what) : 0;
	*fail = (struct ctl_fail)CTL_FAIL_INIT;
	err_set(&fail->err,
		msg->code > ERR_NONE && msg->code <= ERR_INTERNAL ?
			(enum err_code)msg->code :
			ERR_KERNEL,
		0, "%s", text);
	fail->err.sys = (int)msg->sys;
	if (mount)
		err_wrap(&fail->err, "%.70s", mount->what);
	else
		err_wrap(&fail->err, "%s",
			 limit ? ctl_limit_flag(build->limit) :
			 msg->seq == build->first_seq &&
					 strstr(text, "capabilit") ?
				 "--cap-keep" :
				 "sandbox");
	build->drop = limit && build->spec->best_effort &&
		      msg->code == ERR_UNSUPPORTED;
	/* Only sources can fail for want of idmapped mounts of their kind. */
	build->retry = ((mount && mount->kind == CTL_MOUNT_BIND) ||
			what == WHAT_IMAGE) &&
		       !build->map_caller &&
		       msg->code == ERR_UNSUPPORTED;
	if (msg->code == ERR_UNSUPPORTED || msg->code == ERR_KERNEL)
		ctl_fail_hint(fail, "creel doctor says what this machine lacks");
	else if (msg->code == ERR_DENIED && strstr(text, "nobody else"))
		ctl_fail_hint(fail,
			      "mount it :ro, or move it below a directory of mode 0700 such as /root");
}

static void build_again(struct ctl_sandbox *sandbox)
{
	struct ctl_build *build = sandbox->build;

	if (build->drop) {
		ctl_limit_drop(sandbox, build->spec, build->limit,
			       build->fail.err.text +
				       strcspn(build->fail.err.text, " "));
	} else {
		ctl_sandbox_warn(sandbox, "%.110s", build->fail.err.text);
		build->map_caller = true;
	}
	build->retry = build->drop = build->failed = false;
	build->first_seq = build->last_seq = 0;
	(void)send_all(sandbox);
}

/**
 * ctl_build_failed() - a verb of a sandbox failed
 *
 * The first failure is kept; the one of "start" comes last and ends it. What
 * the source's file system cannot do, idmapped mounts, is tried once more with
 * the caller's own id mapped.
 */
void ctl_build_failed(struct ctl_sandbox *sandbox, const Hlp__Failed *msg)
{
	struct ctl_build *build = sandbox->build;
	struct ctl_fail fail;

	if (!build->failed)
		record(build, msg);
	if (msg->seq != build->last_seq)
		return;
	if (build->retry || build->drop) {
		build_again(sandbox);
		return;
	}
	fail = build->fail;
	ctl_fail_rename(&fail, sandbox->keys);
	ctl_log(CTL_LOG_INFO, "sandbox=%s %s", sandbox->label.name,
		fail.err.text);
	ctl_sandbox_start_failed(sandbox, &fail);
}

/**
 * ctl_build_free() - release; NULL is fine
 */
void ctl_build_free(struct ctl_build *build)
{
	if (!build)
		return;
	fd_close(&build->layers_fd);
	fd_close(&build->lock_fd);
	fd_close(&build->image_lock_fd);
	ctl_spec_free(build->spec);
	free(build);
}
