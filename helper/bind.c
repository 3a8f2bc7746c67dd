// SPDX-License-Identifier: Apache-2.0
/*
 * Bind sources on their way through the spawner.  System mode: the tree is
 * cloned here, in the host's mount namespace, and its ids are shifted.
 * Rootless: only its identity and path are found, the setup process clones it.
 */
#include <config.h>

#include "helper/slot.h"

#include <string.h>
#include <sys/mount.h>

#include "helper/mount.h"
#include "helper/source.h"
#include "proto/cleanup.h"

#define HLP_BLOCK_IDS 65536

/* Every id from @from up to @to stays what it is. */
static void keep_ids(struct hlp_map *map, uint32_t from, uint32_t to)
{
	hlp_map_add(map, from, from, to - from);
}

/*
 * The caller's gid becomes the sandbox's; every other stays what it is, which
 * is nobody inside. Left out, it would make a directory of a group that the
 * caller is in impossible to write: the kernel refuses inodes with an id that
 * has no mapping. The block's own have none: a set-group-id file of one, left
 * in a shared folder, would give the caller a group that is another user's
 * sandbox's later.
 */
static void shift_gid(struct hlp_map *map, uint32_t gid, uint32_t block,
		      uint32_t to)
{
	if (gid < block) {
		keep_ids(map, 0, gid);
		keep_ids(map, gid + 1, block);
		keep_ids(map, block + HLP_BLOCK_IDS, UINT32_MAX);
	} else {
		keep_ids(map, 0, block);
		keep_ids(map, block + HLP_BLOCK_IDS, gid);
		keep_ids(map, gid + 1, UINT32_MAX);
	}
	hlp_map_add(map, gid, to, 1);
}

/**
 * hlp_bind_idmap() - {u, u's gid} to the sandbox's one identity
 *
 * Return: a user namespace for mount_setattr(2), the block's; -1.
 */
int hlp_bind_idmap(struct hlp_slots *slots, const struct hlp_slot *slot,
		   struct err *err)
{
	const struct hlp_self *self = &slots->self;
	struct hlp_block *block =
		&slots->block[(slot->block - slots->config->block_base) >>
			      HLP_BLOCK_SHIFT];
	struct hlp_maps maps = { .deny_setgroups = false };
	int fd;

	if (block->idmap_fd > 0 && block->uid == slot->uid &&
	    block->gid == slot->gid)
		return block->idmap_fd;
	hlp_map_add(&maps.uid, self->caller_uid, slot->block + slot->uid, 1);
	shift_gid(&maps.gid, self->caller_gid, slot->block,
		  slot->block + slot->gid);
	fd = hlp_clone_idmap(self, &maps, err);
	if (fd < 0)
		return -1;
	if (block->idmap_fd > 0)
		close(block->idmap_fd);
	block->idmap_fd = fd;
	block->uid = (uint16_t)slot->uid;
	block->gid = (uint16_t)slot->gid;
	return fd;
}

/* An image's ids to the block's. */
static int idmap_image(const struct hlp_self *self, uint32_t block,
		       struct err *err)
{
	struct hlp_maps maps = { .deny_setgroups = false };
	uint32_t count = self->caller_uid == 0 ? HLP_BLOCK_IDS : 1;

	hlp_map_add(&maps.uid, self->caller_uid, block, count);
	hlp_map_add(&maps.gid, self->caller_gid, block, count);
	return hlp_clone_idmap(self, &maps, err);
}

/*
 * Layers that are written to: root's with an image's ids; of anyone else there
 * is one id, the sandbox's identity, whose files could else not be copied up.
 */
static bool has_image_ids(const struct hlp_self *self,
			  const struct hlp_step *step)
{
	if (step->op == HLP_OP_IMAGE)
		return self->caller_uid == 0 || !step->image.writable;
	return self->caller_uid == 0 && step->mount.layers;
}

