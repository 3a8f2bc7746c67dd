// SPDX-License-Identifier: Apache-2.0
/*
 * The setup process C.  Has every capability in the sandbox's user namespace
 * and none outside.  Whatever no request can change is done before the first
 * step is read, so that a pool of such processes hides its cost.  It must not
 * leave here but through hlp_seal() or _exit().
 */
#include <config.h>

#include "helper/build.h"

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "helper/knockout.h"
#include "helper/netns.h"
#include "helper/spawner.h"
#include "proto/cleanup.h"

/* linux/magic.h has no MQUEUE_MAGIC. */
#define HLP_MQUEUE_MAGIC 0x19800202
#define HLP_OOM_SCORE "500"
#define HLP_CONTROL_FD 3
#define HLP_STEP_FD 4

/**
 * hlp_box_report() - tell the spawner
 * @err: for HLP_REPORT_FAILED, else NULL
 */
void hlp_box_report(struct hlp_box *box, enum hlp_report_kind kind,
		    uint32_t seq, const struct err *err)
{
	struct hlp_report report = { .kind = kind,
				     .slot = box->config->step.slot,
				     .seq = seq };
	struct err ignored = ERR_INIT;

	if (err)
		report.err = *err;
	/* A spawner that is gone has killed this process already. */
	(void)wire_send(box->step_fd, &report, sizeof(report), NULL, 0,
			&ignored);
}

/* Only these two survive, at fixed numbers: the rest are other sandboxes'. */
static void keep_fds(struct hlp_box *box)
{
	const struct hlp_box_config *config = box->config;
	int control_fd = fcntl(config->control_fd, F_DUPFD_CLOEXEC, 16);
	int step_fd = fcntl(config->step_fd, F_DUPFD_CLOEXEC, 16);
	int proc_fd = config->proc_fd < 0 ?
			      -1 :
			      fcntl(config->proc_fd, F_DUPFD_CLOEXEC, 16);

	if (dup3(control_fd, HLP_CONTROL_FD, O_CLOEXEC) < 0 ||
	    dup3(step_fd, HLP_STEP_FD, O_CLOEXEC) < 0)
		_exit(1);
	box->proc_fd =
		proc_fd < 0 ? -1 : dup3(proc_fd, HLP_STEP_FD + 1, O_CLOEXEC);
	(void)close_range(HLP_STEP_FD + (proc_fd < 0 ? 1 : 2), ~0U, 0);
	box->control_fd = HLP_CONTROL_FD;
	box->step_fd = HLP_STEP_FD;
}

/*
 * Whatever runs in a sandbox goes before the helper when memory runs out. For
 * pid 1, while its files in /proc are still its own; commands inherit it.
 */
static int raise_oom_score(struct err *err)
{
	auto_fd fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, HLP_OOM_SCORE, strlen(HLP_OOM_SCORE)) < 0)
		return err_set(err, ERR_KERNEL, errno, "oom_score_adj");
	return 0;
}

