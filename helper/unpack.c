// SPDX-License-Identifier: Apache-2.0
/*
 * The only place of creel-helper that sees a protobuf message. It checks what
 * every honest controller gets right: the encoding, enum values, lengths of
 * ids. What is wrong here is a violation, never an answer.
 */
#include <config.h>

#include "helper/unpack.h"

#include <string.h>

#include "proto/helper.pb-c.h"
#include "proto/wire.h"

/* The enums below are mapped by number. */
_Static_assert((int)HLP__NET__NET_HOST == HLP_NET_HOST, "net");
_Static_assert((int)HLP__ROOT__ROOT_IMAGE == HLP_ROOT_IMAGE, "root");
_Static_assert((int)HLP__FILE__FILE_HOSTNAME + 1 == HLP_FILE_COUNT, "file");
_Static_assert((int)HLP__LIMIT__LIMIT_CPU_WEIGHT + 1 == HLP_LIMIT_COUNT,
	       "limit");

static int check_enum(int value, int count, const char *what, struct err *err)
{
	if (value <= 0 || value >= count)
		return err_set(err, ERR_BAD_REQUEST, 0, "%s is %d", what,
			       value);
	return 0;
}

static int take_id(const ProtobufCBinaryData *data, const uint8_t **id,
		   struct err *err)
{
	if (data->len != WIRE_ID_BYTES)
		return err_set(err, ERR_BAD_REQUEST, 0, "id of %zu bytes",
			       data->len);
	*id = data->data;
	return 0;
}

static int take_data(const ProtobufCBinaryData *data, size_t max,
		     struct hlp_args *args, struct err *err)
{
	if (data->len > max)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%zu bytes where %zu are allowed", data->len,
			       max);
	args->data = data->data;
	args->len = data->len;
	return 0;
}

static int unpack_new(const Hlp__Request *req, struct hlp_args *args,
		      struct err *err)
{
	const Hlp__New *msg = req->new_;

	if (check_enum((int)msg->net, HLP_NET_HOST + 1, "net", err) < 0 ||
	    check_enum((int)msg->root, HLP_ROOT_IMAGE + 1, "root", err) < 0 ||
	    take_data(&msg->label, WIRE_LABEL_MAX_BYTES, args, err) < 0)
		return -1;
	args->net = (enum hlp_net)msg->net;
	args->root = (enum hlp_root)msg->root;
	args->uid = msg->uid;
	args->gid = msg->gid;
	args->map_caller = msg->map_caller;
	args->want_cgroup = msg->want_cgroup;
	args->cap_keep = msg->cap_keep;
	return 0;
}

static int unpack_image(const Hlp__Request *req, struct hlp_args *args,
			struct err *err)
{
	(void)err;
	args->writable = req->image->writable;
	return 0;
}

static int unpack_mount(const Hlp__Request *req, struct hlp_args *args,
			struct err *err)
{
	(void)err;
	args->text = req->mount->target;
	args->readonly = req->mount->readonly;
	args->noexec = req->mount->noexec;
	return 0;
}

static int unpack_tmpfs(const Hlp__Request *req, struct hlp_args *args,
			struct err *err)
{
	(void)err;
	args->text = req->tmpfs->target;
	args->size = req->tmpfs->size;
	args->inodes = req->tmpfs->inodes;
	args->mode = req->tmpfs->mode;
	args->noexec = req->tmpfs->noexec;
	return 0;
}

static int unpack_write(const Hlp__Request *req, struct hlp_args *args,
			struct err *err)
{
	const Hlp__Write *msg = req->write;

	if (check_enum((int)msg->file, HLP_FILE_COUNT, "file", err) < 0)
		return -1;
	args->file = (enum hlp_file)msg->file;
	return take_data(&msg->content, WIRE_FILE_MAX_BYTES, args, err);
}

static int unpack_limit(const Hlp__Request *req, struct hlp_args *args,
			struct err *err)
{
	const Hlp__SetLimit *msg = req->limit;

	if (check_enum((int)msg->limit, HLP_LIMIT_COUNT, "limit", err) < 0)
		return -1;
	args->limit = (enum hlp_limit)msg->limit;
	args->value = msg->value;
	return 0;
}

static int unpack_hostname(const Hlp__Request *req, struct hlp_args *args,
			   struct err *err)
{
	(void)err;
	args->text = req->hostname->name;
	return 0;
}

static int unpack_nothing(const Hlp__Request *req, struct hlp_args *args,
			  struct err *err)
{
	(void)req;
	(void)args;
	(void)err;
	return 0;
}

static int unpack_kill(const Hlp__Request *req, struct hlp_args *args,
		       struct err *err)
{
	return take_id(&req->kill->id, &args->id, err);
}

static int unpack_keep(const Hlp__Request *req, struct hlp_args *args,
		       struct err *err)
{
	if (take_id(&req->keep->id, &args->id, err) < 0)
		return -1;
	return take_id(&req->keep->token, &args->token, err);
}

static int unpack_drop(const Hlp__Request *req, struct hlp_args *args,
		       struct err *err)
{
	if (take_id(&req->drop->id, &args->id, err) < 0)
		return -1;
	return take_id(&req->drop->token, &args->token, err);
}

typedef int hlp_unpack_fn(const Hlp__Request *req, struct hlp_args *args,
			  struct err *err);

static const struct {
	Hlp__Request__OpCase which;
	enum hlp_op op;
	hlp_unpack_fn *unpack;
} unpackers[] = {
	{ HLP__REQUEST__OP_NEW_, HLP_OP_NEW, unpack_new },
	{ HLP__REQUEST__OP_IMAGE, HLP_OP_IMAGE, unpack_image },
	{ HLP__REQUEST__OP_MOUNT, HLP_OP_MOUNT, unpack_mount },
	{ HLP__REQUEST__OP_TMPFS, HLP_OP_TMPFS, unpack_tmpfs },
	{ HLP__REQUEST__OP_WRITE, HLP_OP_WRITE, unpack_write },
	{ HLP__REQUEST__OP_LIMIT, HLP_OP_LIMIT, unpack_limit },
	{ HLP__REQUEST__OP_HOSTNAME, HLP_OP_HOSTNAME, unpack_hostname },
	{ HLP__REQUEST__OP_START, HLP_OP_START, unpack_nothing },
	{ HLP__REQUEST__OP_ABORT, HLP_OP_ABORT, unpack_nothing },
	{ HLP__REQUEST__OP_KILL, HLP_OP_KILL, unpack_kill },
	{ HLP__REQUEST__OP_KEEP, HLP_OP_KEEP, unpack_keep },
	{ HLP__REQUEST__OP_DROP, HLP_OP_DROP, unpack_drop },
	{ HLP__REQUEST__OP_BYE, HLP_OP_BYE, unpack_nothing },
};

/**
 * hlp_unpack() - decode one request
 * @arena: reset, then holds what @args points into until its next reset
 * @args:  filled
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
	args->seq = req->seq;
	for (size_t i = 0; i < sizeof(unpackers) / sizeof(unpackers[0]); i++) {
		if (unpackers[i].which != req->op_case)
			continue;
		args->op = unpackers[i].op;
		return unpackers[i].unpack(req, args, err);
	}
	return err_set(err, ERR_BAD_REQUEST, 0, "request without a verb");
}