static int shift_ids(struct hlp_slots *slots, struct hlp_slot *slot,
		     int tree_fd, const struct hlp_source *source, bool image,
		     struct err *err)
{
	auto_fd own_fd = -1;
	int idmap_fd;

	if (image)
		own_fd = idmap_image(&slots->self, slot->block, err);
	idmap_fd = image ? own_fd : hlp_bind_idmap(slots, slot, err);
	if (idmap_fd < 0)
		return -1;
	if (hlp_mount_attr(tree_fd, true, 0, idmap_fd, err) < 0)
		return err_set(err, ERR_UNSUPPORTED, err->sys,
			       "%s cannot be idmapped", source->type);
	return 0;
}

/* An image is the first of its step and is only read. */
static int check_private(const struct hlp_self *self,
			 const struct hlp_step *step, size_t i,
			 const struct hlp_source *source, struct err *err)
{
	bool fixed = step->op == HLP_OP_IMAGE ? i == 0 : step->mount.readonly;

	if (self->caller_uid != 0 || fixed || hlp_source_private(source->text))
		return 0;
	return err_set(
		err, ERR_DENIED, 0,
		"a writable source of root's must lie below a directory that nobody else can enter");
}

/*
 * Safety: the tree is what the sender could open, in the mount namespace that
 * it was opened in (else EINVAL); it comes whole, so nothing that a mount hides
 * is seen, and can be neither set-user-id nor a device.
 */
static int clone_tree(struct hlp_slots *slots, struct hlp_slot *slot,
		      const struct hlp_step *step, int *fd,
		      const struct hlp_source *source, struct err *err)
{
	bool must = step->op != HLP_OP_IMAGE || step->image.writable;
	auto_fd tree_fd = hlp_mount_tree(
		*fd, "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);

	if (tree_fd < 0)
		return -1;
	if (!slot->map_caller &&
	    shift_ids(slots, slot, tree_fd, source,
		      has_image_ids(&slots->self, step), err) < 0) {
		/* An image can be read without; its owner is then nobody. */
		if (must)
			return -1;
		*err = (struct err)ERR_INIT;
	}
	fd_close(fd);
	*fd = fd_take(&tree_fd);
	return 0;
}

/* After a step, where no tree was made of them: what its descriptors are. */
static int send_sources(const struct hlp_slot *slot,
			const struct hlp_source *sources, size_t n,
			struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (wire_send(slot->step_fd, &sources[i],
			      HLP_SOURCE_BYTES(&sources[i]), NULL, 0, err) < 0)
			return -1;
	return 0;
}

/**
 * hlp_bind_relay() - hand a step with sources to the setup process
 * @step:  MOUNT or IMAGE
 * @frame: the O_PATH descriptors; they are consumed
 *
 * Return: 0 or -1; nothing was sent where a source is refused, and the setup
 * process is killed where it does not read.
 */
int hlp_bind_relay(struct hlp_slots *slots, struct hlp_slot *slot,
		   const struct hlp_step *step, struct wire_frame *frame,
		   struct err *err)
{
	static struct hlp_source sources[HLP_STEP_MAX_FDS];
	size_t n = frame->n_fds;

	for (size_t i = 0; i < n; i++) {
		memset(&sources[i], 0, offsetof(struct hlp_source, text));
		if (hlp_source_read(slots->self.proc_fd, frame->fds[i],
				    &sources[i], err) < 0 ||
		    (slots->self.system &&
		     (check_private(&slots->self, step, i, &sources[i], err) <
			      0 ||
		      clone_tree(slots, slot, step, &frame->fds[i],
				 &sources[i], err) < 0)))
			return -1;
	}
	if (wire_send(slot->step_fd, step, sizeof(*step), frame->fds, n, err) <
		    0 ||
	    (!slots->self.system &&
	     send_sources(slot, sources, n, err) < 0)) {
		hlp_slot_kill(slot);
		return err_wrap(err, "setup process");
	}
	return 0;
}