/* Becomes id 0 of the namespace, or its one id. */
static int take_identity(const struct hlp_box *box, struct err *err)
{
	uid_t uid = box->config->id_range ? 0 : box->config->step.new_.uid;
	gid_t gid = box->config->id_range ? 0 : box->config->step.new_.gid;

	/* Rootless, the caller's groups let him reach his bind sources. */
	if (box->config->system && setgroups(0, NULL) < 0)
		return err_set(err, ERR_KERNEL, errno, "setgroups");
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_set(err, ERR_KERNEL, errno, "take the ids");
	if (unshare(CLONE_NEWIPC) < 0)
		return err_set(err, ERR_KERNEL, errno, "IPC namespace");
	/* A parent that has died is seen as the end of the step socket. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_set(err, ERR_KERNEL, errno, "PR_SET_PDEATHSIG");
	return 0;
}

static int new_tmpfs(const struct hlp_box *box, uint64_t size_bytes,
		     uint64_t n_inodes, struct err *err)
{
	char size[24], inodes[24], uid[12], gid[12];
	const struct hlp_option options[] = {
		{ "size", size }, { "nr_inodes", inodes }, { "uid", uid },
		{ "gid", gid },	  { NULL, NULL },
	};

	(void)snprintf(size, sizeof(size), "%" PRIu64, size_bytes);
	(void)snprintf(inodes, sizeof(inodes), "%" PRIu64, n_inodes);
	(void)snprintf(uid, sizeof(uid), "%u", box->config->step.new_.uid);
	(void)snprintf(gid, sizeof(gid), "%u", box->config->step.new_.gid);
	return hlp_mount_new("tmpfs", options,
			     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
}

/* Of the size that most requests ask for, made before they do. */
static int make_spares(struct hlp_box *box, struct err *err)
{
	for (size_t i = 0; i < HLP_BOX_SPARES; i++) {
		box->spare_fds[i] =
			new_tmpfs(box, HLP_SPARE_BYTES, HLP_SPARE_INODES, err);
		if (box->spare_fds[i] < 0)
			return -1;
		box->n_spares = i + 1;
	}
	return 0;
}

static int prepare(struct hlp_box *box, struct err *err)
{
	const struct hlp_step *step = &box->config->step;
	struct mount_attr private = { .propagation = MS_PRIVATE };

	if (raise_oom_score(err) < 0 || take_identity(box, err) < 0)
		return -1;
	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &private,
			  sizeof(private)) < 0)
		return err_set(err, ERR_KERNEL, errno, "make mounts private");
	if (sethostname("creel", 5) < 0)
		return err_set(err, ERR_KERNEL, errno, "sethostname");
	if (step->new_.net == HLP_NET_NONE &&
	    !hlp_knocked_out(HLP_LAYER_NETNS) && hlp_netns_up(err) < 0)
		return -1;
	if (hlp_proc_new(box, err) < 0 || hlp_stage_make(box, err) < 0 ||
	    hlp_seal_prepare(box, err) < 0)
		return -1;
	if (box->image)
		return 0;
	if (hlp_root_host(box, err) < 0 || hlp_dev_make(box, err) < 0)
		return -1;
	if (hlp_proc_attach(box, err) < 0 || make_spares(box, err) < 0)
		return -1;
	return box->config->system ? hlp_root_enter(box, err) : 0;
}

static int open_target(struct hlp_box *box, const char *path, bool directory,
		       struct err *err)
{
	auto_fd fd = hlp_target_open(&box->root, path, directory,
				     HLP_WALK_IMAGE, err);
	struct statfs fs;
	bool is_root = false;
	uint64_t id;

	if (fd < 0)
		return -1;
	id = hlp_mount_id(fd, &is_root);
	for (uint32_t i = 0; i < box->n_mounts && is_root; i++)
		if (box->mounts[i] == id)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "something is mounted there already");
	/* What a link in an image leads to is creel's own all the same. */
	if (fstatfs(fd, &fs) < 0)
		return err_set(err, ERR_KERNEL, errno, "statfs");
	if (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == DEVPTS_SUPER_MAGIC ||
	    fs.f_type == HLP_MQUEUE_MAGIC)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "target leads into /proc or /dev");
	return fd_take(&fd);
}

static int attach(struct hlp_box *box, int tree_fd, const char *path,
		  bool directory, struct err *err)
{
	auto_fd target_fd = -1;

	if (box->n_mounts == HLP_BOX_MAX_MOUNTS)
		return err_set(err, ERR_LIMIT, 0, "more than %d mounts",
			       HLP_BOX_MAX_MOUNTS);
	target_fd = open_target(box, path, directory, err);
	if (target_fd < 0 || hlp_mount_attach(tree_fd, target_fd, err) < 0)
		return err_wrap(err, "%.64s", path);
	box->mounts[box->n_mounts++] = hlp_mount_id(tree_fd, NULL);
	return 0;
}

