// SPDX-License-Identifier: Apache-2.0
/*
 * The only place of creel-helper that reads a protobuf message. It checks what
 * every honest controller gets right: the encoding, enum values, lengths of
 * ids. What is wrong here is a violation, never an answer.
 */
#include <config.h>

#include "helper/unpack.h"

#include <string.h>

#include "proto/helper.pb-c.h"
#include "proto/wire.h"

/* Verbs and enums are mapped by number. */
_Static_assert((int)HLP__REQUEST__OP_NEW_ == HLP_OP_NEW + 1 &&
	       (int)HLP__REQUEST__OP_BYE == HLP_OP_BYE + 1, "verbs");
_Static_assert((int)HLP__NET__NET_HOST == HLP_NET_HOST &&
	       (int)HLP__ROOT__ROOT_IMAGE == HLP_ROOT_IMAGE, "net and root");
_Static_assert((int)HLP__FILE__FILE_HOSTNAME + 1 == HLP_FILE_COUNT, "files");
_Static_assert((int)HLP__LIMIT__LIMIT_CPU_WEIGHT + 1 == HLP_LIMIT_COUNT,
	       "limits");

static bool in_enum(int value, int count)
{
	return value > 0 && value < count;
}

static bool is_id(const ProtobufCBinaryData *data, const uint8_t **id)
{
	*id = data->data;
	return data->len == WIRE_ID_BYTES;
}

/* What is too long is left out: hlp_step_check() refuses the empty text. */
static void copy_text(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);

	if (len < size)
		memcpy(to, from, len + 1);
}

static bool unpack_new(const Hlp__Request *req, struct hlp_args *args)
{
	const Hlp__New *msg = req->new_;
	struct hlp_step *step = &args->step;

	step->new_.uid = msg->uid;
	step->new_.gid = msg->gid;
	step->new_.net = (enum hlp_net)msg->net;
	step->new_.root = (enum hlp_root)msg->root;
	step->new_.map_caller = msg->map_caller;
	step->new_.want_cgroup = msg->want_cgroup;
	step->new_.cap_keep = msg->cap_keep;
	args->label = msg->label.data;
	args->label_len = msg->label.len;
	return in_enum((int)msg->net, HLP_NET_HOST + 1) &&
	       in_enum((int)msg->root, HLP_ROOT_IMAGE + 1) &&
	       msg->label.len <= WIRE_LABEL_MAX_BYTES;
}

static bool unpack_image(const Hlp__Request *req, struct hlp_args *args)
{
	args->step.image.writable = req->image->writable;
	return true;
}

static bool unpack_mount(const Hlp__Request *req, struct hlp_args *args)
{
	args->step.mount.readonly = req->mount->readonly;
	args->step.mount.noexec = req->mount->noexec;
	args->step.mount.layers = req->mount->layers;
	copy_text(args->step.mount.target, sizeof(args->step.mount.target),
		  req->mount->target);
	return true;
}

static bool unpack_tmpfs(const Hlp__Request *req, struct hlp_args *args)
{
	args->step.tmpfs.size = req->tmpfs->size;
	args->step.tmpfs.inodes = req->tmpfs->inodes;
	args->step.tmpfs.mode = req->tmpfs->mode;
	args->step.tmpfs.noexec = req->tmpfs->noexec;
	copy_text(args->step.tmpfs.target, sizeof(args->step.tmpfs.target),
		  req->tmpfs->target);
	return true;
}

static bool unpack_write(const Hlp__Request *req, struct hlp_args *args)
{
	const Hlp__Write *msg = req->write;

	if (msg->content.len > WIRE_FILE_MAX_BYTES)
		return false;
	args->step.write.file = (enum hlp_file)msg->file;
	args->step.write.len = (uint32_t)msg->content.len;
	if (msg->content.len)
		memcpy(args->step.write.content, msg->content.data,
		       msg->content.len);
	return in_enum((int)msg->file, HLP_FILE_COUNT);
}

static bool unpack_limit(const Hlp__Request *req, struct hlp_args *args)
{
	args->step.limit.limit = (enum hlp_limit)req->limit->limit;
	args->step.limit.value = req->limit->value;
	return in_enum((int)req->limit->limit, HLP_LIMIT_COUNT);
}

static bool unpack_hostname(const Hlp__Request *req, struct hlp_args *args)
{
	copy_text(args->step.hostname.name, sizeof(args->step.hostname.name),
		  req->hostname->name);
	return true;
}

static bool unpack_kill(const Hlp__Request *req, struct hlp_args *args)
{
	return is_id(&req->kill->id, &args->id);
}

static bool unpack_pause(const Hlp__Request *req, struct hlp_args *args)
{
	args->step.pause.on = req->pause->on;
	return is_id(&req->pause->id, &args->id);
}

static bool unpack_keep(const Hlp__Request *req, struct hlp_args *args)
{
	return is_id(&req->keep->id, &args->id) &&
	       is_id(&req->keep->token, &args->token);
}

static bool unpack_drop(const Hlp__Request *req, struct hlp_args *args)
{
	return is_id(&req->drop->id, &args->id) &&
	       is_id(&req->drop->token, &args->token);
}

/* NULL: the verb has no arguments. */
static bool (*const unpackers[HLP_OP_COUNT])(const Hlp__Request *req,
					     struct hlp_args *args) = {
	[HLP_OP_NEW] = unpack_new,     [HLP_OP_IMAGE] = unpack_image,
	[HLP_OP_MOUNT] = unpack_mount, [HLP_OP_TMPFS] = unpack_tmpfs,
	[HLP_OP_WRITE] = unpack_write, [HLP_OP_LIMIT] = unpack_limit,
	[HLP_OP_KILL] = unpack_kill,   [HLP_OP_KEEP] = unpack_keep,
	[HLP_OP_DROP] = unpack_drop,   [HLP_OP_HOSTNAME] = unpack_hostname,
	[HLP_OP_PAUSE] = unpack_pause,
};

/**
 * hlp_unpack() - decode one request
 * @arena: reset, then holds what @args points into
 *
 * Return: 0 or -1 with BAD_REQUEST, which only a broken controller causes.
 */
int hlp_unpack(const uint8_t *buf, size_t len, struct arena *arena,
	       struct hlp_args *args, struct err *err)
{
	const Hlp__Request *req;

	memset(args, 0, sizeof(*args));
	req = (const Hlp__Request *)wire_unpack(&hlp__request__descriptor,
						arena, buf, len, err);
	if (!req)
		return -1;
	if (!in_enum((int)req->op_case - 1, HLP_OP_COUNT))
		return err_set(err, ERR_BAD_REQUEST, 0, "no verb");
	args->step.op = (enum hlp_op)(req->op_case - 1);
	args->step.seq = req->seq;
	if (unpackers[args->step.op] && !unpackers[args->step.op](req, args))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "arguments of verb %d", (int)args->step.op);
	return 0;
}