/*
 * Safety: @fd is a tree that the spawner, or reopen() here, made from what the
 * caller could open himself, nosuid and nodev. The target is walked inside the
 * root before anything of the sandbox runs.
 */
static int hlp_do_mount(struct hlp_box *box, const struct hlp_step *step,
			int fd, struct err *err)
{
	uint64_t attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	struct statx st;

	if (step->mount.readonly)
		attr |= MOUNT_ATTR_RDONLY;
	if (step->mount.noexec)
		attr |= MOUNT_ATTR_NOEXEC;
	if (hlp_mount_attr(fd, true, attr, -1, err) < 0)
		return -1;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) <
	    0)
		return err_set(err, ERR_KERNEL, errno, "statx");
	box->bound = true;
	return attach(box, fd, step->mount.target, S_ISDIR(st.stx_mode), err);
}

/*
 * Safety: memory that is counted against the sandbox, with a bound on size and
 * inodes that the caller's policy has; the target as for a mount.
 */
static int hlp_do_tmpfs(struct hlp_box *box, const struct hlp_step *step,
			struct err *err)
{
	auto_fd tree_fd = -1;

	if (box->n_spares > 0 && step->tmpfs.size == HLP_SPARE_BYTES &&
	    step->tmpfs.inodes == HLP_SPARE_INODES)
		tree_fd = box->spare_fds[--box->n_spares];
	else
		tree_fd = new_tmpfs(box, step->tmpfs.size, step->tmpfs.inodes,
				    err);
	if (tree_fd < 0 ||
	    (step->tmpfs.noexec &&
	     hlp_mount_attr(tree_fd, false, MOUNT_ATTR_NOEXEC, -1, err) < 0))
		return -1;
	if (fchmodat(tree_fd, ".", step->tmpfs.mode & 01777, 0) < 0)
		return err_set(err, ERR_KERNEL, errno, "mode of a tmpfs");
	if (attach(box, tree_fd, step->tmpfs.target, true, err) < 0)
		return -1;
	hlp_root_own(&box->root, tree_fd);
	return 0;
}

/**
 * hlp_box_act() - do one step
 * @step: checked
 * @fd:   a detached tree for MOUNT, else -1; borrowed
 */
int hlp_box_act(struct hlp_box *box, const struct hlp_step *step, int fd,
		struct err *err)
{
	if (step->op == HLP_OP_MOUNT)
		return hlp_do_mount(box, step, fd, err);
	if (step->op == HLP_OP_TMPFS)
		return hlp_do_tmpfs(box, step, err);
	/*
	 * Safety: one of a table's names in /etc of a root that is ours,
	 * content of the caller's; read by the sandbox alone.
	 */
	if (step->op == HLP_OP_WRITE)
		return hlp_root_write(box, hlp_file_name(step->write.file),
				      step->write.content, step->write.len,
				      err);
	if (step->op != HLP_OP_HOSTNAME)
		return err_set(err, ERR_INTERNAL, 0, "step %d is not for me",
			       step->op);
	/* Safety: the UTS namespace is the sandbox's own. */
	if (sethostname(step->hostname.name, strlen(step->hostname.name)) < 0)
		return err_set(err, ERR_KERNEL, errno, "sethostname");
	return 0;
}

/*
 * A tree that came with a step. Rootless, one of the host's can be cloned only
 * by path, in here: its identity follows in a datagram of its own.
 */
static int take_tree(const struct hlp_box *box, struct wire_frame *frame,
		     size_t i, int *tree_fd, struct err *err)
{
	const struct hlp_step *step = &box->config->step;
	struct hlp_source source;
	auto_fd fd = wire_frame_take_fd(frame, i);
	auto_frame extra = { .n_fds = 0 };

	if (fd < 0 || box->config->system) {
		*tree_fd = fd_take(&fd);
		return 0;
	}
	wire_frame_init(&extra, &source, sizeof(source));
	if (wire_recv(box->step_fd, &extra, 0, err) != WIRE_GOT)
		_exit(1);
	fd_close(&fd);
	fd = hlp_source_reopen(box->proc_fd, &source, step->new_.uid,
			       step->new_.gid, err);
	if (fd >= 0)
		*tree_fd = hlp_mount_tree(
			fd, "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
	return *tree_fd < 0 ? -1 : 0;
}

static int dispatch(struct hlp_box *box, struct wire_frame *frame,
		    const struct hlp_step *step, struct err *err)
{
	auto_fd fd = -1;
	auto_fd layers_fd = -1;
	/* Also after a failure: what follows a step comes before the next. */
	int failed = take_tree(box, frame, 0, &fd, err);

	if (frame->n_fds > 1 && take_tree(box, frame, 1, &layers_fd, err) < 0)
		failed = -1;
	if (failed || box->failed)
		return -1;
	if (step->op == HLP_OP_IMAGE)
		return hlp_image_set(box, fd, layers_fd, err);
	if (box->image && hlp_step_target(step))
		return hlp_image_defer(step, fd_take(&fd), err);
	return hlp_box_act(box, step, fd, err);
}

/*
 * Safety: nothing of the caller's comes with it. All that was asked for is done
 * or the sandbox is not started; what came in with the binds is looked at once
 * more, from inside, when no mount can be added any more.
 */
static __attribute__((noreturn)) void start(struct hlp_box *box, uint32_t seq)
{
	struct err err = ERR_INIT;
	uint32_t failed_seq = seq;

	/* Each that is left would count as a mount namespace. */
	while (box->n_spares > 0)
		fd_close(&box->spare_fds[--box->n_spares]);
	if (box->failed) {
		err_set(&err, ERR_BAD_STATE, 0, "an earlier step failed");
	} else if ((!box->image ||
		    hlp_image_finish(box, &failed_seq, &err) == 0) &&
		   hlp_root_enter(box, &err) == 0 &&
		   (box->layers_fd >= 0 ||
		    hlp_mount_attr(box->root.fd, false, MOUNT_ATTR_RDONLY, -1,
				   &err) == 0) &&
		   (!box->bound || hlp_proc_check(box, &err) == 0)) {
		hlp_seal(box, seq);
	}
	hlp_box_report(box, HLP_REPORT_FAILED, failed_seq, &err);
	if (failed_seq != seq)
		hlp_box_report(box, HLP_REPORT_FAILED, seq, &err);
	_exit(1);
}

/**
 * hlp_box_main() - build a sandbox and become its pid 1
 *
 * Runs in a fresh clone of the spawner, in new namespaces; waits until the
 * spawner has written its id maps, which the first datagram tells.
 */
void hlp_box_main(const struct hlp_box_config *config)
{
	struct hlp_box box = { .config = config,
			       .proc_fd = -1,
			       .quota_fd = -1,
			       .stage_fd = -1,
			       .root = { .fd = -1 },
			       .image_fd = -1,
			       .layers_fd = -1,
			       .image = config->step.new_.root ==
					HLP_ROOT_IMAGE };
	struct hlp_step step;
	auto_frame frame;

	wire_frame_init(&frame, &step, sizeof(step));
	hlp_spawner_forget();
	keep_fds(&box);
	for (bool ready = false;; ready = true) {
		struct err err = ERR_INIT;

		if (wire_recv(box.step_fd, &frame, HLP_STEP_MAX_FDS, &err) !=
		    WIRE_GOT)
			_exit(1);
		if (ready && step.op == HLP_OP_START)
			start(&box, step.seq);
		if ((ready ? dispatch(&box, &frame, &step, &err) :
			     prepare(&box, &err)) == 0 ||
		    box.failed)
			continue;
		box.failed = true;
		hlp_box_report(&box, HLP_REPORT_FAILED, step.seq, &err);
	}
}
